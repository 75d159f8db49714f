//! What a device believes of the server: its keys by epoch, pinned at enrolment and moved on by the server's own signed lists.
//!
//! ```text
//!   pinned(key) ──list, signed by a key honoured now──► epoch 1 ──list──► epoch 2 …       an older epoch, or an older list of the same: kept out
//! ```
//! **Invariants:** a list is taken only under the key that signs now before it, and that counts after it; an epoch never goes back; a key
//! that was once revoked stays so, whatever a later list says; a key that was rotated out is honoured until its own end and no longer.
//!
//! Whoever holds the key that signs now, and is heard before the server's own next list, can lead a device away: a device knows the server by
//! nothing else. That is why the server rotates before it revokes, and why the chain of rotations is short to fetch.
use crate::messages::{AuthenticatorId, Denied, SKEW_SECONDS, ServerKey, TrustList, TrustUpdate};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use alloc::vec::Vec;
use symbolon_keys::{Crypto, VerifyingKey};
use symbolon_proof::{Claims, Raw, Signed, Verified};
use symbolon_types::{CoreRefusal, Hash, UnixSeconds};
use symbolon_wire::cbor_map;

/// The most keys in a list.
pub const SERVER_KEYS_MAX: usize = 8;

cbor_map! {
    /// The server's keys, as far as a device knows them.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Trust {
        /// Never empty.
        1 => keys: Vec<ServerKey>,
        /// The epoch of the list; 0 for a key that was pinned and no list yet.
        2 => epoch: u32,
        /// The time of the list.
        3 => heard: UnixSeconds,
        /// At which age it is too old to judge by, in seconds.
        4 => age_seconds_max: u64,
    }
}

impl Trust {
    /// Nothing but one key: what a device starts with.
    #[must_use]
    pub fn pinned(key: VerifyingKey) -> Self {
        let keys = [ServerKey { key, until: None, revoked: false }].into();
        Self { keys, epoch: 0, heard: UnixSeconds(0), age_seconds_max: 0 }
    }

    /// Verifies the server's word at a time; `None` where no end can be judged, so that only keys without one count.
    ///
    /// # Errors
    /// GRANT_REVOKED under a key that is revoked, or whose end has passed; BAD_SIG under no key of the server's.
    pub fn verify<T: Claims>(
        &self,
        crypto: &dyn Crypto,
        signed: Signed<T>,
        now: Option<UnixSeconds>,
    ) -> Result<Verified<T>, Refusal> {
        let known = self.keys.iter().find(|known| known.key.id(crypto) == signed.kid());
        let known = known.ok_or(CoreRefusal::BadSignature)?;
        let verified = signed.verify(crypto, &known.key)?;
        let ended = known.until.is_some_and(|until| now.is_none_or(|now| now > until));
        if known.revoked || ended { Err(Own::GrantRevoked.into()) } else { Ok(verified) }
    }

    /// Verifies what was taken in when its key counted, and is looked at again: under any key known, ended and revoked ones too.
    ///
    /// # Errors
    /// BAD_SIG under no key of the server's.
    pub(crate) fn verify_past<T: Claims>(
        &self,
        crypto: &dyn Crypto,
        signed: Signed<T>,
    ) -> Result<Verified<T>, Refusal> {
        let known = self.keys.iter().find(|known| known.key.id(crypto) == signed.kid());
        Ok(signed.verify(crypto, &known.ok_or(CoreRefusal::BadSignature)?.key)?)
    }

    /// The key that signs now.
    fn signing(&self) -> Option<&ServerKey> {
        self.keys.first().filter(|first| first.until.is_none() && !first.revoked)
    }

    fn has_revoked(&self, key: &VerifyingKey) -> bool {
        self.keys.iter().any(|known| known.key == *key && known.revoked)
    }

    /// Takes a list in; stays as it is where the list is an older one.
    ///
    /// # Errors
    /// MALFORMED for a list without keys, with more than [`SERVER_KEYS_MAX`], or whose first key is not one that could sign now; BAD_SIG and GRANT_REVOKED
    /// unless the key that signed it is the one that signs now by this trust, and counts by the list itself.
    pub fn heard(self, crypto: &dyn Crypto, list: &[u8]) -> Result<Self, Refusal> {
        let signed = Raw(list).parse::<TrustList>()?;
        let claims = signed.danger_unverified().clone();
        let TrustList { iat, body } = claims;
        let older = body.epoch < self.epoch || body.epoch == self.epoch && iat <= self.heard;
        let mut after =
            Self { keys: body.keys, epoch: body.epoch, heard: iat, age_seconds_max: body.age_seconds_max };
        if after.keys.len() > SERVER_KEYS_MAX || after.signing().is_none() {
            return Err(CoreRefusal::Malformed.into());
        }
        after.verify(crypto, signed.clone(), Some(iat))?;
        if older {
            return Ok(self);
        }
        // `None`: a key that was rotated out signs no more lists, though its grants still count.
        let verified = self.verify(crypto, signed, None)?;
        if self.signing().is_none_or(|signing| signing.key != verified.key()) {
            return Err(CoreRefusal::BadSignature.into());
        }
        for known in &mut after.keys {
            known.revoked |= self.has_revoked(&known.key);
        }
        if after.signing().is_none() { Err(Own::GrantRevoked.into()) } else { Ok(after) }
    }

    /// Takes a whole update in: this trust at its end, and the devices that are denied. A rotation that does not begin at a key of this trust is
    /// passed over: whoever pinned a later key cannot judge it, and needs it not. A list of the present epoch that is older than the one known, as
    /// answers that overtake each other bring it, changes nothing: the trust comes back as it was.
    ///
    /// # Errors
    /// As [`Trust::heard`]; MALFORMED when the denied devices are not those of the list, or the list is of an epoch that has passed.
    pub fn updated(self, crypto: &dyn Crypto, update: &TrustUpdate) -> Result<(Self, Denied), Refusal> {
        let mut trust = self;
        for rotation in &update.rotations {
            trust = trust.clone().heard(crypto, &rotation.0).unwrap_or(trust);
        }
        let trust = trust.heard(crypto, &update.list.0)?;
        let list = Raw(&update.list.0).parse::<TrustList>()?;
        let list = trust.verify(crypto, list, None)?.into_claims();
        let present = list.body.epoch == trust.epoch;
        let denied = &update.denied;
        let right = denied.0.is_sorted() && denied_hash(crypto, &denied.0) == list.body.denied;
        if present && right { Ok((trust, denied.clone())) } else { Err(CoreRefusal::Malformed.into()) }
    }

    /// Whether a payee that is offline may judge by this list now. Its age alone decides, not whether a grant names a later epoch: a payee that is
    /// offline cannot have heard that one, and if it had to, each change of the list would stop every payee until it was online again. The largest
    /// age is what bounds the time that a denied device still has.
    ///
    /// # Errors
    /// DENY_LIST_OLD, also where no list was ever heard; CLOCK_BACK where `now` lies before the list, so that no age can be told.
    pub fn fresh(&self, now: UnixSeconds) -> Result<(), Refusal> {
        if self.heard == UnixSeconds(0) {
            return Err(Own::DenyListOld.into());
        }
        if now.plus(SKEW_SECONDS) < self.heard {
            return Err(Own::ClockUnknown.into());
        }
        if now <= self.heard.plus(self.age_seconds_max) { Ok(()) } else { Err(Own::DenyListOld.into()) }
    }
}

/// What the list's field `denied` is of these ids.
#[must_use]
pub fn denied_hash(crypto: &dyn Crypto, denied: &[AuthenticatorId]) -> Hash {
    let parts: Vec<&[u8]> = denied.iter().map(|id| id.as_bytes()).collect();
    crypto.sha256(&parts)
}

/// A grant under no key of the server's is BAD_GRANT; under one that ended it stays GRANT_REVOKED.
pub(crate) fn as_bad_grant(refusal: Refusal) -> Refusal {
    if refusal == Own::GrantRevoked.into() { refusal } else { Own::BadGrant.into() }
}
