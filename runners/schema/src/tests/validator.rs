//! Whether a document fits a schema, asked in the plainest way, of values instead of bytes.

use serde_json::Value;

pub(super) fn fits(value: &Value, schema: &Value, root: &Value) -> bool {
    let Some(words) = schema.as_object() else { return schema == &Value::Bool(true) };
    words.iter().all(|(word, said)| match word.as_str() {
        "$ref" => fits(value, root.pointer(&said.as_str().unwrap()[1..]).unwrap(), root),
        "anyOf" => said.as_array().unwrap().iter().any(|one| fits(value, one, root)),
        "const" => value == said,
        "enum" => said.as_array().unwrap().contains(value),
        "type" => match said.as_array() {
            Some(several) => several.iter().any(|one| is(value, one.as_str().unwrap())),
            None => is(value, said.as_str().unwrap()),
        },
        "minimum" => value.as_i64().is_none_or(|number| number >= said.as_i64().unwrap()),
        "maximum" => value.as_i64().is_none_or(|number| number <= said.as_i64().unwrap()),
        "minLength" => {
            value.as_str().is_none_or(|text| text.chars().count() as u64 >= said.as_u64().unwrap())
        }
        "maxLength" => {
            value.as_str().is_none_or(|text| text.chars().count() as u64 <= said.as_u64().unwrap())
        }
        "minItems" => value.as_array().is_none_or(|list| list.len() as u64 >= said.as_u64().unwrap()),
        "maxItems" => value.as_array().is_none_or(|list| list.len() as u64 <= said.as_u64().unwrap()),
        "items" => value.as_array().is_none_or(|list| list.iter().all(|one| fits(one, said, root))),
        "properties" => value.as_object().is_none_or(|object| {
            object.iter().all(|(key, value)| said.get(key).is_none_or(|schema| fits(value, schema, root)))
        }),
        "required" => value.as_object().is_none_or(|object| {
            said.as_array().unwrap().iter().all(|key| object.contains_key(key.as_str().unwrap()))
        }),
        "additionalProperties" => value.as_object().is_none_or(|object| {
            let named = |key: &str| words.get("properties").is_some_and(|all| all.get(key).is_some());
            object.iter().filter(|(key, _)| !named(key)).all(|(_, value)| fits(value, said, root))
        }),
        "$defs" => true,
        word => panic!("{word} is not asked"),
    })
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        name => panic!("{name} is no type"),
    }
}
