//! The reader of any COSE message: every row of `cose_cwt.json`, the `coset` crate as writer, other forms of the same message, each refusal
//! beside its accepted twin.
mod common;

use common::{bytes, join, key_bytes, map, rows, split, write};
use coset::cbor::value::Value;
use coset::{
    CborSerializable, CoseEncrypt0Builder, CoseMac0Builder, CoseSign1Builder, Header, HeaderBuilder,
    ProtectedHeader, TaggedCborSerializable, iana,
};
use proptest::prelude::*;
use serde_json::Value as Json;
use symbolon_keys::{Aead, Crypto, Curve, HashAlgorithm, RustCrypto};
use symbolon_proof::cose::{Algorithm, CoseError, Family, Key, Message};
use symbolon_types::Secret;
use symbolon_wire::cbor::{Malformed, any::Item};

fn symmetric(key: &[u8]) -> Key {
    Key::Symmetric(Secret::new(key.to_vec()))
}

fn key_of(row: &Json) -> Key {
    let curve = match row["key"]["crv"].as_str() {
        None => return symmetric(&key_bytes(row, "k")),
        Some("Ed25519") => return Key::Ed25519(key_bytes(row, "x").try_into().unwrap()),
        Some("P-256") => Curve::P256,
        Some("P-384") => Curve::P384,
        Some(other) => panic!("{other}"),
    };
    Key::Ec2 { curve, point: [vec![4], key_bytes(row, "x"), key_bytes(row, "y")].concat() }
}

/// What a message holds, checked or opened as its algorithm says.
fn content(message: Message, key: &Key, aad: &[u8]) -> Result<Vec<u8>, CoseError> {
    match message.algorithm().family() {
        Family::Encryption => {
            message.decrypt(&RustCrypto, key, None, aad).map(|plain| plain.reveal().clone())
        }
        _ => message.verify(&RustCrypto, key, aad),
    }
}

fn checked(message: &[u8], key: &Key, aad: &[u8]) -> Result<Vec<u8>, CoseError> {
    content(Message::read(message)?, key, aad)
}

#[test]
fn every_message_of_the_vectors_is_judged_right() {
    let (mut held, mut refused) = (0, 0);
    for row in ["sign1", "mac0", "encrypt0"].into_iter().flat_map(rows) {
        let found = checked(&bytes(&row, "cbor"), &key_of(&row), &bytes(&row, "external_aad"));
        if row["ok"] == true {
            assert_eq!(found, Ok(bytes(&row, "payload")), "{}", row["id"]);
            held += 1;
        } else {
            assert!(found.is_err(), "{}", row["id"]);
            refused += 1;
        }
    }
    assert_eq!((held, refused), (34, 21));
}

/// Why each is refused: a change of the message under its own algorithm is one error, whatever was changed.
#[test]
fn the_refused_rows_are_refused_for_what_they_say() {
    use CoseError::{
        AlgorithmUnsupported as Alg, BadSignature as Sig, Malformed as Form, OpenFailed as Open,
    };
    let expect = [
        ("encrypted-tests-enc-fail-02", Open),
        ("encrypted-tests-enc-fail-03", Alg),
        ("encrypted-tests-enc-fail-06", Open),
        ("hmac-examples-HMac-enc-04", Sig),
        ("mac0-tests-mac-fail-02", Sig),
        ("mac0-tests-mac-fail-03", Alg),
        ("mac0-tests-mac-fail-06", Sig),
        ("sign1-tests-sign-fail-01", Form),
        ("sign1-tests-sign-fail-03", Alg),
        ("sign1-tests-sign-fail-04", Alg),
        ("sign1-tests-sign-fail-07", Sig),
        ("cwt-ed25519-1-bad1", Sig),
        ("cwt-ed25519-4-bad2", Sig),
        ("cwt-ed25519-3-bad3", Form),
        ("cwt-ed25519-2-bad4", Sig),
        ("cwt-ed25519-1-bad5", Form),
        ("cwt-ed25519-4-bad6", Form),
        ("cwt-ed25519-3-bad7", Form),
        ("cwt-ed25519-5-bad1", Sig),
        ("cwt-ed25519-5-bad5", Form),
        ("cwt-ed25519-6-bad4", Sig),
    ];
    let all: Vec<Json> = ["sign1", "mac0", "encrypt0"].into_iter().flat_map(rows).collect();
    for (id, why) in expect {
        let row = all.iter().find(|row| row["id"] == id).unwrap();
        let found = checked(&bytes(row, "cbor"), &key_of(row), &bytes(row, "external_aad"));
        assert_eq!(found, Err(why), "{id}");
    }
    assert_eq!(all.iter().filter(|row| row["ok"] == false).count(), expect.len());
}

/// The rows on determinism: what is only not deterministic is valid CBOR, and is read; what is not valid is not.
#[test]
fn what_is_valid_though_not_deterministic_is_read() {
    let found: Vec<(String, bool)> = rows("deterministic_cbor")
        .into_iter()
        .map(|row| (row["id"].as_str().unwrap().to_owned(), Item::read(&bytes(&row, "cbor")).is_ok()))
        .collect();
    let refused: Vec<&str> = found.iter().filter(|(_, read)| !read).map(|(id, _)| id.as_str()).collect();
    assert_eq!((found.len(), refused.as_slice()), (15, &["dcbor-16", "dcbor-21", "dcbor-22"][..]));
}

const SEED: [u8; 32] = [7; 32];

/// A key pair for a signature: the private bytes and the key that verifies.
fn pair(curve: Option<Curve>) -> (Vec<u8>, Key) {
    let Some(curve) = curve else {
        return (SEED.to_vec(), Key::Ed25519(RustCrypto.ed25519_public(&SEED)));
    };
    let mut private = vec![9; curve.field_len()];
    private[0] = 0;
    (private.clone(), Key::Ec2 { curve, point: RustCrypto.ecdsa_public(curve, &private).unwrap() })
}

/// The registry's number as `coset` knows it, with the same number's algorithm here.
const SIGNATURES: [(iana::Algorithm, Option<Curve>, HashAlgorithm); 5] = [
    (iana::Algorithm::EdDSA, None, HashAlgorithm::Sha512),
    (iana::Algorithm::ES256, Some(Curve::P256), HashAlgorithm::Sha256),
    (iana::Algorithm::ES512, Some(Curve::P256), HashAlgorithm::Sha512),
    (iana::Algorithm::ES384, Some(Curve::P384), HashAlgorithm::Sha384),
    (iana::Algorithm::ES512, Some(Curve::P521), HashAlgorithm::Sha512),
];

const MACS: [(iana::Algorithm, usize, usize); 8] = [
    (iana::Algorithm::HMAC_256_64, 32, 8),
    (iana::Algorithm::HMAC_256_256, 32, 32),
    (iana::Algorithm::HMAC_384_384, 48, 48),
    (iana::Algorithm::HMAC_512_512, 64, 64),
    (iana::Algorithm::AES_MAC_128_64, 16, 8),
    (iana::Algorithm::AES_MAC_256_64, 32, 8),
    (iana::Algorithm::AES_MAC_128_128, 16, 16),
    (iana::Algorithm::AES_MAC_256_128, 32, 16),
];

const CIPHERS: [iana::Algorithm; 12] = [
    iana::Algorithm::A128GCM,
    iana::Algorithm::A192GCM,
    iana::Algorithm::A256GCM,
    iana::Algorithm::ChaCha20Poly1305,
    iana::Algorithm::AES_CCM_16_64_128,
    iana::Algorithm::AES_CCM_16_64_256,
    iana::Algorithm::AES_CCM_64_64_128,
    iana::Algorithm::AES_CCM_64_64_256,
    iana::Algorithm::AES_CCM_16_128_128,
    iana::Algorithm::AES_CCM_16_128_256,
    iana::Algorithm::AES_CCM_64_128_128,
    iana::Algorithm::AES_CCM_64_128_256,
];

#[test]
fn every_algorithm_is_one_that_the_registry_names() {
    let named = |algorithm: iana::Algorithm| {
        let value = coset::iana::EnumI64::to_i64(&algorithm);
        Algorithm::from_id(value).unwrap_or_else(|| panic!("{algorithm:?}")).id()
    };
    let mut ids: Vec<i64> = SIGNATURES.iter().map(|row| named(row.0)).collect();
    ids.extend(MACS.iter().map(|row| named(row.0)));
    ids.extend(CIPHERS.iter().map(|row| named(*row)));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids, Algorithm::ALL.iter().map(|row| row.id()).collect::<Vec<_>>());
}

fn header(algorithm: iana::Algorithm) -> HeaderBuilder {
    HeaderBuilder::new().algorithm(algorithm)
}

fn sign(
    row: (iana::Algorithm, Option<Curve>, HashAlgorithm),
    unprotected: Header,
    payload: &[u8],
    aad: &[u8],
) -> Vec<u8> {
    let (_, curve, hash) = row;
    let (private, _) = pair(curve);
    let signature = |data: &[u8]| match curve {
        None => RustCrypto.ed25519_sign(&SEED, data).to_vec(),
        Some(curve) => RustCrypto.ecdsa_sign(curve, hash, &private, data).unwrap(),
    };
    let built = CoseSign1Builder::new()
        .protected(header(row.0).key_id(b"who".to_vec()).build())
        .unprotected(unprotected)
        .payload(payload.to_vec())
        .create_signature(aad, signature)
        .build();
    built.to_tagged_vec().unwrap()
}

/// A MAC's tag from its definition (RFC 9053 §3.1, §3.2), and the key.
fn mac(row: (iana::Algorithm, usize, usize), payload: &[u8], aad: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (algorithm, key_len, tag_len) = row;
    let key = vec![0x42; key_len];
    let tag = |data: &[u8]| {
        let hash = match algorithm {
            iana::Algorithm::HMAC_384_384 => HashAlgorithm::Sha384,
            iana::Algorithm::HMAC_512_512 => HashAlgorithm::Sha512,
            iana::Algorithm::HMAC_256_64 | iana::Algorithm::HMAC_256_256 => HashAlgorithm::Sha256,
            _ => return RustCrypto.aes_cbc_mac(&key, &[data]).unwrap().reveal()[..tag_len].to_vec(),
        };
        RustCrypto.hmac(hash, &key, &[data]).reveal()[..tag_len].to_vec()
    };
    let built = CoseMac0Builder::new()
        .protected(header(algorithm).build())
        .payload(payload.to_vec())
        .create_tag(aad, tag)
        .build();
    (built.to_tagged_vec().unwrap(), key.clone())
}

/// The cipher of a registered number, and its name by rule: nonce length by L, tag and key by the last two numbers.
fn cipher(algorithm: iana::Algorithm) -> Aead {
    use symbolon_keys::{AesCcm, CcmKey, CcmNonce, CcmTag};
    let name = format!("{algorithm:?}");
    let parts: Vec<&str> = name.split('_').collect();
    match parts.as_slice() {
        ["A128GCM"] => Aead::Aes128Gcm,
        ["A192GCM"] => Aead::Aes192Gcm,
        ["A256GCM"] => Aead::Aes256Gcm,
        ["ChaCha20Poly1305"] => Aead::ChaCha20Poly1305,
        ["AES", "CCM", length, tag, key] => Aead::AesCcm(AesCcm {
            nonce: if *length == "16" { CcmNonce::Bytes13 } else { CcmNonce::Bytes7 },
            tag: if *tag == "64" { CcmTag::Bits64 } else { CcmTag::Bits128 },
            key: if *key == "128" { CcmKey::Bits128 } else { CcmKey::Bits256 },
        }),
        other => panic!("{other:?}"),
    }
}

fn encrypt(
    algorithm: iana::Algorithm,
    unprotected: Header,
    nonce: &[u8],
    payload: &[u8],
    aad: &[u8],
) -> (Vec<u8>, Vec<u8>) {
    let aead = cipher(algorithm);
    let key = vec![0x24; aead.key_len()];
    let seal = |plain: &[u8], aad: &[u8]| RustCrypto.aead_seal(aead, &key, nonce, aad, plain).unwrap();
    let built = CoseEncrypt0Builder::new()
        .protected(header(algorithm).build())
        .unprotected(unprotected)
        .create_ciphertext(payload, aad, seal)
        .build();
    (built.to_tagged_vec().unwrap(), key.clone())
}

fn iv(algorithm: iana::Algorithm) -> (Vec<u8>, Header) {
    let nonce = vec![0x11; cipher(algorithm).nonce_len()];
    (nonce.clone(), HeaderBuilder::new().iv(nonce).build())
}

/// Every algorithm, as `coset` builds the message and what is signed, MACed or associated.
#[test]
fn what_coset_builds_is_verified_with_its_own_key_and_external_data_only() {
    let (payload, aad) = (b"This is the content.", b"external");
    let mut messages: Vec<(String, Vec<u8>, Key)> = Vec::new();
    for row in SIGNATURES {
        messages.push((format!("{row:?}"), sign(row, Header::default(), payload, aad), pair(row.1).1));
    }
    for row in MACS {
        let (message, key) = mac(row, payload, aad);
        messages.push((format!("{row:?}"), message, symmetric(&key)));
    }
    for algorithm in CIPHERS {
        let (nonce, header) = iv(algorithm);
        let (message, key) = encrypt(algorithm, header, &nonce, payload, aad);
        messages.push((format!("{algorithm:?}"), message, symmetric(&key)));
    }
    for (name, message, key) in &messages {
        assert_eq!(checked(message, key, aad), Ok(payload.to_vec()), "{name}");
        assert!(checked(message, key, b"").is_err(), "{name}");
        assert!(checked(message, &symmetric(&[1; 5]), aad).is_err(), "{name}");
        let (_, parts) = split(message);
        assert_eq!(checked(&write(&Value::Array(parts)), key, aad), Ok(payload.to_vec()), "{name} untagged");
    }
    assert_eq!(messages.len(), 25);
}

/// Every other encoding of the same message is the same message; the bytes that are signed do not change with it.
#[test]
fn other_forms_of_a_message_are_read() {
    let key = pair(None).1;
    let message = sign(SIGNATURES[0], Header::default(), b"content", b"");
    let (_, parts) = split(&message);
    let part = |at: usize| parts[at].as_bytes().unwrap().as_slice();
    let long =
        |bytes: &[u8]| [&[0x5B][..], &u64::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
    let chunked = |bytes: &[u8]| {
        let chunks: Vec<u8> = bytes
            .chunks(3)
            .flat_map(|chunk| [&[0x58, u8::try_from(chunk.len()).unwrap()], chunk].concat())
            .collect();
        [&[0x5F][..], &chunks, &[0xFF]].concat()
    };
    let forms = [
        [&[0xD8, 18, 0x98, 4][..], &long(part(0)), &[0xB8, 0], &long(part(2)), &long(part(3))].concat(),
        [&[0xD2, 0x9F][..], &chunked(part(0)), &[0xBF, 0xFF], &chunked(part(2)), &chunked(part(3)), &[0xFF]]
            .concat(),
        // As a CWT (RFC 8392 §6).
        [&[0xD8, 61][..], &message].concat(),
    ];
    for form in forms {
        assert_eq!(checked(&form, &key, b""), Ok(b"content".to_vec()));
    }
    let untagged_cwt = [&[0xD8, 61][..], &write(&Value::Array(parts.clone()))].concat();
    assert_eq!(
        checked(&untagged_cwt, &key, b""),
        Err(CoseError::Malformed),
        "a CWT's tag wants a message's tag"
    );
    let twice = [&[0xD8, 61, 0xD8, 61][..], &message].concat();
    assert_eq!(checked(&twice, &key, b""), Err(CoseError::Malformed));
}

#[test]
fn a_flipped_bit_is_never_accepted() {
    let (nonce, header) = iv(iana::Algorithm::AES_CCM_16_64_128);
    let (sealed, sealing) = encrypt(iana::Algorithm::AES_CCM_16_64_128, header, &nonce, b"x", b"");
    let (maced, macing) = mac(MACS[5], b"x", b"");
    let signed = sign(SIGNATURES[1], Header::default(), b"x", b"");
    for (message, key) in
        [(sealed, symmetric(&sealing)), (maced, symmetric(&macing)), (signed, pair(Some(Curve::P256)).1)]
    {
        assert!(checked(&message, &key, b"").is_ok());
        for at in 0..message.len() * 8 {
            let mut changed = message.clone();
            changed[at / 8] ^= 1 << (at % 8);
            assert!(checked(&changed, &key, b"").is_err(), "bit {at}");
        }
    }
}

fn sign_parts(protected: &[u8], unprotected: Value, payload: Value, signed_payload: &[u8]) -> Vec<u8> {
    let counted = if protected == [0xA0] || protected == [0xBF, 0xFF] { vec![] } else { protected.to_vec() };
    let structure = [
        Value::from("Signature1"),
        Value::Bytes(counted),
        Value::Bytes(vec![]),
        Value::Bytes(signed_payload.to_vec()),
    ];
    let signature = RustCrypto.ed25519_sign(&SEED, &write(&Value::Array(structure.to_vec()))).to_vec();
    join(18, vec![Value::Bytes(protected.to_vec()), unprotected, payload, Value::Bytes(signature)])
}

/// Each message is signed right over what it holds, so that it is the header alone that is refused.
#[test]
fn headers_are_held_to_the_rules_of_rfc_9052_section_3() {
    use CoseError::{AlgorithmUnsupported, Critical, Malformed};
    let key = pair(None).1;
    let verdict = |protected: &[u8], unprotected: &[(i64, Value)]| {
        let payload = Value::Bytes(b"p".to_vec());
        checked(&sign_parts(protected, map(unprotected), payload, b"p"), &key, b"").map(|_| ())
    };
    let with = |pairs: &[(i64, Value)]| write(&map(pairs));
    let alg = (1, Value::from(-8));
    let only = with(std::slice::from_ref(&alg));
    let crit = |labels: &[i64]| (2, Value::Array(labels.iter().map(|label| Value::from(*label)).collect()));
    let kid = (4, Value::Bytes(vec![1]));
    for (protected, unprotected, expect) in [
        (only.clone(), vec![], Ok(())),
        (with(&[alg.clone(), kid.clone()]), vec![(3, Value::from(60)), (9999, Value::Null)], Ok(())),
        (vec![], vec![alg.clone()], Ok(())),
        (vec![0xA0], vec![alg.clone()], Ok(())),
        (vec![0xBF, 0xFF], vec![alg.clone()], Ok(())),
        (vec![0xA0], vec![], Err(Malformed)),
        (only.clone(), vec![alg.clone()], Err(Malformed)),
        (with(&[alg.clone(), kid.clone()]), vec![kid.clone()], Err(Malformed)),
        (with(&[(1, Value::from(-7))]), vec![], Err(CoseError::KeyUnfit)),
        (with(&[(1, Value::from(-999))]), vec![], Err(AlgorithmUnsupported)),
        (with(&[(1, Value::from("EdDSA"))]), vec![], Err(AlgorithmUnsupported)),
        (with(&[(1, Value::from(1))]), vec![], Err(Malformed)),
        (with(&[(1, Value::Bytes(vec![8]))]), vec![], Err(Malformed)),
        (with(&[alg.clone(), (4, Value::from("text"))]), vec![], Err(Malformed)),
        (only.clone(), vec![(4, Value::from(1))], Err(Malformed)),
        (with(&[alg.clone(), (3, Value::Null)]), vec![], Err(Malformed)),
        (with(&[alg.clone(), crit(&[1])]), vec![], Ok(())),
        (with(&[alg.clone(), crit(&[4]), kid.clone()]), vec![], Ok(())),
        (with(&[alg.clone(), crit(&[4])]), vec![kid.clone()], Err(Malformed)),
        (with(&[alg.clone(), crit(&[])]), vec![], Err(Malformed)),
        (only.clone(), vec![crit(&[1])], Err(Malformed)),
        (with(&[alg.clone(), crit(&[77]), (77, Value::Null)]), vec![], Err(Critical)),
        (with(&[alg.clone(), (77, Value::Null)]), vec![], Ok(())),
        (with(&[alg.clone(), (2, Value::from(1))]), vec![], Err(Malformed)),
        ([only.clone(), vec![0]].concat(), vec![], Err(Malformed)),
        (vec![0xA2, 1, 0x27, 1, 0x27], vec![], Err(Malformed)),
        (vec![0xA2, 1, 0x27, 0x41, 0, 0], vec![], Err(Malformed)),
        (vec![0x80], vec![alg.clone()], Err(Malformed)),
    ] {
        assert_eq!(verdict(&protected, &unprotected), expect, "{protected:02X?} {unprotected:?}");
    }
}

#[test]
fn the_parts_are_of_the_number_and_the_types_that_they_must_be() {
    let key = pair(None).1;
    let (tag, parts) = split(&sign(SIGNATURES[0], Header::default(), b"p", b""));
    let verdict = |tag: u64, parts: &[Value]| checked(&join(tag, parts.to_vec()), &key, b"");
    assert_eq!(verdict(tag, &parts), Ok(b"p".to_vec()));
    for tag in [16, 17, 96, 97, 98, 998, 19] {
        assert_eq!(verdict(tag, &parts), Err(CoseError::Malformed), "tag {tag}");
    }
    for (at, other) in [(0, map(&[])), (1, Value::Bytes(vec![])), (2, Value::from("p")), (3, Value::Null)] {
        let mut parts = parts.clone();
        parts[at] = other;
        assert_eq!(verdict(tag, &parts), Err(CoseError::Malformed), "part {at}");
    }
    for len in 0..4 {
        assert_eq!(verdict(tag, &parts[..len]), Err(CoseError::Malformed), "{len} parts");
    }
    let five = [parts.as_slice(), &[Value::Null]].concat();
    assert_eq!(verdict(tag, &five), Err(CoseError::Malformed));
    assert_eq!(verdict(tag, &parts[..3]), Err(CoseError::Malformed), "a signature of three parts");
    let (nonce, header) = iv(iana::Algorithm::A128GCM);
    let (sealed, sealing) = encrypt(iana::Algorithm::A128GCM, header, &nonce, b"x", b"");
    let sealing = symmetric(&sealing);
    let read = || Message::read(&sealed).unwrap();
    assert!(read().decrypt(&RustCrypto, &sealing, None, b"").is_ok());
    assert_eq!(read().verify(&RustCrypto, &sealing, b""), Err(CoseError::Malformed), "it is no signature");
    let signed = Message::read(&join(tag, parts)).unwrap();
    assert_eq!(
        signed.decrypt(&RustCrypto, &key, None, b"").unwrap_err(),
        CoseError::Malformed,
        "it is no ciphertext"
    );
    assert_eq!(Message::read(&[]).unwrap_err(), CoseError::from(Malformed));
}

#[test]
fn detached_content_is_brought_once_and_only_where_it_is_missing() {
    let key = pair(None).1;
    let protected = write(&map(&[(1, Value::from(-8))]));
    let detached = sign_parts(&protected, map(&[]), Value::Null, b"elsewhere");
    let read = || Message::read(&detached).unwrap();
    assert!(read().is_detached());
    assert_eq!(read().verify(&RustCrypto, &key, b""), Err(CoseError::Detached));
    let attached = read().attach(b"elsewhere".to_vec()).unwrap();
    assert!(attached.clone().attach(vec![]).is_err());
    assert_eq!(attached.verify(&RustCrypto, &key, b""), Ok(b"elsewhere".to_vec()));
    let other = read().attach(b"elsewhen".to_vec()).unwrap();
    assert_eq!(other.verify(&RustCrypto, &key, b""), Err(CoseError::BadSignature));
    let whole = Message::read(&sign(SIGNATURES[0], Header::default(), b"here", b"")).unwrap();
    assert_eq!(whole.attach(b"here".to_vec()).unwrap_err(), CoseError::Detached);
}

/// RFC 9052 §3.1: the partial IV, with zeros on its left, over the base IV.
#[test]
fn a_partial_iv_is_combined_with_the_keys_base_iv() {
    let algorithm = iana::Algorithm::A128GCM;
    let (base, nonce) = ([0xA0; 12], [[0xA0; 10].as_slice(), &[0xA0 ^ 0x61, 0xA0 ^ 0xA7]].concat());
    let partial = HeaderBuilder::new().partial_iv(vec![0x61, 0xA7]).build();
    let (message, key) = encrypt(algorithm, partial, &nonce, b"x", b"");
    let opened = |message: &[u8], base: Option<&[u8]>| {
        Message::read(message)?
            .decrypt(&RustCrypto, &symmetric(&key), base, b"")
            .map(|plain| plain.reveal().clone())
    };
    assert_eq!(opened(&message, Some(&base)), Ok(b"x".to_vec()));
    assert_eq!(opened(&message, None), Err(CoseError::BaseIvMissing));
    // A base of ten bytes is the beginning of one whose end is zero.
    let prefix = [[0xA0; 10].as_slice(), &[0x61, 0xA7]].concat();
    let header = HeaderBuilder::new().partial_iv(vec![0x61, 0xA7]).build();
    let (short, _) = encrypt(algorithm, header, &prefix, b"x", b"");
    assert_eq!(opened(&short, Some(&base[..10])), Ok(b"x".to_vec()));
    assert_eq!(opened(&message, Some(&[0; 12])), Err(CoseError::OpenFailed));
    assert_eq!(opened(&message, Some(&[0xA0; 13])), Err(CoseError::Malformed), "longer than the nonce");
    let with = |header: Header| encrypt(algorithm, header, &nonce, b"x", b"").0;
    let whole = HeaderBuilder::new().iv(nonce.clone()).build();
    assert_eq!(opened(&with(whole.clone()), Some(&base)), Ok(b"x".to_vec()), "the base IV is not needed");
    let mut both = whole;
    both.partial_iv = vec![1];
    for (why, header) in [
        ("both", both),
        ("none", Header::default()),
        ("short", HeaderBuilder::new().iv(nonce[1..].to_vec()).build()),
        ("long", HeaderBuilder::new().iv([nonce.as_slice(), &[0]].concat()).build()),
        ("partial too long", HeaderBuilder::new().partial_iv(vec![0; 13]).build()),
    ] {
        assert_eq!(opened(&with(header), Some(&base)), Err(CoseError::Malformed), "{why}");
    }
}

/// A key of another type, length or curve is refused before it is used, and no seal of another length is taken.
#[test]
fn keys_and_seals_are_of_the_type_and_length_of_their_algorithm() {
    let signed = sign(SIGNATURES[1], Header::default(), b"p", b"");
    let Key::Ec2 { point, .. } = pair(Some(Curve::P256)).1 else { panic!() };
    let compressed = [&[2 + (point[64] & 1)], &point[1..33]].concat();
    let on =
        |curve, point: &[u8]| checked(&signed, &Key::Ec2 { curve, point: point.to_vec() }, b"").map(|_| ());
    assert_eq!((on(Curve::P256, &point), on(Curve::P256, &compressed)), (Ok(()), Ok(())));
    assert_eq!(on(Curve::P256, &point[1..]), Err(CoseError::KeyUnfit));
    assert_eq!(on(Curve::P384, &point), Err(CoseError::AlgorithmUnsupported), "ES256 on P-384");
    let mut off_curve = point.clone();
    off_curve[64] ^= 1;
    assert_eq!(on(Curve::P256, &off_curve), Err(CoseError::BadSignature));
    for key in [symmetric(&point), pair(None).1] {
        assert_eq!(checked(&signed, &key, b""), Err(CoseError::KeyUnfit));
    }
    let (maced, key) = mac(MACS[7], b"p", b"");
    assert!(checked(&maced, &symmetric(&key), b"").is_ok());
    assert_eq!(checked(&maced, &symmetric(&key[..16]), b""), Err(CoseError::KeyUnfit));
    let (hmac, key) = mac(MACS[1], b"p", b"");
    assert_eq!(checked(&hmac, &symmetric(&[]), b""), Err(CoseError::KeyUnfit), "no key at all");
    let (tag, mut parts) = split(&hmac);
    let seal = parts[3].as_bytes().unwrap().clone();
    for len in [0, 8, 31] {
        parts[3] = Value::Bytes(seal[..len].to_vec());
        assert_eq!(
            checked(&join(tag, parts.clone()), &symmetric(&key), b""),
            Err(CoseError::BadSignature),
            "{len}"
        );
    }
    parts[3] = Value::Bytes([seal.as_slice(), &[0]].concat());
    assert_eq!(checked(&join(tag, parts), &symmetric(&key), b""), Err(CoseError::BadSignature));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Random headers, payloads and external data as `coset` writes them; what it signs is what we verify.
    #[test]
    fn random_messages_of_coset_are_verified(
        payload in prop::collection::vec(any::<u8>(), 0..80),
        aad in prop::collection::vec(any::<u8>(), 0..40),
        kid in prop::collection::vec(any::<u8>(), 0..20),
        content_type in any::<u8>(),
        labels in prop::collection::btree_map(100i64..200, any::<i64>(), 0..6),
        in_protected: bool,
    ) {
        let mut builder = HeaderBuilder::new().key_id([kid.as_slice(), &[content_type]].concat());
        for (label, value) in &labels {
            builder = builder.value(*label, Value::from(*value));
        }
        let more = builder.build();
        let mut protected = Header { alg: Some(coset::Algorithm::Assigned(iana::Algorithm::HMAC_256_256)), ..Header::default() };
        let mut unprotected = Header::default();
        if in_protected {
            protected = Header { alg: protected.alg, ..more };
        } else {
            unprotected = more;
        }
        let key = [5; 32];
        let built = CoseMac0Builder::new()
            .protected(protected)
            .unprotected(unprotected)
            .payload(payload.clone())
            .create_tag(&aad, |data| RustCrypto.hmac(HashAlgorithm::Sha256, &key, &[data]).reveal().clone())
            .build();
        let message = built.clone().to_vec().unwrap();
        let read = Message::read(&message).unwrap();
        prop_assert!(read.headers().algorithm_is_protected());
        let expect = [kid.as_slice(), &[content_type]].concat();
        prop_assert_eq!(read.headers().kid(), Some(expect.as_slice()));
        prop_assert_eq!(checked(&message, &symmetric(&key), &aad), Ok(payload));
    }

    /// Whatever comes, there is an answer; and what is read as a message, `coset` reads too.
    #[test]
    fn changed_messages_never_panic_and_have_the_shape_that_coset_sees(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut message = sign(SIGNATURES[0], HeaderBuilder::new().key_id(vec![1, 2]).build(), b"payload", b"");
        for (at, value) in flips {
            let at = at.index(message.len());
            message[at] = value;
        }
        if let Ok(read) = Message::read(&message) && read.algorithm().family() == Family::Signature && message[0] == 0xD2 {
            prop_assert!(coset::CoseSign1::from_tagged_slice(&message).is_ok(), "{:02X?}", message);
        }
    }
}

#[test]
fn coset_keeps_the_protected_bytes_that_we_sign_over() {
    let message = sign(SIGNATURES[0], Header::default(), b"p", b"aad");
    let theirs = coset::CoseSign1::from_tagged_slice(&message).unwrap();
    let kept: &ProtectedHeader = &theirs.protected;
    assert!(kept.original_data.is_some());
    assert_eq!(theirs.tbs_data(b"aad")[..12], [&[0x84, 0x6A][..], b"Signature1"].concat());
}
