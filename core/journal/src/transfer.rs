//! Transfers: what is asked for, and what is kept of it.
use symbolon_state::{Rows, Table, key_identifier};
use symbolon_types::{Amount, Hash, UnixMs, identifier};
use symbolon_wire::{cbor_enum, cbor_identifier, cbor_map};

use crate::AccountId;

identifier! {
    /// A transfer, by the identifier that the client chose: the same id is the same transfer, however often it is sent.
    pub struct TransferId([u8; 16]);
}
cbor_identifier!(TransferId);
key_identifier!(TransferId);

pub(crate) const TRANSFERS: Table<TransferId, Row> = Table::new(11, "journal.transfers");
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
        /// How much of it, above zero, the rest being released; all of it where absent.
        2 => amount: Option<Amount>,
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
        /// Moves what a hold holds, or a part of it, and releases the rest. Once.
        3 => Post(Post),
        /// Releases what a hold holds.
        4 => Void(TransferId),
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
    /// How a hold was posted.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Settled {
        /// The transfer that posted it.
        1 => by: TransferId,
        /// How much was posted; the rest was released.
        2 => amount: Amount,
    }

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
    /// Where a transfer stands. Only a [`Kind::Pending`] is anything but final.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum State {
        /// Nothing more can become of it.
        0 => Final(()),
        /// Held.
        1 => Pending(()),
        /// A hold that was posted.
        2 => Posted(Settled),
        /// A hold that this transfer released.
        3 => Voided(TransferId),
        /// A hold that was released at this time, its own `expires_at`.
        4 => Expired(UnixMs),
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
