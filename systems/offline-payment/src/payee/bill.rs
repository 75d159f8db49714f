//! A bill that several payers pay in parts, one challenge each.
//!
//! **Invariant:** what was paid, what is forwarded and what is open of a bill come to at most its total, tips aside, for as long as it is
//! remembered; its total never changes.
use super::{Accepted, PayeeState};
use crate::messages::{Bill, Challenge, ChallengeBody};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use alloc::vec::Vec;
use symbolon_proof::Raw;
use symbolon_types::{Amount, CoreRefusal, UnixSeconds};
use symbolon_wire::cbor_map;

/// How many bills are remembered. For a new one the oldest that is paid is forgotten, else the oldest that nobody touched for 30 days. A bill's id is 16 bytes that the payee draws anew.
pub const BILLS_MAX: usize = 64;

/// A bill that is not paid may be forgotten this long after its last part was asked for, in seconds: 30 days.
const BILL_LIFE_SECONDS: u64 = 30 * 24 * 3600;

cbor_map! {
    /// A bill, as far as it is paid.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct BillRecord {
        /// Its id and its total.
        1 => bill: Bill,
        /// The parts that were accepted, in minor units, tips aside; one of which less was taken counts whole.
        2 => paid_minor: u64,
        /// When a part of it was last asked for.
        3 => touched: UnixSeconds,
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
pub(super) fn opened(
    mut state: PayeeState,
    bill: Bill,
    part: Amount,
    now: UnixSeconds,
) -> Result<PayeeState, Refusal> {
    let known = state.bills.iter().find(|record| record.bill.id == bill.id).copied();
    let record = known.unwrap_or(BillRecord { bill, paid_minor: 0, touched: now });
    let awaited = state.bill_awaited(bill.id)?;
    let sum = record.paid_minor.checked_add(awaited).and_then(|sum| sum.checked_add(part.minor()));
    let within = sum.is_some_and(|sum| sum <= bill.total.minor());
    if record.bill.total != bill.total || part.currency() != bill.total.currency() || !within {
        return Err(Own::BillExceeded.into());
    }
    if known.is_none() {
        make_room(&mut state, now)?;
        state.bills.push(record);
    }
    for record in state.bills.iter_mut().filter(|record| record.bill.id == bill.id) {
        record.touched = record.touched.max(now);
    }
    Ok(state)
}

/// The payee without this bill; its open parts are closed with it.
pub(super) fn closed(mut state: PayeeState, id: [u8; 16]) -> Result<PayeeState, Refusal> {
    let at = state.bills.iter().position(|record| record.bill.id == id).ok_or(CoreRefusal::NotFound)?;
    state.bills.remove(at);
    let mut kept = Vec::new();
    for open in state.open {
        if body_of(&open.challenge.0)?.bill.is_none_or(|bill| bill.id != id) {
            kept.push(open);
        }
    }
    state.open = kept;
    Ok(state)
}

fn make_room(state: &mut PayeeState, now: UnixSeconds) -> Result<(), Refusal> {
    if state.bills.len() < BILLS_MAX {
        return Ok(());
    }
    let paid = state.bills.iter().position(|record| record.paid_minor == record.bill.total.minor());
    if let Some(paid) = paid {
        state.bills.remove(paid);
        return Ok(());
    }
    let oldest = state.bills.iter().min_by_key(|record| record.touched);
    let left = oldest.filter(|record| record.touched.plus(BILL_LIFE_SECONDS) <= now);
    let id = left.ok_or(CoreRefusal::Busy)?.bill.id;
    *state = closed(state.clone(), id)?;
    Ok(())
}

/// Enters an object in its bill, if it pays one: as what was asked for, also where the payee takes less, which is a discount and no rest to ask for.
pub(super) fn paid(state: &mut PayeeState, accepted: &Accepted) -> Result<(), Refusal> {
    let asked = body_of(&accepted.settlement.challenge.0)?;
    let Some(bill) = asked.bill else { return Ok(()) };
    if let Some(record) = state.bills.iter_mut().find(|record| record.bill.id == bill.id) {
        record.paid_minor = record.paid_minor.checked_add(asked.amount.minor()).ok_or(Own::BillExceeded)?;
    }
    Ok(())
}

fn body_of(challenge: &[u8]) -> Result<ChallengeBody, Refusal> {
    // The payee's own.
    Ok(Raw(challenge).parse::<Challenge>()?.danger_unverified().body.clone())
}
