//! Twenty real peers on one machine beside the same market in the laboratory.
//!
//! Of what was recorded this goes into the scenario: how long it takes until a job is opened, and from there to its result, where
//! nobody else orders, in the middle, and how much the latter differs; from it come delays, runs and how long a disk takes. All else
//! is what the laboratory makes of that: how long jobs take where others order as well, how many are drawn, and when they are paid.
//!
//! **Invariant:** where nothing was recorded, that is said, and is no figure that holds.

use super::{SIGMAS, Validated};
use crate::lab::{
    experiment::ExperimentError,
    recording::{JobCourse, Recording, middle, quantile, simulated, simulated_alone},
    scenario::Scenario,
    shipped,
    statistics::Moments,
};

/// What was recorded: a file without a line until somebody did.
const RECORDED: &str = include_str!("../../../recordings/twenty-peers.jsonl");
/// The scenario of it.
const SCENARIO: &str = "twenty-peers";
/// How sure both intervals are.
const CONFIDENCE: f64 = 0.99;
/// Of one recording each so many jobs, one after another, are taken for themselves, to see how much that varies.
const CHUNK: usize = 20;
/// To what times are told.
const RESOLUTION: f64 = 1.0;
/// The least that a recording has.
const JOBS_MIN: f64 = 200.0;
/// How much the mean time between two orders may be off: that of jobs that a seed draws is.
const RATE_OFF: f64 = 0.25;

/// What part of the jobs may come to nothing: a machine on which twenty peers live has other things to do now and then.
const UNPAID_MAX: f64 = 0.02;
/// What no time is.
const NOTHING: f64 = -1.0;

/// What is made of some jobs that came one after another.
type Measure = fn(&[JobCourse]) -> Option<f64>;

pub(super) fn all() -> Vec<Validated> {
    beside(RECORDED)
}

/// A recording beside its scenario.
fn beside(recorded: &str) -> Vec<Validated> {
    let missing = |why: &str| {
        let name = format!("twenty real peers: jobs recorded ({why})");
        vec![Validated { name, target: JOBS_MIN, found: 0.0, allowed: [JOBS_MIN, JOBS_MIN] }]
    };
    let recording = match Recording::read(recorded) {
        Ok(Some(recording)) => recording,
        Ok(None) => return missing("NO RECORDING: simulations/recordings/twenty-peers.jsonl is empty"),
        Err(error) => return missing(&error.to_string()),
    };
    let scenario = shipped::text(SCENARIO).map(|text| Scenario::read(SCENARIO, &text, &shipped::text));
    let Some(Ok(scenario)) = scenario else { return missing("its scenario cannot be read") };
    match figures(&recording, &scenario) {
        Ok(figures) => figures,
        Err(error) => missing(&error.to_string()),
    }
}

fn figures(recording: &Recording, scenario: &Scenario) -> Result<Vec<Validated>, ExperimentError> {
    let name = |what: &str| format!("twenty real peers: {what}");
    let jobs = recording.jobs.len() as f64;
    let ordered = recording.ordered as f64;
    let paid = recording.jobs.iter().filter(|job| job.paid.is_some()).count() as f64;
    let mut figures = vec![
        Validated {
            name: name("jobs recorded, of those ordered"),
            target: ordered,
            found: jobs,
            allowed: [ordered.max(JOBS_MIN); 2],
        },
        Validated::within(name("peers, as recorded"), recording.peers as f64, scenario.peers() as f64, 0.0),
        Validated::within(
            name("ms between orders, as recorded"),
            recording.between,
            scenario.between as f64 / 1e6,
            0.0,
        ),
        Validated::within(
            name("ms between those that were recorded"),
            recording.between,
            apart(&recording.jobs),
            RATE_OFF * recording.between,
        ),
        Validated::within(name("jobs paid, share"), 1.0, paid / jobs.max(1.0), UNPAID_MAX),
    ];
    let alone = simulated_alone(scenario)?;
    let (was, is) = (middle(&recording.alone).unwrap_or_default(), middle(&alone).unwrap_or_default());
    for (place, what) in ["until it is opened", "from there to its result"].into_iter().enumerate() {
        // An input: the scenario was made so that it is right.
        let by = RESOLUTION + 0.1 * was[place];
        let input = name(&format!("input, {what}, where nobody else orders, ms"));
        figures.push(Validated::within(input, was[place], is[place], by));
    }
    let runs: Vec<Vec<JobCourse>> =
        (1..=scenario.seeds).map(|seed| simulated(scenario, seed)).collect::<Result<_, _>>()?;
    figures.push(drawn(&recording.jobs, &runs));
    let measures: [(&str, Measure); 4] = [
        ("wait for a result, half, ms", |jobs| quantile(jobs.iter().filter_map(JobCourse::wait), 0.5)),
        ("wait for a result, 90 %, ms", |jobs| quantile(jobs.iter().filter_map(JobCourse::wait), 0.9)),
        ("until who was drawn is paid, ms", |jobs| mean(jobs, true)),
        ("until who was not drawn is paid, ms", |jobs| mean(jobs, false)),
    ];
    figures.extend(measures.map(|(what, measure)| measured(name(what), measure, &recording.jobs, &runs)));
    Ok(figures)
}

/// The mean time between two orders.
fn apart(jobs: &[JobCourse]) -> f64 {
    let (Some(first), Some(last)) = (jobs.first(), jobs.last()) else { return 0.0 };
    (last.asked - first.asked) / (jobs.len() - 1).max(1) as f64
}

/// The mean time until those were paid who were drawn, or who were not.
fn mean(jobs: &[JobCourse], is_drawn: bool) -> Option<f64> {
    let pays: Moments =
        jobs.iter().filter(|job| job.is_drawn == is_drawn).filter_map(JobCourse::pay).collect();
    (pays.count() > 0).then(|| pays.mean())
}

/// How a measure of each few jobs varies.
fn chunked(jobs: &[JobCourse], measure: Measure) -> Moments {
    jobs.chunks(CHUNK).filter_map(measure).collect()
}

/// A measure of a recording beside that of every seed; wrong where either has none.
fn measured(name: String, measure: Measure, recorded: &[JobCourse], runs: &[Vec<JobCourse>]) -> Validated {
    let recorded = chunked(recorded, measure);
    let of_each = runs.iter().map(|jobs| chunked(jobs, measure)).filter(|of| of.count() > 0);
    let simulated: Moments = of_each.map(|of| of.mean()).collect();
    let half = |of: &Moments| of.interval(CONFIDENCE).map(|interval| interval.high - of.mean());
    match half(&recorded).zip(half(&simulated)) {
        Some((one, other)) => {
            Validated::within(name, recorded.mean(), simulated.mean(), one + other + RESOLUTION)
        }
        None => {
            Validated { name, target: recorded.mean(), found: simulated.mean(), allowed: [NOTHING, NOTHING] }
        }
    }
}

/// The share of paid jobs that was drawn, within as many deviations of as many draws.
fn drawn(recorded: &[JobCourse], runs: &[Vec<JobCourse>]) -> Validated {
    let share = |jobs: &[JobCourse]| {
        let paid = jobs.iter().filter(|job| job.paid.is_some());
        let drawn = paid.clone().filter(|job| job.is_drawn).count() as f64;
        (drawn / paid.clone().count().max(1) as f64, paid.count().max(1) as f64)
    };
    let simulated: Moments = runs.iter().map(|jobs| share(jobs).0).collect();
    let ((target, count), found) = (share(recorded), simulated.mean());
    let of_means = simulated.deviation() * simulated.deviation() / simulated.count().max(1) as f64;
    let error = libm::sqrt(found * (1.0 - found) / count + of_means);
    Validated::within("twenty real peers: drawn of those paid, share", target, found, SIGMAS * error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::recording::fitted;

    #[test]
    fn without_a_recording_that_is_said_and_nothing_holds() {
        let none = beside("");
        assert!(none.len() == 1 && none[0].name.contains("NO RECORDING") && !none[0].holds(), "{none:?}");
        let damaged = beside("{}\n");
        assert!(damaged[0].name.contains("line 1 of the recording") && !damaged[0].holds(), "{damaged:?}");
    }

    #[test]
    fn the_scenario_of_twenty_peers_has_the_times_that_its_recording_gives() {
        let scenario = Scenario::read(SCENARIO, &shipped::text(SCENARIO).unwrap(), &shipped::text).unwrap();
        let fitted = fitted(&scenario, &Recording::read(RECORDED).unwrap().unwrap()).unwrap().unwrap();
        let times = |of: &Scenario| [of.delays, of.machine.runs, of.machine.syncs].concat();
        let (told, found) = (times(&scenario), times(&fitted));
        let is_near =
            told.iter().zip(&found).all(|(told, found)| told.abs_diff(*found) <= found / 10 + 50_000);
        assert!(is_near, "{told:?} and not {found:?}");
    }

    #[test]
    fn what_the_laboratory_recorded_of_itself_is_what_it_does_and_slower_peers_are_not() {
        let scenario = Scenario::read(SCENARIO, &shipped::text(SCENARIO).unwrap(), &shipped::text).unwrap();
        let scenario = Scenario { seeds: 4, horizon: 60_000_000_000, ..scenario };
        let mut jobs = simulated(&scenario, 99).unwrap();
        let runs: Vec<Vec<JobCourse>> =
            (1..=scenario.seeds).map(|seed| simulated(&scenario, seed).unwrap()).collect();
        let half: Measure = |jobs| quantile(jobs.iter().filter_map(JobCourse::wait), 0.5);
        for figure in [drawn(&jobs, &runs), measured("half".to_owned(), half, &jobs, &runs)] {
            assert!(figure.holds(), "{figure:?}");
        }
        for job in &mut jobs {
            job.delivered = job.delivered.map(|delivered| delivered + 500.0);
            job.is_drawn = false;
        }
        for figure in [drawn(&jobs, &runs), measured("half".to_owned(), half, &jobs, &runs)] {
            assert!(!figure.holds(), "{figure:?}");
        }
        assert!(!measured("half".to_owned(), half, &[], &runs).holds());
    }
}
