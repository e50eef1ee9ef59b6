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
    failure::PlainFailure,
    json_answer::JsonAnswer,
    openai::usage::{self, finish_reason},
    order_set::{AnswerCount, AnswerSet},
};

/// How an endpoint says words.
pub(crate) type WordsShape = fn(&str) -> (&'static str, Value);

/// How an answer is told.
pub(crate) struct LineShape {
    /// What the model was called by who asked.
    pub(crate) name: String,
    pub(crate) words: WordsShape,
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
        let line = shape.last(whole, &whole.text);
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
    shape: LineShape,
    tally: AnswerCount,
) -> impl futures::Stream<Item = Result<Bytes, Infallible>> + Send {
    let rest = match first {
        AnswerPart::Whole(_) => stream::empty().boxed(),
        AnswerPart::Begun(_) | AnswerPart::Words(_) => answer.into_stream().boxed(),
    };
    stream::iter([Ok(first)]).chain(rest).filter_map(move |part| {
        tally.take(&part);
        let line = match part {
            Ok(AnswerPart::Begun(_)) => None,
            Ok(AnswerPart::Words(words)) => Some(shape.line(&words)),
            Ok(AnswerPart::Whole(whole)) => Some(shape.last(&whole, "")),
            Err(failure) => Some(failure.plain_document()),
        };
        std::future::ready(line.map(|line| Ok(Bytes::from(format!("{line}\n")))))
    })
}

impl LineShape {
    fn line(&self, words: &str) -> Value {
        let (name, value) = (self.words)(words);
        let now = Timestamp::now().to_string();
        json!({ "model": self.name, "created_at": now, name: value, "done": false })
    }

    /// The last line, with words or without.
    fn last(&self, whole: &WholeAnswer, words: &str) -> Value {
        let nanoseconds = |length: Duration| u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        let mut line = self.line(words);
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
