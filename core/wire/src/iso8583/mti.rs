//! The message type indicator: four digits that say version, class, function and origin (ISO 8583:1987 4.1, ISO 8583:1993 4.1).
//!
//! **Invariant:** an [`Mti`] is four decimal digits; a digit that the standards reserve is kept and named so, not refused.

/// Four digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mti([u8; 4]);

/// The first digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 0: ISO 8583:1987.
    V1987,
    /// 1: ISO 8583:1993.
    V1993,
    /// 2: ISO 8583:2003.
    V2003,
    /// 8: national use.
    National,
    /// 9: private use.
    Private,
    /// Reserved by ISO.
    Reserved(u8),
}

/// The second digit: what the message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// 1: authorisation.
    Authorisation,
    /// 2: financial.
    Financial,
    /// 3: file action.
    FileAction,
    /// 4: reversal or chargeback.
    Reversal,
    /// 5: reconciliation.
    Reconciliation,
    /// 6: administrative.
    Administrative,
    /// 7: fee collection.
    FeeCollection,
    /// 8: network management.
    NetworkManagement,
    /// Reserved by ISO.
    Reserved(u8),
}

/// The third digit: its place in the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// 0: request.
    Request,
    /// 1: response to a request.
    RequestResponse,
    /// 2: advice.
    Advice,
    /// 3: response to an advice.
    AdviceResponse,
    /// 4: notification.
    Notification,
    /// Reserved by ISO.
    Reserved(u8),
}

/// The fourth digit: who sends it, and whether again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// 0: the acquirer.
    Acquirer,
    /// 1: the acquirer, again.
    AcquirerRepeat,
    /// 2: the card issuer.
    Issuer,
    /// 3: the card issuer, again.
    IssuerRepeat,
    /// 4: another.
    Other,
    /// 5: another, again.
    OtherRepeat,
    /// Reserved by ISO.
    Reserved(u8),
}

impl Mti {
    /// `None` unless all four are decimal digits in ASCII.
    #[must_use]
    pub fn parse(digits: [u8; 4]) -> Option<Self> {
        digits.iter().all(u8::is_ascii_digit).then_some(Self(digits))
    }

    /// From the number that the digits write, as 200 for 0200. `None` above 9999.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        let digit =
            |divisor| u8::try_from(number.checked_div(divisor)?.checked_rem(10)?).ok()?.checked_add(b'0');
        if number > 9999 {
            return None;
        }
        Some(Self([digit(1000)?, digit(100)?, digit(10)?, digit(1)?]))
    }

    /// The digits in ASCII.
    #[must_use]
    pub fn digits(&self) -> &[u8; 4] {
        &self.0
    }

    fn digit<const PLACE: usize>(self) -> u8 {
        self.0.get(PLACE).map_or(0, |digit| digit & 0x0F)
    }

    /// The first digit.
    #[must_use]
    pub fn version(self) -> Version {
        match self.digit::<0>() {
            0 => Version::V1987,
            1 => Version::V1993,
            2 => Version::V2003,
            8 => Version::National,
            9 => Version::Private,
            other => Version::Reserved(other),
        }
    }

    /// The second digit.
    #[must_use]
    pub fn class(self) -> Class {
        match self.digit::<1>() {
            1 => Class::Authorisation,
            2 => Class::Financial,
            3 => Class::FileAction,
            4 => Class::Reversal,
            5 => Class::Reconciliation,
            6 => Class::Administrative,
            7 => Class::FeeCollection,
            8 => Class::NetworkManagement,
            other => Class::Reserved(other),
        }
    }

    /// The third digit.
    #[must_use]
    pub fn function(self) -> Function {
        match self.digit::<2>() {
            0 => Function::Request,
            1 => Function::RequestResponse,
            2 => Function::Advice,
            3 => Function::AdviceResponse,
            4 => Function::Notification,
            other => Function::Reserved(other),
        }
    }

    /// The fourth digit.
    #[must_use]
    pub fn origin(self) -> Origin {
        match self.digit::<3>() {
            0 => Origin::Acquirer,
            1 => Origin::AcquirerRepeat,
            2 => Origin::Issuer,
            3 => Origin::IssuerRepeat,
            4 => Origin::Other,
            5 => Origin::OtherRepeat,
            other => Origin::Reserved(other),
        }
    }

    /// The type that answers this one: a request's or an advice's response, from the original, not a repeat (0201 is answered by 0210).
    /// `None` where the type is itself an answer, or wants none.
    #[must_use]
    pub fn answer(self) -> Option<Self> {
        let [version, class, function, origin] = self.0;
        let function = match self.function() {
            Function::Request | Function::Advice => function.checked_add(1)?,
            _ => return None,
        };
        let origin = match self.origin() {
            Origin::AcquirerRepeat | Origin::IssuerRepeat | Origin::OtherRepeat => origin.checked_sub(1)?,
            _ => origin,
        };
        Some(Self([version, class, function, origin]))
    }
}

impl core::fmt::Display for Mti {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(core::str::from_utf8(&self.0).unwrap_or_default())
    }
}

impl core::fmt::Debug for Mti {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}
