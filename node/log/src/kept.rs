//! What is kept of archived segments: the end of the chain before the first segment still present.
use crate::batch::{BatchHash, Head};
use crate::segment::{framed, take};
use crate::{Damage, Disk, DiskError, LogError, LogFile};
use symbolon_state::frame::{self, Frame};

pub(crate) const NAME: &str = "kept";
const NEW: &str = "kept.new";
const BYTES: usize = 8 + 8 + 8 + 32 + 8;

/// Where the chain begins that is present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The first segment present, from 1.
    pub segment: u64,
    /// The end of the chain before it.
    pub before: Head,
}

impl Kept {
    /// Nothing has been archived.
    pub const START: Self = Self { segment: 1, before: Head::START };

    fn encode(&self) -> Vec<u8> {
        let mut payload = self.segment.to_le_bytes().to_vec();
        payload.extend(self.before.sequence.to_le_bytes());
        payload.extend(self.before.hash.as_bytes());
        payload.extend(self.before.at_ms.to_le_bytes());
        framed(&payload)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let Frame::Record { payload, size } = frame::read(bytes) else { return None };
        let mut rest = payload;
        let mut number = || take(&mut rest).map(u64::from_le_bytes);
        let (segment, sequence) = (number()?, number()?);
        let hash = BatchHash(take(&mut rest)?);
        let at_ms = u64::from_le_bytes(take(&mut rest)?);
        let whole = rest.is_empty() && size == bytes.len();
        whole.then_some(Self { segment, before: Head { sequence, hash, at_ms } })
    }

    /// Reads the file; `None` where nothing has been archived.
    pub fn read<D: Disk>(disk: &D) -> Result<Option<Self>, LogError> {
        let file = match disk.open(NAME) {
            Err(DiskError::Absent) => return Ok(None),
            file => file?,
        };
        // One byte more than there should be, so that a longer file is seen.
        let mut bytes = [0; BYTES + 1];
        let read = disk.read(&file, 0, &mut bytes)?;
        let damaged = LogError::Damaged { file: LogFile::Kept, offset: 0, damage: Damage::Header };
        bytes.get(..read).and_then(Self::decode).map(Some).ok_or(damaged)
    }

    /// Writes the file, durably, whole or not at all.
    pub fn write<D: Disk>(&self, disk: &D) -> Result<(), DiskError> {
        let file = disk.create(NEW)?;
        disk.write_at(&file, 0, &self.encode())?;
        disk.sync(&file)?;
        disk.rename(NEW, NAME)
    }
}
