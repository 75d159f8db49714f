//! The sums of every authorisation, added up anew from its operations, and these held against their transfers.
use super::{AUTHORISATIONS, Authorisation, CardId, CardKind, CardOperation, OF, OPERATIONS, Performed};
use crate::audit::pages;
use crate::{AccountId, JournalDamage, Kind, transfer};
use symbolon_state::Rows;
use symbolon_types::Currency;

/// How many authorisations there are.
///
/// # Errors
/// [`JournalDamage::CardWrong`], of the first authorisation that its operations do not make, or that its transfers do not bear out.
pub(crate) fn audit(rows: &dyn Rows) -> Result<u64, JournalDamage> {
    let mut running = None::<(CardId, Sums)>;
    pages(rows, &OF, |(id, own), ()| {
        let done = OPERATIONS.get(rows, own).ok_or(JournalDamage::CardWrong(*id))?;
        let mut sums = match running {
            Some((last, sums)) if last == *id => sums,
            before => {
                compare(rows, before)?;
                Sums::default()
            }
        };
        let named = (done.operation.authorisation, done.operation.id) == (*id, *own);
        if !named || !sums.add(&done) || !borne_out(rows, &done) {
            return Err(JournalDamage::CardWrong(*id));
        }
        running = Some((*id, sums));
        Ok(())
    })?;
    compare(rows, running)?;
    pages(rows, &OPERATIONS, |id, done| {
        let found = OF.get(rows, &(done.operation.authorisation, *id));
        found.ok_or(JournalDamage::CardWrong(done.operation.authorisation))
    })?;
    let mut count = 0u64;
    pages(rows, &AUTHORISATIONS, |id, _| {
        count = count.saturating_add(1);
        let any = !OF.scan(rows, id, None, 1).is_empty();
        if any { Ok(()) } else { Err(JournalDamage::CardWrong(*id)) }
    })?;
    Ok(count)
}

fn compare(rows: &dyn Rows, running: Option<(CardId, Sums)>) -> Result<(), JournalDamage> {
    match running {
        Some((id, sums)) if sums.made() != Some(AUTHORISATIONS.get(rows, &id)) => {
            Err(JournalDamage::CardWrong(id))
        }
        _ => Ok(()),
    }
}

/// The sums over the operations of one authorisation, in whatever order they are read.
#[derive(Clone, Copy, Default)]
struct Sums {
    parties: Option<(AccountId, AccountId, Currency)>,
    approved: u64,
    captured: u64,
    refunded: u64,
    charged_back: u64,
    represented: u64,
}

impl Sums {
    /// Whether the operation fits what was added before it.
    fn add(&mut self, done: &Performed) -> bool {
        let amount = done.answer.amount;
        let (sum, parties) = match done.operation.kind {
            CardKind::Authorise(asked) => {
                let right =
                    amount == asked.amount.minor() || (asked.partial && amount < asked.amount.minor());
                let parties = (asked.cardholder, asked.merchant, asked.amount.currency());
                (&mut self.approved, right.then_some(Some(parties)))
            }
            CardKind::Present(asked) => {
                let parties = (asked.cardholder, asked.merchant, asked.amount.currency());
                (&mut self.captured, Some(Some(parties)))
            }
            CardKind::Increment(_) => (&mut self.approved, Some(None)),
            CardKind::Capture(_) => (&mut self.captured, Some(None)),
            CardKind::Refund(_) => (&mut self.refunded, Some(None)),
            CardKind::Chargeback(_) => (&mut self.charged_back, Some(None)),
            CardKind::Represent(_) => (&mut self.represented, Some(None)),
            CardKind::Reverse(_) => return true,
        };
        *sum = sum.saturating_add(amount);
        match parties {
            Some(Some(parties)) => *self.parties.get_or_insert(parties) == parties,
            Some(None) => true,
            None => false,
        }
    }

    /// The row that the sums make, if any; the outer `None` when nothing makes them.
    fn made(&self) -> Option<Option<Authorisation>> {
        let Self { approved, captured, refunded, represented, .. } = *self;
        let charged_back = self.charged_back.checked_sub(represented)?;
        let returned = refunded.checked_add(charged_back)?;
        match self.parties {
            Some((cardholder, merchant, currency)) if returned <= captured => {
                let nothing = Authorisation::nothing(cardholder, merchant, currency);
                Some(Some(Authorisation { approved, captured, refunded, charged_back, ..nothing }))
            }
            None if [approved, captured, self.charged_back, refunded] == [0; 4] => Some(None),
            _ => None,
        }
    }
}

/// Whether the operation's transfers held, moved or released what it answers. What a void released is not in the void: its hold is held
/// against it by the audit of the transfers.
fn borne_out(rows: &dyn Rows, done: &Performed) -> bool {
    let CardOperation { id, reference, .. } = done.operation;
    let (mut sum, mut covered) = (0u64, 0);
    for number in done.legs() {
        let Some(found) = transfer(rows, &id.transfer(number)) else { return false };
        if found.transfer.reference != reference {
            return false;
        }
        let amount = match found.transfer.kind {
            Kind::Void(_) => return number == 0 && done.answer.covered == 0,
            Kind::Posted(movement) => movement.amount,
            Kind::Pending(held) => held.movement.amount,
            Kind::Capture(part) | Kind::Release(part) => part.amount,
            Kind::Increase(more) => more.amount,
            Kind::Post(post) => match post.amount {
                Some(amount) => amount,
                None => return false,
            },
        };
        if number == 2 {
            covered = amount.minor();
        }
        sum = sum.saturating_add(amount.minor());
    }
    (sum, covered) == (done.answer.amount, done.answer.covered)
}

#[cfg(test)]
mod tests;
