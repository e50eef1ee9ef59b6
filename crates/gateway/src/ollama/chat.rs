//! `POST /api/chat` and `POST /api/generate`.

use std::{sync::Arc, time::Instant};

use axum::{Extension, extract::State, response::Response};
use schema::Json;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    lines::{self, LineShape, WordsShape},
    settings::AnswerSettings,
};
use crate::{
    Gateway,
    asked_once::AskedOnce,
    failure::{HttpFailure, PlainFailure},
    guard::Caller,
    json_body::{OnceBody, refuse},
    openai::format,
    order::{AssayTerms, SaidText, TextWish},
    order_set,
};

/// A conversation that is to be continued.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OllamaChat {
    model: String,
    messages: Vec<OllamaMessage>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    options: Option<AnswerSettings>,
    #[serde(default)]
    assay: AssayTerms,
    #[serde(default, rename = "keep_alive")]
    _keep_alive: Option<Value>,
    /// As its text, because the order of a schema's keys counts.
    #[serde(default)]
    format: Option<String>,
    #[serde(default)]
    tools: Option<Value>,
    #[serde(default)]
    think: Option<Value>,
    #[serde(default)]
    logprobs: Option<Value>,
    #[serde(default)]
    top_logprobs: Option<Value>,
}

/// Something that was said.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OllamaMessage {
    role: String,
    #[serde(default)]
    content: String,
    #[serde(default)]
    images: Option<Value>,
    #[serde(default)]
    tool_calls: Option<Value>,
    #[serde(default)]
    tool_name: Option<Value>,
    #[serde(default)]
    thinking: Option<Value>,
}

/// A text that is to be answered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OllamaPrompt {
    model: String,
    #[serde(default)]
    prompt: String,
    #[serde(default)]
    system: Option<String>,
    #[serde(default)]
    raw: Option<bool>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    options: Option<AnswerSettings>,
    #[serde(default)]
    assay: AssayTerms,
    #[serde(default, rename = "keep_alive")]
    _keep_alive: Option<Value>,
    #[serde(default)]
    suffix: Option<Value>,
    #[serde(default)]
    images: Option<Value>,
    /// As its text, because the order of a schema's keys counts.
    #[serde(default)]
    format: Option<String>,
    #[serde(default)]
    template: Option<Value>,
    #[serde(default)]
    context: Option<Value>,
    #[serde(default)]
    think: Option<Value>,
    #[serde(default)]
    logprobs: Option<Value>,
    #[serde(default)]
    top_logprobs: Option<Value>,
}

/// What is asked of a model, however it was said.
struct OllamaWish {
    name: String,
    said: SaidText,
    options: AnswerSettings,
    schema: Option<Json>,
    terms: AssayTerms,
    is_streamed: bool,
    words: WordsShape,
}

/// Continues a conversation.
pub(crate) async fn chat(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    body: Result<OnceBody<OllamaChat>, HttpFailure>,
) -> Result<Response, PlainFailure> {
    let OnceBody { said, once } = body?;
    answer(&gateway, &caller, said.asked()?, once).await
}

/// Answers a text.
pub(crate) async fn generate(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    body: Result<OnceBody<OllamaPrompt>, HttpFailure>,
) -> Result<Response, PlainFailure> {
    let OnceBody { said, once } = body?;
    answer(&gateway, &caller, said.asked()?, once).await
}

async fn answer(
    gateway: &Arc<Gateway>,
    caller: &Caller,
    asked: OllamaWish,
    once: AskedOnce,
) -> Result<Response, PlainFailure> {
    let OllamaWish { name, said, options, schema, terms, is_streamed, words } = asked;
    let began = Instant::now();
    let manifest = order_set::model_once(gateway, caller, &name, &once).await?;
    let (choice, tokens_max) = options.choice(gateway.tokens_max)?;
    format::check_stop(schema.as_ref(), choice.stop.as_ref())?;
    let wish = TextWish { said, choice: choice.parameters()?, schema, tokens_max };
    let (wish, wanted) = ((&wish, &terms), (1, is_streamed));
    let ordered = order_set::texts(gateway, caller, &manifest, wish, wanted, once).await?;
    lines::respond(ordered, LineShape { name, words, began }, is_streamed).await
}

impl OllamaChat {
    fn asked(self) -> Result<OllamaWish, HttpFailure> {
        refuse(&[
            ("tools", self.tools.as_ref(), "no tools are called"),
            ("think", self.think.as_ref(), "models think as long as they do"),
            ("logprobs", self.logprobs.as_ref(), "chances are not told"),
            ("top_logprobs", self.top_logprobs.as_ref(), "chances are not told"),
        ])?;
        if self.messages.is_empty() {
            return Err(HttpFailure::wrong("messages", "a conversation has at least one message"));
        }
        let messages = self.messages.into_iter().map(OllamaMessage::plain).collect::<Result<_, _>>()?;
        let words: WordsShape = |words| ("message", json!({ "role": "assistant", "content": words }));
        Ok(OllamaWish {
            name: self.model,
            said: SaidText::Messages(messages),
            options: self.options.unwrap_or_default(),
            schema: self.format.as_deref().map(format::plain_schema_of).transpose()?.flatten(),
            terms: self.assay,
            is_streamed: self.stream.unwrap_or(true),
            words,
        })
    }
}

impl OllamaMessage {
    fn plain(self) -> Result<Value, HttpFailure> {
        refuse(&[
            ("messages.images", self.images.as_ref(), "messages are texts"),
            ("messages.tool_calls", self.tool_calls.as_ref(), "messages are texts"),
            ("messages.tool_name", self.tool_name.as_ref(), "messages are texts"),
            ("messages.thinking", self.thinking.as_ref(), "messages are texts"),
        ])?;
        if !matches!(self.role.as_str(), "system" | "user" | "assistant") {
            let message = format!("{:?} is no role; there are system, user and assistant", self.role);
            return Err(HttpFailure::wrong("messages.role", message));
        }
        Ok(json!({ "role": self.role, "content": self.content }))
    }
}

impl OllamaPrompt {
    fn asked(self) -> Result<OllamaWish, HttpFailure> {
        refuse(&[
            ("suffix", self.suffix.as_ref(), "texts are continued at their end"),
            ("images", self.images.as_ref(), "prompts are texts"),
            ("template", self.template.as_ref(), "a model has the template of its maker"),
            ("context", self.context.as_ref(), "conversations go to /api/chat"),
            ("think", self.think.as_ref(), "models think as long as they do"),
            ("logprobs", self.logprobs.as_ref(), "chances are not told"),
            ("top_logprobs", self.top_logprobs.as_ref(), "chances are not told"),
        ])?;
        if self.prompt.is_empty() {
            return Err(HttpFailure::wrong(
                "prompt",
                "models are loaded by those who offer them, and asked something",
            ));
        }
        let is_raw = self.raw.unwrap_or(false);
        let system = self.system.filter(|system| !system.is_empty());
        let said = match (is_raw, system) {
            (true, Some(_)) => {
                return Err(HttpFailure::unsupported("system", "a raw prompt is all that is read"));
            }
            (true, None) => SaidText::Text(self.prompt),
            (false, system) => {
                let system = system.map(|system| json!({ "role": "system", "content": system }));
                let user = json!({ "role": "user", "content": self.prompt });
                SaidText::Messages(system.into_iter().chain([user]).collect())
            }
        };
        Ok(OllamaWish {
            name: self.model,
            said,
            options: self.options.unwrap_or_default(),
            schema: self.format.as_deref().map(format::plain_schema_of).transpose()?.flatten(),
            terms: self.assay,
            is_streamed: self.stream.unwrap_or(true),
            words: |words| ("response", json!(words)),
        })
    }
}
