//! Two kinds of claims, keys, and a splitter of messages that is not the crate's own reader.
#![allow(dead_code, reason = "each test crate uses a part of it")]
use coset::cbor::value::Value;
use serde_json::Value as Json;
use symbolon_keys::{LocalSigner, RustCrypto, SigningKey};
use symbolon_proof::Claims;
use symbolon_types::{Secret, UnixSeconds, hex_parse};
use symbolon_wire::cbor::Bytes;

symbolon_wire::cbor_map! {
    /// A proof as a system would define it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Grant {
        /// exp.
        4 => exp: UnixSeconds,
        /// iat.
        6 => iat: UnixSeconds,
        /// cti.
        7 => id: Bytes,
        /// Private fields.
        -65537 => fields: Option<Fields>,
    }

    /// Its private fields.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Fields {
        /// Some text.
        1 => what: String,
    }

    /// The same fields as another kind of proof.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Receipt {
        /// exp.
        4 => exp: UnixSeconds,
        /// iat.
        6 => iat: UnixSeconds,
        /// cti.
        7 => id: Bytes,
        /// Private fields.
        -65537 => fields: Option<Fields>,
    }
}

impl Claims for Grant {
    const TYPE: u16 = 65_001;
}

impl Claims for Receipt {
    const TYPE: u16 = 65_002;
}

/// A grant with every field.
pub fn grant() -> Grant {
    let fields = Some(Fields { what: "pump 3".into() });
    Grant { exp: UnixSeconds(1_900_000_000), iat: UnixSeconds(1_800_000_000), id: Bytes(vec![7; 16]), fields }
}

/// The key of this number.
pub fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(Secret::new([number; 32]))
}

/// Signs as `key`.
pub fn signer(key: &SigningKey) -> LocalSigner<'_> {
    LocalSigner { crypto: &RustCrypto, key }
}

/// A message as ciborium reads it: `tag, [protected, unprotected, payload, seal]`.
pub fn split(message: &[u8]) -> (u64, Vec<Value>) {
    match coset::cbor::de::from_reader(message).unwrap() {
        Value::Tag(tag, content) => (tag, content.into_array().unwrap()),
        other => panic!("{other:?}"),
    }
}

/// What `value` is as ciborium writes it.
pub fn write(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    coset::cbor::ser::into_writer(value, &mut out).unwrap();
    out
}

/// A message of these parts.
pub fn join(tag: u64, parts: Vec<Value>) -> Vec<u8> {
    write(&Value::Tag(tag, Box::new(Value::Array(parts))))
}

/// A map with these integer keys.
pub fn map(pairs: &[(i64, Value)]) -> Value {
    Value::Map(pairs.iter().map(|(key, value)| (Value::from(*key), value.clone())).collect())
}

/// The rows of `cose_cwt.json` of this kind.
pub fn rows(kind: &str) -> Vec<Json> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/cose_cwt.json");
    let file: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file["vectors"].as_array().unwrap().iter().filter(|row| row["kind"] == kind).cloned().collect()
}

/// A field in hexadecimal.
pub fn bytes(row: &Json, field: &str) -> Vec<u8> {
    hex_parse(row[field].as_str().unwrap()).unwrap()
}

/// A member of a key, in hexadecimal or in base64url.
pub fn key_bytes(row: &Json, name: &str) -> Vec<u8> {
    match row["key"][format!("{name}_hex")].as_str() {
        Some(hex) => hex_parse(hex).unwrap(),
        None => base64url(row["key"][name].as_str().unwrap()),
    }
}

/// RFC 4648 §5, padded or not.
pub fn base64url(text: &str) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (mut out, mut bits, mut held) = (Vec::new(), 0u32, 0u32);
    for symbol in text.bytes().filter(|symbol| *symbol != b'=') {
        let at = alphabet.iter().position(|letter| *letter == symbol).unwrap();
        held = held << 6 | u32::try_from(at).unwrap();
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(held >> bits & 0xFF).unwrap());
        }
    }
    out
}
