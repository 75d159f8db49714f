//! The operations that a provider of cryptography brings. Higher constructions (HKDF, HPKE, COSE, OTP) are built once over them.
//!
//! **Invariant:** two providers answer alike: the same bytes, or both a refusal. The one exception is said at [`Crypto::ecdsa_sign`].
use alloc::vec::Vec;
use symbolon_types::{Hash, Secret};

mod algorithm;
pub use algorithm::{Aead, AesCcm, Algorithm, Argon2Cost, CcmKey, CcmNonce, CcmTag, Curve, HashAlgorithm};

/// One error for all failures: it says nothing of why, so that it tells an attacker nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CryptoError;

/// A provider of cryptography. Every provider passes the same conformance suite.
///
/// An operation whose [`Algorithm`] is not in [`Crypto::algorithms`] answers [`CryptoError`]; hashes and HMAC are in every provider.
pub trait Crypto: Send + Sync {
    /// What this provider can do.
    fn algorithms(&self) -> &'static [Algorithm];

    // Hashes

    /// SHA-256 over the parts, one after the other.
    fn sha256(&self, parts: &[&[u8]]) -> Hash;

    /// The digest of the parts, one after the other; [`HashAlgorithm::digest_len`] bytes.
    fn digest(&self, hash: HashAlgorithm, parts: &[&[u8]]) -> Vec<u8>;

    // Message authentication

    /// HMAC (RFC 2104) over the parts; the result has the hash's length.
    fn hmac(&self, hash: HashAlgorithm, key: &[u8], parts: &[&[u8]]) -> Secret<Vec<u8>>;

    /// AES-CMAC (SP 800-38B) over the parts, under a key of 16, 24 or 32 bytes. Compare in constant time: [`Secret::equals`].
    ///
    /// # Errors
    /// [`CryptoError`] when the key has the wrong length.
    fn aes_cmac(&self, key: &[u8], parts: &[&[u8]]) -> Result<Secret<[u8; 16]>, CryptoError>;

    /// AES-CBC-MAC over the parts with a zero IV and zero padding (RFC 9053 §3.2), under a key of 16, 24 or 32 bytes. A user cuts it to the tag's
    /// length. It is safe only where a message's length is fixed, or stands in its first block as in COSE: else take CMAC.
    ///
    /// # Errors
    /// [`CryptoError`] when the key has the wrong length, or when there is no byte to authenticate: no block, no MAC.
    fn aes_cbc_mac(&self, key: &[u8], parts: &[&[u8]]) -> Result<Secret<[u8; 16]>, CryptoError>;

    // Authenticated encryption

    /// Ciphertext and tag.
    ///
    /// # Errors
    /// [`CryptoError`] when the key or the nonce has the wrong length, or the message is longer than the cipher takes.
    fn aead_seal(
        &self,
        aead: Aead,
        key: &[u8],
        nonce: &[u8],
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
        nonce: &[u8],
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Result<Secret<Vec<u8>>, CryptoError>;

    // Signatures

    /// The public key of a 32-byte Ed25519 seed.
    fn ed25519_public(&self, seed: &[u8; 32]) -> [u8; 32];

    /// An Ed25519 signature; the same message gives the same bytes.
    fn ed25519_sign(&self, seed: &[u8; 32], message: &[u8]) -> [u8; 64];

    /// By the rule of RFC 8032 §5.1.7 without the cofactor, and strictly: key and R must pass [`ed25519_strict`](crate::ed25519_strict).
    ///
    /// # Errors
    /// [`CryptoError`] unless the signature is right, canonical, and under a key that is not of small order.
    fn ed25519_verify(
        &self,
        public: &[u8; 32],
        message: &[u8],
        signature: &[u8; 64],
    ) -> Result<(), CryptoError>;

    /// The public key of an ECDSA or ECDH private key, as an uncompressed point (SEC 1 §2.3.3): 1 + 2 × [`Curve::field_len`] bytes.
    ///
    /// # Errors
    /// [`CryptoError`] unless the private key is [`Curve::field_len`] bytes long and, as a number, 1 to the curve's order less 1.
    fn ecdsa_public(&self, curve: Curve, private: &[u8]) -> Result<Vec<u8>, CryptoError>;

    /// An ECDSA signature (FIPS 186-5 §6.4) as r and s of [`Curve::field_len`] bytes each. A provider that lists [`Algorithm::EcdsaRfc6979`] gives
    /// the same bytes for the same message; another may draw its own nonce. **Never assume that a signature is repeatable.**
    ///
    /// # Errors
    /// [`CryptoError`] for a private key as in [`Crypto::ecdsa_public`], or a pair of curve and hash that the provider lacks.
    fn ecdsa_sign(
        &self,
        curve: Curve,
        hash: HashAlgorithm,
        private: &[u8],
        message: &[u8],
    ) -> Result<Vec<u8>, CryptoError>;

    /// Verifies r and s under a point in a form of [`Curve::takes_form`]. Both signatures of a message, (r, s) and (r, n - s), are right
    /// (FIPS 186-5 says nothing else): so no identity is ever the hash of a signature.
    ///
    /// # Errors
    /// [`CryptoError`] unless the point is on the curve, r and s lie between 1 and the order less 1, and the signature is right.
    fn ecdsa_verify(
        &self,
        curve: Curve,
        hash: HashAlgorithm,
        public: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError>;

    // Key agreement

    /// The x-coordinate of private × public on P-256 (SP 800-56A §5.7.1.2). The public key of `private` is [`Crypto::ecdsa_public`]'s.
    ///
    /// # Errors
    /// [`CryptoError`] unless the point has a form of [`Curve::takes_form`] and lies on the curve, and the private key is in range.
    fn p256_ecdh(&self, private: &[u8; 32], public: &[u8]) -> Result<Secret<[u8; 32]>, CryptoError>;

    /// The public key of an X25519 private key (clamped inside).
    fn x25519_public(&self, private: &[u8; 32]) -> [u8; 32];

    /// The shared secret.
    ///
    /// # Errors
    /// [`CryptoError`] when it is all zero (RFC 7748 §6.1).
    fn x25519(&self, private: &[u8; 32], public: &[u8; 32]) -> Result<Secret<[u8; 32]>, CryptoError>;

    // Passwords

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
