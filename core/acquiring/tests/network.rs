//! Terminals on a network that loses, doubles and reorders: in the end each payment was taken once, or not at all, as its terminal knows.
mod shop;

use proptest::prelude::*;
use shop::*;
use std::collections::BTreeMap;
use symbolon_acquiring::state::{Command, Outcome};
use symbolon_acquiring::{Ask, NaturalKey, Reply, Request};

/// What the network does with what is on the way.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The terminal sends its next payment.
    Pay(u64),
    /// Something on the way to the host arrives; it stays on the way where `true`: it was doubled.
    ToHost(usize, bool),
    /// Something on the way back arrives, or is lost where `true`.
    Back(usize, bool),
    /// Something on the way to the host is lost.
    Lose(usize),
    /// The terminal's timer for this payment runs out: from now on it reverses.
    TimeOut(usize),
}

/// What a terminal knows of a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Known {
    Waiting,
    Answered(Reply),
    Reversing,
    Reversed,
}

struct Payment {
    request: Request,
    reversal: Request,
    known: Known,
}

#[derive(Default)]
struct World {
    payments: Vec<Payment>,
    to_host: Vec<Request>,
    back: Vec<(Request, Reply)>,
    /// Every answer that the host ever gave under a key.
    answers: BTreeMap<NaturalKey, Reply>,
}

impl World {
    fn pay(&mut self, minor: u64) {
        let number = u32::try_from(self.payments.len()).unwrap();
        let request =
            if minor.is_multiple_of(3) { authorise(number, minor) } else { purchase(number, minor) };
        let reversal = reverse(number + 1000, original(request.key.mti, number), None);
        self.payments.push(Payment { request, reversal, known: Known::Waiting });
        self.to_host.push(request);
    }

    fn deliver(&mut self, shop: &mut Shop, request: Request) {
        let reply = match shop.apply(Command::Request(request)) {
            Outcome::Answered(reply) | Outcome::Repeated(reply) => reply,
            other => panic!("{other:?}"),
        };
        let first = self.answers.entry(request.key).or_insert_with(|| reply.clone()).clone();
        assert_eq!(first, reply, "two answers under one key");
        self.back.push((request, reply));
    }

    fn arrives(&mut self, (request, reply): (Request, Reply)) {
        let reversal = matches!(request.ask, Ask::Reverse(_));
        let same = |one: &&mut Payment| [one.request.key, one.reversal.key].contains(&request.key);
        let payment = self.payments.iter_mut().find(same).unwrap();
        match payment.known {
            Known::Waiting if !reversal => payment.known = Known::Answered(reply),
            Known::Reversing if reversal => {
                assert_eq!(reply.action.0, 400);
                payment.known = Known::Reversed;
            }
            // An answer after the reversal began changes nothing.
            _ => {}
        }
    }

    fn time_out(&mut self, at: usize) {
        let payment = &mut self.payments[at];
        if payment.known == Known::Waiting || payment.known == Known::Reversing {
            payment.known = Known::Reversing;
            self.to_host.push(Request { repeat: true, transmitted: None, ..payment.reversal });
        }
    }

    fn step(&mut self, shop: &mut Shop, step: Step) {
        match step {
            Step::Pay(minor) => self.pay(minor),
            Step::ToHost(at, doubled) if !self.to_host.is_empty() => {
                let at = at % self.to_host.len();
                let request = if doubled { self.to_host[at] } else { self.to_host.swap_remove(at) };
                self.deliver(shop, request);
            }
            Step::Back(at, lost) if !self.back.is_empty() => {
                let message = self.back.swap_remove(at % self.back.len());
                if !lost {
                    self.arrives(message);
                }
            }
            Step::Lose(at) if !self.to_host.is_empty() => {
                self.to_host.swap_remove(at % self.to_host.len());
            }
            Step::TimeOut(at) if !self.payments.is_empty() => self.time_out(at % self.payments.len()),
            _ => {}
        }
    }

    /// The network is well again: every terminal goes on until it knows.
    fn settle(&mut self, shop: &mut Shop) {
        for request in core::mem::take(&mut self.to_host) {
            self.deliver(shop, request);
        }
        for at in 0..self.payments.len() {
            self.time_out(at);
        }
        for request in core::mem::take(&mut self.to_host) {
            self.deliver(shop, request);
        }
        for message in core::mem::take(&mut self.back) {
            self.arrives(message);
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let at = || any::<prop::sample::Index>().prop_map(|index| index.index(1 << 16));
    let step = prop_oneof![
        3 => (1u64..60).prop_map(Step::Pay),
        6 => (at(), prop::bool::weighted(0.3)).prop_map(|(at, doubled)| Step::ToHost(at, doubled)),
        4 => (at(), prop::bool::weighted(0.3)).prop_map(|(at, lost)| Step::Back(at, lost)),
        1 => at().prop_map(Step::Lose),
        3 => at().prop_map(Step::TimeOut),
    ];
    prop::collection::vec(step, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_terminals_know_is_what_the_accounts_say(steps in steps()) {
        let (mut shop, mut world) = (Shop::new(), World::default());
        for step in steps {
            world.step(&mut shop, step);
        }
        world.settle(&mut shop);
        let (mut moved, mut held) = (0u64, 0u64);
        for payment in &world.payments {
            match (&payment.known, payment.request.ask) {
                (Known::Answered(reply), Ask::Authorise(_)) => held += reply.amount,
                (Known::Answered(reply), _) => moved += reply.amount,
                (Known::Reversed, _) => {}
                (known, _) => prop_assert!(false, "{:?} in the end", known),
            }
        }
        let moved = i64::try_from(moved).unwrap();
        prop_assert_eq!(shop.money(), (100 - moved, held, moved, 0));
    }
}
