//! Data object lists (EMV Book 3 §5.4): PDOL, CDOL1, CDOL2, DDOL, TDOL, and DRDOL of kernel C-2. A list of tags, each with a length of one
//! byte and no value; what it asks for is the values put together without tags.
//!
//! **Invariant:** the data that a list is filled with has exactly the length that the list says, whatever values there are.
use super::dictionary::{Format, Kernel, format};
use super::{Tag, TlvError, TlvFault};
use alloc::vec::Vec;

/// The longest list that is read, in bytes (EMV Book 3 Annex A: up to 252; a record has up to 254).
pub const DOL_BYTES_MAX: usize = 255;

/// What a list asks for once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DolEntry {
    /// The data object.
    pub tag: Tag,
    /// How many bytes its value takes, 0 to 255.
    pub length: u8,
}

/// A data object list. `Debug` shows tags and lengths, which is all there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dol(Vec<DolEntry>);

impl Dol {
    /// Reads a list that is all of `bytes`.
    ///
    /// # Errors
    /// [`TlvError`], also for an entry without its length and for a list longer than [`DOL_BYTES_MAX`].
    pub fn parse(bytes: &[u8]) -> Result<Self, TlvError> {
        if bytes.len() > DOL_BYTES_MAX {
            return Err(TlvError { fault: TlvFault::TooMany, offset: DOL_BYTES_MAX });
        }
        let (mut entries, mut rest) = (Vec::new(), bytes);
        while !rest.is_empty() {
            let offset = bytes.len().saturating_sub(rest.len());
            let (tag, len) = Tag::read(rest).map_err(|fault| TlvError { fault, offset })?;
            let after = rest.get(len..).unwrap_or_default();
            let cut = TlvError { fault: TlvFault::LengthCut, offset: offset.saturating_add(len) };
            let (&length, after) = after.split_first().ok_or(cut)?;
            entries.push(DolEntry { tag, length });
            rest = after;
        }
        Ok(Self(entries))
    }

    /// The entries, in order.
    #[must_use]
    pub fn entries(&self) -> &[DolEntry] {
        &self.0
    }

    /// How many bytes the list asks for.
    #[must_use]
    pub fn data_length(&self) -> usize {
        self.0.iter().map(|entry| usize::from(entry.length)).sum()
    }

    /// The data that the list asks for. `value` gives that of a tag where it is known and applies; what is not there, and what is constructed,
    /// becomes zeros. A value longer than asked for loses bytes on the left where it is numeric and on the right otherwise; a shorter one is
    /// filled with zeros on the left where it is numeric, with FF on the right where it is compressed numeric, with zeros on the right
    /// otherwise. Formats are those of `kernel`'s dictionary; what that does not know is binary.
    #[must_use]
    pub fn fill<'v>(&self, kernel: Kernel, value: impl Fn(Tag) -> Option<&'v [u8]>) -> Vec<u8> {
        let mut data = Vec::with_capacity(self.data_length());
        for entry in &self.0 {
            let value = if entry.tag.is_constructed() { None } else { value(entry.tag) };
            fit(&mut data, value, format(kernel, entry.tag), usize::from(entry.length));
        }
        data
    }
}

/// Appends `value` as `length` bytes.
fn fit(data: &mut Vec<u8>, value: Option<&[u8]>, format: Format, length: usize) {
    let Some(value) = value else { return zeros(data, length) };
    let missing = length.saturating_sub(value.len());
    let surplus = value.len().saturating_sub(length);
    if format == Format::N {
        zeros(data, missing);
        data.extend_from_slice(value.get(surplus..).unwrap_or_default());
    } else {
        data.extend_from_slice(value.get(..length).unwrap_or(value));
        let fill = if format == Format::Cn { 0xFF } else { 0 };
        data.extend(core::iter::repeat_n(fill, missing));
    }
}

fn zeros(data: &mut Vec<u8>, count: usize) {
    data.extend(core::iter::repeat_n(0, count));
}
