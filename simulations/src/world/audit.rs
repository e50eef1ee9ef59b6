//! Whether what peers remember is what they know: chains replayed by the audit, brains by their journals.

use std::{collections::BTreeMap, sync::Arc};

use assay_market::{
    Config, Effects, Node, Record,
    audit::{Audit, AuditReport, Divergence},
    ledger::Ledger,
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
use crate::crypto::Simulated;

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
        let config = Config::new(Arc::clone(&self.genesis));
        let records = peer.disk.records().into_iter();
        let restored = Node::restore(peer.key, config, [0; 32], records, &mut Effects::new());
        Some((self.memory_of(peer.node.as_ref()?), self.memory_of(&restored)))
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
