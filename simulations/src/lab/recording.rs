//! What real peers did, job by job as their clients saw it, and the same seen of a market in the laboratory.
//!
//! A recording is lines of JSON: who took part, and then each job. How it is made stands in [the page for who
//! experiments](../../../docs/simulations.md).
//!
//! **Invariant:** a recording that is damaged is refused by the number of the line; one of nothing is told from that.

mod fitting;

use std::collections::BTreeMap;

use assay_market::{Effect, Event};
use assay_protocol::{id::Digest, outcome::Outcome};
use serde_json::Value;

pub use self::fitting::fitted;
use super::{
    experiment::{self, ExperimentError},
    market::{MarketSight, Observer},
    scenario::Scenario,
};
use crate::kernel::Instant;

/// The form of a recording.
pub const VERSION: u64 = 1;
/// Nanoseconds of a millisecond.
const MILLI: f64 = 1e6;
/// How far apart jobs come that have the market for themselves, how long they come for, and how often that is tried.
const ALONE_BETWEEN: u64 = 5_000_000_000;
const ALONE_HORIZON: u64 = 200_000_000_000;
const ALONE_SEEDS: u64 = 4;

/// One job, as its client saw it. Times are in milliseconds, from whenever one began to count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JobCourse {
    /// When somebody was first asked to run it.
    pub asked: f64,
    /// When the notary first opened it.
    pub opened: Option<f64>,
    /// When its result came.
    pub delivered: Option<f64>,
    /// When its receipt came that says that it was paid.
    pub paid: Option<f64>,
    /// Whether it was drawn to be checked, once it was paid.
    pub is_drawn: bool,
}

/// What real peers did.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// How many peers there were.
    pub peers: u64,
    /// The mean time between two orders, in milliseconds.
    pub between: f64,
    /// How many orders came so.
    pub ordered: u64,
    /// What became of them.
    pub jobs: Vec<JobCourse>,
    /// Jobs that had the market for themselves: each was ordered after the result of the one before.
    pub alone: Vec<JobCourse>,
}

/// A line of a recording that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the recording: {problem}")]
pub struct BadRecording {
    /// Which, from one.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

impl JobCourse {
    fn asked_at(asked: f64) -> Self {
        Self { asked, opened: None, delivered: None, paid: None, is_drawn: false }
    }

    /// How long it took to be opened.
    #[must_use]
    pub fn opening(&self) -> Option<f64> {
        Some(self.opened? - self.asked)
    }

    /// How long it took from there to its result.
    #[must_use]
    pub fn running(&self) -> Option<f64> {
        Some(self.delivered? - self.opened?)
    }

    /// How long its client waited for the result.
    #[must_use]
    pub fn wait(&self) -> Option<f64> {
        Some(self.delivered? - self.asked)
    }

    /// How long it took until it was paid.
    #[must_use]
    pub fn pay(&self) -> Option<f64> {
        Some(self.paid? - self.asked)
    }
}

impl Recording {
    /// Reads one; nothing if there is none, which is a file without a line.
    ///
    /// # Errors
    /// [`BadRecording`], of the first line that is none.
    pub fn read(text: &str) -> Result<Option<Self>, BadRecording> {
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let Some((number, first)) = lines.next() else { return Ok(None) };
        let first = value(number, first)?;
        let count = |key: &str| {
            let known = first.get(key).and_then(Value::as_u64);
            known.ok_or_else(|| bad(number, format!("`{key}` is no whole number")))
        };
        if count("version")? != VERSION {
            return Err(bad(number, format!("only version {VERSION} is known")));
        }
        let between = time(number, &first, "between")?.filter(|between| *between > 0.0);
        let between = between.ok_or_else(|| bad(number, "`between` is no time".to_owned()))?;
        let (peers, ordered) = (count("peers")?, count("ordered")?);
        let mut whole = Self { peers, between, ordered, jobs: Vec::new(), alone: Vec::new() };
        for (number, line) in lines {
            let line = value(number, line)?;
            let job = course(number, &line)?;
            match line.get("phase").and_then(Value::as_str) {
                Some("market") => whole.jobs.push(job),
                Some("alone") => whole.alone.push(job),
                Some(_) | None => {
                    return Err(bad(number, "`phase` is neither \"market\" nor \"alone\"".to_owned()));
                }
            }
        }
        whole.jobs.sort_by(|one, other| one.asked.total_cmp(&other.asked));
        Ok(Some(whole))
    }
}

fn bad(number: usize, problem: String) -> BadRecording {
    BadRecording { line: number + 1, problem }
}

fn value(number: usize, line: &str) -> Result<Value, BadRecording> {
    serde_json::from_str(line).map_err(|error| bad(number, error.to_string()))
}

/// A time that may be missing.
fn time(number: usize, line: &Value, key: &str) -> Result<Option<f64>, BadRecording> {
    match line.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(time) => time.as_f64().map(Some).ok_or_else(|| bad(number, format!("`{key}` is no number"))),
    }
}

fn course(number: usize, line: &Value) -> Result<JobCourse, BadRecording> {
    let asked = time(number, line, "asked")?;
    let asked = asked.ok_or_else(|| bad(number, "`asked` is missing".to_owned()))?;
    let (paid, drawn) = (time(number, line, "paid")?, line.get("drawn").and_then(Value::as_bool));
    if paid.is_some() && drawn.is_none() {
        return Err(bad(number, "it was paid, and `drawn` is neither true nor false".to_owned()));
    }
    let job = JobCourse {
        asked,
        opened: time(number, line, "opened")?,
        delivered: time(number, line, "delivered")?,
        paid,
        is_drawn: drawn.unwrap_or_default(),
    };
    let times = [Some(asked), job.opened, job.delivered];
    let is_in_order = times.into_iter().flatten().is_sorted() && job.paid.is_none_or(|paid| paid >= asked);
    is_in_order.then_some(job).ok_or_else(|| bad(number, "its times are not one after another".to_owned()))
}

/// The part of some numbers that a share of them is not above; nothing of none.
#[must_use]
pub fn quantile(numbers: impl IntoIterator<Item = f64>, share: f64) -> Option<f64> {
    let mut numbers: Vec<f64> = numbers.into_iter().collect();
    numbers.sort_by(f64::total_cmp);
    let rank = libm::ceil(share * numbers.len() as f64).max(1.0) as usize;
    numbers.get(rank - 1).copied()
}

/// Writes down what clients see of their jobs.
#[derive(Debug, Default)]
struct CourseWatch {
    jobs: BTreeMap<Digest, JobCourse>,
}

impl CourseWatch {
    fn told(&mut self, at: Instant, event: &Event) {
        let now = at.0 as f64 / MILLI;
        if let Event::Proposed { key, .. } = event {
            self.jobs.entry(*key).or_insert_with(|| JobCourse::asked_at(now));
        } else if let Event::Opened { key, .. } = event {
            self.of(key).into_iter().for_each(|job| job.opened = job.opened.or(Some(now)));
        } else if let Event::Delivered { key, .. } = event {
            self.of(key).into_iter().for_each(|job| job.delivered = job.delivered.or(Some(now)));
        } else if let Event::Closed { key, outcome, .. } = event
            && outcome.is_paid()
            && let Some(job) = self.of(key)
        {
            (job.paid, job.is_drawn) = (Some(now), *outcome != Outcome::NotDrawn);
        }
    }

    fn of(&mut self, key: &Digest) -> Option<&mut JobCourse> {
        self.jobs.get_mut(key)
    }

    /// All jobs, as they came.
    fn courses(&self) -> Vec<JobCourse> {
        let mut jobs: Vec<JobCourse> = self.jobs.values().copied().collect();
        jobs.sort_by(|one, other| one.asked.total_cmp(&other.asked));
        jobs
    }
}

impl Observer for CourseWatch {
    fn performed(&mut self, seen: MarketSight, effect: &Effect) {
        if let Effect::Tell(event) = effect {
            self.told(seen.at, event);
        }
    }

    fn recounts(&mut self, _: Instant) {
        self.jobs.clear();
    }
}

/// What clients see of their jobs in a scenario, with this seed.
///
/// # Errors
/// [`ExperimentError`], if it gives nothing.
pub fn simulated(scenario: &Scenario, seed: u64) -> Result<Vec<JobCourse>, ExperimentError> {
    experiment::observe(scenario, seed, CourseWatch::default(), CourseWatch::courses)
}

/// The same of jobs that have the market for themselves.
///
/// # Errors
/// As [`simulated`].
pub fn simulated_alone(scenario: &Scenario) -> Result<Vec<JobCourse>, ExperimentError> {
    let scenario = Scenario { between: ALONE_BETWEEN, horizon: ALONE_HORIZON, ..scenario.clone() };
    let mut jobs = Vec::new();
    for seed in 1..=ALONE_SEEDS {
        jobs.extend(simulated(&scenario, seed)?);
    }
    Ok(jobs)
}

/// How long it takes to be opened and then to run where nobody else orders, in the middle.
#[must_use]
pub fn middle(jobs: &[JobCourse]) -> Option<[f64; 2]> {
    let opening = quantile(jobs.iter().filter_map(JobCourse::opening), 0.5)?;
    Some([opening, quantile(jobs.iter().filter_map(JobCourse::running), 0.5)?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::shipped;

    const HEAD: &str = "{\"version\":1,\"peers\":20,\"between\":1000,\"ordered\":1}\n";
    const JOB: &str =
        "{\"phase\":\"market\",\"asked\":5,\"opened\":9.5,\"delivered\":30,\"paid\":2030,\"drawn\":true}\n";

    #[test]
    fn a_recording_is_read_line_by_line_and_a_file_of_nothing_is_none() {
        assert_eq!(Recording::read("\n"), Ok(None));
        let read = Recording::read(&format!("{HEAD}{JOB}")).unwrap().unwrap();
        assert_eq!((read.peers, read.ordered, read.alone.len()), (20, 1, 0));
        let job = read.jobs[0];
        assert_eq!((job.opening(), job.running(), job.pay()), (Some(4.5), Some(20.5), Some(2025.0)));
        assert!(job.is_drawn);
        for (wrong, problem) in [
            ("x".to_owned(), "line 1 "),
            (HEAD.replace('1', "2"), "line 1 of the recording: only version 1 is known"),
            (HEAD.replace("20", "\"many\""), "line 1 of the recording: `peers` is no whole number"),
            (format!("{HEAD}{}", JOB.replace("market", "x")), "line 2 of the recording: `phase` is neither"),
            (format!("{HEAD}{}", JOB.replace("9.5", "4")), "line 2 of the recording: its times are not"),
            (format!("{HEAD}{{}}"), "line 2 of the recording: `asked` is missing"),
            (
                format!("{HEAD}{}", JOB.replace("true", "1")),
                "line 2 of the recording: it was paid, and `drawn`",
            ),
        ] {
            let told = Recording::read(&wrong).unwrap_err().to_string();
            assert!(told.starts_with(problem), "{told}");
        }
    }

    #[test]
    fn quantiles_are_numbers_that_came() {
        assert_eq!(quantile([3.0, 1.0, 2.0], 0.5), Some(2.0));
        assert_eq!(quantile([3.0, 1.0, 2.0, 4.0], 0.9), Some(4.0));
        assert_eq!(quantile([], 0.5), None);
    }

    fn small() -> Scenario {
        let name = "twenty-peers";
        let text = shipped::text(name).unwrap();
        Scenario::read(name, &text, &shipped::text).unwrap()
    }

    #[test]
    fn clients_see_each_job_from_when_it_is_asked_for_until_it_is_paid() {
        let jobs = simulated(&Scenario { horizon: 20_000_000_000, ..small() }, 1).unwrap();
        assert!(jobs.len() > 5 && jobs.is_sorted_by(|one, other| one.asked <= other.asked), "{jobs:?}");
        for job in &jobs {
            let times = [job.opening(), job.running(), job.wait(), job.pay()];
            assert!(times.iter().all(|time| time.is_some_and(|time| time > 0.0)), "{job:?}");
        }
        // Who is drawn is paid by the check, and who is not at the end of the window.
        let pays =
            |is_drawn| jobs.iter().filter(move |job| job.is_drawn == is_drawn).filter_map(JobCourse::pay);
        assert!(pays(true).all(|pay| pays(false).all(|other| pay < other)), "{jobs:?}");
    }
}
