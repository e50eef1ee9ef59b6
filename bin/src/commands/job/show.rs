//! `assay job show`: one job, how far it is, what the runner gave, where the money is.

use assay_peer::handle::{JobView, ShowJob};
use serde_json::Value;

use super::describe;
use crate::{
    command_error::CommandError,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
};

const EXAMPLES: &str = "\
Examples:
  assay job show 3fa29c         a job by the first digits of its name
  assay job show 3fa29c --json  the same, for programs";

/// Show one job: how far it is, what the runner gave, where the money is.
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
    let job = daemon.call(ShowJob { name: args.job.clone() }).await?;
    invocation.printer.document("job", &describe::document(&job, daemon.unit()));
    invocation.printer.table(&describe::table(&job, daemon.unit()));
    for moment in &job.timeline {
        invocation.printer.line(describe::moment_line(moment));
    }
    if let Some(untold) = describe::untold(&job) {
        invocation.printer.note(untold);
    }
    Ok(())
}

/// One job, for pages.
pub(crate) async fn for_pages(name: String, daemon: &RunningDaemon) -> Result<Value, CommandError> {
    Ok(document(&daemon.call(ShowJob { name }).await?, daemon.unit()))
}

/// A job as it is told to pages.
pub(crate) fn document(job: &JobView, unit: &str) -> Value {
    describe::document(job, unit)
}
