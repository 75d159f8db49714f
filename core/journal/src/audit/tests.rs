//! A sound journal passes; each kind of damage is found and named.
use super::*;
use crate::account::ACCOUNTS;
use crate::{Limit, Transfer, execute_all, open_account, open_account_with_history, process_due};
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
const CAPTURE: TransferId = TransferId([51; 16]);
const MORE: TransferId = TransferId([52; 16]);

fn eur(minor: u64) -> Amount {
    Amount::new(minor, Currency::EUR).unwrap()
}

fn at(ms: u64) -> Ctx {
    Ctx { at: UnixMs(ms), sequence: ms }
}

/// A journal with a transfer of every kind and a hold in every state.
fn journal() -> MemoryRows {
    let mut rows = MemoryRows::default();
    let limit = Limit::DebitsWithinCredits(());
    open_account(&mut rows, &at(1), &BANK, Currency::EUR, Limit::Unlimited(())).unwrap();
    open_account(&mut rows, &at(1), &ANN, Currency::EUR, limit).unwrap();
    open_account_with_history(&mut rows, &at(1), &BEN, Currency::EUR, limit).unwrap();
    let hold =
        |id, minor, ms: Option<u64>| Transfer::pending(id, ANN, BEN, eur(minor), ms.map(UnixMs), Hash::ZERO);
    let chain = [
        Transfer::posted(FUNDING, BANK, ANN, eur(100), Hash::ZERO),
        hold(POSTED, 10, Some(90)),
        Transfer::post(POST, POSTED, Some(eur(7)), Hash::ZERO),
        hold(VOIDED, 20, None),
        Transfer::void(VOID, VOIDED, Hash::ZERO),
        hold(EXPIRED, 30, Some(5)),
        hold(OPEN, 30, Some(80)),
        Transfer::capture(CAPTURE, OPEN, eur(10), Hash::ZERO),
        Transfer::increase(MORE, OPEN, eur(15), Some(UnixMs(90)), Hash::ZERO),
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
        debits_posted: 117,
        credits_posted: 117,
        debits_pending: 35,
        credits_pending: 35,
    };
    assert_eq!(
        audit(&rows),
        Ok(Audit { accounts: 3, transfers: 9, pending: 1, authorisations: 0, totals: alloc::vec![sums] })
    );
    assert_eq!(totals(&rows), [sums]);
    assert!(sums.even());
    assert!(!Totals { debits_pending: 36, ..sums }.even());
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
    let hold_changed = |id, change: fn(&mut Hold)| {
        row_changed(id, |row| {
            let State::Hold(hold) = &mut row.state else { panic!("no hold") };
            change(hold);
        })
    };
    for (id, change) in [
        (POSTED, (|hold| hold.posted = 8) as fn(&mut Hold)),
        (POSTED, |hold| hold.held = 1),
        (POSTED, |hold| hold.end = Some(End::Posted(VOID))),
        (POSTED, |hold| hold.end = Some(End::Voided(POST))),
        (POSTED, |hold| hold.end = None),
        (VOIDED, |hold| hold.end = Some(End::Voided(POST))),
        (VOIDED, |hold| hold.end = Some(End::Expired(UnixMs(90)))),
        (EXPIRED, |hold| hold.end = Some(End::Expired(UnixMs(6)))),
        (OPEN, |hold| hold.held = 36),
        (OPEN, |hold| hold.posted = 9),
        (OPEN, |hold| hold.parts = 1),
        (OPEN, |hold| hold.parts = 3),
        (OPEN, |hold| hold.expires_at = None),
    ] {
        assert_eq!(hold_changed(id, change), JournalDamage::HoldWrong(id));
    }
    let hold = State::Hold(Hold::NOTHING);
    assert_eq!(row_changed(FUNDING, |row| row.state = hold), JournalDamage::HoldWrong(FUNDING));
    assert_eq!(row_changed(OPEN, |row| row.state = State::Final(())), JournalDamage::HoldWrong(OPEN));
    assert_eq!(row_changed(CAPTURE, |row| row.state = State::Part(1)), JournalDamage::HoldWrong(CAPTURE));
    assert_eq!(row_changed(MORE, |row| row.kind = Kind::Void(OPEN)), JournalDamage::HoldWrong(OPEN));
    let lost = found(|rows| PARTS.delete(rows, &(OPEN, 0)));
    assert_eq!(lost, JournalDamage::HoldWrong(OPEN));
    assert_eq!(found(|rows| PARTS.put(rows, &(OPEN, 2), &MORE)), JournalDamage::HoldWrong(MORE));
    assert_eq!(found(|rows| PARTS.put(rows, &(POSTED, 0), &MORE)), JournalDamage::HoldWrong(MORE));
}

#[test]
fn damage_to_a_history_is_found() {
    let wrong = JournalDamage::HistoryWrong(BEN);
    let entry = |rows: &MemoryRows, number| HISTORY.get(rows, &(BEN, number)).unwrap();
    let sound = journal();
    let count = ACCOUNTS.get(&sound, &BEN).unwrap().entries.unwrap();
    assert_eq!(count, 9);
    assert_eq!(found(|rows| HISTORY.delete(rows, &(BEN, 0))), wrong);
    assert_eq!(found(|rows| HISTORY.delete(rows, &(BEN, 4))), wrong);
    assert_eq!(found(|rows| HISTORY.delete(rows, &(BEN, 8))), wrong);
    assert_eq!(found(|rows| HISTORY.put(rows, &(BEN, 9), &entry(&sound, 8))), wrong);
    assert_eq!(
        found(|rows| HISTORY.put(rows, &(BEN, 8), &entry(&sound, 7))),
        wrong,
        "not what is on the account"
    );
    let early = Entry { at: UnixMs(1), ..entry(&sound, 8) };
    assert_eq!(found(|rows| HISTORY.put(rows, &(BEN, 8), &early)), wrong);
    assert_eq!(account_changed(BEN, |ben| ben.entries = Some(8)), wrong);
    assert_eq!(account_changed(BEN, |ben| ben.entries = None), wrong);
    assert_eq!(account_changed(ANN, |ann| ann.entries = Some(1)), JournalDamage::HistoryWrong(ANN));
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
    assert_eq!((report.accounts, report.transfers), (u64::from(last) + 3, u64::from(last) + 9));
    assert_eq!(
        report.totals.iter().map(|sum| sum.debits_posted).collect::<Vec<_>>(),
        [0, 117 + u128::from(last)]
    );
}
