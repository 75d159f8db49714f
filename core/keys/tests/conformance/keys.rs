//! Key types: their encodings, their ids, and what is derived.
use super::{array, bytes, lacks, rows, text};
use symbolon_keys::{
    Algorithm, Crypto, Es256Key, Es256VerifyingKey, KemKey, KemPublic, KeyId, LocalSigner, P256KemKey,
    P256KemPublic, Signer, SigningKey, VerifyingKey, derive32, hkdf_expand, hkdf_extract, hkdf_label,
};
use symbolon_types::{Secret, hex_upper};
use symbolon_wire::cbor::{from_slice, to_vec};

/// COSE_Keys in their one form; the member that differs, is missing or is too many is refused.
pub fn cose_keys(_: &dyn Crypto) {
    let x = "55".repeat(32);
    let read = |hex: String| {
        let bytes = super::hex(&hex);
        (from_slice::<VerifyingKey>(&bytes).is_ok(), from_slice::<KemPublic>(&bytes).is_ok())
    };
    assert_eq!(hex_upper(&to_vec(&VerifyingKey([0x55; 32]))), format!("A301012006215820{x}"));
    assert_eq!(hex_upper(&to_vec(&KemPublic([0x55; 32]))), format!("A301012004215820{x}"));
    assert_eq!(read(format!("A301012006215820{x}")), (true, false), "Ed25519");
    assert_eq!(read(format!("A301012004215820{x}")), (false, true), "X25519");
    for (why, hex) in [
        ("EC2", format!("A301022006215820{x}")),
        ("Ed448", format!("A301012007215820{x}")),
        ("members out of order", format!("A320060101215820{x}")),
        ("no curve", format!("A20101215820{x}")),
        ("with alg", format!("A4010103272006215820{x}")),
        ("a byte short", format!("A30101200621581F{}", "55".repeat(31))),
        ("trailing byte", format!("A301012006215820{x}00")),
    ] {
        assert_eq!(read(hex), (false, false), "{why}");
    }
}

/// COSE_Keys on P-256; thumbprint and id by RFC 9679 §3. What a key is for is its reader's type.
pub fn p256_cose_keys(crypto: &dyn Crypto) {
    let (x, y) = ("55".repeat(32), "66".repeat(32));
    let read = |hex: String| {
        let bytes = super::hex(&hex);
        (from_slice::<Es256VerifyingKey>(&bytes).is_ok(), from_slice::<P256KemPublic>(&bytes).is_ok())
    };
    let cose_key = format!("A401022001215820{x}225820{y}");
    let key: Es256VerifyingKey = from_slice(&super::hex(&cose_key)).unwrap();
    let kem: P256KemPublic = from_slice(&super::hex(&cose_key)).unwrap();
    assert_eq!((key.0, &key.0[..32], &key.0[32..]), (kem.0, &[0x55; 32][..], &[0x66; 32][..]));
    assert_eq!((hex_upper(&to_vec(&key)), hex_upper(&to_vec(&kem))), (cose_key.clone(), cose_key.clone()));
    assert_eq!(hex_upper(&key.to_sec1()), format!("04{x}{y}"));
    assert_eq!(Es256VerifyingKey::from_sec1(&key.to_sec1()), Some(key));
    for (why, hex) in
        [("a byte short", format!("04{x}{}", "66".repeat(31))), ("compressed", format!("02{x}"))]
    {
        assert_eq!(P256KemPublic::from_sec1(&super::hex(&hex)), None, "{why}");
    }
    assert_eq!(P256KemPublic::from_sec1(&super::hex(&format!("06{x}{y}"))), None, "hybrid");
    assert_eq!(key.thumbprint(crypto), crypto.sha256(&[&super::hex(&cose_key)]));
    assert_eq!(key.id(crypto).0, key.thumbprint(crypto).0[..8]);
    assert_eq!(kem.id(crypto), key.id(crypto));
    for (why, hex) in [
        ("OKP", format!("A401012001215820{x}225820{y}")),
        ("P-384", format!("A401022002215820{x}225820{y}")),
        ("no y", format!("A301022001215820{x}")),
        ("y as a sign", format!("A401022001215820{x}22F5")),
        ("members out of order", format!("A401022001225820{y}215820{x}")),
        ("with alg", format!("A5010203262001215820{x}225820{y}")),
        ("a byte short", format!("A401022001215820{x}22581F{}", "66".repeat(31))),
        ("trailing byte", format!("A401022001215820{x}225820{y}00")),
    ] {
        assert_eq!(read(hex), (false, false), "{why}");
    }
    assert_eq!(read(cose_key), (true, true));
}

/// A thumbprint is SHA-256 of the COSE_Key (RFC 9679 §3); the id is its first eight bytes.
pub fn key_ids(crypto: &dyn Crypto) {
    let key = VerifyingKey([0x55; 32]);
    let cose_key = [super::hex("A301012006215820"), vec![0x55; 32]].concat();
    assert_eq!(key.thumbprint(crypto), crypto.sha256(&[&cose_key]));
    // Computed with Python's hashlib over the same bytes.
    assert_eq!(key.id(crypto).to_string(), "F25C2CD8E331A02C");
    assert_ne!(key.id(crypto), VerifyingKey([0x54; 32]).id(crypto));
    assert_eq!(hex_upper(&to_vec(&KeyId([1; 8]))), "480101010101010101");
}

/// A signer's signature verifies under its own key, on its own message only.
pub fn signers(crypto: &dyn Crypto) {
    if lacks(crypto, Algorithm::Ed25519) {
        return;
    }
    let key = SigningKey::from_seed(Secret::new([7; 32]));
    let signer = LocalSigner { crypto, key: &key };
    let public = signer.verifying_key();
    let signature = signer.sign(b"message").unwrap();
    assert_eq!(public, key.verifying(crypto));
    assert_eq!(signature, signer.sign(b"message").unwrap(), "the same again");
    assert!(public.verify(crypto, b"message", &signature).is_ok());
    assert!(public.verify(crypto, b"Message", &signature).is_err());
    let other = SigningKey::from_seed(Secret::new([8; 32])).verifying(crypto);
    assert!(other.verify(crypto, b"message", &signature).is_err());
}

/// A signature verifies under its own key, on its own message only; a private key out of range is none.
pub fn es256_signers(crypto: &dyn Crypto) {
    if lacks(crypto, Algorithm::EcdsaP256Sha256) {
        return;
    }
    let key = |byte| Es256Key::from_private(crypto, Secret::new([byte; 32]));
    let (ours, other) = (key(7).unwrap(), key(8).unwrap());
    let signature = ours.sign(crypto, b"message").unwrap();
    assert!(ours.verifying().verify(crypto, b"message", &signature).is_ok());
    assert!(ours.verifying().verify(crypto, b"Message", &signature).is_err());
    assert!(other.verifying().verify(crypto, b"message", &signature).is_err());
    assert!(Es256VerifyingKey([7; 64]).verify(crypto, b"message", &signature).is_err(), "not on the curve");
    assert!(key(0).is_err() && key(0xFF).is_err());
    assert_eq!(ours.private().reveal(), &[7; 32]);
    assert!(format!("{ours:?}").starts_with("Es256Key { private: Secret(…)"));
}

/// The agreement of RFC 9180 Appendix A's pairs is the same from both sides; a key of small order is refused.
pub fn kem_keys(crypto: &dyn Crypto) {
    if lacks(crypto, Algorithm::X25519) {
        return;
    }
    for row in rows("hpke").iter().filter(|row| row["kind"] == "setup" && row["kem_id"] == 32) {
        let key = |field| KemKey::from_private(Secret::new(array(text(row, field))));
        let (ours, theirs) = (key("skEm"), key("skRm"));
        assert_eq!(bytes(row, "pkRm"), theirs.public(crypto).0);
        assert_eq!(bytes(row, "pkRm"), theirs.clone().paired(crypto).public(crypto).0);
        let shared = ours.agree(crypto, &theirs.public(crypto)).unwrap();
        assert!(shared.equals(theirs.agree(crypto, &ours.public(crypto)).unwrap().reveal()));
        assert!(ours.agree(crypto, &KemPublic([0; 32])).is_err());
    }
}

/// The same on P-256; a point that is not on the curve, and a private key out of range, are refused.
pub fn p256_kem_keys(crypto: &dyn Crypto) {
    if lacks(crypto, Algorithm::EcdhP256) {
        return;
    }
    let key = |private| P256KemKey::from_private(crypto, Secret::new(private));
    let mut seen = 0;
    for row in rows("hpke").iter().filter(|row| row["kind"] == "setup" && row["kem_id"] == 16) {
        seen += 1;
        let (ours, theirs) = (key(array(text(row, "skEm"))).unwrap(), key(array(text(row, "skRm"))).unwrap());
        assert_eq!(bytes(row, "pkRm"), theirs.public().to_sec1());
        assert_eq!(bytes(row, "pkEm"), ours.public().to_sec1());
        let shared = ours.agree(crypto, &theirs.public()).unwrap();
        assert!(shared.equals(theirs.agree(crypto, &ours.public()).unwrap().reveal()));
        assert!(ours.agree(crypto, &P256KemPublic([0; 64])).is_err());
    }
    assert_eq!(seen, 2);
    assert!(key([1; 32]).is_ok() && key([0; 32]).is_err() && key([0xFF; 32]).is_err());
}

/// Label, context and length each change the whole value, and parts do not run into one another.
pub fn derived_values(crypto: &dyn Crypto) {
    let seed = [9; 32];
    let value = |label: &[u8], context: &[&[u8]]| *derive32(crypto, &seed, label, context).reveal();
    let values = [
        value(b"ab", &[]),
        value(b"a", &[]),
        value(b"a", &[b"b"]),
        value(b"", &[b"ab"]),
        value(b"ab", &[b""]),
        value(b"a", &[b"b", b""]),
        *derive32(crypto, &[8; 32], b"ab", &[]).reveal(),
    ];
    for (at, one) in values.iter().enumerate() {
        assert!(values.iter().skip(at + 1).all(|other| one != other), "{at}");
    }
    // By RFC 5869 with the frame written out: length 32, then each part behind its length.
    let info = b"\x00\x20\x00\x00\x00\x01a\x00\x00\x00\x01b";
    let prk = hkdf_extract(crypto, &[], &[&seed]);
    let expect = hkdf_expand(crypto, prk.reveal(), &[info], 32).unwrap();
    assert!(expect.equals(&value(b"a", &[b"b"])));
    let labelled = |len| hkdf_label(crypto, &seed, "ab", len);
    assert!(labelled(32).unwrap().equals(&value(b"ab", &[])));
    assert!(!labelled(33).unwrap().reveal().starts_with(&value(b"ab", &[])));
    assert!(labelled(8160).is_ok() && labelled(8161).is_err() && labelled(65_536).is_err());
}
