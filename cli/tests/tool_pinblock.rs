//! `symbolon tool pinblock`, the real binary: every row of `pinblock.json` that its verbs express, by its id, and that no error repeats what was given.
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;

fn said(words: &[&str]) -> (i32, Value, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_symbolon"));
    let output = command.args(["tool", "pinblock"]).args(words).arg("--json").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let value = serde_json::from_str(text.trim()).unwrap_or_else(|_| panic!("{words:?} said {text:?}"));
    (output.status.code().unwrap(), value, String::from_utf8(output.stderr).unwrap())
}

fn rows() -> Vec<Value> {
    let path = format!("{}/../vectors/pinblock.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

/// The flags of a row for one of the verbs.
fn flags<'a>(verb: &'a str, row: &'a Value, format: &'a str) -> Vec<&'a str> {
    let mut words = vec![verb, "--format", format];
    let own: &[&str] = if verb == "encode" { &["pin", "fill"] } else { &["block"] };
    for field in ["pan", "key"].iter().chain(own) {
        if let Some(value) = row[*field].as_str() {
            words.extend([
                ["--pan", "--key", "--pin", "--fill", "--block"]
                    .into_iter()
                    .find(|flag| flag.ends_with(*field))
                    .unwrap(),
                value,
            ]);
        }
    }
    words
}

#[test]
fn every_row_of_the_vectors_that_the_verbs_express() {
    let mut seen = BTreeMap::new();
    for row in rows() {
        let (id, format) = (row["id"].as_str().unwrap(), row["format"].to_string());
        let kind = row["kind"].as_str().unwrap();
        let gives = |verb, field: &str| {
            let (code, value, _) = said(&flags(verb, &row, &format));
            assert_eq!((code, value), (0, json!({ field: row[field] })), "{id}");
        };
        match kind {
            "encode" | "encipher" => {
                gives("encode", "block");
                gives("decode", "pin");
            }
            "decode" | "decipher" => gives("decode", "pin"),
            "refuse" => {
                let verb = match row["operation"].as_str().unwrap() {
                    "decode" | "decipher" => "decode",
                    "encode" => "encode",
                    // A PIN field alone, which the library tries.
                    "decode_pin_field" => continue,
                    other => panic!("{id}: {other}"),
                };
                let (code, value, _) = said(&flags(verb, &row, &format));
                assert_eq!((code, &value["refusal"]["name"]), (1, &json!("PIN_BLOCK")), "{id}: {value}");
            }
            // The fields of format 4 before they are enciphered, which the library tries.
            "pan_field" | "pin_field" => continue,
            other => panic!("{id}: {other}"),
        }
        *seen.entry(kind.to_owned()).or_insert(0) += 1;
    }
    let counts: Vec<(&str, i32)> = seen.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    assert_eq!(counts, [("decipher", 1), ("decode", 4), ("encipher", 11), ("encode", 42), ("refuse", 32)]);
}

const PAN: &str = "4761739001010010";

#[test]
fn without_a_fill_one_is_drawn_and_each_time_another() {
    let key = "042666B49184CF5C68DE9628D0397B36";
    for format in ["1", "3", "4"] {
        let encode = ["encode", "--format", format, "--pin", "482915", "--pan", PAN, "--key", key];
        let blocks: Vec<String> =
            (0..4).map(|_| said(&encode).1["block"].as_str().unwrap().to_owned()).collect();
        assert!(blocks.iter().any(|block| *block != blocks[0]), "{format}");
        for block in &blocks {
            let decode = ["decode", "--format", format, "--block", block, "--pan", PAN, "--key", key];
            assert_eq!(said(&decode).1, json!({ "pin": "482915" }), "{format}");
        }
    }
    let encode = ["encode", "--format", "0", "--pin", "1234", "--pan", "4012345678909", "--key", key];
    assert_eq!(said(&encode).1, json!({ "block": "1B9C1845EB993A7A" }), "X9.24-1:2009 A.4");
}

#[test]
fn random_is_another_name_of_fill_and_digits_are_read_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pin");
    std::fs::write(&path, "1234\n").unwrap();
    let pin = format!("@{}", path.display());
    let encode = [
        "encode",
        "--format",
        "4",
        "--pin",
        &pin,
        "--pan",
        "4111111111111111",
        "--RANDOM",
        "2f69adde2e9e7ace",
    ];
    let (code, value, _) = said(&[&encode[..], &["--key", "AF8CB133A78F8DC2D1359F18527593FB"]].concat());
    assert_eq!((code, value), (0, json!({ "block": "A912150391AB65A67E52883D81CE2D15" })));
}

#[test]
fn what_is_not_understood_ends_with_2_and_what_is_wrong_with_1_and_nothing_is_repeated() {
    let pin = "48291577";
    let digits = "5555555551234567";
    let good = ["encode", "--format", "3", "--pin", pin, "--pan", digits];
    for (words, code) in [
        (&["sign"][..], 2),
        (&good[..5], 2),
        (&[&good[..], &["--fill", "G"]].concat(), 2),
        (&[&good[..], &["--fill", "ABCDEFABCDEFABCDE"]].concat(), 2),
        (&[&good[..], &["--fill", "ABCDEF", "--random", "ABCDEF"]].concat(), 2),
        (&[&good[..], &["--nonsense", digits]].concat(), 2),
        (&["encode", "--format", "5", "--pin", pin, "--pan", digits], 2),
        (&["encode", "--format", "4", "--pin", pin, "--pan", digits], 2),
        (&["decode", "--format", "4", "--block", "00", "--pan", digits], 2),
        (&["decode", "--format", "0", "--block", "0", "--pan", digits], 2),
        (&[&good[..], &["--fill", "ABCDE"]].concat(), 1),
        (&[&good[..], &["--fill", "ABCDE1"]].concat(), 1),
        (&[&good[..], &["--key", "4829157748291577"]].concat(), 1),
        (&["decode", "--format", "0", "--block", "4829157748291577", "--pan", digits], 1),
        (&["encode", "--format", "4", "--pin", pin, "--pan", "", "--key", "00"], 1),
        (&["encode", "--format", "0", "--pin", pin, "--pan", "482915774829157748291577"], 1),
    ] {
        let (found, value, diagnostics) = said(words);
        assert_eq!(found, code, "{words:?}: {value}");
        let told = format!("{value}{diagnostics}");
        assert!(!told.contains("482915") && !told.contains(digits), "{words:?}: {told}");
    }
    let name = |words: &[&str]| said(words).1["refusal"]["name"].clone();
    assert_eq!(name(&[&good[..], &["--key", "4829157748291577"]].concat()), json!("KEY_UNFIT"));
}
