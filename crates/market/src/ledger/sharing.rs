//! What books share with others in memory, and share again once they were read from a snapshot; and what they count beside
//! what is written, and count again then.
//!
//! **Invariant:** nothing that the books say changes by it.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

use assay_protocol::{genesis::Genesis, id::PeerId, rate::ConvictionOdds, roster::Roster};

use super::{Ledger, traps::TrapStakes};

impl Ledger {
    /// Shares the rules with whoever else in this process lives by them; nothing, if they are others.
    pub(crate) fn share(&mut self, genesis: Arc<Genesis>) -> Option<()> {
        if genesis != self.genesis {
            return None;
        }
        self.odds = Some(ConvictionOdds::of(&genesis.checks));
        self.genesis = genesis;
        self.share_rosters();
        self.count_trap_stakes();
        Some(())
    }

    /// Counts again what each client's open jobs may put at stake.
    fn count_trap_stakes(&mut self) {
        let mut stakes: BTreeMap<PeerId, TrapStakes> = BTreeMap::new();
        for open in self.jobs.values() {
            stakes.entry(open.job.order().client).or_default().count(&self.genesis, &open.job);
        }
        self.accounts.each_mut(|peer, account| account.traps = stakes.remove(peer).unwrap_or_default());
    }

    /// Has open jobs that were opened in one epoch share its rosters again, as they did when they were opened.
    fn share_rosters(&mut self) {
        let mut known: Vec<Arc<Roster>> = self.checkpoint.shared().cloned().collect();
        self.jobs.each_mut(|_, open| {
            let Some(enrolled) = &mut open.roster else { return };
            match known.iter().find(|roster| **roster == enrolled.roster) {
                Some(roster) => enrolled.roster = Arc::clone(roster),
                None => known.push(Arc::clone(&enrolled.roster)),
            }
        });
    }
}
