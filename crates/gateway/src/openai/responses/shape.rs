//! A response as OpenAI's clients read it: whole, or as the events of which they put it together.
//!
//! **Invariant:** events are numbered from nothing on and come in one order: the response is opened, then each of its items and
//! what is in that, told, and closed from within. The last has the whole response, however it ended.

use assay_protocol::{id::Digest, manifest::End};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    answer::WholeAnswer,
    conversation::call_name,
    failure::HttpFailure,
    openai::{
        events::{EventShape, ToldEvent},
        usage,
    },
    spoken::{Spoken, SpokenReader, call_reader::ToolCall},
};

/// What is whole of a response or of an item of it.
const COMPLETED: &str = "completed";
/// What of it is under way.
const IN_PROGRESS: &str = "in_progress";
/// What of it ended before it was whole.
const INCOMPLETE: &str = "incomplete";

/// How one response is written.
pub(super) struct ResponseShape {
    /// What it says from its first event to its last.
    frame: Map<String, Value>,
    key: Digest,
    reader: SpokenReader,
    /// Items that are closed.
    items: Vec<Value>,
    /// The one that is being written.
    open: Option<OpenItem>,
    /// Calls until now.
    calls: usize,
    /// Events until now.
    count: u64,
}

/// An item that is being written.
struct OpenItem {
    kind: ItemKind,
    id: String,
    /// What was written of it until now.
    told: String,
}

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ItemKind {
    /// What the model thinks.
    Thoughts,
    /// What it says.
    Message,
}

impl ItemKind {
    /// What the names of its items begin with.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Thoughts => "rs",
            Self::Message => "msg",
        }
    }

    /// What more of its text, and the end of that, are called.
    const fn events(self) -> (&'static str, &'static str) {
        match self {
            Self::Thoughts => ("response.reasoning_text.delta", "response.reasoning_text.done"),
            Self::Message => ("response.output_text.delta", "response.output_text.done"),
        }
    }

    fn part(self, text: &str) -> Value {
        match self {
            Self::Thoughts => json!({ "type": "reasoning_text", "text": text }),
            Self::Message => {
                json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
            }
        }
    }
}

impl OpenItem {
    fn document(&self, status: &str, content: &[Value]) -> Value {
        match self.kind {
            ItemKind::Thoughts => json!({
                "id": self.id, "type": "reasoning", "status": status, "summary": [], "content": content,
            }),
            ItemKind::Message => json!({
                "id": self.id, "type": "message", "role": "assistant", "status": status, "content": content,
            }),
        }
    }

    /// All of it.
    fn whole(&self, status: &str) -> Value {
        self.document(status, &[self.kind.part(&self.told)])
    }
}

impl ResponseShape {
    /// One to a submission, which says again what its request said.
    pub(super) fn new(key: Digest, echo: Map<String, Value>, reader: SpokenReader) -> Self {
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
        Self { frame, key, reader, items: Vec::new(), open: None, calls: 0, count: 0 }
    }

    /// All of it, where nothing was told before.
    pub(super) fn whole(mut self, answer: &WholeAnswer) -> Value {
        self.words(0, &answer.text);
        self.end_items(answer.end);
        self.of_answer(answer)
    }

    /// All of it, once its items are closed.
    fn of_answer(&self, answer: &WholeAnswer) -> Value {
        let mut document = self.document(status_of(answer.end), &self.items);
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

    fn event(&mut self, name: &'static str, mut says: Value) -> ToldEvent {
        says["type"] = json!(name);
        says["sequence_number"] = json!(self.count);
        self.count += 1;
        ToldEvent { name: Some(name), says }
    }

    /// An event of the item behind those that are closed.
    fn item_event(&mut self, name: &'static str, item: &Value) -> ToldEvent {
        self.event(name, json!({ "output_index": self.items.len(), "item": item }))
    }

    /// An event of what is in an item, with what it says beside whose it is.
    fn inner_event(&mut self, name: &'static str, id: &str, field: &str, value: Value) -> ToldEvent {
        let mut says = json!({ "item_id": id, "output_index": self.items.len(), "content_index": 0 });
        says[field] = value;
        if matches!(name, "response.output_text.delta" | "response.output_text.done") {
            says["logprobs"] = json!([]);
        }
        self.event(name, says)
    }

    fn item_id(&self, prefix: &str) -> String {
        format!("{prefix}_{}_{}", self.key, self.items.len())
    }

    fn tell(&mut self, said: Vec<Spoken>) -> Vec<ToldEvent> {
        let mut told = Vec::new();
        for piece in said {
            match piece {
                Spoken::Thought(thought) => self.write(ItemKind::Thoughts, &thought, &mut told),
                Spoken::Words(words) => self.write(ItemKind::Message, &words, &mut told),
                Spoken::Call(call) => self.call(&call, &mut told),
            }
        }
        told
    }

    /// Goes on with an item of this kind, or begins one.
    fn write(&mut self, kind: ItemKind, text: &str, told: &mut Vec<ToldEvent>) {
        let mut item = match self.open.take() {
            Some(open) if open.kind == kind => open,
            other => {
                self.open = other;
                self.close(COMPLETED, told);
                self.begin(kind, told)
            }
        };
        item.told.push_str(text);
        if !text.is_empty() {
            told.push(self.inner_event(kind.events().0, &item.id, "delta", json!(text)));
        }
        self.open = Some(item);
    }

    fn begin(&mut self, kind: ItemKind, told: &mut Vec<ToldEvent>) -> OpenItem {
        let item = OpenItem { kind, id: self.item_id(kind.prefix()), told: String::new() };
        let begun = item.document(IN_PROGRESS, &[]);
        told.push(self.item_event("response.output_item.added", &begun));
        told.push(self.inner_event("response.content_part.added", &item.id, "part", kind.part("")));
        item
    }

    /// Closes the item that is being written, if one is.
    fn close(&mut self, status: &str, told: &mut Vec<ToldEvent>) {
        let Some(item) = self.open.take() else { return };
        let (kind, whole) = (item.kind, item.whole(status));
        told.push(self.inner_event(kind.events().1, &item.id, "text", json!(item.told)));
        told.push(self.inner_event("response.content_part.done", &item.id, "part", kind.part(&item.told)));
        told.push(self.item_event("response.output_item.done", &whole));
        self.items.push(whole);
    }

    /// Tells a call, which is an item of its own.
    fn call(&mut self, call: &ToolCall, told: &mut Vec<ToldEvent>) {
        self.close(COMPLETED, told);
        let ToolCall { name, arguments } = call;
        let (id, call_id) = (self.item_id("fc"), call_name(self.key, 0, self.calls));
        self.calls += 1;
        let item = |status: &str, arguments: &str| {
            json!({
                "id": id, "type": "function_call", "status": status, "call_id": call_id, "name": name,
                "arguments": arguments,
            })
        };
        let place = self.items.len();
        let says = |field: &str| json!({ "item_id": id, "output_index": place, field: arguments });
        let mut done = says("arguments");
        done["name"] = json!(name);
        told.push(self.item_event("response.output_item.added", &item(IN_PROGRESS, "")));
        told.push(self.event("response.function_call_arguments.delta", says("delta")));
        told.push(self.event("response.function_call_arguments.done", done));
        let whole = item(COMPLETED, arguments);
        told.push(self.item_event("response.output_item.done", &whole));
        self.items.push(whole);
    }

    /// Tells what is left, and closes the last item. A response of nothing is a message that says nothing.
    fn end_items(&mut self, end: End) -> Vec<ToldEvent> {
        let left = self.reader.end();
        let mut told = self.tell(left);
        if self.items.is_empty() && self.open.is_none() {
            self.write(ItemKind::Message, "", &mut told);
        }
        self.close(if end == End::Stop { COMPLETED } else { INCOMPLETE }, &mut told);
        told
    }
}

impl EventShape for ResponseShape {
    const END: Option<&'static str> = None;

    fn opening(&mut self, _index: usize) -> Vec<ToldEvent> {
        let response = json!({ "response": self.document(IN_PROGRESS, &[]) });
        vec![self.event("response.created", response.clone()), self.event("response.in_progress", response)]
    }

    fn words(&mut self, _index: usize, words: &str) -> Vec<ToldEvent> {
        let said = self.reader.take(words);
        self.tell(said)
    }

    fn closing(&mut self, _index: usize, answer: &WholeAnswer) -> Vec<ToldEvent> {
        let mut told = self.end_items(answer.end);
        let response = json!({ "response": self.of_answer(answer) });
        let name = if answer.end == End::Stop { "response.completed" } else { "response.incomplete" };
        told.push(self.event(name, response));
        told
    }

    fn last(&mut self, _answers: &[WholeAnswer]) -> Vec<ToldEvent> {
        Vec::new()
    }

    fn failing(&mut self, failure: &HttpFailure) -> Vec<ToldEvent> {
        let open = self.open.as_ref().map(|item| item.whole(INCOMPLETE));
        let output: Vec<Value> = self.items.iter().cloned().chain(open).collect();
        let mut response = self.document("failed", &output);
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

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;
    use crate::spoken::call_reader::{CallReader, ToolDialect};

    fn shape() -> ResponseShape {
        let echo = Map::from_iter([("model".to_owned(), json!("poet"))]);
        let calls = CallReader::new(ToolDialect::Hermes, vec!["add".to_owned()], false);
        ResponseShape::new(Digest([1; 32]), echo, SpokenReader::new(false, Some(calls)))
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
            let mut shape = shape();
            shape.words(0, "So.");
            let last = shape.closing(0, &answer).pop().unwrap();
            assert_eq!((last.name, &last.says["response"]["status"]), (Some(name), &json!(status)));
        }
    }

    #[test]
    fn thoughts_words_and_calls_are_items_one_after_another() {
        let said =
            "<think>Hm.</think>See:<tool_call>{\"name\":\"add\",\"arguments\":{\"z\":1,\"a\":2}}</tool_call>";
        let answer = WholeAnswer::example(said, End::Stop);
        let whole = shape().whole(&answer);
        let output = whole["output"].as_array().unwrap();
        let kinds: Vec<_> = output.iter().map(|item| item["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["reasoning", "message", "function_call"]);
        assert_eq!(output[0]["content"], json!([{ "type": "reasoning_text", "text": "Hm." }]));
        assert_eq!(output[1]["content"][0]["text"], "See:");
        assert_eq!(
            (&output[2]["name"], &output[2]["arguments"]),
            (&json!("add"), &json!(r#"{"z":1,"a":2}"#))
        );
        let mut shape = shape();
        let mut told = shape.opening(0);
        for at in 0..said.len() {
            told.extend(shape.words(0, &said[at..=at]));
        }
        told.extend(shape.closing(0, &answer));
        assert_eq!(told.last().unwrap().says["response"]["output"], whole["output"]);
        for (number, event) in told.iter().enumerate() {
            assert_eq!(event.says["sequence_number"], number);
        }
        let joined = |name: &str| -> String {
            let of_name = told.iter().filter(|event| event.name == Some(name));
            of_name.map(|event| event.says["delta"].as_str().unwrap()).collect()
        };
        assert_eq!(joined("response.reasoning_text.delta"), "Hm.");
        assert_eq!(joined("response.output_text.delta"), "See:");
        assert_eq!(joined("response.function_call_arguments.delta"), r#"{"z":1,"a":2}"#);
        let places = |name: &str| -> Vec<u64> {
            let of_name = told.iter().filter(|event| event.name == Some(name));
            of_name.map(|event| event.says["output_index"].as_u64().unwrap()).collect()
        };
        assert_eq!(places("response.output_item.added"), [0, 1, 2]);
        assert_eq!(places("response.output_item.done"), [0, 1, 2]);
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
