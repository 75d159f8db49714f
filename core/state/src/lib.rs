//! What a system keeps: tables of rows on the server, records and a counter on a device; and the trait by which a system is applied.
//!
//! ```text
//!   server:  Command ──► System::apply(&mut dyn Rows, &Ctx, Command) ──► Outcome      rows live in Table<K, V>
//!   device:  event   ──► Records::append (durable) ──► Counter::advance ──► emit      records live in Flash
//! ```
//! **Invariant:** `apply` is a function of the rows, the context and the command alone.
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

mod command;
#[cfg(any(test, feature = "testing"))]
pub mod fake;
mod flash;
pub mod frame;
mod kept;
mod memory;
mod rows;

pub use command::{Command, Ctx, System};
pub use flash::{Bank, Counter, Flash, FlashError, RECORD_BYTES_MAX, Records};
pub use kept::Kept;
pub use memory::MemoryRows;
pub use rows::{Key, Rows, Table};
