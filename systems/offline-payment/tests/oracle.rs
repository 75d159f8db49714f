//! Other people's implementations: messages read and written by `coset`, signatures checked by `ed25519-dalek`, the credential sealed and
//! opened by `hpke`, the credential proof by `hmac`. Every binding is written out here from the specification, none of ours is called.
mod world;

use coset::cbor::value::Value;
use coset::{CoseSign1, RegisteredLabelWithPrivate, TaggedCborSerializable, iana};
use ed25519_dalek::{Signature, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use sha2::{Digest, Sha256};
use symbolon_offline_payment::messages::{SealedBox, SealedCredential, SecureObject};
use symbolon_wire::cbor::Bytes;
use world::*;

type X25519 = hpke::kem::X25519HkdfSha256;
type Kdf = hpke::kdf::HkdfSha256;
type Aes = hpke::aead::AesGcm128;
type Public = <X25519 as Kem>::PublicKey;
type Private = <X25519 as Kem>::PrivateKey;

fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

/// The field of a CBOR map.
fn field(map: &Value, key: i64) -> Value {
    map.as_map().unwrap().iter().find(|(at, _)| *at == Value::from(key)).unwrap().1.clone()
}

fn bytes(value: Value) -> Vec<u8> {
    value.into_bytes().unwrap()
}

/// Reads a message with `coset`, writes it again to the same bytes, and verifies its signature; its claims.
fn check(message: &[u8], key: &[u8], typ: u16) -> Value {
    let sign1 = CoseSign1::from_tagged_slice(message).unwrap();
    assert_eq!(sign1.clone().to_tagged_vec().unwrap(), message, "the same bytes");
    assert_eq!(
        sign1.protected.header.alg,
        Some(RegisteredLabelWithPrivate::Assigned(iana::Algorithm::EdDSA))
    );
    assert!(sign1.unprotected.is_empty());
    // RFC 9596: typ is header parameter 16.
    let typ_label = coset::Label::Int(16);
    assert!(sign1.protected.header.rest.contains(&(typ_label, Value::from(typ))));
    // RFC 9679 thumbprint of the key, its first eight bytes.
    let thumbprint = [&[0xA3, 0x01, 0x01, 0x20, 0x06, 0x21, 0x58, 0x20], key].concat();
    assert_eq!(sign1.protected.header.key_id, sha256(&thumbprint)[..8]);
    let public = VerifyingKey::from_bytes(key.try_into().unwrap()).unwrap();
    let verify = |signature: &[u8], data: &[u8]| {
        public.verify_strict(data, &Signature::from_slice(signature).unwrap())
    };
    sign1.verify_signature(b"", verify).unwrap();
    assert!(sign1.verify_signature(b"other", verify).is_err());
    coset::cbor::de::from_reader(sign1.payload.unwrap().as_slice()).unwrap()
}

/// The x of an OKP COSE_Key on this curve.
fn okp(key: &Value, curve: i64) -> Vec<u8> {
    assert_eq!((field(key, 1), field(key, -1)), (Value::from(1), Value::from(curve)));
    bytes(field(key, -2))
}

const PRIVATE: i64 = -65537;

/// A phone with one nonce, a challenge, and the credential sealed for it by our secure application.
fn sealed() -> (World, Phone, Shop, Bytes, SealedCredential) {
    let (mut world, mut phone) = World::ready(&REAL, 1);
    let mut shop = world.shop(1, "Bakery", eur(0));
    let challenge = shop.charge(eur(OTP_FROM));
    let (_, sealed) = phone.sealed(&challenge, PIN).unwrap();
    (world, phone, shop, challenge, sealed)
}

#[test]
fn claim_1_3_and_1_8_tokens_grants_challenges_and_objects_are_cose_to_coset_and_ed25519_dalek() {
    let (world, mut phone, shop, challenge, sealed) = sealed();
    let object = phone.authorise(&sealed).unwrap();
    let (device, server) = (phone.signing().verifying(&REAL).0, world.server().0);
    let token = check(&sealed.token.0, &device, 65103);
    assert_eq!(bytes(field(&token, 7)).len(), 16);
    let grant = check(&sealed.grant.0, &server, 65104);
    assert_eq!(
        bytes(field(&field(&grant, PRIVATE), 1)),
        sha256(&sealed.token.0),
        "signed on the basis of the token"
    );
    assert_eq!(okp(&field(&field(&grant, 8), 1), 6), device, "cnf is the authenticator's key");
    let asked = check(&challenge.0, &shop.key.verifying(&REAL).0, 65107);
    check(&bytes(field(&field(&asked, PRIVATE), 1)), &server, 65106);
    let paid = field(&check(&object.0, &device, 65109), PRIVATE);
    assert_eq!(bytes(field(&paid, 1)), sha256(&sealed.token.0));
    assert_eq!(bytes(field(&paid, 2)), sealed.grant.0);
    assert_eq!(bytes(field(&paid, 3)).len(), 32);
    assert_eq!(
        (field(&paid, 6), field(&paid, 7)),
        (Value::from(1), Value::Bool(true)),
        "PIN and one-time password"
    );
    let payload = CoseSign1::from_tagged_slice(&challenge.0).unwrap().payload.unwrap();
    assert_eq!(bytes(field(&field(&paid, 4), 4)), sha256(&payload), "H(txn) is the challenge's payload");
}

/// `info = "sop/cred/v1" ‖ SHA-256(NT) ‖ SHA-256(NS)`, `aad = SHA-256(txn) ‖ SHA-256(NT2 or empty)`.
fn bindings(sealed: &SealedCredential) -> (Vec<u8>, Vec<u8>) {
    let payload = CoseSign1::from_tagged_slice(&sealed.challenge.0).unwrap().payload.unwrap();
    let second = sealed.second.as_ref().map_or(&[] as &[u8], |second| &second.0);
    let info = [b"sop/cred/v1".to_vec(), sha256(&sealed.token.0), sha256(&sealed.grant.0)].concat();
    (info, [sha256(&payload), sha256(second)].concat())
}

/// The key in a token, read with `coset`.
fn token_key(token: &[u8]) -> Vec<u8> {
    let payload = CoseSign1::from_tagged_slice(token).unwrap().payload.unwrap();
    let claims: Value = coset::cbor::de::from_reader(payload.as_slice()).unwrap();
    okp(&field(&field(&claims, PRIVATE), 3), 4)
}

#[test]
fn claim_1_4_and_1_6_the_hpke_crate_opens_the_sealed_credential() {
    for with_second in [true, false] {
        let (mut world, mut phone) = World::ready(&REAL, 1);
        let mut shop = world.shop(1, "Bakery", eur(0));
        let challenge = shop.charge(eur(if with_second { OTP_FROM } else { 100 }));
        let (_, sealed) = phone.sealed(&challenge, PIN).unwrap();
        assert_eq!(sealed.second.is_some(), with_second);
        let key = phone.nonce_keys()[0];
        let private = Private::from_bytes(&key).unwrap();
        assert_eq!(
            X25519::sk_to_pk(&private).to_bytes().as_slice(),
            token_key(&sealed.token.0),
            "the token's own key"
        );
        let from = Public::from_bytes(&phone.sender.public(&REAL).0).unwrap();
        let enc = <X25519 as Kem>::EncappedKey::from_bytes(&sealed.credential.as_ref().unwrap().enc).unwrap();
        let (info, aad) = bindings(&sealed);
        let ciphertext = &sealed.credential.as_ref().unwrap().ciphertext.0;
        let open = |mode: &OpModeR<X25519>, info: &[u8], aad: &[u8]| {
            hpke::single_shot_open::<Aes, Kdf, X25519>(mode, &private, &enc, info, ciphertext, aad)
        };
        let plain = open(&OpModeR::Auth(from.clone()), &info, &aad).unwrap();
        let mut expected = [&[1, 5], PIN.as_bytes()].concat();
        expected.resize(256, 0);
        assert_eq!(plain, expected, "kind, length, digits, zeros to one fixed length");
        assert!(open(&OpModeR::Base, &info, &aad).is_err());
        assert!(open(&OpModeR::Auth(from), &info[..75 - 32], &aad).is_err());
    }
}

#[test]
fn claim_1_4_and_1_6_the_authenticator_opens_what_the_hpke_crate_sealed() {
    let (_, mut phone, mut shop, _, mut sealed) = sealed();
    let to = Public::from_bytes(&token_key(&sealed.token.0)).unwrap();
    let private = Private::from_bytes(phone.sender.private().reveal()).unwrap();
    let public = Public::from_bytes(&phone.sender.public(&REAL).0).unwrap();
    let mut plain = [&[1, 5], PIN.as_bytes()].concat();
    plain.resize(256, 0);
    let (info, aad) = bindings(&sealed);
    let mode = OpModeS::<X25519>::Auth((private, public));
    let (enc, ciphertext) =
        hpke::single_shot_seal::<Aes, Kdf, X25519>(&mode, &to, &info, &plain, &aad).unwrap();
    sealed.credential =
        Some(SealedBox { enc: enc.to_bytes().as_slice().try_into().unwrap(), ciphertext: Bytes(ciphertext) });
    let object = phone.authorise(&sealed).unwrap();
    shop.accept(&object.0).unwrap();
}

/// `cred_proof = HMAC(K_acct, "so/v1" ‖ nt_hash ‖ R ‖ H(txn))`; an object's id is the SHA-256 of its payload.
#[test]
fn claim_1_8_and_1_6d_the_credential_proof_is_the_hmac_crates() {
    let (mut world, mut phone, mut shop, challenge, sealed) = sealed();
    let object = phone.authorise(&sealed).unwrap();
    shop.accept(&object.0).unwrap();
    let body = forge::claims::<SecureObject>(&object.0).body;
    let payload = CoseSign1::from_tagged_slice(&challenge.0).unwrap().payload.unwrap();
    let proof = |key: &[u8]| {
        let mac = Hmac::<Sha256>::new_from_slice(key)
            .unwrap()
            .chain_update(b"so/v1")
            .chain_update(sha256(&sealed.token.0));
        mac.chain_update(body.random).chain_update(sha256(&payload)).finalize().into_bytes().to_vec()
    };
    assert_eq!(proof(world.issuer.account_key(&phone.id()).reveal()), body.credential_proof.unwrap());
    assert_ne!(proof(&[0; 32]), body.credential_proof.unwrap());
    let id = sha256(&CoseSign1::from_tagged_slice(&object.0).unwrap().payload.unwrap());
    assert_eq!(world.settle(&shop.upload()).unwrap().object.0.to_vec(), id);
}
