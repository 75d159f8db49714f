//! `symbolon proof inspect`: what a proof says, and which of its checks hold, for the proofs inside of it too.
//!
//! **Invariant:** a check that could not be made is listed as such; it is never counted as one that holds.
use super::kinds::{Found, Shape, Signer, read};
use crate::report::{Failure, Outcome, Report};
use serde_json::{Map, Value, json};
use symbolon_keys::{Crypto, RustCrypto, VerifyingKey};
use symbolon_offline_payment::messages::PayeeId;
use symbolon_types::{CoreRefusal, Refused, UnixSeconds, hex_upper};
use symbolon_wire::cbor::{Decoder, Malformed};

/// What the caller knows, and has the proof checked against.
#[derive(Clone, Copy, Default)]
pub struct With {
    /// The server's key.
    pub server: Option<VerifyingKey>,
    /// The key of the signer, where the proof does not name it.
    pub signer: Option<VerifyingKey>,
    /// The payee that the proof must be for.
    pub payee: Option<PayeeId>,
    /// When it must hold.
    pub at: Option<UnixSeconds>,
}

/// What was found of one proof, the ones inside of it included.
#[derive(Default)]
struct Findings {
    checks: Vec<Value>,
    unchecked: Vec<String>,
    /// Why the first check that does not hold does not; those of inner proofs come first.
    refused: Option<Refused>,
    text: String,
}

impl Findings {
    fn check(&mut self, check: &str, held: Result<(), Refused>) {
        let verdict = if held.is_ok() { "holds" } else { "DOES NOT HOLD" };
        self.text.push_str(&format!("{check}: {verdict}\n"));
        self.checks.push(json!({ "check": check, "ok": held.is_ok() }));
        self.refused = self.refused.or(held.err());
    }

    fn left_out(&mut self, check: &str, why: &str) {
        self.text.push_str(&format!("{check}: not checked, {why}\n"));
        self.unchecked.push(format!("{check}: {why}"));
    }
}

/// Runs the command.
pub fn run(bytes: &[u8], with: &With) -> Outcome {
    let found = read(bytes).ok_or_else(|| Failure::unverified(CoreRefusal::Malformed))?;
    let (json, text, refused) = inspected(found, bytes, with);
    match refused {
        None => Ok(Report { json, text }),
        Some(refused) => Err(Failure::Refused { refused, more: json }),
    }
}

/// One proof and all inside of it.
fn inspected(found: Found, bytes: &[u8], with: &With) -> (Value, String, Option<Refused>) {
    let id = RustCrypto.sha256(&[&found.claims]).to_string();
    let claims = plain(&mut Decoder::new(&found.claims), true).unwrap_or(Value::Null);
    let text = format!("{}, id {id}\n{claims:#}\n", found.kind);
    let mut findings = Findings { text, ..Findings::default() };
    let nested = parts(&found.shape, with, &mut findings);
    findings.check("well-formed, deterministic", Ok(()));
    signature(&found, with, &mut findings);
    if let Some((label, whole)) = found.shape.whole {
        match &with.server {
            Some(server) => findings.check(label, whole(server, bytes)),
            None => findings.left_out(label, "--server-key is not given"),
        }
    }
    for (rule, holds, refusal) in &found.shape.rules {
        findings.check(rule, if *holds { Ok(()) } else { Err(*refusal) });
    }
    circumstances(&found.shape, with, &mut findings);
    let json = json!({
        "kind": found.kind, "id": id, "claims": claims, "checks": findings.checks, "unchecked": findings.unchecked,
        "nested": nested, "ok": findings.refused.is_none(),
    });
    (json, findings.text, findings.refused)
}

/// The proofs inside. The payee and the time are asked of each that has them; a signer's key is the outer proof's.
fn parts(shape: &Shape, with: &With, findings: &mut Findings) -> Vec<Value> {
    let mut nested = Vec::new();
    for part in &shape.parts {
        let inner = With { signer: part.signer, ..*with };
        let (mut json, text, refused) = match read(&part.bytes).filter(|found| found.kind == part.kind) {
            Some(found) => inspected(found, &part.bytes, &inner),
            None => {
                let refused = CoreRefusal::Malformed.refused();
                (json!({ "ok": false }), "not what it should be\n".to_owned(), Some(refused))
            }
        };
        json["part"] = part.name.into();
        nested.push(json);
        let indented: String = text.lines().map(|line| format!("  {line}\n")).collect();
        findings.text.push_str(&format!("inside, {}:\n{indented}", part.name));
        findings.refused = findings.refused.or(refused);
    }
    nested
}

fn signature(found: &Found, with: &With, findings: &mut Findings) {
    let (who, key, flag) = match found.shape.signer {
        Signer::Server => ("the server", with.server, "--server-key"),
        Signer::Named(who, key) => (who, Some(key), ""),
        Signer::Other(who) => (who, with.signer, "--signer-key"),
        Signer::Closed(who) => {
            return findings.left_out(&format!("MACed by {who}"), "its key is given to nobody");
        }
        Signer::Bundle => return,
    };
    let check = format!("signed by {who}");
    match key {
        None => findings.left_out(&check, &format!("{flag} is not given")),
        Some(key) if (found.verify)(&key) => findings.check(&check, Ok(())),
        Some(_) => findings.check(&check, Err(CoreRefusal::BadSignature.refused())),
    }
}

/// Validity and payee, where the proof has them and the caller asks.
fn circumstances(shape: &Shape, with: &With, findings: &mut Findings) {
    if let (Some(validity), Some(at)) = (shape.validity, with.at) {
        findings.check("valid at that time", validity.check(at, 0).map_err(Refused::from));
    }
    if let (Some(found), Some(asked)) = (shape.payee, with.payee) {
        let held = if found == asked { Ok(()) } else { Err(super::kinds::WRONG_PAYEE) };
        findings.check("for that payee", held);
    }
}

/// A CBOR item as JSON: byte strings in hexadecimal; the registered claims of RFC 8392 and RFC 8747 by name, other keys by number.
fn plain(input: &mut Decoder<'_>, are_claims: bool) -> Result<Value, Malformed> {
    let inner = |input: &mut Decoder<'_>| plain(input, false);
    Ok(match input.peek_major()? {
        0 | 1 => json!(input.int()?),
        2 => json!(hex_upper(input.bytes()?)),
        3 => json!(input.text()?),
        4 => input
            .array(|input, items| (0..items).map(|_| inner(input)).collect::<Result<Vec<_>, _>>())?
            .into(),
        5 => Value::Object(input.pairs(|input, pairs| {
            let name = |key: i64| if are_claims { claim(key) } else { key.to_string() };
            (0..pairs)
                .map(|_| Ok((name(input.int()?), inner(input)?)))
                .collect::<Result<Map<_, _>, Malformed>>()
        })?),
        _ if input.take_null() => Value::Null,
        _ => json!(input.bool()?),
    })
}

fn claim(key: i64) -> String {
    match key {
        1 => "iss".into(),
        2 => "sub".into(),
        3 => "aud".into(),
        4 => "exp".into(),
        5 => "nbf".into(),
        6 => "iat".into(),
        7 => "cti".into(),
        8 => "cnf".into(),
        -65537 => "body".into(),
        other => other.to_string(),
    }
}
