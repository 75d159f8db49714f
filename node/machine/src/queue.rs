//! What waits in the writer's queue: a submission, its place in the room that there is, and its reply.
//!
//! **Invariant:** a reply is called once; one that is dropped is called with [`CoreRefusal::Unavailable`].
use crate::record::Submission;
use crate::union::AnyOutcome;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use symbolon_types::CoreRefusal;

/// An outcome that is durable, with its place in the order; or why there is none.
pub type Answer = Result<(u64, AnyOutcome), CoreRefusal>;

pub(crate) enum Message {
    Submit(Box<Waiting>),
    Stop,
}

pub(crate) struct Waiting {
    pub(crate) submission: Submission,
    pub(crate) reply: Reply,
    #[expect(
        dead_code,
        reason = "held for as long as the submission waits, and given back by being dropped"
    )]
    pub(crate) place: Place,
}

impl Waiting {
    pub(crate) fn bytes(&self) -> u64 {
        u64::try_from(self.submission.record().len()).unwrap_or(u64::MAX)
    }
}

/// The bytes that may wait.
pub(crate) struct Room {
    bytes_max: usize,
    taken: Arc<AtomicUsize>,
}

/// A part of the room, given back when it is dropped.
pub(crate) struct Place {
    bytes: usize,
    taken: Arc<AtomicUsize>,
}

impl Room {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, taken: Arc::default() }
    }

    /// A place of so many bytes; `None` when there is no room.
    pub(crate) fn take(&self, bytes: usize) -> Option<Place> {
        let place = Place { bytes, taken: Arc::clone(&self.taken) };
        let before = self.taken.fetch_add(bytes, Ordering::AcqRel);
        (before.saturating_add(bytes) <= self.bytes_max).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

type Callback = Box<dyn FnOnce(Answer) + Send>;

/// The caller's callback. What it panics with is its own affair: the writer goes on.
pub(crate) struct Reply(Option<Callback>);

impl Reply {
    pub(crate) fn new(reply: impl FnOnce(Answer) + Send + 'static) -> Self {
        Self(Some(Box::new(reply)))
    }

    pub(crate) fn answer(mut self, answer: Answer) {
        self.call(answer);
    }

    /// Drops it without a call: the caller has its answer already.
    pub(crate) fn forget(mut self) {
        self.0 = None;
    }

    fn call(&mut self, answer: Answer) {
        if let Some(reply) = self.0.take() {
            let _ = catch_unwind(AssertUnwindSafe(|| reply(answer)));
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.call(Err(CoreRefusal::Unavailable));
    }
}
