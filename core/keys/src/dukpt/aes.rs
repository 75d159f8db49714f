//! AES DUKPT (X9.24-3:2017 clause 6): keys of its own for each transaction of a terminal, derived with AES-128, AES-192 or AES-256.
//!
//! ```text
//! base key ─initial key id─► initial key ─one step per one in the counter─► transaction key ─usage, algorithm─► working keys
//!                                 └───────── counter FFFFFFFF ─────────► update key: what the next initial key comes wrapped under
//! ```
//! Every step enciphers a block that says what is derived (§6.3.2): version, block number, usage, algorithm, length, and whose key it is.
//! The host's side is here, one key at a time; [`batch`] does it for many at once, [`terminal`] is the other side.
//!
//! **Invariant:** a counter of zero, or of more than sixteen ones, gives no key; no key is stronger than the one it was derived from (§6.1).
use super::{DukptError, lowest_one};
use crate::usage::{self, Key, KeyAlgorithm, Usage};
use aes::Block;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use core::fmt;
use symbolon_types::Secret;

pub mod batch;
pub mod lanes;
pub mod terminal;

pub use batch::working_keys;
pub use terminal::{Pending, Terminal};

/// The most ones in a counter that is used (§6.3).
pub const ONES_MAX: u32 = 16;
/// The last counter that is used.
pub const COUNTER_LAST: u32 = 0xFFFF_0000;
/// How many counters are used, and so how many transactions an initial key lasts for.
pub const COUNTERS: u32 = 2_448_023_842;
/// The counter of the update key; it has 32 ones, so no transaction has it.
pub const COUNTER_UPDATE: u32 = 0xFFFF_FFFF;

/// The initial key's id: 4 bytes that name the base key, 4 that name the terminal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InitialKeyId(pub [u8; 8]);

impl fmt::Debug for InitialKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InitialKeyId(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))?;
        f.write_str(")")
    }
}

/// A key serial number: the initial key's id and the transaction counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ksn {
    /// Whose key it is.
    pub id: InitialKeyId,
    /// Which transaction's; any number, see [`Ksn::is_usable`].
    pub counter: u32,
}

impl Ksn {
    /// Of its 12 bytes. The counter may be any.
    ///
    /// # Errors
    /// [`DukptError::Ksn`] for another length.
    pub fn new(bytes: &[u8]) -> Result<Self, DukptError> {
        let (id, counter) = bytes.split_first_chunk().ok_or(DukptError::Ksn)?;
        let counter = counter.try_into().map_err(|_| DukptError::Ksn)?;
        Ok(Self { id: InitialKeyId(*id), counter: u32::from_be_bytes(counter) })
    }

    /// Its 12 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 12] {
        let ([a, b, c, d, e, f, g, h], [i, j, k, l]) = (self.id.0, self.counter.to_be_bytes());
        [a, b, c, d, e, f, g, h, i, j, k, l]
    }

    /// Whether a terminal uses this counter: it is not zero and has at most sixteen ones (§6.3).
    #[must_use]
    pub fn is_usable(&self) -> bool {
        (1..=ONES_MAX).contains(&self.counter.count_ones())
    }

    /// The next one that a terminal uses; `None` after the last.
    #[must_use]
    pub fn next(&self) -> Option<Self> {
        let mut counter = self.counter.checked_add(1)?;
        while counter.count_ones() > ONES_MAX {
            // No number up to the next multiple of the lowest one has fewer ones.
            counter = counter.checked_add(lowest_one(counter))?;
        }
        Some(Self { counter, ..*self })
    }

    fn usable(&self) -> Result<(), DukptError> {
        if self.is_usable() { Ok(()) } else { Err(DukptError::Ksn) }
    }
}

/// The value of the highest bit that is set; zero of zero.
fn highest_one(counter: u32) -> u32 {
    counter & !(u32::MAX >> 1).wrapping_shr(counter.leading_zeros())
}

/// What a derived key is for, as a derivation says it (§6.3.2, table 2). The names are the terminal's: it makes the MAC of a request.
pub trait Derived: Usage {
    /// The key usage indicator.
    const INDICATOR: u16;
}

/// The usages and their indicators.
macro_rules! indicators {
    ($($usage:ident $indicator:literal,)*) => {$(
        impl Derived for usage::$usage {
            const INDICATOR: u16 = $indicator;
        }
    )*};
}

indicators! {
    KeyEncryption 0x0002,
    Pin 0x1000,
    MacRequest 0x2000,
    MacResponse 0x2001,
    MacBoth 0x2002,
    DataRequest 0x3000,
    DataResponse 0x3001,
    DataBoth 0x3002,
    Derivation 0x8000,
    Initial 0x8001,
}

/// The algorithm indicator (§6.3.2, table 3).
const fn algorithm_indicator(algorithm: KeyAlgorithm) -> u16 {
    match algorithm {
        KeyAlgorithm::Tdes2 => 0,
        KeyAlgorithm::Tdes3 => 1,
        KeyAlgorithm::Aes128 => 2,
        KeyAlgorithm::Aes192 => 3,
        KeyAlgorithm::Aes256 => 4,
        KeyAlgorithm::Hmac128 | KeyAlgorithm::Hmac192 | KeyAlgorithm::Hmac256 => 5,
    }
}

/// The first half of the derivation data of a key's block 1 or 2 (§6.3.2): `01`, the block's number, usage, algorithm, length in bits.
fn what(block: u8, usage: u16, algorithm: KeyAlgorithm) -> [u8; 8] {
    let ([u, v], [a, b]) = (usage.to_be_bytes(), algorithm_indicator(algorithm).to_be_bytes());
    let bits = u16::try_from(algorithm.key_len().saturating_mul(8)).unwrap_or(0);
    let [l, m] = bits.to_be_bytes();
    [1, block, u, v, a, b, l, m]
}

/// The second half (§6.3.2): the initial key's id where that key is derived, else its last four bytes and the counter.
fn whose(ksn: &Ksn) -> [u8; 8] {
    let [_, _, _, _, a, b, c, d] = ksn.id.0;
    let [e, f, g, h] = ksn.counter.to_be_bytes();
    [a, b, c, d, e, f, g, h]
}

fn is_aes(algorithm: KeyAlgorithm) -> bool {
    matches!(algorithm, KeyAlgorithm::Aes128 | KeyAlgorithm::Aes192 | KeyAlgorithm::Aes256)
}

/// One step (§6.3.1): the key of `usage` and `algorithm`, derived from `base`.
fn derived<B: Usage, U: Derived>(
    base: &Key<B>,
    algorithm: KeyAlgorithm,
    whose: [u8; 8],
) -> Result<Key<U>, DukptError> {
    if algorithm.strength_bits() > base.algorithm().strength_bits() {
        return Err(DukptError::Weak);
    }
    // Encryption schedules only: no step deciphers.
    match base.algorithm() {
        KeyAlgorithm::Aes128 => derived_by::<U, aes::Aes128Enc>(base.reveal(), algorithm, whose),
        KeyAlgorithm::Aes192 => derived_by::<U, aes::Aes192Enc>(base.reveal(), algorithm, whose),
        KeyAlgorithm::Aes256 => derived_by::<U, aes::Aes256Enc>(base.reveal(), algorithm, whose),
        _ => Err(DukptError::Key),
    }
}

fn derived_by<U: Derived, C: BlockCipherEncrypt<BlockSize = aes::cipher::consts::U16> + KeyInit>(
    base: &[u8],
    algorithm: KeyAlgorithm,
    whose: [u8; 8],
) -> Result<Key<U>, DukptError> {
    let cipher = C::new_from_slice(base).map_err(|_| DukptError::Key)?;
    let mut bytes = [0; 32];
    let (blocks, _) = bytes.as_chunks_mut::<16>();
    for (block, number) in blocks.iter_mut().zip([1, 2]).take(algorithm.key_len().div_ceil(16)) {
        let (left, right) = block.split_at_mut(8);
        left.copy_from_slice(&what(number, U::INDICATOR, algorithm));
        right.copy_from_slice(&whose);
        let block: &mut Block = block.into();
        cipher.encrypt_block(block);
    }
    let bytes = Secret::new(bytes);
    let key = bytes.reveal().get(..algorithm.key_len()).unwrap_or_default();
    Key::new(algorithm, key).map_err(|_| DukptError::Key)
}

/// The initial key of a terminal (§6.3.3), of the base key's own algorithm.
///
/// # Errors
/// [`DukptError::Key`] unless the base key is one of AES.
pub fn initial_key(base: &Key<usage::Base>, id: InitialKeyId) -> Result<Key<usage::Initial>, DukptError> {
    derived(base, base.algorithm(), id.0)
}

/// What a transaction's keys are derived from, with its key serial number. Both sides have it: the host by [`transaction`], the terminal by
/// [`Pending::stored`].
pub struct Transaction {
    ksn: Ksn,
    key: Key<usage::Derivation>,
}

impl Transaction {
    /// Its key serial number, which goes with what the keys made.
    #[must_use]
    pub fn ksn(&self) -> Ksn {
        self.ksn
    }

    /// The transaction key itself. Nothing but derivation may be done with it.
    #[must_use]
    pub fn key(&self) -> &Key<usage::Derivation> {
        &self.key
    }

    /// A working key of the transaction (§6.3.4). TDES keys are as derived: their parity bits are not adjusted.
    ///
    /// # Errors
    /// [`DukptError::Weak`] when it would be stronger than the base key.
    pub fn working_key<U: Derived>(&self, algorithm: KeyAlgorithm) -> Result<Key<U>, DukptError> {
        derived(&self.key, algorithm, whose(&self.ksn))
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transaction({:?})", self.ksn)
    }
}

/// The transaction of a key serial number (§6.3.4): one step from the initial key for each one in the counter, from the top.
///
/// # Errors
/// [`DukptError::Ksn`] for a counter that is never used; [`DukptError::Key`] unless the initial key is one of AES.
pub fn transaction(initial: &Key<usage::Initial>, ksn: &Ksn) -> Result<Transaction, DukptError> {
    ksn.usable()?;
    walked(initial, ksn)
}

/// The update key of a terminal (§6.5): its next initial key comes wrapped under it. It is of the initial key's own algorithm, unless told.
///
/// # Errors
/// [`DukptError::Weak`] when it would be stronger than the initial key; [`DukptError::Key`] unless that is one of AES.
pub fn update_key(
    initial: &Key<usage::Initial>,
    id: InitialKeyId,
    algorithm: Option<KeyAlgorithm>,
) -> Result<Key<usage::KeyEncryption>, DukptError> {
    let algorithm = algorithm.unwrap_or(initial.algorithm());
    walked(initial, &Ksn { id, counter: COUNTER_UPDATE })?.working_key(algorithm)
}

fn walked(initial: &Key<usage::Initial>, ksn: &Ksn) -> Result<Transaction, DukptError> {
    let algorithm = initial.algorithm();
    let (mut key, mut at) = (None::<Key<usage::Derivation>>, Ksn { counter: 0, ..*ksn });
    while at.counter != ksn.counter {
        at.counter |= highest_one(ksn.counter ^ at.counter);
        key = Some(match &key {
            None => derived(initial, algorithm, whose(&at))?,
            Some(key) => derived(key, algorithm, whose(&at))?,
        });
    }
    key.map(|key| Transaction { ksn: *ksn, key }).ok_or(DukptError::Ksn)
}
