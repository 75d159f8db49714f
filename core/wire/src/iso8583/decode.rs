//! Bytes to a message: one pass that finds where each field lies, and one check for each stretch of fields that share a check.
//!
//! ```text
//!   message type ─► bitmaps ─► for each bit: row ─► [length] ─► place ─► … ─► the end is the end of the bytes
//!                                └ the stretch goes on while the check is the same; else it is checked, and another begins
//! ```
//! **Invariant:** a [`Message`] exists only if every field is inside the bytes, has a length and characters that its row allows, and no byte is
//! left over.
use super::bitmap::{Bitmap, FURTHER, Numbers};
use super::chars::{Check, ascii_of_037, hex_64};
use super::dialect::{BitmapCoding, Coding, Dialect, LengthCoding, Pack, Prefix, Row};
use super::field::Field;
use super::{Iso8583Error, MESSAGE_BYTES_MAX, Mti};

/// Where the data of a field begins, and how many units it has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub(super) at: u16,
    pub(super) units: u16,
}

/// Where the fields of a message lie. Made once and used again and again: each decoding writes the places of the fields that are there.
#[derive(Clone)]
pub struct Places([Place; 256]);

impl Places {
    /// Of no message.
    #[must_use]
    pub const fn new() -> Self {
        Self([Place { at: 0, units: 0 }; 256])
    }

    #[inline]
    pub(super) fn of(&self, number: u8) -> Place {
        self.0.get(usize::from(number)).copied().unwrap_or_default()
    }
}

impl Default for Places {
    fn default() -> Self {
        Self::new()
    }
}

/// A message that has been checked. It borrows the bytes and says which fields there are; what they hold is read on demand.
#[derive(Clone, Copy)]
pub struct Message<'m> {
    pub(super) dialect: &'m Dialect,
    pub(super) bytes: &'m [u8],
    pub(super) places: &'m Places,
    pub(super) mti: Mti,
    pub(super) bitmap: Bitmap,
    pub(super) bitmaps: u8,
}

/// The message type, and each field with its length: no value.
impl core::fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} ", self.mti)?;
        f.debug_list().entries(self.fields()).finish()
    }
}

impl<'m> Message<'m> {
    /// The message type.
    #[must_use]
    pub fn mti(&self) -> Mti {
        self.mti
    }

    /// The fields that are there.
    #[must_use]
    pub fn bitmap(&self) -> &Bitmap {
        &self.bitmap
    }

    /// How many bitmaps were sent, 1 to 3; the last may be empty.
    #[must_use]
    pub fn bitmaps(&self) -> u8 {
        self.bitmaps
    }

    /// All bytes.
    #[must_use]
    pub fn bytes(&self) -> &'m [u8] {
        self.bytes
    }

    /// The dialect.
    #[must_use]
    pub fn dialect(&self) -> &'m Dialect {
        self.dialect
    }

    /// The bitmaps as they are sent, each eight bytes, in upper-case hexadecimal.
    #[must_use]
    pub fn bitmap_hex(&self) -> alloc::string::String {
        let words = self.bitmap.sent(self.bitmaps);
        words.flat_map(super::chars::hex_of_64).map(char::from).collect()
    }

    /// A field, if it is there.
    #[must_use]
    #[inline]
    pub fn field(&self, number: u8) -> Option<Field<'m>> {
        self.bitmap.has(number).then(|| self.placed(number))
    }

    /// Each field, rising.
    #[must_use]
    pub fn fields(&self) -> Fields<'m> {
        Fields { message: *self, numbers: self.bitmap.numbers() }
    }

    #[inline]
    fn placed(&self, number: u8) -> Field<'m> {
        let (row, place) = (*self.dialect.row(number), self.places.of(number));
        let data = self.bytes.get(usize::from(place.at)..).unwrap_or_default();
        let data = data.get(..row.bytes(place.units)).unwrap_or_default();
        Field { number, row, units: place.units, data }
    }

    /// Where the bytes of the first field from `number` on begin, its length prefix with them; the end, where there is none.
    pub(super) fn starts_from(&self, number: u8) -> usize {
        let Some(next) = self.bitmap.from(number) else { return self.bytes.len() };
        usize::from(self.places.of(next).at).saturating_sub(self.dialect.row(next).prefix_bytes())
    }
}

/// The fields of a message, rising.
#[derive(Clone, Debug)]
pub struct Fields<'m> {
    message: Message<'m>,
    numbers: Numbers,
}

impl<'m> Iterator for Fields<'m> {
    type Item = Field<'m>;

    fn next(&mut self) -> Option<Field<'m>> {
        self.numbers.next().map(|number| self.message.placed(number))
    }
}

impl Dialect {
    /// Decodes a message that is all of `bytes`.
    ///
    /// # Errors
    /// [`Iso8583Error`], with the first field in which something is wrong.
    pub fn decode<'m>(
        &'m self,
        bytes: &'m [u8],
        places: &'m mut Places,
    ) -> Result<Message<'m>, Iso8583Error> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(Iso8583Error::TooLarge);
        }
        let mut walk = Walk { bytes, at: 0 };
        let mti = self.message_type(&mut walk)?;
        let (bitmap, bitmaps) = self.read_bitmaps(&mut walk)?;
        let begin = walk.at;
        match self.read_fields(bytes, begin, bitmap, &mut places.0) {
            Ok(()) => Ok(Message { dialect: self, bytes, places, mti, bitmap, bitmaps }),
            Err(fault) => Err(self.first_fault(bytes, bitmap, begin, fault)),
        }
    }

    #[inline]
    fn message_type(&self, walk: &mut Walk<'_>) -> Result<Mti, Iso8583Error> {
        let digits = match self.mti.coding {
            Coding::BcdLeft | Coding::BcdRight => {
                let &[high, low] = walk.take::<2>(0)?;
                [high >> 4, high & 0x0F, low >> 4, low & 0x0F].map(|nibble| nibble.wrapping_add(b'0'))
            }
            Coding::Ebcdic => walk.take::<4>(0)?.map(ascii_of_037),
            _ => *walk.take::<4>(0)?,
        };
        Mti::parse(digits).ok_or(Iso8583Error::MessageType)
    }

    #[inline]
    fn read_bitmaps(&self, walk: &mut Walk<'_>) -> Result<(Bitmap, u8), Iso8583Error> {
        let mut bitmap = Bitmap::default();
        for (word, count) in bitmap.words.iter_mut().zip(1_u8..) {
            let read = match self.bitmap {
                BitmapCoding::Binary => u64::from_be_bytes(*walk.take::<8>(1)?),
                BitmapCoding::Hex => {
                    let offset = short(walk.at);
                    let digits = walk.take::<16>(1)?;
                    hex_64(digits).ok_or(Iso8583Error::Bitmap { offset })?
                }
            };
            *word = read & !FURTHER;
            if read & FURTHER == 0 {
                return Ok((bitmap, count));
            }
            if count == self.bitmaps {
                return Err(Iso8583Error::BitmapCount { field: announcing(count) });
            }
        }
        Err(Iso8583Error::BitmapCount { field: announcing(3) })
    }

    /// The hot loop. What it refuses is named by [`Dialect::first_fault`].
    #[inline]
    fn read_fields(
        &self,
        bytes: &[u8],
        begin: usize,
        bitmap: Bitmap,
        places: &mut [Place; 256],
    ) -> Result<(), Iso8583Error> {
        let (mut stretch, mut at) = (Stretch { check: Check::Free, from: begin }, begin);
        let mut first = 1_u8;
        for mut word in bitmap.words {
            while word != 0 {
                let index = word.leading_zeros();
                word &= !FURTHER.wrapping_shr(index);
                // At most 63 is added to at most 129.
                let number = first.wrapping_add(index.to_le_bytes()[0]);
                let row = self.row(number);
                let (data, units, until) = match row.prefix {
                    Prefix::Fixed => (at, row.max, at.wrapping_add(usize::from(row.fixed_bytes))),
                    _ => {
                        let (data, units) = length(bytes, at, number, row)?;
                        (data, units, data.wrapping_add(row.bytes(units)))
                    }
                };
                if row.check != stretch.check || !row.joins {
                    stretch.holds(bytes, at, number)?;
                    stretch = Stretch { check: row.check, from: if row.joins { at } else { data } };
                }
                at = until;
                if at > bytes.len()
                    || row.pack != Pack::One && !row.padded(units, bytes.get(data..at).unwrap_or_default())
                {
                    return Err(Iso8583Error::Truncated { field: number, offset: 0 });
                }
                if let Some(place) = places.get_mut(usize::from(number)) {
                    *place = Place { at: short(data), units };
                }
            }
            first = first.wrapping_add(64);
        }
        if at != bytes.len() {
            return Err(Iso8583Error::Trailing { offset: short(at) });
        }
        stretch.holds(bytes, at, 0)
    }

    /// Walks again, each field checked by itself, until something is wrong: that is named. `fault` is what the fast walk found.
    #[cold]
    fn first_fault(&self, bytes: &[u8], bitmap: Bitmap, begin: usize, fault: Iso8583Error) -> Iso8583Error {
        let mut at = begin;
        for number in bitmap.numbers() {
            match self.check_alone(bytes, at, number) {
                Ok(until) => at = until,
                Err(found) => return found,
            }
        }
        fault
    }

    /// Where the field ends.
    fn check_alone(&self, bytes: &[u8], at: usize, field: u8) -> Result<usize, Iso8583Error> {
        let row = self.defined(field)?;
        let (from, units) = length(bytes, at, field, row)?;
        let until = from.saturating_add(row.bytes(units));
        let data = bytes.get(from..until).ok_or(truncated(bytes, field))?;
        if !row.check.holds(data) {
            return Err(Iso8583Error::Characters { field, offset: short(from) });
        }
        if !row.padded(units, data) {
            return Err(Iso8583Error::Padding { field, offset: short(from) });
        }
        Ok(until)
    }
}

/// An offset, which [`MESSAGE_BYTES_MAX`] bounds to 16 bits.
#[inline]
fn short(offset: usize) -> u16 {
    let [low, high, ..] = offset.to_le_bytes();
    u16::from_le_bytes([low, high])
}

#[cold]
fn truncated(bytes: &[u8], field: u8) -> Iso8583Error {
    Iso8583Error::Truncated { field, offset: short(bytes.len()) }
}

/// Where the data of a field begins whose bytes begin at `at`, and its units; the data itself need not be there.
#[inline]
fn length(bytes: &[u8], at: usize, field: u8, row: &Row) -> Result<(usize, u16), Iso8583Error> {
    let units = match row.prefix {
        Prefix::Fixed => return Ok((at, row.max)),
        Prefix::Undefined => return Err(Iso8583Error::Unknown { field }),
        Prefix::Ascii2 => {
            chunk::<2>(bytes, at).ok_or_else(|| truncated(bytes, field)).map(|digits| decimal(digits, 0x30))
        }
        Prefix::Ascii3 => {
            chunk::<3>(bytes, at).ok_or_else(|| truncated(bytes, field)).map(|digits| decimal(digits, 0x30))
        }
        Prefix::Bcd2 => chunk::<1>(bytes, at).ok_or_else(|| truncated(bytes, field)).map(|pair| packed(pair)),
        Prefix::Bcd3 => {
            chunk::<2>(bytes, at).ok_or_else(|| truncated(bytes, field)).map(|pairs| packed(pairs))
        }
        Prefix::Any(digits, coding) => any_length(bytes, at, field, digits, coding),
    }?;
    let units = units.ok_or(Iso8583Error::LengthPrefix { field, offset: short(at) })?;
    if units > row.max {
        return Err(Iso8583Error::Length { field, offset: short(at) });
    }
    Ok((at.wrapping_add(row.prefix_bytes()), units))
}

#[inline]
fn chunk<const LENGTH: usize>(bytes: &[u8], at: usize) -> Option<&[u8; LENGTH]> {
    bytes.get(at..)?.first_chunk::<LENGTH>()
}

fn any_length(
    bytes: &[u8],
    at: usize,
    field: u8,
    digits: u8,
    coding: LengthCoding,
) -> Result<Option<u16>, Iso8583Error> {
    let length = Prefix::Any(digits, coding).bytes();
    let rest = bytes.get(at..).unwrap_or_default();
    let prefix = rest.get(..length).ok_or_else(|| truncated(bytes, field))?;
    Ok(match coding {
        LengthCoding::Ascii => decimal(prefix, 0x30),
        LengthCoding::Ebcdic => decimal(prefix, 0xF0),
        LengthCoding::Bcd => packed(prefix),
        LengthCoding::Binary => Some(prefix.iter().fold(0, |sum: u16, byte| sum << 8 | u16::from(*byte))),
    })
}

/// The bit that announces the bitmap after the `count`th.
fn announcing(count: u8) -> u8 {
    match count {
        1 => 1,
        2 => 65,
        _ => 129,
    }
}

/// Fields in a row that share a check.
pub(super) struct Stretch {
    pub(super) check: Check,
    pub(super) from: usize,
}

impl Stretch {
    /// Checked as far as `until`; the exact field is found by the walk that follows an error.
    #[inline]
    pub(super) fn holds(&self, bytes: &[u8], until: usize, field: u8) -> Result<(), Iso8583Error> {
        let good = match self.check {
            Check::Free => true,
            check => bytes.get(self.from..until).is_some_and(|bytes| check.holds(bytes)),
        };
        if good { Ok(()) } else { Err(Iso8583Error::Characters { field, offset: 0 }) }
    }
}

/// How far the head is read.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    /// The next bytes; `field` is 0 for the message type and 1 for a bitmap.
    #[inline]
    fn take<const LENGTH: usize>(&mut self, field: u8) -> Result<&'a [u8; LENGTH], Iso8583Error> {
        let taken = chunk::<LENGTH>(self.bytes, self.at).ok_or_else(|| truncated(self.bytes, field))?;
        self.at = self.at.wrapping_add(LENGTH);
        Ok(taken)
    }
}

/// At most four digits of a zone; `None` if one is none.
#[inline]
fn decimal(digits: &[u8], zone: u8) -> Option<u16> {
    digits.iter().try_fold(0_u16, |sum, digit| {
        let digit = digit.wrapping_sub(zone);
        (digit <= 9).then(|| sum.wrapping_mul(10).wrapping_add(u16::from(digit)))
    })
}

/// At most two bytes of two digits; `None` if one is none.
#[inline]
fn packed(bytes: &[u8]) -> Option<u16> {
    bytes.iter().try_fold(0_u16, |sum, byte| {
        let (high, low) = (byte >> 4, byte & 0x0F);
        let pair = u16::from(high).wrapping_mul(10).wrapping_add(u16::from(low));
        (high <= 9 && low <= 9).then(|| sum.wrapping_mul(100).wrapping_add(pair))
    })
}
