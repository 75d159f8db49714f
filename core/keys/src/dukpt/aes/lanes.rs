//! AES encryption of eight lanes at once, each under a key of its own (FIPS 197): the key schedule of encryption only, made while the rounds use it.
//!
//! ```text
//!   keys and texts are kept word by word, words[j][lane];  a round takes them block by block: one instruction a block where the machine has it
//! ```
//! **Invariant:** every lane is what AES gives for its key and block, whatever the other lanes hold; no branch and no address depends on a key.
use aes::Block;
use aes::cipher::array::Array;
use aes::hazmat::{Block8, cipher_round_par, inv_mix_columns};
use zeroize::Zeroize;

/// How many lanes.
pub const LANES: usize = 8;

/// One 32-bit word of each lane; the first byte of the text is the lowest.
pub type Word = [u32; LANES];

/// One block of each lane.
pub type Blocks = [Word; 4];

/// One word of half of the lanes: what one block holds.
type Half = [u32; 4];

const ZERO: Block8 = Array([Array([0; 16]); LANES]);

/// The round constants (FIPS 197 §5.2); AES-128 uses all ten.
const RCON: [u32; 10] = [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x1B, 0x36];

/// Where the rounds work: kept from call to call, wiped when dropped.
pub struct Scratch<const B: usize> {
    blocks: [Block8; B],
    round_key: Block8,
    boxes: Block8,
}

impl<const B: usize> Scratch<B> {
    /// With nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self { blocks: [ZERO; B], round_key: ZERO, boxes: ZERO }
    }
}

impl<const B: usize> Default for Scratch<B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const B: usize> Drop for Scratch<B> {
    fn drop(&mut self) {
        let all = self.blocks.iter_mut().chain([&mut self.round_key, &mut self.boxes]);
        all.flatten().for_each(|block| block.0.zeroize());
    }
}

/// Enciphers `B` blocks of each lane under the lane's key of `K` words, 4, 6 or 8, in place. The keys are overwritten with the end of their schedule.
#[expect(clippy::arithmetic_side_effects, reason = "there are at most 14 rounds")]
pub fn encrypt<const K: usize, const B: usize>(
    keys: &mut [Word; K],
    texts: &mut [Blocks; B],
    scratch: &mut Scratch<B>,
) {
    let rounds = K + 6;
    let Scratch { blocks, round_key, boxes } = scratch;
    for (text, block) in texts.iter().zip(&mut *blocks) {
        let [a, b, c, d] = *text;
        by_block(&[xor(a, keys[0]), xor(b, keys[1]), xor(c, keys[2]), xor(d, keys[3])], block);
    }
    for round in 1..rounds {
        by_block(&scheduled(keys, round, boxes), round_key);
        blocks.iter_mut().for_each(|block| cipher_round_par(block, round_key));
    }
    let last = scheduled(keys, rounds, boxes);
    for (text, block) in texts.iter_mut().zip(blocks) {
        // The last round has no MixColumns (FIPS 197 §5.1), so it is taken back.
        cipher_round_par(block, &ZERO);
        block.iter_mut().for_each(inv_mix_columns);
        by_word(block, text);
        text.iter_mut().zip(last).for_each(|(word, key)| *word = xor(*word, key));
    }
}

/// The key of a round, 1 or above (FIPS 197 §5.2). `keys` holds the `K` words of the schedule before it, and takes its words in.
#[inline(always)]
#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "slots are below K, words below 60; round constants are ten, of which AES-128 uses all"
)]
fn scheduled<const K: usize>(keys: &mut [Word; K], round: usize, boxes: &mut Block8) -> Blocks {
    let (at, first) = (4 * round, 4 * round % K);
    if K == 6 {
        // A round's words are of two keys in a row.
        let mut words = [[0; LANES]; 4];
        for (word, made) in words.iter_mut().enumerate() {
            let (at, slot) = (at + word, (at + word) % K);
            if at >= K {
                let before = keys[(slot + K - 1) % K];
                let mixed = if slot == 0 { sub_word(&before, 1, RCON[at / K - 1], boxes) } else { before };
                keys[slot] = xor(keys[slot], mixed);
            }
            *made = keys[slot];
        }
        return words;
    }
    if at >= K {
        let before = &keys[(first + K - 1) % K];
        let mixed = match first {
            0 => sub_word(before, 1, RCON[at / K - 1], boxes),
            _ => sub_word(before, 0, 0, boxes),
        };
        keys[first] = xor(keys[first], mixed);
        keys[first + 1] = xor(keys[first + 1], keys[first]);
        keys[first + 2] = xor(keys[first + 2], keys[first + 1]);
        keys[first + 3] = xor(keys[first + 3], keys[first + 2]);
    }
    [keys[first], keys[first + 1], keys[first + 2], keys[first + 3]]
}

/// SubWord of each lane, after RotWord by `rotated` bytes, with a round constant (FIPS 197 §5.2): through the S-boxes of one round.
///
/// The first row of a block is not shifted, and a column `(x, y, y, y)` whose `y` the S-box maps to zero leaves the round as `(2, 1, 1, 3) · S(x)`:
/// its second byte is `S(x)`. So a block takes one byte of four lanes.
#[inline(always)]
#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "eight blocks, four of each half; shifts are below 32"
)]
fn sub_word(word: &Word, rotated: u32, constant: u32, blocks: &mut Block8) -> Word {
    const MAPPED_TO_ZERO: u32 = 0x5252_5200;
    const BYTES: [(u32, usize); 4] = [(0, 0), (8, 1), (16, 2), (24, 3)];
    let [low, high] = halves(word);
    for (shift, at) in BYTES {
        let byte = |word: u32| ((word >> shift) & 0xFF) | MAPPED_TO_ZERO;
        put(&mut blocks[at], each(low, byte));
        put(&mut blocks[at | 4], each(high, byte));
    }
    cipher_round_par(blocks, &ZERO);
    let (mut low, mut high) = ([constant; 4], [constant; 4]);
    for (shift, at) in BYTES {
        let to = (shift + 32 - 8 * rotated) % 32;
        let gather = |(word, made): (&mut u32, u32)| *word ^= ((made >> 8) & 0xFF) << to;
        low.iter_mut().zip(take(&blocks[at])).for_each(gather);
        high.iter_mut().zip(take(&blocks[at | 4])).for_each(gather);
    }
    joined(low, high)
}

/// What `change` makes of each word; in place, for so it becomes one vector instruction for all.
#[inline(always)]
fn each(mut half: Half, change: impl Fn(u32) -> u32) -> Half {
    half.iter_mut().for_each(|word| *word = change(*word));
    half
}

#[inline(always)]
fn halves(&[a, b, c, d, e, f, g, h]: &Word) -> [Half; 2] {
    [[a, b, c, d], [e, f, g, h]]
}

#[inline(always)]
fn joined([a, b, c, d]: Half, [e, f, g, h]: Half) -> Word {
    [a, b, c, d, e, f, g, h]
}

#[inline(always)]
fn xor(mut left: Word, right: Word) -> Word {
    left.iter_mut().zip(right).for_each(|(left, right)| *left ^= right);
    left
}

#[inline(always)]
fn put(block: &mut Block, words: Half) {
    let (chunks, _) = block.0.as_chunks_mut();
    chunks.iter_mut().zip(words).for_each(|(bytes, word)| *bytes = word.to_le_bytes());
}

#[inline(always)]
fn take(block: &Block) -> Half {
    let mut words = [0; 4];
    let (chunks, _) = block.0.as_chunks();
    words.iter_mut().zip(chunks).for_each(|(word, bytes)| *word = u32::from_le_bytes(*bytes));
    words
}

/// Words of lanes to blocks of lanes.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "a lane is below eight")]
fn by_block([a, b, c, d]: &Blocks, blocks: &mut Block8) {
    for lane in 0..LANES {
        put(&mut blocks[lane], [a[lane], b[lane], c[lane], d[lane]]);
    }
}

/// Blocks of lanes to words of lanes.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "a lane is below eight")]
fn by_word(blocks: &Block8, words: &mut Blocks) {
    for lane in 0..LANES {
        words.iter_mut().zip(take(&blocks[lane])).for_each(|(word, taken)| word[lane] = taken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cipher::{Aes, BlockCipher};
    use alloc::vec::Vec;

    /// Against the `aes` crate's own ciphers, every lane with another key and other texts.
    fn check<const K: usize>(round: u32) {
        let word = |at: u32| {
            core::array::from_fn(|lane| (at * 8 + lane as u32 + round * 977).wrapping_mul(0x9E37_79B1))
        };
        let mut keys: [Word; K] = core::array::from_fn(|at| word(at as u32));
        let mut texts: [Blocks; 2] =
            core::array::from_fn(|block| core::array::from_fn(|at| word(100 + block as u32 * 4 + at as u32)));
        let (keys_before, texts_before, mut scratch) = (keys, texts, Scratch::new());
        encrypt(&mut keys, &mut texts, &mut scratch);
        let bytes = |words: &[Word], lane: usize| -> Vec<u8> {
            words.iter().flat_map(|word| word[lane].to_le_bytes()).collect()
        };
        for lane in 0..LANES {
            let cipher = Aes::new(&bytes(&keys_before, lane)).unwrap();
            for (text, before) in texts.iter().zip(&texts_before) {
                let mut block = bytes(before, lane).try_into().unwrap();
                cipher.encrypt(&mut block);
                assert_eq!(bytes(text, lane), block, "{K} words, lane {lane}");
            }
        }
    }

    #[test]
    fn every_lane_is_aes() {
        for round in 0..50 {
            check::<4>(round);
            check::<6>(round);
            check::<8>(round);
        }
    }
}
