//! An answer as Ollama's clients read it: a line of JSON for each piece, and a last one with the figures.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    answer::{AnswerPart, LiveAnswer, WholeAnswer},
    chances,
    failure::{HttpFailure, PlainFailure},
    json_answer::JsonAnswer,
    openai::usage::{self, finish_reason},
    order_set::{AnswerCount, AnswerSet},
    spoken::{SpokenAnswer, SpokenReader, call_reader::ToolCall},
};

/// Where an endpoint has what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineKind {
    /// In a message.
    Chat,
    /// In the line itself.
    Generate,
}

/// How an answer is told.
pub(crate) struct LineShape {
    /// What the model was called by who asked.
    pub(crate) name: String,
    pub(crate) kind: LineKind,
    /// How it is read.
    pub(crate) reader: SpokenReader,
    pub(crate) began: Instant,
}

/// Answers a request with one answer.
pub(crate) async fn respond(
    mut ordered: AnswerSet,
    shape: LineShape,
    is_streamed: bool,
) -> Result<Response, PlainFailure> {
    if !is_streamed {
        let answers = ordered.whole().await?;
        let whole = answers.first().unwrap_or_else(|| unreachable!("one was ordered"));
        let mut line = shape.last(whole, &SpokenAnswer::of(shape.reader.clone(), &whole.text));
        add_chances(&mut line, whole);
        return Ok((usage::headers(&answers), JsonAnswer(line)).into_response());
    }
    let mut answer = ordered.answers.pop().unwrap_or_else(|| unreachable!("one was ordered"));
    // Whatever fails until somebody works on it fails as a request.
    let first = answer.next().await?;
    let headers = match &first {
        AnswerPart::Begun(begun) => usage::begun_headers(begun),
        AnswerPart::Words(_) | AnswerPart::Whole(_) => HeaderMap::new(),
    };
    let lines = lines(answer, first, shape, ordered.tally);
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((headers, kind, Body::from_stream(lines)).into_response())
}

fn lines(
    answer: LiveAnswer,
    first: AnswerPart,
    mut shape: LineShape,
    tally: AnswerCount,
) -> impl futures::Stream<Item = Result<Bytes, Infallible>> + Send {
    let rest = match first {
        AnswerPart::Whole(_) => stream::empty().boxed(),
        AnswerPart::Begun(_) | AnswerPart::Words(_) => answer.into_stream().boxed(),
    };
    stream::iter([Ok(first)]).chain(rest).flat_map(move |part| {
        tally.take(&part);
        let lines = shape.lines(part).into_iter();
        stream::iter(lines.map(|line| Ok(Bytes::from(format!("{line}\n")))))
    })
}

impl LineShape {
    /// The lines for one part.
    fn lines(&mut self, part: Result<AnswerPart, HttpFailure>) -> Vec<Value> {
        let (said, last) = match part {
            Ok(AnswerPart::Begun(_)) => (Vec::new(), Vec::new()),
            Ok(AnswerPart::Words(words)) => (self.reader.take(&words), Vec::new()),
            Ok(AnswerPart::Whole(whole)) => (self.reader.end(), self.closing(&whole)),
            Err(failure) => (Vec::new(), vec![failure.plain_document()]),
        };
        let pieces = said.into_iter().map(|piece| self.line(&SpokenAnswer::of_piece(piece)));
        pieces.chain(last).collect()
    }

    fn line(&self, said: &SpokenAnswer) -> Value {
        let SpokenAnswer { thoughts, words, calls } = said;
        let mut line =
            json!({ "model": self.name, "created_at": Timestamp::now().to_string(), "done": false });
        let place = match self.kind {
            LineKind::Generate => {
                line["response"] = json!(words);
                &mut line
            }
            LineKind::Chat => {
                line["message"] = json!({ "role": "assistant", "content": words });
                &mut line["message"]
            }
        };
        if !thoughts.is_empty() {
            place["thinking"] = json!(thoughts);
        }
        if !calls.is_empty() {
            place["tool_calls"] = calls.iter().map(call).collect();
        }
        line
    }

    /// The lines behind the last words.
    fn closing(&self, whole: &WholeAnswer) -> Vec<Value> {
        let mut chances = self.line(&SpokenAnswer::default());
        let is_told = add_chances(&mut chances, whole);
        let last = self.last(whole, &SpokenAnswer::default());
        Some(chances).filter(|_| is_told).into_iter().chain([last]).collect()
    }

    /// The last line, with what was said or without.
    fn last(&self, whole: &WholeAnswer, said: &SpokenAnswer) -> Value {
        let nanoseconds = |length: Duration| u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        let mut line = self.line(said);
        let figures = json!({
            "done": true, "done_reason": finish_reason(whole.end),
            "total_duration": nanoseconds(self.began.elapsed()), "load_duration": 0,
            "prompt_eval_count": whole.tokens_read.unwrap_or_default(), "eval_count": whole.tokens_written,
            "assay": usage::provenance(std::slice::from_ref(whole)),
        });
        if let (Value::Object(line), Value::Object(figures)) = (&mut line, figures) {
            let figures: Map<String, Value> = figures;
            line.extend(figures);
        }
        line
    }
}

/// Adds to a line how likely the tokens were, if that was asked; whether it was.
fn add_chances(line: &mut Value, whole: &WholeAnswer) -> bool {
    let chances = chances::list(whole);
    let is_told = chances.is_some();
    if let Some(chances) = chances {
        line["logprobs"] = Value::Array(chances);
    }
    is_told
}

fn call(call: &ToolCall) -> Value {
    let arguments = serde_json::from_str::<Value>(&call.arguments).unwrap_or_else(|_| json!({}));
    json!({ "function": { "name": call.name, "arguments": arguments } })
}

#[cfg(test)]
mod tests {
    use assay_peer::handle::{TokenChance, WrittenChance};
    use assay_protocol::manifest::End;

    use super::*;
    use crate::spoken::call_reader::{CallReader, ToolDialect};

    const SAID: &str = r#"<think>Hm.</think>See:<tool_call>{"name":"add","arguments":{"a":1}}</tool_call>"#;

    fn shape(kind: LineKind) -> LineShape {
        let calls = CallReader::new(ToolDialect::Hermes, vec!["add".to_owned()], false);
        let reader = SpokenReader::new(false, Some(calls));
        LineShape { name: "poet".to_owned(), kind, reader, began: Instant::now() }
    }

    #[test]
    fn thoughts_and_calls_stand_beside_the_words() {
        let answer = WholeAnswer::example(SAID, End::Stop);
        let said = |kind| SpokenAnswer::of(shape(kind).reader, SAID);
        let message = shape(LineKind::Chat).last(&answer, &said(LineKind::Chat))["message"].take();
        let calls = json!([{ "function": { "name": "add", "arguments": { "a": 1 } } }]);
        let expected =
            json!({ "role": "assistant", "content": "See:", "thinking": "Hm.", "tool_calls": calls });
        assert_eq!(message, expected);
        let line = shape(LineKind::Generate).last(&answer, &said(LineKind::Generate));
        assert_eq!((&line["response"], &line["thinking"]), (&json!("See:"), &json!("Hm.")));
        assert_eq!((&line["done"], &line["done_reason"]), (&json!(true), &json!("stop")));
        let broken_off = WholeAnswer::example("See", End::Cancelled);
        let line = shape(LineKind::Generate).last(&broken_off, &SpokenAnswer::default());
        assert_eq!((&line["done"], &line["done_reason"]), (&json!(true), &json!("length")));
    }

    #[test]
    fn how_likely_tokens_were_stands_in_a_line_of_its_own_before_the_last() {
        let written = TokenChance { token: 7, text: b"8".to_vec(), log: -0.5 };
        let chances = vec![WrittenChance { written, likeliest: Vec::new() }];
        let whole = WholeAnswer { chances, ..WholeAnswer::example("8", End::Stop) };
        let told = json!([{ "token": "8", "logprob": -0.5, "bytes": [56], "top_logprobs": [] }]);
        for kind in [LineKind::Chat, LineKind::Generate] {
            let mut shape = shape(kind);
            assert_eq!(shape.lines(Ok(AnswerPart::Words("8".to_owned()))).len(), 1);
            let lines = shape.lines(Ok(AnswerPart::Whole(Box::new(whole.clone()))));
            let [chances, last] = lines.as_slice() else { panic!("{lines:?}") };
            assert_eq!((&chances["logprobs"], &chances["done"]), (&told, &json!(false)));
            assert_eq!((&last["logprobs"], &last["done"]), (&Value::Null, &json!(true)));
        }
        let plain = Box::new(WholeAnswer::example("8", End::Stop));
        assert_eq!(shape(LineKind::Chat).lines(Ok(AnswerPart::Whole(plain))).len(), 1);
    }

    #[test]
    fn lines_put_together_are_the_message() {
        let mut shape = shape(LineKind::Chat);
        let mut lines = Vec::new();
        for at in 0..SAID.len() {
            lines.extend(shape.lines(Ok(AnswerPart::Words(SAID[at..=at].to_owned()))));
        }
        let whole = Box::new(WholeAnswer::example(SAID, End::Stop));
        lines.extend(shape.lines(Ok(AnswerPart::Whole(whole))));
        let joined = |field: &str| -> String {
            lines.iter().filter_map(|line| line["message"][field].as_str()).collect()
        };
        assert_eq!((joined("thinking").as_str(), joined("content").as_str()), ("Hm.", "See:"));
        let calls: Vec<_> = lines.iter().filter(|line| line["message"]["tool_calls"].is_array()).collect();
        assert_eq!(calls.len(), 1);
        assert_eq!(lines.last().unwrap()["done"], true);
    }
}
