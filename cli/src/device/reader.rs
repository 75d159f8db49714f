//! `symbolon device reader`.
use super::{Flags, evidence::Evidence, network, show};
use crate::report::{Failure, finish};
use serde_json::{Value, json};
use std::{path::PathBuf, process::ExitCode};
use symbolon_offline_payment::{
    messages::Bill,
    payee::{Accepted, Asked, BookEntry, Difference},
    state::Source,
};
use symbolon_reader::{ApduLink, Charge, Node, PayerLink, QrLink, Reader, Uploaded};
use symbolon_types::{Amount, CoreRefusal, Currency, Hash};

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
        "cancel" => cancel(flags, store),
        "upload" => upload(flags, store, &mut evidence),
        "sync" => sync(flags, store, &mut evidence),
        "audit" => audit(flags, store, &mut evidence),
        "refund" => refund(flags, store, &mut evidence),
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
    let node = if flags.switch("online") { Some(server(&mut flags)?) } else { None };
    let network = match node {
        None => network::leave(&mut flags),
        Some(_) => "allowed",
    };
    let resume = flags.switch("resume");
    let asked = if resume { None } else { Some(asked(&mut flags)?) };
    let final_minor = flags.number("final")?;
    let mut link = link(&mut flags)?;
    flags.end()?;
    let mut reader = Reader::open(&store).map_err(failed)?;
    let witness = &mut |name: &str, bytes: &[u8]| evidence.write(name, bytes);
    let online = node.as_ref();
    let charged = match asked {
        Some(asked) => reader.charge_as(&mut *link, &Charge { asked, final_minor, online }, witness),
        None => reader.resume_as(&mut *link, online, final_minor, witness),
    };
    let charged = charged.map_err(failed)?;
    Ok(json!({
        "object": charged.object.to_string(),
        "token": charged.token.to_string(),
        "transaction": charged.transaction.to_string(),
        "amount": show::amount(charged.amount),
        "taken": show::amount(charged.taken),
        "receipt": charged.receipt_given,
        "network": network,
    }))
}

/// What is asked for: `--amount`, `--tip-max`, and `--bill` with `--bill-total`, all in the minor units of `--currency`.
fn asked(flags: &mut Flags) -> Result<Asked, Failure> {
    let (tip_minor_max, id, total) =
        (flags.number("tip-max")?, flags.hex("bill")?, flags.number("bill-total")?);
    let amount = amount(flags)?;
    let bill = match (id, total) {
        (None, None) => None,
        (Some(id), Some(total)) => Some(Bill { id, total: minor(total, amount.currency())? }),
        _ => return Err(Failure::Misuse("--bill and --bill-total go together".into())),
    };
    Ok(Asked { amount, tip_minor_max, bill })
}

fn minor(minor: u64, currency: Currency) -> Result<Amount, Failure> {
    Amount::new(minor, currency).map_err(|_| CoreRefusal::AmountInvalid.refused().into())
}

/// Closes the challenge that was asked last; with `--bill`, that bill and its open parts.
fn cancel(mut flags: Flags, store: PathBuf) -> Result<Value, Failure> {
    let bill = flags.hex("bill")?;
    flags.end()?;
    let mut reader = Reader::open(&store).map_err(failed)?;
    match bill {
        Some(bill) => reader.close_bill(bill),
        None => reader.cancel(),
    }
    .map_err(failed)?;
    Ok(json!({}))
}

fn sync(mut flags: Flags, store: PathBuf, evidence: &mut Evidence) -> Result<Value, Failure> {
    let node = server(&mut flags)?;
    flags.end()?;
    let mut reader = Reader::open(&store).map_err(failed)?;
    reader.sync(&node, &mut |name, bytes| evidence.write(name, bytes)).map_err(failed)?;
    Ok(trust(&reader))
}

/// What the reader knows of the server's keys and of denied devices, and until when it may judge by it offline.
fn trust(reader: &Reader<symbolon_transport::store::FileFlash>) -> Value {
    let payee = reader.state().payee.as_ref();
    json!({
        "epoch": payee.map(|payee| payee.trust.epoch),
        "denied": payee.map(|payee| payee.denied.0.len()),
        "list_until": payee.map(|payee| payee.trust.heard.plus(payee.trust.age_seconds_max).ms().0),
    })
}

fn audit(mut flags: Flags, store: PathBuf, evidence: &mut Evidence) -> Result<Value, Failure> {
    let node = server(&mut flags)?;
    flags.end()?;
    let mut reader = Reader::open(&store).map_err(failed)?;
    let audit = reader.audit(&node, &mut |name, bytes| evidence.write(name, bytes)).map_err(failed)?;
    // Money given back is told; it is no disagreement of the books.
    let ok = audit.differences.iter().all(|one| matches!(one, Difference::Refunded { .. }));
    let entries = audit.entries.iter().map(|entry| {
        json!({
            "object": entry.object.to_string(),
            "amount": show::amount(entry.amount),
            "source": source(entry.source),
            "refunded_minor": entry.refunded_minor,
        })
    });
    let differences = audit.differences.iter().map(difference);
    Ok(json!({
        "ok": ok, "entries": entries.collect::<Vec<_>>(), "differences": differences.collect::<Vec<_>>(),
    }))
}

fn difference(difference: &Difference) -> Value {
    match difference {
        Difference::NotCredited { object, taken } => {
            json!({ "object": object.to_string(), "kind": "not-credited", "taken": show::amount(*taken) })
        }
        Difference::OtherAmount { object, taken, credited } => json!({
            "object": object.to_string(), "kind": "other-amount",
            "taken": show::amount(*taken), "credited": show::amount(*credited),
        }),
        Difference::Unknown { object, credited } => {
            json!({ "object": object.to_string(), "kind": "unknown", "credited": show::amount(*credited) })
        }
        Difference::Refunded { object, refunded_minor } => {
            json!({ "object": object.to_string(), "kind": "refunded", "refunded_minor": refunded_minor })
        }
    }
}

/// `refund OBJECT [MINOR]`: all that the object brought, or so many minor units of it.
fn refund(mut flags: Flags, store: PathBuf, evidence: &mut Evidence) -> Result<Value, Failure> {
    let node = server(&mut flags)?;
    let object = flags.word().and_then(|word| Hash::from_hex(&word));
    let object = object.ok_or_else(|| Failure::Misuse("refund: which object?".into()))?;
    let part: Option<u64> = flags
        .word()
        .map(|word| word.parse().map_err(|_| Failure::Misuse(format!("refund: `{word}` is no number"))))
        .transpose()?;
    flags.end()?;
    let mut reader = Reader::open(&store).map_err(failed)?;
    let payee = reader.state().payee.as_ref();
    let known = payee.and_then(|payee| payee.entries().find(|entry| entry.object == object));
    let known = known.ok_or_else(|| Failure::from(CoreRefusal::NotFound.refused()))?;
    let part = part.map(|part| minor(part, known.taken.currency())).transpose()?;
    let witness = &mut |name: &str, bytes: &[u8]| evidence.write(name, bytes);
    let refunded = reader.refund(&node, object, part, witness).map_err(failed)?;
    Ok(json!({
        "object": refunded.object.to_string(),
        "amount": show::amount(refunded.amount),
        "refunded_minor": refunded.refunded_minor,
    }))
}

fn source(source: Source) -> &'static str {
    match source {
        Source::Reservation => "reservation",
        Source::Loss => "offline-loss",
    }
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
            "source": source(outcome.source),
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
    let book = state.payee.as_ref().map_or(&[][..], |payee| payee.book.as_slice());
    let more = trust(&reader);
    Ok(show::with(
        more,
        json!({
            "payee": certificate.as_ref().map(|certificate| certificate.body.payee.to_string()),
            "name": certificate.as_ref().map(|certificate| certificate.body.name.clone()),
            "certificate_until": certificate.as_ref().map(|certificate| certificate.exp.ms().0),
            "open": state.payee.as_ref().map_or(0, |payee| payee.open.len()),
            "unsettled": accepted.iter().filter(|one| !one.settled).count(),
            "objects": accepted.iter().map(|one| json!({
                "object": one.id.to_string(), "token": one.token.to_string(), "settled": one.settled, "taken": show::amount(one.taken), "refusal": refusal_of(one),
            })).chain(book.iter().filter_map(refused)).collect::<Vec<_>>(),
            "forwarded": state.payee.as_ref().map_or(0, |payee| payee.forwarded.len()),
            "bills": state.payee.iter().flat_map(|payee| &payee.bills).map(|record| json!({
                "bill": symbolon_types::hex_lower(&record.bill.id), "total": show::amount(record.bill.total), "paid_minor": record.paid_minor,
            })).collect::<Vec<_>>(),
        }),
    ))
}

/// What the server refused for good, as it is shown.
fn refused(entry: &BookEntry) -> Option<Value> {
    let refusal = show::refusal(entry.refusal?.refused());
    Some(json!({
        "object": entry.object.to_string(), "token": entry.token.to_string(), "settled": false,
        "taken": show::amount(entry.taken), "refusal": refusal,
    }))
}

fn amount(flags: &mut Flags) -> Result<Amount, Failure> {
    let asked = flags.number("amount")?.ok_or_else(|| Failure::Misuse("--amount is missing".into()))?;
    let code = flags.required("currency")?;
    let currency = Currency::from_alpha(&code)
        .ok_or_else(|| Failure::Misuse(format!("--currency: `{code}` is not known")))?;
    minor(asked, currency)
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
    let url = flags.optional("node").map_or_else(|| flags.required("server"), Ok)?;
    Node::new(&url).map_err(failed)
}

fn failed(failure: symbolon_reader::Failure) -> Failure {
    use symbolon_reader::Failure as From;
    show::failure(match failure {
        From::Refused(refusal) => Ok((refusal.refused(), json!({}))),
        From::Transport(error) => Err(error),
    })
}
