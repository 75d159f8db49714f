//! A request held against what is known of its key, and what it does to the money.
//!
//! **Invariant:** a reply other than 913 is kept with its key; what is kept is never answered otherwise while its window is open.
use super::forward::{Forward, Sent};
use super::{AcquiringRefusal, CARDS, Card, ENDS, EXCHANGES, Exchange, Outcome, POLICY, Policy, TERMINALS};
use crate::key::{NaturalKey, Original, agree};
use crate::message::padded;
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
    route: Option<&Forward>,
) -> Result<Outcome, AcquiringRefusal> {
    let policy = POLICY.get(rows, &()).ok_or(AcquiringRefusal::PolicyMissing)?;
    let found = EXCHANGES.get(rows, &request.key);
    let mut overtaken = false;
    if let Some(kept) = &found {
        let window_ends = UnixMs(kept.at.0.saturating_add(policy.window_ms));
        match &kept.ask {
            None => overtaken = true,
            Some(ask) if window_ends > ctx.at || kept.waits().is_some() => {
                return Ok(match kept.waits() {
                    _ if !is_same(request, ask, kept) => {
                        Outcome::Answered(Reply::only(ActionCode::DUPLICATE))
                    }
                    Some(upstream) => Outcome::Waits(upstream),
                    None => Outcome::Repeated(kept.reply.clone()),
                });
            }
            Some(_) => {}
        }
        ENDS.delete(rows, &(kept.until, request.key));
    }
    let decision = Decision { ctx, policy, key: request.key };
    let Decided { reply, made, sent } = match route {
        _ if overtaken => Decided::only(ActionCode::INVALID),
        Some(route) if is_foreign(rows, &request.ask) => decision.forward(rows, route),
        Some(route) if route.checks && !matches!(request.ask, Ask::Reverse(_)) => {
            Decided::only(ActionCode::NOT_SUPPORTED)
        }
        _ => decision.ask(rows, &request.ask),
    };
    let kept = Exchange {
        ask: Some(request.ask),
        transmitted: request.transmitted,
        forwarding: request.forwarding,
        at: ctx.at,
        left: reply.amount,
        reply: reply.clone(),
        authorisation: made,
        until: until(ctx, &policy),
        sent,
    };
    keep(rows, &request.key, &kept);
    Ok(kept.waits().map_or(Outcome::Answered(reply), Outcome::Forwarded))
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

/// The reply, the authorisation that it made, and where the request went on to.
pub(super) struct Decided {
    pub(super) reply: Reply,
    pub(super) made: Option<CardId>,
    pub(super) sent: Option<Sent>,
}

impl Decided {
    pub(super) fn only(action: ActionCode) -> Self {
        Self::new(Reply::only(action), None)
    }

    pub(super) fn new(reply: Reply, made: Option<CardId>) -> Self {
        Self { reply, made, sent: None }
    }
}

/// Whether it is about a card that is not known here.
fn is_foreign(rows: &dyn Rows, ask: &Ask) -> bool {
    let card = match ask {
        Ask::Authorise(payment) | Ask::Purchase(payment) | Ask::Refund(payment) => payment.card,
        Ask::AuthorisedBefore(advice) | Ask::PaidBefore(advice) => advice.card,
        Ask::Reverse(_) => return false,
    };
    CARDS.get(rows, &card).is_none()
}

/// One request, while it is decided.
pub(super) struct Decision<'a> {
    pub(super) ctx: &'a Ctx,
    pub(super) policy: Policy,
    pub(super) key: NaturalKey,
}

impl Decision<'_> {
    fn ask(&self, rows: &mut dyn Rows, ask: &Ask) -> Decided {
        let decided = match ask {
            Ask::Authorise(payment) => self.paying(rows, payment).and_then(|(card, merchant)| {
                let (reply, id) = self.hold(rows, card, merchant, payment.amount, payment.partial)?;
                Ok(Decided::new(reply, Some(id)))
            }),
            Ask::Purchase(payment) => self
                .paying(rows, payment)
                .and_then(|(card, merchant)| self.pay(rows, card, merchant, payment.amount, payment.partial)),
            Ask::Refund(payment) => self.refund(rows, payment),
            Ask::AuthorisedBefore(advice) => self
                .parties(rows, &advice.card)
                .and_then(|(card, merchant)| self.authorised_before(rows, card.account, merchant, advice)),
            Ask::PaidBefore(advice) => self
                .parties(rows, &advice.card)
                .and_then(|(card, merchant)| self.paid_before(rows, card.account, merchant, advice)),
            Ask::Reverse(reversal) => self.reverse(rows, reversal).map(|reply| Decided::new(reply, None)),
        };
        decided.unwrap_or_else(Decided::only)
    }

    /// Who pays and who is paid.
    fn paying(&self, rows: &dyn Rows, payment: &Payment) -> Result<(AccountId, AccountId), ActionCode> {
        let (card, merchant) = self.parties(rows, &payment.card)?;
        if card.blocked { Err(ActionCode::DECLINED) } else { Ok((card.account, merchant)) }
    }

    pub(super) fn hold(
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
    pub(super) fn pay(
        &self,
        rows: &mut dyn Rows,
        cardholder: AccountId,
        merchant: AccountId,
        amount: Amount,
        partial: bool,
    ) -> Result<Decided, ActionCode> {
        let (reply, id) = self.hold(rows, cardholder, merchant, amount, partial)?;
        let amount = Amount::new(reply.amount, amount.currency()).map_err(|_| ActionCode::INVALID_AMOUNT)?;
        let capture = CardKind::Capture(Capture { amount, last: true });
        self.perform(rows, id, self.operation_id(1), capture).map_err(declined)?;
        Ok(Decided::new(reply, Some(id)))
    }

    /// A payment to the card that names no payment before it: presented by the merchant as owed, so never covered by anyone else.
    fn refund(&self, rows: &mut dyn Rows, payment: &Payment) -> Result<Decided, ActionCode> {
        let (card, merchant) = self.parties(rows, &payment.card)?;
        let (reply, id) = self.hold(rows, merchant, card.account, payment.amount, false)?;
        let capture = CardKind::Capture(Capture { amount: payment.amount, last: true });
        self.perform(rows, id, self.operation_id(1), capture).map_err(declined)?;
        Ok(Decided::new(reply, Some(id)))
    }

    /// Holds what can be held: the advice says that it was approved, and the presentment takes what is owed.
    pub(super) fn authorised_before(
        &self,
        rows: &mut dyn Rows,
        cardholder: AccountId,
        merchant: AccountId,
        advice: &Advice,
    ) -> Result<Decided, ActionCode> {
        match self.hold(rows, cardholder, merchant, advice.amount, true) {
            Ok((reply, id)) => Ok(Decided::new(Reply { action: ActionCode::APPROVED, ..reply }, Some(id))),
            Err(ActionCode::NOT_SUFFICIENT) => Ok(Decided::new(self.approved(ActionCode::APPROVED, 0), None)),
            Err(action) => Err(action),
        }
    }

    pub(super) fn paid_before(
        &self,
        rows: &mut dyn Rows,
        cardholder: AccountId,
        merchant: AccountId,
        advice: &Advice,
    ) -> Result<Decided, ActionCode> {
        let completes = advice.original.and_then(|original| completed(rows, &original, &advice.card));
        let id = completes.and_then(|kept| kept.authorisation).unwrap_or(self.operation_id(0));
        let held = hold(rows, &id).map_or(0, |hold| hold.held);
        let amount = advice.amount;
        let kind = if held >= amount.minor() && held > 0 {
            CardKind::Capture(Capture { amount, last: true })
        } else {
            let cover = self.policy.cover;
            CardKind::Present(Present { cardholder, merchant, amount, cover })
        };
        let moved = self.perform(rows, id, self.operation_id(1), kind).map_err(declined)?;
        Ok(Decided::new(self.approved(ActionCode::APPROVED, moved), Some(id)))
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
        if kept.waits().is_some() {
            return self.take_back(rows, &original.key, &kept, standing);
        }
        let back = kept.left.saturating_sub(standing);
        if let (Some(ask), Some(id)) = (kept.ask, kept.authorisation)
            && back > 0
        {
            self.give_back(rows, &ask, id, back, standing == 0)?;
            self.undo(rows, &original.key, &kept, standing);
        }
        EXCHANGES.put(rows, &original.key, &Exchange { left: kept.left.saturating_sub(back), ..kept });
        Ok(Reply { amount: back, ..Reply::only(ActionCode::REVERSED) })
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
            sent: None,
        };
        keep(rows, &original.key, &marked);
    }

    fn parties(&self, rows: &dyn Rows, card: &Hash) -> Result<(Card, AccountId), ActionCode> {
        let merchant = self.merchant(rows)?;
        let card = CARDS.get(rows, card).ok_or(ActionCode::INVALID_CARD)?;
        Ok((card, merchant))
    }

    pub(super) fn merchant(&self, rows: &dyn Rows) -> Result<AccountId, ActionCode> {
        let terminal = (self.key.link, TerminalId(self.key.terminal));
        Ok(TERMINALS.get(rows, &terminal).ok_or(ActionCode::INVALID_MERCHANT)?.merchant)
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
    pub(super) fn approved(&self, action: ActionCode, amount: u64) -> Reply {
        Reply { action, amount, approval: Some(padded(self.ctx.sequence)), chip: None }
    }
}

/// The request that an advice completes: it was asked for with the same card, was approved and is not reversed in full.
pub(super) fn completed(rows: &dyn Rows, original: &Original, card: &Hash) -> Option<Exchange> {
    let kept = EXCHANGES.get(rows, &original.key).filter(|kept| is_of(original, kept) && kept.left > 0)?;
    match kept.ask {
        Some(Ask::Authorise(payment)) if payment.card == *card => Some(kept),
        Some(Ask::AuthorisedBefore(advice)) if advice.card == *card => Some(kept),
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
