//! Which batch was acknowledged last: a file of two slots, written in turn after each sync of the log and itself not synced.
//!
//! While the operating system lives the file is exact. After a power cut it may be some seconds old, which only means that less of the tail is known to have been
//! acknowledged; or both slots may be torn, which is said and not guessed around.
use crate::batch::{BatchHash, Head};
use crate::segment::{framed, take};
use crate::{Disk, DiskError, LogError};
use symbolon_state::frame::{self, Frame};

pub(crate) const NAME: &str = "pointer";
const NEW: &str = "pointer.new";

/// Each slot has a page of its own.
const SLOT_BYTES: u64 = 4096;

/// An acknowledged batch and where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    /// The segment's place in the order of segments.
    pub segment: u64,
    /// Where the batch ends in it.
    pub end: u64,
    pub head: Head,
}

impl Acknowledged {
    fn encode(&self) -> Vec<u8> {
        let mut payload = self.head.sequence.to_le_bytes().to_vec();
        payload.extend(self.head.hash.as_bytes());
        payload.extend(self.head.at_ms.to_le_bytes());
        payload.extend(self.segment.to_le_bytes());
        payload.extend(self.end.to_le_bytes());
        framed(&payload)
    }

    fn decode(slot: &[u8]) -> Option<Self> {
        let Frame::Record { payload, .. } = frame::read(slot) else { return None };
        let mut rest = payload;
        let sequence = u64::from_le_bytes(take(&mut rest)?);
        let hash = BatchHash(take(&mut rest)?);
        let mut number = || take(&mut rest).map(u64::from_le_bytes);
        let (at_ms, segment, end) = (number()?, number()?, number()?);
        rest.is_empty().then_some(Self { segment, end, head: Head { sequence, hash, at_ms } })
    }
}

/// What the pointer file was found to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// There is none.
    Absent,
    /// Neither slot can be read.
    Bad,
    /// The newer of its slots.
    Held(Acknowledged),
}

/// Reads the pointer file.
pub(crate) fn read<D: Disk>(disk: &D) -> Result<Read, LogError> {
    let file = match disk.open(NAME) {
        Err(DiskError::Absent) => return Ok(Read::Absent),
        file => file?,
    };
    let mut newest: Option<Acknowledged> = None;
    for offset in [0, SLOT_BYTES] {
        let mut slot = [0; 128];
        disk.read(&file, offset, &mut slot)?;
        let found = Acknowledged::decode(&slot);
        newest = newest.into_iter().chain(found).max_by_key(|slot| (slot.segment, slot.end));
    }
    Ok(newest.map_or(Read::Bad, Read::Held))
}

/// The pointer file, open for writing.
#[derive(Debug)]
pub(crate) struct Pointer<F> {
    file: F,
    next_slot_offset: u64,
}

impl<F> Pointer<F> {
    /// Makes the file anew, durably, with one slot written.
    pub fn create<D: Disk<File = F>>(disk: &D, acknowledged: &Acknowledged) -> Result<Self, DiskError> {
        let file = disk.create(NEW)?;
        disk.allocate(&file, 0, SLOT_BYTES.saturating_mul(2))?;
        disk.write_at(&file, 0, &acknowledged.encode())?;
        disk.sync(&file)?;
        disk.rename(NEW, NAME)?;
        Ok(Self { file, next_slot_offset: SLOT_BYTES })
    }

    /// Writes the older slot, without a sync.
    pub fn write<D: Disk<File = F>>(
        &mut self,
        disk: &D,
        acknowledged: &Acknowledged,
    ) -> Result<(), DiskError> {
        disk.write_at(&self.file, self.next_slot_offset, &acknowledged.encode())?;
        self.next_slot_offset = SLOT_BYTES.saturating_sub(self.next_slot_offset);
        Ok(())
    }
}
