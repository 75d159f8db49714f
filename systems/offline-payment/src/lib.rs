//! System 01, offline payment: the right to pay with no network, on a nonce that a server signed beforehand.
//!
//! ```text
//!            online, beforehand                       │            offline                         │ online again
//!  authenticator ──nonce token──► secure application  │  payee ──challenge──► secure application   │ payee ──object, receipt──► server
//!  secure application ──token──► server               │  payment application ──OTP──► authenticator│ phone ──report──► server
//!  server ──grant (nonce signature)──► s. application │  authenticator ──second nonce──► s. app.   │
//!                                                     │  s. app. ──sealed credential──► authent.   │
//!                                                     │  authenticator ──secure object──► payee    │
//!                                                     │  payee ──receipt──► secure application     │
//! ```
//!
//! | actor | module | what it keeps |
//! | --- | --- | --- |
//! | authenticator | [`authenticator`] | keys, pool of nonces, attempts, spend, emitted objects: sealed, with a counter |
//! | secure application | [`secure_application`] | tokens and grants; never the credential |
//! | payment application | [`payment_application`] | the secret of its one-time passwords |
//! | payee | [`payee`] | its certificate, open challenges, accepted objects |
//! | server, edge | [`server`] | nothing: it verifies and builds; keys are the vault's |
//! | devices | [`trust`] | which keys are the server's, by epoch |
//! | anyone | [`evidence`] | nothing: the verdict over two objects |
//! | server, durable | [`state`] | grants, settlements, evidence, and money in the journal |
//!
//! **Invariants:** a nonce buys at most one object of one authenticator; an object is recorded before it leaves; money posted is at
//! most money reserved; a payee is credited at most once a nonce; the sum of losses is at most the sum of the payees' caps.
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

pub mod authenticator;
pub mod evidence;
pub mod messages;
pub mod payee;
pub mod payment_application;
pub mod refusal;
pub mod secure_application;
pub mod server;
pub mod state;
pub mod trust;

pub use refusal::{OfflinePaymentRefusal, Refusal};
