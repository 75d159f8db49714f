//! Money: double-entry accounts and transfers over the rows of a system.
//!
//! ```text
//!   Transfer Posted   moves money at once
//!   Transfer Pending  holds it ──► Increase, Capture and Release of parts ──► Post, Void, or its time has come: see [`Hold`]
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
//! | 45 | `AmountZero` | posted, pending, post, capture, release, increase | nothing would move or change |
//! | 46 | `AccountsSame` | posted, pending | an account would pay itself |
//! | 47 | `DebitAccountNotFound` | posted, pending | |
//! | 48 | `CreditAccountNotFound` | posted, pending | |
//! | 49 | `PendingNotFound` | of a hold¹ | |
//! | 50 | `PendingNotPending` | of a hold¹ | what it names is no hold |
//! | 51 | `PendingAlreadyPosted` | of a hold¹ | a post, or a capture of all that was left, ended it |
//! | 52 | `PendingAlreadyVoided` | of a hold¹ | a void, or a release of all that was left, ended it |
//! | 53 | `PendingExpired` | of a hold¹ | its time has come, processed or not |
//! | 54 | `CurrencyMismatch` | all but void | the amount's currency is not that of both accounts |
//! | 55 | `ExpiryPassed` | pending, increase | it would be expired at once |
//! | 56 | `ExceedsPendingAmount` | post, capture, release | more than is held |
//! | 57 | `Overflow` | posted, pending, increase | a balance would pass [`symbolon_types::MINOR_MAX`] |
//! | 58 | `ExceedsCredits` | posted, pending, increase | the debit account's limit, counting what is pending |
//! | 59 | `ExceedsDebits` | posted, pending, increase | the credit account's limit, counting what is pending |
//! | 60 | `LinkedFailed` | all | another transfer of the chain failed |
//! | 61 | `AuthorisationIdWrong` | card operations | an authorisation has not its own id, or another operation has it |
//! | 62 | `AuthorisationNotFound` | all but authorise and present | and but the reversal of all: that is kept |
//! | 63 | `AuthorisationOvertaken` | authorise | its reversal or presentment came first |
//! | 64 | `AuthorisationDiffers` | present | another cardholder or merchant |
//! | 65 | `ExceedsCaptured` | refund, chargeback | counting what was given back before |
//! | 66 | `ExceedsChargedBack` | represent | |
//!
//! Of a card operation ([`card`]) 43 comes first, then 61 to 66, then what its transfers are refused for.
//!
//! ¹ post, void, capture, release, increase.
//!
//! **Invariant:** for each currency, debits posted equal credits posted and debits pending equal credits pending.
//! **Invariant:** an account's limit holds at all times, counting what is pending; a hold ends once, and never moves more than was held.
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
pub mod card;
mod execute;
mod expiry;
mod history;
mod hold;
mod refusal;
mod transfer;

pub use account::{
    Account, AccountId, Balance, Limit, Turnover, account, open_account, open_account_with_history,
};
pub use audit::{Audit, JournalDamage, Totals, audit, totals};
pub use execute::{execute, execute_all};
pub use expiry::{next_due, process_due};
pub use history::{Entry, account_at, entries};
pub use hold::{End, Hold};
pub use refusal::{Done, JournalRefusal, TransferResult};
pub use transfer::{
    Increase, Kind, Movement, Part, Pending, Post, Recorded, State, Transfer, TransferId, parts, transfer,
};

/// The tables of this crate, (number, name): 10 to 19 are the journal's.
pub const TABLES: [(u16, &str); 8] = [
    (account::ACCOUNTS.id(), account::ACCOUNTS.name()),
    (transfer::TRANSFERS.id(), transfer::TRANSFERS.name()),
    (transfer::DUE.id(), transfer::DUE.name()),
    (transfer::PARTS.id(), transfer::PARTS.name()),
    (history::HISTORY.id(), history::HISTORY.name()),
    (card::AUTHORISATIONS.id(), card::AUTHORISATIONS.name()),
    (card::OPERATIONS.id(), card::OPERATIONS.name()),
    (card::OF.id(), card::OF.name()),
];

/// How many rows are read at once where all of a table is read.
const PAGE: usize = 4096;
