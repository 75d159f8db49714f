//! Enrolment: both applications are paired with the authenticator, the server enrols it, the user's credential is set. Each step may be
//! repeated: after a death in the middle the same code leads on.
use crate::{Failure, Node, Phone, Witness, phone::CRYPTO};
use symbolon_keys::VerifyingKey;
use symbolon_offline_payment::OfflinePaymentRefusal as Own;
use symbolon_offline_payment::{
    authenticator::Credential,
    messages::{AuthenticatorId, Request},
    payment_application::pairing,
    secure_application::{Wallet, first_credential},
    trust::Trust,
};
use symbolon_state::Flash;
use symbolon_transport::entropy;
use symbolon_wire::cbor::to_vec;

impl<F: Flash> Phone<F> {
    /// Enrols the phone with the code that the issuer gave. `server` is the server's key where it is known from elsewhere; else the server
    /// is asked for it, and the authenticator, which has its own pinned, refuses an enrolment under any other.
    ///
    /// # Errors
    /// ALREADY_ENROLLED, CODE_UNKNOWN, BAD_SIG, STORE_FAILED, REVOKED; [`Failure::Transport`].
    pub fn enrol(
        &mut self,
        node: &Node,
        server: Option<VerifyingKey>,
        code: [u8; 16],
        credential: &Credential,
        witness: &mut Witness<'_>,
    ) -> Result<AuthenticatorId, Failure> {
        self.pair()?;
        let server = server.map_or_else(|| node.server_key(), Ok)?;
        let update = node.trust()?;
        // The authenticator may have pinned a key that has gone since: it is led on before it is to believe the server's enrolment.
        self.tell(&update)?;
        let (trust, _) = Trust::pinned(server).updated(CRYPTO, &update)?;
        let request = self.authenticator.message(&Request::BeginEnrolment(code))?;
        witness("enrolment-request", &request.0);
        let enrolment = node.post("enrolments", &request)?;
        witness("enrolment", &enrolment.0);
        // Kept before the authenticator is enrolled: an enrolled one does not enrol again for a phone that forgot the server.
        self.keep(|state| state.trust = Some(trust))?;
        let kem = self.authenticator.status()?.kem;
        let message = first_credential(CRYPTO, &kem, enrolment, credential, &self.key(), &entropy::seed()?)?;
        witness("secure-application-key", &to_vec(&self.key().public(CRYPTO)));
        witness("complete-enrolment", &to_vec(&message));
        self.authenticator.done(&Request::CompleteEnrolment(message))?;
        // A locked machine that is enrolled again has wiped its pool: what the wallet holds is of no more use.
        self.keep(|state| (state.wallet, state.asked) = (Wallet::default(), Vec::new()))?;
        Ok(self.authenticator.status()?.authenticator.ok_or(Own::NotEnrolled)?)
    }

    fn pair(&mut self) -> Result<(), Failure> {
        self.authenticator.done(&Request::PairSecureApplication(self.key().public(CRYPTO)))?;
        let kem = self.authenticator.status()?.kem;
        let message = pairing(CRYPTO, self.application.get(), &kem, &entropy::seed()?)?;
        self.authenticator.done(&Request::PairPaymentApplication(message))
    }
}
