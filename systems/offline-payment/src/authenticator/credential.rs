//! The credential: how it travels, how it is stored, how it is checked. One record for each kind that is set, one attempt counter for all.
//!
//! ```text
//!   k_c = HKDF-Extract(salt = pepper of the machine, Argon2id(what is typed, salt))
//!   stored: salt, HMAC(k_c, "check"), AES-256-GCM(k_c-derived key, K_acct)          never k_c, never the credential
//!
//!   PIN, passphrase   what is typed is the credential
//!   platform          what is "typed" is the platform's PRF output (CTAP2 hmac-secret); and its key must have signed this payment
//! ```
//! **Invariant:** the account key opens only with the typed value or the PRF output: an assertion without it opens nothing; the PRF output
//! without a fresh assertion is refused.
use super::platform::{PlatformAssertion, PlatformKey, PlatformRegistration};
use super::state::CredentialRecord;
use super::{DeviceKeys, Env};
use crate::messages::{AuthenticatorId, Verification};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use alloc::{string::String, vec::Vec};
use symbolon_keys::{Aead, Argon2Cost, Crypto, HashAlgorithm, derive32, hkdf_extract};
use symbolon_types::{CoreRefusal, Hash, Secret};
use symbolon_wire::cbor::Bytes;

/// Every credential of every kind travels in this many bytes, so that its length shows nothing.
pub(super) const PADDED_LEN: usize = 256;

/// What is set, or shown that it is known: a PIN of 4 to 12 digits, a passphrase of 8 to 48 bytes, or the word of a platform authenticator.
#[derive(Clone, Debug)]
pub struct Credential(Value);

#[derive(Clone, Debug)]
enum Value {
    /// Nothing is shown, where nothing is asked for: that the paired application sealed it is all that it says.
    None,
    Pin(Secret<String>),
    Passphrase(Secret<String>),
    /// Shows that it is known.
    Assertion(PlatformAssertion),
    /// Sets it.
    Registration(PlatformRegistration),
}

/// The byte of a registration; the other kinds travel under the code of their verification.
const REGISTRATION: u8 = 4;

impl Credential {
    /// # Errors
    /// CRED_FORM unless 4 to 12 decimal digits.
    pub fn pin(value: Secret<String>) -> Result<Self, Refusal> {
        let digits = value.reveal();
        let right = (4..=12).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if right { Ok(Self(Value::Pin(value))) } else { Err(Own::CredentialForm.into()) }
    }

    /// # Errors
    /// CRED_FORM unless 8 to 48 bytes of UTF-8.
    pub fn passphrase(value: Secret<String>) -> Result<Self, Refusal> {
        let right = (8..=48).contains(&value.reveal().len());
        if right { Ok(Self(Value::Passphrase(value))) } else { Err(Own::CredentialForm.into()) }
    }

    /// What a platform authenticator that is set says of one payment, or of the setting of another credential.
    #[must_use]
    pub fn platform(assertion: PlatformAssertion) -> Self {
        Self(Value::Assertion(assertion))
    }

    /// A platform authenticator that is to be set.
    #[must_use]
    pub fn platform_registration(registration: PlatformRegistration) -> Self {
        Self(Value::Registration(registration))
    }

    /// The empty one: what travels where the grant asks for none, so that no other program than the paired application can pay.
    pub(crate) fn none() -> Self {
        Self(Value::None)
    }

    /// The kind, as the object will say it.
    #[must_use]
    pub fn kind(&self) -> Verification {
        match &self.0 {
            Value::None => Verification::None,
            Value::Pin(_) => Verification::Pin,
            Value::Passphrase(_) => Verification::Passphrase,
            Value::Assertion(_) | Value::Registration(_) => Verification::Platform,
        }
    }

    /// One byte of kind, one of length, the value, zeros up to 256 bytes.
    pub(crate) fn padded(&self) -> Secret<Vec<u8>> {
        let (kind, value) = match &self.0 {
            Value::None => (self.kind().code(), Secret::new(Vec::new())),
            Value::Pin(typed) | Value::Passphrase(typed) => {
                (self.kind().code(), Secret::new(typed.reveal().as_bytes().to_vec()))
            }
            Value::Assertion(assertion) => (self.kind().code(), assertion.bytes()),
            Value::Registration(registration) => (REGISTRATION, registration.bytes()),
        };
        let mut out = Vec::with_capacity(PADDED_LEN);
        out.push(kind);
        out.push(u8::try_from(value.reveal().len()).unwrap_or(0));
        out.extend_from_slice(value.reveal());
        out.resize(PADDED_LEN, 0);
        Secret::new(out)
    }

    /// Reads what was opened.
    pub(super) fn opened(padded: &[u8]) -> Result<Self, Refusal> {
        let malformed = Refusal::Core(CoreRefusal::Malformed);
        let (&[kind, length], rest) = padded.split_first_chunk::<2>().ok_or(malformed)?;
        let (value, zeros) = rest.split_at_checked(usize::from(length)).ok_or(malformed)?;
        if padded.len() != PADDED_LEN || zeros.iter().any(|&byte| byte != 0) {
            return Err(malformed);
        }
        let typed =
            || core::str::from_utf8(value).map(|text| Secret::new(String::from(text))).map_err(|_| malformed);
        match kind {
            0 if value.is_empty() => Ok(Self::none()),
            1 => Self::pin(typed()?),
            2 => Self::passphrase(typed()?),
            3 => Ok(Self(Value::Assertion(PlatformAssertion::read(value)?))),
            REGISTRATION => Ok(Self(Value::Registration(PlatformRegistration::read(value)?))),
            _ => Err(malformed),
        }
    }

    /// What takes part in `k_c`.
    fn typed(&self) -> &[u8] {
        match &self.0 {
            Value::None => &[],
            Value::Pin(typed) | Value::Passphrase(typed) => typed.reveal().as_bytes(),
            Value::Assertion(assertion) => assertion.prf.reveal(),
            Value::Registration(registration) => registration.assertion.prf.reveal(),
        }
    }

    /// The key that a registration brings, once it has signed `question`.
    ///
    /// # Errors
    /// CRED_FORM for the empty credential and for an assertion, which set nothing, and for a key that did not sign.
    pub(super) fn settable(
        &self,
        crypto: &dyn Crypto,
        question: Hash,
    ) -> Result<Option<PlatformKey>, Refusal> {
        match &self.0 {
            Value::Pin(_) | Value::Passphrase(_) => Ok(None),
            Value::None | Value::Assertion(_) => Err(Own::CredentialForm.into()),
            Value::Registration(registration) => {
                registration.registered(crypto, question).map(Some).ok_or(Own::CredentialForm.into())
            }
        }
    }
}

/// What the sealing of a credential for a payment is bound to (HPKE `info`): token and grant.
pub(crate) fn credential_info(crypto: &dyn Crypto, token: &[u8], grant: &[u8]) -> Vec<u8> {
    let (token, grant) = (crypto.sha256(&[token]), crypto.sha256(&[grant]));
    [b"sop/cred/v1".as_slice(), &token.0, &grant.0].concat()
}

/// What else it is bound to (HPKE `aad`): what was agreed to, and SHA-256 of the second nonce, of no bytes where there is none.
pub(crate) fn credential_aad(crypto: &dyn Crypto, agreed: Hash, second: Option<&[u8]>) -> Vec<u8> {
    let second = crypto.sha256(&[second.unwrap_or_default()]);
    [agreed.0, second.0].concat()
}

/// What the sealing of the first credential is bound to (HPKE `info`): the server's enrolment message.
pub(crate) fn enrolment_info(crypto: &dyn Crypto, enrolment: &[u8]) -> Vec<u8> {
    [b"sop/enrol/v1".as_slice(), &crypto.sha256(&[enrolment]).0].concat()
}

/// What the sealing of a further credential is bound to (HPKE `info`): the authenticator, and its counter (8 bytes, big-endian), so that the same
/// message finds another counter the next time.
pub(crate) fn setting_info(authenticator: &AuthenticatorId, counter: u64) -> Vec<u8> {
    [b"sop/set/v1".as_slice(), authenticator.as_bytes(), &counter.to_be_bytes()].concat()
}

/// `k_c`, for as long as the credential is open.
struct CredentialKey(Secret<[u8; 32]>);

impl CredentialKey {
    fn derive(
        env: &Env<'_>,
        keys: &DeviceKeys,
        credential: &Credential,
        salt: &[u8; 16],
    ) -> Result<Self, Refusal> {
        let kind = [credential.kind().code()];
        let stretched = env.crypto.argon2id(credential.typed(), salt, &kind, Argon2Cost::DEVICE)?;
        Ok(Self(hkdf_extract(env.crypto, keys.pepper.reveal(), &[stretched.reveal()])))
    }

    fn check(&self, crypto: &dyn Crypto) -> [u8; 32] {
        let mac = crypto.hmac(HashAlgorithm::Sha256, self.0.reveal(), &[b"check"]);
        let mut check = [0; 32];
        check.iter_mut().zip(mac.reveal()).for_each(|(to, from)| *to = *from);
        check
    }

    fn wrapping(&self, crypto: &dyn Crypto) -> Secret<[u8; 32]> {
        derive32(crypto, self.0.reveal(), b"wrap", &[])
    }
}

/// Each wrapping key wraps one account key once, so its nonce is constant.
const WRAP_NONCE: [u8; 12] = [0; 12];

/// What is stored of a new credential. A platform's key must have been taken from it by [`Credential::settable`].
pub(super) fn enclose(
    env: &Env<'_>,
    keys: &DeviceKeys,
    credential: &Credential,
    platform: Option<PlatformKey>,
    account_key: &Secret<Vec<u8>>,
) -> Result<CredentialRecord, Refusal> {
    let salt = env.random16(b"credential/salt", &[]);
    let key = CredentialKey::derive(env, keys, credential, &salt)?;
    let wrapping = key.wrapping(env.crypto);
    let wrapped =
        env.crypto.aead_seal(Aead::Aes256Gcm, wrapping.reveal(), &WRAP_NONCE, &[], account_key.reveal())?;
    Ok(CredentialRecord {
        kind: credential.kind(),
        salt,
        check: key.check(env.crypto),
        wrapped: Bytes(wrapped),
        platform,
    })
}

/// What a right credential opens.
pub(super) struct Disclosed {
    pub(super) kind: Verification,
    pub(super) account_key: Secret<Vec<u8>>,
    /// How often the platform's key has signed now.
    pub(super) sign_count: Option<u32>,
}

/// The account key, if the credential is the one that was set. The attempt has been counted before this is called. `question` is what a
/// platform must have signed.
pub(super) fn disclose(
    env: &Env<'_>,
    keys: &DeviceKeys,
    record: &CredentialRecord,
    credential: &Credential,
    question: Hash,
) -> Result<Disclosed, Refusal> {
    let key = CredentialKey::derive(env, keys, credential, &record.salt)?;
    let right = Secret::new(key.check(env.crypto)).equals(&record.check);
    // Both are looked at, whatever the first says: one answer for all that is wrong.
    let sign_count = match (&credential.0, &record.platform) {
        (Value::Pin(_) | Value::Passphrase(_), None) => Some(None),
        (Value::Assertion(assertion), Some(known)) => {
            known.asserted(env.crypto, assertion, question).map(Some)
        }
        _ => None,
    };
    let sign_count =
        sign_count.filter(|_| right && credential.kind() == record.kind).ok_or(Own::CredentialWrong)?;
    let wrapping = key.wrapping(env.crypto);
    let account_key =
        env.crypto.aead_open(Aead::Aes256Gcm, wrapping.reveal(), &WRAP_NONCE, &[], &record.wrapped.0)?;
    Ok(Disclosed { kind: record.kind, account_key, sign_count })
}
