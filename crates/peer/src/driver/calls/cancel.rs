//! The end of a job that somebody wants no more.
//!
//! **Invariant:** the wish is on the disk before it is answered; what was claimed already is not undone.

use assay_market::{Command, Input, command::NotCancelled, view::AwaitedPlace};
use assay_protocol::{id::Digest, units::Duration};
use serde::{Deserialize, Serialize};

use crate::{
    clock::moment,
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

/// Ends a job likewise, if it waits for what other jobs of this home take and nobody is asked at that moment: what somebody is
/// about to take up goes on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelWaiting {
    /// The key of the submission, a job id or a unique prefix of either.
    pub name: String,
    /// For how long no room was made where it waits for some.
    pub still_for: Duration,
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

impl Call for CancelWaiting {
    const NAME: &'static str = "cancel_waiting";
    /// What it waited for, if it is cancelled.
    type Answer = Option<AwaitedPlace>;
}

impl Respond for CancelWaiting {
    async fn respond(self, responder: &Responder) -> Result<Option<AwaitedPlace>, Refused> {
        let cancelled =
            responder.act_and_save(move |driver| Box::pin(async move { driver.cancel_waiting(&self).await }));
        cancelled.await?
    }
}

impl Driver {
    pub(in crate::driver) async fn cancel_waiting(
        &mut self,
        wanted: &CancelWaiting,
    ) -> Result<Result<Option<AwaitedPlace>, Refused>, Broken> {
        let key = match self.submission_named(&wanted.name) {
            Ok(submission) => submission.key,
            Err(unknown) => return Ok(Err(unknown)),
        };
        let now = self.node.time(moment());
        let awaited = self.awaited(key).filter(|awaited| awaited.stands_still(now, wanted.still_for));
        if awaited.is_some() {
            self.take(Input::Command(Command::Cancel { key })).await?;
        }
        Ok(Ok(awaited))
    }

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
        if submission.is_claimed() {
            return Ok(Err(Refused::NotCancelled { reason: NotCancelled::Claimed }));
        }
        let open = self.node.submission(key).is_some_and(|submission| !submission.ended);
        Ok(Ok(CancelledView { key, open }))
    }
}
