//! `assay batch resume`: goes on with a batch where it was.

use std::path::{Path, PathBuf};

use assay_gateway::{BatchFolder, BatchPlan, BatchedFailure, LineRecord};
use assay_peer::handle::{KNOWN_JOBS_MAX, KnownJobs};
use assay_protocol::units::Amount;

use super::{home_batches, run};
use crate::{
    command_error::CommandError,
    credits::credits,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
};

const EXAMPLES: &str = "\
Examples:
  assay batch resume 3fa29c               go on where it was, by the first digits of its name
  assay batch resume 3fa29c --failed      order once more what failed
  assay batch resume 3fa29c --max-cost 8  go on with another ceiling for all of it";

/// Go on with a batch where it was.
///
/// What was ordered before is gathered, and nothing is ordered twice.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The name of a batch, or its first digits
    #[arg(value_name = "BATCH")]
    batch: String,
    /// Order once more the lines that failed
    #[arg(long)]
    failed: bool,
    /// The most that all lines may cost, what was spent before included, in credits
    #[arg(long, value_name = "CREDITS", value_parser = credits, allow_negative_numbers = true)]
    max_cost: Option<Amount>,
    /// Answers that are being written at a time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: Option<u16>,
    /// Where the answers go from now on
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let (folder, before) = home_batches::named(invocation, &args.batch)?;
    let lock = folder.lock(before.name).await?;
    // Whoever held it may have changed what it is to do.
    let before = folder.plan()?.unwrap_or(before);
    let plan = BatchPlan {
        output: run::output(args.output.as_deref().unwrap_or(&before.output), Path::new(&before.input))?,
        cost_max: args.max_cost.or(before.cost_max),
        concurrency: args.concurrency.unwrap_or(before.concurrency),
        ..before.clone()
    };
    let lines = folder.lines(&plan)?;
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let manifests = run::manifests(&plan, &daemon).await?;
    if plan != before {
        folder.keep(&plan)?;
    }
    if args.failed {
        try_failed_again(&folder, &plan, &daemon).await?;
    }
    run::carry_out((&folder, lock), &plan, (&lines, &manifests), &daemon, invocation).await
}

/// Opens the lines that failed again: with another order, or with the same where its result has come after all.
async fn try_failed_again(
    folder: &BatchFolder,
    plan: &BatchPlan,
    daemon: &RunningDaemon,
) -> Result<(), CommandError> {
    let mut log = folder.open_log(plan)?;
    let mut failed = Vec::new();
    for (line, state) in log.lines().iter().enumerate() {
        if let Some(failure) = state.end.as_ref().and_then(|end| end.failure.as_ref()) {
            failed.push((line, state.attempt, failure == BatchedFailure::UNDELIVERED));
        }
    }
    let mut records = Vec::new();
    for some in failed.chunks(KNOWN_JOBS_MAX) {
        let keys = some.iter().map(|(line, attempt, _)| plan.key(*line, *attempt)).collect();
        let known = daemon.call(KnownJobs { keys }).await?;
        for (line, attempt, is_late) in some.iter().copied() {
            let key = plan.key(line, attempt);
            let job = known.iter().find(|job| job.submission.key == key).filter(|_| is_late);
            let has_come = job.is_some_and(|job| job.submission.answer().is_some());
            let attempt = if has_come { attempt } else { attempt + 1 };
            records.push(LineRecord::Again { line, attempt, cost: Amount::ZERO });
        }
    }
    Ok(folder.add(&mut log, &records)?)
}
