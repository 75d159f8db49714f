//! A track as the bits that a head meets (ISO/IEC 7811-2 §10, 7811-6): characters least significant bit first, parity last.
//!
//! ```text
//!   0 0 0 0 0 │ start │ characters … │ end │ LRC │ 0 0 0 0 0        zeros for the clock on both sides
//!             └── each: data bits, then what makes the number of ones odd
//!   LRC: the XOR of the data bits of all characters, both sentinels among them; its parity bit is its own
//! ```
//! A stripe that passes the other way gives the bits backwards, a data line that is active low gives them inverted; so there are four
//! readings. Inverted ones count only behind at least one character's width of clocking zeros, which is how an idle line begins.
//! The start sentinel begins at the first one bit. Where something else does, noise was met first: then at a one bit behind more
//! zeros in a row than characters can have.
//!
//! The checks, in their order: parity of each character to the end sentinel, start sentinel, end sentinel, parity of the LRC, LRC, length,
//! characters, and that zeros follow. The refusal is that of the first that fails, in the reading that came furthest behind a
//! start sentinel; without one, in the first that met a one bit.
//!
//! **Invariant:** one wrong bit is never read as another text, nor are two; tests try every one and every pair on random tracks.
use super::{Track, TrackData, TrackError};
use alloc::{string::String, vec::Vec};
use symbolon_types::Secret;

/// Which end of the stripe came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The start sentinel.
    Forward,
    /// The LRC.
    Reverse,
}

impl Direction {
    /// The other one.
    #[must_use]
    pub fn turned(self) -> Self {
        match self {
            Self::Forward => Self::Reverse,
            Self::Reverse => Self::Forward,
        }
    }

    /// `forward` or `reverse`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Reverse => "reverse",
        }
    }
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The text.
    pub data: TrackData,
    /// The way in which the stripe passed.
    pub direction: Direction,
    /// Whether the bits were those of an active-low line.
    pub inverted: bool,
}

/// The value of the LRC character, without its parity bit.
#[must_use]
pub fn lrc(data: &TrackData) -> u8 {
    data.reveal()
        .chars()
        .filter_map(|character| data.track().value(character))
        .fold(0, |lrc, value| lrc ^ value)
}

/// The bits with so many zeros before the start sentinel and after the LRC.
#[must_use]
pub fn encode(data: &TrackData, leading_zeros: u16, trailing_zeros: u16) -> Secret<Vec<bool>> {
    let track = data.track();
    let zeros = usize::from(leading_zeros).saturating_add(usize::from(trailing_zeros));
    let characters = track.characters_max().saturating_mul(track.character_bits());
    // As large as it can become: what grows leaves copies behind.
    let mut bits = Vec::with_capacity(zeros.saturating_add(characters));
    bits.extend((0..leading_zeros).map(|_| false));
    let values = data.reveal().chars().filter_map(|character| track.value(character));
    for value in values.chain([lrc(data)]) {
        bits.extend((0..track.data_bits()).map(|at| value >> at & 1 == 1));
        bits.push(value.count_ones().is_multiple_of(2));
    }
    bits.extend((0..trailing_zeros).map(|_| false));
    Secret::new(bits)
}

/// Reads a track in whichever direction and polarity holds.
///
/// # Errors
/// Any of [`TrackError`].
pub fn decode(track: Track, bits: &[bool]) -> Result<Reading, TrackError> {
    let mut found: Option<Reading> = None;
    let mut nearest = Near { started: false, characters: 0, error: TrackError::NoStart };
    for inverted in [false, true] {
        for direction in [Direction::Forward, Direction::Reverse] {
            let line = Line { track, bits, direction, inverted };
            match line.read() {
                Ok(data) if found.as_ref().is_some_and(|before| before.data != data) => {
                    return Err(TrackError::Ambiguous);
                }
                Ok(data) => found = found.or(Some(Reading { data, direction, inverted })),
                Err(near) if near.is_nearer_than(&nearest) => nearest = near,
                Err(_) => {}
            }
        }
    }
    found.ok_or(nearest.error)
}

/// A reading that failed, and how far it had come.
struct Near {
    /// It began with a start sentinel that something followed.
    started: bool,
    characters: usize,
    error: TrackError,
}

impl Near {
    fn is_nearer_than(&self, other: &Self) -> bool {
        let nothing = other.error == TrackError::NoStart && other.characters == 0;
        nothing || (self.started && (!other.started || self.characters > other.characters))
    }
}

/// One of the four ways to look at the bits.
struct Line<'a> {
    track: Track,
    bits: &'a [bool],
    direction: Direction,
    inverted: bool,
}

impl Line<'_> {
    fn bit(&self, at: usize) -> Option<bool> {
        let at = match self.direction {
            Direction::Forward => at,
            Direction::Reverse => self.bits.len().checked_sub(at)?.checked_sub(1)?,
        };
        self.bits.get(at).map(|bit| bit ^ self.inverted)
    }

    /// The value of the character at a bit, and whether its parity is odd; `None` where the bits end before.
    fn character(&self, at: usize) -> Option<(u8, bool)> {
        let data = self.track.data_bits();
        let mut value = 0;
        for place in 0..data {
            value |= u8::from(self.bit(at.saturating_add(place))?) << place;
        }
        let parity = self.bit(at.saturating_add(data))?;
        Some((value, value.count_ones().is_multiple_of(2) == parity))
    }

    fn starts_at(&self, at: usize) -> bool {
        self.character(at)
            .is_some_and(|(value, odd)| odd && self.track.character(value) == self.track.start())
    }

    /// Where the frame begins: the first one bit, unless a start sentinel stands only later, behind a gap.
    fn start(&self) -> Option<usize> {
        let width = self.track.character_bits();
        let (mut first, mut zeros) = (None, 0_usize);
        for at in 0..self.bits.len() {
            if self.bit(at) != Some(true) {
                zeros = zeros.saturating_add(1);
                continue;
            }
            if first.is_none() && self.inverted && zeros < width {
                return None;
            }
            // No two characters have so many zeros between their ones.
            let may_start = first.is_none() || zeros >= width.saturating_mul(2);
            if may_start && self.starts_at(at) {
                return Some(at);
            }
            first = first.or(Some(at));
            zeros = 0;
        }
        first
    }

    fn read(&self) -> Result<TrackData, Near> {
        let near = |started, characters| move |error| Near { started, characters, error };
        let start = self.start().ok_or(TrackError::NoStart).map_err(near(false, 0))?;
        let mut text = String::with_capacity(self.track.characters_max());
        let mut characters = 0;
        let checked = self.fill(start, &mut text, &mut characters);
        // Wiped whatever comes of it.
        let text = Secret::new(text);
        let started = self.starts_at(start) && characters > 2;
        checked.and_then(|()| TrackData::new(self.track, text)).map_err(near(started, characters))
    }

    /// The characters to the end sentinel into `text`, as many as fit, and all checks of the frame.
    fn fill(&self, start: usize, text: &mut String, characters: &mut usize) -> Result<(), TrackError> {
        let width = self.track.character_bits();
        let place = |count: usize| start.saturating_add(width.saturating_mul(count));
        let next = |count: usize| match self.character(place(count)) {
            None => Err(TrackError::NoEnd),
            Some((_, false)) => Err(TrackError::Parity { at: count }),
            Some((value, true)) => Ok(value),
        };
        let mut sum = 0;
        loop {
            let value = next(*characters)?;
            *characters = characters.saturating_add(1);
            sum ^= value;
            let character = self.track.character(value);
            if *characters < self.track.characters_max() {
                text.push(character);
            }
            if character == self.track.end() {
                break;
            }
        }
        if !self.starts_at(start) {
            return Err(TrackError::NoStart);
        }
        if next(*characters)? != sum {
            return Err(TrackError::Lrc);
        }
        if *characters >= self.track.characters_max() {
            return Err(TrackError::TooLong);
        }
        let after = place(characters.saturating_add(1));
        let quiet = (0..width).all(|bit| self.bit(after.saturating_add(bit)) != Some(true));
        if quiet { Ok(()) } else { Err(TrackError::Trailing) }
    }
}
