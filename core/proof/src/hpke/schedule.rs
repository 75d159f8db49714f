//! The key schedule and the context of RFC 9180 §5.1 to §5.3, one for both directions.
use super::{Psk, Suite, array32, labeled_expand, labeled_extract};
use alloc::vec::Vec;
use symbolon_keys::{Aead, Crypto, CryptoError};
use symbolon_types::Secret;

/// How a context was set up, but for the KEM's shared secret: what KeySchedule takes (RFC 9180 §5.1).
pub(super) struct Setup<'s> {
    pub(super) suite: Suite,
    pub(super) kem_id: [u8; 2],
    /// Whether the KEM authenticated the sender.
    pub(super) auth: bool,
    pub(super) psk: Option<&'s Psk<'s>>,
    pub(super) info: &'s [u8],
}

impl Setup<'_> {
    /// `mode_base`, `mode_psk`, `mode_auth` or `mode_auth_psk` (RFC 9180 §5, table 1).
    fn mode(&self) -> u8 {
        match (self.auth, self.psk.is_some()) {
            (false, false) => 0,
            (false, true) => 1,
            (true, false) => 2,
            (true, true) => 3,
        }
    }

    /// `key_schedule_context` (RFC 9180 §5.1).
    pub(super) fn context(&self, crypto: &dyn Crypto) -> Vec<u8> {
        let (id, psk_id) = (self.suite.id(self.kem_id), self.psk.map_or(&[][..], |psk| psk.id));
        let psk_id_hash = labeled_extract(crypto, &id, &[], b"psk_id_hash", psk_id);
        let info_hash = labeled_extract(crypto, &id, &[], b"info_hash", self.info);
        [[self.mode()].as_slice(), psk_id_hash.reveal(), info_hash.reveal()].concat()
    }

    /// `secret` (RFC 9180 §5.1).
    pub(super) fn secret(&self, crypto: &dyn Crypto, shared: &Secret<[u8; 32]>) -> Secret<[u8; 32]> {
        let psk = self.psk.map_or(&[][..], |psk| psk.secret);
        labeled_extract(crypto, &self.suite.id(self.kem_id), shared.reveal(), b"secret", psk)
    }
}

/// The AEAD of a context with its key; an export-only context has none.
pub(super) struct Keyed {
    aead: Aead,
    pub(super) key: Secret<Vec<u8>>,
    pub(super) base_nonce: Secret<[u8; 12]>,
}

pub(super) struct Schedule<'a> {
    crypto: &'a dyn Crypto,
    suite_id: Vec<u8>,
    pub(super) keyed: Option<Keyed>,
    pub(super) exporter: Secret<[u8; 32]>,
    /// How many messages were sealed or opened. RFC 9180 allows 2^96 - 1; we stop at 2^64 - 1.
    pub(super) sequence: u64,
}

impl<'a> Schedule<'a> {
    /// KeySchedule (RFC 9180 §5.1).
    pub(super) fn new(
        crypto: &'a dyn Crypto,
        setup: &Setup<'_>,
        shared: &Secret<[u8; 32]>,
    ) -> Result<Self, CryptoError> {
        let suite_id = setup.suite.id(setup.kem_id);
        let (context, secret) = (setup.context(crypto), setup.secret(crypto, shared));
        let expand = |label: &[u8], len| labeled_expand(crypto, &suite_id, &secret, label, &context, len);
        let keyed = match setup.suite.aead() {
            None => None,
            Some(aead) => {
                let base_nonce = expand(b"base_nonce", 12)?;
                let base_nonce = base_nonce.reveal().as_slice().try_into().map_err(|_| CryptoError)?;
                Some(Keyed {
                    aead,
                    key: expand(b"key", aead.key_len())?,
                    base_nonce: Secret::new(base_nonce),
                })
            }
        };
        let exporter = array32(&expand(b"exp", 32)?)?;
        Ok(Self { crypto, suite_id, keyed, exporter, sequence: 0 })
    }

    /// The AEAD with its key, and ComputeNonce (RFC 9180 §5.2): the base nonce with the sequence number in its last eight bytes.
    pub(super) fn keyed(&self) -> Result<(&Keyed, [u8; 12]), CryptoError> {
        let keyed = self.keyed.as_ref().ok_or(CryptoError)?;
        let mut nonce = *keyed.base_nonce.reveal();
        nonce.iter_mut().skip(4).zip(self.sequence.to_be_bytes()).for_each(|(byte, number)| *byte ^= number);
        Ok((keyed, nonce))
    }

    fn next(&self) -> Result<u64, CryptoError> {
        self.sequence.checked_add(1).ok_or(CryptoError)
    }

    pub(super) fn seal(&mut self, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let (next, (keyed, nonce)) = (self.next()?, self.keyed()?);
        let ciphertext = self.crypto.aead_seal(keyed.aead, keyed.key.reveal(), &nonce, aad, plaintext)?;
        self.sequence = next;
        Ok(ciphertext)
    }

    pub(super) fn open(&mut self, aad: &[u8], ciphertext: &[u8]) -> Result<Secret<Vec<u8>>, CryptoError> {
        let (next, (keyed, nonce)) = (self.next()?, self.keyed()?);
        let plaintext = self.crypto.aead_open(keyed.aead, keyed.key.reveal(), &nonce, aad, ciphertext)?;
        self.sequence = next;
        Ok(plaintext)
    }

    pub(super) fn export(&self, context: &[u8], len: usize) -> Result<Secret<Vec<u8>>, CryptoError> {
        labeled_expand(self.crypto, &self.suite_id, &self.exporter, b"sec", context, len)
    }
}
