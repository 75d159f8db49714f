//! Time as this machine has it. Systems take it as an argument; this is the only place of the device side that reads a clock.
use std::{
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use symbolon_types::UnixMs;

/// The wall clock. Anyone with the machine can set it, so it never decides what a grant is worth; see [`Ticks`].
#[must_use]
pub fn wall() -> UnixMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Milliseconds since a start; they neither stop nor go back while the process lives.
#[derive(Clone, Copy, Debug)]
pub struct Ticks(Instant);

impl Ticks {
    /// Starts at 0 ms.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Milliseconds since the start.
    #[must_use]
    pub fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A moment up to which something is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    ticks: Ticks,
    after: Duration,
}

impl Deadline {
    /// `after` from now.
    #[must_use]
    pub fn after(after: Duration) -> Self {
        Self { ticks: Ticks::start(), after }
    }

    /// What is left; `None` when it has passed.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        self.after.checked_sub(self.ticks.0.elapsed()).filter(|left| !left.is_zero())
    }

    /// Sleeps for `pause` or what is left; false when it has passed.
    #[must_use]
    pub fn pause(&self, pause: Duration) -> bool {
        let Some(left) = self.left() else { return false };
        thread::sleep(pause.min(left));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_rise_with_time_and_the_wall_clock_is_of_this_century() {
        let (ticks, wall_before) = (Ticks::start(), wall());
        thread::sleep(Duration::from_millis(20));
        assert!((20..5_000).contains(&ticks.elapsed_ms()));
        assert!(wall_before.0 > 1_700_000_000_000 && wall_before.0 < 4_102_444_800_000, "from 2023 to 2100");
        assert!(wall() >= wall_before.plus_ms(19));
    }

    #[test]
    fn a_deadline_passes() {
        let deadline = Deadline::after(Duration::from_millis(30));
        assert!(deadline.left().is_some());
        assert!(deadline.pause(Duration::from_secs(60)), "sleeps no longer than is left");
        assert_eq!(deadline.left(), None);
        assert!(!deadline.pause(Duration::from_secs(60)));
    }
}
