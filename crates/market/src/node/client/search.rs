//! The search for a provider: a wish is taken, an offer chosen, an order signed and shown to its provider.
//!
//! **Invariant:** an order is saved with its secret before anybody sees it; one submission has at most one order open.

use assay_protocol::{
    id::Digest,
    order::{Propose, Refusal, secret_commit},
    signed::Signer,
    units::Duration,
};

use super::{Client, choice::Choice};
use crate::{
    event::Event,
    node::{
        alarms::{Alarm, RESEND_FIRST},
        context::Context,
        heard::{Fault, Heard},
    },
    record::ClientRecord,
    submission::{Submission, Unmatched},
};

/// How long a submission waits for a first offer, or for a busy provider.
pub(super) const MATCH_TIME: Duration = Duration::seconds(30);
/// How often it looks again.
const MATCH_PAUSE: Duration = Duration(500);
/// Orders for one submission, refused ones included.
const ORDERS_MAX: usize = 32;
/// Orders for one submission, those that met a busy provider included.
const ASKED_MAX: usize = 512;

impl Client {
    /// Takes a user's wish; the same key again is the same wish.
    pub(super) fn submit<S: Signer>(&mut self, submission: &Submission, cx: &mut Context<'_, S>) -> Heard {
        let key = submission.key;
        if self.knows(key) {
            return Heard::Taken;
        }
        if self.is_full() {
            cx.tell(Event::NotSubmitted { key });
            return Heard::Misstep(Fault::Crowded);
        }
        let until = submission.until;
        self.keep(ClientRecord::Submitted(submission.clone()), cx);
        cx.hold(key, submission.input_commit);
        if let Some(until) = until {
            cx.set(Alarm::Deadline(key), until);
        }
        self.seek(key, cx);
        Heard::Taken
    }

    /// Looks for a provider, and looks again in a while if there is none.
    pub(in crate::node) fn seek<S: Signer>(&mut self, key: Digest, cx: &mut Context<'_, S>) {
        if self.is_served(key) {
            return;
        }
        let waits = self.waits_for_lane(key) && !self.has_lane(cx.outlook());
        let Some(submitted) = self.submissions.get_mut(&key).filter(|submitted| !submitted.ended) else {
            return;
        };
        if waits {
            return self.queue.push_back(key);
        }
        if cx.notary_in_use().is_none() {
            submitted.refusal = Some(Refusal::Notary);
            return self.give_up(key, Unmatched::default(), cx);
        }
        let since = *submitted.seeks_since.get_or_insert(cx.now);
        let again = cx.now.after(MATCH_PAUSE);
        if introduce(cx.now < since.after(MATCH_TIME), cx) {
            return cx.set(Alarm::Submission(key), again);
        }
        let spent = self.is_spent(key);
        let (choice, passed) = self.best_offer(key, cx.outlook());
        let unmatched = passed.counts.clone();
        if let Some(submitted) = self.submissions.get_mut(&key) {
            submitted.passed = Some(passed);
        }
        match choice {
            Some(choice) if !spent => self.propose(key, choice, cx),
            Some(_) => self.give_up(key, Unmatched::default(), cx),
            None if spent || cx.now >= since.after(self.patience(key, &unmatched, cx.outlook())) => {
                self.give_up(key, unmatched, cx);
            }
            None => cx.set(Alarm::Submission(key), again),
        }
    }

    /// Looks at once for all that have no order under way.
    pub(in crate::node) fn look_again<S: Signer>(&self, cx: &mut Context<'_, S>) {
        self.seeking().into_iter().for_each(|key| cx.set(Alarm::Submission(key), cx.now));
    }

    /// Looks for a provider for those that waited for a lane, while there is one.
    pub(in crate::node) fn serve_queue<S: Signer>(&mut self, cx: &mut Context<'_, S>) {
        while !self.queue.is_empty() && self.has_lane(cx.outlook()) {
            let next = self.queue.pop_front();
            // Whoever has a lane meanwhile is looked for already.
            if let Some(key) = next.filter(|key| self.waits_for_lane(*key)) {
                self.seek(key, cx);
            }
        }
    }

    /// True once as many attempts were opened as the user wants. An order that was refused held no money and only cost
    /// time, so there is a bound of its own on those.
    fn is_spent(&self, key: Digest) -> bool {
        let Some(submitted) = self.submissions.get(&key) else { return true };
        let attempts = submitted.attempts.iter().filter_map(|job| self.attempts.get(job));
        let opened = attempts.filter(|attempt| attempt.ticket.is_some()).count();
        opened >= usize::from(submitted.submission.attempts_max.max(1))
            || submitted.attempts.len() >= ORDERS_MAX
            || submitted.orders >= ASKED_MAX
    }

    fn give_up<S: Signer>(&mut self, key: Digest, mut unmatched: Unmatched, cx: &mut Context<'_, S>) {
        let Some(submitted) = self.submissions.get_mut(&key) else { return };
        (unmatched.refusal, unmatched.failure) = (submitted.refusal, submitted.failure);
        submitted.unmatched = Some(unmatched.clone());
        self.keep(ClientRecord::Ended { key }, cx);
        cx.tell(Event::Failed { key, reason: unmatched });
    }

    fn propose<S: Signer>(&mut self, key: Digest, choice: Choice, cx: &mut Context<'_, S>) {
        let Choice { mut order, promised } = choice;
        let secret = cx.secret("client secret", order.id());
        order.secret_commit = secret_commit(secret.as_bytes());
        let (provider, price) = (order.provider, order.price().unwrap_or_default());
        let job = order.id();
        let order = cx.seal(order);
        self.keep(ClientRecord::Ordered { key, order: (&order).into(), secret }, cx);
        if let Some(attempt) = self.attempts.get_mut(&job) {
            attempt.promised = Some(promised);
        }
        cx.tell(Event::Proposed { key, job, provider, price });
        cx.say(provider, Propose { order: order.into_signed() });
        cx.set(Alarm::Attempt(job), cx.now.after(RESEND_FIRST));
    }
}

/// A notary opens an account at the first question, so one is asked before the first order. True while the answer is
/// worth waiting for.
fn introduce<S: Signer>(waiting: bool, cx: &mut Context<'_, S>) -> bool {
    let Some(notary) = cx.notary_in_use() else { return false };
    let unknown = waiting && cx.notaries.account(notary).is_none();
    if unknown {
        let _ = cx.ask(notary, None);
    }
    unknown
}
