//! What a client remembers: how each record changes its submissions, attempts and lanes.
//!
//! **Invariant:** a submission that is paid, or that its user gave up, ends with the record that leaves it no open
//! attempt.

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};

use assay_protocol::{
    claim::{Claim, Deliver},
    id::{Digest, JobId},
    order::{Order, Refusal},
    outcome::Outcome,
    signed::{Signed, Verified},
    ticket::Ticket,
    units::Timestamp,
};

use super::{
    Attempt, Client, Doubt, ENDED_MAX, PAST_MAX, Past, RESULT_TRIES_MAX, SUBMISSIONS_MAX, Submitted,
    is_passing,
};
use crate::{
    input::Submission,
    recent::Recent,
    reliability::{self, Reliability, Timing},
    view::{AttemptState, AttemptView, SubmissionView},
};

impl Default for Client {
    fn default() -> Self {
        Self {
            submissions: BTreeMap::new(),
            ended: VecDeque::new(),
            past: Recent::new(PAST_MAX),
            arrivals: 0,
            queue: VecDeque::new(),
            attempts: BTreeMap::new(),
            awaited: BTreeMap::new(),
            lanes: BTreeMap::new(),
            asked: BTreeMap::new(),
            accounts: BTreeMap::new(),
            reliability: Reliability::default(),
        }
    }
}

impl Client {
    pub(super) fn add(&mut self, submission: Submission) {
        let key = submission.key;
        let arrival = self.arrivals;
        self.arrivals += 1;
        submission.provider.into_iter().for_each(|wanted| self.reliability.name(wanted));
        let submitted = Submitted {
            submission,
            arrival,
            attempts: Vec::new(),
            waived: Vec::new(),
            orders: 0,
            excluded: BTreeSet::new(),
            resting: BTreeMap::new(),
            lane: None,
            seeks_since: None,
            refusal: None,
            failure: None,
            ended: false,
            cancelled: false,
            unmatched: None,
            passed: None,
        };
        self.submissions.insert(key, submitted);
    }

    pub(super) fn order(&mut self, key: Digest, order: Verified<Order>, secret: Digest) {
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
            claim: None,
            claim_kept: false,
            doubt: Doubt::None,
            contradiction: None,
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

    pub(super) fn ticketed(&mut self, ticket: Verified<Ticket>) {
        let Some(attempt) = self.attempts.get_mut(&ticket.job) else { return };
        let order = &attempt.order;
        self.lanes.entry((order.notary, order.lane)).or_default().next = order.nonce + 1;
        let (job, key) = (ticket.job, attempt.key);
        (attempt.ticket, attempt.state, attempt.tries) = (Some(ticket), AttemptState::Running, 0);
        self.take_up(key, job);
    }

    /// An order that was refused for a while, and so counted no more, was opened all the same: a copy of it came later.
    fn take_up(&mut self, key: Digest, job: JobId) {
        if let Some(submitted) = self.submissions.get_mut(&key)
            && let Some(place) = submitted.waived.iter().position(|waived| *waived == job)
        {
            submitted.attempts.push(submitted.waived.swap_remove(place));
        }
    }

    /// True while something is still to come of an order of this submission: another one would be paid as well.
    pub(super) fn is_served(&self, key: Digest) -> bool {
        let Some(submitted) = self.submissions.get(&key) else { return false };
        submitted.attempts.iter().filter_map(|job| self.attempts.get(job)).any(Attempt::is_open)
    }

    pub(super) fn dropped(&mut self, job: JobId, reason: Option<Refusal>) {
        let Some(attempt) = self.attempts.get_mut(&job) else { return };
        attempt.state = reason.map_or(AttemptState::Unanswered, AttemptState::Refused);
        // Once it was shown to the notary, the refusal or the silence is the notary's.
        if let Some(deed) = reliability::deed_of_refusal(reason).filter(|_| attempt.open.is_none()) {
            self.reliability.note(attempt.order.provider, deed, attempt.order.open_by);
        }
        let (key, shown) = (attempt.key, attempt.open.is_some());
        let Some(submitted) = self.submissions.get_mut(&key) else { return };
        submitted.refusal = reason.or(submitted.refusal);
        if !reason.is_some_and(is_passing) {
            submitted.excluded.insert(attempt.order.provider);
        } else {
            // Waiting costs no attempt.
            submitted.attempts.retain(|other| *other != job);
            if shown {
                submitted.waived.push(job);
            } else {
                self.attempts.remove(&job);
            }
        }
        self.end_cancelled(key);
    }

    pub(super) fn delivered(&mut self, deliver: Verified<Deliver>, timing: Option<Timing>) {
        let job = deliver.claim.clone().recall().job;
        let Some(attempt) = self.attempts.get_mut(&job) else { return };
        attempt.output = Some(deliver.output);
        (attempt.claim, attempt.claim_kept) = (Some(deliver.claim.clone()), true);
        (attempt.delivering, attempt.tries) = (None, 0);
        if !matches!(attempt.state, AttemptState::Closed(_)) {
            attempt.state = AttemptState::Delivered;
        }
        if let Some(timing) = timing {
            self.reliability.time(attempt.order.provider, timing, attempt.order.open_by);
        }
    }

    pub(super) fn closed(&mut self, job: JobId, outcome: Outcome, receipt: Digest) {
        let Some(attempt) = self.attempts.get_mut(&job) else { return };
        let failure = match attempt.state {
            AttemptState::Failed(reason) => Some(reason),
            AttemptState::Proposed
            | AttemptState::Opening
            | AttemptState::Running
            | AttemptState::Delivered
            | AttemptState::Refused(_)
            | AttemptState::Unanswered
            | AttemptState::Cancelled
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
        self.take_up(key, job);
        // In the same record: a crash between two would leave a submission that is paid and still wanted.
        if outcome.is_paid() {
            self.end(key);
        }
        self.end_cancelled(key);
    }

    /// Notes that no more is wanted of a submission: an order that was not shown to the notary ends with it.
    pub(super) fn cancelled(&mut self, key: Digest) {
        let Some(submitted) = self.submissions.get_mut(&key) else { return };
        submitted.cancelled = true;
        for job in &submitted.attempts {
            if let Some(attempt) = self.attempts.get_mut(job)
                && attempt.state == AttemptState::Proposed
            {
                attempt.state = AttemptState::Cancelled;
            }
        }
        self.end_cancelled(key);
    }

    /// Ends a cancelled submission of which nothing is open.
    fn end_cancelled(&mut self, key: Digest) {
        if self.is_cancelled(key) && !self.is_served(key) {
            self.end(key);
        }
    }

    pub(super) fn end(&mut self, key: Digest) {
        let Some(submitted) = self.submissions.get_mut(&key).filter(|submitted| !submitted.ended) else {
            return;
        };
        submitted.ended = true;
        submitted.resting.clear();
        if let Some(lane) = submitted.lane.and_then(|lane| self.lanes.get_mut(&lane)) {
            lane.user = None;
        }
        self.ended.push_back(key);
        if self.ended.len() > ENDED_MAX
            && let Some(oldest) = self.ended.pop_front()
        {
            self.shrink(oldest);
        }
    }

    /// Lets go of all of a submission that is long over but what its user is shown.
    fn shrink(&mut self, key: Digest) {
        let Some(submitted) = self.submissions.remove(&key) else { return };
        let past = Past { arrival: submitted.arrival, view: self.view(&submitted) };
        for job in submitted.attempts.iter().chain(&submitted.waived) {
            self.attempts.remove(job);
        }
        self.awaited.retain(|_, jobs| {
            jobs.retain(|job| self.attempts.contains_key(job));
            !jobs.is_empty()
        });
        self.past.insert(key, past);
    }

    /// True if a submission of this name was taken and is not forgotten.
    pub(super) fn knows(&self, key: Digest) -> bool {
        self.submissions.contains_key(&key) || self.past.get(&key).is_some()
    }

    /// True if no more submissions are taken.
    pub(super) fn is_full(&self) -> bool {
        self.submissions.len() - self.ended.len() >= SUBMISSIONS_MAX
    }

    /// Submissions that have no attempt under way, the oldest first.
    pub(super) fn seeking(&self) -> Vec<Digest> {
        let idle = |submitted: &&Submitted| !submitted.ended && !self.is_served(submitted.submission.key);
        let mut seeking: Vec<&Submitted> = self.submissions.values().filter(idle).collect();
        seeking.sort_unstable_by_key(|submitted| submitted.arrival);
        seeking.iter().map(|submitted| submitted.submission.key).collect()
    }

    /// What the user is shown, oldest first.
    pub(super) fn views(&self) -> Vec<SubmissionView> {
        let past = self.past.iter().map(|(_, past)| (past.arrival, past.view.clone()));
        let present = self.submissions.values().map(|submitted| (submitted.arrival, self.view(submitted)));
        let mut views: Vec<(u64, SubmissionView)> = past.chain(present).collect();
        views.sort_unstable_by_key(|(arrival, _)| *arrival);
        views.into_iter().map(|(_, view)| view).collect()
    }

    /// Notes a claim that the notary has shown.
    pub(super) fn claimed(&mut self, claim: Signed<Claim>) {
        let job = claim.clone().recall().job;
        if let Some(attempt) = self.attempts.get_mut(&job) {
            (attempt.claim, attempt.claim_kept) = (Some(claim), true);
        }
    }

    pub(super) fn view(&self, submitted: &Submitted) -> SubmissionView {
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
            cancelled: submitted.cancelled,
            ended: submitted.ended,
            unmatched: submitted.unmatched.clone(),
        }
    }
}

impl Attempt {
    /// How long its result took, if it comes now. Nothing if the client was restarted meanwhile: that the result was not
    /// taken sooner may be its own doing.
    pub(super) fn timing(&self, now: Timestamp) -> Option<Timing> {
        Some(Timing { promised: self.promised?, took: now.since(self.started?) })
    }

    /// True if the notary may have opened it, and nothing is known of its close: an order that was given up, or whose
    /// ticket was lost, may have run its course unseen.
    pub(super) fn may_close(&self) -> bool {
        self.open.is_some() && !matches!(self.state, AttemptState::Closed(_))
    }

    /// True while it is worth asking after: until it is closed and, if it was paid, its result is here.
    pub(super) fn is_pursued(&self) -> bool {
        let paid = matches!(self.state, AttemptState::Closed(outcome) if outcome.is_paid());
        self.is_open() || (paid && self.output.is_none() && self.tries < RESULT_TRIES_MAX)
    }

    /// True while something is still to come of it.
    pub(super) fn is_open(&self) -> bool {
        match self.state {
            AttemptState::Proposed
            | AttemptState::Opening
            | AttemptState::Running
            | AttemptState::Delivered => true,
            AttemptState::Failed(_) => self.receipt.is_none(),
            AttemptState::Refused(_)
            | AttemptState::Unanswered
            | AttemptState::Cancelled
            | AttemptState::Closed(_) => false,
        }
    }
}
