//! An answer that does not come: who is waited for, and how long somebody waits who sees nothing.
//!
//! **Invariant:** nobody waits without an end for a notary that is gone. What somebody took up is not given up for a place; what is
//! given up for one is cancelled in the moment in which it is found that nobody is asked for it, so that nothing of it is left and
//! nothing is spent.

#[cfg(test)]
#[cfg(unix)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use assay_market::view::{AttemptState, AttemptView, AwaitedPlace, SubmissionView};
use assay_peer::handle::{
    CallError, CancelJob, CancelWaiting, JobView, LookForNotary, LostNotary, Refused, ShowJob,
};
use assay_protocol::{
    id::Digest,
    units::{self, Amount},
};
use tokio::time::Instant;

use super::{LiveAnswer, is_begun};
use crate::{failure::HttpFailure, link::DaemonLink};

/// Between two looks at why it does not come.
pub(super) const LOOK_STEP: Duration = Duration::from_secs(3);
/// How long a notary that has opened the job is waited for once it is gone, while nothing is heard of the job either.
const WORD_WAIT: Duration = Duration::from_secs(60);
/// Seconds for which jobs of this home may keep an answer from being taken up, and after which it may be asked for again.
const UNTAKEN_S: u16 = 30;

/// Whether somebody took up one of the answers to a request: it costs from then on. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct TakenUp(Arc<AtomicBool>);

impl TakenUp {
    /// Learns that from how a job stands. What a provider agreed to may be at its notary already.
    pub(crate) fn note(&self, submission: &SubmissionView) {
        let is_opening = |attempt: &AttemptView| attempt.state == AttemptState::Opening;
        if submission.was_opened() || submission.attempts.iter().any(is_opening) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// Has one cancelled of which nothing is wanted any more, and learns whether somebody had taken it up by then: so may have been
    /// one of which that is not known.
    pub(crate) async fn note_last(&self, link: &DaemonLink, key: Digest) {
        match cancelled(link, key.to_string()).await {
            Some(job) => self.note(&job.submission),
            None => self.0.store(true, Ordering::Relaxed),
        }
    }

    /// Whether one was.
    pub(crate) fn is_noted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl LiveAnswer {
    /// Gives up where the notary is gone that is to open the job, for nobody knows when it will be back; where one is gone for too
    /// long that has opened it; and where jobs of this home have taken all places for too long.
    pub(super) async fn look_why_it_waits(&mut self) -> Result<(), HttpFailure> {
        self.next_look = Instant::now() + LOOK_STEP;
        // Nothing tells of a notary that is asked, nor of a place that is waited for. A daemon that is away is noticed by whoever
        // watches it.
        let Ok(job) = self.handle.call(ShowJob { name: self.key().to_string() }).await else { return Ok(()) };
        self.taken_up.note(&job.submission);
        if awaits_notary(&job.submission) {
            return match self.handle.call(LookForNotary).await {
                Ok(Some(lost)) => Err(not_opened(&lost)),
                Ok(None) | Err(_) => Ok(()),
            };
        }
        if awaits_word(&job.submission) {
            return self.look_for_word().await;
        }
        let is_long = self.ordered.elapsed() >= Duration::from_secs(UNTAKEN_S.into());
        match job.awaits {
            Some(awaited) if is_long && !self.taken_up.is_noted() => self.give_up_waiting(awaited).await,
            Some(_) | None => Ok(()),
        }
    }

    /// Gives up where the notary that opened the job has been gone for too long, and nothing was heard of the job since then: it may
    /// be back soon, and who works on it may go on meanwhile, but whatever is given is the client's by that notary's word alone.
    async fn look_for_word(&mut self) -> Result<(), HttpFailure> {
        // A daemon that is away is noticed by whoever watches it.
        let Ok(lost) = self.handle.call(LookForNotary).await else { return Ok(()) };
        let Some(lost) = lost else {
            self.quiet = None;
            return Ok(());
        };
        let quiet = *self.quiet.get_or_insert_with(Instant::now);
        if quiet.elapsed() < WORD_WAIT { Ok(()) } else { Err(no_word(&lost, self.key())) }
    }

    /// Has it cancelled, if nobody is about to take it up.
    async fn give_up_waiting(&mut self, awaited: AwaitedPlace) -> Result<(), HttpFailure> {
        // Known before it is cancelled by all who wait for the same job.
        self.open.withdraw(awaited);
        let still_for = units::Duration::seconds(UNTAKEN_S.into());
        let cancelling = CancelWaiting { name: self.key().to_string(), still_for };
        match self.handle.call(cancelling).await {
            Ok(Some(awaited)) => {
                self.open.end(Amount::ZERO);
                Err(no_place(awaited))
            }
            // It goes on, or another who waits for it was first; or nobody knows. Whoever watches it finds that out.
            Ok(None) | Err(_) => Ok(()),
        }
    }
}

/// How a job stands after which nobody is asked any more; nothing, where it may not be cancelled, or that is not known.
async fn cancelled(link: &DaemonLink, name: String) -> Option<JobView> {
    let handle = link.connect().await.ok()?;
    match handle.call(CancelJob { name: name.clone() }).await {
        // What is over cannot be, and how it ended says the same.
        Ok(_) | Err(CallError::Refused(Refused::NotCancelled { .. })) => {}
        Err(_) => return None,
    }
    handle.call(ShowJob { name }).await.ok()
}

/// Nobody took up what was ordered, for jobs of this home had all places. It is cancelled.
pub(super) fn no_place(awaited: AwaitedPlace) -> HttpFailure {
    let message = format!(
        "nobody took this up for {UNTAKEN_S} s, because {awaited}; it is cancelled, and nothing was spent; ask again later, or hand \
         it in as a batch, which waits"
    );
    HttpFailure::busy(message).asked_again_after(UNTAKEN_S)
}

/// Nobody opens the job that was ordered. It is cancelled; who asks again by itself might have it opened twice.
fn not_opened(lost: &LostNotary) -> HttpFailure {
    let rest = ", so the job is not opened: it is cancelled if it can be; ask again once `assay status` shows the notary";
    HttpFailure::notary_gone(lost, rest).after_order()
}

/// Nobody says what becomes of the job that was opened.
fn no_word(lost: &LostNotary, key: Digest) -> HttpFailure {
    let rest = format!(
        " and has opened the job, and nobody else says what becomes of it: it is cancelled if it can be; GET /v1/jobs/{key} says \
         how it stands"
    );
    HttpFailure::notary_gone(lost, &rest).after_order()
}

/// Whether it is the notary who is waited for: a provider has agreed, and the job is not opened.
fn awaits_notary(submission: &SubmissionView) -> bool {
    submission.attempts.iter().any(|attempt| attempt.state == AttemptState::Opening) && !is_begun(submission)
}

/// Whether a notary that has opened the job has yet to say what becomes of it, whether somebody works on it, has given a result, or
/// has given up.
fn awaits_word(submission: &SubmissionView) -> bool {
    let gave_up = |attempt: &AttemptView| matches!(attempt.state, AttemptState::Failed(_));
    is_begun(submission) || submission.attempts.iter().any(gave_up)
}
