//! The payment vault: one suite over the engine in memory, over a file, and over the socket of a server.
use std::sync::Arc;
use std::thread;
use symbolon_types::Secret;
use symbolon_vault::payment::conformance::entropy;
use symbolon_vault::payment::{RemoteVault, SoftwareEngine, server};
use symbolon_vault::{Unlock, create_key_file, payment_vault_test};
use tempfile::TempDir;

fn in_file() -> (TempDir, SoftwareEngine) {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    create_key_file(&key, &Secret::new([1; 32])).unwrap();
    let path = folder.path().join("payment-vault");
    let engine = SoftwareEngine::create(&path, &Unlock::KeyFile(key), &entropy()).unwrap();
    (folder, engine)
}

fn remote() -> (TempDir, RemoteVault) {
    let (folder, engine) = in_file();
    let socket = folder.path().join("socket");
    let listener = server::bind(&socket).unwrap();
    thread::spawn(move || {
        let engine: Arc<dyn symbolon_vault::payment::PaymentVault> = Arc::new(engine);
        server::serve(&engine, &listener)
    });
    (folder, RemoteVault::connect(&socket).unwrap())
}

payment_vault_test!(engine_in_memory, ((), symbolon_vault::payment::SoftwareEngine::in_memory()));
payment_vault_test!(engine_over_a_file, super::in_file());
payment_vault_test!(over_the_socket, super::remote());
