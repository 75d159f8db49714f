//! What the programs on the phone say to the authenticator, and the report between authenticator and server.
use super::{ApplicationId, AuthenticatorId, SealedBox, SealedCredential};
use crate::Refusal;
use alloc::{string::String, vec::Vec};
use symbolon_keys::KemPublic;
use symbolon_proof::Claims;
use symbolon_types::{Amount, Hash, UnixSeconds};
use symbolon_wire::{cbor::Bytes, cbor_enum, cbor_map};

cbor_enum! {
    /// A request to the authenticator.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Request {
        /// Who are you, and in what state?
        1 => Status(()),
        /// Pairs the secure application; once.
        2 => PairSecureApplication(KemPublic),
        /// Asks for an [`super::EnrolmentRequest`] with this code.
        3 => BeginEnrolment([u8; 16]),
        /// Brings the server's [`super::Enrolment`] and the first credential.
        4 => CompleteEnrolment(CompleteEnrolment),
        /// Pairs the payment application; once.
        5 => PairPaymentApplication(PairPaymentApplication),
        /// Asks for this many nonce tokens.
        6 => Nonces(u32),
        /// Asks what a challenge says, once it is verified: what the user is to be shown.
        7 => Preview(Bytes),
        /// Asks for a second nonce.
        8 => SecondNonce(SecondNonceRequest),
        /// Asks for the secure object.
        9 => Authorise(SealedCredential),
        /// Asks for an object once more, by its token's hash: the same bytes.
        10 => Reemit(Hash),
        /// Asks for a [`Report`].
        11 => Report(()),
        /// Brings the server's [`Reconciled`].
        12 => Reconciled(Bytes),
        /// Brings the server's [`super::TrustList`].
        13 => Trust(Bytes),
        /// Sets a credential, or sets one of a kind anew; under one that is set.
        14 => SetCredential(SetCredential),
    }

    /// The authenticator's answer.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Reply {
        /// Refused.
        0 => Refused(RefusedReply),
        /// The state.
        1 => Status(Status),
        /// Done.
        2 => Done(()),
        /// One signed message.
        3 => Message(Bytes),
        /// Several signed messages.
        4 => Messages(Vec<Bytes>),
        /// What a challenge says.
        5 => Preview(Preview),
    }
}

cbor_map! {
    /// The server's enrolment, and the user's first credential sealed for the authenticator.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct CompleteEnrolment {
        /// [`super::Enrolment`].
        1 => enrolment: Bytes,
        /// The credential in HPKE auth mode: to the authenticator's enrolment key, from the secure application's.
        2 => credential: SealedBox,
    }

    /// A further credential, or a new value of one.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct SetCredential {
        /// Two padded credentials, the one that is set and the new one, in HPKE auth mode: to the authenticator's enrolment key, from the secure
        /// application's, bound to [`Status::counter`], so that it counts once.
        1 => credentials: SealedBox,
    }

    /// Makes a payment application known.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct PairPaymentApplication {
        /// The application.
        1 => application: ApplicationId,
        /// Its one-time-password secret (32 bytes) in HPKE base mode to the authenticator's enrolment key.
        2 => secret: SealedBox,
    }

    /// What a second nonce is asked for with.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct SecondNonceRequest {
        /// SHA-256 of the nonce token that will be used.
        1 => token: Hash,
        /// The challenge that will be paid.
        2 => challenge: Bytes,
        /// The payment application.
        3 => application: ApplicationId,
        /// Its contribution to the second nonce.
        4 => random: [u8; 16],
        /// Its one-time password over what was agreed to.
        5 => otp: String,
        /// What the payer adds, in minor units.
        6 => tip_minor: Option<u64>,
    }

    /// The state of an authenticator, for people and for the applications.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Status {
        /// Who it is, once enrolled.
        1 => authenticator: Option<AuthenticatorId>,
        /// Its key for what is sealed to it at enrolment and pairing.
        2 => kem: KemPublic,
        /// Wrong credentials that are still allowed.
        3 => attempts_left: u32,
        /// Nonces in its pool.
        4 => pool: u32,
        /// Objects since the last reconciliation.
        5 => objects: u32,
        /// The sum since the last reconciliation, in minor units.
        6 => spent_minor: u64,
        /// Locked: store rolled back, or no attempts left.
        7 => locked: bool,
        /// A secure application is paired.
        8 => paired: bool,
        /// The payment application that is paired.
        9 => application: Option<ApplicationId>,
        /// Its counter.
        10 => counter: u64,
        /// The kinds of credential that are set.
        11 => credentials: Vec<super::Verification>,
        /// The epoch of the trust list that it holds.
        12 => epoch: u32,
    }

    /// What the user is shown before the credential is asked for: from the verified certificate and challenge.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Preview {
        /// The payee's name.
        1 => payee: String,
        /// What will be paid.
        2 => amount: Amount,
        /// H(txn).
        3 => transaction: Hash,
        /// The most that the payer may add, in minor units.
        4 => tip_minor_max: Option<u64>,
        /// The bill that it is a part of.
        5 => bill: Option<super::Bill>,
        /// The most that is paid now without a credential, in minor units of the device's limits: what is left of their sum until a credential is
        /// right. Absent where the authenticator does not say.
        6 => unverified_minor_max: Option<u64>,
    }

    /// A refusal, with the attempts that are left where it was for the credential.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct RefusedReply {
        /// Why.
        1 => refusal: Refusal,
        /// Attempts left after a wrong credential.
        2 => attempts_left: Option<u32>,
    }

    /// What an authenticator tells the server when it is online again; signed by the authenticator.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Report {
        /// The authenticator's time.
        6 => iat: UnixSeconds,
        /// The system's own fields.
        -65537 => body: ReportBody,
    }

    /// Fields of [`Report`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ReportBody {
        /// Who reports.
        1 => authenticator: AuthenticatorId,
        /// The objects emitted since the last report, oldest first: (token hash, object id).
        2 => objects: Vec<ReportedObject>,
        /// Its counter.
        3 => counter: u64,
    }

    /// One emitted object.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct ReportedObject {
        /// SHA-256 of the nonce token.
        1 => token: Hash,
        /// SHA-256 of the object's payload.
        2 => object: Hash,
    }

    /// The server's answer to a report; signed by the server.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Reconciled {
        /// The server's time.
        6 => iat: UnixSeconds,
        /// The system's own fields.
        -65537 => body: ReconciledBody,
    }

    /// Fields of [`Reconciled`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ReconciledBody {
        /// Who is answered.
        1 => authenticator: AuthenticatorId,
        /// SHA-256 of the report's payload.
        2 => report: Hash,
        /// Token hashes whose objects the server has on record, by report or by settlement.
        3 => known: Vec<Hash>,
        /// The limits from now on.
        4 => limits: super::DeviceLimits,
        /// Token hashes whose grants are unspent and not ended: all others are of no more use.
        5 => live: Vec<Hash>,
        /// The highest sequence number of a granted token.
        6 => sequence: u64,
    }
}

impl Claims for Report {
    const TYPE: u16 = 65111;
}
impl Claims for Reconciled {
    const TYPE: u16 = 65112;
}
