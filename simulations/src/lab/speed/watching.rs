//! What the watch costs: the same market with the rules of the books asked of it, and with nobody looking on.
//!
//! **Invariant:** one after the other, and again: what else a machine does falls on both alike.

use std::sync::Arc;

use super::{
    Gauge,
    cost::{MarketSize, seen_cost},
};
use crate::lab::market::Invariants;

/// After so many facts everything in the books is looked at: what scenarios have that say nothing of it.
const SWEEP_FACTS: u64 = 1_000;

/// In what the watch is measured, and how often.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WatchSize {
    /// The market.
    pub market: MarketSize,
    /// How often it is run each way.
    pub rounds: usize,
}

impl WatchSize {
    /// Seconds.
    pub const QUICK: Self = Self { market: MarketSize::PLAIN, rounds: 3 };

    /// Half a minute: a thousand peers.
    pub const WHOLE: Self = Self {
        market: MarketSize { founders: 64, clients: 935, jobs: 20_000, ..MarketSize::PLAIN },
        rounds: 5,
    };

    /// So many hundredths of its market.
    #[must_use]
    pub fn scaled(self, percent: usize) -> Self {
        Self { market: self.market.scaled(percent), ..self }
    }
}

/// What the watch costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WatchCost {
    /// Jobs that were run and paid, in one round.
    pub jobs: u64,
    /// Seconds of the quickest round at which nobody looked.
    pub bare: f64,
    /// Seconds of the quickest in which every rule was asked.
    pub watched: f64,
}

impl WatchCost {
    /// How many times as long it may take with the watch.
    pub const TIMES_MAX: f64 = 1.3;
    /// What it takes longer for.
    pub const BOUNDED_BY: &str =
        "each fact is taken into books beside the notary's, and one receipt of eight is judged";

    /// How many times as long it takes with the watch.
    #[must_use]
    pub fn times(&self) -> f64 {
        self.watched / self.bare.max(1e-9)
    }
}

/// Measures what the watch costs.
#[must_use]
pub fn watch_cost(size: &WatchSize, gauge: &dyn Gauge) -> WatchCost {
    let mut found = WatchCost { jobs: 0, bare: f64::INFINITY, watched: f64::INFINITY };
    for _ in 0..size.rounds.max(1) {
        let bare = seen_cost(&size.market, gauge, |_| ());
        let watched = seen_cost(&size.market, gauge, |plan| {
            Invariants::new(plan, Arc::new(plan.genesis()), SWEEP_FACTS)
        });
        found.jobs = watched.jobs;
        found.bare = found.bare.min(bare.seconds);
        found.watched = found.watched.min(watched.seconds);
    }
    found
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// A clock that is a second further each time somebody looks.
    struct Ticking(Cell<u32>);

    impl Gauge for Ticking {
        fn seconds(&self) -> f64 {
            self.0.set(self.0.get() + 1);
            f64::from(self.0.get())
        }

        fn bytes(&self) -> Option<u64> {
            None
        }

        fn bytes_most(&self) -> Option<u64> {
            None
        }
    }

    #[test]
    fn the_same_market_is_run_as_often_with_the_watch_as_without() {
        let market = MarketSize { founders: 8, clients: 10, jobs: 20, ..MarketSize::PLAIN };
        let clock = Ticking(Cell::new(0));
        let cost = watch_cost(&WatchSize { market, rounds: 2 }, &clock);
        assert_eq!((cost.jobs, cost.bare, cost.watched, cost.times()), (20, 1.0, 1.0, 1.0));
        // Of each market it is asked when it begins, when it is open and when it is over.
        assert_eq!(clock.0.get(), 2 * 2 * 3);
    }

    #[test]
    fn a_watch_is_scaled_as_its_market_is() {
        let half = WatchSize::WHOLE.scaled(50);
        assert_eq!((half.market.jobs, half.market.clients, half.rounds), (10_000, 468, 5));
    }
}
