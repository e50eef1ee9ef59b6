//! `assay provider disallow`: takes back that a stranger's runner may run here.

use assay_peer::handle::DisallowRunners;

use super::allow;
use crate::{
    command_error::CommandError,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
};

const EXAMPLES: &str = "\
Examples:
  assay provider disallow poet      let the runner of this model run here no more
  assay provider disallow 3fa29c71  the same, by the first digits of the runner

What the network pins and what comes with the program runs anyway.";

/// Take back that runners of strangers may run here.
///
/// What runs by one is given up at the latest when the daemon starts again. A model that is on offer is taken off it first, with `assay provider models rm`; whoever
/// checks jobs of it registers again without it, with `assay account register`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Models whose runners they are, or the digests of runners
    #[arg(value_name = "MODEL|RUNNER", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let runners = daemon.call(DisallowRunners { names: args.names.clone() }).await?;
    allow::tell(&runners, invocation);
    Ok(())
}
