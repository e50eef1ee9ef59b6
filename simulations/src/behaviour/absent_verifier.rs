//! Is drawn and does not answer.

use assay_market::effect::Effect;
use assay_protocol::message::Message;

use super::Behaviour;

/// A verifier that never seals, and provides honestly.
#[derive(Clone, Copy, Debug)]
pub struct AbsentVerifier;

impl Behaviour for AbsentVerifier {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let seals = matches!(effect, Effect::Send { message: Message::Seal(_) | Message::Unserved(_), .. });
        (!seals).then_some(effect)
    }
}
