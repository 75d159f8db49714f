//! The tables of system 01 (numbers 101 to 111) and how they are read from outside.
use crate::messages::{AuthenticatorId, DeviceLimits, Grant, Nonce, PayeeCertificate, PayeeId, PayerId};
use crate::state::{AccountLimits, SettledOutcome};
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

/// The tables of this system, (number, name).
pub const TABLES: [(u16, &str); 11] = [
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
        /// Made good so far, in minor units.
        5 => loss_minor: u64,
        /// Its certificate's claims, once enrolled.
        6 => certificate: Option<PayeeCertificate>,
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
