//! The server's keys and its deny list, signed for whoever asks (T-18).
//!
//! **Invariants:** nothing is signed for a device away but what a rotation put on record; a rotation's list names no denied devices that could be
//! shown with it, so that it never passes for the present list.
use super::Edge;
use crate::messages::{DENIED_MAX, Denied, ServerKey, TrustList, TrustListBody, TrustUpdate};
use crate::state::{self, Command, RevokeServerKey, Rotation};
use crate::trust::{Trust, denied_hash};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use alloc::vec::Vec;
use symbolon_keys::{KeyId, VerifyingKey};
use symbolon_proof::sign;
use symbolon_state::Rows;
use symbolon_types::{CoreRefusal, Hash, UnixSeconds};
use symbolon_wire::cbor::Bytes;

impl Edge<'_> {
    /// The present list with the devices that it denies, and the way to it from every key that signed before. `now` is the server's time, and not
    /// before the log's last: a list of one epoch that is older than another would be refused by whoever has heard that one.
    ///
    /// # Errors
    /// OPEN_FAILED when the vault cannot sign, or holds another key than the log knows; TOO_LARGE for more than [`DENIED_MAX`] devices: a list that left one out would let it pay.
    pub fn trust_update(&self, rows: &dyn Rows, now: UnixSeconds) -> Result<TrustUpdate, Refusal> {
        let (present, past) = (state::trust(rows), state::rotations(rows));
        // A rotation is of the log's time, which may be a little ahead of this machine's.
        let now = past.last().map_or(now, |last| now.max(last.iat));
        let denied = state::denied(rows, now);
        if denied.len() > DENIED_MAX {
            return Err(CoreRefusal::TooLarge.into());
        }
        let body = TrustListBody {
            epoch: present.epoch,
            keys: self.present_keys(rows, now),
            denied: denied_hash(self.crypto, &denied),
            age_seconds_max: present.age_seconds_max,
        };
        let known = state::server_keys(rows);
        let list = self.sign_list(&known, present.generation, &TrustList { iat: now, body })?;
        let rotations = past.into_iter().map(|rotation| self.rotation_list(&known, rotation));
        Ok(TrustUpdate { rotations: rotations.collect::<Result<_, _>>()?, list, denied: Denied(denied) })
    }

    /// The keys that count now, the one that signs first.
    #[must_use]
    pub fn present_keys(&self, rows: &dyn Rows, now: UnixSeconds) -> Vec<ServerKey> {
        let known = state::listed_keys(rows, now);
        if known.is_empty() { [self.only_key()].into() } else { known }
    }

    /// The command that revokes the key with this id.
    ///
    /// # Errors
    /// NOT_FOUND; SERVER_KEY for the one that signs now.
    pub fn open_key_revocation(&self, rows: &dyn Rows, kid: KeyId) -> Result<Command, Refusal> {
        let signing = state::trust(rows).generation;
        let of_kid = |key: &VerifyingKey| key.id(self.crypto) == kid;
        let known = state::server_keys(rows);
        if known.is_empty() && of_kid(&self.only_key().key) {
            return Err(Own::ServerKeyUnfit.into());
        }
        let found = known.into_iter().find(|(_, known)| of_kid(&known.key)).ok_or(CoreRefusal::NotFound)?;
        match found {
            (generation, _) if generation == signing => Err(Own::ServerKeyUnfit.into()),
            (_, known) => Ok(Command::RevokeServerKey(RevokeServerKey { key: known.key })),
        }
    }

    /// Every key that the server ever had, each as if it counted still: for what is held against a row of its own.
    pub(super) fn every_key(&self, rows: &dyn Rows) -> Trust {
        let trust = Trust::pinned(self.only_key().key);
        let known = state::server_keys(rows).into_iter();
        let keys: Vec<ServerKey> =
            known.map(|(_, known)| ServerKey { until: None, revoked: false, ..known }).collect();
        if keys.is_empty() { trust } else { Trust { keys, ..trust } }
    }

    /// The key before the first rotation.
    fn only_key(&self) -> ServerKey {
        ServerKey { key: self.keys.signer().verifying_key(), until: None, revoked: false }
    }

    /// A rotation's list as the key that went signed it: the same bytes each time.
    fn rotation_list(&self, known: &[(u32, ServerKey)], rotation: Rotation) -> Result<Bytes, Refusal> {
        let Rotation { by, iat, epoch, keys, age_seconds_max } = rotation;
        let body = TrustListBody { epoch, keys, denied: Hash::ZERO, age_seconds_max };
        self.sign_list(known, by, &TrustList { iat, body })
    }

    /// Signed as a generation, if the vault's key of it is the one that the log knows: a vault brought back from an older copy may have drawn another.
    fn sign_list(
        &self,
        known: &[(u32, ServerKey)],
        generation: u32,
        list: &TrustList,
    ) -> Result<Bytes, Refusal> {
        let signer = self.keys.of_generation(generation).ok_or(CoreRefusal::OpenFailed)?;
        let logged = known.iter().find(|(of, _)| *of == generation).map(|(_, known)| known.key);
        if logged.is_some_and(|key| key != signer.verifying_key()) {
            return Err(CoreRefusal::OpenFailed.into());
        }
        Ok(Bytes(sign(self.crypto, signer.as_ref(), list)?))
    }
}
