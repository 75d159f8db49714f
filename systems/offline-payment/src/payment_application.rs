//! The payment application: launched while offline, it lends its one-time password to the payment and completes the transaction.
//!
//! ```text
//!   launch(Offline) ──► Launched ──password(agreed)──► AwaitObject ──complete(object)──► the object goes to the payee
//! ```
//! **Invariant:** the counter is raised, durably (by the caller, from [`Password::state`]), before the password is used.
use crate::authenticator::{OTP_SUITE, PAIRING_INFO, otp_question};
use crate::messages::{ApplicationId, PairPaymentApplication};
use crate::secure_application::{Offline, Payment};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use alloc::string::String;
use symbolon_keys::{Crypto, KemPublic, OcraInput, OcraSuite, ocra};
use symbolon_proof::hpke;
use symbolon_types::{Hash, Secret};
use symbolon_wire::{cbor::Bytes, cbor_map};

cbor_map! {
    /// What a payment application keeps.
    #[derive(Clone, Debug)]
    pub struct ApplicationState {
        /// Which application.
        1 => application: ApplicationId,
        /// The secret that it shares with the authenticator.
        2 => secret: Secret<[u8; 32]>,
        /// The counter of its next password.
        3 => counter: u64,
    }
}

/// A payment application that was launched while offline.
pub struct Launched(ApplicationState);

/// A one-time password, and the state that must be durable before it is used.
pub struct Password {
    /// The state with the counter raised.
    pub state: ApplicationState,
    /// The password, eight digits.
    pub otp: String,
    /// What completes the transaction once the object is there.
    pub next: AwaitObject,
}

/// The application waits for the object of this transaction.
pub struct AwaitObject {
    agreed: Hash,
}

/// Seals the application's secret for the authenticator, once.
///
/// # Errors
/// OPEN_FAILED when the authenticator's key cannot be sealed to.
pub fn pairing(
    crypto: &dyn Crypto,
    state: &ApplicationState,
    authenticator: &KemPublic,
    seed: &Secret<[u8; 32]>,
) -> Result<PairPaymentApplication, Refusal> {
    let suite = hpke::Suite::Aes128Gcm;
    let aad = state.application.as_bytes();
    let sealed =
        hpke::seal_base(crypto, suite, authenticator, PAIRING_INFO, aad, state.secret.reveal(), seed)?;
    Ok(PairPaymentApplication { application: state.application, secret: sealed.into() })
}

/// Launches the application while the network is lost.
#[must_use]
pub fn launch(state: ApplicationState, _lost: Offline) -> Launched {
    Launched(state)
}

impl Launched {
    /// The one-time password of one transaction: OCRA (RFC 6287) over the counter and what was agreed to ([`crate::messages::agreed`]).
    ///
    /// # Errors
    /// OTP_USED when the counter is used up.
    pub fn password(self, crypto: &dyn Crypto, agreed: Hash) -> Result<Password, Refusal> {
        let Self(mut state) = self;
        let question = otp_question(agreed);
        let input = OcraInput { counter: Some(state.counter), question: &question, ..OcraInput::default() };
        let suite = OcraSuite::parse(OTP_SUITE).map_err(|_| Own::OtpRefused)?;
        let otp = ocra(crypto, &suite, state.secret.reveal(), &input).map_err(|_| Own::OtpRefused)?;
        state.counter = state.counter.checked_add(1).ok_or(Own::OtpRefused)?;
        Ok(Password { state, otp: otp.reveal().clone(), next: AwaitObject { agreed } })
    }
}

impl AwaitObject {
    /// Takes the secure object from the secure application and completes the transaction with it.
    ///
    /// # Errors
    /// WRONG_PAYEE when the object is for another transaction than the password was.
    pub fn complete(self, payment: &Payment) -> Result<Bytes, Refusal> {
        if payment.agreed == self.agreed { Ok(payment.object.clone()) } else { Err(Own::WrongPayee.into()) }
    }
}
