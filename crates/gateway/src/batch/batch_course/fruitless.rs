//! Orders of which nothing came, and what keeps a batch from ordering more for now.
//!
//! **Invariant:** a line of which nothing came is recorded as that, or is ordered again under another name, which is on the disk
//! before; while anything is open nothing stops the batch but its user.

use assay_market::view::SubmissionView;
use assay_protocol::id::Digest;
use tokio::time::Instant;

use super::{BatchCourse, PATIENCE, STEP, STEP_MAX};
use crate::{
    BatchedFailure,
    batch::{batch_error::BatchError, batch_stop::BatchStop, open_line::OpenLine},
    known_besides::KnownBesides,
};

impl BatchCourse<'_> {
    /// Nothing came of an order: that is the end of its line, or it is ordered again.
    pub(super) async fn came_to_nothing(
        &mut self,
        submission: &SubmissionView,
        open: OpenLine,
    ) -> Result<(), BatchError> {
        let failure = BatchedFailure::of_submission(submission);
        let lacks = open.lacks(submission, &failure);
        let (line, cost) = (open.line, submission.cost_max());
        let passes = lacks.is_some() || failure.passes();
        if submission.cancelled || !passes && !self.fails_again(line) {
            return self.record_failure((line, open.attempt), &failure, cost);
        }
        let again = self.log.ordered_again(line, cost);
        self.log_all(&[again])?;
        self.payer.settle(submission.key, cost);
        self.forget(submission.key);
        self.queue.add(line);
        if !passes {
            // Somebody worked on it, though in vain.
            self.go_on();
        }
        match lacks {
            Some(stop) => self.lack(stop),
            None if self.open.is_empty() && self.moved.elapsed() > PATIENCE => {
                self.stop = Some(BatchStop::Nobody(self.why_nobody(submission, line).await?));
            }
            None => self.try_later(),
        }
        Ok(())
    }

    /// Why nobody takes an order of a line, with what the daemon knows besides.
    async fn why_nobody(&mut self, submission: &SubmissionView, line: usize) -> Result<String, BatchError> {
        let manifest = self.manifest(&self.gear.lines.request(line)?)?.digest();
        let besides = KnownBesides::of(submission, manifest, &self.daemon.handle).await;
        Ok(BatchedFailure::known(submission, &besides).line())
    }

    /// Counts a failed run of a line; whether it is ordered again. Where each order has one attempt, that is as often as an order
    /// has attempts elsewhere.
    fn fails_again(&mut self, line: usize) -> bool {
        let failures = self.failures.entry(line).or_default();
        *failures += 1;
        let failures = *failures;
        self.orders_singly() && failures < self.gear.settings.attempts_max
    }

    /// There is no money for another order: there may be when one is over.
    pub(super) fn lack(&mut self, stop: BatchStop) {
        self.waits_for_end = true;
        if self.open.is_empty() {
            self.stop = Some(stop.beyond(self.log.spent()));
        }
    }

    pub(super) fn try_later(&mut self) {
        let now = Instant::now();
        if now >= self.next_order {
            self.next_order = now + self.step;
            self.step = (self.step * 2).min(STEP_MAX);
        }
    }

    /// Something went on: there is no reason to wait any more.
    pub(super) fn go_on(&mut self) {
        let now = Instant::now();
        (self.moved, self.next_order, self.step) = (now, now, STEP);
    }

    /// Waits no longer for results that are paid and do not come.
    pub(super) async fn give_up_late(&mut self) -> Result<(), BatchError> {
        let now = Instant::now();
        let is_late = |open: &OpenLine| open.deadline.is_some_and(|deadline| deadline <= now);
        let late: Vec<(Digest, OpenLine)> =
            self.open.iter().filter(|(_, open)| is_late(open)).map(|(key, open)| (*key, *open)).collect();
        for (key, open) in late {
            let submission = self.daemon.known(vec![key]).await?.pop().map(|job| job.submission);
            match submission {
                // What was told of it was missed.
                Some(submission) if submission.answer().is_some() => self.take(&submission, false).await?,
                submission => {
                    let cost = submission.map_or(open.most, |submission| submission.cost_max());
                    let failure = BatchedFailure::undelivered(key);
                    self.record_failure((open.line, open.attempt), &failure, cost)?;
                }
            }
        }
        Ok(())
    }
}
