//! `symbolon tool iso8583`, the real binary: every row of `iso8583.json` by its id, in both directions; masks, dialect files, exit codes.
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

fn run(words: &[&str]) -> (i32, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_symbolon"));
    let output = command.args(["tool", "iso8583"]).args(words).arg("--json").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.stderr, b"", "{words:?}");
    let value = serde_json::from_str(text.trim()).unwrap_or_else(|_| panic!("{words:?} said {text:?}"));
    (output.status.code().unwrap(), value)
}

fn file() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/iso8583.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_else(|| panic!("{name} of {}", row["id"]))
}

/// The built-in dialect that a dialect of the file is, if it is one.
fn built_in(dialect: &str) -> Option<&'static str> {
    let names = [
        ("87A-emv", "1987-ascii"),
        ("87B-emv", "1987-binary"),
        ("87E-emv", "1987-ebcdic"),
        ("93A-emv", "1993-ascii"),
        ("93B-emv", "1993-binary"),
    ];
    names.iter().find(|name| name.0 == dialect).map(|name| name.1)
}

#[test]
fn every_row_is_decoded_and_encoded_or_refused_under_its_file_and_under_the_built_in_dialect() {
    let (file, folder) = (file(), Folder::new());
    let mut counts = BTreeMap::<(&str, bool), u32>::new();
    for row in file["vectors"].as_array().unwrap() {
        let (id, kind, name) = (text(row, "id"), text(row, "kind"), text(row, "dialect"));
        let own = folder.file(&format!("{name}.json"), &file["dialects"][name].to_string());
        for (dialect, own) in [(Some(own.as_str()), true), (built_in(name), false)] {
            let Some(dialect) = dialect else { continue };
            let decode = ["decode", "--dialect", dialect, "--hex", text(row, "hex")];
            *counts.entry((kind, own)).or_default() += 1;
            if kind == "refuse" {
                let (code, value) = run(&decode);
                let refusal = value["refusal"].as_object().unwrap();
                assert_eq!(code, 1, "{id}: {value}");
                assert_eq!(refusal.keys().collect::<Vec<_>>(), ["code", "detail", "name"], "{id}");
                assert!(
                    ["MALFORMED", "FIELD_INVALID"].contains(&refusal["name"].as_str().unwrap()),
                    "{id}: {value}"
                );
                continue;
            }
            assert_eq!(kind, "message", "{id}");
            let expect = json!({ "mti": row["mti"], "bitmap": row["bitmap"], "fields": row["fields"] });
            assert_eq!(run(&[&decode[..], &["--reveal"]].concat()), (0, expect.clone()), "{id}");
            let wanted = folder.file("fields.json", &expect.to_string());
            let mut made = expect.clone();
            made["hex"] = row["hex"].clone();
            assert_eq!(run(&["encode", "--dialect", dialect, &wanted, "--reveal"]), (0, made), "{id}");
            let masked = run(&decode).1.to_string();
            for secret in ["2", "35", "45", "52"].iter().filter_map(|number| row["fields"][number].as_str()) {
                assert!(secret.len() < 12 || !masked.contains(secret), "{id}");
            }
        }
    }
    let expect =
        [(("message", false), 65), (("message", true), 74), (("refuse", false), 68), (("refuse", true), 69)];
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), expect);
}

const FIELDS: &str = r#"{"mti":"0200","fields":{"2":"4111111111111111","4":"000000010000","35":"4111111111111111=3012","52":"0123456789abcdef"}}"#;

#[test]
fn account_data_is_masked_unless_it_is_asked_for() {
    let folder = Folder::new();
    let wanted = folder.file("fields.json", FIELDS);
    let (_, made) = run(&["encode", "--dialect", "1987-binary", &wanted]);
    let decode = ["decode", "--dialect", "1987_BINARY", "--hex", text(&made, "hex")];
    let (code, value) = run(&decode);
    let fields = json!({ "2": "411111******1111", "4": "000000010000", "35": "*********************", "52": "****************" });
    assert_eq!((code, &value["fields"]), (0, &fields));
    let (code, value) = run(&[&decode[..], &["--reveal"]].concat());
    assert_eq!((code, &value["fields"]["52"]), (0, &json!("0123456789ABCDEF")));
}

#[test]
fn fields_that_make_no_message_are_refused_and_told_by_their_number() {
    let folder = Folder::new();
    for (fields, name, detail) in [
        (r#"{"mti":"0200","fields":{"2":"411111111111111x"}}"#, "FIELD_INVALID", "field 2,"),
        (r#"{"mti":"0200","fields":{"3":"0"}}"#, "FIELD_INVALID", "field 3,"),
        (r#"{"mti":"0200","fields":{"52":"xyz"}}"#, "FIELD_INVALID", "field 52 "),
        (r#"{"mti":"0200","fields":{"52":"00"}}"#, "FIELD_INVALID", "field 52,"),
        (r#"{"mti":"0200","fields":{"65":"00"}}"#, "FIELD_UNKNOWN", "field 65"),
        (r#"{"mti":"0200","fields":{"129":"00"}}"#, "FIELD_UNKNOWN", "field 129"),
        (r#"{"mti":"0200","fields":{"999":"00"}}"#, "FIELD_UNKNOWN", "field"),
        (r#"{"mti":"02x0","fields":{}}"#, "MALFORMED", "message type"),
        (r#"{"mti":"02000","fields":{}}"#, "MALFORMED", "message type"),
        (r#"{"mti":"0200","bitmap":"0000000000000000","fields":{"3":"000000"}}"#, "MALFORMED", "bitmap"),
        (r#"{"mti":"0200","bitmap":"2000000000000000 ","fields":{"3":"000000"}}"#, "MALFORMED", "bitmap"),
    ] {
        let wanted = folder.file("fields.json", fields);
        let (code, value) = run(&["encode", "--dialect", "1987-ascii", &wanted]);
        assert_eq!((code, &value["refusal"]["name"]), (1, &json!(name)), "{fields}: {value}");
        assert!(
            text(&value["refusal"], "detail").contains(detail) && !value.to_string().contains("4111"),
            "{value}"
        );
    }
    // An empty second bitmap is sent where the bitmap given says so; either case is read.
    let wanted = folder.file(
        "fields.json",
        r#"{"mti":"0200","bitmap":"a0000000000000000000000000000000","fields":{"3":"000000"}}"#,
    );
    let (code, value) = run(&["encode", "--dialect", "1993-binary", &wanted]);
    assert_eq!((code, &value["hex"]), (0, &json!("0200A0000000000000000000000000000000000000")));
}

#[test]
fn what_is_not_understood_ends_with_2_and_repeats_nothing_that_was_given() {
    let folder = Folder::new();
    let secret = "4111111111111111";
    let mut cases: Vec<Vec<String>> = Vec::new();
    for fields in [
        "{",
        "[]",
        r#"{"mti":"0200"}"#,
        r#"{"fields":{}}"#,
        r#"{"mti":200,"fields":{}}"#,
        r#"{"mti":"0200","fields":{"2":4111111111111111}}"#,
        r#"{"mti":"0200","fields":{"4111111111111111x":""}}"#,
        r#"{"mti":"0200","fields":{"02":"4111111111111111"}}"#,
        r#"{"mti":"0200","fields":{},"4111111111111111":""}"#,
        r#"{"mti":"0200","fields":{"2":"4111111111111111","2":"4111111111111111"}}"#,
        r#"{"mti":"0200","mti":"0200","fields":{}}"#,
    ] {
        let name = format!("fields{}.json", cases.len());
        let wanted = folder.file(&name, fields);
        cases.push(["encode", "--dialect", "1987-ascii", &wanted].map(String::from).into());
    }
    let type_and_bitmap =
        r#""0":{"len":0,"max":4,"type":"n","enc":"ascii"},"1":{"kind":"bitmap","max":16,"enc":"hex"}"#;
    let second = |keys: &str| format!(r#"{{{type_and_bitmap},"2":{{{keys}}}}}"#);
    for dialect in [
        "{".to_owned(),
        "[]".into(),
        "{}".into(),
        r#"{"1":{"kind":"bitmap","max":16,"enc":"hex"}}"#.into(),
        r#"{"0":{"len":0,"max":4,"type":"n","enc":"ascii"},"1":{"max":17,"enc":"hex"}}"#.into(),
        format!(r#"{{{type_and_bitmap},"x":{{}}}}"#),
        format!(r#"{{{type_and_bitmap},"300":{{}}}}"#),
        format!(r#"{{{type_and_bitmap},"02":{{"len":0,"max":4,"type":"n","enc":"ascii"}}}}"#),
        format!(r#"{{{type_and_bitmap},{type_and_bitmap}}}"#),
        r#"{"0":{"len":0,"max":4,"type":"n","enc":"ascii"},"1":5}"#.into(),
        format!(r#"{{{type_and_bitmap},"130":{{"len":0,"max":4,"type":"n","enc":"ascii"}}}}"#),
        second(r#""len":0,"max":4,"type":"n","enc":"raw""#),
        second(r#""len":2,"max":4,"type":"n","enc":"ascii""#),
        second(r#""len":0,"max":4,"type":"n","enc":"ascii","len_enc":"ascii""#),
        second(r#""len":2,"max":100,"type":"n","enc":"ascii","len_enc":"ascii""#),
        second(r#""len":0,"max":4,"type":"q","enc":"ascii""#),
        second(r#""len":0,"max":4,"type":"n","enc":"ascii","more":1"#),
        format!(r#"{{{type_and_bitmap},"roles":{{"ksn":53}}}}"#),
        format!(r#"{{{type_and_bitmap},"roles":{{"pin":53}}}}"#),
    ] {
        let name = format!("dialect{}.json", cases.len());
        let path = folder.file(&name, &dialect);
        cases.push(["decode", "--hex", secret, "--dialect", &path].map(String::from).into());
    }
    for words in [
        &["decode", "--hex", secret][..],
        &["decode", "--dialect", "1987-ascii"],
        &["decode", "--dialect", secret, "--hex", secret],
        &["decode", "--dialect", "1987-ascii", "--hex", "4111111111111111x"],
        &["decode", "--dialect", "1987-ascii", "--hex", secret, secret],
        &["encode", "--dialect", "1987-ascii"],
        &["encode", "--dialect", "1987-ascii", secret],
        &["encode", "--dialect", "1987-ascii", "--reveal", secret],
        &["sign"],
        &[],
    ] {
        cases.push(words.iter().map(|word| (*word).to_owned()).collect());
    }
    for words in cases {
        let (code, value) = run(&words.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!((code, value.as_object().unwrap().len()), (2, 1), "{words:?}: {value}");
        assert!(
            !text(&value, "error").is_empty() && !value.to_string().contains("4111"),
            "{words:?}: {value}"
        );
    }
}

#[test]
fn a_dialect_of_ones_own_has_three_bitmaps_narrow_types_and_names_fields() {
    let folder = Folder::new();
    let dialect = folder.file(
        "dialect.json",
        r#"{"0":{"len":0,"max":4,"type":"n","enc":"bcd-left"},"1":{"kind":"bitmap","max":24,"enc":"binary"},
            "41":{"len":0,"max":4,"type":"an","enc":"ebcdic"},
            "110":{"len":2,"max":16,"type":"b","enc":"raw","len_enc":"binary"},
            "150":{"len":3,"max":20,"type":"ans","enc":"ascii","len_enc":"bcd"},
            "roles":{"aes_pin_block":110}}"#,
    );
    let fields =
        r#"{"mti":"1100","fields":{"41":"A1b2","110":"00112233445566778899AABBCCDDEEFF","150":"x y"}}"#;
    let wanted = folder.file("fields.json", fields);
    let hex = "1100800000000080000080000000000400000000040000000000C1F182F21000112233445566778899AABBCCDDEEFF0003782079";
    let (code, value) = run(&["encode", "--dialect", &dialect, &wanted]);
    assert_eq!((code, &value["hex"]), (0, &json!(hex)));
    assert_eq!(value["fields"]["110"], json!("*".repeat(32)), "masked in this answer too");
    let (code, value) = run(&["decode", "--dialect", &format!("@{dialect}"), "--hex", hex]);
    assert_eq!(
        (code, &value["fields"]["110"], &value["fields"]["150"]),
        (0, &json!("*".repeat(32)), &json!("x y"))
    );
    let wanted = folder.file("fields.json", r#"{"mti":"1100","fields":{"41":"A1-2"}}"#);
    let (code, value) = run(&["encode", "--dialect", &dialect, &wanted]);
    assert_eq!((code, &value["refusal"]["name"]), (1, &json!("FIELD_INVALID")));
    let (code, value) = run(&["decode", "--dialect", &dialect, "--hex", "11004000000000000000"]);
    assert_eq!((code, &value["refusal"]["name"]), (1, &json!("FIELD_UNKNOWN")));
}
