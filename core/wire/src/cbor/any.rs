//! Any valid CBOR (RFC 8949), for reading what others wrote: longer forms of a number, indefinite lengths, maps in any order, tags, floats.
//!
//! Symbolon's own messages never pass here: they have one encoding, see [`super`].
//! **Invariant:** input of at most [`LEN_MAX`] bytes and [`DEPTH_MAX`] levels is read in time that grows with its length (a map's keys are
//! sorted once), and no input panics. A map with a repeated key, text that is not UTF-8 and bytes after the item are refused.
use super::Malformed;
use alloc::{boxed::Box, string::String, vec::Vec};

/// The longest input that is read: 1 MiB.
pub const LEN_MAX: usize = 1 << 20;

/// How deep arrays, maps and tags may nest.
pub const DEPTH_MAX: u8 = 16;

/// One data item (RFC 8949 §3.1), without the form that it was written in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// An unsigned integer.
    Uint(u64),
    /// The negative integer `-1 - n`.
    Nint(u64),
    /// A byte string, its chunks joined.
    Bytes(Vec<u8>),
    /// A text string, its chunks joined.
    Text(String),
    /// An array.
    Array(Vec<Item>),
    /// A map, as it was ordered; no key is there twice.
    Map(Vec<(Item, Item)>),
    /// A tagged item. The tag's own rules for its content are not looked at.
    Tag(u64, Box<Item>),
    /// A simple value (RFC 8949 §3.3): 20 false, 21 true, 22 null, 23 undefined.
    Simple(u8),
    /// A float: the bits of the binary64 of the same value (IEEE 754).
    Float(u64),
}

impl Item {
    /// `null`.
    pub const NULL: Self = Self::Simple(22);

    /// Reads one item that is all of `bytes`.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are not well-formed and valid CBOR (RFC 8949 §5.1, §5.3.1), when bytes follow, and above the bounds.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > LEN_MAX {
            return Err(Malformed);
        }
        let mut reader = Reader(bytes);
        let item = reader.item(DEPTH_MAX)?;
        if reader.0.is_empty() { Ok(item) } else { Err(Malformed) }
    }

    /// The integer, where it is one within `i64`.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Uint(value) => i64::try_from(*value).ok(),
            Self::Nint(value) => i64::try_from(*value).ok().map(|value| !value),
            _ => None,
        }
    }

    /// The byte string, where it is one.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The text, where it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The argument of an item's head (RFC 8949 §3).
enum Argument {
    Value(u64),
    /// Additional information 31: a length that is not said, or the break.
    Open,
}

/// A head: major type, additional information, argument.
struct Head {
    major: u8,
    info: u8,
    argument: Argument,
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: u64) -> Result<&'a [u8], Malformed> {
        let count = usize::try_from(count).map_err(|_| Malformed)?;
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn head(&mut self) -> Result<Head, Malformed> {
        let &[first] = self.take(1)? else { return Err(Malformed) };
        let (major, info) = (first >> 5, first & 0x1F);
        let width = match info {
            0..=23 => return Ok(Head { major, info, argument: Argument::Value(u64::from(info)) }),
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            // Only strings, arrays, maps and the break have no length (RFC 8949 §3.2.1).
            31 if matches!(major, 2..=5 | 7) => return Ok(Head { major, info, argument: Argument::Open }),
            _ => return Err(Malformed),
        };
        let value = self.take(width)?.iter().fold(0u64, |value, &byte| value << 8 | u64::from(byte));
        Ok(Head { major, info, argument: Argument::Value(value) })
    }

    /// Takes the break, if it is next.
    fn take_break(&mut self) -> bool {
        match self.0.split_first() {
            Some((0xFF, rest)) => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn item(&mut self, depth: u8) -> Result<Item, Malformed> {
        let Head { major, info, argument } = self.head()?;
        let inner = || depth.checked_sub(1).ok_or(Malformed);
        Ok(match (major, argument) {
            (0, Argument::Value(value)) => Item::Uint(value),
            (1, Argument::Value(value)) => Item::Nint(value),
            (2, length) => Item::Bytes(self.string(2, length, |_| Ok(()))?),
            (3, length) => {
                // Each chunk is UTF-8 by itself (RFC 8949 §3.2.3), so what is joined is too.
                let text = self.string(3, length, |chunk| {
                    core::str::from_utf8(chunk).map(|_| ()).map_err(|_| Malformed)
                })?;
                Item::Text(String::from_utf8(text).map_err(|_| Malformed)?)
            }
            (4, length) => Item::Array(self.many(length, inner()?, Self::item)?),
            (5, length) => {
                let pair = |reader: &mut Self, depth| Ok((reader.item(depth)?, reader.item(depth)?));
                Item::Map(unique(self.many(length, inner()?, pair)?)?)
            }
            (6, Argument::Value(number)) => Item::Tag(number, Box::new(self.item(inner()?)?)),
            (7, Argument::Value(value)) => simple(info, value)?,
            _ => return Err(Malformed),
        })
    }

    /// The bytes of a string, each chunk checked.
    fn string(
        &mut self,
        major: u8,
        length: Argument,
        check: impl Fn(&[u8]) -> Result<(), Malformed>,
    ) -> Result<Vec<u8>, Malformed> {
        if let Argument::Value(count) = length {
            let bytes = self.take(count)?;
            check(bytes)?;
            return Ok(bytes.into());
        }
        let mut joined = Vec::new();
        while !self.take_break() {
            match self.head()? {
                Head { major: found, argument: Argument::Value(count), .. } if found == major => {
                    let chunk = self.take(count)?;
                    check(chunk)?;
                    joined.extend_from_slice(chunk);
                }
                _ => return Err(Malformed),
            }
        }
        Ok(joined)
    }

    /// What an array or a map holds. Nothing is set aside for a length that is only claimed.
    fn many<T>(
        &mut self,
        length: Argument,
        depth: u8,
        read: impl Fn(&mut Self, u8) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let mut found = Vec::new();
        match length {
            Argument::Value(count) => {
                for _ in 0..count {
                    found.push(read(self, depth)?);
                }
            }
            Argument::Open => {
                while !self.take_break() {
                    found.push(read(self, depth)?);
                }
            }
        }
        Ok(found)
    }
}

/// Refuses a map with a repeated key (RFC 8949 §5.6).
fn unique(pairs: Vec<(Item, Item)>) -> Result<Vec<(Item, Item)>, Malformed> {
    let mut keys: Vec<&Item> = pairs.iter().map(|(key, _)| key).collect();
    keys.sort_unstable();
    let repeated = keys.windows(2).any(|pair| matches!(pair, [one, other] if one == other));
    if repeated { Err(Malformed) } else { Ok(pairs) }
}

/// Major type 7 (RFC 8949 §3.3): a simple value below 32 has no two-byte form.
fn simple(info: u8, value: u64) -> Result<Item, Malformed> {
    let number = u8::try_from(value);
    Ok(match (info, number) {
        (25, _) => Item::Float(widened(value, 5, 10)),
        (26, _) => Item::Float(widened(value, 8, 23)),
        (27, _) => Item::Float(value),
        (24, Ok(0..=31)) | (_, Err(_)) => return Err(Malformed),
        (_, Ok(number)) => Item::Simple(number),
    })
}

/// The binary64 of the same value as a binary16 or binary32 of so many exponent and fraction bits (IEEE 754-2008 §3.4), without arithmetic on floats.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "shifts and sums of small constants; the tests try every half and the edges of single"
)]
fn widened(bits: u64, exponent_bits: u32, fraction_bits: u32) -> u64 {
    let exponent_max = (1u64 << exponent_bits) - 1;
    let bias = exponent_max >> 1;
    let sign = (bits >> (exponent_bits + fraction_bits)) << 63;
    let exponent = bits >> fraction_bits & exponent_max;
    let fraction = bits & ((1u64 << fraction_bits) - 1);
    let wide = |exponent: u64, fraction: u64| sign | exponent << 52 | fraction;
    let raised = |fraction: u64| fraction << (52 - fraction_bits);
    if exponent == exponent_max {
        return wide(0x7FF, raised(fraction));
    }
    if exponent > 0 {
        return wide(exponent + 1023 - bias, raised(fraction));
    }
    if fraction == 0 {
        return sign;
    }
    // A subnormal: its leading one becomes the implicit one.
    let shift = fraction.leading_zeros() - (63 - fraction_bits);
    let normal = fraction << shift & ((1u64 << fraction_bits) - 1);
    wide(1024 - bias - u64::from(shift), raised(normal))
}

#[cfg(test)]
mod tests;
