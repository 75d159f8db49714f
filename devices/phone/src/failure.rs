//! Why a step of the phone did not end well.
use std::fmt;
use symbolon_offline_payment::{OfflinePaymentRefusal, Refusal, messages::RefusedReply};
use symbolon_proof::BadSignature;
use symbolon_state::FlashError;
use symbolon_transport::TransportError;
use symbolon_types::CoreRefusal;
use symbolon_wire::cbor::Malformed;

/// A refusal, of the phone itself, of the authenticator, of the payee or of the server; or the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Read and refused.
    Refused {
        /// Why.
        refusal: Refusal,
        /// Attempts that are left, where it was for the credential.
        attempts_left: Option<u32>,
    },
    /// Files, sockets, pictures or the network.
    Transport(TransportError),
}

impl Failure {
    /// The refusal, if it is one.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused { refusal, .. } => Some(*refusal),
            Self::Transport(_) => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { refusal, attempts_left: None } => refusal.fmt(f),
            Self::Refused { refusal, attempts_left: Some(left) } => {
                write!(f, "{refusal} ({left} attempts left)")
            }
            Self::Transport(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { refusal, attempts_left: None }
    }
}

impl From<RefusedReply> for Failure {
    fn from(reply: RefusedReply) -> Self {
        Self::Refused { refusal: reply.refusal, attempts_left: reply.attempts_left }
    }
}

impl From<OfflinePaymentRefusal> for Failure {
    fn from(refusal: OfflinePaymentRefusal) -> Self {
        Refusal::from(refusal).into()
    }
}

impl From<CoreRefusal> for Failure {
    fn from(refusal: CoreRefusal) -> Self {
        Refusal::from(refusal).into()
    }
}

impl From<Malformed> for Failure {
    fn from(malformed: Malformed) -> Self {
        Refusal::from(malformed).into()
    }
}

impl From<BadSignature> for Failure {
    fn from(bad: BadSignature) -> Self {
        Refusal::from(bad).into()
    }
}

impl From<FlashError> for Failure {
    fn from(error: FlashError) -> Self {
        Refusal::from(error).into()
    }
}

impl From<TransportError> for Failure {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}
