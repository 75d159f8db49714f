//! A client over bare sockets, one connection a request.
//!
//! **Invariant:** nothing of the API's own code reads the answers here; they are split by hand (RFC 9112 §4 to §6).
use super::{World, request_id};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// An answer, read until the platform closed the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub fn sequence(&self) -> u64 {
        self.header("symbolon-sequence")
            .and_then(|value| value.parse().ok())
            .unwrap_or_else(|| panic!("{self:?}"))
    }

    /// A JSON refusal of this status and name.
    #[track_caller]
    pub fn refused(&self, status: u16, name: &str) {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        let value = self.json();
        assert_eq!(value["refusal"]["name"], json!(name), "{value}");
        assert!(value["refusal"]["code"].is_u64() && value["refusal"]["detail"].is_string(), "{value}");
        assert_eq!(value.as_object().unwrap().len(), 1, "{value}");
        assert_eq!(self.header("content-type"), Some("application/json"));
    }

    #[track_caller]
    pub fn held(self) -> Self {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        self
    }
}

/// Somebody who sends requests.
#[derive(Clone)]
pub struct Client {
    pub node: SocketAddr,
    pub headers: Vec<(String, String)>,
}

impl Client {
    pub fn of(world: &World) -> Self {
        let node = world.http().strip_prefix("http://").unwrap().parse().unwrap();
        Self { node, headers: Vec::new() }
    }

    /// With the administrator's key.
    pub fn operator(world: &World) -> Self {
        Self::of(world).key(world.operator())
    }

    pub fn key(&self, key: &str) -> Self {
        self.with("authorization", &format!("Bearer {key}"))
    }

    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.retain(|(known, _)| known != name);
        client.headers.push((name.into(), value.into()));
        client
    }

    pub fn fresh(&self) -> Self {
        self.with("idempotency-key", &fresh_id())
    }

    pub fn head(&self, method: &str, path: &str, length: usize) -> String {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.node);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {length}\r\n\r\n"));
        head
    }

    pub fn connected(&self) -> TcpStream {
        let stream = TcpStream::connect(self.node).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    pub fn send(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let mut stream = self.connected();
        stream.write_all(self.head(method, path, body.len()).as_bytes()).unwrap();
        // A body that is too long may be cut off by the answer.
        let _ = stream.write_all(body);
        answer(&mut stream)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, b"")
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, b"")
    }

    /// Under a fresh request id.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.fresh().send("POST", path, body.to_string().as_bytes())
    }
}

pub fn fresh_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1_000_000);
    request_id(COUNT.fetch_add(1, Ordering::Relaxed), 0)
}

pub fn answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        // The rest of a body that was not read makes the platform's end a reset.
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{}", String::from_utf8_lossy(&bytes));
    }
    let cut =
        bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or_else(|| panic!("no answer"));
    let head = String::from_utf8(bytes[..cut].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: bytes[cut + 4..].to_vec() }
}

/// Sends `begun` and then nothing: how the platform ended it, and when.
pub fn stalled(client: &Client, begun: &[u8]) -> (Duration, Vec<u8>) {
    let start = Instant::now();
    let mut stream = client.connected();
    stream.write_all(begun).unwrap();
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => {
            panic!("not ended after {:?}: {error}", start.elapsed())
        }
        _ => (start.elapsed(), bytes),
    }
}

/// The samples of the Prometheus text format 0.0.4: each name has its HELP and its TYPE before it.
pub fn samples(metrics: &str) -> Vec<(String, u64)> {
    assert!(metrics.ends_with('\n'));
    let (mut helped, mut typed, mut samples) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for line in metrics.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words.as_slice() {
            ["#", "HELP", name, _] => assert!(helped.insert(*name), "{line}"),
            ["#", "TYPE", name, "counter" | "gauge"] => assert!(typed.insert(*name), "{line}"),
            [sample, value] => {
                let name = sample.split('{').next().unwrap();
                assert!(helped.contains(name) && typed.contains(name), "{line}");
                samples.push(((*sample).to_owned(), value.parse().unwrap()));
            }
            _ => panic!("no line of the format: {line}"),
        }
    }
    samples
}
