//! What a client remembers: how each record changes its submissions, attempts and lanes, and what is shown of them.
//!
//! **Invariant:** a submission that is paid, or that its user gave up, ends with the record that leaves it no open
//! attempt.

use alloc::{boxed::Box, vec::Vec};

use assay_protocol::{
    claim::{Claim, Deliver},
    genesis::Genesis,
    id::{Digest, JobId, PeerId},
    order::{Failure, Order, Refusal},
    outcome::Outcome,
    remainder,
    signed::{Recorded, Verified},
    ticket::Ticket,
    units::Timestamp,
};

use super::{
    Attempt, AttemptStep, Client, ENDED_MAX, Past, SUBMISSIONS_MAX, Submitted,
    belongings::untaken,
    choice::{OVERDUE_COUNTS, ordered},
};
use crate::{
    input::Proven,
    reliability::{self, Deed, Timing},
    submission::{Submission, is_passing},
    view::{AttemptState, AttemptView, SubmissionView},
};

impl Client {
    pub(super) fn add(&mut self, submission: Submission) {
        let (key, arrival) = (submission.key, self.arrivals);
        self.arrivals += 1;
        submission.provider.into_iter().for_each(|wanted| self.reliability.name(wanted));
        self.submissions.insert(key, Box::new(Submitted::new(submission, arrival)));
    }

    pub(super) fn order(&mut self, key: Digest, order: Verified<Order>, secret: Digest) {
        let Some(submitted) = self.submissions.get_mut(&key) else { return };
        let job = order.id();
        let day = self.today.day;
        submitted.attempts.push(job);
        submitted.orders += 1;
        submitted.lane = Some((order.notary, order.lane));
        let lane = self.lanes.entry((order.notary, order.lane)).or_default();
        (lane.user, lane.next) = (Some(key), order.nonce);
        self.attempts.insert(job, Box::new(Attempt { day, ..Attempt::new(key, order, secret) }));
    }

    pub(super) fn ticketed(&mut self, ticket: Verified<Ticket>) {
        let job = ticket.job;
        self.step(job, AttemptStep::Open(ticket));
        let Some(attempt) = self.attempts.get(&job) else { return };
        let key = attempt.key;
        self.take_lane(job);
        if let Some(submitted) = self.submissions.get_mut(&key) {
            submitted.take_up(job);
        }
    }

    pub(super) fn claimed(&mut self, claim: &Recorded<Claim>, genesis: &Genesis) {
        self.step(claim.job, AttemptStep::Claim(claim.clone()));
        let Some(attempt) = self.attempts.get_mut(&claim.job) else { return };
        let back =
            attempt.ticket.as_ref().map(|ticket| remainder::after(genesis, &attempt.order, ticket, claim));
        attempt.returned = back.unwrap_or_default();
    }

    pub(super) fn dropped(&mut self, job: JobId, reason: Option<Refusal>) {
        let is_out_of_step = reason == Some(Refusal::Nonce) && self.is_out_of_step(job);
        let is_overtaken = reason == Some(Refusal::Nonce) && self.is_overtaken(job);
        if is_out_of_step {
            self.lose_lane(job);
        }
        self.step(job, AttemptStep::Drop(reason));
        let Some(attempt) = self.attempts.get(&job) else { return };
        // Once it was shown to the notary, the refusal or the silence is the notary's.
        if let Some(deed) = reliability::deed_of_refusal(reason).filter(|_| attempt.open.is_none()) {
            self.reliability.note(attempt.order.provider, deed, attempt.order.open_by);
        }
        let (key, shown) = (attempt.key, attempt.open.is_some());
        let Some(submitted) = self.submissions.get_mut(&key) else { return };
        submitted.refusal = reason.or(submitted.refusal);
        if !reason.is_some_and(is_passing) {
            // Whoever agreed to a number that was taken is not at fault, and may be asked again with one that is not.
            if !is_out_of_step && !is_overtaken {
                submitted.excluded.insert(attempt.order.provider);
            }
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
        let job = deliver.claim().job;
        self.step(job, AttemptStep::Deliver(deliver));
        let Some(attempt) = self.attempts.get(&job) else { return };
        if let Some(submitted) = self.submissions.get_mut(&attempt.key) {
            submitted.has_untaken = true;
        }
        if let Some(timing) = timing {
            self.reliability.time(attempt.order.provider, timing, attempt.order.open_by);
        }
    }

    pub(super) fn failed(&mut self, job: JobId, reason: Failure) {
        self.step(job, AttemptStep::Fail(reason));
        let Some(attempt) = self.attempts.get(&job) else { return };
        if reason == Failure::Overdue {
            let at = attempt.order.open_by;
            self.overdue.retain(|_, before| at.since(*before) < OVERDUE_COUNTS);
            self.overdue.insert(attempt.order.manifest.digest(), at);
        }
        if let Some(submitted) = self.submissions.get_mut(&attempt.key) {
            submitted.failure = Some(reason);
        }
    }

    pub(super) fn closed(&mut self, job: JobId, receipt: Digest, proven: Proven) {
        let Some(attempt) = self.attempts.get_mut(&job) else { return };
        let failure = if let AttemptState::Failed(reason) = attempt.state { Some(reason) } else { None };
        let outcome = proven.outcome;
        let taken = attempt.apply(AttemptStep::Close(receipt, proven));
        debug_assert!(taken.is_ok(), "a step that was saved is not in the table");
        let (key, order) = (attempt.key, &attempt.order);
        let (provider, at) = (order.provider, order.open_by);
        let (place, is_part) = ((order.notary, order.lane), attempt.is_part());
        let deed = match reliability::deed_of(outcome, failure) {
            None if attempt.forsaken && outcome == Outcome::Cancelled => Some(Deed::Unclaimed),
            deed => deed,
        };
        deed.into_iter().for_each(|deed| self.reliability.note(provider, deed, at));
        let nonce = order.nonce;
        self.count_on((place, nonce));
        self.leave_lane(key, place);
        if let Some(submitted) = self.submissions.get_mut(&key) {
            submitted.take_up(job);
            // Who was only too slow to get a slot may ask again, and has not used up an attempt.
            if failure == Some(Failure::Busy) {
                submitted.too_late += 1;
            } else {
                submitted.excluded.insert(provider);
            }
        }
        // In the same record: a crash between two would leave a submission that is paid and still wanted. What is wanted of one
        // that was given up in the middle is the rest.
        let gives_all = outcome.is_paid() && !is_part;
        if gives_all || self.is_hopeless(key, (provider, failure), at) {
            self.end(key);
        }
        self.end_cancelled(key);
    }

    /// True if a second provider gave a job up for a reason that any other machine would have as well: neither of them is
    /// to blame, unless that happens to it again and again.
    fn is_hopeless(
        &mut self,
        key: Digest,
        (provider, failure): (PeerId, Option<Failure>),
        at: Timestamp,
    ) -> bool {
        let (Some(submitted), Some(reason)) = (self.submissions.get_mut(&key), failure) else { return false };
        let first = submitted.failures.iter().find(|(peer, of)| *of == reason && *peer != provider);
        let first = first.map(|(peer, _)| *peer).filter(|_| reliability::is_deterministic(reason));
        submitted.failures.push((provider, reason));
        let Some(first) = first.filter(|_| !submitted.ended) else { return false };
        submitted.hopeless = Some(reason);
        let deed = reliability::deed_of(Outcome::Aborted, Some(reason));
        for peer in [first, provider] {
            deed.into_iter().for_each(|deed| self.reliability.excuse(peer, deed, at));
        }
        true
    }

    /// Notes that no more is wanted of a submission: an order that was not shown to the notary ends with it.
    pub(super) fn cancelled(&mut self, key: Digest) {
        let Some(submitted) = self.submissions.get_mut(&key) else { return };
        submitted.cancelled = true;
        for job in &submitted.attempts {
            if let Some(attempt) = self.attempts.get_mut(job) {
                // What was shown to the notary is cancelled there.
                let _ = attempt.apply(AttemptStep::Cancel);
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
        let lane = self
            .submissions
            .get(&key)
            .and_then(|submitted| submitted.lane.filter(|place| !self.is_taken_by_part(submitted, *place)));
        let Some(submitted) = self.submissions.get_mut(&key).filter(|submitted| !submitted.ended) else {
            return;
        };
        submitted.ended = true;
        self.waiting.remove(&submitted.arrival);
        self.let_go.push(key);
        submitted.resting.clear();
        if let Some(lane) = lane.and_then(|place| self.lanes.get_mut(&place)) {
            lane.user = None;
            self.none_free = None;
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
        self.leave_room(key);
        let Some(submitted) = self.submissions.remove(&key) else { return };
        let (arrival, content) = (submitted.arrival, submitted.submission.content);
        let past = Past { arrival, content, view: self.view(&submitted) };
        for job in submitted.attempts.iter().chain(&submitted.waived) {
            if let Some(attempt) = self.attempts.remove(job) {
                self.leave_lane(key, (attempt.order.notary, attempt.order.lane));
            }
        }
        if submitted.has_untaken {
            self.let_go.push(untaken(key));
        }
        self.past.insert(key, past);
    }

    /// What its user said of a submission that was taken and is not forgotten.
    pub(in crate::node) fn content_of(&self, key: Digest) -> Option<Digest> {
        let past = || self.past.get(&key).map(|past| past.content);
        self.submissions.get(&key).map(|submitted| submitted.submission.content).or_else(past)
    }

    /// What its user wanted of a submission that is remembered in full.
    pub(in crate::node) fn wish_of(&self, key: Digest) -> Option<&Submission> {
        self.submissions.get(&key).map(|submitted| &submitted.submission)
    }

    /// Why the last attempt at a submission gave no result, if one did not.
    pub(in crate::node) fn failure_of(&self, key: Digest) -> Option<Failure> {
        self.submissions.get(&key)?.failure
    }

    /// True if no more submissions are taken.
    pub(super) fn is_full(&self) -> bool {
        self.submissions.len() - self.ended.len() >= SUBMISSIONS_MAX
    }

    /// How many submissions have not ended, and how many are known in all.
    pub(in crate::node) fn counts(&self) -> (usize, usize) {
        (self.submissions.len() - self.ended.len(), self.submissions.len() + self.past.iter().count())
    }

    /// Submissions that have no attempt under way, the oldest first.
    pub(super) fn seeking(&self) -> Vec<Digest> {
        let idle = |submitted: &&Submitted| !submitted.ended && !self.is_under_way(submitted);
        let mut seeking: Vec<&Submitted> = self.submissions.values().map(Box::as_ref).filter(idle).collect();
        seeking.sort_unstable_by_key(|submitted| submitted.arrival);
        seeking.iter().map(|submitted| submitted.submission.key).collect()
    }

    /// The names of all that are remembered.
    pub(in crate::node) fn keys(&self) -> impl Iterator<Item = Digest> {
        self.past.iter().map(|(key, _)| *key).chain(self.submissions.keys().copied())
    }

    /// What the user is shown, oldest first.
    pub(in crate::node) fn views(&self) -> Vec<SubmissionView> {
        let past = self.past.iter().map(|(_, past)| (past.arrival, past.view.clone()));
        let present = self.submissions.values().map(|submitted| (submitted.arrival, self.view(submitted)));
        let mut views: Vec<(u64, SubmissionView)> = past.chain(present).collect();
        views.sort_unstable_by_key(|(arrival, _)| *arrival);
        views.into_iter().map(|(_, view)| view).collect()
    }

    /// What the user is shown of those that came last, before one of them if that is said: so many, oldest first, and how many
    /// are older still. Nothing is put together for the others.
    pub(in crate::node) fn latest_views(
        &self,
        is_running: bool,
        behind: Option<Digest>,
        most: usize,
    ) -> (Vec<SubmissionView>, usize) {
        let end = behind.and_then(|key| self.arrival_of(key));
        let is_before = |(arrival, _): &(u64, Digest)| end.is_none_or(|end| *arrival < end);
        let mut fitting: Vec<(u64, Digest)> = self.arrived(is_running).filter(is_before).collect();
        let older = fitting.len().saturating_sub(most);
        if older > 0 {
            fitting.select_nth_unstable(older - 1);
        }
        let mut latest = fitting.split_off(older);
        latest.sort_unstable();
        (latest.into_iter().filter_map(|(_, key)| self.view_of(key)).collect(), older)
    }

    /// The same of those that came first, behind one of them if that is said and remembered: so many, oldest first.
    pub(in crate::node) fn earliest_views(
        &self,
        is_running: bool,
        after: Option<Digest>,
        most: usize,
    ) -> Vec<SubmissionView> {
        let begin = after.and_then(|key| self.arrival_of(key));
        let is_after = |(arrival, _): &(u64, Digest)| begin.is_none_or(|begin| *arrival > begin);
        let mut fitting: Vec<(u64, Digest)> = self.arrived(is_running).filter(is_after).collect();
        if fitting.len() > most {
            fitting.select_nth_unstable(most);
            fitting.truncate(most);
        }
        fitting.sort_unstable();
        fitting.into_iter().filter_map(|(_, key)| self.view_of(key)).collect()
    }

    /// All of them, or those that have not ended, by when they came.
    fn arrived(&self, is_running: bool) -> impl Iterator<Item = (u64, Digest)> {
        let over = self.past.iter().filter(move |_| !is_running).map(|(key, past)| (past.arrival, *key));
        let rest = self.submissions.iter().filter(move |(_, submitted)| !(is_running && submitted.ended));
        over.chain(rest.map(|(key, submitted)| (submitted.arrival, *key)))
    }

    fn arrival_of(&self, key: Digest) -> Option<u64> {
        let past = || self.past.get(&key).map(|past| past.arrival);
        self.submissions.get(&key).map(|submitted| submitted.arrival).or_else(past)
    }

    /// True while something is still to come of an order of this submission: another one would be paid as well.
    pub(super) fn is_served(&self, key: Digest) -> bool {
        let Some(submitted) = self.submissions.get(&key) else { return false };
        submitted.attempts.iter().filter_map(|job| self.attempts.get(job)).any(|attempt| attempt.is_open())
    }

    /// What the user is shown of one of them.
    pub(in crate::node) fn view_of(&self, key: Digest) -> Option<SubmissionView> {
        let past = || self.past.get(&key).map(|past| past.view.clone());
        self.submissions.get(&key).map(|submitted| self.view(submitted)).or_else(past)
    }

    fn view(&self, submitted: &Submitted) -> SubmissionView {
        let known = |job: &JobId| self.attempts.get(job).map(Box::as_ref);
        let attempts = submitted.attempts.iter().filter_map(|job| Some((job, known(job)?)));
        let view = |(job, attempt): (&JobId, &Attempt)| AttemptView {
            job: *job,
            provider: attempt.order.provider,
            ordered: ordered(&attempt.order),
            price: attempt.price().unwrap_or_default(),
            total_max: attempt.order.total_max,
            held: attempt.held(),
            state: attempt.state,
            end: attempt.claimed.map(|(_, end)| end),
            rate: attempt.ticket.as_ref().map(|ticket| ticket.rate),
            output: attempt.output,
            receipt: attempt.receipt,
            cost: attempt.cost,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::submission;

    #[test]
    fn pages_of_ten_thousand_jobs_follow_each_other_and_none_is_longer_than_asked() {
        let (mut client, many) = (Client::default(), 10_000_usize);
        for number in 0..many as u64 {
            client.add(submission(number));
            if number % 2 == 0 {
                client.end(submission(number).key);
            }
        }
        let all: Vec<Digest> = client.views().iter().map(|view| view.key).collect();
        let (mut seen, mut behind) = (Vec::new(), None);
        loop {
            let (page, older) = client.latest_views(false, behind, 300);
            assert!(page.len() <= 300 && older == many - seen.len() - page.len());
            behind = page.first().map(|view| view.key);
            seen.extend(page.iter().rev().map(|view| view.key));
            if older == 0 {
                break;
            }
        }
        seen.reverse();
        assert!(seen == all, "each once, in the order in which they came");
        let (running, older) = client.latest_views(true, None, 10);
        assert!(running.iter().all(|view| !view.ended) && running.len() == 10);
        assert_eq!(older, many / 2 - 10);
        assert_eq!(client.latest_views(false, Some(all[0]), 10).0.len(), 0, "none is older than the first");
        assert_eq!(client.latest_views(false, None, 0), (Vec::new(), many));
        let (mut seen, mut after) = (Vec::new(), None);
        while seen.len() < many {
            let page = client.earliest_views(false, after, 300);
            assert!(page.len() == 300.min(many - seen.len()));
            after = page.last().map(|view| view.key);
            seen.extend(page.iter().map(|view| view.key));
        }
        assert!(seen == all && client.earliest_views(false, after, 300).is_empty());
        let running = client.earliest_views(true, Some(all[0]), 10);
        assert!(running.iter().map(|view| view.key).eq(all.iter().copied().skip(1).step_by(2).take(10)));
    }
}
