//! What an object proves to whoever has the server's keys.
use crate::messages::{ChallengeBody, Grant, SecureObject, Verification};
use crate::trust::{Trust, as_bad_grant};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use symbolon_keys::Crypto;
use symbolon_proof::{Raw, Verified};
use symbolon_types::{Amount, Hash, UnixSeconds};

/// What an object proves to whoever has the server's key: nothing else was trusted.
pub struct CheckedObject {
    /// The object.
    pub object: Verified<SecureObject>,
    /// The grant that it is made on.
    pub grant: Grant,
    /// Its id: SHA-256 of its payload.
    pub id: Hash,
}

/// Checks the two signatures that an object stands on: the server's on the grant, and that of the grant's one key on the object; and
/// that the object keeps to its grant. `now` is `None` where no end of a server's key can be judged.
///
/// # Errors
/// MALFORMED, BAD_GRANT, GRANT_REVOKED, BAD_SIG, LIMIT_TX, UV_TOO_WEAK.
pub fn check_object(
    crypto: &dyn Crypto,
    trust: &Trust,
    bytes: &[u8],
    now: Option<UnixSeconds>,
) -> Result<CheckedObject, Refusal> {
    let signed = Raw(bytes).parse::<SecureObject>()?;
    let grant = Raw(&signed.danger_unverified().body.grant.0).parse::<Grant>()?;
    let grant = trust.verify(crypto, grant, now).map_err(as_bad_grant)?.into_claims();
    let object = signed.verify(crypto, &grant.cnf.key)?;
    let body = &object.claims().body;
    if body.token != grant.body.token {
        return Err(Own::BadGrant.into());
    }
    let amount = body.transaction.amount;
    if amount.minor() == 0 || amount.within(grant.body.limit) != Ok(true) {
        return Err(Own::LimitTransaction.into());
    }
    let rule = grant.verification(amount.minor());
    // Only the issuer can check a proof; that there is one where the user is said to have been verified, and only there, anyone can. The server
    // refuses what is otherwise, so a payee must not take it.
    let unproved = (body.verification == Verification::None) != body.credential_proof.is_none();
    if unproved || body.verification.code() < rule.user || rule.otp && !body.otp {
        return Err(Own::VerificationWeak.into());
    }
    let id = object.payload_hash(crypto);
    Ok(CheckedObject { object, grant, id })
}

/// What is paid for a challenge when the payer adds this much.
///
/// # Errors
/// TIP_TOO_HIGH above what the challenge asks for, or where it asks for none; AMOUNT_INVALID for a sum that is no amount.
pub(crate) fn amount_with_tip(asked: &ChallengeBody, tip_minor: Option<u64>) -> Result<Amount, Refusal> {
    let Some(tip) = tip_minor else { return Ok(asked.amount) };
    if asked.tip_minor_max.is_none_or(|most| tip > most) {
        return Err(Own::TipTooHigh.into());
    }
    Ok(asked.amount.checked_add(Amount::new(tip, asked.amount.currency())?)?)
}
