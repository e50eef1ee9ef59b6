//! Waiting for a job, saying how far it is, and knowing why it came to nothing.

#[cfg(test)]
mod tests;

use std::{future::pending, time::Duration};

use assay_gateway::lost_amid;
use assay_market::{
    held_money::HeldMoney,
    view::{AttemptState, AttemptView, SubmissionView},
};
use assay_peer::{
    handle::{CallError, CancelJob, FrameError, Handle, ProvidersAway, Update, Updates, WatchUpdates},
    hearing::{Hearing, ShownAnswer},
};
use assay_protocol::{
    genesis::Genesis,
    id::Digest,
    manifest::Manifest,
    order::{Failure, Refusal},
    outcome::Outcome,
};
use serde_json::json;
use tokio::time::Instant;

use super::{
    ceiling::CeilingNames,
    closing,
    funds_now::stated_anew,
    intake::intake,
    job,
    notary_wait::NotaryWait,
    offers::{
        away,
        passed::{self, NOTHING_SPENT},
    },
    wished_order::WishedOrder,
};
use crate::{
    command_error::{CommandError, Exit, lost},
    daemon::RunningDaemon,
    invocation::Invocation,
    printer::{Printer, Spinner, full, short},
};

/// How long a result is waited for that is paid already.
const PAID_WAIT: Duration = Duration::from_secs(30);

/// What is waited for while the provider that writes an answer says nothing.
const UNTIL_MORE: &str = "waiting for more of the answer";
/// What is waited for once a result is here.
const UNTIL_CLOSED: &str = "waiting until it is closed";
/// What is waited for where it was closed before its result came.
const UNTIL_HERE: &str = "it is paid; waiting for its result";

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
    /// What runs.
    manifest: Manifest,
    /// The rules by which it is closed.
    genesis: Genesis,
    /// Where the limits of its order are from.
    ceilings: CeilingNames,
    /// What was asked for, where that is known.
    wish: Option<WishedOrder>,
    updates: Updates<Update>,
    deadline: Option<Instant>,
    spinner: Spinner,
    /// Shows the answer as it is written, where it is one that can be.
    hearing: Option<Hearing>,
    /// Some of it was shown.
    is_shown: bool,
    /// The way to end it before it is there, where a part of it is worth something.
    ending: Option<Handle>,
    handle: Handle,
    /// Whoever waits has ended it.
    cancels: bool,
    /// How long the notary is waited for.
    notary: NotaryWait,
    /// Until when a result is waited for that is paid already.
    paid_deadline: Option<Instant>,
    /// What was held for the attempt that reached the goal when it did.
    held: Option<HeldMoney>,
}

impl Waiting {
    /// Begins to wait.
    pub(crate) async fn new(
        daemon: &RunningDaemon,
        invocation: &Invocation,
        (key, manifest): (Digest, &Manifest),
        timeout: Option<Duration>,
    ) -> Result<Self, CommandError> {
        let updates = daemon.call(WatchUpdates { name: Some(full(key)) }).await?;
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let spinner = invocation.printer.spinner("looking for a provider");
        let handle = daemon.handle.clone();
        Ok(Self {
            key,
            manifest: manifest.clone(),
            genesis: daemon.genesis.clone(),
            ceilings: CeilingNames::default(),
            wish: None,
            updates,
            deadline,
            spinner,
            hearing: None,
            is_shown: false,
            ending: manifest.gives_parts().then(|| handle.clone()),
            handle,
            cancels: false,
            notary: NotaryWait::begin(),
            paid_deadline: None,
            held: None,
        })
    }

    /// Says of what costs too much which limit that is above, and what of it would not.
    pub(crate) fn under(self, ceilings: CeilingNames, wish: WishedOrder) -> Self {
        Self { ceilings, wish: Some(wish), ..self }
    }

    /// Has the answer shown as it is written, if it is a text.
    pub(crate) fn hearing(self, printer: &Printer) -> Self {
        let is_shown = self.manifest.policy.is_proven_by_rows() && !printer.is_json();
        Self { hearing: is_shown.then(|| Hearing::new(self.handle.clone(), self.key)), ..self }
    }

    /// What was held for the attempt that reached the goal when it did; nothing if it was closed.
    pub(crate) fn held(&self) -> Option<&HeldMoney> {
        self.held.as_ref()
    }

    /// Hears nothing more; what was shown of the answer until now.
    pub(crate) fn heard(&mut self) -> ShownAnswer {
        self.hearing.take().map(Hearing::into_heard).unwrap_or_default()
    }

    /// Waits for its close as well.
    pub(crate) fn goes_on(&mut self, printer: &Printer) {
        self.spinner = printer.spinner(UNTIL_CLOSED);
    }

    /// Shows how long its close may take.
    async fn say_how_long(&self) {
        let longest = closing::longest(&self.handle, &self.genesis, self.key).await;
        self.spinner.say(&closing::words(UNTIL_CLOSED, longest));
    }

    /// The attempt that reached the goal.
    pub(crate) async fn until(&mut self, goal: Goal, printer: &Printer) -> Result<AttemptView, CommandError> {
        let deadline = self.deadline;
        let key = self.key;
        let reached = loop {
            let handle = self.ending.take().filter(|_| goal != Goal::Closed);
            let reached = tokio::select! {
                reached = self.reached(goal, printer) => reached,
                () = alarm(deadline) => Err(timed_out(key)),
                _ = tokio::signal::ctrl_c() => {
                    let Some(handle) = handle else { break Err(left(key, goal, self.cancels)) };
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
        self.spinner.end();
        if reached.is_err() && !self.heard().shown.is_empty() {
            printer.piece("\n");
        }
        reached
    }

    async fn reached(&mut self, goal: Goal, printer: &Printer) -> Result<AttemptView, CommandError> {
        if goal == Goal::Closed {
            self.say_how_long().await;
        }
        loop {
            let (look, paid_deadline) = (self.notary.next_look(), self.paid_deadline);
            let update = tokio::select! {
                update = self.update(printer) => update,
                () = alarm(look) => {
                    let job = (&self.handle, self.key);
                    self.notary.look(job, self.deadline.is_some(), printer).await?;
                    continue;
                }
                () = alarm(paid_deadline) => return Err(not_delivered(self.key)),
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
                self.held = view.held_for(attempt.job).cloned();
                return Ok(attempt.clone());
            }
            if is_on_its_way(&view.submission) {
                self.notary.hear(&view.submission);
                self.paid_deadline.get_or_insert_with(|| Instant::now() + PAID_WAIT);
                self.spinner.say(UNTIL_HERE);
                continue;
            }
            if view.submission.ended {
                return Err(self.why_nothing(&view.submission, goal).await);
            }
            if let (Some(hearing), Some(attempt)) = (&mut self.hearing, view.submission.running()) {
                hearing.follow(attempt);
            }
            let state = view.submission.foremost().map(|attempt| attempt.state);
            self.notary.hear(&view.submission);
            // What is said of a result that is here is how long whoever wants more may wait.
            match state {
                Some(AttemptState::Delivered) if goal != Goal::Delivered => self.say_how_long().await,
                Some(_) | None => self.spinner.say(&job::state(&view)),
            }
        }
    }

    /// Why a job that is over did not come to what was waited for.
    async fn why_nothing(&self, submission: &SubmissionView, goal: Goal) -> CommandError {
        let submission = &stated_anew(submission, &self.genesis.notaries, &self.handle).await;
        let is_too_dear = submission.unmatched.as_ref().is_some_and(|unmatched| unmatched.cost > 0);
        let ceilings = match self.wish.as_ref().filter(|_| is_too_dear) {
            Some(wish) => wish.below(self.ceilings, &self.manifest, &self.handle).await,
            None => self.ceilings,
        };
        match (submission.answer(), submission.refuted().last()) {
            (Some(answer), _) if goal == Goal::Confirmed => not_checked(submission.key, answer),
            (None, Some(refuted)) if goal == Goal::Confirmed => job::refuted_error(submission, refuted),
            (Some(_) | None, _) => {
                let limits = (self.genesis.unit.as_str(), ceilings);
                let failure = why_in_vain(submission, Some(&self.manifest), self.cancels, limits);
                let failure = match away::may_be_why(&failure) {
                    true => {
                        let manifest = self.manifest.digest();
                        let providers =
                            ProvidersAway::of_submission(&self.handle, manifest, submission).await;
                        away::beside(failure, &providers)
                    }
                    false => failure,
                };
                with_cost(failure, submission, limits.0)
            }
        }
    }

    /// What the daemon says next; nothing, if the provider said something before that.
    async fn update(&mut self, printer: &Printer) -> Option<Option<Result<Update, CallError>>> {
        let Some(hearing) = &mut self.hearing else { return Some(self.updates.next().await) };
        tokio::select! {
            update = self.updates.next() => Some(update),
            new = hearing.next() => {
                if !new.is_empty() {
                    self.notary.hear_words();
                    self.shows(printer);
                    printer.piece(&new);
                }
                None
            }
        }
    }

    /// From here on words move, and nothing else on a terminal: two that write to one would write over each other. Elsewhere a
    /// line still says what is waited for where no more of them come.
    fn shows(&mut self, printer: &Printer) {
        if !self.is_shown {
            self.is_shown = true;
            self.spinner.end();
            self.spinner = printer.patience(UNTIL_MORE);
        }
    }
}

fn arrived(submission: &SubmissionView, goal: Goal) -> Option<&AttemptView> {
    let closed = |attempt: &AttemptView| {
        if let AttemptState::Closed(outcome) = attempt.state {
            attempt.receipt.map(|_| outcome)
        } else {
            None
        }
    };
    let has_arrived = |attempt: &&AttemptView| match goal {
        Goal::Delivered => attempt.output.is_some(),
        Goal::Closed => closed(attempt).is_some(),
        Goal::Confirmed => matches!(closed(attempt), Some(Outcome::Checked | Outcome::Cleared)),
    };
    let counts = |attempt: &&AttemptView| {
        let is_wanted = goal != Goal::Confirmed || !attempt.is_refuted();
        attempt.output.is_some() && is_wanted && !submission.awaits_rest(attempt)
    };
    // A job that was closed without a result, or with a part of one, is followed by the next attempt, if there is one.
    submission.attempts.iter().rev().find(counts).filter(has_arrived)
}

/// Whether a job is over and paid, and its result is not here: it was closed before that came, and its provider is still asked.
fn is_on_its_way(submission: &SubmissionView) -> bool {
    submission.ended && submission.is_paid() && submission.answer().is_none()
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
        // First: what was read to its end because somebody left is not to be ordered.
        biased;
        _ = tokio::signal::ctrl_c() => {
            let hint = "a job that was ordered goes on: `assay job ls` lists it";
            Err(CommandError::new(Exit::Interrupted, "INTERRUPTED", "left before the answer was there", hint))
        }
        done = work => done,
    }
}

/// Ends then; never, where there is no such time.
pub(crate) async fn alarm(deadline: Option<Instant>) {
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

/// It was paid for, and is not here.
pub(crate) fn not_delivered(key: Digest) -> CommandError {
    let name = short(key);
    let message = format!("the job {name} was paid for, and its result has not come");
    let hint = format!(
        "its provider is asked for some minutes: `assay job result {name}` prints it if it still comes, and `assay receipt show {name}` proves what was claimed"
    );
    CommandError::new(Exit::JobFailed, "NOT_DELIVERED", message, hint)
        .with(json!({ "submission": full(key) }))
}

/// A check was paid for, and nobody's agrees.
fn not_checked(key: Digest, answer: &AttemptView) -> CommandError {
    let name = short(key);
    let AttemptState::Closed(outcome) = answer.state else { unreachable!("what is over is closed") };
    let message = format!("no check confirms the result of {name}: {}", job::outcome_words(outcome));
    let hint = format!("it is not shown; `assay job result {name}` prints it all the same");
    let details = json!({ "submission": full(key), "job": full(answer.job), "outcome": outcome });
    CommandError::new(Exit::NotVerified, "NOT_CHECKED", message, hint).with(details)
}

/// Whoever waits for the close has been shown the answer.
fn left(key: Digest, goal: Goal, cancels: bool) -> CommandError {
    if goal != Goal::Closed {
        return interrupted(key, cancels);
    }
    let name = short(key);
    let hint = format!(
        "it goes on: `assay job result {name}` prints what it gave, `assay receipt show {name}` its receipt then"
    );
    CommandError::new(Exit::Interrupted, "INTERRUPTED", "left before the job was closed", hint)
        .with(json!({ "submission": full(key) }))
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
    (unit, ceilings): (&str, CeilingNames),
) -> CommandError {
    with_cost(why_in_vain(submission, manifest, by_hand, (unit, ceilings)), submission, unit)
}

/// The same failure, with what attempts have cost.
fn with_cost(failure: CommandError, submission: &SubmissionView, unit: &str) -> CommandError {
    let Some(cost) = job::cost_words(submission, unit) else { return failure };
    let [_, hint] = failure.lines();
    let hint = match hint.contains(NOTHING_SPENT) {
        true => hint.replace(NOTHING_SPENT, &cost),
        false => format!("{hint}; {cost}"),
    };
    // What the number for money says is that nothing was spent.
    let exit = if failure.exit() == Exit::Money { Exit::JobFailed } else { failure.exit() };
    failure.hinting(hint).ending(exit)
}

/// The same, as if no attempt had cost anything.
fn why_in_vain(
    submission: &SubmissionView,
    manifest: Option<&Manifest>,
    by_hand: bool,
    (unit, ceilings): (&str, CeilingNames),
) -> CommandError {
    let unmatched = submission.unmatched.clone().unwrap_or_default();
    let details =
        json!({ "submission": full(submission.key), "unmatched": passed::counts(&unmatched, None) });
    let story = format!("`assay job show {}` tells the story; {NOTHING_SPENT}", short(submission.key));
    if submission.cancelled {
        let exit = if by_hand { Exit::Interrupted } else { Exit::JobFailed };
        let hint = format!("`assay job show {}` tells the story", short(submission.key));
        return CommandError::new(exit, "CANCELLED", "the job was cancelled", hint).with(details);
    }
    if let Some(failure) = unmatched.failure {
        let message = match submission.attempts.as_slice() {
            [_] => format!("the attempt failed: {failure}"),
            _ => format!("every attempt failed, the last: {failure}"),
        };
        let takes = manifest.filter(|_| failure == Failure::BadInput).and_then(intake);
        let hint = match takes {
            Some(takes) => format!("{takes}; {story}"),
            None => story,
        };
        return CommandError::new(Exit::JobFailed, "JOB_FAILED", message, hint).with(details);
    }
    // Whatever others said since, it is the money that its user can do something about.
    let is_lacking = |attempt: &&AttemptView| attempt.state == AttemptState::Refused(Refusal::Funds);
    let lacking = submission.attempts.iter().rev().find(is_lacking);
    match lacking.filter(|_| unmatched.over_funds.is_none()) {
        Some(lacking) => passed::no_funds(Some(lacking.total_max), unit).with(details),
        None => {
            let failure = passed::failure(&unmatched, (unit, ceilings), &story);
            let failure = match lost_amid(submission).filter(|_| failure.code() == "NO_MATCH") {
                Some(lost) => provider_lost(lost, &failure, unmatched.other_provider > 0, &story),
                None => failure,
            };
            failure.with(details)
        }
    }
}

/// A provider was lost in the middle, and then nobody else was found. That it was the only one wished for is what may help.
fn provider_lost(lost: &AttemptView, unmatched: &CommandError, is_named: bool, story: &str) -> CommandError {
    let [nobody, _] = unmatched.lines();
    let provider = short(lost.provider);
    let message =
        format!("provider {provider} was lost in the middle of the job, and is paid nothing; {nobody}");
    let again = match is_named {
        true => "say the same again without --provider, and another one is asked",
        false => "say the same again in a moment: somebody else may offer it then",
    };
    CommandError::new(Exit::JobFailed, "PROVIDER_LOST", message, format!("{again}; {story}")).retryable()
}
