//! Answers of a conversation as OpenAI's clients read them: whole, or as the events of which they put them together.
//!
//! **Invariant:** what the events of an answer say, put together, is its message.

use assay_protocol::{id::Digest, manifest::End};
use serde_json::{Value, json};

use crate::{
    answer::WholeAnswer,
    chances,
    conversation::call_name,
    openai::{
        events::{EventShape, ToldEvent},
        usage::{self, finish_reason},
    },
    spoken::{Spoken, SpokenAnswer, SpokenReader, call_reader::ToolCall},
};

/// What all answers to one request have.
#[derive(Clone, Debug)]
pub(super) struct ChatFrame {
    /// What the model was called by who asked.
    pub(super) name: String,
    pub(super) created: i64,
    pub(super) tells_usage: bool,
    /// The first submission.
    pub(super) key: Digest,
}

/// How answers are written.
pub(super) struct ChatShape {
    frame: ChatFrame,
    /// How each of them is read.
    reader: SpokenReader,
    /// Those that are being told.
    told: Vec<ToldChoice>,
}

/// An answer that is being told.
#[derive(Clone)]
struct ToldChoice {
    reader: SpokenReader,
    /// Calls until now.
    calls: usize,
}

impl ChatShape {
    pub(super) fn new(frame: ChatFrame, reader: SpokenReader) -> Self {
        Self { frame, reader, told: Vec::new() }
    }

    /// All of them.
    pub(super) fn whole(&self, answers: &[WholeAnswer]) -> Value {
        let choice = |(index, whole): (usize, &WholeAnswer)| {
            let said = SpokenAnswer::of(self.reader.clone(), &whole.text);
            let reason = reason(whole.end, said.calls.len());
            json!({
                "index": index, "logprobs": chances::chat_document(whole), "finish_reason": reason,
                "message": self.message(index, said),
            })
        };
        json!({
            "id": self.id(), "object": "chat.completion", "created": self.frame.created, "model": self.frame.name,
            "choices": answers.iter().enumerate().map(choice).collect::<Vec<_>>(),
            "usage": usage::usage(answers), "assay": usage::provenance(answers),
        })
    }

    fn id(&self) -> String {
        format!("chatcmpl-{}", self.frame.key)
    }

    fn message(&self, index: usize, said: SpokenAnswer) -> Value {
        let SpokenAnswer { thoughts, words, calls } = said;
        let mut message =
            json!({ "role": "assistant", "content": words, "refusal": null, "annotations": [] });
        if !thoughts.is_empty() {
            message["reasoning_content"] = json!(thoughts);
        }
        if calls.is_empty() {
            return message;
        }
        if words.trim().is_empty() {
            message["content"] = Value::Null;
        }
        let calls = calls.iter().enumerate();
        let call =
            |(number, call): (usize, &ToolCall)| self.call(index, number, (&call.name, &call.arguments));
        message["tool_calls"] = calls.map(call).collect();
        message
    }

    fn call(&self, index: usize, number: usize, (name, arguments): (&str, &str)) -> Value {
        json!({
            "id": call_name(self.frame.key, index, number), "type": "function",
            "function": { "name": name, "arguments": arguments },
        })
    }

    fn chunk(&self, choices: Value) -> Value {
        let mut chunk = json!({
            "id": self.id(), "object": "chat.completion.chunk", "created": self.frame.created,
            "model": self.frame.name, "choices": choices,
        });
        if self.frame.tells_usage {
            chunk["usage"] = Value::Null;
        }
        chunk
    }

    fn delta(&self, index: usize, delta: Value, finish_reason: Option<&str>) -> Value {
        self.chunk(
            json!([{ "index": index, "delta": delta, "logprobs": null, "finish_reason": finish_reason }]),
        )
    }

    fn choice(&mut self, index: usize) -> &mut ToldChoice {
        if self.told.len() <= index {
            let begun = ToldChoice { reader: self.reader.clone(), calls: 0 };
            self.told.resize(index + 1, begun);
        }
        &mut self.told[index]
    }

    fn tell(&mut self, index: usize, said: Vec<Spoken>) -> Vec<ToldEvent> {
        let mut told = Vec::new();
        for piece in said {
            match piece {
                Spoken::Thought(thought) => {
                    told.push(self.delta(index, json!({ "reasoning_content": thought }), None).into());
                }
                Spoken::Words(words) => {
                    told.push(self.delta(index, json!({ "content": words }), None).into());
                }
                Spoken::Call(ToolCall { name, arguments }) => {
                    let number = self.choice(index).calls;
                    self.choice(index).calls += 1;
                    let mut begun = self.call(index, number, (&name, ""));
                    begun["index"] = json!(number);
                    told.push(self.delta(index, json!({ "tool_calls": [begun] }), None).into());
                    let rest = json!({ "index": number, "function": { "arguments": arguments } });
                    told.push(self.delta(index, json!({ "tool_calls": [rest] }), None).into());
                }
            }
        }
        told
    }
}

impl EventShape for ChatShape {
    fn opening(&mut self, index: usize) -> Vec<ToldEvent> {
        vec![self.delta(index, json!({ "role": "assistant", "content": "", "refusal": null }), None).into()]
    }

    fn words(&mut self, index: usize, words: &str) -> Vec<ToldEvent> {
        let said = self.choice(index).reader.take(words);
        self.tell(index, said)
    }

    fn closing(&mut self, index: usize, whole: &WholeAnswer) -> Vec<ToldEvent> {
        let said = self.choice(index).reader.end();
        let mut told = self.tell(index, said);
        let chances = chances::chat_document(whole);
        if !chances.is_null() {
            let mut chunk = self.delta(index, json!({ "content": "" }), None);
            chunk["choices"][0]["logprobs"] = chances;
            told.push(chunk.into());
        }
        let reason = reason(whole.end, self.choice(index).calls);
        let mut chunk = self.delta(index, json!({}), Some(reason));
        chunk["assay"] = usage::provenance(std::slice::from_ref(whole));
        told.push(chunk.into());
        told
    }

    fn last(&mut self, answers: &[WholeAnswer]) -> Vec<ToldEvent> {
        if !self.frame.tells_usage {
            return Vec::new();
        }
        let mut chunk = self.chunk(json!([]));
        chunk["usage"] = usage::usage(answers);
        vec![chunk.into()]
    }
}

/// Why an answer ended that calls so many tools.
fn reason(end: End, calls: usize) -> &'static str {
    match end {
        End::Stop if calls > 0 => "tool_calls",
        End::Stop | End::Length | End::Cancelled => finish_reason(end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spoken::call_reader::{CallReader, ToolDialect};

    const SAID: &str = r#"<think>
Hm.
</think>

See:
<tool_call>
{"name": "add", "arguments": {"z": 1, "a": 2}}
</tool_call>"#;

    fn shape() -> ChatShape {
        let calls = CallReader::new(ToolDialect::Hermes, vec!["add".to_owned()], false);
        let frame =
            ChatFrame { name: "poet".to_owned(), created: 7, tells_usage: false, key: Digest([1; 32]) };
        ChatShape::new(frame, SpokenReader::new(false, Some(calls)))
    }

    /// What a client puts together of these events.
    fn joined(events: &[ToldEvent]) -> Value {
        let mut message = json!({ "reasoning_content": "", "content": "", "tool_calls": [] });
        for event in events {
            let delta = &event.says["choices"][0]["delta"];
            for field in ["reasoning_content", "content"] {
                let words = delta[field].as_str().unwrap_or_default();
                message[field] = json!(format!("{}{words}", message[field].as_str().unwrap()));
            }
            for call in delta["tool_calls"].as_array().into_iter().flatten() {
                let calls = message["tool_calls"].as_array_mut().unwrap();
                let number = call["index"].as_u64().unwrap() as usize;
                if calls.len() <= number {
                    calls.push(call.clone());
                    continue;
                }
                let known = &mut calls[number]["function"]["arguments"];
                let more = call["function"]["arguments"].as_str().unwrap();
                *known = json!(format!("{}{more}", known.as_str().unwrap()));
            }
        }
        message
    }

    #[test]
    fn a_call_is_told_beside_what_is_thought_and_said() {
        let answer = WholeAnswer::example(SAID, End::Stop);
        let whole = shape().whole(std::slice::from_ref(&answer));
        let (choice, message) = (&whole["choices"][0], &whole["choices"][0]["message"]);
        assert_eq!(choice["finish_reason"], "tool_calls");
        assert_eq!((&message["reasoning_content"], &message["content"]), (&json!("Hm."), &json!("See:\n")));
        let call = &message["tool_calls"][0];
        assert_eq!(call["type"], "function");
        assert_eq!(call["function"], json!({ "name": "add", "arguments": r#"{"z":1,"a":2}"# }));
        assert_eq!(call["id"].as_str().map(str::len), Some(9));
        assert_eq!(call.get("index"), None);
    }

    #[test]
    fn events_put_together_are_the_message_wherever_they_are_cut() {
        let answer = WholeAnswer::example(SAID, End::Stop);
        let whole = shape().whole(std::slice::from_ref(&answer));
        let message = &whole["choices"][0]["message"];
        for at in 0..=SAID.len() {
            let mut shape = shape();
            let mut told = shape.opening(0);
            told.extend(shape.words(0, &SAID[..at]));
            told.extend(shape.words(0, &SAID[at..]));
            told.extend(shape.closing(0, &answer));
            let last = &told.last().unwrap().says["choices"][0];
            assert_eq!(last["finish_reason"], "tool_calls", "{at}");
            let mut joined = joined(&told);
            assert_eq!(joined["tool_calls"][0]["index"], 0, "{at}");
            joined["tool_calls"][0].as_object_mut().unwrap().remove("index");
            for field in ["reasoning_content", "content", "tool_calls"] {
                assert_eq!(joined[field], message[field], "{field}, cut at {at}");
            }
        }
    }

    #[test]
    fn what_was_broken_off_is_never_told_as_whole() {
        for (end, reason, cancelled) in
            [(End::Stop, "stop", false), (End::Length, "length", false), (End::Cancelled, "length", true)]
        {
            let answer = WholeAnswer::example("So", end);
            let whole = shape().whole(std::slice::from_ref(&answer));
            let told = shape().closing(0, &answer).pop().unwrap().says;
            for said in [whole, told] {
                assert_eq!(said["choices"][0]["finish_reason"], reason, "{end:?}");
                assert_eq!(said["assay"][0]["cancelled"], cancelled, "{end:?}");
            }
        }
    }

    #[test]
    fn an_answer_that_calls_alone_says_nothing_and_one_that_is_cut_off_was_long() {
        let alone = r#"<tool_call>{"name":"add"}</tool_call>"#;
        let of = |text: &str, end: End| {
            let whole = shape().whole(&[WholeAnswer::example(text, end)]);
            whole["choices"][0].clone()
        };
        assert_eq!(of(alone, End::Stop)["message"]["content"], Value::Null);
        assert_eq!(of(alone, End::Length)["finish_reason"], "length");
        assert_eq!(of(alone, End::Cancelled)["finish_reason"], "length");
        let cut = of("<tool_call>{\"name\":", End::Length);
        assert_eq!(
            (&cut["message"]["content"], &cut["message"]["tool_calls"]),
            (&json!("<tool_call>{\"name\":"), &Value::Null)
        );
        let plain = of("So.", End::Stop);
        assert_eq!(
            plain["message"],
            json!({ "role": "assistant", "content": "So.", "refusal": null, "annotations": [] })
        );
    }
}
