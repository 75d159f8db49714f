//! Merchant-presented QR codes (EMV QR Code Specification, Merchant-Presented Mode 1.1 §3, §4): objects of two digits of id, two digits of
//! length, and a value of so many characters (Unicode scalar values). What each id is, is data: [`table`].
//!
//! ```text
//!   text ─objects─► 00 first, 63 last ─► CRC ─► each id once, mandatory ones there, formats ─► remarks
//! ```
//! Refused is what a reader cannot compute with: structure, a wrong CRC, a mandatory object that is missing, a number, code or amount that is
//! none. Remarked, and read, is what codes in circulation have: text longer than its table says, a fee beside an indicator that excludes it.
//!
//! **Invariant:** `encode(&fields of decode(text)?) == text`: a text that is read has one form, and its CRC is of it.
use super::TEXT_BYTES_MAX;
use alloc::{string::String, vec::Vec};
use symbolon_types::{CoreRefusal, Refused};

pub mod table;

pub use table::{Kind, Rule};

/// How deep templates nest: 62, a payment system's template within it, its objects.
const DEPTH_MAX: usize = 3;

/// Where in the tree: the ids from the root down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place([Option<u8>; DEPTH_MAX]);

impl Place {
    /// The root.
    pub const ROOT: Self = Self([None; DEPTH_MAX]);

    /// One level below.
    #[must_use]
    pub fn below(mut self, id: u8) -> Self {
        if let Some(free) = self.0.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(id);
        }
        self
    }

    fn ids(self) -> impl Iterator<Item = u8> {
        self.0.into_iter().flatten()
    }
}

impl core::fmt::Display for Place {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut dot = "";
        for id in self.ids() {
            write!(f, "{dot}{id:02}")?;
            dot = ".";
        }
        if dot.is_empty() { f.write_str("the payload") } else { Ok(()) }
    }
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MpmFault {
    /// Longer than a symbol holds.
    TooLong,
    /// Two digits of id or two of length are not there.
    Header,
    /// The length is 00, or more than is left; on writing, a value of no or of more than 99 characters.
    Length,
    /// The id is there twice.
    Repeated,
    /// The id must be there and is not; 00 must be first, 63 last.
    Missing,
    /// The value is not of the id's format.
    Format,
    /// The CRC is not that of the text.
    Checksum,
}

/// What is wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MpmError {
    /// What.
    pub fault: MpmFault,
    /// The object, or the template that the trouble is in.
    pub place: Place,
}

impl core::fmt::Display for MpmError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let what = match self.fault {
            MpmFault::TooLong => "longer than a symbol holds",
            MpmFault::Header => "an id or a length is not two digits",
            MpmFault::Length => "a length is 00 or does not fit",
            MpmFault::Repeated => "is there twice",
            MpmFault::Missing => "must be there, and in its place",
            MpmFault::Format => "the value is not of its format",
            MpmFault::Checksum => "the CRC is not that of the text",
        };
        write!(f, "{}: {what}", self.place)
    }
}

impl core::error::Error for MpmError {}

impl From<MpmError> for CoreRefusal {
    fn from(error: MpmError) -> Self {
        match error.fault {
            MpmFault::TooLong | MpmFault::Header | MpmFault::Length => Self::Malformed,
            MpmFault::Repeated | MpmFault::Missing | MpmFault::Format => Self::FieldInvalid,
            MpmFault::Checksum => Self::Checksum,
        }
    }
}

impl From<MpmError> for Refused {
    fn from(error: MpmError) -> Self {
        CoreRefusal::from(error).refused()
    }
}

/// What the table says otherwise, and is read all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The object.
    pub place: Place,
    /// What about it.
    pub what: RemarkKind,
}

/// What a remark is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemarkKind {
    /// The value is longer than the table says.
    TooLong,
    /// It should not be there with this tip or convenience indicator.
    NotWithIndicator,
    /// The template should have a globally unique identifier, id 00.
    NoIdentifier,
    /// The specification has no such value: a point of initiation other than 11 and 12, an amount of zero.
    ValueUnknown,
}

impl core::fmt::Display for Remark {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let what = match self.what {
            RemarkKind::TooLong => "longer than its table says",
            RemarkKind::NotWithIndicator => "does not go with what 55 says",
            RemarkKind::NoIdentifier => "has no globally unique identifier",
            RemarkKind::ValueUnknown => "is a value that the specification does not have",
        };
        write!(f, "{}: {what}", self.place)
    }
}

/// One object. `Debug` shows its id and how many characters it has: a value may be a telephone number.
#[derive(Clone, PartialEq, Eq)]
pub struct Field<'a> {
    /// 0 to 99.
    pub id: u8,
    /// 1 to 99 characters.
    pub value: &'a str,
    /// The objects of a template; empty for anything else.
    pub fields: Vec<Field<'a>>,
}

impl core::fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:02} characters {} {:?}", self.id, self.value.chars().count(), self.fields)
    }
}

/// A payload whose CRC and mandatory objects are right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerchantPresented<'a> {
    /// In order; the last one is 63, the CRC.
    pub fields: Vec<Field<'a>>,
    /// What the table says otherwise.
    pub remarks: Vec<Remark>,
}

impl MerchantPresented<'_> {
    /// The value of an object of the root.
    #[must_use]
    pub fn value(&self, id: u8) -> Option<&str> {
        value(&self.fields, id)
    }
}

fn value<'a>(fields: &[Field<'a>], id: u8) -> Option<&'a str> {
    fields.iter().find(|field| field.id == id).map(|field| field.value)
}

const CRC: u8 = 63;
const CRC_HEADER: &str = "6304";
const CRC_CHARACTERS: usize = 4;

/// CRC-16 of ISO/IEC 13239 as the specification uses it (§4.7.3): polynomial 1021, first value FFFF, no reflection, nothing added.
#[must_use]
pub fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, &byte| {
        let crc = crc ^ (u16::from(byte) << 8);
        (0..8).fold(crc, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 })
    })
}

/// Reads the text of a symbol.
///
/// # Errors
/// [`MpmError`].
pub fn decode(text: &str) -> Result<MerchantPresented<'_>, MpmError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(MpmError { fault: MpmFault::TooLong, place: Place::ROOT });
    }
    let fields = objects(text, Place::ROOT, table::ROOT)?;
    let must = |held: bool, id| {
        let error = MpmError { fault: MpmFault::Missing, place: Place::ROOT.below(id) };
        if held { Ok(()) } else { Err(error) }
    };
    must(fields.first().is_some_and(|first| first.id == 0), 0)?;
    must(fields.last().is_some_and(|last| last.id == CRC), CRC)?;
    check_crc(text)?;
    for rule in table::ROOT.iter().chain([&table::ACCOUNTS]).filter(|rule| rule.mandatory) {
        must(fields.iter().any(|field| rule.is_of(field.id)), rule.ids.0)?;
    }
    let mut remarks = Vec::new();
    check(&fields, Place::ROOT, table::ROOT, &mut remarks)?;
    check_fees(&fields, &mut remarks)?;
    let known = |id, takes: fn(&str) -> bool| value(&fields, id).is_none_or(takes);
    let initiation = known(1, |value| matches!(value, "11" | "12"));
    let amount = known(54, |value| value.bytes().any(|byte| matches!(byte, b'1'..=b'9')));
    for (id, known) in [(1, initiation), (54, amount)] {
        if !known {
            remarks.push(Remark { place: Place::ROOT.below(id), what: RemarkKind::ValueUnknown });
        }
    }
    Ok(MerchantPresented { fields, remarks })
}

/// The text of these objects of the root, in this order: `(id, value)`, a template's value as [`join`] gives it. Without a last object 63 the
/// CRC is appended; with one it must be right.
///
/// # Errors
/// [`MpmError`]: whatever [`decode`] refuses is not written.
pub fn encode(fields: &[(u8, &str)]) -> Result<String, MpmError> {
    let mut text = join(fields)?;
    if fields.last().is_none_or(|last| last.0 != CRC) {
        text.push_str(CRC_HEADER);
        let crc = crc16(text.as_bytes());
        text.push_str(&alloc::format!("{crc:04X}"));
    }
    decode(&text)?;
    Ok(text)
}

/// Objects one after another, without a CRC: the value of a template.
///
/// # Errors
/// [`MpmFault::Length`] for a value that has not 1 to 99 characters, [`MpmFault::Header`] for an id above 99.
pub fn join(fields: &[(u8, &str)]) -> Result<String, MpmError> {
    let mut text = String::new();
    for &(id, value) in fields {
        let place = Place::ROOT.below(id);
        let length = value.chars().count();
        if id > 99 {
            return Err(MpmError { fault: MpmFault::Header, place });
        }
        if !(1..=99).contains(&length) {
            return Err(MpmError { fault: MpmFault::Length, place });
        }
        text.push_str(&alloc::format!("{id:02}{length:02}{value}"));
    }
    Ok(text)
}

/// The first `count` characters, and the rest.
fn split(text: &str, count: usize) -> Option<(&str, &str)> {
    let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    text.split_at_checked(ends.nth(count)?)
}

fn two_digits(text: &str) -> Option<(u8, &str)> {
    let (digits, rest) = text.split_at_checked(2)?;
    let number = digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?;
    number.map(|number| (number, rest))
}

/// All objects of one template, each id once, and those of the templates among them.
fn objects<'a>(text: &'a str, place: Place, rules: &[Rule]) -> Result<Vec<Field<'a>>, MpmError> {
    let (mut fields, mut rest) = (Vec::<Field<'a>>::new(), text);
    while !rest.is_empty() {
        let header = MpmError { fault: MpmFault::Header, place };
        let (id, after) = two_digits(rest).ok_or(header)?;
        let place = place.below(id);
        let (length, after) = two_digits(after).ok_or(MpmError { fault: MpmFault::Header, place })?;
        let cut = MpmError { fault: MpmFault::Length, place };
        let (value, after) = split(after, usize::from(length)).filter(|_| length > 0).ok_or(cut)?;
        if fields.iter().any(|field| field.id == id) {
            return Err(MpmError { fault: MpmFault::Repeated, place });
        }
        let within = match table::rule(rules, id).map(|rule| rule.kind) {
            Some(Kind::Template(rules)) => objects(value, place, rules)?,
            _ => Vec::new(),
        };
        fields.push(Field { id, value, fields: within });
        rest = after;
    }
    Ok(fields)
}

/// The last four characters are the CRC of all before them; the object before them was read as 63.
fn check_crc(text: &str) -> Result<(), MpmError> {
    let place = Place::ROOT.below(CRC);
    let at = text.len().saturating_sub(CRC_CHARACTERS);
    let (before, given) = text.split_at_checked(at).ok_or(MpmError { fault: MpmFault::Checksum, place })?;
    if !before.ends_with(CRC_HEADER) {
        return Err(MpmError { fault: MpmFault::Format, place });
    }
    let right = alloc::format!("{:04X}", crc16(before.as_bytes())) == given;
    if right { Ok(()) } else { Err(MpmError { fault: MpmFault::Checksum, place }) }
}

fn check(
    fields: &[Field<'_>],
    place: Place,
    rules: &[Rule],
    remarks: &mut Vec<Remark>,
) -> Result<(), MpmError> {
    for field in fields {
        let place = place.below(field.id);
        let wrong = MpmError { fault: MpmFault::Format, place };
        let Some(rule) = table::rule(rules, field.id) else { return Err(wrong) };
        if !rule.kind.takes(field.value) {
            return Err(wrong);
        }
        if field.value.chars().count() > rule.characters_max {
            match rule.kind {
                Kind::Text | Kind::Template(_) => remarks.push(Remark { place, what: RemarkKind::TooLong }),
                _ => return Err(wrong),
            }
        }
        if let Kind::Template(rules) = rule.kind {
            for rule in rules.iter().filter(|rule| rule.mandatory) {
                let there = field.fields.iter().any(|field| rule.is_of(field.id));
                match (there, rule.kind) {
                    (true, _) => {}
                    (false, Kind::Identifier) => {
                        remarks.push(Remark { place, what: RemarkKind::NoIdentifier })
                    }
                    (false, _) => {
                        let place = place.below(rule.ids.0);
                        return Err(MpmError { fault: MpmFault::Missing, place });
                    }
                }
            }
            check(&field.fields, place, rules, remarks)?;
        }
    }
    Ok(())
}

/// Which of 56 and 57 goes with the indicator in 55 (§4.7.4 to §4.7.6): 02 a fixed fee, 03 a percentage, neither otherwise.
fn check_fees(fields: &[Field<'_>], remarks: &mut Vec<Remark>) -> Result<(), MpmError> {
    let wanted = match value(fields, 55) {
        Some("02") => Some(56),
        Some("03") => Some(57),
        _ => None,
    };
    for id in [56, 57] {
        let place = Place::ROOT.below(id);
        match (wanted == Some(id), value(fields, id).is_some()) {
            (true, false) => return Err(MpmError { fault: MpmFault::Missing, place }),
            (false, true) => remarks.push(Remark { place, what: RemarkKind::NotWithIndicator }),
            _ => {}
        }
    }
    Ok(())
}
