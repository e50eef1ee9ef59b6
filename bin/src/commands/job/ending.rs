//! What the end of a job is to whoever waits for it: all is well, or a failure with its exit code.

use assay_market::view::{AttemptState, AttemptView, SubmissionView};
use assay_peer::{config::Home, handle::KnownJobs};
use assay_protocol::{id::Digest, units::Amount};
use serde_json::json;

use super::describe::outcome_words;
use crate::{
    command_error::{CommandError, Exit},
    commands::run::{
        ceiling::{CeilingNames, ShorterAnswer},
        follow::{came_to_nothing, not_delivered},
    },
    daemon::RunningDaemon,
    printer::{full, short},
};

/// A job that is over, as a failure unless its result is here and was paid for.
pub(super) fn judge<'a>(
    submission: &'a SubmissionView,
    limits: (&str, CeilingNames),
) -> Result<&'a AttemptView, CommandError> {
    match submission.answer() {
        Some(answer) => Ok(answer),
        None => Err(why_nothing(submission, limits)),
    }
}

/// Where the limits of a job are from, as far as that is known.
pub(super) async fn ceilings(daemon: &RunningDaemon, submission: Digest, home: &Home) -> CeilingNames {
    let known = daemon.handle.call(KnownJobs { keys: vec![submission] }).await.unwrap_or_default();
    let Some(known) = known.first() else { return CeilingNames::of_order(None, None, home) };
    let shorter = if known.gives_parts { ShorterAnswer::Perhaps } else { ShorterAnswer::Never };
    CeilingNames::of_order(known.cost_max, known.unit_price_max, home).beside(shorter, None)
}

/// Why there is no result that anybody should use.
pub(super) fn why_nothing(submission: &SubmissionView, limits: (&str, CeilingNames)) -> CommandError {
    if submission.is_paid() {
        return not_delivered(submission.key);
    }
    match submission.refuted().last() {
        Some(refuted) => refuted_error(submission, refuted),
        None => came_to_nothing(submission, None, false, limits),
    }
}

/// What attempts of a job have cost of which nothing came, or may yet; nothing where no money moved.
pub(crate) fn cost_words(submission: &SubmissionView, unit: &str) -> Option<String> {
    let known = submission.attempts.iter().filter_map(|attempt| attempt.cost);
    let known = known.fold(Amount::ZERO, |sum, cost| sum.plus(cost).unwrap_or(sum));
    let open = submission.cost_max().minus_up_to(known);
    let spent = (!known.is_zero()).then(|| format!("{known} {unit}s were spent on attempts"));
    let held = (!open.is_zero()).then(|| {
        format!(
            "{open} {unit}s are held for attempts that are not closed: what nobody claims of it comes back, but for fees"
        )
    });
    let told: Vec<String> = spent.into_iter().chain(held).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// The last result did not hold.
pub(crate) fn refuted_error(submission: &SubmissionView, refuted: &AttemptView) -> CommandError {
    let name = short(submission.key);
    let AttemptState::Closed(outcome) = refuted.state else { unreachable!("what is refuted is closed") };
    let message = format!("the result of {name} is not confirmed: {}", outcome_words(outcome));
    let hint = match submission.ended {
        true => format!("do not use it; its provider was not paid. `assay job retry {name}` orders it again"),
        false => format!(
            "do not use it; its provider was not paid, and another provider is asked: `assay job wait {name}`, then `assay job result {name}`; `assay job cancel {name}` ends that"
        ),
    };
    let details = json!({ "submission": full(submission.key), "job": full(refuted.job), "outcome": outcome });
    CommandError::new(Exit::NotVerified, "NOT_CONFIRMED", message, hint).with(details)
}
