//! The node's provider of cryptography: [`AwsLc`], the [`Crypto`] trait over aws-lc by its safe bindings aws-lc-rs.
//!
//! | operation | who computes |
//! | --- | --- |
//! | SHA-1, SHA-256, SHA-384, SHA-512, HMAC | aws-lc |
//! | AES-GCM, ChaCha20-Poly1305, AES-CMAC, AES-CBC-MAC | aws-lc |
//! | Ed25519, X25519, ECDH on P-256 | aws-lc |
//! | ECDSA on P-256 with SHA-256, P-384 with SHA-384, P-521 with SHA-512 | aws-lc; it draws its own nonces, so a signature is not repeatable |
//! | ECDSA on P-256 with SHA-512 | [`RustCrypto`]: aws-lc-rs has no signing algorithm for the pair |
//! | AES-CCM | [`RustCrypto`]: aws-lc-rs has no CCM |
//! | Argon2id | [`RustCrypto`]: aws-lc has none |
//!
//! aws-lc is more lenient than the trait in places, so the forms of keys and signatures are checked before it is asked: it takes an Ed25519 key or R
//! of small order, a hybrid point (06, 07), and a SubjectPublicKeyInfo where a point is due.
//! **Invariant:** it answers as RustCrypto does, byte for byte and refusal for refusal, but for the bytes of an ECDSA signature that it draws.
//! **Invariant:** where aws-lc fails for want of memory, an operation of the trait that cannot fail is computed by [`RustCrypto`]: the same bytes.
use aws_lc_rs::digest;
use symbolon_keys::{
    Aead, Algorithm, Argon2Cost, Crypto, CryptoError, Curve, HashAlgorithm, RustCrypto, ed25519_strict,
};
use symbolon_types::{Hash, Secret};

mod aead;
mod curves;
mod mac;

/// The provider; it holds nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct AwsLc;

/// aws-lc-rs says no more than that it failed, or why it refused a key; the trait says less.
fn refused<E>(_: E) -> CryptoError {
    CryptoError
}

fn digest_of(algorithm: &'static digest::Algorithm, parts: &[&[u8]]) -> digest::Digest {
    let mut context = digest::Context::new(algorithm);
    parts.iter().for_each(|part| context.update(part));
    context.finish()
}

impl Crypto for AwsLc {
    fn algorithms(&self) -> &'static [Algorithm] {
        &[
            Algorithm::Sha1,
            Algorithm::Sha256,
            Algorithm::Sha384,
            Algorithm::Sha512,
            Algorithm::Aes128Gcm,
            Algorithm::Aes192Gcm,
            Algorithm::Aes256Gcm,
            Algorithm::AesCcm,
            Algorithm::ChaCha20Poly1305,
            Algorithm::AesCmac,
            Algorithm::AesCbcMac,
            Algorithm::EcdsaP256Sha256,
            Algorithm::EcdsaP256Sha512,
            Algorithm::EcdsaP384Sha384,
            Algorithm::EcdsaP521Sha512,
            Algorithm::EcdhP256,
            Algorithm::Ed25519,
            Algorithm::X25519,
            Algorithm::Argon2id,
        ]
    }

    fn sha256(&self, parts: &[&[u8]]) -> Hash {
        let digest = digest_of(&digest::SHA256, parts);
        let mut hash = [0; 32];
        hash.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
        Hash(hash)
    }

    fn digest(&self, hash: HashAlgorithm, parts: &[&[u8]]) -> Vec<u8> {
        let algorithm = match hash {
            HashAlgorithm::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            HashAlgorithm::Sha256 => &digest::SHA256,
            HashAlgorithm::Sha384 => &digest::SHA384,
            HashAlgorithm::Sha512 => &digest::SHA512,
        };
        digest_of(algorithm, parts).as_ref().to_vec()
    }

    fn hmac(&self, hash: HashAlgorithm, key: &[u8], parts: &[&[u8]]) -> Secret<Vec<u8>> {
        mac::hmac(hash, key, parts)
    }

    fn aes_cmac(&self, key: &[u8], parts: &[&[u8]]) -> Result<Secret<[u8; 16]>, CryptoError> {
        mac::aes_cmac(key, parts)
    }

    fn aes_cbc_mac(&self, key: &[u8], parts: &[&[u8]]) -> Result<Secret<[u8; 16]>, CryptoError> {
        mac::aes_cbc_mac(key, parts)
    }

    fn aead_seal(
        &self,
        aead: Aead,
        key: &[u8],
        nonce: &[u8],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        match aead::cipher_of(aead) {
            Some(cipher) => aead::seal(cipher, key, nonce, aad, plaintext),
            None => RustCrypto.aead_seal(aead, key, nonce, aad, plaintext),
        }
    }

    fn aead_open(
        &self,
        aead: Aead,
        key: &[u8],
        nonce: &[u8],
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Result<Secret<Vec<u8>>, CryptoError> {
        match aead::cipher_of(aead) {
            Some(cipher) => aead::open(cipher, key, nonce, aad, ciphertext),
            None => RustCrypto.aead_open(aead, key, nonce, aad, ciphertext),
        }
    }

    fn ed25519_public(&self, seed: &[u8; 32]) -> [u8; 32] {
        curves::ed25519_public(seed).unwrap_or_else(|_| RustCrypto.ed25519_public(seed))
    }

    fn ed25519_sign(&self, seed: &[u8; 32], message: &[u8]) -> [u8; 64] {
        curves::ed25519_sign(seed, message).unwrap_or_else(|_| RustCrypto.ed25519_sign(seed, message))
    }

    fn ed25519_verify(
        &self,
        public: &[u8; 32],
        message: &[u8],
        signature: &[u8; 64],
    ) -> Result<(), CryptoError> {
        let (r, _) = signature.split_first_chunk().ok_or(CryptoError)?;
        if !ed25519_strict(public) || !ed25519_strict(r) {
            return Err(CryptoError);
        }
        curves::ed25519_verify(public, message, signature)
    }

    fn ecdsa_public(&self, curve: Curve, private: &[u8]) -> Result<Vec<u8>, CryptoError> {
        curves::ecdsa_public(curve, private)
    }

    fn ecdsa_sign(
        &self,
        curve: Curve,
        hash: HashAlgorithm,
        private: &[u8],
        message: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        match curves::ecdsa_signing(curve, hash) {
            Some(algorithm) => curves::ecdsa_sign(algorithm, curve, private, message),
            None => RustCrypto.ecdsa_sign(curve, hash, private, message),
        }
    }

    fn ecdsa_verify(
        &self,
        curve: Curve,
        hash: HashAlgorithm,
        public: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        match curves::ecdsa_verification(curve, hash) {
            Some(algorithm) => curves::ecdsa_verify(algorithm, curve, public, message, signature),
            None => RustCrypto.ecdsa_verify(curve, hash, public, message, signature),
        }
    }

    fn p256_ecdh(&self, private: &[u8; 32], public: &[u8]) -> Result<Secret<[u8; 32]>, CryptoError> {
        curves::p256_ecdh(private, public)
    }

    fn x25519_public(&self, private: &[u8; 32]) -> [u8; 32] {
        curves::x25519_public(private).unwrap_or_else(|_| RustCrypto.x25519_public(private))
    }

    fn x25519(&self, private: &[u8; 32], public: &[u8; 32]) -> Result<Secret<[u8; 32]>, CryptoError> {
        curves::x25519(private, public)
    }

    fn argon2id(
        &self,
        password: &[u8],
        salt: &[u8],
        secret: &[u8],
        cost: Argon2Cost,
    ) -> Result<Secret<[u8; 32]>, CryptoError> {
        RustCrypto.argon2id(password, salt, secret, cost)
    }
}
