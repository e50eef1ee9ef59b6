//! Keeps what was streamed to it, and shows the notary where that is not what was claimed.

use std::collections::BTreeMap;

use assay_market::{Effect, Input};
use assay_protocol::{
    id::{JobId, NetworkId},
    message::{Message, Opened},
    objection::{Contradict, Output},
    signed::Signed,
};

use super::Behaviour;
use crate::crypto::SimulatedKey;

/// A client that says, instead of its secret, what its provider had streamed, if that contradicts the claim.
#[derive(Clone, Debug)]
pub struct Listener {
    key: SimulatedKey,
    network: NetworkId,
    streamed: BTreeMap<JobId, Signed<Output>>,
    contradictions: BTreeMap<JobId, Contradict>,
}

impl Listener {
    /// The client with this key.
    #[must_use]
    pub fn new(key: SimulatedKey, network: NetworkId) -> Self {
        let (streamed, contradictions) = Default::default();
        Self { key, network, streamed, contradictions }
    }
}

impl Behaviour for Listener {
    fn hear(&mut self, input: Input) -> Option<Input> {
        if let Input::Message(Opened::Output(output)) = &input {
            self.streamed.insert(output.job, output.signed().clone());
        }
        if let Input::Message(Opened::Deliver(deliver)) = &input {
            let job = deliver.claim().job;
            let (leaf, evidence) = (deliver.leaf, deliver.evidence);
            let streamed = self.streamed.get(&job).cloned();
            if let Some(output) = streamed.filter(|word| word.said().contradicts(&leaf, None)) {
                let contradict = Contradict { job, output, leaf, evidence, records: None };
                self.contradictions.insert(job, contradict);
            }
        }
        Some(input)
    }

    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let Effect::Send { to, message: Message::Reveal(reveal) } = &effect else { return Some(effect) };
        let job = reveal.said().job;
        let Some(contradict) = self.contradictions.get(&job).cloned() else { return Some(effect) };
        Some(Effect::Send { to: *to, message: Signed::seal(contradict, &self.key, self.network).into() })
    }
}
