//! Offers what everybody wants and answers nobody.

use assay_market::effect::Effect;
use assay_protocol::message::Message;

use super::Behaviour;

/// A provider that answers no order.
#[derive(Clone, Copy, Debug)]
pub struct Mute;

impl Behaviour for Mute {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let answers = matches!(effect, Effect::Send { message: Message::Accept(_) | Message::Refuse(_), .. });
        (!answers).then_some(effect)
    }
}
