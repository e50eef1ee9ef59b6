//! Sells noise: computes nothing as a provider, and checks others honestly.

use assay_market::effect::Run;

use super::Behaviour;
use crate::machine;

/// Claims a made-up output for every job, and checks honestly.
#[derive(Clone, Copy, Debug)]
pub struct Forger;

impl Behaviour for Forger {
    fn compute(&mut self, run: &Run, output: Vec<u8>) -> Vec<u8> {
        if run.id.check { output } else { machine::forgery(run, "sold") }
    }
}
