//! Honest until it is trusted: cheats where its ticket says that hardly anybody will look.

use std::rc::Rc;

use assay_market::{
    effect::{Effect, Run},
    input::Input,
};
use assay_protocol::units::Rate;

use super::{
    Behaviour, Coalition, Lie,
    started::{StartedJob, StartedJobs},
};
use crate::machine::Made;

/// A provider that reads the rate of each job on its ticket and sells what is false where that is low enough, to save the work
/// of more jobs than a conviction costs; it spares members of its coalition, and checks honestly.
#[derive(Clone, Debug)]
pub struct ThresholdCheater {
    below: Rate,
    lie: Lie,
    coalition: Rc<Coalition>,
    started: StartedJobs,
}

impl ThresholdCheater {
    /// Cheats in jobs that are checked no more often than this.
    #[must_use]
    pub fn new(below: Rate, lie: Lie, coalition: Rc<Coalition>) -> Self {
        Self { below, lie, coalition, started: StartedJobs::default() }
    }
}

impl Behaviour for ThresholdCheater {
    fn hear(&mut self, input: Input) -> Option<Input> {
        self.started.hear(&input);
        Some(input)
    }

    fn act(&mut self, effect: Effect) -> Option<Effect> {
        self.started.act(&effect);
        Some(effect)
    }

    fn make(&mut self, run: &Run, input: &[u8], made: Made) -> Made {
        let tempts = |job: StartedJob| job.rate <= self.below && !self.coalition.holds(job.client);
        if run.id.check || !self.started.get(&run.id.job).is_some_and(tempts) {
            return made;
        }
        self.lie.tell(run, input, made)
    }
}
