//! [`Flash`] and [`Counter`] on files: what a device role keeps when its process, or its machine, ends at any moment.
//!
//! ```text
//!   FileFlash    <dir>/bank-a, bank-b   append: write, fdatasync      erase: an empty file, synced, renamed over the bank, folder synced
//!                <dir>/lock             held while the store is open
//!   FileCounter  <path>                 two slots a page apart:  magic u32 | value u64 | CRC-32     both written and synced in turn
//! ```
//! Both slots of the counter hold the value when [`Counter::advance`] has returned; a cut during it spoils at most the slot being written. So
//! one spoiled slot never takes the counter below what was acknowledged.
//!
//! A counter file can be put back by whoever can write the folder. Where that matters a monotonic counter of the hardware takes its place
//! behind the same trait.
//!
//! **Invariant:** after a failed write or sync the store does no more until it is opened again: the kernel may have dropped what it held.
use crate::{TransportError, lock};
use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};
use symbolon_state::{Bank, Counter, Flash, FlashError};
use symbolon_wire::parts::crc32;

/// The most bytes of one bank.
pub const BANK_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Two banks in a folder of their own.
#[derive(Debug)]
pub struct FileFlash {
    dir: PathBuf,
    a: File,
    b: File,
    failed: bool,
    _lock: File,
}

impl FileFlash {
    /// Opens or makes the store in `dir`, mode 0700, its files 0600.
    ///
    /// # Errors
    /// [`TransportError::InUse`] while another has it open, [`TransportError::Io`].
    pub fn open(dir: &Path) -> Result<Self, TransportError> {
        lock::private_dir(dir)?;
        let lock = lock::locked(&dir.join("lock"))?;
        for bank in [Bank::A, Bank::B] {
            lock::remove(&fresh_path(dir, bank))?;
        }
        let (a, b) = (open_bank(&path(dir, Bank::A))?, open_bank(&path(dir, Bank::B))?);
        lock::sync_dir(dir)?;
        Ok(Self { dir: dir.into(), a, b, failed: false, _lock: lock })
    }

    fn bank(&self, bank: Bank) -> &File {
        match bank {
            Bank::A => &self.a,
            Bank::B => &self.b,
        }
    }

    fn write(&self, bank: Bank, bytes: &[u8]) -> Result<(), FlashError> {
        let mut file = self.bank(bank);
        let before = file.metadata().map_err(|_| FlashError::Medium)?.len();
        let length = u64::try_from(bytes.len()).map_err(|_| FlashError::Full)?;
        if before.saturating_add(length) > BANK_BYTES_MAX {
            return Err(FlashError::Full);
        }
        match file.write_all(bytes).and_then(|()| file.sync_data()) {
            Ok(()) => Ok(()),
            Err(error) if is_full(error.kind()) => {
                file.set_len(before).and_then(|()| file.sync_all()).map_err(|_| FlashError::Medium)?;
                Err(FlashError::Full)
            }
            Err(_) => Err(FlashError::Medium),
        }
    }

    fn replace(&mut self, bank: Bank) -> Result<(), TransportError> {
        let fresh = fresh_path(&self.dir, bank);
        let file = open_bank(&fresh)?;
        file.set_len(0)?;
        file.sync_all()?;
        fs::rename(&fresh, path(&self.dir, bank))?;
        lock::sync_dir(&self.dir)?;
        match bank {
            Bank::A => self.a = file,
            Bank::B => self.b = file,
        }
        Ok(())
    }

    /// Remembers that the medium failed.
    fn noted<T>(&mut self, result: Result<T, FlashError>) -> Result<T, FlashError> {
        self.failed |= matches!(result, Err(FlashError::Medium));
        result
    }
}

impl Flash for FileFlash {
    fn append(&mut self, bank: Bank, bytes: &[u8]) -> Result<(), FlashError> {
        if self.failed {
            return Err(FlashError::Medium);
        }
        let result = self.write(bank, bytes);
        self.noted(result)
    }

    fn read(&self, bank: Bank) -> Result<Vec<u8>, FlashError> {
        let file = self.bank(bank);
        let length = file.metadata().map_err(|_| FlashError::Medium)?.len();
        let length = usize::try_from(length.min(BANK_BYTES_MAX)).map_err(|_| FlashError::Medium)?;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, 0).map_err(|_| FlashError::Medium)?;
        Ok(bytes)
    }

    fn erase(&mut self, bank: Bank) -> Result<(), FlashError> {
        if self.failed {
            return Err(FlashError::Medium);
        }
        let result = self.replace(bank).map_err(|_| FlashError::Medium);
        self.noted(result)
    }
}

fn path(dir: &Path, bank: Bank) -> PathBuf {
    dir.join(match bank {
        Bank::A => "bank-a",
        Bank::B => "bank-b",
    })
}

fn fresh_path(dir: &Path, bank: Bank) -> PathBuf {
    lock::with_suffix(&path(dir, bank), "~")
}

fn open_bank(path: &Path) -> Result<File, TransportError> {
    Ok(OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?)
}

fn is_full(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

const SLOT_BYTES: usize = 16;
const SLOT_AT: [u64; 2] = [0, 4096];
const SLOT_MAGIC: [u8; 4] = *b"SYMC";

/// A counter in a file.
#[derive(Debug)]
pub struct FileCounter {
    file: File,
    value: u64,
    failed: bool,
    _lock: File,
}

impl FileCounter {
    /// Opens or makes the counter, mode 0600; its folder must exist. `<path>.lock` is held while it is open.
    ///
    /// # Errors
    /// [`TransportError::InUse`] while another has it open; [`TransportError::Damaged`] when neither slot can be read; [`TransportError::Io`].
    pub fn open(path: &Path) -> Result<Self, TransportError> {
        let lock = lock::locked(&lock::with_suffix(path, ".lock"))?;
        if !path.try_exists()? {
            make(path)?;
        }
        let file = lock::private(path)?;
        let slots = SLOT_AT.map(|at| read_slot(&file, at));
        let value = slots.iter().flatten().max().copied().ok_or(TransportError::Damaged)?;
        // A cut, or damage, left one slot behind: it is made good before the counter is used.
        for (at, slot) in SLOT_AT.into_iter().zip(slots) {
            if slot != Some(value) {
                write_slot(&file, at, value)?;
            }
        }
        Ok(Self { file, value, failed: false, _lock: lock })
    }
}

impl Counter for FileCounter {
    fn value(&self) -> Result<u64, FlashError> {
        if self.failed { Err(FlashError::Medium) } else { Ok(self.value) }
    }

    fn advance(&mut self, value: u64) -> Result<(), FlashError> {
        if value <= self.value()? {
            return Err(FlashError::Counter);
        }
        // Failed until both slots are there, whatever ends this early.
        self.failed = true;
        for at in SLOT_AT {
            write_slot(&self.file, at, value).map_err(|_| FlashError::Medium)?;
        }
        (self.value, self.failed) = (value, false);
        Ok(())
    }
}

/// A counter of 0, whole before it has its name.
fn make(path: &Path) -> Result<(), TransportError> {
    let fresh = lock::with_suffix(path, "~");
    lock::remove(&fresh)?;
    let file = lock::private(&fresh)?;
    for at in SLOT_AT {
        write_slot(&file, at, 0)?;
    }
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => lock::sync_dir(parent),
        _ => lock::sync_dir(Path::new(".")),
    }
}

fn slot(value: u64) -> [u8; SLOT_BYTES] {
    let mut body = SLOT_MAGIC.to_vec();
    body.extend_from_slice(&value.to_be_bytes());
    let sum = crc32(&body);
    body.extend_from_slice(&sum.to_be_bytes());
    body.try_into().unwrap_or([0; SLOT_BYTES])
}

fn write_slot(file: &File, at: u64, value: u64) -> Result<(), TransportError> {
    file.write_all_at(&slot(value), at)?;
    Ok(file.sync_data()?)
}

/// The slot's value; `None` when it cannot be read as one that was written.
fn read_slot(file: &File, at: u64) -> Option<u64> {
    let mut bytes = [0; SLOT_BYTES];
    file.read_exact_at(&mut bytes, at).ok()?;
    let (_, rest) = bytes.split_first_chunk::<4>()?;
    let value = u64::from_be_bytes(*rest.first_chunk()?);
    (bytes == slot(value)).then_some(value)
}

#[cfg(test)]
mod tests;
