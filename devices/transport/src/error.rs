//! What can go wrong between two programs, or between a program and its medium.
use std::{fmt, io};
use symbolon_wire::{apdu::ApduError, parts::PartsError};

/// The environment failed, or the peer misbehaved. Never a decision of a system: those are refusals inside the bytes carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportError {
    /// The operating system refused or failed.
    Io(io::ErrorKind),
    /// Nobody answers at the address.
    Unreachable,
    /// No answer within the time.
    Timeout,
    /// The peer went away before its answer was whole.
    Closed,
    /// A frame, body or message beyond its bound.
    TooLong,
    /// Another process serves the address or has the store open.
    InUse,
    /// The URL or path is not one: plain HTTP to the loopback interface only.
    NotLoopback,
    /// The peer's answer is not of the protocol.
    Protocol,
    /// A card's or reader's bytes are refused.
    Apdu(ApduError),
    /// An image's frames are refused.
    Parts(PartsError),
    /// An image that is no picture with one readable symbol.
    Unreadable,
    /// What a file holds is not what was written.
    Damaged,
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Io(kind) => return write!(f, "the operating system: {kind}"),
            Self::Apdu(error) => return error.fmt(f),
            Self::Parts(error) => return error.fmt(f),
            Self::Unreachable => "nobody answers there",
            Self::Timeout => "no answer in time",
            Self::Closed => "the peer went away",
            Self::TooLong => "longer than allowed",
            Self::InUse => "in use by another process",
            Self::NotLoopback => "only plain HTTP to the loopback interface is allowed",
            Self::Protocol => "the answer is not of the protocol",
            Self::Unreadable => "no readable symbol in the picture",
            Self::Damaged => "the file is damaged",
        };
        f.write_str(text)
    }
}

impl std::error::Error for TransportError {}

impl From<io::Error> for TransportError {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            // A read past SO_RCVTIMEO is reported as either, by platform.
            Kind::WouldBlock | Kind::TimedOut => Self::Timeout,
            Kind::UnexpectedEof | Kind::BrokenPipe | Kind::ConnectionReset => Self::Closed,
            Kind::ConnectionRefused | Kind::NetworkUnreachable | Kind::HostUnreachable => Self::Unreachable,
            kind => Self::Io(kind),
        }
    }
}

impl From<ApduError> for TransportError {
    fn from(error: ApduError) -> Self {
        Self::Apdu(error)
    }
}

impl From<PartsError> for TransportError {
    fn from(error: PartsError) -> Self {
        Self::Parts(error)
    }
}
