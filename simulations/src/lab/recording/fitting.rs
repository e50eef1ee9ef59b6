//! Delays, runs and a disk by which a job that has the market for itself takes as long in the laboratory as one did among real
//! peers.
//!
//! Openings say how long a message takes, and what is left of the rest is the run. Where the run has no room for how much jobs
//! differ, the disk has a part in both: until its opening a job waits for four messages and four syncs, and from there to its
//! result for more messages and no more syncs, so that a disk explains openings that messages alone would make too late a result of.
//!
//! **Invariant:** of a recording nothing goes into it but jobs that had the market for themselves.

use super::{JobCourse, Recording, middle, quantile, simulated_alone};
use crate::lab::{
    experiment::ExperimentError,
    scenario::{Machines, Scenario},
};

/// Mean times of a message, or of a sync, in milliseconds, by which it is seen what one more costs.
const TRIED: [f64; 2] = [0.25, 10.25];
/// The least delay that is found, in milliseconds as well.
const DELAY_MIN: f64 = 0.05;
/// By how much of their mean delays differ from it at most.
const DELAY_SPREAD: f64 = 0.5;
/// The same of syncs: one that others have just asked for is over at once.
const SYNC_SPREAD: f64 = 1.0;
/// How much of a spread lies between its tenth and its ninetieth part.
const TENTH_TO_NINETIETH: f64 = 0.8;

/// What jobs take that have the market for themselves, in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
struct AloneTimes {
    /// Until one is opened, in the middle.
    opening: f64,
    /// From there to its result, in the middle.
    running: f64,
    /// Between a tenth and nine tenths of the latter.
    spread: f64,
}

impl AloneTimes {
    fn of(jobs: &[JobCourse]) -> Option<Self> {
        let [opening, running] = middle(jobs)?;
        let tail = |share| quantile(jobs.iter().filter_map(JobCourse::running), share);
        Some(Self { opening, running, spread: tail(0.9)? - tail(0.1)? })
    }

    /// Those of a scenario.
    fn simulated(scenario: &Scenario) -> Result<Self, ExperimentError> {
        simulated_alone(scenario).map(|jobs| Self::of(&jobs).unwrap_or_default())
    }

    fn middle(self) -> [f64; 2] {
        [self.opening, self.running]
    }

    /// Between these and others, or beyond, as far as this share of the way.
    fn towards(self, other: Self, share: f64) -> Self {
        let between = |one: f64, other: f64| one + share * (other - one);
        Self {
            opening: between(self.opening, other.opening),
            running: between(self.running, other.running),
            spread: between(self.spread, other.spread),
        }
    }
}

/// The scenario with delays, runs and, if need be, a disk by which a job that has the market for itself takes as long as one did
/// among real peers, or as nearly so as can be. Nothing else of a recording goes into it; nothing, if no such job was recorded.
///
/// # Errors
/// As [`simulated`](super::simulated).
pub fn fitted(scenario: &Scenario, recording: &Recording) -> Result<Option<Scenario>, ExperimentError> {
    let Some(recorded) = AloneTimes::of(&recording.alone) else { return Ok(None) };
    let instant = Scenario { machine: Machines { runs: [0; 2], ..scenario.machine }, ..scenario.clone() };
    let [low, high] = TRIED.map(|mean| AloneTimes::simulated(&delayed(&instant, mean)));
    let (mean, run) = nearest(recorded.middle(), low?.middle(), high?.middle());
    let half = half_of(recorded.spread);
    if run >= half {
        return Ok(Some(running(delayed(&instant, mean), run, half)));
    }
    by_disk(&instant, recorded).map(Some)
}

/// The same where runs have no room for what jobs differ by: of delays without a disk, and a disk with next to no delays, which both
/// have jobs opened in time, as much of each as the rest of a job asks for.
fn by_disk(instant: &Scenario, recorded: AloneTimes) -> Result<Scenario, ExperimentError> {
    let set = |delay: f64, sync: f64| synced(&delayed(instant, delay), sync);
    let [low, high] = TRIED.map(|delay| AloneTimes::simulated(&set(delay, 0.0)));
    let (delay, light) = opened_in(recorded.opening, low?, high?);
    let [low, high] = TRIED.map(|sync| AloneTimes::simulated(&set(DELAY_MIN, sync)));
    let (sync, heavy) = opened_in(recorded.opening, low?, high?);
    let by_time = part_of(recorded.running, light.running, heavy.running);
    let share = by_time.max(part_of_spread(recorded.spread, light.spread, heavy.spread)).clamp(0.0, 1.0);
    let set = set(delay.max(DELAY_MIN) * (1.0 - share) + DELAY_MIN * share, sync * share);
    let found = AloneTimes::simulated(&set)?;
    let run = (recorded.running - found.running).max(0.0);
    // What has nothing to do with each other adds up by its squares.
    let left = (recorded.spread * recorded.spread - found.spread * found.spread).max(0.0);
    Ok(running(set, run, half_of(libm::sqrt(left)).min(run)))
}

/// How long a message, or a sync, has to take for jobs to be opened in so many milliseconds, and what they take then.
fn opened_in(opening: f64, low: AloneTimes, high: AloneTimes) -> (f64, AloneTimes) {
    let length = TRIED[1] - TRIED[0];
    let found = (TRIED[0] + length * part_of(opening, low.opening, high.opening)).max(0.0);
    (found, low.towards(high, (found - TRIED[0]) / length))
}

/// How much of the way from one number to another it is to a third; none where there is no way.
fn part_of(wanted: f64, from: f64, to: f64) -> f64 {
    let part = (wanted - from) / (to - from);
    if part.is_finite() { part } else { 0.0 }
}

/// The same of spreads, which add up by their squares: how much of the second, with the rest of the first, is as wide.
fn part_of_spread(wanted: f64, first: f64, second: f64) -> f64 {
    if wanted <= first {
        return 0.0;
    }
    let [wanted, first, second] = [wanted, first, second].map(|spread| spread * spread);
    let both = first + second;
    let part = (first + libm::sqrt((first * first - both * (first - wanted)).max(0.0))) / both;
    if part.is_finite() { part } else { 0.0 }
}

/// How far what is spread evenly goes to either side.
fn half_of(spread: f64) -> f64 {
    spread / TENTH_TO_NINETIETH / 2.0
}

/// The mean delay, and how long a run takes, by which a job takes as long as it should: until it is opened, and from there.
/// What it takes where runs take no time grows with the delay as it does between those that were tried.
fn nearest(recorded: [f64; 2], low: [f64; 2], high: [f64; 2]) -> (f64, f64) {
    let slopes = [0, 1].map(|part| (high[part] - low[part]) / (TRIED[1] - TRIED[0]));
    let takes = |part: usize, delay: f64| low[part] + slopes[part] * (delay - TRIED[0]);
    let by_opening = TRIED[0] + (recorded[0] - low[0]) / slopes[0];
    let mean = if by_opening.is_finite() { by_opening.max(DELAY_MIN) } else { TRIED[0] };
    (mean, (recorded[1] - takes(1, mean)).max(0.0))
}

/// The scenario with messages that take so many milliseconds on average.
fn delayed(scenario: &Scenario, mean: f64) -> Scenario {
    Scenario { delays: around(mean, mean * DELAY_SPREAD), ..scenario.clone() }
}

/// The scenario with a disk that syncs in so many milliseconds on average.
fn synced(scenario: &Scenario, mean: f64) -> Scenario {
    let machine = Machines { syncs: around(mean, mean * SYNC_SPREAD), ..scenario.machine };
    Scenario { machine, ..scenario.clone() }
}

/// The scenario with runs of so many milliseconds, up to this much more or less.
fn running(scenario: Scenario, mean: f64, half: f64) -> Scenario {
    let machine = Machines { runs: around(mean, half), ..scenario.machine };
    Scenario { machine, ..scenario }
}

/// The least and the most, from milliseconds in whole microseconds, as nanoseconds.
fn around(mean: f64, half: f64) -> [u64; 2] {
    [mean - half, mean + half].map(|millis| libm::round(millis.max(0.0) * 1e3) as u64 * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::shipped;

    fn shipped_one() -> Scenario {
        let name = "twenty-peers";
        Scenario::read(name, &shipped::text(name).unwrap(), &shipped::text).unwrap()
    }

    /// A recording of what a scenario does.
    fn recorded(known: &Scenario) -> Recording {
        let alone = simulated_alone(known).unwrap();
        Recording { peers: 20, between: 1_000.0, ordered: 0, jobs: Vec::new(), alone }
    }

    #[test]
    fn what_is_fitted_takes_as_long_alone_as_what_was_recorded() {
        let known = delayed(&Scenario { machine: Machines::default(), ..shipped_one() }, 4.0);
        let recording = recorded(&known);
        let none = fitted(&shipped_one(), &Recording { alone: Vec::new(), ..recording.clone() }).unwrap();
        assert_eq!(none, None);
        let start = Scenario { machine: known.machine, ..shipped_one() };
        let fitted = fitted(&start, &recording).unwrap().unwrap();
        assert_eq!(fitted.machine.syncs, known.machine.syncs, "runs have room for what jobs differ by");
        is_near(&known, &fitted);
    }

    fn is_near(known: &Scenario, fitted: &Scenario) {
        let [one, other] = [known, fitted].map(|of| AloneTimes::simulated(of).unwrap());
        for (one, other) in one.middle().into_iter().zip(other.middle()) {
            assert!((one - other).abs() < 0.1 * one, "{one} and {other}");
        }
    }

    #[test]
    fn a_disk_is_found_where_runs_have_no_room_for_what_jobs_differ_by_wherever_one_begins() {
        let instant = running(shipped_one(), 0.0, 0.0);
        let known = synced(&delayed(&instant, DELAY_MIN), 3.0);
        let recording = recorded(&known);
        for start in [instant, synced(&delayed(&known, 2.0), 0.5)] {
            let fitted = fitted(&start, &recording).unwrap().unwrap();
            is_near(&known, &fitted);
            let [least, most] = fitted.machine.syncs;
            assert!(least == 0 && most.abs_diff(6_000_000) < 900_000, "{least} and {most}");
        }
    }

    #[test]
    fn a_job_waits_for_a_disk_four_times_until_it_is_opened_and_four_times_more_for_its_result() {
        let machine = Machines { runs: [0; 2], syncs: [5_000_000; 2] };
        let slow = delayed(&Scenario { machine, ..shipped_one() }, DELAY_MIN);
        let AloneTimes { opening, running, .. } = AloneTimes::simulated(&slow).unwrap();
        assert!(
            (20.0..20.6).contains(&opening) && (20.0..20.6).contains(&running),
            "{opening} and {running}"
        );
    }

    #[test]
    fn spreads_add_up_by_their_squares() {
        for (wanted, first, second, part) in
            [(5.0, 0.0, 10.0, 0.5), (10.0, 2.0, 10.0, 1.0), (2.0, 2.0, 10.0, 0.0), (1.0, 2.0, 10.0, 0.0)]
        {
            assert!((part_of_spread(wanted, first, second) - part).abs() < 1e-9, "{wanted}");
        }
        let mixed = part_of_spread(5.0, 3.0, 8.0);
        let (rest, of_second) = (3.0 * (1.0 - mixed), 8.0 * mixed);
        assert!((rest * rest + of_second * of_second - 25.0).abs() < 1e-9, "{mixed}");
    }

    #[test]
    fn delays_are_those_of_the_opening_and_a_run_is_what_is_left() {
        let [low, high] = TRIED.map(|delay| [1.0 + 4.0 * delay, 2.0 + 6.0 * delay]);
        let (mean, run) = nearest([9.0, 19.0], low, high);
        assert!((mean - 2.0).abs() < 1e-9 && (run - 5.0).abs() < 1e-9, "{mean} and {run}");
        let (mean, run) = nearest([13.0, 14.0], low, high);
        assert!((mean - 3.0).abs() < 1e-9 && run == 0.0, "{mean} and {run}");
        // Where a delay costs nothing, none is found.
        assert_eq!(nearest([13.0, 14.0], [1.0, 2.0], [1.0, 2.0]), (TRIED[0], 12.0));
    }

    #[test]
    fn what_lies_between_two_is_a_part_of_the_way() {
        let [low, high] =
            TRIED.map(|sync| AloneTimes { opening: 4.0 * sync, running: 3.0 * sync, spread: sync });
        let (sync, times) = opened_in(14.0, low, high);
        let found = [sync, times.opening, times.running, times.spread];
        assert!(found.iter().zip([3.5, 14.0, 10.5, 3.5]).all(|(found, known)| (found - known).abs() < 1e-9));
        assert_eq!(opened_in(-1.0, low, high).0, 0.0, "no sync takes less than nothing");
        assert_eq!([part_of(3.0, 1.0, 5.0), part_of(3.0, 1.0, 1.0)], [0.5, 0.0]);
    }
}
