//! What an answer must fit: the field `response_format`, `text.format` of a response, or `format` of Ollama's clients.
//!
//! **Invariant:** a schema that is not held whole is refused, and the word that it says is named.

use schema::{Json, Schema};

use super::choice::OneOrMore;
use crate::failure::HttpFailure;

const PARAM: &str = "response_format";
const TEXT_PARAM: &str = "text.format";
/// What a schema may have beside itself; its name and its description change nothing, and it is held whether it is strict or not.
const FIELDS: [&str; 4] = ["name", "description", "schema", "strict"];
/// Letters of the longest name.
const NAME_LETTERS_MAX: usize = 64;

/// The schema that Ollama's clients name, or any document; none where they name nothing.
pub(crate) fn plain_schema_of(format: &str) -> Result<Option<Json>, HttpFailure> {
    const PARAM: &str = "format";
    match Json::read(format).map_err(|why| HttpFailure::wrong(PARAM, why.to_string()))? {
        Json::Text(name) if name.is_empty() => Ok(None),
        Json::Text(name) if name == "json" => Ok(Some(any_object())),
        schema @ Json::Object(_) => {
            Schema::of(&schema).map_err(|why| HttpFailure::unsupported(PARAM, &why.to_string()))?;
            Ok(Some(schema))
        }
        Json::Null | Json::Bool(_) | Json::Whole(_) | Json::Fraction(_) | Json::Text(_) | Json::List(_) => {
            Err(HttpFailure::wrong(PARAM, "a format is \"json\", or a schema"))
        }
    }
}

/// Refuses what an answer by a schema does not have: an end of its own.
pub(crate) fn check_stop(schema: Option<&Json>, stop: Option<&OneOrMore>) -> Result<(), HttpFailure> {
    match schema.is_some() && stop.is_some_and(|stop| !stop.all().is_empty()) {
        true => Err(HttpFailure::unsupported("stop", "an answer by a schema ends where it is whole")),
        false => Ok(()),
    }
}

fn any_object() -> Json {
    Json::Object(vec![("type".to_owned(), Json::Text("object".to_owned()))])
}

/// The schema of a format, none for a text.
pub(super) fn schema_of(format: &str) -> Result<Option<Json>, HttpFailure> {
    schema_at(format, PARAM, FormatShape::Nested)
}

/// The same where a response is wanted: what is said of a schema stands beside its type.
pub(super) fn text_schema_of(format: &str) -> Result<Option<Json>, HttpFailure> {
    schema_at(format, TEXT_PARAM, FormatShape::Flat)
}

/// Where a format has what it says of a schema.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FormatShape {
    Nested,
    Flat,
}

fn schema_at(format: &str, param: &str, shape: FormatShape) -> Result<Option<Json>, HttpFailure> {
    let format = Json::read(format).map_err(|why| HttpFailure::wrong(param, why.to_string()))?;
    let kind = match format.get("type") {
        Some(Json::Text(kind)) => kind.as_str(),
        _ => return Err(HttpFailure::wrong(param, "a format has a type")),
    };
    let beside: &[&str] = match (kind, shape) {
        ("json_schema", FormatShape::Nested) => &["json_schema"],
        ("json_schema", FormatShape::Flat) => &FIELDS,
        _ => &[],
    };
    known(&format, param, &[&["type"][..], beside].concat())?;
    match kind {
        "text" => Ok(None),
        "json_object" => Ok(Some(any_object())),
        "json_schema" if shape == FormatShape::Flat => held_schema(&format, param).map(Some),
        "json_schema" => {
            let place = format!("{param}.json_schema");
            let Some(named @ Json::Object(_)) = format.get("json_schema") else {
                return Err(HttpFailure::wrong(&place, "it is an object with a schema"));
            };
            known(named, &place, &FIELDS)?;
            held_schema(named, &place).map(Some)
        }
        kind => {
            let message = format!("{kind:?} is no format; there are text, json_object and json_schema");
            Err(HttpFailure::wrong(&format!("{param}.type"), message))
        }
    }
}

/// The schema of something that has a name, if all of it is held.
fn held_schema(named: &Json, place: &str) -> Result<Json, HttpFailure> {
    check_beside(named, place)?;
    let place = format!("{place}.schema");
    let schema = named.get("schema").ok_or_else(|| HttpFailure::wrong(&place, "there is none"))?;
    Schema::of(schema).map_err(|why| HttpFailure::unsupported(&place, &why.to_string()))?;
    Ok(schema.clone())
}

/// Refuses what stands beside a schema and is not what clients of other endpoints may say there.
fn check_beside(named: &Json, place: &str) -> Result<(), HttpFailure> {
    let wrong = |field: &str, message: String| Err(HttpFailure::wrong(&format!("{place}.{field}"), message));
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    match named.get("name") {
        Some(Json::Text(name))
            if (1..=NAME_LETTERS_MAX).contains(&name.len()) && name.chars().all(is_plain) => {}
        Some(_) => {
            let message =
                format!("a name has 1 to {NAME_LETTERS_MAX} letters, digits, dashes and underscores");
            return wrong("name", message);
        }
        None => return wrong("name", "a schema has a name".to_owned()),
    }
    if !matches!(named.get("strict"), None | Some(Json::Null | Json::Bool(_))) {
        return wrong("strict", "it is true or false".to_owned());
    }
    match named.get("description") {
        None | Some(Json::Null | Json::Text(_)) => Ok(()),
        Some(Json::Bool(_) | Json::Whole(_) | Json::Fraction(_) | Json::List(_) | Json::Object(_)) => {
            wrong("description", "it is a text".to_owned())
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
    fn what_ollamas_clients_name_is_json_or_a_schema() {
        let named =
            |format: &str| plain_schema_of(format).map(|schema| schema.map(|schema| schema.to_string()));
        assert_eq!(named(r#""""#), Ok(None));
        assert_eq!(named(r#""json""#), Ok(Some(r#"{"type":"object"}"#.to_owned())));
        let schema = r#"{"properties":{"z":{},"a":{"const":null}}}"#;
        assert_eq!(named(schema), Ok(Some(schema.to_owned())));
        for wrong in [r#""xml""#, "7", "[]", r#"{"pattern":"x"}"#] {
            assert_eq!(named(wrong).unwrap_err().document()["error"]["param"], "format", "{wrong}");
        }
    }

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
                r#"{"type":"json_schema","json_schema":{"name":"n"}}"#.to_owned(),
                "response_format.json_schema.schema",
                "none",
            ),
            (
                r#"{"type":"json_schema","json_schema":{"schema":{}}}"#.to_owned(),
                "response_format.json_schema.name",
                "has a name",
            ),
            (schema(r#"{},"strict":"yes""#), "response_format.json_schema.strict", "true or false"),
            (schema(r#"{},"description":7"#), "response_format.json_schema.description", "a text"),
            (schema(r#"{"properties":{"a":{},"a":{}}}"#), "response_format", r#"the key "a" stands twice"#),
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

    #[test]
    fn a_schema_has_a_name_as_clients_of_others_give_it_and_is_held_whether_it_is_strict_or_not() {
        let named = |name: &str, more: &str| {
            schema_of(&format!(
                r#"{{"type":"json_schema","json_schema":{{"name":{name},"schema":{{"type":"null"}}{more}}}}}"#
            ))
        };
        for more in ["", r#","strict":true"#, r#","strict":false"#, r#","strict":null,"description":"d""#] {
            let schema = named(r#""a_Name-7""#, more).unwrap().unwrap();
            assert_eq!(schema.to_string(), r#"{"type":"null"}"#);
        }
        let long = format!("\"{}\"", "n".repeat(NAME_LETTERS_MAX + 1));
        for name in [r#""""#, r#""two words""#, r#""n.1""#, "7", "null", &long] {
            let document = named(name, "").unwrap_err().document();
            assert_eq!(document["error"]["param"], "response_format.json_schema.name", "{name}");
        }
    }

    #[test]
    fn a_schema_of_a_response_stands_beside_its_type() {
        let read =
            |format: &str| text_schema_of(format).map(|schema| schema.map(|schema| schema.to_string()));
        let flat = |schema: &str| {
            format!(
                r#"{{"type":"json_schema","name":"n","strict":true,"schema":{schema},"description":"d"}}"#
            )
        };
        assert_eq!(read(r#"{"type":"text"}"#), Ok(None));
        assert_eq!(read(r#"{"type":"json_object"}"#), Ok(Some(r#"{"type":"object"}"#.to_owned())));
        let schema = r#"{"properties":{"z":{"const":null},"a":{}}}"#;
        assert_eq!(read(&flat(schema)), Ok(Some(schema.to_owned())));
        let cases = [
            (r#"{"type":"json_schema","name":"n"}"#.to_owned(), "text.format.schema"),
            (r#"{"type":"json_schema","json_schema":{}}"#.to_owned(), "text.format.json_schema"),
            (r#"{"type":"text","name":"n"}"#.to_owned(), "text.format.name"),
            (r#"{"type":"grammar"}"#.to_owned(), "text.format.type"),
            (r#""text""#.to_owned(), "text.format"),
            (flat(r#"{"pattern":"x"}"#), "text.format.schema"),
        ];
        for (format, param) in cases {
            assert_eq!(read(&format).unwrap_err().document()["error"]["param"], param, "{format}");
        }
    }
}
