//! The list of cardholder verification methods, tag 8E (EMV Book 3 §10.5 and Annex C3): two amounts, and rules in the order of preference.
//!
//! **Invariant:** a list that is read has both amounts and one to [`RULES_MAX`] whole rules.
use super::{TlvError, TlvFault};
use alloc::vec::Vec;

/// The most rules: 252 bytes (EMV Book 3 Annex A) less the amounts, two bytes each.
pub const RULES_MAX: usize = 122;

/// One rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CvmRule {
    /// Byte 1: the method, and in bit 7 whether the next rule applies when this one fails.
    pub code: u8,
    /// Byte 2: when the rule applies.
    pub condition: u8,
}

impl CvmRule {
    /// Whether the next rule is tried when this method fails; otherwise verification has failed.
    #[must_use]
    pub fn continues(self) -> bool {
        self.code & 0x40 != 0
    }

    /// The method's name (EMV Book 3 Annex C3, byte 1); `None` for one that is reserved.
    #[must_use]
    pub fn method(self) -> Option<&'static str> {
        METHODS.iter().find(|row| row.0 == self.code & 0x3F).map(|row| row.1)
    }

    /// The condition's name (EMV Book 3 Annex C3, byte 2); `None` for one that is reserved.
    #[must_use]
    pub fn condition_name(self) -> Option<&'static str> {
        CONDITIONS.iter().find(|row| row.0 == self.condition).map(|row| row.1)
    }
}

const METHODS: [(u8, &str); 19] = [
    (0x00, "Fail CVM processing"),
    (0x01, "Plaintext PIN verification performed by ICC"),
    (0x02, "Enciphered PIN verified online"),
    (0x03, "Plaintext PIN verification performed by ICC and signature"),
    (0x04, "Enciphered PIN verification performed by ICC"),
    (0x05, "Enciphered PIN verification performed by ICC and signature"),
    (0x06, "Facial biometric verified offline by ICC"),
    (0x07, "Facial biometric verified online"),
    (0x08, "Finger biometric verified offline by ICC"),
    (0x09, "Finger biometric verified online"),
    (0x0A, "Palm biometric verified offline by ICC"),
    (0x0B, "Palm biometric verified online"),
    (0x0C, "Iris biometric verified offline by ICC"),
    (0x0D, "Iris biometric verified online"),
    (0x0E, "Voice biometric verified offline by ICC"),
    (0x0F, "Voice biometric verified online"),
    (0x1E, "Signature"),
    (0x1F, "No CVM required"),
    // What a terminal writes into CVM Results, never what a card asks for.
    (0x3F, "No CVM performed"),
];

const CONDITIONS: [(u8, &str); 10] = [
    (0x00, "Always"),
    (0x01, "If unattended cash"),
    (0x02, "If not unattended cash and not manual cash and not purchase with cashback"),
    (0x03, "If terminal supports the CVM"),
    (0x04, "If manual cash"),
    (0x05, "If purchase with cashback"),
    (0x06, "If transaction is in the application currency and is under X value"),
    (0x07, "If transaction is in the application currency and is over X value"),
    (0x08, "If transaction is in the application currency and is under Y value"),
    (0x09, "If transaction is in the application currency and is over Y value"),
];

/// The whole list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CvmList {
    /// X, in minor units of the application currency.
    pub amount_x: u32,
    /// Y, in minor units of the application currency.
    pub amount_y: u32,
    /// In the order of preference, at least one.
    pub rules: Vec<CvmRule>,
}

impl CvmList {
    /// Reads the value of tag 8E.
    ///
    /// # Errors
    /// [`TlvFault::ValueCut`] when an amount, a rule's second byte or every rule is missing; [`TlvFault::TooMany`] above [`RULES_MAX`].
    pub fn parse(bytes: &[u8]) -> Result<Self, TlvError> {
        let cut = TlvError { fault: TlvFault::ValueCut, offset: bytes.len() };
        let (&amount_x, rest) = bytes.split_first_chunk().ok_or(cut)?;
        let (&amount_y, rest) = rest.split_first_chunk().ok_or(cut)?;
        let (pairs, half) = rest.as_chunks::<2>();
        if pairs.is_empty() || !half.is_empty() {
            return Err(cut);
        }
        if pairs.len() > RULES_MAX {
            return Err(TlvError { fault: TlvFault::TooMany, offset: 252 });
        }
        let rules = pairs.iter().map(|&[code, condition]| CvmRule { code, condition }).collect();
        Ok(Self { amount_x: u32::from_be_bytes(amount_x), amount_y: u32::from_be_bytes(amount_y), rules })
    }

    /// The value of tag 8E.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.rules.len().saturating_mul(2).saturating_add(8));
        out.extend_from_slice(&self.amount_x.to_be_bytes());
        out.extend_from_slice(&self.amount_y.to_be_bytes());
        out.extend(self.rules.iter().flat_map(|rule| [rule.code, rule.condition]));
        out
    }
}
