//! What the phone can say of itself.
use crate::{Failure, HeldPayment, Phone};
use symbolon_offline_payment::messages::Status;
use symbolon_state::Flash;

/// The state of the phone and of its authenticator.
#[derive(Clone, Debug)]
pub struct PhoneStatus {
    /// The authenticator's.
    pub authenticator: Status,
    /// Nonces that may be paid with.
    pub granted: usize,
    /// Nonce tokens whose grants are not in.
    pub asked: usize,
    /// Whether a payment was begun and never ended.
    pub underway: bool,
    /// Payments whose object was made, oldest first.
    pub payments: Vec<HeldPayment>,
}

impl<F: Flash> Phone<F> {
    /// The state. A payment that was begun and never ended is looked after first.
    ///
    /// # Errors
    /// STORE_FAILED; [`Failure::Transport`] when the authenticator does not answer.
    pub fn status(&mut self) -> Result<PhoneStatus, Failure> {
        self.recover()?;
        let state = self.secure.get();
        Ok(PhoneStatus {
            authenticator: self.authenticator.status()?,
            granted: state.wallet.pool.len(),
            asked: state.asked.len(),
            underway: state.underway.is_some(),
            payments: state.payments.clone(),
        })
    }
}
