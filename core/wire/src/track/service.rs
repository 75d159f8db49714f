//! The service code of ISO/IEC 7813: three digits, each with a meaning of its own.
//!
//! **Invariant:** a code of three digits is one, whatever they are: a digit that the standard reserves has no meaning, and says nothing.

/// A service code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ServiceCode([u8; 3]);

/// What the third digit says of the PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// It must be asked for.
    Required,
    /// It is asked for where it can be entered.
    WhereFeasible,
    /// The code does not ask for it.
    NotAsked,
}

/// The digit, and what it means.
type Meanings = [(u8, &'static str)];

/// First digit: where the card may be used, and whether it has a chip.
const INTERCHANGE: &Meanings = &[
    (1, "international"),
    (2, "international, chip where feasible"),
    (5, "national only, except by bilateral agreement"),
    (6, "national only, except by bilateral agreement; chip where feasible"),
    (7, "no interchange, except by bilateral agreement"),
    (9, "test"),
];

/// Second digit: how it is authorised.
const AUTHORISATION: &Meanings =
    &[(0, "normal"), (2, "online by the issuer"), (4, "online by the issuer, except by bilateral agreement")];

/// Third digit: what it may be used for, and whether the PIN is asked for.
const SERVICES: &Meanings = &[
    (0, "no restriction, PIN required"),
    (1, "no restriction"),
    (2, "goods and services only"),
    (3, "cash machine only, PIN required"),
    (4, "cash only"),
    (5, "goods and services only, PIN required"),
    (6, "no restriction, PIN where feasible"),
    (7, "goods and services only, PIN where feasible"),
];

fn meaning(meanings: &Meanings, digit: u8) -> Option<&'static str> {
    meanings.iter().find(|row| row.0 == digit).map(|row| row.1)
}

impl ServiceCode {
    /// Three digits; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = <[u8; 3]>::try_from(text.as_bytes()).ok()?;
        digits.iter().all(u8::is_ascii_digit).then(|| Self(digits.map(|digit| digit & 0x0F)))
    }

    /// The three digits, each 0 to 9.
    #[must_use]
    pub fn digits(self) -> [u8; 3] {
        self.0
    }

    /// Where the card may be used; `None` for a reserved digit.
    #[must_use]
    pub fn interchange(self) -> Option<&'static str> {
        meaning(INTERCHANGE, self.0[0])
    }

    /// How it is authorised; `None` for a reserved digit.
    #[must_use]
    pub fn authorisation(self) -> Option<&'static str> {
        meaning(AUTHORISATION, self.0[1])
    }

    /// What it may be used for; `None` for a reserved digit.
    #[must_use]
    pub fn services(self) -> Option<&'static str> {
        meaning(SERVICES, self.0[2])
    }

    /// Whether the chip is to be used where it can be: a swipe of such a card is a fallback.
    #[must_use]
    pub fn has_chip(self) -> bool {
        matches!(self.0[0], 2 | 6)
    }

    /// Whether the issuer decides online; a bilateral agreement, which this does not know, may say otherwise for the digit 4.
    #[must_use]
    pub fn is_online(self) -> bool {
        matches!(self.0[1], 2 | 4)
    }

    /// What is said of the PIN.
    #[must_use]
    pub fn pin(self) -> Pin {
        match self.0[2] {
            0 | 3 | 5 => Pin::Required,
            6 | 7 => Pin::WhereFeasible,
            _ => Pin::NotAsked,
        }
    }
}

/// It is account data: nothing of it is shown.
impl core::fmt::Debug for ServiceCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ServiceCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_digit_has_its_meaning() {
        let code = |text| ServiceCode::parse(text).unwrap();
        assert_eq!(code("201").interchange(), Some("international, chip where feasible"));
        assert_eq!(
            (code("201").has_chip(), code("101").has_chip(), code("620").has_chip()),
            (true, false, true)
        );
        assert_eq!((code("120").is_online(), code("101").is_online()), (true, false));
        assert_eq!(
            [code("120").pin(), code("126").pin(), code("121").pin()],
            [Pin::Required, Pin::WhereFeasible, Pin::NotAsked]
        );
        assert_eq!(
            (code("819").interchange(), code("819").authorisation(), code("819").services()),
            (None, None, None)
        );
        assert_eq!(code("983").digits(), [9, 8, 3]);
        assert!(["", "12", "1234", "1a1", "12é"].iter().all(|text| ServiceCode::parse(text).is_none()));
        // The words about the PIN and the method agree, digit by digit.
        for digit in 0..10 {
            let said = ServiceCode([1, 0, digit]);
            let words = said.services().unwrap_or_default();
            assert_eq!(words.contains("PIN required"), said.pin() == Pin::Required);
            assert_eq!(words.contains("PIN where"), said.pin() == Pin::WhereFeasible);
        }
    }
}
