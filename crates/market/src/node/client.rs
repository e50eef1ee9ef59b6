//! The client: finds a provider, has the money held, takes the result, reveals its secret, files the receipt.
//!
//! **Invariant:** all attempts of a submission use one lane and, until one of them is opened, one number in it, so a
//! notary can open no two of them at once.

mod attempt;

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
    payout,
    signed::{Signed, Signer, Verified},
    ticket::Ticket,
    units::{Amount, Duration, Rate, Timestamp},
};

use super::{
    Node,
    alarms::{Alarm, RESEND_FIRST},
};
use crate::{
    effect::{Effect, Effects, Event, Unmatched},
    input::Submission,
    matching::{self, Match, Wish},
    record::{ClientRecord, Record},
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
}

/// A user's wish and what became of it.
#[derive(Debug)]
struct Submitted {
    submission: Submission,
    attempts: Vec<JobId>,
    excluded: BTreeSet<PeerId>,
    lane: Option<(PeerId, u16)>,
    /// Since when it looks for an offer.
    seeks_since: Option<Timestamp>,
    refusal: Option<Refusal>,
    failure: Option<Failure>,
    ended: bool,
    unmatched: Option<Unmatched>,
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
    /// How the notary says it closed, while the receipt is fetched.
    closing: Option<(assay_protocol::outcome::Outcome, Digest)>,
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
        match self.best_offer(key, now) {
            Ok(order) if !spent => self.propose(key, order, now, out),
            Ok(_) => self.give_up(key, Unmatched::default(), out),
            Err(unmatched) if spent || now >= since.after(self.patience(key, &unmatched)) => {
                self.give_up(key, unmatched, out);
            }
            Err(_) => self.alarms.set(Alarm::Submission(key), now.after(MATCH_PAUSE)),
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

    /// How long to look for an offer: longer where time may bring one, because none for this model or of the wished-for
    /// provider was heard of yet, or because somebody was only busy.
    fn patience(&self, key: Digest, unmatched: &Unmatched) -> Duration {
        let Some(submitted) = self.client.submissions.get(&key) else { return GLANCE_TIME };
        if submitted.submission.provider.is_some_and(|wanted| submitted.excluded.contains(&wanted)) {
            return Duration::default();
        }
        let busy = submitted.refusal.is_some_and(is_passing);
        let unheard = match submitted.submission.provider {
            Some(wanted) => self.book.iter().all(|offer| offer.signer() != wanted),
            None => unmatched.price + unmatched.cost + unmatched.tried == 0,
        };
        if busy || unheard { MATCH_TIME } else { GLANCE_TIME }
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

    /// The order for the best offer, or why there is none.
    fn best_offer(&self, key: Digest, now: Timestamp) -> Result<Order, Unmatched> {
        let submitted = self.client.submissions.get(&key).ok_or_else(Unmatched::default)?;
        let wish = Wish {
            submission: &submitted.submission,
            manifest: submitted.submission.manifest.digest(),
            client: self.signer.id(),
            excluded: &submitted.excluded,
            attempt: submitted.attempts.len(),
            now,
        };
        let draft = |class: Digest, unit_price: Amount, provider: PeerId| {
            self.draft(submitted, class, unit_price, provider, now)
        };
        let cost = |service: &assay_protocol::offer::Service| {
            draft(Digest::default(), service.unit_price, PeerId::default()).map(|order| order.total_max)
        };
        let Match { provider, offer, service } = matching::rank(self.book.iter(), &wish, cost)?;
        draft(offer.class, service.unit_price, provider).ok_or_else(Unmatched::default)
    }

    /// An order without its secret; none if its numbers do not fit or every lane is in use.
    fn draft(
        &self,
        submitted: &Submitted,
        class: Digest,
        unit_price: Amount,
        provider: PeerId,
        now: Timestamp,
    ) -> Option<Order> {
        let wish = &submitted.submission;
        let notary = *self.config.genesis.notaries.first()?;
        let (lane, nonce) = self.lane(submitted, notary)?;
        let mut order = Order {
            client: self.signer.id(),
            provider,
            notary,
            lane,
            nonce,
            class,
            manifest: wish.manifest.clone(),
            input_commit: wish.input_commit,
            units_max: wish.units_max,
            work_max: wish.work_max,
            unit_price,
            total_max: Amount::ZERO,
            checks: wish.checks,
            unchecked_ok: wish.unchecked_ok,
            cancel_fee: Amount::ZERO,
            run_max: wish.run_max,
            open_by: now.after(OPEN_TIME),
            secret_commit: Digest::default(),
        };
        // The margin doubles at most, and a newcomer's check is prepaid: what is not needed comes back.
        let margin = Rate(self.config.genesis.money.margin.0.saturating_mul(2));
        let quote = payout::quote(&self.config.genesis, &order, wish.work_max, Rate::ONE, margin);
        let prepaid = quote.check.times(u64::from(wish.checks.max(1)))?;
        order.total_max = order.price()?.plus(quote.premium)?.plus(prepaid)?;
        Some(order)
    }

    /// The lane of a submission, or a free one, with the next number in it.
    fn lane(&self, submitted: &Submitted, notary: PeerId) -> Option<(u16, u64)> {
        let next = |lane: u16| self.client.lanes.get(&(notary, lane)).map_or(0, |lane| lane.next);
        if let Some((_, lane)) = submitted.lane {
            return Some((lane, next(lane)));
        }
        let is_free =
            |lane: &u16| self.client.lanes.get(&(notary, *lane)).is_none_or(|lane| lane.user.is_none());
        let lane = (0..crate::ledger::LANES_MAX).find(is_free)?;
        Some((lane, next(lane)))
    }

    fn propose(&mut self, key: Digest, mut order: Order, now: Timestamp, out: &mut Effects) {
        let secret = self.random();
        order.secret_commit = secret_commit(secret.as_bytes());
        let (provider, price) = (order.provider, order.price().unwrap_or_default());
        let job = order.id();
        let order = Signed::seal(order, &self.signer, self.network).into_signed();
        self.keep_client(ClientRecord::Ordered { key, order: order.clone(), secret }, out);
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
            ClientRecord::Delivered(deliver) => {
                let deliver = deliver.clone().recall();
                let job = deliver.claim.clone().recall().job;
                if let Some(attempt) = self.client.attempts.get_mut(&job) {
                    attempt.output = Some(deliver.output);
                    (attempt.delivering, attempt.tries) = (None, 0);
                    if !matches!(attempt.state, AttemptState::Closed(_)) {
                        attempt.state = AttemptState::Delivered;
                    }
                }
            }
            ClientRecord::Failed { job, reason } => {
                if let Some(attempt) = self.client.attempts.get_mut(job) {
                    attempt.state = AttemptState::Failed(*reason);
                    if let Some(submitted) = self.client.submissions.get_mut(&attempt.key) {
                        submitted.failure = Some(*reason);
                    }
                }
            }
            ClientRecord::Closed { job, outcome, receipt } => {
                if let Some(attempt) = self.client.attempts.get_mut(job) {
                    (attempt.state, attempt.receipt) = (AttemptState::Closed(*outcome), Some(*receipt));
                    attempt.closing = None;
                    let order = &attempt.order;
                    let lane = self.client.lanes.entry((order.notary, order.lane)).or_default();
                    lane.next = lane.next.max(order.nonce + 1);
                    let key = attempt.key;
                    if let Some(submitted) = self.client.submissions.get_mut(&key) {
                        submitted.excluded.insert(attempt.order.provider);
                    }
                    // In the same record: a crash between two would leave a submission that is paid and still wanted.
                    if outcome.is_paid() {
                        self.client.end(key);
                    }
                }
            }
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
        let submitted = Submitted {
            submission,
            attempts: Vec::new(),
            excluded: BTreeSet::new(),
            lane: None,
            seeks_since: None,
            refusal: None,
            failure: None,
            ended: false,
            unmatched: None,
        };
        if self.submissions.insert(key, submitted).is_none() {
            self.sequence.push(key);
        }
    }

    fn order(&mut self, key: Digest, order: Verified<Order>, secret: Digest) {
        let Some(submitted) = self.submissions.get_mut(&key) else { return };
        let job = order.id();
        submitted.attempts.push(job);
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
        let Some(submitted) = self.submissions.get_mut(&attempt.key) else { return };
        submitted.refusal = reason.or(submitted.refusal);
        if reason.is_some_and(is_passing) {
            // Waiting costs no attempt.
            submitted.attempts.retain(|other| *other != job);
        } else {
            submitted.excluded.insert(attempt.order.provider);
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
