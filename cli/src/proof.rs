//! `symbolon proof`: what a proof says and which checks hold; whether two secure objects are a double spend.
use crate::args::{file, hex, number, text};
use crate::report::{Failure, Outcome, Report};
use lexopt::Arg::{Long, Value as Word};
use serde_json::{Value, json};
use symbolon_keys::{RustCrypto, VerifyingKey};
use symbolon_offline_payment::evidence::{Verdict, judge};
use symbolon_offline_payment::messages::PayeeId;
use symbolon_types::{UnixMs, hex_upper};

mod inspect;
mod kinds;

use inspect::With;

/// Runs the command.
pub fn run(mut parser: lexopt::Parser) -> Outcome {
    let (mut words, mut servers, mut with) = (Vec::new(), Vec::new(), With::default());
    while let Some(arg) = parser.next()? {
        let name = match arg {
            Long(name) => name.to_lowercase().replace('_', "-"),
            Word(word) => {
                words.push(text(word)?);
                continue;
            }
            other => return Err(other.unexpected().into()),
        };
        match name.as_str() {
            "server-key" => servers.push(key(&name, &text(parser.value()?)?)?),
            "signer-key" => with.signer = Some(key(&name, &text(parser.value()?)?)?),
            "payee" => with.payee = Some(payee(&text(parser.value()?)?)?),
            "at" => with.at = Some(UnixMs(number("--at", parser.value()?)?).seconds()),
            _ => return Err(Failure::Misuse(format!("proof: there is no --{name}"))),
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["inspect", _] if servers.len() > 1 => Err(Failure::Misuse("inspect takes one --server-key".into())),
        ["inspect", path] => {
            with.server = servers.first().copied();
            inspect::run(&bytes(path)?, &with)
        }
        ["double-spend", first, second] => {
            if servers.is_empty() {
                return Err(Failure::Misuse("double-spend needs --server-key HEX".into()));
            }
            double_spend(&servers, &bytes(first)?, &bytes(second)?)
        }
        _ => Err(Failure::Misuse("proof inspect FILE, or proof double-spend A B --server-key HEX".into())),
    }
}

fn payee(value: &str) -> Result<PayeeId, Failure> {
    PayeeId::from_hex(value)
        .ok_or_else(|| Failure::Misuse("--payee: an id has 16 bytes in hexadecimal".into()))
}

fn key(flag: &str, value: &str) -> Result<VerifyingKey, Failure> {
    let hexadecimal = match value.strip_prefix('@') {
        Some(path) => String::from_utf8_lossy(&file(path)?).into_owned(),
        None => value.to_owned(),
    };
    let bytes = hex(&format!("--{flag}"), &hexadecimal)?;
    let bytes =
        bytes.try_into().map_err(|_| Failure::Misuse(format!("--{flag}: an Ed25519 key has 32 bytes")))?;
    Ok(VerifyingKey(bytes))
}

/// The bytes of a proof: as they are, or written as hexadecimal.
fn bytes(path: &str) -> Result<Vec<u8>, Failure> {
    let read = file(path)?;
    let written = std::str::from_utf8(&read).ok().and_then(|text| symbolon_types::hex_parse(text.trim()));
    Ok(written.filter(|bytes| !bytes.is_empty()).unwrap_or(read))
}

fn double_spend(servers: &[VerifyingKey], first: &[u8], second: &[u8]) -> Outcome {
    let verdict = judge(&RustCrypto, servers, first, second).map_err(Failure::unverified)?;
    let (json, text) = match verdict {
        Verdict::DoubleSpend(found) => (
            json!({
                "verdict": "double-spend", "token": found.token.to_string(), "device_key": hex_upper(&found.device.0),
                "first": found.first.to_string(), "second": found.second.to_string(),
            }),
            format!(
                "double spend: nonce token {} was spent by objects {} and {}, both signed by the device key {}",
                found.token,
                found.first,
                found.second,
                hex_upper(&found.device.0)
            ),
        ),
        Verdict::SameObject(id) => (
            json!({ "verdict": "same-object", "object": id.to_string() }),
            format!("no double spend: both are the object {id}"),
        ),
        Verdict::TwoNonces(first, second) => (
            json!({ "verdict": "two-nonces", "tokens": [first.to_string(), second.to_string()] }),
            format!("no double spend: two nonces, {first} and {second}"),
        ),
    };
    let mut json = json;
    json["ok"] = Value::Bool(true);
    Ok(Report { json, text })
}
