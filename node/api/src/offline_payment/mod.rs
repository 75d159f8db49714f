//! `/v1/offline-payment`: system 01. What devices send is in [`device`], what operators do in [`operator`].
pub(crate) mod device;
pub(crate) mod operator;

use crate::Node;
use crate::reply::Failure;
use axum::Router;
use axum::routing::{delete, get, post};
use std::sync::Arc;
use symbolon_machine::{AnyOutcome, PlatformOutcome, Submission};
use symbolon_offline_payment::state::Outcome;
use symbolon_types::CoreRefusal;

pub(crate) fn routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/keys", get(device::keys))
        .route("/enrolments", post(device::enrol))
        .route("/grants", post(device::grants))
        .route("/payee-enrolments", post(device::enrol_payee))
        .route("/settlements", post(device::settle))
        .route("/reports", post(device::report))
        .route("/accounts", post(operator::open_account))
        .route("/accounts/{payer}", get(operator::account))
        .route("/accounts/{payer}/funds", post(operator::fund))
        .route("/accounts/{payer}/invitations", post(operator::invite_authenticator))
        .route("/authenticators/{authenticator}", delete(operator::revoke_authenticator))
        .route("/payees", post(operator::invite_payee))
        .route("/payees/{payee}", get(operator::payee))
        .route("/evidence", get(operator::evidence))
}

/// Submits; a refusal is a failure.
async fn outcome(node: &Node, submission: Submission) -> Result<(u64, Outcome), Failure> {
    match node.submit(submission).await? {
        (_, AnyOutcome::OfflinePayment(Outcome::Refused(refusal))) => Err(refusal.into()),
        (sequence, AnyOutcome::OfflinePayment(outcome)) => Ok((sequence, outcome)),
        (_, AnyOutcome::Platform(PlatformOutcome::Refused(code))) => Err(Failure::numbered(code)),
        _ => Err(CoreRefusal::Unavailable.into()),
    }
}
