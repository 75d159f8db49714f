//! `dukpt.tdes`: transaction keys from initial keys, one by one and in batches, against the bare crate `des`.
//!
//! The limit is the same steps as one would write them over that crate: a new cipher for each of the two halves, one block each.
//!
//! **Invariant:** the result is all transaction keys, in the order of their KSNs.
use super::measure::{Side, Sides, Trouble};
use super::sample::{CRYPTO, random16, random32};
use des::cipher::{BlockCipherEncrypt, KeyInit};
use std::rc::Rc;
use symbolon_keys::Crypto;
use symbolon_keys::dukpt::DukptError;
use symbolon_keys::dukpt::tdes::{COUNTER_MAX, Ksn, transaction_key, transaction_keys};
use symbolon_keys::usage::{self, Key, KeyAlgorithm};
use symbolon_types::{CoreRefusal, Hash};

/// Terminals in a run: as many as fill the batch's lanes four times.
const TERMINALS: u32 = 2048;
/// In the rows of single derivations, in which a run is shorter.
const SINGLES: u32 = 64;

impl From<DukptError> for Trouble {
    fn from(error: DukptError) -> Self {
        Self::Refused(CoreRefusal::from(error).refused())
    }
}

/// Single derivations, counters with so many ones.
pub fn singles(ones: u32) -> Result<Sides, Trouble> {
    let terminals: Rc<[Terminal]> = terminals(SINGLES, ones)?.into();
    let ours = Singles { terminals: Rc::clone(&terminals), keys: Vec::new() };
    Ok(Sides { ours: Box::new(ours), limit: Box::new(Bare { terminals, keys: Vec::new() }) })
}

/// Batches, counters with five ones.
pub fn batch() -> Result<Sides, Trouble> {
    let terminals: Rc<[Terminal]> = terminals(TERMINALS, 5)?.into();
    let ours = Batch { terminals: Rc::clone(&terminals), keys: Vec::new() };
    Ok(Sides { ours: Box::new(ours), limit: Box::new(Bare { terminals, keys: Vec::new() }) })
}

/// A terminal's cached initial key, and the KSN of a transaction.
struct Terminal {
    ik: Key<usage::Initial>,
    ksn: Ksn,
}

fn terminals(count: u32, ones: u32) -> Result<Vec<Terminal>, Trouble> {
    let terminal = |number| {
        let ik = Key::new(KeyAlgorithm::Tdes2, &random16("dukpt initial key", number))?;
        let ksn = Ksn::new(&random32("dukpt terminal", number)[..10])?;
        Ok(Terminal { ik, ksn: ksn.with_counter(counter(number, ones))? })
    };
    (0..count).map(terminal).collect()
}

/// A counter with so many ones, at places that look random.
fn counter(number: u32, ones: u32) -> u32 {
    let mut counter = 0_u32;
    for byte in (0..).flat_map(|more| random32("dukpt counter", number ^ (more << 16))) {
        if counter.count_ones() == ones {
            break;
        }
        counter |= (1 << (byte % 21)) & COUNTER_MAX;
    }
    counter
}

fn digest(keys: &[[u8; 16]]) -> Hash {
    CRYPTO.sha256(&[keys.as_flattened()])
}

struct Singles {
    terminals: Rc<[Terminal]>,
    keys: Vec<[u8; 16]>,
}

impl Side for Singles {
    fn run(&mut self) -> Result<u32, Trouble> {
        self.keys.clear();
        for terminal in self.terminals.iter() {
            let key = transaction_key(&terminal.ik, &terminal.ksn)?;
            self.keys.push(*key.reveal().first_chunk().ok_or(Trouble::Differ)?);
        }
        Ok(SINGLES)
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        Ok(digest(&self.keys))
    }
}

struct Batch {
    terminals: Rc<[Terminal]>,
    keys: Vec<[u8; 16]>,
}

impl Side for Batch {
    fn run(&mut self) -> Result<u32, Trouble> {
        let pairs: Vec<_> = self.terminals.iter().map(|terminal| (&terminal.ik, terminal.ksn)).collect();
        let keys = transaction_keys(&pairs)?;
        self.keys.clear();
        self.keys.extend_from_slice(keys.reveal());
        Ok(TERMINALS)
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        Ok(digest(&self.keys))
    }
}

struct Bare {
    terminals: Rc<[Terminal]>,
    keys: Vec<[u8; 16]>,
}

impl Side for Bare {
    fn run(&mut self) -> Result<u32, Trouble> {
        self.keys.clear();
        let keys = self.terminals.iter().map(|terminal| bare(terminal).ok_or(Trouble::Differ));
        for key in keys {
            self.keys.push(key?);
        }
        u32::try_from(self.terminals.len()).map_err(|_| Trouble::Unmeasurable)
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        Ok(digest(&self.keys))
    }
}

/// X9.24-1:2009 annex A.2 on bytes.
fn bare(terminal: &Terminal) -> Option<[u8; 16]> {
    let mut key: [u8; 16] = *terminal.ik.reveal().first_chunk()?;
    let (left, _) = terminal.ksn.as_bytes().split_last_chunk::<8>().map(|(left, right)| (right, left))?;
    let counter = terminal.ksn.counter();
    let mut register = u64::from_be_bytes(*left) & !u64::from(COUNTER_MAX);
    for bit in (0..21).rev().filter(|bit| counter >> bit & 1 == 1) {
        register |= 1 << bit;
        let right = half(key, register)?;
        key.iter_mut().zip(MASK).for_each(|(byte, mask)| *byte ^= mask);
        let left = half(key, register)?;
        key = (u128::from(left) << 64 | u128::from(right)).to_be_bytes();
    }
    Some(key)
}

const MASK: [u8; 16] = [0xC0, 0xC0, 0xC0, 0xC0, 0, 0, 0, 0, 0xC0, 0xC0, 0xC0, 0xC0, 0, 0, 0, 0];

fn half(key: [u8; 16], register: u64) -> Option<u64> {
    let (left, right) = key.split_first_chunk::<8>()?;
    let right = u64::from_be_bytes(*right.first_chunk()?);
    let mut block = (register ^ right).to_be_bytes();
    des::Des::new(left.into()).encrypt_block((&mut block).into());
    Some(u64::from_be_bytes(block) ^ right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_have_the_ones_that_the_row_names() {
        for ones in [1, 5, 10] {
            let sample = terminals(40, ones).unwrap();
            assert!(sample.iter().all(|terminal| terminal.ksn.counter().count_ones() == ones));
        }
    }

    #[test]
    fn a_batch_that_lost_a_key_is_seen() {
        let mut sides = batch().unwrap();
        sides.limit.run().unwrap();
        let whole = sides.limit.result().unwrap();
        let mut short = Batch { terminals: terminals(9, 5).unwrap().into(), keys: Vec::new() };
        short.run().unwrap();
        assert_ne!(short.result().unwrap(), whole);
    }
}
