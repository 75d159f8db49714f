//! The tables of system 01 (numbers 101 to 119) and how they are read from outside.
use super::trust::{Rotation, TrustRow};
use crate::Refusal;
use crate::messages::{
    AuthenticatorId, DeviceLimits, Grant, Nonce, PayeeCertificate, PayeeId, PayeeNonce, PayerId, ServerKey,
};
use crate::state::{AccountLimits, RefundedOutcome, SettledOutcome};
use alloc::{string::String, vec::Vec};
use symbolon_journal::{AccountId, TransferId};
use symbolon_keys::{KemPublic, VerifyingKey};
use symbolon_state::{Rows, Table};
use symbolon_types::{Amount, Hash, UnixSeconds};
use symbolon_wire::cbor::{Bytes, Cbor, Decoder, Encoder, Malformed};
use symbolon_wire::cbor_map;

pub(super) const PAYERS: Table<PayerId, PayerRow> = Table::new(101, "offline-payment.payers");
pub(super) const CODES: Table<Hash, CodeRow> = Table::new(102, "offline-payment.codes");
pub(super) const AUTHENTICATORS: Table<AuthenticatorId, AuthenticatorRow> =
    Table::new(103, "offline-payment.authenticators");
pub(super) const PAYEES: Table<PayeeId, PayeeRow> = Table::new(104, "offline-payment.payees");
pub(super) const GRANTS: Table<Hash, GrantRow> = Table::new(105, "offline-payment.grants");
pub(super) const NONCES: Table<Nonce, Hash> = Table::new(106, "offline-payment.nonces");
pub(super) const SETTLEMENTS: Table<(Hash, PayeeId), SettlementRow> =
    Table::new(107, "offline-payment.settlements");
pub(super) const EVIDENCE: Table<Hash, Evidence> = Table::new(108, "offline-payment.evidence");
/// The object that was credited for a challenge: a challenge is paid once.
pub(super) const CHALLENGES: Table<(PayeeId, Hash), Hash> = Table::new(111, "offline-payment.challenges");
pub(super) const AUTHENTICATORS_OF: Table<(PayerId, AuthenticatorId), ()> =
    Table::new(110, "offline-payment.authenticators-of");
pub(super) const UNSPENT: Table<(AuthenticatorId, Hash), UnixSeconds> =
    Table::new(109, "offline-payment.unspent");
/// What counts now; no row before the first change.
pub(super) const TRUST: Table<(), TrustRow> = Table::new(112, "offline-payment.trust");
/// Every key that the server ever had, by generation; no row before the first rotation.
pub(super) const SERVER_KEYS: Table<u32, ServerKey> = Table::new(113, "offline-payment.server-keys");
/// By the generation that came.
pub(super) const ROTATIONS: Table<u32, Rotation> = Table::new(114, "offline-payment.rotations");
/// By the last second in which it is listed: those that still are lie together.
pub(super) const DENIED: Table<(u64, AuthenticatorId), ()> = Table::new(115, "offline-payment.denied");
pub(super) const REFUNDS: Table<(PayeeId, PayeeNonce), RefundRow> =
    Table::new(116, "offline-payment.refunds");
/// A payee's credits in their order, from 1: the token of each.
pub(super) const STATEMENTS: Table<(PayeeId, u64), Hash> = Table::new(117, "offline-payment.statements");
/// A payer's reservations by the second that releases them; rows of those that were released are swept at the next grant.
pub(super) const RESERVED: Table<(PayerId, u64, Hash), ()> = Table::new(118, "offline-payment.reserved");

/// What a payee was told of an object that it asked about while it was online (P1): it is no payment to that payee afterwards either.
pub(super) const REFUSED_ONLINE: Table<(PayeeId, Hash), Refusal> =
    Table::new(119, "offline-payment.refused-online");

/// The tables of this system, (number, name).
pub const TABLES: [(u16, &str); 19] = [
    (PAYERS.id(), PAYERS.name()),
    (CODES.id(), CODES.name()),
    (AUTHENTICATORS.id(), AUTHENTICATORS.name()),
    (PAYEES.id(), PAYEES.name()),
    (GRANTS.id(), GRANTS.name()),
    (NONCES.id(), NONCES.name()),
    (SETTLEMENTS.id(), SETTLEMENTS.name()),
    (EVIDENCE.id(), EVIDENCE.name()),
    (UNSPENT.id(), UNSPENT.name()),
    (AUTHENTICATORS_OF.id(), AUTHENTICATORS_OF.name()),
    (CHALLENGES.id(), CHALLENGES.name()),
    (TRUST.id(), TRUST.name()),
    (SERVER_KEYS.id(), SERVER_KEYS.name()),
    (ROTATIONS.id(), ROTATIONS.name()),
    (DENIED.id(), DENIED.name()),
    (REFUNDS.id(), REFUNDS.name()),
    (STATEMENTS.id(), STATEMENTS.name()),
    (RESERVED.id(), RESERVED.name()),
    (REFUSED_ONLINE.id(), REFUSED_ONLINE.name()),
];

/// From where a payee was credited (rule R4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The grant's reservation: the first arrival.
    Reservation,
    /// The issuer's `offline_loss`: a double-spent object, inside the payee's cap.
    Loss,
}

impl Cbor for Source {
    fn encode(&self, out: &mut Encoder) {
        out.uint(match self {
            Self::Reservation => 0,
            Self::Loss => 1,
        });
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        match input.uint()? {
            0 => Ok(Self::Reservation),
            1 => Ok(Self::Loss),
            _ => Err(Malformed),
        }
    }
}

cbor_map! {
    /// A payer.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct PayerRow {
        /// What it may do offline.
        1 => limits: AccountLimits,
        /// The account of what it owes.
        2 => debt: AccountId,
    }

    /// An enrolment code: for a payer's authenticator or for a payee, and the key that used it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct CodeRow {
        /// The payer whose authenticator it invites.
        1 => payer: Option<PayerId>,
        /// The payee that it invites.
        2 => payee: Option<PayeeId>,
        /// Who enrolled with it.
        3 => used_by: Option<VerifyingKey>,
    }

    /// An authenticator.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct AuthenticatorRow {
        /// Whose account it pays from.
        1 => payer: PayerId,
        /// Its key.
        2 => signing: VerifyingKey,
        /// The key that the account key was sealed to.
        3 => kem: KemPublic,
        /// When it was enrolled.
        4 => enrolled_at: UnixSeconds,
        /// Random bytes of the sealing at enrolment.
        5 => seed: [u8; 32],
        /// The highest sequence number of its tokens.
        6 => sequence: u64,
        /// The counter that it reported last.
        7 => counter: u64,
        /// Revoked: lost, or caught double-spending.
        8 => revoked: bool,
        /// When it reported last, by its own time; 0 before the first report.
        9 => reported_at: UnixSeconds,
        /// The latest end of its grants; 0 before the first.
        10 => grants_until: UnixSeconds,
    }

    /// A payee.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct PayeeRow {
        /// The name.
        1 => name: String,
        /// The merchant category.
        2 => mcc: u16,
        /// The most that is made good.
        3 => cap: Amount,
        /// How long a certificate lives, in seconds.
        4 => valid_seconds: u64,
        /// Made good so far and not given back, in minor units.
        5 => loss_minor: u64,
        /// Its certificate's claims, once enrolled.
        6 => certificate: Option<PayeeCertificate>,
        /// How often it was credited: the number of its last entry.
        7 => credits: u64,
    }

    /// A grant.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct GrantRow {
        /// Whose.
        1 => authenticator: AuthenticatorId,
        /// Who pays.
        2 => payer: PayerId,
        /// What was signed.
        3 => grant: Grant,
        /// The reservation in the journal.
        4 => reservation: TransferId,
        /// The object that was settled first.
        5 => spent_by: Option<Hash>,
        /// The payee that was credited first.
        6 => first_payee: Option<PayeeId>,
        /// The object that its authenticator reported.
        7 => reported: Option<Hash>,
    }

    /// A credited object.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct SettlementRow {
        /// How it was settled.
        1 => outcome: SettledOutcome,
        /// The object.
        2 => bytes: Bytes,
        /// When it was credited.
        3 => settled_at: UnixSeconds,
        /// Its number among the payee's credits, from 1.
        4 => number: u64,
        /// Given back since, in minor units.
        5 => refunded_minor: u64,
    }

    /// A refund.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct RefundRow {
        /// SHA-256 of its payload.
        1 => refund: Hash,
        /// SHA-256 of the nonce token that was paid with.
        2 => token: Hash,
        /// What it was answered.
        3 => outcome: RefundedOutcome,
        /// How much of it went back to `offline_loss`, and so off the payer's debt, in minor units.
        4 => set_off_minor: u64,
    }

    /// Two objects of one nonce (rule R5): anyone who has the server's key can check them. They name a device key, not a person.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Evidence {
        /// The first that arrived.
        1 => first: Bytes,
        /// The first that contradicted it.
        2 => second: Bytes,
        /// The ids of the objects of this nonce that arrived after the first, each once, at most 32.
        3 => later: Vec<Hash>,
    }
}

impl GrantRow {
    /// The second in which what is left of its reservation is released (rule R2).
    #[must_use]
    pub fn released_at(&self) -> UnixSeconds {
        self.grant.exp.plus(crate::messages::SETTLEMENT_WINDOW_SECONDS)
    }
}

impl AccountLimits {
    /// As the device keeps them.
    #[must_use]
    pub fn for_device(&self) -> Option<DeviceLimits> {
        let cumulative = Amount::new(self.cumulative_minor, self.per_payment.currency()).ok()?;
        Some(DeviceLimits { cumulative, count: self.count, pool: self.pool, attempts: self.attempts })
    }
}

/// The payer, if there is one.
#[must_use]
pub fn payer(rows: &dyn Rows, id: &PayerId) -> Option<PayerRow> {
    PAYERS.get(rows, id)
}

/// The authenticator, if it is enrolled.
#[must_use]
pub fn authenticator(rows: &dyn Rows, id: &AuthenticatorId) -> Option<AuthenticatorRow> {
    AUTHENTICATORS.get(rows, id)
}

/// The authenticators of one payer, at most `limit`.
#[must_use]
pub fn authenticators_of(
    rows: &dyn Rows,
    payer: &PayerId,
    limit: usize,
) -> Vec<(AuthenticatorId, AuthenticatorRow)> {
    let found = AUTHENTICATORS_OF.scan(rows, payer, None, limit);
    found.into_iter().filter_map(|((_, id), ())| AUTHENTICATORS.get(rows, &id).map(|row| (id, row))).collect()
}

/// The payee, if there is one.
#[must_use]
pub fn payee(rows: &dyn Rows, id: &PayeeId) -> Option<PayeeRow> {
    PAYEES.get(rows, id)
}

/// Whether somebody was invited with the code whose SHA-256 this is.
#[must_use]
pub fn code_known(rows: &dyn Rows, code: &Hash) -> bool {
    CODES.get(rows, code).is_some()
}

/// The grant on a nonce token, by the token's hash.
#[must_use]
pub fn grant(rows: &dyn Rows, token: &Hash) -> Option<GrantRow> {
    GRANTS.get(rows, token)
}

/// The payee's credit with this number.
pub(crate) fn credit(rows: &dyn Rows, payee: &PayeeId, number: u64) -> Option<SettlementRow> {
    let token = STATEMENTS.get(rows, &(*payee, number))?;
    SETTLEMENTS.get(rows, &(token, *payee))
}

/// How an object of this nonce was settled for this payee.
#[must_use]
pub fn settlement(rows: &dyn Rows, token: &Hash, payee: &PayeeId) -> Option<SettledOutcome> {
    SETTLEMENTS.get(rows, &(*token, *payee)).map(|row| row.outcome)
}

/// The evidence against the nonce's authenticator.
#[must_use]
pub fn evidence(rows: &dyn Rows, token: &Hash) -> Option<Evidence> {
    EVIDENCE.get(rows, token)
}

/// All evidence, by token hash, at most `limit` rows after `after`.
#[must_use]
pub fn evidences(rows: &dyn Rows, after: Option<&Hash>, limit: usize) -> Vec<(Hash, Evidence)> {
    EVIDENCE.scan(rows, &(), after, limit)
}
