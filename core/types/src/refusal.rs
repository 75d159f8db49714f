//! The registry of refusals: a number that is never reused, a name, and a reason that says nothing of a secret.
//!
//! Number = 100 × system + n; below 100 is the core's. `docs/refusals.md` is generated from these tables.
use core::fmt;

/// A refusal as it crosses any boundary: its number and its name. The reason is looked up by number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// 100 × system + n, below 100 for the core's own.
    pub code: u16,
    /// The stable name, in capitals with underscores.
    pub name: &'static str,
    /// What it means and what to do, in one sentence.
    pub reason: &'static str,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.code, self.name, self.reason)
    }
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.name)
    }
}

/// Defines an enum of refusals with numbers, names and reasons, its list `ALL`, and `From<…> for Refused`.
#[macro_export]
macro_rules! refusals {
    ($(#[$meta:meta])* pub enum $enum:ident { $($code:literal $variant:ident $name:literal $reason:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $enum { $(#[doc = $reason] $variant,)* }

        impl $enum {
            /// Every refusal of this table, by number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Number, name and reason.
            #[must_use]
            pub const fn refused(self) -> $crate::Refused {
                match self {
                    $(Self::$variant => $crate::Refused { code: $code, name: $name, reason: $reason },)*
                }
            }

            /// The refusal with this number, if it is of this table.
            #[must_use]
            pub fn from_code(code: u16) -> Option<Self> {
                Self::ALL.iter().copied().find(|row| row.refused().code == code)
            }
        }

        impl From<$enum> for $crate::Refused {
            fn from(refusal: $enum) -> Self {
                refusal.refused()
            }
        }

        impl core::fmt::Display for $enum {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(&self.refused(), f)
            }
        }
    };
}

refusals! {
    /// Refusals that every system shares: numbers 1 to 99.
    pub enum CoreRefusal {
        1 Malformed "MALFORMED" "the bytes are not a well-formed message of the expected kind; nothing was changed",
        2 BadSignature "BAD_SIG" "a signature, MAC or proof does not verify under the key it must verify under",
        3 Expired "EXPIRED" "the proof's validity has ended or has not begun",
        4 Busy "BUSY" "the queue is full; nothing was recorded, try again later",
        5 Conflict "CONFLICT" "this id was used before with another body",
        6 Unauthorised "UNAUTHORISED" "no valid key was presented",
        7 Forbidden "FORBIDDEN" "the key presented lacks the scope for this",
        8 NotFound "NOT_FOUND" "there is no such thing",
        9 IdTooOld "ID_TOO_OLD" "the request's id is older than ids are kept; it is refused, never run again",
        10 OpenFailed "OPEN_FAILED" "a sealed message could not be opened",
        11 NotDurable "NOT_DURABLE" "the log has no room for this or can no longer be written; nothing of it was recorded",
        12 AmountInvalid "AMOUNT_INVALID" "the amount is zero, too large, or of another currency",
        13 IdInvalid "ID_INVALID" "the request's id is missing or is not a UUID of version 7",
        14 TooLarge "TOO_LARGE" "the message is larger than this address takes",
        15 Unavailable "UNAVAILABLE" "the platform is stopping or has halted",
        16 Damaged "DAMAGED" "what was stored is not what was written, or breaks an invariant; the finding says where",
        17 StepFailed "STEP_FAILED" "a step of a walk or a check did not hold; the answer says which and why",
        18 AlgorithmUnsupported "ALG_UNSUPPORTED" "the algorithm or the curve that the message or the key names is not one that is computed here",
        19 KeyUnfit "KEY_UNFIT" "the key is of another type, length or curve than the message's algorithm takes",
        20 HeaderCritical "CRITICAL_HEADER" "a header parameter that the message calls critical is not understood",
        21 KsnInvalid "KSN_INVALID" "the key serial number has the wrong length, or a counter that is never used",
        22 KeysExhausted "KEYS_EXHAUSTED" "the device has used up all keys of its initial key; a new one must be loaded",
        23 KeyWeak "KEY_WEAK" "a key would be derived from, or wrapped under, one that is weaker than it",
        24 KeyUsage "KEY_USAGE" "the key's usage, algorithm and mode do not go together, or do not allow this",
        25 NotExportable "NOT_EXPORTABLE" "the key's header does not allow it to leave",
        26 PinBlock "PIN_BLOCK" "the PIN block, the PIN or the account number is not one of its format; which of them is not said",
        27 TrackInvalid "TRACK_INVALID" "the track's text is not of its grammar or too long, or no track was found in the bits",
        28 Parity "PARITY" "a character of the track has even parity",
        29 Lrc "LRC" "the track's longitudinal redundancy check is wrong",
        30 FieldInvalid "FIELD_INVALID" "a field of the message has a wrong length or characters that its type does not have; the detail says which field",
        31 FieldUnknown "FIELD_UNKNOWN" "the message has a field that its dialect does not define; the detail says which",
        32 TagUnknown "TAG_UNKNOWN" "a tag is not known here, and the policy is to refuse such",
        33 Checksum "CHECKSUM" "a checksum is wrong",
        34 PanInvalid "PAN_INVALID" "the account number has a wrong length or a character that is no digit",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_and_lie_below_a_hundred() {
        let codes: alloc::vec::Vec<u16> = CoreRefusal::ALL.iter().map(|row| row.refused().code).collect();
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(codes.iter().all(|&code| (1..100).contains(&code)));
        assert_eq!(CoreRefusal::from_code(3), Some(CoreRefusal::Expired));
    }
}
