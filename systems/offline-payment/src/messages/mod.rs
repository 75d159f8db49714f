//! Every message of system 01: its fields, its encoding, and the key that protects it.
//!
//! | message | from → to | protected by | type |
//! | --- | --- | --- | --- |
//! | [`EnrolmentRequest`] | authenticator → server | its own signing key | 65101 |
//! | [`Enrolment`] | server → authenticator | server's key; the account key in it sealed by HPKE | 65102 |
//! | [`NonceToken`] | authenticator → server | authenticator's key | 65103 |
//! | [`Grant`] | server → secure application, payee | server's key | 65104 |
//! | [`PayeeRequest`] | payee → server | its own signing key | 65105 |
//! | [`PayeeCertificate`] | server → payee, payer | server's key | 65106 |
//! | [`Challenge`] | payee → payer | payee's key | 65107 |
//! | [`SecondNonce`] | authenticator → itself, by way of the applications | MAC key of the authenticator | 65108 |
//! | [`SealedCredential`] | secure application → authenticator | HPKE auth mode to the nonce's own key | - |
//! | [`SecureObject`] | authenticator → payee → server | authenticator's key; credential proof under the account key | 65109 |
//! | [`Receipt`] | payee → payer, server | payee's key | 65110 |
//! | [`Report`], [`Reconciled`] | authenticator ↔ server | authenticator's key, server's key | 65111, 65112 |
//! | [`TrustList`] | server → payee, authenticator | server's key | 65113 |
//! | [`Refund`] | payee → server | payee's key | 65114 |
//! | [`StatementRequest`], [`Statement`] | payee ↔ server | payee's key, server's key | 65115, 65116 |
//!
//! Signed messages are COSE_Sign1 (RFC 9052) over CWT claims (RFC 8392): registered claims keep their numbers, and what system 01 adds
//! is one map under the private claim -65537. Times are whole seconds.
mod device;
mod payment;
mod rights;
mod trust;

pub use device::*;
pub use payment::*;
pub use rights::*;
pub use trust::*;

use symbolon_keys::Crypto;
use symbolon_types::{Hash, identifier};

identifier! {
    /// An authenticator: the first 16 bytes of the SHA-256 of its public signing key.
    pub struct AuthenticatorId([u8; 16]);
    /// A payer's account at the issuer.
    pub struct PayerId([u8; 16]);
    /// A payee.
    pub struct PayeeId([u8; 16]);
    /// The nonce of a nonce token.
    pub struct Nonce([u8; 16]);
    /// The nonce of a challenge.
    pub struct PayeeNonce([u8; 16]);
    /// What a grant calls the account: random for each grant, so that shops cannot link two payments.
    pub struct AccountRef([u8; 16]);
    /// A payment application.
    pub struct ApplicationId([u8; 16]);
}

symbolon_wire::cbor_identifier!(
    AuthenticatorId,
    PayerId,
    PayeeId,
    Nonce,
    PayeeNonce,
    AccountRef,
    ApplicationId
);
symbolon_state::key_identifier!(
    AuthenticatorId,
    PayerId,
    PayeeId,
    Nonce,
    PayeeNonce,
    AccountRef,
    ApplicationId
);

impl AuthenticatorId {
    /// The identifier that belongs to a signing key.
    #[must_use]
    pub fn of(crypto: &dyn Crypto, key: &symbolon_keys::VerifyingKey) -> Self {
        let Hash(digest) = crypto.sha256(&[b"symbolon/authenticator", &key.0]);
        let mut id = [0; 16];
        id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Self(id)
    }
}

/// How far two clocks may lie apart where a validity is judged, in seconds.
pub const SKEW_SECONDS: u64 = 300;

/// How long after a grant's end its objects may still be uploaded (rule R2), in seconds: 7 days.
pub const SETTLEMENT_WINDOW_SECONDS: u64 = 7 * 24 * 3600;
