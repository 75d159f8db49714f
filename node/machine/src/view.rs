//! The rows as of the last durable batch, shared between the machine, which writes them, and its readers.
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use symbolon_state::Rows;
use symbolon_store::Overlay;
use symbolon_store::Tables;
use symbolon_types::{CoreRefusal, UnixMs};

/// The rows and where they stand.
pub(crate) struct View<T> {
    pub(crate) rows: Overlay<T>,
    /// The sequence number of the last command applied.
    pub(crate) applied: u64,
    /// The log's time at that command.
    pub(crate) at: UnixMs,
    /// Applying a batch failed: the rows may be half of it.
    pub(crate) halted: bool,
}

/// A handle on the one view.
pub(crate) struct Shared<T>(Arc<RwLock<View<T>>>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Tables> Shared<T> {
    pub(crate) fn new(rows: Overlay<T>, applied: u64, at: UnixMs) -> Self {
        Self(Arc::new(RwLock::new(View { rows, applied, at, halted: false })))
    }

    pub(crate) fn look(&self) -> RwLockReadGuard<'_, View<T>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn change(&self) -> RwLockWriteGuard<'_, View<T>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads rows that are whole. A reader that meets a row which cannot be read gets no answer; the machine halts where it meets it.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&dyn Rows) -> R) -> Result<(u64, R), CoreRefusal> {
        let view = self.look();
        if view.halted {
            return Err(CoreRefusal::Unavailable);
        }
        let found = catch_unwind(AssertUnwindSafe(|| read(&view.rows)));
        found.map(|found| (view.applied, found)).map_err(|_| CoreRefusal::Unavailable)
    }
}
