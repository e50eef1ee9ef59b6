//! What a response is wanted to: a text, or a conversation as a list of messages.
//!
//! **Invariant:** an item that is no message, and what stands in one beside its text, is refused with its place.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    failure::HttpFailure,
    json_body,
    openai::message::{self, MessageContent},
};

/// The types of what is text: said to a model, and said by one.
const TEXTS: [&str; 2] = ["input_text", "output_text"];

/// What is said.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected a text, or a list of messages")]
pub(super) enum ResponseInput {
    Text(String),
    Items(Vec<Map<String, Value>>),
}

/// Something that was said.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InputMessage {
    #[serde(default, rename = "type")]
    _type: Option<String>,
    role: String,
    content: MessageContent,
    // What an answer of before has in clients that send it back as it came.
    #[serde(default, rename = "id")]
    _id: Option<String>,
    #[serde(default, rename = "status")]
    _status: Option<String>,
}

impl ResponseInput {
    /// The conversation as templates read it.
    pub(super) fn messages(self) -> Result<Vec<Value>, HttpFailure> {
        match self {
            Self::Text(text) => Ok(vec![json!({ "role": "user", "content": text })]),
            Self::Items(items) => {
                message::check_count("input", items.len())?;
                items.into_iter().enumerate().map(|(index, item)| plain(index, item)).collect()
            }
        }
    }
}

fn plain(index: usize, item: Map<String, Value>) -> Result<Value, HttpFailure> {
    let place = format!("input[{index}]");
    if item.get("type").is_some_and(|kind| kind != "message") {
        return Err(HttpFailure::unsupported(&format!("{place}.type"), "items are messages"));
    }
    let InputMessage { role, content, .. } = json_body::read_part(Value::Object(item), &place)?;
    let role = message::role_of(&role, &format!("{place}.role"))?;
    let place = format!("{place}.content");
    let text = content.text(&TEXTS, &place)?;
    if let MessageContent::Parts(parts) = &content {
        parts
            .iter()
            .enumerate()
            .try_for_each(|(part, fields)| check_part(fields, &format!("{place}[{part}]")))?;
    }
    Ok(json!({ "role": role, "content": text }))
}

/// Refuses what a text has beside itself, but for what an answer of before came with: nothing that was noted to it, and what
/// its client read in it.
fn check_part(part: &Map<String, Value>, place: &str) -> Result<(), HttpFailure> {
    let is_more = |(name, value): &(&String, &Value)| match name.as_str() {
        "type" | "text" | "parsed" => false,
        "annotations" | "logprobs" => value.as_array().is_none_or(|all| !all.is_empty()),
        _ => true,
    };
    match part.iter().find(is_more) {
        Some((name, _)) => {
            Err(HttpFailure::unsupported(&format!("{place}.{name}"), "a part is a text alone"))
        }
        None => Ok(()),
    }
}
