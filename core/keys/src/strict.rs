//! What every provider refuses before it verifies an Ed25519 signature, so that no two differ where the standard leaves room.
//!
//! RFC 8032 lets a verifier take keys of small order, under which one signature is right for many messages, and libraries differ in whether they
//! take a y-coordinate of 2^255 - 19 or more. Here both are refused, in the key and in R. That S is below the order, every library checks.

const ZERO: [u8; 32] = [0; 32];
const ONE: [u8; 32] = {
    let mut y = [0; 32];
    y[0] = 1;
    y
};
/// 2^255 - 20, which is -1.
const MINUS_ONE: [u8; 32] = {
    let mut y = [0xFF; 32];
    (y[0], y[31]) = (0xEC, 0x7F);
    y
};
/// The y-coordinate of two points of order 8; the other two have its negative.
const ORDER_8: [u8; 32] = [
    0x26, 0xE8, 0x95, 0x8F, 0xC2, 0xB2, 0x27, 0xB0, 0x45, 0xC3, 0xF4, 0x89, 0xF2, 0xEF, 0x98, 0xF0, 0xD5,
    0xDF, 0xAC, 0x05, 0xD3, 0xC6, 0x33, 0x39, 0xB1, 0x38, 0x02, 0x88, 0x6D, 0x53, 0xFC, 0x05,
];
const MINUS_ORDER_8: [u8; 32] = [
    0xC7, 0x17, 0x6A, 0x70, 0x3D, 0x4D, 0xD8, 0x4F, 0xBA, 0x3C, 0x0B, 0x76, 0x0D, 0x10, 0x67, 0x0F, 0x2A,
    0x20, 0x53, 0xFA, 0x2C, 0x39, 0xCC, 0xC6, 0x4E, 0xC7, 0xFD, 0x77, 0x92, 0xAC, 0x03, 0x7A,
];

/// Whether an encoded point (RFC 8032 §5.1.2), were it on the curve, would have its one canonical encoding and not be one of the eight points of
/// small order. Their y-coordinates decide, so the sign bit is left out of account.
#[must_use]
pub fn ed25519_strict(point: &[u8; 32]) -> bool {
    let mut y = *point;
    y[31] &= 0x7F;
    let [first, middle @ .., last] = y;
    // 2^255 - 19 and above: RFC 8032 §5.1.3, step 1.
    let canonical = !(last == 0x7F && first >= 0xED && middle.iter().all(|&byte| byte == 0xFF));
    canonical && ![ZERO, ONE, MINUS_ONE, ORDER_8, MINUS_ORDER_8].contains(&y)
}
