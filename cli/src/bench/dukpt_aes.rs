//! `dukpt.aes`: PIN keys from cached initial keys of AES-128, in batches and one by one, against the bare steps that they are made of.
//!
//! A step is a key schedule and one block; a key takes a step for each one in its counter, and one for its usage.
//!
//! **Invariant:** the result is all working keys, in the order of their KSNs.
use super::measure::{Side, Sides, Trouble};
use super::sample::{CRYPTO, random16, random32};
use aes::Block;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use std::rc::Rc;
use symbolon_keys::Crypto;
use symbolon_keys::dukpt::aes::{InitialKeyId, Ksn, lanes, transaction, working_keys};
use symbolon_keys::usage::{self, Key, KeyAlgorithm};
use symbolon_types::Hash;

/// Keys in a run.
const KEYS: u32 = 256;

/// A terminal's cached initial key, the KSN of a transaction, and what each step to its PIN key enciphers.
struct Terminal {
    initial: Key<usage::Initial>,
    ksn: Ksn,
    data: Vec<[u8; 16]>,
}

/// Batches against bare steps, eight keys side by side.
pub fn batch(ones: u32) -> Result<Sides, Trouble> {
    let terminals = terminals(ones)?;
    Ok(Sides { ours: side(&terminals, batched), limit: side(&terminals, bare) })
}

/// Batches against the crate `aes` as one writes it.
pub fn rustcrypto(ones: u32) -> Result<Sides, Trouble> {
    let terminals = terminals(ones)?;
    Ok(Sides { ours: side(&terminals, batched), limit: side(&terminals, stepped::<aes::Aes128>) })
}

/// Single derivations against single steps.
pub fn single(ones: u32) -> Result<Sides, Trouble> {
    let terminals = terminals(ones)?;
    Ok(Sides { ours: side(&terminals, singly), limit: side(&terminals, stepped::<aes::Aes128Enc>) })
}

type Derive = fn(&[Terminal], &mut Vec<[u8; 16]>) -> Result<(), Trouble>;

struct Derivations {
    terminals: Rc<[Terminal]>,
    derive: Derive,
    keys: Vec<[u8; 16]>,
}

fn side(terminals: &Rc<[Terminal]>, derive: Derive) -> Box<dyn Side> {
    Box::new(Derivations { terminals: Rc::clone(terminals), derive, keys: Vec::new() })
}

impl Side for Derivations {
    fn run(&mut self) -> Result<u32, Trouble> {
        self.keys.clear();
        (self.derive)(&self.terminals, &mut self.keys)?;
        Ok(KEYS)
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        Ok(CRYPTO.sha256(&[self.keys.as_flattened()]))
    }
}

fn terminals(ones: u32) -> Result<Rc<[Terminal]>, Trouble> {
    let terminal = |number| {
        let initial = Key::new(KeyAlgorithm::Aes128, &random16("dukpt initial key", number))?;
        let [a, b, c, d, e, f, g, h, ..] = random16("dukpt initial key id", number);
        let id = InitialKeyId([a, b, c, d, e, f, g, h]);
        let ksn = Ksn { id, counter: counter(number, ones) };
        Ok(Terminal { initial, ksn, data: data(&ksn) })
    };
    (0..KEYS).map(terminal).collect()
}

/// A counter with so many ones, at places that look random.
fn counter(number: u32, ones: u32) -> u32 {
    let mut counter = 0_u32;
    for byte in (0..).flat_map(|more| random32("dukpt counter", number ^ (more << 16))) {
        if counter.count_ones() == ones {
            break;
        }
        counter |= 1 << (byte % 32);
    }
    counter
}

/// The derivation data of X9.24-3:2017 §6.3.2, put together here a second time: AES-128, then a PIN key of AES-128.
fn data(ksn: &Ksn) -> Vec<[u8; 16]> {
    let block = |usage: u16, counter: u32| {
        let ([u, v], [.., a, b, c, d], [e, f, g, h]) = (usage.to_be_bytes(), ksn.id.0, counter.to_be_bytes());
        [1, 1, u, v, 0, 2, 0, 128, a, b, c, d, e, f, g, h]
    };
    let ones = (0..32).rev().filter(|place| ksn.counter >> place & 1 == 1);
    let steps = ones.map(|place| block(0x8000, ksn.counter >> place << place));
    steps.chain([block(0x1000, ksn.counter)]).collect()
}

fn taken(key: &Key<usage::Pin>) -> Result<[u8; 16], Trouble> {
    key.reveal().try_into().map_err(|_| Trouble::Differ)
}

fn batched(terminals: &[Terminal], keys: &mut Vec<[u8; 16]>) -> Result<(), Trouble> {
    let wanted: Vec<_> = terminals.iter().map(|terminal| (&terminal.initial, terminal.ksn)).collect();
    for key in working_keys::<usage::Pin>(&wanted, KeyAlgorithm::Aes128) {
        keys.push(taken(&key?)?);
    }
    Ok(())
}

fn singly(terminals: &[Terminal], keys: &mut Vec<[u8; 16]>) -> Result<(), Trouble> {
    for terminal in terminals {
        let made = transaction(&terminal.initial, &terminal.ksn)?;
        keys.push(taken(&made.working_key(KeyAlgorithm::Aes128)?)?);
    }
    Ok(())
}

fn stepped<C: KeyInit + BlockCipherEncrypt<BlockSize = aes::cipher::consts::U16>>(
    terminals: &[Terminal],
    keys: &mut Vec<[u8; 16]>,
) -> Result<(), Trouble> {
    for terminal in terminals {
        let mut key: [u8; 16] = terminal.initial.reveal().try_into().map_err(|_| Trouble::Differ)?;
        for data in &terminal.data {
            let mut block: Block = (*data).into();
            C::new_from_slice(&key).map_err(|_| Trouble::Differ)?.encrypt_block(&mut block);
            key = block.into();
        }
        keys.push(key);
    }
    Ok(())
}

fn bare(terminals: &[Terminal], keys: &mut Vec<[u8; 16]>) -> Result<(), Trouble> {
    let mut scratch = lanes::Scratch::<4>::new();
    let mut lane_keys = [lanes::ZERO; 2];
    let (eights, rest) = terminals.as_chunks::<{ lanes::LANES }>();
    if !rest.is_empty() {
        return Err(Trouble::Unmeasurable);
    }
    for eight in eights {
        for (key, terminal) in lane_keys[0].iter_mut().zip(eight) {
            key.0 = terminal.initial.reveal().try_into().map_err(|_| Trouble::Differ)?;
        }
        for step in 0..eight[0].data.len() {
            let mut text = [lanes::ZERO];
            text[0].iter_mut().zip(eight).for_each(|(text, terminal)| text.0 = terminal.data[step]);
            lanes::encrypt(&lane_keys, &mut text, &mut scratch);
            [lane_keys[0]] = text;
        }
        keys.extend(lane_keys[0].iter().map(|key| key.0));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_have_the_ones_that_the_row_names() {
        for ones in [1, 8, 16] {
            let sample = terminals(ones).unwrap();
            assert!(sample.iter().all(|terminal| terminal.ksn.counter.count_ones() == ones));
            assert!(sample.iter().all(|terminal| terminal.data.len() == ones as usize + 1));
        }
    }

    #[test]
    fn all_ways_give_the_same_keys_and_a_lost_one_is_seen() {
        let terminals = terminals(8).unwrap();
        let result = |derive| {
            let mut side = side(&terminals, derive);
            side.run().unwrap();
            side.result().unwrap()
        };
        let ours = result(batched);
        for derive in [singly as Derive, bare, stepped::<aes::Aes128>] {
            assert_eq!(result(derive), ours);
        }
        assert_ne!(result(|terminals, keys| batched(&terminals[1..], keys)), ours);
    }
}
