//! Transfers: what is asked for, and what is kept of it.
use alloc::vec::Vec;
use symbolon_state::{Rows, Table, key_identifier};
use symbolon_types::{Amount, Hash, UnixMs, identifier};
use symbolon_wire::{cbor_enum, cbor_identifier, cbor_map};

use crate::{AccountId, Hold};

identifier! {
    /// A transfer, by the identifier that the client chose: the same id is the same transfer, however often it is sent.
    pub struct TransferId([u8; 16]);
}
cbor_identifier!(TransferId);
key_identifier!(TransferId);

pub(crate) const TRANSFERS: Table<TransferId, Row> = Table::new(11, "journal.transfers");
/// What was captured of a hold, released of it and added to it, in order.
pub(crate) const PARTS: Table<(TransferId, u32), TransferId> = Table::new(13, "journal.parts");
/// The holds that are still pending and have an end, by that end.
pub(crate) const DUE: Table<(UnixMs, TransferId), ()> = Table::new(12, "journal.due");

cbor_map! {
    /// Money from one account to another.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Movement {
        /// The account that gives.
        1 => debit: AccountId,
        /// The account that receives.
        2 => credit: AccountId,
        /// How much, above zero.
        3 => amount: Amount,
    }

    /// A movement that is only held: a later transfer posts or voids it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Pending {
        /// What is held.
        1 => movement: Movement,
        /// From this time on it is released; never of itself where absent.
        2 => expires_at: Option<UnixMs>,
    }

    /// The posting of a hold.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Post {
        /// The hold.
        1 => pending: TransferId,
        /// How much of what it still holds, above zero, the rest being released; all of it where absent.
        2 => amount: Option<Amount>,
    }

    /// A part of what a hold holds.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Part {
        /// The hold.
        1 => pending: TransferId,
        /// How much of it, above zero.
        2 => amount: Amount,
    }

    /// More for a hold, or more time.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Increase {
        /// The hold.
        1 => pending: TransferId,
        /// How much more is held; zero only where `expires_at` is given.
        2 => amount: Amount,
        /// Its new end; the end it has where absent.
        3 => expires_at: Option<UnixMs>,
    }
}

cbor_enum! {
    /// What a transfer does.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Kind {
        /// Moves money at once.
        1 => Posted(Movement),
        /// Holds money.
        2 => Pending(Pending),
        /// Moves what a hold holds, or a part of it, and releases the rest: the hold ends.
        3 => Post(Post),
        /// Releases what a hold holds: the hold ends.
        4 => Void(TransferId),
        /// Moves a part of what a hold holds; the rest stays held. The hold ends as posted when nothing is left.
        5 => Capture(Part),
        /// Releases a part of what a hold holds; the rest stays held. The hold ends as voided when nothing is left.
        6 => Release(Part),
        /// Holds more, or longer.
        7 => Increase(Increase),
    }
}

cbor_map! {
    /// One transfer. Its body is all but the id: another body under the same id is refused.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Transfer {
        /// Chosen by the client.
        1 => id: TransferId,
        /// What it does.
        2 => kind: Kind,
        /// Whatever the caller wants to find again: the hash of what the money moved for.
        3 => reference: Hash,
    }
}

impl Transfer {
    /// Moves `amount` at once.
    #[must_use]
    pub fn posted(
        id: TransferId,
        debit: AccountId,
        credit: AccountId,
        amount: Amount,
        reference: Hash,
    ) -> Self {
        Self { id, kind: Kind::Posted(Movement { debit, credit, amount }), reference }
    }

    /// Holds `amount` until it is posted or voided, or until `expires_at`.
    #[must_use]
    pub fn pending(
        id: TransferId,
        debit: AccountId,
        credit: AccountId,
        amount: Amount,
        expires_at: Option<UnixMs>,
        reference: Hash,
    ) -> Self {
        let movement = Movement { debit, credit, amount };
        Self { id, kind: Kind::Pending(Pending { movement, expires_at }), reference }
    }

    /// Moves `amount` of a hold; the rest stays held.
    #[must_use]
    pub fn capture(id: TransferId, pending: TransferId, amount: Amount, reference: Hash) -> Self {
        Self { id, kind: Kind::Capture(Part { pending, amount }), reference }
    }

    /// Releases `amount` of a hold; the rest stays held.
    #[must_use]
    pub fn release(id: TransferId, pending: TransferId, amount: Amount, reference: Hash) -> Self {
        Self { id, kind: Kind::Release(Part { pending, amount }), reference }
    }

    /// Holds `amount` more, until `expires_at` where given.
    #[must_use]
    pub fn increase(
        id: TransferId,
        pending: TransferId,
        amount: Amount,
        expires_at: Option<UnixMs>,
        reference: Hash,
    ) -> Self {
        Self { id, kind: Kind::Increase(Increase { pending, amount, expires_at }), reference }
    }

    /// Posts `amount` of a hold, all of it where absent, and releases the rest.
    #[must_use]
    pub fn post(id: TransferId, pending: TransferId, amount: Option<Amount>, reference: Hash) -> Self {
        Self { id, kind: Kind::Post(Post { pending, amount }), reference }
    }

    /// Releases a hold.
    #[must_use]
    pub fn void(id: TransferId, pending: TransferId, reference: Hash) -> Self {
        Self { id, kind: Kind::Void(pending), reference }
    }
}

cbor_map! {
    /// A transfer as it is kept, under its id.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Row {
        /// What it does.
        1 => kind: Kind,
        /// The caller's.
        2 => reference: Hash,
        /// Where it stands.
        3 => state: State,
        /// When it was executed.
        4 => at: UnixMs,
        /// By which command.
        5 => sequence: u64,
    }
}

cbor_enum! {
    /// Where a transfer stands. Only a hold is anything but final.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum State {
        /// Nothing more can become of it.
        0 => Final(()),
        /// A [`Kind::Pending`].
        1 => Hold(Hold),
        /// A [`Kind::Capture`], [`Kind::Release`] or [`Kind::Increase`], by its number among those of its hold, from 0.
        2 => Part(u32),
    }
}

/// A transfer that was executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// As it was asked for.
    pub transfer: Transfer,
    /// Where it stands.
    pub state: State,
    /// When it was executed.
    pub at: UnixMs,
    /// The command that executed it.
    pub sequence: u64,
}

impl Row {
    pub(crate) fn is_of(&self, transfer: &Transfer) -> bool {
        self.kind == transfer.kind && self.reference == transfer.reference
    }
}

/// The transfer and where it stands, if it was ever executed. A hold whose time has come reads as pending until it is processed.
#[must_use]
pub fn transfer(rows: &dyn Rows, id: &TransferId) -> Option<Recorded> {
    TRANSFERS.get(rows, id).map(|row| Recorded {
        transfer: Transfer { id: *id, kind: row.kind, reference: row.reference },
        state: row.state,
        at: row.at,
        sequence: row.sequence,
    })
}

/// The captures, releases and increases of a hold, in order: at most `limit` from the number `from` on. The transfer that posted or voided
/// it at the end is in [`Hold::end`].
#[must_use]
pub fn parts(rows: &dyn Rows, hold: &TransferId, from: u32, limit: usize) -> Vec<TransferId> {
    let after = from.checked_sub(1).map(|last| (*hold, last));
    PARTS.scan(rows, hold, after.as_ref(), limit).into_iter().map(|(_, part)| part).collect()
}
