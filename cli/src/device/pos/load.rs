//! Many terminals at once: how many payments a second a host answers, and after how long.
use super::Flags;
use super::line::{Card, Line, Outcome};
use super::store::{Asked, Kind, Store};
use crate::report::Failure;
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The most terminals at once.
const TERMINALS_MAX: u32 = 1000;

/// What one terminal saw.
#[derive(Default)]
struct Seen {
    answered: u64,
    approved: u64,
    waits: Vec<Duration>,
}

/// `load`: terminals by the first four characters of this one's name and four digits, each on its own connection, one payment after the other, without keys.
pub fn run(mut flags: Flags, store: &Store) -> Result<Value, Failure> {
    let terminals = flags.number("terminals")?.unwrap_or(4u32);
    let payments = flags.number("payments")?.unwrap_or(100u32);
    let first: u32 = flags.number("first-audit")?.unwrap_or(1);
    if !(1..=TERMINALS_MAX).contains(&terminals)
        || payments == 0
        || first == 0
        || u64::from(first) + u64::from(payments) > 999_999
    {
        return Err(Failure::Misuse(format!(
            "pos load: 1 to {TERMINALS_MAX} terminals, at most 999999 audit numbers"
        )));
    }
    let amount = super::money(&mut flags, store)?;
    let card = super::card(&mut flags)?;
    let timeout = flags.timeout()?;
    flags.end()?;
    let (all, begun) = (Mutex::new(Seen::default()), Instant::now());
    thread::scope(|scope| {
        for number in 1..=terminals {
            let (all, card) = (&all, &card);
            scope.spawn(move || {
                let seen = one(store, number, (first, payments), amount.minor(), card, timeout);
                let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                all.answered += seen.answered;
                all.approved += seen.approved;
                all.waits.extend(seen.waits);
            });
        }
    });
    let took = begun.elapsed();
    let mut seen = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    seen.waits.sort_unstable();
    let of = |hundredth: usize| {
        let at = seen.waits.len().saturating_sub(1) * hundredth / 100;
        seen.waits.get(at).map_or(0, |wait| u64::try_from(wait.as_micros()).unwrap_or(u64::MAX))
    };
    let asked = u64::from(terminals) * u64::from(payments);
    Ok(json!({
        "approved": seen.answered == asked, "asked": asked, "answered": seen.answered, "approvals": seen.approved,
        "p50_us": of(50), "p99_us": of(99), "milliseconds": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    }))
}

fn one(
    store: &Store,
    number: u32,
    (first, payments): (u32, u32),
    minor: u64,
    card: &Card,
    timeout: Duration,
) -> Seen {
    let mut seen = Seen::default();
    let mut setup = store.setup.clone();
    for (place, digit) in setup.terminal.iter_mut().skip(4).zip(format!("{number:04}").bytes()) {
        *place = digit;
    }
    let Ok(mut line) = Line::of(&setup, timeout) else { return seen };
    for audit in first..first.saturating_add(payments) {
        let begun = Instant::now();
        let asked = Asked { kind: Kind::Pay, audit, at_ms: symbolon_transport::clock::wall().0, minor };
        match line.request(store, &asked, None, card) {
            Ok(Outcome::Answered(told)) => {
                seen.answered += 1;
                seen.approved += u64::from(told.action.is_approved());
                seen.waits.push(begun.elapsed());
            }
            Ok(Outcome::Nothing) | Err(_) => {}
        }
    }
    seen
}
