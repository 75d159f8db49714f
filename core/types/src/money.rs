//! Money: an integer of minor units with its currency (ISO 4217). Arithmetic is checked; currencies never mix.
use alloc::string::String;
use core::fmt;

/// The largest amount in minor units: what an IEEE 754 double of a JSON client still holds exactly.
pub const MINOR_MAX: u64 = (1 << 53) - 1;

/// Currencies with the exponents of ISO 4217 list one: (alphabetic code, numeric code, exponent).
const CURRENCIES: &[(&[u8; 3], u16, u8)] = &[
    (b"AED", 784, 2),
    (b"ARS", 32, 2),
    (b"AUD", 36, 2),
    (b"BHD", 48, 3),
    (b"BRL", 986, 2),
    (b"CAD", 124, 2),
    (b"CHF", 756, 2),
    (b"CLP", 152, 0),
    (b"CNY", 156, 2),
    (b"COP", 170, 2),
    (b"CZK", 203, 2),
    (b"DKK", 208, 2),
    (b"EGP", 818, 2),
    (b"EUR", 978, 2),
    (b"GBP", 826, 2),
    (b"HKD", 344, 2),
    (b"HUF", 348, 2),
    (b"IDR", 360, 2),
    (b"ILS", 376, 2),
    (b"INR", 356, 2),
    (b"ISK", 352, 0),
    (b"JOD", 400, 3),
    (b"JPY", 392, 0),
    (b"KES", 404, 2),
    (b"KRW", 410, 0),
    (b"KWD", 414, 3),
    (b"MXN", 484, 2),
    (b"MYR", 458, 2),
    (b"NGN", 566, 2),
    (b"NOK", 578, 2),
    (b"NZD", 554, 2),
    (b"OMR", 512, 3),
    (b"PEN", 604, 2),
    (b"PHP", 608, 2),
    (b"PLN", 985, 2),
    (b"RON", 946, 2),
    (b"SAR", 682, 2),
    (b"SEK", 752, 2),
    (b"SGD", 702, 2),
    (b"THB", 764, 2),
    (b"TND", 788, 3),
    (b"TRY", 949, 2),
    (b"TWD", 901, 2),
    (b"UAH", 980, 2),
    (b"UGX", 800, 0),
    (b"USD", 840, 2),
    (b"VND", 704, 0),
    (b"XAF", 950, 0),
    (b"XOF", 952, 0),
    (b"ZAR", 710, 2),
];

/// A currency of ISO 4217 that Symbolon knows the exponent of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency {
    numeric: u16,
}

impl Currency {
    /// The euro, two decimals.
    pub const EUR: Self = Self { numeric: 978 };
    /// The yen, no decimals.
    pub const JPY: Self = Self { numeric: 392 };

    /// By alphabetic code, of either case; `None` for one that is not in the table.
    #[must_use]
    pub fn from_alpha(code: &str) -> Option<Self> {
        let row = CURRENCIES.iter().find(|row| code.as_bytes().eq_ignore_ascii_case(row.0))?;
        Some(Self { numeric: row.1 })
    }

    /// By numeric code (ISO 8583 field 49); `None` for one that is not in the table.
    #[must_use]
    pub fn from_numeric(numeric: u16) -> Option<Self> {
        CURRENCIES.iter().find(|row| row.1 == numeric).map(|row| Self { numeric: row.1 })
    }

    /// The numeric code, 1..=999.
    #[must_use]
    pub fn numeric(self) -> u16 {
        self.numeric
    }

    /// The alphabetic code, three capital letters.
    #[must_use]
    pub fn alpha(self) -> &'static str {
        // The code of ISO 4217 for no currency; every value of this type is in the table, so it is never seen.
        self.row().and_then(|row| core::str::from_utf8(row.0).ok()).unwrap_or("XXX")
    }

    /// How many decimals the major unit has: 0, 2 or 3.
    #[must_use]
    pub fn exponent(self) -> u8 {
        self.row().map_or(0, |row| row.2)
    }

    fn row(self) -> Option<&'static (&'static [u8; 3], u16, u8)> {
        CURRENCIES.iter().find(|row| row.1 == self.numeric)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.alpha())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.alpha())
    }
}

/// Why two amounts could not be combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoneyError {
    /// The amounts are of different currencies.
    Currency,
    /// The result would be negative or above [`MINOR_MAX`].
    Range,
}

/// An amount of money: 0..=[`MINOR_MAX`] minor units of one currency.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Amount {
    minor: u64,
    currency: Currency,
}

impl Amount {
    /// # Errors
    /// [`MoneyError::Range`] above [`MINOR_MAX`].
    pub fn new(minor: u64, currency: Currency) -> Result<Self, MoneyError> {
        if minor > MINOR_MAX {
            return Err(MoneyError::Range);
        }
        Ok(Self { minor, currency })
    }

    /// Nothing, in `currency`.
    #[must_use]
    pub fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// The number of minor units.
    #[must_use]
    pub fn minor(self) -> u64 {
        self.minor
    }

    /// The currency.
    #[must_use]
    pub fn currency(self) -> Currency {
        self.currency
    }

    /// # Errors
    /// [`MoneyError`] when the currencies differ or the sum is out of range.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same(other)?;
        Self::new(self.minor.checked_add(other.minor).ok_or(MoneyError::Range)?, self.currency)
    }

    /// # Errors
    /// [`MoneyError`] when the currencies differ or `other` is the larger.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same(other)?;
        Self::new(self.minor.checked_sub(other.minor).ok_or(MoneyError::Range)?, self.currency)
    }

    /// Whether this is at most `limit`.
    ///
    /// # Errors
    /// [`MoneyError::Currency`] when the currencies differ.
    pub fn within(self, limit: Self) -> Result<bool, MoneyError> {
        self.same(limit)?;
        Ok(self.minor <= limit.minor)
    }

    fn same(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency { Ok(()) } else { Err(MoneyError::Currency) }
    }
}

impl fmt::Display for Amount {
    /// As a person reads it: `12.50 EUR`, `1250 JPY`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = usize::from(self.currency.exponent());
        let digits = alloc::format!("{:0>1$}", self.minor, width.saturating_add(1));
        let (major, minor) = digits.split_at(digits.len().saturating_sub(width));
        let point = if width == 0 { String::new() } else { alloc::format!(".{minor}") };
        write!(f, "{major}{point} {}", self.currency)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn eur(minor: u64) -> Amount {
        Amount::new(minor, Currency::EUR).unwrap()
    }

    #[test]
    fn the_table_is_sorted_unique_and_found_both_ways() {
        assert!(CURRENCIES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for row in CURRENCIES {
            let currency = Currency::from_numeric(row.1).unwrap();
            assert_eq!(Currency::from_alpha(currency.alpha()), Some(currency));
            assert_eq!(currency.exponent(), row.2);
        }
        assert_eq!(Currency::from_alpha("eur"), Some(Currency::EUR));
        assert_eq!(Currency::from_alpha("XXX"), None);
    }

    #[test]
    fn amounts_are_checked_and_never_mix() {
        let jpy = Amount::new(1, Currency::JPY).unwrap();
        assert_eq!(eur(1).checked_add(eur(2)), Ok(eur(3)));
        assert_eq!(eur(1).checked_add(jpy), Err(MoneyError::Currency));
        assert_eq!(eur(1).checked_sub(eur(2)), Err(MoneyError::Range));
        assert_eq!(eur(MINOR_MAX).checked_add(eur(1)), Err(MoneyError::Range));
        assert_eq!(Amount::new(MINOR_MAX + 1, Currency::EUR), Err(MoneyError::Range));
        assert_eq!(eur(5).within(eur(5)), Ok(true));
        assert_eq!(eur(6).within(eur(5)), Ok(false));
    }

    #[test]
    fn an_amount_reads_as_a_person_writes_it() {
        assert_eq!(eur(1250).to_string(), "12.50 EUR");
        assert_eq!(eur(5).to_string(), "0.05 EUR");
        assert_eq!(Amount::new(1250, Currency::JPY).unwrap().to_string(), "1250 JPY");
    }
}
