//! The [`Crypto`] trait, its RustCrypto provider, and the algorithms over it.
//!
//! Devices and the simulated world use [`RustCrypto`]; a node may bring a faster provider behind the same trait.
//! **Invariant:** keys and random bytes are arguments; nothing here draws randomness or keeps a key.
#![no_std]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions,
        clippy::arithmetic_side_effects,
        clippy::float_arithmetic
    )
)]
extern crate alloc;

pub mod cipher;
mod crypto;
pub mod cvv;
pub mod des;
pub mod dukpt;
pub mod emv;
mod hkdf;
pub mod keyblock;
mod keypair;
mod otp;
pub mod pinblock;
mod rustcrypto;
mod strict;
pub mod usage;

pub use crypto::{
    Aead, AesCcm, Algorithm, Argon2Cost, CcmKey, CcmNonce, CcmTag, Crypto, CryptoError, Curve, HashAlgorithm,
};
pub use hkdf::{HKDF_LEN_MAX, derive32, hkdf_expand, hkdf_extract, hkdf_label};
pub use keypair::{
    Es256Key, Es256VerifyingKey, KemKey, KemPublic, KeyId, LocalSigner, P256KemKey, P256KemPublic, Signer,
    SigningKey, VerifyingKey,
};
pub use otp::{OcraInput, OcraSuite, OtpError, hotp, ocra, totp};
pub use rustcrypto::RustCrypto;
pub use strict::ed25519_strict;
