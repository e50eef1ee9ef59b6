//! Several answers to one request, as they are written, as a stream of events.
//!
//! **Invariant:** the status is decided before anything is written: whatever fails until somebody works on the answer fails
//! as a request. What fails later ends the stream with an event that says so.

use std::convert::Infallible;

use axum::{
    http::HeaderMap,
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures::{Stream, StreamExt, stream};
use serde_json::Value;

use crate::{
    answer::{AnswerPart, LiveAnswer, WholeAnswer},
    failure::HttpFailure,
    openai::usage,
    order_set::AnswerSet,
};

/// How an endpoint writes its events.
pub(crate) trait EventShape: Send + 'static {
    /// What is said before an answer's first words; nothing where nothing is.
    fn opening(&self, index: usize) -> Option<Value>;
    /// Words of an answer.
    fn words(&self, index: usize, words: &str) -> Value;
    /// The end of an answer.
    fn closing(&self, index: usize, whole: &WholeAnswer) -> Value;
    /// What all of them took; nothing where nobody asked.
    fn last(&self, answers: &[WholeAnswer]) -> Option<Value>;
}

/// One thing on its way to a client.
type ToldPart = (usize, Result<AnswerPart, HttpFailure>);

/// Begins to answer with events; fails as long as nobody works on it.
pub(crate) async fn respond(ordered: AnswerSet, shape: impl EventShape) -> Result<Response, HttpFailure> {
    let AnswerSet { answers, tally } = ordered;
    let count = answers.len();
    let streams = answers.into_iter().enumerate().map(|(index, answer): (usize, LiveAnswer)| {
        answer.into_stream().map(move |part| (index, part)).boxed()
    });
    let mut parts = stream::select_all(streams);
    let (index, first) = parts.next().await.unwrap_or_else(|| unreachable!("an answer has an end"));
    let first = first?;
    let headers = match &first {
        AnswerPart::Begun(begun) => usage::begun_headers(begun),
        AnswerPart::Words(_) | AnswerPart::Whole(_) => HeaderMap::new(),
    };
    let parts = stream::iter([(index, Ok(first))]).chain(parts).inspect(move |(_, part)| tally.take(part));
    let events = Events { shape, opened: vec![false; count], whole: Vec::new(), count };
    let body = Sse::new(events.follow(parts)).keep_alive(KeepAlive::default());
    Ok((headers, body).into_response())
}

/// What was told until now.
struct Events<S> {
    shape: S,
    opened: Vec<bool>,
    whole: Vec<WholeAnswer>,
    count: usize,
}

impl<S: EventShape> Events<S> {
    fn follow(
        self,
        parts: impl Stream<Item = ToldPart> + Send + 'static,
    ) -> impl Stream<Item = Result<Event, Infallible>> + Send {
        let parts = Box::pin(parts);
        stream::unfold(Some((self, parts)), |state| async {
            let (mut events, mut parts) = state?;
            let Some((index, part)) = parts.next().await else { return Some((Vec::new(), None)) };
            let (values, goes_on) = events.tell(index, part);
            Some((values, goes_on.then_some((events, parts))))
        })
        .flat_map(stream::iter)
    }

    /// The events for one part, and whether others follow.
    fn tell(
        &mut self,
        index: usize,
        part: Result<AnswerPart, HttpFailure>,
    ) -> (Vec<Result<Event, Infallible>>, bool) {
        let mut values = Vec::new();
        let part = match part {
            Ok(part) => part,
            // The other answers end with this one: whoever reads events reads none behind a failure.
            Err(failure) => return (vec![event(&failure.document())], false),
        };
        if !std::mem::replace(&mut self.opened[index], true) {
            values.extend(self.shape.opening(index));
        }
        match part {
            AnswerPart::Begun(_) => {}
            AnswerPart::Words(words) => values.push(self.shape.words(index, &words)),
            AnswerPart::Whole(whole) => {
                values.push(self.shape.closing(index, &whole));
                self.whole.push(*whole);
            }
        }
        let is_last = self.whole.len() == self.count;
        if is_last {
            values.extend(self.shape.last(&self.whole));
        }
        let mut events: Vec<_> = values.iter().map(event).collect();
        if is_last {
            events.push(Ok(Event::default().data("[DONE]")));
        }
        (events, !is_last)
    }
}

fn event(value: &Value) -> Result<Event, Infallible> {
    Ok(Event::default().data(value.to_string()))
}
