//! TDES DUKPT for many terminals at once, over the bitsliced cipher of [`crate::des`].
//!
//! From the initial keys on, all steps of a derivation stay in planes: what one step gives is where the next one takes its key from. Lanes with few
//! ones in their counters would wait for those with many, so they are taken in the order of that number.
//!
//! **Invariant:** the keys of a batch are, one by one, those that the functions of [`super`] give, in the order of what was asked for.
use super::{COUNTER_BITS, DukptError, HALF_MASK, Ksn, Working, halves, vary};
use crate::CryptoError;
use crate::cipher::Padding;
use crate::des::kernel::{Block, Direction, LANES, Planes, Wide, Word, des, parts, run};
use crate::des::{self, retail_mac_batch, tdes_decrypt_batch, tdes_encrypt_batch};
use crate::usage::{self, Key, KeyAlgorithm, Usage};
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use pulp::Simd;
use symbolon_types::Secret;

/// Two-key triple DES keys of one usage.
pub struct KeyBatch<U: Usage> {
    keys: Secret<Vec<[u8; 16]>>,
    usage: PhantomData<U>,
}

impl<U: Usage> KeyBatch<U> {
    fn new(keys: Vec<[u8; 16]>) -> Self {
        Self { keys: Secret::new(keys), usage: PhantomData }
    }

    fn of_halves(left: &Secret<Vec<[u8; 8]>>, right: &Secret<Vec<[u8; 8]>>) -> Self {
        let pairs = left.reveal().iter().zip(right.reveal());
        Self::new(
            pairs
                .map(|(left, right)| joined(u64::from_be_bytes(*left), u64::from_be_bytes(*right)))
                .collect(),
        )
    }

    /// The key at a place; `None` past the end.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<Key<U>> {
        let bytes = self.keys.reveal().get(at)?;
        Key::new(KeyAlgorithm::Tdes2, bytes).ok()
    }

    /// The keys' bytes, for the one computation that needs them.
    #[must_use]
    pub fn reveal(&self) -> &[[u8; 16]] {
        self.keys.reveal()
    }
}

impl<U: Usage> fmt::Debug for KeyBatch<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyBatch({}, {} keys)", U::NAME, self.keys.reveal().len())
    }
}

impl KeyBatch<usage::Pin> {
    /// Deciphers each PIN block under the key at the same place.
    ///
    /// # Errors
    /// [`CryptoError`] unless there are as many keys as blocks.
    pub fn decrypt(&self, blocks: &mut [[u8; 8]]) -> Result<(), CryptoError> {
        tdes_decrypt_batch(self.reveal(), blocks)
    }
}

impl KeyBatch<usage::MacRequest> {
    /// The retail MAC of each request under the key at the same place, filled up with zeros (annex A.4.1). Compare in constant time.
    ///
    /// # Errors
    /// [`CryptoError`] unless there are as many keys as requests.
    pub fn macs(&self, requests: &[&[u8]]) -> Result<Secret<Vec<[u8; 8]>>, CryptoError> {
        retail_mac_batch(self.reveal(), requests, Padding::Zeros)
    }
}

impl KeyBatch<usage::MacResponse> {
    /// The retail MAC of each response under the key at the same place, as for requests.
    ///
    /// # Errors
    /// [`CryptoError`] unless there are as many keys as responses.
    pub fn macs(&self, responses: &[&[u8]]) -> Result<Secret<Vec<[u8; 8]>>, CryptoError> {
        retail_mac_batch(self.reveal(), responses, Padding::Zeros)
    }
}

/// The initial key of each KSN's terminal, as [`super::initial_key`].
///
/// # Errors
/// [`DukptError::Key`] unless the base key is of two-key triple DES.
pub fn initial_keys(bdk: &Key<usage::Base>, ksns: &[Ksn]) -> Result<KeyBatch<usage::Initial>, DukptError> {
    let base = halves(bdk)?;
    let enciphered = |mask: u64| {
        let [left, right] = base.reveal().map(|half| u128::from(half ^ mask));
        let keys = Secret::new(alloc::vec![((left << 64) | right).to_be_bytes(); ksns.len()]);
        let mut blocks: Vec<[u8; 8]> = ksns.iter().map(Ksn::device).collect();
        tdes_encrypt_batch(keys.reveal(), &mut blocks).map_err(|_| DukptError::Key)?;
        Ok::<_, DukptError>(Secret::new(blocks))
    };
    let (left, right) = (enciphered(0)?, enciphered(HALF_MASK)?);
    Ok(KeyBatch::of_halves(&left, &right))
}

/// The transaction key of each pair of a terminal's initial key and a KSN, as [`super::transaction_key`].
///
/// # Errors
/// Where it refuses any of them: [`DukptError::Ksn`], [`DukptError::Key`]; there are no keys then. Ask [`Ksn::is_usable`] of each that comes from outside.
pub fn transaction_keys(
    pairs: &[(&Key<usage::Initial>, Ksn)],
) -> Result<KeyBatch<usage::Derivation>, DukptError> {
    let fits = |(ik, _): &(&Key<usage::Initial>, Ksn)| ik.algorithm() == KeyAlgorithm::Tdes2;
    if !pairs.iter().all(fits) {
        return Err(DukptError::Key);
    }
    let key = |at: usize| pairs.get(at).and_then(|(ik, _)| ik.reveal().first_chunk());
    derive(key, pairs.len(), |at| pairs.get(at).map(|(_, ksn)| ksn))
}

/// The transaction key of each KSN, from the base key: first the initial keys, then the steps.
///
/// # Errors
/// As [`transaction_keys`].
pub fn transaction_keys_of_base(
    bdk: &Key<usage::Base>,
    ksns: &[Ksn],
) -> Result<KeyBatch<usage::Derivation>, DukptError> {
    let initial = initial_keys(bdk, ksns)?;
    derive(|at| initial.reveal().get(at), ksns.len(), |at| ksns.get(at))
}

/// A working key of each transaction, as [`super::working_key`].
///
/// # Errors
/// [`DukptError::Key`] never, as a batch has keys of the right length only.
pub fn working_keys<U: Working>(
    transactions: &KeyBatch<usage::Derivation>,
) -> Result<KeyBatch<U>, DukptError> {
    let mut varied = transactions.reveal().to_vec();
    varied.iter_mut().for_each(|key| vary(key, U::VARIANT));
    if !U::SELF_ENCIPHERED {
        return Ok(KeyBatch::new(varied));
    }
    let varied = Secret::new(varied);
    let half = |at: usize| {
        let part = |key: &[u8; 16]| key.as_chunks().0.get(at).copied().unwrap_or_default();
        let mut blocks: Vec<[u8; 8]> = varied.reveal().iter().map(part).collect();
        tdes_encrypt_batch(varied.reveal(), &mut blocks).map_err(|_| DukptError::Key)?;
        Ok::<_, DukptError>(Secret::new(blocks))
    };
    let (left, right) = (half(0)?, half(1)?);
    Ok(KeyBatch::of_halves(&left, &right))
}

fn joined(left: u64, right: u64) -> [u8; 16] {
    ((u128::from(left) << 64) | u128::from(right)).to_be_bytes()
}

/// Derives the transaction keys of `len` pairs.
fn derive<'a>(
    key: impl Fn(usize) -> Option<&'a [u8; 16]>,
    len: usize,
    ksn: impl Fn(usize) -> Option<&'a Ksn>,
) -> Result<KeyBatch<usage::Derivation>, DukptError> {
    let mut by_ones: [Vec<usize>; 11] = Default::default();
    for at in 0..len {
        let ksn = ksn(at).filter(|ksn| ksn.is_usable()).ok_or(DukptError::Ksn)?;
        let ones = usize::try_from(ksn.counter().count_ones()).map_err(|_| DukptError::Ksn)?;
        by_ones.get_mut(ones).ok_or(DukptError::Ksn)?.push(at);
    }
    let mut keys = alloc::vec![[0; 16]; len];
    for lanes in by_ones.concat().chunks(LANES) {
        let half = |half: usize| {
            let number =
                |at: &usize| key(*at).map_or(0, |key| des::halves(key).get(half).copied().unwrap_or(0));
            Planes::from_lanes(lanes.iter().map(number))
        };
        let (mut left, mut right) = (half(0), half(1));
        let register = |at: &usize| ksn(*at).map_or(0, |ksn| ksn.register(ksn.counter()));
        let registers = Planes::from_lanes(lanes.iter().map(register));
        let ones = |at: &usize| ksn(*at).map_or(0, |ksn| ksn.counter().count_ones());
        let steps = lanes.iter().map(ones).max().unwrap_or(0);
        run(Derive { left: &mut left, right: &mut right, registers: &registers, steps });
        let (left, right) = (left.into_lanes(), right.into_lanes());
        for ((at, left), right) in lanes.iter().zip(left.iter()).zip(right.iter()) {
            if let Some(slot) = keys.get_mut(*at) {
                *slot = joined(left, right);
            }
        }
    }
    Ok(KeyBatch::new(keys))
}

/// The steps of the derivation, from initial to transaction keys.
struct Derive<'a> {
    left: &'a mut Planes,
    right: &'a mut Planes,
    /// The KSNs' right 64 bits, counters and all.
    registers: &'a Planes,
    /// The most ones that a counter has.
    steps: u32,
}

impl Wide for Derive<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for part in 0..parts::<S>() {
            let mut key = [self.left.load(simd, part), self.right.load(simd, part)];
            let mut register = self.registers.load(simd, part);
            let mut rest = [Word::zero(simd); 21];
            for (bit, rest) in register.iter_mut().rev().zip(rest.iter_mut().rev()) {
                core::mem::swap(bit, rest);
            }
            for _ in 0..self.steps.min(COUNTER_BITS) {
                let active = take_top_one(simd, &mut rest, &mut register);
                step(&mut key, &register, active);
            }
            self.left.store(part, &key[0]);
            self.right.store(part, &key[1]);
        }
    }
}

/// Moves each lane's highest one from `rest` to the counter's bits of the register. The result: which lanes had one.
#[inline(always)]
fn take_top_one<S: Simd>(simd: S, rest: &mut [Word<S>; 21], register: &mut Block<S>) -> Word<S> {
    let mut seen = Word::zero(simd);
    let at_counter = register.len().saturating_sub(rest.len());
    for (rest, bit) in rest.iter_mut().zip(register.iter_mut().skip(at_counter)) {
        let top = *rest & !seen;
        seen = seen | *rest;
        *bit = *bit | top;
        *rest = *rest ^ top;
    }
    seen
}

/// The non-reversible key generation of annex A.2, in the lanes of `active`; the others keep their keys.
#[inline(always)]
fn step<S: Simd>(key: &mut [Block<S>; 2], register: &Block<S>, active: Word<S>) {
    let mut made = *key;
    for (made, mask) in made.iter_mut().zip([HALF_MASK, 0]) {
        let [mut left, mut right] = *key;
        for (at, (left, right)) in left.iter_mut().zip(&mut right).enumerate() {
            if (mask << at) >> 63 == 1 {
                (*left, *right) = (!*left, !*right);
            }
        }
        for ((made, bit), right) in made.iter_mut().zip(register).zip(&right) {
            *made = *bit ^ *right;
        }
        des(Direction::Encrypt, &left, made);
        for (made, right) in made.iter_mut().zip(right) {
            *made = *made ^ right;
        }
    }
    for (key, made) in key.as_flattened_mut().iter_mut().zip(made.as_flattened()) {
        *key = made.or_where(active, *key);
    }
}
