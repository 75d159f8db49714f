//! A platform on a disk that fills up: what does not fit is refused, nothing that was acknowledged is lost, and with room it goes on.
mod world;

use serde_json::{Value, json};
use std::time::{Duration, Instant};
use symbolon_transport::http::HttpClient;
use symbolon_types::Secret;
use world::small_disk::SmallDisk;
use world::{minor, ready, request_id, run, stopped, text};

/// A platform on a small disk.
struct Small {
    child: Option<std::process::Child>,
    http: String,
    key: String,
    requests: u64,
}

impl Small {
    fn start(&mut self, disk: &SmallDisk) {
        let data = disk.at("data").to_string_lossy().into_owned();
        let config = disk.at("config.toml");
        // Small segments, so that the next one is soon wanted.
        std::fs::write(&config, "[log]\nsegment_kib = 256\n").unwrap();
        let config = config.to_string_lossy().into_owned();
        let (child, line) =
            ready(&["serve", "--config", &config, "--data", &data, "--listen", "127.0.0.1:0"]);
        self.http = text(&line, "http");
        self.child = Some(child);
    }

    fn client(&self) -> HttpClient {
        let client = HttpClient::new(&self.http).unwrap().with_timeout(Duration::from_secs(10));
        client.with_bearer(Secret::new(self.key.clone()))
    }

    /// The answer; `None` where nobody is there any more.
    fn post(&mut self, path: &str, body: &Value) -> Option<(u16, Value)> {
        self.requests += 1;
        let client = self.client().with_request_id(&request_id(self.requests, 0));
        let reply = client.post_json(path, body.to_string().as_bytes()).ok()?;
        Some((reply.status, serde_json::from_slice(&reply.body).unwrap()))
    }

    fn pay_in(&mut self, account: &str) -> Option<(u16, Value)> {
        self.post(&format!("{account}/funds"), &json!({ "amount": { "minor": 1, "currency": "EUR" } }))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = (child.kill(), child.wait());
        }
    }
}

/// Pays in while there is no room for another segment, until a payment is refused or the platform ends.
fn until_full(platform: &mut Small, account: &str) -> (u64, Option<Value>) {
    let begun = Instant::now();
    let mut acknowledged = 0;
    while begun.elapsed() < Duration::from_secs(40) {
        match platform.pay_in(account) {
            Some((200, _)) => acknowledged += 1,
            Some((_, refusal)) => return (acknowledged, Some(refusal)),
            None => return (acknowledged, None),
        }
    }
    panic!("the disk never became full");
}

#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged() {
    let Some(disk) = SmallDisk::mounted("150m") else {
        println!("SKIPPED: this user may not mount a tmpfs");
        return;
    };
    let mut platform = Small { child: None, http: String::new(), key: String::new(), requests: 0 };
    platform.start(&disk);
    platform.key =
        std::fs::read_to_string(disk.at("data/first-administrator.key")).unwrap().trim().to_owned();
    platform.key = text(&platform.post("/v1/keys/first", &json!({})).unwrap().1, "key");
    let limits = json!({ "per_payment": { "minor": 100, "currency": "EUR" } });
    let (_, opened) = platform.post("/v1/offline-payment/accounts", &json!({ "limits": limits })).unwrap();
    let account = format!("/v1/offline-payment/accounts/{}", text(&opened, "payer"));
    assert_eq!(platform.pay_in(&account).unwrap().0, 200);

    disk.fill();
    let (acknowledged, refusal) = until_full(&mut platform, &account);
    println!("{acknowledged} acknowledged, then {refusal:?}");
    if let Some(refusal) = &refusal {
        assert!(
            ["NOT_DURABLE", "UNAVAILABLE"].contains(&refusal["refusal"]["name"].as_str().unwrap()),
            "{refusal}"
        );
    }
    disk.free();
    restarted_if_ended(&mut platform, &disk);
    let reply = platform.client().get(&account).unwrap();
    let balance: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(minor(&balance["available"]), acknowledged + 1, "{balance}");
    let (status, said) = platform.pay_in(&account).unwrap();
    assert_eq!(status, 200, "with room it does not go on: {said}");
    assert_eq!(stopped(platform.child.take().unwrap()), Some(0));
    let (code, audit) = run(&["verify", "--data", &disk.at("data").to_string_lossy()]);
    assert_eq!(code, 0, "{audit}");
    assert_eq!(audit["ok"], json!(true), "{audit}");
    no_room_to_start(&disk);
}

/// A platform that ended on a full disk says so by its exit code, and starts again.
fn restarted_if_ended(platform: &mut Small, disk: &SmallDisk) {
    std::thread::sleep(Duration::from_millis(300));
    if let Some(status) = platform.child.as_mut().unwrap().try_wait().unwrap() {
        assert_eq!(status.code(), Some(2), "it ended otherwise");
        platform.start(disk);
    }
}

/// A first start without room is refused in words, and leaves a folder that a start with room accepts.
fn no_room_to_start(disk: &SmallDisk) {
    std::fs::remove_dir_all(disk.at("data")).unwrap();
    disk.fill();
    let data = disk.at("data").to_string_lossy().into_owned();
    let (code, said) = run(&["serve", "--data", &data, "--listen", "127.0.0.1:0"]);
    assert_eq!(code, 2, "{said}");
    let error = text(&said, "error");
    println!("without room: {error}");
    assert!(error.to_lowercase().contains("space") || error.contains("room"), "{error}");
    disk.free();
    let (child, _) = ready(&["serve", "--data", &data, "--listen", "127.0.0.1:0"]);
    assert_eq!(stopped(child), Some(0));
}
