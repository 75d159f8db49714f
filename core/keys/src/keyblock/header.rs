//! The header of a key block: sixteen characters and optional blocks, read and written (X9.143:2021 §6.2, §6.3; TR-31:2018 A.5).
//!
//! ```text
//!   0 version   1 length (4)   5 usage (2)   7 algorithm   8 mode   9 key version (2)   11 exportability
//!   12 number of optional blocks (2)   14 context   15 reserved   16 optional blocks: id (2), length (2 or extended), data
//! ```
//! **Invariant:** what is read names its place when it is wrong and is never repeated; what is written can be read.
use super::{BLOCK_LEN_MAX, KeyBlockError};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// How a block is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Variants of a triple DES key; deprecated.
    A,
    /// Keys derived from a triple DES key.
    B,
    /// Variants of a triple DES key; deprecated.
    C,
    /// Keys derived from an AES key.
    D,
    /// ISO 20038: keys derived from an AES key, counter mode.
    E,
}

impl Version {
    /// All versions, each with its letter.
    pub const ALL: [(char, Self); 5] =
        [('A', Self::A), ('B', Self::B), ('C', Self::C), ('D', Self::D), ('E', Self::E)];

    /// The version of a letter.
    #[must_use]
    pub fn of(letter: char) -> Option<Self> {
        Self::ALL.iter().find(|row| row.0 == letter).map(|row| row.1)
    }

    /// Its letter.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::A => 'A',
            Self::B => 'B',
            Self::C => 'C',
            Self::D => 'D',
            Self::E => 'E',
        }
    }

    /// Whether it is read, but not to be written any more (X9.143 §4).
    #[must_use]
    pub const fn is_deprecated(self) -> bool {
        matches!(self, Self::A | Self::C)
    }

    /// The MAC's length in bytes.
    #[must_use]
    pub const fn mac_len(self) -> usize {
        match self {
            Self::A | Self::C => 4,
            Self::B => 8,
            Self::D | Self::E => 16,
        }
    }

    /// What the payload's length in bytes is a multiple of.
    #[must_use]
    pub const fn payload_multiple(self) -> usize {
        match self {
            Self::A | Self::B | Self::C => 8,
            Self::D => 16,
            Self::E => 1,
        }
    }

    /// What the header's length in characters is a multiple of; a padding block sees to that (X9.143 §6.3.6). In counter mode it may have any.
    #[must_use]
    pub const fn header_multiple(self) -> usize {
        self.payload_multiple()
    }
}

/// Whether the key may leave again (X9.143 §6.3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exportability {
    /// E: in a key block under a trusted key.
    Exportable,
    /// N: never.
    NonExportable,
    /// S: also in forms that X9.24 does not describe.
    Sensitive,
}

impl Exportability {
    const ALL: [(char, Self); 3] =
        [('E', Self::Exportable), ('N', Self::NonExportable), ('S', Self::Sensitive)];

    /// Its letter.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Exportable => 'E',
            Self::NonExportable => 'N',
            Self::Sensitive => 'S',
        }
    }
}

/// An optional block: a name of two characters and its text. Names of two digits, and all that are not known here, are kept as they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OptionalBlock<'a> {
    /// Two letters or digits.
    pub id: &'a str,
    /// Printable ASCII.
    pub data: &'a str,
}

impl fmt::Debug for OptionalBlock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OptionalBlock({}, {} characters)", self.id, self.data.len())
    }
}

/// A header, without its length field, which follows from what is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// How the block is protected.
    pub version: Version,
    /// What the key is for: two characters (X9.143 table 2).
    pub usage: &'a str,
    /// The key's algorithm (X9.143 table 3).
    pub algorithm: char,
    /// What may be done with the key (X9.143 table 4).
    pub mode: char,
    /// The key's version number or, after `c`, the number of a component: two characters; `00` when not used.
    pub key_version: &'a str,
    /// Whether the key may leave again.
    pub exportability: Exportability,
    /// `0`: as the wrapping key says; `1`: for storage only; `2`: for exchange only.
    pub context: char,
    /// At most 99, the padding block last.
    pub optional: Vec<OptionalBlock<'a>>,
}

/// A header and where it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderRead<'a> {
    /// The header.
    pub header: Header<'a>,
    /// The length of the whole block, as the header states it, in characters.
    pub stated_len: usize,
    /// The length of the header with its optional blocks, in characters.
    pub header_len: usize,
}

/// The name of the padding block, which makes the header as long as the cipher wants it.
const PADDING: &str = "PB";

pub(super) fn is_hex_upper(byte: &u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'F')
}

fn is_printable(byte: &u8) -> bool {
    matches!(byte, b' '..=b'~')
}

/// A place in the text.
struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn wrong(&self, field: &'static str) -> KeyBlockError {
        KeyBlockError::Malformed { field, offset: self.at }
    }

    /// The next characters, all of one class. The place moves only past what was taken.
    fn take(
        &mut self,
        field: &'static str,
        len: usize,
        class: fn(&u8) -> bool,
    ) -> Result<&'a str, KeyBlockError> {
        let wrong = self.wrong(field);
        let end = self.at.checked_add(len).ok_or(wrong)?;
        let taken = self.text.get(self.at..end).filter(|taken| taken.iter().all(class)).ok_or(wrong)?;
        self.at = end;
        core::str::from_utf8(taken).map_err(|_| wrong)
    }

    /// A number of so many digits.
    fn number(&mut self, field: &'static str, len: usize, radix: u32) -> Result<usize, KeyBlockError> {
        let wrong = self.wrong(field);
        let digits = self.take(field, len, if radix == 10 { u8::is_ascii_digit } else { is_hex_upper })?;
        usize::from_str_radix(digits, radix).map_err(|_| wrong)
    }

    /// One character and what it stands for.
    fn letter<T>(
        &mut self,
        field: &'static str,
        meaning: impl Fn(char) -> Option<T>,
    ) -> Result<T, KeyBlockError> {
        let wrong = self.wrong(field);
        let letter = self.take(field, 1, u8::is_ascii_alphanumeric)?.chars().next();
        letter.and_then(meaning).ok_or(wrong)
    }

    /// An optional block. Its length counts all of it; one of `00` is extended: the number of the length's digits, then the length (X9.143 §6.2 table 1).
    fn optional(&mut self) -> Result<OptionalBlock<'a>, KeyBlockError> {
        const LENGTH: &str = "optional block length";
        let begin = self.at;
        let id = self.take("optional block id", 2, u8::is_ascii_alphanumeric)?;
        let wrong = self.wrong(LENGTH);
        let mut len = self.number(LENGTH, 2, 16)?;
        if len == 0 {
            let digits = self.number(LENGTH, 2, 16)?;
            // Eight digits are more than any block needs, and a number that every machine has.
            if !(1..=8).contains(&digits) {
                return Err(wrong);
            }
            len = self.number(LENGTH, digits, 16)?;
        }
        let data_len = begin.checked_add(len).and_then(|end| end.checked_sub(self.at)).ok_or(wrong)?;
        Ok(OptionalBlock { id, data: self.take("optional block data", data_len, is_printable)? })
    }
}

impl<'a> Header<'a> {
    /// Reads the header at the beginning of a text; what follows it is not looked at.
    ///
    /// # Errors
    /// [`KeyBlockError::Malformed`].
    pub fn read(text: &'a [u8]) -> Result<HeaderRead<'a>, KeyBlockError> {
        let mut reader = Reader { text, at: 0 };
        let version = reader.letter("version", Version::of)?;
        let stated_len = reader.number("length", 4, 10)?;
        let usage = reader.take("usage", 2, u8::is_ascii_alphanumeric)?;
        let algorithm = reader.letter("algorithm", Some)?;
        let mode = reader.letter("mode", Some)?;
        let key_version = reader.take("key version", 2, u8::is_ascii_alphanumeric)?;
        let exportability = reader.letter("exportability", |letter| {
            Exportability::ALL.iter().find(|row| row.0 == letter).map(|row| row.1)
        })?;
        let count = reader.number("number of optional blocks", 2, 10)?;
        let context = reader.letter("context", |letter| ('0'..='2').contains(&letter).then_some(letter))?;
        reader.letter("reserved", |letter| (letter == '0').then_some(()))?;
        let mut optional: Vec<OptionalBlock<'a>> = Vec::with_capacity(count);
        for _ in 0..count {
            // The padding block is the last one (X9.143 §6.3.6).
            if optional.last().is_some_and(|block| block.id == PADDING) {
                return Err(reader.wrong("optional block id"));
            }
            optional.push(reader.optional()?);
        }
        let header = Self { version, usage, algorithm, mode, key_version, exportability, context, optional };
        Ok(HeaderRead { header, stated_len, header_len: reader.at })
    }

    /// The text, for a block that goes on with `body_len` characters. A padding block that does not fill the header up is made anew, of zeros.
    ///
    /// # Errors
    /// [`KeyBlockError::Malformed`] for a field that could not be read back, or a block that would be too long.
    pub fn encode(&self, body_len: usize) -> Result<String, KeyBlockError> {
        let aligned = |len: usize| len.is_multiple_of(self.version.header_multiple());
        let (mut count, mut optional) = (self.optional.len(), String::new());
        self.optional.iter().for_each(|block| append(&mut optional, block));
        if !aligned(optional.len().saturating_add(16)) {
            optional.clear();
            let others = || self.optional.iter().filter(|block| block.id != PADDING);
            count = others().count();
            others().for_each(|block| append(&mut optional, block));
            // A block has four characters besides its data, so at most 15 zeros align it.
            const ZEROS: &str = "000000000000000";
            let end = optional.len().saturating_add(20);
            let zeros = (0..ZEROS.len().saturating_add(1)).find(|zeros| aligned(end.saturating_add(*zeros)));
            if !aligned(optional.len().saturating_add(16)) {
                count = count.saturating_add(1);
                let data = ZEROS.get(..zeros.unwrap_or(0)).unwrap_or_default();
                append(&mut optional, &OptionalBlock { id: PADDING, data });
            }
        }
        let total = optional.len().saturating_add(16).saturating_add(body_len);
        if total > BLOCK_LEN_MAX {
            return Err(KeyBlockError::Malformed { field: "length", offset: 1 });
        }
        let Self { usage, algorithm, mode, key_version, context, .. } = self;
        let (version, exportability) = (self.version.letter(), self.exportability.letter());
        let text = format!(
            "{version}{total:04}{usage}{algorithm}{mode}{key_version}{exportability}{count:02}{context}0{optional}"
        );
        let read = Header::read(text.as_bytes())?;
        if read.header_len == text.len() {
            Ok(text)
        } else {
            Err(KeyBlockError::Malformed { field: "number of optional blocks", offset: 12 })
        }
    }
}

/// Writes an optional block; a length above 255 in the extended form, of four digits.
fn append(text: &mut String, block: &OptionalBlock<'_>) {
    let OptionalBlock { id, data } = block;
    let len = data.len().saturating_add(4);
    text.push_str(&if len <= 0xFF {
        format!("{id}{len:02X}{data}")
    } else {
        format!("{id}0004{:04X}{data}", len.saturating_add(6))
    });
}
