//! Tests of the software engine: what every engine must do, in both ways of unlocking; then the file, and other implementations.
mod offline_payment;
mod oracles;
mod refusals;
mod sealed_file;

use crate::{SoftwareVault, Unlock, VaultKeys, create_key_file, vault_test};
use std::path::{Path, PathBuf};
use symbolon_keys::Argon2Cost;
use symbolon_types::Secret;
use tempfile::TempDir;

/// The least that Argon2id takes: tests are not what it is to slow down.
const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 8, passes: 1 };

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn passphrase(text: &str) -> Unlock {
    Unlock::Passphrase(Secret::new(text.into()))
}

fn key_file(folder: &Path, name: &str, byte: u8) -> Unlock {
    let path = folder.join(name);
    create_key_file(&path, &Secret::new([byte; 32])).unwrap();
    Unlock::KeyFile(path)
}

/// Both ways to unlock.
fn both(folder: &Path) -> [Unlock; 2] {
    [key_file(folder, "key", 0xC3), passphrase("correct horse battery staple")]
}

fn keys() -> VaultKeys {
    VaultKeys::from_entropy(&Secret::new([0x11; 32]))
}

/// A vault with [`keys`], and its file.
fn created(folder: &Path, name: &str, unlock: &Unlock) -> (PathBuf, SoftwareVault) {
    let path = folder.join(name);
    let vault =
        SoftwareVault::create_from_keys(&path, unlock, keys(), CHEAP, &Secret::new([0x22; 32])).unwrap();
    (path, vault)
}

/// A vault that was created, dropped and opened.
fn reopened(unlock: impl FnOnce(&Path) -> Unlock) -> (TempDir, SoftwareVault) {
    let folder = folder();
    let unlock = unlock(folder.path());
    let (path, _) = created(folder.path(), "vault", &unlock);
    let vault = SoftwareVault::open(&path, &unlock).unwrap();
    (folder, vault)
}

vault_test!(in_memory, ((), crate::SoftwareVault::from_keys(super::keys())));
vault_test!(by_key_file, super::reopened(|folder| super::key_file(folder, "key", 1)));
vault_test!(by_passphrase, super::reopened(|_| super::passphrase("a long passphrase")));
