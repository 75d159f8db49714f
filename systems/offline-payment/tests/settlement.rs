//! The rules of reservation and double spend, R1 to R5. Both audits hold after every command, and every command is repeated (world).
mod world;

use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign};
use sha2::Sha512;
use symbolon_keys::VerifyingKey;
use symbolon_offline_payment::OfflinePaymentRefusal as Own;
use symbolon_offline_payment::evidence::{Verdict, judge};
use symbolon_offline_payment::messages::{Grant, PayerId, Receipt, SecureObject, Settlement};
use symbolon_offline_payment::payee::check_object;
use symbolon_offline_payment::state::{self, Source};
use symbolon_offline_payment::trust::Trust;
use symbolon_proof::{Raw, Unsigned};
use symbolon_types::{CoreRefusal, Hash};
use symbolon_wire::cbor::{Bytes, from_slice, to_vec};
use world::*;

const WINDOW: u64 = 7 * DAY;

#[test]
fn amendment_r1_a_grant_reserves_its_limit_exactly_and_the_cumulative_limit_nothing() {
    let (mut world, mut phone) = World::ready(&QUICK, 3);
    assert_eq!(
        world.balance(),
        (50_000 - 15_000, 15_000, 0),
        "three times 50.00, though the device may spend 100.00 only"
    );
    phone.prefetch(&mut world, 5);
    assert_eq!(world.balance(), (10_000, 40_000, 0));
    let poor = PayerId([0xBB; 16]);
    world.open_payer(poor, limits(), eur(2 * PER_PAYMENT));
    let mut second = Phone::new(&world, 2);
    second.enrol(&mut world, poor, PIN);
    let tokens = second.tokens(3).unwrap();
    let rows = world.rows.clone();
    assert_eq!(world.grant(&tokens), Err(own(Own::FundsShort)), "all of a request or none");
    assert_eq!(world.rows, rows);
    assert_eq!(world.grant(&tokens[..2]).unwrap().len(), 2);
}

#[test]
fn amendment_r2_settlement_releases_the_unspent_part_and_time_the_rest_but_no_device() {
    let (mut world, mut phone) = World::ready(&QUICK, 3);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(1250));
    let payment = phone.pay(&challenge, PIN).unwrap();
    shop.accept(&payment.object.0).unwrap();
    // The device says what it spent, and so what it did not: nothing moves.
    phone.reconcile(&mut world).unwrap();
    assert_eq!(world.balance(), (35_000, 15_000, 0));
    world.settle(&shop.upload()).unwrap();
    assert_eq!(world.balance(), (50_000 - 1250 - 10_000, 10_000, 0));
    assert_eq!(world.credited(&shop), 1250);
    phone.nature.pass(GRANT_SECONDS + WINDOW - 1);
    world.due();
    assert_eq!(world.balance().1, 10_000, "not before exp + 7 days");
    phone.nature.pass(1);
    world.due();
    assert_eq!(world.balance(), (50_000 - 1250, 0, 0));
}

/// Another signature over the same payload, as a signer with another nonce makes it: valid, and no second object.
#[test]
fn amendment_r3_the_same_payload_signed_again_is_no_double_spend() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let mut shop = world.shop(1, "Bakery", eur(10_000));
    let challenge = shop.charge(eur(700));
    let object = phone.pay(&challenge, PIN).unwrap().object;
    let receipt = shop.accept(&object.0).unwrap();
    let first = world.settle(&shop.upload()).unwrap();
    let parsed = Raw(&object.0).parse::<SecureObject>().unwrap();
    let unsigned =
        Unsigned::<SecureObject>::from_payload(parsed.kid(), to_vec(parsed.danger_unverified())).unwrap();
    let signing = phone.signing();
    let mut expanded = ExpandedSecretKey::from(signing.seed().reveal());
    expanded.hash_prefix[0] ^= 1;
    let key = ed25519_dalek::SigningKey::from_bytes(signing.seed().reveal()).verifying_key();
    let again = unsigned.attach(raw_sign::<Sha512>(&expanded, &unsigned.to_be_signed(), &key).to_bytes());
    assert_ne!(again, object.0);
    assert_eq!(shop.accept(&again).unwrap(), receipt);
    let upload: Settlement = from_slice(&shop.upload()).unwrap();
    let rows = world.rows.clone();
    assert_eq!(world.settle(&to_vec(&Settlement { object: Bytes(again), ..upload })).unwrap(), first);
    assert_eq!(world.rows, rows);
    assert!(!world.revoked(&phone));
}

/// A phone copied whole, and each copy pays another shop with the same nonce.
#[test]
fn amendment_r4_and_r5_first_from_the_reservation_second_from_loss_third_outside_the_cap() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shops = [(1, 0), (2, 2000), (3, 1499)].map(|(id, cap)| world.shop(id, "Shop", eur(cap)));
    let mut copies = [phone.copy(), phone.copy()];
    let [first, second] = &mut copies;
    for (phone, shop) in [&mut phone, first, second].into_iter().zip(&mut shops) {
        let challenge = shop.charge(eur(1500));
        let payment = phone.pay(&challenge, PIN).unwrap();
        shop.accept(&payment.object.0).unwrap();
    }
    let uploads = shops.each_ref().map(Shop::upload);
    let settled = world.settle(&uploads[0]).unwrap();
    assert_eq!((settled.source, settled.amount), (Source::Reservation, eur(1500)));
    assert!(!world.revoked(&phone));
    let lost = world.settle(&uploads[1]).unwrap();
    assert_eq!((lost.source, lost.amount), (Source::Loss, eur(1500)));
    assert!(world.revoked(&phone));
    assert_eq!(world.settle(&uploads[2]), Err(own(Own::OutsideCap)));
    assert_eq!(shops.each_ref().map(|shop| world.credited(shop)), [1500, 1500, 0]);
    assert_eq!(world.balance(), (50_000 - 5000 - 1500, 5000, 1500));
    assert_eq!(state::payee(&world.rows, &shops[1].id).unwrap().loss_minor, 1500);
    // R5: two objects and the server's key.
    let evidence = state::evidences(&world.rows, None, 10);
    let [(token, evidence)] = evidence.as_slice() else { panic!("one case") };
    let check =
        |server: VerifyingKey, object: &Bytes| check_object(&REAL, &Trust::pinned(server), &object.0, None);
    let checked = [&evidence.first, &evidence.second].map(|object| check(world.server(), object).unwrap());
    let [a, b] = &checked;
    assert_ne!(a.id, b.id);
    assert!(
        checked.iter().all(|object| object.grant.body.token == *token
            && object.object.key() == phone.signing().verifying(&REAL))
    );
    assert_eq!(evidence.later.len(), 2);
    let other_server = shops[0].key.verifying(&REAL);
    assert!(check(other_server, &evidence.first).is_err());
    // The revoked machine gets no more; what is on the way still settles.
    let tokens = phone.tokens(1).unwrap();
    assert_eq!(world.grant(&tokens), Err(own(Own::Revoked)));
    let challenge = shops[0].charge(eur(100));
    let payment = phone.pay(&challenge, PIN).unwrap();
    shops[0].accept(&payment.object.0).unwrap();
    assert_eq!(world.settle(&shops[0].upload()).unwrap().source, Source::Reservation);
}

#[test]
fn amendment_r4_the_losses_of_a_payee_stop_at_its_cap() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut honest = world.shop(1, "Bakery", eur(0));
    let mut shop = world.shop(2, "Shop", eur(2000));
    let mut copy = phone.copy();
    let mut answers = Vec::new();
    for _ in 0..2 {
        for (phone, shop) in [(&mut phone, &mut honest), (&mut copy, &mut shop)] {
            let challenge = shop.charge(eur(1500));
            let payment = phone.pay(&challenge, PIN).unwrap();
            shop.accept(&payment.object.0).unwrap();
            answers.push(world.settle(&shop.upload()).map(|outcome| outcome.source));
        }
    }
    let (reservation, loss) = (Ok(Source::Reservation), Ok(Source::Loss));
    assert_eq!(answers, [reservation, loss, reservation, Err(own(Own::OutsideCap))]);
    assert_eq!((world.credited(&shop), world.balance().2), (1500, 1500));
}

#[test]
fn amendment_r4_a_second_object_at_the_same_payee_is_a_duplicate() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let mut till = world.shop(1, "Bakery", eur(10_000));
    let (one, two) = (till.charge(eur(500)), till.charge(eur(600)));
    let (mut copy, mut second_till) = (phone.copy(), till.clone());
    let first = phone.pay(&one, PIN).unwrap();
    let second = copy.pay(&two, PIN).unwrap();
    till.accept(&first.object.0).unwrap();
    assert_eq!(till.accept(&second.object.0), Err(own(Own::NonceSpent)));
    second_till.accept(&second.object.0).unwrap();
    world.settle(&till.upload()).unwrap();
    assert_eq!(world.settle(&second_till.upload()), Err(own(Own::PayeeDuplicate)));
    assert_eq!(world.credited(&till), 500);
    assert!(world.revoked(&phone));
    assert_eq!(state::evidences(&world.rows, None, 10).len(), 1);
}

/// One accepted object, uploaded by copies of the world at other moments and with other times of acceptance.
#[test]
fn amendment_r4_accepted_inside_the_grant_and_uploaded_inside_the_window() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let mut shop = world.shop(1, "Bakery", eur(10_000));
    let challenge = shop.charge(eur(500));
    let payment = phone.pay(&challenge, PIN).unwrap();
    shop.accept(&payment.object.0).unwrap();
    let upload: Settlement = from_slice(&shop.upload()).unwrap();
    let grant: Grant = forge::claims(&forge::claims::<SecureObject>(&upload.object.0).body.grant.0);
    let (iat, exp) = (grant.iat.0, grant.exp.0);
    let clean = world.rows.clone();
    let late = Err(own(Own::SettledLate));
    for (accepted_at, uploaded_at, expected) in [
        (iat, iat, Ok(())),
        (iat - 1, iat, late),
        (iat + 300, iat, Ok(())),
        (iat + 302, iat, late),
        (exp + 300, exp + 300, Ok(())),
        (exp + 301, exp + 301, late),
        (iat, exp + WINDOW - 1, Ok(())),
        (iat, exp + WINDOW, late),
    ] {
        world.rows = clean.clone();
        let receipt = forge::altered::<Receipt>(&QUICK, &upload.receipt.0, &shop.key, |receipt| {
            receipt.iat.0 = accepted_at
        });
        world.nature.set(uploaded_at * 1000);
        let answer = world.settle(&to_vec(&Settlement { receipt, ..upload.clone() })).map(|_| ());
        assert_eq!(
            answer,
            expected,
            "accepted {} after iat, uploaded {} after",
            accepted_at - iat.min(accepted_at),
            uploaded_at - iat
        );
    }
}

#[test]
fn amendment_r4_a_payee_whose_clock_is_slow_is_settled_as_it_accepted() {
    let mut world = World::funded(&QUICK);
    let mut shop = world.shop(1, "Bakery", eur(0));
    // The payee heard the server's list before.
    world.nature.pass(600);
    let mut phone = Phone::new(&world, 1);
    phone.enrol(&mut world, PAYER, PIN);
    phone.prefetch(&mut world, 1);
    let challenge = shop.charge(eur(500));
    let payment = phone.pay(&challenge, PIN).unwrap();
    let now = shop_time(&phone, 301);
    assert_eq!(shop.accept_at(&payment.object.0, now), Err(core(CoreRefusal::Expired)));
    shop.accept_at(&payment.object.0, shop_time(&phone, 300)).unwrap();
    world.settle(&shop.upload()).unwrap();
}

fn shop_time(phone: &Phone, behind_s: u64) -> Option<symbolon_types::UnixSeconds> {
    Some(symbolon_types::UnixSeconds(phone.nature.now().0 - behind_s))
}

#[test]
fn an_old_report_sent_again_harms_nobody_and_a_copys_report_shows() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let mut copy = phone.copy();
    let report = phone.message(symbolon_offline_payment::messages::Request::Report(())).unwrap();
    world.reconcile(&report.0).unwrap();
    phone.nature.pass(60);
    let challenge = shop.charge(eur(500));
    let payment = phone.pay(&challenge, PIN).unwrap();
    phone.reconcile(&mut world).unwrap();
    assert_eq!(world.reconcile(&report.0), Err(core(CoreRefusal::Expired)));
    assert!(!world.revoked(&phone));
    // The copy is behind in its counter and reports later.
    phone.nature.pass(60);
    assert_eq!(copy.reconcile(&mut world), Err(own(Own::Revoked)));
    assert!(world.revoked(&phone));
    shop.accept(&payment.object.0).unwrap();
    world.settle(&shop.upload()).unwrap();
}

#[test]
fn amendment_r5_a_report_that_contradicts_a_settlement_convicts() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let (mut shop, mut other) = (world.shop(1, "Bakery", eur(0)), world.shop(2, "Butcher", eur(0)));
    let mut copy = phone.copy();
    let challenge = shop.charge(eur(500));
    let payment = phone.pay(&challenge, PIN).unwrap();
    shop.accept(&payment.object.0).unwrap();
    world.settle(&shop.upload()).unwrap();
    let challenge = other.charge(eur(600));
    copy.pay(&challenge, PIN).unwrap();
    assert_eq!(copy.reconcile(&mut world), Err(own(Own::Revoked)));
    assert!(world.revoked(&phone));
}

#[test]
fn amendment_r5_and_r3_the_verdict_over_two_objects_needs_the_servers_key_and_nothing_else() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenges = [shop.charge(eur(100)), shop.charge(eur(200)), shop.charge(eur(300))];
    let mut copy = phone.copy();
    let a = phone.pay(&challenges[0], PIN).unwrap().object;
    let other = phone.pay(&challenges[1], PIN).unwrap().object;
    let b = copy.pay(&challenges[2], PIN).unwrap().object;
    let server = world.server();
    let judged = |first: &Bytes, second: &Bytes| judge(&REAL, &[server], &first.0, &second.0);
    let Ok(Verdict::DoubleSpend(spend)) = judged(&a, &b) else { panic!("one nonce, two payments") };
    assert_eq!(spend.device, phone.signing().verifying(&REAL));
    assert_ne!(spend.first, spend.second);
    assert_eq!(judged(&a, &a), Ok(Verdict::SameObject(spend.first)));
    assert!(matches!(judged(&a, &other), Ok(Verdict::TwoNonces(token, _)) if token == spend.token));
    let forged = forge::altered::<SecureObject>(&QUICK, &a.0, &shop.key, |object| object.iat.0 += 1);
    assert_eq!(judged(&a, &forged), Err(core(CoreRefusal::BadSignature)), "nobody else can make the second");
    let stranger = shop.key.verifying(&REAL);
    assert_eq!(judge(&REAL, &[stranger], &a.0, &b.0), Err(own(Own::BadGrant)));
}

/// As many payments as one report names, and one more would be a report that cannot be sent.
#[test]
fn the_number_between_two_reconciliations_is_what_one_report_holds() {
    use symbolon_offline_payment::messages::{AuthenticatorId, PayerId, Report, ReportBody, ReportedObject};
    let mut world = World::new(&QUICK);
    let key = symbolon_keys::SigningKey::from_seed(world.nature.seed());
    let report = |count: u32| {
        let object = ReportedObject { token: Hash([1; 32]), object: Hash([2; 32]) };
        let objects = (0..count).map(|_| object).collect();
        let body = ReportBody { authenticator: AuthenticatorId([3; 16]), objects, counter: u64::MAX };
        let signer = symbolon_keys::LocalSigner { crypto: &REAL, key: &key };
        symbolon_proof::sign(&REAL, &signer, &Report { iat: symbolon_types::UnixSeconds(u64::MAX), body })
    };
    let signed = report(state::COUNT_MAX).unwrap();
    let read = symbolon_proof::Raw(&signed).parse::<Report>().unwrap().danger_unverified().clone();
    assert_eq!(read.body.objects.len(), usize::try_from(state::COUNT_MAX).unwrap());
    assert!(report(state::COUNT_MAX + 1).is_err());
    // Through the authenticator's answer too, which is chained into as many bytes.
    let reply = to_vec(&symbolon_offline_payment::messages::Reply::Message(Bytes(signed)));
    assert!(reply.len() <= symbolon_wire::apdu::CHAIN_BYTES_MAX, "{}", reply.len());
    let mut open = |number: u8, count: u32| {
        let (payer, debt) = (PayerId([number; 16]), symbolon_journal::AccountId([number ^ 0xFF; 16]));
        let limits = state::AccountLimits { count, ..limits() };
        world.apply(state::Command::OpenAccount(state::OpenAccount { payer, debt, limits }))
    };
    assert_eq!(open(1, state::COUNT_MAX), state::Outcome::Done(()));
    let refused = state::Outcome::Refused(core(symbolon_types::CoreRefusal::Malformed));
    assert_eq!(open(2, state::COUNT_MAX + 1), refused);
}

/// One half under the key that went, the other under the one that came: the verdict needs both.
#[test]
fn a_double_spend_over_a_rotation_is_judged_under_both_keys() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let mut shops = [world.shop(1, "Bakery", eur(0)), world.shop(2, "Butcher", eur(0))];
    let mut copy = phone.copy();
    let mut objects = Vec::new();
    for (phone, shop) in [&mut phone, &mut copy].into_iter().zip(&mut shops) {
        let challenge = shop.charge(eur(1500));
        objects.push(phone.pay(&challenge, PIN).unwrap().object);
    }
    let old = world.server();
    world.rotate(1000);
    let new = world.server();
    // The same grant once more, asked for after the rotation: it is under the key that came.
    let second = {
        let object = forge::claims::<SecureObject>(&objects[1].0);
        let grant = forge::altered::<Grant>(&REAL, &object.body.grant.0, &world.issuer.signing, |_| {});
        let challenge = shops[1].charge(eur(1600));
        let hand = hand::Hand { world: &world, phone: &phone, shop: &shops[1] };
        hand.object(&grant, &challenge, |_| {})
    };
    let judged = |keys: &[VerifyingKey]| judge(&REAL, keys, &objects[0].0, &second.0);
    let Ok(Verdict::DoubleSpend(found)) = judged(&[new, old]) else { panic!("{:?}", judged(&[new, old])) };
    assert_eq!(found.device, phone.signing().verifying(&REAL));
    for keys in [&[old][..], &[new], &[]] {
        assert_eq!(judged(keys), Err(own(Own::BadGrant)));
    }
}
