//! `assay sim replay`: what an experiment gave, asked once more.
//!
//! **Invariant:** it changes nothing in the folder.

use std::{fmt::Write as _, path::PathBuf};

use assay_simulations::lab::{
    artefact::VERSION,
    experiment::{self, RunFigures},
    scenario::Scenario,
};
use clap::builder::TypedValueParser;
use serde_json::json;

use super::{experiment_folder::KeptExperiment, failed, programs::ProgramArgs};
use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::{number_of, path_text, verb},
};

const EXAMPLES: &str = "\
Examples:
  assay sim replay runs             every run of the folder again; exit 15 if one is another this time
  assay sim replay runs --seed 7    the run with this seed alone; of a sweep, that of each cell";

/// Run again what a folder holds, and compare digests.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The folder of an experiment
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Run this seed alone
    #[arg(
        long,
        value_name = "SEED",
        value_parser = clap::value_parser!(i64).range(0..).map(i64::unsigned_abs),
        allow_negative_numbers = true
    )]
    seed: Option<u64>,
    #[command(flatten)]
    programs: ProgramArgs,
}

/// Runs that are to be made again: where they are from, their scenario and what they gave.
type Replayed<'a> = (String, &'a Scenario, &'a [RunFigures]);

pub(super) fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let kept = KeptExperiment::read(&args.folder)?;
    let parts: Vec<Replayed<'_>> = match &kept {
        KeptExperiment::Run(artefact) => vec![(String::new(), artefact.scenario(), artefact.runs())],
        KeptExperiment::Sweep(artefact) => {
            let plan = artefact.plan();
            let part = |cell: usize| format!("{}, ", plan.called(cell));
            let cells = artefact.cells().iter();
            cells.map(|cell| (part(cell.number), plan.cell(cell.number), &cell.runs[..])).collect()
        }
    };
    parts.iter().try_for_each(|(_, scenario, _)| args.programs.refuse(scenario))?;
    if kept.version() != VERSION {
        let note = format!("it was run by version {}, and this is {VERSION}", kept.version());
        invocation.printer.note(note);
    }
    let (mut count, mut digests) = (0, "seed,digest\n".to_owned());
    for (part, scenario, runs) in parts {
        let wanted: Vec<&RunFigures> =
            runs.iter().filter(|run| args.seed.is_none_or(|seed| run.seed == seed)).collect();
        for (before, now) in wanted.iter().zip(again(scenario, &wanted)?) {
            compare(&part, before, &now, kept.version())?;
            let _ = writeln!(digests, "{},{}", now.seed, now.digest);
            count += 1;
        }
    }
    if count == 0 {
        let message = format!("{} has no run with such a seed", args.folder.display());
        return Err(CommandError::new(Exit::NotFound, "NO_RUN", message, "its digests.csv lists them"));
    }
    let document = json!({ "folder": path_text(&args.folder), "run_count": count, "digests": digests });
    invocation.printer.document("sim-replay", &document);
    let gave = verb(count, "gave the digest that it", "gave the digests that they");
    invocation.printer.line(format!("{} {gave} gave before", number_of(count, "run")));
    Ok(())
}

/// The same runs, on as many threads as there are cores. Their seeds follow each other.
fn again(scenario: &Scenario, runs: &[&RunFigures]) -> Result<Vec<RunFigures>, CommandError> {
    let Some(first) = runs.first() else { return Ok(Vec::new()) };
    let scenario = Scenario { seeds: runs.len() as u64, ..scenario.clone() };
    experiment::run(&scenario, first.seed, false).map_err(|error| failed(&error))
}

fn compare(part: &str, before: &RunFigures, now: &RunFigures, version: &str) -> Result<(), CommandError> {
    if (before.seed, &before.digest) == (now.seed, &now.digest) {
        return Ok(());
    }
    let message = format!("{part}seed {} gave {} before and {} now", before.seed, before.digest, now.digest);
    let hint = match version == VERSION {
        true => {
            "this is a fault of the program, or the folder was changed: please report the scenario and the seed"
        }
        false => "only the same version of the program gives the same digests: replay it with that one",
    };
    Err(CommandError::new(Exit::Unlike, "UNLIKE_BEFORE", message, hint))
}
