//! The fields of a track: ISO/IEC 7813 for tracks 1 and 2, ISO/IEC 4909 for track 3, as one table a track.
//!
//! ```text
//!   track 1   B PAN ^ name ^ expiry service discretionary          expiry and service code: or a separator in its place
//!   track 2   PAN = expiry service discretionary
//!   track 3   format(2) PAN = country currency additional          country and currency: or a separator in its place
//! ```
//! Of track 3 the use and security data after the currency code are given whole, as `additional`.
//!
//! **Invariant:** a field is a part of the text that was given, in its order; the check digit of the account number is not looked at.
use super::{ServiceCode, Track};
use core::fmt;
use symbolon_types::{CoreRefusal, Refused};

/// What a part of a track is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `B` on track 1, two digits on track 3.
    FormatCode,
    /// The primary account number, at most 19 digits.
    Pan,
    /// The cardholder's name, 2 to 26 characters: surname, `/`, first name, and `.` before a title.
    Name,
    /// ISO 3166-1 numeric (track 3).
    CountryCode,
    /// ISO 4217 numeric (track 3).
    CurrencyCode,
    /// The last month of validity, YYMM.
    Expiry,
    /// Three digits: [`ServiceCode`].
    ServiceCode,
    /// What the issuer keeps there; may be empty.
    Discretionary,
    /// Use and security data, and additional data (track 3).
    Additional,
}

impl Field {
    /// The name, in small letters with underscores.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FormatCode => "format_code",
            Self::Pan => "pan",
            Self::Name => "name",
            Self::CountryCode => "country_code",
            Self::CurrencyCode => "currency_code",
            Self::Expiry => "expiry",
            Self::ServiceCode => "service_code",
            Self::Discretionary => "discretionary",
            Self::Additional => "additional",
        }
    }
}

/// How a field is cut out of the text.
#[derive(Clone, Copy)]
enum Form {
    /// These characters.
    Literal(&'static str),
    /// So many digits.
    Digits(usize),
    /// 1 to 19 digits, and a separator.
    Account,
    /// 2 to 26 characters, and a separator.
    Name,
    /// So many digits, or a separator.
    DigitsOrSeparator(usize),
    /// Four digits of which the last two are a month, or a separator.
    MonthOrSeparator,
    /// All that is left.
    Rest,
}

/// ISO/IEC 7813, track 1, structure B.
const TRACK_1: &[(Field, Form)] = &[
    (Field::FormatCode, Form::Literal("B")),
    (Field::Pan, Form::Account),
    (Field::Name, Form::Name),
    (Field::Expiry, Form::MonthOrSeparator),
    (Field::ServiceCode, Form::DigitsOrSeparator(3)),
    (Field::Discretionary, Form::Rest),
];

/// ISO/IEC 7813, track 2.
const TRACK_2: &[(Field, Form)] = &[
    (Field::Pan, Form::Account),
    (Field::Expiry, Form::MonthOrSeparator),
    (Field::ServiceCode, Form::DigitsOrSeparator(3)),
    (Field::Discretionary, Form::Rest),
];

/// ISO/IEC 4909, as far as it is read.
const TRACK_3: &[(Field, Form)] = &[
    (Field::FormatCode, Form::Digits(2)),
    (Field::Pan, Form::Account),
    (Field::CountryCode, Form::DigitsOrSeparator(3)),
    (Field::CurrencyCode, Form::DigitsOrSeparator(3)),
    (Field::Additional, Form::Rest),
];

/// The most fields of a track.
const FIELDS_MAX: usize = 6;

impl Form {
    /// The field at the start of `text` and what follows it; a field that a separator stands for is `None`. `None` in all: it is not one.
    fn cut(self, text: &str, separator: char) -> Option<(Option<&str>, &str)> {
        match self {
            Self::Literal(literal) => {
                text.strip_prefix(literal).map(|rest| (text.get(..literal.len()), rest))
            }
            Self::Digits(count) => {
                text.split_at_checked(count).filter(|(field, _)| digits(field)).map(present)
            }
            Self::Account => text
                .split_once(separator)
                .filter(|(field, _)| (1..=19).contains(&field.len()) && digits(field))
                .map(present),
            Self::Name => {
                text.split_once(separator).filter(|(field, _)| (2..=26).contains(&field.len())).map(present)
            }
            Self::DigitsOrSeparator(count) => match text.strip_prefix(separator) {
                Some(rest) => Some((None, rest)),
                None => Self::Digits(count).cut(text, separator),
            },
            Self::MonthOrSeparator => Self::DigitsOrSeparator(4)
                .cut(text, separator)
                .filter(|(field, _)| field.and_then(|yymm| yymm.get(2..)).is_none_or(is_month)),
            Self::Rest => Some((Some(text), "")),
        }
    }
}

fn present<'a>((field, rest): (&'a str, &'a str)) -> (Option<&'a str>, &'a str) {
    (Some(field), rest)
}

fn is_month(mm: &str) -> bool {
    mm.parse().is_ok_and(|month: u8| (1..=12).contains(&month))
}

fn digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The fields that a track has, in its order. Debug shows the account number masked, and no other field.
#[derive(Clone, PartialEq, Eq)]
pub struct Fields<'a>([Option<(Field, &'a str)>; FIELDS_MAX]);

impl<'a> Fields<'a> {
    /// Reads the text between the sentinels: the fields to the first that is none, and which that is.
    #[must_use]
    pub fn read(track: Track, element: &'a str) -> (Self, Option<Ungrammatical>) {
        let grammar = match track {
            Track::One => TRACK_1,
            Track::Two => TRACK_2,
            Track::Three => TRACK_3,
        };
        let mut read = Self([None; FIELDS_MAX]);
        let mut rest = element;
        for (&(field, form), slot) in grammar.iter().zip(&mut read.0) {
            let Some((value, after)) = form.cut(rest, track.separator()) else {
                let at = element.len().saturating_sub(rest.len()).saturating_add(1);
                return (read, Some(Ungrammatical { field, at }));
            };
            *slot = value.map(|value| (field, value));
            rest = after;
        }
        (read, None)
    }

    /// The text of a field, if the track has it.
    #[must_use]
    pub fn field(&self, field: Field) -> Option<&'a str> {
        self.iter().find(|row| row.0 == field).map(|row| row.1)
    }

    /// All fields, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (Field, &'a str)> + '_ {
        self.0.iter().flatten().copied()
    }

    /// The service code.
    #[must_use]
    pub fn service_code(&self) -> Option<ServiceCode> {
        self.field(Field::ServiceCode).and_then(ServiceCode::parse)
    }

    /// `, PAN 476173******0010`, or nothing: the ten digits that a mask leaves are most of a short number.
    pub(super) fn masked(&self) -> impl fmt::Display {
        Masked(self.field(Field::Pan).filter(|pan| pan.len() >= 13))
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} fields{}", self.iter().count(), self.masked())
    }
}

struct Masked<'a>(Option<&'a str>);

impl fmt::Display for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(pan) = self.0 else { return Ok(()) };
        f.write_str(", PAN ")?;
        let tail = pan.len().saturating_sub(4);
        pan.chars().enumerate().try_for_each(|(at, digit)| {
            let shown = if at < 6 || at >= tail { digit } else { '*' };
            write!(f, "{shown}")
        })
    }
}

/// A track that is not of the grammar: a card of an access or a hotel system, or a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ungrammatical {
    /// The field that is not one.
    pub field: Field,
    /// The place of its first character, counted from the start sentinel, which is 0.
    pub at: usize,
}

impl From<Ungrammatical> for CoreRefusal {
    fn from(error: Ungrammatical) -> Self {
        match error.field {
            Field::Pan => Self::PanInvalid,
            _ => Self::TrackInvalid,
        }
    }
}

impl From<Ungrammatical> for Refused {
    fn from(error: Ungrammatical) -> Self {
        CoreRefusal::from(error).refused()
    }
}

impl fmt::Display for Ungrammatical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the text at character {} is no {}", self.at, self.field.name())
    }
}

impl core::error::Error for Ungrammatical {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::String, vec::Vec};

    /// `name=value` of each field, joined by `|`; after `!` the field that is not one, and its place.
    fn check(track: Track, element: &str, expect: &str) {
        let (fields, broken) = Fields::read(track, element);
        let broken =
            broken.map(|broken| format!("!{}@{}", broken.field.name(), broken.at)).unwrap_or_default();
        let found: Vec<String> =
            fields.iter().map(|(field, value)| format!("{}={value}", field.name())).collect();
        assert_eq!(found.join("|") + broken.as_str(), expect, "{element}");
    }

    #[test]
    fn tracks_1_and_2_of_iso_7813() {
        for (element, expect) in [
            (
                "4761739001010010=30121200012339900031",
                "pan=4761739001010010|expiry=3012|service_code=120|discretionary=0012339900031",
            ),
            ("1=3012101", "pan=1|expiry=3012|service_code=101|discretionary="),
            ("1==101=9", "pan=1|service_code=101|discretionary==9"),
            ("1=3012=9", "pan=1|expiry=3012|discretionary=9"),
            ("1===", "pan=1|discretionary="),
            ("65685740=450103", "pan=65685740|expiry=4501!service_code@14"),
            ("1=3000101", "pan=1!expiry@3"),
            ("1=3013101", "pan=1!expiry@3"),
            ("1=30:2101", "pan=1!expiry@3"),
            ("1=", "pan=1!expiry@3"),
            ("12345678901234567890=3012101", "!pan@1"),
            ("=3012101", "!pan@1"),
            ("0004048712", "!pan@1"),
        ] {
            check(Track::Two, element, expect);
        }
        let named = |name: &str| format!("B4761739001010010^{name}^3012120");
        let fields = |name: &str| {
            format!(
                "format_code=B|pan=4761739001010010|name={name}|expiry=3012|service_code=120|discretionary="
            )
        };
        for name in [" /", "DOE/JANE", "O'NEIL/PAT.MR", "ABCDEFGHIJKLMNOPQRSTUVW/YZ"] {
            check(Track::One, &named(name), &fields(name));
        }
        for name in ["", "X", "ABCDEFGHIJKLMNOPQRSTUVWX/YZ"] {
            check(Track::One, &named(name), "format_code=B|pan=4761739001010010!name@19");
        }
        check(Track::One, "B1^DOE/J^^^9", "format_code=B|pan=1|name=DOE/J|discretionary=9");
        check(Track::One, "H739642^DOE/JANE^80255", "!format_code@1");
        check(Track::One, "B7396 2^DOE/JANE^80255", "format_code=B!pan@2");
    }

    #[test]
    fn track_3_of_iso_4909() {
        for (element, expect) in [
            (
                "011234567890123456=7247241000000000000303000402",
                "format_code=01|pan=1234567890123456|country_code=724|currency_code=724|additional=1000000000000303000402",
            ),
            ("0147==8002=9", "format_code=01|pan=47|currency_code=800|additional=2=9"),
            ("0147===", "format_code=01|pan=47|additional="),
            ("0", "!format_code@1"),
            ("01", "format_code=01!pan@3"),
            ("0147=72", "format_code=01|pan=47!country_code@6"),
        ] {
            check(Track::Three, element, expect);
        }
    }

    #[test]
    fn what_is_ungrammatical_has_its_refusal() {
        let refusal = |element| Fields::read(Track::Two, element).1.map(CoreRefusal::from);
        assert_eq!(refusal("x"), Some(CoreRefusal::PanInvalid));
        assert_eq!(refusal("1=9"), Some(CoreRefusal::TrackInvalid));
        assert_eq!(refusal("1=3012101"), None);
    }
}
