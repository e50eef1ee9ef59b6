//! Streams something else than it claims.

use std::collections::BTreeSet;

use assay_market::effect::Effect;
use assay_protocol::{
    id::{Digest, JobId, NetworkId},
    message::Message,
    objection::Output,
    signed::Signed,
};

use super::Behaviour;
use crate::crypto::SimulatedKey;

/// A provider that signs, before it delivers a result, that it has streamed more than it then claims.
#[derive(Clone, Debug)]
pub struct Streamer {
    key: SimulatedKey,
    network: NetworkId,
    streamed: BTreeSet<JobId>,
}

impl Streamer {
    /// The provider with this key.
    #[must_use]
    pub fn new(key: SimulatedKey, network: NetworkId) -> Self {
        Self { key, network, streamed: BTreeSet::new() }
    }
}

impl Behaviour for Streamer {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let Effect::Send { to, message: Message::Deliver(deliver) } = &effect else { return Some(effect) };
        let said = deliver.said();
        let (leaf, job) = (said.leaf, said.claim.said().job);
        if !self.streamed.insert(job) {
            return Some(effect);
        }
        let output = Output { job, records: leaf.records + 1, root: Digest::default() };
        Some(Effect::Send { to: *to, message: Signed::seal(output, &self.key, self.network).into() })
    }
}
