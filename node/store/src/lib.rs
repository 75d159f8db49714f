//! Checkpoints of the tables: what a cell restarts from.
//!
//! ```text
//!   apply ──► Overlay (in memory: what was written since the last checkpoint)
//!                │  checkpoint(applied, head_hash): one batch, synced
//!                ▼
//!             Tables ── DiskTables (one LSM keyspace on disk) | MemoryTables (the simulated world)
//! ```
//! All tables of a cell lie in one keyspace, a row's key being its table's number (u16, big endian) and its own key. The sequence number
//! applied and the log's head hash lie there too and are written in the batch of the rows they belong to. A restart is the last checkpoint
//! and the replay of the log's tail.
//!
//! **Invariant:** the rows on disk are those after exactly the commands up to [`Tables::applied`]; a crash leaves one checkpoint or the next.
//! **Invariant:** the overlay shows the rows as if every write had gone to the tables at once.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions
    )
)]

#[cfg(test)]
mod conformance;
mod disk;
mod error;
mod memory;
mod overlay;
mod tables;

pub use disk::{DiskOptions, DiskTables, FORMAT_VERSION};
pub use error::StoreError;
pub use memory::MemoryTables;
pub use overlay::Overlay;
pub use tables::{KEY_LEN_MAX, RESERVED_TABLE, Row, TableRow, Tables, VALUE_LEN_MAX, Write};
