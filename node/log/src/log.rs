//! The log itself: opened, appended to, archived.
//!
//! ```text
//!   append:  frame into the buffer ─► (next segment when it does not fit) ─► write (and hash) ─► one sync ─► pointer slot ─► acknowledged
//!                                                                                    └ failed ─► Ended, for ever in this process
//!   next segment:  "next.new" zero-filled in steps and synced ─► header ─► sync ─► renamed to its name
//! ```
//! **Invariant:** what [`Log::append`] has returned from is durable; after a failed write or sync nothing more is written.
use crate::aside::Aside;
use crate::batch::{self, BatchHash, Head};
use crate::disk::{narrow, wide};
use crate::kept::Kept;
use crate::pointer::{Acknowledged, Pointer};
use crate::segment::{HEADER_BYTES, Header};
use crate::survey::{NOTHING, PointerState, Scope, Survey, Torn, survey};
use crate::{Batches, Disk, DiskError, LogError, SegmentName};
use std::sync::Arc;
use symbolon_state::frame;

/// The file that will be the next segment.
const NEXT: &str = "next.new";
/// What a crash may leave and opening removes.
const LEFTOVERS: [&str; 3] = [NEXT, "pointer.new", "kept.new"];
/// The least that a step of zero-filling writes.
const PREPARE_STEP_BYTES: u64 = 256 * 1024;

/// From this length on a batch is hashed by a thread beside its sync: waking one costs less than hashing.
const ASIDE_BYTES_MIN: usize = 128 * 1024;

/// How a log is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The length of segments made from now on, in bytes; at least 8192, 64 MiB unless told.
    pub segment_bytes: u64,
    /// Cut a bad tail although the pointer file is lost: a knowing operator's act, for what is cut may have been acknowledged. Off unless told.
    pub accept_lost_pointer: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 64 * 1024 * 1024, accept_lost_pointer: false }
    }
}

/// What opening found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The end of the chain: last sequence number, hash and time.
    pub head: Head,
    /// The first sequence number present.
    pub first_sequence: u64,
    /// What the pointer file said. [`PointerState::Lost`] is to be told to the operator.
    pub pointer: PointerState,
    /// The torn tail that was cut, to be told to the operator.
    pub torn: Option<Torn>,
}

/// What appending a batch gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The sequence number of its first record, or of the next one where it has none.
    pub first: u64,
    /// The sequence number of its last record; `first - 1` where it has none.
    pub last: u64,
    /// Its hash.
    pub hash: BatchHash,
}

/// A log, open for writing.
#[derive(Debug)]
pub struct Log<D: Disk> {
    disk: D,
    options: Options,
    segments: Vec<Header>,
    /// The last of the segments, and where the next batch goes in it.
    current: Header,
    file: D::File,
    tail: u64,
    head: Head,
    pointer: Pointer<D::File>,
    next: Option<Next<D::File>>,
    buffer: Arc<Vec<u8>>,
    aside: Option<Aside>,
    ended: bool,
}

/// The segment in preparation.
#[derive(Debug)]
struct Next<F> {
    file: F,
    bytes: u64,
    filled: u64,
}

impl<D: Disk> Log<D> {
    /// Opens the log on the disk, or makes one where there is none; a torn tail is cut, and the last batch is written and synced once more before it counts.
    ///
    /// # Errors
    /// [`LogError::InUse`]; [`LogError::Damaged`], [`LogError::Missing`] and [`LogError::Ambiguous`], after which nothing has been changed; [`LogError::Full`] and
    /// [`LogError::Disk`] from the disk.
    pub fn open(mut disk: D, options: Options) -> Result<(Self, Opened), LogError> {
        disk.lock()?;
        let options = Options { segment_bytes: options.segment_bytes.max(HEADER_BYTES * 2), ..options };
        let scope = Scope { whole: false, accept_lost_pointer: options.accept_lost_pointer };
        let found = survey(&disk, scope)?;
        remove_leftovers(&disk, found.as_ref())?;
        match found {
            None => Self::begin(disk, options),
            Some(survey) => Self::resume(disk, options, survey),
        }
    }

    fn begin(disk: D, options: Options) -> Result<(Self, Opened), LogError> {
        let pointer = Pointer::create(&disk, &NOTHING)?;
        let current = Header { index: 1, before: Head::START, bytes: options.segment_bytes };
        let mut next = Next::create(&disk, options.segment_bytes)?;
        next.fill(&disk, u64::MAX)?;
        let file = next.name(&disk, &current)?;
        let opened = Opened { head: Head::START, first_sequence: 1, pointer: PointerState::New, torn: None };
        let (segments, tail, head, buffer) = (vec![current], HEADER_BYTES, Head::START, Vec::new());
        let log = Self {
            disk,
            options,
            segments,
            current,
            file,
            tail,
            head,
            pointer,
            next: None,
            buffer: Arc::new(buffer),
            aside: None,
            ended: false,
        };
        Ok((log, opened))
    }

    fn resume(disk: D, options: Options, survey: Survey) -> Result<(Self, Opened), LogError> {
        let Survey { segments, head, tail, last, torn, pointer: found, .. } = survey;
        let missing = LogError::Missing { segment: 1 };
        let (first, current) = segments.first().zip(segments.last().copied()).ok_or(missing)?;
        let first_sequence = first.name().first_sequence;
        let file = disk.open(&current.name().to_string())?;
        if let Some(torn) = torn {
            disk.allocate(&file, torn.offset, torn.bytes)?;
        }
        let mut buffer = Vec::new();
        if let Some(last) = last {
            // It may stand in the system's cache only, left by a write whose sync never returned.
            buffer.resize(narrow(last.bytes), 0);
            disk.read(&file, last.offset, &mut buffer)?;
            disk.write_at(&file, last.offset, &buffer)?;
        }
        disk.sync(&file)?;
        let pointer = Pointer::create(&disk, &Acknowledged { segment: current.index, end: tail, head })?;
        let opened = Opened { head, first_sequence, pointer: found, torn };
        let log = Self {
            disk,
            options,
            segments,
            current,
            file,
            tail,
            head,
            pointer,
            next: None,
            buffer: Arc::new(buffer),
            aside: None,
            ended: false,
        };
        Ok((log, opened))
    }

    /// Writes one batch, durable on return. It may be empty: then it only carries a time.
    ///
    /// # Errors
    /// [`LogError::TimeWentBack`], [`LogError::TooLarge`] and [`LogError::Full`]: nothing is written, and another batch may follow. [`LogError::Disk`]: the batch is
    /// there whole or not at all when the log is opened next, and until then everything answers [`LogError::Ended`].
    pub fn append(&mut self, at_ms: u64, records: &[&[u8]]) -> Result<Appended, LogError> {
        if self.ended {
            return Err(LogError::Ended);
        }
        if at_ms < self.head.at_ms {
            return Err(LogError::TimeWentBack);
        }
        let bytes = self.bounded(batch::framed_bytes(records))?;
        if bytes > self.current.bytes.saturating_sub(self.tail) {
            self.go_to_next_segment()?;
        }
        let too_large = LogError::TooLarge { bytes_max: self.batch_bytes_max() };
        let last = batch::frame_into(Arc::make_mut(&mut self.buffer), &self.head, at_ms, records)
            .ok_or(too_large)?;
        let hash = self.write_buffer(last, at_ms)?;
        let first = self.head.sequence.saturating_add(1);
        self.head = Head { sequence: last, hash, at_ms };
        self.prepare_behind(bytes);
        Ok(Appended { first, last, hash })
    }

    fn bounded(&self, bytes: Option<usize>) -> Result<u64, LogError> {
        let bytes_max = self.batch_bytes_max();
        bytes.map(wide).filter(|&bytes| bytes <= bytes_max).ok_or(LogError::TooLarge { bytes_max })
    }

    /// The longest batch that is taken, in bytes, framing included: 60 bytes, and 4 more for each record.
    #[must_use]
    pub fn batch_bytes_max(&self) -> u64 {
        let frame_bytes_max = frame::PAYLOAD_BYTES_MAX + frame::HEADER_BYTES;
        (self.options.segment_bytes - HEADER_BYTES).min(wide(frame_bytes_max))
    }

    /// Writes the buffer at the tail, syncs, and moves the pointer; any failure ends writing. A long batch is hashed beside the sync.
    fn write_buffer(&mut self, sequence: u64, at_ms: u64) -> Result<BatchHash, LogError> {
        self.ended = true;
        let long = self.buffer.len() >= ASIDE_BYTES_MIN;
        if long && self.aside.is_none() {
            self.aside = Aside::start();
        }
        let aside = self.aside.as_ref().filter(|_| long);
        let written = self.disk.write_at(&self.file, self.tail, &self.buffer);
        // Not earlier: two readers of one buffer slow the write's copy more than the hash takes.
        if let Some(aside) = aside {
            aside.begin(&self.buffer);
        }
        let written = written.and_then(|()| self.disk.sync(&self.file));
        let hash = aside.map_or_else(|| batch::hash_framed(&self.buffer), |aside| aside.finish(&self.buffer));
        written.map_err(LogError::Disk)?;
        let end = self.tail.saturating_add(wide(self.buffer.len()));
        let head = Head { sequence, hash, at_ms };
        let acknowledged = Acknowledged { segment: self.current.index, end, head };
        self.pointer.write(&self.disk, &acknowledged).map_err(LogError::Disk)?;
        self.tail = end;
        self.ended = false;
        Ok(hash)
    }

    /// Zero-fills and syncs up to about `bytes_max` bytes of the next segment; `true` when it is ready. An idle writer calls this, so that no append has to.
    ///
    /// # Errors
    /// [`LogError::Full`], after which it begins anew; [`LogError::Ended`]; [`LogError::Disk`], which ends writing.
    pub fn prepare(&mut self, bytes_max: u64) -> Result<bool, LogError> {
        if self.ended {
            return Err(LogError::Ended);
        }
        let prepared = self.prepare_step(bytes_max);
        prepared.map_err(|error| self.give_up_next(error))
    }

    fn prepare_step(&mut self, bytes_max: u64) -> Result<bool, DiskError> {
        let next = match &mut self.next {
            Some(next) => next,
            none => none.insert(Next::create(&self.disk, self.options.segment_bytes)?),
        };
        next.fill(&self.disk, bytes_max)?;
        Ok(next.filled == next.bytes)
    }

    /// In the second half of a segment each append fills some of the next one, so that none has to fill all of it.
    fn prepare_behind(&mut self, appended_bytes: u64) {
        let ready = self.next.as_ref().is_some_and(|next| next.filled == next.bytes);
        if ready || self.tail < self.current.bytes / 2 {
            return;
        }
        // A failure shows, if it lasts, where the segment is needed; this append is durable all the same.
        let _ = self.prepare(appended_bytes.saturating_mul(2).max(PREPARE_STEP_BYTES));
    }

    /// Drops the segment in preparation. A full disk may have room again later; anything else ends writing.
    fn give_up_next(&mut self, error: DiskError) -> LogError {
        self.next = None;
        self.ended = error != DiskError::Full;
        match self.disk.remove(NEXT) {
            Ok(()) | Err(DiskError::Absent) => {}
            Err(_) => self.ended = true,
        }
        LogError::from(error)
    }

    fn go_to_next_segment(&mut self) -> Result<(), LogError> {
        self.prepare(u64::MAX)?;
        let Some(next) = self.next.take() else { return Err(LogError::Ended) };
        let header =
            Header { index: self.current.index.saturating_add(1), before: self.head, bytes: next.bytes };
        self.file = next.name(&self.disk, &header).map_err(|error| self.give_up_next(error))?;
        self.current = header;
        self.segments.push(header);
        self.tail = HEADER_BYTES;
        Ok(())
    }

    /// The end of the chain: last sequence number, hash and time.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// The first sequence number present.
    #[must_use]
    pub fn first_sequence(&self) -> u64 {
        self.segments.first().map_or(1, |header| header.name().first_sequence)
    }

    /// The bytes of all segments present, and of what is prepared.
    #[must_use]
    pub fn bytes_used(&self) -> u64 {
        let prepared = self.next.as_ref().map_or(0, |next| next.filled);
        self.segments.iter().fold(prepared, |sum, header| sum.saturating_add(header.bytes))
    }

    /// Whether a failed write or sync has ended writing.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// The batches that hold record `sequence` or come after it, those without records included, up to the present end. Each is checked as it is read.
    ///
    /// # Errors
    /// [`LogError::Archived`]; [`LogError::Disk`].
    pub fn read_from(&self, sequence: u64) -> Result<Batches<'_, D>, LogError> {
        Batches::from(&self.disk, &self.segments, self.tail, sequence.max(1))
    }

    /// The batches after the one that ends with this sequence number and hash: for whoever has applied up to there. Sequence 0 and [`BatchHash::ZERO`] stand for none.
    ///
    /// # Errors
    /// [`LogError::NotInLog`] when there is no such batch; [`LogError::Archived`]; [`LogError::Damaged`]; [`LogError::Disk`].
    pub fn read_after(&self, sequence: u64, hash: BatchHash) -> Result<Batches<'_, D>, LogError> {
        Batches::after(&self.disk, &self.segments, self.tail, sequence, hash)
    }

    /// Removes the segments all of whose records lie below `sequence`, never the last one, and keeps the hash before the first that stays; how many were removed.
    ///
    /// # Errors
    /// [`LogError::Full`], [`LogError::Disk`]; then some may have been removed, and the log is as good as before.
    pub fn archive_below(&mut self, sequence: u64) -> Result<usize, LogError> {
        let removable = self.segments.windows(2).take_while(|pair| match pair {
            [_, after] => after.name().first_sequence <= sequence,
            _ => false,
        });
        let count = removable.count();
        let Some(first) = self.segments.get(count).filter(|_| count > 0) else { return Ok(0) };
        Kept { segment: first.index, before: first.before }.write(&self.disk)?;
        for header in self.segments.drain(..count) {
            self.disk.remove(&header.name().to_string())?;
        }
        Ok(count)
    }
}

impl<F> Next<F> {
    fn create<D: Disk<File = F>>(disk: &D, bytes: u64) -> Result<Self, DiskError> {
        Ok(Self { file: disk.create(NEXT)?, bytes, filled: 0 })
    }

    fn fill<D: Disk<File = F>>(&mut self, disk: &D, bytes_max: u64) -> Result<(), DiskError> {
        let bytes = bytes_max.min(self.bytes.saturating_sub(self.filled));
        if bytes > 0 {
            disk.allocate(&self.file, self.filled, bytes)?;
            disk.sync(&self.file)?;
            self.filled = self.filled.saturating_add(bytes);
        }
        Ok(())
    }

    /// Makes a segment of it.
    fn name<D: Disk<File = F>>(self, disk: &D, header: &Header) -> Result<F, DiskError> {
        disk.write_at(&self.file, 0, &header.encode())?;
        disk.sync(&self.file)?;
        disk.rename(NEXT, &header.name().to_string())?;
        Ok(self.file)
    }
}

/// Removes what a crash has left of preparing, of writing small files, and of archiving.
fn remove_leftovers<D: Disk>(disk: &D, survey: Option<&Survey>) -> Result<(), LogError> {
    let first = survey.and_then(|survey| survey.segments.first()).map_or(0, |header| header.index);
    for name in disk.list()? {
        let archived = SegmentName::parse(&name).is_some_and(|segment| segment.index < first);
        if archived || LEFTOVERS.contains(&name.as_str()) {
            disk.remove(&name)?;
        }
    }
    Ok(())
}
