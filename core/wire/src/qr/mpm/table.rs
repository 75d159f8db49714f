//! The ids of a merchant-presented QR code as data (EMV QR Code Specification, Merchant-Presented Mode 1.1, tables 3.1 to 3.8): name, format,
//! the most characters, whether it must be there.
//!
//! **Invariant:** the rows of a table rise, do not overlap, and cover every id from 00 to 99 that may be there.

/// How a value is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Exactly so many digits.
    Digits(usize),
    /// `01`, the only version.
    Version,
    /// Digits, with at most one point among or after them.
    Decimal,
    /// Two letters (ISO 3166-1 alpha-2).
    Country,
    /// Four upper-case hexadecimal digits.
    Crc,
    /// Any characters but control characters.
    Text,
    /// As [`Kind::Text`]: the globally unique identifier of a template, an AID, a UUID without hyphens or a reverse domain name.
    Identifier,
    /// Objects of their own.
    Template(&'static [Rule]),
}

impl Kind {
    /// Whether `value` is made so, whatever its length but where that is exact.
    #[must_use]
    pub fn takes(self, value: &str) -> bool {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        match self {
            Self::Digits(count) => value.len() == count && digits(value),
            Self::Version => value == "01",
            Self::Decimal => {
                let (whole, part) = value.split_once('.').unwrap_or((value, ""));
                !whole.is_empty() && digits(whole) && digits(part)
            }
            Self::Country => value.len() == 2 && value.bytes().all(|byte| byte.is_ascii_alphabetic()),
            Self::Crc => {
                let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
                value.len() == 4 && value.bytes().all(hexadecimal)
            }
            Self::Text | Self::Identifier | Self::Template(_) => !value.chars().any(char::is_control),
        }
    }
}

/// One row: an id or a range of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// First and last id.
    pub ids: (u8, u8),
    /// The specification's name.
    pub name: &'static str,
    /// How the value is made.
    pub kind: Kind,
    /// The most characters.
    pub characters_max: usize,
    /// Whether one of these ids must be there.
    pub mandatory: bool,
}

impl Rule {
    /// Whether the row is about this id.
    #[must_use]
    pub fn is_of(&self, id: u8) -> bool {
        (self.ids.0..=self.ids.1).contains(&id)
    }
}

/// The row of an id.
#[must_use]
pub fn rule(rules: &[Rule], id: u8) -> Option<&Rule> {
    rules.iter().find(|rule| rule.is_of(id))
}

const fn must(id: u8, name: &'static str, kind: Kind, characters_max: usize) -> Rule {
    Rule { ids: (id, id), name, kind, characters_max, mandatory: true }
}

const fn may(first: u8, last: u8, name: &'static str, kind: Kind, characters_max: usize) -> Rule {
    Rule { ids: (first, last), name, kind, characters_max, mandatory: false }
}

/// Ids 26 to 51 and 80 to 99, and the payment systems' own within 62.
pub const IDENTIFIED: &[Rule] = &[
    must(0, "Globally Unique Identifier", Kind::Identifier, 32),
    may(1, 99, "Context specific data", Kind::Text, 99),
];

/// Id 62.
pub const ADDITIONAL: &[Rule] = &[
    may(1, 1, "Bill Number", Kind::Text, 25),
    may(2, 2, "Mobile Number", Kind::Text, 25),
    may(3, 3, "Store Label", Kind::Text, 25),
    may(4, 4, "Loyalty Number", Kind::Text, 25),
    may(5, 5, "Reference Label", Kind::Text, 25),
    may(6, 6, "Customer Label", Kind::Text, 25),
    may(7, 7, "Terminal Label", Kind::Text, 25),
    may(8, 8, "Purpose of Transaction", Kind::Text, 25),
    may(9, 9, "Additional Consumer Data Request", Kind::Text, 3),
    may(10, 10, "Merchant Tax ID", Kind::Text, 20),
    may(11, 11, "Merchant Channel", Kind::Text, 3),
    may(12, 49, "RFU for EMVCo", Kind::Text, 99),
    may(50, 99, "Payment System Specific Template", Kind::Template(IDENTIFIED), 99),
];

/// Id 64.
pub const LANGUAGE: &[Rule] = &[
    must(0, "Language Preference", Kind::Text, 2),
    must(1, "Merchant Name - Alternate Language", Kind::Text, 25),
    may(2, 2, "Merchant City - Alternate Language", Kind::Text, 15),
    may(3, 99, "RFU for EMVCo", Kind::Text, 99),
];

/// The root, but for its one rule over several rows: one of 02 to 51 must be there, [`Rule::mandatory`] of [`ACCOUNTS`].
pub const ROOT: &[Rule] = &[
    must(0, "Payload Format Indicator", Kind::Version, 2),
    may(1, 1, "Point of Initiation Method", Kind::Digits(2), 2),
    may(2, 3, "Merchant Account Information (Visa)", Kind::Text, 99),
    may(4, 5, "Merchant Account Information (Mastercard)", Kind::Text, 99),
    may(6, 8, "Merchant Account Information (reserved by EMVCo)", Kind::Text, 99),
    may(9, 10, "Merchant Account Information (Discover)", Kind::Text, 99),
    may(11, 12, "Merchant Account Information (American Express)", Kind::Text, 99),
    may(13, 14, "Merchant Account Information (JCB)", Kind::Text, 99),
    may(15, 16, "Merchant Account Information (UnionPay)", Kind::Text, 99),
    may(17, 25, "Merchant Account Information (reserved by EMVCo)", Kind::Text, 99),
    may(26, 51, "Merchant Account Information", Kind::Template(IDENTIFIED), 99),
    must(52, "Merchant Category Code", Kind::Digits(4), 4),
    must(53, "Transaction Currency", Kind::Digits(3), 3),
    may(54, 54, "Transaction Amount", Kind::Decimal, 13),
    may(55, 55, "Tip or Convenience Indicator", Kind::Digits(2), 2),
    may(56, 56, "Value of Convenience Fee Fixed", Kind::Decimal, 13),
    may(57, 57, "Value of Convenience Fee Percentage", Kind::Decimal, 5),
    must(58, "Country Code", Kind::Country, 2),
    must(59, "Merchant Name", Kind::Text, 25),
    must(60, "Merchant City", Kind::Text, 15),
    may(61, 61, "Postal Code", Kind::Text, 10),
    may(62, 62, "Additional Data Field Template", Kind::Template(ADDITIONAL), 99),
    must(63, "CRC", Kind::Crc, 4),
    may(64, 64, "Merchant Information - Language Template", Kind::Template(LANGUAGE), 99),
    may(65, 79, "RFU for EMVCo", Kind::Text, 99),
    may(80, 99, "Unreserved Template", Kind::Template(IDENTIFIED), 99),
];

/// One of these ids must be there: where the merchant has an account.
pub const ACCOUNTS: Rule = Rule {
    ids: (2, 51),
    name: "Merchant Account Information",
    kind: Kind::Text,
    characters_max: 99,
    mandatory: true,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_rise_and_cover_what_may_be_there() {
        for (rules, first) in [(ROOT, 0), (IDENTIFIED, 0), (ADDITIONAL, 1), (LANGUAGE, 0)] {
            let mut next = first;
            for rule in rules {
                assert_eq!(rule.ids.0, next, "{}", rule.name);
                assert!(rule.ids.0 <= rule.ids.1 && rule.characters_max <= 99);
                next = rule.ids.1 + 1;
            }
            assert_eq!(next, 100);
        }
    }
}
