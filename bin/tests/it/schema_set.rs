//! The schemas of `docs/schemas`, and whether what the program prints is what they say.
//!
//! **Invariant:** every document that a test has the program print is held to its schema, whatever else the test asks of it.

use std::{collections::BTreeSet, fs, path::PathBuf};

use boon::{Compiler, Schemas};
use serde_json::{Deserializer, Value};

use crate::{
    schema_draft::draft,
    tidy::{files, repository},
};

/// What several schemas refer to.
pub(crate) const COMMON: &str = "common";
/// The schema of what every command prints where it fails.
pub(crate) const ERROR: &str = "error";
/// The readable form of a receipt: a file of its own, which is printed as it is.
const RECEIPT: &str = "../receipt.schema";

/// Holds every document of what was printed to its schema: one, or one a line.
pub(crate) fn judge(printed: &str) {
    for document in Deserializer::from_str(printed).into_iter::<Value>() {
        let document = document.unwrap_or_else(|error| panic!("--json printed no JSON: {error}:\n{printed}"));
        if let Err(why) = admit(&document) {
            panic!("{why}\nThis was printed:\n{document:#}");
        }
    }
}

/// Whether a document is what its schema says; if not, why, and what to do.
pub(crate) fn admit(document: &Value) -> Result<(), String> {
    let name = name(document).ok_or("a document says which one it is: \"schema\": \"assay.NAME/1\"")?;
    if !path(&name).exists() {
        let draft = draft(&name, document);
        return Err(format!(
            "docs/schemas/{name}.json is not there: {}; begin with this:\n{draft:#}",
            advice(&name)
        ));
    }
    let mut schemas = Schemas::new();
    let mut compiler = Compiler::new();
    let url = |name: &str| format!("file:///docs/schemas/{name}.json");
    for part in [COMMON, &name] {
        compiler.add_resource(&url(part), read(part)).map_err(|error| error.to_string())?;
    }
    let schema = compiler.compile(&url(&name), &mut schemas).map_err(|error| error.to_string())?;
    schemas.validate(document, schema).map_err(|error| {
        format!("docs/schemas/{name}.json does not admit this document: {}\n{error:#}", advice(&name))
    })
}

/// What whoever adds or changes a document is told.
pub(crate) fn advice(name: &str) -> String {
    format!(
        "describe in docs/schemas/{name}.json what is printed, key by key, as docs/schemas/README.md says"
    )
}

fn name(document: &Value) -> Option<String> {
    match document["schema"].as_str() {
        Some(schema) => Some(schema.strip_prefix("assay.")?.strip_suffix("/1")?.to_owned()),
        None if document.get("error").is_some() => Some(ERROR.to_owned()),
        None => document.get("story").map(|_| RECEIPT.to_owned()),
    }
}

/// The names of all schemas.
pub(crate) fn names() -> BTreeSet<String> {
    let files = files(&repository().join("docs/schemas"), "json");
    files.iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// A schema as it is committed.
pub(crate) fn read(name: &str) -> Value {
    let text = fs::read_to_string(path(name)).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("docs/schemas/{name}.json: {error}"))
}

fn path(name: &str) -> PathBuf {
    repository().join("docs/schemas").join(format!("{name}.json"))
}
