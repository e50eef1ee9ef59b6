//! The runs of one scenario that are still to be made, and each of them as a file that is kept while others are to come.
//!
//! **Invariant:** a file is taken only if it is whole, and of this scenario, this seed and this build of the program; what is read is
//! what was written, to the last bit of each figure.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{
    artefact::{VERSION, short_digest},
    build_mark,
    experiment::{self, ExperimentError, RunFigures, SimulatedTime},
    pieces::PieceSource,
    run_table,
    scenario::Scenario,
    series,
};

/// What stands between the figures of a run and what happened in each stretch of it.
const BETWEEN: &str = "\n#\n";

/// Runs of one scenario with some seeds.
#[derive(Debug)]
pub struct SeedRuns {
    scenario: Scenario,
    seeds: Vec<u64>,
    twice: bool,
    passed: SimulatedTime,
    is_stopped: AtomicBool,
}

impl SeedRuns {
    /// The runs of a scenario with these seeds, each made twice and compared if that is wanted.
    #[must_use]
    pub fn new(scenario: Scenario, seeds: Vec<u64>, twice: bool) -> Self {
        Self { scenario, seeds, twice, passed: SimulatedTime::default(), is_stopped: AtomicBool::new(false) }
    }

    /// No run is begun any more; those that were are made.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    /// How much simulated time has passed in them, and of how much, in milliseconds.
    #[must_use]
    pub fn passed_ms(&self) -> [u64; 2] {
        let times = if self.twice { 2 } else { 1 };
        let runs = (self.seeds.len() as u64).saturating_mul(times);
        [self.passed.millis(), SimulatedTime::of_run(self.scenario.horizon).saturating_mul(runs)]
    }

    /// The file of a run that this build of the program made.
    #[must_use]
    pub fn text(&self, run: &RunFigures, build: &str) -> String {
        let runs = core::slice::from_ref(run);
        let (table, stretches) = (run_table::write(runs), series::write(runs).unwrap_or_default());
        let rest = format!("{}{BETWEEN}{stretches}", table.trim_end_matches('\n'));
        format!("{}\n{rest}", self.head((run.seed, build), &rest))
    }

    /// The run of such a file, if it is whole and of this seed and this build.
    #[must_use]
    pub fn read(&self, seed: u64, build: &str, text: &str) -> Option<RunFigures> {
        let (head, rest) = text.split_once('\n')?;
        let (table, stretches) =
            rest.split_once(BETWEEN).filter(|_| head == self.head((seed, build), rest))?;
        let mut runs = run_table::read(&format!("{table}\n"))?;
        let is_whole = stretches.is_empty() || series::read(stretches, &mut runs);
        let [run] = <[RunFigures; 1]>::try_from(runs).ok().filter(|_| is_whole)?;
        (run.seed == seed).then_some(run)
    }

    /// Which build made the run of such a file, if that is whole and of this seed.
    #[must_use]
    pub fn made_by<'text>(&self, seed: u64, text: &'text str) -> Option<&'text str> {
        let build = build_mark::named(text.lines().next()?)?;
        self.read(seed, build, text).map(|_| build)
    }

    /// The line above a run.
    fn head(&self, (seed, build): (u64, &str), rest: &str) -> String {
        let (hash, digest) = (self.scenario.hash(), short_digest("kept run", rest));
        let made = if self.twice { "made twice" } else { "made once" };
        let build = build_mark::of(build);
        format!("# seed {seed} of {hash}, {made}, version {VERSION}, {build}, digest {digest}")
    }
}

impl PieceSource for SeedRuns {
    fn piece(&self, number: usize) -> Option<(usize, u64)> {
        let seed = self.seeds.get(number).filter(|_| !self.is_stopped.load(Ordering::Relaxed))?;
        Some((0, *seed))
    }

    fn scenario(&self, _: usize) -> &Scenario {
        &self.scenario
    }

    fn live(&self, _: usize, seed: u64) -> Result<RunFigures, ExperimentError> {
        match self.twice {
            true => experiment::live_twice(&self.scenario, seed, &self.passed),
            false => experiment::live_watched(&self.scenario, seed, &self.passed),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use super::*;
    use crate::lab::{pieces, scenario::KernelName, shipped};

    /// Which build of a program makes them.
    const BUILD: &str = "0123456789ab";

    fn scenario() -> Scenario {
        let text = shipped::text("fraud-vs-check-rate").unwrap();
        let scenario = Scenario::read("fraud-vs-check-rate", &text, &shipped::text).unwrap();
        let second = 1_000_000_000;
        Scenario { horizon: 2 * second, series: second, kernel: KernelName::Laboratory, ..scenario }
    }

    fn made(source: &Arc<SeedRuns>, threads: usize) -> Vec<RunFigures> {
        let (sender, done) = mpsc::channel();
        pieces::begin(source, threads, move |piece| sender.send(piece).is_ok());
        let mut runs: Vec<RunFigures> = done.into_iter().map(|piece| piece.ended.unwrap().unwrap()).collect();
        runs.sort_by_key(|run| run.seed);
        runs
    }

    #[test]
    fn one_thread_and_two_give_the_same_runs_and_all_of_their_time_has_passed() {
        let source = |twice| Arc::new(SeedRuns::new(scenario(), vec![3, 1, 2], twice));
        let (one, two, twice) = (source(false), source(false), source(true));
        assert_eq!(one.passed_ms(), [0, 6_000]);
        let runs = made(&one, 1);
        assert_eq!(runs.iter().map(|run| run.seed).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(made(&two, 2), runs);
        assert_eq!(made(&twice, 2), runs);
        assert_eq!((one.passed_ms(), twice.passed_ms()), ([6_000; 2], [12_000; 2]));
    }

    #[test]
    fn a_run_is_read_as_it_was_made_and_for_its_own_scenario_and_seed_alone() {
        let source = Arc::new(SeedRuns::new(scenario(), vec![1], false));
        let run = made(&source, 1).remove(0);
        assert!(!run.series.is_empty());
        let text = source.text(&run, BUILD);
        assert_eq!(source.read(1, BUILD, &text), Some(run.clone()));
        assert_eq!(source.read(2, BUILD, &text), None);
        assert_eq!(source.read(1, "another", &text), None, "what decides it may be other code");
        assert_eq!((source.made_by(1, &text), source.made_by(2, &text)), (Some(BUILD), None));
        let others = [
            SeedRuns::new(scenario(), vec![1], true),
            SeedRuns::new(Scenario { slots: 1, ..scenario() }, vec![1], false),
        ];
        assert!(others.iter().all(|other| other.read(1, BUILD, &text).is_none()));
        let more_seeds = SeedRuns::new(Scenario { seeds: 99, ..scenario() }, vec![1], false);
        assert_eq!(
            more_seeds.read(1, BUILD, &text),
            Some(run.clone()),
            "how many there are is nothing to one of them"
        );
        assert!(
            (0..text.len()).filter_map(|end| text.get(..end)).all(|cut| source.read(1, BUILD, cut).is_none())
        );
        let bare = RunFigures { series: Vec::new(), ..run };
        assert_eq!(source.read(1, BUILD, &source.text(&bare, BUILD)), Some(bare));
    }

    #[test]
    fn nothing_is_begun_once_it_is_stopped() {
        let source = SeedRuns::new(scenario(), vec![1, 2], false);
        assert_eq!((source.piece(1), source.piece(2)), (Some((0, 2)), None));
        source.stop();
        assert_eq!(source.piece(1), None);
    }
}
