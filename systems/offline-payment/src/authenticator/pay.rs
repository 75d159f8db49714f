//! From a sealed credential to a secure object.
//!
//! ```text
//!   Authorise ─► offer checked ─► credential opened ─► attempt counted (durable) ─► compared ─► object recorded, key destroyed (durable) ─► signed
//!                 no change        no change, slowed    attempts - 1                 CRED_WRONG   attempts restored
//! ```
//! The order is that of the amended specification: forged wrappers cost no attempt, so they cannot lock the user out; a compared
//! credential always has, so a power cut cannot win one back.
use super::state::{Emitted, PoolNonce, State};
use super::{Authenticator, Credential, Denied, Env, credential, credential_aad, credential_info};
use crate::messages::{
    Audit, Challenge, Grant, NonceToken, PayeeCertificate, Preview, Reply, SKEW_SECONDS, SealedBox,
    SealedCredential, SecureObject, SecureObjectBody, Transaction,
};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use symbolon_keys::{HashAlgorithm, KemKey};
use symbolon_proof::{Raw, Unsigned, Verified, hpke};
use symbolon_state::{Counter, Flash};
use symbolon_types::{CoreRefusal, Hash, Secret};
use symbolon_wire::cbor::{Bytes, from_slice, to_vec};

/// What the sealing of an audit to the issuer is bound to, with the token's hash and R as associated data.
pub(crate) const AUDIT_INFO: &[u8] = b"sop/audit/v1";

/// What the credential proof is a MAC over: `"so/v1" ‖ token hash ‖ R ‖ H(txn)`.
pub(crate) fn proof_parts<'a>(token: &'a Hash, random: &'a [u8; 32], transaction: &'a Hash) -> [&'a [u8]; 4] {
    [b"so/v1", &token.0, random, &transaction.0]
}

/// After a message that could not be opened, the next one waits this long, in milliseconds.
const OPEN_PAUSE_MS: u64 = 250;

/// A challenge whose certificate and signature hold: only from this are name and amount shown.
pub(super) struct CheckedChallenge {
    pub(super) certificate: PayeeCertificate,
    pub(super) challenge: Challenge,
    /// H(txn).
    pub(super) transaction: Hash,
}

/// Everything that a payment needs beside the credential, checked.
struct Offer {
    nonce: PoolNonce,
    grant: Verified<Grant>,
    asked: CheckedChallenge,
    otp: bool,
}

impl<F: Flash, C: Counter> Authenticator<F, C> {
    pub(super) fn authorise(&mut self, env: &Env<'_>, sealed: &SealedCredential) -> Result<Reply, Denied> {
        self.unlocked()?;
        let offer = self.check_offer(env, sealed)?;
        let typed = self.open_credential(env, sealed, &offer)?;
        self.count_attempt(env)?;
        let account_key = match credential::disclose(env, &self.keys, &self.enrolled()?.credential, &typed) {
            Ok(key) => key,
            Err(refusal) => return Err(self.wrong_credential(env, refusal)),
        };
        let emitted = self.consume(env, &offer, &typed, &account_key)?;
        Ok(Reply::Message(self.emit(env, &emitted)?))
    }

    pub(super) fn reemit(&self, env: &Env<'_>, token: Hash) -> Result<Reply, Denied> {
        let known = self.state.objects.iter().find(|emitted| emitted.token == token);
        Ok(Reply::Message(self.emit(env, known.ok_or(Own::NonceUnknown)?)?))
    }

    pub(super) fn preview(&self, env: &Env<'_>, challenge: &[u8]) -> Result<Reply, Denied> {
        let asked = self.check_challenge(env, challenge)?;
        self.check_unpaid(asked.transaction)?;
        Ok(Reply::Preview(Preview {
            payee: asked.certificate.body.name,
            amount: asked.challenge.body.amount,
            transaction: asked.transaction,
        }))
    }

    fn check_offer(&self, env: &Env<'_>, sealed: &SealedCredential) -> Result<Offer, Refusal> {
        let nonce = self.check_token(env, &sealed.token.0)?;
        let grant = self.check_grant(env, &sealed.grant.0, nonce.token)?;
        let now = self.known_now(env)?.max(grant.claims().iat);
        grant.claims().validity().check(now, 0)?;
        if nonce.exp <= now {
            return Err(CoreRefusal::Expired.into());
        }
        let asked = self.check_challenge(env, &sealed.challenge.0)?;
        self.check_unpaid(asked.transaction)?;
        self.check_limits(grant.claims(), &asked)?;
        let rule = grant.claims().verification(asked.challenge.body.amount.minor());
        let otp = match &sealed.second {
            Some(second) => self.check_second_nonce(env, &second.0, nonce.token, asked.transaction)?,
            None => false,
        };
        if self.enrolled()?.credential.kind.code() < rule.user || rule.otp && !otp {
            return Err(Own::VerificationWeak.into());
        }
        Ok(Offer { nonce, grant, asked, otp })
    }

    /// The pool's entry for a token that this machine signed.
    fn check_token(&self, env: &Env<'_>, bytes: &[u8]) -> Result<PoolNonce, Refusal> {
        let mine = self.keys.signing.verifying(env.crypto);
        let token = Raw(bytes).parse::<NonceToken>()?.verify(env.crypto, &mine)?;
        let hash = env.crypto.sha256(&[bytes]);
        let spent = token.claims().body.sequence <= self.state.sequence;
        let missing = if spent { Own::NonceSpent } else { Own::NonceUnknown };
        let found = self.state.pool.iter().find(|nonce| nonce.token == hash).cloned();
        found.ok_or(missing.into())
    }

    /// The grant, if the pinned server made it for this token and this machine.
    fn check_grant(&self, env: &Env<'_>, bytes: &[u8], token: Hash) -> Result<Verified<Grant>, Refusal> {
        let signed = Raw(bytes).parse::<Grant>()?;
        let grant = signed.verify(env.crypto, &self.state.server).map_err(|_| Own::BadGrant)?;
        let mine = self.keys.signing.verifying(env.crypto);
        let fits = grant.claims().body.token == token && grant.claims().cnf.key == mine;
        if fits { Ok(grant) } else { Err(Own::BadGrant.into()) }
    }

    /// A challenge under a certificate of the pinned server.
    pub(super) fn check_challenge(&self, env: &Env<'_>, bytes: &[u8]) -> Result<CheckedChallenge, Refusal> {
        let signed = Raw(bytes).parse::<Challenge>()?;
        let certificate = Raw(&signed.danger_unverified().body.certificate.0)
            .parse::<PayeeCertificate>()?
            .verify(env.crypto, &self.state.server)
            .map_err(|_| Own::PayeeUnknown)?
            .into_claims();
        let challenge = signed.verify(env.crypto, &certificate.cnf.key)?;
        certificate.validity().check(self.known_now(env)?, SKEW_SECONDS)?;
        let transaction = challenge.payload_hash(env.crypto);
        let challenge = challenge.into_claims();
        if challenge.body.amount.minor() == 0 {
            return Err(CoreRefusal::AmountInvalid.into());
        }
        Ok(CheckedChallenge { certificate, challenge, transaction })
    }

    /// A challenge that an object was made for is not paid with another nonce: without its receipt the first may still be charged.
    fn check_unpaid(&self, transaction: Hash) -> Result<(), Refusal> {
        for emitted in &self.state.objects {
            let object: SecureObject = from_slice(&emitted.payload.0)?;
            if object.body.transaction.challenge == transaction {
                return Err(Own::ChallengeUnknown.into());
            }
        }
        Ok(())
    }

    fn check_limits(&self, grant: &Grant, asked: &CheckedChallenge) -> Result<(), Refusal> {
        let amount = asked.challenge.body.amount;
        if amount.within(grant.body.limit) != Ok(true) {
            return Err(Own::LimitTransaction.into());
        }
        let limits = &self.enrolled()?.limits;
        let spent = self.state.spent_minor.checked_add(amount.minor());
        let within = spent.is_some_and(|spent| spent <= limits.cumulative.minor());
        if amount.currency() != limits.cumulative.currency()
            || !within
            || self.state.spent_count >= limits.count
        {
            return Err(Own::LimitCumulative.into());
        }
        Ok(())
    }

    fn open_credential(
        &mut self,
        env: &Env<'_>,
        sealed: &SealedCredential,
        offer: &Offer,
    ) -> Result<Credential, Refusal> {
        if env.ticks_ms < self.open_after_ms {
            return Err(CoreRefusal::Busy.into());
        }
        let second = sealed.second.as_ref().map(|second| second.0.as_slice());
        let opened = hpke::open_auth(
            env.crypto,
            hpke::Suite::Aes128Gcm,
            &KemKey::from_private(offer.nonce.kem.clone()),
            &credential_info(env.crypto, &sealed.token.0, &sealed.grant.0),
            &credential_aad(env.crypto, offer.asked.transaction, second),
            &self.paired()?,
            &sealed.credential.clone().into(),
        );
        match opened {
            Ok(padded) => Credential::opened(&padded),
            Err(_) => {
                self.open_after_ms = env.ticks_ms.saturating_add(OPEN_PAUSE_MS);
                Err(CoreRefusal::OpenFailed.into())
            }
        }
    }

    /// Takes one attempt, durably, before anything is compared. After a wrong one the next waits 1, 2, 4 … seconds.
    fn count_attempt(&mut self, env: &Env<'_>) -> Result<(), Refusal> {
        let (allowed, left) = (self.enrolled()?.limits.attempts, self.enrolled()?.credential.attempts_left);
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
        set_attempts(&mut next, left);
        self.commit(env, next, false)
    }

    /// The credential was wrong: with the last attempt the pool is wiped and the machine locks.
    fn wrong_credential(&mut self, env: &Env<'_>, refusal: Refusal) -> Denied {
        let left = self.state.enrolled.as_ref().map_or(0, |enrolled| enrolled.credential.attempts_left);
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

    /// Records the object and destroys the nonce's key, in one durable step. Only then is there anything to emit.
    fn consume(
        &mut self,
        env: &Env<'_>,
        offer: &Offer,
        typed: &Credential,
        account_key: &Secret<alloc::vec::Vec<u8>>,
    ) -> Result<Emitted, Refusal> {
        let mut next = self.state.clone();
        let amount = offer.asked.challenge.body.amount.minor();
        next.spend_total = next.spend_total.checked_add(amount).ok_or(Own::LimitCumulative)?;
        next.spent_minor = next.spent_minor.checked_add(amount).ok_or(Own::LimitCumulative)?;
        next.spent_count = next.spent_count.checked_add(1).ok_or(Own::LimitCumulative)?;
        next.time = next.time.max(Some(offer.grant.claims().iat));
        let object = self.object(env, offer, typed, account_key, next.spend_total)?;
        let payload = to_vec(&object);
        let emitted = Emitted {
            token: offer.nonce.token,
            object: env.crypto.sha256(&[&payload]),
            payload: Bytes(payload),
        };
        next.previous = emitted.object;
        next.pool.retain(|nonce| nonce.token != offer.nonce.token);
        next.objects.push(emitted.clone());
        set_attempts(&mut next, self.enrolled()?.limits.attempts);
        self.commit(env, next, true)?;
        Ok(emitted)
    }

    fn object(
        &self,
        env: &Env<'_>,
        offer: &Offer,
        typed: &Credential,
        account_key: &Secret<alloc::vec::Vec<u8>>,
        spend_total: u64,
    ) -> Result<SecureObject, Refusal> {
        let random = *env.random32(b"object/R").reveal();
        let token = offer.nonce.token;
        let transaction = offer.asked.transaction;
        let parts = proof_parts(&token, &random, &transaction);
        let mac = env.crypto.hmac(HashAlgorithm::Sha256, account_key.reveal(), &parts);
        let audit = Audit { spend_total, counter: self.store.counter(), previous: self.state.previous };
        Ok(SecureObject {
            iat: self.known_now(env)?.max(offer.grant.claims().iat),
            body: SecureObjectBody {
                token,
                grant: Bytes(offer.grant.bytes().into()),
                random,
                transaction: Transaction {
                    amount: offer.asked.challenge.body.amount,
                    payee: offer.asked.certificate.body.payee,
                    nonce: offer.asked.challenge.nonce,
                    challenge: transaction,
                },
                credential_proof: mac.reveal().as_slice().try_into().map_err(|_| CoreRefusal::OpenFailed)?,
                verification: typed.kind(),
                otp: offer.otp,
                audit: self.seal_audit(env, &audit, &token, &random)?,
            },
        })
    }

    fn seal_audit(
        &self,
        env: &Env<'_>,
        audit: &Audit,
        token: &Hash,
        random: &[u8; 32],
    ) -> Result<SealedBox, Refusal> {
        let aad = [token.0, *random].concat();
        let sealed = hpke::seal_base(
            env.crypto,
            hpke::Suite::Aes128Gcm,
            &self.enrolled()?.issuer,
            AUDIT_INFO,
            &aad,
            &to_vec(audit),
            &env.random32(b"object/audit"),
        )?;
        Ok(sealed.into())
    }

    /// Signs a recorded object: the same record gives the same bytes.
    fn emit(&self, env: &Env<'_>, emitted: &Emitted) -> Result<Bytes, Refusal> {
        let kid = self.keys.signing.verifying(env.crypto).id(env.crypto);
        let unsigned = Unsigned::<SecureObject>::from_payload(kid, emitted.payload.0.clone())?;
        let signature = self.keys.signing.sign(env.crypto, &unsigned.to_be_signed());
        Ok(Bytes(unsigned.attach(signature)))
    }
}

fn set_attempts(state: &mut State, left: u32) {
    if let Some(enrolled) = &mut state.enrolled {
        enrolled.credential.attempts_left = left;
    }
}
