//! ECDSA and ECDH of the provider, over the curves of SP 800-186. Nonces are RFC 6979's, by the message's own hash.
//!
//! **Invariant:** a point reaches the arithmetic only when it lies on the curve; these curves have cofactor 1, so no further check is due.
use crate::{CryptoError, Curve, HashAlgorithm};
use alloc::vec::Vec;
use ecdsa::elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use ecdsa::elliptic_curve::{
    AffinePoint, CurveArithmetic, FieldBytes, FieldBytesSize, PublicKey, SecretKey, array::ArraySize,
    ecdh::diffie_hellman,
};
use ecdsa::hazmat::{sign_prehashed_rfc6979, verify_prehashed};
use ecdsa::{EcdsaCurve, Signature, SignatureSize};
use p256::NistP256;
use p384::NistP384;
use p521::NistP521;
use sha2::digest::{Digest, block_api::BlockSizeUser};
use sha2::{Sha256, Sha384, Sha512};
use symbolon_types::Secret;
use zeroize::Zeroizing;

/// What the functions below ask of a curve; all three have it.
trait Arithmetic: EcdsaCurve + CurveArithmetic {}
impl<C: EcdsaCurve + CurveArithmetic> Arithmetic for C {}

fn private_key<C: Arithmetic>(private: &[u8]) -> Result<SecretKey<C>, CryptoError> {
    let bytes = <&FieldBytes<C>>::try_from(private).map_err(|_| CryptoError)?;
    SecretKey::from_bytes(bytes).map_err(|_| CryptoError)
}

fn public_key<C>(curve: Curve, public: &[u8]) -> Result<PublicKey<C>, CryptoError>
where
    C: Arithmetic,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
{
    if !curve.takes_form(public) {
        return Err(CryptoError);
    }
    PublicKey::from_sec1_bytes(public).map_err(|_| CryptoError)
}

fn public_of<C>(private: &[u8]) -> Result<Vec<u8>, CryptoError>
where
    C: Arithmetic,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
{
    Ok(private_key::<C>(private)?.public_key().to_sec1_point(false).as_bytes().to_vec())
}

fn sign_with<C, D>(private: &[u8], message: &[u8]) -> Result<Vec<u8>, CryptoError>
where
    C: Arithmetic,
    SignatureSize<C>: ArraySize,
    D: Digest + BlockSizeUser,
{
    let scalar = Zeroizing::new(private_key::<C>(private)?.to_nonzero_scalar());
    let (signature, _) = sign_prehashed_rfc6979::<C, D>(&scalar, &D::digest(message), &[]);
    Ok(signature.to_bytes().to_vec())
}

fn verify_with<C, D>(curve: Curve, public: &[u8], message: &[u8], signature: &[u8]) -> Result<(), CryptoError>
where
    C: Arithmetic,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    SignatureSize<C>: ArraySize,
    D: Digest,
{
    let key = public_key::<C>(curve, public)?;
    let signature = Signature::<C>::from_slice(signature).map_err(|_| CryptoError)?;
    verify_prehashed(&key.to_projective(), &D::digest(message), &signature).map_err(|_| CryptoError)
}

pub(super) fn public(curve: Curve, private: &[u8]) -> Result<Vec<u8>, CryptoError> {
    match curve {
        Curve::P256 => public_of::<NistP256>(private),
        Curve::P384 => public_of::<NistP384>(private),
        Curve::P521 => public_of::<NistP521>(private),
    }
}

pub(super) fn sign(
    curve: Curve,
    hash: HashAlgorithm,
    private: &[u8],
    message: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    match (curve, hash) {
        (Curve::P256, HashAlgorithm::Sha256) => sign_with::<NistP256, Sha256>(private, message),
        (Curve::P256, HashAlgorithm::Sha512) => sign_with::<NistP256, Sha512>(private, message),
        (Curve::P384, HashAlgorithm::Sha384) => sign_with::<NistP384, Sha384>(private, message),
        (Curve::P521, HashAlgorithm::Sha512) => sign_with::<NistP521, Sha512>(private, message),
        _ => Err(CryptoError),
    }
}

pub(super) fn verify(
    curve: Curve,
    hash: HashAlgorithm,
    public: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), CryptoError> {
    match (curve, hash) {
        (Curve::P256, HashAlgorithm::Sha256) => {
            verify_with::<NistP256, Sha256>(curve, public, message, signature)
        }
        (Curve::P256, HashAlgorithm::Sha512) => {
            verify_with::<NistP256, Sha512>(curve, public, message, signature)
        }
        (Curve::P384, HashAlgorithm::Sha384) => {
            verify_with::<NistP384, Sha384>(curve, public, message, signature)
        }
        (Curve::P521, HashAlgorithm::Sha512) => {
            verify_with::<NistP521, Sha512>(curve, public, message, signature)
        }
        _ => Err(CryptoError),
    }
}

pub(super) fn p256_ecdh(private: &[u8; 32], public: &[u8]) -> Result<Secret<[u8; 32]>, CryptoError> {
    let (private, public) = (private_key::<NistP256>(private)?, public_key::<NistP256>(Curve::P256, public)?);
    let scalar = Zeroizing::new(private.to_nonzero_scalar());
    let shared = diffie_hellman(&*scalar, public.as_affine());
    Ok(Secret::new((*shared.raw_secret_bytes()).into()))
}
