//! A run of a seed: its schedule performed, its report, and the smallest part of the schedule that still fails.
use crate::nature::Nature;
use crate::offline_payment::OfflinePayment;
use crate::shrink::shrink;
use crate::tally::{Broken, Counts, Tally};
use crate::world::{Action, Part, Planted, World};

/// Steps of a run unless told otherwise.
pub const STEPS_USUAL: usize = 200;

/// What broke, where, and what happened last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The step, from 0; the number of steps where it broke after the last one.
    pub step: usize,
    /// The invariant.
    pub invariant: &'static str,
    /// What was found.
    pub detail: String,
    /// The last lines of what happened.
    pub trace: Vec<String>,
}

/// What a run found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// Steps performed.
    pub steps: usize,
    /// Faults that came true, by name.
    pub faults: Counts,
    /// Actions that did something, by name.
    pub actions: Counts,
    /// Refusals that were given, by name.
    pub refusals: Counts,
    /// Invariants that were checked and held, by name.
    pub invariants: Counts,
    /// What broke, if anything did.
    pub failure: Option<Failure>,
}

impl Report {
    /// Whether everything held.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.failure.is_none()
    }

    fn of(seed: u64, steps: usize, tally: &Tally, broken: Option<Broken>) -> Self {
        let failure = broken.map(|Broken { invariant, detail }| Failure {
            step: steps,
            invariant,
            detail,
            trace: tally.trace(),
        });
        let Tally { faults, actions, refusals, invariants, .. } = tally.clone();
        Self { seed, steps, faults, actions, refusals, invariants, failure }
    }
}

/// A schedule that fails and no longer does with any one action less, and its report.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// Places in the schedule of the seed, and the actions there.
    pub actions: Vec<(usize, Action)>,
    /// What it reports: the same invariant broken.
    pub report: Report,
}

/// The parts of the world: a system joins by its line here.
fn parts() -> Vec<Box<dyn Part>> {
    vec![Box::<Nature>::default(), Box::<OfflinePayment>::default()]
}

/// The names of all actions that can be drawn.
#[must_use]
pub fn actions() -> Vec<&'static str> {
    parts().iter().flat_map(|part| part.actions()).map(|(what, _)| *what).collect()
}

/// Every action that can be drawn, with the place of its part: what a schedule is made of.
#[must_use]
pub fn every_action() -> Vec<(usize, &'static str)> {
    let mut every = Vec::new();
    for (at, part) in parts().iter().enumerate() {
        every.extend(part.actions().iter().map(|(what, _)| (at, *what)));
    }
    every
}

/// Runs a seed for so many steps, and then until everything rests.
#[must_use]
pub fn run(seed: u64, steps: usize) -> Report {
    run_with(seed, steps, Planted::default())
}

/// As [`run`], in a world with planted bugs.
#[must_use]
pub fn run_with(seed: u64, steps: usize, planted: Planted) -> Report {
    match World::new(seed, planted, parts()) {
        Ok(world) => {
            let schedule = world.schedule(seed, steps);
            perform(seed, world, &schedule)
        }
        Err(failed) => Report::of(seed, 0, &failed.0.common.tally, Some(failed.1)),
    }
}

/// Plays these actions in the world of this seed.
#[must_use]
pub fn play(seed: u64, planted: Planted, actions: &[Action]) -> Report {
    match World::new(seed, planted, parts()) {
        Ok(world) => perform(seed, world, actions),
        Err(failed) => Report::of(seed, 0, &failed.0.common.tally, Some(failed.1)),
    }
}

fn perform(seed: u64, mut world: World, actions: &[Action]) -> Report {
    for (step, action) in actions.iter().enumerate() {
        if let Err(broken) = world.step(*action) {
            return Report::of(seed, step, &world.common.tally, Some(broken));
        }
    }
    let broken = world.settle(seed).err();
    Report::of(seed, actions.len(), &world.common.tally, broken)
}

/// The smallest part of a failing seed's schedule that breaks the same invariant; `None` when the seed does not fail, or fails at once.
#[must_use]
pub fn shrunk(seed: u64, steps: usize, planted: Planted) -> Option<Shrunk> {
    let world = World::new(seed, planted, parts()).ok()?;
    let schedule: Vec<(usize, Action)> = world.schedule(seed, steps).into_iter().enumerate().collect();
    let first = perform(seed, world, &schedule.iter().map(|(_, action)| *action).collect::<Vec<_>>());
    let failure = first.failure?;
    let begin = schedule.into_iter().take(failure.step + 1).collect();
    let replay = |actions: &[(usize, Action)]| {
        let actions: Vec<Action> = actions.iter().map(|(_, action)| *action).collect();
        play(seed, planted, &actions)
    };
    let fails = |actions: &[(usize, Action)]| {
        replay(actions).failure.is_some_and(|found| found.invariant == failure.invariant)
    };
    let actions = shrink(begin, fails);
    let report = replay(&actions);
    Some(Shrunk { actions, report })
}
