//! What outlives the platform's process: the disk under the log, and the shelf with the tables of the last checkpoint.
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use symbolon_log::memory::{MemoryDisk, MemoryFile};
use symbolon_log::{Disk, DiskError};
use symbolon_store::{MemoryTables, Row, StoreError, TableRow, Tables, Write};
use symbolon_types::Hash;

/// The log's simulated disk. It can be told to lie: then a sync is acknowledged and not done. Clones are handles on one disk.
#[derive(Clone, Debug, Default)]
pub struct SimDisk {
    /// The disk itself, to plan its faults.
    pub memory: MemoryDisk,
    lies: Arc<AtomicBool>,
}

impl SimDisk {
    /// From now on syncs are acknowledged and not done.
    pub fn danger_lie(&self) {
        self.lies.store(true, Ordering::Relaxed);
    }

    /// The bytes of all files.
    #[must_use]
    pub fn bytes_used(&self) -> u64 {
        let names = self.memory.names();
        names.iter().map(|name| u64::try_from(self.memory.bytes(name).len()).unwrap_or(u64::MAX)).sum()
    }
}

impl Disk for SimDisk {
    type File = MemoryFile;

    fn lock(&mut self) -> Result<(), DiskError> {
        self.memory.lock()
    }
    fn list(&self) -> Result<Vec<String>, DiskError> {
        self.memory.list()
    }
    fn open(&self, name: &str) -> Result<MemoryFile, DiskError> {
        self.memory.open(name)
    }
    fn create(&self, name: &str) -> Result<MemoryFile, DiskError> {
        self.memory.create(name)
    }
    fn len(&self, file: &MemoryFile) -> Result<u64, DiskError> {
        self.memory.len(file)
    }
    fn read(&self, file: &MemoryFile, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        self.memory.read(file, offset, into)
    }
    fn write_at(&self, file: &MemoryFile, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.memory.write_at(file, offset, bytes)
    }
    fn sync(&self, file: &MemoryFile) -> Result<(), DiskError> {
        if self.lies.load(Ordering::Relaxed) { Ok(()) } else { self.memory.sync(file) }
    }
    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.memory.rename(from, to)
    }
    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.memory.remove(name)
    }
}

/// Tables whose last checkpoint outlives the machine. Clones are the same tables.
#[derive(Clone, Default)]
pub struct Shelf(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    tables: MemoryTables,
    fails: bool,
}

impl Shelf {
    /// The next checkpoint fails.
    pub fn fail_next(&self) {
        self.held().fails = true;
    }

    /// No planned failure is left.
    pub fn fail_no_more(&self) {
        self.held().fails = false;
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables for Shelf {
    fn applied(&self) -> u64 {
        self.held().tables.applied()
    }
    fn head_hash(&self) -> Hash {
        self.held().tables.head_hash()
    }
    fn get(&self, table: u16, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.held().tables.get(table, key)
    }
    fn scan(&self, table: u16, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.held().tables.scan(table, from, limit)
    }
    fn checkpoint(
        &mut self,
        applied: u64,
        head_hash: Hash,
        writes: &mut dyn Iterator<Item = Write<'_>>,
    ) -> Result<(), StoreError> {
        let mut held = self.held();
        if std::mem::take(&mut held.fails) {
            return Err(StoreError::Damaged);
        }
        held.tables.checkpoint(applied, head_hash, writes)
    }
    fn dump(&self, each: &mut dyn FnMut(TableRow<'_>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.held().tables.dump(each)
    }
}
