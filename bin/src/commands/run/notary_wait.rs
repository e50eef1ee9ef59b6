//! How long a notary is waited for, and what is told of one that is gone or says nothing.
//!
//! **Invariant:** nobody waits without an end for a notary that is gone, but who says how long to wait: that one is not left before,
//! and told once; anybody else is told as soon as it can be known.

use std::time::Duration;

use assay_market::view::{AttemptState, AttemptView, SubmissionView};
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
/// How long one that has opened it is waited for once it is gone, while nothing is heard of the job either.
const WORD_WAIT: Duration = Duration::from_secs(60);
/// Between two looks at whether it is there.
pub(crate) const LOOK_STEP: Duration = Duration::from_secs(3);

/// The code of a failure for which the notary is gone.
pub(crate) const NOTARY_GONE: &str = "NOTARY_GONE";

/// A job that is waited for until it is over.
pub(crate) struct NotaryWait {
    /// Since when nothing was heard of it; nothing, once nobody looks any more.
    quiet: Option<Instant>,
    /// How its attempts stood when something of it was heard, or looked at.
    known: Option<Vec<AttemptView>>,
    /// Since when the notary is seen to be gone.
    gone: Option<Instant>,
    /// When it was last looked whether the notary is there.
    looked: Option<Instant>,
    has_told: bool,
}

impl NotaryWait {
    /// Begins to wait for a job that was just ordered.
    pub(crate) fn begin() -> Self {
        Self { quiet: Some(Instant::now()), known: None, gone: None, looked: None, has_told: false }
    }

    /// Begins to wait for the next job, which stood so at that time: a notary that was asked by then says nothing since then,
    /// whoever else was waited for meanwhile, and one that is gone is so for all of them.
    pub(crate) fn next(&self, submission: &SubmissionView, looked_at: Instant) -> Self {
        let mut wait = Self { gone: self.gone, ..Self::begin() };
        wait.turn(submission.ended);
        if is_asked(submission) {
            wait.quiet = wait.quiet.map(|_| looked_at);
        }
        wait
    }

    /// It is told how the job stands.
    pub(crate) fn hear(&mut self, submission: &SubmissionView) {
        let known = self.known.replace(submission.attempts.clone());
        // Whoever missed something is told it anew, also where nothing happened to it.
        if submission.ended || known.as_ref() != Some(&submission.attempts) {
            self.turn(submission.ended);
        }
    }

    /// Its provider says more of the answer.
    pub(crate) fn hear_words(&mut self) {
        self.quiet = self.quiet.map(|_| Instant::now());
    }

    fn turn(&mut self, is_over: bool) {
        self.quiet = (!is_over && !self.has_told).then(Instant::now);
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
        if self.quiet.is_none() {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        let submission = match handle.call(ShowJob { name: full(key) }).await {
            Ok(job) => job.submission,
            // Whoever hears of the job notices that; it is not the notary who says nothing.
            Err(CallError::Lost(_) | CallError::Refused(Refused::Ending)) => {
                (self.quiet, self.gone) = (Some(Instant::now()), None);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        // A daemon that does not say knows of none.
        let lost = handle.call(LookForNotary).await.unwrap_or_default();
        let Some(failure) = self.judge(&submission, lost) else { return Ok(()) };
        if !has_deadline {
            return Err(failure);
        }
        (self.quiet, self.gone, self.has_told) = (None, None, true);
        let [message, _] = failure.lines();
        printer.note(format!("{message}; it is waited for as long as was said"));
        Ok(())
    }

    /// What is to be told of the notary where the job stands so, and that one is gone, if it is.
    fn judge(&mut self, submission: &SubmissionView, lost: Option<LostNotary>) -> Option<CommandError> {
        let (key, now) = (submission.key, Instant::now());
        let (is_asked, awaits_word) = (is_asked(submission), awaits_word(submission));
        let known = self.known.replace(submission.attempts.clone());
        let has_moved = known.as_ref().is_some_and(|known| *known != submission.attempts);
        let is_its_turn = !has_moved && (awaits_word || is_asked);
        if !is_its_turn {
            self.quiet = Some(now);
        }
        let quiet = self.quiet?;
        self.gone = lost.map(|_| self.gone.unwrap_or(now));
        if awaits_word {
            // It may be back soon, and who works on it goes on meanwhile. Of one that is looked at for the first time it is not known
            // since when nothing happened to it.
            let since = self.gone.map(|gone| if known.is_some() { gone.max(quiet) } else { gone });
            let is_long = since.is_some_and(|since| since.elapsed() >= WORD_WAIT);
            return lost.filter(|_| is_long).map(|lost| no_word(key, &lost));
        }
        // Where nobody was asked yet, one that was never heard may just not be found yet.
        let lost = lost.filter(|lost| is_asked || submission.attempts.is_empty() && lost.heard.is_some());
        match lost {
            Some(lost) => Some(gone(key, &lost)),
            None => (is_asked && quiet.elapsed() >= NOTARY_WAIT).then(|| silent(key)),
        }
    }
}

/// Whether a notary is asked to open the job.
fn is_asked(submission: &SubmissionView) -> bool {
    submission.attempts.iter().any(|attempt| attempt.state == AttemptState::Opening)
}

/// Whether a notary that has opened the job has yet to say what becomes of it, whether somebody works on it, has given a result, or
/// has given up and no other attempt is to be opened.
fn awaits_word(submission: &SubmissionView) -> bool {
    let has = |is: fn(AttemptState) -> bool| submission.attempts.iter().any(|attempt| is(attempt.state));
    let is_begun = has(|state| matches!(state, AttemptState::Running | AttemptState::Delivered));
    let gave_up = has(|state| matches!(state, AttemptState::Failed(_)));
    !submission.ended && (is_begun || gave_up && !is_asked(submission))
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

/// The same of one that has opened it: who ordered it has a job that goes on.
fn no_word(key: Digest, lost: &LostNotary) -> CommandError {
    let name = short(key);
    let message =
        format!("{}: the job {name} was opened, and nobody else says what becomes of it", gone_words(lost));
    let hint = format!(
        "it goes on once the notary is back: `assay job wait {name}` waits for it, and `assay job result {name}` prints what it gave"
    );
    CommandError::new(Exit::NoPeers, NOTARY_GONE, message, hint).with(json!({ "submission": full(key) }))
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
    use assay_protocol::{
        id::PeerId,
        order::Failure,
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
        let since = |state| NotaryWait::begin().next(&submission(state), begun).quiet;
        assert_eq!(since(AttemptState::Opening), Some(begun), "it was asked by then");
        assert!(since(AttemptState::Proposed).is_some_and(|quiet| quiet > begun), "it may just be asked");
        assert!(since(AttemptState::Running).is_some(), "it has opened it, and may be gone since");
        let over = SubmissionView { ended: true, ..submission(AttemptState::Running) };
        assert_eq!(NotaryWait::begin().next(&over, begun).quiet, None, "nobody waits for it");
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
    async fn it_is_looked_again_and_again_until_the_job_is_over() {
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

    #[test]
    fn a_job_that_is_told_anew_and_stands_as_before_was_not_heard_of() {
        let before = Some(Instant::now() - Duration::from_millis(1));
        let [running, delivered, opening] =
            [AttemptState::Running, AttemptState::Delivered, AttemptState::Opening].map(submission);
        let mut wait = NotaryWait::begin();
        for (stands, has_moved) in [(&running, true), (&running, false), (&delivered, true)] {
            wait.quiet = before;
            wait.hear(stands);
            assert_eq!(wait.quiet != before, has_moved);
        }
        // What is looked at before it is told has moved as well.
        wait.quiet = before;
        assert_eq!(wait.judge(&opening, None), None);
        assert!(wait.quiet > before, "it may just be asked");
        wait.hear(&SubmissionView { ended: true, ..opening });
        assert_eq!(wait.quiet, None, "nobody waits for it");
    }

    #[test]
    fn the_word_of_a_notary_that_has_opened_the_job_is_waited_for_no_longer_than_a_minute_once_it_is_gone() {
        let notary = PeerId([1; 32]);
        let lost = LostNotary { notary, silent_for: Length::seconds(90), heard: Some(Timestamp(1)) };
        let long_ago = Instant::now().checked_sub(WORD_WAIT).unwrap();
        // Its provider may be gone as well.
        for state in [AttemptState::Running, AttemptState::Delivered, AttemptState::Failed(Failure::Overdue)]
        {
            let stands = submission(state);
            let mut wait = NotaryWait::begin();
            wait.hear(&stands);
            assert!(wait.next_look().is_some(), "{state:?}");
            assert_eq!(wait.judge(&stands, Some(lost)), None, "it may be back in a moment");
            (wait.quiet, wait.gone) = (Some(long_ago), Some(long_ago));
            assert_eq!(wait.judge(&stands, None), None, "it is back");
            assert_eq!(wait.judge(&stands, Some(lost)), None, "it is gone again, for a moment");
            wait.gone = Some(long_ago);
            wait.hear_words();
            assert_eq!(wait.judge(&stands, Some(lost)), None, "its provider writes");
            wait.quiet = Some(long_ago);
            wait.known = Some(Vec::new());
            assert_eq!(wait.judge(&stands, Some(lost)), None, "it has just become so");
            wait.quiet = Some(long_ago);
            let told = wait.judge(&stands, Some(lost)).unwrap();
            assert_eq!((told.exit(), told.code()), (Exit::NoPeers, NOTARY_GONE));
            let error = &told.to_json()["error"];
            assert_eq!(error["retryable"], false, "the same command would order twice");
            assert_eq!(error["details"]["submission"], full(Digest::default()));
            let [message, hint] = told.lines();
            assert!(
                message
                    .ends_with(": the job 000000000000 was opened, and nobody else says what becomes of it")
            );
            assert!(hint.contains("`assay job wait 000000000000`"), "{hint}");
            // Another job that is waited for with it is told of at once.
            let told = wait.next(&stands, long_ago).judge(&stands, Some(lost));
            assert_eq!(told.map(|told| told.code()), Some(NOTARY_GONE));
        }
        let over = SubmissionView { ended: true, ..submission(AttemptState::Failed(Failure::Overdue)) };
        let mut wait = NotaryWait::begin();
        (wait.quiet, wait.gone) = (Some(long_ago), Some(long_ago));
        assert_eq!(wait.judge(&over, Some(lost)), None, "nothing more is to be said of it");
    }
}
