//! Stops half-way and bills the whole.

use assay_market::effect::Run;

use super::{Behaviour, Lie};
use crate::machine::Made;

/// A provider that delivers the first half of each result, to be paid for work that it did not do; it checks honestly.
#[derive(Clone, Copy, Debug)]
pub struct Truncator;

impl Behaviour for Truncator {
    fn make(&mut self, run: &Run, input: &[u8], made: Made) -> Made {
        if run.id.check { made } else { Lie::Shorter.tell(run, input, made) }
    }
}
