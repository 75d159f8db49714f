//! The trait of every engine that keeps keys: software, or hardware that never gives them out.
use crate::{Derivation, KemHandle, MasterHandle, SigningHandle, VaultError};
use symbolon_keys::{KemPublic, VerifyingKey};
use symbolon_proof::hpke::{Sealed, Suite};
use symbolon_types::Secret;

/// The suite of every HPKE operation of a vault: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM (RFC 9180 §7).
pub const HPKE_SUITE: Suite = Suite::Aes128Gcm;

/// Operations with keys that stay inside. Every engine passes `vault_test!`.
pub trait Vault: Send + Sync {
    /// The key under which signatures of `handle` verify; always the same one.
    ///
    /// # Errors
    /// [`VaultError::Refused`] for a generation that was never drawn; [`VaultError::Io`] when the engine cannot be reached; so for every operation
    /// below.
    fn public(&self, handle: SigningHandle) -> Result<VerifyingKey, VaultError>;

    /// An Ed25519 signature (RFC 8032 §5.1.6); the same message gives the same bytes.
    ///
    /// # Errors
    /// [`VaultError::Refused`] for a generation that was never drawn; [`VaultError::Io`].
    fn sign(&self, handle: SigningHandle, message: &[u8]) -> Result<[u8; 64], VaultError>;

    /// The generation that this ticket drew or took over, if it did.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    fn drawn_signing(&self, ticket: &[u8; 16]) -> Result<Option<u32>, VaultError>;

    /// Draws a new key for the server and keeps it beside those before, durably; its generation, from 1. The same ticket gets the same
    /// generation, so that who died before it used one finds it. `heard` is the last generation that is in use: one above it that was drawn and
    /// never heard of is given to this ticket, so that attempts which come to nothing do not fill the vault. `entropy` is 32 random bytes that are
    /// used for nothing else. Two draws above one `heard` are not to be under way at once: they may get one generation.
    ///
    /// # Errors
    /// [`VaultError::Refused`] when there are [`GENERATIONS_MAX`](crate::GENERATIONS_MAX) of them; [`VaultError::Io`], and whatever unlocking
    /// answers where the keys at rest must be unlocked for it.
    fn draw_signing(
        &self,
        ticket: &[u8; 16],
        heard: u32,
        entropy: &Secret<[u8; 32]>,
    ) -> Result<u32, VaultError>;

    /// The key to which others seal for `handle`; always the same one.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    fn kem_public(&self, handle: KemHandle) -> Result<KemPublic, VaultError>;

    /// Opens what was sealed to `handle` in HPKE base mode under [`HPKE_SUITE`] (RFC 9180 §6.1).
    ///
    /// # Errors
    /// [`VaultError::Refused`] unless key, info, aad and every byte are right; [`VaultError::Io`].
    fn hpke_open(
        &self,
        handle: KemHandle,
        info: &[u8],
        aad: &[u8],
        sealed: &Sealed,
    ) -> Result<Secret<Vec<u8>>, VaultError>;

    /// Whether `tag` is the HMAC-SHA-256 (RFC 2104) of the parts, one after the other, under the derived key. Compared in constant
    /// time. `false` also when the engine cannot be reached: an absent proof is no proof.
    fn derived_mac_holds(
        &self,
        handle: MasterHandle,
        derivation: &Derivation<'_>,
        parts: &[&[u8]],
        tag: &[u8; 32],
    ) -> bool;

    /// The derived key, 32 bytes, sealed to `recipient` in HPKE base mode under [`HPKE_SUITE`]. `ephemeral` is 32 random bytes that are
    /// used for nothing else; the same arguments give the same bytes.
    ///
    /// # Errors
    /// [`VaultError::Refused`] when the recipient's key is of small order; [`VaultError::Io`].
    fn seal_derived_key(
        &self,
        handle: MasterHandle,
        derivation: &Derivation<'_>,
        recipient: &KemPublic,
        info: &[u8],
        aad: &[u8],
        ephemeral: &Secret<[u8; 32]>,
    ) -> Result<Sealed, VaultError>;
}
