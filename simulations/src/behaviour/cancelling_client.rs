//! Orders, and wants it no more.

use std::collections::VecDeque;

use assay_market::{Command, Effect, Event};
use assay_protocol::id::Digest;

use super::Behaviour;

/// A client that cancels each job once the notary has opened it: its provider has begun, and a place and a stake are taken.
#[derive(Clone, Debug, Default)]
pub struct CancellingClient(VecDeque<Digest>);

impl Behaviour for CancellingClient {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        if let Effect::Tell(Event::Opened { key, .. }) = &effect {
            self.0.push_back(*key);
        }
        Some(effect)
    }

    fn wants(&mut self) -> Option<Command> {
        self.0.pop_front().map(|key| Command::Cancel { key })
    }
}
