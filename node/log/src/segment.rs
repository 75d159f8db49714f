//! A segment: a file of fixed length, zero-filled ahead, that holds a header and the framed batches of one stretch of the chain.
//!
//! ```text
//!   0        header: magic, version, index, first sequence, previous hash, previous at ms, length; framed; zeros up to 4096
//!   4096     batch │ batch │ … │ batch │ zeros up to the end
//! ```
//! The header has a page of its own, so that no later write touches it.
use crate::batch::{self, BatchHash, Head, View};
use crate::disk::{narrow, wide};
use crate::{Damage, Disk, LogError, LogFile, SegmentName};
use symbolon_state::frame::{self, Frame};

/// Where the first batch begins, in bytes.
pub(crate) const HEADER_BYTES: u64 = 4096;

const MAGIC: [u8; 8] = *b"SYMB-LOG";
const VERSION: u32 = 1;
const WINDOW_BYTES: u64 = 1024 * 1024;

/// What the head of a segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub index: u64,
    /// The end of the chain before the segment.
    pub before: Head,
    /// The length of the file.
    pub bytes: u64,
}

impl Header {
    pub fn name(&self) -> SegmentName {
        SegmentName { index: self.index, first_sequence: self.before.sequence.saturating_add(1) }
    }

    pub fn file(&self) -> LogFile {
        LogFile::Segment(self.name())
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut payload = MAGIC.to_vec();
        payload.extend(VERSION.to_le_bytes());
        payload.extend(self.index.to_le_bytes());
        payload.extend(self.name().first_sequence.to_le_bytes());
        payload.extend(self.before.hash.as_bytes());
        payload.extend(self.before.at_ms.to_le_bytes());
        payload.extend(self.bytes.to_le_bytes());
        framed(&payload)
    }

    /// Reads a header page; `None` when any byte of it is not as it was written.
    fn decode(page: &[u8]) -> Option<Self> {
        let Frame::Record { payload, size } = frame::read(page) else { return None };
        let mut rest = payload;
        let known = take::<8>(&mut rest)? == MAGIC && take::<4>(&mut rest)? == VERSION.to_le_bytes();
        let mut number = || take(&mut rest).map(u64::from_le_bytes);
        let (index, first_sequence) = (number()?, number()?);
        let hash = BatchHash(take(&mut rest)?);
        let mut number = || take(&mut rest).map(u64::from_le_bytes);
        let (at_ms, bytes) = (number()?, number()?);
        let before = Head { sequence: first_sequence.checked_sub(1)?, hash, at_ms };
        let bare = rest.is_empty() && page.get(size..)?.iter().all(|&byte| byte == 0);
        (known && bare).then_some(Self { index, before, bytes })
    }

    /// Opens the segment of that name and reads its header.
    pub fn read<D: Disk>(disk: &D, name: SegmentName) -> Result<Self, LogError> {
        let file = disk.open(&name.to_string())?;
        let damaged = |offset, damage| LogError::Damaged { file: LogFile::Segment(name), offset, damage };
        let mut page = vec![0; narrow(HEADER_BYTES)];
        let read = disk.read(&file, 0, &mut page)?;
        if read < page.len() {
            return Err(damaged(wide(read), Damage::Length));
        }
        let header =
            Self::decode(&page).filter(|header| header.name() == name).ok_or(damaged(0, Damage::Header))?;
        let bytes = disk.len(&file)?;
        if bytes == header.bytes { Ok(header) } else { Err(damaged(bytes.min(header.bytes), Damage::Length)) }
    }
}

/// One frame of a small file.
pub(crate) fn framed(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len().saturating_add(frame::HEADER_BYTES));
    // A header or a slot is never empty and never near the bound.
    let appended = frame::append(&mut bytes, payload);
    debug_assert!(appended.is_ok());
    bytes
}

/// Takes `N` bytes from the front.
pub(crate) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (front, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*front)
}

/// What stands at a place in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A batch that follows the one before.
    Batch(Found),
    /// Zeros where a header would be, or the segment's end.
    End,
    /// Something else.
    Bad(Damage),
}

/// A batch that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub offset: u64,
    pub bytes: u64,
    pub count: u32,
}

/// Walks over the batches of one segment, checking each.
#[derive(Debug)]
pub(crate) struct Walk<F> {
    file: F,
    pub header: Header,
    /// Where the next batch begins.
    pub offset: u64,
    /// The end of the chain before that.
    pub head: Head,
    window: Vec<u8>,
    window_offset: u64,
}

impl<F> Walk<F> {
    pub fn open<D: Disk<File = F>>(disk: &D, header: Header) -> Result<Self, LogError> {
        let file = disk.open(&header.name().to_string())?;
        let (offset, head) = (HEADER_BYTES, header.before);
        Ok(Self { file, header, offset, head, window: Vec::new(), window_offset: offset })
    }

    /// Looks at the next place; goes past it only when it is a batch.
    pub fn step<D: Disk<File = F>>(&mut self, disk: &D) -> Result<Step, LogError> {
        self.fill(disk, wide(frame::HEADER_BYTES))?;
        if let Some(stated) = frame::stated_length(self.front()) {
            let bytes = wide(stated.saturating_add(frame::HEADER_BYTES));
            if bytes > self.header.bytes.saturating_sub(self.offset) {
                return Ok(Step::Bad(Damage::Checksum));
            }
            self.fill(disk, bytes)?;
        }
        let (payload, size) = match frame::read_with(batch::checksum, self.front()) {
            Frame::Record { payload, size } => (payload, size),
            Frame::End => return Ok(Step::End),
            Frame::Damaged => return Ok(Step::Bad(Damage::Checksum)),
        };
        let view = View::parse(payload);
        let Some((head, count)) =
            view.and_then(|view| Some((view.head_after(&self.head, batch::hash(payload))?, view.count)))
        else {
            return Ok(Step::Bad(Damage::Chain));
        };
        let found = Found { offset: self.offset, bytes: wide(size), count };
        self.head = head;
        self.offset = self.offset.saturating_add(found.bytes);
        Ok(Step::Batch(found))
    }

    /// The encoded batch that the last step found.
    pub fn encoded(&self, found: &Found) -> &[u8] {
        let begin = narrow(found.offset.saturating_sub(self.window_offset));
        let end = begin.saturating_add(narrow(found.bytes));
        self.window.get(begin.saturating_add(frame::HEADER_BYTES)..end).unwrap_or_default()
    }

    fn front(&self) -> &[u8] {
        self.window.get(narrow(self.offset.saturating_sub(self.window_offset))..).unwrap_or_default()
    }

    /// Has the window hold `bytes` bytes from the present offset, or what the segment has of them.
    fn fill<D: Disk<File = F>>(&mut self, disk: &D, bytes: u64) -> Result<(), LogError> {
        let left = self.header.bytes.saturating_sub(self.offset);
        if wide(self.front().len()) >= bytes.min(left) {
            return Ok(());
        }
        self.window.resize(narrow(bytes.max(WINDOW_BYTES).min(left)), 0);
        self.window_offset = self.offset;
        let read = disk.read(&self.file, self.offset, &mut self.window)?;
        if read < self.window.len() {
            let offset = self.offset.saturating_add(wide(read));
            return Err(LogError::Damaged { file: self.header.file(), offset, damage: Damage::Length });
        }
        Ok(())
    }

    /// All bytes from the present offset to the last one in the segment that is not zero.
    pub fn rest<D: Disk<File = F>>(&self, disk: &D) -> Result<Vec<u8>, LogError> {
        let mut end = self.offset;
        let mut at = self.offset;
        let mut window = Vec::new();
        while at < self.header.bytes {
            window.resize(narrow(WINDOW_BYTES.min(self.header.bytes - at)), 0);
            disk.read(&self.file, at, &mut window)?;
            if let Some(last) = last_nonzero(&window) {
                end = at.saturating_add(wide(last)).saturating_add(1);
            }
            at = at.saturating_add(wide(window.len()));
        }
        let mut rest = vec![0; narrow(end - self.offset)];
        disk.read(&self.file, self.offset, &mut rest)?;
        Ok(rest)
    }
}

fn last_nonzero(bytes: &[u8]) -> Option<usize> {
    // Whole blocks first: the compiler makes wide compares of them.
    let (blocks, _) = bytes.as_chunks::<4096>();
    let zero_blocks =
        blocks.iter().rev().take_while(|block| block.iter().fold(0, |or, byte| or | byte) == 0).count();
    let tail = bytes.len() % 4096;
    let tail_zero = bytes.iter().rev().take(tail).all(|&byte| byte == 0);
    let skip = if tail_zero { tail.saturating_add(zero_blocks.saturating_mul(4096)) } else { 0 };
    let upto = bytes.len().saturating_sub(skip);
    bytes.get(..upto)?.iter().rposition(|&byte| byte != 0)
}

/// Whether a later batch stands whole somewhere in the bytes that begin with a bad one, which was to hold record `expected`: then that was once whole too.
///
/// The bad one's own length is not trusted. So a torn batch with a record that looks like a batch of just these numbers is taken for damage: it fails closed.
pub(crate) fn is_followed(rest: &[u8], expected: u64) -> bool {
    let plausible = expected..=expected.saturating_add(wide(rest.len()));
    (1..rest.len()).filter_map(|offset| rest.get(offset..)).any(|candidate| {
        let sequence = candidate.get(SEQUENCE_AT..).and_then(|bytes| bytes.first_chunk());
        sequence.is_some_and(|bytes| plausible.contains(&u64::from_le_bytes(*bytes))) && is_batch(candidate)
    })
}

/// Where a framed batch has its first sequence number.
const SEQUENCE_AT: usize = frame::HEADER_BYTES + 32;

fn is_batch(bytes: &[u8]) -> bool {
    match frame::read_with(batch::checksum, bytes) {
        Frame::Record { payload, .. } => View::parse(payload).is_some(),
        Frame::End | Frame::Damaged => false,
    }
}
