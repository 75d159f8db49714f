//! The rows of `emv_cryptogram.json` on card verification values, PIN values and retail MACs, each by its id; what is refused.
use serde_json::Value;
use std::collections::BTreeMap;
use symbolon_keys::cipher::{Padding, Tdes, retail_mac};
use symbolon_keys::cvv::{
    CardVerification, Ibm3624, IccDynamic, IssuerDynamic, PinVerification, cvc3, cvv, dynamic_cvv, ivcvc3,
    pvv,
};
use symbolon_keys::emv::{AccountNumber, Card, EmvError, MasterKeyOption, icc_master};
use symbolon_keys::usage::{Key, KeyAlgorithm, Usage};
use symbolon_types::{Secret, hex_parse, hex_upper};

const KINDS: [(&str, usize); 6] =
    [("cvc3", 3), ("cvv", 12), ("dcvv", 1), ("offset", 4), ("pvv", 2), ("retail_mac", 3)];

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{}: no {field}", row["id"]))
}

fn bytes(row: &Value, field: &str) -> Vec<u8> {
    hex_parse(text(row, field)).unwrap()
}

fn array<const N: usize>(row: &Value, field: &str) -> [u8; N] {
    bytes(row, field).try_into().unwrap()
}

fn key<U: Usage>(row: &Value, field: &str) -> Key<U> {
    Key::new(KeyAlgorithm::Tdes2, &bytes(row, field)).unwrap()
}

fn pan(row: &Value) -> AccountNumber {
    AccountNumber::parse(text(row, "pan")).unwrap()
}

fn icc_key(row: &Value, field: &str) -> Key<IccDynamic> {
    assert_eq!(row["mk_option"], "A");
    let card = Card::new(pan(row), text(row, "psn").parse().unwrap()).unwrap();
    icc_master(&key::<IssuerDynamic>(row, field), MasterKeyOption::A, &card).unwrap()
}

#[track_caller]
fn equal(row: &Value, field: &str, found: &Secret<String>) {
    assert_eq!(found.reveal(), text(row, field), "{}", row["id"]);
}

#[test]
fn every_row_on_values_and_macs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/emv_cryptogram.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut seen = BTreeMap::new();
    for row in file["vectors"].as_array().unwrap() {
        let kind = text(row, "kind");
        match kind {
            "cvc3" => dynamic_code(row),
            "cvv" => {
                let found = cvv(
                    &key::<CardVerification>(row, "cvk"),
                    &pan(row),
                    text(row, "expiry"),
                    text(row, "service_code"),
                );
                equal(row, "cvv", &found.unwrap());
            }
            "dcvv" => {
                let (expiry, service) = (text(row, "expiry"), text(row, "service_code"));
                let found = dynamic_cvv(&icc_key(row, "imk"), &pan(row), text(row, "atc"), expiry, service);
                equal(row, "dcvv", &found.unwrap());
            }
            "offset" => offset(row),
            "pvv" => {
                let index = text(row, "pvki").parse().unwrap();
                let found = pvv(&key::<PinVerification>(row, "pvk"), index, &pan(row), text(row, "pin"));
                equal(row, "pvv", &found.unwrap());
            }
            "retail_mac" => {
                let padding = if row["padding"] == 1 { Padding::Zeros } else { Padding::Bit };
                let mac =
                    retail_mac(&Tdes::new(&bytes(row, "key")).unwrap(), &bytes(row, "message"), padding);
                assert_eq!(hex_upper(mac.reveal()), text(row, "mac"), "{}", row["id"]);
            }
            "ac" | "chain" | "cvn" | "pin_change" | "refuse" | "script_mac" | "session" => continue,
            other => panic!("{other}"),
        }
        *seen.entry(kind).or_insert(0) += 1;
    }
    assert_eq!(seen, KINDS.into());
}

fn dynamic_code(row: &Value) {
    let key = icc_key(row, "imk_cvc3");
    if row["track_template"].is_string() {
        assert_eq!(ivcvc3(&key, &bytes(row, "track_template")), Ok(array(row, "ivcvc3")), "{}", row["id"]);
    }
    let found = cvc3(&key, array(row, "ivcvc3"), array(row, "un"), array(row, "atc")).unwrap();
    assert_eq!(found.reveal().len(), 5);
    // Some rows give the last three digits alone, as a track carries them.
    for field in ["cvc3", "cvc3_last3"] {
        if row[field].is_string() {
            assert!(found.reveal().ends_with(text(row, field)), "{}", row["id"]);
        }
    }
}

fn offset(row: &Value) {
    let number = |field: &str| usize::try_from(row[field].as_u64().unwrap()).unwrap();
    let pad = u8::from_str_radix(text(row, "pad"), 16).unwrap();
    let method =
        Ibm3624::new(text(row, "table"), &pan(row), number("verify_offset"), number("verify_length"), pad)
            .unwrap();
    let key = key(row, "pvk");
    equal(row, "offset", &method.offset(&key, text(row, "pin")).unwrap());
    equal(row, "pin", &method.pin(&key, text(row, "offset")).unwrap());
}

fn a_key<U: Usage>(algorithm: KeyAlgorithm) -> Key<U> {
    Key::new(algorithm, &[0x3B; 32][..algorithm.key_len()]).unwrap()
}

fn a_pan(digits: &str) -> AccountNumber {
    AccountNumber::parse(digits).unwrap()
}

/// Ciphertext with fewer than three decimal digits is rare, so it is searched for.
#[test]
fn letters_fill_up_where_ciphertext_has_too_few_decimal_digits() {
    let key = a_key::<CardVerification>(KeyAlgorithm::Tdes2);
    let cipher = key.tdes().unwrap();
    let mut seen = 0;
    for number in 0..100_000_u32 {
        let pan = format!("41{number:014}");
        let data = hex_parse(&format!("{pan}2712101{}", "0".repeat(9))).unwrap();
        let mac = hex_upper(retail_mac(&cipher, &data, Padding::Zeros).reveal());
        let decimals: String = mac.chars().filter(char::is_ascii_digit).take(3).collect();
        if decimals.len() == 3 {
            continue;
        }
        let letters =
            mac.bytes().filter(u8::is_ascii_uppercase).map(|letter| char::from(letter - b'A' + b'0'));
        let want: String = decimals.chars().chain(letters).take(3).collect();
        assert_eq!(cvv(&key, &a_pan(&pan), "2712", "101").unwrap().reveal(), &want);
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn a_cvc3_keeps_its_leading_zeros() {
    let key = a_key(KeyAlgorithm::Tdes2);
    let code = |at: u16| cvc3(&key, [1, 2], [3, 4, 5, 6], at.to_be_bytes()).unwrap();
    let codes: Vec<_> = (0..1000).map(code).collect();
    assert!(codes.iter().all(|code| code.reveal().len() == 5));
    assert!(codes.iter().any(|code| code.reveal().starts_with('0')));
}

#[test]
fn offsets_lead_back_to_their_pins() {
    for length in 4..=16 {
        let pin: String = (0..length).map(|at| char::from(b'0' + (at * 7 % 10) as u8)).collect();
        let method = Ibm3624::new("0123456789012345", &a_pan("4556737586899855"), 3, 10, 0xA).unwrap();
        for algorithm in [KeyAlgorithm::Tdes2, KeyAlgorithm::Tdes3] {
            let key = a_key(algorithm);
            let offset = method.offset(&key, &pin).unwrap();
            assert_eq!(method.pin(&key, offset.reveal()).unwrap().reveal(), &pin);
        }
    }
}

#[test]
fn what_has_another_length_is_refused_by_its_name() {
    let (cvk, pan) = (a_key(KeyAlgorithm::Tdes2), a_pan("4556737586899855"));
    for (expiry, service, want) in [
        ("271", "101", "expiry"),
        ("27123", "101", "expiry"),
        ("27x2", "101", "expiry"),
        ("2712", "10", "service"),
        ("2712", "1010", "service"),
        ("2712", "1é", "service"),
    ] {
        assert_eq!(cvv(&cvk, &pan, expiry, service).err(), Some(EmvError::Field(want)), "{expiry} {service}");
    }
    assert_eq!(cvv(&a_key(KeyAlgorithm::Tdes3), &pan, "2712", "101").err(), Some(EmvError::Key));
    assert_eq!(cvv(&a_key(KeyAlgorithm::Aes128), &pan, "2712", "101").err(), Some(EmvError::Key));
    let icc = a_key(KeyAlgorithm::Tdes2);
    for atc in ["321", "32100", "321A"] {
        let found = dynamic_cvv(&icc, &pan, atc, "2712", "101");
        assert_eq!(found.err(), Some(EmvError::Field("atc")), "{atc}");
    }
    let pvk = a_key::<PinVerification>(KeyAlgorithm::Tdes2);
    assert!(pvv(&pvk, 9, &a_pan("123456789012"), "123456").is_ok());
    assert_eq!(pvv(&pvk, 10, &pan, "1234").err(), Some(EmvError::Field("pvki")));
    assert_eq!(pvv(&pvk, 1, &a_pan("12345678901"), "1234").err(), Some(EmvError::Pan));
    assert_eq!(pvv(&pvk, 1, &pan, "123").err(), Some(EmvError::Pin));
    assert_eq!(pvv(&a_key(KeyAlgorithm::Aes128), 1, &pan, "1234").err(), Some(EmvError::Key));
    let table = "0123456789012345";
    let made = |table, start, length, pad| Ibm3624::new(table, &pan, start, length, pad).err();
    assert_eq!(made(table, 0, 16, 0xF), None);
    assert_eq!(made(&table[1..], 0, 16, 0xF), Some(EmvError::Field("table")));
    assert_eq!(made("012345678901234A", 0, 16, 0xF), Some(EmvError::Field("table")));
    assert_eq!(made(table, 17, 1, 0xF), Some(EmvError::Field("start")));
    assert_eq!(made(table, 1, 16, 0xF), Some(EmvError::Field("length")));
    assert_eq!(made(table, 1, 0, 0xF), Some(EmvError::Field("length")));
    assert_eq!(made(table, usize::MAX, usize::MAX, 0xF), Some(EmvError::Field("start")));
    assert_eq!(made(table, 0, 16, 16), Some(EmvError::Field("pad")));
    let method = Ibm3624::new(table, &pan, 0, 16, 0xF).unwrap();
    assert_eq!(method.offset(&pvk, "123").err(), Some(EmvError::Pin));
    assert_eq!(method.offset(&pvk, "12345678901234567").err(), Some(EmvError::Pin));
    assert_eq!(method.pin(&pvk, "12").err(), Some(EmvError::Field("offset")));
    assert_eq!(format!("{method:?}").matches("Secret(…)").count(), 2);
}
