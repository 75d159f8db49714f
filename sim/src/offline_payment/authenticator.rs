//! An authenticator with its flash, its counter, its supply and its secret: what can be cut, photographed, put back and copied.
//!
//! **Invariant:** what it emits is asked for once more from a copy of its flash and counter, started anew: the same bytes, or the object
//! was not recorded before it left.
use super::facts::Facts;
use crate::crypto::CRYPTO;
use crate::tally::Held;
use crate::world::Common;
use symbolon_keys::{SigningKey, VerifyingKey, derive32};
use symbolon_offline_payment::authenticator::{Authenticator, Env};
use symbolon_offline_payment::messages::{AuthenticatorId, Reply, Request, SecureObject, Status};
use symbolon_offline_payment::{OfflinePaymentRefusal as Own, Refusal};
use symbolon_proof::Raw;
use symbolon_state::Counter;
use symbolon_state::fake::{FakeCounter, FakeFlash, Image, Power};
use symbolon_types::{Hash, Secret};
use symbolon_wire::cbor::Bytes;

/// Why a device did not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It refused.
    Refused(Refusal),
    /// It is off.
    Off,
    /// It answered something of another kind.
    Odd,
}

impl<R: Into<Refusal>> From<R> for Trouble {
    fn from(refusal: R) -> Self {
        Self::Refused(refusal.into())
    }
}

/// The device.
pub struct Device {
    server: VerifyingKey,
    power: Power,
    flash: FakeFlash,
    counter: FakeCounter,
    secret: Secret<[u8; 32]>,
    machine: Option<Authenticator<FakeFlash, FakeCounter>>,
    started_ms: u64,
    /// The medium fails instead of the supply: the machine lives on after a failed write.
    medium_fails: bool,
    /// Its last answer said that a credential was compared and wrong.
    pub found_wrong: bool,
    /// An old image, for who will put it back.
    pub photograph: Option<Image>,
}

impl Device {
    /// A new machine, started.
    pub fn new(world: &mut Common, server: VerifyingKey) -> Self {
        let secret = world.rng.secret();
        let power = Power::default();
        let mut device = Self {
            server,
            flash: FakeFlash::new(&power),
            counter: FakeCounter::new(&power),
            power,
            secret,
            machine: None,
            started_ms: 0,
            medium_fails: false,
            found_wrong: false,
            photograph: None,
        };
        device.start(world);
        device
    }

    /// A machine of its own with the same flash, counter and secret.
    pub fn copy(&self, world: &mut Common) -> Self {
        let mut copy = self.cold_copy();
        copy.start(world);
        copy
    }

    fn cold_copy(&self) -> Self {
        let power = Power::default();
        let (flash, mut counter) = (FakeFlash::new(&power), FakeCounter::new(&power));
        flash.put_back(&self.flash.image());
        let cut = self.power.is_cut();
        if cut {
            self.power.restore();
        }
        let value = self.counter.value().unwrap_or(0);
        if cut {
            self.power.cut_after(0);
        }
        if value > 0 {
            let _ = counter.advance(value);
        }
        Self {
            server: self.server,
            power,
            flash,
            counter,
            secret: self.secret.clone(),
            machine: None,
            started_ms: 0,
            medium_fails: false,
            found_wrong: false,
            photograph: None,
        }
    }

    /// The key that it signs with.
    pub fn signing(&self) -> SigningKey {
        SigningKey::from_seed(derive32(&CRYPTO, self.secret.reveal(), b"authenticator/sign", &[]))
    }

    /// Its id.
    pub fn id(&self) -> AuthenticatorId {
        AuthenticatorId::of(&CRYPTO, &self.signing().verifying(&CRYPTO))
    }

    /// Cuts its power after so many points, or lets its medium fail there.
    pub fn cut_after(&mut self, points: u64, medium_fails: bool) {
        self.power.cut_after(points);
        self.medium_fails = medium_fails;
    }

    /// No cut is planned any more.
    pub fn calm(&mut self) {
        if self.machine.is_some() {
            self.power.restore();
        }
    }

    /// Takes the picture of its flash.
    pub fn take_photograph(&mut self) {
        self.photograph = Some(self.flash.image());
    }

    /// Puts an old image back while the machine is off; whether there was one that differs.
    pub fn put_back(&mut self) -> bool {
        let Some(old) = self.photograph.take().filter(|old| *old != self.flash.image()) else { return false };
        self.machine = None;
        self.flash.put_back(&old);
        true
    }

    /// Switches it off.
    pub fn switch_off(&mut self) {
        self.machine = None;
    }

    /// Whether it is on.
    pub fn is_on(&self) -> bool {
        self.machine.is_some()
    }

    fn env(&self, world: &mut Common) -> Env<'static> {
        let ticks_ms = world.now_ms.saturating_sub(self.started_ms);
        Env { crypto: &CRYPTO, seed: world.rng.secret(), ticks_ms }
    }

    /// Starts it on what its flash and counter hold; nothing if it is on.
    pub fn start(&mut self, world: &mut Common) {
        if self.machine.is_some() {
            return;
        }
        self.power.restore();
        self.medium_fails = false;
        self.started_ms = world.now_ms;
        let env = self.env(world);
        let (flash, counter) = (self.flash.clone(), self.counter.clone());
        match Authenticator::start(flash, counter, &self.secret, self.server, &env) {
            Ok(machine) => self.machine = Some(machine),
            Err(refusal) => world.tally.refused(refusal.refused()),
        }
    }

    /// Asks the machine. A machine whose power was cut says nothing.
    pub fn ask(&mut self, world: &mut Common, request: Request) -> Result<Reply, Trouble> {
        let env = self.env(world);
        let machine = self.machine.as_mut().ok_or(Trouble::Off)?;
        let reply = machine.handle(&env, request);
        self.found_wrong = matches!(&reply, Reply::Refused(refused) if refused.attempts_left.is_some());
        if self.power.is_cut() {
            world.tally.fault(if self.medium_fails {
                "authenticator-medium-fails"
            } else {
                "authenticator-power-cut"
            });
            self.machine = None;
            if !self.medium_fails {
                return Err(Trouble::Off);
            }
        }
        match reply {
            Reply::Refused(refused) => {
                world.tally.refused(refused.refusal.refused());
                Err(Trouble::Refused(refused.refusal))
            }
            reply => Ok(reply),
        }
    }

    /// Asks for one message.
    pub fn message(&mut self, world: &mut Common, request: Request) -> Result<Bytes, Trouble> {
        match self.ask(world, request)? {
            Reply::Message(bytes) => Ok(bytes),
            _ => Err(Trouble::Odd),
        }
    }

    /// After an answer to a payment: whether a credential was compared, and how it came out.
    pub fn attempted(&self, world: &mut Common, facts: &mut Facts, answer: &Result<Bytes, Trouble>) {
        let held = facts.attempted(world, self.id(), self.found_wrong, answer.is_ok());
        facts.watched(held);
    }

    /// Asks for something to be done.
    pub fn done(&mut self, world: &mut Common, request: Request) -> Result<(), Trouble> {
        match self.ask(world, request)? {
            Reply::Done(()) => Ok(()),
            _ => Err(Trouble::Odd),
        }
    }

    /// Its state.
    pub fn status(&mut self, world: &mut Common) -> Result<Status, Trouble> {
        match self.ask(world, Request::Status(()))? {
            Reply::Status(status) => Ok(status),
            _ => Err(Trouble::Odd),
        }
    }

    /// An object came out: it was recorded before, and the nonce of an honest machine buys no second.
    ///
    /// # Errors
    /// [`crate::Broken`]: `recorded-before-emitted`, `nonce-emitted-once`, `challenge-paid-once`.
    pub fn emitted(&self, world: &mut Common, facts: &mut Facts, token: Hash, object: &Bytes) -> Held {
        let mut copy = self.cold_copy();
        copy.start(world);
        let again = copy.message(world, Request::Reemit(token));
        world.check("recorded-before-emitted", again.as_ref() == Ok(object), || {
            format!("a copy started anew answers {:?}", again.map(|bytes| bytes.0.len()))
        })?;
        let Ok(parsed) = Raw(&object.0).parse::<SecureObject>() else { return Ok(()) };
        facts.emitted(world, self.id(), parsed.danger_unverified())
    }
}

/// Whether a device is done for until it is started anew.
pub fn is_store_failed(trouble: Trouble) -> bool {
    matches!(trouble, Trouble::Off | Trouble::Refused(Refusal::Own(Own::StoreFailed)))
}
