//! The provider: tells what it offers, agrees to orders, runs those that were opened, claims, and opens its claims when
//! asked.
//!
//! **Invariant:** a claim is saved, with what opens it, before anyone sees it; a job is run for a ticket, never for an
//! order alone.

mod acceptance;
mod agreements;
mod blocking;
mod claim;
mod demand;
mod forgotten;
mod memory;
mod offer;
mod pausing;
mod rates;
mod serving;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use assay_protocol::{
    check::Check,
    draw,
    id::{Digest, JobId, PeerId},
    message::Opened,
    notice::{Notice, NoticeEvent},
    order::{Abort, Failure},
    outcome::Outcome,
    signed::{Signer, Verified},
    units::{Duration, Timestamp},
};

pub use self::blocking::BLOCKED_MAX;
use self::{
    acceptance::TURNED_AWAY_MAX,
    agreements::Agreements,
    demand::OrderTally,
    forgotten::ForgottenJobs,
    memory::{SERVED_MAX, Served},
    rates::ProposalRates,
    serving::{Serving, ServingPhase, ServingStep},
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
    owner::RuleWatch,
    pause::Pause,
    provision::Provision,
    recent::Recent,
    record::{ProviderRecord, Record},
};

/// A provider's state.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Provider {
    provision: Option<Provision>,
    /// What was on offer before that, and until when somebody may order by it who has not heard yet.
    #[serde(skip)]
    before: Option<(Provision, Timestamp)>,
    /// For a while nothing new is taken on.
    paused: Option<Pause>,
    /// Nothing new is taken on while its owner's rules say so.
    #[serde(skip)]
    watch: RuleWatch,
    /// Clients whose orders are not taken on.
    blocked: BTreeSet<PeerId>,
    #[serde(skip)]
    told: usize,
    /// What was told last is that nothing is on offer now.
    #[serde(skip)]
    told_resting: bool,
    /// The jobs that began and are not over. Boxed: a tree moves its entries about, and these are large.
    servings: BTreeMap<JobId, Box<Serving>>,
    /// Those of them that take up a slot.
    #[serde(skip)]
    busy: BTreeSet<JobId>,
    /// Those that are.
    served: Recent<JobId, Served>,
    /// What was said of jobs that did not begin, with when they were opened: it stays so.
    #[serde(skip, default = "nobody_turned_away")]
    turned_away: Recent<JobId, (Verified<Abort>, Timestamp)>,
    /// Up to when a job may be over that is among neither of them any more.
    #[serde(skip)]
    forgotten: ForgottenJobs,
    /// How often each key proposes.
    #[serde(skip)]
    rates: ProposalRates,
    /// Whose ticket is on its way.
    #[serde(skip)]
    agreements: Agreements,
    /// When each manifest last ran.
    #[serde(skip)]
    ran: BTreeMap<Digest, Timestamp>,
    /// What became of who asked.
    #[serde(skip)]
    demand: OrderTally,
    /// How much longer than promised each last took when it was cold.
    #[serde(skip)]
    loads: BTreeMap<Digest, Duration>,
    /// Jobs that the last record leaves nothing to keep for.
    #[serde(skip)]
    let_go: Vec<JobId>,
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
            Input::Streamed { run, records, root } => self.on_streamed(run, (*records, *root), cx),
            Input::Shown { run, records } if !run.check => self.on_shown(run.job, records, cx),
            Input::Sensed(reading) => self.on_sensed(reading, cx),
            Input::Command(_)
            | Input::Message(_)
            | Input::Offered { .. }
            | Input::Connection { .. }
            | Input::Undelivered { .. }
            | Input::Collected { .. }
            | Input::Recalled { .. }
            | Input::Ran { .. }
            | Input::Shown { .. }
            | Input::Wake => Heard::NotMine,
        }
    }

    fn resume(&mut self, cx: &mut Context<'_, S>) {
        self.forgotten.begin(self.served.iter().count(), cx.steady);
        for (job, serving) in &mut self.servings {
            serving.set_claim_by(cx.now);
            serving.resumed = true;
            cx.set(Alarm::Serving(*job), cx.now);
            if let Some(claimed) = serving.claimed() {
                cx.hold(*job, serving.order.input_commit);
                cx.hold(*job, claimed.result.written.blob);
                cx.serve(*job, claimed.result.written.blob, serving.order.client);
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
            ServingPhase::Running if serving.cut => return self.give_up(job, cx),
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
        serving.runs_since = Some(cx.now);
        cx.run(serving.run(job));
        Heard::Taken
    }

    fn abort<S: Signer>(&mut self, job: JobId, reason: Failure, cx: &mut Context<'_, S>) {
        let Some(ticket) = self.servings.get(&job).map(|serving| serving.ticket_digest()) else { return };
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
        // Where nothing is proven by an output alone, a verifier may run along it.
        let along = serving.claimed().filter(|_| serving.order.manifest.policy.is_proven_by_rows());
        if let Some(claimed) = along {
            cx.serve(check.job, claimed.result.written.blob, check.verifier);
        }
        Heard::Taken
    }

    fn on_notice<S: Signer>(&mut self, notice: &Verified<Notice>, cx: &mut Context<'_, S>) -> Heard {
        let job = notice.job;
        let Some(serving) = self.servings.get_mut(&job) else {
            return self.on_unstarted((job, notice.signer()), &notice.event, cx);
        };
        if notice.signer() != serving.order.notary {
            return Heard::Misstep(Fault::Stranger);
        }
        match &notice.event {
            NoticeEvent::Claimed { .. } | NoticeEvent::Disputed => {
                if let NoticeEvent::Claimed { claim, .. } = &notice.event {
                    serving.bound = Some(claim.said().digest());
                }
                // Said again, in answer to a question, it puts nothing off.
                if !core::mem::replace(&mut serving.noticed, true) {
                    serving.tries = 0;
                    let due = until_close(cx.genesis.timers.tick, serving.ticket.window);
                    cx.set(Alarm::Serving(job), cx.now.after(due));
                }
            }
            NoticeEvent::Open { .. } if serving.opens_itself() => self.send_claim(job, cx),
            NoticeEvent::Open { beacon } => {
                let Some(claimed) = serving.bound_claim() else { return Heard::Misstep(Fault::Untimely) };
                let (output, records) = (claimed.result.written.blob, claimed.evidence.records);
                // What opens a claim is said until the notary has it: silence would cost the stake.
                (serving.noticed, serving.tries) = (true, 0);
                cx.set(Alarm::Serving(job), cx.now.after(backoff(0)));
                if let Some(positions) = draw::positions(job, records, *beacon) {
                    cx.show(RunId { job, check: false }, output, positions);
                }
            }
            NoticeEvent::Closed { outcome, receipt } => self.on_closed(job, *outcome, *receipt, cx),
            NoticeEvent::Cancelled => self.on_cancelled(job, cx),
            NoticeEvent::Unknown | NoticeEvent::Overdue => {}
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
        let output = serving.claimed().map(|claimed| claimed.result.written.blob);
        self.keep(ProviderRecord::Closed { job, outcome }, cx);
        cx.alarms.clear(Alarm::Serving(job));
        cx.collect(job, receipt, notary);
        cx.tell(Event::Served { job, outcome });
        // Who has paid may still have it, for as long as it happens to be here.
        if let Some(digest) = output.filter(|_| outcome.is_paid()) {
            cx.serve(job, digest, client);
        }
    }

    /// What its records left nothing to keep for is not kept after a start anyway.
    pub(super) fn forget_let_go(&mut self) {
        self.let_go.clear();
    }

    fn keep<S: Signer>(&mut self, record: ProviderRecord, cx: &mut Context<'_, S>) {
        self.fold(&record);
        cx.save(Record::Provider(Box::new(record)));
        cx.release(self.let_go.drain(..));
    }
}

impl Default for Provider {
    fn default() -> Self {
        Self {
            provision: None,
            before: None,
            paused: None,
            watch: RuleWatch::default(),
            blocked: BTreeSet::new(),
            told: 0,
            told_resting: false,
            servings: BTreeMap::new(),
            busy: BTreeSet::new(),
            served: Recent::new(SERVED_MAX),
            turned_away: nobody_turned_away(),
            forgotten: ForgottenJobs::default(),
            rates: ProposalRates::default(),
            agreements: Agreements::default(),
            ran: BTreeMap::new(),
            demand: OrderTally::default(),
            loads: BTreeMap::new(),
            let_go: Vec::new(),
        }
    }
}

fn nobody_turned_away() -> Recent<JobId, (Verified<Abort>, Timestamp)> {
    Recent::new(TURNED_AWAY_MAX)
}
