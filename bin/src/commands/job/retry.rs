//! `assay job retry`: orders a job again of which nothing came.

use assay_peer::handle::RetryJob;
use serde_json::json;

use crate::{
    command_error::CommandError,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{full, short},
};

const EXAMPLES: &str = "\
Examples:
  assay job retry 3fa29c         order it again, as it was, by the first digits of its name
  assay job retry 3fa29c --json  the same, for programs";

/// Order a job again of which nothing came, with the same input and the same limits.
///
/// Saying it twice orders once: while the new one goes on, or once that is paid, nothing more is ordered.
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
    let retried = daemon.call(RetryJob { name: args.job.clone() }).await?;
    let (of, job) = (retried.of, retried.key);
    invocation.printer.document("job-retried", &json!({ "retried": full(of), "submission": full(job) }));
    invocation.printer.line(full(job));
    let name = short(job);
    invocation.printer.note(format!(
        "{} is ordered again as {name}: `assay job wait {name}`, then `assay job result {name}`",
        short(of)
    ));
    Ok(())
}
