//! EMVCo QR codes: every row of `emv_tlv.json` that is about them by its id, both ways; the rules of the table; that changed texts are refused
//! and that no `Debug` and no error shows a value.
//!
//! **Invariant:** rows are counted by kind, so none is passed over.
use proptest::prelude::*;
use serde_json::{Value, json};
use symbolon_types::{CoreRefusal, hex_parse, hex_upper};
use symbolon_wire::qr::TEXT_BYTES_MAX;
use symbolon_wire::qr::cpm::{ConsumerPresented, CpmError, CpmRemark, name};
use symbolon_wire::qr::mpm::{MpmFault, RemarkKind, crc16, decode, encode, join};
use symbolon_wire::tlv::{Node, Tag, append};

fn vectors(kind: &str) -> Vec<Value> {
    let path = format!("{}/../../vectors/emv_tlv.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file["vectors"].as_array().unwrap().iter().filter(|row| row["kind"] == kind).cloned().collect()
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap()
}

fn shown(nodes: &[Node<'_>]) -> Value {
    let row = |node: &Node<'_>| {
        let value = match node.tlv.tag.is_constructed() {
            true => shown(&node.children),
            false => json!(hex_upper(node.tlv.value)),
        };
        json!([node.tlv.tag.to_string(), value])
    };
    nodes.iter().map(row).collect()
}

#[test]
fn every_merchant_presented_code_of_the_vectors_both_ways() {
    let all = vectors("qr_mpm");
    let mut remarked = Vec::new();
    for row in &all {
        let payload = decode(text(row, "text")).unwrap_or_else(|error| panic!("{}: {error}", row["id"]));
        let fields: Value =
            payload.fields.iter().map(|field| json!([format!("{:02}", field.id), field.value])).collect();
        assert_eq!(fields, row["value"], "{}", row["id"]);
        assert_eq!(payload.value(63), row["crc"].as_str());
        let pairs: Vec<(u8, &str)> = payload.fields.iter().map(|field| (field.id, field.value)).collect();
        assert_eq!(encode(&pairs).as_deref(), Ok(text(row, "text")), "with its CRC");
        let (_, without) = pairs.split_last().unwrap();
        assert_eq!(encode(without).as_deref(), Ok(text(row, "text")), "{}", row["id"]);
        if !payload.remarks.is_empty() {
            let told: Vec<String> = payload.remarks.iter().map(ToString::to_string).collect();
            remarked.push(json!([row["id"], told]));
        }
    }
    assert_eq!(all.len(), 11);
    // Codes in circulation keep their CRC and not the whole table.
    let expect = [
        json!([
            "mpm-2",
            [
                "62.09: longer than its table says",
                "56: does not go with what 55 says",
                "57: does not go with what 55 says",
            ]
        ]),
        json!(["mpm-14", ["60: longer than its table says"]]),
    ];
    assert_eq!(remarked, expect);
}

#[test]
fn every_refusal_of_the_vectors_is_one() {
    let rows: Vec<Value> = vectors("refuse").into_iter().filter(|row| row["mpm"].is_string()).collect();
    for row in &rows {
        let error = decode(text(row, "mpm")).unwrap_err();
        if text(row, "reason") == "CRC wrong" {
            assert_eq!(CoreRefusal::from(error), CoreRefusal::Checksum, "{}", row["id"]);
        }
    }
    assert_eq!(rows.len(), 15);
}

#[test]
fn every_consumer_presented_code_of_the_vectors_both_ways() {
    let all = vectors("qr_cpm");
    for row in &all {
        let payload = ConsumerPresented::decode(text(row, "qr")).unwrap();
        assert_eq!(hex_upper(payload.reveal()), text(row, "tlv"), "{}", row["id"]);
        assert_eq!(shown(&payload.nodes().unwrap()), row["value"], "{}", row["id"]);
        let again = ConsumerPresented::from_tlv(hex_parse(text(row, "tlv")).unwrap()).unwrap();
        assert_eq!(again.encode(), text(row, "qr"), "{}", row["id"]);
        let bare = row["id"] == "cpm-2";
        assert_eq!(payload.remarks(), if bare { vec![CpmRemark::NoApplication] } else { Vec::new() });
    }
    assert_eq!(all.len(), 4);
}

/// The smallest payload that keeps the rules.
const LEAST: [(u8, &str); 7] = [
    (0, "01"),
    (2, "4000123456789012"),
    (52, "5541"),
    (53, "978"),
    (58, "FI"),
    (59, "HOTEL 10"),
    (60, "HELSINKI"),
];

/// [`LEAST`] with these ids set to other values, or left out.
fn changed(changes: &[(u8, Option<&'static str>)]) -> Result<String, (MpmFault, String)> {
    let mut fields = LEAST.to_vec();
    for &(id, value) in changes {
        fields.retain(|field| field.0 != id);
        fields.extend(value.map(|value| (id, value)));
    }
    fields.sort_by_key(|field| field.0);
    encode(&fields).map_err(|error| (error.fault, error.place.to_string()))
}

#[test]
fn the_rules_of_the_table() {
    let kept = changed(&[]).unwrap();
    assert!(decode(&kept).unwrap().remarks.is_empty());
    for (id, _) in LEAST {
        assert_eq!(changed(&[(id, None)]).unwrap_err().0, MpmFault::Missing, "{id}");
    }
    assert!(changed(&[(2, None), (26, Some("0009fi.exampl"))]).is_ok(), "any of 02 to 51");
    for (id, value) in [
        (0, "02"),
        (1, "1"),
        (1, "1x"),
        (52, "554"),
        (52, "55411"),
        (53, "EUR"),
        (54, "1,50"),
        (54, ".5"),
        (54, "1.2.3"),
        (54, "12345678901.23"),
        (55, "1"),
        (58, "FIN"),
        (58, "F1"),
        (59, "a\nb"),
        (63, "0000"),
    ] {
        let (fault, place) = changed(&[(id, Some(value))]).unwrap_err();
        let expect = if id == 63 { MpmFault::Checksum } else { MpmFault::Format };
        assert_eq!((fault, place), (expect, format!("{id:02}")), "{value:?}");
    }
    for value in ["1", "10", "10.5", "98.", "0123456789.12"] {
        assert!(changed(&[(54, Some(value))]).is_ok(), "{value}");
    }
    assert_eq!(changed(&[(55, Some("02"))]).unwrap_err(), (MpmFault::Missing, "56".into()));
    assert_eq!(changed(&[(55, Some("03")), (56, Some("1"))]).unwrap_err(), (MpmFault::Missing, "57".into()));
    assert!(changed(&[(55, Some("02")), (56, Some("5.00"))]).is_ok());
    assert_eq!(changed(&[(55, Some("03")), (57, Some("10.0.1"))]).unwrap_err().0, MpmFault::Format);
    assert_eq!(changed(&[(64, Some("0002ZH"))]).unwrap_err(), (MpmFault::Missing, "64.01".into()));
    assert_eq!(changed(&[(62, Some("0003abc"))]).unwrap_err(), (MpmFault::Format, "62.00".into()));
    let remarks = |changes: &[(u8, Option<&'static str>)]| {
        let text = changed(changes).unwrap();
        let payload = decode(&text).unwrap();
        payload.remarks.iter().map(|remark| (remark.what, remark.place.to_string())).collect::<Vec<_>>()
    };
    assert_eq!(remarks(&[(26, Some("0104abcd"))]), [(RemarkKind::NoIdentifier, "26".into())]);
    assert_eq!(remarks(&[(62, Some("0904AMEA"))]), [(RemarkKind::TooLong, "62.09".into())]);
    assert_eq!(remarks(&[(62, Some("50080104abcd"))]), [(RemarkKind::NoIdentifier, "62.50".into())]);
    assert_eq!(remarks(&[(56, Some("1"))]), [(RemarkKind::NotWithIndicator, "56".into())]);
    assert_eq!(remarks(&[(1, Some("12")), (54, Some("0.10"))]), []);
    assert_eq!(remarks(&[(1, Some("13"))]), [(RemarkKind::ValueUnknown, "01".into())]);
    assert_eq!(remarks(&[(54, Some("0.00"))]), [(RemarkKind::ValueUnknown, "54".into())]);
}

#[test]
fn structure_is_held_to_the_character() {
    let with_crc = |text: &str| {
        let text = format!("{text}6304");
        let crc = crc16(text.as_bytes());
        format!("{text}{crc:04X}")
    };
    let told = |text: &str| decode(&with_crc(text)).map(drop).map_err(|error| error.to_string()).unwrap_err();
    let least = join(&LEAST).unwrap();
    assert!(decode(&with_crc(&least)).is_ok());
    assert_eq!(told(&format!("{least}5803USA")), "58: is there twice");
    assert_eq!(told(&format!("{least}6100")), "61: a length is 00 or does not fit");
    assert_eq!(told(&format!("{least}62060503ab")), "62.05: a length is 00 or does not fit");
    assert_eq!(told(&format!("{least}62110502ab0501c")), "62.05: is there twice");
    assert_eq!(told(&format!("{least}6a01b")), "the payload: an id or a length is not two digits");
    assert_eq!(told(&format!("{least}61+1b")), "61: an id or a length is not two digits");
    assert_eq!(told(&format!("{least}62080508ab00")), "62.05: a length is 00 or does not fit");
    let moved: Vec<(u8, &str)> = LEAST[1..].iter().chain(&LEAST[..1]).copied().collect();
    assert_eq!(encode(&moved).unwrap_err().to_string(), "00: must be there, and in its place");
    let right = with_crc(&least);
    assert_eq!(decode(&right.to_lowercase()).unwrap_err().fault, MpmFault::Checksum);
    assert_eq!(decode("").unwrap_err().fault, MpmFault::Missing);
    assert_eq!(decode(&"0".repeat(TEXT_BYTES_MAX + 1)).unwrap_err().fault, MpmFault::TooLong);
    assert_eq!(encode(&[(100, "x")]).unwrap_err().fault, MpmFault::Header);
    assert_eq!(join(&[(1, "")]).unwrap_err().fault, MpmFault::Length);
    assert_eq!(join(&[(1, &"x".repeat(100))]).unwrap_err().fault, MpmFault::Length);
    // Lengths count characters: two of Ä are two, whatever their bytes.
    assert_eq!(join(&[(59, "ÄÄ"), (60, "北京")]).as_deref(), Ok("5902ÄÄ6002北京"));
    // The check value of this CRC, as catalogues of them have it.
    assert_eq!(crc16(b"123456789"), 0x29B1);
}

fn consumer(objects: &[(&str, &str)]) -> Result<ConsumerPresented, CpmError> {
    let mut out = Vec::new();
    for (tag, value) in objects {
        append(&mut out, Tag::parse(tag).unwrap(), &hex_parse(value).unwrap());
    }
    ConsumerPresented::from_tlv(out)
}

#[test]
fn templates_of_the_consumer_stand_where_they_belong() {
    let (v, app) = (("85", "4350563031"), ("61", "4F05A000000001"));
    assert!(consumer(&[v, app, app, ("62", "5A0212345F340101")]).unwrap().remarks().is_empty());
    assert_eq!(consumer(&[v, ("61", "500141")]).unwrap().remarks(), [CpmRemark::NoAdfName(7)]);
    let error = |objects: &[(&str, &str)]| consumer(objects).unwrap_err();
    for objects in [&[][..], &[app], &[app, v], &[("85", "4350563032"), app], &[("85", "43505630"), app]] {
        assert_eq!(error(objects), CpmError::Indicator, "{objects:?}");
    }
    assert_eq!(error(&[v, v]), CpmError::Misplaced(7));
    assert_eq!(error(&[v, ("62", ""), ("62", "")]), CpmError::Misplaced(9));
    assert_eq!(error(&[v, ("63", "")]), CpmError::Misplaced(7));
    assert_eq!(error(&[v, ("61", "6400")]), CpmError::Misplaced(9));
    assert_eq!(error(&[v, ("62", "6300")]), CpmError::Misplaced(9));
    assert_eq!(error(&[v, ("61", "6100")]), CpmError::Misplaced(9));
    assert!(consumer(&[v, ("61", "6300"), ("62", "6400")]).is_ok());
    assert!(matches!(error(&[v, ("61", "4F05")]), CpmError::Tlv(_)));
    assert_eq!(ConsumerPresented::decode("hQVDUFYwMQ").unwrap_err(), CpmError::Base64);
    assert_eq!(ConsumerPresented::decode("hQVDUFYwMQ== ").unwrap_err(), CpmError::Base64);
    assert_eq!(ConsumerPresented::decode(&"A".repeat(TEXT_BYTES_MAX + 1)).unwrap_err(), CpmError::TooLong);
    let long = "00".repeat(2_300);
    assert_eq!(error(&[v, ("DF01", &long)]), CpmError::TooLong);
    assert_eq!(name(Tag::new(0x85).unwrap()), Some("Payload Format Indicator"));
    assert_eq!(name(Tag::new(0x57).unwrap()), Some("Track 2 Equivalent Data"));
}

proptest! {
    #[test]
    fn a_text_that_is_read_is_the_one_that_is_written(
        city in "[A-Za-zÄ北 ]{1,15}",
        reference in "[0-9A-Z]{1,25}",
        amount in 1_u32..10_000_000,
    ) {
        let within = join(&[(5, &reference)]).unwrap();
        let amount = format!("{}.{:02}", amount / 100, amount % 100);
        let mut fields = LEAST.to_vec();
        fields.retain(|field| field.0 != 60);
        fields.extend([(54, amount.as_str()), (60, city.as_str()), (62, within.as_str())]);
        let text = encode(&fields).unwrap();
        let payload = decode(&text).unwrap();
        let pairs: Vec<(u8, &str)> = payload.fields.iter().map(|field| (field.id, field.value)).collect();
        prop_assert_eq!(&pairs[..fields.len()], fields.as_slice());
        prop_assert_eq!(encode(&pairs).unwrap(), text);
    }

    /// One changed character is always seen: the CRC sees every burst of 16 bits.
    #[test]
    fn a_changed_character_is_refused(at in 0_usize..200, other in "[0-9A-Z]") {
        let text = encode(&LEAST).unwrap();
        let at = at % text.len();
        let mut changed = text.clone();
        changed.replace_range(at..=at, &other);
        prop_assert_eq!(decode(&changed).is_ok(), changed == text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}", digits in "0002016[0-9A-F]{0,60}") {
        for text in [text, digits] {
            let _ = (decode(&text), ConsumerPresented::decode(&text));
        }
    }

    #[test]
    fn no_debug_and_no_error_shows_a_value(pan in "[1-9][0-9]{15}", phone in "[1-9][0-9]{9}") {
        let within = join(&[(2, &phone)]).unwrap();
        let mut fields = LEAST.to_vec();
        fields.extend([(4, pan.as_str()), (62, within.as_str())]);
        let text = encode(&fields).unwrap();
        let cut = decode(&text[..text.len() - 9]).unwrap_err();
        let told = format!("{:?} {cut:?} {cut}", decode(&text).unwrap());
        prop_assert!(!told.contains(&pan) && !told.contains(&phone), "{told}");
        let payload = consumer(&[("85", "4350563031"), ("61", "4F00"), ("62", &format!("5A08{pan}"))]).unwrap();
        let cut = consumer(&[("85", "4350563031"), ("62", &format!("5A09{pan}"))]).unwrap_err();
        let told = format!("{payload:?} {:?} {cut:?} {cut}", payload.nodes().unwrap());
        prop_assert!(!told.contains(&pan), "{told}");
    }
}
