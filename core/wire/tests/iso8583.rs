//! ISO 8583 against `vectors/iso8583.json`: every row by its id, every prefix of every message, the built-in dialects field by field; and the
//! rules that no row says.
#[path = "iso8583/common.rs"]
mod common;
#[path = "iso8583/vectors.rs"]
mod vectors;

use common::{TYPE, encoded, fixed, mti, odd, variable};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use symbolon_types::{CoreRefusal, hex_upper};
use symbolon_wire::iso8583::{
    BitmapCoding, BuiltIn, Class, Coding, DialectBuilder, DialectError, Function, Head, Iso8583Error, Kind,
    Length, LengthCoding, MESSAGE_BYTES_MAX, Message, Mti, Origin, Places, Role, Value, Version,
};
use vectors::{bytes, dialect, file, rows, spec, text};

/// The fields as the file has them.
fn texts(message: &Message<'_>) -> BTreeMap<String, String> {
    message.fields().map(|field| (field.number().to_string(), field.text())).collect()
}

fn expected(row: &Json) -> BTreeMap<String, String> {
    serde_json::from_value(row["fields"].clone()).unwrap()
}

#[test]
fn every_row_is_decoded_and_encoded_or_refused() {
    let file = file();
    let mut counts = BTreeMap::<&str, u32>::new();
    let mut places = Places::new();
    for row in rows(&file) {
        let dialect = dialect(&file, text(row, "dialect"));
        let bytes = bytes(row);
        let id = text(row, "id");
        *counts.entry(text(row, "kind")).or_default() += 1;
        if text(row, "kind") == "refuse" {
            refused(row, dialect.decode(&bytes, &mut places).map(drop));
            continue;
        }
        assert_eq!(text(row, "kind"), "message", "{id}");
        let message = dialect.decode(&bytes, &mut places).unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(message.mti().to_string(), text(row, "mti"), "{id}");
        assert_eq!(message.bitmap_hex(), text(row, "bitmap"), "{id}");
        assert_eq!(texts(&message), expected(row), "{id}");
        assert_eq!(hex_upper(&encoded(&dialect, &message)), text(row, "hex"), "{id}");
        let mut again = Vec::new();
        message.changed(message.mti(), &[], &mut again).unwrap();
        assert_eq!(hex_upper(&again), text(row, "hex"), "{id}");
    }
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [("message", 74), ("refuse", 69)]);
}

/// The refusal is of the kind that the row's detail says, and of its field.
fn refused(row: &Json, found: Result<(), Iso8583Error>) {
    let (id, detail) = (text(row, "id"), text(row, "detail"));
    let error = found.expect_err(id);
    let field = |before: &str, after: &str| {
        detail.strip_prefix(before)?.strip_suffix(after)?.trim().parse::<u8>().ok()
    };
    let good = match error {
        Iso8583Error::Truncated { field: 1, .. } => detail == "truncated in bitmap",
        Iso8583Error::Truncated { field: of, .. } => {
            [field("truncated in DE", ""), field("truncated in length of DE", "")].contains(&Some(of))
        }
        Iso8583Error::Trailing { .. } => detail == "trailing bytes",
        Iso8583Error::MessageType => detail == "DE0 not numeric",
        Iso8583Error::Bitmap { .. } => detail == "bitmap not hex",
        Iso8583Error::BitmapCount { field: 65 } => detail.starts_with("bit 65 set"),
        Iso8583Error::LengthPrefix { field: of, .. } => field("length of DE", " not decimal") == Some(of),
        Iso8583Error::Length { field: of, .. } => detail.starts_with(&format!("DE{of} longer than ")),
        _ => false,
    };
    // A row whose bitmaps are wrong is read beside them: what is found first is a matter of the reader's strictness.
    assert!(
        good || row["reason"].as_str().unwrap().starts_with("a second bitmap"),
        "{id}: {error} for {detail}"
    );
}

#[test]
fn every_prefix_of_every_message_and_every_byte_more_is_refused() {
    let file = file();
    let mut places = Places::new();
    let mut tried = 0;
    for row in rows(&file).iter().filter(|row| text(row, "kind") == "message") {
        let dialect = dialect(&file, text(row, "dialect"));
        let mut bytes = bytes(row);
        for end in 0..bytes.len() {
            let found = dialect.decode(&bytes[..end], &mut places);
            assert!(matches!(found, Err(Iso8583Error::Truncated { .. })), "{} {end} {found:?}", row["id"]);
            tried += 1;
        }
        let offset = u16::try_from(bytes.len()).unwrap();
        bytes.push(b'0');
        let found = dialect.decode(&bytes, &mut places).unwrap_err();
        assert_eq!(found, Iso8583Error::Trailing { offset }, "{}", row["id"]);
    }
    assert!(tried > 15_000, "{tried}");
}

#[test]
fn the_built_in_dialects_are_those_of_the_vectors_but_for_what_the_standard_says_otherwise() {
    let file = file();
    for (name, built_in) in [
        ("87A-emv", BuiltIn::Ascii1987),
        ("87B-emv", BuiltIn::Binary1987),
        ("87E-emv", BuiltIn::Ebcdic1987),
        ("93A-emv", BuiltIn::Ascii1993),
        ("93B-emv", BuiltIn::Binary1993),
    ] {
        let dialect = built_in.dialect().unwrap();
        for (number, field) in file["dialects"][name].as_object().unwrap() {
            let number: u8 = number.parse().unwrap();
            if matches!(number, 1 | 65) {
                assert_eq!(dialect.spec(number), None);
                continue;
            }
            let mut expect = spec(number, field);
            match number {
                // ISO 8583 calls tracks 2 and 3 z.
                35 | 36 => expect.kind = Kind::Track,
                // ISO 8583:1987 table 5: b 64, eight bytes.
                96 if expect.length == Length::Fixed(16) => expect.length = Length::Fixed(8),
                _ => {}
            }
            assert_eq!(dialect.spec(number), Some(&expect), "{name} {number}");
            assert!(number == 0 || built_in.field_name(number).is_some());
        }
    }
}

#[test]
fn nothing_shows_account_data_and_masks_keep_their_length() {
    let file = file();
    let mut places = Places::new();
    let mut seen = 0;
    for row in rows(&file).iter().filter(|row| text(row, "kind") == "message") {
        let dialect = dialect(&file, text(row, "dialect"));
        let bytes = bytes(row);
        let message = dialect.decode(&bytes, &mut places).unwrap();
        let debug = format!(
            "{message:?} {:?} {:?}",
            message.bitmap(),
            message.fields().map(Value::from).collect::<Vec<_>>()
        );
        let masked: Vec<String> =
            message.fields().filter_map(|field| message.masked(field.number())).collect();
        let masked = masked.join("|");
        for (number, value) in expected(row) {
            let shown = message.masked(number.parse().unwrap()).unwrap();
            assert_eq!(shown.len(), value.len(), "{} {number}", row["id"]);
            if !matches!(
                number.as_str(),
                "2" | "14" | "34" | "35" | "36" | "45" | "52" | "53" | "102" | "103"
            ) {
                continue;
            }
            assert!(value.is_empty() || shown.contains('*'), "{} {number}", row["id"]);
            if value.len() >= 12 {
                assert!(!debug.contains(&value) && !masked.contains(&value), "{} {number}", row["id"]);
                seen += 1;
            }
        }
        if let Some(pan) = expected(row).get("2").filter(|pan| pan.len() >= 13) {
            let shown = message.masked(2).unwrap();
            assert_eq!((&shown[..6], &shown[shown.len() - 4..]), (&pan[..6], &pan[pan.len() - 4..]));
            assert!(shown[6..shown.len() - 4].bytes().all(|byte| byte == b'*'));
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn tags_that_say_whose_account_it_is_are_masked_and_the_others_shown() {
    let dialect = BuiltIn::Ascii1987.dialect().unwrap();
    let masked = |number: u8, value: &[u8]| {
        let mut out = Vec::new();
        dialect.encode(mti(100), &[(number, value.into())], &mut out).unwrap();
        dialect.decode(&out, &mut Places::new()).unwrap().masked(number).unwrap()
    };
    let tlv = symbolon_types::hex_parse(
        "9F02060000000001005A0841111111111111115F2A020978DFAA0102ABCD7006570212345A00",
    )
    .unwrap();
    assert_eq!(
        masked(55, &tlv),
        "9F02060000000001005A08****************5F2A020978DFAA0102****7006************"
    );
    assert_eq!(masked(55, &[0x9F, 0x02, 0x06, 0x00]), "********");
    assert_eq!(masked(48, b"PAN 4111111111111111,1234"), "PAN 411111******1111,1234");
    assert_eq!(masked(63, b"12345678901234567890"), "********************");
    assert_eq!(masked(48, b"01164111111111111111"), "********************");
    assert_eq!(masked(47, b"a 41111111111111112912,1"), "a ********************,1");
    assert_eq!(masked(60, b"4111 1111-1111 1111 x 12"), "******************* x 12");
    assert_eq!(masked(60, b"411111  111111 123456789"), "411111  ****************");
    assert_eq!(masked(63, b"4111111111111111=29121011234567890"), "411111******1111******************");
    assert_eq!(masked(62, b"B4111111111111111^A/B^2912"), "B411111******1111*********");
    assert_eq!(
        masked(43, b"4111111111111111 Main Street, Any TownUS"),
        "411111******1111 Main Street, Any TownUS"
    );
    assert_eq!(
        (masked(42, b"123456789012345"), masked(90, &[b'1'; 42])),
        ("123456789012345".into(), "1".repeat(42))
    );
    assert_eq!(masked(2, b"411111111111"), "************");
    let named = dialect.to_builder().role(Role::MacKsn, 60).build().unwrap();
    let mut out = Vec::new();
    named.encode(mti(100), &[(60, "FFFF9876".into())], &mut out).unwrap();
    assert_eq!(named.decode(&out, &mut Places::new()).unwrap().masked(60).unwrap(), "********");
    assert_eq!((named.role(Role::MacKsn), named.role(Role::AesPinBlock)), (Some(60), Some(120)));
}

/// Format 4, and the two key serial numbers of AES DUKPT: no dialect is without a place for them, and none shows them.
#[test]
fn every_dialect_names_fields_for_an_aes_pin_block_and_its_serial_numbers() {
    for built_in in BuiltIn::ALL {
        let dialect = built_in.dialect().unwrap();
        let roles = [Role::AesPinBlock, Role::Ksn, Role::MacKsn, Role::AccountData]
            .map(|role| dialect.role(role).unwrap());
        let values: Vec<(u8, Vec<u8>)> = [16, 12, 12]
            .iter()
            .zip(roles)
            .map(|(length, number)| {
                let bytes = vec![0xA5; *length];
                let text = dialect.spec(number).unwrap().kind != Kind::Binary;
                (number, if text { symbolon_types::hex_upper(&bytes).into_bytes() } else { bytes })
            })
            .collect();
        let mut fields: Vec<(u8, Value<'_>)> =
            values.iter().map(|(number, value)| (*number, value.as_slice().into())).collect();
        fields.sort_by_key(|field| field.0);
        let mut out = Vec::new();
        dialect.encode(mti(200), &fields, &mut out).unwrap();
        let mut places = Places::new();
        let message = dialect.decode(&out, &mut places).unwrap();
        for (number, value) in &values {
            let mut found = Vec::new();
            message.field(*number).unwrap().append_to(&mut found);
            assert_eq!(&found, value, "{built_in:?} {number}");
            assert!(message.masked(*number).unwrap().bytes().all(|byte| byte == b'*'));
        }
    }
}

#[test]
fn three_bitmaps_every_length_and_the_rarer_types() {
    let dialect = odd();
    let values: [(u8, Value<'_>); 17] = [
        (2, "123".into()),
        (3, b"\x00\xFF".into()),
        (4, b"\x01".into()),
        (5, "Ab ".into()),
        (6, "aZ 9".into()),
        (7, "C1234567".into()),
        (8, "D12345678".into()),
        (9, "C00000001".into()),
        (10, "1=2".into()),
        (11, "12=3".into()),
        (12, "a-b".into()),
        (13, "1-2".into()),
        (64, b"\xAB\x01".into()),
        (66, "12=45".into()),
        (128, "123".into()),
        (130, "456".into()),
        (192, "end".into()),
    ];
    let mut out = Vec::new();
    dialect.encode(mti(1100), &values, &mut out).unwrap();
    let expect = [
        "31313030FFF8000000000001C0000000000000014000000000000001",
        "00030123",
        "0200FF",
        "000101",
        "33416220",
        "F0F0F0F481E940F9",
        "4301234567",
        "4412345678",
        "C3F0F0F0F0F0F0F0F1",
        "0301D2",
        "3034F1F27EF3",
        "612D62",
        "F160F2",
        "000241423031",
        "0512D450",
        "1230",
        "0456",
        "303033656E64",
    ]
    .concat();
    assert_eq!(hex_upper(&out), expect);
    let mut places = Places::new();
    let message = dialect.decode(&out, &mut places).unwrap();
    assert_eq!(message.bitmaps(), 3);
    for (number, value) in values {
        let Value::Plain(value) = value else { unreachable!() };
        let field = message.field(number).unwrap();
        let mut found = Vec::new();
        field.append_to(&mut found);
        assert_eq!(found, value, "{number}");
        assert_eq!(field.chars().len(), field.text().len());
    }
    assert_eq!(message.field(130).unwrap().to_number(), Some(456));
    assert_eq!((message.field(65).is_none(), message.field(0).is_none()), (true, true));
    assert_eq!(encoded(&dialect, &message), out);
    for end in 0..out.len() {
        assert!(dialect.decode(&out[..end], &mut Places::new()).is_err());
    }
}

#[test]
fn a_bad_character_is_named_by_its_field_also_in_the_middle_of_a_stretch() {
    let dialect = BuiltIn::Ascii1987.dialect().unwrap();
    let values: [(u8, Value<'_>); 5] = [
        (2, "4111111111111111".into()),
        (3, "000000".into()),
        (4, "000000000100".into()),
        (11, "123456".into()),
        (41, "TERM0001".into()),
    ];
    let mut out = Vec::new();
    dialect.encode(mti(200), &values, &mut out).unwrap();
    let mut places = Places::new();
    for (at, byte, error) in [
        (0, b'A', Iso8583Error::MessageType),
        (4, b'a', Iso8583Error::Bitmap { offset: 4 }),
        (20, b'x', Iso8583Error::LengthPrefix { field: 2, offset: 20 }),
        (20, b'2', Iso8583Error::Length { field: 2, offset: 20 }),
        (22, b'x', Iso8583Error::Characters { field: 2, offset: 22 }),
        (37, b' ', Iso8583Error::Characters { field: 2, offset: 22 }),
        (38, 0, Iso8583Error::Characters { field: 3, offset: 38 }),
        (55, b'/', Iso8583Error::Characters { field: 4, offset: 44 }),
        (56, b':', Iso8583Error::Characters { field: 11, offset: 56 }),
        (69, 0x7F, Iso8583Error::Characters { field: 41, offset: 62 }),
        (62, 0x1F, Iso8583Error::Characters { field: 41, offset: 62 }),
        (62, 0xC3, Iso8583Error::Characters { field: 41, offset: 62 }),
    ] {
        let mut changed = out.clone();
        changed[at] = byte;
        assert_eq!(dialect.decode(&changed, &mut places).unwrap_err(), error, "{at}");
        assert!(!error.to_string().contains("4111"));
    }
    // A character that is wrong before a cut is what is told.
    let mut cut = out.clone();
    cut[22] = b'x';
    cut.truncate(60);
    assert_eq!(
        dialect.decode(&cut, &mut places).unwrap_err(),
        Iso8583Error::Characters { field: 2, offset: 22 }
    );
}

#[test]
fn half_bytes_that_fill_up_are_zero() {
    let dialect = BuiltIn::Binary1987.dialect().unwrap();
    let mut out = Vec::new();
    dialect
        .encode(mti(100), &[(2, "1234567890123".into()), (22, "051".into()), (35, "1=2".into())], &mut out)
        .unwrap();
    assert_eq!(hex_upper(&out), "0100400004002000000013123456789012300051031D20");
    let mut places = Places::new();
    for (at, error) in [
        (17, Iso8583Error::Padding { field: 2, offset: 11 }),
        (18, Iso8583Error::Padding { field: 22, offset: 18 }),
        (22, Iso8583Error::Padding { field: 35, offset: 21 }),
    ] {
        let mut changed = out.clone();
        changed[at] |= 0x11;
        assert_eq!(dialect.decode(&changed, &mut places).unwrap_err(), error, "{at}");
        let mut changed = out.clone();
        changed[at] |= 0xAA;
        assert_eq!(
            CoreRefusal::from(dialect.decode(&changed, &mut places).unwrap_err()),
            CoreRefusal::FieldInvalid
        );
    }
    let mut letter = out.clone();
    letter[0] = 0x0A;
    assert_eq!(dialect.decode(&letter, &mut places).unwrap_err(), Iso8583Error::MessageType);
}

#[test]
fn fields_that_are_not_defined_not_in_order_or_not_of_their_type_are_not_encoded() {
    let dialect = BuiltIn::Ascii1987.dialect().unwrap();
    let mut out = b"kept".to_vec();
    for (fields, error) in [
        (vec![(0, "0100")], Iso8583Error::Unknown { field: 0 }),
        (vec![(1, "")], Iso8583Error::Unknown { field: 1 }),
        (vec![(65, "1")], Iso8583Error::Unknown { field: 65 }),
        (vec![(129, "1")], Iso8583Error::Unknown { field: 129 }),
        (vec![(255, "1")], Iso8583Error::Unknown { field: 255 }),
        (vec![(4, "000000000001"), (3, "000000")], Iso8583Error::Order { field: 3 }),
        (vec![(3, "000000"), (3, "000000")], Iso8583Error::Order { field: 3 }),
        (vec![(3, "00000")], Iso8583Error::Length { field: 3, offset: 20 }),
        (vec![(2, "12345678901234567890")], Iso8583Error::Length { field: 2, offset: 20 }),
        (vec![(3, "00000a")], Iso8583Error::Characters { field: 3, offset: 20 }),
        (vec![(41, "TERM\u{e9}01")], Iso8583Error::Characters { field: 41, offset: 20 }),
        (vec![(35, "1234;567")], Iso8583Error::Characters { field: 35, offset: 20 }),
    ] {
        let fields: Vec<(u8, Value<'_>)> =
            fields.iter().map(|(number, value)| (*number, (*value).into())).collect();
        assert_eq!(dialect.encode(mti(100), &fields, &mut out), Err(error));
        assert_eq!(out, b"kept");
    }
    let three = Head { mti: mti(100), bitmaps_min: 3 };
    assert_eq!(dialect.encode(three, &[], &mut out), Err(Iso8583Error::BitmapCount { field: 65 }));
    let two = Head { mti: mti(100), bitmaps_min: 2 };
    out.clear();
    dialect.encode(two, &[], &mut out).unwrap();
    assert_eq!(out, b"010080000000000000000000000000000000");
    let mut places = Places::new();
    let empty = dialect.decode(&out, &mut places).unwrap();
    assert_eq!((empty.bitmaps(), empty.fields().count()), (2, 0));
}

#[test]
fn a_message_too_large_is_neither_made_nor_read() {
    let mut builder = DialectBuilder::new(BitmapCoding::Binary, 1).field(0, TYPE);
    for number in 2..10 {
        builder = builder.field(number, variable(Kind::Binary, Coding::Raw, 4, 9999, LengthCoding::Ascii));
    }
    let dialect = builder.build().unwrap();
    let long = [0_u8; 9999];
    let fields: Vec<(u8, Value<'_>)> = (2..9).map(|number| (number, Value::Plain(&long))).collect();
    let mut out = Vec::new();
    assert_eq!(dialect.encode(mti(100), &fields, &mut out), Err(Iso8583Error::TooLarge));
    dialect.encode(mti(100), &fields[..6], &mut out).unwrap();
    assert!(dialect.decode(&out, &mut Places::new()).is_ok());
    let too_large = vec![b'0'; MESSAGE_BYTES_MAX + 1];
    assert_eq!(dialect.decode(&too_large, &mut Places::new()).unwrap_err(), Iso8583Error::TooLarge);
}

#[test]
fn data_that_make_no_dialect_are_told_by_their_field() {
    let good = || DialectBuilder::new(BitmapCoding::Hex, 2).field(0, TYPE);
    let length = |digits, max, coding| {
        good().field(9, variable(Kind::Numeric, Coding::Ascii, digits, max, coding)).build()
    };
    assert!(good().build().is_ok());
    for (builder, error) in [
        (DialectBuilder::new(BitmapCoding::Hex, 2), DialectError::MessageType),
        (good().field(0, fixed(Kind::Numeric, Coding::Ascii, 5)), DialectError::MessageType),
        (good().field(0, fixed(Kind::AlphaNumeric, Coding::Ascii, 4)), DialectError::MessageType),
        (DialectBuilder::new(BitmapCoding::Hex, 0).field(0, TYPE), DialectError::Bitmaps),
        (DialectBuilder::new(BitmapCoding::Hex, 4).field(0, TYPE), DialectError::Bitmaps),
        (good().field(129, TYPE), DialectError::Length(0)),
        (good().field(130, TYPE), DialectError::Number(130)),
        (good().field(1, TYPE), DialectError::Number(1)),
        (
            DialectBuilder::new(BitmapCoding::Hex, 3).field(0, TYPE).field(193, TYPE),
            DialectError::Number(193),
        ),
        (good().role(Role::Ksn, 5), DialectError::Number(5)),
        (good().field(7, fixed(Kind::Binary, Coding::Ascii, 4)), DialectError::Coding(7)),
        (good().field(7, fixed(Kind::Alphabetic, Coding::BcdLeft, 4)), DialectError::Coding(7)),
        (good().field(7, fixed(Kind::SignedAmount, Coding::BcdLeft, 4)), DialectError::Coding(7)),
        (good().field(7, fixed(Kind::Numeric, Coding::Raw, 4)), DialectError::Coding(7)),
        (good().field(7, fixed(Kind::Numeric, Coding::Ascii, 0)), DialectError::Length(7)),
    ] {
        // The bit 129 announces a bitmap: a field of that number is never one.
        match builder.build() {
            Ok(dialect) => assert_eq!((error, dialect.spec(129)), (DialectError::Length(0), None)),
            Err(found) => assert_eq!(found, error),
        }
    }
    for (digits, max, coding) in [
        (0, 5, LengthCoding::Ascii),
        (5, 5, LengthCoding::Ascii),
        (2, 100, LengthCoding::Ascii),
        (2, 0, LengthCoding::Bcd),
        (2, 256, LengthCoding::Binary),
        (4, 10_000, LengthCoding::Binary),
    ] {
        assert_eq!(length(digits, max, coding).map(drop), Err(DialectError::Length(9)));
    }
}

#[test]
fn a_field_goes_from_one_dialect_to_another_by_its_characters() {
    let file = file();
    let (ascii, binary, ebcdic) = (
        BuiltIn::Ascii1987.dialect().unwrap(),
        BuiltIn::Binary1987.dialect().unwrap(),
        BuiltIn::Ebcdic1987.dialect().unwrap(),
    );
    let mut moved = 0;
    for row in
        rows(&file).iter().filter(|row| text(row, "kind") == "message" && text(row, "dialect") == "87A-emv")
    {
        let bytes = bytes(row);
        let mut places = Places::new();
        let message = ascii.decode(&bytes, &mut places).unwrap();
        for other in [&binary, &ebcdic] {
            let values: Vec<(u8, Value<'_>)> =
                message.fields().map(|field| (field.number(), field.into())).collect();
            let (mut out, mut back) = (Vec::new(), Vec::new());
            other.encode(message.mti(), &values, &mut out).unwrap();
            let mut there = Places::new();
            let translated = other.decode(&out, &mut there).unwrap();
            assert_eq!(texts(&translated), expected(row));
            let values: Vec<(u8, Value<'_>)> =
                translated.fields().map(|field| (field.number(), field.into())).collect();
            ascii.encode(message.mti(), &values, &mut back).unwrap();
            assert_eq!(back, bytes);
            moved += 1;
        }
    }
    assert_eq!(moved, 26);
}

#[test]
fn a_request_becomes_its_response() {
    let file = file();
    let row = rows(&file).iter().find(|row| row["id"] == "c-87A-emv-fin-4").unwrap();
    let dialect = BuiltIn::Ascii1987.dialect().unwrap();
    let request_bytes = bytes(row);
    let mut places = Places::new();
    let request = dialect.decode(&request_bytes, &mut places).unwrap();
    assert_eq!(request.field(4).unwrap().to_number(), Some(112_262));
    let changes: [(u8, Option<Value<'_>>); 9] = [
        (2, None),
        (14, None),
        (35, None),
        (38, Some("123456".into())),
        (39, Some("00".into())),
        (52, None),
        (53, None),
        (60, Some("X".into())),
        (128, Some(b"\x01\x02\x03\x04\x05\x06\x07\x08".into())),
    ];
    let mut out = Vec::new();
    request.changed(request.mti().answer().unwrap(), &changes, &mut out).unwrap();
    let mut there = Places::new();
    let answer = dialect.decode(&out, &mut there).unwrap();
    let mut expect = expected(row);
    for gone in ["2", "14", "35", "52"] {
        expect.remove(gone).unwrap();
    }
    for (number, value) in [("38", "123456"), ("39", "00"), ("60", "X"), ("128", "0102030405060708")] {
        expect.insert(number.into(), value.into());
    }
    assert_eq!((answer.mti().to_string().as_str(), texts(&answer)), ("0210", expect));
    let order = [(39, Some("00".into())), (38, None)];
    assert_eq!(request.changed(mti(210), &order, &mut out), Err(Iso8583Error::Order { field: 38 }));
    let empty = [(2, None), (65, None)];
    assert_eq!(request.changed(mti(210), &empty, &mut out), Err(Iso8583Error::Unknown { field: 65 }));
}

#[test]
fn a_message_type_says_its_version_class_function_and_origin() {
    for (number, version, class, function, origin, answer) in [
        (200, Version::V1987, Class::Financial, Function::Request, Origin::Acquirer, Some(210)),
        (401, Version::V1987, Class::Reversal, Function::Request, Origin::AcquirerRepeat, Some(410)),
        (1421, Version::V1993, Class::Reversal, Function::Advice, Origin::AcquirerRepeat, Some(1430)),
        (1804, Version::V1993, Class::NetworkManagement, Function::Request, Origin::Other, Some(1814)),
        (2115, Version::V2003, Class::Authorisation, Function::RequestResponse, Origin::OtherRepeat, None),
        (9999, Version::Private, Class::Reserved(9), Function::Reserved(9), Origin::Reserved(9), None),
    ] {
        let mti = mti(number);
        assert_eq!(
            (mti.version(), mti.class(), mti.function(), mti.origin()),
            (version, class, function, origin)
        );
        assert_eq!(mti.answer(), answer.and_then(Mti::from_number), "{mti}");
    }
    assert_eq!((Mti::from_number(10_000), Mti::parse(*b"02x0")), (None, None));
}
