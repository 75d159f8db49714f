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
