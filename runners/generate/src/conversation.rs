//! What is said to the model, as messages.

use assay_runner::Failure;
use serde_json::{Map, Value, json};

use crate::params::{InputKind, Params};

/// Messages in order, each an object with a `role` and, as a text, its `content`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Conversation {
    pub(crate) messages: Vec<Value>,
}

/// What an order says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    /// What a user says, or what is to be continued.
    Text(String),
    /// Messages, as they came.
    Messages(Vec<Map<String, Value>>),
}

impl Said {
    /// An input is messages if it is a JSON list of objects that have a `role`, and otherwise a text, unless the
    /// parameters say which.
    pub(crate) fn read(text: &str, kind: InputKind) -> Result<Self, Failure> {
        match (kind, serde_json::from_str::<Vec<Map<String, Value>>>(text)) {
            (InputKind::Auto | InputKind::Messages, Ok(messages)) if are_messages(&messages) => {
                Ok(Self::Messages(messages))
            }
            (InputKind::Messages, Ok(_)) => Err(bad("a message has no role".into())),
            (InputKind::Messages, Err(error)) => Err(bad(format!("it is no list of messages: {error}"))),
            (InputKind::Auto | InputKind::Text, _) => Ok(Self::Text(text.to_owned())),
        }
    }

    /// It as a text to be continued.
    pub(crate) fn text(&self) -> Result<&str, Failure> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Messages(_) => Err(bad("messages are for models with a chat template".into())),
        }
    }
}

impl Conversation {
    /// What was said as messages.
    pub(crate) fn of(said: &Said, params: &Params) -> Result<Self, Failure> {
        let mut messages = match said {
            Said::Text(text) => vec![message("user", text)],
            Said::Messages(messages) if are_messages(messages) => messages.clone(),
            Said::Messages(_) => return Err(bad("a message has no role".into())),
        };
        for message in &mut messages {
            flatten(message)?;
        }
        if let Some(system) = &params.system
            && !messages.iter().any(|message| message.get("role") == Some(&json!("system")))
        {
            messages.insert(0, message("system", system));
        }
        Ok(Self { messages: messages.into_iter().map(Value::Object).collect() })
    }
}

/// The input as text.
pub(crate) fn text_of(input: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(input).map_err(|error| bad(format!("it is no UTF-8 text: {error}")))
}

fn bad(why: String) -> Failure {
    Failure::BadInput(format!("the input cannot be read: {why}"))
}

fn are_messages(messages: &[Map<String, Value>]) -> bool {
    !messages.is_empty() && messages.iter().all(|message| message.get("role").is_some_and(Value::is_string))
}

fn message(role: &str, content: &str) -> Map<String, Value> {
    Map::from_iter([("role".into(), json!(role)), ("content".into(), json!(content))])
}

/// Makes one text of a message that comes in parts; templates of language models expect that.
fn flatten(message: &mut Map<String, Value>) -> Result<(), Failure> {
    match message.get("content") {
        None | Some(Value::Null | Value::String(_)) => Ok(()),
        Some(Value::Array(parts)) => {
            let texts: Option<String> = parts.iter().map(text_of_part).collect();
            let text = texts.ok_or_else(|| bad("a part of a message is no text".into()))?;
            message.insert("content".into(), Value::String(text));
            Ok(())
        }
        Some(Value::Bool(_) | Value::Number(_) | Value::Object(_)) => {
            Err(bad("the content of a message is no text".into()))
        }
    }
}

fn text_of_part(part: &Value) -> Option<&str> {
    if part.get("type")?.as_str()? == "text" { part.get("text")?.as_str() } else { None }
}

#[cfg(test)]
mod tests;
