//! Identifiers: one newtype each, so that none is passed for another. Shown as upper-case hexadecimal.
use alloc::{string::String, vec::Vec};

/// Defines newtypes over byte arrays: `identifier! { /// what it names  pub struct NonceId([u8; 16]); }`.
#[macro_export]
macro_rules! identifier {
    ($($(#[$meta:meta])* pub struct $name:ident([u8; $len:literal]);)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// The bytes of the identifier.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            /// Reads hexadecimal of either case; `None` when the length or a digit is wrong.
            #[must_use]
            pub fn from_hex(text: &str) -> Option<Self> {
                <[u8; $len]>::try_from($crate::hex_parse(text)?.as_slice()).ok().map(Self)
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(&$crate::hex_upper(&self.0))
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{}({})", stringify!($name), self)
            }
        }
    )*};
}

identifier! {
    /// A SHA-256 digest (FIPS 180-4), 32 bytes.
    pub struct Hash([u8; 32]);
}

impl Hash {
    /// Thirty-two zero bytes: the hash before the first link of a chain.
    pub const ZERO: Self = Self([0; 32]);
}

/// Bytes as upper-case hexadecimal, the form of every byte string that Symbolon prints.
#[must_use]
pub fn hex_upper(bytes: &[u8]) -> String {
    hex_with(bytes, b"0123456789ABCDEF")
}

/// Bytes as lower-case hexadecimal, for the surfaces whose clients expect it.
#[must_use]
pub fn hex_lower(bytes: &[u8]) -> String {
    hex_with(bytes, b"0123456789abcdef")
}

fn hex_with(bytes: &[u8], digits: &[u8; 16]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0F])
        .filter_map(|nibble| digits.get(usize::from(nibble)))
        .map(|&digit| char::from(digit))
        .collect()
}

/// Reads hexadecimal of either case; `None` for an odd length or any other character.
#[must_use]
pub fn hex_parse(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    bytes
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
            _ => None,
        })
        .collect()
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_goes_both_ways_and_refuses_what_is_not_hex() {
        assert_eq!(hex_upper(&[0x00, 0xAB, 0xFF]), "00ABFF");
        assert_eq!(hex_lower(&[0x00, 0xAB, 0xFF]), "00abff");
        assert_eq!(hex_parse("00abFF"), Some(alloc::vec![0x00, 0xAB, 0xFF]));
        for bad in ["0", "0G", "é0", " 0"] {
            assert_eq!(hex_parse(bad), None, "{bad}");
        }
        assert_eq!(Hash::from_hex("00"), None);
    }
}
