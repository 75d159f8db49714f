//! Why the machine does not start.
use std::fmt;
use symbolon_offline_payment::Refusal;
use symbolon_transport::TransportError;

/// Why the machine does not start, or no longer serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Read and refused: the store, or a server's key that is not the pinned one.
    Refused(Refusal),
    /// The first start was not given the server's key.
    KeyMissing,
    /// The files or the socket failed.
    Transport(TransportError),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::KeyMissing => f.write_str("the first start needs the server's key"),
            Self::Transport(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<TransportError> for Failure {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}
