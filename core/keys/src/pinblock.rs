//! PIN blocks: ISO 9564-1:2017 formats 0 to 3 in eight bytes for triple DES, format 4 in sixteen for AES.
//!
//! ```text
//!            control, length, digits, fill        with the account number
//!   0        0 L P…P F…F                          xor 0000 ‖ 12 digits       ─► TDES
//!   1        1 L P…P any nibbles, unique          none                       ─► TDES
//!   2        2 L P…P F…F                          none                       ─► towards a card
//!   3        3 L P…P random A…F                   xor 0000 ‖ 12 digits       ─► TDES
//!   4        4 L P…P A…A ‖ 8 random bytes         AES(AES(PIN field) xor account field)
//! ```
//! **Invariant:** whatever is wrong with a block, a PIN or an account number is one error: what a wrong key gives looks like a wrong PIN. No PIN and
//! no account number is in an error or in debug output.
use crate::cipher::{BlockCipher, xor};
use crate::usage::{self, Key, KeyAlgorithm};
use alloc::{string::String, vec::Vec};
use core::fmt;
use symbolon_types::{CoreRefusal, Secret};
use zeroize::Zeroizing;

mod translate;
pub use translate::{Towards, Under, translate};

/// Why there is no block or no PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinBlockError {
    /// The block, the PIN, the account number or the fill is not one of the format; which of them is not said.
    Invalid,
    /// The key's algorithm is not the format's: triple DES for 0 to 3, AES for 4.
    Key,
    /// A block of this format may not become one of that format (ISO 9564-1 on translation).
    Translation,
}

impl From<PinBlockError> for CoreRefusal {
    fn from(error: PinBlockError) -> Self {
        match error {
            PinBlockError::Invalid | PinBlockError::Translation => Self::PinBlock,
            PinBlockError::Key => Self::KeyUnfit,
        }
    }
}

/// A PIN: 4 to 12 decimal digits (ISO 9564-1 §8.1). Never shown, wiped when dropped.
#[derive(Clone)]
pub struct Pin(Secret<[u8; PIN_BYTES]>);

/// The number of digits, then the digits, then `FF`.
const PIN_BYTES: usize = 13;
const PIN_LEN_MIN: usize = 4;
const PIN_LEN_MAX: usize = 12;

impl Pin {
    /// The PIN that these decimal digits write.
    ///
    /// # Errors
    /// [`PinBlockError::Invalid`] unless there are 4 to 12 digits and nothing else.
    pub fn parse(digits: &str) -> Result<Self, PinBlockError> {
        let values = Zeroizing::new(digits_of(digits, PIN_LEN_MAX)?);
        Self::of(&values)
    }

    /// Of digits' values.
    fn of(values: &[u8]) -> Result<Self, PinBlockError> {
        let len = u8::try_from(values.len()).map_err(|_| PinBlockError::Invalid)?;
        if !(PIN_LEN_MIN..=PIN_LEN_MAX).contains(&values.len()) {
            return Err(PinBlockError::Invalid);
        }
        let mut kept = [0xFF; PIN_BYTES];
        kept.iter_mut().zip([len].iter().chain(values)).for_each(|(slot, value)| *slot = *value);
        Ok(Self(Secret::new(kept)))
    }

    fn values(&self) -> &[u8] {
        match self.0.reveal() {
            [len, digits @ ..] => digits.get(..usize::from(*len)).unwrap_or_default(),
        }
    }

    /// How many digits it has.
    #[must_use]
    pub fn digits(&self) -> usize {
        self.values().len()
    }

    /// The digits, for the one computation that needs them.
    #[must_use]
    pub fn reveal(&self) -> Secret<String> {
        Secret::new(self.values().iter().map(|value| char::from(value.saturating_add(b'0'))).collect())
    }

    /// Whether both are the same PIN, in constant time.
    #[must_use]
    pub fn equals(&self, other: &Self) -> bool {
        self.0.equals(other.0.reveal())
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(…)")
    }
}

/// The digits' values, at most `len_max` of them.
fn digits_of(text: &str, len_max: usize) -> Result<Vec<u8>, PinBlockError> {
    if text.len() > len_max || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(PinBlockError::Invalid);
    }
    Ok(text.bytes().map(|byte| byte.wrapping_sub(b'0')).collect())
}

/// A format of ISO 9564-1, by its number, which is its control nibble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Bound to the account number, filled with F.
    Zero,
    /// Without the account number: only where that is not known.
    One,
    /// Towards a card.
    Two,
    /// Bound to the account number, filled at random.
    Three,
    /// For AES.
    Four,
}

impl Format {
    /// All formats, by number.
    pub const ALL: [Self; 5] = [Self::Zero, Self::One, Self::Two, Self::Three, Self::Four];

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Zero => 0,
            Self::One => 1,
            Self::Two => 2,
            Self::Three => 3,
            Self::Four => 4,
        }
    }

    /// Whether a block is bound to an account number, which must then be given.
    #[must_use]
    pub const fn binds_account(self) -> bool {
        matches!(self, Self::Zero | Self::Three | Self::Four)
    }

    /// The length of an enciphered block in bytes.
    #[must_use]
    pub const fn block_len(self) -> usize {
        match self {
            Self::Four => 16,
            _ => 8,
        }
    }

    /// How many nibbles of fill a caller brings for this PIN; none where the standard fixes them.
    #[must_use]
    pub fn fill_len(self, pin: &Pin) -> usize {
        match self {
            Self::Zero | Self::Two => 0,
            Self::One | Self::Three => self.padding_len(pin),
            Self::Four => 16,
        }
    }

    /// How many nibbles of a block's first eight bytes lie after the PIN.
    fn padding_len(self, pin: &Pin) -> usize {
        14_usize.saturating_sub(pin.digits())
    }

    /// Whether a nibble may follow the PIN.
    const fn padding_has(self, nibble: u8) -> bool {
        match self {
            Self::Zero | Self::Two => nibble == 0xF,
            Self::One => true,
            Self::Three => nibble >= 0xA,
            Self::Four => nibble == 0xA,
        }
    }
}

/// What fills a block up: nibbles that the caller brings.
#[derive(Clone, Debug)]
pub struct Fill(Secret<Vec<u8>>);

impl Fill {
    /// No nibbles: for the formats whose fill is fixed.
    #[must_use]
    pub fn fixed() -> Self {
        Self(Secret::new(Vec::new()))
    }

    /// Nibbles as hexadecimal digits, in order; `None` unless all are such, and at most 16.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let nibble = |symbol: char| symbol.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let nibbles: Vec<u8> = text.chars().map(nibble).collect::<Option<_>>()?;
        (nibbles.len() <= 16).then(|| Self(Secret::new(nibbles)))
    }

    /// The fill of a block for this PIN, from random bytes that are used for nothing else. Format 1 takes it as the unique part of the block.
    #[must_use]
    pub fn drawn(format: Format, pin: &Pin, random: &[u8; 32]) -> Self {
        let wanted = format.fill_len(pin);
        // The largest multiple of 6 is 252: bytes from there on would make some letters likelier. Without them 32 bytes give 10 nibbles
        // except once in 10^34; then the rest of the bytes is taken as it is.
        let (even, odd): (Vec<u8>, Vec<u8>) = random.iter().partition(|byte| **byte < 252);
        let letter = |byte: &u8| byte.checked_rem(6).unwrap_or(0).saturating_add(0xA);
        let nibbles = match format {
            Format::Three => even.iter().chain(&odd).map(letter).take(wanted).collect(),
            _ => random.iter().map(|byte| byte & 0xF).take(wanted).collect(),
        };
        Self(Secret::new(nibbles))
    }

    /// The nibbles, if they are as many as the format takes and of those that it takes.
    fn checked(&self, format: Format, pin: &Pin) -> Result<&[u8], PinBlockError> {
        let nibbles = self.0.reveal().as_slice();
        let (wanted, fits) = match format {
            Format::Zero | Format::Two if nibbles.is_empty() => (0, true),
            Format::Four => (16, true),
            _ => (format.padding_len(pin), nibbles.iter().all(|nibble| format.padding_has(*nibble))),
        };
        if nibbles.len() == wanted && fits { Ok(nibbles) } else { Err(PinBlockError::Invalid) }
    }
}

/// Two nibbles a byte, the first one high; what is missing is zero.
fn packed<const N: usize>(nibbles: impl Iterator<Item = u8>) -> [u8; N] {
    let mut block = [0; N];
    for (at, nibble) in nibbles.enumerate() {
        let shifted = if at.is_multiple_of(2) { nibble << 4 } else { nibble };
        block.iter_mut().skip(at / 2).take(1).for_each(|byte| *byte |= shifted);
    }
    block
}

/// Control nibble, length, digits and fill: the first eight bytes of every format.
fn pin_part(format: Format, pin: &Pin, padding: impl Iterator<Item = u8>) -> [u8; 8] {
    let len = u8::try_from(pin.digits()).unwrap_or(0);
    packed([format.number(), len].into_iter().chain(pin.values().iter().copied()).chain(padding).take(16))
}

/// The PIN of such a part. All of it is looked at, whatever is wrong.
fn open_pin_part(format: Format, part: &[u8; 8]) -> Result<Pin, PinBlockError> {
    let [head, digits @ ..] = part;
    let len = usize::from(head & 0xF);
    let mut right = head >> 4 == format.number() && (PIN_LEN_MIN..=PIN_LEN_MAX).contains(&len);
    let mut values = Zeroizing::new(Vec::with_capacity(14));
    for (at, nibble) in digits.iter().flat_map(|byte| [byte >> 4, byte & 0xF]).enumerate() {
        right &= if at < len { nibble <= 9 } else { format.padding_has(nibble) };
        if at < len {
            values.push(nibble);
        }
    }
    if right { Pin::of(&values) } else { Err(PinBlockError::Invalid) }
}

/// What formats 0 and 3 add: four zeros and the twelve right-most digits of the account number without its check digit (ISO 9564-1 §9.3).
fn account_part(format: Format, pan: &str) -> Result<Zeroizing<[u8; 8]>, PinBlockError> {
    if !format.binds_account() {
        return Ok(Zeroizing::new([0; 8]));
    }
    let values = Zeroizing::new(digits_of(pan, 19)?);
    if values.len() < 13 {
        return Err(PinBlockError::Invalid);
    }
    let twelve = values.iter().rev().skip(1).take(12).rev().copied();
    Ok(Zeroizing::new(packed([0; 4].into_iter().chain(twelve))))
}

/// The clear block of formats 0 to 3. Formats 1 and 2 do not look at `pan`, which is the account number of 13 to 19 digits, check digit included.
///
/// # Errors
/// [`PinBlockError::Invalid`]; also for format 4, which has no clear block: see [`encipher`] and [`pin_field`].
pub fn encode(format: Format, pin: &Pin, pan: &str, fill: &Fill) -> Result<Secret<[u8; 8]>, PinBlockError> {
    if format == Format::Four {
        return Err(PinBlockError::Invalid);
    }
    let account = account_part(format, pan)?;
    let given = fill.checked(format, pin)?;
    let mut block = pin_part(format, pin, given.iter().copied().chain(core::iter::repeat(0xF)));
    xor(&mut block, &*account);
    Ok(Secret::new(block))
}

/// The PIN of a clear block of formats 0 to 3.
///
/// # Errors
/// [`PinBlockError::Invalid`].
pub fn decode(format: Format, block: &[u8], pan: &str) -> Result<Pin, PinBlockError> {
    let block: &[u8; 8] = block.try_into().map_err(|_| PinBlockError::Invalid)?;
    if format == Format::Four {
        return Err(PinBlockError::Invalid);
    }
    let account = account_part(format, pan)?;
    let mut part = Zeroizing::new(*block);
    xor(&mut *part, &*account);
    open_pin_part(format, &part)
}

/// The PIN field of format 4 (ISO 9564-1 §9.4.2.2); the fill is sixteen random nibbles.
///
/// # Errors
/// [`PinBlockError::Invalid`] for a fill of another length.
pub fn pin_field(pin: &Pin, fill: &Fill) -> Result<Secret<[u8; 16]>, PinBlockError> {
    let random = fill.checked(Format::Four, pin)?;
    let part = Zeroizing::new(pin_part(Format::Four, pin, core::iter::repeat(0xA)));
    let nibbles = part.iter().flat_map(|byte| [byte >> 4, byte & 0xF]);
    Ok(Secret::new(packed(nibbles.chain(random.iter().copied()))))
}

/// The PIN of a PIN field of format 4.
///
/// # Errors
/// [`PinBlockError::Invalid`].
pub fn decode_pin_field(field: &[u8]) -> Result<Pin, PinBlockError> {
    let field: &[u8; 16] = field.try_into().map_err(|_| PinBlockError::Invalid)?;
    let (part, _) = field.split_first_chunk::<8>().ok_or(PinBlockError::Invalid)?;
    open_pin_part(Format::Four, part)
}

/// The account field of format 4 (ISO 9564-1 §9.4.2.3): how many of the 1 to 19 digits lie beyond twelve, the digits, zeros. Shorter numbers
/// have zeros in front.
///
/// # Errors
/// [`PinBlockError::Invalid`].
pub fn account_field(pan: &str) -> Result<Secret<[u8; 16]>, PinBlockError> {
    let values = Zeroizing::new(digits_of(pan, 19)?);
    if values.is_empty() {
        return Err(PinBlockError::Invalid);
    }
    let beyond = u8::try_from(values.len().saturating_sub(12)).unwrap_or(0);
    let zeros = core::iter::repeat_n(0, 12_usize.saturating_sub(values.len()));
    Ok(Secret::new(packed([beyond].into_iter().chain(zeros).chain(values.iter().copied()))))
}

/// The block under a PIN key: triple DES for formats 0 to 3 (one block, ECB), AES for format 4. [`Format::block_len`] bytes.
///
/// # Errors
/// [`PinBlockError`].
pub fn encipher(
    format: Format,
    key: &Key<usage::Pin>,
    pin: &Pin,
    pan: &str,
    fill: &Fill,
) -> Result<Vec<u8>, PinBlockError> {
    if format == Format::Four {
        let cipher = key.aes().map_err(|_| PinBlockError::Key)?;
        let mut block = Zeroizing::new(*pin_field(pin, fill)?.reveal());
        let account = account_field(pan)?;
        cipher.encrypt(&mut block);
        xor(&mut *block, account.reveal());
        cipher.encrypt(&mut block);
        return Ok(block.to_vec());
    }
    let cipher = key.tdes().map_err(|_| PinBlockError::Key)?;
    let mut block = Zeroizing::new(*encode(format, pin, pan, fill)?.reveal());
    cipher.encrypt(&mut block);
    Ok(block.to_vec())
}

/// The PIN of a block under a PIN key, as [`encipher`] makes it.
///
/// # Errors
/// [`PinBlockError`].
pub fn decipher(
    format: Format,
    key: &Key<usage::Pin>,
    block: &[u8],
    pan: &str,
) -> Result<Pin, PinBlockError> {
    if format == Format::Four {
        let cipher = key.aes().map_err(|_| PinBlockError::Key)?;
        let block: &[u8; 16] = block.try_into().map_err(|_| PinBlockError::Invalid)?;
        let mut field = Zeroizing::new(*block);
        let account = account_field(pan)?;
        cipher.decrypt(&mut field);
        xor(&mut *field, account.reveal());
        cipher.decrypt(&mut field);
        return decode_pin_field(&*field);
    }
    let cipher = key.tdes().map_err(|_| PinBlockError::Key)?;
    let block: &[u8; 8] = block.try_into().map_err(|_| PinBlockError::Invalid)?;
    let mut clear = Zeroizing::new(*block);
    cipher.decrypt(&mut clear);
    decode(format, &*clear, pan)
}

/// The algorithm of a PIN key of so many bytes for a format, if there is one: 16 or 24 for triple DES, 16, 24 or 32 for AES.
#[must_use]
pub const fn key_algorithm(format: Format, key_len: usize) -> Option<KeyAlgorithm> {
    match (format, key_len) {
        (Format::Four, 16) => Some(KeyAlgorithm::Aes128),
        (Format::Four, 24) => Some(KeyAlgorithm::Aes192),
        (Format::Four, 32) => Some(KeyAlgorithm::Aes256),
        (Format::Four, _) => None,
        (_, 16) => Some(KeyAlgorithm::Tdes2),
        (_, 24) => Some(KeyAlgorithm::Tdes3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn a_pin_is_its_digits_and_shows_none() {
        let pin = Pin::parse("0482915").unwrap();
        assert_eq!((pin.digits(), pin.reveal().reveal().as_str()), (7, "0482915"));
        assert_eq!(format!("{pin:?} {:?}", Fill::parse("0482915").unwrap()), "Pin(…) Fill(Secret(…))");
        assert!(pin.equals(&pin.clone()) && !pin.equals(&Pin::parse("048291").unwrap()));
        for wrong in ["", "123", "1234567890123", "123a", "12 34", "١٢٣٤"] {
            assert!(Pin::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_fill_that_is_drawn_fits_its_format_and_has_every_letter() {
        let pin = Pin::parse("1234").unwrap();
        let mut random = [0; 32];
        random.iter_mut().enumerate().for_each(|(at, byte)| *byte = u8::try_from(at * 8).unwrap());
        for format in Format::ALL {
            for random in [random, [0xFF; 32], [0; 32]] {
                let fill = Fill::drawn(format, &pin, &random);
                assert!(fill.checked(format, &pin).is_ok(), "{format:?}");
            }
        }
        let seen: Vec<u8> = (0..=251).map(|byte| byte % 6 + 10).collect();
        assert!((10..16).all(|nibble| seen.iter().filter(|seen| **seen == nibble).count() == 42));
        assert!(Fill::parse("0123456789ABCDEF0").is_none() && Fill::parse("G").is_none());
    }
}
