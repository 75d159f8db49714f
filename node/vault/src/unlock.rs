//! What unlocks a sealed vault: a key file, or a passphrase.
//!
//! **Invariant:** the key of a sealed file is its own: key file and passphrase both go through a derivation with the file's salt.
use crate::sealed::Header;
use crate::{VaultError, file};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use symbolon_keys::{Argon2Cost, Crypto, RustCrypto, derive32};
use symbolon_types::Secret;

/// The fewest bytes of a passphrase.
pub const PASSPHRASE_LEN_MIN: usize = 8;

/// What a passphrase costs: 64 MiB, three passes (the memory and passes of RFC 9106 §4, second choice).
pub const PASSPHRASE_COST: Argon2Cost = Argon2Cost { memory_kib: 64 * 1024, passes: 3 };

const FILE_KEY: &[u8] = b"symbolon/vault/file-key";

/// How a sealed vault is unlocked.
#[derive(Clone, Debug)]
pub enum Unlock {
    /// A file of 32 random bytes, mode 0600 or stricter: see [`create_key_file`].
    KeyFile(PathBuf),
    /// A passphrase, stretched by Argon2id (RFC 9106).
    Passphrase(Secret<String>),
}

impl Unlock {
    /// What a new file's header says of the cost. A passphrase that is too short is refused here and not at opening, where it is only wrong.
    pub(crate) fn new_cost(&self, cost: Argon2Cost) -> Result<Option<Argon2Cost>, VaultError> {
        match self {
            Self::KeyFile(_) => Ok(None),
            Self::Passphrase(passphrase) if passphrase.reveal().len() < PASSPHRASE_LEN_MIN => {
                Err(VaultError::PassphraseTooShort)
            }
            Self::Passphrase(_) => Ok(Some(cost)),
        }
    }

    /// The key of the file with this header.
    pub(crate) fn file_key(&self, header: &Header) -> Result<Secret<[u8; 32]>, VaultError> {
        match (self, &header.argon2id) {
            (Self::KeyFile(path), None) => {
                let key = read_key_file(path)?;
                Ok(derive32(&RustCrypto, key.reveal(), FILE_KEY, &[&header.salt]))
            }
            (Self::Passphrase(passphrase), Some(cost)) => {
                let passphrase = passphrase.reveal().as_bytes();
                Ok(RustCrypto.argon2id(passphrase, &header.salt, &[], cost.into())?)
            }
            _ => Err(VaultError::NotOpened),
        }
    }
}

/// Writes a key file of mode 0600. `key` is 32 random bytes.
///
/// # Errors
/// [`VaultError::Exists`], [`VaultError::Io`].
pub fn create_key_file(path: &Path, key: &Secret<[u8; 32]>) -> Result<(), VaultError> {
    file::write_new(path, key.reveal())
}

/// Mode and contents are of one open file, so that it cannot be exchanged in between.
fn read_key_file(path: &Path) -> Result<Secret<[u8; 32]>, VaultError> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.mode() & 0o077 != 0 {
        return Err(VaultError::KeyFileExposed);
    }
    let bytes = file::read_bounded(file, 32)?.ok_or(VaultError::KeyFileMalformed)?;
    bytes.as_slice().try_into().map(Secret::new).map_err(|_| VaultError::KeyFileMalformed)
}
