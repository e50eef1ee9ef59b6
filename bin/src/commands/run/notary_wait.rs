//! How long a notary is waited for, and what is told of one that is gone or says nothing.
//!
//! **Invariant:** whoever says how long to wait is not left before, and told once; anybody else is told as soon as it can be known.

use std::time::Duration;

use assay_market::view::{AttemptState, SubmissionView};
use assay_peer::handle::{CallError, Handle, LookForNotary, LostNotary, Refused, ShowJob};
use assay_protocol::id::Digest;
use serde_json::json;
use tokio::time::Instant;

use crate::{
    command_error::{CommandError, Exit},
    printer::{Printer, ago, full, local, short},
};

/// How long a notary may take to open a job before whoever waits is told. The daemon goes on asking it.
const NOTARY_WAIT: Duration = Duration::from_secs(30);
/// Between two looks at whether it is there.
pub(crate) const LOOK_STEP: Duration = Duration::from_secs(3);

/// The code of a failure for which the notary is gone.
pub(crate) const NOTARY_GONE: &str = "NOTARY_GONE";

/// A job that is waited for before it is opened.
pub(crate) struct NotaryWait {
    /// Since when nothing was heard of a job that is not opened yet; nothing, once nobody looks any more.
    quiet: Option<Instant>,
    /// When it was last looked whether the notary is there.
    looked: Option<Instant>,
    has_told: bool,
}

impl NotaryWait {
    /// Begins to wait for a job that was just ordered.
    pub(crate) fn begin() -> Self {
        Self { quiet: Some(Instant::now()), looked: None, has_told: false }
    }

    /// Begins to wait for one that stood so at that time: a notary that was asked by then says nothing since then, whoever else
    /// was waited for meanwhile.
    pub(crate) fn since(submission: &SubmissionView, looked_at: Instant) -> Self {
        let mut wait = Self::begin();
        wait.hear(submission);
        if is_asked(submission) {
            wait.quiet = wait.quiet.map(|_| looked_at);
        }
        wait
    }

    /// Something was heard of the job.
    pub(crate) fn hear(&mut self, submission: &SubmissionView) {
        self.turn(is_opened(submission));
    }

    fn turn(&mut self, is_opened: bool) {
        self.quiet = (!is_opened && !self.has_told).then(Instant::now);
    }

    /// When to look at the notary next.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        let since = self.quiet?;
        Some(self.looked.map_or(since, |looked| looked.max(since)) + LOOK_STEP)
    }

    /// Whether it is the notary who is waited for, and whether that is there: nothing tells that it is asked.
    pub(crate) async fn look(
        &mut self,
        (handle, key): (&Handle, Digest),
        has_deadline: bool,
        printer: &Printer,
    ) -> Result<(), CommandError> {
        let Some(quiet) = self.quiet else { return Ok(()) };
        self.looked = Some(Instant::now());
        let submission = match handle.call(ShowJob { name: full(key) }).await {
            Ok(job) => job.submission,
            // Whoever hears of the job notices that; it is not the notary who says nothing.
            Err(CallError::Lost(_) | CallError::Refused(Refused::Ending)) => {
                self.quiet = Some(Instant::now());
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let is_asked = is_asked(&submission);
        if !is_asked {
            self.quiet = Some(Instant::now());
        }
        // A daemon that does not say knows of none.
        let lost = handle.call(LookForNotary).await.unwrap_or_default();
        // Where nobody was asked yet, one that was never heard may just not be found yet.
        let lost = lost.filter(|lost| is_asked || submission.attempts.is_empty() && lost.heard.is_some());
        let failure = match lost {
            Some(lost) => gone(key, &lost),
            None if is_asked && quiet.elapsed() >= NOTARY_WAIT => silent(key),
            None => return Ok(()),
        };
        if !has_deadline {
            return Err(failure);
        }
        (self.quiet, self.has_told) = (None, true);
        let [message, _] = failure.lines();
        printer.note(format!("{message}; it is waited for as long as was said"));
        Ok(())
    }
}

/// Whether a notary is asked to open the job.
fn is_asked(submission: &SubmissionView) -> bool {
    submission.attempts.iter().any(|attempt| attempt.state == AttemptState::Opening)
}

/// Whether it is the notary no more who is waited for: the job was opened, or nothing is asked for it now.
fn is_opened(submission: &SubmissionView) -> bool {
    let state = submission.foremost().map(|attempt| attempt.state);
    submission.ended || !matches!(state, None | Some(AttemptState::Proposed | AttemptState::Opening))
}

/// The notary, if it is gone while it has yet to open a job: what can be known of one that was just ordered.
pub(crate) async fn lost_before(handle: &Handle, key: Digest) -> Option<LostNotary> {
    let submission = handle.call(ShowJob { name: full(key) }).await.ok()?.submission;
    let is_under_way =
        |state| matches!(state, AttemptState::Running | AttemptState::Delivered | AttemptState::Closed(_));
    if submission.ended || submission.attempts.iter().any(|attempt| is_under_way(attempt.state)) {
        return None;
    }
    let lost = handle.call(LookForNotary).await.ok()??;
    // One that was never heard may just not be found yet.
    (is_asked(&submission) || lost.heard.is_some()).then_some(lost)
}

/// That a notary is gone, and since when.
pub(crate) fn gone_words(lost: &LostNotary) -> String {
    let (notary, silent_for) = (short(lost.notary), ago(lost.silent_for));
    match lost.heard {
        Some(heard) => {
            format!(
                "no connection to the notary {notary}, which was last heard {silent_for} ago, at {}",
                local(heard)
            )
        }
        None => format!(
            "no connection to the notary {notary}, which was not heard since the daemon started {silent_for} ago"
        ),
    }
}

/// Nothing that may be said again: the job is ordered, and the same command would order another one beside it.
fn gone(key: Digest, lost: &LostNotary) -> CommandError {
    let name = short(key);
    let message = format!("{}: the job {name} is not opened", gone_words(lost));
    CommandError::new(Exit::NoPeers, NOTARY_GONE, message, hint(&name))
        .with(json!({ "submission": full(key) }))
}

fn silent(key: Digest) -> CommandError {
    let (name, seconds) = (short(key), NOTARY_WAIT.as_secs());
    let message = format!("the notary has not answered for {seconds} s: the job {name} is not opened");
    CommandError::new(Exit::NoPeers, "NOTARY_SILENT", message, hint(&name))
        .with(json!({ "submission": full(key) }))
}

fn hint(name: &str) -> String {
    format!(
        "it may be opened yet, or another provider asked: `assay job wait {name}` tells; `assay job cancel {name}` ends it"
    )
}

#[cfg(test)]
mod tests {
    use assay_market::view::AttemptView;
    use assay_protocol::{
        id::PeerId,
        units::{Amount, Duration as Length, Timestamp},
    };

    use super::*;

    /// A job of which one attempt stands so.
    fn submission(state: AttemptState) -> SubmissionView {
        let attempt = AttemptView {
            job: Digest::default(),
            provider: PeerId([7; 32]),
            ordered: Timestamp(0),
            price: Amount::ZERO,
            total_max: Amount::ZERO,
            held: Amount::ZERO,
            state,
            end: None,
            rate: None,
            output: None,
            receipt: None,
            cost: None,
        };
        SubmissionView {
            key: Digest::default(),
            manifest: "digits".to_owned(),
            attempts: vec![attempt],
            cancelled: false,
            ended: false,
            unmatched: None,
        }
    }

    #[test]
    fn a_notary_that_several_jobs_wait_for_is_silent_to_all_of_them_at_once() {
        // No longer ago than any machine is up.
        let begun = Instant::now() - Duration::from_millis(1);
        let since = |state| NotaryWait::since(&submission(state), begun).quiet;
        assert_eq!(since(AttemptState::Opening), Some(begun), "it was asked by then");
        assert!(since(AttemptState::Proposed).is_some_and(|quiet| quiet > begun), "it may just be asked");
        assert_eq!(since(AttemptState::Running), None, "it has opened it");
    }

    #[test]
    fn a_notary_that_is_gone_is_told_with_when_it_was_last_heard() {
        let (notary, silent_for) = (PeerId([1; 32]), Length::seconds(16));
        let heard = Some(Timestamp(984_000));
        let lost = gone(Digest([2; 32]), &LostNotary { notary, silent_for, heard });
        let at = local(Timestamp(984_000));
        let [message, hint] = lost.lines();
        assert_eq!(
            message,
            format!(
                "no connection to the notary 010101010101, which was last heard 16 s ago, at {at}: the job 020202020202 is \
                 not opened"
            )
        );
        assert!(hint.contains("`assay job cancel 020202020202`"), "{hint}");
        assert_eq!((lost.exit(), lost.code()), (Exit::NoPeers, NOTARY_GONE));
        assert_eq!(lost.to_json()["error"]["retryable"], false, "the same command would order twice");
        let never = gone_words(&LostNotary { notary, silent_for, heard: None });
        assert!(never.ends_with("not heard since the daemon started 16 s ago"), "{never}");
    }

    #[tokio::test]
    async fn it_is_looked_again_and_again_until_the_job_is_opened() {
        let mut wait = NotaryWait::begin();
        let first = wait.next_look().unwrap();
        wait.looked = Some(first);
        assert_eq!(wait.next_look(), Some(first + LOOK_STEP));
        wait.turn(true);
        assert_eq!(wait.next_look(), None);
        wait.turn(false);
        assert!(wait.next_look().is_some(), "another provider is asked");
        wait.has_told = true;
        wait.turn(false);
        assert_eq!(wait.next_look(), None, "it was told once");
    }
}
