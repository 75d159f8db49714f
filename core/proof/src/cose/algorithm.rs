//! The algorithms of RFC 9053 by their numbers, and what each computes.
use super::{CoseError, Key};
use symbolon_keys::{self as keys, Aead, AesCcm, CcmKey, CcmNonce, CcmTag, Crypto, HashAlgorithm};

/// Which of the three messages an algorithm belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// COSE_Sign1.
    Signature,
    /// COSE_Mac0.
    Mac,
    /// COSE_Encrypt0.
    Encryption,
}

impl Family {
    /// The context string of the structure (RFC 9052 §4.4, §5.3, §6.3).
    pub(super) const fn context(self) -> &'static str {
        match self {
            Self::Signature => "Signature1",
            Self::Mac => "MAC0",
            Self::Encryption => "Encrypt0",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    /// RFC 9053 §2.2, with Ed25519.
    EdDsa,
    /// RFC 9053 §2.1; the key says which curve.
    Ecdsa(HashAlgorithm),
    /// RFC 9053 §3.1; the tag's length in bytes.
    Hmac(HashAlgorithm, usize),
    /// RFC 9053 §3.2; the lengths of key and tag in bytes.
    AesMac(usize, usize),
    /// RFC 9053 §4.
    Aead(Aead),
}

/// An algorithm of the IANA registry "COSE Algorithms".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Algorithm {
    id: i64,
    name: &'static str,
    method: Method,
}

const fn row(id: i64, name: &'static str, method: Method) -> Algorithm {
    Algorithm { id, name, method }
}

const fn ccm(nonce: CcmNonce, tag: CcmTag, key: CcmKey) -> Method {
    Method::Aead(Aead::AesCcm(AesCcm { key, tag, nonce }))
}

use CcmKey::{Bits128 as K128, Bits256 as K256};
use CcmNonce::{Bytes7 as L64, Bytes13 as L16};
use CcmTag::{Bits64 as T64, Bits128 as T128};

const ALGORITHMS: [Algorithm; 24] = [
    row(-36, "ES512", Method::Ecdsa(HashAlgorithm::Sha512)),
    row(-35, "ES384", Method::Ecdsa(HashAlgorithm::Sha384)),
    row(-8, "EdDSA", Method::EdDsa),
    row(-7, "ES256", Method::Ecdsa(HashAlgorithm::Sha256)),
    row(1, "A128GCM", Method::Aead(Aead::Aes128Gcm)),
    row(2, "A192GCM", Method::Aead(Aead::Aes192Gcm)),
    row(3, "A256GCM", Method::Aead(Aead::Aes256Gcm)),
    row(4, "HMAC 256/64", Method::Hmac(HashAlgorithm::Sha256, 8)),
    row(5, "HMAC 256/256", Method::Hmac(HashAlgorithm::Sha256, 32)),
    row(6, "HMAC 384/384", Method::Hmac(HashAlgorithm::Sha384, 48)),
    row(7, "HMAC 512/512", Method::Hmac(HashAlgorithm::Sha512, 64)),
    row(10, "AES-CCM-16-64-128", ccm(L16, T64, K128)),
    row(11, "AES-CCM-16-64-256", ccm(L16, T64, K256)),
    row(12, "AES-CCM-64-64-128", ccm(L64, T64, K128)),
    row(13, "AES-CCM-64-64-256", ccm(L64, T64, K256)),
    row(14, "AES-MAC 128/64", Method::AesMac(16, 8)),
    row(15, "AES-MAC 256/64", Method::AesMac(32, 8)),
    row(24, "ChaCha20/Poly1305", Method::Aead(Aead::ChaCha20Poly1305)),
    row(25, "AES-MAC 128/128", Method::AesMac(16, 16)),
    row(26, "AES-MAC 256/128", Method::AesMac(32, 16)),
    row(30, "AES-CCM-16-128-128", ccm(L16, T128, K128)),
    row(31, "AES-CCM-16-128-256", ccm(L16, T128, K256)),
    row(32, "AES-CCM-64-128-128", ccm(L64, T128, K128)),
    row(33, "AES-CCM-64-128-256", ccm(L64, T128, K256)),
];

impl Algorithm {
    /// Every algorithm that is read, by rising number.
    pub const ALL: &'static [Self] = &ALGORITHMS;

    /// By number.
    #[must_use]
    pub fn from_id(id: i64) -> Option<Self> {
        ALGORITHMS.iter().copied().find(|row| row.id == id)
    }

    /// The number.
    #[must_use]
    pub const fn id(self) -> i64 {
        self.id
    }

    /// The name in the registry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The message that it belongs to.
    #[must_use]
    pub const fn family(self) -> Family {
        match self.method {
            Method::EdDsa | Method::Ecdsa(_) => Family::Signature,
            Method::Hmac(..) | Method::AesMac(..) => Family::Mac,
            Method::Aead(_) => Family::Encryption,
        }
    }

    /// Verifies a signature or a MAC over `structure`.
    pub(super) fn verify(
        self,
        crypto: &dyn Crypto,
        key: &Key,
        structure: &[u8],
        seal: &[u8],
    ) -> Result<(), CoseError> {
        match self.method {
            Method::EdDsa => ed25519(crypto, key, structure, seal),
            Method::Ecdsa(hash) => ecdsa(crypto, hash, key, structure, seal),
            Method::Hmac(hash, tag_len) => {
                offered(crypto, hash_name(hash))?;
                let mac = crypto.hmac(hash, key.symmetric_of_any_length()?, &[structure]);
                same(mac.reveal().get(..tag_len), seal)
            }
            Method::AesMac(key_len, tag_len) => {
                offered(crypto, keys::Algorithm::AesCbcMac)?;
                let mac = crypto.aes_cbc_mac(key.symmetric(key_len)?, &[structure]);
                let mac = mac.map_err(|_| CoseError::BadSignature)?;
                same(mac.reveal().get(..tag_len), seal)
            }
            Method::Aead(_) => Err(CoseError::Malformed),
        }
    }

    /// The cipher, where it is one.
    pub(super) fn aead(self, crypto: &dyn Crypto) -> Result<Aead, CoseError> {
        let Method::Aead(aead) = self.method else { return Err(CoseError::Malformed) };
        offered(crypto, aead.algorithm())?;
        Ok(aead)
    }
}

/// Whether the provider has the algorithm.
fn offered(crypto: &dyn Crypto, algorithm: keys::Algorithm) -> Result<(), CoseError> {
    if crypto.algorithms().contains(&algorithm) { Ok(()) } else { Err(CoseError::AlgorithmUnsupported) }
}

const fn hash_name(hash: HashAlgorithm) -> keys::Algorithm {
    match hash {
        HashAlgorithm::Sha1 => keys::Algorithm::Sha1,
        HashAlgorithm::Sha256 => keys::Algorithm::Sha256,
        HashAlgorithm::Sha384 => keys::Algorithm::Sha384,
        HashAlgorithm::Sha512 => keys::Algorithm::Sha512,
    }
}

/// Compares a MAC with the one received, in constant time.
fn same(mac: Option<&[u8]>, seal: &[u8]) -> Result<(), CoseError> {
    let mac = symbolon_types::Secret::new(mac.ok_or(CoseError::BadSignature)?.to_vec());
    if mac.equals(seal) { Ok(()) } else { Err(CoseError::BadSignature) }
}

fn ed25519(crypto: &dyn Crypto, key: &Key, structure: &[u8], seal: &[u8]) -> Result<(), CoseError> {
    let Key::Ed25519(public) = key else { return Err(CoseError::KeyUnfit) };
    offered(crypto, keys::Algorithm::Ed25519)?;
    let signature = seal.try_into().map_err(|_| CoseError::BadSignature)?;
    crypto.ed25519_verify(public, structure, signature).map_err(|_| CoseError::BadSignature)
}

/// RFC 9053 §2.1 ties no hash to a curve; computed are the pairs that the registries and the published examples have.
fn ecdsa(
    crypto: &dyn Crypto,
    hash: HashAlgorithm,
    key: &Key,
    structure: &[u8],
    seal: &[u8],
) -> Result<(), CoseError> {
    let Key::Ec2 { curve, point } = key else { return Err(CoseError::KeyUnfit) };
    offered(crypto, keys::Algorithm::ecdsa(*curve, hash).ok_or(CoseError::AlgorithmUnsupported)?)?;
    if !curve.takes_form(point) {
        return Err(CoseError::KeyUnfit);
    }
    crypto.ecdsa_verify(*curve, hash, point, structure, seal).map_err(|_| CoseError::BadSignature)
}
