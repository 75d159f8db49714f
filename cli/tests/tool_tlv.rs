//! `symbolon tool tlv`, the real binary: every row of `emv_tlv.json` that is about data objects by its id, what is refused and where, and that
//! no error repeats what was given.
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

/// Exit code, the one JSON value, and what was said on standard error.
fn said(words: &[&str], input: &str) -> (i32, Value, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_symbolon"))
        .args(["tool", "tlv"])
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

/// An answer as the vectors write it: a list of `[tag, value]` and `[tag, list]`.
fn shown(nodes: &Value) -> Value {
    let row = |node: &Value| {
        let value = if node["children"].is_null() { node["value"].clone() } else { shown(&node["children"]) };
        assert_eq!(json!(text(node, "value").len() / 2), node["length"], "{node}");
        json!([node["tag"], value])
    };
    nodes.as_array().unwrap().iter().map(row).collect()
}

#[test]
fn every_object_of_the_vectors_is_read_and_written() {
    let rows = vectors("tlv");
    for row in &rows {
        let bytes = text(row, "hex");
        let answer = held(&["decode", "--hex", bytes], "");
        assert_eq!(shown(&answer), row["value"], "{}", row["id"]);
        let written = |input: &Value| held(&["encode", "-"], &input.to_string());
        let (from_list, from_answer) = (written(&row["value"]), written(&answer));
        assert_eq!(from_list, from_answer, "{}", row["id"]);
        assert_eq!(from_list["hex"] == *bytes, row["minimal"] == true, "{}", row["id"]);
        let again = held(&["decode", "--hex", text(&from_list, "hex")], "");
        assert_eq!(shown(&again), row["value"], "{}", row["id"]);
    }
    assert_eq!(rows.len(), 46);
}

#[test]
fn every_refusal_of_the_vectors_is_one() {
    let (mut seen, mut codes) = (0, 0);
    for row in vectors("refuse").iter().chain(&vectors("either")) {
        let words = match () {
            () if row["hex"].is_string() => ["decode", "--hex", text(row, "hex")],
            () if row["dol"].is_string() => ["dol", "--hex", text(row, "dol")],
            () if row["cvm_list"].is_string() => ["cvm-list", "--hex", text(row, "cvm_list")],
            // The texts of payment codes are tried in tool_qr.rs.
            () => {
                assert!(row["mpm"].is_string(), "{}", row["id"]);
                codes += 1;
                continue;
            }
        };
        let (name, at) = refused(&words, "");
        assert_eq!(name, "MALFORMED", "{}", row["id"]);
        assert!(at.contains("at byte "), "{}: {at}", row["id"]);
        seen += 1;
    }
    assert_eq!((seen, codes), (20, 15));
}

#[test]
fn every_list_of_the_vectors() {
    let lists = vectors("dol");
    for row in &lists {
        let answer = held(&["dol", "--hex", text(row, "hex")], "");
        let entries: Value = answer["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| json!([row["tag"], row["length"]]))
            .collect();
        assert_eq!(
            (&entries, &answer["data_length"]),
            (&row["entries"], &row["data_length"]),
            "{}",
            row["id"]
        );
        assert!(answer.get("data").is_none());
    }
    let fills = vectors("dol_fill");
    for row in &fills {
        let words = ["dol", "--hex", text(row, "dol"), "--values", "-"];
        // 9F35 is n 2 (EMV Book 3 Annex A): its byte goes to the right; the row has it on the left.
        let of_the_standard = json!("00436732938032AA9CC794FA1B5ED8CB0000E11977");
        let expect = if row["id"] == "dol-c-2" { &of_the_standard } else { &row["data"] };
        assert_eq!(&held(&words, &row["values"].to_string())["data"], expect, "{}", row["id"]);
    }
    let methods = vectors("cvm_list");
    for row in &methods {
        let answer = held(&["cvm-list", "--hex", text(row, "hex")], "");
        let rules: Value =
            answer["rules"].as_array().unwrap().iter().map(|rule| rule["rule"].clone()).collect();
        assert_eq!(rules, row["rules"], "{}", row["id"]);
        assert_eq!((&answer["amount_x"], &answer["amount_y"]), (&row["amount_x"], &row["amount_y"]));
    }
    assert_eq!((lists.len(), fills.len(), methods.len()), (1, 6, 2));
}

#[test]
fn names_are_those_of_the_kernel() {
    let name = |tag: &str, kernel: &[&str]| {
        let bytes = format!("{tag}00");
        held(&[&["decode", "--hex", &bytes], kernel].concat(), "")[0]["name"].clone()
    };
    assert_eq!(name("9F6E", &["--kernel", "c2"]), "Third Party Data");
    assert_eq!(name("9F6E", &["--kernel", "C3"]), "Form Factor Indicator (FFI)");
    assert_eq!(name("9F6E", &["--kernel", "contact"]), Value::Null);
    assert_eq!(name("9F02", &["--kernel", "c8"]), "Amount, Authorised (Numeric)");
    assert_eq!(name("9F02", &[]), "Amount, Authorised (Numeric)");
    assert_eq!(
        name("9F66", &[]),
        "PUNATC (Track2) [c2] / Terminal Transaction Qualifiers (TTQ) [c3, c6, c7]"
    );
    assert_eq!(name("DF7F", &[]), Value::Null);
    // A list is filled by the kernel's formats: 9F6B is binary for C-2 and numeric for C-3.
    let filled = |kernel| {
        held(&["dol", "--hex", "9F6B04", "--values", r#"{"9F6B":"123456"}"#, "--kernel", kernel], "")["data"]
            .clone()
    };
    assert_eq!((filled("c2"), filled("c3")), (json!("12345600"), json!("00123456")));
}

#[test]
fn padding_depth_and_what_is_written() {
    assert_eq!(shown(&held(&["decode", "--hex", "009a0000"], "")), json!([["9A", ""]]));
    assert_eq!(held(&["decode", "--hex", ""], ""), json!([]));
    assert_eq!(refused(&["decode", "--hex", "9A00FFFF"], "").1, "the input ends within a tag, at byte 2");
    assert_eq!(
        shown(&held(&["decode", "--hex", "9A00FFFF", "--padding", "iso7816"], "")),
        json!([["9A", ""]])
    );
    let deep = (0..20).fold(String::new(), |inner, _| format!("E0{:02X}{inner}", inner.len() / 2));
    assert!(refused(&["decode", "--hex", &deep], "").1.starts_with("templates nest too deep"));
    let list = (0..20).fold(json!([]), |inner, _| json!([["E0", inner]]));
    assert_eq!(refused(&["encode", "-"], &list.to_string()).0, "MALFORMED");
    assert_eq!(refused(&["encode", "-"], r#"[["E0", "9A"]]"#).0, "MALFORMED");
    for (input, hex) in [
        ("[]", ""),
        (r#"[["e0", [["9c", "ff"]]]]"#, "E0039C01FF"),
        (r#"[["E0", "9C8101FF"]]"#, "E0039C01FF"),
        (r#"[{"tag": "E0", "value": "9C8101FF", "children": [{"tag": "9C", "value": "FF"}]}]"#, "E0039C01FF"),
    ] {
        assert_eq!(held(&["encode", "-"], input), json!({ "hex": hex }), "{input}");
    }
}

#[test]
fn what_is_not_understood_ends_with_2_and_repeats_nothing_that_was_given() {
    const PAN: &str = "4761739001010010";
    let not_a_tree = [
        PAN,
        "\"4761739001010010\"",
        r#"[["5A"]]"#,
        r#"[["5A", "4761739001010010Z"]]"#,
        r#"[["4761739001010010", "00"]]"#,
        r#"[["5A", [["57", "4761739001010010"]]]]"#,
        r#"[{"tag": "E0", "value": "5A084761739001010010", "children": [{"tag": "5A", "value": "00"}]}]"#,
        r#"[{"value": "4761739001010010"}]"#,
        r#"[{"tag": "5A"}]"#,
    ];
    for input in not_a_tree {
        let (code, value, diagnostics) = said(&["encode", "-"], input);
        assert_eq!((code, value.as_object().unwrap().len()), (2, 1), "{input}: {value}");
        assert!(!format!("{value}{diagnostics}").contains(PAN), "{value}");
    }
    for words in [
        &["decode"][..],
        &["decode", "--hex", "5A084761739001010010A"],
        &["decode", "--hex", "5A00", PAN],
        &["decode", "--hex", "5A00", "--kernel", PAN],
        &["decode", "--hex", "5A00", "--padding", PAN],
        &["dol", "--hex", "5A08", "--values", r#"{"5A":"4761739001010010Z"}"#],
        &["dol", "--hex", "5A08", "--values", r#"{"4761739001010010":"00"}"#],
        &["encode"],
        &["encode", "/nonexistent/4761739001010010"],
        &["cvm-list"],
        &["parse"],
    ] {
        let (code, value, diagnostics) = said(words, "");
        assert_eq!((code, value.as_object().unwrap().len()), (2, 1), "{words:?}: {value}");
        assert!(!format!("{value}{diagnostics}").contains(PAN), "{words:?}: {value}");
    }
    // Cut within the account number: the place is told, and nothing of the number.
    let (code, value, diagnostics) = said(&["decode", "--hex", "700C5A0A476173900101001012"], "");
    assert_eq!(
        (code, &value["refusal"]["detail"]),
        (1, &json!("less is left than the length says, at byte 2")),
        "{value}"
    );
    let (code, value, _) = said(&["decode", "--hex", "700A5A0A4761739001010010"], "");
    assert_eq!(
        (code, &value["refusal"]["detail"]),
        (1, &json!("less is left than the length says, at byte 4")),
        "{value}"
    );
    assert!(!format!("{value}{diagnostics}").contains("47617390"), "{value}");
}
