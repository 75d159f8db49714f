//! The money of system 01 in the journal.
//!
//! ```text
//!   fund      cash ──► payer                      reserve   payer ─ ─pending─ ─► clearing
//!   settle    post the reservation's part; clearing ──► payee             (one chain)
//!   loss      offline_loss ──► payee;  payer's debt ──► debts receivable  (one chain)
//! ```
use super::tables::PayerRow;
use crate::messages::{PayeeId, PayerId};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use symbolon_journal::{
    AccountId, JournalRefusal, Limit, Transfer, TransferId, account, execute_all, open_account,
};
use symbolon_state::{Ctx, Rows};
use symbolon_types::{Amount, CoreRefusal, Currency, Hash};

/// The issuer's own accounts, one of each for every currency.
#[derive(Clone, Copy)]
pub(super) enum House {
    Cash,
    Clearing,
    OfflineLoss,
    DebtsReceivable,
}

impl House {
    pub(super) fn account(self, currency: Currency) -> AccountId {
        let [high, low] = currency.numeric().to_be_bytes();
        let kind = match self {
            Self::Cash => 1,
            Self::Clearing => 2,
            Self::OfflineLoss => 3,
            Self::DebtsReceivable => 4,
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
    for house in [House::Cash, House::Clearing, House::OfflineLoss, House::DebtsReceivable] {
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

/// Two transfer ids from one object id: its halves. So a repeat is recognised as one.
fn transfer_ids(object: Hash) -> (TransferId, TransferId) {
    let (mut first, mut second) = ([0; 16], [0; 16]);
    first.iter_mut().zip(object.0).for_each(|(to, from)| *to = from);
    second.iter_mut().zip(object.0.iter().skip(16)).for_each(|(to, from)| *to = *from);
    (TransferId(first), TransferId(second))
}

/// A payer's money as it is shown: what can be spent or granted, what is held for grants, what is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayerBalance {
    /// Free.
    pub available: Amount,
    /// Held for grants, until settlement or the end of their window.
    pub reserved: Amount,
    /// Owed to the issuer for double-spent objects.
    pub debt: Amount,
}

/// The payer's balance; `None` for an unknown payer.
#[must_use]
pub fn payer_balance(rows: &dyn Rows, id: &PayerId) -> Option<PayerBalance> {
    let row = super::payer(rows, id)?;
    let found = account(rows, &payer_account(id))?.balance();
    let debt = account(rows, &row.debt)?;
    let amount = |minor: u64| Amount::new(minor, found.currency).ok();
    Some(PayerBalance {
        available: amount(u64::try_from(found.available).ok()?)?,
        reserved: amount(found.reserved)?,
        debt: amount(debt.debits.posted.saturating_sub(debt.credits.posted))?,
    })
}

/// What a payee has been credited in all; `None` for an unknown payee.
#[must_use]
pub fn payee_credited(rows: &dyn Rows, id: &PayeeId) -> Option<Amount> {
    let found = account(rows, &payee_account(id))?;
    Amount::new(found.credits.posted, found.currency).ok()
}
