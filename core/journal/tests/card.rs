//! Card operations: what each does to the money, what is refused, and the ways in which holds are known to go wrong elsewhere.
use symbolon_journal::card::*;
use symbolon_journal::*;
use symbolon_state::{Ctx, MemoryRows};
use symbolon_types::{Amount, Currency, Hash, UnixMs};

const NOW: u64 = 1_000;
const BANK: AccountId = AccountId([1; 16]);
/// Has 100.
const CARD: AccountId = AccountId([2; 16]);
/// Has nothing.
const SHOP: AccountId = AccountId([3; 16]);
/// Where what is owed stands.
const OWED: AccountId = AccountId([4; 16]);
const OTHER: AccountId = AccountId([5; 16]);
const END: u64 = NOW + 50;

fn id(n: u8) -> CardId {
    CardId([n; 15])
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

fn operation(n: u8, authorisation: u8, kind: CardKind) -> CardOperation {
    CardOperation { id: id(n), authorisation: id(authorisation), reference: Hash([7; 32]), kind }
}

fn asked(minor: u64, partial: bool) -> Authorise {
    let expires_at = Some(UnixMs(END));
    Authorise { cardholder: CARD, merchant: SHOP, amount: eur(minor), expires_at, partial }
}

fn authorise(n: u8, minor: u64) -> CardOperation {
    operation(n, n, CardKind::Authorise(asked(minor, false)))
}

fn capture(n: u8, of: u8, minor: u64, last: bool) -> CardOperation {
    operation(n, of, CardKind::Capture(Capture { amount: eur(minor), last }))
}

fn increment(n: u8, of: u8, minor: u64) -> CardOperation {
    operation(n, of, CardKind::Increment(Increment { amount: eur(minor), expires_at: None }))
}

fn reverse(n: u8, of: u8, minor: Option<u64>) -> CardOperation {
    operation(n, of, CardKind::Reverse(Reverse { amount: minor.map(eur) }))
}

fn present(n: u8, of: u8, minor: u64) -> CardOperation {
    let body = Present { cardholder: CARD, merchant: SHOP, amount: eur(minor), cover: OWED };
    operation(n, of, CardKind::Present(body))
}

fn refund(n: u8, of: u8, minor: u64) -> CardOperation {
    operation(n, of, CardKind::Refund(Refund { amount: eur(minor) }))
}

fn chargeback(n: u8, of: u8, minor: u64) -> CardOperation {
    operation(n, of, CardKind::Chargeback(Dispute { amount: eur(minor), cover: OWED }))
}

fn represent(n: u8, of: u8, minor: u64) -> CardOperation {
    operation(n, of, CardKind::Represent(Dispute { amount: eur(minor), cover: OWED }))
}

fn journal() -> MemoryRows {
    let mut rows = MemoryRows::default();
    let kept = Limit::DebitsWithinCredits(());
    for (account, limit) in [
        (BANK, Limit::Unlimited(())),
        (CARD, kept),
        (SHOP, kept),
        (OWED, Limit::Unlimited(())),
        (OTHER, kept),
    ] {
        open_account_with_history(&mut rows, &at(1), &account, Currency::EUR, limit).unwrap();
    }
    let funds = Transfer::posted(TransferId([200; 16]), BANK, CARD, eur(100), Hash::ZERO);
    execute_all(&mut rows, &at(1), &[funds]).unwrap();
    rows
}

/// Done now, and again with the same answer and no change of a row.
fn done_at(rows: &mut MemoryRows, ms: u64, operation: &CardOperation) -> (u64, u64) {
    let (done, answer) = perform(rows, &at(ms), operation).unwrap();
    assert_eq!(done, Done::Created);
    let after = rows.clone();
    assert_eq!(perform(rows, &at(ms + 1), operation), Ok((Done::Exists, answer)));
    let other = CardOperation { reference: Hash([8; 32]), ..*operation };
    assert_eq!(perform(rows, &at(ms), &other), Err(JournalRefusal::ExistsWithDifferentBody));
    assert!(*rows == after, "a repeat changed a row");
    assert!(audit(rows).unwrap().totals.iter().all(Totals::even), "money is conserved");
    (answer.amount, answer.covered)
}

fn done(rows: &mut MemoryRows, operation: &CardOperation) -> u64 {
    let (amount, covered) = done_at(rows, NOW, operation);
    assert_eq!(covered, 0);
    amount
}

fn refused_at(rows: &mut MemoryRows, ms: u64, operation: &CardOperation, why: JournalRefusal) {
    let before = rows.clone();
    assert_eq!(perform(rows, &at(ms), operation), Err(why));
    assert!(*rows == before, "a refused operation touched a row: {why:?}");
}

fn refused(rows: &mut MemoryRows, operation: &CardOperation, why: JournalRefusal) {
    refused_at(rows, NOW, operation, why);
}

/// Posted and reserved of the card, posted of the shop, posted of what is owed.
fn money(rows: &MemoryRows) -> (i64, u64, i64, i64) {
    let balance = |id| account(rows, &id).unwrap().balance();
    let card = balance(CARD);
    (card.posted, card.reserved, balance(SHOP).posted, balance(OWED).posted)
}

#[test]
fn an_authorisation_is_incremented_captured_in_parts_and_refunded() {
    let mut rows = journal();
    assert_eq!(done(&mut rows, &authorise(1, 40)), 40);
    assert_eq!(done(&mut rows, &increment(2, 1, 20)), 20);
    assert_eq!(done(&mut rows, &capture(3, 1, 25, false)), 25);
    assert_eq!(money(&rows), (75, 35, 25, 0));
    assert_eq!(done(&mut rows, &capture(4, 1, 30, true)), 30);
    assert_eq!(money(&rows), (45, 0, 55, 0), "the last capture releases the rest");
    assert_eq!(done(&mut rows, &refund(5, 1, 15)), 15);
    assert_eq!(money(&rows), (60, 0, 40, 0));
    let sums = authorisation(&rows, &id(1)).unwrap();
    assert_eq!((sums.approved, sums.captured, sums.refunded, sums.charged_back), (60, 55, 15, 0));
    assert_eq!(performed(&rows, &id(4)).unwrap().operation, capture(4, 1, 30, true));
    assert_eq!(operations(&rows, &id(1), Some(id(2)), 2), [id(3), id(4)]);
    assert_eq!(transfer(&rows, &id(4).transfer(0)).unwrap().transfer.reference, Hash([7; 32]));
}

/// The answer is how much there was at the time; sent again when there is more it is the same.
#[test]
fn less_than_asked_is_approved_only_where_the_terminal_takes_it() {
    let mut rows = journal();
    refused(&mut rows, &authorise(1, 101), JournalRefusal::ExceedsCredits);
    let partial = operation(1, 1, CardKind::Authorise(asked(101, true)));
    assert_eq!(done(&mut rows, &partial), 100);
    let none_left = operation(2, 2, CardKind::Authorise(asked(1, true)));
    refused(&mut rows, &none_left, JournalRefusal::ExceedsCredits);
    assert_eq!(done(&mut rows, &reverse(3, 1, Some(60))), 60);
    assert_eq!(done(&mut rows, &none_left), 1);
    let again = perform(&mut rows, &at(NOW), &partial).unwrap();
    assert_eq!((again.0, again.1.amount), (Done::Exists, 100));
}

#[test]
fn a_reversal_releases_a_part_or_all_and_never_what_was_captured() {
    let mut rows = journal();
    done(&mut rows, &authorise(1, 60));
    assert_eq!(done(&mut rows, &reverse(2, 1, Some(10))), 10);
    assert_eq!(money(&rows), (100, 50, 0, 0));
    refused(&mut rows, &reverse(3, 1, Some(51)), JournalRefusal::ExceedsPendingAmount);
    done(&mut rows, &capture(4, 1, 20, false));
    assert_eq!(done(&mut rows, &reverse(3, 1, None)), 30);
    assert_eq!(money(&rows), (80, 0, 20, 0));
    assert_eq!(done(&mut rows, &reverse(5, 1, None)), 0, "nothing is held any more");
    refused(&mut rows, &capture(6, 1, 1, false), JournalRefusal::PendingAlreadyVoided);
    done(&mut rows, &authorise(7, 10));
    done(&mut rows, &capture(8, 7, 10, true));
    refused(&mut rows, &reverse(9, 7, None), JournalRefusal::PendingAlreadyPosted);
}

#[test]
fn a_reversal_that_comes_before_its_authorisation_is_kept() {
    let mut rows = journal();
    refused(&mut rows, &reverse(2, 1, Some(1)), JournalRefusal::AuthorisationNotFound);
    assert_eq!(done(&mut rows, &reverse(2, 1, None)), 0);
    refused(&mut rows, &authorise(1, 10), JournalRefusal::AuthorisationOvertaken);
    assert_eq!(authorisation(&rows, &id(1)), None);
    assert_eq!(done(&mut rows, &authorise(3, 10)), 10, "another is not concerned");
}

#[test]
fn what_is_presented_late_is_owed_although_nothing_is_held_any_more() {
    let mut rows = journal();
    done(&mut rows, &authorise(1, 80));
    assert_eq!(process_due(&mut rows, &at(END), 9), 1);
    refused_at(&mut rows, END, &capture(2, 1, 80, true), JournalRefusal::PendingExpired);
    assert_eq!(done_at(&mut rows, END, &reverse(3, 1, None)), (0, 0));
    done_at(
        &mut rows,
        END,
        &operation(4, 4, CardKind::Authorise(Authorise { expires_at: None, ..asked(70, false) })),
    );
    assert_eq!(done_at(&mut rows, END, &present(5, 1, 80)), (80, 50), "30 were there to take");
    assert_eq!(money(&rows), (70, 70, 80, -50));
    assert_eq!(done_at(&mut rows, END, &refund(6, 1, 80)), (80, 0));
    refused_at(&mut rows, END, &refund(7, 1, 1), JournalRefusal::ExceedsCaptured);
}

/// What is still held goes first, before its time has come and not after.
#[test]
fn a_presentment_takes_what_is_held_first() {
    let mut rows = journal();
    done(&mut rows, &authorise(1, 40));
    assert_eq!(done(&mut rows, &present(2, 1, 30)), 30);
    assert_eq!(money(&rows), (70, 10, 30, 0));
    let unprocessed = done_at(&mut rows, END, &present(3, 1, 75));
    assert_eq!(unprocessed, (75, 15), "what is due is taken no more, and is reserved until it is processed");
    assert_eq!(process_due(&mut rows, &at(END), 9), 1);
    assert_eq!(money(&rows), (10, 0, 105, -15));
}

#[test]
fn a_presentment_without_an_authorisation_stands_by_itself() {
    let mut rows = journal();
    assert_eq!(done_at(&mut rows, NOW, &present(2, 1, 130)), (130, 30));
    refused(&mut rows, &authorise(1, 10), JournalRefusal::AuthorisationOvertaken);
    refused(&mut rows, &increment(3, 1, 10), JournalRefusal::PendingNotFound);
    let body = Present { cardholder: OTHER, merchant: SHOP, amount: eur(1), cover: OWED };
    refused(&mut rows, &operation(3, 1, CardKind::Present(body)), JournalRefusal::AuthorisationDiffers);
    assert_eq!(done(&mut rows, &refund(4, 1, 130)), 130);
}

#[test]
fn a_chargeback_is_paid_whatever_the_merchant_has_and_can_be_taken_back() {
    let mut rows = journal();
    done(&mut rows, &authorise(1, 60));
    done(&mut rows, &capture(2, 1, 60, true));
    let away = Transfer::posted(TransferId([201; 16]), SHOP, BANK, eur(50), Hash::ZERO);
    execute_all(&mut rows, &at(NOW), &[away]).unwrap();
    refused(&mut rows, &refund(3, 1, 11), JournalRefusal::ExceedsCredits);
    assert_eq!(done_at(&mut rows, NOW, &chargeback(3, 1, 40)), (40, 30));
    assert_eq!(money(&rows), (80, 0, 0, -30));
    refused(&mut rows, &chargeback(4, 1, 21), JournalRefusal::ExceedsCaptured);
    refused(&mut rows, &represent(5, 1, 41), JournalRefusal::ExceedsChargedBack);
    assert_eq!(done_at(&mut rows, NOW, &represent(5, 1, 40)), (40, 0));
    assert_eq!(money(&rows), (40, 0, 40, -30));
    assert_eq!(
        done_at(&mut rows, NOW, &chargeback(6, 1, 60)),
        (60, 20),
        "what was taken back can be charged again"
    );
}

#[test]
fn what_is_wrong_with_an_operation_is_said_of_it_and_changes_nothing() {
    use JournalRefusal::*;
    let mut rows = journal();
    done(&mut rows, &authorise(1, 50));
    let foreign = Dispute { amount: jpy(1), cover: OWED };
    for (why, wrong) in [
        (AuthorisationIdWrong, operation(2, 1, CardKind::Authorise(asked(5, false)))),
        (AuthorisationIdWrong, refund(3, 3, 1)),
        (ExistsWithDifferentBody, authorise(1, 51)),
        (ExistsWithDifferentBody, refund(1, 1, 1)),
        (AuthorisationNotFound, increment(2, 9, 1)),
        (AuthorisationNotFound, capture(2, 9, 1, true)),
        (AuthorisationNotFound, refund(2, 9, 1)),
        (AuthorisationNotFound, chargeback(2, 9, 1)),
        (AuthorisationNotFound, represent(2, 9, 1)),
        (AmountZero, authorise(2, 0)),
        (AmountZero, capture(2, 1, 0, true)),
        (AmountZero, capture(2, 1, 0, false)),
        (AmountZero, increment(2, 1, 0)),
        (AmountZero, reverse(2, 1, Some(0))),
        (AmountZero, present(2, 9, 0)),
        (AmountZero, refund(2, 1, 0)),
        (AmountZero, chargeback(2, 1, 0)),
        (AmountZero, represent(2, 1, 0)),
        (CurrencyMismatch, operation(2, 1, CardKind::Capture(Capture { amount: jpy(1), last: true }))),
        (CurrencyMismatch, operation(2, 1, CardKind::Refund(Refund { amount: jpy(1) }))),
        (CurrencyMismatch, operation(2, 1, CardKind::Chargeback(foreign))),
        (CurrencyMismatch, operation(2, 1, CardKind::Represent(foreign))),
        (ExceedsPendingAmount, capture(2, 1, 51, true)),
        (ExceedsCredits, increment(2, 1, 51)),
        (ExceedsCaptured, refund(2, 1, 1)),
    ] {
        refused(&mut rows, &wrong, why);
    }
}

/// Blnk #171: two commits of one hold, each within it, that together are more.
#[test]
fn two_captures_of_one_authorisation_never_overspend_it() {
    let mut rows = journal();
    done(&mut rows, &authorise(1, 50));
    done(&mut rows, &capture(2, 1, 30, false));
    refused(&mut rows, &capture(3, 1, 30, false), JournalRefusal::ExceedsPendingAmount);
    done(&mut rows, &capture(3, 1, 20, false));
    refused(&mut rows, &capture(4, 1, 1, false), JournalRefusal::PendingAlreadyPosted);
    assert_eq!(money(&rows), (50, 0, 50, 0));
}

/// Blnk #244 and #276: there are no locks to take in an order or to wait for; both ways go through, in any order.
#[test]
fn money_goes_both_ways_between_two_accounts_in_one_batch() {
    for turn in [false, true] {
        let mut rows = journal();
        done(&mut rows, &authorise(1, 50));
        done(&mut rows, &capture(2, 1, 50, true));
        let mut both = [refund(3, 1, 20), authorise(4, 50)];
        if turn {
            both.reverse();
        }
        for one in &both {
            done(&mut rows, one);
        }
        assert_eq!(money(&rows), (70, 50, 30, 0));
    }
}

/// A commit that skips one leg and is stored as applied: here the second leg cannot be taken, so the first is not either.
#[test]
fn an_operation_with_a_leg_that_fails_is_not_done_at_all() {
    let mut rows = journal();
    let body = Present { cardholder: CARD, merchant: SHOP, amount: eur(130), cover: OTHER };
    refused(&mut rows, &operation(2, 1, CardKind::Present(body)), JournalRefusal::ExceedsCredits);
    assert_eq!(money(&rows), (100, 0, 0, 0));
    assert_eq!(done_at(&mut rows, NOW, &present(2, 1, 130)), (130, 30), "its id is free");
}

#[test]
fn a_refund_is_not_paid_twice() {
    let mut rows = journal();
    done(&mut rows, &authorise(1, 50));
    done(&mut rows, &capture(2, 1, 50, true));
    done(&mut rows, &refund(3, 1, 50));
    refused(&mut rows, &refund(4, 1, 50), JournalRefusal::ExceedsCaptured);
    refused(&mut rows, &chargeback(4, 1, 1), JournalRefusal::ExceedsCaptured);
    assert_eq!(money(&rows), (100, 0, 0, 0));
}

/// Blnk #315: a retry that allocates twice, here with the funds for two there; and one whose transfers another path made.
#[test]
fn a_retry_allocates_nothing_again() {
    let mut rows = journal();
    done(&mut rows, &authorise(1, 30));
    for _ in 0..3 {
        assert_eq!(perform(&mut rows, &at(NOW), &authorise(1, 30)).unwrap().0, Done::Exists);
    }
    assert_eq!(money(&rows), (100, 30, 0, 0));
    let same = Transfer::pending(id(2).transfer(0), CARD, SHOP, eur(10), Some(UnixMs(END)), Hash([7; 32]));
    execute_all(&mut rows, &at(NOW), &[same]).unwrap();
    refused(&mut rows, &authorise(2, 10), JournalRefusal::ExistsWithDifferentBody);
    done(&mut rows, &authorise(3, 10));
    done(&mut rows, &increment(4, 1, 5));
    refused(&mut rows, &increment(4, 3, 5), JournalRefusal::ExistsWithDifferentBody);
    let free = Transfer::posted(id(4).transfer(2), BANK, CARD, eur(9), Hash::ZERO);
    execute_all(&mut rows, &at(NOW), &[free]).unwrap();
    assert!(audit(&rows).is_ok(), "a transfer of another path is none of the operation's");
}

/// An accepted request that is not a completed one: what is answered stands when the answer is given.
#[test]
fn what_is_answered_is_done() {
    let mut rows = journal();
    assert_eq!(done(&mut rows, &authorise(1, 30)), 30);
    let State::Hold(hold) = transfer(&rows, &id(1).transfer(0)).unwrap().state else { panic!("no hold") };
    assert_eq!((hold.held, hold.posted), (30, 0));
    assert_eq!(done(&mut rows, &capture(2, 1, 30, false)), 30);
    let State::Hold(hold) = transfer(&rows, &id(1).transfer(0)).unwrap().state else { panic!("no hold") };
    assert_eq!((hold.held, hold.posted, hold.end), (0, 30, Some(End::Posted(id(2).transfer(0)))));
}
