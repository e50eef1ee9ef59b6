//! Sells what is false, and finds what its friends sell true: as first verifiers and as jurors.

use std::rc::Rc;

use assay_market::effect::Run;
use assay_protocol::{id::PeerId, units::Rate};

use super::{Behaviour, Coalition, Lie, lie::picks};
use crate::machine::Made;

/// One of a coalition whose members tell each other what they claim: drawn to check a friend it seals the lie, as a juror it
/// stands with it, to have lies paid that only friends look at. Strangers it checks honestly.
#[derive(Clone, Debug)]
pub struct CartelMember {
    /// Who it is.
    pub peer: PeerId,
    /// In which share of its jobs it cheats.
    pub share: Rate,
    /// How.
    pub lie: Lie,
    /// Its friends.
    pub coalition: Rc<Coalition>,
}

impl Behaviour for CartelMember {
    fn make(&mut self, run: &Run, input: &[u8], made: Made) -> Made {
        let job = run.id.job;
        if run.id.check {
            return self.coalition.sold(&job).unwrap_or(made);
        }
        if !picks("cheat", self.peer, job, self.share) {
            return made;
        }
        let made = self.lie.tell(run, input, made);
        self.coalition.note_sold(job, made.clone());
        made
    }
}
