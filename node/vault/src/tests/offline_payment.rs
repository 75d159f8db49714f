//! The adapter for system 01: what the server's edge builds with it, the device's side opens and proves.
use super::keys;
use crate::{
    ACCOUNT_LABEL, Derivation, HPKE_SUITE, KemHandle, MasterHandle, OfflinePaymentKeys, SigningHandle,
    SoftwareVault, Vault, VaultError,
};
use symbolon_keys::{Crypto, CryptoError, HashAlgorithm, KemKey, KemPublic, RustCrypto, VerifyingKey};
use symbolon_offline_payment::messages::{AuthenticatorId, DeviceLimits, Enrolment, SealedBox};
use symbolon_offline_payment::server::{Edge, IssuerKeys};
use symbolon_offline_payment::state::EnrolledOutcome;
use symbolon_proof::Raw;
use symbolon_proof::hpke::{Sealed, open_base, seal_base};
use symbolon_types::{Amount, Currency, Secret, UnixSeconds};

const ONE: AuthenticatorId = AuthenticatorId([1; 16]);
const TWO: AuthenticatorId = AuthenticatorId([2; 16]);

fn device() -> KemKey {
    KemKey::from_private(Secret::new([7; 32]))
}

fn account_key(keys: &dyn IssuerKeys, of: &AuthenticatorId) -> Vec<u8> {
    let (to, seed) = (device().public(&RustCrypto), Secret::new([8; 32]));
    let sealed = keys.seal_account_key(of, &to, b"info", &seed).unwrap();
    let open =
        |aad: &[u8]| open_base(&RustCrypto, HPKE_SUITE, &device(), b"info", aad, &sealed.clone().into());
    assert!(open(b"another id").is_err());
    open(of.as_bytes()).unwrap().reveal().clone()
}

#[test]
fn the_account_key_that_a_device_receives_is_the_one_under_which_its_proofs_hold() {
    let vault = SoftwareVault::from_keys(keys());
    let keys = OfflinePaymentKeys::new(&vault).unwrap();
    let key = account_key(&keys, &ONE);
    assert_ne!(key, account_key(&keys, &TWO));
    let parts: [&[u8]; 2] = [b"token", b"random"];
    let proof = RustCrypto.hmac(HashAlgorithm::Sha256, &key, &parts).reveal().as_slice().try_into().unwrap();
    assert!(keys.proof_holds(&ONE, &parts, &proof));
    assert!(!keys.proof_holds(&TWO, &parts, &proof), "another authenticator's key");
    assert!(!keys.proof_holds(&ONE, &[b"token", b"randoM"], &proof));
    assert!(!keys.proof_holds(&ONE, &parts, &[0; 32]));
    let by_hand = Derivation { label: ACCOUNT_LABEL, context: &[1; 16] };
    assert!(vault.derived_mac_holds(MasterHandle::Account, &by_hand, &parts, &proof));
    assert_eq!(ACCOUNT_LABEL, "symbolon/offline-payment/account");
    let small_order = keys.seal_account_key(&ONE, &KemPublic([0; 32]), b"info", &Secret::new([8; 32]));
    assert_eq!(small_order, Err(CryptoError));
}

#[test]
fn audits_open_and_the_server_signs() {
    let vault = SoftwareVault::from_keys(keys());
    let keys = OfflinePaymentKeys::new(&vault).unwrap();
    let to = keys.issuer();
    let sealed: SealedBox =
        seal_base(&RustCrypto, HPKE_SUITE, &to, b"info", b"aad", b"audit", &Secret::new([9; 32]))
            .unwrap()
            .into();
    assert_eq!(keys.open_for_issuer(&sealed, b"info", b"aad").unwrap().reveal().as_slice(), b"audit");
    assert!(keys.open_for_issuer(&sealed, b"info", b"aaD").is_err());
    let signature = keys.signer().sign(b"message").unwrap();
    assert_eq!(Ok(keys.signer().verifying_key()), vault.public(SigningHandle::Server(0)));
    assert!(keys.signer().verifying_key().verify(&RustCrypto, b"message", &signature).is_ok());
}

#[test]
fn each_generation_signs_as_itself() {
    let vault = SoftwareVault::from_keys(keys());
    assert_eq!(vault.draw_signing(&[1; 16], 0, &Secret::new([2; 32])), Ok(1));
    let (old, new) = (OfflinePaymentKeys::new(&vault).unwrap(), OfflinePaymentKeys::of(&vault, 1).unwrap());
    assert!(OfflinePaymentKeys::of(&vault, 2).is_err() && new.of_generation(2).is_none());
    let (first, second) = (old.signer().verifying_key(), new.signer().verifying_key());
    assert_ne!(first, second);
    assert_eq!(old.issuer(), new.issuer());
    let signature = new.signer().sign(b"message").unwrap();
    assert!(second.verify(&RustCrypto, b"message", &signature).is_ok());
    assert!(first.verify(&RustCrypto, b"message", &signature).is_err());
    let former = new.of_generation(0).unwrap();
    assert_eq!(former.verifying_key(), first);
    assert_eq!(former.sign(b"message"), old.signer().sign(b"message"));
}

/// An older copy that has drawn again, and one that has not: neither signs for the log that knows another key.
#[test]
fn a_key_that_the_log_does_not_know_signs_nothing() {
    let (vault, older) = (SoftwareVault::from_keys(keys()), SoftwareVault::from_keys(keys()));
    assert_eq!(vault.draw_signing(&[1; 16], 0, &Secret::new([2; 32])), Ok(1));
    let key = vault.public(SigningHandle::Server(1)).unwrap();
    let of = |vault: &SoftwareVault, logged| {
        OfflinePaymentKeys::known(vault, logged).map(|keys| keys.signer().verifying_key())
    };
    assert_eq!(of(&vault, (1, Some(key))), Ok(key));
    assert_eq!(of(&older, (0, None)), vault.public(SigningHandle::Server(0)));
    let other = Err(VaultError::OtherKey { generation: 1 });
    assert_eq!(of(&older, (1, Some(key))), other);
    assert_eq!(older.draw_signing(&[1; 16], 0, &Secret::new([3; 32])), Ok(1));
    assert_eq!(of(&older, (1, Some(key))), other);
}

/// Through the server's edge: the enrolment verifies under the vault's key and brings the account key.
#[test]
fn an_enrolment_is_sealed_through_the_edge() {
    let vault = SoftwareVault::from_keys(keys());
    let keys = OfflinePaymentKeys::new(&vault).unwrap();
    let edge = Edge { crypto: &RustCrypto, keys: &keys };
    let cumulative = Amount::new(10_000, Currency::EUR).unwrap();
    let outcome = EnrolledOutcome {
        authenticator: ONE,
        kem: device().public(&RustCrypto),
        iat: UnixSeconds(1_700_000_000),
        limits: DeviceLimits { cumulative, count: 5, pool: 5, attempts: 3 },
        seed: [6; 32],
    };
    let bytes = edge.seal_enrolment(&outcome).unwrap();
    assert_eq!(edge.seal_enrolment(&outcome).unwrap(), bytes, "a repeat seals the same bytes");
    let server = vault.public(SigningHandle::Server(0)).unwrap();
    let parse = || Raw(&bytes.0).parse::<Enrolment>().unwrap();
    assert!(parse().verify(&RustCrypto, &VerifyingKey(device().public(&RustCrypto).0)).is_err());
    let body = parse().verify(&RustCrypto, &server).unwrap().into_claims().body;
    assert_eq!(body.issuer, keys.issuer());
    let sealed: Sealed = body.account_key.into();
    let info = b"sop/acct/v1";
    let key = open_base(&RustCrypto, HPKE_SUITE, &device(), info, ONE.as_bytes(), &sealed).unwrap();
    assert_eq!(key.reveal(), &account_key(&keys, &ONE));
}

/// An engine that was reached once, for its public keys, and then no more.
struct Unplugged(SoftwareVault);

const GONE: VaultError = VaultError::Io(std::io::ErrorKind::NotConnected);

impl Vault for Unplugged {
    fn public(&self, handle: SigningHandle) -> Result<VerifyingKey, VaultError> {
        self.0.public(handle)
    }
    fn sign(&self, _: SigningHandle, _: &[u8]) -> Result<[u8; 64], VaultError> {
        Err(GONE)
    }
    fn drawn_signing(&self, _: &[u8; 16]) -> Result<Option<u32>, VaultError> {
        Err(GONE)
    }
    fn draw_signing(&self, _: &[u8; 16], _: u32, _: &Secret<[u8; 32]>) -> Result<u32, VaultError> {
        Err(GONE)
    }
    fn kem_public(&self, handle: KemHandle) -> Result<KemPublic, VaultError> {
        self.0.kem_public(handle)
    }
    fn hpke_open(&self, _: KemHandle, _: &[u8], _: &[u8], _: &Sealed) -> Result<Secret<Vec<u8>>, VaultError> {
        Err(GONE)
    }
    fn derived_mac_holds(&self, _: MasterHandle, _: &Derivation<'_>, _: &[&[u8]], _: &[u8; 32]) -> bool {
        false
    }
    fn seal_derived_key(
        &self,
        _: MasterHandle,
        _: &Derivation<'_>,
        _: &KemPublic,
        _: &[u8],
        _: &[u8],
        _: &Secret<[u8; 32]>,
    ) -> Result<Sealed, VaultError> {
        Err(GONE)
    }
}

#[test]
fn an_engine_that_cannot_be_reached_is_one_refusal() {
    let vault = Unplugged(SoftwareVault::from_keys(keys()));
    let keys = OfflinePaymentKeys::new(&vault).unwrap();
    assert_eq!(keys.signer().sign(b"message"), Err(CryptoError));
    let sealed = SealedBox { enc: [9; 32], ciphertext: Vec::new().into() };
    assert!(keys.open_for_issuer(&sealed, b"", b"").is_err());
    assert!(!keys.proof_holds(&ONE, &[], &[0; 32]));
    let to = device().public(&RustCrypto);
    assert_eq!(keys.seal_account_key(&ONE, &to, b"", &Secret::new([1; 32])), Err(CryptoError));
}
