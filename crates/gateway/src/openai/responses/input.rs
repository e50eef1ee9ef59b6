//! What a response is wanted to: a text, or a conversation as a list of items.
//!
//! **Invariant:** what a model said before, thought and called is one message until something else is said; an item of another
//! kind, and what stands in one beside its text, is refused with its place.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    conversation::{self, SaidCall, SaidConversation, SaidMessage, TOOL},
    failure::HttpFailure,
    json_body,
    openai::message::{self, MessageContent},
};

/// The types of what is text: said to a model, and said by one.
const TEXTS: [&str; 2] = ["input_text", "output_text"];
/// The types of what a model thought.
const THOUGHTS: [&str; 2] = ["reasoning_text", "summary_text"];
/// Who thinks and calls.
const ASSISTANT: &str = "assistant";

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

/// A call that was made.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InputCall {
    #[serde(rename = "type")]
    _type: String,
    call_id: String,
    name: String,
    arguments: String,
    #[serde(default, rename = "id")]
    _id: Option<String>,
    #[serde(default, rename = "status")]
    _status: Option<String>,
    /// What its client read in its arguments.
    #[serde(default, rename = "parsed_arguments")]
    _parsed_arguments: Option<Value>,
}

/// What came of one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InputResult {
    #[serde(rename = "type")]
    _type: String,
    call_id: String,
    output: MessageContent,
    #[serde(default, rename = "id")]
    _id: Option<String>,
    #[serde(default, rename = "status")]
    _status: Option<String>,
}

/// What was thought.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InputThoughts {
    #[serde(rename = "type")]
    _type: String,
    #[serde(default)]
    content: Option<MessageContent>,
    #[serde(default)]
    summary: Option<MessageContent>,
    #[serde(default)]
    encrypted_content: Option<Value>,
    #[serde(default, rename = "id")]
    _id: Option<String>,
    #[serde(default, rename = "status")]
    _status: Option<String>,
}

impl ResponseInput {
    /// The conversation as templates read it, behind what a model is told before.
    pub(super) fn read(self, instructions: Option<String>) -> Result<SaidConversation, HttpFailure> {
        let mut said = ReadItems::default();
        if let Some(instructions) = instructions {
            said.say(message("system", instructions), "instructions");
        }
        match self {
            Self::Text(text) => said.say(message("user", text), "input"),
            Self::Items(items) => {
                conversation::check_count("input", items.len())?;
                for (index, item) in items.into_iter().enumerate() {
                    said.item(item, &format!("input[{index}]"))?;
                }
            }
        }
        said.end_turn();
        Ok(said.conversation)
    }
}

/// What was read of items.
#[derive(Debug, Default)]
struct ReadItems {
    conversation: SaidConversation,
    /// What the model says of which more may follow, and where it began.
    turn: Option<(SaidMessage, String)>,
}

impl ReadItems {
    fn item(&mut self, item: Map<String, Value>, place: &str) -> Result<(), HttpFailure> {
        let kind = item.get("type").map_or(Some("message"), Value::as_str).unwrap_or_default().to_owned();
        let item = Value::Object(item);
        match kind.as_str() {
            "message" => self.message(item, place),
            "reasoning" => self.thoughts(item, place),
            "function_call" => {
                let InputCall { call_id, name, arguments, .. } = json_body::read_part(item, place)?;
                let arguments = conversation::arguments(&arguments, &format!("{place}.arguments"))?;
                self.turn(place, false).calls.push(SaidCall { id: Some(call_id), name, arguments });
                Ok(())
            }
            "function_call_output" => {
                let InputResult { call_id, output, .. } = json_body::read_part(item, place)?;
                let output = plain_text(&output, &TEXTS, &format!("{place}.output"))?;
                self.say(SaidMessage { call_id: Some(call_id), ..message(TOOL, output) }, place);
                Ok(())
            }
            _ => {
                let why = "items are messages, thoughts, calls of functions, and what came of those";
                Err(HttpFailure::unsupported(&format!("{place}.type"), why))
            }
        }
    }

    fn message(&mut self, item: Value, place: &str) -> Result<(), HttpFailure> {
        let InputMessage { role, content, .. } = json_body::read_part(item, place)?;
        let role = message::role_of(&role, &format!("{place}.role"))?;
        let text = plain_text(&content, &TEXTS, &format!("{place}.content"))?;
        if role == ASSISTANT {
            self.turn(place, true).content = text;
        } else {
            self.say(message(role, text), place);
        }
        Ok(())
    }

    fn thoughts(&mut self, item: Value, place: &str) -> Result<(), HttpFailure> {
        let InputThoughts { content, summary, encrypted_content, .. } = json_body::read_part(item, place)?;
        let hidden = format!("{place}.encrypted_content");
        json_body::refuse(&[(hidden.as_str(), encrypted_content.as_ref(), "all that is thought is told")])?;
        let parts =
            content.map(|content| (content, "content")).or(summary.map(|summary| (summary, "summary")));
        let Some((parts, field)) = parts else { return Ok(()) };
        let thoughts = plain_text(&parts, &THOUGHTS, &format!("{place}.{field}"))?;
        if !thoughts.is_empty() {
            self.end_turn();
            self.turn(place, false).thoughts = Some(thoughts);
        }
        Ok(())
    }

    /// What the model says now: something new, if it has spoken already and words come again.
    fn turn(&mut self, place: &str, with_words: bool) -> &mut SaidMessage {
        let has_spoken =
            self.turn.as_ref().is_some_and(|(turn, _)| !turn.content.is_empty() || !turn.calls.is_empty());
        if with_words && has_spoken {
            self.end_turn();
        }
        let begun = || (message(ASSISTANT, String::new()), place.to_owned());
        &mut self.turn.get_or_insert_with(begun).0
    }

    fn say(&mut self, message: SaidMessage, place: &str) {
        self.end_turn();
        self.conversation.add(message, place);
    }

    fn end_turn(&mut self) {
        if let Some((turn, place)) = self.turn.take() {
            self.conversation.add(turn, &place);
        }
    }
}

fn message(role: &str, content: String) -> SaidMessage {
    SaidMessage { role: role.to_owned(), content, ..SaidMessage::default() }
}

/// All that a content says, in parts of these types, which are texts and no more.
fn plain_text(content: &MessageContent, types: &[&str], place: &str) -> Result<String, HttpFailure> {
    let text = content.text(types, place)?;
    if let MessageContent::Parts(parts) = content {
        parts
            .iter()
            .enumerate()
            .try_for_each(|(part, fields)| check_part(fields, &format!("{place}[{part}]")))?;
    }
    Ok(text)
}

/// Refuses what a text has beside itself, but for what an answer of before came with: nothing that was noted to it, how likely its
/// tokens were, and what its client read in it.
fn check_part(part: &Map<String, Value>, place: &str) -> Result<(), HttpFailure> {
    let is_more = |(name, value): &(&String, &Value)| match name.as_str() {
        "type" | "text" | "parsed" => false,
        "annotations" => value.as_array().is_none_or(|all| !all.is_empty()),
        "logprobs" => !value.is_array(),
        _ => true,
    };
    match part.iter().find(is_more) {
        Some((name, _)) => {
            Err(HttpFailure::unsupported(&format!("{place}.{name}"), "a part is a text alone"))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(items: Value) -> Result<Vec<String>, HttpFailure> {
        let input: ResponseInput = serde_json::from_value(items).unwrap();
        Ok(input.read(None)?.into_messages().0.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_a_model_thought_said_and_called_is_one_message() {
        let call = |id: &str, arguments: &str| {
            json!({ "type": "function_call", "id": "fc_1", "call_id": id, "name": "add", "arguments": arguments,
                "status": "completed" })
        };
        let result = |id: &str| json!({ "type": "function_call_output", "call_id": id, "output": "3" });
        let said = |text: &str| json!({ "type": "message", "role": "assistant", "content": text });
        let thought = json!({ "type": "reasoning", "id": "rs_1", "summary": [],
            "content": [{ "type": "reasoning_text", "text": "Hm." }] });
        let read = read(json!([
            { "role": "user", "content": "Why?" }, thought, said("See:"), call("abcdef123", "{\"z\":1,\"a\":2}"),
            call("abcdef124", ""), result("abcdef123"), result("abcdef124"), said("So."), said("Or so."),
        ]));
        let one = |id: &str, arguments: &str| {
            format!(
                r#"{{"id":"{id}","type":"function","function":{{"name":"add","arguments":{arguments}}}}}"#
            )
        };
        let calls = [one("abcdef123", r#"{"z":1,"a":2}"#), one("abcdef124", "{}")].join(",");
        let expected = [
            r#"{"role":"user","content":"Why?"}"#.to_owned(),
            format!(
                r#"{{"role":"assistant","content":"See:","reasoning_content":"Hm.","tool_calls":[{calls}]}}"#
            ),
            r#"{"role":"tool","content":"3","name":"add","tool_call_id":"abcdef123"}"#.to_owned(),
            r#"{"role":"tool","content":"3","name":"add","tool_call_id":"abcdef124"}"#.to_owned(),
            r#"{"role":"assistant","content":"So."}"#.to_owned(),
            r#"{"role":"assistant","content":"Or so."}"#.to_owned(),
        ];
        assert_eq!(read.unwrap(), expected);
    }

    #[test]
    fn an_answer_of_before_that_came_with_chances_is_said_again_as_it_came() {
        let said = |chances: Value| {
            let part =
                json!({ "type": "output_text", "text": "So.", "annotations": [], "logprobs": chances });
            read(
                json!([{ "type": "message", "role": "assistant", "status": "completed", "content": [part] }]),
            )
        };
        let chances = json!([{ "token": "So", "logprob": -0.5, "bytes": [83, 111], "top_logprobs": [] }]);
        assert_eq!(said(chances).unwrap(), [r#"{"role":"assistant","content":"So."}"#]);
        assert_eq!(said(json!(7)).unwrap_err().param(), Some("input[0].content[0].logprobs"));
    }

    #[test]
    fn what_is_hidden_of_thoughts_is_refused() {
        let hidden = json!([{ "type": "reasoning", "summary": [], "encrypted_content": "x" }]);
        assert_eq!(read(hidden).unwrap_err().param(), Some("input[0].encrypted_content"));
        let none = json!([{ "role": "user", "content": "a" }, { "type": "reasoning", "summary": [] }]);
        assert_eq!(read(none).unwrap().len(), 1, "no thoughts are no message");
    }
}
