//! An answer that is being written for somebody: part by part, held against what was delivered in the end.
//!
//! **Invariant:** whoever goes away before the end has its job cancelled; what was given is never taken back, and where it is
//! not what was delivered the answer ends as a failure.

use std::{collections::VecDeque, time::Instant};

use assay_market::view::{AttemptState, AttemptView, SubmissionView};
use assay_peer::{
    handle::{
        CallError, CancelJob, ExplainJob, FrameError, Handle, ReadOutput, Submit, Update, Updates,
        WatchUpdates,
    },
    hearing::Hearing,
};
use assay_protocol::{
    frames,
    id::{Digest, JobId, PeerId},
    manifest::{End, Manifest, Meter},
    units::Amount,
};
use axum::http::StatusCode;
use futures::{Stream, stream};

use crate::{failure::HttpFailure, link::DaemonLink, spending::Allowance};

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

/// An answer that was delivered.
#[derive(Clone, Debug)]
pub(crate) struct WholeAnswer {
    pub(crate) by: BegunAnswer,
    pub(crate) end: End,
    pub(crate) price: Amount,
    /// The price and all fees, at most.
    pub(crate) total_max: Amount,
    /// The output's bytes.
    pub(crate) output: Vec<u8>,
    /// What they say, where they are frames of a text.
    pub(crate) text: String,
    /// Tokens that were read; nothing where that does not follow from what is billed.
    pub(crate) tokens_read: Option<u64>,
    /// Tokens that were written.
    pub(crate) tokens_written: u64,
    /// From the order to the first word, in seconds.
    pub(crate) first_word_s: Option<f64>,
}

/// An answer that is being written.
#[derive(Debug)]
pub(crate) struct LiveAnswer {
    link: DaemonLink,
    handle: Handle,
    manifest: Manifest,
    key: Digest,
    updates: Updates<Update>,
    /// Hears it while it is written, where it is a text.
    hearing: Option<Hearing>,
    /// What is to be told next.
    parts: VecDeque<AnswerPart>,
    /// Who is known to work on it.
    begun: Option<BegunAnswer>,
    /// What was told of it.
    told: String,
    ordered: Instant,
    first_word_s: Option<f64>,
    /// What its caller may spend on it.
    allowance: Option<Allowance>,
    /// Nothing is to be cancelled any more.
    is_over: bool,
}

impl LiveAnswer {
    /// Orders an answer.
    pub(crate) async fn order(
        link: &DaemonLink,
        manifest: Manifest,
        submit: Submit,
        allowance: Option<Allowance>,
    ) -> Result<Self, HttpFailure> {
        let handle = link.open().await?;
        let key = handle.call(submit).await?.key;
        let ordered = Instant::now();
        let updates = handle.call(WatchUpdates { name: Some(key.to_string()) }).await?;
        let is_text = manifest.policy.is_proven_by_rows();
        let hearing = is_text.then(|| Hearing::new(handle.clone(), key));
        Ok(Self {
            link: link.clone(),
            handle,
            manifest,
            key,
            updates,
            hearing,
            parts: VecDeque::new(),
            begun: None,
            told: String::new(),
            ordered,
            first_word_s: None,
            allowance,
            is_over: false,
        })
    }

    /// The submission.
    pub(crate) fn key(&self) -> Digest {
        self.key
    }

    /// What comes next; the last is the whole of it, or a failure.
    pub(crate) async fn next(&mut self) -> Result<AnswerPart, HttpFailure> {
        loop {
            if let Some(part) = self.parts.pop_front() {
                return Ok(part);
            }
            let update = match &mut self.hearing {
                None => self.updates.next().await,
                Some(hearing) => tokio::select! {
                    update = self.updates.next() => update,
                    words = hearing.next() => {
                        self.tell(words);
                        continue;
                    }
                },
            };
            self.take(update).await?;
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
        self.first_word_s.get_or_insert_with(|| self.ordered.elapsed().as_secs_f64());
        self.told.push_str(&words);
        self.parts.push_back(AnswerPart::Words(words));
    }

    /// Takes what the daemon says of the job.
    async fn take(&mut self, update: Option<Result<Update, CallError>>) -> Result<(), HttpFailure> {
        let view = match update {
            Some(Ok(Update::Job(view))) => view.submission,
            Some(Ok(Update::Event(_) | Update::Missed { .. })) => return Ok(()),
            Some(Err(error)) => return Err(error.into()),
            None => return Err(CallError::Lost(FrameError::Ended).into()),
        };
        let last = view.attempts.last();
        if let Some((attempt, output)) = last.and_then(delivered) {
            return self.deliver(attempt, output).await;
        }
        if view.ended {
            return Err(self.fail(&view));
        }
        if let Some(attempt) = last.filter(|attempt| attempt.state == AttemptState::Running) {
            self.begin(attempt);
        }
        Ok(())
    }

    fn begin(&mut self, attempt: &AttemptView) {
        if let Some(hearing) = &mut self.hearing {
            hearing.follow(attempt);
        }
        let begun = BegunAnswer { key: self.key, job: attempt.job, provider: attempt.provider };
        if self.begun != Some(begun) {
            self.begun = Some(begun);
            self.parts.push_back(AnswerPart::Begun(begun));
        }
    }

    fn fail(&mut self, view: &SubmissionView) -> HttpFailure {
        self.is_over = true;
        let is_unpaid = view.attempts.iter().all(|attempt| match attempt.state {
            AttemptState::Closed(outcome) => !outcome.is_paid(),
            AttemptState::Refused(_)
            | AttemptState::Unanswered
            | AttemptState::Failed(_)
            | AttemptState::Cancelled => true,
            AttemptState::Proposed
            | AttemptState::Opening
            | AttemptState::Running
            | AttemptState::Delivered => false,
        });
        if let Some(allowance) = self.allowance.take().filter(|_| is_unpaid) {
            allowance.release();
        }
        HttpFailure::of_submission(view)
    }

    /// Reads what was delivered and tells what was not told of it yet.
    async fn deliver(&mut self, attempt: &AttemptView, output: Digest) -> Result<(), HttpFailure> {
        self.is_over = true;
        if let Some(allowance) = self.allowance.take() {
            allowance.settle(attempt.total_max);
        }
        let output = self.handle.call(ReadOutput { digest: output }).await?.all().await?;
        let is_text = self.hearing.take().is_some();
        let text = if is_text {
            String::from_utf8_lossy(&frames::text(&output)).into_owned()
        } else {
            String::new()
        };
        let Some(rest) = text.strip_prefix(&self.told).map(str::to_owned) else {
            let message = format!(
                "what was said while it was written is not what provider {} delivered; job {} holds that",
                attempt.provider, attempt.job
            );
            return Err(HttpFailure::new(StatusCode::BAD_GATEWAY, "other_words", message));
        };
        self.tell(rest);
        let tokens_written = frames::tokens(&output).len() as u64;
        let tokens_read = tokens_read(
            self.handle.clone(),
            self.manifest.meter,
            (self.key, attempt.job),
            (attempt.price, tokens_written),
        )
        .await;
        self.parts.push_back(AnswerPart::Whole(Box::new(WholeAnswer {
            by: BegunAnswer { key: self.key, job: attempt.job, provider: attempt.provider },
            end: attempt.end.unwrap_or(End::Stop),
            price: attempt.price,
            total_max: attempt.total_max,
            output,
            text,
            tokens_read,
            tokens_written,
            first_word_s: self.first_word_s,
        })));
        Ok(())
    }
}

/// How many tokens were read for an answer: what is billed beside those that were written.
async fn tokens_read(
    handle: Handle,
    meter: Meter,
    (key, job): (Digest, JobId),
    (price, written): (Amount, u64),
) -> Option<u64> {
    let Meter::Tokens(weights) = meter else { return None };
    let explained = handle.call(ExplainJob { name: key.to_string() }).await.ok()?;
    let orders = explained.grounds?.orders;
    let unit_price = orders.into_iter().find(|grounds| grounds.job == job)?.order.unit_price;
    let units = price.0.checked_div(unit_price.0)?;
    units.checked_sub(weights.units(0, written))?.checked_div(weights.read.into())
}

/// What came of an attempt, unless it was found to be wrong already.
fn delivered(attempt: &AttemptView) -> Option<(&AttemptView, Digest)> {
    let is_refuted = matches!(attempt.state, AttemptState::Closed(outcome) if !outcome.is_paid());
    attempt.output.filter(|_| !is_refuted).map(|output| (attempt, output))
}

impl Drop for LiveAnswer {
    /// Whoever waited for it is gone: nobody pays for what nobody reads.
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let (link, key) = (self.link.clone(), self.key);
        tokio::spawn(async move {
            if let Err(failure) = link.call(CancelJob { name: key.to_string() }).await {
                tracing::debug!(reason = failure.message(), "a job that nobody waits for is not cancelled");
            }
        });
    }
}
