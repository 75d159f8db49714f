//! EMV session keys, application cryptograms and issuer scripts (EMV Book 2 clauses 8 and 9, annex A1; the payment systems' own choices in [`SCHEMES`]).
//!
//! ```text
//! issuer master key ─icc_master(option, PAN, PSN)─► ICC master key ─session(ATC, UN or ARQC)─► session key ─► cryptogram, ARPC, script
//!   IssuerAc                                          IccAc                                      SessionAc      AC, ARPC
//!   IssuerSmi                                         IccSmi                                     SessionSmi     MAC of a script command
//!   IssuerSmc                                         IccSmc                                     SessionSmc     enciphered command data, PIN change
//! ```
//! **Invariant:** a key of one column and row cannot be used as one of another: a cryptogram's key makes no script MAC. No error names a value.
use crate::CryptoError;
use crate::usages;
use symbolon_types::CoreRefusal;

mod batch;
mod card;
mod cryptogram;
mod derive;
mod scheme;
mod script;

pub use batch::{Check, verify, verify_all};
pub use card::{AccountNumber, Card};
pub(crate) use card::{decimalised, digits_of, nibbles, packed};
pub use cryptogram::{Verified, arpc_method_1, arpc_method_2, cryptogram, verify_cryptogram};
pub use derive::{IccMaster, IssuerMaster, MasterKeyOption, SessionDerivation, Tree, icc_master, session};
pub use scheme::{AcSession, IssuerAnswer, ResponseKey, SCHEMES, Scheme, ScriptSession, scheme};
pub use script::{
    Encipherment, PinBlockForm, PinChange, ScriptKeys, encipher, pin_change, script_mac, vis_pin_block,
};

usages! {
    /// IMK_AC: ICC master keys for application cryptograms are derived from it.
    IssuerAc "issuer master for application cryptograms",
    /// IMK_SMI: the same for the integrity of scripts.
    IssuerSmi "issuer master for the integrity of scripts",
    /// IMK_SMC: the same for the confidentiality of scripts.
    IssuerSmc "issuer master for the confidentiality of scripts",
    /// MK_AC: the card's own key for application cryptograms.
    IccAc "ICC master for application cryptograms",
    /// MK_SMI: the card's own key for the integrity of scripts.
    IccSmi "ICC master for the integrity of scripts",
    /// MK_SMC: the card's own key for the confidentiality of scripts.
    IccSmc "ICC master for the confidentiality of scripts",
    /// SK_AC: makes and checks application cryptograms, and makes the issuer's answer.
    SessionAc "session for application cryptograms",
    /// SK_SMI: makes the MAC of a script command.
    SessionSmi "session for the integrity of scripts",
    /// SK_SMC: enciphers the data of a script command.
    SessionSmc "session for the confidentiality of scripts",
}

/// Why nothing was computed, or why something does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmvError {
    /// The key's algorithm is not one that the computation takes.
    Key,
    /// An input of this name has a wrong length or range, or is absent.
    Field(&'static str),
    /// The account number has not 8 to 19 digits.
    Pan,
    /// The PIN has a wrong length or a character that is no digit.
    Pin,
    /// The cryptogram is not the one that the key gives for the data.
    Mismatch,
}

impl From<CryptoError> for EmvError {
    fn from(_: CryptoError) -> Self {
        Self::Key
    }
}

impl From<EmvError> for CoreRefusal {
    fn from(error: EmvError) -> Self {
        match error {
            EmvError::Key => Self::KeyUnfit,
            EmvError::Field(_) => Self::FieldInvalid,
            EmvError::Pan => Self::PanInvalid,
            EmvError::Pin => Self::PinBlock,
            EmvError::Mismatch => Self::BadSignature,
        }
    }
}

impl core::fmt::Display for EmvError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Key => f.write_str("the key is of another algorithm or length"),
            Self::Field(name) => write!(f, "{name}: wrong length or range, or absent"),
            Self::Pan => f.write_str("the account number is not 8 to 19 digits"),
            Self::Pin => f.write_str("the PIN is not so many digits"),
            Self::Mismatch => f.write_str("the cryptogram does not hold"),
        }
    }
}

impl core::error::Error for EmvError {}
