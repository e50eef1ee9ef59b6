//! Telling the daemons of a devnet whom they are kept apart from, and finding each other again.
//!
//! **Invariant:** what holds is written down before anybody is told, so that whatever is left half told, `up` tells the rest.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use assay_peer::{
    config::Home,
    handle::{ConnectError, Handle, SeverPeers},
};
use assay_protocol::id::PeerId;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    devnet_folder::DevnetFolder,
    devnet_plan::{DevnetPeer, DevnetPlan, DevnetRole},
    peer_process,
};
use crate::command_error::{CommandError, Exit};

/// How long one daemon may take to obey.
const TELL_WAIT: Duration = Duration::from_secs(15);
/// How long peers have to find their notary.
const JOIN_WAIT: Duration = Duration::from_secs(30);
/// Between two looks at whether one has.
const LOOK_STEP: Duration = Duration::from_millis(50);

/// Tells every daemon that runs whom it is kept apart from, all at once; gives back who does not run.
pub(super) async fn tell(folder: &DevnetFolder, plan: &DevnetPlan) -> Result<Vec<String>, CommandError> {
    let mut telling = JoinSet::new();
    for peer in &plan.peers {
        let (name, home) = (peer.name.clone(), folder.home(&peer.name));
        let severed = plan.severed_from(&peer.name);
        telling.spawn(async move { tell_one(&home, severed).await.map(|is_told| (name, is_told)) });
    }
    let mut gone = Vec::new();
    while let Some(told) = telling.join_next().await {
        let (name, is_told) = told.map_err(|error| lost(&error))??;
        if !is_told {
            gone.push(name);
        }
    }
    gone.sort();
    Ok(gone)
}

/// Tells a daemon whom it is kept apart from.
pub(super) async fn tell_whom(handle: &Handle, severed: BTreeSet<PeerId>) -> Result<(), CommandError> {
    Ok(handle.call(SeverPeers { peers: severed }).await?)
}

async fn tell_one(home: &Home, severed: BTreeSet<PeerId>) -> Result<bool, CommandError> {
    let told = async {
        match Handle::connect(home).await {
            Ok(handle) => tell_whom(&handle, severed).await.map(|()| true),
            Err(ConnectError::NotRunning { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    };
    // One that was stopped takes the call and never answers.
    timeout(TELL_WAIT, told).await.unwrap_or(Ok(false))
}

/// Waits until each of these that runs is connected with the notary of its side, if that runs.
pub(super) async fn until_joined(folder: &DevnetFolder, plan: &DevnetPlan) -> Result<(), CommandError> {
    let deadline = Instant::now() + JOIN_WAIT;
    for notary in plan.of(DevnetRole::Notary) {
        let others = plan.peers.iter().filter(|peer| peer.role != DevnetRole::Notary);
        let others: Vec<&DevnetPeer> =
            others.filter(|peer| plan.are_together(&peer.name, &notary.name)).collect();
        for peer in others {
            while is_apart(folder, notary, peer).await? {
                if Instant::now() > deadline {
                    return Err(not_joined(peer, notary));
                }
                sleep(LOOK_STEP).await;
            }
        }
    }
    Ok(())
}

/// Whether both run and do not hear of each other yet.
async fn is_apart(
    folder: &DevnetFolder,
    notary: &DevnetPeer,
    peer: &DevnetPeer,
) -> Result<bool, CommandError> {
    let sight = peer_process::look(&folder.home(&peer.name)).await?;
    let Some(status) = sight.status else { return Ok(false) };
    if status.neighbours.contains(&notary.peer) {
        return Ok(false);
    }
    Ok(peer_process::look(&folder.home(&notary.name)).await?.status.is_some())
}

fn not_joined(peer: &DevnetPeer, notary: &DevnetPeer) -> CommandError {
    let (peer, notary) = (&peer.name, &notary.name);
    let message = format!("{peer} has not found {notary} within {} s", JOIN_WAIT.as_secs());
    let hint = "say the same again; what each says stands in daemon.log of its home";
    CommandError::new(Exit::TimedOut, "NOT_JOINED", message, hint).retryable()
}

/// A task of ours did not come to its end.
pub(super) fn lost(error: &tokio::task::JoinError) -> CommandError {
    CommandError::new(Exit::Other, "FAULT", error, "say the same again, which goes on where it was")
}
