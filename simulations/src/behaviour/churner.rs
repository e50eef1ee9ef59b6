//! Takes jobs and is gone from some of them.

use assay_market::effect::Effect;
use assay_protocol::{
    id::{JobId, PeerId},
    message::Message,
    units::Rate,
};

use super::{Behaviour, lie::picks};

/// A provider that leaves a share of the jobs it has begun without a word, as one that comes and goes does; it hopes that
/// nobody minds. Machines that stand still altogether are those of a population that comes and goes.
#[derive(Clone, Copy, Debug)]
pub struct Churner {
    /// Who it is.
    pub peer: PeerId,
    /// Which share of its jobs it leaves.
    pub share: Rate,
}

impl Behaviour for Churner {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let Effect::Send { message, .. } = &effect else { return Some(effect) };
        let leaves = |job| picks("leave", self.peer, job, self.share);
        (!ended_by(message).is_some_and(leaves)).then_some(effect)
    }
}

/// The job that its provider ends by saying this.
pub(super) fn ended_by(message: &Message) -> Option<JobId> {
    if let Message::Claim(claim) = message {
        return Some(claim.said().job);
    }
    if let Message::Deliver(deliver) = message {
        return Some(deliver.said().claim.said().job);
    }
    if let Message::Abort(abort) = message {
        return Some(abort.said().job);
    }
    None
}
