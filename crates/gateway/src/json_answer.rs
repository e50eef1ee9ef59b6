//! What is answered, as JSON. axum's own would have serde_json compiled otherwise for all crates.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use serde_json::Value;

/// A document that is answered.
#[derive(Clone, Debug)]
pub(crate) struct JsonAnswer(pub(crate) Value);

impl IntoResponse for JsonAnswer {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], self.0.to_string()).into_response()
    }
}
