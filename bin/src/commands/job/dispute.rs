//! `assay job dispute`: a result that whoever ordered it doubts.

use assay_peer::handle::DisputeJob;
use serde_json::json;

use crate::{
    command_error::CommandError,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{full, short},
};

const EXAMPLES: &str = "\
Examples:
  assay job dispute 3fa29c         have the result checked, whatever the draw said
  assay job dispute 3fa29c --json  the same, for programs";

/// Have a result checked that was not drawn, while its job is still open.
///
/// The check is paid from what the order puts up beside its price (`assay quote --explain` shows how much). If it finds the
/// result false the provider loses its stake and the money comes back; if it agrees, the check was yours to pay.
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
    let disputed = daemon.call(DisputeJob { name: args.job.clone() }).await;
    let disputed = disputed.map_err(|error| error.of_job(&args.job))?;
    invocation
        .printer
        .document("disputed", &json!({ "submission": full(disputed.key), "job": disputed.job.map(full) }));
    let name = short(disputed.key);
    invocation.printer.line(match disputed.job {
        Some(job) => format!("job {} is checked; `assay job watch {name}` shows what is found", short(job)),
        None => format!("the notary is told that {name} is doubted, and again until it answers"),
    });
    Ok(())
}
