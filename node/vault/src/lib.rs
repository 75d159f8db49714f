//! Keys at rest and all that is done with them.
//!
//! ```text
//!   edge ──handle, message──► dyn Vault ── SoftwareVault: keys in memory, from one sealed file
//!        ◄──signature, verdict, sealed box──┘       ▲ open: AES-256-GCM under a key file or a passphrase (Argon2id)
//! ```
//! Whoever holds a vault names keys by typed handles and is given results; the keys themselves stay inside. What a system asks of its
//! keys is an adapter over the trait: [`OfflinePaymentKeys`] for system 01.
//!
//! **Invariant:** no operation of [`Vault`] gives out a key in clear; a derived key leaves only sealed to a recipient.
//! **Invariant:** a handle of one usage cannot be used for another: it is another type.
//! **Invariant:** all randomness is an argument, except in [`entropy`], which draws it from the operating system.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions
    )
)]

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod entropy;
mod error;
mod file;
mod handle;
mod offline_payment;
pub mod payment;
mod sealed;
mod software;
mod unlock;
mod vault;

#[cfg(test)]
mod tests;

pub use entropy::entropy;
pub use error::VaultError;
pub use handle::{Derivation, KemHandle, MasterHandle, SigningHandle};
pub use offline_payment::{ACCOUNT_LABEL, OfflinePaymentKeys};
pub use sealed::{FORMAT_VERSION, GENERATIONS_MAX};
pub use software::{SoftwareVault, VaultKeys};
pub use unlock::{PASSPHRASE_COST, PASSPHRASE_LEN_MIN, Unlock, create_key_file};
pub use vault::{HPKE_SUITE, Vault};
