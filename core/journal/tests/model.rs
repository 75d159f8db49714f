//! The journal against a reference that keeps no balances: it holds the list of transfers and adds them up anew for every question.
use proptest::prelude::*;
use std::collections::HashMap;
use symbolon_journal::*;
use symbolon_state::{Ctx, MemoryRows};
use symbolon_types::{Amount, Currency, Hash, MINOR_MAX, UnixMs};

/// Accounts 0 to 6; 7 is never opened.
const ACCOUNTS: [(Currency, Limit); 7] = [
    (Currency::EUR, Limit::Unlimited(())),
    (Currency::EUR, Limit::DebitsWithinCredits(())),
    (Currency::EUR, Limit::DebitsWithinCredits(())),
    (Currency::EUR, Limit::CreditsWithinDebits(())),
    (Currency::JPY, Limit::Unlimited(())),
    (Currency::JPY, Limit::DebitsWithinCredits(())),
    (Currency::EUR, Limit::DebitsWithinCreditLine(20)),
];

fn account_id(n: u8) -> AccountId {
    AccountId([n; 16])
}

#[derive(Clone)]
enum Fate {
    Final,
    /// A hold: what happened to it, in order.
    Hold(Vec<Event>),
}

#[derive(Clone)]
enum Event {
    More(u64),
    Moved(u64),
    Released(u64),
    Until(u64),
    Posted,
    Voided,
    Expired(u64),
}

/// A hold added up from what happened to it.
#[derive(Default)]
struct Sum {
    held: u64,
    moved: u64,
    until: Option<u64>,
    ended: Option<Event>,
}

fn sum(asked: &Pending, events: &[Event]) -> Sum {
    let mut sum =
        Sum { held: asked.movement.amount.minor(), until: asked.expires_at.map(|at| at.0), ..Sum::default() };
    for event in events {
        assert!(sum.ended.is_none(), "something happened to an ended hold");
        match event {
            Event::More(minor) => sum.held += minor,
            Event::Moved(minor) => (sum.held, sum.moved) = (sum.held - minor, sum.moved + minor),
            Event::Released(minor) => sum.held -= minor,
            Event::Until(at) => sum.until = Some(*at),
            end => (sum.held, sum.ended) = (0, Some(end.clone())),
        }
    }
    sum
}

#[derive(Clone, Default)]
struct Model {
    transfers: HashMap<TransferId, (Transfer, Fate)>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Sums {
    debits: [u128; 2],
    credits: [u128; 2],
}

impl Model {
    fn sums(&self, account: AccountId) -> Sums {
        let mut sums = Sums::default();
        for (transfer, fate) in self.transfers.values() {
            let (movement, minor) = match (&transfer.kind, fate) {
                (Kind::Posted(movement), _) => (movement, [0, movement.amount.minor()]),
                (Kind::Pending(asked), Fate::Hold(events)) => {
                    let hold = sum(asked, events);
                    (&asked.movement, [hold.held, hold.moved])
                }
                _ => continue,
            };
            for (phase, minor) in minor.into_iter().enumerate() {
                if movement.debit == account {
                    sums.debits[phase] += u128::from(minor);
                }
                if movement.credit == account {
                    sums.credits[phase] += u128::from(minor);
                }
            }
        }
        sums
    }

    fn opened(account: AccountId) -> Option<(Currency, Limit)> {
        ACCOUNTS.get(usize::from(account.0[0])).copied()
    }

    fn parties(movement: &Movement) -> Result<(), JournalRefusal> {
        if movement.amount.minor() == 0 {
            return Err(JournalRefusal::AmountZero);
        }
        if movement.debit == movement.credit {
            return Err(JournalRefusal::AccountsSame);
        }
        let debit = Self::opened(movement.debit).ok_or(JournalRefusal::DebitAccountNotFound)?;
        let credit = Self::opened(movement.credit).ok_or(JournalRefusal::CreditAccountNotFound)?;
        let currency = movement.amount.currency();
        if (debit.0, credit.0) != (currency, currency) {
            Err(JournalRefusal::CurrencyMismatch)
        } else {
            Ok(())
        }
    }

    fn limits(&self, movement: &Movement) -> Result<(), JournalRefusal> {
        let (debit, credit) = (self.sums(movement.debit), self.sums(movement.credit));
        let max = u128::from(MINOR_MAX);
        if debit.debits.iter().sum::<u128>() > max || credit.credits.iter().sum::<u128>() > max {
            return Err(JournalRefusal::Overflow);
        }
        let limit = |account| Self::opened(account).unwrap().1;
        let most = match limit(movement.debit) {
            Limit::DebitsWithinCredits(()) => debit.credits[1],
            Limit::DebitsWithinCreditLine(line) => debit.credits[1] + u128::from(line),
            Limit::Unlimited(()) | Limit::CreditsWithinDebits(()) => u128::MAX,
        };
        if debit.debits.iter().sum::<u128>() > most {
            return Err(JournalRefusal::ExceedsCredits);
        }
        if limit(movement.credit) == Limit::CreditsWithinDebits(())
            && credit.credits.iter().sum::<u128>() > credit.debits[1]
        {
            return Err(JournalRefusal::ExceedsDebits);
        }
        Ok(())
    }

    /// An open hold: as it was asked for and as it stands.
    fn held(&self, id: &TransferId, now: u64) -> Result<(Pending, Sum), JournalRefusal> {
        let (transfer, fate) = self.transfers.get(id).ok_or(JournalRefusal::PendingNotFound)?;
        let (Kind::Pending(asked), Fate::Hold(events)) = (&transfer.kind, fate) else {
            return Err(JournalRefusal::PendingNotPending);
        };
        let hold = sum(asked, events);
        match hold.ended {
            Some(Event::Posted) => Err(JournalRefusal::PendingAlreadyPosted),
            Some(Event::Voided) => Err(JournalRefusal::PendingAlreadyVoided),
            Some(_) => Err(JournalRefusal::PendingExpired),
            None if hold.until.is_some_and(|at| at <= now) => Err(JournalRefusal::PendingExpired),
            None => Ok((*asked, hold)),
        }
    }

    fn happened(&mut self, id: &TransferId, events: impl IntoIterator<Item = Event>) {
        let Fate::Hold(kept) = &mut self.transfers.get_mut(id).unwrap().1 else { panic!("no hold") };
        kept.extend(events);
    }

    /// Something is done to a part of a hold: the end comes with the last of it, or at once where `all` says so.
    fn part(
        &mut self,
        (id, amount): (&TransferId, Option<Amount>),
        now: u64,
        event: fn(u64) -> Event,
        (end, all): (Event, bool),
    ) -> Result<(), JournalRefusal> {
        if amount.is_some_and(|amount| amount.minor() == 0) {
            return Err(JournalRefusal::AmountZero);
        }
        let (asked, hold) = self.held(id, now)?;
        let minor = match amount {
            Some(amount) if amount.currency() != asked.movement.amount.currency() => {
                return Err(JournalRefusal::CurrencyMismatch);
            }
            Some(amount) if amount.minor() > hold.held => return Err(JournalRefusal::ExceedsPendingAmount),
            Some(amount) => amount.minor(),
            None => hold.held,
        };
        self.happened(id, [event(minor)]);
        if all || minor == hold.held {
            self.happened(id, [end]);
        }
        Ok(())
    }

    fn more(&mut self, more: &Increase, now: u64) -> Result<Movement, JournalRefusal> {
        if more.amount.minor() == 0 && more.expires_at.is_none() {
            return Err(JournalRefusal::AmountZero);
        }
        let (asked, hold) = self.held(&more.pending, now)?;
        if more.amount.currency() != asked.movement.amount.currency() {
            return Err(JournalRefusal::CurrencyMismatch);
        }
        if more.expires_at.is_some_and(|at| at.0 <= now) {
            return Err(JournalRefusal::ExpiryPassed);
        }
        if u128::from(hold.held) + u128::from(more.amount.minor()) > u128::from(MINOR_MAX) {
            return Err(JournalRefusal::Overflow);
        }
        self.happened(&more.pending, [Event::More(more.amount.minor())]);
        self.happened(&more.pending, more.expires_at.map(|at| Event::Until(at.0)));
        Ok(asked.movement)
    }

    fn one(&mut self, transfer: &Transfer, now: u64) -> Result<(), JournalRefusal> {
        let mut moved = None;
        let mut fate = Fate::Final;
        match &transfer.kind {
            Kind::Posted(movement) => {
                Self::parties(movement)?;
                moved = Some(*movement);
            }
            Kind::Pending(held) => {
                Self::parties(&held.movement)?;
                if held.expires_at.is_some_and(|at| at.0 <= now) {
                    return Err(JournalRefusal::ExpiryPassed);
                }
                moved = Some(held.movement);
                fate = Fate::Hold(Vec::new());
            }
            Kind::Post(post) => {
                self.part((&post.pending, post.amount), now, Event::Moved, (Event::Posted, true))?;
            }
            Kind::Void(hold) => self.part((hold, None), now, Event::Released, (Event::Voided, true))?,
            Kind::Capture(part) => {
                let what = (&part.pending, Some(part.amount));
                self.part(what, now, Event::Moved, (Event::Posted, false))?;
            }
            Kind::Release(part) => {
                let what = (&part.pending, Some(part.amount));
                self.part(what, now, Event::Released, (Event::Voided, false))?;
            }
            Kind::Increase(more) => moved = Some(self.more(more, now)?),
        }
        self.transfers.insert(transfer.id, (*transfer, fate));
        moved.map_or(Ok(()), |movement| self.limits(&movement))
    }

    fn execute(&mut self, chain: &[Transfer], now: u64) -> Vec<TransferResult> {
        let fail = |failed: usize, why| {
            (0..chain.len())
                .map(|n| Err(if n == failed { why } else { JournalRefusal::LinkedFailed }))
                .collect()
        };
        for (n, transfer) in chain.iter().enumerate() {
            if chain[..n].iter().any(|earlier| earlier.id == transfer.id) {
                return fail(n, JournalRefusal::IdTwiceInChain);
            }
            if self.transfers.get(&transfer.id).is_some_and(|(kept, _)| kept != transfer) {
                return fail(n, JournalRefusal::ExistsWithDifferentBody);
            }
        }
        let known: Vec<usize> =
            (0..chain.len()).filter(|&n| self.transfers.contains_key(&chain[n].id)).collect();
        if known.len() == chain.len() {
            return vec![Ok(Done::Exists); chain.len()];
        }
        if let Some(&first) = known.first() {
            return fail(first, JournalRefusal::PartlyExists);
        }
        let mut next = self.clone();
        for (n, transfer) in chain.iter().enumerate() {
            if let Err(why) = next.one(transfer, now) {
                return fail(n, why);
            }
        }
        *self = next;
        vec![Ok(Done::Created); chain.len()]
    }

    fn process_due(&mut self, now: u64, limit: usize) -> usize {
        let mut due: Vec<(u64, TransferId)> = self
            .transfers
            .values()
            .filter_map(|(transfer, fate)| match (&transfer.kind, fate) {
                (Kind::Pending(asked), Fate::Hold(events)) => {
                    let hold = sum(asked, events);
                    hold.until.filter(|_| hold.ended.is_none()).map(|at| (at, transfer.id))
                }
                _ => None,
            })
            .filter(|(at, _)| *at <= now)
            .collect();
        due.sort();
        due.truncate(limit);
        for (at, id) in &due {
            self.happened(id, [Event::Expired(*at)]);
        }
        due.len()
    }
}

#[derive(Clone, Debug)]
enum Op {
    /// Transfers, each with the hold it is to name: by its place among all holds; the id that it has where absent.
    Execute(Vec<(Transfer, Option<usize>)>),
    /// A chain that was sent before, by its place.
    Repeat(usize),
    Wait(u64),
    Expire(usize),
}

fn amounts() -> impl Strategy<Value = Amount> {
    let minor = prop_oneof![12 => 0u64..60, 1 => MINOR_MAX - 60..=MINOR_MAX];
    let currency = prop_oneof![6 => Just(Currency::EUR), 2 => Just(Currency::JPY)];
    (minor, currency).prop_map(|(minor, currency)| Amount::new(minor, currency).unwrap())
}

fn transfers() -> impl Strategy<Value = Transfer> {
    let id = || prop_oneof![1 => 0u8..24, 4 => 24u8..=255].prop_map(|n| TransferId([n; 16]));
    let account = || prop_oneof![20 => 0u8..7, 1 => Just(7)].prop_map(account_id);
    let movement = || {
        (account(), account(), amounts()).prop_map(|(debit, credit, amount)| Movement {
            debit,
            credit,
            amount,
        })
    };
    let pending = (movement(), prop::option::of((0u64..60).prop_map(UnixMs)))
        .prop_map(|(movement, expires_at)| Kind::Pending(Pending { movement, expires_at }));
    let post = (id(), prop::option::of(amounts()))
        .prop_map(|(pending, amount)| Kind::Post(Post { pending, amount }));
    let part = || (id(), amounts()).prop_map(|(pending, amount)| Part { pending, amount });
    let increase = (id(), amounts(), prop::option::of((0u64..60).prop_map(UnixMs)))
        .prop_map(|(pending, amount, expires_at)| Kind::Increase(Increase { pending, amount, expires_at }));
    let kind = prop_oneof![
        3 => movement().prop_map(Kind::Posted),
        4 => pending,
        2 => post,
        1 => id().prop_map(Kind::Void),
        3 => part().prop_map(Kind::Capture),
        2 => part().prop_map(Kind::Release),
        2 => increase,
    ];
    (id(), kind, 0u8..2).prop_map(|(id, kind, tag)| Transfer { id, kind, reference: Hash([tag; 32]) })
}

fn hold() -> impl Strategy<Value = Option<usize>> {
    prop::option::weighted(0.9, any::<prop::sample::Index>().prop_map(|index| index.index(1 << 16)))
}

/// The transfer with the hold it is to name, of those that the model has.
fn aimed((mut transfer, at): (Transfer, Option<usize>), holds: &[TransferId]) -> Transfer {
    let chosen = at.filter(|_| !holds.is_empty()).map(|at| holds[at % holds.len()]);
    if let Some(chosen) = chosen {
        match &mut transfer.kind {
            Kind::Post(post) => post.pending = chosen,
            Kind::Void(pending) => *pending = chosen,
            Kind::Capture(part) | Kind::Release(part) => part.pending = chosen,
            Kind::Increase(more) => more.pending = chosen,
            Kind::Posted(_) | Kind::Pending(_) => {}
        }
    }
    transfer
}

/// Money on the accounts that cannot go below zero.
fn funds() -> Vec<Transfer> {
    let fund = |n: u8, from, to, currency| {
        let amount = Amount::new(300, currency).unwrap();
        Transfer::posted(
            TransferId([0xA0, n, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            from,
            to,
            amount,
            Hash::ZERO,
        )
    };
    vec![
        fund(1, account_id(0), account_id(1), Currency::EUR),
        fund(2, account_id(3), account_id(0), Currency::EUR),
        fund(3, account_id(4), account_id(5), Currency::JPY),
    ]
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        8 => prop::collection::vec((transfers(), hold()), 1..4).prop_map(Op::Execute),
        2 => any::<prop::sample::Index>().prop_map(|index| Op::Repeat(index.index(1 << 16))),
        1 => (1u64..6).prop_map(Op::Wait),
        1 => (0usize..4).prop_map(Op::Expire),
    ];
    prop::collection::vec(op, 1..60)
}

fn sides(account: &Account) -> Sums {
    let side = |side: Turnover| [u128::from(side.pending), u128::from(side.posted)];
    Sums { debits: side(account.debits), credits: side(account.credits) }
}

fn compare(rows: &MemoryRows, model: &Model) {
    let report = audit(rows).expect("the journal is sound");
    assert_eq!(report.totals, totals(rows));
    assert!(report.totals.iter().all(Totals::even), "money is conserved");
    assert_eq!(report.transfers, u64::try_from(model.transfers.len()).unwrap());
    for n in 0..7 {
        let kept = account(rows, &account_id(n)).unwrap();
        assert_eq!(sides(&kept), model.sums(account_id(n)), "account {n}");
        let balance = kept.balance();
        assert!(
            kept.limit == Limit::Unlimited(()) || balance.available >= 0,
            "account {n} is beyond its limit"
        );
    }
    for (id, (transfer_sent, fate)) in &model.transfers {
        let kept = transfer(rows, id).unwrap();
        assert_eq!(kept.transfer, *transfer_sent);
        match (&transfer_sent.kind, fate, kept.state) {
            (Kind::Pending(asked), Fate::Hold(events), State::Hold(hold)) => {
                let sum = sum(asked, events);
                assert_eq!((hold.held, hold.posted), (sum.held, sum.moved), "{id}");
                assert_eq!(hold.expires_at.map(|at| at.0), sum.until, "{id}");
                match (sum.ended, hold.end) {
                    (None, None)
                    | (Some(Event::Posted), Some(End::Posted(_)))
                    | (Some(Event::Voided), Some(End::Voided(_))) => {}
                    (Some(Event::Expired(at)), Some(End::Expired(kept))) if kept.0 == at => {}
                    (_, end) => panic!("{id} ended otherwise: {end:?}"),
                }
                let known = parts(rows, id, 0, usize::MAX);
                assert_eq!(known.len(), usize::try_from(hold.parts).unwrap());
            }
            (_, Fate::Final, State::Final(()) | State::Part(_)) => {}
            (.., state) => panic!("{id} stands elsewhere: {state:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn the_journal_does_what_the_model_does(ops in ops()) {
        let (mut rows, mut model, mut now) = (MemoryRows::default(), Model::default(), 1u64);
        for (n, (currency, limit)) in (0u8..).zip(ACCOUNTS) {
            let ctx = Ctx { at: UnixMs(now), sequence: 0 };
            let open = if n % 2 == 0 { open_account } else { open_account_with_history };
            open(&mut rows, &ctx, &account_id(n), currency, limit).unwrap();
        }
        let mut past: Vec<(u64, Vec<Sums>)> = Vec::new();
        let start = Ctx { at: UnixMs(now), sequence: 0 };
        prop_assert_eq!(execute(&mut rows, &start, &funds()), model.execute(&funds(), now));
        let (mut sent, mut holds) = (Vec::<Vec<Transfer>>::new(), Vec::new());
        for (sequence, op) in (1u64..).zip(ops) {
            let ctx = Ctx { at: UnixMs(now), sequence };
            let chain = match op {
                Op::Execute(chain) => chain.into_iter().map(|one| aimed(one, &holds)).collect(),
                Op::Repeat(at) if !sent.is_empty() => sent[at % sent.len()].clone(),
                Op::Repeat(_) => continue,
                Op::Wait(ms) => {
                    past.push((now, (0..7).map(|n| model.sums(account_id(n))).collect()));
                    now += ms;
                    continue;
                }
                Op::Expire(limit) => {
                    prop_assert_eq!(process_due(&mut rows, &ctx, limit), model.process_due(now, limit));
                    compare(&rows, &model);
                    continue;
                }
            };
            let before = rows.clone();
            let answers = execute(&mut rows, &ctx, &chain);
            prop_assert_eq!(&answers, &model.execute(&chain, now));
            if answers.contains(&Ok(Done::Created)) {
                holds.extend(chain.iter().filter(|one| matches!(one.kind, Kind::Pending(_))).map(|one| one.id));
                let after = rows.clone();
                prop_assert!(execute(&mut rows, &ctx, &chain).iter().all(|answer| *answer == Ok(Done::Exists)));
                prop_assert!(rows == after, "a repeat changed a row");
            } else {
                prop_assert!(rows == before, "a refused or repeated chain changed a row");
            }
            compare(&rows, &model);
            sent.push(chain);
        }
        for (at, sums) in &past {
            for n in [1u8, 3, 5] {
                let seen = account_at(&rows, &account_id(n), UnixMs(*at)).unwrap();
                prop_assert_eq!(&sides(&seen), &sums[usize::from(n)], "account {} as of {}", n, at);
            }
        }
    }
}
