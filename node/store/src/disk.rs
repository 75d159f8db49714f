//! Tables on disk: one keyspace of an LSM tree.
//!
//! ```text
//!   key                              value
//!   table u16 BE ‖ key of the row    the row
//!   FFFF ‖ "format"                  format version u32 BE
//!   FFFF ‖ "restart"                 applied u64 BE ‖ head hash, 32 bytes
//! ```
//! The engine writes a checkpoint to its own journal with a checksum over the whole batch and syncs it before any of it can be read.
//! A batch whose end is missing is cut off when the tables are opened: the checkpoint before it stands. A batch that is there to its end
//! but wrong within (a power cut may lose a page in the middle of one that was never acknowledged) is refused as
//! [`StoreError::Engine`], never read: such tables are made anew from a dump and the log.
use crate::tables::{follows, readable};
use crate::{RESERVED_TABLE, Row, StoreError, TableRow, Tables, Write};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use std::ops::Range;
use std::path::Path;
use symbolon_types::Hash;

/// The format that this program writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;

const KEYSPACE: &str = "tables";
const FORMAT: &[u8] = b"format";
const RESTART: &[u8] = b"restart";

/// How much memory the engine may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskOptions {
    /// For blocks read from disk, in bytes.
    pub cache_bytes: u64,
    /// For rows not yet in sorted files, in bytes; they are in the engine's journal all the same.
    pub memtable_bytes: u64,
}

impl Default for DiskOptions {
    fn default() -> Self {
        Self { cache_bytes: 64 << 20, memtable_bytes: 64 << 20 }
    }
}

/// Tables in a folder, open in one process at a time.
pub struct DiskTables {
    database: Database,
    keyspace: Keyspace,
    applied: u64,
    head_hash: Hash,
}

impl DiskTables {
    /// Opens the tables in the folder `path`, making them if there are none.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::NewerFormat`], [`StoreError::Damaged`], [`StoreError::Engine`].
    pub fn open(path: &Path, options: DiskOptions) -> Result<Self, StoreError> {
        let database = Database::builder(path).cache_size(options.cache_bytes).open()?;
        let keyspace = database.keyspace(KEYSPACE, || {
            KeyspaceCreateOptions::default().max_memtable_size(options.memtable_bytes)
        })?;
        let mut tables = Self { database, keyspace, applied: 0, head_hash: Hash::ZERO };
        match tables.keyspace.get(row_key(RESERVED_TABLE, FORMAT))? {
            Some(format) => tables.recognise(&format)?,
            None => tables.make()?,
        }
        Ok(tables)
    }

    fn recognise(&mut self, format: &[u8]) -> Result<(), StoreError> {
        let found = u32::from_be_bytes(format.try_into().map_err(|_| StoreError::Damaged)?);
        if found > FORMAT_VERSION {
            return Err(StoreError::NewerFormat { found });
        }
        let restart = self.keyspace.get(row_key(RESERVED_TABLE, RESTART))?.ok_or(StoreError::Damaged)?;
        let (applied, head_hash) = restart.split_first_chunk::<8>().ok_or(StoreError::Damaged)?;
        self.applied = u64::from_be_bytes(*applied);
        self.head_hash = Hash(head_hash.try_into().map_err(|_| StoreError::Damaged)?);
        Ok(())
    }

    /// New tables. Rows without a format version are not new.
    fn make(&mut self) -> Result<(), StoreError> {
        if !self.keyspace.is_empty()? {
            return Err(StoreError::Damaged);
        }
        self.commit(0, Hash::ZERO, &mut std::iter::empty())
    }

    fn commit(
        &self,
        applied: u64,
        head_hash: Hash,
        writes: &mut dyn Iterator<Item = Write<'_>>,
    ) -> Result<(), StoreError> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncAll));
        for write in writes {
            write.check()?;
            let key = row_key(write.table, write.key);
            match write.value {
                Some(value) => batch.insert(&self.keyspace, key, value),
                None => batch.remove(&self.keyspace, key),
            }
        }
        let restart = [applied.to_be_bytes().as_slice(), head_hash.as_bytes()].concat();
        batch.insert(&self.keyspace, row_key(RESERVED_TABLE, RESTART), restart);
        batch.insert(&self.keyspace, row_key(RESERVED_TABLE, FORMAT), FORMAT_VERSION.to_be_bytes());
        batch.commit()?;
        Ok(())
    }

    fn range(&self, range: Range<Vec<u8>>) -> impl Iterator<Item = Result<(u16, Row), StoreError>> {
        self.keyspace.range(range).map(|row| {
            let (key, value) = row.into_inner()?;
            let (table, key) = key.split_first_chunk::<2>().ok_or(StoreError::Damaged)?;
            Ok((u16::from_be_bytes(*table), (key.to_vec(), value.to_vec())))
        })
    }
}

impl Tables for DiskTables {
    fn applied(&self) -> u64 {
        self.applied
    }

    fn head_hash(&self) -> Hash {
        self.head_hash
    }

    fn get(&self, table: u16, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        readable(table)?;
        Ok(self.keyspace.get(row_key(table, key))?.map(|value| value.to_vec()))
    }

    fn scan(&self, table: u16, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        readable(table)?;
        let range = row_key(table, from)..row_key(table.saturating_add(1), &[]);
        self.range(range).take(limit).map(|found| found.map(|(_, row)| row)).collect()
    }

    fn checkpoint(
        &mut self,
        applied: u64,
        head_hash: Hash,
        writes: &mut dyn Iterator<Item = Write<'_>>,
    ) -> Result<(), StoreError> {
        follows(self.applied, applied)?;
        self.commit(applied, head_hash, writes)?;
        (self.applied, self.head_hash) = (applied, head_hash);
        Ok(())
    }

    fn dump(&self, each: &mut dyn FnMut(TableRow<'_>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.range(row_key(0, &[])..row_key(RESERVED_TABLE, &[])).try_for_each(|row| {
            let (table, (key, value)) = row?;
            each(TableRow { table, key: &key, value: &value })
        })
    }
}

fn row_key(table: u16, key: &[u8]) -> Vec<u8> {
    [table.to_be_bytes().as_slice(), key].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> Result<DiskTables, StoreError> {
        DiskTables::open(path, DiskOptions::default())
    }

    /// Writes rows of the store's own past its checks.
    fn rewrite(path: &Path, name: &[u8], value: Option<&[u8]>) {
        let tables = open(path).unwrap();
        let key = row_key(RESERVED_TABLE, name);
        let mut batch = tables.database.batch().durability(Some(PersistMode::SyncAll));
        match value {
            Some(value) => batch.insert(&tables.keyspace, key, value),
            None => batch.remove(&tables.keyspace, key),
        }
        batch.commit().unwrap();
    }

    #[test]
    fn a_checkpoint_is_there_after_opening_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut tables = open(folder.path()).unwrap();
        let write = Write { table: 7, key: b"k", value: Some(b"v") };
        tables.checkpoint(9, Hash([1; 32]), &mut [write].into_iter()).unwrap();
        drop(tables);
        let tables = open(folder.path()).unwrap();
        assert_eq!((tables.applied(), tables.head_hash()), (9, Hash([1; 32])));
        assert_eq!(tables.get(7, b"k").unwrap().as_deref(), Some(b"v".as_slice()));
    }

    #[test]
    fn the_tables_are_open_once() {
        let folder = tempfile::tempdir().unwrap();
        let first = open(folder.path()).unwrap();
        assert!(matches!(open(folder.path()), Err(StoreError::Locked)));
        drop(first);
        assert!(open(folder.path()).is_ok());
    }

    #[test]
    fn a_newer_format_is_refused_and_the_present_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        rewrite(folder.path(), FORMAT, Some(&FORMAT_VERSION.to_be_bytes()));
        assert!(open(folder.path()).is_ok());
        rewrite(folder.path(), FORMAT, Some(&(FORMAT_VERSION + 1).to_be_bytes()));
        assert!(matches!(open(folder.path()), Err(StoreError::NewerFormat { found: 2 })));
    }

    #[test]
    fn tables_that_do_not_say_where_they_stand_are_refused() {
        for (name, value) in
            [(FORMAT, None), (FORMAT, Some(b"1".as_slice())), (RESTART, None), (RESTART, Some(b"1"))]
        {
            let folder = tempfile::tempdir().unwrap();
            assert!(open(folder.path()).is_ok());
            rewrite(folder.path(), name, value);
            assert!(matches!(open(folder.path()), Err(StoreError::Damaged)), "{name:?} {value:?}");
        }
    }

    #[test]
    fn tables_can_be_shared_with_readers() {
        fn shared<T: Send + Sync>() {}
        shared::<DiskTables>();
        shared::<crate::Overlay<DiskTables>>();
    }
}
