//! The world finds bugs that are planted in it, and cuts the schedule that found them down to what is needed.
use symbolon_sim::{Planted, STEPS_USUAL, Shrunk, play, run_with, shrunk};

/// The first of these seeds that fails, shrunk.
fn found(planted: Planted) -> Shrunk {
    let seed =
        (0..100).find(|seed| !run_with(*seed, STEPS_USUAL, planted).ok()).expect("no seed found the bug");
    let whole = run_with(seed, STEPS_USUAL, planted).failure.unwrap();
    let shrunk = shrunk(seed, STEPS_USUAL, planted).unwrap();
    let failure = shrunk.report.failure.as_ref().unwrap();
    assert_eq!(failure.invariant, whole.invariant, "what is left breaks the same invariant");
    assert!(shrunk.actions.len() <= whole.step + 1);
    shrunk
}

/// The shrunk actions fail again, and with any one of them left out they do not.
fn is_least(shrunk: &Shrunk, planted: Planted) {
    let actions: Vec<_> = shrunk.actions.iter().map(|(_, action)| *action).collect();
    let again = play(shrunk.report.seed, planted, &actions);
    assert_eq!(again, shrunk.report);
    let invariant = shrunk.report.failure.as_ref().unwrap().invariant;
    for at in 0..actions.len() {
        let mut less = actions.clone();
        less.remove(at);
        let less = play(shrunk.report.seed, planted, &less).failure;
        assert!(less.is_none_or(|failure| failure.invariant != invariant), "action {at} was not needed");
    }
}

#[test]
fn a_disk_that_lies_of_its_syncs_is_found_and_shrunk() {
    let planted = Planted { danger_sync_lies: true, ..Planted::default() };
    let shrunk = found(planted);
    assert_eq!(shrunk.report.failure.as_ref().unwrap().invariant, "reply-after-sync");
    is_least(&shrunk, planted);
    assert!(shrunk.actions.len() <= 3, "{:?}", shrunk.actions);
}

#[test]
fn a_payee_that_is_credited_unchecked_is_found_and_shrunk() {
    let planted = Planted { danger_credit_unchecked: true, ..Planted::default() };
    let shrunk = found(planted);
    is_least(&shrunk, planted);
    assert!(shrunk.actions.len() <= 20, "{:?}", shrunk.actions);
}

#[test]
fn a_seed_that_holds_has_nothing_to_shrink() {
    assert!(shrunk(1, 20, Planted::default()).is_none());
}
