//! T1: whether an order may become a job, as far as order, agreement and ticket say; a receipt is judged by the same.
//!
//! What only the books can say (funds, numbers in a lane, freezes) is asked by whoever keeps them.

use crate::{
    costs, deadline,
    genesis::Genesis,
    manifest::Policy,
    order::{Accept, ORDER_CHECKS_MAX, Order, Refusal},
    ticket::Ticket,
    units::Amount,
};

/// Whether an order is one that its network can run at all, whoever offers it.
///
/// # Errors
/// [`Refusal`] with the first demand that it does not meet.
pub fn sound(genesis: &Genesis, order: &Order) -> Result<(), Refusal> {
    let counted = [order.units_max, order.work_max, order.unit_price.0, order.run_max.0];
    let fits = order.price().is_some_and(|price| price <= order.total_max && order.cancel_fee <= price);
    let small = order.work_max <= order.manifest.work_most;
    let comparable = match order.manifest.policy {
        Policy::Exact | Policy::Replay => true,
        Policy::Tensor(format) => genesis.threshold(format).is_some(),
    };
    first_unmet(&[
        (genesis.notaries.contains(&order.notary), Refusal::Notary),
        (counted.iter().all(|number| *number > 0) && fits, Refusal::Numbers),
        (order.manifest.is_bounded() && order.checks <= ORDER_CHECKS_MAX && small, Refusal::Limits),
        (order.client != order.provider, Refusal::SelfDealing),
        (order.run_max <= deadline::run_max(genesis, order), Refusal::Limits),
        (comparable, Refusal::Policy),
    ])
}

/// Whether a job with this ticket may be opened.
///
/// # Errors
/// [`Refusal`] with the first demand that it does not meet.
pub fn admit(genesis: &Genesis, order: &Order, accept: &Accept, ticket: &Ticket) -> Result<(), Refusal> {
    sound(genesis, order)?;
    let standing = &ticket.standing;
    let price = order.price().ok_or(Refusal::Numbers)?;
    let total = ticket.total(genesis, order).ok_or(Refusal::Numbers)?;
    let total_most = costs::total_most(total);
    let timers = &genesis.timers;
    let settle = deadline::settle(genesis, order);
    let enough = standing.checkers.suffice(&genesis.checks, ticket.prepaid);
    first_unmet(&[
        (accept.job == ticket.job, Refusal::Conflict),
        (accept.class == order.class, Refusal::Class),
        (standing.opened <= order.open_by, Refusal::Late),
        (order.open_by <= standing.opened.after(timers.settle_max), Refusal::Future),
        ((total..=total_most).contains(&order.total_max), Refusal::Total),
        (price >= ticket.dues, Refusal::Dues),
        (ticket.policy_rate <= accept.rate_max, Refusal::Rate),
        (settle <= timers.settle_max, Refusal::Settle),
        (ticket.covered || ticket.newcomer, Refusal::Exposure),
        (enough || (order.unchecked_ok && ticket.covered), Refusal::Checkers),
    ])
}

/// The price, which fits: an order whose price does not is refused.
///
/// # Errors
/// [`Refusal::Numbers`], if it does not fit.
pub fn price(order: &Order) -> Result<Amount, Refusal> {
    order.price().ok_or(Refusal::Numbers)
}

/// The first demand that is not met.
///
/// # Errors
/// [`Refusal`] that belongs to it.
pub fn first_unmet(demands: &[(bool, Refusal)]) -> Result<(), Refusal> {
    demands.iter().find(|(met, _)| !met).map_or(Ok(()), |(_, refusal)| Err(*refusal))
}

#[cfg(test)]
mod tests;
