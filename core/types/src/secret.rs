//! Secrets by type: no `Debug` content, zeroised when dropped, compared in constant time.
use alloc::string::String;
use core::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A value that is never shown and is wiped when dropped. Read it with [`Secret::reveal`], and only where it is used.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes the value in; the caller must not keep a copy.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for the one computation that needs it.
    pub fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize + AsRef<[u8]>> Secret<T> {
    /// Constant-time equality for equal lengths; lengths are not secret.
    #[must_use]
    pub fn equals(&self, other: &[u8]) -> bool {
        self.0.as_ref().ct_eq(other).into()
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A primary account number: 12 to 19 digits that pass the Luhn check (ISO/IEC 7812-1). Shown masked: first 6, last 4.
#[derive(Clone)]
pub struct Pan(Secret<String>);

impl Pan {
    /// `None` unless `digits` is 12 to 19 decimal digits with a right check digit.
    #[must_use]
    pub fn parse(digits: &str) -> Option<Self> {
        let well_formed =
            (12..=19).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        (well_formed && luhn(digits)).then(|| Self(Secret::new(digits.into())))
    }

    /// The digits, for the one computation that needs them.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

impl fmt::Display for Pan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.reveal();
        let tail = digits.len().saturating_sub(4);
        digits.char_indices().try_for_each(|(at, digit)| {
            let shown = if at < 6 || at >= tail { digit } else { '*' };
            write!(f, "{shown}")
        })
    }
}

impl fmt::Debug for Pan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn luhn(digits: &str) -> bool {
    let sum = digits.bytes().rev().enumerate().fold(0u32, |sum, (at, byte)| {
        let digit = u32::from(byte).saturating_sub(u32::from(b'0'));
        let doubled = digit.saturating_mul(2);
        let value = match (at % 2, doubled > 9) {
            (0, _) => digit,
            (_, true) => doubled.saturating_sub(9),
            (_, false) => doubled,
        };
        sum.saturating_add(value)
    });
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn a_secret_shows_nothing_of_itself() {
        let secret = Secret::new(*b"482915");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert!(secret.equals(b"482915"));
        assert!(!secret.equals(b"482916"));
        assert!(!secret.equals(b"48291"));
    }

    #[test]
    fn a_pan_is_checked_and_masked() {
        let pan = Pan::parse("4761739001010010").unwrap();
        assert_eq!(format!("{pan}"), "476173******0010");
        assert_eq!(format!("{pan:?}"), "476173******0010");
        assert!(Pan::parse("4761739001010011").is_none(), "wrong check digit");
        assert!(Pan::parse("47617390010").is_none(), "too short");
        assert!(Pan::parse("476173900101001a").is_none());
    }
}
