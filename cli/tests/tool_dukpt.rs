//! `symbolon tool dukpt`, the real binary: every row of `dukpt_aes.json`, `dukpt_aes_long.json` and `dukpt_tdes.json` by its id, the exit codes, and
//! that no error repeats a key. What a row makes with a working key is made here, with the key that the tool gave.
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;
use symbolon_keys::cipher::{Aes, BlockCipher, Padding, Tdes, cbc_encrypt, cmac, padded, retail_mac, xor};
use symbolon_keys::{Crypto, HashAlgorithm, RustCrypto};
use symbolon_types::{hex_parse, hex_upper};

fn run(words: &[&str]) -> (i32, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_symbolon"));
    let output = command.args(["tool", "dukpt", "derive"]).args(words).arg("--json").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let value = serde_json::from_str(text.trim()).unwrap_or_else(|_| panic!("{words:?} said {text:?}"));
    (output.status.code().unwrap(), value)
}

#[track_caller]
fn held(words: &[&str]) -> Value {
    let (code, value) = run(words);
    assert_eq!(code, 0, "{words:?}: {value}");
    value
}

#[track_caller]
fn refused(words: &[&str], name: &str) {
    let (code, value) = run(words);
    assert_eq!((code, &value["refusal"]["name"]), (1, &json!(name)), "{words:?}: {value}");
}

fn rows(file: &str) -> Vec<Value> {
    let path = format!("{}/../vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{}: no {field}", row["id"]))
}

fn bytes(row: &Value, field: &str) -> Vec<u8> {
    hex_parse(text(row, field)).unwrap()
}

fn serial(row: &Value) -> String {
    format!("{}{}", text(row, "ikid"), row["counter"].as_str().unwrap_or("00000001"))
}

/// The working key that the tool derives of a row; the answer's other fields are checked on the way.
fn derived(row: &Value, usage: &str) -> Vec<u8> {
    let (ik, ksn) = (text(row, "ik"), serial(row));
    let mut words = vec!["--scheme", "aes", "--ik", ik, "--ksn", &ksn, "--usage", usage];
    words.extend(row["algorithm"].as_str().iter().flat_map(|algorithm| ["--algorithm", *algorithm]));
    let answer = held(&words);
    let counter = u32::from_str_radix(text(row, "counter"), 16).unwrap();
    let want = json!({
        "initial_key": ik, "ksn": ksn, "counter": counter, "working_key": answer["working_key"],
    });
    assert_eq!(answer, want, "{}", row["id"]);
    bytes(&answer, "working_key")
}

/// The usage of a row's direction: what the terminal makes is a request.
fn directed<'a>(row: &Value, request: &'a str, response: &'a str) -> &'a str {
    match text(row, "direction") {
        "request" => request,
        "response" => response,
        other => panic!("{other}"),
    }
}

fn check_aes(row: &Value) {
    let name = text(row, "id");
    match text(row, "kind") {
        "ik" => {
            let answer = held(&["--scheme", "aes", "--bdk", text(row, "bdk"), "--ksn", &serial(row)]);
            assert_eq!(text(&answer, "initial_key"), text(row, "ik"), "{name}");
        }
        "txn" => assert_eq!(derived(row, "transaction"), bytes(row, "key"), "{name}"),
        "working" | "update" => assert_eq!(derived(row, text(row, "usage")), bytes(row, "key"), "{name}"),
        "pinblock" => {
            let cipher = Aes::new(&derived(row, "PIN")).unwrap();
            let mut block = bytes(row, "pin_field").try_into().unwrap();
            cipher.encrypt(&mut block);
            xor(&mut block, &bytes(row, "pan_field"));
            cipher.encrypt(&mut block);
            assert_eq!(hex_upper(&block), text(row, "encrypted"), "{name}");
        }
        "cmac" => {
            let key = derived(row, directed(row, "MAC_GEN", "MAC_VER"));
            let mac = cmac(&Aes::new(&key).unwrap(), &[&bytes(row, "message")]);
            assert_eq!(hex_upper(mac.reveal()), text(row, "result"), "{name}");
        }
        "hmac" => {
            let key = derived(row, directed(row, "MAC_GEN", "MAC_VER"));
            let mac = RustCrypto.hmac(HashAlgorithm::Sha256, &key, &[&bytes(row, "message")]);
            assert_eq!(hex_upper(mac.reveal()), text(row, "result"), "{name}");
        }
        "cbc" => {
            let key = derived(row, directed(row, "DATA_ENC", "DATA_DEC"));
            let mut message = padded(&bytes(row, "message"), Padding::Zeros, 16);
            cbc_encrypt(&Aes::new(&key).unwrap(), &[0; 16], &mut message).unwrap();
            assert_eq!(hex_upper(&message), text(row, "result"), "{name}");
        }
        // Whether a counter is used is seen in the answer; which comes next is tried in core/keys.
        "ksn" => {
            let (ik, ksn) = ("00112233445566778899AABBCCDDEEFF", serial(row));
            let words = ["--scheme", "aes", "--ik", ik, "--ksn", &ksn];
            if row["usable"] == true { drop(held(&words)) } else { refused(&words, "KSN_INVALID") }
        }
        "refuse" => {
            let ksn = serial(row);
            let want = if text(row, "counter") == "00000000" { "KSN_INVALID" } else { "KEY_WEAK" };
            let words = ["--scheme", "aes", "--bdk", text(row, "bdk"), "--ksn", &ksn];
            let more = ["--usage", text(row, "usage"), "--algorithm", text(row, "algorithm")];
            refused(&[words.as_slice(), &more].concat(), want);
        }
        other => panic!("{other}"),
    }
}

fn counted(file: &str, check: fn(&Value)) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for row in rows(file) {
        check(&row);
        *kinds.entry(text(&row, "kind").to_owned()).or_default() += 1;
    }
    kinds
}

fn kinds(want: &[(&str, usize)]) -> BTreeMap<String, usize> {
    want.iter().map(|(kind, rows)| ((*kind).to_owned(), *rows)).collect()
}

#[test]
fn every_row_of_aes() {
    let want = [
        ("cbc", 28),
        ("cmac", 28),
        ("hmac", 10),
        ("ik", 10),
        ("ksn", 8),
        ("pinblock", 6),
        ("refuse", 2),
        ("txn", 29),
        ("update", 2),
        ("working", 110),
    ];
    assert_eq!(counted("dukpt_aes", check_aes), kinds(&want));
}

#[test]
fn every_row_of_long_base_keys() {
    let want = [("ik", 4), ("refuse", 2), ("txn", 32), ("update", 4), ("working", 252)];
    assert_eq!(counted("dukpt_aes_long", check_aes), kinds(&want));
}

fn tdes(row: &Value, usage: &str) -> Tdes {
    let answer =
        held(&["--scheme", "tdes", "--bdk", text(row, "bdk"), "--ksn", text(row, "ksn"), "--usage", usage]);
    assert_eq!(answer["ksn"], row["ksn"], "{}", row["id"]);
    Tdes::new(&bytes(&answer, "working_key")).unwrap()
}

/// A result that a row has, and the tool's key makes.
fn same(row: &Value, field: &str, made: impl FnOnce() -> Vec<u8>) {
    if let Some(want) = row[field].as_str() {
        assert_eq!(hex_upper(&made()), want, "{} {field}", row["id"]);
    }
}

fn check_tdes(row: &Value) {
    match text(row, "kind") {
        "ik" => {
            let ksn = text(row, "ksn").replace("E00000", "E00001");
            let answer = held(&["--scheme", "tdes", "--bdk", text(row, "bdk"), "--ksn", &ksn]);
            assert_eq!(answer["initial_key"], row["ik"]);
            refused(
                &["--scheme", "tdes", "--bdk", text(row, "bdk"), "--ksn", text(row, "ksn")],
                "KSN_INVALID",
            );
        }
        "txn" => {
            let words = ["--scheme", "tdes", "--bdk", text(row, "bdk"), "--ksn", text(row, "ksn")];
            let answer = held(&[&words, ["--usage", "derivation"].as_slice()].concat());
            assert_eq!(answer["working_key"], row["key"], "{}", row["id"]);
            let ik = text(&answer, "initial_key");
            assert!(row["ik"].as_str().is_none_or(|want| want == ik), "{}", row["id"]);
            let again =
                held(&["--scheme", "tdes", "--ik", ik, "--ksn", text(row, "ksn"), "--usage", "derivation"]);
            assert_eq!(again, answer);
            let mut block = bytes(row, "pin_block").try_into().unwrap();
            tdes(row, "pin").encrypt(&mut block);
            assert_eq!(hex_upper(&block), text(row, "encrypted_pin_block"), "{}", row["id"]);
            let message = bytes(row, "message");
            for way in ["request", "response"] {
                let (mac, data) = (tdes(row, &format!("mac-{way}")), tdes(row, &format!("DATA_{way}")));
                let retail = || retail_mac(&mac, &message, Padding::Zeros).reveal().to_vec();
                same(row, &format!("mac8_{way}"), retail);
                same(row, &format!("mac4_{way}"), || retail()[..4].to_vec());
                same(row, &format!("cmac_{way}"), || cmac(&mac, &[&message]).reveal().to_vec());
                same(row, &format!("data_{way}"), || {
                    let mut text = padded(&message, Padding::Zeros, 8);
                    cbc_encrypt(&data, &[0; 8], &mut text).unwrap();
                    text
                });
            }
        }
        "ksn" => {
            let start = u32::from_str_radix(&text(row, "base_ksn")[14..], 16).unwrap() & !0x1F_FFFF;
            let counter = u32::from_str_radix(text(row, "counter"), 16).unwrap();
            let ksn = format!("{}{:06X}", &text(row, "base_ksn")[..14], start | counter);
            let words = ["--scheme", "tdes", "--ik", "0123456789ABCDEFFEDCBA9876543210", "--ksn", &ksn];
            if row["usable"] == true {
                assert_eq!(held(&words)["counter"], json!(counter));
            } else {
                refused(&words, "KSN_INVALID");
            }
        }
        other => panic!("{other}"),
    }
}

#[test]
fn every_row_of_tdes() {
    assert_eq!(counted("dukpt_tdes", check_tdes), kinds(&[("ik", 1), ("ksn", 7), ("txn", 29)]));
}

const BDK: &str = "FEDCBA9876543210F1F1F1F1F1F1F1F1";
const KSN: &str = "123456789012345600000001";

#[test]
fn what_is_left_out_has_a_sensible_value() {
    let aes = ["--scheme", "AES", "--bdk", BDK, "--ksn", KSN];
    assert_eq!(held(&aes)["working_key"], json!("AF8CB133A78F8DC2D1359F18527593FB"), "PIN, AES-128");
    let long = held(&["--scheme", "aes", "--bdk", &BDK.repeat(2), "--ksn", KSN]);
    assert_eq!(text(&long, "working_key").len(), 64, "as long as the base key");
    let base = "0123456789ABCDEFFEDCBA9876543210";
    let tdes = ["--scheme", "tdes", "--bdk", base, "--ksn", "ffff9876543210e00001"];
    let pin = held(&[&tdes, ["--usage", "PIN", "--algorithm", "TDES2"].as_slice()].concat());
    assert_eq!(held(&tdes), pin);
    assert_eq!(pin["ksn"], json!("FFFF9876543210E00001"));
    assert_eq!(
        held(&["--scheme", "tdes", "--bdk", base, "--ksn", "9876543210E00001"]),
        pin,
        "8 bytes, as many send it"
    );
}

/// What can be said wrongly says what can be said, and repeats nothing that was said.
#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let base = "0123456789ABCDEFFEDCBA9876543210";
    let aes = ["--scheme", "aes", "--bdk", BDK, "--ksn", KSN];
    let tdes = ["--scheme", "tdes", "--bdk", base, "--ksn", "FFFF9876543210E00001"];
    let names = |words: &[&str], flag: &str, known: &[&str]| {
        let (code, value) = run(&[words, &[flag, "nonsense"]].concat());
        let said = value["error"].as_str().unwrap();
        assert_eq!(code, 2);
        assert!(known.iter().all(|name| said.contains(name)), "{said}");
        assert!(!said.contains("nonsense") && !said.contains(BDK) && !said.contains(base), "{said}");
    };
    names(&aes, "--usage", &["pin", "mac-gen", "mac-ver", "mac-both", "data-enc", "data-dec", "data-both"]);
    names(&aes, "--usage", &["key-enc", "derivation", "transaction"]);
    names(&aes, "--algorithm", &["tdes2", "tdes3", "aes128", "aes192", "aes256", "hmac128", "hmac256"]);
    names(
        &tdes,
        "--usage",
        &["pin", "mac-request", "mac-response", "data-request", "data-response", "derivation"],
    );
}

/// A counter on each side of each limit; a serial number that is short, in small letters, or too short.
#[test]
fn serial_numbers_at_their_limits() {
    let code = |scheme: &str, key: &str, ksn: &str| {
        let (code, value) = run(&["--scheme", scheme, "--ik", key, "--ksn", ksn]);
        (code, value["refusal"]["name"].as_str().unwrap_or_default().to_owned())
    };
    let invalid = (1, "KSN_INVALID".to_owned());
    let key = "0123456789ABCDEFFEDCBA9876543210";
    for (good, wrong) in [
        ("00000001", "00000000"),
        ("0000ffff", "0001ffff"),
        ("FFFF0000", "FFFF0001"),
        ("7FFF8000", "7FFF8001"),
    ] {
        assert_eq!(code("aes", key, &format!("1234567890123456{good}")).0, 0, "{good}");
        assert_eq!(code("aes", key, &format!("1234567890123456{wrong}")), invalid, "{wrong}");
    }
    for (good, wrong) in [
        ("FFFF9876543210E00001", "FFFF9876543210E00000"),
        ("FFFF9876543210E003FF", "FFFF9876543210E007FF"),
        ("FFFF9876543210FFF800", "FFFF9876543210FFF801"),
        ("FFFF9876543210EFFC00", "FFFF9876543210FFFFFF"),
        ("9876543210e00001", "76543210e00001"),
        ("ff9876543210e00001", "ffffff9876543210e00001"),
    ] {
        assert_eq!(code("tdes", key, good).0, 0, "{good}");
        assert_eq!(code("tdes", key, wrong), invalid, "{wrong}");
    }
}

#[test]
fn calls_that_are_refused_or_not_understood() {
    let with = |changed: &[(&str, &str)]| {
        let mut flags = vec![("--scheme", "aes"), ("--bdk", BDK), ("--ksn", KSN)];
        for (name, value) in changed {
            flags.retain(|(known, _)| known != name);
            flags.extend((!value.is_empty()).then_some((*name, *value)));
        }
        let words: Vec<&str> = flags.into_iter().flat_map(|(name, value)| [name, value]).collect();
        let (code, value) = run(&words);
        let said = value.to_string();
        assert!(!said.contains("FEDCBA98") && !said.contains("F1F1"), "{said}");
        (code, value["refusal"]["name"].as_str().unwrap_or_default().to_owned())
    };
    let refusal = |name: &str| (1, name.to_owned());
    assert_eq!(with(&[("--ksn", "1234567890123456000001")]), refusal("KSN_INVALID"));
    assert_eq!(with(&[("--ksn", "12345678901234560001FFFF")]), refusal("KSN_INVALID"));
    assert_eq!(with(&[("--ksn", "1234567890123456FFFFFFFF")]), refusal("KSN_INVALID"));
    assert_eq!(with(&[("--ksn", "1234567890123456FFFFFFFF"), ("--usage", "key-enc")]).0, 0);
    assert_eq!(with(&[("--bdk", &BDK[..30])]), refusal("KEY_UNFIT"));
    assert_eq!(with(&[("--bdk", ""), ("--ik", &BDK[..16])]), refusal("KEY_UNFIT"));
    assert_eq!(with(&[("--algorithm", "hmac192")]), refusal("KEY_WEAK"));
    assert_eq!(with(&[("--scheme", "tdes")]), refusal("KSN_INVALID"));
    assert_eq!(
        with(&[("--scheme", "tdes"), ("--bdk", &BDK.repeat(2)[..48]), ("--ksn", "FFFF9876543210E00001")]),
        refusal("KEY_UNFIT")
    );
    let misunderstood = (2, String::new());
    for changed in [
        [("--scheme", "")].as_slice(),
        &[("--scheme", "des")],
        &[("--bdk", "")],
        &[("--ik", BDK)],
        &[("--bdk", "FEDCBA98XX")],
        &[("--ksn", "")],
        &[("--usage", "pins")],
        &[("--algorithm", "rsa")],
        &[("--scheme", "tdes"), ("--usage", "mac-both")],
        &[("--scheme", "tdes"), ("--algorithm", "aes128")],
        &[("--nonsense", "1")],
    ] {
        assert_eq!(with(changed), misunderstood, "{changed:?}");
    }
}
