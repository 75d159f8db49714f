//! The platform: log, tables, machine and writer as they are, on a simulated disk, taken turn by turn.
//!
//! ```text
//!   running ──turn──► running          answers leave only when the disk's durable bytes hold them
//!      │  killed, power cut, failed sync, failed checkpoint
//!      ▼
//!    down ──start──► log opened ─► what was acknowledged is there ─► tables + replay = straight replay ─► running
//! ```
//! **Invariant:** nothing of a running platform but its disk and its shelf survives into the next.
use crate::disk::{Shelf, SimDisk};
use crate::rng::Rng;
use crate::tally::{Broken, Held, Tally};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use symbolon_log::memory::{MemoryDisk, Unsynced};
use symbolon_log::{BatchHash, Log, LogError, Options};
use symbolon_machine::{
    Answer, Machine, MachineError, Policy, Reader, Submission, TABLES, Turns, Writer, WriterOptions, verify,
};
use symbolon_state::Rows;
use symbolon_store::MemoryTables;
use symbolon_types::{CoreRefusal, Secret, UnixMs};
use symbolon_vault::{SoftwareVault, VaultKeys};

/// Small segments, so that a run needs several.
const OPTIONS: Options = Options { segment_bytes: 16 * 1024, accept_lost_pointer: false };
/// Checkpoints come often.
const POLICY: Policy = Policy { checkpoint_bytes: 24 * 1024, checkpoint_ms: 30_000 };
/// A short queue, so that it is sometimes full.
const QUEUE: WriterOptions =
    WriterOptions { queue_max: 6, queue_bytes_max: 64 << 10, batch_max: 4, batch_bytes_max: 8 << 10 };

/// Whose answer: the place of the part and its own number for it.
pub type Tag = (usize, u64);

type Clock = Box<dyn Fn() -> UnixMs>;

struct Running {
    writer: Writer,
    reader: Reader<Shelf>,
    turns: Turns<SimDisk, Shelf, Clock>,
}

/// How a platform went down.
#[derive(Clone, Copy, Debug)]
pub enum Down {
    /// Its process was killed; what was written stays in the system's cache.
    Killed,
    /// The power was cut.
    Power(Unsynced),
}

/// The platform and what it stands on.
pub struct Platform {
    /// The disk.
    pub disk: SimDisk,
    /// The tables.
    pub shelf: Shelf,
    /// The keys.
    pub vault: SoftwareVault,
    /// How far its clock is off, in milliseconds.
    pub skew_ms: i64,
    wall: Arc<AtomicU64>,
    running: Option<Running>,
    answers: Arc<Mutex<Vec<(Tag, Answer)>>>,
    /// The last batch whose answers have left, or that a reader may have seen.
    acknowledged: (u64, BatchHash),
    at_ms: u64,
    /// Rises whenever rows may have changed.
    version: u64,
}

impl Platform {
    /// A platform that was never started.
    #[must_use]
    pub fn new(entropy: &Secret<[u8; 32]>) -> Self {
        Self {
            disk: SimDisk::default(),
            shelf: Shelf::default(),
            vault: SoftwareVault::from_keys(VaultKeys::from_entropy(entropy)),
            skew_ms: 0,
            wall: Arc::default(),
            running: None,
            answers: Arc::default(),
            acknowledged: (0, BatchHash::ZERO),
            at_ms: 0,
            version: 0,
        }
    }

    /// Whether it runs.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.running.is_some()
    }

    /// Rises whenever rows may have changed.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The time of the last batch, in Unix milliseconds.
    #[must_use]
    pub fn at_ms(&self) -> u64 {
        self.at_ms
    }

    /// Sets its wall clock from the true time.
    pub fn tell_time(&mut self, now_ms: u64) {
        self.wall.store(now_ms.saturating_add_signed(self.skew_ms), Ordering::Relaxed);
    }

    /// Reads rows as of the last durable batch.
    ///
    /// # Errors
    /// UNAVAILABLE while it is down.
    pub fn read<R>(&self, read: impl FnOnce(&dyn Rows) -> R) -> Result<R, CoreRefusal> {
        let running = self.running.as_ref().ok_or(CoreRefusal::Unavailable)?;
        running.reader.read(read).map(|(_, found)| found)
    }

    /// Puts a submission into the writer's queue; its answer comes out of [`Platform::turn`] under this tag.
    ///
    /// # Errors
    /// What [`Writer::submit`] refuses at once, and UNAVAILABLE while it is down.
    pub fn submit(&self, tag: Tag, submission: Submission) -> Result<(), CoreRefusal> {
        let running = self.running.as_ref().ok_or(CoreRefusal::Unavailable)?;
        let answers = Arc::clone(&self.answers);
        running.writer.submit(submission, move |answer| {
            answers.lock().unwrap_or_else(PoisonError::into_inner).push((tag, answer));
        })
    }

    /// One turn of the writer; the answers that it released.
    ///
    /// # Errors
    /// [`Broken`]: `reply-after-sync`, `log-time-rises`.
    pub fn turn(&mut self, tally: &mut Tally) -> Result<Vec<(Tag, Answer)>, Broken> {
        let Some(running) = &mut self.running else { return Ok(Vec::new()) };
        let before = running.turns.machine().head();
        let ended = running.turns.turn().err();
        let head = running.turns.machine().head();
        let grew = head != before;
        if let Some(error) = &ended {
            let halted = !matches!(
                error,
                MachineError::Log(_) | MachineError::Store(_) | MachineError::CheckpointFailed
            );
            tally.check("never-halts", !halted, || error.to_string())?;
            tally.note(|| format!("the platform's writer ends: {error}"));
            tally.fault(ending(error));
            self.running = None;
            self.version += 1;
        }
        let answers = std::mem::take(&mut *self.answers.lock().unwrap_or_else(PoisonError::into_inner));
        if grew {
            self.version += 1;
            self.acknowledged = (head.sequence, head.hash);
            tally.check("log-time-rises", head.at_ms >= self.at_ms, || {
                format!("{} after {}", head.at_ms, self.at_ms)
            })?;
            self.at_ms = head.at_ms;
        }
        let last = answers.iter().filter_map(|(_, answer)| answer.as_ref().ok()).map(|(at, _)| *at).max();
        if let Some(last) = last {
            let durable = self.disk.memory.copy_durable();
            let held = Log::open(durable, OPTIONS).map(|(log, _)| log.head().sequence);
            tally.check("reply-after-sync", held.as_ref().is_ok_and(|held| *held >= last), || {
                format!("command {last} was answered, durable is {held:?}")
            })?;
        }
        Ok(answers)
    }

    /// Takes it down, whatever it was doing.
    pub fn stop(&mut self, how: Down) {
        self.running = None;
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        match how {
            Down::Killed => self.disk.memory.kill(),
            Down::Power(unsynced) => self.disk.memory.restart(unsynced),
        }
        self.version += 1;
    }

    /// Its disk has room and fails no more, its clock is right. If it was cut off in the middle of something it is down.
    pub fn heal(&mut self) {
        self.disk.memory.set_bytes_max(None);
        self.shelf.fail_no_more();
        self.skew_ms = 0;
        if self.running.is_none() || self.disk.memory.is_cut() {
            self.stop(Down::Power(Unsynced::Lost));
        } else {
            self.stop(Down::Killed);
            self.disk.memory.restart(Unsynced::Kept);
        }
    }

    /// Starts it on what its disk and its shelf hold. With a full disk it may stay down.
    ///
    /// # Errors
    /// [`Broken`]: `log-opens`, `acknowledged-is-kept`, `state-is-the-fold`.
    pub fn start(&mut self, tally: &mut Tally) -> Held {
        if self.running.is_some() {
            return Ok(());
        }
        let (log, found) = match Log::open(self.disk.clone(), OPTIONS) {
            // A fault that was planned meets it in the middle of opening.
            Err(error @ (LogError::Full | LogError::Disk(_))) => {
                tally.fault("start-failed");
                tally.note(|| format!("the platform cannot start: {error}"));
                self.disk.memory.kill();
                return Ok(());
            }
            opened => opened.map_err(|error| broken("log-opens", &error))?,
        };
        tally.check("log-opens", true, String::new)?;
        let (sequence, hash) = self.acknowledged;
        let kept = log.read_after(sequence, hash).map(|_| ());
        if self.disk.memory.is_cut() {
            tally.fault("start-failed");
            return Ok(());
        }
        tally.check("acknowledged-is-kept", kept.is_ok(), || {
            format!(
                "batch up to {sequence} was acknowledged, the log ends at {}: {kept:?}",
                log.head().sequence
            )
        })?;
        let (machine, opened) = Machine::open(log, found, self.shelf.clone(), POLICY)
            .map_err(|error| broken("machine-opens", &error))?;
        tally.note(|| {
            format!("the platform starts: {} commands replayed, torn {:?}", opened.replayed, found.torn)
        });
        if found.torn.is_some() {
            tally.fault("torn-tail");
        }
        let head = machine.head();
        self.acknowledged = (head.sequence, head.hash);
        self.at_ms = self.at_ms.max(head.at_ms);
        let wall = Arc::clone(&self.wall);
        let clock: Clock = Box::new(move || UnixMs(wall.load(Ordering::Relaxed)));
        let (writer, reader, turns) = Writer::stepped(machine, QUEUE, clock);
        self.running = Some(Running { writer, reader, turns });
        self.version += 1;
        self.check_fold(tally)
    }

    /// The rows are those that the log alone makes.
    fn check_fold(&self, tally: &mut Tally) -> Held {
        let (log, found) =
            Log::open(self.disk.memory.copy(), OPTIONS).map_err(|error| broken("log-opens", &error))?;
        let never = Policy { checkpoint_bytes: u64::MAX, checkpoint_ms: u64::MAX };
        let (straight, _) = Machine::open(log, found, MemoryTables::default(), never)
            .map_err(|error| broken("state-is-the-fold", &error))?;
        let straight = straight.read(dump).map(|(_, rows)| rows).unwrap_or_default();
        let here = self.read(dump).unwrap_or_default();
        tally.check("state-is-the-fold", here == straight, || {
            let first = here.iter().zip(&straight).find(|(here, straight)| here != straight);
            format!("{} rows here, {} in the replay; first difference {first:?}", here.len(), straight.len())
        })
    }

    /// The whole audit that `symbolon verify` makes, and the fold once more.
    ///
    /// # Errors
    /// [`Broken`]: `verified`, `state-is-the-fold`.
    pub fn verify(&self, tally: &mut Tally) -> Held {
        let disk: MemoryDisk = self.disk.memory.copy();
        let (log, _) = Log::open(disk, OPTIONS).map_err(|error| broken("log-opens", &error))?;
        let verified = verify(&log, &self.shelf);
        tally.check("verified", verified.is_ok(), || format!("{:?}", verified.err()))?;
        self.check_fold(tally)
    }
}

/// The rows of all tables, in order.
fn dump(rows: &dyn Rows) -> Vec<(u16, Vec<u8>, Vec<u8>)> {
    let tables = TABLES.iter().copied().flatten().map(|(table, _)| *table);
    let scan =
        |table| rows.scan(table, &[], usize::MAX).into_iter().map(move |(key, value)| (table, key, value));
    tables.flat_map(scan).collect()
}

fn broken(invariant: &'static str, error: &dyn std::fmt::Display) -> Broken {
    Broken { invariant, detail: error.to_string() }
}

/// What ended a writer, by the name of the fault.
fn ending(error: &MachineError) -> &'static str {
    if matches!(error, MachineError::Log(_)) { "disk-failed" } else { "checkpoint-failed" }
}

/// What a cut does to what was not synced.
pub fn unsynced(rng: &mut Rng) -> Unsynced {
    match rng.below(4) {
        0 => Unsynced::Lost,
        1 => Unsynced::Kept,
        _ => Unsynced::Torn(rng.draw()),
    }
}
