//! OCRA suites (RFC 6287 §6): `OCRA-1:HOTP-SHA1-6:C-QN08-PSHA1-S064-T1M`. Every part is written out; the defaults of §6.3 are not guessed.
use super::OtpError;
use crate::HashAlgorithm;
use alloc::string::String;
use symbolon_types::UnixSeconds;

/// How a challenge is written (RFC 6287 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// A.
    Alphanumeric,
    /// N.
    Numeric,
    /// H.
    Hexadecimal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) format: Format,
    /// 4..=64 characters.
    pub(super) len_max: u8,
}

/// A parsed suite; it remembers its text, which is part of what is MACed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcraSuite {
    pub(super) text: String,
    pub(super) hash: HashAlgorithm,
    /// 0 (no truncation) or 4..=10.
    pub(super) digits: u8,
    pub(super) counter: bool,
    pub(super) question: Question,
    pub(super) pin_hash: Option<HashAlgorithm>,
    /// 1..=512 bytes.
    pub(super) session_len: Option<usize>,
    /// 1 second to 48 hours.
    pub(super) time_step_s: Option<u64>,
}

impl OcraSuite {
    /// Reads a suite.
    ///
    /// # Errors
    /// [`OtpError::Suite`] for anything but `OCRA-1:HOTP-<hash>-<digits>:[C-]Q<format><length>[-P<hash>][-S<length>][-T<step>]`.
    pub fn parse(text: &str) -> Result<Self, OtpError> {
        parts(text).ok_or(OtpError::Suite)
    }

    /// The suite's text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The time steps from the Unix epoch to `at`, for [`super::OcraInput::time_steps`]; `None` when the suite has no time.
    #[must_use]
    pub fn time_steps(&self, at: UnixSeconds) -> Option<u64> {
        self.time_step_s.and_then(|step| at.0.checked_div(step))
    }
}

fn parts(text: &str) -> Option<OcraSuite> {
    let (function, data) = text.strip_prefix("OCRA-1:HOTP-")?.split_once(':')?;
    let (hash_name, digits) = function.split_once('-')?;
    let mut fields = data.split('-').peekable();
    let counter = fields.next_if_eq(&"C").is_some();
    let question = question(fields.next()?)?;
    let mut field =
        |letter: char| fields.next_if(|field| field.starts_with(letter)).map(|field| field.get(1..));
    let (pin_hash, session_len, time_step_s) = (field('P'), field('S'), field('T'));
    if fields.next().is_some() {
        return None;
    }
    Some(OcraSuite {
        text: text.into(),
        hash: hash(hash_name)?,
        digits: number(digits, 1..=2).filter(|digits| *digits == 0 || (4..=10).contains(digits))?,
        counter,
        question,
        pin_hash: pin_hash.map(|name| name.and_then(hash).ok_or(())).transpose().ok()?,
        session_len: session_len.map(|len| len.and_then(session).ok_or(())).transpose().ok()?,
        time_step_s: time_step_s.map(|step| step.and_then(step_s).ok_or(())).transpose().ok()?,
    })
}

fn hash(name: &str) -> Option<HashAlgorithm> {
    match name {
        "SHA1" => Some(HashAlgorithm::Sha1),
        "SHA256" => Some(HashAlgorithm::Sha256),
        "SHA512" => Some(HashAlgorithm::Sha512),
        _ => None,
    }
}

/// A decimal number of as many digits as `width` allows; a longer one than needed is read only where the width is fixed.
fn number<T: core::str::FromStr>(text: &str, width: core::ops::RangeInclusive<usize>) -> Option<T> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && width.contains(&text.len());
    let padded = width.start() != width.end() && text.len() > 1 && text.starts_with('0');
    if plain && !padded { text.parse().ok() } else { None }
}

/// `Q` then the format then 04..64; RFC 6287 §6.4 itself writes `QH8`, so one digit is read too.
fn question(field: &str) -> Option<Question> {
    let (format, len) = field.strip_prefix('Q')?.split_at_checked(1)?;
    let format = match format {
        "A" => Format::Alphanumeric,
        "N" => Format::Numeric,
        "H" => Format::Hexadecimal,
        _ => return None,
    };
    let len_max = number(len, 2..=2).or_else(|| number(len, 1..=1)).filter(|len| (4..=64).contains(len))?;
    Some(Question { format, len_max })
}

fn session(len: &str) -> Option<usize> {
    number(len, 3..=3).filter(|len| (1..=512).contains(len))
}

/// `1..59S`, `1..59M` or `1..48H` (RFC 6287 §6.3), in seconds.
fn step_s(step: &str) -> Option<u64> {
    let (count, unit) = step.split_at_checked(step.len().checked_sub(1)?)?;
    let (most, seconds) = match unit {
        "S" => (59, 1),
        "M" => (59, 60),
        "H" => (48, 3600),
        _ => return None,
    };
    number::<u64>(count, 1..=2).filter(|count| (1..=most).contains(count))?.checked_mul(seconds)
}
