//! Issuer scripts: the MAC of a command, enciphered command data, the command that changes a PIN (EMV Book 2 clause 9, format 2).
//!
//! **Invariant:** clear PIN blocks are [`Secret`]s, and leave here only enciphered or by [`vis_pin_block`]'s caller.
use super::cryptogram::mac;
use super::derive::halves;
use super::{EmvError, IccAc, IccSmc, IccSmi, Scheme, SessionSmc, SessionSmi, packed};
use crate::cipher::{Padding, cbc_encrypt, ecb_encrypt, padded, xor};
use crate::usage::{Key, KeyAlgorithm};
use alloc::vec::Vec;
use core::iter::repeat_n;
use symbolon_types::Secret;
use symbolon_wire::apdu::CommandApdu;
use zeroize::Zeroizing;

/// How the data of a script command are filled up and enciphered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encipherment {
    /// One byte of length before them, then `80` and zeros; ECB (VIS).
    LengthAndEcb,
    /// `80` and zeros; CBC with a zero initial value (EMV Book 2 9.3.2 and A1.1).
    Cbc,
    /// The same, but whole blocks are not filled up (M/Chip).
    CbcAsNeeded,
}

/// The block that holds a new PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinBlockForm {
    /// Length, PIN and filler, combined with a part of the card's key (VIS).
    Vis,
    /// ISO 9564-1 format 2.
    Iso2,
}

/// The MAC of a script command: over its header, what the scheme adds, and its data. A card takes the first 4 to 8 bytes of it (9.2).
///
/// # Errors
/// [`EmvError::Key`].
pub fn script_mac(key: &Key<SessionSmi>, text: &[u8]) -> Result<Secret<[u8; 8]>, EmvError> {
    mac(key, text, Padding::Bit)
}

/// Enciphers the data of a script command: 1 to 231 bytes, so that what comes out still fits a short command with its MAC.
///
/// # Errors
/// [`EmvError::Field`] `data` for another length, [`EmvError::Key`].
pub fn encipher(key: &Key<SessionSmc>, how: Encipherment, data: &[u8]) -> Result<Vec<u8>, EmvError> {
    let length = u8::try_from(data.len()).ok().filter(|length| (1..=231).contains(length));
    let length = length.ok_or(EmvError::Field("data"))?;
    let block = if key.algorithm() == KeyAlgorithm::Tdes2 { 8 } else { 16 };
    let mut text = match how {
        Encipherment::LengthAndEcb => {
            padded(&Zeroizing::new([&[length], data].concat()), Padding::Bit, block)
        }
        Encipherment::CbcAsNeeded if data.len().is_multiple_of(block) => data.to_vec(),
        Encipherment::Cbc | Encipherment::CbcAsNeeded => padded(data, Padding::Bit, block),
    };
    match (key.algorithm(), how) {
        (KeyAlgorithm::Tdes2, Encipherment::LengthAndEcb) => ecb_encrypt(&key.tdes()?, &mut text)?,
        (KeyAlgorithm::Tdes2, _) => cbc_encrypt(&key.tdes()?, &[0; 8], &mut text)?,
        (_, Encipherment::LengthAndEcb) => ecb_encrypt(&key.aes()?, &mut text)?,
        _ => cbc_encrypt(&key.aes()?, &[0; 16], &mut text)?,
    }
    Ok(text)
}

/// A PIN of 4 to 12 digits as its length under a control nibble, its digits and filler `F`: the fields of ISO 9564-1 format 2, and of VIS.
fn length_and_digits(control: u8, pin: &str) -> Result<Zeroizing<[u8; 8]>, EmvError> {
    let length =
        u8::try_from(pin.len()).ok().filter(|length| (4..=12).contains(length)).ok_or(EmvError::Pin)?;
    let digits = super::card::digits_of(pin).ok_or(EmvError::Pin)?;
    let fields = [control, length].into_iter().chain(digits.reveal().iter().copied());
    Ok(Zeroizing::new(packed(fields.chain(repeat_n(0x0F, 14)))))
}

/// The block in which VIS changes a PIN (VIS 1.5 appendix E): the new PIN, combined with four bytes of the card's key for cryptograms and, where
/// it is given, with the present PIN.
///
/// # Errors
/// [`EmvError::Pin`] unless a PIN is 4 to 12 digits, [`EmvError::Key`] unless the key is a triple DES key.
pub fn vis_pin_block(
    icc: &Key<IccAc>,
    new_pin: &str,
    current_pin: Option<&str>,
) -> Result<Secret<[u8; 8]>, EmvError> {
    let mut block = length_and_digits(0, new_pin)?;
    let ([_, _, _, _, a, b, c, d], _) = halves(icc)?;
    xor(block.as_mut_slice(), &[0, 0, 0, 0, *a, *b, *c, *d]);
    if let Some(current) = current_pin {
        // Its digits from the left, without a length, and zeros.
        length_and_digits(0, current)?;
        let digits = super::card::digits_of(current).ok_or(EmvError::Pin)?;
        let field: Zeroizing<[u8; 8]> = Zeroizing::new(packed(digits.reveal().iter().copied()));
        xor(block.as_mut_slice(), field.as_slice());
    }
    Ok(Secret::new(*block))
}

/// The card's keys that a PIN change needs.
#[derive(Debug)]
pub struct ScriptKeys {
    /// Combined with the block of VIS.
    pub ac: Key<IccAc>,
    /// For the MAC.
    pub smi: Key<IccSmi>,
    /// For the PIN.
    pub smc: Key<IccSmc>,
}

/// What a PIN change is made of, beside keys and PINs.
#[derive(Clone, Copy, Debug)]
pub struct PinChange<'a> {
    /// The card's scheme.
    pub scheme: &'a Scheme,
    /// Application transaction counter of the transaction.
    pub atc: [u8; 2],
    /// Its application cryptogram; for each further command of a script one more, as a number.
    pub cryptogram: [u8; 8],
}

/// The command PIN CHANGE/UNBLOCK (EMV Book 3 6.5.10): `84 24 00`, P2 01 with the present PIN and 02 without, the enciphered block, its MAC of
/// 8 bytes. Also the clear block.
///
/// # Errors
/// [`EmvError::Pin`]; [`EmvError::Field`] `current-pin` where the scheme takes none; [`EmvError::Key`].
pub fn pin_change(
    keys: &ScriptKeys,
    change: &PinChange<'_>,
    new_pin: &str,
    current_pin: Option<&str>,
) -> Result<(CommandApdu, Secret<[u8; 8]>), EmvError> {
    let PinChange { scheme, atc, cryptogram } = *change;
    if current_pin.is_some() && !scheme.takes_current_pin {
        return Err(EmvError::Field("current-pin"));
    }
    let block = match (scheme.pin_block, current_pin) {
        (PinBlockForm::Iso2, None) => Secret::new(*length_and_digits(2, new_pin)?),
        _ => vis_pin_block(&keys.ac, new_pin, current_pin)?,
    };
    let smc = scheme.script_session(&keys.smc, atc, cryptogram)?;
    let mut data = encipher(&smc, scheme.encipherment, block.reveal())?;
    let p2 = if current_pin.is_some() { 1 } else { 2 };
    let length = u8::try_from(data.len().saturating_add(8)).map_err(|_| EmvError::Field("data"))?;
    let mut text = Vec::from([0x84, 0x24, 0x00, p2, length]);
    if scheme.script_covers_transaction {
        text.extend_from_slice(&atc);
        text.extend_from_slice(&cryptogram);
    }
    text.extend_from_slice(&data);
    let smi = scheme.script_session(&keys.smi, atc, cryptogram)?;
    data.extend_from_slice(script_mac(&smi, &text)?.reveal());
    Ok((CommandApdu { cla: 0x84, ins: 0x24, p1: 0x00, p2, data, ne: None }, block))
}
