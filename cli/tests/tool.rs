//! `symbolon tool`, the real binary: every row of `hpke.json`, `cose_cwt.json` and `otp.json` by its id, the exit codes, and that no error repeats
//! what was given.
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};
use symbolon_types::hex_upper;

/// Exit code, the one JSON value, and what was said on standard error.
fn said(words: &[&str], input: Option<&[u8]>) -> (i32, Value, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_symbolon"))
        .arg("tool")
        .args(words)
        .arg("--json")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    if let Some(input) = input {
        pipe.write_all(input).unwrap();
    }
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let value = serde_json::from_str(text.trim()).unwrap_or_else(|_| panic!("{words:?} said {text:?}"));
    (output.status.code().unwrap(), value, String::from_utf8(output.stderr).unwrap())
}

fn run(words: &[&str]) -> (i32, Value) {
    let (code, value, _) = said(words, None);
    (code, value)
}

#[track_caller]
fn held(words: &[&str]) -> Value {
    let (code, value) = run(words);
    assert_eq!(code, 0, "{words:?}: {value}");
    value
}

#[track_caller]
fn refused(words: &[&str], name: &str) -> Value {
    let (code, value) = run(words);
    assert_eq!(code, 1, "{words:?}: {value}");
    let refusal = value["refusal"].as_object().unwrap();
    assert_eq!(refusal.keys().collect::<Vec<_>>(), ["code", "detail", "name"], "{value}");
    assert_eq!(refusal["name"], json!(name), "{words:?}: {value}");
    value
}

#[track_caller]
fn misunderstood(words: &[&str]) -> String {
    let (code, value) = run(words);
    assert_eq!((code, value.as_object().unwrap().len()), (2, 1), "{words:?}: {value}");
    value["error"].as_str().unwrap().to_owned()
}

fn rows(file: &str) -> Vec<Value> {
    let path = format!("{}/../vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn of_kind(file: &str, kinds: &[&str]) -> Vec<Value> {
    rows(file).into_iter().filter(|row| kinds.contains(&row["kind"].as_str().unwrap())).collect()
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{}: no {field}", row["id"]))
}

fn number(row: &Value, field: &str) -> String {
    row[field].as_u64().unwrap_or_else(|| panic!("{}: no {field}", row["id"])).to_string()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A file with this content; its path.
    fn file(&self, name: &str, content: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_string_lossy().into_owned()
    }
}

#[test]
fn every_one_time_password_of_the_vectors() {
    let mut seen = 0;
    for row in rows("otp") {
        let (key, counter) = (text(&row, "key"), row["counter"].as_u64().map(|counter| counter.to_string()));
        let digits = row["digits"].as_u64().map(|digits| digits.to_string()).unwrap_or_default();
        let algorithm = row["alg"].as_str().unwrap_or("sha1");
        let common = ["--key", key, "--digits", &digits, "--algorithm", algorithm];
        let answer = match text(&row, "kind") {
            "hotp" | "hotp_alg" => {
                held(&[&["otp", "hotp", "--counter", &counter.unwrap()], common.as_slice()].concat())
            }
            "totp" => held(&[&["otp", "totp", "--time", &number(&row, "time")], common.as_slice()].concat()),
            "ocra" => {
                let mut words =
                    vec!["otp", "ocra", "--key", key, "--suite", text(&row, "suite"), "--q", text(&row, "Q")];
                let counter = row["C"].as_u64().map(|counter| counter.to_string());
                for (flag, value) in [
                    ("--counter", counter.as_deref()),
                    ("--pin", row["P"].as_str()),
                    ("--time", row["T"].as_str()),
                ] {
                    words.extend(value.iter().flat_map(|value| [flag, value]));
                }
                held(&words)
            }
            other => panic!("{other}"),
        };
        assert_eq!(answer, json!({ "code": row["otp"] }), "{}", row["id"]);
        seen += 1;
    }
    assert_eq!(seen, 75);
}

#[test]
fn ocra_takes_a_pin_in_clear_seconds_and_a_session() {
    fn ocra<'a>(suite: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        [&["otp", "ocra", "--key", OCRA_KEY, "--suite", suite], more].concat()
    }
    let with_pin = "OCRA-1:HOTP-SHA256-8:QN08-PSHA1";
    let published = json!({ "code": "83238735" });
    assert_eq!(held(&ocra(with_pin, &["--q", "00000000", "--pin", "1234"])), published);
    let hash = "7110eda4d09e062aa5e4a390b0a572ac0d2c0220";
    assert_eq!(held(&ocra(with_pin, &["--q", "00000000", "--pin", hash])), published);
    assert_ne!(held(&ocra(with_pin, &["--q", "00000000", "--pin", "1235"])), published);
    // RFC 6287 appendix C: 132d0b6 steps of a minute, which began at the Unix second 1206446760.
    let key64 = hex_upper(&b"1234567890".repeat(7)[..64]);
    let timed = |time| {
        held(&[
            "otp",
            "ocra",
            "--key",
            &key64,
            "--suite",
            "OCRA-1:HOTP-SHA512-8:QN08-T1M",
            "--q",
            "00000000",
            "--time",
            time,
        ])
    };
    for time in ["132d0b6", "132D0B6", "000000000132D0B6", "1206446760", "1206446819"] {
        assert_eq!(timed(time), json!({ "code": "95209754" }), "{time}");
    }
    assert_ne!(timed("1206446820"), json!({ "code": "95209754" }));
    // A session is filled up on the left, as the reference code of RFC 6287 appendix A does it.
    let with_session = "OCRA-1:HOTP-SHA256-8:QA08-S004";
    let filled = held(&ocra(with_session, &["--q", "SIG10000", "--session", "00000AFF"]));
    assert_eq!(
        filled,
        json!({ "code": OCRA_SESSION }),
        "computed apart, by hand, over the bytes of section 5.1"
    );
    assert_eq!(held(&ocra(with_session, &["--q", "SIG10000", "--session", "0aff"])), filled);
    refused(&ocra(with_session, &["--q", "SIG10000", "--session", "0000000AFF"]), "MALFORMED");
    for (suite, more) in [
        (with_pin, &["--q", "00000000"][..]),
        (with_session, &["--q", "SIG10000"]),
        ("OCRA-1:HOTP-SHA1-6:QN08", &["--q", "1", "--counter", "1"]),
        ("OCRA-1:HOTP-SHA1-6:QN08", &["--q", "1", "--pin", "1"]),
        ("OCRA-1:HOTP-SHA1-6:QN08", &["--q", "1", "--session", "01"]),
        ("OCRA-1:HOTP-SHA1-6:QN08", &["--q", "1", "--time", "1"]),
        ("OCRA-1:HOTP-SHA1-6:QN08-T1M", &["--q", "1", "--time", "soon"]),
        ("OCRA-1:HOTP-SHA1-6:QN08", &[]),
    ] {
        misunderstood(&ocra(suite, more));
    }
    refused(&ocra("OCRA-1:HOTP-SHA1-6:QN08", &["--q", "12a"]), "MALFORMED");
    refused(&ocra("OCRA-1:HOTP-SHA3-6:QN08", &["--q", "12"]), "MALFORMED");
}

/// The 32-byte key of RFC 6287 appendix C.
const OCRA_KEY: &str = "3132333435363738393031323334353637383930313233343536373839303132";

/// HMAC-SHA-256, truncated to eight digits, over `suite | 00 | "SIG10000", 120 zeros | 00000AFF`.
const OCRA_SESSION: &str = "31799592";

fn suite_of(setup: &Value) -> String {
    let kem = match setup["kem_id"].as_u64() {
        Some(32) => "x25519",
        Some(16) => "p256",
        other => panic!("{other:?}"),
    };
    let aead = match setup["aead_id"].as_u64() {
        Some(1) => "aes128gcm",
        Some(3) => "chacha20poly1305",
        other => panic!("{other:?}"),
    };
    format!("{kem}-sha256-{aead}")
}

/// Opens with what a setup says, but for these flags.
fn opened(setup: &Value, aad: &str, ct: &str, seq: &str, changed: &[(&str, &str)]) -> (i32, Value) {
    let suite = suite_of(setup);
    let mut flags = vec![
        ("--suite", suite.as_str()),
        ("--sk", text(setup, "skRm")),
        ("--enc", text(setup, "enc")),
        ("--info", text(setup, "info")),
        ("--aad", aad),
        ("--ct", ct),
        ("--seq", seq),
    ];
    if setup["mode"] == 2 {
        flags.extend([("--mode", "auth"), ("--pk-sender", text(setup, "pkSm"))]);
    }
    for (name, value) in changed {
        flags.retain(|(known, _)| known != name);
        flags.push((name, value));
    }
    run(&[vec!["hpke", "open"], flags.into_iter().flat_map(|(name, value)| [name, value]).collect()].concat())
}

#[test]
fn every_message_of_the_hpke_vectors_is_opened_or_refused() {
    let all = rows("hpke");
    let find = |id: &str| all.iter().find(|row| row["id"] == id).unwrap();
    let first = |setup: &str| find(&format!("{setup}-seal-0"));
    let (mut setups, mut sealed, mut refusals, mut exports) = (0, 0, 0, 0);
    for row in &all {
        let setup = || find(text(row, "setup"));
        match text(row, "kind") {
            // What a setup derives is seen in the messages that it opens.
            "setup" => {
                let message = first(text(row, "id"));
                let (code, _) = opened(row, text(message, "aad"), text(message, "ct"), "0", &[]);
                assert_eq!(code, 0, "{}", row["id"]);
                setups += 1;
            }
            "seal" => {
                let found = opened(setup(), text(row, "aad"), text(row, "ct"), &number(row, "seq"), &[]);
                assert_eq!(found, (0, json!({ "pt": row["pt"] })), "{}", row["id"]);
                sealed += 1;
            }
            "refuse" => {
                let (code, value) = hpke_refusal(row, &find, &first);
                assert_eq!(code, 1, "{}: {value}", row["id"]);
                assert!(value["refusal"]["name"].is_string() && value.get("pt").is_none(), "{value}");
                refusals += 1;
            }
            // The calculator opens; exported secrets are tried in core/proof.
            "export" => exports += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!((setups, sealed, refusals, exports), (4, 24, 20, 12));
}

fn hpke_refusal<'a>(
    row: &Value,
    find: &dyn Fn(&str) -> &'a Value,
    first: &dyn Fn(&str) -> &'a Value,
) -> (i32, Value) {
    if row.get("setup").is_none() {
        // An encapsulated key that is none, in a context that is otherwise good.
        let setup = find(if row["kem_id"] == 32 { "x25519-aes128gcm-base" } else { "p256-aes128gcm-base" });
        let message = first(text(setup, "id"));
        return opened(setup, text(message, "aad"), text(message, "ct"), "0", &[("--enc", text(row, "enc"))]);
    }
    let setup = find(text(row, "setup"));
    let message = first(text(setup, "id"));
    let or_first = |field| row[field].as_str().unwrap_or_else(|| text(message, field));
    let sender = row["pkSm"].as_str();
    let changed: Vec<(&str, &str)> = sender.iter().map(|key| ("--pk-sender", *key)).collect();
    opened(setup, or_first("aad"), or_first("ct"), &number(row, "seq"), &changed)
}

#[test]
fn hpke_says_what_is_wrong_with_a_key() {
    let all = rows("hpke");
    let setup = all.iter().find(|row| row["id"] == "x25519-aes128gcm-auth").unwrap();
    let message = all.iter().find(|row| row["id"] == "x25519-aes128gcm-auth-seal-0").unwrap();
    let with =
        |changed: &[(&str, &str)]| opened(setup, text(message, "aad"), text(message, "ct"), "0", changed);
    let name = |(code, value): (i32, Value)| {
        (code, value["refusal"]["name"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(with(&[]).0, 0);
    assert_eq!(name(with(&[("--sk", "00")])), (1, "KEY_UNFIT".into()));
    assert_eq!(name(with(&[("--pk-sender", "00")])), (1, "KEY_UNFIT".into()));
    assert_eq!(name(with(&[("--enc", "00")])), (1, "MALFORMED".into()));
    assert_eq!(name(with(&[("--ct", "")])), (1, "OPEN_FAILED".into()));
    assert_eq!(name(with(&[("--info", "")])), (1, "OPEN_FAILED".into()));
    assert_eq!(with(&[("--mode", "base")]).0, 2, "a sender's key that nobody asked for");
    assert_eq!(with(&[("--suite", "x448-sha512-aes256gcm")]).0, 2);
    assert_eq!(with(&[("--seq", "-1")]).0, 2);
}

/// The message of a row, under its key.
fn cose(folder: &Folder, row: &Value, verb: &str) -> (i32, Value) {
    let key = folder.file("key.json", &row["key"].to_string());
    run(&[
        "cose",
        verb,
        "--key",
        &key,
        "--hex",
        text(row, "cbor"),
        "--external-aad",
        text(row, "external_aad"),
    ])
}

#[test]
fn every_message_of_the_cose_vectors_holds_or_is_refused() {
    let folder = Folder::new();
    let (mut good, mut bad) = (0, 0);
    for (kinds, verb) in [(&["sign1", "mac0"][..], "verify"), (&["encrypt0"], "decrypt")] {
        for row in of_kind("cose_cwt", kinds) {
            let (code, value) = cose(&folder, &row, verb);
            if row["ok"] == true {
                assert_eq!(
                    (code, &value["ok"], &value["payload"]),
                    (0, &json!(true), &row["payload"]),
                    "{}",
                    row["id"]
                );
                assert!(value["alg"].is_string() && value["alg_id"].is_i64(), "{value}");
                good += 1;
            } else {
                assert_eq!((code, &value["ok"]), (1, &json!(false)), "{}: {value}", row["id"]);
                assert!(value["refusal"]["name"].is_string() && value.get("payload").is_none(), "{value}");
                bad += 1;
            }
        }
    }
    assert_eq!((good, bad), (34, 21));
    // The rows on determinism are no messages.
    let key = folder.file("key.json", r#"{"kty":"oct","k":"AA"}"#);
    let rows = of_kind("cose_cwt", &["deterministic_cbor"]);
    for row in &rows {
        refused(&["cose", "verify", "--key", &key, "--hex", text(row, "cbor")], "MALFORMED");
    }
    assert_eq!(rows.len(), 15);
}

fn row(id: &str) -> Value {
    rows("cose_cwt").into_iter().find(|row| row["id"] == id).unwrap()
}

#[test]
fn a_message_says_its_algorithm_and_whether_that_is_protected() {
    let folder = Folder::new();
    for (id, alg, number, protected) in [
        ("ecdsa-examples-ecdsa-sig-04", "ES512", -36, true),
        ("eddsa-examples-eddsa-sig-01", "EdDSA", -8, true),
        ("mac0-tests-mac-pass-01", "HMAC 256/256", 5, false),
    ] {
        let (_, value) = cose(&folder, &row(id), "verify");
        assert_eq!(
            (&value["alg"], &value["alg_id"], &value["alg_protected"]),
            (&json!(alg), &json!(number), &json!(protected)),
            "{id}"
        );
    }
    let (_, value) = cose(&folder, &row("encrypted-tests-aes-gcm-01"), "decrypt");
    assert_eq!((&value["alg"], &value["kid"]), (&json!("A128GCM"), &Value::Null));
    for (id, verb) in [("encrypted-tests-aes-gcm-01", "verify"), ("mac0-tests-HMac-01", "decrypt")] {
        assert_eq!(cose(&folder, &row(id), verb).1["refusal"]["name"], json!("MALFORMED"), "{id}");
    }
}

#[test]
fn keys_are_read_in_each_of_their_forms_and_used_for_what_they_are() {
    let folder = Folder::new();
    let signed = row("ecdsa-examples-ecdsa-sig-04");
    let verdict = |row: &Value, key: Value| {
        let (code, value) =
            cose(&folder, &json!({ "cbor": row["cbor"], "external_aad": "", "key": key }), "verify");
        (code, value["refusal"]["name"].as_str().unwrap_or_default().to_owned(), value)
    };
    let key = |edit: &dyn Fn(&mut serde_json::Map<String, Value>)| {
        let mut key = signed["key"].as_object().unwrap().clone();
        edit(&mut key);
        Value::Object(key)
    };
    let ok = |key: Value| assert_eq!(verdict(&signed, key).0, 0);
    ok(key(&|_| ()));
    ok(key(&|key| drop(key.remove("d"))));
    ok(key(&|key| drop((key.remove("x"), key.remove("y")))));
    ok(key(&|key| drop(key.insert("alg".into(), json!("ES512")))));
    ok(key(&|key| drop(key.insert("alg".into(), json!(-36)))));
    ok(key(&|key| drop(key.insert("kty".into(), json!("EC2")))));
    ok(key(&|key| drop(key.insert("x".into(), json!(format!("{}=", key["x"].as_str().unwrap()))))));
    let expect = |key: Value, code, name: &str| {
        let found = verdict(&signed, key);
        assert_eq!((found.0, found.1.as_str()), (code, name), "{}", found.2);
    };
    expect(key(&|key| drop(key.insert("alg".into(), json!("ES256")))), 1, "KEY_UNFIT");
    expect(key(&|key| drop(key.insert("crv".into(), json!("P-384")))), 1, "ALG_UNSUPPORTED");
    expect(key(&|key| drop(key.insert("crv".into(), json!("secp256k1")))), 1, "ALG_UNSUPPORTED");
    expect(key(&|key| drop(key.insert("kty".into(), json!("RSA")))), 1, "KEY_UNFIT");
    expect(key(&|key| drop(key.insert("y".into(), key["x"].clone()))), 1, "BAD_SIG");
    expect(key(&|key| drop(key.insert("x".into(), json!("A".repeat(60))))), 1, "BAD_SIG");
    expect(key(&|key| drop(key.insert("x".into(), json!("_".repeat(60))))), 1, "KEY_UNFIT");
    expect(key(&|key| drop(key.remove("y"))), 2, "");
    expect(key(&|key| drop(key.remove("kty"))), 2, "");
    expect(key(&|key| drop(key.insert("x".into(), json!("!")))), 2, "");
    expect(key(&|key| drop(key.insert("x".into(), json!(5)))), 2, "");
    expect(key(&|key| drop(key.insert("x_hex".into(), json!("00")))), 2, "");
    expect(json!([]), 2, "");
    expect(json!({ "kty": "oct" }), 2, "");
    // Ed448 is refused by its name.
    let (code, name, value) = verdict(&signed, json!({ "kty": "OKP", "crv": "Ed448", "x_hex": "00" }));
    assert_eq!((code, name.as_str(), &value["unsupported"]), (1, "ALG_UNSUPPORTED", &json!("Ed448")));
    let edward = row("eddsa-examples-eddsa-sig-01");
    let private = json!({ "kty": "OKP", "crv": "Ed25519", "d_hex": edward["key"]["d_hex"] });
    assert_eq!(verdict(&edward, private).0, 0);
    assert_eq!(verdict(&edward, json!({ "kty": "OKP", "crv": "Ed25519", "x_hex": "00" })).1, "KEY_UNFIT");
}

#[test]
fn detached_content_and_a_base_iv_come_by_flags() {
    let folder = Folder::new();
    let hmac = row("CWT-A_7");
    let key = folder.file("key.json", &hmac["key"].to_string());
    let payload = text(&hmac, "payload");
    let detached = text(&hmac, "cbor").replace(&format!("4B{payload}"), "F6");
    let verify = ["cose", "verify", "--key", &key, "--hex", &detached];
    assert_eq!(held(&[&verify[..], &["--payload", payload]].concat())["payload"], json!(payload));
    assert!(misunderstood(&verify).contains("--payload"));
    refused(&[&verify[..], &["--payload", "00"]].concat(), "BAD_SIG");
    misunderstood(&["cose", "verify", "--key", &key, "--hex", text(&hmac, "cbor"), "--payload", payload]);

    let sealed = row("encrypted-tests-aes-gcm-01");
    // The IV 02D1F7E6F26C43D4868D87CE as a base whose last two bytes are zero, and a partial IV of two bytes.
    let partial = text(&sealed, "cbor").replace("A1054C02D1F7E6F26C43D4868D87CE", "A1064287CE");
    let key = folder.file("key.json", &sealed["key"].to_string());
    let decrypt = ["cose", "decrypt", "--key", &key, "--hex", &partial];
    let base = "02D1F7E6F26C43D4868D0000";
    assert_eq!(held(&[&decrypt[..], &["--base-iv", base]].concat())["payload"], sealed["payload"]);
    assert!(misunderstood(&decrypt).contains("--base-iv"));
    refused(&[&decrypt[..], &["--base-iv", "02D1F7E6F26C43D4868D0001"]].concat(), "OPEN_FAILED");
    let mut with_base = sealed["key"].clone();
    with_base["base_iv_hex"] = json!(base);
    let key = folder.file("with.json", &with_base.to_string());
    assert_eq!(held(&["cose", "decrypt", "--key", &key, "--hex", &partial])["payload"], sealed["payload"]);
}

#[test]
fn names_are_read_in_any_case_and_values_from_files_and_standard_input() {
    let folder = Folder::new();
    let key = "3132333435363738393031323334353637383930";
    let answer = json!({ "code": "287082" });
    let file = folder.file("secret", &format!(" {}\n", key.to_lowercase()));
    let at = format!("@{file}");
    assert_eq!(held(&["OTP", "HOTP", "--KEY", &at, "--Counter", "1"]), answer);
    let (code, value, _) = said(&["otp", "hotp", "--key", "-", "--counter", "1"], Some(key.as_bytes()));
    assert_eq!((code, value), (0, answer));
    let hmac = row("CWT-A_7");
    let key = folder.file("key.json", &hmac["key"].to_string());
    let (code, value, _) = said(
        &["cose", "verify", "--key", &key, "--hex", "-", "--external_aad", ""],
        Some(text(&hmac, "cbor").as_bytes()),
    );
    assert_eq!((code, &value["ok"]), (0, &json!(true)));
    let (code, value, _) = said(
        &["cose", "verify", "--key", "-", "--hex", &text(&hmac, "cbor").to_lowercase()],
        Some(hmac["key"].to_string().as_bytes()),
    );
    assert_eq!((code, &value["ok"]), (0, &json!(true)));
}

#[test]
fn what_is_not_understood_ends_with_2_and_repeats_nothing_that_was_given() {
    let secret = "5EC0DE5EC0DE5EC0DE5EC0DE5EC0DE77";
    let odd = &secret[1..];
    let text = "5EC0DE-not-hex";
    for words in [
        &[][..],
        &[secret],
        &["otp"],
        &["otp", secret],
        &["otp", "hotp"],
        &["otp", "hotp", secret],
        &["otp", "hotp", "--key"],
        &["otp", "hotp", "--key", odd, "--counter", "1"],
        &["otp", "hotp", "--key", text, "--counter", "1"],
        &["otp", "hotp", "--key", secret],
        &["otp", "hotp", "--key", secret, "--counter", secret],
        &["otp", "hotp", "--key", secret, "--counter", "1", secret],
        &["otp", "hotp", "--key", secret, "--key", secret, "--counter", "1"],
        &["otp", "hotp", "--key", secret, "--counter", "1", "--digits", "5"],
        &["otp", "hotp", "--key", secret, "--counter", "1", "--digits", "11"],
        &["otp", "hotp", "--key", secret, "--counter", "1", "--algorithm", secret],
        &["otp", "hotp", "--key", secret, "--counter", "1", "--nonsense", secret],
        &["otp", "hotp", "-k", secret],
        &["otp", "totp", "--key", secret, "--time", "1", "--step", "0"],
        &["cose", "verify", "--hex", secret],
        &["cose", "verify", "--key", "/nonexistent/key", "--hex", secret],
        &["cose", "decrypt", "--key", "/nonexistent/key", "--hex", secret, "--payload", "00"],
        &["cose", "sign"],
        &["hpke", "seal"],
        &["hpke", "open", "--sk", secret],
        &["hpke", "open", "--suite", secret],
    ] {
        let (code, value, diagnostics) = said(words, None);
        assert_eq!((code, value.as_object().unwrap().len()), (2, 1), "{words:?}: {value}");
        assert!(!value["error"].as_str().unwrap().is_empty());
        assert!(!format!("{value}{diagnostics}").contains("5EC0DE"), "{words:?}: {value}");
    }
}

/// A shell's command line: words, `'…'`, `"…"`, and a file that the line writes.
fn shell(line: &str, folder: &Folder) -> (i32, String) {
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_symbolon")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", line])
        .current_dir(folder.0.path())
        .env("PATH", path)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{line}");
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// Runs each `$ …` of a text and compares what it says with the lines up to the next `$`, blank line or end of its block.
fn examples(text: &str) -> usize {
    let folder = Folder::new();
    let mut lines = text.lines().peekable();
    let mut seen = 0;
    while let Some(line) = lines.next() {
        let Some(command) = line.strip_prefix("$ ") else { continue };
        let mut command = command.to_owned();
        while command.ends_with('\\') {
            command.pop();
            command.push_str(lines.next().unwrap().trim_start());
        }
        let mut expect = String::new();
        while let Some(line) =
            lines.next_if(|line| !line.starts_with("$ ") && !line.is_empty() && !line.starts_with("```"))
        {
            expect.push_str(line);
            expect.push('\n');
        }
        let (_, found) = shell(&command, &folder);
        assert_eq!(found, expect, "{command}");
        seen += 1;
    }
    seen
}

#[test]
fn the_examples_of_the_help_run() {
    let help = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_symbolon")).arg("tool").args(words).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{words:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let overview = help(&["--help"]);
    assert!(overview.starts_with("symbolon tool ") && examples(&overview) > 0);
    for family in ["cose", "emv", "hpke", "keyblock", "otp", "pinblock", "qr", "tlv", "track"] {
        assert!(overview.contains(&format!("  {family} ")), "{family}");
        let text = help(&[family, "--help"]);
        assert!(text.starts_with(&format!("symbolon tool {family} ")) && examples(&text) > 0, "{family}");
        assert_eq!(help(&[&family.to_uppercase(), "open", "-h"]), text, "{family}");
    }
}

#[test]
fn the_examples_of_the_pages_run() {
    let folder = format!("{}/../docs/tool", env!("CARGO_MANIFEST_DIR"));
    let mut pages = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            let seen = examples(&std::fs::read_to_string(&path).unwrap());
            assert!(seen > 0, "{}", path.display());
            pages += 1;
        }
    }
    assert!(pages >= 3);
}
