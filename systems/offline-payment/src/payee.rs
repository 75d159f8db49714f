//! The payee: asks with a challenge, checks the secure object with the server's key alone, gives a receipt, uploads later.
//!
//! ```text
//!   charge(amount) ──► challenge open ──accept(object)──► accepted, receipt given ──uploaded──► settled
//!                            │ refused: stays open              │ the same object again: the same receipt
//! ```
//! **Invariants:** an object is accepted only for an open challenge of this payee; the state is durable (by the caller) before the
//! receipt leaves; a payee that does not know the time accepts nothing.
use crate::messages::{
    Challenge, ChallengeBody, Grant, PayeeCertificate, PayeeNonce, PayeeRequest, PayeeRequestBody, Receipt,
    ReceiptBody, SKEW_SECONDS, SecureObject, Settlement,
};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use alloc::vec::Vec;
use symbolon_keys::{Crypto, LocalSigner, SigningKey, VerifyingKey};
use symbolon_proof::{Raw, Verified, sign};
use symbolon_types::{Amount, CoreRefusal, Hash, UnixSeconds};
use symbolon_wire::{cbor::Bytes, cbor_map};

cbor_map! {
    /// A challenge that may still be paid.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct OpenChallenge {
        /// Its nonce.
        1 => nonce: PayeeNonce,
        /// The signed challenge.
        2 => challenge: Bytes,
    }

    /// An object that was accepted.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Accepted {
        /// Its id: SHA-256 of its payload.
        1 => id: Hash,
        /// SHA-256 of the nonce token.
        2 => token: Hash,
        /// What is uploaded: object, challenge, receipt.
        3 => settlement: Settlement,
        /// The server has answered for it.
        4 => settled: bool,
    }

    /// What a payee keeps.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct PayeeState {
        /// The server's key.
        1 => server: VerifyingKey,
        /// The payee's certificate.
        2 => certificate: Bytes,
        /// Challenges that may still be paid.
        3 => open: Vec<OpenChallenge>,
        /// Objects that were accepted.
        4 => accepted: Vec<Accepted>,
    }
}

/// What an object proves to whoever has the server's key: nothing else was trusted.
pub struct CheckedObject {
    /// The object.
    pub object: Verified<SecureObject>,
    /// The grant that it is made on.
    pub grant: Grant,
    /// Its id: SHA-256 of its payload.
    pub id: Hash,
}

/// Checks the two signatures that an object stands on: the server's on the grant, and that of the grant's one key on the object; and
/// that the object keeps to its grant.
///
/// # Errors
/// MALFORMED, BAD_GRANT, BAD_SIG, LIMIT_TX, UV_TOO_WEAK.
pub fn check_object(
    crypto: &dyn Crypto,
    server: &VerifyingKey,
    bytes: &[u8],
) -> Result<CheckedObject, Refusal> {
    let signed = Raw(bytes).parse::<SecureObject>()?;
    let grant = Raw(&signed.danger_unverified().body.grant.0).parse::<Grant>()?;
    let grant = grant.verify(crypto, server).map_err(|_| Own::BadGrant)?.into_claims();
    let object = signed.verify(crypto, &grant.cnf.key)?;
    let body = &object.claims().body;
    if body.token != grant.body.token {
        return Err(Own::BadGrant.into());
    }
    let amount = body.transaction.amount;
    if amount.minor() == 0 || amount.within(grant.body.limit) != Ok(true) {
        return Err(Own::LimitTransaction.into());
    }
    let rule = grant.verification(amount.minor());
    if body.verification.code() < rule.user || rule.otp && !body.otp {
        return Err(Own::VerificationWeak.into());
    }
    let id = object.payload_hash(crypto);
    Ok(CheckedObject { object, grant, id })
}

/// A payee with its key.
pub struct Payee<'a> {
    /// The provider of cryptography.
    pub crypto: &'a dyn Crypto,
    /// The key that its certificate names.
    pub key: &'a SigningKey,
}

impl Payee<'_> {
    fn signer(&self) -> LocalSigner<'_> {
        LocalSigner { crypto: self.crypto, key: self.key }
    }

    /// Asks for a certificate, with the code that the operator gave.
    ///
    /// # Errors
    /// OPEN_FAILED when the key cannot sign.
    pub fn request(&self, code: [u8; 16]) -> Result<Bytes, Refusal> {
        let signing = self.key.verifying(self.crypto);
        let request = PayeeRequest { body: PayeeRequestBody { code, signing } };
        Ok(Bytes(sign(self.crypto, &self.signer(), &request)?))
    }

    /// Takes the server's certificate.
    ///
    /// # Errors
    /// BAD_SIG when it is not the server's; PAYEE_UNKNOWN when it is for another key.
    pub fn enrolled(&self, server: VerifyingKey, certificate: Bytes) -> Result<PayeeState, Refusal> {
        let claims =
            Raw(&certificate.0).parse::<PayeeCertificate>()?.verify(self.crypto, &server)?.into_claims();
        if claims.cnf.key != self.key.verifying(self.crypto) {
            return Err(Own::PayeeUnknown.into());
        }
        Ok(PayeeState { server, certificate, open: Vec::new(), accepted: Vec::new() })
    }

    /// Asks for an amount: the state with the challenge open, and the challenge. `nonce` is 16 random bytes.
    ///
    /// # Errors
    /// AMOUNT_INVALID for nothing; CLOCK_BACK when the payee does not know the time.
    pub fn charge(
        &self,
        mut state: PayeeState,
        amount: Amount,
        nonce: PayeeNonce,
        now: Option<UnixSeconds>,
    ) -> Result<(PayeeState, Bytes), Refusal> {
        if amount.minor() == 0 {
            return Err(CoreRefusal::AmountInvalid.into());
        }
        let body = ChallengeBody { certificate: state.certificate.clone(), amount };
        let challenge = Challenge { iat: now.ok_or(Own::ClockUnknown)?, nonce, body };
        let challenge = Bytes(sign(self.crypto, &self.signer(), &challenge)?);
        state.open.push(OpenChallenge { nonce, challenge: challenge.clone() });
        Ok((state, challenge))
    }

    /// Checks an object offline and accepts it: the state to keep, and the receipt to give once it is kept.
    ///
    /// # Errors
    /// As [`check_object`], and CLOCK_BACK, EXPIRED, WRONG_PAYEE, CHALLENGE_UNKNOWN, NONCE_SPENT.
    pub fn accept(
        &self,
        mut state: PayeeState,
        object: &[u8],
        now: Option<UnixSeconds>,
    ) -> Result<(PayeeState, Bytes), Refusal> {
        let now = now.ok_or(Own::ClockUnknown)?;
        let checked = check_object(self.crypto, &state.server, object)?;
        if let Some(known) = state.accepted.iter().find(|accepted| accepted.id == checked.id) {
            let receipt = known.settlement.receipt.clone();
            return Ok((state, receipt));
        }
        let at = self.fitting_challenge(&state, &checked)?;
        checked.grant.validity().check(now, SKEW_SECONDS)?;
        let token = checked.grant.body.token;
        if state.accepted.iter().any(|accepted| accepted.token == token) {
            return Err(Own::NonceSpent.into());
        }
        let payee = checked.object.claims().body.transaction.payee;
        // A payee whose clock is a little slow learns from the grant that it is at least this late.
        let accepted_at = now.max(checked.grant.iat);
        let receipt = Receipt { iat: accepted_at, body: ReceiptBody { object: checked.id, payee } };
        let receipt = Bytes(sign(self.crypto, &self.signer(), &receipt)?);
        let challenge = state.open.remove(at).challenge;
        let settlement = Settlement { object: object.into(), challenge, receipt: receipt.clone() };
        state.accepted.push(Accepted { id: checked.id, token, settlement, settled: false });
        Ok((state, receipt))
    }

    /// The place of the open challenge that the object pays.
    fn fitting_challenge(&self, state: &PayeeState, checked: &CheckedObject) -> Result<usize, Refusal> {
        let paid = &checked.object.claims().body.transaction;
        let certificate = Raw(&state.certificate.0).parse::<PayeeCertificate>()?;
        if paid.payee != certificate.danger_unverified().body.payee {
            return Err(Own::WrongPayee.into());
        }
        let at = state.open.iter().position(|open| open.nonce == paid.nonce).ok_or(Own::ChallengeUnknown)?;
        let open = state.open.get(at).ok_or(Own::ChallengeUnknown)?;
        let asked = Raw(&open.challenge.0)
            .parse::<Challenge>()?
            .verify(self.crypto, &self.key.verifying(self.crypto))?;
        let fits =
            asked.payload_hash(self.crypto) == paid.challenge && asked.claims().body.amount == paid.amount;
        if fits { Ok(at) } else { Err(Own::WrongPayee.into()) }
    }
}
