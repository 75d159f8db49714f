//! A disk that is full, and one whose sync fails.
use crate::world::*;
use std::sync::mpsc::channel;
use symbolon_log::memory::{MemoryDisk, Unsynced};
use symbolon_log::{DiskError, LogError};
use symbolon_machine::{Answer, MachineError, Submission, Writer, scopes_of};
use symbolon_types::{CoreRefusal, UnixMs};

fn add(n: u64) -> Submission {
    Submission::with_id(add_key("key", n), ALICE, id(START, n))
}

/// No file may grow, and none be added.
fn fill(disk: &MemoryDisk) {
    let used = disk.names().iter().map(|name| disk.bytes(name).len()).sum::<usize>();
    disk.set_bytes_max(Some(u64::try_from(used).unwrap()));
}

#[test]
fn a_full_disk_refuses_the_batch_and_goes_on_when_there_is_room() {
    let disk = MemoryDisk::default();
    let (mut machine, _) = open(disk.clone(), Shelf::default(), NEVER).unwrap();
    fill(&disk);
    let mut taken = 0;
    let refused = loop {
        match machine.step(UnixMs(START), &[add(taken)]) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, MachineError::Log(LogError::Full)), "{refused}");
    assert!(taken > 3);
    let before = dump(&machine);
    assert!(matches!(machine.step(UnixMs(START), &[add(taken)]), Err(MachineError::Log(LogError::Full))));
    machine.idle().unwrap();
    assert_eq!((machine.head().sequence, dump(&machine)), (taken, before));
    assert!(machine.checkpoint(None).unwrap(), "the tables have their own room");
    disk.set_bytes_max(None);
    assert_eq!(machine.step(UnixMs(START), &[add(taken)]).unwrap(), [(taken + 1, DONE)]);
    assert_eq!(dump(&replayed(&disk)), dump(&machine));
}

#[test]
fn the_writer_answers_not_durable_while_the_disk_is_full() {
    let disk = MemoryDisk::default();
    let (machine, _) = open(disk.clone(), Shelf::default(), NEVER).unwrap();
    let (writer, reader) = Writer::start(machine, || UnixMs(START));
    fill(&disk);
    let answers: Vec<Answer> = (0..60).map(|n| writer.submit_and_wait(add(n))).collect();
    let taken = answers.iter().take_while(|answer| answer.is_ok()).count();
    assert!(taken > 3);
    assert!(answers[taken..].iter().all(|answer| *answer == Err(CoreRefusal::NotDurable)));
    assert!(writer.is_running());
    let (at, unseen) = reader.read(|rows| scopes_of(rows, &hash("key", 59))).unwrap();
    assert_eq!((at, unseen.len()), (u64::try_from(taken).unwrap(), 0));
    disk.set_bytes_max(None);
    assert_eq!(writer.submit_and_wait(add(59)), Ok((at + 1, DONE)), "what was refused may be sent again");
    writer.stop().unwrap();
}

#[test]
fn a_failed_sync_ends_writing_and_shows_nothing_of_its_batch() {
    for unsynced in [Unsynced::Lost, Unsynced::Kept, Unsynced::Torn(7)] {
        let disk = MemoryDisk::default();
        let (mut machine, _) = open(disk.clone(), Shelf::default(), NEVER).unwrap();
        machine.step(UnixMs(START), &[add(0)]).unwrap();
        let before = dump(&machine);
        disk.fail_sync_after(0);
        let failed = machine.step(UnixMs(START), &[add(1), add(2)]);
        assert!(matches!(failed, Err(MachineError::Log(LogError::Disk(DiskError::Medium(_))))));
        assert_eq!(dump(&machine), before, "what is durable stays readable, and nothing else");
        assert!(matches!(machine.step(UnixMs(START), &[add(3)]), Err(MachineError::Log(LogError::Ended))));
        assert!(matches!(machine.idle(), Err(MachineError::Log(LogError::Ended))));
        drop(machine);
        disk.restart(unsynced);
        let (mut machine, _) = open(disk.clone(), Shelf::default(), NEVER).unwrap();
        let keys = dump(&machine).iter().filter(|(table, _, _)| *table == 1).count();
        assert!(keys == 1 || keys == 3, "whole or not at all: {keys}");
        let answers = machine.step(UnixMs(START), &[add(1), add(2)]).unwrap();
        assert!(
            answers.iter().all(|(_, answer)| *answer == DONE),
            "the id may be sent again, whichever it was"
        );
    }
}

#[test]
fn a_failed_sync_ends_the_writer_and_whoever_waits_is_told() {
    let disk = MemoryDisk::default();
    let (machine, _) = open(disk.clone(), Shelf::default(), NEVER).unwrap();
    let (writer, reader) = Writer::start(machine, || UnixMs(START));
    writer.submit_and_wait(add(0)).unwrap();
    disk.fail_sync_after(0);
    let (told, answers) = channel();
    let mut submitted = 0;
    for n in 1..2000 {
        let told = told.clone();
        match writer.submit(add(n), move |answer| told.send((n, answer)).unwrap()) {
            Ok(()) => submitted += 1,
            Err(refusal) => {
                assert_eq!(refusal, CoreRefusal::Unavailable);
                break;
            }
        }
    }
    drop(told);
    let answers: Vec<(u64, Answer)> = answers.iter().collect();
    assert_eq!(answers.len(), submitted, "each exactly once");
    assert!(submitted > 0 && answers.iter().all(|(_, answer)| *answer == Err(CoreRefusal::Unavailable)));
    assert_eq!(writer.submit_and_wait(add(1)), Err(CoreRefusal::Unavailable));
    assert!(!writer.is_running());
    let (at, seen) = reader.read(|rows| scopes_of(rows, &hash("key", 1)).len()).unwrap();
    assert_eq!((at, seen), (1, 0), "rows of durable batches stay readable");
    assert!(matches!(writer.stop(), Err(MachineError::Log(LogError::Disk(_)))));
    writer.stop().unwrap();
}

#[test]
fn a_failed_checkpoint_ends_the_writer_and_the_log_is_whole() {
    let (disk, shelf) = (MemoryDisk::default(), Shelf::default());
    let policy = symbolon_machine::Policy { checkpoint_bytes: 400, checkpoint_ms: u64::MAX };
    let (machine, _) = open(disk.clone(), shelf.clone(), policy).unwrap();
    let (writer, reader) = Writer::start(machine, || UnixMs(START));
    shelf.fail();
    let answered = (0..1000).take_while(|&n| writer.submit_and_wait(add(n)).is_ok()).count();
    assert!((1..100).contains(&answered), "{answered}");
    let answered = u64::try_from(answered).unwrap();
    assert_eq!(reader.read(|_| ()).unwrap().0, answered);
    assert!(matches!(writer.stop(), Err(MachineError::Store(_))));
    let machine = replayed(&disk);
    assert_eq!(machine.head().sequence, answered);
    let there = |n| !machine.read(|rows| scopes_of(rows, &hash("key", n))).unwrap().1.is_empty();
    assert!((0..answered).all(there));
}

#[test]
fn after_a_failed_checkpoint_the_machine_takes_nothing_more() {
    let (disk, shelf) = (MemoryDisk::default(), Shelf::default());
    let (mut machine, _) = open(disk, shelf.clone(), NEVER).unwrap();
    machine.step(UnixMs(START), &[add(0)]).unwrap();
    shelf.fail();
    assert!(matches!(machine.checkpoint(None), Err(MachineError::Store(_))));
    assert!(matches!(machine.step(UnixMs(START), &[add(1)]), Err(MachineError::CheckpointFailed)));
    assert!(matches!(machine.checkpoint(None), Err(MachineError::CheckpointFailed)));
    assert!(matches!(machine.next_due(), Err(MachineError::CheckpointFailed)));
    assert_eq!(machine.read(|_| ()).unwrap().0, 1);
}
