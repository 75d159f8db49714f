//! The order of commands, durable before any reply: the embedded log.
//!
//! ```text
//!   00000000000000000001.0000000001.seg     header │ batch │ batch │ … │ zeros        64 MiB each, zero-filled and synced ahead of use
//!   00000000000000051234.0000000002.seg     header │ batch │ zeros …
//!   pointer                                 two slots: the last acknowledged (sequence, hash, segment, end); written after each sync, itself not synced
//!   kept                                    after archiving: the hash before the first segment present
//!   lock                                    held while the log is open
//! ```
//! A batch is one frame of [`symbolon_state::frame`] and is written and synced at once. Its hash covers the hash before it, so the last hash fixes all that went before.
//!
//! The hash is BLAKE3, because it was measured: a batch of 1 MiB takes 0.16 ms (SHA-256 with its processor instructions: 0.58 ms) where writing and syncing it
//! takes 0.8 ms, and one of 300 bytes 0.4 µs (0.2 µs) where a sync takes 100 µs. The checksum is CRC-32C by the processor's instruction, at 28 GB/s.
//!
//! A batch does not hold its own hash, so a long one is hashed by a thread while it is synced.
//!
//! Zeros ahead of use mean that a sync has no allocation to make durable, and that a full disk is met when the next segment is prepared, never in a batch.
//! (A copy-on-write file system allocates for overwrites too: there a full disk ends writing instead.)
//!
//! **Invariant:** nothing acknowledged is lost or changed without [`LogError::Damaged`], nothing unacknowledged is there in part; a doubt is told, never guessed away.
//!
//! **Invariant:** no clock, no async: the caller steps the log, over a [`Disk`]; the one thread, which hashes, is waited for in every step.

mod aside;
mod batch;
mod batches;
mod disk;
mod error;
mod kept;
mod log;
#[cfg(any(test, feature = "testing"))]
pub mod memory;
mod pointer;
mod reading;
mod segment;
mod survey;

pub use batch::{Batch, BatchHash, Head};
pub use batches::Batches;
pub use disk::{Disk, FileDisk};
pub use error::{Damage, DiskError, LogError, LogFile, SegmentName};
pub use log::{Appended, Log, Opened, Options};
pub use reading::{History, Reading, verify};
pub use survey::{PointerState, Torn, Verified};
