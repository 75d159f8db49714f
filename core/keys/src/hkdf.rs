//! HKDF with SHA-256 (RFC 5869) over [`Crypto::hmac`], and how Symbolon derives many values from one secret.
//!
//! A derived value's `info` is its length as two bytes, then the label and each part of the context behind its own length as four bytes,
//! all big-endian. **Invariant:** two different (length, label, context) never give the same `info`.
use crate::{Crypto, CryptoError, HashAlgorithm};
use alloc::vec::Vec;
use symbolon_types::Secret;

/// The longest output in bytes: 255 blocks of the hash (RFC 5869 §2.3).
pub const HKDF_LEN_MAX: usize = 255 * 32;

/// HMAC-SHA256 as an array. The conformance suite holds every provider to 32 bytes.
fn hmac32(crypto: &dyn Crypto, key: &[u8], parts: &[&[u8]]) -> Secret<[u8; 32]> {
    let tag = crypto.hmac(HashAlgorithm::Sha256, key, parts);
    let mut block = [0; 32];
    block.iter_mut().zip(tag.reveal()).for_each(|(to, from)| *to = *from);
    Secret::new(block)
}

/// HKDF-Extract (RFC 5869 §2.2). An empty salt is the salt of 32 zero bytes. `ikm` is taken in parts, one after the other.
#[must_use]
pub fn hkdf_extract(crypto: &dyn Crypto, salt: &[u8], ikm: &[&[u8]]) -> Secret<[u8; 32]> {
    hmac32(crypto, salt, ikm)
}

/// HKDF-Expand (RFC 5869 §2.3) to `len` bytes. `info` is taken in parts, one after the other.
///
/// # Errors
/// [`CryptoError`] when `len` is above [`HKDF_LEN_MAX`].
pub fn hkdf_expand(
    crypto: &dyn Crypto,
    prk: &[u8],
    info: &[&[u8]],
    len: usize,
) -> Result<Secret<Vec<u8>>, CryptoError> {
    if len > HKDF_LEN_MAX {
        return Err(CryptoError);
    }
    // Room for the last whole block: the buffer never moves, so no copy of key material stays behind in freed memory.
    let mut okm = Vec::with_capacity(len.saturating_add(32));
    let mut block: Option<Secret<[u8; 32]>> = None;
    for counter in 1..=u8::MAX {
        if okm.len() >= len {
            break;
        }
        let previous: &[u8] = block.as_ref().map_or(&[], |block| block.reveal());
        let counter = [counter];
        let parts: Vec<&[u8]> = [previous].iter().chain(info).copied().chain([counter.as_slice()]).collect();
        let next = hmac32(crypto, prk, &parts);
        okm.extend_from_slice(next.reveal());
        block = Some(next);
    }
    okm.truncate(len);
    Ok(Secret::new(okm))
}

/// One of several values derived from one secret, by its label; `len` bytes. Another label or length gives an unrelated value.
///
/// # Errors
/// [`CryptoError`] when `len` is above [`HKDF_LEN_MAX`].
pub fn hkdf_label(
    crypto: &dyn Crypto,
    secret: &[u8],
    label: &str,
    len: usize,
) -> Result<Secret<Vec<u8>>, CryptoError> {
    let info = framed(u16::try_from(len).map_err(|_| CryptoError)?, label.as_bytes(), &[]);
    let prk = hkdf_extract(crypto, &[], &[secret]);
    hkdf_expand(crypto, prk.reveal(), &[&info], len)
}

/// Thirty-two bytes derived from `secret` for this label and context. With no context it equals [`hkdf_label`] of 32 bytes.
#[must_use]
pub fn derive32(crypto: &dyn Crypto, secret: &[u8], label: &[u8], context: &[&[u8]]) -> Secret<[u8; 32]> {
    let prk = hkdf_extract(crypto, &[], &[secret]);
    // One block of HKDF-Expand: T(1) = HMAC(PRK, info | 0x01).
    hmac32(crypto, prk.reveal(), &[&framed(32, label, context), &[1]])
}

fn framed(len: u16, label: &[u8], context: &[&[u8]]) -> Vec<u8> {
    let mut info = Vec::from(len.to_be_bytes());
    for part in [label].iter().chain(context) {
        info.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        info.extend_from_slice(part);
    }
    info
}
