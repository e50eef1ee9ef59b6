//! What a client says against a result: that it doubts it.
//!
//! **Invariant:** a doubt is saved before the notary hears of it, and is told until the notary took it, refused it or
//! closed the job.

use assay_protocol::{
    id::{Digest, JobId},
    manifest::End,
    objection::Dispute,
    outcome::Outcome,
    signed::Signer,
};

use super::{Client, Doubt};
use crate::{
    command::{NotCancelled, NotDisputed},
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
    /// Has the result of a submission checked, if it is here and still open.
    pub(super) fn dispute<S: Signer>(&mut self, key: Digest, cx: &mut Context<'_, S>) -> Heard {
        let job = match self.disputable(key) {
            Ok(job) => job,
            Err(reason) => {
                cx.tell(Event::NotDisputed { key, reason });
                return Heard::Misstep(Fault::Untimely);
            }
        };
        match self.attempts.get(&job).map(|attempt| attempt.doubt) {
            Some(Doubt::Taken) => {
                cx.tell(Event::Disputed { key, job });
                return Heard::Taken;
            }
            Some(Doubt::None) => self.keep(ClientRecord::Disputed { job }, cx),
            Some(Doubt::Told) | None => {}
        }
        cx.tell(Event::Disputing { key, job });
        cx.set(Alarm::Attempt(job), cx.now);
        Heard::Taken
    }

    /// Says against a job what the notary has not answered yet.
    pub(super) fn object<S: Signer>(&self, job: JobId, cx: &mut Context<'_, S>) {
        let Some(attempt) = self.attempts.get(&job).filter(|attempt| attempt.may_close()) else {
            return;
        };
        let notary = attempt.order.notary;
        if !self.contradict(job, cx) && attempt.doubt == Doubt::Told {
            cx.say(notary, Dispute { job });
        }
    }

    /// The notary has the result checked.
    pub(super) fn on_disputed<S: Signer>(&mut self, job: JobId, cx: &mut Context<'_, S>) {
        let Some(attempt) = self.attempts.get_mut(&job).filter(|at| at.doubt == Doubt::Told) else {
            return;
        };
        attempt.doubt = Doubt::Taken;
        cx.tell(Event::Disputed { key: attempt.key, job });
    }

    /// The notary refuses to have the result checked; true if that is what it refused.
    pub(super) fn on_dispute_refused<S: Signer>(&mut self, job: JobId, cx: &mut Context<'_, S>) -> bool {
        let told = self.attempts.get(&job).filter(|attempt| attempt.doubt == Doubt::Told);
        let Some(key) = told.map(|attempt| attempt.key) else { return false };
        self.keep(ClientRecord::NotDisputed { job }, cx);
        cx.tell(Event::NotDisputed { key, reason: NotDisputed::TooLate });
        true
    }

    /// A job that was closed without a check was not disputed in time.
    pub(super) fn end_doubt<S: Signer>(&self, job: JobId, outcome: Outcome, cx: &mut Context<'_, S>) {
        let Some(attempt) = self.attempts.get(&job) else { return };
        if attempt.doubt == Doubt::Told && outcome == Outcome::NotDrawn {
            let reason = NotDisputed::TooLate;
            cx.tell(Event::NotDisputed { key: attempt.key, reason });
        }
    }

    /// Notes that the provider has committed itself, which ends all wishes to cancel: one that came too late is answered so.
    pub(super) fn note_commitment<S: Signer>(&mut self, job: JobId, end: End, cx: &mut Context<'_, S>) {
        let Some(attempt) = self.attempts.get_mut(&job) else { return };
        let (key, open) = (attempt.key, attempt.may_close());
        let is_late = !core::mem::replace(&mut attempt.committed, true) && end != End::Cancelled;
        if is_late && open && self.is_cancelled(key) {
            cx.tell(Event::NotCancelled { key, reason: NotCancelled::Claimed });
        }
    }

    /// The job whose result can be disputed, as far as its client knows.
    fn disputable(&self, key: Digest) -> Result<JobId, NotDisputed> {
        let submitted = self.submissions.get(&key).ok_or(NotDisputed::Unknown)?;
        let opened = |job: &&JobId| self.attempts.get(*job).is_some_and(|attempt| attempt.ticket.is_some());
        let job = submitted.attempts.iter().rev().find(opened).ok_or(NotDisputed::NotDelivered)?;
        match self.attempts.get(job).map(|attempt| attempt.state) {
            Some(AttemptState::Delivered) => Ok(*job),
            Some(AttemptState::Closed(_)) => Err(NotDisputed::TooLate),
            Some(
                AttemptState::Proposed
                | AttemptState::Opening
                | AttemptState::Running
                | AttemptState::Refused(_)
                | AttemptState::Unanswered
                | AttemptState::Failed(_)
                | AttemptState::Cancelled,
            )
            | None => Err(NotDisputed::NotDelivered),
        }
    }
}
