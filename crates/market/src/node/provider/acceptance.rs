//! Which orders a provider agrees to, and when a job of one begins.
//!
//! **Invariant:** to agree takes no slot and writes nothing: the first ticket takes the slot, whoever else was agreed to; a job
//! begins with its notary's ticket for exactly the terms that are on offer.

use assay_protocol::{
    admission,
    id::{Digest, JobId, PeerId},
    notice::NoticeEvent,
    order::{Abort, Accept, Failure, Order, Propose, Refusal, Refuse},
    signed::{Signer, Verified},
    ticket::{Start, Ticket},
    units::{Duration, Rate, Timestamp},
};

use super::{Provider, serving::ServingPhase};
use crate::{
    event::Event,
    node::{
        context::Context,
        heard::{Fault, Heard},
    },
    provision::RUN_MAX,
    record::ProviderRecord,
};

/// The longest time in which an order may still be opened.
const OPEN_MAX: Duration = Duration::seconds(120);
/// Jobs under way at the same time: those that run, or have claimed and wait for their end.
const SERVINGS_MAX: usize = 16_384;
/// Jobs that were turned away and are remembered: each of them was opened with somebody's money.
pub(super) const TURNED_AWAY_MAX: usize = 4_096;

impl Provider {
    /// A client shows its order: it is agreed to or refused, as things stand.
    pub(super) fn on_propose<S: Signer>(
        &mut self,
        propose: &Verified<Propose>,
        cx: &mut Context<'_, S>,
    ) -> Heard {
        let order = propose.order();
        if order.provider != cx.own() || order.signer() != order.client || propose.signer() != order.client {
            return Heard::Misstep(Fault::Stranger);
        }
        let (client, class) = (order.client, order.class);
        let standing = propose.standing().filter(|standing| {
            let holds = standing.holds_in(cx.notaries.epoch(standing.signer()));
            standing.peer == client && cx.is_notary(standing.signer()) && holds
        });
        let means = standing.map_or(0, |standing| standing.means);
        if !self.rates.take(client, means, cx.steady) {
            self.demand.note_crowded();
            return Heard::Misstep(Fault::Crowded);
        }
        let job = order.id();
        let considered = self.consider(job, &order, cx);
        // Its owner is told of it beside those for whom there was no room.
        match self.is_blocked(client) {
            true => self.demand.note_blocked(),
            false => self.demand.note(considered.err()),
        }
        match considered {
            Ok(starts_in) => {
                if !self.servings.contains_key(&job) {
                    self.agreements.agree(job, client, class, cx.steady);
                }
                cx.say(client, Accept { job, class, rate_max: Rate::ONE, starts_in });
            }
            Err(reason) => cx.say(client, Refuse { job, reason }),
        }
        Heard::Taken
    }

    /// Whether an order would be taken on now, and when it could begin.
    fn consider<S: Signer>(
        &self,
        job: JobId,
        order: &Order,
        cx: &Context<'_, S>,
    ) -> Result<Duration, Refusal> {
        if self.served.get(&job).is_some() || self.turned_away.get(&job).is_some() {
            return Err(Refusal::Late);
        }
        let in_time = order.open_by > cx.now && order.open_by <= cx.now.after(OPEN_MAX);
        // Whoever orders by the offer of a moment ago is held to be too early or too late for a place, and declined nothing.
        let terms = self.terms(order, cx);
        terms.map_err(|why| if self.was_on_offer(order, cx.now) { Refusal::Busy } else { why })?;
        // Who was agreed to a moment ago is there before whoever asks now.
        let coming =
            self.agreements.coming(order.client, cx.steady, |class| self.share_device(class, order.class));
        let has_place = !self.is_blocked(order.client) && self.slots_free(order.class, cx.now) > coming;
        let demands =
            [(in_time, Refusal::Late), (self.servings.contains_key(&job) || has_place, Refusal::Busy)];
        demands.iter().find(|(met, _)| !met).map_or(Ok(()), |(_, refusal)| Err(*refusal))?;
        let manifest = order.manifest.digest();
        let load = self.loads.get(&manifest).filter(|_| !self.is_warm(manifest, cx.now));
        Ok(load.copied().unwrap_or_default())
    }

    /// Whether the terms of an order are those on offer to its client.
    fn terms<S: Signer>(&self, order: &Order, cx: &Context<'_, S>) -> Result<(), Refusal> {
        let provision = self.provision.as_ref().ok_or(Refusal::ModelAbsent)?;
        let offered = provision.stocks().any(|(_, stock)| stock.manifest == order.manifest);
        let bench = provision.bench(order.class);
        let stock = bench.and_then(|bench| bench.stock(&order.manifest));
        let stock = stock.ok_or(if offered { Refusal::Class } else { Refusal::ModelAbsent })?;
        let demands = [
            (order.unit_price >= stock.unit_price, Refusal::Price),
            (order.cancel_fee >= provision.cancel_fee_min, Refusal::Price),
            (order.units_max > 0 && order.run_max <= RUN_MAX && order.run_max.0 > 0, Refusal::Limits),
            // Its units are a ceiling that most runs stay far below, so no more is asked than that a typical run fits.
            (order.run_max >= stock.run, Refusal::Limits),
            (cx.takes_orders_of(order.notary), Refusal::Notary),
        ];
        demands.iter().find(|(met, _)| !met).map_or(Ok(()), |(_, refusal)| Err(*refusal))
    }

    /// Whether these are terms that were on offer a moment ago.
    fn was_on_offer(&self, order: &Order, now: Timestamp) -> bool {
        let before = self.before.as_ref().filter(|(_, until)| now < *until);
        let bench = before.and_then(|(before, _)| before.bench(order.class));
        let stock = bench.and_then(|bench| bench.stock(&order.manifest));
        stock.is_some_and(|stock| order.unit_price >= stock.unit_price)
    }

    /// True if the benches of these classes are of one device.
    fn share_device(&self, one: Digest, other: Digest) -> bool {
        let device = |class| Some(&self.provision.as_ref()?.bench(class)?.device);
        device(one).is_some_and(|of_one| device(other) == Some(of_one))
    }

    /// How many jobs could begin now on the device of this class's bench: all benches of a device share it.
    fn slots_free(&self, class: Digest, now: Timestamp) -> usize {
        let Some(provision) = self.provision.as_ref().filter(|_| !self.rests(now)) else { return 0 };
        let Some(bench) = provision.bench(class).filter(|_| self.servings.len() < SERVINGS_MAX) else {
            return 0;
        };
        debug_assert_eq!(
            self.busy,
            self.found_busy(),
            "a slot is taken up by a job that is not busy, or none"
        );
        let busy = self.busy.iter().filter_map(|job| self.servings.get(job));
        let busy = busy.filter(|serving| self.share_device(serving.order.class, class));
        usize::from(bench.slots).saturating_sub(busy.count())
    }

    /// The client shows that the notary holds the money: the job begins, if there is a slot. One that is over is delivered
    /// again.
    pub(super) fn on_start<S: Signer>(&mut self, start: &Verified<Start>, cx: &mut Context<'_, S>) -> Heard {
        let (job, client) = (start.ticket().job, start.signer());
        if self.served.get(&job).is_some_and(|served| served.client == client) {
            self.deliver(job, cx);
            return Heard::Taken;
        }
        let Some(serving) = self.servings.get(&job) else { return self.begin(start, cx) };
        if client != serving.order.client || start.ticket().signer() != serving.order.notary {
            return Heard::Misstep(Fault::Stranger);
        }
        if serving.ticket_digest() != Ticket::digest(&start.ticket()) {
            return Heard::Misstep(Fault::Contrary);
        }
        match &serving.phase {
            ServingPhase::Claimed(_) => self.deliver(job, cx),
            ServingPhase::Aborted(abort) => cx.send(client, abort.verified()),
            ServingPhase::Yielded(_) | ServingPhase::Fetching | ServingPhase::Running => {}
        }
        Heard::Taken
    }

    /// Begins a job, or turns it away.
    fn begin<S: Signer>(&mut self, start: &Verified<Start>, cx: &mut Context<'_, S>) -> Heard {
        let (order, ticket) = (start.order(), start.ticket());
        let (job, client, notary) = (ticket.job, order.client, order.notary);
        let parties = start.signer() == client && order.signer() == client && ticket.signer() == notary;
        if order.provider != cx.own() || !parties {
            return Heard::Misstep(Fault::Stranger);
        }
        if order.id() != job || !agrees(&order, &ticket, cx) {
            return Heard::Misstep(Fault::Contrary);
        }
        // Whoever shows the ticket of a job that is over would have it run for nothing. Whatever time its notary thinks it is, it
        // was opened before its end, and is over by then.
        let claim_time = ticket.claim_by.since(ticket.standing.opened);
        if cx.now >= order.open_by.after(claim_time) {
            return Heard::Misstep(Fault::Untimely);
        }
        cx.compare_clocks(notary, ticket.standing.opened);
        let (opened, time) = (ticket.standing.opened, (cx.now, cx.steady));
        let may_be_over = self.turned_away.get(&job).is_some() || self.forgotten.may_hold(opened, time);
        if !may_be_over {
            self.agreements.show(job, client, cx.steady);
        }
        let has_place = !self.is_blocked(client) && self.slots_free(order.class, cx.now) > 0;
        if may_be_over || !has_place || self.terms(&order, cx).is_err() {
            self.demand.note_turned_away();
            let abort = Abort { job, ticket: Ticket::digest(&ticket), reason: Failure::Busy };
            self.turn_away(abort, opened, &[notary, client], cx);
            return Heard::Taken;
        }
        let (order, ticket) = (order.to_verified().into(), ticket.to_verified().into());
        self.keep(ProviderRecord::Started { order, ticket }, cx);
        self.demand.note_begun();
        self.servings.get_mut(&job).into_iter().for_each(|serving| serving.set_claim_by(cx.now));
        cx.tell(Event::Serving { job, client });
        self.wake(job, cx);
        Heard::Taken
    }

    /// A notary speaks of a job that this peer is said to be the provider of, and that never began here: nobody has shown
    /// its ticket, and whoever waits for it waits in vain.
    pub(super) fn on_unstarted<S: Signer>(
        &mut self,
        (job, by): (JobId, PeerId),
        event: &NoticeEvent,
        cx: &mut Context<'_, S>,
    ) -> Heard {
        let waits = match event {
            NoticeEvent::Overdue | NoticeEvent::Cancelled => true,
            NoticeEvent::Claimed { .. }
            | NoticeEvent::Disputed
            | NoticeEvent::Open { .. }
            | NoticeEvent::Closed { .. }
            | NoticeEvent::Unknown => false,
        };
        if !waits || self.served.get(&job).is_some() {
            return Heard::NotMine;
        }
        if !cx.is_notary(by) {
            return Heard::Misstep(Fault::Stranger);
        }
        // When it was opened is not said: before now.
        let abort = Abort { job, ticket: Digest::default(), reason: Failure::NotStarted };
        self.turn_away(abort, cx.now, &[by], cx);
        Heard::Taken
    }

    /// Says that a job that was opened then is not begun here, and the same again whenever it is asked.
    fn turn_away<S: Signer>(
        &mut self,
        abort: Abort,
        opened: Timestamp,
        to: &[PeerId],
        cx: &mut Context<'_, S>,
    ) {
        let known = self.turned_away.get(&abort.job).map(|(abort, _)| abort.clone());
        let abort = known.unwrap_or_else(|| {
            let sealed = cx.seal(abort);
            let oldest = self.turned_away.insert(sealed.job, (sealed.clone(), opened));
            oldest.into_iter().for_each(|(_, (_, opened))| self.forgotten.turned_away(opened));
            sealed
        });
        to.iter().for_each(|peer| cx.send(*peer, abort.clone()));
    }
}

/// True for a ticket that follows from the order of its name, and by which it could be opened: a provider runs nothing for others.
fn agrees<S: Signer>(order: &Order, ticket: &Ticket, cx: &Context<'_, S>) -> bool {
    let expected = Ticket::for_job(ticket.job, cx.odds, cx.genesis, order, ticket.standing);
    let starts_in = Duration::default();
    let accept = Accept { job: ticket.job, class: order.class, rate_max: Rate::ONE, starts_in };
    *ticket == expected && admission::admit(cx.genesis, order, &accept, &expected).is_ok()
}
