//! Key blocks: a key with what it may be used for, bound together under a key block protection key (X9.143:2021, TR-31:2018, ISO 20038:2017).
//!
//! ```text
//!   header, clear text          │ payload, enciphered           │ MAC
//!   version … optional blocks   │ length in bits ‖ key ‖ random │ over header and payload
//!
//!   bytes ─unwrap─► Opened ─admit─► Admitted ─key::<U>─► Key<U>
//!                                       └──────export──► text          wrap: header, key, padding ─► text
//! ```
//! Versions A and C bind by variants of the key (deprecated: written only where that is asked for), B by keys derived with TDES-CMAC, D with AES-CMAC, E
//! (ISO 20038) as D but in counter mode.
//! **Invariant:** nothing of a payload is looked at before its MAC holds; every wrong MAC is one error. No key and no text of a block is in an error or in
//! debug output.
use crate::usage::{self, Key};
use alloc::{string::String, vec::Vec};
use core::fmt;
use symbolon_types::{CoreRefusal, Secret, hex_upper};
use zeroize::Zeroizing;

mod header;
mod policy;
mod protection;

pub use header::{Exportability, Header, HeaderRead, OptionalBlock, Version};
pub use policy::{Admitted, Operation, WrappedUsage};
pub use protection::{BlockAuthentication, BlockEncryption, protection_keys};

/// The longest block: its length field has four decimal digits.
pub const BLOCK_LEN_MAX: usize = 9999;

/// Why a block was not opened or not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyBlockError {
    /// A field of the text, or of what was to be written, is not one.
    Malformed {
        /// Which.
        field: &'static str,
        /// Where it begins, in characters from the block's first; of what lies in the payload, where that begins.
        offset: usize,
    },
    /// The MAC is not that of this header and payload under this key.
    Mac,
    /// The protection key is not one of this version: triple DES with two or three keys for A, B, C, AES for D, E.
    ProtectionKey,
    /// The key is not of a length that its algorithm has.
    Key,
    /// Versions A and C are deprecated: they are written only where the caller says so.
    Deprecated,
    /// The protection key is weaker than the key (X9.143 §5).
    Weak,
    /// Usage, algorithm and mode do not go together, or do not allow what is asked.
    Usage,
    /// The block says that the key may not be exported.
    NotExportable,
}

impl From<KeyBlockError> for CoreRefusal {
    fn from(error: KeyBlockError) -> Self {
        match error {
            KeyBlockError::Malformed { .. } => Self::Malformed,
            KeyBlockError::Mac => Self::BadSignature,
            KeyBlockError::ProtectionKey | KeyBlockError::Key => Self::KeyUnfit,
            KeyBlockError::Deprecated => Self::AlgorithmUnsupported,
            KeyBlockError::Weak => Self::KeyWeak,
            KeyBlockError::Usage => Self::KeyUsage,
            KeyBlockError::NotExportable => Self::NotExportable,
        }
    }
}

/// Whether the deprecated versions A and C may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deprecated {
    /// They are refused.
    Refuse,
    /// They are written, for a partner that knows nothing else.
    Allow,
}

/// A block whose MAC holds. What its header says has not been judged: see [`Opened::admit`].
pub struct Opened<'a> {
    /// The header, as it stands in the block.
    pub header: Header<'a>,
    /// The key's bytes, at least one.
    pub key: Secret<Vec<u8>>,
    protection_bits: u16,
}

impl fmt::Debug for Opened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("header", &self.header).field("key", &self.key).finish_non_exhaustive()
    }
}

/// Bytes of upper-case hexadecimal text, the one form that a block has (X9.143 §6.1).
fn hex(text: &[u8], field: &'static str, offset: usize) -> Result<Vec<u8>, KeyBlockError> {
    let upper = text.iter().all(header::is_hex_upper);
    let digits = core::str::from_utf8(text).ok().filter(|_| upper);
    digits.and_then(symbolon_types::hex_parse).ok_or(KeyBlockError::Malformed { field, offset })
}

/// Opens a block: the text, the MAC, then the key.
///
/// # Errors
/// [`KeyBlockError::Malformed`], [`KeyBlockError::ProtectionKey`] or [`KeyBlockError::Mac`].
pub fn unwrap<'a>(
    protection_key: &Key<usage::KeyEncryption>,
    block: &'a [u8],
) -> Result<Opened<'a>, KeyBlockError> {
    let read = Header::read(block)?;
    let version = read.header.version;
    if read.stated_len != block.len() {
        return Err(KeyBlockError::Malformed { field: "length", offset: 1 });
    }
    if !read.header_len.is_multiple_of(version.header_multiple()) {
        return Err(KeyBlockError::Malformed { field: "optional blocks", offset: 16 });
    }
    let keys = protection::Protection::new(version, protection_key)?;
    let at = read.header_len;
    let payload_wrong = KeyBlockError::Malformed { field: "payload", offset: at };
    let (header_text, body) = block.split_at_checked(at).ok_or(payload_wrong)?;
    let payload_chars = body.len().checked_sub(version.mac_len().saturating_mul(2)).ok_or(payload_wrong)?;
    let (payload, mac) = body.split_at_checked(payload_chars).ok_or(payload_wrong)?;
    let payload = hex(payload, "payload", at)?;
    let mac = hex(mac, "MAC", at.saturating_add(payload_chars))?;
    if payload.len() <= 2 || !payload.len().is_multiple_of(version.payload_multiple()) {
        return Err(payload_wrong);
    }
    let clear = keys.open(header_text, payload, &mac)?;
    let key = payload_key(&clear).ok_or(KeyBlockError::Malformed { field: "key length", offset: at })?;
    let protection_bits = protection_key.algorithm().strength_bits();
    Ok(Opened { header: read.header, key: Secret::new(key.to_vec()), protection_bits })
}

/// The key in a clear payload: its length in bits stands before it.
fn payload_key(clear: &[u8]) -> Option<&[u8]> {
    let (bits, rest) = clear.split_first_chunk::<2>()?;
    let bits = usize::from(u16::from_be_bytes(*bits));
    if bits == 0 || !bits.is_multiple_of(8) {
        return None;
    }
    rest.get(..bits.checked_div(8)?)
}

/// How many random bytes must follow a key of `key_len` bytes so that its length does not show among those of up to `masked_len` (X9.143 §6.1); with
/// `masked_len` 0, the fewest.
#[must_use]
pub fn padding_len(version: Version, key_len: usize, masked_len: usize) -> usize {
    let end = key_len.max(masked_len).saturating_add(2);
    let payload = end.checked_next_multiple_of(version.payload_multiple()).unwrap_or(end);
    payload.saturating_sub(2).saturating_sub(key_len)
}

/// The length of an algorithm's longest key, in bytes, to which X9.143 §6.1 has shorter ones filled up; of other algorithms 0.
#[must_use]
pub const fn masked_len(algorithm: char) -> usize {
    match algorithm {
        'T' => 24,
        'A' => 32,
        _ => 0,
    }
}

/// Makes a block. `padding` is random, its length fills the payload up ([`padding_len`]). The header's length field and its padding block are made here; the
/// rest is as given.
///
/// # Errors
/// [`KeyBlockError`]; also for what [`Opened::admit`] would refuse: such a block is not made.
pub fn wrap(
    protection_key: &Key<usage::KeyEncryption>,
    header: &Header<'_>,
    key: &[u8],
    padding: &[u8],
    deprecated: Deprecated,
) -> Result<String, KeyBlockError> {
    let version = header.version;
    if version.is_deprecated() && deprecated == Deprecated::Refuse {
        return Err(KeyBlockError::Deprecated);
    }
    let keys = protection::Protection::new(version, protection_key)?;
    policy::check(header, key, protection_key.algorithm().strength_bits())?;
    let bits = key.len().checked_mul(8).and_then(|bits| u16::try_from(bits).ok());
    let bits = bits.filter(|bits| *bits > 0).ok_or(KeyBlockError::Key)?;
    let mut clear = Zeroizing::new(Vec::with_capacity(
        key.len().saturating_add(padding.len()).saturating_add(2).min(BLOCK_LEN_MAX),
    ));
    [&bits.to_be_bytes(), key, padding].iter().for_each(|part| clear.extend_from_slice(part));
    let body_len = clear.len().saturating_add(version.mac_len()).saturating_mul(2);
    let mut text = header.encode(body_len)?;
    if !clear.len().is_multiple_of(version.payload_multiple()) {
        return Err(KeyBlockError::Malformed { field: "padding", offset: text.len() });
    }
    let (payload, mac) = keys.seal(text.as_bytes(), &clear)?;
    text.push_str(&hex_upper(&payload));
    text.push_str(&hex_upper(&mac));
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_fills_the_payload_and_masks_the_length() {
        for (version, key_len, masked, expect) in [
            (Version::D, 16, 0, 14),
            (Version::D, 16, 32, 30),
            (Version::D, 32, 32, 14),
            (Version::B, 16, 24, 14),
            (Version::B, 24, 24, 6),
            (Version::A, 16, 0, 6),
            (Version::E, 16, 0, 0),
            (Version::E, 16, 32, 16),
            (Version::D, 14, 0, 0),
        ] {
            assert_eq!(padding_len(version, key_len, masked), expect, "{version:?} {key_len} {masked}");
        }
    }

    #[test]
    fn the_length_of_a_key_must_fit_its_payload() {
        assert_eq!(payload_key(&[0, 8, 7, 9]), Some(&[7][..]));
        for wrong in [&[0][..], &[0, 0, 7], &[0, 7, 7], &[0, 16, 7], &[0xFF, 0xF8, 7]] {
            assert_eq!(payload_key(wrong), None, "{wrong:?}");
        }
    }
}
