//! The shop's reader: system 01's payee on real transports, with a store of its own.
//!
//! ```text
//!   online, once    enrol    server ─► certificate, first trust list [kept]
//!   online          sync     server ─► trust update [kept]; the certificate anew where its key has gone
//!                   charge   challenge [kept] ─► object [kept as forwarded] ─► server ─► settled [kept] ─► receipt
//!                   audit    server ─► statement, against the book          refund   signed [kept] ─► server
//!   offline         charge   challenge [kept] ─► payer ─► secure object ─► checked under the server's key alone, accepted [kept] ─► receipt
//!   online, later   upload   object, challenge, receipt ─► server ─► settled [kept], one after the other
//! ```
//! **Invariants:** offline, a reader whose trust list is too old accepts nothing; the store knows no address of the server; an object is durable before its receipt leaves; what the server refuses for one
//! object does not keep it from the others.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod book;
mod charge;
mod failure;
mod link;
mod node;
mod online;
mod reader;
mod state;
mod sync;
mod upload;

pub use book::Audit;
pub use charge::{Charge, Charged};
pub use failure::Failure;
pub use link::{AID, ApduLink, INS_CHALLENGE, INS_OBJECT, INS_RECEIPT, PayerLink, QrLink, Take};
pub use node::Node;
pub use reader::{Reader, Witness};
pub use state::{PendingRefund, ReaderState, RefusedUpload};
pub use upload::Uploaded;
