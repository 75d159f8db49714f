//! What becomes of a tag that is not known, where data objects pass through: field 55 of an ISO 8583 message, a record on its way to a host.
//!
//! ```text
//!            known tag │ unknown tag          │ shown to the reader │ emitted again
//!   Keep     shown     │ shown                │ all                 │ all
//!   Skip     shown     │ gone                 │ the known           │ the known
//!   Refuse   shown     │ UnknownError::Tag    │                     │
//!   Reemit   shown     │ carried, not shown   │ the known           │ all
//! ```
//! **Invariant:** what is emitted again are the very bytes that were read, in their order, lengths and padding as they stood.
use super::{Tag, Tlv, TlvError, objects};
use alloc::vec::Vec;
use symbolon_types::{CoreRefusal, Refused};

/// The policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownTags {
    /// Unknown objects are shown as the known ones are.
    Keep,
    /// Unknown objects are left out.
    Skip,
    /// An unknown object refuses the whole.
    Refuse,
    /// Unknown objects are not shown, and go out again as they came in.
    Reemit,
}

/// Why a list did not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownError {
    /// The list cannot be read.
    Tlv(TlvError),
    /// This tag is not known, and unknown ones are refused.
    Tag(Tag),
}

impl core::fmt::Display for UnknownError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Tlv(error) => error.fmt(f),
            Self::Tag(tag) => write!(f, "tag {tag} is not known"),
        }
    }
}

impl core::error::Error for UnknownError {}

impl From<TlvError> for UnknownError {
    fn from(error: TlvError) -> Self {
        Self::Tlv(error)
    }
}

impl From<UnknownError> for CoreRefusal {
    fn from(error: UnknownError) -> Self {
        match error {
            UnknownError::Tlv(error) => error.into(),
            UnknownError::Tag(_) => Self::TagUnknown,
        }
    }
}

impl From<UnknownError> for Refused {
    fn from(error: UnknownError) -> Self {
        CoreRefusal::from(error).refused()
    }
}

/// One object that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed<'a> {
    /// The object.
    pub tlv: Tlv<'a>,
    /// Whether the reader is shown it.
    pub shown: bool,
    /// How many bytes of padding stood before it.
    before: usize,
}

/// What passed, in order. `Debug` shows tags and lengths.
#[derive(Clone, PartialEq, Eq)]
pub struct Screened<'a> {
    passed: Vec<Passed<'a>>,
    bytes: &'a [u8],
    after: usize,
}

impl core::fmt::Debug for Screened<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(&self.passed).finish()
    }
}

impl UnknownTags {
    /// Screens the outermost level of `bytes`; `known` are the tags that the reader knows.
    ///
    /// # Errors
    /// [`UnknownError::Tlv`] when the level cannot be read, [`UnknownError::Tag`] under [`UnknownTags::Refuse`].
    pub fn apply<'a>(self, bytes: &'a [u8], known: &[Tag]) -> Result<Screened<'a>, UnknownError> {
        let (mut passed, mut end) = (Vec::new(), 0_usize);
        for tlv in objects(bytes) {
            let tlv = tlv?;
            let before = tlv.offset.saturating_sub(end);
            end = tlv.offset.saturating_add(tlv.raw.len());
            match (known.contains(&tlv.tag), self) {
                (true, _) | (false, Self::Keep) => passed.push(Passed { tlv, shown: true, before }),
                (false, Self::Reemit) => passed.push(Passed { tlv, shown: false, before }),
                (false, Self::Skip) => {}
                (false, Self::Refuse) => return Err(UnknownError::Tag(tlv.tag)),
            }
        }
        Ok(Screened { passed, bytes, after: bytes.len().saturating_sub(end) })
    }
}

impl<'a> Screened<'a> {
    /// What the reader is shown, in order.
    pub fn shown(&self) -> impl Iterator<Item = Tlv<'a>> {
        self.passed.iter().filter(|passed| passed.shown).map(|passed| passed.tlv)
    }

    /// All that passed, in order, also what is only carried.
    #[must_use]
    pub fn passed(&self) -> &[Passed<'a>] {
        &self.passed
    }

    /// What goes out again.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes.len());
        for Passed { tlv, before, .. } in &self.passed {
            let from = tlv.offset.saturating_sub(*before);
            let until = tlv.offset.saturating_add(tlv.raw.len());
            out.extend_from_slice(self.bytes.get(from..until).unwrap_or_default());
        }
        let tail = self.bytes.len().saturating_sub(self.after);
        out.extend_from_slice(self.bytes.get(tail..).unwrap_or_default());
        out
    }
}
