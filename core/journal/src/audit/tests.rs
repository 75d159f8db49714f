//! A sound journal passes; each kind of damage is found and named.
use super::*;
use crate::{Limit, Transfer, execute_all, open_account, process_due};
use symbolon_state::{Ctx, MemoryRows};
use symbolon_types::{Amount, Hash, UnixMs};

const BANK: AccountId = AccountId([1; 16]);
const ANN: AccountId = AccountId([2; 16]);
const BEN: AccountId = AccountId([3; 16]);
const FUNDING: TransferId = TransferId([10; 16]);
const POSTED: TransferId = TransferId([20; 16]);
const POST: TransferId = TransferId([21; 16]);
const VOIDED: TransferId = TransferId([30; 16]);
const VOID: TransferId = TransferId([31; 16]);
const EXPIRED: TransferId = TransferId([40; 16]);
const OPEN: TransferId = TransferId([50; 16]);

fn eur(minor: u64) -> Amount {
    Amount::new(minor, Currency::EUR).unwrap()
}

fn at(ms: u64) -> Ctx {
    Ctx { at: UnixMs(ms), sequence: ms }
}

/// A journal with a transfer of every kind and a hold in every state.
fn journal() -> MemoryRows {
    let mut rows = MemoryRows::default();
    for (id, limit) in [
        (BANK, Limit::Unlimited(())),
        (ANN, Limit::DebitsWithinCredits(())),
        (BEN, Limit::DebitsWithinCredits(())),
    ] {
        open_account(&mut rows, &at(1), &id, Currency::EUR, limit).unwrap();
    }
    let hold =
        |id, minor, ms: Option<u64>| Transfer::pending(id, ANN, BEN, eur(minor), ms.map(UnixMs), Hash::ZERO);
    let chain = [
        Transfer::posted(FUNDING, BANK, ANN, eur(100), Hash::ZERO),
        hold(POSTED, 10, Some(90)),
        Transfer::post(POST, POSTED, Some(eur(7)), Hash::ZERO),
        hold(VOIDED, 20, None),
        Transfer::void(VOID, VOIDED, Hash::ZERO),
        hold(EXPIRED, 30, Some(5)),
        hold(OPEN, 40, Some(90)),
    ];
    execute_all(&mut rows, &at(2), &chain).unwrap();
    assert_eq!(process_due(&mut rows, &at(5), 9), 1);
    rows
}

#[test]
fn a_sound_journal_passes_and_is_counted() {
    let rows = journal();
    let sums = Totals {
        currency: Currency::EUR,
        debits_posted: 107,
        credits_posted: 107,
        debits_pending: 40,
        credits_pending: 40,
    };
    assert_eq!(audit(&rows), Ok(Audit { accounts: 3, transfers: 7, pending: 1, totals: alloc::vec![sums] }));
    assert_eq!(totals(&rows), [sums]);
    assert!(sums.even());
    assert!(!Totals { debits_pending: 41, ..sums }.even());
}

fn found(damage: impl FnOnce(&mut MemoryRows)) -> JournalDamage {
    let mut rows = journal();
    damage(&mut rows);
    audit(&rows).unwrap_err()
}

fn account_changed(id: AccountId, change: impl FnOnce(&mut Account)) -> JournalDamage {
    found(|rows| {
        let mut account = ACCOUNTS.get(rows, &id).unwrap();
        change(&mut account);
        ACCOUNTS.put(rows, &id, &account);
    })
}

fn row_changed(id: TransferId, change: impl FnOnce(&mut Row)) -> JournalDamage {
    found(|rows| {
        let mut row = TRANSFERS.get(rows, &id).unwrap();
        change(&mut row);
        TRANSFERS.put(rows, &id, &row);
    })
}

#[test]
fn damage_to_an_account_is_found() {
    assert_eq!(found(|rows| ACCOUNTS.delete(rows, &BANK)), JournalDamage::AccountMissing(BANK));
    assert_eq!(account_changed(ANN, |ann| ann.credits.posted += 1), JournalDamage::BalanceWrong(ANN));
    assert_eq!(account_changed(BEN, |ben| ben.credits.pending -= 1), JournalDamage::BalanceWrong(BEN));
    assert_eq!(
        account_changed(BANK, |bank| bank.limit = Limit::DebitsWithinCredits(())),
        JournalDamage::LimitBroken(BANK)
    );
    assert_eq!(
        account_changed(BANK, |bank| bank.currency = Currency::JPY),
        JournalDamage::CurrencyWrong(FUNDING)
    );
}

#[test]
fn a_lost_transfer_is_found() {
    assert_eq!(found(|rows| TRANSFERS.delete(rows, &FUNDING)), JournalDamage::BalanceWrong(BANK));
    assert_eq!(found(|rows| TRANSFERS.delete(rows, &POST)), JournalDamage::HoldWrong(POSTED));
    assert_eq!(found(|rows| TRANSFERS.delete(rows, &VOID)), JournalDamage::HoldWrong(VOIDED));
    assert_eq!(found(|rows| TRANSFERS.delete(rows, &POSTED)), JournalDamage::HoldWrong(POST));
    assert_eq!(found(|rows| TRANSFERS.delete(rows, &VOIDED)), JournalDamage::HoldWrong(VOID));
}

#[test]
fn a_hold_that_disagrees_with_what_settled_it_is_found() {
    let settled = |by, minor| State::Posted(Settled { by, amount: eur(minor) });
    assert_eq!(row_changed(POSTED, |row| row.state = settled(POST, 8)), JournalDamage::HoldWrong(POSTED));
    assert_eq!(row_changed(POSTED, |row| row.state = settled(VOID, 7)), JournalDamage::HoldWrong(POSTED));
    assert_eq!(row_changed(POSTED, |row| row.state = State::Voided(VOID)), JournalDamage::HoldWrong(POSTED));
    assert_eq!(row_changed(VOIDED, |row| row.state = settled(POST, 7)), JournalDamage::HoldWrong(VOIDED));
    assert_eq!(
        row_changed(EXPIRED, |row| row.state = State::Expired(UnixMs(6))),
        JournalDamage::HoldWrong(EXPIRED)
    );
    assert_eq!(row_changed(FUNDING, |row| row.state = State::Pending(())), JournalDamage::HoldWrong(FUNDING));
    assert_eq!(row_changed(OPEN, |row| row.state = State::Final(())), JournalDamage::HoldWrong(OPEN));
}

#[test]
fn a_second_post_of_one_hold_is_found() {
    let twice = found(|rows| {
        let row = TRANSFERS.get(rows, &POST).unwrap();
        TRANSFERS.put(rows, &TransferId([22; 16]), &row);
    });
    assert_eq!(twice, JournalDamage::HoldWrong(TransferId([22; 16])));
}

#[test]
fn a_hold_that_would_never_or_wrongly_fall_due_is_found() {
    assert_eq!(found(|rows| DUE.delete(rows, &(UnixMs(90), OPEN))), JournalDamage::DueWrong(OPEN));
    assert_eq!(found(|rows| DUE.put(rows, &(UnixMs(91), OPEN), &())), JournalDamage::DueWrong(OPEN));
    assert_eq!(found(|rows| DUE.put(rows, &(UnixMs(90), POSTED), &())), JournalDamage::DueWrong(POSTED));
    assert_eq!(found(|rows| DUE.put(rows, &(UnixMs(9), POST), &())), JournalDamage::DueWrong(POST));
}

#[test]
fn an_audit_reads_past_the_first_page() {
    let mut rows = journal();
    let last = u32::try_from(PAGE + 9).unwrap();
    for n in 0..last {
        let mut id = [0xEE; 16];
        id[..4].copy_from_slice(&n.to_be_bytes());
        open_account(&mut rows, &at(6), &AccountId(id), Currency::JPY, Limit::Unlimited(())).unwrap();
        let move_one = Transfer::posted(TransferId(id), BANK, ANN, eur(1), Hash::ZERO);
        execute_all(&mut rows, &at(6), &[move_one]).unwrap();
    }
    let report = audit(&rows).unwrap();
    assert_eq!((report.accounts, report.transfers), (u64::from(last) + 3, u64::from(last) + 7));
    assert_eq!(
        report.totals.iter().map(|sum| sum.debits_posted).collect::<Vec<_>>(),
        [0, 107 + u128::from(last)]
    );
}
