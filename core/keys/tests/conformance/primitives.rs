//! The provider's own operations, and HKDF.
use super::{array, bytes, hex, lacks, rows, text};
use symbolon_keys::{
    Aead, Algorithm, Argon2Cost, Crypto, CryptoError, HKDF_LEN_MAX, HashAlgorithm, hkdf_expand, hkdf_extract,
};
use symbolon_types::{Secret, hex_upper};

/// FIPS 180-4, the example "abc", in any partition.
pub fn sha256(crypto: &dyn Crypto) {
    let abc = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
    for parts in [[b"abc".as_slice(), b""], [b"a", b"bc"], [b"", b"abc"]] {
        assert_eq!(crypto.sha256(&parts).to_string(), abc);
    }
    let empty = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855";
    assert_eq!(crypto.sha256(&[]).to_string(), empty);
}

/// RFC 2202 §3 case 2, RFC 4231 §4.3 and §4.7 (a key longer than the block).
pub fn hmac(crypto: &dyn Crypto) {
    let check = |algorithm, hash, key: &[u8], data: &[u8], expect: &str| {
        if lacks(crypto, algorithm) {
            return;
        }
        let (first, last) = data.split_at(data.len() / 2);
        assert_eq!(hex_upper(crypto.hmac(hash, key, &[data]).reveal()), expect);
        assert_eq!(hex_upper(crypto.hmac(hash, key, &[first, &[], last]).reveal()), expect);
        assert_ne!(hex_upper(crypto.hmac(hash, key, &[first]).reveal()), expect);
    };
    let (jefe, question) = (b"Jefe".as_slice(), b"what do ya want for nothing?".as_slice());
    let sha1 = "EFFCDF6AE5EB2FA2D27416D5F184DF9C259A7C79";
    let sha256 = "5BDCC146BF60754E6A042426089575C75A003F089D2739839DEC58B964EC3843";
    let sha512 = "164B7A7BFCF819E2E395FBE73B56E0A387BD64222E831FD610270CD7EA250554\
                  9758BF75C05A994A6D034F65F8F0E6FDCAEAB1A34D4A6B4B636E070A38BCE737";
    check(Algorithm::Sha1, HashAlgorithm::Sha1, jefe, question, sha1);
    check(Algorithm::Sha256, HashAlgorithm::Sha256, jefe, question, sha256);
    check(Algorithm::Sha512, HashAlgorithm::Sha512, jefe, question, sha512);
    let (long_key, long) = ([0xAA; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
    let sha256 = "60E431591EE0B67F0D8A26AACBF5B77F8E0BC6213728C5140546040F0EE37F54";
    check(Algorithm::Sha256, HashAlgorithm::Sha256, &long_key, long, sha256);
}

struct Sealed<'a> {
    id: &'a str,
    aead: Aead,
    key: Vec<u8>,
    nonce: [u8; 12],
    aad: Vec<u8>,
    plaintext: Vec<u8>,
    ciphertext: Vec<u8>,
}

/// Seals to the vector's bytes and opens them; then refuses a change in each input.
fn check_aead(crypto: &dyn Crypto, row: &Sealed<'_>) {
    let Sealed { id, aead, key, nonce, aad, plaintext, ciphertext } = row;
    assert_eq!(crypto.aead_seal(*aead, key, nonce, aad, plaintext).as_ref(), Ok(ciphertext), "{id}");
    let opened = crypto.aead_open(*aead, key, nonce, aad, ciphertext).unwrap();
    assert_eq!(opened.reveal(), plaintext, "{id}");
    let refuse = |key: &[u8], nonce: &[u8; 12], aad: &[u8], ciphertext: &[u8]| {
        assert!(crypto.aead_open(*aead, key, nonce, aad, ciphertext).is_err(), "{id}");
    };
    let flipped = |bytes: &[u8]| -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        bytes
    };
    refuse(&flipped(key), nonce, aad, ciphertext);
    refuse(key, &flipped(nonce).try_into().unwrap(), aad, ciphertext);
    refuse(key, nonce, &[aad.as_slice(), b"."].concat(), ciphertext);
    refuse(key, nonce, aad, &flipped(ciphertext));
    refuse(key, nonce, aad, &ciphertext[..ciphertext.len() - 1]);
    refuse(key, nonce, aad, &ciphertext[..15]);
    refuse(&key[1..], nonce, aad, ciphertext);
    assert_eq!(crypto.aead_seal(*aead, &key[1..], nonce, aad, plaintext), Err(CryptoError), "{id}");
}

/// Wycheproof. The trait takes nonces of 96 bits and keys of 128 and 256 bits: all other rows are counted and left.
pub fn aes_gcm(crypto: &dyn Crypto) {
    let (mut valid, mut invalid, mut left) = (0, 0, 0);
    for row in rows("wycheproof_aes_gcm") {
        let (aead, algorithm) = match row["key_bits"].as_u64() {
            Some(128) => (Aead::Aes128Gcm, Algorithm::Aes128Gcm),
            _ => (Aead::Aes256Gcm, Algorithm::Aes256Gcm),
        };
        let Ok(nonce) = <[u8; 12]>::try_from(bytes(&row, "iv")) else {
            left += 1;
            continue;
        };
        if row["key_bits"] == 192 || lacks(crypto, algorithm) {
            left += 1;
            continue;
        }
        let (key, aad) = (bytes(&row, "key"), bytes(&row, "aad"));
        let ciphertext = [bytes(&row, "ct"), bytes(&row, "tag")].concat();
        if row["result"] == "valid" {
            valid += 1;
            let (id, plaintext) = (text(&row, "id"), bytes(&row, "msg"));
            check_aead(crypto, &Sealed { id, aead, key, nonce, aad, plaintext, ciphertext });
        } else {
            invalid += 1;
            assert!(crypto.aead_open(aead, &key, &nonce, &aad, &ciphertext).is_err(), "{}", row["id"]);
        }
    }
    assert_eq!(valid + invalid + left, 125);
    if !lacks(crypto, Algorithm::Aes128Gcm) && !lacks(crypto, Algorithm::Aes256Gcm) {
        assert_eq!((valid, invalid, left), (9, 34, 82));
    }
}

/// RFC 8439 §2.8.2, and the messages of RFC 9180 Appendix A that this AEAD sealed.
pub fn chacha20_poly1305(crypto: &dyn Crypto) {
    if lacks(crypto, Algorithm::ChaCha20Poly1305) {
        return;
    }
    let plaintext = b"Ladies and Gentlemen of the class of '99: \
                      If I could offer you only one tip for the future, sunscreen would be it.";
    let published = Sealed {
        id: "RFC 8439",
        aead: Aead::ChaCha20Poly1305,
        key: (0x80..=0x9F).collect(),
        nonce: array("070000004041424344454647"),
        aad: hex("50515253C0C1C2C3C4C5C6C7"),
        plaintext: plaintext.to_vec(),
        ciphertext: hex("D31A8D34648E60DB7B86AFBC53EF7EC2A4ADED51296E08FEA9E2B5A736EE62D6\
                         3DBEA45E8CA9671282FAFB69DA92728B1A71DE0A9E060B2905D6A5B67ECD3B36\
                         92DDBD7F2D778B8C9803AEE328091B58FAB324E4FAD675945585808B4831D7BC\
                         3FF4DEF08E4B7A9DE576D26586CEC64B61161AE10B594F09E26A7E902ECBD0600691"),
    };
    check_aead(crypto, &published);
    let rows = rows("hpke");
    let key_of = |setup: &str| {
        let row = rows.iter().find(|row| row["id"] == setup && row["aead_id"] == 3)?;
        Some(bytes(row, "key"))
    };
    let mut seen = 0;
    for row in rows.iter().filter(|row| row["kind"] == "seal") {
        let Some(key) = key_of(text(row, "setup")) else { continue };
        seen += 1;
        let (aad, plaintext, ciphertext) = (bytes(row, "aad"), bytes(row, "pt"), bytes(row, "ct"));
        let (id, nonce) = (text(row, "id"), array(text(row, "nonce")));
        let aead = Aead::ChaCha20Poly1305;
        check_aead(crypto, &Sealed { id, aead, key, nonce, aad, plaintext, ciphertext });
    }
    assert_eq!(seen, 6);
}

/// RFC 8032 §7.1 tests 1 to 3, and Wycheproof.
pub fn ed25519(crypto: &dyn Crypto) {
    if lacks(crypto, Algorithm::Ed25519) {
        return;
    }
    for (seed, public, message, signature) in [
        (
            "9D61B19DEFFD5A60BA844AF492EC2CC44449C5697B326919703BAC031CAE7F60",
            "D75A980182B10AB7D54BFED3C964073A0EE172F3DAA62325AF021A68F707511A",
            "",
            "E5564300C360AC729086E2CC806E828A84877F1EB8E5D974D873E06522490155\
             5FB8821590A33BACC61E39701CF9B46BD25BF5F0595BBE24655141438E7A100B",
        ),
        (
            "4CCD089B28FF96DA9DB6C346EC114E0F5B8A319F35ABA624DA8CF6ED4FB8A6FB",
            "3D4017C3E843895A92B70AA74D1B7EBC9C982CCF2EC4968CC0CD55F12AF4660C",
            "72",
            "92A009A9F0D4CAB8720E820B5F642540A2B27B5416503F8FB3762223EBDB69DA\
             085AC1E43E15996E458F3613D0F11D8C387B2EAEB4302AEEB00D291612BB0C00",
        ),
        (
            "C5AA8DF43F9F837BEDB7442F31DCB7B166D38535076F094B85CE3A2E0B4458F7",
            "FC51CD8E6218A1A38DA47ED00230F0580816ED13BA3303AC5DEB911548908025",
            "AF82",
            "6291D657DEEC24024827E69C3ABE01A30CE548A284743A445E3680D7DB5AC3AC\
             18FF9B538D16F290AE67F760984DC6594A7C15E9716ED28DC027BECEEA1EC40A",
        ),
    ] {
        let (seed, message) = (array(seed), hex(message));
        assert_eq!(hex_upper(&crypto.ed25519_public(&seed)), public);
        assert_eq!(hex_upper(&crypto.ed25519_sign(&seed, &message)), signature);
        assert_eq!(crypto.ed25519_verify(&array(public), &message, &array(signature)), Ok(()));
    }
    let (mut valid, mut invalid) = (0, 0);
    for row in rows("wycheproof_ed25519") {
        let (public, message) = (array(text(&row, "public_key")), bytes(&row, "msg"));
        // A signature of another length cannot even be passed.
        let verified = <[u8; 64]>::try_from(bytes(&row, "sig"))
            .is_ok_and(|signature| crypto.ed25519_verify(&public, &message, &signature).is_ok());
        assert_eq!(verified, row["result"] == "valid", "{}", row["id"]);
        if verified { valid += 1 } else { invalid += 1 }
    }
    assert_eq!((valid, invalid), (23, 27));
    small_order_keys_sign_nothing(crypto);
}

/// The neutral element as key and as R, with s = 0, satisfies the equation for every message; a strict verifier refuses it.
fn small_order_keys_sign_nothing(crypto: &dyn Crypto) {
    let neutral: [u8; 32] = array("0100000000000000000000000000000000000000000000000000000000000000");
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&neutral);
    assert_eq!(crypto.ed25519_verify(&neutral, b"anything", &signature), Err(CryptoError));
}

/// Wycheproof: each shared secret, and a refusal where it is all zero. Public keys by the published pairs of RFC 9180 Appendix A.
pub fn x25519(crypto: &dyn Crypto) {
    if lacks(crypto, Algorithm::X25519) {
        return;
    }
    let (mut agreed, mut zero) = (0, 0);
    for row in rows("wycheproof_x25519") {
        let shared = crypto.x25519(&array(text(&row, "private")), &array(text(&row, "public")));
        if bytes(&row, "shared") == [0; 32] {
            zero += 1;
            assert!(shared.is_err(), "{}", row["id"]);
        } else {
            agreed += 1;
            assert_eq!(hex_upper(shared.unwrap().reveal()), text(&row, "shared"), "{}", row["id"]);
        }
    }
    assert_eq!((agreed, zero), (130, 11));
    for row in rows("hpke").iter().filter(|row| row["kind"] == "setup" && row["kem_id"] == 32) {
        for (private, public) in [("skEm", "pkEm"), ("skRm", "pkRm")] {
            let computed = crypto.x25519_public(&array(text(row, private)));
            assert_eq!(hex_upper(&computed), text(row, public), "{}", row["id"]);
        }
    }
}

/// One-lane values: that of the reference implementation's own test (memory 2^8, two passes), and those of OpenSSL's Argon2id, which gives the
/// published value of RFC 9106 §5.3 too.
pub fn argon2id(crypto: &dyn Crypto) {
    if lacks(crypto, Algorithm::Argon2id) {
        return;
    }
    let check = |password: &[u8], salt: &[u8], secret: &[u8], memory_kib, passes, expect: &str| {
        let tag = crypto.argon2id(password, salt, secret, Argon2Cost { memory_kib, passes });
        assert_eq!(hex_upper(tag.unwrap().reveal()), expect);
    };
    let (reference, keyed, unkeyed) = (
        "9DFEB910E80BAD0311FEE20F9C0E2B12C17987B4CAC90C2EF54D5B3021C68BFE",
        "EED5F7E93BD25C51A3BB9F33EAA4FDBD9EDC48103589423113B43CE9F14A608D",
        "30E0B44B7E23423B7282859EA36F02825B5828DDE3C25F124D59D42D7235E132",
    );
    check(b"password", b"somesalt", b"", 256, 2, reference);
    check(&[1; 32], &[2; 16], &[3; 8], 32, 3, keyed);
    check(&[1; 32], &[2; 16], &[], 32, 3, unkeyed);
    let refuse = |salt: &[u8], memory_kib, passes| {
        assert!(crypto.argon2id(b"password", salt, b"", Argon2Cost { memory_kib, passes }).is_err());
    };
    refuse(b"somesal", 256, 2);
    refuse(b"somesalt", 7, 2);
    refuse(b"somesalt", Argon2Cost::MEMORY_KIB_MAX + 1, 2);
    refuse(b"somesalt", 256, 0);
    refuse(b"somesalt", 256, Argon2Cost::PASSES_MAX + 1);
    assert!(Argon2Cost::DEVICE.in_range());
}

/// Wycheproof, with the published values of RFC 5869 among them.
pub fn hkdf(crypto: &dyn Crypto) {
    let (mut valid, mut invalid) = (0, 0);
    for row in rows("wycheproof_hkdf_sha256") {
        let (ikm, salt, info) = (bytes(&row, "ikm"), bytes(&row, "salt"), bytes(&row, "info"));
        let len = usize::try_from(row["size"].as_u64().unwrap()).unwrap();
        let (ikm, info) = (ikm.split_at(ikm.len() / 2), info.split_at(info.len() / 2));
        let prk: Secret<[u8; 32]> = hkdf_extract(crypto, &salt, &[ikm.0, ikm.1]);
        let okm = hkdf_expand(crypto, prk.reveal(), &[info.0, info.1], len);
        if row["result"] == "valid" {
            valid += 1;
            assert_eq!(hex_upper(okm.unwrap().reveal()), text(&row, "okm"), "{}", row["id"]);
        } else {
            invalid += 1;
            assert!(len > HKDF_LEN_MAX && okm.is_err(), "{}", row["id"]);
        }
    }
    assert_eq!((valid, invalid), (15, 2));
    assert!(hkdf_expand(crypto, &[0; 32], &[], 0).unwrap().reveal().is_empty());
}
