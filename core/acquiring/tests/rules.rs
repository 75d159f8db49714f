//! The rules of repeats, reversals and advices, each with the twin that is taken otherwise.
mod shop;

use shop::*;
use symbolon_acquiring::state::*;
use symbolon_acquiring::*;
use symbolon_journal::{AccountId, Limit, Transfer, TransferId};
use symbolon_types::{Amount, Currency, Hash};

#[test]
fn a_repeat_gets_the_first_answer_and_moves_nothing() {
    let mut shop = Shop::new();
    let first = shop.ask(purchase(1, 30));
    assert_eq!((first.action.0, first.amount), (0, 30));
    assert_eq!(shop.money(), (70, 0, 30, 0));
    assert_eq!(shop.again(purchase(1, 30)), first);
    let repeat = Request { repeat: true, transmitted: None, ..purchase(1, 30) };
    assert_eq!(shop.again(repeat), first, "a repeat may come without field 7");
    assert_eq!(shop.again(Request { transmitted: Some(9), ..repeat }), first, "or with another");
    assert_eq!(
        shop.again(Request { forwarding: Some(5), ..repeat }),
        first,
        "field 33 counts where both have it"
    );
    let declined = shop.ask(purchase(2, 71));
    assert_eq!(declined, Reply { action: ActionCode::NOT_SUFFICIENT, amount: 0, approval: None, chip: None });
    shop.ask(reverse(3, original(200, 1), None));
    assert_eq!(shop.again(purchase(2, 71)), declined, "declined for ever, although there is enough now");
    assert_eq!(shop.again(purchase(1, 30)), first, "and approved for ever: the reversal has its own answer");
    assert_eq!(shop.money(), (100, 0, 0, 0));
}

#[test]
fn another_request_under_a_used_key_is_a_duplicate() {
    let mut shop = Shop::new();
    shop.ask(Request { forwarding: Some(4), ..purchase(1, 30) });
    shop.duplicate(purchase(1, 31));
    shop.duplicate(Request { transmitted: Some(9), ..purchase(1, 30) });
    shop.duplicate(Request { forwarding: Some(5), ..purchase(1, 30) });
    let other_card = Payment { card: BLOCKED, ..pay(30) };
    shop.duplicate(request(200, 1, Ask::Purchase(other_card)));
    assert_eq!(shop.code(purchase(2, 31)), 0, "another audit number is another request");
    let other = |key| Request { key, ..purchase(1, 1) };
    assert_eq!(shop.code(other(NaturalKey { mti: 1200, local: 261_124_120_000, ..key(200, 1) })), 0);
    assert_eq!(shop.code(other(NaturalKey { acquirer: 9, ..key(200, 1) })), 0);
    assert_eq!(shop.code(other(NaturalKey { link: 2, ..key(200, 1) })), 109, "no terminal on that link");
}

/// An audit number is used again every million requests.
#[test]
fn a_key_is_free_again_when_its_window_has_ended() {
    let mut shop = Shop::new();
    shop.ask(purchase(1, 30));
    shop.wait(WINDOW_MS - 1);
    shop.again(purchase(1, 30));
    shop.duplicate(purchase(1, 20));
    shop.wait(1);
    assert_eq!(shop.code(purchase(1, 30)), 0);
    assert_eq!(shop.money(), (40, 0, 60, 0));
}

#[test]
fn who_may_not_is_declined() {
    let mut shop = Shop::new();
    assert_eq!(shop.code(purchase(1, 0)), 110);
    let yen = Payment { amount: Amount::new(5, Currency::JPY).unwrap(), ..pay(5) };
    assert_eq!(shop.code(request(200, 2, Ask::Purchase(yen))), 110);
    assert_eq!(shop.code(request(200, 3, Ask::Purchase(Payment { card: Hash([1; 32]), ..pay(5) }))), 111);
    assert_eq!(shop.code(request(200, 4, Ask::Purchase(Payment { card: BLOCKED, ..pay(5) }))), 100);
    let unknown = NaturalKey { terminal: *b"TERM0009", ..key(200, 5) };
    assert_eq!(shop.code(Request { key: unknown, ..purchase(5, 5) }), 109);
    assert_eq!(shop.code(purchase(6, 101)), 116);
    let some = Payment { partial: true, ..pay(101) };
    let reply = shop.ask(request(100, 7, Ask::Authorise(some)));
    assert_eq!((reply.action, reply.amount), (ActionCode::PARTIAL, 100));
    assert_eq!(shop.money(), (100, 100, 0, 0));
}

#[test]
fn a_reversal_gives_back_what_was_held_or_moved_once() {
    let mut shop = Shop::new();
    shop.ask(authorise(1, 30));
    shop.ask(purchase(2, 40));
    assert_eq!(shop.money(), (60, 30, 40, 0));
    let reply = shop.ask(reverse(3, original(100, 1), None));
    assert_eq!((reply.action.0, reply.amount), (400, 30));
    assert_eq!(shop.again(reverse(3, original(100, 1), None)), reply);
    assert_eq!(shop.ask(reverse(4, original(200, 2), Some(15))).amount, 25);
    assert_eq!(shop.money(), (85, 0, 15, 0));
    assert_eq!(shop.ask(reverse(5, original(200, 2), Some(15))).amount, 0, "so much stands already");
    assert_eq!(shop.ask(reverse(6, original(200, 2), None)).amount, 15);
    assert_eq!(shop.ask(reverse(7, original(200, 2), None)).amount, 0, "nothing is given back twice");
    assert_eq!(shop.money(), (100, 0, 0, 0));
    shop.ask(purchase(8, 101));
    assert_eq!(shop.code(reverse(9, original(200, 8), None)), 400, "a declined one may be reversed");
    assert_eq!(shop.money(), (100, 0, 0, 0));
}

#[test]
fn a_reversal_before_its_original_refuses_it() {
    let mut shop = Shop::new();
    assert_eq!(shop.code(reverse(2, original(200, 1), None)), 400);
    let late = shop.ask(purchase(1, 30));
    assert_eq!(late.action, ActionCode::INVALID);
    assert_eq!(shop.again(purchase(1, 30)), late);
    assert_eq!(shop.money(), (100, 0, 0, 0));
    assert_eq!(shop.code(reverse(3, original(200, 9), Some(5))), 914, "in part: of what was never approved");
    assert_eq!(shop.code(purchase(9, 30)), 0);
}

#[test]
fn a_reversal_of_another_request_with_that_key_traces_nothing() {
    let mut shop = Shop::new();
    shop.ask(Request { forwarding: Some(4), ..purchase(1, 30) });
    let told = |transmitted, forwarding| Original { transmitted, forwarding, ..original(200, 1) };
    assert_eq!(shop.code(reverse(2, told(Some(9), None), None)), 914);
    assert_eq!(shop.code(reverse(3, told(None, Some(9)), None)), 914);
    assert_eq!(shop.money(), (70, 0, 30, 0));
    assert_eq!(shop.code(reverse(4, told(Some(1_124_120_000), Some(4)), None)), 400);
    assert_eq!(shop.money(), (100, 0, 0, 0));
}

#[test]
fn an_advice_is_taken_whatever_the_card_has() {
    let mut shop = Shop::new();
    shop.ask(authorise(1, 60));
    assert_eq!(
        shop.ask(paid_before(2, 45, Some(original(100, 1)))).amount,
        45,
        "completes, and releases the rest"
    );
    assert_eq!(shop.money(), (55, 0, 45, 0));
    assert_eq!(shop.code(reverse(3, original(100, 1), None)), 914, "the authorisation is used up");
    assert_eq!(shop.ask(paid_before(4, 80, None)).amount, 80);
    assert_eq!(shop.money(), (0, 0, 125, -25));
    assert_eq!(shop.ask(reverse(5, original(220, 4), None)).amount, 80);
    assert_eq!(shop.money(), (80, 0, 45, -25), "what was covered is still owed to the covering account");
    let advice = Advice { card: TOKEN, amount: eur(100), original: None };
    assert_eq!(shop.code(request(120, 6, Ask::AuthorisedBefore(advice))), 0);
    assert_eq!(shop.money().1, 80, "what could be held is");
    assert_eq!(shop.code(request(120, 7, Ask::AuthorisedBefore(advice))), 0, "nothing more can be");
}

#[test]
fn an_authorisation_that_is_less_after_all_is_completed_all_the_same() {
    let mut shop = Shop::new();
    shop.ask(authorise(1, 60));
    shop.ask(reverse(2, original(100, 1), Some(40)));
    assert_eq!(shop.money(), (100, 40, 0, 0));
    shop.ask(paid_before(3, 40, Some(original(100, 1))));
    assert_eq!(shop.money(), (60, 0, 40, 0));
    shop.ask(authorise(4, 10));
    shop.wait(HOLD_MS);
    assert_eq!(shop.money(), (60, 0, 40, 0), "expired");
    assert_eq!(shop.code(reverse(5, original(100, 4), None)), 400);
    shop.ask(paid_before(6, 10, Some(original(100, 4))));
    assert_eq!(shop.money(), (50, 0, 50, 0), "and presented late");
}

#[test]
fn a_refund_is_the_merchants_money_and_its_reversal_is_covered() {
    let mut shop = Shop::new();
    assert_eq!(shop.code(request(200, 1, Ask::Refund(pay(5)))), 116, "the shop has nothing");
    shop.ask(purchase(2, 50));
    assert_eq!(shop.code(request(200, 3, Ask::Refund(pay(20)))), 0);
    assert_eq!(shop.money(), (70, 0, 30, 0));
    shop.ask(purchase(4, 60));
    assert_eq!(shop.code(reverse(5, original(200, 3), None)), 400);
    assert_eq!(shop.money(), (0, 0, 110, -10), "the card has spent half of it");
    shop.ask(request(200, 6, Ask::Refund(pay(110))));
    assert_eq!(shop.code(reverse(7, original(200, 4), None)), 400, "the shop has spent it");
    assert_eq!(shop.money(), (170, 0, 0, -70));
}

#[test]
fn what_is_kept_no_longer_is_not_found() {
    let mut shop = Shop::new();
    shop.ask(purchase(1, 30));
    shop.wait(KEPT_MS - 1);
    assert!(exchange(&shop.rows, &key(200, 1)).is_some());
    shop.wait(1);
    assert!(exchange(&shop.rows, &key(200, 1)).is_none());
    assert_eq!(shop.money(), (70, 0, 30, 0));
}

#[test]
fn settings_that_cannot_be_are_refused_and_change_nothing() {
    let mut shop = Shop::new();
    let nobody = AccountId([99; 16]);
    let policy = Policy { window_ms: WINDOW_MS, kept_ms: KEPT_MS, hold_ms: HOLD_MS, cover: COVER };
    let before = shop.rows.clone();
    for (why, command) in [
        (AcquiringRefusal::PolicyInvalid, Command::SetPolicy(Policy { window_ms: 0, ..policy })),
        (AcquiringRefusal::PolicyInvalid, Command::SetPolicy(Policy { hold_ms: 0, ..policy })),
        (AcquiringRefusal::PolicyInvalid, Command::SetPolicy(Policy { kept_ms: WINDOW_MS - 1, ..policy })),
        (AcquiringRefusal::PolicyInvalid, Command::SetPolicy(Policy { kept_ms: u64::MAX, ..policy })),
        (AcquiringRefusal::AccountNotFound, Command::SetPolicy(Policy { cover: nobody, ..policy })),
        (
            AcquiringRefusal::AccountNotFound,
            Command::SetCard(SetCard { card: TOKEN, account: nobody, blocked: false }),
        ),
        (
            AcquiringRefusal::AccountNotFound,
            Command::SetTerminal(SetTerminal {
                link: LINK,
                terminal: TerminalId(TERMINAL),
                merchant: nobody,
            }),
        ),
    ] {
        assert_eq!(shop.apply(command), Outcome::Refused(why));
        assert!(shop.rows == before);
    }
    let funds = |minor| Transfer::posted(TransferId([201; 16]), CARD, SHOP, eur(minor), Hash::ZERO);
    assert_eq!(shop.apply(Command::Transfer(funds(101))), Outcome::MoneyRefused(58));
    let other =
        OpenAccount { id: CARD, currency: Currency::JPY, limit: Limit::Unlimited(()), history: false };
    assert_eq!(shop.apply(Command::OpenAccount(other)), Outcome::MoneyRefused(43));
    assert!(shop.rows == before);
    assert_eq!(shop.apply(Command::SetPolicy(policy)), Outcome::Set(()));
    assert_eq!(shop.apply(Command::Transfer(funds(100))), Outcome::Set(()));
}

#[test]
fn no_request_is_taken_before_a_policy() {
    use symbolon_state::{Ctx, MemoryRows, System};
    let mut rows = MemoryRows::default();
    let ctx = Ctx { at: symbolon_types::UnixMs(1), sequence: 1 };
    let outcome = Acquiring::apply(&mut rows, &ctx, Command::Request(purchase(1, 1)));
    assert_eq!(outcome, Outcome::Refused(AcquiringRefusal::PolicyMissing));
    assert!(rows == MemoryRows::default());
}
