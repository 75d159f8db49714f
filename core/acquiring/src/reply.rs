//! What a request is answered: an action code of ISO 8583:1993, from which the response code of 1987 follows.
use symbolon_wire::cbor::{Bytes, Cbor, Decoder, Encoder, Malformed};
use symbolon_wire::cbor_map;
use symbolon_wire::iso8583::response_code;

/// An action code, 0 to 999 (ISO 8583:1993 annex A.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActionCode(pub u16);

impl ActionCode {
    /// Approved.
    pub const APPROVED: Self = Self(0);
    /// Approved for a part of the amount.
    pub const PARTIAL: Self = Self(2);
    /// Do not honour.
    pub const DECLINED: Self = Self(100);
    /// Invalid merchant: the terminal is not known, or not of the merchant that it names.
    pub const INVALID_MERCHANT: Self = Self(109);
    /// Invalid amount: zero, or of another currency than the accounts.
    pub const INVALID_AMOUNT: Self = Self(110);
    /// Invalid card number: no account is known for the token.
    pub const INVALID_CARD: Self = Self(111);
    /// Not sufficient funds.
    pub const NOT_SUFFICIENT: Self = Self(116);
    /// The requested function is not supported.
    pub const NOT_SUPPORTED: Self = Self(115);
    /// Security violation: the authentication code is missing, or wrong.
    pub const VIOLATION: Self = Self(122);
    /// Invalid PIN block.
    pub const INVALID_PIN_BLOCK: Self = Self(126);
    /// A message of network management was accepted.
    pub const ACCEPTED: Self = Self(800);
    /// Card issuer or switch inoperative: nobody is there to decide it, and it may not be decided without.
    pub const INOPERATIVE: Self = Self(907);
    /// Card issuer timed out: whatever it says later does not count, and it is told so.
    pub const TIMED_OUT: Self = Self(911);
    /// The format is wrong: a field is missing or does not hold what it must.
    pub const FORMAT: Self = Self(904);
    /// System malfunction: nothing was done, and it may be asked again.
    pub const MALFUNCTION: Self = Self(909);
    /// A reversal was accepted.
    pub const REVERSED: Self = Self(400);
    /// Invalid transaction: its reversal came before it.
    pub const INVALID: Self = Self(902);
    /// Duplicate transmission: another request had this key and its window is open.
    pub const DUPLICATE: Self = Self(913);
    /// Not able to trace back to the original transaction.
    pub const NO_ORIGINAL: Self = Self(914);

    /// Whether money was approved: the codes from 000 to 099.
    #[must_use]
    pub fn is_approved(self) -> bool {
        self.0 < 100
    }

    /// Whether an answer to an advice or a reversal asks to be sent it again: what answered could not take it now.
    #[must_use]
    pub fn asks_again(self) -> bool {
        matches!(self, Self::INOPERATIVE | Self::MALFUNCTION | Self::TIMED_OUT | Self(906 | 908 | 912 | 923))
    }

    /// The three digits of field 39 in 1993.
    #[must_use]
    pub fn digits(self) -> [u8; 3] {
        let digit = |divisor: u16| {
            let digit = self.0.checked_div(divisor).and_then(|rest| rest.checked_rem(10)).unwrap_or(0);
            u8::try_from(digit).unwrap_or(0).saturating_add(b'0')
        };
        [digit(100), digit(10), digit(1)]
    }

    /// The two characters of field 39 in 1987. An accepted reversal or sign-on is 00; what 1987 has no code for is 06, error.
    #[must_use]
    pub fn response_code(self) -> &'static str {
        match self {
            Self::REVERSED | Self::ACCEPTED => "00",
            Self::NO_ORIGINAL => "25",
            _ => core::str::from_utf8(&self.digits()).ok().and_then(response_code).unwrap_or("06"),
        }
    }
}

impl Cbor for ActionCode {
    fn encode(&self, out: &mut Encoder) {
        self.0.encode(out);
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        let code = u16::decode(input)?;
        if code > 999 { Err(Malformed) } else { Ok(Self(code)) }
    }
}

cbor_map! {
    /// The answer to a request, the same for all its repeats.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Reply {
        /// Field 39.
        1 => action: ActionCode,
        /// How much was approved or moved, in minor units; 0 when declined.
        2 => amount: u64,
        /// Field 38, six characters; of an approval.
        3 => approval: Option<[u8; 6]>,
        /// Field 55: what the issuer tells the chip, as a processor gave it.
        4 => chip: Option<Bytes>,
    }
}

impl Reply {
    /// Nothing was approved.
    #[must_use]
    pub fn only(action: ActionCode) -> Self {
        Self { action, amount: 0, approval: None, chip: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_that_is_answered_has_its_response_code() {
        for (code, digits, response) in [
            (ActionCode::APPROVED, b"000", "00"),
            (ActionCode::PARTIAL, b"002", "10"),
            (ActionCode::DECLINED, b"100", "05"),
            (ActionCode::INVALID_MERCHANT, b"109", "03"),
            (ActionCode::INVALID_AMOUNT, b"110", "13"),
            (ActionCode::INVALID_CARD, b"111", "14"),
            (ActionCode::NOT_SUFFICIENT, b"116", "51"),
            (ActionCode::REVERSED, b"400", "00"),
            (ActionCode::NOT_SUPPORTED, b"115", "40"),
            (ActionCode::VIOLATION, b"122", "63"),
            (ActionCode::ACCEPTED, b"800", "00"),
            (ActionCode::FORMAT, b"904", "30"),
            (ActionCode::MALFUNCTION, b"909", "96"),
            (ActionCode::INOPERATIVE, b"907", "91"),
            (ActionCode::TIMED_OUT, b"911", "68"),
            (ActionCode::INVALID, b"902", "12"),
            (ActionCode::DUPLICATE, b"913", "94"),
            (ActionCode::NO_ORIGINAL, b"914", "25"),
        ] {
            assert_eq!((&code.digits(), code.response_code()), (digits, response));
        }
    }
}
