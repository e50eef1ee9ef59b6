//! The client: finds a provider, has the money held, takes the result, reveals its secret, files the receipt.
//!
//! **Invariant:** all attempts of a submission use one lane and, until one of them is opened, one number in it, so a
//! notary can open no two of them at once. Of submissions that are over the last [`ENDED_MAX`] are remembered in full, and
//! [`PAST_MAX`] before them by what their user is shown.

mod attempt;
mod cancel;
mod choice;
mod doubt;
mod quote;
mod state;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};

use assay_protocol::{
    claim::{Claim, Deliver},
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
    matching::{Passed, Rest},
    recent::Recent,
    record::{ClientRecord, Record},
    reliability::Reliability,
    view::{AccountView, AttemptState, SubmissionView},
};

/// How long an order may take to be opened.
const OPEN_TIME: Duration = Duration::seconds(30);
/// How long a submission waits for a first offer, or for a busy provider.
const MATCH_TIME: Duration = Duration::seconds(30);
/// How long it waits where the offers are known and none fits: a few more may be on their way.
const GLANCE_TIME: Duration = Duration::seconds(3);
/// Orders for one submission, refused ones included.
const ORDERS_MAX: usize = 32;
/// Orders for one submission, those that met a busy provider included.
const ASKED_MAX: usize = 512;
/// How long a busy provider is left alone at first; twice as long each time after.
const BUSY_PAUSE: Duration = Duration::seconds(2);
/// Submissions that are not over.
const SUBMISSIONS_MAX: usize = 10_000;
/// Submissions that are over and remembered in full: their results may still be on their way.
const ENDED_MAX: usize = 1_024;
/// Submissions before those, of which it is remembered what their user is shown.
const PAST_MAX: usize = 16_384;
/// How often it looks again.
const MATCH_PAUSE: Duration = Duration(500);

/// Questions are numbered from here, by the time where that is more: an answer's number then tells whether it answers a
/// question or an instruction, and a question of this life or of one before.
const QUESTIONS_FROM: u64 = 1 << 63;

/// How often a result is asked for once its job is paid: a few minutes, with the pauses between.
const RESULT_TRIES_MAX: u32 = 30;

/// A client's state.
#[derive(Debug)]
pub(super) struct Client {
    submissions: BTreeMap<Digest, Submitted>,
    /// Those of them that are over, the longest first.
    ended: VecDeque<Digest>,
    /// What was shown of those before.
    past: Recent<Digest, Past>,
    /// How many there were.
    arrivals: u64,
    /// Those that wait for a lane.
    queue: VecDeque<Digest>,
    attempts: BTreeMap<JobId, Attempt>,
    /// The jobs whose output or receipt is fetched, by its digest.
    awaited: BTreeMap<Digest, BTreeSet<JobId>>,
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
    /// Its number among all.
    arrival: u64,
    attempts: Vec<JobId>,
    /// Orders that the notary was shown and refused for a while. It may yet open one of them.
    waived: Vec<JobId>,
    /// Orders so far, those that met a busy provider included: each is another choice.
    orders: usize,
    excluded: BTreeSet<PeerId>,
    /// Who was busy.
    resting: BTreeMap<PeerId, Rest>,
    lane: Option<(PeerId, u16)>,
    /// Since when it looks for an offer.
    seeks_since: Option<Timestamp>,
    refusal: Option<Refusal>,
    failure: Option<Failure>,
    ended: bool,
    /// True once its user, or its time, wanted its end.
    cancelled: bool,
    unmatched: Option<Unmatched>,
    /// What was not taken up when an offer was last looked for.
    passed: Option<Passed>,
}

/// What is remembered of a submission that is long over.
#[derive(Debug)]
struct Past {
    arrival: u64,
    view: SubmissionView,
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
    /// The provider's claim, once it was seen.
    claim: Option<Signed<Claim>>,
    /// True once it would be known after a restart.
    claim_kept: bool,
    /// What became of the client's doubt.
    doubt: Doubt,
    /// Two claims that the provider signed.
    contradiction: Option<[Signed<Claim>; 2]>,
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

/// What became of a client's doubt in a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// It has none, or the notary refused to look into it.
    None,
    /// The notary is told.
    Told,
    /// The notary has the result checked.
    Taken,
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
        if self.client.knows(key) {
            return;
        }
        if self.client.is_full() {
            return out.push(Effect::Tell(Event::NotSubmitted { key }));
        }
        let until = submission.until;
        self.keep_client(ClientRecord::Submitted(submission), out);
        if let Some(until) = until {
            self.alarms.set(Alarm::Deadline(key), until);
        }
        self.seek(key, now, out);
    }

    /// Looks for a provider, and looks again in a while if there is none.
    pub(super) fn seek(&mut self, key: Digest, now: Timestamp, out: &mut Effects) {
        if self.client.is_served(key) {
            return;
        }
        let waits = self.client.waits_for_lane(key) && !self.has_lane();
        let notary = self.notaries_in_use().next();
        let Some(submitted) = self.client.submissions.get_mut(&key).filter(|submitted| !submitted.ended)
        else {
            return;
        };
        if waits {
            return self.client.queue.push_back(key);
        }
        if notary.is_none() {
            submitted.refusal = Some(Refusal::Notary);
            return self.give_up(key, Unmatched::default(), out);
        }
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
            || submitted.orders >= ASKED_MAX
    }

    /// A notary opens an account at the first question, so one is asked before the first order. True while the answer
    /// is worth waiting for.
    fn introduce(&mut self, waiting: bool, out: &mut Effects) -> bool {
        let Some(notary) = self.notaries_in_use().next() else { return false };
        let unknown = waiting && !self.client.accounts.contains_key(&notary);
        if unknown {
            let _ = self.ask(notary, None, out);
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

    /// Asks a notary what this peer's account holds; returns the number of the question.
    pub(super) fn ask(&mut self, notary: PeerId, job: Option<JobId>, out: &mut Effects) -> u64 {
        let last = self.client.asked.get(&notary).copied().unwrap_or(QUESTIONS_FROM);
        let sequence = (last + 1).max(QUESTIONS_FROM | self.now.0);
        self.client.asked.insert(notary, sequence);
        self.say(notary, assay_protocol::notice::Query { sequence, job }, out);
        sequence
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
            let seeking = self.client.seeking();
            seeking.into_iter().for_each(|key| self.alarms.set(Alarm::Submission(key), self.now));
        }
        self.on_statement(account, self.now, out);
    }

    fn keep_client(&mut self, record: ClientRecord, out: &mut Effects) {
        self.keep(Record::Client(Box::new(record)), out);
    }

    /// Looks for a provider for those that waited for a lane, while there is one.
    pub(super) fn serve_queue(&mut self, now: Timestamp, out: &mut Effects) {
        while !self.client.queue.is_empty() && self.has_lane() {
            let next = self.client.queue.pop_front();
            // Whoever has a lane meanwhile is looked for already.
            if let Some(key) = next.filter(|key| self.client.waits_for_lane(*key)) {
                self.seek(key, now, out);
            }
        }
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
            ClientRecord::Claimed(claim) => self.client.claimed(claim.clone()),
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
            ClientRecord::Cancelled { key } => self.client.cancelled(*key),
            ClientRecord::Disputed { job } => self.client.doubted(*job, Doubt::Told),
            ClientRecord::NotDisputed { job } => self.client.doubted(*job, Doubt::None),
            ClientRecord::Contradicted { claims } => self.client.contradicted(claims),
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
        let seeking = self.client.seeking();
        seeking.into_iter().for_each(|key| self.alarms.set(Alarm::Submission(key), now));
        for (key, submitted) in self.client.submissions.iter().filter(|(_, submitted)| !submitted.ended) {
            if let Some(until) = submitted.submission.until {
                self.alarms.set(Alarm::Deadline(*key), until);
            }
        }
    }

    /// The client's jobs, oldest first.
    pub(super) fn view_submissions(&self) -> Vec<SubmissionView> {
        self.client.views()
    }

    /// One of the client's jobs.
    pub(super) fn view_submission(&self, key: Digest) -> Option<SubmissionView> {
        let past = || self.client.past.get(&key).map(|past| past.view.clone());
        self.client.submissions.get(&key).map(|submitted| self.client.view(submitted)).or_else(past)
    }

    /// This peer's accounts, as their notaries last stated them.
    pub(super) fn view_accounts(&self) -> Vec<AccountView> {
        let accounts = self.client.accounts.iter();
        accounts.map(|(notary, account)| AccountView { notary: *notary, account: *account }).collect()
    }
}

/// True for refusals that time alone heals.
fn is_passing(reason: Refusal) -> bool {
    matches!(reason, Refusal::Busy | Refusal::Newcomer | Refusal::Exposure | Refusal::Full)
}
