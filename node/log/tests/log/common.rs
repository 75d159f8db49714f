//! Places where a log can lie and be tampered with, and what the tests do with any log.
use std::fs;
use std::os::unix::fs::FileExt;
use symbolon_log::memory::MemoryDisk;
use symbolon_log::{Batch, Disk, FileDisk, Log, LogError, LogFile, Opened, Options, SegmentName};

/// Small segments, so that a test has many: one page of batches each.
pub const OPTIONS: Options = Options { segment_bytes: 8192, accept_lost_pointer: false };

/// Somewhere a log lies, and the hand that changes it behind the log's back.
pub trait Place {
    type Disk: Disk;
    fn new() -> Self;
    fn disk(&self) -> Self::Disk;
    fn names(&self) -> Vec<String>;
    fn bytes(&self, name: &str) -> Vec<u8>;
    fn put(&self, name: &str, bytes: &[u8]);
    fn lose(&self, name: &str);

    fn open(&self) -> Result<(Log<Self::Disk>, Opened), LogError> {
        Log::open(self.disk(), OPTIONS)
    }

    fn error(&self) -> LogError {
        self.open().err().expect("the log is refused")
    }

    fn flip(&self, name: &str, offset: usize, mask: u8) {
        let mut bytes = self.bytes(name);
        bytes[offset] ^= mask;
        self.put(name, &bytes);
    }

    fn truncate(&self, name: &str, len: usize) {
        self.put(name, &self.bytes(name)[..len]);
    }

    /// The names of the segments, in order.
    fn segments(&self) -> Vec<SegmentName> {
        let mut names: Vec<_> = self.names().iter().filter_map(|name| SegmentName::parse(name)).collect();
        names.sort_unstable();
        names
    }
}

impl Place for MemoryDisk {
    type Disk = MemoryDisk;

    fn new() -> Self {
        Self::default()
    }

    fn disk(&self) -> MemoryDisk {
        self.clone()
    }

    fn names(&self) -> Vec<String> {
        Self::names(self)
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        Self::bytes(self, name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        let file = self.create(name).unwrap();
        self.write_at(&file, 0, bytes).unwrap();
        self.sync(&file).unwrap();
    }

    fn lose(&self, name: &str) {
        Self::lose(self, name);
    }
}

/// A folder of its own.
pub struct Folder(tempfile::TempDir);

impl Place for Folder {
    type Disk = FileDisk;

    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn disk(&self) -> FileDisk {
        FileDisk::open(self.0.path().join("log")).unwrap()
    }

    fn names(&self) -> Vec<String> {
        self.disk().list().unwrap()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.path().join("log").join(name)).unwrap()
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.0.path().join("log").join(name);
        let file = fs::OpenOptions::new().write(true).create(true).truncate(true).open(path).unwrap();
        file.write_all_at(bytes, 0).unwrap();
    }

    fn lose(&self, name: &str) {
        fs::remove_file(self.0.path().join("log").join(name)).unwrap();
    }
}

/// A batch as a test writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub at_ms: u64,
    pub records: Vec<Vec<u8>>,
}

/// The `n`th batch of every test: sizes from none to more than half a segment, times that stand still and move.
pub fn told(n: u64) -> Told {
    let count = [1, 3, 0, 1, 12][usize::try_from(n % 5).unwrap()];
    let record = |i: u64| {
        let byte = u8::try_from((n * 31 + i) % 251).unwrap();
        vec![byte; usize::try_from(100 + (n * 97 + i * 13) % 200).unwrap()]
    };
    Told { at_ms: 1000 + n / 3, records: (0..count).map(record).collect() }
}

pub fn append<D: Disk>(log: &mut Log<D>, told: &Told) -> Result<symbolon_log::Appended, LogError> {
    let records: Vec<&[u8]> = told.records.iter().map(Vec::as_slice).collect();
    log.append(told.at_ms, &records)
}

/// All batches present, checked for their place in the chain.
pub fn all<D: Disk>(log: &Log<D>) -> Vec<Told> {
    let mut next = log.first_sequence();
    let mut previous = None;
    let batches = log.read_from(next).unwrap().map(Result::unwrap).map(|batch| {
        assert_eq!(batch.first_sequence, next);
        assert!(previous.is_none_or(|hash| hash == batch.previous));
        (previous, next) = (Some(batch.hash), batch.last_sequence() + 1);
        told_by(&batch)
    });
    let batches = batches.collect();
    assert_eq!(next, log.head().sequence + 1);
    assert!(previous.is_none_or(|hash| hash == log.head().hash));
    batches
}

pub fn told_by(batch: &Batch) -> Told {
    let numbered: Vec<_> = batch.records().collect();
    assert!(numbered.iter().map(|(sequence, _)| *sequence).eq(batch.first_sequence..=batch.last_sequence()));
    Told { at_ms: batch.at_ms, records: numbered.iter().map(|(_, record)| record.to_vec()).collect() }
}

/// A log of batches `0..n`, closed; and where each ends: its segment and the offset.
pub fn filled<P: Place>(n: u64) -> (P, Vec<(SegmentName, usize)>) {
    let place = P::new();
    let (mut log, _) = place.open().unwrap();
    let mut ends: Vec<(SegmentName, usize)> = Vec::new();
    for n in 0..n {
        append(&mut log, &told(n)).unwrap();
        let name = *place.segments().last().unwrap();
        let begin = ends.last().filter(|(last, _)| *last == name).map_or(4096, |(_, end)| *end);
        let len = u32::from_le_bytes(place.bytes(&name.to_string())[begin..begin + 4].try_into().unwrap());
        ends.push((name, begin + 8 + usize::try_from(len).unwrap()));
    }
    drop(log);
    (place, ends)
}

pub fn segment(name: SegmentName) -> LogFile {
    LogFile::Segment(name)
}
