//! The eight S-boxes of DES (FIPS 46-3 appendix 1) as circuits of and, or, xor and not.
//!
//! A box is given its six inputs, the first the most significant, and gives its four outputs in the same order. The circuits were found by a search
//! that splits a truth table by its inputs and meets the halves among the gates that are there; nothing but the tables went into it.
//!
//! **Invariant:** no gate's work depends on a value: there are no branches and no tables.
use core::ops::{BitAnd, BitOr, BitXor, Not};

/// What circuits are computed on: words of any width, a lane in each bit.
pub trait Bits:
    Copy + BitAnd<Output = Self> + BitOr<Output = Self> + BitXor<Output = Self> + Not<Output = Self>
{
}

impl<W> Bits for W where
    W: Copy + BitAnd<Output = Self> + BitOr<Output = Self> + BitXor<Output = Self> + Not<Output = Self>
{
}

/// S1: 54 gates.
#[inline(always)]
pub fn s1<W: Bits>([a, b, c, d, e, f]: [W; 6]) -> [W; 4] {
    let g1 = d ^ a;
    let g2 = g1 | a;
    let g3 = f & !g2;
    let g4 = c & !g3;
    let g5 = g4 ^ g1;
    let g6 = g4 ^ f;
    let g7 = g5 | f;
    let g8 = a & !g7;
    let g9 = g8 ^ g6;
    let g10 = g9 & e;
    let g11 = g10 ^ g5;
    let g12 = g2 ^ c;
    let g13 = g7 & !g12;
    let g14 = g2 & !g8;
    let g15 = g14 & !e;
    let g16 = g15 ^ g13;
    let g17 = g16 | b;
    let g18 = g17 ^ g11;
    let g19 = g16 & !g1;
    let g20 = g9 & !g19;
    let g21 = g6 | g2;
    let g22 = g21 & !b;
    let g23 = g22 ^ g20;
    let g24 = g14 | d;
    let g25 = g14 & !g1;
    let g26 = g25 ^ g20;
    let g27 = g26 | b;
    let g28 = g27 ^ g24;
    let g29 = e & !g28;
    let g30 = g29 ^ g23;
    let g31 = f & !g5;
    let g32 = g31 ^ g27;
    let g33 = g30 ^ g11;
    let g34 = g33 & d;
    let g35 = g34 ^ g32;
    let g36 = g23 & !g16;
    let g37 = g27 & !g36;
    let g38 = g9 ^ b;
    let g39 = g38 ^ g16;
    let g40 = g39 & !d;
    let g41 = g40 ^ g37;
    let g42 = g41 | e;
    let g43 = g42 ^ g35;
    let g44 = g26 & !g39;
    let g45 = g43 ^ g33;
    let g46 = g45 & !g44;
    let g47 = g46 & !e;
    let g48 = g47 ^ g44;
    let g49 = g28 & !g33;
    let g50 = g42 ^ g20;
    let g51 = g50 & f;
    let g52 = g51 ^ g49;
    let g53 = g52 & !b;
    let g54 = g53 ^ g48;
    [!g43, !g18, !g30, g54]
}

/// S2: 48 gates.
#[inline(always)]
pub fn s2<W: Bits>([a, b, c, d, e, f]: [W; 6]) -> [W; 4] {
    let g1 = d ^ a;
    let g2 = g1 ^ e;
    let g3 = d ^ c;
    let g4 = g3 & e;
    let g5 = g4 & a;
    let g6 = g5 ^ g3;
    let g7 = b & !g6;
    let g8 = g7 ^ g2;
    let g9 = g4 ^ b;
    let g10 = g9 | c;
    let g11 = g10 ^ g7;
    let g12 = f & !g11;
    let g13 = g12 ^ g8;
    let g14 = g11 ^ f;
    let g15 = g3 | f;
    let g16 = g15 & g13;
    let g17 = e & !g16;
    let g18 = g17 ^ g14;
    let g19 = g9 ^ g8;
    let g20 = g16 ^ g14;
    let g21 = g20 & g8;
    let g22 = g21 | e;
    let g23 = g22 ^ g19;
    let g24 = g23 | a;
    let g25 = g24 ^ g18;
    let g26 = g15 & b;
    let g27 = g26 ^ g1;
    let g28 = g25 & g10;
    let g29 = g28 & !e;
    let g30 = g29 ^ g27;
    let g31 = g29 | g4;
    let g32 = g7 ^ e;
    let g33 = g32 & g18;
    let g34 = a & !g33;
    let g35 = g34 ^ g31;
    let g36 = g35 & f;
    let g37 = g36 ^ g30;
    let g38 = g30 ^ g17;
    let g39 = g35 | g8;
    let g40 = g39 ^ g22;
    let g41 = g40 & !f;
    let g42 = g41 ^ g38;
    let g43 = g23 & !g16;
    let g44 = g37 | g14;
    let g45 = d & !g44;
    let g46 = g45 ^ g43;
    let g47 = g46 & a;
    let g48 = g47 ^ g42;
    [!g25, !g13, !g48, !g37]
}

/// S3: 50 gates.
#[inline(always)]
pub fn s3<W: Bits>([a, b, c, d, e, f]: [W; 6]) -> [W; 4] {
    let g1 = f ^ b;
    let g2 = g1 ^ c;
    let g3 = d ^ c;
    let g4 = g3 & !e;
    let g5 = g4 ^ g2;
    let g6 = g2 & b;
    let g7 = g6 | e;
    let g8 = g7 ^ g4;
    let g9 = f & !g6;
    let g10 = g9 | d;
    let g11 = g10 ^ g8;
    let g12 = a & !g11;
    let g13 = g12 ^ g5;
    let g14 = e ^ d;
    let g15 = g14 ^ g2;
    let g16 = g13 | d;
    let g17 = f & !g16;
    let g18 = g17 | a;
    let g19 = g18 ^ g15;
    let g20 = g12 | d;
    let g21 = g20 & c;
    let g22 = g14 & a;
    let g23 = g22 | g13;
    let g24 = g23 | f;
    let g25 = g24 ^ g21;
    let g26 = g25 & !b;
    let g27 = g26 ^ g19;
    let g28 = g7 & d;
    let g29 = g28 ^ g15;
    let g30 = g5 | c;
    let g31 = g30 ^ g28;
    let g32 = g31 & !b;
    let g33 = g32 ^ g29;
    let g34 = g27 & !g28;
    let g35 = g34 ^ g25;
    let g36 = g35 & g15;
    let g37 = g36 ^ g26;
    let g38 = g37 | c;
    let g39 = g38 ^ g35;
    let g40 = g39 | a;
    let g41 = g40 ^ g33;
    let g42 = g5 ^ g3;
    let g43 = g19 & g6;
    let g44 = g43 | a;
    let g45 = g44 ^ g42;
    let g46 = g12 & !g19;
    let g47 = d & !g46;
    let g48 = g47 ^ g28;
    let g49 = g48 & f;
    let g50 = g49 ^ g45;
    [!g27, g50, !g41, g13]
}

/// S4: 39 gates.
#[inline(always)]
pub fn s4<W: Bits>([a, b, c, d, e, f]: [W; 6]) -> [W; 4] {
    let g1 = d ^ b;
    let g2 = d & !a;
    let g3 = b & !g2;
    let g4 = g3 ^ a;
    let g5 = g4 & c;
    let g6 = g5 ^ g1;
    let g7 = d & !g3;
    let g8 = a | c;
    let g9 = g8 ^ g7;
    let g10 = g9 & !e;
    let g11 = g10 ^ g6;
    let g12 = d & !g10;
    let g13 = g12 ^ e;
    let g14 = c & !g13;
    let g15 = g14 ^ g7;
    let g16 = g13 | g5;
    let g17 = g16 & !g9;
    let g18 = g17 | b;
    let g19 = g18 ^ g15;
    let g20 = g19 | f;
    let g21 = g20 ^ g11;
    let g22 = g16 ^ g11;
    let g23 = g19 & !c;
    let g24 = g23 ^ g22;
    let g25 = g15 & !g22;
    let g26 = g25 ^ g1;
    let g27 = g26 & a;
    let g28 = g27 ^ g24;
    let g29 = g22 ^ g15;
    let g30 = g28 | g6;
    let g31 = g30 ^ e;
    let g32 = b & !g31;
    let g33 = g32 ^ g29;
    let g34 = g33 | f;
    let g35 = g34 ^ g28;
    let g36 = g33 & f;
    let g37 = g36 ^ g28;
    let g38 = g19 & f;
    let g39 = g38 ^ g11;
    [g21, !g39, !g35, !g37]
}

/// S5: 52 gates.
#[inline(always)]
pub fn s5<W: Bits>([a, b, c, d, e, f]: [W; 6]) -> [W; 4] {
    let g1 = c ^ b;
    let g2 = f & !d;
    let g3 = g2 ^ g1;
    let g4 = g3 ^ d;
    let g5 = b & !g4;
    let g6 = g5 | e;
    let g7 = g6 ^ g3;
    let g8 = g7 & !b;
    let g9 = g8 & !e;
    let g10 = g9 ^ c;
    let g11 = g4 & !g7;
    let g12 = g11 | c;
    let g13 = g12 & !f;
    let g14 = g13 ^ g10;
    let g15 = g14 | a;
    let g16 = g15 ^ g7;
    let g17 = g13 ^ d;
    let g18 = g17 | g5;
    let g19 = g4 ^ b;
    let g20 = g19 | g1;
    let g21 = g20 & !e;
    let g22 = g21 ^ g18;
    let g23 = g7 | b;
    let g24 = d & !g23;
    let g25 = g21 | c;
    let g26 = d & !g6;
    let g27 = g26 ^ g25;
    let g28 = g27 | f;
    let g29 = g28 ^ g24;
    let g30 = g29 & !a;
    let g31 = g30 ^ g22;
    let g32 = g1 ^ e;
    let g33 = g25 & a;
    let g34 = g33 ^ g32;
    let g35 = f ^ g34;
    let g36 = g31 & b;
    let g37 = g36 | g16;
    let g38 = g20 & !a;
    let g39 = e & !g38;
    let g40 = g39 ^ g37;
    let g41 = g40 | d;
    let g42 = g41 ^ g35;
    let g43 = g36 ^ g16;
    let g44 = g43 ^ g42;
    let g45 = g5 & c;
    let g46 = g31 & !g45;
    let g47 = g46 | e;
    let g48 = g47 ^ g44;
    let g49 = g6 | g4;
    let g50 = g49 & !g22;
    let g51 = g50 & a;
    let g52 = g51 ^ g48;
    [g52, g42, !g16, g31]
}

/// S6: 49 gates.
#[inline(always)]
pub fn s6<W: Bits>([a, b, c, d, e, f]: [W; 6]) -> [W; 4] {
    let g1 = f & !b;
    let g2 = a & !g1;
    let g3 = g2 ^ e;
    let g4 = g3 ^ f;
    let g5 = a & !g4;
    let g6 = g5 ^ b;
    let g7 = c & !g6;
    let g8 = g7 ^ g3;
    let g9 = f & e;
    let g10 = g9 | g6;
    let g11 = g8 & !f;
    let g12 = g11 & c;
    let g13 = g12 ^ g10;
    let g14 = g13 & d;
    let g15 = g14 ^ g8;
    let g16 = g8 ^ c;
    let g17 = f & !a;
    let g18 = g17 ^ g16;
    let g19 = g3 | e;
    let g20 = g19 & g15;
    let g21 = g20 & !b;
    let g22 = g21 ^ g18;
    let g23 = g11 ^ a;
    let g24 = g23 & g6;
    let g25 = g24 | d;
    let g26 = g25 ^ g22;
    let g27 = g22 ^ g8;
    let g28 = e & !g20;
    let g29 = d & !g28;
    let g30 = g29 ^ g27;
    let g31 = g29 | g23;
    let g32 = g31 ^ g13;
    let g33 = g15 & !g23;
    let g34 = g33 ^ g29;
    let g35 = g34 & !c;
    let g36 = g35 ^ g32;
    let g37 = g36 & b;
    let g38 = g37 ^ g30;
    let g39 = g32 ^ d;
    let g40 = c & !g31;
    let g41 = g40 ^ g39;
    let g42 = g15 ^ d;
    let g43 = g42 & !g40;
    let g44 = g3 & d;
    let g45 = g26 & !g44;
    let g46 = b & !g45;
    let g47 = g46 ^ g43;
    let g48 = g47 & f;
    let g49 = g48 ^ g41;
    [!g49, !g38, g26, g15]
}

/// S7: 50 gates.
#[inline(always)]
pub fn s7<W: Bits>([a, b, c, d, e, f]: [W; 6]) -> [W; 4] {
    let g1 = d ^ a;
    let g2 = g1 ^ e;
    let g3 = d & !e;
    let g4 = g3 ^ b;
    let g5 = g4 | c;
    let g6 = g5 ^ g2;
    let g7 = g3 & b;
    let g8 = g2 ^ c;
    let g9 = g4 & !g8;
    let g10 = g9 & a;
    let g11 = g10 ^ g7;
    let g12 = f & !g11;
    let g13 = g12 ^ g6;
    let g14 = a & !c;
    let g15 = g14 ^ g8;
    let g16 = g11 ^ g6;
    let g17 = g16 ^ g15;
    let g18 = g17 & !f;
    let g19 = g18 ^ g15;
    let g20 = g14 ^ d;
    let g21 = g15 & g1;
    let g22 = g21 | f;
    let g23 = g22 ^ g20;
    let g24 = a & !g16;
    let g25 = g24 & !e;
    let g26 = g25 ^ g23;
    let g27 = g26 | b;
    let g28 = g27 ^ g19;
    let g29 = g19 | f;
    let g30 = g29 & d;
    let g31 = g30 ^ g13;
    let g32 = g20 | g13;
    let g33 = g32 ^ e;
    let g34 = g33 & !a;
    let g35 = g34 ^ g31;
    let g36 = g17 | d;
    let g37 = g36 ^ g23;
    let g38 = g37 & b;
    let g39 = g38 ^ g35;
    let g40 = g20 & !g9;
    let g41 = g26 ^ g3;
    let g42 = g41 & b;
    let g43 = g42 ^ g40;
    let g44 = g43 & !e;
    let g45 = g44 ^ g15;
    let g46 = g34 | g25;
    let g47 = g46 & b;
    let g48 = g47 ^ g45;
    let g49 = g48 & !f;
    let g50 = g49 ^ g43;
    [g28, !g39, g50, g13]
}

/// S8: 48 gates.
#[inline(always)]
pub fn s8<W: Bits>([a, b, c, d, e, f]: [W; 6]) -> [W; 4] {
    let g1 = e & !c;
    let g2 = g1 ^ d;
    let g3 = f ^ g2;
    let g4 = e | d;
    let g5 = g4 ^ c;
    let g6 = b & !g5;
    let g7 = g6 ^ g3;
    let g8 = f ^ e;
    let g9 = g8 & g2;
    let g10 = g7 & d;
    let g11 = g10 | g5;
    let g12 = g11 & !b;
    let g13 = g12 ^ g9;
    let g14 = g13 & a;
    let g15 = g14 ^ g7;
    let g16 = g13 ^ g3;
    let g17 = g16 | b;
    let g18 = g17 ^ g6;
    let g19 = f & !g15;
    let g20 = g19 ^ b;
    let g21 = g20 & e;
    let g22 = g21 ^ g18;
    let g23 = g14 ^ e;
    let g24 = g12 & g5;
    let g25 = g24 | f;
    let g26 = g25 ^ g23;
    let g27 = a & !g26;
    let g28 = g27 ^ g22;
    let g29 = g26 ^ g7;
    let g30 = g11 ^ b;
    let g31 = g30 & f;
    let g32 = g31 ^ g29;
    let g33 = g29 & g15;
    let g34 = g33 ^ g11;
    let g35 = g34 & !b;
    let g36 = g35 ^ g2;
    let g37 = a & !g36;
    let g38 = g37 ^ g32;
    let g39 = g34 ^ g18;
    let g40 = g16 | g9;
    let g41 = g40 & !a;
    let g42 = g41 ^ g39;
    let g43 = g19 ^ a;
    let g44 = g43 | g3;
    let g45 = b & !g13;
    let g46 = g45 ^ g44;
    let g47 = g46 & e;
    let g48 = g47 ^ g42;
    [!g28, !g15, g38, !g48]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 46-3 appendix 1: by row (first and last input), then column (the four between).
    const TABLES: [[u8; 64]; 8] = [
        [
            14, 4, 13, 1, 2, 15, 11, 8, 3, 10, 6, 12, 5, 9, 0, 7, 0, 15, 7, 4, 14, 2, 13, 1, 10, 6, 12, 11,
            9, 5, 3, 8, 4, 1, 14, 8, 13, 6, 2, 11, 15, 12, 9, 7, 3, 10, 5, 0, 15, 12, 8, 2, 4, 9, 1, 7, 5,
            11, 3, 14, 10, 0, 6, 13,
        ],
        [
            15, 1, 8, 14, 6, 11, 3, 4, 9, 7, 2, 13, 12, 0, 5, 10, 3, 13, 4, 7, 15, 2, 8, 14, 12, 0, 1, 10, 6,
            9, 11, 5, 0, 14, 7, 11, 10, 4, 13, 1, 5, 8, 12, 6, 9, 3, 2, 15, 13, 8, 10, 1, 3, 15, 4, 2, 11, 6,
            7, 12, 0, 5, 14, 9,
        ],
        [
            10, 0, 9, 14, 6, 3, 15, 5, 1, 13, 12, 7, 11, 4, 2, 8, 13, 7, 0, 9, 3, 4, 6, 10, 2, 8, 5, 14, 12,
            11, 15, 1, 13, 6, 4, 9, 8, 15, 3, 0, 11, 1, 2, 12, 5, 10, 14, 7, 1, 10, 13, 0, 6, 9, 8, 7, 4, 15,
            14, 3, 11, 5, 2, 12,
        ],
        [
            7, 13, 14, 3, 0, 6, 9, 10, 1, 2, 8, 5, 11, 12, 4, 15, 13, 8, 11, 5, 6, 15, 0, 3, 4, 7, 2, 12, 1,
            10, 14, 9, 10, 6, 9, 0, 12, 11, 7, 13, 15, 1, 3, 14, 5, 2, 8, 4, 3, 15, 0, 6, 10, 1, 13, 8, 9, 4,
            5, 11, 12, 7, 2, 14,
        ],
        [
            2, 12, 4, 1, 7, 10, 11, 6, 8, 5, 3, 15, 13, 0, 14, 9, 14, 11, 2, 12, 4, 7, 13, 1, 5, 0, 15, 10,
            3, 9, 8, 6, 4, 2, 1, 11, 10, 13, 7, 8, 15, 9, 12, 5, 6, 3, 0, 14, 11, 8, 12, 7, 1, 14, 2, 13, 6,
            15, 0, 9, 10, 4, 5, 3,
        ],
        [
            12, 1, 10, 15, 9, 2, 6, 8, 0, 13, 3, 4, 14, 7, 5, 11, 10, 15, 4, 2, 7, 12, 9, 5, 6, 1, 13, 14, 0,
            11, 3, 8, 9, 14, 15, 5, 2, 8, 12, 3, 7, 0, 4, 10, 1, 13, 11, 6, 4, 3, 2, 12, 9, 5, 15, 10, 11,
            14, 1, 7, 6, 0, 8, 13,
        ],
        [
            4, 11, 2, 14, 15, 0, 8, 13, 3, 12, 9, 7, 5, 10, 6, 1, 13, 0, 11, 7, 4, 9, 1, 10, 14, 3, 5, 12, 2,
            15, 8, 6, 1, 4, 11, 13, 12, 3, 7, 14, 10, 15, 6, 8, 0, 5, 9, 2, 6, 11, 13, 8, 1, 4, 10, 7, 9, 5,
            0, 15, 14, 2, 3, 12,
        ],
        [
            13, 2, 8, 4, 6, 15, 11, 1, 10, 9, 3, 14, 5, 0, 12, 7, 1, 15, 13, 8, 10, 3, 7, 4, 12, 5, 6, 11, 0,
            14, 9, 2, 7, 11, 4, 1, 9, 12, 14, 2, 0, 6, 10, 13, 15, 3, 5, 8, 2, 1, 14, 7, 4, 10, 8, 13, 15,
            12, 9, 0, 3, 5, 6, 11,
        ],
    ];

    #[test]
    fn the_circuits_are_the_tables() {
        let boxes: [fn([u64; 6]) -> [u64; 4]; 8] = [s1, s2, s3, s4, s5, s6, s7, s8];
        // Lane n is given the six bits of n.
        let inputs = core::array::from_fn(|at| (0..64).map(|n: u64| (n >> (5 - at) & 1) << n).sum());
        for (table, circuit) in TABLES.iter().zip(boxes) {
            let outputs = circuit(inputs);
            for n in 0..64 {
                let (row, column) = ((n >> 5 & 1) << 1 | n & 1, n >> 1 & 15);
                let found = outputs.iter().fold(0, |value, output| value << 1 | (output >> n & 1));
                assert_eq!(found, u64::from(table[row * 16 + column]), "input {n}");
            }
        }
    }
}
