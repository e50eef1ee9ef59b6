//! A job that somebody waits for: what becomes of it, and of what was reserved for it, if nobody does any more.
//!
//! **Invariant:** from the moment that the daemon may have it, it is cancelled unless it was delivered or is over; that is tried
//! for a minute, until the daemon has heard it or has said that it is too late. One whose request has a key is waited for before
//! that: its client may come back, also while it is tried. What was reserved is settled once the job is over and not before: one
//! that was delivered may yet be refuted, and another provider asked.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use assay_market::view::AwaitedPlace;
use assay_peer::handle::{CallError, CancelJob, KnownJobs, Refused};
use assay_protocol::{id::Digest, units::Amount};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout, timeout_at},
};

use crate::{keyed_answers::AnswerWaiter, link::DaemonLink, spending::Allowance};

/// How long a daemon that is not there is asked again to cancel.
const CANCEL_WAIT: Duration = Duration::from_secs(60);
/// Between two tries.
const CANCEL_STEP: Duration = Duration::from_millis(250);
/// How long the end of a job is waited for that nobody else waits for.
const END_WAIT: Duration = Duration::from_secs(60 * 60);
/// Between two looks for it, at first and at most.
const SETTLE_STEP: Duration = Duration::from_secs(2);
const SETTLE_STEP_MAX: Duration = Duration::from_secs(30);

/// Jobs that are being ordered or cancelled, whoever still waits for that.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cancels(Arc<Mutex<JoinSet<()>>>);

impl Cancels {
    /// Does something to its end, whoever waits for it.
    pub(crate) fn begin(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut cancels = self.lock();
        while cancels.try_join_next().is_some() {}
        cancels.spawn(work);
    }

    /// Waits until all is done, also what begins meanwhile, or for so long.
    pub(crate) async fn finish(&self, most: Duration) {
        let all = async {
            loop {
                let some = std::mem::take(&mut *self.lock());
                if some.is_empty() {
                    return;
                }
                some.join_all().await;
            }
        };
        // What is not cancelled by then goes on in the daemon.
        let _ = timeout(most, all).await;
    }

    fn lock(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// Who waits for it, where its request has a key.
    waiter: Option<AnswerWaiter>,
    /// For want of what it is to be cancelled, if it is.
    lacked: Option<AwaitedPlace>,
    is_over: bool,
}

impl WaitedJob {
    /// A job that the daemon is about to take.
    pub(crate) fn new(
        (link, cancels): (DaemonLink, Cancels),
        key: Digest,
        allowance: Option<Allowance>,
        waiter: Option<AnswerWaiter>,
    ) -> Self {
        Self { link, cancels, key, allowance, waiter, lacked: None, is_over: false }
    }

    /// Whether somebody may ask for its result again.
    pub(crate) fn has_key(&self) -> bool {
        self.waiter.is_some()
    }

    /// The submission.
    pub(crate) fn key(&self) -> Digest {
        self.key
    }

    /// If it is cancelled now, then for want of this, whoever else waits for it.
    pub(crate) fn withdraw(&mut self, lacked: AwaitedPlace) {
        self.lacked = Some(lacked);
        self.waiter.iter().for_each(|waiter| waiter.withdraw(lacked));
    }

    /// For want of what it was cancelled, if somebody who waits for it has had that done.
    pub(crate) fn lacked(&self) -> Option<AwaitedPlace> {
        self.lacked.or_else(|| self.waiter.as_ref()?.lacked())
    }

    /// It is over, and has cost at most this.
    pub(crate) fn end(&mut self, cost: Amount) {
        self.is_over = true;
        if let Some(allowance) = self.allowance.take() {
            tokio::task::spawn_blocking(move || allowance.settle(cost));
        }
    }

    /// Its result was read: it is not cancelled any more, and what it costs is known when it is over.
    pub(crate) fn delivered(&mut self) {
        self.is_over = true;
        if let Some(allowance) = self.allowance.take() {
            tokio::spawn(settle(self.link.clone(), self.key, allowance));
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
        if let Some(waiter) = self.waiter.take() {
            if let Some(allowance) = allowance {
                tokio::spawn(settle(link.clone(), key, allowance));
            }
            // The end of a gateway ends this: the job goes on, and is there for whoever asks again.
            tokio::spawn(async move {
                let left = waiter.leave_for_long().await;
                cancel(&link, key, || left.is_alone()).await;
            });
            return;
        }
        self.cancels.begin(async move {
            cancel(&link, key, || true).await;
            // Not waited for by whoever waits until all are cancelled.
            if let Some(allowance) = allowance {
                tokio::spawn(settle(link, key, allowance));
            }
        });
    }
}

/// Cancels a job, whatever becomes of the daemon meanwhile, as long as nobody wants it.
async fn cancel(link: &DaemonLink, key: Digest, is_unwanted: impl Fn() -> bool) {
    let deadline = Instant::now() + CANCEL_WAIT;
    while Instant::now() < deadline {
        if !is_unwanted() {
            return;
        }
        let asked = async {
            let handle = link.connect().await.ok()?;
            Some(handle.call(CancelJob { name: key.to_string() }).await)
        };
        match timeout_at(deadline, asked).await {
            Err(_) => break,
            Ok(None | Some(Err(CallError::Refused(Refused::Ending) | CallError::Lost(_)))) => {
                sleep(CANCEL_STEP).await;
            }
            // It is cancelled, it is too late, or there is nothing to cancel.
            Ok(Some(Ok(_) | Err(CallError::Refused(_)))) => return,
        }
    }
    tracing::warn!(%key, "a job that nobody waits for is not cancelled: the daemon is not reached");
}

/// Waits for the end of a job, and counts what it has cost. Where that is not learnt, all that was reserved stays counted. It is
/// looked for now and then: a connection for each job that waits for its close would leave none to others.
async fn settle(link: DaemonLink, key: Digest, allowance: Allowance) {
    let ended = timeout_at(Instant::now() + END_WAIT, async {
        let mut step = SETTLE_STEP;
        loop {
            if let Some(cost) = cost_at_end(&link, key).await {
                return cost;
            }
            sleep(step).await;
            step = (step * 2).min(SETTLE_STEP_MAX);
        }
    });
    if let Ok(cost) = ended.await {
        tokio::task::spawn_blocking(move || allowance.settle(cost));
    }
}

/// What a job has cost, if it has ended; nothing, if it has not or the daemon is away.
async fn cost_at_end(link: &DaemonLink, key: Digest) -> Option<Amount> {
    let handle = link.connect().await.ok()?;
    match handle.call(KnownJobs { keys: vec![key] }).await.ok()?.pop() {
        Some(job) => job.submission.ended.then(|| job.submission.cost_max()),
        // It was never ordered.
        None => Some(Amount::ZERO),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use assay_peer::config::Home;

    use super::*;

    #[tokio::test]
    async fn a_job_is_cancelled_no_more_once_its_client_is_back_though_the_daemon_was_away() {
        let folder = tempfile::tempdir().unwrap();
        let link = DaemonLink(Home::at(folder.path()));
        let (began, looks) = (Instant::now(), Cell::new(0));
        let is_unwanted = || looks.replace(looks.get() + 1) == 0;
        cancel(&link, Digest::default(), is_unwanted).await;
        assert_eq!(looks.get(), 2, "one try found no daemon");
        assert!(began.elapsed() < CANCEL_WAIT);
    }
}
