//! Jobs and their receipts, under `/v1`.
//!
//! **Invariant:** the holder of a key that does not open all sees and ends no job but its own: whose it is shows by the name of
//! the submission, which nobody else was told.

use std::sync::Arc;

use assay_market::view::{AttemptState, AttemptView};
use assay_peer::handle::{CancelJob, JobView, ReadReceipt, ShowJob};
use assay_protocol::id::Digest;
use axum::{
    Extension,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{Gateway, failure::HttpFailure, guard::Caller, json_answer::JsonAnswer};

/// What the names of answers begin with, before the key of their submission.
const PREFIXES: [&str; 4] = ["chatcmpl-", "cmpl-", "resp_", "batch_req_"];

/// How far a job is.
pub(crate) async fn show(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<JsonAnswer, HttpFailure> {
    let name = own(&gateway, &caller, &name).await?;
    let JobView { submission, timeline, awaits, .. } = gateway.link.call(ShowJob { name }).await?;
    let timeline = serde_json::to_value(timeline).unwrap_or_default();
    Ok(JsonAnswer(json!({
        "object": "assay.job", "key": submission.key.to_string(), "model": submission.manifest, "ended": submission.ended,
        "cancelled": submission.cancelled, "attempts": submission.attempts.iter().map(attempt).collect::<Vec<_>>(),
        "waits_for": awaits.map(|awaited| awaited.to_string()), "timeline": timeline,
    })))
}

/// Ends one that nobody wants any more.
pub(crate) async fn cancel(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<JsonAnswer, HttpFailure> {
    let name = own(&gateway, &caller, &name).await?;
    let cancelled = gateway.link.call(CancelJob { name }).await?;
    Ok(JsonAnswer(
        json!({ "object": "assay.job.cancelled", "key": cancelled.key.to_string(), "open": cancelled.open }),
    ))
}

/// The receipt of one, as the file that anybody can verify.
pub(crate) async fn receipt(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Response, HttpFailure> {
    let name = own(&gateway, &caller, &name).await?;
    let daemon = gateway.link.open().await?;
    let bytes = daemon.call(ReadReceipt { name }).await?.all().await?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

/// A job's name, which an answer's may be. Without keys all jobs are those of the home's owner, and go by any name; with one
/// only by the name of the submission: those of attempts are known to others.
async fn own(gateway: &Gateway, caller: &Caller, name: &str) -> Result<String, HttpFailure> {
    let name = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    if caller.may_see_all() {
        return Ok(name.to_owned());
    }
    let unknown =
        || HttpFailure::new(StatusCode::NOT_FOUND, "not_found", "no answer of this key is called so");
    let key: Digest = name.parse().map_err(|_| unknown())?;
    let job = gateway.link.call(ShowJob { name: key.to_string() }).await?;
    if job.submission.key == key { Ok(key.to_string()) } else { Err(unknown()) }
}

fn attempt(attempt: &AttemptView) -> Value {
    let pending = || json!("pending");
    let outcome = if let AttemptState::Closed(outcome) = attempt.state { Some(outcome) } else { None };
    let label = outcome.map_or_else(pending, |outcome| json!(outcome.label()));
    json!({
        "job": attempt.job.to_string(), "provider": attempt.provider.to_string(), "price": attempt.price.to_string(),
        "cost_max": attempt.held.to_string(), "state": attempt.state, "label": label,
        "output": attempt.output.map(|output| output.to_string()), "receipt": attempt.receipt.map(|receipt| receipt.to_string()),
    })
}
