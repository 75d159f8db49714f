//! ECDH on P-256: Wycheproof, and what every provider refuses.
use super::{array, bytes, hex, lacks, rows, text};
use symbolon_keys::{Algorithm, Crypto, Curve};
use symbolon_types::hex_upper;

/// The point of a SubjectPublicKeyInfo (RFC 5480 §2) for P-256 by name, read strictly: one encoding for each of the two forms of a point.
fn point_of_spki(der: &[u8]) -> Option<&[u8]> {
    const UNCOMPRESSED: &str = "3059301306072A8648CE3D020106082A8648CE3D030107034200";
    const COMPRESSED: &str = "3039301306072A8648CE3D020106082A8648CE3D030107032200";
    let point = |head: &str, len| der.strip_prefix(hex(head).as_slice()).filter(|point| point.len() == len);
    point(UNCOMPRESSED, 65).or_else(|| point(COMPRESSED, 33))
}

/// A private key as the source writes it, an integer of any length, in 32 bytes.
fn private_of(integer: &[u8]) -> [u8; 32] {
    let zeros = integer.iter().take_while(|byte| **byte == 0).count();
    let number = &integer[zeros..];
    let mut private = [0; 32];
    private[32 - number.len()..].copy_from_slice(number);
    private
}

/// Every row: agreed on, refused as SubjectPublicKeyInfo by the reader above, or refused by the provider.
pub fn ecdh_p256(crypto: &dyn Crypto) {
    if lacks(crypto, Algorithm::EcdhP256) {
        return;
    }
    let (mut agreed, mut bad_spki, mut refused) = (0, 0, 0);
    for row in rows("wycheproof_ecdh_p256") {
        let (result, id, spki) = (text(&row, "result"), text(&row, "id"), bytes(&row, "public"));
        let Some(point) = point_of_spki(&spki) else {
            assert_ne!(result, "valid", "{id}");
            bad_spki += 1;
            continue;
        };
        match crypto.p256_ecdh(&private_of(&bytes(&row, "private")), point) {
            Ok(shared) => {
                assert_ne!(result, "invalid", "{id}");
                assert_eq!(hex_upper(shared.reveal()), text(&row, "shared"), "{id}");
                agreed += 1;
            }
            Err(_) => {
                assert_eq!(result, "invalid", "{id}");
                refused += 1;
            }
        }
    }
    assert_eq!((agreed, bad_spki, refused), (72, 115, 4));
}

/// Forms of a point, points off the curve, private keys out of range; the accepted twin first.
pub fn ecdh_p256_refusals(crypto: &dyn Crypto) {
    if lacks(crypto, Algorithm::EcdhP256) {
        return;
    }
    let (ours, theirs) = ([3; 32], [4; 32]);
    let public = |private: &[u8; 32]| crypto.ecdsa_public(Curve::P256, private).unwrap();
    let (point, back) = (public(&theirs), public(&ours));
    let shared = crypto.p256_ecdh(&ours, &point).unwrap();
    assert!(shared.equals(crypto.p256_ecdh(&theirs, &back).unwrap().reveal()));
    let sign = point[64] & 1;
    let form = |tag: u8, body: &[u8]| [&[tag], body].concat();
    let compressed = crypto.p256_ecdh(&ours, &form(2 | sign, &point[1..33])).unwrap();
    assert!(shared.equals(compressed.reveal()));
    let mut off = point.clone();
    off[64] ^= 1;
    for (why, wrong) in [
        ("hybrid", form(6 | sign, &point[1..])),
        ("compact", form(5, &point[1..33])),
        ("infinity", vec![0]),
        ("a byte short", point[..64].to_vec()),
        ("a byte long", [point.as_slice(), &[0]].concat()),
        ("not on the curve", off),
        ("origin", form(4, &[0; 64])),
        (
            "SubjectPublicKeyInfo",
            [hex("3059301306072A8648CE3D020106082A8648CE3D030107034200"), point.clone()].concat(),
        ),
    ] {
        assert!(crypto.p256_ecdh(&ours, &wrong).is_err(), "{why}");
    }
    let order = array("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551");
    for private in [[0; 32], order, [0xFF; 32]] {
        assert!(crypto.p256_ecdh(&private, &point).is_err());
    }
}
