//! The keys that a message is checked with, by type (RFC 9053 §7).
use super::CoseError;
use alloc::vec::Vec;
use symbolon_keys::Curve;
use symbolon_types::Secret;

/// A key that verifies or decrypts.
#[derive(Clone, Debug)]
pub enum Key {
    /// Symmetric: for MACs and encryption (RFC 9053 §7.3).
    Symmetric(Secret<Vec<u8>>),
    /// EC2: a point of a curve, SEC 1 §2.3.3, compressed or not (RFC 9053 §7.1.1). Whether it is one is seen when it is used.
    Ec2 {
        /// Its curve.
        curve: Curve,
        /// `04 | x | y`, or `02` or `03` and x.
        point: Vec<u8>,
    },
    /// OKP on the curve Ed25519 (RFC 9053 §7.2).
    Ed25519([u8; 32]),
}

impl Key {
    /// The symmetric key of this length.
    pub(super) fn symmetric(&self, len: usize) -> Result<&[u8], CoseError> {
        match self {
            Self::Symmetric(key) if key.reveal().len() == len => Ok(key.reveal()),
            _ => Err(CoseError::KeyUnfit),
        }
    }

    /// The symmetric key, of any length but none: HMAC takes each (RFC 9053 §3.1).
    pub(super) fn symmetric_of_any_length(&self) -> Result<&[u8], CoseError> {
        match self {
            Self::Symmetric(key) if !key.reveal().is_empty() => Ok(key.reveal()),
            _ => Err(CoseError::KeyUnfit),
        }
    }
}
