//! Batches, as OpenAI's clients hand them in: a file of requests, and in time a file of answers.
//!
//! **Invariant:** who asks sees its own batches and no other, by whatever name. What a batch cannot be is refused by its name;
//! what its lines cannot be is told by their numbers.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Extension,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use serde::Deserialize;
use tokio::task::spawn_blocking;

use super::{
    batched::{CHAT, COMPLETIONS, EMBEDDINGS},
    expiry::ExpiresAfter,
    list_page,
};
use crate::{
    Gateway,
    batch::BatchError,
    batch_record::BatchRecord,
    batch_run,
    drawn_name::{BatchId, FileId},
    failure::HttpFailure,
    gateway_batches::{BatchRefused, OpenBatch},
    gateway_files::{FileOwner, FilePurpose, GatewayFile},
    guard::Caller,
    json_answer::JsonAnswer,
    json_body::OnceBody,
};

/// Batches of a page, where nobody says and at most.
const PAGE: (usize, usize) = (20, 100);
/// The only time that a batch can be given: no other is asked for.
const WINDOW: &str = "24h";
/// What a client may note of a batch, and characters of each name and note.
const NOTES_MAX: usize = 16;
const NOTE_NAME_CHARS_MAX: usize = 64;
const NOTE_CHARS_MAX: usize = 512;

/// What is asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchAsked {
    input_file_id: String,
    endpoint: String,
    completion_window: String,
    #[serde(default)]
    metadata: Option<BTreeMap<String, String>>,
    #[serde(default)]
    output_expires_after: Option<ExpiresAfter>,
}

/// What a list of batches is asked with.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BatchQuery {
    after: Option<String>,
    limit: Option<usize>,
}

/// Takes one.
pub(crate) async fn create(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    OnceBody { said: asked, once }: OnceBody<BatchAsked>,
) -> Result<JsonAnswer, HttpFailure> {
    let owner = caller.owner();
    if let Some(batch) = gateway.batches.asked_before(owner, &once)? {
        return Ok(JsonAnswer(batch.document()));
    }
    let output_lasts_s = asked.check()?;
    let file = asked.input_file(&gateway, owner)?;
    // What comes of a batch is kept, however much it is, and its file may be handed in again and again.
    gateway.files.check_room(owner)?;
    let id = BatchId::draw().map_err(|error| failed(&error))?;
    let input_bytes = file.bytes;
    let record = BatchRecord::new((id, owner), (asked.endpoint, file.id), asked.metadata);
    let record = BatchRecord { input_bytes, output_lasts_s, once, ..record };
    let added = blocking(move || {
        let added = gateway.batches.add(record)?;
        // Here, because whoever waits for an answer may be gone by now.
        if let Ok(batch) = &added {
            begin(&gateway, batch.clone());
        }
        Ok(added)
    });
    Ok(JsonAnswer(added.await??.document()))
}

/// Has a batch carried out, unless somebody does already.
pub(crate) fn begin(gateway: &Arc<Gateway>, batch: Arc<OpenBatch>) {
    if batch.begin() {
        gateway.cancels.begin(batch_run::run(gateway.clone(), batch));
    }
}

/// Lists those of who asks, the youngest first.
pub(crate) async fn list(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<BatchQuery>, QueryRejection>,
) -> Result<JsonAnswer, HttpFailure> {
    let BatchQuery { after, limit } = list_page::asked(query)?;
    let limit = list_page::limit(limit, PAGE)?;
    let all = gateway.batches.all(caller.owner());
    let name = |batch: &Arc<OpenBatch>| batch.id().to_string();
    let document = |batch: &Arc<OpenBatch>| batch.document();
    Ok(JsonAnswer(list_page::page(&all, (name, document), (after.as_deref(), limit))?))
}

/// How far one is.
pub(crate) async fn show(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<JsonAnswer, HttpFailure> {
    Ok(JsonAnswer(own(&gateway, &caller, &name)?.document()))
}

/// Has no more of one ordered, and what is under way cancelled.
pub(crate) async fn cancel(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<JsonAnswer, HttpFailure> {
    let batch = own(&gateway, &caller, &name)?;
    let its = batch.clone();
    let cancelled = blocking(move || its.cancel()).await?;
    cancelled.ok_or_else(|| {
        let message = format!("the batch is {} and cannot be cancelled any more", batch.record().status());
        HttpFailure::new(StatusCode::CONFLICT, "not_cancelled", message).after_order()
    })?;
    Ok(JsonAnswer(batch.document()))
}

impl BatchAsked {
    /// Refuses what is not done; gives how many seconds what comes of it is kept, if that is said.
    fn check(&self) -> Result<Option<u32>, HttpFailure> {
        let lasts = self.output_expires_after.as_ref().map(|after| after.lasts_s("output_expires_after"));
        let lasts = lasts.transpose()?;
        let endpoints = [CHAT, COMPLETIONS, EMBEDDINGS];
        if !endpoints.contains(&self.endpoint.as_str()) {
            let why = format!("batches are for {CHAT}, {COMPLETIONS} and {EMBEDDINGS}");
            return Err(HttpFailure::unsupported("endpoint", &why));
        }
        if self.completion_window != WINDOW {
            let why = format!("it is {WINDOW}; a batch that takes longer goes on");
            return Err(HttpFailure::unsupported("completion_window", &why));
        }
        let is_long = |(name, note): (&String, &String)| {
            name.chars().count() > NOTE_NAME_CHARS_MAX || note.chars().count() > NOTE_CHARS_MAX
        };
        match &self.metadata {
            Some(notes) if notes.len() > NOTES_MAX || notes.iter().any(is_long) => {
                let message = format!(
                    "metadata has at most {NOTES_MAX} names of {NOTE_NAME_CHARS_MAX} characters, with {NOTE_CHARS_MAX} characters each"
                );
                Err(HttpFailure::wrong("metadata", message))
            }
            Some(_) | None => Ok(lasts),
        }
    }

    fn input_file(&self, gateway: &Gateway, owner: FileOwner) -> Result<GatewayFile, HttpFailure> {
        let id = self.input_file_id.parse::<FileId>().ok();
        let file = id.and_then(|id| gateway.files.find(owner, id)).ok_or_else(|| {
            let message = "no file of yours is called so; upload it with the purpose batch";
            HttpFailure::new(StatusCode::NOT_FOUND, "not_found", message).about("input_file_id")
        })?;
        match file.purpose {
            FilePurpose::Batch => Ok(file),
            FilePurpose::BatchOutput => {
                Err(HttpFailure::wrong("input_file_id", "this is what came of a batch, and no batch"))
            }
        }
    }
}

fn own(gateway: &Gateway, caller: &Caller, name: &str) -> Result<Arc<OpenBatch>, HttpFailure> {
    let id = name.parse::<BatchId>().ok();
    id.and_then(|id| gateway.batches.find(caller.owner(), id))
        .ok_or_else(|| HttpFailure::new(StatusCode::NOT_FOUND, "not_found", "no batch of yours is called so"))
}

impl From<BatchRefused> for HttpFailure {
    fn from(refused: BatchRefused) -> Self {
        match refused {
            BatchRefused::Many(many) => Self::busy(many.to_string()),
            BatchRefused::Key(taken) => taken.into(),
        }
    }
}

/// Does what waits for the disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BatchError> + Send + 'static,
) -> Result<T, HttpFailure> {
    let done = spawn_blocking(work).await.map_err(|error| failed(&error))?;
    done.map_err(|error| HttpFailure::no_room(&error, error.kind()))
}

fn failed(error: &dyn std::error::Error) -> HttpFailure {
    HttpFailure::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::json_body;

    fn check(more: Value) -> Result<Option<u32>, HttpFailure> {
        let mut whole = json!({ "input_file_id": "file-1", "endpoint": CHAT, "completion_window": "24h" });
        whole.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
        json_body::read::<BatchAsked>(whole.to_string().as_bytes())?.check()
    }

    #[test]
    fn what_a_batch_cannot_be_is_refused_by_its_name() {
        for more in [
            json!({}),
            json!({ "endpoint": EMBEDDINGS, "metadata": { "page": "7" } }),
            json!({ "metadata": null }),
        ] {
            assert_eq!(check(more.clone()), Ok(None), "{more}");
        }
        let after = |anchor: &str, seconds: i64| json!({ "output_expires_after": { "anchor": anchor, "seconds": seconds } });
        assert_eq!(check(after("created_at", 3_600)), Ok(Some(3_600)));
        let many: BTreeMap<String, &str> = (0..=NOTES_MAX).map(|number| (number.to_string(), "")).collect();
        let refused = [
            ("endpoint", json!({ "endpoint": "/v1/responses" })),
            ("endpoint", json!({ "endpoint": "/v1/moderations" })),
            ("completion_window", json!({ "completion_window": "1h" })),
            ("output_expires_after.seconds", after("created_at", 60)),
            ("output_expires_after.anchor", after("completed_at", 3_600)),
            ("metadata", json!({ "metadata": many })),
            ("metadata", json!({ "metadata": { "a": "x".repeat(513) } })),
            ("metadata", json!({ "metadata": { "x".repeat(65): "" } })),
            ("metadata.page", json!({ "metadata": { "page": 7 } })),
            ("priority", json!({ "priority": 1 })),
        ];
        for (param, more) in refused {
            assert_eq!(check(more.clone()).unwrap_err().document()["error"]["param"], param, "{more}");
        }
    }
}
