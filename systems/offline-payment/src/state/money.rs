//! The money of system 01 in the journal.
//!
//! ```text
//!   fund      cash ──► payer                      reserve   payer ─ ─pending─ ─► clearing
//!   settle    post the reservation's part; clearing ──► payee             (one chain)
//!   loss      offline_loss ──► payee;  payer's debt ──► debts receivable  (one chain)
//!   refund    payee ──► payer                                             (of a settlement)
//!             payee ──► offline_loss;  debts receivable ──► payer's debt  (of a loss, as far as it is still owed; the rest payee ──► payer)
//!   repay     payer ──► recovered;     debts receivable ──► payer's debt  (one chain)
//! ```
use super::tables::{GRANTS, PayerRow, RESERVED};
use crate::messages::{PayeeId, PayerId};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use alloc::vec::Vec;
use symbolon_journal::{
    AccountId, JournalRefusal, Limit, State, Transfer, TransferId, account, execute_all, open_account,
    transfer,
};
use symbolon_state::{Ctx, Rows};
use symbolon_types::{Amount, CoreRefusal, Currency, Hash, UnixSeconds};

/// The issuer's own accounts, one of each for every currency.
#[derive(Clone, Copy)]
pub(super) enum House {
    Cash,
    Clearing,
    OfflineLoss,
    DebtsReceivable,
    Recovered,
}

impl House {
    pub(super) fn account(self, currency: Currency) -> AccountId {
        let [high, low] = currency.numeric().to_be_bytes();
        let kind = match self {
            Self::Cash => 1,
            Self::Clearing => 2,
            Self::OfflineLoss => 3,
            Self::DebtsReceivable => 4,
            Self::Recovered => 5,
        };
        AccountId([b'h', b'o', b'u', b's', b'e', b'/', b'0', b'1', kind, high, low, 0, 0, 0, 0, 0])
    }
}

pub(super) fn payer_account(payer: &PayerId) -> AccountId {
    AccountId(payer.0)
}

pub(super) fn payee_account(payee: &PayeeId) -> AccountId {
    AccountId(payee.0)
}

/// The journal's refusal in this system's words.
fn refusal(refusal: JournalRefusal) -> Refusal {
    match refusal {
        JournalRefusal::ExceedsCredits => Own::FundsShort.into(),
        JournalRefusal::ExistsWithDifferentBody
        | JournalRefusal::PartlyExists
        | JournalRefusal::IdTwiceInChain => CoreRefusal::Conflict.into(),
        JournalRefusal::PendingExpired | JournalRefusal::ExpiryPassed => Own::SettledLate.into(),
        JournalRefusal::DebitAccountNotFound | JournalRefusal::CreditAccountNotFound => {
            Own::AccountUnknown.into()
        }
        _ => CoreRefusal::AmountInvalid.into(),
    }
}

pub(super) fn execute(rows: &mut dyn Rows, ctx: &Ctx, chain: &[Transfer]) -> Result<(), Refusal> {
    execute_all(rows, ctx, chain).map(|_| ()).map_err(refusal)
}

/// Opens an account for somebody, and the house's accounts of its currency if this is their first use.
pub(super) fn open(
    rows: &mut dyn Rows,
    ctx: &Ctx,
    id: AccountId,
    currency: Currency,
    limit: Limit,
) -> Result<(), Refusal> {
    for house in [House::Cash, House::Clearing, House::OfflineLoss, House::DebtsReceivable, House::Recovered]
    {
        open_account(rows, ctx, &house.account(currency), currency, Limit::Unlimited(())).map_err(refusal)?;
    }
    open_account(rows, ctx, &id, currency, limit).map_err(|_| Own::AccountExists)?;
    Ok(())
}

/// The two transfers that pay a payee out of a reservation; what is left of the reservation is released.
pub(super) fn from_reservation(
    reservation: TransferId,
    payee: &PayeeId,
    amount: Amount,
    object: Hash,
) -> [Transfer; 2] {
    let (post, credit) = transfer_ids(object);
    let clearing = House::Clearing.account(amount.currency());
    [
        Transfer::post(post, reservation, Some(amount), object),
        Transfer::posted(credit, clearing, payee_account(payee), amount, object),
    ]
}

/// The two transfers of a double-spent object: the issuer pays the payee, the payer owes the issuer.
pub(super) fn from_loss(payer: &PayerRow, payee: &PayeeId, amount: Amount, object: Hash) -> [Transfer; 2] {
    let (loss, debt) = transfer_ids(object);
    let house = |house: House| house.account(amount.currency());
    [
        Transfer::posted(loss, house(House::OfflineLoss), payee_account(payee), amount, object),
        Transfer::posted(debt, payer.debt, house(House::DebtsReceivable), amount, object),
    ]
}

/// A refund of what came out of a reservation.
pub(super) fn refund_paid(payer: &PayerId, payee: &PayeeId, amount: Amount, refund: Hash) -> Transfer {
    let (id, _) = transfer_ids(refund);
    Transfer::posted(id, payee_account(payee), payer_account(payer), amount, refund)
}

/// A refund of what was made good: `set_off_minor` of it comes off the loss and off the debt; the rest was repaid before and is the payer's.
pub(super) fn refund_lost(
    payer: &PayerRow,
    payer_id: &PayerId,
    payee: &PayeeId,
    (amount, set_off_minor): (Amount, u64),
    refund: Hash,
) -> Result<Vec<Transfer>, Refusal> {
    let (first, second) = transfer_ids(refund);
    let third = TransferId(first.0.map(|byte| !byte));
    let house = |house: House| house.account(amount.currency());
    let set_off = Amount::new(set_off_minor, amount.currency())?;
    let rest = Amount::new(amount.minor().saturating_sub(set_off_minor), amount.currency())?;
    let from = payee_account(payee);
    let chain = [
        Transfer::posted(first, from, house(House::OfflineLoss), set_off, refund),
        Transfer::posted(second, house(House::DebtsReceivable), payer.debt, set_off, refund),
        Transfer::posted(third, from, payer_account(payer_id), rest, refund),
    ];
    let (halves, whole) = (set_off.minor() > 0, rest.minor() > 0);
    Ok(chain
        .into_iter()
        .zip([halves, halves, whole])
        .filter(|(_, moves)| *moves)
        .map(|(one, _)| one)
        .collect())
}

/// The two transfers of a repayment.
pub(super) fn repay(payer: &PayerRow, id: &PayerId, amount: Amount, transfer: TransferId) -> [Transfer; 2] {
    let other = TransferId(transfer.0.map(|byte| !byte));
    let house = |house: House| house.account(amount.currency());
    [
        Transfer::posted(transfer, payer_account(id), house(House::Recovered), amount, Hash::ZERO),
        Transfer::posted(other, house(House::DebtsReceivable), payer.debt, amount, Hash::ZERO),
    ]
}

/// What a payer owes.
pub(super) fn owed(rows: &dyn Rows, payer: &PayerRow) -> Option<Amount> {
    let debt = account(rows, &payer.debt)?;
    Amount::new(debt.debits.posted.saturating_sub(debt.credits.posted), debt.currency).ok()
}

/// Two transfer ids from one object id: its halves. So a repeat is recognised as one.
fn transfer_ids(object: Hash) -> (TransferId, TransferId) {
    let (mut first, mut second) = ([0; 16], [0; 16]);
    first.iter_mut().zip(object.0).for_each(|(to, from)| *to = from);
    second.iter_mut().zip(object.0.iter().skip(16)).for_each(|(to, from)| *to = *from);
    (TransferId(first), TransferId(second))
}

/// A payer's money as it is shown: what can be spent or granted, what is held for grants, what is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayerBalance {
    /// Free.
    pub available: Amount,
    /// Held for grants, until settlement or the end of their window.
    pub reserved: Amount,
    /// Owed to the issuer for double-spent objects.
    pub debt: Amount,
    /// What of the reserved is released in which second unless it is settled before, soonest first: at most [`RELEASES_MAX`] dates.
    pub releases: Vec<(UnixSeconds, Amount)>,
}

/// The dates of release that are shown.
pub const RELEASES_MAX: usize = 64;

/// Reservations that are looked at for them.
const RESERVED_MAX: usize = 4096;

/// The payer's balance; `None` for an unknown payer.
#[must_use]
pub fn payer_balance(rows: &dyn Rows, id: &PayerId) -> Option<PayerBalance> {
    let row = super::payer(rows, id)?;
    let found = account(rows, &payer_account(id))?.balance();
    let amount = |minor: u64| Amount::new(minor, found.currency).ok();
    Some(PayerBalance {
        available: amount(u64::try_from(found.available).ok()?)?,
        reserved: amount(found.reserved)?,
        debt: owed(rows, &row)?,
        releases: releases(rows, id),
    })
}

/// The payer's reservations by the second of their release. What the journal does not hold any more is none.
fn releases(rows: &dyn Rows, id: &PayerId) -> Vec<(UnixSeconds, Amount)> {
    let mut found: Vec<(UnixSeconds, Amount)> = Vec::new();
    for ((_, at, token), ()) in RESERVED.scan(rows, id, None, RESERVED_MAX) {
        let Some(grant) = GRANTS.get(rows, &token) else { continue };
        let held = transfer(rows, &grant.reservation)
            .is_some_and(|held| matches!(held.state, State::Hold(hold) if hold.is_open()));
        if !held {
            continue;
        }
        let limit = grant.grant.body.limit;
        if let Some((_, sum)) = found.last_mut().filter(|(last, _)| last.0 == at) {
            *sum = sum.checked_add(limit).unwrap_or(*sum);
        } else if found.len() < RELEASES_MAX {
            found.push((UnixSeconds(at), limit));
        } else {
            break;
        }
    }
    found
}

/// What a payee has been credited in all; `None` for an unknown payee.
#[must_use]
pub fn payee_credited(rows: &dyn Rows, id: &PayeeId) -> Option<Amount> {
    let found = account(rows, &payee_account(id))?;
    Amount::new(found.credits.posted, found.currency).ok()
}
