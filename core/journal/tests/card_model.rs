//! Card operations in any order against sums over their answers: whatever is asked, repeated or refused, no money is made, lost or spent twice.
use proptest::prelude::*;
use std::collections::HashMap;
use symbolon_journal::card::*;
use symbolon_journal::*;
use symbolon_state::{Ctx, MemoryRows};
use symbolon_types::{Amount, Currency, Hash, UnixMs};

const CARDS: u8 = 2;
const SHOPS: u8 = 2;
const BANK: AccountId = AccountId([90; 16]);
const OWED: AccountId = AccountId([91; 16]);
const FUNDS: u64 = 100;

fn card(n: u8) -> AccountId {
    AccountId([n + 1; 16])
}

fn shop(n: u8) -> AccountId {
    AccountId([n + 11; 16])
}

fn eur(minor: u64) -> Amount {
    Amount::new(minor, Currency::EUR).unwrap()
}

#[derive(Clone, Debug)]
enum Op {
    Do(CardOperation),
    Repeat(usize),
    Wait(u64),
}

fn kinds() -> impl Strategy<Value = CardKind> {
    let amount = || (0u64..70).prop_map(eur);
    let end = || prop::option::weighted(0.7, (1u64..40).prop_map(UnixMs));
    let parties = || (0..CARDS, 0..SHOPS).prop_map(|(c, s)| (card(c), shop(s)));
    let authorise = (parties(), amount(), end(), any::<bool>()).prop_map(
        |((cardholder, merchant), amount, expires_at, partial)| {
            CardKind::Authorise(Authorise { cardholder, merchant, amount, expires_at, partial })
        },
    );
    let present = (parties(), amount()).prop_map(|((cardholder, merchant), amount)| {
        CardKind::Present(Present { cardholder, merchant, amount, cover: OWED })
    });
    let dispute = || amount().prop_map(|amount| Dispute { amount, cover: OWED });
    prop_oneof![
        4 => authorise,
        2 => (amount(), end()).prop_map(|(amount, expires_at)| CardKind::Increment(Increment { amount, expires_at })),
        4 => (amount(), any::<bool>()).prop_map(|(amount, last)| CardKind::Capture(Capture { amount, last })),
        2 => prop::option::of(amount()).prop_map(|amount| CardKind::Reverse(Reverse { amount })),
        2 => present,
        2 => amount().prop_map(|amount| CardKind::Refund(Refund { amount })),
        2 => dispute().prop_map(CardKind::Chargeback),
        1 => dispute().prop_map(CardKind::Represent),
    ]
}

fn operations() -> impl Strategy<Value = CardOperation> {
    (0u8..4, 0u8..40, kinds()).prop_map(|(authorisation, own, kind)| {
        let authorisation = CardId([authorisation; 15]);
        let id = if matches!(kind, CardKind::Authorise(_)) { authorisation } else { CardId([own + 10; 15]) };
        CardOperation { id, authorisation, reference: Hash::ZERO, kind }
    })
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        12 => operations().prop_map(Op::Do),
        2 => any::<prop::sample::Index>().prop_map(|index| Op::Repeat(index.index(1 << 16))),
        1 => (1u64..12).prop_map(Op::Wait),
    ];
    prop::collection::vec(op, 1..80)
}

/// What the answers say of one authorisation.
#[derive(Clone, Copy, Default)]
struct Told {
    parties: Option<(AccountId, AccountId)>,
    approved: i64,
    released: i64,
    captured: i64,
    presented: i64,
    refunded: i64,
    charged_back: i64,
    represented: i64,
}

#[derive(Default)]
struct Model {
    told: HashMap<CardId, Told>,
    posted: HashMap<AccountId, i64>,
    done: HashMap<CardId, (CardOperation, CardAnswer)>,
}

impl Model {
    fn moves(&mut self, from: AccountId, to: AccountId, answer: CardAnswer) {
        let of = |minor: u64| i64::try_from(minor).unwrap();
        *self.posted.entry(from).or_default() -= of(answer.amount - answer.covered);
        *self.posted.entry(OWED).or_default() -= of(answer.covered);
        *self.posted.entry(to).or_default() += of(answer.amount);
    }

    fn answered(&mut self, operation: &CardOperation, answer: CardAnswer) {
        self.done.insert(operation.id, (*operation, answer));
        let amount = i64::try_from(answer.amount).unwrap();
        let mut told = self.told.get(&operation.authorisation).copied().unwrap_or_default();
        match operation.kind {
            CardKind::Authorise(asked) => {
                assert!(told.parties.is_none(), "an authorisation was overtaken and accepted");
                assert!(answer.amount == asked.amount.minor() || asked.partial);
                told.parties = Some((asked.cardholder, asked.merchant));
                told.approved = amount;
            }
            CardKind::Present(asked) => {
                let parties = (asked.cardholder, asked.merchant);
                assert_eq!(*told.parties.get_or_insert(parties), parties);
                told.presented += amount;
            }
            CardKind::Increment(_) => told.approved += amount,
            CardKind::Capture(_) => told.captured += amount,
            CardKind::Reverse(_) => told.released += amount,
            CardKind::Refund(_) => told.refunded += amount,
            CardKind::Chargeback(_) => told.charged_back += amount,
            CardKind::Represent(_) => told.represented += amount,
        }
        assert!(told.captured + told.released <= told.approved, "a hold was overspent");
        let back = told.refunded + told.charged_back - told.represented;
        assert!((0..=told.captured + told.presented).contains(&back), "given back twice");
        self.told.insert(operation.authorisation, told);
        let Some((cardholder, merchant)) = told.parties else {
            assert_eq!(answer.amount, 0, "nothing moves without parties");
            return;
        };
        match operation.kind {
            CardKind::Capture(_) | CardKind::Present(_) | CardKind::Represent(_) => {
                self.moves(cardholder, merchant, answer);
            }
            CardKind::Refund(_) | CardKind::Chargeback(_) => self.moves(merchant, cardholder, answer),
            CardKind::Authorise(_) | CardKind::Increment(_) | CardKind::Reverse(_) => {}
        }
    }

    fn compare(&self, rows: &MemoryRows) {
        let report = audit(rows).expect("the journal is sound");
        assert!(report.totals.iter().all(Totals::even), "money is conserved");
        let funds = i64::try_from(FUNDS).unwrap();
        let cards = (0..CARDS).map(|n| (card(n), funds));
        for (id, start) in cards.chain((0..SHOPS).map(|n| (shop(n), 0))).chain([(OWED, 0)]) {
            let balance = account(rows, &id).unwrap().balance();
            assert_eq!(balance.posted, start + self.posted.get(&id).copied().unwrap_or(0), "{id}");
            assert!(id == OWED || balance.available >= 0, "{id} is beyond its limit");
        }
        for (id, told) in &self.told {
            let sums = authorisation(rows, id);
            assert_eq!(sums.is_some(), told.parties.is_some());
            let Some(sums) = sums else { continue };
            let kept = [sums.approved, sums.captured, sums.refunded, sums.charged_back];
            let told = [
                told.approved,
                told.captured + told.presented,
                told.refunded,
                told.charged_back - told.represented,
            ];
            assert_eq!(kept.map(|minor| i64::try_from(minor).unwrap()), told);
        }
    }
}

fn start() -> MemoryRows {
    let (mut rows, ctx) = (MemoryRows::default(), Ctx { at: UnixMs(0), sequence: 0 });
    let kept =
        (0..CARDS).map(card).chain((0..SHOPS).map(shop)).map(|id| (id, Limit::DebitsWithinCredits(())));
    for (id, limit) in kept.chain([(BANK, Limit::Unlimited(())), (OWED, Limit::Unlimited(()))]) {
        open_account_with_history(&mut rows, &ctx, &id, Currency::EUR, limit).unwrap();
    }
    for n in 0..CARDS {
        let funds = Transfer::posted(TransferId([n + 200; 16]), BANK, card(n), eur(FUNDS), Hash::ZERO);
        execute_all(&mut rows, &ctx, &[funds]).unwrap();
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_card_operations_makes_loses_or_spends_money_twice(ops in ops()) {
        let (mut rows, mut model, mut now) = (start(), Model::default(), 0u64);
        let mut sent: Vec<CardOperation> = Vec::new();
        for (sequence, op) in (1u64..).zip(ops) {
            let ctx = Ctx { at: UnixMs(now), sequence };
            let operation = match op {
                Op::Do(operation) => operation,
                Op::Repeat(at) if !sent.is_empty() => sent[at % sent.len()],
                Op::Repeat(_) => continue,
                Op::Wait(ms) => {
                    now += ms;
                    process_due(&mut rows, &Ctx { at: UnixMs(now), sequence }, 9);
                    model.compare(&rows);
                    continue;
                }
            };
            let before = rows.clone();
            let known = model.done.get(&operation.id).copied();
            match (perform(&mut rows, &ctx, &operation), known) {
                (Ok((Done::Exists, answer)), Some((first, told))) => {
                    prop_assert_eq!((operation, answer), (first, told), "the first answer for ever");
                    prop_assert!(rows == before, "a repeat changed a row");
                }
                (Ok((Done::Created, answer)), None) => model.answered(&operation, answer),
                (Err(_), _) => prop_assert!(rows == before, "a refused operation changed a row"),
                (answer, known) => prop_assert!(false, "{:?} after {:?}", answer, known),
            }
            model.compare(&rows);
            sent.push(operation);
        }
    }
}
