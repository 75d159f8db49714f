//! What a run counts, by name, and its last words.
use std::collections::{BTreeMap, VecDeque};
use symbolon_types::Refused;

/// Lines that are kept of what happened last.
const TRACE_MAX: usize = 40;

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its name.
    pub invariant: &'static str,
    /// What was found.
    pub detail: String,
}

/// Whether everything held.
pub type Held = Result<(), Broken>;

/// Counts by name.
pub type Counts = BTreeMap<&'static str, u64>;

/// The counts of one run.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Faults that came true.
    pub faults: Counts,
    /// Actions that did something.
    pub actions: Counts,
    /// Invariants that were checked and held.
    pub invariants: Counts,
    /// Refusals that somebody gave.
    pub refusals: Counts,
    trace: VecDeque<String>,
}

impl Tally {
    /// A fault came true.
    pub fn fault(&mut self, name: &'static str) {
        *self.faults.entry(name).or_default() += 1;
        self.note(|| format!("fault: {name}"));
    }

    /// An action did something.
    pub fn action(&mut self, name: &'static str) {
        *self.actions.entry(name).or_default() += 1;
    }

    /// Somebody refused.
    pub fn refused(&mut self, refused: Refused) {
        *self.refusals.entry(refused.name).or_default() += 1;
        self.note(|| format!("refused: {}", refused.name));
    }

    /// Says what happened.
    pub fn note(&mut self, line: impl FnOnce() -> String) {
        if self.trace.len() == TRACE_MAX {
            self.trace.pop_front();
        }
        self.trace.push_back(line());
    }

    /// What happened last.
    #[must_use]
    pub fn trace(&self) -> Vec<String> {
        self.trace.iter().cloned().collect()
    }

    /// Checks an invariant and counts it.
    ///
    /// # Errors
    /// [`Broken`] when it does not hold.
    pub fn check(&mut self, invariant: &'static str, holds: bool, detail: impl FnOnce() -> String) -> Held {
        if !holds {
            return Err(Broken { invariant, detail: detail() });
        }
        *self.invariants.entry(invariant).or_default() += 1;
        Ok(())
    }
}
