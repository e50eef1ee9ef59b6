//! One order on its way, as its client sees it: what is said next, and what is answered to what comes in.

use alloc::vec::Vec;

use assay_protocol::{
    check::Check,
    claim::{Deliver, Reveal},
    id::{Digest, JobId, PeerId},
    notice::{Notice, NoticeEvent},
    order::{Abort, Accept, Open, Propose, Refusal, Refuse, Start},
    outcome::Outcome,
    signed::{Signed, Signer, Verified},
    ticket::Ticket,
    units::{Duration, Timestamp},
};

use super::{Attempt, Node};
use crate::{
    effect::{Effect, Effects, Event},
    input::Blob,
    node::alarms::{Alarm, backoff},
    record::ClientRecord,
    view::AttemptState,
};

/// Tries that may fail to reach a provider before another one is asked.
const UNDELIVERED_MAX: u32 = 3;
/// How long after an order's end the notary's word is awaited that it was never opened.
const CERTAIN_AFTER: Duration = Duration::seconds(5);

impl<S: Signer> Node<S> {
    /// Says again what is not answered yet, or ends what can no longer be.
    pub(in crate::node) fn wake_attempt(&mut self, job: JobId, now: Timestamp, out: &mut Effects) {
        let Some(attempt) = self.client.attempts.get_mut(&job).filter(|attempt| attempt.is_pursued()) else {
            return;
        };
        attempt.tries += 1;
        let (key, tries, state) = (attempt.key, attempt.tries, attempt.state);
        let (provider, open_by) = (attempt.order.provider, attempt.order.open_by);
        self.alarms.set(Alarm::Attempt(job), now.after(backoff(tries)));
        match state {
            AttemptState::Proposed if now > open_by => self.drop_attempt(job, None, now, out),
            AttemptState::Proposed => {
                let order = self.client.attempts[&job].order.signed().clone();
                self.say(provider, Propose { order }, out);
            }
            AttemptState::Opening if now > open_by.after(CERTAIN_AFTER) => self.pursue_close(job, out),
            AttemptState::Opening if self.client.is_cancelled(key) => self.pursue_close(job, out),
            AttemptState::Opening => self.send_open(job, out),
            AttemptState::Running | AttemptState::Delivered | AttemptState::Failed(_) => {
                self.pursue(job, out)
            }
            AttemptState::Closed(_) => self.pursue_result(job, out),
            AttemptState::Refused(_) | AttemptState::Unanswered | AttemptState::Cancelled => {}
        }
    }

    /// Pursues a job that holds money: the result from the provider, the close from the notary.
    fn pursue(&mut self, job: JobId, out: &mut Effects) {
        // A provider that is asked for a result that nobody wants would begin to work for it.
        if !self.send_cancel(job, out) {
            self.pursue_result(job, out);
        }
        self.object(job, out);
        self.pursue_close(job, out);
    }

    /// Pursues the close of a job at the notary, and its receipt. Its ticket need not have come: that, the close and a
    /// receipt can each be lost.
    fn pursue_close(&mut self, job: JobId, out: &mut Effects) {
        let Some(attempt) = self.client.attempts.get(&job) else { return };
        let notary = attempt.order.notary;
        if let Some((_, receipt)) = attempt.closing {
            out.push(Effect::Fetch { digest: receipt, from: [notary].into() });
        }
        // A notary that was restarted serves an old receipt only to those who ask after the job.
        let _ = self.ask(notary, Some(job), out);
    }

    /// Asks the provider for a result that is not here yet.
    fn pursue_result(&mut self, job: JobId, out: &mut Effects) {
        let Some(attempt) = self.client.attempts.get(&job).filter(|attempt| attempt.output.is_none()) else {
            return;
        };
        let provider = attempt.order.provider;
        let failed = matches!(attempt.state, AttemptState::Failed(_));
        match (&attempt.delivering, &attempt.ticket) {
            (Some(deliver), _) => {
                let digest = deliver.output;
                out.push(Effect::Fetch { digest, from: [provider].into() });
            }
            (None, Some(ticket)) if !failed => {
                let ticket = ticket.signed().clone();
                self.say(provider, Start { ticket }, out);
            }
            (None, _) => {}
        }
    }

    fn send_open(&mut self, job: JobId, out: &mut Effects) {
        let Some(attempt) = self.client.attempts.get(&job) else { return };
        if let Some(open) = attempt.open.clone() {
            out.push(Effect::Send { to: attempt.order.notary, message: open.recall().into() });
        }
    }

    /// An attempt of this client, if this peer is its provider or its notary.
    fn attempt_of(&self, job: JobId, by: PeerId) -> Option<&Attempt> {
        let attempt = self.client.attempts.get(&job)?;
        (attempt.order.provider == by || attempt.order.notary == by).then_some(attempt)
    }

    pub(in crate::node) fn on_accept(
        &mut self,
        accept: &Verified<Accept>,
        now: Timestamp,
        out: &mut Effects,
    ) {
        let job = accept.job;
        let Some(attempt) = self.attempt_of(job, accept.signer()) else { return };
        let fits = accept.signer() == attempt.order.provider && accept.class == attempt.order.class;
        if attempt.state != AttemptState::Proposed || !fits {
            return;
        }
        let open = Open { order: attempt.order.signed().clone(), accept: accept.signed().clone() };
        let open = Signed::seal(open, &self.signer, self.network).into_signed();
        self.keep_client(ClientRecord::Agreed { open }, out);
        self.send_open(job, out);
        self.alarms.set(Alarm::Attempt(job), now.after(backoff(0)));
    }

    pub(in crate::node) fn on_refuse(
        &mut self,
        refuse: &Verified<Refuse>,
        now: Timestamp,
        out: &mut Effects,
    ) {
        let by = refuse.signer();
        let Some(attempt) = self.attempt_of(refuse.job, by) else { return };
        let (key, state, notary) = (attempt.key, attempt.state, attempt.order.notary);
        let by_provider = state == AttemptState::Proposed && by == attempt.order.provider;
        let by_notary = state == AttemptState::Opening && by == notary;
        let on_dispute = by == notary && matches!(refuse.reason, Refusal::Late | Refusal::Funds);
        if on_dispute && self.on_dispute_refused(refuse.job, refuse.reason, out) {
            return;
        }
        if !by_provider && !by_notary {
            return;
        }
        out.push(Effect::Tell(Event::Refused { key, job: refuse.job, by, reason: refuse.reason }));
        if refuse.reason == Refusal::Nonce {
            self.find_opened(key, out);
        }
        self.drop_attempt(refuse.job, Some(refuse.reason), now, out);
    }

    /// Asks after every earlier attempt that the notary may have opened after all.
    fn find_opened(&mut self, key: Digest, out: &mut Effects) {
        let Some(submitted) = self.client.submissions.get(&key) else { return };
        let jobs: Vec<JobId> = submitted.attempts.iter().chain(&submitted.waived).copied().collect();
        for job in jobs {
            let attempt = self.client.attempts.get(&job).filter(|attempt| attempt.open.is_some());
            if let Some(notary) = attempt.map(|attempt| attempt.order.notary) {
                let _ = self.ask(notary, Some(job), out);
            }
        }
    }

    /// Ends an attempt that holds no money, and looks for another provider.
    fn drop_attempt(&mut self, job: JobId, reason: Option<Refusal>, now: Timestamp, out: &mut Effects) {
        let Some(attempt) = self.client.attempts.get(&job) else { return };
        let (key, provider) = (attempt.key, attempt.order.provider);
        self.keep_client(ClientRecord::Dropped { job, reason }, out);
        self.alarms.clear(Alarm::Attempt(job));
        if reason.is_some_and(super::is_passing) {
            self.client.rest(key, provider, now);
        }
        self.seek_or_end(key, now, out);
    }

    pub(in crate::node) fn on_ticket(
        &mut self,
        ticket: &Verified<Ticket>,
        now: Timestamp,
        out: &mut Effects,
    ) {
        let Some(attempt) = self.attempt_of(ticket.job, ticket.signer()) else { return };
        let expected = Ticket::new(&self.config.genesis, &attempt.order, ticket.standing);
        let shown = attempt.open.is_some() && attempt.ticket.is_none();
        if ticket.signer() != attempt.order.notary || !shown || **ticket != expected {
            return;
        }
        let (key, job, provider) = (attempt.key, ticket.job, attempt.order.provider);
        self.keep_client(ClientRecord::Ticketed(ticket.signed().clone()), out);
        if let Some(attempt) = self.client.attempts.get_mut(&job) {
            attempt.started = Some(now);
        }
        out.push(Effect::Tell(Event::Opened { key, job, rate: ticket.rate }));
        if self.send_cancel(job, out) {
            out.push(Effect::Tell(Event::Cancelling { key, job }));
        } else {
            self.serve_provider(job, out);
            self.say(provider, Start { ticket: ticket.signed().clone() }, out);
        }
        self.alarms.clear(Alarm::Submission(key));
        self.alarms.set(Alarm::Attempt(job), now.after(backoff(1)));
    }

    /// Lets the provider fetch the input, once the money is held.
    pub(super) fn serve_provider(&mut self, job: JobId, out: &mut Effects) {
        let Some(attempt) = self.client.attempts.get(&job).filter(|attempt| attempt.ticket.is_some()) else {
            return;
        };
        out.push(Effect::Serve { digest: attempt.order.input_commit, to: attempt.order.provider });
    }

    /// A verifier shows that it was asked to check a job of this client: it may have the input.
    pub(in crate::node) fn serve_checker(&self, check: &Verified<Check>, out: &mut Effects) {
        let Some(attempt) = self.attempt_of(check.job, check.signer()) else { return };
        // Nobody checks what is not claimed: before that, whoever asks wants to read the input.
        if attempt.is_claimed()
            && check.signer() == attempt.order.notary
            && check.input_commit == attempt.order.input_commit
        {
            out.push(Effect::Serve { digest: check.input_commit, to: check.verifier });
        }
    }

    pub(in crate::node) fn on_deliver(&mut self, deliver: &Verified<Deliver>, out: &mut Effects) {
        let Ok(claim) = deliver.claim.clone().open::<S::Scheme>(self.network) else { return };
        let Some(attempt) = self.client.attempts.get(&claim.job) else { return };
        let provider = attempt.order.provider;
        let by_provider = claim.signer() == provider && deliver.signer() == provider;
        let fits = claim.units <= attempt.order.units_max && claim.opens_to(&deliver.leaf, deliver.evidence);
        if !by_provider || !fits || attempt.ticket.is_none() {
            return;
        }
        self.note_claim(&claim, out);
        let Some(attempt) = self.client.attempts.get_mut(&claim.job).filter(|at| at.output.is_none()) else {
            return;
        };
        attempt.delivering = Some(deliver.clone());
        self.client.awaited.entry(deliver.output).or_default().insert(claim.job);
        out.push(Effect::Fetch { digest: deliver.output, from: [provider].into() });
    }

    pub(in crate::node) fn on_abort(&mut self, abort: &Verified<Abort>, out: &mut Effects) {
        let (job, reason) = (abort.job, abort.reason);
        let Some(attempt) = self.attempt_of(job, abort.signer()) else { return };
        if attempt.state != AttemptState::Running || abort.signer() != attempt.order.provider {
            return;
        }
        let (key, notary) = (attempt.key, attempt.order.notary);
        self.keep_client(ClientRecord::Failed { job, reason }, out);
        out.push(Effect::Tell(Event::Aborted { key, job, reason }));
        let _ = self.ask(notary, Some(job), out);
    }

    pub(in crate::node) fn on_client_notice(
        &mut self,
        notice: &Verified<Notice>,
        now: Timestamp,
        out: &mut Effects,
    ) {
        let job = notice.job;
        let Some(attempt) = self.client.attempts.get_mut(&job) else { return };
        let notary = attempt.order.notary;
        if notice.signer() != notary {
            return;
        }
        match notice.event.clone() {
            NoticeEvent::Claimed { position, claim } if attempt.ticket.is_some() => {
                let Ok(claim) = claim.open::<S::Scheme>(self.network) else { return };
                let ticket = attempt.ticket.as_ref().map(|ticket| Ticket::digest(ticket));
                let fits = Some(claim.ticket) == ticket && claim.units <= attempt.order.units_max;
                if claim.signer() != attempt.order.provider || claim.job != job || !fits {
                    return;
                }
                let secret = attempt.secret;
                self.note_claim(&claim, out);
                self.keep_claim(job, out);
                self.say(notary, Reveal { job, position, secret }, out);
            }
            NoticeEvent::Closed { outcome, receipt } if attempt.may_close() => {
                attempt.closing = Some((outcome, receipt));
                self.client.awaited.entry(receipt).or_default().insert(job);
                out.push(Effect::Fetch { digest: receipt, from: [notary].into() });
            }
            NoticeEvent::Unknown if attempt.state == AttemptState::Opening && now > attempt.order.open_by => {
                self.drop_attempt(job, None, now, out);
            }
            NoticeEvent::Disputed => self.on_disputed(job, out),
            NoticeEvent::Claimed { .. }
            | NoticeEvent::Cancelled
            | NoticeEvent::Closed { .. }
            | NoticeEvent::Open { .. }
            | NoticeEvent::Unknown => {}
        }
    }

    /// Takes a blob that an attempt waits for: its output or its receipt.
    pub(in crate::node) fn on_client_blob(
        &mut self,
        digest: Digest,
        found: Option<Blob>,
        now: Timestamp,
        out: &mut Effects,
    ) {
        let Some(blob) = found else { return };
        for job in self.client.awaited.remove(&digest).unwrap_or_default() {
            self.take_output(job, digest, blob, now, out);
            let Some(attempt) = self.client.attempts.get(&job) else { continue };
            let key = attempt.key;
            if let Some((outcome, receipt)) = attempt.closing.filter(|(_, receipt)| *receipt == digest) {
                self.close_attempt(job, key, outcome, receipt, now, out);
            }
        }
    }

    /// Takes an output that was fetched, if it is what was claimed.
    fn take_output(&mut self, job: JobId, digest: Digest, blob: Blob, now: Timestamp, out: &mut Effects) {
        let Some(attempt) = self.client.attempts.get(&job) else { return };
        let (key, timing) = (attempt.key, attempt.timing(now));
        let delivered =
            |deliver: &&Verified<Deliver>| deliver.output == digest && deliver.leaf.output_root == blob.root;
        if let Some(deliver) = attempt.delivering.as_ref().filter(delivered).cloned() {
            self.keep_client(ClientRecord::Delivered { deliver: deliver.into_signed(), timing }, out);
            out.push(Effect::Tell(Event::Delivered { key, job, output: digest }));
        }
    }

    fn close_attempt(
        &mut self,
        job: JobId,
        key: Digest,
        outcome: Outcome,
        receipt: Digest,
        now: Timestamp,
        out: &mut Effects,
    ) {
        self.end_doubt(job, outcome, out);
        self.keep_client(ClientRecord::Closed { job, outcome, receipt }, out);
        if let Some(attempt) = self.client.attempts.get_mut(&job) {
            attempt.tries = 0;
        }
        self.alarms.set(Alarm::Attempt(job), now.after(backoff(0)));
        out.push(Effect::Tell(Event::Closed { key, job, outcome, receipt }));
        if let Some(attempt) = self.client.attempts.get(&job) {
            let (digest, to) = (attempt.order.input_commit, attempt.order.provider);
            out.push(Effect::StopServing { digest, to });
        }
        if !outcome.is_paid() {
            self.seek_again(key, now, out);
        }
    }

    /// After a refund another provider is looked for, for as long as that takes.
    fn seek_again(&mut self, key: Digest, now: Timestamp, out: &mut Effects) {
        if let Some(submitted) = self.client.submissions.get_mut(&key) {
            submitted.seeks_since = None;
        }
        self.seek_or_end(key, now, out);
    }

    /// A provider cannot be reached: after a few tries another one is asked.
    pub(in crate::node) fn on_unreachable(&mut self, to: PeerId, now: Timestamp, out: &mut Effects) {
        let waiting =
            self.client.attempts.iter_mut().filter(|(_, attempt)| {
                attempt.order.provider == to && attempt.state == AttemptState::Proposed
            });
        let mut lost = Vec::new();
        for (job, attempt) in waiting {
            attempt.undelivered += 1;
            if attempt.undelivered >= UNDELIVERED_MAX {
                lost.push(*job);
            }
        }
        lost.into_iter().for_each(|job| self.drop_attempt(job, None, now, out));
    }
}
