//! Who can check what: the rosters of one checkpoint.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

use assay_protocol::{
    genesis::{Checks, Genesis},
    id::{Digest, PeerId},
    order::Order,
    roster::{Leaf, Roster},
    units::Rate,
};

use super::Account;

/// The rosters of one checkpoint, by class and manifest.
#[derive(Clone, Debug)]
pub(super) struct Checkpoint {
    epoch: u64,
    rosters: BTreeMap<(Digest, Digest), Arc<Roster>>,
}

impl Checkpoint {
    /// The rosters as the accounts stand now. Founders can check every pinned manifest.
    pub(super) fn new(epoch: u64, genesis: &Genesis, accounts: &BTreeMap<PeerId, Account>) -> Self {
        let mut by_class: BTreeMap<Digest, Vec<(PeerId, &Account)>> = BTreeMap::new();
        for (peer, account) in accounts {
            for class in &account.classes {
                by_class.entry(*class).or_default().push((*peer, account));
            }
        }
        let mut rosters = BTreeMap::new();
        for (class, able) in by_class {
            let roster = Arc::new(weigh(&genesis.checks, &able));
            for manifest in &genesis.manifests {
                rosters.insert((class, manifest.digest()), Arc::clone(&roster));
            }
        }
        Self { epoch, rosters }
    }

    /// Who can check this order, and since which checkpoint.
    pub(super) fn roster(&self, order: &Order) -> Option<(u64, Arc<Roster>)> {
        let roster = self.rosters.get(&(order.class, order.manifest.digest()))?;
        Some((self.epoch, Arc::clone(roster)))
    }
}

/// Weighs verifiers by stake: nobody below the least share, no operator above the greatest.
fn weigh(checks: &Checks, able: &[(PeerId, &Account)]) -> Roster {
    let total: u64 = able.iter().map(|(_, account)| account.stake.0).sum();
    let least = share(total, checks.share_min);
    let able: Vec<&(PeerId, &Account)> =
        able.iter().filter(|(_, account)| account.stake.0 > 0 && account.stake.0 >= least).collect();
    let mut stakes: BTreeMap<Digest, u64> = BTreeMap::new();
    for (_, account) in &able {
        *stakes.entry(account.operator).or_default() += account.stake.0;
    }
    let greatest = share(total, checks.share_max.max(Rate::of(1, stakes.len() as u64)));
    let leaf = |(peer, account): &&(PeerId, &Account)| {
        let of_operator = stakes.get(&account.operator).copied().unwrap_or_default();
        let weight = share(account.stake.0, Rate::of(greatest.min(of_operator), of_operator));
        Leaf { peer: *peer, operator: account.operator, stake: account.stake, weight }
    };
    Roster::new(able.iter().map(leaf))
}

fn share(amount: u64, rate: Rate) -> u64 {
    assay_protocol::units::Amount(amount).share(rate).0
}
