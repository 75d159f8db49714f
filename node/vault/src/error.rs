//! Why a vault could not be made, opened or used.
//!
//! **Invariant:** a wrong key file, a wrong passphrase, the other kind of unlocking and altered contents are one error.
use std::{fmt, io};
use symbolon_keys::CryptoError;

/// What a vault answers instead of doing as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VaultError {
    /// The medium or the engine failed.
    Io(io::ErrorKind),
    /// There is a file of that name already; it was left as it is.
    Exists,
    /// The file was written by a newer version of this program.
    NewerFormat {
        /// The version found; this program reads up to [`FORMAT_VERSION`](crate::FORMAT_VERSION).
        found: u32,
    },
    /// The file is no sealed vault.
    Damaged,
    /// The key file or the passphrase does not open the vault, or the vault was altered.
    NotOpened,
    /// The key file can be read or written by others than its owner, or is no regular file.
    KeyFileExposed,
    /// The key file does not hold exactly 32 bytes.
    KeyFileMalformed,
    /// The passphrase is shorter than [`PASSPHRASE_LEN_MIN`](crate::PASSPHRASE_LEN_MIN) bytes.
    PassphraseTooShort,
    /// The operation refused its input: a sealed box that does not open, a recipient of small order, a cost out of range.
    Refused,
    /// The operating system gave no random bytes.
    NoEntropy,
    /// The vault does not hold the key that the log knows: it was brought back from an older copy, or belongs to another platform.
    OtherKey {
        /// The generation whose key is another, or is not there.
        generation: u32,
    },
}

impl From<CryptoError> for VaultError {
    fn from(_: CryptoError) -> Self {
        Self::Refused
    }
}

impl From<io::Error> for VaultError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AlreadyExists => Self::Exists,
            kind => Self::Io(kind),
        }
    }
}

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(kind) => write!(f, "the vault's medium failed: {kind}"),
            Self::Exists => f.write_str("there is a file of that name already"),
            Self::NewerFormat { found } => {
                write!(f, "the vault has format {found}, this program reads up to {}", crate::FORMAT_VERSION)
            }
            Self::Damaged => f.write_str("the file is no sealed vault"),
            Self::NotOpened => f.write_str("the vault does not open"),
            Self::KeyFileExposed => {
                f.write_str("the key file must be a regular file of mode 0600 or stricter")
            }
            Self::KeyFileMalformed => f.write_str("the key file must hold exactly 32 bytes"),
            Self::PassphraseTooShort => {
                write!(f, "the passphrase must have at least {} bytes", crate::PASSPHRASE_LEN_MIN)
            }
            Self::Refused => f.write_str("the vault refused the operation"),
            Self::NoEntropy => f.write_str("the operating system gave no random bytes"),
            Self::OtherKey { generation } => write!(
                f,
                "the vault does not hold the server key of generation {generation} that the log knows: bring back the newest copy of the vault"
            ),
        }
    }
}

impl std::error::Error for VaultError {}
