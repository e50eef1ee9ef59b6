//! Orders jobs and serves nobody their input.

use assay_market::effect::Effect;

use super::Behaviour;

/// A peer that serves no blob.
#[derive(Clone, Copy, Debug)]
pub struct Withholder;

impl Behaviour for Withholder {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        (!matches!(effect, Effect::Serve { .. })).then_some(effect)
    }
}
