//! Being kept apart from other peers, as if what lies between them were broken: for whoever tries what a network does then.
//!
//! **Invariant:** it lasts until others are named or the daemon ends; a daemon that starts is kept apart from nobody.

use std::collections::BTreeSet;

use assay_protocol::id::PeerId;
use serde::{Deserialize, Serialize};

use crate::{
    driver::responder::{Respond, Responder},
    handle::{Call, Refused},
};

/// Keep apart from these peers, and from nobody else any more; once it is answered, nothing is heard of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeverPeers {
    /// Whom; one that is not here is not let in either.
    pub peers: BTreeSet<PeerId>,
}

impl Call for SeverPeers {
    const NAME: &'static str = "sever_peers";
    type Answer = ();
}

impl Respond for SeverPeers {
    async fn respond(self, responder: &Responder) -> Result<(), Refused> {
        responder.network.sever(self.peers).await.map_err(|_| Refused::Ending)
    }
}
