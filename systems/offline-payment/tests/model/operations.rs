//! What may happen, drawn at random. Numbers that choose one of several are taken modulo how many there are then.
use super::reference::{DAY, Typed};
use proptest::prelude::*;

/// When the power goes in the next step.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    Never,
    /// After so many points.
    After(u64),
    /// So many points before its end: when all is written and nothing was said.
    BeforeEnd(u64),
}

/// A payment.
#[derive(Clone, Debug)]
pub struct Pay {
    /// Seconds since the operation before.
    pub after: u64,
    pub machine: usize,
    pub nonce: usize,
    /// Out of all nonces ever granted, not of the machine's pool.
    pub stale: bool,
    pub till: usize,
    pub amount: u64,
    pub tip_max: Option<u64>,
    pub tip: Option<u64>,
    pub typed: Typed,
    pub otp: bool,
    /// The challenge that was made last, once more.
    pub again: bool,
    pub cut: Cut,
    /// The payee takes the object at once.
    pub accept: bool,
}

/// How an upload is changed before it is sent.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    None,
    OtherPayee,
    FinalAbove,
    Damaged,
}

#[derive(Clone, Debug)]
pub enum Op {
    Issue {
        machine: usize,
        count: usize,
        cut: Cut,
    },
    /// The batch so many before the last one, granted before or not.
    Grant {
        back: usize,
    },
    Refill {
        machine: usize,
        count: usize,
    },
    Pay(Pay),
    /// A payee takes an object, `ahead` seconds from the true time by its clock; `taken` of it in thousandths.
    Accept {
        object: usize,
        other: bool,
        ahead: i64,
        taken: Option<u64>,
    },
    Upload {
        which: usize,
        change: Change,
    },
    /// A payee writes a receipt without checking anything, and uploads it.
    Collude {
        object: usize,
        ahead: i64,
        taken: Option<u64>,
        online: bool,
    },
    /// Two machines of one key, one nonce in both, two payees that ask nothing; so many times.
    DoubleSpend {
        machine: usize,
        nonce: usize,
        times: usize,
        /// The second payee says that it waits for the answer.
        online: bool,
        tills: (usize, usize),
        amounts: (u64, u64),
    },
    /// One challenge is paid with two nonces, a reconciliation in between; both objects are uploaded.
    PayTwice {
        machine: usize,
    },
    /// Paid without a credential, again and again, with or without a reconciliation before each.
    Coffees {
        machine: usize,
        reconcile: bool,
        times: u64,
        amount: u64,
    },
    /// Wrong PINs, as fast as the machine lets one try.
    Guess {
        machine: usize,
        times: u64,
    },
    Reconcile {
        machine: usize,
        cut: Cut,
    },
    Restart {
        machine: usize,
    },
    Keep {
        machine: usize,
    },
    PutBack {
        machine: usize,
    },
    Clone {
        machine: usize,
    },
    Lose {
        machine: usize,
    },
    EnrolAgain {
        machine: usize,
    },
    NewPhone,
    Pass {
        seconds: u64,
    },
    TicksBack {
        machine: usize,
        seconds: u64,
    },
    Hear {
        till: usize,
    },
    Refund {
        credit: usize,
        thousandths: u64,
    },
    RefundAgain {
        refund: usize,
    },
    TopUp {
        minor: u64,
    },
    Repay {
        minor: u64,
    },
}

fn any_cut() -> impl Strategy<Value = Cut> {
    prop_oneof![
        12 => Just(Cut::Never),
        2 => (0_u64..300).prop_map(Cut::After),
        3 => (0_u64..6000).prop_map(Cut::After),
        1 => (0_u64..16_000).prop_map(Cut::After),
        2 => (0_u64..8).prop_map(Cut::BeforeEnd),
    ]
}

fn amount() -> impl Strategy<Value = u64> {
    prop_oneof![
        3 => 1_u64..500,
        4 => 500_u64..2300,
        4 => 3000_u64..=5000,
        2 => prop::sample::select(vec![1999, 2000, 2999, 3000, 4999, 5000, 5001, 9000]),
    ]
}

fn typed() -> impl Strategy<Value = Typed> {
    prop_oneof![
        16 => Just(Typed::Right),
        4 => Just(Typed::Wrong),
        4 => Just(Typed::Nothing),
        1 => Just(Typed::Absent),
        2 => Just(Typed::Garbage),
    ]
}

fn pay() -> impl Strategy<Value = Pay> {
    let tip = (prop::option::weighted(0.4, 0_u64..800), prop::option::weighted(0.4, 0_u64..900));
    let flags = (prop::bool::weighted(0.15), prop::bool::weighted(0.8), prop::bool::weighted(0.08));
    let rest = (any_cut(), prop::bool::weighted(0.8), 0_u64..8);
    (0_usize..4, 0_usize..16, 0_usize..3, amount(), tip, typed(), flags, rest).prop_map(
        |(machine, nonce, till, amount, (tip_max, tip), typed, (stale, otp, again), (cut, accept, after))| {
            Pay {
                after,
                machine,
                nonce,
                stale,
                till,
                amount,
                tip_max,
                // Above what is asked for only now and then.
                tip: tip
                    .map(|tip| if tip % 4 > 0 { tip.min(tip_max.unwrap_or(0)) } else { tip })
                    .filter(|_| tip_max.is_some()),
                typed,
                // Where it is needed, mostly; elsewhere, seldom.
                otp: otp && amount >= 2200,
                again,
                cut,
                accept,
            }
        },
    )
}

fn ahead() -> impl Strategy<Value = i64> {
    prop_oneof![6 => Just(0), 1 => prop::sample::select(vec![-300, -301, -302, 300, 302, 4000, -4000, 300_000, -300_000])]
}

fn taken() -> impl Strategy<Value = Option<u64>> {
    prop::option::weighted(0.3, 0_u64..1100)
}

fn passing() -> impl Strategy<Value = u64> {
    prop::sample::select(vec![
        1,
        1,
        2,
        5,
        60,
        310,
        3600,
        3600,
        DAY / 2,
        DAY,
        DAY,
        2 * DAY,
        3 * DAY,
        4 * DAY,
        7 * DAY,
        10 * DAY,
        21 * DAY,
    ])
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => Just(Change::None),
        1 => Just(Change::OtherPayee),
        1 => Just(Change::FinalAbove),
        1 => Just(Change::Damaged),
    ]
}

fn device() -> impl Strategy<Value = Op> {
    let machine = 0_usize..4;
    let coffee = prop_oneof![2 => 1000_u64..2000, 1 => 1_u64..300];
    prop_oneof![
        2 => (machine.clone(), 0_usize..6, any_cut()).prop_map(|(machine, count, cut)| Op::Issue { machine, count, cut }),
        2 => (0_usize..5).prop_map(|back| Op::Grant { back }),
        5 => (machine.clone(), 1_usize..4).prop_map(|(machine, count)| Op::Refill { machine, count }),
        14 => pay().prop_map(Op::Pay),
        1 => (machine.clone(), prop::bool::ANY, 1_u64..9, coffee)
            .prop_map(|(machine, reconcile, times, amount)| Op::Coffees { machine, reconcile, times, amount }),
        1 => machine.clone().prop_map(|machine| Op::PayTwice { machine }),
        1 => (machine.clone(), 1_u64..5).prop_map(|(machine, times)| Op::Guess { machine, times }),
        4 => (machine.clone(), any_cut()).prop_map(|(machine, cut)| Op::Reconcile { machine, cut }),
        2 => machine.clone().prop_map(|machine| Op::Restart { machine }),
        2 => machine.clone().prop_map(|machine| Op::Keep { machine }),
        1 => machine.clone().prop_map(|machine| Op::PutBack { machine }),
        1 => machine.clone().prop_map(|machine| Op::Clone { machine }),
        1 => machine.clone().prop_map(|machine| Op::EnrolAgain { machine }),
        1 => Just(Op::NewPhone),
        1 => (machine, 1_u64..5000).prop_map(|(machine, seconds)| Op::TicksBack { machine, seconds }),
    ]
}

fn elsewhere() -> impl Strategy<Value = Op> {
    let tills = (0_usize..3, 0_usize..3);
    let collude = (0_usize..16, ahead(), taken(), prop::bool::weighted(0.2));
    let accept = (0_usize..16, prop::bool::weighted(0.2), ahead(), taken());
    let twice =
        (0_usize..4, (0_usize..8, 1_usize..4, prop::bool::weighted(0.25)), tills, (1_u64..3000, 1_u64..3000));
    prop_oneof![
        4 => accept.prop_map(|(object, other, ahead, taken)| Op::Accept { object, other, ahead, taken }),
        6 => (0_usize..16, change()).prop_map(|(which, change)| Op::Upload { which, change }),
        3 => collude.prop_map(|(object, ahead, taken, online)| Op::Collude { object, ahead, taken, online }),
        3 => twice.prop_map(|(machine, (nonce, times, online), tills, amounts)| Op::DoubleSpend { machine, nonce, times, online, tills, amounts }),
        1 => (0_usize..4).prop_map(|machine| Op::Lose { machine }),
        5 => passing().prop_map(|seconds| Op::Pass { seconds }),
        3 => (0_usize..3).prop_map(|till| Op::Hear { till }),
        3 => (0_usize..8, 0_u64..1100).prop_map(|(credit, thousandths)| Op::Refund { credit, thousandths }),
        1 => (0_usize..4).prop_map(|refund| Op::RefundAgain { refund }),
        2 => (1_u64..20_000).prop_map(|minor| Op::TopUp { minor }),
        2 => (1_u64..1200).prop_map(|minor| Op::Repay { minor }),
    ]
}

/// A life of the world.
pub fn life() -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(prop_oneof![3 => device(), 2 => elsewhere()], 1..60)
}
