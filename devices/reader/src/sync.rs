//! At every contact: the server's word on its keys and on denied devices, and the certificate anew where its key has gone.
use crate::{Failure, Node, Reader, Witness, reader::CRYPTO};
use symbolon_offline_payment::{OfflinePaymentRefusal as Own, payee::Payee};
use symbolon_state::Flash;
use symbolon_wire::cbor::to_vec;

impl<F: Flash> Reader<F> {
    /// Fetches and keeps it; durable on return.
    ///
    /// # Errors
    /// NOT_ENROLLED; BAD_SIG, GRANT_REVOKED and MALFORMED for lists that do not lead on from what is known; PAYEE_UNKNOWN; STORE_FAILED;
    /// [`Failure::Transport`].
    pub fn sync(&mut self, node: &Node, witness: &mut Witness<'_>) -> Result<(), Failure> {
        let (before, key) = (self.payee_state()?, self.key());
        let payee = Payee { crypto: CRYPTO, key: &key };
        let update = node.trust()?;
        witness("trust-update", &to_vec(&update));
        let heard = payee.hear(before, &update)?;
        let due = payee.renewal_due(&heard)?;
        let time = heard.trust.heard;
        self.keep(|state| {
            state.payee = Some(heard);
            state.time = state.time.max(time);
        })?;
        if due { self.renew(node, witness) } else { Ok(()) }
    }

    fn renew(&mut self, node: &Node, witness: &mut Witness<'_>) -> Result<(), Failure> {
        let code = self.state().code.ok_or(Own::NotEnrolled)?;
        let key = self.key();
        let payee = Payee { crypto: CRYPTO, key: &key };
        let certificate = node.post("payee-enrolments", &payee.request(code)?.0)?;
        witness("payee-certificate", &certificate.0);
        let renewed = payee.renewed(self.payee_state()?, certificate)?;
        self.keep(|state| state.payee = Some(renewed))
    }
}
