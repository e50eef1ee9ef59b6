//! The schema of the readable form of receipts: it admits each, and nothing that lacks something or has something more.

use std::{fs, iter};

use assay_protocol::{codec, order::Failure, outcome::Outcome};
use serde_json::{Map, Value};

use crate::receipts::receipt;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/receipt.schema.json");
/// What a schema says that is not about values.
const NOTES: [&str; 4] = ["$schema", "$defs", "title", "description"];

/// A schema in as many words as the one of receipts needs.
struct Schema(Value);

impl Schema {
    fn read() -> Self {
        let text = fs::read_to_string(FILE).unwrap_or_else(|error| panic!("{FILE}: {error}"));
        Self(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{FILE}: {error}")))
    }

    fn admits(&self, value: &Value) -> bool {
        self.fits(&self.0, value)
    }

    fn fits(&self, schema: &Value, value: &Value) -> bool {
        let Value::Object(schema) = schema else { panic!("no schema: {schema}") };
        let demands = schema.iter().filter(|(word, _)| !NOTES.contains(&word.as_str()));
        demands.clone().count() > 0
            && demands.into_iter().all(|(word, of)| self.meets(schema, word, of, value))
    }

    /// True if the value meets the demand that this word of its schema makes.
    fn meets(&self, schema: &Map<String, Value>, word: &str, of: &Value, value: &Value) -> bool {
        let length = || value.as_array().map(|items| items.len() as u64);
        match word {
            "$ref" => {
                let place = of.as_str().and_then(|place| place.strip_prefix('#'));
                let there = place.and_then(|place| self.0.pointer(place));
                self.fits(there.unwrap_or_else(|| panic!("{of} is not there")), value)
            }
            "oneOf" => {
                let fitting =
                    of.as_array().map(|ways| ways.iter().filter(|way| self.fits(way, value)).count());
                fitting == Some(1)
            }
            "enum" => of.as_array().is_some_and(|words| words.contains(value)),
            "type" => of.as_str() == Some(kind(value)),
            "required" => of.as_array().is_some_and(|names| {
                names.iter().all(|name| name.as_str().is_some_and(|name| value.get(name).is_some()))
            }),
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                let mut names = value.as_object().into_iter().flat_map(Map::keys);
                *of == Value::Bool(false)
                    && names.all(|name| known.is_some_and(|known| known.contains_key(name)))
            }
            "properties" => of
                .as_object()
                .into_iter()
                .flatten()
                .all(|(name, schema)| value.get(name).is_none_or(|value| self.fits(schema, value))),
            "items" => value.as_array().is_some_and(|items| items.iter().all(|item| self.fits(of, item))),
            "minItems" => length() >= of.as_u64(),
            "maxItems" => length() <= of.as_u64(),
            "minimum" => value.as_u64() >= of.as_u64(),
            "maximum" => value.as_u64() <= of.as_u64(),
            "maxLength" => {
                value.as_str().is_some_and(|text| Some(text.chars().count() as u64) <= of.as_u64())
            }
            "pattern" => {
                value.as_str().is_some_and(|text| is_hexadecimal(of.as_str().unwrap_or_default(), text))
            }
            _ => panic!("a word that is not understood here: {word}"),
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// True if the text is lower-case digits, of the length that one of the two patterns of the schema wants.
fn is_hexadecimal(pattern: &str, text: &str) -> bool {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let fixed = pattern.strip_prefix("^[0-9a-f]{").and_then(|rest| rest.strip_suffix("}$"));
    match fixed.map(str::parse::<usize>) {
        Some(Ok(length)) => digits && text.len() == length,
        Some(Err(error)) => panic!("{pattern}: {error}"),
        None => {
            assert_eq!(pattern, "^([0-9a-f]{2}){0,256}$");
            digits && text.len().is_multiple_of(2) && text.len() <= 512
        }
    }
}

/// The document with one field left out, or one more, in each of its objects in turn.
fn damaged(document: &Value) -> Vec<(String, Value)> {
    let mut places = Vec::new();
    objects(document, String::new(), &mut places);
    let damage = places.into_iter().flat_map(|place| {
        let object = document.pointer(&place).and_then(Value::as_object);
        let names = object.into_iter().flat_map(Map::keys).cloned();
        names.map(Some).chain(iter::once(None)).map(move |name| (place.clone(), name)).collect::<Vec<_>>()
    });
    damage
        .map(|(place, name)| {
            let mut changed = document.clone();
            let object = changed.pointer_mut(&place).and_then(Value::as_object_mut);
            let Some(object) = object else { panic!("no object at {place}") };
            match &name {
                Some(name) => drop(object.remove(name)),
                None => drop(object.insert("more".to_owned(), Value::Null)),
            }
            (format!("{place}: {name:?}"), changed)
        })
        .collect()
}

fn objects(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.push(at.clone());
            fields.iter().for_each(|(name, value)| objects(value, format!("{at}/{name}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(place, item)| objects(item, format!("{at}/{place}"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_schema_admits_the_readable_form_of_each_outcome() {
    let schema = Schema::read();
    for outcome in Outcome::ALL {
        assert!(schema.admits(&receipt(outcome).to_view()), "{outcome:?}");
    }
    let known = schema.0.pointer("/$defs/outcome/enum").and_then(Value::as_array).map(Vec::len);
    assert_eq!(known, Some(Outcome::ALL.len()));
}

#[test]
fn the_schema_admits_an_abort_for_each_reason_that_there_is() {
    let (schema, mut document) = (Schema::read(), receipt(Outcome::Aborted).to_view());
    let mut places = Vec::new();
    objects(&document, String::new(), &mut places);
    let abort = places.into_iter().find(|place| place.ends_with("/what/abort/body")).expect("it was aborted");
    let reasons: Vec<Failure> = (0..=u8::MAX).map_while(|number| codec::decode(&[number], 1).ok()).collect();
    assert!(reasons.contains(&Failure::NotStarted), "{reasons:?}");
    for reason in reasons {
        let written = serde_json::to_value(reason).expect("a reason has a name");
        *document.pointer_mut(&format!("{abort}/reason")).expect("it has a reason") = written;
        assert!(schema.admits(&document), "{reason:?}");
    }
}

#[test]
fn the_schema_admits_nothing_that_lacks_a_field_or_has_one_more() {
    let schema = Schema::read();
    for outcome in [Outcome::NotDrawn, Outcome::FalseStream] {
        for (change, document) in damaged(&receipt(outcome).to_view()) {
            assert!(!schema.admits(&document), "{outcome:?}, {change}");
        }
    }
}
