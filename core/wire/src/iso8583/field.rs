//! One field of a message: its bytes, and its characters one by one, whatever they are coded in.
//!
//! **Invariant:** a field comes from a checked message, so that every character is one of its type; `Debug` shows number and length only.
use super::chars::{ascii_of_037, hex_digit, packed_char};
use super::dialect::{Coding, Kind, Row};
use alloc::string::String;
use alloc::vec::Vec;

/// A field.
#[derive(Clone, Copy)]
pub struct Field<'m> {
    pub(super) number: u8,
    pub(super) row: Row,
    pub(super) units: u16,
    pub(super) data: &'m [u8],
}

impl core::fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}: {}", self.number, self.units)
    }
}

impl<'m> Field<'m> {
    /// Its number.
    #[must_use]
    pub fn number(&self) -> u8 {
        self.number
    }

    /// How many digits, characters or (type b) bytes it has.
    #[must_use]
    pub fn units(&self) -> usize {
        usize::from(self.units)
    }

    /// The bytes as they are sent, without a length prefix.
    #[must_use]
    pub fn wire(&self) -> &'m [u8] {
        self.data
    }

    /// Whether it holds bytes, not characters.
    #[must_use]
    pub fn is_binary(&self) -> bool {
        self.row.kind == Kind::Binary
    }

    /// The characters, if they are sent in ASCII; the bytes, if it holds bytes that are sent as they are.
    #[must_use]
    #[inline]
    pub fn borrowed(&self) -> Option<&'m [u8]> {
        matches!(self.row.coding, Coding::Ascii | Coding::Raw).then_some(self.data)
    }

    /// The characters in ASCII; of a field that holds bytes, their upper-case hexadecimal digits. A separator of a track is `=`.
    #[must_use]
    pub fn chars(&self) -> Chars<'m> {
        let odd = usize::from(self.units & 1);
        let (form, at) = match (self.row.coding, self.row.kind) {
            (Coding::Ascii | Coding::Hex, _) => (Form::Plain, 0),
            (Coding::Ebcdic, _) => (Form::Ebcdic, 0),
            (Coding::BcdLeft, _) => (Form::Packed, odd),
            (Coding::BcdRight, _) => (Form::Packed, 0),
            // The first character is the sign; an even number of units is an odd number of digits, after a zero.
            (Coding::SignBcd, _) => (Form::Signed { filler: 1_usize.saturating_sub(odd) }, 0),
            (Coding::Raw, _) => (Form::Hexadecimal, 0),
        };
        let count = if form == Form::Plain { self.data.len() } else { self.units() };
        let count = if form == Form::Hexadecimal { count.saturating_mul(2) } else { count };
        Chars { data: self.data, form, at, end: at.saturating_add(count) }
    }

    /// The characters as text.
    #[must_use]
    pub fn text(&self) -> String {
        self.chars().map(char::from).collect()
    }

    /// Appends the characters in ASCII; of a field that holds bytes, the bytes.
    pub fn append_to(&self, out: &mut Vec<u8>) {
        match (self.borrowed(), self.is_binary()) {
            (Some(borrowed), _) => out.extend_from_slice(borrowed),
            (None, true) => {
                out.extend(
                    self.data.as_chunks::<2>().0.iter().map(|[high, low]| {
                        super::chars::hex_nibble(*high) << 4 | super::chars::hex_nibble(*low)
                    }),
                )
            }
            (None, false) => out.extend(self.chars()),
        }
    }

    /// The number that the digits write: an amount, a date, an audit number. `None` for other characters, and above 2^64 − 1.
    #[must_use]
    pub fn to_number(&self) -> Option<u64> {
        if self.row.kind != Kind::Numeric {
            return None;
        }
        self.chars().try_fold(0_u64, |sum, digit| {
            sum.checked_mul(10)?.checked_add(u64::from(digit.checked_sub(b'0').filter(|digit| *digit <= 9)?))
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Plain,
    Ebcdic,
    Packed,
    Signed { filler: usize },
    Hexadecimal,
}

/// The characters of a field, in ASCII.
#[derive(Clone)]
pub struct Chars<'m> {
    data: &'m [u8],
    form: Form,
    at: usize,
    end: usize,
}

fn nibble(data: &[u8], at: usize) -> Option<u8> {
    let byte = data.get(at >> 1)?;
    Some(if at & 1 == 0 { byte >> 4 } else { byte & 0x0F })
}

impl Iterator for Chars<'_> {
    type Item = u8;

    #[inline]
    fn next(&mut self) -> Option<u8> {
        if self.at >= self.end {
            return None;
        }
        let at = self.at;
        self.at = at.saturating_add(1);
        match self.form {
            Form::Plain => self.data.get(at).copied(),
            Form::Ebcdic => self.data.get(at).copied().map(ascii_of_037),
            Form::Packed => nibble(self.data, at).map(packed_char),
            Form::Signed { .. } if at == 0 => self.data.first().copied(),
            // The first digit's half-byte is the third: two are the sign's byte.
            Form::Signed { filler } => {
                nibble(self.data, at.saturating_add(filler).saturating_add(1)).map(packed_char)
            }
            Form::Hexadecimal => nibble(self.data, at).map(hex_digit),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end.saturating_sub(self.at);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Chars<'_> {}
