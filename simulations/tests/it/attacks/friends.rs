//! How friends behave: what they say for each other, and what they charge.

use assay_market::input::Input;
use assay_protocol::units::Work;
use assay_simulations::behaviour::Behaviour;

/// Computes what it should, and says of providing, of checking or of both that it was more work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inflator {
    pub(super) work: Work,
    pub(super) provides: bool,
    pub(super) checks: bool,
}

impl Behaviour for Inflator {
    fn hear(&mut self, mut input: Input) -> Option<Input> {
        if let Input::Ran { run, result: Ok(result) } = &mut input
            && (if run.check { self.checks } else { self.provides })
        {
            result.work = self.work;
        }
        Some(input)
    }
}
