//! Whose word counts, durably: the server's keys by generation, who is denied, and the epoch that rises with either (T-18).
//!
//! ```text
//!   no row: generation 0 signs ──RotateServerKey──► generation n signs; the one before is honoured until its end
//!                                                        └──RevokeServerKey──► counts no more
//!   authenticator ──lost, double spend, copied──► deny(): revoked, on the list while one of its grants may be honoured, epoch + 1
//! ```
//! The vault holds the keys and may hold generations that the log never heard of; which one signs is decided here alone. So a crash between vault
//! and log harms nothing.
//!
//! **Invariants:** there is one way to revoke an authenticator; the epoch never falls; generations only rise; the key that signs is never revoked.
use super::commands::{Outcome, RevokeServerKey, RotateServerKey, SetTrustPolicy};
use super::tables::{AUTHENTICATORS, DENIED, ROTATIONS, SERVER_KEYS, TRUST};
use crate::messages::{AuthenticatorId, SKEW_SECONDS, ServerKey};
use crate::trust::SERVER_KEYS_MAX;
use crate::{OfflinePaymentRefusal as Own, Refusal};
use alloc::vec::Vec;
use symbolon_keys::VerifyingKey;
use symbolon_state::{Ctx, Rows};
use symbolon_types::{CoreRefusal, UnixSeconds};
use symbolon_wire::cbor_map;

/// At which age a list is too old to judge by, unless told: 72 hours.
const AGE_SECONDS: u64 = 72 * 3600;

/// The longest age that may be told: 30 days.
const AGE_SECONDS_MAX: u64 = 30 * 24 * 3600;

/// The longest time that a key is honoured after it was rotated out: two years.
pub const OVERLAP_SECONDS_MAX: u64 = 2 * 366 * 24 * 3600;

/// Rotations whose lists are kept: whoever was away for more of them enrols again.
const ROTATIONS_MAX: usize = 64;

/// Rows that are read in one go.
const PAGE: usize = 1024;

cbor_map! {
    /// What counts now.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct TrustRow {
        /// Rises with every change of keys, policy or denied devices.
        1 => epoch: u32,
        /// Which of the vault's generations signs.
        2 => generation: u32,
        /// At which age a list is too old to judge by, in seconds.
        3 => age_seconds_max: u64,
    }

    /// A change of the signing key, as the key that went announced it: its list can be signed again, to the same bytes.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Rotation {
        /// The generation that went: it signs the list.
        1 => by: u32,
        /// When.
        2 => iat: UnixSeconds,
        /// The epoch that began.
        3 => epoch: u32,
        /// The keys that counted then, the new one first.
        4 => keys: Vec<ServerKey>,
        /// The largest age of a list then.
        5 => age_seconds_max: u64,
    }
}

type Answer = Result<Outcome, Refusal>;

pub(super) fn rotate(rows: &mut dyn Rows, ctx: &Ctx, command: &RotateServerKey) -> Answer {
    if command.overlap_seconds > OVERLAP_SECONDS_MAX {
        return Err(CoreRefusal::Malformed.into());
    }
    if let Some(known) = SERVER_KEYS.get(rows, &command.generation).filter(|_| command.generation > 0) {
        return if known.key == command.key {
            Ok(Outcome::Done(()))
        } else {
            Err(CoreRefusal::Conflict.into())
        };
    }
    let before = trust(rows);
    let first = ServerKey { key: command.first, until: None, revoked: false };
    let mut going = SERVER_KEYS.get(rows, &before.generation).unwrap_or(first);
    let known = server_keys(rows);
    let mine = SERVER_KEYS.get(rows, &0).is_none_or(|known| known.key == command.first);
    let new = command.key != command.first && known.iter().all(|(_, known)| known.key != command.key);
    if !mine || !new || command.generation <= before.generation {
        return Err(Own::ServerKeyUnfit.into());
    }
    let now = ctx.at.seconds();
    going.until = Some(now.plus(command.overlap_seconds));
    let coming = ServerKey { key: command.key, until: None, revoked: false };
    if !has_room(rows, now) {
        return Err(Own::ServerKeyUnfit.into());
    }
    let others = known.iter().filter(|(generation, _)| *generation != before.generation).map(|(_, key)| *key);
    let keys = listed([coming, going].into_iter().chain(others.rev()), now);
    SERVER_KEYS.put(rows, &before.generation, &going);
    SERVER_KEYS.put(rows, &command.generation, &coming);
    let after = raised(TrustRow { generation: command.generation, ..before });
    TRUST.put(rows, &(), &after);
    let (epoch, age_seconds_max) = (after.epoch, after.age_seconds_max);
    ROTATIONS.put(
        rows,
        &command.generation,
        &Rotation { by: before.generation, iat: now, epoch, keys, age_seconds_max },
    );
    forget_rotations(rows);
    Ok(Outcome::Done(()))
}

/// Keeps the newest [`ROTATIONS_MAX`].
fn forget_rotations(rows: &mut dyn Rows) {
    let kept = ROTATIONS.scan(rows, &(), None, PAGE);
    let over = kept.len().saturating_sub(ROTATIONS_MAX);
    for (generation, _) in kept.into_iter().take(over) {
        ROTATIONS.delete(rows, &generation);
    }
}

pub(super) fn revoke_key(rows: &mut dyn Rows, command: &RevokeServerKey) -> Answer {
    let found = server_keys(rows).into_iter().find(|(_, known)| known.key == command.key);
    let (generation, known) = found.ok_or(CoreRefusal::NotFound)?;
    let before = trust(rows);
    if generation == before.generation {
        return Err(Own::ServerKeyUnfit.into());
    }
    if !known.revoked {
        SERVER_KEYS.put(rows, &generation, &ServerKey { revoked: true, ..known });
        TRUST.put(rows, &(), &raised(before));
    }
    Ok(Outcome::Done(()))
}

pub(super) fn set_policy(rows: &mut dyn Rows, command: &SetTrustPolicy) -> Answer {
    if !(60..=AGE_SECONDS_MAX).contains(&command.age_seconds_max) {
        return Err(CoreRefusal::Malformed.into());
    }
    let before = trust(rows);
    if before.age_seconds_max != command.age_seconds_max {
        TRUST.put(rows, &(), &raised(TrustRow { age_seconds_max: command.age_seconds_max, ..before }));
    }
    Ok(Outcome::Done(()))
}

/// Revokes an authenticator: every way of it leads through here. It is listed until the last second in which one of its grants may be honoured.
pub(super) fn deny(rows: &mut dyn Rows, id: &AuthenticatorId) {
    let Some(mut device) = AUTHENTICATORS.get(rows, id).filter(|device| !device.revoked) else { return };
    device.revoked = true;
    let UnixSeconds(until) = device.grants_until.plus(SKEW_SECONDS);
    AUTHENTICATORS.put(rows, id, &device);
    DENIED.put(rows, &(until, *id), &());
    let after = raised(trust(rows));
    TRUST.put(rows, &(), &after);
}

fn raised(row: TrustRow) -> TrustRow {
    TrustRow { epoch: row.epoch.saturating_add(1), ..row }
}

/// Whether a key is still to be listed: one that ended is unknown to devices, which comes to the same.
fn standing(key: &ServerKey, now: UnixSeconds) -> bool {
    key.until.is_none_or(|until| until >= now)
}

/// What counts now; before the first change generation 0 signs, in epoch 0.
#[must_use]
pub fn trust(rows: &dyn Rows) -> TrustRow {
    TRUST.get(rows, &()).unwrap_or(TrustRow { epoch: 0, generation: 0, age_seconds_max: AGE_SECONDS })
}

/// Every key that the server ever had, by rising generation; empty before the first rotation.
#[must_use]
pub fn server_keys(rows: &dyn Rows) -> Vec<(u32, ServerKey)> {
    SERVER_KEYS.scan(rows, &(), None, usize::MAX)
}

/// The keys that a list names at this time, the one that signs first; empty before the first rotation.
#[must_use]
pub fn listed_keys(rows: &dyn Rows, now: UnixSeconds) -> Vec<ServerKey> {
    listed(server_keys(rows).iter().rev().map(|(_, key)| *key), now)
}

/// Which of these keys, the newest first, a list names: those that count, and of those that are revoked the newest, as far as there is room. A key
/// that is left out is unknown to devices and so counts no more than a revoked one; named, it is refused by its right name.
fn listed(keys: impl Iterator<Item = ServerKey>, now: UnixSeconds) -> Vec<ServerKey> {
    let (gone, mut named): (Vec<_>, Vec<_>) =
        keys.filter(|key| standing(key, now)).partition(|key| key.revoked);
    named.extend(gone);
    named.truncate(SERVER_KEYS_MAX);
    named
}

/// Whether one more key may be rotated in at this time: keys that are revoked do not count, so that a rotation is not in the way of the next.
#[must_use]
pub fn has_room(rows: &dyn Rows, now: UnixSeconds) -> bool {
    let known = server_keys(rows);
    let counting = known.iter().filter(|(_, key)| standing(key, now) && !key.revoked).count();
    counting < SERVER_KEYS_MAX
}

/// Which generation signs, and the key that the log knows it by; no key before the first rotation.
#[must_use]
pub fn signing_key(rows: &dyn Rows) -> (u32, Option<VerifyingKey>) {
    let generation = trust(rows).generation;
    (generation, SERVER_KEYS.get(rows, &generation).map(|known| known.key))
}

/// The changes of the signing key, oldest first.
#[must_use]
pub fn rotations(rows: &dyn Rows) -> Vec<Rotation> {
    ROTATIONS.scan(rows, &(), None, PAGE).into_iter().map(|(_, rotation)| rotation).collect()
}

/// The devices that are denied at this time, in rising order.
#[must_use]
pub fn denied(rows: &dyn Rows, now: UnixSeconds) -> Vec<AuthenticatorId> {
    let mut found = Vec::new();
    let mut after = now.0.checked_sub(1).map(|before| (before, AuthenticatorId([0xFF; 16])));
    loop {
        let page = DENIED.scan(rows, &(), after.as_ref(), PAGE);
        let Some((last, ())) = page.last() else { break };
        after = Some(*last);
        found.extend(page.into_iter().map(|((_, id), ())| id));
    }
    found.sort_unstable();
    found
}
