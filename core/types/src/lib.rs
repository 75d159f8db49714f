//! What every system shares: money, identifiers, time, secrets and the registry of refusals.
//!
//! **Invariant:** no IO, no clock, no randomness, no floats: time and random bytes are arguments.
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

mod id;
mod money;
mod refusal;
mod secret;
mod time;

pub use id::{Hash, hex_lower, hex_parse, hex_upper};
pub use money::{Amount, Currency, MINOR_MAX, MoneyError};
pub use refusal::{CoreRefusal, Refused};
pub use secret::{Pan, Secret};
pub use time::{Civil, UnixMs, UnixSeconds};
