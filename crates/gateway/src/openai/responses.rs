//! `POST /v1/responses`.
//!
//! **Invariant:** nothing is kept from one request to the next. What would need it is refused by its name.

mod input;
mod shape;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use self::{input::ResponseInput, shape::ResponseShape};
use super::{choice::TokenChoice, events, format, usage};
use crate::{
    Gateway,
    chances::ChanceParams,
    chat_wish::{ChatParams, ChatWish, FittedChat},
    failure::HttpFailure,
    guard::Caller,
    json_answer::JsonAnswer,
    json_body::{OnceBody, refuse},
    order::{AssayTerms, SaidText, TextWish, TokensMax},
    order_set,
    think_wish::ThinkWish,
    tools::{SaidTools, ToolShape, ToolWish},
};

/// What can be included in a response: how likely the tokens of its messages were.
const CHANCES_INCLUDED: &str = "message.output_text.logprobs";

/// What is asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResponseRequest {
    model: String,
    input: ResponseInput,
    #[serde(default)]
    instructions: Option<String>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    max_output_tokens: Option<u32>,
    #[serde(default)]
    temperature: Option<f64>,
    #[serde(default)]
    top_p: Option<f64>,
    #[serde(default)]
    text: WrittenText,
    #[serde(default)]
    assay: AssayTerms,
    // What changes nothing of the answer, and is said again with it.
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    safety_identifier: Option<String>,
    #[serde(default)]
    max_tool_calls: Option<u32>,
    /// As their text, because the order of their keys counts.
    #[serde(default)]
    tools: Option<String>,
    #[serde(default)]
    tool_choice: Option<Value>,
    #[serde(default)]
    parallel_tool_calls: Option<bool>,
    #[serde(default)]
    reasoning: Option<WishedReasoning>,
    #[serde(default)]
    include: Option<Vec<String>>,
    #[serde(default)]
    top_logprobs: Option<u32>,
    #[serde(default, rename = "stream_options")]
    _stream_options: Option<ResponseStreamOptions>,
    // What is not done, unless it asks for what is done anyway.
    #[serde(default)]
    previous_response_id: Option<Value>,
    #[serde(default)]
    conversation: Option<Value>,
    #[serde(default)]
    store: Option<Value>,
    #[serde(default)]
    background: Option<Value>,
    #[serde(default)]
    background_options: Option<Value>,
    #[serde(default)]
    prompt: Option<Value>,
    #[serde(default)]
    truncation: Option<Value>,
    #[serde(default)]
    context_management: Option<Value>,
    #[serde(default)]
    moderation: Option<Value>,
    #[serde(default)]
    prompt_cache_key: Option<Value>,
    #[serde(default)]
    prompt_cache_options: Option<Value>,
    #[serde(default)]
    prompt_cache_retention: Option<Value>,
    #[serde(default)]
    service_tier: Option<Value>,
}

/// How an answer is to be written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WrittenText {
    /// As its text, because the order of a schema's keys counts.
    format: Option<String>,
    verbosity: Option<Value>,
}

/// How long a model is to think, and what of that is told.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WishedReasoning {
    effort: Option<String>,
    // What is not done.
    summary: Option<Value>,
    generate_summary: Option<Value>,
}

/// What events have beside what they say.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ResponseStreamOptions {
    /// Whether they are filled up so that their length says nothing; they never are.
    #[serde(rename = "include_obfuscation")]
    _include_obfuscation: bool,
}

/// Answers a text or a conversation.
pub(crate) async fn create(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    OnceBody { said: request, once }: OnceBody<ResponseRequest>,
) -> Result<Response, HttpFailure> {
    request.check()?;
    let (is_streamed, terms) = (request.stream.unwrap_or(false), request.assay.clone());
    let manifest = order_set::model_once(&gateway, &caller, &request.model, &once).await?;
    let echo = request.echo();
    let wish = request.into_wish(gateway.tokens_max)?;
    let chances = (wish.text.chances, ChanceParams::RESPONSE);
    order_set::tells_chances(&gateway, &manifest, &once, chances).await?;
    let FittedChat { text, reader, traits } = wish.fitted(&gateway, &manifest, (&caller, &once)).await?;
    let (wish, wanted) = ((&text, &terms), (1, is_streamed));
    let once = (once, Some(traits.as_ref()));
    let ordered = order_set::texts(&gateway, &caller, &manifest, wish, wanted, once).await?;
    let shape = ResponseShape::new(ordered.key(), echo, reader);
    if is_streamed {
        return events::respond(ordered, shape).await;
    }
    let answers = ordered.whole().await?;
    let whole = answers.first().unwrap_or_else(|| unreachable!("one was ordered"));
    Ok((usage::headers(&answers), JsonAnswer(shape.whole(whole))).into_response())
}

impl ResponseRequest {
    /// Refuses what is not done.
    fn check(&self) -> Result<(), HttpFailure> {
        let forgotten = "nothing is kept from one request to the next; say all of it in input";
        let whole = "a model reads all of its input, or refuses it";
        let cached = "what is kept of a prompt is chosen by whoever reads it";
        let thought = "all that is thought is told, and nothing else of it";
        let reasoning = self.reasoning.as_ref();
        refuse(&[
            ("previous_response_id", self.previous_response_id.as_ref(), forgotten),
            ("conversation", self.conversation.as_ref(), forgotten),
            ("store", self.store.as_ref(), "answers are kept with their jobs"),
            ("background", self.background.as_ref(), "an answer is waited for"),
            ("background_options", self.background_options.as_ref(), "an answer is waited for"),
            ("prompt", self.prompt.as_ref(), "there are no prompts but those of requests"),
            ("reasoning.summary", reasoning.and_then(|said| said.summary.as_ref()), thought),
            (
                "reasoning.generate_summary",
                reasoning.and_then(|said| said.generate_summary.as_ref()),
                thought,
            ),
            ("text.verbosity", self.text.verbosity.as_ref(), "models write as much as they do"),
            ("truncation", unless(self.truncation.as_ref(), &["disabled"]), whole),
            ("context_management", self.context_management.as_ref(), whole),
            ("moderation", self.moderation.as_ref(), "nothing is judged"),
            ("prompt_cache_key", self.prompt_cache_key.as_ref(), cached),
            ("prompt_cache_options", self.prompt_cache_options.as_ref(), cached),
            ("prompt_cache_retention", self.prompt_cache_retention.as_ref(), cached),
            (
                "service_tier",
                unless(self.service_tier.as_ref(), &["auto", "default"]),
                "all are served alike",
            ),
        ])?;
        self.chances().map(drop)
    }

    /// How many of the likeliest tokens are told of each place, if chances are.
    fn chances(&self) -> Result<Option<u8>, HttpFailure> {
        let included = self.include.as_deref().unwrap_or_default();
        if let Some(other) = included.iter().find(|included| *included != CHANCES_INCLUDED) {
            let why = format!("there is {CHANCES_INCLUDED} to include, and no {other:?}");
            return Err(HttpFailure::unsupported("include", &why));
        }
        ChanceParams::RESPONSE.wished(!included.is_empty(), self.top_logprobs)
    }

    /// What a response says again of its request, and what holds for all of them.
    fn echo(&self) -> Map<String, Value> {
        let format =
            self.text.format.as_deref().and_then(|format| serde_json::from_str::<Value>(format).ok());
        let format = format.unwrap_or_else(|| json!({ "type": "text" }));
        let tools = self.tools.as_deref().and_then(|tools| serde_json::from_str::<Value>(tools).ok());
        let tools = tools.filter(Value::is_array).unwrap_or_else(|| json!([]));
        let usual = if tools == json!([]) { "none" } else { "auto" };
        let effort = self.reasoning.as_ref().and_then(|reasoning| reasoning.effort.as_deref());
        let said = [
            ("model", json!(self.model)),
            ("instructions", json!(self.instructions)),
            ("max_output_tokens", json!(self.max_output_tokens)),
            ("temperature", json!(self.temperature)),
            ("top_p", json!(self.top_p)),
            ("text", json!({ "format": format })),
            ("metadata", json!(self.metadata)),
            ("user", json!(self.user)),
            ("safety_identifier", json!(self.safety_identifier)),
            ("max_tool_calls", json!(self.max_tool_calls)),
            ("parallel_tool_calls", json!(self.parallel_tool_calls.unwrap_or(true))),
            ("previous_response_id", Value::Null),
            ("conversation", Value::Null),
            ("store", json!(false)),
            ("background", json!(false)),
            ("prompt", Value::Null),
            ("reasoning", effort.map_or(Value::Null, |effort| json!({ "effort": effort, "summary": null }))),
            ("truncation", json!("disabled")),
            ("tools", tools),
            ("tool_choice", self.tool_choice.clone().unwrap_or_else(|| json!(usual))),
            ("top_logprobs", json!(self.top_logprobs.unwrap_or_default())),
            ("service_tier", json!("default")),
        ];
        said.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
    }

    fn into_wish(self, tokens_max: u32) -> Result<ChatWish, HttpFailure> {
        let chances = self.chances()?;
        let tools = ToolWish::of(SaidTools {
            tools: self.tools.as_deref(),
            choice: self.tool_choice.as_ref(),
            parallel: self.parallel_tool_calls,
            shape: ToolShape::Flat,
        })?;
        let told = self.instructions.filter(|instructions| !instructions.is_empty());
        let (messages, calls_at) = self.input.read(told)?.into_messages();
        let schema = self.text.format.as_deref().map(format::text_schema_of).transpose()?.flatten();
        let choice =
            TokenChoice { temperature: self.temperature, top_p: self.top_p, ..TokenChoice::default() };
        let tokens_max = TokensMax::of("max_output_tokens", self.max_output_tokens, tokens_max)?;
        ChanceParams::RESPONSE.check_length(chances, tokens_max)?;
        let (said, choice) = (SaidText::Messages(messages), choice.parameters()?);
        let text = TextWish { said, choice, schema, variables: Vec::new(), tokens_max, chances };
        let think = self.reasoning.and_then(|reasoning| reasoning.effort).map(ThinkWish::Effort);
        let params = ChatParams { format: "text.format", think: "reasoning.effort" };
        Ok(ChatWish { text, tools, think, calls_at, params })
    }
}

/// A field unless it asks for what is done anyway.
fn unless<'a>(field: Option<&'a Value>, anyway: &[&str]) -> Option<&'a Value> {
    field.filter(|value| value.as_str().is_none_or(|said| !anyway.contains(&said)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json_body;

    fn request(more: Value) -> Result<ResponseRequest, HttpFailure> {
        let mut whole = json!({ "model": "poet", "input": "Why?" });
        whole.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
        json_body::read(whole.to_string().as_bytes())
    }

    fn wish(more: Value) -> Result<TextWish, HttpFailure> {
        let request = request(more)?;
        request.check()?;
        Ok(request.into_wish(256)?.text)
    }

    /// The messages that templates are given.
    fn said(more: Value) -> Vec<Value> {
        let wish = wish(more).unwrap();
        let SaidText::Messages(messages) = wish.said else { panic!("{:?}", wish.said) };
        messages.iter().map(|message| serde_json::to_value(message).unwrap()).collect()
    }

    #[test]
    fn an_input_is_read_as_templates_want_it() {
        let user = json!({ "role": "user", "content": "Why?" });
        let system = json!({ "role": "system", "content": "Be brief." });
        assert_eq!(said(json!({})), std::slice::from_ref(&user));
        let instructed = json!({ "instructions": "Be brief." });
        assert_eq!(said(instructed), [system.clone(), user.clone()]);
        assert_eq!(said(json!({ "instructions": "" })), std::slice::from_ref(&user));
        let items = json!({ "input": [
            { "role": "developer", "content": "Be brief." },
            { "type": "message", "role": "user", "content": [
                { "type": "input_text", "text": "Wh" }, { "type": "input_text", "text": "y?" },
            ] },
            { "id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [
                { "type": "output_text", "text": "So.", "annotations": [], "logprobs": [], "parsed": { "so": true } },
            ] },
        ] });
        let assistant = json!({ "role": "assistant", "content": "So." });
        assert_eq!(said(items), [system, user, assistant]);
    }

    #[test]
    fn tokens_are_chosen_and_counted_as_it_says() {
        let asked = wish(json!({ "max_output_tokens": 7, "temperature": 0, "top_p": 0.5 })).unwrap();
        assert_eq!(asked.tokens_max, TokensMax::Asked(7));
        assert_eq!(Value::Object(asked.choice), json!({ "temperature": 0.0, "top_p": 0.5 }));
        assert_eq!(wish(json!({})).unwrap().tokens_max, TokensMax::Usual(256));
    }

    #[test]
    fn chances_are_included_where_that_is_asked() {
        let included = json!({ "include": ["message.output_text.logprobs"], "top_logprobs": 2 });
        assert_eq!(wish(included.clone()).unwrap().chances, Some(2));
        assert_eq!(request(included).unwrap().echo()["top_logprobs"], 2);
        let alone = json!({ "include": ["message.output_text.logprobs"] });
        assert_eq!(wish(alone).unwrap().chances, Some(0));
        assert_eq!(wish(json!({})).unwrap().chances, None);
    }

    #[test]
    fn a_format_is_a_schema_whose_keys_keep_their_order() {
        let text = r#"{"model":"poet","input":"Why?","text":{"format":{"type":"json_schema","name":"n","strict":true,
            "schema":{"properties":{"z":{"const":null},"a":{}}}}}}"#;
        let request = json_body::read::<ResponseRequest>(text.as_bytes()).unwrap();
        let echo = request.echo();
        assert_eq!(
            echo["text"]["format"]["schema"],
            json!({ "properties": { "z": { "const": null }, "a": {} } })
        );
        let schema = request.into_wish(256).unwrap().text.schema.map(|schema| schema.to_string());
        assert_eq!(schema.as_deref(), Some(r#"{"properties":{"z":{"const":null},"a":{}}}"#));
        let plain = wish(json!({ "text": { "format": { "type": "text" } } })).unwrap();
        assert_eq!(plain.schema, None);
        assert_eq!(self::request(json!({})).unwrap().echo()["text"], json!({ "format": { "type": "text" } }));
    }

    #[test]
    fn what_asks_for_what_is_done_anyway_is_no_fault() {
        let anyway = json!({
            "store": false, "background": false, "include": [], "reasoning": { "effort": null }, "tools": [],
            "truncation": "disabled", "tool_choice": "none", "service_tier": "auto", "top_logprobs": 0,
            "previous_response_id": null, "conversation": null, "prompt": null, "text": { "verbosity": null },
            "stream_options": { "include_obfuscation": false }, "max_tool_calls": 3, "parallel_tool_calls": false,
            "user": "ann", "safety_identifier": "ann", "metadata": { "page": "7" }, "context_management": [],
        });
        assert!(wish(anyway.clone()).is_ok());
        let echo = request(anyway).unwrap().echo();
        assert_eq!(echo["metadata"], json!({ "page": "7" }));
        assert_eq!((&echo["store"], &echo["parallel_tool_calls"]), (&json!(false), &json!(false)));
    }

    #[test]
    fn what_is_not_done_is_refused_by_its_name() {
        let refused = [
            ("previous_response_id", json!({ "previous_response_id": "resp_1" })),
            ("conversation", json!({ "conversation": "conv_1" })),
            ("store", json!({ "store": true })),
            ("background", json!({ "background": true })),
            ("background_options", json!({ "background_options": { "completion_window": "2h" } })),
            ("prompt", json!({ "prompt": { "id": "pmpt_1" } })),
            (
                "include",
                json!({ "include": ["message.output_text.logprobs", "reasoning.encrypted_content"] }),
            ),
            ("include", json!({ "include": "message.output_text.logprobs" })),
            ("top_logprobs", json!({ "include": ["message.output_text.logprobs"], "top_logprobs": 21 })),
            ("reasoning.summary", json!({ "reasoning": { "summary": "auto" } })),
            ("reasoning.context", json!({ "reasoning": { "context": "auto" } })),
            ("text.verbosity", json!({ "text": { "verbosity": "low" } })),
            ("truncation", json!({ "truncation": "auto" })),
            ("tools[0].type", json!({ "tools": [{ "type": "web_search" }] })),
            ("tool_choice", json!({ "tool_choice": "required" })),
            ("tool_choice", json!({ "tool_choice": { "type": "function", "name": "f" } })),
            ("context_management", json!({ "context_management": [{ "type": "compaction" }] })),
            ("moderation", json!({ "moderation": { "model": "m" } })),
            ("prompt_cache_key", json!({ "prompt_cache_key": "k" })),
            ("prompt_cache_options", json!({ "prompt_cache_options": { "ttl": "30m" } })),
            ("prompt_cache_retention", json!({ "prompt_cache_retention": "24h" })),
            ("top_logprobs", json!({ "top_logprobs": 2 })),
            ("service_tier", json!({ "service_tier": "flex" })),
            ("input", json!({ "input": [] })),
            ("input", json!({ "input": 7 })),
            ("input[0].type", json!({ "input": [{ "type": "computer_call", "id": "a" }] })),
            ("input[0]", json!({ "input": [{ "type": "function_call_output", "output": "4" }] })),
            (
                "input[0].arguments",
                json!({ "input": [{ "type": "function_call", "call_id": "a", "name": "f", "arguments": "4" }] }),
            ),
            ("input[0].role", json!({ "input": [{ "role": "tool", "content": "4" }] })),
            (
                "input[0].phase",
                json!({ "input": [{ "role": "user", "content": "4", "phase": "commentary" }] }),
            ),
            ("temperature", json!({ "temperature": 3 })),
            ("max_output_tokens", json!({ "max_output_tokens": 0 })),
            ("metadata.page", json!({ "metadata": { "page": 7 } })),
            ("stream_options.include_usage", json!({ "stream_options": { "include_usage": true } })),
            ("text.format.type", json!({ "text": { "format": { "type": "grammar" } } })),
            ("messages", json!({ "messages": [] })),
            ("seed", json!({ "seed": 1 })),
            ("assay.check", json!({ "assay": { "check": "never" } })),
        ];
        for (param, more) in refused {
            let failure = wish(more.clone()).unwrap_err();
            assert_eq!(failure.document()["error"]["param"], param, "{more}");
            assert_eq!(failure.document()["error"]["type"], "invalid_request_error");
        }
    }

    #[test]
    fn a_part_that_is_more_than_a_text_is_refused_with_its_place() {
        let text = json!({ "type": "input_text", "text": "a" });
        let cases = [
            ("input[0].content", json!({ "type": "input_image", "image_url": "data:" })),
            ("input[0].content", json!({ "type": "input_file", "file_id": "f" })),
            ("input[0].content", json!({ "type": "input_audio", "input_audio": {} })),
            ("input[0].content", json!({ "type": "refusal", "refusal": "no" })),
            (
                "input[0].content[1].prompt_cache_breakpoint",
                json!({ "type": "input_text", "text": "b", "prompt_cache_breakpoint": { "mode": "explicit" } }),
            ),
            (
                "input[0].content[1].annotations",
                json!({ "type": "output_text", "text": "b", "annotations": [{ "type": "url_citation" }] }),
            ),
        ];
        for (param, part) in cases {
            let input = json!({ "input": [{ "role": "user", "content": [text, part] }] });
            assert_eq!(wish(input).unwrap_err().document()["error"]["param"], param, "{part}");
        }
    }
}
