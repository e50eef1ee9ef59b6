//! What a request says, read whole or refused with the place that is wrong.
//!
//! **Invariant:** a field that is not known is refused by its name, and so is a body that is too long, too slow or no JSON. Few
//! are read at a time.

use std::{sync::Arc, time::Duration};

use assay_protocol::{codec, id::Digest};
use axum::{
    body::Bytes,
    extract::{FromRequest, Request, rejection::BytesRejection},
    http::StatusCode,
};
use schema::Json;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::timeout;

use crate::{
    Gateway,
    asked_once::{AskedOnce, OnceHead},
    failure::HttpFailure,
    guard::Caller,
};

/// How long a request may take to come.
const BODY_WAIT: Duration = Duration::from_secs(30);

/// A request's body as what it says.
pub(crate) struct JsonBody<T>(pub(crate) T);

/// The same of one that is done once, however often it is sent.
pub(crate) struct OnceBody<T> {
    pub(crate) said: T,
    /// How it is told from others.
    pub(crate) once: AskedOnce,
}

impl<T: DeserializeOwned> FromRequest<Arc<Gateway>> for JsonBody<T> {
    type Rejection = HttpFailure;

    async fn from_request(request: Request, gateway: &Arc<Gateway>) -> Result<Self, HttpFailure> {
        read(&body(request, gateway).await?).map(Self)
    }
}

impl<T: DeserializeOwned> FromRequest<Arc<Gateway>> for OnceBody<T> {
    type Rejection = HttpFailure;

    async fn from_request(request: Request, gateway: &Arc<Gateway>) -> Result<Self, HttpFailure> {
        let (head, path) = (OnceHead::read(request.headers())?, request.uri().path().to_owned());
        let bytes = body(request, gateway).await?;
        let once = head.asks(codec::digest("asked", &(path.as_str(), Digest::of(&bytes))));
        Ok(Self { said: read(&bytes)?, once })
    }
}

/// The bytes of a body. Some clients name no type of content, or a wrong one; what it is shows.
async fn body(request: Request, gateway: &Arc<Gateway>) -> Result<Bytes, HttpFailure> {
    let late =
        |_| HttpFailure::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "the request did not come in time");
    let busy = |_| HttpFailure::busy("too many requests are being read");
    let owner = request.extensions().get::<Caller>().and_then(Caller::owner);
    let _place = timeout(BODY_WAIT, gateway.readers.wait(owner)).await.map_err(busy)?;
    let bytes = timeout(BODY_WAIT, Bytes::from_request(request, gateway)).await.map_err(late)?;
    bytes.map_err(|rejected| unread(&rejected))
}

fn unread(rejected: &BytesRejection) -> HttpFailure {
    match rejected.status() {
        StatusCode::PAYLOAD_TOO_LARGE => HttpFailure::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_long",
            "the request is longer than is allowed",
        ),
        _ => HttpFailure::new(StatusCode::BAD_REQUEST, "unreadable", "the request did not come whole"),
    }
}

/// What these bytes say.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, HttpFailure> {
    let whole: Value = match bytes.trim_ascii() {
        [] => return Err(wrong("the body is empty; it is to be a JSON object".to_owned())),
        _ => serde_json::from_slice(bytes).map_err(|error| wrong(format!("the body is no JSON: {error}")))?,
    };
    of_value(whole, || serde_json::from_slice(bytes))
}

/// What an object says; a list would be read as its fields in their order. A field that is null is none: so clients say that
/// they say nothing. The format of its answer and its tools are read anew, where there are some, and are their texts.
pub(crate) fn of_value<T: DeserializeOwned>(
    mut whole: Value,
    format: impl FnOnce() -> serde_json::Result<WrittenFormat>,
) -> Result<T, HttpFailure> {
    if !whole.is_object() {
        return Err(wrong("the body is no JSON object".to_owned()));
    }
    drop_nulls(&mut whole);
    let is_there = |name: &&str| whole.pointer(&pointer(name)).is_some();
    let named: Vec<&str> = FORMATS.into_iter().filter(is_there).collect();
    if let Some(first) = named.first() {
        let format = format().map_err(|error| HttpFailure::wrong(first, error.to_string()))?;
        for name in named {
            let Some(place) = whole.pointer_mut(&pointer(name)) else { continue };
            *place = format.at(name).map_or(Value::Null, |format| Value::String(format.to_string()));
        }
    }
    serde_path_to_error::deserialize(whole).map_err(|error| {
        let path = error.path().to_string();
        match path.as_str() {
            "." => wrong(error.inner().to_string()),
            place => wrong_at(place, &error.inner().to_string()),
        }
    })
}

/// Refuses the first of these fields that says something, with why that is not done.
pub(crate) fn refuse(fields: &[(&str, Option<&Value>, &str)]) -> Result<(), HttpFailure> {
    let is_said = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(all) => !all.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    };
    match fields.iter().find(|(_, value, _)| value.is_some_and(is_said)) {
        Some((param, _, why)) => Err(HttpFailure::unsupported(param, why)),
        None => Ok(()),
    }
}

/// What a part of a body says, which is at this place of it.
pub(crate) fn read_part<T: DeserializeOwned>(part: Value, place: &str) -> Result<T, HttpFailure> {
    serde_path_to_error::deserialize(part).map_err(|error| {
        let path = error.path().to_string();
        let place = if path == "." { place.to_owned() } else { format!("{place}.{path}") };
        wrong_at(&place, &error.inner().to_string())
    })
}

/// Some clients show their users the words alone, so the place stands there too.
fn wrong_at(place: &str, error: &str) -> HttpFailure {
    let message = if error.contains(place) { error.to_owned() } else { format!("{place}: {error}") };
    wrong(message).about(place)
}

fn wrong(error: String) -> HttpFailure {
    HttpFailure::new(StatusCode::BAD_REQUEST, "invalid_request", error)
}

/// The field with what an answer must fit, for OpenAI's clients.
const RESPONSE_FORMAT: &str = "response_format";
/// The same where those want a response.
const TEXT_FORMAT: &str = "text.format";
/// The field with tools that may be called.
const TOOLS: &str = "tools";
/// All that is read anew.
const FORMATS: [&str; 4] = [RESPONSE_FORMAT, TEXT_FORMAT, "format", TOOLS];

/// What is read anew of a body: the keys of a schema are written in the order that they have, and its nulls are values.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct WrittenFormat {
    #[serde(default)]
    response_format: Option<Json>,
    #[serde(default)]
    format: Option<Json>,
    #[serde(default)]
    text: Option<Json>,
    #[serde(default)]
    tools: Option<Json>,
}

impl WrittenFormat {
    /// What is in one of the fields.
    fn at(&self, name: &str) -> Option<&Json> {
        match name {
            RESPONSE_FORMAT => self.response_format.as_ref(),
            TEXT_FORMAT => self.text.as_ref()?.get("format"),
            TOOLS => self.tools.as_ref(),
            _ => self.format.as_ref(),
        }
    }
}

/// Where a field is in a body.
fn pointer(name: &str) -> String {
    format!("/{}", name.replace('.', "/"))
}

/// What a call of before was made with, which its maker has chosen and no client: there null is a value.
const ARGUMENTS: &str = "arguments";

/// serde_json reads nothing that is nested deeply, so neither does this.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.iter_mut().filter(|(name, _)| *name != ARGUMENTS).for_each(|(_, value)| drop_nulls(value));
        }
        Value::Array(values) => values.iter_mut().for_each(drop_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Said {
        words: Vec<String>,
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let cases = [
            (r#"{"words":["a",3]}"#, "words[1]", "words[1]: invalid type"),
            (r#"{"word":[]}"#, "word", "unknown field `word`"),
        ];
        for (text, param, message) in cases {
            let error = &read::<Said>(text.as_bytes()).unwrap_err().document()["error"];
            assert_eq!(error["param"], param, "{text}");
            assert!(error["message"].as_str().unwrap().contains(message), "{text}: {error}");
        }
        let whole = [
            ("", "the body is empty"),
            (" \n", "the body is empty"),
            ("{", "the body is no JSON: "),
            ("[]", "the body is no JSON object"),
            (r#"{"words":[]} {}"#, "the body is no JSON: "),
            ("\u{0}", "the body is no JSON: "),
        ];
        for (text, message) in whole {
            let failure = read::<Said>(text.as_bytes()).unwrap_err();
            assert!(failure.line().starts_with(message), "{text:?}: {}", failure.line());
        }
        let none = Said { words: Vec::new() };
        assert_eq!(read::<Said>(br#"{"words":[],"word":null}"#).unwrap(), none);
        let part = read_part::<Said>(serde_json::json!({ "words": [1] }), "input[2]").unwrap_err();
        assert_eq!(part.document()["error"]["param"], "input[2].words[0]");
        let part = read_part::<Said>(serde_json::json!({ "words": [], "word": 1 }), "input[2]").unwrap_err();
        assert_eq!(part.document()["error"]["param"], "input[2].word");
    }

    #[test]
    fn a_format_is_kept_as_it_is_written() {
        #[derive(Deserialize)]
        struct Formatted {
            format: String,
        }
        let format = r#"{"z":null,"a":{"c":null,"b":1}}"#;
        let whole: Value = read(format!(r#"{{"response_format":{format}}}"#).as_bytes()).unwrap();
        assert_eq!(whole["response_format"], format);
        let kept: Formatted = read(format!(r#"{{"format":{format}}}"#).as_bytes()).unwrap();
        assert_eq!(kept.format, format);
        let text: Value =
            read(format!(r#"{{"text":{{"format":{format},"verbosity":null}}}}"#).as_bytes()).unwrap();
        assert_eq!(text, serde_json::json!({ "text": { "format": format } }));
        let both: Value = read(br#"{"tools":[{"z":null,"a":{}}],"format":{"b":1,"a":2}}"#).unwrap();
        assert_eq!(
            both,
            serde_json::json!({ "tools": r#"[{"z":null,"a":{}}]"#, "format": r#"{"b":1,"a":2}"# })
        );
        let none: Value = read(br#"{"text":"Why?"}"#).unwrap();
        assert_eq!(none["text"], "Why?");
    }

    #[test]
    fn what_says_nothing_is_not_refused() {
        let said = serde_json::json!({ "a": [], "b": {}, "c": "", "d": false, "e": 0 });
        let field = |name: &'static str| (name, said.get(name), "no");
        assert!(refuse(&["a", "b", "c", "d", "f"].map(field)).is_ok());
        assert_eq!(refuse(&["a", "e"].map(field)).unwrap_err().document()["error"]["param"], "e");
    }
}
