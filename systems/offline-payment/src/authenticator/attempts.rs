//! Attempts: counted before anything is compared, and what a wrong one leads to.
//!
//! ```text
//!   open ─► OPEN_FAILED, the next waits 250 ms          no attempt: whoever has no key of the pairing guesses nothing
//!   count (durable) ─► compare ─► right: all attempts are back, with what the right one buys
//!                              └► CRED_WRONG, the next waits 1, 2, 4 … s; with the last one the pool is wiped: CRED_LOCKED
//! ```
use super::{Authenticator, Denied, Env};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use alloc::vec::Vec;
use symbolon_keys::KemKey;
use symbolon_proof::hpke;
use symbolon_state::{Counter, Flash};
use symbolon_types::{CoreRefusal, Secret};

/// After a message that could not be opened, the next one waits this long, in milliseconds.
const OPEN_PAUSE_MS: u64 = 250;

impl<F: Flash, C: Counter> Authenticator<F, C> {
    /// Opens what the paired secure application sealed; slowed after what cannot be opened.
    pub(super) fn open_sealed(
        &mut self,
        env: &Env<'_>,
        key: &KemKey,
        info: &[u8],
        aad: &[u8],
        sealed: hpke::Sealed,
    ) -> Result<Secret<Vec<u8>>, Refusal> {
        if env.ticks_ms < self.open_after_ms {
            return Err(CoreRefusal::Busy.into());
        }
        let sender = self.paired()?;
        hpke::open_auth(env.crypto, hpke::Suite::Aes128Gcm, key, info, aad, &sender, &sealed).map_err(|_| {
            self.open_after_ms = env.ticks_ms.saturating_add(OPEN_PAUSE_MS);
            CoreRefusal::OpenFailed.into()
        })
    }

    /// Takes one attempt, durably, before anything is compared. After a wrong one the next waits 1, 2, 4 … seconds.
    pub(super) fn count_attempt(&mut self, env: &Env<'_>) -> Result<(), Refusal> {
        let (allowed, left) = (self.enrolled()?.limits.attempts, self.enrolled()?.attempts_left);
        let pause_ms = match allowed.saturating_sub(left) {
            0 => 0,
            wrong => 1000u64.checked_shl(wrong.saturating_sub(1)).unwrap_or(u64::MAX),
        };
        if env.ticks_ms < self.compared_ms.saturating_add(pause_ms) {
            return Err(CoreRefusal::Busy.into());
        }
        self.compared_ms = env.ticks_ms;
        let left = left.checked_sub(1).ok_or(Own::CredentialLocked)?;
        let mut next = self.state.clone();
        if let Some(enrolled) = &mut next.enrolled {
            enrolled.attempts_left = left;
        }
        self.commit(env, next, false)
    }

    /// The credential was wrong: with the last attempt the pool is wiped and the machine locks.
    pub(super) fn wrong_credential(&mut self, env: &Env<'_>, refusal: Refusal) -> Denied {
        let left = self.state.enrolled.as_ref().map_or(0, |enrolled| enrolled.attempts_left);
        if left > 0 {
            return Denied { refusal, attempts_left: Some(left) };
        }
        let mut next = self.state.clone();
        next.lock_if_used_up();
        let refusal = match self.commit(env, next, true) {
            Ok(()) => Own::CredentialLocked.into(),
            Err(failed) => failed,
        };
        Denied { refusal, attempts_left: Some(0) }
    }
}
