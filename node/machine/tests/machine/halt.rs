//! A command that cannot be applied halts the machine at its number: never skipped, never retried, never answered.
use crate::world::*;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use symbolon_log::memory::MemoryDisk;
use symbolon_log::{Log, Options};
use symbolon_machine::{
    AddKey, Machine, MachineError, PlatformCommand, Scope, Submission, VerifyError, Writer, verify,
};
use symbolon_store::Write;
use symbolon_types::{CoreRefusal, UnixMs};

/// The payer's row, which funding its account reads, is not what was ever written.
const DAMAGED: Write<'_> = Write { table: 101, key: &PAYER.0, value: Some(&[0xFF]) };

fn good(n: u64) -> Submission {
    Submission::natural(add_key("key", n))
}

fn bad() -> Submission {
    Submission::natural(fund(1, PAYER, 100))
}

#[test]
fn a_damaged_row_halts_at_the_commands_number_and_again_at_every_start() {
    let (disk, shelf) = (MemoryDisk::default(), Shelf::default());
    shelf.plant(&[DAMAGED]);
    let (mut machine, _) = open(disk.clone(), shelf.clone(), NEVER).unwrap();
    machine.step(UnixMs(START), &[good(1), good(2)]).unwrap();
    let halted = machine.step(UnixMs(START), &[good(3), bad(), good(4)]);
    assert!(matches!(halted, Err(MachineError::Halted(4))), "{:?}", halted.err());
    assert_eq!(machine.read(|_| ()), Err(CoreRefusal::Unavailable), "half a batch is shown to nobody");
    assert!(matches!(machine.step(UnixMs(START), &[good(5)]), Err(MachineError::Halted(4))));
    assert!(matches!(machine.checkpoint(None), Err(MachineError::Halted(4))));
    assert!(matches!(machine.next_due(), Err(MachineError::Halted(4))));
    drop(machine);
    assert!(shelf.checkpoints().is_empty());
    for _ in 0..2 {
        let halted = open(disk.clone(), shelf.clone(), NEVER).map(|_| ());
        assert!(matches!(halted, Err(MachineError::Halted(4))), "{:?}", halted.err());
    }
    // The log is whole: over sound tables it is replayed, and the command is answered by a refusal of its own.
    let (machine, opened) = open(disk, Shelf::default(), NEVER).unwrap();
    assert_eq!((opened.replayed, machine.head().sequence), (5, 5));
}

#[test]
fn what_falls_due_and_cannot_be_read_halts_before_the_next_command() {
    let (disk, shelf) = (MemoryDisk::default(), Shelf::default());
    shelf.plant(&[Write { table: 12, key: &[1], value: Some(&[]) }]);
    let (mut machine, _) = open(disk.clone(), shelf.clone(), NEVER).unwrap();
    assert!(matches!(machine.next_due(), Err(MachineError::Halted(1))));
    assert!(matches!(machine.step(UnixMs(START), &[good(1)]), Err(MachineError::Halted(1))));
    assert_eq!(machine.read(|_| ()), Err(CoreRefusal::Unavailable));
    drop(machine);
    let (mut machine, _) = open(disk.clone(), shelf.clone(), NEVER).unwrap();
    assert!(matches!(machine.step(UnixMs(START), &[good(1)]), Err(MachineError::Halted(1))));
    drop(machine);
    assert!(matches!(open(disk, shelf, NEVER).map(|_| ()), Err(MachineError::Halted(1))));
}

#[test]
fn whoever_waits_at_a_halt_is_told_that_nothing_can_be_said() {
    let shelf = Shelf::default();
    shelf.plant(&[DAMAGED]);
    let (machine, _) = open(MemoryDisk::default(), shelf, NEVER).unwrap();
    let (writer, reader) = Writer::start(machine, || UnixMs(START));
    assert_eq!(writer.submit_and_wait(good(1)), Ok((1, DONE)));
    let (told, answers) = channel();
    let other = told.clone();
    writer.submit(bad(), move |answer| told.send(answer).unwrap()).unwrap();
    let taken = writer.submit(good(2), move |answer| other.send(answer).unwrap()).is_ok();
    let answers: Vec<_> = answers.iter().collect();
    assert_eq!(answers, vec![Err(CoreRefusal::Unavailable); 1 + usize::from(taken)]);
    assert!(matches!(writer.stop(), Err(MachineError::Halted(2))));
    assert_eq!(reader.read(|_| ()), Err(CoreRefusal::Unavailable));
    assert!(!writer.is_running());
}

#[test]
fn an_idle_writer_that_cannot_read_what_is_due_ends() {
    let shelf = Shelf::default();
    shelf.plant(&[Write { table: 12, key: &[1], value: Some(&[]) }]);
    let (machine, _) = open(MemoryDisk::default(), shelf, NEVER).unwrap();
    let (writer, _) = Writer::start(machine, || UnixMs(START));
    let begun = Instant::now();
    while writer.is_running() && begun.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(matches!(writer.stop(), Err(MachineError::Halted(1))));
}

#[test]
fn a_reader_that_meets_a_damaged_row_gets_no_answer_and_stops_nobody() {
    let shelf = Shelf::default();
    shelf.plant(&[DAMAGED]);
    let (machine, _) = open(MemoryDisk::default(), shelf, NEVER).unwrap();
    let (writer, reader) = Writer::start(machine, || UnixMs(START));
    let read = reader.read(|rows| symbolon_offline_payment::state::payer(rows, &PAYER).is_some());
    assert_eq!(read, Err(CoreRefusal::Unavailable));
    assert_eq!(writer.submit_and_wait(good(1)), Ok((1, DONE)));
    assert_eq!(reader.read(|_| ()), Ok((1, ())));
    writer.stop().unwrap();
}

/// A list that is longer than the encoding takes back.
fn unreadable() -> Submission {
    let scopes = vec![Scope::Read; 5000];
    Submission::natural(PlatformCommand::AddKey(AddKey { key: hash("long", 0), name: "long".into(), scopes }))
}

#[test]
fn what_could_not_be_read_back_never_becomes_durable() {
    let disk = MemoryDisk::default();
    let options = Options { segment_bytes: 64 * 1024, ..OPTIONS };
    let (log, found) = Log::open(disk.clone(), options).unwrap();
    let (mut machine, _) = Machine::open(log, found, Shelf::default(), NEVER).unwrap();
    let refused = machine.step(UnixMs(START), &[good(1), unreadable()]);
    assert!(matches!(refused, Err(MachineError::UnknownRecord(2))), "{:?}", refused.err());
    assert_eq!(machine.head().sequence, 0);
    assert_eq!(machine.step(UnixMs(START), &[good(1)]).unwrap(), [(1, DONE)]);
    let (writer, _) = Writer::start(machine, || UnixMs(START));
    assert_eq!(writer.submit_and_wait(unreadable()), Err(CoreRefusal::Malformed));
    assert_eq!(writer.submit_and_wait(good(2)), Ok((2, DONE)));
    writer.stop().unwrap();
    assert_eq!(replayed(&disk).head().sequence, 2);
}

#[test]
fn a_record_that_this_program_does_not_know_halts_the_replay_at_its_number() {
    let disk = MemoryDisk::default();
    let (mut log, found) = Log::open(disk.clone(), OPTIONS).unwrap();
    // System 99, kind 1, version 1, no body, an empty envelope.
    log.append(START, &[&[99, 1, 1, 0, 0, 0, 0, 0xA0]]).unwrap();
    let verified = verify(&log, &Shelf::default());
    assert!(matches!(verified, Err(VerifyError::Machine(MachineError::UnknownRecord(1)))));
    let opened = Machine::open(log, found, Shelf::default(), NEVER).map(|_| ());
    assert!(matches!(opened, Err(MachineError::UnknownRecord(1))));
}
