//! Chat templates, as models bring them: Jinja with what Python and its usual environment offer.
//!
//! **Invariant:** rendering ends within bounds of steps, memory and depth, whatever the template, and depends on the
//! template, the messages and the parameters alone: the date is the order's, and keys keep their order.

mod date;
mod json;

use assay_runner::Failure;
use minijinja::{Environment, Error, ErrorKind, Value, syntax::SyntaxConfig};
use minijinja_contrib::pycompat::unknown_method_callback;

use crate::{params::Params, template::date::Date};

/// Stands for the token that a text begins with; no text holds it.
pub(crate) const BEGIN: char = '\u{FDD0}';
/// Stands for the token that a text ends with; as long as [`BEGIN`].
pub(crate) const END: char = '\u{FDD1}';

/// Bytes of a template; those in use have up to 20 thousand.
const TEMPLATE_BYTES_MAX: usize = 1 << 18;
/// Steps of rendering, of which 64 bytes of memory are one too.
const STEPS_MAX: u64 = 1 << 20;
/// How deep what is rendered may be nested.
const DEPTH_MAX: usize = 100;
/// Bytes of what is rendered.
const RENDERED_BYTES_MAX: usize = 1 << 22;
/// What parameters cannot be called.
const RESERVED: [&str; 6] =
    ["messages", "add_generation_prompt", "bos_token", "eos_token", "raise_exception", "strftime_now"];

/// Writes messages as a template says, up to where the answer begins.
pub(crate) fn render(
    template: &str,
    messages: &[serde_json::Value],
    params: &Params,
) -> Result<String, Failure> {
    if template.len() > TEMPLATE_BYTES_MAX {
        return Err(Failure::Unsupported(format!("a chat template of {} bytes is too long", template.len())));
    }
    let mut context: Vec<(&str, Value)> = Vec::new();
    for (name, value) in &params.variables {
        if RESERVED.contains(&name.as_str()) {
            return Err(Failure::BadParams(format!("a variable cannot be called {name}")));
        }
        context.push((name, value_of(value)));
    }
    context.push(("messages", messages.iter().map(value_of).collect()));
    context.push(("add_generation_prompt", true.into()));
    context.push(("bos_token", BEGIN.to_string().into()));
    context.push(("eos_token", END.to_string().into()));
    let source = without_generation_marks(template);
    let environment = environment(params)?;
    let template = environment.template_from_str(&source).map_err(|error| {
        Failure::Unsupported(format!("the model's chat template cannot be read: {error}"))
    })?;
    let rendered = template
        .render(Value::from_pairs(context))
        .map_err(|error| Failure::BadInput(format!("the chat template does not take this: {error}")))?;
    if rendered.len() > RENDERED_BYTES_MAX {
        return Err(Failure::BadInput(format!("a conversation of {} bytes is too long", rendered.len())));
    }
    Ok(rendered)
}

/// What templates expect around them.
fn environment(params: &Params) -> Result<Environment<'static>, Failure> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.map_err(|error| Failure::Internal(error.to_string()))?);
    environment.set_fuel(Some(STEPS_MAX));
    environment.set_recursion_limit(DEPTH_MAX);
    environment.set_unknown_method_callback(unknown_method_callback);
    environment.add_filter("tojson", json::tojson);
    environment.add_function("raise_exception", raise_exception);
    if let Some(date) = &params.date {
        let date = Date::read(date)
            .ok_or_else(|| Failure::BadParams(format!("{date:?} is no date such as 2026-11-27")))?;
        environment.add_function("strftime_now", move |format: &str| {
            date.format(format).ok_or_else(|| {
                Error::new(ErrorKind::InvalidOperation, format!("{format:?} is no form of a date"))
            })
        });
    }
    Ok(environment)
}

fn raise_exception(why: &str) -> Result<Value, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, why.to_owned()))
}

fn value_of(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(value) => Value::from(*value),
        serde_json::Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Value::from(number),
            (None, Some(number)) => Value::from(number),
            (None, None) => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(values) => values.iter().map(value_of).collect(),
        serde_json::Value::Object(entries) => {
            Value::from_pairs(entries.iter().map(|(key, value)| (key.as_str(), value_of(value))))
        }
    }
}

/// Marks of what the model itself said are for training, and mean nothing here: they become blocks that are always taken.
fn without_generation_marks(template: &str) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find("{%") {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        let end = tag.find("%}").map_or(tag.len(), |end| end + 2);
        let (tag, behind) = tag.split_at(end);
        match tag.trim_matches(['{', '%', '}', '-', '+', ' ', '\t', '\n', '\r']) {
            "generation" => out.push_str(&tag.replace("generation", "if true")),
            "endgeneration" => out.push_str(&tag.replace("endgeneration", "endif")),
            _ => out.push_str(tag),
        }
        rest = behind;
    }
    out + rest
}

#[cfg(test)]
mod tests;
