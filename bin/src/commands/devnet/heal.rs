//! `assay devnet heal`: takes a partition back.

use super::{cut, devnet_choice::DevnetChoice, devnet_folder::DevnetFolder, devnet_plan::DevnetPlan, report};
use crate::{command_error::CommandError, invocation::Invocation};

const EXAMPLES: &str = "\
Examples:
  assay devnet heal      nobody is cut off from anybody any more
  assay devnet heal lab  of several devnets, in this one";

/// Bring all peers of a devnet together again, and wait until they have found their notary.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    devnet: DevnetChoice,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let (folder, _) = DevnetFolder::find(&args.devnet.meant(), invocation)?;
    let (_lock, plan) = folder.take().await?;
    let plan = DevnetPlan { sides: Vec::new(), ..plan };
    folder.keep(&plan)?;
    cut::tell(&folder, &plan).await?;
    let spinner = invocation.printer.spinner("waiting until all have found their notary");
    let joined = cut::until_joined(&folder, &plan).await;
    spinner.end();
    joined?;
    report::show(folder, plan, invocation).await
}
