//! Threats T-11 to T-17: relaying, clocks, expiry, limits, changed amounts, one-time passwords, repeated nonces. Accepted twin first.
mod world;

use symbolon_offline_payment::OfflinePaymentRefusal as Own;
use symbolon_offline_payment::authenticator::Credential;
use symbolon_offline_payment::messages::{
    ApplicationId, Grant, NonceToken, PayeeNonce, Request, SecondNonceRequest, SecureObject, Verification,
    VerificationRule,
};
use symbolon_offline_payment::state::AccountLimits;
use symbolon_types::{Amount, CoreRefusal, Currency, Hash, Secret};
use symbolon_wire::cbor::Bytes;
use world::*;

fn refusal<T: core::fmt::Debug>(
    answer: Result<T, symbolon_offline_payment::messages::RefusedReply>,
) -> symbolon_offline_payment::Refusal {
    answer.unwrap_err().refusal
}

#[test]
fn threat_t11_the_second_nonce_lives_for_seconds_and_for_one_start() {
    let (mut world, mut phone) = World::ready(&QUICK, 5);
    let mut shop = world.shop(1, "Bakery", eur(0));
    for (wait_s, restart, expected) in [
        (120, false, Ok(())),
        (121, false, Err(core(CoreRefusal::Expired))),
        (0, true, Err(core(CoreRefusal::Expired))),
    ] {
        let challenge = shop.charge(eur(OTP_FROM));
        let (_, sealed) = phone.sealed(&challenge, PIN).unwrap();
        phone.nature.pass(wait_s);
        if restart {
            phone.start().unwrap();
        }
        assert_eq!(phone.authorise(&sealed).map(|_| ()).map_err(|refused| refused.refusal), expected);
    }
}

#[test]
fn threat_t11_name_and_amount_come_from_the_verified_certificate_and_challenge() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(1999));
    let shown = phone.preview(&challenge).unwrap();
    assert_eq!((shown.payee.as_str(), shown.amount), ("Bakery", eur(1999)));
    let mut changed = challenge.0.clone();
    let at = changed.windows(6).position(|bytes| bytes == b"Bakery").unwrap();
    changed[at] = b'C';
    assert_eq!(phone.preview(&Bytes(changed)), Err(own(Own::PayeeUnknown)));
}

#[test]
fn threat_t12_a_clock_set_back_and_a_payee_without_a_clock_are_refused() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    phone.nature.pass(100);
    let challenge = shop.charge(eur(100));
    let (_, sealed) = phone.sealed(&challenge, PIN).unwrap();
    phone.tokens(1).unwrap();
    phone.nature.ms_back(50);
    assert_eq!(refusal(phone.authorise(&sealed)), own(Own::ClockUnknown));
    phone.nature.pass(50);
    let object = phone.authorise(&sealed).unwrap();
    assert_eq!(shop.accept_at(&object.0, None), Err(own(Own::ClockUnknown)));
    let (state, nonce) = (shop.state.clone(), PayeeNonce([7; 16]));
    assert_eq!(shop.payee().charge(state, eur(1), nonce, None).map(|_| ()), Err(own(Own::ClockUnknown)));
    shop.accept(&object.0).unwrap();
}

/// The time is the server's and the machine's ticks: no number of commits slows it, no restart and no repeat takes it back.
#[test]
fn threat_t12_a_machine_that_commits_often_still_knows_the_time() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(OTP_FROM));
    let offer = phone.offer(&challenge).unwrap();
    for _ in 0..40 {
        phone.nature.pass_ms(900);
        phone.second(&offer, &challenge).unwrap();
    }
    let token: NonceToken = forge::claims(&phone.tokens(1).unwrap()[0].0);
    assert!(token.iat.0 + 1 >= phone.nature.now().0, "{:?} against {:?}", token.iat, phone.nature.now());
    phone.start().unwrap();
    let again: NonceToken = forge::claims(&phone.tokens(1).unwrap()[0].0);
    assert!(again.iat >= token.iat);
}

#[test]
fn threat_t12_before_the_first_signed_time_nothing_is_judged() {
    let world = World::funded(&QUICK);
    let (mut phone, mut other) = (Phone::new(&world, 1), World::funded(&QUICK));
    let challenge = other.shop(1, "Bakery", eur(0)).charge(eur(100));
    assert_eq!(phone.preview(&challenge), Err(own(Own::ClockUnknown)));
    assert_eq!(phone.tokens(1), Err(own(Own::ClockUnknown)));
}

#[test]
fn threat_t13_a_grant_ends_at_the_authenticator_and_at_the_payee() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let (early, late) = (shop.charge(eur(100)), shop.charge(eur(200)));
    let (_, sealed) = phone.sealed(&early, PIN).unwrap();
    let (_, too_late) = phone.sealed(&late, PIN).unwrap();
    phone.nature.pass(GRANT_SECONDS - 1);
    let object = phone.authorise(&sealed).unwrap();
    phone.nature.pass(1);
    assert_eq!(refusal(phone.authorise(&too_late)), core(CoreRefusal::Expired));
    let exp = forge::claims::<Grant>(&sealed.grant.0).exp;
    shop.hear(&world.trust_update()).unwrap();
    assert_eq!(shop.clone().accept_at(&object.0, Some(exp.plus(300))), Err(core(CoreRefusal::Expired)));
    shop.accept_at(&object.0, Some(exp.plus(299))).unwrap();
}

#[test]
fn threat_t13_a_grant_never_outlives_its_token_and_an_ended_token_gets_none() {
    let mut world = World::new(&QUICK);
    let long = symbolon_offline_payment::state::AccountLimits { grant_seconds: 30 * DAY, ..limits() };
    world.open_payer(PAYER, long, eur(50_000));
    let mut phone = Phone::new(&world, 1);
    phone.enrol(&mut world, PAYER, PIN);
    let tokens = phone.tokens(2).unwrap();
    let token: NonceToken = forge::claims(&tokens[0].0);
    phone.nature.pass(10 * DAY);
    let grants = world.grant(&tokens[..1]).unwrap();
    assert_eq!(forge::claims::<Grant>(&grants[0].0).exp, token.exp);
    phone.nature.pass(20 * DAY);
    let before = world.balance();
    assert_eq!(world.grant(&tokens[1..]), Err(core(CoreRefusal::Expired)));
    assert_eq!(world.balance(), before, "nothing is reserved for it");
}

#[test]
fn threat_t14_amount_and_currency_are_the_grants_whatever_the_application_says() {
    let (mut world, mut phone) = World::ready(&QUICK, 4);
    let yen = |minor| Amount::new(minor, Currency::JPY).unwrap();
    let mut shops = [world.shop(1, "Bakery", eur(0)), world.shop(2, "Tea", yen(0))];
    for (shop, asked, expected) in [
        (0, eur(PER_PAYMENT + 1), Err(own(Own::LimitTransaction))),
        (1, yen(100), Err(own(Own::LimitTransaction))),
        (0, eur(2999), Ok(())),
    ] {
        let challenge = shops[shop].charge(asked);
        // An honest wallet has no nonce for it; a dishonest one shows itself a smaller amount.
        let mut preview = phone.preview(&challenge).unwrap();
        let honest = phone.wallet.clone().offer(preview.clone(), challenge.clone()).map(|_| ());
        assert_eq!(honest.is_err(), expected.is_err());
        preview.amount = eur(1);
        let (wallet, offer) = phone.wallet.clone().offer(preview, challenge.clone()).unwrap();
        phone.wallet = wallet;
        let (_, sealed) = phone.seal(offer, PIN);
        assert_eq!(phone.authorise(&sealed).map(|_| ()).map_err(|refused| refused.refusal), expected);
    }
}

#[test]
fn threat_t14_the_sum_and_the_number_between_two_times_online_are_limited() {
    let (mut world, mut phone) = World::ready(&QUICK, 8);
    let mut shop = world.shop(1, "Bakery", eur(0));
    for _ in 0..2 {
        let challenge = shop.charge(eur(PER_PAYMENT));
        phone.pay(&challenge, PIN).unwrap();
    }
    let challenge = shop.charge(eur(1));
    assert_eq!(phone.pay(&challenge, PIN).map(|_| ()), Err(own(Own::LimitCumulative)));
    phone.reconcile(&mut world).unwrap();
    assert_eq!(phone.status().spent_minor, 0);
    for _ in 0..5 {
        let challenge = shop.charge(eur(1));
        if !phone.wallet.pool.is_empty() {
            phone.pay(&challenge, PIN).unwrap();
        }
    }
    assert_eq!(phone.status().spent_minor, 5);

    let (mut world, mut phone) = World::ready(&QUICK, 8);
    let mut shop = world.shop(1, "Bakery", eur(0));
    for _ in 0..6 {
        let challenge = shop.charge(eur(1));
        phone.pay(&challenge, PIN).unwrap();
    }
    let challenge = shop.charge(eur(1));
    assert_eq!(phone.pay(&challenge, PIN).map(|_| ()), Err(own(Own::LimitCumulative)));
}

#[test]
fn threat_t14_a_payee_refuses_more_than_the_grant_and_less_verification_than_it_asks() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(OTP_FROM));
    let payment = phone.pay(&challenge, PIN).unwrap();
    let forged = |change: fn(&mut SecureObject)| {
        forge::altered(phone.crypto, &payment.object.0, &phone.signing(), change).0
    };
    let above = forged(|object| object.body.transaction.amount = eur(PER_PAYMENT + 1));
    let nothing = forged(|object| object.body.transaction.amount = eur(0));
    let without_otp = forged(|object| object.body.otp = false);
    let unverified = forged(|object| object.body.verification = Verification::None);
    let less = forged(|object| object.body.transaction.amount = eur(OTP_FROM + 1));
    assert_eq!(shop.accept(&above), Err(own(Own::LimitTransaction)));
    assert_eq!(shop.accept(&nothing), Err(own(Own::LimitTransaction)));
    assert_eq!(shop.accept(&without_otp), Err(own(Own::VerificationWeak)));
    assert_eq!(shop.accept(&unverified), Err(own(Own::VerificationWeak)));
    assert_eq!(shop.accept(&less), Err(own(Own::WrongPayee)), "the payee's own challenge names the amount");
    shop.accept(&payment.object.0).unwrap();
}

#[test]
fn threat_t15_an_amount_changed_after_the_credential_is_refused() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let (agreed, dearer) = (shop.charge(eur(100)), shop.charge(eur(101)));
    let (_, sealed) = phone.sealed(&agreed, PIN).unwrap();
    let mut changed = sealed.clone();
    changed.challenge = dearer;
    assert_eq!(refusal(phone.authorise(&changed)), core(CoreRefusal::OpenFailed));
    assert_eq!(phone.status().attempts_left, 5);
    phone.nature.pass(1);
    phone.authorise(&sealed).unwrap();
}

#[test]
fn threat_t16_a_password_counts_once_for_one_amount_of_one_application() {
    let (mut world, mut phone) = World::ready(&QUICK, 4);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let (challenge, other) = (shop.charge(eur(3500)), shop.charge(eur(3501)));
    let offer = phone.offer(&challenge).unwrap();
    let other_transaction = phone.preview(&other).unwrap().transaction;
    let otp = phone.otp(offer.preview().transaction);
    let request = phone.second_request(&offer, &challenge, otp);
    let asked = |phone: &mut Phone, request: SecondNonceRequest| {
        phone.message(Request::SecondNonce(request)).map(|_| ())
    };
    let stranger = SecondNonceRequest { application: ApplicationId([9; 16]), ..request.clone() };
    assert_eq!(refusal(asked(&mut phone, stranger)), own(Own::NotPaired));
    let unknown = SecondNonceRequest { token: Hash::ZERO, ..request.clone() };
    assert_eq!(refusal(asked(&mut phone, unknown)), own(Own::NonceUnknown));
    asked(&mut phone, request.clone()).unwrap();
    assert_eq!(refusal(asked(&mut phone, request.clone())), own(Own::OtpRefused), "used before");
    let for_other = phone.otp(other_transaction);
    let request = SecondNonceRequest { otp: for_other, ..request };
    assert_eq!(refusal(asked(&mut phone, request.clone())), own(Own::OtpRefused), "of another amount");
    // The window is three: a password two ahead counts, and what it passed over is gone.
    let ahead: Vec<String> = (0..2).map(|_| phone.otp(offer.preview().transaction)).collect();
    asked(&mut phone, SecondNonceRequest { otp: ahead[1].clone(), ..request.clone() }).unwrap();
    assert_eq!(
        refusal(asked(&mut phone, SecondNonceRequest { otp: ahead[0].clone(), ..request.clone() })),
        own(Own::OtpRefused)
    );
    for _ in 0..3 {
        phone.otp(offer.preview().transaction);
    }
    let far = phone.otp(offer.preview().transaction);
    assert_eq!(refusal(asked(&mut phone, SecondNonceRequest { otp: far, ..request })), own(Own::OtpRefused));
}

#[test]
fn threat_t16_passwords_cannot_be_guessed_and_a_second_nonce_is_for_its_own_payment() {
    let (mut world, mut phone) = World::ready(&QUICK, 5);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let (challenge, other) = (shop.charge(eur(3500)), shop.charge(eur(3500)));
    let (offer, offer2) = (phone.offer(&challenge).unwrap(), phone.offer(&challenge).unwrap());
    let offer3 = phone.offer(&other).unwrap();
    let second = phone.second(&offer, &challenge).unwrap();
    for wrong in [offer2, offer3] {
        let (_, sealed) = phone.seal(wrong.with_second(second.clone()), PIN);
        assert_eq!(refusal(phone.authorise(&sealed)), core(CoreRefusal::BadSignature));
    }
    let mut forged = second.clone();
    *forged.0.last_mut().unwrap() ^= 1;
    let (_, sealed) = phone.seal(offer.clone().with_second(forged), PIN);
    assert_eq!(refusal(phone.authorise(&sealed)), core(CoreRefusal::BadSignature));
    let (_, sealed) = phone.seal(offer, PIN);
    assert_eq!(refusal(phone.authorise(&sealed)), own(Own::VerificationWeak), "none at all");
    // Five wrong ones, then the right one counts no more; whoever reaches the socket cannot pair anew, but after the server's answer it goes on.
    let offer = phone.offer(&other).unwrap();
    for _ in 0..5 {
        let request = phone.second_request(&offer, &other, "00000000".to_owned());
        assert_eq!(refusal(phone.message(Request::SecondNonce(request))), own(Own::OtpRefused));
    }
    assert_eq!(phone.second(&offer, &other), Err(own(Own::OtpRefused)));
    phone.application.counter = 0;
    let kem = phone.status().kem;
    let pairing = symbolon_offline_payment::payment_application::pairing(
        &QUICK,
        &phone.application,
        &kem,
        &phone.nature.seed(),
    );
    let pairing = Request::PairPaymentApplication(pairing.unwrap());
    assert_eq!(phone.done(pairing), Err(own(Own::AlreadyEnrolled)));
    phone.reconcile(&mut world).unwrap();
    phone.pair_application();
    phone.second(&offer, &other).unwrap();
}

#[test]
fn threat_t17_a_nonce_or_a_sequence_number_seen_twice_is_refused() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let tokens = phone.tokens(1).unwrap();
    let first = phone.wallet.pool[0].token.clone();
    let seen: NonceToken = forge::claims(&first.0);
    let signing = phone.signing();
    let forged = |change: fn(&mut NonceToken)| {
        let mut claims: NonceToken = forge::claims(&tokens[0].0);
        change(&mut claims);
        vec![forge::signed(&QUICK, &signing, &claims)]
    };
    let repeated =
        forge::altered::<NonceToken>(&QUICK, &tokens[0].0, &signing, |token| token.nonce = seen.nonce);
    let before = world.balance();
    assert_eq!(world.grant(&[repeated]), Err(own(Own::NonceRepeated)));
    assert_eq!(world.grant(&forged(|token| token.body.sequence = 2)), Err(own(Own::NonceRepeated)));
    assert_eq!(world.balance(), before);
    let grants = world.grant(&tokens).unwrap();
    let rows = world.rows.clone();
    assert_eq!(world.grant(&tokens).unwrap(), grants, "the same token again gets the same grant");
    assert_eq!(world.rows, rows);
    // T7: the pool is bounded at the server and in the machine.
    assert_eq!(phone.tokens(6), Err(own(Own::PoolFull)));
    let more = phone.tokens(5).unwrap();
    world.grant(&more).unwrap();
    assert_eq!(
        world.grant(&forged(|token| {
            token.nonce.0[0] ^= 1;
            token.body.sequence = 99;
        })),
        Err(own(Own::PoolFull))
    );
}

/// `uv_required` by amount: from 10.00 on this account asks for a passphrase.
#[test]
fn threat_t14_a_pin_is_too_weak_where_the_grant_asks_for_a_passphrase() {
    let phrase = || Credential::passphrase(Secret::new("correct horse battery".to_owned())).unwrap();
    let strict = AccountLimits {
        verification: vec![
            VerificationRule { from_minor: 0, user: 1, otp: false },
            VerificationRule { from_minor: 1000, user: 2, otp: false },
        ],
        ..limits()
    };
    for (first, small, large) in [
        (pin(PIN), Ok(Verification::Pin), Err(own(Own::VerificationWeak))),
        (phrase(), Ok(Verification::Passphrase), Ok(Verification::Passphrase)),
    ] {
        let mut world = World::new(&QUICK);
        world.open_payer(PAYER, strict.clone(), eur(50_000));
        let mut phone = Phone::new(&world, 1);
        phone.pair();
        let code = world.invite(PAYER);
        let enrolment = phone.enrolment(&mut world, code).unwrap();
        phone.complete_with(enrolment, &first).unwrap();
        phone.prefetch(&mut world, 3);
        let mut shop = world.shop(1, "Bakery", eur(0));
        for (minor, expected) in [(999, small), (1000, large)] {
            let challenge = shop.charge(eur(minor));
            let offer = phone.offer(&challenge).unwrap();
            let (_, sealed) = phone.seal_with(offer, first.clone());
            let object = phone.authorise(&sealed);
            let said =
                object.as_ref().map(|object| forge::claims::<SecureObject>(&object.0).body.verification);
            assert_eq!(said.map_err(|refused| refused.refusal), expected);
            if let Ok(object) = object {
                shop.accept(&object.0).unwrap();
            }
        }
        // The other kind of credential is not set, so it costs no attempt.
        let other = if first.kind() == Verification::Pin { phrase() } else { pin(PIN) };
        let challenge = shop.charge(eur(1));
        let offer = phone.offer(&challenge).unwrap();
        let (_, sealed) = phone.seal_with(offer, other);
        assert_eq!(refusal(phone.authorise(&sealed)), own(Own::CredentialKindUnknown));
        assert_eq!(phone.status().attempts_left, 5);
    }
}
