//! Takes jobs and never claims them.

use assay_market::effect::Effect;
use assay_protocol::message::Message;

use super::Behaviour;

/// A provider that agrees to jobs and is never heard of again.
#[derive(Clone, Copy, Debug)]
pub struct Sleeper;

impl Behaviour for Sleeper {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let ends = matches!(
            effect,
            Effect::Send { message: Message::Claim(_) | Message::Deliver(_) | Message::Abort(_), .. }
        );
        (!ends).then_some(effect)
    }
}
