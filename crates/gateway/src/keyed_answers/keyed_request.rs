//! A request that has a key, while its order is looked for or made.
//!
//! **Invariant:** of those with one key only one is looked for or made at a time. A key is given back where nothing was ordered,
//! and nothing can have been by whoever sent it before.

use std::{
    io,
    sync::{Arc, PoisonError},
};

use assay_market::view::SubmissionView;
use assay_peer::handle::{KnownJobs, Submit};
use assay_protocol::id::Digest;
use axum::http::StatusCode;
use tokio::{sync::OwnedMutexGuard, task::spawn_blocking};

use super::{AnswerName, AnswerWaiter, KeyedAnswer, KeyedAnswers, KeyedRecord};
use crate::{answer::random_word, failure::HttpFailure, known_besides::KnownBesides, link::DaemonLink};

/// A request that has a key. Dropped, its key is given back unless it is on the disk.
#[derive(Debug)]
pub(crate) struct KeyedRequest {
    answers: KeyedAnswers,
    name: AnswerName,
    answer: Arc<KeyedAnswer>,
    /// Whether it was on the disk when this request came: the daemon may be taking the order of one before.
    was_kept: bool,
    _turn: OwnedMutexGuard<()>,
}

impl KeyedRequest {
    pub(super) fn new(
        answers: KeyedAnswers,
        name: AnswerName,
        (answer, turn): (Arc<KeyedAnswer>, OwnedMutexGuard<()>),
    ) -> Self {
        let was_kept = answer.is_kept();
        Self { answers, name, answer, was_kept, _turn: turn }
    }

    /// The order that was made for it, unless one is to be made.
    pub(crate) async fn found(&self, link: &DaemonLink) -> Result<Option<Digest>, HttpFailure> {
        if !self.answer.is_kept() {
            return Ok(None);
        }
        let record = self.answer.record();
        let key = Submit::key_of(&record.word);
        match link.call(KnownJobs { keys: vec![key] }).await?.pop() {
            Some(job) => self.judge(&job.submission),
            None if record.is_made => Err(forgotten()),
            // Something ended just before it was made.
            None => Ok(None),
        }
    }

    fn judge(&self, submission: &SubmissionView) -> Result<Option<Digest>, HttpFailure> {
        if !submission.ended || submission.answer().is_some() || submission.is_paid() {
            return Ok(Some(submission.key));
        }
        if submission.cancelled && submission.was_opened() {
            return Err(HttpFailure::of_submission(submission, &KnownBesides::default()));
        }
        // Nothing came of it: who asks again wants it tried again.
        let word = random_word()?;
        self.answer.set_lacked(None);
        let mut record = self.answer.record.lock().unwrap_or_else(PoisonError::into_inner);
        *record = KeyedRecord { word, is_made: false, ..record.clone() };
        Ok(None)
    }

    /// By what word its order is known to the daemon.
    pub(crate) fn word(&self) -> String {
        self.answer.record().word
    }

    /// Has that on the disk, before the order is made.
    pub(crate) async fn keep(&self) -> Result<(), HttpFailure> {
        let kept = self.change(|_| ()).await;
        kept.map_err(|error| HttpFailure::no_room(&error, error.kind()))
    }

    /// The daemon has its order.
    pub(crate) async fn made(&self) {
        // Where that is not written down it is found once more.
        if let Err(error) = self.change(|record| record.is_made = true).await {
            tracing::warn!(%error, "that an order was made is not written down");
        }
    }

    async fn change(&self, change: fn(&mut KeyedRecord)) -> io::Result<()> {
        let answer = self.answer.clone();
        spawn_blocking(move || answer.keep(change).map(|_| ())).await.map_err(io::Error::other)?
    }

    /// Nothing was ordered: the key is free, unless one before may still come to be ordered under its word. Under another word it
    /// would be ordered twice.
    pub(crate) fn give_back(&self) {
        if !self.was_kept {
            self.answer.remove();
        }
    }

    /// Somebody waits for its answer.
    pub(crate) fn waiter(&self) -> AnswerWaiter {
        AnswerWaiter::of(&self.answer)
    }
}

impl Drop for KeyedRequest {
    fn drop(&mut self) {
        if !self.answer.is_kept() {
            self.answers.lock().remove(&self.name);
        }
    }
}

fn forgotten() -> HttpFailure {
    let message =
        "the job of this Idempotency-Key is so long over that it is forgotten; another key orders it anew";
    HttpFailure::new(StatusCode::GONE, "forgotten", message).after_order()
}
