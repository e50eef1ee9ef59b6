//! A line whose order is not over: what it may cost yet, and what was lacking if nothing came of it.
//!
//! **Invariant:** until an answer is here all that the order may cost is spoken for.

use assay_market::view::{AttemptState, SubmissionView};
use assay_protocol::{order::Refusal, units::Amount};
use tokio::time::Instant;

use super::batch_stop::BatchStop;
use crate::BatchedFailure;

/// A line whose order is not over.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenLine {
    pub(super) line: usize,
    pub(super) attempt: u32,
    /// The most that it may cost before anybody works on it.
    pub(super) most: Amount,
    /// The ceiling left less to it than it might have had.
    pub(super) is_short: bool,
    /// Somebody works on it.
    pub(super) is_taken_up: bool,
    /// Its answer is here.
    pub(super) is_answered: bool,
    /// Until when a result is waited for that is paid.
    pub(super) deadline: Option<Instant>,
}

impl OpenLine {
    /// True while nobody works on it, nor has.
    pub(super) fn waits(&self) -> bool {
        !self.is_taken_up && !self.is_answered
    }

    /// What is spoken for by it: until its answer is here all that it may cost, beside what attempts of it have cost that came to
    /// nothing.
    pub(super) fn reserved(&self, submission: &SubmissionView) -> Amount {
        if submission.answer().is_some() {
            return submission.cost_max();
        }
        let costs = submission.attempts.iter().filter_map(|attempt| attempt.cost);
        costs.fold(self.most, |sum, cost| sum.plus(cost).unwrap_or(Amount(u64::MAX)))
    }

    /// The money that was not there for it, if that was why nothing came of it.
    pub(super) fn lacks(&self, submission: &SubmissionView, failure: &BatchedFailure) -> Option<BatchStop> {
        if submission.cancelled {
            return None;
        }
        let unmatched = submission.unmatched.as_ref();
        if let Some(over) = unmatched.and_then(|unmatched| unmatched.over_day) {
            return Some(BatchStop::OverDay(over));
        }
        if let Some(unmatched) = unmatched.filter(|unmatched| self.is_short && unmatched.cost > 0) {
            return Some(BatchStop::Ceiling { enough: unmatched.cost_least });
        }
        let last = submission.attempts.last().map(|attempt| attempt.state);
        (last == Some(AttemptState::Refused(Refusal::Funds))).then(|| BatchStop::Money(failure.line()))
    }
}
