//! The provider made of RustCrypto and dalek crates: pure Rust, `no_std`, for devices and for the simulated world.
//!
//! **Invariant:** a failure is one [`CryptoError`], whatever its cause.
use crate::{Aead, Algorithm, Argon2Cost, Crypto, CryptoError, Curve, HashAlgorithm, ed25519_strict};
use aes_gcm::aead::Payload;
use alloc::vec::Vec;
use argon2::{Argon2, Params, Version};
use ed25519_dalek::Signer as _;
use hmac::Hmac;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use symbolon_types::{Hash, Secret};
use x25519_dalek::{PublicKey, StaticSecret};

mod aead;
mod ecdsa;
mod mac;

/// The provider; it holds nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct RustCrypto;

fn digest_with<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().fold(D::new(), |hasher, part| hasher.chain_update(part)).finalize().to_vec()
}

impl Crypto for RustCrypto {
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
            Algorithm::EcdsaRfc6979,
            Algorithm::EcdhP256,
            Algorithm::Ed25519,
            Algorithm::X25519,
            Algorithm::Argon2id,
        ]
    }

    fn sha256(&self, parts: &[&[u8]]) -> Hash {
        let hasher = parts.iter().fold(Sha256::new(), |hasher, part| hasher.chain_update(part));
        Hash(hasher.finalize().into())
    }

    fn digest(&self, hash: HashAlgorithm, parts: &[&[u8]]) -> Vec<u8> {
        match hash {
            HashAlgorithm::Sha1 => digest_with::<Sha1>(parts),
            HashAlgorithm::Sha256 => digest_with::<Sha256>(parts),
            HashAlgorithm::Sha384 => digest_with::<Sha384>(parts),
            HashAlgorithm::Sha512 => digest_with::<Sha512>(parts),
        }
    }

    fn hmac(&self, hash: HashAlgorithm, key: &[u8], parts: &[&[u8]]) -> Secret<Vec<u8>> {
        match hash {
            HashAlgorithm::Sha1 => mac::hmac::<Hmac<Sha1>>(key, parts),
            HashAlgorithm::Sha256 => mac::hmac::<Hmac<Sha256>>(key, parts),
            HashAlgorithm::Sha384 => mac::hmac::<Hmac<Sha384>>(key, parts),
            HashAlgorithm::Sha512 => mac::hmac::<Hmac<Sha512>>(key, parts),
        }
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
        aead::keyed(aead, key)?.seal(nonce, Payload { msg: plaintext, aad })
    }

    fn aead_open(
        &self,
        aead: Aead,
        key: &[u8],
        nonce: &[u8],
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Result<Secret<Vec<u8>>, CryptoError> {
        aead::keyed(aead, key)?.open(nonce, Payload { msg: ciphertext, aad }).map(Secret::new)
    }

    fn ed25519_public(&self, seed: &[u8; 32]) -> [u8; 32] {
        ed25519_dalek::SigningKey::from_bytes(seed).verifying_key().to_bytes()
    }

    fn ed25519_sign(&self, seed: &[u8; 32], message: &[u8]) -> [u8; 64] {
        ed25519_dalek::SigningKey::from_bytes(seed).sign(message).to_bytes()
    }

    fn ed25519_verify(
        &self,
        public: &[u8; 32],
        message: &[u8],
        signature: &[u8; 64],
    ) -> Result<(), CryptoError> {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        if !ed25519_strict(public) || !ed25519_strict(signature.r_bytes()) {
            return Err(CryptoError);
        }
        let key = ed25519_dalek::VerifyingKey::from_bytes(public).map_err(|_| CryptoError)?;
        key.verify_strict(message, &signature).map_err(|_| CryptoError)
    }

    fn ecdsa_public(&self, curve: Curve, private: &[u8]) -> Result<Vec<u8>, CryptoError> {
        ecdsa::public(curve, private)
    }

    fn ecdsa_sign(
        &self,
        curve: Curve,
        hash: HashAlgorithm,
        private: &[u8],
        message: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        ecdsa::sign(curve, hash, private, message)
    }

    fn ecdsa_verify(
        &self,
        curve: Curve,
        hash: HashAlgorithm,
        public: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        ecdsa::verify(curve, hash, public, message, signature)
    }

    fn p256_ecdh(&self, private: &[u8; 32], public: &[u8]) -> Result<Secret<[u8; 32]>, CryptoError> {
        ecdsa::p256_ecdh(private, public)
    }

    fn x25519_public(&self, private: &[u8; 32]) -> [u8; 32] {
        PublicKey::from(&StaticSecret::from(*private)).to_bytes()
    }

    fn x25519(&self, private: &[u8; 32], public: &[u8; 32]) -> Result<Secret<[u8; 32]>, CryptoError> {
        let shared = StaticSecret::from(*private).diffie_hellman(&PublicKey::from(*public));
        if shared.was_contributory() { Ok(Secret::new(shared.to_bytes())) } else { Err(CryptoError) }
    }

    fn argon2id(
        &self,
        password: &[u8],
        salt: &[u8],
        secret: &[u8],
        cost: Argon2Cost,
    ) -> Result<Secret<[u8; 32]>, CryptoError> {
        if !cost.in_range() {
            return Err(CryptoError);
        }
        let params = Params::new(cost.memory_kib, cost.passes, 1, Some(32)).map_err(|_| CryptoError)?;
        let argon2 = Argon2::new_with_secret(secret, argon2::Algorithm::Argon2id, Version::V0x13, params)
            .map_err(|_| CryptoError)?;
        let mut out = [0; 32];
        argon2.hash_password_into(password, salt, &mut out).map_err(|_| CryptoError)?;
        Ok(Secret::new(out))
    }
}
