//! An authenticator online again: what it emitted is put on record; it is told the time and its limits. Its word releases no money (R2).
use super::commands::{Outcome, Reconcile};
use super::tables::{AUTHENTICATORS, GRANTS, GrantRow, PAYERS, UNSPENT};
use super::trust::deny;
use crate::messages::{AuthenticatorId, Reconciled, ReconciledBody, ReportedObject};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use alloc::vec::Vec;
use symbolon_state::{Ctx, Rows};
use symbolon_types::{CoreRefusal, Hash};

pub(super) fn reconcile(rows: &mut dyn Rows, ctx: &Ctx, command: &Reconcile) -> Result<Outcome, Refusal> {
    let mut device = AUTHENTICATORS.get(rows, &command.authenticator).ok_or(Own::NotEnrolled)?;
    if device.revoked {
        return Err(Own::Revoked.into());
    }
    // A counter that went back: in an old report it must, so that is not taken again; in a new one it is that of a copy.
    if command.counter < device.counter {
        if command.reported_at <= device.reported_at {
            return Err(CoreRefusal::Expired.into());
        }
        deny(rows, &command.authenticator);
        return Err(Own::Revoked.into());
    }
    let mut known: Vec<(ReportedObject, GrantRow)> = Vec::new();
    for reported in &command.objects {
        if known.iter().any(|(before, _)| before.token == reported.token) {
            return Err(CoreRefusal::Malformed.into());
        }
        let grant = GRANTS.get(rows, &reported.token).ok_or(Own::NonceUnknown)?;
        if grant.authenticator != command.authenticator {
            return Err(Own::NonceUnknown.into());
        }
        known.push((*reported, grant));
    }
    // An object of its own that contradicts what was settled: two machines hold one key.
    for (reported, grant) in &known {
        if [grant.spent_by, grant.reported].iter().flatten().any(|object| *object != reported.object) {
            deny(rows, &grant.authenticator);
            return Err(Own::Revoked.into());
        }
    }
    for (reported, grant) in known {
        GRANTS.put(rows, &reported.token, &GrantRow { reported: Some(reported.object), ..grant });
    }
    device.counter = command.counter;
    device.reported_at = device.reported_at.max(command.reported_at);
    AUTHENTICATORS.put(rows, &command.authenticator, &device);
    let limits =
        PAYERS.get(rows, &device.payer).and_then(|row| row.limits.for_device()).ok_or(Own::AccountUnknown)?;
    Ok(Outcome::Reconciled(Reconciled {
        iat: ctx.at.seconds(),
        body: ReconciledBody {
            authenticator: command.authenticator,
            report: command.report,
            known: command.objects.iter().map(|reported| reported.token).collect(),
            limits,
            live: live(rows, ctx, &command.authenticator),
            sequence: device.sequence,
        },
    }))
}

/// The tokens whose grants may still be spent. A pool has at most 32; more rows have ended and wait to be swept.
fn live(rows: &dyn Rows, ctx: &Ctx, authenticator: &AuthenticatorId) -> Vec<Hash> {
    let now = ctx.at.seconds();
    let found = UNSPENT.scan(rows, authenticator, None, 256);
    found.into_iter().filter(|(_, exp)| *exp > now).map(|((_, token), _)| token).collect()
}
