//! `/v1/offline-payment`: system 01. What devices send is in [`device`], what operators do in [`operator`], and with the
//! server's keys in [`trust`].
pub(crate) mod device;
pub(crate) mod limits;
pub(crate) mod operator;
pub(crate) mod trust;

use crate::Node;
use crate::reply::Failure;
use axum::Router;
use axum::routing::{delete, get, post};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use symbolon_machine::{AnyOutcome, PlatformOutcome, Submission};
use symbolon_offline_payment::state::Outcome;
use symbolon_types::{CoreRefusal, UnixSeconds};

pub(crate) fn routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/keys", get(trust::keys))
        .route("/enrolments", post(device::enrol))
        .route("/grants", post(device::grants))
        .route("/payee-enrolments", post(device::enrol_payee))
        .route("/settlements", post(device::settle))
        .route("/reports", post(device::report))
        .route("/refunds", post(device::refund))
        .route("/statements", post(device::statement))
        .route("/trust", get(trust::trust))
        .route("/trust-policy", post(trust::set_policy))
        .route("/server-keys", post(trust::rotate))
        .route("/server-keys/{kid}", delete(trust::revoke))
        .route("/accounts", post(operator::open_account))
        .route("/accounts/{payer}", get(operator::account))
        .route("/accounts/{payer}/funds", post(operator::fund))
        .route("/accounts/{payer}/repayments", post(operator::repay))
        .route("/accounts/{payer}/invitations", post(operator::invite_authenticator))
        .route("/authenticators/{authenticator}", delete(operator::revoke_authenticator))
        .route("/payees", post(operator::invite_payee))
        .route("/payees/{payee}", get(operator::payee))
        .route("/evidence", get(operator::evidence))
}

/// The server's time, where a message is held against this moment.
fn now() -> UnixSeconds {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixSeconds(since.as_secs())
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
