//! ICC master keys and session keys (EMV Book 2 annex A1.3 and A1.4), and the older derivations that cards in the field still use.
//!
//! **Invariant:** derived triple DES keys have odd parity, so that equal keys are equal bytes.
use super::{
    Card, EmvError, IccAc, IccSmc, IccSmi, IssuerAc, IssuerSmc, IssuerSmi, SessionAc, SessionSmc, SessionSmi,
    decimalised, packed,
};
use crate::cipher::{Aes, BlockCipher, Tdes, set_odd_parity, xor};
use crate::usage::{Key, KeyAlgorithm, Usage};
use core::iter::repeat_n;
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

/// The usage of an issuer master key.
pub trait IssuerMaster: Usage {
    /// What the ICC master keys derived from it are for.
    type Icc: Usage;
}

/// The usage of an ICC master key.
pub trait IccMaster: Usage {
    /// What the session keys derived from it are for.
    type Session: Usage;
}

impl IssuerMaster for IssuerAc {
    type Icc = IccAc;
}
impl IssuerMaster for IssuerSmi {
    type Icc = IccSmi;
}
impl IssuerMaster for IssuerSmc {
    type Icc = IccSmc;
}
impl IccMaster for IccAc {
    type Session = SessionAc;
}
impl IccMaster for IccSmi {
    type Session = SessionSmi;
}
impl IccMaster for IccSmc {
    type Session = SessionSmc;
}

/// How an ICC master key follows from the issuer's and the card's number (EMV Book 2 A1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MasterKeyOption {
    /// A1.4.1: the last 16 digits of PAN and PSN. Triple DES.
    A,
    /// A1.4.2: 16 digits of a SHA-1 over PAN and PSN; for a PAN of 16 digits or fewer the same as A. Triple DES.
    B,
    /// A1.4.3: PAN and PSN in a block of 16 bytes. AES.
    C,
}

/// The cipher under a key from which others are derived, made ready once.
pub(super) enum Deriver {
    Tdes(Tdes),
    Aes(Aes, KeyAlgorithm),
}

impl Deriver {
    /// Double-length triple DES and AES are what EMV names (A1.1, B1).
    pub(super) fn of<U: Usage>(key: &Key<U>) -> Result<Self, EmvError> {
        match key.algorithm() {
            KeyAlgorithm::Tdes2 => Ok(Self::Tdes(key.tdes()?)),
            algorithm @ (KeyAlgorithm::Aes128 | KeyAlgorithm::Aes192 | KeyAlgorithm::Aes256) => {
                Ok(Self::Aes(key.aes()?, algorithm))
            }
            _ => Err(EmvError::Key),
        }
    }

    /// The ICC master key of a card.
    pub(super) fn icc_master<I: IssuerMaster>(
        &self,
        option: MasterKeyOption,
        card: &Card,
    ) -> Result<Key<I::Icc>, EmvError> {
        match (self, option) {
            (Self::Tdes(cipher), MasterKeyOption::A | MasterKeyOption::B) => {
                let [left, right] = master_blocks(option, card);
                tdes_key(cipher, left, right)
            }
            (Self::Aes(cipher, algorithm), MasterKeyOption::C) => {
                let left: [u8; 16] = last_digits(card, 32);
                aes_key(cipher, *algorithm, left, left.map(|byte| !byte))
            }
            _ => Err(EmvError::Key),
        }
    }

    /// The common session key (A1.3.1). R is filled up with zeros to the cipher's block.
    fn common<T: Usage>(&self, r: [u8; 8]) -> Result<Key<T>, EmvError> {
        let [first, second] = common_blocks(r);
        match self {
            Self::Tdes(cipher) => tdes_key(cipher, first, second),
            // A key as long as one block is R enciphered, without a mark.
            Self::Aes(cipher, KeyAlgorithm::Aes128) => {
                aes_key(cipher, KeyAlgorithm::Aes128, filled(r), filled(r))
            }
            Self::Aes(cipher, algorithm) => aes_key(cipher, *algorithm, filled(first), filled(second)),
        }
    }
}

/// What a triple DES key of a card is enciphered from: A1.4.1, or A1.4.2 for option B.
pub(super) fn master_blocks(option: MasterKeyOption, card: &Card) -> [[u8; 8]; 2] {
    let hashed = option == MasterKeyOption::B && card.pan().digits().len() > 16;
    let left: [u8; 8] = if hashed { hashed_digits(card) } else { last_digits(card, 16) };
    [left, left.map(|byte| !byte)]
}

/// R with the marks of the two halves of a key (A1.3.1).
pub(super) fn common_blocks([a, b, _, c, d, e, f, g]: [u8; 8]) -> [[u8; 8]; 2] {
    [0xF0, 0x0F].map(|mark| [a, b, mark, c, d, e, f, g])
}

fn filled(r: [u8; 8]) -> [u8; 16] {
    let mut block = [0; 16];
    block.iter_mut().zip(r).for_each(|(slot, byte)| *slot = byte);
    block
}

/// Two blocks, enciphered, as a double-length key.
fn tdes_key<T: Usage>(cipher: &Tdes, mut left: [u8; 8], mut right: [u8; 8]) -> Result<Key<T>, EmvError> {
    cipher.encrypt(&mut left);
    cipher.encrypt(&mut right);
    odd_key(left, right)
}

/// Two halves as a double-length key with odd parity.
fn odd_key<T: Usage>(left: [u8; 8], right: [u8; 8]) -> Result<Key<T>, EmvError> {
    let (left, right) = (Zeroizing::new(left), Zeroizing::new(right));
    let mut key = Zeroizing::new([0; 16]);
    key.iter_mut().zip(left.iter().chain(right.iter())).for_each(|(slot, byte)| *slot = *byte);
    set_odd_parity(key.as_mut_slice());
    Ok(Key::new(KeyAlgorithm::Tdes2, key.as_slice())?)
}

/// As much of two blocks, enciphered, as the key is long.
fn aes_key<T: Usage>(
    cipher: &Aes,
    algorithm: KeyAlgorithm,
    left: [u8; 16],
    right: [u8; 16],
) -> Result<Key<T>, EmvError> {
    let mut blocks = Zeroizing::new([left, right]);
    blocks.iter_mut().for_each(|block| cipher.encrypt(block));
    let key = blocks.as_flattened().get(..algorithm.key_len()).unwrap_or_default();
    Ok(Key::new(algorithm, key)?)
}

/// The last `count` digits of PAN and PSN, with zeros before them where there are fewer.
fn last_digits<const N: usize>(card: &Card, count: usize) -> [u8; N] {
    let there = card.pan().digits().len().saturating_add(2);
    let zeros = repeat_n(0, count.saturating_sub(there));
    packed(zeros.chain(card.digits().skip(there.saturating_sub(count))))
}

/// Sixteen decimal digits of the SHA-1 over PAN and PSN, written two digits a byte with a zero before an odd number of them (A1.4.2).
fn hashed_digits(card: &Card) -> [u8; 8] {
    let there = card.pan().digits().len().saturating_add(2);
    let odd = there.checked_rem(2).unwrap_or(0);
    let text: Zeroizing<[u8; 11]> = Zeroizing::new(packed(repeat_n(0, odd).chain(card.digits())));
    let bytes = there.saturating_add(odd).checked_div(2).unwrap_or(0);
    let hash = Sha1::digest(text.get(..bytes).unwrap_or_default());
    packed(decimalised(&hash, 16))
}

/// The ICC master key of a card (EMV Book 2 A1.4).
///
/// # Errors
/// [`EmvError::Key`] unless the issuer's is a double-length triple DES key for options A and B, an AES key for option C.
pub fn icc_master<I: IssuerMaster>(
    issuer: &Key<I>,
    option: MasterKeyOption,
    card: &Card,
) -> Result<Key<I::Icc>, EmvError> {
    Deriver::of(issuer)?.icc_master::<I>(option, card)
}

/// The tree of keys of EMV2000 (EMV 4.1 Book 2 A1.3): so many levels, each key with so many children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tree {
    branch: u8,
    height: u8,
}

impl Tree {
    /// Branch factor 4 and height 8, which the standard recommends.
    pub const QUATERNARY: Self = Self { branch: 4, height: 8 };
    /// Branch factor 2 and height 16.
    pub const BINARY: Self = Self { branch: 2, height: 16 };

    /// A tree of a branch factor of 2 or more and a height of at most 16, with a leaf for each ATC.
    ///
    /// # Errors
    /// [`EmvError::Field`] `branch` or `height`.
    pub fn new(branch: u8, height: u8) -> Result<Self, EmvError> {
        if branch < 2 {
            return Err(EmvError::Field("branch"));
        }
        let leaves = u64::from(branch).saturating_pow(u32::from(height));
        if height > 16 || leaves <= u64::from(u16::MAX) {
            return Err(EmvError::Field("height"));
        }
        Ok(Self { branch, height })
    }

    /// The session key: the last intermediate key, combined with the key two levels above it.
    fn session<T: Usage>(self, icc: &[u8], atc: [u8; 2], iv: &[u8; 16]) -> Result<Key<T>, EmvError> {
        let master = icc.first_chunk().ok_or(EmvError::Key)?;
        let (mut parent, mut grandparent) = (Zeroizing::new(*master), Zeroizing::new(*iv));
        for level in (0..self.height).rev() {
            let below = u64::from(self.branch).saturating_pow(u32::from(level));
            let node = u64::from(u16::from_be_bytes(atc)).checked_div(below).unwrap_or(0);
            let child = self.child(&parent, &grandparent, node)?;
            if level == 0 {
                let mut key = child;
                xor(key.as_mut_slice(), grandparent.as_slice());
                set_odd_parity(key.as_mut_slice());
                return Ok(Key::new(KeyAlgorithm::Tdes2, key.as_slice())?);
            }
            (grandparent, parent) = (parent, child);
        }
        Err(EmvError::Field("height"))
    }

    /// F(X, Y, j) of the standard.
    fn child(
        self,
        parent: &[u8; 16],
        grandparent: &[u8; 16],
        node: u64,
    ) -> Result<Zeroizing<[u8; 16]>, EmvError> {
        let branch = node.checked_rem(u64::from(self.branch)).and_then(|branch| u8::try_from(branch).ok());
        let cipher = Tdes::new(parent)?;
        let mut child = Zeroizing::new(*grandparent);
        for (block, mark) in child.as_chunks_mut::<8>().0.iter_mut().zip([0x00, 0xF0]) {
            block.last_mut().into_iter().for_each(|byte| *byte ^= branch.unwrap_or(0) ^ mark);
            cipher.encrypt(block);
        }
        Ok(child)
    }
}

/// How a session key follows from an ICC master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionDerivation {
    /// No derivation: the ICC master key itself, as CVN 10 has it.
    MasterKey,
    /// The common session key (A1.3.1) of this R.
    Common([u8; 8]),
    /// The ATC combined with the last bytes of both halves: script keys of VIS (CVN 10 and 18). Triple DES.
    VisaScript([u8; 2]),
    /// The tree of EMV2000, for an ATC and an initial value; withdrawn, but cards have it. Triple DES.
    Tree {
        /// Its shape.
        tree: Tree,
        /// Application transaction counter.
        atc: [u8; 2],
        /// Zeros, unless the issuer chose otherwise.
        iv: [u8; 16],
    },
}

impl SessionDerivation {
    /// R of a cryptogram's key: ATC, then zeros (A1.3.1).
    #[must_use]
    pub fn of_atc([high, low]: [u8; 2]) -> Self {
        Self::Common([high, low, 0, 0, 0, 0, 0, 0])
    }

    /// R of M/Chip: ATC, two zeros, the unpredictable number.
    #[must_use]
    pub fn of_atc_and_un([high, low]: [u8; 2], [a, b, c, d]: [u8; 4]) -> Self {
        Self::Common([high, low, 0, 0, a, b, c, d])
    }

    /// R of a script's key: the application cryptogram of the transaction (A1.3.1).
    #[must_use]
    pub fn of_cryptogram(cryptogram: [u8; 8]) -> Self {
        Self::Common(cryptogram)
    }
}

/// The session key of a transaction.
///
/// # Errors
/// [`EmvError::Key`] for an algorithm that the derivation does not take.
pub fn session<M: IccMaster>(
    icc: &Key<M>,
    derivation: &SessionDerivation,
) -> Result<Key<M::Session>, EmvError> {
    match *derivation {
        SessionDerivation::MasterKey => Ok(Key::new(icc.algorithm(), icc.reveal())?),
        SessionDerivation::Common(r) => Deriver::of(icc)?.common(r),
        SessionDerivation::VisaScript(atc) => visa_script(halves(icc)?, atc),
        SessionDerivation::Tree { tree, atc, iv } => {
            halves(icc)?;
            tree.session(icc.reveal(), atc, &iv)
        }
    }
}

/// The two halves of a double-length key.
pub(super) fn halves<U: Usage>(key: &Key<U>) -> Result<(&[u8; 8], &[u8; 8]), EmvError> {
    match (key.algorithm(), key.reveal().as_chunks::<8>().0) {
        (KeyAlgorithm::Tdes2, [left, right]) => Ok((left, right)),
        _ => Err(EmvError::Key),
    }
}

/// The ATC into the left half, its complement into the right one (VIS 1.5 appendix B.4).
fn visa_script<T: Usage>((left, right): (&[u8; 8], &[u8; 8]), atc: [u8; 2]) -> Result<Key<T>, EmvError> {
    let last = |half: &[u8; 8], [high, low]: [u8; 2]| {
        let mut half = *half;
        xor(&mut half, &[0, 0, 0, 0, 0, 0, high, low]);
        half
    };
    odd_key(last(left, atc), last(right, atc.map(|byte| !byte)))
}
