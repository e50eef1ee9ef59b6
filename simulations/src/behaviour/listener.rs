//! Keeps what was streamed to it, and shows the notary where that is not what was claimed.

use std::collections::BTreeMap;

use assay_market::{Effect, Input};
use assay_protocol::{
    claim::OutputLeaf,
    id::{Digest, JobId, NetworkId},
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
    delivered: BTreeMap<JobId, (OutputLeaf, Digest)>,
}

impl Listener {
    /// The client with this key.
    #[must_use]
    pub fn new(key: SimulatedKey, network: NetworkId) -> Self {
        let (streamed, delivered) = Default::default();
        Self { key, network, streamed, delivered }
    }

    /// What it can say against the claim of a job.
    fn contradiction(&self, job: JobId) -> Option<Contradict> {
        let (leaf, evidence) = *self.delivered.get(&job)?;
        let output = self.streamed.get(&job).filter(|word| word.said().contradicts(&leaf, None))?;
        Some(Contradict { job, output: output.clone(), leaf, evidence, records: None })
    }
}

impl Behaviour for Listener {
    fn hear(&mut self, input: Input) -> Option<Input> {
        if let Input::Message(Opened::Output(output)) = &input {
            self.streamed.insert(output.job, output.signed().clone());
        }
        if let Input::Message(Opened::Deliver(deliver)) = &input {
            self.delivered.insert(deliver.claim().job, (deliver.leaf, deliver.evidence));
        }
        Some(input)
    }

    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let Effect::Send { to, message: Message::Reveal(reveal) } = &effect else { return Some(effect) };
        let Some(contradict) = self.contradiction(reveal.said().job) else { return Some(effect) };
        Some(Effect::Send { to: *to, message: Signed::seal(contradict, &self.key, self.network).into() })
    }
}
