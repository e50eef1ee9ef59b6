//! Checks with a cheaper model.

use assay_market::effect::Run;

use super::{Behaviour, Lie};
use crate::machine::Made;

/// A verifier that runs a cheaper model in each check, to be paid for the dear one; it provides honestly.
#[derive(Clone, Copy, Debug)]
pub struct CheapVerifier;

impl Behaviour for CheapVerifier {
    fn make(&mut self, run: &Run, input: &[u8], made: Made) -> Made {
        if run.id.check { Lie::Cheaper.tell(run, input, made) } else { made }
    }
}
