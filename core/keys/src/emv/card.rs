//! What names a card in the derivations: the account number, its sequence number, and decimal digits made of ciphertext.
//!
//! **Invariant:** an [`AccountNumber`] is 8 to 19 decimal digits; it is shown nowhere, not even masked.
use super::EmvError;
use alloc::vec::Vec;
use symbolon_types::{Pan, Secret};

/// The digits of a primary account number as a key derivation takes them: 8 to 19 (ISO/IEC 7812-1), the check digit not verified, since a
/// derivation must work for every number that a card carries; [`Pan`] verifies it.
#[derive(Clone, Debug)]
pub struct AccountNumber(Secret<Vec<u8>>);

impl AccountNumber {
    /// Reads decimal digits.
    ///
    /// # Errors
    /// [`EmvError::Pan`] for another length or character.
    pub fn parse(digits: &str) -> Result<Self, EmvError> {
        if !(8..=19).contains(&digits.len()) {
            return Err(EmvError::Pan);
        }
        digits_of(digits).map(Self).ok_or(EmvError::Pan)
    }

    /// The digits' values, 0 to 9 each.
    pub(crate) fn digits(&self) -> &[u8] {
        self.0.reveal()
    }
}

impl From<&Pan> for AccountNumber {
    fn from(pan: &Pan) -> Self {
        Self(Secret::new(pan.reveal().bytes().map(|byte| byte & 0x0F).collect()))
    }
}

/// One card: its account number and its PAN sequence number (tags 5A and 5F34).
#[derive(Clone, Debug)]
pub struct Card {
    pan: AccountNumber,
    psn: u8,
}

impl Card {
    /// The sequence number is 0 to 99; a card without one counts as 0 (EMV Book 2 A1.4).
    ///
    /// # Errors
    /// [`EmvError::Field`] `psn` above 99.
    pub fn new(pan: AccountNumber, psn: u8) -> Result<Self, EmvError> {
        if psn > 99 { Err(EmvError::Field("psn")) } else { Ok(Self { pan, psn }) }
    }

    /// The account number.
    #[must_use]
    pub fn pan(&self) -> &AccountNumber {
        &self.pan
    }

    /// The digits of the account number, then the two of the sequence number.
    pub(super) fn digits(&self) -> impl Iterator<Item = u8> {
        let psn = [self.psn.checked_div(10), self.psn.checked_rem(10)];
        self.pan.digits().iter().copied().chain(psn.into_iter().flatten())
    }
}

/// The values of a text of decimal digits; nothing if a character is none.
pub(crate) fn digits_of(text: &str) -> Option<Secret<Vec<u8>>> {
    let digit = |byte: u8| byte.is_ascii_digit().then_some(byte & 0x0F);
    text.bytes().map(digit).collect::<Option<Vec<u8>>>().map(Secret::new)
}

/// The bytes of nibbles, the first in the upper half. Where they end there follow zeros; what does not fit is left out.
pub(crate) fn packed<const N: usize>(mut nibbles: impl Iterator<Item = u8>) -> [u8; N] {
    let mut bytes = [0; N];
    for byte in &mut bytes {
        *byte = nibbles.next().unwrap_or(0) << 4;
        *byte |= nibbles.next().unwrap_or(0) & 0x0F;
    }
    bytes
}

/// The halves of bytes, the upper one first.
pub(crate) fn nibbles(bytes: &[u8]) -> impl Iterator<Item = u8> + Clone {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0F])
}

/// So many decimal digits of ciphertext: first those of its halves that are digits, then the others less ten (EMV Book 2 A1.4.2; the same in CVV and PVV).
pub(crate) fn decimalised(bytes: &[u8], count: usize) -> impl Iterator<Item = u8> {
    let letters = nibbles(bytes).filter_map(|nibble| nibble.checked_sub(10));
    nibbles(bytes).filter(|nibble| *nibble < 10).chain(letters).take(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn an_account_number_is_8_to_19_digits_and_is_not_shown() {
        for (text, holds) in [
            ("1234567", false),
            ("12345678", true),
            ("1234567890123456789", true),
            ("12345678901234567890", false),
            ("1234567a", false),
            ("１２３４", false),
        ] {
            assert_eq!(AccountNumber::parse(text).is_ok(), holds, "{text}");
        }
        let pan = AccountNumber::parse("12345678").unwrap();
        assert_eq!(format!("{pan:?}"), "AccountNumber(Secret(…))");
        let masked = Pan::parse("4761739001010010").unwrap();
        assert_eq!(AccountNumber::from(&masked).digits(), [4, 7, 6, 1, 7, 3, 9, 0, 0, 1, 0, 1, 0, 0, 1, 0]);
        assert_eq!(Card::new(pan.clone(), 100).err(), Some(EmvError::Field("psn")));
        assert_eq!(Card::new(pan, 45).unwrap().digits().skip(8).collect::<Vec<_>>(), [4, 5]);
    }

    #[test]
    fn letters_come_after_digits() {
        assert_eq!(decimalised(&[0xA1, 0xFB, 0x2C], 6).collect::<Vec<_>>(), [1, 2, 0, 5, 1, 2]);
        assert_eq!(packed::<2>([1, 2, 3].into_iter()), [0x12, 0x30]);
    }
}
