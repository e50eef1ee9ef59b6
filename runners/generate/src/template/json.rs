//! The filter `tojson`, which writes as Python does: keys in their order, a space behind each comma and colon, and no
//! character escaped that need not be.

use minijinja::{
    Error, ErrorKind, State, Value,
    value::{Kwargs, ValueKind},
};

/// How deep a value may be nested.
const DEPTH_MAX: usize = 64;
/// Spaces of each level.
const INDENT_MAX: usize = 16;

pub(super) fn tojson(state: &State, value: &Value, options: Kwargs) -> Result<Value, Error> {
    let indent: Option<usize> = options.get("indent")?;
    let sort: Option<bool> = options.get("sort_keys")?;
    // What they choose by default is what is written here.
    let plain: Option<bool> = options.get("ensure_ascii")?;
    options.assert_all_used()?;
    if plain == Some(true) || indent.is_some_and(|indent| indent > INDENT_MAX) {
        return Err(wrong("JSON cannot be written like this"));
    }
    let mut writer = Writer { out: String::new(), indent, sort: sort == Some(true), charged: 0 };
    writer.write(state, value, 0)?;
    Ok(Value::from(writer.out))
}

fn wrong(why: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, why)
}

struct Writer {
    out: String,
    indent: Option<usize>,
    sort: bool,
    /// Bytes that steps were counted for.
    charged: usize,
}

impl Writer {
    #[expect(clippy::wildcard_enum_match_arm, reason = "kinds may be added")]
    fn write(&mut self, state: &State, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > DEPTH_MAX {
            return Err(wrong("a value is nested too deep for JSON"));
        }
        state.consume_fuel(1 + (self.out.len() - self.charged) as u64 / 64)?;
        self.charged = self.out.len();
        match value.kind() {
            ValueKind::Undefined | ValueKind::None => self.out.push_str("null"),
            ValueKind::Bool => self.out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => self.number(value)?,
            ValueKind::String => self.string(value.as_str().unwrap_or_default())?,
            ValueKind::Seq | ValueKind::Iterable => {
                let values: Vec<Value> = value.try_iter()?.collect();
                self.list(state, '[', ']', &values, depth, |writer, item| {
                    writer.write(state, item, depth + 1)
                })?;
            }
            ValueKind::Map => {
                let mut keys: Vec<Value> = value.try_iter()?.collect();
                if self.sort {
                    keys.sort();
                }
                self.list(state, '{', '}', &keys, depth, |writer, key| {
                    writer.string(&key.to_string())?;
                    writer.out.push_str(": ");
                    writer.write(state, &value.get_item(key)?, depth + 1)
                })?;
            }
            _ => return Err(wrong("a value has no form in JSON")),
        }
        Ok(())
    }

    fn number(&mut self, value: &Value) -> Result<(), Error> {
        let text = value.to_string();
        if !value.is_integer() && !f64::try_from(value.clone()).is_ok_and(f64::is_finite) {
            return Err(wrong("a number has no form in JSON"));
        }
        self.out.push_str(&text);
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result<(), Error> {
        self.out += &serde_json::to_string(text).map_err(|_| wrong("a text has no form in JSON"))?;
        Ok(())
    }

    fn list(
        &mut self,
        state: &State,
        open: char,
        close: char,
        items: &[Value],
        depth: usize,
        mut write: impl FnMut(&mut Self, &Value) -> Result<(), Error>,
    ) -> Result<(), Error> {
        state.consume_fuel(items.len() as u64)?;
        self.out.push(open);
        for (number, item) in items.iter().enumerate() {
            if number > 0 {
                self.out.push_str(if self.indent.is_some() { "," } else { ", " });
            }
            self.line(depth + 1);
            write(self, item)?;
        }
        if !items.is_empty() {
            self.line(depth);
        }
        self.out.push(close);
        Ok(())
    }

    fn line(&mut self, depth: usize) {
        if let Some(indent) = self.indent {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(' ', indent * depth));
        }
    }
}
