//! What was written since the last checkpoint, over the tables of that checkpoint.
//!
//! A row that a system removes from the front of a queue stays in the tables until the checkpoint, and hidden behind the overlay; so that
//! the next scan does not walk over all of them again, one stretch of each table that is known to hold no row is remembered.
//!
//! **Invariant:** a stretch remembered as empty has no row in the merged view; a write into it cuts it off before the written key.
use crate::{Row, StoreError, Tables, Write};
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};
use symbolon_state::Rows;
use symbolon_types::{Hash, hex_upper};

/// What an entry costs in memory beside its key and value, in bytes, about.
const ENTRY_BYTES: usize = 64;

/// The most rows that are read from the tables at once.
const PAGE_MAX: usize = 4096;

/// An empty stretch is remembered when a scan had to walk over as many hidden rows.
const HIDDEN_MIN: usize = 32;

type Entries = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Rows over the tables of the last checkpoint. Reading needs `&self` only.
///
/// # Panics
/// When the tables cannot be read, or a row is damaged: the node halts, as a command that cannot read its rows has no outcome.
pub struct Overlay<T> {
    tables: T,
    written: BTreeMap<u16, Entries>,
    written_bytes: usize,
    empty: Mutex<BTreeMap<u16, Stretch>>,
}

/// Keys from `from` on and below `below`, which no row has.
#[derive(Clone)]
struct Stretch {
    from: Vec<u8>,
    below: Vec<u8>,
}

impl<T: Tables> Overlay<T> {
    /// Nothing written over `tables`.
    pub fn new(tables: T) -> Self {
        Self { tables, written: BTreeMap::new(), written_bytes: 0, empty: Mutex::default() }
    }

    /// The tables as of the last checkpoint.
    pub fn tables(&self) -> &T {
        &self.tables
    }

    /// Gives the tables back; what was written since the last checkpoint is dropped.
    pub fn into_tables(self) -> T {
        self.tables
    }

    /// How much memory the writes since the last checkpoint take, in bytes, about. Above 64 MiB a checkpoint is due.
    pub fn written_bytes(&self) -> usize {
        self.written_bytes
    }

    /// Writes the overlay and the restart point to the tables in one durable batch, then clears the overlay.
    ///
    /// # Errors
    /// [`StoreError`]; the overlay is as before, so that reading goes on.
    pub fn checkpoint(&mut self, applied: u64, head_hash: Hash) -> Result<(), StoreError> {
        let mut writes = self.written.iter().flat_map(|(&table, entries)| {
            entries.iter().map(move |(key, value)| Write { table, key, value: value.as_deref() })
        });
        self.tables.checkpoint(applied, head_hash, &mut writes)?;
        self.written.clear();
        self.written_bytes = 0;
        Ok(())
    }

    fn write(&mut self, table: u16, key: &[u8], value: Option<Vec<u8>>) {
        let size = |value: &Option<Vec<u8>>| {
            value.as_ref().map_or(0, Vec::len).saturating_add(key.len()).saturating_add(ENTRY_BYTES)
        };
        let added = size(&value);
        let replaced = self.written.entry(table).or_default().insert(key.to_vec(), value);
        let freed = replaced.as_ref().map_or(0, size);
        self.written_bytes = self.written_bytes.saturating_add(added).saturating_sub(freed);
    }

    fn read(&self, table: u16, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.written.get(&table).and_then(|entries| entries.get(key)) {
            Some(entry) => Ok(entry.clone()),
            None => self.tables.get(table, key),
        }
    }

    fn merged(&self, table: u16, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        let (noted, start) = self.after_empty(table, from);
        let mut out = Vec::new();
        let mut merge = Merge {
            pages: Pages::new(&self.tables, table, start.clone(), limit),
            entries: self.entries(table, &start).peekable(),
            hidden: 0,
            last_hidden: Vec::new(),
        };
        while out.len() < limit
            && let Some(row) = merge.next_row()?
        {
            if out.is_empty() && merge.hidden >= HIDDEN_MIN {
                self.note_empty(table, &noted, &merge.last_hidden);
            }
            out.push(row);
        }
        if out.is_empty() && merge.hidden >= HIDDEN_MIN {
            self.note_empty(table, &noted, &merge.last_hidden);
        }
        Ok(out)
    }

    fn entries(&self, table: u16, from: &[u8]) -> impl Iterator<Item = (&Vec<u8>, &Option<Vec<u8>>)> {
        let range = (Bound::Included(from), Bound::Unbounded);
        self.written.get(&table).into_iter().flat_map(move |entries| entries.range::<[u8], _>(range))
    }

    fn empty(&self) -> MutexGuard<'_, BTreeMap<u16, Stretch>> {
        self.empty.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the stretch around `from` that is known to be empty begins and ends; `from` itself where none is known.
    fn after_empty(&self, table: u16, from: &[u8]) -> (Vec<u8>, Vec<u8>) {
        match self.empty().get(&table) {
            Some(known) if known.from.as_slice() <= from && from <= known.below.as_slice() => {
                (known.from.clone(), known.below.clone())
            }
            _ => (from.to_vec(), from.to_vec()),
        }
    }

    fn note_empty(&self, table: u16, from: &[u8], last: &[u8]) {
        let below = [last, &[0]].concat();
        self.empty().insert(table, Stretch { from: from.to_vec(), below });
    }

    /// A row comes to be at `key`.
    fn cut_empty(&self, table: u16, key: &[u8]) {
        if let Some(known) = self.empty().get_mut(&table)
            && known.from.as_slice() <= key
            && key < known.below.as_slice()
        {
            known.below = key.to_vec();
        }
    }
}

impl<T: Tables> Rows for Overlay<T> {
    fn get(&self, table: u16, key: &[u8]) -> Option<Vec<u8>> {
        self.read(table, key).unwrap_or_else(|error| halt(&error))
    }

    fn put(&mut self, table: u16, key: &[u8], value: Vec<u8>) {
        self.cut_empty(table, key);
        self.write(table, key, Some(value));
    }

    fn delete(&mut self, table: u16, key: &[u8]) {
        self.write(table, key, None);
    }

    fn scan(&self, table: u16, from: &[u8], limit: usize) -> Vec<Row> {
        self.merged(table, from, limit).unwrap_or_else(|error| halt(&error))
    }

    #[expect(
        clippy::panic,
        reason = "a command that reads a damaged row has no outcome: the node halts and names the row"
    )]
    fn damaged(&self, table: u16, key: &[u8]) -> ! {
        panic!("store: row {} of table {table} is damaged; the node halts", hex_upper(key))
    }
}

#[expect(
    clippy::panic,
    reason = "a command that cannot read its rows has no outcome: the node halts and says why"
)]
fn halt(error: &StoreError) -> ! {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    panic!("store: {error}{cause}; the node halts")
}

/// The entries of the overlay over the rows of the tables, in the order of their keys.
struct Merge<'a, T, E: Iterator> {
    pages: Pages<'a, T>,
    entries: Peekable<E>,
    /// How many removed rows were passed, and the last of them.
    hidden: usize,
    last_hidden: Vec<u8>,
}

impl<'a, T: Tables, E: Iterator<Item = (&'a Vec<u8>, &'a Option<Vec<u8>>)>> Merge<'a, T, E> {
    fn next_row(&mut self) -> Result<Option<Row>, StoreError> {
        loop {
            let below = self.pages.peek()?.map(|(key, _)| key);
            let Some(&(key, value)) = self.entries.peek() else { return Ok(self.pages.next()) };
            if below.is_some_and(|below| below < key) {
                return Ok(self.pages.next());
            }
            if below == Some(key) {
                self.pages.next();
            }
            self.entries.next();
            match value {
                Some(value) => return Ok(Some((key.clone(), value.clone()))),
                None => self.pass(key),
            }
        }
    }

    fn pass(&mut self, key: &[u8]) {
        self.hidden = self.hidden.saturating_add(1);
        self.last_hidden.clear();
        self.last_hidden.extend_from_slice(key);
    }
}

/// The rows of one table, read in pages that grow.
struct Pages<'a, T> {
    tables: &'a T,
    table: u16,
    page: Peekable<std::vec::IntoIter<Row>>,
    /// Where the next page begins; `None` when there is none.
    from: Option<Vec<u8>>,
    size: usize,
}

impl<'a, T: Tables> Pages<'a, T> {
    fn new(tables: &'a T, table: u16, from: Vec<u8>, size: usize) -> Self {
        let size = size.clamp(1, PAGE_MAX);
        Self { tables, table, page: Vec::new().into_iter().peekable(), from: Some(from), size }
    }

    fn peek(&mut self) -> Result<Option<&Row>, StoreError> {
        if self.page.peek().is_none()
            && let Some(from) = self.from.take()
        {
            let rows = self.tables.scan(self.table, &from, self.size)?;
            if rows.len() == self.size {
                self.from = rows.last().map(|(key, _)| [key.as_slice(), &[0]].concat());
            }
            self.size = self.size.saturating_mul(2).min(PAGE_MAX);
            self.page = rows.into_iter().peekable();
        }
        Ok(self.page.peek())
    }

    fn next(&mut self) -> Option<Row> {
        self.page.next()
    }
}
