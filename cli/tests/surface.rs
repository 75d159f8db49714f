//! The commands as a script sees them: exit codes, the one JSON value, what a refusal and a misunderstanding look like, what a start and a stop do
//! to a data folder, and that no secret is ever said. SURFACE conventions: 0 held, 1 read and refused, 2 not understood.
mod world;

use serde_json::{Value, json};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use symbolon_transport::http::HttpClient;

use world::{World, awaited, files, finished, minor, ready, run, said, stopped, symbolon, text};

const SYSTEMS: [&str; 10] = [
    "offline-payment",
    "enabling-card",
    "fuel-dispensing",
    "intermediary-payment",
    "portable-payment",
    "certificates",
    "device-control",
    "media-redistribution",
    "self-certification",
    "reservation-access",
];

/// Calls that cannot be understood, one a line.
const NOT_UNDERSTOOD: &str = "\
nonsense
-x
serve --nonsense
serve word
serve --data
serve --config MISSING
serve --config FILE
serve --data DATA --listen nonsense
serve --data DATA --listen 127.0.0.1
serve --data DATA --listen 127.0.0.1:65536
serve --data FILE
tour --nonsense
tour --only nonsense
tour --only enabling-card
bench --nonsense
bench --only nonsense
bench --seconds four
bench --seconds 0
verify --nonsense
verify --data MISSING
verify --data FILE
device
device nonsense
device authenticator
device authenticator --store DATA --socket MISSING --server-key xyz
device authenticator --store DATA --socket MISSING --server-key ODD
device phone
device phone status
device phone nonsense --store DATA --authenticator MISSING
device phone status --store DATA --authenticator MISSING
device reader
device reader status
device reader nonsense --store DATA
device reader status --store DATA --nonsense 1
device reader status --store DATA --store DATA
device reader charge --store DATA --amount ten --currency EUR --via qr --dir DATA
device reader charge --store DATA --amount 1.5 --currency EUR --via qr --dir DATA
device reader charge --store DATA --amount -1 --currency EUR --via qr --dir DATA
device reader charge --store DATA --amount 1 --currency XYQ --via qr --dir DATA
device reader charge --store DATA --amount 1 --currency EUR --via pigeon
device reader charge --store DATA --amount 1 --currency EUR --via qr --dir DATA --timeout soon
device reader upload --store DATA --server http://example.org
device reader enrol --store DATA --server http://127.0.0.1:9 --code zz --server-key KEY
proof
proof nonsense
proof inspect
proof inspect MISSING
proof inspect FILE --nonsense
proof inspect FILE --server-key xyz
proof inspect FILE --server-key ODD
proof inspect FILE --server-key 00
proof double-spend FILE
proof double-spend FILE FILE
proof double-spend FILE MISSING --server-key KEY
tool
tool nonsense
tool otp";

/// Exit 2 and `{"error": "…"}`, nothing else.
#[track_caller]
fn misunderstood(words: &[&str]) -> String {
    let (code, value) = run(words);
    assert_eq!(code, 2, "{words:?}: {value}");
    assert_eq!(value.as_object().unwrap().len(), 1, "{words:?}: {value}");
    text(&value, "error")
}

/// Exit 1 and `{"refusal":{"code","name","detail"}}`, perhaps with more beside it.
#[track_caller]
fn refused(words: &[&str], name: &str) -> Value {
    let (code, value) = run(words);
    refusal(words, code, value, name)
}

#[track_caller]
fn refusal(words: &[&str], code: i32, value: Value, name: &str) -> Value {
    assert_eq!(code, 1, "{words:?}: {value}");
    let refusal = value["refusal"].as_object().unwrap_or_else(|| panic!("{words:?}: {value}"));
    assert_eq!(refusal.keys().collect::<Vec<_>>(), ["code", "detail", "name"], "{value}");
    assert!(refusal["code"].is_u64() && refusal["detail"].is_string(), "{value}");
    assert_eq!(refusal["name"], json!(name), "{words:?}: {value}");
    value
}

#[track_caller]
fn held(words: &[&str]) -> Value {
    let (code, value) = run(words);
    assert_eq!(code, 0, "{words:?}: {value}");
    value
}

fn folder() -> (tempfile::TempDir, impl Fn(&str) -> String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    (folder, move |name: &str| path.join(name).to_string_lossy().into_owned())
}

#[test]
fn what_is_not_understood_ends_with_2_and_says_why() {
    let (_folder, at) = folder();
    std::fs::write(at("file"), [0xFF, 0xFE]).unwrap();
    let places = [
        ("FILE", at("file")),
        ("MISSING", at("missing")),
        ("DATA", at("data")),
        ("KEY", "0".repeat(64)),
        ("ODD", "0".repeat(63)),
    ];
    for line in NOT_UNDERSTOOD.lines() {
        let line = places.iter().fold(line.to_owned(), |line, (name, value)| line.replace(name, value));
        assert!(!misunderstood(&line.split_whitespace().collect::<Vec<_>>()).is_empty());
    }
}

#[test]
fn without_json_a_failure_is_a_line_on_standard_error_and_the_exit_code_the_same() {
    let (_folder, at) = folder();
    std::fs::write(at("malformed"), "A0").unwrap();
    for (words, code, begins) in [
        (&["nonsense"][..], 2, "error: "),
        (&["proof", "inspect", &at("missing")], 2, "error: "),
        (&["proof", "inspect", &at("malformed")], 1, "refused: "),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_symbolon")).args(words).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{words:?}");
        assert!(output.stdout.is_empty(), "{words:?}");
        assert!(String::from_utf8(output.stderr).unwrap().starts_with(begins), "{words:?}");
    }
}

#[test]
fn help_names_the_ten_systems_and_every_command() {
    let help = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_symbolon")).args(words).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{words:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let overview = help(&[]);
    for name in SYSTEMS {
        assert!(overview.contains(name), "{name}");
    }
    for command in ["serve", "tour", "bench", "verify", "device", "proof", "tool"] {
        assert!(overview.contains(&format!("  {command} ")), "{command}");
        assert!(help(&[command, "--help"]).starts_with(&format!("symbolon {command} ")), "{command}");
    }
    assert!(help(&["--version"]).starts_with("symbolon "));
}

#[test]
fn names_are_read_in_any_case_and_with_either_dash() {
    let (_folder, at) = folder();
    std::fs::write(at("malformed"), "A0").unwrap();
    refused(&["PROOF", "inspect", &at("malformed")], "MALFORMED");
    misunderstood(&["Verify", "--data", &at("missing")]);
    assert!(misunderstood(&["DEVICE", "Reader", "STATUS"]).contains("--store"));
    let figures = held(&["Bench", "--only", "Offline_Payment.Verify", "--seconds", "0.1", "--data", &at("")]);
    assert_eq!(figures[0]["name"], json!("offline-payment.verify"), "{figures}");
    let row: Vec<&String> = figures[0].as_object().unwrap().keys().collect();
    assert_eq!(row, ["limit", "limit_is", "name", "ours", "p50_us", "p99_us", "ratio", "unit"]);
}

#[test]
fn the_tour_holds_and_says_it_in_the_promised_shape() {
    let (_folder, at) = folder();
    let evidence = at("evidence");
    let walked = held(&["Tour", "--only", "OFFLINE_Payment", "--evidence", &evidence]);
    assert_eq!(walked["ok"], json!(true), "{walked}");
    let system = &walked["systems"][0];
    assert_eq!((&system["name"], &system["ok"]), (&json!("offline-payment"), &json!(true)));
    let steps = system["steps"].as_array().unwrap();
    assert!(steps.len() > 15, "{walked}");
    for step in steps {
        assert_eq!(
            step.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["claim", "evidence", "ms", "ok", "title"]
        );
        assert_eq!(step["ok"], json!(true), "{step}");
    }
    assert!(std::fs::read_dir(evidence).unwrap().count() > 5);
}

#[test]
fn a_first_start_founds_a_folder_that_only_its_owner_reads() {
    let (_folder, at) = folder();
    let data = at("data");
    let (child, line) = ready(&["serve", "--data", &data, "--listen", "127.0.0.1:0"]);
    let fields: Vec<&String> = line.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["console", "http", "iso8583", "rpc"], "{line}");
    let http = text(&line, "http");
    assert!(http.starts_with("http://127.0.0.1:") && !http.ends_with(":0"), "{line}");
    assert_eq!(line["console"], json!(format!("{http}/")));
    assert_eq!(HttpClient::new(&http).unwrap().get("/health/ready").unwrap().status, 200);
    let mode = |path: &str| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&format!("{data}/vault.key")), 0o600);
    let key_file = format!("{data}/first-administrator.key");
    assert_eq!(mode(&key_file), 0o600);
    let key = std::fs::read_to_string(&key_file).unwrap();
    assert_eq!((key.trim().len(), key.to_uppercase() == key), (64, true));

    let error = misunderstood(&["serve", "--data", &data, "--listen", "127.0.0.1:0"]);
    assert!(error.contains("in use"), "{error}");
    let error = misunderstood(&["verify", "--data", &data]);
    assert!(error.contains("in use"), "{error}");
    let taken = http.strip_prefix("http://").unwrap();
    misunderstood(&["serve", "--data", &at("other"), "--listen", taken]);
    assert_eq!(stopped(child), Some(0));
}

#[test]
fn it_listens_on_loopback_only_and_what_is_not_there_is_named() {
    let (_folder, at) = folder();
    let data = at("data");
    let accepted = ["serve", "--data", &data, "--listen", "127.0.0.1:0"];
    for elsewhere in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let error = misunderstood(&["serve", "--data", &data, "--listen", elsewhere]);
        assert!(error.contains("loopback"), "{error}");
    }
    for (address, why) in [("127.0.0.1:0", "dialect"), ("0.0.0.0:0", "loopback"), ("nowhere", "address")] {
        let error = misunderstood(&[&accepted[..], &["--iso8583", address]].concat());
        assert!(error.contains("[iso8583]") && error.contains(why), "{error}");
    }
    let link = at("link.toml");
    let lonely =
        format!("[iso8583]\ndialect = \"1987-ascii\"\ntoken = \"token\"\nvault = {:?}\n", at("nobody"));
    std::fs::write(&link, lonely).unwrap();
    let error = misunderstood(&[&accepted[..], &["--config", &link, "--iso8583", "127.0.0.1:0"]].concat());
    assert!(error.contains("nobody answers"), "{error}");
    for (flag, value) in [("--log", "http://127.0.0.1:9"), ("--follow", "/tmp")] {
        let error = misunderstood(&[&accepted[..], &[flag, value]].concat());
        assert!(error.contains(flag), "{error}");
    }
    assert!(!Path::new(&data).exists(), "a call that was refused made a folder");
    let config = at("config.toml");
    std::fs::write(&config, format!("data = {data:?}\nlisten = \"127.0.0.1:0\"\n")).unwrap();
    let (child, line) = ready(&["serve", "--config", &config]);
    assert!(text(&line, "http").starts_with("http://127.0.0.1:"));
    assert_eq!(stopped(child), Some(0));
    std::fs::write(&config, format!("data = {data:?}\nlisten = \"0.0.0.0:0\"\n")).unwrap();
    misunderstood(&["serve", "--config", &config]);
    std::fs::write(&config, format!("data = {data:?}\nlog = \"x\"\n")).unwrap();
    misunderstood(&["serve", "--config", &config]);
    let (child, _) = ready(&accepted);
    assert_eq!(stopped(child), Some(0));
}

#[test]
fn after_a_kill_the_next_start_works_and_holds_what_was_answered() {
    let mut world = World::founded();
    let limits = json!({ "per_payment": { "minor": 100, "currency": "EUR" } });
    let payer = text(&world.posted("/v1/offline-payment/accounts", &json!({ "limits": limits })), "payer");
    let (http, data) = (world.http().to_owned(), world.at("platform"));
    world.kill_platform();
    assert!(HttpClient::new(&http).unwrap().get("/health/live").is_err());
    world.start_platform();
    assert_eq!(world.get(&format!("/v1/offline-payment/accounts/{payer}"))["payer"], json!(payer));
    assert!(misunderstood(&["verify", "--data", &data]).contains("in use"));
    world.kill_platform();
    assert_eq!(held(&["verify", "--data", &data])["ok"], json!(true));
    world.start_platform();
    world.stop_platform();
    assert_eq!(held(&["verify", "--data", &data])["ok"], json!(true));
}

#[test]
fn an_audit_finds_any_flipped_byte_of_the_log_and_changes_nothing() {
    let mut world = World::founded();
    let limits = json!({ "per_payment": { "minor": 100, "currency": "EUR" } });
    for _ in 0..5 {
        world.posted("/v1/offline-payment/accounts", &json!({ "limits": limits }));
    }
    world.stop_platform();
    let (data, log) = (world.at("platform"), world.path("platform/log"));
    let before = files(&log);
    let clean = held(&["verify", "--data", &data]);
    assert_eq!(clean["ok"], json!(true));
    assert!(clean["log"]["sequence"].as_u64() >= Some(7), "{clean}");
    assert!(files(&log) == before, "the audit changed the log");

    let (segment, bytes) =
        before.iter().find(|(path, _)| path.extension().is_some_and(|end| end == "seg")).unwrap();
    let written = bytes.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    assert!(written > 500, "{written}");
    let head_and_tail = [0, 1, written - 1];
    for at in (0..written).step_by(written / 12).chain(head_and_tail) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x01;
        std::fs::write(segment, &flipped).unwrap();
        let found = refused(&["verify", "--data", &data], "DAMAGED");
        assert_eq!(found["ok"], json!(false), "byte {at}: {found}");
        assert!(std::fs::read(segment).unwrap() == flipped, "the audit changed a damaged log at {at}");
        let error = misunderstood(&["serve", "--data", &data, "--listen", "127.0.0.1:0"]);
        assert!(error.starts_with("log: "), "byte {at}: {error}");
    }
    std::fs::write(segment, bytes).unwrap();
    assert_eq!(held(&["verify", "--data", &data]), clean);

    std::fs::rename(segment, world.path("elsewhere")).unwrap();
    assert_eq!(refused(&["verify", "--data", &data], "DAMAGED")["ok"], json!(false));
}

/// One payment over QR, its evidence in `name`-phone and `name`-shop; the object's id.
fn paid(world: &World, name: &str, amount: u64) -> String {
    let glass = world.glass(&format!("{name}-glass"));
    let (store, minor, shop) = (world.at("shop"), amount.to_string(), world.at(&format!("{name}-shop")));
    let words = [
        "device",
        "reader",
        "charge",
        "--store",
        &store,
        "--amount",
        &minor,
        "--currency",
        "EUR",
        "--via",
        "qr",
    ];
    let words = [&words[..], &["--dir", &glass, "--timeout", "20", "--evidence", &shop]].concat();
    let charge = symbolon(&words).stderr(Stdio::piped()).spawn().unwrap();
    let (pin, evidence) = (format!("@{}", world.at("pin")), world.at(&format!("{name}-phone")));
    let words =
        ["pay", "--via", "qr", "--dir", &glass, "--pin", &pin, "--timeout", "20", "--evidence", &evidence];
    let said = world.phone(&words).unwrap_or_else(|refusal| panic!("{refusal}"));
    let (code, took) = awaited(charge);
    assert_eq!((code, &took["object"]), (0, &said["object"]), "{took} {said}");
    text(&said, "object")
}

/// Enrolled, with nonces and two payments.
fn paid_twice() -> (World, [String; 2]) {
    let world = World::enrolled(10_000, 1_000);
    let evidence = world.at("prefetch");
    world.phone(&["prefetch", "--server", world.http(), "--count", "4", "--evidence", &evidence]).unwrap();
    let objects = [paid(&world, "first", 700), paid(&world, "second", 20)];
    (world, objects)
}

/// `proof inspect -` with these bytes on standard input.
fn inspected(bytes: &[u8], more: &[&str]) -> (i32, Value) {
    let words = [&["proof", "inspect", "-"][..], more].concat();
    let mut child = symbolon(&words).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    finished(&words, child.wait_with_output().unwrap())
}

#[test]
fn proofs_of_a_real_payment_are_inspected_and_judged() {
    let (world, objects) = paid_twice();
    let (grant, object, second) = (
        world.evidence("prefetch", "grant-"),
        world.evidence("first-phone", "secure-object"),
        world.evidence("second-phone", "secure-object"),
    );
    let key = world.server_key().to_owned();
    for (file, kind) in [(&grant, "grant"), (&object, "secure-object")] {
        inspection(file, kind, &key);
    }
    assert_eq!(
        std::fs::read(&object).unwrap(),
        std::fs::read(world.evidence("first-shop", "secure-object")).unwrap()
    );

    let same = held(&["proof", "double-spend", &object, &object, "--server-key", &key]);
    assert_eq!((&same["verdict"], &same["object"]), (&json!("same-object"), &json!(objects[0])), "{same}");
    let two = held(&["proof", "double-spend", &object, &second, "--server-key", &key]);
    assert_eq!(
        (&two["verdict"], two["tokens"].as_array().unwrap().len()),
        (&json!("two-nonces"), 2),
        "{two}"
    );
    assert_eq!((&same["ok"], &two["ok"]), (&json!(true), &json!(true)));
    // The server rotated: each key that signed is named, in any order.
    let other = "11".repeat(32);
    for keys in [[&key, &other], [&other, &key]] {
        let words =
            ["proof", "double-spend", &object, &second, "--server-key", keys[0], "--server-key", keys[1]];
        assert_eq!(held(&words), two);
    }
    let (code, _) = run(&["proof", "inspect", &object, "--server-key", &key, "--server-key", &other]);
    assert_eq!(code, 2);
    for (first, other, key) in
        [(&object, &second, "11".repeat(32)), (&object, &grant, key.clone()), (&grant, &object, key.clone())]
    {
        let (code, value) = run(&["proof", "double-spend", first, other, "--server-key", &key]);
        assert_eq!((code, &value["ok"]), (1, &json!(false)), "{value}");
        assert!(value["refusal"]["name"].is_string(), "{value}");
    }
    // A flipped bit of one object is no evidence against anybody.
    let mut flipped = std::fs::read(&second).unwrap();
    *flipped.last_mut().unwrap() ^= 1;
    std::fs::write(world.path("flipped"), flipped).unwrap();
    let (code, value) = run(&["proof", "double-spend", &object, &world.at("flipped"), "--server-key", &key]);
    assert_eq!((code, &value["ok"]), (1, &json!(false)), "{value}");
}

fn inspection(file: &str, kind: &str, key: &str) {
    let bytes = std::fs::read(file).unwrap();
    let bare = held(&["proof", "inspect", file]);
    assert_eq!((&bare["kind"], &bare["ok"]), (&json!(kind), &json!(true)), "{bare}");
    let checks = |value: &Value| value["checks"].as_array().unwrap().len();
    assert!(bare["claims"].is_object() && checks(&bare) > 0 && bare["unchecked"] != json!([]), "{bare}");
    let id = text(&bare, "id");
    assert!(id.len() == 64 && id == id.to_uppercase(), "{bare}");
    let checked = held(&["proof", "inspect", file, "--server-key", key]);
    assert_eq!((&checked["id"], &checked["unchecked"]), (&bare["id"], &json!([])), "{checked}");
    assert_eq!(checks(&checked), checks(&bare) + 1, "{checked}");
    assert_eq!(held(&["proof", "inspect", file, "--server-key", &key.to_lowercase()]), checked);

    let upper = symbolon_types::hex_upper(&bytes);
    for written in
        [bytes.clone(), upper.clone().into_bytes(), format!("{}\n", upper.to_lowercase()).into_bytes()]
    {
        assert_eq!(inspected(&written, &["--server-key", key]), (0, checked.clone()));
    }
    let (code, other) = inspected(&bytes, &["--server-key", &"11".repeat(32)]);
    assert_eq!(refusal(&[kind], code, other, "BAD_SIG")["ok"], json!(false));
    // A flip at the end is in the signature; anywhere it is either no message any more or no longer signed.
    let mut signature = bytes.clone();
    *signature.last_mut().unwrap() ^= 1;
    let (code, other) = inspected(&signature, &["--server-key", key]);
    assert_eq!(refusal(&[kind], code, other, "BAD_SIG")["ok"], json!(false));
    for at in (0..bytes.len()).step_by(bytes.len() / 10) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        let (code, other) = inspected(&flipped, &["--server-key", key]);
        assert_eq!((code, &other["ok"]), (1, &json!(false)), "byte {at}: {other}");
    }
    for malformed in [&b""[..], b"A0", &bytes[1..], &bytes[..bytes.len() - 1], &[&bytes[..], &[0]].concat()] {
        let (code, other) = inspected(malformed, &[]);
        assert_eq!(refusal(&[kind], code, other, "MALFORMED")["ok"], json!(false));
    }
}

#[test]
fn nobody_says_the_pin_or_a_key() {
    let (mut world, objects) = paid_twice();
    let shop = world.upload_until_done();
    assert!(shop["objects"].as_array().unwrap().iter().all(|one| one["settled"] == json!(true)), "{shop}");
    assert_eq!(minor(&world.payee()["credited"]), 720);
    // A wrong PIN is refused, and not repeated.
    std::fs::write(world.path("wrong"), "860413").unwrap();
    let wrong = format!("@{}", world.at("wrong"));
    let glass = world.glass("wrong-glass");
    let mut charge = world.charge(30, &glass);
    let refusal =
        world.phone(&["pay", "--via", "qr", "--dir", &glass, "--pin", &wrong, "--timeout", "5"]).unwrap_err();
    let _ = (charge.kill(), charge.wait());
    assert_eq!(refusal["refusal"]["name"], json!("CRED_WRONG"), "{refusal}");
    world.phone(&["reconcile", "--server", world.http()]).unwrap();
    let listed = world.get("/v1/keys").to_string();
    let one_time = std::fs::read_to_string(world.path("platform/first-administrator.key"));
    let operator = world.operator().to_owned();
    assert_eq!(world.verify()["ok"], json!(true));

    let mut transcript = said();
    for process in ["platform.stderr", "authenticator.stderr"] {
        transcript.extend(std::fs::read(world.path(process)).unwrap());
    }
    transcript.extend_from_slice(listed.as_bytes());
    let transcript = String::from_utf8(transcript).unwrap().to_lowercase();
    for known in objects {
        assert!(transcript.contains(&known.to_lowercase()), "there was nothing to look at");
    }
    for secret in [world::PIN, "860413", &operator.to_lowercase()] {
        assert!(!transcript.contains(secret), "a secret was said");
    }
    if let Ok(one_time) = one_time {
        assert!(!transcript.contains(&one_time.trim().to_lowercase()), "the one-time key was said");
    }
    std::fs::remove_file(world.path("wrong")).unwrap();
    world.no_secret_anywhere();
}
