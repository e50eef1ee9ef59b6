//! A response as OpenAI's clients read it: whole, or as the events of which they put it together.
//!
//! **Invariant:** events are numbered from nothing on and come in one order: the response is opened, then each of its items and
//! what is in that, told, and closed from within. The last has the whole response, however it ended.

use assay_protocol::{id::Digest, manifest::End};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    answer::WholeAnswer,
    chances,
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
    /// The same before it has read anything.
    unread: SpokenReader,
    /// How likely the tokens of each message were, once the answer is here.
    chances: Vec<Vec<Value>>,
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

    /// What an event says of its text.
    fn says(self, field: &str, text: &str, chances: &[Value]) -> Value {
        match self {
            Self::Thoughts => json!({ field: text }),
            Self::Message => json!({ field: text, "logprobs": chances }),
        }
    }

    fn part(self, text: &str, chances: &[Value]) -> Value {
        match self {
            Self::Thoughts => json!({ "type": "reasoning_text", "text": text }),
            Self::Message => {
                json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": chances })
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
    fn whole(&self, status: &str, chances: &[Value]) -> Value {
        self.document(status, &[self.kind.part(&self.told, chances)])
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
        let (unread, chances) = (reader.clone(), Vec::new());
        Self { frame, key, reader, unread, chances, items: Vec::new(), open: None, calls: 0, count: 0 }
    }

    /// All of it, where nothing was told before.
    pub(super) fn whole(mut self, answer: &WholeAnswer) -> Value {
        self.words(0, &answer.text);
        self.end_items(answer);
        self.of_answer(answer)
    }

    /// All of it, once its items are closed.
    fn of_answer(&self, answer: &WholeAnswer) -> Value {
        let mut output = self.items.clone();
        // A message that was closed before the answer was here was told without.
        let messages = output.iter_mut().filter(|item| item["type"] == "message");
        for (message, chances) in messages.zip(&self.chances) {
            message["content"][0]["logprobs"] = json!(chances);
        }
        let mut document = self.document(status_of(answer.end), &output);
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
    fn inner_event(&mut self, name: &'static str, id: &str, mut says: Value) -> ToldEvent {
        says["item_id"] = json!(id);
        says["output_index"] = json!(self.items.len());
        says["content_index"] = json!(0);
        self.event(name, says)
    }

    /// How likely the tokens of the next item that is closed were, as far as that is known.
    fn chances_of_next(&self, kind: ItemKind) -> Vec<Value> {
        let closed = self.items.iter().filter(|item| item["type"] == "message").count();
        let of_message = self.chances.get(closed).filter(|_| kind == ItemKind::Message);
        of_message.cloned().unwrap_or_default()
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
            told.push(self.inner_event(kind.events().0, &item.id, kind.says("delta", text, &[])));
        }
        self.open = Some(item);
    }

    fn begin(&mut self, kind: ItemKind, told: &mut Vec<ToldEvent>) -> OpenItem {
        let item = OpenItem { kind, id: self.item_id(kind.prefix()), told: String::new() };
        let begun = item.document(IN_PROGRESS, &[]);
        told.push(self.item_event("response.output_item.added", &begun));
        let part = json!({ "part": kind.part("", &[]) });
        told.push(self.inner_event("response.content_part.added", &item.id, part));
        item
    }

    /// Closes the item that is being written, if one is.
    fn close(&mut self, status: &str, told: &mut Vec<ToldEvent>) {
        let Some(item) = self.open.take() else { return };
        let (kind, chances) = (item.kind, self.chances_of_next(item.kind));
        let whole = item.whole(status, &chances);
        let part = json!({ "part": kind.part(&item.told, &chances) });
        told.push(self.inner_event(kind.events().1, &item.id, kind.says("text", &item.told, &chances)));
        told.push(self.inner_event("response.content_part.done", &item.id, part));
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
    fn end_items(&mut self, answer: &WholeAnswer) -> Vec<ToldEvent> {
        self.chances = chances::of_messages(answer, self.unread.clone());
        let left = self.reader.end();
        let mut told = self.tell(left);
        if self.items.is_empty() && self.open.is_none() {
            self.write(ItemKind::Message, "", &mut told);
        }
        self.close(if answer.end == End::Stop { COMPLETED } else { INCOMPLETE }, &mut told);
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
        let mut told = self.end_items(answer);
        let response = json!({ "response": self.of_answer(answer) });
        let name = if answer.end == End::Stop { "response.completed" } else { "response.incomplete" };
        told.push(self.event(name, response));
        told
    }

    fn last(&mut self, _answers: &[WholeAnswer]) -> Vec<ToldEvent> {
        Vec::new()
    }

    fn failing(&mut self, failure: &HttpFailure) -> Vec<ToldEvent> {
        let open = self.open.as_ref().map(|item| item.whole(INCOMPLETE, &[]));
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
mod tests;
