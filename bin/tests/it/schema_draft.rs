//! A first draft of the schema of a document that has none yet: keys that other documents have as they have them, the rest as
//! it looks, to be described.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::schema_set::{names, read};

/// What is to be replaced by a sentence.
const TO_SAY: &str = "TO BE SAID";

/// The draft, out of one document that was printed.
pub(crate) fn draft(name: &str, document: &Value) -> Value {
    let mut known = BTreeMap::new();
    names().iter().for_each(|name| gather(&read(name), &mut known));
    let mut draft = object(document, &known);
    draft["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    draft["title"] = json!(format!("assay.{name}/1"));
    draft["description"] = json!(TO_SAY);
    draft["properties"]["schema"]["const"] = json!(format!("assay.{name}/1"));
    draft
}

/// What each key is in the schemas that there are.
fn gather(schema: &Value, known: &mut BTreeMap<String, Value>) {
    if let Some(properties) = schema["properties"].as_object() {
        known.extend(properties.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    match schema {
        Value::Object(all) => all.values().for_each(|inner| gather(inner, known)),
        Value::Array(all) => all.iter().for_each(|inner| gather(inner, known)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn object(value: &Value, known: &BTreeMap<String, Value>) -> Value {
    let keys = value.as_object().into_iter().flatten();
    let properties = keys.map(|(key, value)| {
        let looks = || {
            let mut looks = look(value, known);
            looks["description"] = json!(TO_SAY);
            looks
        };
        (key.clone(), known.get(key).cloned().unwrap_or_else(looks))
    });
    let properties: Map<String, Value> = properties.collect();
    let required: Vec<&String> = properties.keys().collect();
    let required = json!(required);
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// What a value is, by its looks.
fn look(value: &Value, known: &BTreeMap<String, Value>) -> Value {
    let part = |name: &str| json!({ "$ref": format!("common.json#/$defs/{name}") });
    let is_name = |text: &str| text.len() == 64 && text.chars().all(|digit| digit.is_ascii_hexdigit());
    match value {
        Value::Null => json!({ "type": [TO_SAY, "null"] }),
        Value::Bool(_) => json!({ "type": "boolean" }),
        Value::Number(number) if number.is_u64() => json!({ "type": "integer", "minimum": 0 }),
        Value::Number(_) => json!({ "type": "number" }),
        Value::String(text) if is_name(text) => part("id"),
        Value::String(text) if text.ends_with('Z') && text.contains("T") => part("time"),
        Value::String(_) => json!({ "type": "string" }),
        Value::Array(all) => {
            json!({ "type": "array", "items": all.first().map_or(json!({}), |one| look(one, known)) })
        }
        Value::Object(all) if all.contains_key("amount") => part("money"),
        Value::Object(all) if all.contains_key("parts_per_2_32") => part("rate"),
        Value::Object(_) => object(value, known),
    }
}
