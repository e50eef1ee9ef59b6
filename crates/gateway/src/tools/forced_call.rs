//! A call that has to be made, as a schema that the answer must fit.
//!
//! **Invariant:** a tool whose schema is not held whole is refused, and the word that it says is named.

use schema::{Json, Schema};

use super::NamedTool;
use crate::{
    failure::HttpFailure,
    ordered_json::{object, text},
};

/// Where a schema keeps others, which is at the root of all.
const DEFINITIONS: [&str; 2] = ["$defs", "definitions"];
/// Schemas that all tools keep together: a schema of more parts is not held.
const KEPT_MAX: usize = 2_048;
/// What says by itself of which type something is.
const KINDS: [&str; 5] = ["$ref", "anyOf", "const", "enum", "type"];

/// What an answer is that calls one of these tools.
pub(super) fn schema(tools: &[NamedTool]) -> Result<Json, HttpFailure> {
    let mut kept: Vec<(String, Json)> = Vec::new();
    let mut calls = Vec::new();
    for tool in tools {
        let (call, own) = call_of(tool)?;
        let whole = rooted(call.clone(), own.clone());
        Schema::of(&whole).map_err(|why| tool.refused(&why.to_string()))?;
        for (kind, schemas) in own {
            keep(&mut kept, kind, schemas).map_err(|name| {
                tool.refused(&format!(
                    "another tool defines {name:?} otherwise, and one of both is to be called"
                ))
            })?;
        }
        calls.push(call);
        // The whole is refused: what the others keep need not be held against all that.
        if kept.iter().any(|(_, schemas)| matches!(schemas, Json::Object(known) if known.len() > KEPT_MAX)) {
            break;
        }
    }
    let whole = match calls.len() {
        1 => calls.remove(0),
        _ => object([("anyOf", Json::List(calls))]),
    };
    let whole = rooted(whole, kept);
    Schema::of(&whole).map_err(|why| HttpFailure::unsupported("tools", &why.to_string()))?;
    Ok(whole)
}

/// A call of a tool, and the schemas that those of its arguments name.
fn call_of(tool: &NamedTool) -> Result<(Json, Vec<(String, Json)>), HttpFailure> {
    let mut own = Vec::new();
    let arguments = match &tool.parameters {
        None => object([
            ("type", text("object")),
            ("properties", Json::Object(Vec::new())),
            ("additionalProperties", Json::Bool(false)),
        ]),
        Some(parameters) if names_root(parameters) => {
            return Err(tool.refused(r##""$ref" to "#" is not held where a schema stands in another"##));
        }
        Some(Json::Object(fields)) => {
            let is_kept = |field: &(String, Json)| DEFINITIONS.contains(&field.0.as_str());
            let (kept, mut said): (Vec<_>, Vec<_>) = fields.iter().cloned().partition(is_kept);
            own = kept;
            // Arguments are an object, whatever else is said of them.
            if !said.iter().any(|(name, _)| KINDS.contains(&name.as_str())) {
                said.insert(0, ("type".to_owned(), text("object")));
            }
            Json::Object(said)
        }
        Some(other) => other.clone(),
    };
    let properties = object([("name", object([("const", text(&tool.name))])), ("arguments", arguments)]);
    let call = object([
        ("type", text("object")),
        ("properties", properties),
        ("required", Json::List(["name", "arguments"].map(text).into())),
        ("additionalProperties", Json::Bool(false)),
    ]);
    Ok((call, own))
}

/// A schema with what it names.
fn rooted(schema: Json, kept: Vec<(String, Json)>) -> Json {
    let Json::Object(mut fields) = schema else { return schema };
    fields.extend(kept);
    Json::Object(fields)
}

/// Adds schemas to those of other tools; says which is there already and is another.
fn keep(kept: &mut Vec<(String, Json)>, kind: String, schemas: Json) -> Result<(), String> {
    let Some(place) = kept.iter().position(|(known, _)| *known == kind) else {
        kept.push((kind, schemas));
        return Ok(());
    };
    // What is no object was refused with its tool.
    let (Some((_, Json::Object(known))), Json::Object(new)) = (kept.get_mut(place), schemas) else {
        return Ok(());
    };
    for (name, schema) in new {
        match known.iter().find(|(other, _)| *other == name) {
            Some((_, same)) if *same == schema => {}
            Some(_) => return Err(name),
            None => known.push((name, schema)),
        }
    }
    Ok(())
}

/// Whether something in a schema names the whole of it.
fn names_root(schema: &Json) -> bool {
    match schema {
        Json::Object(fields) => {
            fields.iter().any(|(name, value)| (name == "$ref" && *value == text("#")) || names_root(value))
        }
        Json::List(values) => values.iter().any(names_root),
        Json::Null | Json::Bool(_) | Json::Whole(_) | Json::Fraction(_) | Json::Text(_) => false,
    }
}

impl NamedTool {
    fn refused(&self, why: &str) -> HttpFailure {
        HttpFailure::unsupported(&format!("{}.parameters", self.place), why)
    }
}
