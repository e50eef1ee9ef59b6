//! `assay batch resume`: goes on with a batch where it was.

use std::path::PathBuf;

use assay_protocol::units::Amount;

use super::{
    batch_folder::{BatchFolder, failed},
    batch_plan::BatchPlan,
    line_log::LineRecord,
    run,
};
use crate::{
    command_error::CommandError,
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
    #[arg(long, value_name = "CREDITS")]
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
    let (folder, before) = BatchFolder::named(invocation, &args.batch)?;
    let lock = folder.lock(&before)?;
    let plan = BatchPlan {
        output: run::output(args.output.as_deref().unwrap_or(&before.output))?,
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
        try_failed_again(&folder, &plan)?;
    }
    run::carry_out((&folder, lock), &plan, (&lines, &manifests), &daemon, invocation).await
}

/// Nothing was paid for a line that failed, or not for what it was to give; it has another order from now on.
fn try_failed_again(folder: &BatchFolder, plan: &BatchPlan) -> Result<(), CommandError> {
    let mut log = folder.open_log(plan)?;
    let numbered = (0..).zip(log.lines());
    let has_failed = numbered.filter(|(_, state)| state.end.as_ref().is_some_and(|end| end.failure.is_some()));
    let again: Vec<LineRecord> =
        has_failed.map(|(line, state)| LineRecord::Again { line, attempt: state.attempt + 1 }).collect();
    log.add(&again).map_err(|error| failed(&plan.output, &error))
}
