//! The end that a user, or a submission's time, wants: nobody else is tried, and what is open is cancelled if it can be.
//!
//! **Invariant:** a wish to cancel is saved before anybody hears of it, and ends with the job at the latest; a claim is
//! never cancelled.

use alloc::vec::Vec;

use assay_protocol::{
    id::{Digest, JobId, PeerId},
    objection::Cancel,
    signed::Signer,
    ticket::Ticket,
};

use super::Client;
use crate::{
    command::NotCancelled,
    event::Event,
    node::{
        alarms::Alarm,
        context::Context,
        heard::{Fault, Heard},
    },
    record::ClientRecord,
    view::AttemptState,
};

impl Client {
    /// Ends a submission: at once if nothing of it is open, else with its job.
    pub(super) fn cancel<S: Signer>(&mut self, key: Digest, cx: &mut Context<'_, S>) -> Heard {
        let reason = match self.submissions.get(&key) {
            None => Some(NotCancelled::Unknown),
            Some(submitted) if submitted.ended => Some(NotCancelled::Ended),
            Some(_) => None,
        };
        if let Some(reason) = reason {
            cx.tell(Event::NotCancelled { key, reason });
            return Heard::Misstep(Fault::Untimely);
        }
        let asked = self.asked(key).unwrap_or_default();
        let asked: Vec<PeerId> =
            asked.iter().filter_map(|job| Some(self.attempts.get(job)?.order.provider)).collect();
        if !self.is_cancelled(key) {
            self.keep(ClientRecord::Cancelled { key }, cx);
            self.stop_seeking(key, cx);
        }
        let open = self.open_jobs(key);
        if open.is_empty() {
            cx.tell(Event::Cancelled { key });
        }
        // What was claimed of a part is over where somebody goes on with the rest.
        let is_whole = |job: &JobId| !self.attempts.get(job).is_some_and(|attempt| attempt.is_part());
        let goes_on = open.iter().any(is_whole);
        let told: Vec<JobId> = open.into_iter().filter(|job| !goes_on || is_whole(job)).collect();
        for job in told {
            self.cancel_job(job, cx);
            cx.set(Alarm::Attempt(job), cx.now);
        }
        // Who was asked and has not answered has room for somebody else.
        asked.into_iter().for_each(|provider| self.use_room(provider, cx));
        Heard::Taken
    }

    /// The time of a submission is over.
    pub(in crate::node) fn wake_deadline<S: Signer>(&mut self, key: Digest, cx: &mut Context<'_, S>) {
        if self.submissions.get(&key).is_some_and(|submitted| !submitted.ended) {
            let _ = self.cancel(key, cx);
        }
    }

    /// Tells the user how a cancelled job goes on. The notary is told when the attempt is looked at.
    pub(super) fn cancel_job<S: Signer>(&self, job: JobId, cx: &mut Context<'_, S>) {
        let Some(attempt) = self.attempts.get(&job) else { return };
        let key = attempt.key;
        if attempt.committed {
            let reason = NotCancelled::Claimed;
            cx.tell(Event::NotCancelled { key, reason });
        } else if attempt.ticket.is_some() {
            cx.tell(Event::Cancelling { key, job });
        }
    }

    /// Tells the notary that no more is wanted of an open job; true if that is all there is to do about it.
    pub(super) fn send_cancel<S: Signer>(&self, job: JobId, cx: &mut Context<'_, S>) -> bool {
        let Some(attempt) = self.attempts.get(&job).filter(|attempt| !attempt.committed) else {
            return false;
        };
        let unwanted = attempt.forsaken || self.is_cancelled(attempt.key);
        let Some(ticket) = attempt.ticket.as_ref().filter(|_| unwanted) else {
            return false;
        };
        let cancel = Cancel { job, ticket: Ticket::digest(ticket) };
        cx.say(attempt.order.notary, cancel);
        true
    }

    /// Looks for another provider, unless no more is wanted.
    pub(super) fn seek_or_end<S: Signer>(&mut self, key: Digest, cx: &mut Context<'_, S>) {
        if !self.is_cancelled(key) {
            self.seek(key, cx);
        } else if self.open_jobs(key).is_empty() {
            cx.tell(Event::Cancelled { key });
        }
    }

    /// True once its user, or its time, wanted the end of a submission.
    pub(super) fn is_cancelled(&self, key: Digest) -> bool {
        self.submissions.get(&key).is_some_and(|submitted| submitted.cancelled)
    }

    /// The attempts at a submission of which something is still to come.
    pub(super) fn open_jobs(&self, key: Digest) -> Vec<JobId> {
        let Some(submitted) = self.submissions.get(&key) else { return <_>::default() };
        let open = |job: &&JobId| {
            let attempt = self.attempts.get(*job);
            attempt.is_some_and(|attempt| attempt.is_open() && attempt.state != AttemptState::Proposed)
        };
        submitted.attempts.iter().filter(open).copied().collect()
    }
}
