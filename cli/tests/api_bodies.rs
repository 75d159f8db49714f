//! How the platform tells a body that did not come whole from one that is wrong, and what a request that comes again adds to the log: of a real
//! `serve` process, over bare sockets.
mod world;

use serde_json::{Value, json};
use std::io::Write;
use std::net::Shutdown;
use std::time::Duration;
use world::client::{Answer, Client, answer};
use world::{World, awaited, run, text};

const PREFIX: &str = "/v1/offline-payment";

/// The head of a message to a device route: `{1: CODE, 2: "NAME", 3: …}` (RFC 8949 §3).
fn refusal_cbor(code: u8, name: &str) -> Vec<u8> {
    let length = 0x60 | u8::try_from(name.len()).unwrap();
    [&[0xA3, 1, code, 2, length], name.as_bytes(), &[3, 0x78]].concat()
}

fn account() -> Value {
    json!({ "limits": { "per_payment": { "minor": 100, "currency": "EUR" } } })
}

/// Sends a request in pieces, with a pause before each but the first; `ends` where the sender breaks off after the last.
fn in_pieces(client: &Client, pieces: &[&[u8]], pause: Duration, ends: bool) -> Answer {
    let mut stream = client.connected();
    for (number, piece) in pieces.iter().enumerate() {
        if number > 0 {
            std::thread::sleep(pause);
        }
        stream.write_all(piece).unwrap();
    }
    if ends {
        stream.shutdown(Shutdown::Write).unwrap();
    }
    answer(&mut stream)
}

/// The head of a request whose body comes in chunks (RFC 9112 §7.1).
fn chunked(client: &Client, path: &str) -> Vec<u8> {
    client.head("POST", path, 0).replace("content-length: 0", "transfer-encoding: chunked").into_bytes()
}

#[test]
fn a_body_that_is_slow_is_busy_and_one_that_is_broken_off_is_malformed() {
    let world = World::founded();
    let (admin, nobody) = (Client::operator(&world), Client::of(&world));
    let (accounts, settlements) = (format!("{PREFIX}/accounts"), format!("{PREFIX}/settlements"));
    let body = account().to_string().into_bytes();
    let (first, rest) = body.split_at(7);
    let head = |client: &Client, path: &str| client.head("POST", path, body.len()).into_bytes();
    let soon = Duration::from_millis(700);

    // The twin that is answered: the same pieces, slow but in time.
    in_pieces(&admin, &[&head(&admin.fresh(), &accounts), first, rest], soon, false).held();
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| {
            in_pieces(&admin, &[&head(&admin.fresh(), &accounts), first], soon, false).refused(503, "BUSY");
        });
        let slow_device = scope.spawn(|| {
            let said = in_pieces(&nobody, &[&head(&nobody, &settlements), first], soon, false);
            assert_eq!((said.status, said.header("retry-after")), (503, Some("1")), "{said:?}");
            assert!(said.body.starts_with(&refusal_cbor(4, "BUSY")), "{said:?}");
        });
        // A byte now and then does not make it a body in time.
        let dripping = scope.spawn(|| {
            let (head, bytes) =
                (head(&admin.fresh(), &accounts), body.chunks(1).take(12).collect::<Vec<_>>());
            let pieces: Vec<&[u8]> = std::iter::once(head.as_slice()).chain(bytes).collect();
            in_pieces(&admin, &pieces, soon, false).refused(503, "BUSY");
        });
        [slow, slow_device, dripping].into_iter().for_each(|one| one.join().unwrap());
    });

    in_pieces(&admin, &[&head(&admin.fresh(), &accounts), first], soon, true).refused(400, "MALFORMED");
    let said = in_pieces(&nobody, &[&head(&nobody, &settlements), first], soon, true);
    assert_eq!(said.status, 400, "{said:?}");
    assert!(said.body.starts_with(&refusal_cbor(1, "MALFORMED")), "{said:?}");
}

#[test]
fn a_body_in_chunks_is_held_to_the_same_bounds() {
    let world = World::founded();
    let admin = Client::operator(&world);
    let path = format!("{PREFIX}/accounts");
    let body = account().to_string();
    let of = |chunks: &[u8], ends: bool| {
        in_pieces(&admin, &[&chunked(&admin.fresh(), &path), chunks], Duration::ZERO, ends)
    };
    let whole = |length: usize| {
        let (mut padded, most) = (body.clone().into_bytes(), 64 * 1024);
        padded.resize(padded.len().max(length), b' ');
        let chunk = |part: &[u8]| [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat();
        [padded.chunks(most).flat_map(chunk).collect(), b"0\r\n\r\n".to_vec()].concat()
    };
    of(&whole(0), false).held();
    of(&whole(512 * 1024), false).held();
    of(&whole(512 * 1024 + 1), false).refused(413, "TOO_LARGE");
    // A chunk whose length is no number, and one that is not all there.
    of(b"zz\r\n{}\r\n0\r\n\r\n", false).refused(400, "MALFORMED");
    of(b"40\r\n{\"limits\"", true).refused(400, "MALFORMED");
}

/// A payment that is settled and in part given back: the exact bytes of settlement and refund, and of what the phone sent to be granted.
fn settled(world: &World) -> [(&'static str, Vec<u8>); 2] {
    let (glass, store, http) = (world.glass("glass"), world.at("shop"), world.http().to_owned());
    world.phone(&["prefetch", "--server", &http, "--count", "1"]).unwrap();
    let charged = world.charge(700, &glass);
    assert_eq!(awaited(world.pay(&glass, false)).0, 0);
    let (code, charged) = awaited(charged);
    assert_eq!(code, 0, "{charged}");
    let shop = |action: &str, words: &[&str]| {
        let at = world.at(action);
        let all = ["--store", &store, "--server", &http, "--evidence", &at];
        let (code, said) = run(&[&["device", "reader", action], words, &all[..]].concat());
        assert_eq!(code, 0, "{said}");
        at
    };
    let read = |folder: String, name: &str| std::fs::read(world.evidence(&folder, name)).unwrap();
    let settlement = read(shop("upload", &[]), "settlement-");
    let refund = read(shop("refund", &[&text(&charged, "object"), "200"]), "refund.");
    [("settlements", settlement), ("refunds", refund)]
}

#[test]
fn what_was_answered_before_is_answered_again_and_the_log_stays_where_it_is() {
    let world = World::enrolled(10_000, 1_000);
    let (nobody, admin) = (Client::of(&world), Client::operator(&world));
    let sent = settled(&world);
    let at = || admin.get(&format!("{PREFIX}/evidence")).held().sequence();
    // The twin that appends: the same money brought in under an id of its own each time.
    let funds = format!("{PREFIX}/accounts/{}/funds", world.payer_id());
    let brought = json!({ "amount": { "minor": 1, "currency": "EUR" } });
    let before = at();
    for more in 1..=3 {
        assert_eq!(admin.post(&funds, &brought).held().sequence(), before + more);
    }
    let stands = at();
    assert_eq!(stands, before + 3);
    for (route, bytes) in &sent {
        let path = format!("{PREFIX}/{route}");
        let first = nobody.send("POST", &path, bytes).held();
        for _ in 0..20 {
            let again = nobody.send("POST", &path, bytes).held();
            assert_eq!((&again.body, again.sequence()), (&first.body, stands), "{route}");
        }
        // Nor does one that differs by a bit, and is refused.
        let mut wrong = bytes.clone();
        wrong.last_mut().into_iter().for_each(|byte| *byte ^= 1);
        let said = nobody.send("POST", &path, &wrong);
        assert!((400..500).contains(&said.status), "{route}: {said:?}");
    }
    let account = admin.get(&format!("{PREFIX}/accounts/{}", world.payer_id())).held();
    assert_eq!((at(), account.sequence()), (stands, stands));
}
