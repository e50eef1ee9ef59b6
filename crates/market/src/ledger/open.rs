//! T1: whether an order becomes a job, and on what terms.

use alloc::vec::Vec;

use assay_protocol::{
    id::{Digest, PeerId},
    job::{self, Job},
    manifest::Policy,
    order::{Accept, Open, Order, Refusal},
    receipt,
    signed::{Signed, Verified},
    ticket::{Standing, Ticket},
    units::{Amount, Rate, Timestamp},
};

use super::{Consequence, JOBS_OPEN_MAX, Ledger, OpenJob, Rejection};
use crate::trust::Kind;

/// Queues of one client, and so the most orders it can have open.
pub const LANES_MAX: u16 = 256;

impl Ledger {
    /// Reserves the money of an order and fixes its terms.
    pub(super) fn open(&mut self, open: Signed<Open>, out: &mut Vec<Consequence>) -> Result<(), Rejection> {
        let opened = open.clone().recall();
        let (order, accept) = (opened.order.clone().recall(), opened.accept.clone().recall());
        let id = order.id();
        if self.jobs.contains_key(&id) || self.closed.contains_key(&id) {
            return Err(Rejection::Known);
        }
        let ticket = self.judge(opened.signer(), &order, &accept)?;
        let client = self.accounts.get_mut(&order.client).ok_or(Refusal::Funds)?;
        client.free = client.free.minus(order.total_max).ok_or(Refusal::Funds)?;
        let lane = client.lanes.entry(order.lane).or_default();
        (lane.next, lane.open) = (order.nonce + 1, Some(id));
        let provider = self.accounts.entry(order.provider).or_default();
        if provider.operator == Digest::default() {
            provider.operator = Digest(order.provider.0);
        }
        provider.serving.insert(id);
        if ticket.rate < Rate::ONE {
            provider.exposed = provider.exposed.plus(price(&order)?).ok_or(Refusal::Numbers)?;
        }
        out.push(Consequence::Opened { client: order.client, ticket });
        let (held, order) = (order.total_max, order.into_body());
        let opened = OpenJob {
            job: Job::open(&self.genesis, order, ticket, self.moment),
            open,
            begun: self.moment,
            events: Vec::new(),
            roster: None,
            operators: ticket.standing.party_operators.to_vec(),
            held,
            reserve: Amount::ZERO,
            withheld: None,
        };
        self.jobs.insert(id, opened);
        Ok(())
    }

    /// The terms of an order, or why it is refused.
    fn judge(
        &self,
        signer: PeerId,
        order: &Verified<Order>,
        accept: &Verified<Accept>,
    ) -> Result<Ticket, Refusal> {
        let told = order.signer() == order.client && signer == order.client;
        let agreed = accept.signer() == order.provider && accept.job == order.id();
        let demands = [
            (told && agreed, Refusal::Conflict),
            (order.notary == self.notary, Refusal::Notary),
            (accept.class == order.class, Refusal::Class),
            (is_sound(order), Refusal::Numbers),
            (self.wall.is_some_and(|wall| wall <= order.open_by), Refusal::Late),
            (order.client != order.provider, Refusal::SelfDealing),
            (self.is_comparable(order), Refusal::Policy),
            (self.is_next(order), Refusal::Nonce),
            (self.jobs.len() < JOBS_OPEN_MAX, Refusal::Full),
        ];
        first_unmet(&demands)?;
        let standing = self.standing(order);
        let ticket = Ticket::new(&self.genesis, order, standing);
        self.afford(order, accept, &ticket)?;
        Ok(ticket)
    }

    /// Whether both parties can stand for what the ticket says.
    fn afford(&self, order: &Order, accept: &Accept, ticket: &Ticket) -> Result<(), Refusal> {
        let nobody = super::Account::default();
        let client = self.accounts.get(&order.client).unwrap_or(&nobody);
        let provider = self.accounts.get(&order.provider).unwrap_or(&nobody);
        let price = price(order)?;
        let total = ticket.total(&self.genesis, order).ok_or(Refusal::Numbers)?;
        let exposed = provider.exposed.plus(price).ok_or(Refusal::Numbers)?;
        let timers = &self.genesis.timers;
        let settle = job::claim_time(&self.genesis, order)
            .plus(timers.reveal)
            .plus(timers.tick.times(job::ROUNDS_AHEAD))
            .plus(ticket.window);
        first_unmet(&[
            (provider.frozen.is_empty(), Refusal::Frozen),
            (!ticket.newcomer || provider.serving.is_empty(), Refusal::Newcomer),
            (client.free >= order.total_max, Refusal::Funds),
            (order.total_max >= total, Refusal::Total),
            (price >= ticket.dues, Refusal::Dues),
            (ticket.rate <= accept.rate_max, Refusal::Rate),
            (settle <= timers.settle_max, Refusal::Settle),
            (ticket.rate == Rate::ONE || exposed <= provider.stake, Refusal::Exposure),
            (ticket.standing.operators >= self.genesis.checks.operators_min, Refusal::Checkers),
        ])
    }

    /// What the books say of the parties.
    fn standing(&self, order: &Order) -> Standing {
        let nobody = super::Account::default();
        let provider = self.accounts.get(&order.provider).unwrap_or(&nobody);
        let kind = kind(order);
        let party_operators = [self.operator(order.client), self.operator(order.provider)];
        Standing {
            opened: self.wall.unwrap_or(Timestamp(0)),
            position: self.sequence,
            operators: self.checkers(order, &party_operators),
            party_operators,
            trust: self.trust.value(&kind, self.moment.live),
            greys: self.trust.greys(&kind),
            strict: !provider.accused.is_empty() || self.trust.is_strict(&kind),
            stake: provider.stake,
            fee_margin: self.fee_margin(),
        }
    }

    fn operator(&self, peer: PeerId) -> Digest {
        let declared = self.accounts.get(&peer).map(|account| account.operator);
        declared.filter(|operator| *operator != Digest::default()).unwrap_or(Digest(peer.0))
    }

    /// How many operators beside the parties can check it.
    fn checkers(&self, order: &Order, party_operators: &[Digest; 2]) -> u64 {
        let Some((_, roster)) = self.checkpoint.roster(order) else { return 0 };
        let barred = receipt::barred(&self.genesis, order, party_operators);
        let mut able: Vec<Digest> =
            roster.leaves().iter().filter(|leaf| barred.admits(leaf)).map(|leaf| leaf.operator).collect();
        able.sort_unstable();
        able.dedup();
        able.len() as u64
    }

    fn is_next(&self, order: &Order) -> bool {
        let lane = self.accounts.get(&order.client).and_then(|account| account.lanes.get(&order.lane));
        let lane = lane.copied().unwrap_or_default();
        order.lane < LANES_MAX && lane.open.is_none() && lane.next == order.nonce
    }

    fn is_comparable(&self, order: &Order) -> bool {
        match order.manifest.policy {
            Policy::Exact => true,
            Policy::Tensor(format) => self.genesis.threshold(format).is_some(),
        }
    }
}

/// What trust in the provider of this order is about.
pub(super) fn kind(order: &Order) -> Kind {
    Kind {
        provider: order.provider,
        runner: order.manifest.runner,
        model: order.manifest.model,
        class: order.class,
    }
}

/// The price, which fits: an order whose price does not is refused.
pub(super) fn price(order: &Order) -> Result<Amount, Refusal> {
    order.price().ok_or(Refusal::Numbers)
}

fn is_sound(order: &Order) -> bool {
    let counted = [order.units_max, order.work_max, order.unit_price.0, order.run_max.0];
    counted.iter().all(|number| *number > 0)
        && order.manifest.is_bounded()
        && order.price().is_some_and(|price| price <= order.total_max)
}

fn first_unmet(demands: &[(bool, Refusal)]) -> Result<(), Refusal> {
    demands.iter().find(|(met, _)| !met).map_or(Ok(()), |(_, refusal)| Err(*refusal))
}
