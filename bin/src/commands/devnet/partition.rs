//! `assay devnet partition`: cuts peers of a devnet off from each other.

use super::{cut, devnet_choice::DevnetOption, devnet_folder::DevnetFolder, devnet_plan::DevnetPlan, report};
use crate::{command_error::CommandError, invocation::Invocation};

const EXAMPLES: &str = "\
Examples:
  assay devnet partition notary client -- provider-1 provider-2
                                            two providers on a side of their own
  assay devnet partition -- client          one peer, cut off from all others
  assay devnet partition -- client -- provider-1
                                            three sides
  assay devnet heal                         all together again";

/// Cut peers of a devnet off from each other, at once and in both directions.
///
/// Each `--` begins another side; whoever is not named is on the first. Connections between the sides end, and no new one comes
/// about until `assay devnet heal`, or until another partition takes the place of this one. A daemon that is started by
/// `assay devnet up` is told again. Peers that joined the network beside the devnet are cut off from nobody.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, override_usage = "assay devnet partition [OPTIONS] [PEER]... -- <PEER>... [-- <PEER>...]...")]
pub(crate) struct Args {
    /// Who is on the first side, beside all that are not named
    #[arg(value_name = "PEER")]
    first: Vec<String>,
    /// Who is on each other side
    #[arg(value_name = "PEER", last = true)]
    others: Vec<String>,
    #[command(flatten)]
    devnet: DevnetOption,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let (folder, _) = DevnetFolder::find(&args.devnet.meant(), invocation)?;
    let (_lock, plan) = folder.take().await?;
    let plan = DevnetPlan { sides: plan.sides_of(&args.first, &args.others)?, ..plan };
    folder.keep(&plan)?;
    for gone in cut::tell(&folder, &plan).await? {
        invocation.printer.note(format!("{gone} does not run; `assay devnet up` starts and tells it"));
    }
    report::show(folder, plan, invocation).await?;
    invocation.printer.note("`assay devnet heal` brings them together again");
    Ok(())
}
