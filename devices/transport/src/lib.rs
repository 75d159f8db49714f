//! Real transports of the device roles: path Unix sockets, APDUs, QR images, HTTP, files that last; and the three things that a device role
//! takes from its operating system: time, random bytes, and a network that is not there.
//!
//! ```text
//!   frames       request and response over a path Unix socket         u32 length frames
//!   apdu_socket  a card and a reader over a path Unix socket          u16 length frames, command and response chaining
//!   optical      a message as QR images in a folder                   PNG, one per frame of symbolon_wire::parts
//!   http         CBOR and JSON to a node on the loopback interface
//!   store        Flash and Counter on files
//!   isolate      leaving the network for good, and the proof of it
//!   clock, entropy
//! ```
//! **Invariant:** every length and every wait that comes from outside is bounded. Time is read in `clock` and nowhere else.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod apdu_socket;
pub mod clock;
pub mod entropy;
mod error;
pub mod frames;
pub mod http;
pub mod isolate;
pub mod lock;
pub mod optical;
pub mod store;

pub use error::TransportError;
