//! What system 01 asks of its issuer's keys ([`IssuerKeys`]), over any [`Vault`].
//!
//! The account key of an authenticator is derived from [`MasterHandle::Account`] under [`ACCOUNT_LABEL`] and the authenticator's id: it is
//! nowhere kept.
use crate::{Derivation, KemHandle, MasterHandle, SigningHandle, Vault, VaultError};
use symbolon_keys::{CryptoError, KemPublic, Signer, VerifyingKey};
use symbolon_offline_payment::messages::{AuthenticatorId, SealedBox};
use symbolon_offline_payment::server::IssuerKeys;
use symbolon_types::Secret;

/// The label of account keys' derivation.
pub const ACCOUNT_LABEL: &str = "symbolon/offline-payment/account";

/// The issuer's keys of system 01 in a vault, signing as one generation. Its public keys were read once, when it was made.
#[derive(Clone, Copy)]
pub struct OfflinePaymentKeys<'a> {
    vault: &'a dyn Vault,
    generation: u32,
    server: VerifyingKey,
    issuer: KemPublic,
}

impl<'a> OfflinePaymentKeys<'a> {
    /// Over a vault whose keys were never rotated.
    ///
    /// # Errors
    /// [`VaultError::Io`] when its public keys cannot be read.
    pub fn new(vault: &'a dyn Vault) -> Result<Self, VaultError> {
        Self::of(vault, 0)
    }

    /// Over a vault, signing as this generation: the one that the rows name.
    ///
    /// # Errors
    /// [`VaultError::Refused`] when the vault does not hold it; [`VaultError::Io`] when its public keys cannot be read.
    pub fn of(vault: &'a dyn Vault, generation: u32) -> Result<Self, VaultError> {
        let server = vault.public(SigningHandle::Server(generation))?;
        Ok(Self { vault, generation, server, issuer: vault.kem_public(KemHandle::Issuer)? })
    }

    /// Over a vault, signing as this generation, whose key the log knows; `None` before the first rotation.
    ///
    /// # Errors
    /// [`VaultError::OtherKey`] when the vault's key is another, or it does not hold the generation: it is an older copy, and what it signed nobody
    /// would believe; [`VaultError::Io`] when its public keys cannot be read.
    pub fn known(
        vault: &'a dyn Vault,
        (generation, key): (u32, Option<VerifyingKey>),
    ) -> Result<Self, VaultError> {
        let keys = Self::of(vault, generation).map_err(|error| match error {
            VaultError::Refused => VaultError::OtherKey { generation },
            other => other,
        })?;
        if key.is_some_and(|key| key != keys.server) {
            return Err(VaultError::OtherKey { generation });
        }
        Ok(keys)
    }
}

fn account(authenticator: &AuthenticatorId) -> Derivation<'_> {
    Derivation { label: ACCOUNT_LABEL, context: authenticator.as_bytes() }
}

impl Signer for OfflinePaymentKeys<'_> {
    fn verifying_key(&self) -> VerifyingKey {
        self.server
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], CryptoError> {
        self.vault.sign(SigningHandle::Server(self.generation), message).map_err(|_| CryptoError)
    }
}

impl IssuerKeys for OfflinePaymentKeys<'_> {
    fn signer(&self) -> &dyn Signer {
        self
    }

    fn of_generation(&self, generation: u32) -> Option<Box<dyn Signer + '_>> {
        let keys = Self::of(self.vault, generation).ok()?;
        Some(Box::new(keys))
    }

    fn issuer(&self) -> KemPublic {
        self.issuer
    }

    fn seal_account_key(
        &self,
        authenticator: &AuthenticatorId,
        recipient: &KemPublic,
        info: &[u8],
        seed: &Secret<[u8; 32]>,
    ) -> Result<SealedBox, CryptoError> {
        let (of, aad) = (account(authenticator), authenticator.as_bytes());
        self.vault
            .seal_derived_key(MasterHandle::Account, &of, recipient, info, aad, seed)
            .map(SealedBox::from)
            .map_err(|_| CryptoError)
    }

    fn proof_holds(&self, authenticator: &AuthenticatorId, parts: &[&[u8]], proof: &[u8; 32]) -> bool {
        self.vault.derived_mac_holds(MasterHandle::Account, &account(authenticator), parts, proof)
    }

    fn open_for_issuer(
        &self,
        sealed: &SealedBox,
        info: &[u8],
        aad: &[u8],
    ) -> Result<Secret<Vec<u8>>, CryptoError> {
        self.vault.hpke_open(KemHandle::Issuer, info, aad, &sealed.clone().into()).map_err(|_| CryptoError)
    }
}
