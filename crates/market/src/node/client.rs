//! The client: finds a provider, has the money held, takes the result, reveals its secret, files the receipt.
//!
//! **Invariant:** all attempts of a submission use one lane and, until one of them is opened, one number in it, so a
//! notary can open no two of them at once.

mod attempt;
mod choice;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use assay_protocol::{
    claim::Deliver,
    id::{Digest, JobId, PeerId},
    notice::Account,
    order::{Failure, Open, Order, Propose, Refusal, secret_commit},
    outcome::Outcome,
    signed::{Signed, Signer, Verified},
    ticket::Ticket,
    units::{Duration, Timestamp},
};

use self::choice::Choice;
use super::{
    Node,
    alarms::{Alarm, RESEND_FIRST},
};
use crate::{
    effect::{Effect, Effects, Event, Unmatched},
    input::Submission,
    matching::Passed,
    record::{ClientRecord, Record},
    reliability::{self, Reliability, Timing},
    view::{AccountView, AttemptState, AttemptView, SubmissionView},
};

/// How long an order may take to be opened.
const OPEN_TIME: Duration = Duration::seconds(30);
/// How long a submission waits for a first offer, or for a busy provider.
const MATCH_TIME: Duration = Duration::seconds(30);
/// How long it waits where the offers are known and none fits: a few more may be on their way.
const GLANCE_TIME: Duration = Duration::seconds(3);
/// Orders for one submission, refused ones included.
const ORDERS_MAX: usize = 32;
/// How long a busy provider is left alone.
const BUSY_PAUSE: Duration = Duration::seconds(2);
/// How often it looks again.
const MATCH_PAUSE: Duration = Duration(500);

/// How often a result is asked for once its job is paid: a few minutes, with the pauses between.
const RESULT_TRIES_MAX: u32 = 30;

/// A client's state.
#[derive(Debug, Default)]
pub(super) struct Client {
    submissions: BTreeMap<Digest, Submitted>,
    /// The submissions in the order in which they came.
    sequence: Vec<Digest>,
    attempts: BTreeMap<JobId, Attempt>,
    lanes: BTreeMap<(PeerId, u16), Lane>,
    asked: BTreeMap<PeerId, u64>,
    accounts: BTreeMap<PeerId, Account>,
    /// What was seen of each provider.
    pub(super) reliability: Reliability,
}

/// A user's wish and what became of it.
#[derive(Debug)]
struct Submitted {
    submission: Submission,
    attempts: Vec<JobId>,
    /// Orders so far, those that met a busy provider included: each is another choice.
    orders: usize,
    excluded: BTreeSet<PeerId>,
    lane: Option<(PeerId, u16)>,
    /// Since when it looks for an offer.
    seeks_since: Option<Timestamp>,
    refusal: Option<Refusal>,
    failure: Option<Failure>,
    ended: bool,
    unmatched: Option<Unmatched>,
    /// What was not taken up when an offer was last looked for.
    passed: Option<Passed>,
}

/// One order.
#[derive(Debug)]
struct Attempt {
    key: Digest,
    order: Verified<Order>,
    secret: Digest,
    state: AttemptState,
    open: Option<Signed<Open>>,
    ticket: Option<Verified<Ticket>>,
    /// True once the provider's claim was seen.
    claimed: bool,
    /// The provider's result while it is fetched.
    delivering: Option<Verified<Deliver>>,
    /// How long a run takes, as the offer said; nothing after a restart.
    promised: Option<Duration>,
    /// When the ticket came; nothing after a restart.
    started: Option<Timestamp>,
    /// How the notary says it closed, while the receipt is fetched.
    closing: Option<(Outcome, Digest)>,
    output: Option<Digest>,
    receipt: Option<Digest>,
    tries: u32,
    undelivered: u32,
}

/// One queue at a notary.
#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    next: u64,
    user: Option<Digest>,
}

impl<S: Signer> Node<S> {
    /// Takes a user's wish; the same key again is the same wish.
    pub(super) fn submit(&mut self, submission: Submission, now: Timestamp, out: &mut Effects) {
        let key = submission.key;
        if self.client.submissions.contains_key(&key) {
            return;
        }
        self.keep_client(ClientRecord::Submitted(submission), out);
        self.seek(key, now, out);
    }

    /// Looks for a provider, and looks again in a while if there is none.
    pub(super) fn seek(&mut self, key: Digest, now: Timestamp, out: &mut Effects) {
        let Some(submitted) = self.client.submissions.get_mut(&key).filter(|submitted| !submitted.ended)
        else {
            return;
        };
        let since = *submitted.seeks_since.get_or_insert(now);
        let spent = self.is_spent(key);
        if self.introduce(now < since.after(MATCH_TIME), out) {
            return self.alarms.set(Alarm::Submission(key), now.after(MATCH_PAUSE));
        }
        let (choice, passed) = self.best_offer(key, now);
        let unmatched = passed.counts.clone();
        if let Some(submitted) = self.client.submissions.get_mut(&key) {
            submitted.passed = Some(passed);
        }
        match choice {
            Some(choice) if !spent => self.propose(key, choice, now, out),
            Some(_) => self.give_up(key, Unmatched::default(), out),
            None if spent || now >= since.after(self.patience(key, &unmatched)) => {
                self.give_up(key, unmatched, out);
            }
            None => self.alarms.set(Alarm::Submission(key), now.after(MATCH_PAUSE)),
        }
    }

    /// True once as many attempts were opened as the user wants. An order that was refused held no money and only cost
    /// time, so there is a bound of its own on those.
    fn is_spent(&self, key: Digest) -> bool {
        let Some(submitted) = self.client.submissions.get(&key) else { return true };
        let attempts = submitted.attempts.iter().filter_map(|job| self.client.attempts.get(job));
        let opened = attempts.filter(|attempt| attempt.ticket.is_some()).count();
        opened >= usize::from(submitted.submission.attempts_max.max(1))
            || submitted.attempts.len() >= ORDERS_MAX
    }

    /// A notary opens an account at the first question, so one is asked before the first order. True while the answer
    /// is worth waiting for.
    fn introduce(&mut self, waiting: bool, out: &mut Effects) -> bool {
        let Some(notary) = self.config.genesis.notaries.first().copied() else { return false };
        let unknown = waiting && !self.client.accounts.contains_key(&notary);
        if unknown {
            self.ask(notary, None, out);
        }
        unknown
    }

    fn give_up(&mut self, key: Digest, mut unmatched: Unmatched, out: &mut Effects) {
        let Some(submitted) = self.client.submissions.get_mut(&key) else { return };
        (unmatched.refusal, unmatched.failure) = (submitted.refusal, submitted.failure);
        submitted.unmatched = Some(unmatched.clone());
        self.keep_client(ClientRecord::Ended { key }, out);
        out.push(Effect::Tell(Event::Failed { key, reason: unmatched }));
    }

    fn propose(&mut self, key: Digest, choice: Choice, now: Timestamp, out: &mut Effects) {
        let Choice { mut order, promised } = choice;
        let secret = self.random();
        order.secret_commit = secret_commit(secret.as_bytes());
        let (provider, price) = (order.provider, order.price().unwrap_or_default());
        let job = order.id();
        let order = Signed::seal(order, &self.signer, self.network).into_signed();
        self.keep_client(ClientRecord::Ordered { key, order: order.clone(), secret }, out);
        if let Some(attempt) = self.client.attempts.get_mut(&job) {
            attempt.promised = Some(promised);
        }
        out.push(Effect::Tell(Event::Proposed { key, job, provider, price }));
        self.say(provider, Propose { order }, out);
        self.alarms.set(Alarm::Attempt(job), now.after(RESEND_FIRST));
    }

    /// Asks a notary what this peer's account holds.
    pub(super) fn ask(&mut self, notary: PeerId, job: Option<JobId>, out: &mut Effects) {
        let sequence = self.client.asked.get(&notary).copied().unwrap_or_default() + 1;
        self.client.asked.insert(notary, sequence);
        self.say(notary, assay_protocol::notice::Query { sequence, job }, out);
    }

    /// Takes a notary's statement of this peer's account.
    pub(super) fn on_account(&mut self, account: &Verified<Account>, out: &mut Effects) {
        let notary = account.signer();
        if !self.config.genesis.notaries.contains(&notary) {
            return;
        }
        // Answers may overtake each other: an older state of the books says nothing any more.
        let known = self.client.accounts.get(&notary);
        if known.is_some_and(|known| known.head.sequence > account.head.sequence) {
            return;
        }
        let first = self.client.accounts.insert(notary, **account).is_none();
        out.push(Effect::Tell(Event::Balance { notary, account: **account }));
        if first {
            let seeking: Vec<Digest> = self.client.seeking().collect();
            seeking.into_iter().for_each(|key| self.alarms.set(Alarm::Submission(key), self.now));
        }
    }

    fn keep_client(&mut self, record: ClientRecord, out: &mut Effects) {
        self.keep(Record::Client(Box::new(record)), out);
    }

    /// Changes the client's state by one record: the only way in which it changes what must survive.
    pub(super) fn fold_client(&mut self, record: &ClientRecord) {
        match record {
            ClientRecord::Submitted(submission) => self.client.add(submission.clone()),
            ClientRecord::Ordered { key, order, secret } => {
                self.client.order(*key, order.clone().recall(), *secret)
            }
            ClientRecord::Agreed { open } => {
                let job = open.clone().recall().order.clone().recall().id();
                if let Some(attempt) = self.client.attempts.get_mut(&job) {
                    (attempt.open, attempt.state, attempt.tries) =
                        (Some(open.clone()), AttemptState::Opening, 0);
                }
            }
            ClientRecord::Ticketed(ticket) => self.client.ticketed(ticket.clone().recall()),
            ClientRecord::Dropped { job, reason } => self.client.dropped(*job, *reason),
            ClientRecord::Delivered { deliver, timing } => {
                self.client.delivered(deliver.clone().recall(), *timing)
            }
            ClientRecord::Failed { job, reason } => {
                if let Some(attempt) = self.client.attempts.get_mut(job) {
                    attempt.state = AttemptState::Failed(*reason);
                    if let Some(submitted) = self.client.submissions.get_mut(&attempt.key) {
                        submitted.failure = Some(*reason);
                    }
                }
            }
            ClientRecord::Closed { job, outcome, receipt } => self.client.closed(*job, *outcome, *receipt),
            ClientRecord::Ended { key } => self.client.end(*key),
        }
    }

    /// Takes up again what was unfinished.
    pub(super) fn resume_client(&mut self, now: Timestamp, out: &mut Effects) {
        let open: Vec<JobId> =
            self.client.attempts.iter().filter(|(_, at)| at.is_pursued()).map(|(job, _)| *job).collect();
        for job in open {
            self.alarms.set(Alarm::Attempt(job), now);
            self.serve_provider(job, out);
        }
        let seeking: Vec<Digest> = self.client.seeking().collect();
        seeking.into_iter().for_each(|key| self.alarms.set(Alarm::Submission(key), now));
    }

    /// The client's jobs, oldest first.
    pub(super) fn view_submissions(&self) -> Vec<SubmissionView> {
        let submissions = self.client.sequence.iter().filter_map(|key| self.client.submissions.get(key));
        submissions.map(|submitted| self.client.view(submitted)).collect()
    }

    /// This peer's accounts, as their notaries last stated them.
    pub(super) fn view_accounts(&self) -> Vec<AccountView> {
        let accounts = self.client.accounts.iter();
        accounts.map(|(notary, account)| AccountView { notary: *notary, account: *account }).collect()
    }
}

impl Client {
    fn add(&mut self, submission: Submission) {
        let key = submission.key;
        submission.provider.into_iter().for_each(|wanted| self.reliability.name(wanted));
        let submitted = Submitted {
            submission,
            attempts: Vec::new(),
            orders: 0,
            excluded: BTreeSet::new(),
            lane: None,
            seeks_since: None,
            refusal: None,
            failure: None,
            ended: false,
            unmatched: None,
            passed: None,
        };
        if self.submissions.insert(key, submitted).is_none() {
            self.sequence.push(key);
        }
    }

    fn order(&mut self, key: Digest, order: Verified<Order>, secret: Digest) {
        let Some(submitted) = self.submissions.get_mut(&key) else { return };
        let job = order.id();
        submitted.attempts.push(job);
        submitted.orders += 1;
        submitted.lane = Some((order.notary, order.lane));
        let lane = self.lanes.entry((order.notary, order.lane)).or_default();
        (lane.user, lane.next) = (Some(key), order.nonce);
        let attempt = Attempt {
            key,
            order,
            secret,
            state: AttemptState::Proposed,
            open: None,
            ticket: None,
            claimed: false,
            delivering: None,
            promised: None,
            started: None,
            closing: None,
            output: None,
            receipt: None,
            tries: 0,
            undelivered: 0,
        };
        self.attempts.insert(job, attempt);
    }

    fn ticketed(&mut self, ticket: Verified<Ticket>) {
        let Some(attempt) = self.attempts.get_mut(&ticket.job) else { return };
        let order = &attempt.order;
        self.lanes.entry((order.notary, order.lane)).or_default().next = order.nonce + 1;
        (attempt.ticket, attempt.state, attempt.tries) = (Some(ticket), AttemptState::Running, 0);
    }

    fn dropped(&mut self, job: JobId, reason: Option<Refusal>) {
        let Some(attempt) = self.attempts.get_mut(&job) else { return };
        attempt.state = reason.map_or(AttemptState::Unanswered, AttemptState::Refused);
        // Once it was shown to the notary, the refusal or the silence is the notary's.
        if let Some(deed) = reliability::deed_of_refusal(reason).filter(|_| attempt.open.is_none()) {
            self.reliability.note(attempt.order.provider, deed, attempt.order.open_by);
        }
        let Some(submitted) = self.submissions.get_mut(&attempt.key) else { return };
        submitted.refusal = reason.or(submitted.refusal);
        if reason.is_some_and(is_passing) {
            // Waiting costs no attempt.
            submitted.attempts.retain(|other| *other != job);
        } else {
            submitted.excluded.insert(attempt.order.provider);
        }
    }

    fn delivered(&mut self, deliver: Verified<Deliver>, timing: Option<Timing>) {
        let job = deliver.claim.clone().recall().job;
        let Some(attempt) = self.attempts.get_mut(&job) else { return };
        attempt.output = Some(deliver.output);
        (attempt.delivering, attempt.tries) = (None, 0);
        if !matches!(attempt.state, AttemptState::Closed(_)) {
            attempt.state = AttemptState::Delivered;
        }
        if let Some(timing) = timing {
            self.reliability.time(attempt.order.provider, timing, attempt.order.open_by);
        }
    }

    fn closed(&mut self, job: JobId, outcome: Outcome, receipt: Digest) {
        let Some(attempt) = self.attempts.get_mut(&job) else { return };
        let failure = match attempt.state {
            AttemptState::Failed(reason) => Some(reason),
            AttemptState::Proposed
            | AttemptState::Opening
            | AttemptState::Running
            | AttemptState::Delivered
            | AttemptState::Refused(_)
            | AttemptState::Unanswered
            | AttemptState::Closed(_) => None,
        };
        (attempt.state, attempt.receipt) = (AttemptState::Closed(outcome), Some(receipt));
        attempt.closing = None;
        let order = &attempt.order;
        if let Some(deed) = reliability::deed_of(outcome, failure) {
            self.reliability.note(order.provider, deed, order.open_by);
        }
        let lane = self.lanes.entry((order.notary, order.lane)).or_default();
        lane.next = lane.next.max(order.nonce + 1);
        let key = attempt.key;
        if let Some(submitted) = self.submissions.get_mut(&key) {
            submitted.excluded.insert(attempt.order.provider);
        }
        // In the same record: a crash between two would leave a submission that is paid and still wanted.
        if outcome.is_paid() {
            self.end(key);
        }
    }

    fn end(&mut self, key: Digest) {
        let Some(submitted) = self.submissions.get_mut(&key) else { return };
        submitted.ended = true;
        if let Some(lane) = submitted.lane.and_then(|lane| self.lanes.get_mut(&lane)) {
            lane.user = None;
        }
    }

    /// Submissions that have no attempt under way.
    fn seeking(&self) -> impl Iterator<Item = Digest> {
        let idle = |submitted: &&Submitted| {
            let attempts = submitted.attempts.iter().filter_map(|job| self.attempts.get(job));
            !submitted.ended && !attempts.into_iter().any(Attempt::is_open)
        };
        self.submissions.values().filter(idle).map(|submitted| submitted.submission.key)
    }

    fn view(&self, submitted: &Submitted) -> SubmissionView {
        let attempts = submitted.attempts.iter().filter_map(|job| Some((job, self.attempts.get(job)?)));
        let view = |(job, attempt): (&JobId, &Attempt)| AttemptView {
            job: *job,
            provider: attempt.order.provider,
            price: attempt.order.price().unwrap_or_default(),
            total_max: attempt.order.total_max,
            state: attempt.state,
            rate: attempt.ticket.as_ref().map(|ticket| ticket.rate),
            output: attempt.output,
            receipt: attempt.receipt,
        };
        SubmissionView {
            key: submitted.submission.key,
            manifest: submitted.submission.manifest.name.clone(),
            attempts: attempts.map(view).collect(),
            ended: submitted.ended,
            unmatched: submitted.unmatched.clone(),
        }
    }
}

impl Attempt {
    /// How long its result took, if it comes now. Nothing if the client was restarted meanwhile: that the result was not
    /// taken sooner may be its own doing.
    fn timing(&self, now: Timestamp) -> Option<Timing> {
        Some(Timing { promised: self.promised?, took: now.since(self.started?) })
    }

    /// True if the notary may have opened it, and nothing is known of its close: an order that was given up, or whose
    /// ticket was lost, may have run its course unseen.
    fn may_close(&self) -> bool {
        self.open.is_some() && !matches!(self.state, AttemptState::Closed(_))
    }

    /// True while it is worth asking after: until it is closed and, if it was paid, its result is here.
    fn is_pursued(&self) -> bool {
        let paid = matches!(self.state, AttemptState::Closed(outcome) if outcome.is_paid());
        self.is_open() || (paid && self.output.is_none() && self.tries < RESULT_TRIES_MAX)
    }

    /// True while something is still to come of it.
    fn is_open(&self) -> bool {
        match self.state {
            AttemptState::Proposed
            | AttemptState::Opening
            | AttemptState::Running
            | AttemptState::Delivered => true,
            AttemptState::Failed(_) => self.receipt.is_none(),
            AttemptState::Refused(_) | AttemptState::Unanswered | AttemptState::Closed(_) => false,
        }
    }
}

/// True for refusals that time alone heals.
fn is_passing(reason: Refusal) -> bool {
    matches!(reason, Refusal::Busy | Refusal::Newcomer | Refusal::Exposure | Refusal::Full)
}
