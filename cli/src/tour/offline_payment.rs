//! System 01, walked: enrolled and granted online, paid offline by QR and by APDU, settled once, a double spend judged, the books audited.
//!
//! Every step checks bytes: those that the processes exchanged (written by the processes themselves into the evidence), and what the platform,
//! the authenticator and the auditor answer.
mod checks;

use super::process::{Process, held, run};
use super::steps::{Fault, Steps, ensure};
use super::world::World;
use checks::{Exchange, copy, key_of, refusal_of};
use serde_json::{Value, json};
use std::time::Duration;
use symbolon_keys::VerifyingKey;
use symbolon_offline_payment::messages::Request;
use symbolon_types::hex_upper;

/// The payer's PIN on this throwaway platform.
const PIN: &str = "482915";
/// Not the payer's PIN.
const WRONG_PIN: &str = "111111";
const LIMIT_MINOR: u64 = 2_000;
const NONCES: u64 = 3;
const BY_QR_MINOR: u64 = 1_250;
const BY_APDU_MINOR: u64 = 320;

/// What the walk has in hand from one part to the next.
struct Walk<'w> {
    world: &'w mut World,
    server: VerifyingKey,
    payer: String,
    shops: Vec<String>,
    authenticator: Option<Process>,
    network: String,
}

/// Walks the system. The first fault ends it.
pub fn walk(world: &mut World, steps: &mut Steps) -> Result<(), Fault> {
    let mut walk = prepare(world)?;
    walk.online(steps)?;
    let copied = walk.copy_phone()?;
    walk.go_offline()?;
    walk.pay_by_qr(steps)?;
    walk.pay_by_apdu(steps)?;
    walk.double_spend_offline(&copied)?;
    walk.online_again(steps)?;
    walk.settle(steps)?;
    walk.judge(steps)?;
    walk.audit(steps)
}

/// The operator's part, before anything is shown: an account with money, two shops, the authenticator as a process.
fn prepare(world: &mut World) -> Result<Walk<'_>, Fault> {
    world.start_platform()?;
    world.become_operator()?;
    let keys = world.get("/v1/offline-payment/keys")?;
    let server = key_of(&keys)?;
    world.write("server-key", &server.0)?;
    let limits =
        json!({ "per_payment": { "minor": LIMIT_MINOR, "currency": "EUR" }, "pool": 5, "otp_from_minor": 0 });
    let opened = world.post("/v1/offline-payment/accounts", &json!({ "limits": limits }))?;
    let payer = text(&opened, "payer")?;
    let funds = json!({ "amount": { "minor": 10_000, "currency": "EUR" } });
    world.post(&format!("/v1/offline-payment/accounts/{payer}/funds"), &funds)?;
    std::fs::write(world.path().join("pin"), PIN).map_err(|error| error.to_string())?;
    std::fs::write(world.path().join("wrong-pin"), WRONG_PIN).map_err(|error| error.to_string())?;
    let mut walk =
        Walk { world, server, payer, shops: Vec::new(), authenticator: None, network: String::new() };
    walk.open_shop("shop", "Corner Bakery")?;
    walk.open_shop("shop-2", "Harbour Books")?;
    walk.start_authenticator("authenticator")?;
    Ok(walk)
}

fn text(value: &Value, member: &str) -> Result<String, Fault> {
    value[member].as_str().map(str::to_owned).ok_or_else(|| format!("no `{member}` in {value}"))
}

impl Walk<'_> {
    fn server_hex(&self) -> String {
        hex_upper(&self.server.0)
    }

    fn open_shop(&mut self, folder: &str, name: &str) -> Result<(), Fault> {
        let cap = json!({ "minor": 5_000, "currency": "EUR" });
        let invited = self
            .world
            .post("/v1/offline-payment/payees", &json!({ "name": name, "mcc": 5462, "cap": cap }))?;
        let (store, evidence) = (self.world.at(folder), self.world.evidence(&format!("{folder}-enrol")));
        let (code, key) = (text(&invited, "code")?, self.server_hex());
        let http = self.world.http().to_owned();
        held(&[
            "device",
            "reader",
            "enrol",
            "--store",
            &store,
            "--server",
            &http,
            "--code",
            &code,
            "--server-key",
            &key,
            "--evidence",
            &evidence,
        ])?;
        self.shops.push(text(&invited, "id")?);
        Ok(())
    }

    fn start_authenticator(&mut self, folder: &str) -> Result<Value, Fault> {
        let (store, socket, key) =
            (self.world.at(folder), self.world.at("authenticator.socket"), self.server_hex());
        let (process, line) = Process::ready(&[
            "device",
            "authenticator",
            "--store",
            &store,
            "--socket",
            &socket,
            "--server-key",
            &key,
        ])?;
        self.authenticator = Some(process);
        self.network = text(&line, "network")?;
        Ok(line)
    }

    fn stop_authenticator(&mut self) -> Result<(), Fault> {
        self.authenticator.take().map_or(Ok(()), Process::stop)
    }

    /// One run of the phone.
    fn phone(&self, store: &str, run_name: &str, words: &[&str]) -> Result<(i32, Value), Fault> {
        let (store, socket) = (self.world.at(store), self.world.at("authenticator.socket"));
        let evidence = self.world.evidence(run_name);
        let mut all = vec!["device", "phone", words[0], "--store", &store, "--authenticator", &socket];
        all.extend_from_slice(&["--evidence", &evidence]);
        all.extend_from_slice(&words[1..]);
        run(&all)
    }

    fn phone_held(&self, store: &str, run_name: &str, words: &[&str]) -> Result<Value, Fault> {
        match self.phone(store, run_name, words)? {
            (0, value) => Ok(value),
            (code, value) => Err(format!("the phone's `{}` ended with {code}: {value}", words[0])),
        }
    }

    fn account(&self) -> Result<Value, Fault> {
        self.world.get(&format!("/v1/offline-payment/accounts/{}", self.payer))
    }

    fn online(&mut self, steps: &mut Steps) -> Result<(), Fault> {
        let http = self.world.http().to_owned();
        let invited = self
            .world
            .post(&format!("/v1/offline-payment/accounts/{}/invitations", self.payer), &json!({}))?;
        let (code, pin) = (text(&invited, "code")?, format!("@{}", self.world.at("pin")));
        let mut enrolled = String::new();
        steps.step("1.1", "the phone launches its secure application, which enrols with the authenticator", || {
            let said =
                self.phone_held("phone", "enrol", &["enrol", "--server", &http, "--code", &code, "--pin", &pin])?;
            enrolled = text(&said, "authenticator")?;
            let machine = self.authenticator.as_ref().map(Process::id);
            Ok(json!({ "phone": said, "authenticator_process": machine, "tour_process": std::process::id() }))
        })?;
        checks::throwaway_authenticator_key(self.world)?;
        self.world.write_account_key(&enrolled)?;
        let count = NONCES.to_string();
        let mut granted = Value::Null;
        steps.step("1.2", "it gets nonce tokens from the authenticator, over a socket", || {
            granted =
                self.phone_held("phone", "prefetch", &["prefetch", "--server", &http, "--count", &count])?;
            let tokens = checks::tokens(self.world, NONCES)?;
            Ok(json!({ "tokens": tokens }))
        })?;
        steps.step("1.3", "the server signs each nonce token, over HTTP", || {
            let grants = checks::grants(self.world, &self.server, NONCES)?;
            Ok(json!({ "grants": grants, "phone": granted }))
        })?;
        steps.step("R1", "each grant reserves its limit at the issuer", || {
            let account = self.account()?;
            let reserved = account["reserved"]["minor"].as_u64();
            ensure(reserved == Some(NONCES * LIMIT_MINOR), format!("reserved {reserved:?}"))?;
            Ok(account)
        })
    }

    /// A copy of phone and authenticator, as a thief of both stores would have it.
    fn copy_phone(&mut self) -> Result<(String, String), Fault> {
        self.stop_authenticator()?;
        copy(&self.world.path().join("phone"), &self.world.path().join("phone-copy"))?;
        copy(&self.world.path().join("authenticator"), &self.world.path().join("authenticator-copy"))?;
        self.start_authenticator("authenticator")?;
        Ok(("phone-copy".into(), "authenticator-copy".into()))
    }

    /// The network is gone for everyone: the platform is stopped.
    fn go_offline(&mut self) -> Result<(), Fault> {
        self.world.stop_platform()?;
        if self.network == "none" {
            self.world.set_network("its platform stopped and its devices in empty network namespaces");
        }
        Ok(())
    }

    fn charge(&self, shop: &str, run_name: &str, minor: u64, via: &[&str]) -> Result<Process, Fault> {
        let (store, evidence, minor) =
            (self.world.at(shop), self.world.evidence(run_name), minor.to_string());
        let mut all =
            vec!["device", "reader", "charge", "--store", &store, "--amount", &minor, "--currency", "EUR"];
        all.extend_from_slice(&["--timeout", "60", "--evidence", &evidence]);
        all.extend_from_slice(via);
        Process::start(&all)
    }

    fn pay_by_qr(&mut self, steps: &mut Steps) -> Result<(), Fault> {
        let (glass, wrong, pin) = (
            self.world.at("glass"),
            format!("@{}", self.world.at("wrong-pin")),
            format!("@{}", self.world.at("pin")),
        );
        let via = ["--via", "qr", "--dir", glass.as_str()];
        let shop = self.charge("shop", "qr-shop", BY_QR_MINOR, &via)?;
        let mut refused = Value::Null;
        steps.step(
            "1.5",
            "the network is lost: the platform is stopped, phone and shop hold no address of it",
            || {
                checks::unreachable(self.world.http())?;
                let (code, value) = self.phone(
                    "phone",
                    "qr-wrong",
                    &["pay", "--via", "qr", "--dir", &glass, "--pin", &wrong],
                )?;
                ensure(code == 1, format!("a wrong PIN was not refused: {value}"))?;
                refused = value;
                Ok(json!({ "platform": "stopped", "authenticator_network": self.network }))
            },
        )?;
        self.what_is_refused(steps, &refused)?;
        // After a wrong credential the authenticator compares the next one a second later.
        std::thread::sleep(Duration::from_millis(1_200));
        let paid = self.phone_held("phone", "qr", &["pay", "--via", "qr", "--dir", &glass, "--pin", &pin])?;
        let (code, took) = shop.finished()?;
        ensure(code == 0, format!("the shop: {took}"))?;
        self.what_was_made(steps)?;
        steps.step(
            "1.3d",
            "the payment application is handed the object and completes the transaction",
            || {
                ensure(paid["receipt"] == json!(true), format!("{paid}"))?;
                Ok(paid.clone())
            },
        )?;
        steps.step("1.9", "the shop is paid with the object, still offline, over QR", || {
            checks::unreachable(self.world.http())?;
            ensure(took["object"] == paid["object"], format!("{took}"))?;
            Ok(took.clone())
        })
    }

    /// The refused attempt, and what becomes of its message when it is changed.
    fn what_is_refused(&self, steps: &mut Steps, refused: &Value) -> Result<(), Fault> {
        let tried = Exchange::read(self.world, "qr-wrong")?;
        steps.step(
            "1.4",
            "the credential is encrypted with the nonce token and the nonce signature",
            || tried.sealed_under(&self.server),
        )?;
        steps.step(
            "1.7",
            "the authenticator validates the credential: a wrong PIN is refused and counted",
            || {
                ensure(refusal_of(refused) == Some("CRED_WRONG"), format!("{refused}"))?;
                Ok(refused.clone())
            },
        )?;
        let socket = self.world.path().join("authenticator.socket");
        steps.step(
            "1.2d",
            "it validates nonce token and nonce signature: with another token's grant it refuses",
            || {
                let other = checks::another_grant(self.world, &tried, NONCES)?;
                let reply = checks::ask(&socket, &Request::Authorise(tried.with_grant(other)))?;
                ensure(checks::refused_as(&reply, "BAD_GRANT"), format!("{reply:?}"))?;
                Ok(json!({ "refused": "BAD_GRANT" }))
            },
        )?;
        steps.step(
            "1.6",
            "it decrypts the credential: one flipped bit and it cannot, and that costs no attempt",
            || {
                let before = checks::status(&socket)?.attempts_left;
                let reply = checks::ask(&socket, &Request::Authorise(tried.with_flipped_bit()))?;
                ensure(checks::refused_as(&reply, "OPEN_FAILED"), format!("{reply:?}"))?;
                let after = checks::status(&socket)?.attempts_left;
                ensure(before == after, format!("{before} attempts before, {after} after"))?;
                Ok(json!({ "refused": "OPEN_FAILED", "attempts_left": after }))
            },
        )
    }

    /// The message that was taken, and the object that was made of it.
    fn what_was_made(&self, steps: &mut Steps) -> Result<(), Fault> {
        let tried = Exchange::read(self.world, "qr-wrong")?;
        let socket = self.world.path().join("authenticator.socket");
        let made = Exchange::read(self.world, "qr")?;
        steps.step("1.3a", "the payment application is launched offline", || {
            let application = made.second_nonce()?.body.application;
            let paired = checks::status(&socket)?.application;
            ensure(paired == Some(application), "the second nonce is of another application")?;
            Ok(json!({ "application": application.to_string() }))
        })?;
        steps.step("1.3b", "its one-time password is obtained; the authenticator takes it once", || {
            let second = made.second_nonce()?;
            let before = tried.second_nonce()?;
            ensure(second.body.otp != before.body.otp, "one password was used twice")?;
            Ok(json!({ "otp_hash": second.body.otp.to_string() }))
        })?;
        steps.step(
            "1.3c",
            "a second nonce binds password, application and transaction into the encryption",
            || made.second_nonce_is_used(),
        )?;
        steps.step(
            "1.8",
            "the secure object comes from the credential and the authenticator's random number",
            || made.object_is_proved(&self.server, &tried),
        )
    }

    fn pay_by_apdu(&mut self, steps: &mut Steps) -> Result<(), Fault> {
        let (field, pin) = (self.world.at("field.socket"), format!("@{}", self.world.at("pin")));
        steps.step("1.A", "one device does it all again, over ISO 7816 APDUs", || {
            let shop =
                self.charge("shop", "apdu-shop", BY_APDU_MINOR, &["--via", "apdu", "--socket", &field])?;
            let paid = self.phone_held(
                "phone",
                "apdu",
                &["pay", "--via", "apdu", "--socket", &field, "--pin", &pin],
            )?;
            let (code, took) = shop.finished()?;
            ensure(code == 0 && took["object"] == paid["object"], format!("the shop: {took}"))?;
            checks::unreachable(self.world.http())?;
            Ok(json!({ "phone": paid, "shop": took }))
        })
    }

    /// The copied phone pays a second shop with a nonce that the true one has spent.
    fn double_spend_offline(&mut self, copied: &(String, String)) -> Result<(), Fault> {
        self.stop_authenticator()?;
        self.start_authenticator(&copied.1)?;
        let (glass, pin) = (self.world.at("glass-2"), format!("@{}", self.world.at("pin")));
        std::fs::create_dir_all(&glass).map_err(|error| error.to_string())?;
        let shop = self.charge("shop-2", "copy-shop", BY_QR_MINOR, &["--via", "qr", "--dir", &glass])?;
        self.phone_held(&copied.0, "copy", &["pay", "--via", "qr", "--dir", &glass, "--pin", &pin])?;
        let (code, took) = shop.finished()?;
        ensure(code == 0, format!("the second shop: {took}"))?;
        self.stop_authenticator()?;
        self.start_authenticator("authenticator")?;
        Ok(())
    }

    fn online_again(&mut self, steps: &mut Steps) -> Result<(), Fault> {
        steps.step(
            "1.7d",
            "nothing was asked of the network in between: the platform starts again where it stopped",
            || {
                let process = self.world.start_platform()?;
                let account = self.account()?;
                let reserved = account["reserved"]["minor"].as_u64();
                ensure(reserved == Some(NONCES * LIMIT_MINOR), format!("reserved {reserved:?}"))?;
                Ok(json!({ "platform_process": process, "account": account }))
            },
        )
    }

    fn upload(&self, shop: &str, run_name: &str) -> Result<(i32, Value), Fault> {
        let (store, evidence, http) =
            (self.world.at(shop), self.world.evidence(run_name), self.world.http().to_owned());
        run(&["device", "reader", "upload", "--store", &store, "--server", &http, "--evidence", &evidence])
    }

    fn settle(&mut self, steps: &mut Steps) -> Result<(), Fault> {
        let first = self.shops[0].clone();
        let credited = |world: &World| {
            let payee = world.get(&format!("/v1/offline-payment/payees/{first}"))?;
            payee["credited"]["minor"].as_u64().ok_or_else(|| payee.to_string())
        };
        steps.step(
            "R3",
            "the shop uploads and is credited; the same objects once more change nothing",
            || {
                let (code, said) = self.upload("shop", "upload")?;
                ensure(code == 0, format!("{said}"))?;
                let once = credited(self.world)?;
                ensure(once == BY_QR_MINOR + BY_APDU_MINOR, format!("credited {once}"))?;
                checks::settle_again(self.world, "shop")?;
                let twice = credited(self.world)?;
                ensure(once == twice, format!("credited {once}, then {twice}"))?;
                Ok(json!({ "upload": said, "credited_minor": twice }))
            },
        )?;
        let http = self.world.http().to_owned();
        steps.step("R2", "the phone reconciles; what it has not spent stays reserved all the same", || {
            let said = self.phone_held("phone", "reconcile", &["reconcile", "--server", &http])?;
            let account = self.account()?;
            let reserved = account["reserved"]["minor"].as_u64();
            ensure(reserved == Some(LIMIT_MINOR), format!("reserved {reserved:?}"))?;
            Ok(json!({ "phone": said, "account": account }))
        })
    }

    fn judge(&mut self, steps: &mut Steps) -> Result<(), Fault> {
        let second = self.shops[1].clone();
        steps.step(
            "R4",
            "the copy's object is made good to its shop out of offline_loss; the payer owes it",
            || {
                let (code, said) = self.upload("shop-2", "upload-copy")?;
                ensure(code == 0, format!("{said}"))?;
                let payee = self.world.get(&format!("/v1/offline-payment/payees/{second}"))?;
                let account = self.account()?;
                ensure(payee["loss"]["minor"] == json!(BY_QR_MINOR), format!("{payee}"))?;
                ensure(account["debt"]["minor"] == json!(BY_QR_MINOR), format!("{account}"))?;
                ensure(
                    account["authenticators"][0]["revoked"] == json!(true),
                    "the authenticator is not revoked",
                )?;
                Ok(json!({ "upload": said, "payee": payee, "account": account }))
            },
        )?;
        steps.step("R5", "two objects and the server's key prove the double spend", || {
            let evidence = self.world.get("/v1/offline-payment/evidence")?;
            let [found] = evidence.as_array().map(Vec::as_slice).unwrap_or_default() else {
                return Err(format!("one piece of evidence, not {evidence}"));
            };
            let key = self.server_hex();
            let (a, b) = (self.world.evidence("double-spend-a"), self.world.evidence("double-spend-b"));
            self.world.write("double-spend-a", text(found, "first")?.as_bytes())?;
            self.world.write("double-spend-b", text(found, "second")?.as_bytes())?;
            let verdict = held(&["proof", "double-spend", &a, &b, "--server-key", &key])?;
            ensure(verdict["verdict"] == json!("double-spend"), format!("{verdict}"))?;
            Ok(verdict)
        })
    }

    fn audit(&mut self, steps: &mut Steps) -> Result<(), Fault> {
        self.stop_authenticator()?;
        self.world.stop_platform()?;
        let data = self.world.data();
        steps.step(
            "R1",
            "the books: the log's chain, the tables made anew from it, money conserved, no more posted than reserved",
            || {
                let found = held(&["verify", "--data", &data])?;
                ensure(found["offline_payment"]["settled"] == json!(2), format!("{found}"))?;
                ensure(found["offline_payment"]["losses"] == json!(1), format!("{found}"))?;
                Ok(found)
            },
        )
    }
}
