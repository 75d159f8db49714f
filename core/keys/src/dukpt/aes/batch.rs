//! Working keys of many transactions at once: eight derivations go side by side, and one that ends makes room for the next.
//!
//! **Invariant:** each answer is the one that [`transaction`](super::transaction) and [`working_key`](super::Transaction::working_key) give.
use super::lanes::{self, Blocks, LANES, Scratch, Word};
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

/// The first two words of the derivation data of blocks 1 and 2, as lanes hold words.
type What = [[u32; 2]; 2];

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
    keys: [Word; K],
    texts: [Blocks; B],
    scratch: Scratch<B>,
    /// The last key of each lane that was given out.
    made: [[u8; 32]; LANES],
    lanes: [Option<Lane>; LANES],
}

impl<const K: usize, const B: usize> Drop for Run<K, B> {
    fn drop(&mut self) {
        self.keys.zeroize();
        self.texts.zeroize();
        self.made.zeroize();
    }
}

#[expect(clippy::indexing_slicing, reason = "lanes are below eight, words below K, blocks below B")]
impl<const K: usize, const B: usize> Run<K, B> {
    fn new<U: Derived>(base: KeyAlgorithm, algorithm: KeyAlgorithm) -> Self {
        let words = |usage: u16, algorithm| {
            [1, 2].map(|block: u8| {
                let [a, b, c, d, e, f, g, h] = what(block, usage, algorithm);
                [u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])]
            })
        };
        Self {
            step: words(usage::Derivation::INDICATOR, base),
            working: words(U::INDICATOR, algorithm),
            keys: [[0; LANES]; K],
            texts: [[[0; LANES]; 4]; B],
            scratch: Scratch::new(),
            made: [[0; 32]; LANES],
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
            lanes::encrypt(&mut run.keys, &mut run.texts, &mut run.scratch);
            // First all words, then all keys: a key that is read while its words are still being written waits for them.
            (0..LANES).for_each(|lane| run.gather(lane));
            for lane in 0..LANES {
                if let Some(Lane { at, last: true, .. }) = run.lanes[lane] {
                    answer(at, Key::of_first(algorithm, run.made[lane]));
                    run.lanes[lane] = None;
                }
            }
            // What a lane without work keeps is overwritten when it takes some in.
            run.keys.copy_from_slice(&run.texts.as_flattened()[..K]);
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
        for (word, bytes) in self.keys.iter_mut().zip(initial.reveal().as_chunks().0) {
            word[lane] = u32::from_le_bytes(*bytes);
        }
        Lane { at, ksn: *ksn, walked: 0, last: false }
    }

    /// The derivation data of a lane's next step.
    fn write(&mut self, lane: usize) {
        let Some(under_way) = &mut self.lanes[lane] else { return };
        under_way.last = under_way.walked == under_way.ksn.counter;
        under_way.walked |= highest_one(under_way.ksn.counter ^ under_way.walked);
        let what = if under_way.last { &self.working } else { &self.step };
        let [a, b, c, d, e, f, g, h] = whose(&Ksn { counter: under_way.walked, ..under_way.ksn });
        let whose = [u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])];
        for (text, what) in self.texts.iter_mut().zip(what) {
            let words = what.iter().chain(&whose);
            text.iter_mut().zip(words).for_each(|(text, word)| text[lane] = *word);
        }
    }

    /// Puts the words of a lane's working key together.
    fn gather(&mut self, lane: usize) {
        if !matches!(self.lanes[lane], Some(Lane { last: true, .. })) {
            return;
        }
        let words = self.texts.as_flattened().iter();
        let bytes = self.made[lane].as_chunks_mut().0.iter_mut();
        bytes.zip(words).for_each(|(bytes, word)| *bytes = word[lane].to_le_bytes());
    }
}
