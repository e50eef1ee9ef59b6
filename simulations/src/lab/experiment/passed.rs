//! How much simulated time has passed in the runs of an experiment, for whoever waits for them.
//!
//! **Invariant:** nothing of a run depends on it; a run that has ended, however it did, has passed all of its time.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, Ordering},
};

const NANOS_PER_MILLI: u64 = 1_000_000;

/// The simulated time of all runs of an experiment, on however many threads they are made.
#[derive(Debug, Default)]
pub struct SimulatedTime(AtomicU64);

/// That of one run.
#[derive(Debug)]
pub(super) struct RunTime<'a> {
    all: &'a SimulatedTime,
    horizon_ms: u64,
    told_ms: Cell<u64>,
}

impl SimulatedTime {
    /// How much has passed in all runs together, in milliseconds.
    #[must_use]
    pub fn millis(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// How much a run of this length is counted as, in milliseconds.
    #[must_use]
    pub fn of_run(horizon: u64) -> u64 {
        horizon / NANOS_PER_MILLI
    }
}

impl<'a> RunTime<'a> {
    /// Begins with a run until this horizon.
    pub(super) fn begin(all: &'a SimulatedTime, horizon: u64) -> Self {
        Self { all, horizon_ms: SimulatedTime::of_run(horizon), told_ms: Cell::new(0) }
    }

    /// So much of the run has passed, in nanoseconds.
    pub(super) fn note(&self, nanos: u64) {
        self.reach(nanos / NANOS_PER_MILLI);
    }

    fn reach(&self, passed_ms: u64) {
        let passed_ms = passed_ms.min(self.horizon_ms);
        if let Some(more) = passed_ms.checked_sub(self.told_ms.get()) {
            self.told_ms.set(passed_ms);
            self.all.0.fetch_add(more, Ordering::Relaxed);
        }
    }
}

impl Drop for RunTime<'_> {
    fn drop(&mut self) {
        self.reach(self.horizon_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_passed_of_each_run_adds_up_and_one_that_ended_has_passed_whole() {
        let all = SimulatedTime::default();
        let (one, other) = (RunTime::begin(&all, 10_000_000), RunTime::begin(&all, 20_000_000));
        one.note(4_999_999);
        other.note(7_000_000);
        assert_eq!(all.millis(), 4 + 7);
        one.note(3_000_000);
        assert_eq!(all.millis(), 4 + 7, "time never goes back");
        one.note(90_000_000);
        assert_eq!(all.millis(), 10 + 7, "what comes after the horizon is not counted");
        drop(other);
        drop(one);
        assert_eq!(all.millis(), 10 + 20);
    }
}
