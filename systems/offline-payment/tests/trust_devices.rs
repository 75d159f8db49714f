//! T-18 at the devices: keys that were rotated out or revoked, lists that are old, forged or not led up to, devices that are denied.
mod world;

use symbolon_keys::SigningKey;
use symbolon_offline_payment::OfflinePaymentRefusal as Own;
use symbolon_offline_payment::messages::{
    Denied, Grant, PayeeCertificate, Request, SecureObject, TrustList, TrustUpdate,
};
use symbolon_offline_payment::state::{Command, RevokeAuthenticator, RevokeServerKey};
use symbolon_offline_payment::trust::Trust;
use symbolon_types::{CoreRefusal, Secret};
use world::*;

fn revoke(world: &mut World, generation: usize) {
    let key = world.issuer.generations[generation].verifying(&QUICK);
    world.done(Command::RevokeServerKey(RevokeServerKey { key }));
}

#[test]
fn threat_t18_an_old_grant_under_the_rotated_key_is_honoured_until_its_end() {
    let (mut world, mut phone) = World::ready(&QUICK, 3);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let (early, late) = (shop.charge(eur(100)), shop.charge(eur(200)));
    world.rotate(DAY);
    let update = world.trust_update();
    phone.hear(&update).unwrap();
    shop.hear(&update).unwrap();
    // The shop's certificate is under the key that went: it is asked for again, for new challenges.
    assert!(shop.payee().renewal_due(&shop.state).unwrap());
    let until = forge::claims::<TrustList>(&update.list.0).body.keys[1].until.unwrap();
    let payment = phone.pay(&early, PIN).unwrap();
    shop.accept_at(&payment.object.0, Some(until)).unwrap();
    let payment = phone.pay(&late, PIN).unwrap();
    assert_eq!(shop.clone().accept_at(&payment.object.0, Some(until.plus(1))), Err(own(Own::GrantRevoked)));
    shop.accept_at(&payment.object.0, Some(until)).unwrap();
    // The authenticator too; a nonce under the new key it takes.
    phone.nature.pass(DAY + 1);
    phone.prefetch(&mut world, 1);
    let challenge = renewed(&mut world, &mut shop).charge(eur(300));
    let refused = phone.pay(&challenge, PIN).unwrap_err();
    assert_eq!(refused, own(Own::GrantRevoked));
    let payment = phone.pay(&challenge, PIN).unwrap();
    shop.hear(&world.trust_update()).unwrap();
    shop.accept(&payment.object.0).unwrap();
}

/// A list of the same epoch that was overtaken by a newer one changes nothing; one of a former epoch, or without its devices, is refused.
#[test]
fn threat_t18_a_list_that_was_overtaken_changes_nothing() {
    let (mut world, phone) = World::ready(&QUICK, 0);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let early = world.trust_update();
    phone.nature.pass(5);
    let late = world.trust_update();
    shop.hear(&late).unwrap();
    let known = shop.state.clone();
    shop.hear(&early).unwrap();
    assert_eq!(shop.state, known);
    let cut = TrustUpdate { denied: Denied(vec![phone.id()]), ..early.clone() };
    assert_eq!(shop.hear(&cut), Err(core(CoreRefusal::Malformed)));
    world.done(Command::RevokeAuthenticator(RevokeAuthenticator { authenticator: phone.id() }));
    phone.nature.pass(1);
    shop.hear(&world.trust_update()).unwrap();
    assert_eq!(shop.hear(&late), Err(core(CoreRefusal::Malformed)), "an epoch that has passed");
}

/// A rotation whose overlap is long: the reader keeps its certificate, so a phone that has not heard of the new key can still pay.
#[test]
fn threat_t18_a_phone_that_has_not_heard_of_a_rotation_pays_a_reader_that_has() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    world.rotate(90 * DAY);
    shop.hear(&world.trust_update()).unwrap();
    assert!(!shop.payee().renewal_due(&shop.state).unwrap());
    let challenge = shop.charge(eur(100));
    let payment = phone.pay(&challenge, PIN).unwrap();
    shop.accept(&payment.object.0).unwrap();
    world.settle(&shop.upload()).unwrap();
    // Renewed at once it would be under a key that this phone does not know.
    let challenge = renewed(&mut world, &mut shop.clone()).charge(eur(100));
    assert_eq!(phone.pay(&challenge, PIN).unwrap_err(), own(Own::PayeeUnknown));
    // 30 days before the key's end it is due.
    let due = |seconds| {
        let mut shop = shop.clone();
        shop.state.trust.heard = shop.state.trust.keys[1].until.unwrap();
        shop.state.trust.heard.0 -= seconds;
        shop.payee().renewal_due(&shop.state).unwrap()
    };
    assert_eq!((due(30 * DAY + 1), due(30 * DAY)), (false, true));
}

#[test]
fn a_certificate_is_asked_for_again_past_half_of_its_life() {
    let (mut world, _) = World::ready(&QUICK, 0);
    let shop = world.shop(1, "Bakery", eur(0));
    let PayeeCertificate { iat, exp, .. } = forge::claims(&shop.state.certificate.0);
    let due = |heard| {
        let mut shop = shop.clone();
        shop.state.trust.heard = heard;
        shop.payee().renewal_due(&shop.state).unwrap()
    };
    let half = iat.plus((exp.0 - iat.0).div_ceil(2));
    assert_eq!((due(iat), due(symbolon_types::UnixSeconds(half.0 - 1)), due(half)), (false, false, true));
}

/// An authenticator whose clock is behind takes the certificate of a payee that is newer than its time.
#[test]
fn a_slow_authenticator_takes_the_certificate_of_a_payee_of_today() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let at = phone.nature.now();
    phone.nature.pass(2 * DAY);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    // Off since then: its ticks did not go on.
    phone.nature.set(at.0 * 1000);
    assert_eq!(phone.preview(&challenge).unwrap().amount, eur(100));
    phone.nature.set(at.plus(700 * DAY).0 * 1000);
    assert_eq!(phone.preview(&challenge).unwrap_err(), core(CoreRefusal::Expired));
}

/// The shop with its certificate asked for again.
fn renewed<'s>(world: &mut World, shop: &'s mut Shop) -> &'s mut Shop {
    let request = shop.payee().request(shop.code).unwrap();
    let command = world.edge().open_payee_request(&request.0).unwrap();
    let symbolon_offline_payment::state::Outcome::PayeeEnrolled(certificate) = world.apply(command) else {
        panic!("refused")
    };
    let certificate = world.edge().seal_certificate(&certificate).unwrap();
    shop.state = shop.payee().renewed(shop.state.clone(), certificate).unwrap();
    assert!(!shop.payee().renewal_due(&shop.state).unwrap());
    shop
}

#[test]
fn threat_t18_a_revoked_key_is_refused_from_the_next_contact_on() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    let payment = phone.pay(&challenge, PIN).unwrap();
    world.rotate(30 * DAY);
    revoke(&mut world, 0);
    shop.clone().accept(&payment.object.0).unwrap();
    let before = shop.state.trust.clone();
    shop.hear(&world.trust_update()).unwrap();
    assert_eq!(shop.accept(&payment.object.0), Err(own(Own::GrantRevoked)));
    // No older list brings the key back: not the rotation's own, nor the one before it.
    let update = world.trust_update();
    let trust = shop.state.trust.clone();
    assert_eq!(trust.clone().heard(&QUICK, &update.rotations[0].0), Ok(trust.clone()));
    let older =
        TrustUpdate { rotations: vec![], list: update.rotations[0].clone(), denied: Denied::default() };
    assert!(shop.hear(&older).is_err());
    assert_eq!(shop.state.trust.epoch, trust.epoch);
    assert!(before.epoch < trust.epoch);
    // The authenticator likewise, and the wallet drops what is worth nothing.
    phone.hear(&update).unwrap();
    assert_eq!(phone.wallet.pool.len(), 1);
    let (kept, ungranted) = phone.wallet.clone().drop_revoked(&QUICK, &phone.trust()).unwrap();
    assert_eq!((kept.pool.len(), ungranted.len()), (0, 1));
    // The token is as good as it was: granted again, under the key that signs now, it pays; here, in a copy.
    let regranted = world.grant(&ungranted).unwrap();
    let again = kept.add(&QUICK, &phone.trust(), &ungranted, &regranted).unwrap();
    assert_eq!(again.clone().drop_revoked(&QUICK, &phone.trust()).unwrap(), (again.clone(), vec![]));
    let (mut twin, mut at) = (phone.copy(), shop.clone());
    twin.nature = phone.nature.clone();
    twin.wallet = again;
    let challenge = renewed(&mut world, &mut at).charge(eur(100));
    let payment = twin.pay(&challenge, PIN).unwrap();
    at.accept(&payment.object.0).unwrap();
    let challenge = renewed(&mut world, &mut shop).charge(eur(100));
    assert_eq!(phone.pay(&challenge, PIN).unwrap_err(), own(Own::GrantRevoked));
    // A later list of the server's own key that honours it again does not either.
    let forged = forge::altered::<TrustList>(&QUICK, &update.list.0, &world.issuer.signing, |list| {
        list.body.epoch += 1;
        list.body.keys.iter_mut().for_each(|key| key.revoked = false);
    });
    phone.done(Request::Trust(forged)).unwrap();
    phone.nature.pass(1);
    assert_eq!(phone.pay(&challenge, PIN).unwrap_err(), own(Own::NoNonce));
    phone.prefetch(&mut world, 1);
    let grant: Grant = forge::claims(&phone.wallet.pool[0].grant.0);
    phone.wallet.pool[0].grant = forge::signed(&QUICK, &world.issuer.generations[0], &grant);
    assert_eq!(phone.pay(&challenge, PIN).unwrap_err(), own(Own::GrantRevoked));
}

#[test]
fn threat_t18_only_the_key_that_signs_now_says_which_keys_count() {
    let (mut world, mut phone) = World::ready(&QUICK, 0);
    world.rotate(30 * DAY);
    let update = world.trust_update();
    let stranger = SigningKey::from_seed(Secret::new([8; 32]));
    // A list that names the stranger's key, signed with it; one signed with it that does not.
    let coup = forge::altered::<TrustList>(&QUICK, &update.list.0, &stranger, |list| {
        list.body.keys[0].key = stranger.verifying(&QUICK);
        list.body.epoch += 7;
    });
    let unsigned = forge::altered::<TrustList>(&QUICK, &update.list.0, &stranger, |_| {});
    for forged in [&coup, &unsigned] {
        assert_eq!(phone.done(Request::Trust(forged.clone())), Err(core(CoreRefusal::BadSignature)));
    }
    phone.hear(&update).unwrap();
    // The key that was rotated out still counts for grants, and for no list.
    let by_old = forge::altered::<TrustList>(&QUICK, &update.list.0, &world.issuer.generations[0], |list| {
        list.body.epoch += 1;
    });
    assert_eq!(phone.done(Request::Trust(by_old)), Err(own(Own::GrantRevoked)));
    // Neither does a list count that is without a key that signs, or with too many.
    let with = |change: &dyn Fn(&mut TrustList)| {
        forge::altered::<TrustList>(&QUICK, &update.list.0, &world.issuer.signing, |list| {
            list.body.epoch += 1;
            change(list);
        })
    };
    let many = with(&|list| list.body.keys = vec![list.body.keys[0]; 9]);
    let none = with(&|list| list.body.keys.clear());
    let ended = with(&|list| list.body.keys.remove(0).until = None);
    for (wrong, why) in [(many, "many"), (none, "none"), (ended, "the first has an end")] {
        assert_eq!(phone.done(Request::Trust(wrong)), Err(core(CoreRefusal::Malformed)), "{why}");
    }
    let epoch = phone.status().epoch;
    phone.done(Request::Trust(with(&|_| {}))).unwrap();
    assert_eq!(phone.status().epoch, epoch + 1);
    phone.done(Request::Trust(update.list)).unwrap();
    assert_eq!(phone.status().epoch, epoch + 1, "an epoch never goes back");
}

#[test]
fn threat_t18_a_device_away_during_two_rotations_comes_home_by_the_chain() {
    let (mut world, mut phone) = World::ready(&QUICK, 0);
    let pinned_first = phone.trust();
    world.rotate(DAY);
    phone.nature.pass(2 * DAY);
    world.rotate(DAY);
    revoke(&mut world, 0);
    let update = world.trust_update();
    assert_eq!(update.rotations.len(), 2);
    let astray = TrustUpdate { rotations: update.rotations[1..].to_vec(), ..update.clone() };
    assert_eq!(pinned_first.clone().updated(&QUICK, &astray), Err(core(CoreRefusal::BadSignature)));
    assert_eq!(phone.done(Request::Trust(update.list.clone())), Err(core(CoreRefusal::BadSignature)));
    phone.hear(&update).unwrap();
    phone.prefetch(&mut world, 1);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    let payment = phone.pay(&challenge, PIN).unwrap();
    shop.accept(&payment.object.0).unwrap();
    // One that pinned the last key passes the rotations over.
    let late = Trust::pinned(world.server()).updated(&QUICK, &update).unwrap().0;
    assert_eq!(late.epoch, phone.status().epoch);
    world.settle(&shop.upload()).unwrap();
}

#[test]
fn threat_t18_without_a_fresh_list_a_payee_accepts_nothing_offline() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let age = shop.state.trust.age_seconds_max;
    let heard = shop.state.trust.heard;
    phone.nature.pass(2 * DAY);
    phone.prefetch(&mut world, 1);
    phone.wallet.pool.drain(..2);
    let challenge = shop.charge(eur(100));
    let payment = phone.pay(&challenge, PIN).unwrap();
    let at = |shop: &Shop, seconds| {
        shop.clone().accept_at(&payment.object.0, Some(heard.plus(seconds))).map(|_| ())
    };
    let old = Err(own(Own::DenyListOld));
    assert_eq!((at(&shop, age), at(&shop, age + 1)), (Ok(()), old));
    let mut never = shop.clone();
    never.state.trust = Trust::pinned(world.server());
    assert_eq!(at(&never, age), old);
    // A clock before the list's own time tells no age.
    let mut ahead = shop.clone();
    ahead.state.trust.heard = heard.plus(10 * DAY);
    assert_eq!(at(&ahead, age), Err(own(Own::ClockUnknown)));
    phone.nature.set(heard.plus(age + 1).0 * 1000);
    shop.hear(&world.trust_update()).unwrap();
    at(&shop, age + 1).unwrap();
}

#[test]
fn rule_r10_a_denied_device_is_refused_by_a_payee_that_has_heard_of_it() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    let payment = phone.pay(&challenge, PIN).unwrap();
    world.done(Command::RevokeAuthenticator(RevokeAuthenticator { authenticator: phone.id() }));
    let update = world.trust_update();
    assert_eq!(update.denied.0, [phone.id()]);
    // The grant names an epoch above or below the list's: its age alone counts.
    let epoch = shop.state.trust.epoch;
    for named in [epoch + 5, epoch.saturating_sub(1), 0] {
        let body = forge::claims::<SecureObject>(&payment.object.0).body;
        let grant = forge::altered::<Grant>(&QUICK, &body.grant.0, &world.issuer.signing, |grant| {
            grant.body.epoch = named;
        });
        let object = forge::altered::<SecureObject>(&QUICK, &payment.object.0, &phone.signing(), |object| {
            object.body.grant = grant;
        });
        shop.clone().accept(&object.0).unwrap();
    }
    for denied in [vec![], vec![phone.id(), phone.id()]] {
        let cut = TrustUpdate { denied: Denied(denied), ..update.clone() };
        assert_eq!(shop.hear(&cut), Err(core(CoreRefusal::Malformed)), "not the list's devices");
    }
    // A rotation's list, which denies nobody that could be shown with it, is no update of its own.
    world.rotate(DAY);
    let rotated = world.trust_update();
    let bare =
        TrustUpdate { rotations: vec![], list: rotated.rotations[0].clone(), denied: Denied::default() };
    assert_eq!(shop.hear(&bare), Err(own(Own::GrantRevoked)), "by itself it is under a key that went");
    shop.hear(&rotated).unwrap();
    assert_eq!(shop.accept(&payment.object.0), Err(own(Own::Revoked)));
    assert_eq!(shop.hear(&update), Err(own(Own::GrantRevoked)), "an older update takes nothing back");
    assert_eq!(shop.accept(&payment.object.0), Err(own(Own::Revoked)));
}

/// A phone whose trust was led on after its object was made still has its object, and its payee still judges for itself.
#[test]
fn threat_t18_a_revocation_between_sealing_and_object_loses_no_object() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    let (waiting, sealed) = phone.sealed(&challenge, PIN).unwrap();
    let object = phone.authorise(&sealed).unwrap();
    world.rotate(DAY);
    revoke(&mut world, 0);
    let update = world.trust_update();
    phone.hear(&update).unwrap();
    let payment = waiting.received(&QUICK, &phone.trust(), object).unwrap();
    shop.hear(&update).unwrap();
    assert_eq!(shop.accept(&payment.object.0), Err(own(Own::GrantRevoked)));
}
