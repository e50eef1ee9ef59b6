//! Writes with a cheap model and lets the true one only read along.

use assay_market::effect::Run;

use super::{Behaviour, Lie};
use crate::machine::Made;

/// A provider whose texts are a cheap model's, with the rows that the true model gives along them: to read is cheaper than to
/// write, and the rows are true. What proves nothing by rows a cheap model computes altogether. It checks honestly.
#[derive(Clone, Copy, Debug)]
pub struct Prefiller;

impl Behaviour for Prefiller {
    fn make(&mut self, run: &Run, input: &[u8], made: Made) -> Made {
        if run.id.check { made } else { Lie::Prefilled.tell(run, input, made) }
    }
}
