//! The terminal's side of TDES DUKPT (X9.24-1:2009 annex A.3): 21 future key registers, of which each transaction uses up one.
//!
//! ```text
//! load ─► at rest ──next──► Step ──write, write, …, finish──► at rest, and the transaction's key
//!            ▲                │ power fails                        │ after 1,048,575 of them, or as many as have keys
//!            └──────open──────┘                                    ▼ every call: Exhausted
//! ```
//! What lasts is an image of [`IMAGE_LEN`] bytes: two headers, the younger of which counts, and the registers, each with a checksum in place of
//! the annex's LRC. A transaction first fills the registers below its own, then moves the counter on, then wipes its own register.
//!
//! **Invariant:** a transaction's key leaves only after the image has moved past it (consume before emit), so that no counter is used twice
//! whenever power fails; at rest no key of a past transaction is in the image, nor one that it could be derived from.
use super::super::{SUM_LEN, lowest_one, summed, unsummed};
use super::{COUNTER_BITS, COUNTER_MAX, DukptError, Ksn, ONES_MAX, halves, key_of, step};
use crate::usage::{self, Key};
use alloc::vec::{IntoIter, Vec};
use core::array::from_fn;
use symbolon_types::Secret;

/// Bytes of the image.
pub const IMAGE_LEN: usize = 2 * HEADER_LEN + REGISTERS * REGISTER_LEN;
/// KSN without its counter, counter, checksum.
const HEADER_LEN: usize = 10 + 3 + SUM_LEN;
/// Key, checksum.
const REGISTER_LEN: usize = 16 + SUM_LEN;
const REGISTERS: usize = 21;
/// The counter of a terminal that has ceased to function: one past the last.
const CEASED: u32 = 0x20_0000;

/// A terminal at rest.
#[derive(Clone, Debug)]
pub struct Terminal {
    /// With a counter of zero.
    base: Ksn,
    /// The next transaction's, or [`CEASED`].
    counter: u32,
    /// Which of the two headers is the younger.
    header: usize,
    /// By place: register `n` is for counters whose lowest one is bit `n`.
    registers: [Option<Secret<[u64; 2]>>; REGISTERS],
}

/// Bytes that go into the image at once. If power fails meanwhile, they may be there in part.
#[derive(Clone, Debug)]
pub struct Write {
    offset: usize,
    bytes: Secret<Vec<u8>>,
}

impl Write {
    /// Where in the image.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// What goes there.
    #[must_use]
    pub fn reveal(&self) -> &[u8] {
        self.bytes.reveal()
    }
}

/// A transaction's key and number.
#[derive(Debug)]
pub struct Transaction {
    /// The key serial number, to be sent along.
    pub ksn: Ksn,
    /// The transaction key, from which the working keys come.
    pub key: Key<usage::Derivation>,
}

/// A transaction under way: its writes have to last before its key can be had.
#[derive(Debug)]
pub struct Step {
    terminal: Terminal,
    transaction: Transaction,
    writes: IntoIter<Write>,
}

impl Step {
    /// The next write. It must last before the next one is asked for.
    pub fn write(&mut self) -> Option<Write> {
        self.writes.next()
    }

    /// The transaction, and the terminal after it.
    ///
    /// # Errors
    /// [`DukptError::State`] if a write is still to be made: the step is lost then, and the image is to be opened again.
    pub fn finish(self) -> Result<(Terminal, Transaction), DukptError> {
        if self.writes.len() == 0 { Ok((self.terminal, self.transaction)) } else { Err(DukptError::State) }
    }
}

impl Terminal {
    /// Takes an initial key in ("Load Initial Key"): fills all registers, and keeps no copy of it. The KSN's counter is ignored.
    ///
    /// # Errors
    /// [`DukptError::Key`] unless the key is of two-key triple DES.
    pub fn load(ik: &Key<usage::Initial>, ksn: &Ksn) -> Result<Self, DukptError> {
        let (key, base) = (halves(ik)?, ksn.with_counter(0)?);
        let registers = from_fn(|at| Some(step(&key, base.register(one(at)))));
        Ok(Self { base, counter: 1, header: 0, registers })
    }

    /// The whole image, to be written after [`Terminal::load`].
    #[must_use]
    pub fn image(&self) -> Secret<Vec<u8>> {
        let mut image = alloc::vec![0; IMAGE_LEN];
        let mut writes: Vec<Write> = (0..REGISTERS).map(|at| self.register_write(at)).collect();
        writes.push(self.header_write());
        for write in writes {
            image.iter_mut().skip(write.offset).zip(write.reveal()).for_each(|(slot, byte)| *slot = *byte);
        }
        Secret::new(image)
    }

    /// Reads an image, also one that power failed over. The writes wipe what may no longer be there; they must last before [`Terminal::next`].
    ///
    /// # Errors
    /// [`DukptError::State`] unless the image has its length and a whole header.
    pub fn open(image: &[u8]) -> Result<(Self, Vec<Write>), DukptError> {
        let (headers, registers) = image.split_at_checked(HEADER_LEN << 1).ok_or(DukptError::State)?;
        let (slots, []) = registers.as_chunks::<REGISTER_LEN>() else { return Err(DukptError::State) };
        let slots: &[_; REGISTERS] = slots.try_into().map_err(|_| DukptError::State)?;
        let headers = headers.as_chunks::<HEADER_LEN>().0.iter().enumerate();
        let whole = headers.filter_map(|(at, header)| Some((header_read(header)?, at)));
        let ((base, counter), header) =
            whole.max_by_key(|((_, counter), _)| *counter).ok_or(DukptError::State)?;
        let mut terminal = Self { base, counter, header, registers: [const { None }; REGISTERS] };
        let mut wipes = Vec::new();
        for (at, (slot, register)) in slots.iter().zip(&mut terminal.registers).enumerate() {
            if is_live(at, counter) {
                *register = register_read(slot);
            }
            if register.is_none() && *slot != [0; REGISTER_LEN] {
                wipes.push(wipe(at));
            }
        }
        Ok((terminal, wipes))
    }

    /// The next transaction. A register whose checksum was wrong is passed over, with all the counters that it would have served (annex A.3, "Set Bit").
    ///
    /// # Errors
    /// [`DukptError::Exhausted`] when no key is left: the terminal has ceased to function until an initial key is loaded.
    pub fn next(mut self) -> Result<Step, DukptError> {
        let (at, key) = loop {
            let at = usize::try_from(self.counter.trailing_zeros()).map_err(|_| DukptError::State)?;
            let register = self.registers.get_mut(at).ok_or(DukptError::Exhausted)?;
            match register.take() {
                Some(key) => break (at, key),
                None => self.counter = self.counter.saturating_add(lowest_one(self.counter)),
            }
        };
        let ksn = self.base.with_counter(self.counter)?;
        let mut writes = Vec::new();
        if self.counter.count_ones() < ONES_MAX {
            // "New Key-3": the registers below are filled for the counters up to the next one that this register's place is above.
            for below in (0..at).rev() {
                let made = step(&key, self.base.register(self.counter | one(below)));
                self.registers.iter_mut().skip(below).take(1).for_each(|slot| *slot = Some(made.clone()));
                writes.push(self.register_write(below));
            }
            self.counter = self.counter.saturating_add(1);
        } else {
            // "New Key": what lies between would have more than ten ones.
            self.counter = self.counter.saturating_add(lowest_one(self.counter));
        }
        self.header ^= 1;
        writes.push(self.header_write());
        writes.push(wipe(at));
        Ok(Step {
            terminal: self,
            transaction: Transaction { ksn, key: key_of(&key)? },
            writes: writes.into_iter(),
        })
    }

    /// The number of the next transaction, if its register is whole; `None` when the terminal has ceased to function.
    #[must_use]
    pub fn ksn(&self) -> Option<Ksn> {
        self.base.with_counter(self.counter).ok()
    }

    fn header_write(&self) -> Write {
        let mut bytes = self.base.as_bytes().to_vec();
        bytes.extend(self.counter.to_be_bytes().into_iter().skip(1));
        Write { offset: self.header.saturating_mul(HEADER_LEN), bytes: summed(bytes) }
    }

    fn register_write(&self, at: usize) -> Write {
        let key = self.registers.get(at).and_then(Option::as_ref);
        key.map_or_else(
            || wipe(at),
            |key| {
                let mut bytes = Vec::with_capacity(REGISTER_LEN);
                bytes.extend(key.reveal().iter().flat_map(|half| half.to_be_bytes()));
                Write { offset: register_offset(at), bytes: summed(bytes) }
            },
        )
    }
}

/// The bit of a place; zero past the last.
fn one(at: usize) -> u32 {
    u32::try_from(at).ok().and_then(|at| 1_u32.checked_shl(at)).unwrap_or(0)
}

/// Whether a register holds what a counter from this one on will use: its own one, and those of the zeros above. The registers below are filled by
/// the transaction itself.
fn is_live(at: usize, counter: u32) -> bool {
    let place = one(at);
    place == lowest_one(counter)
        || (place > lowest_one(counter) && counter & place == 0 && counter <= COUNTER_MAX)
}

fn register_offset(at: usize) -> usize {
    at.saturating_mul(REGISTER_LEN).saturating_add(HEADER_LEN << 1)
}

/// Zeros over a register: their checksum is not zero, so that they are no key.
fn wipe(at: usize) -> Write {
    Write { offset: register_offset(at), bytes: Secret::new(alloc::vec![0; REGISTER_LEN]) }
}

fn header_read(bytes: &[u8; HEADER_LEN]) -> Option<(Ksn, u32)> {
    let (base, counter) = unsummed(bytes)?.split_first_chunk::<10>()?;
    let [high, middle, low] = counter.try_into().ok()?;
    let (base, counter) = (Ksn(*base), u32::from_be_bytes([0, high, middle, low]));
    let ones = (1..=ONES_MAX).contains(&counter.count_ones());
    (base.counter() == 0 && counter <= CEASED && ones).then_some((base, counter))
}

fn register_read(bytes: &[u8; REGISTER_LEN]) -> Option<Secret<[u64; 2]>> {
    let (halves, []) = unsummed(bytes)?.as_chunks::<8>() else { return None };
    let [left, right] = halves.try_into().ok()?;
    Some(Secret::new([left, right].map(u64::from_be_bytes)))
}

const _: () = assert!(COUNTER_MAX == CEASED.wrapping_sub(1) && COUNTER_BITS == CEASED.ilog2());
