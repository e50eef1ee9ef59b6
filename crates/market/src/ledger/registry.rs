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

use super::{
    Holdings,
    absence::{self, Registrant},
};

/// Checkpoints that a registration waits for: between the two lies one full epoch.
pub(super) const EPOCHS_WAITED: u64 = 2;

/// The rosters of one checkpoint, by kind of jobs.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Rosters {
    epoch: u64,
    rosters: BTreeMap<Registration, Arc<Roster>>,
    /// What stands for each roster in the tree over all of them, in the same order.
    entries: Vec<Vec<u8>>,
    /// Whom it suspends, by kind.
    suspended: Vec<(Registration, Registrant)>,
}

/// Who can check one job.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Enrolled {
    pub(super) roster: Arc<Roster>,
    /// What shows that this is the roster of its checkpoint.
    pub(super) listing: Listing,
}

impl Rosters {
    /// The rosters as the accounts stand now: of those that were registered for one full epoch and are not suspended.
    pub(super) fn new(epoch: u64, genesis: &Genesis, accounts: &BTreeMap<PeerId, Holdings>) -> Self {
        let mut registered: BTreeMap<Registration, Vec<Registrant>> = BTreeMap::new();
        for (peer, account) in accounts {
            for (kind, enrolment) in account.registered.iter().filter(|(_, enrolment)| !enrolment.suspended) {
                let is_old = enrolment.is_old(epoch);
                let weight = if is_old { weigh(genesis, kind, account.stake) } else { Amount::ZERO };
                let registrant = Registrant { peer: *peer, weight, absence: enrolment.absence };
                let registrants = registered.entry(*kind).or_default();
                if is_old || registrant.absence.is_some() {
                    registrants.push(registrant);
                }
            }
        }
        registered.retain(|_, registrants| !registrants.is_empty());
        let mut suspended = Vec::new();
        let mut rosters = BTreeMap::new();
        for (kind, registrants) in registered {
            let taken = absence::suspended(&registrants);
            let stays = |registrant: &&Registrant| taken.iter().all(|taken| taken.peer != registrant.peer);
            let leaf = |registrant: &Registrant| Leaf { peer: registrant.peer, stake: registrant.weight };
            rosters.insert(kind, Arc::new(Roster::new(registrants.iter().filter(stays).map(leaf))));
            suspended.extend(taken.into_iter().map(|registrant| (kind, registrant)));
        }
        let entry = |(kind, roster): (&Registration, &Arc<Roster>)| roster::entry(kind, &roster.root(epoch));
        Self { epoch, entries: rosters.iter().map(entry).collect(), rosters, suspended }
    }

    /// Whom it suspends, by kind.
    pub(super) fn suspended(&self) -> &[(Registration, Registrant)] {
        &self.suspended
    }

    /// True if this peer stands in the roster of a kind.
    pub(super) fn holds(&self, kind: &Registration, peer: PeerId) -> bool {
        self.rosters.get(kind).is_some_and(|roster| roster.holds(peer))
    }

    /// Which checkpoint it is.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The root over all rosters.
    pub(super) fn rosters(&self) -> Digest {
        merkle::root_of(self.entries.iter().map(|entry| &entry[..]))
    }

    /// Those who can check orders of this kind.
    pub(super) fn roster(&self, kind: &Registration) -> Option<&Arc<Roster>> {
        self.rosters.get(kind)
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

/// What a verifier weighs: its stake, without a bound, if that answers for the largest of these jobs.
fn weigh(genesis: &Genesis, kind: &Registration, stake: Amount) -> Amount {
    if stake >= genesis.stake_least(kind.work_most) { stake } else { Amount::ZERO }
}
