//! A message as the texts of one or more QR symbols, all in the alphanumeric mode of ISO/IEC 18004.
//!
//! ```text
//!   SYM1:9AE0DAAF:03/05:<base45>        one frame: the CRC-32 of the whole message, index from 01, count, its share of the bytes
//!
//!   Empty ──first frame──► Collecting ──last missing frame──► checksum right: the message, else Empty
//!                              └──── a frame of another message, or one that differs from its twin: refused, nothing kept of it
//! ```
//! A message of one frame has the same header, `01/01`. The checksum finds damage and tells messages apart; what a message is worth
//! stands on the signature inside it.
//!
//! **Invariant:** frames arrive in any order and any number of times; a message comes out whole or not at all.
use crate::base45;
use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

/// The most frames of one message.
pub const COUNT_MAX: usize = 32;

/// The most bytes that one frame carries when [`split`] makes it: its text of at most 965 characters fits version 20-M (970).
pub const PART_BYTES_MAX: usize = 630;

/// The longest text that is looked at: what version 40-L holds.
pub const TEXT_MAX: usize = 4296;

const MAGIC: &str = "SYM1";

/// Why frames are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartsError {
    /// The text is not one frame.
    Malformed,
    /// The message does not fit [`COUNT_MAX`] frames, or a frame claims more.
    TooMany,
    /// The frame belongs to another message than those before it.
    OtherMessage,
    /// The frame differs from one that had its index.
    Conflict,
    /// All frames are there and their bytes do not have the message's checksum.
    Checksum,
}

impl core::fmt::Display for PartsError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a frame of a message",
            Self::TooMany => "more frames than a message may have",
            Self::OtherMessage => "a frame of another message",
            Self::Conflict => "two frames with one index differ",
            Self::Checksum => "the message does not have its checksum",
        })
    }
}

impl core::error::Error for PartsError {}

/// The texts of `message`, in order, of nearly equal lengths.
///
/// # Errors
/// [`PartsError::TooMany`] for more than [`COUNT_MAX`] × [`PART_BYTES_MAX`] bytes.
pub fn split(message: &[u8]) -> Result<Vec<String>, PartsError> {
    let count = message.len().div_ceil(PART_BYTES_MAX).max(1);
    if count > COUNT_MAX {
        return Err(PartsError::TooMany);
    }
    let id = crc32(message);
    // The share is even, so that only the last frame can end in a group of two characters.
    let share = message.len().div_ceil(count).next_multiple_of(2);
    Ok((1..=count)
        .map(|index| {
            let from = share.saturating_mul(index.saturating_sub(1)).min(message.len());
            let to = from.saturating_add(share).min(message.len());
            let body = base45::encode(message.get(from..to).unwrap_or_default());
            format!("{MAGIC}:{id:08X}:{index:02}/{count:02}:{body}")
        })
        .collect())
}

/// One frame, read from its text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    id: u32,
    index: u8,
    count: u8,
    body: Vec<u8>,
}

impl Part {
    fn parse(text: &str) -> Result<Self, PartsError> {
        if text.len() > TEXT_MAX {
            return Err(PartsError::Malformed);
        }
        // The body may hold colons, so only the first three divide.
        let mut fields = text.splitn(4, ':');
        let mut next = || fields.next().ok_or(PartsError::Malformed);
        let (magic, id, position, body) = (next()?, next()?, next()?, next()?);
        let (index, count) = position.split_once('/').ok_or(PartsError::Malformed)?;
        let (index, count) = (two_digits(index)?, two_digits(count)?);
        if usize::from(count) > COUNT_MAX {
            return Err(PartsError::TooMany);
        }
        if magic != MAGIC || index < 1 || index > count {
            return Err(PartsError::Malformed);
        }
        let body = base45::decode(body).map_err(|_| PartsError::Malformed)?;
        Ok(Self { id: eight_hex(id)?, index, count, body })
    }
}

fn two_digits(text: &str) -> Result<u8, PartsError> {
    let strict = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    strict.then(|| text.parse().ok()).flatten().ok_or(PartsError::Malformed)
}

fn eight_hex(text: &str) -> Result<u32, PartsError> {
    let strict = text.len() == 8 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
    strict.then(|| u32::from_str_radix(text, 16).ok()).flatten().ok_or(PartsError::Malformed)
}

/// Puts the frames of one message together.
#[derive(Clone, Debug, Default)]
pub struct Assembler {
    message: Option<(u32, u8)>,
    bodies: BTreeMap<u8, Vec<u8>>,
}

impl Assembler {
    /// Waits for the first frame of any message.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many frames are there, of how many; (0, 0) before the first.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        (self.bodies.len(), self.message.map_or(0, |(_, count)| usize::from(count)))
    }

    /// Takes the text of one symbol. The whole message comes with its last missing frame; the assembler is then empty again.
    ///
    /// # Errors
    /// [`PartsError`]. What was collected is kept, except after [`PartsError::Checksum`], when nothing tells which frame is wrong.
    pub fn accept(&mut self, text: &str) -> Result<Option<Vec<u8>>, PartsError> {
        let part = Part::parse(text)?;
        let message = (part.id, part.count);
        if *self.message.get_or_insert(message) != message {
            return Err(PartsError::OtherMessage);
        }
        if *self.bodies.entry(part.index).or_insert_with(|| part.body.clone()) != part.body {
            return Err(PartsError::Conflict);
        }
        if self.bodies.len() < usize::from(part.count) {
            return Ok(None);
        }
        let whole = core::mem::take(self).bodies.into_values().flatten().collect::<Vec<u8>>();
        if crc32(&whole) == part.id { Ok(Some(whole)) } else { Err(PartsError::Checksum) }
    }
}

/// CRC-32 (ISO/IEC 13239, as in PNG §D): reflected polynomial EDB88320, initial value and final complement all ones.
#[must_use]
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            let shifted = crc >> 1;
            if crc & 1 == 1 { shifted ^ 0xEDB8_8320 } else { shifted }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(length: usize) -> Vec<u8> {
        (0..length).map(|at| u8::try_from((at * 31 + at / 256) % 256).unwrap()).collect()
    }

    #[test]
    fn the_checksum_has_its_published_check_values() {
        // The check value of CRC-32/ISO-HDLC, and the CRC field of every PNG's empty IEND chunk (PNG §11.2.5).
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b"IEND"), 0xAE42_6082);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn one_frame_has_the_header_too() {
        let frames = split(b"base-45").unwrap();
        assert_eq!(frames, [format!("SYM1:{:08X}:01/01:UJCLQE7W581", crc32(b"base-45"))]);
        assert_eq!(Assembler::new().accept(&frames[0]).unwrap().unwrap(), b"base-45");
        assert_eq!(split(b"").unwrap(), ["SYM1:00000000:01/01:"]);
        assert_eq!(Assembler::new().accept("SYM1:00000000:01/01:").unwrap().unwrap(), b"");
    }

    #[test]
    fn every_length_splits_and_fits() {
        for length in [1, 2, 629, 630, 631, 1259, 1260, 1261, 3000, COUNT_MAX * PART_BYTES_MAX] {
            let frames = split(&message(length)).unwrap();
            assert_eq!(frames.len(), length.div_ceil(PART_BYTES_MAX));
            assert!(frames.iter().all(|text| text.len() <= 970 && text.len() > 21));
            assert!(frames.iter().flat_map(|text| text.bytes()).all(|byte| base45::ALPHABET.contains(&byte)));
            let mut assembler = Assembler::new();
            let whole = frames.iter().filter_map(|text| assembler.accept(text).unwrap()).collect::<Vec<_>>();
            assert_eq!(whole, [message(length)]);
        }
        assert_eq!(split(&message(COUNT_MAX * PART_BYTES_MAX + 1)), Err(PartsError::TooMany));
    }

    #[test]
    fn a_frame_of_another_message_is_refused_and_the_first_goes_on() {
        let (ours, theirs) = (split(&message(1000)).unwrap(), split(&message(1001)).unwrap());
        let mut assembler = Assembler::new();
        assert_eq!(assembler.accept(&ours[0]), Ok(None));
        assert_eq!(assembler.progress(), (1, 2));
        assert_eq!(assembler.accept(&theirs[1]), Err(PartsError::OtherMessage));
        assert_eq!(assembler.accept(&ours[1]).unwrap().unwrap(), message(1000));
        assert_eq!(assembler.progress(), (0, 0));
        assert_eq!(assembler.accept(&theirs[0]), Ok(None), "empty again");
    }

    /// The frame with its first body byte changed and its header kept.
    fn tampered(text: &str) -> String {
        let mut part = Part::parse(text).unwrap();
        part.body[0] ^= 1;
        format!("{}{}", &text[..20], base45::encode(&part.body))
    }

    #[test]
    fn a_frame_that_differs_from_its_twin_is_refused() {
        let frames = split(&message(1000)).unwrap();
        let mut assembler = Assembler::new();
        assert_eq!(assembler.accept(&frames[0]), Ok(None));
        assert_eq!(assembler.accept(&frames[0]), Ok(None), "the twin is welcome");
        assert_eq!(assembler.accept(&tampered(&frames[0])), Err(PartsError::Conflict));
        assert_eq!(assembler.accept(&frames[1]).unwrap().unwrap(), message(1000), "the first was kept");
    }

    #[test]
    fn a_wrong_checksum_is_refused_and_collecting_starts_anew() {
        let frames = split(&message(1000)).unwrap();
        let mut assembler = Assembler::new();
        assert_eq!(assembler.accept(&frames[0]), Ok(None));
        assert_eq!(assembler.accept(&tampered(&frames[1])), Err(PartsError::Checksum));
        assert_eq!(assembler.progress(), (0, 0));
        assert_eq!(assembler.accept(&frames[1]), Ok(None));
        assert_eq!(assembler.accept(&frames[0]).unwrap().unwrap(), message(1000));
    }

    #[test]
    fn what_is_not_a_frame_is_refused() {
        let accept = |text: &str| Assembler::new().accept(text);
        assert_eq!(accept("SYM1:00000000:01/32:"), Ok(None));
        assert_eq!(accept("SYM1:00000000:01/33:"), Err(PartsError::TooMany));
        for text in [
            "",
            "SYM1",
            "SYM2:00000000:01/02:",
            "SYM1:00000000:01/02",
            "SYM1:00000000:00/02:",
            "SYM1:00000000:03/02:",
            "SYM1:00000000:1/02:",
            "SYM1:00000000:01/2:",
            "SYM1:00000000:01-02:",
            "SYM1:00000000:+1/02:",
            "SYM1:0000000:01/02:",
            "SYM1:000000000:01/02:",
            "SYM1:0000000a:01/02:",
            "SYM1:+0000000:01/02:",
            "SYM1:00000000:01/02:B",
            "SYM1:00000000:01/02:GGW",
        ] {
            assert_eq!(accept(text), Err(PartsError::Malformed), "{text}");
        }
        let long = format!("SYM1:00000000:01/02:{}", "000".repeat(1500));
        assert_eq!(accept(&long), Err(PartsError::Malformed));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_order_with_duplicates_gives_the_message(
            bytes in proptest::collection::vec(any::<u8>(), 631..6000),
            seed in proptest::collection::vec(any::<prop::sample::Index>(), 0..40),
        ) {
            let frames = split(&bytes).unwrap();
            let mut order = seed.iter().map(|index| index.index(frames.len())).collect::<Vec<_>>();
            order.extend(0..frames.len());
            let mut assembler = Assembler::new();
            let whole = order.iter().find_map(|&at| assembler.accept(&frames[at]).unwrap());
            prop_assert_eq!(whole, Some(bytes));
        }

        #[test]
        fn one_changed_character_never_gives_another_message(
            bytes in proptest::collection::vec(any::<u8>(), 1..300),
            at in any::<prop::sample::Index>(),
            character in prop::sample::select(base45::ALPHABET.to_vec()),
        ) {
            let mut text = split(&bytes).unwrap()[0].clone().into_bytes();
            let at = at.index(text.len());
            text[at] = character;
            let text = String::from_utf8(text).unwrap();
            if let Ok(Some(whole)) = Assembler::new().accept(&text) {
                prop_assert_eq!(whole, bytes);
            }
        }
    }
}
