//! The server's keys and its deny list (T-18, R10), and a lost phone (R13), as the server has them.
mod world;

use symbolon_keys::{Crypto, LocalSigner, SigningKey, VerifyingKey};
use symbolon_offline_payment::OfflinePaymentRefusal as Own;
use symbolon_offline_payment::messages::{
    AuthenticatorId, DENIED_MAX, Denied, Grant, PayeeCertificate, SecureObject, Settlement, TrustList,
    TrustUpdate,
};
use symbolon_offline_payment::server::{Edge, IssuerKeys};
use symbolon_offline_payment::state::{
    self, Command, EnrolPayee, Outcome, RevokeAuthenticator, RevokeServerKey, RotateServerKey,
    SetTrustPolicy, Source,
};
use symbolon_offline_payment::trust::{Trust, denied_hash};
use symbolon_proof::Raw;
use symbolon_types::{CoreRefusal, Hash, UnixSeconds};
use symbolon_wire::cbor::{Bytes, from_slice, to_vec};
use world::*;

const HOURS_72: u64 = 72 * 3600;

fn list(update: &TrustUpdate) -> TrustList {
    forge::claims(&update.list.0)
}

fn rotation(world: &World, generation: u32, overlap_seconds: u64) -> RotateServerKey {
    let first = world.issuer.generations[0].verifying(&REAL);
    let key = SigningKey::from_seed(world.nature.seed()).verifying(&REAL);
    RotateServerKey { first, key, generation, overlap_seconds }
}

fn refused(world: &mut World, command: Command) -> symbolon_offline_payment::Refusal {
    match world.apply(command) {
        Outcome::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

fn revoke_key(world: &mut World, key: VerifyingKey) {
    world.done(Command::RevokeServerKey(RevokeServerKey { key }));
}

fn lost(phone: &Phone) -> Command {
    Command::RevokeAuthenticator(RevokeAuthenticator { authenticator: phone.id() })
}

#[test]
fn threat_t18_a_rotation_announces_the_new_key_under_the_one_that_goes() {
    let mut world = World::new(&QUICK);
    let old = world.server();
    let before = world.trust_update();
    assert_eq!((before.rotations.len(), list(&before).body.epoch), (0, 0));
    assert_eq!(list(&before).body.keys.iter().map(|key| key.key).collect::<Vec<_>>(), [old]);
    world.rotate(1000);
    let (new, now) = (world.server(), world.nature.now());
    let update = world.trust_update();
    let [announced] = update.rotations.as_slice() else { panic!("one rotation") };
    let signed_by = |bytes: &Bytes, key: &VerifyingKey| {
        Raw(&bytes.0).parse::<TrustList>().unwrap().verify(&REAL, key).is_ok()
    };
    assert!(signed_by(announced, &old) && !signed_by(announced, &new));
    assert!(signed_by(&update.list, &new) && !signed_by(&update.list, &old));
    let body = list(&update).body;
    let of = |key: &symbolon_offline_payment::messages::ServerKey| (key.key, key.until, key.revoked);
    let keys: Vec<_> = body.keys.iter().map(of).collect();
    assert_eq!(keys, [(new, None, false), (old, Some(now.plus(1000)), false)]);
    assert_eq!((body.epoch, body.age_seconds_max), (1, HOURS_72));
    // The same bytes each time, also later, when the old key has ended and is listed no more.
    world.nature.pass(1001);
    let later = world.trust_update();
    assert_eq!(later.rotations, update.rotations);
    assert_eq!(list(&later).body.keys.iter().map(of).collect::<Vec<_>>(), [(new, None, false)]);
    // Who pinned the first key comes home over it; who pins the second needs no way.
    let (trust, _) = Trust::pinned(old).updated(&REAL, &later).unwrap();
    assert_eq!(trust.keys[0].key, new);
    assert!(Trust::pinned(new).updated(&REAL, &later).is_ok());
    let stripped = TrustUpdate { rotations: Vec::new(), ..later.clone() };
    assert!(
        Trust::pinned(old).updated(&REAL, &stripped).is_err(),
        "the present list alone says nothing to it"
    );
}

/// A rotation's list, shown alone with an empty deny list, would hide whom the present list denies.
#[test]
fn threat_t18_a_rotations_list_never_passes_for_the_present_one() {
    let (mut world, phone) = World::ready(&QUICK, 1);
    let pinned = Trust::pinned(world.server());
    world.rotate(1000);
    world.done(lost(&phone));
    let update = world.trust_update();
    let (_, denied) = pinned.clone().updated(&REAL, &update).unwrap();
    assert_eq!(denied.0, [phone.id()]);
    let stale =
        TrustUpdate { rotations: Vec::new(), list: update.rotations[0].clone(), denied: Denied::default() };
    assert_eq!(pinned.clone().updated(&REAL, &stale), Err(own(Own::GrantRevoked)), "its key has an end");
    assert_eq!(forge::claims::<TrustList>(&stale.list.0).body.denied, Hash::ZERO, "of no ids");
    let hidden = TrustUpdate { denied: Denied::default(), ..update };
    assert_eq!(pinned.updated(&REAL, &hidden), Err(core(CoreRefusal::Malformed)));
}

#[test]
fn threat_t18_a_generation_is_rotated_in_once_and_in_rising_order() {
    let mut world = World::new(&QUICK);
    let two = rotation(&world, 2, 10);
    world.done(Command::RotateServerKey(two.clone()));
    let other_key = RotateServerKey { key: VerifyingKey([7; 32]), ..two.clone() };
    assert_eq!(refused(&mut world, Command::RotateServerKey(other_key)), core(CoreRefusal::Conflict));
    // A generation that the log never heard of may be left out, and comes too late afterwards.
    let (one, three) = (rotation(&world, 1, 10), rotation(&world, 3, 10));
    assert_eq!(refused(&mut world, Command::RotateServerKey(one)), own(Own::ServerKeyUnfit));
    let zero = rotation(&world, 0, 10);
    assert_eq!(refused(&mut world, Command::RotateServerKey(zero)), own(Own::ServerKeyUnfit));
    let known = RotateServerKey { key: two.key, ..three.clone() };
    assert_eq!(refused(&mut world, Command::RotateServerKey(known)), own(Own::ServerKeyUnfit));
    let another_vault = RotateServerKey { first: VerifyingKey([8; 32]), ..three.clone() };
    assert_eq!(refused(&mut world, Command::RotateServerKey(another_vault)), own(Own::ServerKeyUnfit));
    let years = RotateServerKey { overlap_seconds: state::OVERLAP_SECONDS_MAX + 1, ..three.clone() };
    assert_eq!(refused(&mut world, Command::RotateServerKey(years)), core(CoreRefusal::Malformed));
    world.done(Command::RotateServerKey(RotateServerKey {
        overlap_seconds: state::OVERLAP_SECONDS_MAX,
        ..three
    }));
    let row = state::trust(&world.rows);
    assert_eq!((row.epoch, row.generation), (2, 3));
}

#[test]
fn threat_t18_at_most_eight_keys_stand_at_a_time() {
    let mut world = World::new(&QUICK);
    for generation in 1..=7 {
        let command = rotation(&world, generation, 1000);
        world.done(Command::RotateServerKey(command));
    }
    let ninth = rotation(&world, 8, 1000);
    assert_eq!(refused(&mut world, Command::RotateServerKey(ninth.clone())), own(Own::ServerKeyUnfit));
    world.nature.pass(1001);
    world.done(Command::RotateServerKey(ninth));
}

#[test]
fn threat_t18_the_key_that_signs_is_not_revoked_and_another_is_at_the_next_contact() {
    let mut world = World::new(&QUICK);
    let old = world.server();
    let unknown = Command::RevokeServerKey(RevokeServerKey { key: old });
    assert_eq!(refused(&mut world, unknown), core(CoreRefusal::NotFound), "no rotation, no row");
    let kid = |key: VerifyingKey| key.id(&REAL);
    let open = |world: &World, key| world.edge().open_key_revocation(&world.rows, kid(key)).map(|_| ());
    assert_eq!(open(&world, old), Err(own(Own::ServerKeyUnfit)));
    world.rotate(1000);
    let new = world.server();
    assert_eq!(open(&world, new), Err(own(Own::ServerKeyUnfit)));
    assert_eq!(open(&world, VerifyingKey([9; 32])), Err(core(CoreRefusal::NotFound)));
    let signing = Command::RevokeServerKey(RevokeServerKey { key: new });
    assert_eq!(refused(&mut world, signing), own(Own::ServerKeyUnfit));
    let pinned = Trust::pinned(old);
    let (trust, _) = pinned.updated(&REAL, &world.trust_update()).unwrap();
    let honoured = |trust: &Trust| trust.keys.iter().any(|known| known.key == old && !known.revoked);
    assert!(honoured(&trust));
    let command = world.edge().open_key_revocation(&world.rows, kid(old)).unwrap();
    world.done(command);
    let (trust, _) = trust.updated(&REAL, &world.trust_update()).unwrap();
    assert!(!honoured(&trust));
    assert_eq!(trust.epoch, 2);
}

#[test]
fn threat_t18_everything_that_the_server_signs_is_signed_by_the_present_key() {
    let mut world = World::funded(&QUICK);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let old = world.server();
    world.rotate(1000);
    let new = world.server();
    let by = |key: &VerifyingKey, bytes: &Bytes| {
        Raw(&bytes.0).parse::<PayeeCertificate>().unwrap().verify(&REAL, key).is_ok()
    };
    let certificate = shop.state.certificate.clone();
    assert!(by(&old, &certificate) && !by(&new, &certificate));
    // The same enrolment once more: the same claims under the key that signs now.
    let request = shop.payee().request(shop.code).unwrap();
    let command = world.edge().open_payee_request(&request.0).unwrap();
    let Outcome::PayeeEnrolled(claims) = world.apply(command) else { panic!("refused") };
    let renewed = world.edge().seal_certificate(&claims).unwrap();
    assert!(by(&new, &renewed) && !by(&old, &renewed));
    assert_eq!(forge::claims::<PayeeCertificate>(&certificate.0), claims);
    shop.hear(&world.trust_update()).unwrap();
    shop.state = shop.payee().renewed(shop.state.clone(), renewed).unwrap();
    let mut phone = Phone::new(&world, 1);
    phone.enrol(&mut world, PAYER, PIN);
    let tokens = phone.tokens(1).unwrap();
    let grants = world.grant(&tokens).unwrap();
    let verify = |key: &VerifyingKey| Raw(&grants[0].0).parse::<Grant>().unwrap().verify(&REAL, key).is_ok();
    assert!(verify(&new) && !verify(&old));
    // A certificate is made anew past half of its life, for the same key.
    world.nature.pass(365 * DAY / 2 + 1);
    let Outcome::PayeeEnrolled(later) = world.apply(Command::EnrolPayee(EnrolPayee {
        code: REAL.sha256(&[&shop.code]),
        signing: shop.key.verifying(&REAL),
    })) else {
        panic!("refused")
    };
    assert_eq!((later.cnf.key, later.iat), (claims.cnf.key, world.nature.now()));
    assert!(later.exp > claims.exp);
}

/// The vault after a rotation that the log never heard of: it signs as the rows say.
#[test]
fn threat_t18_a_key_that_the_vault_has_and_the_log_has_not_signs_nothing() {
    let mut world = World::new(&QUICK);
    let old = world.server();
    world.issuer.generations.push(SigningKey::from_seed(world.nature.seed()));
    assert_eq!(state::trust(&world.rows).generation, 0);
    let update = world.trust_update();
    assert!(Raw(&update.list.0).parse::<TrustList>().unwrap().verify(&REAL, &old).is_ok());
    assert!(update.rotations.is_empty());
    // The rows name a generation that the vault lacks: nothing is signed.
    world.rotate(10);
    world.issuer.generations.truncate(1);
    let missing = world.edge().trust_update(&world.rows, world.nature.now());
    assert_eq!(missing.map(|_| ()), Err(core(CoreRefusal::OpenFailed)));
}

#[test]
fn threat_t18_a_grant_under_a_revoked_key_settles_and_a_forged_one_does_not() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let mut shop = world.shop(1, "Bakery", eur(10_000));
    let stolen = world.issuer.signing.clone();
    let challenge = shop.charge(eur(500));
    let payment = phone.pay(&challenge, PIN).unwrap();
    shop.accept(&payment.object.0).unwrap();
    world.rotate(HOURS_72);
    revoke_key(&mut world, stolen.verifying(&REAL));
    let upload: Settlement = from_slice(&shop.upload()).unwrap();
    let hand = hand::Hand { world: &world, phone: &phone, shop: &shop };
    let grant = forge::claims::<SecureObject>(&upload.object.0).body.grant;
    let with = |grant: &Bytes| {
        let object = hand.object(grant, &upload.challenge, |_| {});
        let bytes = hand.upload(&object, &upload.challenge, |_| {});
        world.edge().open_settlement(&world.rows, &bytes).map(|_| ())
    };
    assert_eq!(with(&grant), Ok(()));
    // The thief of the key forges a grant of the same nonce with another limit, and one of a nonce that was never granted.
    let wider = forge::altered::<Grant>(&REAL, &grant.0, &stolen, |grant| grant.body.limit = eur(9999));
    assert_eq!(with(&wider), Err(own(Own::BadGrant)));
    let longer = forge::altered::<Grant>(&REAL, &grant.0, &stolen, |grant| grant.exp = grant.exp.plus(1));
    assert_eq!(with(&longer), Err(own(Own::BadGrant)));
    let unknown = forge::altered::<Grant>(&REAL, &grant.0, &stolen, |grant| grant.body.token = Hash([5; 32]));
    assert_eq!(with(&unknown), Err(own(Own::NonceUnknown)));
    let nobodys = forge::altered::<Grant>(&REAL, &grant.0, &shop.key, |_| {});
    assert_eq!(with(&nobodys), Err(own(Own::BadGrant)));
    assert_eq!(world.settle(&to_vec(&upload)).unwrap().source, Source::Reservation);
}

#[test]
fn rule_r10_the_policy_of_age_is_the_operators() {
    let mut world = World::new(&QUICK);
    let set = |age_seconds_max| Command::SetTrustPolicy(SetTrustPolicy { age_seconds_max });
    for (age, expect) in [(60, true), (59, false), (30 * DAY, true), (30 * DAY + 1, false)] {
        match expect {
            true => world.done(set(age)),
            false => assert_eq!(refused(&mut world, set(age)), core(CoreRefusal::Malformed)),
        }
    }
    let body = list(&world.trust_update()).body;
    assert_eq!((body.age_seconds_max, body.epoch), (30 * DAY, 2));
}

#[test]
fn rule_r10_each_way_of_revoking_denies_the_device_and_raises_the_epoch() {
    let denied = |world: &World| world.trust_update().denied.0;
    // A lost phone.
    let (mut world, phone) = World::ready(&QUICK, 1);
    assert_eq!((denied(&world).len(), state::trust(&world.rows).epoch), (0, 0));
    world.done(lost(&phone));
    assert_eq!((denied(&world), state::trust(&world.rows).epoch), (vec![phone.id()], 1));
    world.done(lost(&phone));
    assert_eq!(state::trust(&world.rows).epoch, 1, "revoked once");
    let unknown = RevokeAuthenticator { authenticator: AuthenticatorId([1; 16]) };
    assert_eq!(refused(&mut world, Command::RevokeAuthenticator(unknown)), core(CoreRefusal::NotFound));
    // Two objects of one nonce.
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let mut shops = [world.shop(1, "Bakery", eur(0)), world.shop(2, "Butcher", eur(0))];
    let mut copy = phone.copy();
    for (phone, shop) in [&mut phone, &mut copy].into_iter().zip(&mut shops) {
        let challenge = shop.charge(eur(1500));
        let payment = phone.pay(&challenge, PIN).unwrap();
        shop.accept(&payment.object.0).unwrap();
        assert!(denied(&world).is_empty());
        let _ = world.settle(&shop.upload());
    }
    assert_eq!(denied(&world), [phone.id()]);
    // A counter that went back.
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let mut copy = phone.copy();
    (0..3).for_each(|_| phone.prefetch(&mut world, 1));
    phone.reconcile(&mut world).unwrap();
    world.nature.pass(60);
    assert!(denied(&world).is_empty());
    assert_eq!(copy.reconcile(&mut world), Err(own(Own::Revoked)));
    assert_eq!(denied(&world), [phone.id()]);
    // A report that contradicts what was settled.
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let (mut shop, mut other) = (world.shop(1, "Bakery", eur(0)), world.shop(2, "Butcher", eur(0)));
    let mut copy = phone.copy();
    let payment = phone.pay(&shop.charge(eur(500)), PIN).unwrap();
    shop.accept(&payment.object.0).unwrap();
    world.settle(&shop.upload()).unwrap();
    copy.pay(&other.charge(eur(600)), PIN).unwrap();
    assert!(denied(&world).is_empty());
    assert_eq!(copy.reconcile(&mut world), Err(own(Own::Revoked)));
    assert_eq!(denied(&world), [phone.id()]);
}

#[test]
fn rule_r10_a_device_is_listed_while_one_of_its_grants_may_be_honoured_and_no_longer() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    world.nature.pass(DAY);
    phone.prefetch(&mut world, 1);
    let end = world.nature.now().plus(GRANT_SECONDS + 300);
    world.done(lost(&phone));
    let listed = |world: &World, now: UnixSeconds| {
        let update = world.edge().trust_update(&world.rows, now).unwrap();
        assert_eq!(list(&update).body.denied, denied_hash(&REAL, &update.denied.0));
        update.denied.0.len()
    };
    assert_eq!((listed(&world, end), listed(&world, end.plus(1))), (1, 0));
}

#[test]
fn rule_r10_the_denied_are_many_and_in_order_and_a_grant_names_the_epoch() {
    let mut world = World::funded(&QUICK);
    let mut phone = Phone::new(&world, 1);
    phone.enrol(&mut world, PAYER, PIN);
    let mut expect = Vec::new();
    for number in 2..8 {
        let mut other = Phone::new(&world, number);
        other.enrol(&mut world, PAYER, PIN);
        other.prefetch(&mut world, u32::from(number % 2));
        world.nature.pass(1);
        world.done(lost(&other));
        if number % 2 == 1 {
            expect.push(other.id());
        }
    }
    expect.sort();
    assert_eq!(world.trust_update().denied.0, expect, "one without a grant is not listed");
    let tokens = phone.tokens(1).unwrap();
    let grants = world.grant(&tokens).unwrap();
    assert_eq!(forge::claims::<Grant>(&grants[0].0).body.epoch, 6);
}

/// What an honest payee accepted before it could have heard is settled as R4 says.
#[test]
fn rule_r10_what_was_accepted_before_the_list_came_is_settled_by_r4() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shops = [world.shop(1, "Bakery", eur(0)), world.shop(2, "Butcher", eur(2000))];
    let mut copy = phone.copy();
    world.done(lost(&phone));
    for (phone, shop) in [&mut phone, &mut copy].into_iter().zip(&mut shops) {
        let challenge = shop.charge(eur(1500));
        let payment = phone.pay(&challenge, PIN).unwrap();
        shop.accept(&payment.object.0).unwrap();
    }
    let sources = shops.each_ref().map(|shop| world.settle(&shop.upload()).unwrap().source);
    assert_eq!(sources, [Source::Reservation, Source::Loss]);
    // The next contact, and the device pays there no more.
    shops[0].hear(&world.trust_update()).unwrap();
    let challenge = shops[0].charge(eur(100));
    let payment = phone.pay(&challenge, PIN).unwrap();
    assert_eq!(shops[0].accept(&payment.object.0), Err(own(Own::Revoked)));
}

#[test]
fn rule_r13_a_lost_phone_is_denied_its_reservations_stay_and_a_new_one_goes_on() {
    let mut world = World::new(&QUICK);
    world.open_payer(PAYER, limits(), eur(4 * PER_PAYMENT));
    let mut lost_phone = Phone::new(&world, 1);
    lost_phone.enrol(&mut world, PAYER, PIN);
    lost_phone.prefetch(&mut world, 3);
    assert_eq!(world.balance(), (PER_PAYMENT, 3 * PER_PAYMENT, 0));
    world.done(lost(&lost_phone));
    assert_eq!(world.balance(), (PER_PAYMENT, 3 * PER_PAYMENT, 0), "nothing is released by revoking (R2)");
    let tokens = lost_phone.tokens(1).unwrap();
    let seed = world.nature.random();
    let asked = world.edge().open_tokens(&world.rows, &tokens, &seed);
    assert_eq!(asked.map(|_| ()), Err(own(Own::Revoked)));
    assert_eq!(lost_phone.reconcile(&mut world), Err(own(Own::Revoked)));
    let mut phone = Phone::new(&world, 2);
    phone.enrol(&mut world, PAYER, "90210");
    phone.prefetch(&mut world, 1);
    let more = phone.tokens(1).unwrap();
    assert_eq!(
        world.grant(&more),
        Err(own(Own::FundsShort)),
        "the balance bounds them, not the number of phones"
    );
    let mut shop = world.shop(1, "Bakery", eur(0));
    let payment = phone.pay(&shop.charge(eur(700)), "90210").unwrap();
    shop.accept(&payment.object.0).unwrap();
    world.settle(&shop.upload()).unwrap();
    assert_eq!(world.balance(), (PER_PAYMENT - 700, 3 * PER_PAYMENT, 0));
    world.nature.pass(GRANT_SECONDS + 7 * DAY);
    world.due();
    assert_eq!(world.balance(), (4 * PER_PAYMENT - 700, 0, 0));
}

#[test]
fn threat_t18_an_issuer_that_never_rotated_signs_as_generation_zero_only() {
    struct One(SigningKey);
    impl symbolon_keys::Signer for One {
        fn verifying_key(&self) -> VerifyingKey {
            self.0.verifying(&REAL)
        }
        fn sign(&self, message: &[u8]) -> Result<[u8; 64], symbolon_keys::CryptoError> {
            LocalSigner { crypto: &REAL, key: &self.0 }.sign(message)
        }
    }
    impl IssuerKeys for One {
        fn signer(&self) -> &dyn symbolon_keys::Signer {
            self
        }
        fn issuer(&self) -> symbolon_keys::KemPublic {
            symbolon_keys::KemPublic([9; 32])
        }
        fn seal_account_key(
            &self,
            _: &AuthenticatorId,
            _: &symbolon_keys::KemPublic,
            _: &[u8],
            _: &symbolon_types::Secret<[u8; 32]>,
        ) -> Result<symbolon_offline_payment::messages::SealedBox, symbolon_keys::CryptoError> {
            Err(symbolon_keys::CryptoError)
        }
        fn proof_holds(&self, _: &AuthenticatorId, _: &[&[u8]], _: &[u8; 32]) -> bool {
            false
        }
        fn open_for_issuer(
            &self,
            _: &symbolon_offline_payment::messages::SealedBox,
            _: &[u8],
            _: &[u8],
        ) -> Result<symbolon_types::Secret<Vec<u8>>, symbolon_keys::CryptoError> {
            Err(symbolon_keys::CryptoError)
        }
    }
    use symbolon_keys::Signer;
    let one = One(SigningKey::from_seed(symbolon_types::Secret::new([4; 32])));
    assert_eq!(one.of_generation(0).unwrap().verifying_key(), one.verifying_key());
    assert!(one.of_generation(1).is_none());
    let world = World::new(&QUICK);
    let edge = Edge { crypto: &REAL, keys: &one };
    let update = edge.trust_update(&world.rows, world.nature.now()).unwrap();
    assert!(Trust::pinned(one.verifying_key()).updated(&REAL, &update).is_ok());
}

/// More than an array may hold: one byte string, and the payee that hears it keeps it and reads it back.
#[test]
fn rule_r10_five_thousand_denied_devices_are_heard() {
    let (mut world, phone) = World::ready(&QUICK, 1);
    let mut shop = world.shop(1, "Bakery", eur(0));
    world.done(lost(&phone));
    let real = world.trust_update();
    assert_eq!(from_slice::<TrustUpdate>(&to_vec(&real)), Ok(real.clone()));
    let id = |number: u32| AuthenticatorId([number.to_be_bytes(); 4].concat().try_into().unwrap());
    let of = |count: u32| Denied((0..count).map(id).collect());
    let many = of(5000);
    let mut claims = list(&real);
    claims.body.denied = denied_hash(&REAL, &many.0);
    claims.body.epoch += 1;
    let signer = LocalSigner { crypto: &REAL, key: &world.issuer.signing };
    let list = Bytes(symbolon_proof::sign(&REAL, &signer, &claims).unwrap());
    let update = TrustUpdate { list, denied: many.clone(), ..real };
    let read: TrustUpdate = from_slice(&to_vec(&update)).unwrap();
    shop.hear(&read).unwrap();
    assert_eq!(shop.state.denied, many);
    let kept: symbolon_offline_payment::payee::PayeeState = from_slice(&to_vec(&shop.state)).unwrap();
    assert_eq!(kept, shop.state);
    // The byte string is of whole ids, and bounded.
    let longest = of(u32::try_from(DENIED_MAX).unwrap());
    assert_eq!(from_slice::<Denied>(&to_vec(&longest)), Ok(longest));
    assert!(from_slice::<Denied>(&to_vec(&of(u32::try_from(DENIED_MAX).unwrap() + 1))).is_err());
    assert!(from_slice::<Denied>(&to_vec(&Bytes(vec![1; 32]))).is_ok());
    assert!(from_slice::<Denied>(&to_vec(&Bytes(vec![1; 33]))).is_err());
    assert!(from_slice::<Denied>(&to_vec(&vec![id(1)])).is_err(), "no array");
}

/// An older copy of the vault that has drawn again: neither the list nor a rotation is signed with a key that no list names.
#[test]
fn threat_t18_a_vault_with_another_key_of_a_generation_signs_no_list() {
    let mut world = World::new(&QUICK);
    (0..2).for_each(|_| world.rotate(1000));
    world.trust_update();
    let right = world.issuer.generations.clone();
    for generation in 0..3 {
        world.issuer.generations[generation] = SigningKey::from_seed(world.nature.seed());
        world.issuer.signing = world.issuer.generations[2].clone();
        let refused = world.edge().trust_update(&world.rows, world.nature.now());
        assert_eq!(refused.map(|_| ()), Err(core(CoreRefusal::OpenFailed)), "{generation}");
        world.issuer.generations.clone_from(&right);
        world.issuer.signing = right[2].clone();
    }
    world.trust_update();
}

/// Keys that were revoked are not in the way of the rotation that is needed; the newest of them are named as long as there is room.
#[test]
fn threat_t18_revoked_keys_do_not_block_a_rotation() {
    let mut world = World::new(&QUICK);
    let mut keys = vec![world.server()];
    for _ in 0..7 {
        world.rotate(1000);
        keys.push(world.server());
    }
    assert!(!state::has_room(&world.rows, world.nature.now()));
    let ninth = rotation(&world, 8, 1000);
    assert_eq!(refused(&mut world, Command::RotateServerKey(ninth)), own(Own::ServerKeyUnfit));
    for key in &keys[..3] {
        revoke_key(&mut world, *key);
    }
    let named = |world: &World| list(&world.trust_update()).body.keys;
    assert_eq!(named(&world).iter().filter(|key| key.revoked).count(), 3);
    let pinned = Trust::pinned(keys[0]);
    for expect in [2, 1, 0] {
        assert!(state::has_room(&world.rows, world.nature.now()));
        world.rotate(1000);
        let keys = named(&world);
        assert_eq!((keys.len(), keys.iter().filter(|key| key.revoked).count()), (8, expect));
        assert_eq!(keys[0].key, world.server());
    }
    assert!(!state::has_room(&world.rows, world.nature.now()));
    assert!(pinned.updated(&REAL, &world.trust_update()).is_ok(), "the way home stands");
}

/// A node whose clock is behind the log makes no list older than the rotation that began the epoch.
#[test]
fn threat_t18_a_list_is_never_older_than_the_last_rotation() {
    let mut world = World::new(&QUICK);
    world.rotate(1000);
    let now = world.nature.now();
    let dated = |at| list(&world.edge().trust_update(&world.rows, at).unwrap()).iat;
    assert_eq!((dated(now.plus(5)), dated(now), dated(UnixSeconds(now.0 - 500))), (now.plus(5), now, now));
}
