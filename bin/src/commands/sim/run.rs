//! `assay sim run`: a scenario, once for each of its seeds.
//!
//! **Invariant:** with a folder, each run is on the disk before the next is waited for, so whatever ends this, the same command
//! goes on from there, but where programs decide, which may be others by then; and what it leaves in the end does not depend on how
//! often it was ended, nor on threads.

use std::{path::PathBuf, sync::Arc, time::Duration};

use assay_simulations::lab::{
    artefact::{Artefact, REPORT},
    experiment::{ExperimentError, RunFigures},
    pieces::{DonePiece, PieceSource as _},
    scenario::Scenario,
    seed_runs::SeedRuns,
};
use serde_json::json;

use super::{
    ScenarioArgs, SeedArgs, failed,
    programs::ProgramArgs,
    saved,
    seed_folder::SeedFolder,
    under_way::{CutShort, RunWatch, ThreadArgs, bar, left, run_by_others},
};
use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::{number_of, verb},
};

const EXAMPLES: &str = "\
Examples:
  assay sim run fraud-vs-check-rate              its figures, with intervals over seeds
  assay sim run mine.toml --seeds 40 --out runs  also as files: runs/report.html shows them
  assay sim run churn --seeds 2 --doublecheck    each seed twice; exit 15 if they differ

With --out, each run is kept as it is done, so whatever ends this, the same command goes on where it was; but where a program
decides, it begins anew.";

/// Run a scenario once for each seed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    of: ScenarioArgs,
    #[command(flatten)]
    with: SeedArgs,
    #[command(flatten)]
    threads: ThreadArgs,
    #[command(flatten)]
    programs: ProgramArgs,
    /// Write the files of the experiment into this folder
    #[arg(long, short, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Run each seed twice and compare
    #[arg(long)]
    doublecheck: bool,
}

pub(super) fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let mut scenario = super::read(&args.of.scenario)?;
    args.programs.refuse(&scenario)?;
    scenario.seeds = args.with.seeds.unwrap_or(scenario.seeds);
    let folder = args.out.as_deref().map(SeedFolder::begin).transpose()?;
    let first = args.with.first_seed;
    let mut course = RunCourse::new(&scenario, first, args.doublecheck, folder.clone());
    course.carry_out(args.threads.count(), invocation)?;
    let artefact = Artefact::new(scenario, first, course.runs);
    if let Some(folder) = folder {
        saved::save_all(folder.path(), artefact.files())?;
        folder.end();
        invocation.printer.note(format!("{} shows it", folder.path().join(REPORT).display()));
    }
    let document = json!({
        "manifest_text": artefact.manifest(), "summary": artefact.summary(), "digests": artefact.digests(),
    });
    invocation.printer.document("sim-run", &document);
    artefact.lines().into_iter().for_each(|line| invocation.printer.line(line));
    invocation.printer.line(artefact.reproduce());
    Ok(())
}

/// The runs of a scenario, of which some are there.
struct RunCourse {
    runs: Vec<RunFigures>,
    missing: Arc<SeedRuns>,
    /// How many of these another build of the program has kept.
    others: usize,
    seeds: u64,
    /// Where each is kept, if it is.
    folder: Option<SeedFolder>,
    /// Of those that failed, the one with the first seed.
    failed: Option<ExperimentError>,
}

impl RunCourse {
    fn new(scenario: &Scenario, first: u64, twice: bool, folder: Option<SeedFolder>) -> Self {
        let folder = folder.filter(|_| scenario.programs().is_empty());
        let seeds = first..first.saturating_add(scenario.seeds);
        let source = |seeds| SeedRuns::new(scenario.clone(), seeds, twice);
        let all = source(seeds.clone().collect());
        let kept = |seed| folder.as_ref().and_then(|folder| folder.read(&all, seed));
        let runs: Vec<RunFigures> = seeds.clone().filter_map(kept).collect();
        let missing: Vec<u64> = seeds.filter(|seed| runs.iter().all(|run| run.seed != *seed)).collect();
        let is_of_another =
            |seed: &&u64| folder.as_ref().is_some_and(|folder| folder.is_of_another(&all, **seed));
        let others = missing.iter().filter(is_of_another).count();
        let (missing, seeds) = (Arc::new(source(missing)), scenario.seeds);
        Self { runs, missing, others, seeds, folder, failed: None }
    }

    /// Makes those that are missing.
    fn carry_out(&mut self, threads: usize, invocation: &Invocation) -> Result<(), CommandError> {
        let kept = self.runs.len() as u64;
        let all = number_of(self.seeds, "seed");
        if kept > 0 {
            let were = verb(kept, "was", "were");
            invocation.printer.note(format!("{kept} of {all} {were} run before"));
        }
        if self.others > 0 {
            invocation.printer.note(run_by_others(self.others, &all));
        }
        let (seeds, source) = (self.seeds, Arc::clone(&self.missing));
        let watch = RunWatch::begin("opening the first markets", threads, invocation);
        let says = |done: u64, _| progress([kept + done, seeds], source.passed_ms(), watch.elapsed());
        let ended = watch.pieces(&source, seeds - kept, |piece| self.take(piece), says);
        drop(watch);
        match ended {
            Ok(()) => {}
            Err(CutShort::Asked(exit)) => return Err(self.left(exit)),
            Err(CutShort::Failed(failure)) => return Err(failure),
        }
        if let Some(error) = &self.failed {
            return Err(failed(error));
        }
        self.runs.sort_by_key(|run| run.seed);
        Ok(())
    }

    /// Takes a run, and keeps it. After one that failed nothing is begun; those before it are waited for.
    fn take(&mut self, piece: DonePiece) -> Result<(), CommandError> {
        // A broken rule of the books stays what it is in a test: the end.
        match piece.ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
            Ok(run) => {
                self.folder.iter().try_for_each(|folder| folder.keep(&self.missing, &run))?;
                self.runs.push(run);
            }
            Err(error) => {
                self.missing.stop();
                let is_first = self.failed.as_ref().is_none_or(|first| error.seed() < first.seed());
                if is_first {
                    self.failed = Some(error);
                }
            }
        }
        Ok(())
    }

    fn left(&self, exit: Exit) -> CommandError {
        let message = format!("left after {} of {}", self.runs.len(), number_of(self.seeds, "seed"));
        let hint = match &self.folder {
            Some(folder) => {
                format!("what is done is in {}: the same command goes on from there", folder.path().display())
            }
            None if !self.missing.scenario(0).programs().is_empty() => {
                "nothing of it is kept: a program decides in it, which may be another one the next time"
                    .to_owned()
            }
            None => {
                "nothing of it is kept: with --out FOLDER the same command goes on where it was".to_owned()
            }
        };
        CommandError::new(exit, "INTERRUPTED", message, hint)
    }
}

/// How much is done, how fast time passes there, and how long the rest takes if it goes on so.
fn progress([done, seeds]: [u64; 2], [passed, all]: [u64; 2], since: Duration) -> String {
    let (bar, left) = (bar(passed, all), left(passed, all, since));
    let times = u128::from(passed) / since.as_millis().max(1);
    let speed = if passed > 0 { format!(", {times} s a second") } else { String::new() };
    format!("{bar} {done} of {}{speed}{left}", number_of(seeds, "seed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_how_much_is_done_how_fast_and_how_long_the_rest_takes() {
        let of = |done: u64, passed: u64, seconds: u64| {
            progress([done, 20], [passed, 1_200_000], Duration::from_secs(seconds))
        };
        assert_eq!(of(0, 0, 1), "[..........] 0 of 20 seeds");
        assert_eq!(of(3, 400_000, 10), "[###.......] 3 of 20 seeds, 40 s a second, about 20 s left");
        assert_eq!(of(20, 1_200_000, 30), "[##########] 20 of 20 seeds, 40 s a second");
    }

    #[test]
    fn a_run_that_was_kept_is_not_made_again_and_the_first_that_failed_is_told() {
        let text = assay_simulations::lab::shipped::text("market").unwrap();
        let scenario = Scenario::read("market", &text, &|_| None).unwrap();
        let scenario = Scenario { seeds: 3, ..scenario };
        let folder = tempfile::tempdir().unwrap();
        let course = || {
            let kept = SeedFolder::begin(folder.path()).unwrap();
            RunCourse::new(&scenario, 5, false, Some(kept))
        };
        let run = |seed: u64| RunFigures {
            seed,
            digest: "0".to_owned(),
            events: 9,
            figures: vec![("orders".to_owned(), Some(0.1))],
            series: Vec::new(),
        };
        let mut first = course();
        assert_eq!(first.runs, []);
        first.take(DonePiece { scenario: 0, seed: 6, ended: Ok(Ok(run(6))) }).unwrap();
        let mut second = course();
        assert_eq!((&second.runs[..], second.others), (&[run(6)][..], 0));
        for seed in [7, 5] {
            let error = ExperimentError::TooManyEvents { seed, events_max: 1 };
            second.take(DonePiece { scenario: 0, seed, ended: Ok(Err(error)) }).unwrap();
        }
        assert_eq!(second.failed.map(|error| error.seed()), Some(5));
        let file = folder.path().join("seeds/00006.csv");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replacen(", build ", ", build 0", 1)).unwrap();
        let third = course();
        assert_eq!((third.runs, third.others), (vec![], 1), "another build has kept it");
    }

    #[test]
    fn of_runs_in_which_a_program_decides_none_is_kept() {
        let text = "extends = \"churn\"\nname = \"mine\"\n[[population]]\nname = \"theirs\"\ncount = 4\n\
                    behaviour = { command = [\"python3\", \"cheat.py\"] }\n[[population]]\nrole = \"client\"\n";
        let scenario = Scenario::read("mine.toml", text, &assay_simulations::lab::shipped::text).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let kept = SeedFolder::begin(folder.path()).unwrap();
        let course = RunCourse::new(&scenario, 1, false, Some(kept));
        assert!(course.folder.is_none());
        let [_, hint] = course.left(Exit::Other).lines().map(str::to_owned);
        assert!(hint.contains("a program decides"), "{hint}");
    }
}
