//! Authenticated encryption of the provider: GCM, CCM, ChaCha20-Poly1305.
use crate::{Aead, AesCcm, CcmKey, CcmNonce, CcmTag, CryptoError};
use aes::{Aes128, Aes192, Aes256};
use aes_gcm::aead::{Aead as Cipher, AeadCore, KeyInit, Nonce, Payload};
use aes_gcm::{Aes128Gcm, Aes256Gcm, AesGcm};
use alloc::{boxed::Box, vec::Vec};
use ccm::Ccm;
use ccm::consts::{U7, U8, U12, U13, U16};
use chacha20poly1305::ChaCha20Poly1305;

/// A cipher under its key, whatever the lengths of its nonce and tag.
pub(super) trait Keyed {
    fn seal(&self, nonce: &[u8], payload: Payload<'_, '_>) -> Result<Vec<u8>, CryptoError>;
    fn open(&self, nonce: &[u8], payload: Payload<'_, '_>) -> Result<Vec<u8>, CryptoError>;
}

impl<C: Cipher + AeadCore> Keyed for C {
    fn seal(&self, nonce: &[u8], payload: Payload<'_, '_>) -> Result<Vec<u8>, CryptoError> {
        let nonce = <&Nonce<C>>::try_from(nonce).map_err(|_| CryptoError)?;
        self.encrypt(nonce, payload).map_err(|_| CryptoError)
    }
    fn open(&self, nonce: &[u8], payload: Payload<'_, '_>) -> Result<Vec<u8>, CryptoError> {
        let nonce = <&Nonce<C>>::try_from(nonce).map_err(|_| CryptoError)?;
        self.decrypt(nonce, payload).map_err(|_| CryptoError)
    }
}

fn under<C: KeyInit + Keyed + 'static>(key: &[u8]) -> Result<Box<dyn Keyed>, CryptoError> {
    Ok(Box::new(C::new_from_slice(key).map_err(|_| CryptoError)?))
}

/// The cipher under `key`; a key of another length is refused.
pub(super) fn keyed(aead: Aead, key: &[u8]) -> Result<Box<dyn Keyed>, CryptoError> {
    match aead {
        Aead::Aes128Gcm => under::<Aes128Gcm>(key),
        Aead::Aes192Gcm => under::<AesGcm<Aes192, U12>>(key),
        Aead::Aes256Gcm => under::<Aes256Gcm>(key),
        Aead::ChaCha20Poly1305 => under::<ChaCha20Poly1305>(key),
        Aead::AesCcm(AesCcm { key: bits, tag, nonce }) => match (nonce, tag, bits) {
            (CcmNonce::Bytes13, CcmTag::Bits64, CcmKey::Bits128) => under::<Ccm<Aes128, U8, U13>>(key),
            (CcmNonce::Bytes13, CcmTag::Bits64, CcmKey::Bits256) => under::<Ccm<Aes256, U8, U13>>(key),
            (CcmNonce::Bytes13, CcmTag::Bits128, CcmKey::Bits128) => under::<Ccm<Aes128, U16, U13>>(key),
            (CcmNonce::Bytes13, CcmTag::Bits128, CcmKey::Bits256) => under::<Ccm<Aes256, U16, U13>>(key),
            (CcmNonce::Bytes7, CcmTag::Bits64, CcmKey::Bits128) => under::<Ccm<Aes128, U8, U7>>(key),
            (CcmNonce::Bytes7, CcmTag::Bits64, CcmKey::Bits256) => under::<Ccm<Aes256, U8, U7>>(key),
            (CcmNonce::Bytes7, CcmTag::Bits128, CcmKey::Bits128) => under::<Ccm<Aes128, U16, U7>>(key),
            (CcmNonce::Bytes7, CcmTag::Bits128, CcmKey::Bits256) => under::<Ccm<Aes256, U16, U7>>(key),
        },
    }
}
