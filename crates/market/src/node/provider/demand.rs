//! How often this provider was asked for jobs, and what it said: for its owner, who wonders why none come.
//!
//! **Invariant:** nothing is decided by it; it begins anew with the daemon.

use alloc::collections::BTreeMap;

use assay_protocol::order::Refusal;

use crate::view::{DemandView, RefusedView};

/// What became of orders that were shown here.
#[derive(Clone, Debug, Default)]
pub(super) struct OrderTally {
    agreed: u64,
    began: u64,
    /// Opened, and turned away because something else had been begun by then.
    turned_away: u64,
    /// From keys that ask more often than one is heard.
    crowded: u64,
    /// From clients that are blocked.
    blocked: u64,
    refused: BTreeMap<Refusal, u64>,
}

impl OrderTally {
    /// An order was considered.
    pub(super) fn note(&mut self, refused: Option<Refusal>) {
        match refused {
            None => self.agreed += 1,
            Some(reason) => *self.refused.entry(reason).or_default() += 1,
        }
    }

    pub(super) fn note_crowded(&mut self) {
        self.crowded += 1;
    }

    pub(super) fn note_blocked(&mut self) {
        self.blocked += 1;
    }

    pub(super) fn note_begun(&mut self) {
        self.began += 1;
    }

    pub(super) fn note_turned_away(&mut self) {
        self.turned_away += 1;
    }

    pub(super) fn view(&self) -> DemandView {
        let Self { agreed, began, turned_away, crowded, blocked, .. } = *self;
        let refused =
            self.refused.iter().map(|(reason, count)| RefusedView { reason: *reason, count: *count });
        DemandView { agreed, began, turned_away, crowded, blocked, refused: refused.collect() }
    }
}
