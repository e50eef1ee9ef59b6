//! Honest for a while, then many cheats at once, then gone.

use std::collections::BTreeMap;

use assay_market::effect::{Effect, Run};
use assay_protocol::{id::JobId, message::Message};

use super::{Behaviour, Lie};
use crate::machine::Made;

/// A provider that runs its first jobs, sells what is false in so many after them, before the first is found out, and takes
/// nothing more; it checks honestly.
#[derive(Clone, Debug)]
pub struct Burst {
    after: u64,
    size: u64,
    lie: Lie,
    /// The number of each job that it ran.
    ran: BTreeMap<JobId, u64>,
}

impl Burst {
    /// Cheats in so many jobs, after so many honest ones.
    #[must_use]
    pub fn new(after: u64, size: u64, lie: Lie) -> Self {
        Self { after, size, lie, ran: BTreeMap::new() }
    }

    fn end(&self) -> u64 {
        self.after.saturating_add(self.size)
    }
}

impl Behaviour for Burst {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let accepts = matches!(effect, Effect::Send { message: Message::Accept(_), .. });
        (!accepts || (self.ran.len() as u64) < self.end()).then_some(effect)
    }

    fn make(&mut self, run: &Run, input: &[u8], made: Made) -> Made {
        if run.id.check {
            return made;
        }
        let next = self.ran.len() as u64;
        let number = *self.ran.entry(run.id.job).or_insert(next);
        let cheats = (self.after..self.end()).contains(&number);
        if cheats { self.lie.tell(run, input, made) } else { made }
    }
}
