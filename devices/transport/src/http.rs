//! CBOR and JSON to a node, over plain HTTP to the loopback interface and to nothing else: TLS ends in front of the node, not here.
//!
//! One connection per request, no proxy, no redirect followed, so that a bearer token goes where it was meant to and nowhere else.
//!
//! **Invariant:** the bytes go to a loopback address that was written as one; no name is ever looked up.
use crate::TransportError;
use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};
use symbolon_types::Secret;
use symbolon_wire::{cbor::from_slice, cbor_map};
use ureq::http::{HeaderValue, Response, header::AUTHORIZATION};

/// The longest body that is sent or read, in bytes.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// How long a whole request may take unless told otherwise.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// A node's answer, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status, 200 to 599.
    pub status: u16,
    /// The body, at most [`BODY_BYTES_MAX`] bytes.
    pub body: Vec<u8>,
}

impl Reply {
    /// The number of the refusal that a device route answered with, if it is one.
    #[must_use]
    pub fn refusal_code(&self) -> Option<u16> {
        from_slice::<RefusedBody>(&self.body).ok().map(|body| body.code)
    }

    /// Whether the status is 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

cbor_map! {
    /// A refusal as a device route gives it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct RefusedBody {
        /// Its number.
        1 => code: u16,
        /// Its name.
        2 => name: String,
        /// What it means.
        3 => detail: String,
    }
}

/// A client of one node.
#[derive(Clone, Debug)]
pub struct HttpClient {
    node: SocketAddr,
    agent: ureq::Agent,
    bearer: Option<Secret<String>>,
    request_id: Option<String>,
}

impl HttpClient {
    /// For the node at `url`: `http://127.0.0.1:8080`, `http://[::1]:8080`, `http://localhost:8080` (which is 127.0.0.1), with or without a
    /// final slash.
    ///
    /// # Errors
    /// [`TransportError::NotLoopback`] for any other scheme, host or form.
    pub fn new(url: &str) -> Result<Self, TransportError> {
        Ok(Self { node: loopback(url)?, agent: agent(REQUEST_TIMEOUT), bearer: None, request_id: None })
    }

    /// With a bearer token (RFC 6750 §2.1) on every request.
    #[must_use]
    pub fn with_bearer(self, token: Secret<String>) -> Self {
        Self { bearer: Some(token), ..self }
    }

    /// With an `Idempotency-Key` on every post: a UUID of version 7, one for each change and its repeats.
    #[must_use]
    pub fn with_request_id(self, id: &str) -> Self {
        Self { request_id: Some(id.into()), ..self }
    }

    /// With another bound on a whole request.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { agent: agent(timeout), ..self }
    }

    /// Where it sends to.
    #[must_use]
    pub fn node(&self) -> SocketAddr {
        self.node
    }

    /// Posts a body of `application/cbor`.
    ///
    /// # Errors
    /// [`TransportError::Protocol`] for a path that does not begin with a slash or has other than visible ASCII, for a token that is no
    /// token, and for an answer that is no HTTP; [`TransportError::TooLong`], [`TransportError::Timeout`], [`TransportError::Unreachable`],
    /// [`TransportError::Closed`], [`TransportError::Io`].
    pub fn post_cbor(&self, path: &str, body: &[u8]) -> Result<Reply, TransportError> {
        self.post("application/cbor", path, body)
    }

    /// Posts a body of `application/json`.
    ///
    /// # Errors
    /// As [`Self::post_cbor`].
    pub fn post_json(&self, path: &str, body: &[u8]) -> Result<Reply, TransportError> {
        self.post("application/json", path, body)
    }

    /// Gets what is at the path.
    ///
    /// # Errors
    /// As [`Self::post_cbor`].
    pub fn get(&self, path: &str) -> Result<Reply, TransportError> {
        let mut request = self.agent.get(self.uri(path)?);
        if let Some(bearer) = self.authorization()? {
            request = request.header(AUTHORIZATION, bearer);
        }
        reply(request.call())
    }

    fn post(&self, content_type: &str, path: &str, body: &[u8]) -> Result<Reply, TransportError> {
        if body.len() > BODY_BYTES_MAX {
            return Err(TransportError::TooLong);
        }
        let mut request =
            self.agent.post(self.uri(path)?).content_type(content_type).header("accept", content_type);
        if let Some(id) = &self.request_id {
            request = request.header("idempotency-key", id);
        }
        if let Some(bearer) = self.authorization()? {
            request = request.header(AUTHORIZATION, bearer);
        }
        reply(request.send(body))
    }

    fn uri(&self, path: &str) -> Result<String, TransportError> {
        let well_formed =
            path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        if well_formed { Ok(format!("http://{}{path}", self.node)) } else { Err(TransportError::Protocol) }
    }

    fn authorization(&self) -> Result<Option<HeaderValue>, TransportError> {
        let Some(token) = &self.bearer else { return Ok(None) };
        let text = Secret::new(format!("Bearer {}", token.reveal()));
        let mut value = HeaderValue::from_str(text.reveal()).map_err(|_| TransportError::Protocol)?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

fn agent(timeout: Duration) -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .max_idle_connections(0)
        .timeout_global(Some(timeout))
        .build()
        .new_agent()
}

/// Reads the URL of a node: a loopback address as such, and `localhost` without looking it up.
fn loopback(url: &str) -> Result<SocketAddr, TransportError> {
    let authority = url.strip_prefix("http://").ok_or(TransportError::NotLoopback)?;
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let address = match authority.strip_prefix("localhost:") {
        Some(port) => port.parse().ok().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        None => authority.parse().ok(),
    };
    address.filter(|address| address.ip().is_loopback()).ok_or(TransportError::NotLoopback)
}

fn reply(result: Result<Response<ureq::Body>, ureq::Error>) -> Result<Reply, TransportError> {
    let mut response = result.map_err(error)?;
    let limit = u64::try_from(BODY_BYTES_MAX).unwrap_or(u64::MAX);
    let body = response.body_mut().with_config().limit(limit).read_to_vec().map_err(error)?;
    Ok(Reply { status: response.status().as_u16(), body })
}

fn error(error: ureq::Error) -> TransportError {
    match error {
        ureq::Error::Io(error) => error.into(),
        ureq::Error::Timeout(_) => TransportError::Timeout,
        ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => TransportError::Unreachable,
        ureq::Error::BodyExceedsLimit(_) => TransportError::TooLong,
        _ => TransportError::Protocol,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Read, Write},
        net::TcpListener,
        thread,
    };

    /// Answers one connection with `response` and gives back the request, read until `Content-Length` is satisfied.
    fn against(response: &[u8], call: impl FnOnce(HttpClient)) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        thread::scope(|scope| {
            let server = scope.spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                let mut byte = [0];
                while !is_whole(&request) && stream.read(&mut byte).unwrap() == 1 {
                    request.push(byte[0]);
                }
                let _ = stream.write_all(response);
                String::from_utf8_lossy(&request).to_lowercase()
            });
            call(HttpClient::new(&url).unwrap());
            server.join().unwrap()
        })
    }

    fn is_whole(request: &[u8]) -> bool {
        let text = String::from_utf8_lossy(request).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ").map(str::to_owned));
        body.len() >= length.map_or(0, |length| length.parse().unwrap())
    }

    #[test]
    fn a_post_has_its_type_its_token_and_its_body() {
        let request = against(b"HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\n\xA1\x01\x02", |client| {
            let client = client.with_bearer(Secret::new("sym_key".into()));
            assert!(!format!("{client:?}").contains("sym_key"));
            let reply = client.post_cbor("/v1/grants?x=1", &[0x61, 0x62, 0x63]).unwrap();
            assert_eq!(reply, Reply { status: 201, body: vec![0xA1, 1, 2] });
            assert!(reply.is_success());
        });
        assert!(request.starts_with("post /v1/grants?x=1 http/1.1\r\n"), "{request}");
        assert!(request.contains("\r\ncontent-type: application/cbor\r\n"), "{request}");
        assert!(request.contains("\r\nauthorization: bearer sym_key\r\n"), "{request}");
        assert!(request.ends_with("\r\n\r\nabc"), "{request}");
    }

    #[test]
    fn a_get_and_json_have_no_token_unless_told() {
        let request = against(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", |client| {
            assert_eq!(client.get("/health").unwrap().body, b"{}");
        });
        assert!(
            request.starts_with("get /health http/1.1\r\n") && !request.contains("authorization"),
            "{request}"
        );
        let request = against(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", |client| {
            assert_eq!(client.post_json("/x", b"{}").unwrap(), Reply { status: 200, body: vec![] });
        });
        assert!(request.contains("\r\ncontent-type: application/json\r\n"), "{request}");
    }

    #[test]
    fn a_refusal_is_a_reply_and_a_redirect_is_not_followed() {
        against(b"HTTP/1.1 409 Conflict\r\nContent-Length: 1\r\n\r\n\xF6", |client| {
            let reply = client.post_cbor("/x", b"").unwrap();
            assert_eq!((reply.status, reply.body.as_slice(), reply.is_success()), (409, &[0xF6][..], false));
        });
        let elsewhere =
            b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n";
        against(elsewhere, |client| assert_eq!(client.post_cbor("/x", b"1").unwrap().status, 307));
    }

    #[test]
    fn bodies_are_bounded_both_ways() {
        let body = vec![b'a'; BODY_BYTES_MAX];
        let answer = |length: usize| {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            [head.as_bytes(), &vec![b'a'; length]].concat()
        };
        against(&answer(BODY_BYTES_MAX), |client| {
            assert_eq!(client.get("/x").unwrap().body.len(), BODY_BYTES_MAX)
        });
        against(&answer(BODY_BYTES_MAX + 1), |client| {
            assert_eq!(client.get("/x"), Err(TransportError::TooLong))
        });
        let client = HttpClient::new("http://127.0.0.1:9").unwrap();
        assert_eq!(client.post_cbor("/x", &[body.as_slice(), b"a"].concat()), Err(TransportError::TooLong));
    }

    #[test]
    fn a_node_that_is_gone_slow_or_strange_is_told_apart() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let client = HttpClient::new(&format!("http://localhost:{port}")).unwrap();
        assert_eq!(client.get("/x"), Err(TransportError::Unreachable));
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = HttpClient::new(&format!("http://{}", silent.local_addr().unwrap())).unwrap();
        assert_eq!(client.with_timeout(Duration::from_millis(100)).get("/x"), Err(TransportError::Timeout));
        against(b"no HTTP at all\r\n\r\n", |client| {
            assert_eq!(client.get("/x"), Err(TransportError::Protocol))
        });
        against(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", |client| {
            assert!(client.get("/x").is_err())
        });
    }

    #[test]
    fn only_the_loopback_interface_is_spoken_to() {
        for url in ["http://127.0.0.1:80", "http://127.8.9.1:80/", "http://[::1]:80", "http://localhost:80"] {
            assert!(HttpClient::new(url).is_ok(), "{url}");
        }
        for url in [
            "https://127.0.0.1:80",
            "http://127.0.0.1",
            "http://192.0.2.1:80",
            "http://0.0.0.0:80",
            "http://[::]:80",
            "http://example.com:80",
            "http://localhost.example.com:80",
            "http://127.0.0.1:80@192.0.2.1:80",
            "http://user@127.0.0.1:80",
            "http://127.0.0.1:80/path",
            "http://localhost:99999",
            "127.0.0.1:80",
        ] {
            assert_eq!(HttpClient::new(url).unwrap_err(), TransportError::NotLoopback, "{url}");
        }
        let client = HttpClient::new("http://127.0.0.1:9").unwrap();
        for path in ["x", "", "/a b", "/a#b", "/\r\nX: y", "@192.0.2.1/"] {
            assert_eq!(client.get(path), Err(TransportError::Protocol), "{path}");
        }
        let client = client.with_bearer(Secret::new("a\r\nb".into()));
        assert_eq!(client.get("/x"), Err(TransportError::Protocol));
    }
}
