//! From the object to the receipt: the object is shown again, the same bytes, until the payee has said that it took it.
use crate::{Entry, Failure, HeldPayment, PayeeLink, Phone, Witness, phone::CRYPTO};
use symbolon_offline_payment::{
    OfflinePaymentRefusal as Own, Refusal,
    secure_application::{LastCall, lost_network},
};
use symbolon_state::Flash;
use symbolon_types::CoreRefusal;

impl<F: Flash> Phone<F> {
    /// Leads on after a death: shows the object of the newest payment that has no receipt. Where the death came before there was an object,
    /// the challenge that was begun is paid if there is an `entry`; never another.
    ///
    /// # Errors
    /// NOT_FOUND when there is nothing to lead on with; else as [`Phone::pay`].
    pub fn resume(
        &mut self,
        link: &mut dyn PayeeLink,
        entry: Option<&mut Entry<'_>>,
        last: LastCall,
        witness: &mut Witness<'_>,
    ) -> Result<HeldPayment, Failure> {
        let begun = self.recover()?;
        let open = self.payments().iter().rev().find(|held| held.payment.receipt.is_none()).cloned();
        let held = match (begun, entry, open) {
            (Some(challenge), Some(entry), _) => {
                witness("challenge", &challenge.0);
                self.make(challenge, entry, lost_network(last)?, witness)?
            }
            (None, _, Some(held)) => {
                witness("challenge", &held.challenge.0);
                witness("secure-object", &held.payment.object.0);
                held
            }
            _ => return Err(CoreRefusal::NotFound.into()),
        };
        self.present(held, link, witness)
    }

    /// Hands the object over, and keeps the receipt before it is acknowledged.
    pub(crate) fn present(
        &mut self,
        held: HeldPayment,
        link: &mut dyn PayeeLink,
        witness: &mut Witness<'_>,
    ) -> Result<HeldPayment, Failure> {
        let (challenge, object) = (held.challenge.0.clone(), held.payment.object.0.clone());
        let mut result = held;
        link.hand_over(&challenge, &object, &mut |receipt| match result.payment.clone().receipt(
            CRYPTO,
            &challenge,
            receipt.into(),
        ) {
            Ok(payment) => {
                result.payment = payment;
                witness("receipt", receipt);
                self.receipted(&result).map(|()| true)
            }
            Err(refusal) if is_another(refusal) => Ok(false),
            Err(refusal) => Err(refusal.into()),
        })?;
        Ok(result)
    }

    fn receipted(&mut self, paid: &HeldPayment) -> Result<(), Failure> {
        self.keep(|state| {
            state
                .payments
                .iter_mut()
                .filter(|held| held.token == paid.token)
                .for_each(|held| *held = paid.clone());
        })
    }
}

/// What was shown is no receipt, or one for another object.
fn is_another(refusal: Refusal) -> bool {
    matches!(
        refusal,
        Refusal::Core(CoreRefusal::Malformed | CoreRefusal::BadSignature) | Refusal::Own(Own::WrongPayee)
    )
}
