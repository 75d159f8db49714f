//! What is on the disk: found, checked and judged, with nothing changed. Opening repairs what this allows to be repaired; verifying only reports it.
//!
//! ```text
//!   first bad place ── at or below the pointer ──────────► Damaged
//!        │             followed by a good batch ─────────► Damaged
//!        │             not in the last segment ──────────► Damaged
//!        └─ above it ─ pointer held, or its loss accepted ► Torn (may be cut)
//!                      pointer lost ─────────────────────► Ambiguous
//! ```
//! **Invariant:** only what cannot have been acknowledged is ever called torn.
use crate::batch::Head;
use crate::kept::Kept;
use crate::pointer::{self, Acknowledged, Read};
use crate::segment::{Found, HEADER_BYTES, Header, Step, Walk, is_followed};
use crate::{Damage, Disk, LogError, LogFile, SegmentName};

/// The end of a write that a power cut or a crash has stopped, never acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The last segment.
    pub file: SegmentName,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// How many bytes it takes.
    pub bytes: u64,
}

/// What the pointer file said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointerState {
    /// It was there and agrees with the log.
    Held {
        /// The sequence number that it knew to be acknowledged; behind the log's end after a power cut.
        sequence: u64,
    },
    /// It is gone or neither slot can be read: the log ends where its records end, and whether more was acknowledged cannot be known.
    Lost,
    /// The log is new.
    New,
}

/// How to look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    /// Check every segment, not only from the pointer's on.
    pub whole: bool,
    /// Take a bad tail for torn although the pointer is lost.
    pub accept_lost_pointer: bool,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Survey {
    /// All segments present, in order; at least one.
    pub segments: Vec<Header>,
    /// The end of the chain.
    pub head: Head,
    /// Where the next batch goes in the last segment.
    pub tail: u64,
    /// The last batch, where it is in the last segment.
    pub last: Option<Found>,
    pub torn: Option<Torn>,
    pub pointer: PointerState,
    /// Batches and records in the segments that were looked at.
    pub batches: u64,
    pub records: u64,
}

/// Looks at the disk; `None` where there is no log yet.
pub(crate) fn survey<D: Disk>(disk: &D, scope: Scope) -> Result<Option<Survey>, LogError> {
    let kept = Kept::read(disk)?;
    let found = pointer::read(disk)?;
    let first = kept.unwrap_or(Kept::START);
    let names = segment_names(disk, first.segment)?;
    if names.is_empty() {
        return nothing_yet(kept, found);
    }
    let segments = headers(disk, &names, &first)?;
    let acknowledged = match found {
        Read::Held(acknowledged) => Some(acknowledged),
        Read::Absent | Read::Bad => None,
    };
    let begin = if scope.whole { 0 } else { segments.len().saturating_sub(1) };
    let begin = match acknowledged {
        Some(acknowledged) => begin.min(position(&segments, acknowledged.segment)?),
        None => begin,
    };
    Surveyor::new(acknowledged, &first).run(disk, segments, begin, scope.accept_lost_pointer).map(Some)
}

/// The segments from number `first` on, in order, none missing between.
fn segment_names<D: Disk>(disk: &D, first: u64) -> Result<Vec<SegmentName>, LogError> {
    let mut names: Vec<_> = disk.list()?.iter().filter_map(|name| SegmentName::parse(name)).collect();
    names.retain(|name| name.index >= first);
    names.sort_unstable();
    for (name, index) in names.iter().zip(first..) {
        if name.index > index {
            return Err(LogError::Missing { segment: index });
        }
        if name.index < index {
            let file = LogFile::Segment(*name);
            return Err(LogError::Damaged { file, offset: 0, damage: Damage::Header });
        }
    }
    Ok(names)
}

fn nothing_yet(kept: Option<Kept>, found: Read) -> Result<Option<Survey>, LogError> {
    match (kept, found) {
        (None, Read::Absent) => Ok(None),
        // Making the log was cut between the pointer and the first segment.
        (None, Read::Held(acknowledged)) if acknowledged == NOTHING => Ok(None),
        (_, Read::Bad) => {
            Err(LogError::Damaged { file: LogFile::Pointer, offset: 0, damage: Damage::Header })
        }
        (kept, _) => Err(LogError::Missing { segment: kept.unwrap_or(Kept::START).segment }),
    }
}

/// What the pointer of a new log says.
pub(crate) const NOTHING: Acknowledged = Acknowledged { segment: 1, end: HEADER_BYTES, head: Head::START };

fn headers<D: Disk>(disk: &D, names: &[SegmentName], first: &Kept) -> Result<Vec<Header>, LogError> {
    let headers: Vec<Header> =
        names.iter().map(|name| Header::read(disk, *name)).collect::<Result<_, _>>()?;
    match headers.first() {
        Some(header) if header.before != first.before => {
            Err(LogError::Damaged { file: header.file(), offset: 0, damage: Damage::Chain })
        }
        _ => Ok(headers),
    }
}

/// Where the segment of that number stands; an archived one counts as the first.
fn position(segments: &[Header], segment: u64) -> Result<usize, LogError> {
    let below = segments.iter().take_while(|header| header.index < segment).count();
    if below == segments.len() { Err(LogError::Missing { segment }) } else { Ok(below) }
}

struct Surveyor {
    acknowledged: Option<Acknowledged>,
    /// The acknowledged end was passed, or is not to be looked for.
    reached: bool,
    batches: u64,
    records: u64,
    last: Option<Found>,
}

impl Surveyor {
    fn new(acknowledged: Option<Acknowledged>, first: &Kept) -> Self {
        let reached = acknowledged.is_none_or(|acknowledged| acknowledged.segment < first.segment);
        Self { acknowledged, reached, batches: 0, records: 0, last: None }
    }

    fn run<D: Disk>(
        mut self,
        disk: &D,
        segments: Vec<Header>,
        begin: usize,
        accept_lost_pointer: bool,
    ) -> Result<Survey, LogError> {
        for pair in segments.get(begin..).unwrap_or_default().windows(2) {
            if let [header, next] = pair {
                let mut walk = Walk::open(disk, *header)?;
                let stop = self.walk(disk, &mut walk)?;
                full_segment(disk, &walk, stop, next)?;
            }
        }
        let last = *segments.last().ok_or(LogError::Missing { segment: 1 })?;
        let mut walk = Walk::open(disk, last)?;
        let stop = self.walk(disk, &mut walk)?;
        let torn = self.tail(disk, &walk, stop, accept_lost_pointer)?;
        let (head, tail) = (walk.head, walk.offset);
        Ok(self.survey(segments, head, tail, torn))
    }

    fn survey(self, segments: Vec<Header>, head: Head, tail: u64, torn: Option<Torn>) -> Survey {
        let pointer = self.acknowledged.map_or(PointerState::Lost, |acknowledged| PointerState::Held {
            sequence: acknowledged.head.sequence,
        });
        let Self { batches, records, last, .. } = self;
        Survey { segments, head, tail, last, torn, pointer, batches, records }
    }

    /// Walks to the first place that is no batch, and says what is there instead.
    fn walk<D: Disk>(&mut self, disk: &D, walk: &mut Walk<D::File>) -> Result<Step, LogError> {
        self.last = None;
        loop {
            self.reach(walk)?;
            match walk.step(disk)? {
                Step::Batch(found) => {
                    self.batches = self.batches.saturating_add(1);
                    self.records = self.records.saturating_add(u64::from(found.count));
                    self.last = Some(found);
                }
                stop => return self.pointer_is_reached(walk, stop).map(|()| stop),
            }
        }
    }

    /// Compares the chain with the pointer where the pointer points.
    fn reach<F>(&mut self, walk: &Walk<F>) -> Result<(), LogError> {
        let here = |acknowledged: &Acknowledged| {
            (acknowledged.segment, acknowledged.end) == (walk.header.index, walk.offset)
        };
        match self.acknowledged.filter(here) {
            Some(acknowledged) if acknowledged.head != walk.head => {
                Err(damaged(walk, walk.offset, Damage::Chain))
            }
            Some(_) => {
                self.reached = true;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// What was acknowledged in this segment must stand before the place where it stops.
    fn pointer_is_reached<F>(&self, walk: &Walk<F>, stop: Step) -> Result<(), LogError> {
        let Some(acknowledged) = self.acknowledged.filter(|_| !self.reached) else { return Ok(()) };
        if acknowledged.segment != walk.header.index {
            return Ok(());
        }
        match stop {
            _ if walk.offset > acknowledged.end => Err(damaged(walk, acknowledged.end, Damage::Chain)),
            Step::Bad(damage) => Err(damaged(walk, walk.offset, damage)),
            Step::Batch(_) | Step::End => Err(damaged(walk, walk.offset, Damage::Absent)),
        }
    }

    /// Judges what follows the last good batch of the last segment.
    fn tail<D: Disk>(
        &self,
        disk: &D,
        walk: &Walk<D::File>,
        stop: Step,
        accept_lost_pointer: bool,
    ) -> Result<Option<Torn>, LogError> {
        let damage = match stop {
            // Its checksum holds, so it was written whole, but not here.
            Step::Bad(Damage::Chain) => return Err(damaged(walk, walk.offset, Damage::Chain)),
            Step::Bad(damage) => damage,
            Step::Batch(_) | Step::End => Damage::Absent,
        };
        let rest = walk.rest(disk)?;
        if rest.is_empty() {
            return Ok(None);
        }
        if is_followed(&rest, walk.head.sequence.saturating_add(1)) {
            return Err(damaged(walk, walk.offset, damage));
        }
        if self.acknowledged.is_none() && !accept_lost_pointer {
            return Err(LogError::Ambiguous { file: walk.header.file(), offset: walk.offset });
        }
        let bytes = crate::disk::wide(rest.len());
        Ok(Some(Torn { file: walk.header.name(), offset: walk.offset, bytes }))
    }
}

/// A segment that another follows ends in zeros, at the chain's end that the next one names.
fn full_segment<D: Disk>(disk: &D, walk: &Walk<D::File>, stop: Step, next: &Header) -> Result<(), LogError> {
    match stop {
        Step::Bad(damage) => Err(damaged(walk, walk.offset, damage)),
        _ if next.before != walk.head => Err(damaged(walk, walk.offset, Damage::Absent)),
        _ if !walk.rest(disk)?.is_empty() => Err(damaged(walk, walk.offset, Damage::NotZero)),
        _ => Ok(()),
    }
}

pub(crate) fn damaged<F>(walk: &Walk<F>, offset: u64, damage: Damage) -> LogError {
    LogError::Damaged { file: walk.header.file(), offset, damage }
}

/// What an audit of the whole chain found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Batches present.
    pub batches: u64,
    /// Records present.
    pub records: u64,
    /// The first sequence number present; above 1 when segments have been archived.
    pub first_sequence: u64,
    /// The end of the chain before the first batch present.
    pub before: Head,
    /// The end of the chain: last sequence number, hash and time.
    pub head: Head,
    /// Segments present.
    pub segments: usize,
    /// What the pointer said.
    pub pointer: PointerState,
    /// A torn tail, which opening would cut.
    pub torn: Option<Torn>,
}

impl Verified {
    pub(crate) fn of(survey: &Survey) -> Self {
        let before = survey.segments.first().map_or(Head::START, |header| header.before);
        Self {
            batches: survey.batches,
            records: survey.records,
            first_sequence: before.sequence.saturating_add(1),
            before,
            head: survey.head,
            segments: survey.segments.len(),
            pointer: survey.pointer,
            torn: survey.torn,
        }
    }
}
