//! The operations that a provider of cryptography brings. Higher constructions (HKDF, HPKE, COSE, OTP) are built once over them.
use alloc::vec::Vec;
use symbolon_types::{Hash, Secret};

/// What a provider can do; a vector for an algorithm that it lacks is skipped by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// SHA-1 (only inside HMAC, for RFC 4226 and RFC 6287).
    Sha1,
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// SHA-512 (FIPS 180-4).
    Sha512,
    /// AES-128-GCM (SP 800-38D), 96-bit nonce, 128-bit tag.
    Aes128Gcm,
    /// AES-256-GCM (SP 800-38D), 96-bit nonce, 128-bit tag.
    Aes256Gcm,
    /// ChaCha20-Poly1305 (RFC 8439).
    ChaCha20Poly1305,
    /// Ed25519 (RFC 8032), strict: no small-order keys, no malleable signatures.
    Ed25519,
    /// X25519 (RFC 7748); an all-zero result is refused.
    X25519,
    /// Argon2id version 0x13 (RFC 9106).
    Argon2id,
}

/// Hash functions for HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashAlgorithm {
    /// 20 bytes.
    Sha1,
    /// 32 bytes.
    Sha256,
    /// 64 bytes.
    Sha512,
}

/// Authenticated encryption: 12-byte nonce, 16-byte tag appended to the ciphertext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aead {
    /// 16-byte key.
    Aes128Gcm,
    /// 32-byte key.
    Aes256Gcm,
    /// 32-byte key.
    ChaCha20Poly1305,
}

impl Aead {
    /// The key's length in bytes.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::Aes256Gcm | Self::ChaCha20Poly1305 => 32,
        }
    }
}

/// How dear one Argon2id computation is (RFC 9106 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Cost {
    /// Memory in KiB, at least 8.
    pub memory_kib: u32,
    /// Passes, at least 1.
    pub passes: u32,
}

impl Argon2Cost {
    /// 19 MiB, two passes: what a phone's authenticator affords for one entry of a PIN.
    pub const DEVICE: Self = Self { memory_kib: 19 * 1024, passes: 2 };

    /// The most memory that a provider gives one computation: 1 GiB. A cost read from a file cannot exhaust the machine.
    pub const MEMORY_KIB_MAX: u32 = 1024 * 1024;

    /// The most passes that a provider makes.
    pub const PASSES_MAX: u32 = 64;

    /// Whether memory is 8..=[`Self::MEMORY_KIB_MAX`] KiB and passes are 1..=[`Self::PASSES_MAX`]. Every provider refuses any other cost.
    #[must_use]
    pub const fn in_range(self) -> bool {
        8 <= self.memory_kib
            && self.memory_kib <= Self::MEMORY_KIB_MAX
            && 1 <= self.passes
            && self.passes <= Self::PASSES_MAX
    }
}

/// One error for all failures: it says nothing of why, so that it tells an attacker nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CryptoError;

/// A provider of cryptography. Every provider passes the same conformance suite.
pub trait Crypto: Send + Sync {
    /// What this provider can do.
    fn algorithms(&self) -> &'static [Algorithm];

    /// SHA-256 over the parts, one after the other.
    fn sha256(&self, parts: &[&[u8]]) -> Hash;

    /// HMAC (RFC 2104) over the parts; the result has the hash's length.
    fn hmac(&self, hash: HashAlgorithm, key: &[u8], parts: &[&[u8]]) -> Secret<Vec<u8>>;

    /// Ciphertext and tag.
    ///
    /// # Errors
    /// [`CryptoError`] when the key has the wrong length.
    fn aead_seal(
        &self,
        aead: Aead,
        key: &[u8],
        nonce: &[u8; 12],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptoError>;

    /// Plaintext, if key, nonce, associated data and tag are right.
    ///
    /// # Errors
    /// [`CryptoError`].
    fn aead_open(
        &self,
        aead: Aead,
        key: &[u8],
        nonce: &[u8; 12],
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Result<Secret<Vec<u8>>, CryptoError>;

    /// The public key of a 32-byte Ed25519 seed.
    fn ed25519_public(&self, seed: &[u8; 32]) -> [u8; 32];

    /// An Ed25519 signature; the same message gives the same bytes.
    fn ed25519_sign(&self, seed: &[u8; 32], message: &[u8]) -> [u8; 64];

    /// # Errors
    /// [`CryptoError`] unless the signature is right, canonical, and under a key that is not of small order.
    fn ed25519_verify(
        &self,
        public: &[u8; 32],
        message: &[u8],
        signature: &[u8; 64],
    ) -> Result<(), CryptoError>;

    /// The public key of an X25519 private key (clamped inside).
    fn x25519_public(&self, private: &[u8; 32]) -> [u8; 32];

    /// The shared secret.
    ///
    /// # Errors
    /// [`CryptoError`] when it is all zero (RFC 7748 §6.1).
    fn x25519(&self, private: &[u8; 32], public: &[u8; 32]) -> Result<Secret<[u8; 32]>, CryptoError>;

    /// Argon2id with one lane; 32 bytes.
    ///
    /// # Errors
    /// [`CryptoError`] when the salt is shorter than 8 bytes or the cost is out of range.
    fn argon2id(
        &self,
        password: &[u8],
        salt: &[u8],
        secret: &[u8],
        cost: Argon2Cost,
    ) -> Result<Secret<[u8; 32]>, CryptoError>;
}
