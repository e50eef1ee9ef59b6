//! Schemas and documents that nobody thought of: what is written by a schema, with whatever tokens, fits it in the eyes of a
//! validator that knows nothing of bytes; and what fits is taken to its last byte.

use serde_json::{Map, Value, json};

use super::validator::fits;
use crate::{Document, Json, Schema};

/// Chance with a seed: the same numbers in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % count as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

const KEYS: [&str; 6] = ["a", "ab", "b", "é", "\"", "long key"];

fn any_schema(chance: &mut Chance, depth: usize) -> Value {
    match chance.below(if depth == 0 { 8 } else { 12 }) {
        0 => json!({ "type": *chance.one_of(&["null", "boolean", "integer", "number", "string"]) }),
        1 => {
            let min = chance.below(300) as i64 - 150;
            json!({ "type": "integer", "minimum": min, "maximum": min + chance.below(40) as i64 })
        }
        2 => {
            let min = chance.below(3);
            json!({ "type": "string", "minLength": min, "maxLength": min + chance.below(3) })
        }
        3 => json!({ "const": chance.one_of(&[json!(1), json!("é"), json!({ "a": [] }), json!(null)]) }),
        4 => json!({ "enum": [1, 12, "1", "x", null, true, [1.5]] }),
        5 => json!({ "type": ["string", "integer", "null"] }),
        6 => json!({ "$ref": *chance.one_of(&["#/$defs/tree", "#/$defs/word"]) }),
        7 => json!({}),
        8 => {
            let min = chance.below(3);
            let items = any_schema(chance, depth - 1);
            json!({ "type": "array", "items": items, "minItems": min, "maxItems": min + chance.below(3) })
        }
        9 => {
            let several: Vec<Value> =
                (0..1 + chance.below(4)).map(|_| any_schema(chance, depth - 1)).collect();
            json!({ "anyOf": several })
        }
        10 => json!({ "type": "object", "additionalProperties": any_schema(chance, depth - 1) }),
        _ => {
            let keys: Vec<&str> = KEYS.into_iter().filter(|_| chance.one_in(2)).collect();
            let required: Vec<&&str> = keys.iter().filter(|_| chance.one_in(2)).collect();
            let required = json!(required);
            let fields: Map<String, Value> =
                keys.into_iter().map(|key| (key.to_owned(), any_schema(chance, depth - 1))).collect();
            json!({ "type": "object", "properties": fields, "required": required, "additionalProperties": false })
        }
    }
}

fn whole_schema(chance: &mut Chance) -> Value {
    let mut schema = any_schema(chance, 3);
    // A tree that has to hold another would have no end.
    let mut value = any_schema(chance, 0);
    while value.get("$ref").is_some() {
        value = any_schema(chance, 0);
    }
    let tree = json!({ "type": "object", "properties": {
        "value": value, "below": { "type": "array", "items": { "$ref": "#/$defs/tree" }, "maxItems": 2 },
    }, "required": ["value"], "additionalProperties": false });
    schema["$defs"] = json!({ "tree": tree, "word": { "type": "string", "maxLength": 4 } });
    schema
}

/// All bytes, and pieces as vocabularies have them.
fn vocabulary() -> Vec<Vec<u8>> {
    let pieces = [
        "\": ",
        "\", \"",
        "\"}",
        "\"]",
        "}}",
        "]}",
        "{\"",
        "[\"",
        "[{\"",
        ": ",
        ", ",
        "true",
        "null",
        "alse",
        "12",
        "34",
        "0.",
        "e-",
        "\\u00",
        "\\n",
        "abc",
        " the",
        "é",
        "€\"",
        "😀",
        "\"a\":",
        "ab\"",
        "\"long key\": ",
        "-1",
        "],[",
        "\":{\"",
        "",
    ];
    let halves = [&b"\xE2\x82"[..], b"\xAC\"", b"\xF0\x9F", b"\x98\x80", b"a\xC3", b"\xA9"];
    let bytes = (0..=u8::MAX).map(|byte| vec![byte]);
    let pieces = pieces.iter().map(|piece| piece.as_bytes().to_vec());
    bytes.chain(pieces).chain(halves.map(<[u8]>::to_vec)).collect()
}

/// Writes with allowed tokens drawn by chance, those that end something more often.
fn written(document: &mut Document, vocabulary: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut text = Vec::new();
    loop {
        let next = document.next_bytes();
        if document.is_whole() && (next.is_empty() || chance.one_in(3)) {
            return text;
        }
        let is_allowed = |token: &&Vec<u8>| {
            token.first().is_some_and(|first| next.contains(*first)) && document.allows(token)
        };
        let allowed: Vec<&Vec<u8>> = vocabulary.iter().filter(is_allowed).collect();
        let text_of = || String::from_utf8_lossy(&text);
        assert!(!allowed.is_empty(), "nothing may follow {}", text_of());
        assert!(text.len() < 100_000, "no end of {}", text_of());
        let wanted = [b'"', b'}', b']'][chance.below(3)];
        let ends = allowed.iter().copied().find(|token| **token == [wanted]);
        let token = match ends.filter(|_| !chance.one_in(3)) {
            Some(token) => token,
            None => *chance.one_of(&allowed),
        };
        assert!(document.take(token));
        text.extend(token);
    }
}

#[test]
fn whatever_is_written_by_a_schema_fits_it() {
    let (mut chance, vocabulary) = (Chance(0x5EED), vocabulary());
    let (mut texts, mut longest) = (0, 0);
    for number in 0..300 {
        let said = whole_schema(&mut chance);
        let schema = Schema::of(&Json::read(&said.to_string()).unwrap()).unwrap();
        for _ in 0..4 {
            let text = written(&mut schema.document(), &vocabulary, &mut chance);
            let text = String::from_utf8(text).unwrap_or_else(|why| panic!("{number}: {said}: {why}"));
            let value: Value = serde_json::from_str(&text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert!(fits(&value, &said, &said), "{number}: {text} by {said}");
            (texts, longest) = (texts + 1, longest.max(text.len()));
        }
    }
    assert!(texts == 1200 && longest > 200, "{texts} texts, of {longest} bytes at most");
}

/// Some value that fits, written as chance has it: with and without spaces, without keys that need not be.
fn instance(schema: &Value, root: &Value, chance: &mut Chance, depth: usize) -> String {
    let space = |chance: &mut Chance| if chance.one_in(2) { " " } else { "" };
    let of = |schema: &Value, chance: &mut Chance| instance(schema, root, chance, depth + 1);
    let list = |values: Vec<String>, chance: &mut Chance| {
        let separator = [",", ", "][chance.below(2)];
        values.join(separator)
    };
    if let Some(target) = schema.get("$ref") {
        return of(root.pointer(&target.as_str().unwrap()[1..]).unwrap(), chance);
    }
    if let Some(several) = schema.get("anyOf").or_else(|| schema.get("enum")).and_then(Value::as_array) {
        let one = chance.one_of(several);
        return if schema.get("enum").is_some() { one.to_string() } else { of(one, chance) };
    }
    if let Some(one) = schema.get("const") {
        return one.to_string();
    }
    let number = |word: &str, without: i64| schema.get(word).and_then(Value::as_i64).unwrap_or(without);
    let between =
        |chance: &mut Chance, min: i64, max: i64| min + chance.below((max - min + 1) as usize) as i64;
    let name = match schema.get("type") {
        Some(Value::Array(several)) => chance.one_of(several).as_str().unwrap(),
        Some(one) => one.as_str().unwrap(),
        None => *chance.one_of(&["null", "boolean", "number", "string", "array", "object"]),
    };
    match name {
        "null" => "null".to_owned(),
        "boolean" => ["true", "false"][chance.below(2)].to_owned(),
        "integer" => between(chance, number("minimum", -99_999), number("maximum", 99_999)).to_string(),
        "number" => ["0", "-1.5", "2e9", "0.25E+07", "123456789"][chance.below(5)].to_owned(),
        "string" => {
            let min = number("minLength", 0);
            let count = between(chance, min, number("maxLength", min + 9));
            let characters = ["a", "é", "€", "😀", "\\n", "\\u00e9", "}", "\\\"", " "];
            let text: String = (0..count).map(|_| *chance.one_of(&characters)).collect();
            format!("\"{text}\"")
        }
        "array" => {
            let free = json!({ "type": "boolean" });
            let items = schema.get("items").unwrap_or(&free);
            let min = number("minItems", 0);
            let max = if depth > 8 { min } else { number("maxItems", min + 3) };
            let count = between(chance, min, max);
            let values = (0..count).map(|_| of(items, chance)).collect();
            format!("[{}]", list(values, chance))
        }
        _ => {
            let free = Map::from_iter([("free".to_owned(), json!({}))]);
            let fields = match (schema.get("properties"), schema.get("additionalProperties")) {
                (Some(fields), _) => fields.as_object().unwrap().clone(),
                (None, Some(values)) => Map::from_iter([("x".to_owned(), values.clone())]),
                (None, None) => free,
            };
            let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
            let mut written = Vec::new();
            for (key, value) in fields {
                let is_due = required.contains(&json!(key));
                if is_due || (depth < 8 && chance.one_in(2)) {
                    let (key, space) = (json!(key), space(chance));
                    written.push(format!("{key}:{space}{}", of(&value, chance)));
                }
            }
            format!("{{{}}}", list(written, chance))
        }
    }
}

#[test]
fn whatever_fits_is_taken_to_its_last_byte() {
    let mut chance = Chance(0xF17);
    for number in 0..2_000 {
        let said = whole_schema(&mut chance);
        let schema = Schema::of(&Json::read(&said.to_string()).unwrap()).unwrap();
        let text = instance(&said, &said, &mut chance, 0);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!(fits(&value, &said, &said), "{number}: {text} by {said}");
        let mut document = schema.document();
        for (at, byte) in text.bytes().enumerate() {
            assert!(document.next_bytes().contains(byte), "{number}: byte {at} of {text} by {said}");
            assert!(document.take(&[byte]));
        }
        assert!(document.is_whole(), "{number}: {text} by {said}");
    }
}
