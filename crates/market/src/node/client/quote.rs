//! What a submission would come to if it were made now, and the grounds of what became of one that was.
//!
//! **Invariant:** nothing here changes the client; a quote chooses as a submission with the same name would.

use alloc::collections::{BTreeMap, BTreeSet};

use assay_protocol::{
    costs,
    genesis::Genesis,
    id::Digest,
    order::{Order, Refusal},
    ticket::{Standing, Ticket},
    units::Amount,
};

use super::{Attempt, Client};
use crate::{
    matching::{Criteria, Match, Passed},
    node::context::Outlook,
    policy::{self, CHEAT_SHARES},
    quote::{Basis, Chosen, Quote, needed},
    submission::{OverFunds, Submission, Unmatched},
    view::{AttemptState, Grounds, OrderGrounds},
};

impl Client {
    /// What a submission would come to if it were made now.
    pub(in crate::node) fn quote(&self, submission: &Submission, outlook: Outlook<'_>) -> Quote {
        let Some(notary) = outlook.notary_in_use() else {
            let counts = Unmatched { refusal: Some(Refusal::Notary), ..Unmatched::default() };
            return Quote { passed: Passed { counts, ..Passed::default() }, ..Quote::default() };
        };
        let (nobody, never) = (BTreeSet::new(), BTreeMap::new());
        let within = self.within_day(submission, outlook.now);
        let criteria = Criteria {
            submission: &within,
            manifest: submission.manifest.digest(),
            client: outlook.own,
            excluded: &nobody,
            resting: &never,
            attempt: 0,
            yardstick: self.yardstick(submission, 0, outlook),
            reliability: &self.reliability,
            convicted: outlook.notaries.convicted(),
            now: outlook.now,
        };
        // Where every lane is in use a submission waits for one: no price depends on which.
        let lane = self.free_lane(notary).unwrap_or_default();
        let offers = outlook.book.serving(criteria.manifest, submission.provider);
        let (chosen, mut passed) = self.choose(offers, &criteria, Some(self.place(notary, lane)), outlook);
        if chosen.is_none() {
            self.note_over_day(submission, outlook.now, &mut passed);
        }
        Quote {
            chosen: chosen.and_then(|(order, fit)| self.quoted(order, &fit, outlook)),
            passed,
            free: outlook.notaries.account(notary).map(|account| account.free),
        }
    }

    /// An order with what is known of how it would be checked. Its sums fit: they are parts of the total that it was
    /// ranked by.
    fn quoted(&self, order: Order, fit: &Match<'_>, outlook: Outlook<'_>) -> Option<Chosen> {
        let genesis = outlook.genesis;
        let (standing, basis) = match self.last_ticket(&order) {
            Some(Ticket { job, standing, .. }) => {
                (*standing, Basis::Ticket { job: *job, opened: standing.opened, position: standing.position })
            }
            None => (policy::newcomer(genesis), Basis::Newcomer),
        };
        let open = outlook.notaries.account(order.notary).map_or(0, |account| account.open);
        let standing = Standing { open, ..standing };
        let explanation = policy::explain(genesis, &order, standing, &CHEAT_SHARES)?;
        let kept = kept(&order, genesis);
        let (machine, run) = (fit.bench.machine.clone(), fit.service.run);
        Some(Chosen { order, machine, run, kept, basis, explanation })
    }

    /// What the account lacks for the order that the notary refused last for that, whatever others said since. It may hold more
    /// than its notary last stated, or have held less meanwhile: then nothing is known.
    pub(super) fn over_funds(&self, key: Digest, outlook: Outlook<'_>) -> Option<OverFunds> {
        let submitted = self.submissions.get(&key)?;
        let mut attempts = submitted.attempts.iter().rev().filter_map(|job| self.attempts.get(job));
        let lacking = AttemptState::Refused(Refusal::Funds);
        let order = &attempts.find(|attempt| attempt.state == lacking)?.order;
        let free = outlook.notaries.account(order.notary)?.free;
        let need = needed(order, kept(order, outlook.genesis));
        (free < need).then_some(OverFunds { free, need })
    }

    /// Why what became of a submission became of it, as far as that is remembered.
    pub(in crate::node) fn grounds(&self, key: Digest, genesis: &Genesis) -> Option<Grounds> {
        let submitted = self.submissions.get(&key)?;
        let attempts = submitted.attempts.iter().filter_map(|job| self.attempts.get(job));
        let orders = attempts.map(|attempt| order_grounds(attempt, genesis)).collect();
        Some(Grounds { passed: submitted.passed.clone(), orders })
    }

    /// The newest ticket that this notary gave for such jobs of this provider: what its standing said may still hold.
    fn last_ticket(&self, order: &Order) -> Option<&Ticket> {
        let is_alike = |other: &Order| {
            let (own, others) = (&order.manifest, &other.manifest);
            other.provider == order.provider
                && other.notary == order.notary
                && other.class == order.class
                && (others.runner, others.model) == (own.runner, own.model)
        };
        let alike = self.attempts.values().filter(|attempt| is_alike(&attempt.order));
        let tickets = alike.filter_map(|attempt| attempt.ticket.as_deref());
        tickets.max_by_key(|ticket| ticket.standing.position)
    }
}

/// What a client must have beside an order, and keeps.
fn kept(order: &Order, genesis: &Genesis) -> Amount {
    if order.manifest.policy.opens_itself() { costs::forfeit(genesis, order) } else { Amount::ZERO }
}

fn order_grounds(attempt: &Attempt, genesis: &Genesis) -> OrderGrounds {
    let order = &attempt.order;
    let standing = attempt.ticket.as_ref().map(|ticket| ticket.standing);
    let explain = |standing| policy::explain(genesis, order, standing, &CHEAT_SHARES);
    OrderGrounds {
        job: order.id(),
        order: (**order).clone(),
        standing,
        explanation: standing.and_then(explain),
    }
}

#[cfg(test)]
mod tests;
