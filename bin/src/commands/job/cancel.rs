//! `assay job cancel`: the end of a job that somebody wants no more.

use assay_peer::handle::CancelJob;
use serde_json::json;

use crate::{
    command_error::CommandError,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{full, short},
};

const EXAMPLES: &str = "\
Examples:
  assay job cancel 3fa29c         end a job by the first digits of its name
  assay job cancel 3fa29c --json  the same, for programs";

/// End a job that nobody wants any more.
///
/// Nobody else is asked for it. What was ordered already ends soon: of a text, with what is written by then, which is paid;
/// of anything else for the fee that was agreed, which is nothing unless somebody asked for one. What is claimed stays so.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The name of a submission or job, or its first digits
    #[arg(value_name = "JOB")]
    job: String,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let cancelled = daemon.call(CancelJob { name: args.job.clone() }).await;
    let cancelled = cancelled.map_err(|error| error.of_job(&args.job))?;
    let (key, open) = (cancelled.key, cancelled.open);
    invocation.printer.document("job-cancelled", &json!({ "submission": full(key), "is_open": open }));
    let name = short(key);
    invocation.printer.line(match open {
        true => format!("{name} ends soon; `assay job show {name}` says with what"),
        false => format!("{name} is cancelled; nothing of it is open"),
    });
    Ok(())
}
