//! How many tokens a model reads of what it is asked, at most as a rule.
//!
//! **Invariant:** the same words are reckoned the same, whichever door they come through. Where this is too little the answer
//! ends sooner: nothing is billed beyond the units that were ordered.

use assay_protocol::manifest::{Manifest, tokens_read_least};
use serde_json::{Map, Value};

/// Tokens that a template adds to a conversation, at most as a rule: its beginning, what it tells a model of its own, and where
/// the answer begins.
const TEMPLATE_TOKENS: u64 = 64;
/// Tokens that a template adds to a message, at most as a rule: whose it is, and where it begins and ends.
const MESSAGE_TOKENS: u64 = 16;
/// What says how an answer is drawn and where it ends: a model reads none of it.
const UNREAD: [&str; 14] = [
    "frequency_penalty",
    "json_schema",
    "logit_bias",
    "max_tokens",
    "min_p",
    "penalty_last_n",
    "presence_penalty",
    "raw",
    "repeat_penalty",
    "seed",
    "stop",
    "temperature",
    "top_k",
    "top_p",
];

/// The most tokens that count as read of an input, as a rule: no tokenizer makes more of a text than it has bytes. Of a request
/// only what is said counts, and not how JSON writes it; but no input counts less than its bytes do, such as those of a schema.
#[must_use]
pub fn tokens_read_most(input: &[u8], manifest: &Manifest) -> u64 {
    tokens_said(input, manifest).max(tokens_read_least(input.len() as u64))
}

/// The most tokens that a model reads of what is said in an input.
fn tokens_said(input: &[u8], manifest: &Manifest) -> u64 {
    let makers: Map<String, Value> = serde_json::from_str(&manifest.params).unwrap_or_default();
    let takes_texts_alone = makers.get("input").is_some_and(|kind| kind == "text");
    let request = serde_json::from_slice::<Map<String, Value>>(input).ok();
    let request = request.filter(|said| !takes_texts_alone && says_something(said));
    let said = match &request {
        Some(request) => request.iter().map(|(name, value)| tokens_of_field(name, value)).sum(),
        None => input.len() as u64,
    };
    // What its maker has a model told before a conversation that has nothing of the kind.
    let system = makers.get("system").filter(|_| request.is_none_or(|said| !said.contains_key("system")));
    let system = system.map_or(0, |text| said_bytes(text).saturating_add(MESSAGE_TOKENS));
    said.saturating_add(system).saturating_add(TEMPLATE_TOKENS)
}

/// Whether an object is a request, and no text that looks like one.
fn says_something(said: &Map<String, Value>) -> bool {
    said.get("text").is_some_and(Value::is_string) != said.get("messages").is_some_and(Value::is_array)
}

fn tokens_of_field(name: &str, value: &Value) -> u64 {
    match (name, value) {
        ("messages", Value::Array(messages)) => messages.iter().map(tokens_of_message).sum(),
        (name, _) if UNREAD.contains(&name) => 0,
        (_, value) => said_bytes(value).saturating_add(MESSAGE_TOKENS),
    }
}

fn tokens_of_message(message: &Value) -> u64 {
    let said: u64 = match message {
        Value::Object(fields) => fields.values().map(said_bytes).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            said_bytes(message)
        }
    };
    said.saturating_add(MESSAGE_TOKENS)
}

/// The bytes of a text; of anything else those of the longest way to write it.
fn said_bytes(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.len() as u64,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string().len() as u64
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tests::poet;

    /// Of a model whose maker says this.
    fn most(input: &Value, params: &str) -> u64 {
        let poet = Manifest { params: params.to_owned(), ..poet() };
        tokens_read_most(input.to_string().as_bytes(), &poet)
    }

    #[test]
    fn what_is_said_counts_and_not_how_it_is_written() {
        let text = json!({ "text": "\"\n\"\n", "seed": 123_456_789, "max_tokens": 8, "stop": ["\n"] });
        assert_eq!(most(&text, ""), 4 + MESSAGE_TOKENS + TEMPLATE_TOKENS);
        let message = |role: &str, text: &str| json!({ "role": role, "content": text });
        let talk = [
            message("system", "Add."),
            message("user", "1+1="),
            message("assistant", "2"),
            message("user", "2+2="),
        ];
        let bytes = 6 + 4 + 4 + 4 + 9 + 1 + 4 + 4;
        let talk = json!({ "messages": talk, "seed": 7, "json_schema": { "type": "integer" } });
        assert_eq!(most(&talk, ""), bytes + 4 * MESSAGE_TOKENS + TEMPLATE_TOKENS);
    }

    #[test]
    fn a_schema_counts_by_its_bytes_though_no_model_reads_it() {
        let schema = json!({ "enum": (0..1_000).map(|number| format!("word {number}")).collect::<Vec<_>>() });
        let asked = json!({ "text": "1+1=", "seed": 7, "json_schema": schema });
        let (bytes, plain) = (asked.to_string().len() as u64, json!({ "text": "1+1=", "seed": 7 }));
        assert_eq!(most(&plain, ""), 4 + MESSAGE_TOKENS + TEMPLATE_TOKENS);
        assert_eq!(most(&asked, ""), (bytes - 256) / 16);
    }

    #[test]
    fn whatever_may_be_read_counts() {
        assert_eq!(tokens_read_most(b"1+1=", &poet()), 4 + TEMPLATE_TOKENS);
        assert_eq!(tokens_read_most(b"{\"text\":1}", &poet()), 10 + TEMPLATE_TOKENS);
        let text = json!({ "text": "1+1=" });
        assert_eq!(most(&text, r#"{"input":"text"}"#), 15 + TEMPLATE_TOKENS, "it is a text all over");
        let with_system = json!({ "text": "1+1=", "system": "Add." });
        let told = 8 + 2 * MESSAGE_TOKENS + TEMPLATE_TOKENS;
        assert_eq!(most(&with_system, ""), told);
        assert_eq!(most(&text, r#"{"system":"Add."}"#), told, "its maker says the same");
        assert_eq!(most(&with_system, r#"{"system":"Add slowly."}"#), told, "the order's is told instead");
        let tools = json!({ "text": "1+1=", "variables": { "tools": ["a"] } });
        assert_eq!(most(&tools, ""), 4 + 15 + 2 * MESSAGE_TOKENS + TEMPLATE_TOKENS);
    }
}
