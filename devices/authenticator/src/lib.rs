//! The authenticator as a process: system 01's state machine behind a path Unix socket, with a store, a counter and a device secret of its
//! own. Nothing reaches it but requests in CBOR; nothing leaves it but its answers.
//!
//! ```text
//!   secure application ──frame: Request──► Listener ──► Machine::answer ──► Authenticator::handle ──► Records, Counter (durable)
//!                      ◄──frame: Reply────────────────────────┘
//!
//!   <store>/state/bank-a, bank-b   sealed states        <store>/counter         rises with every state
//!   <store>/device-secret          32 random bytes      <store>/server-key      what was pinned at the first start
//! ```
//! The hardware is simulated: [`FileSecret`] stands for what a secure element fuses, `FileCounter` for its monotonic counter. Both lie behind
//! traits, so that hardware takes their place.
//!
//! **Invariants:** a process has one machine and a machine one process; the server's key is pinned at the first start; the machine calls
//! nobody.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod failure;
mod file;
mod machine;
mod pin;
mod secret;

pub use failure::Failure;
pub use machine::{Machine, serve};
pub use secret::{DeviceSecret, FileSecret};
