//! Is drawn and does not answer.

use assay_market::effect::Effect;
use assay_protocol::message::Message;

use super::Behaviour;

/// A verifier that never answers, and provides honestly.
#[derive(Clone, Copy, Debug)]
pub struct AbsentVerifier;

impl Behaviour for AbsentVerifier {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let answers = matches!(
            effect,
            Effect::Send { message: Message::Underway(_) | Message::Seal(_) | Message::Unserved(_), .. }
        );
        (!answers).then_some(effect)
    }
}
