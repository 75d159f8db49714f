//! The routes of the server's keys, the deny list, limits by tier, and money that flows back, of a real `serve` process.
mod world;

use serde_json::{Value, json};
use symbolon_keys::{RustCrypto, VerifyingKey};
use symbolon_offline_payment::messages::{TrustList, TrustUpdate};
use symbolon_offline_payment::trust::Trust;
use symbolon_proof::Raw;
use symbolon_wire::cbor::from_slice;
use world::client::Client;
use world::{World, minor, text};

const PREFIX: &str = "/v1/offline-payment";

fn keys(client: &Client) -> Value {
    client.get(&format!("{PREFIX}/keys")).held().json()
}

fn key(value: &Value) -> VerifyingKey {
    VerifyingKey::from_hex(&text(value, "server")).unwrap()
}

/// The update as whoever asks is told, once it is taken in by one who pinned `first`.
fn trusted(client: &Client, first: VerifyingKey) -> (Trust, TrustUpdate) {
    let said = client.get(&format!("{PREFIX}/trust")).held();
    assert_eq!(said.header("content-type"), Some("application/cbor"));
    said.sequence();
    let update: TrustUpdate = from_slice(&said.body).unwrap();
    (Trust::pinned(first).updated(&RustCrypto, &update).unwrap().0, update)
}

#[test]
fn a_key_is_rotated_once_for_a_request_and_outlasts_a_kill() {
    let mut world = World::founded();
    let (nobody, admin) = (Client::of(&world), Client::operator(&world));
    let path = format!("{PREFIX}/server-keys");
    let first = key(&keys(&nobody));
    assert_eq!(keys(&nobody)["others"], json!([]));
    let id = world::client::fresh_id();
    let rotate = |client: &Client, body: &Value| {
        client.with("idempotency-key", &id).send("POST", &path, body.to_string().as_bytes())
    };
    nobody.post(&path, &json!({})).refused(401, "UNAUTHORISED");
    let read = admin.post("/v1/keys", &json!({ "name": "reader", "scopes": ["read"] })).held().json();
    nobody.key(&text(&read, "key")).post(&path, &json!({})).refused(403, "FORBIDDEN");
    // Whom devices believe is the administrator's alone to say.
    let operate = admin.post("/v1/keys", &json!({ "name": "till", "scopes": ["operate"] })).held().json();
    let operator = nobody.key(&text(&operate, "key"));
    operator.fresh().post(&path, &json!({})).refused(403, "FORBIDDEN");
    admin.send("POST", &path, b"{}").refused(400, "ID_INVALID");
    admin.post(&path, &json!({ "overlap_seconds": 2 * 366 * 24 * 3600 + 1 })).refused(400, "MALFORMED");
    admin.post(&path, &json!({ "overlap": 1 })).refused(400, "MALFORMED");

    let rotated = rotate(&admin, &json!({ "overlap_seconds": 3600 })).held().json();
    assert_eq!(rotated["generation"], json!(1));
    assert_eq!(
        rotate(&admin, &json!({ "overlap_seconds": 3600 })).held().json(),
        rotated,
        "the same once more"
    );
    rotate(&admin, &json!({ "overlap_seconds": 3601 })).refused(409, "CONFLICT");
    let shown = keys(&nobody);
    assert_eq!((&shown["server"], &shown["kid"]), (&rotated["server"], &rotated["kid"]));
    assert_eq!(shown["others"].as_array().unwrap().len(), 1);
    assert_eq!(key(&shown["others"][0]), first);
    assert_eq!(shown["others"][0]["revoked"], json!(false));
    let (trust, update) = trusted(&nobody, first);
    assert_eq!((trust.keys[0].key, trust.epoch, update.rotations.len()), (key(&shown), 1, 1));

    // The vault and the log both know it after a kill.
    world.kill_platform();
    world.start_platform();
    let (nobody, admin) = (Client::of(&world), Client::operator(&world));
    assert_eq!(keys(&nobody), shown);
    let (again, _) = trusted(&nobody, first);
    assert_eq!(again.keys, trust.keys);

    // The one that signs is not revoked; the other is, from the next contact on.
    let of = |kid: &Value| format!("{path}/{}", kid.as_str().unwrap());
    admin.fresh().delete(&of(&shown["kid"])).refused(422, "SERVER_KEY");
    admin.fresh().delete(&of(&json!("0000000000000000"))).refused(404, "NOT_FOUND");
    admin.fresh().delete(&of(&json!("zz"))).refused(404, "NOT_FOUND");
    nobody.fresh().delete(&of(&shown["others"][0]["kid"])).refused(401, "UNAUTHORISED");
    let operate = admin.post("/v1/keys", &json!({ "name": "till", "scopes": ["operate"] })).held().json();
    let operator = nobody.key(&text(&operate, "key"));
    operator.fresh().delete(&of(&shown["others"][0]["kid"])).refused(403, "FORBIDDEN");
    admin.fresh().delete(&of(&shown["others"][0]["kid"])).held();
    assert_eq!(keys(&nobody)["others"][0]["revoked"], json!(true));
    let (trust, _) = trusted(&nobody, first);
    assert!(trust.keys.iter().any(|known| known.key == first && known.revoked));
    world.verify();
}

/// What the log would refuse is asked of the rows first: the vault is not written. A revoked key is not in the way.
#[test]
fn the_ninth_key_is_refused_before_it_is_drawn() {
    let world = World::founded();
    let (nobody, admin) = (Client::of(&world), Client::operator(&world));
    let path = format!("{PREFIX}/server-keys");
    for generation in 1..=7 {
        let rotated = admin.fresh().post(&path, &json!({})).held().json();
        assert_eq!(rotated["generation"], json!(generation));
    }
    let vault = || std::fs::read(world.path("platform/vault")).unwrap();
    let full = vault();
    (0..3).for_each(|_| admin.fresh().post(&path, &json!({})).refused(422, "SERVER_KEY"));
    assert_eq!(vault(), full);
    let oldest = keys(&nobody)["others"][6]["kid"].as_str().unwrap().to_owned();
    admin.fresh().delete(&format!("{path}/{oldest}")).held();
    let rotated = admin.fresh().post(&path, &json!({})).held().json();
    assert_eq!(rotated["generation"], json!(8));
    assert_ne!(vault(), full);
}

/// An older copy of the vault lacks the key that the log knows, or would draw another in its place: the platform does not start with it.
#[test]
fn an_older_vault_does_not_start() {
    let mut world = World::founded();
    let path = format!("{PREFIX}/server-keys");
    let vault = world.path("platform/vault");
    let before = std::fs::read(&vault).unwrap();
    Client::operator(&world).fresh().post(&path, &json!({})).held();
    let after = std::fs::read(&vault).unwrap();
    world.stop_platform();
    std::fs::write(&vault, before).unwrap();
    let data = world.at("platform");
    let words = ["serve", "--data", &data, "--listen", "127.0.0.1:0"];
    let refused = world::symbolon(&words).stderr(std::process::Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&[refused.stdout, refused.stderr].concat()).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains(&world.at("platform/vault")) && said.contains("generation 1"), "{said}");
    std::fs::write(&vault, after).unwrap();
    world.start_platform();
    assert_eq!(keys(&Client::of(&world))["others"].as_array().unwrap().len(), 1);
}

#[test]
fn the_operator_says_how_old_a_list_may_be() {
    let world = World::founded();
    let (nobody, admin) = (Client::of(&world), Client::operator(&world));
    let path = format!("{PREFIX}/trust-policy");
    let age = || {
        let (_, update) = trusted(&nobody, key(&keys(&nobody)));
        let list = Raw(&update.list.0).parse::<TrustList>().unwrap();
        (list.danger_unverified().body.age_seconds_max, list.danger_unverified().body.epoch)
    };
    assert_eq!(age(), (72 * 3600, 0));
    nobody.post(&path, &json!({ "age_seconds_max": 3600 })).refused(401, "UNAUTHORISED");
    admin.post(&path, &json!({ "age_seconds_max": 59 })).refused(400, "MALFORMED");
    admin.post(&path, &json!({})).refused(400, "MALFORMED");
    let operate = admin.post("/v1/keys", &json!({ "name": "till", "scopes": ["operate"] })).held().json();
    let operator = nobody.key(&text(&operate, "key"));
    operator.fresh().post(&path, &json!({ "age_seconds_max": 3600 })).refused(403, "FORBIDDEN");
    admin.post(&path, &json!({ "age_seconds_max": 3600 })).held();
    assert_eq!(age(), (3600, 1));
}

#[test]
fn limits_by_tier_are_taken_unless_they_contradict_themselves() {
    let world = World::founded();
    let admin = Client::operator(&world);
    let open = |more: Value| {
        let mut limits = json!({ "per_payment": { "minor": 9000, "currency": "EUR" } });
        limits.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        admin.post(&format!("{PREFIX}/accounts"), &json!({ "limits": limits }))
    };
    let tiers = |none: u64, passphrase: u64, platform: u64| {
        json!({
            "no_credential_below_minor": none, "passphrase_from_minor": passphrase, "platform_from_minor": platform,
            "otp_from_minor": 3000,
        })
    };
    open(tiers(1000, 5000, 8000)).held();
    open(tiers(5001, 5000, 8000)).refused(400, "MALFORMED");
    open(tiers(1000, 8001, 8000)).refused(400, "MALFORMED");
    open(json!({ "no_credential_below_minor": -1 })).refused(400, "MALFORMED");
}

#[test]
fn an_account_shows_what_is_released_when_and_repays_at_most_its_debt() {
    let mut world = World::enrolled(10_000, 1_000);
    world.phone(&["prefetch", "--server", world.http(), "--count", "3"]).unwrap();
    let account = world.account();
    let releases = account["releases"].as_array().unwrap();
    let sum: u64 = releases.iter().map(|line| minor(&line["amount"])).sum();
    assert_eq!((sum, minor(&account["reserved"])), (3000, 3000));
    let in_days =
        |line: &Value| (line["at"].as_u64().unwrap() - symbolon_transport::clock::wall().0) / 86_400_000;
    assert!(releases.iter().all(|line| (9..=10).contains(&in_days(line))), "72 hours and 7 days: {account}");
    let path = format!("{PREFIX}/accounts/{}/repayments", world.payer_id());
    let (nobody, admin) = (Client::of(&world), Client::operator(&world));
    let amount = |minor: u64| json!({ "amount": { "minor": minor, "currency": "EUR" } });
    nobody.post(&path, &amount(1)).refused(401, "UNAUTHORISED");
    admin.post(&path, &amount(1)).refused(400, "AMOUNT_INVALID");
    admin.post(&path, &json!({})).refused(400, "MALFORMED");
    let unknown = format!("{PREFIX}/accounts/{}/repayments", "0".repeat(32));
    admin.post(&unknown, &amount(1)).refused(422, "ACCOUNT_UNKNOWN");
    world.verify();
}
