//! What is prepared online: enrolment, nonce tokens, grants, the payee's certificate.
use super::{AccountRef, AuthenticatorId, Nonce, PayeeId};
use alloc::{string::String, vec::Vec};
use symbolon_keys::{KemPublic, VerifyingKey};
use symbolon_proof::{Claims, Confirmation, Validity, hpke};
use symbolon_types::{Amount, Hash, UnixSeconds};
use symbolon_wire::{cbor::Bytes, cbor_map};

cbor_map! {
    /// An HPKE ciphertext with its encapsulated key (RFC 9180).
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct SealedBox {
        /// The encapsulated key.
        1 => enc: [u8; 32],
        /// Ciphertext and tag.
        2 => ciphertext: Bytes,
    }

    /// Asks for the enrolment of an authenticator; signed with the key that it asks for.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct EnrolmentRequest {
        /// The system's own fields.
        -65537 => body: EnrolmentRequestBody,
    }

    /// Fields of [`EnrolmentRequest`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct EnrolmentRequestBody {
        /// The code that the issuer gave the account's holder.
        1 => code: [u8; 16],
        /// The authenticator's signing key.
        2 => signing: VerifyingKey,
        /// The key that the account key is to be sealed to: of this enrolment only, so that a former answer opens nothing.
        3 => kem: KemPublic,
    }

    /// Enrols an authenticator; signed by the server.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Enrolment {
        /// The server's time.
        6 => iat: UnixSeconds,
        /// The system's own fields.
        -65537 => body: EnrolmentBody,
    }

    /// Fields of [`Enrolment`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct EnrolmentBody {
        /// Who is enrolled.
        1 => authenticator: AuthenticatorId,
        /// The account key, sealed in HPKE base mode to the key of the request.
        2 => account_key: SealedBox,
        /// The issuer's key for what only the issuer may read.
        3 => issuer: KemPublic,
        /// What the device may do between two times online.
        4 => limits: DeviceLimits,
    }

    /// Limits that the authenticator itself keeps: a rule for honest devices; what the issuer can lose is bounded by reservations.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct DeviceLimits {
        /// The sum of offline payments between two reconciliations.
        1 => cumulative: Amount,
        /// The number of offline payments between two reconciliations.
        2 => count: u32,
        /// Nonces that may be in the pool, 1 to 32.
        3 => pool: u32,
        /// Wrong credentials in a row before the lock, 3 to 10.
        4 => attempts: u32,
    }

    /// A fresh nonce with a key of its own; signed by the authenticator. Nothing in it is secret.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct NonceToken {
        /// When the authenticator would drop it.
        4 => exp: UnixSeconds,
        /// The authenticator's time.
        6 => iat: UnixSeconds,
        /// The nonce.
        7 => nonce: Nonce,
        /// The system's own fields.
        -65537 => body: NonceTokenBody,
    }

    /// Fields of [`NonceToken`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct NonceTokenBody {
        /// Whose nonce.
        1 => authenticator: AuthenticatorId,
        /// Rises by one with every token of this authenticator, from 1.
        2 => sequence: u64,
        /// The key that the credential is sealed to; its private half is destroyed when the nonce is used or dropped.
        3 => kem: KemPublic,
        /// How often the authenticator has started.
        4 => boot: u64,
        /// The authenticator's counter when the token was made.
        5 => counter: u64,
    }

    /// The nonce signature: the server's word that this nonce may buy one payment. Signed by the server.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Grant {
        /// When it ends.
        4 => exp: UnixSeconds,
        /// The server's time.
        6 => iat: UnixSeconds,
        /// The only key that an object on this grant verifies under (RFC 8747).
        8 => cnf: Confirmation,
        /// The system's own fields.
        -65537 => body: GrantBody,
    }

    /// Fields of [`Grant`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct GrantBody {
        /// SHA-256 of the nonce token, all its bytes.
        1 => token: Hash,
        /// The account, by a name for this grant only.
        2 => account: AccountRef,
        /// The most that it pays; reserved at the issuer.
        3 => limit: Amount,
        /// The policy under which it was granted.
        4 => policy: u32,
        /// The deny list's epoch.
        5 => epoch: u32,
        /// Which verification of the user which amount needs, by rising amount.
        6 => verification: Vec<VerificationRule>,
    }

    /// From this amount on, this much verification of the user.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct VerificationRule {
        /// The least amount that it holds for, in minor units.
        1 => from_minor: u64,
        /// The least verification.
        2 => user: u8,
        /// Whether a one-time password of the payment application is needed too.
        3 => otp: bool,
    }

    /// Asks for a payee's certificate; signed with the key that it asks for.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct PayeeRequest {
        /// The system's own fields.
        -65537 => body: PayeeRequestBody,
    }

    /// Fields of [`PayeeRequest`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct PayeeRequestBody {
        /// The code that the operator gave the payee.
        1 => code: [u8; 16],
        /// The payee's signing key.
        2 => signing: VerifyingKey,
    }

    /// Who a payee is and what it may be owed offline; signed by the server.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct PayeeCertificate {
        /// When it ends.
        4 => exp: UnixSeconds,
        /// The server's time.
        6 => iat: UnixSeconds,
        /// The payee's key (RFC 8747).
        8 => cnf: Confirmation,
        /// The system's own fields.
        -65537 => body: PayeeCertificateBody,
    }

    /// Fields of [`PayeeCertificate`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct PayeeCertificateBody {
        /// The payee.
        1 => payee: PayeeId,
        /// The name that the payer is shown, 1 to 40 bytes.
        2 => name: String,
        /// The merchant category (ISO 18245), 0 to 9999.
        3 => mcc: u16,
        /// The most that the issuer makes good for double-spent objects.
        4 => cap: Amount,
    }
}

impl Claims for EnrolmentRequest {
    const TYPE: u16 = 65101;
}
impl Claims for Enrolment {
    const TYPE: u16 = 65102;
}
impl Claims for NonceToken {
    const TYPE: u16 = 65103;
}
impl Claims for Grant {
    const TYPE: u16 = 65104;
}
impl Claims for PayeeRequest {
    const TYPE: u16 = 65105;
}
impl Claims for PayeeCertificate {
    const TYPE: u16 = 65106;
}

impl NonceToken {
    /// From its making to its dropping.
    #[must_use]
    pub fn validity(&self) -> Validity {
        Validity { iat: self.iat, exp: self.exp }
    }
}

impl Grant {
    /// From its signing to its end.
    #[must_use]
    pub fn validity(&self) -> Validity {
        Validity { iat: self.iat, exp: self.exp }
    }

    /// What a payment of `minor` units needs: the last rule whose amount it reaches; none at all asks for the strongest.
    #[must_use]
    pub fn verification(&self, minor: u64) -> VerificationRule {
        let strongest = VerificationRule { from_minor: 0, user: u8::MAX, otp: true };
        self.body
            .verification
            .iter()
            .rev()
            .find(|rule| rule.from_minor <= minor)
            .cloned()
            .unwrap_or(strongest)
    }
}

impl PayeeCertificate {
    /// From its signing to its end.
    #[must_use]
    pub fn validity(&self) -> Validity {
        Validity { iat: self.iat, exp: self.exp }
    }
}

impl From<hpke::Sealed> for SealedBox {
    fn from(sealed: hpke::Sealed) -> Self {
        Self { enc: sealed.enc, ciphertext: Bytes(sealed.ciphertext) }
    }
}

impl From<SealedBox> for hpke::Sealed {
    fn from(sealed: SealedBox) -> Self {
        Self { enc: sealed.enc, ciphertext: sealed.ciphertext.0 }
    }
}
