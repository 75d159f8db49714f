//! The server as the reader sees it: two device routes under `/v1/offline-payment`, in CBOR.
use crate::Failure;
use symbolon_offline_payment::Refusal;
use symbolon_transport::{
    TransportError,
    http::{HttpClient, Reply},
};
use symbolon_wire::cbor::Bytes;

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
