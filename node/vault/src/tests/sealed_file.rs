//! The file: what it holds, what it does not show, and how it comes to be.
use super::{CHEAP, both, created, folder, key_file, keys, passphrase};
use crate::file::create_beside;
use crate::sealed::{Contents, Cost, Envelope, Header};
use crate::{SigningHandle, SoftwareVault, Unlock, Vault, VaultError, VaultKeys, create_key_file};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use symbolon_types::{Secret, hex_lower, hex_upper};
use symbolon_wire::cbor::{from_slice, to_vec};

fn names(folder: &Path) -> Vec<String> {
    let mut names = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect::<Vec<_>>();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_created_vault_is_one_file_of_its_owner_and_opens_with_the_same_keys() {
    let folder = folder();
    for (unlock, name) in both(folder.path()).iter().zip(["a", "b"]) {
        let (path, vault) = created(folder.path(), name, unlock);
        assert_eq!(mode(&path), 0o600);
        let opened = SoftwareVault::open(&path, unlock).unwrap();
        assert_eq!(opened.public(SigningHandle::Server(0)), vault.public(SigningHandle::Server(0)));
    }
    assert_eq!(mode(&folder.path().join("key")), 0o600);
    assert_eq!(names(folder.path()), ["a", "b", "key"], "nothing is left beside them");
}

#[test]
fn new_keys_come_from_all_of_the_entropy_and_differ_from_each_other() {
    let folder = folder();
    let unlock = key_file(folder.path(), "key", 1);
    let publics = [[0; 32], {
        let mut other = [0; 32];
        other[31] = 1;
        other
    }]
    .map(|entropy| {
        let name = hex_lower(&entropy);
        let vault = SoftwareVault::create(&folder.path().join(name), &unlock, &Secret::new(entropy)).unwrap();
        vault.public(SigningHandle::Server(0)).unwrap()
    });
    assert_ne!(publics[0], publics[1]);
    let keys = keys();
    let all = [keys.server_signing.seed(), keys.issuer_kem.private(), &keys.account_master];
    let distinct = all.iter().map(|key| *key.reveal()).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(distinct.len(), 3);
}

/// A file key seals once, also when somebody brings the same entropy twice.
#[test]
fn the_salt_changes_with_the_entropy_and_with_the_keys() {
    let folder = folder();
    let unlock = key_file(folder.path(), "key", 1);
    let salt = |name: &str, keys: u8, entropy: u8| {
        let path = folder.path().join(name);
        let keys = VaultKeys::from_entropy(&Secret::new([keys; 32]));
        SoftwareVault::create_from_keys(&path, &unlock, keys, CHEAP, &Secret::new([entropy; 32])).unwrap();
        let envelope: Envelope = from_slice(&fs::read(path).unwrap()).unwrap();
        from_slice::<Header>(&envelope.header.0).unwrap().salt
    };
    let first = salt("first", 1, 1);
    assert_eq!(salt("same", 1, 1), first);
    assert_ne!(salt("other keys", 2, 1), first);
    assert_ne!(salt("other entropy", 1, 2), first);
}

#[test]
fn a_new_vault_says_the_documented_cost_of_its_passphrase() {
    let folder = folder();
    let (path, unlock) = (folder.path().join("vault"), passphrase("a long passphrase"));
    SoftwareVault::create(&path, &unlock, &Secret::new([1; 32])).unwrap();
    let envelope: Envelope = from_slice(&fs::read(&path).unwrap()).unwrap();
    let header: Header = from_slice(&envelope.header.0).unwrap();
    assert_eq!(header.argon2id, Some(Cost { memory_kib: 65_536, passes: 3 }));
    assert!(SoftwareVault::open(&path, &unlock).is_ok());
}

/// Whether any eight bytes of `secret` stand in `shown`, as they are or in hexadecimal or in decimal.
fn shows(shown: &[u8], secret: &[u8]) -> bool {
    let within = |part: &[u8]| shown.windows(part.len()).any(|window| window == part);
    secret.windows(8).any(|part| {
        let decimal = format!("{part:?}");
        let decimal = decimal.trim_matches(['[', ']']);
        [part, hex_upper(part).as_bytes(), hex_lower(part).as_bytes(), decimal.as_bytes()]
            .iter()
            .any(|form| within(form))
    })
}

#[test]
fn neither_file_nor_debug_output_shows_a_key() {
    let folder = folder();
    let entropy = [0x22; 32];
    let keys = keys();
    let secrets = [
        keys.server_signing.seed().reveal().as_slice(),
        keys.issuer_kem.private().reveal(),
        keys.account_master.reveal(),
        &[0xC3; 32],
        &entropy,
        b"correct horse battery staple",
        &[0xD5; 32],
    ];
    let contents = Contents {
        server_signing: keys.server_signing.seed().clone(),
        issuer_kem: keys.issuer_kem.private().clone(),
        account_master: keys.account_master.clone(),
        drawn: vec![crate::sealed::Drawn { ticket: [0x77; 16], seed: Secret::new([0xD5; 32]) }],
    };
    for (unlock, name) in both(folder.path()).iter().zip(["a", "b"]) {
        let (path, vault) = created(folder.path(), name, unlock);
        let debug = format!("{vault:?} {vault:#?} {keys:?} {unlock:?} {contents:?}");
        let file = fs::read(path).unwrap();
        for secret in secrets {
            assert!(!shows(debug.as_bytes(), secret), "{debug}");
            assert!(!shows(&file, secret), "{}", hex_upper(&file));
        }
    }
    // The search itself finds what is there.
    let clear = to_vec(&contents);
    assert!(
        secrets[..3]
            .iter()
            .all(|secret| shows(&clear, secret) && shows(hex_lower(&clear).as_bytes(), secret))
    );
    assert!(shows(format!("{clear:?}").as_bytes(), secrets[0]));
}

/// A generation lasts before it is used, and the same ticket finds it again: also when its drawer died in between.
#[test]
fn drawn_keys_last_in_the_file_and_the_vault_opens_with_all_of_them() {
    let folder = folder();
    for (unlock, name) in both(folder.path()).iter().zip(["a", "b"]) {
        let (path, vault) = created(folder.path(), name, unlock);
        let public = |vault: &SoftwareVault, generation| vault.public(SigningHandle::Server(generation));
        let before = fs::read(&path).unwrap();
        assert_eq!(vault.draw_signing(&[1; 16], 0, &Secret::new([5; 32])), Ok(1));
        assert_eq!(vault.draw_signing(&[2; 16], 1, &Secret::new([6; 32])), Ok(2));
        assert_ne!(fs::read(&path).unwrap(), before);
        assert_eq!(mode(&path), 0o600);
        let opened = SoftwareVault::open(&path, unlock).unwrap();
        for generation in 0..3 {
            assert_eq!(public(&opened, generation), public(&vault, generation), "{generation}");
        }
        assert_eq!(opened.kem_public(crate::KemHandle::Issuer), vault.kem_public(crate::KemHandle::Issuer));
        assert_eq!(public(&opened, 3), Err(VaultError::Refused));
        let known = public(&vault, 1);
        assert_eq!(opened.draw_signing(&[1; 16], 0, &Secret::new([7; 32])), Ok(1), "found, not drawn again");
        assert_eq!(public(&opened, 1), known);
        assert_eq!(opened.draw_signing(&[3; 16], 2, &Secret::new([8; 32])), Ok(3));
        assert_eq!(public(&SoftwareVault::open(&path, unlock).unwrap(), 3), public(&opened, 3));
    }
    assert_eq!(names(folder.path()), ["a", "b", "key"], "nothing is left beside them");
}

#[test]
fn a_key_that_cannot_be_kept_is_not_drawn() {
    let folder = folder();
    let unlock = key_file(folder.path(), "key", 1);
    let (path, vault) = created(folder.path(), "vault", &unlock);
    assert_eq!(vault.draw_signing(&[1; 16], 0, &Secret::new([5; 32])), Ok(1));
    fs::remove_file(folder.path().join("key")).unwrap();
    let before = fs::read(&path).unwrap();
    let refused = vault.draw_signing(&[2; 16], 1, &Secret::new([5; 32]));
    assert_eq!(refused, Err(VaultError::Io(std::io::ErrorKind::NotFound)));
    assert_eq!(vault.public(SigningHandle::Server(2)), Err(VaultError::Refused));
    assert_eq!(fs::read(&path).unwrap(), before);
    assert!(vault.public(SigningHandle::Server(1)).is_ok(), "those that there are go on");
}

#[test]
fn a_name_that_is_taken_keeps_what_it_had() {
    let folder = folder();
    let unlock = key_file(folder.path(), "key", 1);
    let (path, _) = created(folder.path(), "vault", &unlock);
    let before = fs::read(&path).unwrap();
    let create = |path: &Path| SoftwareVault::create(path, &unlock, &Secret::new([5; 32])).map(|_| ());
    assert_eq!(create(&path), Err(VaultError::Exists));
    assert_eq!(fs::read(&path).unwrap(), before);
    // Also where the early look sees nothing of it.
    assert_eq!(crate::file::write_new(&path, b"other"), Err(VaultError::Exists));
    assert_eq!(fs::read(&path).unwrap(), before);
    let dangling = folder.path().join("dangling");
    std::os::unix::fs::symlink(folder.path().join("nowhere"), &dangling).unwrap();
    assert_eq!(create(&dangling), Err(VaultError::Exists));
    assert_eq!(crate::file::write_new(&dangling, b"other"), Err(VaultError::Exists));
    assert_eq!(create_key_file(&folder.path().join("key"), &Secret::new([9; 32])), Err(VaultError::Exists));
    assert_eq!(fs::read(folder.path().join("key")).unwrap(), [1; 32]);
    assert_eq!(create(&folder.path().join("other")), Ok(()));
    assert_eq!(names(folder.path()), ["dangling", "key", "other", "vault"]);
}

#[test]
fn of_several_creators_one_wins() {
    let folder = folder();
    let unlock = key_file(folder.path(), "key", 1);
    let path = folder.path().join("vault");
    let start = std::sync::Barrier::new(8);
    let made = std::thread::scope(|scope| {
        let (start, path, unlock) = (&start, &path, &unlock);
        let create = |number: u8| {
            scope.spawn(move || {
                start.wait();
                SoftwareVault::create(path, unlock, &Secret::new([number; 32]))
            })
        };
        (0..8)
            .map(create)
            .collect::<Vec<_>>()
            .into_iter()
            .map(|made| made.join().unwrap())
            .collect::<Vec<_>>()
    });
    let (won, lost): (Vec<_>, Vec<_>) = made.into_iter().partition(Result::is_ok);
    let winner = won.into_iter().next().unwrap().unwrap();
    assert!(lost.len() == 7 && lost.iter().all(|lost| matches!(lost, Err(VaultError::Exists))));
    let opened = SoftwareVault::open(&path, &unlock).unwrap();
    assert_eq!(opened.public(SigningHandle::Server(0)), winner.public(SigningHandle::Server(0)));
    assert_eq!(names(folder.path()), ["key", "vault"]);
}

/// What a process left that was killed while it wrote is stepped over, is no vault, and stays as it is.
#[test]
fn leftovers_of_a_killed_process_are_stepped_over() {
    let folder = folder();
    let path = folder.path().join("vault");
    let left = (0..63).map(|_| create_beside(&path, &AtomicU64::new(0)).map(|(path, _)| path));
    assert_eq!(left.collect::<Result<std::collections::BTreeSet<_>, _>>().unwrap().len(), 63);
    let unlock = key_file(folder.path(), "key", 1);
    let missing = SoftwareVault::open(&path, &unlock).map(|_| ());
    assert_eq!(missing, Err(VaultError::Io(std::io::ErrorKind::NotFound)));
    let (last, _) = create_beside(&path, &AtomicU64::new(0)).unwrap();
    assert!(last.to_str().unwrap().ends_with("-63.new"), "{last:?}");
    assert_eq!(create_beside(&path, &AtomicU64::new(0)).map(|_| ()), Err(VaultError::Exists), "bounded");
    assert!(create_beside(&path, &AtomicU64::new(64)).is_ok());
}

#[test]
fn a_bare_file_name_is_in_the_current_folder_and_a_missing_folder_is_said() {
    let folder = folder();
    let missing = folder.path().join("missing").join("vault");
    let unlock: Unlock = key_file(folder.path(), "key", 1);
    let refused = SoftwareVault::create(&missing, &unlock, &Secret::new([1; 32])).map(|_| ());
    assert_eq!(refused, Err(VaultError::Io(std::io::ErrorKind::NotFound)));
    assert_eq!(crate::file::folder(Path::new("vault")), Path::new("."));
    assert_eq!(crate::file::folder(Path::new("a/vault")), Path::new("a"));
}
