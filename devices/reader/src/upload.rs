//! Uploading, online: every accepted object that the server has not settled, oldest first. What it refuses for good goes to the book, with the
//! refusal, and is not sent again; what it did not judge stays.
use crate::{Failure, Node, Reader, RefusedUpload, Witness, online::is_for_now, reader::CRYPTO};
use symbolon_offline_payment::{
    OfflinePaymentRefusal as Own, Refusal,
    payee::{Accepted, Payee},
    state::SettledOutcome,
};
use symbolon_state::Flash;
use symbolon_transport::TransportError;
use symbolon_types::Hash;
use symbolon_wire::cbor::{from_slice, to_vec};

/// What the server answered for one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// The object's id.
    pub object: Hash,
    /// Settled, or refused.
    pub answer: Result<SettledOutcome, Refusal>,
}

impl<F: Flash> Reader<F> {
    /// Uploads what is not settled. Each answer is kept before the next object is sent, so that whatever ends this early, the next upload
    /// goes on after it; the server answers a repeat as it did the first time. What was forwarded online and never answered is led on first; of that
    /// only what the server did not judge this time either is among the answers.
    ///
    /// # Errors
    /// NOT_ENROLLED, STORE_FAILED; [`Failure::Transport`] when the server cannot be reached. What it refuses is in the answers.
    pub fn upload(&mut self, node: &Node, witness: &mut Witness<'_>) -> Result<Vec<Uploaded>, Failure> {
        // What the server says of its keys, or does not say, does not keep the money away: a refusal of it is told by `sync`.
        let synced = match self.sync(node, witness) {
            Err(Failure::Refused(Refusal::Own(refusal @ (Own::StoreFailed | Own::NotEnrolled)))) => {
                return Err(refusal.into());
            }
            done => done,
        };
        let mut answers = self.lead_on(node)?;
        let payee = self.payee_state()?;
        if let (Err(failure @ Failure::Transport(_)), true) =
            (synced, payee.accepted.iter().all(|one| one.settled))
        {
            return Err(failure);
        }
        let waiting = payee.accepted.into_iter().filter(|accepted| !accepted.settled);
        for (number, accepted) in (1..).zip(waiting) {
            answers.push(self.upload_one(node, number, &accepted, witness)?);
        }
        Ok(answers)
    }

    fn upload_one(
        &mut self,
        node: &Node,
        number: u32,
        accepted: &Accepted,
        witness: &mut Witness<'_>,
    ) -> Result<Uploaded, Failure> {
        let body = to_vec(&accepted.settlement);
        witness(&format!("settlement-{number}"), &body);
        let object = accepted.id;
        let answer = match node.post("settlements", &body) {
            Ok(answer) => {
                witness(&format!("settled-{number}"), &answer.0);
                Ok(from_slice::<SettledOutcome>(&answer.0).map_err(|_| TransportError::Protocol)?)
            }
            Err(Failure::Refused(refusal)) => Err(refusal),
            Err(failure) => return Err(failure),
        };
        if answer.as_ref().is_ok_and(|outcome| outcome.object != object) {
            return Err(TransportError::Protocol.into());
        }
        self.answered(object, answer.err())?;
        Ok(Uploaded { object, answer })
    }

    fn answered(&mut self, object: Hash, refused: Option<Refusal>) -> Result<(), Failure> {
        let (mut payee, key) = (self.payee_state()?, self.key());
        let known = payee.accepted.iter_mut().find(|accepted| accepted.id == object);
        known.ok_or(Own::ChallengeUnknown)?.settled = refused.is_none();
        if let Some(refusal) = refused.filter(|refusal| !is_for_now(*refusal)) {
            payee = Payee { crypto: CRYPTO, key: &key }.refused(payee, object, refusal)?;
        }
        let refused = refused.filter(|refusal| is_for_now(*refusal));
        self.keep(|state| {
            state.payee = Some(payee);
            state.refused.retain(|known| known.object != object);
            state.refused.extend(refused.map(|refusal| RefusedUpload { object, refusal }));
        })
    }
}
