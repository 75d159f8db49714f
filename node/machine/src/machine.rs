//! The single writer, stepped: one batch at a time from submissions to answers.
//!
//! ```text
//!   open:  tables at (applied, hash) ─► log.read_after ─► replay ─► ready
//!   step:  append + sync ─► due ─► apply each ─► answers          any failure ─► halted: nothing more is written, read or answered
//! ```
use crate::idempotency;
use crate::record::{Logged, Submission};
use crate::union::{self, AnyOutcome};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use symbolon_log::{Batch, BatchHash, Disk, Log, LogError};
use symbolon_state::{Ctx, Rows};
use symbolon_store::{Overlay, StoreError, Tables};
use symbolon_types::{Hash, UnixMs};

/// Rows of each kind that are processed at the start of one batch.
const DUE_MAX: usize = 1000;

/// When a checkpoint is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// After this much log, in bytes.
    pub checkpoint_bytes: u64,
    /// After this long, in milliseconds, if anything was applied.
    pub checkpoint_ms: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self { checkpoint_bytes: 64 << 20, checkpoint_ms: 10_000 }
    }
}

/// Why the machine does not open or does not go on.
#[derive(Debug)]
pub enum MachineError {
    /// The log refused or failed.
    Log(LogError),
    /// The tables refused or failed.
    Store(StoreError),
    /// The tables were made from another log, or from a later end of this one.
    TablesNotOfLog,
    /// The record of this sequence number is of no kind that this program knows.
    UnknownRecord(u64),
    /// Applying the command of this sequence number failed; the machine has halted before answering it.
    Halted(u64),
}

impl From<LogError> for MachineError {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl From<StoreError> for MachineError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for MachineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(error) => write!(f, "log: {error}"),
            Self::Store(error) => write!(f, "tables: {error}"),
            Self::TablesNotOfLog => f.write_str("the tables do not belong to this log: restore both, or remove the tables"),
            Self::UnknownRecord(sequence) => write!(f, "record {sequence} is of no kind that this version knows"),
            Self::Halted(sequence) => write!(f, "halted at command {sequence}: it could not be applied"),
        }
    }
}

impl std::error::Error for MachineError {}

/// What opening found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What the log found.
    pub log: symbolon_log::Opened,
    /// Commands that were replayed over the last checkpoint.
    pub replayed: u64,
}

/// The rows as of the last durable batch.
pub(crate) struct View<T> {
    pub(crate) rows: Overlay<T>,
    pub(crate) applied: u64,
    pub(crate) halted: bool,
}

/// The machine.
pub struct Machine<D: Disk, T: Tables> {
    log: Log<D>,
    view: Arc<RwLock<View<T>>>,
    policy: Policy,
    since_bytes: u64,
    checkpoint_at: UnixMs,
    halted: Option<u64>,
}

impl<D: Disk, T: Tables> Machine<D, T> {
    /// Brings the tables up to the end of the log.
    ///
    /// # Errors
    /// [`MachineError`]; nothing was changed.
    pub fn open(log: Log<D>, found: symbolon_log::Opened, tables: T, policy: Policy) -> Result<(Self, Opened), MachineError> {
        let (applied, hash) = (tables.applied(), BatchHash(tables.head_hash().0));
        let mut view = View { rows: Overlay::new(tables), applied, halted: false };
        let mut replayed = 0u64;
        let batches = log.read_after(applied, hash).map_err(|error| match error {
            LogError::NotInLog => MachineError::TablesNotOfLog,
            other => MachineError::Log(other),
        })?;
        for batch in batches {
            let batch = batch?;
            replayed = replayed.saturating_add(batch.count());
            replay(&mut view.rows, &batch)?;
            view.applied = batch.last_sequence();
        }
        let machine = Self {
            log,
            view: Arc::new(RwLock::new(view)),
            policy,
            since_bytes: 0,
            checkpoint_at: UnixMs(0),
            halted: None,
        };
        Ok((machine, Opened { log: found, replayed }))
    }

    pub(crate) fn view(&self) -> Arc<RwLock<View<T>>> {
        Arc::clone(&self.view)
    }

    /// Makes the submissions durable as one batch, applies them, and answers each with its sequence number, in their order.
    ///
    /// # Errors
    /// [`MachineError::Log`] with [`LogError::Full`] or [`LogError::TooLarge`]: nothing was done, and the machine goes on. Anything else halts it.
    pub fn step(&mut self, now: UnixMs, submissions: &[Submission]) -> Result<Vec<(u64, AnyOutcome)>, MachineError> {
        if let Some(sequence) = self.halted {
            return Err(MachineError::Halted(sequence));
        }
        let records: Vec<Vec<u8>> = submissions.iter().map(Submission::encode).collect();
        let slices: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        let at = now.max(UnixMs(self.log.head().at_ms));
        let appended = self.log.append(at.0, &slices)?;
        self.since_bytes = slices.iter().fold(self.since_bytes, |sum, record| sum.saturating_add(record.len() as u64));
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        let answers = apply_batch(&mut view.rows, at, (appended.first..).zip(slices));
        if let Err(error) = &answers {
            view.halted = true;
            self.halted = Some(match error {
                MachineError::Halted(sequence) | MachineError::UnknownRecord(sequence) => *sequence,
                _ => appended.first,
            });
        } else {
            view.applied = appended.last;
        }
        answers
    }

    /// When something falls due next, if anything will.
    #[must_use]
    pub fn next_due(&self) -> Option<UnixMs> {
        union::next_due(&self.read().rows)
    }

    /// Takes a checkpoint if one is due by the policy, or at once when `now` is `None`. Whether one was taken.
    ///
    /// # Errors
    /// [`MachineError::Store`].
    pub fn checkpoint(&mut self, now: Option<UnixMs>) -> Result<bool, MachineError> {
        if let Some(sequence) = self.halted {
            return Err(MachineError::Halted(sequence));
        }
        if let Some(now) = now {
            let aged = now >= self.checkpoint_at.plus_ms(self.policy.checkpoint_ms);
            if self.since_bytes < self.policy.checkpoint_bytes && !(aged && self.since_bytes > 0) {
                return Ok(false);
            }
        }
        let head = self.log.head();
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        view.rows.checkpoint(head.sequence, Hash(head.hash.0))?;
        self.since_bytes = 0;
        self.checkpoint_at = now.unwrap_or(UnixMs(head.at_ms));
        Ok(true)
    }

    /// Prepares the log's next segment while there is nothing else to do.
    pub fn idle(&mut self) {
        // A full disk shows where the segment is needed; what else may fail here fails there too.
        let _ = self.log.prepare(1 << 20);
    }

    /// The log's end.
    #[must_use]
    pub fn head(&self) -> symbolon_log::Head {
        self.log.head()
    }

    fn read(&self) -> RwLockReadGuard<'_, View<T>> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Applies a batch that the log already holds.
pub(crate) fn replay(rows: &mut dyn Rows, batch: &Batch) -> Result<(), MachineError> {
    apply_batch(rows, UnixMs(batch.at_ms), batch.records()).map(|_| ())
}

/// What is due first, then each record in order. Any panic is a halt at the record's sequence number.
fn apply_batch<'a>(
    rows: &mut dyn Rows,
    at: UnixMs,
    records: impl Iterator<Item = (u64, &'a [u8])>,
) -> Result<Vec<(u64, AnyOutcome)>, MachineError> {
    let mut records = records.peekable();
    let first = records.peek().map_or(0, |(sequence, _)| *sequence);
    caught(first, || union::process_due(rows, &Ctx { at, sequence: first }, DUE_MAX))?;
    records
        .map(|(sequence, record)| {
            let logged = Logged::read(record).map_err(|_| MachineError::UnknownRecord(sequence))?;
            let ctx = Ctx { at, sequence };
            let outcome = caught(sequence, || match logged.request {
                None => logged.command.apply(rows, &ctx),
                Some(request) => {
                    idempotency::once(rows, &ctx, request, logged.body, |rows| logged.command.apply(rows, &ctx))
                }
            })?;
            Ok((sequence, outcome))
        })
        .collect()
}

fn caught<R>(sequence: u64, apply: impl FnOnce() -> R) -> Result<R, MachineError> {
    catch_unwind(AssertUnwindSafe(apply)).map_err(|_| MachineError::Halted(sequence))
}
