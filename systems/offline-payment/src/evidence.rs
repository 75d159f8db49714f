//! The verdict over two secure objects (rule R5): whoever has the server's keys can give it, with nothing else.
//!
//! Two objects of one nonce with different ids are a double spend; the same payload signed again is none (R3). The verdict names the key of a
//! device, not a person.
use crate::messages::ServerKey;
use crate::payee::check_object;
use crate::trust::Trust;
use crate::{OfflinePaymentRefusal as Own, Refusal};
use symbolon_keys::{Crypto, VerifyingKey};
use symbolon_types::{Hash, UnixSeconds};

/// A proved double spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoubleSpend {
    /// SHA-256 of the nonce token that was spent twice.
    pub token: Hash,
    /// The key that signed both objects: the one that the server granted the nonce to.
    pub device: VerifyingKey,
    /// The id of the one object.
    pub first: Hash,
    /// The id of the other.
    pub second: Hash,
}

/// What two objects prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// One nonce, two payments.
    DoubleSpend(DoubleSpend),
    /// The same object: shown twice, spent once.
    SameObject(Hash),
    /// Two nonces: two payments.
    TwoNonces(Hash, Hash),
}

/// Judges two objects with the server's keys alone. More than one of them, since a nonce that was granted before a rotation and the same one as a thief
/// of the key that went grants it again come under two; which keys are the server's is for the caller to know.
///
/// # Errors
/// As [`check_object`], for the first object that is no proof of anything; BAD_GRANT under none of the keys, and when two grants name one token and
/// different keys.
pub fn judge(
    crypto: &dyn Crypto,
    servers: &[VerifyingKey],
    first: &[u8],
    second: &[u8],
) -> Result<Verdict, Refusal> {
    let keys = servers.iter().map(|key| ServerKey { key: *key, until: None, revoked: false }).collect();
    let trust = Trust { keys, epoch: 0, heard: UnixSeconds(0), age_seconds_max: 0 };
    let check = |bytes| check_object(crypto, &trust, bytes, None);
    let (first, second) = (check(first)?, check(second)?);
    let token = first.grant.body.token;
    if token != second.grant.body.token {
        return Ok(Verdict::TwoNonces(token, second.grant.body.token));
    }
    if first.grant.cnf.key != second.grant.cnf.key {
        return Err(Own::BadGrant.into());
    }
    if first.id == second.id {
        return Ok(Verdict::SameObject(first.id));
    }
    let device = first.grant.cnf.key;
    Ok(Verdict::DoubleSpend(DoubleSpend { token, device, first: first.id, second: second.id }))
}
