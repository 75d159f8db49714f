//! The journal held against itself: every account computed anew from the transfers, every hold against what settled it.
//!
//! Rows are read in pages; only the accounts' figures are kept, so the memory used grows with the accounts, not with the transfers.
use crate::account::{ACCOUNTS, Account, Turnover};
use crate::transfer::{DUE, Row, TRANSFERS};
use crate::{AccountId, JournalRefusal, Kind, Movement, PAGE, Pending, Settled, State, TransferId};
use alloc::{collections::BTreeMap, vec::Vec};
use core::convert::Infallible;
use symbolon_state::{Key, Rows, Table};
use symbolon_types::Currency;
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
    /// A transfer and the hold that it settles do not agree, or its state is not one of its kind.
    HoldWrong(TransferId),
    /// A pending hold with an end is not listed under it, or what is listed is no such hold.
    DueWrong(TransferId),
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
        books.accounts.insert(*id, Book { kept, debits: nothing, credits: nothing });
    });
    pages(rows, &TRANSFERS, |id, row| books.transfer(id, &row))?;
    pages(rows, &DUE, |(at, id), ()| match TRANSFERS.get(rows, id) {
        Some(Row { kind: Kind::Pending(held), state: State::Pending(()), .. })
            if held.expires_at == Some(*at) =>
        {
            Ok(())
        }
        _ => Err(JournalDamage::DueWrong(*id)),
    })?;
    let totals = books.compare()?;
    let accounts = u64::try_from(books.accounts.len()).unwrap_or(u64::MAX);
    Ok(Audit { accounts, transfers: books.transfers, pending: books.pending, totals })
}

/// Every row of the table in order, read a page at a time.
fn pages<K: Key, V: Cbor, E>(
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

/// An account as it is kept, and as its transfers make it.
struct Book {
    kept: Account,
    debits: Turnover,
    credits: Turnover,
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
        match (&row.kind, row.state) {
            (Kind::Posted(movement), State::Final(())) => self.posted(id, movement, movement.amount.minor()),
            (Kind::Pending(held), state) => self.held(id, held, state),
            (Kind::Post(post), State::Final(())) => match self.state(&post.pending) {
                Some(State::Posted(settled)) if settled.by == *id => Ok(()),
                _ => Err(JournalDamage::HoldWrong(*id)),
            },
            (Kind::Void(pending), State::Final(())) if self.state(pending) == Some(State::Voided(*id)) => {
                Ok(())
            }
            _ => Err(JournalDamage::HoldWrong(*id)),
        }
    }

    fn held(&mut self, id: &TransferId, held: &Pending, state: State) -> Result<(), JournalDamage> {
        match state {
            State::Pending(()) => self.pending(id, held),
            State::Posted(settled) if self.posts(id, held, &settled) => {
                self.posted(id, &held.movement, settled.amount.minor())
            }
            State::Voided(by) if self.kind(&by) == Some(Kind::Void(*id)) => Ok(()),
            State::Expired(at) if held.expires_at == Some(at) => Ok(()),
            _ => Err(JournalDamage::HoldWrong(*id)),
        }
    }

    fn pending(&mut self, id: &TransferId, held: &Pending) -> Result<(), JournalDamage> {
        if held.expires_at.is_some_and(|at| DUE.get(self.rows, &(at, *id)).is_none()) {
            return Err(JournalDamage::DueWrong(*id));
        }
        self.pending = self.pending.saturating_add(1);
        let minor = held.movement.amount.minor();
        self.add(id, &held.movement, |side| side.hold(minor))
    }

    fn posted(&mut self, id: &TransferId, movement: &Movement, minor: u64) -> Result<(), JournalDamage> {
        self.add(id, movement, |side| side.post(minor))
    }

    /// Whether `settled` is what the transfer it names asked for.
    fn posts(&self, id: &TransferId, held: &Pending, settled: &Settled) -> bool {
        let all = held.movement.amount;
        let Some(Kind::Post(post)) = self.kind(&settled.by) else { return false };
        post.pending == *id
            && post.amount.unwrap_or(all) == settled.amount
            && settled.amount.within(all) == Ok(true)
            && settled.amount.minor() > 0
    }

    fn kind(&self, id: &TransferId) -> Option<Kind> {
        TRANSFERS.get(self.rows, id).map(|row| row.kind)
    }

    fn state(&self, id: &TransferId) -> Option<State> {
        TRANSFERS.get(self.rows, id).map(|row| row.state)
    }

    fn add(
        &mut self,
        id: &TransferId,
        movement: &Movement,
        add: impl Fn(&mut Turnover) -> Result<(), JournalRefusal>,
    ) -> Result<(), JournalDamage> {
        for (party, debited) in [(movement.debit, true), (movement.credit, false)] {
            let book = self.accounts.get_mut(&party).ok_or(JournalDamage::AccountMissing(party))?;
            if book.kept.currency != movement.amount.currency() {
                return Err(JournalDamage::CurrencyWrong(*id));
            }
            let side = if debited { &mut book.debits } else { &mut book.credits };
            add(side).map_err(|_| JournalDamage::BalanceWrong(party))?;
        }
        Ok(())
    }

    fn compare(&self) -> Result<Vec<Totals>, JournalDamage> {
        let mut sums = BTreeMap::new();
        for (id, Book { kept, debits, credits }) in &self.accounts {
            if (kept.debits, kept.credits) != (*debits, *credits) {
                return Err(JournalDamage::BalanceWrong(*id));
            }
            kept.within_limit().map_err(|_| JournalDamage::LimitBroken(*id))?;
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
