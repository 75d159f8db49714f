//! Request ids: a repeat gets the first answer; the same id with another body is refused; ids are kept 7 days, and older ones refused.
//!
//! An id is a UUID of version 7 (RFC 9562 §5.7): its first 48 bits are its time in Unix milliseconds, by which an id that is no longer kept
//! is recognised and never run again.
use crate::platform::PlatformOutcome;
use crate::record::Principal;
use crate::union::AnyOutcome;
use symbolon_keys::{Crypto, RustCrypto};
use symbolon_state::{Ctx, Rows, Table};
use symbolon_types::{CoreRefusal, Hash, UnixMs};
use symbolon_wire::cbor::Bytes;
use symbolon_wire::cbor_map;

/// How long an id is kept, in milliseconds: 7 days.
pub const ID_KEPT_MS: u64 = 7 * 24 * 3600 * 1000;

/// How far ahead of the platform an id's time may be, in milliseconds: 5 minutes.
pub const ID_AHEAD_MS_MAX: u64 = 5 * 60 * 1000;

/// A UUID of version 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(pub [u8; 16]);

impl RequestId {
    /// Reads the form `017F22E2-79B0-7CC3-98C4-DC0C0C07398F`, of either case; `None` unless it is of version 7 and variant 10.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let groups: Vec<usize> = text.split('-').map(str::len).collect();
        if groups != [8, 4, 4, 4, 12] {
            return None;
        }
        let bytes = symbolon_types::hex_parse(&text.replace('-', ""))?;
        let id = <[u8; 16]>::try_from(bytes.as_slice()).ok()?;
        let right = id.get(6)? >> 4 == 7 && id.get(8)? >> 6 == 0b10;
        right.then_some(Self(id))
    }

    /// Its time.
    #[must_use]
    pub fn at(&self) -> UnixMs {
        UnixMs(self.0.iter().take(6).fold(0, |ms, &byte| ms << 8 | u64::from(byte)))
    }
}

cbor_map! {
    /// What an id was answered.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct KnownRequest {
        /// SHA-256 of the command.
        1 => body: Hash,
        /// The system that answered.
        2 => system: u8,
        /// Its outcome.
        3 => outcome: Bytes,
    }
}

const REQUESTS: Table<(Hash, [u8; 16]), KnownRequest> = Table::new(5, "platform.requests");
const REQUESTS_DUE: Table<(UnixMs, Hash, [u8; 16]), ()> = Table::new(6, "platform.requests-due");

pub(crate) const TABLES: [(u16, &str); 2] =
    [(REQUESTS.id(), REQUESTS.name()), (REQUESTS_DUE.id(), REQUESTS_DUE.name())];

fn refused(refusal: CoreRefusal) -> AnyOutcome {
    AnyOutcome::Platform(PlatformOutcome::Refused(refusal.refused().code))
}

/// Runs `apply` at most once for an id.
pub(crate) fn once(
    rows: &mut dyn Rows,
    ctx: &Ctx,
    (principal, id): (Principal, RequestId),
    body: &[u8],
    apply: impl FnOnce(&mut dyn Rows) -> AnyOutcome,
) -> AnyOutcome {
    let key = (principal.0, id.0);
    let body = RustCrypto.sha256(&[body]);
    if let Some(known) = REQUESTS.get(rows, &key) {
        return match AnyOutcome::read(known.system, &known.outcome.0) {
            _ if known.body != body => refused(CoreRefusal::Conflict),
            Ok(outcome) => outcome,
            Err(_) => rows.damaged(REQUESTS.id(), &id.0),
        };
    }
    if id.at().plus_ms(ID_KEPT_MS) <= ctx.at {
        return refused(CoreRefusal::IdTooOld);
    }
    if id.at() > ctx.at.plus_ms(ID_AHEAD_MS_MAX) {
        return refused(CoreRefusal::IdInvalid);
    }
    let outcome = apply(rows);
    let (system, bytes) = outcome.encode();
    REQUESTS.put(rows, &key, &KnownRequest { body, system, outcome: Bytes(bytes) });
    REQUESTS_DUE.put(rows, &(id.at().plus_ms(ID_KEPT_MS), principal.0, id.0), &());
    outcome
}

pub(crate) fn next_due(rows: &dyn Rows) -> Option<UnixMs> {
    REQUESTS_DUE.scan(rows, &(), None, 1).first().map(|((at, _, _), ())| *at)
}

/// Drops the ids whose time is over, at most `limit`; the number dropped.
pub(crate) fn process_due(rows: &mut dyn Rows, ctx: &Ctx, limit: usize) -> usize {
    let due = REQUESTS_DUE.scan(rows, &(), None, limit);
    due.into_iter()
        .map(|(key, ())| key)
        .take_while(|(at, _, _)| *at <= ctx.at)
        .map(|key| {
            REQUESTS.delete(rows, &(key.1, key.2));
            REQUESTS_DUE.delete(rows, &key);
        })
        .count()
}
