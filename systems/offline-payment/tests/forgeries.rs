//! Forged and damaged messages at every door, the accepted twin beside each; T-20: what is malformed meets no cryptography.
mod world;

use symbolon_keys::{
    Aead, Algorithm, Argon2Cost, Crypto, CryptoError, Curve, HashAlgorithm, SigningKey, VerifyingKey,
};
use symbolon_offline_payment::messages::{
    Challenge, Enrolment, EnrolmentRequest, PayeeCertificate, Receipt, Report, Request, SecureObject,
    Settlement,
};
use symbolon_offline_payment::payee::{Payee, check_object};
use symbolon_offline_payment::state::{Command, Outcome, RevokeAuthenticator};
use symbolon_offline_payment::trust::Trust;
use symbolon_offline_payment::{OfflinePaymentRefusal as Own, Refusal};
use symbolon_types::{CoreRefusal, Hash, Secret};
use symbolon_wire::cbor::{Bytes, from_slice, to_vec};
use world::*;

fn stranger() -> SigningKey {
    SigningKey::from_seed(Secret::new([8; 32]))
}

/// A payment that was accepted, with everything that a test may want to damage.
fn accepted() -> (World, Phone, Shop, Bytes, Bytes) {
    let (mut world, mut phone) = World::ready(&QUICK, 2);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    let object = phone.pay(&challenge, PIN).unwrap().object;
    (world, phone, shop, challenge, object)
}

#[test]
fn threat_t20_a_byte_flipped_anywhere_in_an_object_is_refused_by_the_payee() {
    let (_, _, mut shop, _, object) = accepted();
    for at in 0..object.0.len() {
        for mask in [0x01, 0x10, 0x80, 0xFF] {
            let mut damaged = object.0.clone();
            damaged[at] ^= mask;
            let refusal = shop.clone().accept(&damaged).expect_err("damaged");
            let expected =
                [core(CoreRefusal::Malformed), core(CoreRefusal::BadSignature), own(Own::BadGrant)];
            assert!(expected.contains(&refusal), "{at} {mask}: {refusal:?}");
        }
    }
    shop.accept(&object.0).unwrap();
}

/// A provider whose every operation is a failed test.
struct NoCrypto;

impl Crypto for NoCrypto {
    fn algorithms(&self) -> &'static [Algorithm] {
        &[]
    }
    fn sha256(&self, _: &[&[u8]]) -> Hash {
        panic!("cryptography on malformed bytes")
    }
    fn digest(&self, _: HashAlgorithm, _: &[&[u8]]) -> Vec<u8> {
        panic!("cryptography on malformed bytes")
    }
    fn aes_cmac(&self, _: &[u8], _: &[&[u8]]) -> Result<Secret<[u8; 16]>, CryptoError> {
        panic!("cryptography on malformed bytes")
    }
    fn aes_cbc_mac(&self, _: &[u8], _: &[&[u8]]) -> Result<Secret<[u8; 16]>, CryptoError> {
        panic!("cryptography on malformed bytes")
    }
    fn hmac(&self, _: HashAlgorithm, _: &[u8], _: &[&[u8]]) -> Secret<Vec<u8>> {
        panic!("cryptography on malformed bytes")
    }
    fn aead_seal(&self, _: Aead, _: &[u8], _: &[u8], _: &[u8], _: &[u8]) -> Result<Vec<u8>, CryptoError> {
        panic!("cryptography on malformed bytes")
    }
    fn aead_open(
        &self,
        _: Aead,
        _: &[u8],
        _: &[u8],
        _: &[u8],
        _: &[u8],
    ) -> Result<Secret<Vec<u8>>, CryptoError> {
        panic!("cryptography on malformed bytes")
    }
    fn ed25519_public(&self, _: &[u8; 32]) -> [u8; 32] {
        panic!("cryptography on malformed bytes")
    }
    fn ed25519_sign(&self, _: &[u8; 32], _: &[u8]) -> [u8; 64] {
        panic!("cryptography on malformed bytes")
    }
    fn ed25519_verify(&self, _: &[u8; 32], _: &[u8], _: &[u8; 64]) -> Result<(), CryptoError> {
        panic!("cryptography on malformed bytes")
    }
    fn ecdsa_public(&self, _: Curve, _: &[u8]) -> Result<Vec<u8>, CryptoError> {
        panic!("cryptography on malformed bytes")
    }
    fn ecdsa_sign(&self, _: Curve, _: HashAlgorithm, _: &[u8], _: &[u8]) -> Result<Vec<u8>, CryptoError> {
        panic!("cryptography on malformed bytes")
    }
    fn ecdsa_verify(
        &self,
        _: Curve,
        _: HashAlgorithm,
        _: &[u8],
        _: &[u8],
        _: &[u8],
    ) -> Result<(), CryptoError> {
        panic!("cryptography on malformed bytes")
    }
    fn p256_ecdh(&self, _: &[u8; 32], _: &[u8]) -> Result<Secret<[u8; 32]>, CryptoError> {
        panic!("cryptography on malformed bytes")
    }
    fn x25519_public(&self, _: &[u8; 32]) -> [u8; 32] {
        panic!("cryptography on malformed bytes")
    }
    fn x25519(&self, _: &[u8; 32], _: &[u8; 32]) -> Result<Secret<[u8; 32]>, CryptoError> {
        panic!("cryptography on malformed bytes")
    }
    fn argon2id(&self, _: &[u8], _: &[u8], _: &[u8], _: Argon2Cost) -> Result<Secret<[u8; 32]>, CryptoError> {
        panic!("cryptography on malformed bytes")
    }
}

#[test]
fn threat_t20_what_is_malformed_meets_no_cryptography() {
    let (_, _, mut shop, _, object) = accepted();
    let (key, state) = (shop.key.clone(), shop.state.clone());
    let payee = Payee { crypto: &NoCrypto, key: &key };
    let refused =
        |bytes: &[u8]| payee.accept(state.clone(), bytes, Some(symbolon_types::UnixSeconds(1))).map(|_| ());
    let malformed: Result<(), Refusal> = Err(core(CoreRefusal::Malformed));
    for len in 0..object.0.len() {
        assert_eq!(refused(&object.0[..len]), malformed, "{len}");
    }
    let mut trailing = object.0.clone();
    trailing.push(0);
    assert_eq!(refused(&trailing), malformed);
    // The array's head of one byte as a head of two, then of indefinite length; the tag left away.
    assert_eq!(object.0[..2], [0xD2, 0x84]);
    for head in [&[0xD2, 0x98, 0x04][..], &[0xD2, 0x9F], &[0x84], &[0xD8, 0x12, 0x84]] {
        assert_eq!(refused(&[head, &object.0[2..]].concat()), malformed, "{head:02X?}");
    }
    assert_eq!(refused(&[0x81; 5000]), malformed, "depth");
    assert_eq!(refused(&vec![0; 100_000]), malformed, "length");
    shop.accept(&object.0).unwrap();
}

#[test]
fn a_forged_challenge_or_certificate_is_not_shown() {
    let (mut world, mut phone) = World::ready(&QUICK, 0);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(100));
    phone.preview(&challenge).unwrap();
    let forged = forge::altered::<Challenge>(&QUICK, &challenge.0, &stranger(), |_| {});
    assert_eq!(phone.preview(&forged), Err(core(CoreRefusal::BadSignature)));
    let own_certificate =
        forge::altered::<PayeeCertificate>(&QUICK, &shop.state.certificate.0, &stranger(), |certificate| {
            certificate.cnf.key = stranger().verifying(&QUICK);
        });
    let forged = forge::altered::<Challenge>(&QUICK, &challenge.0, &stranger(), |challenge| {
        challenge.body.certificate = own_certificate
    });
    assert_eq!(phone.preview(&forged), Err(own(Own::PayeeUnknown)));
    let nothing = forge::altered::<Challenge>(&QUICK, &challenge.0, &shop.key, |challenge| {
        challenge.body.amount = eur(0)
    });
    assert_eq!(phone.preview(&nothing), Err(core(CoreRefusal::AmountInvalid)));
    phone.nature.pass(366 * DAY);
    assert_eq!(phone.preview(&challenge), Err(core(CoreRefusal::Expired)), "the certificate has ended");
}

#[test]
fn a_challenge_is_paid_once_and_a_receipt_is_its_payees_for_its_object() {
    let (mut world, mut phone) = World::ready(&QUICK, 4);
    let (mut shop, mut other) = (world.shop(1, "Bakery", eur(0)), world.shop(2, "Butcher", eur(0)));
    let (challenge, second) = (shop.charge(eur(100)), shop.charge(eur(100)));
    let payment = phone.pay(&challenge, PIN).unwrap();
    // No receipt came: the application asks for the same object again, and cannot pay with another nonce.
    assert_eq!(phone.pay(&challenge, PIN).map(|_| ()), Err(own(Own::ChallengeUnknown)));
    let grant = forge::claims::<SecureObject>(&payment.object.0).body.grant;
    let exp = forge::claims::<symbolon_offline_payment::messages::Grant>(&grant.0).exp;
    assert_eq!(payment.may_be_charged_until, exp.plus(7 * DAY));
    let receipt = shop.accept(&payment.object.0).unwrap();
    let next = phone.pay(&second, PIN).unwrap();
    let next_receipt = shop.accept(&next.object.0).unwrap();
    let given = |receipt: &Bytes, challenge: &Bytes| {
        payment.clone().receipt(&QUICK, &challenge.0, receipt.clone()).map(|paid| paid.receipt)
    };
    let forged = forge::altered::<Receipt>(&QUICK, &receipt.0, &other.key, |_| {});
    assert_eq!(given(&forged, &challenge), Err(core(CoreRefusal::BadSignature)));
    assert_eq!(given(&next_receipt, &challenge), Err(own(Own::WrongPayee)));
    assert_eq!(given(&receipt, &second), Err(own(Own::WrongPayee)));
    let foreign = other.charge(eur(100));
    assert_eq!(given(&forged, &foreign), Err(own(Own::WrongPayee)), "a payee that was not asked to be paid");
    assert_eq!(given(&receipt, &challenge), Ok(Some(receipt)));
}

#[test]
fn an_enrolment_is_the_servers_for_this_machine_and_its_request_is_signed_by_its_key() {
    let mut world = World::funded(&QUICK);
    let (mut phone, mut other) = (Phone::new(&world, 1), Phone::new(&world, 2));
    phone.pair();
    other.pair();
    let (code, other_code) = (world.invite(PAYER), world.invite(PAYER));
    let request = phone.message(Request::BeginEnrolment(code)).unwrap();
    let forged = forge::altered::<EnrolmentRequest>(&QUICK, &request.0, &stranger(), |_| {});
    assert_eq!(world.edge().open_enrolment(&forged.0, [0; 32]), Err(core(CoreRefusal::BadSignature)));
    assert_eq!(phone.enrolment(&mut world, [0xEE; 16]), Err(own(Own::CodeUnknown)));
    let enrolment = phone.enrolment(&mut world, code).unwrap();
    assert_eq!(other.enrolment(&mut world, code), Err(own(Own::CodeUnknown)), "used for another device");
    let for_other = other.enrolment(&mut world, other_code).unwrap();
    assert_eq!(phone.complete(for_other, PIN), Err(own(Own::NotEnrolled)));
    let forged = forge::altered::<Enrolment>(&QUICK, &enrolment.0, &stranger(), |_| {});
    assert_eq!(phone.complete(forged, PIN), Err(core(CoreRefusal::BadSignature)));
    let lax = forge::altered::<Enrolment>(&QUICK, &enrolment.0, &world.issuer.signing, |enrolment| {
        enrolment.body.limits.attempts = 11
    });
    assert_eq!(phone.complete(lax, PIN), Err(core(CoreRefusal::Malformed)));
    // A credential that the paired application did not seal.
    let sender =
        core::mem::replace(&mut phone.sender, symbolon_keys::KemKey::from_private(Secret::new([5; 32])));
    assert_eq!(phone.complete(enrolment.clone(), PIN), Err(core(CoreRefusal::OpenFailed)));
    phone.sender = sender;
    phone.complete(enrolment.clone(), PIN).unwrap();
    assert_eq!(phone.complete(enrolment, PIN), Err(own(Own::AlreadyEnrolled)));
}

#[test]
fn reports_and_uploads_are_checked_to_the_last_signature() {
    let (mut world, mut phone, mut shop, _, object) = accepted();
    let mut other = world.shop(2, "Butcher", eur(0));
    let report = phone.message(Request::Report(())).unwrap();
    let forged = forge::altered::<Report>(&QUICK, &report.0, &stranger(), |_| {});
    assert_eq!(world.reconcile(&forged.0), Err(core(CoreRefusal::BadSignature)));
    let nobody = forge::altered::<Report>(&QUICK, &report.0, &stranger(), |report| {
        report.body.authenticator.0[0] ^= 1
    });
    assert_eq!(world.reconcile(&nobody.0), Err(own(Own::NotEnrolled)));
    world.reconcile(&report.0).unwrap();

    shop.accept(&object.0).unwrap();
    let upload: Settlement = from_slice(&shop.upload()).unwrap();
    let with = |change: &dyn Fn(&mut Settlement)| {
        let mut upload = upload.clone();
        change(&mut upload);
        to_vec(&upload)
    };
    let elsewhere = forge::altered::<Receipt>(&QUICK, &upload.receipt.0, &shop.key, |receipt| {
        receipt.body.payee = other.id
    });
    let other_object = forge::altered::<Receipt>(&QUICK, &upload.receipt.0, &shop.key, |receipt| {
        receipt.body.object.0[0] ^= 1
    });
    let unsigned = forge::altered::<Receipt>(&QUICK, &upload.receipt.0, &other.key, |_| {});
    let dearer = forge::altered::<Challenge>(&QUICK, &upload.challenge.0, &shop.key, |challenge| {
        challenge.body.amount = eur(101)
    });
    let foreign = other.charge(eur(100));
    let repaid = forge::altered::<SecureObject>(&QUICK, &upload.object.0, &phone.signing(), |object| {
        object.body.transaction.amount = eur(99)
    });
    let unknown = forge::altered::<SecureObject>(&QUICK, &upload.object.0, &phone.signing(), |object| {
        object.body.transaction.payee.0[0] ^= 1
    });
    let (bad, wrong) = (core(CoreRefusal::BadSignature), own(Own::WrongPayee));
    assert_eq!(world.settle(&with(&|upload| upload.receipt = elsewhere.clone())), Err(wrong));
    assert_eq!(world.settle(&with(&|upload| upload.receipt = other_object.clone())), Err(wrong));
    assert_eq!(world.settle(&with(&|upload| upload.receipt = unsigned.clone())), Err(bad));
    assert_eq!(world.settle(&with(&|upload| upload.challenge = dearer.clone())), Err(wrong));
    assert_eq!(world.settle(&with(&|upload| upload.challenge = foreign.clone())), Err(bad));
    assert_eq!(world.settle(&with(&|upload| upload.object = repaid.clone())), Err(wrong));
    assert_eq!(world.settle(&with(&|upload| upload.object = unknown.clone())), Err(own(Own::PayeeUnknown)));
    assert_eq!(world.credited(&shop), 0);
    world.settle(&to_vec(&upload)).unwrap();
}

#[test]
fn a_lost_phone_is_revoked_gets_no_nonces_and_does_not_come_back() {
    let (mut world, mut phone) = World::ready(&QUICK, 1);
    let tokens = phone.tokens(2).unwrap();
    world.grant(&tokens[..1]).unwrap();
    let authenticator = phone.id();
    world.done(Command::RevokeAuthenticator(RevokeAuthenticator { authenticator }));
    assert_eq!(world.grant(&tokens[1..]), Err(own(Own::Revoked)));
    assert_eq!(phone.reconcile(&mut world), Err(own(Own::Revoked)));
    let code = world.invite(PAYER);
    let command = world.edge().open_enrolment(&enrolment_request(&phone, code).0, [0; 32]).unwrap();
    assert_eq!(world.apply(command), Outcome::Refused(own(Own::Revoked)));
}

fn enrolment_request(phone: &Phone, code: [u8; 16]) -> Bytes {
    let (signing, kem) = (phone.signing().verifying(&QUICK), phone.sender.public(&QUICK));
    let body = symbolon_offline_payment::messages::EnrolmentRequestBody { code, signing, kem };
    forge::signed(&QUICK, &phone.signing(), &EnrolmentRequest { body })
}

#[test]
fn an_object_is_checked_with_the_servers_key_alone() {
    let (world, _, _, _, object) = accepted();
    let check =
        |server: VerifyingKey| check_object(&QUICK, &Trust::pinned(server), &object.0, None).map(|_| ());
    assert_eq!(check(world.server()), Ok(()));
    assert_eq!(check(stranger().verifying(&QUICK)), Err(own(Own::BadGrant)));
}
