//! The two providers on random inputs: equal answers, or both a refusal. Inputs are right, nearly right, and arbitrary.
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use symbolon_crypto::AwsLc;
use symbolon_keys::{
    Aead, AesCcm, Algorithm, CcmKey, CcmNonce, CcmTag, Crypto, Curve, HashAlgorithm, RustCrypto,
};

const BOTH: [&dyn Crypto; 2] = [&RustCrypto, &AwsLc];

const HASHES: [HashAlgorithm; 4] =
    [HashAlgorithm::Sha1, HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512];
const CURVES: [Curve; 3] = [Curve::P256, Curve::P384, Curve::P521];

fn aeads() -> Vec<Aead> {
    let mut aeads = vec![Aead::Aes128Gcm, Aead::Aes192Gcm, Aead::Aes256Gcm, Aead::ChaCha20Poly1305];
    for key in [CcmKey::Bits128, CcmKey::Bits256] {
        for tag in [CcmTag::Bits64, CcmTag::Bits128] {
            for nonce in [CcmNonce::Bytes7, CcmNonce::Bytes13] {
                aeads.push(Aead::AesCcm(AesCcm { key, tag, nonce }));
            }
        }
    }
    aeads
}

fn bytes(len_max: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..=len_max)
}

/// Both answers, which must be equal.
fn same<T: PartialEq + std::fmt::Debug>(ask: impl Fn(&dyn Crypto) -> T) -> Result<T, TestCaseError> {
    let [ours, theirs] = BOTH.map(ask);
    prop_assert_eq!(&ours, &theirs);
    Ok(ours)
}

/// As [`same`], where the answer itself is of no interest.
fn agree<T: PartialEq + std::fmt::Debug>(ask: impl Fn(&dyn Crypto) -> T) -> Result<(), TestCaseError> {
    same(ask).map(drop)
}

/// A change that a test makes: none, one bit, a byte less or more, or a tag of a point.
#[derive(Clone, Debug)]
enum Change {
    None,
    Bit(Index, u8),
    Shorter,
    Longer(u8),
    First(u8),
    Tail(Index, u8),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => Just(Change::None),
        3 => (any::<Index>(), 0..8u8).prop_map(|(at, bit)| Change::Bit(at, bit)),
        1 => Just(Change::Shorter),
        1 => any::<u8>().prop_map(Change::Longer),
        2 => (0..9u8).prop_map(Change::First),
        1 => (any::<Index>(), prop_oneof![Just(0), Just(0xFF)]).prop_map(|(from, fill)| Change::Tail(from, fill)),
    ]
}

impl Change {
    fn of(&self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        if bytes.is_empty() {
            return bytes;
        }
        match self {
            Self::None => {}
            Self::Bit(at, bit) => *at.get_mut(&mut bytes) ^= 1 << bit,
            Self::Shorter => drop(bytes.pop()),
            Self::Longer(byte) => bytes.push(*byte),
            Self::First(tag) => bytes[0] = *tag,
            Self::Tail(from, fill) => {
                let from = from.index(bytes.len());
                bytes[from..].fill(*fill);
            }
        }
        bytes
    }

    fn of_array<const N: usize>(&self, bytes: &[u8; N]) -> [u8; N] {
        self.of(bytes).try_into().unwrap_or(*bytes)
    }
}

#[test]
fn aws_lc_lists_what_rustcrypto_lists_but_repeatable_signatures() {
    let missing: Vec<Algorithm> =
        RustCrypto.algorithms().iter().filter(|one| !AwsLc.algorithms().contains(one)).copied().collect();
    assert_eq!(missing, [Algorithm::EcdsaRfc6979]);
    assert!(AwsLc.algorithms().iter().all(|one| RustCrypto.algorithms().contains(one)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn hashes_and_hmac(key in bytes(200), parts in vec(bytes(150), 0..4)) {
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        agree(|crypto| crypto.sha256(&parts))?;
        for hash in HASHES {
            agree(|crypto| crypto.digest(hash, &parts))?;
            agree(|crypto| crypto.hmac(hash, &key, &parts).reveal().clone())?;
        }
    }

    #[test]
    fn aes_macs(key in bytes(34), aes_key in (0..3usize, any::<[u8; 32]>()), parts in vec(bytes(50), 0..4)) {
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        for key in [key.as_slice(), &aes_key.1[..16 + 8 * aes_key.0]] {
            agree(|crypto| crypto.aes_cmac(key, &parts).map(|mac| *mac.reveal()))?;
            agree(|crypto| crypto.aes_cbc_mac(key, &parts).map(|mac| *mac.reveal()))?;
        }
    }

    #[test]
    fn aead(
        aead in proptest::sample::select(aeads()),
        key in any::<[u8; 32]>(),
        nonce in any::<[u8; 13]>(),
        texts in (bytes(40), bytes(200)),
        changes in (change(), change(), change(), change()),
    ) {
        let (key, nonce, (aad, plaintext)) = (&key[..aead.key_len()], &nonce[..aead.nonce_len()], texts);
        let sealed = same(|crypto| crypto.aead_seal(aead, key, nonce, &aad, &plaintext))?.unwrap();
        let open = |key: &[u8], nonce: &[u8], aad: &[u8], sealed: &[u8]| {
            same(|crypto| crypto.aead_open(aead, key, nonce, aad, sealed).map(|text| text.reveal().clone()))
        };
        prop_assert_eq!(open(key, nonce, &aad, &sealed)?, Ok(plaintext.clone()));
        let (key, nonce) = (changes.0.of(key), changes.1.of(nonce));
        open(&key, &nonce, &changes.2.of(&aad), &changes.3.of(&sealed))?.ok();
        agree(|crypto| crypto.aead_seal(aead, &key, &nonce, &aad, &plaintext))?;
        open(&key, &nonce, &aad, &plaintext)?.ok();
    }

    #[test]
    fn ed25519(
        seed in any::<[u8; 32]>(),
        message in bytes(100),
        changes in (change(), change(), change()),
        noise in any::<([u8; 32], [u8; 64])>(),
    ) {
        let public = same(|crypto| crypto.ed25519_public(&seed))?;
        let signature = same(|crypto| crypto.ed25519_sign(&seed, &message))?;
        let verify = |public: &[u8; 32], message: &[u8], signature: &[u8; 64]| {
            same(|crypto| crypto.ed25519_verify(public, message, signature))
        };
        prop_assert_eq!(verify(&public, &message, &signature)?, Ok(()));
        verify(&changes.0.of_array(&public), &changes.1.of(&message), &changes.2.of_array(&signature))?.ok();
        verify(&noise.0, &message, &noise.1)?.ok();
    }

    #[test]
    fn x25519(private in any::<[u8; 32]>(), other in any::<[u8; 32]>(), change in change()) {
        let public = same(|crypto| crypto.x25519_public(&private))?;
        for public in [public, other, change.of_array(&public), change.of_array(&[0; 32])] {
            agree(|crypto| crypto.x25519(&other, &public).map(|shared| *shared.reveal()))?;
        }
    }
}

proptest! {
    // P-384 and P-521 are slow in pure Rust.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn ecdsa(
        curve in proptest::sample::select(&CURVES),
        hash in proptest::sample::select(&HASHES),
        private in any::<[[u8; 33]; 2]>(),
        message in bytes(100),
        changes in (change(), change(), change(), change()),
    ) {
        let mut private = private.concat();
        private.truncate(curve.field_len());
        if curve == Curve::P521 {
            // Else nearly every key would be above the order.
            private[0] &= 1;
        }
        let changed = changes.0.of(&private);
        agree(|crypto| crypto.ecdsa_public(curve, &changed))?;
        let Ok(public) = same(|crypto| crypto.ecdsa_public(curve, &private))? else { return Ok(()) };
        for signer in BOTH {
            let signed = signer.ecdsa_sign(curve, hash, &private, &message);
            prop_assert_eq!(signed.is_ok(), Algorithm::ecdsa(curve, hash).is_some());
            let signature = signed.unwrap_or_else(|_| vec![1; 2 * curve.field_len()]);
            let verify = |public: &[u8], message: &[u8], signature: &[u8]| {
                same(|crypto| crypto.ecdsa_verify(curve, hash, public, message, signature))
            };
            prop_assert_eq!(verify(&public, &message, &signature)?.is_ok(), Algorithm::ecdsa(curve, hash).is_some());
            verify(&changes.1.of(&public), &changes.2.of(&message), &changes.3.of(&signature))?.ok();
            verify(&changes.1.of(&public[..=curve.field_len()]), &message, &signature)?.ok();
        }
    }

    #[test]
    fn ecdh(private in any::<[[u8; 32]; 2]>(), change in change(), tag in 0..9u8) {
        let public = same(|crypto| crypto.ecdsa_public(Curve::P256, &private[0]))?;
        let Ok(public) = public else { return Ok(()) };
        let short = [&[tag], &public[1..33]].concat();
        for point in [change.of(&public), public, change.of(&short), short] {
            agree(|crypto| crypto.p256_ecdh(&private[1], &point).map(|shared| *shared.reveal()))?;
        }
        let (private, point) = (change.of_array(&private[1]), RustCrypto.ecdsa_public(Curve::P256, &private[0]).unwrap());
        agree(|crypto| crypto.p256_ecdh(&private, &point).map(|shared| *shared.reveal()))?;
    }
}

/// Argon2id is RustCrypto's on both sides: only that it is reached.
#[test]
fn argon2id() {
    let cost = symbolon_keys::Argon2Cost { memory_kib: 8, passes: 1 };
    let tag = |crypto: &dyn Crypto| crypto.argon2id(b"pin", b"somesalt", b"", cost).map(|tag| *tag.reveal());
    assert_eq!(tag(&AwsLc), tag(&RustCrypto));
    assert!(tag(&AwsLc).is_ok());
}
