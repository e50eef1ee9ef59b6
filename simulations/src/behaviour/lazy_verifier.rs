//! Earns fees without work: seals noise where it should have run the job again.

use assay_market::effect::Run;

use super::Behaviour;
use crate::machine;

/// Seals a made-up output in every check, and provides honestly.
#[derive(Clone, Copy, Debug)]
pub struct LazyVerifier;

impl Behaviour for LazyVerifier {
    fn compute(&mut self, run: &Run, output: Vec<u8>) -> Vec<u8> {
        if run.id.check { machine::forgery(run, "sealed") } else { output }
    }
}
