//! What the payment vault's file seals: keys, periods, and ceremonies that are not finished.
//!
//! **Invariant:** a name and generation, and a period, are in the list once and for good; erasing takes their bytes alone.
use super::PaymentError;
use super::key::{Algorithm, Export, KeyInfo, KeyName, KeyState, Role};
use super::message::{Clear, NewKey};
use crate::sealed::Kind;
use symbolon_keys::cipher::{Aes, Tdes, check_value, cmac};
use symbolon_keys::{Crypto, HashAlgorithm, RustCrypto};
use symbolon_types::{Secret, UnixMs};
use symbolon_wire::cbor::{Bytes, to_vec};
use symbolon_wire::cbor_map;

/// The kind of sealed file.
pub(super) const KIND: Kind = Kind { magic: "symbolon-payment-vault", version: 1 };

/// The longest file that is read, in bytes.
pub(super) const LEN_MAX: usize = 1 << 20;

cbor_map! {
    /// What is sealed.
    #[derive(Clone, Debug)]
    pub struct Contents {
        /// The keys.
        1 => slots: Vec<Slot>,
        /// The keys of periods.
        2 => periods: Vec<Period>,
        /// What is begun.
        3 => pending: Vec<Pending>,
    }

    /// A key.
    #[derive(Clone, Debug)]
    pub struct Slot {
        /// Its name.
        1 => name: KeyName,
        /// Its generation, from 1.
        2 => generation: u16,
        /// What it does.
        3 => role: Role,
        /// Its algorithm.
        4 => algorithm: Algorithm,
        /// Its X9.143 usage, as it came.
        5 => usage: String,
        /// Its X9.143 mode of use, as it came.
        6 => mode: String,
        /// Whether it may leave.
        7 => export: Export,
        /// As it was set; see [`Slot::state`].
        8 => set: KeyState,
        /// Until when it is retiring.
        9 => until: Option<UnixMs>,
        /// Of the key.
        10 => check_value: Bytes,
        /// The key; empty once erased.
        11 => key: Clear,
    }

    /// The key of a period.
    #[derive(Clone, Debug)]
    pub struct Period {
        /// The period.
        1 => number: u32,
        /// The key; empty once erased.
        2 => key: Clear,
    }

    /// A key whose components are being brought.
    #[derive(Clone, Debug)]
    pub struct Pending {
        /// The key that will be.
        1 => key: NewKey,
        /// How many components it has.
        2 => components: u8,
        /// Those that are there.
        3 => parts: Vec<Part>,
    }

    /// A component.
    #[derive(Clone, Debug)]
    pub struct Part {
        /// Who brought it.
        1 => custodian: KeyName,
        /// It.
        2 => component: Clear,
    }
}

impl Contents {
    /// Nothing yet.
    pub(super) const fn empty() -> Self {
        Self { slots: Vec::new(), periods: Vec::new(), pending: Vec::new() }
    }

    /// The bytes that are sealed.
    pub(super) fn plaintext(&self) -> Secret<Vec<u8>> {
        Secret::new(to_vec(self))
    }
}

impl Slot {
    /// Its state at a moment.
    pub(super) fn state(&self, now: UnixMs) -> KeyState {
        match (self.set, self.until) {
            (KeyState::Retiring, Some(until)) if now < until => KeyState::Retiring,
            (KeyState::Retiring, _) => KeyState::Retired,
            (set, _) => set,
        }
    }

    /// All that is shown of it.
    pub(super) fn info(&self, now: UnixMs) -> KeyInfo {
        let state = self.state(now);
        KeyInfo {
            name: self.name.clone(),
            generation: self.generation,
            role: self.role,
            algorithm: self.algorithm,
            check_value: self.check_value.clone(),
            state,
            until: self.until.filter(|_| state == KeyState::Retiring),
            export: self.export,
        }
    }
}

/// The check value of a key.
pub(super) fn check_value_of(algorithm: Algorithm, key: &[u8]) -> Result<Bytes, PaymentError> {
    let first = |value: &[u8]| Bytes(value.iter().take(5).copied().collect());
    Ok(match algorithm {
        Algorithm::Tdes2 | Algorithm::Tdes3 => Bytes(check_value(&Tdes::new(key)?).to_vec()),
        Algorithm::Aes128 | Algorithm::Aes192 | Algorithm::Aes256 => {
            first(cmac(&Aes::new(key)?, &[&[0; 16]]).reveal())
        }
        Algorithm::Hmac256 => first(RustCrypto.hmac(HashAlgorithm::Sha256, key, &[&[0; 16]]).reveal()),
    })
}

/// The weak and semi-weak keys of DES (SP 800-67 rev. 2 §3.4.2), with odd parity.
const WEAK: [u64; 16] = [
    0x0101_0101_0101_0101,
    0xFEFE_FEFE_FEFE_FEFE,
    0xE0E0_E0E0_F1F1_F1F1,
    0x1F1F_1F1F_0E0E_0E0E,
    0x011F_011F_010E_010E,
    0x1F01_1F01_0E01_0E01,
    0x01E0_01E0_01F1_01F1,
    0xE001_E001_F101_F101,
    0x01FE_01FE_01FE_01FE,
    0xFE01_FE01_FE01_FE01,
    0x1FE0_1FE0_0EF1_0EF1,
    0xE01F_E01F_F10E_F10E,
    0x1FFE_1FFE_0EFE_0EFE,
    0xFE1F_FE1F_FE0E_FE0E,
    0xE0FE_E0FE_F1FE_F1FE,
    0xFEE0_FEE0_FEF1_FEF1,
];

/// Whether a key must not be used: all zeros; of triple DES also a part that is weak or that stands twice, which makes it a weaker cipher.
pub(super) fn is_weak(algorithm: Algorithm, key: &[u8]) -> bool {
    if key.iter().all(|byte| *byte == 0) {
        return true;
    }
    if !algorithm.is_tdes() {
        return false;
    }
    const PARITY: u64 = 0xFEFE_FEFE_FEFE_FEFE;
    let parts: Vec<u64> =
        key.as_chunks::<8>().0.iter().map(|part| u64::from_be_bytes(*part) & PARITY).collect();
    let twice = parts.iter().enumerate().any(|(at, part)| parts.iter().skip(at + 1).any(|next| next == part));
    twice || parts.iter().any(|part| WEAK.iter().any(|weak| weak & PARITY == *part))
}

/// Whether every byte has an odd number of ones, as DES keys are written.
pub(super) fn has_odd_parity(key: &[u8]) -> bool {
    key.iter().all(|byte| byte.count_ones() % 2 == 1)
}
