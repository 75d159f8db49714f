//! The thread that steps the machine, its bounded queue, and the readers of its rows.
use crate::machine::{Machine, MachineError, View};
use crate::record::Submission;
use crate::union::AnyOutcome;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;
use symbolon_log::{Disk, LogError};
use symbolon_state::Rows;
use symbolon_store::Tables;
use symbolon_types::{CoreRefusal, UnixMs};

/// Submissions that may wait: more are refused as BUSY.
const QUEUE_MAX: usize = 8192;

/// Submissions in one batch.
const BATCH_MAX: usize = 4096;

/// How long the writer waits for work before it looks at what is due, in milliseconds.
const IDLE_MS: u64 = 500;

/// An outcome that is durable, with its place in the order; or the refusal of the queue, before anything was recorded.
pub type Answer = Result<(u64, AnyOutcome), CoreRefusal>;

type Reply = Box<dyn FnOnce(Answer) + Send>;

enum Message {
    Submit(Box<Submission>, Reply),
    Stop,
}

/// The way in: a queue in front of the thread that steps the machine.
pub struct Writer {
    queue: SyncSender<Message>,
    thread: Mutex<Option<JoinHandle<Result<(), MachineError>>>>,
}

impl Writer {
    /// Starts the thread. `clock` is the wall clock in Unix milliseconds. When the thread ends it has taken a last checkpoint, or failed.
    pub fn start<D, T>(machine: Machine<D, T>, clock: impl Fn() -> UnixMs + Send + 'static) -> (Self, Reader<T>)
    where
        D: Disk + Send + 'static,
        D::File: Send,
        T: Tables + Send + Sync + 'static,
    {
        let (queue, waiting) = sync_channel(QUEUE_MAX);
        let durable = Arc::new((Mutex::new(machine.head().sequence), Condvar::new()));
        let reader = Reader { view: machine.view(), durable: Arc::clone(&durable) };
        let thread = std::thread::spawn(move || run(machine, &waiting, &clock, &durable));
        (Self { queue, thread: Mutex::new(Some(thread)) }, reader)
    }

    /// Puts a submission into the queue; `reply` is called with the answer once it is durable.
    ///
    /// # Errors
    /// [`CoreRefusal::Busy`] when the queue is full, [`CoreRefusal::Unavailable`] when the writer has stopped; nothing was recorded.
    pub fn submit(&self, submission: Submission, reply: impl FnOnce(Answer) + Send + 'static) -> Result<(), CoreRefusal> {
        self.queue.try_send(Message::Submit(Box::new(submission), Box::new(reply))).map_err(|error| match error {
            TrySendError::Full(_) => CoreRefusal::Busy,
            TrySendError::Disconnected(_) => CoreRefusal::Unavailable,
        })
    }

    /// Submits and waits for the answer.
    ///
    /// # Errors
    /// As [`Writer::submit`]; [`CoreRefusal::NotDurable`] when the log failed.
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
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Finishes what is in the queue, takes a checkpoint, ends the thread.
    ///
    /// # Errors
    /// The [`MachineError`] by which the machine halted, if it did.
    pub fn stop(&self) -> Result<(), MachineError> {
        let _ = self.queue.send(Message::Stop);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        match thread.map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(ended)) => ended,
            Some(Err(_)) => Err(MachineError::Halted(0)),
        }
    }
}

/// Reads rows as of the last durable batch.
pub struct Reader<T: Tables> {
    view: Arc<RwLock<View<T>>>,
    durable: Arc<(Mutex<u64>, Condvar)>,
}

impl<T: Tables> Clone for Reader<T> {
    fn clone(&self) -> Self {
        Self { view: Arc::clone(&self.view), durable: Arc::clone(&self.durable) }
    }
}

impl<T: Tables> Reader<T> {
    /// Reads rows; the sequence number that they stand at comes with the answer.
    ///
    /// # Errors
    /// [`CoreRefusal::Unavailable`] when the machine has halted: its rows may be half a batch.
    pub fn read<R>(&self, read: impl FnOnce(&dyn Rows) -> R) -> Result<(u64, R), CoreRefusal> {
        let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
        if view.halted { Err(CoreRefusal::Unavailable) } else { Ok((view.applied, read(&view.rows))) }
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

fn run<D: Disk, T: Tables>(
    mut machine: Machine<D, T>,
    waiting: &Receiver<Message>,
    clock: &dyn Fn() -> UnixMs,
    durable: &(Mutex<u64>, Condvar),
) -> Result<(), MachineError> {
    loop {
        let (mut submissions, mut replies, mut stopping) = (Vec::new(), Vec::new(), false);
        let mut take = |message| match message {
            Message::Submit(submission, reply) => {
                submissions.push(*submission);
                replies.push(reply);
                true
            }
            Message::Stop => {
                stopping = true;
                false
            }
        };
        match waiting.recv_timeout(Duration::from_millis(IDLE_MS)) {
            Ok(first) => {
                let mut more = take(first);
                for _ in 1..BATCH_MAX {
                    match waiting.try_recv() {
                        Ok(message) if more => more = take(message),
                        _ => break,
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => stopping = true,
        }
        let due = machine.next_due().is_some_and(|at| at <= clock());
        if !submissions.is_empty() || due {
            step(&mut machine, clock(), &submissions, replies)?;
            *durable.0.lock().unwrap_or_else(PoisonError::into_inner) = machine.head().sequence;
            durable.1.notify_all();
        } else {
            machine.idle();
        }
        machine.checkpoint(if stopping { None } else { Some(clock()) })?;
        if stopping {
            return Ok(());
        }
    }
}

/// One step with its answers. A batch that the log has no room for is refused and the writer goes on; any other failure ends it, and
/// whoever waits is told that nothing can be said of their command.
fn step<D: Disk, T: Tables>(
    machine: &mut Machine<D, T>,
    now: UnixMs,
    submissions: &[Submission],
    replies: Vec<Reply>,
) -> Result<(), MachineError> {
    match machine.step(now, submissions) {
        Ok(answers) => {
            replies.into_iter().zip(answers).for_each(|(reply, answer)| reply(Ok(answer)));
            Ok(())
        }
        Err(MachineError::Log(LogError::Full | LogError::TooLarge { .. })) => {
            replies.into_iter().for_each(|reply| reply(Err(CoreRefusal::NotDurable)));
            Ok(())
        }
        Err(error) => {
            replies.into_iter().for_each(|reply| reply(Err(CoreRefusal::Unavailable)));
            Err(error)
        }
    }
}
