//! What the fields of a message look like with one party: data, compiled once to a table of rows.
//!
//! ```text
//!   BuiltIn, or a file ─► DialectBuilder: field(number, FieldSpec) … ─build─► Dialect: 193 rows of 10 bytes
//! ```
//! **Invariant:** in a [`Dialect`] every row's type and coding go together, its length fits the digits of its prefix, and bits 1, 65 and 129
//! are no fields where they announce a bitmap.
use super::chars::{BLANK, Check, DIGIT, LETTER, SEPARATOR, SPECIAL, UPPER_HEX};
use super::{FIELD_MAX, Iso8583Error};
use alloc::boxed::Box;

/// The type of a field's characters (ISO 8583:1987 4.3.3, ISO 8583:1993 4.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// n: digits.
    Numeric,
    /// a: letters and blanks.
    Alphabetic,
    /// an, anp: letters, digits and blanks.
    AlphaNumeric,
    /// as: letters, special characters and blanks.
    AlphaSpecial,
    /// ns: digits, special characters and blanks.
    NumericSpecial,
    /// ans: every printable character (20 to 7E of ISO 646).
    AlphaNumericSpecial,
    /// z: tracks 2 and 3 without sentinels: digits and separators.
    Track,
    /// x+n: C or D, then digits.
    SignedAmount,
    /// b: bytes.
    Binary,
}

/// How a field's characters are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// ISO 646, a byte each.
    Ascii,
    /// Code page 037, a byte each.
    Ebcdic,
    /// Two digits a byte; an odd number of them after a zero.
    BcdLeft,
    /// Two digits a byte; an odd number of them before a zero.
    BcdRight,
    /// The sign in ASCII, then two digits a byte.
    SignBcd,
    /// Bytes as they are.
    Raw,
    /// Bytes as upper-case hexadecimal digits in ASCII.
    Hex,
}

/// How the length before a field is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LengthCoding {
    /// A digit a byte, ISO 646.
    Ascii,
    /// A digit a byte, code page 037.
    Ebcdic,
    /// Two digits a byte, an odd number of them after a zero.
    Bcd,
    /// One byte for up to two digits, two bytes for more.
    Binary,
}

/// How long a field is, in digits, characters or (type b) bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Always this long; at least 1.
    Fixed(u16),
    /// As long as the prefix says, from nothing on.
    Variable {
        /// Digits of the prefix, 1 to 4.
        digits: u8,
        /// The longest, 1 to what the digits can say.
        max: u16,
        /// How the prefix is sent.
        coding: LengthCoding,
    },
}

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldSpec {
    /// The type of its characters.
    pub kind: Kind,
    /// How they are sent.
    pub coding: Coding,
    /// How many.
    pub length: Length,
}

/// How bitmaps are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitmapCoding {
    /// Eight bytes each.
    Binary,
    /// Sixteen upper-case hexadecimal digits each, in ASCII.
    Hex,
}

/// What a dialect may name a field for, beside what the standard says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The 16 bytes of an AES PIN block (ISO 9564-1 format 4); field 52 has 8.
    AesPinBlock,
    /// The key serial number of the PIN key.
    Ksn,
    /// The key serial number of the MAC key.
    MacKsn,
    /// An account, enciphered.
    AccountData,
}

/// Why data make no dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialectError {
    /// Field 0 is missing, or is not four digits of fixed length.
    MessageType,
    /// One to three bitmaps.
    Bitmaps,
    /// A number that cannot be a field's, or one that a role names and no field has.
    Number(u8),
    /// Type and coding do not go together.
    Coding(u8),
    /// The length is zero, more than the digits can say, or the number of digits is not 1 to 4.
    Length(u8),
}

impl core::fmt::Display for DialectError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::MessageType => f.write_str("field 0 must be four digits (n), of fixed length"),
            Self::Bitmaps => f.write_str("one to three bitmaps: 8, 16 or 24 bytes"),
            Self::Number(number) => write!(f, "field {number}: there can be no such field"),
            Self::Coding(number) => write!(f, "field {number}: its type and its coding do not go together"),
            Self::Length(number) => write!(f, "field {number}: its length does not fit"),
        }
    }
}

impl core::error::Error for DialectError {}

/// How many bytes so many units are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pack {
    One,
    Two,
    HalfLeft,
    HalfRight,
    SignHalf,
}

/// How the length of a field is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prefix {
    Undefined,
    Fixed,
    Ascii2,
    Ascii3,
    Bcd2,
    Bcd3,
    /// Any other: digits and coding.
    Any(u8, LengthCoding),
}

impl Prefix {
    /// How many bytes it has.
    #[inline]
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Undefined | Self::Fixed => 0,
            Self::Ascii2 | Self::Bcd3 => 2,
            Self::Ascii3 => 3,
            Self::Bcd2 => 1,
            Self::Any(digits, LengthCoding::Ascii | LengthCoding::Ebcdic) => usize::from(digits),
            Self::Any(digits, LengthCoding::Bcd | LengthCoding::Binary) => usize::from(digits.div_ceil(2)),
        }
    }
}

/// A field, as the decoder wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) prefix: Prefix,
    pub(super) pack: Pack,
    pub(super) check: Check,
    /// The prefix satisfies the check too, and the check may go over several fields.
    pub(super) joins: bool,
    pub(super) max: u16,
    /// The bytes of a field of fixed length.
    pub(super) fixed_bytes: u16,
    /// Half-bytes a unit, and half-bytes more, so that half of them is the number of bytes.
    halves: u8,
    halves_more: u8,
    pub(super) coding: Coding,
    pub(super) kind: Kind,
}

impl Row {
    pub(super) const UNDEFINED: Self = Self {
        prefix: Prefix::Undefined,
        pack: Pack::One,
        check: Check::Free,
        joins: false,
        max: 0,
        fixed_bytes: 0,
        halves: 2,
        halves_more: 0,
        coding: Coding::Raw,
        kind: Kind::Binary,
    };

    /// How many bytes `units` digits, characters or bytes are.
    #[inline]
    pub(super) fn bytes(&self, units: u16) -> usize {
        usize::from(units).wrapping_mul(usize::from(self.halves)).wrapping_add(usize::from(self.halves_more))
            >> 1
    }

    /// The bytes of the prefix.
    #[inline]
    pub(super) fn prefix_bytes(&self) -> usize {
        self.prefix.bytes()
    }

    /// Whether the half-byte that fills up an odd number of digits is zero.
    #[inline]
    pub(super) fn padded(&self, units: u16, data: &[u8]) -> bool {
        let filler = match self.pack {
            Pack::One | Pack::Two => return true,
            Pack::HalfLeft if units & 1 == 1 => data.first().map(|byte| byte >> 4),
            Pack::HalfRight if units & 1 == 1 => data.last().map(|byte| byte & 0x0F),
            // One sign, so the digits are odd where the units are even.
            Pack::SignHalf if units & 1 == 0 => data.get(1).map(|byte| byte >> 4),
            _ => return true,
        };
        filler.is_none_or(|filler| filler == 0)
    }
}

impl FieldSpec {
    fn row(&self, number: u8) -> Result<Row, DialectError> {
        let (check, pack) = check(self.kind, self.coding).ok_or(DialectError::Coding(number))?;
        if pack == Pack::SignHalf && !matches!(self.length, Length::Fixed(_)) {
            return Err(DialectError::Coding(number));
        }
        let (prefix, max, digits_check) = prefix(self.length).ok_or(DialectError::Length(number))?;
        let joins = !check.alone() && digits_check.is_none_or(|digits| check.takes_digits_of(digits));
        let (halves, halves_more) = match pack {
            Pack::One => (2, 0),
            Pack::Two => (4, 0),
            Pack::HalfLeft | Pack::HalfRight => (1, 1),
            // The sign has a byte, and the digits, one fewer than the units, are rounded up.
            Pack::SignHalf => (1, 2),
        };
        let (coding, kind) = (self.coding, self.kind);
        let row = Row { prefix, pack, check, joins, max, fixed_bytes: 0, halves, halves_more, coding, kind };
        let fixed_bytes = match prefix {
            Prefix::Fixed => u16::try_from(row.bytes(max)).map_err(|_| DialectError::Length(number))?,
            _ => 0,
        };
        Ok(Row { fixed_bytes, ..row })
    }
}

fn check(kind: Kind, coding: Coding) -> Option<(Check, Pack)> {
    let groups = match kind {
        Kind::Numeric => DIGIT,
        Kind::Alphabetic => LETTER | BLANK,
        Kind::AlphaNumeric => LETTER | DIGIT | BLANK,
        Kind::AlphaSpecial => LETTER | SPECIAL | BLANK,
        Kind::NumericSpecial => DIGIT | SPECIAL | BLANK,
        Kind::AlphaNumericSpecial => LETTER | DIGIT | SPECIAL | BLANK,
        Kind::Track => DIGIT | SEPARATOR,
        Kind::SignedAmount | Kind::Binary => 0,
    };
    Some(match (kind, coding) {
        (Kind::Binary, Coding::Raw) => (Check::Free, Pack::One),
        (Kind::Binary, Coding::Hex) => (Check::Groups(UPPER_HEX), Pack::Two),
        (Kind::SignedAmount, Coding::Ascii) => (Check::Signed, Pack::One),
        (Kind::SignedAmount, Coding::Ebcdic) => (Check::EbcdicSigned, Pack::One),
        (Kind::SignedAmount, Coding::SignBcd) => (Check::PackedSigned, Pack::SignHalf),
        (Kind::SignedAmount | Kind::Binary, _) => return None,
        (Kind::Numeric, Coding::BcdLeft) => (Check::Packed, Pack::HalfLeft),
        (Kind::Numeric, Coding::BcdRight) => (Check::Packed, Pack::HalfRight),
        (Kind::Track, Coding::BcdLeft) => (Check::PackedTrack, Pack::HalfLeft),
        (Kind::Track, Coding::BcdRight) => (Check::PackedTrack, Pack::HalfRight),
        (Kind::Numeric, Coding::Ascii) => (Check::Digits, Pack::One),
        (Kind::AlphaNumericSpecial, Coding::Ascii) => (Check::Printable, Pack::One),
        (Kind::Track, Coding::Ascii) => (Check::Track, Pack::One),
        (Kind::Numeric, Coding::Ebcdic) => (Check::EbcdicDigits, Pack::One),
        (_, Coding::Ascii) => (Check::Groups(groups), Pack::One),
        (_, Coding::Ebcdic) => (Check::EbcdicGroups(groups), Pack::One),
        _ => return None,
    })
}

fn prefix(length: Length) -> Option<(Prefix, u16, Option<Check>)> {
    match length {
        Length::Fixed(length) => (length > 0).then_some((Prefix::Fixed, length, None)),
        Length::Variable { digits, max, coding } => {
            let most = 10_u16
                .checked_pow(u32::from(digits))
                .filter(|_| (1..=4).contains(&digits))?
                .saturating_sub(1);
            // A binary byte says no more than 255, and so do two BCD digits 99.
            let most = if coding == LengthCoding::Binary && digits <= 2 { 255 } else { most };
            let most = if coding == LengthCoding::Binary && digits > 2 { 9999 } else { most };
            let prefix = match (coding, digits) {
                (LengthCoding::Ascii, 2) => Prefix::Ascii2,
                (LengthCoding::Ascii, 3) => Prefix::Ascii3,
                (LengthCoding::Bcd, 2) => Prefix::Bcd2,
                (LengthCoding::Bcd, 3) => Prefix::Bcd3,
                _ => Prefix::Any(digits, coding),
            };
            let check = match coding {
                LengthCoding::Ascii => Check::Digits,
                LengthCoding::Ebcdic => Check::EbcdicDigits,
                LengthCoding::Bcd => Check::Packed,
                LengthCoding::Binary => Check::Free,
            };
            (1..=most).contains(&max).then_some((prefix, max, Some(check)))
        }
    }
}

/// The fields that roles name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Roles([Option<u8>; 4]);

impl Roles {
    fn slot(role: Role) -> usize {
        match role {
            Role::AesPinBlock => 0,
            Role::Ksn => 1,
            Role::MacKsn => 2,
            Role::AccountData => 3,
        }
    }

    fn of(&self, role: Role) -> Option<u8> {
        self.0.get(Self::slot(role)).copied().flatten()
    }

    fn set(&mut self, role: Role, number: u8) {
        self.0.get_mut(Self::slot(role)).into_iter().for_each(|slot| *slot = Some(number));
    }

    pub(super) fn names(&self, number: u8) -> bool {
        self.0.contains(&Some(number))
    }
}

/// A dialect in the making.
#[derive(Clone, Debug)]
pub struct DialectBuilder {
    specs: Box<[Option<FieldSpec>; 256]>,
    bitmap: BitmapCoding,
    bitmaps: u8,
    roles: Roles,
}

impl DialectBuilder {
    /// No fields yet; at most so many bitmaps of 64 bits, 1 to 3.
    #[must_use]
    pub fn new(bitmap: BitmapCoding, bitmaps: u8) -> Self {
        Self { specs: Box::new([None; 256]), bitmap, bitmaps, roles: Roles::default() }
    }

    /// Defines a field, in place of what it was; 0 is the message type.
    #[must_use]
    pub fn field(mut self, number: u8, spec: FieldSpec) -> Self {
        self.specs.get_mut(usize::from(number)).into_iter().for_each(|slot| *slot = Some(spec));
        self
    }

    /// Names a field for what the standard has no field for.
    #[must_use]
    pub fn role(mut self, role: Role, number: u8) -> Self {
        self.roles.set(role, number);
        self
    }

    /// The dialect. A field 65 or 129 stays undefined where its bit announces a bitmap, which is always.
    ///
    /// # Errors
    /// [`DialectError`], with the first field that is wrong.
    pub fn build(self) -> Result<Dialect, DialectError> {
        if !(1..=3).contains(&self.bitmaps) {
            return Err(DialectError::Bitmaps);
        }
        let mut rows = Box::new([Row::UNDEFINED; 256]);
        for ((number, spec), row) in (0..=u8::MAX).zip(self.specs.iter()).zip(rows.iter_mut()) {
            let Some(spec) = spec else { continue };
            let compiled = spec.row(number)?;
            let last = self.bitmaps.saturating_mul(64);
            match number {
                0 if spec.kind != Kind::Numeric || spec.length != Length::Fixed(4) => {
                    return Err(DialectError::MessageType);
                }
                65 | 129 => {}
                1 => return Err(DialectError::Number(1)),
                _ if number > FIELD_MAX.min(last) => return Err(DialectError::Number(number)),
                _ => *row = compiled,
            }
        }
        let Some(mti) = rows.first().copied().filter(|row| row.prefix == Prefix::Fixed) else {
            return Err(DialectError::MessageType);
        };
        let undefined =
            |number: &u8| rows.get(usize::from(*number)).is_none_or(|row| row.prefix == Prefix::Undefined);
        if let Some(number) = self.roles.0.iter().flatten().copied().find(undefined) {
            return Err(DialectError::Number(number));
        }
        Ok(Dialect {
            rows,
            mti,
            bitmap: self.bitmap,
            bitmaps: self.bitmaps,
            specs: self.specs,
            roles: self.roles,
        })
    }
}

/// What the fields of a message look like: made once, used for every message.
#[derive(Clone, Debug)]
pub struct Dialect {
    pub(super) rows: Box<[Row; 256]>,
    pub(super) mti: Row,
    pub(super) bitmap: BitmapCoding,
    pub(super) bitmaps: u8,
    specs: Box<[Option<FieldSpec>; 256]>,
    pub(super) roles: Roles,
}

impl Dialect {
    #[inline]
    pub(super) fn row(&self, number: u8) -> &Row {
        self.rows.get(usize::from(number)).unwrap_or(&Row::UNDEFINED)
    }

    /// The row of a field that is defined.
    pub(super) fn defined(&self, number: u8) -> Result<&Row, Iso8583Error> {
        let row = self.row(number);
        match number {
            0 => Err(Iso8583Error::Unknown { field: 0 }),
            _ if row.prefix == Prefix::Undefined => Err(Iso8583Error::Unknown { field: number }),
            _ => Ok(row),
        }
    }

    /// What a field looks like; `None` where it is not defined.
    #[must_use]
    pub fn spec(&self, number: u8) -> Option<&FieldSpec> {
        let spec = self.specs.get(usize::from(number))?.as_ref();
        spec.filter(|_| self.row(number).prefix != Prefix::Undefined)
    }

    /// How bitmaps are sent.
    #[must_use]
    pub fn bitmap_coding(&self) -> BitmapCoding {
        self.bitmap
    }

    /// The field that a role names.
    #[must_use]
    pub fn role(&self, role: Role) -> Option<u8> {
        self.roles.of(role)
    }

    /// A builder that begins with what this dialect is.
    #[must_use]
    pub fn to_builder(&self) -> DialectBuilder {
        DialectBuilder {
            specs: self.specs.clone(),
            bitmap: self.bitmap,
            bitmaps: self.bitmaps,
            roles: self.roles,
        }
    }
}
