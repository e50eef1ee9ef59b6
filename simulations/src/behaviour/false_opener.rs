//! Sells noise, and opens something else than it claimed.

use assay_market::effect::{Effect, Run};
use assay_protocol::{id::NetworkId, message::Message, signed::Signed};

use super::{Behaviour, Forger};
use crate::crypto::SimulatedKey;

/// A forger whose openings do not open its claims.
#[derive(Clone, Copy, Debug)]
pub struct FalseOpener(pub SimulatedKey, pub NetworkId);

impl Behaviour for FalseOpener {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let Effect::Send { to, message: Message::OpenClaim(opening) } = effect else { return Some(effect) };
        let mut opening = opening.said().clone();
        opening.output.units += 1;
        Some(Effect::Send { to, message: Signed::seal(opening, &self.0, self.1).into() })
    }

    fn compute(&mut self, run: &Run, output: Vec<u8>) -> Vec<u8> {
        Forger.compute(run, output)
    }
}
