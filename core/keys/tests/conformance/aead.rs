//! Authenticated encryption: GCM, CCM, ChaCha20-Poly1305.
use super::{bytes, hex, lacks, rows, text};
use symbolon_keys::{Aead, AesCcm, CcmKey, CcmNonce, CcmTag, Crypto, CryptoError};

struct Sealed<'a> {
    id: &'a str,
    aead: Aead,
    key: Vec<u8>,
    nonce: Vec<u8>,
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
    let refuse = |key: &[u8], nonce: &[u8], aad: &[u8], ciphertext: &[u8]| {
        assert!(crypto.aead_open(*aead, key, nonce, aad, ciphertext).is_err(), "{id}");
    };
    let flipped = |bytes: &[u8]| -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        bytes
    };
    refuse(&flipped(key), nonce, aad, ciphertext);
    refuse(key, &flipped(nonce), aad, ciphertext);
    refuse(key, nonce, &[aad.as_slice(), b"."].concat(), ciphertext);
    refuse(key, nonce, aad, &flipped(ciphertext));
    refuse(key, nonce, aad, &ciphertext[..ciphertext.len() - 1]);
    refuse(key, nonce, aad, &ciphertext[..aead.tag_len() - 1]);
    refuse(key, nonce, aad, &[]);
    assert_eq!((key.len(), nonce.len()), (aead.key_len(), aead.nonce_len()), "{id}");
    assert_eq!(ciphertext.len(), plaintext.len() + aead.tag_len(), "{id}");
    let (longer_key, longer_nonce) = ([key.as_slice(), &[0]].concat(), [nonce.as_slice(), &[0]].concat());
    for (key, nonce) in [
        (&key[1..], nonce.as_slice()),
        (&longer_key, nonce),
        (&[], nonce),
        (key, &nonce[1..]),
        (key, &longer_nonce),
        (key, &[]),
    ] {
        refuse(key, nonce, aad, ciphertext);
        assert_eq!(crypto.aead_seal(*aead, key, nonce, aad, plaintext), Err(CryptoError), "{id}");
    }
}

/// Wycheproof, all keys. Nonces of other than 96 bits are refused by design: SP 800-38D hashes them, and two may collide.
pub fn aes_gcm(crypto: &dyn Crypto) {
    let (mut valid, mut invalid, mut refused_nonce) = (0, 0, 0);
    for row in rows("wycheproof_aes_gcm") {
        let aead = match row["key_bits"].as_u64() {
            Some(128) => Aead::Aes128Gcm,
            Some(192) => Aead::Aes192Gcm,
            Some(256) => Aead::Aes256Gcm,
            other => panic!("{other:?}"),
        };
        if lacks(crypto, aead.algorithm()) {
            return;
        }
        let (key, nonce, aad) = (bytes(&row, "key"), bytes(&row, "iv"), bytes(&row, "aad"));
        let ciphertext = [bytes(&row, "ct"), bytes(&row, "tag")].concat();
        let (id, plaintext) = (text(&row, "id"), bytes(&row, "msg"));
        if nonce.len() != 12 {
            refused_nonce += 1;
            assert!(crypto.aead_open(aead, &key, &nonce, &aad, &ciphertext).is_err(), "{id}");
            assert!(crypto.aead_seal(aead, &key, &nonce, &aad, &plaintext).is_err(), "{id}");
        } else if row["result"] == "valid" {
            valid += 1;
            check_aead(crypto, &Sealed { id, aead, key, nonce, aad, plaintext, ciphertext });
        } else {
            invalid += 1;
            assert!(crypto.aead_open(aead, &key, &nonce, &aad, &ciphertext).is_err(), "{id}");
        }
    }
    assert_eq!((valid, invalid, refused_nonce), (12, 50, 63));
}

/// The eight of RFC 9053 §4.2, with OpenSSL's results over one input; the published values are among COSE's (`cose`).
pub fn aes_ccm(crypto: &dyn Crypto) {
    let check = |nonce, tag, key, ciphertext: &str| {
        let aead = Aead::AesCcm(AesCcm { key, tag, nonce });
        if lacks(crypto, aead.algorithm()) {
            return;
        }
        let count = |from: u8, len: usize| (from..).take(len).collect::<Vec<u8>>();
        check_aead(
            crypto,
            &Sealed {
                id: &format!("{aead:?}"),
                aead,
                key: count(0x40, aead.key_len()),
                nonce: count(0x10, aead.nonce_len()),
                aad: count(0, 20),
                plaintext: count(0x20, 24),
                ciphertext: hex(ciphertext),
            },
        );
    };
    use {CcmKey::*, CcmNonce::*, CcmTag::Bits64 as Tag64, CcmTag::Bits128 as Tag128};
    let body = [
        "69915DAD1E84C6376A68C2967E4DAB615AE0FD1FAEC44CC4",
        "7162015BC051951E5918AEAF3C11F3D4AC363F8D5B6AF3D3",
    ];
    check(Bytes13, Tag64, Bits128, &[body[0], "78DC99DBB5CBCBD0"].concat());
    check(Bytes13, Tag128, Bits128, &[body[0], "098631CB0CD1E03153FB69A906E2F13C"].concat());
    check(Bytes7, Tag64, Bits128, &[body[1], "AF9831FB22F8931F"].concat());
    check(Bytes7, Tag128, Bits128, &[body[1], "6741AE464AC158C71443AE05C952B495"].concat());
    let body = [
        "40527DBF457197DCF6B47B20E974D1741C6AD6948F9F0E50",
        "8AB1A874F6853F2443A59500F78D17272D6D39DFA6D0E651",
    ];
    check(Bytes13, Tag64, Bits256, &[body[0], "D836B8E4FEE33FFE"].concat());
    check(Bytes13, Tag128, Bits256, &[body[0], "C0312A74760A5EED4FC27499B09C196D"].concat());
    check(Bytes7, Tag64, Bits256, &[body[1], "36CFE3D56CD69CD0"].concat());
    check(Bytes7, Tag128, Bits256, &[body[1], "881A8B8D0FCF638C7F97F52E532A59AD"].concat());
}

/// A nonce of 13 bytes leaves two for the length: 65,535 bytes are sealed and opened, one more is refused.
pub fn aes_ccm_longest(crypto: &dyn Crypto) {
    let ccm = |nonce| Aead::AesCcm(AesCcm { key: CcmKey::Bits128, tag: CcmTag::Bits64, nonce });
    let (short, long) = (ccm(CcmNonce::Bytes7), ccm(CcmNonce::Bytes13));
    if lacks(crypto, long.algorithm()) {
        return;
    }
    let text = vec![7; 65_536];
    let sealed = crypto.aead_seal(long, &[1; 16], &[2; 13], &[], &text[1..]).unwrap();
    let opened = crypto.aead_open(long, &[1; 16], &[2; 13], &[], &sealed).unwrap();
    assert_eq!(opened.reveal(), &text[1..]);
    assert_eq!(crypto.aead_seal(long, &[1; 16], &[2; 13], &[], &text), Err(CryptoError));
    assert!(crypto.aead_open(long, &[1; 16], &[2; 13], &[], &[sealed.as_slice(), &[0]].concat()).is_err());
    assert!(crypto.aead_seal(short, &[1; 16], &[2; 7], &[], &text).is_ok());
}

/// RFC 8439 §2.8.2, and the messages of RFC 9180 Appendix A that this AEAD sealed.
pub fn chacha20_poly1305(crypto: &dyn Crypto) {
    if lacks(crypto, Aead::ChaCha20Poly1305.algorithm()) {
        return;
    }
    let plaintext = b"Ladies and Gentlemen of the class of '99: \
                      If I could offer you only one tip for the future, sunscreen would be it.";
    let published = Sealed {
        id: "RFC 8439",
        aead: Aead::ChaCha20Poly1305,
        key: (0x80..=0x9F).collect(),
        nonce: hex("070000004041424344454647"),
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
        let (id, nonce) = (text(row, "id"), bytes(row, "nonce"));
        let aead = Aead::ChaCha20Poly1305;
        check_aead(crypto, &Sealed { id, aead, key, nonce, aad, plaintext, ciphertext });
    }
    assert_eq!(seen, 6);
}
