//! Magnetic tracks: text, fields and bits (ISO/IEC 7811-2 and 7811-6, ISO/IEC 7813, ISO/IEC 4909).
//!
//! ```text
//!   element (ISO 8583 DE 35, 36, 45) ──from_element──► TrackData ──fields──► PAN, expiry, service code, …   (fields, service)
//!   text with sentinels ─────────────parse───────────►  │    ▲
//!                                                 encode▼    │decode: either direction, either polarity     (bits)
//!                                                       bits  ──f2f──► flux reversals
//! ```
//!
//! | | track 1 | track 2 | track 3 |
//! | --- | --- | --- | --- |
//! | bits an inch | 210 | 75 | 210 |
//! | a character | 6 bits and odd parity, from 20 hex | 4 bits and odd parity, from 30 hex | as track 2 |
//! | characters at most, both sentinels and LRC among them | 79 | 40 | 107 |
//! | start, separator, end | `%` `^` `?` | `;` `=` `?` | `;` `=` `?` |
//!
//! All code positions of a character set may stand between the sentinels, also those that the standard keeps for the control of
//! hardware and for national letters: cards in use have them. Only a sentinel may not.
//!
//! **Invariant:** `decode(track, encode(data, …).reveal())` is `data`; what is not one whole frame is refused; no Debug, Display or error
//! shows what a track holds, but for the first six and the last four digits of an account number.
use core::fmt;
use symbolon_types::{CoreRefusal, Refused};

mod bits;
mod data;
mod fields;
mod service;

pub use bits::{Direction, Reading, decode, encode, lrc};
pub use data::TrackData;
pub use fields::{Field, Fields, Ungrammatical};
pub use service::{Pin, ServiceCode};

/// One of the three tracks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    /// 210 bits an inch, letters and digits.
    One,
    /// 75 bits an inch, digits.
    Two,
    /// 210 bits an inch, digits.
    Three,
}

impl Track {
    /// The track of a number, 1 to 3.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::One, Self::Two, Self::Three].into_iter().find(|track| track.number() == number)
    }

    /// 1, 2 or 3.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Three => 3,
        }
    }

    /// The most characters, with both sentinels and the LRC.
    #[must_use]
    pub fn characters_max(self) -> usize {
        match self {
            Self::One => 79,
            Self::Two => 40,
            Self::Three => 107,
        }
    }

    /// The bits of one character, its parity bit among them.
    #[must_use]
    pub fn character_bits(self) -> usize {
        if self == Self::One { 7 } else { 5 }
    }

    /// The recording density in bits an inch.
    #[must_use]
    pub fn bits_per_inch(self) -> u32 {
        if self == Self::Two { 75 } else { 210 }
    }

    /// The length of one bit cell in nanometres.
    #[must_use]
    pub fn cell_nm(self) -> u32 {
        if self == Self::Two { 338_667 } else { 120_952 }
    }

    /// The start sentinel.
    #[must_use]
    pub fn start(self) -> char {
        if self == Self::One { '%' } else { ';' }
    }

    /// The field separator.
    #[must_use]
    pub fn separator(self) -> char {
        if self == Self::One { '^' } else { '=' }
    }

    /// The end sentinel, the same on every track.
    #[must_use]
    pub fn end(self) -> char {
        '?'
    }

    /// The value of a character, or `None` for one that the track does not have.
    fn value(self, character: char) -> Option<u8> {
        let value = u8::try_from(character).ok()?.checked_sub(self.first_code())?;
        (usize::from(value) < 1 << self.data_bits()).then_some(value)
    }

    /// The character of a value; the bits above those of the track's data are left out.
    fn character(self, value: u8) -> char {
        let mask = if self == Self::One { 0x3F } else { 0x0F };
        char::from((value & mask).saturating_add(self.first_code()))
    }

    fn first_code(self) -> u8 {
        if self == Self::One { 0x20 } else { 0x30 }
    }

    fn data_bits(self) -> usize {
        self.character_bits().saturating_sub(1)
    }
}

/// Why a text or bits are no track. Places are counted from the start sentinel, which is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackError {
    /// A character that the track does not have, or a sentinel between the sentinels.
    Character {
        /// Which.
        at: usize,
    },
    /// The first character is not the start sentinel; in bits also: there is no character at all.
    NoStart,
    /// The end sentinel or what must follow it is not there.
    NoEnd,
    /// There is nothing between the sentinels.
    Empty,
    /// More characters than [`Track::characters_max`].
    TooLong,
    /// A character of even parity, the LRC's own parity included.
    Parity {
        /// Which.
        at: usize,
    },
    /// The LRC is not that of the characters.
    Lrc,
    /// The bits go on after the LRC, where clocking zeros belong.
    Trailing,
    /// Two readings hold that differ.
    Ambiguous,
}

impl From<TrackError> for CoreRefusal {
    fn from(error: TrackError) -> Self {
        match error {
            TrackError::Parity { .. } => Self::Parity,
            TrackError::Lrc => Self::Lrc,
            _ => Self::TrackInvalid,
        }
    }
}

impl From<TrackError> for Refused {
    fn from(error: TrackError) -> Self {
        CoreRefusal::from(error).refused()
    }
}

impl fmt::Display for TrackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Character { at } => write!(f, "character {at} is not one that may stand there"),
            Self::NoStart => f.write_str("no start sentinel"),
            Self::NoEnd => f.write_str("no end sentinel and LRC"),
            Self::Empty => f.write_str("nothing between the sentinels"),
            Self::TooLong => f.write_str("more characters than the track holds"),
            Self::Parity { at } => write!(f, "character {at} has even parity"),
            Self::Lrc => f.write_str("the LRC is not that of the characters"),
            Self::Trailing => f.write_str("bits go on after the LRC"),
            Self::Ambiguous => f.write_str("two readings hold that differ"),
        }
    }
}

impl core::error::Error for TrackError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_position_has_one_character() {
        for (track, characters) in [(Track::One, 64), (Track::Two, 16), (Track::Three, 16)] {
            for value in 0..characters {
                assert_eq!(track.value(track.character(value)), Some(value));
            }
            assert_eq!(
                (0..=255u8).filter(|&code| track.value(code.into()).is_some()).count(),
                characters.into()
            );
        }
        assert_eq!((Track::Two.value('@'), Track::One.value('`'), Track::One.value('é')), (None, None, None));
    }

    #[test]
    fn a_cell_is_an_inch_by_the_density() {
        for track in [Track::One, Track::Two, Track::Three] {
            assert!(track.cell_nm().abs_diff(25_400_000 / track.bits_per_inch()) <= 1);
            assert_eq!(Track::from_number(track.number()), Some(track));
        }
        assert_eq!((Track::from_number(0), Track::from_number(4)), (None, None));
    }
}
