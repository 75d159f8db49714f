//! The tables as they stand at a checkpoint.
use crate::StoreError;
use symbolon_types::Hash;

/// The table number that the store keeps for itself.
pub const RESERVED_TABLE: u16 = u16::MAX;

/// The longest key of a row in bytes.
pub const KEY_LEN_MAX: usize = 65_533;

/// The longest value of a row in bytes, 1 GiB.
pub const VALUE_LEN_MAX: usize = 1 << 30;

/// Key and value of a row.
pub type Row = (Vec<u8>, Vec<u8>);

/// One row of a dump, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableRow<'a> {
    /// The table's number.
    pub table: u16,
    /// The row's key within the table.
    pub key: &'a [u8],
    /// The row's value.
    pub value: &'a [u8],
}

/// One write of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Write<'a> {
    /// The table's number, not [`RESERVED_TABLE`].
    pub table: u16,
    /// The row's key within the table, at most [`KEY_LEN_MAX`] bytes.
    pub key: &'a [u8],
    /// The new value, at most [`VALUE_LEN_MAX`] bytes; `None` removes the row.
    pub value: Option<&'a [u8]>,
}

impl Write<'_> {
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        readable(self.table)?;
        let value_len = self.value.map_or(0, <[u8]>::len);
        if self.key.len() > KEY_LEN_MAX || value_len > VALUE_LEN_MAX {
            Err(StoreError::TooLong)
        } else {
            Ok(())
        }
    }
}

pub(crate) fn readable(table: u16) -> Result<(), StoreError> {
    if table == RESERVED_TABLE { Err(StoreError::ReservedTable) } else { Ok(()) }
}

/// All tables of one cell as of one checkpoint. Reading needs `&self` only.
pub trait Tables {
    /// The sequence number of the last command whose writes are here; 0 before the first checkpoint.
    fn applied(&self) -> u64;

    /// The hash of the log's head at [`Tables::applied`]; [`Hash::ZERO`] before the first checkpoint.
    fn head_hash(&self) -> Hash;

    /// The value at `key`, if there is a row.
    ///
    /// # Errors
    /// [`StoreError::Engine`], [`StoreError::ReservedTable`]; so for every reader below.
    fn get(&self, table: u16, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// At most `limit` rows of the table with keys `>= from`, in order of their keys.
    ///
    /// # Errors
    /// [`StoreError`].
    fn scan(&self, table: u16, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError>;

    /// Writes all of `writes` and the restart point, or nothing; durable on return. Of two writes of one row the later holds.
    ///
    /// # Errors
    /// [`StoreError`]. [`StoreError::TooLong`], [`StoreError::ReservedTable`] and [`StoreError::GoesBack`] leave all as it was; after
    /// [`StoreError::Engine`] it is unknown until the tables are opened again whether the checkpoint stands, and no further one is taken.
    fn checkpoint(
        &mut self,
        applied: u64,
        head_hash: Hash,
        writes: &mut dyn Iterator<Item = Write<'_>>,
    ) -> Result<(), StoreError>;

    /// Every row, in order of (table, key), given to `each` until it fails. What a new replica starts from, with the restart point.
    ///
    /// # Errors
    /// [`StoreError`], also that of `each`.
    fn dump(&self, each: &mut dyn FnMut(TableRow<'_>) -> Result<(), StoreError>) -> Result<(), StoreError>;
}

/// A checkpoint may repeat the present sequence number but not go back.
pub(crate) fn follows(applied: u64, asked: u64) -> Result<(), StoreError> {
    if asked < applied { Err(StoreError::GoesBack { applied, asked }) } else { Ok(()) }
}
