//! Card acquiring: what becomes of a terminal's request, once and for ever, whatever is lost, sent twice or comes late.
//!
//! ```text
//!   0100 0200 0120 0220   ─ message ─►  Request { key, ask }  ─ Acquiring::apply ─►  Reply   the same one for every repeat of the key
//!   1100 1200 1120 1220                      │                       │
//!   0400 0420 1420  ──► Ask::Reverse(original key)                   └─► symbolon_journal::card: holds, captures, refunds
//! ```
//! A request is known by its [`NaturalKey`]: of 1987 the link, the message type without its repeat digit, fields 11, 32 and 41; of 1993 field
//! 12 too. Fields 7 and 33 are compared where both messages carry them; field 37 never: repeats may come without them. See [`state`] for the
//! rules, and ADR 0011 for why.
//!
//! **Invariant:** a key has one reply while its window is open; money moves at most once for it.
//! **Invariant:** no account number, track, PIN or verification value is in a request, a row or a reply: a card is a token.
#![no_std]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions,
        clippy::arithmetic_side_effects,
        clippy::float_arithmetic
    )
)]
extern crate alloc;

mod key;
mod message;
mod reply;
mod request;
pub mod state;
mod statement;
pub mod upstream;

pub use key::{NaturalKey, Original};
pub use message::{MessageError, Network, Seen, network, read, respond};
pub use reply::{ActionCode, Reply};
pub use request::{Advice, Ask, Payment, Request, Reversal, TerminalId};
pub use statement::{BOOKED_MAX, StatementError, statement};
