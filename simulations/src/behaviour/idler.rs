//! Is drawn, says that it is there, and lets its time pass.

use assay_market::effect::Effect;
use assay_protocol::message::Message;

use super::Behaviour;

/// A verifier that answers and never seals, and provides honestly.
#[derive(Clone, Copy, Debug)]
pub struct Idler;

impl Behaviour for Idler {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let ends = matches!(effect, Effect::Send { message: Message::Seal(_) | Message::Unserved(_), .. });
        (!ends).then_some(effect)
    }
}
