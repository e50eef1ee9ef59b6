//! A response as OpenAI's clients read it: whole, or as the events of which they put it together.
//!
//! **Invariant:** events are numbered from nothing on and come in one order: the response, its message and the message's
//! text are opened, told, and closed from within. The last has the whole response, however it ended.

use assay_protocol::{id::Digest, manifest::End};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    answer::WholeAnswer,
    failure::HttpFailure,
    openai::{
        events::{EventShape, ToldEvent},
        usage,
    },
};

/// What is whole of a response or of its message.
const COMPLETED: &str = "completed";
/// What of it is under way.
const IN_PROGRESS: &str = "in_progress";
/// What of it ended before it was whole.
const INCOMPLETE: &str = "incomplete";

/// How one response is written.
pub(super) struct ResponseShape {
    /// What it says from its first event to its last.
    frame: Map<String, Value>,
    message_id: String,
    /// What was written until now.
    told: String,
    /// Events until now.
    count: u64,
}

impl ResponseShape {
    /// One to a submission, which says again what its request said.
    pub(super) fn new(key: Digest, echo: Map<String, Value>) -> Self {
        let known = [
            ("id", json!(format!("resp_{key}"))),
            ("object", json!("response")),
            ("created_at", json!(Timestamp::now().as_second())),
            ("completed_at", Value::Null),
            ("error", Value::Null),
            ("incomplete_details", Value::Null),
            ("usage", Value::Null),
        ];
        let mut frame = echo;
        frame.extend(known.map(|(name, value)| (name.to_owned(), value)));
        Self { frame, message_id: format!("msg_{key}"), told: String::new(), count: 0 }
    }

    /// All of it.
    pub(super) fn whole(&self, answer: &WholeAnswer) -> Value {
        let mut document = self.document(status_of(answer.end), &[self.message_of(answer)]);
        match answer.end {
            End::Stop => document["completed_at"] = json!(Timestamp::now().as_second()),
            End::Length => document["incomplete_details"] = json!({ "reason": "max_output_tokens" }),
            End::Cancelled => {}
        }
        document["usage"] = usage::response_usage(answer);
        document["assay"] = usage::provenance(std::slice::from_ref(answer));
        document
    }

    fn document(&self, status: &str, output: &[Value]) -> Value {
        let mut document = self.frame.clone();
        document.insert("status".to_owned(), json!(status));
        document.insert("output".to_owned(), json!(output));
        Value::Object(document)
    }

    fn message(&self, status: &str, content: &[Value]) -> Value {
        json!({
            "id": self.message_id, "type": "message", "role": "assistant", "status": status, "content": content,
        })
    }

    fn message_of(&self, answer: &WholeAnswer) -> Value {
        let status = if answer.end == End::Stop { COMPLETED } else { INCOMPLETE };
        self.message(status, &[part(&answer.text)])
    }

    fn event(&mut self, name: &'static str, mut says: Value) -> ToldEvent {
        says["type"] = json!(name);
        says["sequence_number"] = json!(self.count);
        self.count += 1;
        ToldEvent { name: Some(name), says }
    }

    /// An event of the message.
    fn message_event(&mut self, name: &'static str, message: &Value) -> ToldEvent {
        self.event(name, json!({ "output_index": 0, "item": message }))
    }

    /// An event of the message's text, with what it says beside whose it is.
    fn text_event(&mut self, name: &'static str, field: &str, value: Value) -> ToldEvent {
        let mut says = json!({ "item_id": self.message_id, "output_index": 0, "content_index": 0 });
        says[field] = value;
        self.event(name, says)
    }
}

impl EventShape for ResponseShape {
    const END: Option<&'static str> = None;

    fn opening(&mut self, _index: usize) -> Vec<ToldEvent> {
        let response = json!({ "response": self.document(IN_PROGRESS, &[]) });
        let message = self.message(IN_PROGRESS, &[]);
        vec![
            self.event("response.created", response.clone()),
            self.event("response.in_progress", response),
            self.message_event("response.output_item.added", &message),
            self.text_event("response.content_part.added", "part", part("")),
        ]
    }

    fn words(&mut self, _index: usize, words: &str) -> Vec<ToldEvent> {
        self.told.push_str(words);
        let mut delta = self.text_event("response.output_text.delta", "delta", json!(words));
        delta.says["logprobs"] = json!([]);
        vec![delta]
    }

    fn closing(&mut self, _index: usize, answer: &WholeAnswer) -> Vec<ToldEvent> {
        let response = json!({ "response": self.whole(answer) });
        let message = self.message_of(answer);
        let mut text = self.text_event("response.output_text.done", "text", json!(answer.text));
        text.says["logprobs"] = json!([]);
        let name = if answer.end == End::Stop { "response.completed" } else { "response.incomplete" };
        vec![
            text,
            self.text_event("response.content_part.done", "part", part(&answer.text)),
            self.message_event("response.output_item.done", &message),
            self.event(name, response),
        ]
    }

    fn last(&mut self, _answers: &[WholeAnswer]) -> Vec<ToldEvent> {
        Vec::new()
    }

    fn failing(&mut self, failure: &HttpFailure) -> Vec<ToldEvent> {
        let message = self.message(INCOMPLETE, &[part(&self.told)]);
        let mut response = self.document("failed", &[message]);
        response["error"] = failure.response_error();
        vec![self.event("response.failed", json!({ "response": response }))]
    }
}

/// What became of a response that was delivered.
fn status_of(end: End) -> &'static str {
    match end {
        End::Stop => COMPLETED,
        End::Length => INCOMPLETE,
        End::Cancelled => "cancelled",
    }
}

fn part(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    fn shape() -> ResponseShape {
        let echo = Map::from_iter([("model".to_owned(), json!("poet"))]);
        ResponseShape::new(Digest([1; 32]), echo)
    }

    #[test]
    fn events_open_tell_and_close_a_response_from_within() {
        let mut shape = shape();
        let answer = WholeAnswer::example("So.", End::Stop);
        let mut told = shape.opening(0);
        told.extend(["S", "o."].map(|words| shape.words(0, words)).concat());
        told.extend(shape.closing(0, &answer));
        told.extend(shape.last(std::slice::from_ref(&answer)));
        let expected = [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ];
        let names: Vec<_> = told.iter().filter_map(|event| event.name).collect();
        assert_eq!(names, expected);
        for (number, event) in told.iter().enumerate() {
            assert_eq!(event.says["type"], expected[number]);
            assert_eq!(event.says["sequence_number"], number);
        }
        let says = |number: usize| &told[number].says;
        assert_eq!(says(0)["response"]["status"], "in_progress");
        assert_eq!(
            (&says(0)["response"]["output"], &says(0)["response"]["usage"]),
            (&json!([]), &Value::Null)
        );
        assert_eq!((&says(4)["delta"], &says(5)["delta"]), (&json!("S"), &json!("o.")));
        assert_eq!((&says(6)["text"], &says(7)["part"]["text"]), (&json!("So."), &json!("So.")));
        for number in 4..8 {
            assert_eq!(says(number)["item_id"], says(2)["item"]["id"], "{number}");
        }
        let response = &says(9)["response"];
        assert_eq!(response["id"], says(0)["response"]["id"]);
        assert_eq!(response["output"], json!([says(8)["item"]]));
        assert_eq!(response["output"][0]["content"][0]["text"], "So.");
        assert_eq!(response["assay"][0]["cancelled"], false);
    }

    #[test]
    fn a_response_says_how_it_ended_and_what_it_took() {
        let cases = [
            (End::Stop, "completed", "completed", Value::Null, "response.completed"),
            (
                End::Length,
                "incomplete",
                "incomplete",
                json!({ "reason": "max_output_tokens" }),
                "response.incomplete",
            ),
            (End::Cancelled, "cancelled", "incomplete", Value::Null, "response.incomplete"),
        ];
        for (end, status, message, details, name) in cases {
            let answer = WholeAnswer::example("So.", end);
            let whole = shape().whole(&answer);
            assert_eq!((&whole["status"], &whole["incomplete_details"]), (&json!(status), &details));
            assert_eq!(whole["output"][0]["status"], message, "{status}");
            assert_eq!(whole["completed_at"].is_number(), end == End::Stop);
            let usage = json!({
                "input_tokens": 7, "input_tokens_details": { "cached_tokens": 0, "cache_write_tokens": 0 },
                "output_tokens": 3, "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": 10,
            });
            assert_eq!((&whole["usage"], &whole["model"]), (&usage, &json!("poet")));
            let last = shape().closing(0, &answer).pop().unwrap();
            assert_eq!((last.name, &last.says["response"]["status"]), (Some(name), &json!(status)));
        }
    }

    #[test]
    fn a_response_that_breaks_off_keeps_what_was_told_and_says_why() {
        let mut shape = shape();
        shape.opening(0);
        shape.words(0, "So");
        let failure = HttpFailure::new(StatusCode::BAD_GATEWAY, "other_words", "it was not so");
        let told = shape.failing(&failure);
        let [failed] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((failed.name, &failed.says["sequence_number"]), (Some("response.failed"), &json!(5)));
        let response = &failed.says["response"];
        assert_eq!((&response["status"], &response["usage"]), (&json!("failed"), &Value::Null));
        assert_eq!(response["output"][0]["content"][0]["text"], "So");
        assert_eq!(response["output"][0]["status"], "incomplete");
        let error = json!({
            "code": "server_error", "message": "it was not so", "type": "server_error", "param": null,
            "assay_code": "other_words",
        });
        assert_eq!(response["error"], error);
    }
}
