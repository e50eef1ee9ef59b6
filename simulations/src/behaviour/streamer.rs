//! Streams something else than it claims.

use std::collections::BTreeMap;

use assay_market::effect::Effect;
use assay_protocol::{
    id::{Digest, JobId, NetworkId, PeerId},
    message::Message,
    objection::Output,
    signed::Signed,
};

use super::Behaviour;
use crate::crypto::SimulatedKey;

/// A provider that signs, before it claims, that it has streamed more than it then claims.
#[derive(Clone, Debug)]
pub struct Streamer {
    key: SimulatedKey,
    network: NetworkId,
    /// To whom each result was delivered, and how many records it has; nothing once another stream of it was signed.
    delivered: BTreeMap<JobId, Option<(PeerId, u64)>>,
}

impl Streamer {
    /// The provider with this key.
    #[must_use]
    pub fn new(key: SimulatedKey, network: NetworkId) -> Self {
        Self { key, network, delivered: BTreeMap::new() }
    }
}

impl Behaviour for Streamer {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let Effect::Send { to, message } = &effect else { return Some(effect) };
        if let Message::Deliver(deliver) = message {
            let said = deliver.said();
            self.delivered.entry(said.claim.said().job).or_insert(Some((*to, said.leaf.written.records)));
        }
        let Message::Claim(claim) = message else { return Some(effect) };
        let job = claim.said().job;
        // The claim is sent again; the client hears of the stream before it is asked for its secret.
        let Some((client, records)) = self.delivered.get_mut(&job).and_then(Option::take) else {
            return Some(effect);
        };
        let output = Output { job, records: records + 1, root: Digest::default() };
        Some(Effect::Send { to: client, message: Signed::seal(output, &self.key, self.network).into() })
    }
}
