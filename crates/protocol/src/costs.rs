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
    /// The entry level: with less at stake a provider is a newcomer. From it on the stake stands for one such job until it
    /// closes, and for the jury that would convict it.
    pub entry: Amount,
}

/// The most that a client puts up, in multiples of what its order can come to: a slash is a hundred times it.
const TOTAL_MULTIPLE: u64 = 2;

/// What an order costs beside its price, for checks of this much work, at this rate.
#[must_use]
pub fn of_order(genesis: &Genesis, order: &Order, check_work: Work, rate: Rate, margin: Rate) -> OrderCosts {
    let (check, run) = (genesis.check_cost(check_work), genesis.check_cost(order.work_max));
    let with_margin = Rate(Rate::ONE.0.saturating_add(margin.0));
    let fee = |rate: Rate| check.share(rate).share(with_margin);
    let most = Amount(u64::MAX);
    let entry = order.price().and_then(|price| price.plus(run.times(genesis.money.entry_checks)?));
    OrderCosts {
        check,
        premium: fee(genesis.checks.base),
        dues: fee(rate.minus_up_to(genesis.checks.base)),
        entry: entry.unwrap_or(most),
    }
}

/// What a client pays in advance for so many checks: never less than for one, which a dispute uses, or a job whose client does
/// not reveal its secret; and to a newcomer what it costs on average that somebody looks again, with this chance.
#[must_use]
pub fn prepaid(check: Amount, checks: u16, again: Rate) -> Option<Amount> {
    check.times(u64::from(checks.max(1)))?.plus(check.share(again))
}

/// The chance that somebody looks again where a verifier accuses a newcomer: where a lie would take more from the client
/// than a look costs on average, always.
#[must_use]
pub fn second(genesis: &Genesis, work_max: Work, price: Option<Amount>) -> Rate {
    let (check, chance) = (genesis.check_cost(work_max), genesis.checks.second);
    let dear = price.is_none_or(|price| price.share(chance) > check);
    if dear { Rate::ONE } else { chance }
}

/// What one check costs that a client pays in advance: a reading where it finds what was claimed; but one that finds a
/// newcomer's result false has to be paid for a run, and there is no stake to pay it from.
#[must_use]
pub fn looked_at(genesis: &Genesis, order: &Order, newcomer: bool) -> Amount {
    genesis.check_cost(if newcomer { order.work_max } else { order.check_work_max() })
}

/// The most that a client may put up for an order that can come to this much.
#[must_use]
pub fn total_most(total: Amount) -> Amount {
    total.times(TOTAL_MULTIPLE).unwrap_or(Amount(u64::MAX))
}

/// What is at stake in a trap: what whoever checks such jobs has at stake at least.
#[must_use]
pub fn forfeit(genesis: &Genesis, order: &Order) -> Amount {
    genesis.stake_least(order.manifest.work_most)
}

/// What a conviction costs, as long as the stake lasts. Of the checks that are paid in advance one counts: who orders more
/// of them does not raise what is at stake for its provider; and that as at most a run.
#[must_use]
pub fn slash(genesis: &Genesis, order: &Order, prepaid: Amount) -> Amount {
    let (money, run) = (&genesis.money, genesis.check_cost(order.work_max));
    let times = |amount: Amount, count: u64| amount.times(count).unwrap_or(Amount(u64::MAX));
    let counted = order.total_max.minus_up_to(prepaid.minus_up_to(run));
    times(counted, money.slash_multiple).max(times(run, money.slash_checks))
}
