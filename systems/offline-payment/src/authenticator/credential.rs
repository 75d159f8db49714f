//! The credential: how it travels, how it is stored, how it is checked.
//!
//! ```text
//!   k_c = HKDF-Extract(salt = pepper of the machine, Argon2id(credential, salt))
//!   stored: salt, HMAC(k_c, "check"), AES-256-GCM(k_c-derived key, K_acct)          never k_c, never the credential
//! ```
use super::state::CredentialRecord;
use super::{DeviceKeys, Env};
use crate::messages::Verification;
use crate::{OfflinePaymentRefusal as Own, Refusal};
use alloc::{string::String, vec::Vec};
use symbolon_keys::{Aead, Argon2Cost, Crypto, HashAlgorithm, derive32, hkdf_extract};
use symbolon_types::{Hash, Secret};
use symbolon_wire::cbor::Bytes;

/// Every credential travels in this many bytes, so that its length shows nothing.
const PADDED_LEN: usize = 64;

/// What the user types: a PIN of 4 to 12 digits, or a passphrase of 8 to 48 bytes.
#[derive(Clone, Debug)]
pub struct Credential {
    kind: Verification,
    value: Secret<String>,
}

impl Credential {
    /// # Errors
    /// CRED_FORM unless 4 to 12 decimal digits.
    pub fn pin(value: Secret<String>) -> Result<Self, Refusal> {
        let digits = value.reveal();
        let right = (4..=12).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if right { Ok(Self { kind: Verification::Pin, value }) } else { Err(Own::CredentialForm.into()) }
    }

    /// # Errors
    /// CRED_FORM unless 8 to 48 bytes of UTF-8.
    pub fn passphrase(value: Secret<String>) -> Result<Self, Refusal> {
        let right = (8..=48).contains(&value.reveal().len());
        if right {
            Ok(Self { kind: Verification::Passphrase, value })
        } else {
            Err(Own::CredentialForm.into())
        }
    }

    /// The kind, as the object will say it.
    #[must_use]
    pub fn kind(&self) -> Verification {
        self.kind
    }

    /// One byte of kind, one of length, the value, zeros up to 64 bytes.
    pub(crate) fn padded(&self) -> Secret<Vec<u8>> {
        let value = self.value.reveal().as_bytes();
        let mut out = Vec::with_capacity(PADDED_LEN);
        out.push(self.kind.code());
        out.push(u8::try_from(value.len()).unwrap_or(0));
        out.extend_from_slice(value);
        out.resize(PADDED_LEN, 0);
        Secret::new(out)
    }

    fn unpadded(padded: &Secret<Vec<u8>>) -> Result<Self, Refusal> {
        let malformed = Refusal::Core(symbolon_types::CoreRefusal::Malformed);
        let bytes = padded.reveal();
        let (&[kind, length], rest) = bytes.split_first_chunk::<2>().ok_or(malformed)?;
        let (value, zeros) = rest.split_at_checked(usize::from(length)).ok_or(malformed)?;
        if bytes.len() != PADDED_LEN || zeros.iter().any(|&byte| byte != 0) {
            return Err(malformed);
        }
        let value = Secret::new(String::from(core::str::from_utf8(value).map_err(|_| malformed)?));
        match kind {
            1 => Self::pin(value),
            2 => Self::passphrase(value),
            _ => Err(malformed),
        }
    }

    /// Reads what was opened.
    pub(super) fn opened(padded: &Secret<Vec<u8>>) -> Result<Self, Refusal> {
        Self::unpadded(padded)
    }
}

/// What the sealing of a credential for a payment is bound to (HPKE `info`): token and grant.
pub(crate) fn credential_info(crypto: &dyn Crypto, token: &[u8], grant: &[u8]) -> Vec<u8> {
    let (token, grant) = (crypto.sha256(&[token]), crypto.sha256(&[grant]));
    [b"sop/cred/v1".as_slice(), &token.0, &grant.0].concat()
}

/// What else it is bound to (HPKE `aad`): H(txn) and SHA-256 of the second nonce, of no bytes where there is none.
pub(crate) fn credential_aad(crypto: &dyn Crypto, transaction: Hash, second: Option<&[u8]>) -> Vec<u8> {
    let second = crypto.sha256(&[second.unwrap_or_default()]);
    [transaction.0, second.0].concat()
}

/// What the sealing of the first credential is bound to (HPKE `info`): the server's enrolment message.
pub(crate) fn enrolment_info(crypto: &dyn Crypto, enrolment: &[u8]) -> Vec<u8> {
    [b"sop/enrol/v1".as_slice(), &crypto.sha256(&[enrolment]).0].concat()
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
        let typed = credential.value.reveal().as_bytes();
        let stretched = env.crypto.argon2id(typed, salt, &[credential.kind.code()], Argon2Cost::DEVICE)?;
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

/// What is stored of a new credential.
pub(super) fn enclose(
    env: &Env<'_>,
    keys: &DeviceKeys,
    credential: &Credential,
    account_key: &Secret<Vec<u8>>,
    attempts: u32,
) -> Result<CredentialRecord, Refusal> {
    let salt = env.random16(b"credential/salt", &[]);
    let key = CredentialKey::derive(env, keys, credential, &salt)?;
    let wrapping = key.wrapping(env.crypto);
    let wrapped =
        env.crypto.aead_seal(Aead::Aes256Gcm, wrapping.reveal(), &WRAP_NONCE, &[], account_key.reveal())?;
    Ok(CredentialRecord {
        kind: credential.kind,
        salt,
        check: key.check(env.crypto),
        wrapped: Bytes(wrapped),
        attempts_left: attempts,
    })
}

/// The account key, if the credential is the one that was set. The attempt has been counted before this is called.
pub(super) fn disclose(
    env: &Env<'_>,
    keys: &DeviceKeys,
    record: &CredentialRecord,
    credential: &Credential,
) -> Result<Secret<Vec<u8>>, Refusal> {
    let key = CredentialKey::derive(env, keys, credential, &record.salt)?;
    if credential.kind != record.kind || !Secret::new(key.check(env.crypto)).equals(&record.check) {
        return Err(Own::CredentialWrong.into());
    }
    let wrapping = key.wrapping(env.crypto);
    Ok(env.crypto.aead_open(Aead::Aes256Gcm, wrapping.reveal(), &WRAP_NONCE, &[], &record.wrapped.0)?)
}
