//! The secure application: prefetches nonces while online, takes the credential from the user while offline, and seals it.
//!
//! ```text
//!   online   Wallet::add(tokens, grants)                                     tokens fit grants, or none is taken
//!   offline  Wallet::offer(preview, challenge) ──► AwaitCredential
//!            AwaitCredential::with_second(NT2)  ──► AwaitCredential            where a payment application takes part
//!            AwaitCredential::enter(credential, Offline) ──► AwaitObject       sealed to the token's own key, under token AND grant
//!            AwaitObject::received(object) ──► Payment                        the object is for this challenge
//!            Payment::receipt(receipt) ──► Paid                               the payee took it
//! ```
//! **Invariant:** the credential is sealed only with a nonce token and its grant, and only while the network is lost ([`Offline`]).
use crate::authenticator::{Credential, credential_aad, credential_info, enrolment_info};
use crate::messages::{
    Challenge, CompleteEnrolment, Grant, NonceToken, PayeeCertificate, Preview, Receipt, SealedCredential,
    SecureObject,
};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use alloc::vec::Vec;
use symbolon_keys::{Crypto, KemKey, KemPublic, VerifyingKey};
use symbolon_proof::{Raw, hpke};
use symbolon_types::{Amount, CoreRefusal, Hash, Secret, UnixSeconds};
use symbolon_wire::{cbor::Bytes, cbor_map};

/// The network is lost. Made only from a call that got no answer, or from a rule that forbids calls; never from a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offline(());

/// What became of the last call to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastCall {
    /// It was answered, whatever the answer.
    Answered,
    /// It was tried and nothing came back.
    Failed,
    /// The device may not call at all.
    Forbidden,
}

/// Whether the network is lost.
///
/// # Errors
/// ONLINE when the server answered.
pub fn lost_network(last: LastCall) -> Result<Offline, Refusal> {
    match last {
        LastCall::Failed | LastCall::Forbidden => Ok(Offline(())),
        LastCall::Answered => Err(Own::Online.into()),
    }
}

cbor_map! {
    /// A nonce that may be paid with: the token and the server's grant on it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct GrantedNonce {
        /// [`NonceToken`].
        1 => token: Bytes,
        /// [`Grant`].
        2 => grant: Bytes,
    }

    /// The secure application's pool, oldest first.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Wallet {
        /// Nonces that may be paid with.
        1 => pool: Vec<GrantedNonce>,
    }
}

impl Wallet {
    /// Takes tokens and their grants in, in pairs: all of them or none.
    ///
    /// # Errors
    /// BAD_GRANT when a grant is not the server's, or not for its token.
    pub fn add(
        mut self,
        crypto: &dyn Crypto,
        server: &VerifyingKey,
        tokens: &[Bytes],
        grants: &[Bytes],
    ) -> Result<Self, Refusal> {
        if tokens.len() != grants.len() {
            return Err(Own::BadGrant.into());
        }
        for (token, grant) in tokens.iter().zip(grants) {
            let granted =
                Raw(&grant.0).parse::<Grant>()?.verify(crypto, server).map_err(|_| Own::BadGrant)?;
            if granted.claims().body.token != crypto.sha256(&[&token.0]) {
                return Err(Own::BadGrant.into());
            }
            self.pool.push(GrantedNonce { token: token.clone(), grant: grant.clone() });
        }
        Ok(self)
    }

    /// Drops what has ended.
    ///
    /// # Errors
    /// MALFORMED when the pool holds what it cannot have taken in.
    pub fn drop_expired(mut self, now: UnixSeconds) -> Result<Self, Refusal> {
        let mut kept = Vec::new();
        for nonce in self.pool {
            if Raw(&nonce.grant.0).parse::<Grant>()?.danger_unverified().exp > now {
                kept.push(nonce);
            }
        }
        self.pool = kept;
        Ok(self)
    }

    /// Takes the oldest nonce that may pay this challenge, for good: it is out of the pool whatever becomes of the payment.
    /// `preview` is what the authenticator read from the verified challenge.
    ///
    /// # Errors
    /// NO_NONCE when none is left that covers the amount.
    pub fn offer(mut self, preview: Preview, challenge: Bytes) -> Result<(Self, AwaitCredential), Refusal> {
        let at = self.pool.iter().position(|nonce| covers(nonce, preview.amount)).ok_or(Own::NoNonce)?;
        let nonce = self.pool.remove(at);
        Ok((self, AwaitCredential { nonce, preview, challenge, second: None }))
    }
}

fn covers(nonce: &GrantedNonce, amount: Amount) -> bool {
    let grant = Raw(&nonce.grant.0).parse::<Grant>();
    grant.is_ok_and(|grant| amount.within(grant.danger_unverified().body.limit) == Ok(true))
}

/// A payment that waits for the user's credential.
#[derive(Clone, Debug)]
pub struct AwaitCredential {
    nonce: GrantedNonce,
    preview: Preview,
    challenge: Bytes,
    second: Option<Bytes>,
}

impl AwaitCredential {
    /// What the user is shown: the payee's certified name and the signed amount.
    #[must_use]
    pub fn preview(&self) -> &Preview {
        &self.preview
    }

    /// SHA-256 of the nonce token that will be used.
    #[must_use]
    pub fn token(&self, crypto: &dyn Crypto) -> Hash {
        crypto.sha256(&[&self.nonce.token.0])
    }

    /// Whether the grant asks for a one-time password at this amount.
    #[must_use]
    pub fn needs_otp(&self) -> bool {
        let grant = Raw(&self.nonce.grant.0).parse::<Grant>();
        grant.is_ok_and(|grant| grant.danger_unverified().verification(self.preview.amount.minor()).otp)
    }

    /// Binds the second nonce in.
    #[must_use]
    pub fn with_second(self, second: Bytes) -> Self {
        Self { second: Some(second), ..self }
    }

    /// Seals the credential with the nonce token and the grant, for the authenticator alone. The credential is wiped on return.
    ///
    /// # Errors
    /// MALFORMED when the pool's token is damaged; OPEN_FAILED when its key cannot be sealed to.
    pub fn enter(
        self,
        crypto: &dyn Crypto,
        credential: Credential,
        sender: &KemKey,
        _lost: Offline,
        seed: &Secret<[u8; 32]>,
    ) -> Result<(AwaitObject, SealedCredential), Refusal> {
        let (token, grant) = (&self.nonce.token.0, &self.nonce.grant.0);
        let recipient = Raw(token).parse::<NonceToken>()?.danger_unverified().body.kem;
        let second = self.second.as_ref().map(|second| second.0.as_slice());
        let sealed = hpke::seal_auth(
            crypto,
            hpke::Suite::Aes128Gcm,
            &recipient,
            &credential_info(crypto, token, grant),
            &credential_aad(crypto, self.preview.transaction, second),
            credential.padded().reveal(),
            sender,
            seed,
        )?;
        let await_object = AwaitObject { token: crypto.sha256(&[token]), preview: self.preview };
        let message = SealedCredential {
            token: self.nonce.token,
            grant: self.nonce.grant,
            second: self.second,
            credential: sealed.into(),
            challenge: self.challenge,
        };
        Ok((await_object, message))
    }
}

cbor_map! {
    /// A payment whose credential is with the authenticator. Kept, so that a phone that dies here asks for the object again.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct AwaitObject {
        /// SHA-256 of the nonce token: what the object can be asked for by.
        1 => token: Hash,
        /// What was agreed to.
        2 => preview: Preview,
    }

    /// A payment whose object is in hand. Until the receipt comes it may or may not have been taken.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Payment {
        /// The secure object.
        1 => object: Bytes,
        /// Its id: SHA-256 of its payload.
        2 => id: Hash,
        /// What was agreed to.
        3 => preview: Preview,
        /// Until when the payee may still settle it.
        4 => may_be_charged_until: UnixSeconds,
        /// The payee's receipt, once it is there.
        5 => receipt: Option<Bytes>,
    }
}

impl AwaitObject {
    /// Takes the authenticator's object.
    ///
    /// # Errors
    /// WRONG_PAYEE when it is not for the transaction that was agreed to; BAD_SIG when it does not verify under its grant's key.
    pub fn received(
        self,
        crypto: &dyn Crypto,
        server: &VerifyingKey,
        object: Bytes,
    ) -> Result<Payment, Refusal> {
        let signed = Raw(&object.0).parse::<SecureObject>()?;
        let grant_bytes = &signed.danger_unverified().body.grant.0;
        let grant = Raw(grant_bytes).parse::<Grant>()?.verify(crypto, server).map_err(|_| Own::BadGrant)?;
        let verified = signed.verify(crypto, &grant.claims().cnf.key)?;
        let transaction = &verified.claims().body.transaction;
        if transaction.challenge != self.preview.transaction || transaction.amount != self.preview.amount {
            return Err(Own::WrongPayee.into());
        }
        let until = grant.claims().exp.plus(crate::messages::SETTLEMENT_WINDOW_SECONDS);
        let id = verified.payload_hash(crypto);
        Ok(Payment { object, id, preview: self.preview, may_be_charged_until: until, receipt: None })
    }
}

impl Payment {
    /// Takes the payee's receipt for this object.
    ///
    /// # Errors
    /// BAD_SIG when the payee of the challenge did not sign it; WRONG_PAYEE when it is for another object.
    pub fn receipt(mut self, crypto: &dyn Crypto, challenge: &[u8], receipt: Bytes) -> Result<Self, Refusal> {
        let asked = Raw(challenge).parse::<Challenge>()?;
        let certificate = Raw(&asked.danger_unverified().body.certificate.0).parse::<PayeeCertificate>()?;
        let key = certificate.danger_unverified().cnf.key;
        let challenge = asked.verify(crypto, &key)?;
        let said = Raw(&receipt.0).parse::<Receipt>()?.verify(crypto, &key)?;
        if said.claims().body.object != self.id || challenge.payload_hash(crypto) != self.preview.transaction
        {
            return Err(Own::WrongPayee.into());
        }
        self.receipt = Some(receipt);
        Ok(self)
    }
}

/// Seals the user's first credential for the authenticator, bound to the server's enrolment.
///
/// # Errors
/// OPEN_FAILED when the authenticator's key cannot be sealed to.
pub fn first_credential(
    crypto: &dyn Crypto,
    authenticator: &KemPublic,
    enrolment: Bytes,
    credential: &Credential,
    sender: &KemKey,
    seed: &Secret<[u8; 32]>,
) -> Result<CompleteEnrolment, Refusal> {
    let info = enrolment_info(crypto, &enrolment.0);
    let suite = hpke::Suite::Aes128Gcm;
    let padded = credential.padded();
    let sealed = hpke::seal_auth(crypto, suite, authenticator, &info, &[], padded.reveal(), sender, seed)
        .map_err(|_| CoreRefusal::OpenFailed)?;
    Ok(CompleteEnrolment { enrolment, credential: sealed.into() })
}
