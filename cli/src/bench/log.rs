//! `log.append`: our log against the same bytes written and synced bare, on the same file system.
//!
//! **Invariant:** the result of either side is read back from its file: the records of the last batch, as they lie there.
use super::measure::{Side, Sides, Trouble};
use super::sample::noise;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::rc::Rc;
use symbolon_keys::{Crypto, RustCrypto};
use symbolon_log::{FileDisk, Log, Options};
use symbolon_types::Hash;

const RECORD_BYTES: usize = 200;
/// Records in a full batch: 1 MiB.
const RECORDS: usize = (1 << 20) / RECORD_BYTES;
/// The bare file's length for full batches, and for single records.
const BARE_BYTES: (u64, u64) = (256 << 20, 16 << 20);

/// Batches of 1 MiB. `ahead`: the log's next segment is prepared off the clock.
pub fn full_batches(folder: &Path, ahead: bool) -> Result<Sides, Trouble> {
    sides(folder, RECORDS, BARE_BYTES.0, ahead, Count::Bytes)
}

/// Batches of one record.
pub fn one_record(folder: &Path) -> Result<Sides, Trouble> {
    sides(folder, 1, BARE_BYTES.1, true, Count::Batches)
}

#[derive(Clone, Copy)]
enum Count {
    Bytes,
    Batches,
}

fn sides(
    folder: &Path,
    records: usize,
    bare_bytes: u64,
    ahead: bool,
    count: Count,
) -> Result<Sides, Trouble> {
    let bytes: Rc<[u8]> = noise(records * RECORD_BYTES).into();
    let disk = FileDisk::open(folder.join("log")).map_err(symbolon_log::LogError::from)?;
    let (log, _) = Log::open(disk, Options::default())?;
    let units = match count {
        Count::Bytes => u32::try_from(bytes.len()).map_err(|_| Trouble::Unmeasurable)?,
        Count::Batches => 1,
    };
    let limit = Bare::create(&folder.join("bare"), bare_bytes, Rc::clone(&bytes), units)?;
    Ok(Sides { ours: Box::new(Ours { log, bytes, ahead, units }), limit: Box::new(limit) })
}

struct Ours {
    log: Log<FileDisk>,
    bytes: Rc<[u8]>,
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
        let records: Vec<&[u8]> = self.bytes.chunks_exact(RECORD_BYTES).collect();
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

/// A file of zeros that is written round and round.
struct Bare {
    file: File,
    length: u64,
    /// Where the last bytes lie, and where the next go.
    last: u64,
    next: u64,
    bytes: Rc<[u8]>,
    units: u32,
}

impl Bare {
    fn create(path: &Path, length: u64, bytes: Rc<[u8]>, units: u32) -> Result<Self, Trouble> {
        let file = File::options().read(true).write(true).create_new(true).open(path)?;
        let zeros = vec![0; 1 << 20];
        for offset in (0..length).step_by(zeros.len()) {
            file.write_all_at(&zeros, offset)?;
        }
        file.sync_all()?;
        Ok(Self { file, length, last: 0, next: 0, bytes, units })
    }
}

impl Side for Bare {
    fn run(&mut self) -> Result<u32, Trouble> {
        let len = self.bytes.len() as u64;
        self.last = if self.next + len > self.length { 0 } else { self.next };
        self.file.write_all_at(&self.bytes, self.last)?;
        self.file.sync_data()?;
        self.next = self.last + len;
        Ok(self.units)
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        let mut last = vec![0; self.bytes.len()];
        self.file.read_exact_at(&mut last, self.last)?;
        Ok(RustCrypto.sha256(&[&last]))
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
    }
}
