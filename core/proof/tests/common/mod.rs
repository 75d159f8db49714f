//! Two kinds of claims, keys, and a splitter of messages that is not the crate's own reader.
#![allow(dead_code, reason = "each test crate uses a part of it")]
use coset::cbor::value::Value;
use symbolon_keys::{LocalSigner, RustCrypto, SigningKey};
use symbolon_proof::Claims;
use symbolon_types::{Secret, UnixSeconds};
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
