//! Setting a credential under one that is set.
use crate::{AuthenticatorClient, Failure, Phone, Witness, phone::CRYPTO};
use symbolon_offline_payment::{
    authenticator::Credential,
    messages::{Request, Verification},
    secure_application::{set_credential, set_question},
};
use symbolon_state::Flash;
use symbolon_transport::entropy;
use symbolon_types::Hash;
use symbolon_wire::cbor::to_vec;

/// Gives a credential; a platform authenticator signs the question that it is given.
pub type Shown<'a> = dyn FnMut(Hash) -> Result<Credential, Failure> + 'a;

impl<F: Flash> Phone<F> {
    /// Sets `new`, of a kind that is not set yet or in place of the one that is, under `shown`. The kinds that are set then.
    ///
    /// # Errors
    /// NOT_ENROLLED, CRED_WRONG, CRED_LOCKED, CRED_KIND, CRED_FORM, UV_TOO_WEAK under a weaker one than both the new and the strongest, OPEN_FAILED
    /// when another request came in between, BUSY, STORE_FAILED; [`Failure::Transport`], after which the status tells.
    pub fn set_credential(
        &mut self,
        shown: &mut Shown<'_>,
        new: &mut Shown<'_>,
        witness: &mut Witness<'_>,
    ) -> Result<Vec<Verification>, Failure> {
        let authenticator: AuthenticatorClient = self.authenticator.clone();
        let status = authenticator.status()?;
        let question = set_question(CRYPTO, &status)?;
        let (shown, new) = (shown(question)?, new(question)?);
        let message = set_credential(CRYPTO, &status, &shown, &new, &self.key(), &entropy::seed()?)?;
        witness("set-credential", &to_vec(&message));
        authenticator.done(&Request::SetCredential(message))?;
        Ok(authenticator.status()?.credentials)
    }
}
