//! `symbolon tool track`, the real binary: every row of `track_f2f.json` by its id. The levels of a row are run by `core/wire` alone: no verb
//! takes them.
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

/// Exit code, the one JSON value, and what was said on standard error.
fn said(words: &[&str], input: &str) -> (i32, Value, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_symbolon"))
        .args(["tool", "track"])
        .args(words)
        .arg("--json")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input may have ended before it is written.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let value = serde_json::from_str(text.trim()).unwrap_or_else(|_| panic!("{words:?} said {text:?}"));
    (output.status.code().unwrap(), value, String::from_utf8(output.stderr).unwrap())
}

#[track_caller]
fn held(words: &[&str]) -> Value {
    let (code, value, _) = said(words, "");
    assert_eq!(code, 0, "{words:?}: {value}");
    value
}

/// The name of the refusal, and its detail.
#[track_caller]
fn refused(words: &[&str]) -> (String, String) {
    let (code, value, _) = said(words, "");
    assert_eq!(code, 1, "{words:?}: {value}");
    let refusal = value["refusal"].as_object().unwrap();
    assert_eq!(refusal.keys().collect::<Vec<_>>(), ["code", "detail", "name"]);
    (refusal["name"].as_str().unwrap().to_owned(), refusal["detail"].as_str().unwrap().to_owned())
}

fn rows() -> Vec<Value> {
    let path = format!("{}/../vectors/track_f2f.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{}: no {field}", row["id"]))
}

fn run(row: &Value) {
    let id = text(row, "id");
    let track = row["track"].to_string();
    let decode = |flag: &str, value: &str| held(&["decode", "--track", &track, flag, value]);
    let check = |found: &Value, direction: &str, inverted: bool| {
        assert_eq!(found["text"], row["text"], "{id}");
        assert_eq!((&found["direction"], &found["inverted"]), (&json!(direction), &json!(inverted)), "{id}");
        assert!(found["fields"].is_object(), "{id}");
    };
    match text(row, "kind") {
        "encode" => {
            let [leading, trailing] = ["leading_zeros", "trailing_zeros"].map(|field| row[field].to_string());
            let words = ["encode", "--track", &track, text(row, "text")];
            let found = held(&[&words[..], &["--leading", &leading, "--trailing", &trailing]].concat());
            assert_eq!(found, json!({ "bits": row["bits"], "lrc": row["lrc_value"] }), "{id}");
            // What is left out is what the rows with fixed texts have.
            let plain = held(&words);
            if id.starts_with("fixed-") {
                assert_eq!(plain, found, "{id}");
            }
            assert!(text(&plain, "bits").contains(text(&found, "bits").trim_matches('0')), "{id}");
            check(&decode("--bits", text(row, "bits")), "forward", false);
        }
        "decode" if row["bits"].is_string() => {
            check(&decode("--bits", text(row, "bits")), text(row, "direction"), false);
        }
        "decode" => {
            let list = row["half_cells"].as_array().or(row["intervals_us"].as_array()).unwrap();
            let list: Vec<String> = list.iter().map(Value::to_string).collect();
            check(&decode("--intervals", &list.join(",")), text(row, "direction"), false);
        }
        "decode_captured" => {
            check(&decode("--bits", text(row, "bits_complemented")), "forward", false);
            check(&decode("--bits", text(row, "bits_as_captured")), "forward", true);
        }
        "refuse" => {
            let name = match row["first_failed_check"].as_str() {
                Some("parity") => "PARITY",
                Some("lrc") => "LRC",
                None => "TRACK_INVALID",
                other => panic!("{other:?}"),
            };
            let words = ["decode", "--track", &track, "--bits", text(row, "bits")];
            assert_eq!(refused(&words).0, name, "{id}");
        }
        other => panic!("{id}: {other}"),
    }
}

#[test]
fn every_row_of_the_vectors() {
    let rows = rows();
    rows.iter().for_each(run);
    let count = |kind: &str| rows.iter().filter(|row| row["kind"] == kind).count();
    assert_eq!(["encode", "decode", "decode_captured", "refuse"].map(count), [17, 13, 1, 18]);
    assert_eq!(rows.len(), 49);
}

/// A text, encoded and decoded.
fn fields(track: &str, text: &str) -> Value {
    let bits = held(&["encode", "--track", track, text])["bits"].as_str().unwrap().to_owned();
    let found = held(&["decode", "--track", track, "--bits", &bits]);
    assert_eq!(found["text"], json!(text));
    found
}

#[test]
fn fields_have_names_and_what_is_no_field_has_a_place() {
    let found = fields("2", ";4761739001010010=30121200012339900031?");
    assert_eq!(
        found["fields"],
        json!({ "pan": "4761739001010010", "expiry": "3012", "service_code": "120", "discretionary": "0012339900031" })
    );
    assert_eq!(
        found["service"],
        json!({ "interchange": "international", "authorisation": "online by the issuer", "services": "no restriction, PIN required" })
    );
    assert_eq!((&found["lrc"], found.get("no_field")), (&json!(3), None));
    let found = fields("1", "%B4761739001010010^DOE/JANE ^3012820?");
    assert_eq!(
        found["fields"],
        json!({ "format_code": "B", "pan": "4761739001010010", "name": "DOE/JANE ", "expiry": "3012", "service_code": "820", "discretionary": "" })
    );
    assert_eq!(found["service"]["interchange"], Value::Null, "reserved");
    let found = fields("1", "%H739642^DOE/JANE^80255?");
    assert_eq!(
        (&found["fields"], &found["no_field"]),
        (&json!({}), &json!({ "name": "format_code", "at": 1 }))
    );
    let found = fields("3", ";011234567890123456=7247241000000000000303000402?");
    assert_eq!(
        found["fields"],
        json!({ "format_code": "01", "pan": "1234567890123456", "country_code": "724", "currency_code": "724", "additional": "1000000000000303000402" })
    );
}

#[test]
fn a_text_comes_from_a_word_a_file_or_standard_input() {
    let expect = held(&["encode", "--track", "2", ";4761739001010010=3012?"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("track");
    std::fs::write(&path, ";4761739001010010=3012?\r\n").unwrap();
    assert_eq!(held(&["encode", "--track", "2", &format!("@{}", path.display())]), expect);
    assert_eq!(said(&["encode", "--track", "2", "-"], ";4761739001010010=3012?\n").1, expect);
    let bits = text(&expect, "bits");
    assert_eq!(said(&["DECODE", "--track", "2", "--bits", "-"], bits).1["text"], ";4761739001010010=3012?");
}

#[test]
fn what_is_wrong_is_told_by_its_place_and_never_repeated() {
    for (track, text, why) in [
        ("2", "4761739001010010=3012?", "no start sentinel"),
        ("2", ";4761739001010010=3012", "no end sentinel and LRC"),
        ("2", ";4761739001010010=DOE?", "character 18 is not one that may stand there"),
        ("2", ";?", "nothing between the sentinels"),
        ("2", ";476173900101001047617390010100104761739001010010?", "more characters than the track holds"),
    ] {
        let (name, found) = refused(&["encode", "--track", track, text]);
        assert_eq!((name.as_str(), found.as_str()), ("TRACK_INVALID", why));
    }
    let pan = "4761739001010010";
    for words in [
        &[pan][..],
        &["encode", pan],
        &["encode", "--track", "2"],
        &["encode", "--track", "4", pan],
        &["encode", "--track", pan, pan],
        &["encode", "--track", "2", ";1?", pan],
        &["encode", "--track", "2", ";1?", "--leading", pan],
        &["encode", "--track", "2", "@/nonexistent/4761739001010010"],
        &["decode", "--track", "2"],
        &["decode", "--track", "2", "--bits", pan],
        &["decode", "--track", "2", "--intervals", "4761739001010010,1"],
        &["decode", "--track", "2", "--bits", "0", "--intervals", "1"],
        &["decode", "--track", "2", "--bits", "0", pan],
    ] {
        let (code, value, diagnostics) = said(words, "");
        assert_eq!((code, value.as_object().unwrap().len()), (2, 1), "{words:?}: {value}");
        assert!(
            value["error"].is_string() && !format!("{value}{diagnostics}").contains(pan),
            "{words:?}: {value}"
        );
    }
}
