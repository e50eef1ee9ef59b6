//! What happens, as it happens.
//!
//! **Invariant:** nothing falls between the state that a watcher is told first and what follows; a watcher that is too slow
//! is told how much it missed, and costs no memory.

use std::sync::Arc;

use assay_market::event::Event;
use assay_protocol::id::Digest;
use futures::stream;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::JobView;
use crate::{
    driver::{
        history::{Dated, concerns},
        responder::{Respond, Responder},
    },
    handle::{Call, Refused, Updates},
};

/// What happens from now on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WatchUpdates {
    /// Only to this job: its key, a job id or a unique prefix of either.
    pub name: Option<String>,
}

/// Something that a watcher is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Update {
    /// Something happened.
    Event(Dated),
    /// How a job stands: once at the beginning, if one is watched, and after each event that concerns a job.
    Job(Box<JobView>),
    /// The watcher was too slow and missed this many updates; a `Job` follows for the one it watches.
    Missed {
        /// How many.
        updates: u64,
    },
}

impl Call for WatchUpdates {
    const NAME: &'static str = "watch_updates";
    type Answer = Updates<Update>;
}

impl Respond for WatchUpdates {
    async fn respond(self, responder: &Responder) -> Result<Updates<Update>, Refused> {
        // Subscribed before the state is asked for, so that nothing falls between the two.
        let updates = responder.updates()?;
        let first = match self.name {
            Some(name) => Some(responder.look(move |driver| driver.job_named(&name)).await??),
            None => None,
        };
        let key = first.as_ref().map(|job| job.submission.key);
        let first = first.map(Box::new).map(Update::Job);
        let watching = Watching { responder: responder.clone(), updates, key, first };
        Ok(Updates::new(stream::unfold(watching, |mut watching| async {
            let update = watching.next().await?;
            Some((Ok(update), watching))
        })))
    }
}

/// One watcher's view of what happens.
struct Watching {
    responder: Responder,
    updates: Receiver<Arc<Update>>,
    /// The one job that is watched.
    key: Option<Digest>,
    /// What is told before anything else.
    first: Option<Update>,
}

impl Watching {
    async fn next(&mut self) -> Option<Update> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            match self.updates.recv().await {
                Ok(update) if self.key.is_none_or(|key| is_about(&update, &key)) => {
                    return Some(Arc::unwrap_or_clone(update));
                }
                Ok(_) => {}
                Err(RecvError::Lagged(updates)) => {
                    self.first = self.job().await;
                    return Some(Update::Missed { updates });
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// How the job that is watched stands.
    async fn job(&self) -> Option<Update> {
        let key = self.key?;
        let job = self.responder.look(move |driver| driver.job(&key)).await.ok()??;
        Some(Update::Job(Box::new(job)))
    }
}

/// Waits for the event that decides something; nothing, if that may be among what was missed.
pub(super) async fn next_decision<T>(
    updates: &mut Receiver<Arc<Update>>,
    decision: impl Fn(&Event) -> Option<T>,
) -> Result<Option<T>, Refused> {
    loop {
        let update = match updates.recv().await {
            Ok(update) => update,
            Err(RecvError::Lagged(_)) => return Ok(None),
            Err(RecvError::Closed) => return Err(Refused::Ending),
        };
        let Update::Event(dated) = &*update else { continue };
        if let Some(decided) = decision(&dated.event) {
            return Ok(Some(decided));
        }
    }
}

fn is_about(update: &Update, key: &Digest) -> bool {
    match update {
        Update::Event(dated) => concerns(&dated.event).0 == Some(*key),
        Update::Job(job) => job.submission.key == *key,
        Update::Missed { .. } => true,
    }
}
