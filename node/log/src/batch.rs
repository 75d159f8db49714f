//! One batch, the unit that is written, synced and hashed: `[previous hash 32][first sequence u64][at ms u64][records u32]` and per record `[len u32][bytes]`,
//! all numbers little-endian.
//!
//! **Invariant:** a batch's hash is BLAKE3 over its whole encoding, which begins with the hash of the batch before; so a hash fixes all that went before it.
use crc_fast::{CrcAlgorithm, Digest};
use symbolon_state::frame;

symbolon_types::identifier! {
    /// The BLAKE3 hash of a batch, and with it of everything before the batch.
    pub struct BatchHash([u8; 32]);
}

impl BatchHash {
    /// What the first batch has before it.
    pub const ZERO: Self = Self([0; 32]);
}

/// Bytes before the first record.
pub(crate) const PREFIX_BYTES: usize = 52;

/// The end of a chain of batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last record's sequence number; 0 when there was none yet.
    pub sequence: u64,
    /// The last batch's hash.
    pub hash: BatchHash,
    /// The last batch's time, in ms since the Unix epoch.
    pub at_ms: u64,
}

impl Head {
    /// Before the first batch.
    pub const START: Self = Self { sequence: 0, hash: BatchHash::ZERO, at_ms: 0 };
}

/// A batch read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The sequence number of its first record, or of the next one where it has none.
    pub first_sequence: u64,
    /// Its time, in ms since the Unix epoch.
    pub at_ms: u64,
    /// Its hash.
    pub hash: BatchHash,
    /// The hash of the batch before.
    pub previous: BatchHash,
    count: u32,
    encoded: Vec<u8>,
}

impl Batch {
    pub(crate) fn new(view: &View<'_>, hash: BatchHash, encoded: &[u8]) -> Self {
        let View { previous, first_sequence, at_ms, count, .. } = *view;
        Self { first_sequence, at_ms, hash, previous, count, encoded: encoded.to_vec() }
    }

    /// How many records it has; 0 in a batch that only carries a time.
    #[must_use]
    pub fn count(&self) -> u64 {
        u64::from(self.count)
    }

    /// The sequence number of its last record; that of the record before where it has none.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.first_sequence.saturating_add(self.count()).saturating_sub(1)
    }

    /// The end of the chain after it.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { sequence: self.last_sequence(), hash: self.hash, at_ms: self.at_ms }
    }

    /// Its records with their sequence numbers, in order.
    pub fn records(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let mut rest = self.encoded.get(PREFIX_BYTES..).unwrap_or_default();
        let records = core::iter::from_fn(move || take_record(&mut rest));
        (self.first_sequence..).zip(records)
    }
}

/// The parts of an encoded batch whose shape is right; nothing is said of its place in the chain.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub previous: BatchHash,
    pub first_sequence: u64,
    pub at_ms: u64,
    pub count: u32,
    records: &'a [u8],
}

impl<'a> View<'a> {
    pub fn parse(encoded: &'a [u8]) -> Option<Self> {
        let (previous, rest) = encoded.split_first_chunk::<32>()?;
        let (first_sequence, rest) = rest.split_first_chunk::<8>()?;
        let (at_ms, rest) = rest.split_first_chunk::<8>()?;
        let (count, records) = rest.split_first_chunk::<4>()?;
        let view = Self {
            previous: BatchHash(*previous),
            first_sequence: u64::from_le_bytes(*first_sequence),
            at_ms: u64::from_le_bytes(*at_ms),
            count: u32::from_le_bytes(*count),
            records,
        };
        view.has_its_records().then_some(view)
    }

    fn has_its_records(&self) -> bool {
        let mut rest = self.records;
        (0..self.count).all(|_| take_record(&mut rest).is_some()) && rest.is_empty()
    }

    /// The end of the chain after it, when it follows `before`.
    pub fn head_after(&self, before: &Head, hash: BatchHash) -> Option<Head> {
        let follows = self.previous == before.hash
            && Some(self.first_sequence) == before.sequence.checked_add(1)
            && self.at_ms >= before.at_ms;
        let sequence = before.sequence.checked_add(u64::from(self.count))?;
        follows.then_some(Head { sequence, hash, at_ms: self.at_ms })
    }
}

fn take_record<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (len, after) = rest.split_first_chunk::<4>()?;
    let (record, after) = after.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)?;
    *rest = after;
    Some(record)
}

/// How much is encoded before it is summed.
const SUMMED_BYTES: usize = 32 * 1024;

/// The bytes that the framed batch will take; `None` when no frame takes that many.
pub(crate) fn framed_bytes(records: &[&[u8]]) -> Option<usize> {
    u32::try_from(records.len()).ok()?;
    let payload =
        records.iter().try_fold(PREFIX_BYTES, |sum, record| sum.checked_add(4)?.checked_add(record.len()))?;
    (payload <= frame::PAYLOAD_BYTES_MAX).then_some(payload + frame::HEADER_BYTES)
}

/// Encodes and frames the batch that follows `before` into the buffer, whose room is used again; its last sequence number, or `None` when [`framed_bytes`] says so.
pub(crate) fn frame_into(buffer: &mut Vec<u8>, before: &Head, at_ms: u64, records: &[&[u8]]) -> Option<u64> {
    let count = u32::try_from(records.len()).ok()?;
    buffer.clear();
    buffer.reserve(framed_bytes(records)?);
    buffer.extend_from_slice(&[0; frame::HEADER_BYTES]);
    buffer.extend_from_slice(before.hash.as_bytes());
    buffer.extend_from_slice(&before.sequence.checked_add(1)?.to_le_bytes());
    buffer.extend_from_slice(&at_ms.to_le_bytes());
    buffer.extend_from_slice(&count.to_le_bytes());
    let mut summed = frame::HEADER_BYTES;
    let len = u32::try_from(framed_bytes(records)?.checked_sub(frame::HEADER_BYTES)?).ok()?.to_le_bytes();
    let mut crc = checksum(0, &len);
    for record in records {
        buffer.extend_from_slice(&u32::try_from(record.len()).ok()?.to_le_bytes());
        buffer.extend_from_slice(record);
        // While the processor still has the bytes at hand.
        if buffer.len() - summed >= SUMMED_BYTES {
            crc = checksum(crc, buffer.get(summed..)?);
            summed = buffer.len();
        }
    }
    crc = checksum(crc, buffer.get(summed..)?);
    let header = len.into_iter().chain(crc.to_le_bytes());
    buffer.iter_mut().zip(header).for_each(|(byte, value)| *byte = value);
    before.sequence.checked_add(u64::from(count))
}

/// The hash of an encoded batch.
pub(crate) fn hash(encoded: &[u8]) -> BatchHash {
    BatchHash(*blake3::hash(encoded).as_bytes())
}

/// The hash of a framed batch.
pub(crate) fn hash_framed(framed: &[u8]) -> BatchHash {
    hash(framed.get(frame::HEADER_BYTES..).unwrap_or_default())
}

/// CRC-32C by the processor's vectors: the checksum of [`frame`], continued from `crc`.
pub(crate) fn checksum(crc: u32, bytes: &[u8]) -> u32 {
    let mut digest = Digest::new_with_init_state(CrcAlgorithm::Crc32Iscsi, u64::from(!crc));
    digest.update(bytes);
    u32::try_from(digest.finalize()).unwrap_or(0)
}
