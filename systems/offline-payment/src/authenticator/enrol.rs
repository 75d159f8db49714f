//! Pairing, enrolment, and the issue of nonce tokens: what the authenticator does while the phone is online.
use super::report::limits_in_range;
use super::state::{Enrolled, Lock, PairedApplication, PoolNonce};
use super::{Authenticator, Credential, Denied, Env, POOL_MAX, credential, enrolment_info, setting_question};
use crate::messages::{
    AuthenticatorId, CompleteEnrolment, Enrolment, EnrolmentRequest, EnrolmentRequestBody, Nonce, NonceToken,
    NonceTokenBody, PairPaymentApplication, Reply,
};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use alloc::vec::Vec;
use symbolon_keys::{KemKey, KemPublic, derive32};
use symbolon_proof::{Raw, hpke};
use symbolon_state::{Counter, Flash};
use symbolon_types::{CoreRefusal, Secret, UnixSeconds};
use symbolon_wire::cbor::Bytes;

/// How long a nonce token lives at the most, in seconds; the grant may end sooner.
const TOKEN_LIFE_SECONDS: u64 = 30 * 24 * 3600;

/// Wrong one-time passwords in a row before the payment application must be paired again.
pub(super) const OTP_ATTEMPTS: u32 = 5;

/// What the sealing of a payment application's secret is bound to.
pub(crate) const PAIRING_INFO: &[u8] = b"sop/pair/v1";

/// What the sealing of the account key is bound to.
pub(crate) const ACCOUNT_INFO: &[u8] = b"sop/acct/v1";

impl<F: Flash, C: Counter> Authenticator<F, C> {
    pub(super) fn pair_secure_application(&mut self, env: &Env<'_>, key: KemPublic) -> Result<Reply, Denied> {
        match self.state.secure_application {
            Some(paired) if paired == key => return Ok(Reply::Done(())),
            Some(_) => return Err(Own::AlreadyEnrolled.into()),
            None => {}
        }
        let mut next = self.state.clone();
        next.secure_application = Some(key);
        self.commit(env, next, false)?;
        Ok(Reply::Done(()))
    }

    pub(super) fn pair_payment_application(
        &mut self,
        env: &Env<'_>,
        message: &PairPaymentApplication,
    ) -> Result<Reply, Denied> {
        // One whose attempts are used up stays so until a reconciliation: the socket alone does not bring another secret in.
        if let Some(known) = &self.state.application {
            let same = known.application == message.application && known.attempts_left > 0;
            return if same { Ok(Reply::Done(())) } else { Err(Own::AlreadyEnrolled.into()) };
        }
        let aad = message.application.as_bytes();
        let opened = hpke::open_base(
            env.crypto,
            hpke::Suite::Aes128Gcm,
            &self.keys.kem,
            PAIRING_INFO,
            aad,
            &message.secret.clone().into(),
        )?;
        let secret = <[u8; 32]>::try_from(opened.reveal().as_slice()).map_err(|_| CoreRefusal::Malformed)?;
        let mut next = self.state.clone();
        next.application = Some(PairedApplication {
            application: message.application,
            secret: Secret::new(secret),
            counter: 0,
            attempts_left: OTP_ATTEMPTS,
        });
        self.commit(env, next, true)?;
        Ok(Reply::Done(()))
    }

    /// Asks with a key of this enrolment's own, kept until it is complete: the answer to a former one opens nothing.
    pub(super) fn begin_enrolment(&mut self, env: &Env<'_>, code: [u8; 16]) -> Result<Reply, Denied> {
        self.paired()?;
        self.may_enrol()?;
        let private = match &self.state.enrolling {
            Some(private) => private.clone(),
            None => {
                let private = env.random32(b"enrolment/kem");
                let mut next = self.state.clone();
                next.enrolling = Some(private.clone());
                self.commit(env, next, false)?;
                private
            }
        };
        let signing = self.keys.signing.verifying(env.crypto);
        let kem = KemKey::from_private(private).public(env.crypto);
        let request = EnrolmentRequest { body: EnrolmentRequestBody { code, signing, kem } };
        Ok(Reply::Message(self.signed(env, &request)?))
    }

    /// Takes the server's enrolment and the first credential in one step, so that the account key never lies unwrapped.
    pub(super) fn complete_enrolment(
        &mut self,
        env: &Env<'_>,
        message: &CompleteEnrolment,
    ) -> Result<Reply, Denied> {
        let secure_application = self.paired()?;
        self.may_enrol()?;
        let enrolment = Raw(&message.enrolment.0).parse::<Enrolment>()?;
        let enrolment = self.state.trust.verify(env.crypto, enrolment, self.now(env))?.into_claims();
        let body = enrolment.body;
        let me = AuthenticatorId::of(env.crypto, &self.keys.signing.verifying(env.crypto));
        if body.authenticator != me {
            return Err(Own::NotEnrolled.into());
        }
        limits_in_range(&body.limits)?;
        let enrolling = self.state.enrolling.clone().ok_or(Own::NotEnrolled)?;
        let account_key = hpke::open_base(
            env.crypto,
            hpke::Suite::Aes128Gcm,
            &KemKey::from_private(enrolling),
            ACCOUNT_INFO,
            me.as_bytes(),
            &body.account_key.into(),
        )?;
        let info = enrolment_info(env.crypto, &message.enrolment.0);
        let padded = hpke::open_auth(
            env.crypto,
            hpke::Suite::Aes128Gcm,
            &self.keys.kem,
            &info,
            &[],
            &secure_application,
            &message.credential.clone().into(),
        )?;
        let typed = Credential::opened(padded.reveal())?;
        let platform = typed.settable(env.crypto, setting_question(env.crypto, &info))?;
        let record = credential::enclose(env, &self.keys, &typed, platform, &account_key)?;
        let mut next = self.state.clone();
        next.enrolled = Some(Enrolled {
            authenticator: me,
            issuer: body.issuer,
            attempts_left: body.limits.attempts,
            limits: body.limits,
            credentials: [record].into(),
        });
        next.lock = Lock::Open;
        next.enrolling = None;
        next.time = next.time.max(Some(enrolment.iat));
        self.commit(env, next, true)?;
        Ok(Reply::Done(()))
    }

    pub(super) fn issue_nonces(&mut self, env: &Env<'_>, count: u32) -> Result<Reply, Denied> {
        self.unlocked()?;
        let now = self.known_now(env)?;
        let most = self.enrolled()?.limits.pool.min(POOL_MAX);
        let mut next = self.state.clone();
        next.pool.retain(|nonce| nonce.exp > now);
        let have = u32::try_from(next.pool.len()).unwrap_or(u32::MAX);
        if count == 0 || have.checked_add(count).is_none_or(|after| after > most) {
            return Err(Own::PoolFull.into());
        }
        let mut tokens = Vec::new();
        for _ in 0..count {
            next.sequence = next.sequence.checked_add(1).ok_or(Own::PoolFull)?;
            let (token, nonce) = self.make_nonce(env, next.sequence, now)?;
            tokens.push(token);
            next.pool.push(nonce);
        }
        self.commit(env, next, false)?;
        Ok(Reply::Messages(tokens))
    }

    fn make_nonce(
        &self,
        env: &Env<'_>,
        sequence: u64,
        now: UnixSeconds,
    ) -> Result<(Bytes, PoolNonce), Refusal> {
        let place = sequence.to_be_bytes();
        let kem = derive32(env.crypto, env.seed.reveal(), b"nonce/kem", &[&place]);
        let exp = now.plus(TOKEN_LIFE_SECONDS);
        let body = NonceTokenBody {
            authenticator: self.enrolled()?.authenticator,
            sequence,
            kem: KemKey::from_private(kem.clone()).public(env.crypto),
            boot: self.state.boot,
            counter: self.store.counter(),
        };
        let nonce = Nonce(env.random16(b"nonce/value", &[&place]));
        let token = self.signed(env, &NonceToken { exp, iat: now, nonce, body })?;
        let hash = env.crypto.sha256(&[&token.0]);
        Ok((token, PoolNonce { sequence, token: hash, kem, exp }))
    }

    pub(super) fn paired(&self) -> Result<KemPublic, Refusal> {
        self.state.secure_application.ok_or(Own::NotPaired.into())
    }

    /// A new enrolment is for a new machine, and for one whose attempts are used up.
    fn may_enrol(&self) -> Result<(), Refusal> {
        let fresh = self.state.enrolled.is_none() || self.state.lock == Lock::NoAttempts;
        if fresh { Ok(()) } else { Err(Own::AlreadyEnrolled.into()) }
    }
}
