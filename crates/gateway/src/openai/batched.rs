//! Requests that nobody waits for: lines of a batch, as OpenAI's files of batches have them.
//!
//! **Invariant:** a line means what its body means at its endpoint, or is refused before anything is ordered. The same line
//! with the same seed is the same order.

use assay_market::view::{AttemptView, SubmissionView};
use assay_peer::handle::{Refused, Submit, WrittenChance};
use assay_protocol::{
    id::Digest,
    manifest::{End, Manifest},
    units::Amount,
};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::{
    chat::{self, ChatRequest},
    completions::{self, CompletionRequest},
    embeddings::EmbeddingRequest,
};
use crate::{
    answer::{WholeAnswer, is_confirmed},
    failure::HttpFailure,
    json_body::{self, WrittenFormat},
    known_besides::KnownBesides,
    order::{AssayTerms, CheckWish, TextWish, TokensMax},
    spoken::SpokenReader,
    template_traits::TemplateTraits,
};

/// Characters of what a line is called by its client.
const CUSTOM_ID_CHARS_MAX: usize = 512;
/// Where requests go.
pub(crate) const CHAT: &str = "/v1/chat/completions";
pub(crate) const COMPLETIONS: &str = "/v1/completions";
pub(crate) const EMBEDDINGS: &str = "/v1/embeddings";

/// One request of a batch.
#[derive(Clone, Debug)]
pub struct BatchedRequest {
    custom_id: String,
    model: String,
    kind: RequestKind,
}

/// What is asked.
#[derive(Clone, Debug)]
enum RequestKind {
    /// With how its answer is read.
    Chat(Box<TextWish>, AssayTerms, Box<SpokenReader>),
    Completion(Box<TextWish>, AssayTerms),
    Embedding(EmbeddingRequest),
}

/// Why a line is no request, or is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchedFailure(HttpFailure);

/// What came of an order.
#[derive(Clone, Debug)]
pub struct DeliveredAnswer<'a> {
    /// The submission.
    pub key: Digest,
    /// What ran.
    pub manifest: &'a Manifest,
    /// The attempt that delivered.
    pub attempt: &'a AttemptView,
    /// What it delivered.
    pub output: Vec<u8>,
    /// What a unit of it cost, where that is remembered.
    pub unit_price: Option<Amount>,
    /// How likely its tokens were, where the line asks for that.
    pub chances: Vec<WrittenChance>,
}

/// A line as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLine {
    custom_id: String,
    #[serde(default = "post")]
    method: String,
    #[serde(default = "chat_endpoint")]
    url: String,
    body: Value,
}

/// What is read anew of it.
#[derive(Deserialize)]
struct FormatLine {
    body: WrittenFormat,
}

/// Why a text is no line, which is one of its file: where it breaks off is its column.
fn no_line(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let what = said.rsplit_once(" at line ").map_or(said.as_str(), |(what, _)| what);
    if error.is_data() {
        return format!("the line is no request: {what}");
    }
    format!("the line is no JSON: {what} at column {}", error.column())
}

fn post() -> String {
    "POST".to_owned()
}

fn chat_endpoint() -> String {
    CHAT.to_owned()
}

impl BatchedRequest {
    /// What a line asks; so many tokens are the most of its answer where it does not say.
    ///
    /// # Errors
    /// [`BatchedFailure`], if it is no request, or one for what is not done.
    pub fn read(line: &str, tokens_max: u32) -> Result<Self, BatchedFailure> {
        Ok(Self::of(line, tokens_max)?)
    }

    fn of(line: &str, tokens_max: u32) -> Result<Self, HttpFailure> {
        let no_line = |error: serde_json::Error| HttpFailure::wrong("line", no_line(&error));
        let WrittenLine { custom_id, method, url, body } = serde_json::from_str(line).map_err(no_line)?;
        if custom_id.is_empty() || custom_id.chars().count() > CUSTOM_ID_CHARS_MAX {
            let message = format!("custom_id has 1 to {CUSTOM_ID_CHARS_MAX} characters");
            return Err(HttpFailure::wrong("custom_id", message));
        }
        if method != "POST" {
            return Err(HttpFailure::unsupported("method", "requests are posted"));
        }
        let format = || serde_json::from_str::<FormatLine>(line).map(|line| line.body);
        let (model, kind) = match url.as_str() {
            CHAT => {
                let request: ChatRequest = json_body::of_value(body, format)?;
                let (model, wish, terms) = request.batched(tokens_max)?;
                // Lines are read before anybody is asked what their models are.
                let (wish, reader) = wish.fit(&model, &[], &TemplateTraits::UNREAD)?;
                (model, RequestKind::Chat(Box::new(wish), terms, Box::new(reader)))
            }
            COMPLETIONS => {
                let request: CompletionRequest = json_body::of_value(body, format)?;
                let (model, wish, terms) = request.batched(tokens_max)?;
                (model, RequestKind::Completion(Box::new(wish), terms))
            }
            EMBEDDINGS => {
                let request: EmbeddingRequest = json_body::of_value(body, format)?;
                (request.model().to_owned(), RequestKind::Embedding(request))
            }
            _ => {
                let why = format!("there are {CHAT}, {COMPLETIONS} and {EMBEDDINGS}");
                return Err(HttpFailure::unsupported("url", &why));
            }
        };
        Ok(Self { custom_id, model, kind })
    }

    /// What it is called by its client.
    #[must_use]
    pub fn custom_id(&self) -> &str {
        &self.custom_id
    }

    /// Where it goes.
    #[must_use]
    pub fn endpoint(&self) -> &'static str {
        match &self.kind {
            RequestKind::Chat(..) => CHAT,
            RequestKind::Completion(..) => COMPLETIONS,
            RequestKind::Embedding(_) => EMBEDDINGS,
        }
    }

    /// What the model is called by its client.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Whether it leaves open how long its answer may be.
    #[must_use]
    pub fn is_of_usual_length(&self) -> bool {
        match &self.kind {
            RequestKind::Chat(wish, ..) | RequestKind::Completion(wish, _) => {
                matches!(wish.tokens_max, TokensMax::Usual(_))
            }
            RequestKind::Embedding(_) => false,
        }
    }

    /// The order of it, drawn from this seed unless it names one.
    ///
    /// # Errors
    /// [`BatchedFailure`], if the model does not do what is asked.
    pub fn order(&self, manifest: &Manifest, seed: u32) -> Result<Submit, BatchedFailure> {
        Ok(match &self.kind {
            RequestKind::Chat(wish, terms, _) | RequestKind::Completion(wish, terms) => {
                TextWish::clone(wish).seeded(seed).order(manifest, terms, 0)?
            }
            RequestKind::Embedding(request) => request.order(manifest)?,
        })
    }

    /// How many of the likeliest tokens are told of each place of its answer, if chances are.
    pub(crate) fn chances(&self) -> Option<u8> {
        match &self.kind {
            RequestKind::Chat(wish, ..) | RequestKind::Completion(wish, _) => wish.chances,
            RequestKind::Embedding(_) => None,
        }
    }

    fn check(&self) -> CheckWish {
        match &self.kind {
            RequestKind::Chat(_, terms, _) | RequestKind::Completion(_, terms) => terms.check,
            RequestKind::Embedding(request) => request.check(),
        }
    }

    /// What it is answered with.
    ///
    /// # Errors
    /// [`BatchedFailure`], if what was delivered is no answer to it, only the part that was written when it was cancelled, or
    /// what checks that were paid for do not confirm.
    pub fn document(&self, delivered: DeliveredAnswer<'_>) -> Result<Value, BatchedFailure> {
        let DeliveredAnswer { key, manifest, attempt, output, unit_price, chances } = delivered;
        if attempt.end == Some(End::Cancelled) {
            let message = format!(
                "the job was cancelled; `assay job result {key}` prints what was written and is paid"
            );
            return Err(HttpFailure::new(StatusCode::CONFLICT, "cancelled", message).after_order().into());
        }
        if self.check().is_sure() && !is_confirmed(attempt) {
            return Err(HttpFailure::not_checked(key).into());
        }
        let mut whole = WholeAnswer { chances, ..WholeAnswer::of(manifest, key, attempt, output) };
        whole.tokens_read = unit_price.and_then(|price| whole.tokens_read_for(manifest.meter, price));
        Ok(match &self.kind {
            RequestKind::Chat(.., reader) => chat::batched_document(&self.model, &whole, reader),
            RequestKind::Completion(..) => completions::batched_document(&self.model, &whole),
            RequestKind::Embedding(request) => request.document(manifest, &whole)?,
        })
    }
}

impl BatchedFailure {
    /// What programs tell a result by that is paid for and did not come.
    pub const UNDELIVERED: &str = "undelivered";

    /// Why nothing came of a job that is over.
    #[must_use]
    pub fn of_submission(submission: &SubmissionView) -> Self {
        Self::known(submission, &KnownBesides::default())
    }

    /// The same, with what is known besides.
    pub(crate) fn known(submission: &SubmissionView, besides: &KnownBesides) -> Self {
        Self(HttpFailure::of_submission(submission, besides))
    }

    /// Why a daemon did not do its part.
    #[must_use]
    pub fn of_refused(refused: Refused) -> Self {
        Self(refused.into())
    }

    /// A result that is paid for and did not come.
    #[must_use]
    pub fn undelivered(key: Digest) -> Self {
        let message = format!(
            "the job {key} is closed and paid, and its result did not come; its receipt proves what was claimed"
        );
        Self(HttpFailure::new(StatusCode::GATEWAY_TIMEOUT, Self::UNDELIVERED, message).after_order())
    }

    /// What it would be over HTTP.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// Whether it may go well a moment later; nothing was spent on it.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.0.passes()
    }

    /// What programs tell it by.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code()
    }

    /// What of the line is meant, if something of it is.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        self.0.param()
    }

    /// It in a line, with the place that is meant.
    #[must_use]
    pub fn line(&self) -> String {
        self.0.line()
    }

    /// As OpenAI's clients read it.
    #[must_use]
    pub fn document(&self) -> Value {
        self.0.document()
    }
}

impl From<HttpFailure> for BatchedFailure {
    fn from(failure: HttpFailure) -> Self {
        Self(failure)
    }
}

#[cfg(test)]
mod tests {
    use assay_protocol::manifest::{Meter, TokenWeights};
    use serde_json::json;

    use super::*;
    use crate::tests::poet;

    fn line(more: Value) -> String {
        let body = json!({ "model": "poet", "messages": [{ "role": "user", "content": "Why?" }] });
        let mut whole = json!({ "custom_id": "a", "method": "POST", "url": CHAT, "body": body });
        whole.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
        whole.to_string()
    }

    #[test]
    fn a_line_is_a_request_of_its_endpoint_or_refused_with_the_place() {
        assert!(BatchedRequest::read(&line(json!({})), 256).is_ok());
        let embedding = json!({ "url": EMBEDDINGS, "body": { "model": "minilm", "input": ["a", "b"] } });
        let embedding = BatchedRequest::read(&line(embedding), 256).unwrap();
        assert_eq!((embedding.model(), embedding.endpoint()), ("minilm", EMBEDDINGS));
        let short =
            r#"{"custom_id":"b","body":{"model":"poet","messages":[{"role":"user","content":"Why?"}]}}"#;
        assert_eq!(BatchedRequest::read(short, 256).unwrap().custom_id(), "b");
        assert!(BatchedRequest::read(short, 256).unwrap().is_of_usual_length());
        let body = |more: Value| {
            let mut body = json!({ "model": "poet", "messages": [{ "role": "user", "content": "Why?" }] });
            body.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
            json!({ "body": body })
        };
        let refused = [
            ("custom_id", json!({ "custom_id": "" })),
            ("custom_id", json!({ "custom_id": "x".repeat(513) })),
            ("method", json!({ "method": "GET" })),
            ("url", json!({ "url": "/v1/responses" })),
            ("line", json!({ "priority": 1 })),
            ("n", body(json!({ "n": 2 }))),
            ("stream", body(json!({ "stream": true }))),
            ("top_logprobs", body(json!({ "top_logprobs": 1 }))),
            ("logprobs", body(json!({ "logprobs": true, "max_tokens": 131_073 }))),
            ("tools", body(json!({ "tools": [{ "type": "function", "function": { "name": "f" } }] }))),
            ("reasoning_effort", body(json!({ "reasoning_effort": "low" }))),
            ("messages[0].role", body(json!({ "messages": [{ "role": "cat", "content": "" }] }))),
        ];
        for (param, more) in refused {
            let failure = BatchedRequest::read(&line(more.clone()), 256).unwrap_err();
            assert_eq!(failure.document()["error"]["param"], param, "{more}");
            assert_eq!(failure.status(), 400);
            assert!(failure.line().contains(param), "{}", failure.line());
        }
    }

    #[test]
    fn a_body_that_is_no_object_is_refused_as_at_its_endpoint() {
        let bodies =
            [json!(["poet", [{ "role": "user", "content": "Why?" }]]), json!(["minilm", "a"]), json!(7)];
        for (body, url) in bodies.into_iter().zip([CHAT, EMBEDDINGS, CHAT]) {
            let refused = BatchedRequest::read(&line(json!({ "url": url, "body": body.clone() })), 256);
            assert_eq!(refused.unwrap_err().line(), "the body is no JSON object", "{body}");
            assert!(json_body::read::<Value>(body.to_string().as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_line_may_ask_how_likely_the_tokens_of_its_answer_were() {
        let asked = |line: Value| BatchedRequest::read(&line.to_string(), 256).unwrap().chances();
        let chat = |more: Value| {
            let mut body = json!({ "model": "poet", "messages": [{ "role": "user", "content": "Why?" }] });
            body.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
            json!({ "custom_id": "a", "body": body })
        };
        assert_eq!(asked(chat(json!({ "logprobs": true, "top_logprobs": 2 }))), Some(2));
        assert_eq!(asked(chat(json!({}))), None);
        let text = json!({ "model": "poet", "prompt": "Why?", "logprobs": 0 });
        assert_eq!(asked(json!({ "custom_id": "a", "url": COMPLETIONS, "body": text })), Some(0));
    }

    #[test]
    fn a_line_that_is_no_json_is_told_in_plain_words() {
        let told = |text: &str| BatchedRequest::read(text, 256).unwrap_err().line();
        for text in ["", "{", "data: {}"] {
            let told = told(text);
            assert!(told.starts_with("the line is no JSON: ") && !told.contains("line 1"), "{told}");
        }
        assert_eq!(told("{}"), "the line is no request: missing field `custom_id`");
        assert_eq!(
            told(&line(
                json!({ "body": { "model": "poet", "messages": [], "assay": { "check": "never" } } })
            )),
            concat!(
                r#"assay.check: a result is checked as the lot falls, which is "spot", "always", "#,
                r#"or from 1 to 16 times; there is no "never""#
            )
        );
    }

    #[test]
    fn the_same_line_is_the_same_order() {
        let weights = TokenWeights { read: 1, written: 1 };
        let manifest = Manifest { meter: Meter::Tokens(weights), ..poet() };
        let text = r#"{"custom_id":"a","body":{"model":"poet","messages":[{"role":"user","content":"Why?"}],
            "response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"properties":{"z":{},"a":{}}}}}}}"#;
        let request = BatchedRequest::read(text, 7).unwrap();
        let input = |seed: u32| String::from_utf8(request.order(&manifest, seed).unwrap().input.0).unwrap();
        assert_eq!(input(3), input(3));
        assert_eq!(
            input(3),
            r#"{"max_tokens":7,"seed":3,"text":"Why?","json_schema":{"properties":{"z":{},"a":{}}}}"#
        );
        let named = r#"{"custom_id":"a","body":{"model":"poet","seed":9,"messages":[{"role":"user","content":"Why?"}]}}"#;
        let named = BatchedRequest::read(named, 7).unwrap().order(&manifest, 3).unwrap();
        assert!(String::from_utf8(named.input.0).unwrap().contains(r#""seed":9"#));
    }
}
