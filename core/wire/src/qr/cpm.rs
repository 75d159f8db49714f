//! Consumer-presented QR codes (EMV QR Code Specification, Consumer-Presented Mode 1.1 §4): base64 of data objects that a card would have
//! sent.
//!
//! ```text
//!   85 "CPV01"          payload format indicator, first
//!   61 { 4F …  63 { } } one application template for each application; 63 is what the application's own data is in
//!   62 { …     64 { } } what all applications share
//! ```
//! **Invariant:** 85 is first and there once, 61 and 62 stand at the outermost level, 62 once, 63 within 61 and 64 within 62. The bytes hold
//! an account number, so they are a [`Secret`] and no `Debug` shows a value.
use super::{TEXT_BYTES_MAX, base64};
use crate::tlv::dictionary::{Kernel, element};
use crate::tlv::{Node, Tag, TlvError, tree};
use alloc::{string::String, vec::Vec};
use symbolon_types::{CoreRefusal, Refused, Secret};

const INDICATOR: u32 = 0x85;
const APPLICATION: u32 = 0x61;
const COMMON: u32 = 0x62;
const APPLICATION_TRANSPARENT: u32 = 0x63;
const COMMON_TRANSPARENT: u32 = 0x64;
const ADF_NAME: u32 = 0x4F;

/// The value of tag 85: the format and its version.
pub const FORMAT_INDICATOR: &[u8; 5] = b"CPV01";

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpmError {
    /// Longer than a symbol holds.
    TooLong,
    /// Not base64 with padding, or not the one form of its bytes.
    Base64,
    /// The bytes are not BER-TLV.
    Tlv(TlvError),
    /// The first object is not tag 85 with [`FORMAT_INDICATOR`].
    Indicator,
    /// The object at this byte is a template that does not belong there, or is there twice.
    Misplaced(usize),
}

impl core::fmt::Display for CpmError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::TooLong => f.write_str("the text is longer than a symbol holds"),
            Self::Base64 => f.write_str("the text is not base64 with its padding"),
            Self::Tlv(error) => error.fmt(f),
            Self::Indicator => f.write_str("85: the payload does not begin with the format indicator CPV01"),
            Self::Misplaced(at) => {
                write!(f, "a template that does not belong there or is repeated, at byte {at}")
            }
        }
    }
}

impl core::error::Error for CpmError {}

impl From<TlvError> for CpmError {
    fn from(error: TlvError) -> Self {
        Self::Tlv(error)
    }
}

impl From<CpmError> for CoreRefusal {
    fn from(_: CpmError) -> Self {
        Self::Malformed
    }
}

impl From<CpmError> for Refused {
    fn from(error: CpmError) -> Self {
        CoreRefusal::from(error).refused()
    }
}

/// What the specification asks for and a payload in circulation may lack; it is read all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpmRemark {
    /// There is no application template.
    NoApplication,
    /// The application template at this byte has no ADF name.
    NoAdfName(usize),
}

impl core::fmt::Display for CpmRemark {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NoApplication => f.write_str("61: there is no application template"),
            Self::NoAdfName(at) => write!(f, "61: the application template at byte {at} has no ADF name"),
        }
    }
}

/// A payload that keeps the rules.
#[derive(Clone, Debug)]
pub struct ConsumerPresented(Secret<Vec<u8>>);

impl ConsumerPresented {
    /// Reads the text of a symbol.
    ///
    /// # Errors
    /// [`CpmError`].
    pub fn decode(text: &str) -> Result<Self, CpmError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(CpmError::TooLong);
        }
        Self::from_tlv(base64::decode(text).ok_or(CpmError::Base64)?)
    }

    /// Takes the data objects, as they were appended with [`crate::tlv::append`].
    ///
    /// # Errors
    /// [`CpmError`], also when their text would be longer than a symbol holds.
    pub fn from_tlv(bytes: Vec<u8>) -> Result<Self, CpmError> {
        let payload = Self(Secret::new(bytes));
        if payload.0.reveal().len().div_ceil(3).saturating_mul(4) > TEXT_BYTES_MAX {
            return Err(CpmError::TooLong);
        }
        check(&payload.nodes()?)?;
        Ok(payload)
    }

    /// The text of the symbol.
    #[must_use]
    pub fn encode(&self) -> String {
        base64::encode(self.0.reveal())
    }

    /// The data objects, for whom they are meant.
    #[must_use]
    pub fn reveal(&self) -> &[u8] {
        self.0.reveal()
    }

    /// The data objects as a tree.
    ///
    /// # Errors
    /// None for a payload that was decoded.
    pub fn nodes(&self) -> Result<Vec<Node<'_>>, CpmError> {
        Ok(tree(self.0.reveal())?)
    }

    /// What the payload lacks.
    #[must_use]
    pub fn remarks(&self) -> Vec<CpmRemark> {
        let nodes = self.nodes().unwrap_or_default();
        let mut applications = nodes.iter().filter(|node| is(node, APPLICATION)).peekable();
        if applications.peek().is_none() {
            return alloc::vec![CpmRemark::NoApplication];
        }
        applications
            .filter(|node| !node.children.iter().any(|child| is(child, ADF_NAME)))
            .map(|node| CpmRemark::NoAdfName(node.tlv.offset))
            .collect()
    }
}

fn is(node: &Node<'_>, tag: u32) -> bool {
    node.tlv.tag.number() == tag
}

fn check(nodes: &[Node<'_>]) -> Result<(), CpmError> {
    let indicated = |first: &&Node<'_>| is(first, INDICATOR) && first.tlv.offset == 0;
    let first = nodes.first().filter(indicated).ok_or(CpmError::Indicator)?;
    if first.tlv.value != FORMAT_INDICATOR {
        return Err(CpmError::Indicator);
    }
    for single in [INDICATOR, COMMON] {
        if let Some(second) = nodes.iter().filter(|node| is(node, single)).nth(1) {
            return Err(CpmError::Misplaced(second.tlv.offset));
        }
    }
    placed(nodes, None)
}

/// Each of the specification's templates stands where it belongs; `within` is what holds `nodes`.
fn placed(nodes: &[Node<'_>], within: Option<u32>) -> Result<(), CpmError> {
    for node in nodes {
        let right = match node.tlv.tag.number() {
            INDICATOR | APPLICATION | COMMON => within.is_none(),
            APPLICATION_TRANSPARENT => within == Some(APPLICATION),
            COMMON_TRANSPARENT => within == Some(COMMON),
            _ => true,
        };
        if !right {
            return Err(CpmError::Misplaced(node.tlv.offset));
        }
        placed(&node.children, Some(node.tlv.tag.number()))?;
    }
    Ok(())
}

/// What a tag means here: the specification's own templates, and the data elements of EMV Book 3.
#[must_use]
pub fn name(tag: Tag) -> Option<&'static str> {
    match tag.number() {
        INDICATOR => Some("Payload Format Indicator"),
        APPLICATION => Some("Application Template"),
        COMMON => Some("Common Data Template"),
        APPLICATION_TRANSPARENT => Some("Application Specific Transparent Template"),
        COMMON_TRANSPARENT => Some("Common Data Transparent Template"),
        _ => element(Kernel::Contact, tag).map(|element| element.name),
    }
}
