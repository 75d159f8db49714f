//! The terminal's side of AES DUKPT (X9.24-3:2017 §6.4): it keeps keys of the future only, so that one who opens it learns none of the past.
//!
//! ```text
//!                        next                    stored: the record is durable
//!   load ──► Terminal ─────────► Pending ──────────────────────────────────────► Transaction (keys), Terminal
//!               ▲  └─ Exhausted     └─ not stored: nothing comes out; start again from the last record
//!               └──────────── load, with the new initial key that came under the update key
//!
//!   register i holds the key of the counter's bits above i, with bit i set.   It is there when
//!     i is the lowest one of the counter        the current key: this transaction's
//!     i is above that, and a zero of the counter  a future key, unless its counter would have more than sixteen ones
//! ```
//! The standard's shift register and pointer to the current key are the lowest one of the counter, and its place.
//!
//! **Invariant:** which registers hold keys follows from the counter, so a record has one form; a transaction's keys come out only after the
//! record in which they are erased is durable (consume before emit). A store that may bring back an older record needs a counter of its own
//! to compare [`Terminal::counter`] with.
use super::super::{SUM_LEN, lowest_one, summed, unsummed};
use super::{DukptError, InitialKeyId, Ksn, ONES_MAX, Transaction, derived, update_key, whose};
use crate::usage::{self, Key, KeyAlgorithm};
use alloc::vec::Vec;
use core::fmt;
use symbolon_types::Secret;

/// How many future-key registers: one for each bit of the counter.
const REGISTERS: usize = 32;

/// The first byte of a record.
const VERSION: u8 = 1;

type Register = Option<Key<usage::Derivation>>;

/// A terminal between two transactions.
pub struct Terminal {
    id: InitialKeyId,
    algorithm: KeyAlgorithm,
    /// The next transaction's; 0 when the keys are used up.
    counter: u32,
    /// By the place of a bit in the counter, the lowest one first.
    registers: [Register; REGISTERS],
    update: Key<usage::KeyEncryption>,
}

/// The next transaction, before it may be used.
pub struct Pending {
    after: Terminal,
    transaction: Transaction,
}

impl Terminal {
    /// Loads an initial key (§6.4.1): the registers are filled from it, the update key is derived, and it is kept no longer. Store
    /// [`Terminal::record`] before anything is told of the loading.
    ///
    /// # Errors
    /// [`DukptError::Key`] unless it is one of AES.
    pub fn load(initial: &Key<usage::Initial>, id: InitialKeyId) -> Result<Self, DukptError> {
        let mut registers = [const { None }; REGISTERS];
        for (at, register) in bits().zip(&mut registers) {
            *register = Some(derived(initial, initial.algorithm(), whose(&Ksn { id, counter: at }))?);
        }
        let update = update_key(initial, id, None)?;
        Ok(Self { id, algorithm: initial.algorithm(), counter: 1, registers, update })
    }

    /// Whose initial key it has.
    #[must_use]
    pub fn id(&self) -> InitialKeyId {
        self.id
    }

    /// The next transaction's counter; `None` when the keys are used up.
    #[must_use]
    pub fn counter(&self) -> Option<u32> {
        (self.counter != 0).then_some(self.counter)
    }

    /// The key that the next initial key comes wrapped under (§6.5). It outlasts the transactions.
    #[must_use]
    pub fn update_key(&self) -> &Key<usage::KeyEncryption> {
        &self.update
    }

    /// The next transaction (§6.4.2): its key is taken out, and the keys that come after it are derived from it while it is there.
    ///
    /// # Errors
    /// [`DukptError::Exhausted`] after the last counter; then a new initial key must be loaded.
    pub fn next(mut self) -> Result<Pending, DukptError> {
        let counter = self.counter().ok_or(DukptError::Exhausted)?;
        let lowest = lowest_one(counter);
        let current = bits().zip(&mut self.registers).find(|(bit, _)| *bit == lowest);
        let key = current.and_then(|(_, register)| register.take()).ok_or(DukptError::State)?;
        let ksn = Ksn { id: self.id, counter };
        if counter.count_ones() < ONES_MAX {
            for (bit, register) in bits().zip(&mut self.registers).take_while(|(bit, _)| *bit < lowest) {
                let at = Ksn { counter: counter | bit, ..ksn };
                *register = Some(derived(&key, self.algorithm, whose(&at))?);
            }
        }
        self.counter = ksn.next().map_or(0, |next| next.counter);
        Ok(Pending { after: self, transaction: Transaction { ksn, key } })
    }

    /// What must be durable: version, algorithm, id, counter, update key, the keys of the registers in use, the highest first, and a checksum (CRC-32).
    #[must_use]
    pub fn record(&self) -> Secret<Vec<u8>> {
        let length = self.algorithm.key_len();
        let mut record = Vec::with_capacity(RECORD_BYTES_MAX);
        record.extend([VERSION, code(self.algorithm)]);
        record.extend(self.id.0);
        record.extend(self.counter.to_be_bytes());
        let keys = self.registers.iter().rev().flatten().map(Key::reveal);
        core::iter::once(self.update.reveal())
            .chain(keys)
            .for_each(|key| record.extend(key.iter().take(length)));
        summed(record)
    }

    /// From its record.
    ///
    /// # Errors
    /// [`DukptError::State`] for what is no record, or has been damaged.
    pub fn from_record(record: &[u8]) -> Result<Self, DukptError> {
        Self::read(record).ok_or(DukptError::State)
    }

    fn read(record: &[u8]) -> Option<Self> {
        let (&[VERSION, code], rest) = unsummed(record)?.split_first_chunk()? else { return None };
        let algorithm = ALGORITHMS.into_iter().find(|row| row.1 == code)?.0;
        let (id, rest) = rest.split_first_chunk()?;
        let (counter, rest) = rest.split_first_chunk()?;
        let (id, counter) = (InitialKeyId(*id), u32::from_be_bytes(*counter));
        if counter != 0 && !(Ksn { id, counter }).is_usable() {
            return None;
        }
        let (update, mut rest) = rest.split_at_checked(algorithm.key_len())?;
        let update = Key::new(algorithm, update).ok()?;
        let mut registers = [const { None }; REGISTERS];
        for (bit, register) in bits().zip(&mut registers).rev() {
            if in_use(counter, bit) {
                let (key, after) = rest.split_at_checked(algorithm.key_len())?;
                (*register, rest) = (Some(Key::new(algorithm, key).ok()?), after);
            }
        }
        rest.is_empty().then_some(Self { id, algorithm, counter, registers, update })
    }
}

impl Pending {
    /// Has the record stored, and gives the transaction when it is durable. `store` returns after that, or fails.
    ///
    /// # Errors
    /// What `store` says. The keys are gone then: start again from what the store holds.
    pub fn stored<E>(self, store: impl FnOnce(&[u8]) -> Result<(), E>) -> Result<(Terminal, Transaction), E> {
        store(self.after.record().reveal())?;
        Ok((self.after, self.transaction))
    }

    /// The key serial number that will be used.
    #[must_use]
    pub fn ksn(&self) -> Ksn {
        self.transaction.ksn
    }
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Terminal({:?}, {:?}, counter {:08X})", self.id, self.algorithm, self.counter)
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pending({:?})", self.transaction.ksn)
    }
}

/// The most bytes of a record: an AES-256 terminal that has just been loaded.
pub const RECORD_BYTES_MAX: usize = 2 + 8 + 4 + (1 + REGISTERS) * 32 + SUM_LEN;

/// The algorithms of a record, by the indicators of §6.3.2.
const ALGORITHMS: [(KeyAlgorithm, u8); 3] =
    [(KeyAlgorithm::Aes128, 2), (KeyAlgorithm::Aes192, 3), (KeyAlgorithm::Aes256, 4)];

fn code(algorithm: KeyAlgorithm) -> u8 {
    ALGORITHMS.into_iter().find(|row| row.0 == algorithm).map_or(0, |row| row.1)
}

/// The bits of the counter, the lowest first.
fn bits() -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator {
    (0..REGISTERS).map(|place| u32::try_from(place).map_or(0, |place| 1_u32.wrapping_shl(place)))
}

/// Whether the register of a bit holds a key before the transaction of `counter`.
fn in_use(counter: u32, bit: u32) -> bool {
    let lowest = lowest_one(counter);
    // The bits above this one, and this one.
    let path = (counter & !(bit | bit.wrapping_sub(1))) | bit;
    bit == lowest && bit != 0
        || bit > lowest && counter & bit == 0 && lowest != 0 && path.count_ones() <= ONES_MAX
}
