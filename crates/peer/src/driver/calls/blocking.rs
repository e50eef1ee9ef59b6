//! Clients whose orders are not taken on here.
//!
//! **Invariant:** whoever asked hears that a client is blocked once that is on the disk.

use std::collections::BTreeSet;

use assay_market::{Command, Input, node::BLOCKED_MAX};
use assay_protocol::id::PeerId;
use serde::{Deserialize, Serialize};

use crate::{
    driver::{
        Driver,
        responder::{Respond, Responder},
    },
    handle::{Call, OfferRefused, Refused},
    journal::Broken,
};

/// Who is blocked, and who could be.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ListBlocked;

/// Take orders of these clients no more, or again.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeBlocked {
    /// Whose orders are not taken on any more.
    pub block: Vec<PeerId>,
    /// Whose are again.
    pub unblock: Vec<PeerId>,
}

/// Who is blocked, and who could be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockedView {
    /// Those whose orders are not taken on.
    pub blocked: Vec<PeerId>,
    /// Clients that ordered here, as far as that is remembered, and peers that are connected.
    pub known: Vec<PeerId>,
}

impl Call for ListBlocked {
    const NAME: &'static str = "list_blocked";
    type Answer = BlockedView;
}

impl Respond for ListBlocked {
    async fn respond(self, responder: &Responder) -> Result<BlockedView, Refused> {
        responder.look(|driver| driver.blocked()).await
    }
}

impl Call for ChangeBlocked {
    const NAME: &'static str = "change_blocked";
    type Answer = BlockedView;
}

impl Respond for ChangeBlocked {
    async fn respond(self, responder: &Responder) -> Result<BlockedView, Refused> {
        responder.act_and_save(move |driver| Box::pin(driver.change_blocked(self))).await?
    }
}

impl Driver {
    fn blocked(&self) -> BlockedView {
        let known = self.node.clients().chain(self.background.network.peers());
        let known: BTreeSet<PeerId> = known.filter(|peer| *peer != self.own).collect();
        BlockedView { blocked: self.node.blocked().collect(), known: known.into_iter().collect() }
    }

    /// All of it, or nothing where there is no room for all.
    async fn change_blocked(&mut self, wish: ChangeBlocked) -> Result<Result<BlockedView, Refused>, Broken> {
        let ChangeBlocked { block, unblock } = wish;
        let mut blocked: BTreeSet<PeerId> = self.node.blocked().collect();
        blocked.extend(&block);
        blocked.retain(|peer| !unblock.contains(peer));
        if blocked.len() > BLOCKED_MAX {
            return Ok(Err(OfferRefused::TooManyBlocked { max: BLOCKED_MAX }.into()));
        }
        // Room first: the names that go may be what others wait for.
        for client in &unblock {
            self.take(Input::Command(Command::Unblock { client: *client })).await?;
        }
        for client in block.into_iter().filter(|client| !unblock.contains(client)) {
            self.take(Input::Command(Command::Block { client })).await?;
        }
        Ok(Ok(self.blocked()))
    }
}
