//! What flows back: a payee gives money back by reference to the object that brought it; a payer repays what it owes.
//!
//! ```text
//!   refund ─► nonce known? ─ same body ─► the first answer again
//!                          └ another ───► CONFLICT
//!          ─► credited to this payee, less than 180 days ago, and the sum of refunds within it? else NOT_FOUND, EXPIRED, REFUND_TOO_HIGH
//!          ─► credited from a reservation: payee ──► payer
//!          └► credited from offline_loss:  payee ──► offline_loss, and the payer's debt falls by the same; what was repaid already goes to the payer
//! ```
//! **Invariants:** all refunds of an object come to at most its credit; what is made good for a payee falls by what it gave back of it.
use super::commands::{Outcome, Refund, RefundedOutcome, RepayDebt};
use super::money;
use super::tables::{
    GRANTS, PAYEES, PAYERS, PayeeRow, PayerRow, REFUNDS, RefundRow, SETTLEMENTS, SettlementRow, Source,
};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use symbolon_state::{Ctx, Rows};
use symbolon_types::{Amount, CoreRefusal};

/// How long after its credit an object is refunded, in seconds: 180 days.
const REFUND_SECONDS_MAX: u64 = 180 * 24 * 3600;

pub(super) fn refund(rows: &mut dyn Rows, ctx: &Ctx, command: &Refund) -> Result<Outcome, Refusal> {
    let id = (command.payee, command.nonce);
    if let Some(answer) = refunded_already(rows, command) {
        return answer.map(Outcome::Refunded);
    }
    let mut credit = SETTLEMENTS
        .get(rows, &(command.token, command.payee))
        .filter(|credit| credit.outcome.object == command.object)
        .ok_or(CoreRefusal::NotFound)?;
    let refunded_minor = room(ctx, &credit, command)?;
    let payee = PAYEES.get(rows, &command.payee).ok_or(Own::PayeeUnknown)?;
    let grant = GRANTS.get(rows, &command.token).ok_or(Own::NonceUnknown)?;
    let payer = PAYERS.get(rows, &grant.payer).ok_or(Own::AccountUnknown)?;
    let set_off_minor = match credit.outcome.source {
        Source::Reservation => {
            let chain = money::refund_paid(&grant.payer, &command.payee, command.amount, command.refund);
            money::execute(rows, ctx, &[chain])?;
            0
        }
        Source::Loss => from_loss(rows, ctx, (&payer, payee), &grant.payer, command)?,
    };
    credit.refunded_minor = refunded_minor;
    let outcome = RefundedOutcome { object: command.object, amount: command.amount, refunded_minor };
    let row = RefundRow { refund: command.refund, token: command.token, outcome, set_off_minor };
    SETTLEMENTS.put(rows, &(command.token, command.payee), &credit);
    REFUNDS.put(rows, &id, &row);
    Ok(Outcome::Refunded(outcome))
}

/// What a refund is answered whose nonce is known: the first answer again, or CONFLICT; no row changes.
#[must_use]
pub fn refunded_already(rows: &dyn Rows, command: &Refund) -> Option<Result<RefundedOutcome, Refusal>> {
    let known = REFUNDS.get(rows, &(command.payee, command.nonce))?;
    let same = known.refund == command.refund;
    Some(if same { Ok(known.outcome) } else { Err(CoreRefusal::Conflict.into()) })
}

/// The sum of refunds after this one, if it is in time and fits.
fn room(ctx: &Ctx, credit: &SettlementRow, command: &Refund) -> Result<u64, Refusal> {
    if ctx.at.seconds() > credit.settled_at.plus(REFUND_SECONDS_MAX) {
        return Err(CoreRefusal::Expired.into());
    }
    if command.amount.minor() == 0 || command.amount.currency() != credit.outcome.amount.currency() {
        return Err(CoreRefusal::AmountInvalid.into());
    }
    let sum = credit.refunded_minor.checked_add(command.amount.minor());
    sum.filter(|sum| *sum <= credit.outcome.amount.minor()).ok_or(Own::RefundTooHigh.into())
}

/// Gives back what was made good; how much of it came off the payer's debt.
fn from_loss(
    rows: &mut dyn Rows,
    ctx: &Ctx,
    (payer, mut payee): (&PayerRow, PayeeRow),
    payer_id: &crate::messages::PayerId,
    command: &Refund,
) -> Result<u64, Refusal> {
    let owed = money::owed(rows, payer).map_or(0, Amount::minor);
    let set_off = command.amount.minor().min(owed);
    let chain =
        money::refund_lost(payer, payer_id, &command.payee, (command.amount, set_off), command.refund)?;
    money::execute(rows, ctx, &chain)?;
    payee.loss_minor = payee.loss_minor.saturating_sub(command.amount.minor());
    PAYEES.put(rows, &command.payee, &payee);
    Ok(set_off)
}

pub(super) fn repay(rows: &mut dyn Rows, ctx: &Ctx, command: &RepayDebt) -> Result<Outcome, Refusal> {
    let payer = PAYERS.get(rows, &command.payer).ok_or(Own::AccountUnknown)?;
    // A repeat finds the debt smaller: the journal knows it, and whether it is one.
    let known = symbolon_journal::transfer(rows, &command.transfer).is_some();
    let owed = money::owed(rows, &payer).ok_or(Own::AccountUnknown)?;
    if !known && command.amount.within(owed) != Ok(true) {
        return Err(CoreRefusal::AmountInvalid.into());
    }
    money::execute(rows, ctx, &money::repay(&payer, &command.payer, command.amount, command.transfer))?;
    Ok(Outcome::Done(()))
}
