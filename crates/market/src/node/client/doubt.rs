//! What a client says against a result: that it doubts it, or that its provider signed two.
//!
//! **Invariant:** a doubt is saved before the notary hears of it, and is told until the notary took it, refused it or
//! closed the job.

use assay_protocol::{
    claim::Claim,
    id::{Digest, JobId},
    objection::Dispute,
    order::Refusal,
    outcome::Outcome,
    signed::{Signed, Signer, Verified},
    units::Timestamp,
};

use super::{Attempt, Client, Doubt, Node};
use crate::{
    effect::{Effect, Effects, Event, NotCancelled, NotDisputed},
    node::alarms::Alarm,
    record::ClientRecord,
    view::AttemptState,
};

impl<S: Signer> Node<S> {
    /// Has the result of a submission checked, if it is here and still open.
    pub(in crate::node) fn dispute(&mut self, key: Digest, now: Timestamp, out: &mut Effects) {
        let job = match self.client.disputable(key) {
            Ok(job) => job,
            Err(reason) => return out.push(Effect::Tell(Event::NotDisputed { key, reason })),
        };
        match self.client.attempts.get(&job).map(|attempt| attempt.doubt) {
            Some(Doubt::Taken) => return out.push(Effect::Tell(Event::Disputed { key, job })),
            Some(Doubt::None) => self.keep_client(ClientRecord::Disputed { job }, out),
            Some(Doubt::Told) | None => {}
        }
        out.push(Effect::Tell(Event::Disputing { key, job }));
        self.alarms.set(Alarm::Attempt(job), now);
    }

    /// Says against a job what the notary has not answered yet.
    pub(super) fn object(&self, job: JobId, out: &mut Effects) {
        let Some(attempt) = self.client.attempts.get(&job).filter(|attempt| attempt.may_close()) else {
            return;
        };
        let notary = attempt.order.notary;
        if attempt.doubt == Doubt::Told {
            self.say(notary, Dispute { job }, out);
        }
        for claim in attempt.contradiction.iter().flatten() {
            out.push(Effect::Send { to: notary, message: claim.clone().recall().into() });
        }
    }

    /// The notary has the result checked.
    pub(super) fn on_disputed(&mut self, job: JobId, out: &mut Effects) {
        let Some(attempt) = self.client.attempts.get_mut(&job).filter(|at| at.doubt == Doubt::Told) else {
            return;
        };
        attempt.doubt = Doubt::Taken;
        out.push(Effect::Tell(Event::Disputed { key: attempt.key, job }));
    }

    /// The notary refuses to have the result checked; true if that is what it refused.
    pub(super) fn on_dispute_refused(&mut self, job: JobId, refusal: Refusal, out: &mut Effects) -> bool {
        let told = self.client.attempts.get(&job).filter(|attempt| attempt.doubt == Doubt::Told);
        let Some(key) = told.map(|attempt| attempt.key) else { return false };
        let reason = if refusal == Refusal::Funds { NotDisputed::Funds } else { NotDisputed::TooLate };
        self.keep_client(ClientRecord::NotDisputed { job }, out);
        out.push(Effect::Tell(Event::NotDisputed { key, reason }));
        true
    }

    /// A job that was closed without a check was not disputed in time.
    pub(super) fn end_doubt(&self, job: JobId, outcome: Outcome, out: &mut Effects) {
        let Some(attempt) = self.client.attempts.get(&job) else { return };
        if attempt.doubt == Doubt::Told && outcome == Outcome::NotDrawn {
            let reason = NotDisputed::TooLate;
            out.push(Effect::Tell(Event::NotDisputed { key: attempt.key, reason }));
        }
    }

    /// Notes the claim of a job, which ends all wishes to cancel it. Another one than before is evidence by itself.
    pub(super) fn note_claim(&mut self, claim: &Verified<Claim>, out: &mut Effects) {
        let job = claim.job;
        let Some(attempt) = self.client.attempts.get_mut(&job) else { return };
        let (key, notary) = (attempt.key, attempt.order.notary);
        let Some(known) = attempt.claim.clone() else {
            attempt.claim = Some(claim.signed().clone());
            let open = attempt.may_close();
            if open && self.client.is_cancelled(key) {
                let reason = NotCancelled::Claimed;
                out.push(Effect::Tell(Event::NotCancelled { key, reason }));
            }
            return;
        };
        let other = known.clone().recall().digest() != claim.digest();
        if other && attempt.contradiction.is_none() && attempt.may_close() {
            let claims = [known, claim.signed().clone()];
            self.keep_client(ClientRecord::Contradicted { claims: claims.clone() }, out);
            out.push(Effect::Tell(Event::Contradicted { key, job }));
            for claim in claims {
                out.push(Effect::Send { to: notary, message: claim.recall().into() });
            }
        }
    }
}

impl<S: Signer> Node<S> {
    /// Has the claim of a job known after a restart as well: what the client says of it rests on it.
    pub(super) fn keep_claim(&mut self, job: JobId, out: &mut Effects) {
        let attempt = self.client.attempts.get(&job).filter(|attempt| !attempt.claim_kept);
        if let Some(claim) = attempt.and_then(|attempt| attempt.claim.clone()) {
            self.keep_client(ClientRecord::Claimed(claim), out);
        }
    }
}

impl Client {
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

    pub(super) fn doubted(&mut self, job: JobId, doubt: Doubt) {
        if let Some(attempt) = self.attempts.get_mut(&job) {
            (attempt.doubt, attempt.tries) = (doubt, 0);
        }
    }

    pub(super) fn contradicted(&mut self, claims: &[Signed<Claim>; 2]) {
        let job = claims[0].clone().recall().job;
        if let Some(attempt) = self.attempts.get_mut(&job) {
            attempt.contradiction = Some(claims.clone());
        }
    }
}

impl Attempt {
    /// True once the provider has committed itself.
    pub(super) fn is_claimed(&self) -> bool {
        self.claim.is_some()
    }
}
