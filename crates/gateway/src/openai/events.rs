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
    /// What stands behind the last event, where clients wait for it.
    const END: Option<&'static str> = Some("[DONE]");

    /// What is said before an answer's first words.
    fn opening(&mut self, index: usize) -> Vec<ToldEvent>;
    /// Words of an answer.
    fn words(&mut self, index: usize, words: &str) -> Vec<ToldEvent>;
    /// The end of an answer.
    fn closing(&mut self, index: usize, whole: &WholeAnswer) -> Vec<ToldEvent>;
    /// What all of them took.
    fn last(&mut self, answers: &[WholeAnswer]) -> Vec<ToldEvent>;
    /// Why there is no more.
    fn failing(&mut self, failure: &HttpFailure) -> Vec<ToldEvent> {
        vec![failure.document().into()]
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ToldEvent {
    /// What it is called, where events have names.
    pub(crate) name: Option<&'static str>,
    pub(crate) says: Value,
}

impl From<Value> for ToldEvent {
    fn from(says: Value) -> Self {
        Self { name: None, says }
    }
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
    let first = match first {
        Ok(first) => first,
        Err(failure) => return Err(tally.failed(failure).await),
    };
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
        let part = match part {
            Ok(part) => part,
            // The other answers end with this one: whoever reads events reads none behind a failure.
            Err(failure) => return (self.shape.failing(&failure).into_iter().map(event).collect(), false),
        };
        let mut told = Vec::new();
        if !std::mem::replace(&mut self.opened[index], true) {
            told.extend(self.shape.opening(index));
        }
        match part {
            AnswerPart::Begun(_) => {}
            AnswerPart::Words(words) => told.extend(self.shape.words(index, &words)),
            AnswerPart::Whole(whole) => {
                told.extend(self.shape.closing(index, &whole));
                self.whole.push(*whole);
            }
        }
        let is_last = self.whole.len() == self.count;
        if is_last {
            told.extend(self.shape.last(&self.whole));
        }
        let mut events: Vec<_> = told.into_iter().map(event).collect();
        if let Some(end) = S::END.filter(|_| is_last) {
            events.push(Ok(Event::default().data(end)));
        }
        (events, !is_last)
    }
}

fn event(told: ToldEvent) -> Result<Event, Infallible> {
    let event = told.name.map_or_else(Event::default, |name| Event::default().event(name));
    Ok(event.data(told.says.to_string()))
}

#[cfg(test)]
mod tests {
    use assay_protocol::manifest::End;
    use axum::{body, http::StatusCode};
    use serde_json::json;

    use super::*;

    /// Says what it is asked for.
    struct PlainShape;

    impl EventShape for PlainShape {
        fn opening(&mut self, index: usize) -> Vec<ToldEvent> {
            vec![ToldEvent { name: Some("opening"), says: json!(index) }]
        }

        fn words(&mut self, _index: usize, words: &str) -> Vec<ToldEvent> {
            vec![json!(words).into(), json!(words).into()]
        }

        fn closing(&mut self, index: usize, _whole: &WholeAnswer) -> Vec<ToldEvent> {
            vec![json!({ "closing": index }).into()]
        }

        fn last(&mut self, answers: &[WholeAnswer]) -> Vec<ToldEvent> {
            vec![json!({ "answers": answers.len() }).into()]
        }
    }

    fn begun() -> Result<AnswerPart, HttpFailure> {
        Ok(AnswerPart::Begun(WholeAnswer::example("a", End::Stop).by))
    }

    fn whole() -> Result<AnswerPart, HttpFailure> {
        Ok(AnswerPart::Whole(Box::new(WholeAnswer::example("a", End::Stop))))
    }

    /// What a client reads of these parts of so many answers.
    async fn told(count: usize, parts: Vec<ToldPart>) -> String {
        let events = Events { shape: PlainShape, opened: vec![false; count], whole: Vec::new(), count };
        let response = Sse::new(events.follow(stream::iter(parts))).into_response();
        let bytes = body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn answers_open_once_and_the_last_ends_the_stream() {
        let words = || Ok(AnswerPart::Words("a".to_owned()));
        let parts = vec![(1, begun()), (1, begun()), (1, words()), (1, whole()), (0, begun()), (0, whole())];
        let expected = [
            "event: opening\ndata: 1\n\n",
            "data: \"a\"\n\ndata: \"a\"\n\n",
            "data: {\"closing\":1}\n\n",
            "event: opening\ndata: 0\n\n",
            "data: {\"closing\":0}\n\n",
            "data: {\"answers\":2}\n\n",
            "data: [DONE]\n\n",
        ];
        assert_eq!(told(2, parts).await, expected.concat());
    }

    #[tokio::test]
    async fn behind_a_failure_nothing_is_told() {
        let failure = HttpFailure::new(StatusCode::BAD_GATEWAY, "other_words", "no");
        let document = failure.document();
        let parts = vec![(0, begun()), (0, Err(failure)), (1, whole())];
        let expected = format!("event: opening\ndata: 0\n\ndata: {document}\n\n");
        assert_eq!(told(2, parts).await, expected);
    }
}
