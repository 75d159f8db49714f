//! TDES DUKPT (X9.24-1:2009 annex A): a key of its own for each transaction of a terminal, derived with two-key triple DES.
//!
//! ```text
//! base key ─KSN without counter─► initial key ─one step per one in the counter─► transaction key ─variant─► PIN, MAC and data keys
//! ```
//! The host's side is here, one key at a time; [`batch`] does it for many at once, [`terminal`] is the other side.
//!
//! **Invariant:** a counter of zero, or of more than ten ones, gives no key (annex A.3): no terminal ever uses it.
use super::{DukptError, lowest_one};
use crate::cipher::{BlockCipher, Tdes, xor};
use crate::usage::{self, Key, KeyAlgorithm, Usage};
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use core::fmt;
use symbolon_types::Secret;

pub mod batch;
pub mod terminal;

pub use batch::{KeyBatch, initial_keys, transaction_keys, transaction_keys_of_base, working_keys};
pub use terminal::{Step, Terminal, Transaction, Write};

/// Bits of the counter.
pub const COUNTER_BITS: u32 = 21;
/// The greatest number that the counter holds. The last one used is `1FF800`.
pub const COUNTER_MAX: u32 = 0x1F_FFFF;
/// The most ones in a counter that is used.
pub const ONES_MAX: u32 = 10;
/// How many counters are used, and so how many transactions an initial key lasts for.
pub const COUNTERS: u32 = 1_048_575;

/// The masks of the annex, on one half of a key: what makes the left half differ from the right one in a derivation.
const HALF_MASK: u64 = 0xC0C0_C0C0_0000_0000;

/// A key serial number: 59 bits that name base key and terminal, and the 21 bits of the transaction counter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ksn([u8; 10]);

impl Ksn {
    /// Of 10 bytes; of 8 or 9 as many terminals send it, filled up with `FF` on the left.
    ///
    /// # Errors
    /// [`DukptError::Ksn`] for another length. The counter may be any: see [`Ksn::is_usable`].
    pub fn new(bytes: &[u8]) -> Result<Self, DukptError> {
        let mut ksn = [0xFF; 10];
        if !(8..=10).contains(&bytes.len()) {
            return Err(DukptError::Ksn);
        }
        ksn.iter_mut().rev().zip(bytes.iter().rev()).for_each(|(slot, byte)| *slot = *byte);
        Ok(Self(ksn))
    }

    /// Its 10 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 10] {
        &self.0
    }

    /// The transaction counter: the 21 bits on the right.
    #[must_use]
    pub fn counter(&self) -> u32 {
        let [.., high, middle, low] = self.0;
        u32::from_be_bytes([0, high, middle, low]) & COUNTER_MAX
    }

    /// The same terminal's number with another counter.
    ///
    /// # Errors
    /// [`DukptError::Ksn`] for a counter above [`COUNTER_MAX`].
    pub fn with_counter(&self, counter: u32) -> Result<Self, DukptError> {
        if counter > COUNTER_MAX {
            return Err(DukptError::Ksn);
        }
        let mut ksn = self.0;
        let [.., high, middle, low] = &mut ksn;
        let rest = u32::from_be_bytes([0, *high, *middle, *low]) & !COUNTER_MAX;
        [_, *high, *middle, *low] = (rest | counter).to_be_bytes();
        Ok(Self(ksn))
    }

    /// Whether a terminal uses this counter: it is not zero and has at most ten ones (annex A.3).
    #[must_use]
    pub fn is_usable(&self) -> bool {
        (1..=ONES_MAX).contains(&self.counter().count_ones())
    }

    /// The next one that a terminal uses; `None` after the last.
    #[must_use]
    pub fn next(&self) -> Option<Self> {
        let mut counter = self.counter().saturating_add(1);
        while counter.count_ones() > ONES_MAX {
            // No number up to the next multiple of the lowest one has fewer ones.
            counter = counter.saturating_add(lowest_one(counter));
        }
        self.with_counter(counter).ok()
    }

    /// The 64 bits on the right with another counter: what a derivation enciphers.
    fn register(&self, counter: u32) -> u64 {
        let [_, _, right @ ..] = self.0;
        (u64::from_be_bytes(right) & !u64::from(COUNTER_MAX)) | u64::from(counter)
    }

    /// The 64 bits on the left, the counter's among them zero: what the initial key comes from.
    fn device(&self) -> [u8; 8] {
        let [left @ .., _, _] = self.0;
        let [start @ .., end] = left;
        let [a, b, c, d, e, f, g] = start;
        [a, b, c, d, e, f, g, end & 0xE0]
    }
}

impl fmt::Debug for Ksn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ksn(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))?;
        f.write_str(")")
    }
}

/// A working key: one that is used, and never derived from. Implemented by the usages of this scheme.
pub trait Working: Usage {
    /// What each half of the transaction key is changed by (annex A.4.1).
    const VARIANT: u64;
    /// Whether each half is then enciphered under the changed key itself: so for data keys (annex A.4.1).
    const SELF_ENCIPHERED: bool = false;
}

impl Working for usage::Pin {
    const VARIANT: u64 = 0x0000_0000_0000_00FF;
}

impl Working for usage::MacRequest {
    const VARIANT: u64 = 0x0000_0000_0000_FF00;
}

impl Working for usage::MacResponse {
    const VARIANT: u64 = 0x0000_0000_FF00_0000;
}

impl Working for usage::DataRequest {
    const VARIANT: u64 = 0x0000_0000_00FF_0000;
    const SELF_ENCIPHERED: bool = true;
}

impl Working for usage::DataResponse {
    const VARIANT: u64 = 0x0000_00FF_0000_0000;
    const SELF_ENCIPHERED: bool = true;
}

/// The two halves of a two-key triple DES key.
fn halves<U: Usage>(key: &Key<U>) -> Result<Secret<[u64; 2]>, DukptError> {
    match (key.algorithm(), key.reveal().as_chunks::<8>()) {
        (KeyAlgorithm::Tdes2, ([left, right], [])) => {
            Ok(Secret::new([left, right].map(|half| u64::from_be_bytes(*half))))
        }
        _ => Err(DukptError::Key),
    }
}

/// A key of two halves.
fn key_of<U: Usage>(halves: &Secret<[u64; 2]>) -> Result<Key<U>, DukptError> {
    let bytes = Secret::new(halves.reveal().map(u64::to_be_bytes));
    Key::new(KeyAlgorithm::Tdes2, bytes.reveal().as_flattened()).map_err(|_| DukptError::Key)
}

/// The initial key of a terminal (annex A.6): the KSN's left 64 bits without the counter, enciphered under the base key and under its variant.
///
/// # Errors
/// [`DukptError::Key`] unless the base key is of two-key triple DES.
pub fn initial_key(bdk: &Key<usage::Base>, ksn: &Ksn) -> Result<Key<usage::Initial>, DukptError> {
    let base = halves(bdk)?;
    let enciphered = |mask: u64| {
        let key = Secret::new(base.reveal().map(|half| (half ^ mask).to_be_bytes()));
        let mut block = ksn.device();
        let cipher = Tdes::new(key.reveal().as_flattened()).map_err(|_| DukptError::Key)?;
        cipher.encrypt(&mut block);
        Ok::<_, DukptError>(u64::from_be_bytes(block))
    };
    key_of(&Secret::new([enciphered(0)?, enciphered(HALF_MASK)?]))
}

/// One step, the non-reversible key generation of annex A.2: each half is enciphered under the other, the left one under variants of both.
fn step(key: &Secret<[u64; 2]>, register: u64) -> Secret<[u64; 2]> {
    let [left, right] = *key.reveal();
    let half = |mask: u64| {
        let cipher = des::Des::new(&(left ^ mask).to_be_bytes().into());
        let mut block = (register ^ right ^ mask).to_be_bytes();
        cipher.encrypt_block((&mut block).into());
        u64::from_be_bytes(block) ^ right ^ mask
    };
    Secret::new([half(HALF_MASK), half(0)])
}

/// The key of the transaction whose counter the KSN has (annex A.2): from the top, a step for each one in the counter, with the ones so far.
///
/// # Errors
/// [`DukptError::Ksn`] unless [`Ksn::is_usable`]; [`DukptError::Key`] unless the initial key is of two-key triple DES.
pub fn transaction_key(ik: &Key<usage::Initial>, ksn: &Ksn) -> Result<Key<usage::Derivation>, DukptError> {
    if !ksn.is_usable() {
        return Err(DukptError::Ksn);
    }
    let (mut key, mut seen, mut rest) = (halves(ik)?, 0, ksn.counter());
    while let Some(top) = rest.checked_ilog2() {
        let one = 1_u32.wrapping_shl(top);
        (seen, rest) = (seen | one, rest & !one);
        key = step(&key, ksn.register(seen));
    }
    key_of(&key)
}

/// A working key of a transaction (annex A.4.1).
///
/// # Errors
/// [`DukptError::Key`] unless the transaction key is of two-key triple DES.
pub fn working_key<U: Working>(transaction: &Key<usage::Derivation>) -> Result<Key<U>, DukptError> {
    let varied = Secret::new(halves(transaction)?.reveal().map(|half| half ^ U::VARIANT));
    let key = key_of::<U>(&varied)?;
    if !U::SELF_ENCIPHERED {
        return Ok(key);
    }
    let cipher = key.tdes().map_err(|_| DukptError::Key)?;
    let mut halves = varied.reveal().map(u64::to_be_bytes);
    halves.iter_mut().for_each(|half| cipher.encrypt(half));
    key_of(&Secret::new(halves.map(u64::from_be_bytes)))
}

/// Changes the halves of a key by a variant.
fn vary(key: &mut [u8; 16], variant: u64) {
    key.as_chunks_mut::<8>().0.iter_mut().for_each(|half| xor(half, &variant.to_be_bytes()));
}
