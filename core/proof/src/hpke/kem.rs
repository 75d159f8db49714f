//! The KEMs of RFC 9180 §4.1 and §7.1: DHKEM(X25519, HKDF-SHA256) and DHKEM(P-256, HKDF-SHA256), chosen by the type of the key.
use super::{array32, labeled_expand, labeled_extract};
use alloc::vec::Vec;
use symbolon_keys::{Crypto, CryptoError, KemKey, KemPublic, P256KemKey, P256KemPublic};
use symbolon_types::Secret;

/// DHKEM(P-256, HKDF-SHA256) (RFC 9180 §7.1).
const P256: u8 = 0x10;
/// DHKEM(X25519, HKDF-SHA256).
const X25519: u8 = 0x20;

/// A public key that messages are sealed to.
pub trait KemPublicKey: Sized {
    /// The identifier of the KEM (RFC 9180 §7.1, table 2).
    const KEM_ID: [u8; 2];
    /// The private key of the same KEM.
    type Private: KemPrivateKey<Public = Self>;
    /// The form in which a key is sent (SerializePublicKey, RFC 9180 §4).
    type Encoded: AsRef<[u8]> + Clone;

    /// SerializePublicKey.
    fn encoded(&self) -> Self::Encoded;

    /// DeserializePublicKey, as to form; whether the key is a good one shows when it is used.
    ///
    /// # Errors
    /// [`CryptoError`] unless `encoded` has the form of a key.
    fn from_encoded(encoded: &Self::Encoded) -> Result<Self, CryptoError>;
}

/// A private key that opens what was sealed to its public key.
pub trait KemPrivateKey: Sized {
    /// The public key of the same KEM.
    type Public: KemPublicKey<Private = Self>;

    /// DeriveKeyPair (RFC 9180 §7.1.3): the key of this much secret input, of at least 32 bytes.
    ///
    /// # Errors
    /// [`CryptoError`] when the input is shorter.
    fn derive(crypto: &dyn Crypto, ikm: &[u8]) -> Result<Self, CryptoError>;

    /// The public key.
    fn public_key(&self, crypto: &dyn Crypto) -> Self::Public;

    /// DH of RFC 9180 §4.1.
    ///
    /// # Errors
    /// [`CryptoError`] when the other key is of small order, or not on the curve (RFC 9180 §7.1.4).
    fn shared(&self, crypto: &dyn Crypto, other: &Self::Public) -> Result<Secret<[u8; 32]>, CryptoError>;
}

impl KemPublicKey for KemPublic {
    const KEM_ID: [u8; 2] = [0, X25519];
    type Private = KemKey;
    type Encoded = [u8; 32];

    fn encoded(&self) -> [u8; 32] {
        self.0
    }
    fn from_encoded(encoded: &[u8; 32]) -> Result<Self, CryptoError> {
        Ok(Self(*encoded))
    }
}

impl KemPrivateKey for KemKey {
    type Public = KemPublic;

    fn derive(crypto: &dyn Crypto, ikm: &[u8]) -> Result<Self, CryptoError> {
        let (suite, prk) = derivation::<Self>(crypto, ikm)?;
        array32(&labeled_expand(crypto, &suite, &prk, b"sk", &[], 32)?).map(Self::from_private)
    }
    fn public_key(&self, crypto: &dyn Crypto) -> KemPublic {
        self.public(crypto)
    }
    fn shared(&self, crypto: &dyn Crypto, other: &KemPublic) -> Result<Secret<[u8; 32]>, CryptoError> {
        self.agree(crypto, other)
    }
}

impl KemPublicKey for P256KemPublic {
    const KEM_ID: [u8; 2] = [0, P256];
    type Private = P256KemKey;
    type Encoded = [u8; 65];

    fn encoded(&self) -> [u8; 65] {
        self.to_sec1()
    }
    fn from_encoded(encoded: &[u8; 65]) -> Result<Self, CryptoError> {
        Self::from_sec1(encoded).ok_or(CryptoError)
    }
}

impl KemPrivateKey for P256KemKey {
    type Public = P256KemPublic;

    fn derive(crypto: &dyn Crypto, ikm: &[u8]) -> Result<Self, CryptoError> {
        let (suite, prk) = derivation::<Self>(crypto, ikm)?;
        first_accepted(|counter| {
            // The bit mask of P-256 is 0xFF: nothing is cut off.
            let candidate = labeled_expand(crypto, &suite, &prk, b"candidate", &[counter], 32)?;
            Self::from_private(crypto, array32(&candidate)?)
        })
    }
    fn public_key(&self, _: &dyn Crypto) -> P256KemPublic {
        self.public()
    }
    fn shared(&self, crypto: &dyn Crypto, other: &P256KemPublic) -> Result<Secret<[u8; 32]>, CryptoError> {
        self.agree(crypto, other)
    }
}

/// The first of 256 candidates that is a key (RFC 9180 §7.1.3, DeriveKeyPair for the NIST curves).
pub(super) fn first_accepted<K>(candidate: impl Fn(u8) -> Result<K, CryptoError>) -> Result<K, CryptoError> {
    (0..=u8::MAX).find_map(|counter| candidate(counter).ok()).ok_or(CryptoError)
}

/// The suite of the KEM's own derivations (RFC 9180 §4.1).
fn kem_suite<P: KemPublicKey>() -> Vec<u8> {
    [b"KEM".as_slice(), &P::KEM_ID].concat()
}

fn derivation<S: KemPrivateKey>(
    crypto: &dyn Crypto,
    ikm: &[u8],
) -> Result<(Vec<u8>, Secret<[u8; 32]>), CryptoError> {
    // Nsk, which RFC 9180 §7.1.3 asks of the input at least.
    if ikm.len() < 32 {
        return Err(CryptoError);
    }
    let suite = kem_suite::<S::Public>();
    let prk = labeled_extract(crypto, &suite, &[], b"dkp_prk", ikm);
    Ok((suite, prk))
}

/// ExtractAndExpand over the agreed secrets (RFC 9180 §4.1).
fn extract_and_expand<P: KemPublicKey>(
    crypto: &dyn Crypto,
    agreed: &[&Secret<[u8; 32]>],
    public_keys: &[&P::Encoded],
) -> Result<Secret<[u8; 32]>, CryptoError> {
    let suite = kem_suite::<P>();
    let mut dh = Vec::with_capacity(64);
    agreed.iter().for_each(|secret| dh.extend_from_slice(secret.reveal()));
    let dh = Secret::new(dh);
    let kem_context: Vec<u8> = public_keys.iter().flat_map(|key| key.as_ref().iter().copied()).collect();
    let prk = labeled_extract(crypto, &suite, &[], b"eae_prk", dh.reveal());
    array32(&labeled_expand(crypto, &suite, &prk, b"shared_secret", &kem_context, 32)?)
}

/// Encap, or AuthEncap with a sender's key (RFC 9180 §4.1).
pub(super) fn encap<P: KemPublicKey>(
    crypto: &dyn Crypto,
    recipient: &P,
    sender: Option<&P::Private>,
    ephemeral: &Secret<[u8; 32]>,
) -> Result<(P::Encoded, Secret<[u8; 32]>), CryptoError> {
    let ephemeral = P::Private::derive(crypto, ephemeral.reveal())?;
    let (enc, dh) = (ephemeral.public_key(crypto).encoded(), ephemeral.shared(crypto, recipient)?);
    let to = recipient.encoded();
    let shared = match sender {
        None => extract_and_expand::<P>(crypto, &[&dh], &[&enc, &to])?,
        Some(key) => {
            let (sender_dh, from) = (key.shared(crypto, recipient)?, key.public_key(crypto).encoded());
            extract_and_expand::<P>(crypto, &[&dh, &sender_dh], &[&enc, &to, &from])?
        }
    };
    Ok((enc, shared))
}

/// Decap, or AuthDecap with a sender's public key (RFC 9180 §4.1).
pub(super) fn decap<S: KemPrivateKey>(
    crypto: &dyn Crypto,
    enc: &<S::Public as KemPublicKey>::Encoded,
    recipient: &S,
    sender: Option<&S::Public>,
) -> Result<Secret<[u8; 32]>, CryptoError> {
    let dh = recipient.shared(crypto, &S::Public::from_encoded(enc)?)?;
    let to = recipient.public_key(crypto).encoded();
    match sender {
        None => extract_and_expand::<S::Public>(crypto, &[&dh], &[enc, &to]),
        Some(key) => {
            let sender_dh = recipient.shared(crypto, key)?;
            extract_and_expand::<S::Public>(crypto, &[&dh, &sender_dh], &[enc, &to, &key.encoded()])
        }
    }
}
