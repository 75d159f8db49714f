//! The published messages of `cose_cwt.json`, as far as a provider computes them: what is enciphered, MACed or signed is given there (`to_be`).
use super::{bytes, lacks, rows, text};
use serde_json::Value;
use symbolon_keys::{Aead, AesCcm, Algorithm, CcmKey, CcmNonce, CcmTag, Crypto, Curve, HashAlgorithm};

/// The rows of a kind that verify, with the value of `alg` (RFC 9053) in the protected header; other rows have it elsewhere or none.
fn messages(kind: &str) -> impl Iterator<Item = (Value, i64)> {
    let kind = kind.to_owned();
    rows("cose_cwt")
        .into_iter()
        .filter(move |row| row["kind"] == kind.as_str() && row["ok"] == true)
        .filter_map(|row| {
            let to_be = bytes(&row, "to_be");
            let at = to_be.windows(2).position(|pair| pair == [0xA1, 0x01])? + 2;
            let alg = match to_be[at..] {
                [small @ 0..=23, ..] => i64::from(small),
                [0x18, byte, ..] => i64::from(byte),
                [small @ 0x20..=0x37, ..] => -1 - i64::from(small - 0x20),
                [0x38, byte, ..] => -1 - i64::from(byte),
                _ => return None,
            };
            Some((row, alg))
        })
}

/// base64url without padding (RFC 4648 §5), the form of the source's keys; `k_hex` and the like are hexadecimal.
fn key(row: &Value, member: &str) -> Vec<u8> {
    if let Some(hex) = row["key"][format!("{member}_hex")].as_str() {
        return super::hex(hex);
    }
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let text = row["key"][member].as_str().unwrap_or_else(|| panic!("{}: no {member}", row["id"]));
    let (mut bits, mut held, mut out) = (0u32, 0, Vec::new());
    for symbol in text.bytes() {
        let value = ALPHABET.iter().position(|letter| *letter == symbol).unwrap();
        (bits, held) = (bits << 6 | u32::try_from(value).unwrap(), held + 6);
        if held >= 8 {
            held -= 8;
            out.push((bits >> held & 0xFF) as u8);
        }
    }
    out
}

/// RFC 9053 §4.1 and §4.2.
fn aead_of(alg: i64) -> Option<Aead> {
    let ccm = |nonce, tag, key| Some(Aead::AesCcm(AesCcm { key, tag, nonce }));
    match alg {
        1 => Some(Aead::Aes128Gcm),
        2 => Some(Aead::Aes192Gcm),
        3 => Some(Aead::Aes256Gcm),
        10 => ccm(CcmNonce::Bytes13, CcmTag::Bits64, CcmKey::Bits128),
        11 => ccm(CcmNonce::Bytes13, CcmTag::Bits64, CcmKey::Bits256),
        12 => ccm(CcmNonce::Bytes7, CcmTag::Bits64, CcmKey::Bits128),
        13 => ccm(CcmNonce::Bytes7, CcmTag::Bits64, CcmKey::Bits256),
        30 => ccm(CcmNonce::Bytes13, CcmTag::Bits128, CcmKey::Bits128),
        31 => ccm(CcmNonce::Bytes13, CcmTag::Bits128, CcmKey::Bits256),
        32 => ccm(CcmNonce::Bytes7, CcmTag::Bits128, CcmKey::Bits128),
        33 => ccm(CcmNonce::Bytes7, CcmTag::Bits128, CcmKey::Bits256),
        _ => None,
    }
}

/// The nonce stands behind `5: bstr` in the header; ciphertext and tag end the message.
pub fn encrypt0(crypto: &dyn Crypto) {
    let (mut gcm, mut ccm) = (0, 0);
    for (row, alg) in messages("encrypt0") {
        let (message, plaintext) = (bytes(&row, "cbor"), bytes(&row, "payload"));
        let aead = aead_of(alg).unwrap();
        if lacks(crypto, aead.algorithm()) {
            return;
        }
        let head = [5, 0x40 | u8::try_from(aead.nonce_len()).unwrap()];
        let at = message.windows(2).position(|pair| pair == head).unwrap() + 2;
        let nonce = &message[at..at + aead.nonce_len()];
        let ciphertext = &message[message.len() - plaintext.len() - aead.tag_len()..];
        let (key, aad) = (key(&row, "k"), bytes(&row, "to_be"));
        assert_eq!(
            crypto.aead_seal(aead, &key, nonce, &aad, &plaintext).unwrap(),
            ciphertext,
            "{}",
            row["id"]
        );
        let opened = crypto.aead_open(aead, &key, nonce, &aad, ciphertext).unwrap();
        assert_eq!(opened.reveal(), &plaintext, "{}", row["id"]);
        if matches!(aead, Aead::AesCcm(_)) { ccm += 1 } else { gcm += 1 }
    }
    assert_eq!((gcm, ccm), (4, 7));
}

/// The tag ends the message. HMAC: RFC 9053 §3.1; AES-CBC-MAC: §3.2.
pub fn mac0(crypto: &dyn Crypto) {
    let (mut hmac, mut cbc_mac) = (0, 0);
    for (row, alg) in messages("mac0") {
        let (message, to_be, key) = (bytes(&row, "cbor"), bytes(&row, "to_be"), key(&row, "k"));
        let hash = match alg {
            4 | 5 => Some((Algorithm::Sha256, HashAlgorithm::Sha256)),
            6 => Some((Algorithm::Sha384, HashAlgorithm::Sha384)),
            7 => Some((Algorithm::Sha512, HashAlgorithm::Sha512)),
            14 | 15 | 25 | 26 => None,
            other => panic!("{other}"),
        };
        // HMAC 256/64 (4), AES-MAC 128/64 (14), AES-MAC 256/64 (15): eight bytes of the tag are sent.
        let cut = |mac: &[u8]| mac[..if [4, 14, 15].contains(&alg) { 8 } else { mac.len() }].to_vec();
        let tag = if let Some((algorithm, hash)) = hash {
            if lacks(crypto, algorithm) {
                continue;
            }
            hmac += 1;
            cut(crypto.hmac(hash, &key, &[&to_be]).reveal())
        } else {
            if lacks(crypto, Algorithm::AesCbcMac) {
                continue;
            }
            cbc_mac += 1;
            cut(crypto.aes_cbc_mac(&key, &[&to_be]).unwrap().reveal())
        };
        assert_eq!(message[message.len() - tag.len()..], tag, "{}", row["id"]);
    }
    let (hmac_rows, cbc_mac_rows) = (4, 4);
    assert!(
        hmac == hmac_rows || [Algorithm::Sha256, Algorithm::Sha512].iter().any(|one| lacks(crypto, *one))
    );
    assert!(cbc_mac == cbc_mac_rows || lacks(crypto, Algorithm::AesCbcMac), "{cbc_mac}");
}

/// The signature ends the message (RFC 9053 §2.1); the curve is the key's, the hash the algorithm's.
pub fn sign1(crypto: &dyn Crypto) {
    let (mut ecdsa, mut eddsa, mut skipped) = (0, 0, 0);
    for (row, alg) in messages("sign1") {
        let curve = match row["key"]["crv"].as_str() {
            Some("P-256") => Curve::P256,
            Some("P-384") => Curve::P384,
            Some("P-521") => Curve::P521,
            _ => {
                assert_eq!(alg, -8, "{}", row["id"]);
                eddsa += 1;
                continue;
            }
        };
        let hash = match alg {
            -7 => HashAlgorithm::Sha256,
            -35 => HashAlgorithm::Sha384,
            -36 => HashAlgorithm::Sha512,
            other => panic!("{other}"),
        };
        if lacks(crypto, Algorithm::ecdsa(curve, hash).unwrap()) {
            skipped += 1;
            continue;
        }
        ecdsa += 1;
        let (message, to_be) = (bytes(&row, "cbor"), bytes(&row, "to_be"));
        let signature = &message[message.len() - 2 * curve.field_len()..];
        let public = [vec![4], key(&row, "x"), key(&row, "y")].concat();
        let verify = |to_be: &[u8]| crypto.ecdsa_verify(curve, hash, &public, to_be, signature).is_ok();
        assert!(verify(&to_be), "{}", text(&row, "id"));
        assert!(!verify(&to_be[1..]), "{}", row["id"]);
    }
    assert_eq!((ecdsa + skipped, eddsa), (5, 6));
}
