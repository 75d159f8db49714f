//! `symbolon device NAME …`: one device role on a real transport, as a process of its own. The roles live in `devices/`; here flags become
//! their options, and their results become the one JSON value.
mod authenticator;
mod credential;
mod evidence;
mod flags;
mod network;
mod phone;
mod pos;
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
    enrol --server URL --code HEX|@FILE (--pin @FILE | --passphrase @FILE) [--server-key HEX|@FILE]
    prefetch --server URL [--count N]
    pay (--via apdu --socket PATH | --via qr --dir DIR) [CREDENTIAL] [--tip MINOR] [--server URL] [--timeout S]
        [--allow-network]                     the grant says which credential the amount needs, if any
    pay --resume (--via …) [CREDENTIAL]       the object that was made, the same bytes; with a credential also a payment that was begun
    set-credential CREDENTIAL (--new-pin @FILE | --new-passphrase @FILE | --new-credential platform)
    reconcile --server URL
    status

symbolon device reader --store DIR ACTION
    enrol --server URL --code HEX|@FILE --server-key HEX|@FILE
    charge --amount MINOR --currency EUR [--tip-max MINOR] [--bill HEX --bill-total MINOR] [--final MINOR]
        (--via apdu --socket PATH | --via qr --dir DIR) [--timeout S] [--allow-network | --online --server URL]
                                              --online: the server is asked before the receipt is given
    charge --resume (--via …)                 the challenge that was asked last
    cancel                                    closes it, unless it is paid
    upload --server URL
    sync --server URL                         the server's keys and the denied devices; upload, audit and refund begin with it
    audit --server URL                        what the server credited, against what was accepted
    refund OBJECT [MINOR] --server URL
    status

symbolon device pos --store DIR ACTION
    setup --host ADDR --terminal ID --currency EUR [--dialect NAME] [--version 1987|1993] [--framing be2] [--institution N]
        [--initial-key HEX|@FILE --ksn HEX]   TDES DUKPT: accounts, PINs and codes under the keys of each transaction
    pay | authorise | refund --amount MINOR --card TRACK2|@FILE [--pin @FILE] [--chip HEX|@FILE] [--timeout S]
                                              what is not answered is reversed; also by the next action, after a kill
    reverse | echo | status
    load --amount MINOR --card TRACK2|@FILE [--terminals N] [--payments N] [--first-audit N] [--timeout S]
                                              N terminals at once, in clear, by the first four characters of ID and four digits

CREDENTIAL is --pin @FILE, --passphrase @FILE, or --credential platform: the simulated platform authenticator in the phone's store.

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
        "pos" => pos::run(flags, json),
        "" => finish(
            json,
            Err(Failure::Misuse("device: which one? authenticator, phone, reader or pos".into())),
        ),
        other => finish(json, Err(Failure::Misuse(format!("device: there is no `{other}` here")))),
    }
}
