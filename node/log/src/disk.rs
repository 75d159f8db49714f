//! The files under the log: the [`Disk`] trait, and [`FileDisk`] over a folder of the operating system.
//!
//! **Invariant:** creating, renaming and removing are durable on return; what is written into a file is durable once [`Disk::sync`] has returned.
use crate::DiskError;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A flat folder of files that one process at a time may hold.
pub trait Disk {
    /// An open file.
    type File;

    /// Takes the folder until this disk is dropped; taking it twice is no error.
    ///
    /// # Errors
    /// [`DiskError::InUse`].
    fn lock(&mut self) -> Result<(), DiskError>;

    /// The names of all files, in any order.
    ///
    /// # Errors
    /// [`DiskError`].
    fn list(&self) -> Result<Vec<String>, DiskError>;

    /// Opens a file that is there, for reading and writing.
    ///
    /// # Errors
    /// [`DiskError::Absent`], [`DiskError::Medium`].
    fn open(&self, name: &str) -> Result<Self::File, DiskError>;

    /// Makes an empty file, replacing one of that name; durable on return.
    ///
    /// # Errors
    /// [`DiskError::Full`], [`DiskError::Medium`].
    fn create(&self, name: &str) -> Result<Self::File, DiskError>;

    /// The length in bytes.
    ///
    /// # Errors
    /// [`DiskError::Medium`].
    fn len(&self, file: &Self::File) -> Result<u64, DiskError>;

    /// Reads from `offset` until the buffer is full or the file ends; the bytes read.
    ///
    /// # Errors
    /// [`DiskError::Medium`].
    fn read(&self, file: &Self::File, offset: u64, into: &mut [u8]) -> Result<usize, DiskError>;

    /// Writes all bytes at `offset`, extending the file when need be. Not durable until [`Disk::sync`].
    ///
    /// # Errors
    /// [`DiskError::Full`], [`DiskError::Medium`]; then any part may have been written.
    fn write_at(&self, file: &Self::File, offset: u64, bytes: &[u8]) -> Result<(), DiskError>;

    /// Makes what was written durable (fdatasync).
    ///
    /// # Errors
    /// [`DiskError::Full`], [`DiskError::Medium`]; then what was written may be lost even where it can still be read.
    fn sync(&self, file: &Self::File) -> Result<(), DiskError>;

    /// Renames a file, replacing one of that name; durable on return.
    ///
    /// # Errors
    /// [`DiskError`].
    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError>;

    /// Removes a file; durable on return.
    ///
    /// # Errors
    /// [`DiskError::Absent`], [`DiskError::Medium`].
    fn remove(&self, name: &str) -> Result<(), DiskError>;

    /// Writes zeros over `bytes` bytes from `offset`, so that their room is taken. Not durable until [`Disk::sync`].
    ///
    /// # Errors
    /// As [`Disk::write_at`].
    fn allocate(&self, file: &Self::File, offset: u64, bytes: u64) -> Result<(), DiskError> {
        let end = offset.saturating_add(bytes);
        let mut at = offset;
        while at < end {
            let part = ZEROS.get(..narrow(end - at)).unwrap_or(&ZEROS);
            self.write_at(file, at, part)?;
            at = at.saturating_add(wide(part.len()));
        }
        Ok(())
    }
}

static ZEROS: [u8; 1024 * 1024] = [0; 1024 * 1024];

/// The name of the file that is locked.
const LOCK: &str = "lock";

/// A folder of the operating system. Its files are readable by their owner only.
#[derive(Debug)]
pub struct FileDisk {
    path: PathBuf,
    /// The folder itself, to sync the names in it.
    folder: File,
    lock: Option<File>,
}

impl FileDisk {
    /// Opens the folder, making it (not its parents) when it is not there. Does not take it: [`Disk::lock`] does.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DiskError> {
        let path = path.as_ref().to_path_buf();
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => sync_parent(&path)?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error.into()),
        }
        let folder = File::open(&path)?;
        Ok(Self { path, folder, lock: None })
    }

    /// The path of the folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn sync_parent(path: &Path) -> Result<(), DiskError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(File::open(parent)?.sync_all()?)
}

fn owner_only() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

/// A write that is longer goes out in parts of so many bytes, each on its way to the disk while the next is copied.
const SEND_BYTES: usize = 2 << 20;

/// Has the kernel begin to write a stretch out; only [`Disk::sync`] makes it durable, so a refusal costs nothing but time.
///
/// The advice that the pages are not needed is the one way to say so that any file system takes; pages that are being written stay.
#[cfg(target_os = "linux")]
fn send_out(file: &File, offset: u64, bytes: usize) {
    use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
    if let (Ok(offset), Ok(bytes)) = (offset.try_into(), bytes.try_into()) {
        let _ = posix_fadvise(file, offset, bytes, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
    }
}

#[cfg(not(target_os = "linux"))]
fn send_out(_: &File, _: u64, _: usize) {}

impl Disk for FileDisk {
    type File = File;

    fn lock(&mut self) -> Result<(), DiskError> {
        if self.lock.is_some() {
            return Ok(());
        }
        let file = owner_only().create(true).truncate(false).open(self.path.join(LOCK))?;
        match file.try_lock() {
            Ok(()) => self.lock = Some(file),
            Err(TryLockError::WouldBlock) => return Err(DiskError::InUse),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        Ok(())
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn open(&self, name: &str) -> Result<File, DiskError> {
        Ok(owner_only().open(self.path.join(name))?)
    }

    fn create(&self, name: &str) -> Result<File, DiskError> {
        let file = owner_only().create(true).truncate(true).open(self.path.join(name))?;
        self.folder.sync_all()?;
        Ok(file)
    }

    fn len(&self, file: &File) -> Result<u64, DiskError> {
        Ok(file.metadata()?.len())
    }

    fn read(&self, file: &File, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        let mut filled = 0;
        while let Some(rest) = into.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, offset.saturating_add(wide(filled))) {
                Ok(0) => break,
                Ok(read) => filled = filled.saturating_add(read),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, file: &File, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let mut at = offset;
        for part in bytes.chunks(SEND_BYTES) {
            file.write_all_at(part, at)?;
            if part.len() < bytes.len() {
                send_out(file, at, part.len());
            }
            at = at.saturating_add(wide(part.len()));
        }
        Ok(())
    }

    fn sync(&self, file: &File) -> Result<(), DiskError> {
        Ok(file.sync_data()?)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        std::fs::rename(self.path.join(from), self.path.join(to))?;
        Ok(self.folder.sync_all()?)
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        std::fs::remove_file(self.path.join(name))?;
        Ok(self.folder.sync_all()?)
    }
}

impl From<io::Error> for DiskError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::Absent,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full,
            kind => Self::Medium(kind),
        }
    }
}

/// A length in memory as one on disk.
pub(crate) fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// A length on disk as one in memory; the longest there is where it does not fit.
pub(crate) fn narrow(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
