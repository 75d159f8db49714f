//! `symbolon device authenticator`.
use super::{Flags, evidence::Evidence, network, show};
use crate::report::{Failure, finish};
use serde_json::json;
use std::process::ExitCode;
use symbolon_authenticator::{FileSecret, Machine, serve};
use symbolon_transport::frames::Listener;

/// Serves until it is ended; returns only when it cannot go on.
pub fn run(flags: Flags, json: bool) -> ExitCode {
    match started(flags, json) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => finish(json, Err(failure)),
    }
}

fn started(mut flags: Flags, json: bool) -> Result<(), Failure> {
    let (store, socket) = (flags.path("store")?, flags.path("socket")?);
    let server = flags.server_key()?;
    let network = network::leave(&mut flags);
    let mut evidence = Evidence::of(&mut flags)?;
    flags.end()?;
    let mut machine = Machine::start(&store, server, &FileSecret::within(&store)).map_err(failed)?;
    let listener = Listener::bind(&socket).map_err(|error| Failure::Misuse(error.to_string()))?;
    let ready = show::report(json!({
        "socket": socket.display().to_string(),
        "network": network,
        "process": std::process::id(),
    }));
    println!("{}", if json { ready.json.to_string() } else { ready.text.trim_end().to_owned() });
    let mut count = 0_u64;
    serve(&mut machine, &listener, |request, reply| {
        count += 1;
        evidence.write(&format!("request-{count}"), request);
        evidence.write(&format!("reply-{count}"), reply);
    })
    .map_err(failed)
}

fn failed(failure: symbolon_authenticator::Failure) -> Failure {
    use symbolon_authenticator::Failure as From;
    match failure {
        From::Refused(refusal) => refusal.refused().into(),
        From::KeyMissing => Failure::Misuse("--server-key is missing: the first start pins it".into()),
        From::Transport(error) => Failure::Misuse(error.to_string()),
    }
}
