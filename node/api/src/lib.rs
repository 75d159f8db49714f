//! The HTTP API. One file a system holds its routes and DTOs; what they share is here and in [`reply`].
//!
//! ```text
//!   /                      a page that says what is here          /v1/keys…              API keys
//!   /health/live|ready     for whoever runs it                    /v1/offline-payment/…  system 01
//!   /metrics               Prometheus                             /openapi.json          all of /v1
//! ```
//! Devices speak the system's own messages as `application/cbor` and are known by their signatures; people and integrators speak JSON and are
//! known by a key with scopes. Every answer that is no refusal carries the sequence number it rests on (`Symbolon-Sequence`); a read may demand one
//! (`Symbolon-Min-Sequence`).
//!
//! **Invariants:** nothing is decided here: a handler opens, submits, and seals what the log answered. Default deny: without a key with the
//! right scope only a device's signed messages, health and this page are answered.
mod acquiring;
mod auth;
mod offline_payment;
mod openapi;
mod pages;
mod platform;
mod reply;

use axum::Router;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use symbolon_keys::RustCrypto;
use symbolon_machine::{AnyOutcome, Reader, Submission, Writer};
use symbolon_offline_payment::server::Edge;
use symbolon_state::Rows;
use symbolon_store::DiskTables;
use symbolon_types::CoreRefusal;
use symbolon_vault::{OfflinePaymentKeys, Vault};

pub use auth::{fresh_key, key_hash};
pub use openapi::document;
use reply::Failure;

/// The longest request body, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 512 * 1024;

/// How long a request may take to arrive, and a read may wait for the sequence number that it demands.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What the routes share.
pub struct Node {
    /// The way into the log.
    pub writer: Arc<Writer>,
    /// The rows as of the last durable batch.
    pub reader: Reader<DiskTables>,
    /// The keys.
    pub vault: Box<dyn Vault>,
    /// The provider of cryptography.
    pub crypto: RustCrypto,
    /// What `/metrics` counts.
    pub counters: Counters,
    /// Held from the drawing of a server key until the log has answered: one rotation at a time.
    pub rotation: tokio::sync::Mutex<()>,
}

/// What `/metrics` counts, since the start.
#[derive(Default)]
pub struct Counters {
    pub(crate) answered: AtomicU64,
    pub(crate) refused: Mutex<BTreeMap<u16, u64>>,
}

impl Node {
    /// Submits and waits until the outcome is durable.
    pub(crate) async fn submit(&self, submission: Submission) -> Result<(u64, AnyOutcome), Failure> {
        let (answer, answered) = tokio::sync::oneshot::channel();
        self.writer.submit(submission, move |outcome| {
            let _ = answer.send(outcome);
        })?;
        let outcome = answered.await.map_err(|_| CoreRefusal::Unavailable)?;
        Ok(outcome?)
    }

    /// Reads rows, with the sequence number they stand at.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&dyn Rows) -> R) -> Result<(u64, R), Failure> {
        Ok(self.reader.read(read)?)
    }

    /// The edge of system 01, over this node's keys, for one step between two waits. Which generation signs is what the rows say at this moment,
    /// and UNAVAILABLE is answered when the vault's key of it is not the one that they know.
    pub(crate) fn edge<R, F: Into<Failure>>(
        &self,
        step: impl FnOnce(&Edge<'_>) -> Result<R, F>,
    ) -> Result<R, Failure> {
        let (_, logged) = self.read(symbolon_offline_payment::state::signing_key)?;
        let keys =
            OfflinePaymentKeys::known(self.vault.as_ref(), logged).map_err(|_| CoreRefusal::Unavailable)?;
        step(&Edge { crypto: &self.crypto, keys: &keys }).map_err(Into::into)
    }
}

/// All routes.
pub fn router(node: Arc<Node>) -> Router {
    Router::new()
        .merge(pages::routes())
        .merge(platform::routes())
        .nest("/v1/offline-payment", offline_payment::routes())
        .nest("/v1/acquiring", acquiring::routes())
        .fallback(reply::no_such_address)
        .with_state(node)
}
