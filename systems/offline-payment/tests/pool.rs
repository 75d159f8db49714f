//! What a reconciliation clears up: nonces that have ended, sequence numbers that a rollback took back; and what it must not: a paid challenge.
mod world;

use symbolon_offline_payment::OfflinePaymentRefusal as Own;
use symbolon_offline_payment::messages::{Receipt, ReceiptBody, Settlement};
use symbolon_offline_payment::state::Outcome;
use symbolon_types::UnixSeconds;
use symbolon_wire::cbor::to_vec;
use world::*;

#[test]
fn nonces_whose_grants_have_ended_leave_the_pool_at_a_reconciliation() {
    let (mut world, mut phone) = World::ready(&QUICK, 8);
    assert_eq!(phone.tokens(1), Err(own(Own::PoolFull)));
    phone.reconcile(&mut world).unwrap();
    assert_eq!(phone.tokens(1), Err(own(Own::PoolFull)), "they may all still be spent");
    phone.nature.pass(GRANT_SECONDS);
    assert_eq!(phone.tokens(1), Err(own(Own::PoolFull)), "the machine alone does not know");
    phone.reconcile(&mut world).unwrap();
    assert_eq!(phone.status().pool, 0);
    phone.prefetch(&mut world, 1);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    phone.wallet = phone.wallet.clone().drop_expired(phone.nature.now()).unwrap();
    phone.pay(&challenge, PIN).unwrap();
}

#[test]
fn tokens_that_were_never_granted_leave_the_pool_too() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let lost = phone.tokens(6).unwrap();
    phone.reconcile(&mut world).unwrap();
    assert_eq!(phone.status().pool, 2);
    phone.prefetch(&mut world, 6);
    assert_eq!(world.grant(&lost), Err(own(Own::NonceRepeated)), "what was dropped is not granted any more");
}

#[test]
fn after_a_rollback_and_a_reconciliation_there_are_grants_again() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let image = phone.flash.image();
    phone.prefetch(&mut world, 3);
    phone.flash.put_back(&image);
    phone.start().unwrap();
    assert_eq!(phone.tokens(1), Err(own(Own::StoreRollback)));
    phone.reconcile(&mut world).unwrap();
    phone.prefetch(&mut world, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    // The wallet's older grants are on nonces that the rollback took with it.
    phone.wallet.pool.drain(..4);
    phone.nature.pass(60);
    phone.pay(&challenge, PIN).unwrap();
}

#[test]
fn a_challenge_is_credited_once_whatever_nonce_pays_it() {
    let (mut world, mut phone) = World::ready(&QUICK, 3);
    let mut shop = world.shop(1, "Bakery", eur(5000));
    let challenge = shop.charge(eur(700));
    let first = phone.pay(&challenge, PIN).unwrap();
    shop.accept(&first.object.0).unwrap();
    world.settle(&shop.upload()).unwrap();
    // No receipt reached the phone, and after the reconciliation its machine has forgotten the object.
    phone.reconcile(&mut world).unwrap();
    let second = phone.pay(&challenge, PIN).unwrap();
    let receipt = Receipt {
        iat: UnixSeconds(phone.nature.now().0),
        body: ReceiptBody { object: second.id, payee: shop.id, final_minor: None, online: false },
    };
    let receipt = forge::signed(&QUICK, &shop.key, &receipt);
    let upload = Settlement { object: second.object, challenge, receipt };
    let before = world.balance();
    assert_eq!(world.settle(&to_vec(&upload)), Err(own(Own::PayeeDuplicate)));
    assert_eq!((world.balance(), world.credited(&shop)), (before, 700));
    assert!(!world.revoked(&phone), "two nonces are no double spend of the payer");
}

#[test]
fn a_payees_certificate_that_has_ended_is_made_anew_for_the_same_key() {
    let mut world = World::funded(&QUICK);
    let shop = world.shop(1, "Bakery", eur(0));
    let row = symbolon_offline_payment::state::payee(&world.rows, &shop.id).unwrap();
    let first = row.certificate.unwrap();
    let enrol = |world: &mut World| {
        let request = shop.payee().request(shop.code).unwrap();
        let command = world.edge().open_payee_request(&request.0).unwrap();
        let Outcome::PayeeEnrolled(certificate) = world.apply(command) else { panic!("refused") };
        certificate
    };
    assert_eq!(enrol(&mut world), first, "while it stands");
    world.nature.pass(row.valid_seconds);
    let second = enrol(&mut world);
    assert_eq!((second.cnf.key, second.iat), (first.cnf.key, world.nature.now()));
    assert!(second.exp > first.exp);
}
