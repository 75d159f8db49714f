//! The provider of the simulated world: RustCrypto, with an Argon2id that costs next to nothing and a memory of the dear answers.
//!
//! **Invariant:** every answer is RustCrypto's, but for the cost of a password. What is remembered is a function of its arguments, and is only ever
//! looked up: no order of a hash table is seen.
use std::cell::RefCell;
use std::collections::HashMap;
use symbolon_keys::{Aead, Algorithm, Argon2Cost, Crypto, CryptoError, Curve, HashAlgorithm, RustCrypto};
use symbolon_types::{Hash, Secret};

/// The least that Argon2id takes.
const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 8, passes: 1 };

/// Answers that are remembered; more are forgotten all at once.
const REMEMBERED_MAX: usize = 1 << 14;

/// An operation and its arguments, and its answer: up to 64 bytes, or a refusal.
type Remembered = HashMap<Vec<u8>, Option<[u8; 64]>>;

thread_local! {
    static REMEMBERED: RefCell<Remembered> = RefCell::default();
}

fn remembered(of: u8, arguments: &[&[u8]], answer: impl FnOnce() -> Option<[u8; 64]>) -> Option<[u8; 64]> {
    let key = [&[of], arguments.concat().as_slice()].concat();
    REMEMBERED.with_borrow_mut(|known| {
        if known.len() > REMEMBERED_MAX {
            known.clear();
        }
        *known.entry(key).or_insert_with(answer)
    })
}

fn wide(narrow: [u8; 32]) -> [u8; 64] {
    let mut wide = [0; 64];
    wide.iter_mut().zip(narrow).for_each(|(to, from)| *to = from);
    wide
}

fn narrow(wide: [u8; 64]) -> [u8; 32] {
    wide.first_chunk::<32>().copied().unwrap_or([0; 32])
}

/// The provider; it holds nothing of a world.
#[derive(Clone, Copy, Debug, Default)]
pub struct SimCrypto;

/// The one provider.
pub static CRYPTO: SimCrypto = SimCrypto;

impl Crypto for SimCrypto {
    fn algorithms(&self) -> &'static [Algorithm] {
        RustCrypto.algorithms()
    }
    fn sha256(&self, parts: &[&[u8]]) -> Hash {
        RustCrypto.sha256(parts)
    }
    fn digest(&self, hash: HashAlgorithm, parts: &[&[u8]]) -> Vec<u8> {
        RustCrypto.digest(hash, parts)
    }
    fn hmac(&self, hash: HashAlgorithm, key: &[u8], parts: &[&[u8]]) -> Secret<Vec<u8>> {
        RustCrypto.hmac(hash, key, parts)
    }
    fn aes_cmac(&self, key: &[u8], parts: &[&[u8]]) -> Result<Secret<[u8; 16]>, CryptoError> {
        RustCrypto.aes_cmac(key, parts)
    }
    fn aes_cbc_mac(&self, key: &[u8], parts: &[&[u8]]) -> Result<Secret<[u8; 16]>, CryptoError> {
        RustCrypto.aes_cbc_mac(key, parts)
    }
    fn aead_seal(
        &self,
        aead: Aead,
        key: &[u8],
        nonce: &[u8],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        RustCrypto.aead_seal(aead, key, nonce, aad, plaintext)
    }
    fn aead_open(
        &self,
        aead: Aead,
        key: &[u8],
        nonce: &[u8],
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Result<Secret<Vec<u8>>, CryptoError> {
        RustCrypto.aead_open(aead, key, nonce, aad, ciphertext)
    }
    fn ed25519_public(&self, seed: &[u8; 32]) -> [u8; 32] {
        narrow(remembered(1, &[seed], || Some(wide(RustCrypto.ed25519_public(seed)))).unwrap_or([0; 64]))
    }
    fn ed25519_sign(&self, seed: &[u8; 32], message: &[u8]) -> [u8; 64] {
        remembered(2, &[seed, message], || Some(RustCrypto.ed25519_sign(seed, message))).unwrap_or([0; 64])
    }
    fn ed25519_verify(
        &self,
        public: &[u8; 32],
        message: &[u8],
        signature: &[u8; 64],
    ) -> Result<(), CryptoError> {
        let verified = || RustCrypto.ed25519_verify(public, message, signature).ok().map(|()| [0; 64]);
        remembered(3, &[public, signature, message], verified).map(|_| ()).ok_or(CryptoError)
    }
    fn ecdsa_public(&self, curve: Curve, private: &[u8]) -> Result<Vec<u8>, CryptoError> {
        RustCrypto.ecdsa_public(curve, private)
    }
    fn ecdsa_sign(
        &self,
        curve: Curve,
        hash: HashAlgorithm,
        private: &[u8],
        message: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        RustCrypto.ecdsa_sign(curve, hash, private, message)
    }
    fn ecdsa_verify(
        &self,
        curve: Curve,
        hash: HashAlgorithm,
        public: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        RustCrypto.ecdsa_verify(curve, hash, public, message, signature)
    }
    fn p256_ecdh(&self, private: &[u8; 32], public: &[u8]) -> Result<Secret<[u8; 32]>, CryptoError> {
        RustCrypto.p256_ecdh(private, public)
    }
    fn x25519_public(&self, private: &[u8; 32]) -> [u8; 32] {
        narrow(remembered(4, &[private], || Some(wide(RustCrypto.x25519_public(private)))).unwrap_or([0; 64]))
    }
    fn x25519(&self, private: &[u8; 32], public: &[u8; 32]) -> Result<Secret<[u8; 32]>, CryptoError> {
        let agreed = || RustCrypto.x25519(private, public).ok().map(|secret| wide(*secret.reveal()));
        remembered(5, &[private, public], agreed).map(|secret| Secret::new(narrow(secret))).ok_or(CryptoError)
    }
    fn argon2id(
        &self,
        password: &[u8],
        salt: &[u8],
        secret: &[u8],
        _cost: Argon2Cost,
    ) -> Result<Secret<[u8; 32]>, CryptoError> {
        RustCrypto.argon2id(password, salt, secret, CHEAP)
    }
}
