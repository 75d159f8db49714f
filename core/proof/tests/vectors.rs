//! `cose_cwt.json`: what its messages say about our structures, and that our strict reader takes none of them; its rows on determinism.
mod common;

use common::{Grant, bytes, key_bytes, rows, split};
use coset::cbor::value::Value as Cbor;
use symbolon_keys::{Crypto, HashAlgorithm, RustCrypto};
use symbolon_proof::Raw;
use symbolon_wire::cbor::{self, Decoder, Encoder, Malformed, from_slice};

/// No row has a typ of ours; strictness means that each is refused, the good ones too.
#[test]
fn a_message_that_is_not_of_our_form_is_never_read() {
    let mut seen = 0;
    for row in rows("sign1").into_iter().chain(rows("mac0")).chain(rows("encrypt0")) {
        let message = bytes(&row, "cbor");
        assert!(Raw(&message).parse::<Grant>().is_err(), "{}", row["id"]);
        assert!(Raw(&message).parse_mac::<Grant>().is_err(), "{}", row["id"]);
        seen += 1;
    }
    assert_eq!(seen, 55);
}

/// The bytes that a good row says are signed or MACed are ours for its headers and payload, and its signature or tag is right under our provider.
#[test]
fn the_structures_of_the_good_rows_are_built_and_verified() {
    let (mut signatures, mut macs) = (0, 0);
    for row in rows("sign1").into_iter().chain(rows("mac0")) {
        let ed25519 = row["key"]["crv"] == "Ed25519";
        if row["ok"] != true || !bytes(&row, "cbor").starts_with(&[if ed25519 { 0xD2 } else { 0xD1 }]) {
            continue;
        }
        let (_, parts) = split(&bytes(&row, "cbor"));
        if !ed25519 && algorithm(&parts) != 5.into() {
            continue;
        }
        let part = |at: usize| parts[at].as_bytes().unwrap().clone();
        let (protected, payload, seal) = (part(0), part(2), part(3));
        let context = if ed25519 { "Signature1" } else { "MAC0" };
        let mut out = Encoder::new();
        // A protected header received as h'A0' counts as the empty string (RFC 9052 §3).
        let protected = if protected == [0xA0] { vec![] } else { protected };
        out.array(4).text(context).bytes(&protected).bytes(&bytes(&row, "external_aad")).bytes(&payload);
        let structure = out.finish();
        assert_eq!(structure, bytes(&row, "to_be"), "{}", row["id"]);
        if ed25519 {
            signatures += 1;
            let public = key_bytes(&row, "x").try_into().unwrap();
            let signature = seal.as_slice().try_into().unwrap();
            assert_eq!(RustCrypto.ed25519_verify(&public, &structure, signature), Ok(()), "{}", row["id"]);
        } else {
            macs += 1;
            let tag = RustCrypto.hmac(HashAlgorithm::Sha256, &key_bytes(&row, "k"), &[&structure]);
            assert!(tag.equals(&seal), "{}", row["id"]);
        }
    }
    assert_eq!((signatures, macs), (7, 4));
}

/// Header parameter 1, wherever the message has it.
fn algorithm(parts: &[Cbor]) -> Cbor {
    let protected: Cbor = match parts[0].as_bytes().unwrap().as_slice() {
        [] => Cbor::Map(vec![]),
        bytes => coset::cbor::de::from_reader(bytes).unwrap(),
    };
    let pairs = [protected, parts[1].clone()].map(|map| map.into_map().unwrap()).concat();
    pairs.into_iter().find(|(label, _)| *label == 1.into()).unwrap().1
}

/// Any item that the strict reader knows: no floats, maps with keys 0..=23.
#[derive(Debug, PartialEq)]
struct Any;

impl cbor::Cbor for Any {
    fn encode(&self, _: &mut Encoder) {
        unreachable!("only read");
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        match input.peek_major()? {
            0 | 1 => input.int().map(|_| Self),
            2 => input.bytes().map(|_| Self),
            3 => input.text().map(|_| Self),
            4 => input
                .array(|input, items| (0..items).try_for_each(|_| Self::decode(input).map(|_| ())))
                .map(|()| Self),
            5 => input
                .map(|fields| (0..24).try_for_each(|key| fields.field::<Option<Self>>(key).map(|_| ())))
                .map(|()| Self),
            6 => input.tag().and_then(|_| Self::decode(input)),
            _ if input.take_null() => Ok(Self),
            _ => input.bool().map(|_| Self),
        }
    }
}

/// RFC 8949 §4.2.1. The rows with floats are deterministic, but Symbolon's messages have no floats: refused too, and counted.
#[test]
fn only_deterministic_cbor_without_floats_is_read() {
    let (mut taken, mut refused, mut floats) = (0, 0, 0);
    for row in rows("deterministic_cbor") {
        let read = from_slice::<Any>(&bytes(&row, "cbor"));
        let has_float = row["ok"] == true && {
            let item: Cbor = coset::cbor::de::from_reader(bytes(&row, "cbor").as_slice()).unwrap();
            item.is_float() || item.as_map().is_some_and(|map| map.iter().any(|(key, _)| key.is_float()))
        };
        assert_eq!(read.is_ok(), row["ok"] == true && !has_float, "{}", row["id"]);
        match (read.is_ok(), has_float) {
            (true, _) => taken += 1,
            (false, true) => floats += 1,
            (false, false) => refused += 1,
        }
    }
    assert_eq!((taken, refused, floats), (4, 9, 2));
}
