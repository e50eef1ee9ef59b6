//! A result that whoever ordered it doubts.
//!
//! **Invariant:** the doubt is on the disk before it is answered, and is told until its notary has said what becomes of it.

use std::{sync::Arc, time::Duration};

use assay_market::{Command, Input, command::NotDisputed, event::Event};
use assay_protocol::id::{Digest, JobId};
use serde::{Deserialize, Serialize};
use tokio::{sync::broadcast::Receiver, time::timeout};

use super::{Update, watch::next_decision};
use crate::{
    driver::{
        Driver,
        responder::{Respond, Responder},
    },
    handle::{Call, Refused},
    journal::Broken,
};

/// How long a notary's word is waited for. It takes a dispute only once the job's draw is over.
const DISPUTE_WAIT: Duration = Duration::from_secs(15);

/// Have a result checked that was not drawn, at the client's cost.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisputeJob {
    /// The key of the submission, a job id or a unique prefix of either.
    pub name: String,
}

/// A result that is doubted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisputedView {
    /// The key of the submission.
    pub key: Digest,
    /// The job, once the notary has it checked; until then it is told so again.
    pub job: Option<JobId>,
}

impl Call for DisputeJob {
    const NAME: &'static str = "dispute_job";
    type Answer = DisputedView;
}

impl Respond for DisputeJob {
    async fn respond(self, responder: &Responder) -> Result<DisputedView, Refused> {
        // Subscribed before anything is said, so that nothing is missed.
        let mut updates = responder.updates()?;
        let key = responder.act_and_save(|driver| Box::pin(driver.dispute(self.name))).await??;
        match timeout(DISPUTE_WAIT, decided(&mut updates, key)).await {
            Ok(Ok(job)) => Ok(DisputedView { key, job: Some(job) }),
            Ok(Err(refused)) => Err(refused),
            Err(_) => Ok(DisputedView { key, job: None }),
        }
    }
}

/// Waits until it is known what becomes of a dispute.
async fn decided(updates: &mut Receiver<Arc<Update>>, of: Digest) -> Result<JobId, Refused> {
    loop {
        if let Some(decided) = next_decision(updates, |event| decision(event, of)).await? {
            return decided.map_err(|reason| Refused::NotDisputed { reason });
        }
    }
}

fn decision(event: &Event, of: Digest) -> Option<Result<JobId, NotDisputed>> {
    let (key, decided) = if let Event::Disputed { key, job } = event {
        (key, Ok(*job))
    } else if let Event::NotDisputed { key, reason } = event {
        (key, Err(*reason))
    } else {
        return None;
    };
    (*key == of).then_some(decided)
}

impl Driver {
    async fn dispute(&mut self, name: String) -> Result<Result<Digest, Refused>, Broken> {
        let key = match self.submission_named(&name) {
            Ok(submission) => submission.key,
            Err(unknown) => return Ok(Err(unknown)),
        };
        self.take(Input::Command(Command::Dispute { key })).await?;
        Ok(Ok(key))
    }
}
