//! `symbolon tool FAMILY VERB …`: the calculator. It needs no server, keeps nothing and asks nobody: what it computes is in `core/`.
//!
//! ```text
//! words ─Flags::parse─► family (one file, one row of FAMILIES) ─► verb ─► Outcome
//! ```
//! **Invariant:** a verb takes every flag that it knows by name, and what nobody took is a mistake; no error repeats what was given, since it
//! may be a key.
mod cose;
mod flags;
mod hpke;
mod jwk;
mod otp;

use crate::report::{Failure, Outcome};
use flags::{Flags, named};
use std::ffi::OsString;

/// One family of the calculator: a file of this folder.
struct Family {
    name: &'static str,
    help: &'static str,
    /// Given the verb and the flags.
    run: fn(&str, Flags) -> Outcome,
}

const FAMILIES: [Family; 3] = [
    Family { name: "cose", help: cose::HELP, run: cose::run },
    Family { name: "hpke", help: hpke::HELP, run: hpke::run },
    Family { name: "otp", help: otp::HELP, run: otp::run },
];

/// `symbolon tool --help`.
const HELP: &str = "\
symbolon tool FAMILY VERB [--FLAG VALUE …]

The calculator: checks and computes with the formats of the standards, on this machine alone.
  cose verify | decrypt       COSE_Sign1, COSE_Mac0, COSE_Encrypt0 (RFC 9052, RFC 9053)
  hpke open                   what was sealed to a public key (RFC 9180)
  otp hotp | totp | ocra      one-time passwords (RFC 4226, RFC 6238, RFC 6287)

Bytes are hexadecimal of either case. - reads standard input, @FILE a file; a key is best given so, for other users see the words of a command.
Exit 0: held; 1: read and refused; 2: not understood. `symbolon tool FAMILY --help` shows each flag and an example, docs/tool/ more.

$ symbolon tool otp hotp --key 3132333435363738393031323334353637383930 --counter 1
287082
";

fn family(name: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.name == named(name))
}

/// The help of the family that the words name, or of the calculator.
pub fn help(words: &[OsString]) -> &'static str {
    let name = words.iter().filter_map(|word| word.to_str()).find(|word| !word.starts_with('-'));
    name.and_then(family).map_or(HELP, |family| family.help)
}

/// Runs the command.
pub fn run(parser: lexopt::Parser) -> Outcome {
    let mut flags = Flags::parse(parser)?;
    let name = flags.word().unwrap_or_default();
    let Some(family) = family(&name) else {
        let names: Vec<&str> = FAMILIES.iter().map(|family| family.name).collect();
        return Err(Failure::Misuse(format!("tool: which family? {}", names.join(", "))));
    };
    let verb = flags.word().map(|word| named(&word)).unwrap_or_default();
    (family.run)(&verb, flags)
}

/// That a family has no such verb.
fn no_verb(family: &str, verbs: &str) -> Failure {
    Failure::Misuse(format!("tool {family}: which verb? {verbs}"))
}
