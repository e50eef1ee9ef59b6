//! Doubts everything.

use std::collections::VecDeque;

use assay_market::{Command, Effect, Event};
use assay_protocol::id::Digest;

use super::Behaviour;

/// A client that disputes every result it is given, to cost its providers time and a check each; it gains nothing by it.
#[derive(Clone, Debug, Default)]
pub struct GriefingClient(VecDeque<Digest>);

impl Behaviour for GriefingClient {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        if let Effect::Tell(Event::Delivered { key, .. }) = &effect {
            self.0.push_back(*key);
        }
        Some(effect)
    }

    fn wants(&mut self) -> Option<Command> {
        self.0.pop_front().map(|key| Command::Dispute { key })
    }
}
