//! Fields within a field: by position, and by a number and a length. By BER-TLV tag (field 55): [`crate::tlv`].
//!
//! ```text
//!   positions   90:  0200 123456 0109080646 00000000000 00000000000
//!   numbered    48:  01 03 ABC 07 02 XY …      Layout { id_digits: 2, length_digits: 2 }
//! ```
//! **Invariant:** every length is held to what is left before it is used, and an entry has at least the digits of its number, so that reading
//! ends. What is passed on unchanged is the very bytes that were read.
use crate::tlv::unknown::UnknownTags;
use alloc::vec::Vec;
use symbolon_types::CoreRefusal;

/// Why a field has no such fields within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubfieldError {
    /// A number or a length is cut off, is not decimal, or less is left than the length says; the place in the field.
    Malformed {
        /// Where the entry begins.
        offset: usize,
    },
    /// A number that is not known, where such are refused.
    Unknown {
        /// The number.
        id: u16,
    },
    /// A number or a length does not fit its digits, or the layout has none.
    Digits,
}

impl core::fmt::Display for SubfieldError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Malformed { offset } => write!(f, "the entry at byte {offset} of the field is malformed"),
            Self::Unknown { id } => write!(f, "entry {id} is not known"),
            Self::Digits => f.write_str("a number or a length does not fit its digits"),
        }
    }
}

impl core::error::Error for SubfieldError {}

impl From<SubfieldError> for CoreRefusal {
    fn from(error: SubfieldError) -> Self {
        match error {
            SubfieldError::Unknown { .. } => Self::TagUnknown,
            SubfieldError::Malformed { .. } | SubfieldError::Digits => Self::FieldInvalid,
        }
    }
}

/// The parts of a value that have these lengths; `None` unless they are all of it.
#[must_use]
pub fn positions<'a, const COUNT: usize>(
    value: &'a [u8],
    lengths: &[u16; COUNT],
) -> Option<[&'a [u8]; COUNT]> {
    let mut rest = value;
    let mut parts: [&[u8]; COUNT] = [&[]; COUNT];
    for (part, length) in parts.iter_mut().zip(lengths) {
        (*part, rest) = rest.split_at_checked(usize::from(*length))?;
    }
    rest.is_empty().then_some(parts)
}

/// How numbered entries are written: decimal digits in ASCII for the number, then for the length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Digits of the number, 1 to 4.
    pub id_digits: u8,
    /// Digits of the length, 1 to 4.
    pub length_digits: u8,
}

/// One numbered entry. `Debug` shows its number and length.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Subfield<'a> {
    /// Its number.
    pub id: u16,
    /// What it holds.
    pub value: &'a [u8],
    /// Number, length and value as they stood.
    pub raw: &'a [u8],
}

impl core::fmt::Debug for Subfield<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} length {}", self.id, self.value.len())
    }
}

fn decimal(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0_u16, |sum, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        sum.checked_mul(10)?.checked_add(u16::from(digit))
    })
}

impl Layout {
    fn good(self) -> bool {
        (1..=4).contains(&self.id_digits) && (1..=4).contains(&self.length_digits)
    }

    /// The entries of a value, one by one.
    #[must_use]
    pub fn entries(self, value: &[u8]) -> Subfields<'_> {
        Subfields { layout: self, all: value.len(), rest: value }
    }

    /// The entries that `policy` lets through, in order, when these are known: all under `Keep` and `Reemit`, the known ones under `Skip`. What
    /// goes out again is their `raw`, one after the other.
    ///
    /// # Errors
    /// [`SubfieldError::Malformed`]; [`SubfieldError::Unknown`] under `Refuse`.
    pub fn screen<'a>(
        self,
        value: &'a [u8],
        known: &[u16],
        policy: UnknownTags,
    ) -> Result<Vec<Subfield<'a>>, SubfieldError> {
        let mut passed = Vec::new();
        for entry in self.entries(value) {
            let entry = entry?;
            match (known.contains(&entry.id), policy) {
                (true, _) | (false, UnknownTags::Keep | UnknownTags::Reemit) => passed.push(entry),
                (false, UnknownTags::Skip) => {}
                (false, UnknownTags::Refuse) => return Err(SubfieldError::Unknown { id: entry.id }),
            }
        }
        Ok(passed)
    }

    /// Appends an entry.
    ///
    /// # Errors
    /// [`SubfieldError::Digits`]; `out` is then as it was.
    pub fn append(self, id: u16, value: &[u8], out: &mut Vec<u8>) -> Result<(), SubfieldError> {
        let length = u16::try_from(value.len()).map_err(|_| SubfieldError::Digits)?;
        let id = digits(id, self.id_digits).ok_or(SubfieldError::Digits)?;
        let length = digits(length, self.length_digits).ok_or(SubfieldError::Digits)?;
        out.extend(id);
        out.extend(length);
        out.extend_from_slice(value);
        Ok(())
    }
}

/// So many digits; `None` where they do not say the number.
fn digits(number: u16, count: u8) -> Option<impl Iterator<Item = u8>> {
    let most = 10_u16.checked_pow(u32::from(count)).filter(|_| (1..=4).contains(&count))?;
    (number < most).then(|| {
        (0..u32::from(count)).rev().filter_map(move |place| {
            let digit = number.checked_div(10_u16.checked_pow(place)?)?.checked_rem(10)?;
            u8::try_from(digit).ok()?.checked_add(b'0')
        })
    })
}

/// The entries of a value. After an error it ends.
#[derive(Clone, Debug)]
pub struct Subfields<'a> {
    layout: Layout,
    all: usize,
    rest: &'a [u8],
}

impl<'a> Subfields<'a> {
    fn read(&mut self) -> Option<Subfield<'a>> {
        let (id, after) = self.rest.split_at_checked(usize::from(self.layout.id_digits))?;
        let (length, after) = after.split_at_checked(usize::from(self.layout.length_digits))?;
        let (value, after) = after.split_at_checked(usize::from(decimal(length)?))?;
        let raw = self.rest.get(..self.rest.len().saturating_sub(after.len()))?;
        self.rest = after;
        Some(Subfield { id: decimal(id)?, value, raw })
    }
}

impl<'a> Iterator for Subfields<'a> {
    type Item = Result<Subfield<'a>, SubfieldError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        if !self.layout.good() {
            self.rest = &[];
            return Some(Err(SubfieldError::Digits));
        }
        let offset = self.all.saturating_sub(self.rest.len());
        let read = self.read();
        if read.is_none() {
            self.rest = &[];
        }
        Some(read.ok_or(SubfieldError::Malformed { offset }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const TWO: Layout = Layout { id_digits: 2, length_digits: 2 };

    #[test]
    fn a_value_is_cut_where_its_parts_meet() {
        let whole = b"020012345601090806460000000000000000000000";
        let [mti, stan, ..] = positions(whole, &[4, 6, 10, 11, 11]).unwrap();
        assert_eq!((mti, stan), (&b"0200"[..], &b"123456"[..]));
        assert_eq!(positions(whole, &[4, 6, 10, 11, 10]), None);
        assert_eq!(positions(whole, &[4, 6, 10, 11, 12]), None);
    }

    #[test]
    fn numbered_entries_are_read_and_written() {
        let mut out = vec![];
        for (id, value) in [(1, &b"ABC"[..]), (7, b""), (99, b"XY")] {
            TWO.append(id, value, &mut out).unwrap();
        }
        assert_eq!(out, b"0103ABC07009902XY");
        let read: Vec<_> = TWO.entries(&out).map(|entry| entry.unwrap()).collect();
        assert_eq!(
            read.iter().map(|entry| (entry.id, entry.value)).collect::<Vec<_>>(),
            [(1, &b"ABC"[..]), (7, b""), (99, b"XY")]
        );
        for (id, value, layout) in [
            (100, &b""[..], TWO),
            (1, &[b'x'; 100], TWO),
            (1, b"", Layout { id_digits: 0, length_digits: 2 }),
            (1, b"", Layout { id_digits: 5, length_digits: 2 }),
        ] {
            assert_eq!(layout.append(id, value, &mut out), Err(SubfieldError::Digits));
        }
        assert_eq!(out.len(), 17);
    }

    #[test]
    fn what_is_not_known_is_kept_skipped_refused_or_goes_out_again() {
        let value = b"0103ABC0700";
        for (policy, left) in [(UnknownTags::Keep, 2), (UnknownTags::Skip, 1), (UnknownTags::Reemit, 2)] {
            let passed = TWO.screen(value, &[1], policy).unwrap();
            assert_eq!(passed.len(), left);
            let raw: Vec<u8> = passed.iter().flat_map(|entry| entry.raw).copied().collect();
            assert_eq!(raw, &value[..raw.len()]);
            assert_eq!(raw.len() == value.len(), left == 2);
        }
        assert_eq!(TWO.screen(value, &[1], UnknownTags::Refuse), Err(SubfieldError::Unknown { id: 7 }));
        assert_eq!(CoreRefusal::from(SubfieldError::Unknown { id: 7 }), CoreRefusal::TagUnknown);
    }

    #[test]
    fn what_is_cut_or_not_decimal_is_told_by_its_place_once() {
        for (value, offset) in [
            (&b"0103ABC0"[..], 7),
            (b"0103ABC070", 7),
            (b"0104ABC", 0),
            (b"01x3ABC", 0),
            (b"0x03ABC", 0),
            (b"0103ABC0701", 7),
        ] {
            let errors: Vec<_> = TWO.entries(value).filter_map(Result::err).collect();
            assert_eq!(errors, [SubfieldError::Malformed { offset }], "{value:?}");
        }
        let none = Layout { id_digits: 0, length_digits: 0 };
        assert_eq!(none.entries(b"x").collect::<Vec<_>>(), [Err(SubfieldError::Digits)]);
    }
}
