//! The folder of attacks: the scenario of each, the runs of every scenario that they take, and in the end what came of all.
//!
//! **Invariant:** runs count once their file is whole, and for the build of the program that made them, so whoever comes goes on
//! where others were ended; but not where programs decide, which may be others by then.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use assay_simulations::lab::{
    attack::{AttackPlan, NamedOutcome, read_runs, runs_text, table},
    experiment::RunFigures,
    pieces::{DonePiece, said},
    scenario::Scenario,
};

use super::{
    experiment_folder::refuse_used,
    failed,
    own_build::own_build,
    saved,
    under_way::{CutShort, QuietPanics, RunWatch, bar, left, run_by_others},
};
use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::{number_of, shell_path, verb},
};

/// Where the runs of scenarios lie, and the scenarios of the attacks.
const RUNS: &str = "runs";
const SCENARIOS: &str = "scenarios";
/// What came of all.
const TABLE: &str = "attacks.csv";

/// Runs of scenarios, by what stands for each.
pub(super) type KeptRuns = BTreeMap<String, Vec<RunFigures>>;

/// A folder of attacks.
pub(super) struct AttackFolder<'a> {
    path: PathBuf,
    plan: &'a AttackPlan,
    /// Which build of the program keeps runs there.
    build: String,
}

/// The attacks of which all runs are there, and what ended the others if something did.
pub(super) struct AttackCourse {
    pub(super) outcomes: Vec<NamedOutcome>,
    pub(super) cut_short: Option<CommandError>,
}

impl<'a> AttackFolder<'a> {
    /// Begins a folder, or goes on with one.
    pub(super) fn begin(path: &Path, plan: &'a AttackPlan) -> Result<Self, CommandError> {
        refuse_used(path)?;
        saved::save_all(&path.join(RUNS), Vec::new())?;
        saved::save_all(&path.join(SCENARIOS), Vec::new())?;
        let folder = Self { path: path.to_owned(), plan, build: own_build()? };
        for case in plan.cases() {
            saved::save(&folder.scenario_file(&case.name), case.attacked.resolved().as_bytes())?;
        }
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the scenario of an attack is.
    pub(super) fn scenario_file(&self, name: &str) -> PathBuf {
        self.path.join(SCENARIOS).join(format!("{}.toml", file_word(name)))
    }

    fn runs_file(&self, hash: &str) -> PathBuf {
        self.path.join(RUNS).join(format!("{hash}.csv"))
    }

    /// The runs that are there of this build, and of how many scenarios there are those of another one; none where programs decide.
    fn kept(&self) -> (KeptRuns, usize) {
        let (mut kept, mut others) = (KeptRuns::new(), 0);
        let is_fixed = |scenario: &Scenario| scenario.programs().is_empty();
        for (hash, scenario) in self.plan.scenarios().iter().filter(|(_, scenario)| is_fixed(scenario)) {
            let text = fs::read_to_string(self.runs_file(hash)).unwrap_or_default();
            match read_runs(scenario, self.plan.seeds(), &text) {
                Some((build, runs)) if build == self.build => drop(kept.insert(hash.clone(), runs)),
                Some(_) => others += 1,
                None => {}
            }
        }
        (kept, others)
    }

    /// Makes the runs that are missing, and says what came of the attacks.
    pub(super) fn carry_out(
        &self,
        threads: usize,
        invocation: &Invocation,
    ) -> Result<AttackCourse, CommandError> {
        let (mut kept, others) = self.kept();
        let scenarios = self.plan.scenarios();
        let missing: Vec<usize> = scenarios
            .iter()
            .enumerate()
            .filter(|(_, (hash, _))| !kept.contains_key(hash))
            .map(|(number, _)| number)
            .collect();
        let all = number_of(scenarios.len(), "market");
        if !kept.is_empty() {
            let were = verb(kept.len(), "was", "were");
            invocation.printer.note(format!("{} of {all} {were} run before", kept.len()));
        }
        if others > 0 {
            invocation.printer.note(run_by_others(others, &all));
        }
        let cut_short = self.run(&missing, &mut kept, threads, invocation)?;
        let outcomes = self.plan.outcomes(&kept);
        if cut_short.is_none() {
            saved::save(&self.path.join(TABLE), table(&outcomes).as_bytes())?;
        }
        Ok(AttackCourse { outcomes, cut_short })
    }

    fn run(
        &self,
        missing: &[usize],
        kept: &mut KeptRuns,
        threads: usize,
        invocation: &Invocation,
    ) -> Result<Option<CommandError>, CommandError> {
        if missing.is_empty() {
            return Ok(None);
        }
        let watch = RunWatch::begin("opening the first markets", threads, invocation);
        let _quiet = QuietPanics::begin();
        let mut under_way: BTreeMap<usize, Vec<RunFigures>> = BTreeMap::new();
        let take = |piece: DonePiece| self.take(piece, &mut under_way, kept);
        let says = |done: u64, all: u64| {
            let runs = number_of(all, "run");
            format!("{} {done} of {runs}{}", bar(done, all), left(done, all, watch.elapsed()))
        };
        match watch.runs(self.plan.pieces(missing), take, says) {
            Ok(()) => Ok(None),
            Err(CutShort::Asked(exit)) => Ok(Some(self.left(exit, kept.len()))),
            Err(CutShort::Failed(failure)) => Err(failure),
        }
    }

    /// Takes a run; keeps those of its scenario once they are whole.
    fn take(
        &self,
        piece: DonePiece,
        under_way: &mut BTreeMap<usize, Vec<RunFigures>>,
        kept: &mut KeptRuns,
    ) -> Result<(), CommandError> {
        let DonePiece { scenario: number, seed, ended } = piece;
        let (hash, scenario) = &self.plan.scenarios()[number];
        let run = match ended {
            Ok(Ok(run)) => run,
            Ok(Err(error)) => return Err(failed(&error)),
            Err(panic) => return Err(self.broken(hash, seed, &said(&*panic))),
        };
        let runs = under_way.entry(number).or_default();
        runs.push(run);
        let (first, seeds) = self.plan.seeds();
        if (runs.len() as u64) < seeds {
            return Ok(());
        }
        let mut runs = under_way.remove(&number).unwrap_or_default();
        runs.sort_by_key(|run| run.seed);
        saved::save(&self.runs_file(hash), runs_text(scenario, first, &self.build, &runs).as_bytes())?;
        kept.insert(hash.clone(), runs);
        Ok(())
    }

    /// A rule of the books does not hold: worse than any gain.
    fn broken(&self, hash: &str, seed: u64, said: &str) -> CommandError {
        let mut cases = self.plan.cases().iter();
        let case = cases.find(|case| case.scenarios().iter().any(|scenario| scenario.hash() == hash));
        let name = case.map(|case| case.name.as_str()).unwrap_or_default();
        let message = format!("{name}: seed {seed}: a rule of the books is broken: {said}");
        let file = self.scenario_file(name);
        let hint = format!("`assay sim shrink {} --seed {seed}` makes it smaller", shell_path(&file));
        CommandError::new(Exit::Different, "RULE_BROKEN", message, hint)
    }

    fn left(&self, exit: Exit, kept: usize) -> CommandError {
        let all = number_of(self.plan.scenarios().len(), "market");
        let message = format!("left after {kept} of {all}");
        let hint = format!("what is done is in {}: the same command goes on from there", self.path.display());
        CommandError::new(exit, "INTERRUPTED", message, hint)
    }
}

/// What the file of an attack is called that goes by a name.
pub(super) fn file_word(name: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    name.chars().map(|letter| if is_plain(letter) { letter } else { '-' }).collect()
}
