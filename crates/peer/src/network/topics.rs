//! What is told to everybody, by topic.
//!
//! Offers are anybody's, and there may be more of them than this peer can hear. Checkpoints are the notaries' alone: whoever
//! else speaks there is not heard, so that no flood of offers keeps a notary's word from those who hold it to that.
//!
//! **Invariant:** no topic takes of another's budget.

use assay_protocol::id::Digest;
use libp2p::gossipsub::{IdentTopic, TopicHash};

/// What gossip is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// What providers promise.
    Offers,
    /// What notaries say of their journals.
    Checkpoints,
}

impl Topic {
    /// All of them.
    pub(super) const ALL: [Self; 2] = [Self::Offers, Self::Checkpoints];

    /// Its name in a network.
    pub(super) fn of(self, network: &Digest) -> IdentTopic {
        let name = match self {
            Self::Offers => "offers/0",
            Self::Checkpoints => "checkpoints",
        };
        IdentTopic::new(format!("assay/1/{network}/{name}"))
    }

    /// The topic of this name.
    pub(super) fn named(name: &TopicHash, network: &Digest) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.of(network).hash() == *name)
    }
}
