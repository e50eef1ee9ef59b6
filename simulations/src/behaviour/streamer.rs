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

/// A provider that signs, before it claims, that it has streamed something else than it then claims.
#[derive(Clone, Debug)]
pub struct Streamer {
    key: SimulatedKey,
    network: NetworkId,
    /// How many records more it says that it has streamed.
    more: u64,
    /// To whom each result was delivered, and how many records it has; nothing once another stream of it was signed.
    delivered: BTreeMap<JobId, Option<(PeerId, u64)>>,
}

impl Streamer {
    /// The provider with this key, which claims less than it says that it has streamed.
    #[must_use]
    pub fn new(key: SimulatedKey, network: NetworkId) -> Self {
        Self { key, network, more: 1, delivered: BTreeMap::new() }
    }

    /// The same, which claims as much and something else.
    #[must_use]
    pub fn of_as_many(key: SimulatedKey, network: NetworkId) -> Self {
        Self { more: 0, ..Self::new(key, network) }
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
        let output = Output { job, records: records + self.more, root: Digest::default() };
        Some(Effect::Send { to: client, message: Signed::seal(output, &self.key, self.network).into() })
    }
}
