//! The engine in software: keys in memory, and at rest in one sealed file.
//!
//! ```text
//!   create ─► keys from entropy ─► sealed file ─► SoftwareVault
//!   open   ─► sealed file ─► SoftwareVault
//!   draw   ─► key from entropy ─► sealed file replaced ─► held: a generation is used only once it lasts
//! ```
use crate::sealed::{self, Contents, Drawn, GENERATIONS_MAX};
use crate::{
    Derivation, HPKE_SUITE, KemHandle, MasterHandle, PASSPHRASE_COST, SigningHandle, Unlock, Vault,
    VaultError, file,
};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use symbolon_keys::{
    Argon2Cost, Crypto, HashAlgorithm, KemKey, KemPublic, RustCrypto, SigningKey, VerifyingKey, derive32,
};
use symbolon_proof::hpke::{self, Sealed};
use symbolon_types::Secret;

/// The keys of a vault, for whoever brings them from elsewhere: a key ceremony, or published vectors.
#[derive(Clone, Debug)]
pub struct VaultKeys {
    /// [`SigningHandle::Server`] of generation 0.
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

    fn contents(&self, drawn: Vec<Drawn>) -> Contents {
        Contents {
            server_signing: self.server_signing.seed().clone(),
            issuer_kem: self.issuer_kem.private().clone(),
            account_master: self.account_master.clone(),
            drawn,
        }
    }
}

/// Where the keys lie, and what seals them anew when one is drawn.
#[derive(Debug)]
struct AtRest {
    path: PathBuf,
    unlock: Unlock,
    cost: Argon2Cost,
}

/// A vault in this process's memory. Dropping it wipes its keys.
#[derive(Debug)]
pub struct SoftwareVault {
    keys: VaultKeys,
    /// The server's further keys, by generation from 1; what is here is on the medium.
    drawn: RwLock<Vec<Drawn>>,
    /// The public keys that were asked for, by generation: one that is there never changes.
    publics: RwLock<BTreeMap<u32, VerifyingKey>>,
    at_rest: Option<AtRest>,
}

impl SoftwareVault {
    /// Over keys that somebody brings; no file.
    #[must_use]
    pub fn from_keys(keys: VaultKeys) -> Self {
        Self::holding(keys, Vec::new(), None)
    }

    /// Every audit of a payment is opened with the issuer's key, so its public key is found once.
    fn holding(keys: VaultKeys, drawn: Vec<Drawn>, at_rest: Option<AtRest>) -> Self {
        let keys = VaultKeys { issuer_kem: keys.issuer_kem.paired(&RustCrypto), ..keys };
        Self { keys, drawn: RwLock::new(drawn), publics: RwLock::default(), at_rest }
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
        file::write_new(path, &sealed::seal(&keys.contents(Vec::new()), unlock, cost, entropy)?)?;
        let at_rest = Some(AtRest { path: path.into(), unlock: unlock.clone(), cost });
        Ok(Self::holding(keys, Vec::new(), at_rest))
    }

    /// The vault of a sealed file.
    ///
    /// # Errors
    /// [`VaultError::NotOpened`] for a wrong key file, a wrong passphrase or an altered file alike; [`VaultError::Damaged`],
    /// [`VaultError::NewerFormat`], [`VaultError::Io`]; of the key file [`VaultError::KeyFileExposed`], [`VaultError::KeyFileMalformed`].
    pub fn open(path: &Path, unlock: &Unlock) -> Result<Self, VaultError> {
        let bytes = file::read_bounded(File::open(path)?, sealed::LEN_MAX)?.ok_or(VaultError::Damaged)?;
        let (contents, cost) = sealed::open(&bytes, unlock)?;
        let keys = VaultKeys {
            server_signing: SigningKey::from_seed(contents.server_signing),
            issuer_kem: KemKey::from_private(contents.issuer_kem),
            account_master: contents.account_master,
        };
        let cost = cost.unwrap_or(PASSPHRASE_COST);
        let at_rest = Some(AtRest { path: path.into(), unlock: unlock.clone(), cost });
        Ok(Self::holding(keys, contents.drawn, at_rest))
    }

    fn signing(&self, SigningHandle::Server(generation): SigningHandle) -> Result<SigningKey, VaultError> {
        let Some(later) = generation.checked_sub(1) else { return Ok(self.keys.server_signing.clone()) };
        let drawn = self.drawn.read().unwrap_or_else(PoisonError::into_inner);
        let place = usize::try_from(later).map_err(|_| VaultError::Refused)?;
        let found = drawn.get(place).ok_or(VaultError::Refused)?;
        Ok(SigningKey::from_seed(found.seed.clone()))
    }

    /// Seals all keys anew, in the place of the file. The salt is another, since the keys are.
    fn store(&self, drawn: Vec<Drawn>, entropy: &Secret<[u8; 32]>) -> Result<(), VaultError> {
        let Some(at_rest) = &self.at_rest else { return Ok(()) };
        let contents = self.keys.contents(drawn);
        file::replace(&at_rest.path, &sealed::seal(&contents, &at_rest.unlock, at_rest.cost, entropy)?)
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

/// The generation at this place among the keys that were drawn.
fn generation(place: usize) -> Result<u32, VaultError> {
    u32::try_from(place.saturating_add(1)).map_err(|_| VaultError::Refused)
}

impl Vault for SoftwareVault {
    fn public(&self, handle: SigningHandle) -> Result<VerifyingKey, VaultError> {
        let SigningHandle::Server(generation) = handle;
        let known = self.publics.read().unwrap_or_else(PoisonError::into_inner).get(&generation).copied();
        if let Some(known) = known {
            return Ok(known);
        }
        let public = self.signing(handle)?.verifying(&RustCrypto);
        self.publics.write().unwrap_or_else(PoisonError::into_inner).insert(generation, public);
        Ok(public)
    }

    fn sign(&self, handle: SigningHandle, message: &[u8]) -> Result<[u8; 64], VaultError> {
        Ok(self.signing(handle)?.sign(&RustCrypto, message))
    }

    fn drawn_signing(&self, ticket: &[u8; 16]) -> Result<Option<u32>, VaultError> {
        let drawn = self.drawn.read().unwrap_or_else(PoisonError::into_inner);
        drawn.iter().position(|known| known.ticket == *ticket).map(generation).transpose()
    }

    fn draw_signing(
        &self,
        ticket: &[u8; 16],
        heard: u32,
        entropy: &Secret<[u8; 32]>,
    ) -> Result<u32, VaultError> {
        if let Some(known) = self.drawn_signing(ticket)? {
            return Ok(known);
        }
        let mut drawn = self.drawn.write().unwrap_or_else(PoisonError::into_inner);
        let unheard = usize::try_from(heard).map_err(|_| VaultError::Refused)?;
        let mut next = drawn.clone();
        let place = if let Some(waiting) = next.get_mut(unheard) {
            waiting.ticket = *ticket;
            unheard
        } else if next.len().saturating_add(1) < GENERATIONS_MAX {
            let seed =
                derive32(&RustCrypto, entropy.reveal(), b"symbolon/vault/server-signing/drawn", &[ticket]);
            next.push(Drawn { ticket: *ticket, seed });
            next.len().saturating_sub(1)
        } else {
            return Err(VaultError::Refused);
        };
        self.store(next.clone(), entropy)?;
        *drawn = next;
        generation(place)
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
