//! Whose word counts: the server's keys and the devices that are denied; and what passes between payee and server after settlement.
use super::{AuthenticatorId, PayeeId, PayeeNonce};
use crate::state::Source;
use alloc::vec::Vec;
use symbolon_keys::VerifyingKey;
use symbolon_proof::Claims;
use symbolon_types::{Amount, Hash, UnixSeconds};
use symbolon_wire::cbor::{Bytes, Cbor, Decoder, Encoder, Malformed};
use symbolon_wire::cbor_map;

cbor_map! {
    /// One of the server's signing keys.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct ServerKey {
        /// The key.
        1 => key: VerifyingKey,
        /// Until when it is honoured, once it was rotated out.
        2 => until: Option<UnixSeconds>,
        /// It counts no more, whatever its end: it may be in other hands.
        3 => revoked: bool,
    }

    /// Which keys are the server's and which devices pay no more. Signed by the server with a key that the list honours.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct TrustList {
        /// The server's time.
        6 => iat: UnixSeconds,
        /// The system's own fields.
        -65537 => body: TrustListBody,
    }

    /// Fields of [`TrustList`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct TrustListBody {
        /// Rises with every change of keys or denied devices.
        1 => epoch: u32,
        /// The server's keys, the one that signs now first; at most 8.
        2 => keys: Vec<ServerKey>,
        /// SHA-256 of the ids of the denied devices, one after the other in rising order.
        3 => denied: Hash,
        /// At which age a payee that is offline may judge by this list no more, in seconds.
        4 => age_seconds_max: u64,
    }

    /// A trust list with the devices that it denies, whose number has no bound that a proof could hold.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct TrustUpdate {
        /// One [`TrustList`] for each change of the signing key, oldest first, each signed by the key that went: whoever was away for long comes from key to key.
        1 => rotations: Vec<Bytes>,
        /// The present [`TrustList`].
        2 => list: Bytes,
        /// The denied devices of the present list, in rising order.
        3 => denied: Denied,
    }

    /// Gives money back, by reference to the object that brought it; signed by the payee.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Refund {
        /// The payee's time.
        6 => iat: UnixSeconds,
        /// Makes the refund unlike any other: the same one sent again is paid once.
        7 => nonce: PayeeNonce,
        /// The system's own fields.
        -65537 => body: RefundBody,
    }

    /// Fields of [`Refund`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct RefundBody {
        /// Who gives.
        1 => payee: PayeeId,
        /// SHA-256 of the nonce token that was paid with.
        2 => token: Hash,
        /// The object.
        3 => object: Hash,
        /// How much; all refunds of one object together come to at most what it credited.
        4 => amount: Amount,
    }

    /// Asks what the payee was credited; signed by the payee.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct StatementRequest {
        /// The payee's time.
        6 => iat: UnixSeconds,
        /// The system's own fields.
        -65537 => body: StatementRequestBody,
    }

    /// Fields of [`StatementRequest`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct StatementRequestBody {
        /// Who asks.
        1 => payee: PayeeId,
        /// From this entry on; the first is 1.
        2 => from: u64,
    }

    /// What a payee was credited, entry by entry; signed by the server. With it the payee audits its own book.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Statement {
        /// The server's time.
        6 => iat: UnixSeconds,
        /// The system's own fields.
        -65537 => body: StatementBody,
    }

    /// Fields of [`Statement`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct StatementBody {
        /// Who was credited.
        1 => payee: PayeeId,
        /// The number of the first entry here.
        2 => from: u64,
        /// At most 100.
        3 => entries: Vec<StatementEntry>,
        /// The number of the last entry that there is.
        4 => last: u64,
    }

    /// One credit.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct StatementEntry {
        /// The object.
        1 => object: Hash,
        /// What was credited.
        2 => amount: Amount,
        /// From where.
        3 => source: Source,
        /// Given back since, in minor units.
        4 => refunded_minor: u64,
    }
}

/// The most devices that one update denies: 960 000 bytes of ids, which leaves the rest of the longest HTTP answer that a device reads (1 MiB) to
/// the signed lists, some 600 bytes each and at most 65 of them.
pub const DENIED_MAX: usize = 60_000;

/// Devices that are denied, in rising order. One byte string of 16 bytes each and no array, which ends at a few thousand items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Denied(pub Vec<AuthenticatorId>);

impl Cbor for Denied {
    fn encode(&self, out: &mut Encoder) {
        let ids: Vec<&[u8]> = self.0.iter().map(|id| id.as_bytes()).collect();
        out.bytes(&ids.concat());
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        let (ids, rest) = input.bytes()?.as_chunks::<16>();
        if !rest.is_empty() || ids.len() > DENIED_MAX {
            return Err(Malformed);
        }
        Ok(Self(ids.iter().copied().map(AuthenticatorId).collect()))
    }
}

impl Claims for TrustList {
    const TYPE: u16 = 65113;
}
impl Claims for Refund {
    const TYPE: u16 = 65114;
}
impl Claims for StatementRequest {
    const TYPE: u16 = 65115;
}
impl Claims for Statement {
    const TYPE: u16 = 65116;
}
