//! What books share with others in memory, and share again once they were read from a snapshot.
//!
//! **Invariant:** nothing that the books say changes by it.

use alloc::{sync::Arc, vec::Vec};

use assay_protocol::{genesis::Genesis, rate::ConvictionOdds, roster::Roster};

use super::Ledger;

impl Ledger {
    /// Shares the rules with whoever else in this process lives by them; nothing, if they are others.
    pub(crate) fn share(&mut self, genesis: Arc<Genesis>) -> Option<()> {
        if genesis != self.genesis {
            return None;
        }
        self.odds = Some(ConvictionOdds::of(&genesis.checks));
        self.genesis = genesis;
        self.share_rosters();
        Some(())
    }

    /// Has open jobs that were opened in one epoch share its rosters again, as they did when they were opened.
    fn share_rosters(&mut self) {
        let mut known: Vec<Arc<Roster>> = self.checkpoint.shared().cloned().collect();
        self.jobs.each_mut(|open| {
            let Some(enrolled) = &mut open.roster else { return };
            match known.iter().find(|roster| **roster == enrolled.roster) {
                Some(roster) => enrolled.roster = Arc::clone(roster),
                None => known.push(Arc::clone(&enrolled.roster)),
            }
        });
    }
}
