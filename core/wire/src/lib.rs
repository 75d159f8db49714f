//! Wire codecs, one module per standard, named by it. Decoders borrow, bound every length, refuse trailing bytes, never panic.
#![no_std]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions,
        clippy::arithmetic_side_effects,
        clippy::float_arithmetic
    )
)]
extern crate alloc;

pub mod apdu;
pub mod base45;
pub mod camt053;
pub mod cbor;
mod cbor_macros;
pub mod f2f;
pub mod iso8583;
pub mod parts;
pub mod qr;
pub mod tlv;
pub mod track;
