//! Deterministic CBOR (RFC 8949 §4.2.1), strict both ways: shortest integers and lengths, definite lengths only, map keys in bytewise order
//! and unique, nothing after the item, nesting of at most [`DEPTH_MAX`].
//!
//! A struct becomes a map with integer keys through [`cbor_map!`](crate::cbor_map), an enum an array `[kind, body]` through
//! [`cbor_enum!`](crate::cbor_enum). There are no floats and no tags inside Symbolon's own messages.
//!
//! **Invariant:** for every value, `to_vec(&from_slice(bytes)?) == bytes`: a message has one encoding, so its hash names it.
use alloc::{string::String, vec::Vec};
use symbolon_types::{Amount, CoreRefusal, Currency, Hash, Refused, Secret, UnixMs, UnixSeconds};
use zeroize::Zeroize;

pub mod any;

/// How deep arrays and maps may nest.
pub const DEPTH_MAX: u8 = 8;

/// The longest array or map that is read; byte strings are bounded by the input itself.
pub const ITEMS_MAX: usize = 4096;

/// The bytes are not deterministic CBOR of the expected shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl From<Malformed> for Refused {
    fn from(_: Malformed) -> Self {
        CoreRefusal::Malformed.refused()
    }
}

/// A value with exactly one encoding.
pub trait Cbor: Sized {
    /// Appends the encoding.
    fn encode(&self, out: &mut Encoder);

    /// Reads one value.
    ///
    /// # Errors
    /// [`Malformed`] when the input is anything but the one encoding of a value.
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed>;

    /// Whether the field is left out of its map. Only `Option` ever is.
    fn is_absent(&self) -> bool {
        false
    }

    /// The value of a field that its map does not hold; `None` where the field is required.
    fn absent() -> Option<Self> {
        None
    }
}

/// The encoding of `value`.
#[must_use]
pub fn to_vec<T: Cbor>(value: &T) -> Vec<u8> {
    let mut out = Encoder::new();
    value.encode(&mut out);
    out.finish()
}

/// Reads one value that is all of `bytes`.
///
/// # Errors
/// [`Malformed`], also when bytes follow the value.
pub fn from_slice<T: Cbor>(bytes: &[u8]) -> Result<T, Malformed> {
    let mut input = Decoder::new(bytes);
    let value = T::decode(&mut input)?;
    input.finish()?;
    Ok(value)
}

const UINT: u8 = 0;
const NINT: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;
const SIMPLE: u8 = 7;

/// Appends CBOR items to a buffer. Arrays and maps are announced by their length; the caller appends as many items.
///
/// **Invariant:** a buffer that became too small is wiped: of what was encoded there is one copy, which is the caller's.
#[derive(Default)]
pub struct Encoder(Vec<u8>);

impl Encoder {
    /// An empty buffer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes appended so far.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    fn head(&mut self, major: u8, value: u64) -> &mut Self {
        let major = major << 5;
        let bytes = value.to_be_bytes();
        let (info, tail) = match value {
            0..=23 => (bytes[7], 8),
            24..=0xFF => (24, 7),
            0x100..=0xFFFF => (25, 6),
            0x1_0000..=0xFFFF_FFFF => (26, 4),
            _ => (27, 0),
        };
        let out = self.room(9);
        out.push(major | info);
        out.extend_from_slice(bytes.get(tail..).unwrap_or_default());
        self
    }

    /// The buffer, with room for so many bytes more.
    fn room(&mut self, more: usize) -> &mut Vec<u8> {
        if self.0.capacity().saturating_sub(self.0.len()) < more {
            self.grow(more);
        }
        &mut self.0
    }

    #[cold]
    fn grow(&mut self, more: usize) {
        let needed = self.0.len().saturating_add(more);
        let mut larger = Vec::with_capacity(needed.max(self.0.capacity().saturating_mul(2)).max(64));
        larger.extend_from_slice(&self.0);
        core::mem::replace(&mut self.0, larger).zeroize();
    }

    /// An unsigned integer.
    pub fn uint(&mut self, value: u64) -> &mut Self {
        self.head(UINT, value)
    }

    /// A signed integer.
    pub fn int(&mut self, value: i64) -> &mut Self {
        match u64::try_from(value) {
            Ok(positive) => self.head(UINT, positive),
            Err(_) => self.head(NINT, (!value).unsigned_abs()),
        }
    }

    /// A byte string.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.head(BYTES, length(value.len())).room(value.len()).extend_from_slice(value);
        self
    }

    /// A text string.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.head(TEXT, length(value.len())).room(value.len()).extend_from_slice(value.as_bytes());
        self
    }

    /// The head of an array of `items`.
    pub fn array(&mut self, items: usize) -> &mut Self {
        self.head(ARRAY, length(items))
    }

    /// The head of a map of `pairs`; keys must follow in bytewise order of their encodings.
    pub fn map(&mut self, pairs: usize) -> &mut Self {
        self.head(MAP, length(pairs))
    }

    /// A tag; its content follows.
    pub fn tag(&mut self, number: u64) -> &mut Self {
        self.head(TAG, number)
    }

    /// `true` or `false`.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.head(SIMPLE, if value { 21 } else { 20 })
    }

    /// `null`.
    pub fn null(&mut self) -> &mut Self {
        self.head(SIMPLE, 22)
    }

    /// A value by its own encoding.
    pub fn value<T: Cbor>(&mut self, value: &T) -> &mut Self {
        value.encode(self);
        self
    }

    /// One pair of a map, left out when the value is absent.
    pub fn pair<T: Cbor>(&mut self, key: i64, value: &T) -> &mut Self {
        if value.is_absent() { self } else { self.int(key).value(value) }
    }
}

fn length(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

/// Reads CBOR items from a slice, strictly.
pub struct Decoder<'a> {
    rest: &'a [u8],
    depth: u8,
}

impl<'a> Decoder<'a> {
    /// Reads from the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, depth: 0 }
    }

    /// The bytes not read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// # Errors
    /// [`Malformed`] when bytes are left.
    pub fn finish(self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed) }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    fn head(&mut self) -> Result<(u8, u64), Malformed> {
        let &[first] = self.take(1)? else { return Err(Malformed) };
        let (width, least) = match first & 0x1F {
            info @ 0..=23 => return Ok((first >> 5, u64::from(info))),
            24 => (1, 24),
            25 => (2, 0x100),
            26 => (4, 0x1_0000),
            27 => (8, 0x1_0000_0000),
            _ => return Err(Malformed),
        };
        let value = self.take(width)?.iter().fold(0u64, |value, &byte| value << 8 | u64::from(byte));
        if value < least { Err(Malformed) } else { Ok((first >> 5, value)) }
    }

    fn expect(&mut self, major: u8) -> Result<u64, Malformed> {
        let (found, value) = self.head()?;
        if found == major { Ok(value) } else { Err(Malformed) }
    }

    /// The major type of the next item (RFC 8949 §3.1), 0..=7.
    ///
    /// # Errors
    /// [`Malformed`] at the end of the input.
    pub fn peek_major(&self) -> Result<u8, Malformed> {
        self.rest.first().map(|byte| byte >> 5).ok_or(Malformed)
    }

    /// Whether the next item is `null`; takes it if it is.
    pub fn take_null(&mut self) -> bool {
        match self.rest.split_first() {
            Some((0xF6, rest)) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// An unsigned integer.
    ///
    /// # Errors
    /// [`Malformed`] when the next item is anything else; so for every reader below.
    pub fn uint(&mut self) -> Result<u64, Malformed> {
        self.expect(UINT)
    }

    /// A signed integer.
    ///
    /// # Errors
    /// [`Malformed`], also beyond `i64`.
    pub fn int(&mut self) -> Result<i64, Malformed> {
        let (major, value) = self.head()?;
        let value = i64::try_from(value).map_err(|_| Malformed)?;
        match major {
            UINT => Ok(value),
            NINT => Ok(!value),
            _ => Err(Malformed),
        }
    }

    /// A byte string, borrowed.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let count = self.expect(BYTES)?;
        self.take(usize::try_from(count).map_err(|_| Malformed)?)
    }

    /// A text string, borrowed.
    ///
    /// # Errors
    /// [`Malformed`], also when it is not UTF-8.
    pub fn text(&mut self) -> Result<&'a str, Malformed> {
        let count = self.expect(TEXT)?;
        let bytes = self.take(usize::try_from(count).map_err(|_| Malformed)?)?;
        core::str::from_utf8(bytes).map_err(|_| Malformed)
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn bool(&mut self) -> Result<bool, Malformed> {
        match self.expect(SIMPLE)? {
            20 => Ok(false),
            21 => Ok(true),
            _ => Err(Malformed),
        }
    }

    /// A tag; its content follows.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn tag(&mut self) -> Result<u64, Malformed> {
        self.expect(TAG)
    }

    fn nested<T>(
        &mut self,
        major: u8,
        read: impl FnOnce(&mut Self, usize) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
        let items = usize::try_from(self.expect(major)?).map_err(|_| Malformed)?;
        if items > ITEMS_MAX || self.depth >= DEPTH_MAX {
            return Err(Malformed);
        }
        self.depth = self.depth.saturating_add(1);
        let value = read(self, items);
        self.depth = self.depth.saturating_sub(1);
        value
    }

    /// An array: `read` is given its length and takes exactly as many items.
    ///
    /// # Errors
    /// [`Malformed`], also when it is longer than [`ITEMS_MAX`] or deeper than [`DEPTH_MAX`].
    pub fn array<T>(
        &mut self,
        read: impl FnOnce(&mut Self, usize) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
        self.nested(ARRAY, read)
    }

    /// A map whose keys are not known beforehand: `read` is given the number of pairs and takes exactly as many keys and values. The order of
    /// the keys is the caller's to check.
    ///
    /// # Errors
    /// [`Malformed`], also when it is longer than [`ITEMS_MAX`] or deeper than [`DEPTH_MAX`].
    pub fn pairs<T>(
        &mut self,
        read: impl FnOnce(&mut Self, usize) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
        self.nested(MAP, read)
    }

    /// A map with integer keys: `read` asks for its fields in order, see [`Fields`]. A key that was not asked for is refused.
    ///
    /// # Errors
    /// [`Malformed`], also for a key that is unknown, repeated or out of order.
    pub fn map<T>(
        &mut self,
        read: impl FnOnce(&mut Fields<'_, 'a>) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
        self.nested(MAP, |input, pairs| {
            let mut fields = Fields { input, left: pairs };
            let value = read(&mut fields)?;
            if fields.left == 0 { Ok(value) } else { Err(Malformed) }
        })
    }
}

/// The pairs of a map that is being read.
pub struct Fields<'d, 'a> {
    input: &'d mut Decoder<'a>,
    left: usize,
}

impl Fields<'_, '_> {
    /// The field `key`, which must be the next pair, or absent where it may be. Ask in bytewise order of the encoded keys.
    ///
    /// # Errors
    /// [`Malformed`] when a required field is not next.
    pub fn field<T: Cbor>(&mut self, key: i64) -> Result<T, Malformed> {
        let before = self.input.rest;
        if self.left > 0 && self.input.int() == Ok(key) {
            self.left = self.left.saturating_sub(1);
            return T::decode(self.input);
        }
        self.input.rest = before;
        T::absent().ok_or(Malformed)
    }
}

/// A byte string that owns its bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(pub Vec<u8>);

impl core::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&symbolon_types::hex_upper(&self.0))
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Cbor for Bytes {
    fn encode(&self, out: &mut Encoder) {
        out.bytes(&self.0);
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        Ok(Self(input.bytes()?.into()))
    }
}

impl<const N: usize> Cbor for [u8; N] {
    fn encode(&self, out: &mut Encoder) {
        out.bytes(self);
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        input.bytes()?.try_into().map_err(|_| Malformed)
    }
}

/// For what is sealed before it is kept: the encoding holds the secret in clear.
impl<const N: usize> Cbor for Secret<[u8; N]> {
    fn encode(&self, out: &mut Encoder) {
        out.bytes(self.reveal());
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        Cbor::decode(input).map(Self::new)
    }
}

impl Cbor for String {
    fn encode(&self, out: &mut Encoder) {
        out.text(self);
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        input.text().map(Into::into)
    }
}

impl Cbor for bool {
    fn encode(&self, out: &mut Encoder) {
        out.bool(*self);
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        input.bool()
    }
}

impl Cbor for i64 {
    fn encode(&self, out: &mut Encoder) {
        out.int(*self);
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        input.int()
    }
}

impl Cbor for () {
    fn encode(&self, out: &mut Encoder) {
        out.null();
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        if input.take_null() { Ok(()) } else { Err(Malformed) }
    }
}

macro_rules! unsigned {
    ($($type:ty),*) => {$(
        impl Cbor for $type {
            fn encode(&self, out: &mut Encoder) {
                out.uint(u64::from(*self));
            }
            fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
                input.uint()?.try_into().map_err(|_| Malformed)
            }
        }
    )*};
}
unsigned!(u8, u16, u32, u64);

impl<T: Cbor> Cbor for Option<T> {
    fn encode(&self, out: &mut Encoder) {
        if let Some(value) = self {
            value.encode(out);
        }
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        T::decode(input).map(Some)
    }
    fn is_absent(&self) -> bool {
        self.is_none()
    }
    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Cbor> Cbor for Vec<T> {
    fn encode(&self, out: &mut Encoder) {
        out.array(self.len());
        for item in self {
            item.encode(out);
        }
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        input.array(|input, items| (0..items).map(|_| T::decode(input)).collect())
    }
}

impl Cbor for Hash {
    fn encode(&self, out: &mut Encoder) {
        self.0.encode(out);
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        Cbor::decode(input).map(Self)
    }
}

impl Cbor for UnixMs {
    fn encode(&self, out: &mut Encoder) {
        out.uint(self.0);
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        input.uint().map(Self)
    }
}

impl Cbor for UnixSeconds {
    fn encode(&self, out: &mut Encoder) {
        out.uint(self.0);
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        input.uint().map(Self)
    }
}

impl Cbor for Currency {
    fn encode(&self, out: &mut Encoder) {
        out.uint(u64::from(self.numeric()));
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        Self::from_numeric(u16::decode(input)?).ok_or(Malformed)
    }
}

/// `[minor units, numeric currency code]`.
impl Cbor for Amount {
    fn encode(&self, out: &mut Encoder) {
        out.array(2).uint(self.minor()).value(&self.currency());
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        input.array(|input, items| {
            let (minor, currency) = (input.uint()?, Currency::decode(input)?);
            if items == 2 { Self::new(minor, currency).map_err(|_| Malformed) } else { Err(Malformed) }
        })
    }
}

#[cfg(test)]
mod tests;
