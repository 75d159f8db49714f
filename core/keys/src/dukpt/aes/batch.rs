//! Working keys of many transactions at once: eight derivations go side by side, and one that ends makes room for the next.
//!
//! **Invariant:** each answer is the one that [`transaction`](super::transaction) and [`working_key`](super::Transaction::working_key) give.
use super::lanes::{self, Blocks, LANES, Scratch};
use super::{Derived, DukptError, Ksn, highest_one, is_aes, what, whose};
use crate::usage::{self, Key, KeyAlgorithm};
use alloc::vec::Vec;
use zeroize::Zeroize;

/// One transaction: its terminal's initial key, and its key serial number.
pub type Wanted<'a> = (&'a Key<usage::Initial>, Ksn);

/// The working key of one usage and algorithm for each transaction, in their order. The initial keys may be of different lengths.
///
/// # Errors
/// For each its own, as [`transaction`](super::transaction) and [`working_key`](super::Transaction::working_key) give them.
#[must_use]
pub fn working_keys<U: Derived>(
    wanted: &[Wanted<'_>],
    algorithm: KeyAlgorithm,
) -> Vec<Result<Key<U>, DukptError>> {
    // Until a run answers, whoever is in `fit` has no key; nobody is left so, for a key that fits has one of the three lengths.
    let (mut fit, mut answers) = (Vec::with_capacity(wanted.len()), Vec::with_capacity(wanted.len()));
    for (at, one) in wanted.iter().enumerate() {
        let refused = checked(one, algorithm).err();
        fit.extend(refused.is_none().then_some((at, one)));
        answers.push(Err(refused.unwrap_or(DukptError::Key)));
    }
    let of = |length: KeyAlgorithm| fit.iter().copied().filter(move |(_, one)| one.0.algorithm() == length);
    let mut answer = |at: usize, key| {
        if let Some(slot) = answers.get_mut(at) {
            *slot = Ok(key);
        }
    };
    let (short, middle, long) = (KeyAlgorithm::Aes128, KeyAlgorithm::Aes192, KeyAlgorithm::Aes256);
    match algorithm.key_len() {
        ..=16 => Run::<4, 1>::all::<U>(short, algorithm, of(short), &mut answer),
        _ => Run::<4, 2>::all::<U>(short, algorithm, of(short), &mut answer),
    }
    Run::<6, 2>::all::<U>(middle, algorithm, of(middle), &mut answer);
    Run::<8, 2>::all::<U>(long, algorithm, of(long), &mut answer);
    answers
}

/// What the single way refuses, in its order.
fn checked((initial, ksn): &Wanted<'_>, algorithm: KeyAlgorithm) -> Result<(), DukptError> {
    ksn.usable()?;
    if !is_aes(initial.algorithm()) {
        return Err(DukptError::Key);
    }
    if algorithm.strength_bits() > initial.algorithm().strength_bits() {
        return Err(DukptError::Weak);
    }
    Ok(())
}

/// The first half of the derivation data of blocks 1 and 2.
type What = [[u8; 8]; 2];

/// A derivation under way.
#[derive(Clone, Copy)]
struct Lane {
    /// Where its answer goes.
    at: usize,
    ksn: Ksn,
    /// The ones of the counter whose steps are done.
    walked: u32,
    /// Whether the step under way gives the working key.
    last: bool,
}

/// Eight lanes whose keys have `K` words, and whose steps give `B` blocks.
struct Run<const K: usize, const B: usize> {
    step: What,
    working: What,
    keys: [Blocks; 2],
    texts: [Blocks; B],
    scratch: Scratch<K>,
    /// The key of a lane that ends.
    made: [[u8; 16]; 2],
    lanes: [Option<Lane>; LANES],
}

impl<const K: usize, const B: usize> Drop for Run<K, B> {
    fn drop(&mut self) {
        self.keys.iter_mut().chain(&mut self.texts).for_each(lanes::wipe);
        self.made.zeroize();
    }
}

#[expect(clippy::indexing_slicing, reason = "lanes are below eight")]
impl<const K: usize, const B: usize> Run<K, B> {
    fn new<U: Derived>(base: KeyAlgorithm, algorithm: KeyAlgorithm) -> Self {
        let of = |usage: u16, algorithm| [1, 2].map(|block: u8| what(block, usage, algorithm));
        Self {
            step: of(usage::Derivation::INDICATOR, base),
            working: of(U::INDICATOR, algorithm),
            keys: [lanes::ZERO; 2],
            texts: [lanes::ZERO; B],
            scratch: Scratch::new(),
            made: [[0; 16]; 2],
            lanes: [None; LANES],
        }
    }

    /// Runs from initial keys of `base` until nothing waits and every lane is empty.
    fn all<'a, U: Derived>(
        base: KeyAlgorithm,
        algorithm: KeyAlgorithm,
        waiting: impl Iterator<Item = (usize, &'a Wanted<'a>)>,
        answer: &mut impl FnMut(usize, Key<U>),
    ) {
        let mut waiting = waiting.fuse().peekable();
        if waiting.peek().is_none() {
            return;
        }
        let mut run = Self::new::<U>(base, algorithm);
        while run.fill(&mut waiting) {
            lanes::encrypt(&run.keys, &mut run.texts, &mut run.scratch);
            for lane in 0..LANES {
                if let Some(Lane { at, last: true, .. }) = run.lanes[lane] {
                    run.made.iter_mut().zip(&run.texts).for_each(|(made, text)| *made = text[lane].0);
                    answer(at, Key::of_first(algorithm, run.made));
                    run.lanes[lane] = None;
                }
            }
            // What a lane without work keeps is overwritten when it takes some in.
            run.keys.iter_mut().zip(&run.texts).for_each(|(key, made)| *key = *made);
        }
    }

    /// Gives empty lanes what waits, and every lane its next step; whether any has one.
    fn fill<'a>(&mut self, waiting: &mut impl Iterator<Item = (usize, &'a Wanted<'a>)>) -> bool {
        let mut busy = false;
        for lane in 0..LANES {
            if self.lanes[lane].is_none() {
                self.lanes[lane] = waiting.next().map(|(at, one)| self.take_in(lane, at, one));
            }
            busy |= self.lanes[lane].is_some();
            self.write(lane);
        }
        busy
    }

    fn take_in(&mut self, lane: usize, at: usize, (initial, ksn): &Wanted<'_>) -> Lane {
        self.keys.iter_mut().zip(initial.padded()).for_each(|(key, half)| key[lane].0 = *half);
        Lane { at, ksn: *ksn, walked: 0, last: false }
    }

    /// The derivation data of a lane's next step.
    fn write(&mut self, lane: usize) {
        let Some(under_way) = &mut self.lanes[lane] else { return };
        under_way.last = under_way.walked == under_way.ksn.counter;
        under_way.walked |= highest_one(under_way.ksn.counter ^ under_way.walked);
        let what = if under_way.last { &self.working } else { &self.step };
        let whose = whose(&Ksn { counter: under_way.walked, ..under_way.ksn });
        for (text, what) in self.texts.iter_mut().zip(what) {
            text[lane].0.as_chunks_mut().0.copy_from_slice(&[*what, whose]);
        }
    }
}
