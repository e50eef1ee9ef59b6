//! `POST /v1/chat/completions`.

use std::{collections::BTreeMap, sync::Arc};

use assay_protocol::id::Digest;
use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    choice::{OneOrMore, TokenChoice},
    events::{self, EventShape, ToldEvent},
    format,
    message::{self, MessageContent},
    usage::{self, finish_reason},
};
use crate::{
    Gateway,
    answer::WholeAnswer,
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
pub(crate) struct ChatRequest {
    model: String,
    messages: Vec<ChatMessage>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    #[serde(default)]
    n: Option<u32>,
    #[serde(default)]
    max_tokens: Option<u32>,
    #[serde(default)]
    max_completion_tokens: Option<u32>,
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
    assay: AssayTerms,
    // What changes nothing of the answer.
    #[serde(default, rename = "user")]
    _user: Option<String>,
    #[serde(default, rename = "safety_identifier")]
    _safety_identifier: Option<String>,
    #[serde(default, rename = "prompt_cache_key")]
    _prompt_cache_key: Option<String>,
    #[serde(default, rename = "metadata")]
    _metadata: Option<Map<String, Value>>,
    #[serde(default, rename = "parallel_tool_calls")]
    _parallel_tool_calls: Option<bool>,
    /// As its text, because the order of a schema's keys counts.
    #[serde(default)]
    response_format: Option<String>,
    // What is not done, unless it asks for what is done anyway.
    #[serde(default)]
    tools: Option<Vec<Value>>,
    #[serde(default)]
    tool_choice: Option<Value>,
    #[serde(default)]
    functions: Option<Value>,
    #[serde(default)]
    function_call: Option<Value>,
    #[serde(default)]
    logprobs: Option<bool>,
    #[serde(default)]
    top_logprobs: Option<u32>,
    #[serde(default)]
    modalities: Option<Vec<String>>,
    #[serde(default)]
    audio: Option<Value>,
    #[serde(default)]
    prediction: Option<Value>,
    #[serde(default)]
    reasoning_effort: Option<Value>,
    #[serde(default)]
    verbosity: Option<Value>,
    #[serde(default)]
    service_tier: Option<String>,
    #[serde(default)]
    store: Option<bool>,
    #[serde(default)]
    web_search_options: Option<Value>,
}

/// What a stream says beside the answer.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StreamOptions {
    pub(crate) include_usage: bool,
    /// Whether events are filled up so that their length says nothing; they never are.
    #[serde(rename = "include_obfuscation")]
    _include_obfuscation: bool,
}

/// A line of a batch is answered once, and in one piece.
pub(super) fn check_batched(n: Option<u32>, stream: Option<bool>) -> Result<(), HttpFailure> {
    match (n, stream) {
        (Some(n), _) if n != 1 => Err(HttpFailure::unsupported("n", "a line has one answer")),
        (_, Some(true)) => Err(HttpFailure::unsupported("stream", "a line is answered in one piece")),
        _ => Ok(()),
    }
}

/// Something that was said.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChatMessage {
    role: String,
    #[serde(default)]
    content: Option<MessageContent>,
    #[serde(default)]
    name: Option<String>,
    // What an assistant's message of before holds in clients that send it back as it came.
    #[serde(default)]
    refusal: Option<Value>,
    #[serde(default)]
    annotations: Option<Vec<Value>>,
    #[serde(default)]
    audio: Option<Value>,
    #[serde(default)]
    tool_calls: Option<Vec<Value>>,
    #[serde(default)]
    tool_call_id: Option<String>,
    #[serde(default)]
    function_call: Option<Value>,
    #[serde(default, rename = "assay")]
    _assay: Option<Value>,
    /// What its client read in its text.
    #[serde(default, rename = "parsed")]
    _parsed: Option<Value>,
}

/// Answers a conversation.
pub(crate) async fn complete(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    OnceBody { said: request, once }: OnceBody<ChatRequest>,
) -> Result<Response, HttpFailure> {
    request.check()?;
    let (is_streamed, options) =
        (request.stream.unwrap_or(false), request.stream_options.unwrap_or_default());
    let (name, count, terms) = (request.model.clone(), request.n.unwrap_or(1), request.assay.clone());
    let manifest = order_set::model_once(&gateway, &caller, &name, &once).await?;
    let wish = request.into_wish(gateway.tokens_max)?;
    let (wish, wanted) = ((&wish, &terms), (count, is_streamed));
    let ordered = order_set::texts(&gateway, &caller, &manifest, wish, wanted, once).await?;
    let shape = ChatShape {
        name,
        created: Timestamp::now().as_second(),
        tells_usage: options.include_usage,
        key: ordered.key(),
    };
    if is_streamed {
        return events::respond(ordered, shape).await;
    }
    let answers = ordered.whole().await?;
    Ok((usage::headers(&answers), JsonAnswer(shape.whole(&answers))).into_response())
}

impl ChatRequest {
    /// One answer that nobody waits for, and what it is called: the model, the wish and its terms.
    pub(super) fn batched(self, tokens_max: u32) -> Result<(String, TextWish, AssayTerms), HttpFailure> {
        self.check()?;
        check_batched(self.n, self.stream)?;
        let (model, terms) = (self.model.clone(), self.assay.clone());
        Ok((model, self.into_wish(tokens_max)?, terms))
    }

    /// Refuses what is not done.
    fn check(&self) -> Result<(), HttpFailure> {
        let is_text_alone = |modalities: &Vec<String>| modalities.iter().all(|modality| modality == "text");
        let refused = [
            ("tools", self.tools.as_ref().is_some_and(|tools| !tools.is_empty()), "no tools are called"),
            (
                "tool_choice",
                self.tool_choice.as_ref().is_some_and(|choice| choice != "none"),
                "no tools are called",
            ),
            ("functions", self.functions.is_some(), "no functions are called"),
            ("function_call", self.function_call.is_some(), "no functions are called"),
            ("logprobs", self.logprobs == Some(true), "chances are not told"),
            ("top_logprobs", self.top_logprobs.is_some_and(|count| count > 0), "chances are not told"),
            (
                "modalities",
                self.modalities.as_ref().is_some_and(|all| !is_text_alone(all)),
                "only texts are written",
            ),
            ("audio", self.audio.is_some(), "only texts are written"),
            ("prediction", self.prediction.is_some(), "no answer is taken from the request"),
            ("reasoning_effort", self.reasoning_effort.is_some(), "models think as long as they do"),
            ("verbosity", self.verbosity.is_some(), "models write as much as they do"),
            (
                "service_tier",
                self.service_tier.as_ref().is_some_and(|tier| tier != "auto" && tier != "default"),
                "all are served alike",
            ),
            ("store", self.store == Some(true), "answers are kept with their jobs"),
            ("web_search_options", self.web_search_options.is_some(), "nothing is searched"),
        ];
        match refused.into_iter().find(|(_, is_asked, _)| *is_asked) {
            Some((param, _, why)) => Err(HttpFailure::unsupported(param, why)),
            None => Ok(()),
        }
    }

    fn into_wish(self, tokens_max: u32) -> Result<TextWish, HttpFailure> {
        message::check_count("messages", self.messages.len())?;
        let messages = self.messages.into_iter().enumerate().map(|(index, message)| message.plain(index));
        let messages = messages.collect::<Result<_, _>>()?;
        let schema = self.response_format.as_deref().map(format::schema_of).transpose()?.flatten();
        format::check_stop(schema.as_ref(), self.stop.as_ref())?;
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
        let tokens_max =
            TokensMax::of("max_tokens", self.max_completion_tokens.or(self.max_tokens), tokens_max)?;
        Ok(TextWish { said: SaidText::Messages(messages), choice: choice.parameters()?, schema, tokens_max })
    }
}

impl ChatMessage {
    /// The message as templates read it: a role and a text.
    fn plain(self, index: usize) -> Result<Value, HttpFailure> {
        let place = |field: &str| format!("messages[{index}].{field}");
        let refused = [
            ("audio", self.audio.is_some_and(|audio| !audio.is_null())),
            ("tool_calls", self.tool_calls.is_some_and(|calls| !calls.is_empty())),
            ("tool_call_id", self.tool_call_id.is_some()),
            ("function_call", self.function_call.is_some_and(|call| !call.is_null())),
            ("refusal", self.refusal.is_some_and(|refusal| !refusal.is_null())),
            ("annotations", self.annotations.is_some_and(|all| !all.is_empty())),
        ];
        if let Some((field, _)) = refused.into_iter().find(|(_, is_there)| *is_there) {
            return Err(HttpFailure::unsupported(&place(field), "messages are texts"));
        }
        let role = message::role_of(&self.role, &place("role"))?;
        let Some(content) = self.content else {
            return Err(HttpFailure::wrong(&place("content"), "a message says something"));
        };
        let content = content.text(&["text"], &place("content"))?;
        let mut message =
            Map::from_iter([("role".to_owned(), json!(role)), ("content".to_owned(), json!(content))]);
        if let Some(name) = self.name {
            message.insert("name".to_owned(), json!(name));
        }
        Ok(Value::Object(message))
    }
}

/// What a conversation is answered with where nobody heard it.
pub(super) fn batched_document(name: &str, answer: &WholeAnswer) -> Value {
    let created = Timestamp::now().as_second();
    let shape = ChatShape { name: name.to_owned(), created, tells_usage: true, key: answer.by.key };
    shape.whole(std::slice::from_ref(answer))
}

/// How answers of a conversation are written.
struct ChatShape {
    /// What the model was called by who asked.
    name: String,
    created: i64,
    tells_usage: bool,
    /// The first submission.
    key: Digest,
}

impl ChatShape {
    fn id(&self) -> String {
        format!("chatcmpl-{}", self.key)
    }

    fn chunk(&self, choices: Value) -> Value {
        let mut chunk = json!({
            "id": self.id(), "object": "chat.completion.chunk", "created": self.created, "model": self.name,
            "choices": choices,
        });
        if self.tells_usage {
            chunk["usage"] = Value::Null;
        }
        chunk
    }

    fn delta(&self, index: usize, delta: Value, finish_reason: Option<&str>) -> Value {
        self.chunk(
            json!([{ "index": index, "delta": delta, "logprobs": null, "finish_reason": finish_reason }]),
        )
    }

    fn whole(&self, answers: &[WholeAnswer]) -> Value {
        let choice = |(index, whole): (usize, &WholeAnswer)| {
            json!({
                "index": index, "logprobs": null, "finish_reason": finish_reason(whole.end),
                "message": { "role": "assistant", "content": whole.text, "refusal": null, "annotations": [] },
            })
        };
        json!({
            "id": self.id(), "object": "chat.completion", "created": self.created, "model": self.name,
            "choices": answers.iter().enumerate().map(choice).collect::<Vec<_>>(),
            "usage": usage::usage(answers), "assay": usage::provenance(answers),
        })
    }
}

impl EventShape for ChatShape {
    fn opening(&mut self, index: usize) -> Vec<ToldEvent> {
        vec![self.delta(index, json!({ "role": "assistant", "content": "", "refusal": null }), None).into()]
    }

    fn words(&mut self, index: usize, words: &str) -> Vec<ToldEvent> {
        vec![self.delta(index, json!({ "content": words }), None).into()]
    }

    fn closing(&mut self, index: usize, whole: &WholeAnswer) -> Vec<ToldEvent> {
        let mut chunk = self.delta(index, json!({}), Some(finish_reason(whole.end)));
        chunk["assay"] = usage::provenance(std::slice::from_ref(whole));
        vec![chunk.into()]
    }

    fn last(&mut self, answers: &[WholeAnswer]) -> Vec<ToldEvent> {
        if !self.tells_usage {
            return Vec::new();
        }
        let mut chunk = self.chunk(json!([]));
        chunk["usage"] = usage::usage(answers);
        vec![chunk.into()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json_body;

    fn request(more: Value) -> Result<ChatRequest, HttpFailure> {
        let mut whole = json!({ "model": "poet", "messages": [{ "role": "user", "content": "Why?" }] });
        whole.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
        json_body::read(whole.to_string().as_bytes())
    }

    fn wish(more: Value) -> Result<TextWish, HttpFailure> {
        let request = request(more)?;
        request.check()?;
        request.into_wish(256)
    }

    #[test]
    fn a_conversation_is_read_as_templates_want_it() {
        let said = json!({ "max_completion_tokens": 7, "max_tokens": 9, "temperature": 0, "messages": [
            { "role": "developer", "content": "Be brief." },
            { "role": "user", "content": [{ "type": "text", "text": "Why" }, { "type": "text", "text": "?" }], "name": "Ann" },
            { "role": "assistant", "content": "So.", "refusal": null, "annotations": [], "parsed": { "so": true } },
        ]});
        let wish = wish(said).unwrap();
        let expected = vec![
            json!({ "role": "system", "content": "Be brief." }),
            json!({ "role": "user", "content": "Why?", "name": "Ann" }),
            json!({ "role": "assistant", "content": "So." }),
        ];
        assert_eq!(wish.said, SaidText::Messages(expected));
        assert_eq!(
            (wish.tokens_max, wish.choice),
            (TokensMax::Asked(7), Map::from_iter([("temperature".to_owned(), json!(0.0))]))
        );
    }

    #[test]
    fn a_format_is_a_schema_that_the_answer_must_fit() {
        let of = |format: Value| {
            wish(json!({ "response_format": format })).unwrap().schema.map(|it| it.to_string())
        };
        assert_eq!(of(json!({ "type": "text" })), None);
        assert_eq!(of(json!({ "type": "json_object" })).as_deref(), Some(r#"{"type":"object"}"#));
        let text = r#"{"model":"poet","messages":[{"role":"user","content":"Why?"}],"response_format":{"type":"json_schema",
            "json_schema":{"name":"n","strict":true,"schema":{"properties":{"z":{"const":null},"a":{}}}}}}"#;
        let wish = json_body::read::<ChatRequest>(text.as_bytes()).unwrap().into_wish(256).unwrap();
        let schema = wish.schema.map(|schema| schema.to_string());
        assert_eq!(schema.as_deref(), Some(r#"{"properties":{"z":{"const":null},"a":{}}}"#));
    }

    #[test]
    fn what_asks_for_what_is_done_anyway_is_no_fault() {
        let anyway = json!({
            "response_format": { "type": "text" }, "tools": [], "tool_choice": "none", "logprobs": false, "top_logprobs": 0,
            "modalities": ["text"], "service_tier": "auto", "store": false, "user": "ann", "metadata": {}, "n": 1,
            "parallel_tool_calls": true, "stop": [], "seed": null, "assay": { "check": "always" },
        });
        assert!(wish(anyway).is_ok());
    }

    #[test]
    fn what_is_not_done_is_refused_by_its_name() {
        let refused = [
            ("response_format.type", json!({ "response_format": { "type": "xml" } })),
            ("stop", json!({ "response_format": { "type": "json_object" }, "stop": ["}"] })),
            ("tools", json!({ "tools": [{ "type": "function" }] })),
            ("tool_choice", json!({ "tool_choice": "auto" })),
            ("logprobs", json!({ "logprobs": true })),
            ("modalities", json!({ "modalities": ["text", "audio"] })),
            ("reasoning_effort", json!({ "reasoning_effort": "low" })),
            ("store", json!({ "store": true })),
            ("magic", json!({ "magic": 1 })),
            ("assay.chek", json!({ "assay": { "chek": "spot" } })),
            ("assay.check", json!({ "assay": { "check": "never" } })),
            ("assay.check", json!({ "assay": { "check": 17 } })),
            ("assay.ignore", json!({ "assay": { "ignore": [] } })),
            ("messages", json!({ "messages": [] })),
            ("messages[0].role", json!({ "messages": [{ "role": "tool", "content": "4" }] })),
            ("messages[0].content", json!({ "messages": [{ "role": "user" }] })),
            (
                "messages[0].content",
                json!({ "messages": [{ "role": "user", "content": [{ "type": "image_url", "image_url": {} }] }] }),
            ),
            (
                "messages[0].tool_calls",
                json!({ "messages": [{ "role": "assistant", "content": "", "tool_calls": [{}] }] }),
            ),
            ("temperature", json!({ "temperature": 3 })),
            ("max_tokens", json!({ "max_tokens": 0 })),
        ];
        for (param, more) in refused {
            let failure = wish(more.clone()).unwrap_err();
            assert_eq!(failure.document()["error"]["param"], param, "{more}");
            assert_eq!(failure.document()["error"]["type"], "invalid_request_error");
        }
    }
}
