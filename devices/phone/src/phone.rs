//! The phone with its two stores, and what every action of it begins with.
use crate::{AuthenticatorClient, Failure, HeldPayment, Underway, state::SecureState};
use std::path::Path;
use symbolon_keys::{Crypto, KemKey, RustCrypto};
use symbolon_offline_payment::{
    OfflinePaymentRefusal as Own, Refusal, messages::ApplicationId, payment_application::ApplicationState,
    secure_application::AwaitObject, trust::Trust,
};
use symbolon_state::{Flash, Kept};
use symbolon_transport::{TransportError, entropy, store::FileFlash};
use symbolon_types::Secret;
use symbolon_wire::cbor::Bytes;

/// Is given the exact bytes of what is exchanged, by name.
pub type Witness<'a> = dyn FnMut(&str, &[u8]) + 'a;

/// The provider of cryptography of a phone.
pub(crate) const CRYPTO: &RustCrypto = &RustCrypto;

/// The phone: two applications, each with its store, and the way to the authenticator.
pub struct Phone<F> {
    pub(crate) secure: Kept<SecureState, F>,
    pub(crate) application: Kept<ApplicationState, F>,
    pub(crate) authenticator: AuthenticatorClient,
}

impl Phone<FileFlash> {
    /// Opens the phone's stores in `store`; they are made at the first use.
    ///
    /// # Errors
    /// STORE_FAILED; [`Failure::Transport`], with `InUse` while another process has them.
    pub fn open(store: &Path, authenticator: AuthenticatorClient) -> Result<Self, Failure> {
        let secure = FileFlash::open(&store.join("secure-application"))?;
        let application = FileFlash::open(&store.join("payment-application"))?;
        Self::on(secure, application, authenticator)
    }
}

impl<F: Flash> Phone<F> {
    /// Opens the phone on two media of their own.
    ///
    /// # Errors
    /// STORE_FAILED; [`Failure::Transport`] when a first use finds no random bytes.
    pub fn on(secure: F, application: F, authenticator: AuthenticatorClient) -> Result<Self, Failure> {
        let secure = Kept::open(secure, || Ok::<_, Failure>(SecureState::blank(entropy::seed()?)))?;
        let application = Kept::open(application, fresh_application)?;
        Ok(Self { secure, application, authenticator })
    }

    /// Payments whose object was made, oldest first.
    #[must_use]
    pub fn payments(&self) -> &[HeldPayment] {
        &self.secure.get().payments
    }

    pub(crate) fn key(&self) -> KemKey {
        KemKey::from_private(self.secure.get().key.clone())
    }

    pub(crate) fn trust(&self) -> Result<Trust, Failure> {
        Ok(self.secure.get().trust.clone().ok_or(Own::NotEnrolled)?)
    }

    /// Changes what the secure application keeps: durable on return.
    pub(crate) fn keep(&mut self, change: impl FnOnce(&mut SecureState)) -> Result<(), Failure> {
        let mut next = self.secure.get().clone();
        change(&mut next);
        Ok(self.secure.put(next)?)
    }

    /// Finds out what became of a payment that was begun and never ended: its object is fetched, or its nonce goes back. The challenge that
    /// has no object then.
    pub(crate) fn recover(&mut self) -> Result<Option<Bytes>, Failure> {
        let Some(begun) = self.secure.get().underway.clone() else { return Ok(None) };
        let token = CRYPTO.sha256(&[&begun.nonce.token.0]);
        match self.authenticator.reemit(token) {
            Ok(object) => self.made(begun, object).map(|_| None),
            Err(failure) if failure.refusal() == Some(Refusal::Own(Own::NonceUnknown)) => {
                self.keep(|state| {
                    state.wallet.pool.insert(0, begun.nonce);
                    state.underway = None;
                })?;
                Ok(Some(begun.challenge))
            }
            Err(failure) => Err(failure),
        }
    }

    /// Takes the object of the payment that is underway; durable on return.
    pub(crate) fn made(&mut self, begun: Underway, object: Bytes) -> Result<HeldPayment, Failure> {
        let token = CRYPTO.sha256(&[&begun.nonce.token.0]);
        let waiting = AwaitObject { token, preview: begun.preview, tip_minor: begun.tip_minor };
        let payment = waiting.received(CRYPTO, &self.trust()?, object)?;
        let held = HeldPayment { token, challenge: begun.challenge, payment };
        self.keep(|state| {
            state.underway = None;
            state.payments.push(held.clone());
        })?;
        Ok(held)
    }

    /// The payment of this challenge, if its object was made.
    pub(crate) fn held(&self, challenge: &Bytes) -> Option<HeldPayment> {
        self.payments().iter().find(|held| held.challenge == *challenge).cloned()
    }
}

fn fresh_application() -> Result<ApplicationState, Failure> {
    let application = ApplicationId(random16()?);
    Ok(ApplicationState { application, secret: entropy::seed()?, counter: 0 })
}

/// Sixteen random bytes.
pub(crate) fn random16() -> Result<[u8; 16], Failure> {
    let wide: Secret<[u8; 32]> = entropy::seed()?;
    let narrow = wide.reveal().first_chunk::<16>().copied();
    Ok(narrow.ok_or(TransportError::Protocol)?)
}
