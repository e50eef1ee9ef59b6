//! Amounts as people write them, in files and requests.

use assay_protocol::units::Amount;
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};
use serde_json::Value;

/// As a text, so that no program rounds it.
pub(crate) fn serialize<S: Serializer>(amount: &Option<Amount>, serializer: S) -> Result<S::Ok, S::Error> {
    match amount {
        Some(amount) => serializer.collect_str(amount),
        None => serializer.serialize_none(),
    }
}

/// A number, or the same as a text.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Amount>, D::Error> {
    let text = match Option::<Value>::deserialize(deserializer)? {
        None => return Ok(None),
        Some(Value::String(text)) => text,
        Some(Value::Number(number)) => number.to_string(),
        Some(_) => return Err(D::Error::custom("expected credits, such as \"0.05\"")),
    };
    text.parse().map(Some).map_err(D::Error::custom)
}
