//! `assay job retry`: orders a job again of which nothing came.

use assay_peer::handle::{KnownJobs, RetryJob};
use assay_protocol::units::Amount;
use serde_json::json;

use crate::{
    command_error::CommandError,
    credits::credits,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{full, money, short},
};

const EXAMPLES: &str = "\
Examples:
  assay job retry 3fa29c                 order it again, as it was, by the first digits of its name
  assay job retry 3fa29c --max-cost 0.5  the same for 0.5 credits at most, fees included
  assay job retry 3fa29c --json          the same, for programs";

/// Order a job again of which nothing came, with the same input and the same limits.
///
/// Saying it twice orders once: while the new one goes on, or once that is paid, nothing more is ordered. What failed for its
/// input would fail again: it is ordered with --force alone.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The name of a submission or job, or its first digits
    #[arg(value_name = "JOB")]
    job: String,
    /// The most that may be spent, fees included, in credits; as much as before if not given
    #[arg(long, value_name = "CREDITS", value_parser = credits, allow_negative_numbers = true)]
    max_cost: Option<Amount>,
    /// Order it although its input was refused, and is the same again
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let retried = daemon
        .call(RetryJob { name: args.job.clone(), cost_max: args.max_cost, in_vain: args.force })
        .await?;
    let (of, job) = (retried.of, retried.key);
    let known = daemon.call(KnownJobs { keys: vec![job] }).await?;
    let most = known.first().and_then(|known| known.cost_max);
    let unit = daemon.unit();
    invocation.printer.document(
        "job-retried",
        &json!({
            "retried": full(of), "submission": full(job), "order_cost_max": most.map(|most| money(most, unit)),
        }),
    );
    invocation.printer.line(full(job));
    let name = short(job);
    let costs = most.map(|most| format!(" for {most} {unit}s at most")).unwrap_or_default();
    invocation.printer.note(format!(
        "{} is ordered again as {name}{costs}: `assay job wait {name}`, then `assay job result {name}`",
        short(of)
    ));
    // Saying it twice orders once, so that what is under way stays as it was ordered.
    let note = match args.max_cost.zip(most) {
        Some((wanted, most)) if most > wanted => format!(
            "it was ordered again before, and may cost more than --max-cost; `assay job cancel {name}` ends it"
        ),
        Some((wanted, most)) if most < wanted => format!(
            "it was ordered again before, for less than --max-cost: say the same once nothing came of that, or after \
             `assay job cancel {name}`"
        ),
        Some(_) | None => return Ok(()),
    };
    invocation.printer.note(note);
    Ok(())
}
