//! Message authentication: HMAC, AES-CMAC, AES-CBC-MAC.
use super::{bytes, lacks, rows};
use symbolon_keys::{Algorithm, Crypto, HashAlgorithm};
use symbolon_types::hex_upper;

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
    let sha384 = "AF45D2E376484031617F78D2B58A6B1B9C7EF464F5A01B47E42EC3736322445E\
                  8E2240CA5E69E2C78B3239ECFAB21649";
    check(Algorithm::Sha384, HashAlgorithm::Sha384, jefe, question, sha384);
    let (long_key, long) = ([0xAA; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
    let sha256 = "60E431591EE0B67F0D8A26AACBF5B77F8E0BC6213728C5140546040F0EE37F54";
    check(Algorithm::Sha256, HashAlgorithm::Sha256, &long_key, long, sha256);
}

/// Wycheproof, of which three rows have keys of lengths that AES has not.
pub fn aes_cmac(crypto: &dyn Crypto) {
    if lacks(crypto, Algorithm::AesCmac) {
        return;
    }
    let (mut valid, mut invalid, mut bad_key) = (0, 0, 0);
    for row in rows("wycheproof_aes_cmac") {
        let (message, tag) = (bytes(&row, "msg"), bytes(&row, "tag"));
        let (first, last) = message.split_at(message.len() / 3);
        let Ok(mac) = crypto.aes_cmac(&bytes(&row, "key"), &[first, &[], last]) else {
            assert!(![128, 192, 256].contains(&row["key_bits"].as_u64().unwrap()), "{}", row["id"]);
            bad_key += 1;
            continue;
        };
        assert_eq!(mac.equals(&tag), row["result"] == "valid", "{}", row["id"]);
        if mac.equals(&tag) { valid += 1 } else { invalid += 1 }
    }
    assert_eq!((valid, invalid, bad_key), (14, 162, 3));
}

/// OpenSSL's AES-CBC under a zero IV over zero padding; the published values are among COSE's (`cose`).
pub fn aes_cbc_mac(crypto: &dyn Crypto) {
    if lacks(crypto, Algorithm::AesCbcMac) {
        return;
    }
    for (key_len, len, expect) in [
        (16, 1, "1899564A9DA8DE833D25C71739EAADCE"),
        (16, 16, "3D0FA4B855D2A5AA4954B8B5DF582A3A"),
        (16, 40, "92EA93B5127ACFE79841197B5CD8DB1D"),
        (24, 1, "230952E00CCE168A2883C749D31326D6"),
        (24, 16, "BD69E2AD783715C56622A0C58C268080"),
        (24, 40, "75F18B6F2CEAD04998C8F58A6BF20085"),
        (32, 1, "66E4D382E00325DB4A74890C5198BC15"),
        (32, 16, "D05D67E003C8A374A589EF3596F3A1A4"),
        (32, 40, "10491E094265F1D4AE14B42816527564"),
    ] {
        let (key, message): (Vec<u8>, Vec<u8>) =
            ((0x40..).take(key_len).collect(), (0..).take(len).collect());
        let mac = |key: &[u8], parts: &[&[u8]]| crypto.aes_cbc_mac(key, parts);
        assert_eq!(hex_upper(mac(&key, &[&message]).unwrap().reveal()), expect);
        let (first, last) = message.split_at(len / 2);
        assert!(mac(&key, &[first, &[], last]).unwrap().equals(mac(&key, &[&message]).unwrap().reveal()));
        assert!(
            mac(&key[1..], &[&message]).is_err()
                && mac(&[key.as_slice(), &[0]].concat(), &[&message]).is_err()
        );
        assert!(mac(&key, &[]).is_err() && mac(&key, &[&[]]).is_err(), "nothing to authenticate");
    }
}
