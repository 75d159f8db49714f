//! The payment vault's file and process: what a power cut, a second process, a changed byte and a stranger's bytes do to it.
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use symbolon_types::{CoreRefusal, Secret};
use symbolon_vault::payment::conformance::{
    NOW, PAN, TRACK, bring_in, entropy, key, name, with_protection_key,
};
use symbolon_vault::payment::*;
use symbolon_vault::{Unlock, VaultError, create_key_file};
use symbolon_wire::cbor::to_vec;

fn unlock(folder: &Path) -> Unlock {
    let key = folder.join("key");
    if !key.exists() {
        create_key_file(&key, &Secret::new([1; 32])).unwrap();
    }
    Unlock::KeyFile(key)
}

fn generate(vault: &dyn PaymentVault, of: &str) -> Result<KeyInfo, PaymentError> {
    let (role, algorithm, export) = (Role::Data, Algorithm::Aes128, Export::NonExportable);
    vault.generate(NewKey { name: name(of), role, algorithm, export }, NOW, &entropy())
}

fn listed(vault: &dyn PaymentVault) -> Vec<KeyInfo> {
    vault.list((), NOW, &entropy()).unwrap()
}

#[test]
fn what_was_acknowledged_is_there_when_it_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let (path, passphrase) = (folder.path().join("v"), Unlock::Passphrase(Secret::new("long enough".into())));
    for (name, unlock) in [("a", unlock(folder.path())), ("b", passphrase)] {
        let path = path.with_extension(name);
        let engine = SoftwareEngine::create(&path, &unlock, &entropy()).unwrap();
        generate(&engine, "one").unwrap();
        let begun = listed(&engine);
        assert_eq!(
            SoftwareEngine::open(&path, &unlock).err(),
            Some(VaultError::Io(std::io::ErrorKind::ResourceBusy))
        );
        drop(engine);
        let engine = SoftwareEngine::open(&path, &unlock).unwrap();
        assert_eq!(listed(&engine), begun);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(SoftwareEngine::create(&path, &unlock, &entropy()).err(), Some(VaultError::Exists));
    }
    let wrong = Unlock::Passphrase(Secret::new("not the one".into()));
    assert_eq!(SoftwareEngine::open(&path.with_extension("b"), &wrong).err(), Some(VaultError::NotOpened));
}

/// A cut leaves the file of before beside any prefix of the new one, or the new one.
#[test]
fn a_power_cut_leaves_the_old_file_or_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let (path, unlock) = (folder.path().join("v"), unlock(folder.path()));
    let engine = SoftwareEngine::create(&path, &unlock, &entropy()).unwrap();
    generate(&engine, "one").unwrap();
    let (old, before) = (fs::read(&path).unwrap(), listed(&engine));
    generate(&engine, "two").unwrap();
    let (new, after) = (fs::read(&path).unwrap(), listed(&engine));
    drop(engine);
    for len in [0, 1, new.len() / 2, new.len() - 1, new.len()] {
        fs::write(&path, &old).unwrap();
        let beside = folder.path().join(format!("v.{}-{len}.new", std::process::id() + 1));
        fs::write(&beside, &new[..len]).unwrap();
        assert_eq!(listed(&SoftwareEngine::open(&path, &unlock).unwrap()), before, "cut after {len} bytes");
        fs::write(&beside, &new).unwrap();
        fs::rename(&beside, &path).unwrap();
        assert_eq!(listed(&SoftwareEngine::open(&path, &unlock).unwrap()), after, "cut after the rename");
    }
    // A change that cannot be written is not made.
    let engine = SoftwareEngine::open(&path, &unlock).unwrap();
    let moved = folder.path().join("moved");
    fs::rename(folder.path().join("key"), &moved).unwrap();
    assert_eq!(generate(&engine, "three"), Err(PaymentError::Unavailable));
    assert_eq!(listed(&engine), after);
    fs::rename(&moved, folder.path().join("key")).unwrap();
    assert_eq!(generate(&engine, "three").unwrap().generation, 1);
}

#[test]
fn every_changed_byte_of_the_file_is_refused_and_it_shows_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let (path, unlock) = (folder.path().join("v"), unlock(folder.path()));
    let engine = SoftwareEngine::create(&path, &unlock, &entropy()).unwrap();
    with_protection_key(&engine);
    bring_in(&engine, "token", Role::Token, 'H', b"32 bytes that would be seen here");
    let debug = format!("{engine:?}");
    drop(engine);
    let file = fs::read(&path).unwrap();
    let within = |part: &[u8]| file.windows(part.len()).any(|window| window == part);
    assert!(!within(b"32 bytes") && !within(b"token") && within(b"symbolon-payment-vault"));
    assert!(!debug.contains("32 bytes") && !debug.contains("51, 50, 32"), "{debug}");
    for at in (0..file.len()).step_by(7) {
        let mut changed = file.clone();
        changed[at] ^= 1;
        fs::write(&path, &changed).unwrap();
        assert!(SoftwareEngine::open(&path, &unlock).is_err(), "byte {at}");
    }
    fs::write(&path, &file).unwrap();
    assert!(SoftwareEngine::open(&path, &unlock).is_ok());
}

/// What a peer sends that is no question ends its own connection, and nobody else's.
#[test]
fn garbage_and_half_frames_end_only_their_connection() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let listener = server::bind(&socket).unwrap();
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let engine: Arc<dyn PaymentVault> = Arc::new(SoftwareEngine::in_memory());
    let served = Arc::clone(&engine);
    thread::spawn(move || server::serve(&served, &listener));
    let good = RemoteVault::connect(&socket).unwrap();
    generate(&good, "one").unwrap();
    let question = to_vec(&wire::Asked::new(&Request::List(()), NOW, &entropy()));
    let framed = |body: &[u8]| [&u32::try_from(body.len()).unwrap().to_be_bytes(), body].concat();
    let wrong: [Vec<u8>; 6] = [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0xFF; 64],
        framed(b""),
        framed(&question[..question.len() - 1]),
        framed(&[question.as_slice(), &[0]].concat()),
        framed(&question)[..9].to_vec(),
    ];
    for bytes in wrong {
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.write_all(&bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        // The server may close while bytes of ours are unread: then the end is a reset.
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty(), "{bytes:?}");
        assert_eq!(listed(&good).len(), 1);
    }
    let mut stream = UnixStream::connect(&socket).unwrap();
    stream.write_all(&framed(&question)).unwrap();
    let mut first = [0; 4];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(server::bind(&socket).err(), Some(VaultError::Exists), "somebody listens there");
    assert_eq!(
        server::bind(&folder.path().join("none/socket")).err(),
        Some(VaultError::Io(std::io::ErrorKind::NotFound))
    );
}

/// More connections than there are places: the rest is closed, and places come back.
#[test]
fn connections_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let listener = server::bind(&socket).unwrap();
    let engine: Arc<dyn PaymentVault> = Arc::new(SoftwareEngine::in_memory());
    thread::spawn(move || server::serve(&engine, &listener));
    let open: Vec<RemoteVault> =
        (0..server::CONNECTIONS_MAX).map(|_| RemoteVault::connect(&socket).unwrap()).collect();
    open.iter().for_each(|vault| assert!(listed(vault).is_empty()));
    let one_more = RemoteVault::connect(&socket).unwrap();
    let ask = || {
        let vault: &dyn PaymentVault = &one_more;
        vault.list((), NOW, &entropy())
    };
    assert_eq!(ask(), Err(PaymentError::Unavailable));
    drop(open);
    let again = (0..100).any(|_| {
        thread::sleep(std::time::Duration::from_millis(10));
        ask().is_ok()
    });
    assert!(again);
}

/// Refusals of the accounts' bytes: each a twin of one that is taken, with one change.
#[test]
fn account_data_are_taken_or_refused() {
    let vault = SoftwareEngine::in_memory();
    with_protection_key(&vault);
    bring_in(&vault, "token", Role::Token, 'H', &[9; 32]);
    let seal = |form, bytes: &[u8]| {
        let account = ClearAccount { form, bytes: Clear::new(bytes) };
        let vault: &dyn PaymentVault = &vault;
        let asked = SealAccount { account, token: key("token"), period: 1 };
        vault.seal_account(asked, NOW, &entropy()).map(|view| view.last4)
    };
    let packed = symbolon_types::hex_parse("4761739001010010D30121200012339900031F").unwrap();
    let held = Ok("0010".to_owned());
    assert_eq!(seal(AccountForm::Track2, TRACK.as_bytes()), held);
    assert_eq!(seal(AccountForm::Track2Packed, &packed), held);
    assert_eq!(seal(AccountForm::Track2Packed, &[packed.as_slice(), &[0, 0, 0xFF]].concat()), held);
    assert_eq!(seal(AccountForm::PanPacked, &packed[..8]), held);
    assert_eq!(seal(AccountForm::Pan, PAN.as_bytes()), held);
    let refused = |refusal| Err(PaymentError::Refused(refusal));
    let track = refused(CoreRefusal::TrackInvalid);
    assert_eq!(seal(AccountForm::Track2, &TRACK.as_bytes()[..16]), track, "no separator");
    assert_eq!(seal(AccountForm::Track2Packed, &[packed.as_slice(), &[1]].concat()), track, "behind the F");
    assert_eq!(seal(AccountForm::Track2Packed, &[0xA0]), track);
    assert_eq!(seal(AccountForm::Track2, &[0xFF; 8]), track);
    assert_eq!(seal(AccountForm::Pan, b""), refused(CoreRefusal::PanInvalid));
    assert_eq!(seal(AccountForm::Pan, b"476173900101001O"), refused(CoreRefusal::PanInvalid));
    assert_eq!(seal(AccountForm::Pan, b"4761739001010011"), refused(CoreRefusal::PanInvalid));
    assert_eq!(seal(AccountForm::Pan, &[b'4'; 129]), refused(CoreRefusal::TooLarge));
}

/// A connection that ended before the question is made anew; a change whose answer was lost is not asked again.
#[test]
fn the_client_connects_again_once_and_asks_no_change_twice() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let listener = server::bind(&socket).unwrap();
    let vault = RemoteVault::connect(&socket).unwrap();
    drop(listener.accept().unwrap());
    let engine = Arc::new(SoftwareEngine::in_memory());
    let served: Arc<dyn PaymentVault> = Arc::<SoftwareEngine>::clone(&engine);
    let listener_of_server = listener.try_clone().unwrap();
    thread::spawn(move || server::serve(&served, &listener_of_server));
    assert_eq!(generate(&vault, "one").unwrap().generation, 1);
    assert_eq!(listed(engine.as_ref()).len(), 1);

    // One that hears the question and dies: it is counted how often it was asked.
    let socket = folder.path().join("dying");
    let listener = server::bind(&socket).unwrap();
    let vault = RemoteVault::connect(&socket).unwrap();
    let dying = thread::spawn(move || {
        let mut heard = 0;
        for wanted in [1, 3] {
            while heard < wanted {
                let mut stream = listener.accept().unwrap().0;
                let mut first = [0; 4];
                stream.read_exact(&mut first).unwrap();
                heard += 1;
            }
        }
        heard
    });
    assert_eq!(generate(&vault, "one"), Err(PaymentError::Unavailable), "asked once");
    let vault_of: &dyn PaymentVault = &vault;
    assert_eq!(vault_of.list((), NOW, &entropy()), Err(PaymentError::Unavailable));
    assert_eq!(vault_of.list((), NOW, &entropy()), Err(PaymentError::Unavailable));
    assert_eq!(dying.join().unwrap(), 3);
}
