//! Takes results and keeps its secret, so that nothing can be drawn with it.

use assay_market::effect::Effect;
use assay_protocol::message::Message;

use super::Behaviour;

/// A client that never reveals its secret.
#[derive(Clone, Copy, Debug)]
pub struct SecretiveClient;

impl Behaviour for SecretiveClient {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let reveals = matches!(effect, Effect::Send { message: Message::Reveal(_), .. });
        (!reveals).then_some(effect)
    }
}
