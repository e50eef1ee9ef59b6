//! Waiting for a job, saying how far it is, and knowing why it came to nothing.

use std::{future::pending, time::Duration};

use assay_market::view::{AttemptState, AttemptView, SubmissionView};
use assay_peer::{
    handle::{CallError, CancelJob, FrameError, Handle, Update, Updates, WatchUpdates},
    hearing::{Hearing, ShownAnswer},
};
use assay_protocol::{
    id::{Digest, JobId},
    manifest::Manifest,
    order::Failure,
};
use serde_json::json;
use tokio::time::Instant;

use super::{intake::intake, job, offers::passed};
use crate::{
    command_error::{CommandError, Exit, lost},
    daemon::RunningDaemon,
    invocation::Invocation,
    printer::{Printer, Spinner, full, short},
};

/// How long a notary may take to open a job before whoever waits is told. The daemon goes on asking it.
const NOTARY_WAIT: Duration = Duration::from_secs(30);

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// The result is here.
    Delivered,
    /// The job is closed and its receipt is here.
    Closed,
    /// The same, and its result held: one that did not is followed by the next attempt.
    Confirmed,
}

/// A job that is being waited for.
pub(crate) struct Waiting {
    key: Digest,
    updates: Updates<Update>,
    deadline: Option<Instant>,
    spinner: Spinner,
    /// Shows the answer as it is written, where it is one that can be.
    hearing: Option<Hearing>,
    /// The way to end it before it is there, where a part of it is worth something.
    ending: Option<Handle>,
    /// What runs, where that is known.
    manifest: Option<Manifest>,
    /// Whoever waits has ended it.
    cancels: bool,
    /// The attempt that is not opened yet, and since when.
    opening: Option<(JobId, Instant)>,
}

impl Waiting {
    /// Begins to wait.
    pub(crate) async fn new(
        daemon: &RunningDaemon,
        invocation: &Invocation,
        key: Digest,
        timeout: Option<Duration>,
    ) -> Result<Self, CommandError> {
        let updates = daemon.call(WatchUpdates { name: Some(full(key)) }).await?;
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let spinner = invocation.printer.spinner("looking for a provider");
        Ok(Self {
            key,
            updates,
            deadline,
            spinner,
            hearing: None,
            ending: None,
            manifest: None,
            cancels: false,
            opening: None,
        })
    }

    /// Has the answer shown as it is written, if it is a text.
    pub(crate) fn hearing(self, daemon: &RunningDaemon, manifest: &Manifest, printer: &Printer) -> Self {
        let is_shown = manifest.policy.is_proven_by_rows() && !printer.is_json();
        let hearing = is_shown.then(|| Hearing::new(daemon.handle.clone(), self.key));
        let ending = manifest.gives_parts().then(|| daemon.handle.clone());
        Self { hearing, ending, manifest: Some(manifest.clone()), ..self }
    }

    /// Hears nothing more; what was shown of the answer until now.
    pub(crate) fn heard(&mut self) -> ShownAnswer {
        self.hearing.take().map(Hearing::into_heard).unwrap_or_default()
    }

    /// Waits for something more, and shows what.
    pub(crate) fn goes_on(&mut self, text: &'static str, printer: &Printer) {
        self.spinner = printer.spinner(text);
    }

    /// The attempt that reached the goal.
    pub(crate) async fn until(&mut self, goal: Goal, printer: &Printer) -> Result<AttemptView, CommandError> {
        let deadline = self.deadline;
        let (key, spinner) = (self.key, self.spinner.clone());
        let reached = loop {
            let handle = self.ending.take().filter(|_| goal == Goal::Delivered);
            let reached = tokio::select! {
                reached = self.reached(goal, printer) => reached,
                () = alarm(deadline) => Err(timed_out(key)),
                _ = tokio::signal::ctrl_c() => {
                    let Some(handle) = handle else { break Err(interrupted(key, self.cancels)) };
                    self.cancels = true;
                    tokio::select! {
                        () = cancel(&handle, key, printer) => continue,
                        _ = tokio::signal::ctrl_c() => Err(interrupted(key, true)),
                    }
                }
            };
            break reached;
        };
        // What is printed from here on stands by itself.
        spinner.end();
        if reached.is_err() && !self.heard().shown.is_empty() {
            printer.piece("\n");
        }
        reached
    }

    async fn reached(&mut self, goal: Goal, printer: &Printer) -> Result<AttemptView, CommandError> {
        loop {
            let silent = self.opening.map(|(_, since)| since + NOTARY_WAIT);
            let update = tokio::select! {
                update = self.update(printer) => update,
                () = alarm(silent) => return Err(notary_silent(self.key)),
            };
            let Some(update) = update else { continue };
            let view = match update {
                Some(Ok(Update::Job(view))) => view,
                Some(Ok(Update::Event(_) | Update::Missed { .. })) => continue,
                Some(Err(CallError::Lost(error))) => return Err(lost(&error)),
                // A daemon that ends refuses to go on.
                Some(Err(CallError::Refused(_))) | None => return Err(lost(&FrameError::Ended)),
            };
            if let Some(attempt) = arrived(&view.submission, goal) {
                return Ok(attempt.clone());
            }
            if view.submission.ended {
                return Err(match goal {
                    Goal::Delivered | Goal::Closed => {
                        came_to_nothing(&view.submission, self.manifest.as_ref(), self.cancels)
                    }
                    Goal::Confirmed => job::why_nothing(&view.submission),
                });
            }
            if let (Some(hearing), Some(attempt)) = (&mut self.hearing, view.submission.running()) {
                hearing.follow(attempt);
            }
            self.opening = opening(&view.submission, self.opening);
            self.spinner.say(&job::state(&view.submission));
        }
    }

    /// What the daemon says next; nothing, if the provider said something before that.
    async fn update(&mut self, printer: &Printer) -> Option<Option<Result<Update, CallError>>> {
        let Some(hearing) = &mut self.hearing else { return Some(self.updates.next().await) };
        tokio::select! {
            update = self.updates.next() => Some(update),
            new = hearing.next() => {
                // Two that write to one terminal would write over each other.
                if !new.is_empty() {
                    self.spinner.end();
                    printer.piece(&new);
                }
                None
            }
        }
    }
}

fn arrived(submission: &SubmissionView, goal: Goal) -> Option<&AttemptView> {
    let has_arrived = |attempt: &&AttemptView| match goal {
        Goal::Delivered => attempt.output.is_some(),
        Goal::Closed | Goal::Confirmed => {
            matches!(attempt.state, AttemptState::Closed(_)) && attempt.receipt.is_some()
        }
    };
    let counts = |attempt: &&AttemptView| {
        attempt.output.is_some() && (goal != Goal::Confirmed || !attempt.is_refuted())
    };
    // A job that was closed without a result is followed by the next attempt, if there is one.
    submission.attempts.iter().rev().find(counts).filter(has_arrived)
}

/// The attempt that is not opened yet: a provider answers within seconds, and what takes longer is the notary's word. Nothing tells
/// that it is asked.
fn opening(submission: &SubmissionView, before: Option<(JobId, Instant)>) -> Option<(JobId, Instant)> {
    let last = submission.attempts.last()?;
    let waits = matches!(last.state, AttemptState::Proposed | AttemptState::Opening);
    let same = before.filter(|(job, _)| *job == last.job);
    waits.then(|| same.unwrap_or_else(|| (last.job, Instant::now())))
}

/// Ends an answer that somebody has seen enough of. What is written by then is paid and shown; who does not want to wait for
/// that leaves by saying the same again.
async fn cancel(handle: &Handle, key: Digest, printer: &Printer) {
    let cancelled = handle.call(CancelJob { name: full(key) }).await;
    printer.prompt("\n");
    printer.note(match cancelled {
        Ok(_) => "cancelled; what is written by now, if anything, is paid. Ctrl-C again leaves".to_owned(),
        Err(error) => format!("not cancelled: {error}. Ctrl-C again leaves"),
    });
}

/// What this comes to, unless somebody leaves before.
pub(crate) async fn unless_left<T>(
    work: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    tokio::select! {
        done = work => done,
        _ = tokio::signal::ctrl_c() => {
            let hint = "a job that was ordered goes on: `assay job ls` lists it";
            Err(CommandError::new(Exit::Interrupted, "INTERRUPTED", "left before the answer was there", hint))
        }
    }
}

async fn alarm(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => pending().await,
    }
}

fn timed_out(key: Digest) -> CommandError {
    let name = short(key);
    // The same command again would order another one.
    let hint =
        format!("it goes on: `assay job wait {name}` waits for it, and `assay job result {name}` prints it");
    CommandError::new(Exit::TimedOut, "TIMED_OUT", format!("the job {name} is not done yet"), hint)
        .with(json!({ "submission": full(key) }))
}

fn notary_silent(key: Digest) -> CommandError {
    let (name, seconds) = (short(key), NOTARY_WAIT.as_secs());
    let message = format!("the notary has not answered for {seconds} s: the job {name} is not opened");
    let hint = format!(
        "it goes on once the notary is back: `assay job wait {name}`; `assay job cancel {name}` ends it"
    );
    CommandError::new(Exit::NoPeers, "NOTARY_SILENT", message, hint).with(json!({ "submission": full(key) }))
}

fn interrupted(key: Digest, cancels: bool) -> CommandError {
    let goes = if cancels { "ends soon" } else { "goes on" };
    let hint = format!("the job {goes}: `assay job show {}` says how far it is", short(key));
    CommandError::new(Exit::Interrupted, "INTERRUPTED", "left before the job was done", hint)
        .with(json!({ "submission": full(key) }))
}

/// Why no attempt is left: the last thing that went wrong, or nobody that fits. Where the input is what was wrong, its model's
/// manifest says what would be right.
pub(crate) fn came_to_nothing(
    submission: &SubmissionView,
    manifest: Option<&Manifest>,
    by_hand: bool,
) -> CommandError {
    let unmatched = submission.unmatched.clone().unwrap_or_default();
    let details =
        json!({ "submission": full(submission.key), "unmatched": passed::counts(&unmatched, None) });
    let story = format!("`assay job show {}` tells the story; nothing was spent", short(submission.key));
    if submission.cancelled {
        let exit = if by_hand { Exit::Interrupted } else { Exit::JobFailed };
        let hint = format!("`assay job show {}` tells the story", short(submission.key));
        return CommandError::new(exit, "CANCELLED", "the job was cancelled", hint).with(details);
    }
    if let Some(failure) = unmatched.failure {
        let message = format!("every attempt failed, the last: {failure}");
        let takes = manifest.filter(|_| failure == Failure::BadInput).and_then(intake);
        let hint = match takes {
            Some(takes) => format!("{takes}; {story}"),
            None => story,
        };
        return CommandError::new(Exit::JobFailed, "JOB_FAILED", message, hint).with(details);
    }
    passed::failure(&unmatched, &story).with(details)
}

#[cfg(test)]
mod tests {
    use assay_market::submission::{OverFunds, Unmatched};
    use assay_protocol::{order::Refusal, units::Amount};

    use super::*;

    const OVER: OverFunds = OverFunds { free: Amount(300_000_000), need: Amount(900_000_000) };

    fn ended(unmatched: Unmatched) -> SubmissionView {
        SubmissionView {
            key: Digest::default(),
            manifest: "digits".to_owned(),
            attempts: Vec::new(),
            cancelled: false,
            ended: true,
            unmatched: Some(unmatched),
        }
    }

    #[test]
    fn a_job_that_came_to_nothing_says_why_in_one_line() {
        let none = Unmatched::default;
        let cases = [
            (none(), Exit::NoMatch, "no offer matches: 0 seen"),
            (
                Unmatched { offers: 7, price: 5, expired: 2, ..none() },
                Exit::NoMatch,
                "no offer matches: 7 seen, 5 above --max-price, 2 expired",
            ),
            (
                Unmatched { offers: 1, cost: 1, ..none() },
                Exit::Money,
                "the one offer that fits costs more than --max-cost",
            ),
            (
                Unmatched { offers: 3, cost: 2, ..none() },
                Exit::Money,
                "all of the 2 offers that fit cost more than --max-cost",
            ),
            (
                Unmatched { offers: 2, price: 2, price_least: Some(Amount(50_000_000)), ..none() },
                Exit::NoMatch,
                "no offer matches: 2 seen, 2 above --max-price; the least asks 0.05 credits a unit",
            ),
            (
                Unmatched { offers: 2, cost: 2, cost_least: Some(Amount(140_000_000)), ..none() },
                Exit::Money,
                "all of the 2 offers that fit cost more than --max-cost, the least 0.14 credits",
            ),
            (
                Unmatched { refusal: Some(Refusal::Funds), over_funds: Some(OVER), ..none() },
                Exit::Money,
                "the account holds 0.30 credits, and the job needs 0.90 at most",
            ),
            (
                Unmatched { refusal: Some(Refusal::Funds), ..none() },
                Exit::Money,
                "every offer was refused, the last: the client's account does not hold the total and what it has to keep beside it",
            ),
            (
                Unmatched { failure: Some(Failure::BadInput), ..none() },
                Exit::JobFailed,
                "every attempt failed, the last: the runner refuses the input",
            ),
        ];
        for (unmatched, exit, message) in cases {
            let failure = came_to_nothing(&ended(unmatched), None, false);
            assert_eq!(failure.exit(), exit, "{message}");
            assert_eq!(failure.to_json()["error"]["message"], message);
        }
    }
}
