//! One charge: a challenge goes out, an object comes in, is checked and kept, and its receipt goes out.
use crate::{Failure, Node, PayerLink, Reader, Witness, reader::CRYPTO};
use symbolon_offline_payment::{
    OfflinePaymentRefusal as Own, Refusal,
    messages::{Challenge, PayeeNonce, SecureObject},
    payee::{Accepted, Asked, Payee},
};
use symbolon_proof::Raw;
use symbolon_state::Flash;
use symbolon_transport::entropy;
use symbolon_types::{Amount, CoreRefusal, Hash, UnixSeconds};
use symbolon_wire::cbor::Bytes;

/// Challenges that may be open at once; the oldest is forgotten for a new one.
const OPEN_MAX: usize = 64;

/// What is asked for, and how it is taken.
#[derive(Clone, Copy)]
pub struct Charge<'n> {
    /// The amount, the most that may be tipped, the bill that it is a part of.
    pub asked: Asked,
    /// What is taken of what is paid, in minor units; `None` for all of it.
    pub final_minor: Option<u64>,
    /// The server, where the receipt is to wait for its settlement (profile P1).
    pub online: Option<&'n Node>,
}

/// What became of a charge that was paid.
#[derive(Clone, Debug)]
pub struct Charged {
    /// The object's id.
    pub object: Hash,
    /// SHA-256 of the payer's nonce token.
    pub token: Hash,
    /// H(txn): SHA-256 of the challenge's payload.
    pub transaction: Hash,
    /// What was paid, the tip included.
    pub amount: Amount,
    /// What was taken of it.
    pub taken: Amount,
    /// Whether the payer has the receipt, as far as the transport can tell.
    pub receipt_given: bool,
}

impl<F: Flash> Reader<F> {
    /// Asks for `amount` and waits for the object that pays it: as [`Reader::charge_as`], offline.
    ///
    /// # Errors
    /// As [`Reader::charge_as`].
    pub fn charge(
        &mut self,
        link: &mut dyn PayerLink,
        amount: Amount,
        witness: &mut Witness<'_>,
    ) -> Result<Charged, Failure> {
        let charge = Charge { asked: Asked::amount(amount), final_minor: None, online: None };
        self.charge_as(link, &charge, witness)
    }

    /// Asks to be paid and waits for the object. Online, the reader goes by the server's time and asks it before it gives a receipt.
    ///
    /// # Errors
    /// NOT_ENROLLED, AMOUNT_INVALID, BILL_EXCEEDED, CLOCK_BACK; the last refusal of what was offered: BAD_SIG, BAD_GRANT, GRANT_REVOKED, EXPIRED,
    /// DENY_LIST_OLD, REVOKED, WRONG_PAYEE, CHALLENGE_UNKNOWN, NONCE_SPENT, LIMIT_TX, UV_TOO_WEAK, TIP_TOO_HIGH, FINAL_TOO_HIGH, online whatever the
    /// server refuses it with; STORE_FAILED; [`Failure::Transport`] when nothing was offered in time, or the server gave no answer.
    pub fn charge_as(
        &mut self,
        link: &mut dyn PayerLink,
        charge: &Charge<'_>,
        witness: &mut Witness<'_>,
    ) -> Result<Charged, Failure> {
        let now = self.now_for(charge.online, witness)?;
        let key = self.key();
        let seed = entropy::seed()?;
        let nonce = PayeeNonce(*seed.reveal().first_chunk().ok_or(Own::StoreFailed)?);
        let payee = Payee { crypto: CRYPTO, key: &key };
        let tidied = payee.tidied(self.payee_state()?, self.state().time);
        let (mut next, challenge) = payee.ask(tidied, &charge.asked, nonce, now)?;
        let surplus = next.open.len().saturating_sub(OPEN_MAX);
        next.open.drain(..surplus);
        self.keep(|state| {
            state.payee = Some(next);
            state.last = Some(challenge.clone());
            state.time = state.time.max(now.unwrap_or(state.time));
        })?;
        self.await_object(link, &challenge, charge, witness)
    }

    /// Leads on after a death: as [`Reader::resume_as`], offline.
    ///
    /// # Errors
    /// As [`Reader::resume_as`].
    pub fn resume(
        &mut self,
        link: &mut dyn PayerLink,
        witness: &mut Witness<'_>,
    ) -> Result<Charged, Failure> {
        self.resume_as(link, None, None, witness)
    }

    /// Leads on after a death: shows the challenge again that was asked last, and takes its object, or gives its receipt again. What was forwarded
    /// and never answered the server is asked about first.
    ///
    /// # Errors
    /// NOT_FOUND when nothing was ever asked; else as [`Reader::charge_as`].
    pub fn resume_as(
        &mut self,
        link: &mut dyn PayerLink,
        online: Option<&Node>,
        final_minor: Option<u64>,
        witness: &mut Witness<'_>,
    ) -> Result<Charged, Failure> {
        let challenge = self.state().last.clone().ok_or(CoreRefusal::NotFound)?;
        self.now_for(online, witness)?;
        if let Some(node) = online {
            // What the server cannot judge at this moment it is asked about again when its object is shown again, or with the next upload.
            self.lead_on(node)?;
        }
        let asked = Raw(&challenge.0).parse::<Challenge>()?.danger_unverified().body.amount;
        let charge = Charge { asked: Asked::amount(asked), final_minor, online };
        self.await_object(link, &challenge, &charge, witness)
    }

    /// Closes the challenge that was asked last, unless it is paid; see [`Payee::cancel`].
    ///
    /// # Errors
    /// NOT_FOUND when nothing was ever asked; CHALLENGE_UNKNOWN when it is not open; STORE_FAILED.
    pub fn cancel(&mut self) -> Result<(), Failure> {
        let challenge = self.state().last.clone().ok_or(CoreRefusal::NotFound)?;
        let nonce = Raw(&challenge.0).parse::<Challenge>()?.danger_unverified().nonce;
        let key = self.key();
        let next = Payee { crypto: CRYPTO, key: &key }.cancel(self.payee_state()?, nonce)?;
        self.keep(|state| (state.payee, state.last) = (Some(next), None))
    }

    /// Closes a bill that will not be paid whole, and its open parts; see [`Payee::close_bill`].
    ///
    /// # Errors
    /// NOT_ENROLLED; NOT_FOUND for a bill that is not known; STORE_FAILED.
    pub fn close_bill(&mut self, bill: [u8; 16]) -> Result<(), Failure> {
        let key = self.key();
        let next = Payee { crypto: CRYPTO, key: &key }.close_bill(self.payee_state()?, bill)?;
        self.keep(|state| state.payee = Some(next))
    }

    /// The time: the server's where there is one to ask, else the wall clock's.
    fn now_for(
        &mut self,
        online: Option<&Node>,
        witness: &mut Witness<'_>,
    ) -> Result<Option<UnixSeconds>, Failure> {
        let Some(node) = online else { return Ok(self.now()) };
        self.sync(node, witness)?;
        Ok(Some(self.payee_state()?.trust.heard))
    }

    fn await_object(
        &mut self,
        link: &mut dyn PayerLink,
        challenge: &Bytes,
        charge: &Charge<'_>,
        witness: &mut Witness<'_>,
    ) -> Result<Charged, Failure> {
        witness("challenge", &challenge.0);
        let (mut charged, mut refused) = (None, None);
        let given = link.charge(&challenge.0, &mut |object| match self.take(challenge, object, charge) {
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

    /// Takes an object for this challenge and no other; durable on return. The same object again gives the same receipt.
    fn take(
        &mut self,
        challenge: &Bytes,
        object: &[u8],
        charge: &Charge<'_>,
    ) -> Result<(Accepted, Charged), Failure> {
        let signed = Raw(object).parse::<SecureObject>()?;
        let paid = signed.danger_unverified().body.clone();
        let asked = Raw(&challenge.0).parse::<Challenge>()?.danger_unverified().nonce;
        let mine =
            self.certificate()?.is_some_and(|certificate| certificate.body.payee == paid.transaction.payee);
        if mine && paid.transaction.nonce != asked {
            return Err(Own::ChallengeUnknown.into());
        }
        match charge.online {
            Some(node) => drop(self.take_online(node, object, charge.final_minor)?),
            None => self.take_offline(object, charge.final_minor)?,
        }
        let mut known = self.payee_state()?.accepted.into_iter();
        let accepted = known.find(|one| one.settlement.challenge == *challenge && one.token == paid.token);
        let accepted = accepted.ok_or(Own::ChallengeUnknown)?;
        let charged = Charged {
            object: accepted.id,
            token: paid.token,
            transaction: paid.transaction.challenge,
            amount: paid.transaction.amount,
            taken: accepted.taken,
            receipt_given: false,
        };
        Ok((accepted, charged))
    }

    fn take_offline(&mut self, object: &[u8], final_minor: Option<u64>) -> Result<(), Failure> {
        let (now, key) = (self.now(), self.key());
        let payee = Payee { crypto: CRYPTO, key: &key };
        let (next, _) = payee.accept_final(self.payee_state()?, object, now, final_minor)?;
        self.keep(|state| {
            state.payee = Some(next);
            state.time = state.time.max(now.unwrap_or(state.time));
        })
    }
}
