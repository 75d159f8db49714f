//! API keys: 32 random bytes, shown once; the platform keeps their SHA-256. A request carries `Authorization: Bearer KEY`.
use crate::Node;
use crate::reply::Failure;
use axum::http::{HeaderMap, header};
use symbolon_keys::{Crypto, RustCrypto, derive32};
use symbolon_machine::{Principal, RequestId, Scope, scopes_of};
use symbolon_types::{CoreRefusal, Hash, Secret, hex_parse, hex_upper};

/// A new key: 64 hexadecimal digits.
///
/// # Errors
/// [`CoreRefusal::Unavailable`] when the system gives no random bytes.
pub fn fresh_key() -> Result<Secret<String>, CoreRefusal> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| CoreRefusal::Unavailable)?;
    Ok(Secret::new(hex_upper(&Secret::new(bytes).reveal()[..])))
}

/// What the platform keeps of a key; `None` unless it is 64 hexadecimal digits.
#[must_use]
pub fn key_hash(key: &str) -> Option<Hash> {
    let bytes = Secret::new(hex_parse(key)?);
    (bytes.reveal().len() == 32).then(|| RustCrypto.sha256(&[bytes.reveal()]))
}

/// Who sends a request: a key with the right scope.
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    key: Secret<String>,
}

/// The caller, if its key has `needed`; `admin` has every scope, `operate` may also read.
pub(crate) fn caller(node: &Node, headers: &HeaderMap, needed: Scope) -> Result<Caller, Failure> {
    let key = Secret::new(bearer(headers)?);
    let hash = key_hash(key.reveal()).ok_or(CoreRefusal::Unauthorised)?;
    let (_, scopes) = node.read(|rows| scopes_of(rows, &hash))?;
    if scopes.is_empty() {
        return Err(CoreRefusal::Unauthorised.into());
    }
    let enough = scopes.iter().any(|scope| *scope <= needed);
    if enough { Ok(Caller { principal: Principal(hash), key }) } else { Err(CoreRefusal::Forbidden.into()) }
}

/// The bearer token of a request.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<String, Failure> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, token) = value.and_then(|value| value.split_once(' ')).ok_or(CoreRefusal::Unauthorised)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(token.trim().to_owned())
    } else {
        Err(CoreRefusal::Unauthorised.into())
    }
}

/// The request's id, from `Idempotency-Key`.
pub(crate) fn request_id(headers: &HeaderMap) -> Result<RequestId, Failure> {
    let value = headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    Ok(value.and_then(RequestId::parse).ok_or(CoreRefusal::IdInvalid)?)
}

impl Caller {
    /// 16 bytes that are the same for every repeat of a request and known to nobody without the caller's key: ids and codes are made of them.
    pub(crate) fn derived(&self, id: RequestId, label: &[u8]) -> [u8; 16] {
        let wide = derive32(&RustCrypto, self.key.reveal().as_bytes(), label, &[&id.0]);
        let mut narrow = [0; 16];
        narrow.copy_from_slice(&wide.reveal()[..16]);
        narrow
    }
}
