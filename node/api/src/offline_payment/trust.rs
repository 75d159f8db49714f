//! The server's keys and the deny list: for devices, and for the operator who rotates and revokes.
//!
//! ```text
//!   POST /server-keys ─► would the log take one more? ─► the vault draws a key for this request, once ─► RotateServerKey in the log ─► it signs
//! ```
//! **Invariant:** a generation that the vault drew and the log never heard of signs nothing; the same request finds it again, and so does the next
//! one. What decides whom devices believe needs the scope `admin`.
use super::now;
use super::operator::{change_of_trust, run};
use crate::Node;
use crate::reply::{Failure, cbor, json, json_body};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use symbolon_keys::{KeyId, VerifyingKey};
use symbolon_offline_payment::messages::ServerKey;
use symbolon_offline_payment::state::{
    Command, OVERLAP_SECONDS_MAX, RotateServerKey, SetTrustPolicy, has_room, server_keys, signing_key,
};
use symbolon_offline_payment::{OfflinePaymentRefusal, Refusal};
use symbolon_types::{CoreRefusal, Secret, hex_upper};
use symbolon_vault::{OfflinePaymentKeys, SigningHandle};
use symbolon_wire::cbor::to_vec;

/// How long a key is honoured after it was rotated out, unless told: a year, as long as a payee's certificate lives.
const OVERLAP_SECONDS: u64 = 366 * 24 * 3600;

/// The public keys of the platform.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct PublicKeys {
    /// The Ed25519 key that signs grants, certificates and answers now.
    server: String,
    /// Its id: the first 8 bytes of its COSE key thumbprint (RFC 9679).
    kid: String,
    /// The X25519 key to which audits are sealed.
    issuer: String,
    /// The keys that signed before, the latest first.
    others: Vec<FormerKey>,
}

/// A key that was rotated out.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct FormerKey {
    /// The Ed25519 key.
    server: String,
    /// Its id.
    kid: String,
    /// The last second in which it is honoured, in Unix milliseconds.
    until: Option<u64>,
    /// It counts no more, whatever its end.
    revoked: bool,
}

/// A rotation of the server's key.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewServerKey {
    /// How long the key that goes is honoured, in seconds, at most two years; 366 days unless told.
    overlap_seconds: Option<u64>,
}

/// The key that signs from now on.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct RotatedKey {
    /// The Ed25519 key.
    server: String,
    /// Its id.
    kid: String,
    /// Its generation in the vault.
    generation: u32,
}

/// How old a list may be that an offline payee judges by.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTrustPolicy {
    /// In seconds, 60 to 30 days.
    age_seconds_max: u64,
}

/// The keys that devices and payees pin.
#[utoipa::path(get, path = "/v1/offline-payment/keys", responses((status = 200, body = PublicKeys)))]
pub(crate) async fn keys(State(node): State<Arc<Node>>) -> Response {
    let public = node.edge(|edge| {
        let (sequence, known) = node.read(server_keys)?;
        let server = edge.keys.signer().verifying_key();
        let kid = |key: &VerifyingKey| key.id(edge.crypto).to_string();
        let former = |(_, known): (u32, ServerKey)| FormerKey {
            server: hex_upper(&known.key.0),
            kid: kid(&known.key),
            until: known.until.map(|until| until.ms().0),
            revoked: known.revoked,
        };
        let others = known.into_iter().rev().filter(|(_, known)| known.key != server).map(former).collect();
        let issuer = hex_upper(&edge.keys.issuer().0);
        Ok::<_, Failure>((
            sequence,
            PublicKeys { server: hex_upper(&server.0), kid: kid(&server), issuer, others },
        ))
    });
    json(&node, public)
}

/// The server's keys by epoch and the devices that are denied: a trust update.
#[utoipa::path(get, path = "/v1/offline-payment/trust", responses((status = 200, content_type = "application/cbor")))]
pub(crate) async fn trust(State(node): State<Arc<Node>>) -> Response {
    let answer = node.edge(|edge| {
        // Not before the log's last time: a clock that was set back makes no older list.
        let now = now().max(node.reader.at().seconds());
        let (sequence, update) = node.read(|rows| edge.trust_update(rows, now))?;
        Ok::<_, Failure>((sequence, to_vec(&update?)))
    });
    cbor(&node, answer)
}

/// Lets a new key of the server's sign; the one before is honoured for a while.
#[utoipa::path(post, path = "/v1/offline-payment/server-keys", request_body = NewServerKey, responses((status = 200, body = RotatedKey)), security(("bearer" = [])))]
pub(crate) async fn rotate(State(node): State<Arc<Node>>, headers: HeaderMap, body: Body) -> Response {
    let answer = async {
        let (caller, id) = change_of_trust(&node, &headers)?;
        let request: NewServerKey = json_body(body).await?;
        let overlap_seconds = request.overlap_seconds.unwrap_or(OVERLAP_SECONDS);
        // Refused here too, so that no key is drawn in vain.
        if overlap_seconds > OVERLAP_SECONDS_MAX {
            return Err(CoreRefusal::Malformed.into());
        }
        let ticket = caller.derived(id, b"server key");
        let _one = node.rotation.lock().await;
        let drawn = Arc::clone(&node);
        // Sealing the vault anew stretches a passphrase: not between two waits.
        let drawn = tokio::task::spawn_blocking(move || draw(&drawn, &ticket)).await;
        let (generation, first, key) = drawn.map_err(|_| CoreRefusal::Unavailable)??;
        let command = Command::RotateServerKey(RotateServerKey { first, key, generation, overlap_seconds });
        let sequence = run(&node, &caller, id, command).await?;
        let kid = key.id(&node.crypto).to_string();
        Ok((sequence, RotatedKey { server: hex_upper(&key.0), kid, generation }))
    };
    json(&node, answer.await)
}

/// The generation of this ticket, the first key, and its own.
fn draw(node: &Node, ticket: &[u8; 16]) -> Result<(u32, VerifyingKey, VerifyingKey), Failure> {
    let unavailable = |_| CoreRefusal::Unavailable;
    let (_, (heard, key)) = node.read(signing_key)?;
    OfflinePaymentKeys::known(node.vault.as_ref(), (heard, key)).map_err(unavailable)?;
    // What the log would refuse draws nothing. A repeat of what it took is answered as it was.
    let before = node.vault.drawn_signing(ticket).map_err(unavailable)?;
    let (_, room) = node.read(|rows| has_room(rows, now().max(node.reader.at().seconds())))?;
    if !room && before.is_none_or(|generation| generation > heard) {
        return Err(Refusal::from(OfflinePaymentRefusal::ServerKeyUnfit).into());
    }
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy).map_err(|_| CoreRefusal::Unavailable)?;
    let entropy = Secret::new(entropy);
    let generation = node.vault.draw_signing(ticket, heard, &entropy).map_err(unavailable)?;
    let public = |generation| node.vault.public(SigningHandle::Server(generation)).map_err(unavailable);
    Ok((generation, public(0)?, public(generation)?))
}

/// Revokes a key of the server's that was rotated out.
#[utoipa::path(delete, path = "/v1/offline-payment/server-keys/{kid}", params(("kid" = String, Path)), responses((status = 200)), security(("bearer" = [])))]
pub(crate) async fn revoke(
    State(node): State<Arc<Node>>,
    headers: HeaderMap,
    Path(kid): Path<String>,
) -> Response {
    let answer = async {
        let (caller, id) = change_of_trust(&node, &headers)?;
        let kid = KeyId::from_hex(&kid).ok_or(CoreRefusal::NotFound)?;
        let command = node.edge(|edge| {
            let (_, command) = node.read(|rows| edge.open_key_revocation(rows, kid))?;
            Ok::<_, Failure>(command?)
        })?;
        let sequence = run(&node, &caller, id, command).await?;
        Ok((sequence, serde_json::json!({ "kid": kid.to_string(), "revoked": true })))
    };
    json(&node, answer.await)
}

/// Says how old a list may be that an offline payee judges by.
#[utoipa::path(post, path = "/v1/offline-payment/trust-policy", request_body = NewTrustPolicy, responses((status = 200)), security(("bearer" = [])))]
pub(crate) async fn set_policy(State(node): State<Arc<Node>>, headers: HeaderMap, body: Body) -> Response {
    let answer = async {
        let (caller, id) = change_of_trust(&node, &headers)?;
        let NewTrustPolicy { age_seconds_max } = json_body(body).await?;
        let command = Command::SetTrustPolicy(SetTrustPolicy { age_seconds_max });
        let sequence = run(&node, &caller, id, command).await?;
        Ok((sequence, serde_json::json!({ "age_seconds_max": age_seconds_max })))
    };
    json(&node, answer.await)
}
