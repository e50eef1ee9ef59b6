//! Whether what peers remember is what they know: chains replayed by the audit, brains by their journals.

use std::{collections::BTreeMap, sync::Arc};

use assay_market::{
    Config, Effects, Node, Record,
    audit::{Audit, AuditReport, Divergence},
    ledger::Ledger,
    node::Snapshot,
    record::ClientRecord,
    reliability::Impression,
    view::{AttemptState, BooksView, InstructionView, RunView, SubmissionView},
    witness::state_of,
};
use assay_protocol::{
    id::{Digest, JobId},
    journal::Published,
    signed::Signer,
};

use super::{Place, World};
use crate::crypto::{Simulated, SimulatedKey};

/// What of a brain must survive a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The books.
    pub books: Option<BooksView>,
    /// The jobs of the client.
    pub submissions: Vec<SubmissionView>,
    /// The jobs of the provider and the checks of the verifier.
    pub runs: Vec<RunView>,
    /// What its notaries are still to do for it.
    pub instructions: Vec<InstructionView>,
    /// What the client has seen of each peer.
    pub impressions: Vec<Impression>,
}

impl World {
    /// Audits the whole chain of the notary, as if all of it were published.
    ///
    /// # Errors
    /// [`Divergence`], at the first entry that does not follow from those before.
    pub fn audit(&self) -> Result<AuditReport, Divergence> {
        let notary = self.plan.notary();
        let mut audit = Audit::new((*self.genesis).clone(), self.key(notary).id());
        for record in self.peers[notary.0].disk.records() {
            if let Record::Chain(entry) = record {
                audit.push::<Simulated>(&Published::Whole(*entry))?;
            }
        }
        Ok(audit.finish())
    }

    /// The names of three states of the books that should be one (I12): of the notary's own, of those beside them, and of
    /// those that its chain gives when it is read back. None while it is down, or if the chain is not taken.
    #[must_use]
    pub fn states(&self) -> Option<[Digest; 3]> {
        let notary = self.plan.notary();
        let mut replayed = Ledger::new(self.genesis.clone(), self.id(notary));
        for record in self.peers[notary.0].disk.records() {
            if let Record::Chain(entry) = record {
                replayed.apply(&entry.fact).ok()?;
            }
        }
        Some([self.node(notary)?.ledger()?, self.watch.ledger(), &replayed].map(state_of))
    }

    /// Every order that a client signed, those that it gave up included, with the submission it was signed for.
    #[must_use]
    pub fn orders(&self, client: Place) -> BTreeMap<JobId, Digest> {
        let records = self.peers[client.0].disk.records().into_iter();
        let orders = records.filter_map(|record| {
            let Record::Client(record) = record else { return None };
            let ClientRecord::Ordered { key, order, .. } = *record else { return None };
            Some((order.id(), key))
        });
        orders.collect()
    }

    /// What a peer knows, and what it would know after a restart. What comes back by itself is left out: why a
    /// submission found no provider, and whether a run that has no result had begun.
    #[must_use]
    pub fn memory(&self, place: Place) -> Option<(Memory, Memory)> {
        let peer = &self.peers[place.0];
        let restored = self.restore_at(place, &peer.disk.records(), 0, [0; 32], &mut Effects::new());
        Some((self.memory_of(peer.node.as_ref()?), self.memory_of(&restored)))
    }

    /// How many records a peer has saved.
    #[must_use]
    pub fn saved(&self, place: Place) -> usize {
        usize::try_from(self.peers[place.0].disk.saved()).unwrap_or(usize::MAX)
    }

    /// What a peer is when it goes on from a snapshot of so many of its records and from those behind it, and when it
    /// goes on from all: in every bit of it, and as snapshots of both.
    #[must_use]
    pub fn restored(&self, place: Place, cut: usize) -> [(String, Vec<u8>); 2] {
        let peer = &self.peers[place.0];
        let records = peer.disk.records();
        [cut, 0].map(|cut| {
            let node = self.restore_at(place, &records, cut, [0; 32], &mut Effects::new());
            (format!("{node:?}"), node.snapshot())
        })
    }

    /// A peer that goes on from a snapshot of so many of these records, and from the others.
    pub(super) fn restore_at(
        &self,
        place: Place,
        records: &[Record],
        cut: usize,
        entropy: [u8; 32],
        out: &mut Effects,
    ) -> Node<SimulatedKey> {
        let (key, config) = (self.peers[place.0].key, Config::new(Arc::clone(&self.genesis)));
        let restore = |snapshot, records: &[Record], out: &mut Effects| {
            Node::restore_from(key, config.clone(), entropy, snapshot, records.iter().cloned(), out)
        };
        if cut == 0 {
            return restore(None, records, out);
        }
        let bytes = restore(None, &records[..cut], &mut Effects::new()).snapshot();
        let Some(snapshot) = Snapshot::read(&bytes, key.id(), &config) else {
            unreachable!("a snapshot does not read back");
        };
        restore(Some(snapshot), &records[cut..], out)
    }

    fn memory_of<S: Signer>(&self, node: &Node<S>) -> Memory {
        let peers = (0..self.plan.peers()).map(|number| self.id(Place(number)));
        let mut memory = Memory {
            books: node.books(),
            submissions: node.submissions(),
            runs: node.runs(),
            instructions: node.instructions(),
            impressions: peers.map(|peer| node.impression(peer)).collect(),
        };
        for submission in &mut memory.submissions {
            submission.unmatched = None;
            let attempts = &mut submission.attempts;
            attempts.iter_mut().for_each(|attempt| attempt.state = settled(attempt.state));
        }
        memory
    }
}

/// Why an order was not opened is told once and not kept.
fn settled(state: AttemptState) -> AttemptState {
    match state {
        AttemptState::Refused(_) | AttemptState::Unanswered => AttemptState::Unanswered,
        AttemptState::Proposed
        | AttemptState::Cancelled
        | AttemptState::Opening
        | AttemptState::Running
        | AttemptState::Delivered
        | AttemptState::Failed(_)
        | AttemptState::Closed(_) => state,
    }
}
