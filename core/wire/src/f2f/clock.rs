//! The clock of the F2F decoder: the most likely way to cut a list of intervals into cells, found by dynamic programming.
//!
//! ```text
//!   node i   the boundary before interval i, if a cell ends there: the least cost of getting there, and the clock of that way
//!              start   the clock is the median of the next SYNC_CELLS intervals          cost: i × SKIP
//!              zero    from node i-1: one interval                                       cost: how far it is from the clock
//!              one     from node i-2: two intervals                                      cost: as above for both together, and how unequal they are
//!   the best of the last nodes, with SKIP for each interval after it, is traced back
//! ```
//! Costs are squares of relative deviations, as of independent errors with one variance. Each way carries its own clock, of which a quarter
//! of each cell's deviation becomes part: so a wrong guess about one cell does not spoil the clock of the right one.
//!
//! **Invariant:** each cell is one interval or two that lie beside one another; all arithmetic saturates.
use super::{F2fError, SYNC_CELLS};
use alloc::vec::Vec;
use symbolon_types::Secret;

/// Fraction bits of a clock.
const CLOCK_BITS: u32 = 8;

/// What stands for the whole in a relative deviation.
const ONE: u64 = 1024;

/// The largest relative deviation that is told from larger ones: four times the clock.
const DEVIATION_MAX: u64 = 4 * ONE;

/// The cost of an interval that is left out at an end: that of a deviation of 22 %, which a whole cell hardly has and noise exceeds.
const SKIP: u64 = ONE * ONE / 20;

/// The most intervals that are left out at an end.
const SKIPPED_MAX: usize = 32;

/// A pulse is noise when it is shorter than this part of its two neighbours together; a half-cell is at least a sixth.
const SPIKE_PART: u64 = 8;

/// How a boundary was reached.
#[derive(Clone, Copy)]
enum Step {
    Start,
    Zero,
    One,
}

#[derive(Clone, Copy)]
struct Node {
    cost: u64,
    /// The length of a cell, with [`CLOCK_BITS`] of fraction; at least one unit.
    clock: u64,
    step: Step,
}

const UNREACHED: Node = Node { cost: u64::MAX, clock: 1 << CLOCK_BITS, step: Step::Start };

impl Node {
    fn better(self, other: Self) -> Self {
        if other.cost < self.cost { other } else { self }
    }

    fn start(skipped: usize, intervals: &[u64]) -> Self {
        let sync = intervals.get(skipped..skipped.saturating_add(SYNC_CELLS));
        let Some(mut sync) = sync.and_then(|sync| <[u64; SYNC_CELLS]>::try_from(sync).ok()) else {
            return UNREACHED;
        };
        sync.sort_unstable();
        let [_, _, median, _, _] = sync;
        Self { cost: skip(skipped), clock: scaled(median).max(1 << CLOCK_BITS), step: Step::Start }
    }

    fn zero(self, interval: u64) -> Self {
        self.next(scaled(interval), 0, Step::Zero)
    }

    fn one(self, first: u64, second: u64) -> Self {
        let both = first.saturating_add(second);
        self.next(scaled(both), square(first.abs_diff(second), both.max(1)), Step::One)
    }

    fn next(self, cell: u64, cost: u64, step: Step) -> Self {
        let cost =
            self.cost.saturating_add(cost).saturating_add(square(cell.abs_diff(self.clock), self.clock));
        let clock = self.clock.saturating_sub(self.clock / 4).saturating_add(cell / 4);
        Self { cost, clock: clock.max(1 << CLOCK_BITS), step }
    }
}

fn scaled(interval: u64) -> u64 {
    interval << CLOCK_BITS
}

/// The square of a deviation in parts of `whole`, which is not zero.
fn square(deviation: u64, whole: u64) -> u64 {
    let part = deviation.saturating_mul(ONE).checked_div(whole).unwrap_or(DEVIATION_MAX).min(DEVIATION_MAX);
    part.saturating_mul(part)
}

fn skip(intervals: usize) -> u64 {
    u64::try_from(intervals).unwrap_or(u64::MAX).saturating_mul(SKIP)
}

/// The bits of at most [`INTERVALS_MAX`](super::INTERVALS_MAX) intervals.
pub(super) fn recover(intervals: &[u32]) -> Result<Secret<Vec<bool>>, F2fError> {
    let intervals = without_spikes(intervals);
    let intervals = intervals.reveal().as_slice();
    if intervals.len() < SYNC_CELLS {
        return Err(F2fError::TooFew);
    }
    let nodes = nodes(intervals);
    let end = nodes
        .iter()
        .enumerate()
        .rev()
        .take(SKIPPED_MAX)
        .min_by_key(|(at, node)| node.cost.saturating_add(skip(intervals.len().saturating_sub(*at))))
        .map_or(0, |(at, _)| at);
    let mut bits = Vec::with_capacity(nodes.len());
    let mut at = end;
    while let Some(node) = nodes.get(at) {
        let back = match node.step {
            Step::Start => break,
            Step::Zero => 1,
            Step::One => 2,
        };
        bits.push(back == 2);
        at = at.saturating_sub(back);
    }
    bits.reverse();
    Ok(Secret::new(bits))
}

/// One node more than there are intervals. Their steps tell the track, but not where it is kept: the list is short-lived and has no Debug.
fn nodes(intervals: &[u64]) -> Vec<Node> {
    let mut nodes = Vec::with_capacity(intervals.len().saturating_add(1));
    let (mut last, mut before_last, mut interval_before) = (UNREACHED, UNREACHED, 0);
    for at in 0..=intervals.len() {
        let mut node = if at <= SKIPPED_MAX { Node::start(at, intervals) } else { UNREACHED };
        if let Some(&interval) = at.checked_sub(1).and_then(|index| intervals.get(index)) {
            node = node.better(last.zero(interval)).better(before_last.one(interval_before, interval));
            interval_before = interval;
        }
        nodes.push(node);
        (before_last, last) = (last, node);
    }
    nodes
}

/// Two reversals close together say nothing: with them gone, the intervals on both sides and the pulse between them are one.
fn without_spikes(intervals: &[u32]) -> Secret<Vec<u64>> {
    let mut kept: Vec<u64> = Vec::with_capacity(intervals.len());
    for &interval in intervals {
        kept.push(interval.into());
        while let Some((rest, &[before, pulse, after])) = kept.split_last_chunk()
            && pulse.saturating_mul(SPIKE_PART) < before.saturating_add(after)
        {
            kept.truncate(rest.len());
            kept.push(before.saturating_add(pulse).saturating_add(after));
        }
    }
    Secret::new(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(intervals: &[u32], expect: &str) {
        let bits = recover(intervals).unwrap();
        let text: alloc::string::String =
            bits.reveal().iter().map(|&bit| if bit { '1' } else { '0' }).collect();
        assert_eq!(text, expect, "{intervals:?}");
    }

    #[test]
    fn cells_follow_the_clock() {
        check(&[100, 100, 100, 100, 100, 50, 50, 100, 50, 50, 50, 50], "000001011");
        // Slower from cell to cell, to less than half the speed.
        check(
            &[100, 105, 110, 116, 122, 64, 64, 134, 70, 71, 74, 74, 155, 163, 85, 86, 180, 189, 99, 100],
            "000001011001001",
        );
        // A cell that is 15 % too short beside one that is 15 % too long.
        check(&[100, 100, 100, 100, 100, 42, 43, 115, 57, 58, 85, 85, 57, 58], "00000101001");
    }

    #[test]
    fn a_pulse_of_noise_is_one_interval_with_its_neighbours() {
        check(&[100, 100, 100, 40, 4, 56, 100, 100, 50, 50], "0000001");
        check(&[100, 100, 100, 100, 100, 20, 3, 27, 50, 100], "0000010");
        check(&[100, 100, 100, 100, 100, 2, 2, 96, 50, 50], "0000001");
    }

    #[test]
    fn noise_at_the_ends_is_left_out() {
        check(&[40, 40, 170, 100, 100, 100, 100, 100, 50, 50, 100, 45, 171], "0000010");
    }
}
