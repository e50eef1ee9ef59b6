//! Answers that were delivered, for as long as a collector has not heard of them.
//!
//! **Invariant:** at most [`SPANS_MAX`] wait; what comes beyond that is counted and forgotten. Without a collector none waits.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use assay_peer::clock::wall;
use prometheus_client::metrics::counter::Counter;
use serde_json::Value;

use super::document;
use crate::answer::WholeAnswer;

/// Answers that wait to be told.
pub(super) const SPANS_MAX: usize = 1_024;
/// Answers in one message.
const TOLD_MAX: usize = 256;

/// Answers that wait to be told.
#[derive(Debug)]
pub(crate) struct SpanQueue {
    waiting: Mutex<VecDeque<Value>>,
    /// Whether somebody is told at all.
    is_heard: bool,
    pub(crate) dropped: Counter,
}

impl SpanQueue {
    pub(crate) fn new(is_heard: bool) -> Self {
        Self { waiting: Mutex::default(), is_heard, dropped: Counter::default() }
    }

    /// Takes in an answer that is whole now.
    pub(crate) fn put(&self, whole: &WholeAnswer) {
        if !self.is_heard {
            return;
        }
        let mut waiting = self.lock();
        if waiting.len() < SPANS_MAX {
            waiting.push_back(document::span(whole, wall()));
        } else {
            self.dropped.inc();
        }
    }

    /// As many as one message holds, those that waited longest.
    pub(super) fn take(&self) -> Vec<Value> {
        let mut waiting = self.lock();
        let count = waiting.len().min(TOLD_MAX);
        waiting.drain(..count).collect()
    }

    /// Whether as many wait as one message holds.
    pub(super) fn fill_one(&self) -> bool {
        self.lock().len() >= TOLD_MAX
    }

    /// Puts back in front what was not taken, as far as there is room.
    pub(super) fn give_back(&self, spans: Vec<Value>) {
        let mut waiting = self.lock();
        let room = SPANS_MAX.saturating_sub(waiting.len());
        self.dropped.inc_by(spans.len().saturating_sub(room) as u64);
        spans.into_iter().rev().take(room).for_each(|span| waiting.push_front(span));
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Value>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
