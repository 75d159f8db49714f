//! `symbolon tool emv`, the real binary: every row of `emv_cryptogram.json` by its id, the exit codes, and that no error repeats what was given.
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;

const KINDS: [(&str, usize); 13] = [
    ("ac", 13),
    ("chain", 8),
    ("cvc3", 3),
    ("cvn", 3),
    ("cvv", 12),
    ("dcvv", 1),
    ("offset", 4),
    ("pin_change", 3),
    ("pvv", 2),
    ("refuse", 4),
    ("retail_mac", 3),
    ("script_mac", 1),
    ("session", 8),
];

/// Exit code, the one JSON value, and what was said on standard error.
fn said(words: &[&str]) -> (i32, Value, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_symbolon"))
        .args(["tool", "emv"])
        .args(words)
        .arg("--json")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let value = serde_json::from_str(text.trim()).unwrap_or_else(|_| panic!("{words:?} said {text:?}"));
    (output.status.code().unwrap(), value, String::from_utf8(output.stderr).unwrap())
}

#[track_caller]
fn held(words: &[&str]) -> Value {
    let (code, value, _) = said(words);
    assert_eq!(code, 0, "{words:?}: {value}");
    value
}

#[track_caller]
fn refused(words: &[&str], name: &str, field: &Value) {
    let (code, value, _) = said(words);
    assert_eq!((code, &value["refusal"]["name"]), (1, &json!(name)), "{words:?}: {value}");
    assert_eq!(&value["field"], field, "{words:?}: {value}");
    let detail = value["refusal"]["detail"].as_str().unwrap();
    assert!(field.as_str().is_none_or(|field| detail.starts_with(&format!("{field}: "))), "{value}");
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{}: no {field}", row["id"]))
}

fn option(row: &Value) -> &str {
    row["mk_option"].as_str().unwrap_or("a")
}

/// The words that name a card.
fn card(row: &Value) -> [&str; 6] {
    ["--pan", text(row, "pan"), "--psn", text(row, "psn"), "--option", option(row)]
}

/// A key of the chain: its bytes, once its check value was compared where the row has one.
fn derived(words: &[&str], row: &Value, check: &str) -> String {
    let answer = held(words);
    if let Some(kcv) = row[check].as_str() {
        assert!(text(&answer, "kcv").starts_with(kcv), "{}: {check} {answer}", row["id"]);
    }
    text(&answer, "key").to_owned()
}

fn icc_key(row: &Value, issuer: &str, check: &str) -> String {
    derived(&[&["icc-key", "--imk", text(row, issuer)], &card(row)[..]].concat(), row, check)
}

fn session_key(icc_key: &str, more: &[&str], row: &Value, check: &str) -> String {
    derived(&[&["session-key", "--icc-mk", icc_key], more].concat(), row, check)
}

fn script_mac(session_key: &str, data: &str) -> Value {
    held(&["script-mac", "--session-key", session_key, "--data", data])["mac"].clone()
}

#[test]
fn every_row_of_the_vectors() {
    let path = format!("{}/../vectors/emv_cryptogram.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut seen = BTreeMap::new();
    for row in file["vectors"].as_array().unwrap() {
        let kind = text(row, "kind");
        let run: fn(&Value) = match kind {
            "ac" => ac,
            "chain" => chain,
            "cvc3" => cvc3,
            "cvn" => cvn,
            "cvv" => cvv,
            "dcvv" => dcvv,
            "offset" => offset,
            "pin_change" => pin_change,
            "pvv" => pvv,
            "refuse" => wrong_cryptogram,
            "retail_mac" => retail_mac,
            "script_mac" => script,
            "session" => tree,
            other => panic!("{other}"),
        };
        run(row);
        *seen.entry(kind).or_insert(0) += 1;
    }
    assert_eq!(seen, KINDS.into());
    assert_eq!(KINDS.iter().map(|(_, count)| count).sum::<usize>(), 65);
}

fn ac(row: &Value) {
    let scheme = match text(row, "method") {
        // Without a session key, as CVN 10.
        "vsdc" => "cvn10",
        named => named,
    };
    let common = ["cryptogram", "--scheme", scheme, "--imk", text(row, "imk"), "--atc", text(row, "atc")];
    let data = ["--data", text(row, "data"), "--padding", text(row, "padding")];
    let mut words = [&common, &card(row)[..], &data].concat();
    // The number is taken by every scheme, also by those whose key does not depend on it.
    words.extend(row["un"].as_str().iter().flat_map(|un| ["--un", un]));
    let answer = held(&words);
    assert_eq!(answer["cryptogram"], row["arqc"], "{}", row["id"]);
    assert_eq!(answer.as_object().unwrap().len(), 2);
    let mut checked = words.clone();
    checked[0] = "verify";
    checked.extend(["--cryptogram", text(row, "arqc")]);
    assert_eq!(held(&checked), json!({ "ok": true }), "{}", row["id"]);
    let session = text(&answer, "session_key");
    let icc = icc_key(row, "imk", "");
    if row["arpc"].is_string() {
        response(row, &icc, session, "arpc");
    }
    if row["icc_mk"].is_string() {
        assert_eq!((json!(session), json!(icc)), (row["sk"].clone(), row["icc_mk"].clone()), "{}", row["id"]);
        let arqc = ["arpc", "--session-key", session, "--arqc", text(row, "arqc"), "--method"];
        let one = held(&[&arqc[..], &["1", "--arc", text(row, "arpc1_code")]].concat());
        assert_eq!(one, json!({ "arpc": row["arpc1_sk"] }), "{}", row["id"]);
        let prop = text(row, "proprietary_auth_data");
        let two = held(&[&arqc[..], &["2", "--csu", text(row, "csu"), "--prop", prop]].concat());
        assert_eq!(two, json!({ "arpc": row["arpc2_sk"] }), "{}", row["id"]);
        let smi = session_key(&icc, &["--method", "csk", "--r", text(row, "arqc")], row, "");
        assert_eq!(script_mac(&smi, text(row, "script_mac_input")), row["script_mac_csk"], "{}", row["id"]);
        let visa = session_key(&icc, &["--method", "visa-sm", "--atc", text(row, "atc")], row, "");
        assert_eq!(json!(visa), row["sk_visa_sm"], "{}", row["id"]);
        // The session keys again, each by its own derivation.
        let mut words = vec!["--method", text(row, "method"), "--atc", text(row, "atc")];
        if text(row, "method") == "mchip" {
            words.extend(["--un", text(row, "un")]);
        }
        assert_eq!(session_key(&icc, &words, row, ""), session);
    }
}

fn response(row: &Value, icc: &str, session: &str, want: &str) {
    let key = match text(row, "arpc_key") {
        "icc_mk" => icc,
        "sk" | "sk_ac" => session,
        other => panic!("{other}"),
    };
    let method = row["arpc_method"].to_string();
    let code = if method == "1" { "--arc" } else { "--csu" };
    let mut words = vec![
        "arpc",
        "--method",
        &method,
        "--session-key",
        key,
        "--arqc",
        text(row, "arqc"),
        code,
        text(row, "arpc_code"),
    ];
    words.extend(row["proprietary_auth_data"].as_str().iter().flat_map(|data| ["--prop", data]));
    assert_eq!(held(&words), json!({ "arpc": row[want] }), "{}", row["id"]);
}

fn chain(row: &Value) {
    let icc = icc_key(row, "imk", "icc_mk_kcv");
    let session = session_key(&icc, &["--method", "csk", "--r", text(row, "r")], row, "sk_kcv");
    let common = ["--session-key", &session, "--data", text(row, "data"), "--padding", text(row, "padding")];
    let answer = held(&[&["cryptogram"], &common[..]].concat());
    assert_eq!(answer, json!({ "cryptogram": row["arqc"], "session_key": session }), "{}", row["id"]);
    let cryptogram = ["verify", "--cryptogram", text(row, "arqc")];
    assert_eq!(held(&[&cryptogram, &common[..]].concat()), json!({ "ok": true }));
    response(row, &icc, &session, "arpc");
}

fn wrong_cryptogram(row: &Value) {
    let words =
        ["--session-key", text(row, "sk"), "--data", text(row, "data"), "--padding", text(row, "padding")];
    let (code, value, _) = said(&[&["verify", "--cryptogram", text(row, "arqc")], &words[..]].concat());
    assert_eq!((code, &value["ok"]), (1, &json!(false)), "{}", row["id"]);
    assert_eq!(value["refusal"]["name"], json!("BAD_SIG"), "{}", row["id"]);
    assert_ne!(held(&[&["cryptogram"], &words[..]].concat())["cryptogram"], row["arqc"]);
}

fn tree(row: &Value) {
    let number = |field: &str| row[field].as_u64().unwrap().to_string();
    let (height, branch) = (number("height"), number("branch"));
    let shape = ["--method", "tree", "--height", &height, "--branch", &branch];
    let words = ["--atc", text(row, "atc"), "--iv", text(row, "iv")];
    let found = session_key(text(row, "icc_mk"), &[&shape[..], &words].concat(), row, "");
    assert_eq!(json!(found), row["sk"], "{}", row["id"]);
}

fn script(row: &Value) {
    let icc = icc_key(row, "imk_smi", "icc_mk_smi_kcv");
    let session = session_key(&icc, &["--method", "csk", "--r", text(row, "r")], row, "");
    assert_eq!(script_mac(&session, text(row, "mac_input")), row["mac"], "{}", row["id"]);
}

/// The words of a PIN change.
fn change<'a>(row: &'a Value, pins: &'a Value, scheme: &'a str, atc: &'a str, arqc: &'a str) -> Vec<&'a str> {
    let keys = ["ac", "smi", "smc"].map(|name| text(row, &format!("imk_{name}")));
    let mut words =
        vec!["pin-change", "--scheme", scheme, "--imk-ac", keys[0], "--imk-smi", keys[1], "--imk-smc"];
    words.extend([keys[2], "--atc", atc, "--arqc", arqc, "--pin", text(pins, "new_pin")]);
    words.extend(card(row));
    words.extend(pins["current_pin"].as_str().iter().flat_map(|pin| ["--current-pin", pin]));
    words
}

/// Its MAC covers the given header and the data alone: made by its own verb.
fn pin_change(row: &Value) {
    let zeros = "0000000000000000";
    let (scheme, form, atc, arqc) = match text(row, "method") {
        "visa" => ("cvn10", "visa", text(row, "atc"), zeros),
        "ccd" => ("csk", "emv", "0000", text(row, "r")),
        other => panic!("{other}"),
    };
    let answer = held(&change(row, row, scheme, atc, arqc));
    assert_eq!(answer["pin_block"], row["pin_block"], "{}", row["id"]);
    let data = text(row, "command_data");
    assert_eq!(text(&answer, "command")[10..10 + data.len()], *data, "{}", row["id"]);
    let how = match scheme {
        "cvn10" => ["--method", "visa-sm", "--atc", atc],
        _ => ["--method", "csk", "--r", arqc],
    };
    let session = |issuer: &str| session_key(&icc_key(row, issuer, ""), &how, row, "");
    let block = text(row, "pin_block");
    let made = held(&["encipher", "--session-key", &session("imk_smc"), "--data", block, "--form", form]);
    assert_eq!(made, json!({ "data": data }), "{}", row["id"]);
    let covered = format!("{}{data}", text(row, "command_header"));
    assert_eq!(script_mac(&session("imk_smi"), &covered), row["mac"], "{}", row["id"]);
}

fn cvn(row: &Value) {
    let scheme = text(row, "cvn").rsplit('-').next().unwrap().to_lowercase();
    let field = |tag: &str| {
        let found = row["fields"].as_array().unwrap().iter().find(|field| field[0] == tag).unwrap();
        found[1].as_str().unwrap()
    };
    let (atc, arqc) = (field("9F36"), text(row, "arqc"));
    let common = [
        "cryptogram",
        "--scheme",
        &scheme,
        "--imk",
        text(row, "imk_ac"),
        "--atc",
        atc,
        "--un",
        field("9F37"),
    ];
    let answer = held(&[&common, &card(row)[..], &["--data", text(row, "ac_input")]].concat());
    assert_eq!(answer["cryptogram"], row["arqc"], "{}", row["id"]);
    let icc = icc_key(row, "imk_ac", "");
    response(row, &icc, text(&answer, "session_key"), "arpc");
    let how = match row["cvn"].as_str() {
        Some("INTERAC-CVN133") => ["--method", "csk", "--r", arqc],
        _ => ["--method", "visa-sm", "--atc", atc],
    };
    let smi = session_key(&icc_key(row, "imk_smi", ""), &how, row, "sk_smi_kcv");
    assert_eq!(script_mac(&smi, text(row, "mac_input")), row["command_mac"], "{}", row["id"]);
    for wanted in row["pin_change"].as_array().unwrap() {
        session_key(&icc_key(row, "imk_smc", ""), &how, wanted, "sk_smc_kcv");
        let answer = held(&change(row, wanted, &scheme, atc, arqc));
        assert_eq!(answer["command"], wanted["command"], "{}", row["id"]);
        assert_eq!(answer["pin_block"], wanted["pin_block"], "{}", row["id"]);
    }
}

fn cvc3(row: &Value) {
    let code = text(row, "cvc3");
    let track = row["track_template"].as_str().map(|track| ("--track", track));
    for (flag, value) in [track, Some(("--ivcvc3", text(row, "ivcvc3")))].into_iter().flatten() {
        let digits = code.len().to_string();
        let common =
            ["cvc3", "--imk", text(row, "imk_cvc3"), "--atc", text(row, "atc"), "--un", text(row, "un")];
        let words = [&common, &card(row)[..], &[flag, value, "--digits", &digits]].concat();
        assert_eq!(held(&words), json!({ "cvc3": code }), "{}", row["id"]);
        // Five digits, unless told otherwise.
        let whole = held(&words[..words.len() - 2]);
        assert!(text(&whole, "cvc3").len() == 5 && text(&whole, "cvc3").ends_with(code));
        if let Some(last) = row["cvc3_last3"].as_str() {
            let three = held(&[&words[..words.len() - 1], &["3"]].concat());
            assert_eq!(three, json!({ "cvc3": last }));
        }
    }
}

fn cvv(row: &Value) {
    let words =
        ["--pan", text(row, "pan"), "--expiry", text(row, "expiry"), "--service", text(row, "service_code")];
    let answer = held(&[&["cvv", "--cvk", text(row, "cvk")], &words[..]].concat());
    assert_eq!(answer, json!({ "cvv": row["cvv"] }), "{}", row["id"]);
}

fn dcvv(row: &Value) {
    let words =
        ["--atc", text(row, "atc"), "--expiry", text(row, "expiry"), "--service", text(row, "service_code")];
    let answer = held(&[&["dcvv", "--imk", text(row, "imk")], &card(row)[..], &words].concat());
    assert_eq!(answer, json!({ "dcvv": row["dcvv"] }), "{}", row["id"]);
}

fn pvv(row: &Value) {
    let words = ["--pvki", text(row, "pvki"), "--pan", text(row, "pan"), "--pin", text(row, "pin")];
    let answer = held(&[&["pvv", "--pvk", text(row, "pvk")], &words[..]].concat());
    assert_eq!(answer, json!({ "pvv": row["pvv"] }), "{}", row["id"]);
}

fn offset(row: &Value) {
    let number = |field: &str| row[field].as_u64().unwrap().to_string();
    let (start, length) = (number("verify_offset"), number("verify_length"));
    let common = ["--pvk", text(row, "pvk"), "--table", text(row, "table"), "--pan", text(row, "pan")];
    let common = [&common[..], &["--start", &start, "--length", &length, "--pad", text(row, "pad")]].concat();
    let offset = held(&[&["offset"], &common[..], &["--pin", text(row, "pin")]].concat());
    assert_eq!(offset, json!({ "offset": row["offset"] }), "{}", row["id"]);
    let pin = held(&[&["pin"], &common[..], &["--offset", text(row, "offset")]].concat());
    assert_eq!(pin, json!({ "pin": row["pin"] }), "{}", row["id"]);
}

fn retail_mac(row: &Value) {
    let padding = if row["padding"] == 1 { "zero" } else { "emv" };
    let words = ["mac", "--key", text(row, "key"), "--data", text(row, "message"), "--padding", padding];
    assert_eq!(held(&words), json!({ "mac": row["mac"] }), "{}", row["id"]);
}

const KEY: &str = "5EC0DE5EC0DE5EC0DE5EC0DE5EC0DE77";
const PAN: &str = "5413339000001513";

/// A cryptogram's words with one of them changed.
fn with<'a>(flag: &'a str, value: &'a str) -> Vec<&'a str> {
    let mut words =
        vec!["cryptogram", "--scheme", "mchip", "--imk", KEY, "--pan", PAN, "--psn", "01", "--atc"];
    words.extend(["0001", "--un", "00000002", "--data", "00"]);
    match words.iter().position(|word| *word == flag) {
        Some(at) => words[at + 1] = value,
        None => words.extend([flag, value]),
    }
    words
}

#[test]
fn a_refusal_names_its_field() {
    held(&with("--psn", "01"));
    for psn in ["100", "-1", "+1", "4A", ""] {
        refused(&with("--psn", psn), "FIELD_INVALID", &json!("psn"));
    }
    refused(&with("--atc", "01"), "FIELD_INVALID", &json!("atc"));
    refused(&with("--atc", "000001"), "FIELD_INVALID", &json!("atc"));
    refused(&with("--un", "01"), "FIELD_INVALID", &json!("un"));
    refused(&with("--imk", "0123456789ABCDEF"), "KEY_UNFIT", &Value::Null);
}

#[test]
fn accounts_keys_and_pins_are_refused_by_kind() {
    for pan in ["1234567", "12345678901234567890", "541333900000151A"] {
        refused(&with("--pan", pan), "PAN_INVALID", &Value::Null);
    }
    let cvv = |key, expiry, service| {
        vec!["cvv", "--cvk", key, "--pan", PAN, "--expiry", expiry, "--service", service]
    };
    held(&cvv(KEY, "2712", "101"));
    refused(&cvv(&KEY[..16], "2712", "101"), "KEY_UNFIT", &Value::Null);
    refused(&cvv(KEY, "271", "101"), "FIELD_INVALID", &json!("expiry"));
    refused(&cvv(KEY, "2712", "1O1"), "FIELD_INVALID", &json!("service"));
    let pvv = |pvki, pin| vec!["pvv", "--pvk", KEY, "--pan", PAN, "--pvki", pvki, "--pin", pin];
    held(&pvv("1", "739184"));
    refused(&pvv("1", "739"), "PIN_BLOCK", &Value::Null);
    refused(&pvv("10", "739184"), "FIELD_INVALID", &json!("pvki"));
    let arpc = ["arpc", "--session-key", KEY, "--arqc", "0102030405060708", "--method"];
    refused(
        &[&arpc[..], &["2", "--csu", "00000000", "--prop", "000102030405060708"]].concat(),
        "FIELD_INVALID",
        &json!("prop"),
    );
    refused(&[&arpc[..], &["1", "--arc", "303030"]].concat(), "FIELD_INVALID", &json!("arc"));
    refused(&[&arpc[..], &["1", "--arc", "3030", "--algorithm", "aes"]].concat(), "KEY_UNFIT", &Value::Null);
    let cvc3 = [
        "cvc3", "--imk", KEY, "--pan", PAN, "--atc", "0001", "--un", "00000002", "--ivcvc3", "0304",
        "--digits",
    ];
    for digits in ["0", "6"] {
        refused(&[&cvc3[..], &[digits]].concat(), "FIELD_INVALID", &json!("digits"));
    }
}

/// What a call that was not understood, or a refusal, repeats of what was given: nothing.
#[test]
fn errors_end_with_2_and_repeat_nothing() {
    let misunderstood = [
        vec![],
        vec![KEY],
        vec!["cryptogram"],
        vec!["cryptogram", "--imk", KEY],
        with("--scheme", KEY),
        with("--option", PAN),
        with("--data", "5EC0DE7"),
        with("--nonsense", KEY),
        [&with("--psn", "01")[..11], &["--data", "00"]].concat(),
        vec!["arpc", "--method", "3", "--session-key", KEY],
        vec![
            "arpc",
            "--method",
            "1",
            "--session-key",
            KEY,
            "--arqc",
            "0102030405060708",
            "--csu",
            "00000000",
        ],
        vec!["pvv", "--pvk", KEY, "--pan", PAN, "--pvki", KEY, "--pin", "739184"],
        vec!["cvc3", "--imk", KEY, "--pan", PAN, "--atc", "0001", "--un", "00000002"],
    ];
    let refusals = [with("--pan", "541333900000151A"), with("--imk", &KEY[2..]), with("--psn", "5EC0DE")];
    for (words, want) in
        misunderstood.iter().map(|words| (words, 2)).chain(refusals.iter().map(|words| (words, 1)))
    {
        let (code, value, diagnostics) = said(words);
        assert_eq!(code, want, "{words:?}: {value}");
        let said = format!("{value}{diagnostics}");
        for secret in ["5EC0DE", "5ec0de", "541333", "739184"] {
            assert!(!said.contains(secret), "{words:?}: {said}");
        }
    }
}

/// AES keys: the answers of a chain put together from single blocks by another program.
#[test]
fn aes_is_option_c() {
    let common = ["--pan", "1234567890123456789", "--psn", "45"];
    let imk = "000102030405060708090A0B0C0D0E0F";
    let answer = held(&[&["icc-key", "--imk", imk, "--option", "c"], &common[..]].concat());
    let words = [
        "cryptogram",
        "--scheme",
        "csk",
        "--imk",
        imk,
        "--algorithm",
        "aes",
        "--atc",
        "1234",
        "--data",
        "010203",
    ];
    let made = held(&[&words[..], &common].concat());
    let icc = text(&answer, "key");
    let session =
        held(&["session-key", "--icc-mk", icc, "--method", "csk", "--atc", "1234", "--algorithm", "aes"]);
    assert_eq!(made["session_key"], session["key"]);
    assert_eq!(
        (icc, text(&made, "session_key"), text(&made, "cryptogram")),
        ("317F089DD96D0FC8FFCD1DE47E2AE0C4", "DFBAF711F11E5593238967C0ECEBEEDD", "B90DF53E7B4FFE16")
    );
}
