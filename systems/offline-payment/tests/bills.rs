//! A bill that is paid in parts: the parts come to at most its total, whatever is open, taken, taken in part, or closed.
mod world;

use symbolon_offline_payment::OfflinePaymentRefusal as Own;
use symbolon_offline_payment::messages::{Bill, Challenge};
use symbolon_offline_payment::payee::{Asked, BILLS_MAX};
use symbolon_types::{Amount, CoreRefusal, Currency};
use world::*;

const ID: [u8; 16] = [0xB1; 16];

fn bill() -> Bill {
    Bill { id: ID, total: eur(3000) }
}

fn part(minor: u64) -> Asked {
    Asked { bill: Some(bill()), ..Asked::amount(eur(minor)) }
}

#[test]
fn rule_r16_the_parts_that_are_open_and_accepted_come_to_at_most_the_total() {
    let (mut world, mut phone) = World::ready(&QUICK, 4);
    let mut other = Phone::new(&world, 2);
    other.enrol(&mut world, PAYER, "2468");
    other.prefetch(&mut world, 2);
    let mut shop = world.shop(1, "Tavern", eur(0));
    assert_eq!(shop.state.bill_paid(ID), None);
    let first = shop.ask(&part(1800)).unwrap();
    assert_eq!(shop.ask(&part(1201)), Err(own(Own::BillExceeded)), "the first is open");
    let second = shop.ask(&part(1200)).unwrap();
    let shown = phone.preview(&first).unwrap();
    assert_eq!((shown.bill, shown.amount), (Some(bill()), eur(1800)));
    let payment = phone.pay(&first, PIN).unwrap();
    shop.accept(&payment.object.0).unwrap();
    assert_eq!(shop.state.bill_paid(ID), Some(eur(1800)));
    assert_eq!(shop.ask(&part(1)), Err(own(Own::BillExceeded)));
    world.settle(&shop.upload()).unwrap();
    let payment = other.pay(&second, "2468").unwrap();
    shop.accept(&payment.object.0).unwrap();
    shop.accept(&payment.object.0).unwrap();
    assert_eq!(shop.state.bill_paid(ID), Some(eur(3000)), "the same object counts once");
    assert_eq!(shop.ask(&part(1)), Err(own(Own::BillExceeded)));
    world.settle(&shop.upload()).unwrap();
}

#[test]
fn rule_r16_a_bill_keeps_its_total_and_its_currency_and_tips_are_no_part_of_it() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Tavern", eur(0));
    let tipped = Asked { tip_minor_max: Some(200), ..part(1000) };
    let challenge = shop.ask(&tipped).unwrap();
    let raised = Bill { total: eur(3001), ..bill() };
    assert_eq!(shop.ask(&Asked { bill: Some(raised), ..part(1) }), Err(own(Own::BillExceeded)));
    let yen = Amount::new(1, Currency::JPY).unwrap();
    assert_eq!(shop.ask(&Asked { amount: yen, ..part(1) }), Err(core(CoreRefusal::AmountInvalid)));
    let payment = phone.pay_tip(&challenge, Some(200), PIN).unwrap();
    shop.accept(&payment.object.0).unwrap();
    assert_eq!(shop.state.bill_paid(ID), Some(eur(1000)));
    shop.ask(&part(2000)).unwrap();
}

#[test]
fn rule_r16_a_part_taken_in_part_is_paid_and_a_part_that_was_closed_may_be_asked_for_again() {
    let (mut world, mut phone) = World::ready(&QUICK, 3);
    let mut shop = world.shop(1, "Tavern", eur(0));
    let challenge = shop.ask(&part(2000)).unwrap();
    let payment = phone.pay(&challenge, PIN).unwrap();
    let now = Some(phone.nature.now());
    let taken = shop.payee().accept_final(shop.state.clone(), &payment.object.0, now, Some(1500));
    shop.state = taken.unwrap().0;
    assert_eq!(shop.state.bill_paid(ID), Some(eur(2000)), "less was taken: a discount, not a rest");
    let rest = shop.ask(&part(1000)).unwrap();
    assert_eq!(shop.ask(&part(1)), Err(own(Own::BillExceeded)));
    // An object for it is on its way when it is closed: refused, and its payer pays it with no other nonce.
    let late = phone.pay(&rest, PIN).unwrap();
    let nonce = forge::claims::<Challenge>(&rest.0).nonce;
    shop.state = shop.payee().cancel(shop.state.clone(), nonce).unwrap();
    let again = shop.payee().cancel(shop.state.clone(), nonce).map(|_| ());
    assert_eq!(again, Err(own(Own::ChallengeUnknown)));
    assert_eq!(shop.accept(&late.object.0), Err(own(Own::ChallengeUnknown)));
    assert_eq!(phone.pay(&rest, PIN).map(|_| ()), Err(own(Own::ChallengeUnknown)));
    let anew = shop.ask(&part(1000)).unwrap();
    let payment = phone.pay(&anew, PIN).unwrap();
    shop.accept(&payment.object.0).unwrap();
    assert_eq!(shop.state.bill_paid(ID), Some(eur(3000)));
}

#[test]
fn rule_r16_a_bill_that_is_not_paid_is_forgotten_when_it_is_closed_or_lay_for_30_days() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let mut shop = world.shop(1, "Tavern", eur(0));
    let nth = |number: usize| Bill { id: [u8::try_from(number).unwrap(); 16], total: eur(10) };
    let asked = |number, minor| Asked { bill: Some(nth(number)), ..Asked::amount(eur(minor)) };
    let first = shop.ask(&asked(0, 10)).unwrap();
    for number in 1..BILLS_MAX {
        shop.ask(&asked(number, 1)).unwrap();
    }
    assert_eq!(shop.ask(&asked(BILLS_MAX, 1)), Err(core(CoreRefusal::Busy)));
    let payment = phone.pay(&first, PIN).unwrap();
    shop.accept(&payment.object.0).unwrap();
    shop.ask(&asked(BILLS_MAX, 1)).unwrap();
    assert_eq!((shop.state.bill_paid([0; 16]), shop.state.bill_paid([1; 16])), (None, Some(eur(0))));
    // Closed by the payee.
    assert_eq!(shop.ask(&asked(BILLS_MAX + 1, 1)), Err(core(CoreRefusal::Busy)));
    let unknown = shop.payee().close_bill(shop.state.clone(), [0; 16]).map(|_| ());
    assert_eq!(unknown, Err(core(CoreRefusal::NotFound)));
    shop.state = shop.payee().close_bill(shop.state.clone(), [2; 16]).unwrap();
    assert!(shop.state.open.len() == BILLS_MAX - 1, "the part that was open is closed with it");
    shop.ask(&asked(BILLS_MAX + 1, 1)).unwrap();
    // Left alone: the oldest of them goes for a new one, and one that was touched stays.
    phone.nature.pass(30 * DAY - 1);
    assert_eq!(shop.ask(&asked(BILLS_MAX + 2, 1)), Err(core(CoreRefusal::Busy)));
    shop.ask(&asked(1, 1)).unwrap();
    phone.nature.pass(1);
    shop.ask(&asked(BILLS_MAX + 2, 1)).unwrap();
    assert_eq!((shop.state.bill_paid([1; 16]), shop.state.bill_paid([3; 16])), (Some(eur(0)), None));
}
