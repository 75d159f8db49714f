//! Proofs of rights: signed (COSE_Sign1) and MACed (COSE_Mac0) claims in one strict form, and HPKE, over the [`Crypto`](symbolon_keys::Crypto) trait.
//! Beside it [`cose`]: a reader of any valid message of others, for the calculator.
//!
//! ```text
//! Raw ──parse::<T>──► Signed<T> ──verify──► Verified<T>          Unsigned<T> ──attach──► bytes
//!  └──parse_mac::<T>─► Maced<T> ──verify──► Authenticated<T>
//! ```
//! **Invariant:** claims are reached without the word `danger` only through a signature or MAC that was verified; there is no way to say that none
//! is needed, so an absent proof is a refusal.
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

pub mod cose;
pub mod cwt;
pub mod hpke;
pub mod mac0;
pub mod sign1;

mod envelope;

pub use cwt::{Confirmation, Validity};
pub use envelope::{BadSignature, Claims, MESSAGE_LEN_MAX, Raw};
pub use mac0::{Authenticated, Maced, authenticate};
pub use sign1::{Signed, Unsigned, Verified, sign};
