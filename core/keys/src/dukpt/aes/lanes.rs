//! AES encryption of eight lanes at once, each under a key of its own (FIPS 197): the key schedule of encryption only, made while the rounds use it.
//!
//! ```text
//!   texts, keys, round keys: blocks[lane], one AES instruction each   the schedule: words[j], four lanes in a vector
//! ```
//! **Invariant:** every lane is what AES gives for its key and block, whatever the other lanes hold; no branch and no address depends on a key.
use aes::Block;
use aes::cipher::array::Array;
use aes::hazmat::{Block8, cipher_round_par, inv_mix_columns};
use wide::u32x4;
use zeroize::Zeroize;

/// How many lanes.
pub const LANES: usize = 8;

/// One block of each lane.
pub type Blocks = Block8;

/// No blocks yet.
pub const ZERO: Blocks = Array([Array([0; 16]); LANES]);

/// One 32-bit word of each lane, the first byte of the text lowest; in vectors by name, so that the compiler does not take them apart.
type Word = [u32x4; 2];

/// The round constants (FIPS 197 §5.2); AES-128 uses all ten.
const RCON: [u32; 10] = [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x1B, 0x36];

/// Where the schedule of keys of `K` words is made: kept from call to call, wiped when dropped.
pub struct Scratch<const K: usize> {
    words: [Word; K],
    round_key: Blocks,
    boxes: Blocks,
}

impl<const K: usize> Scratch<K> {
    /// With nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self { words: [[u32x4::ZERO; 2]; K], round_key: ZERO, boxes: ZERO }
    }
}

impl<const K: usize> Default for Scratch<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const K: usize> Drop for Scratch<K> {
    fn drop(&mut self) {
        bytemuck::cast_slice_mut::<u32x4, u32>(self.words.as_flattened_mut()).zeroize();
        wipe(&mut self.round_key);
        wipe(&mut self.boxes);
    }
}

/// Overwrites blocks for good.
pub fn wipe(blocks: &mut Blocks) {
    blocks.iter_mut().for_each(|block| block.0.zeroize());
}

/// Enciphers `B` blocks of each lane under the lane's key of `K` words, 4, 6 or 8, in place. A key's first four words are in the first blocks.
#[expect(clippy::arithmetic_side_effects, reason = "there are at most 14 rounds")]
pub fn encrypt<const K: usize, const B: usize>(
    keys: &[Blocks; 2],
    texts: &mut [Blocks; B],
    scratch: &mut Scratch<K>,
) {
    let rounds = K + 6;
    let Scratch { words, round_key, boxes } = scratch;
    let taken = keys.iter().flat_map(by_word);
    words.iter_mut().zip(taken).for_each(|(word, taken)| *word = taken);
    texts.iter_mut().for_each(|text| add(text, &keys[0]));
    for round in 1..rounds {
        by_block(scheduled(words, round, boxes), round_key);
        texts.iter_mut().for_each(|text| cipher_round_par(text, round_key));
    }
    by_block(scheduled(words, rounds, boxes), round_key);
    for text in texts {
        // The last round has no MixColumns (FIPS 197 §5.1), so it is taken back.
        cipher_round_par(text, &ZERO);
        text.iter_mut().for_each(inv_mix_columns);
        add(text, round_key);
    }
}

/// The key of a round, 1 or above (FIPS 197 §5.2). `keys` holds the `K` words of the schedule before it, and takes its words in.
#[inline(always)]
#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "slots are below K, words below 60; round constants are ten, of which AES-128 uses all"
)]
fn scheduled<const K: usize>(keys: &mut [Word; K], round: usize, boxes: &mut Blocks) -> [Word; 4] {
    let (at, first) = (4 * round, 4 * round % K);
    if K == 6 {
        // A round's words are of two keys in a row.
        let mut words = [[u32x4::ZERO; 2]; 4];
        for (word, made) in words.iter_mut().enumerate() {
            let (at, slot) = (at + word, (at + word) % K);
            if at >= K {
                let before = keys[(slot + K - 1) % K];
                let mixed = if slot == 0 { sub_rot_word(before, RCON[at / K - 1], boxes) } else { before };
                keys[slot] = xor(keys[slot], mixed);
            }
            *made = keys[slot];
        }
        return words;
    }
    if at >= K {
        let before = keys[(first + K - 1) % K];
        let mixed = match first {
            0 => sub_rot_word(before, RCON[at / K - 1], boxes),
            _ => sub_word(before, boxes),
        };
        keys[first] = xor(keys[first], mixed);
        keys[first + 1] = xor(keys[first + 1], keys[first]);
        keys[first + 2] = xor(keys[first + 2], keys[first + 1]);
        keys[first + 3] = xor(keys[first + 3], keys[first + 2]);
    }
    [keys[first], keys[first + 1], keys[first + 2], keys[first + 3]]
}

/// SubWord after RotWord, with a round constant (FIPS 197 §5.2).
#[inline(always)]
fn sub_rot_word(word: Word, constant: u32, boxes: &mut Blocks) -> Word {
    substituted(word, boxes).map(|[a, b, c, d]| {
        let (second, third) = (u32x4::splat(0xFF00), u32x4::splat(0x00FF_0000));
        let rotated = (b & second).unbounded_shr_scalar(8)
            | (c & second)
            | (d & third)
            | (a & second).unbounded_shl_scalar(16);
        rotated ^ u32x4::splat(constant)
    })
}

/// SubWord (FIPS 197 §5.2).
#[inline(always)]
fn sub_word(word: Word, boxes: &mut Blocks) -> Word {
    substituted(word, boxes).map(|[a, b, c, d]| {
        let (second, third) = (u32x4::splat(0xFF00), u32x4::splat(0x00FF_0000));
        (a & second).unbounded_shr_scalar(8)
            | (b & second)
            | (c & third)
            | (d & third).unbounded_shl_scalar(8)
    })
}

/// What the S-box gives for the four bytes of each lane's word, lowest first, in the second and the third byte of a word.
///
/// The first row of a block is not shifted, and a column `(x, y, y, y)` whose `y` the S-box maps to zero leaves the round as `(2, 1, 1, 3) · S(x)`.
/// So a block takes one byte of four lanes.
#[inline(always)]
fn substituted(word: Word, boxes: &mut Blocks) -> [[u32x4; 4]; 2] {
    let (lowest, mapped_to_zero) = (u32x4::splat(0xFF), u32x4::splat(0x5252_5200));
    let (halves, _) = boxes.0.as_chunks_mut::<4>();
    for (half, blocks) in word.iter().zip(halves) {
        for (shift, block) in [0, 8, 16, 24].into_iter().zip(blocks) {
            put(block, (half.unbounded_shr_scalar(shift) & lowest) | mapped_to_zero);
        }
    }
    cipher_round_par(boxes, &ZERO);
    let Array([a, b, c, d, e, f, g, h]) = boxes;
    [[a, b, c, d].map(|block| take(block)), [e, f, g, h].map(|block| take(block))]
}

#[inline(always)]
fn xor([a, b]: Word, [c, d]: Word) -> Word {
    [a ^ c, b ^ d]
}

#[inline(always)]
fn add(blocks: &mut Blocks, keys: &Blocks) {
    blocks.iter_mut().zip(keys).for_each(|(block, key)| put(block, take(block) ^ take(key)));
}

#[inline(always)]
fn put(block: &mut Block, words: u32x4) {
    block.0 = bytemuck::cast(little_endian(words));
}

#[inline(always)]
fn take(block: &Block) -> u32x4 {
    little_endian(bytemuck::cast(block.0))
}

/// Words as their bytes stand in a block; nothing to do on nearly every machine.
#[inline(always)]
fn little_endian(words: u32x4) -> u32x4 {
    if cfg!(target_endian = "little") { words } else { u32x4::new(words.to_array().map(u32::swap_bytes)) }
}

/// Words of lanes to blocks of lanes.
#[inline(always)]
fn by_block([[a, b], [c, d], [e, f], [g, h]]: [Word; 4], blocks: &mut Blocks) {
    let words = u32x4::transpose([a, c, e, g]).into_iter().chain(u32x4::transpose([b, d, f, h]));
    blocks.iter_mut().zip(words).for_each(|(block, words)| put(block, words));
}

/// Blocks of lanes to words of lanes.
#[inline(always)]
fn by_word(Array([a, b, c, d, e, f, g, h]): &Blocks) -> [Word; 4] {
    let [i, j, k, l] = u32x4::transpose([a, b, c, d].map(take));
    let [m, n, o, p] = u32x4::transpose([e, f, g, h].map(take));
    [[i, m], [j, n], [k, o], [l, p]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cipher::{Aes, BlockCipher};

    /// Against the `aes` crate's own ciphers, every lane with another key and other texts.
    fn check<const K: usize>(round: u32) {
        let blocks = |at: u32| -> Blocks {
            let byte = |lane: usize, byte: usize| {
                ((at * 128 + lane as u32 * 16 + byte as u32 + round * 977).wrapping_mul(0x9E37_79B1) >> 24)
                    as u8
            };
            Array(core::array::from_fn(|lane| Array(core::array::from_fn(|at| byte(lane, at)))))
        };
        let (keys, before) = ([blocks(0), blocks(1)], [blocks(2), blocks(3)]);
        let (mut texts, mut scratch) = (before, Scratch::<K>::new());
        encrypt(&keys, &mut texts, &mut scratch);
        for lane in 0..LANES {
            let key = [keys[0][lane].0, keys[1][lane].0];
            let cipher = Aes::new(&key.as_flattened()[..4 * K]).unwrap();
            for (text, before) in texts.iter().zip(&before) {
                let mut block = before[lane].0;
                cipher.encrypt(&mut block);
                assert_eq!(text[lane].0, block, "{K} words, lane {lane}");
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
