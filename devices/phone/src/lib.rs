//! The phone: the secure application and the payment application in one process, each with a store of its own, and the authenticator in
//! another process behind a path Unix socket.
//!
//! ```text
//!   online    enrol      authenticator ─► EnrolmentRequest ─► server ─► Enrolment, with the first credential ─► authenticator
//!             prefetch   authenticator ─► nonce tokens (kept) ─► server ─► grants (kept with their tokens)
//!             each time  server ─► trust update ─► authenticator, list after list; the phone's own
//!             reconcile  authenticator ─► Report ─► server ─► Reconciled ─► authenticator
//!   offline   pay        payee ─► challenge ─► preview ─► nonce taken (kept) ─► one-time password (counter kept) ─► second nonce
//!                        ─► credential sealed ─► secure object (kept) ─► payee ─► receipt (kept)
//!             set        a credential that is set ─► another one, sealed for the authenticator
//!             resume     the object that was made, the same bytes, until its receipt is there
//!
//!   <store>/secure-application    key, wallet, tokens whose grants are awaited, the payment underway, payments
//!   <store>/platform              the simulated platform authenticator: its key, its PRF secret, its count
//!   <store>/payment-application   its id, its one-time-password secret, its counter
//! ```
//! **Invariants:** what a step gives away is durable before it is given; the credential is in no store; a challenge that has an object is
//! never paid with another nonce; a nonce leaves the wallet for good only for an object or because the authenticator says it is dead.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod authenticator;
mod enrol;
mod failure;
mod link;
mod node;
mod pay;
mod phone;
mod platform;
mod present;
mod replenish;
mod setting;
mod state;
mod status;

pub use authenticator::AuthenticatorClient;
pub use failure::Failure;
pub use link::{AID, ApduLink, INS_CHALLENGE, INS_OBJECT, INS_RECEIPT, PayeeLink, QrLink};
pub use node::{Node, last_call};
pub use pay::{Asking, Entry, User};
pub use phone::{Phone, Witness};
pub use platform::{PlatformAuthenticator, PlatformState, SimulatedPlatform};
pub use replenish::COUNT_USUAL;
pub use state::{HeldPayment, Underway};
pub use status::PhoneStatus;
