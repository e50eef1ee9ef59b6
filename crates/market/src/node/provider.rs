//! The provider: tells what it offers, takes orders, runs them, claims, and opens its claims when asked.
//!
//! **Invariant:** a claim is saved, with what opens it, before anyone sees it; a job is run for a ticket, never for an
//! order alone. Of jobs that are over the last [`SERVED_MAX`] are remembered, and of those what their clients may yet ask
//! for.

mod claim;
mod offer;

use alloc::{boxed::Box, collections::BTreeMap, string::String};

use assay_protocol::{
    admission,
    check::Check,
    claim::{Claim, EvidenceLeaf, OutputLeaf},
    draw,
    id::{Digest, JobId, PeerId},
    notice::{Notice, NoticeEvent},
    order::{Abort, Accept, Failure, Order, Propose, Refusal, Refuse, Start},
    outcome::Outcome,
    signed::{Signed, Signer, Verified},
    ticket::Ticket,
    units::{Duration, Rate, Timestamp},
};

use self::claim::leaves;
use super::{
    Node,
    alarms::{Alarm, backoff},
};
use crate::{
    effect::{Effect, Effects, Event, Run},
    input::{Provision, RunId, RunResult},
    recent::Recent,
    record::{ProviderRecord, Record},
    view::{RunState, RunView},
};

/// How long a slot is kept for a ticket: a client that cannot pay takes up no more.
const SLOT_HOLD: Duration = Duration::seconds(8);
/// How long after its end an order is remembered whose ticket does not come.
const TICKET_SLACK: Duration = Duration::seconds(30);
/// The longest run that is taken on.
const RUN_MAX: Duration = Duration::seconds(3_600);
/// The longest time in which an order may still be opened: it is remembered for as long.
const OPEN_MAX: Duration = Duration::seconds(120);
/// Orders that are taken on at the same time: those that run, wait for a ticket, or have claimed and wait for their end.
const SERVINGS_MAX: usize = 16_384;
/// Jobs that are over and remembered.
const SERVED_MAX: usize = 1_024;

/// A provider's state.
#[derive(Debug)]
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
}

/// Client, notary, lane and number of an order.
type Number = (PeerId, PeerId, u16, u64);

/// One order that was taken on.
#[derive(Debug)]
struct Serving {
    order: Verified<Order>,
    phase: Phase,
    ticket: Option<Verified<Ticket>>,
    claimed: Option<Claimed>,
    /// True once the notary has the claim.
    noticed: bool,
    /// Until when a slot is kept for its ticket.
    held_until: Timestamp,
    tries: u32,
}

/// One order that is over.
#[derive(Debug)]
struct Served {
    client: PeerId,
    manifest: String,
    /// How; nothing if it was never opened.
    outcome: Option<Outcome>,
    /// What its client paid for, and may ask for again.
    claimed: Option<Box<Claimed>>,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Accepted,
    Fetching,
    Running,
    Claimed,
    Yielded(Signed<Claim>),
    Aborted(Signed<Abort>),
}

/// A claim with what opens it.
#[derive(Clone, Debug)]
struct Claimed {
    claim: Signed<Claim>,
    result: RunResult,
    output: OutputLeaf,
    evidence: EvidenceLeaf,
}

impl<S: Signer> Node<S> {
    pub(super) fn on_propose(&mut self, propose: &Verified<Propose>, now: Timestamp, out: &mut Effects) {
        let Ok(order) = propose.order.clone().open::<S::Scheme>(self.network) else { return };
        if order.provider != self.signer.id()
            || order.signer() != order.client
            || propose.signer() != order.client
        {
            return;
        }
        let (job, client) = (order.id(), order.client);
        if self.provider.served.get(&job).is_some() {
            return self.say(client, Refuse { job, reason: Refusal::Late }, out);
        }
        if !self.provider.servings.contains_key(&job) {
            self.drop_replaced(&order, out);
            if let Err(reason) = self.consider(&order, now) {
                return self.say(client, Refuse { job, reason }, out);
            }
            let until = order.open_by.after(TICKET_SLACK);
            self.keep_provider(ProviderRecord::Accepted(order.clone().into_signed()), out);
            if let Some(serving) = self.provider.servings.get_mut(&job) {
                serving.held_until = now.after(SLOT_HOLD);
            }
            self.alarms.set(Alarm::Serving(job), until);
        }
        self.say(client, Accept { job, class: order.class, rate_max: Rate::ONE }, out);
    }

    /// Frees the slot of an order that its client replaces: of two with one number only one can be opened.
    fn drop_replaced(&mut self, order: &Order, out: &mut Effects) {
        if let Some(job) = self.provider.numbers.get(&number(order)).copied() {
            self.keep_provider(ProviderRecord::Closed { job, outcome: None }, out);
            self.alarms.clear(Alarm::Serving(job));
        }
    }

    /// Whether an order is taken on.
    fn consider(&self, order: &Order, now: Timestamp) -> Result<(), Refusal> {
        let provision = self.provider.provision.as_ref().ok_or(Refusal::ModelAbsent)?;
        let stock = provision.services.iter().find(|stock| stock.manifest == order.manifest);
        let stock = stock.ok_or(Refusal::ModelAbsent)?;
        let busy = self.provider.servings.values().filter(|serving| serving.is_busy(now)).count();
        let demands = [
            (order.class == provision.class, Refusal::Class),
            (order.unit_price >= stock.unit_price, Refusal::Price),
            (order.cancel_fee >= provision.cancel_fee_min, Refusal::Price),
            (order.open_by > now && order.open_by <= now.after(OPEN_MAX), Refusal::Late),
            (order.units_max > 0 && order.run_max <= RUN_MAX && order.run_max.0 > 0, Refusal::Limits),
            (self.takes_orders_of(order.notary), Refusal::Notary),
            (busy < usize::from(provision.slots), Refusal::Busy),
            (self.provider.servings.len() < SERVINGS_MAX, Refusal::Busy),
        ];
        demands.iter().find(|(met, _)| !met).map_or(Ok(()), |(_, refusal)| Err(*refusal))
    }

    pub(super) fn on_start(&mut self, start: &Verified<Start>, now: Timestamp, out: &mut Effects) {
        let Ok(ticket) = start.ticket.clone().open::<S::Scheme>(self.network) else { return };
        if self.provider.served.get(&ticket.job).is_some_and(|served| served.client == start.signer()) {
            return self.deliver(ticket.job, out);
        }
        let Some(serving) = self.provider.servings.get(&ticket.job) else { return };
        if start.signer() != serving.order.client || ticket.signer() != serving.order.notary {
            return;
        }
        // A provider runs nothing for terms that do not follow from the order, or that it did not agree to.
        let expected = Ticket::new(&self.config.genesis, &serving.order, ticket.standing);
        let accept = Accept { job: ticket.job, class: serving.order.class, rate_max: Rate::ONE };
        let admitted = admission::admit(&self.config.genesis, &serving.order, &accept, &expected);
        if *ticket != expected || admitted.is_err() {
            return;
        }
        match &serving.phase {
            Phase::Accepted => {
                let (job, client) = (ticket.job, serving.order.client);
                self.keep_provider(ProviderRecord::Started(ticket.into_signed()), out);
                out.push(Effect::Tell(Event::Serving { job, client }));
                self.wake_serving(job, now, out);
            }
            Phase::Claimed => self.deliver(ticket.job, out),
            Phase::Yielded(_) => {}
            Phase::Aborted(abort) => {
                out.push(Effect::Send { to: serving.order.client, message: abort.clone().recall().into() });
            }
            Phase::Fetching | Phase::Running => {}
        }
    }

    /// Does again what is not answered yet.
    pub(super) fn wake_serving(&mut self, job: JobId, now: Timestamp, out: &mut Effects) {
        let Some(serving) = self.provider.servings.get_mut(&job) else { return };
        serving.tries += 1;
        let (client, notary) = (serving.order.client, serving.order.notary);
        let again = now.after(backoff(serving.tries));
        match serving.phase.clone() {
            Phase::Accepted => {
                self.keep_provider(ProviderRecord::Closed { job, outcome: None }, out);
                return;
            }
            Phase::Fetching => {
                let late = serving.ticket.as_ref().is_none_or(|ticket| now >= ticket.claim_by);
                if late {
                    return self.abort(job, Failure::InputAbsent, now, out);
                }
                out.push(Effect::Fetch { digest: serving.order.input_commit, from: [client].into() });
            }
            Phase::Running => return,
            Phase::Claimed if !serving.noticed => self.send_claim(job, out),
            Phase::Claimed => {
                let _ = self.ask(notary, Some(job), out);
            }
            Phase::Yielded(_) => self.send_claim(job, out),
            Phase::Aborted(abort) => {
                out.push(Effect::Send { to: notary, message: abort.clone().recall().into() });
                out.push(Effect::Send { to: client, message: abort.recall().into() });
            }
        }
        self.alarms.set(Alarm::Serving(job), again);
    }

    /// The input is here, or was not to be had this time.
    pub(super) fn on_provider_blob(&mut self, digest: Digest, found: bool, out: &mut Effects) {
        let waiting =
            |serving: &Serving| serving.phase == Phase::Fetching && serving.order.input_commit == digest;
        let waiting = self.provider.servings.iter_mut().filter(|(_, serving)| waiting(serving) && found);
        for (job, serving) in waiting {
            serving.phase = Phase::Running;
            let order = &serving.order;
            out.push(Effect::Run(Box::new(Run {
                id: RunId { job: *job, check: false },
                manifest: order.manifest.clone(),
                input: order.input_commit,
                seed: order.seed(),
                units_max: order.units_max,
                run_max: order.run_max,
            })));
        }
    }

    fn abort(&mut self, job: JobId, reason: Failure, now: Timestamp, out: &mut Effects) {
        let Some(ticket) = self.provider.servings.get(&job).map(Serving::ticket_digest) else { return };
        let abort = Signed::seal(Abort { job, ticket, reason }, &self.signer, self.network).into_signed();
        self.keep_provider(ProviderRecord::Aborted(abort), out);
        self.wake_serving(job, now, out);
    }

    /// A verifier shows that it was asked to check a claimed job: it may have the input.
    pub(super) fn serve_own_checker(&self, check: &Verified<Check>, out: &mut Effects) {
        let Some(serving) = self.provider.servings.get(&check.job) else { return };
        let claimed = serving.phase == Phase::Claimed && check.signer() == serving.order.notary;
        if claimed && check.input_commit == serving.order.input_commit {
            out.push(Effect::Serve { digest: check.input_commit, to: check.verifier });
        }
    }

    pub(super) fn on_provider_notice(&mut self, notice: &Verified<Notice>, out: &mut Effects) {
        let job = notice.job;
        let Some(serving) = self.provider.servings.get_mut(&job) else { return };
        if notice.signer() != serving.order.notary {
            return;
        }
        match notice.event {
            NoticeEvent::Claimed { .. } => serving.noticed = true,
            NoticeEvent::Open { beacon } => {
                let Some(claimed) = &serving.claimed else { return };
                serving.noticed = true;
                if let Some(positions) = draw::positions(job, claimed.evidence.records, beacon) {
                    let run = RunId { job, check: false };
                    out.push(Effect::Show { run, output: claimed.result.output, positions });
                }
            }
            NoticeEvent::Closed { outcome, receipt } => {
                let (client, notary) = (serving.order.client, serving.order.notary);
                let output = serving.claimed.as_ref().map(|claimed| claimed.result.output);
                self.keep_provider(ProviderRecord::Closed { job, outcome: Some(outcome) }, out);
                self.alarms.clear(Alarm::Serving(job));
                out.push(Effect::Fetch { digest: receipt, from: [notary].into() });
                out.push(Effect::Tell(Event::Served { job, outcome }));
                if let Some(digest) = output.filter(|_| !outcome.is_paid()) {
                    out.push(Effect::StopServing { digest, to: client });
                }
            }
            NoticeEvent::Cancelled => self.yield_job(job, out),
            NoticeEvent::Disputed => serving.noticed = true,
            NoticeEvent::Unknown => {}
        }
    }

    fn keep_provider(&mut self, record: ProviderRecord, out: &mut Effects) {
        self.keep(Record::Provider(Box::new(record)), out);
    }

    /// Changes the provider's state by one record: the only way in which it changes what must survive.
    pub(super) fn fold_provider(&mut self, record: &ProviderRecord) {
        let provider = &mut self.provider;
        match record {
            ProviderRecord::Provision(provision) => provider.provision = Some(provision.clone()),
            ProviderRecord::Accepted(order) => {
                let order = order.clone().recall();
                provider.numbers.insert(number(&order), order.id());
                provider.servings.insert(order.id(), Serving::new(order));
            }
            ProviderRecord::Started(ticket) => {
                let ticket = ticket.clone().recall();
                if let Some(serving) = provider.servings.get_mut(&ticket.job) {
                    provider.numbers.remove(&number(&serving.order));
                    (serving.phase, serving.ticket, serving.tries) = (Phase::Fetching, Some(ticket), 0);
                }
            }
            ProviderRecord::Claimed { claim, result, output_blind, evidence_blind } => {
                if let Some(serving) = provider.servings.get_mut(&claim.clone().recall().job) {
                    let (output, evidence) = leaves(result, *output_blind, *evidence_blind);
                    let claim = claim.clone();
                    serving.claimed = Some(Claimed { claim, result: *result, output, evidence });
                    (serving.phase, serving.tries) = (Phase::Claimed, 0);
                }
            }
            ProviderRecord::Yielded(claim) => {
                if let Some(serving) = provider.servings.get_mut(&claim.clone().recall().job) {
                    (serving.phase, serving.tries) = (Phase::Yielded(claim.clone()), 0);
                }
            }
            ProviderRecord::Aborted(abort) => {
                if let Some(serving) = provider.servings.get_mut(&abort.clone().recall().job) {
                    (serving.phase, serving.tries) = (Phase::Aborted(abort.clone()), 0);
                }
            }
            ProviderRecord::Closed { job, outcome } => provider.close(*job, *outcome),
        }
    }

    /// Takes up again what was unfinished.
    pub(super) fn resume_provider(&mut self, now: Timestamp, out: &mut Effects) {
        for (job, serving) in &self.provider.servings {
            let at = match serving.phase {
                Phase::Accepted => serving.order.open_by.after(TICKET_SLACK),
                Phase::Fetching | Phase::Running | Phase::Claimed | Phase::Yielded(_) | Phase::Aborted(_) => {
                    now
                }
            };
            self.alarms.set(Alarm::Serving(*job), at);
            if let Some(claimed) = &serving.claimed {
                out.push(Effect::Serve { digest: claimed.result.output, to: serving.order.client });
            }
        }
        if self.provider.provision.is_some() {
            self.wake_offer(now, out);
        }
    }

    /// The jobs that this provider took on.
    pub(super) fn view_servings(&self) -> impl Iterator<Item = RunView> {
        let view = |job: &JobId, manifest: &String, state| {
            let (job, manifest) = (*job, manifest.clone());
            RunView { job, check: false, manifest, state }
        };
        let served = self.provider.served.iter().map(move |(job, served)| {
            view(job, &served.manifest, served.outcome.map_or(RunState::Ended, RunState::Closed))
        });
        let servings = self.provider.servings.iter();
        let servings = servings
            .map(move |(job, serving)| view(job, &serving.order.manifest.name, serving.phase.state()));
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
        }
    }
}

impl Provider {
    /// Takes an order from those under way to those that are over, with what its client paid for.
    fn close(&mut self, job: JobId, outcome: Option<Outcome>) {
        let Some(serving) = self.servings.remove(&job) else { return };
        if serving.phase == Phase::Accepted {
            self.numbers.remove(&number(&serving.order));
        }
        let paid = outcome.is_some_and(Outcome::is_paid);
        let claimed = serving.claimed.filter(|_| paid).map(Box::new);
        let order = serving.order.into_body();
        self.served
            .insert(job, Served { client: order.client, manifest: order.manifest.name, outcome, claimed });
    }

    /// What was claimed for a job and may be asked for by its client.
    fn claimed(&self, job: JobId) -> Option<(PeerId, &Claimed)> {
        if let Some(serving) = self.servings.get(&job) {
            return Some((serving.order.client, serving.claimed.as_ref()?));
        }
        let served = self.served.get(&job)?;
        Some((served.client, served.claimed.as_deref()?))
    }
}

impl Phase {
    fn state(&self) -> RunState {
        match self {
            Self::Accepted => RunState::Waiting,
            Self::Fetching | Self::Running => RunState::Running,
            Self::Claimed | Self::Yielded(_) => RunState::Committed,
            Self::Aborted(_) => RunState::Ended,
        }
    }
}

impl Serving {
    fn new(order: Verified<Order>) -> Self {
        let (phase, ticket, claimed) = (Phase::Accepted, None, None);
        Self { order, phase, ticket, claimed, noticed: false, held_until: Timestamp::default(), tries: 0 }
    }

    /// What its statements quote.
    fn ticket_digest(&self) -> Digest {
        self.ticket.as_ref().map(|ticket| Ticket::digest(ticket)).unwrap_or_default()
    }

    /// True while it takes up a slot.
    fn is_busy(&self, now: Timestamp) -> bool {
        match self.phase {
            Phase::Accepted => now < self.held_until,
            Phase::Fetching | Phase::Running => true,
            Phase::Claimed | Phase::Yielded(_) | Phase::Aborted(_) => false,
        }
    }
}

/// What names an order before it is opened.
fn number(order: &Order) -> Number {
    (order.client, order.notary, order.lane, order.nonce)
}
