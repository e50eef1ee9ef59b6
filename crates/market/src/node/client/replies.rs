//! What a client does about what it hears of an attempt.
//!
//! **Invariant:** a provider's word counts where it is that attempt's provider, a notary's where it is its notary.

use alloc::{boxed::Box, vec::Vec};

use assay_protocol::{
    check::Check,
    claim::{Deliver, Reveal, Written},
    id::{Digest, JobId, PeerId},
    merkle,
    notice::{Notice, NoticeEvent},
    order::{Abort, Accept, Failure, Open, Refusal, Refuse},
    signed::{Signer, Verified},
    ticket::{Start, Ticket},
    units::{Duration, Timestamp},
};

use super::{Attempt, Client, belongings::untaken, search::ANSWER_TIME};
use crate::{
    event::Event,
    input::{Blob, Proven, Uncollected},
    node::{
        alarms::{Alarm, backoff},
        context::Context,
        heard::{Fault, Heard},
    },
    record::ClientRecord,
    submission::Unmatched,
    view::AttemptState,
};

/// Tries that may fail to reach a provider before another one is asked.
const UNDELIVERED_MAX: u32 = 3;
/// The latest answer counts for one part in this many of the usual time.
const ANSWER_PARTS: u64 = 4;
/// A receipt that was not to be had is looked for again as soon as after so many tries.
const COLLECT_TRIES: u32 = 2;

impl Client {
    pub(super) fn on_accept<S: Signer>(
        &mut self,
        accept: &Verified<Accept>,
        cx: &mut Context<'_, S>,
    ) -> Heard {
        let job = accept.job;
        let attempt = match self.attempt_of(job, accept.signer()) {
            Ok(attempt) => attempt,
            Err(heard) => return heard,
        };
        if accept.signer() != attempt.order.provider {
            return Heard::Misstep(Fault::Stranger);
        }
        if accept.class != attempt.order.class {
            return Heard::Misstep(Fault::Contrary);
        }
        if attempt.state != AttemptState::Proposed {
            return Heard::Misstep(Fault::Untimely);
        }
        let key = attempt.key;
        let open = Open { order: attempt.order.signed().clone(), accept: accept.signed().clone() };
        let open = cx.seal(open).into();
        self.note_answer(job, cx.now);
        self.keep(ClientRecord::Agreed { open }, cx);
        self.attempts.get_mut(&job).into_iter().for_each(|attempt| attempt.starts_in = accept.starts_in);
        self.stop_seeking(key, cx);
        self.drop_others(key, job, cx);
        self.send_open(job, cx);
        cx.set(Alarm::Attempt(job), cx.now.after(backoff(0)));
        Heard::Taken
    }

    /// Notes how long a provider took to answer.
    fn note_answer(&mut self, job: JobId, now: Timestamp) {
        let Some(attempt) = self.attempts.get(&job) else { return };
        let Some(asked) = attempt.asked else { return };
        let took = now.since(asked);
        let mixed = |usual: Duration| Duration((usual.0 * (ANSWER_PARTS - 1) + took.0) / ANSWER_PARTS);
        self.answered_after = Some(self.answered_after.map_or(took, mixed));
        if attempt.tries == 0 {
            self.answers_in = Some(self.answers_in.map_or(took, mixed));
        }
    }

    /// Lets go of those who were asked as well: who had time enough to answer was silent, the others are only not needed.
    fn drop_others<S: Signer>(&mut self, key: Digest, taken: JobId, cx: &mut Context<'_, S>) {
        let Some(submitted) = self.submissions.get(&key) else { return };
        let proposed = |job: &&JobId| {
            let attempt = self.attempts.get(*job);
            attempt.is_some_and(|attempt| attempt.state == AttemptState::Proposed) && **job != taken
        };
        let others: Vec<JobId> = submitted.attempts.iter().filter(proposed).copied().collect();
        let asked_too: Vec<PeerId> =
            others.iter().filter_map(|job| Some(self.attempts.get(job)?.order.provider)).collect();
        let silent_after = self.answer_time().max(ANSWER_TIME);
        for job in others {
            let asked = self.attempts.get(&job).and_then(|attempt| attempt.asked);
            let silent = asked.is_some_and(|asked| cx.now.since(asked) >= silent_after);
            let reason = (!silent).then_some(Refusal::Busy);
            if silent && self.attempts.get(&job).is_some_and(|attempt| attempt.of_lot) {
                self.lot.note(true, cx.now);
            }
            let provider = self.attempts.get(&job).map(|attempt| attempt.order.provider);
            self.keep(ClientRecord::Dropped { job, reason }, cx);
            cx.alarms.clear(Alarm::Attempt(job));
            // Where much is lost everybody is silent now and then: it may be asked again for this job.
            if let (Some(submitted), Some(provider)) = (self.submissions.get_mut(&key), provider) {
                submitted.excluded.remove(&provider);
            }
        }
        asked_too.into_iter().for_each(|provider| self.use_room(provider, cx));
    }

    pub(super) fn on_refuse<S: Signer>(
        &mut self,
        refuse: &Verified<Refuse>,
        cx: &mut Context<'_, S>,
    ) -> Heard {
        let (job, by, reason) = (refuse.job, refuse.signer(), refuse.reason);
        let attempt = match self.attempt_of(job, by) {
            Ok(attempt) => attempt,
            Err(heard) => return heard,
        };
        let (key, state, notary) = (attempt.key, attempt.state, attempt.order.notary);
        let by_provider = state == AttemptState::Proposed && by == attempt.order.provider;
        let by_notary = state == AttemptState::Opening && by == notary;
        let on_dispute = by == notary && reason == Refusal::Late;
        if on_dispute && self.on_dispute_refused(job, cx) {
            return Heard::Taken;
        }
        if !by_provider && !by_notary {
            return Heard::Misstep(Fault::Untimely);
        }
        cx.tell(Event::Refused { key, job, by, reason });
        if reason == Refusal::Nonce {
            self.find_opened(key, cx);
        }
        self.drop_attempt(job, Some(reason), cx);
        Heard::Taken
    }

    /// Asks after every earlier attempt that the notary may have opened after all.
    fn find_opened<S: Signer>(&self, key: Digest, cx: &mut Context<'_, S>) {
        let Some(submitted) = self.submissions.get(&key) else { return };
        for job in submitted.attempts.iter().chain(&submitted.waived) {
            if let Some(attempt) = self.attempts.get(job).filter(|attempt| attempt.open.is_some()) {
                let _ = cx.ask(attempt.order.notary, Some(*job));
            }
        }
    }

    pub(super) fn on_ticket<S: Signer>(
        &mut self,
        ticket: &Verified<Ticket>,
        cx: &mut Context<'_, S>,
    ) -> Heard {
        let job = ticket.job;
        let attempt = match self.attempt_of(job, ticket.signer()) {
            Ok(attempt) => attempt,
            Err(heard) => return heard,
        };
        if ticket.signer() != attempt.order.notary {
            return Heard::Misstep(Fault::Stranger);
        }
        if !attempt.awaits_ticket() {
            return Heard::Misstep(Fault::Untimely);
        }
        if **ticket != Ticket::for_job(job, cx.odds, cx.genesis, &attempt.order, ticket.standing) {
            return Heard::Misstep(Fault::Contrary);
        }
        let (key, provider, order) = (attempt.key, attempt.order.provider, attempt.order.signed().clone());
        cx.compare_clocks(ticket.signer(), ticket.standing.opened);
        cx.notaries.note_round(ticket.signer(), ticket.standing.round, cx.genesis);
        self.keep(ClientRecord::Ticketed(ticket.into()), cx);
        let input_bytes = self.submissions.get(&key).map_or(0, |of| of.submission.input_bytes);
        if let Some(attempt) = self.attempts.get_mut(&job) {
            attempt.started = Some(cx.now);
            attempt.await_life(input_bytes, self.answered_after, cx.now);
        }
        cx.tell(Event::Opened { key, job, rate: ticket.rate });
        if self.send_cancel(job, cx) {
            cx.tell(Event::Cancelling { key, job });
        } else {
            self.serve_provider(job, cx);
            cx.say(provider, Start { order, ticket: ticket.signed().clone() });
        }
        self.stop_seeking(key, cx);
        self.drop_others(key, job, cx);
        cx.set(Alarm::Attempt(job), cx.now.after(backoff(1)));
        Heard::Taken
    }

    /// A verifier shows that it was asked to check a job of this client: it may have the input.
    pub(super) fn on_check<S: Signer>(&self, check: &Verified<Check>, cx: &mut Context<'_, S>) -> Heard {
        let Some(attempt) = self.attempts.get(&check.job) else { return Heard::NotMine };
        if check.signer() != attempt.order.notary {
            return Heard::Misstep(Fault::Stranger);
        }
        // Nobody checks what is not claimed: before that, whoever asks wants to read the input.
        if !attempt.committed {
            return Heard::Misstep(Fault::Untimely);
        }
        if check.input_commit != attempt.order.input_commit {
            return Heard::Misstep(Fault::Contrary);
        }
        cx.serve(check.job, check.input_commit, check.verifier);
        // Where nothing is proven by an output alone, a verifier may run along it.
        let along = attempt.output_here().filter(|_| attempt.order.manifest.policy.is_proven_by_rows());
        if let Some(output) = along {
            cx.serve(check.job, output, check.verifier);
        }
        Heard::Taken
    }

    pub(super) fn on_deliver<S: Signer>(
        &mut self,
        deliver: &Verified<Deliver>,
        cx: &mut Context<'_, S>,
    ) -> Heard {
        let claim = deliver.claim().to_verified();
        let job = claim.job;
        let Some(attempt) = self.attempts.get(&job) else { return Heard::NotMine };
        let provider = attempt.order.provider;
        if claim.signer() != provider || deliver.signer() != provider {
            return Heard::Misstep(Fault::Stranger);
        }
        let fits = claim.units <= attempt.order.units_max && claim.opens_to(&deliver.leaf, deliver.evidence);
        if !fits {
            return Heard::Misstep(Fault::Contrary);
        }
        if attempt.ticket.is_none() {
            return Heard::Misstep(Fault::Untimely);
        }
        // Only the claim in the books is paid for: what another one says is nobody's result.
        if attempt.bound.is_some_and(|bound| bound != claim.digest()) {
            return Heard::Misstep(Fault::Contrary);
        }
        self.note_commitment(job, claim.end, cx);
        self.note_leaf(job, deliver);
        self.contradict(job, cx);
        let Some(attempt) = self.attempts.get_mut(&job).filter(|attempt| attempt.output.is_none()) else {
            return Heard::Taken;
        };
        // One fetch at a time: whoever names another output each time has the last of them looked at, and no more.
        let busy = attempt.fetches || attempt.is_here;
        if busy && attempt.delivering.as_ref().is_some_and(|known| known.leaf.written != deliver.leaf.written)
        {
            return Heard::Misstep(Fault::Untimely);
        }
        attempt.delivering = Some(deliver.clone());
        attempt.fetch(job, cx);
        Heard::Taken
    }

    pub(super) fn on_abort<S: Signer>(&mut self, abort: &Verified<Abort>, cx: &mut Context<'_, S>) -> Heard {
        let (job, reason) = (abort.job, abort.reason);
        let attempt = match self.attempt_of(job, abort.signer()) {
            Ok(attempt) => attempt,
            Err(heard) => return heard,
        };
        if abort.signer() != attempt.order.provider {
            return Heard::Misstep(Fault::Stranger);
        }
        if attempt.state != AttemptState::Running {
            return Heard::Misstep(Fault::Untimely);
        }
        let (key, notary, provider) = (attempt.key, attempt.order.notary, attempt.order.provider);
        self.keep(ClientRecord::Failed { job, reason }, cx);
        cx.tell(Event::Aborted { key, job, reason });
        let _ = cx.ask(notary, Some(job));
        if reason != Failure::Busy {
            self.make_room(provider, cx);
        }
        Heard::Taken
    }

    pub(super) fn on_notice<S: Signer>(
        &mut self,
        notice: &Verified<Notice>,
        cx: &mut Context<'_, S>,
    ) -> Heard {
        let job = notice.job;
        let Some(attempt) = self.attempts.get_mut(&job) else { return Heard::NotMine };
        let notary = attempt.order.notary;
        if notice.signer() != notary {
            return Heard::Misstep(Fault::Stranger);
        }
        match &notice.event {
            NoticeEvent::Claimed { position, .. } => return self.on_claimed(notice, *position, cx),
            NoticeEvent::Closed { outcome, receipt } if attempt.may_close() => {
                if !attempt.collects {
                    attempt.closing = Some((*outcome, *receipt));
                }
                attempt.collect(job, cx);
            }
            NoticeEvent::Unknown
                if attempt.state == AttemptState::Opening && cx.now > attempt.order.open_by =>
            {
                self.drop_attempt(job, None, cx);
            }
            NoticeEvent::Disputed => self.on_disputed(job, cx),
            NoticeEvent::Cancelled
            | NoticeEvent::Closed { .. }
            | NoticeEvent::Open { .. }
            | NoticeEvent::Unknown
            | NoticeEvent::Overdue => {}
        }
        Heard::Taken
    }

    /// The notary shows the claim: the client answers with its secret.
    fn on_claimed<S: Signer>(
        &mut self,
        notice: &Verified<Notice>,
        position: u64,
        cx: &mut Context<'_, S>,
    ) -> Heard {
        let job = notice.job;
        let (Some(attempt), Some(claim)) = (self.attempts.get(&job), notice.claim()) else {
            return Heard::NotMine;
        };
        let claim = claim.to_verified();
        let Some(ticket) = attempt.ticket.as_ref().map(|ticket| Ticket::digest(ticket)) else {
            return Heard::Misstep(Fault::Untimely);
        };
        let fits = claim.ticket == ticket && claim.units <= attempt.order.units_max;
        if claim.signer() != attempt.order.provider || claim.job != job || !fits {
            return Heard::Misstep(Fault::Contrary);
        }
        if attempt.bound.is_some_and(|bound| bound != claim.digest()) {
            return Heard::Misstep(Fault::Contrary);
        }
        let (notary, secret, known) = (attempt.order.notary, attempt.secret, attempt.bound.is_some());
        self.note_commitment(job, claim.end, cx);
        if !known {
            self.keep(ClientRecord::Claimed(claim.into()), cx);
            self.seek_rest(job, cx);
        }
        if !self.contradict(job, cx) {
            cx.say(notary, Reveal { job, position, secret });
        }
        if self.attempts.get(&job).is_some_and(|attempt| attempt.close_due.is_none()) {
            self.await_close(job, cx);
        }
        self.take_result(job, cx);
        Heard::Taken
    }

    /// An output that was fetched is here: it waits for the claim in the books, if it is what its own claim says.
    pub(super) fn on_output<S: Signer>(
        &mut self,
        job: JobId,
        digest: Digest,
        found: Option<Blob>,
        cx: &mut Context<'_, S>,
    ) -> Heard {
        let Some(attempt) = self.attempts.get_mut(&job) else { return Heard::NotMine };
        let Some(deliver) = attempt.delivering.clone().filter(|deliver| deliver.leaf.written.blob == digest)
        else {
            return Heard::Misstep(Fault::Untimely);
        };
        attempt.fetches = false;
        let Some(blob) = found else { return Heard::Taken };
        let Written { root, records, .. } = deliver.leaf.written;
        if (root, records) != (blob.root, merkle::count(blob.bytes, merkle::RECORD_BYTES)) {
            attempt.delivering = None;
            return Heard::Misstep(Fault::Contrary);
        }
        attempt.is_here = true;
        self.take_result(job, cx);
        Heard::Taken
    }

    /// Takes an output that is here, once its claim is known to be the one in the books; drops that of another.
    fn take_result<S: Signer>(&mut self, job: JobId, cx: &mut Context<'_, S>) {
        let Some(attempt) = self.attempts.get_mut(&job).filter(|attempt| attempt.output.is_none()) else {
            return;
        };
        let (Some(bound), Some(deliver)) = (attempt.bound, attempt.delivering.clone()) else { return };
        if deliver.claim().to_verified().digest() != bound {
            (attempt.delivering, attempt.is_here, attempt.fetches) = (None, false, false);
            return;
        }
        if !attempt.is_here {
            return;
        }
        let (key, timing, digest) = (attempt.key, attempt.timing(cx.now), deliver.leaf.written.blob);
        let provider = attempt.order.provider;
        self.keep(ClientRecord::Delivered { deliver: deliver.into(), timing }, cx);
        cx.hold(untaken(key), digest);
        cx.tell(Event::Delivered { key, job, output: digest });
        // The claim came with it, if no sooner.
        match self.attempts.get(&job).and_then(|attempt| attempt.close_due) {
            Some(due) => cx.set(Alarm::Attempt(job), due.max(cx.now)),
            None => self.await_close(job, cx),
        }
        self.release_job(job, cx);
        self.seek_rest(job, cx);
        self.make_room(provider, cx);
    }

    /// Takes a receipt that was looked for, if it proves what the notary said.
    pub(super) fn on_receipt<S: Signer>(
        &mut self,
        job: JobId,
        digest: Digest,
        found: Result<Proven, Uncollected>,
        cx: &mut Context<'_, S>,
    ) -> Heard {
        let Some(attempt) = self.attempts.get_mut(&job) else { return Heard::NotMine };
        let Some((outcome, _)) = attempt.closing.filter(|(_, receipt)| *receipt == digest) else {
            return Heard::Misstep(Fault::Untimely);
        };
        attempt.collects = false;
        match found {
            Ok(proven) if proven.outcome == outcome => self.close_attempt(job, digest, proven, cx),
            Err(Uncollected::Absent) => {
                attempt.tries = attempt.tries.min(COLLECT_TRIES);
                cx.set(Alarm::Attempt(job), cx.now.after(backoff(attempt.tries)));
            }
            Ok(_) | Err(Uncollected::Refuted) => {
                attempt.closing = None;
                let (key, notary) = (attempt.key, attempt.order.notary);
                if !core::mem::replace(&mut attempt.refuted, true) {
                    cx.tell(Event::ReceiptRefuted { key, job, notary });
                }
                return Heard::Misstep(Fault::Contrary);
            }
        }
        Heard::Taken
    }

    fn close_attempt<S: Signer>(
        &mut self,
        job: JobId,
        receipt: Digest,
        proven: Proven,
        cx: &mut Context<'_, S>,
    ) {
        let Some(attempt) = self.attempts.get(&job) else { return };
        let (key, outcome, provider) = (attempt.key, proven.outcome, attempt.order.provider);
        let is_part = attempt.is_part();
        if attempt.state == AttemptState::Failed(Failure::Busy) {
            self.note_crowd(provider, Refusal::Busy, cx.now);
            self.rest(key, provider, cx.now);
        } else if attempt.of_lot {
            self.lot.note(!outcome.is_paid(), cx.now);
        }
        self.end_doubt(job, outcome, cx);
        self.keep(ClientRecord::Closed { job, receipt, proven }, cx);
        if self.attempts.get(&job).is_some_and(|attempt| attempt.is_pursued()) {
            cx.set(Alarm::Attempt(job), cx.now.after(backoff(0)));
        } else {
            cx.alarms.clear(Alarm::Attempt(job));
        }
        cx.tell(Event::Closed { key, job, outcome, receipt });
        self.take_result(job, cx);
        self.release_job(job, cx);
        self.tell_given_up(key, cx);
        if is_part || !outcome.is_paid() {
            self.seek_again(key, cx);
        }
        self.make_room(provider, cx);
    }

    /// Tells the user that no other machine would make more of a job than those that tried.
    fn tell_given_up<S: Signer>(&mut self, key: Digest, cx: &mut Context<'_, S>) {
        let Some(submitted) = self.submissions.get_mut(&key) else { return };
        if let Some(reason) = submitted.hopeless.filter(|_| submitted.unmatched.is_none()) {
            let unmatched = Unmatched { failure: Some(reason), ..Unmatched::default() };
            submitted.unmatched = Some(unmatched.clone());
            cx.tell(Event::Failed { key, reason: Box::new(unmatched) });
        }
    }

    /// After a refund, or a part, another provider is looked for, for as long as that takes.
    pub(super) fn seek_again<S: Signer>(&mut self, key: Digest, cx: &mut Context<'_, S>) {
        if let Some(submitted) = self.submissions.get_mut(&key) {
            submitted.seeks_since = None;
        }
        self.seek_or_end(key, cx);
    }

    /// A provider cannot be reached: after a few tries another one is asked.
    pub(super) fn on_undelivered<S: Signer>(&mut self, to: PeerId, cx: &mut Context<'_, S>) -> Heard {
        let waits =
            |attempt: &Attempt| attempt.order.provider == to && attempt.state == AttemptState::Proposed;
        let mut lost = Vec::new();
        for (job, attempt) in self.attempts.iter_mut().filter(|(_, attempt)| waits(attempt)) {
            attempt.undelivered += 1;
            if attempt.undelivered >= UNDELIVERED_MAX {
                lost.push(*job);
            }
        }
        lost.into_iter().for_each(|job| self.drop_attempt(job, None, cx));
        Heard::Taken
    }
}
