//! Says something else than everybody, in every check.

use assay_market::effect::Run;
use assay_protocol::id::PeerId;

use super::Behaviour;
use crate::machine;

/// A verifier that seals noise of its own, which agrees with nobody's; it provides honestly.
#[derive(Clone, Copy, Debug)]
pub struct Raver(pub PeerId);

impl Behaviour for Raver {
    fn compute(&mut self, run: &Run, output: Vec<u8>) -> Vec<u8> {
        if run.id.check { machine::forgery(run, &self.0.to_string()) } else { output }
    }
}
