//! `symbolon device phone`.
use super::{Flags, credential::Given, evidence::Evidence, network, show};
use crate::report::{Failure, Outcome};
use serde_json::{Value, json};
use std::path::PathBuf;
use symbolon_offline_payment::{
    OfflinePaymentRefusal,
    authenticator::Credential,
    messages::{Preview, Verification},
};
use symbolon_phone::{
    ApduLink, Asking, AuthenticatorClient, COUNT_USUAL, Node, PayeeLink, Phone, QrLink, User, last_call,
};
use symbolon_transport::store::FileFlash;

/// Runs one action.
pub fn run(mut flags: Flags) -> Outcome {
    let action = flags.word().ok_or_else(|| Failure::Misuse("phone: which action?".into()))?;
    let mut evidence = Evidence::of(&mut flags)?;
    let at = At { store: flags.path("store")?, socket: flags.path("authenticator")? };
    let done = match action.as_str() {
        "enrol" => enrol(flags, &at, &mut evidence),
        "prefetch" => prefetch(flags, &at, &mut evidence),
        "pay" => pay(flags, &at, &mut evidence),
        "set-credential" => set_credential(flags, &at, &mut evidence),
        "reconcile" => reconcile(flags, &at, &mut evidence),
        "status" => status(flags, &at),
        other => Err(Failure::Misuse(format!("phone: there is no `{other}`"))),
    };
    evidence.tell();
    Ok(show::report(show::with(json!({ "action": action, "ok": true }), done?)))
}

/// Where the phone's stores and its authenticator are.
struct At {
    store: PathBuf,
    socket: PathBuf,
}

impl At {
    fn open(&self) -> Result<Phone<FileFlash>, Failure> {
        let authenticator = AuthenticatorClient::connect(&self.socket).map_err(failed)?;
        Phone::open(&self.store, authenticator).map_err(failed)
    }
}

fn enrol(mut flags: Flags, at: &At, evidence: &mut Evidence) -> Result<Value, Failure> {
    let node = server(&mut flags)?.ok_or_else(|| Failure::Misuse("--server is missing".into()))?;
    let (key, code) = (flags.server_key()?, flags.required_hex("code")?);
    let given =
        Given::of(&mut flags, "", &at.store)?.ok_or_else(|| Failure::Misuse("--pin is missing".into()))?;
    let credential = given.first()?;
    flags.end()?;
    let mut phone = at.open()?;
    let id = phone.enrol(&node, key, code, &credential, &mut |name, bytes| evidence.write(name, bytes));
    Ok(json!({ "authenticator": id.map_err(failed)?.to_string() }))
}

fn prefetch(mut flags: Flags, at: &At, evidence: &mut Evidence) -> Result<Value, Failure> {
    let node = server(&mut flags)?.ok_or_else(|| Failure::Misuse("--server is missing".into()))?;
    let count = flags.number("count")?.unwrap_or(COUNT_USUAL);
    flags.end()?;
    let mut phone = at.open()?;
    let added =
        phone.prefetch(&node, count, &mut |name, bytes| evidence.write(name, bytes)).map_err(failed)?;
    Ok(json!({ "added": added, "granted": phone.status().map_err(failed)?.granted }))
}

fn pay(mut flags: Flags, at: &At, evidence: &mut Evidence) -> Result<Value, Failure> {
    let (node, given) = (server(&mut flags)?, Given::of(&mut flags, "", &at.store)?);
    let tip_minor = flags.number("tip")?;
    // Without a server the phone may not call; so that it cannot, it leaves the network.
    let network = match node {
        None => network::leave(&mut flags),
        Some(_) => "allowed",
    };
    let resume = flags.switch("resume");
    let mut way = Way::of(&mut flags)?;
    flags.end()?;
    let mut phone = at.open()?;
    let mut customer = Customer { given, tip_minor };
    let witness = &mut |name: &str, bytes: &[u8]| evidence.write(name, bytes);
    let last = last_call(node.as_ref());
    let held = if resume {
        let entry: Option<&mut symbolon_phone::Entry<'_>> =
            if customer.given.is_some() { Some(&mut customer) } else { None };
        phone.resume(&mut *way.open()?, entry, last, witness)
    } else {
        phone.pay(&mut *way.open()?, &mut customer, last, witness)
    };
    Ok(show::with(show::payment(&held.map_err(failed)?), json!({ "network": network })))
}

/// Whoever gave the flags.
struct Customer {
    given: Option<Given>,
    tip_minor: Option<u64>,
}

impl User for Customer {
    fn tip(&mut self, preview: &Preview) -> Result<Option<u64>, symbolon_phone::Failure> {
        let most = preview.tip_minor_max.unwrap_or(0);
        eprintln!("{} asks for a tip of at most {most} minor units", preview.payee);
        Ok(self.tip_minor)
    }

    fn verify(&mut self, asking: &Asking<'_>) -> Result<Credential, symbolon_phone::Failure> {
        let part =
            asking.preview.bill.map_or(String::new(), |bill| format!(", a part of a bill of {}", bill.total));
        eprintln!("pay {} to {}{part}", asking.amount, asking.preview.payee);
        let given = self.given.as_ref().ok_or(OfflinePaymentRefusal::VerificationWeak)?;
        given.shown(asking.question)
    }
}

fn set_credential(mut flags: Flags, at: &At, evidence: &mut Evidence) -> Result<Value, Failure> {
    let given = |flags: &mut Flags, prefix: &str| {
        let given = Given::of(flags, prefix, &at.store)?;
        given.ok_or_else(|| Failure::Misuse(format!("--{prefix}credential is missing")))
    };
    let (shown, fresh) = (given(&mut flags, "")?, given(&mut flags, "new-")?);
    flags.end()?;
    let mut phone = at.open()?;
    let mut witness = |name: &str, bytes: &[u8]| evidence.write(name, bytes);
    let kinds = phone.set_credential(
        &mut |question| shown.shown(question),
        &mut |question| fresh.fresh(question),
        &mut witness,
    );
    Ok(json!({ "credentials": kinds.map_err(failed)?.into_iter().map(kind).collect::<Vec<_>>() }))
}

fn kind(kind: Verification) -> &'static str {
    match kind {
        Verification::None => "none",
        Verification::Pin => "pin",
        Verification::Passphrase => "passphrase",
        Verification::Platform => "platform",
    }
}

fn reconcile(mut flags: Flags, at: &At, evidence: &mut Evidence) -> Result<Value, Failure> {
    let node = server(&mut flags)?.ok_or_else(|| Failure::Misuse("--server is missing".into()))?;
    flags.end()?;
    let mut phone = at.open()?;
    phone.reconcile(&node, &mut |name, bytes| evidence.write(name, bytes)).map_err(failed)?;
    let status = phone.status().map_err(failed)?;
    Ok(json!({ "objects": status.authenticator.objects, "locked": status.authenticator.locked }))
}

fn status(flags: Flags, at: &At) -> Result<Value, Failure> {
    flags.end()?;
    let status = at.open()?.status().map_err(failed)?;
    let authenticator = status.authenticator;
    Ok(json!({
        "authenticator": authenticator.authenticator.map(|id| id.to_string()),
        "paired": authenticator.paired,
        "locked": authenticator.locked,
        "attempts_left": authenticator.attempts_left,
        "credentials": authenticator.credentials.iter().copied().map(kind).collect::<Vec<_>>(),
        "epoch": authenticator.epoch,
        "pool": authenticator.pool,
        "granted": status.granted,
        "asked": status.asked,
        "objects": authenticator.objects,
        "spent_minor": authenticator.spent_minor,
        "underway": status.underway,
        "payments": status.payments.iter().map(show::payment).collect::<Vec<_>>(),
    }))
}

/// The way to the payee.
struct Way {
    apdu: bool,
    at: PathBuf,
    timeout: std::time::Duration,
}

impl Way {
    fn of(flags: &mut Flags) -> Result<Self, Failure> {
        let via = flags.required("via")?;
        let timeout = flags.timeout()?;
        match via.as_str() {
            "apdu" => Ok(Self { apdu: true, at: flags.path("socket")?, timeout }),
            "qr" => Ok(Self { apdu: false, at: flags.path("dir")?, timeout }),
            _ => Err(Failure::Misuse("--via: apdu or qr".into())),
        }
    }

    fn open(&mut self) -> Result<Box<dyn PayeeLink>, Failure> {
        if !self.apdu {
            return Ok(Box::new(QrLink::new(&self.at, self.timeout)));
        }
        let link =
            ApduLink::open(&self.at, self.timeout).map_err(|error| Failure::Misuse(error.to_string()))?;
        Ok(Box::new(link))
    }
}

fn server(flags: &mut Flags) -> Result<Option<Node>, Failure> {
    flags.optional("server").map(|url| Node::new(&url).map_err(failed)).transpose()
}

fn failed(failure: symbolon_phone::Failure) -> Failure {
    use symbolon_phone::Failure as From;
    show::failure(match failure {
        From::Refused { refusal, attempts_left: None } => Ok((refusal.refused(), json!({}))),
        From::Refused { refusal, attempts_left } => {
            Ok((refusal.refused(), json!({ "attempts_left": attempts_left })))
        }
        From::Transport(error) => Err(error),
    })
}
