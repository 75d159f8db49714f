//! The verdict over two secure objects (rule R5): whoever has the server's key can give it, with nothing else.
//!
//! Two objects of one nonce with different ids are a double spend; the same payload signed again is none (R3). The verdict names the key of a
//! device, not a person.
use crate::payee::check_object;
use crate::trust::Trust;
use crate::{OfflinePaymentRefusal as Own, Refusal};
use symbolon_keys::{Crypto, VerifyingKey};
use symbolon_types::Hash;

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

/// Judges two objects with the server's key alone.
///
/// # Errors
/// As [`check_object`], for the first object that is no proof of anything; BAD_GRANT when two grants name one token and different keys.
pub fn judge(
    crypto: &dyn Crypto,
    server: &VerifyingKey,
    first: &[u8],
    second: &[u8],
) -> Result<Verdict, Refusal> {
    let trust = Trust::pinned(*server);
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
