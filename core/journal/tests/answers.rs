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

fn capture(n: u8, pending: u8, minor: u64) -> Transfer {
    Transfer::capture(id(n), id(pending), eur(minor), Hash::ZERO)
}

fn release(n: u8, pending: u8, minor: u64) -> Transfer {
    Transfer::release(id(n), id(pending), eur(minor), Hash::ZERO)
}

fn increase(n: u8, pending: u8, minor: u64, expires: Option<u64>) -> Transfer {
    Transfer::increase(id(n), id(pending), eur(minor), expires.map(UnixMs), Hash::ZERO)
}

fn hold_of(rows: &MemoryRows, n: u8) -> Hold {
    match transfer(rows, &id(n)).unwrap().state {
        State::Hold(hold) => hold,
        other => panic!("no hold: {other:?}"),
    }
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
            (61, "AUTHORISATION_ID_WRONG"),
            (62, "AUTHORISATION_NOT_FOUND"),
            (63, "AUTHORISATION_OVERTAKEN"),
            (64, "AUTHORISATION_DIFFERS"),
            (65, "EXCEEDS_CAPTURED"),
            (66, "EXCEEDS_CHARGED_BACK"),
        ]
    );
    assert_eq!((Done::Created.number(), Done::Exists.number()), (40, 41));
    assert_eq!(TABLES.map(|(id, _)| id), [10, 11, 12, 13, 14, 15, 16, 17]);
}

/// Chains, each wrong in the way it is refused for and in at least one that comes later in the table.
fn cases() -> Vec<(JournalRefusal, usize, Vec<Transfer>)> {
    use JournalRefusal::*;
    let funding = Transfer::posted(FUNDING, BANK, ANN, eur(101), Hash::ZERO);
    let other = Transfer { reference: Hash([1; 32]), ..funding };
    vec![
        (IdTwiceInChain, 1, vec![funding, other]),
        (IdTwiceInChain, 1, vec![pay(1, ANN, BANK, eur(1)), pay(1, ANN, BANK, eur(1))]),
        (ExistsWithDifferentBody, 1, vec![pay(1, ANN, BANK, eur(1)), other]),
        (
            ExistsWithDifferentBody,
            2,
            vec![funding, pay(1, ANN, BANK, eur(1)), Transfer { id: SPENT, ..funding }],
        ),
        (PartlyExists, 1, vec![pay(1, ANN, BANK, eur(0)), funding]),
        (AmountZero, 0, vec![pay(1, NOBODY, NOBODY, eur(0))]),
        (AmountZero, 0, vec![hold(1, NOBODY, NOBODY, eur(0), Some(1))]),
        (AmountZero, 0, vec![post(1, 99, Some(eur(0)))]),
        (AmountZero, 0, vec![capture(1, 99, 0)]),
        (AmountZero, 0, vec![release(1, 99, 0)]),
        (AmountZero, 0, vec![increase(1, 99, 0, None)]),
        (AccountsSame, 0, vec![pay(1, NOBODY, NOBODY, eur(1))]),
        (DebitAccountNotFound, 0, vec![pay(1, NOBODY, AccountId([6; 16]), eur(1))]),
        (CreditAccountNotFound, 0, vec![pay(1, YEN, NOBODY, eur(1))]),
        (PendingNotFound, 0, vec![post(1, 99, Some(jpy(999)))]),
        (PendingNotFound, 0, vec![void(1, 99)]),
        (PendingNotFound, 0, vec![post(1, 1, None)]),
        (PendingNotFound, 0, vec![capture(1, 99, 999)]),
        (PendingNotFound, 0, vec![release(1, 99, 999)]),
        (PendingNotFound, 0, vec![increase(1, 99, 0, Some(1))]),
        (PendingNotPending, 0, vec![capture(1, 63, 999)]),
        (PendingNotPending, 0, vec![Transfer::post(id(1), FUNDING, Some(jpy(999)), Hash::ZERO)]),
        (PendingNotPending, 0, vec![void(1, 63)]),
        (PendingAlreadyPosted, 0, vec![post(1, 60, Some(jpy(999)))]),
        (PendingAlreadyPosted, 0, vec![void(1, 60)]),
        (PendingAlreadyPosted, 0, vec![capture(1, 60, 999)]),
        (PendingAlreadyPosted, 0, vec![release(1, 60, 999)]),
        (PendingAlreadyPosted, 0, vec![increase(1, 60, 999, Some(1))]),
        (PendingAlreadyVoided, 0, vec![increase(1, 62, 999, Some(1))]),
        (PendingAlreadyVoided, 0, vec![post(1, 62, Some(jpy(999)))]),
        (PendingAlreadyVoided, 0, vec![void(1, 62)]),
        (PendingExpired, 0, vec![post(1, 64, Some(jpy(999)))]),
        (PendingExpired, 0, vec![void(1, 64)]),
        (PendingExpired, 0, vec![increase(1, 64, 999, Some(NOW + 9))]),
        (PendingExpired, 0, vec![capture(1, 64, 999)]),
        (CurrencyMismatch, 0, vec![Transfer::capture(id(1), id(65), jpy(999), Hash::ZERO)]),
        (CurrencyMismatch, 0, vec![Transfer::increase(id(1), id(65), jpy(999), Some(UnixMs(1)), Hash::ZERO)]),
        (CurrencyMismatch, 0, vec![post(1, 65, Some(jpy(999)))]),
        (CurrencyMismatch, 0, vec![hold(1, ANN, YEN, eur(999), Some(1))]),
        (CurrencyMismatch, 0, vec![pay(1, YEN, ANN, eur(MINOR_MAX))]),
        (CurrencyMismatch, 0, vec![pay(1, ANN, BANK, jpy(1))]),
        (ExpiryPassed, 0, vec![hold(1, ANN, BANK, eur(MINOR_MAX), Some(NOW))]),
        (ExpiryPassed, 0, vec![increase(1, 65, MINOR_MAX, Some(NOW))]),
        (ExceedsPendingAmount, 0, vec![capture(1, 65, 6)]),
        (ExceedsPendingAmount, 0, vec![release(1, 65, 6)]),
        (ExceedsPendingAmount, 0, vec![post(1, 65, Some(eur(6)))]),
        (Overflow, 0, vec![pay(1, ANN, BANK, eur(MINOR_MAX))]),
        (Overflow, 0, vec![hold(1, BANK, ANN, eur(MINOR_MAX - 100), None)]),
        (Overflow, 0, vec![increase(1, 65, MINOR_MAX, None)]),
        (ExceedsCredits, 0, vec![increase(1, 65, 91, None)]),
        (ExceedsCredits, 0, vec![pay(1, ANN, STOCK, eur(91))]),
        (ExceedsDebits, 0, vec![pay(1, BANK, STOCK, eur(2))]),
    ]
}

#[test]
fn the_first_of_several_reasons_is_answered() {
    let mut rows = journal();
    accepted(&mut rows, &[hold(60, ANN, BANK, eur(5), None), post(61, 60, None)]);
    accepted(&mut rows, &[hold(62, ANN, BANK, eur(5), None), void(63, 62)]);
    execute_all(&mut rows, &at(1), &[hold(64, ANN, BANK, eur(5), Some(NOW))]).unwrap();
    accepted(&mut rows, &[hold(65, ANN, BANK, eur(5), None)]);
    let cases = cases();
    for (why, failed, chain) in &cases {
        refused(&mut rows, chain, *failed, *why);
    }
    let tried: Vec<_> = JournalRefusal::ALL
        .iter()
        .filter(|row| row.refused().code <= 60 && !cases.iter().any(|(why, ..)| why == *row))
        .collect();
    assert_eq!(tried, [&JournalRefusal::LinkedFailed], "every other refusal has a case");
    process_due(&mut rows, &at(NOW), 9);
    refused(&mut rows, &[void(1, 64)], 0, JournalRefusal::PendingExpired);
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
    let hold = hold_of(&rows, 1);
    assert_eq!((hold.held, hold.posted, hold.end), (0, 60, Some(End::Posted(id(2)))));
}

/// What two captures take is never more than was held; the last of it ends the hold.
#[test]
fn a_hold_is_captured_in_parts_and_never_beyond_what_it_holds() {
    let mut rows = journal();
    accepted(&mut rows, &[hold(1, ANN, BANK, eur(60), None), capture(2, 1, 25)]);
    assert_eq!(hold_of(&rows, 1), Hold { held: 35, posted: 25, parts: 1, expires_at: None, end: None });
    refused(&mut rows, &[capture(3, 1, 36)], 0, JournalRefusal::ExceedsPendingAmount);
    accepted(&mut rows, &[release(3, 1, 5)]);
    refused(&mut rows, &[capture(4, 1, 20), capture(5, 1, 11)], 1, JournalRefusal::ExceedsPendingAmount);
    let balance = account(&rows, &ANN).unwrap().balance();
    assert_eq!((balance.posted, balance.reserved, balance.available), (75, 30, 45));
    accepted(&mut rows, &[increase(4, 1, 45, None), capture(5, 1, 75)]);
    let hold = hold_of(&rows, 1);
    assert_eq!((hold.held, hold.posted, hold.parts, hold.end), (0, 100, 4, Some(End::Posted(id(5)))));
    assert_eq!(parts(&rows, &id(1), 0, 9), [id(2), id(3), id(4), id(5)]);
    assert_eq!(parts(&rows, &id(1), 1, 2), [id(3), id(4)]);
    assert_eq!(transfer(&rows, &id(3)).unwrap().state, State::Part(1));
    refused(&mut rows, &[capture(6, 1, 1)], 0, JournalRefusal::PendingAlreadyPosted);
    assert_eq!(execute(&mut rows, &at(NOW), &[capture(2, 1, 25)]), [Ok(Done::Exists)]);
    assert_eq!(account(&rows, &ANN).unwrap().balance().available, 0);
    assert!(audit(&rows).is_ok());
}

#[test]
fn what_is_released_in_parts_can_be_spent_and_the_last_of_it_voids_the_hold() {
    let mut rows = journal();
    accepted(
        &mut rows,
        &[hold(1, ANN, BANK, eur(100), Some(NOW + 5)), release(2, 1, 40), pay(3, ANN, BANK, eur(40))],
    );
    refused(&mut rows, &[pay(4, ANN, BANK, eur(1))], 0, JournalRefusal::ExceedsCredits);
    accepted(&mut rows, &[release(4, 1, 60)]);
    assert_eq!(hold_of(&rows, 1).end, Some(End::Voided(id(4))));
    assert_eq!(next_due(&rows), None, "an ended hold falls due no more");
    accepted(&mut rows, &[pay(5, ANN, BANK, eur(60))]);
    assert!(audit(&rows).is_ok());
}

/// A part that was moved stays moved when the hold's time comes; only the rest is released.
#[test]
fn an_increase_moves_the_end_and_expiry_releases_the_rest_only() {
    let mut rows = journal();
    accepted(&mut rows, &[hold(1, ANN, BANK, eur(50), Some(NOW + 5)), capture(2, 1, 20)]);
    accepted(&mut rows, &[increase(3, 1, 0, Some(NOW + 30)), increase(4, 1, 10, None)]);
    assert_eq!(process_due(&mut rows, &at(NOW + 29), 9), 0, "the old end counts no more");
    assert_eq!(process_due(&mut rows, &at(NOW + 30), 9), 1);
    let hold = hold_of(&rows, 1);
    assert_eq!((hold.held, hold.posted, hold.end), (0, 20, Some(End::Expired(UnixMs(NOW + 30)))));
    assert_eq!(account(&rows, &ANN).unwrap().balance().available, 80);
    let late = execute(&mut rows, &at(NOW + 31), &[capture(5, 1, 1)]);
    assert_eq!(late, [Err(JournalRefusal::PendingExpired)]);
    accepted(&mut rows, &[hold_for_sooner(), increase(7, 6, 0, Some(NOW + 1))]);
    assert_eq!(next_due(&rows), Some(UnixMs(NOW + 1)), "an end may also come sooner");
    assert!(audit(&rows).is_ok());
}

fn hold_for_sooner() -> Transfer {
    hold(6, ANN, BANK, eur(1), Some(NOW + 90))
}

#[test]
fn an_account_is_seen_as_of_any_time() {
    const KEPT: AccountId = AccountId([9; 16]);
    let mut rows = journal();
    let limit = Limit::DebitsWithinCredits(());
    assert_eq!(open_account_with_history(&mut rows, &at(10), &KEPT, Currency::EUR, limit), Ok(Done::Created));
    assert_eq!(open_account_with_history(&mut rows, &at(10), &KEPT, Currency::EUR, limit), Ok(Done::Exists));
    let plain = open_account(&mut rows, &at(10), &KEPT, Currency::EUR, limit);
    assert_eq!(plain, Err(JournalRefusal::ExistsWithDifferentBody));
    let mut run = |ms: u64, chain: &[Transfer]| execute_all(&mut rows, &at(ms), chain).unwrap();
    run(20, &[pay(1, BANK, KEPT, eur(50)), hold(2, KEPT, BANK, eur(30), Some(40))]);
    run(20, &[pay(3, KEPT, BANK, eur(5))]);
    run(30, &[capture(4, 2, 10)]);
    assert_eq!(process_due(&mut rows, &at(45), 9), 1);
    let seen = |ms: u64| {
        account_at(&rows, &KEPT, UnixMs(ms)).map(|kept| {
            let balance = kept.balance();
            (kept.entries.unwrap(), balance.posted, balance.reserved, balance.available)
        })
    };
    assert_eq!(seen(9), None, "it was not open yet");
    assert_eq!(seen(10), Some((0, 0, 0, 0)));
    assert_eq!(seen(19), Some((0, 0, 0, 0)));
    assert_eq!(seen(20), Some((3, 45, 30, 15)), "of one millisecond the end counts");
    assert_eq!(seen(29), seen(20));
    assert_eq!(seen(30), Some((4, 35, 20, 15)));
    assert_eq!(seen(44), seen(30), "released when it was processed");
    assert_eq!(seen(45), Some((5, 35, 0, 35)));
    assert_eq!(seen(999), seen(45));
    let changed: Vec<TransferId> = entries(&rows, &KEPT, 0, 9).iter().map(|entry| entry.transfer).collect();
    assert_eq!(changed, [id(1), id(2), id(3), id(4), id(2)]);
    assert_eq!(entries(&rows, &KEPT, 3, 1)[0].transfer, id(4));
    assert_eq!(account_at(&rows, &ANN, UnixMs(999)), None, "an account without a history");
    assert!(audit(&rows).is_ok());
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
        let ends = holds.map(|(n, _)| hold_of(rows, n).end);
        ends.map(|end| if let Some(End::Expired(at)) = end { at.0 - NOW } else { 0 })
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
    let hold = Hold { held: 7, posted: 0, parts: 0, expires_at: Some(UnixMs(NOW + 5)), end: None };
    assert_eq!(kept, Recorded { transfer: asked, state: State::Hold(hold), at: UnixMs(NOW), sequence: NOW });
    assert_eq!(transfer(&rows, &id(2)), None);
    assert_eq!(account(&rows, &NOBODY), None);
}
