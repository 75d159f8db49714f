//! A world for the devices: an issuer behind a real HTTP socket, authenticators behind path Unix sockets, phones, shops.
//!
//! ```text
//!   Server ── TCP 127.0.0.1 ── Edge + OfflinePayment::apply over MemoryRows; `up` false: it takes no connection's request
//!   Device ── folder ── Machine on a thread, at a path Unix socket
//! ```
#![allow(dead_code, reason = "every test file is a crate of its own and uses a part of this")]
mod bank;
mod server;

pub use bank::{Bank, eur};
pub use server::Server;

use std::{
    fs,
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
};
use symbolon_authenticator::{FileSecret, Machine, serve};
use symbolon_offline_payment::{
    Refusal, authenticator::Credential, messages::Preview, secure_application::LastCall,
};
use symbolon_phone::{AuthenticatorClient, Failure, HeldPayment, Node, PayeeLink, Phone};
use symbolon_reader::Reader;
use symbolon_transport::{
    frames::{Listener, Stop},
    store::FileFlash,
};
use symbolon_types::Secret;

pub const PIN: &str = "739164";

pub fn pin(digits: &str) -> Credential {
    Credential::pin(Secret::new(digits.to_owned())).unwrap()
}

pub fn ignore(_: &str, _: &[u8]) {}

/// An authenticator that serves until it is dropped.
pub struct Device {
    pub dir: PathBuf,
    pub socket: PathBuf,
    stop: Stop,
    serving: Option<JoinHandle<()>>,
}

impl Device {
    pub fn start(dir: &Path, server: &Server) -> Self {
        let store = dir.join("authenticator");
        fs::create_dir_all(dir).unwrap();
        let socket = dir.join("authenticator.sock");
        let secret = FileSecret::within(&store);
        let mut machine = Machine::start(&store, Some(server.key()), &secret).unwrap();
        let listener = Listener::bind(&socket).unwrap();
        let stop = listener.stopper();
        let serving = thread::spawn(move || serve(&mut machine, &listener, |_, _| {}).unwrap());
        Self { dir: dir.into(), socket, stop, serving: Some(serving) }
    }

    pub fn client(&self) -> AuthenticatorClient {
        AuthenticatorClient::connect(&self.socket).unwrap()
    }

    pub fn phone(&self) -> Phone<FileFlash> {
        Phone::open(&self.dir.join("phone"), self.client()).unwrap()
    }

    /// A phone that is enrolled and has so many nonces.
    pub fn ready(&self, server: &Server, nonces: u32) -> Phone<FileFlash> {
        let mut phone = self.phone();
        let node = server.node();
        phone.enrol(&node, None, server.invite(), &pin(PIN), &mut ignore).unwrap();
        assert_eq!(phone.prefetch(&node, nonces, &mut ignore), Ok(nonces.try_into().unwrap()));
        phone
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.stop.stop();
        let _ = self.serving.take().map(JoinHandle::join);
    }
}

/// Pays with this PIN while the phone may not call.
pub fn pay(
    phone: &mut Phone<FileFlash>,
    link: &mut dyn PayeeLink,
    digits: &str,
) -> Result<HeldPayment, Failure> {
    let mut entry = |_: &Preview| Ok(pin(digits));
    phone.pay(link, &mut entry, LastCall::Forbidden, &mut ignore)
}

/// An enrolled shop.
pub fn shop(dir: &Path, server: &Server, number: u8) -> Reader<FileFlash> {
    let mut reader = Reader::open(&dir.join(format!("reader-{number}"))).unwrap();
    let code = server.bank().invite_payee(number, "Bakery", eur(20_000));
    let node = symbolon_reader::Node::new(&server.url).unwrap();
    reader.enrol(&node, server.key(), code, &mut ignore).unwrap();
    reader
}

pub fn refused<T>(result: Result<T, Failure>) -> Option<Refusal> {
    result.err().and_then(|failure| failure.refusal())
}

pub fn node(server: &Server) -> Node {
    server.node()
}
