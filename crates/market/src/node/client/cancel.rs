//! The end that a user, or a submission's time, wants: nobody else is tried, and what is open is cancelled if it can be.
//!
//! **Invariant:** a wish to cancel is saved before anybody hears of it, and ends with the job at the latest; a claim is
//! never cancelled.

use assay_protocol::{
    id::{Digest, JobId},
    objection::Cancel,
    signed::Signer,
    ticket::Ticket,
    units::Timestamp,
};

use super::{Client, Node};
use crate::{
    effect::{Effect, Effects, Event, NotCancelled},
    node::alarms::Alarm,
    record::ClientRecord,
    view::AttemptState,
};

impl<S: Signer> Node<S> {
    /// Ends a submission: at once if nothing of it is open, else with its job.
    pub(in crate::node) fn cancel(&mut self, key: Digest, now: Timestamp, out: &mut Effects) {
        let reason = match self.client.submissions.get(&key) {
            None => Some(NotCancelled::Unknown),
            Some(submitted) if submitted.ended => Some(NotCancelled::Ended),
            Some(_) => None,
        };
        if let Some(reason) = reason {
            return out.push(Effect::Tell(Event::NotCancelled { key, reason }));
        }
        if !self.client.is_cancelled(key) {
            self.keep_client(ClientRecord::Cancelled { key }, out);
            self.alarms.clear(Alarm::Submission(key));
        }
        let open = self.client.open_jobs(key);
        if open.is_empty() {
            return out.push(Effect::Tell(Event::Cancelled { key }));
        }
        for job in open {
            self.cancel_job(job, out);
            self.alarms.set(Alarm::Attempt(job), now);
        }
    }

    /// The time of a submission is over.
    pub(in crate::node) fn wake_deadline(&mut self, key: Digest, now: Timestamp, out: &mut Effects) {
        if self.client.submissions.get(&key).is_some_and(|submitted| !submitted.ended) {
            self.cancel(key, now, out);
        }
    }

    /// Tells the user how a cancelled job goes on. The notary is told when the attempt is looked at.
    pub(super) fn cancel_job(&mut self, job: JobId, out: &mut Effects) {
        let Some(attempt) = self.client.attempts.get(&job) else { return };
        let key = attempt.key;
        if attempt.is_claimed() {
            let reason = NotCancelled::Claimed;
            out.push(Effect::Tell(Event::NotCancelled { key, reason }));
        } else if attempt.ticket.is_some() {
            out.push(Effect::Tell(Event::Cancelling { key, job }));
        }
    }

    /// Tells the notary that no more is wanted of an open job; true if that is all there is to do about it.
    pub(super) fn send_cancel(&self, job: JobId, out: &mut Effects) -> bool {
        let Some(attempt) = self.client.attempts.get(&job).filter(|attempt| !attempt.is_claimed()) else {
            return false;
        };
        let Some(ticket) = attempt.ticket.as_ref().filter(|_| self.client.is_cancelled(attempt.key)) else {
            return false;
        };
        let cancel = Cancel { job, ticket: Ticket::digest(ticket) };
        self.say(attempt.order.notary, cancel, out);
        true
    }

    /// Looks for another provider, unless no more is wanted.
    pub(super) fn seek_or_end(&mut self, key: Digest, now: Timestamp, out: &mut Effects) {
        if !self.client.is_cancelled(key) {
            self.seek(key, now, out);
        } else if self.client.open_jobs(key).is_empty() {
            out.push(Effect::Tell(Event::Cancelled { key }));
        }
    }
}

impl Client {
    /// True once its user, or its time, wanted the end of a submission.
    pub(super) fn is_cancelled(&self, key: Digest) -> bool {
        self.submissions.get(&key).is_some_and(|submitted| submitted.cancelled)
    }

    /// The attempts at a submission of which something is still to come.
    pub(super) fn open_jobs(&self, key: Digest) -> alloc::vec::Vec<JobId> {
        let Some(submitted) = self.submissions.get(&key) else { return <_>::default() };
        let open = |job: &&JobId| {
            let attempt = self.attempts.get(*job);
            attempt.is_some_and(|attempt| attempt.is_open() && attempt.state != AttemptState::Proposed)
        };
        submitted.attempts.iter().filter(open).copied().collect()
    }
}
