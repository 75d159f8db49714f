//! The server's edge for system 01: from bytes to a verified [`Command`], from an [`Outcome`] to signed bytes. Stateless and parallel: it
//! reads a snapshot, decides nothing, and reaches keys only through [`IssuerKeys`].
//!
//! ```text
//!   bytes ─► parse ─► verify signatures, proofs (here) ─► Command ─► log, apply ─► Outcome ─► sign, seal (here) ─► bytes
//! ```
//! | what | where |
//! | --- | --- |
//! | enrolment, grants, reports | here |
//! | settlements, refunds, statements | `settlement.rs` |
//! | keys, the deny list | `trust.rs` |
//!
//! **Invariant:** a nonce is signed in [`seal_grants`] and nowhere else, from an outcome that the log already holds; it is spent in
//! `state::settle`.
mod settlement;
mod trust;

use crate::authenticator::ACCOUNT_INFO;
use crate::messages::{
    AccountRef, AuthenticatorId, Enrolment, EnrolmentBody, EnrolmentRequest, Grant, NonceToken,
    PayeeCertificate, PayeeRequest, Reconciled, Report, SealedBox,
};
use crate::state::{
    self, Command, EnrolAuthenticator, EnrolPayee, EnrolledOutcome, GrantNonces, Reconcile, TokenFacts,
};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use alloc::{boxed::Box, vec::Vec};
use symbolon_keys::{Crypto, CryptoError, KemPublic, Signer, VerifyingKey, derive32};
use symbolon_proof::{Claims, Raw, sign};
use symbolon_state::Rows;
use symbolon_types::{CoreRefusal, Hash, Secret};
use symbolon_wire::cbor::Bytes;

/// The most nonce tokens in one request.
const TOKENS_MAX: usize = 32;

/// What the issuer's vault does for this system. No key ever leaves it.
pub trait IssuerKeys {
    /// Signs as the server, by the generation that [`state::trust`] names: the caller made it for that one.
    fn signer(&self) -> &dyn Signer;

    /// Signs as a former or the present generation: a list of a rotation is signed by the key that went. `None` for one that is not held; an
    /// issuer that never rotated has generation 0 only.
    fn of_generation(&self, generation: u32) -> Option<Box<dyn Signer + '_>> {
        if generation == 0 { Some(Box::new(Present(self.signer()))) } else { None }
    }

    /// The issuer's public key for audits.
    fn issuer(&self) -> KemPublic;

    /// The account key of an authenticator, sealed to it in HPKE base mode under [`ACCOUNT_INFO`] and the id as associated data.
    ///
    /// # Errors
    /// [`CryptoError`] when it cannot be sealed to `recipient`.
    fn seal_account_key(
        &self,
        authenticator: &AuthenticatorId,
        recipient: &KemPublic,
        info: &[u8],
        seed: &Secret<[u8; 32]>,
    ) -> Result<SealedBox, CryptoError>;

    /// Whether `proof` is the HMAC-SHA-256 of the parts under the authenticator's account key.
    fn proof_holds(&self, authenticator: &AuthenticatorId, parts: &[&[u8]], proof: &[u8; 32]) -> bool;

    /// Opens what was sealed to the issuer in HPKE base mode.
    ///
    /// # Errors
    /// [`CryptoError`] when it cannot be opened.
    fn open_for_issuer(
        &self,
        sealed: &SealedBox,
        info: &[u8],
        aad: &[u8],
    ) -> Result<Secret<Vec<u8>>, CryptoError>;
}

/// The one key of an issuer that never rotated.
struct Present<'a>(&'a dyn Signer);

impl Signer for Present<'_> {
    fn verifying_key(&self) -> VerifyingKey {
        self.0.verifying_key()
    }
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], CryptoError> {
        self.0.sign(message)
    }
}

/// The edge with its provider and its keys.
pub struct Edge<'a> {
    /// The provider of cryptography.
    pub crypto: &'a dyn Crypto,
    /// The vault.
    pub keys: &'a dyn IssuerKeys,
}

impl Edge<'_> {
    /// An [`EnrolmentRequest`], verified under the key that it asks for. `seed` is 32 random bytes.
    ///
    /// # Errors
    /// MALFORMED, BAD_SIG.
    pub fn open_enrolment(&self, bytes: &[u8], seed: [u8; 32]) -> Result<Command, Refusal> {
        let signed = Raw(bytes).parse::<EnrolmentRequest>()?;
        let key = signed.danger_unverified().body.signing;
        let body = signed.verify(self.crypto, &key)?.into_claims().body;
        Ok(Command::EnrolAuthenticator(EnrolAuthenticator {
            code: self.crypto.sha256(&[&body.code]),
            authenticator: AuthenticatorId::of(self.crypto, &key),
            signing: key,
            kem: body.kem,
            seed,
        }))
    }

    /// The signed [`Enrolment`] of an outcome; the same outcome gives the same bytes.
    ///
    /// # Errors
    /// OPEN_FAILED when the vault cannot seal or sign.
    pub fn seal_enrolment(&self, outcome: &EnrolledOutcome) -> Result<Bytes, Refusal> {
        let id = &outcome.authenticator;
        let seed = Secret::new(outcome.seed);
        let account_key = self.keys.seal_account_key(id, &outcome.kem, ACCOUNT_INFO, &seed)?;
        let issuer = self.keys.issuer();
        let limits = outcome.limits.clone();
        let body = EnrolmentBody { authenticator: outcome.authenticator, account_key, issuer, limits };
        self.sign(&Enrolment { iat: outcome.iat, body })
    }

    /// A [`PayeeRequest`], verified under the key that it asks for.
    ///
    /// # Errors
    /// MALFORMED, BAD_SIG.
    pub fn open_payee_request(&self, bytes: &[u8]) -> Result<Command, Refusal> {
        let signed = Raw(bytes).parse::<PayeeRequest>()?;
        let key = signed.danger_unverified().body.signing;
        let body = signed.verify(self.crypto, &key)?.into_claims().body;
        Ok(Command::EnrolPayee(EnrolPayee { code: self.crypto.sha256(&[&body.code]), signing: key }))
    }

    /// The signed certificate.
    ///
    /// # Errors
    /// OPEN_FAILED when the vault cannot sign.
    pub fn seal_certificate(&self, certificate: &PayeeCertificate) -> Result<Bytes, Refusal> {
        self.sign(certificate)
    }

    /// Nonce tokens of one authenticator, each verified under its enrolled key. `seed` is 32 random bytes.
    ///
    /// # Errors
    /// MALFORMED, BAD_SIG, NOT_ENROLLED; EXPIRED is left to the log's time.
    pub fn open_tokens(
        &self,
        rows: &dyn Rows,
        tokens: &[Bytes],
        seed: &[u8; 32],
    ) -> Result<Command, Refusal> {
        if tokens.len() > TOKENS_MAX {
            return Err(CoreRefusal::Malformed.into());
        }
        let first = tokens.first().ok_or(CoreRefusal::Malformed)?;
        let authenticator = Raw(&first.0).parse::<NonceToken>()?.danger_unverified().body.authenticator;
        let key = standing(rows, &authenticator)?;
        let mut facts = Vec::new();
        for bytes in tokens {
            let token = Raw(&bytes.0).parse::<NonceToken>()?.verify(self.crypto, &key)?.into_claims();
            if token.body.authenticator != authenticator {
                return Err(CoreRefusal::BadSignature.into());
            }
            let hash = self.crypto.sha256(&[&bytes.0]);
            facts.push(TokenFacts {
                token: hash,
                nonce: token.nonce,
                sequence: token.body.sequence,
                exp: token.exp,
                account: self.account_ref(seed, hash),
            });
        }
        Ok(Command::GrantNonces(GrantNonces { authenticator, tokens: facts }))
    }

    /// The nonce signatures: each grant of the outcome, signed by the server.
    ///
    /// # Errors
    /// OPEN_FAILED when the vault cannot sign.
    pub fn seal_grants(&self, grants: &[Grant]) -> Result<Vec<Bytes>, Refusal> {
        grants.iter().map(|grant| self.sign(grant)).collect()
    }

    /// A report, verified under its authenticator's enrolled key.
    ///
    /// # Errors
    /// MALFORMED, BAD_SIG, NOT_ENROLLED.
    pub fn open_report(&self, rows: &dyn Rows, bytes: &[u8]) -> Result<Command, Refusal> {
        let signed = Raw(bytes).parse::<Report>()?;
        let id = signed.danger_unverified().body.authenticator;
        let key = standing(rows, &id)?;
        let report = signed.verify(self.crypto, &key)?;
        let hash = report.payload_hash(self.crypto);
        let Report { iat, body } = report.into_claims();
        Ok(Command::Reconcile(Reconcile {
            authenticator: id,
            report: hash,
            objects: body.objects,
            counter: body.counter,
            reported_at: iat,
        }))
    }

    /// The signed answer to a report.
    ///
    /// # Errors
    /// OPEN_FAILED when the vault cannot sign.
    pub fn seal_reconciled(&self, answer: &Reconciled) -> Result<Bytes, Refusal> {
        self.sign(answer)
    }

    fn sign<T: Claims>(&self, claims: &T) -> Result<Bytes, Refusal> {
        Ok(Bytes(sign(self.crypto, self.keys.signer(), claims)?))
    }

    fn account_ref(&self, seed: &[u8; 32], token: Hash) -> AccountRef {
        let wide = derive32(self.crypto, seed, b"account-ref", &[&token.0]);
        let mut name = [0; 16];
        name.iter_mut().zip(wide.reveal()).for_each(|(to, from)| *to = *from);
        AccountRef(name)
    }
}

/// The key of an authenticator that is enrolled and not revoked. Refused here too, so that a revoked device does not make the log grow.
fn standing(rows: &dyn Rows, id: &AuthenticatorId) -> Result<VerifyingKey, Refusal> {
    let row = state::authenticator(rows, id).ok_or(Own::NotEnrolled)?;
    if row.revoked { Err(Own::Revoked.into()) } else { Ok(row.signing) }
}
