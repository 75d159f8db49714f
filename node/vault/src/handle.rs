//! Names of keys in a vault, one type for each usage.
//!
//! ```
//! use symbolon_vault::{SigningHandle, Vault, VaultError};
//! fn signed(vault: &dyn Vault) -> Result<[u8; 64], VaultError> {
//!     vault.sign(SigningHandle::Server(0), b"message")
//! }
//! ```
//! A key of another usage does not fit:
//! ```compile_fail,E0308
//! use symbolon_vault::{MasterHandle, Vault, VaultError};
//! fn signed(vault: &dyn Vault) -> Result<[u8; 64], VaultError> {
//!     vault.sign(MasterHandle::Account, b"message")
//! }
//! ```

/// An Ed25519 key: it signs and does nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningHandle {
    /// Signs as the server: grants, certificates, answers. Generation 0 is made with the vault, each further one by
    /// [`Vault::draw_signing`](crate::Vault::draw_signing).
    Server(u32),
}

/// An X25519 key: it opens what was sealed to it and does nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KemHandle {
    /// The issuer's, for what only the issuer may read.
    Issuer,
}

/// A master key: other keys are derived from it; it is used for nothing itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MasterHandle {
    /// Of account keys.
    Account,
}

/// Which key is derived from a master: HKDF-SHA-256 (RFC 5869) without salt, label and context framed by
/// [`derive32`](symbolon_keys::derive32), so that two different derivations never share a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Derivation<'a> {
    /// What the derived key is for.
    pub label: &'static str,
    /// Whose it is; any length.
    pub context: &'a [u8],
}
