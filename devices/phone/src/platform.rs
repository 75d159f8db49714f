//! The platform authenticator: what verifies the user by a face, a finger or a presence, in the manner of FIDO2. Simulated here, behind a trait: a
//! P-256 key and a PRF secret (CTAP2 hmac-secret) in a store of its own. Whoever runs the program is taken for the verified user; a product puts
//! the platform's own authenticator in its place.
//!
//! **Invariant:** the count has risen, durably, before an assertion leaves.
use crate::Failure;
use std::path::Path;
use symbolon_keys::{Crypto, Curve, HashAlgorithm, RustCrypto};
use symbolon_offline_payment::authenticator::{PlatformAssertion, PlatformRegistration};
use symbolon_state::{Flash, Kept};
use symbolon_transport::{TransportError, entropy, store::FileFlash};
use symbolon_types::{Hash, Secret};
use symbolon_wire::cbor_map;

/// Whose credential it is: the relying party's id (WebAuthn §4).
const RELYING_PARTY: &[u8] = b"symbolon.offline-payment";

/// What the PRF is asked for, before WebAuthn's own prefix.
const PRF_INPUT: &[u8] = b"symbolon/offline-payment/v1";

/// User present and user verified (WebAuthn §6.1).
const PRESENT_AND_VERIFIED: u8 = 0x05;

/// Verifies the user, and says so.
pub trait PlatformAuthenticator {
    /// A new assertion over this question, with the PRF's output.
    ///
    /// # Errors
    /// STORE_FAILED; [`Failure::Transport`] when the platform does not answer.
    fn assert(&mut self, question: Hash) -> Result<PlatformAssertion, Failure>;

    /// Its key, with a first assertion.
    ///
    /// # Errors
    /// As [`PlatformAuthenticator::assert`].
    fn register(&mut self, question: Hash) -> Result<PlatformRegistration, Failure>;
}

cbor_map! {
    /// What the simulated platform keeps.
    #[derive(Clone, Debug)]
    pub struct PlatformState {
        /// Its private key, P-256.
        1 => private: Secret<[u8; 32]>,
        /// CredRandom of hmac-secret (CTAP 2.1 §12.5).
        2 => prf: Secret<[u8; 32]>,
        /// How often it has signed.
        3 => sign_count: u32,
    }
}

/// A platform authenticator in a file store.
pub struct SimulatedPlatform<F>(Kept<PlatformState, F>);

impl SimulatedPlatform<FileFlash> {
    /// Opens it in `platform` inside the phone's store; it is made at the first use.
    ///
    /// # Errors
    /// STORE_FAILED; [`Failure::Transport`], with `InUse` while another process has it.
    pub fn open(store: &Path) -> Result<Self, Failure> {
        Self::on(FileFlash::open(&store.join("platform"))?)
    }
}

impl<F: Flash> SimulatedPlatform<F> {
    /// Opens it on a medium of its own.
    ///
    /// # Errors
    /// STORE_FAILED; [`Failure::Transport`] when a first use finds no random bytes.
    pub fn on(flash: F) -> Result<Self, Failure> {
        Ok(Self(Kept::open(flash, || {
            let (private, prf) = (private()?, entropy::seed()?);
            Ok::<_, Failure>(PlatformState { private, prf, sign_count: 0 })
        })?))
    }

    fn public(&self) -> Result<[u8; 65], Failure> {
        let public = RustCrypto.ecdsa_public(Curve::P256, self.0.get().private.reveal());
        Ok(public.ok().and_then(|public| public.try_into().ok()).ok_or(TransportError::Protocol)?)
    }
}

impl<F: Flash> PlatformAuthenticator for SimulatedPlatform<F> {
    fn assert(&mut self, question: Hash) -> Result<PlatformAssertion, Failure> {
        let mut next = self.0.get().clone();
        next.sign_count = next.sign_count.checked_add(1).ok_or(TransportError::Protocol)?;
        self.0.put(next)?;
        let state = self.0.get();
        let mut authenticator_data = [0; 37];
        let parts = [
            &RustCrypto.sha256(&[RELYING_PARTY]).0[..],
            &[PRESENT_AND_VERIFIED],
            &state.sign_count.to_be_bytes(),
        ];
        authenticator_data.iter_mut().zip(parts.concat()).for_each(|(to, from)| *to = from);
        let message = [&authenticator_data[..], &question.0].concat();
        let signature =
            RustCrypto.ecdsa_sign(Curve::P256, HashAlgorithm::Sha256, state.private.reveal(), &message);
        let signature = signature.ok().and_then(|signature| signature.try_into().ok());
        // WebAuthn Level 3 §10.1.4: the salt of hmac-secret is SHA-256("WebAuthn PRF" ‖ 0 ‖ input).
        let salt = RustCrypto.sha256(&[b"WebAuthn PRF\0", PRF_INPUT]);
        let output = RustCrypto.hmac(HashAlgorithm::Sha256, state.prf.reveal(), &[&salt.0]);
        let prf = output.reveal().as_slice().try_into().map_err(|_| TransportError::Protocol)?;
        let signature = signature.ok_or(TransportError::Protocol)?;
        Ok(PlatformAssertion { authenticator_data, signature, prf: Secret::new(prf) })
    }

    fn register(&mut self, question: Hash) -> Result<PlatformRegistration, Failure> {
        Ok(PlatformRegistration { public: self.public()?, assertion: self.assert(question)? })
    }
}

/// A private key in range: 32 random bytes are, but once in 2^32 times.
fn private() -> Result<Secret<[u8; 32]>, Failure> {
    let drawn = entropy::seed()?;
    match RustCrypto.ecdsa_public(Curve::P256, drawn.reveal()) {
        Ok(_) => Ok(drawn),
        Err(_) => Ok(entropy::seed()?),
    }
}
