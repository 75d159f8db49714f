//! The software engine against published vectors and against other implementations: `ed25519-dalek`, `hpke`, `hmac`, and sealed files
//! that pyca/cryptography over OpenSSL made (`vectors/sealed.json`).
use super::{folder, keys, passphrase};
use crate::{
    ACCOUNT_LABEL, Derivation, KemHandle, MasterHandle, SigningHandle, SoftwareVault, Unlock, Vault,
    VaultError, VaultKeys, create_key_file,
};
use hmac::{Hmac, KeyInit, Mac};
use hpke::{self as oracle, Deserializable, Kem, OpModeR, OpModeS, Serializable};
use serde_json::Value;
use sha2::Sha256;
use std::fs;
use symbolon_keys::{KemKey, KemPublic, SigningKey, VerifyingKey};
use symbolon_proof::hpke::Sealed;
use symbolon_types::{Secret, hex_parse, hex_upper};

type OracleKem = oracle::kem::X25519HkdfSha256;
type OracleKdf = oracle::kdf::HkdfSha256;
type OracleAead = oracle::aead::AesGcm128;
type OracleKey = <OracleKem as Kem>::PrivateKey;
type OraclePublic = <OracleKem as Kem>::PublicKey;

fn array<const N: usize>(hex: &str) -> [u8; N] {
    hex_parse(hex).unwrap().try_into().unwrap()
}

/// The other implementation of HMAC-SHA-256.
fn oracle_hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// RFC 5869 for one block, with Symbolon's framing of label and context.
fn oracle_derive(master: &[u8], label: &[u8], context: &[u8]) -> [u8; 32] {
    let len = |part: &[u8]| u32::try_from(part.len()).unwrap().to_be_bytes();
    let prk = oracle_hmac(&[0; 32], &[master]);
    oracle_hmac(&prk, &[&[0, 32], &len(label), label, &len(context), context, &[1]])
}

#[test]
fn the_oracle_holds_rfc_4231_case_2() {
    let tag = oracle_hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
    assert_eq!(hex_upper(&tag), "5BDCC146BF60754E6A042426089575C75A003F089D2739839DEC58B964EC3843");
}

/// RFC 8032 §7.1, tests 1 to 3: seed, public key, message, signature.
const RFC_8032: [(&str, &str, &str, &str); 3] = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
];

#[test]
fn signatures_are_those_of_rfc_8032_and_verify_elsewhere() {
    for (seed, public, message, signature) in RFC_8032 {
        let server_signing = SigningKey::from_seed(Secret::new(array(seed)));
        let vault = SoftwareVault::from_keys(VaultKeys { server_signing, ..keys() });
        let message = hex_parse(message).unwrap();
        assert_eq!(vault.public(SigningHandle::Server(0)).unwrap().0, array(public));
        assert_eq!(vault.sign(SigningHandle::Server(0), &message), Ok(array(signature)));
    }
    let vault = SoftwareVault::from_keys(keys());
    let public = vault.public(SigningHandle::Server(0)).unwrap();
    let elsewhere = ed25519_dalek::VerifyingKey::from_bytes(&public.0).unwrap();
    let signature =
        ed25519_dalek::Signature::from_bytes(&vault.sign(SigningHandle::Server(0), b"message").unwrap());
    assert!(elsewhere.verify_strict(b"message", &signature).is_ok());
    assert!(elsewhere.verify_strict(b"massage", &signature).is_err());
}

/// RFC 9180 §A.1.1: the first message of the base mode, to a published recipient.
#[test]
fn the_published_message_of_rfc_9180_opens() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/hpke.json");
    let file: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let row = |id: &str| file["vectors"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap();
    let text = |row: &Value, field: &str| hex_parse(row[field].as_str().unwrap()).unwrap();
    let (setup, seal) = (row("x25519-aes128gcm-base"), row("x25519-aes128gcm-base-seal-0"));
    let issuer_kem = KemKey::from_private(Secret::new(array(setup["skRm"].as_str().unwrap())));
    let vault = SoftwareVault::from_keys(VaultKeys { issuer_kem, ..keys() });
    assert_eq!(vault.kem_public(KemHandle::Issuer).unwrap().as_bytes(), text(setup, "pkRm"));
    let open = |ciphertext: Vec<u8>| {
        let sealed = Sealed { enc: array(setup["enc"].as_str().unwrap()), ciphertext };
        vault.hpke_open(KemHandle::Issuer, &text(setup, "info"), &text(seal, "aad"), &sealed)
    };
    assert_eq!(open(text(seal, "ct")).unwrap().reveal(), &text(seal, "pt"));
    let changed = row("x25519-aes128gcm-base-refuse-ct-0");
    assert_eq!(open(text(changed, "ct")).map(|_| ()), Err(VaultError::Refused));
}

#[test]
fn what_the_hpke_crate_seals_to_the_issuer_the_vault_opens() {
    let vault = SoftwareVault::from_keys(keys());
    let to = OraclePublic::from_bytes(vault.kem_public(KemHandle::Issuer).unwrap().as_bytes()).unwrap();
    let (enc, ciphertext) = oracle::single_shot_seal::<OracleAead, OracleKdf, OracleKem>(
        &OpModeS::Base,
        &to,
        b"info",
        b"an audit",
        b"aad",
    )
    .unwrap();
    let sealed = Sealed { enc: enc.to_bytes().as_slice().try_into().unwrap(), ciphertext };
    let opened = vault.hpke_open(KemHandle::Issuer, b"info", b"aad", &sealed).unwrap();
    assert_eq!(opened.reveal().as_slice(), b"an audit");
    assert!(vault.hpke_open(KemHandle::Issuer, b"info", b"aaD", &sealed).is_err());
}

/// Sealed to a key of the `hpke` crate, opened there, and the same key as HKDF over the `hmac` crate gives; its MACs hold in the vault.
#[test]
fn a_derived_key_is_the_one_that_other_implementations_derive() {
    let (keys, derivation) = (keys(), Derivation { label: "label", context: b"context" });
    let master = *keys.account_master.reveal();
    let vault = SoftwareVault::from_keys(keys);
    let (private, public): (OracleKey, OraclePublic) = OracleKem::derive_keypair(&[3; 32]);
    let to = KemPublic(public.to_bytes().as_slice().try_into().unwrap());
    let ephemeral = Secret::new([4; 32]);
    let sealed =
        vault.seal_derived_key(MasterHandle::Account, &derivation, &to, b"info", b"aad", &ephemeral).unwrap();
    let enc = <OracleKem as Kem>::EncappedKey::from_bytes(&sealed.enc).unwrap();
    let open = |aad: &[u8]| {
        oracle::single_shot_open::<OracleAead, OracleKdf, OracleKem>(
            &OpModeR::Base,
            &private,
            &enc,
            b"info",
            &sealed.ciphertext,
            aad,
        )
    };
    let key = open(b"aad").unwrap();
    assert!(open(b"aaD").is_err());
    assert_eq!(key, oracle_derive(&master, b"label", b"context"));
    let tag = oracle_hmac(&key, &[b"one", b"two"]);
    assert!(vault.derived_mac_holds(MasterHandle::Account, &derivation, &[b"one", b"two"], &tag));
    assert!(!vault.derived_mac_holds(MasterHandle::Account, &derivation, &[b"one", b"twO"], &tag));
}

/// Files that another implementation sealed open, of version 1 and 2, and hold the keys that it says.
#[test]
fn sealed_files_of_another_implementation_open() {
    let file: Value = serde_json::from_str(include_str!("../../vectors/sealed.json")).unwrap();
    let text = |field: &str| file[field].as_str().unwrap();
    let folder = folder();
    let key = folder.path().join("key");
    create_key_file(&key, &Secret::new(array(text("key_file")))).unwrap();
    let by_passphrase = passphrase(text("passphrase"));
    let by_key = Unlock::KeyFile(key);
    for (field, unlock) in [
        ("sealed_by_key_file", by_key.clone()),
        ("sealed_by_passphrase", by_passphrase),
        ("sealed_by_key_file_2", by_key),
    ] {
        let path = folder.path().join(field);
        fs::write(&path, hex_parse(text(field)).unwrap()).unwrap();
        let vault = SoftwareVault::open(&path, &unlock).unwrap();
        let message = hex_parse(text("message")).unwrap();
        assert_eq!(
            vault.public(SigningHandle::Server(0)).unwrap().0,
            array(text("server_public")),
            "{field}"
        );
        assert_eq!(vault.kem_public(KemHandle::Issuer).unwrap().0, array(text("issuer_public")), "{field}");
        assert_eq!(vault.sign(SigningHandle::Server(0), &message), Ok(array(text("signature"))), "{field}");
        let context = hex_parse(text("authenticator")).unwrap();
        let account = Derivation { label: ACCOUNT_LABEL, context: &context };
        let (parts, proof) = ([message.as_slice()], array(text("account_proof")));
        assert!(vault.derived_mac_holds(MasterHandle::Account, &account, &parts, &proof), "{field}");
        let later = if field == "sealed_by_key_file_2" { 2 } else { 0 };
        for place in 0..2 {
            let handle = SigningHandle::Server(u32::try_from(place + 1).unwrap());
            let row = |name: &str| file[name][place].as_str().unwrap();
            let public = (place < later).then(|| VerifyingKey(array(row("drawn_public"))));
            let signature = (place < later).then(|| array(row("drawn_signature")));
            assert_eq!(vault.public(handle).ok(), public, "{field}");
            assert_eq!(vault.sign(handle, &message).ok(), signature, "{field}");
        }
    }
}
