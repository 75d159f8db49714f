//! The HTTP API of a real `serve` process, spoken to over bare sockets: what it answers, and each refusal beside the request that differs by one
//! thing and is answered.
mod world;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};
use world::client::{Client, fresh_id, samples, stalled};
use world::{World, request_id, run, text};

const PREFIX: &str = "/v1/offline-payment";

/// The routes on which devices post their own messages.
const DEVICE_ROUTES: [&str; 7] =
    ["enrolments", "grants", "payee-enrolments", "settlements", "reports", "refunds", "statements"];

/// `{1: 1, 2: "MALFORMED", 3: …}` up to the text of the third (RFC 8949 §3).
const MALFORMED_CBOR: &[u8] = b"\xA3\x01\x01\x02\x69MALFORMED\x03\x78";

fn account(minor: u64) -> Value {
    json!({ "limits": { "per_payment": { "minor": minor, "currency": "EUR" } } })
}

fn opened(client: &Client) -> String {
    let payer = text(&client.post(&format!("{PREFIX}/accounts"), &account(100)).held().json(), "payer");
    format!("{PREFIX}/accounts/{payer}")
}

fn added(admin: &Client, name: &str, scopes: &[&str]) -> (String, String) {
    let made = admin.post("/v1/keys", &json!({ "name": name, "scopes": scopes })).held().json();
    (text(&made, "id"), text(&made, "key"))
}

#[test]
fn without_a_valid_key_nothing_is_answered() {
    let world = World::founded();
    let (nobody, admin) = (Client::of(&world), Client::operator(&world));
    let account = opened(&admin);
    admin.get(&account).held();
    nobody.get(&account).refused(401, "UNAUTHORISED");
    for key in [
        "",
        "00",
        "not hexadecimal",
        &"0".repeat(64),
        &world.operator()[1..],
        &format!("{}00", world.operator()),
    ] {
        nobody.key(key).get(&account).refused(401, "UNAUTHORISED");
        nobody.key(key).post(&format!("{PREFIX}/accounts"), &json!({})).refused(401, "UNAUTHORISED");
    }
    let basic = format!("Basic {}", world.operator());
    nobody.with("authorization", &basic).get(&account).refused(401, "UNAUTHORISED");
    nobody.key(&world.operator().to_lowercase()).get(&account).held();
    // The key in the address is no key: addresses are logged.
    nobody.get(&format!("{account}?key={}", world.operator())).refused(401, "UNAUTHORISED");
}

#[test]
fn a_scope_opens_what_it_names_and_no_more() {
    let world = World::founded();
    let (nobody, admin) = (Client::of(&world), Client::operator(&world));
    let account = opened(&admin);
    let [(read_id, read), (_, operate), (_, second)] =
        [("reader", "read"), ("till", "operate"), ("deputy", "admin")]
            .map(|(name, scope)| added(&admin, name, &[scope]));
    let [read, operate, second] = [read, operate, second].map(|key| nobody.key(&key));

    read.get(&account).held();
    read.get(&format!("{PREFIX}/evidence")).held();
    read.post(&format!("{account}/funds"), &json!({ "amount": { "minor": 1, "currency": "EUR" } }))
        .refused(403, "FORBIDDEN");
    read.post(&format!("{PREFIX}/accounts"), &json!({})).refused(403, "FORBIDDEN");
    operate.post(&format!("{account}/funds"), &json!({ "amount": { "minor": 1, "currency": "EUR" } })).held();
    operate.get(&account).held();
    for client in [&read, &operate] {
        client.get("/v1/keys").refused(403, "FORBIDDEN");
        client.post("/v1/keys", &json!({ "name": "x", "scopes": ["admin"] })).refused(403, "FORBIDDEN");
        client.delete(&format!("/v1/keys/{read_id}")).refused(403, "FORBIDDEN");
    }
    added(&second, "of the deputy", &["read"]);

    admin.fresh().delete(&format!("/v1/keys/{read_id}")).held();
    read.get(&account).refused(401, "UNAUTHORISED");
    let listed = admin.get("/v1/keys").held().json();
    let revoked: Vec<&Value> =
        listed.as_array().unwrap().iter().filter(|key| key["revoked"] == json!(true)).collect();
    assert_eq!(revoked.len(), 1, "{listed}");
    assert_eq!((&revoked[0]["id"], &revoked[0]["name"]), (&json!(read_id), &json!("reader")));
    admin.fresh().delete(&format!("/v1/keys/{}", "0".repeat(64))).refused(404, "NOT_FOUND");
    admin.fresh().delete("/v1/keys/nonsense").refused(404, "NOT_FOUND");

    for (name, scopes) in
        [("x", json!(["owner"])), ("x", json!([])), ("", json!(["read"])), (&"x".repeat(81), json!(["read"]))]
    {
        admin.post("/v1/keys", &json!({ "name": name, "scopes": scopes })).refused(400, "MALFORMED");
    }
    admin.post("/v1/keys", &json!({ "name": "x".repeat(80), "scopes": ["read"] })).held();
}

#[test]
fn the_one_time_key_is_redeemed_once_and_keys_are_kept_as_hashes_only() {
    let world = World::founded();
    let one_time = std::fs::read_to_string(world.path("platform/first-administrator.key"));
    let admin = Client::operator(&world);
    if let Ok(one_time) = &one_time {
        let client = Client::of(&world).key(one_time.trim());
        client.post("/v1/keys/first", &json!({})).refused(401, "UNAUTHORISED");
        client.send("POST", "/v1/keys/first", b"").refused(401, "UNAUTHORISED");
        client.get("/v1/keys").refused(401, "UNAUTHORISED");
    }
    Client::of(&world).post("/v1/keys/first", &json!({})).refused(401, "UNAUTHORISED");
    // A lasting key is no one-time key.
    admin.post("/v1/keys/first", &json!({})).refused(401, "UNAUTHORISED");
    let listed = String::from_utf8(admin.get("/v1/keys").held().body).unwrap();
    assert!(!listed.contains(world.operator()), "{listed}");
    let bytes = symbolon_types::hex_parse(world.operator()).unwrap();
    let shapes = [world.operator().as_bytes().to_vec(), world.operator().to_lowercase().into_bytes(), bytes];
    let mut looked_at = 0;
    world::search(&world.path("platform"), &mut |path, file| {
        looked_at += 1;
        for shape in &shapes {
            assert!(
                !file.windows(shape.len()).any(|window| window == shape),
                "the key is in {}",
                path.display()
            );
        }
    });
    assert!(looked_at > 4, "there was nothing to look at");
}

#[test]
fn a_request_id_is_asked_for_and_makes_a_repeat_harmless() {
    let mut world = World::founded();
    let admin = Client::operator(&world);
    let account = opened(&admin);
    let (funds, path) =
        (json!({ "amount": { "minor": 70, "currency": "EUR" } }).to_string(), format!("{account}/funds"));
    let put =
        |client: &Client, id: &str| client.with("idempotency-key", id).send("POST", &path, funds.as_bytes());

    admin.send("POST", &path, funds.as_bytes()).refused(400, "ID_INVALID");
    let id = fresh_id();
    let of_version_4 = format!("{}4{}", &id[..14], &id[15..]);
    let of_no_variant = format!("{}0{}", &id[..19], &id[20..]);
    let of_an_hour_ahead = {
        let ms = symbolon_transport::clock::wall().0 + 3_600_000;
        format!("{:08x}-{:04x}-7000-8000-{:012x}", ms >> 16, ms & 0xFFFF, 1)
    };
    for wrong in ["", "1", &id.replace('-', ""), &id[..35], &of_version_4, &of_no_variant, &of_an_hour_ahead]
    {
        put(&admin, wrong).refused(400, "ID_INVALID");
    }
    put(&admin, &request_id(1, 8 * 24 * 3_600_000)).refused(409, "ID_TOO_OLD");
    assert_eq!(admin.get(&account).json()["available"]["minor"], json!(0));

    let first = put(&admin, &id).held();
    let again = put(&admin, &id).held();
    assert_eq!(first.body, again.body);
    assert_eq!(put(&admin, &id.to_uppercase()).held().body, first.body);
    assert_eq!(admin.get(&account).json()["available"]["minor"], json!(70));

    let taken = admin.with("idempotency-key", &id);
    let other = json!({ "amount": { "minor": 71, "currency": "EUR" } });
    taken.send("POST", &path, other.to_string().as_bytes()).refused(409, "CONFLICT");
    taken.send("POST", &format!("{account}/invitations"), b"").refused(409, "CONFLICT");
    // Ids are each caller's own.
    let (_, key) = added(&admin, "till", &["operate"]);
    let till = Client::of(&world).key(&key);
    assert_ne!(put(&till, &id).held().body, first.body);
    assert_eq!(admin.get(&account).json()["available"]["minor"], json!(140));

    // Also over a kill.
    world.kill_platform();
    world.start_platform();
    let admin = Client::operator(&world);
    assert_eq!(put(&admin, &id).held().body, first.body);
    assert_eq!(admin.get(&account).json()["available"]["minor"], json!(140));
}

#[test]
fn a_body_has_the_members_that_are_named_and_amounts_are_whole() {
    let world = World::founded();
    let admin = Client::operator(&world);
    let account = opened(&admin);
    let funds = format!("{account}/funds");
    let raw = |body: &str| admin.fresh().send("POST", &funds, body.as_bytes());
    let of = |minor: &str, currency: &str| {
        raw(&format!(r#"{{"amount":{{"minor":{minor},"currency":"{currency}"}}}}"#))
    };

    of("1", "EUR").held();
    of("9007199254740990", "EUR").held();
    of("9007199254740992", "EUR").refused(400, "AMOUNT_INVALID");
    of("18446744073709551615", "EUR").refused(400, "AMOUNT_INVALID");
    of("0", "EUR").refused(400, "AMOUNT_INVALID");
    for malformed in ["-1", "1.5", "1.0", "1e2", "18446744073709551616", "\"1\"", "null", "true", "[1]", "01"]
    {
        of(malformed, "EUR").refused(400, "MALFORMED");
    }
    for unknown in ["", "EURO", "XYQ", "978"] {
        of("1", unknown).refused(400, "AMOUNT_INVALID");
    }
    let foreign = of("1", "JPY");
    assert!((400..500).contains(&foreign.status), "{foreign:?}");
    assert_eq!(admin.get(&account).json()["available"]["minor"], json!(9_007_199_254_740_991_u64));
    // One more would be more than an amount holds.
    let more = of("1", "EUR");
    assert!((400..500).contains(&more.status), "{more:?}");
    assert_eq!(admin.get(&account).json()["available"]["minor"], json!(9_007_199_254_740_991_u64));

    let amount = r#""amount":{"minor":1,"currency":"EUR"}"#;
    for malformed in [
        String::new(),
        "{".into(),
        "[]".into(),
        "null".into(),
        format!("{{{amount}}}x"),
        format!("{{{amount},{amount}}}"),
        format!(r#"{{{amount},"memo":"x"}}"#),
        r#"{"amount":{"minor":1,"currency":"EUR","scale":2}}"#.into(),
        r#"{"amount":{"minor":1}}"#.into(),
        "[".repeat(100_000),
    ] {
        raw(&malformed).refused(400, "MALFORMED");
    }
}

#[test]
fn limits_and_payees_stay_within_their_ranges() {
    let world = World::founded();
    let admin = Client::operator(&world);
    let limits = |more: Value| {
        let mut limits = json!({ "per_payment": { "minor": 100, "currency": "EUR" } });
        limits.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        admin.post(&format!("{PREFIX}/accounts"), &json!({ "limits": limits }))
    };
    for accepted in [
        json!({}),
        json!({ "pool": 1 }),
        json!({ "pool": 32 }),
        json!({ "attempts": 3 }),
        json!({ "attempts": 10 }),
    ] {
        limits(accepted).held();
    }
    for refused in [
        json!({ "pool": 0 }),
        json!({ "pool": 33 }),
        json!({ "attempts": 2 }),
        json!({ "attempts": 11 }),
        json!({ "pool": -1 }),
        json!({ "count": 4_294_967_296_u64 }),
        json!({ "velocity": 1 }),
        json!({ "per_payment": { "minor": 0, "currency": "EUR" } }),
    ] {
        let said = limits(refused.clone());
        assert_eq!(said.status, 400, "{refused}: {said:?}");
    }
    admin.post(&format!("{PREFIX}/accounts"), &json!({ "limits": {} })).refused(400, "MALFORMED");

    let payee = |name: &str, mcc: u32, cap: u64| {
        let cap = json!({ "minor": cap, "currency": "EUR" });
        admin.post(&format!("{PREFIX}/payees"), &json!({ "name": name, "mcc": mcc, "cap": cap }))
    };
    payee(&"x".repeat(40), 9999, 1).held();
    for (name, mcc) in [("", 5411), (&"x".repeat(41)[..], 5411), ("x", 10_000), ("x", 65_536)] {
        payee(name, mcc, 1).refused(400, "MALFORMED");
    }
    for missing in [
        "accounts/00",
        "payees/00",
        "accounts/zz",
        &format!("accounts/{}", "0".repeat(32)),
        &format!("payees/{}", "0".repeat(32)),
    ] {
        admin.get(&format!("{PREFIX}/{missing}")).refused(404, "NOT_FOUND");
    }
    admin.fresh().delete(&format!("{PREFIX}/authenticators/zz")).refused(404, "NOT_FOUND");
}

#[test]
fn a_body_that_is_too_long_is_refused() {
    let world = World::founded();
    let admin = Client::operator(&world);
    let path = format!("{PREFIX}/accounts");
    let most = 512 * 1024;
    let padded = |length: usize| {
        let mut body = account(100).to_string().into_bytes();
        body.resize(length, b' ');
        admin.fresh().send("POST", &path, &body)
    };
    padded(most).held();
    padded(most + 1).refused(413, "TOO_LARGE");
    padded(2 * most).refused(413, "TOO_LARGE");
    for route in DEVICE_ROUTES {
        let said = Client::of(&world).send("POST", &format!("{PREFIX}/{route}"), &vec![0; most + 1]);
        assert_eq!((said.status, said.header("content-type")), (413, Some("application/cbor")), "{route}");
        assert!(said.body.starts_with(b"\xA3\x01\x0E\x02\x69TOO_LARGE\x03"), "{route}: {:?}", said.body);
    }
}

#[test]
fn devices_are_refused_in_cbor() {
    let world = World::founded();
    let nobody = Client::of(&world);
    let nested = vec![0x81; 100_000];
    let garbage: [&[u8]; 9] = [
        b"",
        b"\xFF",
        b"{}",
        b"\xA0",
        b"\x80",
        b"\x9F\xFF",
        b"\x5B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        b"\x81\x41\x00",
        &nested,
    ];
    let before = Client::operator(&world).get(&format!("{PREFIX}/evidence")).sequence();
    for route in DEVICE_ROUTES {
        for bytes in garbage {
            let said = nobody.send("POST", &format!("{PREFIX}/{route}"), bytes);
            assert_eq!(
                (said.status, said.header("content-type")),
                (400, Some("application/cbor")),
                "{route}: {said:?}"
            );
            let rest = said
                .body
                .strip_prefix(MALFORMED_CBOR)
                .unwrap_or_else(|| panic!("{route}: {:02X?}", said.body));
            assert_eq!(usize::from(rest[0]), rest.len() - 1, "{route}");
            assert!(
                std::str::from_utf8(&rest[1..]).is_ok_and(|detail| detail.contains("well-formed")),
                "{route}"
            );
        }
    }
    let after = Client::operator(&world).get(&format!("{PREFIX}/evidence")).sequence();
    assert_eq!(before, after, "garbage became a record of the log");
}

#[test]
fn an_answer_names_the_sequence_number_that_it_rests_on() {
    let world = World::founded();
    let admin = Client::operator(&world);
    let account = opened(&admin);
    let mut before = admin.get(&account).sequence();
    for _ in 0..3 {
        let put = admin
            .post(&format!("{account}/funds"), &json!({ "amount": { "minor": 1, "currency": "EUR" } }))
            .held();
        assert!(put.sequence() > before, "{} after {before}", put.sequence());
        before = put.sequence();
        assert!(admin.get(&account).sequence() >= before);
    }
    Client::of(&world).get(&format!("{PREFIX}/keys")).held().sequence();
    admin.with("symbolon-min-sequence", &before.to_string()).get(&account).held();
    admin.with("symbolon-min-sequence", "0").get(&account).held();
    for wrong in ["", "-1", "x", "1.5", "18446744073709551616"] {
        admin.with("symbolon-min-sequence", wrong).get(&account).refused(400, "MALFORMED");
    }
    // The next one comes while the read waits for it.
    let next = (before + 1).to_string();
    let (waited, put) = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| admin.with("symbolon-min-sequence", &next).get(&account));
        std::thread::sleep(Duration::from_millis(300));
        assert!(!waiting.is_finished(), "it did not wait");
        let put =
            admin.post(&format!("{account}/funds"), &json!({ "amount": { "minor": 5, "currency": "EUR" } }));
        (waiting.join().unwrap().held(), put.held())
    });
    assert!(waited.sequence() >= put.sequence());
    assert_eq!(waited.json()["available"]["minor"], json!(8));
    // One that does not come is refused after a patience of 10 seconds.
    let begun = Instant::now();
    let refused = admin.with("symbolon-min-sequence", "18446744073709551615").get(&account);
    refused.refused(503, "BUSY");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!((8..15).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[test]
fn two_hundred_at_once_are_all_answered() {
    let world = World::founded();
    let admin = Client::operator(&world);
    let payers: BTreeSet<String> = std::thread::scope(|scope| {
        let opening: Vec<_> = (0..200).map(|_| scope.spawn(|| opened(&admin))).collect();
        opening.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(payers.len(), 200);
    for account in payers.iter().take(10) {
        admin.get(account).held();
    }
}

/// Requests of others, answered at once while something stalls.
fn others_are_answered(client: &Client, account: &str) {
    for _ in 0..20 {
        let begun = Instant::now();
        client.get(account).held();
        assert!(begun.elapsed() < Duration::from_secs(2), "held up for {:?}", begun.elapsed());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_body_that_stalls_holds_nobody_up_and_is_ended() {
    let world = World::founded();
    let admin = Client::operator(&world);
    let account = opened(&admin);
    let json = format!("{}{{\"limits\"", admin.fresh().head("POST", &format!("{PREFIX}/accounts"), 100));
    let cbor = format!("{}half", Client::of(&world).head("POST", &format!("{PREFIX}/settlements"), 100));
    std::thread::scope(|scope| {
        let halves: Vec<_> = [&json, &cbor]
            .iter()
            .cycle()
            .take(40)
            .map(|half| scope.spawn(|| stalled(&admin, half.as_bytes())))
            .collect();
        others_are_answered(&admin, &account);
        for half in halves {
            let (after, said) = half.join().unwrap();
            let text = String::from_utf8_lossy(&said);
            assert!(text.starts_with("HTTP/1.1 503") && text.contains("BUSY"), "nothing was judged: {text}");
            assert!((8..15).contains(&after.as_secs()), "{after:?}");
        }
    });
}

#[test]
fn a_head_that_stalls_holds_nobody_up_and_is_ended() {
    let world = World::founded();
    let admin = Client::operator(&world);
    let account = opened(&admin);
    let half = admin.head("GET", &account, 0);
    let begun = ["", "G", &half[..half.len() / 2], &half[..half.len() - 1]];
    std::thread::scope(|scope| {
        let halves: Vec<_> = begun
            .iter()
            .cycle()
            .take(40)
            .map(|half| scope.spawn(|| stalled(&admin, half.as_bytes())))
            .collect();
        others_are_answered(&admin, &account);
        let ended = halves.into_iter().map(std::thread::ScopedJoinHandle::join).filter(Result::is_ok).count();
        assert_eq!(ended, 40, "some are held open for ever");
    });
}

#[test]
fn a_stop_waits_five_seconds_for_those_who_stall_and_no_longer() {
    let mut world = World::founded();
    let admin = Client::operator(&world);
    let head = admin.fresh().head("POST", &format!("{PREFIX}/accounts"), 100);
    let stalling: Vec<TcpStream> = (0..4)
        .map(|_| {
            let mut stream = admin.connected();
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    std::thread::sleep(Duration::from_millis(200));
    let begun = Instant::now();
    world.stop_platform();
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    drop(stalling);
}

#[test]
fn pages_for_people_and_for_machines() {
    let world = World::founded();
    let (nobody, admin) = (Client::of(&world), Client::operator(&world));
    let page = nobody.get("/").held();
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let html = String::from_utf8(page.body).unwrap();
    for link in ["/openapi.json", "/health/live", "/health/ready", "/metrics"] {
        assert!(html.contains(&format!("href=\"{link}\"")), "{link}");
        nobody.get(link).held();
    }
    assert_eq!(nobody.get("/health/live").body, b"live\n");
    assert_eq!(nobody.get("/health/ready").body, b"ready\n");
    for (address, client) in [
        ("/v2", &nobody),
        ("/v1", &nobody),
        ("/v1/nothing", &admin),
        ("/v1/offline-payment/nothing", &admin),
        ("/health", &nobody),
    ] {
        client.get(address).refused(404, "NOT_FOUND");
    }

    opened(&admin);
    nobody.get("/v1/keys").refused(401, "UNAUTHORISED");
    let metrics = nobody.get("/metrics").held();
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    let samples = samples(std::str::from_utf8(&metrics.body).unwrap());
    let of = |name: &str| samples.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
    let sequence = admin.get(&format!("{PREFIX}/evidence")).sequence();
    assert_eq!(of("symbolon_sequence"), Some(sequence));
    assert_eq!(of("symbolon_writer_running"), Some(1));
    assert_eq!(of("symbolon_refused_total{code=\"6\"}"), Some(1));
    assert!(of("symbolon_answered_total") > Some(0));
}

/// The routes of `/v1` as the sources name them: method and address.
fn routes_in_the_sources() -> BTreeSet<(String, String)> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../node/api/src");
    let mut routes = BTreeSet::new();
    world::search(&sources, &mut |path, bytes| {
        let folder = path.parent().unwrap();
        let prefix = if folder == sources {
            String::new()
        } else {
            format!("/v1/{}", folder.file_name().unwrap().to_string_lossy().replace('_', "-"))
        };
        for route in String::from_utf8_lossy(bytes).split(".route(\"").skip(1) {
            let (address, rest) = route.split_once('"').unwrap();
            let address = format!("{prefix}{address}");
            let statement = rest.split([';', '}']).next().unwrap();
            for method in ["get", "post", "put", "patch", "delete"] {
                let named = statement.match_indices(&format!("{method}(")).any(|(at, _)| {
                    !statement[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
                });
                if named && address.starts_with("/v1/") {
                    routes.insert((method.to_owned(), address.clone()));
                }
            }
        }
    });
    routes
}

#[test]
fn the_openapi_document_names_every_route_and_says_which_ask_for_a_key() {
    let world = World::founded();
    let nobody = Client::of(&world);
    let document = nobody.get("/openapi.json").held().json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    let mut named = BTreeSet::new();
    for (address, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            named.insert((method.clone(), address.clone()));
            let filled = address
                .split('/')
                .map(|part| if part.starts_with('{') { "00" } else { part })
                .collect::<Vec<_>>()
                .join("/");
            let said = nobody.send(&method.to_uppercase(), &filled, b"");
            assert!([200, 400, 401].contains(&said.status), "{method} {address}: {said:?}");
            assert_eq!(
                said.status == 401,
                operation["security"].is_array(),
                "{method} {address}: {}",
                said.status
            );
        }
        let undocumented =
            ["get", "post", "delete"].iter().find(|method| methods.get(**method).is_none()).unwrap();
        let said = nobody.send(&undocumented.to_uppercase(), &address.replace(['{', '}'], ""), b"");
        assert_eq!(said.status, 405, "{undocumented} {address}");
    }
    let routed = routes_in_the_sources();
    assert!(routed.len() > 15, "{routed:?}");
    assert_eq!(named, routed);
}

#[test]
fn the_platform_says_no_key_of_anybody() {
    let mut world = World::enrolled(10_000, 1_000);
    let admin = Client::operator(&world);
    let (_, key) = added(&admin, "till", &["operate"]);
    let till = Client::of(&world).key(&key);
    opened(&till);
    till.get("/v1/keys").refused(403, "FORBIDDEN");
    till.key(&format!("{key}00")).get("/v1/keys").refused(401, "UNAUTHORISED");
    till.send("NONSENSE", "/", b"");
    world.phone(&["prefetch", "--server", world.http(), "--count", "2"]).unwrap();
    let one_time = std::fs::read_to_string(world.path("platform/first-administrator.key"))
        .unwrap_or_else(|_| key.clone());
    let operator = world.operator().to_owned();
    world.stop_platform();
    let (code, audit) = run(&["verify", "--data", &world.at("platform")]);
    assert_eq!((code, &audit["ok"]), (0, &json!(true)), "{audit}");
    let said = std::fs::read_to_string(world.path("platform.stderr")).unwrap();
    assert!(said.contains("first-administrator.key"), "there was nothing to look at: {said}");
    for secret in [world::PIN, one_time.trim(), &operator, &key] {
        assert!(!said.to_lowercase().contains(&secret.to_lowercase()), "{said}");
    }
}
