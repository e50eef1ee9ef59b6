//! What an answer must fit: the field `response_format`.
//!
//! **Invariant:** a schema that is not held whole is refused, and the word that it says is named.

use schema::{Json, Schema};

use crate::failure::HttpFailure;

const PARAM: &str = "response_format";
/// What a schema may have beside itself; its name and its description change nothing.
const FIELDS: [&str; 4] = ["name", "description", "schema", "strict"];

/// The schema of a format, none for a text.
pub(super) fn schema_of(format: &str) -> Result<Option<Json>, HttpFailure> {
    let format = Json::read(format).map_err(|why| HttpFailure::wrong(PARAM, why.to_string()))?;
    let kind = match format.get("type") {
        Some(Json::Text(kind)) => kind.as_str(),
        _ => return Err(HttpFailure::wrong(PARAM, "a format has a type")),
    };
    known(&format, PARAM, if kind == "json_schema" { &["type", "json_schema"] } else { &["type"] })?;
    match kind {
        "text" => Ok(None),
        "json_object" => Ok(Some(Json::Object(vec![("type".to_owned(), Json::Text("object".to_owned()))]))),
        "json_schema" => {
            let place = format!("{PARAM}.json_schema");
            let Some(named @ Json::Object(_)) = format.get("json_schema") else {
                return Err(HttpFailure::wrong(&place, "it is an object with a schema"));
            };
            known(named, &place, &FIELDS)?;
            let place = format!("{place}.schema");
            let schema = named.get("schema").ok_or_else(|| HttpFailure::wrong(&place, "there is none"))?;
            Schema::of(schema).map_err(|why| HttpFailure::unsupported(&place, &why.to_string()))?;
            Ok(Some(schema.clone()))
        }
        kind => {
            let message = format!("{kind:?} is no format; there are text, json_object and json_schema");
            Err(HttpFailure::wrong(&format!("{PARAM}.type"), message))
        }
    }
}

/// Refuses fields that are not known.
fn known(object: &Json, place: &str, fields: &[&str]) -> Result<(), HttpFailure> {
    let Json::Object(found) = object else { return Ok(()) };
    match found.iter().find(|(name, _)| !fields.contains(&name.as_str())) {
        Some((name, _)) => {
            Err(HttpFailure::unsupported(&format!("{place}.{name}"), "it is no field of a format"))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_held_is_refused_with_its_word() {
        let schema = |schema: &str| {
            format!(r#"{{"type":"json_schema","json_schema":{{"name":"n","schema":{schema}}}}}"#)
        };
        let cases = [
            (r#"{"type":"xml"}"#.to_owned(), "response_format.type", "no format"),
            (r#"{}"#.to_owned(), "response_format", "has a type"),
            (r#""text""#.to_owned(), "response_format", "has a type"),
            (r#"{"type":"text","schema":{}}"#.to_owned(), "response_format.schema", "no field"),
            (r#"{"type":"json_schema"}"#.to_owned(), "response_format.json_schema", "with a schema"),
            (
                r#"{"type":"json_schema","json_schema":{}}"#.to_owned(),
                "response_format.json_schema.schema",
                "none",
            ),
            (schema(r#"{},"loose":1"#), "response_format.json_schema.loose", "no field"),
            (
                schema(r#"{"properties":{"a":{"type":"string","pattern":"x"}}}"#),
                "response_format.json_schema.schema",
                r#""pattern" at /properties/a is not held"#,
            ),
        ];
        for (format, param, says) in cases {
            let document = schema_of(&format).unwrap_err().document();
            assert_eq!(document["error"]["param"], param, "{format}");
            assert!(document["error"]["message"].as_str().unwrap().contains(says), "{format}: {document}");
        }
    }
}
