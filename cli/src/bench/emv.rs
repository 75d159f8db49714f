//! `emv.cryptogram` and `emv.cryptogram.batch`: an issuer's check of application cryptograms under CVN 18, from its master key on.
//!
//! **Invariant:** the result is both sides' verdicts on every cryptogram, and on every cryptogram with a bit of it turned.
use super::measure::{Side, Sides, Trouble};
use super::sample::{CRYPTO, random16, random32};
use des::Des;
use des::cipher::{Block, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use std::hint::black_box;
use std::rc::Rc;
use symbolon_keys::Crypto;
use symbolon_keys::emv::{
    AccountNumber, Card, Check, EmvError, IssuerAc, MasterKeyOption, Scheme, cryptogram, icc_master, scheme,
    verify, verify_all,
};
use symbolon_keys::usage::{Key, KeyAlgorithm};
use symbolon_types::{CoreRefusal, Hash};

/// Cryptograms, each of a card of its own.
const CHECKS: u32 = 1024;
/// The data of a CVN 18 cryptogram: its ten fields and seven bytes of issuer application data.
const DATA: usize = 40;

impl From<EmvError> for Trouble {
    fn from(error: EmvError) -> Self {
        Self::Refused(CoreRefusal::from(error).refused())
    }
}

/// A cryptogram, the card that made it, and the same as the blocks that the bare cipher takes.
struct Sample {
    card: Card,
    atc: [u8; 2],
    data: Vec<u8>,
    cryptogram: [u8; 8],
    /// The digits of account and sequence number (EMV Book 2 A1.4.1).
    number: [u8; 8],
    padded: Vec<[u8; 8]>,
}

struct Issuer {
    key: Key<IssuerAc>,
    scheme: &'static Scheme,
    samples: Vec<Sample>,
}

impl Issuer {
    fn new() -> Result<Rc<Self>, Trouble> {
        let key = Key::new(KeyAlgorithm::Tdes2, &random16("emv issuer", 0))?;
        let scheme = scheme("cvn18").ok_or(Trouble::Unmeasurable)?;
        let samples: Result<_, _> = (0..CHECKS).map(|number| sample(&key, scheme, number)).collect();
        Ok(Rc::new(Self { key, scheme, samples: samples? }))
    }

    /// The checks, with a bit turned in each cryptogram or not.
    fn checks(&self, turned: u8) -> Vec<Check<'_>> {
        let of = |sample| {
            let cryptogram = received(sample, turned);
            let Sample { card, atc, data, .. } = sample;
            Check { scheme: self.scheme, card, atc: *atc, un: None, data, cryptogram }
        };
        self.samples.iter().map(of).collect()
    }
}

/// A sample's cryptogram, with these bits of its last byte turned.
fn received(sample: &Sample, turned: u8) -> [u8; 8] {
    let mut cryptogram = sample.cryptogram;
    cryptogram[7] ^= turned;
    cryptogram
}

fn sample(issuer: &Key<IssuerAc>, scheme: &Scheme, number: u32) -> Result<Sample, Trouble> {
    let pan = format!("476173{number:010}");
    let card = Card::new(AccountNumber::parse(&pan)?, 1)?;
    let [a, b, ..] = random16("emv atc", number);
    let data = [&random32("emv data", number)[..], &random16("emv data", number)[..DATA - 32]].concat();
    let icc = icc_master(issuer, MasterKeyOption::A, &card)?;
    let session = scheme.session(&icc, [a, b], None)?;
    let made = *cryptogram(&session, &data, scheme.padding)?.reveal();
    let digits = symbolon_types::hex_parse(&format!("{pan}01")[2..]).unwrap_or_default();
    let padded = [&data[..], &[0x80, 0, 0, 0, 0, 0, 0, 0]].concat();
    Ok(Sample {
        card,
        atc: [a, b],
        data,
        cryptogram: made,
        number: digits.try_into().map_err(|_| Trouble::Unmeasurable)?,
        padded: padded.as_chunks().0.to_vec(),
    })
}

/// `emv.cryptogram`.
pub fn single() -> Result<Sides, Trouble> {
    let issuer = Issuer::new()?;
    let limit = Limit { issuer: Rc::clone(&issuer), verdicts: Vec::new() };
    Ok(Sides {
        ours: Box::new(Ours { issuer, way: one_by_one, verdicts: Vec::new() }),
        limit: Box::new(limit),
    })
}

/// `emv.cryptogram.batch`.
pub fn batch() -> Result<Sides, Trouble> {
    let issuer = Issuer::new()?;
    let limit = Ours { issuer: Rc::clone(&issuer), way: one_by_one, verdicts: Vec::new() };
    Ok(Sides { ours: Box::new(Ours { issuer, way: together, verdicts: Vec::new() }), limit: Box::new(limit) })
}

type Way = fn(&Key<IssuerAc>, &[Check<'_>]) -> Vec<u8>;

fn one_by_one(key: &Key<IssuerAc>, checks: &[Check<'_>]) -> Vec<u8> {
    checks.iter().map(|check| u8::from(verify(key, MasterKeyOption::A, black_box(check)).is_ok())).collect()
}

fn together(key: &Key<IssuerAc>, checks: &[Check<'_>]) -> Vec<u8> {
    verify_all(key, MasterKeyOption::A, black_box(checks))
        .iter()
        .map(|answer| u8::from(answer.is_ok()))
        .collect()
}

struct Ours {
    issuer: Rc<Issuer>,
    way: Way,
    verdicts: Vec<u8>,
}

impl Side for Ours {
    fn run(&mut self) -> Result<u32, Trouble> {
        self.verdicts = (self.way)(&self.issuer.key, &self.issuer.checks(0));
        Ok(CHECKS)
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        let altered = (self.way)(&self.issuer.key, &self.issuer.checks(1));
        Ok(CRYPTO.sha256(&[&self.verdicts, &altered]))
    }
}

struct Limit {
    issuer: Rc<Issuer>,
    verdicts: Vec<u8>,
}

/// Two DES keys, scheduled.
struct Pair(Des, Des);

impl Pair {
    fn new(halves: &[[u8; 8]; 2]) -> Self {
        let [left, right] = halves.map(|half| Des::new(&half.into()));
        Self(left, right)
    }

    fn triple(&self, block: [u8; 8]) -> [u8; 8] {
        let mut block: Block<Des> = block.into();
        self.0.encrypt_block(&mut block);
        self.1.decrypt_block(&mut block);
        self.0.encrypt_block(&mut block);
        block.into()
    }
}

impl Limit {
    /// The 20 blocks and 6 key schedules of a check.
    fn holds(&self, sample: &Sample, received: [u8; 8]) -> bool {
        let (left, right) = self.issuer.key.reveal().split_at(8);
        let [left, right] = [left, right].map(|half| half.try_into().unwrap_or_default());
        let issuer = Pair::new(&[left, right]);
        let icc = Pair::new(&[issuer.triple(sample.number), issuer.triple(sample.number.map(|byte| !byte))]);
        let [a, b] = sample.atc;
        let session = Pair::new(&[0xF0, 0x0F].map(|mark| icc.triple([a, b, mark, 0, 0, 0, 0, 0])));
        let mut mac: Block<Des> = [0; 8].into();
        for block in &sample.padded {
            mac.iter_mut().zip(block).for_each(|(mac, byte)| *mac ^= byte);
            session.0.encrypt_block(&mut mac);
        }
        session.1.decrypt_block(&mut mac);
        session.0.encrypt_block(&mut mac);
        mac.iter().zip(received).fold(0, |differs, (mac, byte)| differs | (mac ^ byte)) == 0
    }

    fn verdicts(&self, turned: u8) -> Vec<u8> {
        let holds = |sample: &Sample| u8::from(self.holds(black_box(sample), received(sample, turned)));
        self.issuer.samples.iter().map(holds).collect()
    }
}

impl Side for Limit {
    fn run(&mut self) -> Result<u32, Trouble> {
        self.verdicts = self.verdicts(0);
        Ok(CHECKS)
    }

    fn result(&mut self) -> Result<Hash, Trouble> {
        Ok(CRYPTO.sha256(&[&self.verdicts, &self.verdicts(1)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_takes_each_cryptogram_and_refuses_each_altered_one() {
        let (yes, no) = ([1; CHECKS as usize], [0; CHECKS as usize]);
        let expected = CRYPTO.sha256(&[&yes, &no]);
        for mut sides in [single().unwrap(), batch().unwrap()] {
            for side in [&mut sides.ours, &mut sides.limit] {
                assert_eq!(side.run().unwrap(), CHECKS);
                assert_eq!(side.result().unwrap(), expected);
            }
        }
    }
}
