//! The history of an account that keeps one: how it stood after each change, so that it can be asked for as of any time.
use crate::account::{ACCOUNTS, Account, Turnover};
use crate::{AccountId, TransferId};
use alloc::vec::Vec;
use symbolon_state::{Rows, Table};
use symbolon_types::UnixMs;
use symbolon_wire::cbor_map;

pub(crate) const HISTORY: Table<(AccountId, u64), Entry> = Table::new(14, "journal.history");

cbor_map! {
    /// An account after one change of it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Entry {
        /// The transfer that changed it; of a hold whose time came, the hold.
        1 => transfer: TransferId,
        /// When: never before that of the entry before.
        2 => at: UnixMs,
        /// By which command.
        3 => sequence: u64,
        /// What had left it then.
        4 => debits: Turnover,
        /// What had come to it then.
        5 => credits: Turnover,
    }
}

/// The account as it stood at the end of the millisecond `at`. `None` when there was no such account yet, or it keeps no history.
/// Reads in the order of the logarithm of the number of entries.
#[must_use]
pub fn account_at(rows: &dyn Rows, id: &AccountId, at: UnixMs) -> Option<Account> {
    let account = ACCOUNTS.get(rows, id).filter(|account| account.opened_at <= at)?;
    let count = entries_until(rows, id, account.entries?, at);
    let nothing = Turnover::default();
    let (debits, credits) = match count.checked_sub(1) {
        Some(last) => {
            let entry = entry(rows, id, last);
            (entry.debits, entry.credits)
        }
        None => (nothing, nothing),
    };
    Some(Account { debits, credits, entries: Some(count), ..account })
}

/// At most `limit` entries of the account's history, in order, from the number `from` on. The first entry has the number 0; how many there
/// were at a time is `entries` of [`account_at`].
#[must_use]
pub fn entries(rows: &dyn Rows, id: &AccountId, from: u64, limit: usize) -> Vec<Entry> {
    let after = from.checked_sub(1).map(|last| (*id, last));
    HISTORY.scan(rows, id, after.as_ref(), limit).into_iter().map(|(_, entry)| entry).collect()
}

/// How many of the first `count` entries are of `at` or before.
fn entries_until(rows: &dyn Rows, id: &AccountId, count: u64, at: UnixMs) -> u64 {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        if entry(rows, id, middle).at <= at {
            low = middle.saturating_add(1);
        } else {
            high = middle;
        }
    }
    low
}

/// An entry below the account's count is there; rows that say otherwise are damaged.
fn entry(rows: &dyn Rows, id: &AccountId, number: u64) -> Entry {
    HISTORY.get(rows, &(*id, number)).unwrap_or_else(|| rows.damaged(HISTORY.id(), id.as_bytes()))
}
