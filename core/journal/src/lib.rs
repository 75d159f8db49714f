//! Money: double-entry accounts and transfers over the rows of a system.
//!
//! ```text
//!                       ┌──────────── Post (in part or in full; what is left is released) ──► posted
//!   Transfer Pending ──►│
//!     (a hold)          ├──────────── Void ─────────────────────────────────────────────────► voided
//!                       └──────────── its time has come ────────────────────────────────────► expired
//!   Transfer Posted  ─────────────────────────────────────────────────────────────────────► posted
//! ```
//! Identifiers are chosen by the client. [`execute`] takes a chain of transfers: all of them happen, or none and no row is touched.
//!
//! # Which answer a transfer gets
//! First the whole chain is held against what exists (42 to 44, in the order of the chain); a chain that exists in full is answered
//! [`Done::Exists`] throughout. Then each transfer is checked in the order of the chain, and of all that is wrong with one the first row of
//! this table is answered. The transfer that failed carries the reason, every other of its chain [`JournalRefusal::LinkedFailed`].
//! The numbers are of the one registry of refusals and rise with the precedence; they are never reused.
//!
//! | no. | answer | said of | when |
//! | --- | --- | --- | --- |
//! | 40 | `Created` | all | done now |
//! | 41 | `Exists` | all | done before by the same body; nothing is changed |
//! | 42 | `IdTwiceInChain` | all | an earlier transfer of the chain has the id |
//! | 43 | `ExistsWithDifferentBody` | all | the id was used with another body |
//! | 44 | `PartlyExists` | all | it exists, but another of its chain does not: that was never one chain |
//! | 45 | `AmountZero` | posted, pending, post | nothing would move |
//! | 46 | `AccountsSame` | posted, pending | an account would pay itself |
//! | 47 | `DebitAccountNotFound` | posted, pending | |
//! | 48 | `CreditAccountNotFound` | posted, pending | |
//! | 49 | `PendingNotFound` | post, void | |
//! | 50 | `PendingNotPending` | post, void | what it names is no hold |
//! | 51 | `PendingAlreadyPosted` | post, void | |
//! | 52 | `PendingAlreadyVoided` | post, void | |
//! | 53 | `PendingExpired` | post, void | its time has come, processed or not |
//! | 54 | `CurrencyMismatch` | posted, pending, post | the amount's currency is not that of both accounts |
//! | 55 | `ExpiryPassed` | pending | it would be expired at once |
//! | 56 | `ExceedsPendingAmount` | post | more than was held |
//! | 57 | `Overflow` | posted, pending | a balance would pass [`symbolon_types::MINOR_MAX`] |
//! | 58 | `ExceedsCredits` | posted, pending | the debit account's limit, counting what is pending |
//! | 59 | `ExceedsDebits` | posted, pending | the credit account's limit, counting what is pending |
//! | 60 | `LinkedFailed` | all | another transfer of the chain failed |
//!
//! **Invariant:** for each currency, debits posted equal credits posted and debits pending equal credits pending.
//! **Invariant:** an account's limit holds at all times, counting what is pending; a hold is posted, voided or expired once.
//! **Invariant:** a refused transfer leaves every row as it was, and its id free.
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

mod account;
mod audit;
mod execute;
mod expiry;
mod refusal;
mod transfer;

pub use account::{Account, AccountId, Balance, Limit, Turnover, account, open_account};
pub use audit::{Audit, JournalDamage, Totals, audit, totals};
pub use execute::{execute, execute_all};
pub use expiry::{next_due, process_due};
pub use refusal::{Done, JournalRefusal, TransferResult};
pub use transfer::{Kind, Movement, Pending, Post, Recorded, Settled, State, Transfer, TransferId, transfer};

/// The tables of this crate, (number, name): 10 to 19 are the journal's.
pub const TABLES: [(u16, &str); 3] = [
    (account::ACCOUNTS.id(), account::ACCOUNTS.name()),
    (transfer::TRANSFERS.id(), transfer::TRANSFERS.name()),
    (transfer::DUE.id(), transfer::DUE.name()),
];

/// How many rows are read at once where all of a table is read.
const PAGE: usize = 4096;
