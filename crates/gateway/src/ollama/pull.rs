//! `POST /api/pull`: many tools have a model pulled before they ask it.
//!
//! **Invariant:** nothing is fetched: a model runs where it is offered. What is known here or offered is there already, and
//! anything else is refused with what to do.

use std::sync::Arc;

use axum::{
    Extension,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::model_name::untagged;
use crate::{
    Gateway,
    failure::{HttpFailure, PlainFailure},
    guard::Caller,
    json_answer::JsonAnswer,
    json_body::JsonBody,
    order_set,
};

/// A model that is to be there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OllamaPull {
    #[serde(default)]
    model: String,
    /// What it was called in before.
    #[serde(default)]
    name: String,
    #[serde(default)]
    stream: Option<bool>,
    /// Whether its source need not prove who it is; there is none.
    #[serde(default, rename = "insecure")]
    _insecure: Option<bool>,
}

/// Says that a model can be asked.
pub(crate) async fn pull(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    body: Result<JsonBody<OllamaPull>, HttpFailure>,
) -> Result<Response, PlainFailure> {
    let OllamaPull { model, name, stream, .. } = body?.0;
    let name = if model.is_empty() { name } else { model };
    let digest = order_set::model(&gateway, &caller, untagged(&name)).await.map_err(told_how)?.digest();
    let done = json!({ "status": "success" });
    if stream == Some(false) {
        return Ok(JsonAnswer(done).into_response());
    }
    let begun = [
        json!({ "status": "pulling manifest" }),
        json!({ "status": format!("{digest} is run where it is offered") }),
    ];
    let lines: String = begun.into_iter().chain([done]).map(|line| format!("{line}\n")).collect();
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response())
}

/// The same with what makes a model known.
fn told_how(failure: HttpFailure) -> HttpFailure {
    if failure.status() != StatusCode::NOT_FOUND {
        return failure;
    }
    failure.with_hint(
        "`assay offers` lists what can be asked, and `assay model add` takes in a file of your own",
    )
}
