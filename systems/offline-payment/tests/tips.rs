//! Tips and final amounts: what is agreed to is bound to everything, and the payee takes no more than it asked for and was given.
mod world;

use symbolon_offline_payment::OfflinePaymentRefusal as Own;
use symbolon_offline_payment::messages::{Receipt, SealedCredential, SecureObject};
use symbolon_offline_payment::payee::Asked;
use symbolon_types::CoreRefusal;
use world::*;

fn with_tip(minor: u64, most: u64) -> Asked {
    Asked { tip_minor_max: Some(most), ..Asked::amount(eur(minor)) }
}

#[test]
fn rule_r7_a_tip_up_to_what_is_asked_for_is_paid_and_settled() {
    let (mut world, mut phone) = World::ready(&QUICK, 3);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.ask(&with_tip(2500, 500)).unwrap();
    assert_eq!(phone.preview(&challenge).unwrap().tip_minor_max, Some(500));
    // The tip takes the payment over the amount from which a one-time password is needed: it is made over the tip as well.
    let payment = phone.pay_tip(&challenge, Some(500), PIN).unwrap();
    let paid = forge::claims::<SecureObject>(&payment.object.0).body;
    assert_eq!((paid.transaction.amount, paid.transaction.tip_minor, paid.otp), (eur(3000), Some(500), true));
    let dearer = forge::altered::<SecureObject>(&QUICK, &payment.object.0, &phone.signing(), |object| {
        object.body.transaction.amount = eur(3001);
    });
    assert_eq!(shop.accept(&dearer.0), Err(own(Own::WrongPayee)));
    let above = forge::altered::<SecureObject>(&QUICK, &payment.object.0, &phone.signing(), |object| {
        (object.body.transaction.amount, object.body.transaction.tip_minor) = (eur(3001), Some(501));
    });
    assert_eq!(shop.accept(&above.0), Err(own(Own::TipTooHigh)));
    let receipt = shop.accept(&payment.object.0).unwrap();
    assert_eq!(payment.receipt(&QUICK, &challenge.0, receipt).unwrap().taken, Some(eur(3000)));
    assert_eq!(world.settle(&shop.upload()).unwrap().amount, eur(3000));
}

#[test]
fn rule_r7_a_tip_above_what_is_asked_for_is_refused_everywhere() {
    let (mut world, mut phone) = World::ready(&QUICK, 4);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let (tipped, plain) = (shop.ask(&with_tip(1000, 100)).unwrap(), shop.charge(eur(1000)));
    let high = own(Own::TipTooHigh);
    for (challenge, tip) in [(&tipped, 101), (&plain, 1), (&plain, 0)] {
        assert_eq!(phone.pay_tip(challenge, Some(tip), PIN).unwrap_err(), high, "the honest application");
        let (_, mut sealed) = phone.sealed(challenge, PIN).unwrap();
        sealed.tip_minor = Some(tip);
        assert_eq!(phone.authorise(&sealed).unwrap_err().refusal, high);
        phone.wallet.pool.clear();
        phone.reconcile(&mut world).unwrap();
        phone.prefetch(&mut world, 1);
    }
    phone.pay_tip(&tipped, Some(100), PIN).unwrap();
}

/// What the user saw and what is paid cannot come apart: a tip put in or changed afterwards opens nothing.
#[test]
fn rule_r7_and_t15_a_tip_changed_after_the_credential_is_refused() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.ask(&with_tip(1000, 500)).unwrap();
    for (sealed_for, sent) in [(Some(100), Some(200)), (Some(100), None), (None, Some(0))] {
        let offer = {
            let preview = phone.preview(&challenge).unwrap();
            phone.wallet.clone().offer_with_tip(preview, challenge.clone(), sealed_for).unwrap().1
        };
        let (_, mut sealed) = phone.seal(offer, PIN);
        sealed.tip_minor = sent;
        assert_eq!(phone.authorise(&sealed).unwrap_err().refusal, core(CoreRefusal::OpenFailed));
        phone.nature.pass(1);
    }
    phone.pay_tip(&challenge, Some(100), PIN).unwrap();
}

#[test]
fn rule_r7_limits_and_verification_are_those_of_the_sum() {
    let (mut world, mut phone) = World::tiered(&QUICK, 3);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.ask(&with_tip(499, PER_PAYMENT)).unwrap();
    let preview = phone.preview(&challenge).unwrap();
    let offered = |tip| {
        phone.wallet.clone().offer_with_tip(preview.clone(), challenge.clone(), tip).map(|(_, offer)| offer)
    };
    assert!(offered(Some(PER_PAYMENT - 499)).is_ok());
    assert_eq!(offered(Some(PER_PAYMENT - 498)).unwrap_err(), own(Own::NoNonce));
    let offer = offered(Some(0)).unwrap();
    let (_, mut sealed) = offer.unverified(&QUICK, &phone.sender, offline(), &phone.nature.seed()).unwrap();
    sealed.tip_minor = Some(1);
    assert_eq!(
        phone.authorise(&sealed).unwrap_err().refusal,
        core(CoreRefusal::OpenFailed),
        "what is sealed, the empty credential too, is bound to the tip"
    );
    phone.nature.pass(1);
    // An application that seals the empty credential for it: a tip of 1 makes it 500.
    let agreed = symbolon_offline_payment::messages::agreed(&QUICK, preview.transaction, Some(1));
    let (info, to) =
        (forge::info(&QUICK, &sealed.token.0, &sealed.grant.0), forge::token_key(&sealed.token.0));
    let empty = forge::seal(&QUICK, &to, &phone.sender, &info, &forge::aad(&QUICK, agreed, &[]), &[0; 256]);
    let weak = SealedCredential { credential: Some(empty), ..sealed.clone() };
    assert_eq!(phone.authorise(&weak).unwrap_err().refusal, own(Own::VerificationWeak));
    sealed.tip_minor = Some(PER_PAYMENT);
    assert_eq!(phone.authorise(&sealed).unwrap_err().refusal, own(Own::LimitTransaction));
    sealed.tip_minor = Some(0);
    phone.authorise(&sealed).unwrap();
}

#[test]
fn rule_r7_the_payee_takes_less_and_says_so_and_never_more() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Fuel", eur(0));
    let challenge = shop.charge(eur(2000));
    let payment = phone.pay(&challenge, PIN).unwrap();
    let (object, now) = (payment.object.0.clone(), Some(phone.nature.now()));
    let finally = |minor| shop.payee().accept_final(shop.state.clone(), &object, now, Some(minor));
    for wrong in [0, 2001] {
        assert_eq!(finally(wrong).map(|_| ()), Err(own(Own::FinalTooHigh)));
    }
    assert_eq!(forge::claims::<Receipt>(&finally(2000).unwrap().1.0).body.final_minor, None);
    let (state, receipt) = finally(1234).unwrap();
    shop.state = state;
    assert_eq!(shop.accept(&object).unwrap(), receipt, "the same object again: the same receipt");
    let greedy = forge::altered::<Receipt>(&QUICK, &receipt.0, &shop.key, |receipt| {
        receipt.body.final_minor = Some(2001);
    });
    assert_eq!(payment.clone().receipt(&QUICK, &challenge.0, greedy).unwrap_err(), own(Own::FinalTooHigh));
    assert_eq!(payment.receipt(&QUICK, &challenge.0, receipt).unwrap().taken, Some(eur(1234)));
    assert_eq!(world.settle(&shop.upload()).unwrap().amount, eur(1234));
}
