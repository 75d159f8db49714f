//! The payee: asks with a challenge, checks the secure object with the server's keys alone, gives a receipt, uploads later.
//!
//! ```text
//!   hear(trust update) ──► whose word counts, who is denied                  at enrolment and at every contact
//!   ask ──► challenge open ──accept(object)──► accepted, receipt given ──uploaded──► settled ──tidied──► in the book
//!                 │ │ refused: stays open              │ the same object again: the same receipt
//!                 │ └─forward(object)──► forwarded ──SETTLED──► accepted, receipt given            online (P1): [`online`]
//!                 └─cancel──► gone                    └ refused ──► gone, the payer is told
//! ```
//! **Invariants:** an object is accepted only for an open challenge of this payee; the state is durable (by the caller) before the
//! receipt leaves; offline, a payee that does not know the time, or whose list of denied devices is too old, accepts nothing; all parts of a
//! bill that are open, forwarded or accepted come to at most its total.
mod bill;
mod book;
mod check;
pub mod online;

pub use bill::{BILLS_MAX, BillRecord};
pub use book::{BOOK_MAX, BookEntry, Difference};
pub(crate) use check::amount_with_tip;
pub use check::{CheckedObject, check_object};

use crate::messages::{
    AuthenticatorId, Bill, Challenge, ChallengeBody, Denied, PayeeCertificate, PayeeCertificateBody, PayeeId,
    PayeeNonce, PayeeRequest, PayeeRequestBody, Receipt, ReceiptBody, SKEW_SECONDS, Settlement, TrustUpdate,
};
use crate::trust::Trust;
use crate::{OfflinePaymentRefusal as Own, Refusal};
use alloc::vec::Vec;
use symbolon_keys::{Crypto, LocalSigner, SigningKey, VerifyingKey};
use symbolon_proof::{Raw, sign};
use symbolon_types::{Amount, CoreRefusal, Hash, UnixSeconds};
use symbolon_wire::{cbor::Bytes, cbor_map};

/// A certificate under a key that was rotated out is renewed this long before that key's end, in seconds: 30 days.
const RENEWAL_SECONDS: u64 = 30 * 24 * 3600;

cbor_map! {
    /// A challenge that may still be paid.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct OpenChallenge {
        /// Its nonce.
        1 => nonce: PayeeNonce,
        /// The signed challenge.
        2 => challenge: Bytes,
    }

    /// An object that was accepted.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Accepted {
        /// Its id: SHA-256 of its payload.
        1 => id: Hash,
        /// SHA-256 of the nonce token.
        2 => token: Hash,
        /// What is uploaded: object, challenge, receipt.
        3 => settlement: Settlement,
        /// The server has answered for it.
        4 => settled: bool,
        /// What the payee takes of it, as the receipt says.
        5 => taken: Amount,
    }

    /// What a payee keeps.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct PayeeState {
        /// The server's keys.
        1 => trust: Trust,
        /// The payee's certificate.
        2 => certificate: Bytes,
        /// Challenges that may still be paid.
        3 => open: Vec<OpenChallenge>,
        /// Objects that were accepted.
        4 => accepted: Vec<Accepted>,
        /// Devices that are denied, in rising order.
        5 => denied: Denied,
        /// Objects that the server is asked about, whose receipts are not given yet.
        6 => forwarded: Vec<Accepted>,
        /// Bills that are paid in parts, oldest first.
        7 => bills: Vec<BillRecord>,
        /// Objects that are no longer kept whole, settled or refused for good, oldest first.
        8 => book: Vec<BookEntry>,
    }
}

/// What a payee asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What is to be paid; not nothing.
    pub amount: Amount,
    /// The most that the payer may add, in minor units; `None` where no tip is asked for.
    pub tip_minor_max: Option<u64>,
    /// The bill that this is a part of.
    pub bill: Option<Bill>,
}

impl Asked {
    /// An amount, without tip or bill.
    #[must_use]
    pub fn amount(amount: Amount) -> Self {
        Self { amount, tip_minor_max: None, bill: None }
    }
}

/// A payee with its key.
pub struct Payee<'a> {
    /// The provider of cryptography.
    pub crypto: &'a dyn Crypto,
    /// The key that its certificate names.
    pub key: &'a SigningKey,
}

impl Payee<'_> {
    fn signer(&self) -> LocalSigner<'_> {
        LocalSigner { crypto: self.crypto, key: self.key }
    }

    /// Asks for a certificate, with the code that the operator gave; the same again renews it.
    ///
    /// # Errors
    /// OPEN_FAILED when the key cannot sign.
    pub fn request(&self, code: [u8; 16]) -> Result<Bytes, Refusal> {
        let signing = self.key.verifying(self.crypto);
        let request = PayeeRequest { body: PayeeRequestBody { code, signing } };
        Ok(Bytes(sign(self.crypto, &self.signer(), &request)?))
    }

    /// Takes the server's certificate, and nothing of its lists: such a payee accepts nothing offline before it has heard one.
    ///
    /// # Errors
    /// BAD_SIG when it is not the server's; PAYEE_UNKNOWN when it is for another key.
    pub fn enrolled(&self, server: VerifyingKey, certificate: Bytes) -> Result<PayeeState, Refusal> {
        self.enrolled_under(Trust::pinned(server), Denied::default(), certificate)
    }

    /// Takes the server's certificate together with its first list, which may have led on from the key that was pinned.
    ///
    /// # Errors
    /// As [`Payee::enrolled`] and [`Trust::updated`].
    pub fn enrolled_hearing(
        &self,
        server: VerifyingKey,
        update: &TrustUpdate,
        certificate: Bytes,
    ) -> Result<PayeeState, Refusal> {
        let (trust, denied) = Trust::pinned(server).updated(self.crypto, update)?;
        self.enrolled_under(trust, denied, certificate)
    }

    fn enrolled_under(
        &self,
        trust: Trust,
        denied: Denied,
        certificate: Bytes,
    ) -> Result<PayeeState, Refusal> {
        let signed = Raw(&certificate.0).parse::<PayeeCertificate>()?;
        let claims = trust.verify(self.crypto, signed, None)?.into_claims();
        if claims.cnf.key != self.key.verifying(self.crypto) {
            return Err(Own::PayeeUnknown.into());
        }
        let (open, accepted, forwarded) = (Vec::new(), Vec::new(), Vec::new());
        let (bills, book) = (Vec::new(), Vec::new());
        Ok(PayeeState { trust, certificate, open, accepted, denied, forwarded, bills, book })
    }

    /// Takes the server's word on its keys and on the devices that are denied.
    ///
    /// # Errors
    /// As [`Trust::updated`]; the state is then as it was.
    pub fn hear(&self, mut state: PayeeState, update: &TrustUpdate) -> Result<PayeeState, Refusal> {
        let (trust, denied) = state.trust.clone().updated(self.crypto, update)?;
        // A list that is no newer leaves the devices that are denied as they are, too.
        if trust != state.trust {
            (state.trust, state.denied) = (trust, denied);
        }
        Ok(state)
    }

    /// Whether the certificate is to be asked for again, by the time of the server's last list: its key is revoked, none of the server's any more,
    /// or ends within 30 days; or half of its own life has passed, from when on the server makes it anew. Not as soon as its key merely has
    /// an end: payers that have not heard of the next key could not pay until they are online.
    ///
    /// # Errors
    /// MALFORMED when the state holds what it cannot have taken in.
    pub fn renewal_due(&self, state: &PayeeState) -> Result<bool, Refusal> {
        let certificate = Raw(&state.certificate.0).parse::<PayeeCertificate>()?;
        let (iat, exp) = (certificate.danger_unverified().iat, certificate.danger_unverified().exp);
        let half = exp.0.saturating_sub(iat.0).checked_div(2).unwrap_or(0);
        let heard = state.trust.heard;
        let soon = Some(heard.plus(RENEWAL_SECONDS).plus(1));
        // Before the first list nothing is known of any end.
        let soon = soon.filter(|_| heard > UnixSeconds(0));
        Ok(heard.plus(half) >= exp || state.trust.verify(self.crypto, certificate, soon).is_err())
    }

    /// Takes the certificate anew. Challenges that are open carry the former one, and stay as they are.
    ///
    /// # Errors
    /// BAD_SIG and GRANT_REVOKED when it is not under a key that signs now; PAYEE_UNKNOWN when it is for another key or another payee.
    pub fn renewed(&self, mut state: PayeeState, certificate: Bytes) -> Result<PayeeState, Refusal> {
        let signed = Raw(&certificate.0).parse::<PayeeCertificate>()?;
        let claims = state.trust.verify(self.crypto, signed, None)?.into_claims();
        if claims.cnf.key != self.key.verifying(self.crypto) || claims.body.payee != id_of(&state)? {
            return Err(Own::PayeeUnknown.into());
        }
        state.certificate = certificate;
        Ok(state)
    }

    /// Asks for an amount: as [`Payee::ask`], without tip or bill.
    ///
    /// # Errors
    /// As [`Payee::ask`].
    pub fn charge(
        &self,
        state: PayeeState,
        amount: Amount,
        nonce: PayeeNonce,
        now: Option<UnixSeconds>,
    ) -> Result<(PayeeState, Bytes), Refusal> {
        self.ask(state, &Asked::amount(amount), nonce, now)
    }

    /// Asks to be paid: the state with the challenge open, and the challenge. `nonce` is 16 random bytes.
    ///
    /// # Errors
    /// AMOUNT_INVALID for nothing, and in another currency than that of the certificate's cap; CLOCK_BACK when the payee does not know the time; BILL_EXCEEDED.
    pub fn ask(
        &self,
        mut state: PayeeState,
        asked: &Asked,
        nonce: PayeeNonce,
        now: Option<UnixSeconds>,
    ) -> Result<(PayeeState, Bytes), Refusal> {
        let Asked { amount, tip_minor_max, bill } = *asked;
        if amount.minor() == 0 || amount.currency() != certified(&state)?.cap.currency() {
            return Err(CoreRefusal::AmountInvalid.into());
        }
        let iat = now.ok_or(Own::ClockUnknown)?;
        if let Some(bill) = bill {
            state = bill::opened(state, bill, amount, iat)?;
        }
        let body = ChallengeBody { certificate: state.certificate.clone(), amount, tip_minor_max, bill };
        let challenge = Bytes(sign(self.crypto, &self.signer(), &Challenge { iat, nonce, body })?);
        state.open.push(OpenChallenge { nonce, challenge: challenge.clone() });
        Ok((state, challenge))
    }

    /// Closes a challenge that nobody paid, so that its part of a bill may be asked for again. An object for it may be on its way already: it is
    /// refused when it comes, so its payer has no receipt, and cannot pay the challenge with another nonce either; the money stays reserved
    /// until the grant ends. So a payee cancels only when the payer has gone, and says so to whoever comes back.
    ///
    /// # Errors
    /// CHALLENGE_UNKNOWN when it is not open; the server's answer to one that was forwarded must be awaited.
    pub fn cancel(&self, mut state: PayeeState, nonce: PayeeNonce) -> Result<PayeeState, Refusal> {
        let at = state.open.iter().position(|open| open.nonce == nonce).ok_or(Own::ChallengeUnknown)?;
        state.open.remove(at);
        Ok(state)
    }

    /// Closes a bill that will not be paid whole, and its open parts with it, as [`Payee::cancel`] does.
    ///
    /// # Errors
    /// NOT_FOUND for a bill that is not known.
    pub fn close_bill(&self, state: PayeeState, bill: [u8; 16]) -> Result<PayeeState, Refusal> {
        bill::closed(state, bill)
    }

    /// Checks an object offline and accepts it: as [`Payee::accept_final`], taking all that it pays.
    ///
    /// # Errors
    /// As [`Payee::accept_final`].
    pub fn accept(
        &self,
        state: PayeeState,
        object: &[u8],
        now: Option<UnixSeconds>,
    ) -> Result<(PayeeState, Bytes), Refusal> {
        self.accept_final(state, object, now, None)
    }

    /// Checks an object offline and accepts it: the state to keep, and the receipt to give once it is kept. `final_minor` is what the payee
    /// takes, in minor units; `None` for all of it. The same object again gets the same receipt, whatever is said then.
    ///
    /// # Errors
    /// As [`check_object`], and CLOCK_BACK, DENY_LIST_OLD, REVOKED, EXPIRED, WRONG_PAYEE, CHALLENGE_UNKNOWN, TIP_TOO_HIGH, NONCE_SPENT, FINAL_TOO_HIGH,
    /// AMOUNT_INVALID in another currency than that of the certificate's cap.
    pub fn accept_final(
        &self,
        state: PayeeState,
        object: &[u8],
        now: Option<UnixSeconds>,
        final_minor: Option<u64>,
    ) -> Result<(PayeeState, Bytes), Refusal> {
        let now = now.ok_or(Own::ClockUnknown)?;
        if let Some(known) = state.accepted.iter().find(|known| known.settlement.object.0 == object) {
            let receipt = known.settlement.receipt.clone();
            return Ok((state, receipt));
        }
        let checked = check_object(self.crypto, &state.trust, object, Some(now))?;
        if let Some(known) = state.accepted.iter().find(|accepted| accepted.id == checked.id) {
            let receipt = known.settlement.receipt.clone();
            return Ok((state, receipt));
        }
        let taking = Taking { now, final_minor, online: false };
        let (mut state, accepted) = self.take(state, object, &checked, &taking)?;
        bill::paid(&mut state, &accepted)?;
        let receipt = accepted.settlement.receipt.clone();
        state.accepted.push(accepted);
        Ok((state, receipt))
    }

    /// Takes an object that was checked: its challenge is open no more, its receipt is made.
    fn take(
        &self,
        mut state: PayeeState,
        object: &[u8],
        checked: &CheckedObject,
        taking: &Taking,
    ) -> Result<(PayeeState, Accepted), Refusal> {
        let at = self.fitting_challenge(&state, checked)?;
        checked.grant.validity().check(taking.now, SKEW_SECONDS)?;
        if !taking.online {
            state.trust.fresh(taking.now)?;
        }
        if state.denied.0.contains(&AuthenticatorId::of(self.crypto, &checked.grant.cnf.key)) {
            return Err(Own::Revoked.into());
        }
        let token = checked.grant.body.token;
        let whole = state.accepted.iter().chain(&state.forwarded).map(|accepted| accepted.token);
        if whole.chain(state.book.iter().map(|entry| entry.token)).any(|known| known == token) {
            return Err(Own::NonceSpent.into());
        }
        let paid = &checked.object.claims().body.transaction;
        if paid.amount.currency() != certified(&state)?.cap.currency() {
            return Err(CoreRefusal::AmountInvalid.into());
        }
        let (taken, final_minor) = taken_of(paid.amount, taking.final_minor)?;
        // A payee whose clock is a little slow learns from the grant that it is at least this late.
        let iat = taking.now.max(checked.grant.iat);
        let body = ReceiptBody { object: checked.id, payee: paid.payee, final_minor, online: taking.online };
        let receipt = Bytes(sign(self.crypto, &self.signer(), &Receipt { iat, body })?);
        let challenge = state.open.remove(at).challenge;
        let settlement = Settlement { object: object.into(), challenge, receipt };
        Ok((state, Accepted { id: checked.id, token, settlement, settled: false, taken }))
    }

    /// The place of the open challenge that the object pays.
    fn fitting_challenge(&self, state: &PayeeState, checked: &CheckedObject) -> Result<usize, Refusal> {
        let paid = &checked.object.claims().body.transaction;
        if paid.payee != id_of(state)? {
            return Err(Own::WrongPayee.into());
        }
        let at = state.open.iter().position(|open| open.nonce == paid.nonce).ok_or(Own::ChallengeUnknown)?;
        let open = state.open.get(at).ok_or(Own::ChallengeUnknown)?;
        let asked = Raw(&open.challenge.0)
            .parse::<Challenge>()?
            .verify(self.crypto, &self.key.verifying(self.crypto))?;
        if asked.payload_hash(self.crypto) != paid.challenge {
            return Err(Own::WrongPayee.into());
        }
        let right = amount_with_tip(&asked.claims().body, paid.tip_minor)?;
        if right == paid.amount { Ok(at) } else { Err(Own::WrongPayee.into()) }
    }
}

/// How an object is taken.
struct Taking {
    now: UnixSeconds,
    final_minor: Option<u64>,
    online: bool,
}

/// What is taken of what is paid, and how the receipt says it.
fn taken_of(paid: Amount, final_minor: Option<u64>) -> Result<(Amount, Option<u64>), Refusal> {
    match final_minor {
        None => Ok((paid, None)),
        Some(minor) if minor == paid.minor() => Ok((paid, None)),
        Some(minor) if minor > 0 && minor < paid.minor() => {
            Ok((Amount::new(minor, paid.currency())?, Some(minor)))
        }
        Some(_) => Err(Own::FinalTooHigh.into()),
    }
}

/// Who the payee is.
fn id_of(state: &PayeeState) -> Result<PayeeId, Refusal> {
    Ok(certified(state)?.payee)
}

/// What the payee's certificate says of it.
fn certified(state: &PayeeState) -> Result<PayeeCertificateBody, Refusal> {
    // Verified under the server's key when it was taken in.
    Ok(Raw(&state.certificate.0).parse::<PayeeCertificate>()?.danger_unverified().body.clone())
}
