//! Whether a notary's books follow from its journal.
//!
//! **Invariant:** this peer's own journal is audited as anybody else's: by what is published of it.

use assay_protocol::{
    account::Grant,
    id::PeerId,
    notice::Head,
    units::{Amount, Timestamp},
};
use serde::{Deserialize, Serialize};

use crate::{
    driver::{
        audit::{Replay, audit},
        pages,
        responder::{Respond, Responder},
    },
    handle::{Call, Refused},
};

/// Fetch a notary's published journal and replay it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditNotary {
    /// Which notary; the network's first if none.
    pub notary: Option<PeerId>,
}

/// What a replay of a notary's journal found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audited {
    /// Whose journal.
    pub notary: PeerId,
    /// Entries that were replayed.
    pub entries: u64,
    /// Entries after them that are published as digests only, since they concern open jobs.
    pub hidden: u64,
    /// The last entry that was seen, hidden or not.
    pub head: Head,
    /// Jobs that are open where the replay ends.
    pub open: u64,
    /// Jobs that are closed there.
    pub closed: u64,
    /// What all boxes hold there.
    pub total: Amount,
    /// What was created by then and not destroyed.
    pub supply: Amount,
    /// What was created of that before the first entry.
    pub founded: Amount,
    /// How many grants the issuer has made since.
    pub grants_count: u64,
    /// What they created.
    pub granted: Amount,
    /// What was created for newcomers since.
    pub welcomed: Amount,
    /// What was destroyed since.
    pub burned: Amount,
    /// The latest of them that concern this peer, oldest first: those that it is given, or all if it keeps these books.
    pub grants: Vec<AuditedGrant>,
    /// How many more concern this peer, and are too long ago to be told.
    pub grants_untold: u64,
    /// The first entry that does not follow from those before it, and why; nothing if all do.
    pub divergence: Option<(u64, String)>,
}

/// A grant of the issuer's that was replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditedGrant {
    /// The notary's time, by its last tick before it.
    pub at: Timestamp,
    /// What was said.
    pub grant: Grant,
}

impl Call for AuditNotary {
    const NAME: &'static str = "audit_notary";
    type Answer = Audited;
}

impl Respond for AuditNotary {
    async fn respond(self, responder: &Responder) -> Result<Audited, Refused> {
        let (notary, genesis) = (responder.notary(self.notary)?, responder.genesis.clone());
        if notary != responder.own {
            let replay = Replay::new(&genesis, notary, responder.own);
            return audit(responder.network.clone(), replay).await;
        }
        let own = responder.own;
        let journal = |driver: &mut crate::driver::Driver| driver.published(0, u64::MAX);
        let (withheld, total, records) = responder.look(journal).await?;
        let replayed = responder.work(move |is_wanted| {
            let mut replay = Replay::new(&genesis, notary, own);
            let mut entries = pages::shown(records, 0, &withheld, total);
            entries.all(|entry| is_wanted() && replay.push_entry(&entry));
            replay.finish()
        });
        replayed.await
    }
}
