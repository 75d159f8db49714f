//! `symbolon sim`: the whole world on one seed, or on many one after the other. A seed that fails is cut down to the actions that it needs.
use crate::args::number;
use crate::report::{Failure, Outcome, Report};
use lexopt::Arg::Long;
use serde_json::{Value, json};
use std::fmt::Write;
use std::thread;
use symbolon_sim::{Counts, Planted, Report as Run, STEPS_USUAL, run, shrunk};
use symbolon_types::CoreRefusal;

/// The most steps of one run.
const STEPS_MAX: usize = 100_000;

/// What is asked for.
struct Asked {
    seed: u64,
    count: u64,
    steps: usize,
}

/// What all seeds together gave; the first that failed ends it.
#[derive(Default)]
struct Summed {
    seeds: u64,
    faults: Counts,
    actions: Counts,
    refusals: Counts,
    invariants: Counts,
    failed: Option<Run>,
}

/// Runs the command. Where the answer is for people, a failure is told in full before it is summed up.
pub fn run_command(parser: lexopt::Parser, json: bool) -> Outcome {
    let asked = read(parser)?;
    let summed = run_all(&asked);
    match &summed.failed {
        None => Ok(Report { json: answer(&asked, &summed), text: text(&asked, &summed) }),
        Some(failed) => {
            let (story, more) = told(&asked, &summed, failed);
            if !json {
                eprintln!("{story}");
            }
            Err(Failure::Refused { refused: CoreRefusal::StepFailed.refused(), more })
        }
    }
}

fn read(mut parser: lexopt::Parser) -> Result<Asked, Failure> {
    let (mut seed, mut count, mut steps) = (None, 1, STEPS_USUAL);
    while let Some(arg) = parser.next()? {
        match arg {
            Long("seed") => seed = Some(number("--seed", parser.value()?)?),
            Long("count") => count = number("--count", parser.value()?)?,
            Long("steps") => steps = number("--steps", parser.value()?)?,
            other => return Err(other.unexpected().into()),
        }
    }
    let seed: u64 = seed.ok_or_else(|| Failure::Misuse("--seed N is missing".into()))?;
    if count == 0 || seed.checked_add(count).is_none() || steps > STEPS_MAX {
        return Err(Failure::Misuse(format!("--count is at least 1, --steps at most {STEPS_MAX}")));
    }
    Ok(Asked { seed, count, steps })
}

/// All seeds, a stretch at a time on all cores; summed in the order of the seeds, so that the answer is the same on every machine.
fn run_all(asked: &Asked) -> Summed {
    let cores = thread::available_parallelism().map_or(1, |cores| u64::try_from(cores.get()).unwrap_or(1));
    let (mut summed, mut next) = (Summed::default(), asked.seed);
    let end = asked.seed.saturating_add(asked.count);
    while next < end && summed.failed.is_none() {
        let stretch: Vec<u64> = (next..end.min(next.saturating_add(cores * 8))).collect();
        next = next.saturating_add(cores * 8);
        let mut runs: Vec<Run> = thread::scope(|scope| {
            let share = stretch.len().div_ceil(usize::try_from(cores).unwrap_or(1)).max(1);
            let shares = stretch.chunks(share).map(|seeds| {
                scope.spawn(|| seeds.iter().map(|seed| run(*seed, asked.steps)).collect::<Vec<_>>())
            });
            let shares: Vec<_> = shares.collect();
            shares.into_iter().flat_map(|share| share.join().unwrap_or_default()).collect()
        });
        if runs.len() < stretch.len() {
            // A run ended in a panic: once more here, where it says which seed it is.
            runs = stretch.iter().map(|seed| run(*seed, asked.steps)).collect();
        }
        runs.into_iter().for_each(|run| summed.add(run));
    }
    summed
}

impl Summed {
    fn add(&mut self, run: Run) {
        if self.failed.is_some() {
            return;
        }
        self.seeds += 1;
        let parts = [
            (&mut self.faults, &run.faults),
            (&mut self.actions, &run.actions),
            (&mut self.refusals, &run.refusals),
            (&mut self.invariants, &run.invariants),
        ];
        for (sum, part) in parts {
            part.iter().for_each(|(name, count)| *sum.entry(name).or_default() += count);
        }
        if !run.ok() {
            self.failed = Some(run);
        }
    }
}

fn answer(asked: &Asked, summed: &Summed) -> Value {
    let mut answer = json!({
        "seed": asked.seed, "steps": asked.steps, "ok": summed.failed.is_none(),
        "faults": summed.faults, "invariants": summed.invariants,
        "actions": summed.actions, "refusals": summed.refusals,
    });
    if let Some(answer) = answer.as_object_mut().filter(|_| asked.count > 1) {
        answer.insert("seeds".into(), summed.seeds.into());
    }
    answer
}

fn text(asked: &Asked, summed: &Summed) -> String {
    let sum = |counts: &Counts| counts.values().sum::<u64>();
    let mut text = format!(
        "{} seed(s) from {}, {} steps each: {} faults, {} refusals, {} checks of {} invariants, all held\n",
        summed.seeds,
        asked.seed,
        asked.steps,
        sum(&summed.faults),
        sum(&summed.refusals),
        sum(&summed.invariants),
        summed.invariants.len()
    );
    for (title, counts) in [("faults", &summed.faults), ("invariants", &summed.invariants)] {
        let _ = writeln!(text, "\n{title}");
        for (name, count) in counts {
            let _ = writeln!(text, "  {count:>8}  {name}");
        }
    }
    text
}

/// A failure for people, and what it adds to the answer for programs.
fn told(asked: &Asked, summed: &Summed, failed: &Run) -> (String, Value) {
    let mut more = answer(asked, summed);
    let Some(failure) = &failed.failure else { return (String::new(), more) };
    let mut story = format!(
        "seed {} breaks `{}` at step {}: {}\n",
        failed.seed, failure.invariant, failure.step, failure.detail
    );
    let mut needed = Vec::new();
    let mut trace = failure.trace.clone();
    if let Some(least) = shrunk(failed.seed, asked.steps, Planted::default()) {
        let line = |(at, action): &(usize, symbolon_sim::Action)| format!("step {at}: {}", action.what);
        needed = least.actions.iter().map(line).collect();
        trace = least.report.failure.map_or(trace, |failure| failure.trace);
    }
    let _ = writeln!(story, "\nthe actions that it needs:\n  {}", needed.join("\n  "));
    let _ = writeln!(story, "\nwhat happened last when only these are done:\n  {}", trace.join("\n  "));
    let _ = writeln!(story, "\nagain: symbolon sim --seed {} --steps {}", failed.seed, asked.steps);
    let failure = json!({
        "seed": failed.seed, "step": failure.step, "invariant": failure.invariant, "detail": failure.detail,
        "needs": needed, "trace": trace,
    });
    if let Some(more) = more.as_object_mut() {
        more.insert("failure".into(), failure);
    }
    (story, more)
}
