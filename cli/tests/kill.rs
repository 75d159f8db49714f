//! Real processes, killed with SIGKILL at changing moments: authenticator, phone, reader and platform in turn. Afterwards everything leads on, and
//! nothing acknowledged is lost, no nonce is spent twice, no object is out that is not recorded, and money is conserved.
mod world;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use world::{World, minor};

const FUNDED: u64 = 1_000_000;
const LIMIT: u64 = 1_000;
const ROUNDS: u64 = 9;

#[test]
fn whatever_is_killed_nothing_acknowledged_is_lost_and_nothing_is_paid_twice() {
    let mut world = World::enrolled(FUNDED, LIMIT);
    for round in 0..ROUNDS {
        world.prefetch_and_kill_the_platform(Duration::from_millis(3 * round));
        pay_and_kill(&mut world, round);
    }
    for round in 0..3 {
        world.upload_and_kill_the_platform(Duration::from_millis(4 * round));
    }
    let shop = world.upload_until_done();
    settled_once(&mut world, &shop);
}

/// One payment with one of its three processes killed in the middle; then everything is started again and led on.
fn pay_and_kill(world: &mut World, round: u64) {
    let amount = 100 + round;
    let glass = world.glass(&format!("glass-{round}"));
    let mut shop = world.charge(amount, &glass);
    let mut phone = world.pay(&glass, false);
    std::thread::sleep(Duration::from_millis(15 + 25 * round));
    match round % 3 {
        0 => world.kill_authenticator(),
        1 => phone.kill().unwrap(),
        _ => shop.kill().unwrap(),
    }
    std::thread::sleep(Duration::from_millis(50));
    let _ = (phone.kill(), shop.kill());
    let _ = (phone.wait(), shop.wait());
    world.restart_authenticator();
    // After a cut the phone may have an object that the shop has not seen, the shop may have one whose receipt the phone lacks, or neither.
    let mut shop = world.charge_resumed(&glass);
    let _ = world.lead_on(&glass);
    let _ = shop.kill();
    let _ = shop.wait();
}

fn settled_once(world: &mut World, shop: &Value) {
    let accepted = shop["objects"].as_array().unwrap();
    let objects: BTreeSet<&str> = accepted.iter().map(|one| one["object"].as_str().unwrap()).collect();
    let tokens: BTreeSet<&str> = accepted.iter().map(|one| one["token"].as_str().unwrap()).collect();
    assert_eq!(
        (objects.len(), tokens.len()),
        (accepted.len(), accepted.len()),
        "a nonce was accepted twice: {shop}"
    );
    assert!(!accepted.is_empty(), "no payment came through at all: {shop}");
    assert!(accepted.iter().all(|one| one["settled"] == json!(true)), "{shop}");

    let phone = world.phone_status();
    let paid = phone["payments"].as_array().unwrap();
    let known: BTreeSet<&str> = paid.iter().map(|one| one["object"].as_str().unwrap()).collect();
    assert!(objects.is_subset(&known), "an object is out that the phone has not recorded: {shop} {phone}");
    let sum: u64 = paid
        .iter()
        .filter(|one| objects.contains(one["object"].as_str().unwrap()))
        .map(|one| minor(&one["amount"]))
        .sum();

    let (payee, account) = (world.payee(), world.account());
    assert_eq!(minor(&payee["credited"]), sum, "{payee}");
    assert_eq!(minor(&payee["loss"]), 0, "an honest phone double-spent: {payee}");
    let (available, reserved) = (minor(&account["available"]), minor(&account["reserved"]));
    assert_eq!(available + reserved + sum, FUNDED, "{account}");
    assert_eq!(reserved % LIMIT, 0, "{account}");

    let audit = world.verify();
    assert_eq!(audit["ok"], json!(true), "{audit}");
    assert_eq!(audit["offline_payment"]["settled"], json!(accepted.len()), "{audit}");
    world.no_secret_anywhere();
}
