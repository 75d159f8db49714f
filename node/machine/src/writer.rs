//! The thread that steps the machine, its bounded queue, and the readers of its rows.
//!
//! ```text
//!   submit ─┬─ refused at once: BUSY, TOO_LARGE, MALFORMED, UNAVAILABLE; nothing was recorded
//!           └─ queue ─► batch ─► Machine::step ─┬─ durable ─► the outcome
//!                                               ├─ disk full ─► NOT_DURABLE; nothing was recorded, the writer goes on
//!                                               └─ failed ─► UNAVAILABLE; whether it was recorded is not known, the writer ends
//! ```
//! **Invariant:** what was taken into the queue is answered once, also when the writer ends.
use crate::MachineError;
use crate::machine::{BATCH_BYTES, Machine, RECORD_BYTES};
use crate::queue::{Answer, Message, Reply, Room, Waiting};
use crate::record::Submission;
use crate::view::Shared;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use symbolon_log::{Disk, LogError};
use symbolon_state::Rows;
use symbolon_store::Tables;
use symbolon_types::{CoreRefusal, UnixMs};

/// How long the writer waits for work before it looks at what is due.
const IDLE: Duration = Duration::from_millis(500);

/// The bounds of the queue and of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterOptions {
    /// Submissions that may wait: more are refused as BUSY.
    pub queue_max: usize,
    /// Bytes that may wait: more are refused as BUSY.
    pub queue_bytes_max: usize,
    /// Submissions in one batch, at least one.
    pub batch_max: usize,
    /// Bytes of one batch in the log. What does not fit into one alone is refused as TOO_LARGE.
    pub batch_bytes_max: u64,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self { queue_max: 8192, queue_bytes_max: 64 << 20, batch_max: 4096, batch_bytes_max: 4 << 20 }
    }
}

/// The way in: a queue in front of the thread that steps the machine.
pub struct Writer {
    queue: SyncSender<Message>,
    room: Room,
    record_bytes_max: u64,
    thread: Mutex<Thread>,
}

enum Thread {
    Runs(JoinHandle<Result<(), MachineError>>),
    Stopped,
}

impl Writer {
    /// Starts the thread. `clock` is the wall clock in Unix milliseconds. When the thread ends it has taken a last checkpoint, or failed.
    pub fn start<D, T>(
        machine: Machine<D, T>,
        clock: impl Fn() -> UnixMs + Send + 'static,
    ) -> (Self, Reader<T>)
    where
        D: Disk + Send + 'static,
        D::File: Send,
        T: Tables + Send + Sync + 'static,
    {
        Self::start_with(machine, WriterOptions::default(), clock)
    }

    /// As [`Writer::start`], with bounds of the caller's.
    pub fn start_with<D, T>(
        machine: Machine<D, T>,
        options: WriterOptions,
        clock: impl Fn() -> UnixMs + Send + 'static,
    ) -> (Self, Reader<T>)
    where
        D: Disk + Send + 'static,
        D::File: Send,
        T: Tables + Send + Sync + 'static,
    {
        let (mut writer, reader, run) = Self::assemble(machine, options, clock);
        writer.thread = Mutex::new(Thread::Runs(std::thread::spawn(move || run.run())));
        (writer, reader)
    }

    /// The writer without its thread: nothing is done but in the turns that the caller takes. For a world whose time is not this machine's.
    pub fn stepped<D: Disk, T: Tables, C: Fn() -> UnixMs>(
        machine: Machine<D, T>,
        options: WriterOptions,
        clock: C,
    ) -> (Self, Reader<T>, Turns<D, T, C>) {
        let (writer, reader, run) = Self::assemble(machine, options, clock);
        (writer, reader, Turns { run })
    }

    fn assemble<D: Disk, T: Tables, C: Fn() -> UnixMs>(
        machine: Machine<D, T>,
        options: WriterOptions,
        clock: C,
    ) -> (Self, Reader<T>, Run<D, T, C>) {
        let (queue, waiting) = sync_channel(options.queue_max);
        let batch_bytes_max = options.batch_bytes_max.min(machine.batch_bytes_max());
        let options = WriterOptions { batch_bytes_max, ..options };
        let durable = Arc::new((Mutex::new(machine.head().sequence), Condvar::new()));
        let reader = Reader { view: machine.view(), durable: Arc::clone(&durable) };
        let run = Run { machine, options, waiting, clock, durable, held: None, stopping: false };
        let record_bytes_max = batch_bytes_max.saturating_sub(BATCH_BYTES + RECORD_BYTES);
        let (room, thread) = (Room::new(options.queue_bytes_max), Mutex::new(Thread::Stopped));
        (Self { queue, room, record_bytes_max, thread }, reader, run)
    }

    /// Puts a submission into the queue; `reply` is called once: with the outcome when it is durable, with
    /// [`CoreRefusal::NotDurable`] when the disk is full and nothing was recorded, with [`CoreRefusal::Unavailable`] when the writer has
    /// ended and nothing can be said of the command. It runs on the writer's thread, so it must not wait.
    ///
    /// # Errors
    /// [`CoreRefusal::Busy`] when the queue is full, [`CoreRefusal::Unavailable`] when the writer has stopped, [`CoreRefusal::TooLarge`] and
    /// [`CoreRefusal::Malformed`] for a command that the log cannot hold. Nothing was recorded, and `reply` is never called.
    pub fn submit(
        &self,
        submission: Submission,
        reply: impl FnOnce(Answer) + Send + 'static,
    ) -> Result<(), CoreRefusal> {
        let bytes = submission.record().len();
        if u64::try_from(bytes).unwrap_or(u64::MAX) > self.record_bytes_max {
            return Err(CoreRefusal::TooLarge);
        }
        if !submission.is_readable() {
            return Err(CoreRefusal::Malformed);
        }
        let place = self.room.take(bytes).ok_or(CoreRefusal::Busy)?;
        let waiting = Waiting { submission, reply: Reply::new(reply), place };
        self.queue.try_send(Message::Submit(Box::new(waiting))).map_err(|error| {
            let (refusal, message) = match error {
                TrySendError::Full(message) => (CoreRefusal::Busy, message),
                TrySendError::Disconnected(message) => (CoreRefusal::Unavailable, message),
            };
            if let Message::Submit(waiting) = message {
                waiting.reply.forget();
            }
            refusal
        })
    }

    /// Submits and waits for the answer.
    ///
    /// # Errors
    /// As [`Writer::submit`] says, of its refusals and of those that `reply` is called with.
    pub fn submit_and_wait(&self, submission: Submission) -> Answer {
        let (answer, answered) = sync_channel(1);
        self.submit(submission, move |outcome| {
            let _ = answer.send(outcome);
        })?;
        answered.recv().unwrap_or(Err(CoreRefusal::Unavailable))
    }

    /// Whether the thread still runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        match &*self.thread.lock().unwrap_or_else(PoisonError::into_inner) {
            Thread::Runs(thread) => !thread.is_finished(),
            Thread::Stopped => false,
        }
    }

    /// Finishes what is in the queue, takes a checkpoint, ends the thread. A second call does nothing.
    ///
    /// # Errors
    /// The [`MachineError`] by which the writer ended, if it had.
    pub fn stop(&self) -> Result<(), MachineError> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let Thread::Runs(running) = std::mem::replace(&mut *thread, Thread::Stopped) else { return Ok(()) };
        let _ = self.queue.send(Message::Stop);
        running.join().unwrap_or(Err(MachineError::WriterPanicked))
    }
}

/// Reads rows as of the last durable batch; also after the writer has ended, unless the machine halted.
pub struct Reader<T: Tables> {
    view: Shared<T>,
    durable: Arc<(Mutex<u64>, Condvar)>,
}

impl<T: Tables> Clone for Reader<T> {
    fn clone(&self) -> Self {
        Self { view: self.view.clone(), durable: Arc::clone(&self.durable) }
    }
}

impl<T: Tables> Reader<T> {
    /// Reads rows; the sequence number that they stand at comes with the answer.
    ///
    /// # Errors
    /// [`CoreRefusal::Unavailable`] when the machine has halted, for its rows may be half a batch, or when a row that is read is damaged.
    pub fn read<R>(&self, read: impl FnOnce(&dyn Rows) -> R) -> Result<(u64, R), CoreRefusal> {
        self.view.read(read)
    }

    /// The log's time at the last command that the rows stand at: it never goes back, whatever the wall clock does.
    #[must_use]
    pub fn at(&self) -> UnixMs {
        self.view.look().at
    }

    /// Waits until the rows stand at `sequence` or later; whether they do before the time is over.
    #[must_use]
    pub fn wait_for(&self, sequence: u64, timeout: Duration) -> bool {
        let (applied, changed) = &*self.durable;
        let guard = applied.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(guard, timeout, |applied| *applied < sequence);
        *waited.unwrap_or_else(PoisonError::into_inner).0 >= sequence
    }
}

/// The turns of a writer that has no thread, made by [`Writer::stepped`]. Dropped, it is a writer that was killed: whoever waits is told
/// UNAVAILABLE, and no last checkpoint is taken.
pub struct Turns<D: Disk, T: Tables, C> {
    run: Run<D, T, C>,
}

impl<D: Disk, T: Tables, C: Fn() -> UnixMs> Turns<D, T, C> {
    /// One turn: a batch of what waits in the queue, or what is due, or a step of preparing the log; never waits. Whether more is due than
    /// one batch processes.
    ///
    /// # Errors
    /// The [`MachineError`] by which the writer ends; take no turn after it.
    pub fn turn(&mut self) -> Result<bool, MachineError> {
        let batch = self.run.gather(None);
        self.run.turn(batch)
    }

    /// The machine.
    pub fn machine(&self) -> &Machine<D, T> {
        &self.run.machine
    }
}

/// The thread.
struct Run<D: Disk, T: Tables, C> {
    machine: Machine<D, T>,
    options: WriterOptions,
    waiting: Receiver<Message>,
    clock: C,
    durable: Arc<(Mutex<u64>, Condvar)>,
    /// Taken out of the queue, but for the next batch.
    held: Option<Waiting>,
    stopping: bool,
}

impl<D: Disk, T: Tables, C: Fn() -> UnixMs> Run<D, T, C> {
    fn run(mut self) -> Result<(), MachineError> {
        let mut is_behind = false;
        while !self.stopping || self.held.is_some() {
            let batch = self.gather(if is_behind { None } else { Some(IDLE) });
            is_behind = self.turn(batch)?;
        }
        self.machine.checkpoint(None).map(|_| ())
    }

    /// The next batch: one submission that is waited for, and whatever else is there already.
    fn gather(&mut self, patience: Option<Duration>) -> Vec<Waiting> {
        let mut batch = Vec::new();
        let mut bytes = BATCH_BYTES;
        let mut next = self.held.take().or_else(|| self.receive(patience));
        while let Some(waiting) = next {
            bytes = bytes.saturating_add(RECORD_BYTES).saturating_add(waiting.bytes());
            if bytes > self.options.batch_bytes_max && !batch.is_empty() {
                self.held = Some(waiting);
                break;
            }
            batch.push(waiting);
            next = if batch.len() < self.options.batch_max { self.receive(None) } else { None };
        }
        batch
    }

    fn receive(&mut self, patience: Option<Duration>) -> Option<Waiting> {
        if self.stopping {
            return None;
        }
        let received = match patience {
            Some(patience) => self.waiting.recv_timeout(patience),
            None => self.waiting.try_recv().map_err(|error| match error {
                TryRecvError::Empty => RecvTimeoutError::Timeout,
                TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
            }),
        };
        match received {
            Ok(Message::Submit(waiting)) => Some(*waiting),
            Err(RecvTimeoutError::Timeout) => None,
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => {
                self.stopping = true;
                None
            }
        }
    }

    /// One batch, or what is due, or nothing; whether more is due than one batch processes.
    fn turn(&mut self, batch: Vec<Waiting>) -> Result<bool, MachineError> {
        let mut is_behind = false;
        if !batch.is_empty() {
            self.step(batch)?;
        } else if self.is_due((self.clock)())? {
            is_behind = self.step(batch)? && self.is_due(UnixMs(0))?;
        } else {
            self.machine.idle()?;
        }
        self.machine.checkpoint(Some((self.clock)()))?;
        Ok(is_behind)
    }

    /// Whether something is due by `now`, or was by the last batch's time.
    fn is_due(&mut self, now: UnixMs) -> Result<bool, MachineError> {
        let now = now.max(UnixMs(self.machine.head().at_ms));
        Ok(self.machine.next_due()?.is_some_and(|at| at <= now))
    }

    /// One step with its answers; whether it was done. A batch that the disk has no room for is refused and the writer goes on. Any other
    /// failure ends it, and whoever waits is told so when their replies are dropped.
    fn step(&mut self, batch: Vec<Waiting>) -> Result<bool, MachineError> {
        let (submissions, replies): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|waiting| (waiting.submission, waiting.reply)).unzip();
        match self.machine.step((self.clock)(), &submissions) {
            Ok(answers) => {
                let (durable, changed) = &*self.durable;
                *durable.lock().unwrap_or_else(PoisonError::into_inner) = self.machine.head().sequence;
                changed.notify_all();
                replies.into_iter().zip(answers).for_each(|(reply, answer)| reply.answer(Ok(answer)));
                Ok(true)
            }
            Err(MachineError::Log(LogError::Full)) => {
                replies.into_iter().for_each(|reply| reply.answer(Err(CoreRefusal::NotDurable)));
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}
