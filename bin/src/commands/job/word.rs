//! Where a job, its run and its money are, in words that programs compare.
//!
//! **Invariant:** each is a word of a set that `docs/schemas/common.json` lists; what there is to tell beside it stands in
//! keys of its own.

use assay_market::view::{AttemptState, AttemptView};
use assay_peer::handle::JobView;

use super::{
    awaited,
    describe::{is_broken_off, is_cut_off, was_busy},
};

/// How far a submission is.
pub(super) fn state(job: &JobView) -> &'static str {
    let submission = &job.submission;
    if let Some(place) = job.awaits {
        return awaited::word(place);
    }
    match submission.foremost() {
        Some(attempt) => attempt_state(attempt.state),
        None if submission.cancelled && submission.ended => "cancelled",
        None if submission.ended && was_busy(submission) => "busy",
        None if submission.ended => "unmatched",
        None => "looking",
    }
}

/// How far an attempt is.
pub(super) fn attempt_state(state: AttemptState) -> &'static str {
    match state {
        AttemptState::Proposed => "proposed",
        AttemptState::Opening => "opening",
        AttemptState::Running => "running",
        AttemptState::Delivered => "delivered",
        AttemptState::Refused(_) => "refused",
        AttemptState::Unanswered => "unanswered",
        AttemptState::Failed(_) => "failed",
        AttemptState::Cancelled => "cancelled",
        AttemptState::Closed(_) => "closed",
    }
}

/// Where the client's money for an attempt is.
pub(super) fn money(state: AttemptState) -> &'static str {
    match state {
        AttemptState::Proposed | AttemptState::Opening => "unspent",
        AttemptState::Refused(_) | AttemptState::Unanswered | AttemptState::Cancelled => "unspent",
        AttemptState::Running | AttemptState::Delivered => "held",
        AttemptState::Failed(_) => "returning",
        AttemptState::Closed(outcome) if outcome.is_paid() => "paid",
        AttemptState::Closed(_) => "returned",
    }
}

/// What the runner itself came to.
pub(super) fn run(attempt: &AttemptView) -> &'static str {
    match (attempt.state, attempt.output) {
        (AttemptState::Failed(_), _) => "failed",
        (_, Some(_)) if is_broken_off(attempt) => "broken_off",
        (_, Some(_)) if is_cut_off(attempt) => "cut_off",
        (_, Some(_)) => "whole",
        (_, None) => "none",
    }
}
