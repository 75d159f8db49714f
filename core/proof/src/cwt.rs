//! The claims of CWT (RFC 8392) that Symbolon's proofs use, by number, and the rule of validity.
//!
//! A proof is a map with these numbers; what CWT has no claim for lies in a map of its own under [`PRIVATE`].
use symbolon_keys::VerifyingKey;
use symbolon_types::{CoreRefusal, UnixSeconds};

/// Issuer (RFC 8392 §3.1.1).
pub const ISS: i64 = 1;
/// Subject (RFC 8392 §3.1.2).
pub const SUB: i64 = 2;
/// Audience (RFC 8392 §3.1.3).
pub const AUD: i64 = 3;
/// Expiration time (RFC 8392 §3.1.4).
pub const EXP: i64 = 4;
/// Not before (RFC 8392 §3.1.5).
pub const NBF: i64 = 5;
/// Issued at (RFC 8392 §3.1.6).
pub const IAT: i64 = 6;
/// CWT id (RFC 8392 §3.1.7).
pub const CTI: i64 = 7;
/// Confirmation: the key that the presenter must prove to hold (RFC 8747 §3.1).
pub const CNF: i64 = 8;
/// Symbolon's own fields, in a map numbered from 1. Below -65536 is private use (RFC 8392 §9.1).
pub const PRIVATE: i64 = -65537;

symbolon_wire::cbor_map! {
    /// The value of `cnf`: the holder's key (RFC 8747 §3.2).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Confirmation {
        /// The COSE_Key.
        1 => key: VerifyingKey,
    }
}

/// From when to when a proof holds, by its issuer's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first second in which it holds.
    pub iat: UnixSeconds,
    /// The first second in which it holds no more.
    pub exp: UnixSeconds,
}

impl Validity {
    /// Holds while `iat - skew <= now < exp + skew`: on `exp` it has expired (RFC 8392 §3.1.4, RFC 7519 §4.1.4), unless the skew between
    /// the clocks is allowed for. A validity that ends before it begins never holds.
    ///
    /// # Errors
    /// [`CoreRefusal::Expired`].
    pub fn check(self, now: UnixSeconds, skew_seconds: u64) -> Result<(), CoreRefusal> {
        let begun = self.iat <= now.plus(skew_seconds);
        let ended = now >= self.exp.plus(skew_seconds);
        if begun && !ended && self.iat < self.exp { Ok(()) } else { Err(CoreRefusal::Expired) }
    }
}
