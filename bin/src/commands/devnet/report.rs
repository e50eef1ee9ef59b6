//! How a devnet stands, for people and programs.
//!
//! **Invariant:** what is shown of a peer was asked of it, or of its home, a moment ago.

use assay_peer::config::Home;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    cut::lost,
    devnet_folder::DevnetFolder,
    devnet_plan::{DevnetPeer, DevnetPlan},
    peer_process::{PeerSight, look},
};
use crate::{
    command_error::CommandError,
    invocation::Invocation,
    printer::{Table, full, path_text},
};

/// A devnet as it stands.
pub(super) struct DevnetReport {
    folder: DevnetFolder,
    plan: DevnetPlan,
    sights: Vec<PeerSight>,
}

impl DevnetReport {
    /// Looks at all peers of a devnet.
    pub(super) async fn of(folder: DevnetFolder, plan: DevnetPlan) -> Result<Self, CommandError> {
        let mut looking = JoinSet::new();
        for (place, peer) in plan.peers.iter().enumerate() {
            let home: Home = folder.home(&peer.name);
            looking.spawn(async move { (place, look(&home).await) });
        }
        let mut seen = Vec::new();
        while let Some(looked) = looking.join_next().await {
            let (place, sight) = looked.map_err(|error| lost(&error))?;
            seen.push((place, sight?));
        }
        seen.sort_by_key(|(place, _)| *place);
        let sights = seen.into_iter().map(|(_, sight)| sight).collect();
        Ok(Self { folder, plan, sights })
    }

    /// The table that devnets are shown in.
    pub(super) fn table() -> Table {
        Table::new(["DEVNET", "PEER", "ROLE", "PROCESS", "STATE", "SIDE", "ADDRESS", "HOME"])
            .spares(&["ADDRESS", "ROLE"])
    }

    /// Adds its peers to a table.
    pub(super) fn rows(&self, table: &mut Table) {
        for (peer, sight) in self.plan.peers.iter().zip(&self.sights) {
            let none = || "-".to_owned();
            table.row([
                self.plan.name.clone(),
                peer.name.clone(),
                peer.role.word().to_owned(),
                sight.process.map_or_else(none, |process| process.to_string()),
                self.state(peer, sight).to_owned(),
                self.plan.side_of(&peer.name).map_or_else(none, |side| (side + 1).to_string()),
                peer.address.clone(),
                self.folder.home(&peer.name).root().display().to_string(),
            ]);
        }
    }

    fn state(&self, peer: &DevnetPeer, sight: &PeerSight) -> &'static str {
        match (&sight.status, sight.process) {
            (Some(_), _) if !self.is_told(peer, sight) => "not told who is apart",
            (Some(_), _) => "runs",
            (None, Some(_)) => "does not answer",
            (None, None) => "gone",
        }
    }

    /// Whether a daemon keeps apart from those that it should.
    fn is_told(&self, peer: &DevnetPeer, sight: &PeerSight) -> bool {
        let severed = self.plan.severed_from(&peer.name);
        sight.status.as_ref().is_some_and(|status| status.severed.iter().copied().eq(severed))
    }

    /// The same for programs.
    pub(super) fn document(&self) -> Value {
        let peers = self.plan.peers.iter().zip(&self.sights).map(|(peer, sight)| {
            json!({
                "name": peer.name, "role": peer.role, "peer": full(peer.peer),
                "process": sight.process, "answers": sight.status.is_some(),
                "is_told": self.is_told(peer, sight), "side": self.plan.side_of(&peer.name).map(|side| side + 1),
                "address": peer.address, "home": path_text(self.folder.home(&peer.name).root()),
            })
        });
        json!({
            "name": self.plan.name, "folder": path_text(self.folder.path()),
            "network_file": path_text(&self.folder.network()),
            "is_founded": self.plan.is_founded, "sides": self.plan.sides, "members": peers.collect::<Vec<_>>(),
        })
    }
}

/// Shows how one devnet stands.
pub(super) async fn show(
    folder: DevnetFolder,
    plan: DevnetPlan,
    invocation: &Invocation,
) -> Result<(), CommandError> {
    let report = DevnetReport::of(folder, plan).await?;
    let mut table = DevnetReport::table();
    report.rows(&mut table);
    invocation.printer.table(&table);
    invocation.printer.document("devnet", &report.document());
    Ok(())
}
