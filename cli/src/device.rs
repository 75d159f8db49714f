//! `symbolon device NAME …`: one device role on a real transport, as a process of its own. The roles live in `devices/`; here flags become
//! their options, and their results become the one JSON value.
mod authenticator;
mod evidence;
mod flags;
mod network;
mod phone;
mod reader;
mod show;

use crate::report::{Failure, finish};
use flags::Flags;
use std::process::ExitCode;

/// `symbolon device --help`.
pub const HELP: &str = "\
symbolon device authenticator --store DIR --socket PATH [--server-key HEX|@FILE] [--allow-network]
    the authenticator, until it is ended; the server's key is pinned at the first start. Leaves the network first

symbolon device phone --store DIR --authenticator PATH ACTION
    enrol --server URL --code HEX|@FILE --pin @FILE [--server-key HEX|@FILE]
    prefetch --server URL [--count N]
    pay (--via apdu --socket PATH | --via qr --dir DIR) --pin @FILE [--server URL] [--timeout S] [--allow-network]
    pay --resume (--via …) [--pin @FILE]      the object that was made, the same bytes; with a PIN also a payment that was begun
    reconcile --server URL
    status

symbolon device reader --store DIR ACTION
    enrol --server URL --code HEX|@FILE --server-key HEX|@FILE
    charge --amount MINOR --currency EUR (--via apdu --socket PATH | --via qr --dir DIR) [--timeout S] [--allow-network]
    charge --resume (--via …)                 the challenge that was asked last
    upload --server URL
    status

--evidence DIR writes the exact bytes of what is exchanged, a file a message. A secret may come from @FILE, or from standard input: -.
Without --server a phone that pays may not call; with it, a server that answers means that the phone is online: ONLINE.
";

/// Runs one role.
pub(crate) fn run(parser: lexopt::Parser, json: bool) -> ExitCode {
    let mut flags = match Flags::parse(parser) {
        Ok(flags) => flags,
        Err(failure) => return finish(json, Err(failure)),
    };
    let name = flags.word().unwrap_or_default();
    match name.as_str() {
        "authenticator" => authenticator::run(flags, json),
        "phone" => finish(json, phone::run(flags)),
        "reader" => reader::run(flags, json),
        "" => finish(json, Err(Failure::Misuse("device: which one? authenticator, phone or reader".into()))),
        other => finish(json, Err(Failure::Misuse(format!("device: there is no `{other}` here")))),
    }
}
