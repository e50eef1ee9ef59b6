//! `POST /api/chat` and `POST /api/generate`.

use std::{sync::Arc, time::Instant};

use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use schema::Json;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    lines::{self, LineKind, LineShape},
    model_name::untagged,
    settings::AnswerSettings,
};
use crate::{
    Gateway,
    asked_once::AskedOnce,
    chances::ChanceParams,
    chat_wish::{ChatParams, ChatWish, FittedChat},
    conversation::{self, SaidCall, SaidConversation, SaidMessage, TOOL},
    failure::{HttpFailure, PlainFailure},
    guard::Caller,
    json_answer::JsonAnswer,
    json_body::{OnceBody, refuse},
    openai::format,
    order::{AssayTerms, SaidText, TextWish},
    order_set,
    spoken::SpokenReader,
    think_wish::ThinkWish,
    tools::{SaidTools, ToolShape, ToolWish},
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
    /// As their text, because the order of their keys counts.
    #[serde(default)]
    tools: Option<String>,
    #[serde(default)]
    think: Option<WishedThoughts>,
    #[serde(default)]
    logprobs: Option<bool>,
    #[serde(default)]
    top_logprobs: Option<u32>,
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
    tool_calls: Option<Vec<OllamaCall>>,
    #[serde(default, alias = "name")]
    tool_name: Option<String>,
    #[serde(default)]
    tool_call_id: Option<String>,
    #[serde(default)]
    thinking: Option<String>,
}

/// A call that was made.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OllamaCall {
    function: OllamaFunction,
    #[serde(default)]
    id: Option<String>,
    #[serde(default, rename = "type")]
    _type: Option<String>,
}

/// What was called.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OllamaFunction {
    name: String,
    #[serde(default)]
    arguments: Map<String, Value>,
    #[serde(default, rename = "index")]
    _index: Option<u32>,
    #[serde(default, rename = "description")]
    _description: Option<String>,
}

/// Whether a model is to think, or how much.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected true, false, or how much")]
enum WishedThoughts {
    Any(bool),
    Much(String),
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
    /// Says but whether a model that is asked nothing is to be let go of.
    #[serde(default)]
    keep_alive: Option<Value>,
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
    think: Option<WishedThoughts>,
    #[serde(default)]
    logprobs: Option<bool>,
    #[serde(default)]
    top_logprobs: Option<u32>,
}

/// What is asked of a model, however it was said.
struct OllamaWish {
    name: String,
    said: OllamaSaid,
    options: AnswerSettings,
    schema: Option<Json>,
    tools: Option<ToolWish>,
    think: Option<ThinkWish>,
    /// How many of the likeliest tokens are told of each place, if chances are.
    chances: Option<u8>,
    terms: AssayTerms,
    is_streamed: bool,
    kind: LineKind,
}

/// What is said to it.
enum OllamaSaid {
    /// A text that is continued as it is, whose words are told as they come.
    Raw(String),
    Conversation(SaidConversation),
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

/// Answers a text. Tools that have a model loaded before they ask it, or let go of, send none: whoever offers it has it loaded.
pub(crate) async fn generate(
    State(gateway): State<Arc<Gateway>>,
    Extension(caller): Extension<Caller>,
    body: Result<OnceBody<OllamaPrompt>, HttpFailure>,
) -> Result<Response, PlainFailure> {
    let OnceBody { said, once } = body?;
    if said.prompt.is_empty() {
        said.check()?;
        order_set::model(&gateway, &caller, untagged(&said.model)).await?;
        return Ok(JsonAnswer(said.loaded()).into_response());
    }
    answer(&gateway, &caller, said.asked()?, once).await
}

async fn answer(
    gateway: &Arc<Gateway>,
    caller: &Caller,
    asked: OllamaWish,
    once: AskedOnce,
) -> Result<Response, PlainFailure> {
    let OllamaWish { name, said, options, schema, tools, think, chances, terms, is_streamed, kind } = asked;
    let began = Instant::now();
    let manifest = order_set::model_once(gateway, caller, untagged(&name), &once).await?;
    let (choice, tokens_max) = options.choice(gateway.tokens_max)?;
    format::check_stop(schema.as_ref(), choice.stop.as_ref())?;
    let choice = choice.parameters()?;
    let params = ChanceParams::OLLAMA;
    params.check_length(chances, tokens_max)?;
    order_set::tells_chances(gateway, &manifest, &once, (chances, params)).await?;
    let text = |said| TextWish { said, choice, schema, variables: Vec::new(), tokens_max, chances };
    let (wish, reader, traits) = match said {
        OllamaSaid::Raw(prompt) => (text(SaidText::Text(prompt)), SpokenReader::untouched(), None),
        OllamaSaid::Conversation(said) => {
            let (messages, calls_at) = said.into_messages();
            let text = text(SaidText::Messages(messages));
            let params = ChatParams { format: "format", think: "think" };
            let wish = ChatWish { text, tools, think, calls_at, params };
            let FittedChat { text, reader, traits } =
                wish.fitted(gateway, &manifest, (caller, &once)).await?;
            (text, reader, Some(traits))
        }
    };
    let (wish, wanted) = ((&wish, &terms), (1, is_streamed));
    let ordered =
        order_set::texts(gateway, caller, &manifest, wish, wanted, (once, traits.as_deref())).await?;
    lines::respond(ordered, LineShape { name, kind, reader, began }, is_streamed).await
}

impl WishedThoughts {
    fn wish(self) -> ThinkWish {
        match self {
            Self::Any(true) => ThinkWish::On,
            Self::Any(false) => ThinkWish::Off,
            Self::Much(word) => ThinkWish::Effort(word),
        }
    }
}

impl OllamaChat {
    fn asked(self) -> Result<OllamaWish, HttpFailure> {
        let chances = ChanceParams::OLLAMA.wished(self.logprobs == Some(true), self.top_logprobs)?;
        let tools = self.tools.as_deref().filter(|tools| !tools.is_empty());
        let said = SaidTools { tools, choice: None, parallel: None, shape: ToolShape::Nested };
        let tools = ToolWish::of(said)?;
        conversation::check_count("messages", self.messages.len())?;
        let mut said = SaidConversation::default();
        for (index, message) in self.messages.into_iter().enumerate() {
            said.add(message.read()?, &format!("messages[{index}]"));
        }
        Ok(OllamaWish {
            name: self.model,
            said: OllamaSaid::Conversation(said),
            options: self.options.unwrap_or_default(),
            schema: self.format.as_deref().map(format::plain_schema_of).transpose()?.flatten(),
            tools,
            think: self.think.map(WishedThoughts::wish),
            chances,
            terms: self.assay,
            is_streamed: self.stream.unwrap_or(true),
            kind: LineKind::Chat,
        })
    }
}

impl OllamaMessage {
    fn read(self) -> Result<SaidMessage, HttpFailure> {
        refuse(&[("messages.images", self.images.as_ref(), "messages are texts")])?;
        let calls = self.tool_calls.unwrap_or_default();
        let is_assistant = self.role == "assistant";
        if !matches!(self.role.as_str(), "system" | "user" | "assistant" | TOOL) {
            let message =
                format!("messages.role: {:?} is none of system, user, assistant and tool", self.role);
            return Err(HttpFailure::wrong("messages.role", message));
        }
        if !is_assistant && (!calls.is_empty() || self.thinking.is_some()) {
            let param = if calls.is_empty() { "messages.thinking" } else { "messages.tool_calls" };
            return Err(HttpFailure::unsupported(param, "an assistant thinks and calls"));
        }
        let calls = calls.into_iter().map(|call| {
            let OllamaFunction { name, arguments, .. } = call.function;
            let arguments =
                conversation::arguments(&Value::Object(arguments).to_string(), "messages.tool_calls")?;
            Ok(SaidCall { id: call.id, name, arguments })
        });
        Ok(SaidMessage {
            role: self.role,
            content: self.content,
            name: self.tool_name,
            thoughts: self.thinking,
            calls: calls.collect::<Result<_, HttpFailure>>()?,
            call_id: self.tool_call_id,
        })
    }
}

impl OllamaPrompt {
    /// Refuses what is not done.
    fn check(&self) -> Result<(), HttpFailure> {
        refuse(&[
            ("suffix", self.suffix.as_ref(), "texts are continued at their end"),
            ("images", self.images.as_ref(), "prompts are texts"),
            ("template", self.template.as_ref(), "a model has the template of its maker"),
            ("context", self.context.as_ref(), "conversations go to /api/chat"),
        ])
    }

    /// What is said to whoever asks nothing.
    fn loaded(&self) -> Value {
        let nothing = [json!(0), json!("0"), json!("0s")];
        let is_let_go = self.keep_alive.as_ref().is_some_and(|kept| nothing.contains(kept));
        json!({
            "model": self.model, "created_at": Timestamp::now().to_string(), "response": "", "done": true,
            "done_reason": if is_let_go { "unload" } else { "load" },
        })
    }

    fn asked(self) -> Result<OllamaWish, HttpFailure> {
        self.check()?;
        let chances = ChanceParams::OLLAMA.wished(self.logprobs == Some(true), self.top_logprobs)?;
        let (is_raw, alone) = (self.raw.unwrap_or(false), "a raw prompt is all that is read");
        let system = self.system.filter(|system| !system.is_empty());
        let think = self.think.map(WishedThoughts::wish);
        if is_raw && system.is_some() {
            return Err(HttpFailure::unsupported("system", alone));
        }
        if is_raw && think.as_ref().is_some_and(|think| *think != ThinkWish::Off) {
            return Err(HttpFailure::unsupported("think", alone));
        }
        let said = match is_raw {
            true => OllamaSaid::Raw(self.prompt),
            false => OllamaSaid::Conversation(of_prompt(system, self.prompt)),
        };
        Ok(OllamaWish {
            name: self.model,
            said,
            options: self.options.unwrap_or_default(),
            schema: self.format.as_deref().map(format::plain_schema_of).transpose()?.flatten(),
            tools: None,
            think: think.filter(|_| !is_raw),
            chances,
            terms: self.assay,
            is_streamed: self.stream.unwrap_or(true),
            kind: LineKind::Generate,
        })
    }
}

fn of_prompt(system: Option<String>, prompt: String) -> SaidConversation {
    let mut said = SaidConversation::default();
    for (role, content) in system.map(|system| ("system", system)).into_iter().chain([("user", prompt)]) {
        said.add(SaidMessage { role: role.to_owned(), content, ..SaidMessage::default() }, "prompt");
    }
    said
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use tower::ServiceExt;

    use super::*;
    use crate::{json_body, routes, tests::bound};

    fn chat(more: Value) -> Result<OllamaWish, HttpFailure> {
        let mut whole = json!({ "model": "poet", "messages": [{ "role": "user", "content": "Why?" }] });
        whole.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
        json_body::read::<OllamaChat>(whole.to_string().as_bytes())?.asked()
    }

    fn prompt(more: Value) -> Result<OllamaWish, HttpFailure> {
        let mut whole = json!({ "model": "poet", "prompt": "Why?" });
        whole.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
        json_body::read::<OllamaPrompt>(whole.to_string().as_bytes())?.asked()
    }

    #[test]
    fn calls_of_before_go_back_to_the_template() {
        let messages = json!([
            { "role": "assistant", "content": "", "thinking": "So.",
                "tool_calls": [{ "function": { "name": "add", "arguments": { "a": 1 } } }] },
            { "role": "tool", "content": "3", "tool_name": "add" },
        ]);
        let tools = json!([{ "type": "function", "function": { "name": "add", "parameters": {} } }]);
        let asked = chat(json!({ "messages": messages, "tools": tools, "think": "low" })).unwrap();
        assert_eq!(asked.tools.unwrap().names(), ["add"]);
        assert_eq!(asked.think, Some(ThinkWish::Effort("low".to_owned())));
        let OllamaSaid::Conversation(said) = asked.said else { panic!("nothing is raw") };
        let (messages, calls_at) = said.into_messages();
        let written: Vec<Value> =
            messages.iter().map(|message| serde_json::to_value(message).unwrap()).collect();
        assert_eq!(calls_at.as_deref(), Some("messages[0]"));
        assert_eq!(written[0]["reasoning_content"], "So.");
        let function = json!({ "name": "add", "arguments": { "a": 1 } });
        assert_eq!(written[0]["tool_calls"][0]["function"], function);
        assert_eq!(written[1]["tool_call_id"], written[0]["tool_calls"][0]["id"]);
    }

    #[test]
    fn a_call_of_before_goes_back_with_all_that_it_was_made_with() {
        let arguments = json!({ "a": null, "b": { "c": null }, "d": [{ "e": null }] });
        let call = |arguments: &Value| json!({ "function": { "name": "set", "arguments": arguments } });
        let messages = json!([{ "role": "assistant", "tool_calls": [call(&arguments), call(&Value::Null)] }]);
        let asked = chat(json!({ "messages": messages })).unwrap();
        let OllamaSaid::Conversation(said) = asked.said else { panic!("nothing is raw") };
        let written = serde_json::to_value(&said.into_messages().0[0]).unwrap();
        let made_with = |at: usize| &written["tool_calls"][at]["function"]["arguments"];
        assert_eq!(made_with(0), &arguments);
        assert_eq!(made_with(1), &json!({}), "one that was made with nothing");
    }

    #[test]
    fn a_raw_prompt_is_read_alone_and_any_other_as_what_a_user_says() {
        let raw = prompt(json!({ "raw": true, "think": false })).unwrap();
        assert!(matches!(raw.said, OllamaSaid::Raw(said) if said == "Why?") && raw.think.is_none());
        let said = prompt(json!({ "system": "Be brief.", "think": true })).unwrap();
        assert_eq!(said.think, Some(ThinkWish::On));
        let OllamaSaid::Conversation(said) = said.said else { panic!("nothing is raw") };
        assert_eq!(said.into_messages().0.len(), 2);
    }

    #[tokio::test]
    async fn whoever_asks_nothing_has_a_model_loaded_that_can_be_asked() {
        let read = |text: &str| json_body::read::<OllamaPrompt>(text.as_bytes()).unwrap();
        // As the command line of Ollama loads one, and stops one.
        let load =
            r#"{"model":"poet:latest","prompt":"","suffix":"","system":"","template":"","options":{}}"#;
        let told = read(load).loaded();
        assert_eq!((&told["done"], &told["done_reason"]), (&json!(true), &json!("load")));
        assert_eq!((&told["model"], &told["response"]), (&json!("poet:latest"), &json!("")));
        for stop in [r#"{"model":"poet","keep_alive":"0s"}"#, r#"{"model":"poet","keep_alive":0}"#] {
            assert_eq!(read(stop).loaded()["done_reason"], "unload", "{stop}");
        }
        assert!(read(r#"{"model":"poet","suffix":"So."}"#).check().is_err());
        let folder = tempfile::tempdir().unwrap();
        let gateway = bound(folder.path(), "127.0.0.1:0", None).await.unwrap().gateway;
        let request = Request::post("/api/generate").header("host", "localhost").body(Body::from(load));
        let response = routes::of(&gateway).oneshot(request.unwrap()).await.unwrap();
        assert_eq!(response.status().as_u16(), 503, "the daemon says whether it can be asked, and is away");
    }

    #[test]
    fn chances_are_told_where_they_are_asked_for() {
        let told = json!({ "logprobs": true, "top_logprobs": 3 });
        assert_eq!(chat(told.clone()).unwrap().chances, Some(3));
        assert_eq!(prompt(told).unwrap().chances, Some(3));
        assert_eq!(prompt(json!({ "logprobs": true })).unwrap().chances, Some(0));
        assert_eq!(chat(json!({ "logprobs": false, "top_logprobs": 0 })).unwrap().chances, None);
    }

    #[test]
    fn what_is_not_done_is_refused_by_its_name() {
        let user = |more: Value| {
            let mut whole = json!({ "role": "user", "content": "" });
            whole.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
            json!({ "messages": [whole] })
        };
        let calls = json!({ "tool_calls": [{ "function": { "name": "f" } }] });
        let refused = [
            ("top_logprobs", chat(json!({ "top_logprobs": 2 }))),
            ("top_logprobs", prompt(json!({ "logprobs": true, "top_logprobs": 21 }))),
            ("logprobs", prompt(json!({ "logprobs": 1 }))),
            ("tools[0].type", chat(json!({ "tools": [1] }))),
            ("messages", chat(json!({ "messages": [] }))),
            ("messages.role", chat(user(json!({ "role": "developer" })))),
            ("messages.tool_calls", chat(user(calls))),
            ("messages.thinking", chat(user(json!({ "thinking": "So." })))),
            ("messages.images", chat(user(json!({ "images": ["x"] })))),
            ("system", prompt(json!({ "raw": true, "system": "Be brief." }))),
            ("think", prompt(json!({ "raw": true, "think": true }))),
        ];
        for (param, asked) in refused {
            let failure = asked.err().unwrap();
            assert_eq!(failure.param(), Some(param), "{}", failure.line());
            assert!(failure.plain_document().to_string().contains(param), "{}", failure.line());
        }
    }
}
