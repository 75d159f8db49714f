//! The refusals of system 01, numbers 101 to 199.
use symbolon_keys::CryptoError;
use symbolon_proof::BadSignature;
use symbolon_state::FlashError;
use symbolon_types::{CoreRefusal, MoneyError, Refused, refusals};
use symbolon_wire::cbor::Malformed;

refusals! {
    /// What system 01 refuses, beside the core's own refusals.
    pub enum OfflinePaymentRefusal {
        101 BadGrant "BAD_GRANT" "the grant is not one of the server's for this nonce token",
        102 NonceSpent "NONCE_SPENT" "this nonce has been used or was dropped; take another",
        103 NonceUnknown "NONCE_UNKNOWN" "this nonce was never issued or never granted",
        104 CredentialWrong "CRED_WRONG" "the credential is not the one that was set; one attempt was used up",
        105 CredentialLocked "CRED_LOCKED" "no attempts are left; offline payment is locked until the account is enrolled again online",
        106 OtpRefused "OTP_USED" "the one-time password is wrong or was used before",
        107 LimitTransaction "LIMIT_TX" "the amount is above what one nonce may pay, or in another currency",
        108 LimitCumulative "LIMIT_CUM" "the sum or the number of offline payments since the last time online would pass its limit",
        109 WrongPayee "WRONG_PAYEE" "the object was made for another payee or another challenge",
        110 StoreRollback "STORE_ROLLBACK" "the authenticator's store is older than its counter; offline payment is locked",
        111 ClockUnknown "CLOCK_BACK" "the time is unknown or has gone back, so no validity can be judged",
        112 NotEnrolled "NOT_ENROLLED" "the device has not been enrolled with the server",
        113 AlreadyEnrolled "ALREADY_ENROLLED" "the device or the application has been enrolled already",
        114 NotPaired "NOT_PAIRED" "the application has not been paired with this authenticator",
        115 PayeeUnknown "PAYEE_UNKNOWN" "the payee is not enrolled, or its certificate is not the server's",
        116 PoolFull "POOL_FULL" "the authenticator or the account already has as many nonces as it may",
        117 NoNonce "NO_NONCE" "no granted nonce is left that may pay this amount",
        118 VerificationWeak "UV_TOO_WEAK" "the grant asks for a stronger verification of the user for this amount",
        119 ChallengeUnknown "CHALLENGE_UNKNOWN" "the challenge is not open at this payee, or an object was made for it already",
        121 SettledLate "SETTLED_LATE" "the object was accepted outside the grant's validity or uploaded after its settlement window",
        122 Revoked "REVOKED" "the authenticator or the payee has been revoked",
        123 FundsShort "FUNDS_SHORT" "the account's available balance does not cover the reservation",
        124 CodeUnknown "CODE_UNKNOWN" "the enrolment code is unknown or was used for another device",
        125 OutsideCap "OUTSIDE_CAP" "the payee's offline cap does not cover this double-spent object",
        126 Online "ONLINE" "the device has its network; this step belongs to a device that has lost it",
        127 StoreFailed "STORE_FAILED" "the device's store failed; nothing was emitted",
        128 AccountUnknown "ACCOUNT_UNKNOWN" "there is no such account",
        129 AccountExists "ACCOUNT_EXISTS" "this id already names an account or a payee with other particulars",
        130 NonceRepeated "NONCE_REPEATED" "the nonce token repeats a nonce or a sequence number: a sign of bad randomness or of a cloned device",
        131 CredentialForm "CRED_FORM" "a PIN has 4 to 12 digits, a passphrase 8 to 48 bytes",
        132 PayeeDuplicate "DUPLICATE" "this payee has already been credited for this nonce or this challenge with another object",
        133 DenyListOld "DENY_LIST_OLD" "the payee's list of denied devices is too old to judge an offline payment by; go online and fetch it",
        134 GrantRevoked "GRANT_REVOKED" "the server key that signed this is revoked or has ended",
        135 TipTooHigh "TIP_TOO_HIGH" "the tip is above what the payee's challenge allows",
        136 RefundTooHigh "REFUND_TOO_HIGH" "all refunds of an object together come to at most what it credited",
        137 BillExceeded "BILL_EXCEEDED" "the parts of a bill would come to more than its total",
        138 FinalTooHigh "FINAL_TOO_HIGH" "the payee takes at most what the object pays, and more than nothing",
        139 CredentialKindUnknown "CRED_KIND" "no credential of this kind is set, or the kind cannot be set this way",
        140 ServerKeyUnfit "SERVER_KEY" "the key that signs now is not revoked, a new one is rotated in once, and at most eight stand at a time",
    }
}

/// Why a step of system 01 was refused: its own refusals and the core's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A refusal that every system shares.
    Core(CoreRefusal),
    /// A refusal of this system.
    Own(OfflinePaymentRefusal),
}

impl Refusal {
    /// Number, name and reason.
    #[must_use]
    pub const fn refused(self) -> Refused {
        match self {
            Self::Core(refusal) => refusal.refused(),
            Self::Own(refusal) => refusal.refused(),
        }
    }

    /// The refusal with this number, if it is one that this system gives.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        CoreRefusal::from_code(code)
            .map(Self::Core)
            .or_else(|| OfflinePaymentRefusal::from_code(code).map(Self::Own))
    }
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.refused().fmt(f)
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        refusal.refused()
    }
}

impl From<CoreRefusal> for Refusal {
    fn from(refusal: CoreRefusal) -> Self {
        Self::Core(refusal)
    }
}

impl From<OfflinePaymentRefusal> for Refusal {
    fn from(refusal: OfflinePaymentRefusal) -> Self {
        Self::Own(refusal)
    }
}

impl From<Malformed> for Refusal {
    fn from(_: Malformed) -> Self {
        Self::Core(CoreRefusal::Malformed)
    }
}

impl From<BadSignature> for Refusal {
    fn from(_: BadSignature) -> Self {
        Self::Core(CoreRefusal::BadSignature)
    }
}

impl From<CryptoError> for Refusal {
    fn from(_: CryptoError) -> Self {
        Self::Core(CoreRefusal::OpenFailed)
    }
}

impl From<MoneyError> for Refusal {
    fn from(_: MoneyError) -> Self {
        Self::Core(CoreRefusal::AmountInvalid)
    }
}

impl From<FlashError> for Refusal {
    fn from(_: FlashError) -> Self {
        Self::Own(OfflinePaymentRefusal::StoreFailed)
    }
}

/// A refusal crosses a boundary as its number.
impl symbolon_wire::cbor::Cbor for Refusal {
    fn encode(&self, out: &mut symbolon_wire::cbor::Encoder) {
        out.uint(u64::from(self.refused().code));
    }
    fn decode(input: &mut symbolon_wire::cbor::Decoder<'_>) -> Result<Self, Malformed> {
        Self::from_code(symbolon_wire::cbor::Cbor::decode(input)?).ok_or(Malformed)
    }
}
