//! A reader that is online (profile P1): the server is asked before the receipt is given.
//!
//! ```text
//!   forwarded [kept] ──► POST settlements ──► settled [kept] ──► receipt
//!                             │ dies, or no answer: asked again at the next resume or upload
//!                             └► refused: dropped [kept], the payer gets no receipt
//! ```
use crate::{Failure, Node, Reader, Uploaded, reader::CRYPTO};
use symbolon_offline_payment::{
    Refusal,
    messages::Settlement,
    payee::{Payee, online::Forward},
    state::SettledOutcome,
};
use symbolon_state::Flash;
use symbolon_transport::TransportError;
use symbolon_types::{CoreRefusal, Hash};
use symbolon_wire::cbor::{Bytes, from_slice, to_vec};

impl<F: Flash> Reader<F> {
    /// Takes an object online: its receipt, once the server has settled it.
    pub(crate) fn take_online(
        &mut self,
        node: &Node,
        object: &[u8],
        final_minor: Option<u64>,
    ) -> Result<Bytes, Failure> {
        let (state, key) = (self.payee_state()?, self.key());
        // The server's time, as of the contact that this charge began with.
        let now = state.trust.heard;
        let (next, forward) = Payee { crypto: CRYPTO, key: &key }.forward(state, object, now, final_minor)?;
        match forward {
            Forward::Known(receipt) => Ok(receipt),
            Forward::Upload(id, _) => {
                let (next, settlement) = Payee { crypto: CRYPTO, key: &key }.asked_again(next, id, now)?;
                self.keep(|state| state.payee = Some(next))?;
                self.ask_server(node, id, &settlement)?
            }
        }
    }

    /// Asks the server about everything that was forwarded and never answered, with a receipt of the server's present time where the one that was
    /// made is too old for it. What it did not judge, which stays forwarded and keeps the others from nothing.
    pub(crate) fn lead_on(&mut self, node: &Node) -> Result<Vec<Uploaded>, Failure> {
        let mut not_judged = Vec::new();
        for forwarded in self.payee_state()?.forwarded {
            let (state, key) = (self.payee_state()?, self.key());
            let now = state.trust.heard;
            let (next, settlement) =
                Payee { crypto: CRYPTO, key: &key }.asked_again(state, forwarded.id, now)?;
            if settlement != forwarded.settlement {
                self.keep(|state| state.payee = Some(next))?;
            }
            match self.ask_server(node, forwarded.id, &settlement) {
                Ok(Err(failure)) if failure.refusal().is_none() => return Err(failure),
                Ok(_) => {}
                Err(Failure::Refused(refusal)) if is_for_now(refusal) => {
                    not_judged.push(Uploaded { object: forwarded.id, answer: Err(refusal) });
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(not_judged)
    }

    /// The outer error is one that leaves the object forwarded; the inner one has dropped it.
    fn ask_server(
        &mut self,
        node: &Node,
        id: Hash,
        settlement: &Settlement,
    ) -> Result<Result<Bytes, Failure>, Failure> {
        let answer = match node.post("settlements", &to_vec(settlement)) {
            Ok(answer) => {
                let outcome: SettledOutcome = from_slice(&answer.0).map_err(|_| TransportError::Protocol)?;
                if outcome.object != id {
                    return Err(TransportError::Protocol.into());
                }
                Ok(())
            }
            Err(Failure::Refused(refusal)) if !is_for_now(refusal) => Err(refusal),
            Err(failure) => return Err(failure),
        };
        let (state, key) = (self.payee_state()?, self.key());
        let (next, receipt) = Payee { crypto: CRYPTO, key: &key }.answered(state, id, answer)?;
        self.keep(|state| state.payee = Some(next))?;
        Ok(match (answer, receipt) {
            (Err(refusal), _) => Err(refusal.into()),
            (Ok(()), receipt) => Ok(receipt.ok_or(TransportError::Protocol)?),
        })
    }
}

/// The server did not judge, and recorded nothing: it is asked again. All else is its judgement, MALFORMED too: what it says so of came whole.
pub(crate) fn is_for_now(refusal: Refusal) -> bool {
    matches!(refusal, Refusal::Core(CoreRefusal::Busy | CoreRefusal::Unavailable | CoreRefusal::NotDurable))
}
