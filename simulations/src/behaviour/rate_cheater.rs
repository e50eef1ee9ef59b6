//! Cheats in a share of its jobs, and hopes that the draw falls on the others.

use assay_market::effect::Run;
use assay_protocol::{id::PeerId, units::Rate};

use super::{Behaviour, Lie, lie::picks};
use crate::machine::Made;

/// A provider that sells what is false in the jobs that chance picks, to save their work; it checks honestly.
#[derive(Clone, Copy, Debug)]
pub struct RateCheater {
    /// Who it is.
    pub peer: PeerId,
    /// In which share of its jobs it cheats.
    pub share: Rate,
    /// How.
    pub lie: Lie,
}

impl Behaviour for RateCheater {
    fn make(&mut self, run: &Run, input: &[u8], made: Made) -> Made {
        if run.id.check || !picks("cheat", self.peer, run.id.job, self.share) {
            return made;
        }
        self.lie.tell(run, input, made)
    }
}
