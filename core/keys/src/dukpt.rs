//! Derived unique key per transaction: a base key and a serial number give every transaction keys of its own (X9.24-1:2009, X9.24-3:2017).
//!
//! **Invariant:** a key of one usage is of one type; a counter that the standard never uses gives no key.
use symbolon_types::CoreRefusal;

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
