//! JSON whose keys keep their order, put together here.

use schema::Json;

/// A text.
pub(crate) fn text(text: impl Into<String>) -> Json {
    Json::Text(text.into())
}

/// An object of these keys, in this order.
pub(crate) fn object<const N: usize>(fields: [(&str, Json); N]) -> Json {
    Json::Object(fields.map(|(name, value)| (name.to_owned(), value)).into())
}
