//! `symbolon proof`: what a proof says and which checks hold; whether two secure objects are a double spend.
use crate::args::{file, hex, text};
use crate::report::{Failure, Outcome, Report};
use lexopt::Arg::{Long, Value as Word};
use serde_json::{Map, Value, json};
use symbolon_keys::{Crypto, RustCrypto, VerifyingKey};
use symbolon_offline_payment::evidence::{Verdict, judge};
use symbolon_offline_payment::messages as m;
use symbolon_offline_payment::payee::check_object;
use symbolon_proof::{Claims, Raw};
use symbolon_types::{CoreRefusal, hex_upper};
use symbolon_wire::cbor::{Decoder, Malformed, to_vec};

/// Runs the command.
pub fn run(mut parser: lexopt::Parser) -> Outcome {
    let (mut words, mut server) = (Vec::new(), None);
    while let Some(arg) = parser.next()? {
        match arg {
            Long("server-key") => server = Some(key(&text(parser.value()?)?)?),
            Word(word) => words.push(text(word)?),
            other => return Err(other.unexpected().into()),
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["inspect", path] => inspect(&bytes(path)?, server),
        ["double-spend", first, second] => {
            let server =
                server.ok_or_else(|| Failure::Misuse("double-spend needs --server-key HEX".into()))?;
            double_spend(&server, &bytes(first)?, &bytes(second)?)
        }
        _ => Err(Failure::Misuse("proof inspect FILE, or proof double-spend A B --server-key HEX".into())),
    }
}

fn key(value: &str) -> Result<VerifyingKey, Failure> {
    let hexadecimal = match value.strip_prefix('@') {
        Some(path) => String::from_utf8_lossy(&file(path)?).into_owned(),
        None => value.to_owned(),
    };
    let bytes = hex("--server-key", &hexadecimal)?;
    let bytes =
        bytes.try_into().map_err(|_| Failure::Misuse("--server-key: an Ed25519 key has 32 bytes".into()))?;
    Ok(VerifyingKey(bytes))
}

/// The bytes of a proof: as they are, or written as hexadecimal.
fn bytes(path: &str) -> Result<Vec<u8>, Failure> {
    let read = file(path)?;
    let written = std::str::from_utf8(&read).ok().and_then(|text| symbolon_types::hex_parse(text.trim()));
    Ok(written.filter(|bytes| !bytes.is_empty()).unwrap_or(read))
}

fn double_spend(server: &VerifyingKey, first: &[u8], second: &[u8]) -> Outcome {
    let verdict = judge(&RustCrypto, server, first, second).map_err(Failure::unverified)?;
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

/// A kind of proof: its name, and its claims if the bytes are one.
type Kind = (&'static str, fn(&[u8]) -> Option<Vec<u8>>);

fn claims_of<T: Claims>(bytes: &[u8]) -> Option<Vec<u8>> {
    Raw(bytes).parse::<T>().ok().map(|signed| to_vec(signed.danger_unverified()))
}

const KINDS: [Kind; 11] = [
    ("enrolment-request", claims_of::<m::EnrolmentRequest>),
    ("enrolment", claims_of::<m::Enrolment>),
    ("nonce-token", claims_of::<m::NonceToken>),
    ("grant", claims_of::<m::Grant>),
    ("payee-request", claims_of::<m::PayeeRequest>),
    ("payee-certificate", claims_of::<m::PayeeCertificate>),
    ("challenge", claims_of::<m::Challenge>),
    ("secure-object", claims_of::<m::SecureObject>),
    ("receipt", claims_of::<m::Receipt>),
    ("report", claims_of::<m::Report>),
    ("reconciled", claims_of::<m::Reconciled>),
];

fn inspect(bytes: &[u8], server: Option<VerifyingKey>) -> Outcome {
    let found = KINDS.iter().find_map(|(name, read)| read(bytes).map(|claims| (*name, claims)));
    let (kind, claims) = found.ok_or_else(|| Failure::unverified(CoreRefusal::Malformed))?;
    let shown = plain(&mut Decoder::new(&claims)).map_err(|_| Failure::unverified(CoreRefusal::Malformed))?;
    let checks = checks(kind, bytes, server);
    let ok = checks.iter().all(|check| check["ok"] == json!(true));
    let id = RustCrypto.sha256(&[&claims]).to_string();
    let mut text = format!("{kind}, id {id}\n{shown:#}\n");
    for check in &checks {
        let verdict = if check["ok"] == json!(true) { "holds" } else { "DOES NOT HOLD" };
        text.push_str(&format!("{}: {verdict}\n", check["check"].as_str().unwrap_or_default()));
    }
    let json = json!({ "kind": kind, "id": id, "claims": shown, "checks": checks, "ok": ok });
    if ok {
        Ok(Report { json, text })
    } else {
        Err(Failure::Refused { refused: CoreRefusal::BadSignature.refused(), more: json })
    }
}

/// The checks that can be made: those of a self-signed message always, those under the server's key where it is given.
fn checks(kind: &str, bytes: &[u8], server: Option<VerifyingKey>) -> Vec<Value> {
    let row = |check: &str, ok: bool| json!({ "check": check, "ok": ok });
    let mut rows = vec![row("well-formed, deterministic", true)];
    let Some(server) = server else { return rows };
    let under = |ok: Option<()>| row("signed by the server", ok.is_some());
    match kind {
        "grant" => rows.push(under(signed_by::<m::Grant>(bytes, &server))),
        "enrolment" => rows.push(under(signed_by::<m::Enrolment>(bytes, &server))),
        "payee-certificate" => rows.push(under(signed_by::<m::PayeeCertificate>(bytes, &server))),
        "reconciled" => rows.push(under(signed_by::<m::Reconciled>(bytes, &server))),
        "secure-object" => {
            let ok = check_object(&RustCrypto, &server, bytes).is_ok();
            rows.push(row(
                "grant signed by the server, object by the grant's key, inside its limit and verification",
                ok,
            ));
        }
        "challenge" => {
            let ok = challenge_holds(bytes, &server).is_some();
            rows.push(row("certificate signed by the server, challenge by the certificate's key", ok));
        }
        _ => {}
    }
    rows
}

fn signed_by<T: Claims>(bytes: &[u8], key: &VerifyingKey) -> Option<()> {
    Raw(bytes).parse::<T>().ok()?.verify(&RustCrypto, key).ok().map(|_| ())
}

fn challenge_holds(bytes: &[u8], server: &VerifyingKey) -> Option<()> {
    let challenge = Raw(bytes).parse::<m::Challenge>().ok()?;
    let certificate =
        Raw(&challenge.danger_unverified().body.certificate.0).parse::<m::PayeeCertificate>().ok()?;
    let key = certificate.verify(&RustCrypto, server).ok()?.into_claims().cnf.key;
    challenge.verify(&RustCrypto, &key).ok().map(|_| ())
}

/// A CBOR item as JSON: byte strings in hexadecimal, the registered claims of RFC 8392 and RFC 8747 by name, other keys by number.
fn plain(input: &mut Decoder<'_>) -> Result<Value, Malformed> {
    Ok(match input.peek_major()? {
        0 | 1 => json!(input.int()?),
        2 => json!(hex_upper(input.bytes()?)),
        3 => json!(input.text()?),
        4 => input
            .array(|input, items| (0..items).map(|_| plain(input)).collect::<Result<Vec<_>, _>>())?
            .into(),
        5 => Value::Object(input.pairs(|input, pairs| {
            (0..pairs)
                .map(|_| Ok((name(input.int()?), plain(input)?)))
                .collect::<Result<Map<_, _>, Malformed>>()
        })?),
        _ if input.take_null() => Value::Null,
        _ => json!(input.bool()?),
    })
}

fn name(key: i64) -> String {
    match key {
        4 => "exp".into(),
        6 => "iat".into(),
        -65537 => "body".into(),
        other => other.to_string(),
    }
}
