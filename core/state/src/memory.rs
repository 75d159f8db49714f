//! Rows in memory: for tests, for the simulated world, and for anything that is rebuilt at each start.
use crate::Rows;
use alloc::{collections::BTreeMap, vec::Vec};

/// Rows in a sorted map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryRows(BTreeMap<(u16, Vec<u8>), Vec<u8>>);

impl MemoryRows {
    /// All rows, ordered by table and key.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &[u8], &[u8])> {
        self.0.iter().map(|((table, key), value)| (*table, key.as_slice(), value.as_slice()))
    }
}

impl Rows for MemoryRows {
    fn get(&self, table: u16, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(&(table, key.to_vec())).cloned()
    }

    fn put(&mut self, table: u16, key: &[u8], value: Vec<u8>) {
        self.0.insert((table, key.to_vec()), value);
    }

    fn delete(&mut self, table: u16, key: &[u8]) {
        self.0.remove(&(table, key.to_vec()));
    }

    fn scan(&self, table: u16, from: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.0
            .range((table, from.to_vec())..)
            .take_while(|((found, _), _)| *found == table)
            .take(limit)
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect()
    }

    #[expect(
        clippy::panic,
        reason = "a row that cannot be read back must halt whoever applies commands to it"
    )]
    fn damaged(&self, table: u16, key: &[u8]) -> ! {
        panic!("row {} of table {table} is damaged", symbolon_types::hex_upper(key))
    }
}
