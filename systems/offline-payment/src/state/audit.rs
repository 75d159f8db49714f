//! The system's invariants over its tables, for `symbolon verify`: recomputed from the rows, nothing taken on trust.
use super::money::House;
use super::tables::{GRANTS, PAYEES, SETTLEMENTS, Source};
use crate::messages::PayeeId;
use alloc::collections::BTreeMap;
use symbolon_journal::{State, account, transfer};
use symbolon_state::Rows;
use symbolon_types::{Currency, Hash};

/// Rows that are read in one go.
const PAGE: usize = 1024;

/// What was found right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfflineAudit {
    /// Grants.
    pub grants: u64,
    /// Credits out of a reservation.
    pub settled: u64,
    /// Credits out of `offline_loss`.
    pub losses: u64,
}

/// The first thing that was found wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfflineDamage {
    /// A grant says that it was spent, or not, and the journal's reservation says otherwise.
    Reservation(Hash),
    /// More was posted than was reserved.
    Overdrawn(Hash),
    /// A settlement has no grant, or is not the one that its grant was spent by.
    Settlement(Hash),
    /// A payee's losses are not the sum of its credits from `offline_loss`, or pass its cap.
    Loss(PayeeId),
    /// The account `offline_loss` is not the sum of the losses, or `clearing` does not balance.
    House(Currency),
}

/// Audits the tables.
///
/// # Errors
/// The first [`OfflineDamage`].
pub fn audit(rows: &dyn Rows) -> Result<OfflineAudit, OfflineDamage> {
    let mut found = OfflineAudit { grants: grants(rows)?, ..OfflineAudit::default() };
    let mut lost: BTreeMap<PayeeId, u64> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = SETTLEMENTS.scan(rows, &(), after.as_ref(), PAGE);
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        for ((token, payee), row) in page {
            let grant = GRANTS.get(rows, &token).ok_or(OfflineDamage::Settlement(token))?;
            let first = grant.spent_by == Some(row.outcome.object);
            if first != (row.outcome.source == Source::Reservation) {
                return Err(OfflineDamage::Settlement(token));
            }
            if first {
                found.settled = found.settled.saturating_add(1);
            } else {
                found.losses = found.losses.saturating_add(1);
                let sum = lost.entry(payee).or_default();
                *sum = sum.saturating_add(row.outcome.amount.minor());
            }
        }
    }
    payees(rows, &lost)?;
    Ok(found)
}

fn grants(rows: &dyn Rows) -> Result<u64, OfflineDamage> {
    let (mut count, mut after) = (0u64, None);
    loop {
        let page = GRANTS.scan(rows, &(), after.as_ref(), PAGE);
        let Some((last, _)) = page.last() else { return Ok(count) };
        after = Some(*last);
        for (token, row) in page {
            count = count.saturating_add(1);
            let reservation = transfer(rows, &row.reservation).ok_or(OfflineDamage::Reservation(token))?;
            match (row.spent_by, reservation.state) {
                (None, State::Pending(()) | State::Expired(_)) => {}
                (Some(object), State::Posted(posted))
                    if posted.amount.within(row.grant.body.limit) == Ok(true) =>
                {
                    let first = row.first_payee.and_then(|payee| SETTLEMENTS.get(rows, &(token, payee)));
                    let right = first.is_some_and(|row| {
                        row.outcome.object == object && row.outcome.amount == posted.amount
                    });
                    if !right {
                        return Err(OfflineDamage::Settlement(token));
                    }
                }
                (Some(_), State::Posted(_)) => return Err(OfflineDamage::Overdrawn(token)),
                _ => return Err(OfflineDamage::Reservation(token)),
            }
        }
    }
}

fn payees(rows: &dyn Rows, lost: &BTreeMap<PayeeId, u64>) -> Result<(), OfflineDamage> {
    let mut sums: BTreeMap<u16, (Currency, u64)> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = PAYEES.scan(rows, &(), after.as_ref(), PAGE);
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        for (payee, row) in page {
            let made_good = lost.get(&payee).copied().unwrap_or(0);
            if made_good != row.loss_minor || made_good > row.cap.minor() {
                return Err(OfflineDamage::Loss(payee));
            }
            let currency = row.cap.currency();
            let (_, sum) = sums.entry(currency.numeric()).or_insert((currency, 0));
            *sum = sum.saturating_add(made_good);
        }
    }
    for (currency, sum) in sums.into_values() {
        let posted = |house: House| {
            account(rows, &house.account(currency)).map(|found| (found.debits.posted, found.credits.posted))
        };
        let losses_right = posted(House::OfflineLoss).is_none_or(|(debits, _)| debits == sum);
        let clearing_even = posted(House::Clearing).is_none_or(|(debits, credits)| debits == credits);
        if !losses_right || !clearing_even {
            return Err(OfflineDamage::House(currency));
        }
    }
    Ok(())
}
