//! `assay devnet down`: ends the daemons of a devnet.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    cut::lost,
    devnet_choice::DevnetChoice,
    devnet_folder::DevnetFolder,
    devnet_plan::{DevnetPlan, DevnetRole},
    peer_process::{self, PeerEnd},
};
use crate::{
    command_error::CommandError,
    invocation::Invocation,
    printer::{Table, path_text},
};

const EXAMPLES: &str = "\
Examples:
  assay devnet down            ends every daemon; `assay devnet up` starts them again
  assay devnet down lab --rm   and removes the folder: homes, keys, journals and all";

/// End the daemons of a devnet in good order: clients first, the notary last.
///
/// One that does not end is killed. The homes stay, and so does what is cut, until --rm removes them.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    devnet: DevnetChoice,
    /// Remove the devnet's folder, with the homes of its peers
    #[arg(long)]
    rm: bool,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let (folder, _) = DevnetFolder::find(&args.devnet.meant(), invocation)?;
    let (lock, plan) = folder.take_begun().await?;
    let spinner = invocation.printer.spinner("waiting until all daemons have ended");
    let ended = end_all(&folder, &plan).await;
    spinner.end();
    let ended = ended?;
    if args.rm {
        folder.remove()?;
    }
    drop(lock);
    let mut table = Table::new(["PEER", "STATE"]);
    ended.iter().for_each(|(name, end)| table.row([name.clone(), end.words().to_owned()]));
    invocation.printer.table(&table);
    if args.rm {
        invocation.printer.note(format!("removed {}", folder.path().display()));
    }
    let peers: Vec<Value> = ended
        .iter()
        .map(|(name, end)| {
            json!({
                "name": name, "was_running": *end != PeerEnd::WasGone, "was_killed": *end == PeerEnd::Killed,
            })
        })
        .collect();
    let document = json!({
        "name": plan.name, "folder": path_text(folder.path()), "is_removed": args.rm, "peers_ended": peers,
    });
    invocation.printer.document("devnet-ended", &document);
    Ok(())
}

/// Ends one role after another: whoever asks before whoever serves, whoever keeps the books last.
async fn end_all(folder: &DevnetFolder, plan: &DevnetPlan) -> Result<Vec<(String, PeerEnd)>, CommandError> {
    let mut ended = Vec::new();
    for role in [DevnetRole::Client, DevnetRole::Provider, DevnetRole::Notary] {
        let mut ending = JoinSet::new();
        for peer in plan.of(role) {
            let (name, home) = (peer.name.clone(), folder.home(&peer.name));
            ending.spawn(async move { peer_process::end(&home).await.map(|end| (name, end)) });
        }
        let first = ended.len();
        while let Some(one) = ending.join_next().await {
            ended.push(one.map_err(|error| lost(&error))??);
        }
        ended[first..].sort_by(|one, other| one.0.cmp(&other.0));
    }
    Ok(ended)
}
