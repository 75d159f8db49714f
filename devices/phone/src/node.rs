//! The server as the phone sees it: device routes under `/v1/offline-payment`, in CBOR.
use crate::Failure;
use symbolon_keys::VerifyingKey;
use symbolon_offline_payment::{Refusal, messages::TrustUpdate, secure_application::LastCall};
use symbolon_transport::{
    TransportError,
    http::{HttpClient, Reply},
};
use symbolon_wire::cbor::{Bytes, Cbor, from_slice, to_vec};

const BASE: &str = "/v1/offline-payment";

/// The server at one address.
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

    /// The server's public key, as it says itself: pinned at enrolment, where no other way brought it.
    ///
    /// # Errors
    /// [`Failure::Transport`].
    pub fn server_key(&self) -> Result<VerifyingKey, Failure> {
        let reply = self.0.get(&format!("{BASE}/keys"))?;
        if !reply.is_success() {
            return Err(refused(&reply));
        }
        let json: serde_json::Value =
            serde_json::from_slice(&reply.body).map_err(|_| TransportError::Protocol)?;
        let text = json.get("server").and_then(serde_json::Value::as_str).ok_or(TransportError::Protocol)?;
        Ok(VerifyingKey::from_hex(text).ok_or(TransportError::Protocol)?)
    }

    /// The server's word on its keys and on denied devices.
    ///
    /// # Errors
    /// [`Failure::Transport`].
    pub fn trust(&self) -> Result<TrustUpdate, Failure> {
        let reply = self.0.get(&format!("{BASE}/trust"))?;
        if !reply.is_success() {
            return Err(refused(&reply));
        }
        Ok(from_slice(&reply.body).map_err(|_| TransportError::Protocol)?)
    }

    /// Posts one message and gives the answer's bytes.
    pub(crate) fn post(&self, route: &str, body: &Bytes) -> Result<Bytes, Failure> {
        let reply = self.0.post_cbor(&format!("{BASE}/{route}"), &body.0)?;
        if reply.is_success() { Ok(Bytes(reply.body)) } else { Err(refused(&reply)) }
    }

    /// Posts a value and gives the answer's value.
    pub(crate) fn exchange<T: Cbor>(&self, route: &str, body: &impl Cbor) -> Result<T, Failure> {
        let answer = self.post(route, &Bytes(to_vec(body)))?;
        Ok(from_slice(&answer.0).map_err(|_| TransportError::Protocol)?)
    }

    /// Calls the server for the sake of the call. Whatever it answers, the network is there.
    fn call(&self) -> LastCall {
        match self.0.get(&format!("{BASE}/keys")) {
            Ok(_) | Err(TransportError::Protocol | TransportError::TooLong) => LastCall::Answered,
            Err(_) => LastCall::Failed,
        }
    }
}

/// What became of a call to the server: a real one, or none because the device has no server that it may call.
#[must_use]
pub fn last_call(node: Option<&Node>) -> LastCall {
    node.map_or(LastCall::Forbidden, Node::call)
}

/// A refusal by its number; an answer that is none, or none that system 01 gives, is not of the protocol.
fn refused(reply: &Reply) -> Failure {
    let refusal = reply.refusal_code().and_then(Refusal::from_code);
    refusal.map_or(Failure::Transport(TransportError::Protocol), Failure::from)
}
