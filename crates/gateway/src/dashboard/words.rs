//! What the provider of a job writes, word by word, for a page that shows it.
//!
//! **Invariant:** what is heard is a hint, and told as that: what was bought is delivered under its claim.

use std::{convert::Infallible, sync::Arc};

use assay_peer::{
    handle::{ExplainJob, Explained, Update, Updates, WatchUpdates},
    hearing::Hearing,
};
use axum::{
    Extension,
    extract::{Path, State},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures::{StreamExt, stream};
use serde_json::json;

use super::watcher::PageWatcher;
use crate::{Gateway, failure::HttpFailure, guard::Caller};

/// The words of a submission from its beginning, as `words` with the next of them each, until nothing more comes of it.
pub(super) async fn heard(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Response, HttpFailure> {
    let watcher = PageWatcher::admit(gateway, caller)?;
    let daemon = watcher.gateway.link.open().await?;
    let explained = daemon.call(ExplainJob { name }).await?;
    let key = explained.job.submission.key;
    let updates = daemon.call(WatchUpdates { name: Some(key.to_string()) }).await?;
    let ear =
        writes_text(&explained).then(|| JobEar { watcher, hearing: Hearing::new(daemon, key), updates });
    let following = stream::unfold(ear, |ear| async {
        let mut ear = ear?;
        let words = ear.next().await?;
        if !ear.watcher.may_hear() {
            return None;
        }
        let event = Event::default().event("words").data(json!({ "text": words }).to_string());
        Some((event, Some(ear)))
    });
    let body = Sse::new(following.map(Ok::<Event, Infallible>)).keep_alive(KeepAlive::default());
    Ok(body.into_response())
}

/// Whether its model writes texts, as far as anything was ordered yet. Other outputs have no words.
fn writes_text(explained: &Explained) -> bool {
    let orders = explained.grounds.iter().flat_map(|grounds| &grounds.orders);
    orders.map(|grounds| &grounds.order.manifest).all(|manifest| manifest.policy.is_proven_by_rows())
}

/// Whoever follows the words of one submission.
struct JobEar {
    watcher: PageWatcher,
    hearing: Hearing,
    updates: Updates<Update>,
}

impl JobEar {
    /// What is written next; nothing once the submission is over, or the daemon is gone.
    async fn next(&mut self) -> Option<String> {
        loop {
            tokio::select! {
                update = self.updates.next() => match update?.ok()? {
                    Update::Job(job) if job.submission.ended => return None,
                    Update::Job(job) => job.submission.attempts.iter().for_each(|attempt| self.hearing.follow(attempt)),
                    Update::Event(_) | Update::Missed { .. } => {}
                },
                words = self.hearing.next() => if !words.is_empty() {
                    return Some(words);
                },
            }
        }
    }
}
