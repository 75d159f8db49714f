//! GCM and ChaCha20-Poly1305 by aws-lc.
use crate::refused;
use aws_lc_rs::aead::{
    AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};
use symbolon_keys::{Aead, CryptoError};
use symbolon_types::Secret;
use zeroize::Zeroize;

/// aws-lc-rs's name of a cipher; `None` for CCM, which it lacks.
pub(crate) fn cipher_of(aead: Aead) -> Option<&'static Algorithm> {
    match aead {
        Aead::Aes128Gcm => Some(&AES_128_GCM),
        Aead::Aes192Gcm => Some(&AES_192_GCM),
        Aead::Aes256Gcm => Some(&AES_256_GCM),
        Aead::ChaCha20Poly1305 => Some(&CHACHA20_POLY1305),
        Aead::AesCcm(_) => None,
    }
}

fn keyed(cipher: &'static Algorithm, key: &[u8], nonce: &[u8]) -> Result<(LessSafeKey, Nonce), CryptoError> {
    let key = UnboundKey::new(cipher, key).map(LessSafeKey::new).map_err(refused)?;
    Ok((key, Nonce::try_assume_unique_for_key(nonce).map_err(refused)?))
}

pub(crate) fn seal(
    cipher: &'static Algorithm,
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let (key, nonce) = keyed(cipher, key, nonce)?;
    // Room for the tag: the buffer never moves, so no copy of the plaintext stays behind in freed memory.
    let mut text = Vec::with_capacity(plaintext.len().saturating_add(cipher.tag_len()));
    text.extend_from_slice(plaintext);
    match key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut text) {
        Ok(()) => Ok(text),
        Err(error) => {
            text.zeroize();
            Err(refused(error))
        }
    }
}

pub(crate) fn open(
    cipher: &'static Algorithm,
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    ciphertext: &[u8],
) -> Result<Secret<Vec<u8>>, CryptoError> {
    let (key, nonce) = keyed(cipher, key, nonce)?;
    let mut text = ciphertext.to_vec();
    match key.open_in_place(nonce, Aad::from(aad), &mut text).map(|plaintext| plaintext.len()) {
        Ok(len) => {
            text.truncate(len);
            Ok(Secret::new(text))
        }
        Err(error) => {
            text.zeroize();
            Err(refused(error))
        }
    }
}
