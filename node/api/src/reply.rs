//! Requests in, answers out: bounded bodies, refusals with stable numbers, the sequence number an answer rests on.
use crate::{BODY_BYTES_MAX, Node, PATIENCE};
use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use symbolon_types::{Amount, CoreRefusal, Currency, Refused};
use symbolon_wire::cbor::{Encoder, Malformed};

/// The sequence number that an answer rests on.
pub(crate) const SEQUENCE: HeaderName = HeaderName::from_static("symbolon-sequence");

/// The sequence number that a read demands.
pub(crate) const MIN_SEQUENCE: HeaderName = HeaderName::from_static("symbolon-min-sequence");

/// A refusal on its way out.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) Refused);

impl<R: Into<Refused>> From<R> for Failure {
    fn from(refusal: R) -> Self {
        Self(refusal.into())
    }
}

impl Failure {
    /// The refusal of an outcome, by its number.
    pub(crate) fn numbered(code: u16) -> Self {
        CoreRefusal::from_code(code).unwrap_or(CoreRefusal::Unavailable).into()
    }

    fn status(&self) -> StatusCode {
        match CoreRefusal::from_code(self.0.code) {
            Some(CoreRefusal::Malformed | CoreRefusal::IdInvalid | CoreRefusal::AmountInvalid) => {
                StatusCode::BAD_REQUEST
            }
            Some(CoreRefusal::Unauthorised) => StatusCode::UNAUTHORIZED,
            Some(CoreRefusal::Forbidden) => StatusCode::FORBIDDEN,
            Some(CoreRefusal::NotFound) => StatusCode::NOT_FOUND,
            Some(CoreRefusal::Conflict | CoreRefusal::IdTooOld) => StatusCode::CONFLICT,
            Some(CoreRefusal::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Some(CoreRefusal::Busy | CoreRefusal::NotDurable | CoreRefusal::Unavailable) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    fn with_type(self, kind: &'static str, body: Vec<u8>) -> Response {
        let mut response = (self.status(), [(header::CONTENT_TYPE, kind)], body).into_response();
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }

    fn json(self) -> Response {
        let refusal = serde_json::json!({ "refusal": {
            "code": self.0.code, "name": self.0.name, "detail": self.0.reason,
        } });
        self.with_type("application/json", refusal.to_string().into_bytes())
    }

    /// `{1: code, 2: name, 3: detail}`.
    fn cbor(self) -> Response {
        let mut out = Encoder::new();
        out.map(3).uint(1).uint(u64::from(self.0.code)).uint(2).text(self.0.name).uint(3).text(self.0.reason);
        self.with_type("application/cbor", out.finish())
    }
}

pub(crate) async fn no_such_address() -> Response {
    Failure::from(CoreRefusal::NotFound).json()
}

/// Counts what is answered; a refusal by its number, so that an operator can be alarmed by one.
fn counted<B>(node: &Node, answer: Result<B, Failure>) -> Result<B, Failure> {
    match &answer {
        Ok(_) => {
            node.counters.answered.fetch_add(1, Ordering::Relaxed);
        }
        Err(failure) => {
            let mut refused = node.counters.refused.lock().unwrap_or_else(PoisonError::into_inner);
            *refused.entry(failure.0.code).or_default() += 1;
        }
    }
    answer
}

fn with_sequence(sequence: u64, mut response: Response) -> Response {
    response.headers_mut().insert(SEQUENCE, HeaderValue::from(sequence));
    response
}

/// A device's answer.
pub(crate) fn cbor(node: &Node, answer: Result<(u64, Vec<u8>), Failure>) -> Response {
    match counted(node, answer) {
        Ok((sequence, body)) => {
            with_sequence(sequence, ([(header::CONTENT_TYPE, "application/cbor")], body).into_response())
        }
        Err(failure) => failure.cbor(),
    }
}

/// An integrator's answer.
pub(crate) fn json<B: Serialize>(node: &Node, answer: Result<(u64, B), Failure>) -> Response {
    match counted(node, answer) {
        Ok((sequence, body)) => with_sequence(sequence, axum::Json(body).into_response()),
        Err(failure) => failure.json(),
    }
}

/// A document for an integrator; a refusal is JSON as elsewhere.
pub(crate) fn xml(node: &Node, answer: Result<(u64, String), Failure>) -> Response {
    match counted(node, answer) {
        Ok((sequence, body)) => {
            with_sequence(sequence, ([(header::CONTENT_TYPE, "application/xml")], body).into_response())
        }
        Err(failure) => failure.json(),
    }
}

/// The body, bounded in length and time: BUSY for one that does not come whole in its time, since nothing was judged and the same bytes may come
/// sooner; MALFORMED for one that its sender broke off; TOO_LARGE for one that is, and for nothing else.
pub(crate) async fn body(body: Body) -> Result<Vec<u8>, Failure> {
    match tokio::time::timeout(PATIENCE, whole(body)).await {
        Ok(read) => Ok(read?),
        Err(_) => Err(CoreRefusal::Busy.into()),
    }
}

/// Frame by frame, because the error of a collected body does not say whether it was the bound or the sender that ended it.
async fn whole(mut body: Body) -> Result<Vec<u8>, CoreRefusal> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        // Trailers (RFC 9110 §6.5) say nothing here.
        let Ok(data) = frame.map_err(|_| CoreRefusal::Malformed)?.into_data() else { continue };
        if data.len() > BODY_BYTES_MAX.saturating_sub(bytes.len()) {
            return Err(CoreRefusal::TooLarge);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// The body as one JSON value of the expected shape; an unknown member is refused by the DTO.
pub(crate) async fn json_body<B: DeserializeOwned>(from: Body) -> Result<B, Failure> {
    serde_json::from_slice(&body(from).await?).map_err(|_| Malformed.into())
}

/// Waits until the rows stand where the read demands.
pub(crate) async fn demanded(node: &std::sync::Arc<Node>, headers: &HeaderMap) -> Result<(), Failure> {
    let Some(value) = headers.get(MIN_SEQUENCE) else { return Ok(()) };
    let sequence: u64 = value.to_str().ok().and_then(|text| text.parse().ok()).ok_or(Malformed)?;
    let node = std::sync::Arc::clone(node);
    let there = tokio::task::spawn_blocking(move || node.reader.wait_for(sequence, PATIENCE)).await;
    if there.unwrap_or(false) { Ok(()) } else { Err(CoreRefusal::Busy.into()) }
}

/// Money in JSON: `{"minor": integer, "currency": "EUR"}`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Money {
    /// Minor units, 0 to 2^53 - 1.
    pub(crate) minor: u64,
    /// ISO 4217, three letters.
    pub(crate) currency: String,
}

impl From<Amount> for Money {
    fn from(amount: Amount) -> Self {
        Self { minor: amount.minor(), currency: amount.currency().alpha().into() }
    }
}

impl Money {
    pub(crate) fn amount(&self) -> Result<Amount, Failure> {
        let currency = Currency::from_alpha(&self.currency).ok_or(CoreRefusal::AmountInvalid)?;
        Ok(Amount::new(self.minor, currency).map_err(|_| CoreRefusal::AmountInvalid)?)
    }
}
