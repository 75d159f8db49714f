//! What every engine behind [`Vault`] must do: `vault_test!(name, (guard, vault))`.
//!
//! A case knows no key of the vault: it holds operations against each other and against [`RustCrypto`](symbolon_keys::RustCrypto) on
//! the outside.
#![allow(clippy::unwrap_used, reason = "a case fails by panicking")]
use crate::{Derivation, HPKE_SUITE, KemHandle, MasterHandle, SigningHandle, Vault, VaultError};
use symbolon_keys::{Crypto, HashAlgorithm, KemKey, KemPublic, RustCrypto};
use symbolon_proof::hpke::{Sealed, open_base, seal_base};
use symbolon_types::Secret;

/// Makes a module of tests, `$name`, each against the vault that `$fresh` makes: `(guard, vault)`, the guard kept while it is used.
#[macro_export]
macro_rules! vault_test {
    ($name:ident, $fresh:expr) => {
        mod $name {
            #[test]
            fn a_signature_verifies_and_repeats() {
                let (_guard, vault) = $fresh;
                $crate::conformance::a_signature_verifies_and_repeats(&vault);
            }
            #[test]
            fn generations_are_drawn_once_and_sign_apart() {
                let (_guard, vault) = $fresh;
                $crate::conformance::generations_are_drawn_once_and_sign_apart(&vault);
            }
            #[test]
            fn what_is_sealed_to_the_vault_opens_unchanged_only() {
                let (_guard, vault) = $fresh;
                $crate::conformance::what_is_sealed_to_the_vault_opens_unchanged_only(&vault);
            }
            #[test]
            fn a_derived_key_is_sealed_to_its_recipient() {
                let (_guard, vault) = $fresh;
                $crate::conformance::a_derived_key_is_sealed_to_its_recipient(&vault);
            }
            #[test]
            fn a_mac_holds_under_its_derived_key_only() {
                let (_guard, vault) = $fresh;
                $crate::conformance::a_mac_holds_under_its_derived_key_only(&vault);
            }
            #[test]
            fn derivations_are_framed() {
                let (_guard, vault) = $fresh;
                $crate::conformance::derivations_are_framed(&vault);
            }
        }
    };
}

const DERIVATION: Derivation<'static> = Derivation { label: "vault_test", context: b"one" };
const INFO: &[u8] = b"info";
const AAD: &[u8] = b"aad";

/// Each sealed box that differs from `sealed` in one bit of one byte, or in its length.
fn changes(sealed: &Sealed) -> Vec<Sealed> {
    let bytes = [sealed.enc.as_slice(), &sealed.ciphertext].concat();
    let parse = |bytes: &[u8]| {
        let (enc, ciphertext) = bytes.split_first_chunk::<32>().unwrap();
        Sealed { enc: *enc, ciphertext: ciphertext.to_vec() }
    };
    let flipped = (0..bytes.len()).map(|place| {
        let flip = |(at, byte): (usize, &u8)| if at == place { byte ^ 0x80 } else { *byte };
        parse(&bytes.iter().enumerate().map(flip).collect::<Vec<u8>>())
    });
    let (_, shorter) = bytes.split_last().unwrap();
    flipped.chain([parse(shorter), parse(&[bytes.as_slice(), &[0]].concat())]).collect()
}

fn recipient() -> KemKey {
    KemKey::from_private(Secret::new([7; 32]))
}

fn derived(vault: &dyn Vault, derivation: &Derivation<'_>) -> Vec<u8> {
    let to = recipient().public(&RustCrypto);
    let ephemeral = Secret::new([8; 32]);
    let sealed =
        vault.seal_derived_key(MasterHandle::Account, derivation, &to, INFO, AAD, &ephemeral).unwrap();
    open_base(&RustCrypto, HPKE_SUITE, &recipient(), INFO, AAD, &sealed).unwrap().reveal().clone()
}

fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    RustCrypto.hmac(HashAlgorithm::Sha256, key, &[message]).reveal().as_slice().try_into().unwrap()
}

fn holds(vault: &dyn Vault, derivation: &Derivation<'_>, parts: &[&[u8]], tag: &[u8; 32]) -> bool {
    vault.derived_mac_holds(MasterHandle::Account, derivation, parts, tag)
}

/// RFC 8032: deterministic, and strict verification under the public key that the vault names.
pub fn a_signature_verifies_and_repeats(vault: &dyn Vault) {
    let public = vault.public(SigningHandle::Server(0)).unwrap();
    assert_eq!(vault.public(SigningHandle::Server(0)), Ok(public));
    for message in [b"".as_slice(), b"message", &[0xA5; 5000]] {
        let signature = vault.sign(SigningHandle::Server(0), message).unwrap();
        assert_eq!(vault.sign(SigningHandle::Server(0), message), Ok(signature));
        assert!(public.verify(&RustCrypto, message, &signature).is_ok());
        assert!(public.verify(&RustCrypto, b"another message", &signature).is_err());
    }
}

/// Generations rise from 1, one for each ticket; each signs under a key of its own, and those before go on signing.
pub fn generations_are_drawn_once_and_sign_apart(vault: &dyn Vault) {
    let draw = |ticket: u8, heard: u32, entropy: u8| {
        vault.draw_signing(&[ticket; 16], heard, &Secret::new([entropy; 32]))
    };
    let first = vault.public(SigningHandle::Server(0)).unwrap();
    assert_eq!(vault.public(SigningHandle::Server(1)), Err(VaultError::Refused));
    assert_eq!(vault.sign(SigningHandle::Server(1), b"message"), Err(VaultError::Refused));
    assert_eq!((draw(1, 0, 1), draw(2, 1, 2)), (Ok(1), Ok(2)));
    let publics: Vec<_> = (0..3).map(|of| vault.public(SigningHandle::Server(of)).unwrap()).collect();
    assert_eq!(publics.first(), Some(&first));
    for (place, generation) in (0..3).enumerate() {
        let signature = vault.sign(SigningHandle::Server(generation), b"message").unwrap();
        let under: Vec<_> =
            publics.iter().map(|key| key.verify(&RustCrypto, b"message", &signature).is_ok()).collect();
        assert_eq!(under, (0..3).map(|other| other == place).collect::<Vec<_>>());
    }
    assert_eq!((draw(1, 2, 3), draw(2, 2, 3)), (Ok(1), Ok(2)), "the same ticket, the same generation");
    assert_eq!(vault.public(SigningHandle::Server(1)).ok().as_ref(), publics.get(1));
    assert_eq!(vault.public(SigningHandle::Server(u32::MAX)), Err(VaultError::Refused));
    // Of a generation that nobody heard of the key stays and the ticket goes over.
    assert_eq!(vault.drawn_signing(&[2; 16]), Ok(Some(2)));
    assert_eq!((draw(3, 1, 4), vault.drawn_signing(&[2; 16])), (Ok(2), Ok(None)));
    assert_eq!(vault.public(SigningHandle::Server(2)).ok().as_ref(), publics.get(2));
    assert_eq!((draw(3, 2, 5), draw(4, 2, 6)), (Ok(2), Ok(3)));
}

/// RFC 9180 base mode; every change of a box, of info and of aad is refused.
pub fn what_is_sealed_to_the_vault_opens_unchanged_only(vault: &dyn Vault) {
    let public = vault.kem_public(KemHandle::Issuer).unwrap();
    assert_eq!(vault.kem_public(KemHandle::Issuer), Ok(public));
    let seal = |to: &KemPublic, plaintext: &[u8]| {
        seal_base(&RustCrypto, HPKE_SUITE, to, INFO, AAD, plaintext, &Secret::new([9; 32])).unwrap()
    };
    let open = |info: &[u8], aad: &[u8], sealed: &Sealed| {
        vault.hpke_open(KemHandle::Issuer, info, aad, sealed).map(|plaintext| plaintext.reveal().clone())
    };
    for plaintext in [b"".as_slice(), b"plaintext", &[0x5A; 5000]] {
        assert_eq!(open(INFO, AAD, &seal(&public, plaintext)).as_deref(), Ok(plaintext));
    }
    let sealed = seal(&public, b"plaintext");
    assert_eq!(open(b"other", AAD, &sealed), Err(VaultError::Refused));
    assert_eq!(open(INFO, b"other", &sealed), Err(VaultError::Refused));
    assert_eq!(
        open(INFO, AAD, &seal(&recipient().public(&RustCrypto), b"plaintext")),
        Err(VaultError::Refused)
    );
    for changed in changes(&sealed) {
        assert_eq!(open(INFO, AAD, &changed), Err(VaultError::Refused), "{changed:?}");
    }
    let small_order = Sealed { enc: [0; 32], ..sealed.clone() };
    assert_eq!(open(INFO, AAD, &small_order), Err(VaultError::Refused));
    assert_eq!(open(INFO, AAD, &sealed).as_deref(), Ok(b"plaintext".as_slice()));
}

/// 32 bytes, the same for every recipient, sealed repeatably; a recipient of small order is refused.
pub fn a_derived_key_is_sealed_to_its_recipient(vault: &dyn Vault) {
    let other = KemKey::from_private(Secret::new([17; 32]));
    let seal = |to: &KemPublic, ephemeral: u8| {
        let ephemeral = Secret::new([ephemeral; 32]);
        vault.seal_derived_key(MasterHandle::Account, &DERIVATION, to, INFO, AAD, &ephemeral)
    };
    let to = other.public(&RustCrypto);
    let sealed = seal(&to, 1).unwrap();
    assert_eq!(seal(&to, 1).as_ref(), Ok(&sealed));
    assert_ne!(seal(&to, 2).unwrap().enc, sealed.enc);
    let open = |key: &KemKey, info: &[u8], aad: &[u8]| {
        open_base(&RustCrypto, HPKE_SUITE, key, info, aad, &sealed).map(|key| key.reveal().clone())
    };
    let key = open(&other, INFO, AAD).unwrap();
    assert_eq!(key.len(), 32);
    assert_eq!(key, derived(vault, &DERIVATION));
    assert!(open(&recipient(), INFO, AAD).is_err());
    assert!(open(&other, b"other", AAD).is_err());
    assert!(open(&other, INFO, b"other").is_err());
    assert_eq!(seal(&KemPublic([0; 32]), 1), Err(VaultError::Refused));
}

/// The tag is over the parts one after the other; another key, message or tag does not hold.
pub fn a_mac_holds_under_its_derived_key_only(vault: &dyn Vault) {
    let tag = mac(&derived(vault, &DERIVATION), b"message");
    assert!(holds(vault, &DERIVATION, &[b"message"], &tag));
    assert!(holds(vault, &DERIVATION, &[b"mes", b"", b"sage"], &tag));
    assert!(!holds(vault, &DERIVATION, &[b"massage"], &tag));
    assert!(!holds(vault, &DERIVATION, &[b"message", b"\0"], &tag));
    assert!(!holds(vault, &DERIVATION, &[], &tag));
    for place in 0..32 {
        for bit in [1, 0x80] {
            let mut wrong = tag;
            wrong.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= bit);
            assert!(!holds(vault, &DERIVATION, &[b"message"], &wrong), "byte {place}");
        }
    }
    let empty = mac(&derived(vault, &DERIVATION), b"");
    assert!(holds(vault, &DERIVATION, &[], &empty));
}

/// Label and context do not run into each other, and each of them counts.
pub fn derivations_are_framed(vault: &dyn Vault) {
    let derivations = [
        Derivation { label: "ab", context: b"c" },
        Derivation { label: "a", context: b"bc" },
        Derivation { label: "abc", context: b"" },
        Derivation { label: "ab", context: b"d" },
        Derivation { label: "ab", context: b"c\0" },
    ];
    for of in &derivations {
        let tag = mac(&derived(vault, of), b"message");
        for by in &derivations {
            assert_eq!(holds(vault, by, &[b"message"], &tag), of == by, "{of:?} {by:?}");
        }
    }
}
