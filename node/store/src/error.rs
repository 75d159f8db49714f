//! Why tables could not be opened, read or written.
use std::fmt;

/// What the tables answer instead of doing as asked. After [`StoreError::Engine`] from a checkpoint nothing more can be written: restart.
#[derive(Debug)]
pub enum StoreError {
    /// The medium or the storage engine failed; the cause is the error's source.
    Engine(fjall::Error),
    /// Another process has the tables open.
    Locked,
    /// The tables were written by a newer version of this program.
    NewerFormat {
        /// The version found; this program reads up to [`FORMAT_VERSION`](crate::FORMAT_VERSION).
        found: u32,
    },
    /// There are rows but no readable format version or restart point.
    Damaged,
    /// The table's number is the store's own.
    ReservedTable,
    /// A key is longer than [`KEY_LEN_MAX`](crate::KEY_LEN_MAX) or a value than [`VALUE_LEN_MAX`](crate::VALUE_LEN_MAX).
    TooLong,
    /// A checkpoint would take the applied sequence number back.
    GoesBack {
        /// What is applied.
        applied: u64,
        /// What the checkpoint says.
        asked: u64,
    },
}

impl From<fjall::Error> for StoreError {
    fn from(error: fjall::Error) -> Self {
        match error {
            fjall::Error::Locked => Self::Locked,
            other => Self::Engine(other),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(_) => f.write_str("the tables' storage engine failed"),
            Self::Locked => f.write_str("another process has the tables open"),
            Self::NewerFormat { found } => {
                write!(
                    f,
                    "the tables have format {found}, this program reads up to {}",
                    crate::FORMAT_VERSION
                )
            }
            Self::Damaged => {
                f.write_str("the tables' format version or restart point is missing or unreadable")
            }
            Self::ReservedTable => f.write_str("the table's number is reserved"),
            Self::TooLong => f.write_str("a key or value is too long"),
            Self::GoesBack { applied, asked } => {
                write!(f, "a checkpoint at {asked} cannot follow the one at {applied}")
            }
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Engine(cause) => Some(cause),
            _ => None,
        }
    }
}
