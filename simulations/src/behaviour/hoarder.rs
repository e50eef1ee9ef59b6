//! Orders many units, and takes one.

use assay_market::{Command, Input};

use super::Behaviour;

/// A client whose orders may come to many units though each run takes one, so that what stands for them of its providers' stakes
/// is missing for others.
#[derive(Clone, Copy, Debug)]
pub struct Hoarder {
    /// How many units it orders.
    pub units: u64,
}

impl Behaviour for Hoarder {
    fn hear(&mut self, mut input: Input) -> Option<Input> {
        if let Input::Command(Command::Submit(submission)) = &mut input {
            submission.units_max = self.units;
        }
        Some(input)
    }
}
