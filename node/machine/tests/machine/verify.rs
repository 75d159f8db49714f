//! The audit of a data folder: it passes over a sound one and names the first thing that is wrong in any other.
use crate::world::*;
use std::path::Path;
use symbolon_log::{Damage, FileDisk, Log, LogError, LogFile, SegmentName};
use symbolon_machine::{Machine, Submission, Verified, VerifyError, verify};
use symbolon_store::{DiskOptions, DiskTables, StoreError, Tables, Write};
use symbolon_types::UnixMs;

fn disk_log(folder: &Path) -> (Log<FileDisk>, symbolon_log::Opened) {
    Log::open(FileDisk::open(folder.join("log")).unwrap(), OPTIONS).unwrap()
}

fn disk_tables(folder: &Path) -> DiskTables {
    DiskTables::open(&folder.join("tables"), DiskOptions::default()).unwrap()
}

/// A folder with the script, and a checkpoint after the batch that is named.
fn folder(checkpoint: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (log, found) = disk_log(folder.path());
    let (mut machine, _) = Machine::open(log, found, disk_tables(folder.path()), NEVER).unwrap();
    for (n, step) in script().into_iter().enumerate() {
        machine.step(step.at, &step.submissions).unwrap();
        if n == checkpoint {
            machine.checkpoint(None).unwrap();
        }
    }
    folder
}

fn verified(folder: &Path) -> Result<Verified, VerifyError> {
    let disk = FileDisk::open(folder.join("log")).map_err(LogError::from)?;
    verify(&Log::open(disk, OPTIONS)?.0, &disk_tables(folder))
}

/// Writes a row into the tables past the machine.
fn write(folder: &Path, table: u16, key: &[u8], value: Option<&[u8]>) {
    let mut tables = disk_tables(folder);
    let (applied, hash) = (tables.applied(), tables.head_hash());
    tables.checkpoint(applied, hash, &mut [Write { table, key, value }].into_iter()).unwrap();
}

fn first_row(folder: &Path, table: u16) -> (Vec<u8>, Vec<u8>) {
    disk_tables(folder).scan(table, &[], 1).unwrap().remove(0)
}

#[test]
fn a_sound_folder_passes_wherever_its_restart_point_is() {
    let steps = script();
    let commands: usize = steps.iter().map(|step| step.submissions.len()).sum();
    let rows = expected();
    for checkpoint in [0, 5, 8, steps.len() - 1, usize::MAX] {
        let folder = folder(checkpoint);
        let found = verified(folder.path()).unwrap();
        let before = |n: usize| steps.iter().take(n).map(|step| step.submissions.len()).sum::<usize>();
        let (applied, there) = match checkpoint {
            usize::MAX => (0, 0),
            n => (before(n + 1), rows[n + 1].len()),
        };
        assert_eq!(
            (found.applied, found.rows),
            (u64::try_from(applied).unwrap(), u64::try_from(there).unwrap())
        );
        assert_eq!((found.batches, found.head.sequence), (steps.len() as u64, commands as u64));
        assert_eq!(
            (found.offline_payment.grants, found.offline_payment.settled, found.offline_payment.losses),
            (3, 1, 1)
        );
        assert!(found.journal.accounts >= 8 && found.journal.transfers >= 7);
    }
}

#[test]
fn a_changed_a_missing_and_an_invented_row_are_named() {
    for table in [1, 5, 11, 104, 107] {
        let folder = folder(9);
        let (key, value) = first_row(folder.path(), table);
        let mut changed = value.clone();
        *changed.last_mut().unwrap() ^= 1;
        let mut invented = key.clone();
        invented.push(1);
        for (wrong_key, wrong_value, undo) in [
            (&key, Some(changed.as_slice()), Some(value.as_slice())),
            (&key, None, Some(value.as_slice())),
            (&invented, Some(value.as_slice()), None),
        ] {
            write(folder.path(), table, wrong_key, wrong_value);
            match verified(folder.path()) {
                Err(VerifyError::Row { table: found, key }) => assert_eq!((found, &key), (table, wrong_key)),
                other => panic!("table {table}: {other:?}"),
            }
            write(folder.path(), table, wrong_key, undo);
        }
        verified(folder.path()).unwrap();
    }
}

#[test]
fn a_log_of_another_folder_is_told() {
    let (ours, other) = (folder(9), tempfile::tempdir().unwrap());
    let (mut log, found) = disk_log(other.path());
    assert_eq!(found.first_sequence, 1);
    log.append(START, &[]).unwrap();
    assert!(matches!(verify(&log, &disk_tables(ours.path())), Err(VerifyError::TablesNotOfLog)));
    let (mut machine, _) = Machine::open(log, found, disk_tables(other.path()), NEVER).unwrap();
    for n in 0..60 {
        machine.step(UnixMs(START), &[Submission::natural(add_key("other", n))]).unwrap();
    }
    drop(machine);
    verified(other.path()).unwrap();
    assert!(matches!(
        verify(&disk_log(other.path()).0, &disk_tables(ours.path())),
        Err(VerifyError::TablesNotOfLog)
    ));
}

#[test]
fn an_archived_log_says_so() {
    let folder = folder(script().len() - 1);
    verified(folder.path()).unwrap();
    let (mut log, _) = disk_log(folder.path());
    assert!(log.archive_below(log.head().sequence).unwrap() > 0);
    assert!(matches!(verify(&log, &disk_tables(folder.path())), Err(VerifyError::Archived)));
    // The tables are past what was archived, so the machine opens all the same.
    drop(log);
    let (log, found) = disk_log(folder.path());
    let (machine, _) = Machine::open(log, found, disk_tables(folder.path()), NEVER).unwrap();
    assert_eq!(dump(&machine), *expected().last().unwrap());
}

#[test]
fn a_changed_byte_of_the_log_is_named_by_file_and_offset() {
    let folder = folder(9);
    let first = SegmentName { index: 1, first_sequence: 1 };
    let path = folder.path().join("log").join(first.to_string());
    let sound = std::fs::read(&path).unwrap();
    let second = {
        let (log, _) = disk_log(folder.path());
        let batch = log.read_from(1).unwrap().next().unwrap().unwrap();
        4096 + 8 + 52 + batch.records().fold(0, |sum, (_, record)| sum + 4 + record.len())
    };
    for (at, offset) in [(4096 + 70, 4096), (4096, 4096), (second + 70, second), (second + 9, second)] {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&path, bytes).unwrap();
        let offset = u64::try_from(offset).unwrap();
        match verified(folder.path()) {
            Err(VerifyError::Log(LogError::Damaged { file, offset: found, damage: Damage::Checksum })) => {
                assert_eq!((file, found), (LogFile::Segment(first), offset), "byte {at}");
            }
            other => panic!("byte {at}: {other:?}"),
        }
    }
    std::fs::write(&path, sound).unwrap();
    verified(folder.path()).unwrap();
}

#[test]
fn the_tables_are_open_once() {
    let folder = folder(9);
    let tables = disk_tables(folder.path());
    let second = DiskTables::open(&folder.path().join("tables"), DiskOptions::default()).map(|_| ());
    assert!(matches!(second, Err(StoreError::Locked)));
    drop(tables);
    verified(folder.path()).unwrap();
}
