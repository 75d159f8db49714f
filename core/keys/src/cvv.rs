//! Card verification values: CVV, dynamic CVV and CVC3; the PIN verification value and the PIN offset.
//!
//! They are short numbers, so a [`Secret`]: compare them with [`Secret::equals`], in constant time, and count the attempts.
//! **Invariant:** a card verification key makes no PIN value, and no error names an input's value.
use crate::cipher::{BlockCipher, Padding, Tdes, retail_mac};
use crate::emv::{AccountNumber, EmvError, IssuerMaster, decimalised, nibbles, packed};
use crate::usage::{Key, KeyAlgorithm, Usage};
use crate::usages;
use alloc::string::String;
use alloc::vec::Vec;
use core::iter::{once, repeat_n};
use symbolon_types::Secret;

usages! {
    /// CVK: makes card verification values.
    CardVerification "card verification",
    /// PVK: makes PIN verification values and offsets.
    PinVerification "PIN verification",
    /// IMK_CVC3: ICC keys for dynamic codes are derived from it ([`crate::emv::icc_master`]).
    IssuerDynamic "issuer master for dynamic codes",
    /// The card's key for dynamic codes: CVC3, dynamic CVV.
    IccDynamic "ICC key for dynamic codes",
}

impl IssuerMaster for IssuerDynamic {
    type Icc = IccDynamic;
}

/// Digits as text.
fn text(digits: impl Iterator<Item = u8>) -> Secret<String> {
    Secret::new(digits.map(|digit| char::from(b'0' | (digit & 0x0F))).collect())
}

/// Exactly `count` decimal digits.
fn exactly(text: &str, count: usize, name: &'static str) -> Result<Secret<Vec<u8>>, EmvError> {
    crate::emv::digits_of(text).filter(|digits| digits.reveal().len() == count).ok_or(EmvError::Field(name))
}

/// The double-length cipher under a key.
fn double<U: Usage>(key: &Key<U>) -> Result<Tdes, EmvError> {
    if key.algorithm() == KeyAlgorithm::Tdes2 { Ok(key.tdes()?) } else { Err(EmvError::Key) }
}

/// The CVV, or CVC, of three digits (Visa: Payment Technology Standards Manual §5; Mastercard the same). The expiry is four digits in the
/// order in which the issuer takes them, usually YYMM; the service code is that of the track for CVV, `000` for CVV2, `999` for iCVV.
///
/// # Errors
/// [`EmvError::Field`] `expiry` or `service`; [`EmvError::Key`] unless the key is of double length.
pub fn cvv(
    key: &Key<CardVerification>,
    pan: &AccountNumber,
    expiry: &str,
    service_code: &str,
) -> Result<Secret<String>, EmvError> {
    verification_value(&double(key)?, pan.digits().iter().copied(), expiry, service_code)
}

/// The dynamic CVV of a contactless card: as [`cvv`] under the card's own key, with the first four digits of the account number replaced by
/// those that the track carries of the ATC, four decimal digits.
///
/// # Errors
/// As [`cvv`]; [`EmvError::Field`] `atc`.
pub fn dynamic_cvv(
    key: &Key<IccDynamic>,
    pan: &AccountNumber,
    atc_digits: &str,
    expiry: &str,
    service_code: &str,
) -> Result<Secret<String>, EmvError> {
    let atc = exactly(atc_digits, 4, "atc")?;
    let digits = atc.reveal().iter().chain(pan.digits().iter().skip(4)).copied();
    verification_value(&double(key)?, digits, expiry, service_code)
}

/// Number, expiry and service code in two blocks, filled up with zeros. What is computed over them is the retail MAC without further padding.
fn verification_value(
    cipher: &Tdes,
    pan: impl Iterator<Item = u8>,
    expiry: &str,
    service_code: &str,
) -> Result<Secret<String>, EmvError> {
    let expiry = exactly(expiry, 4, "expiry")?;
    let service = exactly(service_code, 3, "service")?;
    let data: Secret<[u8; 16]> = Secret::new(packed(
        pan.chain(expiry.reveal().iter().copied()).chain(service.reveal().iter().copied()),
    ));
    let mac = retail_mac(cipher, data.reveal(), Padding::Zeros);
    Ok(text(decimalised(mac.reveal(), 3)))
}

/// IVCVC3: the last two bytes of the MAC over the static part of a track, as the card holds it: track 2 as nibbles with its filler `F`, track 1 as
/// ASCII characters (Mastercard: PayPass Mag Stripe).
///
/// # Errors
/// [`EmvError::Key`].
pub fn ivcvc3(key: &Key<IccDynamic>, track: &[u8]) -> Result<[u8; 2], EmvError> {
    let mac = retail_mac(&double(key)?, track, Padding::Bit);
    mac.reveal().last_chunk().copied().ok_or(EmvError::Key)
}

/// CVC3: five decimal digits, of which a track carries the last ones, as many as its bitmap has places.
///
/// # Errors
/// [`EmvError::Key`].
pub fn cvc3(
    key: &Key<IccDynamic>,
    ivcvc3: [u8; 2],
    un: [u8; 4],
    atc: [u8; 2],
) -> Result<Secret<String>, EmvError> {
    let ([i, j], [a, b, c, d], [high, low]) = (ivcvc3, un, atc);
    let mut block = [i, j, a, b, c, d, high, low];
    double(key)?.encrypt(&mut block);
    let [.., high, low] = block;
    Ok(Secret::new(alloc::format!("{:05}", u16::from_be_bytes([high, low]))))
}

/// The cipher under a PIN verification key: of double or triple length.
fn pin_cipher(key: &Key<PinVerification>) -> Result<Tdes, EmvError> {
    Ok(key.tdes()?)
}

/// A PIN of so many digits.
fn pin_digits(pin: &str, lengths: core::ops::RangeInclusive<usize>) -> Result<Secret<Vec<u8>>, EmvError> {
    crate::emv::digits_of(pin).filter(|digits| lengths.contains(&digits.reveal().len())).ok_or(EmvError::Pin)
}

/// The PIN verification value of four digits (Visa): over 11 digits of the account number without its check digit, the key's index 0 to 9, and
/// the first four digits of the PIN.
///
/// # Errors
/// [`EmvError::Pan`] below 12 digits, [`EmvError::Pin`] unless the PIN is 4 to 12 digits, [`EmvError::Field`] `pvki`, [`EmvError::Key`].
pub fn pvv(
    key: &Key<PinVerification>,
    key_index: u8,
    pan: &AccountNumber,
    pin: &str,
) -> Result<Secret<String>, EmvError> {
    let pin = pin_digits(pin, 4..=12)?;
    if key_index > 9 {
        return Err(EmvError::Field("pvki"));
    }
    let before = pan.digits().len().checked_sub(12).ok_or(EmvError::Pan)?;
    let account = pan.digits().iter().copied().skip(before).take(11);
    let mut block = packed(account.chain(once(key_index)).chain(pin.reveal().iter().copied().take(4)));
    pin_cipher(key)?.encrypt(&mut block);
    Ok(text(decimalised(&block, 4)))
}

/// What the IBM 3624 method makes a PIN of: its table and its validation data.
#[derive(Debug)]
pub struct Ibm3624 {
    table: Secret<Vec<u8>>,
    block: Secret<[u8; 8]>,
}

impl Ibm3624 {
    /// The table has 16 decimal digits, one for each hexadecimal digit. The validation data are the `length` digits of the account number from
    /// `start` on, at most 16, filled up to 16 with the hexadecimal digit `pad`.
    ///
    /// # Errors
    /// [`EmvError::Field`] `table`, `start`, `length` or `pad`.
    pub fn new(
        table: &str,
        pan: &AccountNumber,
        start: usize,
        length: usize,
        pad: u8,
    ) -> Result<Self, EmvError> {
        let table = exactly(table, 16, "table")?;
        if pad > 0x0F {
            return Err(EmvError::Field("pad"));
        }
        let from = pan.digits().get(start..).ok_or(EmvError::Field("start"))?;
        let data = from.get(..length).filter(|data| (1..=16).contains(&data.len()));
        let data = data.ok_or(EmvError::Field("length"))?;
        let block = packed(data.iter().copied().chain(repeat_n(pad, 16)));
        Ok(Self { table, block: Secret::new(block) })
    }

    /// The sixteen digits of which the first are the natural PIN.
    fn natural(&self, key: &Key<PinVerification>) -> Result<Secret<Vec<u8>>, EmvError> {
        let mut block = *self.block.reveal();
        pin_cipher(key)?.encrypt(&mut block);
        let digit = |nibble: u8| self.table.reveal().get(usize::from(nibble)).copied();
        Ok(Secret::new(nibbles(&block).filter_map(digit).collect()))
    }

    /// The offset that leads from the natural PIN to this one, digit by digit modulo ten.
    ///
    /// # Errors
    /// [`EmvError::Pin`] unless the PIN is 4 to 16 digits, [`EmvError::Key`].
    pub fn offset(&self, key: &Key<PinVerification>, pin: &str) -> Result<Secret<String>, EmvError> {
        let (pin, natural) = (pin_digits(pin, 4..=16)?, self.natural(key)?);
        let pairs = pin.reveal().iter().zip(natural.reveal());
        Ok(text(pairs.map(|(pin, natural)| modulo_ten(pin.wrapping_add(10).wrapping_sub(*natural)))))
    }

    /// The PIN to which an offset leads; zeros give the natural PIN.
    ///
    /// # Errors
    /// [`EmvError::Field`] `offset` unless it is 4 to 16 digits, [`EmvError::Key`].
    pub fn pin(&self, key: &Key<PinVerification>, offset: &str) -> Result<Secret<String>, EmvError> {
        let offset = pin_digits(offset, 4..=16).map_err(|_| EmvError::Field("offset"))?;
        let natural = self.natural(key)?;
        let pairs = offset.reveal().iter().zip(natural.reveal());
        Ok(text(pairs.map(|(offset, natural)| modulo_ten(natural.wrapping_add(*offset)))))
    }
}

/// Of a number below 20.
fn modulo_ten(number: u8) -> u8 {
    number.checked_sub(10).unwrap_or(number)
}
