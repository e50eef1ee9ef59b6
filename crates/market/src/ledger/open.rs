//! T1: whether an order becomes a job, and on what terms.

use alloc::{boxed::Box, vec::Vec};

use assay_protocol::{
    admission::{self, first_unmet},
    id::{JobId, PeerId},
    job::Job,
    order::{Accept, Open, Order, Refusal},
    rate::ConvictionOdds,
    roster::Checkers,
    signed::{Said, Signed},
    ticket::{Standing, Ticket},
    units::{Amount, Rate, Timestamp},
};

use super::{Holdings, Ledger, News, OpenJob, Rejection, agenda::Due, boxes::sum};
use crate::trust::Kind;

/// Queues of one client, and so the most orders it can have open. A job that nobody checks is open for minutes, so that they bound
/// how much a gateway answers; each that was used once is a number in the books for good.
pub const LANES_MAX: u16 = 1024;

impl Ledger {
    /// Reserves the money of an order and fixes its terms.
    pub(super) fn open(&mut self, open: &Signed<Open>, out: &mut Vec<News>) -> Result<(), Rejection> {
        let opened = open.said();
        let (order, accept) = (opened.order.said(), opened.accept.said());
        let id = order.id();
        if self.jobs.contains_key(&id) || self.closed.get(&id).is_some() {
            return Err(Rejection::Known);
        }
        let ticket = self.judge(id, opened.signer(), &order, &accept)?;
        let client = self.accounts.get_mut(&order.client).ok_or(Refusal::Funds)?;
        client.free = client.free.minus(order.total_max).ok_or(Refusal::Funds)?;
        client.held = sum(client.held, order.total_max);
        let lane = client.lanes.entry(order.lane).or_default();
        (lane.next, lane.open) = (order.nonce + 1, Some(id));
        client.traps.open(&self.genesis, &order);
        let provider = self.accounts.or_default(order.provider);
        provider.serving.insert(id);
        let endowed = self.endow(&order, &ticket);
        out.push(News::Opened { client: order.client, ticket: Box::new(ticket) });
        let held = order.total_max;
        let job = Job::open(&self.genesis, order.clone(), ticket, self.live_time);
        let mut opened = OpenJob {
            exposed: Self::expose(&mut self.accounts, &self.genesis, &job),
            job,
            open: open.clone(),
            events: Vec::new(),
            roster: None,
            held,
            reserve: Amount::ZERO,
            endowed,
            withheld: Vec::new(),
            ended: 0,
            planned: Due::default(),
        };
        self.agenda.note(&opened.job, &mut opened.planned);
        self.jobs.insert(id, Box::new(opened));
        Ok(())
    }

    /// The terms of an order, or why it is refused.
    fn judge(
        &self,
        id: JobId,
        signer: PeerId,
        order: &Said<'_, Order>,
        accept: &Said<'_, Accept>,
    ) -> Result<Ticket, Refusal> {
        let told = order.signer() == order.client && signer == order.client;
        let agreed = accept.signer() == order.provider && accept.job == id;
        first_unmet(&[
            (told && agreed, Refusal::Conflict),
            (order.notary == self.notary, Refusal::Notary),
            (self.wall.is_some(), Refusal::Late),
        ])?;
        admission::sound(&self.genesis, order)?;
        let odds = self.odds.unwrap_or_else(|| ConvictionOdds::of(&self.genesis.checks));
        let ticket = Ticket::for_job(id, odds, &self.genesis, order, self.standing(order));
        admission::admit(&self.genesis, order, accept, &ticket)?;
        self.afford(order, &ticket)?;
        Ok(ticket)
    }

    /// What only the books can say: funds, numbers, freezes.
    fn afford(&self, order: &Order, ticket: &Ticket) -> Result<(), Refusal> {
        let nobody = Holdings::default();
        let client = self.accounts.get(&order.client).unwrap_or(&nobody);
        let provider = self.accounts.get(&order.provider).unwrap_or(&nobody);
        let always = ticket.rate == Rate::ONE;
        first_unmet(&[
            (self.is_next(order), Refusal::Nonce),
            (self.open_count() < self.genesis.money.jobs_max, Refusal::Full),
            (provider.frozen.is_empty(), Refusal::Frozen),
            (!ticket.newcomer || provider.serving.is_empty(), Refusal::Newcomer),
            (!always || !self.is_busy(order), Refusal::Busy),
            (self.spendable(client, Some(order)) >= order.total_max, Refusal::Funds),
        ])
    }

    /// What the books say of the parties.
    fn standing(&self, order: &Order) -> Standing {
        let nobody = Holdings::default();
        let provider = self.accounts.get(&order.provider).unwrap_or(&nobody);
        let kind = Kind::of(order);
        Standing {
            opened: self.wall.unwrap_or(Timestamp(0)),
            round: self.live_time.beacon.round,
            position: self.sequence,
            checkers: self.checkers(order),
            trust: self.trust.value(&kind, self.live_time.live),
            greys: self.trust.greys(&kind),
            strict: !provider.accused.is_empty() || self.trust.is_strict(&kind),
            endowed: self.endows(order),
            stake: provider.stake,
            exposed: provider.exposed,
            reserve: provider.reserve(),
            serving: provider.serving.len() as u64,
            open: self.open_count(),
            fee_margin: self.fee_margin(),
        }
    }

    /// Who can check it beside the parties.
    fn checkers(&self, order: &Order) -> Checkers {
        let kind = order.kind();
        let Some(roster) = self.checkpoint.roster(&kind) else { return Checkers::default() };
        Checkers { missing: self.missing(&kind), ..roster.beside([order.client, order.provider]) }
    }

    fn is_next(&self, order: &Order) -> bool {
        let lane = self.accounts.get(&order.client).and_then(|account| account.lanes.get(&order.lane));
        let lane = lane.copied().unwrap_or_default();
        order.lane < LANES_MAX && lane.open.is_none() && lane.next == order.nonce
    }
}
