//! Whom this peer is kept apart from by its owner, as if what lies between them were broken.
//!
//! **Invariant:** once the task has obeyed, nothing is heard of a severed peer and nothing reaches it, on whatever connection; a
//! peer that is let go of is dialled at once, if it is one to stay connected with.

use std::{collections::BTreeSet, time::Instant};

use assay_protocol::id::PeerId;
use libp2p::allow_block_list::{Behaviour, BlockedPeers};

use super::{identity::to_libp2p, task::SwarmTask};

/// Ends and refuses the connections of those it lists.
pub(super) type Severance = Behaviour<BlockedPeers>;

impl SwarmTask {
    /// Keeps apart from these, and from no others any more.
    pub(super) fn sever(&mut self, from: BTreeSet<PeerId>) {
        let before = self.status.borrow().severed.clone();
        for peer in from.difference(&before).filter_map(|peer| to_libp2p(*peer)) {
            self.swarm.behaviour_mut().severed.block_peer(peer);
        }
        for peer in before.difference(&from).filter_map(|peer| to_libp2p(*peer)) {
            self.swarm.behaviour_mut().severed.unblock_peer(peer);
            self.redial.hasten(&peer, Instant::now());
        }
        if from != before {
            tracing::warn!(
                peers = from.len(),
                "kept apart from so many peers, as the owner of this one wants"
            );
            self.status.send_modify(|status| status.severed = from);
        }
    }
}
