//! The engine in software: keys in memory, and at rest in one sealed file.
//!
//! ```text
//!   create ─► keys from entropy ─► sealed file ─► SoftwareVault
//!   open   ─► sealed file ─► SoftwareVault
//! ```
use crate::sealed::{self, Contents};
use crate::{
    Derivation, HPKE_SUITE, KemHandle, MasterHandle, PASSPHRASE_COST, SigningHandle, Unlock, Vault,
    VaultError, file,
};
use std::fs::{self, File};
use std::path::Path;
use symbolon_keys::{
    Argon2Cost, Crypto, HashAlgorithm, KemKey, KemPublic, RustCrypto, SigningKey, VerifyingKey, derive32,
};
use symbolon_proof::hpke::{self, Sealed};
use symbolon_types::Secret;

/// The keys of a vault, for whoever brings them from elsewhere: a key ceremony, or published vectors.
#[derive(Clone, Debug)]
pub struct VaultKeys {
    /// [`SigningHandle::Server`].
    pub server_signing: SigningKey,
    /// [`KemHandle::Issuer`].
    pub issuer_kem: KemKey,
    /// [`MasterHandle::Account`].
    pub account_master: Secret<[u8; 32]>,
}

impl VaultKeys {
    /// New keys, each derived from the entropy by its own label. `entropy` is 32 random bytes that are used for nothing else.
    #[must_use]
    pub fn from_entropy(entropy: &Secret<[u8; 32]>) -> Self {
        let derive = |label: &[u8]| derive32(&RustCrypto, entropy.reveal(), label, &[]);
        Self {
            server_signing: SigningKey::from_seed(derive(b"symbolon/vault/server-signing")),
            issuer_kem: KemKey::from_private(derive(b"symbolon/vault/issuer-kem")),
            account_master: derive(b"symbolon/vault/account-master"),
        }
    }

    fn contents(&self) -> Contents {
        Contents {
            server_signing: self.server_signing.seed().clone(),
            issuer_kem: self.issuer_kem.private().clone(),
            account_master: self.account_master.clone(),
        }
    }
}

impl From<Contents> for VaultKeys {
    fn from(contents: Contents) -> Self {
        Self {
            server_signing: SigningKey::from_seed(contents.server_signing),
            issuer_kem: KemKey::from_private(contents.issuer_kem),
            account_master: contents.account_master,
        }
    }
}

/// A vault in this process's memory. Dropping it wipes its keys.
#[derive(Debug)]
pub struct SoftwareVault {
    keys: VaultKeys,
}

impl SoftwareVault {
    /// Over keys that somebody brings; no file.
    #[must_use]
    pub fn from_keys(keys: VaultKeys) -> Self {
        Self { keys }
    }

    /// New keys in a new file, a passphrase at [`PASSPHRASE_COST`]. `entropy` is 32 random bytes that are used for nothing else.
    ///
    /// # Errors
    /// [`VaultError::Exists`], [`VaultError::Io`]; of the key file [`VaultError::KeyFileExposed`], [`VaultError::KeyFileMalformed`]; of
    /// the passphrase [`VaultError::PassphraseTooShort`].
    pub fn create(path: &Path, unlock: &Unlock, entropy: &Secret<[u8; 32]>) -> Result<Self, VaultError> {
        Self::create_from_keys(path, unlock, VaultKeys::from_entropy(entropy), PASSPHRASE_COST, entropy)
    }

    /// Given keys in a new file, a passphrase at this cost. `entropy` is 32 random bytes.
    ///
    /// # Errors
    /// As [`SoftwareVault::create`]; [`VaultError::Refused`] when the cost is out of range.
    pub fn create_from_keys(
        path: &Path,
        unlock: &Unlock,
        keys: VaultKeys,
        cost: Argon2Cost,
        entropy: &Secret<[u8; 32]>,
    ) -> Result<Self, VaultError> {
        // Said before the passphrase is stretched; what decides is the writing.
        if fs::symlink_metadata(path).is_ok() {
            return Err(VaultError::Exists);
        }
        file::write_new(path, &sealed::seal(&keys.contents(), unlock, cost, entropy)?)?;
        Ok(Self { keys })
    }

    /// The vault of a sealed file.
    ///
    /// # Errors
    /// [`VaultError::NotOpened`] for a wrong key file, a wrong passphrase or an altered file alike; [`VaultError::Damaged`],
    /// [`VaultError::NewerFormat`], [`VaultError::Io`]; of the key file [`VaultError::KeyFileExposed`], [`VaultError::KeyFileMalformed`].
    pub fn open(path: &Path, unlock: &Unlock) -> Result<Self, VaultError> {
        let bytes = file::read_bounded(File::open(path)?, sealed::LEN_MAX)?.ok_or(VaultError::Damaged)?;
        Ok(Self::from_keys(sealed::open(&bytes, unlock)?.into()))
    }

    fn signing(&self, handle: SigningHandle) -> &SigningKey {
        match handle {
            SigningHandle::Server => &self.keys.server_signing,
        }
    }

    fn kem(&self, handle: KemHandle) -> &KemKey {
        match handle {
            KemHandle::Issuer => &self.keys.issuer_kem,
        }
    }

    fn derived(&self, handle: MasterHandle, derivation: &Derivation<'_>) -> Secret<[u8; 32]> {
        let master = match handle {
            MasterHandle::Account => &self.keys.account_master,
        };
        derive32(&RustCrypto, master.reveal(), derivation.label.as_bytes(), &[derivation.context])
    }
}

impl Vault for SoftwareVault {
    fn public(&self, handle: SigningHandle) -> Result<VerifyingKey, VaultError> {
        Ok(self.signing(handle).verifying(&RustCrypto))
    }

    fn sign(&self, handle: SigningHandle, message: &[u8]) -> Result<[u8; 64], VaultError> {
        Ok(self.signing(handle).sign(&RustCrypto, message))
    }

    fn kem_public(&self, handle: KemHandle) -> Result<KemPublic, VaultError> {
        Ok(self.kem(handle).public(&RustCrypto))
    }

    fn hpke_open(
        &self,
        handle: KemHandle,
        info: &[u8],
        aad: &[u8],
        sealed: &Sealed,
    ) -> Result<Secret<Vec<u8>>, VaultError> {
        Ok(hpke::open_base(&RustCrypto, HPKE_SUITE, self.kem(handle), info, aad, sealed)?)
    }

    fn derived_mac_holds(
        &self,
        handle: MasterHandle,
        derivation: &Derivation<'_>,
        parts: &[&[u8]],
        tag: &[u8; 32],
    ) -> bool {
        let key = self.derived(handle, derivation);
        RustCrypto.hmac(HashAlgorithm::Sha256, key.reveal(), parts).equals(tag)
    }

    fn seal_derived_key(
        &self,
        handle: MasterHandle,
        derivation: &Derivation<'_>,
        recipient: &KemPublic,
        info: &[u8],
        aad: &[u8],
        ephemeral: &Secret<[u8; 32]>,
    ) -> Result<Sealed, VaultError> {
        let key = self.derived(handle, derivation);
        Ok(hpke::seal_base(&RustCrypto, HPKE_SUITE, recipient, info, aad, key.reveal(), ephemeral)?)
    }
}
