//! ECDSA: Wycheproof on P-256, the published signatures of RFC 6979 on all curves, and what every provider refuses.
use super::{bytes, hex, lacks, rows, text};
use symbolon_keys::{Algorithm, Crypto, CryptoError, Curve, HashAlgorithm};
use symbolon_types::hex_upper;

const PAIRS: [(Curve, HashAlgorithm); 4] = [
    (Curve::P256, HashAlgorithm::Sha256),
    (Curve::P256, HashAlgorithm::Sha512),
    (Curve::P384, HashAlgorithm::Sha384),
    (Curve::P521, HashAlgorithm::Sha512),
];

/// The orders of the curves (SP 800-186 §3.2.1).
fn order(curve: Curve) -> Vec<u8> {
    hex(match curve {
        Curve::P256 => "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551",
        Curve::P384 => {
            "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973"
        }
        Curve::P521 => {
            "01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFA\
             51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409"
        }
    })
}

/// The pairs that the provider has; the others by name.
fn pairs_of(crypto: &dyn Crypto) -> impl Iterator<Item = (Curve, HashAlgorithm)> {
    PAIRS.into_iter().filter(|&(curve, hash)| !lacks(crypto, Algorithm::ecdsa(curve, hash).unwrap()))
}

/// `SEQUENCE { r INTEGER, s INTEGER }` in DER, strictly: short lengths, shortest positive integers, no byte too many. r and s of 32 bytes each.
fn raw_of_der(der: &[u8]) -> Option<Vec<u8>> {
    fn element(tag: u8, input: &[u8]) -> Option<(&[u8], &[u8])> {
        let [found, len @ 0..=0x7F, rest @ ..] = input else { return None };
        if *found == tag { rest.split_at_checked(usize::from(*len)) } else { None }
    }
    fn integer(input: &[u8]) -> Option<([u8; 32], &[u8])> {
        let (body, rest) = element(2, input)?;
        let number = match body {
            // Empty, negative, or not the shortest form.
            [] | [0x80..=0xFF, ..] | [0, 0..=0x7F, ..] => return None,
            [0, number @ ..] if !number.is_empty() => number,
            number => number,
        };
        if number.len() > 32 {
            return None;
        }
        let mut padded = [0; 32];
        padded[32 - number.len()..].copy_from_slice(number);
        Some((padded, rest))
    }
    let (body, after) = element(0x30, der)?;
    let (r, rest) = integer(body)?;
    let (s, rest) = integer(rest)?;
    (after.is_empty() && rest.is_empty()).then(|| [r, s].concat())
}

/// Every row: accepted, refused as DER by the reader above, or refused by the provider.
pub fn wycheproof(crypto: &dyn Crypto) {
    if lacks(crypto, Algorithm::EcdsaP256Sha256) {
        return;
    }
    let (mut accepted, mut bad_der, mut refused) = (0, 0, 0);
    for row in rows("wycheproof_ecdsa_p256") {
        let (valid, id) = (row["result"] == "valid", text(&row, "id"));
        let Some(signature) = raw_of_der(&bytes(&row, "sig")) else {
            assert!(!valid, "{id}");
            bad_der += 1;
            continue;
        };
        let (public, message) = (bytes(&row, "public_key"), bytes(&row, "msg"));
        let verified = crypto.ecdsa_verify(Curve::P256, HashAlgorithm::Sha256, &public, &message, &signature);
        assert_eq!(verified.is_ok(), valid, "{id}");
        if valid { accepted += 1 } else { refused += 1 }
    }
    assert_eq!((accepted, bad_der, refused), (33, 135, 47));
}

struct Published {
    pair: (Curve, HashAlgorithm),
    private: &'static str,
    public: [&'static str; 2],
    /// r and s of "sample", r and s of "test".
    signatures: [[&'static str; 2]; 2],
}

const P256: (&str, [&str; 2]) = (
    "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
    [
        "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6",
        "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299",
    ],
);

/// RFC 6979 A.2.5 to A.2.7.
const PUBLISHED: [Published; 4] = [
    Published {
        pair: PAIRS[0],
        private: P256.0,
        public: P256.1,
        signatures: [
            [
                "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
                "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
            ],
            [
                "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367",
                "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
            ],
        ],
    },
    Published {
        pair: PAIRS[1],
        private: P256.0,
        public: P256.1,
        signatures: [
            [
                "8496A60B5E9B47C825488827E0495B0E3FA109EC4568FD3F8D1097678EB97F00",
                "2362AB1ADBE2B8ADF9CB9EDAB740EA6049C028114F2460F96554F61FAE3302FE",
            ],
            [
                "461D93F31B6540894788FD206C07CFA0CC35F46FA3C91816FFF1040AD1581A04",
                "39AF9F15DE0DB8D97E72719C74820D304CE5226E32DEDAE67519E840D1194E55",
            ],
        ],
    },
    Published {
        pair: PAIRS[2],
        private: "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5",
        public: [
            "EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64DEF8F0EA9055866064A254515480BC13",
            "8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1288B231C3AE0D4FE7344FD2533264720",
        ],
        signatures: [
            [
                "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46",
                "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8",
            ],
            [
                "8203B63D3C853E8D77227FB377BCF7B7B772E97892A80F36AB775D509D7A5FEB0542A7F0812998DA8F1DD3CA3CF023DB",
                "DDD0760448D42D8A43AF45AF836FCE4DE8BE06B485E9B61B827C2F13173923E06A739F040649A667BF3B828246BAA5A5",
            ],
        ],
    },
    Published {
        pair: PAIRS[3],
        private: "00FAD06DAA62BA3B25D2FB40133DA757205DE67F5BB0018FEE8C86E1B68C7E75CAA8\
                  96EB32F1F47C70855836A6D16FCC1466F6D8FBEC67DB89EC0C08B0E996B83538",
        public: [
            "01894550D0785932E00EAA23B694F213F8C3121F86DC97A04E5A7167DB4E5BCD3711\
             23D46E45DB6B5D5370A7F20FB633155D38FFA16D2BD761DCAC474B9A2F5023A4",
            "00493101C962CD4D2FDDF782285E64584139C2F91B47F87FF82354D6630F746A28A0\
             DB25741B5B34A828008B22ACC23F924FAAFBD4D33F81EA66956DFEAA2BFDFCF5",
        ],
        signatures: [
            [
                "00C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F174E\
                 25A1EE9017B5D450606ADD152B534931D7D4E8455CC91F9B15BF05EC36E377FA",
                "00617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF2826\
                 23EAA63E5B5C0723D8B8C37FF0777B1A20F8CCB1DCCC43997F1EE0E44DA4A67A",
            ],
            [
                "013E99020ABF5CEE7525D16B69B229652AB6BDF2AFFCAEF38773B4B7D08725F10CDB\
                 93482FDCC54EDCEE91ECA4166B2A7C6265EF0CE2BD7051B7CEF945BABD47EE6D",
                "01FBD0013C674AA79CB39849527916CE301C66EA7CE8B80682786AD60F98F7E78A19\
                 CA69EFF5C57400E3B3A0AD66CE0978214D13BAF4E9AC60752F7B155E2DE4DCE3",
            ],
        ],
    },
];

/// Each published signature verifies, on its message only; who lists [`Algorithm::EcdsaRfc6979`] signs the same bytes.
pub fn rfc6979(crypto: &dyn Crypto) {
    let deterministic = !lacks(crypto, Algorithm::EcdsaRfc6979);
    let mut verified = 0;
    for Published { pair: (curve, hash), private, public, signatures } in PUBLISHED {
        if lacks(crypto, Algorithm::ecdsa(curve, hash).unwrap()) {
            continue;
        }
        let private = hex(private);
        let point = hex(&["04", public[0], public[1]].concat());
        assert_eq!(crypto.ecdsa_public(curve, &private).as_ref(), Ok(&point), "{curve:?}");
        for (message, signature) in [b"sample".as_slice(), b"test"].into_iter().zip(signatures) {
            let signature = hex(&signature.concat());
            let verify = |message| crypto.ecdsa_verify(curve, hash, &point, message, &signature);
            assert_eq!(verify(message), Ok(()), "{curve:?} {hash:?}");
            assert_eq!(verify(b"other"), Err(CryptoError));
            verified += 1;
            if deterministic {
                let signed = crypto.ecdsa_sign(curve, hash, &private, message).unwrap();
                assert_eq!(hex_upper(&signed), hex_upper(&signature), "{curve:?} {hash:?}");
            }
        }
    }
    assert_eq!(verified, pairs_of(crypto).count() * 2);
}

/// A key's own signature verifies; any change in it, and r or s out of range, is refused.
pub fn signatures(crypto: &dyn Crypto) {
    for (curve, hash) in pairs_of(crypto) {
        let len = curve.field_len();
        let private = [&[0; 1], vec![7; len - 1].as_slice()].concat();
        let public = crypto.ecdsa_public(curve, &private).unwrap();
        let signature = crypto.ecdsa_sign(curve, hash, &private, b"message").unwrap();
        assert_eq!(signature.len(), 2 * len);
        let verify = |message: &[u8], signature: &[u8]| {
            crypto.ecdsa_verify(curve, hash, &public, message, signature).is_ok()
        };
        assert!(verify(b"message", &signature), "{curve:?}");
        assert!(!verify(b"Message", &signature) && !verify(b"", &signature));
        let (r, s) = signature.split_at(len);
        let (zero, n) = (vec![0; len], order(curve));
        let mut changed = signature.clone();
        for at in [0, len / 2, len - 1, len, 2 * len - 1] {
            changed[at] ^= 1;
            assert!(!verify(b"message", &changed), "{curve:?} {at}");
            changed[at] ^= 1;
        }
        for wrong in [[r, &zero], [&zero, s], [&zero, &zero], [&n, s], [r, &n], [&n, &n], [s, r]] {
            assert!(!verify(b"message", &wrong.concat()), "{curve:?}");
        }
        let padded = [&[0], r, &[0], s].concat();
        for wrong in
            [&signature[1..], &signature[..2 * len - 1], &padded, &[signature.as_slice(), &[0]].concat(), &[]]
        {
            assert!(!verify(b"message", wrong), "{curve:?}: {}", wrong.len());
        }
    }
}

/// A point is taken uncompressed or compressed; in any other form, and off the curve, it is refused.
pub fn public_points(crypto: &dyn Crypto) {
    for (curve, hash) in pairs_of(crypto) {
        let len = curve.field_len();
        let private = [&[0; 1], vec![9; len - 1].as_slice()].concat();
        let public = crypto.ecdsa_public(curve, &private).unwrap();
        let signature = crypto.ecdsa_sign(curve, hash, &private, b"message").unwrap();
        let verify = |public: &[u8]| crypto.ecdsa_verify(curve, hash, public, b"message", &signature).is_ok();
        let (x, y) = (&public[1..=len], &public[len + 1..]);
        let sign = y[len - 1] & 1;
        let point = |tag: u8, coordinates: &[&[u8]]| [&[tag], coordinates.concat().as_slice()].concat();
        assert!(verify(&public) && verify(&point(4, &[x, y])) && verify(&point(2 | sign, &[x])), "{curve:?}");
        assert!(!verify(&point(3 - sign, &[x])), "the other point of this x");
        let mut off = public.clone();
        *off.last_mut().unwrap() ^= 1;
        for (why, wrong) in [
            ("hybrid", point(6 | sign, &[x, y])),
            ("hybrid, other sign", point(7 - sign, &[x, y])),
            ("compact", point(5, &[x])),
            ("infinity", vec![0]),
            ("nothing", vec![]),
            ("no tag", [x, y].concat()),
            ("a byte short", public[..2 * len].to_vec()),
            ("a byte long", [public.as_slice(), &[0]].concat()),
            ("compressed, a byte long", point(2 | sign, &[x, &[0]])),
            ("not on the curve", off),
            ("origin", point(4, &[&vec![0; 2 * len]])),
            ("coordinates not below the prime", point(4, &[&vec![0xFF; 2 * len]])),
        ] {
            assert!(!verify(&wrong), "{curve:?}: {why}");
        }
    }
}

/// A private key lies between 1 and the order less 1, in as many bytes as the curve's coordinates.
pub fn private_keys(crypto: &dyn Crypto) {
    for (curve, hash) in pairs_of(crypto) {
        let len = curve.field_len();
        let number = |last: u8| [vec![0; len - 1], vec![last]].concat();
        let mut below = order(curve);
        *below.last_mut().unwrap() -= 1;
        let (base, negative) =
            (crypto.ecdsa_public(curve, &number(1)).unwrap(), crypto.ecdsa_public(curve, &below).unwrap());
        assert_eq!((base.len(), base[0]), (1 + 2 * len, 4));
        assert!(base[..=len] == negative[..=len] && base != negative, "(n - 1) G = -G");
        assert!(crypto.ecdsa_sign(curve, hash, &below, b"").is_ok());
        let above = [&[1], order(curve).as_slice()].concat();
        for wrong in [
            number(0),
            order(curve),
            vec![0xFF; len],
            number(1)[1..].to_vec(),
            [&[0], number(1).as_slice()].concat(),
            above,
            vec![],
        ] {
            assert_eq!(crypto.ecdsa_public(curve, &wrong), Err(CryptoError), "{curve:?}");
            assert_eq!(crypto.ecdsa_sign(curve, hash, &wrong, b""), Err(CryptoError), "{curve:?}");
        }
    }
}

/// A pair of curve and hash that no standard of ours has is refused, also to verify; and one that the provider does not list.
pub fn pairs(crypto: &dyn Crypto) {
    use HashAlgorithm::{Sha1, Sha256, Sha384, Sha512};
    for curve in [Curve::P256, Curve::P384, Curve::P521] {
        for hash in [Sha1, Sha256, Sha384, Sha512] {
            let listed =
                Algorithm::ecdsa(curve, hash).is_some_and(|pair| crypto.algorithms().contains(&pair));
            let private = [&[0; 1], vec![5; curve.field_len() - 1].as_slice()].concat();
            let signed = crypto.ecdsa_sign(curve, hash, &private, b"message");
            assert_eq!(signed.is_ok(), listed, "{curve:?} {hash:?}");
            let signature = signed.unwrap_or_else(|_| vec![1; 2 * curve.field_len()]);
            let public = crypto.ecdsa_public(curve, &private).unwrap();
            let verified = crypto.ecdsa_verify(curve, hash, &public, b"message", &signature);
            assert_eq!(verified.is_ok(), listed, "{curve:?} {hash:?}");
        }
    }
}
