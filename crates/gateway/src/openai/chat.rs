//! `POST /v1/chat/completions`.

mod chat_message;
mod chat_shape;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use self::{
    chat_message::ChatMessage,
    chat_shape::{ChatFrame, ChatShape},
};
use super::{
    choice::{OneOrMore, TokenChoice},
    events, format, usage,
};
use crate::{
    Gateway,
    answer::WholeAnswer,
    chances::ChanceParams,
    chat_wish::{ChatParams, ChatWish, FittedChat},
    conversation::{self, SaidConversation},
    failure::HttpFailure,
    guard::Caller,
    json_answer::JsonAnswer,
    json_body::OnceBody,
    order::{AssayTerms, SaidText, TextWish, TokensMax},
    order_set,
    spoken::SpokenReader,
    think_wish::ThinkWish,
    tools::{SaidTools, ToolShape, ToolWish},
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
    /// As its text, because the order of a schema's keys counts.
    #[serde(default)]
    response_format: Option<String>,
    /// As their text, because the order of their keys counts.
    #[serde(default)]
    tools: Option<String>,
    #[serde(default)]
    tool_choice: Option<Value>,
    #[serde(default)]
    parallel_tool_calls: Option<bool>,
    #[serde(default)]
    reasoning_effort: Option<String>,
    #[serde(default)]
    logprobs: Option<bool>,
    #[serde(default)]
    top_logprobs: Option<u32>,
    // What is not done, unless it asks for what is done anyway.
    #[serde(default)]
    functions: Option<Value>,
    #[serde(default)]
    function_call: Option<Value>,
    #[serde(default)]
    modalities: Option<Vec<String>>,
    #[serde(default)]
    audio: Option<Value>,
    #[serde(default)]
    prediction: Option<Value>,
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
    order_set::tells_chances(&gateway, &manifest, &once, (wish.text.chances, ChanceParams::CHAT)).await?;
    let FittedChat { text, reader, traits } = wish.fitted(&gateway, &manifest, (&caller, &once)).await?;
    let (wish, wanted) = ((&text, &terms), (count, is_streamed));
    let once = (once, Some(traits.as_ref()));
    let ordered = order_set::texts(&gateway, &caller, &manifest, wish, wanted, once).await?;
    let created = Timestamp::now().as_second();
    let frame = ChatFrame { name, created, tells_usage: options.include_usage, key: ordered.key() };
    let shape = ChatShape::new(frame, reader);
    if is_streamed {
        return events::respond(ordered, shape).await;
    }
    let answers = ordered.whole().await?;
    Ok((usage::headers(&answers), JsonAnswer(shape.whole(&answers))).into_response())
}

impl ChatRequest {
    /// One answer that nobody waits for: what its model is called, the wish and its terms.
    pub(super) fn batched(self, tokens_max: u32) -> Result<(String, ChatWish, AssayTerms), HttpFailure> {
        self.check()?;
        check_batched(self.n, self.stream)?;
        let (model, terms) = (self.model.clone(), self.assay.clone());
        Ok((model, self.into_wish(tokens_max)?, terms))
    }

    /// Refuses what is not done.
    fn check(&self) -> Result<(), HttpFailure> {
        let is_text_alone = |modalities: &Vec<String>| modalities.iter().all(|modality| modality == "text");
        let refused = [
            ("functions", self.functions.is_some(), "functions are called as tools"),
            ("function_call", self.function_call.is_some(), "functions are called as tools"),
            (
                "modalities",
                self.modalities.as_ref().is_some_and(|all| !is_text_alone(all)),
                "only texts are written",
            ),
            ("audio", self.audio.is_some(), "only texts are written"),
            ("prediction", self.prediction.is_some(), "no answer is taken from the request"),
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
            None => self.chances().map(drop),
        }
    }

    /// How many of the likeliest tokens are told of each place, if chances are.
    fn chances(&self) -> Result<Option<u8>, HttpFailure> {
        ChanceParams::CHAT.wished(self.logprobs == Some(true), self.top_logprobs)
    }

    fn into_wish(self, tokens_max: u32) -> Result<ChatWish, HttpFailure> {
        let chances = self.chances()?;
        let tools = ToolWish::of(SaidTools {
            tools: self.tools.as_deref(),
            choice: self.tool_choice.as_ref(),
            parallel: self.parallel_tool_calls,
            shape: ToolShape::Nested,
        })?;
        conversation::check_count("messages", self.messages.len())?;
        let mut said = SaidConversation::default();
        for (index, message) in self.messages.into_iter().enumerate() {
            let place = format!("messages[{index}]");
            said.add(message.read(&place)?, &place);
        }
        let (messages, calls_at) = said.into_messages();
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
        ChanceParams::CHAT.check_length(chances, tokens_max)?;
        let said = SaidText::Messages(messages);
        let (choice, variables) = (choice.parameters()?, Vec::new());
        let text = TextWish { said, choice, schema, variables, tokens_max, chances };
        let think = self.reasoning_effort.map(ThinkWish::Effort);
        let params = ChatParams { format: "response_format", think: "reasoning_effort" };
        Ok(ChatWish { text, tools, think, calls_at, params })
    }
}

/// What a conversation is answered with where nobody heard it.
pub(super) fn batched_document(name: &str, answer: &WholeAnswer, reader: &SpokenReader) -> Value {
    let created = Timestamp::now().as_second();
    let frame = ChatFrame { name: name.to_owned(), created, tells_usage: true, key: answer.by.key };
    ChatShape::new(frame, reader.clone()).whole(std::slice::from_ref(answer))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
        Ok(request.into_wish(256)?.text)
    }

    /// The messages that templates are given.
    fn said(wish: TextWish) -> Vec<Value> {
        let SaidText::Messages(messages) = wish.said else { panic!("{:?}", wish.said) };
        messages.iter().map(|message| serde_json::to_value(message).unwrap()).collect()
    }

    #[test]
    fn a_conversation_is_read_as_templates_want_it() {
        let asked = json!({ "max_completion_tokens": 7, "max_tokens": 9, "temperature": 0, "messages": [
            { "role": "developer", "content": "Be brief." },
            { "role": "user", "content": [{ "type": "text", "text": "Why" }, { "type": "text", "text": "?" }], "name": "Ann" },
            { "role": "assistant", "content": "So.", "refusal": null, "annotations": [], "parsed": { "so": true } },
        ]});
        let wish = wish(asked).unwrap();
        let expected = [
            json!({ "role": "system", "content": "Be brief." }),
            json!({ "role": "user", "content": "Why?", "name": "Ann" }),
            json!({ "role": "assistant", "content": "So." }),
        ];
        assert_eq!(
            (wish.tokens_max, &wish.choice),
            (TokensMax::Asked(7), &Map::from_iter([("temperature".to_owned(), json!(0.0))]))
        );
        assert_eq!(said(wish), expected);
    }

    #[test]
    fn calls_of_before_go_back_to_the_template_as_they_were_made() {
        let text = r#"{"model":"poet","messages":[{"role":"user","content":"Why?"},
            {"role":"assistant","content":null,"reasoning_content":"So.","tool_calls":[{"id":"abcdef123","index":0,
                "type":"function","function":{"name":"add","arguments":"{\"z\": 1, \"a\": 2}"}}]},
            {"role":"tool","tool_call_id":"abcdef123","content":[{"type":"text","text":"3"}]}],
            "tools":[{"type":"function","function":{"name":"add","parameters":{"properties":{"z":{},"a":{}}}}}]}"#;
        let wish = json_body::read::<ChatRequest>(text.as_bytes()).unwrap().into_wish(256).unwrap();
        assert_eq!(wish.calls_at.as_deref(), Some("messages[1]"));
        let SaidText::Messages(messages) = &wish.text.said else { panic!("{wish:?}") };
        let written: Vec<String> = messages[1..].iter().map(ToString::to_string).collect();
        let call =
            r#"{"id":"abcdef123","type":"function","function":{"name":"add","arguments":{"z":1,"a":2}}}"#;
        assert_eq!(
            written,
            [
                format!(
                    r#"{{"role":"assistant","content":"","reasoning_content":"So.","tool_calls":[{call}]}}"#
                ),
                r#"{"role":"tool","content":"3","name":"add","tool_call_id":"abcdef123"}"#.to_owned(),
            ]
        );
        let tools = wish.tools.unwrap().definitions().to_string();
        assert!(tools.contains(r#""parameters":{"properties":{"z":{},"a":{}}}"#), "{tools}");
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
        let schema = wish.text.schema.map(|schema| schema.to_string());
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
        let none =
            json!({ "tools": [{ "type": "function", "function": { "name": "f" } }], "tool_choice": "none" });
        assert_eq!(request(none).unwrap().into_wish(256).unwrap().tools, None);
    }

    #[test]
    fn what_is_not_done_is_refused_by_its_name() {
        let call = |arguments: &str| {
            let function = json!({ "name": "f", "arguments": arguments });
            json!({ "id": "a", "type": "function", "function": function })
        };
        let peer = "07".repeat(32);
        let refused = [
            ("response_format.type", json!({ "response_format": { "type": "xml" } })),
            ("stop", json!({ "response_format": { "type": "json_object" }, "stop": ["}"] })),
            ("tools[0].function", json!({ "tools": [{ "type": "function" }] })),
            ("tool_choice", json!({ "tool_choice": "required" })),
            ("functions", json!({ "functions": [{ "name": "f" }] })),
            ("top_logprobs", json!({ "top_logprobs": 2 })),
            ("top_logprobs", json!({ "logprobs": true, "top_logprobs": 21 })),
            ("modalities", json!({ "modalities": ["text", "audio"] })),
            ("store", json!({ "store": true })),
            ("magic", json!({ "magic": 1 })),
            ("assay.chek", json!({ "assay": { "chek": "spot" } })),
            ("assay.check", json!({ "assay": { "check": "never" } })),
            ("assay.check", json!({ "assay": { "check": 17 } })),
            ("assay.ignore[1]", json!({ "assay": { "ignore": [peer, "ada"] } })),
            ("assay.ignore", json!({ "assay": { "ignore": peer } })),
            ("messages", json!({ "messages": [] })),
            ("messages[0].role", json!({ "messages": [{ "role": "function", "content": "4" }] })),
            ("messages[0].content", json!({ "messages": [{ "role": "user" }] })),
            ("messages[0].content", json!({ "messages": [{ "role": "tool", "tool_call_id": "a" }] })),
            (
                "messages[0].tool_call_id",
                json!({ "messages": [{ "role": "user", "content": "", "tool_call_id": "a" }] }),
            ),
            (
                "messages[0].content",
                json!({ "messages": [{ "role": "user", "content": [{ "type": "image_url", "image_url": {} }] }] }),
            ),
            (
                "messages[0].tool_calls",
                json!({ "messages": [{ "role": "user", "content": "", "tool_calls": [call("{}")] }] }),
            ),
            (
                "messages[0].tool_calls[0].function.arguments",
                json!({ "messages": [{ "role": "assistant", "tool_calls": [call("[]")] }] }),
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
