//! Reading batches back, in order, over all segments.
//!
//! **Invariant:** every batch that is given has matched its checksum and followed the one before; after an error nothing more is given.
use crate::batch::{Batch, BatchHash, View};
use crate::segment::{Header, Step, Walk};
use crate::survey::damaged;
use crate::{Damage, Disk, LogError};

/// The batches of a log from some point on.
#[derive(Debug)]
pub struct Batches<'a, D: Disk> {
    disk: &'a D,
    /// Those after the one that is walked.
    segments: core::slice::Iter<'a, Header>,
    walk: Option<Walk<D::File>>,
    /// Where the last segment's acknowledged batches end.
    tail: u64,
    sequence: u64,
}

impl<'a, D: Disk> Batches<'a, D> {
    pub(crate) fn from(disk: &'a D, all: &'a [Header], tail: u64, sequence: u64) -> Result<Self, LogError> {
        let first_sequence = all.first().map_or(1, |header| header.name().first_sequence);
        if sequence < first_sequence {
            return Err(LogError::Archived { first_sequence });
        }
        // Batches without records may stand at the end of the segment before the one that is named by the sequence.
        let below = all.iter().take_while(|header| header.name().first_sequence < sequence).count();
        let mut segments = all.get(below.saturating_sub(1)..).unwrap_or_default().iter();
        let walk = segments.next().map(|header| Walk::open(disk, *header)).transpose()?;
        Ok(Self { disk, segments, walk, tail, sequence })
    }

    pub(crate) fn after(
        disk: &'a D,
        all: &'a [Header],
        tail: u64,
        sequence: u64,
        hash: BatchHash,
    ) -> Result<Self, LogError> {
        let first_sequence = all.first().map_or(1, |header| header.name().first_sequence);
        let next = sequence.saturating_add(1);
        let begins = all
            .first()
            .is_some_and(|header| (header.before.sequence, header.before.hash) == (sequence, hash));
        if begins {
            return Self::from(disk, all, tail, next);
        }
        if next < first_sequence {
            return Err(LogError::Archived { first_sequence });
        }
        let mut batches = Self::from(disk, all, tail, sequence.max(first_sequence))?;
        while let Some(batch) = batches.next().transpose()? {
            if (batch.last_sequence(), batch.hash) == (sequence, hash) {
                return Ok(batches);
            }
            if batch.last_sequence() > sequence {
                break;
            }
        }
        Err(LogError::NotInLog)
    }

    /// The next batch, whichever sequence number it has.
    fn step(&mut self) -> Result<Option<Batch>, LogError> {
        while let Some(walk) = &mut self.walk {
            let is_last = self.segments.as_slice().is_empty();
            if is_last && walk.offset >= self.tail {
                return Ok(None);
            }
            match walk.step(self.disk)? {
                Step::Batch(found) => {
                    let encoded = walk.encoded(&found);
                    return Ok(View::parse(encoded).map(|view| Batch::new(&view, walk.head.hash, encoded)));
                }
                Step::Bad(damage) => return Err(damaged(walk, walk.offset, damage)),
                Step::End => match self.segments.next() {
                    Some(next) if next.before == walk.head => *walk = Walk::open(self.disk, *next)?,
                    _ => return Err(damaged(walk, walk.offset, Damage::Absent)),
                },
            }
        }
        Ok(None)
    }
}

impl<D: Disk> Iterator for Batches<'_, D> {
    type Item = Result<Batch, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.step() {
                Ok(Some(batch))
                    if batch.first_sequence < self.sequence && batch.last_sequence() < self.sequence => {}
                Ok(batch) => return batch.map(Ok),
                Err(error) => {
                    self.walk = None;
                    return Some(Err(error));
                }
            }
        }
    }
}
