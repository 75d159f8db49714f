//! Online again: what was emitted is reported, and the server's answer moves time, limits and locks.
use super::state::Lock;
use super::{Authenticator, Denied, Env};
use crate::messages::{DeviceLimits, Reconciled, Reply, Report, ReportBody, ReportedObject, SecureObject};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use symbolon_proof::Raw;
use symbolon_state::{Counter, Flash};
use symbolon_types::CoreRefusal;
use symbolon_wire::cbor::{from_slice, to_vec};

/// Whether limits are inside what any policy may ask of an authenticator.
pub(super) fn limits_in_range(limits: &DeviceLimits) -> Result<(), Refusal> {
    let right = (1..=super::POOL_MAX).contains(&limits.pool) && (3..=10).contains(&limits.attempts);
    if right { Ok(()) } else { Err(CoreRefusal::Malformed.into()) }
}

impl<F: Flash, C: Counter> Authenticator<F, C> {
    /// Takes the server's word on its keys.
    pub(super) fn hear(&mut self, env: &Env<'_>, list: &[u8]) -> Result<Reply, Denied> {
        let trust = self.state.trust.clone().heard(env.crypto, list)?;
        if trust != self.state.trust {
            let mut next = self.state.clone();
            next.time = next.time.max(Some(trust.heard));
            next.trust = trust;
            self.commit(env, next, false)?;
        }
        Ok(Reply::Done(()))
    }

    /// What it says of the time and of the counter is durable first: else a machine that lost its ticks in a restart would report an earlier time
    /// under a higher counter, and the report before it, coming late, would look like a copy's.
    pub(super) fn report(&mut self, env: &Env<'_>) -> Result<Reply, Denied> {
        self.enrolled()?;
        self.known_now(env)?;
        self.commit(env, self.state.clone(), false)?;
        let objects = self
            .state
            .objects
            .iter()
            .map(|emitted| ReportedObject { token: emitted.token, object: emitted.object })
            .collect();
        let authenticator = self.enrolled()?.authenticator;
        let body = ReportBody { authenticator, objects, counter: self.store.counter() };
        let report = Report { iat: self.known_now(env)?, body };
        self.reported = Some(env.crypto.sha256(&[&to_vec(&report)]));
        Ok(Reply::Message(self.signed(env, &report)?))
    }

    pub(super) fn reconciled(&mut self, env: &Env<'_>, bytes: &[u8]) -> Result<Reply, Denied> {
        let answer = Raw(bytes).parse::<Reconciled>()?;
        let answer = self.state.trust.verify(env.crypto, answer, self.now(env))?.into_claims();
        if self.reported != Some(answer.body.report) {
            return Err(CoreRefusal::Expired.into());
        }
        if answer.body.authenticator != self.enrolled()?.authenticator {
            return Err(Own::NotEnrolled.into());
        }
        limits_in_range(&answer.body.limits)?;
        let mut next = self.state.clone();
        next.pool.retain(|nonce| answer.body.live.contains(&nonce.token));
        next.sequence = next.sequence.max(answer.body.sequence);
        next.application = next.application.filter(|known| known.attempts_left > 0);
        next.objects.retain(|emitted| !answer.body.known.contains(&emitted.token));
        next.spent_count = u32::try_from(next.objects.len()).unwrap_or(u32::MAX);
        next.spent_minor = next.objects.iter().try_fold(0u64, |sum, emitted| {
            let object: SecureObject = from_slice(&emitted.payload.0)?;
            sum.checked_add(object.body.transaction.amount.minor()).ok_or(Refusal::from(Own::LimitCumulative))
        })?;
        next.time = next.time.max(Some(answer.iat));
        if let Some(enrolled) = &mut next.enrolled {
            enrolled.limits = answer.body.limits;
        }
        if next.lock == Lock::RolledBack {
            next.lock = Lock::Open;
        }
        next.lock_if_used_up();
        self.commit(env, next, true)?;
        self.reported = None;
        Ok(Reply::Done(()))
    }
}
