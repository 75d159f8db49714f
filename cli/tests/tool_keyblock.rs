//! `symbolon tool keyblock`, the real binary: every row of `keyblock.json` that its verbs express, by its id, and that no error repeats what was given.
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;

fn said(words: &[&str]) -> (i32, Value, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_symbolon"));
    let output = command.args(["tool", "keyblock"]).args(words).arg("--json").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let value = serde_json::from_str(text.trim()).unwrap_or_else(|_| panic!("{words:?} said {text:?}"));
    (output.status.code().unwrap(), value, String::from_utf8(output.stderr).unwrap())
}

fn rows() -> Vec<Value> {
    let path = format!("{}/../vectors/keyblock.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{}: no {field}", row["id"]))
}

/// What `unwrap` answers for a row, with the key under this name.
fn expected(row: &Value, key: &str) -> Value {
    let header = |field: &str| row["header"][field].clone();
    json!({
        "version": header("version"), "usage": header("usage"), "algorithm": header("algorithm"), "mode": header("mode"),
        "key_version": header("key_version"), "exportability": header("exportability"), "optional": row["blocks"],
        "key": row[key],
    })
}

const ANY_KEY: &str = "45454545454545454545454545454545";

#[test]
fn every_row_of_the_vectors_that_the_verbs_express() {
    let mut seen = BTreeMap::new();
    for row in rows() {
        let (id, kind) = (text(&row, "id"), text(&row, "kind"));
        let unwrap =
            |block| said(&["unwrap", "--kbpk", row["kbpk"].as_str().unwrap_or(ANY_KEY), "--block", block]);
        match kind {
            "unwrap" => {
                let (code, value, _) = unwrap(text(&row, "block"));
                assert_eq!((code, value), (0, expected(&row, "key")), "{id}");
            }
            // The MAC holds, so the block is shown; a key serial number that is no hexadecimal number is refused where a key is taken in.
            "either" => {
                let (code, value, _) = unwrap(text(&row, "block"));
                assert_eq!((code, &value["key"]), (0, &row["printed_key"]), "{id}");
                assert_eq!(value["optional"][0], json!(["KS", "VM9A"]));
            }
            "wrap" => {
                let words = [
                    "wrap",
                    "--kbpk",
                    text(&row, "kbpk"),
                    "--header",
                    text(&row, "header_text"),
                    "--key",
                    text(&row, "key"),
                    "--pad",
                    text(&row, "padding"),
                ];
                let (code, value, _) = said(&[&words[..], &["--legacy"]].concat());
                assert_eq!((code, value), (0, json!({ "block": row["block"] })), "{id}");
                let (code, value, _) = said(&words);
                let deprecated = ["A", "C"].contains(&row["header"]["version"].as_str().unwrap());
                assert_eq!(
                    code == 2 && value["error"].as_str().unwrap().contains("--legacy"),
                    deprecated,
                    "{id}"
                );
                let (code, value, _) = unwrap(text(&row, "block"));
                assert_eq!((code, value), (0, expected(&row, "key")), "{id}");
            }
            // A header that is refused alone is refused at the head of a block and as what a block is to be made with.
            "refuse" => {
                // This one is no text.
                let Some(block) = row["block"].as_str().or(row["text"].as_str()) else { continue };
                let (code, value, _) = unwrap(block);
                assert_eq!(code, 1, "{id}: {value}");
                let changed = ["MAC bit", "exportability", "ciphertext", "usage"];
                if changed.iter().any(|what| text(&row, "reason").starts_with(&format!("{what} changed"))) {
                    assert_eq!(value["refusal"]["name"], json!("BAD_SIG"), "{id}");
                }
                if row["block"].is_null() {
                    let words = ["wrap", "--kbpk", ANY_KEY, "--header", block, "--key", ANY_KEY];
                    assert_eq!(said(&words).0, 1, "{id}");
                }
            }
            // Headers alone, one of a block whose key is not known, and the keys between: the library tries them.
            "header" | "decode" | "kdf" => continue,
            other => panic!("{other}"),
        }
        *seen.entry(kind.to_owned()).or_insert(0) += 1;
    }
    let counts: Vec<(&str, i32)> = seen.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    assert_eq!(counts, [("either", 1), ("refuse", 80), ("unwrap", 20), ("wrap", 12)]);
}

const KBPK: &str = "88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6";

#[test]
fn padding_that_is_drawn_hides_the_length_and_differs_each_time() {
    let wrap = |header, key| {
        let (code, value, _) = said(&["wrap", "--kbpk", KBPK, "--header", header, "--key", key]);
        assert_eq!(code, 0, "{value}");
        value["block"].as_str().unwrap().to_owned()
    };
    let (short, long) = (wrap("D0000P0AE00E0000", &KBPK[..32]), wrap("D0000P0AE00E0000", KBPK));
    assert_eq!((short.len(), long.len(), &short[..5]), (144, 144, "D0144"));
    assert_ne!(short, wrap("D0000P0AE00E0000", &KBPK[..32]));
    assert_eq!(
        wrap("E0000P0AE00E0000", &KBPK[..32]),
        wrap("E0000P0AE00E0000", &KBPK[..32]),
        "ISO 20038 has none"
    );
    let (code, value, _) = said(&["unwrap", "--kbpk", KBPK, "--block", &short]);
    assert_eq!((code, &value["key"]), (0, &json!(&KBPK[..32])));
}

#[test]
fn a_refusal_says_which_and_names_the_field() {
    let refused = |words: &[&str]| {
        let (code, value, _) = said(words);
        assert_eq!(code, 1, "{words:?}: {value}");
        (value["refusal"]["name"].as_str().unwrap().to_owned(), value["field"].as_str().map(str::to_owned))
    };
    let wrap = |header, key| refused(&["wrap", "--kbpk", &KBPK[..32], "--header", header, "--key", key]);
    assert_eq!(wrap("D0000P0AE00E0000", KBPK), ("KEY_WEAK".into(), None));
    assert_eq!(wrap("D0000P0AG00E0000", &KBPK[..32]), ("KEY_USAGE".into(), None));
    assert_eq!(wrap("D0000P0AE00E0000", &KBPK[..30]), ("KEY_UNFIT".into(), None));
    assert_eq!(
        wrap("D0000P0AE00E0000x", &KBPK[..32]),
        ("MALFORMED".into(), Some("end of the header".into()))
    );
    assert_eq!(wrap("D0000P0AE00Q0000", &KBPK[..32]), ("MALFORMED".into(), Some("exportability".into())));
    assert_eq!(wrap("D0000P0AE00E0100KS08VM9A", &KBPK[..32]).1, Some("optional block data".into()));
    let padded =
        ["wrap", "--kbpk", KBPK, "--header", "D0000P0AE00E0000", "--key", &KBPK[..32], "--pad", "00"];
    assert_eq!(refused(&padded), ("MALFORMED".into(), Some("padding".into())));
    let block = "D0112P0AE00E0000B82679114F470F540165EDFBF7E250FCEA43F810D215F8D207E2E417C07156A27E8E31DA05F7425509593D03A457DC34";
    assert_eq!(refused(&["unwrap", "--kbpk", &KBPK[..62], "--block", block]), ("KEY_UNFIT".into(), None));
    assert_eq!(refused(&["unwrap", "--kbpk", &KBPK[..32], "--block", block]), ("BAD_SIG".into(), None));
}

/// A label is any printable text, and a space is one.
#[test]
fn an_optional_block_may_end_with_a_space() {
    let (code, value, _) =
        said(&["wrap", "--kbpk", ANY_KEY, "--header", "D0000P0AE00E0100LB07ab ", "--key", ANY_KEY]);
    assert_eq!(code, 0, "{value}");
    let (_, opened, _) = said(&["unwrap", "--kbpk", ANY_KEY, "--block", value["block"].as_str().unwrap()]);
    assert_eq!(opened["optional"][0], json!(["LB", "ab "]));
}

#[test]
fn nothing_is_repeated_of_what_was_given() {
    let secret = "5EC0DE5EC0DE5EC0DE5EC0DE5EC0DE77";
    let block = "D0112P0AE00E0000B82679114F470F540165EDFBF7E250FCEA43F810D215F8D207E2E417C07156A27E8E31DA05F7425509593D03A457DC34";
    for words in [
        &["seal"][..],
        &["unwrap", "--kbpk", secret],
        &["unwrap", "--kbpk", &secret[1..], "--block", block],
        &["unwrap", "--kbpk", secret, "--block", block],
        &["unwrap", "--kbpk", secret, "--block", secret],
        &["unwrap", "--kbpk", secret, "--block", &block[..80]],
        &["wrap", "--kbpk", secret, "--header", secret, "--key", secret],
        &["wrap", "--kbpk", secret, "--header", "A0000P0TE00E0000", "--key", secret],
        &["wrap", "--kbpk", secret, "--header", "D0000P0TE00E0100LB245EC0DE5EC0DE", "--key", secret],
        &["wrap", "--kbpk", secret, "--header", "D0000P0TE00E0000", "--key", "5EC0DE", "--pad", secret],
        &["wrap", "--kbpk", secret, "--header", "D0000P0TE00E0000", "--key", secret, secret],
    ] {
        let (code, value, diagnostics) = said(words);
        assert!(code != 0, "{words:?}");
        let told = format!("{value}{diagnostics}").to_uppercase();
        assert!(!told.contains("5EC0DE") && !told.contains("B8267911"), "{words:?}: {told}");
    }
}
