//! `POST /v1/completions`: a text that is continued as it is, without a template of conversations.

use std::{collections::BTreeMap, sync::Arc};

use assay_protocol::id::Digest;
use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    chat::{StreamOptions, check_batched},
    choice::{OneOrMore, TokenChoice},
    events::{self, EventShape, ToldEvent},
    usage::{self, finish_reason},
};
use crate::{
    Gateway,
    answer::WholeAnswer,
    chances::{self, ChanceParams},
    failure::HttpFailure,
    guard::Caller,
    json_answer::JsonAnswer,
    json_body::OnceBody,
    order::{AssayTerms, SaidText, TextWish, TokensMax},
    order_set,
};

/// What is asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompletionRequest {
    model: String,
    prompt: OneOrMore,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    #[serde(default)]
    n: Option<u32>,
    #[serde(default)]
    max_tokens: Option<u32>,
    #[serde(default)]
    temperature: Option<f64>,
    #[serde(default)]
    top_p: Option<f64>,
    #[serde(default)]
    top_k: Option<u32>,
    #[serde(default)]
    min_p: Option<f64>,
    #[serde(default)]
    repeat_penalty: Option<f64>,
    #[serde(default)]
    presence_penalty: Option<f64>,
    #[serde(default)]
    frequency_penalty: Option<f64>,
    #[serde(default)]
    logit_bias: Option<BTreeMap<String, f64>>,
    #[serde(default)]
    seed: Option<i64>,
    #[serde(default)]
    stop: Option<OneOrMore>,
    #[serde(default)]
    echo: Option<bool>,
    #[serde(default)]
    assay: AssayTerms,
    /// How many of the likeliest tokens are told of each place, beside the one that was written.
    #[serde(default)]
    logprobs: Option<u32>,
    // What changes nothing of the answer.
    #[serde(default, rename = "user")]
    _user: Option<String>,
    // What is not done.
    #[serde(default)]
    suffix: Option<String>,
    #[serde(default)]
    best_of: Option<u32>,
}

/// Continues a text.
pub(crate) async fn complete(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    OnceBody { said: request, once }: OnceBody<CompletionRequest>,
) -> Result<Response, HttpFailure> {
    request.check()?;
    let (is_streamed, options) =
        (request.stream.unwrap_or(false), request.stream_options.unwrap_or_default());
    let (name, count, terms) = (request.model.clone(), request.n.unwrap_or(1), request.assay.clone());
    let manifest = order_set::model_once(&gateway, &caller, &name, &once).await?;
    let wish = request.into_wish(gateway.tokens_max)?;
    order_set::tells_chances(&gateway, &manifest, &once, (wish.chances, ChanceParams::COMPLETION)).await?;
    let (wish, wanted) = ((&wish, &terms), (count, is_streamed));
    let ordered = order_set::texts(&gateway, &caller, &manifest, wish, wanted, (once, None)).await?;
    let (created, key) = (Timestamp::now().as_second(), ordered.key());
    let shape = CompletionShape { name, created, tells_usage: options.include_usage, key };
    if is_streamed {
        return events::respond(ordered, shape).await;
    }
    let answers = ordered.whole().await?;
    Ok((usage::headers(&answers), JsonAnswer(shape.whole(&answers))).into_response())
}

impl CompletionRequest {
    /// One answer that nobody waits for: the model, the wish and its terms.
    pub(super) fn batched(self, tokens_max: u32) -> Result<(String, TextWish, AssayTerms), HttpFailure> {
        self.check()?;
        check_batched(self.n, self.stream)?;
        let (model, terms) = (self.model.clone(), self.assay.clone());
        Ok((model, self.into_wish(tokens_max)?, terms))
    }

    fn check(&self) -> Result<(), HttpFailure> {
        let refused = [
            (
                "suffix",
                self.suffix.as_ref().is_some_and(|suffix| !suffix.is_empty()),
                "texts are continued at their end",
            ),
            (
                "best_of",
                self.best_of.is_some_and(|count| count != self.n.unwrap_or(1)),
                "every answer is given",
            ),
            ("echo", self.echo == Some(true), "the prompt is not said again"),
        ];
        match refused.into_iter().find(|(_, is_asked, _)| *is_asked) {
            Some((param, _, why)) => Err(HttpFailure::unsupported(param, why)),
            None => self.chances().map(drop),
        }
    }

    /// How many of the likeliest tokens are told of each place, if chances are.
    fn chances(&self) -> Result<Option<u8>, HttpFailure> {
        ChanceParams::COMPLETION.wished(self.logprobs.is_some(), self.logprobs)
    }

    fn into_wish(self, tokens_max: u32) -> Result<TextWish, HttpFailure> {
        let chances = self.chances()?;
        let mut prompts = self.prompt.into_all();
        let (Some(prompt), true) = (prompts.pop(), prompts.is_empty()) else {
            return Err(HttpFailure::unsupported("prompt", "one text is continued by a request"));
        };
        let choice = TokenChoice {
            temperature: self.temperature,
            top_p: self.top_p,
            top_k: self.top_k,
            min_p: self.min_p,
            repeat_penalty: self.repeat_penalty,
            repeat_last_n: None,
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            logit_bias: self.logit_bias.unwrap_or_default(),
            seed: self.seed,
            stop: self.stop,
        };
        let tokens_max = TokensMax::of("max_tokens", self.max_tokens, tokens_max)?;
        ChanceParams::COMPLETION.check_length(chances, tokens_max)?;
        let (said, choice) = (SaidText::Text(prompt), choice.parameters()?);
        Ok(TextWish { said, choice, schema: None, variables: Vec::new(), tokens_max, chances })
    }
}

/// What a text is continued with where nobody heard it.
pub(super) fn batched_document(name: &str, answer: &WholeAnswer) -> Value {
    let created = Timestamp::now().as_second();
    let shape = CompletionShape { name: name.to_owned(), created, tells_usage: true, key: answer.by.key };
    shape.whole(std::slice::from_ref(answer))
}

/// How continuations are written.
struct CompletionShape {
    name: String,
    created: i64,
    tells_usage: bool,
    /// The first submission.
    key: Digest,
}

impl CompletionShape {
    fn document(&self, choices: Value) -> Value {
        json!({
            "id": format!("cmpl-{}", self.key), "object": "text_completion", "created": self.created, "model": self.name,
            "choices": choices,
        })
    }

    fn choice(index: usize, text: &str, finish_reason: Option<&str>) -> Value {
        json!({ "index": index, "text": text, "logprobs": null, "finish_reason": finish_reason })
    }

    fn whole(&self, answers: &[WholeAnswer]) -> Value {
        let choices = answers.iter().enumerate();
        let choices = choices.map(|(index, whole)| {
            let mut choice = Self::choice(index, &whole.text, Some(finish_reason(whole.end)));
            choice["logprobs"] = chances::completion_document(whole);
            choice
        });
        let mut document = self.document(choices.collect());
        document["usage"] = usage::usage(answers);
        document["assay"] = usage::provenance(answers);
        document
    }
}

impl EventShape for CompletionShape {
    fn opening(&mut self, _index: usize) -> Vec<ToldEvent> {
        Vec::new()
    }

    fn words(&mut self, index: usize, words: &str) -> Vec<ToldEvent> {
        vec![self.document(json!([Self::choice(index, words, None)])).into()]
    }

    fn closing(&mut self, index: usize, whole: &WholeAnswer) -> Vec<ToldEvent> {
        let mut told = Vec::new();
        let chances = chances::completion_document(whole);
        if !chances.is_null() {
            let mut document = self.document(json!([Self::choice(index, "", None)]));
            document["choices"][0]["logprobs"] = chances;
            told.push(document.into());
        }
        let mut document = self.document(json!([Self::choice(index, "", Some(finish_reason(whole.end)))]));
        document["assay"] = usage::provenance(std::slice::from_ref(whole));
        told.push(document.into());
        told
    }

    fn last(&mut self, answers: &[WholeAnswer]) -> Vec<ToldEvent> {
        if !self.tells_usage {
            return Vec::new();
        }
        let mut document = self.document(json!([]));
        document["usage"] = usage::usage(answers);
        vec![document.into()]
    }
}
