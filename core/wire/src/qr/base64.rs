//! Base64 (RFC 4648 §4) with its padding, one text for each byte string.
//!
//! **Invariant:** `encode(&decode(text)?) == text`: bits that carry nothing are zero, padding is there exactly where it belongs (§3.5).
use alloc::{string::String, vec::Vec};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The text of `bytes`, four characters for each three bytes or part of them.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3).saturating_mul(4));
    for group in bytes.chunks(3) {
        let filled = group.iter().copied().chain([0, 0]).take(3);
        let value = filled.fold(0_u32, |value, byte| value << 8 | u32::from(byte));
        let shown = group.len().saturating_add(1);
        for (place, shift) in [18_u32, 12, 6, 0].into_iter().enumerate() {
            let digit = usize::try_from((value >> shift) & 0x3F).unwrap_or(0);
            let character = ALPHABET.get(digit).copied().filter(|_| place < shown).unwrap_or(b'=');
            text.push(char::from(character));
        }
    }
    text
}

/// The bytes of `text`; `None` when it is not what [`encode`] writes.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let (groups, rest) = text.as_bytes().as_chunks::<4>();
    let mut bytes = Vec::with_capacity(groups.len().saturating_mul(3));
    let last = groups.len().checked_sub(1);
    for (at, group) in groups.iter().enumerate() {
        let padding = group.iter().rev().take_while(|&&character| character == b'=').count();
        let value =
            group.iter().take(4_usize.checked_sub(padding)?).try_fold(0_u32, |value, character| {
                let digit = ALPHABET.iter().position(|known| known == character)?;
                Some(value << 6 | u32::try_from(digit).ok()?)
            })?;
        let value = match padding {
            0 => value,
            1 if last == Some(at) => value << 6,
            2 if last == Some(at) => value << 12,
            _ => return None,
        };
        let kept = 3_usize.checked_sub(padding)?;
        let [_, group @ ..] = value.to_be_bytes();
        let (shown, unused) = group.split_at_checked(kept)?;
        if unused.iter().any(|&byte| byte != 0) {
            return None;
        }
        bytes.extend_from_slice(shown);
    }
    rest.is_empty().then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648 §10.
    #[test]
    fn the_rfcs_own_examples_both_ways() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()));
        }
        for text in
            ["Zg", "Zg=", "Zh==", "Zm9=", "Zg==Zg==", "=Zg=", "====", "Zm9 ", "Zm-v", "Zm_v", "Zm9v\n"]
        {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
