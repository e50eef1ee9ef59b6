//! Which orders a provider takes on, and when a job of one begins.
//!
//! **Invariant:** an order is saved before its client hears that it is taken on; of two with one number only the last
//! keeps a slot; a job begins with its notary's ticket for exactly the terms that were agreed to.

use assay_protocol::{
    admission,
    order::{Accept, Order, Propose, Refusal, Refuse},
    signed::{Signer, Verified},
    ticket::{Start, Ticket},
    units::{Duration, Rate},
};

use super::{
    Provider,
    serving::{Serving, ServingPhase, number},
};
use crate::{
    event::Event,
    node::{
        alarms::Alarm,
        context::Context,
        heard::{Fault, Heard},
    },
    provision::RUN_MAX,
    record::ProviderRecord,
};

/// How long a slot is kept for a ticket: a client that cannot pay takes up no more.
const SLOT_HOLD: Duration = Duration::seconds(8);
/// How long after its end an order is remembered whose ticket does not come.
pub(super) const TICKET_SLACK: Duration = Duration::seconds(30);
/// The longest time in which an order may still be opened: it is remembered for as long.
const OPEN_MAX: Duration = Duration::seconds(120);
/// Orders that are taken on at the same time: those that run, wait for a ticket, or have claimed and wait for their end.
const SERVINGS_MAX: usize = 16_384;

impl Provider {
    /// A client shows its order: it is taken on or refused; one that was taken on before is agreed to again.
    pub(super) fn on_propose<S: Signer>(
        &mut self,
        propose: &Verified<Propose>,
        cx: &mut Context<'_, S>,
    ) -> Heard {
        let order = propose.order();
        if order.provider != cx.own() || order.signer() != order.client || propose.signer() != order.client {
            return Heard::Misstep(Fault::Stranger);
        }
        let (job, client) = (order.id(), order.client);
        if self.served.get(&job).is_some() {
            cx.say(client, Refuse { job, reason: Refusal::Late });
            return Heard::Taken;
        }
        let class = order.class;
        if !self.servings.contains_key(&job) {
            self.drop_replaced(&order, cx);
            if let Err(reason) = self.consider(&order, cx) {
                cx.say(client, Refuse { job, reason });
                return Heard::Taken;
            }
            let until = order.open_by.after(TICKET_SLACK);
            self.keep(ProviderRecord::Accepted(order.to_verified().into()), cx);
            if let Some(serving) = self.servings.get_mut(&job) {
                serving.held_until = cx.now.after(SLOT_HOLD);
            }
            cx.set(Alarm::Serving(job), until);
        }
        cx.say(client, Accept { job, class, rate_max: Rate::ONE });
        Heard::Taken
    }

    /// Frees the slot of an order that its client replaces: of two with one number only one can be opened.
    fn drop_replaced<S: Signer>(&mut self, order: &Order, cx: &mut Context<'_, S>) {
        if let Some(job) = self.numbers.get(&number(order)).copied() {
            self.keep(ProviderRecord::Closed { job, outcome: None }, cx);
            cx.alarms.clear(Alarm::Serving(job));
        }
    }

    /// Whether an order is taken on.
    fn consider<S: Signer>(&self, order: &Order, cx: &Context<'_, S>) -> Result<(), Refusal> {
        let now = cx.now;
        let provision = self.provision.as_ref().ok_or(Refusal::ModelAbsent)?;
        let stock = provision.services.iter().find(|stock| stock.manifest == order.manifest);
        let stock = stock.ok_or(Refusal::ModelAbsent)?;
        let busy = self.servings.values().filter(|serving| serving.is_busy(now)).count();
        let demands = [
            (order.class == provision.class, Refusal::Class),
            (order.unit_price >= stock.unit_price, Refusal::Price),
            (order.cancel_fee >= provision.cancel_fee_min, Refusal::Price),
            (order.open_by > now && order.open_by <= now.after(OPEN_MAX), Refusal::Late),
            (order.units_max > 0 && order.run_max <= RUN_MAX && order.run_max.0 > 0, Refusal::Limits),
            (cx.takes_orders_of(order.notary), Refusal::Notary),
            (busy < usize::from(provision.slots), Refusal::Busy),
            (self.servings.len() < SERVINGS_MAX, Refusal::Busy),
        ];
        demands.iter().find(|(met, _)| !met).map_or(Ok(()), |(_, refusal)| Err(*refusal))
    }

    /// The client shows that the notary holds the money: the job begins. One that is over is delivered again.
    pub(super) fn on_start<S: Signer>(&mut self, start: &Verified<Start>, cx: &mut Context<'_, S>) -> Heard {
        let ticket = start.ticket();
        let (job, client) = (ticket.job, start.signer());
        if self.served.get(&job).is_some_and(|served| served.client == client) {
            self.deliver(job, cx);
            return Heard::Taken;
        }
        let Some(serving) = self.servings.get(&job) else { return Heard::NotMine };
        if client != serving.order.client || ticket.signer() != serving.order.notary {
            return Heard::Misstep(Fault::Stranger);
        }
        if !serving.agrees_to(&ticket, cx) {
            return Heard::Misstep(Fault::Contrary);
        }
        match &serving.phase {
            ServingPhase::Accepted => {
                cx.compare_clocks(ticket.signer(), ticket.standing.opened);
                self.keep(ProviderRecord::Started(ticket.to_verified().into()), cx);
                self.servings.get_mut(&job).into_iter().for_each(|serving| serving.set_claim_by(cx.now));
                cx.tell(Event::Serving { job, client });
                self.wake(job, cx);
            }
            ServingPhase::Claimed(_) => self.deliver(job, cx),
            ServingPhase::Aborted(abort) => cx.send(client, abort.verified()),
            ServingPhase::Yielded(_) | ServingPhase::Fetching | ServingPhase::Running => {}
        }
        Heard::Taken
    }
}

impl Serving {
    /// True for a ticket that follows from the order, and whose terms the provider agreed to: it runs nothing for others.
    fn agrees_to<S: Signer>(&self, ticket: &Ticket, cx: &Context<'_, S>) -> bool {
        let expected = Ticket::new(cx.genesis, &self.order, ticket.standing);
        let accept = Accept { job: ticket.job, class: self.order.class, rate_max: Rate::ONE };
        *ticket == expected && admission::admit(cx.genesis, &self.order, &accept, &expected).is_ok()
    }
}
