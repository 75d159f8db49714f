//! Granting nonces: each grant reserves exactly its limit (rule R1), all of a request or none.
use super::commands::{GrantNonces, Outcome, TokenFacts};
use super::money::{self, House, payer_account};
use super::tables::{
    AUTHENTICATORS, AuthenticatorRow, GRANTS, GrantRow, NONCES, PAYERS, PayerRow, RESERVED, UNSPENT,
};
use super::trust::trust;
use crate::messages::{AuthenticatorId, Grant, GrantBody, PayerId};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use alloc::vec::Vec;
use symbolon_journal::{Transfer, TransferId};
use symbolon_proof::Confirmation;
use symbolon_state::{Ctx, Rows};
use symbolon_types::{CoreRefusal, Hash};

/// The policy under which grants are made today.
const POLICY: u32 = 1;

/// Rows of released reservations that one grant sweeps: more than it adds.
const SWEPT_MAX: usize = 64;

pub(super) fn grant_nonces(
    rows: &mut dyn Rows,
    ctx: &Ctx,
    command: &GrantNonces,
) -> Result<Outcome, Refusal> {
    let mut device = AUTHENTICATORS.get(rows, &command.authenticator).ok_or(Own::NotEnrolled)?;
    if device.revoked {
        return Err(Own::Revoked.into());
    }
    let payer = PAYERS.get(rows, &device.payer).ok_or(Own::AccountUnknown)?;
    let fresh: Vec<&TokenFacts> =
        command.tokens.iter().filter(|facts| GRANTS.get(rows, &facts.token).is_none()).collect();
    check_fresh(rows, ctx, &device, &fresh)?;
    let ended = check_room(rows, ctx, command, &payer, fresh.len())?;
    let made: Vec<GrantRow> = fresh
        .iter()
        .map(|facts| row(ctx, trust(rows).epoch, &device, &payer, command.authenticator, facts))
        .collect();
    let chain: Vec<Transfer> = made.iter().map(reserve).collect();
    money::execute(rows, ctx, &chain)?;
    ended.iter().for_each(|key| UNSPENT.delete(rows, key));
    for (facts, row) in fresh.iter().zip(&made) {
        NONCES.put(rows, &facts.nonce, &facts.token);
        GRANTS.put(rows, &facts.token, row);
        UNSPENT.put(rows, &(command.authenticator, facts.token), &row.grant.exp);
        RESERVED.put(rows, &reserved_key(row), &());
        device.sequence = facts.sequence;
        device.grants_until = device.grants_until.max(row.grant.exp);
    }
    sweep_released(rows, ctx, &device.payer);
    AUTHENTICATORS.put(rows, &command.authenticator, &device);
    let granted: Vec<Grant> = command
        .tokens
        .iter()
        .filter_map(|facts| GRANTS.get(rows, &facts.token))
        .map(|row| row.grant)
        .collect();
    Ok(Outcome::Granted(granted))
}

/// New tokens rise in sequence and repeat no nonce of anyone: else randomness is bad, or the device was copied.
fn check_fresh(
    rows: &dyn Rows,
    ctx: &Ctx,
    device: &AuthenticatorRow,
    fresh: &[&TokenFacts],
) -> Result<(), Refusal> {
    let mut last = device.sequence;
    let mut seen = Vec::new();
    for facts in fresh {
        if facts.exp <= ctx.at.seconds() {
            return Err(CoreRefusal::Expired.into());
        }
        if facts.sequence <= last || NONCES.get(rows, &facts.nonce).is_some() || seen.contains(&facts.nonce) {
            return Err(Own::NonceRepeated.into());
        }
        last = facts.sequence;
        seen.push(facts.nonce);
    }
    Ok(())
}

/// The pool of unspent, unexpired grants has room for so many more; the rows that have ended, to be swept.
fn check_room(
    rows: &dyn Rows,
    ctx: &Ctx,
    command: &GrantNonces,
    payer: &PayerRow,
    more: usize,
) -> Result<Vec<(AuthenticatorId, Hash)>, Refusal> {
    if command.tokens.is_empty() {
        return Err(CoreRefusal::Malformed.into());
    }
    let now = ctx.at.seconds();
    let (live, ended): (Vec<_>, Vec<_>) =
        UNSPENT.scan(rows, &command.authenticator, None, 64).into_iter().partition(|(_, exp)| *exp > now);
    let pool = usize::try_from(payer.limits.pool).unwrap_or(0);
    if live.len().saturating_add(more) > pool {
        return Err(Own::PoolFull.into());
    }
    Ok(ended.into_iter().map(|(key, _)| key).collect())
}

fn row(
    ctx: &Ctx,
    epoch: u32,
    device: &AuthenticatorRow,
    payer: &PayerRow,
    authenticator: AuthenticatorId,
    facts: &TokenFacts,
) -> GrantRow {
    let now = ctx.at.seconds();
    let grant = Grant {
        exp: facts.exp.min(now.plus(payer.limits.grant_seconds)),
        iat: now,
        cnf: Confirmation { key: device.signing },
        body: GrantBody {
            token: facts.token,
            account: facts.account,
            limit: payer.limits.per_payment,
            policy: POLICY,
            epoch,
            verification: payer.limits.verification.clone(),
        },
    };
    GrantRow {
        authenticator,
        payer: device.payer,
        grant,
        reservation: reservation(facts.token),
        spent_by: None,
        first_payee: None,
        reported: None,
    }
}

/// The reservation's id: the first half of the token's hash.
fn reservation(token: Hash) -> TransferId {
    let mut id = [0; 16];
    id.iter_mut().zip(token.0).for_each(|(to, from)| *to = from);
    TransferId(id)
}

/// The place of its reservation among those of the payer.
pub(super) fn reserved_key(row: &GrantRow) -> (PayerId, u64, Hash) {
    (row.payer, row.released_at().0, row.grant.body.token)
}

/// Forgets the dates that have passed; the journal released what they stood for.
fn sweep_released(rows: &mut dyn Rows, ctx: &Ctx, payer: &PayerId) {
    let now = ctx.at.seconds().0;
    for (key, ()) in RESERVED.scan(rows, payer, None, SWEPT_MAX) {
        if key.1 <= now {
            RESERVED.delete(rows, &key);
        }
    }
}

/// Holds the grant's limit until its settlement window ends (rule R2).
fn reserve(row: &GrantRow) -> Transfer {
    let limit = row.grant.body.limit;
    let until = row.released_at().ms();
    let clearing = House::Clearing.account(limit.currency());
    Transfer::pending(
        row.reservation,
        payer_account(&row.payer),
        clearing,
        limit,
        Some(until),
        row.grant.body.token,
    )
}
