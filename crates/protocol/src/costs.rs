//! What an order costs beside its price: known before it becomes a job, and charged when that closes.

use crate::{
    genesis::Genesis,
    order::Order,
    units::{Amount, Rate, Work},
};

/// What an order costs beside its price, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderCosts {
    /// What one check costs.
    pub check: Amount,
    /// What the client pays for checks.
    pub premium: Amount,
    /// What the provider pays for checks.
    pub dues: Amount,
    /// The entry level: with less at stake a provider is a newcomer.
    pub entry: Amount,
    /// What a conviction costs, as long as the stake lasts.
    pub slash: Amount,
}

/// What an order costs beside its price, for this much work, at this rate.
#[must_use]
pub fn of_order(genesis: &Genesis, order: &Order, work: Work, rate: Rate, margin: Rate) -> OrderCosts {
    let check = genesis.check_cost(work);
    let with_margin = Rate(Rate::ONE.0.saturating_add(margin.0));
    let fee = |rate: Rate| check.share(rate).share(with_margin);
    let times = |amount: Amount, count: u64| amount.times(count).unwrap_or(Amount(u64::MAX));
    let money = &genesis.money;
    OrderCosts {
        check,
        premium: fee(genesis.checks.base),
        dues: fee(rate.minus_up_to(genesis.checks.base)),
        entry: order.price().unwrap_or(Amount(u64::MAX)).max(times(check, money.entry_checks)),
        slash: times(order.total_max, money.slash_multiple).max(times(check, money.slash_checks)),
    }
}
