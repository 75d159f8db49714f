//! Bitsliced DES: one operation over many blocks at once, each under its own key (FIPS 46-3, SP 800-67).
//!
//! A host that derives or checks for many terminals and cards at once does so here: a run takes 512 blocks through the same steps and costs about as
//! much as a few dozen of them one by one. Single blocks are better served by [`crate::cipher::Tdes`].
//!
//! **Invariant:** no branch, no address and no time depends on a key or a block; only how many there are, and how long, can be seen from outside.
use crate::CryptoError;
use crate::cipher::{Padding, padded};
use alloc::vec::Vec;
use kernel::{Block, Direction, LANES, Planes, Wide, Word, des, parts, run};
use pulp::Simd;
use symbolon_types::Secret;

pub(crate) mod kernel;
mod sbox;

/// Enciphers each block under the key at the same place: two-key triple DES, EDE (SP 800-67 §3.1). Parity bits are ignored.
///
/// # Errors
/// [`CryptoError`] unless there are as many keys as blocks; nothing was changed then.
pub fn tdes_encrypt_batch(keys: &[[u8; 16]], blocks: &mut [[u8; 8]]) -> Result<(), CryptoError> {
    batch(keys, blocks, Operation::Triple(Direction::Encrypt))
}

/// Deciphers each block under the key at the same place, as [`tdes_encrypt_batch`] enciphers.
///
/// # Errors
/// As [`tdes_encrypt_batch`].
pub fn tdes_decrypt_batch(keys: &[[u8; 16]], blocks: &mut [[u8; 8]]) -> Result<(), CryptoError> {
    batch(keys, blocks, Operation::Triple(Direction::Decrypt))
}

/// Enciphers each block under the first half of the key at the same place: single DES, the inner step of a retail MAC.
///
/// # Errors
/// As [`tdes_encrypt_batch`].
pub fn des_encrypt_batch(keys: &[[u8; 16]], blocks: &mut [[u8; 8]]) -> Result<(), CryptoError> {
    batch(keys, blocks, Operation::Single(Direction::Encrypt))
}

/// Deciphers each block under the first half of the key at the same place: single DES.
///
/// # Errors
/// As [`tdes_encrypt_batch`].
pub fn des_decrypt_batch(keys: &[[u8; 16]], blocks: &mut [[u8; 8]]) -> Result<(), CryptoError> {
    batch(keys, blocks, Operation::Single(Direction::Decrypt))
}

/// The retail MAC of each text under the key at the same place (ISO/IEC 9797-1 algorithm 3), as [`crate::cipher::retail_mac`]. Compare in constant time.
///
/// # Errors
/// [`CryptoError`] unless there are as many keys as texts.
pub fn retail_mac_batch(
    keys: &[[u8; 16]],
    texts: &[&[u8]],
    padding: Padding,
) -> Result<Secret<Vec<[u8; 8]>>, CryptoError> {
    if keys.len() != texts.len() {
        return Err(CryptoError);
    }
    let texts: Vec<Secret<Vec<u8>>> =
        texts.iter().map(|text| Secret::new(padded(text, padding, 8))).collect();
    let blocks = |at: &usize| texts.get(*at).map_or(0, |text| text.reveal().len() >> 3);
    let mut macs = alloc::vec![[0; 8]; keys.len()];
    // Texts of one length side by side, so that no lane waits for long for another.
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_by_key(blocks);
    for lanes in order.chunks(LANES) {
        let steps: Vec<Planes> = (0..lanes.iter().map(blocks).max().unwrap_or(0))
            .map(|step| Planes::from_lanes(lanes.iter().map(|lane| block_of(&texts, *lane, step))))
            .collect();
        let last: Vec<Planes> = (0..steps.len())
            .map(|step| {
                let ends = |lane: &usize| blocks(lane).checked_sub(1) == Some(step);
                Planes::from_lanes(lanes.iter().map(|lane| if ends(lane) { u64::MAX } else { 0 }))
            })
            .collect();
        let (left, right) = key_planes(lanes.iter().filter_map(|lane| keys.get(*lane)));
        let mut mac = Planes::from_lanes([]);
        run(RetailMac { left: &left, right: &right, steps: &steps, last: &last, mac: &mut mac });
        let found = mac.into_lanes();
        for (lane, number) in lanes.iter().zip(found.iter()) {
            if let Some(slot) = macs.get_mut(*lane) {
                *slot = number.to_be_bytes();
            }
        }
    }
    Ok(Secret::new(macs))
}

/// A block of a padded text; zero behind its end.
fn block_of(texts: &[Secret<Vec<u8>>], lane: usize, step: usize) -> u64 {
    let blocks = texts.get(lane).map_or(&[][..], |text| text.reveal().as_chunks::<8>().0);
    blocks.get(step).map_or(0, |block| u64::from_be_bytes(*block))
}

/// A number from the left and one from the right half of a key.
pub(crate) fn halves(key: &[u8; 16]) -> [u64; 2] {
    let number = u128::from_be_bytes(*key);
    [number >> 64, number & u128::from(u64::MAX)].map(|half| u64::try_from(half).unwrap_or_default())
}

/// The left and the right halves of at most [`LANES`] keys.
fn key_planes<'a>(keys: impl Iterator<Item = &'a [u8; 16]> + Clone) -> (Planes, Planes) {
    let left = Planes::from_lanes(keys.clone().map(|key| halves(key)[0]));
    (left, Planes::from_lanes(keys.map(|key| halves(key)[1])))
}

/// What is done to each block.
#[derive(Clone, Copy)]
enum Operation {
    /// Under the left half of the key.
    Single(Direction),
    /// Under left, right and left half.
    Triple(Direction),
}

fn batch(keys: &[[u8; 16]], blocks: &mut [[u8; 8]], operation: Operation) -> Result<(), CryptoError> {
    if keys.len() != blocks.len() {
        return Err(CryptoError);
    }
    for (keys, blocks) in keys.chunks(LANES).zip(blocks.chunks_mut(LANES)) {
        let (left, right) = key_planes(keys.iter());
        let mut planes = Planes::from_lanes(blocks.iter().map(|block| u64::from_be_bytes(*block)));
        run(Ecb { left: &left, right: &right, blocks: &mut planes, operation });
        let found = planes.into_lanes();
        blocks.iter_mut().zip(found.iter()).for_each(|(block, number)| *block = number.to_be_bytes());
    }
    Ok(())
}

struct Ecb<'a> {
    left: &'a Planes,
    right: &'a Planes,
    blocks: &'a mut Planes,
    operation: Operation,
}

impl Wide for Ecb<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for part in 0..parts::<S>() {
            let keys = [self.left.load(simd, part), self.right.load(simd, part)];
            let mut block = self.blocks.load(simd, part);
            match self.operation {
                Operation::Single(direction) => des(direction, &keys[0], &mut block),
                Operation::Triple(direction) => tdes(direction, &keys, &mut block),
            }
            self.blocks.store(part, &block);
        }
    }
}

/// Two-key triple DES in each lane.
#[inline(always)]
fn tdes<S: Simd>(direction: Direction, [left, right]: &[Block<S>; 2], block: &mut Block<S>) {
    let inner = match direction {
        Direction::Encrypt => Direction::Decrypt,
        Direction::Decrypt => Direction::Encrypt,
    };
    // One loop, so that the rounds stand once in the code.
    for (direction, key) in [(direction, left), (inner, right), (direction, left)] {
        des(direction, key, block);
    }
}

struct RetailMac<'a> {
    left: &'a Planes,
    right: &'a Planes,
    steps: &'a [Planes],
    /// All ones in the lanes whose text ends with this step.
    last: &'a [Planes],
    mac: &'a mut Planes,
}

impl Wide for RetailMac<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for part in 0..parts::<S>() {
            let (left, right) = (self.left.load(simd, part), self.right.load(simd, part));
            let mut chain: Block<S> = [Word::zero(simd); 64];
            let mut mac = chain;
            for (step, last) in self.steps.iter().zip(self.last) {
                let (text, last) = (step.load(simd, part), last.load(simd, part));
                for (word, text) in chain.iter_mut().zip(text) {
                    *word = *word ^ text;
                }
                des(Direction::Encrypt, &left, &mut chain);
                // What the lanes that end here have now is kept for the final step.
                for ((mac, chain), last) in mac.iter_mut().zip(chain).zip(last) {
                    *mac = chain.or_where(last, *mac);
                }
            }
            for (direction, key) in [(Direction::Decrypt, &right), (Direction::Encrypt, &left)] {
                des(direction, key, &mut mac);
            }
            self.mac.store(part, &mac);
        }
    }
}
