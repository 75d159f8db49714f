//! The engine: two sides in alternating slices, and the medians of what they did.
//!
//! ```text
//!   slice:  [ready] run  [ready] run  …  until the runs have taken the slice's time; only runs are on the clock
//! ```
//! **Invariant:** a pair's ratio is of two neighbouring slices; the row's ratio is the median of its pairs' ratios, never the ratio of medians.
use nix::time::{ClockId, clock_gettime};
use std::fmt;
use std::time::{Duration, Instant};
use symbolon_keys::CryptoError;
use symbolon_log::LogError;
use symbolon_machine::MachineError;
use symbolon_types::{CoreRefusal, Hash, Refused};

/// The least time of one slice.
pub const SLICE: Duration = Duration::from_millis(200);
/// The fewest pairs of a row.
pub const PAIRS_MIN: u32 = 9;

/// Why a row has no figures.
#[derive(Debug)]
pub enum Trouble {
    /// The two sides did not give the same result.
    Differ,
    /// A file of the limit, or the folder.
    Io(std::io::Error),
    /// Our log.
    Log(LogError),
    /// Our machine.
    Machine(MachineError),
    /// Something refused what it must take.
    Refused(Refused),
    /// The clock cannot be read, or a side did nothing.
    Unmeasurable,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differ => f.write_str("ours and the limit did not give the same result"),
            Self::Io(error) => error.fmt(f),
            Self::Log(error) => write!(f, "log: {error}"),
            Self::Machine(error) => error.fmt(f),
            Self::Refused(refused) => refused.fmt(f),
            Self::Unmeasurable => f.write_str("nothing could be measured"),
        }
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<LogError> for Trouble {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl From<MachineError> for Trouble {
    fn from(error: MachineError) -> Self {
        Self::Machine(error)
    }
}

impl From<CryptoError> for Trouble {
    fn from(_: CryptoError) -> Self {
        Self::Refused(CoreRefusal::BadSignature.refused())
    }
}

/// One side of a row.
pub trait Side {
    /// What has to be there before a run; not on the clock.
    ///
    /// # Errors
    /// [`Trouble`].
    fn ready(&mut self) -> Result<(), Trouble> {
        Ok(())
    }

    /// Some work; the units done.
    ///
    /// # Errors
    /// [`Trouble`].
    fn run(&mut self) -> Result<u32, Trouble>;

    /// What the last run gave: the other side's must be equal.
    ///
    /// # Errors
    /// [`Trouble`].
    fn result(&mut self) -> Result<Hash, Trouble>;
}

/// The two sides of a row.
pub struct Sides {
    /// Ours.
    pub ours: Box<dyn Side>,
    /// What the machine could do.
    pub limit: Box<dyn Side>,
}

/// What a slice is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The time that passed: for whatever waits for a disk.
    Wall,
    /// The time that this thread was on a processor.
    ThreadCpu,
}

impl Clock {
    /// How long `work` took.
    fn time<R>(self, work: impl FnOnce() -> R) -> Result<(Duration, R), Trouble> {
        match self {
            Self::Wall => {
                let start = Instant::now();
                let done = work();
                Ok((start.elapsed(), done))
            }
            Self::ThreadCpu => {
                let start = thread_cpu()?;
                let done = work();
                Ok((thread_cpu()?.saturating_sub(start), done))
            }
        }
    }
}

fn thread_cpu() -> Result<Duration, Trouble> {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).map_err(|_| Trouble::Unmeasurable)
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Pairs of slices.
    pub pairs: u32,
    /// The least time of each slice.
    pub slice: Duration,
}

impl Plan {
    /// As many pairs as fit, at least [`PAIRS_MIN`].
    #[must_use]
    pub fn of_seconds(seconds: f64) -> Self {
        let mut pairs = PAIRS_MIN;
        while (Self { pairs: pairs + 1, slice: SLICE }).seconds() <= seconds {
            pairs += 1;
        }
        Self { pairs, slice: SLICE }
    }

    /// What the slices take; making the sides, the warm-up and what is not on the clock come on top.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        (self.slice * 2 * self.pairs).as_secs_f64()
    }
}

/// What a row has shown.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Units of ours in a second, the median of the slices.
    pub ours: f64,
    /// Units of the limit in a second.
    pub limit: f64,
    /// The median of the pairs' ratios.
    pub ratio: f64,
    /// How long each run of ours took, sorted.
    runs: Vec<Duration>,
}

impl Figures {
    /// The time of a single run of ours that so many per cent do not exceed (nearest rank), in µs.
    #[must_use]
    pub fn percentile_us(&self, percent: usize) -> Option<f64> {
        let rank = (self.runs.len() * percent).div_ceil(100);
        self.runs.get(rank.saturating_sub(1)).map(|run| run.as_secs_f64() * 1e6)
    }
}

/// Measures a row: a pair to warm up, then the plan's.
///
/// # Errors
/// [`Trouble::Differ`] when the sides do not agree; whatever trouble a side has.
pub fn measure(sides: &mut Sides, plan: &Plan, clock: Clock) -> Result<Figures, Trouble> {
    let mut runs = Vec::new();
    slice(&mut *sides.ours, plan, clock, &mut runs)?;
    slice(&mut *sides.limit, plan, clock, &mut Vec::new())?;
    agree(sides)?;
    runs.clear();
    let (mut ours, mut limit) = (Vec::new(), Vec::new());
    for _ in 0..plan.pairs {
        ours.push(slice(&mut *sides.ours, plan, clock, &mut runs)?);
        limit.push(slice(&mut *sides.limit, plan, clock, &mut Vec::new())?);
    }
    agree(sides)?;
    runs.sort_unstable();
    let ratios = ours.iter().zip(&limit).map(|(ours, limit)| ours / limit).collect();
    Ok(Figures { ours: median(ours)?, limit: median(limit)?, ratio: median(ratios)?, runs })
}

/// Units in a second of one slice.
fn slice(side: &mut dyn Side, plan: &Plan, clock: Clock, runs: &mut Vec<Duration>) -> Result<f64, Trouble> {
    let (mut units, mut taken) = (0.0, Duration::ZERO);
    while taken < plan.slice {
        side.ready()?;
        let (time, done) = clock.time(|| side.run())?;
        let done = done?;
        if done == 0 {
            return Err(Trouble::Unmeasurable);
        }
        units += f64::from(done);
        taken += time;
        runs.push(time);
    }
    Ok(units / taken.as_secs_f64())
}

fn agree(sides: &mut Sides) -> Result<(), Trouble> {
    if sides.ours.result()? == sides.limit.result()? { Ok(()) } else { Err(Trouble::Differ) }
}

/// The middle one, or the mean of the middle two.
fn median(mut values: Vec<f64>) -> Result<f64, Trouble> {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2).ok_or(Trouble::Unmeasurable)?;
    let lower = values.get((values.len() - 1) / 2).ok_or(Trouble::Unmeasurable)?;
    Ok(f64::midpoint(*lower, *upper))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    /// Waits, counts, and says what it was told to say.
    struct Fake {
        name: char,
        unit_ms: u64,
        units: u32,
        results: Vec<u8>,
        heard: Rc<RefCell<String>>,
    }

    impl Side for Fake {
        fn ready(&mut self) -> Result<(), Trouble> {
            // Longer than a slice: it would show if it were on the clock.
            std::thread::sleep(Duration::from_millis(4));
            Ok(())
        }
        fn run(&mut self) -> Result<u32, Trouble> {
            self.heard.borrow_mut().push(self.name);
            std::thread::sleep(Duration::from_millis(self.unit_ms));
            Ok(self.units)
        }
        fn result(&mut self) -> Result<Hash, Trouble> {
            Ok(Hash([self.results.remove(0); 32]))
        }
    }

    const PLAN: Plan = Plan { pairs: 3, slice: Duration::from_millis(3) };

    fn run(units: (u32, u32), results: [[u8; 2]; 2]) -> (Result<Figures, Trouble>, String) {
        let heard = Rc::new(RefCell::new(String::new()));
        let fake = |name, units, results: [u8; 2]| {
            Box::new(Fake { name, unit_ms: 3, units, results: results.to_vec(), heard: Rc::clone(&heard) })
        };
        let mut sides = Sides { ours: fake('o', units.0, results[0]), limit: fake('l', units.1, results[1]) };
        let figures = measure(&mut sides, &PLAN, Clock::Wall);
        let heard = heard.borrow().clone();
        (figures, heard)
    }

    #[test]
    fn slices_alternate_after_a_warm_up_and_only_runs_are_on_the_clock() {
        let (figures, heard) = run((30, 60), [[1, 2], [1, 2]]);
        let figures = figures.unwrap();
        assert_eq!(heard, "olololol");
        assert!((0.25..1.0).contains(&figures.ratio), "{}", figures.ratio);
        assert!(figures.ours <= 10_000.0 && figures.limit <= 20_000.0, "no run is shorter than 3 ms");
        assert!(figures.percentile_us(50).unwrap() >= 3000.0);
        assert_eq!(figures.runs.len(), 3, "the warm-up does not count");
    }

    #[test]
    fn sides_that_differ_fail_the_row_before_and_after() {
        for ours in [[1, 2], [9, 2], [1, 9]] {
            let (figures, heard) = run((1, 1), [ours, [1, 2]]);
            match (ours, figures) {
                ([1, 2], Ok(_)) => assert_eq!(heard.len(), 8),
                ([9, 2], Err(Trouble::Differ)) => assert_eq!(heard.len(), 2, "nothing is measured"),
                ([1, 9], Err(Trouble::Differ)) => assert_eq!(heard.len(), 8),
                (ours, figures) => panic!("{ours:?}: {figures:?}"),
            }
        }
    }

    #[test]
    fn a_side_that_does_nothing_has_no_figures() {
        assert!(matches!(run((0, 1), [[1, 2], [1, 2]]).0, Err(Trouble::Unmeasurable)));
    }

    #[test]
    fn a_median_is_the_middle() {
        let of = |values: &[f64]| median(values.to_vec()).map(f64::to_bits).ok();
        assert_eq!(of(&[3.0, 1.0, 100.0]), Some(3.0f64.to_bits()));
        assert_eq!(of(&[4.0, 1.0, 2.0, 100.0]), Some(3.0f64.to_bits()));
        assert_eq!(of(&[7.0]), Some(7.0f64.to_bits()));
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let runs = (1..=200).map(Duration::from_micros).collect();
        let figures = Figures { ours: 1.0, limit: 1.0, ratio: 1.0, runs };
        let at = |percent| figures.percentile_us(percent).map(|us| us.round().to_bits());
        assert_eq!((at(50), at(99)), (Some(100.0f64.to_bits()), Some(198.0f64.to_bits())));
        assert_eq!(Figures { runs: Vec::new(), ..figures }.percentile_us(50), None);
    }

    #[test]
    fn a_plan_has_nine_pairs_or_more() {
        assert_eq!(Plan::of_seconds(0.1).pairs, 9);
        assert_eq!(Plan::of_seconds(4.0).pairs, 10);
        assert_eq!(Plan::of_seconds(8.0).pairs, 20);
    }

    #[test]
    fn the_thread_clock_stands_while_the_thread_sleeps() {
        let (slept, ()) = Clock::ThreadCpu.time(|| std::thread::sleep(Duration::from_millis(30))).unwrap();
        assert!(slept < Duration::from_millis(20), "{slept:?}");
        let mut sum = 0u64;
        let work = || (0..3_000_000u64).for_each(|n| sum = std::hint::black_box(sum ^ n));
        assert!(Clock::ThreadCpu.time(work).unwrap().0 > Duration::from_micros(100));
    }
}
