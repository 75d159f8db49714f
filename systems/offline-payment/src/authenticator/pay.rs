//! From a sealed credential to a secure object.
//!
//! ```text
//!   Authorise ─► offer checked ─► credential opened ─► attempt counted (durable) ─► compared ─► object recorded, key destroyed (durable) ─► signed
//!                 no change        no change, slowed    attempts - 1                 CRED_WRONG   attempts restored
//!                                            └── the grant asks for none at this amount, and it is the empty one ──► object recorded …   attempts as
//!                                                they were, the unverified sum raised and inside its limit
//! ```
//! The order is that of the amended specification: forged wrappers cost no attempt, so they cannot lock the user out; a compared
//! credential always has, so a power cut cannot win one back.
use super::credential::Disclosed;
use super::state::{Emitted, PoolNonce};
use super::{
    Authenticator, Credential, Denied, Env, credential, credential_aad, credential_info, payment_question,
};
use crate::messages::{
    Audit, Challenge, Grant, NonceToken, PayeeCertificate, Preview, Reply, SKEW_SECONDS, SealedBox,
    SealedCredential, SecureObject, SecureObjectBody, Transaction, Verification, agreed,
};
use crate::payee::amount_with_tip;
use crate::trust::as_bad_grant;
use crate::{OfflinePaymentRefusal as Own, Refusal};
use symbolon_keys::{HashAlgorithm, KemKey};
use symbolon_proof::{Raw, Unsigned, Verified, hpke};
use symbolon_state::{Counter, Flash};
use symbolon_types::{Amount, CoreRefusal, Hash};
use symbolon_wire::cbor::{Bytes, from_slice, to_vec};

/// What the sealing of an audit to the issuer is bound to, with the token's hash and R as associated data.
pub(crate) const AUDIT_INFO: &[u8] = b"sop/audit/v1";

/// What the credential proof is a MAC over: `"so/v1" ‖ token hash ‖ R ‖ agreed`.
pub(crate) fn proof_parts<'a>(token: &'a Hash, random: &'a [u8; 32], agreed: &'a Hash) -> [&'a [u8]; 4] {
    [b"so/v1", &token.0, random, &agreed.0]
}

/// A challenge whose certificate and signature hold: only from this are name and amount shown.
pub(super) struct CheckedChallenge {
    pub(super) certificate: PayeeCertificate,
    pub(super) challenge: Challenge,
    /// H(txn).
    pub(super) transaction: Hash,
}

impl CheckedChallenge {
    /// What is paid when the payer adds this much.
    ///
    /// # Errors
    /// TIP_TOO_HIGH above what is asked for, or where no tip is.
    pub(super) fn with_tip(&self, tip_minor: Option<u64>) -> Result<Amount, Refusal> {
        amount_with_tip(&self.challenge.body, tip_minor)
    }
}

/// Everything that a payment needs beside the credential, checked.
struct Offer {
    nonce: PoolNonce,
    grant: Verified<Grant>,
    asked: CheckedChallenge,
    /// The tip included.
    amount: Amount,
    tip_minor: Option<u64>,
    /// What the payer agreed to.
    agreed: Hash,
    /// The least verification of the user at this amount.
    user: u8,
    otp: bool,
}

impl<F: Flash, C: Counter> Authenticator<F, C> {
    pub(super) fn authorise(&mut self, env: &Env<'_>, sealed: &SealedCredential) -> Result<Reply, Denied> {
        self.unlocked()?;
        let offer = self.check_offer(env, sealed)?;
        let disclosed = match &sealed.credential {
            Some(credential) => self.verify_user(env, sealed, credential, &offer)?,
            // Without the pairing's seal any program that reaches this machine could pay.
            None if offer.user == Verification::None.code() => return Err(CoreRefusal::OpenFailed.into()),
            None => return Err(Own::VerificationWeak.into()),
        };
        let emitted = self.consume(env, &offer, disclosed)?;
        Ok(Reply::Message(self.emit(env, &emitted)?))
    }

    /// What the credential discloses; `None` for the empty one, where the grant asks for none.
    fn verify_user(
        &mut self,
        env: &Env<'_>,
        sealed: &SealedCredential,
        credential: &SealedBox,
        offer: &Offer,
    ) -> Result<Option<Disclosed>, Denied> {
        let second = sealed.second.as_ref().map(|second| second.0.as_slice());
        let key = KemKey::from_private(offer.nonce.kem.clone());
        let info = credential_info(env.crypto, &sealed.token.0, &sealed.grant.0);
        let aad = credential_aad(env.crypto, offer.agreed, second);
        let opened = self.open_sealed(env, &key, &info, &aad, credential.clone().into())?;
        let typed = Credential::opened(opened.reveal())?;
        if typed.kind().code() < offer.user {
            return Err(Own::VerificationWeak.into());
        }
        if typed.kind() == Verification::None {
            self.check_unverified(offer.amount)?;
            return Ok(None);
        }
        let record = self.enrolled()?.credential(typed.kind()).cloned().ok_or(Own::CredentialKindUnknown)?;
        self.count_attempt(env)?;
        let question = payment_question(env.crypto, offer.nonce.token, offer.agreed);
        credential::disclose(env, &self.keys, &record, &typed, question)
            .map(Some)
            .map_err(|refusal| self.wrong_credential(env, refusal))
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
            tip_minor_max: asked.challenge.body.tip_minor_max,
            bill: asked.challenge.body.bill,
            unverified_minor_max: self.unverified_minor_max(),
        }))
    }

    /// What is left of the sum that may be paid without a credential; `None` before enrolment.
    fn unverified_minor_max(&self) -> Option<u64> {
        let enrolled = self.state.enrolled.as_ref()?;
        Some(enrolled.limits.cumulative.minor().saturating_sub(self.state.unverified_minor))
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
        let (tip_minor, amount) = (sealed.tip_minor, asked.with_tip(sealed.tip_minor)?);
        let agreed = agreed(env.crypto, asked.transaction, tip_minor);
        self.check_limits(grant.claims(), amount)?;
        let rule = grant.claims().verification(amount.minor());
        let otp = match &sealed.second {
            Some(second) => self.check_second_nonce(env, &second.0, nonce.token, agreed)?,
            None => false,
        };
        if self.enrolled()?.strongest().code() < rule.user || rule.otp && !otp {
            return Err(Own::VerificationWeak.into());
        }
        Ok(Offer { nonce, grant, asked, amount, tip_minor, agreed, user: rule.user, otp })
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
        let grant = self.state.trust.verify(env.crypto, signed, self.now(env)).map_err(as_bad_grant)?;
        let mine = self.keys.signing.verifying(env.crypto);
        let fits = grant.claims().body.token == token && grant.claims().cnf.key == mine;
        if fits { Ok(grant) } else { Err(Own::BadGrant.into()) }
    }

    /// A challenge under a certificate of the pinned server.
    pub(super) fn check_challenge(&self, env: &Env<'_>, bytes: &[u8]) -> Result<CheckedChallenge, Refusal> {
        let signed = Raw(bytes).parse::<Challenge>()?;
        let certificate = Raw(&signed.danger_unverified().body.certificate.0).parse::<PayeeCertificate>()?;
        let certificate = self
            .state
            .trust
            .verify(env.crypto, certificate, self.now(env))
            .map_err(|_| Own::PayeeUnknown)?
            .into_claims();
        let challenge = signed.verify(env.crypto, &certificate.cnf.key)?;
        // As for a grant: the server's own word says that it is at least this late.
        certificate.validity().check(self.known_now(env)?.max(certificate.iat), SKEW_SECONDS)?;
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

    /// Whether the whole amount, the tip included, keeps to the grant and to the device's limits.
    fn check_limits(&self, grant: &Grant, amount: Amount) -> Result<(), Refusal> {
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

    /// Whether what was paid without a credential stays inside the cumulative limit, which no reconciliation gives back. The paired application
    /// knows it from the [`Preview`] and has asked for a credential; one that did not is refused.
    fn check_unverified(&self, amount: Amount) -> Result<(), Refusal> {
        let within = self.unverified_minor_max().is_some_and(|most| amount.minor() <= most);
        if within { Ok(()) } else { Err(Own::LimitCumulative.into()) }
    }

    /// Records the object and destroys the nonce's key, in one durable step. Only then is there anything to emit.
    fn consume(
        &mut self,
        env: &Env<'_>,
        offer: &Offer,
        disclosed: Option<Disclosed>,
    ) -> Result<Emitted, Refusal> {
        let mut next = self.state.clone();
        let amount = offer.amount.minor();
        next.spend_total = next.spend_total.checked_add(amount).ok_or(Own::LimitCumulative)?;
        next.spent_minor = next.spent_minor.checked_add(amount).ok_or(Own::LimitCumulative)?;
        next.spent_count = next.spent_count.checked_add(1).ok_or(Own::LimitCumulative)?;
        next.unverified_minor = match disclosed {
            Some(_) => 0,
            None => next.unverified_minor.checked_add(amount).ok_or(Own::LimitCumulative)?,
        };
        next.time = next.time.max(Some(offer.grant.claims().iat));
        let object = self.object(env, offer, disclosed.as_ref(), next.spend_total)?;
        let payload = to_vec(&object);
        let emitted = Emitted {
            token: offer.nonce.token,
            object: env.crypto.sha256(&[&payload]),
            payload: Bytes(payload),
        };
        next.previous = emitted.object;
        next.pool.retain(|nonce| nonce.token != offer.nonce.token);
        next.objects.push(emitted.clone());
        // Only a credential that was right brings attempts back: else a thief would win them by paying for a coffee.
        if let Some((enrolled, right)) = next.enrolled.as_mut().zip(disclosed) {
            enrolled.right(right.kind, right.sign_count);
        }
        self.commit(env, next, true)?;
        Ok(emitted)
    }

    fn object(
        &self,
        env: &Env<'_>,
        offer: &Offer,
        disclosed: Option<&Disclosed>,
        spend_total: u64,
    ) -> Result<SecureObject, Refusal> {
        let random = *env.random32(b"object/R").reveal();
        let token = offer.nonce.token;
        let parts = proof_parts(&token, &random, &offer.agreed);
        let proof = disclosed.map(|right| {
            let mac = env.crypto.hmac(HashAlgorithm::Sha256, right.account_key.reveal(), &parts);
            mac.reveal().as_slice().try_into().map_err(|_| CoreRefusal::OpenFailed)
        });
        let audit = Audit { spend_total, counter: self.store.counter(), previous: self.state.previous };
        Ok(SecureObject {
            iat: self.known_now(env)?.max(offer.grant.claims().iat),
            body: SecureObjectBody {
                token,
                grant: Bytes(offer.grant.bytes().into()),
                random,
                transaction: Transaction {
                    amount: offer.amount,
                    payee: offer.asked.certificate.body.payee,
                    nonce: offer.asked.challenge.nonce,
                    challenge: offer.asked.transaction,
                    tip_minor: offer.tip_minor,
                },
                credential_proof: proof.transpose()?,
                verification: disclosed.map_or(Verification::None, |right| right.kind),
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
