//! The payee's own book: what it took, against what the server says that it credited; and money given back.
//!
//! ```text
//!   accepted ──settled, its grant ended──► book                    what is left of an object: id, nonce, amount
//!            ──refused for good──────────► book, with the refusal  it is not uploaded again
//!   statement_request ──► server ──► Statement, verified ──audit──► differences
//!   refund(object) ──► signed, to the server
//! ```
use super::{Accepted, Payee, PayeeState, id_of};
use crate::messages::{
    Grant, PayeeNonce, Refund, RefundBody, SKEW_SECONDS, SecureObject, Statement, StatementBody,
    StatementRequest, StatementRequestBody,
};
use crate::{OfflinePaymentRefusal as Own, Refusal};
use alloc::{collections::BTreeMap, vec::Vec};
use symbolon_proof::{Raw, sign};
use symbolon_types::{Amount, CoreRefusal, Hash, UnixSeconds};
use symbolon_wire::{cbor::Bytes, cbor_map};

/// How many objects the book holds; the oldest are forgotten, and a credit for one of them is then unknown to an audit.
pub const BOOK_MAX: usize = 4096;

/// The most entries in one statement.
const ENTRIES_MAX: usize = 100;

cbor_map! {
    /// A settled object, or one that the server refused for good.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct BookEntry {
        /// Its id.
        1 => object: Hash,
        /// SHA-256 of the nonce token.
        2 => token: Hash,
        /// What the payee took.
        3 => taken: Amount,
        /// Why the server credits it never; `None` for a settled one.
        4 => refusal: Option<Refusal>,
    }
}

/// Where the payee's book and the server's statement say different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Accepted and not credited: not uploaded yet, or refused.
    NotCredited {
        /// The object.
        object: Hash,
        /// What the payee took.
        taken: Amount,
    },
    /// Credited with another amount than was taken.
    OtherAmount {
        /// The object.
        object: Hash,
        /// What the payee took.
        taken: Amount,
        /// What the server credited.
        credited: Amount,
    },
    /// Credited, and unknown here; or credited twice.
    Unknown {
        /// The object.
        object: Hash,
        /// What the server credited.
        credited: Amount,
    },
    /// Given back.
    Refunded {
        /// The object.
        object: Hash,
        /// How much, in minor units.
        refunded_minor: u64,
    },
}

impl Payee<'_> {
    /// The payee without settled objects whose grants have ended: an object on such a grant is refused by its time alone, and the book remembers it.
    #[must_use]
    pub fn tidied(&self, mut state: PayeeState, now: UnixSeconds) -> PayeeState {
        let (kept, done): (Vec<_>, Vec<_>) = core::mem::take(&mut state.accepted)
            .into_iter()
            .partition(|accepted| !accepted.settled || grant_holds(&accepted.settlement.object.0, now));
        state.accepted = kept;
        enter(&mut state, done.iter().map(|one| entry(one, None)).collect());
        state
    }

    /// The server refused an accepted object for good: it is kept in the book, with the refusal, and uploaded no more. What is no judgement
    /// (the server busy) must not be brought here.
    ///
    /// # Errors
    /// CHALLENGE_UNKNOWN when no such object waits for its settlement.
    pub fn refused(
        &self,
        mut state: PayeeState,
        object: Hash,
        refusal: Refusal,
    ) -> Result<PayeeState, Refusal> {
        let at = state.accepted.iter().position(|one| one.id == object && !one.settled);
        let refused = state.accepted.remove(at.ok_or(Own::ChallengeUnknown)?);
        enter(&mut state, [entry(&refused, Some(refusal))].into());
        Ok(state)
    }

    /// Asks the server what it credited, from the entry with this number on.
    ///
    /// # Errors
    /// OPEN_FAILED when the key cannot sign.
    pub fn statement_request(
        &self,
        state: &PayeeState,
        from: u64,
        now: UnixSeconds,
    ) -> Result<Bytes, Refusal> {
        let body = StatementRequestBody { payee: id_of(state)?, from };
        Ok(Bytes(sign(self.crypto, &self.signer(), &StatementRequest { iat: now, body })?))
    }

    /// The server's statement from this entry on.
    ///
    /// # Errors
    /// BAD_SIG, GRANT_REVOKED under a key that does not sign now; WRONG_PAYEE for another payee's; MALFORMED for other entries than were asked for.
    pub fn statement(&self, state: &PayeeState, from: u64, bytes: &[u8]) -> Result<StatementBody, Refusal> {
        let signed = Raw(bytes).parse::<Statement>()?;
        let body = state.trust.verify(self.crypto, signed, None)?.into_claims().body;
        if body.payee != id_of(state)? {
            return Err(Own::WrongPayee.into());
        }
        let count = u64::try_from(body.entries.len()).unwrap_or(u64::MAX);
        let end = from.saturating_sub(1).saturating_add(count);
        let right = body.from == from && body.entries.len() <= ENTRIES_MAX && end <= body.last;
        // An empty page before the last entry would never end.
        if right && (count > 0 || end >= body.last) { Ok(body) } else { Err(CoreRefusal::Malformed.into()) }
    }

    /// Compares the whole statement, page after page from the first entry on, with the book.
    #[must_use]
    pub fn audit(&self, state: &PayeeState, statement: &[StatementBody]) -> Vec<Difference> {
        let mut ours: BTreeMap<[u8; 32], Amount> =
            state.entries().map(|entry| (entry.object.0, entry.taken)).collect();
        let mut differences = Vec::new();
        for entry in statement.iter().flat_map(|page| &page.entries) {
            let (object, credited) = (entry.object, entry.amount);
            match ours.remove(&object.0) {
                None => differences.push(Difference::Unknown { object, credited }),
                Some(taken) if taken != credited => {
                    differences.push(Difference::OtherAmount { object, taken, credited });
                }
                Some(_) => {}
            }
            if entry.refunded_minor > 0 {
                differences.push(Difference::Refunded { object, refunded_minor: entry.refunded_minor });
            }
        }
        let rest = ours.into_iter();
        differences
            .extend(rest.map(|(object, taken)| Difference::NotCredited { object: Hash(object), taken }));
        differences
    }

    /// Gives money back, by reference to the object that brought it: all that was taken, or `amount`. `nonce` is 16 random bytes; the same refund
    /// sent again is paid once. That all refunds together come to no more than the credit is for the server to say.
    ///
    /// # Errors
    /// NOT_FOUND for an object that is not in the book; AMOUNT_INVALID for nothing; REFUND_TOO_HIGH above what was taken.
    pub fn refund(
        &self,
        state: &PayeeState,
        object: Hash,
        amount: Option<Amount>,
        nonce: PayeeNonce,
        now: UnixSeconds,
    ) -> Result<Bytes, Refusal> {
        let entry = state.entries().find(|entry| entry.object == object).ok_or(CoreRefusal::NotFound)?;
        let amount = amount.unwrap_or(entry.taken);
        if amount.minor() == 0 {
            return Err(CoreRefusal::AmountInvalid.into());
        }
        if !amount.within(entry.taken)? {
            return Err(Own::RefundTooHigh.into());
        }
        let body = RefundBody { payee: id_of(state)?, token: entry.token, object, amount };
        Ok(Bytes(sign(self.crypto, &self.signer(), &Refund { iat: now, nonce, body })?))
    }
}

impl PayeeState {
    /// All objects that were ever accepted, as far as the book goes back.
    pub fn entries(&self) -> impl Iterator<Item = BookEntry> + '_ {
        let accepted = self.accepted.iter();
        self.book.iter().copied().chain(accepted.map(|one| entry(one, None)))
    }
}

fn entry(one: &Accepted, refusal: Option<Refusal>) -> BookEntry {
    BookEntry { object: one.id, token: one.token, taken: one.taken, refusal }
}

fn enter(state: &mut PayeeState, entries: Vec<BookEntry>) {
    state.book.extend(entries);
    let surplus = state.book.len().saturating_sub(BOOK_MAX);
    state.book.drain(..surplus);
}

/// Whether the object's grant has not ended; true for what cannot be read, which is kept.
fn grant_holds(object: &[u8], now: UnixSeconds) -> bool {
    let exp = || {
        let object = Raw(object).parse::<SecureObject>().ok()?;
        let grant = Raw(&object.danger_unverified().body.grant.0).parse::<Grant>().ok()?;
        Some(grant.danger_unverified().exp)
    };
    exp().is_none_or(|exp| exp.plus(SKEW_SECONDS) > now)
}
