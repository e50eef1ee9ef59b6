//! Tells its client something else than the notary.

use assay_market::effect::Effect;
use assay_protocol::{claim::Deliver, id::NetworkId, message::Message, signed::Signed};

use super::Behaviour;
use crate::crypto::SimulatedKey;

/// A provider that signs two claims for each job, and shows one to its client and the other to the notary.
#[derive(Clone, Copy, Debug)]
pub struct TwoFaced(pub SimulatedKey, pub NetworkId);

impl Behaviour for TwoFaced {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let Effect::Send { to, message: Message::Deliver(deliver) } = effect else { return Some(effect) };
        let deliver = deliver.said().clone();
        let mut claim = *deliver.claim.said();
        claim.work += 1;
        let claim = Signed::seal(claim, &self.0, self.1).into_signed();
        let message = Signed::seal(Deliver { claim, ..deliver }, &self.0, self.1).into();
        Some(Effect::Send { to, message })
    }
}
