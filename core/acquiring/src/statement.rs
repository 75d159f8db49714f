//! An account's statement, from its history.
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use symbolon_journal::{Account, AccountId, Entry, account_at, entries};
use symbolon_state::Rows;
use symbolon_types::UnixMs;
use symbolon_wire::camt053::{Booked, Statement};

/// The most bookings of one statement: who has more asks for a shorter time.
pub const BOOKED_MAX: usize = 10_000;

/// Why there is no statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementError {
    /// There is no such account, it keeps no history, or the time ends before it was opened or before it begins.
    NotFound,
    /// More than [`BOOKED_MAX`] bookings are in the time.
    TooLong,
}

/// camt.053.001.08 of what was booked from `from` to the end of `to`: posted money only; what is held is not booked.
///
/// # Errors
/// [`StatementError`].
pub fn statement(
    rows: &dyn Rows,
    id: &AccountId,
    from: UnixMs,
    to: UnixMs,
    created_at: UnixMs,
) -> Result<String, StatementError> {
    let end = account_at(rows, id, to).filter(|_| from <= to).ok_or(StatementError::NotFound)?;
    let begin = from.0.checked_sub(1).and_then(|before| account_at(rows, id, UnixMs(before)));
    let (mut posted, first) =
        begin.map_or((0, 0), |account| (booked(&account), account.entries.unwrap_or(0)));
    let (opening, last) = (posted, end.entries.unwrap_or(0));
    let mut list = Vec::new();
    let mut next = first;
    while next < last {
        let page: Vec<Entry> = entries(rows, id, next, PAGE);
        if page.is_empty() {
            break;
        }
        for entry in page.iter().take(usize::try_from(last.saturating_sub(next)).unwrap_or(usize::MAX)) {
            let after = signed(entry.credits.posted).saturating_sub(signed(entry.debits.posted));
            let minor = after.saturating_sub(posted);
            if minor != 0 {
                list.push(Booked { reference: entry.transfer.to_string(), at: entry.at, minor });
            }
            posted = after;
        }
        if list.len() > BOOKED_MAX {
            return Err(StatementError::TooLong);
        }
        next = next.saturating_add(u64::try_from(page.len()).unwrap_or(u64::MAX));
    }
    let (name, number) = (id.to_string(), format!("S-{}-{}", from.0, to.0));
    let statement = Statement {
        id: &number,
        created_at,
        account: &name,
        currency: end.currency,
        from,
        to,
        opening,
        closing: booked(&end),
        entries: &list,
    };
    Ok(statement.to_xml())
}

/// How many entries are read at once.
const PAGE: usize = 1024;

fn booked(account: &Account) -> i64 {
    signed(account.credits.posted).saturating_sub(signed(account.debits.posted))
}

fn signed(minor: u64) -> i64 {
    i64::try_from(minor).unwrap_or(i64::MAX)
}
