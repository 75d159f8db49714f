//! A power cut at every operation of the disk: what was answered is there, and what was not is there whole or not at all.
use crate::world::*;
use symbolon_log::Log;
use symbolon_log::memory::{MemoryDisk, Unsynced};
use symbolon_machine::{AnyOutcome, verify};
use symbolon_types::UnixMs;

/// What the program saw before the cut.
struct Seen {
    /// Batches that were answered.
    answered: usize,
    answers: Vec<Vec<(u64, AnyOutcome)>>,
}

/// Runs the script until the disk fails, with a checkpoint after every `every` batches.
fn run(disk: &MemoryDisk, shelf: &Shelf, every: usize) -> Seen {
    let mut seen = Seen { answered: 0, answers: Vec::new() };
    let Ok((mut machine, _)) = open(disk.clone(), shelf.clone(), NEVER) else { return seen };
    for step in script() {
        let Ok(answers) = machine.step(step.at, &step.submissions) else { return seen };
        seen.answered += 1;
        seen.answers.push(answers);
        if seen.answered.is_multiple_of(every) && machine.checkpoint(None).is_err() {
            return seen;
        }
    }
    seen
}

/// Opens what is left and holds it against what was answered and what the rows must be.
fn check(disk: &MemoryDisk, shelf: &Shelf, seen: &Seen, expected: &[Dump], case: &str) {
    let (mut machine, _) =
        open(disk.clone(), shelf.clone(), NEVER).unwrap_or_else(|error| panic!("{case}: {error}"));
    let rows = dump(&machine);
    let whole = expected.iter().skip(seen.answered).take(2).position(|dump| *dump == rows);
    assert!(
        whole.is_some(),
        "{case}: the rows are neither those that were answered nor those of one batch more"
    );
    audit(&machine);
    let (log, _) = Log::open(disk.copy(), OPTIONS).unwrap();
    verify(&log, shelf).unwrap_or_else(|error| panic!("{case}: {error}"));
    // An id that is still kept gets its first answer again; nothing is run twice.
    let at = UnixMs(machine.head().at_ms);
    for (step, answers) in script().iter().zip(&seen.answers) {
        let young = step.at.plus_ms(symbolon_machine::ID_KEPT_MS) > at;
        let repeated = machine.step(at, &step.submissions).unwrap();
        for ((_, first), (_, again)) in answers.iter().zip(&repeated) {
            let is_grant = matches!(
                first,
                AnyOutcome::OfflinePayment(symbolon_offline_payment::state::Outcome::Granted(_))
            );
            if young && !is_grant {
                assert_eq!(first, again, "{case}");
            }
        }
    }
    audit(&machine);
}

#[test]
fn a_power_cut_at_any_operation_loses_nothing_that_was_answered() {
    let expected = expected();
    for every in [usize::MAX, 1, 4] {
        let disk = MemoryDisk::default();
        run(&disk, &Shelf::default(), every);
        let operations = disk.operations();
        assert!(operations > 40, "the script has several segments");
        for cut in 0..=operations {
            for unsynced in [Unsynced::Lost, Unsynced::Kept, Unsynced::Torn(cut)] {
                let (disk, shelf) = (MemoryDisk::default(), Shelf::default());
                disk.cut_after(cut);
                let seen = run(&disk, &shelf, every);
                disk.restart(unsynced);
                let case =
                    format!("cut after {cut} of {operations}, {unsynced:?}, checkpoints every {every}");
                check(&disk, &shelf, &seen, &expected, &case);
            }
        }
    }
}

#[test]
fn a_second_cut_while_opening_again_loses_nothing_either() {
    let expected = expected();
    let whole = MemoryDisk::default();
    run(&whole, &Shelf::default(), 4);
    for cut in (0..whole.operations()).step_by(5) {
        for second in 0..8 {
            let (disk, shelf) = (MemoryDisk::default(), Shelf::default());
            disk.cut_after(cut);
            let seen = run(&disk, &shelf, 4);
            disk.restart(Unsynced::Torn(cut));
            disk.cut_after(second);
            let _ = open(disk.clone(), shelf.clone(), NEVER);
            disk.restart(Unsynced::Torn(second));
            check(&disk, &shelf, &seen, &expected, &format!("cut after {cut}, then after {second}"));
        }
    }
}
