//! What a request says, read whole or refused with the place that is wrong.
//!
//! **Invariant:** a field that is not known is refused by its name, and so is a body that is too long, no JSON, or says
//! something twice.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, rejection::BytesRejection},
    http::StatusCode,
};
use serde::de::DeserializeOwned;

use crate::failure::HttpFailure;

/// A request's body as what it says.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = HttpFailure;

    /// Some clients name no type of content, or a wrong one; what it is shows.
    async fn from_request(request: Request, state: &S) -> Result<Self, HttpFailure> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejected| unread(&rejected))?;
        read(&bytes).map(Self)
    }
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
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let said = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let failure = HttpFailure::new(StatusCode::BAD_REQUEST, "invalid_request", error.inner().to_string());
        if path == "." { failure } else { failure.about(&path) }
    })?;
    let rest = deserializer.end().map_err(|error| error.to_string());
    rest.map_err(|error| HttpFailure::new(StatusCode::BAD_REQUEST, "invalid_request", error))?;
    Ok(said)
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
            (r#"{"words":["a",3]}"#, "words[1]", "invalid type"),
            (r#"{"word":[]}"#, "word", "unknown field `word`"),
            (r#"{"words":[],"words":[]}"#, "words", "duplicate field"),
        ];
        for (text, param, message) in cases {
            let error = &read::<Said>(text.as_bytes()).unwrap_err().document()["error"];
            assert_eq!(error["param"], param, "{text}");
            assert!(error["message"].as_str().unwrap().contains(message), "{text}: {error}");
        }
        for text in ["", "{", "[]", r#"{"words":[]} {}"#, "\u{0}"] {
            assert!(read::<Said>(text.as_bytes()).is_err(), "{text:?}");
        }
        assert_eq!(read::<Said>(br#"{"words":[]}"#).unwrap(), Said { words: Vec::new() });
    }
}
