//! What an authenticator remembers: one value, written whole at every change.
use super::platform::PlatformKey;
use crate::messages::{ApplicationId, AuthenticatorId, DeviceLimits, Verification};
use crate::trust::Trust;
use alloc::vec::Vec;
use symbolon_keys::{KemPublic, VerifyingKey};
use symbolon_types::{Hash, Secret, UnixSeconds};
use symbolon_wire::cbor::{Bytes, Cbor, Decoder, Encoder, Malformed};
use symbolon_wire::cbor_map;

/// Why offline payment is locked, if it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lock {
    /// It is not.
    Open,
    /// The last attempt was used up; a new enrolment opens it.
    NoAttempts,
    /// The store was older than the counter; a reconciliation opens it.
    RolledBack,
}

impl Cbor for Lock {
    fn encode(&self, out: &mut Encoder) {
        out.uint(match self {
            Self::Open => 0,
            Self::NoAttempts => 1,
            Self::RolledBack => 2,
        });
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Malformed> {
        match input.uint()? {
            0 => Ok(Self::Open),
            1 => Ok(Self::NoAttempts),
            2 => Ok(Self::RolledBack),
            _ => Err(Malformed),
        }
    }
}

cbor_map! {
    /// The whole state.
    #[derive(Clone, Debug)]
    pub struct State {
        /// How often the machine has started.
        1 => boot: u64,
        /// The server's keys, the first one pinned.
        2 => trust: Trust,
        /// The account it pays for.
        3 => enrolled: Option<Enrolled>,
        /// The secure application that may speak for the user.
        4 => secure_application: Option<KemPublic>,
        /// The payment application whose one-time passwords are taken.
        5 => application: Option<PairedApplication>,
        /// The sequence number of the last nonce token.
        6 => sequence: u64,
        /// Nonces that may still be used.
        7 => pool: Vec<PoolNonce>,
        /// The highest time known.
        8 => time: Option<UnixSeconds>,
        /// The sum of all payments ever, in minor units.
        9 => spend_total: u64,
        /// The sum since the last reconciliation, in minor units.
        10 => spent_minor: u64,
        /// The number since the last reconciliation.
        11 => spent_count: u32,
        /// The id of the last object.
        12 => previous: Hash,
        /// Objects since the last reconciliation, oldest first.
        13 => objects: Vec<Emitted>,
        /// Whether offline payment is locked.
        14 => lock: Lock,
        /// The private key that the account key of the enrolment now under way is sealed to: a former enrolment cannot be used again.
        15 => enrolling: Option<Secret<[u8; 32]>>,
        /// The sum paid without a credential since the last payment with a right one, in minor units. A reconciliation leaves it.
        16 => unverified_minor: u64,
    }

    /// What enrolment brought.
    #[derive(Clone, Debug)]
    pub struct Enrolled {
        /// This authenticator's id.
        1 => authenticator: AuthenticatorId,
        /// The issuer's key.
        2 => issuer: KemPublic,
        /// The limits of the device.
        3 => limits: DeviceLimits,
        /// The credentials, as far as they are stored: one of each kind at most, at least one.
        4 => credentials: Vec<CredentialRecord>,
        /// Wrong credentials of whatever kind that are still allowed.
        5 => attempts_left: u32,
    }

    /// What is stored of a credential: nothing that it could be guessed from without the device secret.
    #[derive(Clone, Debug)]
    pub struct CredentialRecord {
        /// Which kind was set.
        1 => kind: Verification,
        /// The salt of Argon2id.
        2 => salt: [u8; 16],
        /// `HMAC(k_c, "check")`.
        3 => check: [u8; 32],
        /// The account key under `k_c`.
        4 => wrapped: Bytes,
        /// The platform's key, where it is the platform that verifies.
        5 => platform: Option<PlatformKey>,
    }

    /// A payment application that is known.
    #[derive(Clone, Debug)]
    pub struct PairedApplication {
        /// Which.
        1 => application: ApplicationId,
        /// Its one-time-password secret.
        2 => secret: Secret<[u8; 32]>,
        /// The counter of the next password.
        3 => counter: u64,
        /// Wrong passwords that are still allowed before the next right one.
        4 => attempts_left: u32,
    }

    /// A nonce that may be used once.
    #[derive(Clone, Debug)]
    pub struct PoolNonce {
        /// Its place in the order of tokens.
        1 => sequence: u64,
        /// SHA-256 of the token.
        2 => token: Hash,
        /// The private key that the credential will be sealed to.
        3 => kem: Secret<[u8; 32]>,
        /// When it is dropped.
        4 => exp: UnixSeconds,
    }

    /// An object that was made.
    #[derive(Clone, Debug)]
    pub struct Emitted {
        /// SHA-256 of the nonce token.
        1 => token: Hash,
        /// The object's payload: signed again, it gives the same bytes.
        2 => payload: Bytes,
        /// The object's id.
        3 => object: Hash,
    }
}

impl Enrolled {
    /// The record of this kind.
    pub(super) fn credential(&self, kind: Verification) -> Option<&CredentialRecord> {
        self.credentials.iter().find(|record| record.kind == kind)
    }

    /// The strongest kind that is set.
    pub(super) fn strongest(&self) -> Verification {
        self.credentials.iter().map(|record| record.kind).max().unwrap_or(Verification::None)
    }

    /// A credential was right: all attempts are back, and the platform's count is kept.
    pub(super) fn right(&mut self, kind: Verification, sign_count: Option<u32>) {
        self.attempts_left = self.limits.attempts;
        let record = self.credentials.iter_mut().find(|record| record.kind == kind);
        if let Some((platform, count)) = record.and_then(|record| record.platform.as_mut()).zip(sign_count) {
            platform.sign_count = count;
        }
    }
}

impl State {
    /// A machine that has never been used.
    pub(super) fn blank(server: VerifyingKey) -> Self {
        Self {
            boot: 0,
            trust: Trust::pinned(server),
            enrolled: None,
            secure_application: None,
            application: None,
            sequence: 0,
            pool: Vec::new(),
            time: None,
            spend_total: 0,
            spent_minor: 0,
            spent_count: 0,
            previous: Hash::ZERO,
            objects: Vec::new(),
            lock: Lock::Open,
            enrolling: None,
            unverified_minor: 0,
        }
    }

    /// This state is an old one: `commits_lost` were made after it. Each may have been a counted attempt, so none is won back.
    pub(super) fn roll_back(&mut self, commits_lost: u64) {
        self.pool.clear();
        self.lock = Lock::RolledBack;
        if let Some(enrolled) = &mut self.enrolled {
            let lost = u32::try_from(commits_lost).unwrap_or(u32::MAX);
            enrolled.attempts_left = enrolled.attempts_left.saturating_sub(lost);
        }
    }

    /// With no attempts left the pool goes and the machine is locked, also where a power cut came between the last attempt and this.
    pub(super) fn lock_if_used_up(&mut self) {
        let used_up = self.enrolled.as_ref().is_some_and(|enrolled| enrolled.attempts_left == 0);
        if used_up && self.lock == Lock::Open {
            self.pool.clear();
            self.lock = Lock::NoAttempts;
        }
    }
}
