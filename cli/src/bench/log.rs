//! `log.append`: our log against the same bytes written and synced bare, on the same file system.
//!
//! **Invariant:** the result of either side is read back from its file: the records of the last batch, as they lie there.
use super::measure::{Side, Sides, Trouble};
use super::sample::noise;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use symbolon_keys::{Crypto, RustCrypto};
use symbolon_log::{FileDisk, Log, Options};
use symbolon_types::Hash;

/// A record of a batch of one.
const RECORD_BYTES: usize = 200;
/// A record of a full batch: about what one settlement takes.
const FULL_RECORD_BYTES: usize = 1000;
/// Records in a full batch of the writer, by its own bounds: 4 MB.
const RECORDS: usize = 4096;
/// How much is zero-filled ahead for full batches and for single records, on both sides.
const AHEAD_BYTES: (u64, u64) = (256 << 20, 16 << 20);

/// Full batches. `ahead`: the log's next segment is prepared off the clock.
pub fn full_batches(folder: &Path, ahead: bool) -> Result<Sides, Trouble> {
    sides(folder, (RECORDS, FULL_RECORD_BYTES), AHEAD_BYTES.0, ahead, Count::Bytes)
}

/// Batches of one record.
pub fn one_record(folder: &Path) -> Result<Sides, Trouble> {
    sides(folder, (1, RECORD_BYTES), AHEAD_BYTES.1, true, Count::Batches)
}

#[derive(Clone, Copy)]
enum Count {
    Bytes,
    Batches,
}

fn sides(
    folder: &Path,
    (records, record_bytes): (usize, usize),
    ahead_bytes: u64,
    ahead: bool,
    count: Count,
) -> Result<Sides, Trouble> {
    let bytes: Rc<[u8]> = noise(records * record_bytes).into();
    let disk = FileDisk::open(folder.join("log")).map_err(symbolon_log::LogError::from)?;
    // Unprepared, the log is as an operator runs it: its segments fill the next ones as they go.
    let segment_bytes = if ahead { ahead_bytes } else { Options::default().segment_bytes };
    let (log, _) = Log::open(disk, Options { segment_bytes, ..Options::default() })?;
    let units = match count {
        Count::Bytes => u32::try_from(bytes.len()).map_err(|_| Trouble::Unmeasurable)?,
        Count::Batches => 1,
    };
    let limit = Bare::create(&folder.join("bare"), ahead_bytes, Rc::clone(&bytes), units)?;
    Ok(Sides { ours: Box::new(Ours { log, bytes, record_bytes, ahead, units }), limit: Box::new(limit) })
}

struct Ours {
    log: Log<FileDisk>,
    bytes: Rc<[u8]>,
    record_bytes: usize,
    ahead: bool,
    units: u32,
}

impl Side for Ours {
    fn ready(&mut self) -> Result<(), Trouble> {
        self.log.archive_below(self.log.head().sequence)?;
        if self.ahead {
            self.log.prepare(u64::MAX)?;
        }
        Ok(())
    }

    fn run(&mut self) -> Result<u32, Trouble> {
        let records: Vec<&[u8]> = self.bytes.chunks_exact(self.record_bytes).collect();
        self.log.append(0, &records)?;
        Ok(self.units)
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        let mut last = Vec::new();
        for batch in self.log.read_from(self.log.head().sequence)? {
            last = batch?.records().flat_map(|(_, record)| record.to_vec()).collect();
        }
        Ok(RustCrypto.sha256(&[&last]))
    }
}

/// A file of fresh zeros that is written from its beginning on. What was written before is no measure of it: a disk may treat the first
/// bytes over zeros unlike later ones, and the log only ever writes first ones.
pub(super) struct Bare {
    path: PathBuf,
    file: File,
    length: u64,
    /// Where the last bytes lie, and where the next go.
    last: u64,
    next: u64,
    bytes: Rc<[u8]>,
    units: u32,
}

impl Bare {
    pub(super) fn create(path: &Path, length: u64, bytes: Rc<[u8]>, units: u32) -> Result<Self, Trouble> {
        let file = zeros(path, length)?;
        Ok(Self { path: path.to_owned(), file, length, last: 0, next: 0, bytes, units })
    }

    /// The last bytes, as they lie in the file.
    pub(super) fn read_back(&self) -> Result<Vec<u8>, Trouble> {
        let mut last = vec![0; self.bytes.len()];
        self.file.read_exact_at(&mut last, self.last)?;
        Ok(last)
    }
}

fn zeros(path: &Path, length: u64) -> Result<File, Trouble> {
    let file = File::options().read(true).write(true).create_new(true).open(path)?;
    let zeros = vec![0; 1 << 20];
    for offset in (0..length).step_by(zeros.len()) {
        file.write_all_at(&zeros, offset)?;
    }
    file.sync_all()?;
    Ok(file)
}

impl Side for Bare {
    fn ready(&mut self) -> Result<(), Trouble> {
        if self.next + self.bytes.len() as u64 > self.length {
            std::fs::remove_file(&self.path)?;
            self.file = zeros(&self.path, self.length)?;
            self.next = 0;
        }
        Ok(())
    }

    fn run(&mut self) -> Result<u32, Trouble> {
        let len = self.bytes.len() as u64;
        self.last = if self.next + len > self.length { 0 } else { self.next };
        self.file.write_all_at(&self.bytes, self.last)?;
        self.file.sync_data()?;
        self.next = self.last + len;
        Ok(self.units)
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        Ok(RustCrypto.sha256(&[&self.read_back()?]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::folder::Folder;
    use super::*;

    #[test]
    fn a_result_is_what_lies_in_the_file() {
        let folder = Folder::create(&std::env::temp_dir()).unwrap();
        let bytes: Rc<[u8]> = noise(RECORD_BYTES).into();
        let mut bare = Bare::create(&folder.path().join("bare"), 1 << 20, Rc::clone(&bytes), 1).unwrap();
        assert_ne!(bare.result().unwrap(), RustCrypto.sha256(&[&bytes]), "nothing was written yet");
        bare.run().unwrap();
        bare.run().unwrap();
        assert_eq!(bare.result().unwrap(), RustCrypto.sha256(&[&bytes]));
        bare.file.write_all_at(b"x", bare.last + 7).unwrap();
        assert_ne!(bare.result().unwrap(), RustCrypto.sha256(&[&bytes]));
        bare.next = bare.length - 1;
        bare.run().unwrap();
        assert_eq!((bare.last, bare.next), (0, 200), "round and round");
        bare.next = bare.length;
        bare.ready().unwrap();
        assert_eq!(bare.next, 0);
        bare.last = 0;
        assert_ne!(bare.result().unwrap(), RustCrypto.sha256(&[&bytes]), "fresh zeros");
    }
}
