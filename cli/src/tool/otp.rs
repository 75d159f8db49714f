//! `symbolon tool otp`: one-time passwords (RFC 4226, RFC 6238, RFC 6287), computed in `core/keys`.
use super::flags::{Flags, wrong};
use super::no_verb;
use crate::report::{Failure, Outcome, Report};
use serde_json::json;
use symbolon_keys::{Crypto, HashAlgorithm, OcraInput, OcraSuite, OtpError, RustCrypto, hotp, ocra, totp};
use symbolon_types::{CoreRefusal, Secret, UnixSeconds};

/// `symbolon tool otp --help`.
pub const HELP: &str = "\
symbolon tool otp hotp --key HEX --counter N [--digits D] [--algorithm sha1|sha256|sha512]
    the code of a counter (RFC 4226); D is 6 to 10, 6 unless told otherwise
symbolon tool otp totp --key HEX --time SECONDS [--digits D] [--algorithm sha1|sha256|sha512] [--step SECONDS]
    the code of a Unix time (RFC 6238); a step has 30 seconds unless told otherwise
symbolon tool otp ocra --suite S --key HEX --q QUESTION [--counter N] [--pin PIN] [--session HEX] [--time T]
    the answer to a challenge (RFC 6287); what the suite names must be there, and nothing else
      --q        in the suite's format: digits (QN), letters and digits (QA), hexadecimal (QH)
      --pin      the PIN, which is hashed as the suite says; or its hash, as exactly so many hexadecimal digits as the hash has
      --session  hexadecimal; shorter than the suite says, it is filled up with zeros on the left (RFC 6287 appendix A)
      --time     decimal: Unix seconds, from which the suite's steps are counted; with a letter, or of exactly 16 digits: hexadecimal,
                 the number of steps, as RFC 6287 appendix C writes it
A key comes best from @FILE or -.

$ symbolon tool otp totp --key 3132333435363738393031323334353637383930 --time 59 --digits 8
94287082
$ symbolon tool otp ocra --suite OCRA-1:HOTP-SHA256-8:C-QN08-PSHA1 --key 3132333435363738393031323334353637383930313233343536373839303132 --counter 0 --q 12345678 --pin 1234
65347737
";

/// Runs a verb.
pub fn run(verb: &str, flags: Flags) -> Outcome {
    match verb {
        "hotp" => hotp_code(flags),
        "totp" => totp_code(flags),
        "ocra" => ocra_code(flags),
        _ => Err(no_verb("otp", "hotp, totp, ocra")),
    }
}

const ALGORITHMS: [(&str, HashAlgorithm); 3] =
    [("sha1", HashAlgorithm::Sha1), ("sha256", HashAlgorithm::Sha256), ("sha512", HashAlgorithm::Sha512)];

/// Key, hash and number of digits.
fn common(flags: &mut Flags) -> Result<(Secret<Vec<u8>>, HashAlgorithm, u8), Failure> {
    let key = flags.required_bytes("key")?;
    let hash = flags.choice("algorithm", &ALGORITHMS)?.unwrap_or(HashAlgorithm::Sha1);
    Ok((key, hash, flags.number("digits")?.unwrap_or(6)))
}

fn hotp_code(mut flags: Flags) -> Outcome {
    let (key, hash, digits) = common(&mut flags)?;
    let counter = flags.required_number("counter")?;
    flags.end()?;
    answer(hotp(&RustCrypto, hash, key.reveal(), counter, digits))
}

fn totp_code(mut flags: Flags) -> Outcome {
    let (key, hash, digits) = common(&mut flags)?;
    let at = UnixSeconds(flags.required_number("time")?);
    let step_s = flags.number("step")?.unwrap_or(30);
    flags.end()?;
    answer(totp(&RustCrypto, hash, key.reveal(), at, step_s, digits))
}

fn answer(code: Result<Secret<String>, OtpError>) -> Outcome {
    let code = code.map_err(|error| match error {
        OtpError::Digits => wrong("digits", "6 to 10"),
        OtpError::Step => wrong("step", "at least one second"),
        OtpError::Suite | OtpError::Input => CoreRefusal::Malformed.refused().into(),
    })?;
    Ok(Report { json: json!({ "code": code.reveal() }), text: code.reveal().clone() })
}

fn ocra_code(mut flags: Flags) -> Outcome {
    let suite = flags.required_text("suite")?;
    let suite = OcraSuite::parse(suite.reveal()).map_err(|_| CoreRefusal::Malformed.refused())?;
    let wants = Wants::of(&suite);
    let key = flags.required_bytes("key")?;
    let question = flags.required_text("q")?;
    let counter = named(wants.counter, "counter", flags.number("counter")?)?;
    let pin = named(wants.pin.is_some(), "pin", flags.text("pin")?)?;
    let session = named(wants.session_len.is_some(), "session", flags.bytes("session")?)?;
    let time = named(wants.time, "time", flags.text("time")?)?;
    flags.end()?;
    let pin = pin.zip(wants.pin).map(|(pin, hash)| hashed(&pin, hash));
    let session = session.zip(wants.session_len).map(|(given, len)| filled(&given, len));
    let time_steps = time.map(|time| steps(&suite, time.reveal())).transpose()?;
    let input = OcraInput {
        counter,
        question: question.reveal(),
        pin_hash: pin.as_ref().map(|pin| pin.reveal().as_slice()),
        session: session.as_ref().map(|session| session.reveal().as_slice()),
        time_steps,
    };
    answer(ocra(&RustCrypto, &suite, key.reveal(), &input))
}

/// What the data input of a suite is made of, beside the question (RFC 6287 §6.3).
struct Wants {
    counter: bool,
    pin: Option<HashAlgorithm>,
    session_len: Option<usize>,
    time: bool,
}

impl Wants {
    /// The suite was parsed, so its last part is a list of known fields.
    fn of(suite: &OcraSuite) -> Self {
        let data = suite.text().rsplit(':').next().unwrap_or_default();
        let field = |letter: char| data.split('-').find_map(|field| field.strip_prefix(letter));
        let hash = |name: &str| ALGORITHMS.iter().find(|row| row.0.eq_ignore_ascii_case(name));
        Self {
            counter: field('C').is_some(),
            pin: field('P').and_then(hash).map(|row| row.1),
            session_len: field('S').and_then(|len| len.parse().ok()),
            time: field('T').is_some(),
        }
    }
}

/// A flag is there exactly when the suite names what it brings.
fn named<T>(wanted: bool, name: &str, given: Option<T>) -> Result<Option<T>, Failure> {
    match (wanted, &given) {
        (true, None) => Err(wrong(name, "is missing; the suite names it")),
        (false, Some(_)) => Err(wrong(name, "the suite does not name it")),
        _ => Ok(given),
    }
}

/// The hash of a PIN; a text that has the form of one is one.
fn hashed(pin: &Secret<String>, hash: HashAlgorithm) -> Secret<Vec<u8>> {
    let given = symbolon_types::hex_parse(pin.reveal()).filter(|bytes| bytes.len() == hash.digest_len());
    Secret::new(given.unwrap_or_else(|| RustCrypto.digest(hash, &[pin.reveal().as_bytes()])))
}

/// With zeros on the left, as the reference code of RFC 6287 appendix A fills it; what is longer stays so, and is refused.
fn filled(session: &Secret<Vec<u8>>, len: usize) -> Secret<Vec<u8>> {
    let mut filled = vec![0; len.saturating_sub(session.reveal().len())];
    filled.extend_from_slice(session.reveal());
    Secret::new(filled)
}

fn steps(suite: &OcraSuite, time: &str) -> Result<u64, Failure> {
    let decimal = time.bytes().all(|byte| byte.is_ascii_digit()) && time.len() != 16;
    let steps = if decimal {
        time.parse().ok().and_then(|seconds| suite.time_steps(UnixSeconds(seconds)))
    } else {
        u64::from_str_radix(time, 16).ok()
    };
    steps.ok_or_else(|| wrong("time", "neither seconds nor a number of steps in hexadecimal"))
}
