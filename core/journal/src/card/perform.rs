//! Each operation as the transfers that make it, and the sums that it changes.
use super::{
    AUTHORISATIONS, Authorisation, Authorise, Capture, CardAnswer, CardKind, CardOperation, Dispute,
    Increment, LEGS, OF, OPERATIONS, Performed, Present, Refund, Reverse,
};
use crate::{
    AccountId, Done, End, Hold, JournalRefusal, Movement, State, Transfer, TransferId, account, execute_all,
    transfer,
};
use alloc::vec;
use alloc::vec::Vec;
use symbolon_state::{Ctx, Rows};
use symbolon_types::Amount;

/// Does one operation: its transfers as one chain, its sums with them. Sent again with the same body it is answered as the first time.
///
/// # Errors
/// 43, then 61 to 66 of the crate's table, then what its transfers are refused for; the rows are as before and the id is free.
pub fn perform(
    rows: &mut dyn Rows,
    ctx: &Ctx,
    operation: &CardOperation,
) -> Result<(Done, CardAnswer), JournalRefusal> {
    let CardOperation { id, authorisation, .. } = *operation;
    if let Some(kept) = OPERATIONS.get(rows, &id) {
        let same = kept.operation == *operation;
        return if same {
            Ok((Done::Exists, kept.answer))
        } else {
            Err(JournalRefusal::ExistsWithDifferentBody)
        };
    }
    let Plan { chain, sums, answer } = Planner { rows, ctx, operation }.plan()?;
    if !chain.is_empty() && execute_all(rows, ctx, &chain)? == Done::Exists {
        return Err(JournalRefusal::ExistsWithDifferentBody);
    }
    if let Some(sums) = sums {
        AUTHORISATIONS.put(rows, &authorisation, &sums);
    }
    let Ctx { at, sequence } = *ctx;
    let made = |number: &u8| chain.iter().any(|transfer| transfer.id == id.transfer(*number));
    let transfers = (0..LEGS).filter(made).fold(0, |bits, number| bits | 1u8.wrapping_shl(u32::from(number)));
    OPERATIONS.put(rows, &id, &Performed { operation: *operation, answer, at, sequence, transfers });
    OF.put(rows, &(authorisation, id), &());
    Ok((Done::Created, answer))
}

/// What an operation writes, if its chain is accepted.
struct Plan {
    chain: Vec<Transfer>,
    sums: Option<Authorisation>,
    answer: CardAnswer,
}

struct Planner<'a> {
    rows: &'a dyn Rows,
    ctx: &'a Ctx,
    operation: &'a CardOperation,
}

impl Planner<'_> {
    fn plan(&self) -> Result<Plan, JournalRefusal> {
        let kind = &self.operation.kind;
        let own_id = self.operation.id == self.operation.authorisation;
        if own_id != matches!(kind, CardKind::Authorise(_)) {
            return Err(JournalRefusal::AuthorisationIdWrong);
        }
        let found = AUTHORISATIONS.get(self.rows, &self.operation.authorisation);
        let known = found.ok_or(JournalRefusal::AuthorisationNotFound);
        match kind {
            CardKind::Authorise(asked) => self.authorise(asked),
            CardKind::Increment(asked) => self.increment(known?, asked),
            CardKind::Capture(asked) => self.capture(known?, asked),
            CardKind::Reverse(Reverse { amount: None }) if found.is_none() => Ok(self.nothing()),
            CardKind::Reverse(asked) => self.reverse(known?, asked),
            CardKind::Present(asked) => self.present(found, asked),
            CardKind::Refund(asked) => self.refund(known?, asked),
            CardKind::Chargeback(asked) => self.chargeback(known?, asked),
            CardKind::Represent(asked) => self.represent(known?, asked),
        }
    }

    fn authorise(&self, asked: &Authorise) -> Result<Plan, JournalRefusal> {
        let Authorise { cardholder, merchant, amount, expires_at, partial } = *asked;
        let id = self.operation.id;
        if !OF.scan(self.rows, &id, None, 1).is_empty() {
            return Err(JournalRefusal::AuthorisationOvertaken);
        }
        let most = if partial { self.can_give(&cardholder, amount) } else { amount };
        let approved = if most.minor() == 0 { amount } else { most };
        let hold = Transfer::pending(
            id.transfer(0),
            cardholder,
            merchant,
            approved,
            expires_at,
            self.operation.reference,
        );
        let (currency, minor) = (approved.currency(), approved.minor());
        let sums =
            Authorisation { approved: minor, ..Authorisation::nothing(cardholder, merchant, currency) };
        Ok(Plan { chain: vec![hold], sums: Some(sums), answer: CardAnswer { amount: minor, covered: 0 } })
    }

    fn increment(&self, known: Authorisation, asked: &Increment) -> Result<Plan, JournalRefusal> {
        let Increment { amount, expires_at } = *asked;
        let CardOperation { id, reference, .. } = *self.operation;
        let chain = vec![Transfer::increase(id.transfer(0), self.hold_id(), amount, expires_at, reference)];
        let sums = Authorisation { approved: sum(known.approved, amount)?, ..known };
        Ok(Plan { chain, sums: Some(sums), answer: CardAnswer { amount: amount.minor(), covered: 0 } })
    }

    fn capture(&self, known: Authorisation, asked: &Capture) -> Result<Plan, JournalRefusal> {
        let Capture { amount, last } = *asked;
        let CardOperation { id, reference, .. } = *self.operation;
        let part = if last {
            Transfer::post(id.transfer(0), self.hold_id(), Some(amount), reference)
        } else {
            Transfer::capture(id.transfer(0), self.hold_id(), amount, reference)
        };
        let sums = Authorisation { captured: sum(known.captured, amount)?, ..known };
        Ok(Plan {
            chain: vec![part],
            sums: Some(sums),
            answer: CardAnswer { amount: amount.minor(), covered: 0 },
        })
    }

    /// What is no longer held needs no release: a reversal of all of it is answered with zero.
    fn reverse(&self, known: Authorisation, asked: &Reverse) -> Result<Plan, JournalRefusal> {
        let CardOperation { id, reference, .. } = *self.operation;
        let (part, amount) = match (asked.amount, self.hold()) {
            (Some(amount), _) => {
                (Transfer::release(id.transfer(0), self.hold_id(), amount, reference), amount.minor())
            }
            (None, Some(Hold { end: Some(End::Voided(_) | End::Expired(_)), .. })) => {
                return Ok(self.nothing());
            }
            (None, Some(hold)) if hold.expired(self.ctx.at).is_some() => return Ok(self.nothing()),
            (None, hold) => {
                let held = hold.map_or(0, |hold| hold.held);
                (Transfer::void(id.transfer(0), self.hold_id(), reference), held)
            }
        };
        Ok(Plan { chain: vec![part], sums: Some(known), answer: CardAnswer { amount, covered: 0 } })
    }

    fn present(&self, found: Option<Authorisation>, asked: &Present) -> Result<Plan, JournalRefusal> {
        let Present { cardholder, merchant, amount, cover } = *asked;
        let known = found.unwrap_or(Authorisation::nothing(cardholder, merchant, amount.currency()));
        if (known.cardholder, known.merchant) != (cardholder, merchant) {
            return Err(JournalRefusal::AuthorisationDiffers);
        }
        self.in_currency(&known, amount)?;
        let CardOperation { id, reference, .. } = *self.operation;
        let held = self.hold().filter(|hold| hold.expired(self.ctx.at).is_none()).map_or(0, |hold| hold.held);
        let (from_hold, rest) = split(amount, held)?;
        let mut chain = Vec::new();
        if from_hold.minor() > 0 {
            chain.push(Transfer::capture(id.transfer(0), self.hold_id(), from_hold, reference));
        }
        let mut covered = 0;
        if rest.minor() > 0 || chain.is_empty() {
            let movement = Movement { debit: cardholder, credit: merchant, amount: rest };
            covered = self.forced(&mut chain, movement, cover)?;
        }
        let sums = Authorisation { captured: sum(known.captured, amount)?, ..known };
        Ok(Plan { chain, sums: Some(sums), answer: CardAnswer { amount: amount.minor(), covered } })
    }

    fn refund(&self, known: Authorisation, asked: &Refund) -> Result<Plan, JournalRefusal> {
        let amount = asked.amount;
        self.within_captured(&known, amount)?;
        let CardOperation { id, reference, .. } = *self.operation;
        let back = Transfer::posted(id.transfer(0), known.merchant, known.cardholder, amount, reference);
        let sums = Authorisation { refunded: sum(known.refunded, amount)?, ..known };
        Ok(Plan {
            chain: vec![back],
            sums: Some(sums),
            answer: CardAnswer { amount: amount.minor(), covered: 0 },
        })
    }

    fn chargeback(&self, known: Authorisation, asked: &Dispute) -> Result<Plan, JournalRefusal> {
        self.within_captured(&known, asked.amount)?;
        let sums = Authorisation { charged_back: sum(known.charged_back, asked.amount)?, ..known };
        self.dispute(
            sums,
            Movement { debit: known.merchant, credit: known.cardholder, amount: asked.amount },
            asked,
        )
    }

    fn represent(&self, known: Authorisation, asked: &Dispute) -> Result<Plan, JournalRefusal> {
        self.in_currency(&known, asked.amount)?;
        let left = known.charged_back.checked_sub(asked.amount.minor());
        let sums = Authorisation { charged_back: left.ok_or(JournalRefusal::ExceedsChargedBack)?, ..known };
        self.dispute(
            sums,
            Movement { debit: known.cardholder, credit: known.merchant, amount: asked.amount },
            asked,
        )
    }

    fn dispute(
        &self,
        sums: Authorisation,
        movement: Movement,
        asked: &Dispute,
    ) -> Result<Plan, JournalRefusal> {
        let mut chain = Vec::new();
        let covered = self.forced(&mut chain, movement, asked.cover)?;
        let answer = CardAnswer { amount: movement.amount.minor(), covered };
        Ok(Plan { chain, sums: Some(sums), answer })
    }

    /// Adds what moves the amount whatever the account to debit has: what it cannot give comes from `cover`. Answers how much that is.
    fn forced(
        &self,
        chain: &mut Vec<Transfer>,
        movement: Movement,
        cover: AccountId,
    ) -> Result<u64, JournalRefusal> {
        let Movement { debit, credit, amount } = movement;
        let CardOperation { id, reference, .. } = *self.operation;
        let (own, covered) = split(amount, self.can_give(&debit, amount).minor())?;
        if own.minor() > 0 || covered.minor() == 0 {
            chain.push(Transfer::posted(id.transfer(1), debit, credit, own, reference));
        }
        if covered.minor() > 0 {
            chain.push(Transfer::posted(id.transfer(2), cover, credit, covered, reference));
        }
        Ok(covered.minor())
    }

    /// Done, with nothing to do.
    fn nothing(&self) -> Plan {
        Plan { chain: Vec::new(), sums: None, answer: CardAnswer { amount: 0, covered: 0 } }
    }

    fn within_captured(&self, known: &Authorisation, amount: Amount) -> Result<(), JournalRefusal> {
        self.in_currency(known, amount)?;
        let returned = known.refunded.checked_add(known.charged_back);
        let sum = returned.and_then(|returned| returned.checked_add(amount.minor()));
        match sum {
            Some(sum) if sum <= known.captured => Ok(()),
            _ => Err(JournalRefusal::ExceedsCaptured),
        }
    }

    fn in_currency(&self, known: &Authorisation, amount: Amount) -> Result<(), JournalRefusal> {
        if amount.currency() == known.currency { Ok(()) } else { Err(JournalRefusal::CurrencyMismatch) }
    }

    /// As much of the amount as the account can give now; all of it where the account has no limit on what leaves it, or is not there.
    fn can_give(&self, id: &AccountId, amount: Amount) -> Amount {
        let most = account(self.rows, id).and_then(|account| account.can_give());
        most.and_then(|most| Amount::new(most.min(amount.minor()), amount.currency()).ok()).unwrap_or(amount)
    }

    fn hold_id(&self) -> TransferId {
        self.operation.authorisation.transfer(0)
    }

    fn hold(&self) -> Option<Hold> {
        match transfer(self.rows, &self.hold_id())?.state {
            State::Hold(hold) => Some(hold),
            State::Final(()) | State::Part(_) => None,
        }
    }
}

/// At most `most` of the amount, and the rest.
fn split(amount: Amount, most: u64) -> Result<(Amount, Amount), JournalRefusal> {
    let first = amount.minor().min(most);
    let of = |minor| Amount::new(minor, amount.currency()).map_err(|_| JournalRefusal::Overflow);
    Ok((of(first)?, of(amount.minor().saturating_sub(first))?))
}

fn sum(minor: u64, amount: Amount) -> Result<u64, JournalRefusal> {
    minor.checked_add(amount.minor()).ok_or(JournalRefusal::Overflow)
}
