//! Sells noise and hopes that what is never opened is never judged.

use assay_market::effect::{Effect, Run};
use assay_protocol::message::Message;

use super::{Behaviour, Forger};

/// A forger that never opens its claim.
#[derive(Clone, Copy, Debug)]
pub struct SilentProvider;

impl Behaviour for SilentProvider {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let opens = matches!(effect, Effect::Send { message: Message::OpenClaim(_), .. });
        (!opens).then_some(effect)
    }

    fn compute(&mut self, run: &Run, output: Vec<u8>) -> Vec<u8> {
        Forger.compute(run, output)
    }
}
