//! What a client says again until it is answered: to the provider for the result, to the notary for the close.

use alloc::vec::Vec;

use assay_protocol::{
    id::{JobId, PeerId},
    order::{Propose, Refusal},
    signed::Signer,
    ticket::Start,
    units::Duration,
};

use super::{Client, Doubt};
use crate::{
    event::Event,
    node::{
        alarms::{Alarm, until_close},
        context::Context,
        heard::Heard,
    },
    record::ClientRecord,
    submission::is_passing,
    view::AttemptState,
};

/// How long after an order's end the notary's word is awaited that it was never opened.
const CERTAIN_AFTER: Duration = Duration::seconds(5);

impl Client {
    /// Says again what is not answered yet, or ends what can no longer be.
    pub(in crate::node) fn wake_attempt<S: Signer>(&mut self, job: JobId, cx: &mut Context<'_, S>) {
        let Some(attempt) = self.attempts.get_mut(&job).filter(|attempt| attempt.is_pursued()) else {
            return self.release_job(job, cx);
        };
        if attempt.is_lifeless(cx.notaries.heard_at(attempt.order.notary), cx.now) {
            return self.forsake(job, cx);
        }
        attempt.tries += 1;
        let state = attempt.state;
        let (provider, open_by) = (attempt.order.provider, attempt.order.open_by);
        let submitted = self.submissions.get(&attempt.key);
        let cancelling = attempt.forsaken || submitted.is_some_and(|submitted| submitted.cancelled);
        let works = !cancelling && !attempt.is_overdue(cx.now);
        attempt.resumed = false;
        let again = cx.now.after(attempt.pause(cancelling));
        cx.set(Alarm::Attempt(job), attempt.due_before(again, cx.now));
        match state {
            AttemptState::Proposed if cx.now > open_by => self.drop_attempt(job, None, cx),
            AttemptState::Proposed => {
                let order = attempt.order.signed().clone();
                cx.say(provider, Propose { order, standing: cx.own_standing() });
            }
            AttemptState::Opening if cx.now > open_by.after(CERTAIN_AFTER) => self.pursue_close(job, cx),
            AttemptState::Opening if cancelling => self.pursue_close(job, cx),
            AttemptState::Opening => self.send_open(job, cx),
            AttemptState::Running if works => {
                self.pursue_result(job, cx);
                self.ask_beside(job, cx);
            }
            AttemptState::Running | AttemptState::Delivered | AttemptState::Failed(_) => {
                self.pursue(job, cx);
            }
            AttemptState::Closed(_) => self.pursue_result(job, cx),
            AttemptState::Refused(_) | AttemptState::Unanswered | AttemptState::Cancelled => {}
        }
    }

    /// A connection is lost, or there is one again: who runs a job and is out of reach is told of it at once, and while that
    /// lasts in quick succession.
    pub(super) fn on_connection<S: Signer>(
        &mut self,
        to: PeerId,
        is_open: bool,
        cx: &mut Context<'_, S>,
    ) -> Heard {
        let mut parted = Vec::new();
        for (job, attempt) in self.attempts.iter_mut().filter(|(_, attempt)| attempt.order.provider == to) {
            if is_open {
                attempt.parted = None;
            } else if attempt.awaits_life() && attempt.parted.is_none() {
                (attempt.parted, attempt.tries) = (Some(cx.now), 0);
                parted.push(*job);
            }
        }
        parted.iter().for_each(|job| cx.set(Alarm::Attempt(*job), cx.now));
        if parted.is_empty() { Heard::NotMine } else { Heard::Taken }
    }

    /// Asks the notary how a job stands whose provider is out of reach: where it does not answer, it is this peer's own line
    /// that is gone.
    fn ask_beside<S: Signer>(&self, job: JobId, cx: &mut Context<'_, S>) {
        if let Some(attempt) = self.attempts.get(&job).filter(|attempt| attempt.parted.is_some()) {
            let _ = cx.ask(attempt.order.notary, Some(job));
        }
    }

    /// Gives up a job whose provider has the ticket and is not heard of: its money is free again once the notary ends it.
    fn forsake<S: Signer>(&mut self, job: JobId, cx: &mut Context<'_, S>) {
        let Some(key) = self.attempts.get(&job).map(|attempt| attempt.key) else { return };
        self.keep(ClientRecord::Forsaken { job }, cx);
        cx.tell(Event::Cancelling { key, job });
        self.wake_attempt(job, cx);
    }

    /// Takes up an attempt again after a restart: what was said meanwhile was not heard.
    pub(super) fn take_up_again<S: Signer>(&mut self, job: JobId, cx: &mut Context<'_, S>) {
        let answer_time = self.answer_time();
        let Some(attempt) = self.attempts.get_mut(&job) else { return };
        attempt.resumed = true;
        let input_bytes = self.submissions.get(&attempt.key).map_or(0, |of| of.submission.input_bytes);
        if attempt.state == AttemptState::Running {
            attempt.await_life(input_bytes, None, cx.now);
        }
        if attempt.state == AttemptState::Proposed {
            cx.set(Alarm::Submission(attempt.key), cx.now.after(answer_time));
        }
    }

    /// Pursues a job that holds money: the result from the provider, the close from the notary.
    fn pursue<S: Signer>(&mut self, job: JobId, cx: &mut Context<'_, S>) {
        // A provider that is asked for a result that nobody wants would begin to work for it.
        if !self.send_cancel(job, cx) {
            self.pursue_result(job, cx);
        }
        self.object(job, cx);
        self.pursue_close(job, cx);
    }

    /// Pursues the close of a job at the notary, and its receipt. Its ticket need not have come: that, the close and a
    /// receipt can each be lost.
    fn pursue_close<S: Signer>(&mut self, job: JobId, cx: &mut Context<'_, S>) {
        let Some(attempt) = self.attempts.get_mut(&job) else { return };
        let notary = attempt.order.notary;
        attempt.collect(job, cx);
        // A notary that was restarted serves an old receipt only to those who ask after the job.
        let _ = cx.ask(notary, Some(job));
    }

    /// Asks the provider for a result that is not here yet.
    fn pursue_result<S: Signer>(&mut self, job: JobId, cx: &mut Context<'_, S>) {
        let Some(attempt) = self.attempts.get_mut(&job).filter(|attempt| attempt.output.is_none()) else {
            return;
        };
        let provider = attempt.order.provider;
        let failed = matches!(attempt.state, AttemptState::Failed(_));
        match (&attempt.delivering, &attempt.ticket) {
            // The notary's books say whether it is the result.
            (Some(_), _) if attempt.is_here => drop(cx.ask(attempt.order.notary, Some(job))),
            (Some(_), _) => attempt.fetch(job, cx),
            (None, Some(ticket)) if !failed => {
                let (order, ticket) = (attempt.order.signed().clone(), ticket.signed().clone());
                cx.say(provider, Start { order, ticket });
            }
            (None, _) => {}
        }
    }

    pub(super) fn send_open<S: Signer>(&self, job: JobId, cx: &mut Context<'_, S>) {
        let Some(attempt) = self.attempts.get(&job) else { return };
        if let Some(open) = attempt.open.clone() {
            cx.send(attempt.order.notary, open.into_verified());
        }
    }

    /// Ends an attempt that holds no money, and looks for another provider.
    pub(super) fn drop_attempt<S: Signer>(
        &mut self,
        job: JobId,
        reason: Option<Refusal>,
        cx: &mut Context<'_, S>,
    ) {
        let Some(attempt) = self.attempts.get(&job) else { return };
        let (key, provider) = (attempt.key, attempt.order.provider);
        // A stranger that is busy has let nobody down.
        if attempt.of_lot && !reason.is_some_and(is_passing) {
            self.lot.note(true, cx.now);
        }
        self.keep(ClientRecord::Dropped { job, reason }, cx);
        cx.alarms.clear(Alarm::Attempt(job));
        if reason.is_some_and(is_passing) {
            reason.into_iter().for_each(|reason| self.note_crowd(provider, reason, cx.now));
            self.rest(key, provider, cx.now);
        }
        self.seek_or_end(key, cx);
        if !reason.is_some_and(is_passing) {
            self.use_room(provider, cx);
        }
    }

    /// Looks at a job again when its close is due: it was claimed now, and is not drawn.
    pub(super) fn await_close<S: Signer>(&mut self, job: JobId, cx: &mut Context<'_, S>) {
        let tick = cx.genesis.timers.tick;
        let Some(attempt) = self.attempts.get_mut(&job) else { return };
        let window = attempt.ticket.as_ref().map_or(tick, |ticket| ticket.window);
        let due = cx.now.after(until_close(tick, window));
        attempt.close_due = Some(due);
        if attempt.state == AttemptState::Delivered && attempt.doubt != Doubt::Told {
            attempt.tries = 0;
            cx.set(Alarm::Attempt(job), due);
        }
    }

    /// Lets the provider fetch the input, once the money is held.
    pub(super) fn serve_provider<S: Signer>(&self, job: JobId, cx: &mut Context<'_, S>) {
        if let Some(attempt) = self.attempts.get(&job).filter(|attempt| attempt.ticket.is_some()) {
            cx.hold(job, attempt.order.input_commit);
            cx.serve(job, attempt.order.input_commit, attempt.order.provider);
        }
    }
}
