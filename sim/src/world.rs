//! The world: what all parts share, the parts, and the one loop that steps them.
//!
//! ```text
//!   schedule(seed) ─► Action ─► perform ─► packets that are due, one by one ─► the platform's turn ─► every invariant
//!                        └─ (part, what, draw): data, so that a schedule can be cut down and played again
//! ```
//! A system joins with one [`Part`]: its actors, its actions with weights, its invariants.
//!
//! **Invariant:** what an action draws depends on its own `draw` and on the state of the world, never on the actions that were left out.
use crate::network::{Network, Node, PLATFORM, Packet};
use crate::platform::{Platform, Tag};
use crate::rng::Rng;
use crate::tally::{Broken, Held, Tally};
use symbolon_machine::Answer;
use symbolon_types::{Secret, UnixMs};

/// When every world begins, in Unix milliseconds.
const START_MS: u64 = 1_800_000_000_000;

/// Rounds in which a calm world must come to rest.
const ROUNDS_MAX: usize = 60;

/// Bugs that a test plants in the world, never in the product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Planted {
    /// The log's disk acknowledges syncs that it does not do.
    pub danger_sync_lies: bool,
    /// The edge credits a payee without checking that the object was made for it.
    pub danger_credit_unchecked: bool,
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    /// The place of its part in the world.
    pub part: usize,
    /// Its name among that part's actions.
    pub what: &'static str,
    /// What all chance in it is drawn from.
    pub draw: u64,
}

/// What all parts share.
pub struct Common {
    /// Chance: of the present action.
    pub rng: Rng,
    /// The true time, in Unix milliseconds.
    pub now_ms: u64,
    /// The network.
    pub network: Network,
    /// The platform.
    pub platform: Platform,
    /// What is counted.
    pub tally: Tally,
    /// Bugs planted by a test.
    pub planted: Planted,
    /// All parties that the network knows.
    pub nodes: Vec<Node>,
    /// The time to which the world moves on after the present action.
    until_ms: u64,
    /// The place of the part that acts.
    part: usize,
}

impl Common {
    /// Sends a packet.
    pub fn send(&mut self, from: Node, to: Node, kind: u8, id: u64, bytes: Vec<u8>) {
        let packet = Packet { part: self.part, from, to, kind, id, bytes };
        self.network.send(&mut self.rng, &mut self.tally, self.now_ms, packet);
    }

    /// The tag of a submission of the part that acts.
    #[must_use]
    pub fn tag(&self, number: u64) -> Tag {
        (self.part, number)
    }

    /// The true time.
    #[must_use]
    pub fn now(&self) -> UnixMs {
        UnixMs(self.now_ms)
    }

    /// Lets time pass after the present action.
    pub fn wait(&mut self, ms: u64) {
        self.until_ms = self.until_ms.max(self.now_ms.saturating_add(ms));
    }

    /// Checks an invariant and counts it.
    ///
    /// # Errors
    /// [`Broken`] when it does not hold.
    pub fn check(&mut self, invariant: &'static str, holds: bool, detail: impl FnOnce() -> String) -> Held {
        self.tally.check(invariant, holds, detail)
    }
}

/// One system's part of the world: its actors, their actions, their invariants.
pub trait Part {
    /// The system's name, as everywhere.
    fn name(&self) -> &'static str;

    /// Its actions and how often each comes, relative to all others.
    fn actions(&self) -> &'static [(&'static str, u64)];

    /// Opens what must be there before anything happens: in a calm world, commands straight to the platform.
    ///
    /// # Errors
    /// [`Broken`].
    fn found(&mut self, world: &mut Common) -> Held;

    /// Does one of its actions. One for which nothing is there to be done does nothing.
    ///
    /// # Errors
    /// [`Broken`]; so for all below.
    fn act(&mut self, world: &mut Common, what: &'static str) -> Held;

    /// A packet of this part arrives.
    ///
    /// # Errors
    /// [`Broken`].
    fn deliver(&mut self, world: &mut Common, packet: Packet) -> Held;

    /// The platform answers a submission of this part, or the writer has refused it.
    ///
    /// # Errors
    /// [`Broken`].
    fn answered(&mut self, world: &mut Common, number: u64, answer: Answer) -> Held;

    /// The platform went down: what it had not answered it never will.
    fn platform_lost(&mut self);

    /// Every invariant that can be checked at any moment.
    ///
    /// # Errors
    /// [`Broken`].
    fn check(&mut self, world: &mut Common) -> Held;

    /// In a calm world, leads on what is open. Whether anything still is.
    ///
    /// # Errors
    /// [`Broken`].
    fn lead_on(&mut self, world: &mut Common) -> Result<bool, Broken>;

    /// How long it takes until everything that can fall due has, in milliseconds.
    fn horizon_ms(&self) -> u64;

    /// What must be true once everything has fallen due.
    ///
    /// # Errors
    /// [`Broken`].
    fn at_rest(&mut self, world: &mut Common) -> Held;
}

/// The world.
pub struct World {
    /// What all share.
    pub common: Common,
    parts: Vec<Box<dyn Part>>,
}

impl World {
    /// A founded world: its platform runs, its parts have opened what they need, nothing is under way.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn new(seed: u64, planted: Planted, parts: Vec<Box<dyn Part>>) -> Result<Self, Box<(Self, Broken)>> {
        let mut rng = Rng::new(seed);
        let platform = Platform::new(&Secret::new(rng.bytes32()));
        let common = Common {
            rng,
            now_ms: START_MS,
            network: Network::default(),
            platform,
            tally: Tally::default(),
            planted,
            nodes: vec![PLATFORM],
            until_ms: START_MS,
            part: 0,
        };
        let mut world = Self { common, parts };
        match world.found() {
            Ok(()) => Ok(world),
            Err(broken) => Err(Box::new((world, broken))),
        }
    }

    fn found(&mut self) -> Held {
        self.common.platform.tell_time(self.common.now_ms);
        self.common.platform.start(&mut self.common.tally)?;
        for part in 0..self.parts.len() {
            self.with(part, |part, common| part.found(common))?;
        }
        self.rest()?;
        if self.common.planted.danger_sync_lies {
            self.common.platform.disk.danger_lie();
        }
        self.common.network.set_weather(crate::network::FAIR, u64::MAX);
        Ok(())
    }

    /// All actions with their weights.
    fn weighted(&self) -> Vec<(usize, &'static str, u64)> {
        let of = |(part, actions): (usize, &'static [(&'static str, u64)])| {
            actions.iter().map(move |(what, weight)| (part, *what, *weight)).collect::<Vec<_>>()
        };
        self.parts.iter().map(|part| part.actions()).enumerate().flat_map(of).collect()
    }

    /// The schedule of a seed.
    #[must_use]
    pub fn schedule(&self, seed: u64, steps: usize) -> Vec<Action> {
        let weighted = self.weighted();
        let sum = weighted.iter().map(|(_, _, weight)| weight).sum();
        let mut rng = Rng::new(seed ^ 0xAC71_0A5C_4ED0_1E00);
        let mut action = || {
            let mut at = rng.below(sum);
            let found = weighted.iter().find(|(_, _, weight)| {
                let here = at < *weight;
                at = at.saturating_sub(*weight);
                here
            });
            found.map(|(part, what, _)| Action { part: *part, what, draw: rng.draw() })
        };
        (0..steps).filter_map(|_| action()).collect()
    }

    /// Performs one action and all that comes of it in the same stretch of time.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn step(&mut self, action: Action) -> Held {
        self.common.rng = Rng::new(action.draw);
        self.common.tally.note(|| format!("── {} {}", self.parts[action.part].name(), action.what));
        let dt = self.common.rng.below(1000);
        self.common.until_ms = self.common.now_ms + dt;
        // Somebody looks after the platform: it is never down for long.
        if !self.common.platform.is_up() && self.common.rng.chance(1, 3) {
            crate::nature::start(&mut self.common)?;
        }
        self.with(action.part, |part, common| part.act(common, action.what))?;
        self.turn()?;
        self.check()?;
        self.pass()
    }

    /// Moves on to the time that was set: whatever arrives until then arrives.
    fn pass(&mut self) -> Held {
        while let Some((at, packet)) =
            self.common.network.arrives(&mut self.common.tally, self.common.until_ms)
        {
            self.common.now_ms = self.common.now_ms.max(at);
            self.with(packet.part, |part, common| part.deliver(common, packet))?;
            if self.common.rng.chance(1, 2) {
                self.turn()?;
            }
            self.check()?;
        }
        self.common.now_ms = self.common.now_ms.max(self.common.until_ms);
        self.turn()?;
        self.check()
    }

    /// One turn of the platform, and its answers to whom they belong.
    fn turn(&mut self) -> Held {
        self.common.platform.tell_time(self.common.now_ms);
        let answers = self.common.platform.turn(&mut self.common.tally)?;
        for ((part, number), answer) in answers {
            self.with(part, |part, common| part.answered(common, number, answer))?;
        }
        if !self.common.platform.is_up() {
            self.parts.iter_mut().for_each(|part| part.platform_lost());
        }
        Ok(())
    }

    fn check(&mut self) -> Held {
        (0..self.parts.len()).try_for_each(|part| self.with(part, |part, common| part.check(common)))
    }

    fn with<R>(&mut self, part: usize, act: impl FnOnce(&mut dyn Part, &mut Common) -> R) -> R {
        self.common.part = part;
        act(self.parts[part].as_mut(), &mut self.common)
    }

    /// Leads everything on, in a calm world, until nothing is open.
    fn rest(&mut self) -> Held {
        let mut quiet = 0;
        for _ in 0..ROUNDS_MAX {
            let mut open = false;
            for part in 0..self.parts.len() {
                open |= self.with(part, |part, common| part.lead_on(common))?;
            }
            while let Some(last) = self.common.network.last_arrival() {
                self.common.until_ms = last;
                self.pass()?;
            }
            self.common.until_ms = self.common.now_ms + 60_000;
            self.pass()?;
            // Twice: what arrived in this round may have to be led on in the next.
            quiet = if open { 0 } else { quiet + 1 };
            if quiet == 2 {
                return Ok(());
            }
        }
        Err(Broken {
            invariant: "comes-to-rest",
            detail: format!("something is open after {ROUNDS_MAX} rounds"),
        })
    }

    /// Faults stop, the network heals, everybody leads on; then time passes until all that can fall due has.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn settle(&mut self, draw: u64) -> Held {
        self.common.rng = Rng::new(draw);
        self.common.tally.note(|| "── faults stop".into());
        self.common.network.calm();
        self.common.platform.heal();
        self.common.platform.start(&mut self.common.tally)?;
        self.rest()?;
        self.common.check("comes-to-rest", true, String::new)?;
        let horizon = self.parts.iter().map(|part| part.horizon_ms()).max().unwrap_or(0);
        self.common.until_ms = self.common.now_ms.max(self.common.platform.at_ms()) + horizon;
        self.pass()?;
        for _ in 0..10 {
            self.turn()?;
        }
        self.check()?;
        for part in 0..self.parts.len() {
            self.with(part, |part, common| part.at_rest(common))?;
        }
        self.common.platform.verify(&mut self.common.tally)
    }
}
