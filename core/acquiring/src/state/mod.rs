//! The durable side: who may ask, and what every request was answered.
//!
//! # The rules, in order
//! 1. A row with the request's key, whose window is open: the same ask is a repeat and gets the same reply. It is the same when the message
//!    says that it is a repeat, or field 7 agrees where both carry it; field 33 must agree where both carry it. Anything else under that key is a
//!    duplicate transmission (913): it changes nothing.
//! 2. A row whose window has ended: the audit number was used again. The request is new.
//! 3. A reversal finds its original by the key that field 90 or 56 gives, whatever its window, and gives back what it held or moved, or all but
//!    what stands. It is accepted (400) when the original was declined, was reversed before, or has not come yet: then the key is marked and
//!    the original, when it comes, is refused (902). Where another request has that key, nothing can be traced (914).
//! 4. A payment by a card that is not known here goes on to a processor, where the link has one: it is kept as waiting before anything is sent, so
//!    that what was sent is reversed there when no answer comes in time, also after a fall. While nobody is there, a small amount is approved in its stead. What
//!    the processor must still learn (reversals, advices) stands in an outbox until it has answered.
//! 5. An advice is never declined for want of money: what the card cannot give, the covering account does.
pub(crate) mod audit;
mod decide;
mod forward;
mod refusal;

pub use audit::{AcquiringAudit, AcquiringDamage, audit};
pub use forward::{
    Advised, Delivered, Errand, Forward, GaveUp, Outgoing, Sent, SetProcessor, Told, Undo, Upstream,
    outgoing, processor,
};
pub use refusal::AcquiringRefusal;

use crate::request::{Ask, Request, TerminalId};
use crate::{NaturalKey, Reply};
use forward::{Processor, Waiting};
use symbolon_journal::card::CardId;
use symbolon_journal::{
    AccountId, Done, JournalRefusal, Limit, Transfer, execute_all, open_account, open_account_with_history,
};
use symbolon_state::{Ctx, Rows, System, Table, commands};
use symbolon_types::{Currency, Hash, UnixMs};
use symbolon_wire::{cbor_enum, cbor_map};

pub(crate) const TERMINALS: Table<(u32, TerminalId), Terminal> = Table::new(21, "acquiring.terminals");
pub(crate) const CARDS: Table<Hash, Card> = Table::new(22, "acquiring.cards");
pub(crate) const EXCHANGES: Table<NaturalKey, Exchange> = Table::new(23, "acquiring.exchanges");
/// Exchanges by the end of their keeping.
pub(crate) const ENDS: Table<(UnixMs, NaturalKey), ()> = Table::new(24, "acquiring.ends");
pub(crate) const POLICY: Table<(), Policy> = Table::new(25, "acquiring.policy");
/// Processors by number.
pub(crate) const PROCESSORS: Table<u32, Processor> = Table::new(26, "acquiring.processors");
/// Requests that wait for an answer, by processor and audit number there.
pub(crate) const WAITING: Table<(u32, u32), Waiting> = Table::new(27, "acquiring.waiting");
/// The same by the end of their waiting.
pub(crate) const WAITING_ENDS: Table<(UnixMs, (u32, u32)), ()> = Table::new(28, "acquiring.waiting_ends");
/// What a processor must still learn, by processor and number.
pub(crate) const OUTBOX: Table<(u32, u64), Outgoing> = Table::new(29, "acquiring.outbox");

/// The tables of this crate, (number, name): 21 and following.
pub const TABLES: [(u16, &str); 9] = [
    (TERMINALS.id(), TERMINALS.name()),
    (CARDS.id(), CARDS.name()),
    (EXCHANGES.id(), EXCHANGES.name()),
    (ENDS.id(), ENDS.name()),
    (POLICY.id(), POLICY.name()),
    (PROCESSORS.id(), PROCESSORS.name()),
    (WAITING.id(), WAITING.name()),
    (WAITING_ENDS.id(), WAITING_ENDS.name()),
    (OUTBOX.id(), OUTBOX.name()),
];

cbor_map! {
    /// A terminal on a link, and whom it works for. Set anew it is replaced; what it asked before stays as it is.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct SetTerminal {
        /// The link.
        1 => link: u32,
        /// Field 41.
        2 => terminal: TerminalId,
        /// Who is paid.
        3 => merchant: AccountId,
    }

    /// The account behind a card's token. Set anew it is replaced.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct SetCard {
        /// The token.
        1 => card: Hash,
        /// Who pays.
        2 => account: AccountId,
        /// Whether it may: what is blocked is declined (100), and an advice of it is taken all the same.
        3 => blocked: bool,
    }

    /// The times and the account that the rules need. Set before the first request; set anew it is of later requests.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Policy {
        /// For so long a key is answered as the first time, in milliseconds, above zero.
        1 => window_ms: u64,
        /// For so long a request can be found by its reversal, in milliseconds, at least the window.
        2 => kept_ms: u64,
        /// For so long an authorisation holds money, in milliseconds, above zero.
        3 => hold_ms: u64,
        /// Gives what must be moved and the card cannot give.
        4 => cover: AccountId,
    }

    /// An account to be opened.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct OpenAccount {
        /// Chosen by the client.
        1 => id: AccountId,
        /// Of everything on it.
        2 => currency: Currency,
        /// What it must keep.
        3 => limit: Limit,
        /// Whether it keeps its history: it can then be seen as of any time.
        4 => history: bool,
    }

    /// Of a terminal.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Terminal {
        /// Who is paid.
        1 => merchant: AccountId,
    }

    /// Of a token.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Card {
        /// Who pays.
        1 => account: AccountId,
        /// Whether it is declined.
        2 => blocked: bool,
    }

    /// What became of a request, by its key.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Exchange {
        /// What was asked for; absent of one whose reversal came and nothing else yet.
        1 => ask: Option<Ask>,
        /// Its field 7.
        2 => transmitted: Option<u64>,
        /// Its field 33.
        3 => forwarding: Option<u64>,
        /// When it came.
        4 => at: UnixMs,
        /// What it was answered.
        5 => reply: Reply,
        /// The authorisation in the journal that holds or moved the money.
        6 => authorisation: Option<CardId>,
        /// How much of what was approved stands, in minor units: less when it was reversed.
        7 => left: u64,
        /// Until when it is kept.
        8 => until: UnixMs,
        /// Where it was sent on to, of one that was.
        9 => sent: Option<Sent>,
    }
}

commands! {
    /// What may be asked of the acquirer.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Command {
        /// Names a terminal's merchant.
        1 v 1 => SetTerminal(SetTerminal),
        /// Names a token's account.
        2 v 1 => SetCard(SetCard),
        /// Sets times and the covering account.
        3 v 1 => SetPolicy(Policy),
        /// A request of a terminal.
        4 v 1 => Request(Request),
        /// Opens an account in the journal: a merchant's, a card's, one that covers.
        5 v 1 => OpenAccount(OpenAccount),
        /// Moves money, or holds it, as any client of the journal: funds, payouts.
        6 v 1 => Transfer(Transfer),
        /// Names what a processor's approvals are owed by, and its times.
        7 v 1 => SetProcessor(SetProcessor),
        /// A request of a terminal, on a link that has a processor.
        8 v 1 => Forward(Forward),
        /// A processor's answer to a request.
        9 v 1 => Told(Told),
        /// A processor's answer did not come.
        10 v 1 => GaveUp(GaveUp),
        /// A processor has answered what stood in the outbox.
        11 v 1 => Delivered(Delivered),
    }
}

cbor_enum! {
    /// What a command came to.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Outcome {
        /// Set.
        1 => Set(()),
        /// A request, answered now.
        2 => Answered(Reply),
        /// A repeat, answered as the first time.
        3 => Repeated(Reply),
        /// Refused; nothing is changed.
        4 => Refused(AcquiringRefusal),
        /// Refused by the journal with this number; nothing is changed.
        5 => MoneyRefused(u16),
        /// The request is to be sent on to the processor now; its answer is to be told.
        6 => Forwarded(Upstream),
        /// A repeat of a request that waits for the processor's answer.
        7 => Waits(Upstream),
        /// The processor's answer came when nothing waited for it; nothing is changed.
        8 => Late(()),
    }
}

/// The acquirer, number 11 after the ten systems.
pub struct Acquiring;

impl System for Acquiring {
    const NUMBER: u8 = 11;
    type Command = Command;
    type Outcome = Outcome;

    fn apply(rows: &mut dyn Rows, ctx: &Ctx, command: Command) -> Outcome {
        let done = match command {
            Command::SetTerminal(set) => set_terminal(rows, &set),
            Command::SetCard(set) => set_card(rows, &set),
            Command::SetPolicy(policy) => set_policy(rows, &policy),
            Command::Request(request) => decide::request(rows, ctx, &request, None),
            Command::SetProcessor(set) => forward::set_processor(rows, &set),
            Command::Forward(forward) => decide::request(rows, ctx, &forward.request, Some(&forward)),
            Command::Told(told) => forward::told(rows, ctx, &told),
            Command::GaveUp(gave_up) => forward::gave_up(rows, ctx, &gave_up),
            Command::Delivered(delivered) => forward::delivered(rows, &delivered),
            Command::OpenAccount(asked) => return money(open(rows, ctx, &asked)),
            Command::Transfer(transfer) => return money(execute_all(rows, ctx, &[transfer])),
        };
        done.unwrap_or_else(Outcome::Refused)
    }

    fn next_due(rows: &dyn Rows) -> Option<UnixMs> {
        let ends = ENDS.scan(rows, &(), None, 1).first().map(|((at, _), ())| *at);
        ends.into_iter().chain(forward::next_due(rows)).min()
    }

    fn process_due(rows: &mut dyn Rows, ctx: &Ctx, limit: usize) -> usize {
        let given_up = forward::process_due(rows, ctx, limit);
        let due = ENDS.scan(rows, &(), None, limit.saturating_sub(given_up));
        let forgotten = due
            .into_iter()
            .map(|(key, ())| key)
            .take_while(|(at, _)| *at <= ctx.at)
            .map(|end| {
                EXCHANGES.delete(rows, &end.1);
                ENDS.delete(rows, &end);
            })
            .count();
        given_up.saturating_add(forgotten)
    }
}

fn open(rows: &mut dyn Rows, ctx: &Ctx, asked: &OpenAccount) -> Result<Done, JournalRefusal> {
    let open = if asked.history { open_account_with_history } else { open_account };
    open(rows, ctx, &asked.id, asked.currency, asked.limit)
}

fn money(done: Result<Done, JournalRefusal>) -> Outcome {
    match done {
        Ok(Done::Created | Done::Exists) => Outcome::Set(()),
        Err(refusal) => Outcome::MoneyRefused(refusal.refused().code),
    }
}

fn set_terminal(rows: &mut dyn Rows, set: &SetTerminal) -> Result<Outcome, AcquiringRefusal> {
    known(rows, &set.merchant)?;
    TERMINALS.put(rows, &(set.link, set.terminal), &Terminal { merchant: set.merchant });
    Ok(Outcome::Set(()))
}

fn set_card(rows: &mut dyn Rows, set: &SetCard) -> Result<Outcome, AcquiringRefusal> {
    known(rows, &set.account)?;
    CARDS.put(rows, &set.card, &Card { account: set.account, blocked: set.blocked });
    Ok(Outcome::Set(()))
}

fn set_policy(rows: &mut dyn Rows, policy: &Policy) -> Result<Outcome, AcquiringRefusal> {
    known(rows, &policy.cover)?;
    let sound = policy.window_ms > 0 && policy.kept_ms >= policy.window_ms && policy.hold_ms > 0;
    let bounded = [policy.kept_ms, policy.hold_ms].iter().all(|ms| *ms <= MS_MAX);
    if !sound || !bounded {
        return Err(AcquiringRefusal::PolicyInvalid);
    }
    POLICY.put(rows, &(), policy);
    Ok(Outcome::Set(()))
}

/// The longest time of a policy: 400 days.
const MS_MAX: u64 = 400 * 24 * 3600 * 1000;

fn known(rows: &dyn Rows, account: &AccountId) -> Result<(), AcquiringRefusal> {
    symbolon_journal::account(rows, account).map(drop).ok_or(AcquiringRefusal::AccountNotFound)
}

/// What is known of a request with this key.
#[must_use]
pub fn exchange(rows: &dyn Rows, key: &NaturalKey) -> Option<Exchange> {
    EXCHANGES.get(rows, key)
}
