//! A line whose order is not over: what it may cost yet, and what was lacking if nothing came of it.
//!
//! **Invariant:** until an answer is here all that the order may cost is spoken for.

use assay_market::view::{AttemptState, AttemptView, SubmissionView};
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

    /// What is spoken for by it: until its answer is here all that it may cost, of which attempts that came to nothing have used
    /// some. What was opened beyond that, because an order that was given up was opened late, counts all the same.
    pub(super) fn reserved(&self, submission: &SubmissionView) -> Amount {
        if submission.answer().is_some() {
            return submission.cost_max();
        }
        let is_opened = |attempt: &&AttemptView| attempt.rate.is_some() || attempt.cost.is_some();
        let costs =
            submission.attempts.iter().filter(is_opened).map(|attempt| attempt.cost.unwrap_or(attempt.held));
        self.most.max(costs.fold(Amount::ZERO, |sum, cost| sum.plus(cost).unwrap_or(Amount(u64::MAX))))
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

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use assay_protocol::{id::Digest, outcome::Outcome, units::Rate};

    use super::*;
    use crate::stand_in::{attempted, submission};

    /// One that was opened, and holds so much, or has cost it, and whether its result is here.
    fn attempt(held: u64, cost: Option<u64>, gave: bool) -> AttemptView {
        let state = cost.map_or(AttemptState::Running, |_| AttemptState::Closed(Outcome::Aborted));
        let opened = attempted(state, Some(Rate::ONE)).attempts.remove(0);
        let output = gave.then_some(Digest::default());
        AttemptView { held: Amount(held), cost: cost.map(Amount), output, ..opened }
    }

    #[test]
    fn what_attempts_that_came_to_nothing_have_cost_is_of_what_their_line_may_cost() {
        let line = OpenLine {
            line: 0,
            attempt: 0,
            most: Amount(10),
            is_short: false,
            is_taken_up: false,
            is_answered: false,
            deadline: None,
        };
        let reserved =
            |attempts: Vec<AttemptView>| line.reserved(&SubmissionView { attempts, ..submission() }).0;
        let lost = || attempt(10, Some(2), false);
        let asked =
            || AttemptView { held: Amount(10), ..attempted(AttemptState::Proposed, None).attempts.remove(0) };
        assert_eq!(reserved(vec![asked(), asked()]), 10, "one of them is opened");
        assert_eq!(reserved(vec![lost(), lost()]), 10, "the next has what those leave");
        assert_eq!(reserved(vec![lost(), attempt(8, None, false)]), 10);
        assert_eq!(
            reserved(vec![lost(), attempt(8, None, false), attempt(8, None, false)]),
            18,
            "opened late"
        );
        assert_eq!(reserved(vec![lost(), attempt(5, None, true)]), 7, "its answer is here");
    }
}
