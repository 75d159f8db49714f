//! Tables in memory, for the simulated world: a clone is what a crash leaves.
use crate::tables::{follows, readable};
use crate::{Row, StoreError, TableRow, Tables, Write};
use std::collections::BTreeMap;
use symbolon_types::Hash;

/// Tables in a sorted map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryTables {
    applied: u64,
    head_hash: Hash,
    rows: BTreeMap<(u16, Vec<u8>), Vec<u8>>,
}

impl Default for MemoryTables {
    fn default() -> Self {
        Self { applied: 0, head_hash: Hash::ZERO, rows: BTreeMap::new() }
    }
}

impl Tables for MemoryTables {
    fn applied(&self) -> u64 {
        self.applied
    }

    fn head_hash(&self) -> Hash {
        self.head_hash
    }

    fn get(&self, table: u16, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        readable(table)?;
        Ok(self.rows.get(&(table, key.to_vec())).cloned())
    }

    fn scan(&self, table: u16, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        readable(table)?;
        let rows = self.rows.range((table, from.to_vec())..).take_while(|((found, _), _)| *found == table);
        Ok(rows.take(limit).map(|((_, key), value)| (key.clone(), value.clone())).collect())
    }

    fn checkpoint(
        &mut self,
        applied: u64,
        head_hash: Hash,
        writes: &mut dyn Iterator<Item = Write<'_>>,
    ) -> Result<(), StoreError> {
        follows(self.applied, applied)?;
        let mut checked = Vec::new();
        for write in writes {
            write.check()?;
            checked.push(((write.table, write.key.to_vec()), write.value.map(<[u8]>::to_vec)));
        }
        for (key, value) in checked {
            match value {
                Some(value) => self.rows.insert(key, value),
                None => self.rows.remove(&key),
            };
        }
        (self.applied, self.head_hash) = (applied, head_hash);
        Ok(())
    }

    fn dump(&self, each: &mut dyn FnMut(TableRow<'_>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.rows.iter().try_for_each(|((table, key), value)| each(TableRow { table: *table, key, value }))
    }
}
