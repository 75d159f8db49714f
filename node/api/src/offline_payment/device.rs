//! What phones and readers send, as `application/cbor`: each message is known by its own signature.
use super::{now, outcome};
use crate::Node;
use crate::reply::{Failure, body, cbor};
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use std::sync::Arc;
use symbolon_machine::Submission;
use symbolon_offline_payment::server::Edge;
use symbolon_offline_payment::state::{Command, Outcome, code_known, refunded_already, settled_already};
use symbolon_offline_payment::{OfflinePaymentRefusal, Refusal};
use symbolon_state::Rows;
use symbolon_types::CoreRefusal;
use symbolon_wire::cbor::{Bytes, from_slice, to_vec};

type Sealed = Result<(u64, Vec<u8>), Failure>;

/// The answer to what was settled, given back, or is past all hope: read, not written once more.
fn answered_before(node: &Node, command: &Command) -> Result<Option<(u64, Vec<u8>)>, Failure> {
    let (sequence, answer) = node.read(|rows| match command {
        Command::Settle(asked) => {
            settled_already(rows, now().ms(), asked).map(|answer| answer.map(|known| to_vec(&known)))
        }
        Command::Refund(asked) => {
            refunded_already(rows, asked).map(|answer| answer.map(|known| to_vec(&known)))
        }
        _ => None,
    })?;
    Ok(answer.transpose()?.map(|answer| (sequence, answer)))
}

/// Opens what came over a snapshot of the rows.
fn opened(
    node: &Node,
    open: impl FnOnce(&Edge<'_>, &dyn Rows) -> Result<Command, Refusal>,
) -> Result<Command, Failure> {
    node.edge(|edge| node.read(|rows| open(edge, rows)).and_then(|(_, command)| Ok(command?)))
}

/// Refuses a code that nobody was given before anything is written: a guess does not make the log grow.
fn invited(node: &Node, command: &Command) -> Result<(), Failure> {
    let code = match command {
        Command::EnrolAuthenticator(enrol) => enrol.code,
        Command::EnrolPayee(enrol) => enrol.code,
        _ => return Ok(()),
    };
    let (_, known) = node.read(|rows| code_known(rows, &code))?;
    if known { Ok(()) } else { Err(Refusal::from(OfflinePaymentRefusal::CodeUnknown).into()) }
}

fn seed() -> Result<[u8; 32], Failure> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| CoreRefusal::Unavailable)?;
    Ok(seed)
}

/// Enrols an authenticator: an enrolment request for an enrolment.
#[utoipa::path(post, path = "/v1/offline-payment/enrolments", request_body(content = Vec<u8>, content_type = "application/cbor"), responses((status = 200, content_type = "application/cbor")))]
pub(crate) async fn enrol(State(node): State<Arc<Node>>, request: Body) -> Response {
    let answer = async {
        let bytes = body(request).await?;
        let seed = seed()?;
        let command = node.edge(|edge| edge.open_enrolment(&bytes, seed))?;
        invited(&node, &command)?;
        match outcome(&node, Submission::natural(command)).await? {
            (sequence, Outcome::Enrolled(enrolled)) => {
                Ok((sequence, node.edge(|edge| edge.seal_enrolment(&enrolled))?.0))
            }
            _ => Err(CoreRefusal::Unavailable.into()),
        }
    };
    let answer: Sealed = answer.await;
    cbor(&node, answer)
}

/// Grants nonces: an array of nonce tokens for an array of grants.
#[utoipa::path(post, path = "/v1/offline-payment/grants", request_body(content = Vec<u8>, content_type = "application/cbor"), responses((status = 200, content_type = "application/cbor")))]
pub(crate) async fn grants(State(node): State<Arc<Node>>, request: Body) -> Response {
    let answer = async {
        let tokens: Vec<Bytes> = from_slice(&body(request).await?)?;
        let seed = seed()?;
        let command = opened(&node, |edge, rows| edge.open_tokens(rows, &tokens, &seed))?;
        match outcome(&node, Submission::natural(command)).await? {
            (sequence, Outcome::Granted(grants)) => {
                Ok((sequence, to_vec(&node.edge(|edge| edge.seal_grants(&grants))?)))
            }
            _ => Err(CoreRefusal::Unavailable.into()),
        }
    };
    let answer: Sealed = answer.await;
    cbor(&node, answer)
}

/// Enrols a payee: a payee request for a certificate.
#[utoipa::path(post, path = "/v1/offline-payment/payee-enrolments", request_body(content = Vec<u8>, content_type = "application/cbor"), responses((status = 200, content_type = "application/cbor")))]
pub(crate) async fn enrol_payee(State(node): State<Arc<Node>>, request: Body) -> Response {
    let answer = async {
        let bytes = body(request).await?;
        let command = node.edge(|edge| edge.open_payee_request(&bytes))?;
        invited(&node, &command)?;
        match outcome(&node, Submission::natural(command)).await? {
            (sequence, Outcome::PayeeEnrolled(certificate)) => {
                Ok((sequence, node.edge(|edge| edge.seal_certificate(&certificate))?.0))
            }
            _ => Err(CoreRefusal::Unavailable.into()),
        }
    };
    let answer: Sealed = answer.await;
    cbor(&node, answer)
}

/// Settles one accepted object.
#[utoipa::path(post, path = "/v1/offline-payment/settlements", request_body(content = Vec<u8>, content_type = "application/cbor"), responses((status = 200, content_type = "application/cbor")))]
pub(crate) async fn settle(State(node): State<Arc<Node>>, request: Body) -> Response {
    let answer = async {
        let bytes = body(request).await?;
        let command = opened(&node, |edge, rows| edge.open_settlement(rows, &bytes))?;
        if let Some(known) = answered_before(&node, &command)? {
            return Ok(known);
        }
        match outcome(&node, Submission::natural(command)).await? {
            (sequence, Outcome::Settled(settled)) => Ok((sequence, to_vec(&settled))),
            _ => Err(CoreRefusal::Unavailable.into()),
        }
    };
    let answer: Sealed = answer.await;
    cbor(&node, answer)
}

/// Takes an authenticator's report and answers with time and limits.
#[utoipa::path(post, path = "/v1/offline-payment/reports", request_body(content = Vec<u8>, content_type = "application/cbor"), responses((status = 200, content_type = "application/cbor")))]
pub(crate) async fn report(State(node): State<Arc<Node>>, request: Body) -> Response {
    let answer = async {
        let bytes = body(request).await?;
        let command = opened(&node, |edge, rows| edge.open_report(rows, &bytes))?;
        match outcome(&node, Submission::natural(command)).await? {
            (sequence, Outcome::Reconciled(answer)) => {
                Ok((sequence, node.edge(|edge| edge.seal_reconciled(&answer))?.0))
            }
            _ => Err(CoreRefusal::Unavailable.into()),
        }
    };
    let answer: Sealed = answer.await;
    cbor(&node, answer)
}

/// Gives money back, by reference to the object that brought it.
#[utoipa::path(post, path = "/v1/offline-payment/refunds", request_body(content = Vec<u8>, content_type = "application/cbor"), responses((status = 200, content_type = "application/cbor")))]
pub(crate) async fn refund(State(node): State<Arc<Node>>, request: Body) -> Response {
    let answer = async {
        let bytes = body(request).await?;
        let command = opened(&node, |edge, rows| edge.open_refund(rows, &bytes))?;
        if let Some(known) = answered_before(&node, &command)? {
            return Ok(known);
        }
        match outcome(&node, Submission::natural(command)).await? {
            (sequence, Outcome::Refunded(refunded)) => Ok((sequence, to_vec(&refunded))),
            _ => Err(CoreRefusal::Unavailable.into()),
        }
    };
    let answer: Sealed = answer.await;
    cbor(&node, answer)
}

/// Says what a payee was credited: a statement request for a signed statement.
#[utoipa::path(post, path = "/v1/offline-payment/statements", request_body(content = Vec<u8>, content_type = "application/cbor"), responses((status = 200, content_type = "application/cbor")))]
pub(crate) async fn statement(State(node): State<Arc<Node>>, request: Body) -> Response {
    let answer = async {
        let bytes = body(request).await?;
        node.edge(|edge| {
            let (sequence, signed) = node.read(|rows| edge.open_statement(rows, &bytes, now()))?;
            Ok::<_, Failure>((sequence, signed?.0))
        })
    };
    let answer: Sealed = answer.await;
    cbor(&node, answer)
}
