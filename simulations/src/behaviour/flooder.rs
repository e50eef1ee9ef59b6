//! Orders the same again and again.

use std::collections::{BTreeSet, VecDeque};

use assay_market::{Command, Input, submission::Submission};
use assay_protocol::{codec, id::Digest};

use super::Behaviour;

/// A client that orders so many more jobs beside each that it wants, whose results are worth nothing to it: dust that takes the
/// places and the stakes of others.
#[derive(Clone, Debug)]
pub struct Flooder {
    more: u64,
    /// What it orders beside, and has not ordered yet; and what of that its brain has not heard of.
    waiting: VecDeque<Submission>,
    unheard: BTreeSet<Digest>,
}

impl Flooder {
    /// One that orders so many more.
    #[must_use]
    pub fn new(more: u64) -> Self {
        Self { more, waiting: VecDeque::new(), unheard: BTreeSet::new() }
    }
}

impl Behaviour for Flooder {
    fn hear(&mut self, input: Input) -> Option<Input> {
        if let Input::Command(Command::Submit(wanted)) = &input
            && !self.unheard.remove(&wanted.key)
        {
            for number in 0..self.more {
                let key = codec::digest("one more of the same", &(wanted.key, number));
                self.unheard.insert(key);
                self.waiting.push_back(Submission { key, ..wanted.clone() });
            }
        }
        Some(input)
    }

    fn wants(&mut self) -> Option<Command> {
        self.waiting.pop_front().map(Command::Submit)
    }
}
