//! A checkpoint of which only the beginning reached the disk leaves the one before it, wherever it was cut.
use std::fs;
use std::path::{Path, PathBuf};
use symbolon_store::{DiskOptions, DiskTables, Tables, Write};
use symbolon_types::Hash;

const ROWS: u32 = 200;
const JOURNAL: &str = "0.jnl";

fn open(folder: &Path) -> DiskTables {
    DiskTables::open(folder, DiskOptions::default()).unwrap()
}

fn checkpoint(tables: &mut DiskTables, n: u8) {
    let rows: Vec<_> = (0..ROWS).map(|row| (row.to_be_bytes(), [n; 100])).collect();
    let mut writes = rows.iter().map(|(key, value)| Write { table: 1, key, value: Some(value) });
    tables.checkpoint(n.into(), Hash([n; 32]), &mut writes).unwrap();
}

/// The engine's journal as far as it is written; it is zero-filled ahead.
fn journal(folder: &Path) -> Vec<u8> {
    let mut bytes = fs::read(folder.join(JOURNAL)).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    bytes.truncate(used);
    bytes
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// What is applied after the tables of `folder` are opened with another journal.
fn applied_with(folder: &Path, journal: &[u8]) -> u64 {
    let copy = tempfile::tempdir().unwrap();
    for file in files(folder).into_iter().filter(|file| !file.ends_with(JOURNAL)) {
        let target = copy.path().join(file.strip_prefix(folder).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(file, target).unwrap();
    }
    fs::write(copy.path().join(JOURNAL), journal).unwrap();
    let mut tables = open(copy.path());
    let (applied, head_hash) = (u8::try_from(tables.applied()).unwrap(), tables.head_hash());
    let rows = tables.scan(1, &[], usize::MAX).unwrap();
    assert_eq!(rows.len(), usize::try_from(ROWS).unwrap());
    assert!(
        rows.iter().all(|(_, value)| *value == [applied; 100]),
        "rows of another checkpoint than {applied}"
    );
    assert_eq!(head_hash, Hash([applied; 32]));
    checkpoint(&mut tables, 3);
    drop(tables);
    assert_eq!(open(copy.path()).applied(), 3, "what is written after the cut is kept");
    applied.into()
}

#[test]
fn a_torn_checkpoint_leaves_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut tables = open(folder.path());
    checkpoint(&mut tables, 1);
    let first = journal(folder.path()).len();
    checkpoint(&mut tables, 2);
    let whole = journal(folder.path());
    drop(tables);
    assert_eq!(applied_with(folder.path(), &whole), 2);
    assert_eq!(applied_with(folder.path(), &whole[..first]), 1);
    for cut in [first + 1, first + 40, (first + whole.len()) / 2, whole.len() - 1] {
        assert_eq!(applied_with(folder.path(), &whole[..cut]), 1, "cut at {cut}");
    }
}
