//! What a payee was credited, signed by the server entry by entry (R12).
mod world;

use symbolon_offline_payment::OfflinePaymentRefusal as Own;
use symbolon_offline_payment::Refusal;
use symbolon_offline_payment::messages::{
    PayeeId, PayeeNonce, Refund, RefundBody, Statement, StatementBody, StatementRequest, StatementRequestBody,
};
use symbolon_offline_payment::state::{self, OfflineDamage, Outcome, PayeeRow, Source};
use symbolon_proof::Raw;
use symbolon_state::Rows;
use symbolon_types::{CoreRefusal, Hash};
use symbolon_wire::cbor::{Bytes, from_slice, to_vec};
use world::*;

const STATEMENTS: u16 = 117;

fn request(world: &World, shop: &Shop, from: u64) -> StatementRequest {
    let body = StatementRequestBody { payee: shop.id, from };
    StatementRequest { iat: world.nature.now(), body }
}

fn asked(world: &World, bytes: &Bytes) -> Result<Bytes, Refusal> {
    world.edge().open_statement(&world.rows, &bytes.0, world.nature.now())
}

fn statement(world: &World, shop: &Shop, from: u64) -> StatementBody {
    let signed = asked(world, &forge::signed(&REAL, &shop.key, &request(world, shop, from))).unwrap();
    let verified = Raw(&signed.0).parse::<Statement>().unwrap().verify(&REAL, &world.server()).unwrap();
    assert_eq!(verified.claims().iat, world.nature.now());
    verified.into_claims().body
}

fn pay(world: &mut World, phone: &mut Phone, shop: &mut Shop, minor: u64) -> Hash {
    let payment = phone.pay(&shop.charge(eur(minor)), PIN).unwrap();
    shop.accept(&payment.object.0).unwrap();
    world.settle(&shop.upload()).unwrap().object
}

#[test]
fn rule_r12_every_credit_is_an_entry_and_a_refund_shows_in_it() {
    let (mut world, mut phone) = World::ready(&QUICK, 4);
    let [mut shop, mut other] = [world.shop(1, "Bakery", eur(5000)), world.shop(2, "Butcher", eur(0))];
    let empty = statement(&world, &shop, 1);
    assert_eq!((empty.payee, empty.from, empty.last, empty.entries), (shop.id, 1, 0, Vec::new()));
    let mut copy = phone.copy();
    let first = pay(&mut world, &mut phone, &mut shop, 500);
    pay(&mut world, &mut phone, &mut other, 600);
    // The copy pays with the second nonce, which the other payee was credited for.
    let burnt = copy.pay(&other.charge(eur(1)), PIN).unwrap();
    drop(burnt);
    let second = pay(&mut world, &mut copy, &mut shop, 700);
    let found = statement(&world, &shop, 1);
    let of = |body: &StatementBody| -> Vec<(Hash, u64, Source, u64)> {
        body.entries.iter().map(|e| (e.object, e.amount.minor(), e.source, e.refunded_minor)).collect()
    };
    let entries = [(first, 500, Source::Reservation, 0), (second, 700, Source::Loss, 0)];
    assert_eq!((of(&found).as_slice(), found.last), (entries.as_slice(), 2));
    assert_eq!(of(&statement(&world, &shop, 2)), entries[1..]);
    assert_eq!(of(&statement(&world, &shop, 3)), []);
    assert_eq!(statement(&world, &other, 1).last, 1);
    let token = shop.state.accepted[0].token;
    let body = RefundBody { payee: shop.id, token, object: first, amount: eur(120) };
    let refund = Refund { iat: world.nature.now(), nonce: PayeeNonce([1; 16]), body };
    let command = world.edge().open_refund(&world.rows, &forge::signed(&REAL, &shop.key, &refund).0).unwrap();
    assert!(matches!(world.apply(command), Outcome::Refunded(_)));
    assert_eq!(of(&statement(&world, &shop, 1))[0], (first, 500, Source::Reservation, 120));
}

#[test]
fn rule_r12_a_statement_has_at_most_a_hundred_entries_and_leads_on() {
    let mut world = World::new(&QUICK);
    let wide =
        state::AccountLimits { count: state::COUNT_MAX, cumulative_minor: 1_000_000, pool: 32, ..limits() };
    world.open_payer(PAYER, wide, eur(500_000));
    let mut shop = world.shop(1, "Bakery", eur(0));
    let mut phone = Phone::new(&world, 1);
    phone.enrol(&mut world, PAYER, PIN);
    let mut objects = Vec::new();
    for made in 0..101 {
        if made % 20 == 0 {
            phone.prefetch(&mut world, 20);
        }
        objects.push(pay(&mut world, &mut phone, &mut shop, 100 + made));
    }
    let first = statement(&world, &shop, 1);
    assert_eq!((first.entries.len(), first.last), (100, 101));
    let second = statement(&world, &shop, 101);
    let all: Vec<Hash> = first.entries.iter().chain(&second.entries).map(|entry| entry.object).collect();
    assert_eq!(all, objects);
    assert_eq!(statement(&world, &shop, u64::MAX).entries, []);
}

#[test]
fn rule_r12_a_statement_is_asked_for_now_and_under_the_payees_key() {
    let mut world = World::new(&QUICK);
    let [shop, other] = [world.shop(1, "Bakery", eur(0)), world.shop(2, "Butcher", eur(0))];
    let good = forge::signed(&REAL, &shop.key, &request(&world, &shop, 1));
    assert!(asked(&world, &good).is_ok());
    let bad = |change: &dyn Fn(&mut StatementRequest), key| {
        let mut claims = request(&world, &shop, 1);
        change(&mut claims);
        asked(&world, &forge::signed(&REAL, key, &claims)).map(|_| ())
    };
    assert_eq!(bad(&|_| {}, &other.key), Err(core(CoreRefusal::BadSignature)));
    assert_eq!(bad(&|asked| asked.body.from = 0, &shop.key), Err(core(CoreRefusal::Malformed)));
    assert_eq!(bad(&|asked| asked.body.payee = PayeeId([9; 16]), &shop.key), Err(own(Own::PayeeUnknown)));
    let late = Err(core(CoreRefusal::Expired));
    assert_eq!(bad(&|asked| asked.iat.0 += 300, &shop.key), Ok(()));
    assert_eq!(bad(&|asked| asked.iat.0 += 301, &shop.key), late);
    assert_eq!(bad(&|asked| asked.iat.0 -= 300, &shop.key), Ok(()));
    assert_eq!(bad(&|asked| asked.iat.0 -= 301, &shop.key), late);
    world.nature.pass(301);
    assert_eq!(asked(&world, &good).map(|_| ()), late, "one that was overheard is of no use later");
}

#[test]
fn every_tampering_with_statements_is_found() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    pay(&mut world, &mut phone, &mut shop, 100);
    pay(&mut world, &mut phone, &mut shop, 200);
    let rows = &world.rows;
    assert!(state::audit(rows).is_ok());
    let found = rows.scan(STATEMENTS, &[], 10);
    let damage = Err(OfflineDamage::Statement(shop.id));
    let mut without = rows.clone();
    without.delete(STATEMENTS, &found[1].0);
    assert_eq!(state::audit(&without), damage);
    let mut twice = rows.clone();
    twice.put(STATEMENTS, &found[1].0, found[0].1.clone());
    assert_eq!(state::audit(&twice), damage);
    let mut more = rows.clone();
    more.put(STATEMENTS, &[&shop.id.0[..], &3u64.to_be_bytes()].concat(), found[0].1.clone());
    assert_eq!(state::audit(&more), damage);
    let mut counted = rows.clone();
    let mut payee: PayeeRow = from_slice(&rows.get(104, &shop.id.0).unwrap()).unwrap();
    payee.credits = 1;
    counted.put(104, &shop.id.0, to_vec(&payee));
    assert_eq!(state::audit(&counted), damage);
}
