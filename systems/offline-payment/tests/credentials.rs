//! Several credentials: PIN, passphrase, and the platform's own verification of the user; how they are set, and what each is worth.
mod world;

use symbolon_offline_payment::OfflinePaymentRefusal as Own;
use symbolon_offline_payment::authenticator::{Credential, payment_question};
use symbolon_offline_payment::messages::{Request, SecureObject, Verification};
use symbolon_types::{CoreRefusal, Hash, Secret};
use world::*;

fn phrase() -> Credential {
    Credential::passphrase(Secret::new("a long passphrase of many words".to_owned())).unwrap()
}

/// A phone with PIN, passphrase and platform.
fn with_all(nonces: u32) -> (World, Phone, Platform) {
    let (world, mut phone) = World::tiered(&QUICK, nonces);
    let mut platform = Platform::new(&world);
    phone.set(&pin(PIN), &phrase()).unwrap();
    let question = phone.set_question();
    phone.set(&phrase(), &Credential::platform_registration(platform.register(question))).unwrap();
    (world, phone, platform)
}

#[test]
fn rule_r15_every_kind_opens_the_same_account_key_and_the_object_says_which() {
    let (mut world, mut phone, mut platform) = with_all(4);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let kinds = [Verification::Pin, Verification::Passphrase, Verification::Platform];
    assert_eq!(phone.status().credentials, kinds);
    for kind in kinds {
        let challenge = shop.charge(eur(600));
        let payment = phone.pay_with(&challenge, |offer| match kind {
            Verification::Pin => pin(PIN),
            Verification::Passphrase => phrase(),
            _ => Credential::platform(platform.assert(offer.question(&QUICK))),
        });
        let payment = payment.unwrap();
        assert_eq!(forge::claims::<SecureObject>(&payment.object.0).body.verification, kind);
        shop.accept(&payment.object.0).unwrap();
        // The issuer's proof holds under the one account key.
        world.settle(&shop.upload()).unwrap();
    }
}

#[test]
fn rule_r15_a_grant_asks_by_order_and_a_weaker_kind_costs_no_attempt() {
    let (mut world, mut phone, mut platform) = with_all(6);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(4000));
    for weaker in [pin(PIN), phrase()] {
        let refused = phone.pay_with(&challenge, |_| weaker).unwrap_err();
        assert_eq!(refused.refusal, own(Own::VerificationWeak));
    }
    assert_eq!(phone.status().attempts_left, 5);
    phone
        .pay_with(&challenge, |offer| Credential::platform(platform.assert(offer.question(&QUICK))))
        .unwrap();
}

/// The assertion: its question, its flags, its relying party, its count, its key; and the PRF's output beside it.
#[test]
fn rule_r15_an_assertion_counts_once_for_its_payment_after_the_user_was_verified() {
    let (mut world, mut phone, mut platform) = with_all(8);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(4000));
    let preview = phone.preview(&challenge).unwrap();
    let offer = phone.wallet.clone().offer(preview, challenge.clone()).unwrap().1;
    let question = offer.question(&QUICK);
    assert_eq!(question, payment_question(&QUICK, offer.token(&QUICK), offer.agreed(&QUICK)));
    let mut thief = platform.clone();
    let mut wrongs = Vec::new();
    for change in [
        (|platform: &mut Platform| platform.flags = 0x01) as fn(&mut Platform),
        |platform| platform.flags = 0x04,
        |platform| platform.flags = 0x45,
        |platform| platform.relying_party[0] ^= 1,
        |platform| platform.count = 1,
        |platform| platform.count = 0,
        // The key without the PRF.
        |platform| platform.prf[0] ^= 1,
    ] {
        let mut changed = platform.clone();
        change(&mut changed);
        wrongs.push(changed.assert(question));
    }
    // Fresh, but of another payment; and the PRF without the key.
    wrongs.push(platform.clone().assert(Hash([7; 32])));
    let mut other = Platform::new(&world);
    (other.prf, other.count) = (thief.prf, 100);
    wrongs.push(other.assert(question));
    for (number, wrong) in wrongs.into_iter().enumerate() {
        phone.nature.pass(60);
        let (_, sealed) = phone.seal_with(offer.clone(), Credential::platform(wrong));
        let refused = phone.authorise(&sealed).unwrap_err();
        assert_eq!(
            (refused.refusal, refused.attempts_left),
            (own(Own::CredentialWrong), Some(4)),
            "{number}"
        );
        // A right one of another kind brings the attempts back.
        phone.nature.pass(60);
        phone.set(&phrase(), &pin(PIN)).unwrap();
    }
    let assertion = platform.assert(question);
    let (_, sealed) = phone.seal_with(offer, Credential::platform(assertion.clone()));
    phone.authorise(&sealed).unwrap();
    phone.wallet.pool.remove(0);
    // The next payment does not take the last one's assertion, nor a count that stands still.
    let challenge = shop.charge(eur(4000));
    assert_eq!(
        phone.pay_with(&challenge, |_| Credential::platform(assertion)).unwrap_err().refusal,
        own(Own::CredentialWrong)
    );
    phone.nature.pass(60);
    thief.count = platform.count - 1;
    let copied =
        phone.pay_with(&challenge, |offer| Credential::platform(thief.assert(offer.question(&QUICK))));
    assert_eq!(copied.unwrap_err().refusal, own(Own::CredentialWrong));
    phone.nature.pass(60);
    phone
        .pay_with(&challenge, |offer| Credential::platform(platform.assert(offer.question(&QUICK))))
        .unwrap();
}

#[test]
fn rule_r15_a_key_that_counts_nothing_may_stay_at_nought() {
    let (mut world, mut phone) = World::tiered(&QUICK, 3);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let mut platform = Platform { count: 0, ..Platform::new(&world) };
    let question = phone.set_question();
    phone.set(&pin(PIN), &Credential::platform_registration(platform.register(question))).unwrap();
    for _ in 0..2 {
        let challenge = shop.charge(eur(4000));
        phone
            .pay_with(&challenge, |offer| Credential::platform(platform.assert(offer.question(&QUICK))))
            .unwrap();
    }
}

#[test]
fn rule_r15_a_pin_is_changed_and_the_old_one_is_wrong_from_then_on() {
    let (mut world, mut phone) = World::tiered(&QUICK, 4);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let setting = phone.setting(&pin(PIN), &pin("2468"));
    phone.done(setting.clone()).unwrap();
    // The same message again finds another counter.
    assert_eq!(phone.done(setting), Err(core(CoreRefusal::OpenFailed)));
    phone.nature.pass(1);
    let challenge = shop.charge(eur(600));
    let refused = phone.pay_with(&challenge, |_| pin(PIN)).unwrap_err();
    assert_eq!((refused.refusal, refused.attempts_left), (own(Own::CredentialWrong), Some(4)));
    phone.nature.pass(60);
    phone.pay_with(&challenge, |_| pin("2468")).unwrap();
    assert_eq!(phone.status().credentials, [Verification::Pin]);
}

#[test]
fn rule_r15_and_t09_setting_is_no_way_to_guess() {
    let (_, mut phone) = World::tiered(&QUICK, 1);
    for left in (1..5).rev() {
        phone.nature.pass(3600);
        let setting = phone.setting(&pin("00000"), &pin("2468"));
        let Err(refused) = phone.message(setting.clone()) else { panic!("a wrong PIN set another") };
        assert_eq!((refused.refusal, refused.attempts_left), (own(Own::CredentialWrong), Some(left)));
        // The replay of a counted try is no second one.
        assert_eq!(phone.done(setting), Err(core(CoreRefusal::OpenFailed)));
    }
    phone.nature.pass(3600);
    assert_eq!(phone.set(&pin("00000"), &pin("2468")), Err(own(Own::CredentialLocked)));
    assert!(phone.status().locked);
    assert_eq!(phone.set(&pin(PIN), &pin("2468")), Err(own(Own::CredentialLocked)));
}

#[test]
fn rule_r15_no_credential_sets_one_that_counts_for_more() {
    let (_, mut phone, mut platform) = with_all(1);
    let weak = Err(own(Own::VerificationWeak));
    assert_eq!(phone.set(&pin(PIN), &phrase()), weak);
    let question = phone.set_question();
    let registration = Credential::platform_registration(platform.register(question));
    assert_eq!(phone.set(&phrase(), &registration), weak);
    assert_eq!(phone.status().attempts_left, 5);
    phone.set(&phrase(), &pin("2468")).unwrap();
    let question = phone.set_question();
    let shown = Credential::platform(platform.assert(question));
    phone.set(&shown, &phrase()).unwrap();
}

#[test]
fn rule_r15_what_sets_a_credential_has_its_form() {
    let (world, mut phone) = World::tiered(&QUICK, 1);
    let mut platform = Platform::new(&world);
    assert_eq!(phone.set(&phrase(), &pin("2468")), Err(own(Own::CredentialKindUnknown)), "none is set");
    let question = phone.set_question();
    let assertion = Credential::platform(platform.assert(question));
    assert_eq!(phone.set(&pin(PIN), &assertion), Err(own(Own::CredentialForm)), "an assertion sets nothing");
    // A key that signed another question, or did not verify the user.
    let stale = Credential::platform_registration(platform.register(Hash([1; 32])));
    assert_eq!(phone.set(&pin(PIN), &stale), Err(own(Own::CredentialForm)));
    let question = phone.set_question();
    let unverified = Platform { flags: 0x01, ..platform.clone() }.register(question);
    let unverified = Credential::platform_registration(unverified);
    assert_eq!(phone.set(&pin(PIN), &unverified), Err(own(Own::CredentialForm)));
    assert_eq!(phone.status().attempts_left, 5);
    // Sealed by another application than the paired one, or for another machine.
    let sender =
        std::mem::replace(&mut phone.sender, symbolon_keys::KemKey::from_private(Secret::new([5; 32])));
    assert_eq!(phone.set(&pin(PIN), &pin("2468")), Err(core(CoreRefusal::OpenFailed)));
    phone.sender = sender;
    phone.nature.pass(1);
    let question = phone.set_question();
    phone.set(&pin(PIN), &Credential::platform_registration(platform.register(question))).unwrap();
}

#[test]
fn threat_t10_every_kind_travels_in_one_length() {
    let (mut world, mut phone, mut platform) = with_all(1);
    let challenge = world.shop(1, "Bakery", eur(0)).charge(eur(600));
    let offer = phone.offer(&challenge).unwrap();
    let asserted = Credential::platform(platform.assert(offer.question(&QUICK)));
    let lengths = [pin("1234"), phrase(), asserted].map(|credential| {
        let (_, sealed) = phone.seal_with(offer.clone(), credential);
        sealed.credential.unwrap().ciphertext.0.len()
    });
    assert_eq!(lengths, [256 + 16; 3]);
    let registration = Credential::platform_registration(platform.register(Hash::ZERO));
    let lengths = [pin("1234"), registration].map(|new| match phone.setting(&pin(PIN), &new) {
        Request::SetCredential(message) => message.credentials.ciphertext.0.len(),
        other => panic!("{other:?}"),
    });
    assert_eq!(lengths, [512 + 16; 2]);
}
