//! A thread that hashes a long batch beside its sync: the hash is in no byte of the batch, so nothing has to wait for it but the next batch.
//!
//! **Invariant:** it sees one batch at a time, and [`Aside::finish`] waits for it; to the caller the log is stepped all the same.
use crate::batch::{self, BatchHash};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// The thread, from the first long batch on. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Aside {
    batches: SyncSender<Arc<Vec<u8>>>,
    hashes: Receiver<BatchHash>,
}

impl Aside {
    /// `None` where the system gives no thread: then the caller hashes.
    pub fn start() -> Option<Self> {
        let (batches, waiting) = sync_channel::<Arc<Vec<u8>>>(1);
        let (made, hashes) = sync_channel(1);
        let thread = move || {
            while let Ok(framed) = waiting.recv() {
                let hash = batch::hash_framed(&framed);
                drop(framed);
                if made.send(hash).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("log hash".into()).spawn(thread).ok()?;
        Some(Self { batches, hashes })
    }

    /// Gives the thread a framed batch.
    pub fn begin(&self, framed: &Arc<Vec<u8>>) {
        let _ = self.batches.send(Arc::clone(framed));
    }

    /// The hash of the batch that was given; made here if the thread is gone.
    pub fn finish(&self, framed: &[u8]) -> BatchHash {
        self.hashes.recv().unwrap_or_else(|_| batch::hash_framed(framed))
    }
}
