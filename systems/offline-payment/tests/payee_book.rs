//! A payee that is online, and its own book: no receipt before the server has settled; what was accepted against what was credited; refunds.
mod world;

use symbolon_offline_payment::OfflinePaymentRefusal as Own;
use symbolon_offline_payment::messages::{
    Challenge, Denied, PayeeNonce, Receipt, Refund, SKEW_SECONDS, Statement, StatementBody,
};
use symbolon_offline_payment::payee::{Difference, online::Forward};
use symbolon_offline_payment::state::Outcome;
use symbolon_offline_payment::trust::Trust;
use symbolon_types::{CoreRefusal, Hash};
use symbolon_wire::cbor::{Bytes, to_vec};
use world::*;

/// A shop that has no list and no clock of its own, with an object in hand.
fn online() -> (World, Phone, Shop, Bytes) {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    shop.state.trust = Trust::pinned(world.server());
    let challenge = shop.charge(eur(700));
    let object = phone.pay(&challenge, PIN).unwrap().object;
    (world, phone, shop, object)
}

fn forward(shop: &mut Shop, object: &Bytes, now: symbolon_types::UnixSeconds) -> Forward {
    let (state, forward) = shop.payee().forward(shop.state.clone(), &object.0, now, None).unwrap();
    shop.state = state;
    forward
}

#[test]
fn rule_r8_online_the_receipt_waits_for_the_settlement_and_needs_no_list_and_no_clock() {
    let (mut world, phone, mut shop, object) = online();
    let now = phone.nature.now();
    assert_eq!(shop.accept(&object.0), Err(own(Own::DenyListOld)), "offline it takes nothing");
    let first = forward(&mut shop, &object, now);
    let Forward::Upload(id, settlement) = first.clone() else { panic!("{first:?}") };
    assert!(forge::claims::<Receipt>(&settlement.receipt.0).body.online);
    assert!(shop.state.open.is_empty() && shop.state.accepted.is_empty());
    // Dies here: the same object, the same upload; the server answers as it did.
    let answer = world.settle(&to_vec(&settlement)).unwrap();
    assert_eq!(forward(&mut shop, &object, now.plus(9)), first);
    assert_eq!(world.settle(&to_vec(&settlement)).unwrap(), answer);
    let (state, receipt) = shop.payee().answered(shop.state.clone(), id, Ok(())).unwrap();
    shop.state = state;
    assert_eq!(receipt, Some(settlement.receipt.clone()));
    assert_eq!(forward(&mut shop, &object, now.plus(9)), Forward::Known(settlement.receipt));
    assert!(shop.state.forwarded.is_empty() && shop.state.accepted[0].settled);
    assert_eq!(world.credited(&shop), 700);
}

#[test]
fn rule_r8_what_the_server_refuses_is_dropped_and_nobody_has_a_receipt() {
    let (_, mut phone, mut shop, object) = online();
    let now = phone.nature.now();
    let nonce = forge::claims::<Challenge>(&shop.state.open[0].challenge.0).nonce;
    let cancelled = |shop: &Shop| shop.payee().cancel(shop.state.clone(), nonce).map(|_| ());
    assert_eq!(cancelled(&shop), Ok(()));
    let Forward::Upload(id, _) = forward(&mut shop, &object, now) else { panic!("known") };
    assert_eq!(cancelled(&shop), Err(own(Own::ChallengeUnknown)), "the server's answer is awaited");
    let refusal = own(Own::SettledLate);
    let (state, receipt) = shop.payee().answered(shop.state.clone(), id, Err(refusal)).unwrap();
    shop.state = state;
    assert_eq!((receipt, shop.state.forwarded.len(), shop.state.accepted.len()), (None, 0, 0));
    let again = shop.payee().answered(shop.state.clone(), id, Ok(())).map(|_| ());
    assert_eq!(again, Err(own(Own::ChallengeUnknown)));
    let again = shop.payee().forward(shop.state.clone(), &object.0, now, None).map(|_| ());
    assert_eq!(again, Err(own(Own::ChallengeUnknown)));
    assert!(!phone.status().locked);
}

#[test]
fn rule_r8_online_too_a_known_denied_device_and_an_ended_grant_are_refused() {
    let (_, phone, mut shop, object) = online();
    let now = phone.nature.now();
    let tried = |shop: &Shop, now| shop.payee().forward(shop.state.clone(), &object.0, now, None).map(|_| ());
    assert_eq!(tried(&shop, now), Ok(()));
    assert_eq!(tried(&shop, now.plus(GRANT_SECONDS + 301)), Err(core(CoreRefusal::Expired)));
    shop.state.denied = Denied(vec![phone.id()]);
    assert_eq!(tried(&shop, now), Err(own(Own::Revoked)));
}

#[test]
fn rule_r8_after_an_outage_the_same_object_is_asked_about_with_a_receipt_of_now() {
    let (mut world, phone, mut shop, object) = online();
    let now = phone.nature.now();
    let Forward::Upload(id, stale) = forward(&mut shop, &object, now) else { panic!("known") };
    let again = |shop: &Shop, now| shop.payee().asked_again(shop.state.clone(), id, now).unwrap();
    assert_eq!(again(&shop, now.plus(SKEW_SECONDS)).1, stale, "still of this moment");
    phone.nature.pass(SKEW_SECONDS + 1);
    assert_eq!(world.settle(&to_vec(&stale)), Err(own(Own::SettledLate)));
    let (state, fresh) = again(&shop, phone.nature.now());
    shop.state = state;
    assert_eq!((&fresh.object, &fresh.challenge), (&stale.object, &stale.challenge));
    world.settle(&to_vec(&fresh)).unwrap();
    let (state, receipt) = shop.payee().answered(shop.state.clone(), id, Ok(())).unwrap();
    assert_eq!((receipt, state.accepted.len()), (Some(fresh.receipt), 1));
    let gone = shop.payee().asked_again(state, id, now).map(|_| ());
    assert_eq!(gone, Err(own(Own::ChallengeUnknown)));
}

#[test]
fn what_the_server_refuses_for_good_goes_to_the_book_with_its_refusal() {
    let (_, _, mut shop, ids) = booked();
    let refusal = own(Own::SettledLate);
    let nobody = shop.payee().refused(shop.state.clone(), Hash::ZERO, refusal).map(|_| ());
    assert_eq!(nobody, Err(own(Own::ChallengeUnknown)));
    shop.state = shop.payee().refused(shop.state.clone(), ids[2], refusal).unwrap();
    assert_eq!((shop.state.accepted.len(), shop.state.book.len()), (2, 1));
    assert_eq!((shop.state.book[0].object, shop.state.book[0].refusal), (ids[2], Some(refusal)));
}

/// In another currency than its cap a payee could never be credited.
#[test]
fn a_payee_asks_in_the_currency_of_its_cap_alone() {
    let (mut world, _) = World::ready(&QUICK, 0);
    let shop = world.shop(1, "Bakery", eur(0));
    let ask = |amount| {
        shop.payee().charge(shop.state.clone(), amount, PayeeNonce([1; 16]), Some(world.nature.now()))
    };
    ask(eur(1)).unwrap();
    let yen = symbolon_types::Amount::new(1, symbolon_types::Currency::JPY).unwrap();
    assert_eq!(ask(yen).map(|_| ()), Err(core(CoreRefusal::AmountInvalid)));
}

/// A shop with three payments, two of them settled; and its statement.
fn booked() -> (World, Phone, Shop, Vec<Hash>) {
    let (mut world, mut phone) = World::ready(&QUICK, 4);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let mut ids = Vec::new();
    for (minor, settles) in [(100, true), (200, true), (300, false)] {
        let challenge = shop.charge(eur(minor));
        let payment = phone.pay(&challenge, PIN).unwrap();
        shop.accept(&payment.object.0).unwrap();
        ids.push(payment.id);
        if settles {
            world.settle(&shop.upload()).unwrap();
            shop.state.accepted.last_mut().unwrap().settled = true;
        }
    }
    (world, phone, shop, ids)
}

fn statement(world: &World, shop: &Shop) -> Bytes {
    let request = shop.payee().statement_request(&shop.state, 1, world.nature.now()).unwrap();
    world.edge().open_statement(&world.rows, &request.0, world.nature.now()).unwrap()
}

#[test]
fn rule_r17_the_audit_finds_what_was_accepted_and_not_credited_and_the_other_way_round() {
    let (world, _, shop, ids) = booked();
    let page = shop.payee().statement(&shop.state, 1, &statement(&world, &shop).0).unwrap();
    let audit =
        |shop: &Shop, page: &StatementBody| shop.payee().audit(&shop.state, std::slice::from_ref(page));
    let open = Difference::NotCredited { object: ids[2], taken: eur(300) };
    assert_eq!(audit(&shop, &page), [open]);
    let mut settled = shop.clone();
    settled.state.accepted.pop();
    assert_eq!(audit(&settled, &page), []);
    let mut other = page.clone();
    other.entries[0].amount = eur(99);
    assert_eq!(
        audit(&settled, &other),
        [Difference::OtherAmount { object: ids[0], taken: eur(100), credited: eur(99) }]
    );
    let mut twice = page.clone();
    twice.entries.push(page.entries[1]);
    assert_eq!(audit(&settled, &twice), [Difference::Unknown { object: ids[1], credited: eur(200) }]);
    let mut refunded = page.clone();
    refunded.entries[1].refunded_minor = 50;
    assert_eq!(audit(&settled, &refunded), [Difference::Refunded { object: ids[1], refunded_minor: 50 }]);
    // What is no longer kept whole is still in the book.
    let mut tidied = settled.clone();
    tidied.state = tidied.payee().tidied(tidied.state.clone(), world.nature.now().plus(30 * DAY));
    assert_eq!((tidied.state.accepted.len(), tidied.state.book.len()), (0, 2));
    assert_eq!(audit(&tidied, &page), []);
    tidied.state.book.remove(0);
    assert_eq!(audit(&tidied, &page), [Difference::Unknown { object: ids[0], credited: eur(100) }]);
}

#[test]
fn rule_r17_a_statement_is_the_servers_for_this_payee_from_where_it_was_asked_for() {
    let (mut world, _, shop, _) = booked();
    let other = world.shop(2, "Butcher", eur(0));
    let bytes = statement(&world, &shop);
    let read =
        |shop: &Shop, from, bytes: &Bytes| shop.payee().statement(&shop.state, from, &bytes.0).map(|_| ());
    assert_eq!(read(&shop, 1, &bytes), Ok(()));
    assert_eq!(read(&other, 1, &bytes), Err(own(Own::WrongPayee)));
    assert_eq!(read(&shop, 2, &bytes), Err(core(CoreRefusal::Malformed)));
    let forged = forge::altered::<Statement>(&QUICK, &bytes.0, &shop.key, |_| {});
    assert_eq!(read(&shop, 1, &forged), Err(core(CoreRefusal::BadSignature)));
    let endless = forge::altered::<Statement>(&QUICK, &bytes.0, &world.issuer.signing, |statement| {
        statement.body.entries.clear();
    });
    assert_eq!(read(&shop, 1, &endless), Err(core(CoreRefusal::Malformed)), "an empty page before the end");
}

#[test]
fn rule_r9_the_payee_refunds_what_it_took_and_no_more() {
    let (mut world, _, shop, ids) = booked();
    let (nonce, now) = (PayeeNonce([7; 16]), world.nature.now());
    let refund = |object, amount| shop.payee().refund(&shop.state, object, amount, nonce, now);
    assert_eq!(refund(Hash::ZERO, None), Err(core(CoreRefusal::NotFound)));
    assert_eq!(refund(ids[0], Some(eur(0))), Err(core(CoreRefusal::AmountInvalid)));
    assert_eq!(refund(ids[0], Some(eur(101))), Err(own(Own::RefundTooHigh)));
    assert_eq!(forge::claims::<Refund>(&refund(ids[1], None).unwrap().0).body.amount, eur(200));
    let part = refund(ids[1], Some(eur(50))).unwrap();
    let command = world.edge().open_refund(&world.rows, &part.0).unwrap();
    let Outcome::Refunded(outcome) = world.apply(command) else { panic!("refused") };
    assert_eq!((outcome.amount, outcome.refunded_minor), (eur(50), 50));
    let page = shop.payee().statement(&shop.state, 1, &statement(&world, &shop).0).unwrap();
    assert!(
        shop.payee()
            .audit(&shop.state, &[page])
            .contains(&Difference::Refunded { object: ids[1], refunded_minor: 50 })
    );
}
