//! The writer's thread: each submitter gets its own answer, what cannot wait is refused, and stopping leaves nothing to replay.
use crate::world::*;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use symbolon_log::memory::{MemoryDisk, MemoryFile};
use symbolon_log::{Disk, DiskError, Log};
use symbolon_machine::{Answer, AnyOutcome, Submission, Writer, WriterOptions, scopes_of};
use symbolon_offline_payment::messages::AuthenticatorId;
use symbolon_offline_payment::state::{Outcome, payer_balance};
use symbolon_store::Tables;
use symbolon_types::{CoreRefusal, UnixMs};

/// A disk whose syncs wait while its gate is closed.
#[derive(Clone, Default)]
struct GateDisk {
    disk: MemoryDisk,
    gate: Arc<(Mutex<Gate>, Condvar)>,
}

#[derive(Default)]
struct Gate {
    is_closed: bool,
    waiting: usize,
}

impl GateDisk {
    fn set_closed(&self, is_closed: bool) {
        self.gate.0.lock().unwrap().is_closed = is_closed;
        self.gate.1.notify_all();
    }

    /// Returns when a sync waits.
    fn wait_for_sync(&self) {
        let gate = self.gate.0.lock().unwrap();
        let waits =
            self.gate.1.wait_timeout_while(gate, Duration::from_secs(20), |gate| gate.waiting == 0).unwrap();
        assert_eq!(waits.0.waiting, 1);
    }
}

impl Disk for GateDisk {
    type File = MemoryFile;
    fn lock(&mut self) -> Result<(), DiskError> {
        self.disk.lock()
    }
    fn list(&self) -> Result<Vec<String>, DiskError> {
        self.disk.list()
    }
    fn open(&self, name: &str) -> Result<MemoryFile, DiskError> {
        self.disk.open(name)
    }
    fn create(&self, name: &str) -> Result<MemoryFile, DiskError> {
        self.disk.create(name)
    }
    fn len(&self, file: &MemoryFile) -> Result<u64, DiskError> {
        self.disk.len(file)
    }
    fn read(&self, file: &MemoryFile, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        self.disk.read(file, offset, into)
    }
    fn write_at(&self, file: &MemoryFile, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.disk.write_at(file, offset, bytes)
    }
    fn sync(&self, file: &MemoryFile) -> Result<(), DiskError> {
        let (gate, changed) = &*self.gate;
        let mut gate = gate.lock().unwrap();
        gate.waiting += 1;
        changed.notify_all();
        let mut gate = changed.wait_while(gate, |gate| gate.is_closed).unwrap();
        gate.waiting -= 1;
        drop(gate);
        self.disk.sync(file)
    }
    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.disk.rename(from, to)
    }
    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.disk.remove(name)
    }
}

fn key(n: u64) -> Submission {
    Submission::natural(add_key("key", n))
}

/// What is dated by it is never older than what was dated before: not by a clock that was set back, nor by a machine that was started anew.
#[test]
fn the_readers_time_is_the_logs_and_never_goes_back() {
    let disk = MemoryDisk::default();
    let (machine, _) = open(disk.clone(), Shelf::default(), NEVER).unwrap();
    let clock = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(START));
    let of = std::sync::Arc::clone(&clock);
    let now = move || UnixMs(of.load(std::sync::atomic::Ordering::SeqCst));
    let (writer, reader) = Writer::start(machine, now);
    for (wall, at) in [(START, START), (START + 9000, START + 9000), (START - 9000, START + 9000)] {
        clock.store(wall, std::sync::atomic::Ordering::SeqCst);
        writer.submit_and_wait(key(wall)).unwrap();
        assert_eq!(reader.at(), UnixMs(at));
    }
    writer.stop().unwrap();
    let (machine, _) = open(disk.copy(), Shelf::default(), NEVER).unwrap();
    let (_writer, reader) = Writer::start(machine, || UnixMs(START));
    assert_eq!(reader.at(), UnixMs(START + 9000));
}

#[test]
fn many_threads_get_each_exactly_its_own_answer() {
    let (disk, shelf) = (MemoryDisk::default(), Shelf::default());
    let (mut machine, _) = open(disk.clone(), shelf, NEVER).unwrap();
    machine.step(UnixMs(START), &[Submission::natural(open_account(PAYER, 0xB1))]).unwrap();
    let (writer, reader) = Writer::start(machine, || UnixMs(START));
    let sequences = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for thread in 0..64u64 {
            let (writer, reader, sequences) = (&writer, &reader, &sequences);
            scope.spawn(move || {
                let mut mine = Vec::new();
                for n in (0..25).map(|n| thread * 100 + n) {
                    let own = AuthenticatorId(hash("device", n).0[..16].try_into().unwrap());
                    let invited =
                        writer.submit_and_wait(Submission::natural(invite_authenticator(n))).unwrap();
                    assert_eq!(invited.1, DONE_01);
                    let enrolled =
                        writer.submit_and_wait(Submission::natural(enrol_authenticator(n, own))).unwrap();
                    match enrolled.1 {
                        AnyOutcome::OfflinePayment(Outcome::Enrolled(outcome)) => {
                            assert_eq!(outcome.authenticator, own)
                        }
                        other => panic!("{other:?}"),
                    }
                    let (at, seen) = reader
                        .read(|rows| symbolon_offline_payment::state::authenticator(rows, &own).is_some())
                        .unwrap();
                    assert!(seen && at >= enrolled.0 && reader.wait_for(enrolled.0, Duration::ZERO));
                    mine.extend([invited.0, enrolled.0]);
                }
                assert!(mine.is_sorted(), "answers follow the order of one submitter");
                sequences.lock().unwrap().extend(mine);
            });
        }
    });
    let sequences: BTreeSet<u64> = sequences.into_inner().unwrap().into_iter().collect();
    assert_eq!(sequences, (2..=3201).collect());
    let rows = reader.read(dump_rows).unwrap().1;
    writer.stop().unwrap();
    assert_eq!(dump(&replayed(&disk)), rows);
}

#[test]
fn a_full_queue_is_busy_and_nothing_of_it_is_recorded() {
    let disk = GateDisk::default();
    let bytes = 100;
    for options in [
        WriterOptions { queue_max: 4, ..WriterOptions::default() },
        WriterOptions { queue_bytes_max: 5 * bytes, ..WriterOptions::default() },
    ] {
        let disk = GateDisk { disk: MemoryDisk::default(), ..disk.clone() };
        let (machine, _) = open(disk.clone(), Shelf::default(), NEVER).unwrap();
        let (writer, reader) = Writer::start_with(machine, options, || UnixMs(START));
        let (told, answers) = channel();
        let submit = |n: u64| {
            let told = told.clone();
            writer.submit(key(n), move |answer| told.send((n, answer)).unwrap())
        };
        disk.set_closed(true);
        submit(0).unwrap();
        disk.wait_for_sync();
        let taken = (1..100).take_while(|&n| submit(n) == Ok(())).count();
        assert!((1..10).contains(&taken), "{taken}");
        assert_eq!(submit(50), Err(CoreRefusal::Busy));
        assert_eq!(reader.read(|_| ()), Ok((0, ())), "nothing is seen before it is durable");
        assert!(answers.try_recv().is_err(), "nothing is answered before it is durable");
        disk.set_closed(false);
        let answered: Vec<(u64, Answer)> = answers.iter().take(taken + 1).collect();
        let own = |(n, answer): &(u64, Answer)| *answer == Ok((n + 1, DONE));
        assert!(answered.iter().all(own), "{answered:?}");
        assert!(reader.read(|rows| scopes_of(rows, &hash("key", 50)).is_empty()).unwrap().1);
        let again = writer.submit_and_wait(key(50)).unwrap();
        assert_eq!(again, (u64::try_from(taken).unwrap() + 2, DONE), "there is room again");
        writer.stop().unwrap();
        assert!(answers.try_recv().is_err(), "no reply was called twice, and none of the refused");
    }
}

#[test]
fn a_batch_stays_within_its_bounds_and_only_what_fits_into_none_is_refused() {
    for options in [
        WriterOptions { batch_bytes_max: 1000, ..WriterOptions::default() },
        WriterOptions { batch_max: 5, ..WriterOptions::default() },
    ] {
        let disk = GateDisk::default();
        let (machine, _) = open(disk.clone(), Shelf::default(), NEVER).unwrap();
        let (writer, _) = Writer::start_with(machine, options, || UnixMs(START));
        let (told, answers) = channel();
        disk.set_closed(true);
        for n in 0..40 {
            let told = told.clone();
            writer.submit(key(n), move |answer| told.send((n, answer)).unwrap()).unwrap();
        }
        // Segments of this log hold batches of 4096 bytes.
        let long = |bytes: usize| {
            let mut command = settle(1, 1, SHOPS[0], 1);
            if let symbolon_offline_payment::state::Command::Settle(settle) = &mut command {
                settle.bytes.0 = vec![7; bytes];
            }
            Submission::natural(command)
        };
        assert_eq!(writer.submit_and_wait(long(4096)), Err(CoreRefusal::TooLarge));
        disk.set_closed(false);
        let answered: Vec<(u64, Answer)> = answers.iter().take(40).collect();
        assert!(answered.iter().all(|(n, answer)| *answer == Ok((n + 1, DONE))), "in order, all");
        assert_eq!(writer.submit_and_wait(long(600)).unwrap(), (41, refused_01(115)));
        writer.stop().unwrap();
        let (log, _) = Log::open(disk.disk.copy(), OPTIONS).unwrap();
        for batch in log.read_from(1).unwrap() {
            let batch = batch.unwrap();
            let bytes = batch.records().fold(60, |sum, (_, record)| sum + 4 + record.len());
            assert!(u64::try_from(bytes).unwrap() <= options.batch_bytes_max);
            assert!(batch.count() <= u64::try_from(options.batch_max).unwrap());
        }
    }
}

#[test]
fn the_longest_record_that_is_taken_is_exactly_the_logs() {
    let (machine, _) = open(MemoryDisk::default(), Shelf::default(), NEVER).unwrap();
    let (writer, _) = Writer::start(machine, || UnixMs(START));
    let named = |bytes: usize| {
        let mut command = add_key("key", 0);
        if let symbolon_machine::PlatformCommand::AddKey(add) = &mut command {
            add.name = "n".repeat(bytes);
        }
        Submission::natural(command)
    };
    let taken = (3900..4096).take_while(|&bytes| {
        writer.submit_and_wait(named(bytes)) == Ok((1 + bytes as u64 - 3900, refused(1)))
    });
    let taken = taken.count();
    assert!((10..190).contains(&taken), "{taken}");
    assert_eq!(writer.submit_and_wait(named(3900 + taken)), Err(CoreRefusal::TooLarge));
    assert!(writer.is_running());
    writer.stop().unwrap();
}

#[test]
fn a_reply_that_panics_harms_nobody() {
    let (machine, _) = open(MemoryDisk::default(), Shelf::default(), NEVER).unwrap();
    let (writer, _) = Writer::start(machine, || UnixMs(START));
    writer.submit(key(0), |_| panic!("the caller's own affair")).unwrap();
    assert_eq!(writer.submit_and_wait(key(1)), Ok((2, DONE)));
    writer.stop().unwrap();
}

#[test]
fn stopping_answers_what_waits_and_takes_a_checkpoint() {
    let (disk, shelf) = (MemoryDisk::default(), Shelf::default());
    let (machine, _) = open(disk.clone(), shelf.clone(), NEVER).unwrap();
    let (writer, reader) = Writer::start(machine, || UnixMs(START));
    let answered = Arc::new(AtomicUsize::new(0));
    for n in 0..500 {
        let answered = Arc::clone(&answered);
        writer
            .submit(key(n), move |answer| {
                assert_eq!(answer, Ok((n + 1, DONE)));
                answered.fetch_add(1, Ordering::SeqCst);
            })
            .unwrap();
    }
    writer.stop().unwrap();
    assert_eq!((answered.load(Ordering::SeqCst), shelf.applied()), (500, 500));
    assert!(!writer.is_running());
    assert_eq!(writer.submit_and_wait(key(501)), Err(CoreRefusal::Unavailable));
    writer.stop().unwrap();
    assert_eq!(reader.read(|_| ()), Ok((500, ())), "readers outlive the writer");
    let (_, opened) = open(disk, shelf, NEVER).unwrap();
    assert_eq!(opened.replayed, 0);
}

#[test]
fn a_reader_waits_for_a_sequence_number() {
    let (machine, _) = open(MemoryDisk::default(), Shelf::default(), NEVER).unwrap();
    let (writer, reader) = Writer::start(machine, || UnixMs(START));
    assert!(reader.wait_for(0, Duration::ZERO));
    assert!(!reader.wait_for(1, Duration::from_millis(20)));
    let waiting = reader.clone();
    let waiter = std::thread::spawn(move || {
        (waiting.wait_for(2, Duration::from_secs(20)), waiting.read(|_| ()).unwrap().0)
    });
    writer.submit_and_wait(key(1)).unwrap();
    assert!(reader.wait_for(1, Duration::ZERO) && !reader.wait_for(2, Duration::ZERO));
    writer.submit_and_wait(key(2)).unwrap();
    let (in_time, at) = waiter.join().unwrap();
    assert!(in_time && at >= 2);
    writer.stop().unwrap();
}

#[test]
fn an_idle_writer_processes_what_falls_due_however_much_it_is() {
    let disk = MemoryDisk::default();
    let (mut machine, _) = open(disk.clone(), Shelf::default(), NEVER).unwrap();
    for step in script().into_iter().take(6) {
        machine.step(step.at, &step.submissions).unwrap();
    }
    for n in 0..2500u64 {
        let at = START + 3000 + n / 10;
        machine.step(UnixMs(at), &[Submission::with_id(add_key("key", n), BOB, id(at, n))]).unwrap();
    }
    let reserved = |rows: &dyn symbolon_state::Rows| payer_balance(rows, &PAYER).unwrap().reserved.minor();
    assert_eq!(machine.read(reserved).unwrap().1, 15_000);
    let before = machine.head();
    let clock = Arc::new(AtomicU64::new(START + 4000));
    let told = Arc::clone(&clock);
    let (writer, reader) = Writer::start(machine, move || UnixMs(told.load(Ordering::SeqCst)));
    clock.store(START + 11 * DAY_MS, Ordering::SeqCst);
    let begun = Instant::now();
    let pending = || reader.read(|rows| (reserved(rows), rows.scan(6, &[], 1).len())).unwrap().1;
    while pending() != (0, 0) && begun.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(pending(), (0, 0));
    writer.stop().unwrap();
    let machine = replayed(&disk);
    assert_eq!((machine.head().sequence, machine.head().at_ms), (before.sequence, START + 11 * DAY_MS));
    assert_eq!(machine.read(reserved).unwrap().1, 0, "the replay processes the same");
    audit(&machine);
}
