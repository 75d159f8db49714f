//! Base45 (RFC 9285): two bytes as three characters of the alphanumeric mode of a QR code, the last odd byte as two.
//!
//! **Invariant:** a text that decodes is the one encoding of its bytes: `encode(&decode(text)?) == text`.
use alloc::{string::String, vec::Vec};

/// The alphabet (RFC 9285 table 1), which is the alphanumeric set of ISO/IEC 18004.
pub const ALPHABET: &[u8; 45] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

/// The text is not base45: a character outside the alphabet, a length of 1 modulo 3, or a group above its range (RFC 9285 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// The text of `bytes`, 3 characters for each 2 bytes.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(2).saturating_mul(3));
    let (pairs, last) = bytes.as_chunks::<2>();
    for pair in pairs {
        push(&mut text, u16::from_be_bytes(*pair), 3);
    }
    for byte in last {
        push(&mut text, u16::from(*byte), 2);
    }
    text
}

/// Appends the `digits` base-45 digits of `value`, the least significant first (RFC 9285 §4.2).
fn push(text: &mut String, value: u16, digits: usize) {
    let mut rest = usize::from(value);
    for _ in 0..digits {
        text.extend(ALPHABET.get(rest % 45).map(|&character| char::from(character)));
        rest /= 45;
    }
}

/// The bytes of `text`. Lower case is refused, as everything outside the alphabet is.
///
/// # Errors
/// [`Malformed`].
pub fn decode(text: &str) -> Result<Vec<u8>, Malformed> {
    let (groups, last) = text.as_bytes().as_chunks::<3>();
    let mut bytes = Vec::with_capacity(groups.len().saturating_mul(2).saturating_add(1));
    for group in groups {
        let value = u16::try_from(value(group)?).map_err(|_| Malformed)?;
        bytes.extend_from_slice(&value.to_be_bytes());
    }
    match last {
        [] => {}
        [_, _] => bytes.push(u8::try_from(value(last)?).map_err(|_| Malformed)?),
        _ => return Err(Malformed),
    }
    Ok(bytes)
}

fn value(group: &[u8]) -> Result<u32, Malformed> {
    group
        .iter()
        .rev()
        .try_fold(0u32, |value, character| Ok(value.saturating_mul(45).saturating_add(digit(*character)?)))
}

fn digit(character: u8) -> Result<u32, Malformed> {
    let at = ALPHABET.iter().position(|&known| known == character).ok_or(Malformed)?;
    u32::try_from(at).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_rfc_9285_hold() {
        for (bytes, text) in [
            ("AB", "BB8"),
            ("Hello!!", "%69 VD92EX0"),
            ("base-45", "UJCLQE7W581"),
            ("ietf!", "QED8WEX0"),
            ("", ""),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).unwrap(), bytes.as_bytes());
        }
    }

    #[test]
    fn a_group_above_its_range_is_refused() {
        // RFC 9285 §4.4 and §6: "FGW" is 65535, "GGW" would be 65536; "U5" is 255, "V5" would be 256.
        assert_eq!(decode("FGW").unwrap(), [0xFF, 0xFF]);
        assert_eq!(decode("GGW"), Err(Malformed));
        assert_eq!(decode(":::"), Err(Malformed));
        assert_eq!(decode("U5").unwrap(), [0xFF]);
        assert_eq!(decode("V5"), Err(Malformed));
    }

    #[test]
    fn bad_characters_and_lengths_are_refused() {
        assert!(decode("BB8").is_ok());
        for text in ["bb8", "BB_", "BB\n", "B\u{C4}", "B", "BB8B", "\u{1F511}"] {
            assert_eq!(decode(text), Err(Malformed), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(decode(&encode(&bytes)).unwrap(), bytes);
        }

        #[test]
        fn what_decodes_is_the_one_encoding(text in "[0-9A-Z $%*+./:-]{0,40}") {
            if let Ok(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}
