//! MACed proofs: against the `coset` crate both ways, and every refusal beside its accepted twin.
mod common;

use common::{Grant, Receipt, grant, join, map, split, write};
use coset::{CoseMac0, CoseMac0Builder, HeaderBuilder, TaggedCborSerializable, cbor::value::Value, iana};
use symbolon_keys::{Crypto, HashAlgorithm, RustCrypto};
use symbolon_proof::{BadSignature, Claims, Raw, authenticate};
use symbolon_wire::cbor::{Malformed, to_vec};

const KEY: [u8; 32] = [3; 32];

fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    RustCrypto.hmac(HashAlgorithm::Sha256, key, &[data]).reveal().clone()
}

fn maced() -> Vec<u8> {
    authenticate(&RustCrypto, &KEY, &grant())
}

fn verified(message: &[u8], key: &[u8]) -> Result<Grant, BadSignature> {
    let maced = Raw(message).parse_mac::<Grant>().expect("well-formed");
    maced.verify(&RustCrypto, key).map(symbolon_proof::Authenticated::into_claims)
}

#[test]
fn what_is_maced_is_verified_and_read_back() {
    let message = maced();
    let proof = Raw(&message).parse_mac::<Grant>().unwrap();
    assert_eq!(proof.danger_unverified(), &grant());
    let proof = proof.verify(&RustCrypto, &KEY).unwrap();
    assert_eq!((proof.claims(), proof.bytes()), (&grant(), message.as_slice()));
    assert_eq!(proof.payload_hash(&RustCrypto), RustCrypto.sha256(&[&to_vec(&grant())]));
}

#[test]
fn coset_builds_the_same_bytes_and_verifies_ours() {
    let header = HeaderBuilder::new()
        .algorithm(iana::Algorithm::HMAC_256_256)
        .value(16, Value::from(Grant::TYPE))
        .build();
    let theirs = CoseMac0Builder::new()
        .protected(header)
        .payload(to_vec(&grant()))
        .create_tag(&[], |data| hmac(&KEY, data))
        .build();
    assert_eq!(theirs.to_tagged_vec().unwrap(), maced());
    let ours = CoseMac0::from_tagged_slice(&maced()).unwrap();
    let equal = |tag: &[u8], data: &[u8]| if hmac(&KEY, data) == tag { Ok(()) } else { Err(BadSignature) };
    let verify = |aad: &[u8]| ours.verify_payload_tag(aad, || BadSignature, equal);
    assert_eq!(verify(b""), Ok(()));
    assert_eq!(verify(b"external"), Err(BadSignature));
}

#[test]
fn a_change_of_any_bit_is_refused() {
    let message = maced();
    for at in 0..message.len() {
        for bit in 0..8 {
            let mut changed = message.clone();
            changed[at] ^= 1 << bit;
            let accepted =
                Raw(&changed).parse_mac::<Grant>().is_ok_and(|maced| maced.verify(&RustCrypto, &KEY).is_ok());
            assert!(!accepted, "bit {bit} of byte {at}");
        }
    }
    for len in 0..message.len() {
        assert!(Raw(&message[..len]).parse_mac::<Grant>().is_err(), "cut to {len}");
    }
    assert!(Raw(&[message.as_slice(), &[0]].concat()).parse_mac::<Grant>().is_err(), "trailing byte");
}

#[test]
fn only_the_whole_key_verifies() {
    assert_eq!(verified(&maced(), &KEY), Ok(grant()));
    assert_eq!(verified(&maced(), &[4; 32]), Err(BadSignature));
    // HMAC pads a short key with zeros, so these MACs are right; the keys are not keys.
    for key in [&[][..], &[3; 31], &[3; 33]] {
        let message = authenticate(&RustCrypto, key, &grant());
        assert_eq!(verified(&message, key), Err(BadSignature), "a key of {} bytes", key.len());
    }
}

/// Each is MACed with the right key over exactly what it holds, so that it is the form alone that is refused.
#[test]
fn every_other_form_is_malformed() {
    let maced_parts = |tag: u64, protected: &Value, unprotected: Value, payload: Vec<u8>| {
        let protected = Value::Bytes(write(protected));
        let payload = Value::Bytes(payload);
        let structure = vec![Value::from("MAC0"), protected.clone(), Value::Bytes(vec![]), payload.clone()];
        let mac = Value::Bytes(hmac(&KEY, &write(&Value::Array(structure))));
        join(tag, vec![protected, unprotected, payload, mac])
    };
    let (empty, payload, typ) = (map(&[]), to_vec(&grant()), Value::from(Grant::TYPE));
    let good = map(&[(1, Value::from(5)), (16, typ.clone())]);
    assert_eq!(maced_parts(17, &good, empty.clone(), payload.clone()), maced(), "the accepted twin");
    let refused = |why: &str, message: Vec<u8>| {
        assert!(Raw(&message).parse_mac::<Grant>().is_err(), "{why}");
    };
    for (why, header) in [
        ("HMAC 256/64", map(&[(1, Value::from(4)), (16, typ.clone())])),
        ("HMAC 512", map(&[(1, Value::from(7)), (16, typ.clone())])),
        ("no alg", map(&[(16, typ.clone())])),
        ("no typ", map(&[(1, Value::from(5))])),
        ("another typ", map(&[(1, Value::from(5)), (16, Value::from(Receipt::TYPE))])),
        ("with a kid", map(&[(1, Value::from(5)), (4, Value::Bytes(vec![0; 8])), (16, typ.clone())])),
    ] {
        refused(why, maced_parts(17, &header, empty.clone(), payload.clone()));
    }
    refused("tag of a signature", maced_parts(18, &good, empty.clone(), payload.clone()));
    refused("unprotected alg", maced_parts(17, &good, map(&[(1, Value::from(5))]), payload.clone()));
    refused("trailing byte in the payload", maced_parts(17, &good, empty, [payload, vec![0]].concat()));
    let (tag, mut parts) = split(&maced());
    parts[3] = Value::Bytes(vec![0; 16]);
    refused("short tag", join(tag, parts));
    assert_eq!(Raw(&maced()).parse_mac::<Receipt>().unwrap_err(), Malformed, "another kind");
    assert_eq!(Raw(&maced()).parse::<Grant>().unwrap_err(), Malformed, "a signature is wanted");
}
