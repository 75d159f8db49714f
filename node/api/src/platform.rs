//! `/v1/keys`: the first administrator's key, and the keys it adds and revokes.
use crate::Node;
use crate::auth::{bearer, caller, fresh_key, key_hash, request_id};
use crate::reply::{Failure, json, json_body};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{delete, post};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use symbolon_keys::{RustCrypto, derive32};
use symbolon_machine::{
    AddKey, AnyOutcome, FirstKey, PlatformCommand, PlatformOutcome, RedeemFirstKey, RevokeKey, Scope,
    Submission, first_key, keys,
};
use symbolon_types::{CoreRefusal, Hash, Secret, hex_upper};
use symbolon_wire::cbor::Malformed;

/// The longest name of a key: checked here too, so that what is refused is not written.
const NAME_BYTES_MAX: usize = 80;

/// Keys that one call lists.
const LISTED_MAX: usize = 1000;

pub(crate) fn routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/v1/keys/first", post(redeem_first))
        .route("/v1/keys", post(add).get(list))
        .route("/v1/keys/{id}", delete(revoke))
}

/// A key that was made: shown once.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct NewKey {
    /// The id: the SHA-256 of the key.
    id: String,
    /// The key. It is not kept and cannot be shown again.
    key: String,
}

/// What a new key shall be.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKeyRequest {
    /// What people call it, 1 to 80 bytes.
    name: String,
    /// `admin`, `operate`, `read`.
    scopes: Vec<String>,
}

/// A key, as it is listed.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ListedKey {
    /// The SHA-256 of the key.
    id: String,
    /// What people call it.
    name: String,
    /// What it may be used for.
    scopes: Vec<&'static str>,
    /// Unix milliseconds.
    added_at: u64,
    /// No longer valid.
    revoked: bool,
}

/// Exchanges the one-time key of the data folder for a lasting administrator's key.
#[utoipa::path(post, path = "/v1/keys/first", responses((status = 200, body = NewKey)), security(("bearer" = [])))]
pub(crate) async fn redeem_first(State(node): State<Arc<Node>>, headers: HeaderMap) -> Response {
    let made = async {
        let one_time = key_hash(&bearer(&headers)?).ok_or(CoreRefusal::Unauthorised)?;
        // What is wrong is refused before anything is written: nobody without the key makes the log grow.
        let (_, found) = node.read(|rows| first_key(rows, &one_time))?;
        if found == FirstKey::Another {
            return Err(CoreRefusal::Unauthorised.into());
        }
        let (key, hash) = lasting_key(&headers, &one_time)?;
        let sequence =
            run(&node, PlatformCommand::RedeemFirst(RedeemFirstKey { one_time, key: hash })).await?;
        Ok((sequence, NewKey { id: hash.to_string(), key }))
    };
    json(&node, made.await)
}

/// Adds a key.
#[utoipa::path(post, path = "/v1/keys", request_body = NewKeyRequest, responses((status = 200, body = NewKey)), security(("bearer" = [])))]
pub(crate) async fn add(State(node): State<Arc<Node>>, headers: HeaderMap, body: Body) -> Response {
    let made = async {
        caller(&node, &headers, Scope::Admin)?;
        let request: NewKeyRequest = json_body(body).await?;
        if !(1..=NAME_BYTES_MAX).contains(&request.name.len()) {
            return Err(Malformed.into());
        }
        let scopes: Option<Vec<Scope>> = request.scopes.iter().map(|name| Scope::from_name(name)).collect();
        let (key, hash) = new_key()?;
        let command = AddKey { key: hash, name: request.name, scopes: scopes.ok_or(Malformed)? };
        let sequence = run(&node, PlatformCommand::AddKey(command)).await?;
        Ok((sequence, NewKey { id: hash.to_string(), key }))
    };
    json(&node, made.await)
}

/// Lists the keys.
#[utoipa::path(get, path = "/v1/keys", responses((status = 200, body = Vec<ListedKey>)), security(("bearer" = [])))]
pub(crate) async fn list(State(node): State<Arc<Node>>, headers: HeaderMap) -> Response {
    let listed = caller(&node, &headers, Scope::Admin).and_then(|_| {
        node.read(|rows| {
            let row = |(id, row): (Hash, symbolon_machine::KeyRow)| ListedKey {
                id: id.to_string(),
                name: row.name,
                scopes: row.scopes.iter().map(|scope| scope.name()).collect(),
                added_at: row.added_at.0,
                revoked: row.revoked,
            };
            keys(rows, LISTED_MAX).into_iter().map(row).collect::<Vec<_>>()
        })
    });
    json(&node, listed)
}

/// Revokes a key.
#[utoipa::path(delete, path = "/v1/keys/{id}", params(("id" = String, Path)), responses((status = 200)), security(("bearer" = [])))]
pub(crate) async fn revoke(
    State(node): State<Arc<Node>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let done = async {
        caller(&node, &headers, Scope::Admin)?;
        let key = Hash::from_hex(&id).ok_or(CoreRefusal::NotFound)?;
        let sequence = run(&node, PlatformCommand::RevokeKey(RevokeKey { key })).await?;
        Ok((sequence, serde_json::json!({ "id": key.to_string(), "revoked": true })))
    };
    json(&node, done.await)
}

/// The key that the one-time key is exchanged for. With an `Idempotency-Key` it is the same for every repeat, so that a lost answer can be
/// asked for again by whoever has both.
fn lasting_key(headers: &HeaderMap, one_time: &Hash) -> Result<(String, Hash), Failure> {
    if !headers.contains_key("idempotency-key") {
        return new_key();
    }
    let id = request_id(headers)?;
    let token = Secret::new(bearer(headers)?);
    let derived = derive32(&RustCrypto, token.reveal().as_bytes(), b"lasting key", &[&one_time.0, &id.0]);
    let key = hex_upper(derived.reveal());
    let hash = key_hash(&key).ok_or(CoreRefusal::Unavailable)?;
    Ok((key, hash))
}

fn new_key() -> Result<(String, Hash), Failure> {
    let key = fresh_key()?;
    let hash = key_hash(key.reveal()).ok_or(CoreRefusal::Unavailable)?;
    Ok((key.reveal().clone(), hash))
}

async fn run(node: &Node, command: PlatformCommand) -> Result<u64, Failure> {
    match node.submit(Submission::natural(command)).await? {
        (sequence, AnyOutcome::Platform(PlatformOutcome::Done(()))) => Ok(sequence),
        (_, AnyOutcome::Platform(PlatformOutcome::Refused(code))) => Err(Failure::numbered(code)),
        _ => Err(CoreRefusal::Unavailable.into()),
    }
}
