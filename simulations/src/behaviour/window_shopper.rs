//! Asks for everything and buys little or nothing.

use assay_market::effect::Effect;
use assay_protocol::{id::PeerId, message::Message, units::Rate};

use super::{Behaviour, lie::picks};

/// A client that has providers accept its orders and shows the notary a share of them alone, so that what they keep for the others
/// is missing for others. It pays for nothing else.
#[derive(Clone, Copy, Debug)]
pub struct WindowShopper {
    /// Who it is.
    pub peer: PeerId,
    /// Which share of its orders it opens.
    pub share: Rate,
}

impl Behaviour for WindowShopper {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let Effect::Send { message: Message::Open(open), .. } = &effect else { return Some(effect) };
        let job = open.said().accept.said().job;
        picks("open", self.peer, job, self.share).then_some(effect)
    }
}
