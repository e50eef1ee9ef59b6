//! `POST /api/embed`.

use std::{sync::Arc, time::Instant};

use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{model_name::untagged, settings::AnswerSettings};
use crate::{
    Gateway,
    failure::{HttpFailure, PlainFailure},
    guard::Caller,
    json_answer::JsonAnswer,
    json_body::{OnceBody, refuse},
    openai::{choice::OneOrMore, embeddings, usage},
    order::AssayTerms,
    order_set,
};

/// Texts of which vectors are to be made.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OllamaTexts {
    model: String,
    input: OneOrMore,
    /// Whether what is too long is cut; it is refused by whoever runs the model, or not, as its maker says.
    #[serde(default, rename = "truncate")]
    _truncate: Option<bool>,
    #[serde(default)]
    options: Option<AnswerSettings>,
    #[serde(default)]
    dimensions: Option<Value>,
    #[serde(default)]
    assay: AssayTerms,
    #[serde(default, rename = "keep_alive")]
    _keep_alive: Option<Value>,
}

/// Makes vectors of texts.
pub(crate) async fn embed(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    body: Result<OnceBody<OllamaTexts>, HttpFailure>,
) -> Result<Response, PlainFailure> {
    let OnceBody { said, once } = body?;
    let OllamaTexts { model: name, input, options, dimensions, assay: terms, .. } = said;
    refuse(&[("dimensions", dimensions.as_ref(), "vectors are as long as they are")])?;
    if options.is_some_and(|options| !options.concerns_the_machine_alone()) {
        return Err(HttpFailure::unsupported("options", "nothing is chosen in a vector").into());
    }
    let began = Instant::now();
    let manifest = order_set::model_once(&gateway, &caller, untagged(&name), &once).await?;
    let asked = (input.into_all(), &terms);
    let (whole, all) = embeddings::of_texts(&gateway, &caller, &manifest, asked, once).await?;
    let answers = [whole];
    let took = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let document = json!({
        "model": name, "embeddings": all, "total_duration": took, "load_duration": 0, "prompt_eval_count": 0,
        "assay": usage::provenance(&answers),
    });
    Ok((usage::headers(&answers), JsonAnswer(document)).into_response())
}
