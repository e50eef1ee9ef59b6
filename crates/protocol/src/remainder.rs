//! What of the price goes back to the client as soon as the claim is in the books: how long an answer is was not known before,
//! and the price of the longest one was held.
//!
//! **Invariant:** no end of the job takes from its client what went back at the claim: what is still held suffices for all of
//! them. But for a trap that was not paid for: that takes all there is, and this is the client's by then.

use crate::{
    claim::Claim,
    genesis::Genesis,
    job::{ABSENT_MAX, Job},
    order::Order,
    ticket::Ticket,
    units::Amount,
};

/// Verifiers that a dispute which comes to nothing may have to pay: as many that were given no input as do not end it yet, and
/// that find something while a jury sits; as many that found what was claimed; and who called the jury. A job whose client did
/// not reveal its secret takes one.
const DISPUTED_CHECKS: u64 = 2 * (ABSENT_MAX as u64 - 1) + 1;

/// What went back of a job's price; nothing before its claim.
#[must_use]
pub fn of(genesis: &Genesis, job: &Job) -> Amount {
    let claimed = job.claim().map(|claimed| after(genesis, job.order(), job.ticket(), &claimed.claim));
    claimed.unwrap_or_default()
}

/// What goes back of the price of an order once this claim is in the books.
#[must_use]
pub fn after(genesis: &Genesis, order: &Order, ticket: &Ticket, claim: &Claim) -> Amount {
    // A job that is closed by its claim gives back all at once.
    if claim.is_for_the_fee() {
        return Amount::ZERO;
    }
    order.price().unwrap_or_default().minus_up_to(kept(genesis, order, ticket, claim))
}

/// What is kept of the price: the pay, but no less than what the advance may not suffice for. That is, checks that a client
/// bears where nobody knows who was right, and the dues, which the client of a trap pays.
fn kept(genesis: &Genesis, order: &Order, ticket: &Ticket, claim: &Claim) -> Amount {
    let check = genesis.check_cost(claim.check_work_paid(order));
    let checks = check.times(checks_borne(genesis, ticket)).unwrap_or(Amount(u64::MAX));
    let advance = ticket.advance(genesis, order).unwrap_or_default();
    claim.pay_most(order).max(checks.max(ticket.dues).minus_up_to(advance))
}

/// How many checks the client bears at most where its job is not paid for.
fn checks_borne(genesis: &Genesis, ticket: &Ticket) -> u64 {
    let wanted = ticket.checks_wanted() as u64;
    match (ticket.newcomer, ticket.prepaid) {
        // Three looks may be grey, or one of them a match, and all but one of those that were wanted have matched before.
        (true, _) => wanted + 2,
        (false, 0) => DISPUTED_CHECKS,
        // A first check goes on for as long as there are verifiers that are given no input.
        (false, _) => wanted.max(genesis.checks.draws_max),
    }
}

#[cfg(test)]
mod tests;
