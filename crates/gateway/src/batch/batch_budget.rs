//! What a batch may cost, and what of it is spoken for.
//!
//! **Invariant:** when an order is made, what is spent and what all open orders may cost, that one included, is no more than the
//! ceiling. All attempts of an order together cost no more than it may, but where one that was given up was opened late.

use std::collections::HashMap;

use assay_protocol::{id::Digest, units::Amount};

/// The money of a batch.
#[derive(Clone, Debug, Default)]
pub(super) struct BatchBudget {
    cost_max: Option<Amount>,
    spent: Amount,
    /// What each open order may cost.
    reserved: HashMap<Digest, Amount>,
    /// The order that was wanted last may cost more than is left.
    is_short: bool,
}

impl BatchBudget {
    /// A ceiling, if there is one, of which so much is spent.
    pub(super) fn new(cost_max: Option<Amount>, spent: Amount) -> Self {
        Self { cost_max, spent, reserved: HashMap::new(), is_short: false }
    }

    /// What is left for another order; nothing where there is no ceiling.
    pub(super) fn left(&self) -> Option<Amount> {
        let reserved =
            self.reserved.values().fold(self.spent, |sum, cost| sum.plus(*cost).unwrap_or(Amount(u64::MAX)));
        Some(self.cost_max?.minus_up_to(reserved))
    }

    /// Whether an order that may cost so much is more than is left.
    pub(super) fn lacks(&mut self, wanted: Amount) -> bool {
        self.is_short = self.left().is_some_and(|left| left < wanted);
        self.is_short
    }

    /// Whether the order that was wanted last was.
    pub(super) fn is_short(&self) -> bool {
        self.is_short
    }

    /// An order is open that may cost so much.
    pub(super) fn reserve(&mut self, key: Digest, cost: Amount) {
        self.reserved.insert(key, cost);
    }

    /// An order is over; so much is spent now in all.
    pub(super) fn settle(&mut self, key: Digest, spent: Amount) {
        self.reserved.remove(&key);
        self.spent = spent;
    }

    /// What the orders that are over have cost.
    pub(super) fn spent(&self) -> Amount {
        self.spent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_what_nothing_else_may_cost() {
        let (first, second) = (Digest::of(b"first"), Digest::of(b"second"));
        let mut budget = BatchBudget::new(Some(Amount(10)), Amount(2));
        budget.reserve(first, Amount(5));
        budget.reserve(second, Amount(2));
        assert_eq!(budget.left(), Some(Amount(1)));
        assert!(budget.lacks(Amount(2)) && budget.is_short());
        assert!(!budget.lacks(Amount(1)) && !budget.is_short());
        budget.reserve(first, Amount(3));
        assert_eq!(budget.left(), Some(Amount(3)), "it turned out to be cheaper");
        budget.settle(second, Amount(3));
        assert_eq!((budget.left(), budget.spent()), (Some(Amount(4)), Amount(3)));
        // A ceiling that was lowered below what is spent.
        assert_eq!(BatchBudget::new(Some(Amount(1)), Amount(2)).left(), Some(Amount::ZERO));
        assert_eq!(BatchBudget::new(None, Amount(2)).left(), None);
    }
}
