//! Why the payment vault did not do as asked.
//!
//! **Invariant:** an error has no value of what was asked: a wrong MAC, cryptogram, card value and PIN are one refusal.
use crate::VaultError;
use std::fmt;
use symbolon_keys::CryptoError;
use symbolon_keys::dukpt::DukptError;
use symbolon_keys::emv::EmvError;
use symbolon_keys::keyblock::KeyBlockError;
use symbolon_keys::pinblock::PinBlockError;
use symbolon_types::{CoreRefusal, Refused};
use symbolon_wire::cbor::{Cbor, Decoder, Encoder, Malformed};

/// What the vault answers instead of doing as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentError {
    /// A refusal that every system has.
    Refused(CoreRefusal),
    /// The key's state does not allow it: not yet activated, past its overlap, retired, or erased.
    KeyState,
    /// Key components: the same custodian twice, a component twice, one too many, or not all there yet.
    Ceremony,
    /// The vault holds as many keys, periods or ceremonies as it can.
    Full,
    /// The medium, the engine or the connection failed; whether a change was made is known only by asking again.
    Unavailable,
}

/// The numbers of what is no [`CoreRefusal`] lie above its hundred.
const OWN: [(u16, PaymentError); 4] = [
    (101, PaymentError::KeyState),
    (102, PaymentError::Ceremony),
    (103, PaymentError::Full),
    (104, PaymentError::Unavailable),
];

impl PaymentError {
    /// Its number on the vault's socket and in the audit; 0 stands for success there.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::Refused(refusal) => refusal.refused().code,
            own => OWN.iter().find(|row| row.1 == own).map_or(104, |row| row.0),
        }
    }

    /// The core refusal under which a caller reports it.
    #[must_use]
    pub const fn refusal(self) -> CoreRefusal {
        match self {
            Self::Refused(refusal) => refusal,
            Self::KeyState => CoreRefusal::KeyUnfit,
            Self::Ceremony => CoreRefusal::Conflict,
            Self::Full => CoreRefusal::TooLarge,
            Self::Unavailable => CoreRefusal::Unavailable,
        }
    }

    /// That refusal's number and name, with the vault's own reason where it has one.
    #[must_use]
    pub const fn refused(self) -> Refused {
        let reason = match self {
            Self::Refused(refusal) => return refusal.refused(),
            Self::KeyState => "the key's state does not allow this",
            Self::Ceremony => {
                "the components are not as they must be: each once, by another custodian, all of them"
            }
            Self::Full => "the vault holds as many as it can",
            Self::Unavailable => "the vault, its medium or its connection failed",
        };
        Refused { reason, ..self.refusal().refused() }
    }

    fn of_code(code: u16) -> Option<Self> {
        let own = OWN.iter().find(|row| row.0 == code).map(|row| row.1);
        own.or_else(|| CoreRefusal::from_code(code).map(Self::Refused))
    }
}

impl Cbor for PaymentError {
    fn encode(&self, out: &mut Encoder) {
        out.uint(u64::from(self.code()));
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        u16::try_from(input.uint()?).ok().and_then(Self::of_code).ok_or(Malformed)
    }
}

impl From<CoreRefusal> for PaymentError {
    fn from(refusal: CoreRefusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Errors of `core/keys` are core refusals.
macro_rules! refused {
    ($($error:ty),*) => {$(
        impl From<$error> for PaymentError {
            fn from(error: $error) -> Self {
                Self::Refused(error.into())
            }
        }
    )*};
}
refused!(DukptError, EmvError, KeyBlockError, PinBlockError);

impl From<CryptoError> for PaymentError {
    fn from(_: CryptoError) -> Self {
        Self::Refused(CoreRefusal::KeyUnfit)
    }
}

impl From<Malformed> for PaymentError {
    fn from(_: Malformed) -> Self {
        Self::Refused(CoreRefusal::Malformed)
    }
}

impl From<VaultError> for PaymentError {
    fn from(_: VaultError) -> Self {
        Self::Unavailable
    }
}

impl fmt::Display for PaymentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.refused().reason)
    }
}

impl std::error::Error for PaymentError {}
