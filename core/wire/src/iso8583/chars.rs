//! Which characters a field may have, checked eight bytes a step; code page 037; hexadecimal and packed digits.
//!
//! **Invariant:** a check looks at every byte that it is given.

/// What the bytes of a field are checked against. One check holds for the fields of a whole stretch of the message, if they share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// Any bytes.
    Free,
    /// ASCII digits.
    Digits,
    /// ASCII 20 to 7E.
    Printable,
    /// Digits of code page 037.
    EbcdicDigits,
    /// Two decimal digits a byte.
    Packed,
    /// Two characters of tracks 2 and 3 a byte: digits, and D for the separator.
    PackedTrack,
    /// Tracks 2 and 3 in ASCII: digits, and the separator as `=` or as D.
    Track,
    /// ASCII characters of these groups.
    Groups(u8),
    /// Characters of code page 037 of these groups.
    EbcdicGroups(u8),
    /// A sign and ASCII digits.
    Signed,
    /// A sign and digits of code page 037.
    EbcdicSigned,
    /// An ASCII sign and packed digits.
    PackedSigned,
}

/// Groups of characters.
pub(super) const DIGIT: u8 = 1;
/// A to Z, a to z.
pub(super) const LETTER: u8 = 2;
/// The blank: fields with letters are left justified and filled up with it.
pub(super) const BLANK: u8 = 4;
/// The other printable characters.
pub(super) const SPECIAL: u8 = 8;
/// What tracks 2 and 3 have beside digits: the separator, as `=` or as D.
pub(super) const SEPARATOR: u8 = 16;
/// 0 to 9, A to F.
pub(super) const UPPER_HEX: u8 = 32;
/// The sign of an amount: C for a credit, D for a debit; and 0, as published samples have it.
const SIGN: u8 = 64;

/// The groups of each ASCII character; none for control characters and above 7E.
const GROUPS: [u8; 256] = groups();

const fn groups_of(byte: u8) -> u8 {
    let kind = match byte {
        b'0'..=b'9' => DIGIT,
        b'A'..=b'Z' | b'a'..=b'z' => LETTER,
        b' ' => BLANK,
        0x21..=0x7E => SPECIAL,
        _ => 0,
    };
    let separator = if matches!(byte, b'=' | b'D') { SEPARATOR } else { 0 };
    let hex = if matches!(byte, b'0'..=b'9' | b'A'..=b'F') { UPPER_HEX } else { 0 };
    let sign = if matches!(byte, b'C' | b'D' | b'0') { SIGN } else { 0 };
    kind | separator | hex | sign
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, with an index below 256")]
const fn groups() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte: u8 = 0;
    loop {
        table[const_index(byte)] = groups_of(byte);
        match byte.checked_add(1) {
            Some(next) => byte = next,
            None => return table,
        }
    }
}

#[expect(clippy::as_conversions, reason = "widening; `From` is not const")]
const fn const_index(byte: u8) -> usize {
    byte as usize
}

fn at(table: &[u8; 256], byte: u8) -> u8 {
    table.get(usize::from(byte)).copied().unwrap_or(0)
}

const LOW: u64 = 0x0F0F_0F0F_0F0F_0F0F;
const CARRY: u64 = 0x1010_1010_1010_1010;
const SIXES: u64 = 0x0606_0606_0606_0606;
const TOP: u64 = 0x8080_8080_8080_8080;
const ONES: u64 = 0x0101_0101_0101_0101;

/// Bits that are set where a byte is no digit of this zone (30: ASCII, F0: EBCDIC).
fn no_digit(eight: u64, zone: u64) -> u64 {
    ((eight & !LOW) ^ zone) | ((eight & LOW).wrapping_add(SIXES) & CARRY)
}

fn no_ascii_digit(eight: u64) -> u64 {
    no_digit(eight, 0x3030_3030_3030_3030)
}

fn no_ebcdic_digit(eight: u64) -> u64 {
    no_digit(eight, 0xF0F0_F0F0_F0F0_F0F0)
}

fn no_packed(eight: u64) -> u64 {
    ((eight & LOW).wrapping_add(SIXES) | ((eight >> 4) & LOW).wrapping_add(SIXES)) & CARRY
}

/// A carry goes only where a bit is set already.
fn no_printable(eight: u64) -> u64 {
    (eight | eight.wrapping_add(ONES) | !eight.wrapping_add(ONES.wrapping_mul(0x60))) & TOP
}

/// A byte below 80 that is neither a digit, nor `=`, nor D keeps its top bit, and so does one from 80 on.
fn no_track(eight: u64) -> u64 {
    let low = eight & !TOP;
    let other_than = |byte: u64| (low ^ ONES.wrapping_mul(byte)).wrapping_add(!TOP);
    let from = |byte: u64| low.wrapping_add(ONES.wrapping_mul(0x80_u64.wrapping_sub(byte)));
    let digit = from(0x30) & !from(0x3A);
    (eight | !digit & other_than(0x3D) & other_than(0x44)) & TOP
}

/// Whether `bad` finds nothing. The last eight bytes are looked at as they are, also where this looks at some twice; fewer than eight are
/// filled up with `good`.
#[inline(always)]
fn clean(bytes: &[u8], good: u8, bad: impl Fn(u64) -> u64) -> bool {
    let Some(last) = bytes.last_chunk::<8>() else {
        let filled = u64::from(good).wrapping_mul(ONES);
        return bad(bytes.iter().fold(filled, |eight, byte| eight << 8 | u64::from(*byte))) == 0;
    };
    let (eights, _) = bytes.as_chunks::<8>();
    let found = eights
        .iter()
        .fold(bad(u64::from_le_bytes(*last)), |found, eight| found | bad(u64::from_le_bytes(*eight)));
    found == 0
}

impl Check {
    /// Whether all bytes have what is asked for.
    #[inline(never)]
    pub(super) fn holds(self, bytes: &[u8]) -> bool {
        match self {
            Self::Free => true,
            Self::Digits => clean(bytes, b'0', no_ascii_digit),
            Self::Printable => clean(bytes, b'0', no_printable),
            Self::EbcdicDigits => clean(bytes, 0xF0, no_ebcdic_digit),
            Self::Packed => clean(bytes, 0, no_packed),
            Self::Track => clean(bytes, b'0', no_track),
            Self::PackedTrack => bytes.iter().all(|byte| track_digit(byte >> 4) && track_digit(byte & 0x0F)),
            Self::Groups(groups) => bytes.iter().all(|byte| at(&GROUPS, *byte) & groups != 0),
            Self::EbcdicGroups(groups) => {
                bytes.iter().all(|byte| at(&GROUPS, ascii_of_037(*byte)) & groups != 0)
            }
            Self::Signed => signed(bytes, Some, Self::Digits),
            Self::EbcdicSigned => signed(bytes, |sign| Some(ascii_of_037(sign)), Self::EbcdicDigits),
            Self::PackedSigned => signed(bytes, Some, Self::Packed),
        }
    }

    /// Whether a length prefix in `prefix`'s digits satisfies this check too, so that it need not end a stretch.
    pub(super) fn takes_digits_of(self, prefix: Self) -> bool {
        match (self, prefix) {
            (Self::Digits | Self::Printable | Self::Track, Self::Digits)
            | (Self::EbcdicDigits, Self::EbcdicDigits)
            | (Self::Packed, Self::Packed) => true,
            (Self::Groups(groups), Self::Digits) | (Self::EbcdicGroups(groups), Self::EbcdicDigits) => {
                groups & DIGIT != 0
            }
            _ => false,
        }
    }

    /// Whether it holds for each field by itself only.
    pub(super) fn alone(self) -> bool {
        matches!(self, Self::Signed | Self::EbcdicSigned | Self::PackedSigned)
    }
}

fn track_digit(nibble: u8) -> bool {
    nibble <= 9 || nibble == 0x0D
}

fn signed(bytes: &[u8], ascii: impl Fn(u8) -> Option<u8>, digits: Check) -> bool {
    bytes.split_first().is_some_and(|(sign, rest)| {
        ascii(*sign).is_some_and(|sign| at(&GROUPS, sign) & SIGN != 0) && digits.holds(rest)
    })
}

/// The ASCII character; 0 where there is none.
#[inline]
pub(super) fn ascii_of_037(byte: u8) -> u8 {
    at(&ASCII_OF_037, byte)
}

/// The byte of code page 037 of a printable ASCII character.
#[inline]
pub(super) fn of_ascii_037(byte: u8) -> u8 {
    OF_ASCII_037.get(usize::from(byte)).copied().unwrap_or(0)
}

/// The character of a half-byte: D is the separator, which ISO/IEC 7813 writes `=`; 0 for another that is no digit.
#[inline]
pub(super) fn packed_char(nibble: u8) -> u8 {
    match nibble & 0x0F {
        0x0D => b'=',
        digit => digit | b'0',
    }
}

/// The half-byte of a digit or of the separator.
#[inline]
pub(super) fn packed_nibble(character: u8) -> u8 {
    match character {
        b'=' | b'D' => 0x0D,
        digit => digit & 0x0F,
    }
}

/// The upper-case digit of a half-byte.
#[inline]
pub(super) fn hex_digit(nibble: u8) -> u8 {
    match nibble & 0x0F {
        low @ 0..=9 => low.wrapping_add(b'0'),
        high => high.wrapping_add(b'A'.wrapping_sub(10)),
    }
}

/// The half-byte of an upper-case hexadecimal digit; only for what [`Check`] has found to be one.
#[inline]
pub(super) fn hex_nibble(digit: u8) -> u8 {
    if digit >= b'A' { digit.wrapping_sub(b'A'.wrapping_sub(10)) & 0x0F } else { digit & 0x0F }
}

/// Eight upper-case hexadecimal digits; `None` if one is not.
#[inline]
fn hex_32(digits: [u8; 8]) -> Option<u64> {
    let eight = u64::from_be_bytes(digits);
    // 1 in the bytes that are to be letters: 40 is set in A to F and not in 0 to 9.
    let letter = (eight >> 6) & ONES;
    let low = eight & LOW;
    let zone = (eight & !LOW) ^ ONES.wrapping_mul(0x30).wrapping_add(letter.wrapping_mul(0x10));
    // Above 9, and above F (6) for letters, overflows into the zone; the letter @ is 0.
    let high = low.wrapping_add(SIXES).wrapping_add(letter.wrapping_mul(3)) & CARRY;
    let none = (low.wrapping_add(letter.wrapping_mul(0x0F)) & CARRY) ^ letter.wrapping_mul(0x10);
    if zone | high | none & letter.wrapping_mul(0x10) != 0 {
        return None;
    }
    let nibbles = low.wrapping_add(letter.wrapping_mul(9));
    let pairs = (nibbles | nibbles >> 4) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs | pairs >> 8) & 0x0000_FFFF_0000_FFFF;
    Some((fours | fours >> 16) & 0xFFFF_FFFF)
}

/// Sixteen upper-case hexadecimal digits; `None` if one is not.
#[inline]
pub(super) fn hex_64(digits: &[u8; 16]) -> Option<u64> {
    let (halves, _) = digits.as_chunks::<8>();
    match halves {
        [high, low] => Some(hex_32(*high)? << 32 | hex_32(*low)?),
        _ => None,
    }
}

/// Eight upper-case hexadecimal digits of the lower 32 bits.
#[inline]
fn hex_of_32(word: u64) -> u64 {
    let fours = (word | word << 16) & 0x0000_FFFF_0000_FFFF;
    let pairs = (fours | fours << 8) & 0x00FF_00FF_00FF_00FF;
    let nibbles = (pairs | pairs << 4) & LOW;
    // 1 where the half-byte is above 9: A follows 9 by 8.
    let letter = (nibbles.wrapping_add(SIXES) & CARRY) >> 4;
    nibbles.wrapping_add(ONES.wrapping_mul(0x30)).wrapping_add(letter.wrapping_mul(7))
}

/// Sixteen upper-case hexadecimal digits.
#[inline]
pub(super) fn hex_of_64(word: u64) -> [u8; 16] {
    let digits = u128::from(hex_of_32(word >> 32)) << 64 | u128::from(hex_of_32(word & 0xFFFF_FFFF));
    digits.to_be_bytes()
}

/// Code page 037 to ASCII; 0 where the character is not one of 20 to 7E.
#[rustfmt::skip]
pub(super) const ASCII_OF_037: [u8; 256] = [
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x2E, 0x3C, 0x28, 0x2B, 0x7C,
    0x26, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x21, 0x24, 0x2A, 0x29, 0x3B, 0x00,
    0x2D, 0x2F, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x2C, 0x25, 0x5F, 0x3E, 0x3F,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x60, 0x3A, 0x23, 0x40, 0x27, 0x3D, 0x22,
    0x00, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x6F, 0x70, 0x71, 0x72, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x7E, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x5E, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x5B, 0x5D, 0x00, 0x00, 0x00, 0x00,
    0x7B, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x7D, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F, 0x50, 0x51, 0x52, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x5C, 0x00, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
];

/// ASCII to code page 037; 0 below 20 and for 7F.
#[rustfmt::skip]
pub(super) const OF_ASCII_037: [u8; 128] = [
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x40, 0x5A, 0x7F, 0x7B, 0x5B, 0x6C, 0x50, 0x7D, 0x4D, 0x5D, 0x5C, 0x4E, 0x6B, 0x60, 0x4B, 0x61,
    0xF0, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8, 0xF9, 0x7A, 0x5E, 0x4C, 0x7E, 0x6E, 0x6F,
    0x7C, 0xC1, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xD1, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6,
    0xD7, 0xD8, 0xD9, 0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xBA, 0xE0, 0xBB, 0xB0, 0x6D,
    0x79, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x91, 0x92, 0x93, 0x94, 0x95, 0x96,
    0x97, 0x98, 0x99, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xA9, 0xC0, 0x4F, 0xD0, 0xA1, 0x00,
];

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// Each check beside the plain rule for one byte, for every byte, at every place of stretches of 1 to 40 bytes.
    #[test]
    fn a_check_finds_a_bad_byte_at_every_place() {
        type Rule = fn(u8) -> bool;
        let rules: [(Check, Rule, u8); 8] = [
            (Check::Digits, |byte| byte.is_ascii_digit(), b'7'),
            (Check::Printable, |byte| (0x20..=0x7E).contains(&byte), b'~'),
            (Check::EbcdicDigits, |byte| (0xF0..=0xF9).contains(&byte), 0xF9),
            (Check::Packed, |byte| byte >> 4 <= 9 && byte & 15 <= 9, 0x99),
            (
                Check::PackedTrack,
                |byte| [byte >> 4, byte & 15].iter().all(|half| *half <= 9 || *half == 13),
                0x9D,
            ),
            (Check::Track, |byte| byte.is_ascii_digit() || matches!(byte, b'=' | b'D'), b'='),
            (Check::Groups(UPPER_HEX), |byte| b"0123456789ABCDEF".contains(&byte), b'F'),
            (Check::EbcdicGroups(DIGIT | LETTER), |byte| ascii_of_037(byte).is_ascii_alphanumeric(), 0xC1),
        ];
        for (check, rule, good) in rules {
            for length in 0..=40 {
                let mut bytes = alloc::vec![good; length];
                assert!(check.holds(&bytes), "{check:?} {length}");
                for at in 0..length {
                    for byte in 0..=255 {
                        bytes[at] = byte;
                        assert_eq!(check.holds(&bytes), rule(byte), "{check:?} {length} {at} {byte}");
                    }
                    bytes[at] = good;
                }
            }
        }
    }

    #[test]
    fn a_sign_comes_first_and_once() {
        for (bytes, good) in [
            (&b"C00000001"[..], true),
            (b"D12345678", true),
            (b"000000100", true),
            (b"100000001", false),
            (b"c00000001", false),
            (b"CC0000001", false),
            (b"", false),
        ] {
            assert_eq!(Check::Signed.holds(bytes), good);
            let ebcdic: Vec<u8> = bytes.iter().map(|byte| of_ascii_037(*byte)).collect();
            assert_eq!(Check::EbcdicSigned.holds(&ebcdic), good);
        }
        assert!(Check::PackedSigned.holds(&[b'C', 0x12, 0x34]));
        assert!(!Check::PackedSigned.holds(&[b'C', 0x12, 0x3A]));
    }

    #[test]
    fn hexadecimal_is_upper_case_and_nothing_else() {
        for place in 0..16 {
            for byte in 0..=255 {
                let mut digits = *b"0123456789ABCDEF";
                digits[place] = byte;
                let text = core::str::from_utf8(&digits)
                    .ok()
                    .filter(|text| !text.contains(['+', 'a', 'b', 'c', 'd', 'e', 'f']));
                let plain = text.and_then(|text| u64::from_str_radix(text, 16).ok());
                assert_eq!(hex_64(&digits), plain, "{place} {byte}");
                if let Some(word) = plain {
                    assert_eq!(hex_of_64(word), digits);
                }
            }
        }
    }

    #[test]
    fn code_page_037_is_one_to_one_for_printable_characters() {
        for byte in 0x20..0x7F {
            assert_eq!(ascii_of_037(of_ascii_037(byte)), byte);
        }
        assert_eq!((0..=255).filter(|byte| ascii_of_037(*byte) != 0).count(), 95);
        assert_eq!(
            [b'0', b'A', b'a', b' ', b'^', b'/'].map(of_ascii_037),
            [0xF0, 0xC1, 0x81, 0x40, 0xB0, 0x61]
        );
    }
}
