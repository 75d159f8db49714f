//! `symbolon device pos`: a terminal on an ISO 8583 link, swipe, chip data and PIN, that reverses what is not answered.
//!
//! ```text
//!   store: keys moved on, audit number, what is asked ─► synced ─► 0200 ─► answer ─► store
//!                                                                    └─ none ─► 0400, 0401 … until answered; also after a kill, before anything else
//! ```
//! It stands in the command and not in `devices/`, since it shares its framing and its messages with the hosts.
//!
//! **Invariant:** no audit number and no key of a transaction is used twice, whenever it is killed; the account and the PIN are in no file.
mod line;
mod load;
mod store;

use super::Flags;
use crate::report::{Failure, Report, finish};
use crate::tool::iso8583::dialect::Named;
use line::{Card, Line, Outcome};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Duration;
use store::{Asked, Kind, Setup, Store};
use symbolon_types::{Amount, CoreRefusal, Currency};

/// Runs one action. What was not approved ends with 1.
pub fn run(flags: Flags, json: bool) -> ExitCode {
    let (outcome, approved) = match acted(flags) {
        Ok(value) => {
            let approved = value.get("approved") != Some(&Value::Bool(false));
            (Ok(value), approved)
        }
        Err(failure) => (Err(failure), false),
    };
    let code = finish(json, outcome.map(|value| Report { text: value.to_string(), json: value }));
    if code == ExitCode::SUCCESS && !approved { ExitCode::from(1) } else { code }
}

fn acted(mut flags: Flags) -> Result<Value, Failure> {
    let action = flags.word().ok_or_else(|| Failure::Misuse("pos: which action?".into()))?;
    let folder = flags.path("store")?;
    if action == "setup" {
        return setup(flags, &folder);
    }
    let mut store = Store::open(&folder)?;
    let kind = match action.as_str() {
        "status" => {
            flags.end()?;
            return Ok(store.status());
        }
        "load" => return load::run(flags, &store),
        "echo" => None,
        "reverse" => Some(None),
        "pay" => Some(Some(Kind::Pay)),
        "authorise" => Some(Some(Kind::Authorise)),
        "refund" => Some(Some(Kind::Refund)),
        other => return Err(Failure::Misuse(format!("pos: there is no `{other}`"))),
    };
    let timeout = flags.timeout()?;
    let asked = match kind {
        Some(Some(kind)) => Some((kind, money(&mut flags, &store)?, card(&mut flags)?)),
        _ => None,
    };
    flags.end()?;
    let mut line = Line::open(&store, timeout)?;
    let undone = match store.open_request() {
        Some(left) => Some(reversed(&mut store, &mut line, &left)?),
        None => None,
    };
    let mut value = match (kind, asked) {
        (Some(Some(_)), Some((kind, amount, card))) => paid(&mut store, &mut line, (kind, amount, &card))?,
        (Some(_), _) => {
            let last = store.last().ok_or_else(|| Failure::unverified(CoreRefusal::NotFound))?;
            json!({ "approved": reversed(&mut store, &mut line, &last)? })
        }
        (None, _) => json!({ "approved": line.echo(&mut store)? }),
    };
    if let (Some(undone), Some(members)) = (undone, value.as_object_mut()) {
        members.insert("reversed_before".into(), undone.into());
    }
    Ok(value)
}

fn setup(mut flags: Flags, folder: &std::path::Path) -> Result<Value, Failure> {
    let (host, terminal) = (flags.required("host")?, flags.required("terminal")?);
    let currency = flags.required("currency")?;
    if Currency::from_alpha(&currency).is_none() {
        return Err(Failure::Misuse("--currency: three letters of ISO 4217".into()));
    }
    let mut id = [b' '; 8];
    if terminal.is_empty() || terminal.len() > 8 || !terminal.bytes().all(|byte| byte.is_ascii_alphanumeric())
    {
        return Err(Failure::Misuse("--terminal: 1 to 8 letters and digits".into()));
    }
    id.iter_mut().zip(terminal.bytes()).for_each(|(place, byte)| *place = byte);
    let dialect = flags.optional("dialect").unwrap_or_else(|| "1987-ascii".into());
    drop(Named::of(&dialect)?);
    let version = match flags.number("version")? {
        Some(version @ (1987 | 1993)) => version,
        None if dialect.starts_with("1993") => 1993,
        None => 1987,
        Some(_) => return Err(Failure::Misuse("--version: 1987 or 1993".into())),
    };
    let framing = flags.optional("framing").unwrap_or_else(|| "be2".into());
    if framing.parse::<symbolon_hosts::framing::Framing>().is_err() {
        return Err(Failure::Misuse("--framing: there is no such one".into()));
    }
    let institution = flags.number("institution")?;
    let keys = match (flags.hex::<16>("initial-key")?, flags.hex::<10>("ksn")?) {
        (None, None) => None,
        (Some(key), Some(serial)) => Some((key, serial)),
        _ => return Err(Failure::Misuse("--initial-key and --ksn go together".into())),
    };
    flags.end()?;
    let setup = Setup { host, terminal: id, currency, dialect, version, framing, institution };
    Store::create(folder, setup, keys)?;
    Ok(json!({ "terminal": terminal, "keys": keys.is_some() }))
}

fn money(flags: &mut Flags, store: &Store) -> Result<Amount, Failure> {
    let minor = flags.number("amount")?.ok_or_else(|| Failure::Misuse("--amount is missing".into()))?;
    let currency = Currency::from_alpha(&store.setup.currency).ok_or(CoreRefusal::AmountInvalid);
    currency
        .and_then(|currency| Amount::new(minor, currency).map_err(|_| CoreRefusal::AmountInvalid))
        .map_err(|_| Failure::Misuse("--amount: not an amount in minor units".into()))
}

fn card(flags: &mut Flags) -> Result<Card, Failure> {
    let track = flags.secret("card")?.ok_or_else(|| Failure::Misuse("--card is missing".into()))?;
    let pin = flags.secret("pin")?;
    let chip = match flags.secret("chip")? {
        None => None,
        Some(text) => Some(crate::args::hex("--chip", text.reveal())?),
    };
    Card::new(track, pin, chip)
}

/// Asks; what is not answered in time is reversed.
fn paid(
    store: &mut Store,
    line: &mut Line,
    (kind, amount, card): (Kind, Amount, &Card),
) -> Result<Value, Failure> {
    let (asked, transaction) = store.ask(kind, amount)?;
    match line.request(store, &asked, transaction, card)? {
        Outcome::Answered(told) => {
            let approved = told.action.is_approved();
            store.answered(approved.then_some(asked.clone()))?;
            let approval = told.approval.map(|code| String::from_utf8_lossy(&code).trim_end().to_owned());
            Ok(json!({
                "approved": approved, "action": format!("{:03}", told.action.0), "amount": told.amount,
                "approval": approval, "audit": asked.audit,
            }))
        }
        Outcome::Nothing => {
            let undone = reversed(store, line, &asked)?;
            Ok(json!({ "approved": false, "action": null, "audit": asked.audit, "reversed": undone }))
        }
    }
}

/// How often a reversal is sent before it is left for the next time.
const TRIES: u32 = 3;

/// Reverses; whether it was answered. If not, it stays open, and is the first thing that is sent next time.
fn reversed(store: &mut Store, line: &mut Line, asked: &Asked) -> Result<bool, Failure> {
    let number = store.reverse(asked)?;
    for attempt in 0..TRIES {
        let transaction = store.transaction()?;
        if let Outcome::Answered(told) = line.reversal(store, asked, (number, attempt > 0), transaction)? {
            store.answered(None)?;
            // 400 accepted, 914: there is nothing to be reversed.
            return Ok(told.action.is_approved() || matches!(told.action.0, 400 | 914));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(false)
}
