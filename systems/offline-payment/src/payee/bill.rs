//! A bill that several payers pay in parts, one challenge each.
//!
//! **Invariant:** what was paid, what is forwarded and what is open of a bill come to at most its total, tips aside; its total never changes.
use super::{Accepted, PayeeState};
use crate::messages::{Bill, Challenge, ChallengeBody};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use symbolon_proof::Raw;
use symbolon_types::Amount;
use symbolon_wire::cbor_map;

/// How many bills are remembered; the oldest that are paid are forgotten for new ones. A bill's id is 16 bytes that the payee draws anew.
pub const BILLS_MAX: usize = 64;

cbor_map! {
    /// A bill, as far as it is paid.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct BillRecord {
        /// Its id and its total.
        1 => bill: Bill,
        /// What was accepted of it, in minor units, tips aside.
        2 => paid_minor: u64,
    }
}

impl PayeeState {
    /// What was accepted of a bill, tips aside; `None` for one that is not known.
    #[must_use]
    pub fn bill_paid(&self, id: [u8; 16]) -> Option<Amount> {
        let record = self.bills.iter().find(|record| record.bill.id == id)?;
        Amount::new(record.paid_minor, record.bill.total.currency()).ok()
    }

    /// What is asked for and not accepted yet, in minor units.
    fn bill_awaited(&self, id: [u8; 16]) -> Result<u64, Refusal> {
        let open = self.open.iter().map(|open| &open.challenge);
        let forwarded = self.forwarded.iter().map(|forwarded| &forwarded.settlement.challenge);
        open.chain(forwarded).try_fold(0u64, |sum, challenge| {
            let asked = body_of(&challenge.0)?;
            let part = if asked.bill.is_some_and(|bill| bill.id == id) { asked.amount.minor() } else { 0 };
            sum.checked_add(part).ok_or(Own::BillExceeded.into())
        })
    }
}

/// The payee, with a part of the bill about to be asked for.
pub(super) fn opened(mut state: PayeeState, bill: Bill, part: Amount) -> Result<PayeeState, Refusal> {
    let known = state.bills.iter().find(|record| record.bill.id == bill.id).copied();
    let record = known.unwrap_or(BillRecord { bill, paid_minor: 0 });
    let awaited = state.bill_awaited(bill.id)?;
    let sum = record.paid_minor.checked_add(awaited).and_then(|sum| sum.checked_add(part.minor()));
    let within = sum.is_some_and(|sum| sum <= bill.total.minor());
    if record.bill.total != bill.total || part.currency() != bill.total.currency() || !within {
        return Err(Own::BillExceeded.into());
    }
    if known.is_none() {
        make_room(&mut state)?;
        state.bills.push(record);
    }
    Ok(state)
}

fn make_room(state: &mut PayeeState) -> Result<(), Refusal> {
    if state.bills.len() < BILLS_MAX {
        return Ok(());
    }
    let paid = state.bills.iter().position(|record| record.paid_minor == record.bill.total.minor());
    state.bills.remove(paid.ok_or(symbolon_types::CoreRefusal::Busy)?);
    Ok(())
}

/// Enters what an object brought to its bill, if it pays one: what was asked for, or less where the payee takes less.
pub(super) fn paid(state: &mut PayeeState, accepted: &Accepted) -> Result<(), Refusal> {
    let asked = body_of(&accepted.settlement.challenge.0)?;
    let Some(bill) = asked.bill else { return Ok(()) };
    if let Some(record) = state.bills.iter_mut().find(|record| record.bill.id == bill.id) {
        let part = asked.amount.minor().min(accepted.taken.minor());
        record.paid_minor = record.paid_minor.checked_add(part).ok_or(Own::BillExceeded)?;
    }
    Ok(())
}

fn body_of(challenge: &[u8]) -> Result<ChallengeBody, Refusal> {
    // The payee's own.
    Ok(Raw(challenge).parse::<Challenge>()?.danger_unverified().body.clone())
}
