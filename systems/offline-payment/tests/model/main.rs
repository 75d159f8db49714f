//! Random lives of the whole system against a tiny reference model of its specification.
//!
//! ```text
//!   operations.rs  what may happen        reference/  what must come of it        drive/  does it, and compares
//! ```
//! 100 lives of up to 60 operations, the same in every run; `PROPTEST_CASES` asks for more, each time others, and `PROPTEST_RNG_SEED` for certain
//! ones. A life that fails is shortened and printed.
mod drive;
mod operations;
mod reference;
#[path = "../world/mod.rs"]
mod world;

use drive::Drive;
use operations::{Op, life};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

/// What the lives must come to, or they show nothing of it.
const REACHED: [&str; 36] = [
    "cut: state 0 of 2",
    "cut: state 1 of 2",
    "cut: state 0 of 3",
    "cut: state 1 of 3",
    "cut: state 2 of 3",
    "grant: OK",
    "grant: FUNDS_SHORT",
    "grant: NONCE_REPEATED",
    "grant: POOL_FULL",
    "grant: REVOKED",
    "machine: OK",
    "machine: BUSY",
    "machine: CHALLENGE_UNKNOWN",
    "machine: CRED_WRONG",
    "machine: CRED_LOCKED",
    "machine: EXPIRED",
    "machine: LIMIT_CUM",
    "machine: LIMIT_TX",
    "machine: NONCE_SPENT",
    "machine: STORE_ROLLBACK",
    "machine: TIP_TOO_HIGH",
    "machine: OPEN_FAILED",
    "machine: UV_TOO_WEAK",
    "enrolment: OK",
    "report: OK",
    "report: REVOKED",
    "settlement: OK",
    "settlement: DUPLICATE",
    "settlement: NONCE_SPENT",
    "settlement: REVOKED",
    "settlement: OUTSIDE_CAP",
    "settlement: SETTLED_LATE",
    "the payee: DENY_LIST_OLD",
    "the payee: REVOKED",
    "refund: REFUND_TOO_HIGH",
    "ticks back: CLOCK_BACK",
];

/// What proptest runs when nothing is asked for.
const CASES_UNASKED: u32 = 256;

fn config(asked: Config, unasked: bool) -> Config {
    let (cases, rng_seed) = if unasked { (100, RngSeed::Fixed(1)) } else { (asked.cases, asked.rng_seed) };
    Config { cases, rng_seed, failure_persistence: None, max_shrink_iters: 3000, ..asked }
}

fn live(life: &[Op]) -> Result<(), TestCaseError> {
    let mut drive = Drive::new();
    for (number, op) in life.iter().enumerate() {
        drive
            .step(op)
            .map_err(|differs| TestCaseError::fail(format!("operation {number}, {op:?}: {differs}")))?;
    }
    Ok(())
}

fn readable(failure: &TestError<Vec<Op>>) -> String {
    let TestError::Fail(reason, life) = failure else { return failure.to_string() };
    let lines = life.iter().enumerate().map(|(number, op)| format!("\n  {number:>2} {op:?}"));
    format!("{reason}\nthe shortest life that shows it:{}", lines.collect::<String>())
}

#[test]
fn every_life_is_as_the_model_says() {
    let asked = Config::default();
    let unasked = asked.cases == CASES_UNASKED;
    let mut runner = TestRunner::new(config(asked, unasked));
    if let Err(failure) = runner.run(&life(), |life| live(&life)) {
        panic!("{}\n{runner}", readable(&failure));
    }
    let agreed = drive::agreed_answers();
    for (answer, times) in &agreed {
        println!("{times:>7} {answer}");
    }
    for answer in REACHED.iter().filter(|_| unasked) {
        assert!(agreed.contains_key(*answer), "no life came to {answer:?}");
    }
}
