//! Every row of `keyblock.json` by its id, all versions forth and back, the policy over its table, and that nothing shows a key.
use serde_json::Value;
use std::collections::BTreeMap;
use symbolon_keys::keyblock::{
    Deprecated, Exportability, Header, KeyBlockError, Operation, OptionalBlock, Version, padding_len,
    protection_keys, unwrap, wrap,
};
use symbolon_keys::usage::{self, Key, KeyAlgorithm};
use symbolon_types::{CoreRefusal, hex_parse, hex_upper};

type ProtectionKey = Key<usage::KeyEncryption>;

fn rows() -> Vec<Value> {
    let path = format!("{}/../../vectors/keyblock.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{}: no {field}", row["id"]))
}

/// A protection key for a block of this version, if its length is one.
fn protection_key(version: char, key: &str) -> Option<ProtectionKey> {
    let bytes = hex_parse(key).unwrap();
    let algorithm = match (version, bytes.len()) {
        ('A'..='C', 16) => KeyAlgorithm::Tdes2,
        ('A'..='C', 24) => KeyAlgorithm::Tdes3,
        (_, 16) => KeyAlgorithm::Aes128,
        (_, 24) => KeyAlgorithm::Aes192,
        (_, 32) => KeyAlgorithm::Aes256,
        _ => return None,
    };
    Some(Key::new(algorithm, &bytes).unwrap())
}

fn key_of(row: &Value, block: &str) -> Option<ProtectionKey> {
    protection_key(block.chars().next().unwrap(), text(row, "kbpk"))
}

/// The header as a row has it; the padding block is in the rows of some kinds only.
fn assert_header(row: &Value, header: &Header<'_>, padding_block: bool) {
    let expect = &row["header"];
    let id = text(row, "id");
    let found = [
        header.version.letter().to_string(),
        header.usage.to_owned(),
        header.algorithm.to_string(),
        header.mode.to_string(),
        header.key_version.to_owned(),
        header.exportability.letter().to_string(),
        format!("{}0", header.context),
    ];
    let fields = ["version", "usage", "algorithm", "mode", "key_version", "exportability", "context"];
    for (field, found) in fields.iter().zip(found) {
        assert_eq!(expect[field].as_str(), Some(found.as_str()), "{id} {field}");
    }
    assert_eq!(expect["opt_blocks"].as_u64(), u64::try_from(header.optional.len()).ok(), "{id}");
    let blocks = header.optional.iter().filter(|block| padding_block || block.id != "PB");
    let blocks: Vec<Value> = blocks.map(|block| serde_json::json!([block.id, block.data])).collect();
    assert_eq!(row["blocks"], Value::Array(blocks), "{id}");
}

fn unwrap_row(row: &Value) {
    let (id, block) = (text(row, "id"), text(row, "block"));
    let opened = unwrap(&key_of(row, block).unwrap(), block.as_bytes()).unwrap();
    assert_header(row, &opened.header, true);
    assert_eq!(hex_upper(opened.key.reveal()), text(row, "key"), "{id}");
    // The block can be made again from what is in it.
    let payload = hex_parse(text(row, "payload")).unwrap();
    let padding = &payload[2 + opened.key.reveal().len()..];
    let again =
        wrap(&key_of(row, block).unwrap(), &opened.header, opened.key.reveal(), padding, Deprecated::Allow);
    // A key of single DES is none of its algorithm any more; B0 for verifying MACs is none of X9.143's combinations.
    let expect = match id {
        "psec-1" | "psec-2" => Err(KeyBlockError::Key),
        "std-9" => Err(KeyBlockError::Usage),
        _ => Ok(block.to_owned()),
    };
    assert_eq!(again, expect, "{id}");
    assert_eq!(opened.admit().map(|_| block.to_owned()), expect, "{id}");
}

fn kdf_row(row: &Value) {
    for version in text(row, "versions").split(',') {
        let letter = version.chars().next().unwrap();
        let key = protection_key(letter, text(row, "kbpk")).unwrap();
        let (encryption, authentication) = protection_keys(Version::of(letter).unwrap(), &key).unwrap();
        assert_eq!(hex_upper(encryption.reveal()), text(row, "kbek"), "{}", row["id"]);
        assert_eq!(hex_upper(authentication.reveal()), text(row, "kbak"), "{}", row["id"]);
    }
}

fn wrap_row(row: &Value) {
    let (id, header, block) = (text(row, "id"), text(row, "header_text"), text(row, "block"));
    let read = Header::read(header.as_bytes()).unwrap();
    assert_eq!(read.header_len, header.len(), "{id}");
    assert_header(row, &read.header, true);
    assert_eq!(row["header"]["length"].as_u64(), u64::try_from(read.stated_len).ok(), "{id}");
    let (kbpk, key) = (key_of(row, block).unwrap(), hex_parse(text(row, "key")).unwrap());
    let padding = hex_parse(text(row, "padding")).unwrap();
    assert_eq!(padding.len(), padding_len(read.header.version, key.len(), 0), "{id}");
    let made = wrap(&kbpk, &read.header, &key, &padding, Deprecated::Allow);
    assert_eq!(made.as_deref(), Ok(block), "{id}");
    let refused = wrap(&kbpk, &read.header, &key, &padding, Deprecated::Refuse);
    let deprecated = read.header.version.is_deprecated();
    assert_eq!(refused.is_err_and(|error| error == KeyBlockError::Deprecated), deprecated, "{id}");
    assert_eq!(unwrap(&kbpk, block.as_bytes()).unwrap().key.reveal(), &key, "{id}");
}

fn header_row(row: &Value) {
    let (id, header) = (text(row, "id"), text(row, "text"));
    let read = Header::read(header.as_bytes()).unwrap();
    assert_eq!(u64::try_from(read.header_len).ok(), row["consumed"].as_u64(), "{id}");
    assert_header(row, &read.header, false);
    let canonical = match id {
        // The row has here what its source reads after this text, not what it writes of it: the source's own test has the text below.
        "header-14" => Some("B0056P0TE00N0400KS1800604B120F9292800000T104T20600PB0600"),
        _ => row["canonical"].as_str(),
    };
    let encoded = read.header.encode(0).unwrap();
    if let Some(canonical) = canonical {
        assert_eq!(encoded, canonical, "{id}");
    }
    let again = Header::read(encoded.as_bytes()).unwrap();
    let others = |header: &Header<'_>| {
        let kept = header.optional.iter().filter(|block| block.id != "PB");
        kept.map(|block| format!("{}{}", block.id, block.data)).collect::<Vec<_>>()
    };
    assert_eq!(others(&again.header), others(&read.header), "{id}");
}

fn refuse_row(row: &Value) {
    let id = text(row, "id");
    let Some(block) = row["block"].as_str() else {
        let error = Header::read(&hex_parse(text(row, "text_hex")).unwrap()).unwrap_err();
        assert!(matches!(error, KeyBlockError::Malformed { .. }), "{id}: {error:?}");
        return;
    };
    // A protection key of no algorithm's length cannot be one.
    let Some(kbpk) = key_of(row, block) else {
        assert!(["refuse-block-28", "refuse-block-30"].contains(&id), "{id}");
        return;
    };
    let error = unwrap(&kbpk, block.as_bytes()).unwrap_err();
    let reason = text(row, "reason");
    let mac =
        ["MAC bit changed", "exportability changed", "ciphertext changed", "usage changed in the header"];
    if mac.contains(&reason) || reason.contains("doesn't match generated MAC") {
        assert_eq!(error, KeyBlockError::Mac, "{id}");
    }
    if reason.starts_with("MAC is right but") {
        assert!(matches!(error, KeyBlockError::Malformed { field: "key length", .. }), "{id}: {error:?}");
    }
}

#[test]
fn every_row_of_the_vectors() {
    let mut seen = BTreeMap::new();
    for row in rows() {
        let kind = text(&row, "kind");
        match kind {
            "unwrap" => unwrap_row(&row),
            "kdf" => kdf_row(&row),
            "wrap" => wrap_row(&row),
            "header" => header_row(&row),
            "refuse" => refuse_row(&row),
            "decode" => {
                let read = Header::read(text(&row, "block").as_bytes()).unwrap();
                assert_header(&row, &read.header, true);
                assert_eq!(read.stated_len, text(&row, "block").len());
            }
            // Opened, since its MAC holds; not admitted, since its key serial number is no hexadecimal number.
            "either" => {
                let block = text(&row, "block");
                let opened = unwrap(&key_of(&row, block).unwrap(), block.as_bytes()).unwrap();
                assert_eq!(hex_upper(opened.key.reveal()), text(&row, "printed_key"));
                let refused = opened.admit().unwrap_err();
                assert!(matches!(refused, KeyBlockError::Malformed { field: "optional block data", .. }));
            }
            other => panic!("{other}"),
        }
        *seen.entry(kind.to_owned()).or_insert(0) += 1;
    }
    let counts: Vec<(&str, i32)> = seen.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    let expect = [
        ("decode", 1),
        ("either", 1),
        ("header", 9),
        ("kdf", 6),
        ("refuse", 81),
        ("unwrap", 20),
        ("wrap", 12),
    ];
    assert_eq!(counts, expect);
}

const TDES3: &str = "7CA110454A1A6E570131D9619DC1376E4151626FE5A4C2B9";
const AES256: &str = "88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6";

fn kbpk(version: Version) -> ProtectionKey {
    let key = if matches!(version, Version::D | Version::E) { AES256 } else { TDES3 };
    protection_key(version.letter(), key).unwrap()
}

fn header(version: Version) -> Header<'static> {
    Header {
        version,
        usage: "P0",
        algorithm: 'T',
        mode: 'B',
        key_version: "00",
        exportability: Exportability::Exportable,
        context: '0',
        optional: Vec::new(),
    }
}

fn made(header: &Header<'_>, key: &[u8]) -> Result<String, KeyBlockError> {
    let padding = vec![0x5C; padding_len(header.version, key.len(), 0)];
    wrap(&kbpk(header.version), header, key, &padding, Deprecated::Allow)
}

#[test]
fn what_is_wrapped_is_unwrapped_in_every_version_and_every_change_is_refused() {
    let label = "a label of the partner's";
    for (_, version) in Version::ALL {
        for optional in
            [vec![], vec![OptionalBlock { id: "LB", data: label }, OptionalBlock { id: "73", data: "" }]]
        {
            let header = Header { optional, ..header(version) };
            let block = made(&header, &[0x3D; 16]).unwrap();
            let opened = unwrap(&kbpk(version), block.as_bytes()).unwrap();
            assert_eq!(opened.key.reveal(), &[0x3D; 16]);
            assert_eq!(opened.header.optional.get(..header.optional.len()), Some(&header.optional[..]));
            for at in 0..block.len() {
                let mut changed = block.clone().into_bytes();
                changed[at] = if changed[at] == b'1' { b'2' } else { b'1' };
                assert!(unwrap(&kbpk(version), &changed).is_err(), "{version:?} {at}");
                assert!(unwrap(&kbpk(version), &block.as_bytes()[..at]).is_err(), "{version:?} {at}");
            }
            assert!(unwrap(&kbpk(version), format!("{block}0").as_bytes()).is_err());
        }
    }
}

#[test]
fn a_block_under_another_key_or_of_another_version_is_one_error() {
    for (_, version) in Version::ALL {
        let block = made(&header(version), &[0x3D; 16]).unwrap();
        let other = match version {
            Version::D | Version::E => Key::new(KeyAlgorithm::Aes256, &[9; 32]),
            _ => Key::new(KeyAlgorithm::Tdes3, &[9; 24]),
        };
        assert_eq!(unwrap(&other.unwrap(), block.as_bytes()).unwrap_err(), KeyBlockError::Mac);
        let wrong = kbpk(if version < Version::D { Version::D } else { Version::A });
        assert_eq!(unwrap(&wrong, block.as_bytes()).unwrap_err(), KeyBlockError::ProtectionKey);
    }
}

#[test]
fn a_block_has_one_form() {
    let block = made(&header(Version::D), &[0x3D; 16]).unwrap();
    let lower = format!("{}{}", &block[..16], block[16..].to_lowercase());
    let error = unwrap(&kbpk(Version::D), lower.as_bytes()).unwrap_err();
    assert!(matches!(error, KeyBlockError::Malformed { field: "payload", offset: 16 }), "{error:?}");
    for (text, field, offset) in [
        ("X0000P0TE00N0000", "version", 0),
        ("D00A0P0TE00N0000", "length", 1),
        ("D0000P_TE00N0000", "usage", 5),
        ("D0000P0_E00N0000", "algorithm", 7),
        ("D0000P0T 00N0000", "mode", 8),
        ("D0000P0TE0-N0000", "key version", 9),
        ("D0000P0TE00X0000", "exportability", 11),
        ("D0000P0TE00N0X00", "number of optional blocks", 12),
        ("D0000P0TE00N0030", "context", 14),
        ("D0000P0TE00N0001", "reserved", 15),
        ("D0000P0TE00N0100KS0a000000", "optional block length", 18),
        ("D0000P0TE00N0100KS0009000000014", "optional block length", 18),
        ("D0000P0TE00N0200PB04KS04", "optional block id", 20),
        ("D0000P0TE00N0100KS05\u{3}", "optional block data", 20),
    ] {
        let error = Header::read(text.as_bytes()).unwrap_err();
        assert_eq!(error, KeyBlockError::Malformed { field, offset }, "{text}");
    }
}

#[test]
fn long_optional_blocks_take_the_extended_length_and_a_block_has_an_end() {
    let data = "x".repeat(300);
    let long = Header { optional: vec![OptionalBlock { id: "LB", data: &data }], ..header(Version::D) };
    let text = long.encode(0).unwrap();
    assert!(text.starts_with("D0336P0TB00E0200LB00040136xxx") && text.ends_with("xPB0A000000"), "{text}");
    for (len, prefix) in [(251, "FF"), (252, "00040106")] {
        let data = "x".repeat(len);
        let header = Header { optional: vec![OptionalBlock { id: "LB", data: &data }], ..header(Version::E) };
        let text = header.encode(0).unwrap();
        assert_eq!(text.get(18..18 + prefix.len()), Some(prefix));
        assert_eq!(Header::read(text.as_bytes()).unwrap().header, header);
    }
    let data = "x".repeat(9_900);
    let long = Header { optional: vec![OptionalBlock { id: "LB", data: &data }], ..header(Version::D) };
    assert!(long.encode(0).is_ok());
    let too_long = KeyBlockError::Malformed { field: "length", offset: 1 };
    assert_eq!(made(&long, &[0x3D; 16]), Err(too_long));
    let many = vec![OptionalBlock { id: "LB", data: "" }; 100];
    assert!(Header { optional: many, ..header(Version::E) }.encode(0).is_err());
    for wrong in
        [Header { usage: "P", ..header(Version::D) }, Header { key_version: "_0", ..header(Version::D) }]
    {
        assert!(wrong.encode(0).is_err());
    }
}

#[test]
fn what_goes_together_is_wrapped_and_nothing_else() {
    let with = |usage, algorithm, mode, key_len: usize| {
        made(&Header { usage, algorithm, mode, ..header(Version::D) }, &vec![7; key_len]).map(|_| ())
    };
    for (usage, algorithm, mode, key_len) in [
        ("B0", 'A', 'X', 32),
        ("B0", 'T', 'N', 16),
        ("C0", 'T', 'G', 16),
        ("I0", 'A', 'N', 16),
        ("M7", 'H', 'C', 20),
        ("K4", 'A', 'D', 24),
        ("74", '9', '3', 5),
    ] {
        assert_eq!(with(usage, algorithm, mode, key_len), Ok(()), "{usage} {algorithm} {mode}");
    }
    for (usage, algorithm, mode, key_len, error) in [
        ("B0", 'T', 'V', 16, KeyBlockError::Usage),
        ("P0", 'T', 'G', 16, KeyBlockError::Usage),
        ("P0", 'H', 'E', 16, KeyBlockError::Usage),
        ("M7", 'A', 'C', 16, KeyBlockError::Usage),
        ("Z9", 'A', 'N', 16, KeyBlockError::Usage),
        ("P0", 'A', '1', 16, KeyBlockError::Usage),
        ("P0", 'T', 'E', 8, KeyBlockError::Key),
        ("P0", 'A', 'E', 17, KeyBlockError::Key),
        ("M7", 'H', 'C', 0, KeyBlockError::Key),
        ("M7", 'H', 'C', 8192, KeyBlockError::Key),
    ] {
        assert_eq!(with(usage, algorithm, mode, key_len), Err(error), "{usage} {algorithm} {mode} {key_len}");
    }
    let twice = vec![OptionalBlock { id: "LB", data: "a" }; 2];
    let error = made(&Header { optional: twice, ..header(Version::D) }, &[7; 16]).unwrap_err();
    assert!(matches!(error, KeyBlockError::Malformed { field: "optional block data", .. }));
}

#[test]
fn a_protection_key_is_not_weaker_than_the_key() {
    let keys = [
        (KeyAlgorithm::Tdes2, 'T', Version::B),
        (KeyAlgorithm::Tdes3, 'T', Version::B),
        (KeyAlgorithm::Aes128, 'A', Version::D),
        (KeyAlgorithm::Aes192, 'A', Version::D),
        (KeyAlgorithm::Aes256, 'A', Version::D),
    ];
    for (over, (outer, _, version)) in keys.iter().enumerate() {
        for (under, (inner, algorithm, _)) in keys.iter().enumerate() {
            let kbpk = Key::new(*outer, &vec![0x11; outer.key_len()]).unwrap();
            let header = Header { algorithm: *algorithm, ..header(*version) };
            let key = vec![0x22; inner.key_len()];
            let padding = vec![0; padding_len(*version, key.len(), 0)];
            let made = wrap(&kbpk, &header, &key, &padding, Deprecated::Refuse);
            assert_eq!(
                made.is_err_and(|error| error == KeyBlockError::Weak),
                under > over,
                "{outer:?} {inner:?}"
            );
        }
    }
}

#[test]
fn a_typed_key_comes_out_for_its_usage_and_operations_alone() {
    let block = made(&Header { mode: 'E', ..header(Version::D) }, &[0x3D; 16]).unwrap();
    let admitted = unwrap(&kbpk(Version::D), block.as_bytes()).unwrap().admit().unwrap();
    let key = admitted.key::<usage::Pin>(&[Operation::Encipher]).unwrap();
    assert_eq!((key.algorithm(), key.reveal()), (KeyAlgorithm::Tdes2, &[0x3D; 16][..]));
    let refused = [
        admitted.key::<usage::Pin>(&[Operation::Encipher, Operation::Decipher]).map(drop),
        admitted.key::<usage::Pin>(&[Operation::Verify]).map(drop),
        admitted.key::<usage::DataBoth>(&[Operation::Encipher]).map(drop),
        admitted.key::<usage::Base>(&[]).map(drop),
    ];
    assert!(refused.iter().all(|refused| *refused == Err(KeyBlockError::Usage)));
    for (usage, algorithm, mode, operation) in [
        ("B0", 'A', 'X', Operation::Derive),
        ("B1", 'A', 'X', Operation::Derive),
        ("M6", 'A', 'V', Operation::Verify),
        ("M7", 'H', 'C', Operation::Generate),
        ("D0", 'A', 'B', Operation::Decipher),
        ("K1", 'A', 'N', Operation::Decipher),
    ] {
        let block = made(&Header { usage, algorithm, mode, ..header(Version::E) }, &[1; 32]).unwrap();
        let admitted = unwrap(&kbpk(Version::E), block.as_bytes()).unwrap().admit().unwrap();
        let of = [
            admitted.key::<usage::Base>(&[operation]).is_ok(),
            admitted.key::<usage::Initial>(&[operation]).is_ok(),
            admitted.key::<usage::MacBoth>(&[operation]).is_ok(),
            admitted.key::<usage::DataBoth>(&[operation]).is_ok(),
            admitted.key::<usage::KeyEncryption>(&[operation]).is_ok(),
        ];
        assert_eq!(of.iter().filter(|ok| **ok).count(), 1, "{usage}");
    }
}

#[test]
fn a_key_leaves_only_as_its_block_allows() {
    use Exportability::{Exportable, NonExportable, Sensitive};
    for kept in [Exportable, NonExportable, Sensitive] {
        let block = made(&Header { exportability: kept, ..header(Version::B) }, &[0x3D; 16]).unwrap();
        let admitted = unwrap(&kbpk(Version::B), block.as_bytes()).unwrap().admit().unwrap();
        for next in [Exportable, NonExportable, Sensitive] {
            let left = admitted.export(&kbpk(Version::D), Version::D, next, &[0; 14], Deprecated::Refuse);
            if kept == NonExportable || (next != NonExportable && next != kept) {
                assert_eq!(left, Err(KeyBlockError::NotExportable));
            } else {
                let block = left.unwrap();
                let opened = unwrap(&kbpk(Version::D), block.as_bytes()).unwrap();
                assert_eq!(
                    (opened.header.exportability, opened.key.reveal().as_slice()),
                    (next, &[0x3D; 16][..])
                );
            }
        }
    }
}

#[test]
fn nothing_shows_a_key_or_the_text_of_a_block() {
    let key = [0x6B; 16];
    let optional = vec![OptionalBlock { id: "LB", data: "482915 and 4761739001010010" }];
    let block = made(&Header { optional, ..header(Version::D) }, &key).unwrap();
    let opened = unwrap(&kbpk(Version::D), block.as_bytes()).unwrap();
    let mut shown = format!("{opened:?}");
    let admitted = opened.admit().unwrap();
    shown.push_str(&format!("{admitted:?} {:?}", admitted.key::<usage::Pin>(&[])));
    for at in 0..block.len() {
        let mut changed = block.clone().into_bytes();
        changed[at] ^= 0x05;
        for text in [&changed[..], &block.as_bytes()[..at]] {
            let error = unwrap(&kbpk(Version::D), text).unwrap_err();
            shown.push_str(&format!("{error:?} {}", CoreRefusal::from(error)));
        }
    }
    for secret in ["6B6B6B", "107, 107", "482915", "47617390", &AES256[..8], &block[60..76]] {
        assert!(!shown.to_uppercase().contains(secret), "{secret}");
    }
}
