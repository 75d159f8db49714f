//! Settlement, and what a second object of one nonce leads to (rules R2 to R5).
//!
//! ```text
//!   object ─► known for (token, payee)? ─ same object ─► the first answer again
//!                                       └ another ─────► evidence, DUPLICATE
//!          ─► refused to this payee while it was online? ─► the same refusal again, whatever its receipt says now
//!          ─► in time? ─ no ─► SETTLED_LATE
//!          ─► challenge credited before, with another nonce ─► DUPLICATE
//!          ─► grant unspent ──► payee was online (P1) and the authenticator is revoked: REVOKED
//!                           └─► the final amount posted from its reservation, the rest of it released
//!          └► grant spent by another object ──► evidence, authenticator revoked ─► payee was online (P1): NONCE_SPENT
//!                                                                               ├► inside the payee's cap: posted from offline_loss
//!                                                                               └► else OUTSIDE_CAP
//! ```
//! A device that is denied meanwhile changes nothing here for a payee that was offline. Such a payee judged by its own list, which by its age could not yet name
//! the device; which list that was cannot be proved afterwards, so no honest payee is refused for one that it could not have had. What bounds
//! the issuer's loss is R4 as it stands: one reservation a grant, and the cap of each payee.
use super::commands::{Outcome, Settle, SettledOutcome};
use super::grants::reserved_key;
use super::money;
use super::tables::{
    AUTHENTICATORS, CHALLENGES, EVIDENCE, Evidence, GRANTS, GrantRow, PAYEES, PAYERS, PayeeRow,
    REFUSED_ONLINE, RESERVED, SETTLEMENTS, STATEMENTS, SettlementRow, Source, UNSPENT,
};
use super::trust::deny;
use crate::messages::{SETTLEMENT_WINDOW_SECONDS, SKEW_SECONDS};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use alloc::vec::Vec;
use symbolon_state::{Ctx, Rows};
use symbolon_types::UnixMs;

pub(super) fn settle(rows: &mut dyn Rows, ctx: &Ctx, command: &Settle) -> Result<Outcome, Refusal> {
    if let Some(answer) = settled_already(rows, ctx.at, command) {
        return answer.map(Outcome::Settled);
    }
    let payee = PAYEES.get(rows, &command.payee).ok_or(Own::PayeeUnknown)?;
    let grant = GRANTS.get(rows, &command.token).ok_or(Own::NonceUnknown)?;
    if SETTLEMENTS.get(rows, &(command.token, command.payee)).is_some() {
        convict(rows, &grant, command);
        return Err(Own::PayeeDuplicate.into());
    }
    // The log's time may yet come there: what is too early is refused and not put down as hopeless.
    if command.accepted_at > ctx.at.seconds().plus(SKEW_SECONDS) {
        return Err(Own::SettledLate.into());
    }
    match grant.spent_by {
        None => first(rows, ctx, grant, payee, command),
        Some(_) => later(rows, ctx, &grant, payee, command),
    }
}

/// What a settlement is answered at this time or any later one without a row being changed; `None` where the log must decide. Whoever sends such
/// an upload again and again does not make the log grow.
#[must_use]
pub fn settled_already(
    rows: &dyn Rows,
    at: UnixMs,
    command: &Settle,
) -> Option<Result<SettledOutcome, Refusal>> {
    let grant = GRANTS.get(rows, &command.token)?;
    if let Some(known) = SETTLEMENTS.get(rows, &(command.token, command.payee)) {
        if known.outcome.object == command.object {
            return Some(Ok(known.outcome));
        }
        return convicted(rows, command).then_some(Err(Own::PayeeDuplicate.into()));
    }
    if let Some(told) = REFUSED_ONLINE.get(rows, &(command.payee, command.object)) {
        return Some(Err(told));
    }
    if command.amount.within(grant.grant.body.limit) != Ok(true) {
        return Some(Err(Own::LimitTransaction.into()));
    }
    if is_late(at, &grant, command) {
        return Some(Err(Own::SettledLate.into()));
    }
    let paid = CHALLENGES.get(rows, &(command.payee, command.challenge)).is_some();
    paid.then_some(Err(Own::PayeeDuplicate.into()))
}

/// Accepted outside [iat, exp + skew], or uploaded after the window.
fn is_late(at: UnixMs, grant: &GrantRow, command: &Settle) -> bool {
    let (iat, exp) = (grant.grant.iat, grant.grant.exp);
    let accepted = command.accepted_at;
    let while_valid = accepted >= iat && accepted <= exp.plus(SKEW_SECONDS);
    let uploaded = at < exp.plus(SETTLEMENT_WINDOW_SECONDS).ms();
    // Profile P1: the payee asks while it is waiting, so what it accepted long ago was not accepted online.
    let at_once = !command.online || at.seconds() <= accepted.plus(SKEW_SECONDS);
    !(while_valid && uploaded && at_once)
}

/// What a payee was told while it waited holds for this object ever after: it did not give the goods for it, whatever it says later (P1).
fn refuse_online(rows: &mut dyn Rows, command: &Settle, told: Own) -> Result<Outcome, Refusal> {
    REFUSED_ONLINE.put(rows, &(command.payee, command.object), &told.into());
    Err(told.into())
}

fn first(
    rows: &mut dyn Rows,
    ctx: &Ctx,
    mut grant: GrantRow,
    payee: PayeeRow,
    command: &Settle,
) -> Result<Outcome, Refusal> {
    let revoked = AUTHENTICATORS.get(rows, &grant.authenticator).is_some_and(|device| device.revoked);
    if command.online && revoked {
        return refuse_online(rows, command, Own::Revoked);
    }
    let chain = money::from_reservation(grant.reservation, &command.payee, command.amount, command.object);
    money::execute(rows, ctx, &chain)?;
    UNSPENT.delete(rows, &(grant.authenticator, command.token));
    RESERVED.delete(rows, &reserved_key(&grant));
    grant.spent_by = Some(command.object);
    grant.first_payee = Some(command.payee);
    GRANTS.put(rows, &command.token, &grant);
    if grant.reported.is_some_and(|reported| reported != command.object) {
        deny(rows, &grant.authenticator);
    }
    Ok(credited(rows, ctx, payee, command, Source::Reservation))
}

fn later(
    rows: &mut dyn Rows,
    ctx: &Ctx,
    grant: &GrantRow,
    mut payee: PayeeRow,
    command: &Settle,
) -> Result<Outcome, Refusal> {
    convict(rows, grant, command);
    if command.online {
        return refuse_online(rows, command, Own::NonceSpent);
    }
    let made_good = payee.loss_minor.checked_add(command.amount.minor()).ok_or(Own::OutsideCap)?;
    if command.amount.currency() != payee.cap.currency() || made_good > payee.cap.minor() {
        return Err(Own::OutsideCap.into());
    }
    let payer = PAYERS.get(rows, &grant.payer).ok_or(Own::AccountUnknown)?;
    money::execute(rows, ctx, &money::from_loss(&payer, &command.payee, command.amount, command.object))?;
    payee.loss_minor = made_good;
    Ok(credited(rows, ctx, payee, command, Source::Loss))
}

/// Puts a credit on record, as the payee's next entry.
fn credited(
    rows: &mut dyn Rows,
    ctx: &Ctx,
    mut payee: PayeeRow,
    command: &Settle,
    source: Source,
) -> Outcome {
    payee.credits = payee.credits.saturating_add(1);
    let outcome = SettledOutcome { object: command.object, amount: command.amount, source };
    let row = SettlementRow {
        outcome,
        bytes: command.bytes.clone(),
        settled_at: ctx.at.seconds(),
        number: payee.credits,
        refunded_minor: 0,
    };
    SETTLEMENTS.put(rows, &(command.token, command.payee), &row);
    STATEMENTS.put(rows, &(command.payee, payee.credits), &command.token);
    PAYEES.put(rows, &command.payee, &payee);
    CHALLENGES.put(rows, &(command.payee, command.challenge), &command.object);
    Outcome::Settled(outcome)
}

/// Ids that are kept of objects after the first.
const LATER_MAX: usize = 32;

/// Whether [`convict`] would change nothing more.
fn convicted(rows: &dyn Rows, command: &Settle) -> bool {
    let known = EVIDENCE.get(rows, &command.token);
    known.is_some_and(|known| known.later.contains(&command.object) || known.later.len() >= LATER_MAX)
}

/// Keeps the first object, the first that contradicts it and the ids of the rest, and revokes the authenticator.
fn convict(rows: &mut dyn Rows, grant: &GrantRow, command: &Settle) {
    let first = grant.first_payee.and_then(|payee| SETTLEMENTS.get(rows, &(command.token, payee)));
    let Some(first) = first else { return };
    let mut evidence = EVIDENCE.get(rows, &command.token).unwrap_or_else(|| Evidence {
        first: first.bytes,
        second: command.bytes.clone(),
        later: Vec::new(),
    });
    if !evidence.later.contains(&command.object) && evidence.later.len() < LATER_MAX {
        evidence.later.push(command.object);
    }
    EVIDENCE.put(rows, &command.token, &evidence);
    deny(rows, &grant.authenticator);
}
