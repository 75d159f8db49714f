//! The overlay, with its checkpoints, behaves as rows in memory; checkpoints carry all that was written and nothing else.
use proptest::prelude::*;
use symbolon_state::{MemoryRows, Rows};
use symbolon_store::*;
use symbolon_types::Hash;

#[derive(Clone, Debug)]
enum Op {
    Put(u16, Vec<u8>, Vec<u8>),
    Delete(u16, Vec<u8>),
    /// Removes the first rows of a table, as a queue does.
    Take(u16, usize),
    /// Puts many rows, so that pages and hidden rows are many.
    Fill(u16, u8),
    Scan(u16, Vec<u8>, usize),
    Checkpoint,
}

fn keys() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => prop::collection::vec(0u8..4, 0..4), 1 => Just(vec![0xFF; 2])]
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let table = || 1u16..4;
    let op = prop_oneof![
        4 => (table(), keys(), prop::collection::vec(any::<u8>(), 0..5)).prop_map(|(t, k, v)| Op::Put(t, k, v)),
        3 => (table(), keys()).prop_map(|(t, k)| Op::Delete(t, k)),
        2 => (table(), 1usize..90).prop_map(|(t, n)| Op::Take(t, n)),
        1 => (table(), any::<u8>()).prop_map(|(t, n)| Op::Fill(t, n)),
        4 => (table(), keys(), 0usize..9).prop_map(|(t, k, n)| Op::Scan(t, k, n)),
        2 => Just(Op::Checkpoint),
    ];
    prop::collection::vec(op, 1..60)
}

/// The overlay and the reference, written together.
struct Both<T> {
    overlay: Overlay<T>,
    rows: MemoryRows,
    applied: u64,
}

impl<T: Tables> Both<T> {
    fn new(tables: T) -> Self {
        Self { overlay: Overlay::new(tables), rows: MemoryRows::default(), applied: 0 }
    }

    fn put(&mut self, table: u16, key: &[u8], value: &[u8]) {
        self.overlay.put(table, key, value.to_vec());
        self.rows.put(table, key, value.to_vec());
    }

    fn delete(&mut self, table: u16, key: &[u8]) {
        self.overlay.delete(table, key);
        self.rows.delete(table, key);
    }

    fn step(&mut self, op: Op) {
        match op {
            Op::Put(table, key, value) => {
                self.put(table, &key, &value);
                assert_eq!(self.overlay.get(table, &key), Some(value));
            }
            Op::Delete(table, key) => {
                self.delete(table, &key);
                assert_eq!(self.overlay.get(table, &key), None);
            }
            Op::Take(table, count) => self.take(table, count),
            Op::Fill(table, first) => {
                (0..80u8).for_each(|n| self.put(table, &[2, first, n], &[n]));
            }
            Op::Scan(table, from, limit) => {
                assert_eq!(self.overlay.scan(table, &from, limit), self.rows.scan(table, &from, limit));
            }
            Op::Checkpoint => self.checkpoint(),
        }
    }

    fn take(&mut self, table: u16, count: usize) {
        for _ in 0..count {
            let first = self.overlay.scan(table, &[], 1);
            assert_eq!(first, self.rows.scan(table, &[], 1));
            let Some((key, _)) = first.first() else { break };
            self.delete(table, key);
        }
    }

    fn checkpoint(&mut self) {
        self.applied += 1;
        let head_hash = Hash([7; 32]);
        self.overlay.checkpoint(self.applied, head_hash).unwrap();
        assert_eq!(self.overlay.written_bytes(), 0);
        let tables = self.overlay.tables();
        assert_eq!((tables.applied(), tables.head_hash()), (self.applied, head_hash));
        let mut dumped = MemoryRows::default();
        tables
            .dump(&mut |row| {
                dumped.put(row.table, row.key, row.value.to_vec());
                Ok(())
            })
            .unwrap();
        assert!(dumped == self.rows, "the checkpoint holds other rows than were written");
    }

    fn compare(&self) {
        for table in 0..6 {
            assert_eq!(self.overlay.scan(table, &[], usize::MAX), self.rows.scan(table, &[], usize::MAX));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn an_overlay_over_memory_is_rows(ops in ops()) {
        let mut both = Both::new(MemoryTables::default());
        for op in ops {
            both.step(op);
        }
        both.compare();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3, ..ProptestConfig::default() })]

    #[test]
    fn an_overlay_over_a_disk_is_rows(ops in ops()) {
        let folder = tempfile::tempdir().unwrap();
        let mut both = Both::new(DiskTables::open(folder.path(), DiskOptions::default()).unwrap());
        for op in ops {
            both.step(op);
        }
        both.checkpoint();
        drop(both.overlay);
        both.overlay = Overlay::new(DiskTables::open(folder.path(), DiskOptions::default()).unwrap());
        both.compare();
    }
}

/// Tables that count how many rows were read of them, and fail on demand.
struct Watched {
    tables: MemoryTables,
    read: std::cell::Cell<usize>,
    fails: bool,
}

impl Tables for Watched {
    fn applied(&self) -> u64 {
        self.tables.applied()
    }
    fn head_hash(&self) -> Hash {
        self.tables.head_hash()
    }
    fn get(&self, table: u16, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if self.fails { Err(StoreError::Damaged) } else { self.tables.get(table, key) }
    }
    fn scan(&self, table: u16, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        let rows = self.tables.scan(table, from, limit)?;
        self.read.set(self.read.get() + rows.len());
        if self.fails { Err(StoreError::Damaged) } else { Ok(rows) }
    }
    fn checkpoint(
        &mut self,
        applied: u64,
        head_hash: Hash,
        writes: &mut dyn Iterator<Item = Write<'_>>,
    ) -> Result<(), StoreError> {
        if self.fails { Err(StoreError::Damaged) } else { self.tables.checkpoint(applied, head_hash, writes) }
    }
    fn dump(&self, each: &mut dyn FnMut(TableRow<'_>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.tables.dump(each)
    }
}

fn watched(rows: u32) -> Overlay<Watched> {
    let mut overlay = Overlay::new(Watched { tables: MemoryTables::default(), read: 0.into(), fails: false });
    (0..rows).for_each(|n| overlay.put(1, &n.to_be_bytes(), Vec::new()));
    overlay.checkpoint(1, Hash::ZERO).unwrap();
    overlay
}

#[test]
fn a_queue_is_taken_from_without_walking_over_what_was_taken() {
    let rows = 5_000u32;
    let mut overlay = watched(rows);
    for n in 0..rows {
        let first = overlay.scan(1, &[], 1);
        assert_eq!(first, [(n.to_be_bytes().to_vec(), Vec::new())]);
        overlay.delete(1, &first[0].0);
    }
    assert_eq!(overlay.scan(1, &[], 1), []);
    let read = overlay.tables().read.get();
    assert!(read < 200_000, "{read} rows were read to take {rows}");
    overlay.put(1, &7u32.to_be_bytes(), b"again".to_vec());
    assert_eq!(overlay.scan(1, &[], 1), [(7u32.to_be_bytes().to_vec(), b"again".to_vec())]);
}

#[test]
fn a_refused_checkpoint_keeps_what_was_written() {
    let mut overlay = Overlay::new(MemoryTables::default());
    overlay.checkpoint(5, Hash::ZERO).unwrap();
    overlay.put(1, b"a", b"1".to_vec());
    let bytes = overlay.written_bytes();
    assert!(bytes > 2);
    assert!(matches!(overlay.checkpoint(4, Hash::ZERO), Err(StoreError::GoesBack { applied: 5, asked: 4 })));
    assert_eq!((overlay.get(1, b"a"), overlay.written_bytes()), (Some(b"1".to_vec()), bytes));
    overlay.checkpoint(6, Hash::ZERO).unwrap();
    let tables = overlay.into_tables();
    assert_eq!((tables.get(1, b"a").unwrap(), tables.applied()), (Some(b"1".to_vec()), 6));
}

#[test]
fn what_is_written_again_is_counted_once() {
    let mut overlay = Overlay::new(MemoryTables::default());
    overlay.put(1, b"key", vec![0; 100]);
    let once = overlay.written_bytes();
    overlay.put(1, b"key", vec![0; 100]);
    assert_eq!(overlay.written_bytes(), once);
    overlay.delete(1, b"key");
    assert_eq!(overlay.written_bytes(), once - 100);
}

fn failing() -> Overlay<Watched> {
    let mut tables = watched(1).into_tables();
    tables.fails = true;
    Overlay::new(tables)
}

#[test]
#[should_panic(expected = "missing or unreadable; the node halts")]
fn a_row_that_cannot_be_read_halts_the_node() {
    failing().get(1, b"key");
}

#[test]
#[should_panic(expected = "missing or unreadable; the node halts")]
fn a_scan_that_cannot_be_read_halts_the_node() {
    failing().scan(1, b"key", 1);
}

#[test]
#[should_panic(expected = "store: row 6B of table 1 is damaged; the node halts")]
fn a_damaged_row_halts_the_node() {
    Overlay::new(MemoryTables::default()).damaged(1, b"k");
}
