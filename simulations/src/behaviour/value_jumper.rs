//! Honest in cheap jobs, and not in dear ones.

use assay_market::{
    effect::{Effect, Run},
    input::Input,
};
use assay_protocol::units::Amount;

use super::{Behaviour, Lie, started::StartedJobs};
use crate::machine::Made;

/// A provider that earns its trust in cheap jobs and sells what is false in those that pay at least so much, to gain more by one
/// job than trust was worth; it checks honestly.
#[derive(Clone, Debug)]
pub struct ValueJumper {
    from: Amount,
    lie: Lie,
    started: StartedJobs,
}

impl ValueJumper {
    /// Cheats in jobs that pay at least this.
    #[must_use]
    pub fn new(from: Amount, lie: Lie) -> Self {
        Self { from, lie, started: StartedJobs::default() }
    }
}

impl Behaviour for ValueJumper {
    fn hear(&mut self, input: Input) -> Option<Input> {
        self.started.hear(&input);
        Some(input)
    }

    fn act(&mut self, effect: Effect) -> Option<Effect> {
        self.started.act(&effect);
        Some(effect)
    }

    fn make(&mut self, run: &Run, input: &[u8], made: Made) -> Made {
        let is_dear = self.started.get(&run.id.job).is_some_and(|job| job.price >= self.from);
        if run.id.check || !is_dear { made } else { self.lie.tell(run, input, made) }
    }
}
