//! The system's invariants over its tables, for `symbolon verify`: recomputed from the rows, nothing taken on trust.
use super::grants::reserved_key;
use super::money::House;
use super::tables::{
    GRANTS, PAYEES, PayeeRow, REFUNDS, RESERVED, SETTLEMENTS, STATEMENTS, SettlementRow, Source,
};
use crate::messages::PayeeId;
use alloc::collections::BTreeMap;
use symbolon_journal::{End, State, account, transfer};
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
    /// A grant says that it was spent, or not, and the journal's reservation says otherwise; or the payer is not shown when it is released.
    Reservation(Hash),
    /// More was posted than was reserved.
    Overdrawn(Hash),
    /// A settlement has no grant, or is not the one that its grant was spent by.
    Settlement(Hash),
    /// A payee's losses are not the sum of its credits from `offline_loss` less what it gave back, or pass its cap.
    Loss(PayeeId),
    /// The refunds of an object are not what its settlement says, or more than it credited.
    Refund(Hash),
    /// A payee's entries are not its credits.
    Statement(PayeeId),
    /// The account `offline_loss` is not the sum of the losses, the debts are not what was lost, given back and repaid, or `clearing` does not
    /// balance.
    House(Currency),
}

/// What a payee's rows come to, in minor units.
#[derive(Clone, Copy, Default)]
struct Tally {
    credits: u64,
    lost: u64,
    lost_net: u64,
    set_off: u64,
}

type Tallies = BTreeMap<PayeeId, Tally>;

/// Audits the tables.
///
/// # Errors
/// The first [`OfflineDamage`].
pub fn audit(rows: &dyn Rows) -> Result<OfflineAudit, OfflineDamage> {
    let mut found = OfflineAudit { grants: grants(rows)?, ..OfflineAudit::default() };
    let (mut tallies, mut after) = (Tallies::new(), None);
    let mut refunded = refunds(rows, &mut tallies)?;
    loop {
        let page = SETTLEMENTS.scan(rows, &(), after.as_ref(), PAGE);
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        for (id, row) in page {
            if refunded.remove(&id).unwrap_or(0) != row.refunded_minor
                || row.refunded_minor > row.outcome.amount.minor()
            {
                return Err(OfflineDamage::Refund(id.0));
            }
            settlement(rows, id, &row, tallies.entry(id.1).or_default())?;
            let counted = match row.outcome.source {
                Source::Reservation => &mut found.settled,
                Source::Loss => &mut found.losses,
            };
            *counted = counted.saturating_add(1);
        }
    }
    if let Some(((token, _), _)) = refunded.first_key_value() {
        return Err(OfflineDamage::Refund(*token));
    }
    payees(rows, &tallies)?;
    Ok(found)
}

/// One credit: it is the one that its grant names, and the payee's entry of its number.
fn settlement(
    rows: &dyn Rows,
    (token, payee): (Hash, PayeeId),
    row: &SettlementRow,
    tally: &mut Tally,
) -> Result<(), OfflineDamage> {
    let grant = GRANTS.get(rows, &token).ok_or(OfflineDamage::Settlement(token))?;
    let first = grant.spent_by == Some(row.outcome.object);
    if first != (row.outcome.source == Source::Reservation) {
        return Err(OfflineDamage::Settlement(token));
    }
    if STATEMENTS.get(rows, &(payee, row.number)) != Some(token) {
        return Err(OfflineDamage::Statement(payee));
    }
    tally.credits = tally.credits.saturating_add(1);
    if !first {
        let minor = row.outcome.amount.minor();
        tally.lost = tally.lost.saturating_add(minor);
        tally.lost_net = tally.lost_net.saturating_add(minor.saturating_sub(row.refunded_minor));
    }
    Ok(())
}

/// The sums of refunds by what they give back.
fn refunds(rows: &dyn Rows, tallies: &mut Tallies) -> Result<BTreeMap<(Hash, PayeeId), u64>, OfflineDamage> {
    let (mut sums, mut after) = (BTreeMap::new(), None);
    loop {
        let page = REFUNDS.scan(rows, &(), after.as_ref(), PAGE);
        let Some((last, _)) = page.last() else { return Ok(sums) };
        after = Some(*last);
        for ((payee, _), row) in page {
            if row.set_off_minor > row.outcome.amount.minor() {
                return Err(OfflineDamage::Refund(row.token));
            }
            let sum: &mut u64 = sums.entry((row.token, payee)).or_default();
            *sum = sum.saturating_add(row.outcome.amount.minor());
            let tally = tallies.entry(payee).or_default();
            tally.set_off = tally.set_off.saturating_add(row.set_off_minor);
        }
    }
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
            let State::Hold(hold) = reservation.state else {
                return Err(OfflineDamage::Reservation(token));
            };
            match (row.spent_by, hold.end) {
                (None, None) if RESERVED.get(rows, &reserved_key(&row)).is_some() => {}
                (None, Some(End::Expired(_))) => {}
                (Some(object), Some(End::Posted(_))) if hold.posted <= row.grant.body.limit.minor() => {
                    let first = row.first_payee.and_then(|payee| SETTLEMENTS.get(rows, &(token, payee)));
                    let right = first.is_some_and(|row| {
                        row.outcome.object == object && row.outcome.amount.minor() == hold.posted
                    });
                    if !right {
                        return Err(OfflineDamage::Settlement(token));
                    }
                }
                (Some(_), Some(End::Posted(_))) => return Err(OfflineDamage::Overdrawn(token)),
                _ => return Err(OfflineDamage::Reservation(token)),
            }
        }
    }
}

fn payees(rows: &dyn Rows, tallies: &Tallies) -> Result<(), OfflineDamage> {
    let mut sums: BTreeMap<u16, (Currency, Tally)> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = PAYEES.scan(rows, &(), after.as_ref(), PAGE);
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        for (payee, row) in page {
            let tally = tallies.get(&payee).copied().unwrap_or_default();
            check_payee(rows, payee, &row, tally)?;
            let currency = row.cap.currency();
            let (_, sum) = sums.entry(currency.numeric()).or_insert((currency, Tally::default()));
            sum.lost = sum.lost.saturating_add(tally.lost);
            sum.set_off = sum.set_off.saturating_add(tally.set_off);
        }
    }
    sums.into_values().try_for_each(|(currency, sum)| house(rows, currency, sum))
}

fn check_payee(rows: &dyn Rows, payee: PayeeId, row: &PayeeRow, tally: Tally) -> Result<(), OfflineDamage> {
    if tally.lost_net != row.loss_minor || tally.lost_net > row.cap.minor() {
        return Err(OfflineDamage::Loss(payee));
    }
    let next = row.credits.saturating_add(1);
    if tally.credits != row.credits || STATEMENTS.get(rows, &(payee, next)).is_some() {
        return Err(OfflineDamage::Statement(payee));
    }
    Ok(())
}

/// The issuer's own accounts of one currency.
fn house(rows: &dyn Rows, currency: Currency, sum: Tally) -> Result<(), OfflineDamage> {
    let posted = |house: House| {
        let found = account(rows, &house.account(currency));
        found.map_or((0, 0), |found| (found.debits.posted, found.credits.posted))
    };
    let (debits, credits) = posted(House::Clearing);
    let (_, repaid) = posted(House::Recovered);
    let right = debits == credits
        && posted(House::OfflineLoss) == (sum.lost, sum.set_off)
        && posted(House::DebtsReceivable) == (sum.set_off.saturating_add(repaid), sum.lost);
    if right { Ok(()) } else { Err(OfflineDamage::House(currency)) }
}
