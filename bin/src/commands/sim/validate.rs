//! `assay sim validate`: every model beside the figure that theory or others give for it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
    mpsc,
};

use assay_simulations::lab::validation::{self, Validated, ValidatedPart};
use serde_json::json;

use super::under_way::{CutShort, RunWatch, ThreadArgs, bar, left};
use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::{Table, number_of, verb},
};

const EXAMPLES: &str = "\
Examples:
  assay sim validate --quick    every figure beside its target, in seconds
  assay sim validate            the same with ten times as many jobs in each queue";

/// Compare the simulator with theory and with what others published.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Fewer jobs
    #[arg(long)]
    quick: bool,
    #[command(flatten)]
    threads: ThreadArgs,
}

pub(super) fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let figures = figures(args, invocation)?;
    let mut table = Table::new(["", "FIGURE", "TARGET", "FOUND", "ALLOWED"]);
    for figure in &figures {
        let Validated { name, target, found, allowed: [low, high] } = figure;
        let verdict = if figure.holds() { "PASS" } else { "FAIL" };
        let allowed = format!("{low:.5} to {high:.5}");
        table.row([verdict.into(), name.clone(), format!("{target:.5}"), format!("{found:.5}"), allowed]);
    }
    let document = figures.iter().map(|figure| {
        let Validated { name, target, found, allowed } = figure;
        json!({ "name": name, "target": target, "measured": found, "allowed": allowed, "holds": figure.holds() })
    });
    invocation.printer.document("sim-validate", &json!({ "figures": document.collect::<Vec<_>>() }));
    invocation.printer.table(&table);
    let wrong = figures.iter().filter(|figure| !figure.holds()).count();
    if wrong > 0 {
        let should = verb(wrong, "is not what it should be", "are not what they should be");
        let message = format!("{wrong} of {} {should}", number_of(figures.len(), "figure"));
        let hint = "a simulator that fails here says nothing: please report the table";
        return Err(CommandError::new(Exit::NotVerified, "NOT_VALIDATED", message, hint));
    }
    Ok(())
}

/// All figures, in one order on however many threads.
fn figures(args: &Args, invocation: &Invocation) -> Result<Vec<Validated>, CommandError> {
    let threads = args.threads.count();
    let watch = RunWatch::begin("computing the first figures", threads, invocation);
    let (sender, done) = mpsc::sync_channel(threads);
    let goes_on = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&goes_on);
    let tell = move |part: ValidatedPart| sender.send(part).is_ok() && asked.load(Ordering::Relaxed);
    let count = validation::begin(args.quick, threads, tell);
    let mut parts: Vec<(usize, Vec<Validated>)> = Vec::new();
    let take = |part: ValidatedPart| {
        // What cannot be computed at all is a fault of the program.
        let figures = part.figures.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        parts.push((part.number, figures));
        Ok(())
    };
    let says = |done: u64, all: u64| {
        format!("{} {done} of {all} parts{}", bar(done, all), left(done, all, watch.elapsed()))
    };
    let ended = watch.hear(&done, &goes_on, count as u64, take, says);
    drop(watch);
    match ended {
        Ok(()) => {}
        Err(CutShort::Asked(exit)) => {
            let message = format!("left after {} of {}", parts.len(), number_of(count, "part"));
            let hint = "nothing of it is kept: the same command begins anew, and --quick is done in seconds";
            return Err(CommandError::new(exit, "INTERRUPTED", message, hint));
        }
        Err(CutShort::Failed(failure)) => return Err(failure),
    }
    parts.sort_by_key(|(number, _)| *number);
    Ok(parts.into_iter().flat_map(|(_, figures)| figures).collect())
}
