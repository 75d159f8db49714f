//! BER-TLV (ISO/IEC 8825-1 §8.1) as EMV Book 3 Annex B uses it: tags of one to [`TAG_BYTES_MAX`] bytes, definite lengths of up to four bytes
//! after the first, constructed objects that hold objects. [`dictionary`] names the tags, [`dol`] reads and fills data object lists, [`cvm`]
//! reads the list of cardholder verification methods, [`unknown`] says what becomes of a tag that is not known.
//!
//! ```text
//!   bytes ──objects()──► Tlv, Tlv, …            one level, borrowed, each with its own bytes
//!         ──tree()─────► [Node { tlv, children }]  all levels, bounded in depth and count
//!   append(out, tag, value) ◄── the shortest form
//! ```
//! **Invariant:** what is read lies in the input: every length is held to what is left before anything is taken, and nothing shows a value,
//! neither `Debug` nor an error. A length may be longer than it needs to be on reading (81 01), never on writing; 80, the indefinite form,
//! is refused (EMV Book 3 Annex B2 has the definite one only).
use alloc::vec::Vec;
use symbolon_types::{CoreRefusal, Refused};

pub mod cvm;
pub mod dictionary;
pub mod dol;
mod tag;
pub mod unknown;

pub use tag::{TAG_BYTES_MAX, Tag};

/// How deep templates may nest.
pub const DEPTH_MAX: usize = 16;

/// The most objects of a [`tree`], at all levels together.
pub const OBJECTS_MAX: usize = 4096;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlvFault {
    /// The input ends within a tag.
    TagCut,
    /// A tag's number begins with zeros (ISO/IEC 8825-1 §8.1.2.4.2 c), or a tag is longer than [`TAG_BYTES_MAX`].
    Tag,
    /// The input ends within a length.
    LengthCut,
    /// The indefinite form, or a length of more than four bytes after the first.
    Length,
    /// Less is left than the length says.
    ValueCut,
    /// Templates nest deeper than [`DEPTH_MAX`].
    TooDeep,
    /// More objects than [`OBJECTS_MAX`].
    TooMany,
}

/// What is wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlvError {
    /// What.
    pub fault: TlvFault,
    /// The first byte of the tag, the length or the value that it is about, counted from the start of the outermost input.
    pub offset: usize,
}

impl core::fmt::Display for TlvError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let what = match self.fault {
            TlvFault::TagCut => "the input ends within a tag",
            TlvFault::Tag => "a tag that BER-TLV does not have, or a longer one than is read",
            TlvFault::LengthCut => "the input ends within a length",
            TlvFault::Length => "an indefinite length, or a longer one than is read",
            TlvFault::ValueCut => "less is left than the length says",
            TlvFault::TooDeep => "templates nest too deep",
            TlvFault::TooMany => "too many objects",
        };
        write!(f, "{what}, at byte {}", self.offset)
    }
}

impl core::error::Error for TlvError {}

impl From<TlvError> for CoreRefusal {
    fn from(_: TlvError) -> Self {
        Self::Malformed
    }
}

impl From<TlvError> for Refused {
    fn from(error: TlvError) -> Self {
        CoreRefusal::from(error).refused()
    }
}

/// Which bytes between objects mean nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Padding {
    /// 00 before, between and after objects (EMV Book 3 Annex B).
    #[default]
    Zeros,
    /// Also FF from after the last object to the end of its level (ISO/IEC 7816-4:1995 §5.4.4). FF before an object is no padding: kernel C-2
    /// has tags that begin so.
    ZerosAndFinalOnes,
}

/// One data object, borrowed. `Debug` shows its tag and length.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// The tag.
    pub tag: Tag,
    /// The contents.
    pub value: &'a [u8],
    /// Tag, length and contents as they stood.
    pub raw: &'a [u8],
    /// Where `raw` begins, counted from the start of the outermost input.
    pub offset: usize,
    padding: Padding,
}

impl core::fmt::Debug for Tlv<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} length {}", self.tag, self.value.len())
    }
}

impl<'a> Tlv<'a> {
    /// The objects within a constructed one; none within a primitive one.
    #[must_use]
    pub fn children(&self) -> Objects<'a> {
        let header = self.raw.len().saturating_sub(self.value.len());
        let rest = if self.tag.is_constructed() { self.value } else { &[] };
        Objects { rest, offset: self.offset.saturating_add(header), padding: self.padding }
    }

    /// Whether the length is written in the fewest bytes.
    #[must_use]
    pub fn is_minimal(&self) -> bool {
        let least = self.tag.bytes().len().saturating_add(length_bytes(self.value.len()).len());
        self.raw.len() == least.saturating_add(self.value.len())
    }
}

/// The objects of one level, read one by one. After an error it ends.
#[derive(Clone, Debug)]
pub struct Objects<'a> {
    rest: &'a [u8],
    offset: usize,
    padding: Padding,
}

/// The objects of `bytes`, with the padding that EMV allows.
#[must_use]
pub fn objects(bytes: &[u8]) -> Objects<'_> {
    padded_objects(bytes, Padding::default())
}

/// The objects of `bytes`, with this padding.
#[must_use]
pub fn padded_objects(bytes: &[u8], padding: Padding) -> Objects<'_> {
    Objects { rest: bytes, offset: 0, padding }
}

impl<'a> Objects<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        self.offset = self.offset.saturating_add(count);
        Some(taken)
    }

    fn skip_padding(&mut self) {
        let zeros = self.rest.iter().take_while(|&&byte| byte == 0).count();
        let _ = self.take(zeros);
        let ones = self.padding == Padding::ZerosAndFinalOnes && self.rest.iter().all(|&byte| byte == 0xFF);
        if ones {
            let _ = self.take(self.rest.len());
        }
    }

    fn object(&mut self) -> Result<Tlv<'a>, TlvError> {
        let (offset, whole) = (self.offset, self.rest);
        let (tag, tag_len) = Tag::read(self.rest).map_err(|fault| TlvError { fault, offset })?;
        let _ = self.take(tag_len);
        let at_length = self.offset;
        let length = self.length().map_err(|fault| TlvError { fault, offset: at_length })?;
        let cut = TlvError { fault: TlvFault::ValueCut, offset: self.offset };
        let value = self.take(length).ok_or(cut)?;
        let raw = whole.get(..self.offset.saturating_sub(offset)).unwrap_or_default();
        Ok(Tlv { tag, value, raw, offset, padding: self.padding })
    }

    /// ISO/IEC 8825-1 §8.1.3.4 and §8.1.3.5.
    fn length(&mut self) -> Result<usize, TlvFault> {
        let &[first] = self.take(1).ok_or(TlvFault::LengthCut)? else { return Err(TlvFault::LengthCut) };
        let more = match first {
            0..=0x7F => return Ok(usize::from(first)),
            0x81..=0x84 => usize::from(first & 0x7F),
            _ => return Err(TlvFault::Length),
        };
        let bytes = self.take(more).ok_or(TlvFault::LengthCut)?;
        Ok(bytes.iter().fold(0_usize, |length, &byte| length << 8 | usize::from(byte)))
    }
}

impl<'a> Iterator for Objects<'a> {
    type Item = Result<Tlv<'a>, TlvError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_padding();
        if self.rest.is_empty() {
            return None;
        }
        let object = self.object();
        if object.is_err() {
            self.rest = &[];
        }
        Some(object)
    }
}

/// A data object and, within a constructed one, its objects. `Debug` shows tags and lengths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node<'a> {
    /// The object itself.
    pub tlv: Tlv<'a>,
    /// In order, repeated ones kept; empty for a primitive object.
    pub children: Vec<Node<'a>>,
}

/// All objects of `bytes` at all levels, in order.
///
/// # Errors
/// [`TlvError`], also beyond [`DEPTH_MAX`] and [`OBJECTS_MAX`].
pub fn tree(bytes: &[u8]) -> Result<Vec<Node<'_>>, TlvError> {
    padded_tree(bytes, Padding::default())
}

/// As [`tree`], with this padding.
///
/// # Errors
/// As [`tree`].
pub fn padded_tree(bytes: &[u8], padding: Padding) -> Result<Vec<Node<'_>>, TlvError> {
    nodes(padded_objects(bytes, padding), DEPTH_MAX, &mut 0)
}

/// `left` is how many more levels there may be below this one's objects.
fn nodes<'a>(objects: Objects<'a>, left: usize, count: &mut usize) -> Result<Vec<Node<'a>>, TlvError> {
    let mut level = Vec::new();
    for tlv in objects {
        let tlv = tlv?;
        *count = count.saturating_add(1);
        if *count > OBJECTS_MAX {
            return Err(TlvError { fault: TlvFault::TooMany, offset: tlv.offset });
        }
        let children = match left.checked_sub(1) {
            Some(left) => nodes(tlv.children(), left, count)?,
            None if tlv.tag.is_constructed() => {
                return Err(TlvError { fault: TlvFault::TooDeep, offset: tlv.offset });
            }
            None => Vec::new(),
        };
        level.push(Node { tlv, children });
    }
    Ok(level)
}

/// The first object with `tag` at the outermost level, if all of that level can be read.
///
/// # Errors
/// [`TlvError`].
pub fn find(bytes: &[u8], tag: Tag) -> Result<Option<Tlv<'_>>, TlvError> {
    let mut found = None;
    for object in objects(bytes) {
        let object = object?;
        if object.tag == tag && found.is_none() {
            found = Some(object);
        }
    }
    Ok(found)
}

/// The length in the fewest bytes: none of them leads with a zero.
fn length_bytes(length: usize) -> Vec<u8> {
    let bytes = length.to_be_bytes();
    let significant: Vec<u8> = bytes.iter().copied().skip_while(|&byte| byte == 0).collect();
    match *significant.as_slice() {
        [] => alloc::vec![0],
        [one @ 0..=0x7F] => alloc::vec![one],
        _ => {
            let mut out = alloc::vec![0x80 | u8::try_from(significant.len()).unwrap_or(8)];
            out.extend_from_slice(&significant);
            out
        }
    }
}

/// Appends one object, its length in the fewest bytes. The value of a constructed one is the objects in it, appended to a buffer of its own.
///
/// A value of 4 GiB or more cannot be read back: its length has more bytes than are read.
pub fn append(out: &mut Vec<u8>, tag: Tag, value: &[u8]) {
    out.extend_from_slice(&tag.bytes());
    out.extend_from_slice(&length_bytes(value.len()));
    out.extend_from_slice(value);
}

/// Appends one level again as it was read, lengths in the fewest bytes, padding left out: the canonical form of a tree.
pub fn append_nodes(out: &mut Vec<u8>, nodes: &[Node<'_>]) {
    for node in nodes {
        if node.tlv.tag.is_constructed() {
            let mut inner = Vec::with_capacity(node.tlv.value.len());
            append_nodes(&mut inner, &node.children);
            append(out, node.tlv.tag, &inner);
        } else {
            append(out, node.tlv.tag, node.tlv.value);
        }
    }
}
