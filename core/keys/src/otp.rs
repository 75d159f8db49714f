//! One-time passwords: HOTP (RFC 4226), TOTP (RFC 6238) and OCRA (RFC 6287) over [`Crypto::hmac`].
//!
//! A code is a [`Secret`]: compare it with [`Secret::equals`], in constant time.
//! **Invariant:** an OCRA code is computed over exactly the data that its suite names; a field too many or too few is refused.
use crate::{Crypto, HashAlgorithm};
use alloc::{string::String, vec::Vec};
use symbolon_types::{Secret, UnixSeconds, hex_upper};

mod suite;
pub use suite::OcraSuite;
use suite::{Format, Question};

/// Why no code could be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtpError {
    /// The number of digits is not one that the standard gives.
    Digits,
    /// The time step is zero seconds.
    Step,
    /// The text is not an OCRA suite.
    Suite,
    /// A field that the suite names is absent, one that it does not name is there, or a field has a wrong form or length.
    Input,
}

/// The code of `counter` (RFC 4226 §5.3), of 6..=10 digits. RFC 4226 names SHA-1 only; the other hashes are RFC 6238's.
///
/// # Errors
/// [`OtpError::Digits`].
pub fn hotp(
    crypto: &dyn Crypto,
    hash: HashAlgorithm,
    key: &[u8],
    counter: u64,
    digits: u8,
) -> Result<Secret<String>, OtpError> {
    if !(6..=10).contains(&digits) {
        return Err(OtpError::Digits);
    }
    Ok(truncated(&crypto.hmac(hash, key, &[&counter.to_be_bytes()]), digits))
}

/// The code of the time step in which `at` lies, counted from the Unix epoch (RFC 6238 §4.2). The step is in seconds, usually 30.
///
/// # Errors
/// [`OtpError::Step`] when the step is zero, [`OtpError::Digits`] outside of 6..=10.
pub fn totp(
    crypto: &dyn Crypto,
    hash: HashAlgorithm,
    key: &[u8],
    at: UnixSeconds,
    step_s: u64,
    digits: u8,
) -> Result<Secret<String>, OtpError> {
    hotp(crypto, hash, key, at.0.checked_div(step_s).ok_or(OtpError::Step)?, digits)
}

/// Dynamic truncation (RFC 4226 §5.3) to at most ten digits, with leading zeros.
fn truncated(mac: &Secret<Vec<u8>>, digits: u8) -> Secret<String> {
    let mac = mac.reveal();
    let offset = usize::from(mac.last().copied().unwrap_or(0) & 0x0F);
    let number = mac.iter().skip(offset).take(4).fold(0u32, |number, &byte| number << 8 | u32::from(byte));
    let modulus = 10u64.saturating_pow(u32::from(digits));
    let code = u64::from(number & 0x7FFF_FFFF).checked_rem(modulus).unwrap_or(0);
    Secret::new(alloc::format!("{code:0>0$}", usize::from(digits)))
}

/// The data of one OCRA computation (RFC 6287 §5.1). A field is there exactly when the suite names it.
#[derive(Clone, Copy, Debug, Default)]
pub struct OcraInput<'a> {
    /// C: the counter that both sides keep.
    pub counter: Option<u64>,
    /// Q: the challenge in the suite's format, at most the suite's length, or twice that for the two challenges of §7.2 and §7.4.
    pub question: &'a str,
    /// P: the hash of the PIN, of the length of the suite's hash.
    pub pin_hash: Option<&'a [u8]>,
    /// S: information on the session, exactly as many bytes as the suite says.
    pub session: Option<&'a [u8]>,
    /// T: the number of time steps since the Unix epoch, see [`OcraSuite::time_steps`].
    pub time_steps: Option<u64>,
}

/// The code of `input` under `suite` (RFC 6287 §5.2). A suite of no digits gives the whole HMAC in upper-case hexadecimal.
///
/// # Errors
/// [`OtpError::Input`].
pub fn ocra(
    crypto: &dyn Crypto,
    suite: &OcraSuite,
    key: &[u8],
    input: &OcraInput<'_>,
) -> Result<Secret<String>, OtpError> {
    let data = data_input(suite, input)?;
    let mac = crypto.hmac(suite.hash, key, &[suite.text.as_bytes(), &[0], data.reveal()]);
    match suite.digits {
        0 => Ok(Secret::new(hex_upper(mac.reveal()))),
        digits => Ok(truncated(&mac, digits)),
    }
}

/// `C | Q | P | S | T` (RFC 6287 §5.1), a field only where the suite names it.
fn data_input(suite: &OcraSuite, input: &OcraInput<'_>) -> Result<Secret<Vec<u8>>, OtpError> {
    let given = (input.counter.is_some(), input.time_steps.is_some());
    let lengths_wanted = (suite.pin_hash.map(HashAlgorithm::digest_len), suite.session_len);
    let lengths_given = (input.pin_hash.map(<[u8]>::len), input.session.map(<[u8]>::len));
    if given != (suite.counter, suite.time_step_s.is_some()) || lengths_given != lengths_wanted {
        return Err(OtpError::Input);
    }
    let mut data = Vec::with_capacity(8 + 128 + 64 + 512 + 8);
    data.extend(input.counter.iter().flat_map(|counter| counter.to_be_bytes()));
    data.extend(question(suite.question, input.question)?);
    data.extend_from_slice(input.pin_hash.unwrap_or_default());
    data.extend_from_slice(input.session.unwrap_or_default());
    data.extend(input.time_steps.iter().flat_map(|steps| steps.to_be_bytes()));
    Ok(Secret::new(data))
}

/// The challenge as 128 bytes, filled up with zeros on the right (RFC 6287 §5.1 and the reference code of Appendix A).
fn question(form: Question, text: &str) -> Result<Vec<u8>, OtpError> {
    // A length of at most 64, so at most 128 characters where the two sides' challenges are joined.
    if text.is_empty() || text.len() > usize::from(form.len_max).saturating_mul(2) {
        return Err(OtpError::Input);
    }
    let mut bytes = match form.format {
        Format::Alphanumeric if text.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            text.as_bytes().to_vec()
        }
        Format::Alphanumeric => return Err(OtpError::Input),
        Format::Hexadecimal => pack(&digits_of(text, 16)?),
        Format::Numeric => pack(&decimal_to_nibbles(&digits_of(text, 10)?)),
    };
    bytes.resize(128, 0);
    Ok(bytes)
}

fn digits_of(text: &str, radix: u32) -> Result<Vec<u8>, OtpError> {
    let digit = |symbol: char| symbol.to_digit(radix).and_then(|digit| u8::try_from(digit).ok());
    text.chars().map(|symbol| digit(symbol).ok_or(OtpError::Input)).collect()
}

/// A decimal number to hexadecimal digits, without leading zeros; zero is one digit.
fn decimal_to_nibbles(decimal: &[u8]) -> Vec<u8> {
    let mut nibbles = Vec::from([0u8]);
    for &digit in decimal {
        let mut carry = digit;
        for nibble in nibbles.iter_mut().rev() {
            // At most 15 × 10 + 15 = 165.
            let value = nibble.saturating_mul(10).saturating_add(carry);
            (*nibble, carry) = (value & 0x0F, value >> 4);
        }
        if carry > 0 {
            nibbles.insert(0, carry);
        }
    }
    nibbles
}

/// Hexadecimal digits to bytes from the left; a last half byte is filled with zero.
fn pack(nibbles: &[u8]) -> Vec<u8> {
    let pair = |pair: &[u8]| match pair {
        [high, low] => high << 4 | low,
        [high] => high << 4,
        _ => 0,
    };
    nibbles.chunks(2).map(pair).collect()
}
