//! Accounts: what was debited and credited, pending and posted, and the limit that the two must keep.
//!
//! **Invariant:** pending plus posted of either side is at most [`MINOR_MAX`], so that posting a hold never overflows.
use crate::{Done, Hold, JournalRefusal};
use symbolon_state::{Ctx, Rows, Table, key_identifier};
use symbolon_types::{Currency, MINOR_MAX, UnixMs, identifier};
use symbolon_wire::{cbor_enum, cbor_identifier, cbor_map};

identifier! {
    /// An account, by the identifier that whoever opened it chose.
    pub struct AccountId([u8; 16]);
}
cbor_identifier!(AccountId);
key_identifier!(AccountId);

pub(crate) const ACCOUNTS: Table<AccountId, Account> = Table::new(10, "journal.accounts");

cbor_enum! {
    /// What an account's balance must keep at all times, counting what is pending.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Limit {
        /// Nothing: a bank's or an issuer's own account.
        0 => Unlimited(()),
        /// Debits, pending and posted, are at most the credits posted: money kept for somebody, who can spend what is there.
        1 => DebitsWithinCredits(()),
        /// Credits, pending and posted, are at most the debits posted: a thing of value that cannot be handed out twice.
        2 => CreditsWithinDebits(()),
        /// Debits, pending and posted, are at most the credits posted and a credit line of so many minor units, 0 to [`MINOR_MAX`]: a card's
        /// account, an overdraft.
        3 => DebitsWithinCreditLine(u64),
    }
}

cbor_map! {
    /// One side of an account, in minor units since it was opened.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Turnover {
        /// Held now, neither posted nor released.
        1 => pending: u64,
        /// Moved for good.
        2 => posted: u64,
    }

    /// An account as it stands.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Account {
        /// Of everything on it.
        1 => currency: Currency,
        /// What it must keep.
        2 => limit: Limit,
        /// What left it.
        3 => debits: Turnover,
        /// What came to it.
        4 => credits: Turnover,
        /// When it was opened.
        5 => opened_at: UnixMs,
        /// How many entries its history has; it keeps none where absent.
        6 => entries: Option<u64>,
    }
}

/// An account from its owner's side, in minor units. The normal side is the credits, but for [`Limit::CreditsWithinDebits`] the debits.
/// Available is negative on an unlimited account only; posted also where a credit line is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// Of all figures.
    pub currency: Currency,
    /// What is there by what was posted, reserved or not, without any credit line.
    pub posted: i64,
    /// What is held by pending transfers that would take from the account.
    pub reserved: u64,
    /// What can be spent now: posted and the credit line, less reserved.
    pub available: i64,
    /// What pending transfers would bring; not available before they are posted.
    pub incoming: u64,
}

impl Turnover {
    /// Pending and posted; saturates, which the bound on both excludes.
    pub(crate) fn total(self) -> u64 {
        self.pending.saturating_add(self.posted)
    }

    /// Moves one hold's share from what it was to what it is. `None` when less is pending or posted than it was: the rows are damaged.
    pub(crate) fn change(self, was: &Hold, is: &Hold) -> Option<Result<Self, JournalRefusal>> {
        let (pending, posted) = (self.pending.checked_sub(was.held)?, self.posted.checked_sub(was.posted)?);
        let sum = pending.checked_add(is.held).zip(posted.checked_add(is.posted));
        let changed = sum.map(|(pending, posted)| Self { pending, posted });
        Some(changed.ok_or(JournalRefusal::Overflow).and_then(|side| side.bounded().map(|()| side)))
    }

    pub(crate) fn bounded(self) -> Result<(), JournalRefusal> {
        if self.total() <= MINOR_MAX { Ok(()) } else { Err(JournalRefusal::Overflow) }
    }
}

impl Limit {
    /// By how much the debits may pass the credits, in minor units.
    fn credit_line(self) -> u64 {
        match self {
            Self::DebitsWithinCreditLine(minor) => minor,
            Self::Unlimited(()) | Self::DebitsWithinCredits(()) | Self::CreditsWithinDebits(()) => 0,
        }
    }
}

impl Account {
    pub(crate) fn within_limit(&self) -> Result<(), JournalRefusal> {
        let (within, refusal) = match self.limit {
            Limit::Unlimited(()) => return Ok(()),
            Limit::CreditsWithinDebits(()) => {
                (self.credits.total() <= self.debits.posted, JournalRefusal::ExceedsDebits)
            }
            Limit::DebitsWithinCredits(()) | Limit::DebitsWithinCreditLine(_) => {
                let most = self.credits.posted.saturating_add(self.limit.credit_line());
                (self.debits.total() <= most, JournalRefusal::ExceedsCredits)
            }
        };
        if within { Ok(()) } else { Err(refusal) }
    }

    /// How many minor units can leave it now; `None` where nothing limits that.
    pub(crate) fn can_give(&self) -> Option<u64> {
        match self.limit {
            Limit::Unlimited(()) | Limit::CreditsWithinDebits(()) => None,
            Limit::DebitsWithinCredits(()) | Limit::DebitsWithinCreditLine(_) => {
                Some(self.balance().available.max(0).unsigned_abs())
            }
        }
    }

    /// The account from its owner's side.
    #[must_use]
    pub fn balance(&self) -> Balance {
        let (normal, other) = match self.limit {
            Limit::CreditsWithinDebits(()) => (self.debits, self.credits),
            Limit::Unlimited(()) | Limit::DebitsWithinCredits(()) | Limit::DebitsWithinCreditLine(_) => {
                (self.credits, self.debits)
            }
        };
        let posted = signed(normal.posted).saturating_sub(signed(other.posted));
        Balance {
            currency: self.currency,
            posted,
            reserved: other.pending,
            available: posted
                .saturating_add(signed(self.limit.credit_line()))
                .saturating_sub(signed(other.pending)),
            incoming: normal.pending,
        }
    }
}

fn signed(minor: u64) -> i64 {
    i64::try_from(minor).unwrap_or(i64::MAX)
}

/// Opens an account with nothing on it, which keeps no history. Asked again with the same currency and limit it answers [`Done::Exists`].
///
/// # Errors
/// [`JournalRefusal::ExistsWithDifferentBody`] when the id is of an account with another currency or limit, or with a history;
/// [`JournalRefusal::Overflow`] for a credit line above [`MINOR_MAX`].
pub fn open_account(
    rows: &mut dyn Rows,
    ctx: &Ctx,
    id: &AccountId,
    currency: Currency,
    limit: Limit,
) -> Result<Done, JournalRefusal> {
    open(rows, ctx, id, currency, limit, None)
}

/// As [`open_account`], of an account that keeps its history: see [`crate::account_at`] and [`crate::entries`].
///
/// # Errors
/// As [`open_account`], the other way about.
pub fn open_account_with_history(
    rows: &mut dyn Rows,
    ctx: &Ctx,
    id: &AccountId,
    currency: Currency,
    limit: Limit,
) -> Result<Done, JournalRefusal> {
    open(rows, ctx, id, currency, limit, Some(0))
}

fn open(
    rows: &mut dyn Rows,
    ctx: &Ctx,
    id: &AccountId,
    currency: Currency,
    limit: Limit,
    entries: Option<u64>,
) -> Result<Done, JournalRefusal> {
    if let Some(found) = ACCOUNTS.get(rows, id) {
        let same = found.currency == currency
            && found.limit == limit
            && found.entries.is_some() == entries.is_some();
        return if same { Ok(Done::Exists) } else { Err(JournalRefusal::ExistsWithDifferentBody) };
    }
    if limit.credit_line() > MINOR_MAX {
        return Err(JournalRefusal::Overflow);
    }
    let nothing = Turnover::default();
    let opened = Account { currency, limit, debits: nothing, credits: nothing, opened_at: ctx.at, entries };
    ACCOUNTS.put(rows, id, &opened);
    Ok(Done::Created)
}

/// The account as it stands, if there is one.
#[must_use]
pub fn account(rows: &dyn Rows, id: &AccountId) -> Option<Account> {
    ACCOUNTS.get(rows, id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(limit: Limit, debits: (u64, u64), credits: (u64, u64)) -> Account {
        let side = |(pending, posted)| Turnover { pending, posted };
        Account {
            currency: Currency::EUR,
            limit,
            debits: side(debits),
            credits: side(credits),
            opened_at: UnixMs(0),
            entries: None,
        }
    }

    #[test]
    fn a_balance_is_seen_from_its_owners_side() {
        let kept = account(Limit::DebitsWithinCredits(()), (30, 20), (5, 100)).balance();
        assert_eq!((kept.posted, kept.reserved, kept.available, kept.incoming), (80, 30, 50, 5));
        let stock = account(Limit::CreditsWithinDebits(()), (5, 100), (30, 20)).balance();
        assert_eq!((stock.posted, stock.reserved, stock.available, stock.incoming), (80, 30, 50, 5));
        let bank = account(Limit::Unlimited(()), (30, 100), (0, 20)).balance();
        assert_eq!((bank.posted, bank.available), (-80, -110));
        let card = account(Limit::DebitsWithinCreditLine(50), (30, 100), (5, 90)).balance();
        assert_eq!((card.posted, card.reserved, card.available, card.incoming), (-10, 30, 10, 5));
    }

    #[test]
    fn a_limit_counts_what_is_pending() {
        assert_eq!(account(Limit::DebitsWithinCredits(()), (60, 40), (0, 100)).within_limit(), Ok(()));
        let beyond = account(Limit::DebitsWithinCredits(()), (61, 40), (0, 100));
        assert_eq!(beyond.within_limit(), Err(JournalRefusal::ExceedsCredits));
        let incoming = account(Limit::DebitsWithinCredits(()), (0, 1), (100, 0));
        assert_eq!(
            incoming.within_limit(),
            Err(JournalRefusal::ExceedsCredits),
            "what is to come cannot be spent"
        );
        let line = Limit::DebitsWithinCreditLine(50);
        assert_eq!(account(line, (60, 90), (0, 100)).within_limit(), Ok(()));
        assert_eq!(
            account(line, (61, 90), (100, 100)).within_limit(),
            Err(JournalRefusal::ExceedsCredits),
            "nor is it with a credit line"
        );
        let mirrored = account(Limit::CreditsWithinDebits(()), (0, 100), (61, 40));
        assert_eq!(mirrored.within_limit(), Err(JournalRefusal::ExceedsDebits));
        assert_eq!(account(Limit::Unlimited(()), (61, 40), (0, 0)).within_limit(), Ok(()));
    }

    #[test]
    fn a_side_is_bounded_counting_what_is_pending() {
        let side = Turnover { pending: 10, posted: MINOR_MAX - 11 };
        let hold = |held, posted| Hold { held, posted, ..Hold::NOTHING };
        let full = Turnover { pending: 11, ..side };
        assert_eq!(side.change(&hold(10, 0), &hold(11, 0)), Some(Ok(full)));
        assert_eq!(full.change(&Hold::NOTHING, &hold(1, 0)), Some(Err(JournalRefusal::Overflow)));
        assert_eq!(full.change(&Hold::NOTHING, &hold(0, u64::MAX)), Some(Err(JournalRefusal::Overflow)));
        let posted = Turnover { pending: 0, posted: MINOR_MAX };
        assert_eq!(full.change(&hold(11, 0), &hold(0, 11)), Some(Ok(posted)));
        assert_eq!(posted.change(&hold(1, 0), &hold(0, 0)), None, "less is pending than was held");
        assert_eq!(side.change(&hold(0, MINOR_MAX), &hold(0, MINOR_MAX)), None, "or posted");
    }
}
