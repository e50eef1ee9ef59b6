//! What the pool had at its least, and what it owed at its most: whether it could always pay for checks.

use assay_protocol::units::Amount;

use super::course::{EventKernel, credits};

/// Between what the pool was, in credits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct PoolRange {
    /// The least that it had; nothing before anybody looked.
    least: Option<f64>,
    /// The most that it owed to those whom it could not pay.
    owed: f64,
}

impl PoolRange {
    /// Looks at it now.
    pub(super) fn look(&mut self, kernel: &impl EventKernel) {
        if let Some(pool) = kernel.pool() {
            self.note(pool, kernel.owed().unwrap_or(Amount::ZERO));
        }
    }

    fn note(&mut self, pool: Amount, owed: Amount) {
        let pool = credits(pool);
        self.least = Some(self.least.map_or(pool, |least| least.min(pool)));
        self.owed = self.owed.max(credits(owed));
    }

    /// Its figures.
    pub(super) fn figures(&self) -> [(String, Option<f64>); 2] {
        [
            ("pool at its least, credits".to_owned(), self.least),
            ("owed by the pool at most, credits".to_owned(), self.least.map(|_| self.owed)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_and_the_most_of_all_that_was_seen_stay() {
        let mut pool = PoolRange::default();
        assert_eq!(pool.figures().map(|(_, value)| value), [None, None]);
        for (credits, owed) in [(90, 0), (3, 2), (50, 0)] {
            pool.note(Amount::credits(credits), Amount::credits(owed));
        }
        assert_eq!(pool.figures().map(|(_, value)| value), [Some(3.0), Some(2.0)]);
    }
}
