//! Fields to bytes: from values that are borrowed, or from a decoded message with some of its fields changed.
//!
//! **Invariant:** what is encoded decodes; after an error the buffer is as it was.
use super::bitmap::Bitmap;
use super::chars::{Check, hex_digit, hex_of_64, of_ascii_037, packed_nibble};
use super::decode::Stretch;
use super::dialect::{BitmapCoding, Coding, Dialect, LengthCoding, Pack, Prefix, Row};
use super::{Field, Iso8583Error, MESSAGE_BYTES_MAX, Message, Mti};
use alloc::vec::Vec;

/// The value of a field.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    /// Characters in ASCII; of a field of type b, the bytes.
    Plain(&'a [u8]),
    /// As in a decoded message, of this or of another dialect.
    Of(Field<'a>),
}

/// The length only.
impl core::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Plain(value) => write!(f, "Plain({})", value.len()),
            Self::Of(field) => write!(f, "Of({field:?})"),
        }
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Plain(value)
    }
}

impl<'a, const LENGTH: usize> From<&'a [u8; LENGTH]> for Value<'a> {
    fn from(value: &'a [u8; LENGTH]) -> Self {
        Self::Plain(value)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Plain(value.as_bytes())
    }
}

impl<'a> From<Field<'a>> for Value<'a> {
    fn from(field: Field<'a>) -> Self {
        Self::Of(field)
    }
}

/// What comes before the fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The message type.
    pub mti: Mti,
    /// At least so many bitmaps are sent, also when the last are empty; as many as the fields need, where that is more. 1 as a rule.
    pub bitmaps_min: u8,
}

impl From<Mti> for Head {
    fn from(mti: Mti) -> Self {
        Self { mti, bitmaps_min: 1 }
    }
}

impl Dialect {
    /// Appends a message with these fields, which rise, to `out`.
    ///
    /// # Errors
    /// [`Iso8583Error`]; `out` is then as it was.
    pub fn encode(
        &self,
        head: impl Into<Head>,
        fields: &[(u8, Value<'_>)],
        out: &mut Vec<u8>,
    ) -> Result<(), Iso8583Error> {
        let begin = out.len();
        let done = self.append(head.into(), fields, out);
        finish(out, begin, done)
    }

    fn append(&self, head: Head, fields: &[(u8, Value<'_>)], out: &mut Vec<u8>) -> Result<(), Iso8583Error> {
        let mut bitmap = Bitmap::default();
        let mut before = 0;
        for (number, _) in fields {
            self.defined(*number)?;
            if *number <= before {
                return Err(Iso8583Error::Order { field: *number });
            }
            before = *number;
            bitmap.insert(*number);
        }
        let begin = out.len();
        self.append_head(head, bitmap, out)?;
        let start = out.len();
        match self.append_all(fields, out, begin) {
            Err(Iso8583Error::Characters { .. }) => {
                // The stretch says no field: each is checked by itself.
                out.truncate(start);
                fields.iter().try_for_each(|(number, value)| self.append_field(*number, *value, out, begin))
            }
            done => done,
        }
    }

    /// Values that are sent as they are go into the buffer first and are checked there, as a decoder does it: a check for each stretch.
    #[inline]
    fn append_all(
        &self,
        fields: &[(u8, Value<'_>)],
        out: &mut Vec<u8>,
        begin: usize,
    ) -> Result<(), Iso8583Error> {
        let mut stretch = Stretch { check: Check::Free, from: out.len() };
        for (number, value) in fields {
            let row = self.row(*number);
            let Value::Plain(plain) = value else {
                stretch.holds(out, out.len(), *number)?;
                self.append_field(*number, *value, out, begin)?;
                stretch = Stretch { check: Check::Free, from: out.len() };
                continue;
            };
            let wrong = Iso8583Error::Length { field: *number, offset: offset(out, begin)? };
            let units = row.units(plain.len()).ok_or(wrong)?;
            let as_it_is = matches!(row.coding, Coding::Ascii | Coding::Raw);
            let check = if as_it_is { row.check } else { Check::Free };
            let at = out.len();
            if check != stretch.check || !row.joins {
                stretch.holds(out, at, *number)?;
                let from = if row.joins { at } else { at.saturating_add(row.prefix_bytes()) };
                stretch = Stretch { check, from };
            }
            row.append_prefix(units, out);
            if as_it_is {
                out.extend_from_slice(plain);
            } else {
                let wrong = Iso8583Error::Characters { field: *number, offset: 0 };
                row.append_plain(plain, out).ok_or(wrong)?;
            }
        }
        stretch.holds(out, out.len(), 0)
    }

    #[inline]
    fn append_head(&self, head: Head, bitmap: Bitmap, out: &mut Vec<u8>) -> Result<(), Iso8583Error> {
        let digits = *head.mti.digits();
        match self.mti.coding {
            Coding::BcdLeft | Coding::BcdRight => pack(digits.into_iter(), out),
            Coding::Ebcdic => out.extend_from_slice(&digits.map(of_ascii_037)),
            _ => out.extend_from_slice(&digits),
        }
        let count = bitmap.needed().max(head.bitmaps_min);
        if count > self.bitmaps {
            return Err(Iso8583Error::BitmapCount { field: if self.bitmaps == 1 { 1 } else { 65 } });
        }
        for word in bitmap.sent(count) {
            match self.bitmap {
                BitmapCoding::Binary => out.extend_from_slice(&word.to_be_bytes()),
                BitmapCoding::Hex => out.extend_from_slice(&hex_of_64(word)),
            }
        }
        Ok(())
    }

    #[inline]
    fn append_field(
        &self,
        number: u8,
        value: Value<'_>,
        out: &mut Vec<u8>,
        begin: usize,
    ) -> Result<(), Iso8583Error> {
        let row = self.defined(number)?;
        let offset = offset(out, begin)?;
        let wrong = Iso8583Error::Length { field: number, offset };
        match value {
            Value::Plain(value) => {
                let units = row.units(value.len()).ok_or(wrong)?;
                row.append_prefix(units, out);
                row.append_plain(value, out).ok_or(Iso8583Error::Characters { field: number, offset })
            }
            Value::Of(field) => {
                let units = row.units(field.units()).ok_or(wrong)?;
                row.append_prefix(units, out);
                row.append_field(&field, out).ok_or(Iso8583Error::Characters { field: number, offset })
            }
        }
    }
}

impl Message<'_> {
    /// Appends this message to `out` with another message type and these changes, which rise: a value puts the field in or replaces it, `None`
    /// takes it out. Fields that are not named are copied as they lie there; the bitmaps are as many as the fields need.
    ///
    /// # Errors
    /// [`Iso8583Error`]; `out` is then as it was.
    pub fn changed(
        &self,
        mti: Mti,
        changes: &[(u8, Option<Value<'_>>)],
        out: &mut Vec<u8>,
    ) -> Result<(), Iso8583Error> {
        let begin = out.len();
        let done = self.append_changed(mti, changes, out);
        finish(out, begin, done)
    }

    fn append_changed(
        &self,
        mti: Mti,
        changes: &[(u8, Option<Value<'_>>)],
        out: &mut Vec<u8>,
    ) -> Result<(), Iso8583Error> {
        let (mut bitmap, mut before, begin) = (self.bitmap, 0, out.len());
        for (number, value) in changes {
            self.dialect.defined(*number)?;
            if *number <= before {
                return Err(Iso8583Error::Order { field: *number });
            }
            before = *number;
            if value.is_some() { bitmap.insert(*number) } else { bitmap.remove(*number) }
        }
        self.dialect.append_head(mti.into(), bitmap, out)?;
        let mut kept = self.starts_from(1);
        for (number, value) in changes {
            let until = self.starts_from(*number);
            out.extend_from_slice(self.bytes.get(kept..until).unwrap_or_default());
            if let Some(value) = value {
                self.dialect.append_field(*number, *value, out, begin)?;
            }
            kept = number.checked_add(1).map_or(self.bytes.len(), |next| self.starts_from(next));
        }
        out.extend_from_slice(self.bytes.get(kept..).unwrap_or_default());
        Ok(())
    }
}

#[inline]
fn offset(out: &[u8], begin: usize) -> Result<u16, Iso8583Error> {
    u16::try_from(out.len().saturating_sub(begin)).map_err(|_| Iso8583Error::TooLarge)
}

fn finish(out: &mut Vec<u8>, begin: usize, done: Result<(), Iso8583Error>) -> Result<(), Iso8583Error> {
    let too_large = out.len().saturating_sub(begin) > MESSAGE_BYTES_MAX;
    let done = if too_large { done.and(Err(Iso8583Error::TooLarge)) } else { done };
    if done.is_err() {
        out.truncate(begin);
    }
    done
}

/// The tens of each number below 100.
const TENS: [u8; 100] = tens();

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, with an index below 100")]
const fn tens() -> [u8; 100] {
    let mut table = [0; 100];
    let (mut number, mut tens, mut ones) = (0_usize, 0_u8, 0_u8);
    while number < 100 {
        table[number] = tens;
        number = number.saturating_add(1);
        (tens, ones) = if ones == 9 { (tens.saturating_add(1), 0) } else { (tens, ones.saturating_add(1)) };
    }
    table
}

/// Two characters a byte; an odd one out is left out.
fn pack(mut chars: impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    while let (Some(high), Some(low)) = (chars.next(), chars.next()) {
        out.push(packed_nibble(high) << 4 | packed_nibble(low));
    }
}

impl Row {
    /// The length, if it is one that the field may have.
    #[inline]
    fn units(&self, length: usize) -> Option<u16> {
        let units = u16::try_from(length).ok()?;
        match self.prefix {
            Prefix::Fixed => units == self.max,
            _ => units <= self.max,
        }
        .then_some(units)
    }

    #[inline]
    fn append_prefix(&self, units: u16, out: &mut Vec<u8>) {
        // At most two digits where a prefix of two is.
        let pair = || {
            let tens = u16::from(TENS.get(usize::from(units)).copied().unwrap_or(0));
            let ones = units.wrapping_sub(tens.wrapping_mul(10));
            [tens.to_le_bytes()[0], ones.to_le_bytes()[0]]
        };
        match self.prefix {
            Prefix::Undefined | Prefix::Fixed => {}
            Prefix::Ascii2 => out.extend_from_slice(&pair().map(|digit| digit | 0x30)),
            Prefix::Bcd2 => out.push(pair()[0] << 4 | pair()[1]),
            _ => self.append_long_prefix(units, out),
        }
    }

    fn append_long_prefix(&self, units: u16, out: &mut Vec<u8>) {
        let digit = |divisor: u16| {
            let digit = units.checked_div(divisor).unwrap_or(0).checked_rem(10).unwrap_or(0);
            digit.to_le_bytes()[0]
        };
        let all = [digit(1000), digit(100), digit(10), digit(1)];
        let last = |count: usize| all.into_iter().skip(4_usize.saturating_sub(count));
        let bytes = self.prefix.bytes();
        match self.prefix {
            Prefix::Any(_, LengthCoding::Binary) => {
                out.extend(units.to_be_bytes().into_iter().skip(2_usize.saturating_sub(bytes)));
            }
            Prefix::Any(_, LengthCoding::Ebcdic) => out.extend(last(bytes).map(|digit| digit | 0xF0)),
            Prefix::Bcd3 | Prefix::Any(_, LengthCoding::Bcd) => pack(last(bytes.saturating_mul(2)), out),
            _ => out.extend(last(bytes).map(|digit| digit | 0x30)),
        }
    }

    /// The characters that its check takes, before they are coded: what is asked of a value in ASCII.
    fn plain_check(&self) -> Check {
        match self.check {
            Check::EbcdicDigits | Check::Packed => Check::Digits,
            Check::PackedTrack => Check::Track,
            Check::EbcdicGroups(groups) => Check::Groups(groups),
            Check::EbcdicSigned | Check::PackedSigned => Check::Signed,
            Check::Groups(super::chars::UPPER_HEX) if self.coding == Coding::Hex => Check::Free,
            other => other,
        }
    }

    #[inline]
    fn append_plain(&self, value: &[u8], out: &mut Vec<u8>) -> Option<()> {
        if !self.plain_check().holds(value) {
            return None;
        }
        match self.coding {
            Coding::Ascii | Coding::Raw => out.extend_from_slice(value),
            Coding::Hex => out.extend(value.iter().flat_map(|byte| [hex_digit(byte >> 4), hex_digit(*byte)])),
            Coding::Ebcdic => out.extend(value.iter().map(|character| of_ascii_037(*character))),
            _ => self.append_packed(value.iter().copied(), value.len(), out),
        }
        Some(())
    }

    /// Characters that were checked, packed.
    fn append_packed(&self, mut chars: impl Iterator<Item = u8>, count: usize, out: &mut Vec<u8>) {
        let digits = match self.pack {
            Pack::SignHalf => {
                out.extend(chars.next());
                count.saturating_sub(1)
            }
            _ => count,
        };
        let filler = (digits & 1 == 1).then_some(b'0');
        match self.pack {
            Pack::HalfRight => pack(chars.chain(filler), out),
            _ => pack(filler.into_iter().chain(chars), out),
        }
    }

    /// A field of a message: as it lies there, where both rows say the same; else by its characters.
    #[inline]
    fn append_field(&self, field: &Field<'_>, out: &mut Vec<u8>) -> Option<()> {
        if self.coding == field.row.coding && self.check == field.row.check {
            out.extend_from_slice(field.data);
            return Some(());
        }
        if field.is_binary() != (self.kind == super::Kind::Binary) {
            return None;
        }
        if let Some(plain) = field.borrowed() {
            return self.append_plain(plain, out);
        }
        // A message from one dialect to another: rare, so that a buffer may be made.
        let mut plain = Vec::new();
        field.append_to(&mut plain);
        self.append_plain(&plain, out)
    }
}
