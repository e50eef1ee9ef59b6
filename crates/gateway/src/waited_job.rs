//! A job that somebody waits for: what becomes of it, and of what was reserved for it, if nobody does any more.
//!
//! **Invariant:** from the moment that the daemon has it, it is cancelled unless it is over; that is tried until the daemon has
//! heard it, or has said that it is too late. What was reserved is settled when the job is over.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use assay_market::view::{AttemptState, SubmissionView};
use assay_peer::handle::{CallError, CancelJob, Refused, Update, WatchUpdates};
use assay_protocol::{id::Digest, units::Amount};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout, timeout_at},
};

use crate::{link::DaemonLink, spending::Allowance};

/// How long a daemon that is not there is asked again to cancel.
const CANCEL_WAIT: Duration = Duration::from_secs(60);
/// Between two tries.
const CANCEL_STEP: Duration = Duration::from_millis(250);
/// How long the end of a job is waited for that nobody else waits for.
const END_WAIT: Duration = Duration::from_secs(15 * 60);

/// Jobs that are being cancelled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cancels(Arc<Mutex<JoinSet<()>>>);

impl Cancels {
    fn begin(&self, cancel: impl Future<Output = ()> + Send + 'static) {
        let mut cancels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while cancels.try_join_next().is_some() {}
        cancels.spawn(cancel);
    }

    /// Waits until all are, or for so long.
    pub(crate) async fn finish(&self, most: Duration) {
        let all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        // What is not cancelled by then goes on in the daemon.
        let _ = timeout(most, all.join_all()).await;
    }
}

/// A job that somebody waits for.
#[derive(Debug)]
pub(crate) struct WaitedJob {
    link: DaemonLink,
    cancels: Cancels,
    key: Digest,
    /// What its caller may spend on it.
    allowance: Option<Allowance>,
    is_over: bool,
}

impl WaitedJob {
    /// A job that the daemon has taken.
    pub(crate) fn new(link: DaemonLink, cancels: Cancels, key: Digest, allowance: Option<Allowance>) -> Self {
        Self { link, cancels, key, allowance, is_over: false }
    }

    /// The submission.
    pub(crate) fn key(&self) -> Digest {
        self.key
    }

    /// It needs no end any more: it is over, or was delivered, and has cost at most this.
    pub(crate) fn end(&mut self, cost: Amount) {
        self.is_over = true;
        if let Some(allowance) = self.allowance.take() {
            tokio::task::spawn_blocking(move || allowance.settle(cost));
        }
    }
}

impl Drop for WaitedJob {
    /// Whoever waited for it is gone: nobody pays for what nobody reads.
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let (link, key, allowance) = (self.link.clone(), self.key, self.allowance.take());
        self.cancels.begin(async move {
            cancel(&link, key).await;
            // Not waited for by whoever waits until all are cancelled.
            if let Some(allowance) = allowance {
                tokio::spawn(settle(link, key, allowance));
            }
        });
    }
}

/// Cancels a job, whatever becomes of the daemon meanwhile.
async fn cancel(link: &DaemonLink, key: Digest) {
    let deadline = Instant::now() + CANCEL_WAIT;
    while Instant::now() < deadline {
        let answered = match link.connect().await {
            Ok(handle) => handle.call(CancelJob { name: key.to_string() }).await,
            Err(_) => {
                sleep(CANCEL_STEP).await;
                continue;
            }
        };
        match answered {
            Ok(_) => return,
            Err(CallError::Refused(Refused::Ending) | CallError::Lost(_)) => sleep(CANCEL_STEP).await,
            // It is too late, or there is nothing to cancel.
            Err(CallError::Refused(_)) => return,
        }
    }
    tracing::warn!(%key, "a job that nobody waits for is not cancelled: the daemon is not reached");
}

/// Waits for the end of a job, and counts what it has cost. Where that is not learnt, all that was reserved stays counted.
async fn settle(link: DaemonLink, key: Digest, allowance: Allowance) {
    let ended = timeout_at(Instant::now() + END_WAIT, async {
        let handle = link.connect().await.ok()?;
        let mut updates = handle.call(WatchUpdates { name: Some(key.to_string()) }).await.ok()?;
        while let Some(Ok(update)) = updates.next().await {
            match update {
                Update::Job(view) if view.submission.ended => return Some(cost(&view.submission)),
                Update::Job(_) | Update::Event(_) | Update::Missed { .. } => {}
            }
        }
        None
    });
    if let Ok(Some(cost)) = ended.await {
        tokio::task::spawn_blocking(move || allowance.settle(cost));
    }
}

/// What a submission has cost at most, by how its attempts stand.
pub(crate) fn cost(submission: &SubmissionView) -> Amount {
    let most = submission.attempts.iter().filter(|attempt| may_be_paid(attempt.state));
    most.fold(Amount::ZERO, |sum, attempt| sum.plus(attempt.total_max).unwrap_or(Amount(u64::MAX)))
}

/// Whether an attempt is paid, or may yet be.
fn may_be_paid(state: AttemptState) -> bool {
    match state {
        AttemptState::Proposed | AttemptState::Opening | AttemptState::Running | AttemptState::Delivered => {
            true
        }
        AttemptState::Closed(outcome) => outcome.is_paid(),
        AttemptState::Refused(_)
        | AttemptState::Unanswered
        | AttemptState::Failed(_)
        | AttemptState::Cancelled => false,
    }
}
