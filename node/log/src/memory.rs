//! A disk in memory whose power can be cut and whose parts can fail: for tests (feature `testing`).
//!
//! ```text
//!   write_at ─► cached ── sync ─► durable            names are durable at once, as the trait says
//!                  └─ restart after a cut: by Unsynced, each sector of what was not synced is lost or kept
//! ```
//! **Invariant:** after [`MemoryDisk::restart`] a sector holds what was synced last or one of the writes since, never anything else.
use crate::disk::{narrow, wide};
use crate::{Disk, DiskError};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SECTOR_BYTES: usize = 512;
const FAILED: DiskError = DiskError::Medium(ErrorKind::Other);

/// What a power cut does to writes that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsynced {
    /// All are lost.
    Lost,
    /// All are kept.
    Kept,
    /// Each sector of 512 bytes is lost or kept, by this seed.
    Torn(u64),
}

/// A disk in memory. Clones are handles on the same disk, so what it holds outlives the program that is cut.
#[derive(Debug, Default)]
pub struct MemoryDisk {
    state: Arc<Mutex<State>>,
    /// The number of the lock that this handle holds.
    lock: Option<u64>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, Arc<Mutex<Inode>>>,
    operations: u64,
    cut_at: Option<u64>,
    syncs: u64,
    fail_sync_at: Option<u64>,
    bytes_max: Option<u64>,
    locks: u64,
    locked: Option<u64>,
}

#[derive(Debug, Default)]
struct Inode {
    durable: Vec<u8>,
    cached: Vec<u8>,
    /// Stretches of `cached` that were written since the last sync.
    pending: Vec<(usize, usize)>,
}

impl Clone for MemoryDisk {
    fn clone(&self) -> Self {
        Self { state: Arc::clone(&self.state), lock: None }
    }
}

impl Drop for MemoryDisk {
    fn drop(&mut self) {
        let mut state = locked(&self.state);
        if self.lock.is_some() && state.locked == self.lock {
            state.locked = None;
        }
    }
}

impl MemoryDisk {
    /// Cuts the power after `operations` more that change something (create, write, sync, rename, remove); from then on everything fails.
    pub fn cut_after(&self, operations: u64) {
        let mut state = locked(&self.state);
        state.cut_at = Some(state.operations.saturating_add(operations));
    }

    /// Whether a planned cut has come.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        let state = locked(&self.state);
        state.cut_at.is_some_and(|at| state.operations >= at)
    }

    /// The operations that changed something since the beginning.
    #[must_use]
    pub fn operations(&self) -> u64 {
        locked(&self.state).operations
    }

    /// Fails the sync after `syncs` more, once: what it was to make durable stays readable until [`MemoryDisk::restart`], and no later sync makes it durable.
    pub fn fail_sync_after(&self, syncs: u64) {
        let mut state = locked(&self.state);
        state.fail_sync_at = Some(state.syncs.saturating_add(syncs).saturating_add(1));
    }

    /// Lets all files together take `bytes` at most; `None` for any.
    pub fn set_bytes_max(&self, bytes: Option<u64>) {
        locked(&self.state).bytes_max = bytes;
    }

    /// Cuts the power, if it is not cut yet, and brings it back: the lock is gone, and so is what was not synced, as `unsynced` says.
    pub fn restart(&self, unsynced: Unsynced) {
        let mut state = locked(&self.state);
        (state.cut_at, state.fail_sync_at, state.locked) = (None, None, None);
        for (number, inode) in state.files.values().enumerate() {
            locked(inode).lose(unsynced, wide(number));
        }
    }

    /// Ends the program but not the system: the lock is gone, what was written stays in the cache.
    pub fn kill(&self) {
        locked(&self.state).locked = None;
    }

    /// The names of all files, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        locked(&self.state).files.keys().cloned().collect()
    }

    /// The bytes of a file; none when it is not there.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        self.inode(name).map(|inode| locked(&inode).cached.clone()).unwrap_or_default()
    }

    /// Flips the bits of `mask` in one byte of a file, for good.
    pub fn flip(&self, name: &str, offset: u64, mask: u8) {
        self.change(name, |bytes| {
            bytes.iter_mut().skip(narrow(offset)).take(1).for_each(|byte| *byte ^= mask)
        });
    }

    /// Shortens a file, for good.
    pub fn truncate(&self, name: &str, bytes: u64) {
        self.change(name, |held| held.truncate(narrow(bytes)));
    }

    /// Loses a file.
    pub fn lose(&self, name: &str) {
        locked(&self.state).files.remove(name);
    }

    /// A disk of its own with the same bytes, all durable.
    #[must_use]
    pub fn copy(&self) -> Self {
        self.copy_of(|inode| inode.cached.clone())
    }

    /// A disk of its own with the durable bytes alone: what a power cut now would leave at the least.
    #[must_use]
    pub fn copy_durable(&self) -> Self {
        self.copy_of(|inode| inode.durable.clone())
    }

    fn copy_of(&self, part: impl Fn(&Inode) -> Vec<u8>) -> Self {
        let state = locked(&self.state);
        let files = state.files.iter().map(|(name, inode)| {
            let bytes = part(&locked(inode));
            let inode = Inode { durable: bytes.clone(), cached: bytes, pending: Vec::new() };
            (name.clone(), Arc::new(Mutex::new(inode)))
        });
        let copy = State { files: files.collect(), ..State::default() };
        Self { state: Arc::new(Mutex::new(copy)), lock: None }
    }

    fn change(&self, name: &str, change: impl Fn(&mut Vec<u8>)) {
        if let Ok(inode) = self.inode(name) {
            let mut inode = locked(&inode);
            change(&mut inode.durable);
            change(&mut inode.cached);
        }
    }

    fn inode(&self, name: &str) -> Result<Arc<Mutex<Inode>>, DiskError> {
        locked(&self.state).files.get(name).cloned().ok_or(DiskError::Absent)
    }

    fn on(&self) -> Result<MutexGuard<'_, State>, DiskError> {
        let state = locked(&self.state);
        if state.cut_at.is_some_and(|at| state.operations >= at) { Err(FAILED) } else { Ok(state) }
    }

    fn operation(&self) -> Result<MutexGuard<'_, State>, DiskError> {
        let mut state = self.on()?;
        state.operations = state.operations.saturating_add(1);
        Ok(state)
    }
}

impl State {
    fn has_room_for(&self, more: usize) -> bool {
        let used = self
            .files
            .values()
            .fold(0, |sum: u64, inode| sum.saturating_add(wide(locked(inode).cached.len())));
        self.bytes_max.is_none_or(|max| used.saturating_add(wide(more)) <= max)
    }
}

impl Inode {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset.saturating_add(bytes.len());
        self.cached.resize(self.cached.len().max(end), 0);
        if let Some(place) = self.cached.get_mut(offset..end) {
            place.copy_from_slice(bytes);
        }
        self.pending.push((offset, end));
    }

    fn sync(&mut self) {
        self.durable.resize(self.cached.len(), 0);
        for (begin, end) in core::mem::take(&mut self.pending) {
            copy(&mut self.durable, &self.cached, begin, end);
        }
    }

    fn lose(&mut self, unsynced: Unsynced, number: u64) {
        for (begin, end) in core::mem::take(&mut self.pending) {
            let mut at = begin;
            while at < end {
                let next = (at / SECTOR_BYTES).saturating_add(1).saturating_mul(SECTOR_BYTES).min(end);
                if unsynced.keeps(number, at / SECTOR_BYTES) {
                    self.durable.resize(self.durable.len().max(next), 0);
                    copy(&mut self.durable, &self.cached, at, next);
                }
                at = next;
            }
        }
        self.cached = self.durable.clone();
    }
}

impl Unsynced {
    fn keeps(self, file: u64, sector: usize) -> bool {
        match self {
            Self::Lost => false,
            Self::Kept => true,
            Self::Torn(seed) => mix(seed ^ mix(file) ^ mix(wide(sector)).rotate_left(17)) & 1 == 1,
        }
    }
}

/// The finaliser of SplitMix64: bits that look independent.
fn mix(seed: u64) -> u64 {
    let a = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let b = (a ^ a >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let c = (b ^ b >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    c ^ c >> 31
}

fn copy(to: &mut [u8], from: &[u8], begin: usize, end: usize) {
    if let (Some(to), Some(from)) = (to.get_mut(begin..end), from.get(begin..end)) {
        to.copy_from_slice(from);
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An open file of a [`MemoryDisk`].
#[derive(Clone, Debug)]
pub struct MemoryFile(Arc<Mutex<Inode>>);

impl Disk for MemoryDisk {
    type File = MemoryFile;

    fn lock(&mut self) -> Result<(), DiskError> {
        let mut state = locked(&self.state);
        if state.locked.is_some() && state.locked != self.lock {
            return Err(DiskError::InUse);
        }
        state.locks = state.locks.saturating_add(1);
        state.locked = Some(state.locks);
        let number = state.locked;
        drop(state);
        self.lock = number;
        Ok(())
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        Ok(self.on()?.files.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> Result<MemoryFile, DiskError> {
        self.on()?.files.get(name).cloned().map(MemoryFile).ok_or(DiskError::Absent)
    }

    fn create(&self, name: &str) -> Result<MemoryFile, DiskError> {
        let mut state = self.operation()?;
        let inode = Arc::new(Mutex::new(Inode::default()));
        state.files.insert(name.to_owned(), Arc::clone(&inode));
        Ok(MemoryFile(inode))
    }

    fn len(&self, file: &MemoryFile) -> Result<u64, DiskError> {
        let _on = self.on()?;
        Ok(wide(locked(&file.0).cached.len()))
    }

    fn read(&self, file: &MemoryFile, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        let _on = self.on()?;
        let inode = locked(&file.0);
        let from = inode.cached.get(narrow(offset)..).unwrap_or_default();
        let bytes = from.len().min(into.len());
        copy(into, from, 0, bytes);
        Ok(bytes)
    }

    fn write_at(&self, file: &MemoryFile, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let state = self.operation()?;
        let end = narrow(offset).saturating_add(bytes.len());
        let held = locked(&file.0).cached.len();
        if !state.has_room_for(end.saturating_sub(held)) {
            return Err(DiskError::Full);
        }
        locked(&file.0).write(narrow(offset), bytes);
        Ok(())
    }

    fn sync(&self, file: &MemoryFile) -> Result<(), DiskError> {
        let mut state = self.operation()?;
        state.syncs = state.syncs.saturating_add(1);
        let mut inode = locked(&file.0);
        if state.fail_sync_at == Some(state.syncs) {
            // As Linux does: the pages count as clean from now on.
            inode.pending.clear();
            return Err(FAILED);
        }
        inode.sync();
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        let mut state = self.operation()?;
        let inode = state.files.remove(from).ok_or(DiskError::Absent)?;
        state.files.insert(to.to_owned(), inode);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.operation()?.files.remove(name).map(|_| ()).ok_or(DiskError::Absent)
    }
}
