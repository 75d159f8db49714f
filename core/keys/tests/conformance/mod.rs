//! The conformance suite of `Crypto`: published vectors, each with its refusals. A provider runs it from its own `tests/`:
//!
//! ```ignore
//! #[macro_use]
//! #[path = "../../../core/keys/tests/conformance/mod.rs"]
//! mod conformance;
//! crypto_test!(MyProvider);
//! ```
//! Its crate lies two folders below the workspace and has serde_json, symbolon-keys, symbolon-types and symbolon-wire as (dev-)dependencies.
//! A check of an algorithm that the provider does not list is skipped by name.
use serde_json::Value;
use symbolon_keys::{Algorithm, Crypto};

pub mod aead;
pub mod agreement;
pub mod cose;
pub mod ecdsa;
pub mod keys;
pub mod mac;
pub mod otp;
pub mod primitives;

/// One `#[test]` for each check of the suite.
macro_rules! crypto_test {
    ($provider:expr) => {
        crypto_test! { $provider =>
            primitives: sha256, digest, ed25519, ed25519_strictness, ed25519_encodings, x25519, argon2id, hkdf;
            mac: hmac, aes_cmac, aes_cbc_mac;
            aead: aes_gcm, aes_ccm, aes_ccm_longest, chacha20_poly1305;
            ecdsa: wycheproof, rfc6979, signatures, public_points, private_keys, pairs;
            agreement: ecdh_p256, ecdh_p256_refusals;
            cose: encrypt0, mac0, sign1;
            keys: cose_keys, p256_cose_keys, key_ids, signers, es256_signers, kem_keys, p256_kem_keys, derived_values;
            otp: hotp, totp, ocra, ocra_suites, ocra_inputs;
        }
    };
    ($provider:expr => $($module:ident: $($check:ident),*;)*) => {
        $(mod $module {
            $(#[test] fn $check() { super::conformance::$module::$check(&$provider); })*
        })*
    };
}

/// The rows of a file of `vectors/`.
pub fn rows(file: &str) -> Vec<Value> {
    let path = format!("{}/../../vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let file: Value = serde_json::from_str(&text).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

/// A field as text.
pub fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{}: no {field}", row["id"]))
}

/// A field as bytes.
pub fn bytes(row: &Value, field: &str) -> Vec<u8> {
    hex(text(row, field))
}

/// Hexadecimal as bytes.
pub fn hex(text: &str) -> Vec<u8> {
    symbolon_types::hex_parse(text).unwrap_or_else(|| panic!("not hexadecimal: {text}"))
}

/// Hexadecimal as an array.
pub fn array<const N: usize>(text: &str) -> [u8; N] {
    hex(text).try_into().unwrap()
}

/// Whether the provider lacks `algorithm`; says so.
pub fn lacks(crypto: &dyn Crypto, algorithm: Algorithm) -> bool {
    let lacks = !crypto.algorithms().contains(&algorithm);
    if lacks {
        eprintln!("skipped: the provider lacks {algorithm:?}");
    }
    lacks
}
