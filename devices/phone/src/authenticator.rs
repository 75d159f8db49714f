//! The phone's side of the authenticator's socket.
use crate::Failure;
use std::path::Path;
use symbolon_offline_payment::messages::{Preview, Reply, Request, Status};
use symbolon_transport::{TransportError, frames::Client};
use symbolon_types::Hash;
use symbolon_wire::cbor::{Bytes, from_slice, to_vec};

/// Speaks to the authenticator. After a [`Failure::Transport`] nobody knows whether the request was handled.
#[derive(Clone, Debug)]
pub struct AuthenticatorClient(Client);

impl AuthenticatorClient {
    /// Makes sure that somebody listens at `socket`.
    ///
    /// # Errors
    /// [`Failure::Transport`].
    pub fn connect(socket: &Path) -> Result<Self, Failure> {
        Ok(Self(Client::connect(socket)?))
    }

    /// One request; a refusal is a [`Failure`].
    pub(crate) fn call(&self, request: &Request) -> Result<Reply, Failure> {
        match from_slice(&self.0.call(&to_vec(request))?).map_err(|_| TransportError::Protocol)? {
            Reply::Refused(refused) => Err(refused.into()),
            reply => Ok(reply),
        }
    }

    pub(crate) fn done(&self, request: &Request) -> Result<(), Failure> {
        match self.call(request)? {
            Reply::Done(()) => Ok(()),
            _ => Err(TransportError::Protocol.into()),
        }
    }

    pub(crate) fn message(&self, request: &Request) -> Result<Bytes, Failure> {
        match self.call(request)? {
            Reply::Message(message) => Ok(message),
            _ => Err(TransportError::Protocol.into()),
        }
    }

    pub(crate) fn messages(&self, request: &Request) -> Result<Vec<Bytes>, Failure> {
        match self.call(request)? {
            Reply::Messages(messages) => Ok(messages),
            _ => Err(TransportError::Protocol.into()),
        }
    }

    pub(crate) fn preview(&self, challenge: &Bytes) -> Result<Preview, Failure> {
        match self.call(&Request::Preview(challenge.clone()))? {
            Reply::Preview(preview) => Ok(preview),
            _ => Err(TransportError::Protocol.into()),
        }
    }

    pub(crate) fn reemit(&self, token: Hash) -> Result<Bytes, Failure> {
        self.message(&Request::Reemit(token))
    }

    /// The authenticator's state.
    ///
    /// # Errors
    /// [`Failure::Transport`].
    pub fn status(&self) -> Result<Status, Failure> {
        match self.call(&Request::Status(()))? {
            Reply::Status(status) => Ok(status),
            _ => Err(TransportError::Protocol.into()),
        }
    }
}
