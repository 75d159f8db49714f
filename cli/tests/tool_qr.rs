//! `symbolon tool qr`, the real binary: every row of `emv_tlv.json` that is about payment codes by its id, both ways; the symbol read back from
//! its picture by another implementation; and that no error repeats what was given.
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

/// Exit code, the one JSON value, and what was said on standard error.
fn said(words: &[&str], input: &str) -> (i32, Value, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_symbolon"))
        .args(["tool", "qr"])
        .args(words)
        .arg("--json")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let value = serde_json::from_str(text.trim()).unwrap_or_else(|_| panic!("{words:?} said {text:?}"));
    (output.status.code().unwrap(), value, String::from_utf8(output.stderr).unwrap())
}

#[track_caller]
fn held(words: &[&str], input: &str) -> Value {
    let (code, value, _) = said(words, input);
    assert_eq!(code, 0, "{words:?}: {value}");
    value
}

/// The name of the refusal, and where.
#[track_caller]
fn refused(words: &[&str], input: &str) -> (String, String) {
    let (code, value, _) = said(words, input);
    assert_eq!(code, 1, "{words:?}: {value}");
    let refusal = value["refusal"].as_object().unwrap();
    assert_eq!(refusal.keys().collect::<Vec<_>>(), ["code", "detail", "name"], "{value}");
    (refusal["name"].as_str().unwrap().to_owned(), refusal["detail"].as_str().unwrap().to_owned())
}

fn vectors(kind: &str) -> Vec<Value> {
    let path = format!("{}/../vectors/emv_tlv.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file["vectors"].as_array().unwrap().iter().filter(|row| row["kind"] == kind).cloned().collect()
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{}: no {field}", row["id"]))
}

/// `[[id, value], …]` of the outermost level.
fn pairs(answer: &Value) -> Value {
    answer["fields"].as_array().unwrap().iter().map(|field| json!([field["id"], field["value"]])).collect()
}

/// Without the value of what has fields, without the fields of what has a value: both say it, and either is enough.
fn without(answer: &Value, key: &str) -> Value {
    let mut answer = answer.clone();
    for field in answer["fields"].as_array_mut().unwrap() {
        if field.get("fields").is_some() {
            field.as_object_mut().unwrap().remove(key);
        }
    }
    answer
}

#[test]
fn every_merchant_presented_code_of_the_vectors_both_ways() {
    let rows = vectors("qr_mpm");
    for row in &rows {
        let payload = json!({ "payload": text(row, "text") });
        let answer = held(&["decode", text(row, "text")], "");
        assert_eq!(answer["kind"], "merchant-presented", "{}", row["id"]);
        assert_eq!((&pairs(&answer), &answer["crc"]), (&row["value"], &row["crc"]), "{}", row["id"]);
        let written = |input: &Value| held(&["encode", "-"], &input.to_string());
        for input in [&answer, &without(&answer, "value"), &without(&answer, "fields"), &row["value"]] {
            assert_eq!(written(input), payload, "{}", row["id"]);
        }
        let mut without_crc = row["value"].clone();
        without_crc.as_array_mut().unwrap().pop();
        assert_eq!(written(&without_crc), payload, "{}", row["id"]);
    }
    assert_eq!(rows.len(), 11);
}

#[test]
fn every_consumer_presented_code_of_the_vectors_both_ways() {
    fn shown(fields: &Value) -> Value {
        let row = |field: &Value| {
            json!([field["tag"], field.get("fields").map_or_else(|| field["value"].clone(), shown)])
        };
        fields.as_array().unwrap().iter().map(row).collect()
    }
    let rows = vectors("qr_cpm");
    for row in &rows {
        let answer = held(&["decode", text(row, "qr")], "");
        assert_eq!(answer["kind"], "consumer-presented", "{}", row["id"]);
        assert_eq!(
            (&shown(&answer["fields"]), &answer["tlv"]),
            (&row["value"], &row["tlv"]),
            "{}",
            row["id"]
        );
        for input in [&answer, &without(&answer, "value"), &without(&answer, "fields"), &row["value"]] {
            let written = held(&["encode", "-"], &input.to_string());
            assert_eq!(written, json!({ "payload": text(row, "qr") }), "{}", row["id"]);
        }
    }
    assert_eq!(rows.len(), 4);
}

#[test]
fn every_refusal_of_the_vectors_is_one() {
    let rows: Vec<Value> = vectors("refuse").into_iter().filter(|row| row["mpm"].is_string()).collect();
    for row in &rows {
        let (name, at) = refused(&["decode", text(row, "mpm")], "");
        assert!(!at.is_empty(), "{}", row["id"]);
        if text(row, "reason") == "CRC wrong" {
            assert_eq!((name.as_str(), at.as_str()), ("CHECKSUM", "63: the CRC is not that of the text"));
        }
    }
    assert_eq!(rows.len(), 15);
}

/// What a camera sees of an SVG of this shape, eight pixels a module, read by another implementation.
fn seen(svg: &str) -> String {
    let side: usize = svg.split("viewBox=\"0 0 ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let mut dark = vec![false; side * side];
    let path = svg.rsplit("d=\"").next().unwrap().split('"').next().unwrap();
    for run in path.split('M').filter(|run| !run.is_empty()) {
        let (at, length) = run.split_once('h').unwrap();
        let (x, y) = at.split_once(' ').unwrap();
        let (x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
        let length: usize = length.split('v').next().unwrap().parse().unwrap();
        dark[y * side + x..y * side + x + length].fill(true);
    }
    let scale = 8;
    let at = |x: usize, y: usize| if dark[y / scale * side + x / scale] { 0 } else { 0xFF };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(side * scale, side * scale, at);
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1);
    grids[0].decode().unwrap().1
}

#[test]
fn the_symbol_is_read_back_from_its_picture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("code.svg");
    let mut rows = vectors("qr_mpm");
    rows.extend(vectors("qr_cpm"));
    for row in &rows {
        let payload = row["text"].as_str().or_else(|| row["qr"].as_str()).unwrap();
        let words = ["encode", "-", "--svg", path.to_str().unwrap()];
        assert_eq!(held(&words, &row["value"].to_string())["payload"], payload, "{}", row["id"]);
        assert_eq!(seen(&std::fs::read_to_string(&path).unwrap()), payload, "{}", row["id"]);
    }
    assert_eq!(rows.len(), 15);
}

const LEAST: &str = "00020102164000123456789012520455415303978\
    5802FI5908HOTEL 106008HELSINKI";

#[test]
fn what_is_asked_for_and_what_is_remarked() {
    let list = |more: Value| {
        let mut list = json!([["00", "01"], ["02", "4000123456789012"], ["52", "5541"], ["53", "978"]]);
        let rest = json!([["58", "FI"], ["59", "HOTEL 10"], ["60", "HELSINKI"]]);
        let list_of = list.as_array_mut().unwrap();
        list_of.extend(rest.as_array().unwrap().iter().cloned());
        list_of.extend(more.as_array().unwrap().iter().cloned());
        list.to_string()
    };
    let payload = held(&["encode", "-"], &list(json!([])))["payload"].clone();
    assert!(
        payload.as_str().unwrap().starts_with(LEAST) && payload.as_str().unwrap().len() == LEAST.len() + 8
    );
    let remarks = |more| {
        let payload = held(&["encode", "-"], &list(more))["payload"].clone();
        held(&["decode", payload.as_str().unwrap()], "")["remarks"].clone()
    };
    assert_eq!(remarks(json!([])), json!([]));
    assert_eq!(remarks(json!([["56", "1.00"]])), json!(["56: does not go with what 55 says"]));
    assert_eq!(remarks(json!([["62", [["09", "AMEA"]]]])), json!(["62.09: longer than its table says"]));
    for (more, name, at) in [
        (json!([["63", "0000"]]), "CHECKSUM", "63: the CRC is not that of the text"),
        (json!([["58", "SE"]]), "FIELD_INVALID", "58: is there twice"),
        (json!([["54", "1,50"]]), "FIELD_INVALID", "54: the value is not of its format"),
        (json!([["55", "02"]]), "FIELD_INVALID", "56: must be there, and in its place"),
        (json!([["61", ""]]), "MALFORMED", "61: a length is 00 or does not fit"),
        (json!([["62", [["05", ""]]]]), "MALFORMED", "05: a length is 00 or does not fit"),
    ] {
        assert_eq!(refused(&["encode", "-"], &list(more)), (name.to_owned(), at.to_owned()));
    }
    let misplaced = json!([["85", "4350563031"], ["63", ""]]).to_string();
    assert_eq!(
        refused(&["encode", "-"], &misplaced).1,
        "a template that does not belong there or is repeated, at byte 7"
    );
    for text in ["", "hQV", "hQVDUFYwMQ", "hQVDUFYwMg==", "000201", "Hello"] {
        refused(&["decode", text], "");
    }
    // From standard input and from a file, with a line's end that is not of it.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("code.txt");
    std::fs::write(&path, format!("{}\r\n", payload.as_str().unwrap())).unwrap();
    let direct = held(&["decode", payload.as_str().unwrap()], "");
    assert_eq!(held(&["decode", &format!("@{}", path.display())], ""), direct);
    assert_eq!(held(&["DECODE", "-"], &format!("{}\n", payload.as_str().unwrap())), direct);
}

#[test]
fn no_error_repeats_what_was_given() {
    const PAN: &str = "4761739001010010";
    let mut told = Vec::new();
    for words in [
        &["decode"][..],
        &["decode", PAN, PAN],
        &["decode", PAN, "--kernel", PAN],
        &["decode", "@/nonexistent/4761739001010010"],
        &["encode"],
        &["encode", "/nonexistent/4761739001010010"],
        &["scan", PAN],
    ] {
        let (code, value, diagnostics) = said(words, "");
        assert_eq!((code, value.as_object().unwrap().len()), (2, 1), "{words:?}: {value}");
        told.push(format!("{value}{diagnostics}"));
    }
    for input in [
        PAN,
        "[]",
        "{}",
        r#"[["5A", 4761739001010010]]"#,
        r#"[["4761739001010010", "4761739001010010"]]"#,
        r#"{"kind": "4761739001010010", "fields": [["00", "4761739001010010"]]}"#,
        r#"{"kind": "consumer-presented", "fields": [["00", "4761739001010010"]]}"#,
        r#"[{"id": "62", "value": "4761739001010010", "fields": [["05", "4761739001010010"]]}]"#,
        r#"[["85", "4350563031"], ["5A", "4761739001010010Z"]]"#,
    ] {
        let (code, value, diagnostics) = said(&["encode", "-"], input);
        assert_eq!((code, value.as_object().unwrap().len()), (2, 1), "{input}: {value}");
        told.push(format!("{value}{diagnostics}"));
    }
    for text in [format!("000201{PAN}"), format!("0002020216{PAN}"), format!("hQV{PAN}")] {
        let (code, value, diagnostics) = said(&["decode", &text], "");
        assert_eq!(code, 1, "{value}");
        told.push(format!("{value}{diagnostics}"));
    }
    assert!(told.iter().all(|told| !told.contains(PAN)), "{told:?}");
}
