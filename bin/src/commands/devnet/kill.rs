//! `assay devnet kill`: ends peers of a devnet as a crash would.

use super::{
    devnet_choice::DevnetOption, devnet_folder::DevnetFolder, devnet_plan::DevnetPeer, peer_process, report,
};
use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
};

const EXAMPLES: &str = "\
Examples:
  assay devnet kill provider-1      without a word, as when its machine fails
  assay devnet kill notary client   several, one after another
  assay devnet up                   starts them again, with all that they had saved";

/// Kill peers of a devnet without a word, as a crash would.
///
/// `assay devnet up` starts them again.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Whom: their names in `assay devnet ls`, or the first digits of their keys
    #[arg(value_name = "PEER", required = true)]
    peers: Vec<String>,
    #[command(flatten)]
    devnet: DevnetOption,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let (folder, _) = DevnetFolder::find(&args.devnet.meant(), invocation)?;
    let (_lock, plan) = folder.take().await?;
    let victims = args.peers.iter().map(|name| plan.find(name)).collect::<Result<Vec<_>, _>>()?;
    for DevnetPeer { name, .. } in victims {
        let Some(process) = peer_process::kill(&folder.home(name)).await? else {
            let message = format!("{name} does not run");
            let hint = "`assay devnet up` starts it, and `assay devnet ls` says who runs";
            return Err(CommandError::new(Exit::Daemon, "NOT_RUNNING", message, hint));
        };
        invocation.printer.note(format!("killed {name}, which was process {process}"));
    }
    report::show(folder, plan, invocation).await
}
