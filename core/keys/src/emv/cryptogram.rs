//! Application cryptograms (ARQC, TC, AAC) and the issuer's answers to them (EMV Book 2 clause 8).
//!
//! **Invariant:** a cryptogram is compared in constant time, and only [`verify_cryptogram`] makes a [`Verified`].
use super::{EmvError, SessionAc};
use crate::cipher::{BlockCipher, Padding, cmac, retail_mac};
use crate::usage::{Key, KeyAlgorithm, Usage};
use symbolon_types::Secret;

/// That an application cryptogram held for its data.
#[derive(Debug, PartialEq, Eq)]
pub struct Verified(());

/// The MAC of EMV Book 2 A1.2: algorithm 3 of ISO/IEC 9797-1 under triple DES; CMAC, its first 8 bytes, under AES.
pub(super) fn mac<U: Usage>(
    key: &Key<U>,
    data: &[u8],
    padding: Padding,
) -> Result<Secret<[u8; 8]>, EmvError> {
    if key.algorithm() == KeyAlgorithm::Tdes2 {
        return Ok(retail_mac(&key.tdes()?, data, padding));
    }
    // CMAC fills the last block by itself (SP 800-38B §6.2).
    cmac(&key.aes()?, &[data]).reveal().first_chunk().copied().map(Secret::new).ok_or(EmvError::Key)
}

/// An application cryptogram over its data, as the scheme puts them together, before padding (8.1). Under AES the padding is CMAC's own.
///
/// # Errors
/// [`EmvError::Key`].
pub fn cryptogram(key: &Key<SessionAc>, data: &[u8], padding: Padding) -> Result<Secret<[u8; 8]>, EmvError> {
    mac(key, data, padding)
}

/// Checks a cryptogram that a card gave, in constant time.
///
/// # Errors
/// [`EmvError::Mismatch`], or [`EmvError::Key`].
pub fn verify_cryptogram(
    key: &Key<SessionAc>,
    data: &[u8],
    padding: Padding,
    received: &[u8; 8],
) -> Result<Verified, EmvError> {
    compared(&cryptogram(key, data, padding)?, received)
}

/// The one comparison.
pub(super) fn compared(made: &Secret<[u8; 8]>, received: &[u8; 8]) -> Result<Verified, EmvError> {
    if made.equals(received) { Ok(Verified(())) } else { Err(EmvError::Mismatch) }
}

/// The ARPC of method 1 (8.2.1): the cryptogram combined with the authorisation response code, enciphered. Triple DES.
///
/// # Errors
/// [`EmvError::Key`].
pub fn arpc_method_1(
    key: &Key<SessionAc>,
    cryptogram: &[u8; 8],
    response_code: [u8; 2],
) -> Result<Secret<[u8; 8]>, EmvError> {
    if key.algorithm() != KeyAlgorithm::Tdes2 {
        return Err(EmvError::Key);
    }
    let mut block = *cryptogram;
    crate::cipher::xor(&mut block, &response_code);
    key.tdes()?.encrypt(&mut block);
    Ok(Secret::new(block))
}

/// The ARPC of method 2 (8.2.2): the first 4 bytes of the MAC over cryptogram, card status update and 0 to 8 bytes of proprietary data.
///
/// # Errors
/// [`EmvError::Field`] `prop` for more than 8 bytes, [`EmvError::Key`].
pub fn arpc_method_2(
    key: &Key<SessionAc>,
    cryptogram: &[u8; 8],
    status_update: [u8; 4],
    proprietary: &[u8],
) -> Result<Secret<[u8; 4]>, EmvError> {
    if proprietary.len() > 8 {
        return Err(EmvError::Field("prop"));
    }
    let data = [cryptogram.as_slice(), &status_update, proprietary].concat();
    let mac = mac(key, &data, Padding::Bit)?;
    mac.reveal().first_chunk().copied().map(Secret::new).ok_or(EmvError::Key)
}
