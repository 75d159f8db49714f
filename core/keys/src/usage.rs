//! Keys typed by what they may do: a PIN key cannot encrypt data, a request key cannot open a response.
//!
//! **Invariant:** a [`Key`] changes its usage nowhere; its bytes are wiped when it is dropped and shown nowhere.
use crate::CryptoError;
use crate::cipher::{Aes, Tdes};
use core::fmt;
use core::marker::PhantomData;
use zeroize::Zeroize;

/// What a key may do. Implemented by types that have no values.
pub trait Usage: Copy + 'static {
    /// Its name, for errors and debug output.
    const NAME: &'static str;
}

/// Defines usages: empty types, each with its name.
#[macro_export]
macro_rules! usages {
    ($($(#[$meta:meta])* $usage:ident $name:literal,)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $usage {}

        impl $crate::usage::Usage for $usage {
            const NAME: &'static str = $name;
        }
    )*};
}

usages! {
    /// A base derivation key: initial keys are derived from it, and nothing else is done with it.
    Base "base derivation",
    /// A terminal's initial key.
    Initial "initial",
    /// A key between the initial one and the working ones.
    Derivation "derivation",
    /// Enciphers and deciphers PIN blocks.
    Pin "PIN",
    /// Makes and checks the MAC of a request: from the terminal.
    MacRequest "MAC of requests",
    /// Makes and checks the MAC of a response: to the terminal.
    MacResponse "MAC of responses",
    /// Makes and checks MACs in both directions.
    MacBoth "MAC of both directions",
    /// Enciphers and deciphers the data of a request.
    DataRequest "data of requests",
    /// Enciphers and deciphers the data of a response.
    DataResponse "data of responses",
    /// Enciphers and deciphers data in both directions.
    DataBoth "data of both directions",
    /// Wraps and unwraps other keys.
    KeyEncryption "key encryption",
}

/// The algorithm that a key is for, and with it its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyAlgorithm {
    /// Triple DES with two keys: 16 bytes.
    Tdes2,
    /// Triple DES with three keys: 24 bytes.
    Tdes3,
    /// AES with 128 bits.
    Aes128,
    /// AES with 192 bits.
    Aes192,
    /// AES with 256 bits.
    Aes256,
    /// HMAC under 128 bits.
    Hmac128,
    /// HMAC under 192 bits.
    Hmac192,
    /// HMAC under 256 bits.
    Hmac256,
}

impl KeyAlgorithm {
    /// The key's length in bytes, parity bits included: 16, 24 or 32.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Tdes2 | Self::Aes128 | Self::Hmac128 => 16,
            Self::Tdes3 | Self::Aes192 | Self::Hmac192 => 24,
            Self::Aes256 | Self::Hmac256 => 32,
        }
    }

    /// The strength in bits (SP 800-57 part 1 table 2): 80 for two-key, 112 for three-key triple DES, else the key's length.
    #[must_use]
    pub const fn strength_bits(self) -> u16 {
        match self {
            Self::Tdes2 => 80,
            Self::Tdes3 => 112,
            Self::Aes128 | Self::Hmac128 => 128,
            Self::Aes192 | Self::Hmac192 => 192,
            Self::Aes256 | Self::Hmac256 => 256,
        }
    }
}

/// A symmetric key of one usage.
///
/// Its bytes are kept as two large numbers, so that it is moved and wiped in few steps: batches move many.
pub struct Key<U: Usage> {
    /// The first [`KeyAlgorithm::key_len`] bytes as they stand in memory are the key's, the others zero.
    bytes: [u128; 2],
    algorithm: KeyAlgorithm,
    usage: PhantomData<U>,
}

impl<U: Usage> Key<U> {
    /// Takes a key's bytes in.
    ///
    /// # Errors
    /// [`CryptoError`] unless there are [`KeyAlgorithm::key_len`] of them.
    pub fn new(algorithm: KeyAlgorithm, bytes: &[u8]) -> Result<Self, CryptoError> {
        if bytes.len() != algorithm.key_len() {
            return Err(CryptoError);
        }
        let mut key = Self { bytes: [0; 2], algorithm, usage: PhantomData };
        bytemuck::bytes_of_mut(&mut key.bytes).iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = *byte);
        Ok(key)
    }

    /// Of the first [`KeyAlgorithm::key_len`] of these bytes.
    #[inline]
    pub(crate) fn of_first(algorithm: KeyAlgorithm, [first, second]: [[u8; 16]; 2]) -> Self {
        let [mut low, mut high] = [u128::from_le_bytes(first), u128::from_le_bytes(second)];
        match algorithm.key_len() {
            ..=16 => high = 0,
            17..=24 => high &= u128::from(u64::MAX),
            _ => {}
        }
        (low, high) = (low.to_le(), high.to_le());
        Self { bytes: [low, high], algorithm, usage: PhantomData }
    }

    /// Its bytes, with zeros behind them up to 32.
    #[inline]
    pub(crate) fn padded(&self) -> &[[u8; 16]; 2] {
        bytemuck::cast_ref(&self.bytes)
    }

    /// Its algorithm.
    #[must_use]
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// Its bytes, for the one computation that needs them.
    #[must_use]
    pub fn reveal(&self) -> &[u8] {
        bytemuck::bytes_of(&self.bytes).get(..self.algorithm.key_len()).unwrap_or_default()
    }

    /// The AES cipher under it.
    ///
    /// # Errors
    /// [`CryptoError`] unless it is an AES key.
    pub fn aes(&self) -> Result<Aes, CryptoError> {
        match self.algorithm {
            KeyAlgorithm::Aes128 | KeyAlgorithm::Aes192 | KeyAlgorithm::Aes256 => Aes::new(self.reveal()),
            _ => Err(CryptoError),
        }
    }

    /// The triple DES cipher under it.
    ///
    /// # Errors
    /// [`CryptoError`] unless it is a triple DES key.
    pub fn tdes(&self) -> Result<Tdes, CryptoError> {
        match self.algorithm {
            KeyAlgorithm::Tdes2 | KeyAlgorithm::Tdes3 => Tdes::new(self.reveal()),
            _ => Err(CryptoError),
        }
    }
}

impl<U: Usage> Drop for Key<U> {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl<U: Usage> Clone for Key<U> {
    fn clone(&self) -> Self {
        Self { algorithm: self.algorithm, bytes: self.bytes, usage: PhantomData }
    }
}

impl<U: Usage> fmt::Debug for Key<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, {:?})", U::NAME, self.algorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn a_key_has_its_algorithms_length_and_shows_nothing() {
        let key = Key::<Pin>::new(KeyAlgorithm::Aes128, &[0xA5; 16]).unwrap();
        assert_eq!(key.reveal(), [0xA5; 16]);
        assert_eq!(format!("{key:?}"), "Key(PIN, Aes128)");
        assert!(key.aes().is_ok() && key.tdes().is_err());
        assert!(Key::<Pin>::new(KeyAlgorithm::Aes128, &[0xA5; 17]).is_err());
        assert!(Key::<Pin>::new(KeyAlgorithm::Tdes3, &[0xA5; 24]).unwrap().tdes().is_ok());
    }
}
