//! DES over planes: the n-th bits of 512 blocks in one place, so that a permutation of bits costs nothing and a key may be another in each lane.
//!
//! ```text
//! 512 numbers ─from_lanes─► 64 planes of 512 bits ─load─► 64 words ─des…─► 64 words ─store─► planes ─into_lanes─► 512 numbers
//! ```
//! A word is as wide as the processor's registers are: 64, 128, 256 or 512 bits, chosen when it runs. Bit 1 of the standard, the most significant, is plane 0.
//!
//! What works on words is inlined as a whole into the one function that is compiled for the processor's registers; a closure handed to a function
//! that is not would be compiled without them, and be ten times slower.
//!
//! **Invariant:** time and addresses depend on the number of lanes and on nothing in them.
#![expect(
    clippy::indexing_slicing,
    reason = "the permutations of DES are tables of places in arrays of fixed length; the tests try every lane and every place"
)]
use super::sbox::{s1, s2, s3, s4, s5, s6, s7, s8};
use core::ops::{BitAnd, BitOr, BitXor, Not};
use pulp::Simd;
use zeroize::Zeroize;

/// Blocks in one run.
pub const LANES: usize = 512;
/// Bits in a block.
const BITS: usize = 64;
/// A plane is eight numbers: lane `64 g + n` is the bit of number `g` that has `n` more significant ones.
const GROUPS: usize = 8;

/// FIPS 46-3, initial permutation: where each bit comes from. The final permutation is its inverse.
const INITIAL: [u8; 64] = from_one([
    58, 50, 42, 34, 26, 18, 10, 2, 60, 52, 44, 36, 28, 20, 12, 4, 62, 54, 46, 38, 30, 22, 14, 6, 64, 56, 48,
    40, 32, 24, 16, 8, 57, 49, 41, 33, 25, 17, 9, 1, 59, 51, 43, 35, 27, 19, 11, 3, 61, 53, 45, 37, 29, 21,
    13, 5, 63, 55, 47, 39, 31, 23, 15, 7,
]);
/// FIPS 46-3, permutation P: the output of the S-boxes that each bit of the half comes from.
const P: [u8; 32] = from_one([
    16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6,
    22, 11, 4, 25,
]);
/// FIPS 46-3, permuted choice 1: which bits of the key are in the two registers.
const CHOICE_1: [u8; 56] = from_one([
    57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44,
    36, 63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20,
    12, 4,
]);
/// FIPS 46-3, permuted choice 2: which bits of the registers are in a round's key.
const CHOICE_2: [u8; 48] = from_one([
    14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2, 41, 52, 31, 37,
    47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
]);
/// How far the registers have turned to the left in each round.
const TURNS: [u8; 16] = [1, 2, 4, 6, 8, 10, 12, 14, 15, 17, 19, 21, 23, 25, 27, 28];
/// For each round, the bits of the key that are in the round's key.
const ROUNDS: [[u8; 48]; 16] = rounds();
/// For each output of the S-boxes, the bit of the half that it goes to.
const TARGET: [u8; 32] = inverse(P);

/// The standard counts places from one.
const fn from_one<const N: usize>(mut places: [u8; N]) -> [u8; N] {
    let mut at = 0;
    while at < N {
        places[at] = places[at].wrapping_sub(1);
        at = at.wrapping_add(1);
    }
    places
}

#[expect(clippy::as_conversions, reason = "computed by the compiler, from numbers below 64")]
const fn inverse(places: [u8; 32]) -> [u8; 32] {
    let (mut inverse, mut at) = ([0_u8; 32], 0_usize);
    while at < 32 {
        inverse[places[at] as usize] = at as u8;
        at = at.wrapping_add(1);
    }
    inverse
}

#[expect(clippy::as_conversions, reason = "computed by the compiler, from numbers below 64")]
const fn rounds() -> [[u8; 48]; 16] {
    let (mut rounds, mut round) = ([[0; 48]; 16], 0_usize);
    while round < 16 {
        let mut at = 0_usize;
        while at < 48 {
            let place = CHOICE_2[at];
            // Both registers have 28 bits.
            let start = if place < 28 { 0 } else { 28 };
            let turned = place.wrapping_sub(start).wrapping_add(TURNS[round]) % 28;
            rounds[round][at] = CHOICE_1[start.wrapping_add(turned) as usize];
            at = at.wrapping_add(1);
        }
        round = round.wrapping_add(1);
    }
    rounds
}

/// A bit of each of 512 lanes.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Plane([u64; GROUPS]);

impl Zeroize for Plane {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

/// 64 planes: a number of 64 bits in each lane. Wiped when dropped.
pub struct Planes([Plane; BITS]);

impl Drop for Planes {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Planes {
    /// Of at most [`LANES`] numbers; lanes that there is none for are zero.
    pub fn from_lanes(lanes: impl IntoIterator<Item = u64>) -> Self {
        let mut planes = Self([Plane([0; GROUPS]); BITS]);
        for (at, number) in lanes.into_iter().take(LANES).enumerate() {
            planes.0[at % BITS].0[at / BITS] = number;
        }
        run(Transpose(&mut planes));
        planes
    }

    /// All lanes' numbers.
    pub fn into_lanes(mut self) -> Lanes {
        run(Transpose(&mut self));
        Lanes(self)
    }

    /// The word of each plane in part `part`.
    #[inline(always)]
    pub fn load<S: Simd>(&self, simd: S, part: usize) -> Block<S> {
        let mut words = [Word::zero(simd); BITS];
        for (word, plane) in words.iter_mut().zip(&self.0) {
            word.1 = S::as_simd_u64s(&plane.0).0[part];
        }
        words
    }

    /// Puts back what [`Planes::load`] took.
    #[inline(always)]
    pub fn store<S: Simd>(&mut self, part: usize, words: &[Word<S>; BITS]) {
        for (plane, word) in self.0.iter_mut().zip(words) {
            S::as_mut_simd_u64s(&mut plane.0).0[part] = word.1;
        }
    }
}

/// Numbers, a lane after the other. Wiped when dropped.
pub struct Lanes(Planes);

impl Lanes {
    /// The numbers of all [`LANES`] lanes.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        (0..LANES).map(|at| self.0.0[at % BITS].0[at / BITS])
    }
}

/// How many words a plane is in.
pub const fn parts<S: Simd>() -> usize {
    match GROUPS.checked_div(S::U64_LANES) {
        Some(parts) => parts,
        None => 0,
    }
}

/// Work that is compiled once for each width of registers.
pub trait Wide {
    /// Does it. To be inlined, with all that it calls.
    fn run<S: Simd>(self, simd: S);
}

/// Does the work with the widest registers that this processor has.
pub fn run(work: impl Wide) {
    struct Dispatched<W>(W);

    impl<W: Wide> pulp::WithSimd for Dispatched<W> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            self.0.run(simd);
        }
    }
    pulp::Arch::new().dispatch(Dispatched(work));
}

/// Turns 512 numbers into 64 planes, and back: eight matrices of 64 by 64 bits, side by side.
struct Transpose<'a>(&'a mut Planes);

impl Wide for Transpose<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let planes = &mut self.0.0;
        swap_blocks::<32>(planes, 0x0000_0000_FFFF_FFFF);
        swap_blocks::<16>(planes, 0x0000_FFFF_0000_FFFF);
        swap_blocks::<8>(planes, 0x00FF_00FF_00FF_00FF);
        swap_blocks::<4>(planes, 0x0F0F_0F0F_0F0F_0F0F);
        swap_blocks::<2>(planes, 0x3333_3333_3333_3333);
        swap_blocks::<1>(planes, 0x5555_5555_5555_5555);
    }
}

/// Swaps the upper right and the lower left block of `SIDE` bits in every square of twice that side.
#[inline(always)]
fn swap_blocks<const SIDE: usize>(planes: &mut [Plane; BITS], right: u64) {
    for square in planes.chunks_exact_mut(SIDE << 1) {
        let (upper, lower) = square.split_at_mut(SIDE);
        for (upper, lower) in upper.iter_mut().zip(lower) {
            for (upper, lower) in upper.0.iter_mut().zip(&mut lower.0) {
                let differ = (*upper ^ (*lower >> SIDE)) & right;
                *upper ^= differ;
                *lower ^= differ << SIDE;
            }
        }
    }
}

/// One bit in each of as many lanes as a register has bits.
#[derive(Clone, Copy)]
pub struct Word<S: Simd>(S, S::u64s);

impl<S: Simd> Word<S> {
    /// The bit is zero everywhere.
    #[inline(always)]
    pub fn zero(simd: S) -> Self {
        Self(simd, simd.splat_u64s(0))
    }

    /// This where the bit of `mask` is one, `other` where it is zero.
    #[inline(always)]
    pub fn or_where(self, mask: Self, other: Self) -> Self {
        other ^ ((self ^ other) & mask)
    }
}

impl<S: Simd> BitAnd for Word<S> {
    type Output = Self;

    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        Self(self.0, self.0.and_u64s(self.1, other.1))
    }
}

impl<S: Simd> BitOr for Word<S> {
    type Output = Self;

    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        Self(self.0, self.0.or_u64s(self.1, other.1))
    }
}

impl<S: Simd> BitXor for Word<S> {
    type Output = Self;

    #[inline(always)]
    fn bitxor(self, other: Self) -> Self {
        Self(self.0, self.0.xor_u64s(self.1, other.1))
    }
}

impl<S: Simd> Not for Word<S> {
    type Output = Self;

    #[inline(always)]
    fn not(self) -> Self {
        Self(self.0, self.0.not_u64s(self.1))
    }
}

/// 64 bits in each lane: a block, or a key with its parity bits.
pub type Block<S> = [Word<S>; BITS];

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Encipher.
    Encrypt,
    /// Decipher.
    Decrypt,
}

/// Single DES (FIPS 46-3), each lane's block under the lane's own key.
#[inline(always)]
pub fn des<S: Simd>(direction: Direction, key: &Block<S>, block: &mut Block<S>) {
    let simd = block[0].0;
    let (mut left, mut right) = ([block[0]; 32], [block[0]; 32]);
    for at in 0..32 {
        left[at] = block[usize::from(INITIAL[at])];
        right[at] = block[usize::from(INITIAL[at | 32])];
    }
    for pair in 0..8_usize {
        let [even, odd] = [pair << 1, (pair << 1) | 1].map(|round| match direction {
            Direction::Encrypt => &ROUNDS[round & 15],
            Direction::Decrypt => &ROUNDS[!round & 15],
        });
        simd.vectorize(Round { key, picks: even, right: &right, left: &mut left });
        simd.vectorize(Round { key, picks: odd, right: &left, left: &mut right });
    }
    // The halves are not swapped after the last round.
    for at in 0..32 {
        block[usize::from(INITIAL[at])] = right[at];
        block[usize::from(INITIAL[at | 32])] = left[at];
    }
}

/// `left ^= f(right, key)`. `picks` are the key bits of this round.
///
/// A function of its own, compiled for the same registers: without optimisation every gate takes room on the stack, and there are 400 in a round.
struct Round<'a, S: Simd> {
    key: &'a Block<S>,
    picks: &'a [u8; 48],
    right: &'a [Word<S>; 32],
    left: &'a mut [Word<S>; 32],
}

impl<S: Simd> pulp::WithSimd for Round<'_, S> {
    type Output = ();

    #[inline(always)]
    fn with_simd<R: Simd>(self, _: R) {
        let Self { key, picks, right, left } = self;
        substitute::<0, S>(s1(inputs::<0, S>(key, picks, right)), left);
        substitute::<1, S>(s2(inputs::<1, S>(key, picks, right)), left);
        substitute::<2, S>(s3(inputs::<2, S>(key, picks, right)), left);
        substitute::<3, S>(s4(inputs::<3, S>(key, picks, right)), left);
        substitute::<4, S>(s5(inputs::<4, S>(key, picks, right)), left);
        substitute::<5, S>(s6(inputs::<5, S>(key, picks, right)), left);
        substitute::<6, S>(s7(inputs::<6, S>(key, picks, right)), left);
        substitute::<7, S>(s8(inputs::<7, S>(key, picks, right)), left);
    }
}

/// What an S-box is given: four bits of the right half with their neighbours on both sides (table E), and six of the key.
#[inline(always)]
fn inputs<const BOX: usize, S: Simd>(
    key: &Block<S>,
    picks: &[u8; 48],
    right: &[Word<S>; 32],
) -> [Word<S>; 6] {
    let (bit, pick) = ((BOX << 2).wrapping_add(31), BOX.wrapping_mul(6));
    let mut inputs = [right[0]; 6];
    for (at, input) in inputs.iter_mut().enumerate() {
        let key = key[usize::from(picks[pick.wrapping_add(at)] & 63)];
        *input = right[bit.wrapping_add(at) & 31] ^ key;
    }
    inputs
}

/// What an S-box gives goes to the left half by way of P.
#[inline(always)]
fn substitute<const BOX: usize, S: Simd>(outputs: [Word<S>; 4], left: &mut [Word<S>; 32]) {
    for (at, output) in outputs.into_iter().enumerate() {
        let target = usize::from(TARGET[(BOX << 2) | at]);
        left[target] = left[target] ^ output;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cipher::{BlockCipher, Tdes};

    /// A block in each lane, under a key of its own.
    struct Single<'a>(&'a Planes, &'a mut Planes);

    impl Wide for Single<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            for part in 0..parts::<S>() {
                let mut block = self.1.load(simd, part);
                des(Direction::Encrypt, &self.0.load(simd, part), &mut block);
                self.1.store(part, &block);
            }
        }
    }

    fn number(at: u64, salt: u64) -> u64 {
        (at ^ salt).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)
    }

    fn blocks() -> Planes {
        Planes::from_lanes((0..512).map(|at| number(at, 77)))
    }

    /// What a processor runs that has no wide registers, or narrower ones than this one.
    #[test]
    fn every_width_does_the_same() {
        let keys = Planes::from_lanes((0..512).map(|at| number(at, 0)));
        let mut widths = alloc::vec![blocks(), blocks()];
        run(Single(&keys, &mut widths[0]));
        Single(&keys, &mut widths[1]).run(pulp::Scalar::new());
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V3::try_new() {
            let mut narrower = blocks();
            Single(&keys, &mut narrower).run(simd);
            widths.push(narrower);
        }
        for width in widths {
            for (at, found) in (0..).zip(width.into_lanes().iter()) {
                let mut block = number(at, 77).to_be_bytes();
                Tdes::new(&number(at, 0).to_be_bytes()).unwrap().encrypt(&mut block);
                assert_eq!(found.to_be_bytes(), block, "lane {at}");
            }
        }
    }

    #[test]
    fn planes_are_lanes_and_back() {
        let lanes: alloc::vec::Vec<u64> = blocks().into_lanes().iter().collect();
        assert!(lanes.iter().copied().eq((0..512).map(|at| number(at, 77))));
        let few = Planes::from_lanes([7]).into_lanes();
        assert!(few.iter().eq([7].into_iter().chain([0; 511])));
    }
}
