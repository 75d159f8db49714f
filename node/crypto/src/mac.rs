//! HMAC, AES-CMAC and AES-CBC-MAC by aws-lc.
use crate::refused;
use aws_lc_rs::cipher::{EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{cipher, cmac, hmac};
use symbolon_keys::{CryptoError, HashAlgorithm};
use symbolon_types::Secret;
use zeroize::Zeroizing;

pub(crate) fn hmac(hash: HashAlgorithm, key: &[u8], parts: &[&[u8]]) -> Secret<Vec<u8>> {
    let algorithm = match hash {
        HashAlgorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        HashAlgorithm::Sha256 => hmac::HMAC_SHA256,
        HashAlgorithm::Sha384 => hmac::HMAC_SHA384,
        HashAlgorithm::Sha512 => hmac::HMAC_SHA512,
    };
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
    parts.iter().for_each(|part| context.update(part));
    Secret::new(context.sign().as_ref().to_vec())
}

pub(crate) fn aes_cmac(key: &[u8], parts: &[&[u8]]) -> Result<Secret<[u8; 16]>, CryptoError> {
    let algorithm = match key.len() {
        16 => cmac::AES_128,
        24 => cmac::AES_192,
        32 => cmac::AES_256,
        _ => return Err(CryptoError),
    };
    let key = cmac::Key::new(algorithm, key).map_err(refused)?;
    let mut context = cmac::Context::with_key(&key);
    parts.iter().try_for_each(|part| context.update(part)).map_err(refused)?;
    let tag = context.sign().map_err(refused)?;
    tag.as_ref().try_into().map(Secret::new).map_err(refused)
}

/// The last block of AES-CBC under a zero IV.
pub(crate) fn aes_cbc_mac(key: &[u8], parts: &[&[u8]]) -> Result<Secret<[u8; 16]>, CryptoError> {
    let algorithm = match key.len() {
        16 => &cipher::AES_128,
        24 => &cipher::AES_192,
        32 => &cipher::AES_256,
        _ => return Err(CryptoError),
    };
    let len: usize = parts.iter().map(|part| part.len()).sum();
    // Room for the padding: the buffer never moves.
    let mut text = Zeroizing::new(Vec::with_capacity(len.saturating_add(15)));
    parts.iter().for_each(|part| text.extend_from_slice(part));
    text.resize(len.checked_next_multiple_of(16).ok_or(CryptoError)?, 0);
    let key = UnboundCipherKey::new(algorithm, key).and_then(EncryptingKey::cbc).map_err(refused)?;
    let zero_iv = EncryptionContext::Iv128(FixedLength::from([0; 16]));
    key.less_safe_encrypt(&mut text, zero_iv).map_err(refused)?;
    text.last_chunk().copied().map(Secret::new).ok_or(CryptoError)
}
