//! The bank behind HTTP/1.1 on a loopback socket: the device routes, and whatever a test wants to go wrong.
use super::Bank;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard},
    thread,
};
use symbolon_keys::{Signer, VerifyingKey};
use symbolon_offline_payment::Refusal;
use symbolon_phone::Node;
use symbolon_types::hex_lower;
use symbolon_wire::{cbor::to_vec, cbor_map};

cbor_map! {
    struct RefusedBody {
        1 => code: u16,
        2 => name: String,
        3 => detail: String,
    }
}

struct Inside {
    bank: Bank,
    /// (route, body) of every request that was read.
    seen: Vec<(String, Vec<u8>)>,
    up: bool,
    /// Performs this many requests more without answering them.
    mute: u32,
    /// Answers settlements whose number is here with this refusal.
    refuse: Vec<Refusal>,
}

pub struct Server {
    pub url: String,
    inside: Arc<Mutex<Inside>>,
}

impl Server {
    pub fn start() -> Self {
        Self::of(Bank::open())
    }

    pub fn of(bank: Bank) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inside = Inside { bank, seen: Vec::new(), up: true, mute: 0, refuse: Vec::new() };
        let inside = Arc::new(Mutex::new(inside));
        let of_thread = Arc::clone(&inside);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let _ = exchange(&of_thread, stream.unwrap());
            }
        });
        Self { url, inside }
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap()
    }

    pub fn node(&self) -> Node {
        Node::new(&self.url).unwrap()
    }

    pub fn key(&self) -> VerifyingKey {
        self.lock().bank.keys.verifying_key()
    }

    pub fn bank(&self) -> BankGuard<'_> {
        BankGuard(self.lock())
    }

    /// A code with which one authenticator may enrol.
    pub fn invite(&self) -> [u8; 16] {
        self.bank().invite()
    }

    /// Whether connections are answered at all.
    pub fn set_up(&self, up: bool) {
        self.lock().up = up;
    }

    /// The next so many requests are performed, and their answers lost; the server's word on its keys is not.
    pub fn lose_answers(&self, count: u32) {
        self.lock().mute = count;
    }

    /// The next request is refused with this.
    pub fn refuse_next(&self, refusal: Refusal) {
        self.lock().refuse.push(refusal);
    }

    pub fn seen(&self, route: &str) -> Vec<Vec<u8>> {
        self.lock().seen.iter().filter(|(seen, _)| seen == route).map(|(_, body)| body.clone()).collect()
    }
}

pub struct BankGuard<'a>(MutexGuard<'a, Inside>);

impl std::ops::Deref for BankGuard<'_> {
    type Target = Bank;
    fn deref(&self) -> &Bank {
        &self.0.bank
    }
}

impl std::ops::DerefMut for BankGuard<'_> {
    fn deref_mut(&mut self) -> &mut Bank {
        &mut self.0.bank
    }
}

fn exchange(inside: &Mutex<Inside>, mut stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let (mut length, mut line) = (0, String::new());
    while reader.read_line(&mut line)? > 2 {
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut inside = inside.lock().unwrap();
    if !inside.up {
        return Ok(());
    }
    let route = first.split(' ').nth(1).unwrap().strip_prefix("/v1/offline-payment/").unwrap().to_owned();
    inside.seen.push((route.clone(), body.clone()));
    let (status, kind, answer) = inside.answer(&route, &body);
    if inside.mute > 0 && route != "trust" {
        inside.mute -= 1;
        return Ok(());
    }
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/{kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        answer.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(&answer)
}

impl Inside {
    fn answer(&mut self, route: &str, body: &[u8]) -> (u16, &'static str, Vec<u8>) {
        if route == "keys" {
            let key = hex_lower(&self.bank.keys.verifying_key().0);
            return (200, "json", format!(r#"{{"server":"{key}","issuer":"00","kid":"00"}}"#).into_bytes());
        }
        let refusal = if route == "trust" { None } else { self.refuse.pop() };
        let answer = refusal.map_or_else(|| self.bank.answer(route, body), Err);
        match answer {
            Ok(bytes) => (200, "cbor", bytes),
            Err(refusal) => {
                let refused = refusal.refused();
                let (name, detail) = (refused.name.to_owned(), refused.reason.to_owned());
                (409, "cbor", to_vec(&RefusedBody { code: refused.code, name, detail }))
            }
        }
    }
}
