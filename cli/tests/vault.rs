//! `symbolon vault`, the real binary: the ceremony, rotation, blocks, the process under load and a kill, and that nothing secret is ever said.
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use symbolon_types::UnixMs;
use symbolon_vault::entropy;
use symbolon_vault::payment::{
    AccountForm, Activate, Algorithm, Clear, ClearAccount, Export, KeyName, KeyRef, NewKey, PaymentVault,
    RemoteVault, Role, SealAccount,
};

const FIRST: &str = "0123456789ABCDEFFEDCBA98765432100123456789ABCDEFFEDCBA9876543210";
const SECOND: &str = "5A5A5A5A5A5A5A5AC3C3C3C3C3C3C3C35A5A5A5A5A5A5A5AC3C3C3C3C3C3C3C3";

fn command(folder: &Path, words: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_symbolon"));
    command.current_dir(folder).arg("vault").args(words.split(' ')).stdin(Stdio::null());
    command
}

fn output(folder: &Path, words: &str) -> Output {
    let output = command(folder, words).arg("--json").output().unwrap();
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    let said = String::from_utf8(said).unwrap().to_uppercase();
    for secret in [FIRST, SECOND, &FIRST[..32], &SECOND[..32]] {
        assert!(!said.contains(secret), "`{words}` said a component");
    }
    output
}

#[track_caller]
fn said(folder: &Path, words: &str, code: i32) -> Value {
    let output = output(folder, words);
    assert_eq!(output.status.code(), Some(code), "`{words}`: {}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A new vault in a new folder, with two components beside it.
fn created() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    said(folder.path(), "create --file v --key-file k", 0);
    for (name, component) in [("first", FIRST), ("second", SECOND)] {
        fs::write(folder.path().join(name), format!("{}\n", component.to_lowercase())).unwrap();
    }
    folder
}

#[test]
fn a_ceremony_is_held_in_separate_calls_and_every_slip_is_refused() {
    let folder = created();
    let at = folder.path();
    let call =
        |verb: &str, more: &str, code| said(at, format!("{verb} --file v --key-file k {more}").trim(), code);
    let refusal =
        |verb: &str, more: &str| call(verb, more, 1)["refusal"]["name"].as_str().unwrap().to_owned();
    let key = "--name kbpk --role key-protection --algorithm aes256";
    call("ceremony begin", &format!("{key} --components 2"), 0);
    let shown = call("ceremony component", "--name kbpk --custodian first --component @first", 0);
    assert_eq!(shown["custodian"], "first");
    assert_eq!(shown["check_value"].as_str().unwrap().len(), 10);
    assert_eq!(
        refusal("ceremony component", "--name kbpk --custodian first --component @second"),
        "CONFLICT"
    );
    assert_eq!(
        refusal("ceremony component", "--name kbpk --custodian second --component @first"),
        "CONFLICT"
    );
    assert_eq!(refusal("ceremony finish", "--name kbpk"), "CONFLICT");
    fs::write(at.join("short"), "00FF").unwrap();
    assert_eq!(
        refusal("ceremony component", "--name kbpk --custodian second --component @short"),
        "KEY_UNFIT"
    );
    call("ceremony component", "--name kbpk --custodian second --component @second", 0);
    let made = call("ceremony finish", "--name kbpk", 0);
    assert_eq!((&made["key"]["state"], &made["key"]["generation"]), (&json!("loaded"), &json!(1)));
    call("activate", "--name kbpk --generation 1", 0);

    call("generate", "--name zone --role pin --algorithm aes256 --export exportable", 0);
    let block = call("export", "--name zone --generation 1 --under kbpk --version d", 0);
    fs::write(at.join("block"), block["block"].as_str().unwrap()).unwrap();
    let back = call("import", "--name zone.back --under kbpk --block @block", 0);
    let keys = call("keys", "", 0);
    let keys = keys["keys"].as_array().unwrap();
    let value = |name: &str| keys.iter().find(|key| key["name"] == name).unwrap()["check_value"].clone();
    assert_eq!(value("zone"), back["key"]["check_value"]);
    assert_eq!(refusal("export", "--name kbpk --generation 1 --under kbpk --version d"), "NOT_EXPORTABLE");

    call("activate", "--name zone --generation 1", 0);
    call("generate", "--name zone --role pin --algorithm aes256", 0);
    call("activate", "--name zone --generation 2 --overlap-seconds 600", 0);
    let keys = call("keys", "", 0);
    let first = keys["keys"].as_array().unwrap().iter().find(|key| key["name"] == "zone").unwrap().clone();
    assert_eq!(first["state"], "retiring");
    assert!(first["until"].is_u64());
    assert_eq!(refusal("erase", "--name zone --generation 2"), "KEY_UNFIT");
    assert_eq!(call("retire", "--name zone --generation 1", 0)["key"]["state"], "retired");
    assert_eq!(call("erase", "--name zone --generation 1", 0)["key"]["state"], "erased");
    assert_eq!(refusal("ceremony abandon", "--name zone"), "NOT_FOUND");
}

#[test]
fn what_is_not_understood_ends_with_2_and_changes_nothing() {
    let folder = created();
    let before = fs::read(folder.path().join("v")).unwrap();
    for words in [
        "nonsense",
        "keys",
        "keys --file v",
        "keys --file v --key-file k --passphrase-file k",
        "keys --file missing --key-file k",
        "keys --file v --key-file k --name zone",
        "keys --file v --file v --key-file k",
        "create --file v --key-file k",
        "generate --file v --key-file k --name Zone --role pin --algorithm aes256",
        "generate --file v --key-file k --name zone --role pin --algorithm rot13",
        "generate --file v --key-file k --name zone --role pin --algorithm aes256 --generation 1",
        &format!(
            "ceremony component --file v --key-file k --name zone --custodian first --component {FIRST}"
        ),
        "ceremony component --file v --key-file k --name zone --custodian first --component @missing",
        "ceremony component --file v --key-file k --name zone --custodian first --component @k",
    ] {
        assert!(said(folder.path(), words, 2)["error"].is_string(), "{words}");
    }
    assert_eq!(fs::read(folder.path().join("v")).unwrap(), before);
    fs::write(folder.path().join("other"), [7; 32]).unwrap();
    let chmod = Command::new("chmod").current_dir(folder.path()).args(["600", "other"]).status().unwrap();
    assert!(chmod.success());
    let refused = said(folder.path(), "keys --file v --key-file other", 1);
    assert_eq!(refused["refusal"]["name"], "OPEN_FAILED");
    let refused = said(folder.path(), "keys --socket nowhere", 1);
    assert_eq!(refused["refusal"]["name"], "UNAVAILABLE");
}

#[test]
fn a_component_comes_from_standard_input_too() {
    let folder = created();
    let begin = "ceremony begin --file v --key-file k --name z --role data --algorithm aes256 --components 2";
    said(folder.path(), begin, 0);
    let words = "ceremony component --file v --key-file k --name z --custodian first --component - --json";
    let mut child =
        command(folder.path(), words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(FIRST.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["custodian"], "first", "{answer}");
}

fn serve(folder: &Path) -> Child {
    let words = "serve --file v --key-file k --socket s";
    let mut child = command(folder, words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("listens"), "{line}");
    child
}

fn name(text: &str) -> KeyName {
    KeyName::parse(text).unwrap()
}

/// Four clients make keys and seal accounts; the process is killed in between, three times; each key that was told is there afterwards, with
/// its check value. Nothing that it said holds the account's number.
#[test]
fn a_kill_under_load_loses_no_key_that_was_acknowledged() {
    const PAN: &str = "4761739001010010";
    let folder = created();
    let socket = folder.path().join("s");
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let mut child = serve(folder.path());
        let clients: Vec<_> = (0..4)
            .map(|client| {
                let socket = socket.clone();
                std::thread::spawn(move || {
                    let vault = RemoteVault::connect(&socket).unwrap();
                    let vault: &dyn PaymentVault = &vault;
                    let mut told = Vec::new();
                    for _ in 0..400 {
                        let new = NewKey {
                            name: name(&format!("token.{round}.{client}")),
                            role: Role::Token,
                            algorithm: Algorithm::Hmac256,
                            export: Export::NonExportable,
                        };
                        let Ok(info) = vault.generate(new, UnixMs(1), &entropy().unwrap()) else { break };
                        let of = info.name.clone();
                        told.push(info);
                        let (generation, until) = (told.last().unwrap().generation, UnixMs(u64::MAX));
                        let activate = Activate { name: of.clone(), generation, overlap_until: until };
                        if vault.activate(activate, UnixMs(1), &entropy().unwrap()).is_err() {
                            break;
                        }
                        let account =
                            ClearAccount { form: AccountForm::Pan, bytes: Clear::new(PAN.as_bytes()) };
                        let token = KeyRef::active(&of);
                        let seal = SealAccount { account, token, period: 1 };
                        if vault.seal_account(seal, UnixMs(1), &entropy().unwrap()).is_err() {
                            break;
                        }
                    }
                    told
                })
            })
            .collect();
        std::thread::sleep(std::time::Duration::from_millis(150));
        let busy = said(folder.path(), "keys --file v --key-file k", 2);
        assert!(busy["error"].as_str().unwrap().contains("in use"), "{busy}");
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        let spoken = [output.stdout, output.stderr].concat();
        assert!(!String::from_utf8_lossy(&spoken).contains(PAN));
        let told: Vec<_> = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
        assert!(!told.is_empty(), "round {round}");
        acknowledged.extend(told);

        let mut child = serve(folder.path());
        let keys = said(folder.path(), "keys --socket s", 0);
        let keys = keys["keys"].as_array().unwrap();
        for info in &acknowledged {
            let found = keys
                .iter()
                .find(|key| key["name"] == info.name.as_str() && key["generation"] == info.generation);
            assert_eq!(found.unwrap()["check_value"], info.check_value_hex());
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// The page's own commands, one after the other, say what the page says.
#[test]
fn the_walk_of_the_page_is_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let page = format!("{}/../docs/key-ceremony.md", env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("not an HSM that PCI lists"));
    let binary = Path::new(env!("CARGO_BIN_EXE_symbolon")).parent().unwrap().display().to_string();
    let path = format!("{binary}:{}", std::env::var("PATH").unwrap());
    let mut commands = 0;
    for block in page.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for step in block.split("$ ").skip(1) {
            let (words, expect) = step.split_once('\n').unwrap();
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("{{ {words}; }} 2>&1")]).env("PATH", &path).current_dir(folder.path());
            let found = String::from_utf8(shell.output().unwrap().stdout).unwrap();
            assert_eq!(found, expect, "{words}");
            commands += 1;
        }
    }
    assert_eq!(commands, 11);
}

/// Another user is not heard, even where the socket's mode would let it. Only root can take another user's part: elsewhere the mode alone is checked.
#[test]
fn another_user_is_not_heard() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let folder = created();
    let mut child = serve(folder.path());
    let mode = fs::metadata(folder.path().join("s")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let own = said(folder.path(), "keys --socket s", 0);
    assert_eq!(own["keys"], json!([]));
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    // The tested binary may lie where that user cannot read it.
    let binary = folder.path().join("symbolon");
    if is_root {
        fs::copy(env!("CARGO_BIN_EXE_symbolon"), &binary).unwrap();
        for (path, mode) in [(folder.path(), 0o755), (&binary, 0o755), (&folder.path().join("s"), 0o777)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let mut other = Command::new(&binary);
        other.current_dir(folder.path()).args(["vault", "keys", "--socket", "s", "--json"]).uid(65534);
        let output = other.output().unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["refusal"]["name"], "UNAVAILABLE", "{answer}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
