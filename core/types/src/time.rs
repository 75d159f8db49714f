//! Time: milliseconds since the Unix epoch in the log and the API, whole seconds inside proofs (RFC 8392 NumericDate).

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMs(pub u64);

/// Whole seconds since 1970-01-01T00:00:00Z, the NumericDate of RFC 8392.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixSeconds(pub u64);

impl UnixMs {
    /// The whole seconds that have passed.
    #[must_use]
    pub fn seconds(self) -> UnixSeconds {
        UnixSeconds(self.0.checked_div(1000).unwrap_or(0))
    }

    /// Later by `ms`; stays at the end of time instead of wrapping.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl UnixSeconds {
    /// The first millisecond of this second.
    #[must_use]
    pub fn ms(self) -> UnixMs {
        UnixMs(self.0.saturating_mul(1000))
    }

    /// Later by `seconds`; stays at the end of time instead of wrapping.
    #[must_use]
    pub fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}

/// A moment in the Gregorian calendar, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// The year, 1970 to 9999.
    pub year: u64,
    /// The month, from 1.
    pub month: u64,
    /// The day, from 1.
    pub day: u64,
    /// The hour, 0 to 23.
    pub hour: u64,
    /// The minute.
    pub minute: u64,
    /// The second.
    pub second: u64,
    /// The millisecond.
    pub ms: u64,
}

impl UnixMs {
    /// In the calendar; the last moment of the year 9999 for one after it.
    #[must_use]
    pub fn civil(self) -> Civil {
        const LAST: u64 = 253_402_300_799_999;
        let (ms, seconds) = split(self.0.min(LAST), 1000);
        let (second, minutes) = split(seconds, 60);
        let (minute, hours) = split(minutes, 60);
        let (hour, days) = split(hours, 24);
        let (year, month, day) = date(days);
        Civil { year, month, day, hour, minute, second, ms }
    }
}

/// The rest and the quotient.
fn split(value: u64, by: u64) -> (u64, u64) {
    (value.checked_rem(by).unwrap_or(0), value.checked_div(by).unwrap_or(0))
}

/// Year, month and day of a day since 1970-01-01 (Gregorian; years that begin in March, in eras of 400).
fn date(days: u64) -> (u64, u64, u64) {
    let (of_era, era) = split(days.saturating_add(719_468), 146_097);
    let leap_days = (of_era / 1460).saturating_add(of_era / 146_096).saturating_sub(of_era / 36_524);
    let year_of_era = of_era.saturating_sub(leap_days) / 365;
    let before =
        year_of_era.saturating_mul(365).saturating_add(year_of_era / 4).saturating_sub(year_of_era / 100);
    let day_of_year = of_era.saturating_sub(before);
    let march_month = day_of_year.saturating_mul(5).saturating_add(2) / 153;
    let begin = march_month.saturating_mul(153).saturating_add(2) / 5;
    let day = day_of_year.saturating_sub(begin).saturating_add(1);
    let month = if march_month < 10 { march_month.saturating_add(3) } else { march_month.saturating_sub(9) };
    let year = era.saturating_mul(400).saturating_add(year_of_era).saturating_add(u64::from(month <= 2));
    (year, month, day)
}
