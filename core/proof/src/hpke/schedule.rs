//! The key schedule and the context of RFC 9180 §5.1 to §5.3, one for both directions.
use super::{Suite, labeled_expand, labeled_extract};
use alloc::vec::Vec;
use symbolon_keys::{Crypto, CryptoError};
use symbolon_types::Secret;

/// The mode without authentication of the sender (RFC 9180 §5, table 1).
pub(super) const BASE: u8 = 0;
/// The mode that authenticates the sender's key.
pub(super) const AUTH: u8 = 2;

pub(super) struct Schedule<'a> {
    crypto: &'a dyn Crypto,
    suite: Suite,
    pub(super) key: Secret<Vec<u8>>,
    pub(super) base_nonce: Secret<[u8; 12]>,
    pub(super) exporter: Secret<[u8; 32]>,
    /// How many messages were sealed or opened. RFC 9180 allows 2^96 - 1; we stop at 2^64 - 1.
    pub(super) sequence: u64,
}

/// `key_schedule_context` with an empty pre-shared key's id (RFC 9180 §5.1).
pub(super) fn context_of(crypto: &dyn Crypto, suite: &[u8], mode: u8, info: &[u8]) -> Vec<u8> {
    let psk_id_hash = labeled_extract(crypto, suite, &[], b"psk_id_hash", &[]);
    let info_hash = labeled_extract(crypto, suite, &[], b"info_hash", info);
    [[mode].as_slice(), psk_id_hash.reveal(), info_hash.reveal()].concat()
}

/// `secret`, extracted with an empty pre-shared key (RFC 9180 §5.1).
pub(super) fn secret_of(crypto: &dyn Crypto, suite: &[u8], shared: &Secret<[u8; 32]>) -> Secret<[u8; 32]> {
    labeled_extract(crypto, suite, shared.reveal(), b"secret", &[])
}

impl<'a> Schedule<'a> {
    pub(super) fn new(
        crypto: &'a dyn Crypto,
        suite: Suite,
        mode: u8,
        shared: &Secret<[u8; 32]>,
        info: &[u8],
    ) -> Result<Self, CryptoError> {
        let id = suite.id();
        let context = context_of(crypto, &id, mode, info);
        let secret = secret_of(crypto, &id, shared);
        let expand = |label, len| labeled_expand(crypto, &id, &secret, label, &context, len);
        let base_nonce = expand(b"base_nonce".as_slice(), 12)?;
        Ok(Self {
            crypto,
            suite,
            key: expand(b"key", suite.aead().key_len())?,
            base_nonce: base_nonce
                .reveal()
                .as_slice()
                .try_into()
                .map(Secret::new)
                .map_err(|_| CryptoError)?,
            exporter: super::array32(&expand(b"exp", 32)?)?,
            sequence: 0,
        })
    }

    /// ComputeNonce (RFC 9180 §5.2): the base nonce with the sequence number in its last eight bytes.
    pub(super) fn nonce(&self) -> [u8; 12] {
        let mut nonce = *self.base_nonce.reveal();
        nonce.iter_mut().skip(4).zip(self.sequence.to_be_bytes()).for_each(|(byte, number)| *byte ^= number);
        nonce
    }

    fn next(&self) -> Result<u64, CryptoError> {
        self.sequence.checked_add(1).ok_or(CryptoError)
    }

    pub(super) fn seal(&mut self, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let next = self.next()?;
        let (aead, key) = (self.suite.aead(), self.key.reveal());
        let ciphertext = self.crypto.aead_seal(aead, key, &self.nonce(), aad, plaintext)?;
        self.sequence = next;
        Ok(ciphertext)
    }

    pub(super) fn open(&mut self, aad: &[u8], ciphertext: &[u8]) -> Result<Secret<Vec<u8>>, CryptoError> {
        let next = self.next()?;
        let (aead, key) = (self.suite.aead(), self.key.reveal());
        let plaintext = self.crypto.aead_open(aead, key, &self.nonce(), aad, ciphertext)?;
        self.sequence = next;
        Ok(plaintext)
    }

    pub(super) fn export(&self, context: &[u8], len: usize) -> Result<Secret<Vec<u8>>, CryptoError> {
        labeled_expand(self.crypto, &self.suite.id(), &self.exporter, b"sec", context, len)
    }
}
