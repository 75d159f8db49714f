//! Order and replay: the rows are those of the log, wherever the last checkpoint was.
use crate::world::*;
use symbolon_log::memory::MemoryDisk;
use symbolon_machine::{AnyOutcome, MachineError, Policy, Submission};
use symbolon_offline_payment::state::{Outcome, Source};
use symbolon_store::Tables;
use symbolon_types::UnixMs;

/// Runs the script with a checkpoint after each batch that is named, restarting there too when told.
fn run(checkpoints: impl Fn(usize) -> bool, restart: bool) -> (MemoryDisk, Shelf) {
    let (disk, shelf) = (MemoryDisk::default(), Shelf::default());
    let (mut machine, _) = open(disk.clone(), shelf.clone(), NEVER).unwrap();
    for (n, step) in script().into_iter().enumerate() {
        machine.step(step.at, &step.submissions).unwrap();
        if checkpoints(n) {
            assert!(machine.checkpoint(None).unwrap());
        }
        if restart && checkpoints(n) {
            drop(machine);
            machine = open(disk.clone(), shelf.clone(), NEVER).unwrap().0;
        }
    }
    (disk, shelf)
}

#[test]
fn the_script_does_what_it_is_there_for() {
    let (mut machine, _) = open(MemoryDisk::default(), Shelf::default(), NEVER).unwrap();
    let mut answers = Vec::new();
    for step in script() {
        answers.push(machine.step(step.at, &step.submissions).unwrap());
    }
    let numbers: Vec<u64> = answers.iter().flatten().map(|(sequence, _)| *sequence).collect();
    assert_eq!(numbers, (1..=u64::try_from(numbers.len()).unwrap()).collect::<Vec<_>>(), "one order, from 1");
    let outcome = |batch: usize, place: usize| answers[batch][place].1.clone();
    assert!(
        matches!(outcome(4, 0), AnyOutcome::OfflinePayment(Outcome::Granted(grants)) if grants.len() == 3)
    );
    let source = |outcome| match outcome {
        AnyOutcome::OfflinePayment(Outcome::Settled(settled)) => Some(settled.source),
        _ => None,
    };
    assert_eq!(source(outcome(6, 0)), Some(Source::Reservation));
    assert!(matches!(outcome(7, 0), AnyOutcome::OfflinePayment(Outcome::Reconciled(_))));
    assert_eq!(source(outcome(8, 0)), Some(Source::Loss));
    assert_eq!(outcome(8, 1), refused_01(132));
    assert_eq!(outcome(9, 1), refused_01(122));
    assert_eq!(outcome(9, 2), refused_01(5));
    let rows = |table: u16| dump(&machine).iter().filter(|(found, _, _)| *found == table).count();
    assert_eq!((rows(5), rows(12)), (1, 0), "ids and holds have fallen due; the last id has not");
    audit(&machine);
}

#[test]
fn a_restart_is_the_last_checkpoint_and_the_logs_tail_wherever_it_was() {
    let expected = expected();
    let last = expected.last().unwrap();
    let batches = script().len();
    for at in 0..batches {
        let (disk, shelf) = run(|n| n == at, false);
        let (machine, opened) = open(disk.clone(), shelf.clone(), NEVER).unwrap();
        let tail: usize = script().iter().skip(at + 1).map(|step| step.submissions.len()).sum();
        assert_eq!(opened.replayed, u64::try_from(tail).unwrap(), "checkpoint after batch {at}");
        assert_eq!(&dump(&machine), last, "checkpoint after batch {at}");
        assert_eq!(&dump(&replayed(&disk)), last);
    }
    for every in 1..=3 {
        let (disk, shelf) = run(|n| n % every == 0, true);
        let (machine, _) = open(disk, shelf, NEVER).unwrap();
        assert_eq!(&dump(&machine), last, "restarted at each checkpoint, every {every} batches");
    }
}

#[test]
fn tables_of_any_checkpoint_open_over_any_later_log_and_over_no_earlier_one() {
    let (disk, shelf) = (MemoryDisk::default(), Shelf::default());
    let (mut machine, _) = open(disk.clone(), shelf.clone(), NEVER).unwrap();
    let mut disks = Vec::new();
    for step in script() {
        machine.step(step.at, &step.submissions).unwrap();
        machine.checkpoint(None).unwrap();
        disks.push(disk.copy());
    }
    let expected = expected();
    for (at, tables) in shelf.checkpoints().into_iter().enumerate() {
        for (end, disk) in disks.iter().enumerate() {
            match open(disk.copy(), Shelf::of(tables.clone()), NEVER) {
                Ok((machine, _)) if at <= end => assert_eq!(dump(&machine), expected[end + 1]),
                Err(MachineError::TablesNotOfLog) if at > end => {}
                other => panic!("checkpoint {at}, log of batch {end}: {:?}", other.map(|(_, opened)| opened)),
            }
        }
    }
    let (mut other, _) = open(MemoryDisk::default(), Shelf::default(), NEVER).unwrap();
    for n in 0..40 {
        other.step(UnixMs(START), &[Submission::natural(add_key("other", n))]).unwrap();
    }
    other.checkpoint(None).unwrap();
    for tables in shelf.checkpoints() {
        let disk = MemoryDisk::default();
        let (mut stranger, _) = open(disk.clone(), Shelf::default(), NEVER).unwrap();
        for n in 0..40 {
            stranger.step(UnixMs(START), &[Submission::natural(add_key("stranger", n))]).unwrap();
        }
        drop(stranger);
        assert!(matches!(open(disk, Shelf::of(tables), NEVER), Err(MachineError::TablesNotOfLog)));
    }
}

#[test]
fn how_submissions_are_grouped_does_not_show_in_the_rows() {
    let last = expected().pop().unwrap();
    let (mut single, _) = open(MemoryDisk::default(), Shelf::default(), NEVER).unwrap();
    for step in script() {
        for submission in &step.submissions {
            single.step(step.at, std::slice::from_ref(submission)).unwrap();
        }
        if step.submissions.is_empty() {
            single.step(step.at, &[]).unwrap();
        }
    }
    assert_eq!(dump(&single), last, "each alone");
    let (mut joined, _) = open(MemoryDisk::default(), Shelf::default(), NEVER).unwrap();
    let mut steps = script().into_iter().peekable();
    while let Some(mut step) = steps.next() {
        while let Some(more) = steps.next_if(|next| next.at == step.at) {
            step.submissions.extend(more.submissions);
        }
        joined.step(step.at, &step.submissions).unwrap();
    }
    assert_eq!(dump(&joined), last, "all of one time together");
}

#[test]
fn time_never_goes_back_with_the_clock() {
    let disk = MemoryDisk::default();
    let (mut machine, _) = open(disk.clone(), Shelf::default(), NEVER).unwrap();
    machine.step(UnixMs(START + 500), &[Submission::natural(add_key("key", 1))]).unwrap();
    machine.step(UnixMs(START), &[Submission::natural(add_key("key", 2))]).unwrap();
    assert_eq!(machine.head().at_ms, START + 500);
    assert_eq!(dump(&replayed(&disk)), dump(&machine));
}

#[test]
fn a_checkpoint_is_due_by_bytes_by_age_and_after_an_empty_batch() {
    let policy = Policy { checkpoint_bytes: 1000, checkpoint_ms: 10_000 };
    let shelf = Shelf::default();
    let (mut machine, _) = open(MemoryDisk::default(), shelf.clone(), policy).unwrap();
    let add = |n| [Submission::natural(add_key("key", n))];
    machine.step(UnixMs(START), &add(0)).unwrap();
    assert!(machine.checkpoint(Some(UnixMs(START))).unwrap(), "the log was empty before, for ever");
    assert!(!machine.checkpoint(Some(UnixMs(START + 20_000))).unwrap(), "nothing is new");
    machine.step(UnixMs(START), &add(1)).unwrap();
    assert!(!machine.checkpoint(Some(UnixMs(START + 9999))).unwrap());
    assert!(machine.checkpoint(Some(UnixMs(START + 10_000))).unwrap());
    machine.step(UnixMs(START + 10_000), &[]).unwrap();
    assert!(machine.checkpoint(Some(UnixMs(START + 20_000))).unwrap(), "an empty batch is something new");
    assert_eq!(shelf.head_hash().0, machine.head().hash.0);
    for n in 2..20 {
        machine.step(UnixMs(START + 20_000), &add(n)).unwrap();
    }
    assert!(machine.checkpoint(Some(UnixMs(START + 20_000))).unwrap(), "much is new");
    machine.step(UnixMs(START + 20_000), &add(20)).unwrap();
    assert!(machine.checkpoint(Some(UnixMs(START))).unwrap(), "the clock was set back");
}

#[test]
fn a_long_replay_takes_checkpoints_on_its_way() {
    let (disk, _) = run(|_| false, false);
    let shelf = Shelf::default();
    let policy = Policy { checkpoint_bytes: 2000, checkpoint_ms: u64::MAX };
    let (machine, _) = open(disk.copy(), shelf.clone(), policy).unwrap();
    assert_eq!(dump(&machine), *expected().last().unwrap());
    let taken = shelf.checkpoints();
    assert!(taken.len() > 2 && taken.len() < script().len(), "{}", taken.len());
    for tables in taken {
        let (machine, _) = open(disk.copy(), Shelf::of(tables), NEVER).unwrap();
        assert_eq!(dump(&machine), *expected().last().unwrap());
    }
}
