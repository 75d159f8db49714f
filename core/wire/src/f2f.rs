//! Two-frequency coherent phase encoding (F2F, Aiken biphase; ISO/IEC 7811-2 §9): bits, half-cell levels, and the time between reversals.
//!
//! ```text
//!   bits        0     0     1     1     0
//!   level     ▔▔▔▔▔▁▁▁▁▁▁▔▔▁▁▁▔▔▁▁▁▔▔▔▔▔▔    it flips where a cell begins, and in the middle of a 1
//!   intervals   2     2   1  1  1  1   2     half-cells between reversals; the last cell ends with one
//! ```
//! Polarity means nothing here: only reversals do. The time of a cell follows the hand that moves the card, so [`decode`] carries a clock
//! along ([`clock`](self)): it takes cells that are 15 % too long or too short beside one another, a swipe that doubles or halves its
//! speed, two reversals close together that noise made, and noise before and after the track.
//!
//! **Invariant:** `from_levels(levels(bits, …)) == bits`, and `decode(intervals(bits, cell)) == bits` for bits that begin with
//! [`SYNC_CELLS`] zeros; whole numbers only; time and memory grow with the number of intervals, of which there are at most
//! [`INTERVALS_MAX`].
use crate::track::{self, Reading, Track, TrackError};
use alloc::vec::Vec;
use core::fmt;
use symbolon_types::{CoreRefusal, Refused, Secret};

mod clock;

/// How many zeros the clock is set by.
pub const SYNC_CELLS: usize = 5;

/// The most intervals that are looked at together.
pub const INTERVALS_MAX: usize = 65_536;

/// An interval that is so many times as long as the median is no part of a track: the head rested.
const PAUSE: u32 = 8;

/// Why reversals or levels are no bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum F2fError {
    /// The level does not flip where a cell begins, or half a cell is left over.
    Level {
        /// The half-cell, from 0.
        at: usize,
    },
    /// Fewer intervals than set the clock.
    TooFew,
    /// More intervals than [`INTERVALS_MAX`].
    TooMany,
}

impl From<F2fError> for CoreRefusal {
    fn from(_: F2fError) -> Self {
        Self::TrackInvalid
    }
}

impl From<F2fError> for Refused {
    fn from(error: F2fError) -> Self {
        CoreRefusal::from(error).refused()
    }
}

impl fmt::Display for F2fError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Level { at } => write!(f, "half-cell {at} does not begin a cell"),
            Self::TooFew => f.write_str("too few reversals for a clock"),
            Self::TooMany => f.write_str("too many reversals"),
        }
    }
}

impl core::error::Error for F2fError {}

/// Two half-cells a bit; `before` is the level before the first cell, which flips it.
#[must_use]
pub fn levels(bits: &[bool], before: bool) -> Secret<Vec<bool>> {
    let mut level = before;
    let cells = bits.iter().flat_map(|&bit| {
        let first = !level;
        level = first ^ bit;
        [first, level]
    });
    let mut levels = Vec::with_capacity(bits.len().saturating_mul(2));
    levels.extend(cells);
    Secret::new(levels)
}

/// The bits of half-cell levels, of either polarity. The level before the first is not known, so that reversal is not looked at.
///
/// # Errors
/// [`F2fError::Level`].
pub fn from_levels(levels: &[bool]) -> Result<Secret<Vec<bool>>, F2fError> {
    let mut before = None;
    let mut bits = Vec::with_capacity(levels.len() / 2);
    let mut checked = Ok(());
    for (cell, halves) in levels.chunks(2).enumerate() {
        match *halves {
            [first, second] if before != Some(first) => {
                bits.push(first != second);
                before = Some(second);
            }
            _ => {
                checked = Err(F2fError::Level { at: cell.saturating_mul(2) });
                break;
            }
        }
    }
    let bits = Secret::new(bits);
    checked.map(|()| bits)
}

/// The times between reversals for cells of this length, in any unit: a 0 is one interval, a 1 is two; the last cell ends with a reversal.
/// Cells of length 2 give half-cells. Of an odd length the second half is the longer one.
#[must_use]
pub fn intervals(bits: &[bool], cell: u32) -> Secret<Vec<u32>> {
    let half = cell / 2;
    let mut intervals = Vec::with_capacity(bits.len().saturating_mul(2));
    for &bit in bits {
        match bit {
            false => intervals.push(cell),
            true => intervals.extend([half, cell.saturating_sub(half)]),
        }
    }
    Secret::new(intervals)
}

/// How many half-cells lie between reversals, the last level ending with one: what [`intervals`] gives for cells of length 2.
#[must_use]
pub fn level_intervals(levels: &[bool]) -> Secret<Vec<u32>> {
    let mut intervals = Vec::with_capacity(levels.len());
    let lengths =
        levels.chunk_by(|one, next| one == next).map(|run| u32::try_from(run.len()).unwrap_or(u32::MAX));
    intervals.extend(lengths);
    Secret::new(intervals)
}

/// The bits of times between reversals, in any one unit in which a cell is about ten or more; the first [`SYNC_CELLS`] of the track are
/// zeros. Noise at the start and the end is left out where it does not fit the clock.
///
/// # Errors
/// [`F2fError::TooFew`], [`F2fError::TooMany`].
pub fn decode(intervals: &[u32]) -> Result<Secret<Vec<bool>>, F2fError> {
    if intervals.len() > INTERVALS_MAX {
        return Err(F2fError::TooMany);
    }
    clock::recover(intervals)
}

/// Reads a track from times between reversals: whatever pauses stand before, after and between; the clock is set from the one end and from
/// the other, and both must give the same text where both give one.
///
/// # Errors
/// [`TrackError`], of the stretch without a pause that is longest; [`TrackError::Ambiguous`] also where two stretches hold different texts,
/// and [`TrackError::NoStart`] also for more than [`INTERVALS_MAX`] intervals.
pub fn read(track: Track, intervals: &[u32]) -> Result<Reading, TrackError> {
    if intervals.len() > INTERVALS_MAX {
        return Err(TrackError::NoStart);
    }
    let mut sorted = intervals.to_vec();
    let middle = sorted.len() / 2;
    sorted.sort_unstable();
    let sorted = Secret::new(sorted);
    let pause = sorted.reveal().get(middle).map_or(0, |median| median.saturating_mul(PAUSE));
    let mut found: Option<Reading> = None;
    let (mut longest, mut error) = (0, TrackError::NoStart);
    for stretch in intervals.split(|&interval| interval > pause) {
        match read_stretch(track, stretch) {
            Ok(reading) if found.as_ref().is_some_and(|before| before.data != reading.data) => {
                return Err(TrackError::Ambiguous);
            }
            Ok(reading) => found = found.or(Some(reading)),
            Err(TrackError::Ambiguous) => return Err(TrackError::Ambiguous),
            Err(other) if stretch.len() > longest => (longest, error) = (stretch.len(), other),
            Err(_) => {}
        }
    }
    found.ok_or(error)
}

fn read_stretch(track: Track, stretch: &[u32]) -> Result<Reading, TrackError> {
    let of = |intervals: &[u32]| {
        let bits = decode(intervals).map_err(|_| TrackError::NoStart)?;
        track::decode(track, bits.reveal())
    };
    let mut turned = stretch.to_vec();
    turned.reverse();
    let turned = Secret::new(turned);
    let backward =
        of(turned.reveal()).map(|reading| Reading { direction: reading.direction.turned(), ..reading });
    match (of(stretch), backward) {
        (Ok(one), Ok(other)) if one.data != other.data => Err(TrackError::Ambiguous),
        (Ok(reading), _) | (Err(_), Ok(reading)) => Ok(reading),
        (Err(error), Err(_)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn levels_and_intervals_are_those_of_the_drawing() {
        let bits = [false, false, true, true, false, true, false];
        let text: alloc::string::String =
            levels(&bits, false).reveal().iter().map(|&level| if level { '1' } else { '0' }).collect();
        assert_eq!(text, "11001010110100");
        assert_eq!(intervals(&bits, 2).reveal(), &[2, 2, 1, 1, 1, 1, 2, 1, 1, 2]);
        assert_eq!(intervals(&bits[2..5], 7).reveal(), &[3, 4, 3, 4, 7]);
        for before in [false, true] {
            let levels = levels(&bits, before);
            assert_eq!(level_intervals(levels.reveal()).reveal(), intervals(&bits, 2).reveal());
            assert_eq!(from_levels(levels.reveal()).map(|found| found.reveal().clone()), Ok(bits.to_vec()));
            let turned: Vec<bool> = levels.reveal().iter().rev().copied().collect();
            let back: Vec<bool> = bits.iter().rev().copied().collect();
            assert_eq!(from_levels(&turned).map(|found| found.reveal().clone()), Ok(back));
        }
    }

    #[test]
    fn levels_that_do_not_flip_are_refused_by_their_place() {
        let refused = |levels: &[bool]| from_levels(levels).map(drop);
        assert_eq!(refused(&[]), Ok(()));
        assert_eq!(refused(&[true]), Err(F2fError::Level { at: 0 }));
        assert_eq!(refused(&[true, true, true, false]), Err(F2fError::Level { at: 2 }));
        assert_eq!(refused(&[true, false, true, true, false]), Err(F2fError::Level { at: 4 }));
    }

    #[test]
    fn intervals_are_bounded() {
        assert_eq!(decode(&[100; SYNC_CELLS - 1]).map(drop), Err(F2fError::TooFew));
        assert_eq!(decode(&[100; SYNC_CELLS]).map(|bits| bits.reveal().clone()), Ok(vec![false; SYNC_CELLS]));
        assert_eq!(decode(&vec![1; INTERVALS_MAX + 1]).map(drop), Err(F2fError::TooMany));
        assert_eq!(read(Track::Two, &vec![1; INTERVALS_MAX + 1]), Err(TrackError::NoStart));
        assert_eq!(read(Track::Two, &[]), Err(TrackError::NoStart));
        assert!(decode(&[0; 9]).is_ok() && decode(&[u32::MAX; 99]).is_ok());
    }
}
