//! User verification by the platform, in the manner of FIDO2 (CTAP 2.1, WebAuthn Level 2): a key that signs only after it has verified the user,
//! and a secret that it gives only then (hmac-secret, the PRF extension).
//!
//! ```text
//!   authenticatorData = SHA-256(relying party) 32 ‖ flags 1 ‖ signCount 4            (WebAuthn §6.1, nothing after it)
//!   signature         = ES256 over authenticatorData ‖ question                       question stands where WebAuthn has clientDataHash
//!   question          = SHA-256("sop/uv/v1" ‖ token hash ‖ agreed)                     of a payment
//!                       SHA-256("sop/uv/set/v1" ‖ HPKE info)                           of a credential that is set
//! ```
//! A real CTAP2 authenticator carries the PRF output, encrypted to its platform, as an extension of authenticatorData; here the platform has
//! opened it, and it travels beside 37 bytes that say nothing of extensions.
//!
//! **Invariant:** an assertion counts once: it is over one question, and its signCount lies above the last one, unless the key counts nothing.
use crate::Refusal;
use alloc::vec::Vec;
use symbolon_keys::{Crypto, Curve, HashAlgorithm};
use symbolon_types::{CoreRefusal, Hash, Secret};
use symbolon_wire::cbor_map;

/// User present (UP), WebAuthn §6.1.
const PRESENT: u8 = 0x01;
/// User verified (UV).
const VERIFIED: u8 = 0x04;
/// Attested credential data (AT) or extensions (ED) would follow.
const MORE: u8 = 0xC0;

/// What a platform's key must sign for one payment. `agreed` is [`crate::messages::agreed`].
#[must_use]
pub fn payment_question(crypto: &dyn Crypto, token: Hash, agreed: Hash) -> Hash {
    crypto.sha256(&[b"sop/uv/v1", &token.0, &agreed.0])
}

/// What it must sign for the setting of a credential that is sealed under this HPKE `info`.
pub(crate) fn setting_question(crypto: &dyn Crypto, info: &[u8]) -> Hash {
    crypto.sha256(&[b"sop/uv/set/v1", info])
}

/// An assertion of a platform authenticator, with the output of its PRF.
#[derive(Clone, Debug)]
pub struct PlatformAssertion {
    /// authenticatorData.
    pub authenticator_data: [u8; 37],
    /// ES256: r and s, 32 bytes each.
    pub signature: [u8; 64],
    /// The output of the PRF, the same each time.
    pub prf: Secret<[u8; 32]>,
}

/// A platform authenticator that is to be set: its key, and its first assertion.
#[derive(Clone, Debug)]
pub struct PlatformRegistration {
    /// The key, P-256, as an uncompressed point (SEC 1 §2.3.3).
    pub public: [u8; 65],
    /// Over the question of the setting.
    pub assertion: PlatformAssertion,
}

cbor_map! {
    /// What is stored of a platform authenticator, beside what is stored of every credential.
    #[derive(Clone, Debug)]
    pub struct PlatformKey {
        /// Its key, P-256, uncompressed.
        1 => public: [u8; 65],
        /// SHA-256 of the relying party's id, as the registration had it.
        2 => relying_party: [u8; 32],
        /// The signCount of its last assertion.
        3 => sign_count: u32,
    }
}

/// authenticatorData, taken apart.
struct AuthenticatorData {
    relying_party: [u8; 32],
    flags: u8,
    sign_count: u32,
}

impl PlatformAssertion {
    /// authenticatorData, signature, PRF output, one after the other.
    pub(super) fn bytes(&self) -> Secret<Vec<u8>> {
        Secret::new([&self.authenticator_data[..], &self.signature, self.prf.reveal()].concat())
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let (authenticator_data, rest) = take::<37>(bytes)?;
        let (signature, rest) = take::<64>(rest)?;
        let (prf, rest) = take::<32>(rest)?;
        let assertion = Self { authenticator_data, signature, prf: Secret::new(prf) };
        if rest.is_empty() { Ok(assertion) } else { Err(CoreRefusal::Malformed.into()) }
    }

    fn data(&self) -> Option<AuthenticatorData> {
        let (&relying_party, rest) = self.authenticator_data.split_first_chunk::<32>()?;
        let (&flags, count) = rest.split_first()?;
        Some(AuthenticatorData {
            relying_party,
            flags,
            sign_count: u32::from_be_bytes(count.try_into().ok()?),
        })
    }

    /// What it says, if this key signed it over this question after it had verified the user.
    fn verified(&self, crypto: &dyn Crypto, public: &[u8; 65], question: Hash) -> Option<AuthenticatorData> {
        let message = [&self.authenticator_data[..], &question.0].concat();
        crypto.ecdsa_verify(Curve::P256, HashAlgorithm::Sha256, public, &message, &self.signature).ok()?;
        let needed = PRESENT | VERIFIED;
        self.data().filter(|data| data.flags & needed == needed && data.flags & MORE == 0)
    }
}

impl PlatformRegistration {
    /// The key, then the assertion.
    pub(super) fn bytes(&self) -> Secret<Vec<u8>> {
        Secret::new([&self.public[..], self.assertion.bytes().reveal()].concat())
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let (public, rest) = take::<65>(bytes)?;
        Ok(Self { public, assertion: PlatformAssertion::read(rest)? })
    }

    /// What is stored of it, if its key signed the question.
    pub(super) fn registered(&self, crypto: &dyn Crypto, question: Hash) -> Option<PlatformKey> {
        let data = self.assertion.verified(crypto, &self.public, question)?;
        Some(PlatformKey {
            public: self.public,
            relying_party: data.relying_party,
            sign_count: data.sign_count,
        })
    }
}

impl PlatformKey {
    /// The signCount after this assertion, if it is this key's over this question and no copy of the key has signed since (WebAuthn §7.2, step 21).
    pub(super) fn asserted(
        &self,
        crypto: &dyn Crypto,
        assertion: &PlatformAssertion,
        question: Hash,
    ) -> Option<u32> {
        let data = assertion.verified(crypto, &self.public, question)?;
        let counts = data.sign_count != 0 || self.sign_count != 0;
        let risen = !counts || data.sign_count > self.sign_count;
        (risen && data.relying_party == self.relying_party).then_some(data.sign_count)
    }
}

fn take<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), Refusal> {
    bytes.split_first_chunk::<N>().map(|(taken, rest)| (*taken, rest)).ok_or(CoreRefusal::Malformed.into())
}
