//! An answer that is being written for somebody: part by part, held against what was delivered in the end.
//!
//! **Invariant:** what was told is never taken back; where it is not what was delivered the answer ends as a failure. Whoever
//! goes away before the end has its job cancelled ([`WaitedJob`]). A daemon that restarts is waited for. Of what is checked for
//! sure nothing is told before the checks agree.

mod untaken;
mod whole_answer;

use std::{collections::VecDeque, time::Duration};

use assay_market::view::{AttemptState, AttemptView, SubmissionView};
use assay_peer::{
    handle::{
        CallError, ExplainJob, Handle, ReadOutput, Refused, Submit, Update, Updates, WatchUpdates,
        WrittenChance,
    },
    hearing::Hearing,
};
use assay_protocol::{
    id::{Digest, JobId, PeerId},
    manifest::Manifest,
    units::Amount,
};
use axum::http::StatusCode;
use futures::{Stream, stream};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep, timeout_at},
};

use self::untaken::LOOK_STEP;
pub(crate) use self::{
    untaken::TakenUp,
    whole_answer::{PENDING, WholeAnswer, is_confirmed},
};
use crate::{
    chances::ChanceQuestion,
    failure::HttpFailure,
    keyed_answers::{AnswerWaiter, KeyedRequest},
    known_besides::KnownBesides,
    link::DaemonLink,
    spending::Allowance,
    waited_job::{Cancels, WaitedJob},
};

/// How long a daemon that went away is waited for.
const DAEMON_WAIT: Duration = Duration::from_secs(30);
/// Between two looks for it.
const DAEMON_STEP: Duration = Duration::from_millis(100);
/// How long a result is waited for that is paid already.
const PAID_WAIT: Duration = Duration::from_secs(30);

/// Something of an answer.
#[derive(Debug)]
pub(crate) enum AnswerPart {
    /// Somebody works on it.
    Begun(BegunAnswer),
    /// What is written next.
    Words(String),
    /// All of it is here.
    Whole(Box<WholeAnswer>),
}

/// Who works on an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BegunAnswer {
    /// The submission.
    pub(crate) key: Digest,
    pub(crate) job: JobId,
    pub(crate) provider: PeerId,
}

/// When an answer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AnswerTelling {
    /// Whether it is told in parts.
    pub(crate) is_told: bool,
    /// Whether checks of it were paid for, and nothing is told before they agree.
    pub(crate) is_sure: bool,
}

/// What an answer is ordered with.
pub(crate) struct AnswerOrder {
    pub(crate) link: DaemonLink,
    pub(crate) cancels: Cancels,
    pub(crate) manifest: Manifest,
    pub(crate) submit: Submit,
    pub(crate) allowance: Option<Allowance>,
    /// Whether it is told while it is written.
    pub(crate) is_told: bool,
    /// How many of the likeliest tokens are told of each place, if chances are.
    pub(crate) chances: Option<u8>,
    /// Its request, where that has a key.
    pub(crate) keyed: Option<KeyedRequest>,
    /// Whether an answer to the same request was taken up.
    pub(crate) taken_up: TakenUp,
}

/// An answer that was ordered before, for the same request.
pub(crate) struct AnswerAgain {
    pub(crate) link: DaemonLink,
    pub(crate) cancels: Cancels,
    pub(crate) manifest: Manifest,
    /// The submission.
    pub(crate) key: Digest,
    pub(crate) telling: AnswerTelling,
    /// Whoever waits for it again.
    pub(crate) waiter: AnswerWaiter,
}

/// An answer that is being written.
#[derive(Debug)]
pub(crate) struct LiveAnswer {
    open: WaitedJob,
    link: DaemonLink,
    handle: Handle,
    manifest: Manifest,
    updates: Updates<Update>,
    /// Whether it is told while it is written.
    is_told: bool,
    /// Whether checks of it were paid for, and are waited for.
    is_sure: bool,
    /// What is asked of chances once it is here, if anything is.
    chances: Option<ChanceQuestion>,
    /// Hears it while it is written, where it is told then.
    hearing: Option<Hearing>,
    /// What is to be told next.
    parts: VecDeque<AnswerPart>,
    /// Who is known to work on it.
    begun: Option<BegunAnswer>,
    /// What was told of it.
    told: String,
    ordered: Instant,
    first_word_s: Option<f64>,
    /// Until when a result is waited for that is paid already.
    paid_deadline: Option<Instant>,
    /// Whether it was taken up, or another answer to the same request.
    taken_up: TakenUp,
    /// When to look next why it does not come.
    next_look: Instant,
    /// How its attempts stood when it was told last.
    known: Vec<AttemptView>,
    /// Since when the notary that opened it is gone, and nothing was heard of it.
    quiet: Option<Instant>,
}

impl AnswerOrder {
    /// Orders it. Whoever waits for this may go away meanwhile; the job is then cancelled as soon as there is one.
    pub(crate) async fn place(self) -> Result<LiveAnswer, HttpFailure> {
        let failed = |_| HttpFailure::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", "the order failed");
        let (placed, answer) = oneshot::channel();
        self.cancels.clone().begin(async move {
            // Where nobody waits any more the answer is dropped, and so cancelled.
            let _ = placed.send(self.order().await);
        });
        answer.await.map_err(failed)?
    }

    async fn order(self) -> Result<LiveAnswer, HttpFailure> {
        let Self { link, cancels, manifest, mut submit, allowance, is_told, chances, keyed, taken_up } = self;
        let chances = chances.map(|likeliest| ChanceQuestion { likeliest, input: submit.input.clone() });
        let telling = AnswerTelling { is_told, is_sure: submit.checks > 0 };
        let word = keyed.as_ref().map_or_else(random_word, |keyed| Ok(keyed.word()))?;
        let waiter = keyed.as_ref().map(KeyedRequest::waiter);
        let mut open = WaitedJob::new((link.clone(), cancels), Submit::key_of(&word), allowance, waiter);
        submit.idempotency_key = Some(word);
        let mut not_made = || {
            open.end(Amount::ZERO);
            keyed.iter().for_each(KeyedRequest::give_back);
        };
        if let Some(keyed) = &keyed {
            keyed.keep().await.inspect_err(|_| not_made())?;
        }
        let handle = link.open().await.inspect_err(|_| not_made())?;
        match handle.call(submit).await {
            Ok(_) => {}
            // It may have been taken: it is cancelled if it was, and not ordered again, but by whoever has a key for it.
            Err(error @ (CallError::Refused(Refused::Ending) | CallError::Lost(_))) => {
                let failure = HttpFailure::from(error);
                return Err(if keyed.is_some() { failure } else { failure.after_order() });
            }
            Err(CallError::Refused(refused)) => {
                not_made();
                return Err(refused.into());
            }
        }
        if let Some(keyed) = &keyed {
            keyed.made().await;
        }
        LiveAnswer::watch((open, link), handle, manifest, (telling, chances, taken_up)).await
    }
}

impl AnswerAgain {
    /// Goes on with it, or reads it once more.
    pub(crate) async fn place(self) -> Result<LiveAnswer, HttpFailure> {
        let Self { link, cancels, manifest, key, telling, waiter } = self;
        let open = WaitedJob::new((link.clone(), cancels), key, None, Some(waiter));
        let handle = link.open().await?;
        LiveAnswer::watch((open, link), handle, manifest, (telling, None, TakenUp::default())).await
    }
}

impl LiveAnswer {
    /// Begins to watch an answer that was ordered.
    async fn watch(
        (open, link): (WaitedJob, DaemonLink),
        handle: Handle,
        manifest: Manifest,
        (telling, chances, taken_up): (AnswerTelling, Option<ChanceQuestion>, TakenUp),
    ) -> Result<Self, HttpFailure> {
        let key = open.key();
        let updates = handle.call(WatchUpdates { name: Some(key.to_string()) }).await;
        let updates = updates.map_err(|error| HttpFailure::from(error).after_order())?;
        let AnswerTelling { is_told, is_sure } = telling;
        let is_heard = is_told && !is_sure && manifest.policy.is_proven_by_rows();
        Ok(Self {
            open,
            link,
            is_told,
            is_sure,
            chances,
            hearing: is_heard.then(|| Hearing::new(handle.clone(), key)),
            handle,
            manifest,
            updates,
            parts: VecDeque::new(),
            begun: None,
            told: String::new(),
            ordered: Instant::now(),
            first_word_s: None,
            paid_deadline: None,
            taken_up,
            next_look: Instant::now() + LOOK_STEP,
            known: Vec::new(),
            quiet: None,
        })
    }

    /// The submission.
    pub(crate) fn key(&self) -> Digest {
        self.open.key()
    }

    /// What comes next; the last is the whole of it, or a failure.
    pub(crate) async fn next(&mut self) -> Result<AnswerPart, HttpFailure> {
        loop {
            if let Some(part) = self.parts.pop_front() {
                return Ok(part);
            }
            let deadline = self.paid_deadline.unwrap_or(self.next_look);
            let update = match &mut self.hearing {
                None => next_update(&mut self.updates, deadline).await,
                Some(hearing) => tokio::select! {
                    update = next_update(&mut self.updates, deadline) => update,
                    words = hearing.next() => {
                        self.tell(words);
                        continue;
                    }
                },
            };
            match update {
                Seen::Update(Update::Job(view)) => self.look(&view.submission).await?,
                Seen::Update(Update::Event(_) | Update::Missed { .. }) => {}
                Seen::Lost => self.watch_again().await?,
                Seen::Nothing if self.paid_deadline.is_some() => {
                    return Err(HttpFailure::undelivered(self.key()));
                }
                Seen::Nothing => self.look_why_it_waits().await?,
            }
        }
    }

    /// All of it, once it is here.
    pub(crate) async fn whole(mut self) -> Result<WholeAnswer, HttpFailure> {
        loop {
            if let AnswerPart::Whole(whole) = self.next().await? {
                return Ok(*whole);
            }
        }
    }

    /// Its parts one after another, to the last.
    pub(crate) fn into_stream(self) -> impl Stream<Item = Result<AnswerPart, HttpFailure>> + Send {
        stream::unfold(Some(self), |answer| async {
            let mut answer = answer?;
            let part = answer.next().await;
            let goes_on = matches!(part, Ok(AnswerPart::Begun(_) | AnswerPart::Words(_)));
            Some((part, goes_on.then_some(answer)))
        })
    }

    fn tell(&mut self, words: String) {
        if words.is_empty() {
            return;
        }
        // Who is told words need not be told why none come.
        (self.quiet, self.next_look) = (None, Instant::now() + LOOK_STEP);
        self.first_word_s.get_or_insert_with(|| self.ordered.elapsed().as_secs_f64());
        self.told.push_str(&words);
        self.parts.push_back(AnswerPart::Words(words));
    }

    /// Finds the daemon again, which goes on with its jobs when it is back.
    async fn watch_again(&mut self) -> Result<(), HttpFailure> {
        let (deadline, key) = (Instant::now() + DAEMON_WAIT, self.key());
        loop {
            sleep(DAEMON_STEP).await;
            let found = timeout_at(deadline, async {
                let handle = self.link.open().await.ok()?;
                let updates = handle.call(WatchUpdates { name: Some(key.to_string()) }).await.ok()?;
                Some((handle, updates))
            });
            if let Ok(Some((handle, updates))) = found.await {
                if self.hearing.is_some() {
                    self.hearing = Some(Hearing::going_on(handle.clone(), key, self.told.clone()));
                }
                // What was said meanwhile nobody heard.
                (self.handle, self.updates, self.quiet) = (handle, updates, None);
                return Ok(());
            }
            if Instant::now() > deadline {
                let message =
                    "the daemon went away while it was answering; the job is cancelled if it can still be";
                let failure = HttpFailure::new(StatusCode::SERVICE_UNAVAILABLE, "no_daemon", message);
                return Err(failure.after_order());
            }
        }
    }

    /// Takes how the job stands.
    async fn look(&mut self, submission: &SubmissionView) -> Result<(), HttpFailure> {
        self.taken_up.note(submission);
        // Whoever missed something is told it anew, also where nothing happened to it.
        if self.known != submission.attempts {
            self.known.clone_from(&submission.attempts);
            self.quiet = None;
        }
        // Whoever was asked beside it and did not answer may stand behind the one that did.
        let mut wanted = submission.attempts.iter().rev().filter(|attempt| !submission.awaits_rest(attempt));
        let found = wanted.find_map(delivered);
        if let Some((attempt, output)) = found.filter(|(attempt, _)| !self.is_sure || is_confirmed(attempt)) {
            return self.deliver(attempt, output).await;
        }
        if submission.ended && found.is_some() {
            self.open.end(submission.cost_max());
            return Err(HttpFailure::not_checked(self.key()));
        }
        if submission.ended {
            let is_paid = |attempt: &AttemptView| matches!(attempt.state, AttemptState::Closed(outcome) if outcome.is_paid());
            if submission.attempts.iter().any(is_paid) {
                // It was closed before its result came; that is on its way.
                self.paid_deadline.get_or_insert_with(|| Instant::now() + PAID_WAIT);
                return Ok(());
            }
            self.open.end(submission.cost_max());
            if let Some(lacked) =
                self.open.lacked().filter(|_| submission.cancelled && !submission.was_opened())
            {
                return Err(untaken::no_place(lacked));
            }
            let besides = KnownBesides::of(submission, self.manifest.digest(), &self.handle).await;
            return Err(HttpFailure::of_submission(submission, &besides));
        }
        if let Some(attempt) = submission.running() {
            self.begin(attempt);
        }
        Ok(())
    }

    fn begin(&mut self, attempt: &AttemptView) {
        if let Some(hearing) = &mut self.hearing {
            hearing.follow(attempt);
        }
        let begun = BegunAnswer { key: self.key(), job: attempt.job, provider: attempt.provider };
        if self.begun != Some(begun) {
            self.begun = Some(begun);
            self.parts.push_back(AnswerPart::Begun(begun));
        }
    }

    /// Reads what was delivered and tells what was not told of it yet.
    async fn deliver(&mut self, attempt: &AttemptView, output: Digest) -> Result<(), HttpFailure> {
        let output = match self.handle.call(ReadOutput { digest: output, of: Some(self.key()) }).await {
            // The daemon keeps it for whoever asks again.
            Ok(mut pieces) if self.open.has_key() => pieces.whole().await,
            Ok(pieces) => pieces.all().await,
            Err(error) => Err(error),
        };
        // It is read again once the daemon is back, unless it is refuted by then and another provider asked.
        if matches!(output, Err(CallError::Lost(_) | CallError::Refused(Refused::Ending))) {
            return self.watch_again().await;
        }
        self.open.delivered();
        let output = output.map_err(|error| HttpFailure::from(error).after_order())?;
        let whole = WholeAnswer::of(&self.manifest, self.key(), attempt, output);
        let Some(rest) = whole.text.strip_prefix(&self.told).map(str::to_owned) else {
            return Err(other_words(attempt));
        };
        self.hearing = None;
        if self.is_told {
            self.tell(rest);
        }
        let unit_price = unit_price(&self.handle, self.key(), attempt.job).await;
        let tokens_read = unit_price.and_then(|price| whole.tokens_read_for(self.manifest.meter, price));
        let (first_word_s, took_s) = (self.first_word_s, Some(self.ordered.elapsed().as_secs_f64()));
        let chances = self.chances_of(&whole).await?;
        let whole = WholeAnswer { tokens_read, first_word_s, took_s, chances, ..whole };
        self.parts.push_back(AnswerPart::Whole(Box::new(whole)));
        Ok(())
    }

    /// How likely the tokens of what was delivered were, if that is asked: of the next daemon, where one goes away meanwhile.
    async fn chances_of(&mut self, whole: &WholeAnswer) -> Result<Vec<WrittenChance>, HttpFailure> {
        let Some(question) = self.chances.take() else { return Ok(Vec::new()) };
        let by = (whole.by.provider, whole.by.job);
        for _ in 0..ChanceQuestion::TRIES {
            match question.ask(&self.handle, &self.manifest, &whole.output, by).await {
                Ok(told) => return told,
                Err(CallError::Lost(_) | CallError::Refused(Refused::Ending)) => {
                    let is_back = self.watch_again().await;
                    is_back.map_err(|_| ChanceQuestion::unasked(whole.by.job))?;
                }
                Err(error) => return Err(HttpFailure::from(error).after_order()),
            }
        }
        Err(ChanceQuestion::unasked(whole.by.job))
    }
}

/// Whether somebody works on it, or has.
fn is_begun(submission: &SubmissionView) -> bool {
    let has_begun = |state| matches!(state, AttemptState::Running | AttemptState::Delivered);
    submission.attempts.iter().any(|attempt| has_begun(attempt.state))
}

/// What was seen of a job.
enum Seen {
    Update(Update),
    /// The daemon is gone.
    Lost,
    /// Nothing, for as long as it was waited for.
    Nothing,
}

async fn next_update(updates: &mut Updates<Update>, deadline: Instant) -> Seen {
    match timeout_at(deadline, updates.next()).await {
        Ok(Some(Ok(update))) => Seen::Update(update),
        // A daemon that ends refuses to go on.
        Ok(Some(Err(_)) | None) => Seen::Lost,
        Err(_) => Seen::Nothing,
    }
}

fn other_words(attempt: &AttemptView) -> HttpFailure {
    let message = format!(
        "what was said while it was written is not what provider {} delivered; job {} holds that",
        attempt.provider, attempt.job
    );
    HttpFailure::new(StatusCode::BAD_GATEWAY, "other_words", message).after_order()
}

/// A word that names one order and no other, so that it can be cancelled whatever becomes of its answer.
pub(crate) fn random_word() -> Result<String, HttpFailure> {
    let mut bytes = [0; 16];
    let filled = getrandom::fill(&mut bytes);
    let failed = |error| {
        HttpFailure::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "failed",
            format!("no name can be drawn: {error}"),
        )
    };
    filled.map_err(failed)?;
    Ok(format!("gateway {:032x}", u128::from_le_bytes(bytes)))
}

/// What came of an attempt, unless it was found to be wrong already.
fn delivered(attempt: &AttemptView) -> Option<(&AttemptView, Digest)> {
    let is_refuted = matches!(attempt.state, AttemptState::Closed(outcome) if !outcome.is_paid());
    attempt.output.filter(|_| !is_refuted).map(|output| (attempt, output))
}

/// What a unit of an order costs, where that is remembered.
async fn unit_price(handle: &Handle, key: Digest, job: JobId) -> Option<Amount> {
    let explained = handle.call(ExplainJob { name: key.to_string() }).await.ok()?;
    let orders = explained.grounds?.orders;
    Some(orders.into_iter().find(|grounds| grounds.job == job)?.order.unit_price)
}
