//! Payments that a processor decides: every way a request there may end, and a world in which messages to it are lost, doubled and late.
mod shop;

use shop::*;
use std::collections::BTreeMap;
use symbolon_acquiring::state::*;
use symbolon_acquiring::*;
use symbolon_journal::{AccountId, Limit, account};
use symbolon_types::{Currency, Hash, UnixMs};

const PROCESSOR: AccountId = AccountId([5; 16]);
const FOREIGN: Hash = Hash([9; 32]);
const ANSWER_MS: u64 = 5_000;

fn shop() -> Shop {
    let mut shop = Shop::new();
    let open =
        OpenAccount { id: PROCESSOR, currency: Currency::EUR, limit: Limit::Unlimited(()), history: true };
    assert_eq!(shop.apply(Command::OpenAccount(open)), Outcome::Set(()));
    let set = SetProcessor { number: 1, account: PROCESSOR, answer_ms: ANSWER_MS, stand_in: 20 };
    assert_eq!(shop.apply(Command::SetProcessor(set)), Outcome::Set(()));
    shop
}

fn foreign(minor: u64) -> Payment {
    Payment { card: FOREIGN, ..pay(minor) }
}

fn buy(audit: u32, minor: u64) -> Request {
    request(200, audit, Ask::Purchase(foreign(minor)))
}

fn sent(outcome: Outcome) -> Upstream {
    match outcome {
        Outcome::Forwarded(upstream) => upstream,
        other => panic!("not sent on: {other:?}"),
    }
}

fn answered(outcome: Outcome) -> Reply {
    match outcome {
        Outcome::Answered(reply) => reply,
        other => panic!("not answered: {other:?}"),
    }
}

fn told(to: Upstream, action: u16, amount: u64) -> Command {
    let approval = (action < 100).then_some(*b"ABC123");
    let Upstream { processor, audit, .. } = to;
    Command::Told(Told {
        processor,
        audit,
        action: ActionCode(action),
        amount,
        approval,
        chip: (action < 200).then(|| symbolon_wire::cbor::Bytes(vec![0x91, 1, 7])),
    })
}

/// What the processor owes, and what it would owe if all that is held were taken.
fn owed(shop: &Shop) -> (i64, u64) {
    shop.money();
    let balance = account(&shop.rows, &PROCESSOR).unwrap().balance();
    (-balance.posted, balance.reserved)
}

fn undone(shop: &mut Shop) -> Option<(Upstream, u64)> {
    match shop.delivered()?.errand {
        Errand::Undo(undo) => Some((undo.original, undo.left)),
        Errand::Advise(_) => panic!("no reversal"),
    }
}

#[test]
fn an_approval_moves_the_money_and_is_the_answer_to_every_repeat() {
    let mut shop = shop();
    assert_eq!(
        answered(shop.forward(purchase(1, 30), true)).action.0,
        0,
        "a card of this house is decided here"
    );
    let first = sent(shop.forward(buy(2, 30), true));
    assert_eq!((first.audit, first.at, owed(&shop)), (1, UnixMs(10), (0, 0)));
    assert_eq!(shop.forward(buy(2, 30), true), Outcome::Waits(first), "a repeat is not sent twice");
    assert_eq!(answered(shop.forward(buy(2, 31), true)).action.0, 913);
    let reply = answered(shop.apply(told(first, 0, 30)));
    assert_eq!(
        reply,
        Reply {
            action: ActionCode::APPROVED,
            amount: 30,
            approval: Some(*b"ABC123"),
            chip: Some(symbolon_wire::cbor::Bytes(vec![0x91, 1, 7]))
        }
    );
    assert_eq!((owed(&shop), shop.money().2), ((30, 0), 60));
    assert_eq!(shop.forward(buy(2, 30), true), Outcome::Repeated(reply));
    assert_eq!(shop.apply(told(first, 0, 30)), Outcome::Late(()), "an answer that comes twice");
    assert_eq!(owed(&shop), (30, 0));
    let second = sent(shop.forward(buy(3, 40), true));
    let declined = answered(shop.apply(told(second, 116, 0)));
    assert!(declined.action.0 == 116 && declined.chip.is_some(), "the issuer may block the card by it");
    let held = sent(shop.forward(request(100, 4, Ask::Authorise(foreign(50))), true));
    assert_eq!(answered(shop.apply(told(held, 0, 50))).amount, 50);
    assert_eq!((owed(&shop), outgoing(&shop.rows, 1)), ((30, 50), None));
}

#[test]
fn what_is_not_answered_in_time_is_reversed_there_and_a_late_answer_does_not_count() {
    let mut shop = shop();
    let to = sent(shop.forward(buy(1, 30), true));
    shop.wait(ANSWER_MS - 1);
    assert_eq!(shop.forward(buy(1, 30), true), Outcome::Waits(to), "also when the window has ended");
    shop.wait(1);
    assert_eq!(shop.apply(told(to, 0, 30)), Outcome::Late(()));
    assert_eq!(owed(&shop), (0, 0));
    assert_eq!(undone(&mut shop), Some((to, 0)));
    let again = sent(shop.forward(buy(1, 30), true));
    assert_ne!(again.audit, to.audit);
    let Upstream { processor, audit, .. } = again;
    let gave_up = |may_have_arrived| Command::GaveUp(GaveUp { processor, audit, may_have_arrived });
    assert_eq!(answered(shop.apply(gave_up(false))).action.0, 907);
    assert_eq!(shop.apply(gave_up(true)), Outcome::Late(()));
    assert_eq!(undone(&mut shop), None, "it was certainly not sent");
}

#[test]
fn reversals_and_completions_go_on_with_what_stands() {
    let mut shop = shop();
    let to = sent(shop.forward(buy(1, 30), true));
    assert_eq!(
        shop.code(reverse(2, original(200, 1), Some(10))),
        914,
        "nothing is approved of which a part could stand"
    );
    assert_eq!(shop.code(reverse(3, original(200, 1), None)), 400);
    assert_eq!(undone(&mut shop), Some((to, 0)), "it may have been approved there");
    assert_eq!(shop.apply(told(to, 0, 30)), Outcome::Late(()));
    assert_eq!((shop.again(buy(1, 30)).action.0, owed(&shop)), (911, (0, 0)));

    let to = sent(shop.forward(buy(4, 30), true));
    shop.apply(told(to, 0, 30));
    assert_eq!(shop.code(reverse(5, original(200, 4), Some(10))), 400);
    assert_eq!((undone(&mut shop), owed(&shop)), (Some((to, 10)), (10, 0)));
    assert_eq!(shop.code(reverse(6, original(200, 4), Some(10))), 400);
    assert_eq!(undone(&mut shop), None, "the processor was told");
    assert_eq!(shop.code(reverse(7, original(200, 4), None)), 400);
    assert_eq!((undone(&mut shop), owed(&shop)), (Some((to, 0)), (0, 0)));

    let held = sent(shop.forward(request(100, 8, Ask::Authorise(foreign(50))), true));
    shop.apply(told(held, 0, 50));
    let advice = Advice { card: FOREIGN, amount: eur(45), original: Some(original(100, 8)) };
    let completion = request(220, 9, Ask::PaidBefore(advice));
    assert_eq!(answered(shop.forward(completion, true)).action.0, 0);
    assert_eq!(owed(&shop), (45, 0));
    let Errand::Advise(advised) = shop.delivered().unwrap().errand else { panic!("no advice") };
    assert_eq!((advised.mti, advised.completes_mti, advised.completes), (220, Some(100), Some(held)));
}

#[test]
fn a_small_amount_is_approved_while_nobody_is_there() {
    let mut shop = shop();
    assert_eq!(answered(shop.forward(buy(1, 21), false)).action.0, 907);
    let reply = answered(shop.forward(buy(2, 20), false));
    assert_eq!((reply.action.0, owed(&shop)), (0, (20, 0)));
    let account = symbolon_wire::cbor::Bytes(vec![1]);
    let checked = Forward { request: buy(3, 20), processor: 1, account, reachable: false, checks: true };
    assert_eq!(
        answered(shop.apply(Command::Forward(checked.clone()))).action.0,
        907,
        "only the processor can check it"
    );
    let here = Forward { request: purchase(6, 5), ..checked.clone() };
    assert_eq!(
        answered(shop.apply(Command::Forward(here))).action.0,
        115,
        "a card of this house has no PIN here"
    );
    assert_eq!(shop.code(reverse(4, original(200, 2), None)), 400);
    let advice = shop.delivered().unwrap();
    let Errand::Advise(advised) = advice.errand else { panic!("no advice") };
    assert_eq!((advised.mti, advised.approval), (220, reply.approval));
    assert_eq!(undone(&mut shop), Some((advice.to, 0)), "after the advice, by its number");
    let held = request(100, 5, Ask::Authorise(foreign(20)));
    assert_eq!((answered(shop.forward(held, false)).action.0, owed(&shop)), (0, (0, 20)));
}

#[test]
fn an_approval_that_cannot_be_kept_is_undone_there() {
    let mut shop = shop();
    let to = sent(shop.forward(buy(1, 30), true));
    assert_eq!(answered(shop.apply(told(to, 2, 12))).action.0, 116, "this terminal takes all or nothing");
    assert_eq!((undone(&mut shop), owed(&shop)), (Some((to, 0)), (0, 0)));
    let partial = |audit| request(200, audit, Ask::Purchase(Payment { partial: true, ..foreign(30) }));
    for (audit, amount) in [(2, 0), (3, 30), (4, 31)] {
        let to = sent(shop.forward(partial(audit), true));
        assert_eq!(answered(shop.apply(told(to, 2, amount))).action.0, 116, "no part");
        assert_eq!(undone(&mut shop), Some((to, 0)));
    }
    let to = sent(shop.forward(partial(5), true));
    let reply = answered(shop.apply(told(to, 2, 12)));
    assert_eq!((reply.action.0, reply.amount, owed(&shop)), (2, 12, (12, 0)));
    let other = Request { key: NaturalKey { terminal: *b"NOBODY  ", ..key(200, 6) }, ..buy(6, 1) };
    assert_eq!(answered(shop.forward(other, true)).action.0, 109);
    assert_eq!(answered(shop.forward(buy(7, 0), true)).action.0, 110);
    let dollars = symbolon_types::Amount::new(5, Currency::from_alpha("USD").unwrap()).unwrap();
    let other = Ask::Purchase(Payment { amount: dollars, ..foreign(1) });
    assert_eq!(answered(shop.forward(request(200, 8, other), true)).action.0, 110);
    assert_eq!(answered(shop.forward(request(200, 9, Ask::Refund(foreign(5))), true)).action.0, 115);
    assert_eq!(shop.code(buy(10, 5)), 111, "on a link without a processor");
    let wrong = SetProcessor { number: 1, account: PROCESSOR, answer_ms: 999, stand_in: 0 };
    assert_eq!(
        shop.apply(Command::SetProcessor(wrong)),
        Outcome::Refused(AcquiringRefusal::ProcessorInvalid)
    );
    let wrong = SetProcessor { account: AccountId([99; 16]), answer_ms: 1_000, ..wrong };
    assert_eq!(shop.apply(Command::SetProcessor(wrong)), Outcome::Refused(AcquiringRefusal::AccountNotFound));
}

/// A processor: what it approved stands until it is reversed; a reversal that comes first is remembered.
#[derive(Default)]
struct Other {
    stands: BTreeMap<u32, u64>,
    reversed: BTreeMap<u32, u64>,
}

impl Other {
    fn approve(&mut self, to: Upstream, minor: u64) {
        let stands = self.reversed.get(&to.audit).copied().unwrap_or(minor);
        self.stands.insert(to.audit, stands);
    }

    fn take(&mut self, outgoing: &Outgoing) {
        match outgoing.errand {
            Errand::Undo(undo) => {
                self.reversed.insert(undo.original.audit, undo.left);
                if let Some(stands) = self.stands.get_mut(&undo.original.audit) {
                    *stands = undo.left;
                }
            }
            Errand::Advise(advised) => {
                if let Some(held) = advised.completes {
                    self.stands.insert(held.audit, 0);
                }
                self.approve(outgoing.to, outgoing.amount.minor());
            }
        }
    }
}

struct Dice(u64);

impl Dice {
    fn one_of(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// After every fault, once the outbox is empty, the processor's books are ours.
#[test]
fn in_the_end_the_processor_and_the_house_agree() {
    let (mut late, mut reversed, mut stood_in, mut timed_out) = (0, 0, 0, 0);
    for seed in 0..300 {
        let (mut shop, mut other, mut dice) = (shop(), Other::default(), Dice(seed));
        let mut answers: Vec<(Upstream, u16, u64)> = Vec::new();
        let mut bought: Vec<u32> = Vec::new();
        for audit in 1..40 {
            match dice.one_of(8) {
                0..=3 => {
                    let minor = 1 + dice.one_of(40);
                    let reachable = dice.one_of(4) > 0;
                    match shop.forward(buy(audit, minor), reachable) {
                        Outcome::Forwarded(to) => {
                            let arrives = dice.one_of(5) > 0;
                            let approves = dice.one_of(4) > 0;
                            if arrives && approves {
                                other.approve(to, minor);
                            }
                            for _ in 0..if arrives { dice.one_of(3) } else { 0 } {
                                let place = dice.one_of(answers.len() as u64 + 1) as usize;
                                answers.insert(place, (to, if approves { 0 } else { 116 }, minor));
                            }
                        }
                        Outcome::Answered(reply) if reply.action.0 == 0 => stood_in += 1,
                        _ => {}
                    }
                    bought.push(audit);
                }
                4 | 5 => {
                    if let Some((to, action, minor)) = answers.pop()
                        && shop.apply(told(to, action, minor)) == Outcome::Late(())
                    {
                        late += 1;
                    }
                }
                6 => {
                    if !bought.is_empty() {
                        let of = bought[dice.one_of(bought.len() as u64) as usize];
                        let left = (dice.one_of(3) == 0).then_some(1);
                        shop.code(reverse(1000 + audit, original(200, of), left));
                        reversed += 1;
                    }
                }
                _ => {
                    shop.wait(dice.one_of(ANSWER_MS));
                    // What the processor takes may come to it twice, and its answer may be lost.
                    if let Some((_, message)) = outgoing(&shop.rows, 1) {
                        other.take(&message);
                    }
                }
            }
            owed(&shop);
        }
        shop.wait(ANSWER_MS);
        while let Some(message) = shop.delivered() {
            timed_out += 1;
            other.take(&message);
        }
        for (to, action, minor) in answers {
            shop.apply(told(to, action, minor));
        }
        let (posted, reserved) = owed(&shop);
        let stands: u64 = other.stands.values().sum();
        assert_eq!((posted, reserved), (i64::try_from(stands).unwrap(), 0), "seed {seed}");
    }
    assert!([late, reversed, stood_in, timed_out].iter().all(|count| *count > 100), "every fault was met");
}
