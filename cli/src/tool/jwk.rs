//! Keys for `symbolon tool cose`: a JWK (RFC 7517, RFC 7518 §6, RFC 8037 §2), or the same object with its bytes in hexadecimal under names
//! that end in `_hex`.
//!
//! **Invariant:** where a key says what it is for (`alg`), it is used for nothing else. `use`, `key_ops` and `kid` are not looked at: they bind the
//! owner of a key, and published examples contradict theirs.
use crate::report::Failure;
use serde_json::{Map, Value, json};
use symbolon_keys::{Crypto, Curve, RustCrypto};
use symbolon_proof::cose::{Algorithm, Key};
use symbolon_types::{CoreRefusal, Secret, hex_parse};

/// A key as its file describes it.
pub struct Jwk {
    /// What it is.
    pub key: Key,
    /// The Base IV that the file gives it, if it does (RFC 9052 §7.1).
    pub base_iv: Option<Secret<Vec<u8>>>,
    alg: Option<String>,
}

impl Jwk {
    /// Reads a file.
    ///
    /// # Errors
    /// A misuse when the file is no JSON object or a member is not what its name promises; KEY_UNFIT for a type of key, and ALG_UNSUPPORTED
    /// for a curve, that is not known here.
    pub fn read(file: &Secret<Vec<u8>>) -> Result<Self, Failure> {
        let Ok(Value::Object(object)) = serde_json::from_slice(file.reveal()) else {
            return Err(Failure::Misuse("--key: the file is not a JSON object".into()));
        };
        let alg = match object.get("alg") {
            None => None,
            Some(Value::String(name)) => Some(name.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(_) => return Err(unlike("alg")),
        };
        Ok(Self { key: key(&object)?, base_iv: member(&object, "base_iv")?, alg })
    }

    /// # Errors
    /// KEY_UNFIT when the key is for another algorithm.
    pub fn fits(&self, algorithm: Algorithm) -> Result<(), CoreRefusal> {
        let named = |name: &String| {
            let same = |known: &str| name.eq_ignore_ascii_case(known);
            same(algorithm.name()) || same(jose_name(algorithm)) || same(&algorithm.id().to_string())
        };
        if self.alg.as_ref().is_none_or(named) { Ok(()) } else { Err(CoreRefusal::KeyUnfit) }
    }
}

/// What JOSE (RFC 7518 §3.1) calls an algorithm that COSE calls otherwise.
fn jose_name(algorithm: Algorithm) -> &'static str {
    match algorithm.id() {
        4 => "HS256/64",
        5 => "HS256",
        6 => "HS384",
        7 => "HS512",
        _ => algorithm.name(),
    }
}

fn unlike(name: &str) -> Failure {
    Failure::Misuse(format!("--key: the member `{name}` is not what its name says"))
}

/// A member's bytes: in base64url, or in hexadecimal under its name with `_hex`.
fn member(object: &Map<String, Value>, name: &str) -> Result<Option<Secret<Vec<u8>>>, Failure> {
    let text =
        |name: &str| object.get(name).map(|value| value.as_str().ok_or_else(|| unlike(name))).transpose();
    let bytes = match (text(name)?, text(&format!("{name}_hex"))?) {
        (None, None) => return Ok(None),
        (Some(text), None) => base64url(text),
        (None, Some(text)) => hex_parse(text),
        (Some(_), Some(_)) => None,
    };
    bytes.map(|bytes| Some(Secret::new(bytes))).ok_or_else(|| unlike(name))
}

fn required(object: &Map<String, Value>, name: &str) -> Result<Secret<Vec<u8>>, Failure> {
    member(object, name)?.ok_or_else(|| Failure::Misuse(format!("--key: the member `{name}` is missing")))
}

fn key(object: &Map<String, Value>) -> Result<Key, Failure> {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default().to_lowercase();
    match (text("kty").as_str(), text("crv").as_str()) {
        ("oct" | "symmetric", _) => Ok(Key::Symmetric(required(object, "k")?)),
        ("ec" | "ec2", "p-256") => point(object, Curve::P256),
        ("ec" | "ec2", "p-384") => point(object, Curve::P384),
        ("ec" | "ec2", "p-521") => point(object, Curve::P521),
        ("okp", "ed25519") => ed25519(object),
        ("ec" | "ec2" | "okp", _) => Err(unsupported(object.get("crv"))),
        ("", _) => Err(Failure::Misuse("--key: the member `kty` is missing".into())),
        _ => Err(Failure::unverified(CoreRefusal::KeyUnfit)),
    }
}

/// ALG_UNSUPPORTED, with the name of the curve beside it.
fn unsupported(curve: Option<&Value>) -> Failure {
    let more = json!({ "ok": false, "unsupported": curve });
    Failure::Refused { refused: CoreRefusal::AlgorithmUnsupported.refused(), more }
}

fn unfit() -> Failure {
    Failure::unverified(CoreRefusal::KeyUnfit)
}

/// The public point: from both coordinates, or from the private key where only that is there. A file with one coordinate says too little.
fn point(object: &Map<String, Value>, curve: Curve) -> Result<Key, Failure> {
    let len = curve.field_len();
    let point = match (member(object, "x")?, member(object, "y")?) {
        (Some(x), Some(y)) => {
            let coordinates = [fixed(x.reveal(), len)?, fixed(y.reveal(), len)?].concat();
            [vec![4], coordinates].concat()
        }
        (None, None) => {
            let private = Secret::new(fixed(required(object, "d")?.reveal(), len)?);
            RustCrypto.ecdsa_public(curve, private.reveal()).map_err(|_| unfit())?
        }
        _ => return Err(Failure::Misuse("--key: `x` and `y` go together".into())),
    };
    Ok(Key::Ec2 { curve, point })
}

/// A number of this many bytes. RFC 7518 §6.2.1.2 keeps leading zeros; writers that drop or add some are read too.
fn fixed(number: &[u8], len: usize) -> Result<Vec<u8>, Failure> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let significant = number.get(zeros..).unwrap_or_default();
    let missing = len.checked_sub(significant.len()).ok_or_else(unfit)?;
    Ok([vec![0; missing].as_slice(), significant].concat())
}

fn ed25519(object: &Map<String, Value>) -> Result<Key, Failure> {
    let array =
        |bytes: &Secret<Vec<u8>>| <[u8; 32]>::try_from(bytes.reveal().as_slice()).map_err(|_| unfit());
    match member(object, "x")? {
        Some(public) => array(&public).map(Key::Ed25519),
        None => {
            let seed = Secret::new(array(&required(object, "d")?)?);
            Ok(Key::Ed25519(RustCrypto.ed25519_public(seed.reveal())))
        }
    }
}

/// RFC 4648 §5, padded or not. Bits after the last byte are ignored: published keys have some.
fn base64url(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0u32, 0u32);
    let symbols = text.trim_end_matches('=');
    // One symbol alone holds no byte.
    if symbols.len() % 4 == 1 {
        return None;
    }
    for symbol in symbols.bytes() {
        let value = ALPHABET.iter().position(|letter| *letter == symbol)?;
        held = held << 6 | u32::try_from(value).ok()?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xFF).ok()?);
        }
    }
    Some(bytes)
}
