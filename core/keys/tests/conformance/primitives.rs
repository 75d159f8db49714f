//! Hashes, Ed25519, X25519, Argon2id, and HKDF.
use super::{array, bytes, hex, lacks, rows, text};
use symbolon_keys::{
    Algorithm, Argon2Cost, Crypto, CryptoError, HKDF_LEN_MAX, HashAlgorithm, ed25519_strict, hkdf_expand,
    hkdf_extract,
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

/// FIPS 180-4's examples of "abc", in any partition; SHA-256 by either name is the same.
pub fn digest(crypto: &dyn Crypto) {
    for (hash, expect) in [
        (HashAlgorithm::Sha1, "A9993E364706816ABA3E25717850C26C9CD0D89D"),
        (HashAlgorithm::Sha256, "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"),
        (
            HashAlgorithm::Sha384,
            "CB00753F45A35E8BB5A03D699AC65007272C32AB0EDED1631A8B605A43FF5BED8086072BA1E7CC2358BAECA134C825A7",
        ),
        (
            HashAlgorithm::Sha512,
            "DDAF35A193617ABACC417349AE20413112E6FA4E89A97EA20A9EEEE64B55D39A\
             2192992A274FC1A836BA3C23A3FEEBBD454D4423643CE80E2A9AC94FA54CA49F",
        ),
    ] {
        for parts in [[b"abc".as_slice(), b""], [b"a", b"bc"]] {
            assert_eq!(hex_upper(&crypto.digest(hash, &parts)), expect);
        }
        assert_eq!(crypto.digest(hash, &[]).len(), hash.digest_len());
    }
    assert_eq!(crypto.digest(HashAlgorithm::Sha256, &[b"x"]), crypto.sha256(&[b"x"]).0);
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
}

/// Signatures that satisfy the equation without the cofactor and that libraries differ in: all but the last have a key or an R of small order.
pub fn ed25519_strictness(crypto: &dyn Crypto) {
    if lacks(crypto, Algorithm::Ed25519) {
        return;
    }
    let neutral = "0100000000000000000000000000000000000000000000000000000000000000";
    let r = "1D84C09C915B1E355F4130B3950F6754270B37696F36F1B6CA5D4A9B4CF48860";
    let verify = |public: &str, message: &[u8], r: &str, s: &str| {
        crypto.ed25519_verify(&array(public), message, &array(&[r, s].concat()))
    };
    assert_eq!(
        verify(neutral, b"anything", neutral, &"00".repeat(32)),
        Err(CryptoError),
        "key and R neutral"
    );
    let good = "17FFAD8068DC0DE9935D36636F3AD1B5DE6DE3413B12388E453B05F2A4C1D3DB";
    let s = "9F9B26D484A2E22CD5196D134D7E5DAC72234BFC610F200E9A03CB75824DBA0C";
    assert_eq!(verify(good, b"anything", neutral, s), Err(CryptoError), "R neutral");
    let order_8 = "C7176A703D4DD84FBA3C0B760D10670F2A2053FA2C39CCC64EC7FD7792AC037A";
    let s = "0903000000000000000000000000000000000000000000000000000000000000";
    assert_eq!(verify(order_8, b"m11", r, s), Err(CryptoError), "a key of order 8");
    // A key with a part of order 8 is not of small order. By the equation with the cofactor both messages are right; by ours, only the first.
    let mixed = "D63C01223147541DF4E170763E9E2788A8BF5971F52A93C5829DBE6F5FF6BBA9";
    let s = "90B00DD1B33D528D60D63475F3F470BAD93C4BAEA89157C3AF5889B064778C0F";
    assert_eq!(verify(mixed, b"m29", r, s), Ok(()));
    let s = "3EB540C0A1E3976C72AA7DEABDBED1D07F08AE81E8032C5D47FFC5C8C062BC00";
    assert_eq!(verify(mixed, b"m0", r, s), Err(CryptoError));
}

/// The eight points of small order, with both signs, and each y-coordinate from 2^255 - 19 on.
pub fn ed25519_encodings(crypto: &dyn Crypto) {
    assert!(ed25519_strict(&crypto.ed25519_public(&[1; 32])));
    for y in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26E8958FC2B227B045C3F489F2EF98F0D5DFAC05D3C63339B13802886D53FC05",
        "C7176A703D4DD84FBA3C0B760D10670F2A2053FA2C39CCC64EC7FD7792AC037A",
        "ECFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF7F",
    ] {
        let mut point: [u8; 32] = array(y);
        assert!(!ed25519_strict(&point), "{y}");
        point[31] ^= 0x80;
        assert!(!ed25519_strict(&point), "{y}, negative");
        point[7] ^= 1;
        assert!(ed25519_strict(&point), "{y}, changed");
    }
    for first in 0xEB..=0xFF {
        let mut point = [0xFF; 32];
        (point[0], point[31]) = (first, 0x7F);
        assert_eq!(ed25519_strict(&point), first == 0xEB, "{first:02X}");
        point[31] = 0xFF;
        assert_eq!(ed25519_strict(&point), first == 0xEB, "{first:02X}, negative");
    }
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
