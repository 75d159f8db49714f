//! Ed25519, X25519, ECDSA and ECDH by aws-lc.
//!
//! **Invariant:** a public key, a private key or a signature has its one length, and a point its form, before aws-lc sees it.
use crate::refused;
use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521, PrivateKey, UnparsedPublicKey, X25519};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
    ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED, ECDSA_P521_SHA512_FIXED_SIGNING, ED25519,
    EcdsaKeyPair, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, Ed25519KeyPair, KeyPair,
};
use symbolon_keys::{CryptoError, Curve, HashAlgorithm};
use symbolon_types::Secret;
use zeroize::Zeroizing;

pub(crate) fn ed25519_public(seed: &[u8; 32]) -> Result<[u8; 32], CryptoError> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(refused)?;
    pair.public_key().as_ref().try_into().map_err(refused)
}

pub(crate) fn ed25519_sign(seed: &[u8; 32], message: &[u8]) -> Result<[u8; 64], CryptoError> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(refused)?;
    pair.try_sign(message).map_err(refused)?.as_ref().try_into().map_err(refused)
}

pub(crate) fn ed25519_verify(
    public: &[u8; 32],
    message: &[u8],
    signature: &[u8; 64],
) -> Result<(), CryptoError> {
    signature::UnparsedPublicKey::new(&ED25519, public).verify(message, signature).map_err(refused)
}

pub(crate) fn x25519_public(private: &[u8; 32]) -> Result<[u8; 32], CryptoError> {
    let key = PrivateKey::from_private_key(&X25519, private).map_err(refused)?;
    key.compute_public_key().map_err(refused)?.as_ref().try_into().map_err(refused)
}

fn agree(
    algorithm: &'static agreement::Algorithm,
    private: &[u8; 32],
    public: &[u8],
) -> Result<Secret<[u8; 32]>, CryptoError> {
    let key = PrivateKey::from_private_key(algorithm, private).map_err(refused)?;
    agreement::agree(&key, UnparsedPublicKey::new(algorithm, public), CryptoError, |shared| {
        shared.try_into().map(Secret::new).map_err(refused)
    })
}

/// aws-lc refuses a result that is all zero.
pub(crate) fn x25519(private: &[u8; 32], public: &[u8; 32]) -> Result<Secret<[u8; 32]>, CryptoError> {
    agree(&X25519, private, public)
}

pub(crate) fn p256_ecdh(private: &[u8; 32], public: &[u8]) -> Result<Secret<[u8; 32]>, CryptoError> {
    if !Curve::P256.takes_form(public) {
        return Err(CryptoError);
    }
    agree(&ECDH_P256, private, public)
}

pub(crate) fn ecdsa_public(curve: Curve, private: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let algorithm = match curve {
        Curve::P256 => &ECDH_P256,
        Curve::P384 => &ECDH_P384,
        Curve::P521 => &ECDH_P521,
    };
    let key = PrivateKey::from_private_key(algorithm, private).map_err(refused)?;
    Ok(key.compute_public_key().map_err(refused)?.as_ref().to_vec())
}

pub(crate) fn ecdsa_signing(curve: Curve, hash: HashAlgorithm) -> Option<&'static EcdsaSigningAlgorithm> {
    match (curve, hash) {
        (Curve::P256, HashAlgorithm::Sha256) => Some(&ECDSA_P256_SHA256_FIXED_SIGNING),
        (Curve::P384, HashAlgorithm::Sha384) => Some(&ECDSA_P384_SHA384_FIXED_SIGNING),
        (Curve::P521, HashAlgorithm::Sha512) => Some(&ECDSA_P521_SHA512_FIXED_SIGNING),
        _ => None,
    }
}

pub(crate) fn ecdsa_verification(
    curve: Curve,
    hash: HashAlgorithm,
) -> Option<&'static EcdsaVerificationAlgorithm> {
    match (curve, hash) {
        (Curve::P256, HashAlgorithm::Sha256) => Some(&ECDSA_P256_SHA256_FIXED),
        (Curve::P384, HashAlgorithm::Sha384) => Some(&ECDSA_P384_SHA384_FIXED),
        (Curve::P521, HashAlgorithm::Sha512) => Some(&ECDSA_P521_SHA512_FIXED),
        _ => None,
    }
}

/// `ECPrivateKey` (RFC 5915 §3) of the version and the private key only: aws-lc knows the curve, and computes the public key once.
fn ec_private_key(curve: Curve, private: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    if private.len() != curve.field_len() {
        return Err(CryptoError);
    }
    // At most 66 bytes, so that every length is one byte.
    let len = u8::try_from(private.len()).map_err(refused)?;
    let head = [0x30, len.saturating_add(5), 0x02, 0x01, 0x01, 0x04, len];
    Ok(Zeroizing::new([head.as_slice(), private].concat()))
}

pub(crate) fn ecdsa_sign(
    algorithm: &'static EcdsaSigningAlgorithm,
    curve: Curve,
    private: &[u8],
    message: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let der = ec_private_key(curve, private)?;
    let pair = EcdsaKeyPair::from_private_key_der(algorithm, &der).map_err(refused)?;
    Ok(pair.sign(&SystemRandom::new(), message).map_err(refused)?.as_ref().to_vec())
}

pub(crate) fn ecdsa_verify(
    algorithm: &'static EcdsaVerificationAlgorithm,
    curve: Curve,
    public: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), CryptoError> {
    if !curve.takes_form(public) || signature.len() != curve.field_len().saturating_mul(2) {
        return Err(CryptoError);
    }
    signature::UnparsedPublicKey::new(algorithm, public).verify(message, signature).map_err(refused)
}
