//! A process killed in the middle of its checkpoints leaves one of them, whole: all rows carry the number that is applied.
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use symbolon_state::Rows;
use symbolon_store::{DiskOptions, DiskTables, Overlay, Tables};
use symbolon_types::Hash;

const FOLDER: &str = "SYMBOLON_CRASH_TEST_FOLDER";
const TEST: &str = "a_kill_leaves_one_checkpoint_whole";
const ROUNDS: u64 = 7;
const ROWS: u32 = 300;
/// Rows that exist in every other checkpoint only, so that removals are seen too.
const COMING_AND_GOING: u16 = 3;

/// Small, so that the engine writes and merges its sorted files while it is killed.
fn open(folder: &Path) -> DiskTables {
    DiskTables::open(folder, DiskOptions { cache_bytes: 1 << 20, memtable_bytes: 1 << 20 }).unwrap()
}

/// Checkpoint after checkpoint, telling each number once it is taken, until killed.
fn child(folder: &Path) -> ! {
    let mut overlay = Overlay::new(open(folder));
    let mut out = std::io::stdout();
    for n in overlay.tables().applied() + 1.. {
        for row in 0..ROWS {
            let table = if row % 2 == 0 { 1 } else { 2 };
            overlay.put(table, &row.to_be_bytes(), value(n, row));
        }
        if n % 2 == 0 {
            overlay.put(COMING_AND_GOING, b"even", value(n, 0));
        } else {
            overlay.delete(COMING_AND_GOING, b"even");
        }
        overlay.checkpoint(n, head_hash(n)).unwrap();
        writeln!(out, "taken {n}").unwrap();
    }
    unreachable!("killed long before")
}

/// The number, and something that does not compress away.
fn value(n: u64, row: u32) -> Vec<u8> {
    let noise = (0..32u64)
        .flat_map(|at| (n ^ at << 32 ^ u64::from(row)).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    n.to_be_bytes().into_iter().chain(noise).collect()
}

fn head_hash(n: u64) -> Hash {
    Hash([n.to_be_bytes(); 4].concat().try_into().unwrap())
}

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([TEST, "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills the child some time after its first checkpoint; the last number that it told.
fn kill_after(mut child: Child, delay: Duration) -> u64 {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let number = |line: std::io::Result<String>| line.ok()?.strip_prefix("taken ")?.parse::<u64>().ok();
    let first = lines.by_ref().find_map(number).expect("the child takes checkpoints");
    std::thread::sleep(delay);
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert!(!status.success(), "the child was killed, it did not end");
    lines.filter_map(number).last().unwrap_or(first)
}

fn whole(tables: &DiskTables) {
    let n = tables.applied();
    assert_eq!(tables.head_hash(), head_hash(n));
    let mut rows = 0u32;
    tables
        .dump(&mut |row| {
            let number = if row.table == COMING_AND_GOING {
                0
            } else {
                u32::from_be_bytes(row.key.try_into().unwrap())
            };
            assert!(row.value == value(n, number), "row {number} is not of checkpoint {n}");
            rows += 1;
            Ok(())
        })
        .unwrap();
    assert_eq!(rows, ROWS + u32::from(n.is_multiple_of(2)), "rows of checkpoint {n}");
}

#[test]
fn a_kill_leaves_one_checkpoint_whole() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        child(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut before = 0;
    for round in 0..ROUNDS {
        let taken = kill_after(start(folder.path()), Duration::from_millis(20 + 37 * round));
        let tables = open(folder.path());
        assert!(
            taken > before && tables.applied() >= taken,
            "{} is applied, {taken} was told",
            tables.applied()
        );
        assert!(tables.applied() <= taken + 1, "{} is applied, {taken} was told last", tables.applied());
        whole(&tables);
        before = tables.applied();
    }
}
