//! What must hold after every event, and how the jobs ended that the notary closed.
//!
//! Beside the notary's books are kept others, which take every entry that it saves: a [`Witness`] asks every rule of
//! them. What a crash keeps from the disk was never said, so both begin anew then.
//!
//! **Invariant:** money is somewhere: free, at stake, held by an open job or in the pool; what was minted and not burned,
//! no more and no less.

use std::{collections::BTreeMap, sync::Arc};

use assay_market::{
    Node, Record,
    ledger::{Ledger, News},
    witness::Witness,
};
use assay_protocol::{
    genesis::Genesis,
    id::{JobId, NetworkId, PeerId},
    journal::Fact,
    notice::Settled,
    outcome::Outcome,
    receipt::{Receipt, Story},
    signed::{Signed, Signer},
    units::Amount,
};

use crate::crypto::{Simulated, SimulatedKey};

/// After so many facts everything in the books is looked at, and not only what the last one touched.
pub(crate) const SWEEP_FACTS: u64 = 32;

/// A job as its notary closed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// How.
    pub outcome: Outcome,
    /// Who ran it.
    pub provider: PeerId,
    /// What it was paid.
    pub paid: Amount,
    /// What it lost.
    pub slashed: Amount,
}

/// What is known of the books.
#[derive(Debug)]
pub(crate) struct Watch {
    genesis: Arc<Genesis>,
    network: NetworkId,
    notary: SimulatedKey,
    sweep_facts: u64,
    /// One receipt among so many is judged.
    receipts_each: u64,
    /// Whether it is kept how jobs ended.
    keeps_closed: bool,
    ledger: Ledger,
    witness: Witness,
    closed: BTreeMap<JobId, Closed>,
}

impl Watch {
    /// Watches this notary from its first entry on, and looks at everything after so many facts.
    pub(crate) fn new(genesis: Arc<Genesis>, notary: SimulatedKey, sweep_facts: u64) -> Self {
        let ledger = Ledger::new(Arc::clone(&genesis), notary.id());
        Self {
            witness: Witness::new((*genesis).clone(), &ledger, sweep_facts),
            sweep_facts,
            receipts_each: 1,
            keeps_closed: true,
            ledger,
            closed: BTreeMap::new(),
            network: genesis.id(),
            genesis,
            notary,
        }
    }

    /// Judges one receipt among so many, by where it stands in the journal.
    pub(crate) fn judge_each(&mut self, receipts: u64) {
        self.receipts_each = receipts.max(1);
    }

    /// Keeps nothing of a job that is over.
    pub(crate) fn forget_closed(&mut self) {
        self.keeps_closed = false;
    }

    /// Asserts what must hold of a notary's own books after every event.
    pub(crate) fn check(&self, node: &Node<SimulatedKey>) {
        let Some(ledger) = node.ledger() else { return };
        let (_, minted, burned) = ledger.pool_minted_burned();
        assert_eq!(ledger.total(), minted.minus(burned), "the books do not balance: {:?}", node.books());
        let is_open = ledger.open_jobs().next().is_some();
        assert_eq!(!ledger.held().is_zero(), is_open, "what is held is not what is open: {:?}", node.books());
    }

    /// Takes what a notary saved.
    pub(crate) fn saved(&mut self, record: &Record) {
        if let Record::Chain(entry) = record {
            self.take(&entry.fact);
        }
    }

    /// Begins anew with what is left of a notary's records.
    pub(crate) fn restart(&mut self, records: &[Record]) {
        let fresh = Self::new(Arc::clone(&self.genesis), self.notary, self.sweep_facts);
        *self = Self { receipts_each: self.receipts_each, keeps_closed: self.keeps_closed, ..fresh };
        records.iter().for_each(|record| self.saved(record));
    }

    fn take(&mut self, fact: &Fact) {
        let touched = self.ledger.apply(fact);
        let touched =
            touched.unwrap_or_else(|rejection| panic!("I12: not taken in replay: {rejection}: {fact:?}"));
        let (network, notary) = (self.network, self.notary);
        let each = self.receipts_each;
        let receipt =
            |story: &Story| story.position.is_multiple_of(each).then(|| receipt(story, &notary, network));
        self.witness.hear::<Simulated>(&self.ledger, fact, &touched, receipt);
        if !self.keeps_closed {
            return;
        }
        for news in touched.news {
            let News::Closed { story, provider, .. } = news else { continue };
            let (paid, slashed) = (story.settlement.provider, story.settlement.slashed);
            let closed = Closed { outcome: story.outcome, provider, paid, slashed };
            self.closed.insert(story.ticket.job, closed);
        }
    }

    /// The books beside the notary's.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How every job ended that the notary closed.
    pub(crate) fn closed(&self) -> &BTreeMap<JobId, Closed> {
        &self.closed
    }
}

fn receipt(story: &Story, notary: &SimulatedKey, network: NetworkId) -> Receipt {
    let settled = Settled { job: story.ticket.job, receipt: story.digest() };
    let settled = Signed::seal(settled, notary, network).into_signed();
    Receipt { story: story.clone(), settled }
}
