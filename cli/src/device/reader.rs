//! `symbolon device reader`.
use super::{Flags, evidence::Evidence, network, show};
use crate::report::{Failure, finish};
use serde_json::{Value, json};
use std::{path::PathBuf, process::ExitCode};
use symbolon_offline_payment::{payee::Accepted, state::Source};
use symbolon_reader::{ApduLink, Node, PayerLink, QrLink, Reader, Uploaded};
use symbolon_types::{Amount, CoreRefusal, Currency};

/// Runs one action. An upload of which the server refused a part holds for the rest, and exits with 1.
pub fn run(flags: Flags, json: bool) -> ExitCode {
    let (report, all) = match acted(flags) {
        Ok(value) => {
            let all = value.get("ok") == Some(&Value::Bool(true));
            (Ok(value), all)
        }
        Err(failure) => (Err(failure), false),
    };
    let code = finish(json, report.map(show::report));
    if code == ExitCode::SUCCESS && !all { ExitCode::from(1) } else { code }
}

fn acted(mut flags: Flags) -> Result<Value, Failure> {
    let action = flags.word().ok_or_else(|| Failure::Misuse("reader: which action?".into()))?;
    let mut evidence = Evidence::of(&mut flags)?;
    let store = flags.path("store")?;
    let done = match action.as_str() {
        "enrol" => enrol(flags, store, &mut evidence),
        "charge" => charge(flags, store, &mut evidence),
        "upload" => upload(flags, store, &mut evidence),
        "status" => status(flags, store),
        other => Err(Failure::Misuse(format!("reader: there is no `{other}`"))),
    };
    evidence.tell();
    Ok(show::with(json!({ "action": action, "ok": true }), done?))
}

fn enrol(mut flags: Flags, store: PathBuf, evidence: &mut Evidence) -> Result<Value, Failure> {
    let node = server(&mut flags)?;
    let (code, key) = (flags.required_hex("code")?, flags.server_key()?);
    let key = key.ok_or_else(|| Failure::Misuse("--server-key is missing".into()))?;
    flags.end()?;
    let mut reader = Reader::open(&store).map_err(failed)?;
    let body =
        reader.enrol(&node, key, code, &mut |name, bytes| evidence.write(name, bytes)).map_err(failed)?;
    Ok(json!({
        "payee": body.payee.to_string(), "name": body.name, "mcc": body.mcc, "cap": show::amount(body.cap),
    }))
}

fn charge(mut flags: Flags, store: PathBuf, evidence: &mut Evidence) -> Result<Value, Failure> {
    let network = network::leave(&mut flags);
    let resume = flags.switch("resume");
    let amount = if resume { None } else { Some(amount(&mut flags)?) };
    let mut link = link(&mut flags)?;
    flags.end()?;
    let mut reader = Reader::open(&store).map_err(failed)?;
    let witness = &mut |name: &str, bytes: &[u8]| evidence.write(name, bytes);
    let charged = match amount {
        Some(amount) => reader.charge(&mut *link, amount, witness),
        None => reader.resume(&mut *link, witness),
    };
    let charged = charged.map_err(failed)?;
    Ok(json!({
        "object": charged.object.to_string(),
        "token": charged.token.to_string(),
        "transaction": charged.transaction.to_string(),
        "amount": show::amount(charged.amount),
        "receipt": charged.receipt_given,
        "network": network,
    }))
}

fn upload(mut flags: Flags, store: PathBuf, evidence: &mut Evidence) -> Result<Value, Failure> {
    let node = server(&mut flags)?;
    flags.end()?;
    let mut reader = Reader::open(&store).map_err(failed)?;
    let answers = reader.upload(&node, &mut |name, bytes| evidence.write(name, bytes)).map_err(failed)?;
    let ok = answers.iter().all(|uploaded| uploaded.answer.is_ok());
    Ok(json!({ "ok": ok, "objects": answers.iter().map(uploaded).collect::<Vec<_>>() }))
}

fn uploaded(uploaded: &Uploaded) -> Value {
    let object = uploaded.object.to_string();
    match uploaded.answer {
        Ok(outcome) => json!({
            "object": object,
            "settled": true,
            "amount": show::amount(outcome.amount),
            "source": match outcome.source {
                Source::Reservation => "reservation",
                Source::Loss => "offline-loss",
            },
        }),
        Err(refusal) => {
            json!({ "object": object, "settled": false, "refusal": show::refusal(refusal.refused()) })
        }
    }
}

fn status(flags: Flags, store: PathBuf) -> Result<Value, Failure> {
    flags.end()?;
    let reader = Reader::open(&store).map_err(failed)?;
    let certificate = reader.certificate().map_err(failed)?;
    let state = reader.state();
    let accepted = state.payee.as_ref().map_or(&[][..], |payee| payee.accepted.as_slice());
    let refusal_of = |one: &Accepted| {
        let known = state.refused.iter().find(|refused| refused.object == one.id);
        known.map(|refused| show::refusal(refused.refusal.refused()))
    };
    Ok(json!({
        "payee": certificate.as_ref().map(|certificate| certificate.body.payee.to_string()),
        "name": certificate.as_ref().map(|certificate| certificate.body.name.clone()),
        "certificate_until": certificate.as_ref().map(|certificate| certificate.exp.ms().0),
        "open": state.payee.as_ref().map_or(0, |payee| payee.open.len()),
        "unsettled": accepted.iter().filter(|one| !one.settled).count(),
        "objects": accepted.iter().map(|one| json!({
            "object": one.id.to_string(), "token": one.token.to_string(), "settled": one.settled, "refusal": refusal_of(one),
        })).collect::<Vec<_>>(),
    }))
}

fn amount(flags: &mut Flags) -> Result<Amount, Failure> {
    let minor = flags.number("amount")?.ok_or_else(|| Failure::Misuse("--amount is missing".into()))?;
    let code = flags.required("currency")?;
    let currency = Currency::from_alpha(&code)
        .ok_or_else(|| Failure::Misuse(format!("--currency: `{code}` is not known")))?;
    Amount::new(minor, currency).map_err(|_| CoreRefusal::AmountInvalid.refused().into())
}

fn link(flags: &mut Flags) -> Result<Box<dyn PayerLink>, Failure> {
    let via = flags.required("via")?;
    let timeout = flags.timeout()?;
    match via.as_str() {
        "apdu" => Ok(Box::new(ApduLink::new(&flags.path("socket")?, timeout))),
        "qr" => Ok(Box::new(QrLink::new(&flags.path("dir")?, timeout))),
        _ => Err(Failure::Misuse("--via: apdu or qr".into())),
    }
}

fn server(flags: &mut Flags) -> Result<Node, Failure> {
    Node::new(&flags.required("server")?).map_err(failed)
}

fn failed(failure: symbolon_reader::Failure) -> Failure {
    use symbolon_reader::Failure as From;
    show::failure(match failure {
        From::Refused(refusal) => Ok((refusal.refused(), json!({}))),
        From::Transport(error) => Err(error),
    })
}
