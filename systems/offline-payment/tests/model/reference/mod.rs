//! What system 01 must answer and what must become of the money, as its specification says it: plain numbers and lists, no keys, no bytes.
//!
//! ```text
//!   Machine  an authenticator: lock, attempts, pool, spend, clock      Model  the server and the payees: grants, credits, losses, revocations
//!   Steps    the states that one request makes durable, in their order, and its answer: a power cut leaves one of them
//! ```
//! **Invariant:** nothing here is taken from the system; an answer is the name of the refusal in the registry, or that it was done.

mod device;
mod server;

pub const LIMIT: u64 = 5000;
pub const CUMULATIVE: u64 = 10_000;
pub const COUNT: u64 = 6;
pub const POOL: usize = 4;
pub const ATTEMPTS: u64 = 3;
pub const PIN_FROM: u64 = 2000;
pub const OTP_FROM: u64 = 3000;
pub const DAY: u64 = 24 * 3600;
pub const GRANT_LIFE: u64 = 3 * DAY;
pub const TOKEN_LIFE: u64 = 30 * DAY;
pub const WINDOW: u64 = 7 * DAY;
pub const SKEW: u64 = 300;
pub const LIST_AGE: u64 = 3 * DAY;
pub const REFUND_LIFE: u64 = 180 * DAY;
const OTP_WINDOW: u64 = 3;
pub const OTP_ATTEMPTS: u64 = 5;

/// Done, or the name of the refusal.
pub type Answer = Result<(), &'static str>;

pub const LOCKED: &str = "CRED_LOCKED";
pub const ROLLED_BACK: &str = "STORE_ROLLBACK";

/// What is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    Right,
    Wrong,
    /// Nothing, and that is sealed.
    Nothing,
    /// Nothing, and nothing is sealed.
    Absent,
    /// Sealed so that it cannot be opened.
    Garbage,
}

/// What an authenticator is asked to pay.
#[derive(Clone, Copy, Debug)]
pub struct Asking {
    pub nonce: usize,
    pub challenge: usize,
    pub tip: Option<u64>,
    pub typed: Typed,
    pub otp: bool,
}

/// An authenticator. Times are true seconds, but for `time`, which is its own.
#[derive(Clone, Debug)]
pub struct Machine {
    pub device: usize,
    pub lock: Option<&'static str>,
    pub attempts: u64,
    pub pool: Vec<usize>,
    pub sequence: u64,
    pub spent: u64,
    pub count: u64,
    /// Paid without a credential since the last right one; no reconciliation starts it anew.
    pub unverified: u64,
    /// Objects since the last reconciliation.
    pub made: Vec<usize>,
    pub enrolling: bool,
    pub paired: bool,
    pub otp_counter: u64,
    pub otp_attempts: u64,
    /// Its own time when it last wrote, and the true time then.
    pub time: u64,
    pub mark: u64,
    /// Of this start only.
    pub started: u64,
    pub compared: u64,
    pub garbage: Option<u64>,
}

/// What everybody can see of it: attempts, pool, objects, sum, locked, its time.
pub type Shown = (u64, usize, usize, u64, bool, u64);

impl Machine {
    pub fn enrolled(device: usize, now: u64) -> Self {
        Self {
            device,
            lock: None,
            attempts: ATTEMPTS,
            pool: Vec::new(),
            sequence: 0,
            spent: 0,
            count: 0,
            unverified: 0,
            made: Vec::new(),
            enrolling: false,
            paired: true,
            otp_counter: 0,
            otp_attempts: OTP_ATTEMPTS,
            time: now,
            mark: now,
            started: now,
            compared: now,
            garbage: None,
        }
    }

    /// Signed time and ticks since; never the true time.
    pub fn clock(&self, now: u64) -> u64 {
        self.time + (now - self.mark)
    }

    /// It writes, having learnt a signed time.
    pub fn wrote(&mut self, now: u64, signed: u64) {
        (self.time, self.mark) = (self.clock(now).max(signed), now);
    }

    pub fn lock_if_used_up(&mut self) {
        if self.attempts == 0 && self.lock.is_none() {
            self.lock = Some(LOCKED);
            self.pool.clear();
        }
    }

    /// The ticks since its last write are lost.
    pub fn restart(&mut self, now: u64) {
        (self.mark, self.started, self.compared, self.garbage) = (now, now, now, None);
        self.lock_if_used_up();
    }

    /// It finds a store that is `commits` older than its counter.
    pub fn rolled_back(&mut self, commits: u64) {
        self.attempts = self.attempts.saturating_sub(commits);
        self.pool.clear();
        self.lock = Some(ROLLED_BACK);
    }

    pub fn shown(&self, now: u64) -> Shown {
        let (pool, made) = (self.pool.len(), self.made.len());
        (self.attempts, pool, made, self.spent, self.lock.is_some(), self.clock(now))
    }

    /// After k wrong ones the next waits 1, 2, 4 … seconds.
    fn too_soon(&self, now: u64) -> bool {
        let wrong = ATTEMPTS - self.attempts;
        wrong > 0 && now < self.compared + (1 << (wrong - 1))
    }
}

/// The states that a request makes durable, the first one that before it.
#[derive(Clone, Debug)]
pub struct Steps {
    pub states: Vec<Machine>,
    pub answer: Answer,
}

impl Steps {
    fn refused(machine: &Machine, name: &'static str) -> Self {
        Self { states: vec![machine.clone()], answer: Err(name) }
    }
    pub fn last(&self) -> &Machine {
        self.states.last().unwrap()
    }
}

/// A nonce token, and what became of it.
#[derive(Clone, Debug)]
pub struct Nonce {
    pub device: usize,
    pub sequence: u64,
    pub exp: u64,
    /// From and until when it may be spent.
    pub grant: Option<(u64, u64)>,
    pub spent_by: Option<usize>,
    pub reported: Option<usize>,
}

/// What the server knows of an authenticator.
#[derive(Clone, Debug, Default)]
pub struct Device {
    pub revoked: bool,
    pub sequence: u64,
    pub counter: u64,
    pub reported_at: u64,
    pub grants_until: u64,
    pub listed_until: u64,
}

/// A payee.
#[derive(Clone, Debug)]
pub struct Till {
    pub cap: u64,
    /// Made good and not given back.
    pub lost: u64,
    pub heard: u64,
    pub denied: Vec<usize>,
    pub open: Vec<usize>,
    pub accepted: Vec<usize>,
    /// Objects that it was refused while it waited, and how.
    pub refused: Vec<(usize, &'static str)>,
}

#[derive(Clone, Debug)]
pub struct Challenge {
    pub till: usize,
    pub amount: u64,
    pub tip_max: Option<u64>,
}

#[derive(Clone, Debug)]
pub struct Object {
    pub nonce: usize,
    pub challenge: usize,
    /// The tip included: what the payer authorised.
    pub amount: u64,
}

#[derive(Clone, Debug)]
pub struct Credit {
    pub object: usize,
    pub till: usize,
    pub amount: u64,
    pub loss: bool,
    pub at: u64,
    pub refunded: u64,
}

/// The server, the payees and the one payer.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub now: u64,
    /// The payer's own money, reserved or not.
    pub cash: u64,
    pub owed: u64,
    pub nonces: Vec<Nonce>,
    pub devices: Vec<Device>,
    pub tills: Vec<Till>,
    pub challenges: Vec<Challenge>,
    pub objects: Vec<Object>,
    pub credits: Vec<Credit>,
}

impl Model {
    /// R1, R2: a limit for each grant that is unspent, until its end and seven days.
    pub fn reserved(&self) -> u64 {
        let held = |nonce: &&Nonce| {
            nonce.spent_by.is_none() && nonce.grant.is_some_and(|(_, exp)| self.now < exp + WINDOW)
        };
        LIMIT * self.nonces.iter().filter(held).count() as u64
    }

    pub fn available(&self) -> u64 {
        self.cash - self.reserved()
    }

    fn live(&self, device: usize) -> Vec<usize> {
        let live = |at: &usize| {
            let nonce = &self.nonces[*at];
            let standing = nonce.grant.is_some_and(|(_, exp)| exp > self.now);
            nonce.device == device && nonce.spent_by.is_none() && standing
        };
        (0..self.nonces.len()).filter(live).collect()
    }

    pub fn revoke(&mut self, device: usize) {
        let device = &mut self.devices[device];
        if !device.revoked {
            (device.revoked, device.listed_until) = (true, device.grants_until + SKEW);
        }
    }
}
