//! The provider: tells what it offers, takes orders, runs them, claims, and opens its claims when asked.
//!
//! **Invariant:** a claim is saved, with what opens it, before anyone sees it; a job is run for a ticket, never for an
//! order alone. Of jobs that are over the last [`SERVED_MAX`] are remembered, and of those what their clients may yet ask
//! for.

mod claim;
mod offer;
mod serving;

use alloc::{
    boxed::Box,
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};

use assay_protocol::{
    admission,
    check::Check,
    draw,
    id::{Digest, JobId, PeerId},
    message::Opened,
    notice::{Notice, NoticeEvent},
    order::{Abort, Accept, Failure, Order, Propose, Refusal, Refuse},
    outcome::Outcome,
    signed::{Signer, Verified},
    ticket::{Start, Ticket},
    units::{Duration, Rate, Timestamp},
};

use self::{
    claim::leaves,
    serving::{Claimed, Number, Serving, ServingPhase, ServingStep, number},
};
use super::{
    alarms::{Alarm, backoff, lull, until_close},
    context::Context,
    heard::{Fault, Heard},
    role::Role,
};
use crate::{
    event::Event,
    input::{Input, RunId},
    provision::{Provision, RUN_MAX},
    recent::Recent,
    record::{ProviderRecord, Record},
    view::{RunState, RunView},
};

/// How long a slot is kept for a ticket: a client that cannot pay takes up no more.
const SLOT_HOLD: Duration = Duration::seconds(8);
/// How long after its end an order is remembered whose ticket does not come.
const TICKET_SLACK: Duration = Duration::seconds(30);
/// The longest time in which an order may still be opened: it is remembered for as long.
const OPEN_MAX: Duration = Duration::seconds(120);
/// Orders that are taken on at the same time: those that run, wait for a ticket, or have claimed and wait for their end.
const SERVINGS_MAX: usize = 16_384;
/// Jobs that are over and remembered.
const SERVED_MAX: usize = 1_024;

/// A provider's state.
#[derive(Clone, Debug)]
pub(super) struct Provider {
    provision: Option<Provision>,
    told: usize,
    /// The orders that were taken on and are not over.
    servings: BTreeMap<JobId, Serving>,
    /// Those that are.
    served: Recent<JobId, Served>,
    /// The orders that wait for a ticket, by number: of two with one number only one can be opened.
    numbers: BTreeMap<Number, JobId>,
    /// When each manifest last ran.
    ran: BTreeMap<Digest, Timestamp>,
    /// Jobs that the last record leaves nothing to keep for.
    let_go: Vec<JobId>,
}

/// One order that is over.
#[derive(Clone, Debug)]
struct Served {
    client: PeerId,
    manifest: String,
    /// How; nothing if it was never opened.
    outcome: Option<Outcome>,
    /// What its client paid for, and may ask for again.
    claimed: Option<Box<Claimed>>,
}

impl<S: Signer> Role<S> for Provider {
    fn handle(&mut self, input: &Input, cx: &mut Context<'_, S>) -> Heard {
        match input {
            Input::Message(Opened::Propose(propose)) => self.on_propose(propose, cx),
            Input::Message(Opened::Start(start)) => self.on_start(start, cx),
            Input::Message(Opened::Check(check)) => self.on_check(check, cx),
            Input::Message(Opened::Notice(notice)) => self.on_notice(notice, cx),
            Input::Fetched { holder, found, .. } => self.on_input(*holder, found.is_some(), cx),
            Input::Ran { run, result } if !run.check => self.on_run(run.job, *result, cx),
            Input::Shown { run, records } if !run.check => self.on_shown(run.job, records, cx),
            Input::Command(_)
            | Input::Message(_)
            | Input::Undelivered { .. }
            | Input::Collected { .. }
            | Input::Ran { .. }
            | Input::Shown { .. }
            | Input::Wake => Heard::NotMine,
        }
    }

    fn resume(&mut self, cx: &mut Context<'_, S>) {
        self.let_go.clear();
        for (job, serving) in &mut self.servings {
            serving.set_claim_by(cx.now);
            let at = match serving.phase {
                ServingPhase::Accepted => serving.order.open_by.after(TICKET_SLACK),
                ServingPhase::Fetching
                | ServingPhase::Running
                | ServingPhase::Claimed(_)
                | ServingPhase::Yielded(_)
                | ServingPhase::Aborted(_) => cx.now,
            };
            cx.set(Alarm::Serving(*job), at);
            if let Some(claimed) = serving.claimed() {
                cx.hold(*job, serving.order.input_commit);
                cx.hold(*job, claimed.result.output);
                cx.serve(*job, claimed.result.output, serving.order.client);
            }
        }
        if self.provision.is_some() {
            self.tell_offer(cx);
        }
    }
}

impl Provider {
    /// Does again what is not answered yet.
    pub(super) fn wake<S: Signer>(&mut self, job: JobId, cx: &mut Context<'_, S>) {
        let Some(serving) = self.servings.get_mut(&job) else { return };
        serving.tries += 1;
        let (client, notary) = (serving.order.client, serving.order.notary);
        let settled =
            matches!(serving.phase, ServingPhase::Aborted(_)) || serving.noticed || serving.asks.is_some();
        let again = cx.now.after(if settled { lull(serving.tries) } else { backoff(serving.tries) });
        match &serving.phase {
            ServingPhase::Accepted => {
                return self.keep(ProviderRecord::Closed { job, outcome: None }, cx);
            }
            ServingPhase::Fetching => {
                let late = cx.now >= serving.claim_by;
                if late {
                    return self.abort(job, Failure::InputAbsent, cx);
                }
                if serving.asks.is_none() {
                    serving.asks = Some(cx.now);
                    cx.fetch(job, serving.order.input_commit, [client]);
                }
            }
            ServingPhase::Running => return,
            ServingPhase::Claimed(_) if serving.noticed => {
                let _ = cx.ask(notary, Some(job));
            }
            ServingPhase::Claimed(_) | ServingPhase::Yielded(_) => self.send_claim(job, cx),
            ServingPhase::Aborted(abort) => {
                let abort = abort.verified();
                cx.send(notary, abort.clone());
                cx.send(client, abort);
            }
        }
        cx.set(Alarm::Serving(job), again);
    }

    fn on_propose<S: Signer>(&mut self, propose: &Verified<Propose>, cx: &mut Context<'_, S>) -> Heard {
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

    fn on_start<S: Signer>(&mut self, start: &Verified<Start>, cx: &mut Context<'_, S>) -> Heard {
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

    /// The input of a job is here, or was not to be had this time.
    fn on_input<S: Signer>(&mut self, job: JobId, found: bool, cx: &mut Context<'_, S>) -> Heard {
        let Some(serving) = self.servings.get_mut(&job) else { return Heard::NotMine };
        let asked = serving.asks.take().unwrap_or(cx.now);
        if !found {
            cx.set(Alarm::Serving(job), asked.after(backoff(serving.tries)));
            return Heard::Taken;
        }
        if let Err(fault) = serving.apply(ServingStep::Run) {
            return Heard::Misstep(fault);
        }
        cx.run(serving.run(job));
        Heard::Taken
    }

    fn abort<S: Signer>(&mut self, job: JobId, reason: Failure, cx: &mut Context<'_, S>) {
        let Some(ticket) = self.servings.get(&job).map(Serving::ticket_digest) else { return };
        let abort = cx.seal(Abort { job, ticket, reason });
        self.keep(ProviderRecord::Aborted(abort.into()), cx);
        self.wake(job, cx);
    }

    /// A verifier shows that it was asked to check a claimed job: it may have the input.
    fn on_check<S: Signer>(&self, check: &Verified<Check>, cx: &mut Context<'_, S>) -> Heard {
        let Some(serving) = self.servings.get(&check.job) else { return Heard::NotMine };
        if check.signer() != serving.order.notary {
            return Heard::Misstep(Fault::Stranger);
        }
        // Nobody checks what is not claimed: before that, whoever asks wants to read the input.
        if serving.claimed().is_none() {
            return Heard::Misstep(Fault::Untimely);
        }
        if check.input_commit != serving.order.input_commit {
            return Heard::Misstep(Fault::Contrary);
        }
        cx.serve(check.job, check.input_commit, check.verifier);
        Heard::Taken
    }

    fn on_notice<S: Signer>(&mut self, notice: &Verified<Notice>, cx: &mut Context<'_, S>) -> Heard {
        let job = notice.job;
        let Some(serving) = self.servings.get_mut(&job) else { return Heard::NotMine };
        if notice.signer() != serving.order.notary {
            return Heard::Misstep(Fault::Stranger);
        }
        match notice.event {
            NoticeEvent::Claimed { .. } | NoticeEvent::Disputed => {
                (serving.noticed, serving.tries) = (true, 0);
                let window = serving.ticket.as_ref().map_or(cx.genesis.timers.tick, |ticket| ticket.window);
                cx.set(Alarm::Serving(job), cx.now.after(until_close(cx.genesis.timers.tick, window)));
            }
            NoticeEvent::Open { beacon } => {
                let Some(claimed) = serving.claimed() else { return Heard::Misstep(Fault::Untimely) };
                let (output, records) = (claimed.result.output, claimed.evidence.records);
                // What opens a claim is said until the notary has it: silence would cost the stake.
                (serving.noticed, serving.tries) = (true, 0);
                cx.set(Alarm::Serving(job), cx.now.after(backoff(0)));
                if let Some(positions) = draw::positions(job, records, beacon) {
                    cx.show(RunId { job, check: false }, output, positions);
                }
            }
            NoticeEvent::Closed { outcome, receipt } => self.on_closed(job, outcome, receipt, cx),
            NoticeEvent::Cancelled => self.on_cancelled(job, cx),
            NoticeEvent::Unknown => {}
        }
        Heard::Taken
    }

    fn on_closed<S: Signer>(
        &mut self,
        job: JobId,
        outcome: Outcome,
        receipt: Digest,
        cx: &mut Context<'_, S>,
    ) {
        let Some(serving) = self.servings.get(&job) else { return };
        let (client, notary) = (serving.order.client, serving.order.notary);
        let output = serving.claimed().map(|claimed| claimed.result.output);
        self.keep(ProviderRecord::Closed { job, outcome: Some(outcome) }, cx);
        cx.alarms.clear(Alarm::Serving(job));
        cx.collect(job, receipt, notary);
        cx.tell(Event::Served { job, outcome });
        // Who has paid may still have it, for as long as it happens to be here.
        if let Some(digest) = output.filter(|_| outcome.is_paid()) {
            cx.serve(job, digest, client);
        }
    }

    fn keep<S: Signer>(&mut self, record: ProviderRecord, cx: &mut Context<'_, S>) {
        self.fold(&record);
        cx.save(Record::Provider(Box::new(record)));
        cx.release(self.let_go.drain(..));
    }

    /// Changes the provider's state by one record: the only way in which it changes what must survive.
    pub(super) fn fold(&mut self, record: &ProviderRecord) {
        match record {
            ProviderRecord::Provision(provision) => self.provision = Some(provision.clone()),
            ProviderRecord::Accepted(order) => {
                let order = order.verified();
                self.numbers.insert(number(&order), order.id());
                self.servings.insert(order.id(), Serving::new(order));
            }
            ProviderRecord::Started(ticket) => {
                let ticket = ticket.verified();
                if let Some(serving) = self.servings.get(&ticket.job) {
                    self.numbers.remove(&number(&serving.order));
                }
                self.step(ticket.job, ServingStep::Start(ticket));
            }
            ProviderRecord::Claimed { claim, result, output_blind, evidence_blind } => {
                let (output, evidence) = leaves(result, *output_blind, *evidence_blind);
                let claimed = Claimed { claim: claim.clone(), result: *result, output, evidence };
                self.step(claim.job, ServingStep::Claim(Box::new(claimed)));
            }
            ProviderRecord::Yielded(claim) => {
                self.step(claim.job, ServingStep::Yield(claim.clone()));
            }
            ProviderRecord::Aborted(abort) => {
                self.step(abort.job, ServingStep::Abort(abort.clone()));
            }
            ProviderRecord::Closed { job, outcome } => self.close(*job, *outcome),
        }
    }

    /// Takes a step that was found to be possible before it was saved.
    fn step(&mut self, job: JobId, step: ServingStep) {
        if let Some(serving) = self.servings.get_mut(&job) {
            let taken = serving.apply(step);
            debug_assert!(taken.is_ok(), "a step that was saved is not in the table");
        }
    }

    /// Takes an order from those under way to those that are over, with what its client paid for.
    fn close(&mut self, job: JobId, outcome: Option<Outcome>) {
        let Some(serving) = self.servings.remove(&job) else { return };
        if matches!(serving.phase, ServingPhase::Accepted) {
            self.numbers.remove(&number(&serving.order));
        }
        let paid = outcome.is_some_and(Outcome::is_paid);
        if !matches!(serving.phase, ServingPhase::Accepted) {
            self.let_go.push(job);
        }
        let claimed = match serving.phase {
            ServingPhase::Claimed(claimed) if paid => Some(claimed),
            ServingPhase::Claimed(_)
            | ServingPhase::Accepted
            | ServingPhase::Fetching
            | ServingPhase::Running
            | ServingPhase::Yielded(_)
            | ServingPhase::Aborted(_) => None,
        };
        let order = serving.order.into_body();
        let served = Served { client: order.client, manifest: order.manifest.name, outcome, claimed };
        self.let_go.extend(self.served.insert(job, served).map(|(oldest, _)| oldest));
    }

    /// What was claimed for a job and may be asked for by its client.
    fn claimed(&self, job: JobId) -> Option<(PeerId, &Claimed)> {
        if let Some(serving) = self.servings.get(&job) {
            return Some((serving.order.client, serving.claimed()?));
        }
        let served = self.served.get(&job)?;
        Some((served.client, served.claimed.as_deref()?))
    }

    /// The jobs that this provider took on.
    pub(super) fn views(&self) -> impl Iterator<Item = RunView> {
        let view = |job: &JobId, manifest: &str, state| RunView {
            job: *job,
            check: false,
            manifest: manifest.to_string(),
            state,
        };
        let served = self.served.iter().map(move |(job, served)| {
            view(job, &served.manifest, served.outcome.map_or(RunState::Ended, RunState::Closed))
        });
        let servings = self.servings.iter();
        let servings =
            servings.map(move |(job, serving)| view(job, &serving.order.manifest.name, serving.state()));
        served.chain(servings)
    }
}

impl Default for Provider {
    fn default() -> Self {
        Self {
            provision: None,
            told: 0,
            servings: BTreeMap::new(),
            served: Recent::new(SERVED_MAX),
            numbers: BTreeMap::new(),
            ran: BTreeMap::new(),
            let_go: Vec::new(),
        }
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
