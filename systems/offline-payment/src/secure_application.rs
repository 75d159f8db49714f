//! The secure application: prefetches nonces while online, takes the credential from the user while offline, and seals it.
//!
//! ```text
//!   online   Wallet::add(tokens, grants)                                     tokens fit grants, or none is taken
//!   offline  Wallet::offer(preview, challenge) ──► AwaitCredential
//!            AwaitCredential::with_second(NT2)  ──► AwaitCredential            where a payment application takes part
//!            AwaitCredential::needed() ──► none, PIN, passphrase, platform; one-time password
//!            AwaitCredential::enter(credential, Offline) ──► AwaitObject       sealed to the token's own key, under token AND grant
//!            AwaitCredential::unverified(Offline)        ──► AwaitObject       an empty one, sealed likewise, where none is needed
//!            AwaitObject::received(object) ──► Payment                        the object is for this challenge and this tip
//!            Payment::receipt(receipt) ──► Payment, its receipt there          the payee took it, or less of it
//!   whenever set_credential(shown, new) ──► SetCredential                     under a credential that is set
//! ```
//! **Invariant:** the credential is sealed only with a nonce token and its grant, and only while the network is lost ([`Offline`]).
use crate::authenticator::{
    Credential, credential_aad, credential_info, enrolment_info, payment_question, setting_info,
    setting_question,
};
use crate::messages::{
    Challenge, CompleteEnrolment, Grant, NonceToken, PayeeCertificate, Preview, Receipt, SealedBox,
    SealedCredential, SecureObject, SetCredential, Status, Verification, agreed,
};
use crate::trust::{Trust, as_bad_grant};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use alloc::vec::Vec;
use symbolon_keys::{Crypto, KemKey, KemPublic};
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
        trust: &Trust,
        tokens: &[Bytes],
        grants: &[Bytes],
    ) -> Result<Self, Refusal> {
        if tokens.len() != grants.len() {
            return Err(Own::BadGrant.into());
        }
        for (token, grant) in tokens.iter().zip(grants) {
            let signed = Raw(&grant.0).parse::<Grant>()?;
            let granted = trust.verify(crypto, signed, None).map_err(as_bad_grant)?;
            if granted.claims().body.token != crypto.sha256(&[&token.0]) {
                return Err(Own::BadGrant.into());
            }
            self.pool.push(GrantedNonce { token: token.clone(), grant: grant.clone() });
        }
        Ok(self)
    }

    /// Drops what has ended. `now` is a time that the server signed: a clock that runs ahead would drop what counts.
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

    /// Takes out what is under a key of the server's that counts no more, by the time of the server's own list: the wallet, and the tokens that
    /// went. Those still fill the pools of authenticator and server, so they are to be granted again: the server signs a known token anew.
    ///
    /// # Errors
    /// MALFORMED when the pool holds what it cannot have taken in.
    pub fn drop_revoked(mut self, crypto: &dyn Crypto, trust: &Trust) -> Result<(Self, Vec<Bytes>), Refusal> {
        let (mut kept, mut ungranted) = (Vec::new(), Vec::new());
        for nonce in self.pool {
            let grant = Raw(&nonce.grant.0).parse::<Grant>()?;
            match trust.verify(crypto, grant, Some(trust.heard)) {
                Ok(_) => kept.push(nonce),
                Err(_) => ungranted.push(nonce.token),
            }
        }
        self.pool = kept;
        Ok((self, ungranted))
    }

    /// Takes a nonce for a challenge: as [`Wallet::offer_with_tip`], without a tip.
    ///
    /// # Errors
    /// NO_NONCE when none is left that covers the amount.
    pub fn offer(self, preview: Preview, challenge: Bytes) -> Result<(Self, AwaitCredential), Refusal> {
        self.offer_with_tip(preview, challenge, None)
    }

    /// Takes the oldest nonce that may pay this challenge and a tip, for good: it is out of the pool whatever becomes of the payment.
    /// `preview` is what the authenticator read from the verified challenge; `tip_minor` is what the payer adds, in minor units.
    ///
    /// # Errors
    /// TIP_TOO_HIGH above what is asked for, or where no tip is; NO_NONCE when none is left that covers the amount.
    pub fn offer_with_tip(
        mut self,
        preview: Preview,
        challenge: Bytes,
        tip_minor: Option<u64>,
    ) -> Result<(Self, AwaitCredential), Refusal> {
        if tip_minor.is_some_and(|tip| preview.tip_minor_max.is_none_or(|most| tip > most)) {
            return Err(Own::TipTooHigh.into());
        }
        let amount = with_tip(preview.amount, tip_minor)?;
        let at = self.pool.iter().position(|nonce| covers(nonce, amount)).ok_or(Own::NoNonce)?;
        let nonce = self.pool.remove(at);
        Ok((self, AwaitCredential { nonce, preview, challenge, second: None, tip_minor, amount }))
    }
}

fn with_tip(amount: Amount, tip_minor: Option<u64>) -> Result<Amount, Refusal> {
    let Some(tip) = tip_minor else { return Ok(amount) };
    Ok(amount.checked_add(Amount::new(tip, amount.currency())?)?)
}

fn covers(nonce: &GrantedNonce, amount: Amount) -> bool {
    let grant = Raw(&nonce.grant.0).parse::<Grant>();
    grant.is_ok_and(|grant| amount.within(grant.danger_unverified().body.limit) == Ok(true))
}

/// What a payment needs of its payer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needed {
    /// The least verification of the user; none where nothing is to be asked.
    pub user: Verification,
    /// Whether the payment application's one-time password is needed.
    pub otp: bool,
}

/// A payment that waits for the user's credential.
#[derive(Clone, Debug)]
pub struct AwaitCredential {
    nonce: GrantedNonce,
    preview: Preview,
    challenge: Bytes,
    second: Option<Bytes>,
    tip_minor: Option<u64>,
    amount: Amount,
}

impl AwaitCredential {
    /// What the user is shown: the payee's certified name and the signed amount.
    #[must_use]
    pub fn preview(&self) -> &Preview {
        &self.preview
    }

    /// What will be paid, the tip included.
    #[must_use]
    pub fn amount(&self) -> Amount {
        self.amount
    }

    /// What the payer adds, in minor units.
    #[must_use]
    pub fn tip_minor(&self) -> Option<u64> {
        self.tip_minor
    }

    /// What is agreed to: what password, second nonce and credential are bound to.
    #[must_use]
    pub fn agreed(&self, crypto: &dyn Crypto) -> Hash {
        agreed(crypto, self.preview.transaction, self.tip_minor)
    }

    /// What the platform's key must sign, where it is the platform that verifies the user.
    #[must_use]
    pub fn question(&self, crypto: &dyn Crypto) -> Hash {
        payment_question(crypto, self.token(crypto), self.agreed(crypto))
    }

    /// SHA-256 of the nonce token that will be used.
    #[must_use]
    pub fn token(&self, crypto: &dyn Crypto) -> Hash {
        crypto.sha256(&[&self.nonce.token.0])
    }

    /// What the grant asks for at this amount; the strongest where the grant asks for something unknown. Where it asks for nothing and the sum that
    /// may be paid so is used up, any credential: the right one begins that sum anew.
    #[must_use]
    pub fn needed(&self) -> Needed {
        let used_up = self.preview.unverified_minor_max.is_some_and(|most| self.amount.minor() > most);
        let strongest = Needed { user: Verification::Platform, otp: true };
        let grant = Raw(&self.nonce.grant.0).parse::<Grant>();
        grant.map_or(strongest, |grant| {
            let rule = grant.danger_unverified().verification(self.amount.minor());
            let user = match rule.user {
                0 if !used_up => Verification::None,
                0 | 1 => Verification::Pin,
                2 => Verification::Passphrase,
                _ => Verification::Platform,
            };
            Needed { user, otp: rule.otp }
        })
    }

    /// Whether the grant asks for a one-time password at this amount.
    #[must_use]
    pub fn needs_otp(&self) -> bool {
        self.needed().otp
    }

    /// Binds the second nonce in.
    #[must_use]
    pub fn with_second(self, second: Bytes) -> Self {
        Self { second: Some(second), ..self }
    }

    /// Goes on without a credential, where none is needed: an empty one is sealed, so that the payment still shows that it comes from the
    /// paired application.
    ///
    /// # Errors
    /// UV_TOO_WEAK where one is needed ([`AwaitCredential::needed`]); else as [`AwaitCredential::enter`].
    pub fn unverified(
        self,
        crypto: &dyn Crypto,
        sender: &KemKey,
        lost: Offline,
        seed: &Secret<[u8; 32]>,
    ) -> Result<(AwaitObject, SealedCredential), Refusal> {
        match self.needed().user {
            Verification::None => self.enter(crypto, Credential::none(), sender, lost, seed),
            _ => Err(Own::VerificationWeak.into()),
        }
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
            &credential_aad(crypto, self.agreed(crypto), second),
            credential.padded().reveal(),
            sender,
            seed,
        )?;
        Ok(self.sealed(crypto, sealed.into()))
    }

    fn sealed(self, crypto: &dyn Crypto, credential: SealedBox) -> (AwaitObject, SealedCredential) {
        let (token, tip_minor) = (self.token(crypto), self.tip_minor);
        let message = SealedCredential {
            token: self.nonce.token,
            grant: self.nonce.grant,
            second: self.second,
            credential: Some(credential),
            tip_minor,
            challenge: self.challenge,
        };
        (AwaitObject { token, preview: self.preview, tip_minor }, message)
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
        /// What the payer adds, in minor units.
        3 => tip_minor: Option<u64>,
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
        /// What the object pays, the tip included.
        6 => amount: Amount,
        /// What the payee takes, as its receipt says; at most the amount.
        7 => taken: Option<Amount>,
        /// How much of the amount is a tip, in minor units.
        8 => tip_minor: Option<u64>,
        /// What was agreed to: [`agreed`].
        9 => agreed: Hash,
    }
}

impl AwaitObject {
    /// Takes the authenticator's object.
    ///
    /// # Errors
    /// WRONG_PAYEE when it is not for the transaction that was agreed to; BAD_SIG when it does not verify under its grant's key.
    pub fn received(self, crypto: &dyn Crypto, trust: &Trust, object: Bytes) -> Result<Payment, Refusal> {
        let signed = Raw(&object.0).parse::<SecureObject>()?;
        let grant_bytes = &signed.danger_unverified().body.grant.0;
        let grant = Raw(grant_bytes).parse::<Grant>()?;
        // The wallet took it in while its key counted; revoked since, it is the payee's to refuse, and the payer has an object all the same.
        let grant = trust.verify_past(crypto, grant).map_err(as_bad_grant)?;
        let verified = signed.verify(crypto, &grant.claims().cnf.key)?;
        let body = &verified.claims().body;
        let (paid, amount) = (&body.transaction, with_tip(self.preview.amount, self.tip_minor)?);
        let as_agreed = paid.challenge == self.preview.transaction && paid.tip_minor == self.tip_minor;
        if !as_agreed || paid.amount != amount || body.token != self.token {
            return Err(Own::WrongPayee.into());
        }
        let until = grant.claims().exp.plus(crate::messages::SETTLEMENT_WINDOW_SECONDS);
        let id = verified.payload_hash(crypto);
        let Self { preview, tip_minor, .. } = self;
        let agreed = agreed(crypto, preview.transaction, tip_minor);
        let (may_be_charged_until, receipt, taken) = (until, None, None);
        Ok(Payment { object, id, preview, may_be_charged_until, receipt, amount, taken, tip_minor, agreed })
    }
}

impl Payment {
    /// Takes the payee's receipt for this object.
    ///
    /// # Errors
    /// BAD_SIG when the payee of the challenge did not sign it; WRONG_PAYEE when it is for another object; FINAL_TOO_HIGH when it says that the payee
    /// takes more than the object pays.
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
        let final_minor = said.claims().body.final_minor.unwrap_or(self.amount.minor());
        if final_minor == 0 || final_minor > self.amount.minor() {
            return Err(Own::FinalTooHigh.into());
        }
        self.taken = Some(Amount::new(final_minor, self.amount.currency())?);
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

/// What a platform's key must sign so that it can be the first credential, or take part in it.
#[must_use]
pub fn first_question(crypto: &dyn Crypto, enrolment: &[u8]) -> Hash {
    setting_question(crypto, &enrolment_info(crypto, enrolment))
}

/// What a platform's key must sign for [`set_credential`] with this status.
///
/// # Errors
/// NOT_ENROLLED.
pub fn set_question(crypto: &dyn Crypto, status: &Status) -> Result<Hash, Refusal> {
    let authenticator = status.authenticator.ok_or(Own::NotEnrolled)?;
    Ok(setting_question(crypto, &setting_info(&authenticator, status.counter)))
}

/// Seals a credential that is set and a new one for the authenticator. `status` is what it said last: the message counts only while its counter is
/// what it was, so a replay opens nothing.
///
/// # Errors
/// NOT_ENROLLED; OPEN_FAILED when the authenticator's key cannot be sealed to.
pub fn set_credential(
    crypto: &dyn Crypto,
    status: &Status,
    shown: &Credential,
    new: &Credential,
    sender: &KemKey,
    seed: &Secret<[u8; 32]>,
) -> Result<SetCredential, Refusal> {
    let authenticator = status.authenticator.ok_or(Own::NotEnrolled)?;
    let info = setting_info(&authenticator, status.counter);
    let both = Secret::new([shown.padded().reveal().as_slice(), new.padded().reveal()].concat());
    let suite = hpke::Suite::Aes128Gcm;
    let sealed = hpke::seal_auth(crypto, suite, &status.kem, &info, &[], both.reveal(), sender, seed)
        .map_err(|_| CoreRefusal::OpenFailed)?;
    Ok(SetCredential { credentials: sealed.into() })
}
