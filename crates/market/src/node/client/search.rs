//! The search for a provider: a wish is taken, an offer chosen, an order signed and shown to its provider.
//!
//! Asking is not opening: where a provider does not answer soon, the next is asked beside it, and the first that agrees is
//! taken. Where no offer can be taken up, the search waits for one to come, for a busy provider's rest to be over, or for its own
//! end, and does nothing in between; but where a provider is wanted that was not heard of, it looks now and then whether others
//! are, which makes its end come sooner.
//!
//! **Invariant:** an order is saved with its secret before anybody sees it; of one submission at most one order is shown to
//! the notary.

use alloc::{boxed::Box, vec::Vec};

use assay_protocol::{
    id::{Digest, JobId, PeerId},
    offer::Offer,
    order::{Propose, Refusal, secret_commit},
    signed::{Signer, Verified},
    units::{Duration, Timestamp},
};

use super::{
    Client,
    choice::{Choice, HEARING_TIME, is_busy, wants_unheard},
};
use crate::{
    event::Event,
    node::{
        alarms::{Alarm, RESEND_FIRST, backoff_after},
        context::Context,
        heard::{Fault, Heard},
    },
    record::ClientRecord,
    submission::{Submission, Unmatched},
    view::AttemptState,
};

/// How long a submission waits for a first offer, or for a busy provider.
pub(super) const MATCH_TIME: Duration = Duration::seconds(30);
/// Orders for one submission, refused ones included.
const ORDERS_MAX: usize = 128;
/// Providers that are asked beside each other.
const BESIDE_MAX: usize = 16;
/// How long the first answer is awaited before the next provider is asked, where nothing is known of how long that takes.
pub(super) const ANSWER_TIME: Duration = Duration::seconds(2);
/// The shortest and the longest that it is awaited: three usual times within these.
const ANSWER_TIMES: [Duration; 2] = [RESEND_FIRST, Duration::seconds(8)];
/// Orders for one submission, those that met a busy provider included.
const ASKED_MAX: usize = 512;

impl Client {
    /// Takes a user's wish; the same key again is the same wish, and no other.
    pub(super) fn submit<S: Signer>(&mut self, submission: &Submission, cx: &mut Context<'_, S>) -> Heard {
        let key = submission.key;
        if let Some(known) = self.content_of(key) {
            let same = known == submission.content;
            return if same { Heard::Taken } else { Heard::Misstep(Fault::Contrary) };
        }
        if self.is_full() {
            cx.tell(Event::NotSubmitted { key, over_day: None });
            return Heard::Misstep(Fault::Crowded);
        }
        let over_day = self.over_day(submission, cx.outlook());
        if over_day.is_some() {
            cx.tell(Event::NotSubmitted { key, over_day });
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

    /// Looks for a provider, and waits for one if there is none; not for what nobody wants any more.
    pub(in crate::node) fn seek<S: Signer>(&mut self, key: Digest, cx: &mut Context<'_, S>) {
        self.stop_seeking(key, cx);
        let Some(asked) = self.asked(key) else { return };
        if asked.len() >= BESIDE_MAX {
            return;
        }
        let waits = self.waits_for_lane(key) && !self.has_lane(cx.outlook());
        let Some(submitted) = self.submissions.get_mut(&key).filter(|of| !of.ended && !of.cancelled) else {
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
        if cx.now < since.after(MATCH_TIME) && introduce(cx) {
            let again = cx.now.after(backoff_after(cx.now.since(since)));
            return cx.set(Alarm::Submission(key), again.min(since.after(MATCH_TIME)));
        }
        let spent = self.is_spent(key);
        if spent && self.awaits_part(key) {
            return;
        }
        let (choice, passed) = self.best_offer(key, cx.outlook());
        let unmatched = passed.counts.clone();
        let until = since.after(self.patience(key, &unmatched, cx.outlook()));
        if let Some(submitted) = self.submissions.get_mut(&key).filter(|_| asked.is_empty()) {
            submitted.passed = Some(passed);
        }
        match choice {
            Some(choice) if !spent => self.propose(key, choice, cx),
            // Those who were asked may answer yet, and others may come.
            _ if !asked.is_empty() => self.await_others(key),
            Some(_) => self.give_up(key, Unmatched::default(), cx),
            None if spent || cx.now >= until => self.give_up(key, unmatched, cx),
            // Nobody will be cheaper for the wait; who is busy may be.
            None if unmatched.busy == 0 && self.over_funds(key, cx.outlook()).is_some() => {
                self.give_up(key, unmatched, cx);
            }
            None => self.await_offer(key, until, cx),
        }
    }

    /// Those who were asked and have not answered; nothing once one of them is to be opened.
    pub(super) fn asked(&self, key: Digest) -> Option<Vec<JobId>> {
        let submitted = self.submissions.get(&key)?;
        let attempts = submitted.attempts.iter().filter_map(|job| Some((job, self.attempts.get(job)?)));
        let open: Vec<_> = attempts.filter(|(_, attempt)| attempt.is_open() && !attempt.is_part()).collect();
        let unanswered = open.iter().all(|(_, attempt)| attempt.state == AttemptState::Proposed);
        unanswered.then(|| open.into_iter().map(|(job, _)| *job).collect())
    }

    /// Takes up an offer that comes beside those who were asked.
    fn await_others(&mut self, key: Digest) {
        if let Some(submitted) = self.submissions.get(&key) {
            self.waiting.insert(submitted.arrival, key);
        }
    }

    /// How long an answer is awaited before the next provider is asked.
    pub(super) fn answer_time(&self) -> Duration {
        let [least, most] = ANSWER_TIMES;
        self.answers_in.map_or(ANSWER_TIME, |usual| usual.times(3).clamp(least, most))
    }

    /// Waits for an offer until then, or until a provider that was busy may be asked again.
    fn await_offer<S: Signer>(&mut self, key: Digest, until: Timestamp, cx: &mut Context<'_, S>) {
        let Some(submitted) = self.submissions.get(&key) else { return };
        self.waiting.insert(submitted.arrival, key);
        let rests = submitted.resting.values().map(|rest| rest.until).filter(|until| *until > cx.now);
        let looks = wants_unheard(&submitted.submission, cx.book).then(|| cx.now.after(HEARING_TIME));
        let eases = self.easing(submitted, cx.book, cx.now);
        cx.set(Alarm::Submission(key), rests.chain(looks).chain(eases).chain([until]).min().unwrap_or(until));
    }

    /// Waits for no offer any more.
    pub(super) fn stop_seeking<S: Signer>(&mut self, key: Digest, cx: &mut Context<'_, S>) {
        if let Some(submitted) = self.submissions.get(&key) {
            self.waiting.remove(&submitted.arrival);
        }
        cx.alarms.clear(Alarm::Submission(key));
    }

    /// True while a submission waits for an offer.
    pub(in crate::node) fn awaits_offers(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// An offer has come: those who wait take it up if it fits, the oldest first. Whom it does not fit knows of one now, and
    /// waits for others no longer than where some are known.
    pub(super) fn on_offer<S: Signer>(&mut self, provider: PeerId, cx: &mut Context<'_, S>) -> Heard {
        let book = cx.book;
        let Some(offer) = book.get(provider) else { return Heard::NotMine };
        let waiting: Vec<Digest> = self.waiting.values().copied().collect();
        for key in waiting {
            let is_rested = self.end_rest(key, provider, cx.now);
            let Some(submitted) = self.submissions.get(&key) else { continue };
            let manifest = submitted.submission.manifest.digest();
            if !concerns(offer, submitted.submission.provider, manifest) {
                continue;
            }
            let crowded = self.crowded_until(provider, cx.now).map(|until| (provider, until));
            let (choice, passed) =
                self.best_of(submitted, manifest, [offer].into_iter(), crowded, cx.outlook());
            if choice.is_some() || is_rested {
                self.seek(key, cx);
                continue;
            }
            // Who is busy is waited for longer than anybody: how long exactly is looked up when that is over.
            let since = submitted.seeks_since.unwrap_or(cx.now);
            let counts = Some(passed.counts).filter(|counts| !is_busy(submitted, counts));
            let patience = counts.map(|counts| self.patience(key, &counts, cx.outlook()));
            if let Some(patience) = patience.filter(|patience| *patience < MATCH_TIME) {
                cx.set(Alarm::Submission(key), since.after(patience).max(cx.now));
            }
        }
        Heard::Taken
    }

    /// Looks at once for all that have no order under way, the oldest first.
    pub(in crate::node) fn look_again<S: Signer>(&mut self, cx: &mut Context<'_, S>) {
        self.seeking().into_iter().for_each(|key| self.seek(key, cx));
    }

    /// Looks for a provider for those that waited for a lane, while there is one.
    pub(in crate::node) fn serve_queue<S: Signer>(&mut self, cx: &mut Context<'_, S>) {
        // After each input it is asked, and seldom is there another lane by then.
        while !self.queue.is_empty() && self.finds_lane(cx.outlook()) {
            let next = self.queue.pop_front();
            // Whoever has a lane meanwhile is looked for already.
            if let Some(key) = next.filter(|key| self.waits_for_lane(*key)) {
                self.seek(key, cx);
            }
        }
    }

    /// True once as many attempts were opened as the user wants. An order that was refused held no money and only cost
    /// time, so there is a bound of its own on those.
    pub(super) fn is_spent(&self, key: Digest) -> bool {
        let Some(submitted) = self.submissions.get(&key) else { return true };
        let attempts = submitted.attempts.iter().filter_map(|job| self.attempts.get(job));
        let opened = attempts.filter(|attempt| attempt.ticket.is_some()).count();
        opened - submitted.too_late.min(opened) >= usize::from(submitted.submission.attempts_max.max(1))
            || submitted.attempts.len() >= ORDERS_MAX
            || submitted.orders >= ASKED_MAX
    }

    pub(super) fn give_up<S: Signer>(
        &mut self,
        key: Digest,
        mut unmatched: Unmatched,
        cx: &mut Context<'_, S>,
    ) {
        unmatched.over_funds = self.over_funds(key, cx.outlook());
        let Some(submitted) = self.submissions.get_mut(&key) else { return };
        (unmatched.refusal, unmatched.failure) = (submitted.refusal, submitted.failure);
        submitted.unmatched = Some(unmatched.clone());
        self.keep(ClientRecord::Ended { key }, cx);
        cx.tell(Event::Failed { key, reason: Box::new(unmatched) });
    }

    fn propose<S: Signer>(&mut self, key: Digest, choice: Choice, cx: &mut Context<'_, S>) {
        let Choice { mut order, promised, of_lot } = choice;
        let secret = cx.secret("client secret", order.id());
        order.secret_commit = secret_commit(secret.as_bytes());
        let (provider, price) = (order.provider, order.price().unwrap_or_default());
        let job = order.id();
        let order = cx.seal(order);
        self.keep(ClientRecord::Ordered { key, order: (&order).into(), secret }, cx);
        if let Some(attempt) = self.attempts.get_mut(&job) {
            (attempt.promised, attempt.asked, attempt.of_lot) = (Some(promised), Some(cx.now), of_lot);
        }
        cx.tell(Event::Proposed { key, job, provider, price });
        cx.say(provider, Propose { order: order.into_signed(), standing: cx.own_standing() });
        cx.set(Alarm::Attempt(job), cx.now.after(RESEND_FIRST));
        cx.set(Alarm::Submission(key), cx.now.after(self.answer_time()));
    }
}

/// True if an offer is of the provider that a submission wants, or else for its model.
pub(super) fn concerns(offer: &Verified<Offer>, wanted: Option<PeerId>, manifest: Digest) -> bool {
    let serves = || offer.services().any(|(_, service)| service.manifest == manifest);
    wanted.map_or_else(serves, |wanted| wanted == offer.signer())
}

/// A notary opens an account at the first question, so one is asked before the first order. True if there is an answer to
/// wait for.
fn introduce<S: Signer>(cx: &mut Context<'_, S>) -> bool {
    let Some(notary) = cx.notary_in_use() else { return false };
    let unknown = cx.notaries.account(notary).is_none();
    if unknown {
        let _ = cx.ask(notary, None);
    }
    unknown
}
