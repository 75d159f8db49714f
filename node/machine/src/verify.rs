//! The offline audit of a data folder: the log's chain, the tables against the log, the conservation of money, the systems' invariants.
//!
//! The rows are made anew from the log, in memory, up to the tables' restart point, and compared with them one by one; then the rest of the
//! log is applied and the invariants are checked over the result.
use crate::machine::replay;
use std::collections::BTreeMap;
use symbolon_acquiring::state::{AcquiringAudit, AcquiringDamage};
use symbolon_journal::{Audit, JournalDamage};
use symbolon_log::{BatchHash, Head, History, LogError};
use symbolon_offline_payment::state::{OfflineAudit, OfflineDamage};
use symbolon_state::MemoryRows;
use symbolon_store::{StoreError, Tables};

use crate::MachineError;

/// What was found right.
#[derive(Debug)]
pub struct Verified {
    /// The end of the log.
    pub head: Head,
    /// Batches of the log.
    pub batches: u64,
    /// The sequence number of the tables' restart point.
    pub applied: u64,
    /// Rows that are equal in the tables and in the replay.
    pub rows: u64,
    /// The journal.
    pub journal: Audit,
    /// System 01.
    pub offline_payment: OfflineAudit,
    /// The acquirer.
    pub acquiring: AcquiringAudit,
}

/// The first thing that was found wrong.
#[derive(Debug)]
pub enum VerifyError {
    /// The log is damaged, or could not be read.
    Log(LogError),
    /// The tables are damaged, or could not be read.
    Store(StoreError),
    /// The log could not be replayed.
    Machine(MachineError),
    /// The log's beginning was archived, so the rows cannot be made anew: fetch the archived segments first.
    Archived,
    /// The tables' restart point is not a batch of this log.
    TablesNotOfLog,
    /// A row of this table differs between the tables and the replay.
    Row {
        /// The table's number.
        table: u16,
        /// The row's key.
        key: Vec<u8>,
    },
    /// The journal does not balance.
    Journal(JournalDamage),
    /// An invariant of system 01 does not hold.
    OfflinePayment(OfflineDamage),
    /// A request that the acquirer answered is not borne out.
    Acquiring(AcquiringDamage),
}

impl From<LogError> for VerifyError {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl From<StoreError> for VerifyError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<MachineError> for VerifyError {
    fn from(error: MachineError) -> Self {
        Self::Machine(error)
    }
}

impl std::fmt::Display for VerifyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Log(error) => write!(f, "log: {error}"),
            Self::Store(error) => write!(f, "tables: {error}"),
            Self::Machine(error) => write!(f, "replay: {error}"),
            Self::Archived => {
                f.write_str("the log's beginning was archived: fetch its segments to make the rows anew")
            }
            Self::TablesNotOfLog => f.write_str("the tables' restart point is not in this log"),
            Self::Row { table, key } => {
                write!(
                    f,
                    "table {table}, row {}: the tables differ from the log",
                    symbolon_types::hex_upper(key)
                )
            }
            Self::Journal(damage) => write!(f, "journal: {damage:?}"),
            Self::OfflinePayment(damage) => write!(f, "offline-payment: {damage:?}"),
            Self::Acquiring(damage) => write!(f, "acquiring: {damage:?}"),
        }
    }
}

impl std::error::Error for VerifyError {}

/// Audits a log and its tables; the log is only read, and no row is changed.
///
/// # Errors
/// The first [`VerifyError`].
pub fn verify<L: History, T: Tables>(log: &L, tables: &T) -> Result<Verified, VerifyError> {
    if log.first_sequence() > 1 {
        return Err(VerifyError::Archived);
    }
    let point = (tables.applied(), BatchHash(tables.head_hash().0));
    let mut rows = MemoryRows::default();
    let (mut batches, mut compared) = (0u64, None);
    if point == (0, BatchHash::ZERO) {
        compared = Some(compare(&rows, tables)?);
    }
    for batch in log.batches()? {
        let batch = batch?;
        replay(&mut rows, &batch)?;
        batches = batches.saturating_add(1);
        if point == (batch.last_sequence(), batch.hash) {
            compared = Some(compare(&rows, tables)?);
        }
    }
    Ok(Verified {
        head: log.head(),
        batches,
        applied: point.0,
        rows: compared.ok_or(VerifyError::TablesNotOfLog)?,
        journal: symbolon_journal::audit(&rows).map_err(VerifyError::Journal)?,
        offline_payment: symbolon_offline_payment::state::audit(&rows)
            .map_err(VerifyError::OfflinePayment)?,
        acquiring: symbolon_acquiring::state::audit(&rows).map_err(VerifyError::Acquiring)?,
    })
}

/// The number of rows, all of them equal.
fn compare<T: Tables>(rows: &MemoryRows, tables: &T) -> Result<u64, VerifyError> {
    let mut expected: BTreeMap<(u16, Vec<u8>), &[u8]> =
        rows.iter().map(|(table, key, value)| ((table, key.to_vec()), value)).collect();
    let (mut equal, mut different) = (0u64, None);
    tables.dump(&mut |row| {
        let found = expected.remove(&(row.table, row.key.to_vec()));
        if found == Some(row.value) {
            equal = equal.saturating_add(1);
        } else if different.is_none() {
            different = Some((row.table, row.key.to_vec()));
        }
        Ok(())
    })?;
    match different.or_else(|| expected.into_keys().next()) {
        Some((table, key)) => Err(VerifyError::Row { table, key }),
        None => Ok(equal),
    }
}
