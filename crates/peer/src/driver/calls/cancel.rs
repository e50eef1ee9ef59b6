//! The end of a job that somebody wants no more.
//!
//! **Invariant:** the wish is on the disk before it is answered; what was claimed already is not undone.

use assay_market::{
    Command, Input,
    command::NotCancelled,
    view::{AttemptState, SubmissionView},
};
use assay_protocol::{id::Digest, manifest::End};
use serde::{Deserialize, Serialize};

use crate::{
    driver::{
        Driver,
        responder::{Respond, Responder},
    },
    handle::{Call, Refused},
    journal::Broken,
};

/// Nobody else is asked, and what is open ends soon: unpaid, for the agreed fee, or with what was written of a text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelJob {
    /// The key of the submission, a job id or a unique prefix of either.
    pub name: String,
}

/// A job that was cancelled.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelledView {
    /// The key of the submission.
    pub key: Digest,
    /// Whether something of it is open and ends soon.
    pub open: bool,
}

impl Call for CancelJob {
    const NAME: &'static str = "cancel_job";
    type Answer = CancelledView;
}

impl Respond for CancelJob {
    async fn respond(self, responder: &Responder) -> Result<CancelledView, Refused> {
        responder.act_and_save(move |driver| Box::pin(async move { driver.cancel(&self.name).await })).await?
    }
}

impl Driver {
    async fn cancel(&mut self, name: &str) -> Result<Result<CancelledView, Refused>, Broken> {
        let submission = match self.submission_named(name) {
            Ok(submission) => submission,
            Err(unknown) => return Ok(Err(unknown)),
        };
        let key = submission.key;
        if submission.ended {
            let again = CancelledView { key, open: false };
            let over = Refused::NotCancelled { reason: NotCancelled::Ended };
            return Ok(if submission.cancelled { Ok(again) } else { Err(over) });
        }
        // Nobody else is asked, even where it is too late for this one.
        self.take(Input::Command(Command::Cancel { key })).await?;
        if is_claimed(&submission) {
            return Ok(Err(Refused::NotCancelled { reason: NotCancelled::Claimed }));
        }
        let open = self.node.submission(key).is_some_and(|submission| !submission.ended);
        Ok(Ok(CancelledView { key, open }))
    }
}

/// Whether its last attempt has given a result that may still be paid.
fn is_claimed(submission: &SubmissionView) -> bool {
    submission.attempts.last().is_some_and(|attempt| match attempt.state {
        // One that was broken off is what was wanted.
        AttemptState::Delivered | AttemptState::Running => {
            attempt.end.is_some_and(|end| end != End::Cancelled)
        }
        AttemptState::Proposed
        | AttemptState::Opening
        | AttemptState::Refused(_)
        | AttemptState::Unanswered
        | AttemptState::Failed(_)
        | AttemptState::Cancelled
        | AttemptState::Closed(_) => false,
    })
}
