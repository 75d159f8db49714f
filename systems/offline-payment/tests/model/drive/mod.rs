//! Does with the system what an operation says, asks the model what must come of it, and compares: the answer, what each machine shows, the
//! money, the rules R1 to R5.
//!
//! ```text
//!   operation ──► system ──► answer, states ──┐
//!       └───────► model  ──► answer, states ──┴──► equal, or the life ends with what differed
//! ```
mod devices;
mod observe;
mod payees;
mod payments;

use crate::operations::Op;
use crate::reference::{
    ATTEMPTS, Answer, COUNT, CUMULATIVE, GRANT_LIFE, LIMIT, Machine, Model, OTP_FROM, PIN_FROM, POOL, Till,
};
use crate::world::{self, PAYER, Phone, QUICK, Shop, World, eur};
use std::cell::RefCell;
use std::collections::BTreeMap;
use symbolon_offline_payment::Refusal;
use symbolon_offline_payment::messages::{Settlement, VerificationRule};
use symbolon_offline_payment::state::{AccountLimits, Outcome};
use symbolon_state::fake::Image;
use symbolon_wire::cbor::Bytes;

/// What differed, in words.
pub type Check = Result<(), String>;

/// The world must not outlive the payees' certificates.
const SECONDS_MAX: u64 = 350 * world::DAY;

const PHONES_MAX: usize = 4;

/// A phone, what the model makes of it, and what is kept beside both.
struct Handset {
    phone: Phone,
    machine: Machine,
    /// The number of the payment application's next password.
    password: u64,
    kept: Option<(Image, u64, Machine)>,
    challenge: Option<usize>,
}

struct Upload {
    object: usize,
    at: u64,
    taken: u64,
    online: bool,
    settlement: Settlement,
}

pub struct Drive {
    world: World,
    model: Model,
    handsets: Vec<Handset>,
    shops: Vec<Shop>,
    /// Token and grant of each nonce, where they came out.
    nonces: Vec<(Option<Bytes>, Option<Bytes>)>,
    batches: Vec<Vec<usize>>,
    challenges: Vec<Bytes>,
    objects: Vec<Bytes>,
    uploads: Vec<Upload>,
    refunds: Vec<(Bytes, u64)>,
    started: u64,
    /// Everything that was ever paid into the account.
    funded: u64,
}

fn name(refusal: Refusal) -> &'static str {
    refusal.refused().name
}

fn answer<T>(result: Result<T, Refusal>) -> Answer {
    result.map(|_| ()).map_err(name)
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, system: T, model: T) -> Check {
    if system == model {
        Ok(())
    } else {
        Err(format!("{what}: the system has {system:?}, the model {model:?}"))
    }
}

thread_local! {
    /// Every answer that system and model agreed on, in all lives.
    static AGREED: RefCell<BTreeMap<String, u32>> = RefCell::default();
}

/// What was answered, and how often: so that a test can say that the lives come everywhere.
pub fn agreed_answers() -> BTreeMap<String, u32> {
    AGREED.with_borrow(Clone::clone)
}

fn seen(what: &str) {
    AGREED.with_borrow_mut(|agreed| *agreed.entry(what.to_owned()).or_default() += 1);
}

/// As [`same`], of answers.
fn agree(what: &str, system: Answer, model: Answer) -> Check {
    same(what, system, model)?;
    seen(&format!("{what}: {}", model.err().unwrap_or("OK")));
    Ok(())
}

fn outcome(outcome: Outcome) -> Answer {
    if let Outcome::Refused(refusal) = outcome { Err(name(refusal)) } else { Ok(()) }
}

fn account() -> AccountLimits {
    let rule = |from_minor, user, otp| VerificationRule { from_minor, user, otp };
    AccountLimits {
        per_payment: eur(LIMIT),
        cumulative_minor: CUMULATIVE,
        count: u32::try_from(COUNT).unwrap(),
        pool: u32::try_from(POOL).unwrap(),
        attempts: u32::try_from(ATTEMPTS).unwrap(),
        grant_seconds: GRANT_LIFE,
        verification: vec![rule(0, 0, false), rule(PIN_FROM, 1, false), rule(OTP_FROM, 1, true)],
    }
}

impl Drive {
    /// One payer with 350.00, one phone with a full pool, three payees for whom 0.00, 20.00 and 60.00 are made good.
    pub fn new() -> Self {
        let mut world = World::new(&QUICK);
        world.open_payer(PAYER, account(), eur(35_000));
        let started = world.nature.now().0;
        let caps = [0, 2000, 6000];
        let shops = [1, 2, 3].map(|number| world.shop(number, "Shop", eur(caps[usize::from(number) - 1])));
        let till = |cap| Till {
            cap,
            lost: 0,
            heard: started,
            denied: Vec::new(),
            open: Vec::new(),
            accepted: Vec::new(),
            refused: Vec::new(),
        };
        let tills = caps.map(till).into();
        let model = Model { now: started, cash: 35_000, tills, ..Model::default() };
        let mut drive = Self {
            world,
            model,
            handsets: Vec::new(),
            shops: shops.into(),
            nonces: Vec::new(),
            batches: Vec::new(),
            challenges: Vec::new(),
            objects: Vec::new(),
            uploads: Vec::new(),
            refunds: Vec::new(),
            started,
            funded: 35_000,
        };
        drive.new_phone();
        drive.refill(0, POOL).unwrap();
        drive
    }

    /// Does it, and looks at everything afterwards.
    pub fn step(&mut self, op: &Op) -> Check {
        self.act(op)?;
        self.observe()
    }

    fn act(&mut self, op: &Op) -> Check {
        let phones = self.handsets.len();
        match op {
            Op::Issue { machine, count, cut } => self.issue(machine % phones, *count, *cut),
            Op::Grant { back } => self.grant(*back),
            Op::Refill { machine, count } => self.refill(machine % phones, *count),
            Op::Pay(pay) => self.pay(pay),
            Op::Accept { object, other, ahead, taken } => self.accept(*object, *other, *ahead, *taken),
            Op::Upload { which, change } => self.upload(*which, *change),
            Op::Collude { object, ahead, taken, online } => self.collude(*object, *ahead, *taken, *online),
            Op::DoubleSpend { machine, nonce, times, online, tills, amounts } => {
                let (tills, amounts) = ([tills.0, tills.1], [amounts.0, amounts.1]);
                (0..*times)
                    .try_for_each(|_| self.double_spend(machine % phones, *nonce, *online, tills, amounts))
            }
            Op::PayTwice { machine } => self.pay_twice(machine % phones),
            Op::Coffees { machine, reconcile, times, amount } => {
                (0..*times).try_for_each(|_| self.coffee(machine % phones, *reconcile, *amount))
            }
            Op::Guess { machine, times } => self.guess(machine % phones, *times),
            Op::Reconcile { machine, cut } => self.reconcile(machine % phones, *cut),
            Op::Restart { machine } => self.restart(machine % phones),
            Op::Keep { machine } => self.keep(machine % phones),
            Op::PutBack { machine } => self.put_back(machine % phones),
            Op::Clone { machine } => self.copy(machine % phones),
            Op::Lose { machine } => self.lose(machine % phones),
            Op::EnrolAgain { machine } => self.enrol_again(machine % phones),
            Op::NewPhone => {
                if phones < PHONES_MAX {
                    self.new_phone();
                }
                Ok(())
            }
            Op::Pass { seconds } => self.pass(*seconds),
            Op::TicksBack { machine, seconds } => self.ticks_back(machine % phones, *seconds),
            Op::Hear { till } => self.hear(*till),
            Op::Refund { credit, thousandths } => self.refund(*credit, *thousandths),
            Op::RefundAgain { refund } => self.refund_again(*refund),
            Op::TopUp { minor } => self.top_up(*minor),
            Op::Repay { minor } => self.repay(*minor),
        }
    }

    fn now(&self) -> u64 {
        self.model.now
    }
}
