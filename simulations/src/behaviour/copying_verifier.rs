//! Seals what it is given instead of what it found.

use assay_market::effect::Run;

use super::{Behaviour, lie::made_up};
use crate::machine::{self, Made};

/// A verifier that takes the output it is shown for its own and makes up what should prove it, to be paid for checks without
/// the work. Where no output is shown it has nothing to copy, and seals noise. It provides honestly.
#[derive(Clone, Copy, Debug)]
pub struct CopyingVerifier;

impl Behaviour for CopyingVerifier {
    fn make(&mut self, run: &Run, _: &[u8], made: Made) -> Made {
        if !run.id.check {
            return made;
        }
        if run.manifest.policy.is_proven_by_rows() {
            return Made { rows: made_up(&made.rows), ..made };
        }
        Made { output: machine::forgery(run, "copied"), ..made }
    }
}
