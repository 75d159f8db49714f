//! The claims of system 01, each shown by a payment that stands on it; and each step of claim 1 taken away, with the refusal that follows.
mod world;

use symbolon_keys::{KemKey, SigningKey};
use symbolon_offline_payment::authenticator::otp_question;
use symbolon_offline_payment::messages::{Grant, NonceToken, Request, SecondNonce, SecureObject, Settlement};
use symbolon_offline_payment::payment_application::launch;
use symbolon_offline_payment::secure_application::{LastCall, lost_network};
use symbolon_offline_payment::{OfflinePaymentRefusal as Own, Refusal};
use symbolon_proof::Raw;
use symbolon_types::{CoreRefusal, Secret};
use symbolon_wire::cbor::{Bytes, from_slice, to_vec};

use world::*;

/// A payment of 12.50 with the server out of reach from the end of the preparation on.
#[test]
fn claim_1_1_1_9_and_1_a_and_1_7d_one_device_pays_with_the_server_out_of_reach() {
    let (mut world, mut phone) = World::ready(&REAL, 3);
    let mut shop = world.shop(1, "Bakery", eur(10_000));
    world.sever();
    let challenge = shop.charge(eur(1250));
    let preview = phone.preview(&challenge).unwrap();
    assert_eq!((preview.payee.as_str(), preview.amount), ("Bakery", eur(1250)));
    let payment = phone.pay(&challenge, PIN).unwrap();
    let receipt = shop.accept(&payment.object.0).unwrap();
    let paid = payment.receipt(phone.crypto, &challenge.0, receipt).unwrap();
    assert!(paid.receipt.is_some());
    world.restore();
    assert_eq!(world.settle(&shop.upload()).unwrap().amount, eur(1250));
    assert_eq!(
        (world.credited(&shop), world.balance()),
        (1250, (50_000 - 1250 - 2 * PER_PAYMENT, 2 * PER_PAYMENT, 0))
    );
}

#[test]
#[should_panic(expected = "the server was used while offline")]
fn the_severed_server_panics_on_use() {
    let (mut world, mut phone) = World::ready(&QUICK, 0);
    world.sever();
    phone.prefetch(&mut world, 1);
}

#[test]
fn claim_1_1_without_the_secure_application_nothing_begins() {
    let mut world = World::funded(&QUICK);
    let mut phone = Phone::new(&world, 1);
    let code = world.invite(PAYER);
    assert_eq!(phone.enrolment(&mut world, code), Err(own(Own::NotPaired)));
    phone.pair();
    phone.enrolment(&mut world, code).unwrap();
    let stranger = KemKey::from_private(Secret::new([9; 32])).public(phone.crypto);
    assert_eq!(phone.done(Request::PairSecureApplication(stranger)), Err(own(Own::AlreadyEnrolled)));
}

#[test]
fn claim_1_2_the_token_is_the_authenticators_and_without_one_there_is_nothing_to_pay_with() {
    let (mut world, mut phone) = World::ready(&QUICK, 0);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let tokens = phone.tokens(2).unwrap();
    let read: Vec<NonceToken> = tokens.iter().map(|token| forge::claims(&token.0)).collect();
    assert_eq!(read.iter().map(|token| token.body.sequence).collect::<Vec<_>>(), [1, 2]);
    assert_ne!((read[0].nonce, read[0].body.kem), (read[1].nonce, read[1].body.kem));
    let grants = world.grant(&tokens).unwrap();
    let challenge = shop.charge(eur(100));
    assert_eq!(phone.offer(&challenge).unwrap_err(), own(Own::NoNonce));
    phone.wallet = phone.wallet.clone().add(phone.crypto, &phone.trust(), &tokens, &grants).unwrap();
    phone.offer(&challenge).unwrap();
}

#[test]
fn claim_1_3_the_server_signs_over_the_token_and_without_its_signature_the_token_is_worthless() {
    let (mut world, mut phone) = World::ready(&QUICK, 0);
    let tokens = phone.tokens(1).unwrap();
    let wallet = |grants: &[Bytes]| phone.wallet.clone().add(phone.crypto, &phone.trust(), &tokens, grants);
    assert_eq!(wallet(&[]).unwrap_err(), own(Own::BadGrant));
    let grants = world.grant(&tokens).unwrap();
    let grant = Raw(&grants[0].0).parse::<Grant>().unwrap().verify(phone.crypto, &phone.server).unwrap();
    assert_eq!(grant.claims().body.token, phone.crypto.sha256(&[&tokens[0].0]));
    assert_eq!(wallet(&grants).unwrap().pool.len(), 1);
    let forged = forge::signed(phone.crypto, &SigningKey::from_seed(Secret::new([8; 32])), grant.claims());
    assert_eq!(wallet(&[forged]).unwrap_err(), own(Own::BadGrant));
}

/// What is sealed under both passes; under the token alone, under the grant alone, under neither it does not.
#[test]
fn claim_1_4_the_credential_is_sealed_under_token_and_grant() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    let (_, mut sealed) = phone.sealed(&challenge, PIN).unwrap();
    let crypto = phone.crypto;
    let both = forge::info(crypto, &sealed.token.0, &sealed.grant.0);
    let key = forge::token_key(&sealed.token.0);
    let aad = forge::aad(crypto, phone.preview(&challenge).unwrap().transaction, &[]);
    let infos =
        [forge::info(crypto, &sealed.token.0, &[]), forge::info(crypto, &[], &sealed.grant.0), Vec::new()];
    for info in infos {
        sealed.credential =
            Some(forge::seal(crypto, &key, &phone.sender, &info, &aad, &forge::padded_pin(PIN)));
        assert_eq!(phone.authorise(&sealed).unwrap_err().refusal, core(CoreRefusal::OpenFailed));
        phone.nature.pass(1);
    }
    sealed.credential = Some(forge::seal(crypto, &key, &phone.sender, &both, &aad, &forge::padded_pin(PIN)));
    phone.authorise(&sealed).unwrap();
}

#[test]
fn claim_1_5_while_there_is_a_network_nothing_is_sealed() {
    assert_eq!(lost_network(LastCall::Answered), Err(own(Own::Online)));
    assert!(lost_network(LastCall::Failed).is_ok() && lost_network(LastCall::Forbidden).is_ok());
}

#[test]
fn claim_1_6_what_the_authenticator_cannot_open_buys_nothing() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    let (_, sealed) = phone.sealed(&challenge, PIN).unwrap();
    let mut damaged = sealed.clone();
    damaged.credential.as_mut().unwrap().ciphertext.0[0] ^= 1;
    assert_eq!(phone.authorise(&damaged).unwrap_err().refusal, core(CoreRefusal::OpenFailed));
    phone.nature.pass(1);
    phone.authorise(&sealed).unwrap();
}

#[test]
fn claim_1_7_a_wrong_credential_buys_nothing_and_the_right_one_does() {
    let (mut world, mut phone) = World::ready(&REAL, 3);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    let (_, sealed) = phone.sealed(&challenge, "73518").unwrap();
    let refused = phone.authorise(&sealed).unwrap_err();
    assert_eq!((refused.refusal, refused.attempts_left), (own(Own::CredentialWrong), Some(4)));
    assert_eq!(phone.status().objects, 0);
    phone.nature.pass(2);
    phone.pay(&challenge, PIN).unwrap();
    assert_eq!(phone.status().attempts_left, 5);
}

#[test]
fn claim_1_8_the_object_stands_on_a_random_number_and_on_the_opened_credential() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let mut randoms = Vec::new();
    for _ in 0..2 {
        let challenge = shop.charge(eur(100));
        let payment = phone.pay(&challenge, PIN).unwrap();
        shop.accept(&payment.object.0).unwrap();
        randoms.push(forge::claims::<SecureObject>(&payment.object.0).body.random);
    }
    assert_ne!(randoms[0], randoms[1]);
    assert!(randoms.iter().all(|random| *random != [0; 32]));
    // An object of the right key whose R or whose proof is another fails at the issuer: both are under K_acct's MAC.
    let upload: Settlement = from_slice(&shop.upload()).unwrap();
    let changes: [fn(&mut SecureObject); 2] = [
        |object| object.body.random[0] ^= 1,
        |object| object.body.credential_proof.as_mut().unwrap()[0] ^= 1,
    ];
    for change in changes {
        let object = forge::altered(phone.crypto, &upload.object.0, &phone.signing(), change);
        let forged = to_vec(&Settlement { object, ..upload.clone() });
        assert_eq!(world.settle(&forged), Err(core(CoreRefusal::BadSignature)));
    }
    world.settle(&shop.upload()).unwrap();
}

#[test]
fn claim_1_9_without_the_object_for_its_challenge_a_payee_takes_nothing() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    world.sever();
    let challenge = shop.charge(eur(100));
    assert_eq!(shop.accept(&challenge.0), Err(core(CoreRefusal::Malformed)));
    let payment = phone.pay(&challenge, PIN).unwrap();
    let mut forgetful = shop.clone();
    forgetful.state.open.clear();
    assert_eq!(forgetful.accept(&payment.object.0), Err(own(Own::ChallengeUnknown)));
    shop.accept(&payment.object.0).unwrap();
}

#[test]
fn claim_1_2d_and_1_4d_token_and_grant_are_checked_with_the_keys_that_the_authenticator_holds() {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    let (_, sealed) = phone.sealed(&challenge, PIN).unwrap();
    let stranger = SigningKey::from_seed(Secret::new([8; 32]));
    let mut bad_token = sealed.clone();
    bad_token.token = forge::signed(phone.crypto, &stranger, &forge::claims::<NonceToken>(&sealed.token.0));
    assert_eq!(phone.authorise(&bad_token).unwrap_err().refusal, core(CoreRefusal::BadSignature));
    let mut bad_grant = sealed.clone();
    bad_grant.grant = forge::signed(phone.crypto, &stranger, &forge::claims::<Grant>(&sealed.grant.0));
    assert_eq!(phone.authorise(&bad_grant).unwrap_err().refusal, own(Own::BadGrant));
    phone.authorise(&sealed).unwrap();
}

#[test]
fn claim_1_3a_1_3b_1_3c_1_3d_the_payment_application_takes_part() {
    let (mut world, mut phone) = World::ready(&REAL, 4);
    let mut shop = world.shop(1, "Bakery", eur(10_000));
    world.sever();
    let challenge = shop.charge(eur(OTP_FROM));
    let offer = phone.offer(&challenge).unwrap();
    assert!(offer.needs_otp());
    // 1.3a: launched offline. 1.3b: its password goes to the secure application.
    let password = launch(phone.application.clone(), offline())
        .password(phone.crypto, offer.preview().transaction)
        .unwrap();
    assert_eq!(password.otp.len(), 8);
    phone.application = password.state;
    // 1.3c: the second nonce names password, token, application and transaction, and is used in the sealing.
    let request = phone.second_request(&offer, &challenge, password.otp.clone());
    let second = phone.message(Request::SecondNonce(request.clone())).unwrap();
    let body = Raw(&second.0).parse_mac::<SecondNonce>().unwrap().danger_unverified().body.clone();
    assert_eq!(body.otp, phone.crypto.sha256(&[password.otp.as_bytes(), &request.random]));
    assert_eq!((body.token, body.transaction), (offer.token(phone.crypto), offer.preview().transaction));
    let (waiting, sealed) = phone.seal(offer.clone().with_second(second.clone()), PIN);
    // Sealed without it, or handed in without it: refused.
    let (_, mut unbound) = phone.seal(offer, PIN);
    unbound.second = Some(second);
    assert_eq!(phone.authorise(&unbound).unwrap_err().refusal, core(CoreRefusal::OpenFailed));
    phone.nature.pass(1);
    let mut missing = sealed.clone();
    missing.second = None;
    assert_eq!(phone.authorise(&missing).unwrap_err().refusal, own(Own::VerificationWeak));
    let object = phone.authorise(&sealed).unwrap();
    let payment = waiting.received(phone.crypto, &phone.trust(), object).unwrap();
    // 1.3d: the payment application ends the payment, this one and no other.
    let to_payee = password.next.complete(&payment).unwrap();
    assert!(forge::claims::<SecureObject>(&to_payee.0).body.otp);
    shop.accept(&to_payee.0).unwrap();
    let other = shop.charge(eur(100));
    let other = phone.offer(&other).unwrap().preview().transaction;
    let password = launch(phone.application.clone(), offline()).password(phone.crypto, other).unwrap();
    assert_eq!(password.next.complete(&payment), Err(own(Own::WrongPayee)));
    assert_eq!(otp_question(other).len(), 64);
}

#[test]
fn claim_1_5d_another_machine_with_the_same_store_but_not_the_secret_starts_nothing() {
    let (_, mut phone) = World::ready(&QUICK, 1);
    phone.start().unwrap();
    phone.secret = Secret::new([0x55; 32]);
    assert_eq!(phone.start(), Err(own(Own::StoreFailed)));
}

#[test]
fn claim_1_6d_only_the_issuer_opens_or_checks_what_the_object_says_of_the_credential() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    let payment = phone.pay(&challenge, PIN).unwrap();
    let object: SecureObject = forge::claims(&payment.object.0);
    let aad = [object.body.token.0, object.body.random].concat();
    assert!(!opened_by_issuer(&world, &object.body.audit, b"sop/audit/v1", &aad).is_empty());
    world.issuer.kem = KemKey::from_private(Secret::new([0x66; 32]));
    let refused = symbolon_offline_payment::server::IssuerKeys::open_for_issuer(
        &world.issuer,
        &object.body.audit,
        b"sop/audit/v1",
        &aad,
    );
    assert!(refused.is_err());
    let other = world.issuer.account_key(&symbolon_offline_payment::messages::AuthenticatorId([0; 16]));
    let parts: [&[u8]; 4] =
        [b"so/v1", &object.body.token.0, &object.body.random, &object.body.transaction.challenge.0];
    let hash = symbolon_keys::HashAlgorithm::Sha256;
    assert!(
        world
            .crypto
            .hmac(hash, world.issuer.account_key(&phone.id()).reveal(), &parts)
            .equals(&object.body.credential_proof.unwrap())
    );
    assert!(!world.crypto.hmac(hash, other.reveal(), &parts).equals(&object.body.credential_proof.unwrap()));
}

#[test]
fn a_credential_has_its_form() {
    use symbolon_offline_payment::authenticator::Credential;
    let made = |pin: &str| Credential::pin(Secret::new(pin.to_owned())).map(|made| made.kind());
    let phrase = |text: &str| Credential::passphrase(Secret::new(text.to_owned())).map(|made| made.kind());
    let form: Result<_, Refusal> = Err(own(Own::CredentialForm));
    assert!(made("0000").is_ok() && made("123456789012").is_ok() && phrase("8 bytes!").is_ok());
    for wrong in ["000", "1234567890123", "12a4", "", "１２３４"] {
        assert_eq!(made(wrong), form);
    }
    assert_eq!(phrase("7 bytes"), form);
    assert_eq!(phrase(&"x".repeat(49)), form);
}
