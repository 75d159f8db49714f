//! Money with the semantics of cards: named operations on an authorisation, each a chain of transfers that happens in full or not at all.
//!
//! ```text
//!   authorise ──► increment* ──► capture* (parts, the last one releases the rest) ──► refund*, chargeback* ──► represent*
//!       │             └────────► reverse (in part or in full)
//!       └─ its time has come: nothing is held any more; what is presented late is still owed: present
//! ```
//! The client chooses an id for each operation, and an authorisation is known by its own. The same operation sent again is answered as the
//! first time and changes nothing. A reversal that comes before its authorisation is kept, and the authorisation then refused.
//!
//! Some money moves although the account that owes it cannot give it: a late presentment, a chargeback. The account's limit holds all the
//! same: what it cannot give is taken from another account that the caller names, where it stands as what is owed.
//!
//! **Invariant:** what was refunded and charged back of an authorisation is at most what was captured of it.
//! **Invariant:** what an operation answers to have moved is what its transfers moved.
mod audit;
mod perform;

pub(crate) use audit::audit;
pub use perform::perform;

use crate::{AccountId, TransferId};
use alloc::vec::Vec;
use symbolon_state::{Rows, Table, key_identifier};
use symbolon_types::{Amount, Currency, Hash, UnixMs, identifier};
use symbolon_wire::{cbor_enum, cbor_identifier, cbor_map};

identifier! {
    /// A card operation, by the identifier that the client chose. Its transfers have this id followed by their number in it, from 0.
    pub struct CardId([u8; 15]);
}
cbor_identifier!(CardId);
key_identifier!(CardId);

pub(crate) const AUTHORISATIONS: Table<CardId, Authorisation> = Table::new(15, "journal.authorisations");
pub(crate) const OPERATIONS: Table<CardId, Performed> = Table::new(16, "journal.operations");
/// The operations of an authorisation, by its id and theirs.
pub(crate) const OF: Table<(CardId, CardId), ()> = Table::new(17, "journal.operations_of");

/// An operation has at most so many transfers.
pub(crate) const LEGS: u8 = 3;

impl CardId {
    /// The id of the operation's transfer with this number. The hold of an authorisation is its transfer 0.
    #[must_use]
    pub fn transfer(&self, number: u8) -> TransferId {
        let mut id = [number; 16];
        if let Some((_, front)) = id.split_last_mut() {
            front.copy_from_slice(&self.0);
        }
        TransferId(id)
    }
}

cbor_map! {
    /// Holds money for a merchant.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Authorise {
        /// Who pays.
        1 => cardholder: AccountId,
        /// Who is paid.
        2 => merchant: AccountId,
        /// How much is asked for, above zero.
        3 => amount: Amount,
        /// From this time on it is released; never of itself where absent.
        4 => expires_at: Option<UnixMs>,
        /// Whether less may be approved: all that the cardholder's account has available, above zero.
        5 => partial: bool,
    }

    /// Holds more, or longer.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Increment {
        /// How much more; zero only where `expires_at` is given.
        1 => amount: Amount,
        /// The new end; the one it has where absent.
        2 => expires_at: Option<UnixMs>,
    }

    /// Moves what is held, or a part of it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Capture {
        /// How much, above zero and at most what is held.
        1 => amount: Amount,
        /// Whether no further capture will come: the rest is released.
        2 => last: bool,
    }

    /// Releases what is held, or a part of it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Reverse {
        /// How much is released; all that is still held where absent.
        1 => amount: Option<Amount>,
    }

    /// Moves what is owed although the authorisation has expired, was for less, or never came: a late presentment, or an advice.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Present {
        /// Who pays; that of the authorisation where there is one.
        1 => cardholder: AccountId,
        /// Who is paid; that of the authorisation where there is one.
        2 => merchant: AccountId,
        /// How much, above zero. What is still held goes first; what is due and not yet processed is still reserved and not taken.
        3 => amount: Amount,
        /// Gives what the cardholder's account cannot.
        4 => cover: AccountId,
    }

    /// Moves captured money back because the merchant says so.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Refund {
        /// How much, above zero.
        1 => amount: Amount,
    }

    /// Moves captured money back because the issuer says so, or back again.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Dispute {
        /// How much, above zero.
        1 => amount: Amount,
        /// Gives what the account that must pay cannot.
        2 => cover: AccountId,
    }
}

cbor_enum! {
    /// What a card operation does.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum CardKind {
        /// Answers with how much is held.
        1 => Authorise(Authorise),
        /// Answers with how much more is held.
        2 => Increment(Increment),
        /// Answers with how much was moved.
        3 => Capture(Capture),
        /// Answers with how much was released: zero when nothing was held any more, or nothing had come yet.
        4 => Reverse(Reverse),
        /// Answers with how much was moved.
        5 => Present(Present),
        /// Answers with how much was moved back.
        6 => Refund(Refund),
        /// Takes from the merchant; answers with how much was moved back.
        7 => Chargeback(Dispute),
        /// Takes a chargeback, or a part of it, back from the cardholder; answers with how much was moved.
        8 => Represent(Dispute),
    }
}

cbor_map! {
    /// An operation. Its body is all but the id: another body under the same id is refused.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct CardOperation {
        /// Chosen by the client.
        1 => id: CardId,
        /// What it is done to; of [`CardKind::Authorise`] its own id.
        2 => authorisation: CardId,
        /// Whatever the caller wants to find again; it is that of every transfer of the operation.
        3 => reference: Hash,
        /// What it does.
        4 => kind: CardKind,
    }

    /// What came of an operation, in minor units of the authorisation's currency.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct CardAnswer {
        /// How much was held, moved or released, as the [`CardKind`] says.
        1 => amount: u64,
        /// How much of it the covering account gave.
        2 => covered: u64,
    }

    /// An operation that was done.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Performed {
        /// As it was asked for.
        1 => operation: CardOperation,
        /// As it was answered, then and ever after.
        2 => answer: CardAnswer,
        /// When.
        3 => at: UnixMs,
        /// By which command.
        4 => sequence: u64,
        /// Which transfers it made: the bit n stands for [`CardId::transfer`] n.
        5 => transfers: u8,
    }

    /// The sums over an authorisation's operations, in minor units. What is held now is in its hold: the transfer 0 of its id.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Authorisation {
        /// Who pays.
        1 => cardholder: AccountId,
        /// Who is paid.
        2 => merchant: AccountId,
        /// Of all amounts.
        3 => currency: Currency,
        /// Held at any time, increments with it; zero where a presentment came without an authorisation.
        4 => approved: u64,
        /// Captured and presented.
        5 => captured: u64,
        /// Refunded.
        6 => refunded: u64,
        /// Charged back and not taken back.
        7 => charged_back: u64,
    }
}

impl Authorisation {
    /// Before anything was held or moved.
    fn nothing(cardholder: AccountId, merchant: AccountId, currency: Currency) -> Self {
        Self { cardholder, merchant, currency, approved: 0, captured: 0, refunded: 0, charged_back: 0 }
    }
}

/// The authorisation's sums, if it or a presentment of it was ever accepted.
#[must_use]
pub fn authorisation(rows: &dyn Rows, id: &CardId) -> Option<Authorisation> {
    AUTHORISATIONS.get(rows, id)
}

/// The operation with this id, if it was done.
#[must_use]
pub fn performed(rows: &dyn Rows, id: &CardId) -> Option<Performed> {
    OPERATIONS.get(rows, id)
}

/// The ids of at most `limit` operations of an authorisation, its own among them, in the order of the ids from `after` on.
#[must_use]
pub fn operations(
    rows: &dyn Rows,
    authorisation: &CardId,
    after: Option<CardId>,
    limit: usize,
) -> Vec<CardId> {
    let after = after.map(|after| (*authorisation, after));
    OF.scan(rows, authorisation, after.as_ref(), limit).into_iter().map(|((_, id), ())| id).collect()
}

impl Performed {
    /// The numbers of the transfers that it made, in order.
    pub fn legs(&self) -> impl Iterator<Item = u8> {
        let made = self.transfers;
        (0..LEGS).filter(move |number| made & 1u8.wrapping_shl(u32::from(*number)) != 0)
    }
}
