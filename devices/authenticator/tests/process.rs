//! The machine on its files: what is made at the first start, what is asked of later ones, what an old image of the store leads to.
use std::{fs, os::unix::fs::PermissionsExt, path::Path, thread};
use symbolon_authenticator::{DeviceSecret, Failure, FileSecret, Machine, serve};
use symbolon_keys::{RustCrypto, SigningKey, VerifyingKey};
use symbolon_offline_payment::{
    OfflinePaymentRefusal as Own, Refusal,
    messages::{Reply, Request, Status},
};
use symbolon_transport::{
    TransportError,
    frames::{Client, Listener},
};
use symbolon_types::{CoreRefusal, Secret};
use symbolon_wire::cbor::{from_slice, to_vec};

fn key(number: u8) -> VerifyingKey {
    SigningKey::from_seed(Secret::new([number; 32])).verifying(&RustCrypto)
}

fn start(store: &Path, server: Option<VerifyingKey>) -> Result<Machine, Failure> {
    Machine::start(store, server, &FileSecret::within(store))
}

fn ask(machine: &mut Machine, request: &Request) -> Reply {
    from_slice(&machine.answer(&to_vec(request))).unwrap()
}

fn status(machine: &mut Machine) -> Status {
    match ask(machine, &Request::Status(())) {
        Reply::Status(status) => status,
        other => panic!("{other:?}"),
    }
}

fn refusal(reply: Reply) -> Option<Refusal> {
    match reply {
        Reply::Refused(refused) => Some(refused.refusal),
        _ => None,
    }
}

#[test]
fn the_servers_key_is_pinned_at_the_first_start() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("deep/authenticator");
    assert_eq!(start(&store, None).err(), Some(Failure::KeyMissing));
    let identity = status(&mut start(&store, Some(key(1))).unwrap()).kem;
    for given in [None, Some(key(1))] {
        assert_eq!(status(&mut start(&store, given).unwrap()).kem, identity, "the same machine");
    }
    let other = start(&store, Some(key(2))).err();
    assert_eq!(other, Some(Failure::Refused(Refusal::Core(CoreRefusal::Conflict))));
}

#[test]
fn the_secret_is_the_owners_alone_and_the_state_opens_under_no_other() {
    let dir = tempfile::tempdir().unwrap();
    drop(start(dir.path(), Some(key(1))).unwrap());
    let secret = dir.path().join("device-secret");
    let metadata = fs::metadata(&secret).unwrap();
    assert_eq!((metadata.len(), metadata.permissions().mode() & 0o777), (32, 0o600));
    assert_ne!(FileSecret::within(dir.path()).secret().unwrap().reveal(), &[0; 32]);
    let kept = fs::read(&secret).unwrap();
    fs::write(&secret, [7; 32]).unwrap();
    let refused = Failure::Refused(Refusal::Own(Own::StoreFailed));
    assert_eq!(start(dir.path(), None).err(), Some(refused));
    fs::write(&secret, [7; 31]).unwrap();
    assert_eq!(start(dir.path(), None).err(), Some(Failure::Transport(TransportError::Damaged)));
    fs::write(&secret, kept).unwrap();
    assert!(start(dir.path(), None).is_ok());
}

#[test]
fn one_process_has_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let machine = start(dir.path(), Some(key(1))).unwrap();
    assert_eq!(start(dir.path(), None).err(), Some(Failure::Transport(TransportError::InUse)));
    drop(machine);
    assert!(start(dir.path(), None).is_ok());
}

#[test]
fn an_old_image_of_the_store_locks_the_machine() {
    let dir = tempfile::tempdir().unwrap();
    drop(start(dir.path(), Some(key(1))).unwrap());
    let bank = dir.path().join("state/bank-a");
    let old = fs::read(&bank).unwrap();
    assert!(
        !status(&mut start(dir.path(), None).unwrap()).locked,
        "the accepted twin: the store as it was left"
    );
    drop(start(dir.path(), None).unwrap());
    fs::write(&bank, old).unwrap();
    let mut machine = start(dir.path(), None).unwrap();
    assert!(status(&mut machine).locked);
    assert_eq!(refusal(ask(&mut machine, &Request::Nonces(1))), Some(Refusal::Own(Own::StoreRollback)));
}

#[test]
fn requests_are_answered_over_the_socket_and_other_bytes_are_malformed() {
    let dir = tempfile::tempdir().unwrap();
    let mut machine = start(&dir.path().join("store"), Some(key(1))).unwrap();
    let socket = dir.path().join("socket");
    let listener = Listener::bind(&socket).unwrap();
    let mut seen = 0;
    thread::scope(|scope| {
        let serving = scope.spawn(|| serve(&mut machine, &listener, |_, _| seen += 1));
        let client = Client::connect(&socket).unwrap();
        let reply: Reply = from_slice(&client.call(&to_vec(&Request::Status(()))).unwrap()).unwrap();
        assert!(matches!(reply, Reply::Status(Status { paired: false, locked: false, .. })));
        for bytes in [&b""[..], b"\x00", b"\x82\x01", b"\x82\x18\x63\xF6", b"\x82\x01\xF6\x00"] {
            let reply: Reply = from_slice(&client.call(bytes).unwrap()).unwrap();
            assert_eq!(refusal(reply), Some(Refusal::Core(CoreRefusal::Malformed)), "{bytes:02X?}");
        }
        listener.stopper().stop();
        serving.join().unwrap().unwrap();
    });
    assert_eq!(seen, 6);
}
