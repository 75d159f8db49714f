//! The machine: the union of all systems over one log and one set of tables. It is stepped; the thread that steps it is [`Writer`].
//!
//! ```text
//!   Submission ─► Writer's queue (bounded: BUSY) ─► Machine::step ─┬─► log.append, synced        durable
//!                                                                  ├─► what is due, then apply   in order
//!                                                                  ├─► answers                   only now
//!                                                                  └─► checkpoint                now and then
//!   Reader::read ─► rows as of a durable batch
//! ```
//! **Invariants**
//! - No answer and no row leaves before the batch that made it is synced.
//! - The same log gives the same rows: `apply` and what is due see the batch's time and nothing else of the world.
//! - A panic in `apply` halts the machine and names the sequence number: never skipped, never retried.
mod error;
mod idempotency;
mod machine;
mod platform;
mod queue;
mod record;
mod union;
mod verify;
mod view;
mod writer;

pub use error::MachineError;
pub use idempotency::{ID_AHEAD_MS_MAX, ID_KEPT_MS, RequestId};
pub use machine::{Machine, Opened, Policy};
pub use platform::{
    AddKey, FirstKey, FoundPlatform, KeyRow, Platform, PlatformCommand, PlatformOutcome, RedeemFirstKey,
    RevokeKey, Scope, first_key, keys, scopes_of,
};
pub use queue::Answer;
pub use record::{Principal, Submission};
pub use union::{AnyCommand, AnyOutcome, TABLES};
pub use verify::{Verified, VerifyError, verify};
pub use writer::{Reader, Turns, Writer, WriterOptions};
