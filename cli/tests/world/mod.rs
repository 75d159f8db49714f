//! A platform, an authenticator, a phone and a shop as real processes in a temporary folder.
#![allow(dead_code, reason = "each test binary uses a part of it")]
pub mod client;
pub mod small_disk;

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use symbolon_transport::http::HttpClient;
use symbolon_types::Secret;
use tempfile::TempDir;

pub const PIN: &str = "739154";

/// What every command that ran to its end has said, on both of its streams.
static SAID: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Everything; dropping it kills what still runs.
pub struct World {
    folder: TempDir,
    platform: Option<Child>,
    authenticator: Option<Child>,
    http: String,
    operator: String,
    server_key: String,
    payer: String,
    payee: String,
    requests: u64,
}

/// A command of the binary under test; its answer is JSON.
pub fn symbolon(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_symbolon"));
    command.args(words).arg("--json").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// Runs a command to its end: exit code and its one JSON value.
pub fn run(words: &[&str]) -> (i32, Value) {
    finished(words, symbolon(words).stderr(Stdio::piped()).output().unwrap())
}

/// Waits for a command that was started.
pub fn awaited(child: Child) -> (i32, Value) {
    finished(&["started"], child.wait_with_output().unwrap())
}

/// Exit code and the one JSON value of a command that has ended.
pub fn finished(words: &[&str], output: Output) -> (i32, Value) {
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    said.extend_from_slice(&output.stdout);
    said.extend_from_slice(&output.stderr);
    drop(said);
    let text = String::from_utf8(output.stdout).unwrap();
    let value = serde_json::from_str(text.trim()).unwrap_or_else(|_| panic!("{words:?} said {text:?}"));
    (output.status.code().unwrap_or(-1), value)
}

/// What every command of this test binary has said so far.
pub fn said() -> Vec<u8> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The minor units of an amount.
pub fn minor(amount: &Value) -> u64 {
    amount["minor"].as_u64().unwrap_or_else(|| panic!("no amount: {amount}"))
}

/// Starts a command that says one line when it is ready.
pub fn ready(words: &[&str]) -> (Child, Value) {
    ready_with(words, Stdio::null())
}

/// As [`ready`], its diagnostics somewhere.
pub fn ready_with(words: &[&str], diagnostics: Stdio) -> (Child, Value) {
    let mut child = symbolon(words).stderr(diagnostics).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{words:?} said {line:?}"));
    (child, value)
}

impl World {
    /// A running platform with its operator's key.
    pub fn founded() -> Self {
        let mut world = Self {
            folder: tempfile::tempdir().unwrap(),
            platform: None,
            authenticator: None,
            http: String::new(),
            operator: String::new(),
            server_key: String::new(),
            payer: String::new(),
            payee: String::new(),
            requests: 0,
        };
        world.start_platform();
        let one_time = std::fs::read_to_string(world.path("platform/first-administrator.key")).unwrap();
        world.operator = one_time.trim().to_owned();
        world.operator = text(&world.post("/v1/keys/first", &json!({})).1, "key");
        world.server_key = text(&world.get("/v1/offline-payment/keys"), "server");
        world
    }

    /// With a funded account, an enrolled phone and an enrolled shop.
    pub fn enrolled(funds: u64, limit: u64) -> Self {
        let mut world = Self::founded();
        let limits = json!({
            "per_payment": { "minor": limit, "currency": "EUR" }, "pool": 32, "count": 228, "cumulative_minor": funds,
        });
        let opened = world.posted("/v1/offline-payment/accounts", &json!({ "limits": limits }));
        world.payer = text(&opened, "payer");
        let account = format!("/v1/offline-payment/accounts/{}", world.payer);
        world
            .posted(&format!("{account}/funds"), &json!({ "amount": { "minor": funds, "currency": "EUR" } }));
        let code = text(&world.posted(&format!("{account}/invitations"), &json!({})), "code");
        std::fs::write(world.path("pin"), PIN).unwrap();
        world.restart_authenticator();
        let pin = format!("@{}", world.at("pin"));
        world.phone(&["enrol", "--server", &world.http, "--code", &code, "--pin", &pin]).unwrap();
        let cap = json!({ "minor": 5000, "currency": "EUR" });
        let invited = world.posted(
            "/v1/offline-payment/payees",
            &json!({ "name": "Mill Road Stores", "mcc": 5411, "cap": cap }),
        );
        world.payee = text(&invited, "id");
        let code = text(&invited, "code");
        let (shop, http, key) = (world.at("shop"), world.http.clone(), world.server_key.clone());
        let words = [
            "device",
            "reader",
            "enrol",
            "--store",
            &shop,
            "--server",
            &http,
            "--code",
            &code,
            "--server-key",
            &key,
        ];
        assert_eq!(run(&words).0, 0);
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn at(&self, name: &str) -> String {
        self.path(name).to_string_lossy().into_owned()
    }

    /// A file that a process writes its diagnostics to, all its starts one after another.
    fn diagnostics(&self, name: &str) -> Stdio {
        std::fs::File::options().create(true).append(true).open(self.path(name)).unwrap().into()
    }

    pub fn http(&self) -> &str {
        &self.http
    }

    /// The administrator's key.
    pub fn operator(&self) -> &str {
        &self.operator
    }

    pub fn server_key(&self) -> &str {
        &self.server_key
    }

    pub fn payer_id(&self) -> &str {
        &self.payer
    }

    pub fn payee_id(&self) -> &str {
        &self.payee
    }

    pub fn start_platform(&mut self) {
        let data = self.at("platform");
        let words = ["serve", "--data", &data, "--listen", "127.0.0.1:0"];
        let (child, line) = ready_with(&words, self.diagnostics("platform.stderr"));
        self.http = text(&line, "http");
        self.platform = Some(child);
    }

    pub fn kill_platform(&mut self) {
        kill(&mut self.platform);
    }

    pub fn kill_authenticator(&mut self) {
        kill(&mut self.authenticator);
    }

    pub fn restart_authenticator(&mut self) {
        self.kill_authenticator();
        let (store, socket, key) = (self.at("authenticator"), self.at("au.socket"), self.server_key.clone());
        let words = ["device", "authenticator", "--store", &store, "--socket", &socket, "--server-key", &key];
        let (child, line) = ready_with(&words, self.diagnostics("authenticator.stderr"));
        assert!(line.get("socket").is_some(), "{line}");
        self.authenticator = Some(child);
    }

    /// A folder that stands for the glass between two screens.
    pub fn glass(&self, name: &str) -> String {
        std::fs::create_dir_all(self.path(name)).unwrap();
        self.at(name)
    }

    /// The phone's answer, or its refusal.
    pub fn phone(&self, words: &[&str]) -> Result<Value, Value> {
        let (store, socket) = (self.at("phone"), self.at("au.socket"));
        let mut all = vec!["device", "phone", "--store", &store, "--authenticator", &socket];
        all.extend_from_slice(words);
        match run(&all) {
            (0, value) => Ok(value),
            (_, value) => Err(value),
        }
    }

    /// The first file of that name that a command wrote into a folder of evidence.
    pub fn evidence(&self, folder: &str, name: &str) -> String {
        let found =
            files(&self.path(folder)).into_iter().find(|(path, _)| path.to_string_lossy().contains(name));
        found.unwrap_or_else(|| panic!("no {name} in {folder}")).0.to_string_lossy().into_owned()
    }

    pub fn phone_status(&self) -> Value {
        self.phone(&["status"]).unwrap()
    }

    pub fn prefetch_and_kill_the_platform(&mut self, after: Duration) {
        let (store, socket, http) = (self.at("phone"), self.at("au.socket"), self.http.clone());
        let words = [
            "device",
            "phone",
            "--store",
            &store,
            "--authenticator",
            &socket,
            "prefetch",
            "--server",
            &http,
            "--count",
            "2",
        ];
        let mut phone = symbolon(&words).spawn().unwrap();
        std::thread::sleep(after);
        self.kill_platform();
        let _ = phone.wait();
        self.start_platform();
        // The same tokens are sent again; a refused refill (the pool is full) is an answer too.
        let _ = self.phone(&["prefetch", "--server", &self.http.clone(), "--count", "2"]);
    }

    pub fn charge(&self, amount: u64, glass: &str) -> Child {
        let (store, amount) = (self.at("shop"), amount.to_string());
        let words =
            ["device", "reader", "charge", "--store", &store, "--amount", &amount, "--currency", "EUR"];
        symbolon(&[&words[..], &["--via", "qr", "--dir", glass, "--timeout", "8"]].concat()).spawn().unwrap()
    }

    pub fn charge_resumed(&self, glass: &str) -> Child {
        let store = self.at("shop");
        let words = ["device", "reader", "charge", "--resume", "--store", &store];
        symbolon(&[&words[..], &["--via", "qr", "--dir", glass, "--timeout", "8"]].concat()).spawn().unwrap()
    }

    pub fn pay(&self, glass: &str, resume: bool) -> Child {
        let (store, socket, pin) = (self.at("phone"), self.at("au.socket"), format!("@{}", self.at("pin")));
        let mut words = vec!["device", "phone", "pay", "--store", &store, "--authenticator", &socket];
        words.extend_from_slice(&["--via", "qr", "--dir", glass, "--pin", &pin, "--timeout", "4"]);
        if resume {
            words.push("--resume");
        }
        symbolon(&words).spawn().unwrap()
    }

    /// Leads a payment on, or pays it where nothing was begun: the phone never pays by itself what its user did not ask for again.
    pub fn lead_on(&self, glass: &str) -> (i32, Value) {
        match awaited(self.pay(glass, true)) {
            (1, refused) if refused["refusal"]["name"] == json!("NOT_FOUND") => {
                awaited(self.pay(glass, false))
            }
            led => led,
        }
    }

    pub fn upload_and_kill_the_platform(&mut self, after: Duration) {
        let (store, http) = (self.at("shop"), self.http.clone());
        let mut shop =
            symbolon(&["device", "reader", "upload", "--store", &store, "--server", &http]).spawn().unwrap();
        std::thread::sleep(after);
        self.kill_platform();
        let _ = shop.wait();
        self.start_platform();
    }

    /// The shop's state once everything that it accepted has an answer.
    pub fn upload_until_done(&self) -> Value {
        let (store, http) = (self.at("shop"), self.http.clone());
        let (code, said) = run(&["device", "reader", "upload", "--store", &store, "--server", &http]);
        assert_eq!(code, 0, "{said}");
        run(&["device", "reader", "status", "--store", &store]).1
    }

    pub fn account(&self) -> Value {
        self.get(&format!("/v1/offline-payment/accounts/{}", self.payer))
    }

    pub fn payee(&self) -> Value {
        self.get(&format!("/v1/offline-payment/payees/{}", self.payee))
    }

    /// Stops the platform as an operator would.
    pub fn stop_platform(&mut self) {
        if let Some(platform) = self.platform.take() {
            assert_eq!(stopped(platform), Some(0), "the platform did not stop cleanly");
        }
    }

    /// Stops the platform and audits its folder.
    pub fn verify(&mut self) -> Value {
        self.stop_platform();
        run(&["verify", "--data", &self.at("platform")]).1
    }

    /// No file of any process, but the file that the PIN was typed into, holds the PIN.
    pub fn no_secret_anywhere(&self) {
        let mut looked_at = 0;
        search(self.folder.path(), &mut |path, bytes| {
            looked_at += 1;
            let found = bytes.windows(PIN.len()).any(|window| window == PIN.as_bytes());
            assert!(!found || path.ends_with("pin"), "the PIN is in {}", path.display());
        });
        assert!(looked_at > 10, "there was nothing to look at");
    }

    pub fn client(&self) -> HttpClient {
        let client = HttpClient::new(&self.http).unwrap();
        if self.operator.is_empty() { client } else { client.with_bearer(Secret::new(self.operator.clone())) }
    }

    /// A change under a fresh request id: status and answer.
    pub fn post(&mut self, path: &str, body: &Value) -> (u16, Value) {
        self.requests += 1;
        let id = request_id(self.requests, 0);
        self.post_as(path, body, &id)
    }

    pub fn post_as(&self, path: &str, body: &Value, id: &str) -> (u16, Value) {
        let reply = self.client().with_request_id(id).post_json(path, body.to_string().as_bytes()).unwrap();
        (reply.status, serde_json::from_slice(&reply.body).unwrap())
    }

    pub fn posted(&mut self, path: &str, body: &Value) -> Value {
        let (status, value) = self.post(path, body);
        assert_eq!(status, 200, "{path}: {value}");
        value
    }

    pub fn get(&self, path: &str) -> Value {
        let reply = self.client().get(path).unwrap();
        assert_eq!(reply.status, 200, "{path}");
        serde_json::from_slice(&reply.body).unwrap()
    }
}

/// A UUID of version 7 of now, or of so many milliseconds before now.
pub fn request_id(count: u64, before_ms: u64) -> String {
    let ms = symbolon_transport::clock::wall().0 - before_ms;
    format!("{:08x}-{:04x}-7000-8000-{:012x}", ms >> 16, ms & 0xFFFF, count)
}

pub fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}")).to_owned()
}

/// Ends a process with SIGTERM: its exit code.
pub fn stopped(mut child: Child) -> Option<i32> {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    child.wait().unwrap().code()
}

fn kill(child: &mut Option<Child>) {
    if let Some(mut child) = child.take() {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// Looks at every file of a folder.
pub fn search(folder: &Path, look: &mut dyn FnMut(&Path, &[u8])) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, look);
        } else if path.is_file() {
            look(&path, &std::fs::read(&path).unwrap());
        }
    }
}

/// Every file of a folder with its bytes.
pub fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    search(folder, &mut |path, bytes| files.push((path.to_owned(), bytes.to_owned())));
    files.sort();
    files
}

impl Drop for World {
    fn drop(&mut self) {
        kill(&mut self.platform);
        kill(&mut self.authenticator);
    }
}
