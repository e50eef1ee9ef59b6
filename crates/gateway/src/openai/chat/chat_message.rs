//! A message of a conversation, as OpenAI's clients write it.
//!
//! **Invariant:** a message says something, calls something, or says what came of a call; what else it has is refused with its
//! place, but for what an answer of before came with.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    conversation::{self, SaidCall, SaidMessage, TOOL},
    failure::HttpFailure,
    openai::message::{self, MessageContent},
};

/// The role of whom calls are made by.
const ASSISTANT: &str = "assistant";

/// Something that was said.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChatMessage {
    role: String,
    #[serde(default)]
    content: Option<MessageContent>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<ChatCall>>,
    #[serde(default)]
    tool_call_id: Option<String>,
    /// What was thought before it was said.
    #[serde(default)]
    reasoning_content: Option<String>,
    // What an assistant's message of before holds in clients that send it back as it came.
    #[serde(default)]
    refusal: Option<Value>,
    #[serde(default)]
    annotations: Option<Vec<Value>>,
    #[serde(default)]
    audio: Option<Value>,
    #[serde(default)]
    function_call: Option<Value>,
    #[serde(default, rename = "assay")]
    _assay: Option<Value>,
    /// What its client read in its text.
    #[serde(default, rename = "parsed")]
    _parsed: Option<Value>,
}

/// A call that was made.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChatCall {
    id: String,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    function: CalledFunction,
    /// Its place among others, where it came as an event.
    #[serde(default, rename = "index")]
    _index: Option<u32>,
}

/// What was called.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CalledFunction {
    name: String,
    #[serde(default)]
    arguments: String,
    /// What its client read in them.
    #[serde(default, rename = "parsed_arguments")]
    _parsed_arguments: Option<Value>,
}

impl ChatMessage {
    /// What templates are given of a message that stands there.
    pub(super) fn read(self, place: &str) -> Result<SaidMessage, HttpFailure> {
        let at = |field: &str| format!("{place}.{field}");
        let (is_tool, is_assistant) = (self.role == TOOL, self.role == ASSISTANT);
        let calls = self.tool_calls.unwrap_or_default();
        let refused = [
            ("audio", self.audio.is_some_and(|audio| !audio.is_null()), "messages are texts"),
            ("function_call", self.function_call.is_some_and(|call| !call.is_null()), "tools are called"),
            ("refusal", self.refusal.is_some_and(|refusal| !refusal.is_null()), "messages are texts"),
            ("annotations", self.annotations.is_some_and(|all| !all.is_empty()), "messages are texts"),
            ("tool_calls", !calls.is_empty() && !is_assistant, "an assistant calls"),
            ("tool_call_id", self.tool_call_id.is_some() && !is_tool, "it is of what a tool says"),
            ("reasoning_content", self.reasoning_content.is_some() && !is_assistant, "an assistant thinks"),
        ];
        if let Some((field, _, why)) = refused.into_iter().find(|(_, is_there, _)| *is_there) {
            return Err(HttpFailure::unsupported(&at(field), why));
        }
        let role = if is_tool { TOOL } else { message::role_of(&self.role, &at("role"))? };
        let content = match self.content {
            Some(content) => content.text(&["text"], &at("content"))?,
            None if !calls.is_empty() => String::new(),
            None => return Err(HttpFailure::wrong(&at("content"), "a message says something")),
        };
        if is_tool && self.tool_call_id.is_none() {
            return Err(HttpFailure::wrong(&at("tool_call_id"), "it is the call that this came of"));
        }
        let calls = calls.into_iter().enumerate();
        let calls = calls.map(|(index, call)| call.read(&format!("{place}.tool_calls[{index}]")));
        Ok(SaidMessage {
            role: role.to_owned(),
            content,
            name: self.name,
            thoughts: self.reasoning_content,
            calls: calls.collect::<Result<_, _>>()?,
            call_id: self.tool_call_id,
        })
    }
}

impl ChatCall {
    fn read(self, place: &str) -> Result<SaidCall, HttpFailure> {
        if self.kind.is_some_and(|kind| kind != "function") {
            return Err(HttpFailure::unsupported(&format!("{place}.type"), "functions are called"));
        }
        let CalledFunction { name, arguments, .. } = self.function;
        let arguments = conversation::arguments(&arguments, &format!("{place}.function.arguments"))?;
        Ok(SaidCall { id: Some(self.id), name, arguments })
    }
}
