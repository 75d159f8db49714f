//! The execution of a chain: computed beside the rows first, written only when every transfer of it is right.
//!
//! **Invariant:** the rows are written after the last check, or not at all.
use crate::account::{ACCOUNTS, Account, Turnover};
use crate::transfer::{DUE, Row, TRANSFERS};
use crate::{
    AccountId, Done, JournalRefusal, Kind, Movement, Pending, Post, Settled, State, Transfer, TransferId,
    TransferResult,
};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::{vec, vec::Vec};
use symbolon_state::{Ctx, Rows};
use symbolon_types::{Amount, UnixMs};

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
    let Stage { accounts, transfers, due, .. } = stage;
    accounts.iter().for_each(|(id, account)| ACCOUNTS.put(rows, id, account));
    transfers.iter().for_each(|(id, row)| TRANSFERS.put(rows, id, row));
    for (key, pending) in &due {
        if *pending { DUE.put(rows, key, &()) } else { DUE.delete(rows, key) }
    }
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

#[derive(Clone, Copy)]
enum Phase {
    Pending,
    Posted,
}

/// What the chain would write, over the rows it reads.
struct Stage<'a> {
    rows: &'a dyn Rows,
    ctx: Ctx,
    accounts: BTreeMap<AccountId, Account>,
    transfers: BTreeMap<TransferId, Row>,
    due: BTreeMap<(UnixMs, TransferId), bool>,
}

impl<'a> Stage<'a> {
    fn new(rows: &'a dyn Rows, ctx: Ctx) -> Self {
        Self { rows, ctx, accounts: BTreeMap::new(), transfers: BTreeMap::new(), due: BTreeMap::new() }
    }

    fn account(&self, id: &AccountId) -> Option<Account> {
        self.accounts.get(id).cloned().or_else(|| ACCOUNTS.get(self.rows, id))
    }

    fn row(&self, id: &TransferId) -> Option<Row> {
        self.transfers.get(id).cloned().or_else(|| TRANSFERS.get(self.rows, id))
    }

    fn transfer(&mut self, transfer: &Transfer) -> Result<(), JournalRefusal> {
        let state = match &transfer.kind {
            Kind::Posted(movement) => self.posted(movement)?,
            Kind::Pending(pending) => self.pending(transfer.id, pending)?,
            Kind::Post(post) => self.post(transfer.id, post)?,
            Kind::Void(pending) => self.void(transfer.id, pending)?,
        };
        let Ctx { at, sequence } = self.ctx;
        let row = Row { kind: transfer.kind, reference: transfer.reference, state, at, sequence };
        self.transfers.insert(transfer.id, row);
        Ok(())
    }

    fn posted(&mut self, movement: &Movement) -> Result<State, JournalRefusal> {
        let parties = self.parties(movement)?;
        self.apply(movement, parties, Phase::Posted)?;
        Ok(State::Final(()))
    }

    fn pending(&mut self, id: TransferId, pending: &Pending) -> Result<State, JournalRefusal> {
        let parties = self.parties(&pending.movement)?;
        if pending.expires_at.is_some_and(|at| at <= self.ctx.at) {
            return Err(JournalRefusal::ExpiryPassed);
        }
        self.apply(&pending.movement, parties, Phase::Pending)?;
        if let Some(at) = pending.expires_at {
            self.due.insert((at, id), true);
        }
        Ok(State::Pending(()))
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

    fn apply(
        &mut self,
        movement: &Movement,
        (mut debit, mut credit): (Account, Account),
        phase: Phase,
    ) -> Result<(), JournalRefusal> {
        let minor = movement.amount.minor();
        let add = match phase {
            Phase::Pending => Turnover::hold,
            Phase::Posted => Turnover::post,
        };
        add(&mut debit.debits, minor)?;
        add(&mut credit.credits, minor)?;
        debit.within_limit()?;
        credit.within_limit()?;
        self.accounts.insert(movement.debit, debit);
        self.accounts.insert(movement.credit, credit);
        Ok(())
    }

    fn post(&mut self, id: TransferId, post: &Post) -> Result<State, JournalRefusal> {
        if post.amount.is_some_and(|amount| amount.minor() == 0) {
            return Err(JournalRefusal::AmountZero);
        }
        let (row, held) = self.held(&post.pending)?;
        let amount = post.amount.unwrap_or(held.movement.amount);
        match amount.within(held.movement.amount) {
            Err(_) => return Err(JournalRefusal::CurrencyMismatch),
            Ok(false) => return Err(JournalRefusal::ExceedsPendingAmount),
            Ok(true) => {}
        }
        self.settle(post.pending, row, &held, Some(amount), State::Posted(Settled { by: id, amount }));
        Ok(State::Final(()))
    }

    fn void(&mut self, id: TransferId, pending: &TransferId) -> Result<State, JournalRefusal> {
        let (row, held) = self.held(pending)?;
        self.settle(*pending, row, &held, None, State::Voided(id));
        Ok(State::Final(()))
    }

    /// A hold that can be settled now. One whose time has come cannot, whether or not it was processed.
    fn held(&self, id: &TransferId) -> Result<(Row, Pending), JournalRefusal> {
        let row = self.row(id).ok_or(JournalRefusal::PendingNotFound)?;
        let Kind::Pending(held) = row.kind else { return Err(JournalRefusal::PendingNotPending) };
        match row.state {
            State::Pending(()) if held.expires_at.is_some_and(|at| at <= self.ctx.at) => {
                Err(JournalRefusal::PendingExpired)
            }
            State::Pending(()) => Ok((row, held)),
            State::Posted(_) => Err(JournalRefusal::PendingAlreadyPosted),
            State::Voided(_) => Err(JournalRefusal::PendingAlreadyVoided),
            State::Expired(_) => Err(JournalRefusal::PendingExpired),
            State::Final(()) => self.rows.damaged(TRANSFERS.id(), id.as_bytes()),
        }
    }

    fn settle(&mut self, id: TransferId, row: Row, held: &Pending, posted: Option<Amount>, state: State) {
        let minor = posted.map_or(0, Amount::minor);
        let Movement { debit, credit, amount } = held.movement;
        self.settle_side(debit, |account| account.debits.settle(amount.minor(), minor));
        self.settle_side(credit, |account| account.credits.settle(amount.minor(), minor));
        self.transfers.insert(id, Row { state, ..row });
        if let Some(at) = held.expires_at {
            self.due.insert((at, id), false);
        }
    }

    /// A hold's accounts are there and hold at least it; rows that say otherwise are damaged.
    fn settle_side(&mut self, id: AccountId, settle: impl FnOnce(&mut Account) -> Option<()>) {
        let settled = self.account(&id).and_then(|mut account| settle(&mut account).map(|()| account));
        match settled {
            Some(account) => self.accounts.insert(id, account),
            None => self.rows.damaged(ACCOUNTS.id(), id.as_bytes()),
        };
    }
}

/// Releases a hold whose time has come.
pub(crate) fn expire(rows: &mut dyn Rows, ctx: &Ctx, at: UnixMs, id: TransferId) {
    let Some((row, held)) = TRANSFERS.get(rows, &id).and_then(still_pending) else {
        rows.damaged(TRANSFERS.id(), id.as_bytes())
    };
    let mut stage = Stage::new(rows, *ctx);
    stage.settle(id, row, &held, None, State::Expired(at));
    let Stage { accounts, transfers, .. } = stage;
    accounts.iter().for_each(|(id, account)| ACCOUNTS.put(rows, id, account));
    transfers.iter().for_each(|(id, row)| TRANSFERS.put(rows, id, row));
    DUE.delete(rows, &(at, id));
}

fn still_pending(row: Row) -> Option<(Row, Pending)> {
    match (row.kind, row.state) {
        (Kind::Pending(held), State::Pending(())) => Some((row, held)),
        _ => None,
    }
}
