//! The reader's book against the server's, and money given back; online.
use crate::{Failure, Node, PendingRefund, Reader, Witness, online::is_for_now, reader::CRYPTO};
use symbolon_offline_payment::{
    OfflinePaymentRefusal as Own,
    messages::{PayeeNonce, StatementBody, StatementEntry},
    payee::{Difference, Payee},
    state::RefundedOutcome,
};
use symbolon_state::Flash;
use symbolon_transport::{TransportError, entropy};
use symbolon_types::{Amount, Hash};
use symbolon_wire::cbor::{Bytes, from_slice};

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// What the server credited, oldest first.
    pub entries: Vec<StatementEntry>,
    /// Where the two books say different things.
    pub differences: Vec<Difference>,
}

impl<F: Flash> Reader<F> {
    /// Fetches the whole statement, page after page, verifies each under the server's keys, and compares.
    ///
    /// # Errors
    /// As [`Reader::sync`]; BAD_SIG, WRONG_PAYEE, MALFORMED for a statement that is not the server's for this payee.
    pub fn audit(&mut self, node: &Node, witness: &mut Witness<'_>) -> Result<Audit, Failure> {
        self.sync(node, witness)?;
        let (state, key) = (self.payee_state()?, self.key());
        let payee = Payee { crypto: CRYPTO, key: &key };
        let (mut pages, mut from): (Vec<StatementBody>, u64) = (Vec::new(), 1);
        loop {
            let request = payee.statement_request(&state, from, state.trust.heard)?;
            let answer = node.post("statements", &request.0)?;
            witness(&format!("statement-{from}"), &answer.0);
            let page = payee.statement(&state, from, &answer.0)?;
            let (count, last) = (u64::try_from(page.entries.len()).unwrap_or(u64::MAX), page.last);
            pages.push(page);
            from = from.saturating_add(count);
            if from > last {
                break;
            }
        }
        let differences = payee.audit(&state, &pages);
        Ok(Audit { entries: pages.into_iter().flat_map(|page| page.entries).collect(), differences })
    }

    /// Gives money back: all that an object brought, or `amount`. The signed refund is kept before it is sent, so that asking for the same again
    /// after a lost answer sends the same one.
    ///
    /// # Errors
    /// NOT_FOUND, AMOUNT_INVALID, REFUND_TOO_HIGH; the server's refusals; as [`Reader::sync`].
    pub fn refund(
        &mut self,
        node: &Node,
        object: Hash,
        amount: Option<Amount>,
        witness: &mut Witness<'_>,
    ) -> Result<RefundedOutcome, Failure> {
        self.sync(node, witness)?;
        let refund = self.pending_refund(object, amount)?;
        witness("refund", &refund.0);
        let answer = match node.post("refunds", &refund.0) {
            Err(Failure::Refused(refusal)) if is_for_now(refusal) => return Err(refusal.into()),
            Err(Failure::Transport(error)) => return Err(error.into()),
            answer => answer,
        };
        self.keep(|state| state.refunds.retain(|pending| pending.refund != refund))?;
        let answer = answer?;
        witness("refunded", &answer.0);
        let outcome: RefundedOutcome = from_slice(&answer.0).map_err(|_| TransportError::Protocol)?;
        if outcome.object == object { Ok(outcome) } else { Err(TransportError::Protocol.into()) }
    }

    fn pending_refund(&mut self, object: Hash, amount: Option<Amount>) -> Result<Bytes, Failure> {
        let same = |pending: &&PendingRefund| pending.object == object && pending.amount == amount;
        if let Some(pending) = self.state().refunds.iter().find(same) {
            return Ok(pending.refund.clone());
        }
        let (state, key) = (self.payee_state()?, self.key());
        let seed = entropy::seed()?;
        let nonce = PayeeNonce(*seed.reveal().first_chunk().ok_or(Own::StoreFailed)?);
        let payee = Payee { crypto: CRYPTO, key: &key };
        let refund = payee.refund(&state, object, amount, nonce, state.trust.heard)?;
        self.keep(|state| state.refunds.push(PendingRefund { object, amount, refund: refund.clone() }))?;
        Ok(refund)
    }
}
