//! The execution of a chain: computed beside the rows first, written only when every transfer of it is right.
//!
//! **Invariant:** the rows are written after the last check, or not at all.
use crate::account::{ACCOUNTS, Account};
use crate::history::{Entry, HISTORY};
use crate::transfer::{DUE, PARTS, Row, TRANSFERS};
use crate::{
    AccountId, Done, Hold, JournalRefusal, Kind, Movement, Pending, State, Transfer, TransferId,
    TransferResult,
};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::{vec, vec::Vec};
use symbolon_state::{Ctx, Rows};
use symbolon_types::UnixMs;

/// Executes the transfers as one linked chain, in their order: all of them or none. One answer each, by the crate's table; when one is
/// refused the rows are as before. What an earlier transfer did the later ones of the chain see. An empty chain is answered with nothing.
pub fn execute(rows: &mut dyn Rows, ctx: &Ctx, chain: &[Transfer]) -> Vec<TransferResult> {
    match run(rows, ctx, chain) {
        Ok(done) => vec![Ok(done); chain.len()],
        Err((failed, refusal)) => (0..chain.len())
            .map(|at| Err(if at == failed { refusal } else { JournalRefusal::LinkedFailed }))
            .collect(),
    }
}

/// As [`execute`], with one answer for the chain: an empty one has happened already.
///
/// # Errors
/// The one [`JournalRefusal`] that says why; the rows are as before.
pub fn execute_all(rows: &mut dyn Rows, ctx: &Ctx, chain: &[Transfer]) -> TransferResult {
    run(rows, ctx, chain).map_err(|(_, refusal)| refusal)
}

/// The answer of the whole chain, or which of it failed and why.
fn run(rows: &mut dyn Rows, ctx: &Ctx, chain: &[Transfer]) -> Result<Done, (usize, JournalRefusal)> {
    if exists(rows, chain)? {
        return Ok(Done::Exists);
    }
    let mut stage = Stage::new(rows, *ctx);
    for (at, transfer) in chain.iter().enumerate() {
        stage.transfer(transfer).map_err(|refusal| (at, refusal))?;
    }
    stage.changes().write(rows);
    Ok(Done::Created)
}

/// Whether the chain exists in full; that none of it does is `false`.
fn exists(rows: &dyn Rows, chain: &[Transfer]) -> Result<bool, (usize, JournalRefusal)> {
    let (mut seen, mut first, mut known) = (BTreeSet::new(), None, 0usize);
    for (at, transfer) in chain.iter().enumerate() {
        if !seen.insert(transfer.id) {
            return Err((at, JournalRefusal::IdTwiceInChain));
        }
        if let Some(row) = TRANSFERS.get(rows, &transfer.id) {
            if !row.is_of(transfer) {
                return Err((at, JournalRefusal::ExistsWithDifferentBody));
            }
            first = first.or(Some(at));
            known = known.saturating_add(1);
        }
    }
    match first {
        Some(at) if known < chain.len() => Err((at, JournalRefusal::PartlyExists)),
        _ => Ok(known == chain.len()),
    }
}

/// What is written when all of a chain is right.
#[derive(Default)]
struct Changes {
    accounts: BTreeMap<AccountId, Account>,
    history: Vec<((AccountId, u64), Entry)>,
    transfers: BTreeMap<TransferId, Row>,
    parts: Vec<((TransferId, u32), TransferId)>,
    due: BTreeMap<(UnixMs, TransferId), bool>,
}

impl Changes {
    fn write(&self, rows: &mut dyn Rows) {
        self.accounts.iter().for_each(|(id, account)| ACCOUNTS.put(rows, id, account));
        self.history.iter().for_each(|(key, entry)| HISTORY.put(rows, key, entry));
        self.transfers.iter().for_each(|(id, row)| TRANSFERS.put(rows, id, row));
        self.parts.iter().for_each(|(key, part)| PARTS.put(rows, key, part));
        for (key, pending) in &self.due {
            if *pending { DUE.put(rows, key, &()) } else { DUE.delete(rows, key) }
        }
    }
}

/// What the chain would write, over the rows it reads.
struct Stage<'a> {
    rows: &'a dyn Rows,
    ctx: Ctx,
    changes: Changes,
}

impl<'a> Stage<'a> {
    fn new(rows: &'a dyn Rows, ctx: Ctx) -> Self {
        Self { rows, ctx, changes: Changes::default() }
    }

    fn changes(self) -> Changes {
        self.changes
    }

    fn account(&self, id: &AccountId) -> Option<Account> {
        self.changes.accounts.get(id).cloned().or_else(|| ACCOUNTS.get(self.rows, id))
    }

    fn row(&self, id: &TransferId) -> Option<Row> {
        self.changes.transfers.get(id).cloned().or_else(|| TRANSFERS.get(self.rows, id))
    }

    fn transfer(&mut self, transfer: &Transfer) -> Result<(), JournalRefusal> {
        let Transfer { id, kind, reference } = *transfer;
        let state = match &kind {
            Kind::Posted(movement) => self.posted(id, movement)?,
            Kind::Pending(pending) => self.pending(id, pending)?,
            Kind::Post(post) if post.amount.is_some_and(|amount| amount.minor() == 0) => {
                return Err(JournalRefusal::AmountZero);
            }
            Kind::Capture(part) | Kind::Release(part) if part.amount.minor() == 0 => {
                return Err(JournalRefusal::AmountZero);
            }
            Kind::Increase(more) if more.amount.minor() == 0 && more.expires_at.is_none() => {
                return Err(JournalRefusal::AmountZero);
            }
            Kind::Post(post) => self.of_hold(id, &kind, post.pending)?,
            Kind::Void(pending) => self.of_hold(id, &kind, *pending)?,
            Kind::Capture(part) | Kind::Release(part) => self.of_hold(id, &kind, part.pending)?,
            Kind::Increase(more) => self.of_hold(id, &kind, more.pending)?,
        };
        let Ctx { at, sequence } = self.ctx;
        self.changes.transfers.insert(id, Row { kind, reference, state, at, sequence });
        Ok(())
    }

    fn posted(&mut self, id: TransferId, movement: &Movement) -> Result<State, JournalRefusal> {
        let parties = self.parties(movement)?;
        let moved = Hold { posted: movement.amount.minor(), ..Hold::NOTHING };
        self.change(id, movement, parties, &Hold::NOTHING, &moved)?;
        Ok(State::Final(()))
    }

    fn pending(&mut self, id: TransferId, pending: &Pending) -> Result<State, JournalRefusal> {
        let parties = self.parties(&pending.movement)?;
        if pending.expires_at.is_some_and(|at| at <= self.ctx.at) {
            return Err(JournalRefusal::ExpiryPassed);
        }
        let hold = Hold::asked(pending);
        self.change(id, &pending.movement, parties, &Hold::NOTHING, &hold)?;
        self.falls_due(id, &Hold::NOTHING, &hold);
        Ok(State::Hold(hold))
    }

    /// The two accounts of a movement, which are there, are two, and have its currency.
    fn parties(&self, movement: &Movement) -> Result<(Account, Account), JournalRefusal> {
        if movement.amount.minor() == 0 {
            return Err(JournalRefusal::AmountZero);
        }
        if movement.debit == movement.credit {
            return Err(JournalRefusal::AccountsSame);
        }
        let debit = self.account(&movement.debit).ok_or(JournalRefusal::DebitAccountNotFound)?;
        let credit = self.account(&movement.credit).ok_or(JournalRefusal::CreditAccountNotFound)?;
        let currency = movement.amount.currency();
        if debit.currency != currency || credit.currency != currency {
            return Err(JournalRefusal::CurrencyMismatch);
        }
        Ok((debit, credit))
    }

    /// Writes both accounts as a hold's share of them changes, or a movement's.
    fn change(
        &mut self,
        by: TransferId,
        movement: &Movement,
        (mut debit, mut credit): (Account, Account),
        was: &Hold,
        is: &Hold,
    ) -> Result<(), JournalRefusal> {
        let damaged = |id: AccountId| self.rows.damaged(ACCOUNTS.id(), id.as_bytes());
        debit.debits = debit.debits.change(was, is).unwrap_or_else(|| damaged(movement.debit))?;
        credit.credits = credit.credits.change(was, is).unwrap_or_else(|| damaged(movement.credit))?;
        debit.within_limit()?;
        credit.within_limit()?;
        self.keep(by, movement.debit, debit);
        self.keep(by, movement.credit, credit);
        Ok(())
    }

    fn keep(&mut self, by: TransferId, id: AccountId, mut account: Account) {
        if let Some(count) = &mut account.entries {
            let Ctx { at, sequence } = self.ctx;
            let (debits, credits) = (account.debits, account.credits);
            self.changes.history.push(((id, *count), Entry { transfer: by, at, sequence, debits, credits }));
            *count = count.saturating_add(1);
        }
        self.changes.accounts.insert(id, account);
    }

    /// A transfer that names a hold.
    fn of_hold(&mut self, id: TransferId, kind: &Kind, hold: TransferId) -> Result<State, JournalRefusal> {
        let row = self.row(&hold).ok_or(JournalRefusal::PendingNotFound)?;
        let (Kind::Pending(asked), State::Hold(was)) = (row.kind, row.state) else {
            return Err(JournalRefusal::PendingNotPending);
        };
        let is = was.step(&asked, id, kind, self.ctx.at)?;
        self.hold_changes(id, hold, row, &asked, &was, &is)?;
        if is.parts == was.parts {
            return Ok(State::Final(()));
        }
        self.changes.parts.push(((hold, was.parts), id));
        Ok(State::Part(was.parts))
    }

    fn hold_changes(
        &mut self,
        by: TransferId,
        hold: TransferId,
        row: Row,
        asked: &Pending,
        was: &Hold,
        is: &Hold,
    ) -> Result<(), JournalRefusal> {
        let Movement { debit, credit, .. } = asked.movement;
        let of = |id: AccountId| {
            self.account(&id).unwrap_or_else(|| self.rows.damaged(ACCOUNTS.id(), id.as_bytes()))
        };
        let parties = (of(debit), of(credit));
        self.change(by, &asked.movement, parties, was, is)?;
        self.falls_due(hold, was, is);
        self.changes.transfers.insert(hold, Row { state: State::Hold(*is), ..row });
        Ok(())
    }

    fn falls_due(&mut self, hold: TransferId, was: &Hold, is: &Hold) {
        if let Some(at) = was.due() {
            self.changes.due.insert((at, hold), false);
        }
        if let Some(at) = is.due() {
            self.changes.due.insert((at, hold), true);
        }
    }
}

/// Releases a hold whose time has come.
pub(crate) fn expire(rows: &mut dyn Rows, ctx: &Ctx, id: TransferId) {
    let mut stage = Stage::new(rows, *ctx);
    let released = stage.row(&id).and_then(|row| {
        let (Kind::Pending(asked), State::Hold(was)) = (row.kind, row.state) else { return None };
        let is = was.expired(ctx.at)?;
        stage.hold_changes(id, id, row, &asked, &was, &is).ok()
    });
    let changes = stage.changes();
    match released {
        Some(()) => changes.write(rows),
        None => rows.damaged(TRANSFERS.id(), id.as_bytes()),
    }
}
