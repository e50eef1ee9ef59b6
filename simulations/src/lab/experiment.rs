//! An experiment: a scenario, run once for each of its seeds, with the brain of real peers: in the checker's world or in the
//! market of the laboratory, as the scenario says.
//!
//! **Invariant:** one scenario and seed give one digest, on however many threads the seeds are run.

mod checked;
mod company;
mod course;
mod gathered;
mod observed;
mod passed;
mod pool_range;
mod stakes_needed;
mod surplus;
mod trade;

use std::{num::NonZero, thread};

use assay_protocol::genesis::Genesis;

use self::passed::RunTime;
pub use self::passed::SimulatedTime;
pub(super) use self::{gathered::OVER_THEORY, observed::observe, stakes_needed::stakes_needed};

use super::{
    scenario::{KernelName, Scenario},
    series::SeriesRow,
};
use crate::behaviour::StrategyFailure;

/// Why an experiment gave no figures.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExperimentError {
    /// It was too large for its scenario.
    #[error("seed {seed}: more than {events_max} events")]
    TooManyEvents {
        /// The run.
        seed: u64,
        /// The bound.
        events_max: u64,
    },
    /// Something never ended.
    #[error("seed {seed}: {what}")]
    Unsettled {
        /// The run.
        seed: u64,
        /// What.
        what: String,
    },
    /// A program that decides for a population does so no more.
    #[error("seed {seed}: the program of `{population}`: {why}")]
    Strategy {
        /// The run.
        seed: u64,
        /// The population.
        population: String,
        /// Why.
        why: StrategyFailure,
    },
    /// The same run went differently the second time.
    #[error("seed {seed} gave {first} first and then {second}: something beside the seed decides")]
    Unlike {
        /// The run.
        seed: u64,
        /// What it gave first.
        first: String,
        /// What it gave then.
        second: String,
    },
}

impl ExperimentError {
    /// The run that it happened to.
    #[must_use]
    pub fn seed(&self) -> u64 {
        match self {
            Self::TooManyEvents { seed, .. }
            | Self::Unsettled { seed, .. }
            | Self::Strategy { seed, .. }
            | Self::Unlike { seed, .. } => *seed,
        }
    }
}

/// What one run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct RunFigures {
    /// Its seed.
    pub seed: u64,
    /// Stands for everything that happened.
    pub digest: String,
    /// How many events there were.
    pub events: u64,
    /// The figures by their names, the same for every seed; nothing where there was nothing to measure.
    pub figures: Vec<(String, Option<f64>)>,
    /// What happened in each stretch of it; nothing where that is not counted apart.
    pub series: Vec<SeriesRow>,
}

/// The rules by which everybody lives in a scenario.
#[must_use]
pub fn rules(scenario: &Scenario) -> Genesis {
    course::plan(scenario, 1).genesis()
}

/// Runs a scenario once, with this seed.
///
/// # Errors
/// [`ExperimentError`], if that gave no figures.
pub fn live(scenario: &Scenario, seed: u64) -> Result<RunFigures, ExperimentError> {
    live_watched(scenario, seed, &SimulatedTime::default())
}

/// The same, while somebody sees how much of it has passed.
///
/// # Errors
/// As [`live`].
pub fn live_watched(
    scenario: &Scenario,
    seed: u64,
    passed: &SimulatedTime,
) -> Result<RunFigures, ExperimentError> {
    let time = RunTime::begin(passed, scenario.horizon);
    match scenario.kernel {
        KernelName::Checker => checked::live(scenario, seed, &time),
        KernelName::Laboratory => gathered::live(scenario, seed, &time),
    }
}

/// The same twice, and compared.
///
/// # Errors
/// As [`live`]; and [`ExperimentError::Unlike`], if it went differently the second time.
pub fn live_twice(
    scenario: &Scenario,
    seed: u64,
    passed: &SimulatedTime,
) -> Result<RunFigures, ExperimentError> {
    alike(seed, |seed| live_watched(scenario, seed, passed))
}

/// Runs a scenario for all its seeds, from `first` on.
///
/// # Errors
/// [`ExperimentError`], of the first seed that gave no figures.
pub fn run(scenario: &Scenario, first: u64, twice: bool) -> Result<Vec<RunFigures>, ExperimentError> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get) as u64;
    run_on(threads, scenario, first, twice)
}

/// The same on so many threads.
///
/// # Errors
/// As [`run`].
pub fn run_on(
    threads: u64,
    scenario: &Scenario,
    first: u64,
    twice: bool,
) -> Result<Vec<RunFigures>, ExperimentError> {
    let live = |seed| live(scenario, seed);
    let live = |seed| if twice { alike(seed, live) } else { live(seed) };
    let mut runs: Vec<_> = thread::scope(|scope| {
        let part = |thread| {
            move || (thread..scenario.seeds).step_by(threads as usize).map(move |seed| live(first + seed))
        };
        let workers: Vec<_> =
            (0..threads).map(|thread| scope.spawn(move || part(thread)().collect::<Vec<_>>())).collect();
        // A broken rule of the books stays what it is in a test: the end.
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    runs.sort_by_key(|run| match run {
        Ok(figures) => figures.seed,
        Err(error) => error.seed(),
    });
    runs.into_iter().collect()
}

/// Runs twice and compares.
fn alike(
    seed: u64,
    live: impl Fn(u64) -> Result<RunFigures, ExperimentError>,
) -> Result<RunFigures, ExperimentError> {
    let (first, second) = (live(seed)?, live(seed)?);
    if first == second {
        return Ok(first);
    }
    Err(ExperimentError::Unlike { seed, first: first.digest, second: second.digest })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::lab::{
        scenario::{LinkFault, LinkFaultKind, PopulationRole},
        shipped,
        statistics::Moments,
    };

    fn scenario(name: &str) -> Scenario {
        let text = shipped::text(name).unwrap();
        let scenario = Scenario::read(name, &text, &shipped::text).unwrap();
        Scenario { seeds: 3, horizon: 20_000_000_000, ..scenario }
    }

    #[test]
    fn runs_are_the_same_twice_and_one_seed_is_not_the_next() {
        let runs = run(&scenario("fraud-vs-check-rate"), 1, true).unwrap();
        assert_eq!(runs.iter().map(|run| run.seed).collect::<Vec<_>>(), [1, 2, 3]);
        assert_ne!(runs[0].digest, runs[1].digest);
        assert_eq!(
            runs[1..2],
            run(&Scenario { seeds: 1, ..scenario("fraud-vs-check-rate") }, 2, false).unwrap()
        );
    }

    #[test]
    fn one_thread_and_two_give_the_same() {
        let small = scenario("fraud-vs-check-rate");
        let mut large = Scenario { seeds: 2, horizon: 10_000_000_000, ..scenario("fraud-vs-check-rate") };
        large
            .populations
            .iter_mut()
            .filter(|each| each.role == PopulationRole::Client)
            .for_each(|each| each.count = 1_000);
        for scenario in [Scenario { kernel: KernelName::Checker, ..small.clone() }, small, large] {
            let [one, two] = [1, 2].map(|threads| run_on(threads, &scenario, 1, false).unwrap());
            assert_eq!(one, two);
        }
    }

    fn figure(run: &RunFigures, name: &str) -> f64 {
        run.figures.iter().find(|(known, _)| known == name).unwrap().1.unwrap()
    }

    fn mean(runs: &[RunFigures], name: &str) -> Moments {
        runs.iter().map(|run| figure(run, name)).collect()
    }

    #[test]
    fn both_kernels_come_to_the_same_within_their_intervals() {
        let scenario = Scenario { seeds: 12, ..scenario("fraud-vs-check-rate") };
        let [checked, gathered] = [KernelName::Checker, KernelName::Laboratory]
            .map(|kernel| run(&Scenario { kernel, ..scenario.clone() }, 1, false).unwrap());
        for name in [
            "orders",
            "orders paid, share",
            "paid after a check, share",
            "forged results sold",
            "forged results slashed",
            "gain of one of honest, credits",
            "gain of one of forgers, credits",
        ] {
            let (one, other) = (mean(&checked, name), mean(&gathered, name));
            let [low, high] = [&one, &other].map(|of| of.interval(0.99).unwrap());
            assert!(low.low <= high.high && high.low <= low.high, "{name}: {one:?} and {other:?}");
        }
        // The same orders come at the same times, whatever they are run in.
        assert_eq!(mean(&checked, "orders"), mean(&gathered, "orders"));
    }

    #[test]
    fn what_groups_are_paid_and_lose_is_what_they_gain_by_the_books() {
        let scenario = Scenario { kernel: KernelName::Laboratory, ..scenario("fraud-vs-check-rate") };
        for run in run(&scenario, 1, false).unwrap() {
            let figure = |name: &str| figure(&run, name);
            for group in ["honest", "forgers"] {
                let of = |what: &str| figure(&format!("{what} of {group}, credits"));
                let sum = of("pay of one") + of("fees of one")
                    - figure(&format!("stake lost by one of {group}, credits"));
                let gain = of("gain of one");
                assert!((sum - gain).abs() < 1e-9, "{group}: {sum} and {gain}: {run:?}");
            }
        }
    }

    #[test]
    fn what_never_happened_took_no_time() {
        let scenario =
            Scenario { kernel: KernelName::Laboratory, seeds: 2, ..scenario("fraud-vs-check-rate") };
        let of = |scenario: &Scenario, name: &str| {
            let runs = run(scenario, 1, false).unwrap();
            runs.iter().map(|run| run.figures.iter().find(|(known, _)| known == name).unwrap().1).collect()
        };
        let none = Scenario { horizon: 1, ..scenario.clone() };
        for name in ["time until one of forgers is convicted, s", "wait for a result, half, s"] {
            let (never, ever): (Vec<_>, Vec<_>) = (of(&none, name), of(&scenario, name));
            assert_eq!(never, [None, None], "{name}");
            assert!(ever.iter().flatten().all(|time| (0.0..20.0).contains(time)), "{name}: {ever:?}");
            assert!(ever.iter().any(Option::is_some), "{name}");
        }
        assert_eq!(of(&none, "forgers that were convicted, share"), [Some(0.0), Some(0.0)]);
    }

    #[test]
    fn jobs_are_checked_as_often_as_their_rates_say() {
        let scenario = scenario("cold-start");
        let scenario = Scenario { seeds: 4, horizon: 120_000_000_000, ..scenario };
        for run in run(&scenario, 1, false).unwrap() {
            let figure = |name: &str| figure(&run, name);
            let off = figure("checks, deviations from their rates");
            assert!(off.abs() < 4.0, "{run:?}");
        }
    }

    #[test]
    fn reports_say_what_the_pool_was_what_newcomers_were_paid_and_who_gained_least() {
        let whole = Scenario { horizon: 600_000_000_000, seeds: 1, ..scenario("cold-start") };
        let runs = run(&whole, 1, false).unwrap();
        let run = &runs[0];
        let value = |name: &str| run.figures.iter().find(|(known, _)| known == name).unwrap().1;
        let first = |jobs: u64| value(&format!("paid for the first {jobs} jobs of one of newcomers"));
        // A unit costs a hundredth of a credit, and whoever has no stake pays no dues.
        let ten = first(10).expect("one in sixteen falls on a stranger");
        assert!(ten > 0.05 && ten < 0.100_001, "{ten}");
        assert_eq!(first(1_000), None, "there were not so many orders");
        let (least, owed) =
            (figure(run, "pool at its least, credits"), figure(run, "owed by the pool at most, credits"));
        assert!(least > 10.0 && least <= 100.0 && owed == 0.0, "{least} and {owed}");
        let worst = figure(run, "gain of a founder, worst tenth of honest");
        assert!(worst > 0.0 && worst <= figure(run, "gain of one of founders, credits"), "{worst}");
        let over = figure(run, "paid after a check, over theory");
        assert!((0.9..1.1).contains(&over), "{over}");
    }

    #[test]
    fn the_checker_says_what_the_pool_was_as_well() {
        let scenario = Scenario {
            kernel: KernelName::Checker,
            seeds: 1,
            horizon: 2_000_000_000,
            ..scenario("fraud-vs-check-rate")
        };
        let runs = run(&scenario, 1, false).unwrap();
        let run = &runs[0];
        let least = figure(run, "pool at its least, credits");
        assert!(least > 0.0 && least <= 100.0, "{least}");
        assert_eq!(figure(run, "owed by the pool at most, credits"), 0.0);
    }

    #[test]
    fn what_something_beside_the_seed_decides_is_found() {
        let times = Cell::new(0_u32);
        let live = |seed| {
            times.set(times.get() + 1);
            let (digest, figures, series) = (times.get().to_string(), Vec::new(), Vec::new());
            Ok(RunFigures { seed, digest, events: 0, figures, series })
        };
        let found = alike(7, live);
        assert_eq!(found, Err(ExperimentError::Unlike { seed: 7, first: "1".into(), second: "2".into() }));
    }

    #[test]
    fn a_run_with_too_many_events_is_given_up() {
        let scenario = Scenario { events_max: 10, ..scenario("churn") };
        assert!(matches!(run(&scenario, 1, false), Err(ExperimentError::TooManyEvents { seed: 1, .. })));
    }

    #[test]
    fn events_after_the_last_order_count_and_so_do_peers_that_come_and_go() {
        let short = Scenario { seeds: 1, horizon: 1_500_000_000, ..scenario("fraud-vs-check-rate") };
        for kernel in [KernelName::Checker, KernelName::Laboratory] {
            let short = Scenario { kernel, ..short.clone() };
            let all = run(&short, 1, false).unwrap()[0].events;
            let found = run(&Scenario { events_max: all - 10, ..short }, 1, false);
            assert!(matches!(found, Err(ExperimentError::TooManyEvents { .. })), "{found:?}");
        }
        let mut restless = scenario("churn");
        restless.populations[1].online = 1;
        restless.populations[1].away = 1;
        let found = run(&Scenario { seeds: 1, events_max: 100_000, ..restless }, 1, false);
        assert!(matches!(found, Err(ExperimentError::TooManyEvents { .. })), "{found:?}");
    }

    #[test]
    fn orders_of_clients_that_come_and_go_are_paid_in_both_kernels() {
        let base = scenario("fraud-vs-check-rate");
        let mut scenario = Scenario { seeds: 1, horizon: 10_000_000_000, ..base };
        scenario.populations.retain(|each| !each.conduct.forges());
        for each in scenario.populations.iter_mut().filter(|each| each.role == PopulationRole::Client) {
            (each.online, each.away) = (5_000_000_000, 20_000_000_000);
        }
        for kernel in [KernelName::Checker, KernelName::Laboratory] {
            for run in run(&Scenario { kernel, ..scenario.clone() }, 1, false).unwrap() {
                assert_eq!(figure(&run, "orders paid, share"), 1.0, "{kernel:?}: {run:?}");
            }
        }
    }

    #[test]
    fn a_fault_is_over_in_time_even_behind_the_horizon_and_both_kernels_come_to_rest() {
        let mut scenario = Scenario { horizon: 10_000_000_000, seeds: 2, ..scenario("market") };
        let fault = LinkFault {
            name: "cut".into(),
            what: LinkFaultKind::Partition,
            at: 5_000_000_000,
            lasts: 10_000_000_000,
            factor: 1,
            populations: vec!["clients".into()],
        };
        let figures = |scenario: &Scenario, name: &str| -> Vec<Option<f64>> {
            let runs = run(scenario, 1, false).unwrap();
            runs.iter().map(|run| run.figures.iter().find(|(known, _)| known == name).unwrap().1).collect()
        };
        let usual = Scenario { kernel: KernelName::Laboratory, ..scenario.clone() };
        let slowest = figures(&usual, "wait for a result, 99 %, s");
        scenario.faults.push(fault);
        for kernel in [KernelName::Checker, KernelName::Laboratory] {
            let orders = figures(&Scenario { kernel, ..scenario.clone() }, "orders");
            assert_eq!(orders, figures(&usual, "orders"), "{kernel:?}");
        }
        let cut = Scenario { kernel: KernelName::Laboratory, ..scenario };
        let (shares, waits) =
            (figures(&cut, "orders paid, share"), figures(&cut, "wait for a result, 99 %, s"));
        for ((share, wait), usual) in shares.into_iter().zip(waits).zip(slowest) {
            // Whoever orders while it cannot be heard is not served, or later.
            assert!(
                share < Some(0.99) || wait > usual.map(|usual| usual + 1.0),
                "{share:?}, {wait:?}, {usual:?}"
            );
        }
    }

    #[test]
    fn forgers_are_never_paid_before_anybody_trusts_them_and_nobody_honest_is_slashed() {
        for run in run(&scenario("fraud-vs-check-rate"), 1, false).unwrap() {
            let figure = |name: &str| figure(&run, name);
            assert!(figure("forged results sold") > 0.0 && figure("orders paid, share") > 0.5, "{run:?}");
            assert_eq!(
                (figure("forged results paid"), figure("honest results slashed")),
                (0.0, 0.0),
                "{run:?}"
            );
        }
    }
}
