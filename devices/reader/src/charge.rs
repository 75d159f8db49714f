//! One charge, offline: a challenge goes out, an object comes in, is checked and kept, and its receipt goes out.
use crate::{Failure, PayerLink, Reader, Witness, reader::CRYPTO};
use symbolon_offline_payment::{
    OfflinePaymentRefusal as Own, Refusal,
    messages::{Grant, PayeeNonce, SKEW_SECONDS, SecureObject},
    payee::{Accepted, Payee, PayeeState},
};
use symbolon_proof::Raw;
use symbolon_state::Flash;
use symbolon_transport::entropy;
use symbolon_types::{Amount, CoreRefusal, Hash};
use symbolon_wire::cbor::Bytes;

/// Challenges that may be open at once; the oldest is forgotten for a new one.
const OPEN_MAX: usize = 64;

/// What became of a charge that was paid.
#[derive(Clone, Debug)]
pub struct Charged {
    /// The object's id.
    pub object: Hash,
    /// SHA-256 of the payer's nonce token.
    pub token: Hash,
    /// H(txn): SHA-256 of the challenge's payload.
    pub transaction: Hash,
    /// What was paid.
    pub amount: Amount,
    /// Whether the payer has the receipt, as far as the transport can tell.
    pub receipt_given: bool,
}

impl<F: Flash> Reader<F> {
    /// Asks for `amount` and waits for the object that pays it.
    ///
    /// # Errors
    /// NOT_ENROLLED, AMOUNT_INVALID, CLOCK_BACK; the last refusal of what was offered: BAD_SIG, BAD_GRANT, EXPIRED, WRONG_PAYEE,
    /// CHALLENGE_UNKNOWN, NONCE_SPENT, LIMIT_TX, UV_TOO_WEAK; STORE_FAILED; [`Failure::Transport`] when nothing was offered in time.
    pub fn charge(
        &mut self,
        link: &mut dyn PayerLink,
        amount: Amount,
        witness: &mut Witness<'_>,
    ) -> Result<Charged, Failure> {
        let (now, key) = (self.now(), self.key());
        let mut random = [0; 16];
        random.iter_mut().zip(entropy::seed()?.reveal()).for_each(|(to, from)| *to = *from);
        let nonce = PayeeNonce(random);
        let payee = Payee { crypto: CRYPTO, key: &key };
        let (mut next, challenge) = payee.charge(self.tidied()?, amount, nonce, now)?;
        let surplus = next.open.len().saturating_sub(OPEN_MAX);
        next.open.drain(..surplus);
        self.keep(|state| {
            state.payee = Some(next);
            state.last = Some(challenge.clone());
            state.time = state.time.max(now.unwrap_or(state.time));
        })?;
        self.await_object(link, &challenge, witness)
    }

    /// Leads on after a death: shows the challenge again that was asked last, and takes its object, or gives its receipt again.
    ///
    /// # Errors
    /// NOT_FOUND when nothing was ever asked; else as [`Reader::charge`].
    pub fn resume(
        &mut self,
        link: &mut dyn PayerLink,
        witness: &mut Witness<'_>,
    ) -> Result<Charged, Failure> {
        let challenge = self.state().last.clone().ok_or(CoreRefusal::NotFound)?;
        self.await_object(link, &challenge, witness)
    }

    fn await_object(
        &mut self,
        link: &mut dyn PayerLink,
        challenge: &Bytes,
        witness: &mut Witness<'_>,
    ) -> Result<Charged, Failure> {
        witness("challenge", &challenge.0);
        let (mut charged, mut refused) = (None, None);
        let given = link.charge(&challenge.0, &mut |object| match self.take(challenge, object) {
            Ok((accepted, paid)) => {
                witness("secure-object", object);
                witness("receipt", &accepted.settlement.receipt.0);
                let receipt = accepted.settlement.receipt.clone();
                charged = Some(paid);
                Ok(Some(receipt.0))
            }
            Err(Failure::Refused(refusal)) if refusal != Refusal::Own(Own::StoreFailed) => {
                refused = Some(refusal);
                Ok(None)
            }
            Err(failure) => Err(failure),
        });
        match (charged, refused, given) {
            (Some(charged), _, given) => Ok(Charged { receipt_given: given.is_ok(), ..charged }),
            (None, Some(refusal), _) => Err(refusal.into()),
            (None, None, Err(failure)) => Err(failure),
            (None, None, Ok(())) => Err(Own::ChallengeUnknown.into()),
        }
    }

    /// Accepts an object for this challenge and no other; durable on return. The same object again gives the same receipt.
    fn take(&mut self, challenge: &Bytes, object: &[u8]) -> Result<(Accepted, Charged), Failure> {
        let (now, key) = (self.now(), self.key());
        let (next, _) = Payee { crypto: CRYPTO, key: &key }.accept(self.payee_state()?, object, now)?;
        let id = Raw(object).parse::<SecureObject>()?;
        let paid = &id.danger_unverified().body;
        let known = next
            .accepted
            .iter()
            .find(|accepted| accepted.token == paid.token && accepted.settlement.object.0 == object);
        let accepted = known.ok_or(Own::ChallengeUnknown)?.clone();
        if accepted.settlement.challenge != *challenge {
            return Err(Own::ChallengeUnknown.into());
        }
        let charged = Charged {
            object: accepted.id,
            token: paid.token,
            transaction: paid.transaction.challenge,
            amount: paid.transaction.amount,
            receipt_given: false,
        };
        self.keep(|state| {
            state.payee = Some(next);
            state.time = state.time.max(now.unwrap_or(state.time));
        })?;
        Ok((accepted, charged))
    }

    /// The payee without settled objects whose grants have ended: an object on such a grant is refused by its time alone.
    fn tidied(&self) -> Result<PayeeState, Failure> {
        let mut payee = self.payee_state()?;
        let now = self.state().time;
        payee.accepted.retain(|accepted| !accepted.settled || grant_holds(accepted, now).unwrap_or(true));
        Ok(payee)
    }
}

fn grant_holds(accepted: &Accepted, now: symbolon_types::UnixSeconds) -> Option<bool> {
    let object = Raw(&accepted.settlement.object.0).parse::<SecureObject>().ok()?;
    let grant = Raw(&object.danger_unverified().body.grant.0).parse::<Grant>().ok()?;
    Some(grant.danger_unverified().exp.plus(SKEW_SECONDS) > now)
}
