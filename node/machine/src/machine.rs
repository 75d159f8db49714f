//! The single writer, stepped: one batch at a time from submissions to answers.
//!
//! ```text
//!   open:  tables at (applied, hash) ─► log.read_after ─► replay, with checkpoints ─► ready
//!   step:  append + sync ─► due ─► apply each ─► answers
//!             │                └ failed ─► halted: nothing more is written, read or answered
//!             └ failed ─► the log has ended: nothing more is written; what is durable stays readable
//!   checkpoint ─ failed ─► nothing more is written; what is durable stays readable
//! ```
use crate::MachineError;
use crate::idempotency;
use crate::record::{Logged, Submission};
use crate::union::{self, AnyOutcome};
use crate::view::Shared;
use std::panic::{AssertUnwindSafe, catch_unwind};
use symbolon_log::{Batch, BatchHash, Disk, Log, LogError};
use symbolon_state::{Ctx, Rows};
use symbolon_store::{Overlay, Tables};
use symbolon_types::{CoreRefusal, Hash, UnixMs};

/// Rows of each kind that are processed at the start of one batch.
const DUE_MAX: usize = 1000;

/// What a batch takes in the log beside its records, in bytes.
pub(crate) const BATCH_BYTES: u64 = 60;

/// What a record takes in the log beside its own bytes.
pub(crate) const RECORD_BYTES: u64 = 4;

/// When a checkpoint is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// After this much log, or as many bytes of changed rows in memory.
    pub checkpoint_bytes: u64,
    /// After this long, in milliseconds, if anything was appended.
    pub checkpoint_ms: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self { checkpoint_bytes: 64 << 20, checkpoint_ms: 10_000 }
    }
}

/// What opening found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What the log found.
    pub log: symbolon_log::Opened,
    /// Commands that were replayed over the last checkpoint.
    pub replayed: u64,
}

/// Why nothing more is written.
#[derive(Clone, Copy)]
enum Stopped {
    Halted(u64),
    CheckpointFailed,
}

/// The machine.
pub struct Machine<D: Disk, T: Tables> {
    log: Log<D>,
    view: Shared<T>,
    policy: Policy,
    /// Bytes of log after the last checkpoint.
    since_bytes: u64,
    checkpoint_at: UnixMs,
    stopped: Option<Stopped>,
}

impl<D: Disk, T: Tables> Machine<D, T> {
    /// Brings the tables up to the end of the log. A long way is gone by checkpoints, as the policy says.
    ///
    /// # Errors
    /// [`MachineError`]; the log is as it was, and the tables are at their last checkpoint or at a later one of the same log.
    pub fn open(
        log: Log<D>,
        found: symbolon_log::Opened,
        tables: T,
        policy: Policy,
    ) -> Result<(Self, Opened), MachineError> {
        let (mut applied, hash) = (tables.applied(), BatchHash(tables.head_hash().0));
        let mut rows = Overlay::new(tables);
        let (mut replayed, mut since_bytes) = (0u64, 0u64);
        let batches = log.read_after(applied, hash).map_err(|error| match error {
            LogError::NotInLog => MachineError::TablesNotOfLog,
            other => MachineError::Log(other),
        })?;
        for batch in batches {
            let batch = batch?;
            replay(&mut rows, &batch)?;
            replayed = replayed.saturating_add(batch.count());
            applied = batch.last_sequence();
            since_bytes = since_bytes.saturating_add(log_bytes(batch.records().map(|(_, record)| record)));
            if wide(rows.written_bytes()) >= policy.checkpoint_bytes {
                rows.checkpoint(applied, Hash(batch.hash.0))?;
                since_bytes = 0;
            }
        }
        let checkpoint_at = UnixMs(log.head().at_ms);
        let view = Shared::new(rows, applied, checkpoint_at);
        let machine = Self { log, view, policy, since_bytes, checkpoint_at, stopped: None };
        Ok((machine, Opened { log: found, replayed }))
    }

    pub(crate) fn view(&self) -> Shared<T> {
        self.view.clone()
    }

    /// Makes the submissions durable as one batch, applies them, and answers each with its sequence number, in their order.
    ///
    /// # Errors
    /// [`MachineError::Log`] with [`LogError::Full`] or [`LogError::TooLarge`], and [`MachineError::UnknownRecord`] for a command that its
    /// own encoding does not allow: nothing was done, and the machine goes on. [`MachineError::Log`] with anything else: whether the batch is
    /// in the log shows when it is opened next; nothing more is written, and no row of it is seen. [`MachineError::Halted`]: nothing more
    /// is written, read or answered. [`MachineError::CheckpointFailed`].
    pub fn step(
        &mut self,
        now: UnixMs,
        submissions: &[Submission],
    ) -> Result<Vec<(u64, AnyOutcome)>, MachineError> {
        self.going()?;
        let sequence = self.next_sequence();
        let records: Vec<&[u8]> = submissions.iter().map(Submission::record).collect();
        // What cannot be read back must not become durable: every replay would halt at it.
        let logged = (sequence..).zip(&records).map(|(sequence, record)| read(sequence, record));
        let logged = logged.collect::<Result<Vec<_>, _>>()?;
        let at = now.max(UnixMs(self.log.head().at_ms));
        let appended = self.log.append(at.0, &records)?;
        self.since_bytes = self.since_bytes.saturating_add(log_bytes(records.into_iter()));
        let mut view = self.view.change();
        let answers = apply_batch(&mut view.rows, Ctx { at, sequence }, logged.into_iter().map(Ok));
        match &answers {
            Ok(_) => (view.applied, view.at) = (appended.last, at),
            Err(error) => {
                view.halted = true;
                self.stopped = Some(Stopped::Halted(match error {
                    MachineError::Halted(sequence) => *sequence,
                    _ => sequence,
                }));
            }
        }
        answers
    }

    /// When something falls due next, if anything will.
    ///
    /// # Errors
    /// [`MachineError::Halted`] when that cannot be read; the machine has halted before the next command.
    pub fn next_due(&mut self) -> Result<Option<UnixMs>, MachineError> {
        self.going()?;
        let sequence = self.next_sequence();
        let due = caught(sequence, || union::next_due(&self.view.look().rows));
        if due.is_err() {
            self.stopped = Some(Stopped::Halted(sequence));
            self.view.change().halted = true;
        }
        due
    }

    /// Takes a checkpoint if one is due by the policy, or at once when `now` is `None`. Whether one was taken.
    ///
    /// # Errors
    /// [`MachineError::Store`], after which nothing more is written: the tables take no other until they are opened anew.
    /// [`MachineError::Halted`], [`MachineError::CheckpointFailed`].
    pub fn checkpoint(&mut self, now: Option<UnixMs>) -> Result<bool, MachineError> {
        self.going()?;
        if now.is_some_and(|now| !self.is_checkpoint_due(now)) {
            return Ok(false);
        }
        let head = self.log.head();
        let taken = self.view.change().rows.checkpoint(head.sequence, Hash(head.hash.0));
        if let Err(error) = taken {
            self.stopped = Some(Stopped::CheckpointFailed);
            return Err(error.into());
        }
        self.since_bytes = 0;
        self.checkpoint_at = now.unwrap_or(UnixMs(head.at_ms));
        Ok(true)
    }

    fn is_checkpoint_due(&self, now: UnixMs) -> bool {
        // A wall clock that was set back must not put checkpoints off until it has caught up.
        let aged = now < self.checkpoint_at || now >= self.checkpoint_at.plus_ms(self.policy.checkpoint_ms);
        let grown =
            self.since_bytes.max(wide(self.view.look().rows.written_bytes())) >= self.policy.checkpoint_bytes;
        self.since_bytes > 0 && (aged || grown)
    }

    /// Prepares the log's next segment while there is nothing else to do. A full disk is no error here: it shows where the segment is needed.
    ///
    /// # Errors
    /// [`MachineError::Log`]: the disk failed, and nothing more is written.
    pub fn idle(&mut self) -> Result<(), MachineError> {
        match self.log.prepare(1 << 20) {
            Ok(_) | Err(LogError::Full) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads rows as of the last durable batch; the sequence number that they stand at comes with the answer.
    ///
    /// # Errors
    /// [`CoreRefusal::Unavailable`] when the machine has halted, or when a row that is read is damaged.
    pub fn read<R>(&self, read: impl FnOnce(&dyn Rows) -> R) -> Result<(u64, R), CoreRefusal> {
        self.view.read(read)
    }

    /// The log's end.
    #[must_use]
    pub fn head(&self) -> symbolon_log::Head {
        self.log.head()
    }

    /// The longest batch, in bytes.
    pub(crate) fn batch_bytes_max(&self) -> u64 {
        self.log.batch_bytes_max()
    }

    fn next_sequence(&self) -> u64 {
        self.log.head().sequence.saturating_add(1)
    }

    fn going(&self) -> Result<(), MachineError> {
        match self.stopped {
            None => Ok(()),
            Some(Stopped::Halted(sequence)) => Err(MachineError::Halted(sequence)),
            Some(Stopped::CheckpointFailed) => Err(MachineError::CheckpointFailed),
        }
    }
}

fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// What a batch of these records takes in the log.
fn log_bytes<'a>(records: impl Iterator<Item = &'a [u8]>) -> u64 {
    records
        .fold(BATCH_BYTES, |sum, record| sum.saturating_add(RECORD_BYTES).saturating_add(wide(record.len())))
}

/// A record with its sequence number.
type Numbered<'a> = (u64, Logged<'a>);

fn read(sequence: u64, record: &[u8]) -> Result<Numbered<'_>, MachineError> {
    Logged::read(record).map(|logged| (sequence, logged)).map_err(|_| MachineError::UnknownRecord(sequence))
}

/// Applies a batch that the log already holds.
pub(crate) fn replay(rows: &mut dyn Rows, batch: &Batch) -> Result<(), MachineError> {
    let ctx = Ctx { at: UnixMs(batch.at_ms), sequence: batch.first_sequence };
    apply_batch(rows, ctx, batch.records().map(|(sequence, record)| read(sequence, record))).map(|_| ())
}

/// What is due first, then each record in order. `first` has the batch's time and its first record's sequence number, or the next one's
/// where it has none. Any panic is a halt at the record's number, or at the first where it came from what is due.
fn apply_batch<'a>(
    rows: &mut dyn Rows,
    first: Ctx,
    records: impl Iterator<Item = Result<Numbered<'a>, MachineError>>,
) -> Result<Vec<(u64, AnyOutcome)>, MachineError> {
    caught(first.sequence, || union::process_due(rows, &first, DUE_MAX))?;
    let mut apply = |(sequence, logged): Numbered<'_>| {
        let ctx = Ctx { at: first.at, sequence };
        let outcome = caught(sequence, || match logged.request {
            None => logged.command.apply(rows, &ctx),
            Some(request) => {
                idempotency::once(rows, &ctx, request, logged.body, |rows| logged.command.apply(rows, &ctx))
            }
        })?;
        Ok((sequence, outcome))
    };
    records.map(|record| record.and_then(&mut apply)).collect()
}

fn caught<R>(sequence: u64, apply: impl FnOnce() -> R) -> Result<R, MachineError> {
    catch_unwind(AssertUnwindSafe(apply)).map_err(|_| MachineError::Halted(sequence))
}
