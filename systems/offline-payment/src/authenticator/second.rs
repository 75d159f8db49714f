//! The payment application's one-time password, and the second nonce that binds it to one payment.
//!
//! The authenticator verifies the password itself: OCRA (RFC 6287) over what was agreed to: H(txn), and the tip where there
//! is one; so that it binds payee and amount. A plain HOTP between
//! two programs of one phone would prove only that both ran.
use super::enrol::OTP_ATTEMPTS;
use super::state::PairedApplication;
use super::{Authenticator, Denied, Env};
use crate::messages::{Nonce, Reply, SecondNonce, SecondNonceBody, SecondNonceRequest, agreed};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use symbolon_keys::{Crypto, OcraInput, OcraSuite, ocra};
use symbolon_proof::{Raw, authenticate};
use symbolon_state::{Counter, Flash};
use symbolon_types::{CoreRefusal, Hash, hex_upper};
use symbolon_wire::cbor::Bytes;

/// The suite of the one-time password: eight digits of HMAC-SHA-256 over a counter and a 256-bit question.
pub(crate) const OTP_SUITE: &str = "OCRA-1:HOTP-SHA256-8:C-QH64";

/// How far ahead the application's counter may be.
const OTP_WINDOW: u64 = 3;

/// How long a second nonce lives, in milliseconds of this machine's ticks.
const SECOND_LIFE_MS: u64 = 120_000;

/// What was agreed to as the question of the one-time password: 64 hexadecimal digits.
#[must_use]
pub fn otp_question(transaction: Hash) -> alloc::string::String {
    hex_upper(&transaction.0)
}

/// What a second nonce says of the password: SHA-256 of it and the application's random bytes.
pub(crate) fn otp_hash(crypto: &dyn Crypto, otp: &str, random: &[u8; 16]) -> Hash {
    crypto.sha256(&[otp.as_bytes(), random])
}

impl<F: Flash, C: Counter> Authenticator<F, C> {
    pub(super) fn second_nonce(
        &mut self,
        env: &Env<'_>,
        request: &SecondNonceRequest,
    ) -> Result<Reply, Denied> {
        self.unlocked()?;
        let asked = self.check_challenge(env, &request.challenge.0)?;
        asked.with_tip(request.tip_minor)?;
        let transaction = agreed(env.crypto, asked.transaction, request.tip_minor);
        if !self.state.pool.iter().any(|nonce| nonce.token == request.token) {
            return Err(Own::NonceUnknown.into());
        }
        let known = self.state.application.clone().ok_or(Own::NotPaired)?;
        if known.application != request.application {
            return Err(Own::NotPaired.into());
        }
        self.count_otp_attempt(env, &known)?;
        let used = matching_counter(env, &known, transaction, &request.otp)?;
        let second = SecondNonce {
            nonce: Nonce(env.random16(b"second", &[&request.random])),
            body: SecondNonceBody {
                otp: otp_hash(env.crypto, &request.otp, &request.random),
                token: request.token,
                application: request.application,
                transaction,
                until_ticks: env.ticks_ms.saturating_add(SECOND_LIFE_MS),
                boot: self.state.boot,
            },
        };
        let counter = used.checked_add(1).ok_or(Own::OtpRefused)?;
        self.set_application(env, PairedApplication { counter, attempts_left: OTP_ATTEMPTS, ..known })?;
        Ok(Reply::Message(Bytes(authenticate(env.crypto, self.keys.mac.reveal(), &second))))
    }

    /// Whether this second nonce is for this payment, and made in this start of the machine not long ago.
    pub(super) fn check_second_nonce(
        &self,
        env: &Env<'_>,
        bytes: &[u8],
        token: Hash,
        transaction: Hash,
    ) -> Result<bool, Refusal> {
        let second = Raw(bytes).parse_mac::<SecondNonce>()?.verify(env.crypto, self.keys.mac.reveal())?;
        let body = &second.claims().body;
        if body.token != token || body.transaction != transaction {
            return Err(CoreRefusal::BadSignature.into());
        }
        if body.boot != self.state.boot || body.until_ticks < env.ticks_ms {
            return Err(CoreRefusal::Expired.into());
        }
        Ok(true)
    }

    fn count_otp_attempt(&mut self, env: &Env<'_>, known: &PairedApplication) -> Result<(), Refusal> {
        let attempts_left = known.attempts_left.checked_sub(1).ok_or(Own::OtpRefused)?;
        self.set_application(env, PairedApplication { attempts_left, ..known.clone() })
    }

    fn set_application(&mut self, env: &Env<'_>, application: PairedApplication) -> Result<(), Refusal> {
        let mut next = self.state.clone();
        next.application = Some(application);
        self.commit(env, next, false)
    }
}

/// The counter in the window that gives this password.
fn matching_counter(
    env: &Env<'_>,
    known: &PairedApplication,
    transaction: Hash,
    otp: &str,
) -> Result<u64, Refusal> {
    let suite = OcraSuite::parse(OTP_SUITE).map_err(|_| Own::OtpRefused)?;
    let question = otp_question(transaction);
    let end = known.counter.saturating_add(OTP_WINDOW);
    let right = (known.counter..end).find(|&counter| {
        let input = OcraInput { counter: Some(counter), question: &question, ..OcraInput::default() };
        ocra(env.crypto, &suite, known.secret.reveal(), &input).is_ok_and(|code| code.equals(otp.as_bytes()))
    });
    right.ok_or(Own::OtpRefused.into())
}
