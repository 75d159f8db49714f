//! Derived unique key per transaction: a base key and a serial number give every transaction keys of its own (X9.24-1:2009, X9.24-3:2017).
//!
//! **Invariant:** a key of one usage is of one type; a counter that the standard never uses gives no key.
use alloc::vec::Vec;
use symbolon_types::{CoreRefusal, Secret};
use symbolon_wire::parts::crc32;

pub mod aes;
pub mod tdes;

/// Why there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DukptError {
    /// The key serial number has the wrong length, or its counter is zero, too large, or has too many ones.
    Ksn,
    /// The working key would be stronger than its base key (X9.24-3:2017 §6.1).
    Weak,
    /// The base or initial key is of another algorithm than the scheme takes.
    Key,
    /// The terminal has used all its keys.
    Exhausted,
    /// The terminal's stored state is not one.
    State,
}

impl From<DukptError> for CoreRefusal {
    fn from(error: DukptError) -> Self {
        match error {
            DukptError::Ksn => Self::KsnInvalid,
            DukptError::Weak => Self::KeyWeak,
            DukptError::Key => Self::KeyUnfit,
            DukptError::Exhausted => Self::KeysExhausted,
            DukptError::State => Self::Damaged,
        }
    }
}

/// The value of the lowest bit that is set; zero of zero.
fn lowest_one(counter: u32) -> u32 {
    counter & counter.wrapping_neg()
}

/// Bytes of a checksum.
const SUM_LEN: usize = 4;

/// What a terminal stores, with its checksum behind it. There must be room for that: a copy left behind by a larger one would not be wiped.
fn summed(mut bytes: Vec<u8>) -> Secret<Vec<u8>> {
    bytes.extend(crc32(&bytes).to_be_bytes());
    Secret::new(bytes)
}

/// What is in front of a right checksum.
fn unsummed(bytes: &[u8]) -> Option<&[u8]> {
    let (body, sum) = bytes.split_last_chunk::<SUM_LEN>()?;
    (crc32(body) == u32::from_be_bytes(*sum)).then_some(body)
}
