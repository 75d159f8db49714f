//! Seeds of the whole world: they hold, they are the same each time, and between them every fault, every action and every refusal that
//! matters has been seen, so that nothing holds for want of trying.
use std::collections::BTreeSet;
use symbolon_sim::{Counts, Report, STEPS_USUAL, run};

/// Seeds of the coverage.
const SEEDS: u64 = 200;

const FAULTS: &[&str] = &[
    "authenticator-medium-fails",
    "authenticator-power-cut",
    "authenticator-store-put-back",
    "bad-weather",
    "checkpoint-failed",
    "disk-failed",
    "disk-full",
    "link-cut",
    "packet-cut-off",
    "packet-lost",
    "packet-overtaken",
    "packet-twice",
    "payee-clock-jumps",
    "payee-power-cut",
    "phone-copied",
    "phone-power-cut",
    "phone-store-put-back",
    "platform-clock-jumps",
    "platform-killed",
    "platform-power-cut",
    "start-failed",
    "sync-fails",
    "torn-tail",
];

const REFUSALS: &[&str] = &[
    "ALREADY_ENROLLED",
    "AMOUNT_INVALID",
    "BAD_GRANT",
    "BAD_SIG",
    "BUSY",
    "CHALLENGE_UNKNOWN",
    "CLOCK_BACK",
    "CODE_UNKNOWN",
    "CONFLICT",
    "CRED_LOCKED",
    "CRED_WRONG",
    "DUPLICATE",
    "EXPIRED",
    "LIMIT_CUM",
    "MALFORMED",
    "NONCE_REPEATED",
    "NONCE_SPENT",
    "NONCE_UNKNOWN",
    "NOT_ENROLLED",
    "NO_NONCE",
    "ONLINE",
    "OPEN_FAILED",
    "OTP_USED",
    "OUTSIDE_CAP",
    "PAYEE_UNKNOWN",
    "POOL_FULL",
    "REVOKED",
    "SETTLED_LATE",
    "STORE_FAILED",
    "STORE_ROLLBACK",
    "UNAVAILABLE",
    "WRONG_PAYEE",
];

const INVARIANTS: &[&str] = &[
    "accepted-was-emitted",
    "acknowledged-is-kept",
    "attempts-are-bounded",
    "challenge-paid-once",
    "comes-to-rest",
    "every-receipt-is-answered",
    "emitted-as-asked",
    "evidence-names-the-guilty",
    "honest-devices-stay",
    "honest-payee-is-paid",
    "log-opens",
    "log-time-rises",
    "losses-are-of-copied-devices",
    "money-conserved",
    "never-halts",
    "nonce-emitted-once",
    "one-credit-a-nonce-and-payee",
    "paid-what-was-accepted",
    "payers-pay-what-was-settled",
    "posted-within-reserved-and-losses-within-caps",
    "recorded-before-emitted",
    "repeat-answers-the-same",
    "reply-after-sync",
    "reservations-end",
    "settled-was-accepted-in-time",
    "state-is-the-fold",
    "uploads-are-of-one-payment",
    "verified",
];

/// Actions that do something only where the world has come that far.
const DONE: &[&str] = &[
    "one-challenge-paid-twice",
    "one-nonce-paid-twice",
    "paid",
    "re-enrolment",
    "upload-at-another-time",
    "upload-changed",
    "upload-mixed",
    "upload-of-another",
    "upload-twice",
];

fn summed(reports: &[Report], part: impl Fn(&Report) -> &Counts) -> Counts {
    let mut sum = Counts::new();
    reports.iter().flat_map(part).for_each(|(name, count)| *sum.entry(name).or_default() += count);
    sum
}

fn missing<'a>(wanted: &[&'a str], seen: &Counts) -> BTreeSet<&'a str> {
    wanted.iter().copied().filter(|name| !seen.contains_key(name)).collect()
}

#[test]
fn two_hundred_seeds_hold_and_see_every_fault_action_invariant_and_refusal() {
    let reports: Vec<Report> = std::thread::scope(|scope| {
        let quarter = |from: u64| {
            scope.spawn(move || (from..SEEDS).step_by(4).map(|seed| run(seed, STEPS_USUAL)).collect())
        };
        let quarters: Vec<_> = (0..4).map(quarter).collect();
        quarters.into_iter().flat_map(|quarter| -> Vec<Report> { quarter.join().unwrap() }).collect()
    });
    for report in &reports {
        assert!(report.ok(), "{report:#?}");
        assert_eq!(report.steps, STEPS_USUAL);
    }
    let actions = summed(&reports, |report| &report.actions);
    assert_eq!(missing(FAULTS, &summed(&reports, |report| &report.faults)), BTreeSet::new());
    assert_eq!(missing(REFUSALS, &summed(&reports, |report| &report.refusals)), BTreeSet::new());
    assert_eq!(missing(INVARIANTS, &summed(&reports, |report| &report.invariants)), BTreeSet::new());
    assert_eq!(missing(DONE, &actions), BTreeSet::new());
    assert_eq!(missing(&symbolon_sim::actions(), &actions), BTreeSet::new());
    assert!(actions["paid"] > 3 * SEEDS, "the world is not idle: {} payments", actions["paid"]);
}

#[test]
fn the_same_seed_gives_the_same_report_and_another_another() {
    let first = run(7, STEPS_USUAL);
    assert_eq!(first, run(7, STEPS_USUAL));
    assert_ne!(first.refusals, run(8, STEPS_USUAL).refusals);
}

#[test]
fn a_world_of_no_steps_comes_to_rest() {
    let report = run(1, 0);
    assert!(report.ok() && report.invariants["comes-to-rest"] == 1, "{report:#?}");
}
