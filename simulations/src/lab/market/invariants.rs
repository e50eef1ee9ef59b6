//! The rules of the books, asked while a market lives: of what each fact touched, and of everything after each so many.

use std::sync::Arc;

use assay_market::{Effect, Node};
use assay_protocol::genesis::Genesis;

use super::{MarketSight, Observer};
use crate::{
    crypto::SimulatedKey,
    plan::Plan,
    world::{Place, watch::Watch},
};

/// One receipt among so many is judged: that costs as much as all other rules together.
const RECEIPTS_EACH: u64 = 8;

/// Panics where a rule does not hold.
#[derive(Debug)]
pub struct Invariants {
    notary: Place,
    watch: Watch,
    facts: u64,
}

impl Invariants {
    /// Watches the notary of a plan, and looks at everything after so many facts.
    #[must_use]
    pub fn new(plan: &Plan, genesis: Arc<Genesis>, sweep_facts: u64) -> Self {
        let notary = plan.notary();
        let mut watch = Watch::new(genesis, plan.key(notary), sweep_facts);
        watch.judge_each(RECEIPTS_EACH);
        watch.forget_closed();
        Self { watch, notary, facts: 0 }
    }

    /// How many facts were asked.
    #[must_use]
    pub fn facts(&self) -> u64 {
        self.facts
    }
}

#[cfg(test)]
impl Invariants {
    /// How many jobs that are over something is kept of.
    pub(super) fn kept(&self) -> usize {
        self.watch.closed().len()
    }
}

impl Observer for Invariants {
    fn performed(&mut self, seen: MarketSight, effect: &Effect) {
        if seen.place == self.notary
            && let Effect::Save(record) = effect
        {
            self.facts += 1;
            self.watch.saved(record);
        }
    }

    fn thought(&mut self, seen: MarketSight, node: &Node<SimulatedKey>) {
        if seen.place == self.notary {
            self.watch.check(node);
        }
    }
}
