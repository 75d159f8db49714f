//! Small files that appear whole or not at all; a new one never in the place of another.
//!
//! ```text
//!   new      beside.new: create (0600) ─► write ─► fsync ─► link to its name ─► unlink beside.new ─► fsync folder
//!                                                             └─ refused when the name is taken: rename would replace it
//!   replace  beside.new: create (0600) ─► write ─► fsync ─► rename to its name ─► fsync folder
//! ```
//! **Invariant:** under its final name a file is complete and on the medium; a new one leaves a name that was taken what it had.
use crate::VaultError;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use zeroize::Zeroizing;

/// How many leftovers of processes with this one's number are stepped over.
const LEFTOVERS_MAX: usize = 64;

/// Distinguishes the files that this process writes at the same time.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Writes a new file that only its owner may read and write. When this fails with [`VaultError::Io`] after the link, the file is there,
/// complete, and only not known to outlast a power cut.
pub(crate) fn write_new(path: &Path, contents: &[u8]) -> Result<(), VaultError> {
    let (beside, file) = create_beside(path, &NEXT)?;
    let linked = fill(file, contents).and_then(|()| Ok(fs::hard_link(&beside, path)?));
    // Both names are of one file by now, or the file is of no use.
    let removed = fs::remove_file(&beside);
    linked?;
    removed?;
    Ok(File::open(folder(path))?.sync_all()?)
}

/// Puts new contents in the place of a file: after a power cut it has the old ones or the new.
pub(crate) fn replace(path: &Path, contents: &[u8]) -> Result<(), VaultError> {
    let (beside, file) = create_beside(path, &NEXT)?;
    let renamed = fill(file, contents).and_then(|()| Ok(fs::rename(&beside, path)?));
    if renamed.is_err() {
        let _ = fs::remove_file(&beside);
    }
    renamed?;
    Ok(File::open(folder(path))?.sync_all()?)
}

fn fill(mut file: File, contents: &[u8]) -> Result<(), VaultError> {
    file.write_all(contents)?;
    Ok(file.sync_all()?)
}

pub(crate) fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A new file beside `path`. `next` numbers it; a number that is taken was left by a process that was killed, and is stepped over.
pub(crate) fn create_beside(path: &Path, next: &AtomicU64) -> Result<(PathBuf, File), VaultError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    for _ in 0..LEFTOVERS_MAX {
        let beside = beside(path, next.fetch_add(1, Ordering::Relaxed));
        match options.open(&beside).map_err(VaultError::from) {
            Err(VaultError::Exists) => {}
            opened => return Ok((beside, opened?)),
        }
    }
    Err(VaultError::Exists)
}

fn beside(path: &Path, number: u64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}-{number}.new", std::process::id()));
    PathBuf::from(name)
}

/// All of a file of at most `len_max` bytes; `None` when it is longer. The buffer is wiped when it is dropped and never moves.
pub(crate) fn read_bounded(file: File, len_max: usize) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
    let one_more = len_max.saturating_add(1);
    let mut contents = Zeroizing::new(Vec::with_capacity(one_more.saturating_add(64)));
    file.take(u64::try_from(one_more).unwrap_or(u64::MAX)).read_to_end(&mut contents)?;
    Ok((contents.len() <= len_max).then_some(contents))
}
