//! What there is: `GET /api/tags`, `GET /api/ps`, `POST /api/show`, `GET /api/version`.

use std::sync::Arc;

use assay_protocol::manifest::Manifest;
use axum::{Extension, extract::State};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::model_name::untagged;
use crate::{
    Gateway,
    failure::{HttpFailure, PlainFailure},
    guard::Caller,
    json_answer::JsonAnswer,
    json_body::{JsonBody, refuse},
    openai::models::{NamedOffer, offered},
    order_set,
    template_traits::{TemplateTraits, ToolSupport},
};

/// A model that somebody wants to know more of.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OllamaModel {
    #[serde(default)]
    model: String,
    /// What it was called in before.
    #[serde(default)]
    name: String,
    #[serde(default)]
    system: Option<Value>,
    #[serde(default)]
    template: Option<Value>,
    #[serde(default)]
    options: Option<Value>,
    #[serde(default, rename = "verbose")]
    _verbose: Option<bool>,
}

/// The version of this program: clients ask for one before all else.
pub(crate) async fn version() -> JsonAnswer {
    JsonAnswer(json!({ "version": env!("CARGO_PKG_VERSION") }))
}

/// What can be asked.
pub(crate) async fn list(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
) -> Result<JsonAnswer, PlainFailure> {
    let all = allowed(&gateway, &caller).await?;
    let now = Timestamp::now().to_string();
    let entry = |offer: &NamedOffer| {
        json!({
            "name": offer.name, "model": offer.name, "modified_at": now, "size": 0, "digest": offer.digest,
            "details": details(), "assay": { "providers": offer.providers, "warm": offer.warm },
        })
    };
    Ok(JsonAnswer(json!({ "models": all.iter().map(entry).collect::<Vec<_>>() })))
}

/// What somebody has in memory.
pub(crate) async fn running(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
) -> Result<JsonAnswer, PlainFailure> {
    let all = allowed(&gateway, &caller).await?;
    let entry = |offer: &NamedOffer| {
        json!({
            "name": offer.name, "model": offer.name, "size": 0, "size_vram": 0, "digest": offer.digest,
            "details": details(), "assay": { "providers": offer.providers, "warm": offer.warm },
        })
    };
    let warm = all.iter().filter(|offer| offer.warm > 0);
    Ok(JsonAnswer(json!({ "models": warm.map(entry).collect::<Vec<_>>() })))
}

/// How a model is run.
pub(crate) async fn show(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    body: Result<JsonBody<OllamaModel>, HttpFailure>,
) -> Result<JsonAnswer, PlainFailure> {
    let asked = body?.0;
    let options = asked.options.as_ref().filter(|options| **options != json!({}));
    refuse(&[
        ("system", asked.system.as_ref(), "a model is shown as its maker made it"),
        ("template", asked.template.as_ref(), "a model is shown as its maker made it"),
        ("options", options, "a model is shown as its maker made it"),
    ])?;
    let name = if asked.model.is_empty() { &asked.name } else { &asked.model };
    let manifest = order_set::model(&gateway, &caller, untagged(name)).await?;
    let traits = gateway.templates.soon(&gateway.link, manifest.digest()).await;
    let digest = manifest.digest().to_string();
    Ok(JsonAnswer(json!({
        "modelfile": "", "parameters": manifest.params, "template": traits.text.as_deref().unwrap_or_default(),
        "details": details(),
        "model_info": { "general.architecture": "assay", "general.basename": manifest.name, "assay.manifest": digest },
        "capabilities": capabilities(&manifest, &traits),
    })))
}

async fn allowed(gateway: &Gateway, caller: &Caller) -> Result<Vec<NamedOffer>, HttpFailure> {
    let all = offered(gateway).await?;
    Ok(all.into_iter().filter(|offer| caller.may_ask(&offer.name).is_ok()).collect())
}

/// What a model can be asked for; its template tells of tools and thoughts.
fn capabilities(manifest: &Manifest, traits: &TemplateTraits) -> Vec<&'static str> {
    if !manifest.policy.is_proven_by_rows() {
        return vec!["embedding"];
    }
    let more =
        [("tools", matches!(traits.tools, ToolSupport::Written(_))), ("thinking", traits.shows_thoughts)];
    let more = more.into_iter().filter(|(_, is_so)| *is_so).map(|(name, _)| name);
    ["completion"].into_iter().chain(more).collect()
}

/// What an offer does not say, in the shape that clients expect.
fn details() -> Value {
    json!({
        "parent_model": "", "format": "gguf", "family": "", "families": [], "parameter_size": "", "quantization_level": "",
    })
}

#[cfg(test)]
mod tests {
    use assay_protocol::manifest::{Policy, TensorFormat};

    use super::*;
    use crate::tests::poet;

    #[test]
    fn a_model_can_do_what_its_template_shows() {
        let of = |policy: Policy, template: Option<&str>| {
            capabilities(&Manifest { policy, ..poet() }, &TemplateTraits::of(template.map(str::to_owned)))
        };
        assert_eq!(of(Policy::Replay, None), ["completion"]);
        let both = Some("{% if tools %}<tool_call>{% endif %}<think>");
        assert_eq!(of(Policy::Replay, both), ["completion", "tools", "thinking"]);
        let foreign = Some("{% if tools %}<|tool|>{% endif %}");
        assert_eq!(of(Policy::Replay, foreign), ["completion"], "its calls are not read");
        assert_eq!(of(Policy::Tensor(TensorFormat::F32), None), ["embedding"]);
    }
}
