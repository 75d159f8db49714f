//! A log of the first release: its records decode and give the same rows for ever. Written by `cargo run -p symbolon-machine --example golden`.
use crate::world::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use symbolon_log::{FileDisk, Log};
use symbolon_machine::{Machine, verify};
use symbolon_store::MemoryTables;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1")
}

/// A copy of the golden log in a folder of its own: opening writes.
fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(golden().join("log")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    folder
}

fn expected_line(name: &str) -> String {
    let text = std::fs::read_to_string(golden().join("expected.txt")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned));
    line.unwrap_or_else(|| panic!("{name} is not in expected.txt"))
}

#[test]
fn the_golden_log_of_version_1_gives_the_same_rows() {
    let folder = copy();
    let (log, found) = Log::open(FileDisk::open(folder.path()).unwrap(), OPTIONS).unwrap();
    assert_eq!(log.head().hash.to_string(), expected_line("head"));
    verify(&log, &MemoryTables::default()).unwrap();
    let (machine, opened) = Machine::open(log, found, MemoryTables::default(), NEVER).unwrap();
    assert_eq!(opened.replayed.to_string(), expected_line("commands"));
    let rows = dump(&machine);
    assert_eq!(rows.len().to_string(), expected_line("rows"));
    assert_eq!(digest(&rows).to_string(), expected_line("sha256"));
    audit(&machine);
}

#[test]
fn the_golden_log_of_version_1_has_every_kind_of_its_time() {
    let folder = copy();
    let (log, _) = Log::open(FileDisk::open(folder.path()).unwrap(), OPTIONS).unwrap();
    let mut kinds = BTreeSet::new();
    for batch in log.read_from(1).unwrap() {
        kinds.extend(batch.unwrap().records().map(|(_, record)| (record[0], record[1], record[2])));
    }
    let all: BTreeSet<_> =
        (1..=4).map(|kind| (0, kind, 1)).chain((1..=15).map(|kind| (1, kind, 1))).collect();
    assert_eq!(kinds, all, "(system, kind, version)");
}
