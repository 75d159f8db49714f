//! Every refusal of a sealed file, each after the twin that is accepted.
use super::{CHEAP, both, created, folder, key_file, keys, passphrase};
use crate::sealed::{Cost, Envelope, Header, LEN_MAX};
use crate::{FORMAT_VERSION, SoftwareVault, Unlock, VaultError};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use symbolon_keys::Argon2Cost;
use symbolon_types::Secret;
use symbolon_wire::cbor::{Bytes, from_slice, to_vec};

fn open(path: &Path, unlock: &Unlock) -> Result<(), VaultError> {
    SoftwareVault::open(path, unlock).map(|_| ())
}

#[test]
fn another_key_or_passphrase_and_the_other_kind_of_unlocking_are_one_error() {
    let folder = folder();
    let [by_key, by_passphrase] = both(folder.path());
    let other_key = key_file(folder.path(), "other key", 0xC2);
    let (path, _) = created(folder.path(), "a", &by_key);
    assert_eq!(open(&path, &by_key), Ok(()));
    assert_eq!(open(&path, &other_key), Err(VaultError::NotOpened));
    assert_eq!(open(&path, &by_passphrase), Err(VaultError::NotOpened));
    let (path, _) = created(folder.path(), "b", &by_passphrase);
    assert_eq!(open(&path, &by_passphrase), Ok(()));
    for wrong in ["", "correct", "correct horse battery stapl", "correct horse battery staple "] {
        assert_eq!(open(&path, &passphrase(wrong)), Err(VaultError::NotOpened), "{wrong:?}");
    }
    assert_eq!(open(&path, &by_key), Err(VaultError::NotOpened));
}

#[test]
fn a_change_of_any_bit_and_any_other_length_is_refused() {
    let folder = folder();
    for (unlock, name) in both(folder.path()).iter().zip(["a", "b"]) {
        let (path, _) = created(folder.path(), name, unlock);
        let bytes = fs::read(&path).unwrap();
        let altered = |altered: &[u8]| crate::sealed::open(altered, unlock).map(|_| ());
        assert_eq!(altered(&bytes), Ok(()));
        let mut seen = std::collections::BTreeSet::new();
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[place] ^= 1 << bit;
                let refused = altered(&flipped).unwrap_err();
                assert_ne!(refused, VaultError::Refused, "byte {place}, bit {bit}");
                seen.insert(format!("{refused:?}"));
            }
            assert!(altered(&bytes[..place]).is_err(), "cut at {place}");
        }
        assert_eq!(altered(&[bytes.as_slice(), &[0]].concat()), Err(VaultError::Damaged));
        assert!(seen.contains("NotOpened") && seen.contains("Damaged"), "{seen:?}");
    }
}

#[test]
fn a_byte_flipped_on_the_medium_is_refused_and_flipped_back_accepted() {
    let folder = folder();
    let unlock = key_file(folder.path(), "key", 1);
    let (path, _) = created(folder.path(), "vault", &unlock);
    let bytes = fs::read(&path).unwrap();
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(&path, &flipped).unwrap();
    assert_eq!(open(&path, &unlock), Err(VaultError::NotOpened));
    fs::write(&path, &bytes).unwrap();
    assert_eq!(open(&path, &unlock), Ok(()));
    let padded = [bytes.as_slice(), &vec![0; LEN_MAX]].concat();
    fs::write(&path, padded).unwrap();
    assert_eq!(open(&path, &unlock), Err(VaultError::Damaged));
    fs::write(&path, b"").unwrap();
    assert_eq!(open(&path, &unlock), Err(VaultError::Damaged));
    fs::remove_file(&path).unwrap();
    assert_eq!(open(&path, &unlock), Err(VaultError::Io(std::io::ErrorKind::NotFound)));
}

#[test]
fn a_newer_format_is_named_and_no_format_is_damage() {
    let folder = folder();
    let unlock = key_file(folder.path(), "key", 1);
    let (path, _) = created(folder.path(), "vault", &unlock);
    let envelope: Envelope = from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(envelope.version, FORMAT_VERSION);
    let with = |change: &dyn Fn(&mut Envelope)| {
        let mut changed = envelope.clone();
        change(&mut changed);
        crate::sealed::open(&to_vec(&changed), &unlock).map(|_| ())
    };
    assert_eq!(with(&|_| {}), Ok(()));
    assert_eq!(with(&|file| file.version = 3), Err(VaultError::NewerFormat { found: 3 }));
    assert_eq!(with(&|file| file.version = 1), Err(VaultError::NotOpened), "no file passes for an older one");
    assert_eq!(with(&|file| file.version = u32::MAX), Err(VaultError::NewerFormat { found: u32::MAX }));
    // A newer header or body is not looked into.
    let newer = |file: &mut Envelope| {
        (file.version, file.header, file.sealed) = (7, Bytes(b"unknown".to_vec()), Bytes::default());
    };
    assert_eq!(with(&newer), Err(VaultError::NewerFormat { found: 7 }));
    assert_eq!(with(&|file| file.version = 0), Err(VaultError::Damaged));
    assert_eq!(with(&|file| file.magic = "symbolon-vaulT".into()), Err(VaultError::Damaged));
}

#[test]
fn a_cost_out_of_range_is_neither_written_nor_computed() {
    let folder = folder();
    let unlock = passphrase("correct horse battery staple");
    let create = |name: &str, memory_kib, passes| {
        let (path, cost) = (folder.path().join(name), Argon2Cost { memory_kib, passes });
        SoftwareVault::create_from_keys(&path, &unlock, keys(), cost, &Secret::new([1; 32])).map(|_| ())
    };
    assert_eq!(create("vault", 8, 1), Ok(()));
    assert_eq!(create("other", 7, 1), Err(VaultError::Refused));
    assert_eq!(create("other", 8, 0), Err(VaultError::Refused));
    assert!(!folder.path().join("other").exists());
    let envelope: Envelope = from_slice(&fs::read(folder.path().join("vault")).unwrap()).unwrap();
    let with = |memory_kib, passes| {
        let mut header: Header = from_slice(&envelope.header.0).unwrap();
        assert_eq!(header.argon2id, Some(Cost { memory_kib: 8, passes: 1 }));
        header.argon2id = Some(Cost { memory_kib, passes });
        let changed = Envelope { header: Bytes(to_vec(&header)), ..envelope.clone() };
        crate::sealed::open(&to_vec(&changed), &unlock).map(|_| ())
    };
    assert_eq!(with(8, 1), Ok(()));
    assert_eq!(with(9, 1), Err(VaultError::NotOpened), "another cost is another key");
    for (memory_kib, passes) in [(u32::MAX, 1), (Argon2Cost::MEMORY_KIB_MAX + 1, 1), (8, 65), (7, 1), (8, 0)]
    {
        assert_eq!(with(memory_kib, passes), Err(VaultError::Damaged), "{memory_kib} KiB, {passes} passes");
    }
}

#[test]
fn a_key_file_that_others_can_read_or_write_is_refused() {
    let folder = folder();
    let unlock = key_file(folder.path(), "key", 1);
    let (path, _) = created(folder.path(), "vault", &unlock);
    let key = folder.path().join("key");
    let with = |mode| {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        open(&path, &unlock)
    };
    assert_eq!((with(0o600), with(0o400)), (Ok(()), Ok(())));
    for bit in [0o040, 0o020, 0o010, 0o004, 0o002, 0o001] {
        assert_eq!(with(0o600 | bit), Err(VaultError::KeyFileExposed), "{bit:o}");
    }
    let create = |name: &str| {
        let path = folder.path().join(name);
        SoftwareVault::create_from_keys(&path, &unlock, keys(), CHEAP, &Secret::new([1; 32])).map(|_| ())
    };
    assert_eq!(create("other"), Err(VaultError::KeyFileExposed));
    assert!(!folder.path().join("other").exists());
    assert_eq!(with(0o600), Ok(()));
    assert_eq!(create("other"), Ok(()));
    let a_folder = Unlock::KeyFile(folder.path().into());
    assert_eq!(open(&path, &a_folder), Err(VaultError::KeyFileExposed));
}

#[test]
fn a_key_file_holds_exactly_32_bytes() {
    let folder = folder();
    let unlock = key_file(folder.path(), "key", 1);
    let (path, _) = created(folder.path(), "vault", &unlock);
    let key = folder.path().join("key");
    for len in [0, 31, 33, 64, 4096] {
        fs::write(&key, vec![1; len]).unwrap();
        assert_eq!(open(&path, &unlock), Err(VaultError::KeyFileMalformed), "{len}");
    }
    fs::write(&key, [1; 32]).unwrap();
    assert_eq!(open(&path, &unlock), Ok(()));
    fs::remove_file(&key).unwrap();
    assert_eq!(open(&path, &unlock), Err(VaultError::Io(std::io::ErrorKind::NotFound)));
}

#[test]
fn a_short_passphrase_makes_no_vault() {
    let folder = folder();
    let create = |name: &str, text: &str| {
        let path = folder.path().join(name);
        let (unlock, entropy) = (passphrase(text), Secret::new([1; 32]));
        SoftwareVault::create_from_keys(&path, &unlock, keys(), CHEAP, &entropy).map(|_| ())
    };
    assert_eq!(create("eight", "12345678"), Ok(()));
    assert_eq!(create("seven", "1234567"), Err(VaultError::PassphraseTooShort));
    assert_eq!(create("none", ""), Err(VaultError::PassphraseTooShort));
    assert!(!folder.path().join("seven").exists());
}
