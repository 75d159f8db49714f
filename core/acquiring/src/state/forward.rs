//! Payments that a processor decides, and what it must still learn.
//!
//! ```text
//!   Forward ─► kept, Waiting ─(sent)─► Told    ─► money moves, the reply is kept       an approval that cannot be kept is undone there
//!                  │                ├► GaveUp  ─► 911 is kept                       ┐
//!                  │                └► due     ─► 911 is kept (after a fall, too)   ├─► Outgoing: a reversal of what may have arrived
//!                  └── the terminal's reversal ─► 911 is kept, the reversal is 400  ┘
//! ```
//! **Invariant:** nothing is sent before it is kept as waiting, and what waits ends once: with the answer, or with a reversal in the outbox.
//! **Invariant:** the account is opaque here: what only the vault opens, under the key of a period.
use super::decide::{Decided, Decision};
use super::{
    AcquiringRefusal, EXCHANGES, Exchange, OUTBOX, Outcome, POLICY, PROCESSORS, WAITING, WAITING_ENDS, known,
};
use crate::key::NaturalKey;
use crate::reply::{ActionCode, Reply};
use crate::request::{Advice, Ask, Payment, Request};
use symbolon_journal::{AccountId, account};
use symbolon_state::{Ctx, Rows};
use symbolon_types::{Amount, UnixMs};
use symbolon_wire::cbor::Bytes;
use symbolon_wire::{cbor_enum, cbor_map};

cbor_map! {
    /// A processor. Set anew its times and its account are replaced.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct SetProcessor {
        /// Its number: links name it.
        1 => number: u32,
        /// Owes what it approved.
        2 => account: AccountId,
        /// For so long its answer is waited for, in milliseconds, 1,000 to 120,000.
        3 => answer_ms: u64,
        /// What is approved while it is not there, in minor units at most; 0 is nothing.
        4 => stand_in: u64,
    }

    /// Of a processor.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Processor {
        /// Owes what it approved.
        1 => account: AccountId,
        /// For so long its answer is waited for.
        2 => answer_ms: u64,
        /// What is approved while it is not there.
        3 => stand_in: u64,
        /// The audit number that was given last.
        4 => audit: u32,
        /// The number in the outbox that was given last.
        5 => outgoing: u64,
    }

    /// A request on a link that has a processor.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Forward {
        /// The request.
        1 => request: Request,
        /// The processor of cards that are not known here.
        2 => processor: u32,
        /// The account as the vault sealed it; opaque here.
        3 => account: Bytes,
        /// Whether the processor is there.
        4 => reachable: bool,
        /// Whether it carries what only the processor can check, a PIN or what a chip said: then nobody decides in its stead.
        5 => checks: bool,
    }

    /// A message to a processor.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Upstream {
        /// The processor.
        1 => processor: u32,
        /// Field 11 there, 1 to 999999.
        2 => audit: u32,
        /// Field 7 there, to the second.
        3 => at: UnixMs,
    }

    /// Where a request went on to.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Sent {
        /// The message.
        1 => to: Upstream,
        /// Its message type in 1987: 100, 120, 200 or 220.
        2 => mti: u16,
        /// Whether its answer is waited for.
        3 => waits: bool,
        /// The account as the vault sealed it.
        4 => account: Bytes,
    }

    /// What waits.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Waiting {
        /// The request.
        1 => key: NaturalKey,
        /// Until when.
        2 => ends: UnixMs,
    }

    /// A processor's answer.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Told {
        /// The processor.
        1 => processor: u32,
        /// Field 11.
        2 => audit: u32,
        /// Field 39.
        3 => action: ActionCode,
        /// Field 4: how much, of an approval in part.
        4 => amount: u64,
        /// Field 38.
        5 => approval: Option<[u8; 6]>,
        /// Field 55, at most 255 bytes.
        6 => chip: Option<Bytes>,
    }

    /// No answer came, or none can come any more.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct GaveUp {
        /// The processor.
        1 => processor: u32,
        /// Field 11.
        2 => audit: u32,
        /// Whether the request may have reached the processor: it is then reversed there.
        3 => may_have_arrived: bool,
    }

    /// What a processor answered to what stood in the outbox.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Delivered {
        /// The processor.
        1 => processor: u32,
        /// Its number in the outbox.
        2 => number: u64,
        /// Field 39; kept in the log.
        3 => action: ActionCode,
    }

    /// A message that a processor must get.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Outgoing {
        /// Fields 7 and 11.
        1 => to: Upstream,
        /// Field 41.
        2 => terminal: [u8; 8],
        /// Of the request that it speaks of.
        3 => amount: Amount,
        /// The account as the vault sealed it.
        4 => account: Bytes,
        /// What it says.
        5 => errand: Errand,
    }

    /// A request there is to be as if it had not been, or for less.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Undo {
        /// Its message type in 1987.
        1 => mti: u16,
        /// The request.
        2 => original: Upstream,
        /// How much of it stands, in minor units.
        3 => left: u64,
    }

    /// Money that was approved, or moved, without the processor.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Advised {
        /// Its message type in 1987: 120 or 220.
        1 => mti: u16,
        /// The authorisation there that it completes: its message type in 1987.
        2 => completes_mti: Option<u16>,
        /// And the message.
        3 => completes: Option<Upstream>,
        /// Field 38.
        4 => approval: Option<[u8; 6]>,
    }
}

cbor_enum! {
    /// What a message of the outbox says.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Errand {
        /// 0420.
        1 => Undo(Undo),
        /// 0120, 0220.
        2 => Advise(Advised),
    }
}

/// The longest account as the vault sealed it, in bytes.
const ACCOUNT_LEN_MAX: usize = 256;

/// The last audit number.
const AUDIT_MAX: u32 = 999_999;

impl Exchange {
    /// The message whose answer it waits for.
    #[must_use]
    pub fn waits(&self) -> Option<Upstream> {
        self.sent.as_ref().filter(|sent| sent.waits).map(|sent| sent.to)
    }
}

pub(super) fn set_processor(rows: &mut dyn Rows, set: &SetProcessor) -> Result<Outcome, AcquiringRefusal> {
    known(rows, &set.account)?;
    if !(1_000..=120_000).contains(&set.answer_ms) {
        return Err(AcquiringRefusal::ProcessorInvalid);
    }
    let (audit, outgoing) =
        PROCESSORS.get(rows, &set.number).map_or((0, 0), |found| (found.audit, found.outgoing));
    let SetProcessor { account, answer_ms, stand_in, .. } = *set;
    PROCESSORS.put(rows, &set.number, &Processor { account, answer_ms, stand_in, audit, outgoing });
    Ok(Outcome::Set(()))
}

impl Decision<'_> {
    /// A request by a card that is not known here.
    pub(super) fn forward(&self, rows: &mut dyn Rows, route: &Forward) -> Decided {
        let decided = match &route.request.ask {
            Ask::Authorise(payment) => self.send(rows, route, payment, 100),
            Ask::Purchase(payment) => self.send(rows, route, payment, 200),
            Ask::AuthorisedBefore(advice) => self.advise(rows, route, advice, 120),
            Ask::PaidBefore(advice) => self.advise(rows, route, advice, 220),
            Ask::Refund(_) | Ask::Reverse(_) => Err(ActionCode::NOT_SUPPORTED),
        };
        decided.unwrap_or_else(Decided::only)
    }

    fn send(
        &self,
        rows: &mut dyn Rows,
        route: &Forward,
        payment: &Payment,
        mti: u16,
    ) -> Result<Decided, ActionCode> {
        let merchant = self.merchant(rows)?;
        let mut processor = self.processor(rows, route, payment.amount, &merchant)?;
        if !route.reachable {
            let stands_in = !route.checks && payment.amount.minor() <= processor.stand_in;
            return if stands_in {
                self.stand_in(rows, route, payment, (merchant, processor.account))
            } else {
                Err(ActionCode::INOPERATIVE)
            };
        }
        let to = self.next(rows, route.processor, &mut processor).ok_or(ActionCode::INOPERATIVE)?;
        PROCESSORS.put(rows, &route.processor, &processor);
        let (place, ends) =
            ((to.processor, to.audit), UnixMs(self.ctx.at.0.saturating_add(processor.answer_ms)));
        WAITING.put(rows, &place, &Waiting { key: self.key, ends });
        WAITING_ENDS.put(rows, &(ends, place), &());
        let sent = Sent { to, mti, waits: true, account: route.account.clone() };
        Ok(Decided { sent: Some(sent), ..Decided::only(ActionCode::TIMED_OUT) })
    }

    /// Nobody is there, and the amount is small: approved, and told later.
    fn stand_in(
        &self,
        rows: &mut dyn Rows,
        route: &Forward,
        payment: &Payment,
        (merchant, account): (AccountId, AccountId),
    ) -> Result<Decided, ActionCode> {
        let (decided, mti) = if matches!(route.request.ask, Ask::Authorise(_)) {
            let (reply, id) = self.hold(rows, account, merchant, payment.amount, false)?;
            (Decided::new(reply, Some(id)), 120)
        } else {
            (self.pay(rows, account, merchant, payment.amount, false)?, 220)
        };
        Ok(self.advised(rows, route, decided, (payment.amount, mti), None))
    }

    fn advise(
        &self,
        rows: &mut dyn Rows,
        route: &Forward,
        advice: &Advice,
        mti: u16,
    ) -> Result<Decided, ActionCode> {
        let merchant = self.merchant(rows)?;
        let processor = self.processor(rows, route, advice.amount, &merchant)?;
        let completes = advice
            .original
            .and_then(|original| super::decide::completed(rows, &original, &advice.card))
            .and_then(|kept| kept.sent);
        let decided = if mti == 120 {
            self.authorised_before(rows, processor.account, merchant, advice)?
        } else {
            self.paid_before(rows, processor.account, merchant, advice)?
        };
        Ok(self.advised(rows, route, decided, (advice.amount, mti), completes.as_ref()))
    }

    /// The processor is to learn what was decided without it.
    fn advised(
        &self,
        rows: &mut dyn Rows,
        route: &Forward,
        decided: Decided,
        (amount, mti): (Amount, u16),
        completes: Option<&Sent>,
    ) -> Decided {
        let advised = Advised {
            mti,
            completes_mti: completes.map(|sent| sent.mti),
            completes: completes.map(|sent| sent.to),
            approval: decided.reply.approval,
        };
        let to = self.queue(rows, route.processor, amount, &route.account, Errand::Advise(advised));
        let sent = to.map(|to| Sent { to, mti, waits: false, account: route.account.clone() });
        Decided { sent, ..decided }
    }

    /// The processor, if it takes such money.
    fn processor(
        &self,
        rows: &dyn Rows,
        route: &Forward,
        amount: Amount,
        merchant: &AccountId,
    ) -> Result<Processor, ActionCode> {
        let processor = PROCESSORS.get(rows, &route.processor).ok_or(ActionCode::INVALID_CARD)?;
        if !(1..=ACCOUNT_LEN_MAX).contains(&route.account.0.len()) {
            return Err(ActionCode::FORMAT);
        }
        let takes = |id| account(rows, id).is_some_and(|found| found.currency == amount.currency());
        let fits = amount.minor() > 0 && takes(merchant) && takes(&processor.account);
        if fits { Ok(processor) } else { Err(ActionCode::INVALID_AMOUNT) }
    }

    /// The next message there: an audit number that nothing waits under.
    fn next(&self, rows: &dyn Rows, number: u32, processor: &mut Processor) -> Option<Upstream> {
        for _ in 0..AUDIT_MAX {
            processor.audit =
                if processor.audit >= AUDIT_MAX { 1 } else { processor.audit.saturating_add(1) };
            if WAITING.get(rows, &(number, processor.audit)).is_none() {
                return Some(Upstream { processor: number, audit: processor.audit, at: self.ctx.at });
            }
        }
        None
    }

    fn queue(
        &self,
        rows: &mut dyn Rows,
        number: u32,
        amount: Amount,
        account: &Bytes,
        errand: Errand,
    ) -> Option<Upstream> {
        let mut processor = PROCESSORS.get(rows, &number)?;
        let to = self.next(rows, number, &mut processor)?;
        processor.outgoing = processor.outgoing.saturating_add(1);
        let terminal = self.key.terminal;
        let outgoing = Outgoing { to, terminal, amount, account: account.clone(), errand };
        OUTBOX.put(rows, &(number, processor.outgoing), &outgoing);
        PROCESSORS.put(rows, &number, &processor);
        Some(to)
    }

    /// The processor is to give back what this request made it hold or move, all but what stands.
    pub(super) fn undo(&self, rows: &mut dyn Rows, key: &NaturalKey, kept: &Exchange, left: u64) {
        let (Some(sent), Some(amount)) = (&kept.sent, kept.ask.as_ref().and_then(asked)) else { return };
        let undo = Undo { mti: sent.mti, original: sent.to, left };
        let of = Decision { ctx: self.ctx, policy: self.policy, key: *key };
        of.queue(rows, sent.to.processor, amount, &sent.account, Errand::Undo(undo));
    }

    /// The terminal reverses what still waits.
    pub(super) fn take_back(
        &self,
        rows: &mut dyn Rows,
        key: &NaturalKey,
        kept: &Exchange,
        standing: u64,
    ) -> Result<Reply, ActionCode> {
        if standing > 0 {
            return Err(ActionCode::NO_ORIGINAL);
        }
        self.end_without_answer(rows, key, kept, true);
        Ok(Reply::only(ActionCode::REVERSED))
    }

    fn end_without_answer(&self, rows: &mut dyn Rows, key: &NaturalKey, kept: &Exchange, arrived: bool) {
        if let Some(to) = kept.waits() {
            forget(rows, (to.processor, to.audit));
        }
        if arrived {
            self.undo(rows, key, kept, 0);
        }
        let action = if arrived { ActionCode::TIMED_OUT } else { ActionCode::INOPERATIVE };
        EXCHANGES.put(rows, key, &ended(kept, Reply::only(action)));
    }

    /// The reply to what the processor approved; its approval is undone there when the money here does not follow.
    fn approved_there(
        &self,
        rows: &mut dyn Rows,
        kept: &Exchange,
        told: &Told,
    ) -> Result<Decided, ActionCode> {
        let (Some(Ask::Authorise(payment) | Ask::Purchase(payment)), Some(sent)) = (&kept.ask, &kept.sent)
        else {
            return Err(ActionCode::MALFUNCTION);
        };
        let asked = payment.amount;
        let is_part = told.action == ActionCode::PARTIAL;
        if is_part && (!payment.partial || told.amount == 0 || told.amount >= asked.minor()) {
            return Err(ActionCode::NOT_SUFFICIENT);
        }
        let minor = if is_part { told.amount } else { asked.minor() };
        let amount = Amount::new(minor, asked.currency()).map_err(|_| ActionCode::MALFUNCTION)?;
        let merchant = self.merchant(rows)?;
        let account = PROCESSORS.get(rows, &sent.to.processor).ok_or(ActionCode::MALFUNCTION)?.account;
        let decided = if matches!(kept.ask, Some(Ask::Authorise(_))) {
            let (reply, id) = self.hold(rows, account, merchant, amount, false)?;
            Decided::new(reply, Some(id))
        } else {
            self.pay(rows, account, merchant, amount, false)?
        };
        let action = if is_part { ActionCode::PARTIAL } else { ActionCode::APPROVED };
        let approval = told.approval.or(decided.reply.approval);
        Ok(Decided { reply: Reply { action, approval, ..decided.reply }, ..decided })
    }
}

/// How much a request asked for.
fn asked(ask: &Ask) -> Option<Amount> {
    match ask {
        Ask::Authorise(payment) | Ask::Purchase(payment) | Ask::Refund(payment) => Some(payment.amount),
        Ask::AuthorisedBefore(advice) | Ask::PaidBefore(advice) => Some(advice.amount),
        Ask::Reverse(_) => None,
    }
}

/// The exchange with its reply, waiting no more.
fn ended(kept: &Exchange, reply: Reply) -> Exchange {
    let sent = kept.sent.clone().map(|sent| Sent { waits: false, ..sent });
    Exchange { left: reply.amount, reply, sent, ..kept.clone() }
}

fn forget(rows: &mut dyn Rows, place: (u32, u32)) {
    if let Some(waiting) = WAITING.get(rows, &place) {
        WAITING.delete(rows, &place);
        WAITING_ENDS.delete(rows, &(waiting.ends, place));
    }
}

/// What waits under an audit number, with what decides it.
fn waiting<'a>(
    rows: &dyn Rows,
    ctx: &'a Ctx,
    place: (u32, u32),
) -> Option<(Decision<'a>, NaturalKey, Exchange)> {
    let policy = POLICY.get(rows, &())?;
    let key = WAITING.get(rows, &place)?.key;
    let kept = EXCHANGES.get(rows, &key)?;
    Some((Decision { ctx, policy, key }, key, kept))
}

pub(super) fn told(rows: &mut dyn Rows, ctx: &Ctx, told: &Told) -> Result<Outcome, AcquiringRefusal> {
    let place = (told.processor, told.audit);
    let Some((decision, key, kept)) = waiting(rows, ctx, place) else { return Ok(Outcome::Late(())) };
    forget(rows, place);
    let decided = if told.action.is_approved() {
        decision.approved_there(rows, &kept, told).unwrap_or_else(|action| {
            decision.undo(rows, &key, &kept, 0);
            Decided::only(action)
        })
    } else {
        Decided::only(told.action)
    };
    // Also of a refusal: the issuer may block the card by it.
    let reply = Reply { chip: told.chip.clone(), ..decided.reply };
    EXCHANGES.put(rows, &key, &Exchange { authorisation: decided.made, ..ended(&kept, reply.clone()) });
    Ok(Outcome::Answered(reply))
}

pub(super) fn gave_up(rows: &mut dyn Rows, ctx: &Ctx, gave_up: &GaveUp) -> Result<Outcome, AcquiringRefusal> {
    let place = (gave_up.processor, gave_up.audit);
    let Some((decision, key, kept)) = waiting(rows, ctx, place) else { return Ok(Outcome::Late(())) };
    decision.end_without_answer(rows, &key, &kept, gave_up.may_have_arrived);
    Ok(EXCHANGES.get(rows, &key).map_or(Outcome::Late(()), |kept| Outcome::Answered(kept.reply)))
}

pub(super) fn delivered(rows: &mut dyn Rows, delivered: &Delivered) -> Result<Outcome, AcquiringRefusal> {
    OUTBOX.delete(rows, &(delivered.processor, delivered.number));
    Ok(Outcome::Set(()))
}

pub(super) fn next_due(rows: &dyn Rows) -> Option<UnixMs> {
    WAITING_ENDS.scan(rows, &(), None, 1).first().map(|((at, _), ())| *at)
}

pub(super) fn process_due(rows: &mut dyn Rows, ctx: &Ctx, limit: usize) -> usize {
    let due = WAITING_ENDS.scan(rows, &(), None, limit);
    due.into_iter()
        .map(|(key, ())| key)
        .take_while(|(at, _)| *at <= ctx.at)
        .map(|(_, place)| match waiting(rows, ctx, place) {
            Some((decision, key, kept)) => decision.end_without_answer(rows, &key, &kept, true),
            None => forget(rows, place),
        })
        .count()
}

/// The oldest message that a processor must still get, with its number.
#[must_use]
pub fn outgoing(rows: &dyn Rows, processor: u32) -> Option<(u64, Outgoing)> {
    let first = OUTBOX.scan(rows, &processor, None, 1).pop()?;
    Some((first.0.1, first.1))
}

/// A processor, as it was set.
#[must_use]
pub fn processor(rows: &dyn Rows, number: u32) -> Option<SetProcessor> {
    let Processor { account, answer_ms, stand_in, .. } = PROCESSORS.get(rows, &number)?;
    Some(SetProcessor { number, account, answer_ms, stand_in })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Policy;
    use symbolon_state::MemoryRows;

    /// After 999999 comes 1, unless something waits under it.
    #[test]
    fn an_audit_number_under_which_something_waits_is_passed_over() {
        let (mut rows, id) = (MemoryRows::default(), AccountId([1; 16]));
        let ctx = Ctx { at: UnixMs(5), sequence: 1 };
        let policy = Policy { window_ms: 1, kept_ms: 1, hold_ms: 1, cover: id };
        let key = NaturalKey { link: 1, mti: 200, audit: 1, acquirer: 0, terminal: *b"TERM0001", local: 0 };
        let decision = Decision { ctx: &ctx, policy, key };
        let mut processor =
            Processor { account: id, answer_ms: 1_000, stand_in: 0, audit: AUDIT_MAX, outgoing: 0 };
        assert_eq!(decision.next(&rows, 1, &mut processor.clone()).unwrap().audit, 1);
        WAITING.put(&mut rows, &(1, 1), &Waiting { key, ends: UnixMs(9) });
        assert_eq!(decision.next(&rows, 1, &mut processor).unwrap().audit, 2);
        assert_eq!(processor.audit, 2);
    }
}
