//! What pages ask of the peer, and what they are told as things happen.
//!
//! **Invariant:** whoever asks sees what the owner of the home sees, or nothing: jobs, money and machines are told to no key
//! that has a ceiling or a list of models.

use std::{convert::Infallible, sync::Arc};

use assay_peer::handle::{Handle, Update, Updates, WatchUpdates};
use axum::{
    Extension,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures::{StreamExt, stream};
use serde::Deserialize;

use super::watcher::PageWatcher;
use crate::{Gateway, documents::PageQuestion, failure::HttpFailure, guard::Caller, json_answer::JsonAnswer};

/// Where a list goes on.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PageStart {
    /// Behind what it goes on: of jobs the name of one, of receipts when one was closed and its job.
    behind: Option<String>,
}

/// What is not about anything that has a name.
pub(super) async fn whole(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    Path(noun): Path<String>,
    start: Result<Query<PageStart>, QueryRejection>,
) -> Response {
    let behind = match start {
        Ok(Query(start)) => start.behind,
        Err(wrong) => return HttpFailure::wrong("behind", wrong.body_text()).into_response(),
    };
    match PageQuestion::called(&noun, behind) {
        Some(question) => answer(&gateway, &caller, question).await,
        None => {
            let message = format!("pages ask nothing that is called {noun:?}, or not behind something");
            HttpFailure::new(StatusCode::NOT_FOUND, "unknown_url", message).into_response()
        }
    }
}

/// A submission.
pub(super) async fn job(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Response {
    answer(&gateway, &caller, PageQuestion::Job(name)).await
}

/// The story of a submission.
pub(super) async fn explanation(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Response {
    answer(&gateway, &caller, PageQuestion::Explanation(name)).await
}

async fn answer(gateway: &Gateway, caller: &Caller, question: PageQuestion) -> Response {
    if let Err(failure) = owner(caller) {
        return failure.into_response();
    }
    match gateway.documents.answer(question).await {
        Ok(document) => JsonAnswer(document).into_response(),
        Err(unanswered) => unanswered.into_response(),
    }
}

/// What happens, as it happens: `ready` once nothing is missed any more, `job` with its document whenever one moves, `changed`
/// for anything else, and `missed` where a page was too slow; until the daemon is gone, or the key that opened it.
pub(super) async fn updates(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, HttpFailure> {
    let watcher = PageWatcher::admit(gateway, caller)?;
    let daemon = watcher.gateway.link.open().await?;
    let updates = daemon.call(WatchUpdates { name: None }).await?;
    let watch = PageWatch { watcher, _daemon: daemon, updates };
    let following = stream::unfold(watch, |mut watch| async {
        let event = watch.next().await?;
        Some((event, watch))
    });
    let events = stream::once(async { named("ready") }).chain(following).map(Ok::<Event, Infallible>);
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

/// One page that watches.
struct PageWatch {
    watcher: PageWatcher,
    /// The way by which updates come.
    _daemon: Handle,
    updates: Updates<Update>,
}

impl PageWatch {
    /// What the page is told next; nothing once the daemon is gone, or the page may hear nothing more.
    async fn next(&mut self) -> Option<Event> {
        let update = self.updates.next().await?.ok()?;
        let documents = &self.watcher.gateway.documents;
        Some(match self.watcher.may_hear().then_some(update)? {
            Update::Job(job) => Event::default().event("job").data(documents.job(&job).to_string()),
            Update::Event(_) => named("changed"),
            Update::Missed { .. } => named("missed"),
        })
    }
}

/// An event that says no more than its name. One without data would not be heard.
fn named(name: &str) -> Event {
    Event::default().event(name).data("{}")
}

/// Whether somebody may see what the owner of the home sees.
pub(super) fn owner(caller: &Caller) -> Result<(), HttpFailure> {
    if caller.may_see_all() {
        return Ok(());
    }
    let message = "the dashboard is for a key without a ceiling and without a list of models";
    Err(HttpFailure::new(StatusCode::FORBIDDEN, "not_allowed", message))
}
