//! Who can check what: the rosters of one checkpoint.
//!
//! **Invariant:** a checkpoint is a function of the accounts; its root fixes every roster of every kind of jobs.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

use assay_protocol::{
    account::Registration,
    genesis::Genesis,
    id::{Digest, PeerId},
    merkle,
    order::Order,
    roster::{self, Leaf, Listing, Roster},
    units::Amount,
};

use super::Holdings;

/// Checkpoints that a registration waits for: between the two lies one full epoch.
const EPOCHS_WAITED: u64 = 2;

/// The rosters of one checkpoint, by kind of jobs.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Rosters {
    epoch: u64,
    rosters: BTreeMap<Registration, Arc<Roster>>,
    /// What stands for each roster in the tree over all of them, in the same order.
    entries: Vec<Vec<u8>>,
}

/// Who can check one job.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Enrolled {
    pub(super) roster: Arc<Roster>,
    /// What shows that this is the roster of its checkpoint.
    pub(super) listing: Listing,
}

impl Rosters {
    /// The rosters as the accounts stand now: of those that were registered for one full epoch.
    pub(super) fn new(epoch: u64, genesis: &Genesis, accounts: &BTreeMap<PeerId, Holdings>) -> Self {
        let mut able: BTreeMap<Registration, Vec<(PeerId, Amount)>> = BTreeMap::new();
        for (peer, account) in accounts {
            for (kind, since) in &account.registered {
                if since.is_none_or(|since| since + EPOCHS_WAITED <= epoch) {
                    able.entry(*kind).or_default().push((*peer, account.stake));
                }
            }
        }
        let weigh = |(kind, able): (Registration, Vec<_>)| (kind, Arc::new(weigh(genesis, &kind, &able)));
        let rosters: BTreeMap<Registration, Arc<Roster>> = able.into_iter().map(weigh).collect();
        let entry = |(kind, roster): (&Registration, &Arc<Roster>)| roster::entry(kind, &roster.root(epoch));
        Self { epoch, entries: rosters.iter().map(entry).collect(), rosters }
    }

    /// Which checkpoint it is.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The root over all rosters.
    pub(super) fn rosters(&self) -> Digest {
        merkle::root_of(self.entries.iter().map(|entry| &entry[..]))
    }

    /// Those who can check this order.
    pub(super) fn roster(&self, order: &Order) -> Option<&Arc<Roster>> {
        self.rosters.get(&order.kind())
    }

    /// All of them.
    pub(super) fn shared(&self) -> impl Iterator<Item = &Arc<Roster>> {
        self.rosters.values()
    }

    /// Those who can check this order, with what shows it.
    pub(super) fn enrolled(&self, order: &Order) -> Option<Enrolled> {
        let kind = order.kind();
        let roster = Arc::clone(self.rosters.get(&kind)?);
        let position = self.rosters.range(..kind).count() as u64;
        let path = merkle::prove_in(self.entries.iter().map(|entry| &entry[..]), position)?;
        let (count, root) = (self.entries.len() as u64, roster.root(self.epoch));
        let parties = [order.client, order.provider].into_iter().filter_map(|peer| roster.member(peer));
        let listing = Listing { roster: root, position, count, path, parties: parties.collect() };
        Some(Enrolled { roster, listing })
    }
}

/// Weighs verifiers by stake, without a bound: of those whose stake answers for the largest of these jobs.
fn weigh(genesis: &Genesis, kind: &Registration, able: &[(PeerId, Amount)]) -> Roster {
    let least = genesis.stake_least(kind.work_most);
    let able = able.iter().filter(|(_, stake)| *stake >= least);
    Roster::new(able.map(|(peer, stake)| Leaf { peer: *peer, stake: *stake }))
}
