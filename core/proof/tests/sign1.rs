//! Signed proofs: against the `coset` crate both ways, and every refusal beside its accepted twin.
mod common;

use common::{Grant, Receipt, grant, join, key, map, signer, split, write};
use coset::{
    CborSerializable, CoseKeyBuilder, CoseSign1, CoseSign1Builder, HeaderBuilder, TaggedCborSerializable,
};
use coset::{Label, cbor::value::Value, iana};
use proptest::prelude::*;
use symbolon_keys::{Crypto, CryptoError, KemPublic, KeyId, RustCrypto, Signer, VerifyingKey};
use symbolon_proof::{BadSignature, Claims, MESSAGE_LEN_MAX, Raw, Unsigned, sign};
use symbolon_types::{CoreRefusal, Refused, hex_parse};
use symbolon_wire::cbor::{Bytes, Cbor, Decoder, Encoder, Malformed, to_vec};

fn signed() -> Vec<u8> {
    sign(&RustCrypto, &signer(&key(1)), &grant()).unwrap()
}

fn public(number: u8) -> VerifyingKey {
    key(number).verifying(&RustCrypto)
}

fn header(typ: i64) -> Value {
    let kid = public(1).id(&RustCrypto).0.to_vec();
    map(&[(1, Value::from(-8)), (4, Value::Bytes(kid)), (16, Value::from(typ))])
}

/// Signs whatever parts are given, as a signer with the right key but another idea of the form would.
fn signed_parts(tag: u64, protected: Vec<u8>, unprotected: Value, payload: Vec<u8>) -> Vec<u8> {
    let structure = Value::Array(vec![
        Value::from("Signature1"),
        Value::Bytes(protected.clone()),
        Value::Bytes(vec![]),
        Value::Bytes(payload.clone()),
    ]);
    let signature = signer(&key(1)).sign(&write(&structure)).unwrap().to_vec();
    join(tag, vec![Value::Bytes(protected), unprotected, Value::Bytes(payload), Value::Bytes(signature)])
}

fn parsed(message: &[u8]) -> Result<Grant, Malformed> {
    Raw(message).parse::<Grant>().map(|signed| signed.danger_unverified().clone())
}

/// Whether a message gets through both doors.
fn accepted(message: &[u8]) -> bool {
    Raw(message).parse::<Grant>().is_ok_and(|signed| signed.verify(&RustCrypto, &public(1)).is_ok())
}

#[test]
fn what_is_signed_is_verified_and_read_back() {
    let message = signed();
    let proof = Raw(&message).parse::<Grant>().unwrap();
    assert_eq!(proof.kid(), public(1).id(&RustCrypto));
    let proof = proof.verify(&RustCrypto, &public(1)).unwrap();
    assert_eq!((proof.claims(), proof.bytes(), proof.key()), (&grant(), message.as_slice(), public(1)));
    assert_eq!(proof.payload_hash(&RustCrypto), RustCrypto.sha256(&[&to_vec(&grant())]));
    assert_eq!(proof.hash(&RustCrypto), RustCrypto.sha256(&[&message]));
    assert_eq!(proof.into_claims(), grant());
}

#[test]
fn coset_builds_the_same_bytes_and_signs_the_same_structure() {
    let kid = public(1).id(&RustCrypto);
    let header = HeaderBuilder::new()
        .algorithm(iana::Algorithm::EdDSA)
        .key_id(kid.0.to_vec())
        .value(16, Value::from(Grant::TYPE))
        .build();
    let theirs = CoseSign1Builder::new().protected(header).payload(to_vec(&grant())).build();
    let ours = Unsigned::new(kid, &grant());
    assert_eq!(ours.to_be_signed(), theirs.tbs_data(&[]));
    let signature = signer(&key(1)).sign(&theirs.tbs_data(&[])).unwrap();
    let theirs = CoseSign1 { signature: signature.to_vec(), ..theirs }.to_tagged_vec().unwrap();
    assert_eq!(ours.attach(signature), theirs);
    assert_eq!(signed(), theirs);
    assert!(accepted(&theirs), "a message that coset made");
}

#[test]
fn coset_reads_and_verifies_what_we_sign() {
    let theirs = CoseSign1::from_tagged_slice(&signed()).unwrap();
    assert_eq!(theirs.protected.header.alg, Some(coset::Algorithm::Assigned(iana::Algorithm::EdDSA)));
    assert_eq!(theirs.protected.header.key_id, public(1).id(&RustCrypto).0);
    assert_eq!(theirs.protected.header.rest, [(Label::Int(16), Value::from(Grant::TYPE))]);
    assert!(theirs.unprotected.is_empty());
    let verify = |aad: &[u8]| {
        theirs.verify_signature(aad, |signature, data| {
            RustCrypto.ed25519_verify(&public(1).0, data, signature.try_into().unwrap())
        })
    };
    assert_eq!(verify(b""), Ok(()));
    assert_eq!(verify(b"external"), Err(CryptoError));
}

#[test]
fn coset_writes_the_same_cose_keys() {
    let okp = |curve: iana::EllipticCurve, x: [u8; 32]| {
        let key = CoseKeyBuilder::new_okp_key()
            .param(-1, Value::from(curve as i64))
            .param(-2, Value::Bytes(x.to_vec()))
            .build();
        key.to_vec().unwrap()
    };
    assert_eq!(to_vec(&public(1)), okp(iana::EllipticCurve::Ed25519, public(1).0));
    assert_eq!(to_vec(&KemPublic([5; 32])), okp(iana::EllipticCurve::X25519, [5; 32]));
}

#[test]
fn a_stored_payload_gives_the_same_message_again() {
    let kid = public(1).id(&RustCrypto);
    let stored = Unsigned::new(kid, &grant()).payload().to_vec();
    let again = Unsigned::<Grant>::from_payload(kid, stored.clone()).unwrap();
    assert_eq!(again.attach(signer(&key(1)).sign(&again.to_be_signed()).unwrap()), signed());
    let trailing = [stored.as_slice(), &[0]].concat();
    assert_eq!(Unsigned::<Grant>::from_payload(kid, trailing).unwrap_err(), Malformed);
    assert_eq!(Unsigned::<Grant>::from_payload(kid, vec![]).unwrap_err(), Malformed);
}

#[test]
fn a_change_of_any_byte_is_refused() {
    let message = signed();
    assert!(accepted(&message));
    for at in 0..message.len() {
        let mut changed = message.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(!accepted(&changed), "byte {at}");
    }
    for len in 0..message.len() {
        assert_eq!(parsed(&message[..len]), Err(Malformed), "cut to {len}");
    }
    assert_eq!(parsed(&[message.as_slice(), &[0]].concat()), Err(Malformed), "trailing byte");
}

#[test]
fn only_the_key_that_the_header_names_and_that_signed_verifies() {
    let verify = |message: &[u8], number| {
        Raw(message).parse::<Grant>().unwrap().verify(&RustCrypto, &public(number)).map(|_| ())
    };
    assert_eq!(verify(&signed(), 1), Ok(()));
    assert_eq!(verify(&signed(), 2), Err(BadSignature), "another key");
    // The right key's signature, under the id of another key: refused with either.
    let renamed = Unsigned::new(public(2).id(&RustCrypto), &grant());
    let renamed = renamed.attach(signer(&key(1)).sign(&renamed.to_be_signed()).unwrap());
    assert_eq!(verify(&renamed, 1), Err(BadSignature), "the kid must be the key's id");
    assert_eq!(verify(&renamed, 2), Err(BadSignature), "the named key did not sign");
    // An absent proof: a signature of zeros.
    let absent = Unsigned::new(public(1).id(&RustCrypto), &grant()).attach([0; 64]);
    assert_eq!(verify(&absent, 1), Err(BadSignature));
    assert_eq!(Refused::from(BadSignature), CoreRefusal::BadSignature.refused());
}

#[test]
fn one_kind_of_proof_is_never_another() {
    let message = signed();
    assert!(Raw(&message).parse::<Grant>().is_ok());
    assert_eq!(Raw(&message).parse::<Receipt>().unwrap_err(), Malformed, "same fields, another typ");
    assert_eq!(Raw(&message).parse_mac::<Grant>().unwrap_err(), Malformed);
}

/// Each is signed by the right key over exactly what it holds, so that it is the form alone that is refused.
#[test]
fn every_other_form_is_malformed() {
    let (empty, payload) = (map(&[]), to_vec(&grant()));
    let typ = i64::from(Grant::TYPE);
    let good = || write(&header(typ));
    let with = |pairs: &[(i64, Value)]| write(&map(pairs));
    let twin = signed_parts(18, good(), empty.clone(), payload.clone());
    assert_eq!(twin, signed(), "the accepted twin");
    let kid = Value::Bytes(public(1).id(&RustCrypto).0.to_vec());
    let (alg, kid, typ_pair) = ((1, Value::from(-8)), (4, kid), (16, Value::from(typ)));
    for (why, protected) in [
        ("alg ES256", with(&[(1, Value::from(-7)), kid.clone(), typ_pair.clone()])),
        ("alg Ed25519 (-19)", with(&[(1, Value::from(-19)), kid.clone(), typ_pair.clone()])),
        ("no alg", with(&[kid.clone(), typ_pair.clone()])),
        ("no kid", with(&[alg.clone(), typ_pair.clone()])),
        ("kid of 7 bytes", with(&[alg.clone(), (4, Value::Bytes(vec![0; 7])), typ_pair.clone()])),
        ("no typ", with(&[alg.clone(), kid.clone()])),
        ("another typ", write(&header(typ + 1))),
        ("typ as text", with(&[alg.clone(), kid.clone(), (16, Value::from("application/cwt"))])),
        ("crit besides", with(&[alg.clone(), (2, Value::Array(vec![])), kid.clone(), typ_pair.clone()])),
        ("more after typ", with(&[alg.clone(), kid.clone(), typ_pair.clone(), (17, Value::from(1))])),
        ("out of order", with(&[kid.clone(), alg.clone(), typ_pair.clone()])),
        ("alg twice", with(&[alg.clone(), alg.clone(), kid.clone(), typ_pair.clone()])),
        ("empty", vec![]),
        ("trailing byte", [good(), vec![0]].concat()),
    ] {
        let message = signed_parts(18, protected, empty.clone(), payload.clone());
        assert_eq!(parsed(&message), Err(Malformed), "protected header: {why}");
    }
    for unprotected in
        [map(std::slice::from_ref(&kid)), map(&[(1, Value::from(-8))]), Value::Array(vec![]), Value::Null]
    {
        let message = signed_parts(18, good(), unprotected.clone(), payload.clone());
        assert_eq!(parsed(&message), Err(Malformed), "unprotected header: {unprotected:?}");
    }
    for tag in [17, 16, 98, 61] {
        let message = signed_parts(tag, good(), empty.clone(), payload.clone());
        assert_eq!(parsed(&message), Err(Malformed), "tag {tag}");
    }
    let untagged = write(&Value::Array(split(&twin).1));
    assert_eq!(parsed(&untagged), Err(Malformed), "no tag");
}

#[test]
fn a_message_of_other_parts_is_malformed() {
    let (tag, parts) = split(&signed());
    assert!(accepted(&join(tag, parts.clone())), "the accepted twin");
    let changed = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut parts = parts.clone();
        change(&mut parts);
        parsed(&join(tag, parts))
    };
    assert_eq!(changed(&|parts| parts.push(Value::Null)), Err(Malformed), "five parts");
    assert_eq!(changed(&|parts| parts.truncate(3)), Err(Malformed), "no signature");
    assert_eq!(changed(&|parts| parts[3] = Value::Bytes(vec![])), Err(Malformed), "empty signature");
    assert_eq!(changed(&|parts| parts[3] = Value::Bytes(vec![0; 63])), Err(Malformed));
    assert_eq!(changed(&|parts| parts[3] = Value::Bytes(vec![0; 65])), Err(Malformed));
    assert_eq!(changed(&|parts| parts[3] = Value::Null), Err(Malformed));
    assert_eq!(changed(&|parts| parts[2] = Value::Null), Err(Malformed), "detached payload");
    assert_eq!(parsed(b""), Err(Malformed), "nothing at all");
}

/// Payloads that mean the same, or more, in another encoding. All are signed as they are.
#[test]
fn a_payload_has_one_encoding() {
    let of = |hex: &str| {
        let payload = hex_parse(hex).unwrap();
        signed_parts(18, write(&header(Grant::TYPE.into())), map(&[]), payload)
    };
    assert!(accepted(&of("A304010602074103")), "the accepted twin");
    for (why, hex) in [
        ("number not shortest", "A30418010602074103"),
        ("keys out of order", "A306020401074103"),
        ("key twice", "A4040104010602074103"),
        ("unknown key", "A404010602074103080 0"),
        ("indefinite map", "BF04010602074103FF"),
        ("indefinite string", "A3040106025F4103FF"),
        ("length not shortest", "A304010602075801 03"),
        ("a field missing", "A204010602"),
        ("trailing byte", "A30401060207410300"),
        ("null for an optional field", "A4040106020741033A00010000F6"),
        ("a float", "A304F93C000602074103"),
        ("a tag", "A304C1010602074103"),
        ("an array", "83010203"),
        ("nothing", ""),
    ] {
        let message = of(&hex.replace(' ', ""));
        assert_eq!(parsed(&message), Err(Malformed), "{why}");
    }
}

/// Whatever a type's own decoder lets pass: here a boolean is read as a number, which would be written as a number.
#[test]
fn a_lax_type_of_claims_still_has_one_encoding() {
    #[derive(Debug)]
    struct Lax(u64);
    impl Cbor for Lax {
        fn encode(&self, out: &mut Encoder) {
            out.uint(self.0);
        }
        fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
            if input.peek_major()? == 7 {
                input.bool().map(|one| Self(one.into()))
            } else {
                input.uint().map(Self)
            }
        }
    }
    impl Claims for Lax {
        const TYPE: u16 = Grant::TYPE;
    }
    let of = |payload: u8| signed_parts(18, write(&header(Lax::TYPE.into())), map(&[]), vec![payload]);
    assert!(Raw(&of(0x01)).parse::<Lax>().is_ok());
    assert_eq!(Raw(&of(0xF5)).parse::<Lax>().unwrap_err(), Malformed);
}

/// The heads of the envelope itself, in forms that CBOR allows and determinism does not.
#[test]
fn an_envelope_has_one_encoding() {
    let message = signed();
    // D2 84 58 len protected A0 58 len payload 58 40 signature
    assert_eq!(message[..3], [0xD2, 0x84, 0x51]);
    let forms = [
        ("tag not shortest", [&[0xD8, 18], &message[1..]].concat()),
        ("array not shortest", [&message[..1], &[0x98, 4], &message[2..]].concat()),
        ("array indefinite", [&message[..1], &[0x9F], &message[2..], &[0xFF]].concat()),
        ("protected not shortest", [&message[..2], &[0x58, 0x11], &message[3..]].concat()),
        ("map not shortest", [&message[..20], &[0xB8, 0], &message[21..]].concat()),
        ("map indefinite", [&message[..20], &[0xBF, 0xFF], &message[21..]].concat()),
        ("a tag before the tag", [&[0xD9, 0xD9, 0xF7], message.as_slice()].concat()),
    ];
    assert_eq!(message[20], 0xA0, "the unprotected header");
    assert!(accepted(&message), "the accepted twin");
    for (why, form) in forms {
        assert_eq!(parsed(&form), Err(Malformed), "{why}");
    }
}

#[test]
fn length_is_bounded_where_it_is_written_and_where_it_is_read() {
    let of = |len: usize| Grant { id: Bytes(vec![0; len]), ..grant() };
    let kid = public(1).id(&RustCrypto);
    let overhead = Unsigned::new(kid, &of(1000)).attach([0; 64]).len() - 1000;
    let most = MESSAGE_LEN_MAX - overhead;
    let message = sign(&RustCrypto, &signer(&key(1)), &of(most)).unwrap();
    assert_eq!(message.len(), MESSAGE_LEN_MAX);
    assert!(accepted(&message));
    assert_eq!(sign(&RustCrypto, &signer(&key(1)), &of(most + 1)), Err(CryptoError));
    assert_eq!(parsed(&Unsigned::new(kid, &of(most + 1)).attach([0; 64])), Err(Malformed));
}

#[test]
fn a_signer_that_cannot_sign_makes_no_message() {
    struct Locked;
    impl Signer for Locked {
        fn verifying_key(&self) -> VerifyingKey {
            public(1)
        }
        fn sign(&self, _: &[u8]) -> Result<[u8; 64], CryptoError> {
            Err(CryptoError)
        }
    }
    assert_eq!(sign(&RustCrypto, &Locked, &grant()), Err(CryptoError));
}

proptest! {
    #[test]
    fn reading_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = (Raw(&bytes).parse::<Grant>(), Raw(&bytes).parse_mac::<Grant>());
    }

    /// Near misses of a message: what is read at all is written back the same.
    #[test]
    fn what_is_read_is_what_would_be_written(at: proptest::sample::Index, with: Vec<u8>, drop in 0..4usize) {
        let mut message = signed();
        let at = at.index(message.len());
        message.splice(at..(at + drop).min(message.len()), with);
        if let Ok(signed) = Raw(&message).parse::<Grant>() {
            let signature = message[message.len() - 64..].try_into().unwrap();
            prop_assert_eq!(Unsigned::new(signed.kid(), signed.danger_unverified()).attach(signature), message);
        }
    }

    #[test]
    fn coset_agrees_on_any_claims(exp: u64, iat: u64, id: Vec<u8>, kid: [u8; 8]) {
        let claims = Grant { exp: symbolon_types::UnixSeconds(exp), iat: symbolon_types::UnixSeconds(iat), id: Bytes(id), fields: None };
        let ours = Unsigned::new(KeyId(kid), &claims);
        let theirs = CoseSign1::from_tagged_slice(&ours.attach([9; 64])).unwrap();
        prop_assert_eq!(theirs.tbs_data(&[]), ours.to_be_signed());
        prop_assert_eq!(theirs.to_tagged_vec().unwrap(), ours.attach([9; 64]));
    }
}
