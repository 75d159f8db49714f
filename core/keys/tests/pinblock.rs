//! Every row of `pinblock.json` by its id, translation over all pairs of formats, and that nothing shows a PIN or an account number.
use serde_json::Value;
use std::collections::BTreeMap;
use symbolon_keys::pinblock::{
    Fill, Format, Pin, PinBlockError, Towards, Under, account_field, decipher, decode, decode_pin_field,
    encipher, encode, key_algorithm, pin_field, translate,
};
use symbolon_keys::usage::{self, Key, KeyAlgorithm};
use symbolon_types::{CoreRefusal, hex_parse, hex_upper};

fn rows() -> Vec<Value> {
    let path = format!("{}/../../vectors/pinblock.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{}: no {field}", row["id"]))
}

fn bytes(row: &Value, field: &str) -> Vec<u8> {
    hex_parse(text(row, field)).unwrap()
}

fn format(row: &Value) -> Format {
    Format::ALL[usize::try_from(row["format"].as_u64().unwrap()).unwrap()]
}

fn fill(row: &Value) -> Fill {
    row["fill"].as_str().map_or_else(Fill::fixed, |fill| Fill::parse(fill).unwrap())
}

fn key(row: &Value) -> Key<usage::Pin> {
    let key = bytes(row, "key");
    Key::new(key_algorithm(format(row), key.len()).unwrap(), &key).unwrap()
}

/// The operation of a row, as far as its format has it: what comes out as text.
fn run(operation: &str, row: &Value) -> Result<String, PinBlockError> {
    let (format, pan) = (format(row), row["pan"].as_str().unwrap_or_default());
    let digits = |pin: Pin| pin.reveal().reveal().clone();
    match operation {
        "encode" if format == Format::Four => {
            let pin = Pin::parse(text(row, "pin"))?;
            account_field(pan)?;
            pin_field(&pin, &fill(row)).map(|field| hex_upper(field.reveal()))
        }
        "encode" => encode(format, &Pin::parse(text(row, "pin"))?, pan, &fill(row))
            .map(|block| hex_upper(block.reveal())),
        "decode" => decode(format, &bytes(row, "block"), pan).map(digits),
        "encipher" => encipher(format, &key(row), &Pin::parse(text(row, "pin"))?, pan, &fill(row))
            .map(|block| hex_upper(&block)),
        "decipher" => decipher(format, &key(row), &bytes(row, "block"), pan).map(digits),
        "decode_pin_field" => decode_pin_field(&bytes(row, "pin_field")).map(digits),
        "pan_field" => account_field(pan).map(|field| hex_upper(field.reveal())),
        other => panic!("{other}"),
    }
}

#[test]
fn every_row_of_the_vectors() {
    let mut seen = BTreeMap::new();
    for row in rows() {
        let (id, kind) = (text(&row, "id"), text(&row, "kind"));
        let expect =
            |operation, field| assert_eq!(run(operation, &row).as_deref(), Ok(text(&row, field)), "{id}");
        match kind {
            "encode" => ["encode", "decode"].iter().zip(["block", "pin"]).for_each(|(o, f)| expect(o, f)),
            "decode" => expect("decode", "pin"),
            "encipher" => {
                expect("encipher", "block");
                expect("decipher", "pin");
                expect("pan_field", "pan_field");
                expect("encode", "pin_field");
                assert!(decode_pin_field(&bytes(&row, "pin_field")).is_ok(), "{id}");
            }
            "decipher" => {
                expect("decipher", "pin");
                expect("pan_field", "pan_field");
            }
            "pan_field" => expect("pan_field", "pan_field"),
            "pin_field" => {
                let pin = Pin::parse(text(&row, "pin")).unwrap();
                let field = pin_field(&pin, &Fill::parse("0123456789ABCDEF").unwrap()).unwrap();
                assert_eq!(
                    hex_upper(field.reveal()),
                    format!("{}0123456789ABCDEF", text(&row, "pin_field_first8"))
                );
            }
            "refuse" => assert_eq!(run(text(&row, "operation"), &row), Err(PinBlockError::Invalid), "{id}"),
            other => panic!("{id}: {other}"),
        }
        *seen.entry(kind.to_owned()).or_insert(0) += 1;
    }
    let counts: Vec<(&str, i32)> = seen.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    let expect = [
        ("decipher", 1),
        ("decode", 4),
        ("encipher", 11),
        ("encode", 42),
        ("pan_field", 2),
        ("pin_field", 1),
        ("refuse", 36),
    ];
    assert_eq!(counts, expect);
}

/// The formats as the specification pins them.
#[test]
fn the_values_of_the_specification() {
    let of = |format, pin, pan| {
        let block = encode(format, &Pin::parse(pin).unwrap(), pan, &Fill::fixed()).unwrap();
        hex_upper(block.reveal())
    };
    assert_eq!(of(Format::Zero, "1234", "5555555551234567"), "041261AAAAEDCBA9");
    assert_eq!(of(Format::Zero, "123456789012", "5555555551234567"), "0C1261032D8226A9");
    assert_eq!(of(Format::Zero, "1234", "4111111111111111"), "041225EEEEEEEEEE");
    assert_eq!(of(Format::Two, "1234", ""), "241234FFFFFFFFFF");
}

const PAN: &str = "4761739001010010";

fn keys() -> [Key<usage::Pin>; 3] {
    [
        Key::new(KeyAlgorithm::Tdes2, &hex_parse("042666B49184CF5C68DE9628D0397B36").unwrap()).unwrap(),
        Key::new(KeyAlgorithm::Tdes3, &[0x5A; 24]).unwrap(),
        Key::new(KeyAlgorithm::Aes256, &[0xA5; 32]).unwrap(),
    ]
}

fn fits(format: Format, key: &Key<usage::Pin>) -> bool {
    (format == Format::Four) == key.aes().is_ok()
}

/// X9.24-1:2009 A.4: the block of PIN 1234 and PAN 4012345678909 under the PIN key of KSN FFFF9876543210E00001.
#[test]
fn a_block_under_triple_des_is_the_published_one() {
    let pin = Pin::parse("1234").unwrap();
    let [key, ..] = keys();
    let block = encipher(Format::Zero, &key, &pin, "4012345678909", &Fill::fixed()).unwrap();
    assert_eq!(hex_upper(&block), "1B9C1845EB993A7A");
    assert!(decipher(Format::Zero, &key, &block, "4012345678909").unwrap().equals(&pin));
}

#[test]
fn a_key_of_another_algorithm_is_refused_before_the_block_is_looked_at() {
    let pin = Pin::parse("1234").unwrap();
    for (format, key) in Format::ALL.iter().flat_map(|format| keys().map(|key| (*format, key))) {
        let fill = Fill::drawn(format, &pin, &[7; 32]);
        let block = encipher(format, &key, &pin, PAN, &fill);
        if fits(format, &key) {
            assert_eq!(block.as_ref().unwrap().len(), format.block_len());
            assert!(decipher(format, &key, &block.unwrap(), PAN).unwrap().equals(&pin));
        } else {
            assert_eq!(block, Err(PinBlockError::Key));
            assert_eq!(decipher(format, &key, b"", PAN).unwrap_err(), PinBlockError::Key);
        }
    }
}

/// What may become what: from 0, 1, 3, 4 to 0, 3, 4; to 2 towards a card; to 1 never.
#[test]
fn translation_follows_its_table_over_all_pairs() {
    let pin = Pin::parse("482915").unwrap();
    let mut held = 0;
    for (from, to) in Format::ALL.iter().flat_map(|from| Format::ALL.map(|to| (*from, to))) {
        for towards in [Towards::Host, Towards::Card] {
            let all = keys();
            let of = |format| all.iter().find(|key| fits(format, key)).unwrap();
            let block = encipher(from, of(from), &pin, PAN, &Fill::drawn(from, &pin, &[9; 32])).unwrap();
            let sides = (Under { format: from, key: of(from) }, Under { format: to, key: of(to) });
            let translated = translate(&block, PAN, sides.0, sides.1, towards, &[3; 32]);
            let allowed = match towards {
                Towards::Host => {
                    from != Format::Two && [Format::Zero, Format::Three, Format::Four].contains(&to)
                }
                Towards::Card => to == Format::Two,
            };
            if allowed {
                assert!(decipher(to, of(to), &translated.unwrap(), PAN).unwrap().equals(&pin));
                held += 1;
            } else {
                assert_eq!(translated, Err(PinBlockError::Translation), "{from:?} {to:?} {towards:?}");
            }
        }
    }
    assert_eq!(held, 4 * 3 + 5);
}

/// An account number that differs by 8 in a digit beside the fill: every fill tells.
#[test]
fn a_block_of_another_account_number_is_not_translated() {
    let [key, _, aes] = keys();
    let pin = Pin::parse("1234").unwrap();
    for (format, key) in [(Format::Zero, &key), (Format::Three, &key), (Format::Four, &aes)] {
        let block = encipher(format, key, &pin, PAN, &Fill::drawn(format, &pin, &[1; 32])).unwrap();
        let under = Under { format, key };
        let other = "4761739081010010";
        let translated = translate(&block, other, under, under, Towards::Host, &[2; 32]);
        assert_eq!(translated.unwrap_err(), PinBlockError::Invalid, "{format:?}");
    }
}

/// Every bit of every format's block: either refused with the one error, or another PIN; and every length but the right one is refused.
#[test]
fn changed_blocks_and_other_lengths() {
    let pin = Pin::parse("123456").unwrap();
    for format in [Format::Zero, Format::One, Format::Two, Format::Three] {
        let fill = Fill::drawn(format, &pin, &[0x33; 32]);
        let block = *encode(format, &pin, PAN, &fill).unwrap().reveal();
        for bit in 0..64 {
            let mut changed = block;
            changed[bit / 8] ^= 0x80 >> (bit % 8);
            if let Err(error) = decode(format, &changed, PAN) {
                assert_eq!(error, PinBlockError::Invalid);
            }
            let in_head = bit < 8;
            assert!(!in_head || decode(format, &changed, PAN).is_err() || bit >= 4, "{format:?} {bit}");
        }
        for len in (0..20).filter(|len| *len != 8) {
            assert_eq!(decode(format, &vec![0x24; len], PAN).unwrap_err(), PinBlockError::Invalid);
        }
    }
}

#[test]
fn a_fill_must_be_the_formats() {
    let pin = Pin::parse("1234").unwrap();
    let taken = |format, fill: &str| encode(format, &pin, PAN, &Fill::parse(fill).unwrap()).is_ok();
    assert!(
        taken(Format::Zero, "FFFFFFFFFF") && taken(Format::Zero, "") && !taken(Format::Zero, "FFFFFFFFFA")
    );
    assert!(!taken(Format::Two, "FFFFFFFFF") && taken(Format::Two, "ffffffffff"));
    assert!(taken(Format::One, "0123456789") && !taken(Format::One, "012345678") && !taken(Format::One, ""));
    assert!(taken(Format::Three, "ABCDEFABCD") && !taken(Format::Three, "ABCDEFABC9"));
    assert!(pin_field(&pin, &Fill::parse("0123456789ABCDE").unwrap()).is_err());
}

#[test]
fn account_numbers_have_the_digits_that_their_formats_want() {
    let pin = Pin::parse("1234").unwrap();
    let taken = |format, pan: &str| encode(format, &pin, pan, &Fill::drawn(format, &pin, &[0; 32])).is_ok();
    for (len, zero_and_three, four) in
        [(0, false, false), (1, false, true), (12, false, true), (13, true, true)]
            .into_iter()
            .chain([(19, true, true), (20, false, false)])
    {
        let pan = "4".repeat(len);
        assert_eq!((taken(Format::Zero, &pan), taken(Format::Three, &pan)), (zero_and_three, zero_and_three));
        assert_eq!(account_field(&pan).is_ok(), four, "{len}");
        assert!(taken(Format::One, &pan) && taken(Format::Two, &pan), "not looked at");
    }
    assert!(account_field("47617390010100a0").is_err() && account_field("+4761739001010010").is_err());
}

/// Nothing that is shown of any of it has the PIN, the account number or the key in it.
#[test]
fn nothing_shows_a_pin_an_account_number_or_a_key() {
    let pin = Pin::parse("482915").unwrap();
    let [key, _, aes] = keys();
    let mut shown = format!("{pin:?} {key:?} {aes:?} {:?}", Under { format: Format::Zero, key: &key });
    for format in Format::ALL {
        let key = if format == Format::Four { &aes } else { &key };
        let fill = Fill::drawn(format, &pin, &[4; 32]);
        let block = encipher(format, key, &pin, PAN, &fill).unwrap();
        shown.push_str(&format!("{fill:?}{:?}", encode(format, &pin, PAN, &fill)));
        for at in 0..block.len() {
            let mut wrong = block.clone();
            wrong[at] ^= 0x11;
            shown.push_str(&format!("{:?}", decipher(format, key, &wrong, PAN)));
            shown.push_str(&format!("{:?}", decipher(format, key, &block[..at], PAN)));
        }
        for error in [PinBlockError::Invalid, PinBlockError::Key, PinBlockError::Translation] {
            shown.push_str(&format!("{error:?} {}", CoreRefusal::from(error)));
        }
    }
    for secret in ["482915", PAN, &PAN[..12], "042666B4", "A5A5A5"] {
        assert!(!shown.to_uppercase().contains(secret), "{secret}");
    }
}
