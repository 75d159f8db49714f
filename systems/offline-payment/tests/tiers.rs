//! Risk tiers: where the grant asks for nothing, a payment needs no credential; one minor unit above it does.
mod world;

use symbolon_keys::KemKey;
use symbolon_offline_payment::OfflinePaymentRefusal as Own;
use symbolon_offline_payment::messages::{SealedCredential, SecureObject, Verification};
use symbolon_offline_payment::payee::Asked;
use symbolon_offline_payment::secure_application::Needed;
use symbolon_types::{CoreRefusal, Secret};
use symbolon_wire::cbor::Bytes;
use world::*;

#[test]
fn rule_r6_below_the_grants_amount_no_credential_is_needed_and_from_it_on_one_is() {
    let (mut world, mut phone) = World::tiered(&QUICK, 4);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(499));
    let payment = phone.pay_unverified(&challenge).unwrap();
    let body = forge::claims::<SecureObject>(&payment.object.0).body;
    assert_eq!((body.verification, body.credential_proof), (Verification::None, None));
    shop.accept(&payment.object.0).unwrap();
    assert_eq!(world.settle(&shop.upload()).unwrap().amount, eur(499));

    let challenge = shop.charge(eur(500));
    let weak = own(Own::VerificationWeak);
    assert_eq!(phone.pay_unverified(&challenge).unwrap_err(), weak, "the honest application does not ask");
    // A dishonest one leaves the credential away.
    let (_, mut sealed) = phone.sealed(&challenge, PIN).unwrap();
    let credential = sealed.credential.take();
    assert_eq!(phone.authorise(&sealed).unwrap_err().refusal, weak);
    sealed.credential = credential;
    let object = phone.authorise(&sealed).unwrap();
    // Nor does a payee take an object that says nothing of the user, or says it without a proof.
    let unproved = forge::altered::<SecureObject>(&QUICK, &object.0, &phone.signing(), |object| {
        object.body.credential_proof = None;
    });
    let unverified = forge::altered::<SecureObject>(&QUICK, &object.0, &phone.signing(), |object| {
        object.body.verification = Verification::None;
    });
    for forged in [unproved, unverified] {
        assert_eq!(shop.accept(&forged.0), Err(weak));
    }
    shop.accept(&object.0).unwrap();
}

#[test]
fn rule_r6_the_application_is_told_what_is_needed() {
    let (mut world, mut phone) = World::tiered(&QUICK, 1);
    let mut shop = world.shop(1, "Bakery", eur(0));
    for (minor, user) in [
        (499, Verification::None),
        (500, Verification::Pin),
        (1999, Verification::Pin),
        (2000, Verification::Passphrase),
        (4000, Verification::Platform),
    ] {
        let challenge = shop.charge(eur(minor));
        let preview = phone.preview(&challenge).unwrap();
        let (_, offer) = phone.wallet.clone().offer(preview, challenge).unwrap();
        assert_eq!(offer.needed(), Needed { user, otp: false }, "{minor}");
    }
}

/// Below the tier too, only the paired secure application pays: a program that merely reaches the authenticator has no key to seal from.
#[test]
fn rule_r6_and_t06_below_the_tier_too_only_the_paired_application_pays() {
    let (mut world, mut phone) = World::tiered(&QUICK, 3);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    let transaction = phone.preview(&challenge).unwrap().transaction;
    let (_, sealed) = phone.sealed_unverified(&challenge).unwrap();
    let (info, to) =
        (forge::info(&QUICK, &sealed.token.0, &sealed.grant.0), forge::token_key(&sealed.token.0));
    let (aad, stranger) = (forge::aad(&QUICK, transaction, &[]), KemKey::from_private(Secret::new([9; 32])));
    let empty = |from| forge::seal(&QUICK, &to, from, &info, &aad, &[0; 256]);
    let mut kept = [0; 256];
    kept[1..3].copy_from_slice(&[1, 7]);
    let sealed_wrong = forge::seal(&QUICK, &to, &phone.sender, &info, &aad, &kept);
    let open_failed = core(CoreRefusal::OpenFailed);
    for (credential, refusal) in [
        (None, open_failed),
        (Some(empty(&stranger)), open_failed),
        (Some(sealed_wrong), core(CoreRefusal::Malformed)),
    ] {
        let tried = SealedCredential { credential, ..sealed.clone() };
        assert_eq!(phone.authorise(&tried).unwrap_err().refusal, refusal);
        phone.nature.pass(1);
    }
    assert_eq!((phone.status().objects, phone.status().attempts_left), (0, 5));
    let twin = SealedCredential { credential: Some(empty(&phone.sender)), ..sealed };
    phone.authorise(&twin).unwrap();
}

/// Reconciling again and again gives no new sum for payments without a credential; a right credential does.
#[test]
fn rule_r6_no_reconciliation_gives_the_unverified_sum_back() {
    let (mut world, mut phone) = World::tiered(&QUICK, 0);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let limit = limits().cumulative_minor;
    let mut sum = 0;
    let refusal = loop {
        phone.prefetch(&mut world, 1);
        let challenge = shop.charge(eur(400));
        let payment = match phone.pay_unverified(&challenge) {
            Ok(payment) => payment,
            Err(refusal) => break refusal,
        };
        sum += 400;
        shop.accept(&payment.object.0).unwrap();
        world.settle(&shop.upload()).unwrap();
        phone.reconcile(&mut world).unwrap();
        assert_eq!(phone.status().spent_minor, 0);
    };
    assert_eq!(refusal, own(Own::VerificationWeak), "the honest application asks for a credential");
    assert!(sum <= limit && sum + 400 > limit, "{sum} of {limit}");
    phone.prefetch(&mut world, 3);
    let challenge = shop.charge(eur(400));
    let sealed = without_asking(&mut phone, &challenge);
    assert_eq!(phone.authorise(&sealed).unwrap_err().refusal, own(Own::LimitCumulative));
    phone.pay(&challenge, PIN).unwrap();
    let challenge = shop.charge(eur(400));
    phone.pay_unverified(&challenge).unwrap();
}

/// The empty credential, sealed by the paired application for whatever amount, as it would if it did not look at what is needed.
fn without_asking(phone: &mut Phone, challenge: &Bytes) -> SealedCredential {
    let offer = phone.offer(challenge).unwrap();
    let transaction = offer.preview().transaction;
    let (_, sealed) = phone.seal(offer, PIN);
    let (info, to) =
        (forge::info(&QUICK, &sealed.token.0, &sealed.grant.0), forge::token_key(&sealed.token.0));
    let aad = forge::aad(&QUICK, transaction, &[]);
    let credential = Some(forge::seal(&QUICK, &to, &phone.sender, &info, &aad, &[0; 256]));
    SealedCredential { credential, ..sealed }
}

/// Where what may be paid without a credential is used up, one is asked for, of any kind, tip and all; a right one begins the sum anew.
#[test]
fn rule_r6_above_the_unverified_sum_the_application_is_told_to_ask() {
    let (mut world, mut phone) = World::tiered(&QUICK, 0);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let user = |phone: &mut Phone, challenge: &Bytes, tip_minor| {
        let preview = phone.preview(challenge).unwrap();
        let offered = phone.wallet.clone().offer_with_tip(preview, challenge.clone(), tip_minor);
        offered.unwrap().1.needed()
    };
    let tips = |shop: &mut Shop, minor| {
        shop.ask(&Asked { tip_minor_max: Some(100), ..Asked::amount(eur(minor)) }).unwrap()
    };
    let limit = limits().cumulative_minor;
    let small = |world: &mut World, phone: &mut Phone, shop: &mut Shop| {
        phone.prefetch(world, 1);
        let challenge = shop.charge(eur(400));
        let payment = phone.pay_unverified(&challenge).unwrap();
        shop.accept(&payment.object.0).unwrap();
        world.settle(&shop.upload()).unwrap();
        phone.reconcile(world).unwrap();
    };
    for paid in 1..limit / 400 {
        small(&mut world, &mut phone, &mut shop);
        let left = limit - 400 * paid;
        let preview = phone.preview(&shop.charge(eur(1))).unwrap();
        assert_eq!(preview.unverified_minor_max, Some(left));
    }
    phone.prefetch(&mut world, 2);
    let (none, pin) = (Verification::None, Verification::Pin);
    let (last, tipped) = (shop.charge(eur(400)), tips(&mut shop, 300));
    assert_eq!(
        user(&mut phone, &last, None),
        Needed { user: none, otp: false },
        "the twin: exactly the rest"
    );
    assert_eq!(user(&mut phone, &tipped, Some(100)), Needed { user: none, otp: false });
    assert_eq!(user(&mut phone, &shop.charge(eur(401)), None), Needed { user: pin, otp: false });
    assert_eq!(user(&mut phone, &tips(&mut shop, 301), Some(100)), Needed { user: pin, otp: false });
    // A stronger one that the grant asks for stays what it is.
    let large = shop.charge(eur(2000));
    assert_eq!(user(&mut phone, &large, None).user, Verification::Passphrase);
    phone.pay_unverified(&last).unwrap();
    let challenge = shop.charge(eur(1));
    assert_eq!(user(&mut phone, &challenge, None), Needed { user: pin, otp: false });
    phone.pay(&challenge, PIN).unwrap();
    assert_eq!(phone.preview(&shop.charge(eur(1))).unwrap().unverified_minor_max, Some(limit));
    small(&mut world, &mut phone, &mut shop);
}

/// Whoever guesses does not win attempts back by small payments, nor loses them; the sum and the number stay limited.
#[test]
fn rule_r6_and_t09_a_payment_without_a_credential_brings_no_attempt_back() {
    let (mut world, mut phone) = World::tiered(&QUICK, 8);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(500));
    let (_, wrong) = phone.sealed(&challenge, "00000").unwrap();
    assert_eq!(phone.authorise(&wrong).unwrap_err().attempts_left, Some(4));
    for _ in 0..6 {
        let challenge = shop.charge(eur(100));
        phone.pay_unverified(&challenge).unwrap();
        assert_eq!(phone.status().attempts_left, 4);
    }
    let challenge = shop.charge(eur(100));
    assert_eq!(phone.pay_unverified(&challenge).unwrap_err(), own(Own::LimitCumulative));
    assert_eq!(phone.status().spent_minor, 600);
}

#[test]
fn rule_r6_a_locked_machine_pays_nothing_at_all() {
    let (mut world, mut phone) = World::tiered(&QUICK, 7);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let (small, large) = (shop.charge(eur(100)), shop.charge(eur(500)));
    let (_, sealed) = phone.sealed_unverified(&small).unwrap();
    phone.lock(&large);
    assert_eq!(phone.authorise(&sealed).unwrap_err().refusal, own(Own::CredentialLocked));
}
