//! What was said in a conversation, however an endpoint writes it.
//!
//! **Invariant:** templates read a role that they know and one text; a part that is no text is refused with its place.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::failure::HttpFailure;

/// A text, or parts of one.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected a text, or a list of parts")]
pub(super) enum MessageContent {
    Text(String),
    Parts(Vec<Map<String, Value>>),
}

/// A role as templates know it.
pub(super) fn role_of<'a>(role: &'a str, place: &str) -> Result<&'a str, HttpFailure> {
    match role {
        // What a model is told before a conversation, by its newer name.
        "developer" => Ok("system"),
        "system" | "user" | "assistant" => Ok(role),
        role => {
            let message = format!("{role:?} is no role; there are system, developer, user and assistant");
            Err(HttpFailure::wrong(place, message))
        }
    }
}

impl MessageContent {
    /// All that it says, in parts of these types.
    pub(super) fn text(&self, types: &[&str], place: &str) -> Result<String, HttpFailure> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::Parts(parts) => {
                let texts = parts.iter().map(|part| text_of(part, types)).collect::<Option<Vec<&str>>>();
                let why = "its parts are texts, and no pictures, sounds or files";
                Ok(texts.ok_or_else(|| HttpFailure::unsupported(place, why))?.concat())
            }
        }
    }
}

fn text_of<'a>(part: &'a Map<String, Value>, types: &[&str]) -> Option<&'a str> {
    let kind = part.get("type").and_then(Value::as_str)?;
    part.get("text").and_then(Value::as_str).filter(|_| types.contains(&kind))
}
