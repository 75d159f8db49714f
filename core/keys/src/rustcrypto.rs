//! The provider made of RustCrypto and dalek crates: pure Rust, `no_std`, for devices and for the simulated world.
//!
//! **Invariant:** a failure is one [`CryptoError`], whatever its cause.
use crate::{Aead, Algorithm, Argon2Cost, Crypto, CryptoError, HashAlgorithm};
use aes_gcm::aead::{self, AeadCore, KeyInit, Nonce, Payload, consts::U12};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use alloc::vec::Vec;
use argon2::{Argon2, Params, Version};
use chacha20poly1305::ChaCha20Poly1305;
use ed25519_dalek::Signer as _;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use symbolon_types::{Hash, Secret};
use x25519_dalek::{PublicKey, StaticSecret};

/// The provider; it holds nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct RustCrypto;

fn mac<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Secret<Vec<u8>> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 §2)")]
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("any length");
    parts.iter().for_each(|part| mac.update(part));
    Secret::new(mac.finalize().into_bytes().to_vec())
}

fn seal<C>(key: &[u8], nonce: &[u8; 12], payload: Payload<'_, '_>) -> Result<Vec<u8>, CryptoError>
where
    C: KeyInit + aead::Aead + AeadCore<NonceSize = U12>,
{
    let nonce: &Nonce<C> = nonce.into();
    C::new_from_slice(key).map_err(|_| CryptoError)?.encrypt(nonce, payload).map_err(|_| CryptoError)
}

fn open<C>(key: &[u8], nonce: &[u8; 12], payload: Payload<'_, '_>) -> Result<Secret<Vec<u8>>, CryptoError>
where
    C: KeyInit + aead::Aead + AeadCore<NonceSize = U12>,
{
    let nonce: &Nonce<C> = nonce.into();
    let cipher = C::new_from_slice(key).map_err(|_| CryptoError)?;
    cipher.decrypt(nonce, payload).map(Secret::new).map_err(|_| CryptoError)
}

impl Crypto for RustCrypto {
    fn algorithms(&self) -> &'static [Algorithm] {
        &[
            Algorithm::Sha1,
            Algorithm::Sha256,
            Algorithm::Sha512,
            Algorithm::Aes128Gcm,
            Algorithm::Aes256Gcm,
            Algorithm::ChaCha20Poly1305,
            Algorithm::Ed25519,
            Algorithm::X25519,
            Algorithm::Argon2id,
        ]
    }

    fn sha256(&self, parts: &[&[u8]]) -> Hash {
        let hasher = parts.iter().fold(Sha256::new(), |hasher, part| hasher.chain_update(part));
        Hash(hasher.finalize().into())
    }

    fn hmac(&self, hash: HashAlgorithm, key: &[u8], parts: &[&[u8]]) -> Secret<Vec<u8>> {
        match hash {
            HashAlgorithm::Sha1 => mac::<Hmac<Sha1>>(key, parts),
            HashAlgorithm::Sha256 => mac::<Hmac<Sha256>>(key, parts),
            HashAlgorithm::Sha512 => mac::<Hmac<Sha512>>(key, parts),
        }
    }

    fn aead_seal(
        &self,
        aead: Aead,
        key: &[u8],
        nonce: &[u8; 12],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let payload = Payload { msg: plaintext, aad };
        match aead {
            Aead::Aes128Gcm => seal::<Aes128Gcm>(key, nonce, payload),
            Aead::Aes256Gcm => seal::<Aes256Gcm>(key, nonce, payload),
            Aead::ChaCha20Poly1305 => seal::<ChaCha20Poly1305>(key, nonce, payload),
        }
    }

    fn aead_open(
        &self,
        aead: Aead,
        key: &[u8],
        nonce: &[u8; 12],
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Result<Secret<Vec<u8>>, CryptoError> {
        let payload = Payload { msg: ciphertext, aad };
        match aead {
            Aead::Aes128Gcm => open::<Aes128Gcm>(key, nonce, payload),
            Aead::Aes256Gcm => open::<Aes256Gcm>(key, nonce, payload),
            Aead::ChaCha20Poly1305 => open::<ChaCha20Poly1305>(key, nonce, payload),
        }
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
        let key = ed25519_dalek::VerifyingKey::from_bytes(public).map_err(|_| CryptoError)?;
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        key.verify_strict(message, &signature).map_err(|_| CryptoError)
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
