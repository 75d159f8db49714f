//! What lasts on a device: records appended to one of two banks, and a counter that only rises.
//!
//! ```text
//!   bank:  G(generation) R* C R*          each a frame of [kind u8][index u32 LE][data]; C commits what stands before it
//!
//!   active bank ── append ──► one more R
//!        └──────── compact ─► G+1 R* C into the other bank, durable ──► erase this one ──► the other is active
//!   open: a committed bank wins; of two the newer; a torn tail is left behind by compacting; all else is FlashError::Damaged
//! ```
//! **Invariant:** what [`Records::append`] or [`Records::compact`] has returned from is what the next [`Records::open`] gives, after a cut at any point;
//! what they did not return from is there whole or not at all.
use crate::frame::{self, Frame};
use alloc::vec::Vec;
use core::mem;

/// One of the two banks of a [`Flash`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bank {
    /// The first.
    A,
    /// The second.
    B,
}

impl Bank {
    /// The one that this is not.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// Why the medium could not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlashError {
    /// The medium failed or is gone (also: its power was cut).
    Medium,
    /// There is no room left.
    Full,
    /// What was read back is not what was written.
    Damaged,
    /// The counter does not go back.
    Counter,
}

/// A medium with two banks. What [`Flash::append`] has returned from is durable; a cut in between leaves any prefix of the bytes.
pub trait Flash {
    /// Appends bytes to the bank, durable on return.
    ///
    /// # Errors
    /// [`FlashError`]; after one, the bank's tail is unknown until it is read again.
    fn append(&mut self, bank: Bank, bytes: &[u8]) -> Result<(), FlashError>;

    /// All bytes of the bank.
    ///
    /// # Errors
    /// [`FlashError::Medium`].
    fn read(&self, bank: Bank) -> Result<Vec<u8>, FlashError>;

    /// Empties the bank, durable on return; a cut in between leaves it as it was or empty.
    ///
    /// # Errors
    /// [`FlashError::Medium`].
    fn erase(&mut self, bank: Bank) -> Result<(), FlashError>;
}

/// A counter that only rises, kept apart from the flash, so that an old image of the flash is recognised.
pub trait Counter {
    /// The value, 0 on a new device.
    ///
    /// # Errors
    /// [`FlashError::Medium`].
    fn value(&self) -> Result<u64, FlashError>;

    /// Raises the counter to `value`, durable on return.
    ///
    /// # Errors
    /// [`FlashError::Counter`] when `value` is not above the present one; [`FlashError::Medium`].
    fn advance(&mut self, value: u64) -> Result<(), FlashError>;
}

/// The longest record, in bytes.
pub const RECORD_BYTES_MAX: usize = frame::PAYLOAD_BYTES_MAX - PREFIX_BYTES;

const PREFIX_BYTES: usize = 5;
const GENERATION: u8 = b'G';
const RECORD: u8 = b'R';
const COMMIT: u8 = b'C';
const FIRST_GENERATION: u64 = 1;

/// A list of records that lasts.
#[derive(Debug)]
pub struct Records<F> {
    flash: F,
    bank: Bank,
    generation: u64,
    /// The index of the next frame in the bank.
    index: u32,
    bytes_used: usize,
    /// A write failed, so the tail is unknown until it is read again.
    ended: bool,
}

impl<F: Flash> Records<F> {
    /// Opens the list and returns its records, oldest first; an empty flash becomes an empty list. A torn tail is cut, by compacting.
    ///
    /// # Errors
    /// [`FlashError::Damaged`] when anything but the tail of the last write cannot be read back; [`FlashError::Medium`] and
    /// [`FlashError::Full`] from the flash. Nothing is erased that has not been copied.
    pub fn open(flash: F) -> Result<(Self, Vec<Vec<u8>>), FlashError> {
        let (a, b) = (Held::parse(&flash.read(Bank::A)?)?, Held::parse(&flash.read(Bank::B)?)?);
        let (bank, held, stale) = match (a.committed, b.committed) {
            (false, false) => return Self::begin(flash, &a, &b),
            (true, true) if follows(&a, &b) => (Bank::B, b, true),
            (true, true) if follows(&b, &a) => (Bank::A, a, true),
            (true, false) if b.may_be_cut_successor_of(&a) => (Bank::A, a, b.bytes_seen > 0),
            (false, true) if a.may_be_cut_successor_of(&b) => (Bank::B, b, a.bytes_seen > 0),
            _ => return Err(FlashError::Damaged),
        };
        let generation = held.generation.ok_or(FlashError::Damaged)?;
        let mut list =
            Self { flash, bank, generation, index: held.index, bytes_used: held.bytes, ended: false };
        if stale {
            list.flash.erase(bank.other())?;
        }
        if held.torn {
            list.compact(held.records.iter().map(Vec::as_slice))?;
        }
        Ok((list, held.records))
    }

    /// Adds one record, durable on return. It may be empty.
    ///
    /// # Errors
    /// [`FlashError`]; [`FlashError::Full`] also for a record longer than [`RECORD_BYTES_MAX`], which is not written. After any other failure the
    /// record may or may not be there, and everything answers [`FlashError::Medium`] until the list is opened anew.
    pub fn append(&mut self, record: &[u8]) -> Result<(), FlashError> {
        let next = self.index.checked_add(1).ok_or(FlashError::Full)?;
        let mut bytes = Vec::new();
        frame_into(&mut bytes, RECORD, self.index, record)?;
        self.begin_write()?;
        self.flash.append(self.bank, &bytes)?;
        self.ended = false;
        self.index = next;
        self.bytes_used = self.bytes_used.saturating_add(bytes.len());
        Ok(())
    }

    /// Replaces the list by `records`, durable on return; a cut leaves the old list or the new one, whole.
    ///
    /// # Errors
    /// As [`Records::append`].
    pub fn compact<'a>(&mut self, records: impl Iterator<Item = &'a [u8]>) -> Result<(), FlashError> {
        let generation = self.generation.checked_add(1).ok_or(FlashError::Full)?;
        let (bytes, index) = committed(generation, records)?;
        self.begin_write()?;
        self.flash.append(self.bank.other(), &bytes)?;
        self.flash.erase(self.bank)?;
        self.ended = false;
        (self.bank, self.generation, self.index) = (self.bank.other(), generation, index);
        self.bytes_used = bytes.len();
        Ok(())
    }

    /// The bytes of the active bank in use, framing included.
    #[must_use]
    pub fn bytes_used(&self) -> usize {
        self.bytes_used
    }

    /// Gives the flash back.
    #[must_use]
    pub fn into_flash(self) -> F {
        self.flash
    }

    fn begin_write(&mut self) -> Result<(), FlashError> {
        if mem::replace(&mut self.ended, true) { Err(FlashError::Medium) } else { Ok(()) }
    }

    /// Makes the first generation, where there is nothing yet or what a cut has left of making it.
    fn begin(mut flash: F, a: &Held, b: &Held) -> Result<(Self, Vec<Vec<u8>>), FlashError> {
        let (bytes, index) = committed(FIRST_GENERATION, core::iter::empty())?;
        if b.bytes_seen > 0
            || a.generation.is_some_and(|found| found != FIRST_GENERATION)
            || !a.records.is_empty()
        {
            return Err(FlashError::Damaged);
        }
        if a.bytes_seen > 0 {
            flash.erase(Bank::A)?;
        }
        flash.append(Bank::A, &bytes)?;
        let (bank, generation, bytes_used) = (Bank::A, FIRST_GENERATION, bytes.len());
        Ok((Self { flash, bank, generation, index, bytes_used, ended: false }, Vec::new()))
    }
}

/// What one bank holds.
#[derive(Debug, Default)]
struct Held {
    generation: Option<u64>,
    committed: bool,
    records: Vec<Vec<u8>>,
    index: u32,
    /// Up to the torn tail.
    bytes: usize,
    /// With the torn tail.
    bytes_seen: usize,
    torn: bool,
}

impl Held {
    fn parse(bytes: &[u8]) -> Result<Self, FlashError> {
        let mut held = Self { bytes_seen: bytes.len(), ..Self::default() };
        let mut rest = bytes;
        while !rest.is_empty() {
            let Frame::Record { payload, size } = frame::read(rest) else {
                held.torn = is_torn(rest, held.index);
                return if held.torn { Ok(held) } else { Err(FlashError::Damaged) };
            };
            held.take(payload).ok_or(FlashError::Damaged)?;
            held.bytes = held.bytes.saturating_add(size);
            rest = rest.get(size..).unwrap_or_default();
        }
        Ok(held)
    }

    /// Takes the next frame; `None` when it does not stand in its place.
    fn take(&mut self, payload: &[u8]) -> Option<()> {
        let (kind, index, data) = split(payload)?;
        if index != self.index {
            return None;
        }
        match (kind, self.generation, self.committed) {
            (GENERATION, None, _) => self.generation = Some(u64::from_le_bytes(data.try_into().ok()?)),
            (RECORD, Some(_), _) => self.records.push(data.to_vec()),
            (COMMIT, Some(_), false) if data.is_empty() => self.committed = true,
            _ => return None,
        }
        self.index = index.checked_add(1)?;
        Some(())
    }

    /// Whether this uncommitted bank is empty, or what a cut has left of compacting `active`.
    fn may_be_cut_successor_of(&self, active: &Self) -> bool {
        self.generation.is_none() || follows(active, self)
    }
}

/// Whether `new` is the generation that compacting `old` makes.
fn follows(old: &Held, new: &Held) -> bool {
    old.generation.and_then(|generation| generation.checked_add(1)) == new.generation
        && new.generation.is_some()
}

/// Whether `rest`, which begins with no whole frame, can be the prefix of frame number `index` that a power cut leaves, followed by nothing.
fn is_torn(rest: &[u8], index: u32) -> bool {
    // A medium that extends before it writes leaves zeros.
    if rest.len() < frame::HEADER_BYTES || rest.iter().all(|&byte| byte == 0) {
        return true;
    }
    let Some(stated) = frame::stated_length(rest) else { return false };
    let Some((_, payload)) = rest.split_at_checked(frame::HEADER_BYTES) else { return true };
    let placed = split(payload).is_none_or(|(kind, found, _)| found == index && is_kind(kind));
    payload.len() < stated
        && placed
        && !is_whole_but_for_its_length(rest, payload)
        && !is_followed(rest, index)
}

/// Whether the checksum holds once the length is taken to be that of all that is there: then the length was changed, and nothing was torn.
fn is_whole_but_for_its_length(rest: &[u8], payload: &[u8]) -> bool {
    let (Ok(len), Some(stated)) = (u32::try_from(payload.len()), rest.get(4..8)) else { return false };
    frame::crc32c(frame::crc32c(0, &len.to_le_bytes()), payload).to_le_bytes() == stated
}

/// Whether a later frame stands whole somewhere in `rest`: then what stands before it was once whole too.
fn is_followed(rest: &[u8], index: u32) -> bool {
    (1..rest.len()).filter_map(|offset| rest.get(offset..)).any(|candidate| {
        let later = candidate
            .get(frame::HEADER_BYTES..)
            .and_then(split)
            .is_some_and(|(kind, found, _)| is_kind(kind) && found > index);
        later && matches!(frame::read(candidate), Frame::Record { .. })
    })
}

fn is_kind(kind: u8) -> bool {
    matches!(kind, GENERATION | RECORD | COMMIT)
}

fn split(payload: &[u8]) -> Option<(u8, u32, &[u8])> {
    let (prefix, data) = payload.split_first_chunk::<PREFIX_BYTES>()?;
    let [kind, index @ ..] = *prefix;
    Some((kind, u32::from_le_bytes(index), data))
}

fn frame_into(out: &mut Vec<u8>, kind: u8, index: u32, data: &[u8]) -> Result<(), FlashError> {
    let [a, b, c, d] = index.to_le_bytes();
    let mut payload = Vec::with_capacity(data.len().saturating_add(PREFIX_BYTES));
    payload.extend_from_slice(&[kind, a, b, c, d]);
    payload.extend_from_slice(data);
    frame::append(out, &payload).map_err(|_| FlashError::Full)
}

/// A whole bank: the generation, its records, the commit; and the index of the frame after it.
fn committed<'a>(
    generation: u64,
    records: impl Iterator<Item = &'a [u8]>,
) -> Result<(Vec<u8>, u32), FlashError> {
    let mut bytes = Vec::new();
    frame_into(&mut bytes, GENERATION, 0, &generation.to_le_bytes())?;
    let mut index = 1_u32;
    for record in records {
        frame_into(&mut bytes, RECORD, index, record)?;
        index = index.checked_add(1).ok_or(FlashError::Full)?;
    }
    frame_into(&mut bytes, COMMIT, index, &[])?;
    Ok((bytes, index.checked_add(1).ok_or(FlashError::Full)?))
}

#[cfg(test)]
mod tests;
