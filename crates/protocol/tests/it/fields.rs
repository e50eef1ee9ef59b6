//! Every field of a document, and the ways in which each can be changed.

use serde_json::Value;

/// One step on the way to a field.
#[derive(Clone, Debug)]
enum Key {
    Name(String),
    Place(usize),
}

/// A field that holds no other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Field(Vec<Key>);

/// Every field of a document that holds no other.
pub(crate) fn all(document: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    walk(document, &Field::default(), &mut found);
    found
}

fn walk(value: &Value, at: &Field, found: &mut Vec<Field>) {
    let inside = |key: Key| Field([at.0.clone(), vec![key]].concat());
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| walk(value, &inside(Key::Name(name.clone())), found));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(place, value)| walk(value, &inside(Key::Place(place)), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => found.push(at.clone()),
    }
}

impl Field {
    /// The way to it, in words.
    pub(crate) fn name(&self) -> String {
        let mut name = String::new();
        for key in &self.0 {
            match key {
                Key::Name(key) if name.is_empty() => name.push_str(key),
                Key::Name(key) => name.push_str(&format!(".{key}")),
                Key::Place(place) => name.push_str(&format!("[{place}]")),
            }
        }
        name
    }

    /// The document with this field changed, in each of several ways.
    pub(crate) fn changes(&self, document: &Value) -> Vec<Value> {
        let changed = |value: Value| {
            let mut document = document.clone();
            *self.at(&mut document) = value;
            document
        };
        others(self.at(&mut document.clone())).into_iter().map(changed).collect()
    }

    /// The document without this field.
    pub(crate) fn removed(&self, document: &Value) -> Value {
        let mut document = document.clone();
        let Some((last, way)) = self.0.split_last() else { return Value::Null };
        match (Self(way.to_vec()).at(&mut document), last) {
            (Value::Object(fields), Key::Name(name)) => drop(fields.remove(name)),
            (Value::Array(items), Key::Place(place)) => drop(items.remove(*place)),
            _ => panic!("no field {}", self.name()),
        }
        document
    }

    fn at<'a>(&self, document: &'a mut Value) -> &'a mut Value {
        self.0.iter().fold(document, |value, key| match key {
            Key::Name(name) => &mut value[name],
            Key::Place(place) => &mut value[*place],
        })
    }
}

/// Other values of the same kind: next to it, and far from it.
fn others(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => vec![Value::from(1), Value::from("0".repeat(64))],
        Value::Bool(held) => vec![Value::from(!held)],
        Value::Number(number) => {
            let number = number.as_u64().unwrap_or_default();
            let near = [number.wrapping_add(1), number.wrapping_sub(1), number ^ (1 << 20)];
            near.into_iter().filter(|other| *other != number).map(Value::from).collect()
        }
        Value::String(text) => other_texts(text).into_iter().map(Value::from).collect(),
        Value::Array(_) | Value::Object(_) => Vec::new(),
    }
}

fn other_texts(text: &str) -> Vec<String> {
    let words = [
        "tick",
        "convicted",
        "unreached",
        "exact",
        "replay",
        "length",
        "cancelled",
        "calls",
        "mega_fuel",
        "checked",
        "void",
    ];
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut others: Vec<String> = if digits && text.len() >= 64 {
        let turn = |digit: &str| if digit == "0" { "1" } else { "0" };
        let (head, last) = text.split_at(text.len() - 1);
        vec![turn(&text[..1]).to_owned() + &text[1..], head.to_owned() + turn(last), text.to_uppercase()]
    } else {
        words.iter().map(|word| (*word).to_owned()).chain([format!("{text}x"), String::new()]).collect()
    };
    others.retain(|other| other != text);
    others
}
