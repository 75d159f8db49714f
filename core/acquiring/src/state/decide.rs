//! A request held against what is known of its key, and what it does to the money.
//!
//! **Invariant:** a reply other than 913 is kept with its key; what is kept is never answered otherwise while its window is open.
use super::{AcquiringRefusal, CARDS, Card, ENDS, EXCHANGES, Exchange, Outcome, POLICY, Policy, TERMINALS};
use crate::key::{NaturalKey, Original, agree};
use crate::reply::{ActionCode, Reply};
use crate::request::{Advice, Ask, Payment, Request, Reversal, TerminalId};
use symbolon_journal::card::{
    Authorise, Capture, CardId, CardKind, CardOperation, Dispute, Present, Refund, Reverse, authorisation,
    perform,
};
use symbolon_journal::{AccountId, Hold, JournalRefusal, State, transfer};
use symbolon_state::{Ctx, Rows};
use symbolon_types::{Amount, Hash, UnixMs};

/// Answers one request.
///
/// # Errors
/// [`AcquiringRefusal::PolicyMissing`].
pub(super) fn request(
    rows: &mut dyn Rows,
    ctx: &Ctx,
    request: &Request,
) -> Result<Outcome, AcquiringRefusal> {
    let policy = POLICY.get(rows, &()).ok_or(AcquiringRefusal::PolicyMissing)?;
    let found = EXCHANGES.get(rows, &request.key);
    let mut overtaken = false;
    if let Some(kept) = &found {
        let window_ends = UnixMs(kept.at.0.saturating_add(policy.window_ms));
        match &kept.ask {
            None => overtaken = true,
            Some(ask) if window_ends > ctx.at => {
                return Ok(if is_same(request, ask, kept) {
                    Outcome::Repeated(kept.reply)
                } else {
                    Outcome::Answered(Reply::only(ActionCode::DUPLICATE))
                });
            }
            Some(_) => {}
        }
        ENDS.delete(rows, &(kept.until, request.key));
    }
    let (reply, made) = if overtaken {
        (Reply::only(ActionCode::INVALID), None)
    } else {
        Decision { ctx, policy, key: request.key }.ask(rows, &request.ask)
    };
    let kept = Exchange {
        ask: Some(request.ask),
        transmitted: request.transmitted,
        forwarding: request.forwarding,
        at: ctx.at,
        reply,
        authorisation: made,
        left: reply.amount,
        until: until(ctx, &policy),
    };
    keep(rows, &request.key, &kept);
    Ok(Outcome::Answered(reply))
}

fn is_same(request: &Request, ask: &Ask, kept: &Exchange) -> bool {
    let sent_again = request.repeat || agree(request.transmitted, kept.transmitted);
    *ask == request.ask && sent_again && agree(request.forwarding, kept.forwarding)
}

fn until(ctx: &Ctx, policy: &Policy) -> UnixMs {
    UnixMs(ctx.at.0.saturating_add(policy.kept_ms))
}

fn keep(rows: &mut dyn Rows, key: &NaturalKey, kept: &Exchange) {
    EXCHANGES.put(rows, key, kept);
    ENDS.put(rows, &(kept.until, *key), &());
}

/// What a refused movement of money is answered.
fn declined(why: JournalRefusal) -> ActionCode {
    match why {
        JournalRefusal::ExceedsCredits => ActionCode::NOT_SUFFICIENT,
        JournalRefusal::AmountZero | JournalRefusal::CurrencyMismatch => ActionCode::INVALID_AMOUNT,
        _ => ActionCode::DECLINED,
    }
}

/// The reply, and the authorisation that it made.
type Decided = (Reply, Option<CardId>);

struct Decision<'a> {
    ctx: &'a Ctx,
    policy: Policy,
    key: NaturalKey,
}

impl Decision<'_> {
    fn ask(&self, rows: &mut dyn Rows, ask: &Ask) -> Decided {
        let decided = match ask {
            Ask::Authorise(payment) => self.authorise(rows, payment).map(|(reply, id)| (reply, Some(id))),
            Ask::Purchase(payment) => self.purchase(rows, payment),
            Ask::Refund(payment) => self.refund(rows, payment),
            Ask::AuthorisedBefore(advice) => self.authorised_before(rows, advice),
            Ask::PaidBefore(advice) => self.paid_before(rows, advice),
            Ask::Reverse(reversal) => self.reverse(rows, reversal).map(|reply| (reply, None)),
        };
        decided.unwrap_or_else(|action| (Reply::only(action), None))
    }

    fn authorise(&self, rows: &mut dyn Rows, payment: &Payment) -> Result<(Reply, CardId), ActionCode> {
        let (card, merchant) = self.parties(rows, &payment.card)?;
        if card.blocked {
            return Err(ActionCode::DECLINED);
        }
        self.hold(rows, card.account, merchant, payment.amount, payment.partial)
    }

    fn hold(
        &self,
        rows: &mut dyn Rows,
        cardholder: AccountId,
        merchant: AccountId,
        amount: Amount,
        partial: bool,
    ) -> Result<(Reply, CardId), ActionCode> {
        let id = self.operation_id(0);
        let expires_at = Some(UnixMs(self.ctx.at.0.saturating_add(self.policy.hold_ms)));
        let asked = Authorise { cardholder, merchant, amount, expires_at, partial };
        let held = self.perform(rows, id, id, CardKind::Authorise(asked)).map_err(declined)?;
        let action = if held < amount.minor() { ActionCode::PARTIAL } else { ActionCode::APPROVED };
        Ok((self.approved(action, held), id))
    }

    /// Held and captured at once.
    fn purchase(&self, rows: &mut dyn Rows, payment: &Payment) -> Result<Decided, ActionCode> {
        let (reply, id) = self.authorise(rows, payment)?;
        let amount =
            Amount::new(reply.amount, payment.amount.currency()).map_err(|_| ActionCode::INVALID_AMOUNT)?;
        let capture = CardKind::Capture(Capture { amount, last: true });
        self.perform(rows, id, self.operation_id(1), capture).map_err(declined)?;
        Ok((reply, Some(id)))
    }

    /// A payment to the card that names no payment before it: presented by the merchant as owed, so never covered by anyone else.
    fn refund(&self, rows: &mut dyn Rows, payment: &Payment) -> Result<Decided, ActionCode> {
        let (card, merchant) = self.parties(rows, &payment.card)?;
        let (reply, id) = self.hold(rows, merchant, card.account, payment.amount, false)?;
        let capture = CardKind::Capture(Capture { amount: payment.amount, last: true });
        self.perform(rows, id, self.operation_id(1), capture).map_err(declined)?;
        Ok((reply, Some(id)))
    }

    /// Holds what can be held: the advice says that it was approved, and the presentment takes what is owed.
    fn authorised_before(&self, rows: &mut dyn Rows, advice: &Advice) -> Result<Decided, ActionCode> {
        let (card, merchant) = self.parties(rows, &advice.card)?;
        match self.hold(rows, card.account, merchant, advice.amount, true) {
            Ok((reply, id)) => Ok((Reply { action: ActionCode::APPROVED, ..reply }, Some(id))),
            Err(ActionCode::NOT_SUFFICIENT) => Ok((self.approved(ActionCode::APPROVED, 0), None)),
            Err(action) => Err(action),
        }
    }

    fn paid_before(&self, rows: &mut dyn Rows, advice: &Advice) -> Result<Decided, ActionCode> {
        let (card, merchant) = self.parties(rows, &advice.card)?;
        let completes = advice.original.and_then(|original| completed(rows, &original, &advice.card));
        let id = completes.unwrap_or(self.operation_id(0));
        let held = hold(rows, &id).map_or(0, |hold| hold.held);
        let amount = advice.amount;
        let kind = if held >= amount.minor() && held > 0 {
            CardKind::Capture(Capture { amount, last: true })
        } else {
            let cover = self.policy.cover;
            CardKind::Present(Present { cardholder: card.account, merchant, amount, cover })
        };
        let moved = self.perform(rows, id, self.operation_id(1), kind).map_err(declined)?;
        Ok((self.approved(ActionCode::APPROVED, moved), Some(id)))
    }

    /// A reversal in part tells that it was approved: it needs its original. One of all does not.
    fn reverse(&self, rows: &mut dyn Rows, reversal: &Reversal) -> Result<Reply, ActionCode> {
        let Reversal { original, left } = *reversal;
        let standing = left.map_or(0, Amount::minor);
        let Some(kept) = EXCHANGES.get(rows, &original.key) else {
            if standing > 0 {
                return Err(ActionCode::NO_ORIGINAL);
            }
            self.mark(rows, &original);
            return Ok(Reply::only(ActionCode::REVERSED));
        };
        if !is_of(&original, &kept) {
            return Err(ActionCode::NO_ORIGINAL);
        }
        let back = kept.left.saturating_sub(standing);
        if let (Some(ask), Some(id)) = (kept.ask, kept.authorisation)
            && back > 0
        {
            self.give_back(rows, &ask, id, back, standing == 0)?;
        }
        EXCHANGES.put(rows, &original.key, &Exchange { left: kept.left.saturating_sub(back), ..kept });
        Ok(Reply { action: ActionCode::REVERSED, amount: back, approval: None })
    }

    /// Gives back so much of what the request holds or moved; `all` when nothing of it is to stand.
    fn give_back(
        &self,
        rows: &mut dyn Rows,
        ask: &Ask,
        id: CardId,
        back: u64,
        all: bool,
    ) -> Result<(), ActionCode> {
        let sums = authorisation(rows, &id).ok_or(ActionCode::NO_ORIGINAL)?;
        let amount = Amount::new(back, sums.currency).map_err(|_| ActionCode::INVALID_AMOUNT)?;
        let covered = CardKind::Chargeback(Dispute { amount, cover: self.policy.cover });
        let kind = match ask {
            Ask::Authorise(_) | Ask::AuthorisedBefore(_) if all => {
                CardKind::Reverse(Reverse { amount: None })
            }
            Ask::Authorise(_) | Ask::AuthorisedBefore(_) => {
                CardKind::Reverse(Reverse { amount: Some(amount) })
            }
            // The card got it: what it has left of it goes back, the covering account gives the rest.
            Ask::Refund(_) => covered,
            Ask::Purchase(_) | Ask::PaidBefore(_) | Ask::Reverse(_) => CardKind::Refund(Refund { amount }),
        };
        let given = match self.perform(rows, id, self.operation_id(2), kind) {
            // The merchant has spent it: the reversal stands, and what it owes is covered.
            Err(JournalRefusal::ExceedsCredits) => self.perform(rows, id, self.operation_id(2), covered),
            given => given,
        };
        given.map(drop).map_err(|_| ActionCode::NO_ORIGINAL)
    }

    /// The reversal came before its original.
    fn mark(&self, rows: &mut dyn Rows, original: &Original) {
        let marked = Exchange {
            ask: None,
            transmitted: original.transmitted,
            forwarding: original.forwarding,
            at: self.ctx.at,
            reply: Reply::only(ActionCode::INVALID),
            authorisation: None,
            left: 0,
            until: until(self.ctx, &self.policy),
        };
        keep(rows, &original.key, &marked);
    }

    fn parties(&self, rows: &dyn Rows, card: &Hash) -> Result<(Card, AccountId), ActionCode> {
        let terminal = (self.key.link, TerminalId(self.key.terminal));
        let merchant = TERMINALS.get(rows, &terminal).ok_or(ActionCode::INVALID_MERCHANT)?.merchant;
        let card = CARDS.get(rows, card).ok_or(ActionCode::INVALID_CARD)?;
        Ok((card, merchant))
    }

    fn perform(
        &self,
        rows: &mut dyn Rows,
        authorisation: CardId,
        id: CardId,
        kind: CardKind,
    ) -> Result<u64, JournalRefusal> {
        let operation = CardOperation { id, authorisation, reference: Hash::ZERO, kind };
        perform(rows, self.ctx, &operation).map(|(_, answer)| answer.amount)
    }

    /// An operation of this command, by a number in it: the command's number makes it one of all.
    fn operation_id(&self, number: u8) -> CardId {
        let [a, b, c, d, e, f, g, h] = self.ctx.sequence.to_be_bytes();
        CardId([b'A', b'C', b'Q', 0, 0, 0, number, a, b, c, d, e, f, g, h])
    }

    /// An approval, with six digits that the command's number makes.
    fn approved(&self, action: ActionCode, amount: u64) -> Reply {
        let digits = self.ctx.sequence.checked_rem(1_000_000).and_then(|digits| u32::try_from(digits).ok());
        Reply { action, amount, approval: digits }
    }
}

/// The authorisation that an advice completes: it was asked for with the same card, was approved and is not reversed in full.
fn completed(rows: &dyn Rows, original: &Original, card: &Hash) -> Option<CardId> {
    let kept = EXCHANGES.get(rows, &original.key).filter(|kept| is_of(original, kept) && kept.left > 0)?;
    match kept.ask {
        Some(Ask::Authorise(payment)) if payment.card == *card => kept.authorisation,
        Some(Ask::AuthorisedBefore(advice)) if advice.card == *card => kept.authorisation,
        _ => None,
    }
}

fn is_of(original: &Original, kept: &Exchange) -> bool {
    agree(original.transmitted, kept.transmitted) && agree(original.forwarding, kept.forwarding)
}

fn hold(rows: &dyn Rows, id: &CardId) -> Option<Hold> {
    match transfer(rows, &id.transfer(0))?.state {
        State::Hold(hold) => Some(hold),
        State::Final(()) | State::Part(_) => None,
    }
}
