//! The shop's reader: system 01's payee on real transports, with a store of its own.
//!
//! ```text
//!   online, once    enrol    server ─► certificate [kept]
//!   offline         charge   challenge [kept] ─► payer ─► secure object ─► checked under the server's key alone, accepted [kept] ─► receipt
//!   online, later   upload   object, challenge, receipt ─► server ─► settled [kept], one after the other
//! ```
//! **Invariants:** the store knows no address of the server; an object is durable before its receipt leaves; what the server refuses for one
//! object does not keep it from the others.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod charge;
mod failure;
mod link;
mod node;
mod reader;
mod state;
mod upload;

pub use charge::Charged;
pub use failure::Failure;
pub use link::{AID, ApduLink, INS_CHALLENGE, INS_OBJECT, INS_RECEIPT, PayerLink, QrLink, Take};
pub use node::Node;
pub use reader::{Reader, Witness};
pub use state::{ReaderState, RefusedUpload};
pub use upload::Uploaded;
