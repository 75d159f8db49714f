//! Where a message begins and ends in a stream of bytes. ISO 8583 leaves this to the parties, so it is data:
//!
//! ```text
//! length ─► header (none, n bytes, or a TPDU) ─► message ─► ETX, if any
//!           └──────────── what the length counts ────────────┘   and the length itself, if inclusive
//! ```
//! A TPDU is 60, the destination and the source, two bytes each; an answer swaps the two.
//!
//! **Invariant:** what is kept is at most one frame of the largest size; a truncation waits; an impossible length ends the stream
//! before anything is kept for it; how the stream is split changes nothing.
use std::fmt;
use std::str::FromStr;
use zeroize::{Zeroize, Zeroizing};

/// The largest message unless another bound is set, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 8192;
/// The longest fixed header, in bytes.
pub const HEADER_BYTES_MAX: usize = 64;
const ETX: u8 = 0x03;
const TPDU_ID: u8 = 0x60;
const TPDU_BYTES: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Be2,
    Le2,
    Be4,
    Ascii4,
    Bcd2,
}

const CODINGS: [(&str, Coding); 5] = [
    ("be2", Coding::Be2),
    ("le2", Coding::Le2),
    ("be4", Coding::Be4),
    ("ascii4", Coding::Ascii4),
    ("bcd2", Coding::Bcd2),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Header {
    Fixed(usize),
    Tpdu,
}

/// How one link cuts its stream. Parsed from `be2`, `le2`, `be4`, `ascii4` or `bcd2`, with `-inclusive` where the length counts
/// itself, then `+tpdu` or `+header=N`, then `+etx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    coding: Coding,
    inclusive: bool,
    header: Header,
    etx: bool,
}

/// The text names no framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownFraming;

impl fmt::Display for UnknownFraming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a framing, such as be2, ascii4-inclusive, be2+tpdu or be2+header=12+etx")
    }
}

impl std::error::Error for UnknownFraming {}

/// Why a stream cannot be read on, or an answer cannot be framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A decimal length has something other than digits.
    NotDecimal,
    /// The length leaves no byte for a message.
    TooShort,
    /// The length is above the bound, or above what its digits can write.
    TooLong,
    /// The header is no TPDU, or has another size than the link's.
    Header,
    /// The last byte is not ETX.
    Trailer,
}

/// One frame.
pub enum Frame {
    /// A frame of length 0.
    KeepAlive,
    /// A message with what stood before it.
    Message {
        /// The header's bytes; empty where the link has none.
        header: Vec<u8>,
        /// The message, wiped when dropped.
        message: Zeroizing<Vec<u8>>,
    },
}

impl FromStr for Framing {
    type Err = UnknownFraming;

    fn from_str(text: &str) -> Result<Self, UnknownFraming> {
        let mut words = text.split('+');
        let length = words.next().unwrap_or_default();
        let (name, inclusive) = match length.strip_suffix("-inclusive") {
            Some(name) => (name, true),
            None => (length, false),
        };
        let (_, coding) = CODINGS.iter().find(|(known, _)| *known == name).ok_or(UnknownFraming)?;
        let mut framing = Self { coding: *coding, inclusive, header: Header::Fixed(0), etx: false };
        for word in words {
            if framing.etx {
                return Err(UnknownFraming);
            }
            match word.strip_prefix("header=") {
                _ if word == "etx" => framing.etx = true,
                _ if framing.header != Header::Fixed(0) => return Err(UnknownFraming),
                None if word == "tpdu" => framing.header = Header::Tpdu,
                Some(bytes) => match bytes.parse() {
                    Ok(bytes @ 1..=HEADER_BYTES_MAX) => framing.header = Header::Fixed(bytes),
                    _ => return Err(UnknownFraming),
                },
                None => return Err(UnknownFraming),
            }
        }
        Ok(framing)
    }
}

impl Framing {
    fn length_bytes(self) -> usize {
        match self.coding {
            Coding::Be2 | Coding::Le2 | Coding::Bcd2 => 2,
            Coding::Be4 | Coding::Ascii4 => 4,
        }
    }

    fn header_bytes(self) -> usize {
        match self.header {
            Header::Fixed(bytes) => bytes,
            Header::Tpdu => TPDU_BYTES,
        }
    }

    /// Header and trailer.
    fn around_bytes(self) -> usize {
        self.header_bytes() + usize::from(self.etx)
    }

    /// What the length field says, itself uncounted. `bytes` are exactly the field.
    fn length(self, bytes: &[u8]) -> Result<usize, Fault> {
        let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        let length = match self.coding {
            Coding::Be2 | Coding::Be4 => number(bytes),
            Coding::Le2 => number(&bytes.iter().rev().copied().collect::<Vec<_>>()),
            Coding::Ascii4 => decimal(bytes.iter().map(|byte| byte.wrapping_sub(b'0')))?,
            Coding::Bcd2 => decimal(bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]))?,
        };
        let length = usize::try_from(length).map_err(|_| Fault::TooLong)?;
        let itself = if self.inclusive { self.length_bytes() } else { 0 };
        length.checked_sub(itself).ok_or(Fault::TooShort)
    }

    fn append_length(self, counted: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
        let itself = if self.inclusive { self.length_bytes() } else { 0 };
        let length = u32::try_from(counted + itself).map_err(|_| Fault::TooLong)?;
        let short = || u16::try_from(length).map_err(|_| Fault::TooLong);
        if matches!(self.coding, Coding::Ascii4 | Coding::Bcd2) && length > 9999 {
            return Err(Fault::TooLong);
        }
        let digits = || format!("{length:04}").into_bytes();
        match self.coding {
            Coding::Be2 => out.extend(short()?.to_be_bytes()),
            Coding::Le2 => out.extend(short()?.to_le_bytes()),
            Coding::Be4 => out.extend(length.to_be_bytes()),
            Coding::Ascii4 => out.extend(digits()),
            Coding::Bcd2 => {
                out.extend(digits().chunks(2).map(|pair| ((pair[0] & 0x0F) << 4) | (pair[1] & 0x0F)))
            }
        }
        Ok(())
    }

    /// The header of the answer to a message that came with `header`: a TPDU with destination and source swapped, else the same.
    #[must_use]
    pub fn answer_header(self, header: &[u8]) -> Vec<u8> {
        match (self.header, header) {
            (Header::Tpdu, &[id, to_high, to_low, from_high, from_low]) => {
                vec![id, from_high, from_low, to_high, to_low]
            }
            _ => header.to_vec(),
        }
    }

    /// One frame with `header` and `message`, in a buffer that is wiped and never moved.
    ///
    /// # Errors
    /// `Header` for a header of another size than the link's or that is no TPDU; `TooShort` for an empty message; `TooLong` for
    /// one that the length cannot say.
    pub fn encode(self, header: &[u8], message: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
        if header.len() != self.header_bytes() || !self.header_fits(header) {
            return Err(Fault::Header);
        }
        if message.is_empty() {
            return Err(Fault::TooShort);
        }
        let counted = self.around_bytes() + message.len();
        let mut out = Zeroizing::new(Vec::with_capacity(self.length_bytes() + counted));
        self.append_length(counted, &mut out)?;
        out.extend_from_slice(header);
        out.extend_from_slice(message);
        if self.etx {
            out.push(ETX);
        }
        Ok(out)
    }

    /// A frame of length 0.
    #[must_use]
    pub fn keep_alive(self) -> Zeroizing<Vec<u8>> {
        let mut out = Vec::with_capacity(self.length_bytes());
        // at most 4: every coding writes it
        let _ = self.append_length(0, &mut out);
        Zeroizing::new(out)
    }

    fn header_fits(self, header: &[u8]) -> bool {
        self.header != Header::Tpdu || header.first() == Some(&TPDU_ID)
    }
}

/// The number that at most four digits write.
fn decimal(mut digits: impl Iterator<Item = u8>) -> Result<u64, Fault> {
    digits.try_fold(
        0,
        |sum, digit| if digit > 9 { Err(Fault::NotDecimal) } else { Ok(sum * 10 + u64::from(digit)) },
    )
}

/// Reads frames from a stream, however it is split.
pub struct Decoder {
    framing: Framing,
    message_bytes_max: usize,
    kept: Zeroizing<Vec<u8>>,
    capacity: usize,
}

impl Decoder {
    /// For messages of at most `message_bytes_max` bytes, header and trailer uncounted. All that it will ever keep is reserved now.
    #[must_use]
    pub fn new(framing: Framing, message_bytes_max: usize) -> Self {
        let capacity =
            framing.length_bytes().saturating_add(framing.around_bytes()).saturating_add(message_bytes_max);
        Self { framing, message_bytes_max, kept: Zeroizing::new(Vec::with_capacity(capacity)), capacity }
    }

    /// Takes from the front of `bytes` what there is room for, and says how many bytes that was. Nothing is taken only while a whole
    /// frame waits for [`Decoder::frame`].
    pub fn take(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.capacity.saturating_sub(self.kept.len()));
        self.kept.extend_from_slice(&bytes[..taken]);
        taken
    }

    /// Whether a frame has begun and is not whole.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        !self.kept.is_empty()
    }

    /// The next frame, `None` until it is whole.
    ///
    /// # Errors
    /// A [`Fault`]: the stream has no next frame, ever.
    pub fn frame(&mut self) -> Result<Option<Frame>, Fault> {
        let start = self.framing.length_bytes();
        let Some(field) = self.kept.get(..start) else { return Ok(None) };
        let counted = self.framing.length(field)?;
        if counted == 0 {
            self.drop_front(start);
            return Ok(Some(Frame::KeepAlive));
        }
        let length = counted.checked_sub(self.framing.around_bytes()).filter(|length| *length > 0);
        let length = length.ok_or(Fault::TooShort)?;
        if length > self.message_bytes_max {
            return Err(Fault::TooLong);
        }
        let Some(body) = self.kept.get(start..start + counted) else { return Ok(None) };
        let (header, rest) = body.split_at(self.framing.header_bytes());
        let (message, trailer) = rest.split_at(length);
        if !self.framing.header_fits(header) {
            return Err(Fault::Header);
        }
        if trailer.iter().any(|byte| *byte != ETX) {
            return Err(Fault::Trailer);
        }
        let frame = Frame::Message { header: header.to_vec(), message: Zeroizing::new(message.to_vec()) };
        self.drop_front(start + counted);
        Ok(Some(frame))
    }

    fn drop_front(&mut self, bytes: usize) {
        let left = self.kept.len() - bytes;
        self.kept.copy_within(bytes.., 0);
        self.kept[left..].zeroize();
        self.kept.truncate(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [&str; 10] = [
        "be2",
        "be2-inclusive",
        "le2",
        "be4",
        "be4-inclusive",
        "ascii4",
        "ascii4-inclusive",
        "bcd2",
        "be2+tpdu",
        "ascii4+header=3+etx",
    ];

    fn header(framing: Framing) -> Vec<u8> {
        [0x60, 1, 2, 3, 4][..framing.header_bytes()].to_vec()
    }

    /// Every message of the pieces; `None` is a keep-alive.
    fn read(framing: Framing, max: usize, pieces: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>, Fault> {
        let (mut decoder, mut frames) = (Decoder::new(framing, max), Vec::new());
        for piece in pieces {
            let mut rest = *piece;
            loop {
                rest = &rest[decoder.take(rest)..];
                match decoder.frame()? {
                    Some(Frame::KeepAlive) => frames.push(None),
                    Some(Frame::Message { message, .. }) => frames.push(Some(message.to_vec())),
                    None if rest.is_empty() => break,
                    None => {}
                }
            }
        }
        Ok(frames)
    }

    #[test]
    fn lengths_as_written() {
        let check = |text: &str, wire: &[u8]| {
            let framing: Framing = text.parse().unwrap();
            assert_eq!(framing.encode(&header(framing), b"ABCDEFGHIJ").unwrap()[..], *wire, "{text}");
        };
        check("be2", b"\x00\x0AABCDEFGHIJ");
        check("be2-inclusive", b"\x00\x0CABCDEFGHIJ");
        check("le2", b"\x0A\x00ABCDEFGHIJ");
        check("be4", b"\0\0\0\x0AABCDEFGHIJ");
        check("ascii4", b"0010ABCDEFGHIJ");
        check("ascii4-inclusive", b"0014ABCDEFGHIJ");
        check("bcd2", b"\x00\x10ABCDEFGHIJ");
        check("be2+tpdu", b"\x00\x0F\x60\x01\x02\x03\x04ABCDEFGHIJ");
        check("be2+etx", b"\x00\x0BABCDEFGHIJ\x03");
    }

    #[test]
    fn a_tpdu_is_swapped() {
        let framing: Framing = "be2+tpdu".parse().unwrap();
        assert_eq!(framing.answer_header(&[0x60, 1, 2, 3, 4]), [0x60, 3, 4, 1, 2]);
    }

    #[test]
    fn every_split_point() {
        for text in ALL {
            let framing: Framing = text.parse().unwrap();
            let mut stream = framing.encode(&header(framing), b"first").unwrap().to_vec();
            stream.extend(framing.keep_alive().iter());
            stream.extend(framing.encode(&header(framing), &[3; 300]).unwrap().iter());
            let expect = Ok(vec![Some(b"first".to_vec()), None, Some(vec![3; 300])]);
            for at in 0..=stream.len() {
                assert_eq!(read(framing, 300, &[&stream[..at], &stream[at..]]), expect, "{text} at {at}");
            }
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            assert_eq!(read(framing, 300, &bytes), expect, "{text} byte by byte");
            assert_eq!(read(framing, 299, &bytes), Err(Fault::TooLong), "{text}");
        }
    }

    #[test]
    fn impossible_streams() {
        let check = |text: &str, wire: &[u8], fault| {
            assert_eq!(read(text.parse().unwrap(), 100, &[wire]), Err(fault), "{text}");
        };
        check("ascii4", b"00A1", Fault::NotDecimal);
        check("bcd2", &[0x0A, 0x00], Fault::NotDecimal);
        check("be2-inclusive", &[0, 1], Fault::TooShort);
        check("be2+tpdu", &[0, 5], Fault::TooShort);
        check("be2", &[0, 101], Fault::TooLong);
        check("be4", &[0xFF; 4], Fault::TooLong);
        check("be2+tpdu", &[0, 6, 0x61, 0, 0, 0, 0, 1], Fault::Header);
        check("be2+etx", &[0, 2, 1, 2], Fault::Trailer);
    }

    #[test]
    fn texts_refused() {
        for text in
            ["", "be3", "be2+", "be2+etx+tpdu", "be2+tpdu+tpdu", "be2+header=0", "be2+header=65", "BE2"]
        {
            assert_eq!(text.parse::<Framing>(), Err(UnknownFraming), "{text}");
        }
    }

    proptest! {
        #[test]
        fn splits_change_nothing(
            stream in proptest::collection::vec(any::<u8>(), 0..200),
            sizes in proptest::collection::vec(1_usize..9, 200),
            which in 0..ALL.len(),
        ) {
            let framing: Framing = ALL[which].parse().unwrap();
            let (mut pieces, mut rest) = (Vec::new(), &stream[..]);
            for size in sizes {
                let (piece, after) = rest.split_at(size.min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            prop_assert_eq!(read(framing, 50, &pieces), read(framing, 50, &[&stream]));
        }
    }
}
