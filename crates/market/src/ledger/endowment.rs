//! The endowment: what the first checks of the pairs are paid from that the network wants to be checked from the first day.
//!
//! **Invariant:** each of its checks costs at most one check's part of it, and one that is not done leaves its place to
//! another.

use assay_protocol::{
    genesis::{Genesis, Pair},
    order::Order,
    ticket::Ticket,
    units::{Amount, Rate},
};

use super::{Ledger, OpenJob};

impl Ledger {
    /// Sets aside what the check of an endowed job costs, where only the endowment calls for it.
    pub(super) fn endow(&mut self, order: &Order, ticket: &Ticket) -> Amount {
        if !is_endowed(ticket) {
            return Amount::ZERO;
        }
        let fee = self.genesis.check_cost(order.check_work_max()).min(self.endowment);
        self.endowment = self.endowment.minus_up_to(fee);
        *self.endowed.entry(pair(order)).or_default() += 1;
        fee
    }

    /// True while the endowment pays for checks of this pair. Only manifests that the network pins: in any other the
    /// constants that a check is paid by could be anything. And only work that costs no more than one check's part of
    /// it: a client says how much work its job may be, and friends among the checkers would find that it was.
    pub(super) fn endows(&self, order: &Order) -> bool {
        let (pair, cost) = (pair(order), self.genesis.check_cost(order.check_work_max()));
        let done = self.endowed.get(&pair).copied().unwrap_or_default();
        self.genesis.endowed.contains(&pair)
            && done < self.genesis.checks.endowed_checks
            && self.genesis.manifests.contains(&order.manifest)
            && cost <= self.endowed_part().min(self.endowment)
    }

    /// What the endowment had for each check on the first day.
    fn endowed_part(&self) -> Amount {
        let Genesis { money, checks, endowed, .. } = &*self.genesis;
        let all = checks.endowed_checks.saturating_mul(endowed.len() as u64);
        Amount(money.endowment.0.checked_div(all).unwrap_or_default())
    }

    /// An endowed check that was not done leaves its place to another.
    pub(super) fn release_endowment(&mut self, closing: &OpenJob) {
        // Neither does it pay for a trap, whoever ran that.
        let done = !closing.job.is_trap() && closing.job.seats().iter().any(|seat| seat.found().is_some());
        if is_endowed(closing.job.ticket())
            && !done
            && let Some(count) = self.endowed.get_mut(&pair(closing.job.order()))
        {
            *count = count.saturating_sub(1);
        }
    }
}

/// True if only the endowment calls for a check of this job, and so pays for it.
fn is_endowed(ticket: &Ticket) -> bool {
    ticket.standing.endowed && ticket.prepaid == 0 && ticket.policy_rate < Rate::ONE
}

/// What the endowment counts by.
pub(super) fn pair(order: &Order) -> Pair {
    Pair { model: order.manifest.model, class: order.class }
}
