//! The server as the reader sees it: the device routes of a payee under `/v1/offline-payment`, in CBOR.
use crate::Failure;
use symbolon_offline_payment::{Refusal, messages::TrustUpdate};
use symbolon_transport::{
    TransportError,
    http::{HttpClient, Reply},
};
use symbolon_wire::cbor::{Bytes, from_slice};

/// The server at one address. A [`crate::Reader`] is given one where it is online, and keeps none.
#[derive(Clone, Debug)]
pub struct Node(HttpClient);

impl Node {
    /// The server at `url`, plain HTTP on the loopback interface.
    ///
    /// # Errors
    /// [`Failure::Transport`] for another kind of URL.
    pub fn new(url: &str) -> Result<Self, Failure> {
        Ok(Self(HttpClient::new(url)?))
    }

    /// The server's word on its keys and on denied devices, signed as of now.
    ///
    /// # Errors
    /// [`Failure::Transport`].
    pub fn trust(&self) -> Result<TrustUpdate, Failure> {
        let reply = self.0.get("/v1/offline-payment/trust")?;
        if !reply.is_success() {
            return Err(refused(&reply));
        }
        Ok(from_slice(&reply.body).map_err(|_| TransportError::Protocol)?)
    }

    /// Posts one message and gives the answer's bytes.
    pub(crate) fn post(&self, route: &str, body: &[u8]) -> Result<Bytes, Failure> {
        let reply = self.0.post_cbor(&format!("/v1/offline-payment/{route}"), body)?;
        if reply.is_success() { Ok(Bytes(reply.body)) } else { Err(refused(&reply)) }
    }
}

/// A refusal by its number; an answer that is none, or none that system 01 gives, is not of the protocol.
fn refused(reply: &Reply) -> Failure {
    let refusal = reply.refusal_code().and_then(Refusal::from_code);
    refusal.map_or(Failure::Transport(TransportError::Protocol), Failure::from)
}
