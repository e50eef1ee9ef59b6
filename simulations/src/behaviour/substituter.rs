//! Serves another model than it sells.

use assay_market::effect::Run;

use super::{Behaviour, Lie};
use crate::machine::Made;

/// A provider that runs a cheaper model in place of what was ordered, to be paid for the dear one; it checks honestly.
#[derive(Clone, Copy, Debug)]
pub struct Substituter;

impl Behaviour for Substituter {
    fn make(&mut self, run: &Run, input: &[u8], made: Made) -> Made {
        if run.id.check { made } else { Lie::Cheaper.tell(run, input, made) }
    }
}
