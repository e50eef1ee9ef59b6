//! Asks for everything and buys nothing.

use assay_market::effect::Effect;
use assay_protocol::message::Message;

use super::Behaviour;

/// A client that has providers accept its orders and shows none of them to the notary, so that what they keep for it is missing
/// for others. It pays for nothing.
#[derive(Clone, Copy, Debug)]
pub struct WindowShopper;

impl Behaviour for WindowShopper {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let opens = matches!(effect, Effect::Send { message: Message::Open(_), .. });
        (!opens).then_some(effect)
    }
}
