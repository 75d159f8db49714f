//! The authenticator: issues nonce tokens, opens and checks the credential, emits secure objects. A machine of its own, with a store of
//! its own; the applications speak to it in [`Request`]s.
//!
//! ```text
//!            PairSecureApplication   BeginEnrolment, CompleteEnrolment          Nonces
//!   Blank ───────────────────────► Paired ───────────────────────────► Enrolled ──────► nonce Issued ──Authorise──► Consumed
//!                                                                         │ attempts = 0                  (key destroyed,
//!                                                                         ├──────────────► Locked          object recorded,
//!                                                                         │ store older than counter       then emitted)
//!                                                                         └──────────────► RolledBack ──Reconciled──► Enrolled, or Locked
//! ```
//! **Invariants**
//! - Consume before emit: what an answer gives away is durable, and the counter has risen, before the answer exists ([`store::Store::commit`]).
//! - The private key of a nonce leaves the store (both banks) in the same step that records its object.
//! - An attempt is counted, durably, before the credential is compared; a message that cannot be opened costs no attempt. One counter serves all
//!   kinds, and only a right credential restores it: a payment that needs none does not.
//! - Every payment comes from the paired secure application: where no credential is needed, it seals an empty one. What was paid so comes to at
//!   most the cumulative limit until a right credential pays; no reconciliation starts that sum anew.
//! - A credential is set only under one that is set, at least as strong as it or the strongest there is.
//! - An attempt is never won back: not by a power cut, and an old store counts every commit that it lost as an attempt.
//! - An enrolment is used once: what the server seals is for a key of that enrolment, destroyed when it is complete.
//! - A challenge is paid at most once.
//! - The credential key `k_c` lives only while a credential is open; the account key is stored only wrapped under it.
//! - Time is server-signed time plus this machine's monotonic ticks; it never goes back and is never the operating system's.
mod attempts;
mod credential;
mod enrol;
mod pay;
mod platform;
mod report;
mod second;
mod setting;
mod state;
mod store;

use crate::messages::{RefusedReply, Reply, Request, Status};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use state::{Enrolled, Lock, State};
use store::Store;
use symbolon_keys::{Crypto, KemKey, LocalSigner, SigningKey, VerifyingKey, derive32};
use symbolon_proof::{Claims, sign};
use symbolon_state::{Counter, Flash};
use symbolon_types::{Hash, Secret, UnixSeconds};
use symbolon_wire::cbor::Bytes;

pub use credential::Credential;
pub(crate) use credential::{credential_aad, credential_info, enrolment_info, setting_info};
pub(crate) use enrol::{ACCOUNT_INFO, PAIRING_INFO};
pub(crate) use pay::{AUDIT_INFO, proof_parts};
pub(crate) use platform::setting_question;
pub use platform::{PlatformAssertion, PlatformRegistration, payment_question};
pub(crate) use second::OTP_SUITE;
pub use second::otp_question;

/// The most nonces that any policy lets a pool hold.
pub const POOL_MAX: u32 = 32;

/// What a step is given from outside: cryptography, fresh random bytes, and the machine's monotonic ticks.
pub struct Env<'a> {
    /// The provider of cryptography.
    pub crypto: &'a dyn Crypto,
    /// 32 fresh random bytes, for this step only.
    pub seed: Secret<[u8; 32]>,
    /// Milliseconds since this machine started; never goes back.
    pub ticks_ms: u64,
}

impl Env<'_> {
    fn random32(&self, label: &[u8]) -> Secret<[u8; 32]> {
        derive32(self.crypto, self.seed.reveal(), label, &[])
    }

    fn random16(&self, label: &[u8], context: &[&[u8]]) -> [u8; 16] {
        let wide = derive32(self.crypto, self.seed.reveal(), label, context);
        let mut narrow = [0; 16];
        narrow.iter_mut().zip(wide.reveal()).for_each(|(to, from)| *to = *from);
        narrow
    }
}

/// Keys that never leave the machine, all derived from its one device secret.
struct DeviceKeys {
    signing: SigningKey,
    kem: KemKey,
    seal: Secret<[u8; 32]>,
    mac: Secret<[u8; 32]>,
    pepper: Secret<[u8; 32]>,
}

impl DeviceKeys {
    fn derive(crypto: &dyn Crypto, secret: &Secret<[u8; 32]>) -> Self {
        let key = |label: &[u8]| derive32(crypto, secret.reveal(), label, &[]);
        Self {
            signing: SigningKey::from_seed(key(b"authenticator/sign")),
            kem: KemKey::from_private(key(b"authenticator/kem")),
            seal: key(b"authenticator/seal"),
            mac: key(b"authenticator/mac"),
            pepper: key(b"authenticator/pepper"),
        }
    }
}

/// An authenticator on its flash and counter.
pub struct Authenticator<F: Flash, C: Counter> {
    keys: DeviceKeys,
    store: Store<F, C>,
    state: State,
    /// The ticks at which `state.time` was true.
    ticks_mark: u64,
    /// Until these ticks no sealed credential is opened.
    open_after_ms: u64,
    /// The ticks at which a credential was last compared, 0 at the start.
    compared_ms: u64,
    /// The payload hash of the report that an answer is awaited for.
    reported: Option<Hash>,
}

/// A refusal, with the attempts left where it was for the credential.
struct Denied {
    refusal: Refusal,
    attempts_left: Option<u32>,
}

impl<R: Into<Refusal>> From<R> for Denied {
    fn from(refusal: R) -> Self {
        Self { refusal: refusal.into(), attempts_left: None }
    }
}

impl<F: Flash, C: Counter> Authenticator<F, C> {
    /// Starts the machine on its store. `secret` is what the hardware keeps; `server` is pinned at the first start and kept from then on.
    ///
    /// # Errors
    /// STORE_FAILED when the medium fails, is damaged, or was sealed under another secret. A store that is older than the counter
    /// starts, with its pool dropped, and is locked until the next reconciliation.
    pub fn start(
        flash: F,
        counter: C,
        secret: &Secret<[u8; 32]>,
        server: VerifyingKey,
        env: &Env<'_>,
    ) -> Result<Self, Refusal> {
        let keys = DeviceKeys::derive(env.crypto, secret);
        let (store, found) = Store::open(flash, counter, &keys.seal, env.crypto)?;
        let rolled_back = found.commits_lost > 0;
        let mut state = found.state.unwrap_or_else(|| State::blank(server));
        state.boot = state.boot.saturating_add(1);
        if rolled_back {
            state.roll_back(found.commits_lost);
        }
        state.lock_if_used_up();
        let mut machine = Self {
            keys,
            store,
            state: state.clone(),
            ticks_mark: env.ticks_ms,
            open_after_ms: 0,
            compared_ms: 0,
            reported: None,
        };
        let destroy = rolled_back || state.lock == Lock::NoAttempts;
        machine.commit(env, state, destroy)?;
        Ok(machine)
    }

    /// Performs one request. Whatever the answer gives away is durable before this returns.
    pub fn handle(&mut self, env: &Env<'_>, request: Request) -> Reply {
        let answer = match request {
            Request::Status(()) => Ok(Reply::Status(self.status(env.crypto))),
            Request::PairSecureApplication(key) => self.pair_secure_application(env, key),
            Request::BeginEnrolment(code) => self.begin_enrolment(env, code),
            Request::CompleteEnrolment(message) => self.complete_enrolment(env, &message),
            Request::PairPaymentApplication(message) => self.pair_payment_application(env, &message),
            Request::Nonces(count) => self.issue_nonces(env, count),
            Request::Preview(challenge) => self.preview(env, &challenge.0),
            Request::SecondNonce(request) => self.second_nonce(env, &request),
            Request::Authorise(sealed) => self.authorise(env, &sealed),
            Request::Reemit(token) => self.reemit(env, token),
            Request::Report(()) => self.report(env),
            Request::Reconciled(message) => self.reconciled(env, &message.0),
            Request::Trust(list) => self.hear(env, &list.0),
            Request::SetCredential(message) => self.set_credential(env, &message),
        };
        answer.unwrap_or_else(|denied| {
            Reply::Refused(RefusedReply { refusal: denied.refusal, attempts_left: denied.attempts_left })
        })
    }

    fn status(&self, crypto: &dyn Crypto) -> Status {
        let state = &self.state;
        let count = |items: usize| u32::try_from(items).unwrap_or(u32::MAX);
        Status {
            authenticator: state.enrolled.as_ref().map(|enrolled| enrolled.authenticator),
            kem: self.keys.kem.public(crypto),
            attempts_left: state.enrolled.as_ref().map_or(0, |enrolled| enrolled.attempts_left),
            pool: count(state.pool.len()),
            objects: count(state.objects.len()),
            spent_minor: state.spent_minor,
            locked: state.lock != Lock::Open,
            paired: state.secure_application.is_some(),
            application: state.application.as_ref().map(|known| known.application),
            counter: self.store.counter(),
            credentials: state
                .enrolled
                .iter()
                .flat_map(|enrolled| enrolled.credentials.iter().map(|record| record.kind))
                .collect(),
            epoch: state.trust.epoch,
        }
    }

    /// Gives the flash and the counter back, as a power cut would leave them.
    pub fn into_parts(self) -> (F, C) {
        self.store.into_parts()
    }

    /// Makes `next` the state: durable first, then true. With `destroy`, nothing of the state before remains on the flash.
    fn commit(&mut self, env: &Env<'_>, mut next: State, destroy: bool) -> Result<(), Refusal> {
        let now = self.now(env);
        next.time = next.time.max(now);
        // Whole seconds go into the time; the rest is kept, or many commits would slow the clock.
        let rest_ms = env.ticks_ms.saturating_sub(self.ticks_mark).checked_rem(1000).unwrap_or(0);
        let kept_ms = if next.time == now { rest_ms } else { 0 };
        self.store.commit(env, &self.keys.seal, &next, destroy)?;
        self.state = next;
        self.ticks_mark = self.ticks_mark.max(env.ticks_ms.saturating_sub(kept_ms));
        Ok(())
    }

    /// The highest time known: server-signed time plus ticks since. `None` before the first signed time.
    fn now(&self, env: &Env<'_>) -> Option<UnixSeconds> {
        let passed_ms = env.ticks_ms.saturating_sub(self.ticks_mark);
        self.state.time.map(|time| time.plus(passed_ms.checked_div(1000).unwrap_or(0)))
    }

    /// The time, where a validity is to be judged by it.
    fn known_now(&self, env: &Env<'_>) -> Result<UnixSeconds, Refusal> {
        if env.ticks_ms < self.ticks_mark {
            return Err(Own::ClockUnknown.into());
        }
        self.now(env).ok_or(Own::ClockUnknown.into())
    }

    fn enrolled(&self) -> Result<&Enrolled, Refusal> {
        self.state.enrolled.as_ref().ok_or(Own::NotEnrolled.into())
    }

    /// Refuses while the machine is locked, by the name of the lock.
    fn unlocked(&self) -> Result<(), Refusal> {
        match self.state.lock {
            Lock::Open => Ok(()),
            Lock::NoAttempts => Err(Own::CredentialLocked.into()),
            Lock::RolledBack => Err(Own::StoreRollback.into()),
        }
    }

    fn signed<T: Claims>(&self, env: &Env<'_>, claims: &T) -> Result<Bytes, Refusal> {
        let signer = LocalSigner { crypto: env.crypto, key: &self.keys.signing };
        Ok(Bytes(sign(env.crypto, &signer, claims)?))
    }
}
