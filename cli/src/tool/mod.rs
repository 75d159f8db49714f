//! `symbolon tool FAMILY VERB …`: the calculator. It needs no server, keeps nothing and asks nobody: what it computes is in `core/`.
//!
//! ```text
//! words ─Flags::parse─► family (one file, one row of FAMILIES) ─► verb ─► Outcome
//! ```
//! **Invariant:** a verb takes every flag that it knows by name, and what nobody took is a mistake; no error repeats what was given, since it
//! may be a key.
mod cose;
mod dukpt;
mod emv;
mod flags;
mod hpke;
pub mod iso8583;
mod json;
mod jwk;
mod keyblock;
mod otp;
mod pinblock;
mod qr;
mod tlv;
mod track;

use crate::report::{Failure, Outcome};
use flags::{Flags, named};
use serde_json::json;
use std::ffi::OsString;
use symbolon_types::Refused;

/// One family of the calculator: a file of this folder.
struct Family {
    name: &'static str,
    help: &'static str,
    /// Given the verb and the flags.
    run: fn(&str, Flags) -> Outcome,
}

const FAMILIES: [Family; 11] = [
    Family { name: "cose", help: cose::HELP, run: cose::run },
    Family { name: "dukpt", help: dukpt::HELP, run: dukpt::run },
    Family { name: "emv", help: emv::HELP, run: emv::run },
    Family { name: "hpke", help: hpke::HELP, run: hpke::run },
    Family { name: "iso8583", help: iso8583::HELP, run: iso8583::run },
    Family { name: "keyblock", help: keyblock::HELP, run: keyblock::run },
    Family { name: "otp", help: otp::HELP, run: otp::run },
    Family { name: "pinblock", help: pinblock::HELP, run: pinblock::run },
    Family { name: "qr", help: qr::HELP, run: qr::run },
    Family { name: "tlv", help: tlv::HELP, run: tlv::run },
    Family { name: "track", help: track::HELP, run: track::run },
];

/// `symbolon tool --help`.
const HELP: &str = "\
symbolon tool FAMILY VERB [--FLAG VALUE …]

The calculator: checks and computes with the formats of the standards, on this machine alone.
  cose verify | decrypt       COSE_Sign1, COSE_Mac0, COSE_Encrypt0 (RFC 9052, RFC 9053)
  dukpt derive                the keys of one transaction of a terminal (X9.24-1, X9.24-3)
  emv cryptogram | arpc | …   EMV keys, cryptograms, scripts; CVV, PVV, CVC3 (EMV Book 2)
  hpke open                   what was sealed to a public key (RFC 9180)
  iso8583 decode | encode     messages between acquirers and issuers (ISO 8583:1987, ISO 8583:1993)
  keyblock unwrap | wrap      keys with what they may be used for (X9.143, TR-31, ISO 20038)
  otp hotp | totp | ocra      one-time passwords (RFC 4226, RFC 6238, RFC 6287)
  pinblock encode | decode    PIN blocks, formats 0 to 4 (ISO 9564-1)
  qr decode | encode          payment QR codes, merchant- and consumer-presented (EMVCo)
  tlv decode | encode | …     data objects of cards and terminals, lists of them (ISO/IEC 8825-1, EMV Book 3)
  track encode | decode       magnetic tracks: text, bits, flux reversals (ISO/IEC 7811, 7813, 4909)

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

/// A refusal whose detail says where: never what is there.
fn refused_at(refused: impl Into<Refused>, detail: &str) -> Failure {
    let refused = refused.into();
    let more = json!({ "refusal": { "code": refused.code, "name": refused.name, "detail": detail } });
    Failure::Refused { refused, more }
}

/// That a family has no such verb.
fn no_verb(family: &str, verbs: &str) -> Failure {
    Failure::Misuse(format!("tool {family}: which verb? {verbs}"))
}
