//! `symbolon tool cose`: checks or opens any COSE_Sign1, COSE_Mac0 or COSE_Encrypt0 with [`symbolon_proof::cose`].
use super::flags::{Flags, wrong};
use super::jwk::Jwk;
use super::no_verb;
use crate::report::{Failure, Outcome, Report};
use serde_json::json;
use symbolon_keys::RustCrypto;
use symbolon_proof::cose::{CoseError, Message};
use symbolon_types::{Secret, hex_upper};

/// `symbolon tool cose --help`.
pub const HELP: &str = "\
symbolon tool cose verify --key FILE --hex HEX [--external-aad HEX] [--payload HEX]
    whether a COSE_Sign1 or COSE_Mac0 (RFC 9052) holds under a key, and what it says
symbolon tool cose decrypt --key FILE --hex HEX [--external-aad HEX] [--ciphertext HEX] [--base-iv HEX]
    opens a COSE_Encrypt0
  --key FILE       a JWK: kty oct (k), EC (crv, x, y) or OKP (crv Ed25519, x); members in base64url, or in hexadecimal as k_hex, x_hex, y_hex
  --hex            the message, with or without its tag, also inside the tag of a CWT
  --external-aad   data that is authenticated and not in the message
  --payload, --ciphertext
                   the content, where the message is detached
  --base-iv        what a Partial IV is combined with; the member base_iv of the key does the same

EdDSA (Ed25519), ES256, ES384, ES512, HMAC, AES-MAC, AES-GCM, AES-CCM, ChaCha20/Poly1305. Several signers or recipients are not read.
\"alg_protected\": false means that the algorithm's name is not authenticated: do not trust a message for it.

$ echo '{\"kty\":\"oct\",\"k_hex\":\"403697DE87AF64611C1D32A05DAB0FE1FCB715A86AB435F1EC99192D79569388\"}' > key.json
$ symbolon tool cose verify --key key.json --hex D18443A10104A04BA106FB41D584367C20000048B8816F34C0542892
holds: HMAC 256/64
payload A106FB41D584367C200000
";

/// Runs a verb.
pub fn run(verb: &str, flags: Flags) -> Outcome {
    match verb {
        "verify" => verify(flags),
        "decrypt" => decrypt(flags),
        _ => Err(no_verb("cose", "verify, decrypt")),
    }
}

/// What both verbs are given.
struct Given {
    key: Jwk,
    message: Message,
    external_aad: Secret<Vec<u8>>,
}

impl Given {
    /// `content` is the flag that brings detached content.
    fn take(flags: &mut Flags, content: &str) -> Result<Self, Failure> {
        let file = flags.required_file("key")?;
        let bytes = flags.required_bytes("hex")?;
        let external_aad = flags.bytes("external-aad")?.unwrap_or_else(|| Secret::new(Vec::new()));
        let detached = flags.bytes(content)?;
        let key = Jwk::read(&file)?;
        let message = Message::read(bytes.reveal()).map_err(Failure::unverified)?;
        let message = match (detached, message.is_detached()) {
            (Some(content), true) => message.attach(content.reveal().clone()).map_err(Failure::unverified)?,
            (None, false) => message,
            (Some(_), false) => return Err(wrong(content, "the message has its own")),
            (None, true) => return Err(wrong(content, "is missing: the message is detached")),
        };
        key.fits(message.algorithm()).map_err(Failure::unverified)?;
        Ok(Self { key, message, external_aad })
    }
}

fn answer(message: &Message, verb: &str, payload: &[u8]) -> Report {
    let (alg, payload) = (message.algorithm(), hex_upper(payload));
    let protected = message.headers().algorithm_is_protected();
    let text = format!("{verb}: {}\npayload {payload}", alg.name());
    let kid = message.headers().kid().map(hex_upper);
    let json = json!({
        "ok": true, "alg": alg.name(), "alg_id": alg.id(), "alg_protected": protected, "kid": kid, "payload": payload,
    });
    Report { json, text }
}

fn verify(mut flags: Flags) -> Outcome {
    let given = Given::take(&mut flags, "payload")?;
    flags.end()?;
    let payload = given
        .message
        .clone()
        .verify(&RustCrypto, &given.key.key, given.external_aad.reveal())
        .map_err(Failure::unverified)?;
    Ok(answer(&given.message, "holds", &payload))
}

fn decrypt(mut flags: Flags) -> Outcome {
    let base_iv = flags.bytes("base-iv")?;
    let given = Given::take(&mut flags, "ciphertext")?;
    flags.end()?;
    let base_iv = base_iv.as_ref().or(given.key.base_iv.as_ref()).map(|iv| iv.reveal().as_slice());
    let opened =
        given.message.clone().decrypt(&RustCrypto, &given.key.key, base_iv, given.external_aad.reveal());
    let payload = opened.map_err(|error| match error {
        CoseError::BaseIvMissing => wrong("base-iv", "is missing: the message has a Partial IV"),
        error => Failure::unverified(error),
    })?;
    Ok(answer(&given.message, "opened", payload.reveal()))
}
