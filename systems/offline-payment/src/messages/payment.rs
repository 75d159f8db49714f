//! What passes while both sides are offline, and what the payee uploads afterwards.
use super::{ApplicationId, Nonce, PayeeId, PayeeNonce, SealedBox};
use symbolon_keys::Crypto;
use symbolon_proof::Claims;
use symbolon_types::{Amount, Hash, UnixSeconds};
use symbolon_wire::{cbor::Bytes, cbor_map};

/// How the user was verified, as the object says it. To an offline payee this is attested by the authenticator, not proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verification {
    /// Not at all.
    None,
    /// By a PIN.
    Pin,
    /// By a passphrase.
    Passphrase,
    /// By the platform: a face, a finger, a presence that its key vouches for.
    Platform,
}

impl Verification {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Pin => 1,
            Self::Passphrase => 2,
            Self::Platform => 3,
        }
    }
}

impl symbolon_wire::cbor::Cbor for Verification {
    fn encode(&self, out: &mut symbolon_wire::cbor::Encoder) {
        out.uint(u64::from(self.code()));
    }
    fn decode(input: &mut symbolon_wire::cbor::Decoder<'_>) -> Result<Self, symbolon_wire::cbor::Malformed> {
        match input.uint()? {
            0 => Ok(Self::None),
            1 => Ok(Self::Pin),
            2 => Ok(Self::Passphrase),
            3 => Ok(Self::Platform),
            _ => Err(symbolon_wire::cbor::Malformed),
        }
    }
}

cbor_map! {
    /// What the payee asks for; signed by the payee. The hash of its payload is H(txn).
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Challenge {
        /// The payee's time.
        6 => iat: UnixSeconds,
        /// Makes the challenge unlike any other.
        7 => nonce: PayeeNonce,
        /// The system's own fields.
        -65537 => body: ChallengeBody,
    }

    /// Fields of [`Challenge`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ChallengeBody {
        /// The payee's certificate.
        1 => certificate: Bytes,
        /// What is to be paid.
        2 => amount: Amount,
        /// The most that the payer may add, in minor units; no tip is asked for where it is absent.
        3 => tip_minor_max: Option<u64>,
        /// The bill that this is a part of, where several pay it.
        4 => bill: Option<Bill>,
    }

    /// A bill that is paid in parts, one challenge each.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Bill {
        /// The payee's own name for it.
        1 => id: [u8; 16],
        /// What all parts together come to, tips aside.
        2 => total: Amount,
    }

    /// Binds a one-time password, its application and the transaction to the payment; MACed by the authenticator for itself.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct SecondNonce {
        /// The second nonce.
        7 => nonce: Nonce,
        /// The system's own fields.
        -65537 => body: SecondNonceBody,
    }

    /// Fields of [`SecondNonce`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct SecondNonceBody {
        /// SHA-256 of the one-time password and the application's random bytes.
        1 => otp: Hash,
        /// SHA-256 of the nonce token.
        2 => token: Hash,
        /// The payment application.
        3 => application: ApplicationId,
        /// What was agreed to: [`agreed`].
        4 => transaction: Hash,
        /// Until when, in the authenticator's ticks of this start, in milliseconds.
        5 => until_ticks: u64,
        /// Which start of the authenticator.
        6 => boot: u64,
    }

    /// The credential on its way to the authenticator, with all that it is bound to.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct SealedCredential {
        /// The nonce token.
        1 => token: Bytes,
        /// The grant.
        2 => grant: Bytes,
        /// The second nonce, where a payment application takes part.
        3 => second: Option<Bytes>,
        /// The credential in HPKE auth mode: to the token's key, from the secure application's. Absent where the grant asks for none.
        4 => credential: Option<SealedBox>,
        /// The challenge that is to be paid.
        5 => challenge: Bytes,
        /// What the payer adds, in minor units.
        6 => tip_minor: Option<u64>,
    }

    /// The secure object: this authenticator pays this challenge with this nonce. Signed by the authenticator.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct SecureObject {
        /// The authenticator's time.
        6 => iat: UnixSeconds,
        /// The system's own fields.
        -65537 => body: SecureObjectBody,
    }

    /// Fields of [`SecureObject`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct SecureObjectBody {
        /// SHA-256 of the nonce token.
        1 => token: Hash,
        /// The grant: its key `cnf` is the only one that this object verifies under.
        2 => grant: Bytes,
        /// The authenticator's random number R.
        3 => random: [u8; 32],
        /// What is paid to whom.
        4 => transaction: Transaction,
        /// `HMAC(K_acct, "so/v1" ‖ token hash ‖ R ‖ agreed)`: only who opened the credential could make it, only the issuer can check it.
        /// Absent where the user was not verified.
        5 => credential_proof: Option<[u8; 32]>,
        /// How the user was verified.
        6 => verification: Verification,
        /// Whether a one-time password of the payment application was verified too.
        7 => otp: bool,
        /// [`Audit`], sealed to the issuer: shops learn nothing of the payer's other payments.
        8 => audit: SealedBox,
    }

    /// The transaction inside an object.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Transaction {
        /// What is paid, the tip included.
        1 => amount: Amount,
        /// Who is paid.
        2 => payee: PayeeId,
        /// Of which challenge.
        3 => nonce: PayeeNonce,
        /// H(txn): SHA-256 of the challenge's payload.
        4 => challenge: Hash,
        /// How much of the amount is a tip, in minor units.
        5 => tip_minor: Option<u64>,
    }

    /// What only the issuer reads in an object.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Audit {
        /// The sum of all payments of this authenticator, in minor units.
        1 => spend_total: u64,
        /// The authenticator's counter.
        2 => counter: u64,
        /// The id of the object before.
        3 => previous: Hash,
    }

    /// The payee's word that it took the object; signed by the payee. Its time is the time of acceptance.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Receipt {
        /// When the payee accepted.
        6 => iat: UnixSeconds,
        /// The system's own fields.
        -65537 => body: ReceiptBody,
    }

    /// Fields of [`Receipt`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ReceiptBody {
        /// SHA-256 of the object's payload.
        1 => object: Hash,
        /// Who accepted.
        2 => payee: PayeeId,
        /// What the payee takes, in minor units, where that is less than the object pays.
        3 => final_minor: Option<u64>,
        /// The payee was online (profile P1): it asks for the money now, and is owed nothing for a double-spent object.
        4 => online: bool,
    }

    /// What a payee uploads for one accepted object.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Settlement {
        /// The secure object.
        1 => object: Bytes,
        /// The challenge that it pays.
        2 => challenge: Bytes,
        /// The receipt that the payee gave.
        3 => receipt: Bytes,
    }
}

/// What the payer agrees to: H(txn), or with a tip SHA-256 of `"sop/tip/v1" ‖ H(txn) ‖ tip` (8 bytes, big-endian). Password, second nonce,
/// sealed credential and credential proof are all bound to it.
#[must_use]
pub fn agreed(crypto: &dyn Crypto, transaction: Hash, tip_minor: Option<u64>) -> Hash {
    match tip_minor {
        None => transaction,
        Some(tip) => crypto.sha256(&[b"sop/tip/v1", &transaction.0, &tip.to_be_bytes()]),
    }
}

impl Claims for Challenge {
    const TYPE: u16 = 65107;
}
impl Claims for SecondNonce {
    const TYPE: u16 = 65108;
}
impl Claims for SecureObject {
    const TYPE: u16 = 65109;
}
impl Claims for Receipt {
    const TYPE: u16 = 65110;
}
