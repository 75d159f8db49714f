//! Every answer, its number, its precedence; expiry; the known ways in which holds go wrong.
use symbolon_journal::*;
use symbolon_state::{Ctx, MemoryRows};
use symbolon_types::{Amount, Currency, Hash, MINOR_MAX, UnixMs};

const NOW: u64 = 1_000;
const BANK: AccountId = AccountId([1; 16]);
/// Has 100, and 1 debited.
const ANN: AccountId = AccountId([2; 16]);
/// May be credited what it was debited: 1.
const STOCK: AccountId = AccountId([3; 16]);
const YEN: AccountId = AccountId([4; 16]);
const NOBODY: AccountId = AccountId([5; 16]);
const FUNDING: TransferId = TransferId([100; 16]);
const SPENT: TransferId = TransferId([101; 16]);

fn id(n: u8) -> TransferId {
    TransferId([n; 16])
}

fn eur(minor: u64) -> Amount {
    Amount::new(minor, Currency::EUR).unwrap()
}

fn jpy(minor: u64) -> Amount {
    Amount::new(minor, Currency::JPY).unwrap()
}

fn at(ms: u64) -> Ctx {
    Ctx { at: UnixMs(ms), sequence: ms }
}

fn pay(n: u8, debit: AccountId, credit: AccountId, amount: Amount) -> Transfer {
    Transfer::posted(id(n), debit, credit, amount, Hash::ZERO)
}

fn hold(n: u8, debit: AccountId, credit: AccountId, amount: Amount, expires: Option<u64>) -> Transfer {
    Transfer::pending(id(n), debit, credit, amount, expires.map(UnixMs), Hash::ZERO)
}

fn post(n: u8, pending: u8, amount: Option<Amount>) -> Transfer {
    Transfer::post(id(n), id(pending), amount, Hash::ZERO)
}

fn void(n: u8, pending: u8) -> Transfer {
    Transfer::void(id(n), id(pending), Hash::ZERO)
}

fn journal() -> MemoryRows {
    let mut rows = MemoryRows::default();
    for (account, currency, limit) in [
        (BANK, Currency::EUR, Limit::Unlimited(())),
        (ANN, Currency::EUR, Limit::DebitsWithinCredits(())),
        (STOCK, Currency::EUR, Limit::CreditsWithinDebits(())),
        (YEN, Currency::JPY, Limit::Unlimited(())),
    ] {
        assert_eq!(open_account(&mut rows, &at(1), &account, currency, limit), Ok(Done::Created));
    }
    let chain = [
        Transfer::posted(FUNDING, BANK, ANN, eur(101), Hash::ZERO),
        Transfer::posted(SPENT, ANN, BANK, eur(1), Hash::ZERO),
        Transfer::posted(id(102), STOCK, BANK, eur(1), Hash::ZERO),
    ];
    assert_eq!(execute_all(&mut rows, &at(1), &chain), Ok(Done::Created));
    rows
}

/// The chain is refused at `failed` for `why`, every other transfer of it is linked, and no row is touched.
fn refused(rows: &mut MemoryRows, chain: &[Transfer], failed: usize, why: JournalRefusal) {
    let before = rows.clone();
    let mut expected = vec![Err(JournalRefusal::LinkedFailed); chain.len()];
    expected[failed] = Err(why);
    assert_eq!(execute(rows, &at(NOW), chain), expected);
    assert_eq!(execute_all(rows, &at(NOW), chain), Err(why));
    assert!(*rows == before, "a refused chain touched a row: {why:?}");
}

fn accepted(rows: &mut MemoryRows, chain: &[Transfer]) {
    assert_eq!(execute(rows, &at(NOW), chain), vec![Ok(Done::Created); chain.len()]);
}

#[test]
fn numbers_and_names_are_stable() {
    let rows: Vec<(u16, &str)> =
        JournalRefusal::ALL.iter().map(|row| (row.refused().code, row.refused().name)).collect();
    assert_eq!(
        rows,
        [
            (42, "TRANSFER_ID_TWICE"),
            (43, "TRANSFER_EXISTS"),
            (44, "CHAIN_PARTLY_EXISTS"),
            (45, "TRANSFER_AMOUNT_ZERO"),
            (46, "ACCOUNTS_SAME"),
            (47, "DEBIT_ACCOUNT_NOT_FOUND"),
            (48, "CREDIT_ACCOUNT_NOT_FOUND"),
            (49, "PENDING_NOT_FOUND"),
            (50, "PENDING_NOT_PENDING"),
            (51, "PENDING_ALREADY_POSTED"),
            (52, "PENDING_ALREADY_VOIDED"),
            (53, "PENDING_EXPIRED"),
            (54, "CURRENCY_MISMATCH"),
            (55, "EXPIRY_PASSED"),
            (56, "EXCEEDS_PENDING_AMOUNT"),
            (57, "BALANCE_OVERFLOW"),
            (58, "EXCEEDS_CREDITS"),
            (59, "EXCEEDS_DEBITS"),
            (60, "LINKED_FAILED"),
        ]
    );
    assert_eq!((Done::Created.number(), Done::Exists.number()), (40, 41));
    assert_eq!(TABLES.map(|(id, _)| id), [10, 11, 12]);
}

/// Each chain is wrong in the way it is refused for and in at least one that comes later in the table.
#[test]
fn the_first_of_several_reasons_is_answered() {
    use JournalRefusal::*;
    let mut rows = journal();
    let funding = Transfer::posted(FUNDING, BANK, ANN, eur(101), Hash::ZERO);
    let other = Transfer { reference: Hash([1; 32]), ..funding };
    accepted(&mut rows, &[hold(60, ANN, BANK, eur(5), None), post(61, 60, None)]);
    accepted(&mut rows, &[hold(62, ANN, BANK, eur(5), None), void(63, 62)]);
    execute_all(&mut rows, &at(1), &[hold(64, ANN, BANK, eur(5), Some(NOW))]).unwrap();
    accepted(&mut rows, &[hold(65, ANN, BANK, eur(5), None)]);
    let cases: &[(JournalRefusal, usize, &[Transfer])] = &[
        (IdTwiceInChain, 1, &[funding, other]),
        (IdTwiceInChain, 1, &[pay(1, ANN, BANK, eur(1)), pay(1, ANN, BANK, eur(1))]),
        (ExistsWithDifferentBody, 1, &[pay(1, ANN, BANK, eur(1)), other]),
        (
            ExistsWithDifferentBody,
            2,
            &[funding, pay(1, ANN, BANK, eur(1)), Transfer { id: SPENT, ..funding }],
        ),
        (PartlyExists, 1, &[pay(1, ANN, BANK, eur(0)), funding]),
        (AmountZero, 0, &[pay(1, NOBODY, NOBODY, eur(0))]),
        (AmountZero, 0, &[hold(1, NOBODY, NOBODY, eur(0), Some(1))]),
        (AmountZero, 0, &[post(1, 99, Some(eur(0)))]),
        (AccountsSame, 0, &[pay(1, NOBODY, NOBODY, eur(1))]),
        (DebitAccountNotFound, 0, &[pay(1, NOBODY, AccountId([6; 16]), eur(1))]),
        (CreditAccountNotFound, 0, &[pay(1, YEN, NOBODY, eur(1))]),
        (PendingNotFound, 0, &[post(1, 99, Some(jpy(999)))]),
        (PendingNotFound, 0, &[void(1, 99)]),
        (PendingNotFound, 0, &[post(1, 1, None)]),
        (PendingNotPending, 0, &[Transfer::post(id(1), FUNDING, Some(jpy(999)), Hash::ZERO)]),
        (PendingNotPending, 0, &[void(1, 63)]),
        (PendingAlreadyPosted, 0, &[post(1, 60, Some(jpy(999)))]),
        (PendingAlreadyPosted, 0, &[void(1, 60)]),
        (PendingAlreadyVoided, 0, &[post(1, 62, Some(jpy(999)))]),
        (PendingAlreadyVoided, 0, &[void(1, 62)]),
        (PendingExpired, 0, &[post(1, 64, Some(jpy(999)))]),
        (PendingExpired, 0, &[void(1, 64)]),
        (CurrencyMismatch, 0, &[post(1, 65, Some(jpy(999)))]),
        (CurrencyMismatch, 0, &[hold(1, ANN, YEN, eur(999), Some(1))]),
        (CurrencyMismatch, 0, &[pay(1, YEN, ANN, eur(MINOR_MAX))]),
        (CurrencyMismatch, 0, &[pay(1, ANN, BANK, jpy(1))]),
        (ExpiryPassed, 0, &[hold(1, ANN, BANK, eur(MINOR_MAX), Some(NOW))]),
        (ExceedsPendingAmount, 0, &[post(1, 65, Some(eur(6)))]),
        (Overflow, 0, &[pay(1, ANN, BANK, eur(MINOR_MAX))]),
        (Overflow, 0, &[hold(1, BANK, ANN, eur(MINOR_MAX - 100), None)]),
        (ExceedsCredits, 0, &[pay(1, ANN, STOCK, eur(91))]),
        (ExceedsDebits, 0, &[pay(1, BANK, STOCK, eur(2))]),
    ];
    for (why, failed, chain) in cases {
        refused(&mut rows, chain, *failed, *why);
    }
    let tried: Vec<_> =
        JournalRefusal::ALL.iter().filter(|row| !cases.iter().any(|(why, ..)| why == *row)).collect();
    assert_eq!(tried, [&LinkedFailed], "every other refusal has a case");
    process_due(&mut rows, &at(NOW), 9);
    refused(&mut rows, &[void(1, 64)], 0, PendingExpired);
}

/// The accepted twins of the refusals above: one change away, and the id of a refused transfer is free.
#[test]
fn what_is_just_within_is_accepted() {
    let mut rows = journal();
    refused(&mut rows, &[pay(1, ANN, BANK, eur(101))], 0, JournalRefusal::ExceedsCredits);
    accepted(&mut rows, &[pay(1, ANN, BANK, eur(100))]);
    refused(&mut rows, &[pay(2, BANK, STOCK, eur(2))], 0, JournalRefusal::ExceedsDebits);
    accepted(&mut rows, &[pay(2, BANK, STOCK, eur(1))]);
    accepted(&mut rows, &[hold(3, BANK, ANN, eur(5), Some(NOW + 1)), post(4, 3, Some(eur(5)))]);
    accepted(&mut rows, &[pay(5, BANK, ANN, eur(MINOR_MAX - 107))]);
    assert_eq!(account(&rows, &BANK).unwrap().debits.posted, MINOR_MAX);
    assert!(audit(&rows).is_ok());
}

#[test]
fn a_repeat_changes_nothing_and_answers_that_it_exists() {
    let mut rows = journal();
    let chain =
        [hold(1, ANN, BANK, eur(60), Some(NOW + 9)), post(2, 1, Some(eur(40))), pay(3, ANN, BANK, eur(60))];
    accepted(&mut rows, &chain);
    let before = rows.clone();
    assert_eq!(execute(&mut rows, &at(NOW + 99), &chain), [Ok(Done::Exists); 3]);
    assert_eq!(execute(&mut rows, &at(NOW), &chain[1..2]), [Ok(Done::Exists)]);
    assert!(rows == before);
    assert_eq!(execute(&mut rows, &at(NOW), &[]), []);
    let again = open_account(&mut rows, &at(NOW), &ANN, Currency::EUR, Limit::DebitsWithinCredits(()));
    assert_eq!(again, Ok(Done::Exists));
    let other = open_account(&mut rows, &at(NOW), &ANN, Currency::EUR, Limit::Unlimited(()));
    assert_eq!(other, Err(JournalRefusal::ExistsWithDifferentBody));
    let other = open_account(&mut rows, &at(NOW), &ANN, Currency::JPY, Limit::DebitsWithinCredits(()));
    assert_eq!(other, Err(JournalRefusal::ExistsWithDifferentBody));
    assert!(rows == before);
}

#[test]
fn a_later_transfer_of_a_chain_sees_the_earlier_ones() {
    let mut rows = journal();
    accepted(&mut rows, &[pay(1, BANK, ANN, eur(50)), pay(2, ANN, BANK, eur(150))]);
    refused(
        &mut rows,
        &[pay(3, ANN, BANK, eur(1)), pay(4, BANK, ANN, eur(1))],
        0,
        JournalRefusal::ExceedsCredits,
    );
    refused(
        &mut rows,
        &[pay(5, BANK, ANN, eur(9)), pay(6, ANN, BANK, eur(9)), pay(7, ANN, BANK, eur(1))],
        2,
        JournalRefusal::ExceedsCredits,
    );
}

#[test]
fn two_partial_posts_of_one_hold_never_overspend() {
    let mut rows = journal();
    accepted(&mut rows, &[hold(1, ANN, BANK, eur(100), None)]);
    let twice = [post(2, 1, Some(eur(60))), post(3, 1, Some(eur(40)))];
    refused(&mut rows, &twice, 1, JournalRefusal::PendingAlreadyPosted);
    accepted(&mut rows, &twice[..1]);
    refused(&mut rows, &twice[1..], 0, JournalRefusal::PendingAlreadyPosted);
    assert_eq!(execute(&mut rows, &at(NOW), &twice[..1]), [Ok(Done::Exists)]);
    let balance = account(&rows, &ANN).unwrap().balance();
    assert_eq!((balance.posted, balance.reserved, balance.available), (40, 0, 40), "the rest is released");
    let settled = Settled { by: id(2), amount: eur(60) };
    assert_eq!(transfer(&rows, &id(1)).unwrap().state, State::Posted(settled));
}

#[test]
fn what_is_held_cannot_be_spent_or_held_again() {
    let mut rows = journal();
    accepted(&mut rows, &[hold(1, ANN, BANK, eur(70), None)]);
    refused(&mut rows, &[hold(2, ANN, BANK, eur(31), None)], 0, JournalRefusal::ExceedsCredits);
    refused(&mut rows, &[pay(2, ANN, BANK, eur(31))], 0, JournalRefusal::ExceedsCredits);
    accepted(&mut rows, &[pay(2, ANN, BANK, eur(30))]);
    accepted(&mut rows, &[void(3, 1), pay(4, ANN, BANK, eur(70))]);
}

/// What is held counts against the credit line, and what is paid back can be spent again.
#[test]
fn a_credit_line_is_spent_to_its_end_and_no_further() {
    const CARD: AccountId = AccountId([7; 16]);
    let mut rows = journal();
    let line = |minor| Limit::DebitsWithinCreditLine(minor);
    let before = rows.clone();
    let above = open_account(&mut rows, &at(1), &CARD, Currency::EUR, line(MINOR_MAX + 1));
    assert_eq!(above, Err(JournalRefusal::Overflow));
    assert!(rows == before);
    let widest = open_account(&mut rows, &at(1), &AccountId([8; 16]), Currency::EUR, line(MINOR_MAX));
    assert_eq!(widest, Ok(Done::Created));
    assert_eq!(open_account(&mut rows, &at(1), &CARD, Currency::EUR, line(100)), Ok(Done::Created));
    assert_eq!(open_account(&mut rows, &at(1), &CARD, Currency::EUR, line(100)), Ok(Done::Exists));
    let other = open_account(&mut rows, &at(1), &CARD, Currency::EUR, line(101));
    assert_eq!(other, Err(JournalRefusal::ExistsWithDifferentBody));

    accepted(&mut rows, &[hold(1, CARD, BANK, eur(60), None)]);
    refused(&mut rows, &[pay(2, CARD, BANK, eur(41))], 0, JournalRefusal::ExceedsCredits);
    accepted(&mut rows, &[pay(2, CARD, BANK, eur(40)), post(3, 1, None)]);
    let balance = account(&rows, &CARD).unwrap().balance();
    assert_eq!((balance.posted, balance.reserved, balance.available), (-100, 0, 0));
    refused(&mut rows, &[hold(4, CARD, BANK, eur(1), None)], 0, JournalRefusal::ExceedsCredits);
    accepted(&mut rows, &[pay(5, BANK, CARD, eur(30)), hold(4, CARD, BANK, eur(30), None)]);
    assert!(audit(&rows).is_ok());
}

#[test]
fn what_is_to_come_cannot_be_spent() {
    let mut rows = journal();
    accepted(&mut rows, &[hold(1, BANK, ANN, eur(50), None)]);
    assert_eq!(account(&rows, &ANN).unwrap().balance().incoming, 50);
    refused(&mut rows, &[pay(2, ANN, BANK, eur(101))], 0, JournalRefusal::ExceedsCredits);
    accepted(&mut rows, &[post(3, 1, None), pay(2, ANN, BANK, eur(150))]);
}

#[test]
fn holds_expire_at_their_own_time_in_order_and_a_few_at_once() {
    let mut rows = journal();
    assert_eq!(next_due(&rows), None);
    let holds = [(1, 30), (2, 10), (3, 20), (4, 10), (5, 40), (6, 50)];
    let chain = holds.map(|(n, after)| hold(n, ANN, BANK, eur(10), Some(NOW + after)));
    accepted(&mut rows, &chain);
    accepted(&mut rows, &[post(7, 5, None), void(8, 6)]);
    assert_eq!(next_due(&rows), Some(UnixMs(NOW + 10)));
    assert_eq!(process_due(&mut rows, &at(NOW + 9), 9), 0);
    let expired = |rows: &MemoryRows| {
        let states = holds.map(|(n, _)| transfer(rows, &id(n)).unwrap().state);
        states.map(|state| if let State::Expired(at) = state { at.0 - NOW } else { 0 })
    };
    assert_eq!(process_due(&mut rows, &at(NOW + 25), 2), 2);
    assert_eq!(expired(&rows), [0, 10, 0, 10, 0, 0]);
    assert_eq!(process_due(&mut rows, &at(NOW + 25), 2), 1);
    assert_eq!(expired(&rows), [0, 10, 20, 10, 0, 0]);
    assert_eq!(next_due(&rows), Some(UnixMs(NOW + 30)));
    assert_eq!(process_due(&mut rows, &at(NOW + 999), 9), 1);
    assert_eq!(expired(&rows), [30, 10, 20, 10, 0, 0]);
    assert_eq!(next_due(&rows), None);
    assert_eq!(account(&rows, &ANN).unwrap().balance().available, 90);
    assert!(audit(&rows).is_ok());
}

#[test]
fn a_recorded_transfer_is_what_was_asked_for() {
    let mut rows = journal();
    let asked = Transfer::pending(id(1), ANN, BANK, eur(7), Some(UnixMs(NOW + 5)), Hash([9; 32]));
    accepted(&mut rows, &[asked]);
    let kept = transfer(&rows, &id(1)).unwrap();
    assert_eq!(kept, Recorded { transfer: asked, state: State::Pending(()), at: UnixMs(NOW), sequence: NOW });
    assert_eq!(transfer(&rows, &id(2)), None);
    assert_eq!(account(&rows, &NOBODY), None);
}
