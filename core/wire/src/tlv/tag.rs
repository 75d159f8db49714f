//! The tag of a data object (ISO/IEC 8825-1 §8.1.2): class, primitive or constructed, number.
//!
//! **Invariant:** a [`Tag`] holds bytes that a decoder reads as one tag, so what is written with it can be read back.
use super::TlvFault;
use alloc::vec::Vec;

/// The longest tag that is read, in bytes. EMV Book 3 Annex B has one and two; kernels C-2 and C-8 have three.
pub const TAG_BYTES_MAX: usize = 4;

/// A tag, as the number that its bytes are: `9F02`, `DF8129`. `Debug` and `Display` are upper-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(u32);

impl Tag {
    /// `None` unless the number's bytes are one tag.
    #[must_use]
    pub fn new(number: u32) -> Option<Self> {
        let tag = Self(number);
        let bytes = tag.bytes();
        matches!(Self::read(&bytes), Ok((read, len)) if read == tag && len == bytes.len()).then_some(tag)
    }

    /// From hexadecimal of either case; `None` unless it is one tag.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = symbolon_types::hex_parse(text)?;
        let (tag, len) = Self::read(&bytes).ok()?;
        (len == bytes.len()).then_some(tag)
    }

    /// The tag that `bytes` begin with, and how many bytes it has.
    pub(super) fn read(bytes: &[u8]) -> Result<(Self, usize), TlvFault> {
        let (&first, more) = bytes.split_first().ok_or(TlvFault::TagCut)?;
        if first == 0 {
            return Err(TlvFault::Tag);
        }
        if first & 0x1F != 0x1F {
            return Ok((Self(u32::from(first)), 1));
        }
        let mut number = u32::from(first);
        for (before, &byte) in (1_usize..TAG_BYTES_MAX).zip(more) {
            if before == 1 && byte == 0x80 {
                return Err(TlvFault::Tag);
            }
            number = number << 8 | u32::from(byte);
            if byte & 0x80 == 0 {
                return Ok((Self(number), before.saturating_add(1)));
            }
        }
        Err(if bytes.len() >= TAG_BYTES_MAX { TlvFault::Tag } else { TlvFault::TagCut })
    }

    /// The number that the bytes are.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The bytes, one to [`TAG_BYTES_MAX`].
    #[must_use]
    pub fn bytes(self) -> Vec<u8> {
        self.0.to_be_bytes().into_iter().skip_while(|&byte| byte == 0).collect()
    }

    /// Whether the value is made of data objects: bit 6 of the first byte.
    #[must_use]
    pub fn is_constructed(self) -> bool {
        self.bytes().first().is_some_and(|first| first & 0x20 != 0)
    }
}

impl core::fmt::Display for Tag {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.bytes().iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl core::fmt::Debug for Tag {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}
