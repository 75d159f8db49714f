//! A real process on real files, killed at random moments: every acknowledgement that it printed is there afterwards.
use crate::world::*;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use symbolon_log::{FileDisk, Log, Options};
use symbolon_machine::{Machine, Policy, Submission, Writer, scopes_of, verify};
use symbolon_store::{DiskOptions, DiskTables};
use symbolon_types::UnixMs;

const FOLDER: &str = "SYMBOLON_TEST_KILL_FOLDER";
const ROUND: &str = "SYMBOLON_TEST_KILL_ROUND";
const ROUNDS: u64 = 10;
const THREADS: u64 = 4;

fn open_folder(folder: &Path) -> Machine<FileDisk, DiskTables> {
    let options = Options { segment_bytes: 64 * 1024, ..Options::default() };
    let (log, found) = Log::open(FileDisk::open(folder.join("log")).unwrap(), options).unwrap();
    let tables = DiskTables::open(&folder.join("tables"), DiskOptions::default()).unwrap();
    let policy = Policy { checkpoint_bytes: 8192, checkpoint_ms: u64::MAX };
    Machine::open(log, found, tables, policy).unwrap().0
}

fn submission(n: u64) -> Submission {
    Submission::with_id(add_key("key", n), ALICE, id(START, n))
}

/// The process that is killed: it submits for ever and prints `sequence n` for each answer.
fn child(folder: &Path, round: u64) {
    let (writer, _) = Writer::start(open_folder(folder), || UnixMs(START));
    let out = Arc::new(Mutex::new(std::io::stdout()));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (writer, out) = (&writer, Arc::clone(&out));
            scope.spawn(move || {
                for n in (0..).map(|n| (round * THREADS + thread) * 1_000_000 + n) {
                    let (sequence, outcome) = writer.submit_and_wait(submission(n)).unwrap();
                    assert_eq!(outcome, DONE);
                    writeln!(out.lock().unwrap(), "acknowledged {sequence} {n}").unwrap();
                }
            });
        }
    });
}

/// Runs the process and kills it; what it had printed in whole lines, as (sequence, n).
fn run_and_kill(folder: &Path, round: u64, after: Duration) -> Vec<(u64, u64)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::a_killed_process_loses_nothing_that_it_acknowledged", "--nocapture"])
        .env(FOLDER, folder)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        let mut acknowledged = Vec::new();
        let mut line = String::new();
        while lines.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
            if let Some((sequence, n)) =
                line.trim().strip_prefix("acknowledged ").and_then(|rest| rest.split_once(' '))
            {
                acknowledged.push((sequence.parse().unwrap(), n.parse().unwrap()));
            }
            line.clear();
        }
        acknowledged
    });
    std::thread::sleep(after);
    // SIGKILL on Unix.
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

#[test]
fn a_killed_process_loses_nothing_that_it_acknowledged() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return child(Path::new(&folder), std::env::var(ROUND).unwrap().parse().unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let chance = u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_micros());
        acknowledged.extend(run_and_kill(folder.path(), round, Duration::from_millis(60 + chance % 200)));
        let machine = open_folder(folder.path());
        let there = |n: u64| !machine.read(|rows| scopes_of(rows, &hash("key", n))).unwrap().1.is_empty();
        let lost: Vec<_> = acknowledged.iter().filter(|(_, n)| !there(*n)).collect();
        assert!(lost.is_empty(), "round {round}: {lost:?}");
        let last = acknowledged.iter().map(|(sequence, _)| *sequence).max().unwrap_or(0);
        assert!(machine.head().sequence >= last, "round {round}");
    }
    assert!(acknowledged.len() > 100, "only {} acknowledgements in all", acknowledged.len());
    let mut machine = open_folder(folder.path());
    let keys = dump(&machine).len();
    for chunk in acknowledged.chunks(100) {
        let repeats: Vec<Submission> = chunk.iter().map(|(_, n)| submission(*n)).collect();
        let answers = machine.step(UnixMs(START), &repeats).unwrap();
        assert!(answers.iter().all(|(_, answer)| *answer == DONE), "the first answer again");
    }
    assert_eq!(dump(&machine).len(), keys);
    machine.checkpoint(None).unwrap();
    drop(machine);
    let (log, _) = Log::open(FileDisk::open(folder.path().join("log")).unwrap(), Options::default()).unwrap();
    verify(&log, &DiskTables::open(&folder.path().join("tables"), DiskOptions::default()).unwrap()).unwrap();
}
