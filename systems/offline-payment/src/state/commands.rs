//! What may be asked of system 01 through the log, and what it answers. A command carries verified facts and random bytes only: no
//! credential, no key, no signature that is still to be checked.
use crate::Refusal;
use crate::messages::{
    AccountRef, Audit, AuthenticatorId, Grant, Nonce, PayeeCertificate, PayeeId, PayeeNonce, PayerId,
    Reconciled, ReportedObject, VerificationRule,
};
use crate::state::Source;
use alloc::{string::String, vec::Vec};
use symbolon_journal::{AccountId, TransferId};
use symbolon_keys::{KemPublic, VerifyingKey};
use symbolon_state::commands;
use symbolon_types::{Amount, Hash, UnixSeconds};
use symbolon_wire::{cbor::Bytes, cbor_enum, cbor_map};

commands! {
    /// The commands of system 01.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Command {
        /// Opens a payer's account.
        1 v 1 => OpenAccount(OpenAccount),
        /// Brings money into a payer's account.
        2 v 1 => Fund(Fund),
        /// Lets one authenticator enrol for an account.
        3 v 1 => InviteAuthenticator(InviteAuthenticator),
        /// Enrols an authenticator.
        4 v 1 => EnrolAuthenticator(EnrolAuthenticator),
        /// Lets one payee enrol.
        5 v 1 => InvitePayee(InvitePayee),
        /// Enrols a payee.
        6 v 1 => EnrolPayee(EnrolPayee),
        /// Grants nonces.
        7 v 1 => GrantNonces(GrantNonces),
        /// Settles one accepted object.
        8 v 1 => Settle(Settle),
        /// Takes an authenticator's report.
        9 v 1 => Reconcile(Reconcile),
        /// Revokes an authenticator: a lost phone.
        10 v 1 => RevokeAuthenticator(RevokeAuthenticator),
        /// Lets a new key of the server's sign.
        11 v 1 => RotateServerKey(RotateServerKey),
        /// Revokes a key of the server's that was rotated out.
        12 v 1 => RevokeServerKey(RevokeServerKey),
        /// Says how old a list may be.
        13 v 1 => SetTrustPolicy(SetTrustPolicy),
        /// Gives money back.
        14 v 1 => Refund(Refund),
        /// Repays a debt.
        15 v 1 => RepayDebt(RepayDebt),
    }
}

cbor_map! {
    /// What an account may do offline.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct AccountLimits {
        /// The most one nonce pays, and so what each grant reserves.
        1 => per_payment: Amount,
        /// The sum between two reconciliations, in minor units of the same currency; a rule of the device.
        2 => cumulative_minor: u64,
        /// The number between two reconciliations; a rule of the device.
        3 => count: u32,
        /// Nonces that may be granted and unspent, 1 to 32.
        4 => pool: u32,
        /// Wrong credentials in a row, 3 to 10.
        5 => attempts: u32,
        /// How long a grant lives, in seconds, at most 30 days.
        6 => grant_seconds: u64,
        /// Which verification which amount needs.
        7 => verification: Vec<VerificationRule>,
    }

    /// Opens a payer's account.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct OpenAccount {
        /// The payer: also its account in the journal.
        1 => payer: PayerId,
        /// The account of what the payer will owe.
        2 => debt: AccountId,
        /// What it may do.
        3 => limits: AccountLimits,
    }

    /// Brings money in.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Fund {
        /// The transfer's id, chosen by the client.
        1 => transfer: TransferId,
        /// Into whose account.
        2 => payer: PayerId,
        /// How much.
        3 => amount: Amount,
    }

    /// Lets one authenticator enrol.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct InviteAuthenticator {
        /// For which account.
        1 => payer: PayerId,
        /// SHA-256 of the code.
        2 => code: Hash,
    }

    /// Enrols the authenticator whose signed request was verified.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct EnrolAuthenticator {
        /// SHA-256 of the code.
        1 => code: Hash,
        /// Its id.
        2 => authenticator: AuthenticatorId,
        /// Its signing key.
        3 => signing: VerifyingKey,
        /// The key that the account key is sealed to.
        4 => kem: KemPublic,
        /// Random bytes of the sealing, so that a repeat seals the same bytes.
        5 => seed: [u8; 32],
    }

    /// Lets one payee enrol.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct InvitePayee {
        /// The payee: also its account in the journal.
        1 => payee: PayeeId,
        /// The name that payers are shown, 1 to 40 bytes.
        2 => name: String,
        /// The merchant category, 0 to 9999.
        3 => mcc: u16,
        /// The most that is made good for double-spent objects.
        4 => cap: Amount,
        /// How long its certificate lives, in seconds.
        5 => valid_seconds: u64,
        /// SHA-256 of the code.
        6 => code: Hash,
    }

    /// Enrols the payee whose signed request was verified.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct EnrolPayee {
        /// SHA-256 of the code.
        1 => code: Hash,
        /// Its signing key.
        2 => signing: VerifyingKey,
    }

    /// A nonce token whose signature was verified.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct TokenFacts {
        /// SHA-256 of the token.
        1 => token: Hash,
        /// Its nonce.
        2 => nonce: Nonce,
        /// Its sequence number.
        3 => sequence: u64,
        /// When it ends.
        4 => exp: UnixSeconds,
        /// A random name of the account, for its grant.
        5 => account: AccountRef,
    }

    /// Grants nonces: all of them or none.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct GrantNonces {
        /// Whose.
        1 => authenticator: AuthenticatorId,
        /// Which, by rising sequence number.
        2 => tokens: Vec<TokenFacts>,
    }

    /// An object whose signatures, credential proof, challenge and receipt were verified.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Settle {
        /// Its id.
        1 => object: Hash,
        /// SHA-256 of its nonce token.
        2 => token: Hash,
        /// Who accepted it.
        3 => payee: PayeeId,
        /// What the payee takes: its final amount, at most what the object pays.
        4 => amount: Amount,
        /// When the payee accepted.
        5 => accepted_at: UnixSeconds,
        /// What the authenticator sealed for the issuer.
        6 => audit: Audit,
        /// The object itself: one half of the evidence, should there be another.
        7 => bytes: Bytes,
        /// H(txn): the challenge that it pays.
        8 => challenge: Hash,
        /// The payee was online (profile P1).
        9 => online: bool,
    }

    /// A report whose signature was verified.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Reconcile {
        /// Who reports.
        1 => authenticator: AuthenticatorId,
        /// SHA-256 of the report's payload.
        2 => report: Hash,
        /// What was emitted.
        3 => objects: Vec<ReportedObject>,
        /// Its counter.
        4 => counter: u64,
        /// Its time.
        5 => reported_at: UnixSeconds,
    }

    /// Revokes an authenticator.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct RevokeAuthenticator {
        /// Which.
        1 => authenticator: AuthenticatorId,
    }

    /// Lets a new key sign. Whoever asks twice for one generation gets one rotation.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct RotateServerKey {
        /// The key of generation 0, which signs until the first rotation.
        1 => first: VerifyingKey,
        /// The new key.
        2 => key: VerifyingKey,
        /// Its generation in the vault, above all before.
        3 => generation: u32,
        /// How long the key that goes is honoured, in seconds, at most two years of 366 days.
        4 => overlap_seconds: u64,
    }

    /// Revokes a key of the server's: it may be in other hands.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct RevokeServerKey {
        /// Which: not the one that signs now.
        1 => key: VerifyingKey,
    }

    /// Says how old a list may be that an offline payee judges by.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct SetTrustPolicy {
        /// In seconds, 60 to 30 days.
        1 => age_seconds_max: u64,
    }

    /// A refund whose signature was verified.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Refund {
        /// SHA-256 of its payload: also the ids of its transfers.
        1 => refund: Hash,
        /// Who gives.
        2 => payee: PayeeId,
        /// Its nonce: its id at this payee.
        3 => nonce: PayeeNonce,
        /// SHA-256 of the nonce token that was paid with.
        4 => token: Hash,
        /// The object.
        5 => object: Hash,
        /// How much.
        6 => amount: Amount,
    }

    /// Repays a debt out of what the payer has.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct RepayDebt {
        /// The transfer's id, chosen by the client.
        1 => transfer: TransferId,
        /// Whose debt.
        2 => payer: PayerId,
        /// How much, at most what is owed.
        3 => amount: Amount,
    }

    /// A refund that was made.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct RefundedOutcome {
        /// The object.
        1 => object: Hash,
        /// What was given back now.
        2 => amount: Amount,
        /// What was given back in all, in minor units.
        3 => refunded_minor: u64,
    }

    /// What the sealing of an enrolment needs.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct EnrolledOutcome {
        /// Who.
        1 => authenticator: AuthenticatorId,
        /// The key that the account key is sealed to.
        2 => kem: KemPublic,
        /// When.
        3 => iat: UnixSeconds,
        /// The limits of the device.
        4 => limits: crate::messages::DeviceLimits,
        /// Random bytes of the sealing.
        5 => seed: [u8; 32],
    }

    /// How an object was settled.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct SettledOutcome {
        /// Its id.
        1 => object: Hash,
        /// What the payee was credited.
        2 => amount: Amount,
        /// From where.
        3 => source: Source,
    }
}

cbor_enum! {
    /// What system 01 answers: what is to be signed stands here to the last byte.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Outcome {
        /// Refused; nothing of money was changed.
        0 => Refused(Refusal),
        /// Done.
        1 => Done(()),
        /// To be sealed and signed.
        2 => Enrolled(EnrolledOutcome),
        /// To be signed.
        3 => PayeeEnrolled(PayeeCertificate),
        /// Each to be signed, in the order of the tokens.
        4 => Granted(Vec<Grant>),
        /// Settled, now or before.
        5 => Settled(SettledOutcome),
        /// To be signed.
        6 => Reconciled(Reconciled),
        /// Given back, now or before.
        7 => Refunded(RefundedOutcome),
    }
}
