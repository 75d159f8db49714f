//! The journal held against itself: every account computed anew from the transfers, every hold against what settled it.
//!
//! Rows are read in pages; only the accounts' figures are kept, so the memory used grows with the accounts, not with the transfers.
use crate::account::{ACCOUNTS, Account, Turnover};
use crate::card::{self, CardId};
use crate::history::HISTORY;
use crate::transfer::{DUE, PARTS, Row, TRANSFERS};
use crate::{AccountId, End, Entry, Hold, Kind, Movement, PAGE, Pending, State, TransferId};
use alloc::{collections::BTreeMap, vec::Vec};
use core::convert::Infallible;
use symbolon_state::{Key, Rows, Table};
use symbolon_types::{Currency, UnixMs};
use symbolon_wire::cbor::Cbor;

/// The sums over all accounts of one currency, in minor units. Debits equal credits, posted and pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Of all sums.
    pub currency: Currency,
    /// Sum of debits posted.
    pub debits_posted: u128,
    /// Sum of credits posted.
    pub credits_posted: u128,
    /// Sum of debits pending.
    pub debits_pending: u128,
    /// Sum of credits pending.
    pub credits_pending: u128,
}

/// What an audit that found nothing wrong went through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Accounts compared.
    pub accounts: u64,
    /// Transfers read, holds among them.
    pub transfers: u64,
    /// Holds that are still pending.
    pub pending: u64,
    /// Authorisations whose sums were added up anew.
    pub authorisations: u64,
    /// By currency, in the order of their numeric codes.
    pub totals: Vec<Totals>,
}

/// The first thing found wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalDamage {
    /// A transfer names an account that is not there.
    AccountMissing(AccountId),
    /// The account's balance is not what its transfers make.
    BalanceWrong(AccountId),
    /// The account is beyond its limit.
    LimitBroken(AccountId),
    /// The transfer's currency is not its account's.
    CurrencyWrong(TransferId),
    /// A transfer and the hold that it names do not agree, or its state is not one of its kind.
    HoldWrong(TransferId),
    /// A pending hold with an end is not listed under it, or what is listed is no such hold.
    DueWrong(TransferId),
    /// The account's history is not in order, has more or fewer entries than it should, or does not end with what is on the account.
    HistoryWrong(AccountId),
    /// The authorisation's operations do not make its sums, or their transfers do not bear them out.
    CardWrong(CardId),
}

/// The sums over all accounts, by currency in the order of their numeric codes.
#[must_use]
pub fn totals(rows: &dyn Rows) -> Vec<Totals> {
    let mut sums = BTreeMap::new();
    each_account(rows, |_, account| add(&mut sums, &account));
    sums.into_values().collect()
}

/// Computes every account anew from the transfers and compares; holds and their ends too. Reads every row of the journal.
/// As each transfer is counted on both its sides, the totals of a journal that passes are even.
///
/// # Errors
/// [`JournalDamage`], the first that was found.
pub fn audit(rows: &dyn Rows) -> Result<Audit, JournalDamage> {
    let mut books = Books { rows, accounts: BTreeMap::new(), transfers: 0, pending: 0 };
    each_account(rows, |id, kept| {
        let nothing = Turnover::default();
        books.accounts.insert(*id, Book { kept, debits: nothing, credits: nothing, last: None });
    });
    pages(rows, &TRANSFERS, |id, row| books.transfer(id, &row))?;
    pages(rows, &DUE, |(at, id), ()| match TRANSFERS.get(rows, id).map(|row| row.state) {
        Some(State::Hold(hold)) if hold.due() == Some(*at) => Ok(()),
        _ => Err(JournalDamage::DueWrong(*id)),
    })?;
    pages(rows, &PARTS, |(hold, number), id| match TRANSFERS.get(rows, &id) {
        Some(Row { kind, state: State::Part(found), .. })
            if found == *number && names(&kind) == Some(*hold) =>
        {
            Ok(())
        }
        _ => Err(JournalDamage::HoldWrong(id)),
    })?;
    books.history()?;
    let totals = books.compare()?;
    let accounts = u64::try_from(books.accounts.len()).unwrap_or(u64::MAX);
    let authorisations = card::audit(rows)?;
    Ok(Audit { accounts, transfers: books.transfers, pending: books.pending, authorisations, totals })
}

/// Every row of the table in order, read a page at a time.
pub(crate) fn pages<K: Key, V: Cbor, E>(
    rows: &dyn Rows,
    table: &Table<K, V>,
    mut each: impl FnMut(&K, V) -> Result<(), E>,
) -> Result<(), E> {
    let mut after: Option<K> = None;
    loop {
        let page = table.scan(rows, &(), after.as_ref(), PAGE);
        let last = page.len() < PAGE;
        for (key, value) in page {
            each(&key, value)?;
            after = Some(key);
        }
        if last {
            return Ok(());
        }
    }
}

fn each_account(rows: &dyn Rows, mut each: impl FnMut(&AccountId, Account)) {
    let Ok(()) = pages(rows, &ACCOUNTS, |id, account| {
        each(id, account);
        Ok::<(), Infallible>(())
    });
}

fn add(sums: &mut BTreeMap<Currency, Totals>, account: &Account) {
    let sum = sums.entry(account.currency).or_insert(Totals {
        currency: account.currency,
        debits_posted: 0,
        credits_posted: 0,
        debits_pending: 0,
        credits_pending: 0,
    });
    let add = |sum: &mut u128, minor: u64| *sum = sum.saturating_add(u128::from(minor));
    add(&mut sum.debits_posted, account.debits.posted);
    add(&mut sum.credits_posted, account.credits.posted);
    add(&mut sum.debits_pending, account.debits.pending);
    add(&mut sum.credits_pending, account.credits.pending);
}

/// An account as it is kept, as its transfers make it, and as its history has it.
struct Book {
    kept: Account,
    debits: Turnover,
    credits: Turnover,
    last: Option<(u64, Entry)>,
}

/// The hold that a transfer names.
fn names(kind: &Kind) -> Option<TransferId> {
    match kind {
        Kind::Post(post) => Some(post.pending),
        Kind::Void(pending) => Some(*pending),
        Kind::Capture(part) | Kind::Release(part) => Some(part.pending),
        Kind::Increase(more) => Some(more.pending),
        Kind::Posted(_) | Kind::Pending(_) => None,
    }
}

struct Books<'a> {
    rows: &'a dyn Rows,
    accounts: BTreeMap<AccountId, Book>,
    transfers: u64,
    pending: u64,
}

impl Books<'_> {
    fn transfer(&mut self, id: &TransferId, row: &Row) -> Result<(), JournalDamage> {
        self.transfers = self.transfers.saturating_add(1);
        let named = names(&row.kind);
        match (&row.kind, row.state) {
            (Kind::Posted(movement), State::Final(())) => {
                self.add(id, movement, &Hold { posted: movement.amount.minor(), ..Hold::NOTHING })
            }
            (Kind::Pending(asked), State::Hold(hold)) => self.hold(id, asked, &hold),
            (Kind::Post(_) | Kind::Void(_), State::Final(()))
                if named.and_then(|hold| self.ended_by(&hold)) == Some(*id) =>
            {
                Ok(())
            }
            (Kind::Capture(_) | Kind::Release(_) | Kind::Increase(_), State::Part(number))
                if named.and_then(|hold| PARTS.get(self.rows, &(hold, number))) == Some(*id) =>
            {
                Ok(())
            }
            _ => Err(JournalDamage::HoldWrong(*id)),
        }
    }

    /// The hold as its parts and its end make it, against the hold as it is kept.
    fn hold(&mut self, id: &TransferId, asked: &Pending, kept: &Hold) -> Result<(), JournalDamage> {
        let wrong = JournalDamage::HoldWrong(*id);
        let mut hold = Hold::asked(asked);
        for number in 0..kept.parts {
            let part = PARTS.get(self.rows, &(*id, number)).ok_or(wrong)?;
            hold = self.step(id, asked, hold, part).ok_or(wrong)?;
        }
        hold = match kept.end.filter(|_| hold.is_open()) {
            Some(End::Posted(by) | End::Voided(by)) => self.step(id, asked, hold, by).ok_or(wrong)?,
            Some(End::Expired(at)) => hold.expired(at).ok_or(wrong)?,
            None => hold,
        };
        if hold != *kept {
            return Err(wrong);
        }
        if hold.due().is_some_and(|at| DUE.get(self.rows, &(at, *id)).is_none()) {
            return Err(JournalDamage::DueWrong(*id));
        }
        self.pending = self.pending.saturating_add(u64::from(hold.is_open()));
        self.add(id, &asked.movement, &hold)
    }

    /// What the transfer `by` made of the hold when it was executed.
    fn step(&self, id: &TransferId, asked: &Pending, hold: Hold, by: TransferId) -> Option<Hold> {
        let row = TRANSFERS.get(self.rows, &by).filter(|row| names(&row.kind) == Some(*id))?;
        hold.step(asked, by, &row.kind, row.at).ok()
    }

    fn ended_by(&self, hold: &TransferId) -> Option<TransferId> {
        match TRANSFERS.get(self.rows, hold)?.state {
            State::Hold(Hold { end: Some(End::Posted(by) | End::Voided(by)), .. }) => Some(by),
            _ => None,
        }
    }

    /// Adds a hold's share, or a movement's, to both its accounts.
    fn add(&mut self, id: &TransferId, movement: &Movement, share: &Hold) -> Result<(), JournalDamage> {
        for (party, debited) in [(movement.debit, true), (movement.credit, false)] {
            let book = self.accounts.get_mut(&party).ok_or(JournalDamage::AccountMissing(party))?;
            if book.kept.currency != movement.amount.currency() {
                return Err(JournalDamage::CurrencyWrong(*id));
            }
            let side = if debited { &mut book.debits } else { &mut book.credits };
            let sum = side.change(&Hold::NOTHING, share).and_then(Result::ok);
            *side = sum.ok_or(JournalDamage::BalanceWrong(party))?;
        }
        Ok(())
    }

    /// Reads every entry: numbered without a gap, in the order of time.
    fn history(&mut self) -> Result<(), JournalDamage> {
        pages(self.rows, &HISTORY, |(id, number), entry| {
            let book = self.accounts.get_mut(id).ok_or(JournalDamage::AccountMissing(*id))?;
            let (next, at) = match &book.last {
                Some((last, before)) => (last.saturating_add(1), before.at),
                None => (0, UnixMs(0)),
            };
            book.last = Some((*number, entry));
            let right = *number == next && at <= entry.at;
            if right { Ok(()) } else { Err(JournalDamage::HistoryWrong(*id)) }
        })
    }

    fn compare(&self) -> Result<Vec<Totals>, JournalDamage> {
        let mut sums = BTreeMap::new();
        for (id, Book { kept, debits, credits, last }) in &self.accounts {
            if (kept.debits, kept.credits) != (*debits, *credits) {
                return Err(JournalDamage::BalanceWrong(*id));
            }
            kept.within_limit().map_err(|_| JournalDamage::LimitBroken(*id))?;
            let ends = match (kept.entries, last) {
                (None | Some(0), None) => true,
                (Some(count), Some((last, entry))) => {
                    count.checked_sub(1) == Some(*last)
                        && (entry.debits, entry.credits) == (*debits, *credits)
                }
                _ => false,
            };
            if !ends {
                return Err(JournalDamage::HistoryWrong(*id));
            }
            add(&mut sums, kept);
        }
        Ok(sums.into_values().collect())
    }
}

impl Totals {
    /// Whether what was debited was credited, posted and pending.
    #[must_use]
    pub fn even(&self) -> bool {
        self.debits_posted == self.credits_posted && self.debits_pending == self.credits_pending
    }
}

#[cfg(test)]
mod tests;
